//! Exports the plug-in interface from the program, and nothing else: loaded objects find these functions in it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let system = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    for function in ["gmk_add_function", "gmk_alloc", "gmk_eval", "gmk_expand", "gmk_free"] {
        match system.as_str() {
            "macos" | "ios" => println!("cargo:rustc-link-arg-bins=-Wl,-exported_symbol,_{function}"),
            _ => println!("cargo:rustc-link-arg-bins=-Wl,--export-dynamic-symbol={function}"),
        }
    }
}

//! How the program is linked: it exports the plug-in interface, which loaded objects look for in it, and nothing else; and it
//! loads no library at its start that it can do without.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |what: &str| std::env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    let (system, library) = (target("OS"), target("ENV"));
    for function in ["gmk_add_function", "gmk_alloc", "gmk_eval", "gmk_expand", "gmk_free"] {
        match system.as_str() {
            "macos" | "ios" => println!("cargo:rustc-link-arg-bins=-Wl,-exported_symbol,_{function}"),
            _ => println!("cargo:rustc-link-arg-bins=-Wl,--export-dynamic-symbol={function}"),
        }
    }
    if system == "linux" && library == "gnu" && !target("FEATURE").contains("crt-static") {
        // The unwinder comes from the compiler's static library: a shared one takes a twentieth of the time of a start.
        println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
        // Addresses known beforehand need not be put right, and the pages that hold them are not touched.
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}

//! How the program is linked: it exports the plug-in interface, which loaded objects look for in it, and nothing else; it loads
//! no library at its start that it can do without, and what a start runs lies together.

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
        if target("ARCH") == "x86_64" && linker_is_the_compilers() {
            order_functions();
        }
    }
}

/// Lays the functions of a start side by side, so that few pages hold them: a fifth of all page faults of a start.
fn order_functions() {
    println!("cargo:rerun-if-changed={ORDER}");
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let script = std::path::Path::new(&folder).join(ORDER);
    if is_release && script.exists() && is_understood(&script) {
        // Two arguments, since a comma in the path would part one.
        println!("cargo:rustc-link-arg-bins=-T");
        println!("cargo:rustc-link-arg-bins={folder}/{ORDER}");
    }
}

/// A linker script that goes before the linker's own.
const ORDER: &str = "link/start.ld";

/// Whether nothing says that another linker is to be taken: some do not know such scripts.
fn linker_is_the_compilers() -> bool {
    println!("cargo:rerun-if-env-changed=RUSTC_LINKER");
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let others = ["linker", "fuse-ld", "ld-path", "link-arg=-B", "mold"];
    std::env::var_os("RUSTC_LINKER").is_none() && !others.iter().any(|other| flags.contains(other))
}

/// Whether the linker that the compiler takes understands the script: it links nothing with it.
fn is_understood(script: &std::path::Path) -> bool {
    let folder = std::env::var_os("OUT_DIR").unwrap_or_default();
    let mut compiler = std::process::Command::new("cc");
    compiler.args(["-nostdlib", "-shared", "-x", "c", "/dev/null", "-x", "none", "-T"]).arg(script);
    compiler.arg("-o").arg(std::path::Path::new(&folder).join("probe"));
    let quiet = std::process::Stdio::null;
    compiler.stdin(quiet()).stdout(quiet()).stderr(quiet()).status().is_ok_and(|status| status.success())
}

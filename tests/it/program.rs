//! Which programs are run: imk, and GNU make 4.4.1 where it is there. Knows nothing of what they are asked to do.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// A make to run. It is always run under the name `imk`, found on `PATH`, so that two makes' messages, `$(MAKE)` and
/// sub-makes need no translation to be compared.
#[derive(Clone, Debug)]
pub struct Program {
    /// The binary itself.
    pub path: PathBuf,
}

/// The program under test.
pub fn imk() -> Program {
    let path = match std::env::var_os("IMK_UNDER_TEST") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_BIN_EXE_imk")),
    };
    Program { path: path.canonicalize().unwrap_or(path) }
}

/// GNU make 4.4.1, if this machine has it: `GNU_MAKE`, or what `scripts/gnu-make` fetched.
pub fn gnu_make() -> Option<&'static Program> {
    static FOUND: LazyLock<Option<Program>> = LazyLock::new(|| {
        let path = match std::env::var_os("GNU_MAKE") {
            Some(path) => PathBuf::from(path),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/gnu-make/bin/make"),
        };
        let version = Command::new(&path).arg("--version").output().ok()?.stdout;
        version.starts_with(b"GNU Make 4.4.1\n").then_some(Program { path })
    });
    FOUND.as_ref()
}

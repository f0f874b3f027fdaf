//! The binary: hands arguments and environment to the library and exits with its code.

use std::os::unix::ffi::OsStringExt;

/// Deep chains of prerequisites recurse: the stack is large, and only what is used of it becomes memory.
const STACK: usize = 1 << 30;

fn main() {
    let given = imk::run::Given {
        arguments: std::env::args_os().map(OsStringExt::into_vec).collect(),
        environment: std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec())).collect(),
    };
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(move || imk::run::run(given));
    let status = worker.ok().and_then(|worker| worker.join().ok()).unwrap_or(2);
    std::process::exit(status);
}

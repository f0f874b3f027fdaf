//! The binary: hands arguments and environment to the library and exits with its code.

use std::os::unix::ffi::OsStringExt;

fn main() {
    imk::os::stack::raise_limit();
    let given = imk::run::Given {
        arguments: std::env::args_os().map(OsStringExt::into_vec).collect(),
        environment: std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec())).collect(),
    };
    std::process::exit(imk::run::run(given));
}

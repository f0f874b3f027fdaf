//! The binary: hands arguments and environment to the library and ends with its status.
#![no_main]

imk::entry!(run);

fn run(arguments: Vec<Vec<u8>>, environment: imk::os::sys::entry::Environment) -> i32 {
    imk::os::stack::raise_limit();
    imk::run::run(imk::run::Given { arguments, environment })
}

//! The start of the program, called by the C library itself. Knows nothing of what the program does.
//!
//! Rust's own start looks up the bounds of the stack in /proc, sets up a second stack for a handler of stack overflows and asks
//! for memory for both: work that a program pays each time it starts, and a make starts often.

use std::ffi::{CStr, c_char, c_int};

/// Defines the program's `main` as a call of `$main`, a function from the arguments and the environment to the exit status.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        extern "C" fn main(
            count: ::std::ffi::c_int,
            words: *const *const ::std::ffi::c_char,
        ) -> ::std::ffi::c_int {
            // SAFETY: these are the parameters that the C library calls `main` with.
            unsafe { $crate::os::sys::entry::start(count, words, $main) }
        }
    };
}

/// Names and values of the environment, in order.
pub type Environment = Vec<(Vec<u8>, Vec<u8>)>;

/// Readies the process and calls `main` with its arguments and its environment.
///
/// # Safety
///
/// `words` points to `count` texts that end in a null byte, and nothing else has changed the environment yet.
pub unsafe fn start(
    count: c_int,
    words: *const *const c_char,
    main: fn(Vec<Vec<u8>>, Environment) -> i32,
) -> c_int {
    // SAFETY: the caller vouches for the words; descriptors and the mask of signals are set before any thread starts.
    let arguments = unsafe {
        open_standard_streams();
        super::wait::hold_child_signal();
        seed_tables();
        (0..count.max(0) as usize).map(|at| CStr::from_ptr(*words.add(at)).to_bytes().to_vec()).collect()
    };
    main(arguments, environment())
}

/// Opens /dev/null for each standard stream that is closed, so that no other file takes its number. Children find it closed, as it
/// was given.
///
/// # Safety
///
/// No other thread opens files meanwhile.
unsafe fn open_standard_streams() {
    let mut streams = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: `poll` writes into the three structures, and the path ends in a null byte.
    unsafe {
        while libc::poll(streams.as_mut_ptr(), 3, 0) == -1 {
            if std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
                return;
            }
        }
        for stream in streams {
            // A file opened takes the lowest number that is free.
            if stream.revents & libc::POLLNVAL != 0 {
                libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC, 0);
            }
        }
    }
}

/// Has tables begin with the random bytes that the kernel gives each program, which take no call.
fn seed_tables() {
    #[cfg(target_os = "linux")]
    // SAFETY: where there is a value, it is the address of sixteen bytes that stay; they need not be aligned.
    unsafe {
        let bytes = libc::getauxval(libc::AT_RANDOM) as *const [u8; 16];
        if !bytes.is_null() {
            crate::base::tables::set_seed(u128::from_ne_bytes(bytes.read_unaligned()));
        }
    }
}

fn environment() -> Environment {
    use std::os::unix::ffi::OsStringExt;
    std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec())).collect()
}

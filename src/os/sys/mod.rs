//! The one folder with `unsafe`: calls of the system that no safe interface reaches. Knows nothing of make.
//!
//! Each block says why it is sound. Everything else in the crate goes through the safe functions here, `rustix` or `std`.
#![allow(unsafe_code)]

pub mod entry;
mod locale;
pub mod plugin;
pub mod spawn;
pub mod wait;

pub use locale::Locale;
use std::ffi::CStr;
use std::io;
use std::os::fd::RawFd;
use std::ptr;

/// Ends this process by `signal` with its default action, as a parent that waits for it expects to see.
pub fn die_by_signal(signal: i32) -> ! {
    // SAFETY: resets one disposition and raises the signal in this process; no memory is touched.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, ptr::null_mut());
        libc::kill(libc::getpid(), signal);
    }
    std::process::exit(128 + signal)
}

/// The words for a signal, as `strsignal` has them (`Terminated`, `Segmentation fault`).
pub fn signal_words(signal: i32) -> String {
    // SAFETY: `strsignal` returns a pointer to a string that stays valid until the next call, and is copied at once.
    unsafe {
        let words = libc::strsignal(signal);
        if words.is_null() {
            return format!("Unknown signal {signal}");
        }
        CStr::from_ptr(words).to_string_lossy().into_owned()
    }
}

/// The home directory of `user`, or of the user that is logged in at this process's terminal.
pub fn home_of(user: Option<&CStr>) -> Option<Vec<u8>> {
    // SAFETY: what `getlogin` and `getpwnam` return is static until the next such call and copied at once; only one
    // thread of this program calls it.
    unsafe {
        let entry = match user {
            Some(user) => libc::getpwnam(user.as_ptr()),
            None => {
                let login = libc::getlogin();
                if login.is_null() { std::ptr::null_mut() } else { libc::getpwnam(login) }
            }
        };
        if entry.is_null() || (*entry).pw_dir.is_null() {
            return None;
        }
        Some(CStr::from_ptr((*entry).pw_dir).to_bytes().to_vec())
    }
}

/// Local calendar time of `seconds` since the epoch: year, month, day, hour, minute, second.
pub fn local_time(seconds: i64) -> Option<(i64, i32, i32, i32, i32, i32)> {
    // SAFETY: `localtime_r` writes only into the structure handed to it.
    unsafe {
        let mut parts = std::mem::zeroed::<libc::tm>();
        if libc::localtime_r(&seconds, &mut parts).is_null() {
            return None;
        }
        Some((
            i64::from(parts.tm_year) + 1900,
            parts.tm_mon + 1,
            parts.tm_mday,
            parts.tm_hour,
            parts.tm_min,
            parts.tm_sec,
        ))
    }
}

/// Whether this process was started with `signal` ignored, as `nohup` does.
pub fn is_ignored(signal: i32) -> bool {
    // SAFETY: asks for the current action and writes it into a local structure.
    unsafe {
        let mut action = std::mem::zeroed::<libc::sigaction>();
        libc::sigaction(signal, ptr::null(), &mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}

/// Ignores `signal` from here on; what this process starts ignores it too.
pub fn ignore_signal(signal: i32) {
    // SAFETY: sets one disposition to a constant; no code of ours runs on the signal.
    unsafe {
        libc::signal(signal, libc::SIG_IGN);
    }
}

/// What the stack of this process may grow to, now and at most, in bytes; none where the system does not tell, for which `rustix` has no
/// answer.
pub fn stack_limit() -> Option<(u64, u64)> {
    // SAFETY: the system writes into a local structure of plain numbers.
    unsafe {
        let mut limit = std::mem::zeroed::<libc::rlimit>();
        (libc::getrlimit(libc::RLIMIT_STACK, &mut limit) == 0).then_some((limit.rlim_cur, limit.rlim_max))
    }
}

/// Descriptor `fd` as an owned one, where it is open: one that this process was started with for its own use.
pub fn adopt(fd: RawFd) -> Option<std::os::fd::OwnedFd> {
    use std::os::fd::FromRawFd;
    // SAFETY: the descriptor is open, and was handed to this process by its parent by number; nothing else in this process
    // knows the number, so that there is one owner.
    unsafe {
        if fd <= 2 || libc::fcntl(fd, libc::F_GETFD) < 0 {
            return None;
        }
        Some(std::os::fd::OwnedFd::from_raw_fd(fd))
    }
}

/// A copy of descriptor `fd`, which programs started from here on do not get; nor do they get `fd` itself, where it is no standard
/// stream.
///
/// # Errors
/// The system's number: `fd` is not open.
pub fn duplicate(fd: RawFd) -> Result<std::fs::File, i32> {
    use std::os::fd::FromRawFd;
    // SAFETY: the system makes a descriptor that nothing else knows, so that there is one owner.
    unsafe {
        let copy = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3);
        if copy < 0 {
            return Err(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EBADF));
        }
        set_inherited(fd, fd <= 2);
        Ok(std::fs::File::from_raw_fd(copy))
    }
}

/// Lets programs started from here on have descriptor `fd`, or not.
pub fn set_inherited(fd: RawFd, on: bool) {
    // SAFETY: sets a flag of a descriptor, where it is open.
    unsafe {
        libc::fcntl(fd, libc::F_SETFD, if on { 0 } else { libc::FD_CLOEXEC });
    }
}

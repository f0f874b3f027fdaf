//! Waiting for descriptors and for children to end in one call, without a handler that writes into a pipe for each child.
//! Knows nothing of who waits for what.
//!
//! The signal of a child's end is blocked except within that call, so that none goes unnoticed between a look for children and
//! the wait. That holds only if it is blocked in all threads, so from the start of the program: see [`hold_child_signal`].

use crate::base::events::Usage;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The signals blocked while waiting, which that of a child's end is not; set once it is blocked otherwise.
static WHILE_WAITING: OnceLock<libc::sigset_t> = OnceLock::new();

/// Blocks the signal of a child's end, for this thread and all that it starts. To be called before any other thread is there;
/// where the system has no `ppoll` it does nothing.
pub fn hold_child_signal() {
    #[cfg(target_os = "linux")]
    // SAFETY: the set is initialised by `sigemptyset` before it is read.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGCHLD);
        let mut before = std::mem::zeroed::<libc::sigset_t>();
        if libc::pthread_sigmask(libc::SIG_BLOCK, &set, &mut before) == 0 {
            libc::sigdelset(&mut before, libc::SIGCHLD);
            let _ = WHILE_WAITING.set(before);
        }
    }
}

/// Lets the signal of a child's end through again, for a caller whose handler for it writes into a pipe.
pub fn release_child_signal() {
    // SAFETY: the set is initialised by `sigemptyset` before it is read.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGCHLD);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, std::ptr::null_mut());
    }
}

/// Starts a process by what leaves the signals that are blocked as they are, with that of a child's end let through: a shell could not wait
/// for children of its own without it.
pub fn with_child_signal<T>(start: impl FnOnce() -> T) -> T {
    // SAFETY: the set is initialised by `sigemptyset` before it is read, and the one that is set again was got.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGCHLD);
        let mut before = std::mem::zeroed::<libc::sigset_t>();
        if libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, &mut before) != 0 {
            return start();
        }
        let started = start();
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        // One that came meanwhile may be what somebody is about to wait for.
        libc::kill(libc::getpid(), libc::SIGCHLD);
        started
    }
}

/// Lets the end of a child interrupt [`wait_readable`]. False where that cannot be had, and the caller needs a handler.
pub fn watch_children() -> bool {
    extern "C" fn nothing(_: libc::c_int) {}
    if WHILE_WAITING.get().is_none() {
        return false;
    }
    // SAFETY: the action is initialised in full, and its handler does nothing.
    unsafe {
        let mut action = std::mem::zeroed::<libc::sigaction>();
        let handler: extern "C" fn(libc::c_int) = nothing;
        action.sa_sigaction = handler as libc::sighandler_t;
        libc::sigemptyset(&mut action.sa_mask);
        libc::sigaction(libc::SIGCHLD, &action, std::ptr::null_mut()) == 0
    }
}

/// Has `signal` write a byte into `writer`, where there is room. The signals that share it take one descriptor between them.
pub fn wake_at(signal: i32, writer: Arc<UnixStream>) {
    // SAFETY: the action makes one system call that a handler may make, on a descriptor that it owns a part of.
    unsafe {
        let wake = move || {
            libc::send(writer.as_raw_fd(), c"X".as_ptr().cast(), 1, libc::MSG_DONTWAIT);
        };
        let _ = signal_hook::low_level::register(signal, wake);
    }
}

/// The file that [`unlink_doomed`] removes; null where there is none.
static DOOMED: AtomicPtr<libc::c_char> = AtomicPtr::new(std::ptr::null_mut());

/// Has `action` called in the handler of `signal`, which interrupts the call that waits meanwhile. It may do what a handler may: read and
/// write atomics, and call [`unlink_doomed`], [`take_default_action`], [`exit_at_once`] and [`milliseconds`].
pub fn on_signal(signal: i32, action: fn(i32)) {
    // SAFETY: whoever calls it keeps to what is said above, by which the action makes only calls that a handler may make. What is set is
    // what was got, with one flag less.
    unsafe {
        let _ = signal_hook::low_level::register(signal, move || action(signal));
        let mut now = std::mem::zeroed::<libc::sigaction>();
        if libc::sigaction(signal, std::ptr::null(), &mut now) == 0 {
            now.sa_flags &= !libc::SA_RESTART;
            libc::sigaction(signal, &now, std::ptr::null_mut());
        }
    }
}

/// Ends this program with `status`, and nothing else. For handlers.
pub fn exit_at_once(status: i32) {
    // SAFETY: does not return, and runs nothing of this program.
    unsafe { libc::_exit(status) }
}

/// Milliseconds that passed since some moment before this program began: never zero. For handlers, too.
pub fn milliseconds() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let of = |number: i64| u64::try_from(number).unwrap_or(0);
    (of(now.tv_sec) * 1000 + of(now.tv_nsec) / 1_000_000).max(1)
}

/// Sets the file that [`unlink_doomed`] removes. Its name stays in memory for good: a handler may be about to read it.
pub fn set_doomed(path: Option<CString>) {
    DOOMED.store(path.map_or(std::ptr::null_mut(), CString::into_raw), Ordering::SeqCst);
}

/// Removes the file that is to go with this process. For handlers, too.
pub fn unlink_doomed() {
    let path = DOOMED.load(Ordering::SeqCst);
    if !path.is_null() {
        // SAFETY: a text with its end, which is never freed.
        unsafe {
            libc::unlink(path);
        }
    }
}

/// Does what the system does at `signal` where nobody catches it. For handlers.
pub fn take_default_action(signal: i32) {
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

/// Waits until one of `streams` is readable, and tells which; none when `timeout` has passed before.
///
/// # Errors
/// The system's; `Interrupted` when a signal came, that of a child's end among them.
pub fn wait_readable<const N: usize>(
    streams: [Option<BorrowedFd>; N],
    timeout: Option<Duration>,
) -> io::Result<Option<[bool; N]>> {
    let mut polled = streams.map(|stream| libc::pollfd {
        // A negative one is passed over.
        fd: stream.map_or(-1, |fd| fd.as_raw_fd()),
        events: libc::POLLIN,
        revents: 0,
    });
    match poll(&mut polled, timeout) {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        _ => Ok(Some(polled.map(|one| one.revents != 0))),
    }
}

#[cfg(target_os = "linux")]
fn poll(polled: &mut [libc::pollfd], timeout: Option<Duration>) -> libc::c_int {
    let limit = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let limit = limit.as_ref().map_or(std::ptr::null(), |limit| limit as *const _);
    let mask = WHILE_WAITING.get().map_or(std::ptr::null(), |mask| mask as *const _);
    // SAFETY: the structures outlive the call; the limit and the set may be null.
    unsafe { libc::ppoll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, limit, mask) }
}

#[cfg(not(target_os = "linux"))]
fn poll(polled: &mut [libc::pollfd], timeout: Option<Duration>) -> libc::c_int {
    let limit = timeout.map_or(-1, |timeout| i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX));
    // SAFETY: the structures outlive the call.
    unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, limit) }
}

/// Waits for any child to end, or only looks where `block` is not set: its process id, its status as `wait` has it, and what it used.
///
/// # Errors
/// The system's number.
pub fn wait_for_any(block: bool) -> Result<Option<(i32, i32, Usage)>, i32> {
    let options = if block { 0 } else { libc::WNOHANG };
    let mut status = 0;
    // SAFETY: the system writes into the two local structures, of which the second is plain numbers.
    let (pid, used) = unsafe {
        let mut used = std::mem::zeroed::<libc::rusage>();
        (libc::wait4(-1, &mut status, options, &mut used), used)
    };
    let time = |time: libc::timeval| {
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_usec).unwrap_or(0) * 1000)
    };
    match pid {
        -1 => Err(io::Error::last_os_error().raw_os_error().unwrap_or(libc::ECHILD)),
        0 => Ok(None),
        pid => {
            // Linux counts kilobytes, the systems of Apple bytes.
            let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
            let peak_memory = u64::try_from(used.ru_maxrss).unwrap_or(0) * unit;
            Ok(Some((
                pid,
                status,
                Usage { user: time(used.ru_utime), system: time(used.ru_stime), peak_memory },
            )))
        }
    }
}

//! Processes started. Knows nothing of what they run.
//!
//! On Linux the child shares this process's memory until it runs its program, as one of `posix_spawn` does. What differs is what the
//! C library cannot know: which signals are caught here, so that not all have to be asked about and reset in each child; that
//! one child is started at a time, so that one stack will do; and that the limit of the stack can be set in the child.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a child process starts with.
pub struct Spawn<'a> {
    /// Path of the program, already searched for.
    pub program: &'a CStr,
    /// Its arguments, the name of the program first.
    pub arguments: &'a [CString],
    /// Its environment, `NAME=VALUE` each.
    pub environment: &'a [CString],
    /// Descriptor to become its standard input, where it is not ours.
    pub stdin: Option<RawFd>,
    /// Descriptor to become its standard output, where it is not ours.
    pub stdout: Option<RawFd>,
    /// Descriptor to become its standard error, where it is not ours.
    pub stderr: Option<RawFd>,
    /// Whether the child leads a process group of its own.
    pub new_group: bool,
    /// The limit of its stack, current and highest, where it is not ours.
    pub stack_limit: Option<(u64, u64)>,
}

/// Starts a process and returns its id. Signals that this process blocks are let through in the child; what it was started to
/// ignore, the child ignores too.
///
/// # Errors
/// The system's, of starting a process and of running the program.
pub fn spawn(spawn: &Spawn) -> io::Result<i32> {
    // What nobody wrote starts nothing.
    if cfg!(fuzzing) {
        return Err(io::Error::from_raw_os_error(libc::ENOENT));
    }
    let arguments = pointers(spawn.arguments);
    let environment = pointers(spawn.environment);
    system::spawn(spawn, &arguments, &environment)
}

fn pointers(texts: &[CString]) -> Vec<*mut libc::c_char> {
    texts.iter().map(|text| text.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect()
}

/// The signals that are caught, one bit each, while that is known.
static CAUGHT: AtomicU64 = AtomicU64::new(UNKNOWN);
const UNKNOWN: u64 = u64::MAX;
/// Whether code that is not ours may catch signals at any time.
static MAY_CHANGE: AtomicBool = AtomicBool::new(false);

/// To be called wherever this program begins to catch signals, or to let them be.
pub fn caught_signals_changed() {
    CAUGHT.store(UNKNOWN, Ordering::Relaxed);
}

/// To be called before code of others runs in this process.
pub fn caught_signals_may_change() {
    MAY_CHANGE.store(true, Ordering::Relaxed);
}

#[cfg(target_os = "linux")]
mod system {
    use super::{CAUGHT, MAY_CHANGE, Ordering, Spawn, UNKNOWN, io};
    use std::mem::MaybeUninit;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicI32;

    /// More than what the calls between the start of a child and its program take.
    const STACK: usize = 64 * 1024;

    /// Where the child runs until it runs its program; none before the first: a run that starts nothing is spared the pages.
    static THE_STACK: Mutex<Option<Box<[MaybeUninit<u8>]>>> = Mutex::new(None);

    /// What the child is told, and what it tells.
    struct Start<'s> {
        spawn: &'s Spawn<'s>,
        arguments: &'s [*mut libc::c_char],
        environment: &'s [*mut libc::c_char],
        caught: u64,
        failure: AtomicI32,
    }

    fn caught() -> u64 {
        let known = CAUGHT.load(Ordering::Relaxed);
        if known != UNKNOWN && !MAY_CHANGE.load(Ordering::Relaxed) {
            return known;
        }
        let mut caught = 0;
        for signal in 1..=64 {
            // SAFETY: asks for the current action and writes it into a local structure.
            let action = unsafe {
                let mut action = std::mem::zeroed::<libc::sigaction>();
                (libc::sigaction(signal, std::ptr::null(), &mut action) == 0).then_some(action.sa_sigaction)
            };
            if action.is_some_and(|action| action != libc::SIG_DFL && action != libc::SIG_IGN) {
                caught |= 1 << (signal - 1);
            }
        }
        CAUGHT.store(caught, Ordering::Relaxed);
        caught
    }

    pub fn spawn(
        spawn: &Spawn,
        arguments: &[*mut libc::c_char],
        environment: &[*mut libc::c_char],
    ) -> io::Result<i32> {
        let start = Start { spawn, arguments, environment, caught: caught(), failure: AtomicI32::new(0) };
        let mut lock = THE_STACK.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let stack = lock.get_or_insert_with(|| Box::new_uninit_slice(STACK)).as_mut_ptr_range();
        // SAFETY: the child runs on the stack that the lock guards, and this thread goes on only when the child has left this
        // memory, so that all that `start` refers to is there as long as it is used. No signal is handled by the child: all are
        // blocked until none is caught. The sets are initialised before they are read.
        let (pid, error) = unsafe {
            let top = stack.end.cast::<u8>();
            let top = top.sub(top.addr() % 64);
            let mut all = std::mem::zeroed::<libc::sigset_t>();
            libc::sigfillset(&mut all);
            let mut before = std::mem::zeroed::<libc::sigset_t>();
            libc::pthread_sigmask(libc::SIG_BLOCK, &all, &mut before);
            let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
            let pid = libc::clone(child, top.cast(), flags, (&raw const start).cast_mut().cast());
            let error = io::Error::last_os_error();
            libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
            (pid, error)
        };
        drop(lock);
        if pid < 0 {
            return Err(error);
        }
        match start.failure.load(Ordering::Relaxed) {
            0 => Ok(pid),
            failure => {
                // SAFETY: waits for the child that has just ended; its status is of no interest.
                while unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) } == -1
                    && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
                {}
                Err(io::Error::from_raw_os_error(failure))
            }
        }
    }

    /// What the child does: nothing but calls of the system.
    extern "C" fn child(start: *mut libc::c_void) -> libc::c_int {
        // SAFETY: the parent waits with its `start` in place; structures are initialised before they are read, and the argument and
        // environment vectors end with a null pointer.
        unsafe {
            let start = &*start.cast::<Start>();
            if !prepare(start.spawn, start.caught) {
                start.failure.store(*libc::__errno_location(), Ordering::Relaxed);
                libc::_exit(127);
            }
            libc::execve(
                start.spawn.program.as_ptr(),
                start.arguments.as_ptr().cast(),
                start.environment.as_ptr().cast(),
            );
            start.failure.store(*libc::__errno_location(), Ordering::Relaxed);
            libc::_exit(127)
        }
    }

    /// False where a call failed.
    ///
    /// # Safety
    ///
    /// It is the child that calls it.
    unsafe fn prepare(spawn: &Spawn, caught: u64) -> bool {
        // SAFETY: changes nothing but what is the child's own: its signals, its limits and its descriptors.
        unsafe {
            let mut default = std::mem::zeroed::<libc::sigaction>();
            default.sa_sigaction = libc::SIG_DFL;
            for signal in 1..=64 {
                if caught & 1 << (signal - 1) != 0 {
                    libc::sigaction(signal, &default, std::ptr::null_mut());
                }
            }
            if spawn.new_group && libc::setpgid(0, 0) != 0 {
                return false;
            }
            for (from, to) in [(spawn.stdin, 0), (spawn.stdout, 1), (spawn.stderr, 2)] {
                let Some(from) = from else { continue };
                let done = if from == to { libc::fcntl(to, libc::F_SETFD, 0) } else { libc::dup2(from, to) };
                if done < 0 {
                    return false;
                }
            }
            if let Some((current, highest)) = spawn.stack_limit {
                let limit = libc::rlimit { rlim_cur: current as _, rlim_max: highest as _ };
                libc::setrlimit(libc::RLIMIT_STACK, &limit);
            }
            let mut none = std::mem::zeroed::<libc::sigset_t>();
            libc::sigemptyset(&mut none);
            libc::pthread_sigmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
            true
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Spawn, io};

    pub fn spawn(
        spawn: &Spawn,
        arguments: &[*mut libc::c_char],
        environment: &[*mut libc::c_char],
    ) -> io::Result<i32> {
        let Some((current, highest)) = spawn.stack_limit else { return start(spawn, arguments, environment) };
        let limit = libc::rlimit { rlim_cur: current as _, rlim_max: highest as _ };
        // SAFETY: asks for a limit and sets it; the structures are local.
        unsafe {
            let mut ours = std::mem::zeroed::<libc::rlimit>();
            libc::getrlimit(libc::RLIMIT_STACK, &mut ours);
            libc::setrlimit(libc::RLIMIT_STACK, &limit);
            let result = start(spawn, arguments, environment);
            libc::setrlimit(libc::RLIMIT_STACK, &ours);
            result
        }
    }

    fn start(
        spawn: &Spawn,
        arguments: &[*mut libc::c_char],
        environment: &[*mut libc::c_char],
    ) -> io::Result<i32> {
        let check =
            |code: libc::c_int| if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) };
        // SAFETY: the structures are initialised by their own init calls before any use and destroyed after, all pointers
        // outlive the call, and the argument and environment vectors end with a null pointer.
        unsafe {
            let mut attributes = std::mem::zeroed::<libc::posix_spawnattr_t>();
            check(libc::posix_spawnattr_init(&mut attributes))?;
            let mut actions = std::mem::zeroed::<libc::posix_spawn_file_actions_t>();
            let mut result = check(libc::posix_spawn_file_actions_init(&mut actions));
            let mut signals = std::mem::zeroed::<libc::sigset_t>();
            libc::sigemptyset(&mut signals);
            libc::posix_spawnattr_setsigmask(&mut attributes, &signals);
            let mut flags = libc::POSIX_SPAWN_SETSIGMASK;
            if spawn.new_group {
                libc::posix_spawnattr_setpgroup(&mut attributes, 0);
                flags |= libc::POSIX_SPAWN_SETPGROUP;
            }
            libc::posix_spawnattr_setflags(&mut attributes, flags as libc::c_short);
            for (from, to) in [(spawn.stdin, 0), (spawn.stdout, 1), (spawn.stderr, 2)] {
                if let Some(from) = from
                    && result.is_ok()
                {
                    result = check(libc::posix_spawn_file_actions_adddup2(&mut actions, from, to));
                }
            }
            let mut pid = 0;
            if result.is_ok() {
                result = check(libc::posix_spawn(
                    &mut pid,
                    spawn.program.as_ptr(),
                    &actions,
                    &attributes,
                    arguments.as_ptr(),
                    environment.as_ptr(),
                ));
            }
            libc::posix_spawn_file_actions_destroy(&mut actions);
            libc::posix_spawnattr_destroy(&mut attributes);
            result.map(|()| pid)
        }
    }
}

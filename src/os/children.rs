//! Child processes: finding a program, starting it, waiting for any to end, and noticing fatal signals meanwhile.
//! Knows nothing of targets or recipes.

use crate::base::events::Usage;
use crate::os::files;
use crate::os::interruption;
use crate::os::stack::given_limit;
use crate::os::sys::spawn::{Spawn, caught_signals_changed, spawn};
use crate::os::sys::wait::{release_child_signal, wait_for_any, wait_readable, wake_at, watch_children};
use rustix::process::WaitOptions;
use std::ffi::{CStr, CString};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Process id.
    pub pid: i32,
    /// Exit status; zero where a signal ended it.
    pub code: i32,
    /// The signal that ended it, or zero.
    pub signal: i32,
    /// Whether it dumped core.
    pub core: bool,
    /// What it used, where that is known.
    pub usage: Usage,
}

impl Ended {
    /// A child that can't be asked: the status is that of a command that is not found.
    pub fn lost(pid: i32) -> Ended {
        Ended { pid, code: 127, signal: 0, core: false, usage: Usage::default() }
    }
}

/// What a wait came back with.
pub enum Waited {
    /// A child ended.
    Child(Ended),
    /// No child has ended, or there are none.
    Nothing,
    /// A fatal signal came in.
    Signal(i32),
    /// The descriptor that the caller also waits for is ready.
    Ready,
}

/// Waits for children, fatal signals and one further descriptor in one place.
#[derive(Default)]
pub struct Waiter {
    wake: Option<UnixStream>,
    keep: Option<interruption::Keep>,
}

impl Waiter {
    /// Installs the signal handlers, once; before it the default actions hold, since there is nothing to clean up.
    pub fn prepare(&mut self) {
        // Without a pair of sockets the default actions hold on.
        let _ = self.install(true);
    }

    /// As [`Waiter::prepare`], for a caller that polls [`Waiter::wake_fd`] itself: it becomes readable when a child ends, too.
    ///
    /// # Errors
    /// The system has no pair of sockets to give: no signal would be heard of.
    pub fn prepare_to_be_polled(&mut self) -> io::Result<()> {
        self.install(false)?;
        release_child_signal();
        Ok(())
    }

    fn install(&mut self, interrupts: bool) -> io::Result<()> {
        if self.wake.is_some() {
            return Ok(());
        }
        let (reader, writer) = interruption::pair()?;
        let writer = Arc::new(writer);
        // Kept before it wakes, so that whoever is woken finds it.
        self.keep = Some(interruption::keep());
        for signal in interruption::heeded() {
            wake_at(signal, Arc::clone(&writer));
        }
        if !interrupts || !watch_children() {
            wake_at(libc::SIGCHLD, writer);
        }
        caught_signals_changed();
        self.wake = Some(reader);
        Ok(())
    }

    /// A fatal signal that came in and was not taken yet.
    #[inline]
    pub fn take_signal(&self) -> Option<i32> {
        interruption::take()
    }

    /// Starts a process as [`start`] does, but none once a fatal signal has come in: where a terminal sends it, it goes to all
    /// processes that are there, and one that is started afterwards would go on as if nothing had happened. The error is `EINTR` then,
    /// and the signal is yet to be taken.
    ///
    /// One that comes later is not looked for: the process gets it itself, or has sent it.
    ///
    /// # Errors
    /// The system's number.
    pub fn start(
        &self,
        arguments: &[Vec<u8>],
        environment: &[CString],
        streams: Streams,
    ) -> Result<i32, i32> {
        start_unless(&|| interruption::untaken().is_some(), arguments, environment, streams)
    }

    /// The descriptor that becomes readable when a fatal signal comes; and when a child ends, where that does not interrupt a
    /// [`wait_readable`].
    pub fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        self.wake.as_ref().map(|wake| wake.as_fd())
    }

    /// Takes what woke a wait on [`Waiter::wake_fd`]: a fatal signal, or nothing but children to look for.
    pub fn drain(&mut self) -> Waited {
        if let Some(wake) = &mut self.wake {
            let mut drained = [0; 256];
            while matches!(wake.read(&mut drained), Ok(count) if count == drained.len()) {}
        }
        self.take_signal().map_or(Waited::Nothing, Waited::Signal)
    }

    /// Waits for a child, or only looks where `block` is not set. `also` is a further descriptor to wait for.
    pub fn wait(&mut self, block: bool, also: Option<BorrowedFd>) -> Waited {
        loop {
            if let Some(signal) = self.take_signal() {
                return Waited::Signal(signal);
            }
            match wait_for_any(false) {
                Ok(Some(child)) => return Waited::Child(ended(child)),
                Ok(None) => {}
                Err(libc::EINTR) => continue,
                Err(_) => return Waited::Nothing,
            }
            if !block {
                return Waited::Nothing;
            }
            let Some(wake) = &mut self.wake else {
                // Without handlers there is nothing to multiplex: wait for the child itself.
                match wait_for_any(true) {
                    Ok(Some(child)) => return Waited::Child(ended(child)),
                    Err(libc::EINTR) => continue,
                    _ => return Waited::Nothing,
                }
            };
            // Interrupted, it was a child's end or a fatal signal: both are looked for above.
            let Ok(Some([woken, ready])) = wait_readable([Some(wake.as_fd()), also], None) else { continue };
            if woken {
                let mut drained = [0; 256];
                while matches!(wake.read(&mut drained), Ok(count) if count == drained.len()) {}
                continue;
            }
            if ready {
                return Waited::Ready;
            }
        }
    }
}

/// Waits for the one child `pid`; none where a fatal signal comes before its end, which is kept and yet to be taken.
pub fn wait_for(pid: i32) -> Option<Ended> {
    let Some(process) = rustix::process::Pid::from_raw(pid) else { return Some(Ended::lost(pid)) };
    loop {
        if interruption::untaken().is_some() {
            return None;
        }
        match rustix::process::waitpid(Some(process), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Some(ended((pid, status.as_raw(), Usage::default()))),
            Err(rustix::io::Errno::INTR) => {}
            _ => return Some(Ended::lost(pid)),
        }
    }
}

fn ended((pid, status, usage): (i32, i32, Usage)) -> Ended {
    let by_signal = libc::WIFSIGNALED(status);
    Ended {
        pid,
        code: if by_signal { 0 } else { libc::WEXITSTATUS(status) },
        signal: if by_signal { libc::WTERMSIG(status) } else { 0 },
        core: by_signal && libc::WCOREDUMP(status),
        usage,
    }
}

/// Sends `signal` to process `pid`.
pub fn kill(pid: i32, signal: i32) {
    if let (Some(process), Some(signal)) =
        (rustix::process::Pid::from_raw(pid), rustix::process::Signal::from_named_raw(signal))
    {
        let _ = rustix::process::kill_process(process, signal);
    }
}

/// The path of program `name` along `path` (folders joined by colons); the error is the system's number: not there, or
/// there and not executable.
fn find_program(name: &[u8], path: &[u8]) -> Result<Vec<u8>, i32> {
    if memchr::memchr(b'/', name).is_some() {
        return Ok(name.to_vec());
    }
    let mut error = libc::ENOENT;
    for folder in path.split(|&byte| byte == b':') {
        let candidate =
            if folder.is_empty() { name.to_vec() } else { [folder, b"/".as_slice(), name].concat() };
        match files::is_executable(&candidate) {
            Some(true) => return Ok(if folder.is_empty() { [b"./", name].concat() } else { candidate }),
            Some(false) => error = libc::EACCES,
            None => {}
        }
    }
    Err(error)
}

/// Where programs are sought when the environment has no PATH, as `confstr` says.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// The standard streams that a child does not share with this process.
#[derive(Clone, Copy, Default)]
pub struct Streams<'f> {
    /// Standard input.
    pub stdin: Option<BorrowedFd<'f>>,
    /// Standard output.
    pub stdout: Option<BorrowedFd<'f>>,
    /// Standard error.
    pub stderr: Option<BorrowedFd<'f>>,
}

/// Starts `program` with `arguments` as the leader of a process group of its own. The error is the system's number.
pub fn start_leader(
    program: &CStr,
    arguments: &[Vec<u8>],
    environment: &[CString],
    streams: Streams,
) -> Result<i32, i32> {
    use std::os::fd::AsRawFd;
    let arguments: Result<Vec<CString>, _> = arguments.iter().map(|text| CString::new(&text[..])).collect();
    let raw = |stream: Option<BorrowedFd>| stream.map(|fd| fd.as_raw_fd());
    let request = Spawn {
        program,
        arguments: &arguments.map_err(|_| libc::EINVAL)?,
        environment,
        stdin: raw(streams.stdin),
        stdout: raw(streams.stdout),
        stderr: raw(streams.stderr),
        new_group: true,
        stack_limit: given_limit(),
    };
    spawn(&request).map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))
}

/// Starts `arguments` with `environment`, the program searched along the environment's PATH, and returns the process id. A
/// file without a magic number is run by `/bin/sh`, as shells do. The error is the system's number.
pub fn start(arguments: &[Vec<u8>], environment: &[CString], streams: Streams) -> Result<i32, i32> {
    start_unless(&|| false, arguments, environment, streams)
}

fn start_unless(
    interrupted: &dyn Fn() -> bool,
    arguments: &[Vec<u8>],
    environment: &[CString],
    streams: Streams,
) -> Result<i32, i32> {
    use std::os::fd::AsRawFd;
    let name = arguments.first().ok_or(libc::ENOENT)?;
    let path = environment.iter().find_map(|entry| entry.as_bytes().strip_prefix(b"PATH="));
    let program = find_program(name, path.unwrap_or(DEFAULT_PATH))?;
    let c_string = |text: &[u8]| CString::new(text).map_err(|_| libc::EINVAL);
    let mut c_arguments =
        arguments.iter().map(|argument| c_string(argument)).collect::<Result<Vec<_>, _>>()?;
    let c_program = c_string(&program)?;
    let raw = |stream: Option<BorrowedFd>| stream.map(|fd| fd.as_raw_fd());
    let start = |program: &CString, arguments: &[CString]| {
        let request = Spawn {
            program,
            arguments,
            environment,
            stdin: raw(streams.stdin),
            stdout: raw(streams.stdout),
            stderr: raw(streams.stderr),
            new_group: false,
            stack_limit: given_limit(),
        };
        // As late as can be.
        if interrupted() {
            return Err(libc::EINTR);
        }
        spawn(&request).map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))
    };
    match start(&c_program, &c_arguments) {
        Err(libc::ENOEXEC) => {
            c_arguments[0] = c_program;
            c_arguments.insert(0, c"/bin/sh".to_owned());
            start(&c"/bin/sh".to_owned(), &c_arguments)
        }
        other => other,
    }
}

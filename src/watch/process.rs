//! A run as a process: this program started again in a process group of its own, asked to end, ended. Knows nothing of why.

use crate::os::children::{self, Streams};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use std::ffi::CString;
use std::os::fd::AsFd;

/// A run that is going on.
pub struct Process {
    pid: Pid,
}

impl Process {
    /// Starts this program with `arguments`, its name first. Its input is empty: the keys are the session's.
    ///
    /// # Errors
    /// The system's number.
    pub fn start(arguments: &[Vec<u8>], environment: &[CString]) -> Result<Process, i32> {
        let nothing =
            std::fs::File::open("/dev/null").map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))?;
        let streams = Streams { stdin: Some(nothing.as_fd()), ..Streams::default() };
        // The program itself, even where its file was replaced meanwhile.
        let pid = children::start_leader(c"/proc/self/exe", arguments, environment, streams)?;
        Pid::from_raw(pid).map(|pid| Process { pid }).ok_or(libc::ESRCH)
    }

    /// Its process id.
    pub fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Asks it and all it started to end.
    pub fn terminate(&self) {
        let _ = kill_process_group(self.pid, Signal::TERM);
        // What was stopped by the terminal could not heed it.
        let _ = kill_process_group(self.pid, Signal::CONT);
    }

    /// Ends it and all it started.
    pub fn kill(&self) {
        let _ = kill_process_group(self.pid, Signal::KILL);
    }

    /// Whether anything it started is still there.
    pub fn leaves_anything(&self) -> bool {
        test_kill_process_group(self.pid).is_ok()
    }
}

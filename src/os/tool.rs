//! Programs that imk runs for an answer: with bounds on time and output, and given up when a fatal signal comes, with all that they
//! started. Knows nothing of what is asked.
//!
//! A tool runs in a process group of its own: a Ctrl-C at the terminal does not stop a clean-up that is under way, and what the tool
//! started can be ended with it.

use crate::base::system_error::SystemError;
use crate::os::interruption::{self, Keep, Wait};
use crate::os::sys::wait::with_child_signal;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Most bytes that are kept of what a tool says on standard error.
const ERRORS_MAX: usize = 1024 * 1024;
/// Bytes that every pipe has room for.
const PIPE_MIN: usize = 4096;
/// How long a tool that is given up has to end by itself.
const GRACE: Duration = Duration::from_millis(500);

/// What is run.
#[derive(Clone, Copy)]
pub struct Tool<'t> {
    /// The program.
    pub program: &'t Path,
    /// Its arguments.
    pub arguments: &'t [&'t OsStr],
    /// What is added to this process's environment.
    pub environment: &'t [(String, String)],
    /// Its standard input.
    pub input: &'t [u8],
    /// How long it may take; of a [`Stream`], until the next bytes come.
    pub patience: Duration,
    /// Most bytes of its standard output.
    pub output_max: usize,
}

/// What a tool left.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub output: Vec<u8>,
    /// The first megabyte of its standard error.
    pub errors: String,
}

/// Why a tool gives no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolError {
    /// It can't be started.
    NotStarted(SystemError),
    /// It took longer than this.
    Late(Duration),
    /// It printed more than so many bytes.
    TooLong(usize),
    /// Reading what it prints failed, or waiting for it.
    Transfer(SystemError),
    /// A fatal signal came.
    Interrupted,
}

impl Tool<'_> {
    /// Runs it to its end.
    ///
    /// # Errors
    /// See [`ToolError`]. It runs no longer then.
    pub fn run(&self) -> Result<Finished, ToolError> {
        let deadline = Instant::now() + self.patience;
        let mut running = self.begin()?;
        while running.output.is_open() || running.errors.is_open() {
            running.take_some(deadline)?;
            // Nobody waits for the rest of what is of no use.
            if running.output.is_too_long() {
                return Err(running.given_up(ToolError::TooLong(self.output_max)));
            }
        }
        let status = running.wait(deadline)?;
        let errors = running.errors.text();
        Ok(Finished { status, output: std::mem::take(&mut running.output.bytes), errors })
    }

    /// Starts it, for a reader of what it prints.
    ///
    /// # Errors
    /// See [`ToolError`].
    pub fn stream(&self) -> Result<Stream, ToolError> {
        self.begin().map(|running| Stream { running, at: 0 })
    }

    fn begin(&self) -> Result<Running, ToolError> {
        // Before it is there: once it runs, a signal must end it.
        let keep = interruption::keep();
        // One that is started once the signal has come would not get it from the terminal.
        if interruption::has_come() {
            return Err(ToolError::Interrupted);
        }
        let not_started = |fault: io::Error| ToolError::NotStarted(fault.into());
        let mut command = Command::new(self.program);
        command.args(self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(self.stdin().map_err(not_started)?).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = with_child_signal(|| command.process_group(0).spawn()).map_err(not_started)?;
        let output = Kept::of(child.stdout.take(), self.output_max);
        let errors = Kept::of(child.stderr.take(), ERRORS_MAX);
        Ok(Running { _keep: keep, child, is_over: false, output, errors, patience: self.patience })
    }

    /// A pipe that has it all before the tool is there, or a file: a tool that ends without reading it is no reason for a signal.
    fn stdin(&self) -> io::Result<Stdio> {
        if self.input.is_empty() {
            return Ok(Stdio::null());
        }
        if self.input.len() <= PIPE_MIN {
            let (reader, mut writer) = io::pipe()?;
            writer.write_all(self.input)?;
            return Ok(reader.into());
        }
        let mut file: File = tempfile::tempfile()?;
        file.write_all(self.input)?;
        file.rewind()?;
        Ok(file.into())
    }
}

/// A tool that runs. It is ended where this is dropped before its end.
struct Running {
    _keep: Keep,
    child: Child,
    is_over: bool,
    output: Kept<ChildStdout>,
    errors: Kept<ChildStderr>,
    patience: Duration,
}

impl Running {
    /// Takes what comes next on either stream.
    fn take_some(&mut self, deadline: Instant) -> Result<(), ToolError> {
        match interruption::wait([self.output.descriptor(), self.errors.descriptor()], Some(deadline)) {
            Ok(Wait::Ready([output, errors])) => {
                self.output.take_if(output);
                self.errors.take_if(errors);
                Ok(())
            }
            Ok(Wait::Late) => Err(self.given_up(ToolError::Late(self.patience))),
            Ok(Wait::Interrupted) => Err(self.given_up(ToolError::Interrupted)),
            Err(fault) => Err(self.given_up(ToolError::Transfer(fault.into()))),
        }
    }

    fn wait(&mut self, deadline: Instant) -> Result<ExitStatus, ToolError> {
        let mut pause = Duration::from_millis(1);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    self.is_over = true;
                    return Ok(status);
                }
                Ok(None) if Instant::now() >= deadline => {
                    return Err(self.given_up(ToolError::Late(self.patience)));
                }
                Ok(None) => {}
                Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
                Err(fault) => return Err(self.given_up(ToolError::Transfer(fault.into()))),
            }
            match interruption::pause(pause) {
                Ok(true) => pause = (pause * 2).min(Duration::from_millis(10)),
                Ok(false) => return Err(self.given_up(ToolError::Interrupted)),
                Err(fault) => return Err(self.given_up(ToolError::Transfer(fault.into()))),
            }
        }
    }

    fn given_up(&mut self, why: ToolError) -> ToolError {
        self.end();
        why
    }

    /// Ends the tool and what it started: by SIGTERM, as it may have something to put in order, and then for good. Its number is kept
    /// from other processes until the whole group is ended.
    fn end(&mut self) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        (self.output.stream, self.errors.stream) = (None, None);
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(pid, Signal::TERM);
            let deadline = Instant::now() + GRACE;
            let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            while matches!(waitid(WaitId::Pid(pid), look), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// The standard output of a tool that runs, read as it comes: of any length. The tool is ended where the reader is dropped before its
/// end.
pub struct Stream {
    running: Running,
    /// Bytes of what was taken that were read.
    at: usize,
}

impl Stream {
    /// Reads the next bytes; none at the end.
    ///
    /// # Errors
    /// The tool is given up, or failed: then what it says, and how it ended.
    pub fn next(&mut self, buffer: &mut [u8]) -> Result<usize, StreamError> {
        let running = &mut self.running;
        if buffer.is_empty() || running.is_over {
            return Ok(0);
        }
        let deadline = Instant::now() + running.patience;
        // What it says is taken meanwhile: a tool that waits for somebody to read its errors writes nothing else.
        while self.at == running.output.bytes.len() && running.output.is_open() {
            running.output.bytes.clear();
            self.at = 0;
            running.take_some(deadline).map_err(StreamError::Tool)?;
        }
        let taken = running.output.bytes.get(self.at..).unwrap_or_default();
        if !taken.is_empty() {
            let count = taken.len().min(buffer.len());
            buffer[..count].copy_from_slice(&taken[..count]);
            self.at += count;
            return Ok(count);
        }
        // One that still has much to say does not end before that is taken.
        while running.errors.is_open() {
            running.take_some(deadline).map_err(StreamError::Tool)?;
        }
        let status = running.wait(deadline).map_err(StreamError::Tool)?;
        match status.success() {
            true => Ok(0),
            false => Err(StreamError::Failed(running.errors.text())),
        }
    }
}

/// Why the output of a tool breaks off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// It was given up.
    Tool(ToolError),
    /// It failed, and said this.
    Failed(String),
}

/// What a tool wrote into one stream: no more than the bound and one byte is kept, and what comes after is read all the same.
struct Kept<R> {
    stream: Option<R>,
    bytes: Vec<u8>,
    max: usize,
}

impl<R: Read + AsFd> Kept<R> {
    fn of(stream: Option<R>, max: usize) -> Kept<R> {
        Kept { stream, bytes: Vec::new(), max }
    }

    fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.stream.as_ref().map(AsFd::as_fd)
    }

    /// Takes what is there, where there is anything.
    fn take_if(&mut self, is_ready: bool) {
        let Some(stream) = self.stream.as_mut().filter(|_| is_ready) else { return };
        let mut buffer = [0; 64 * 1024];
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => {
                let room = self.max.saturating_add(1).saturating_sub(self.bytes.len());
                self.bytes.extend_from_slice(&buffer[..count.min(room)]);
            }
            Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
            // A read that fails ends the output: what came before it is judged by the exit status.
            _ => self.stream = None,
        }
    }

    fn is_too_long(&self) -> bool {
        self.bytes.len() > self.max
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1_000_000;

    fn shell<'t>(arguments: &'t [&'t OsStr], patience: u64) -> Tool<'t> {
        Tool {
            program: Path::new("/bin/sh"),
            arguments,
            environment: &[],
            input: b"",
            patience: Duration::from_millis(patience),
            output_max: MAX,
        }
    }

    fn run(script: &str, patience: u64) -> Result<Finished, ToolError> {
        shell(&[OsStr::new("-c"), OsStr::new(script)], patience).run()
    }

    #[test]
    fn output_errors_and_status_are_told() {
        let environment = [("X".to_owned(), "y".to_owned())];
        let arguments = [OsStr::new("-c"), OsStr::new("echo out $X; cat; echo err >&2; exit 3")];
        let tool = Tool { environment: &environment, input: b"in\n", ..shell(&arguments, 10_000) };
        let done = tool.run().unwrap();
        assert_eq!(
            (done.status.code(), done.output.as_slice(), done.errors.as_str()),
            (Some(3), &b"out y\nin\n"[..], "err\n")
        );
        let missing = Tool { program: Path::new("/nonexistent/tool"), ..tool }.run();
        assert_eq!(missing.err(), Some(ToolError::NotStarted(SystemError::of(libc::ENOENT))));
        let nothing = [OsStr::new("-c"), OsStr::new(":")];
        let unread = Tool { input: &[b'x'; 1_000_000], ..shell(&nothing, 10_000) };
        assert!(unread.run().unwrap().status.success());
    }

    /// More than what a pipe holds, on both streams in turns.
    const MUCH: &str =
        "i=0; while [ $i -lt 40 ]; do printf %09999d 1 >&2; printf %09999d 2; i=$((i + 1)); done; exit 3";

    fn all_of(tool: &Tool<'_>) -> (Vec<u8>, Option<StreamError>) {
        let (mut stream, mut output) = (tool.stream().unwrap(), Vec::new());
        let mut buffer = [0; 1000];
        loop {
            match stream.next(&mut buffer) {
                Ok(0) => return (output, None),
                Ok(count) => output.extend_from_slice(&buffer[..count]),
                Err(fault) => return (output, Some(fault)),
            }
        }
    }

    #[test]
    fn much_on_both_streams_holds_nothing_up() {
        let done = run(MUCH, 60_000).unwrap();
        assert_eq!((done.status.code(), done.output.len(), done.errors.len()), (Some(3), 399_960, 399_960));
        let (output, fault) = all_of(&shell(&[OsStr::new("-c"), OsStr::new(MUCH)], 60_000));
        assert_eq!(output.len(), 399_960);
        assert!(matches!(fault, Some(StreamError::Failed(said)) if said.len() == 399_960));
    }

    #[test]
    fn a_stream_has_no_bound_and_keeps_nothing() {
        let script = "head -c 20000000 /dev/zero";
        let (output, fault) = all_of(&shell(&[OsStr::new("-c"), OsStr::new(script)], 60_000));
        assert_eq!((output.len(), fault), (20_000_000, None));
    }

    #[test]
    fn what_a_tool_leaves_behind_does_not_hold_the_output_open_for_good() {
        let hung = run("sleep 60 & echo out", 50);
        assert_eq!(hung.err(), Some(ToolError::Late(Duration::from_millis(50))));
    }

    #[test]
    fn a_tool_that_prints_more_than_anybody_reads_is_too_much() {
        assert_eq!(run("head -c 1000001 /dev/zero", 60_000).err(), Some(ToolError::TooLong(MAX)));
        assert_eq!(run("head -c 1000000 /dev/zero", 60_000).unwrap().output.len(), MAX);
        let start = Instant::now();
        assert_eq!(run("exec cat /dev/zero", 60_000).err(), Some(ToolError::TooLong(MAX)));
        assert_eq!(
            run("exec cat /dev/zero >&2", 300).err(),
            Some(ToolError::Late(Duration::from_millis(300)))
        );
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_tool_that_hangs_is_ended_with_its_children() {
        let start = Instant::now();
        for script in
            ["sleep 60 & sleep 60; wait", "trap '' TERM; (trap '' TERM; sleep 60) & sleep 60; sleep 60"]
        {
            assert_eq!(run(script, 50).err(), Some(ToolError::Late(Duration::from_millis(50))), "{script}");
        }
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_stream_that_hangs_is_given_up() {
        for script in ["sleep 60", "exec >&-; sleep 60", "echo much; exec >&- 2>&-; sleep 60"] {
            let start = Instant::now();
            let (_, fault) = all_of(&shell(&[OsStr::new("-c"), OsStr::new(script)], 50));
            assert_eq!(
                fault,
                Some(StreamError::Tool(ToolError::Late(Duration::from_millis(50)))),
                "{script}"
            );
            assert!(start.elapsed() < Duration::from_secs(20));
        }
    }
}

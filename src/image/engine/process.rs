//! Running a client program to its end, with bounds on time and output. Knows no engine.

use super::EngineError;
use crate::os::sys::wait::wait_readable;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Most output that is kept of a client, in bytes.
const OUTPUT_MAX: usize = 64 * 1024 * 1024;

/// What a client left.
pub(super) struct Finished {
    pub success: bool,
    pub output: Vec<u8>,
    /// What it said on standard error.
    pub errors: String,
}

/// Runs `program` with `arguments`. It runs in a process group of its own, so that a Ctrl-C at the terminal does not
/// stop a clean-up that is under way.
pub(super) fn run(
    program: &Path,
    arguments: &[&OsStr],
    environment: &[(String, String)],
    patience: Duration,
) -> Result<Finished, EngineError> {
    run_with_input(program, arguments, environment, b"", patience)
}

/// As [`run`], with a short text on its standard input.
pub(super) fn run_with_input(
    program: &Path,
    arguments: &[&OsStr],
    environment: &[(String, String)],
    input: &[u8],
    patience: Duration,
) -> Result<Finished, EngineError> {
    let name = || program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|fault| EngineError::Failed(name(), fault.kind().to_string()))?;
    if let Some(mut to) = child.stdin.take() {
        // A program that reads no input may be gone by now. A short text has room in the pipe.
        let _ = to.write_all(input);
    }
    let deadline = Instant::now() + patience;
    let mut output = Kept::of(child.stdout.take());
    let mut errors = Kept::of(child.stderr.take());
    while output.is_open() || errors.is_open() {
        let ready = match wait_until([output.descriptor(), errors.descriptor()], deadline) {
            Ok(Some(ready)) => ready,
            Ok(None) => {
                end_group(&mut child);
                return Err(EngineError::after(patience));
            }
            Err(fault) => {
                end_group(&mut child);
                return Err(EngineError::Transfer(fault.kind()));
            }
        };
        output.take_if(ready[0]);
        errors.take_if(ready[1]);
    }
    let status = wait(&mut child, deadline, patience)?;
    if output.is_too_long() {
        return Err(EngineError::TooLarge(OUTPUT_MAX));
    }
    Ok(Finished { success: status.success(), output: output.bytes, errors: errors.text() })
}

/// The standard output of a client that runs, read as it comes. The client is ended where the reader is dropped before its end.
pub(super) struct Stream {
    child: Child,
    output: Option<ChildStdout>,
    errors: Kept<ChildStderr>,
    name: String,
    patience: Duration,
}

impl Stream {
    /// Waits until one of the streams that are open has something to read, or has ended.
    fn wait_for_any(&mut self, deadline: Instant) -> std::io::Result<[bool; 2]> {
        let output = self.output.as_ref().map(AsFd::as_fd);
        let ready = wait_until([output, self.errors.descriptor()], deadline)?;
        ready.ok_or_else(|| self.given_up())
    }

    fn given_up(&mut self) -> std::io::Error {
        self.output = None;
        end_group(&mut self.child);
        std::io::Error::other(EngineError::after(self.patience).message())
    }
}

/// Starts `program` and gives its standard output.
///
/// It stays in the process group of its caller: a Ctrl-C at the terminal ends it, and so the wait for it. Where nothing comes for
/// `patience`, it is ended.
pub(super) fn stream(
    program: &Path,
    arguments: &[&OsStr],
    environment: &[(String, String)],
    patience: Duration,
) -> Result<Stream, EngineError> {
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().map_err(|fault| EngineError::Failed(name.clone(), fault.kind().to_string()))?;
    let (output, errors) = (child.stdout.take(), Kept::of(child.stderr.take()));
    Ok(Stream { child, output, errors, name, patience })
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.output.is_none() {
            return Ok(0);
        }
        let deadline = Instant::now() + self.patience;
        // What it says is taken meanwhile: a client that waits for somebody to read its errors writes nothing else.
        loop {
            let [is_output, is_error] = self.wait_for_any(deadline)?;
            self.errors.take_if(is_error);
            if is_output {
                break;
            }
        }
        let Some(output) = &mut self.output else { return Ok(0) };
        let count = output.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            self.output = None;
            // One that still has much to say does not end before that is taken.
            while self.errors.is_open() {
                let [_, is_error] = self.wait_for_any(deadline)?;
                self.errors.take_if(is_error);
            }
            let status = wait(&mut self.child, deadline, self.patience)
                .map_err(|fault| std::io::Error::other(fault.message()))?;
            if !status.success() {
                let said: String = self.errors.text().trim().chars().take(500).collect();
                return Err(std::io::Error::other(EngineError::Failed(self.name.clone(), said).message()));
            }
        }
        Ok(count)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.output.is_some() {
            end_group(&mut self.child);
        }
    }
}

/// Which of `streams` can be read, once one can; none at the deadline. Signals do not end the wait.
fn wait_until(streams: [Option<BorrowedFd>; 2], deadline: Instant) -> std::io::Result<Option<[bool; 2]>> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match wait_readable(streams, Some(left)) {
            Err(fault) if fault.kind() == std::io::ErrorKind::Interrupted => {}
            ready => return ready,
        }
    }
}

/// What a client wrote into one stream: no more than the bound and one byte is kept, and what comes after is read all the same.
struct Kept<R> {
    stream: Option<R>,
    bytes: Vec<u8>,
}

impl<R: Read + AsFd> Kept<R> {
    fn of(stream: Option<R>) -> Kept<R> {
        Kept { stream, bytes: Vec::new() }
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
                let room = (OUTPUT_MAX + 1).saturating_sub(self.bytes.len());
                self.bytes.extend_from_slice(&buffer[..count.min(room)]);
            }
            Err(fault) if fault.kind() == std::io::ErrorKind::Interrupted => {}
            // A read that fails ends the output: what came before it is judged by the exit status.
            _ => self.stream = None,
        }
    }

    fn is_too_long(&self) -> bool {
        self.bytes.len() > OUTPUT_MAX
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

fn wait(child: &mut Child, deadline: Instant, patience: Duration) -> Result<ExitStatus, EngineError> {
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() < deadline => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(10));
            }
            Ok(None) => {
                end_group(child);
                return Err(EngineError::after(patience));
            }
            Err(fault) => return Err(EngineError::Transfer(fault.kind())),
        }
    }
}

/// Ends the client and what it started. A client that is gone already needs nothing.
fn end_group(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, patience: Duration) -> Result<Finished, EngineError> {
        run(
            Path::new("/bin/sh"),
            &[OsStr::new("-c"), OsStr::new(script)],
            &[("X".into(), "y".into())],
            patience,
        )
    }

    #[test]
    fn output_errors_and_status_are_told() {
        let done = shell("echo out $X; echo err >&2; exit 3", Duration::from_secs(10)).unwrap();
        assert_eq!(
            (done.success, done.output.as_slice(), done.errors.as_str()),
            (false, &b"out y\n"[..], "err\n")
        );
        let missing = run(Path::new("/nonexistent/client"), &[], &[], Duration::from_secs(1));
        assert_eq!(missing.err(), Some(EngineError::Failed("client".into(), "entity not found".into())));
    }

    /// More than what a pipe holds, on both streams in turns.
    const MUCH: &str =
        "i=0; while [ $i -lt 40 ]; do printf %09999d 1 >&2; printf %09999d 2; i=$((i + 1)); done; exit 3";

    #[test]
    fn much_on_both_streams_holds_nothing_up() {
        let done = shell(MUCH, Duration::from_secs(60)).unwrap();
        assert_eq!((done.success, done.output.len(), done.errors.len()), (false, 399_960, 399_960));
        let arguments = [OsStr::new("-c"), OsStr::new(MUCH)];
        let mut stream = stream(Path::new("/bin/sh"), &arguments, &[], Duration::from_secs(60)).unwrap();
        let mut output = Vec::new();
        let fault = stream.read_to_end(&mut output).unwrap_err().to_string();
        assert_eq!(output.len(), 399_960);
        assert!(fault.contains("0000000"), "{fault}");
    }

    #[test]
    fn what_a_client_leaves_behind_does_not_hold_the_output_open_for_good() {
        let hung = shell("sleep 60 & echo out", Duration::from_millis(50));
        assert_eq!(hung.err(), Some(EngineError::Timeout(50)));
    }

    #[test]
    fn a_client_that_prints_more_than_anybody_reads_is_too_much() {
        let much = shell("head -c 70000000 /dev/zero", Duration::from_secs(60));
        assert_eq!(much.err(), Some(EngineError::TooLarge(OUTPUT_MAX)));
        let start = Instant::now();
        let endless = shell("exec cat /dev/zero", Duration::from_millis(300));
        assert_eq!(endless.err(), Some(EngineError::Timeout(300)));
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_client_that_hangs_is_ended_with_its_children() {
        let start = Instant::now();
        let hung = shell("sleep 60 & sleep 60; wait", Duration::from_millis(50));
        assert_eq!(hung.err(), Some(EngineError::Timeout(50)));
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_stream_that_hangs_is_given_up() {
        for script in ["sleep 60", "exec >&-; sleep 60", "echo much; exec >&- 2>&-; sleep 60"] {
            let start = Instant::now();
            let arguments = [OsStr::new("-c"), OsStr::new(script)];
            let mut stream =
                stream(Path::new("/bin/sh"), &arguments, &[], Duration::from_millis(50)).unwrap();
            let fault = stream.read_to_end(&mut Vec::new()).unwrap_err().to_string();
            assert_eq!(fault, EngineError::after(Duration::from_millis(50)).message(), "{script}");
            assert!(start.elapsed() < Duration::from_secs(20));
        }
    }
}

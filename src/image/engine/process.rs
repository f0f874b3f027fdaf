//! Running a client program to its end, with bounds on time and output. Knows no engine.

use super::EngineError;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
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
    let output = child.stdout.take().map(drain);
    let errors = child.stderr.take().map(drain);
    let status = wait(&mut child, patience)?;
    let output = collected(output);
    if output.len() > OUTPUT_MAX {
        return Err(EngineError::TooLarge(OUTPUT_MAX));
    }
    let errors = String::from_utf8_lossy(&collected(errors)).into_owned();
    Ok(Finished { success: status.success(), output, errors })
}

/// The standard output of a client that runs, read as it comes. The client is ended where the reader is dropped before its end.
pub(super) struct Stream {
    child: Child,
    output: Option<ChildStdout>,
    errors: Option<JoinHandle<Vec<u8>>>,
    name: String,
}

/// Starts `program` and gives its standard output.
pub(super) fn stream(
    program: &Path,
    arguments: &[&OsStr],
    environment: &[(String, String)],
) -> Result<Stream, EngineError> {
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child =
        command.spawn().map_err(|fault| EngineError::Failed(name.clone(), fault.kind().to_string()))?;
    let (output, errors) = (child.stdout.take(), child.stderr.take().map(drain));
    Ok(Stream { child, output, errors, name })
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Some(output) = &mut self.output else { return Ok(0) };
        let count = output.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            self.output = None;
            let status = self.child.wait()?;
            let errors = String::from_utf8_lossy(&collected(self.errors.take())).into_owned();
            if !status.success() {
                let said: String = errors.trim().chars().take(500).collect();
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

/// Reads a stream to its end on a thread of its own, keeping no more than the bound and one byte.
fn drain(mut stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        // A read that fails ends the output: what came before it is judged by the exit status.
        let _ = stream.by_ref().take(OUTPUT_MAX as u64 + 1).read_to_end(&mut kept);
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
        kept
    })
}

fn collected(thread: Option<JoinHandle<Vec<u8>>>) -> Vec<u8> {
    thread.and_then(|thread| thread.join().ok()).unwrap_or_default()
}

fn wait(child: &mut Child, patience: Duration) -> Result<ExitStatus, EngineError> {
    let deadline = Instant::now() + patience;
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
                return Err(EngineError::Timeout(patience.as_millis().try_into().unwrap_or(u64::MAX)));
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

    #[test]
    fn a_client_that_hangs_is_ended_with_its_children() {
        let start = Instant::now();
        let hung = shell("sleep 60 & sleep 60; wait", Duration::from_millis(50));
        assert_eq!(hung.err(), Some(EngineError::Timeout(50)));
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}

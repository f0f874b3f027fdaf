//! Running a client program: an engine's words for what comes of it. Knows no engine, and not how programs are run.

use super::EngineError;
use crate::os::tool::{Stream, StreamError, Tool, ToolError};
use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// Most output that is kept of a client, in bytes.
const OUTPUT_MAX: usize = 64 * 1024 * 1024;

/// What a client left.
#[derive(Debug)]
pub(super) struct Finished {
    pub success: bool,
    pub output: Vec<u8>,
    /// What it said on standard error.
    pub errors: String,
}

/// Runs `program` with `arguments`.
pub(super) fn run(
    program: &Path,
    arguments: &[&OsStr],
    environment: &[(String, String)],
    patience: Duration,
) -> Result<Finished, EngineError> {
    run_with_input(program, arguments, environment, b"", patience)
}

/// As [`run`], with a text on its standard input.
pub(super) fn run_with_input(
    program: &Path,
    arguments: &[&OsStr],
    environment: &[(String, String)],
    input: &[u8],
    patience: Duration,
) -> Result<Finished, EngineError> {
    let tool = Tool { program, arguments, environment, input, patience, output_max: OUTPUT_MAX };
    let done = tool.run().map_err(|fault| of_tool(fault, &name_of(program)))?;
    Ok(Finished { success: done.status.success(), output: done.output, errors: done.errors })
}

/// Starts `program` and gives its standard output. Where nothing comes for `patience`, it is ended, as it is where the reader is dropped.
pub(super) fn stream(
    program: &Path,
    arguments: &[&OsStr],
    environment: &[(String, String)],
    patience: Duration,
) -> Result<Saved, EngineError> {
    let tool = Tool { program, arguments, environment, input: b"", patience, output_max: OUTPUT_MAX };
    let name = name_of(program);
    let stream = tool.stream().map_err(|fault| of_tool(fault, &name))?;
    Ok(Saved { stream, name })
}

/// The standard output of a client that runs, read as it comes.
pub(super) struct Saved {
    stream: Stream,
    name: String,
}

impl Read for Saved {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stream.next(buffer).map_err(|fault| {
            let fault = match fault {
                StreamError::Tool(fault) => of_tool(fault, &self.name),
                StreamError::Failed(said) => {
                    EngineError::Failed(self.name.clone(), said.trim().chars().take(500).collect())
                }
            };
            std::io::Error::other(fault.message())
        })
    }
}

fn name_of(program: &Path) -> String {
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

fn of_tool(fault: ToolError, name: &str) -> EngineError {
    match fault {
        ToolError::NotStarted(fault) => EngineError::Failed(name.to_owned(), fault.to_string()),
        ToolError::Late(patience) => EngineError::after(patience),
        ToolError::TooLong(limit) => EngineError::TooLarge(limit),
        ToolError::Transfer(fault) => EngineError::Transfer(fault),
        ToolError::Interrupted => EngineError::Interrupted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_of_a_client_is_told_in_an_engines_words() {
        let missing = run(Path::new("/nonexistent/client"), &[], &[], Duration::from_secs(1));
        assert_eq!(
            missing.err(),
            Some(EngineError::Failed("client".into(), "No such file or directory".into()))
        );
        let shell = |script: &str, patience: u64| {
            let arguments = [OsStr::new("-c"), OsStr::new(script)];
            run(Path::new("/bin/sh"), &arguments, &[], Duration::from_millis(patience))
        };
        assert_eq!(shell("sleep 60", 50).err(), Some(EngineError::Timeout(50)));
        let much = shell("head -c 70000000 /dev/zero", 60_000);
        assert_eq!(much.err(), Some(EngineError::TooLarge(OUTPUT_MAX)));
        assert!(!shell("exit 1", 10_000).unwrap().success);
    }

    #[test]
    fn a_client_that_fails_breaks_its_output_off_with_what_it_said() {
        let arguments = [OsStr::new("-c"), OsStr::new("echo much; echo why >&2; exit 1")];
        let mut saved = stream(Path::new("/bin/sh"), &arguments, &[], Duration::from_secs(10)).unwrap();
        let mut output = Vec::new();
        let fault = saved.read_to_end(&mut output).unwrap_err();
        assert_eq!((output, fault.to_string()), (b"much\n".to_vec(), "sh failed: why".to_owned()));
    }
}

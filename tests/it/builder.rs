//! The builder of tests written in Rust: files, arguments and environment in, everything the program printed and its
//! status compared by default. What is not said is expected to be empty, and the status 0.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStringExt;

use crate::program::{self, Program};
use crate::run::{Invocation, Outcome, Workplace};

/// Why a test failed, for a reader.
pub type Failure = String;

/// One test: what to set up, what to run, what to expect.
#[derive(Default)]
pub struct Test {
    files: Vec<(String, Vec<u8>)>,
    setup: Option<String>,
    invocation: Invocation,
    expected: Outcome,
}

impl Test {
    /// A test of an empty folder, without arguments, that expects no output and status 0.
    pub fn new() -> Test {
        Test { expected: Outcome { status: "0".to_owned(), ..Outcome::default() }, ..Test::default() }
    }

    /// Writes a file, making the folders on its way.
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Test {
        self.files.push((path.to_owned(), content.into()));
        self
    }

    /// Writes the file `Makefile`.
    pub fn makefile(self, content: impl Into<Vec<u8>>) -> Test {
        self.file("Makefile", content)
    }

    /// Runs a shell script in the folder before the program.
    pub fn setup(mut self, script: &str) -> Test {
        self.setup = Some(script.to_owned());
        self
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl Into<Vec<u8>>) -> Test {
        self.invocation.args.push(OsString::from_vec(arg.into()));
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: &str, value: &str) -> Test {
        self.invocation.env.push((name.into(), value.into()));
        self
    }

    /// What the program reads.
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Test {
        self.invocation.stdin = text.into();
        self
    }

    /// Runs as an ordinary user even when the tests run as root.
    pub fn unprivileged(mut self) -> Test {
        self.invocation.unprivileged = true;
        self
    }

    /// The standard output expected.
    pub fn stdout(mut self, text: impl Into<Vec<u8>>) -> Test {
        self.expected.stdout = text.into();
        self
    }

    /// The standard error expected.
    pub fn stderr(mut self, text: impl Into<Vec<u8>>) -> Test {
        self.expected.stderr = text.into();
        self
    }

    /// The exit code expected.
    pub fn status(mut self, code: i32) -> Test {
        self.expected.status = code.to_string();
        self
    }

    /// Runs imk, and GNU make where it is there: both must do what is expected.
    pub fn same_as_gnu_make(self) -> Result<(), Failure> {
        if let Some(make) = program::gnu_make() {
            self.run_with(make).map_err(|failure| format!("of GNU make itself: {failure}"))?;
        }
        self.run()
    }

    /// Runs imk and compares.
    pub fn run(self) -> Result<(), Failure> {
        self.run_with(&program::imk())
    }

    fn run_with(&self, program: &Program) -> Result<(), Failure> {
        compare(&self.expected, &self.outcome(program)?)
    }

    /// Runs `program` and says what it did, for tests that compare in a way of their own.
    pub fn outcome(&self, program: &Program) -> Result<Outcome, Failure> {
        let place = Workplace::new(program).map_err(|error| format!("no folder to work in: {error}"))?;
        let prepared = self.prepare(&place).and_then(|()| place.run(&self.invocation));
        prepared.map_err(|error| format!("could not run: {error}"))
    }

    fn prepare(&self, place: &Workplace) -> std::io::Result<()> {
        for (path, content) in &self.files {
            let path = place.dir().join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, content)?;
        }
        match &self.setup {
            Some(script) => shell(place, script),
            None => Ok(()),
        }
    }
}

/// Runs a script of a test's own with `/bin/sh -e` in the folder.
pub fn shell(place: &Workplace, script: &str) -> std::io::Result<()> {
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-ec", script]).current_dir(place.dir()).env("LC_ALL", "C");
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(std::io::Error::other(format!("setup: {}", String::from_utf8_lossy(&output.stderr))))
}

/// Compares two outcomes; the failure shows each difference.
pub fn compare(expected: &Outcome, actual: &Outcome) -> Result<(), Failure> {
    let mut failure = String::new();
    if expected.status != actual.status {
        let _ = writeln!(failure, "status: expected {}, was {}", expected.status, actual.status);
    }
    difference(&mut failure, "stdout", &expected.stdout, &actual.stdout);
    difference(&mut failure, "stderr", &expected.stderr, &actual.stderr);
    if failure.is_empty() { Ok(()) } else { Err(failure) }
}

/// Adds to `failure` how `actual` differs from `expected`, line by line, if it does.
pub fn difference(failure: &mut String, what: &str, expected: &[u8], actual: &[u8]) {
    if expected == actual {
        return;
    }
    let _ = writeln!(failure, "{what} differs (- expected, + was):");
    // Odd bytes are shown as escapes: two texts that differ must look different.
    let (expected, actual) = (visible(expected), visible(actual));
    let diff = similar::TextDiff::from_lines(&expected, &actual);
    for change in diff.iter_all_changes() {
        let line: String = change.value().trim_end_matches('\n').chars().take(400).collect();
        let _ = writeln!(failure, "  {}{line}", change.tag());
    }
}

fn visible(text: &[u8]) -> String {
    let mut shown = String::new();
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let (line, end) = match line.split_last() {
            Some((b'\n', line)) => (line, "\n"),
            _ => (line, "<no newline at the end>\n"),
        };
        for chunk in line.utf8_chunks() {
            for char in chunk.valid().chars() {
                if char.is_control() && char != '\t' {
                    shown.extend(char.escape_default());
                } else {
                    shown.push(char);
                }
            }
            for byte in chunk.invalid() {
                let _ = write!(shown, "\\x{byte:02x}");
            }
        }
        shown.push_str(end);
    }
    shown
}

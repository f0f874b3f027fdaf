//! Where two makes meet: runs both on the same scenario, in the same folder one after the other, and compares.
//!
//! Made for speed: no threads, no pipes, the folder in memory where the machine has such a place.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::builder;
use crate::case::{Case, Expectation, MERGED};
use crate::program::Program;
use crate::run::Outcome;

/// How long GNU make may take; a scenario that takes longer (a makefile that is remade for ever) is set aside.
const TIME_LIMIT: Timespec = Timespec { tv_sec: 4, tv_nsec: 0 };

/// A folder for each program to stand in under the name `imk`, and one to run in.
pub struct Arena {
    root: tempfile::TempDir,
    programs: [PathBuf; 2],
    now: SystemTime,
}

/// How a comparison ended.
pub enum Verdict {
    /// Both did the same.
    Same {
        /// Their status.
        status: String,
    },
    /// They differ, for a reader.
    Different(String),
    /// GNU make itself crashed or hung, does not do the same twice, or prints what is its own: nothing to compare.
    Unfit,
}

impl Arena {
    /// Makes one for `imk` against `make`.
    pub fn new(imk: &Program, make: &Program) -> io::Result<Arena> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("imk-differ.");
        let root = match Path::new("/dev/shm").is_dir() {
            true => builder.tempdir_in("/dev/shm").or_else(|_| builder.tempdir())?,
            false => builder.tempdir()?,
        };
        let programs = [root.path().join("under-test"), root.path().join("reference")];
        for (dir, program) in programs.iter().zip([imk, make]) {
            fs::create_dir(dir)?;
            symlink(&program.path, dir.join("imk"))?;
            // The only commands there are: a compiler that built-in rules call would take most of the time.
            for tool in ["echo", "touch", "false", "sh"] {
                symlink(Path::new("/bin").join(tool), dir.join(tool))?;
            }
        }
        Ok(Arena { root, programs, now: SystemTime::now() })
    }

    /// Runs both and compares. A difference is confirmed by running both again.
    pub fn compare(&mut self, case: &Case) -> io::Result<Verdict> {
        let reference = self.run(1, case)?;
        if reference.status == "timeout" || reference.status.starts_with("signal") {
            return Ok(Verdict::Unfit);
        }
        // The usage text and the version are imk's own.
        let own = |text: &[u8]| has(text, b"\nUsage: ") || has(text, b"GNU Make 4.4.1\n");
        if own(&reference.stdout) || own(&reference.stderr) {
            return Ok(Verdict::Unfit);
        }
        let actual = self.run(0, case)?;
        if actual == reference {
            return Ok(Verdict::Same { status: reference.status });
        }
        // More than once: what a recipe runs in the background comes out in an order that is seldom another one.
        for _ in 0..3 {
            if self.run(1, case)? != reference {
                return Ok(Verdict::Unfit);
            }
        }
        let actual = self.run(0, case)?;
        if actual == reference {
            return Ok(Verdict::Unfit);
        }
        Ok(Verdict::Different(describe(&reference, &actual)))
    }

    /// Does the case's only step with one of the programs, in a fresh folder.
    fn run(&mut self, program: usize, case: &Case) -> io::Result<Expectation> {
        let dir = self.root.path().join("dir");
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir)?;
        let mut command = Command::new(self.programs[program].join("imk"));
        command
            .arg0("imk")
            .current_dir(&dir)
            .env_clear()
            .env("PATH", &self.programs[program])
            .env("LC_ALL", "C")
            .process_group(0);
        let merged = case.says(MERGED);
        for section in case.steps.iter().flat_map(|step| &step.inputs) {
            match section.name.as_str() {
                "args" => {
                    command.args(section.words().into_iter().map(OsString::from_vec));
                }
                "env" => {
                    for line in section.lines() {
                        if let Some(at) = line.iter().position(|&byte| byte == b'=') {
                            let (name, value) = (line[..at].to_vec(), line[at + 1..].to_vec());
                            command.env(OsString::from_vec(name), OsString::from_vec(value));
                        }
                    }
                }
                _ => self.write(&dir, &section.name, &section.body)?,
            }
        }
        let (out, err) = (self.root.path().join("stdout"), self.root.path().join("stderr"));
        let stdout = File::create(&out)?;
        let stderr = if merged { stdout.try_clone()? } else { File::create(&err)? };
        let mut child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn()?;
        let group = Pid::from_raw(child.id().cast_signed());
        let late = match group {
            Some(pid) => expires(pid)?,
            None => false,
        };
        if let (true, Some(group)) = (late, group) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let status = child.wait()?;
        let status = match (late, status.code(), status.signal()) {
            (true, ..) => "timeout".to_owned(),
            (false, Some(code), _) => code.to_string(),
            (false, None, signal) => format!("signal {}", signal.unwrap_or(0)),
        };
        let stderr = if merged { Vec::new() } else { fs::read(&err)? };
        let mut files = std::collections::BTreeSet::new();
        list(&dir, "", &mut files)?;
        Ok(Expectation { stdout: fs::read(&out)?, stderr, status, files })
    }

    /// Writes a file with a time of its own, long ago: a different one for each name, the same in every run.
    fn write(&self, dir: &Path, name: &str, body: &[u8]) -> io::Result<()> {
        let path = dir.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, body)?;
        let age = name.bytes().fold(7u64, |sum, byte| (sum * 31 + u64::from(byte)) % 8);
        File::options().write(true).open(path)?.set_modified(self.now - Duration::from_secs(3600 * (age + 1)))
    }
}

fn has(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

/// Waits for a process; whether the time was over first.
fn expires(pid: Pid) -> io::Result<bool> {
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let mut watched = [PollFd::new(&process, PollFlags::IN)];
    loop {
        match poll(&mut watched, Some(&TIME_LIMIT)) {
            Ok(ready) => return Ok(ready == 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Names below `dir`, with the sizes of files.
fn list(dir: &Path, prefix: &str, found: &mut std::collections::BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            list(&entry.path(), &format!("{name}/"), found)?;
        } else {
            found.insert(format!("{name} ({} bytes)", metadata.len()));
        }
    }
    Ok(())
}

/// The difference between what GNU make did and what imk did.
fn describe(reference: &Expectation, actual: &Expectation) -> String {
    let outcome = |of: &Expectation| Outcome {
        stdout: of.stdout.clone(),
        stderr: of.stderr.clone(),
        status: of.status.clone(),
    };
    let mut text = builder::compare(&outcome(reference), &outcome(actual)).err().unwrap_or_default();
    let lines = |of: &Expectation| of.files.iter().map(|file| format!("{file}\n")).collect::<String>();
    builder::difference(&mut text, "files", lines(reference).as_bytes(), lines(actual).as_bytes());
    text
}

//! Runs a make in a folder and brings back what it printed and its status, within a time limit. Knows nothing of expectations.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, io, thread};

use crate::program::Program;

/// How long one run may take before it and all its children are killed.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The user (and group) `nobody`, as whom a run is made that permissions must hold back.
const NOBODY: u32 = 65534;

/// One run to make.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// Arguments after the program's name.
    pub args: Vec<OsString>,
    /// Environment beyond `PATH`, `HOME` and `LC_ALL=C`, which are all that the program gets otherwise.
    pub env: Vec<(OsString, OsString)>,
    /// What it reads; empty otherwise.
    pub stdin: Vec<u8>,
    /// Run as an ordinary user even when the tests run as root.
    pub unprivileged: bool,
    /// Both outputs are one stream, brought back as standard output.
    pub merged: bool,
}

/// What a run printed and how it ended.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outcome {
    /// With the working folder's path as `$DIR`.
    pub stdout: Vec<u8>,
    /// With the working folder's path as `$DIR`.
    pub stderr: Vec<u8>,
    /// The exit code, `signal N`, or `timeout`.
    pub status: String,
}

/// A folder to run in, with a `bin` folder beside it where the program stands under the name `imk`. Removed when dropped.
pub struct Workplace {
    root: tempfile::TempDir,
    dir: PathBuf,
    path: OsString,
}

impl Workplace {
    /// Makes a fresh one for `program`.
    pub fn new(program: &Program) -> io::Result<Workplace> {
        let root = tempfile::Builder::new().prefix("imk-it.").tempdir()?;
        let base = root.path().canonicalize()?;
        let (bin, dir) = (base.join("bin"), base.join("dir"));
        fs::create_dir(&bin)?;
        fs::create_dir(&dir)?;
        symlink(&program.path, bin.join("imk"))?;
        let mut path = bin.into_os_string();
        path.push(":/usr/local/bin:/usr/bin:/bin");
        Ok(Workplace { root, dir, path })
    }

    /// The folder in which programs run.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs the program once.
    pub fn run(&self, invocation: &Invocation) -> io::Result<Outcome> {
        let mut command = Command::new(self.root.path().join("bin/imk"));
        command.arg0("imk").args(&invocation.args).current_dir(&self.dir);
        command.env_clear().env("PATH", &self.path).env("HOME", &self.dir).env("LC_ALL", "C");
        command.envs(invocation.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).process_group(0);
        if invocation.unprivileged && rustix::process::getuid().is_root() {
            self.give_to_nobody()?;
            command.uid(NOBODY).gid(NOBODY);
        }
        let (status, stdout, stderr) = supervise(command, invocation.stdin.clone(), invocation.merged)?;
        Ok(Outcome { stdout: self.normalize(stdout), stderr: self.normalize(stderr), status })
    }

    /// Puts a copy of the program where an ordinary user can reach it, and lets that user own the folder.
    fn give_to_nobody(&self) -> io::Result<()> {
        use std::os::unix::fs::{PermissionsExt, chown};
        let imk = self.root.path().join("bin/imk");
        if imk.is_symlink() {
            let target = imk.canonicalize()?;
            fs::remove_file(&imk)?;
            fs::copy(target, &imk)?;
        }
        fs::set_permissions(self.root.path(), fs::Permissions::from_mode(0o755))?;
        chown(&self.dir, Some(NOBODY), Some(NOBODY))?;
        for entry in fs::read_dir(&self.dir)? {
            chown(entry?.path(), Some(NOBODY), Some(NOBODY))?;
        }
        Ok(())
    }

    fn normalize(&self, text: Vec<u8>) -> Vec<u8> {
        use std::os::unix::ffi::OsStrExt;
        replace(&text, self.dir.as_os_str().as_bytes(), b"$DIR")
    }

    /// Every file and folder in the working folder, by its path in there, sorted.
    pub fn files(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut pending = vec![self.dir.clone()];
        while let Some(dir) = pending.pop() {
            let Ok(entries) = fs::read_dir(&dir) else { continue };
            for entry in entries {
                let entry = entry?;
                let path = entry.path();
                let name = path.strip_prefix(&self.dir).unwrap_or(&path).to_string_lossy().into_owned();
                if entry.file_type()?.is_dir() {
                    pending.push(path);
                    found.push(name + "/");
                } else {
                    found.push(name);
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Starts a command, feeds and reads it, and kills its process group when the time is over.
fn supervise(mut command: Command, stdin: Vec<u8>, merged: bool) -> io::Result<(String, Vec<u8>, Vec<u8>)> {
    let (out, out_end) = io::pipe()?;
    let (err, err_end) = io::pipe()?;
    if merged {
        // Nobody writes to the other pipe: its reader is to see the end at once.
        drop(err_end);
        command.stderr(out_end.try_clone()?);
    } else {
        command.stderr(err_end);
    }
    let mut child = spawn(command.stdout(out_end))?;
    // The command holds this process's ends of the pipes: while it lives, their readers see no end.
    drop(command);
    let group = rustix::process::Pid::from_raw(child.id().cast_signed());
    let (done, finished) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        let late = finished.recv_timeout(TIME_LIMIT) == Err(mpsc::RecvTimeoutError::Timeout);
        if let (true, Some(group)) = (late, group) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        late
    });
    let feed = child.stdin.take();
    let feeder = thread::spawn(move || {
        // A program that ends without reading all of its input is no failure of the test.
        feed.map(|mut pipe| pipe.write_all(&stdin))
    });
    let stdout = reader(out);
    let stderr = reader(err);
    let stdout = stdout.join().unwrap_or_default();
    let stderr = stderr.join().unwrap_or_default();
    let status = child.wait()?;
    let _ = feeder.join();
    drop(done);
    let late = watchdog.join().unwrap_or(false);
    Ok((describe(status, late), stdout, stderr))
}

/// Starts a command, patiently: a program just copied is "busy" while a child that another test forked holds it open.
fn spawn(command: &mut Command) -> io::Result<Child> {
    for _ in 0..100 {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                thread::sleep(Duration::from_millis(10))
            }
            result => return result,
        }
    }
    command.spawn()
}

fn reader(mut pipe: io::PipeReader) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut text = Vec::new();
        let _ = pipe.read_to_end(&mut text);
        text
    })
}

fn describe(status: ExitStatus, late: bool) -> String {
    match (late, status.code(), status.signal()) {
        (true, ..) => "timeout".to_owned(),
        (false, Some(code), _) => code.to_string(),
        (false, None, signal) => format!("signal {}", signal.unwrap_or(0)),
    }
}

/// Every occurrence of `from` in `text` replaced.
pub fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, from) {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    result.extend_from_slice(rest);
    result
}

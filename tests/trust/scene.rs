//! A folder with a makefile, an engine made of files, and runs in it that end in time and leave no process. Knows nothing of what
//! goes wrong there.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::daemon::{Daemon, Manner};
use crate::program::{self, Program};

/// How long one run may take before it counts as hung.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// The variable by which a run's processes are known.
const MARK: &str = "IMK_TRUST_RUN";

/// A folder to run in.
pub struct Scene {
    base: tempfile::TempDir,
    /// The engine.
    pub daemon: Daemon,
    /// The engine's socket, in the engine's folder.
    pub socket: &'static str,
    /// The engine's address, where it is not that socket's.
    pub address: Option<&'static str>,
    mark: String,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit code, or `signal N`.
    pub status: String,
}

pub fn words(error: std::io::Error) -> Failure {
    error.to_string()
}

impl Scene {
    /// A folder with this makefile, and a file `in`.
    pub fn new(makefile: &str, manner: Manner) -> Result<Scene, Failure> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let base = tempfile::Builder::new().prefix("imk-trust.").tempdir().map_err(words)?;
        fs::create_dir(base.path().join("bin")).map_err(words)?;
        fs::create_dir(base.path().join("dir")).map_err(words)?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}-{number}", std::process::id());
        let daemon = Daemon::new(manner).map_err(words)?;
        let scene = Scene { base, daemon, socket: "e.sock", address: None, mark };
        scene.stand_for_imk(&program::imk())?;
        scene.write("Makefile", makefile)?;
        scene.write("in", "input\n")?;
        Ok(scene)
    }

    /// Has another program run under the name `imk`.
    pub fn stand_for_imk(&self, program: &Program) -> Result<(), Failure> {
        self.stand_for("imk", &program.path)
    }

    /// Has `program` run under a name, before all others of it.
    pub fn stand_for(&self, name: &str, program: &Path) -> Result<(), Failure> {
        let link = self.base.path().join("bin").join(name);
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(program, link).map_err(words)
    }

    /// Compiles a library in C, and gives the variable that has the loader take it before all others.
    pub fn preloaded(&self, source: &str) -> Result<String, Failure> {
        let folder = self.daemon.path().display().to_string();
        let (file, object) = (format!("{folder}/preloaded.c"), format!("{folder}/preloaded.so"));
        fs::write(&file, source).map_err(words)?;
        let made = self.run(&["cc", "-shared", "-fPIC", "-o", &object, &file, "-ldl"])?;
        equal(&made.stderr, made.status.as_str(), "0")?;
        Ok(format!("LD_PRELOAD={object}"))
    }

    /// The folder in which programs run.
    pub fn dir(&self) -> PathBuf {
        self.base.path().join("dir")
    }

    /// The folder that has all of the scene, the files that are temporary among it.
    pub fn whole(&self) -> PathBuf {
        self.base.path().to_owned()
    }

    /// The folder of programs that come first on PATH.
    pub fn programs(&self) -> PathBuf {
        self.base.path().join("bin")
    }

    /// Writes a file there.
    pub fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        fs::write(self.dir().join(name), text).map_err(words)
    }

    /// The text of a file there; none where it is missing.
    pub fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.dir().join(name)).ok()
    }

    /// A command that is run in the folder: `words` are looked up on the scene's PATH.
    pub fn command(&self, words: &[&str]) -> Command {
        let own = self.base.path().join("bin");
        let path = format!("{}:{}", own.display(), self.daemon.search_path());
        let (name, arguments) = words.split_first().unwrap_or((&"imk", &[]));
        let program: OsString = if *name == "imk" { own.join("imk").into() } else { name.into() };
        let mut command = Command::new(program);
        command.arg0(name).args(arguments).current_dir(self.dir()).process_group(0);
        command.env_clear().env("LC_ALL", "C").env("PATH", path).env("HOME", self.dir());
        command.env("TMPDIR", self.base.path()).env(MARK, &self.mark);
        let address = self.address.map_or_else(|| self.daemon.address(self.socket), str::to_owned);
        command.env("FAKE", self.daemon.path()).env("DOCKER_HOST", address);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs imk with these arguments.
    pub fn imk(&self, arguments: &[&str]) -> Result<Outcome, Failure> {
        self.run(&[&["imk"], arguments].concat())
    }

    /// Runs a command to its end.
    pub fn run(&self, words_: &[&str]) -> Result<Outcome, Failure> {
        let mut child = self.command(words_).spawn().map_err(words)?;
        self.wait(&mut child)
    }

    /// Waits for a command, reads what it says, and holds it to end in time.
    pub fn wait(&self, child: &mut Child) -> Result<Outcome, Failure> {
        let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
        let deadline = Instant::now() + TIME_LIMIT;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(words)? {
                break status;
            }
            if Instant::now() > deadline {
                self.end_all();
                let _ = child.wait();
                return Err(format!("hung for {TIME_LIMIT:?}"));
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let status = status
            .code()
            .map_or_else(|| format!("signal {}", status.signal().unwrap_or(0)), |code| code.to_string());
        // A signal to all takes its time to arrive. A process that is left holds the streams open: it is ended, so that they can
        // be read, and told.
        let mut left = self.processes();
        let deadline = Instant::now() + Duration::from_secs(2);
        while !left.is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
            left = self.processes();
        }
        self.end_all();
        let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
        let outcome = Outcome { stdout, stderr, status };
        if outcome.stderr.contains("panicked") || outcome.status == "101" {
            return Err(format!("panic: {outcome:?}"));
        }
        match left.is_empty() {
            true => Ok(outcome),
            false => Err(format!("processes are left: {left:?} of {outcome:?}")),
        }
    }

    /// Processes of this scene's runs that are alive, by their command lines.
    pub fn processes(&self) -> Vec<(i32, String)> {
        let wanted = format!("{MARK}={}", self.mark);
        let is_own = |folder: &Path| {
            let text = fs::read(folder.join("environ")).unwrap_or_default();
            text.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes())
        };
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbered =
            entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
        let own = numbered.filter(|(_, folder)| is_own(folder));
        own.map(|(pid, folder)| {
            let line = fs::read(folder.join("cmdline")).unwrap_or_default();
            (pid, String::from_utf8_lossy(&line).replace('\0', " "))
        })
        .collect()
    }

    /// Ends all of them.
    pub fn end_all(&self) {
        for (pid, _) in self.processes() {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }

    /// Names of the files in the folder that begin with a dot, and of those in the folder for temporary files: what should not
    /// stay.
    pub fn litter(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir()).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let own = fs::read_dir(self.base.path()).into_iter().flatten().flatten();
        let temporary = own.filter_map(|entry| entry.file_name().into_string().ok());
        names
            .filter(|name| name.starts_with('.'))
            .chain(temporary.filter(|name| name != "bin" && name != "dir"))
            .collect()
    }
}

fn drain(stream: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// Fails where two things are not equal.
pub fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), Failure> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:#?}, expected {expected:#?}")) }
}

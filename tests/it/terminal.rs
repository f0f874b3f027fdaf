//! A program on a terminal of its own: keys go in, and what the screen was sent comes out. Knows nothing of what programs say.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::builder::Failure;

/// How long a text is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A terminal with a program on it. The program is killed when this is dropped.
pub struct Terminal {
    keys: File,
    shown: Receiver<Vec<u8>>,
    text: Vec<u8>,
    child: Child,
}

impl Terminal {
    /// Starts `words` in `folder` on a terminal of `columns` by `rows`, with `PATH` beginning with the folder `first`.
    pub fn start<W: AsRef<OsStr>>(
        words: &[W],
        folder: &Path,
        first: &Path,
        (columns, rows): (u16, u16),
    ) -> Result<Terminal, Failure> {
        let fault = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .and_then(|keys| grantpt(&keys).and_then(|()| unlockpt(&keys)).map(|()| keys))
            .map_err(|error| fault("no terminal", &error))?;
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&keys, size).map_err(|error| fault("no size", &error))?;
        let name = ptsname(&keys, Vec::new()).map_err(|error| fault("no name", &error))?;
        let open = || File::options().read(true).write(true).open(name.to_string_lossy().as_ref());
        let end = open().map_err(|error| fault("not opened", &error))?;
        let stream = || end.try_clone().map(|end| Stdio::from(OwnedFd::from(end)));
        // `setsid --ctty` makes the terminal the session's own, so that keys become signals.
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).args(words).current_dir(folder);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", first.display());
        command
            .env_clear()
            .env("PATH", path)
            .env("TERM", "xterm")
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", folder);
        for stdio in [Command::stdin, Command::stdout, Command::stderr] {
            stdio(&mut command, stream().map_err(|error| fault("no stream", &error))?);
        }
        let child = command.spawn().map_err(|error| fault("setsid", &error))?;
        drop(command);
        let mut screen = File::from(keys.try_clone().map_err(|error| fault("no copy", &error))?);
        let (send, shown) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut buffer) {
                if send.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Terminal { keys: File::from(keys), shown, text: Vec::new(), child })
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) -> Result<(), Failure> {
        self.keys.write_all(keys.as_bytes()).map_err(|error| format!("keys: {error}"))
    }

    /// Waits until what was shown since the last such call has `wanted` in it; gives all that was shown up to now.
    pub fn expect(&mut self, wanted: &str) -> Result<String, Failure> {
        let until = Instant::now() + PATIENCE;
        loop {
            if memchr::memmem::find(&self.text, wanted.as_bytes()).is_some() {
                let shown = String::from_utf8_lossy(&self.text).into_owned();
                self.text.clear();
                return Ok(shown);
            }
            match self.shown.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(more) => self.text.extend(more),
                Err(_) => {
                    let shown = String::from_utf8_lossy(&self.text).escape_debug().to_string();
                    return Err(format!("{wanted:?} did not come; shown was {shown}"));
                }
            }
        }
    }

    /// Waits for the program's end; gives its status and what was shown since the last call of `expect`.
    pub fn end(mut self) -> Result<(i32, String), Failure> {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().map_err(|error| error.to_string())? {
                Some(status) => break status,
                None if Instant::now() > until => return Err("it does not end".to_owned()),
                None => {}
            }
            if let Ok(more) = self.shown.recv_timeout(Duration::from_millis(20)) {
                self.text.extend(more);
            }
        };
        // The last of it may yet be on its way. The terminal closes with the last process that has it open.
        while let Ok(more) = self.shown.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.text.extend(more);
        }
        let shown = String::from_utf8_lossy(&self.text).into_owned();
        Ok((status.code().unwrap_or(-1), shown))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

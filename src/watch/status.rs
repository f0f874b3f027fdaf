//! What the session says, in words: plain lines, or on a terminal one line that is kept up to date. Decides nothing.

use super::paths::{Path, is_within};
use super::session::Say;
use super::source::Limit;
use crate::base::log::unobeyed;
use crate::base::printable::printable;
use std::io::Write;
use std::time::Duration;

/// Says things on standard error.
pub struct Status {
    program: Vec<u8>,
    /// Paths are shown from here.
    folder: Vec<u8>,
    /// Whether there are keys, and one line is kept up to date.
    terminal: bool,
    /// The line on the terminal that the next one replaces.
    shown: bool,
    /// How the last run ended, for the line on the terminal.
    last: Option<String>,
    paused: bool,
}

/// Clears the line that the cursor is at the beginning of, and what is below it.
const CLEAR: &[u8] = b"\r\x1b[J";

/// How many paths are named.
const NAMED: usize = 3;

impl Status {
    /// Says things under the name `program`, paths seen from `folder`.
    pub fn new(program: &[u8], folder: Vec<u8>, terminal: bool) -> Status {
        Status { program: program.to_vec(), folder, terminal, shown: false, last: None, paused: false }
    }

    fn write(&mut self, text: &str, stays: bool) {
        let mut line = Vec::new();
        if std::mem::take(&mut self.shown) {
            line.extend_from_slice(CLEAR);
        }
        let replaced = !stays && self.terminal;
        if replaced {
            line.extend_from_slice(b"\x1b[?7l");
        }
        line.extend_from_slice(&self.program);
        line.extend_from_slice(b": ");
        // Goals and files have any names.
        line.extend_from_slice(&unobeyed(printable(text).as_bytes()));
        // Cut at the edge of the terminal, the cursor at its beginning: however the terminal is resized, all of it can be cleared.
        line.extend_from_slice(if replaced { b"\x1b[?7h\r" } else { b"\n" });
        self.shown = replaced;
        let _ = std::io::stderr().write_all(&line);
    }

    /// Clears the line that is kept up to date.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = std::io::stderr().write_all(CLEAR);
        }
    }

    fn path(&self, path: &[u8]) -> String {
        let below = if is_within(path, &self.folder) { path.get(self.folder.len() + 1..) } else { None };
        String::from_utf8_lossy(below.unwrap_or(path)).into_owned()
    }

    fn paths(&self, paths: &[Path]) -> String {
        let named: Vec<String> = paths.iter().take(NAMED).map(|path| self.path(path)).collect();
        match paths.len() {
            0..=NAMED => named.join(", "),
            more => format!("{} and {} more", named.join(", "), more - NAMED),
        }
    }

    /// Says what the session wants said; `names` are the goals', `watched` the number of files and folders.
    pub fn say(&mut self, say: &Say, names: &[String], watched: (usize, usize)) {
        let goals = |goals: &[usize]| {
            let names: Vec<&str> =
                goals.iter().filter_map(|&goal| names.get(goal).map(String::as_str)).collect();
            names.join(" ")
        };
        match say {
            Say::Starting { goals: of, causes } if causes.is_empty() => {
                self.write(&format!("making {}", goals(of)), true);
            }
            Say::Starting { goals: of, causes } => {
                self.write(&format!("{} changed: making {}", self.paths(causes), goals(of)), true);
            }
            Say::Stopping { causes } if causes.is_empty() => self.write("stopping", true),
            Say::Stopping { causes } => {
                self.write(&format!("{} changed: stopping", self.paths(causes)), true);
            }
            Say::Killing => self.write("it does not end: killing it", true),
            Say::Ended { goals: of, status, took, stopped } => {
                let took = duration(*took);
                let text = match (status, stopped) {
                    (_, true) => format!("{}: stopped after {took}", goals(of)),
                    (0, _) => format!("{}: made in {took}", goals(of)),
                    _ => format!("{}: failed with status {status} after {took}", goals(of)),
                };
                if self.terminal && !stopped {
                    self.last = Some(text);
                } else {
                    self.write(&text, true);
                }
            }
            Say::OwnProduct(path) => {
                let path = self.path(path);
                self.write(
                    &format!("{path} is changed by the run itself, which is not repeated for it"),
                    true,
                );
            }
            Say::Paused => {
                self.paused = true;
                self.idle(names, watched);
            }
            Say::Resumed => {
                self.paused = false;
                self.idle(names, watched);
            }
            Say::Idle => self.idle(names, watched),
        }
    }

    fn idle(&mut self, names: &[String], (files, folders): (usize, usize)) {
        let doing = if self.paused { "paused" } else { "watching" };
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let mut text = format!(
            "{doing} {} in {} for {}",
            count(files, "file"),
            count(folders, "folder"),
            names.join(" ")
        );
        if self.terminal {
            // Eighty columns have room for no more.
            text = format!("{doing} {}", count(files, "file"));
            if let Some(last) = &self.last {
                text = format!("{last}; {text}");
            }
            text.push_str("  [r run, p pause, q quit]");
        }
        self.write(&text, false);
    }

    /// Says that events are not to be had.
    pub fn limit(&mut self, limit: Limit, interval: Duration) {
        let what = match limit {
            Limit::Watches => "the limit of inotify watches (fs.inotify.max_user_watches) is reached",
            Limit::Memory => "the system has no memory for inotify watches",
            Limit::Instances => "no inotify instance is to be had (fs.inotify.max_user_instances)",
        };
        self.write(&format!("{what}; looking for changes every {} instead", duration(interval)), true);
    }

    /// Says that a goal is watched by a whole folder.
    pub fn whole_folder(&mut self, goal: &str, folder: &[u8]) {
        let folder = String::from_utf8_lossy(folder).into_owned();
        self.write(
            &format!("what {goal} reads is not known: watching all of {folder} that git does not ignore"),
            true,
        );
    }

    /// Says that the session can't go on.
    pub fn fault(&mut self, text: &str) {
        self.write(&format!("*** {text}.  Stop."), true);
    }
}

fn duration(time: Duration) -> String {
    match time.as_millis() {
        milliseconds @ 0..1000 => format!("{milliseconds} ms"),
        1000..60_000 => format!("{:.1} s", time.as_secs_f64()),
        _ => format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_times_are_short() {
        let status = Status::new(b"imk", b"/w".to_vec(), false);
        let paths: Vec<Path> =
            ["/w/a", "/w/s/b", "/x", "/w/d", "/wide"].iter().map(|path| path.as_bytes().into()).collect();
        assert_eq!(status.paths(&paths[..2]), "a, s/b");
        assert_eq!(status.paths(&paths), "a, s/b, /x and 2 more");
        assert_eq!(status.path(b"/w"), "/w");
        for (milliseconds, expected) in
            [(0, "0 ms"), (999, "999 ms"), (1234, "1.2 s"), (125_000, "2 min 5 s")]
        {
            assert_eq!(duration(Duration::from_millis(milliseconds)), expected);
        }
    }
}

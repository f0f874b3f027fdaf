//! Debugging output of the build (manual, "Options Summary", `--debug`). Knows nothing of what the build decides.

use crate::build::Build;
use crate::cli::settings::DebugLevels;
use crate::rules::file::FileId;

impl Build {
    /// Shows a line about `file` where `levels` are wanted: `format` holds `%` where its name goes.
    #[inline]
    pub fn say_of(&mut self, levels: DebugLevels, depth: usize, file: FileId, format: &str) {
        if self.debugging(levels) {
            self.say_of_slowly(depth, file, format);
        }
    }

    #[cold]
    fn say_of_slowly(&mut self, depth: usize, file: FileId, format: &str) {
        let mut line = b" ".repeat(depth);
        let (before, after) = format.split_once('%').unwrap_or((format, ""));
        line.extend_from_slice(before.as_bytes());
        line.extend_from_slice(self.session.name_of(file));
        line.extend_from_slice(after.as_bytes());
        line.push(b'\n');
        self.session.context.output.say_raw(&line);
    }

    /// Shows a line about the child `pid`, where jobs are to be shown: `%` in `before` is where the child goes, with the name of
    /// the target that it makes where that is given.
    #[inline]
    pub fn say_of_child(&mut self, before: &str, pid: i32, file: Option<FileId>, after: &str) {
        if self.debugging(DebugLevels::JOBS) {
            // GNU make shows an address; what tells children apart here is their process.
            let child = format!("0x{pid:x}").into_bytes();
            let name = file.map_or(Vec::new(), |file| [b" (", self.session.name_of(file), b")"].concat());
            let (start, end) = before.split_once('%').unwrap_or((before, ""));
            let pid = format!(" {pid}");
            let line =
                [start.as_bytes(), &child, &name, end.as_bytes(), pid.as_bytes(), after.as_bytes(), b"\n"];
            self.session.context.output.say_raw(&line.concat());
        }
    }

    /// Shows the children that are running, the youngest first.
    pub fn say_children(&mut self) {
        if self.debugging(DebugLevels::JOBS) {
            let running: Vec<_> = self.children.iter().rev().map(|child| (child.pid, child.file)).collect();
            for (pid, file) in running {
                self.say_of_child("Live child % PID", pid, Some(file), " ");
            }
        }
    }

    /// Shows a line where `levels` are wanted.
    #[inline]
    pub fn say(&mut self, levels: DebugLevels, depth: usize, text: impl FnOnce(&Build) -> Vec<u8>) {
        if self.debugging(levels) {
            let mut line = b" ".repeat(depth);
            line.extend_from_slice(&text(self));
            line.push(b'\n');
            self.session.context.output.say_raw(&line);
        }
    }
}

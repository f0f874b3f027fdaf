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
        self.session.context.output.raw(&line);
    }

    /// Shows a line where `levels` are wanted.
    #[inline]
    pub fn say(&mut self, levels: DebugLevels, depth: usize, text: impl FnOnce(&Build) -> Vec<u8>) {
        if self.debugging(levels) {
            let mut line = b" ".repeat(depth);
            line.extend_from_slice(&text(self));
            line.push(b'\n');
            self.session.context.output.raw(&line);
        }
    }
}

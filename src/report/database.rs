//! The printed data base (manual, "Options Summary", `--print-data-base`). Knows nothing of why it is printed.
//!
//! Everything is printed in the order and form of GNU make; the figures on tables of names are of this program's own tables.

mod files;
mod variables;

use crate::base::diagnostic::Place;
use crate::base::table_order::{Figures, Table};
use crate::cli::help;
use crate::cli::settings::DebugLevels;
use crate::load::Session;
use crate::os::sys;

/// Prints variables, rules and files.
pub fn print(session: &mut Session) {
    let mut page = Page { session, prefix: b'\t', text: Vec::new() };
    page.prefix = page.session.recipe_prefix;
    page.everything();
    let text = std::mem::take(&mut page.text);
    session.context.output.data(&text);
}

/// The text while it grows.
struct Page<'s> {
    session: &'s Session,
    /// The character that recipe lines begin with, as the text has it by now.
    prefix: u8,
    text: Vec<u8>,
}

impl Page<'_> {
    fn put(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.text.extend_from_slice(part);
        }
    }

    fn line(&mut self, text: &str) {
        self.put(&[text.as_bytes(), b"\n"]);
    }

    fn everything(&mut self) {
        // With debugging output the version was printed at the start.
        if !self.session.settings.debug_levels.any(DebugLevels::BASIC) {
            self.put(&[help::version("# ").as_bytes()]);
        }
        let date = date_text();
        self.line(&format!("\n# Make data base, printed on {date}"));
        self.variables();
        self.folders();
        self.implicit_rules();
        self.files();
        self.search_paths();
        self.names();
        let date = date_text();
        self.line(&format!("\n# Finished Make data base on {date}\n"));
    }

    fn figures(&mut self, figures: &Figures) {
        let Figures { fill, size, rehashes, collisions, lookups } = *figures;
        let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
        let load = percent(fill, size);
        let share = percent(collisions, lookups);
        let text = format!(
            "Load={fill}/{size}={load:.0}%, Rehash={rehashes}, Collisions={collisions}/{lookups}={share:.0}%"
        );
        self.put(&[text.as_bytes()]);
    }

    fn place(&mut self, place: Option<Place>) {
        if let Some(Place { file, line, offset }) = place {
            self.put(&[b" (from '", file, format!("', line {})", line.saturating_add(offset)).as_bytes()]);
        }
    }

    fn folders(&mut self) {
        use rustix::fs::stat;
        self.line("\n# Directories\n");
        let listing = self.session.context.folders.listing();
        let (order, _) = Table::Folders.order(listing.iter().map(|(path, _)| *path));
        let mut total = 0;
        for at in order {
            let (path, entries) = listing[at];
            let path = path.to_vec();
            let Ok(data) = stat(&path[..]) else {
                self.put(&[b"# ", &path, b": could not be stat'd.\n"]);
                continue;
            };
            self.put(&[
                b"# ",
                &path,
                format!(" (device {}, inode {}): ", data.st_dev, data.st_ino).as_bytes(),
            ]);
            match entries {
                None => self.line("could not be opened."),
                Some(count) => {
                    total += count;
                    self.line(&format!("{} files, no impossibilities.", number_or(count, "No")));
                }
            }
        }
        let impossible = self.session.rules.impossible.len();
        self.line(&format!(
            "\n# {} files, {} impossibilities in {} directories.",
            number_or(total, "No"),
            number_or(impossible, "no"),
            listing.len(),
        ));
    }

    fn search_paths(&mut self) {
        let paths = &self.session.rules.paths;
        self.line("\n# VPATH Search Paths\n");
        for path in &paths.selective {
            self.put(&[b"vpath ", &path.pattern.text, b" ", &path.folders.join(&b':'), b"\n"]);
        }
        match paths.selective.len() {
            0 => self.line("# No 'vpath' search paths."),
            count => self.line(&format!("\n# {count} 'vpath' search paths.")),
        }
        match &paths.general {
            None => self.line("\n# No general ('VPATH' variable) search path."),
            Some(path) => {
                let folders = path.folders.join(&b':');
                self.put(&[b"\n# General ('VPATH' variable) search path:\n# ", &folders, b"\n"]);
            }
        }
    }

    /// Figures on interned names, where GNU make has those of its cache of strings.
    fn names(&mut self) {
        let names = &self.session.context.names;
        let (count, storage, buffers) = (names.len(), names.storage(), names.chunks());
        let average = storage / count.max(1);
        self.line(&format!(
            "\n# strcache buffers: {buffers} ({}) / strings = {count} / storage = {storage} B / avg = {average} B",
            buffers.saturating_sub(1),
        ));
    }
}

fn number_or(number: usize, none: &str) -> String {
    if number == 0 { none.to_owned() } else { number.to_string() }
}

/// The time now as `ctime` has it: `Sun Nov 22 03:22:38 2026`.
fn date_text() -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let now = crate::os::files::Mtime::now().seconds();
    let Some((year, month, day, hour, minute, second)) = sys::local_time(now) else { return now.to_string() };
    let weekday = DAYS[weekday(year, month, day)];
    let month = MONTHS.get(month as usize - 1).unwrap_or(&"???");
    format!("{weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year}")
}

/// Day of the week, Sunday is 0 (Zeller's congruence in Sakamoto's form).
fn weekday(year: i64, month: i32, day: i32) -> usize {
    const SHIFTS: [i64; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
    let year = if month < 3 { year - 1 } else { year };
    let shift = SHIFTS.get(month as usize - 1).copied().unwrap_or_default();
    let sum =
        year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + shift + i64::from(day);
    sum.rem_euclid(7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_week() {
        assert_eq!(weekday(2026, 11, 22), 0);
        assert_eq!(weekday(2000, 2, 29), 2);
        assert_eq!(weekday(1970, 1, 1), 4);
    }
}

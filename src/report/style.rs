//! Lines for people: colour where a terminal shows them, text wrapped and aligned. Knows nothing of what the lines say.

use std::os::fd::BorrowedFd;

pub use crate::base::printable::printable;

/// Columns that lines keep to.
pub const WIDTH: usize = 80;

/// Colour, or none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Whether to colour.
    pub colour: bool,
}

impl Style {
    /// Colour where standard output is a terminal that knows it and nobody asked for none (`NO_COLOR`).
    pub fn of_stdout() -> Style {
        Style::of(rustix::stdio::stdout())
    }

    fn of(stream: BorrowedFd) -> Style {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Style { colour: rustix::termios::isatty(stream) && !set("NO_COLOR") && !dumb }
    }

    /// The same for standard error.
    pub fn of_stderr() -> Style {
        Style::of(rustix::stdio::stderr())
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A heading.
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What matters less.
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// An error.
    pub fn error(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// A warning.
    pub fn warning(self, text: &str) -> String {
        self.paint("1;33", text)
    }
}

/// `items` one behind the other with `separator`, broken into lines of [`WIDTH`] columns, those after the first indented by
/// `indent`; `used` columns of the first line are taken. An item longer than a line has one of its own.
pub fn wrapped(items: &[String], separator: &str, used: usize, indent: usize) -> String {
    wrapped_to(WIDTH, items, separator, used, indent)
}

/// As [`wrapped`], in lines of `width` columns.
pub fn wrapped_to(width: usize, items: &[String], separator: &str, used: usize, indent: usize) -> String {
    let limit = width;
    let mut out = String::new();
    let mut column = used;
    for (index, item) in items.iter().enumerate() {
        let last = index + 1 == items.len();
        let item = format!("{item}{}", if last { "" } else { separator.trim_end() });
        let width = item.chars().count();
        if index > 0 && column + 1 + width > limit {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if index > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(&item);
        column += width;
    }
    out
}

/// A number of bytes in the unit that suits it.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// `1 file`, `2 files`.
pub fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_wrapped_at_the_width() {
        let items: Vec<String> = (0..12).map(|at| format!("stage-number-{at}")).collect();
        let text = wrapped(&items, ", ", 10, 10);
        assert!(text.lines().count() > 1);
        assert!(text.lines().skip(1).all(|line| line.starts_with("          s") && line.len() <= WIDTH));
        assert!(text.lines().next().is_some_and(|line| line.len() + 10 <= WIDTH));
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!((bytes(0), bytes(999), bytes(1000)), ("0 B".into(), "999 B".into(), "1.0 kB".into()));
        assert_eq!(bytes(12_345_678), "12.3 MB");
        assert_eq!(counted(1, "file"), "1 file");
    }
}

//! Lines for people: colour where a terminal shows them, text wrapped and aligned. Knows nothing of what the lines say.

pub use crate::base::printable::{columns, columns_of, cut, cut_start, fitting, padded, printable};

/// Columns that lines keep to where nothing narrower shows them.
pub const WIDTH: usize = 80;

/// Columns that lines keep to: [`WIDTH`], or as many as a terminal that is narrower has.
pub fn width() -> usize {
    const LEAST: usize = 40;
    let of = |stream| rustix::termios::tcgetwinsize(stream).ok().map(|size| usize::from(size.ws_col));
    let terminal = of(rustix::stdio::stdout()).or_else(|| of(rustix::stdio::stderr()));
    terminal.filter(|&columns| columns > 0).map_or(WIDTH, |columns| columns.clamp(LEAST, WIDTH))
}

/// Colour, or none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Whether to colour.
    pub colour: bool,
}

impl Style {
    /// Colour for standard output, as `--color` says ([`Style::of`]).
    pub fn of_stdout(choice: Option<&str>) -> Style {
        Style::of(choice, rustix::termios::isatty(rustix::stdio::stdout()))
    }

    /// The same for standard error.
    pub fn of_stderr(choice: Option<&str>) -> Style {
        Style::of(choice, rustix::termios::isatty(rustix::stdio::stderr()))
    }

    /// Colour as `--color` says (`always`, `never`, else as suits), on a stream that is a terminal or not. `NO_COLOR` and
    /// `CLICOLOR_FORCE` speak where the option does not (<https://no-color.org>, <https://bixense.com/clicolors>).
    pub fn of(choice: Option<&str>, is_terminal: bool) -> Style {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let colour = match choice {
            Some("always") => true,
            Some("never") => false,
            _ if variable("NO_COLOR").is_some() => false,
            _ if variable("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            _ => {
                let refused = variable("TERM").is_some_and(|term| term == "dumb")
                    || variable("CLICOLOR").is_some_and(|value| value == "0");
                is_terminal && !refused
            }
        };
        Style { colour }
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

/// `items` one behind the other with `separator`, broken into lines of [`width`] columns, those after the first indented by
/// `indent`; `used` columns of the first line are taken. An item longer than a line has one of its own.
pub fn wrapped(items: &[String], separator: &str, used: usize, indent: usize) -> String {
    wrapped_to(width(), items, separator, used, indent)
}

/// As [`wrapped`], in lines of `width` columns.
pub fn wrapped_to(width: usize, items: &[String], separator: &str, used: usize, indent: usize) -> String {
    let limit = width;
    let mut out = String::new();
    let mut column = used;
    for (index, item) in items.iter().enumerate() {
        let last = index + 1 == items.len();
        let item = format!("{item}{}", if last { "" } else { separator.trim_end() });
        let width = columns(&item);
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

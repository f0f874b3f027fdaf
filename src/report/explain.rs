//! Errors explained to a person, below the line that make says: the line of the source with a caret, and what to do. Decides nothing
//! of when that is wanted.

use super::entry::snippet;
use super::style::{Style, WIDTH, printable};
use crate::base::diagnostic::{Complaint, Place};
use crate::base::nearest;
use crate::image::check::package_of;

/// A line of a source file, and the part of it that matters.
struct Source {
    file: String,
    number: u32,
    text: String,
    /// Byte column from one, and length.
    part: (usize, usize),
}

/// A target whose recipe failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The target.
    pub target: Vec<u8>,
    /// The line that failed.
    pub place: Option<Place>,
    /// How: `Error 1`.
    pub how: String,
    /// The exit status.
    pub code: i32,
    /// The step of an image's build that failed: its name, the engine's words, its line in the Dockerfile.
    pub step: Option<(String, String, Option<(String, u32)>)>,
    /// Lines on the terminal since its output began, where they are counted.
    pub lines: Option<u64>,
}

/// More failures than these are counted, not explained.
const MOST: usize = 5;

/// Line `number` of `file`, all but the blanks around it marked.
fn source(file: &str, number: u32) -> Option<Source> {
    let text = std::fs::read(file).ok()?;
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    let line = text.split(|&byte| byte == b'\n').nth(index)?;
    let text = String::from_utf8_lossy(line).into_owned();
    let start = text.len() - text.trim_start().len();
    let length = text.trim().len();
    (length > 0).then(|| Source { file: file.to_owned(), number, text, part: (start + 1, length) })
}

fn at(place: &Place) -> Option<Source> {
    source(std::str::from_utf8(place.file).ok()?, place.line + place.offset)
}

/// The line, the caret below its part, and the hints.
fn drawn(source: Option<&Source>, hints: &[String], style: Style) -> String {
    let mut out = String::new();
    let mut margin = 0;
    if let Some(source) = source {
        let number = source.number.to_string();
        margin = number.len() + 1;
        let (shown, start, width) = snippet(&source.text, source.part.0, source.part.1, WIDTH - margin - 3);
        out.push_str(&format!(" {} {shown}\n", style.dim(&format!("{number} |"))));
        let caret = style.error(&format!("^{}", "~".repeat(width.saturating_sub(1))));
        let bar = style.dim(&format!("{} |", " ".repeat(number.len())));
        out.push_str(&format!(" {bar} {}{caret}\n", " ".repeat(start)));
    }
    for hint in hints {
        out.push_str(&format!("{} {}\n", style.dim(&format!("{} =", " ".repeat(margin))), printable(hint)));
    }
    out
}

/// What more there is to say of an error that ended the run; empty where nothing is. `targets` are the names that rules know.
pub fn fatal<'t>(
    place: Option<&Place>,
    complaint: &Complaint,
    targets: impl IntoIterator<Item = &'t [u8]>,
    style: Style,
) -> String {
    let mut source = place.and_then(at);
    let mut hints = Vec::new();
    match complaint {
        Complaint::NoRule { target, .. } => {
            if let Some(near) = nearest(target, targets) {
                hints.push(format!(
                    "a target of that name is not known; there is '{}'",
                    String::from_utf8_lossy(near)
                ));
            }
        }
        Complaint::MissingSeparator(_) => {
            let spaces = source.as_ref().map_or(0, |source| source.part.0 - 1);
            if let Some(source) =
                source.as_mut().filter(|source| spaces > 0 && !source.text.starts_with('\t'))
            {
                source.part = (1, spaces);
                let what = if spaces == 1 {
                    "this is a space".to_owned()
                } else {
                    format!("these are {spaces} spaces")
                };
                hints.push(format!("a line of a recipe begins with a tab: {what}"));
            }
        }
        Complaint::NoTargetsAndNoMakefile => {
            hints.push("this folder has no Imkfile, GNUmakefile, makefile or Makefile".to_owned());
        }
        _ => {}
    }
    drawn(source.as_ref(), &hints, style)
}

/// The program that the line of a recipe runs first, where that can be seen.
fn program(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '@' | '-' | '+'));
    let word = line.split(|c: char| c.is_whitespace() || matches!(c, ';' | '|' | '&' | '>' | '<')).next()?;
    let plain =
        !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'));
    plain.then_some(word)
}

fn failure(failure: &Failure, again: Option<&str>, style: Style) -> String {
    let name = String::from_utf8_lossy(&failure.target).into_owned();
    let source = failure.place.as_ref().and_then(at);
    let mut hints = Vec::new();
    if failure.code == 127
        && let Some(program) = source.as_ref().and_then(|source| program(&source.text))
        && which::which(program).is_err()
    {
        hints.push(match package_of(program) {
            Some(package) => format!("{program} is not on PATH: {package}"),
            None => format!("{program} is not on PATH"),
        });
    }
    if let Some(lines) = failure.lines.filter(|&lines| lines > 1) {
        hints.push(format!("its output begins {lines} lines above"));
    }
    hints.extend(again.map(|again| format!("to make it alone: {again}")));
    let place = match (&failure.place, &source) {
        (_, Some(source)) => format!("{}:{}: ", source.file, source.number),
        _ => String::new(),
    };
    let head =
        format!("{} {}\n", style.bold(&printable(&format!("{place}{name}:"))), style.error(&failure.how));
    let mut out = String::new();
    if let Some((step, words, place)) = &failure.step {
        let inner = place.as_ref().and_then(|(file, line)| crate::report::explain::source(file, *line));
        let place = place.as_ref().map(|(file, line)| format!("{file}:{line}: ")).unwrap_or_default();
        let words = words.lines().next().unwrap_or_default().to_owned();
        let head = format!("{}\n", style.bold(&printable(&format!("{place}{step}"))));
        out.push_str(&head);
        out.push_str(&drawn(inner.as_ref(), &[words], style));
    }
    out + &head + &drawn(source.as_ref(), &hints, style)
}

/// What a failed run ends with: each failure with its line, and how to make just that, in words that `again` gives for a target.
pub fn failures(failures: &[Failure], again: &dyn Fn(&[u8]) -> Option<String>, style: Style) -> String {
    let shown = failures.iter().take(MOST).map(|one| failure(one, again(&one.target).as_deref(), style));
    let mut out: String = shown.collect();
    if failures.len() > MOST {
        out.push_str(&format!("and {} more failed\n", failures.len() - MOST));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_program_of_a_line_is_found() {
        let cases = [
            ("\t@-hadolint Dockerfile", Some("hadolint")),
            ("a;b", Some("a")),
            ("$(X) y", None),
            ("  ", None),
        ];
        assert!(cases.iter().all(|(line, program)| super::program(line) == *program));
    }

    #[test]
    fn a_name_that_is_nearly_known_is_named() {
        let complaint = Complaint::NoRule { target: b"sow".to_vec(), parent: None };
        let text = fatal(None, &complaint, [&b"show"[..], b"all"], Style::default());
        assert_eq!(text, " = a target of that name is not known; there is 'show'\n");
        assert_eq!(fatal(None, &complaint, [&b"all"[..]], Style::default()), "");
    }
}

//! Errors explained to a person, below the line that make says: the line of the source with a caret, and what to do. Decides nothing
//! of when that is wanted.

use super::entry::snippet;
use super::style::{Style, cut, printable, width as columns, wrapped};
use crate::base::diagnostic::{Complaint, Place};
use crate::base::nearest;
use crate::image::check::package_of;
use crate::os::files::read_regular;

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
    let text = read_regular(std::path::Path::new(file)).ok()?;
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

/// The line, the caret below its part, the hints, and a command to be typed, which stays whole.
fn drawn(source: Option<&Source>, hints: &[String], command: Option<&str>, style: Style) -> String {
    let mut out = String::new();
    let mut margin = 0;
    if let Some(source) = source {
        let number = source.number.to_string();
        margin = number.len() + 1;
        let (shown, start, width) =
            snippet(&source.text, source.part.0, source.part.1, columns() - margin - 3);
        out.push_str(&format!(" {} {shown}\n", style.dim(&format!("{number} |"))));
        let caret = style.error(&format!("^{}", "~".repeat(width.saturating_sub(1))));
        let bar = style.dim(&format!("{} |", " ".repeat(number.len())));
        out.push_str(&format!(" {bar} {}{caret}\n", " ".repeat(start)));
    }
    for hint in hints {
        let words: Vec<String> = printable(hint).split(' ').map(str::to_owned).collect();
        let text = wrapped(&words, "", margin + 3, margin + 3);
        out.push_str(&format!("{} {text}\n", style.dim(&format!("{} =", " ".repeat(margin)))));
    }
    if let Some(command) = command {
        let bar = style.dim(&format!("{} =", " ".repeat(margin)));
        out.push_str(&format!("{bar} to make it alone: {}\n", printable(command)));
    }
    out
}

/// What is wrong with options, below the list of them all.
pub fn usage(errors: impl Iterator<Item = (String, Option<String>)>, style: Style) -> String {
    let mut out = String::from("\n");
    for (said, hint) in errors {
        out.push_str(&format!("{}\n{}", printable(&said), drawn(None, hint.as_slice(), None, style)));
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
        Complaint::UnterminatedCall { function, .. } => mark_unclosed(&mut source, function),
        Complaint::UnterminatedReference => mark_unclosed(&mut source, b""),
        Complaint::MissingEndif(Some(opened)) => {
            source = place.and_then(|place| at(&Place { line: *opened, ..*place }));
            hints.push("this conditional is not closed".to_owned());
        }
        Complaint::NoTargetsAndNoMakefile => {
            hints.push("this folder has no Imkfile, GNUmakefile, makefile or Makefile".to_owned());
        }
        _ => {}
    }
    drawn(source.as_ref(), &hints, None, style)
}

/// Marks the reference to a variable, or the call of `function`, that is not closed in its line.
fn mark_unclosed(source: &mut Option<Source>, function: &[u8]) {
    let Some(source) = source else { return };
    let begins = |at: &usize| {
        let rest = &source.text.as_bytes()[at + 1..];
        let (open, close) = match rest.first() {
            Some(b'(') => (b'(', b')'),
            Some(b'{') => (b'{', b'}'),
            _ => return false,
        };
        let mut depth = 0;
        rest[1..].starts_with(function)
            && rest.iter().all(|&byte| {
                depth += i32::from(byte == open) - i32::from(byte == close);
                depth > 0
            })
    };
    if let Some(at) = source.text.match_indices('$').map(|(at, _)| at).rfind(begins) {
        source.part = (at + 1, source.text.trim_end().len() - at);
    }
}

/// BuildKit's words for a command that failed, without the command, which the line above shows.
fn without_command(words: &str) -> &str {
    let behind =
        |before: &str, after: &str| words.strip_prefix(before)?.rsplit_once(after).map(|(_, rest)| rest);
    behind("executor failed running [", "]: ")
        .or_else(|| behind("process \"", "\" did not complete successfully: "))
        .unwrap_or(words)
}

/// The program that the line of a recipe runs first, where that can be seen.
fn program(line: &str) -> Option<&str> {
    // The recipe of a rule that is one line.
    let line = match line.split_once(';') {
        Some((_, recipe)) if !line.starts_with('\t') => recipe,
        _ => line,
    };
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '@' | '-' | '+'));
    let mut words = line.split(|c: char| c.is_whitespace() || matches!(c, ';' | '|' | '&' | '>' | '<'));
    // Assignments of the shell stand before the program.
    let word = words.find(|word| !word.contains('='))?;
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
        let words = without_command(words.lines().next().unwrap_or_default()).to_owned();
        let head = cut(&printable(&format!("{place}{step}")), columns());
        out.push_str(&format!("{}\n", style.bold(&head)));
        out.push_str(&drawn(inner.as_ref(), &[words], None, style));
    }
    out + &head + &drawn(source.as_ref(), &hints, again, style)
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
            ("\ta;b", Some("a")),
            ("lint: app ; @hadolint x; y", Some("hadolint")),
            ("\tX=1 Y= hadolint", Some("hadolint")),
            ("$(X) y", None),
            ("  ", None),
        ];
        assert!(cases.iter().all(|(line, program)| super::program(line) == *program));
    }

    #[test]
    fn the_engines_words_go_without_the_command() {
        let cases = [
            ("executor failed running [/bin/sh -c a [b]: c]: exit code: 1", "exit code: 1"),
            ("process \"/bin/sh -c x\" did not complete successfully: exit code: 2", "exit code: 2"),
            (
                "failed to compute cache key: \"/x\" not found",
                "failed to compute cache key: \"/x\" not found",
            ),
        ];
        assert!(cases.iter().all(|(words, rest)| without_command(words) == *rest));
    }

    #[test]
    fn what_is_not_closed_is_marked() {
        let part = |text: &str, function: &[u8]| {
            let mut source =
                Some(Source { file: String::new(), number: 1, text: text.to_owned(), part: (1, 1) });
            mark_unclosed(&mut source, function);
            source.map_or((0, 0), |source| source.part)
        };
        assert_eq!(part("all: $(X) $(shell echo $(Y)", b"shell"), (11, 17));
        assert_eq!(part("a = ${b $(c) ", b""), (5, 8));
        assert_eq!(part("a = b", b""), (1, 1));
    }

    #[test]
    fn a_name_that_is_nearly_known_is_named() {
        let complaint = Complaint::NoRule { target: b"sow".to_vec(), parent: None };
        let text = fatal(None, &complaint, [&b"show"[..], b"all"], Style::default());
        assert_eq!(text, " = a target of that name is not known; there is 'show'\n");
        assert_eq!(fatal(None, &complaint, [&b"all"[..]], Style::default()), "");
    }
}

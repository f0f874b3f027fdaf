//! Findings shown: each with its place, the line with a caret, and a hint. Knows nothing of how they were found.

mod wording;

pub use wording::message;

use super::style::{Style, WIDTH, counted, printable};
use crate::base::printable::is_obeyed;
use crate::image::check::{Finding, Severity};
use crate::image::recipe::Place;
use crate::image::secret;
use serde_json::{Value, json};

/// Number of errors and of warnings.
pub fn count(findings: &[Finding]) -> (usize, usize) {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    (errors, findings.len() - errors)
}

/// The findings, and their number in the last line.
pub fn text(findings: &[Finding], style: Style) -> String {
    let mut out = String::new();
    for finding in findings {
        one(finding, style, &mut out);
    }
    let (errors, warnings) = count(findings);
    out.push_str(&match (errors, warnings) {
        (0, 0) => "nothing found\n".to_owned(),
        _ => format!("{}, {}\n", counted(errors as u64, "error"), counted(warnings as u64, "warning")),
    });
    out
}

/// The findings as a JSON array, with a newline at its end: docs/check.md has the fields.
pub fn json(findings: &[Finding]) -> Vec<u8> {
    let value: Vec<Value> = findings.iter().map(object).collect();
    let mut text = serde_json::to_vec_pretty(&value).unwrap_or_default();
    text.push(b'\n');
    text
}

fn severity(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn object(finding: &Finding) -> Value {
    let message = message(&finding.kind);
    let place = finding.place.as_ref();
    json!({
        "severity": severity(finding),
        "code": finding.kind.code(),
        "message": secret::masked(&message.text),
        "hint": message.hint,
        "target": finding.target,
        "file": place.map(|place| place.file.as_str()),
        "line": place.map(|place| place.line),
        "column": place.and_then(|place| place.column),
        "length": place.filter(|place| place.column.is_some()).map(|place| place.length),
        "source": place.and_then(|place| place.text.as_deref()).map(secret::masked),
    })
}

fn one(finding: &Finding, style: Style, out: &mut String) {
    let message = message(&finding.kind);
    let head = match &finding.place {
        Some(Place { file, line, column: Some(column), .. }) => format!("{file}:{line}:{column}: "),
        Some(Place { file, line, .. }) => format!("{file}:{line}: "),
        None => format!("target '{}': ", finding.target),
    };
    let severity = match finding.severity {
        Severity::Error => style.error(severity(finding)),
        Severity::Warning => style.warning(severity(finding)),
    };
    let text = printable(&secret::masked(&message.text));
    let code = style.dim(&format!("[{}]", finding.kind.code()));
    out.push_str(&format!("{}{severity}: {text} {code}\n", style.bold(&printable(&head))));
    let mut margin = 0;
    if let Some(Place { line, column: Some(column), length, text: Some(source), .. }) = &finding.place {
        let number = line.to_string();
        margin = number.len() + 1;
        let (shown, start, width) = snippet(&secret::masked(source), *column, *length, WIDTH - margin - 3);
        out.push_str(&format!(" {} {shown}\n", style.dim(&format!("{number} |"))));
        let caret = format!("^{}", "~".repeat(width.saturating_sub(1)));
        let caret = match finding.severity {
            Severity::Error => style.error(&caret),
            Severity::Warning => style.warning(&caret),
        };
        let bar = style.dim(&format!("{} |", " ".repeat(number.len())));
        out.push_str(&format!(" {bar} {}{caret}\n", " ".repeat(start)));
    }
    if let Some(hint) = &message.hint {
        let bar = style.dim(&format!("{} =", " ".repeat(margin)));
        out.push_str(&format!("{bar} {}\n", printable(hint)));
    }
}

/// The part of a line around byte `column` that has room in `room` columns, where the caret begins in it, and how long
/// it is. A tab is four columns.
fn snippet(line: &str, column: usize, length: usize, room: usize) -> (String, usize, usize) {
    const TAB: usize = 4;
    let mut shown: Vec<char> = Vec::new();
    let (mut start, mut end) = (None, 0);
    for (at, c) in line.char_indices() {
        if at + 1 >= column && start.is_none() {
            start = Some(shown.len());
        }
        match c {
            '\t' => shown.extend([' '; TAB]),
            c if is_obeyed(c) => shown.push('\u{fffd}'),
            c => shown.push(c),
        }
        if at + 1 < column + length {
            end = shown.len();
        }
    }
    let mut start = start.unwrap_or(shown.len());
    let mut width = end.saturating_sub(start).max(1);
    if shown.len() > room && start + width > room.saturating_sub(2) {
        let cut = (start + width.min(room / 2)).saturating_sub(room - 4).min(start);
        shown.drain(..cut);
        start -= cut;
        if let Some(first) = shown.first_mut() {
            *first = '…';
        }
    }
    if shown.len() > room {
        shown.truncate(room - 1);
        shown.push('…');
    }
    width = width.min(room.saturating_sub(start)).max(1);
    (shown.into_iter().collect(), start, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_keep_the_caret_in_sight() {
        assert_eq!(snippet("\tdocker build", 2, 6, 70), ("    docker build".to_owned(), 4, 6));
        let long = format!("{}HERE{}", "a".repeat(200), "b".repeat(200));
        let (text, start, width) = snippet(&long, 201, 4, 60);
        assert!(text.chars().count() <= 60, "{text}");
        assert_eq!(text.chars().skip(start).take(width).collect::<String>(), "HERE");
        assert_eq!(snippet("", 1, 1, 60), (String::new(), 0, 1));
        let (text, start, width) = snippet("größe x", 9, 1, 60);
        assert_eq!(text.chars().skip(start).take(width).collect::<String>(), "x");
    }
}

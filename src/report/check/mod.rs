//! Findings shown: each with its place, the line with a caret, and a hint. Knows nothing of how they were found.

mod wording;

pub use wording::message;

use super::entry::Entry;
use super::style::{Style, counted};
use crate::base::json;
use crate::base::secret;
use crate::image::check::{Finding, Severity};
use serde_json::{Value, json};

/// Number of errors and of warnings.
pub fn count(findings: &[Finding]) -> (usize, usize) {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    (errors, findings.len() - errors)
}

/// The findings alone.
pub fn entries(findings: &[Finding], style: Style) -> String {
    let mut out = String::new();
    for finding in findings {
        one(finding, style, &mut out);
    }
    out
}

/// The findings as they are said before image blocks run, on standard error.
pub fn said(findings: &[Finding], colour: Option<&str>) -> String {
    entries(findings, Style::of_stderr(colour))
}

/// The findings, and their number in the last line.
pub fn text(findings: &[Finding], style: Style) -> String {
    let mut out = entries(findings, style);
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
    json::pretty(&value.into())
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
    let entry = Entry {
        head: match &finding.place {
            Some(_) => None,
            None => Some(format!("target '{}': ", finding.target)),
        },
        place: finding.place.as_ref(),
        severity: severity(finding),
        text: &message.text,
        code: finding.kind.code(),
        hint: message.hint.as_deref(),
        wraps: false,
    };
    entry.write(style, out);
}

//! The audit as text of 80 columns: a verdict for each criterion, the findings, where the bytes are. Knows no other form.

use super::super::entry::{Entry, coloured};
use super::super::style::{
    Style, bytes, columns, counted, cut, cut_start, padded, printable, width, wrapped,
};
use super::words::{mended, title, unread_at};
use super::{Report, bars, verdict};
use crate::image::audit::{Audit, Criterion, Level, Sizes};

/// Files that are listed.
const MOST_FILES: usize = 10;

/// The report.
pub fn text(report: &Report<'_>, style: Style) -> String {
    let mut out = String::new();
    for audit in report.audits {
        if !out.is_empty() {
            out.push('\n');
        }
        one(audit, report.is_static, style, &mut out);
    }
    let verdict = match report.passes() {
        true => "passed",
        false => "not passed",
    };
    let sums = wrapped(&report.sums(), ", ", verdict.len() + 2, 4);
    out.push_str(&format!("\n{}: {sums}\n", style.bold(verdict)));
    out
}

fn one(audit: &Audit, is_static: bool, style: Style, out: &mut String) {
    let mut about = Vec::new();
    about.extend(audit.reference.clone());
    if let Some(file) = &audit.dockerfile {
        let stage = audit.stage.as_ref().map(|stage| format!(", stage {stage}")).unwrap_or_default();
        about.push(format!("{file}{stage}"));
    }
    let head = format!("{}: {}", audit.target, about.join(" - "));
    out.push_str(&format!("{}\n", style.bold(&printable(&head))));
    for why in &audit.unread {
        let (place, message) = unread_at(why);
        let entry = Entry {
            head: None,
            place,
            severity: "not judged",
            text: &message.text,
            code: "",
            hint: message.hint.as_deref(),
            wraps: true,
        };
        entry.write(style, out);
    }
    out.push('\n');
    verdicts(audit, is_static, style, out);
    for finding in &audit.findings {
        out.push('\n');
        let message = mended(finding);
        let mut text = message.text;
        let mut about = Vec::new();
        about.extend(finding.layer.as_ref().map(|layer| format!("layer {}", layer.index + 1)));
        about.extend(finding.bytes.map(bytes));
        if !about.is_empty() {
            text = format!("{text} ({})", about.join(", "));
        }
        let head = match &finding.place {
            Some(_) => None,
            None => Some(format!("target '{}': ", finding.target)),
        };
        let entry = Entry {
            head,
            place: finding.place.as_ref(),
            severity: finding.level.name(),
            text: &text,
            code: finding.kind.code(),
            hint: message.hint.as_deref(),
            wraps: true,
        };
        entry.write(style, out);
    }
    if let Some(found) = &audit.sizes {
        sizes(found, style, out);
    }
}

/// Two columns of verdicts.
fn verdicts(audit: &Audit, is_static: bool, style: Style, out: &mut String) {
    let half = Criterion::ALL.len().div_ceil(2);
    let cell = |criterion: Criterion| {
        let word = verdict(audit, criterion);
        let count = audit.findings.iter().filter(|finding| finding.criterion() == criterion).count();
        let mark = match audit.verdict(criterion) {
            None if word == "unjudged" => "-",
            None => "✓",
            Some(Level::Info) => "·",
            Some(Level::Warning) => "!",
            Some(Level::Error) => "✗",
        };
        let number = if count > 1 { format!(" {count}") } else { String::new() };
        let plain = format!("{mark} {:<27}{word}{number}", title(criterion));
        let shown = match word {
            "ok" | "unjudged" => plain.clone(),
            word => coloured(style, word, &plain),
        };
        (columns(&plain), shown)
    };
    for row in 0..half {
        let (width, left) = cell(Criterion::ALL[row]);
        let right = Criterion::ALL.get(row + half).map(|&criterion| cell(criterion).1);
        match right {
            Some(right) => {
                out.push_str(&format!("{left}{}{right}\n", " ".repeat(41usize.saturating_sub(width))))
            }
            None => out.push_str(&format!("{left}\n")),
        }
    }
    if is_static {
        out.push_str(&format!("{}\n", style.dim("(of the stages alone: no image was looked at)")));
    }
}

/// Where the bytes are.
fn sizes(found: &Sizes, style: Style, out: &mut String) {
    let hidden = match found.hidden {
        0 => String::new(),
        hidden => format!(", {} of it hidden ░", bytes(hidden)),
    };
    let head = format!("{} in {}{hidden}", bytes(found.total), counted(found.layers.len() as u64, "layer"));
    out.push_str(&format!("\n{}\n", style.bold(&head)));
    let bar_width = width() / 3;
    let room = width() - bar_width - 12;
    let line_of = |label: &str, bar: &str, size: u64| {
        format!("{} {} {:>9}\n", padded(label, room), padded(bar, bar_width), bytes(size))
    };
    let rows = bars::rows(found);
    let most = rows.iter().map(|row| row.bytes).max().unwrap_or(0);
    for row in &rows {
        let line = row.line.map_or(String::new(), |line| format!("{line}: "));
        let label = cut(&printable(&format!("{line}{}", row.label)), room);
        out.push_str(&line_of(&label, &bars::bar(row.bytes, row.hidden, most, bar_width), row.bytes));
    }
    if !found.files.is_empty() {
        out.push_str(&format!("\n{}\n", style.bold("the biggest files")));
        let most = found.files.first().map_or(0, |file| file.bytes);
        for file in found.files.iter().take(MOST_FILES) {
            let from = if file.inherited { " (base)" } else { "" };
            let label = cut_start(&printable(&file.path), room - from.len()) + from;
            out.push_str(&line_of(&label, &bars::bar(file.bytes, 0, most, bar_width), file.bytes));
        }
    }
}

//! A run as Markdown, as GitHub shows it: a table of targets, failures first. Knows nothing of how a run goes on.

use super::{duration, headline, image, result, size, why};
use crate::base::printable::{is_obeyed, printable_lines};
use crate::report::record::{Record, Target};
use std::fmt::Write;

/// More rows than these are counted, not shown: a summary may have a mebibyte.
const MOST: usize = 500;

/// `text` in a cell: nothing in it is Markdown or HTML.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for (at, c) in text.char_indices() {
        match c {
            // What GitHub makes a link of, addresses and names of people among it.
            ':' if text[at..].starts_with("://") => out.push_str("\\:"),
            '.' if at >= 3 && text.as_bytes()[at - 3..at].eq_ignore_ascii_case(b"www") => out.push_str("\\."),
            '@' | '$' | '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\n' => out.push_str("<br>"),
            c if is_obeyed(c) => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// `text` as a block of code, fenced by more backticks than it has, without what a terminal would obey.
fn block(text: &str) -> String {
    let text = String::from_utf8_lossy(&printable_lines(text.as_bytes())).into_owned();
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", text.trim_end())
}

fn failure(target: &Target) -> String {
    let mut out = format!("\n**{}**: {}", cell(&target.name), cell(&target.failure()));
    if let Some(process) = target.culprit() {
        if let Some(place) = &process.place {
            let _ = write!(out, " at {}:{}", cell(&place.file), place.number);
        }
        let _ = write!(out, "\n\n{}", block(&process.text));
    } else {
        out.push('\n');
    }
    if let Some((step, words, place)) = target.failed_step() {
        let place = place.map(|(file, line)| format!("{file}:{line}: ")).unwrap_or_default();
        let _ = write!(out, "\n{}", block(&format!("{place}{}\n{words}", step.name)));
    }
    out
}

/// The report.
pub fn write(record: &Record) -> String {
    let goals = if record.goals.is_empty() { String::new() } else { format!(" {}", record.goals.join(" ")) };
    let failed = record.end.is_some_and(|(_, status)| status != 0);
    let mark = if failed { "\u{274c}" } else { "\u{2705}" };
    let mut out = format!("### {mark} imk{}\n\n{}\n", cell(&goals), cell(&headline(record)));
    let targets = record.failures_first();
    if !targets.is_empty() {
        out.push_str("\n| Target | Result | Time | Image | Size | Why |\n|---|---|---:|---|---:|---|\n");
    }
    for target in targets.iter().take(MOST) {
        let time = if target.slot.is_some() { duration(target.took()) } else { String::new() };
        let result =
            if target.is_failed() { format!("**{}**", result(target)) } else { result(target).to_owned() };
        let _ = writeln!(
            out,
            "| {} | {result} | {time} | {} | {} | {} |",
            cell(&target.name),
            cell(image(target)),
            size(target),
            cell(&why(target))
        );
    }
    if targets.len() > MOST {
        let _ = writeln!(out, "\nand {} more targets", targets.len() - MOST);
    }
    for target in targets.iter().filter(|target| target.is_failed()).take(MOST) {
        out.push_str(&failure(target));
    }
    let fatal =
        record.messages.iter().filter(|message| message.severity == crate::base::diagnostic::Severity::Fatal);
    for message in fatal {
        let place = message.place.as_ref().map(|place| format!("{}:{}: ", place.file, place.number));
        let _ = write!(out, "\n{}", block(&format!("{}{}", place.unwrap_or_default(), message.text)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_blocks_hold_any_text() {
        assert_eq!(cell("a|b`c`\n<x>&*"), "a\\|b\\`c\\`<br>&lt;x&gt;&amp;\\*");
        assert_eq!(cell("https://a WWW.b c@d $e$ f:1"), r"https\://a WWW\.b c\@d \$e\$ f:1");
        assert_eq!(cell("a\u{9b}b\u{202e}c\td"), "a b c d");
        assert_eq!(block("x ``` y\n"), "````text\nx ``` y\n````\n");
        assert_eq!(block("a\u{1b}[31m\nb"), "```text\na\u{fffd}[31m\nb\n```\n");
    }
}

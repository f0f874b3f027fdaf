//! GitHub Actions: workflow commands (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>). Knows nothing of
//! when they are printed.

use crate::base::diagnostic::Severity;
use crate::base::printable::is_obeyed;
use crate::report::record::{Record, Target};

/// Ends a group.
pub const GROUP_END: &[u8] = b"::endgroup::\n";

/// A command's data: the runner takes it to the end of the line (`escapeData` of its toolkit).
pub fn data(text: &[u8]) -> Vec<u8> {
    escaped(text, false)
}

/// The value of a command's property (`escapeProperty` of its toolkit).
pub fn property(text: &[u8]) -> Vec<u8> {
    escaped(text, true)
}

fn escaped(text: &[u8], is_property: bool) -> Vec<u8> {
    let mut out = String::with_capacity(text.len());
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            ':' if is_property => out.push_str("%3A"),
            ',' if is_property => out.push_str("%2C"),
            // Whoever reads the log does so on something like a terminal.
            c if is_obeyed(c) && c != '\t' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out.into_bytes()
}

/// Begins a group.
pub fn group_start(name: &[u8]) -> Vec<u8> {
    [b"::group::", &data(name)[..], b"\n"].concat()
}

/// A remark on a line of a file: `error` or `warning`.
fn annotation(kind: &str, place: Option<(&str, u32)>, title: &str, message: &str) -> Vec<u8> {
    let mut out = format!("::{kind} ").into_bytes();
    if let Some((file, line)) = place {
        out.extend_from_slice(b"file=");
        out.extend(property(file.as_bytes()));
        out.extend_from_slice(format!(",line={line},").as_bytes());
    }
    out.extend_from_slice(b"title=");
    out.extend(property(title.as_bytes()));
    out.extend_from_slice(b"::");
    out.extend(data(message.as_bytes()));
    out.push(b'\n');
    out
}

fn of_target(target: &Target, path: &dyn Fn(&str) -> String) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some((step, words, Some((file, line)))) = target.failed_step() {
        let message = format!("{}\n{words}", step.name);
        out.extend(annotation("error", Some((&path(file), *line)), &target.name, &message));
    }
    let place = target.culprit().and_then(|process| process.place.as_ref()).or(target.place.as_ref());
    let text = target.culprit().map(|process| format!("\n{}", process.text)).unwrap_or_default();
    let message = format!("{}: {}{text}", target.name, target.failure());
    let place = place.map(|place| (path(&place.file), place.number));
    out.extend(annotation(
        "error",
        place.as_ref().map(|(file, line)| (file.as_str(), *line)),
        &target.name,
        &message,
    ));
    out
}

/// The annotations of a run: what failed, what ended it, and warnings about lines of makefiles. `path` makes a makefile's name one that
/// is seen from the repository's root.
pub fn annotations(record: &Record, path: &dyn Fn(&str) -> String) -> Vec<u8> {
    let mut out = Vec::new();
    for target in record.targets.iter().filter(|target| target.is_failed()) {
        out.extend(of_target(target, path));
    }
    for message in &record.messages {
        let kind = match message.severity {
            Severity::Fatal => "error",
            Severity::Warning if message.place.is_some() => "warning",
            _ => continue,
        };
        let place = message.place.as_ref().map(|place| (path(&place.file), place.number));
        let place = place.as_ref().map(|(file, line)| (file.as_str(), *line));
        out.extend(annotation(kind, place, "imk", &message.text));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_escaped() {
        assert_eq!(group_start(b"100% a:b,\nc"), b"::group::100%25 a:b,%0Ac\n");
        assert_eq!(group_start(b"\x1b[31m\n::error::x"), "::group::\u{fffd}[31m%0A::error::x\n".as_bytes());
        let found = annotation("error", Some(("a,b:c.mk", 3)), "t%", "one\r\ntwo: 5%");
        assert_eq!(found, b"::error file=a%2Cb%3Ac.mk,line=3,title=t%25::one%0D%0Atwo: 5%25\n");
        assert_eq!(annotation("warning", None, "imk", "x"), b"::warning title=imk::x\n");
    }
}

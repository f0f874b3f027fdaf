//! Text of others made fit for the log of a CI service, which obeys lines of it. Knows nothing of which service reads it, nor of what is
//! printed to be obeyed.
//!
//! GitHub's runner obeys a line that begins with `::`, after blanks, and `##[` anywhere in a line
//! (<https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs>); its comparisons pass over characters that take no
//! place. GitLab obeys `section_start:` and its like between escape sequences
//! (<https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections>).

use super::printable::{colour_length, is_ignorable, printable_coloured, printable_lines};
use std::borrow::Cow;

/// What stands before what is not to be obeyed.
const MARK: char = '\u{fffd}';

/// `text` of several lines without what a log's reader or a terminal would obey, line ends and tabs apart; as it is where there is nothing
/// of the kind.
pub fn unobeyed(text: &[u8]) -> Cow<'_, [u8]> {
    marked(printable_lines(text))
}

/// As [`unobeyed`], and `text` as it is where nothing in it is obeyed by a CI service: colours and bytes that are no UTF-8 stay.
pub fn unobeyed_where_any(text: &[u8]) -> Cow<'_, [u8]> {
    let shown = printable_lines(text);
    let obeys = |text: &[u8]| without_commands(&String::from_utf8_lossy(text)).is_some();
    match obeys(text) || obeys(&shown) || memchr::memmem::find(text, b"section_").is_some() {
        true => marked(shown),
        false => Cow::Borrowed(text),
    }
}

/// As [`unobeyed`], of text that this program has coloured: colours stay.
pub fn unobeyed_coloured(text: &[u8]) -> Cow<'_, [u8]> {
    marked(printable_coloured(text))
}

fn marked(shown: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if memchr::memchr2(b':', b'#', &shown).is_none() {
        return shown;
    }
    match without_commands(&String::from_utf8_lossy(&shown)) {
        Some(text) => Cow::Owned(text.into_bytes()),
        None => shown,
    }
}

/// `text` with a mark before each line and each bracket that makes a command; none where there is none.
fn without_commands(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() + MARK.len_utf8());
    for line in text.split_inclusive('\n') {
        if begins_command(line) {
            out.push(MARK);
        }
        let mut hashes = 0;
        for c in line.chars() {
            match c {
                '#' => hashes += 1,
                '[' if hashes > 1 => {
                    out.push(MARK);
                    hashes = 0;
                }
                _ if takes_no_place(c) => {}
                _ => hashes = 0,
            }
            out.push(c);
        }
    }
    (out.len() != text.len()).then_some(out)
}

fn takes_no_place(c: char) -> bool {
    is_ignorable(c) || c.is_control()
}

fn begins_command(mut line: &str) -> bool {
    loop {
        match colour_length(line.as_bytes()) {
            0 => break,
            length => line = &line[length..],
        }
    }
    let mut rest = line.chars().filter(|&c| !takes_no_place(c)).skip_while(|c| c.is_whitespace());
    (rest.next(), rest.next()) == (Some(':'), Some(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        String::from_utf8_lossy(&unobeyed(text.as_bytes())).into_owned()
    }

    #[test]
    fn commands_are_marked_and_all_else_stays() {
        for text in ["a::b\n", "a: :b", "x ## [y]", "#[a]\n#\n[", "", "\t- x\n", "std::fmt\n"] {
            assert!(matches!(unobeyed(text.as_bytes()), Cow::Borrowed(_)), "{text:?}");
        }
        let cases = [
            ("::error::x\ny\n", "\u{fffd}::error::x\ny\n"),
            ("a\n \t::error::x", "a\n\u{fffd} \t::error::x"),
            ("\u{2003}:\u{200b}:x", "\u{fffd}\u{2003}:\u{200b}:x"),
            ("\u{feff}::x", "\u{fffd}\u{feff}::x"),
            ("a ##[error]b ###[x]", "a ##\u{fffd}[error]b ###\u{fffd}[x]"),
            ("#\u{ad}#[error]", "#\u{ad}#\u{fffd}[error]"),
            ("a\r::error::x", "a\u{fffd}::error::x"),
            ("\u{1b}[0Ksection_start:1:a\r\u{1b}[0Kb", "\u{fffd}[0Ksection_start:1:a\u{fffd}\u{fffd}[0Kb"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text:?}");
        }
        assert_eq!(&*unobeyed(b"\xff::x\n\xff"), "\u{fffd}::x\n\u{fffd}".as_bytes());
        assert_eq!(shown("é: ü\n"), "é: ü\n");
        let coloured = unobeyed_coloured(b"\x1b[1m::x\x1b[0m##[y] \x1b[2J\n");
        assert_eq!(&*coloured, "\u{fffd}\x1b[1m::x\x1b[0m##\u{fffd}[y] \u{fffd}[2J\n".as_bytes());
    }
}

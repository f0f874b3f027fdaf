//! Text of others made fit to be shown: what a terminal would obey is replaced. Knows nothing of where it is shown.

use std::borrow::Cow;

/// Whether a terminal obeys `c` rather than showing it: control characters, and those that change the direction of the text that
/// follows.
pub fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` without what a terminal would obey. For imk's own messages: GNU make's are make's to the byte, except on a terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_obeyed(c) { '\u{fffd}' } else { c }).collect()
}

/// `text` of several lines without what a terminal would obey, line ends and tabs apart; as it is where there is nothing of the
/// kind.
pub fn printable_lines(text: &[u8]) -> Cow<'_, [u8]> {
    let is_layout = |byte: u8| matches!(byte, b'\n' | b'\t');
    if text.is_ascii() && !text.iter().any(|&byte| byte.is_ascii_control() && !is_layout(byte)) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if is_obeyed(c) && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c };
    Cow::Owned(String::from_utf8_lossy(text).chars().map(shown).collect::<String>().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_replaced() {
        assert_eq!(
            printable("a\u{1b}[31mb\u{202e}c\u{9b}d\ré日"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}d\u{fffd}é日"
        );
        assert_eq!(&*printable_lines(b"a\tb\n"), b"a\tb\n");
        assert_eq!(&*printable_lines("a\u{1b}\té\n".as_bytes()), "a\u{fffd}\té\n".as_bytes());
    }
}

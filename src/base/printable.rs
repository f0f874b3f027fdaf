//! Text of others made fit to be shown: what a terminal would obey is replaced. Knows nothing of where it is shown.

/// Whether a terminal obeys `c` rather than showing it: control characters, and those that change the direction of the text that
/// follows.
pub fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` without what a terminal would obey. For imk's own messages: GNU make's are make's to the byte.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_obeyed(c) { '\u{fffd}' } else { c }).collect()
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
    }
}

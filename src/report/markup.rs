//! Text between tags and in attributes of HTML, SVG and XML. Knows nothing of what is written.

use crate::base::printable::is_obeyed;

/// `text` without what markup means: the characters that `own` has a text for are that text, other control characters are replaced.
pub fn escaped(text: &str, own: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match (own(c), c) {
            (Some(text), _) => out.push_str(text),
            (None, '&') => out.push_str("&amp;"),
            (None, '<') => out.push_str("&lt;"),
            (None, '>') => out.push_str("&gt;"),
            (None, '"') => out.push_str("&quot;"),
            (None, c) if is_obeyed(c) => out.push('\u{fffd}'),
            (None, c) => out.push(c),
        }
    }
    out
}

//! The words of a rule line before it is expanded (manual, "Rule Syntax"). Knows nothing of targets.

use crate::syntax::grammar;
use crate::syntax::plain::{self, Reading};

/// What a word of a rule line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing is left.
    End,
    /// Ordinary text, perhaps with references.
    Text,
    /// `:`
    Colon,
    /// `::`
    DoubleColon,
    /// `&:`
    GroupedColon,
    /// `&::`
    GroupedDoubleColon,
    /// `;`
    Semicolon,
    /// An assignment operator.
    Assignment,
}

/// A word: what it is, where it begins after white space, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// What it is.
    pub kind: Kind,
    /// Offset of its first byte.
    pub start: usize,
    /// Length in bytes.
    pub length: usize,
}

/// The next word of `text` from `from`.
#[inline]
pub fn next_word(text: &[u8], from: usize) -> Word {
    plain::words::next_word(text, from).unwrap_or_else(|| grammar::words::next_word(text, from))
}

/// The next piece of a list of prerequisites that is still to be expanded: a word with its references whole, or `|` alone; and
/// what follows it.
#[inline]
pub fn next_prerequisite(text: &[u8]) -> Option<(&[u8], &[u8])> {
    match plain::words::next_prerequisite(text) {
        Reading::Found(found) => Some(found),
        Reading::Absent => None,
        Reading::Intricate => grammar::words::next_prerequisite(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        for (text, kind, length) in [
            ("", Kind::End, 0),
            ("a$(b :)c: d", Kind::Text, 8),
            ("a\\:b:", Kind::Text, 4),
            ("a$", Kind::Text, 2),
            ("$", Kind::Text, 1),
            ("$(a b", Kind::Text, 5),
            (":a", Kind::Colon, 1),
            ("::a", Kind::DoubleColon, 2),
            (":::=a", Kind::Assignment, 3),
            ("&: a", Kind::GroupedColon, 2),
            ("&:: a", Kind::GroupedDoubleColon, 3),
            ("a&: b", Kind::Text, 1),
            ("; a", Kind::Semicolon, 1),
            ("+=", Kind::Assignment, 2),
        ] {
            let padded = [b" \t", text.as_bytes()].concat();
            assert_eq!(next_word(&padded, 1), Word { kind, start: 2, length }, "{text}");
        }
        assert_eq!(next_prerequisite(b" a$(b c)|d"), Some((&b"a$(b c)"[..], &b"|d"[..])));
        assert_eq!(next_prerequisite(b"|d"), Some((&b"|"[..], &b"d"[..])));
        assert_eq!(next_prerequisite(b" \t"), None);
    }
}

//! The words of a rule line before it is expanded (manual, "Rule Syntax"). Knows nothing of targets.

use crate::os::words::{is_space, skip_space};
use crate::syntax::quoting::reference_end;

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
pub fn next_word(text: &[u8], from: usize) -> Word {
    let rest = skip_space(&text[from.min(text.len())..]);
    let start = text.len() - rest.len();
    let word = |kind, length| Word { kind, start, length };
    let byte = |at: usize| rest.get(at).copied().unwrap_or(0);
    match byte(0) {
        0 if rest.is_empty() => return word(Kind::End, 0),
        b';' => return word(Kind::Semicolon, 1),
        b'=' => return word(Kind::Assignment, 1),
        b':' => {
            return match (byte(1), byte(2)) {
                (b'=', _) => word(Kind::Assignment, 2),
                (b':', _) if byte(3) == b'=' => word(Kind::Assignment, 3),
                (b':', _) => word(Kind::DoubleColon, 2),
                _ => word(Kind::Colon, 1),
            };
        }
        b'&' if byte(1) == b':' => {
            return if byte(2) == b':' {
                word(Kind::GroupedDoubleColon, 3)
            } else {
                word(Kind::GroupedColon, 2)
            };
        }
        b'+' | b'?' | b'!' if byte(1) == b'=' => return word(Kind::Assignment, 2),
        _ => {}
    }
    let mut at = 0;
    while at < rest.len() {
        match rest[at] {
            c if is_space(c) => break,
            b'=' | b':' => break,
            b'$' => {
                if at + 1 >= rest.len() {
                    // A lone one at the end stands for itself.
                    at += 1;
                    break;
                }
                at = if byte(at + 1) == b'$' { at + 2 } else { reference_end(rest, at) };
                continue;
            }
            b'?' | b'+' if byte(at + 1) == b'=' => break,
            b'\\' if matches!(byte(at + 1), b':' | b';' | b'=' | b'\\') => at += 1,
            b'&' if byte(at + 1) == b':' => break,
            _ => {}
        }
        at += 1;
    }
    word(Kind::Text, at.min(rest.len()))
}

/// The next piece of a list of prerequisites that is still to be expanded: a word with its references whole, or `|` alone.
pub fn next_prerequisite(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = skip_space(text);
    if rest.is_empty() {
        return None;
    }
    if rest[0] == b'|' {
        return Some(rest.split_at(1));
    }
    let mut at = 0;
    while at < rest.len() {
        match rest[at] {
            b' ' | b'\t' | b'|' => break,
            b'$' => at = if rest.get(at + 1) == Some(&b'$') { at + 2 } else { reference_end(rest, at) },
            _ => at += 1,
        }
    }
    Some(rest.split_at(at.min(rest.len())))
}

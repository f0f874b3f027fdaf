//! The fast path of the words of a rule line: plain names, references that close, and colons. Knows nothing of targets.

use super::Reading;
use super::statement::closed_reference;
use crate::os::words::{is_space, skip_space};
use crate::syntax::words::{Kind, Word};

/// The next word of `text` from `from`.
#[inline]
pub fn next_word(text: &[u8], from: usize) -> Option<Word> {
    let rest = skip_space(text.get(from..)?);
    let start = text.len() - rest.len();
    let Some(&first) = rest.first() else { return Some(Word { kind: Kind::End, start, length: 0 }) };
    if first == b':' {
        return match rest.get(1) {
            Some(b':' | b'=') => None,
            _ => Some(Word { kind: Kind::Colon, start, length: 1 }),
        };
    }
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b':' => break,
            b'$' => at = closed_reference(rest, at)?,
            b'=' | b';' | b'&' | b'\\' | b'?' | b'+' | b'!' => return None,
            _ if is_space(byte) => break,
            _ => at += 1,
        }
    }
    Some(Word { kind: Kind::Text, start, length: at })
}

/// The next piece of a list of prerequisites, and what follows it.
#[inline]
pub fn next_prerequisite(text: &[u8]) -> Reading<(&[u8], &[u8])> {
    let rest = skip_space(text);
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b' ' | b'\t' => break,
            b'|' if at == 0 => return Reading::Found(rest.split_at(1)),
            b'|' => break,
            b'$' => match closed_reference(rest, at) {
                Some(after) => at = after,
                None => return Reading::Intricate,
            },
            _ => at += 1,
        }
    }
    if at == 0 { Reading::Absent } else { Reading::Found(rest.split_at(at)) }
}

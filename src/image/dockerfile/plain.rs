//! Lines of Dockerfiles that are plain, read without the grammar: what `grammar/dockerfile.pest` says of a line of ASCII without
//! quotes, escapes and flags. Knows nothing of any other line.

use super::runes;
use super::syntax::Head;
use std::ops::Range;

/// The grammar's `blank`.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x0b | 0x0c | b'\r' | b' ')
}

/// The grammar's `fspace` and `uspace`, which are one among ASCII.
fn is_space(byte: u8) -> bool {
    is_blank(byte) || byte == b'\n'
}

/// Whether the grammar would see the byte as it is.
fn is_ascii(byte: u8) -> bool {
    byte < 0x80 && !(0x1c..=0x1e).contains(&byte)
}

/// The line's keyword and rest, where it has no flag.
pub(super) fn head(line: &[u8]) -> Option<Head> {
    let trimmed = runes::trim(line);
    let length = trimmed.iter().position(|&byte| is_blank(byte)).unwrap_or(trimmed.len());
    let after = &trimmed[length..];
    let next = after.iter().position(|&byte| !is_space(byte)).unwrap_or(after.len());
    let next = &after[next..];
    let certain = next.first().is_none_or(|&byte| is_ascii(byte)) && !next.starts_with(b"--");
    if length == 0 || !certain {
        return None;
    }
    let offset = runes::offset_in(line, trimmed);
    let rest = runes::trim(after);
    let start = if rest.is_empty() { offset + trimmed.len() } else { runes::offset_in(line, rest) };
    Some(Head { keyword: offset..offset + length, flags: Vec::new(), rest: start..start + rest.len() })
}

/// The words of ARG, ENV and LABEL, where none is quoted.
pub(super) fn words(text: &[u8], escape: u8) -> Option<Vec<Range<usize>>> {
    let plain = |&byte: &u8| is_ascii(byte) && !matches!(byte, b'"' | b'\'' | b'\\') && byte != escape;
    text.iter().all(plain).then(|| split(text, is_space))
}

/// The items of a list; the grammar knows none where blanks are around it.
pub(super) fn list(text: &[u8]) -> Option<Vec<Range<usize>>> {
    let blank = |byte: Option<&u8>| byte.is_some_and(|&byte| is_blank(byte));
    (!blank(text.first()) && !blank(text.last())).then(|| split(text, is_blank))
}

fn split(text: &[u8], ends: impl Fn(u8) -> bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let length = text[at..].iter().position(|&byte| ends(byte)).unwrap_or(text.len() - at);
        if length > 0 {
            found.push(at..at + length);
        }
        at += length + 1;
    }
    found
}

//! Characters as BuildKit's Go code sees them: UTF-8 decoding that never fails, and Unicode white space.
//! Knows nothing of Dockerfiles.

/// What an invalid byte decodes to.
pub const REPLACEMENT: u32 = 0xFFFD;

/// The first character of `text` and its length in bytes; an invalid byte is one [`REPLACEMENT`] of length 1, and the
/// empty text has length 0 (Go's `utf8.DecodeRune`).
pub fn decode(text: &[u8]) -> (u32, usize) {
    let Some(&first) = text.first() else { return (REPLACEMENT, 0) };
    if first < 0x80 {
        return (u32::from(first), 1);
    }
    let len = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return (REPLACEMENT, 1),
    };
    match text.get(..len).and_then(|head| std::str::from_utf8(head).ok()).and_then(|head| head.chars().next())
    {
        Some(c) => (c as u32, len),
        None => (REPLACEMENT, 1),
    }
}

/// All characters of `text`, by [`decode`].
pub fn runes(text: &[u8]) -> Vec<u32> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let (rune, len) = decode(&text[at..]);
        out.push(rune);
        at += len;
    }
    out
}

/// Whether `rune` is white space (Go's `unicode.IsSpace`).
pub fn is_space(rune: u32) -> bool {
    matches!(
        rune,
        0x09..=0x0D | 0x20 | 0x85 | 0xA0 | 0x1680 | 0x2000..=0x200A | 0x2028 | 0x2029 | 0x202F | 0x205F | 0x3000
    )
}

/// `text` without leading white space, Unicode's included.
pub fn trim_start(text: &[u8]) -> &[u8] {
    let mut at = 0;
    while at < text.len() {
        let (rune, len) = decode(&text[at..]);
        if !is_space(rune) {
            break;
        }
        at += len;
    }
    &text[at..]
}

/// `text` without trailing white space, Unicode's included.
pub fn trim_end(text: &[u8]) -> &[u8] {
    let mut end = text.len();
    'outer: while end > 0 {
        for len in 1..=3.min(end) {
            let (rune, size) = decode(&text[end - len..end]);
            if size == len && is_space(rune) {
                end -= len;
                continue 'outer;
            }
        }
        break;
    }
    &text[..end]
}

/// `text` without white space at either end (Go's `strings.TrimSpace`).
pub fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}

/// Offset of `part` in `whole`, where `part` is a slice of it (0 otherwise).
pub fn offset_in(whole: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize).filter(|&at| at <= whole.len()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_and_trims() {
        assert_eq!(decode("é".as_bytes()), (0xE9, 2));
        assert_eq!(decode(&[0xFF, b'a']), (REPLACEMENT, 1));
        assert_eq!(runes(&[b'a', 0xE2, 0x82]), vec![97, REPLACEMENT, REPLACEMENT]);
        assert_eq!(trim("\u{a0} \tab \u{3000}\n".as_bytes()), b"ab");
        assert_eq!(trim(b"   "), b"");
        assert_eq!(trim(b""), b"");
    }
}

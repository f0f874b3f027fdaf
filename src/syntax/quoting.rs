//! Backslashes that quote special characters, and the search for characters that are not quoted (manual, "Rule Syntax",
//! "Using Wildcard Characters"). Knows nothing of rules.

use std::borrow::Cow;

/// The end of the reference whose `$` is at `at`: past its closing parenthesis, or past the one character it names.
pub fn reference_end(text: &[u8], at: usize) -> usize {
    let Some(&open) = text.get(at + 1) else { return text.len() };
    let close = match open {
        b'(' => b')',
        b'{' => b'}',
        _ => return at + 2,
    };
    let mut depth = 1;
    for (offset, &byte) in text[at + 2..].iter().enumerate() {
        if byte == open {
            depth += 1;
        } else if byte == close {
            depth -= 1;
            if depth == 0 {
                return at + 2 + offset + 1;
            }
        }
    }
    text.len()
}

/// The first byte of `stops` in `text`, or the first `$` where `references` is set.
fn next_stop(text: &[u8], stops: &[u8], references: bool) -> Option<usize> {
    match (stops, references) {
        (&[one], false) => memchr::memchr(one, text),
        (&[one], true) => memchr::memchr2(one, b'$', text),
        (&[one, two], false) => memchr::memchr2(one, two, text),
        (&[one, two], true) => memchr::memchr3(one, two, b'$', text),
        _ => text.iter().position(|byte| stops.contains(byte) || (references && *byte == b'$')),
    }
}

/// Searches `text` from `from` for a byte of `stops` that no backslash quotes, skipping references where `references` is set.
/// Backslashes that quote a stop are removed, half of those that quote each other too. Returns the place in the new text.
pub fn find_unquoted(text: &mut Vec<u8>, from: usize, stops: &[u8], references: bool) -> Option<usize> {
    let mut at = from;
    loop {
        at += next_stop(text.get(at..)?, stops, references)?;
        if text[at] == b'$' && references {
            if at + 1 >= text.len() {
                return None;
            }
            at = reference_end(text, at);
            continue;
        }
        let backslashes = text[from..at].iter().rev().take_while(|&&byte| byte == b'\\').count();
        if backslashes == 0 {
            return Some(at);
        }
        text.drain(at - backslashes..at - backslashes / 2);
        at -= backslashes - backslashes / 2;
        if backslashes % 2 == 0 {
            return Some(at);
        }
        at += 1;
    }
}

/// Removes a comment from `line`: from the first `#` that is neither quoted nor inside a reference.
pub fn strip_comment(line: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if memchr::memchr(b'#', &line).is_none() {
        return line;
    }
    let mut line = line.into_owned();
    if let Some(at) = find_unquoted(&mut line, 0, b"#", true) {
        line.truncate(at);
    }
    Cow::Owned(line)
}

/// `text` with the backslashes removed that quote `byte`, and half of those before them.
pub fn unquote(text: &[u8], byte: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if text[at] == b'\\' {
            let count = text[at..].iter().take_while(|&&byte| byte == b'\\').count();
            let next = text.get(at + count);
            let keep = if next == Some(&byte) && count % 2 == 1 { count / 2 } else { count };
            out.extend(std::iter::repeat_n(b'\\', keep));
            at += count;
            if let Some(&next) = next {
                out.push(next);
                at += 1;
            }
            continue;
        }
        out.push(text[at]);
        at += 1;
    }
    out
}

/// A pattern with its quoting removed up to the first unquoted `%`, and the place of that `%`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern<'t> {
    /// The text, `%` included.
    pub text: Cow<'t, [u8]>,
    /// Where the `%` is; none where the text is no pattern.
    pub percent: Option<usize>,
}

impl<'t> Pattern<'t> {
    /// Reads `text` as a pattern.
    #[inline]
    pub fn new(text: &'t [u8]) -> Self {
        match memchr::memchr(b'%', text) {
            None => Pattern { text: Cow::Borrowed(text), percent: None },
            Some(at) if at == 0 || text[at - 1] != b'\\' => {
                Pattern { text: Cow::Borrowed(text), percent: Some(at) }
            }
            Some(_) => {
                let mut owned = text.to_vec();
                let percent = find_unquoted(&mut owned, 0, b"%", false);
                Pattern { text: Cow::Owned(owned), percent }
            }
        }
    }

    /// The part before the `%`, or all of it.
    pub fn prefix(&self) -> &[u8] {
        &self.text[..self.percent.unwrap_or(self.text.len())]
    }

    /// The part after the `%`.
    pub fn suffix(&self) -> &[u8] {
        self.percent.map_or(&[], |at| &self.text[at + 1..])
    }

    /// The stem with which `word` matches, or none; a text without `%` matches only itself.
    #[inline]
    pub fn stem<'w>(&self, word: &'w [u8]) -> Option<&'w [u8]> {
        match self.percent {
            None => (word == &self.text[..]).then_some(&word[..0]),
            Some(_) => {
                let (prefix, suffix) = (self.prefix(), self.suffix());
                (word.len() >= prefix.len() + suffix.len()
                    && word.starts_with(prefix)
                    && word.ends_with(suffix))
                .then(|| &word[prefix.len()..word.len() - suffix.len()])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_stops_are_passed_over() {
        let mut text = b"a\\;b;c".to_vec();
        assert_eq!(find_unquoted(&mut text, 0, b";", false), Some(3));
        assert_eq!(text, b"a;b;c");
        let mut text = b"$(x;y)\\\\;".to_vec();
        assert_eq!(find_unquoted(&mut text, 0, b";", true), Some(7));
        assert_eq!(text, b"$(x;y)\\;");
        assert_eq!(unquote(b"a\\:b\\\\:c\\d", b':'), b"a:b\\\\:c\\d");
        let pattern = Pattern::new(b"a\\%b%c");
        assert_eq!((&pattern.text[..], pattern.percent), (&b"a%b%c"[..], Some(3)));
        assert_eq!(Pattern::new(b"x%y").stem(b"x12y"), Some(&b"12"[..]));
    }
}

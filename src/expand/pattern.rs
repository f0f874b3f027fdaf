//! Substitution in words: `$(patsubst)`, `$(subst)` and substitution references (manual, "Functions for String Substitution").
//! Knows nothing of variables.

use crate::os::words::{is_space, skip_space, word_length, words};
use crate::syntax::quoting::{Pattern, find_unquoted};

/// Replaces each word of `text` that matches `pattern`, onto the end of `out`; the words are joined by single spaces.
pub fn patsubst(text: &[u8], pattern: &[u8], replacement: &[u8], out: &mut Vec<u8>) {
    let (pattern, replacement) = (Pattern::new(pattern), Pattern::new(replacement));
    if pattern.percent.is_none() {
        return subst_words(text, &pattern.text, &replacement.text, out);
    }
    replace_words(text, &pattern, &replacement, out);
}

/// `$(name:from=to)`: a suffix is replaced where `from` has no `%`.
pub fn substitute_reference(text: &[u8], from: &[u8], to: &[u8], out: &mut Vec<u8>) {
    let mut pattern = from.to_vec();
    match find_unquoted(&mut pattern, 0, b"%", false) {
        Some(percent) => {
            let pattern = Pattern { text: pattern.into(), percent: Some(percent) };
            let replacement = Pattern::new(to);
            replace_words(text, &pattern, &replacement, out);
        }
        None => {
            let pattern = Pattern { text: [b"%", &pattern[..]].concat().into(), percent: Some(0) };
            let replacement = Pattern { text: [b"%", to].concat().into(), percent: Some(0) };
            replace_words(text, &pattern, &replacement, out);
        }
    }
}

fn replace_words(text: &[u8], pattern: &Pattern, replacement: &Pattern, out: &mut Vec<u8>) {
    let (before, after) = (replacement.prefix(), replacement.suffix());
    let mut any = false;
    for word in words(text) {
        let start = out.len();
        match pattern.stem(word) {
            Some(stem) => {
                out.extend_from_slice(before);
                if replacement.percent.is_some() {
                    out.extend_from_slice(stem);
                    out.extend_from_slice(after);
                }
                // An empty replacement leaves no gap; a replacement that holds the stem does.
                if out.len() == start && replacement.percent.is_none() {
                    continue;
                }
            }
            None => out.extend_from_slice(word),
        }
        out.push(b' ');
        any = true;
    }
    if any {
        out.pop();
    }
}

/// `$(subst)`: replaces each occurrence of `from` in `text`.
pub fn subst(text: &[u8], from: &[u8], to: &[u8], out: &mut Vec<u8>) {
    if from.is_empty() {
        out.extend_from_slice(text);
        out.extend_from_slice(to);
        return;
    }
    let mut at = 0;
    let finder = memchr::memmem::Finder::new(from);
    while let Some(found) = finder.find(&text[at..]) {
        out.extend_from_slice(&text[at..at + found]);
        out.extend_from_slice(to);
        at += found + from.len();
    }
    out.extend_from_slice(&text[at..]);
}

/// Replaces whole words equal to `from`; the white space of `text` is kept.
fn subst_words(text: &[u8], from: &[u8], to: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    loop {
        let found = if from.is_empty() {
            let rest = skip_space(&text[at..]);
            Some(text.len() - at - rest.len() + word_length(rest))
        } else {
            memchr::memmem::find(&text[at..], from)
        };
        let Some(found) = found else {
            out.extend_from_slice(&text[at..]);
            return;
        };
        let start = at + found;
        let end = start + from.len();
        out.extend_from_slice(&text[at..start]);
        let whole =
            (start == 0 || is_space(text[start - 1])) && text.get(end).is_none_or(|&byte| is_space(byte));
        out.extend_from_slice(if whole { to } else { from });
        at = end;
        if at >= text.len() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(function: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        function(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn words_are_replaced() {
        assert_eq!(run(|out| patsubst(b" a.c  b.o ", b"%.c", b"%.o", out)), "a.o b.o");
        assert_eq!(run(|out| patsubst(b"a  b c", b"b", b"x", out)), "a  x c");
        assert_eq!(run(|out| patsubst(b"a b", b"%", b"", out)), "");
        assert_eq!(run(|out| substitute_reference(b"a.c b", b".c", b".o", out)), "a.o b");
        assert_eq!(run(|out| subst(b"aXbX", b"X", b"--", out)), "a--b--");
        assert_eq!(run(|out| subst(b"ab", b"", b"c", out)), "abc");
    }
}

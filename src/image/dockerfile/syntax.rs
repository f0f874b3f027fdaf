//! The grammar's pairs, kept in this file: keyword and flags, words, exec form strings, all as ranges of a line.
//! Knows nothing of what instructions mean.

use super::json;
use super::plain;
use super::runes::{self, decode, is_space};
use pest::Parser;
use pest::iterators::Pair;
use pest_derive::Parser;
use std::borrow::Cow;
use std::ops::Range;

#[derive(Parser)]
#[grammar = "../grammar/dockerfile.pest"]
struct Grammar;

/// A line split at its keyword and flags; ranges of the line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The keyword.
    pub keyword: Range<usize>,
    /// The flags with what their quotes and escapes mean.
    pub flags: Vec<(Vec<u8>, Range<usize>)>,
    /// What follows, white space trimmed.
    pub rest: Range<usize>,
}

/// The mask of `text` that the grammar reads: byte for byte, see `grammar/dockerfile.pest`.
fn mask(text: &[u8], escape: u8) -> Cow<'_, str> {
    let plain = |&byte: &u8| byte < 0x80 && !(0x1c..=0x1e).contains(&byte);
    if escape == b'\\'
        && text.iter().all(plain)
        && let Ok(text) = std::str::from_utf8(text)
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let (rune, len) = decode(&text[at..]);
        let space = rune >= 0x80 && is_space(rune);
        for &byte in &text[at..at + len.max(1)] {
            out.push(match byte {
                0x85 | 0xA0 if space => '\x1d',
                0x85 | 0xA0 => '\x1e',
                _ if space => '\x1c',
                0x1c..=0x1e | 0x80.. => 'x',
                b'`' if escape == b'`' => '\\',
                b'\\' if escape == b'`' => '`',
                other => char::from(other),
            });
        }
        at += len.max(1);
    }
    Cow::Owned(out)
}

fn ranges(rule: Rule, wanted: Rule, text: &str) -> Option<Vec<Range<usize>>> {
    let pairs = Grammar::parse(rule, text).ok()?;
    let mut out = Vec::new();
    for pair in pairs.flatten() {
        if pair.as_rule() == wanted {
            out.push(range(&pair));
        }
    }
    Some(out)
}

fn range(pair: &Pair<'_, Rule>) -> Range<usize> {
    let span = pair.as_span();
    span.start()..span.end()
}

/// Keyword, flags and rest of `line`.
pub fn head(line: &[u8], escape: u8) -> Head {
    plain::head(line).unwrap_or_else(|| head_by_grammar(line, escape))
}

fn head_by_grammar(line: &[u8], escape: u8) -> Head {
    let trimmed = runes::trim(line);
    let offset = runes::offset_in(line, trimmed);
    let masked = mask(trimmed, escape);
    let mut head = Head::default();
    let Ok(pairs) = Grammar::parse(Rule::head, &masked) else {
        head.keyword = offset..offset + trimmed.len();
        head.rest = head.keyword.end..head.keyword.end;
        return head;
    };
    let mut end = 0;
    for pair in pairs.flatten() {
        let found = range(&pair);
        match pair.as_rule() {
            Rule::keyword => {
                head.keyword = offset + found.start..offset + found.end;
                end = found.end;
            }
            Rule::flag => {
                end = found.end;
                let text = unquote(&trimmed[found.clone()], escape);
                if text == b"--" {
                    break;
                }
                head.flags.push((text, offset + found.start..offset + found.end));
            }
            _ => {}
        }
    }
    let rest = runes::trim(&trimmed[end..]);
    let start = if rest.is_empty() { offset + trimmed.len() } else { runes::offset_in(line, rest) };
    head.rest = start..start + rest.len();
    head
}

/// A flag without its quotes and escapes.
fn unquote(text: &[u8], escape: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut quote = None;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == escape {
            out.extend(bytes.next());
        } else if quote == Some(byte) {
            quote = None;
        } else if quote.is_none() && matches!(byte, b'"' | b'\'') {
            quote = Some(byte);
        } else {
            out.push(byte);
        }
    }
    out
}

/// The words of ARG, ENV and LABEL, quotes kept; ranges of `text`. An escape that ends the text is dropped.
pub fn words(text: &[u8], escape: u8) -> Vec<Range<usize>> {
    plain::words(text, escape).unwrap_or_else(|| words_by_grammar(text, escape))
}

fn words_by_grammar(text: &[u8], escape: u8) -> Vec<Range<usize>> {
    let mut found = ranges(Rule::words, Rule::word, &mask(text, escape)).unwrap_or_default();
    if let Some(last) = found.last_mut()
        && last.end == text.len()
        && ends_in_escape(&text[last.clone()], escape)
    {
        last.end -= 1;
        if last.start >= last.end {
            found.pop();
        }
    }
    found
}

/// Whether the last byte of a word is an escape that escapes nothing.
fn ends_in_escape(word: &[u8], escape: u8) -> bool {
    let mut quote = None;
    let mut at = 0;
    while let Some(&byte) = word.get(at) {
        if byte == escape && quote != Some(b'\'') {
            if at + 1 == word.len() {
                return true;
            }
            at += 1;
        } else if quote == Some(byte) {
            quote = None;
        } else if quote.is_none() && matches!(byte, b'"' | b'\'') {
            quote = Some(byte);
        }
        at += 1;
    }
    false
}

/// The words of FROM, EXPOSE, COPY, ADD and VOLUME; ranges of `text`, which is trimmed.
pub fn list(text: &[u8]) -> Vec<Range<usize>> {
    plain::list(text).unwrap_or_else(|| list_by_grammar(text))
}

fn list_by_grammar(text: &[u8]) -> Vec<Range<usize>> {
    ranges(Rule::list, Rule::item, &mask(text, b'\\')).unwrap_or_default()
}

/// The strings of an exec form, with what their escapes mean, and the ranges of their bodies.
pub fn strings(text: &[u8]) -> Vec<(Vec<u8>, Range<usize>)> {
    let found = ranges(Rule::strings, Rule::string_body, &mask(text, b'\\')).unwrap_or_default();
    found.into_iter().map(|range| (json::unescape(&text[range.clone()]), range)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flags(line: &str) -> (Vec<String>, String) {
        let head = head(line.as_bytes(), b'\\');
        let flags = head.flags.iter().map(|(flag, _)| String::from_utf8_lossy(flag).into_owned()).collect();
        (flags, line[head.rest].to_owned())
    }

    #[test]
    fn flags_end_at_the_first_other_word() {
        assert_eq!(
            flags("COPY --from=a  --chown=\"b c\" x --y"),
            (vec!["--from=a".into(), "--chown=b c".into()], "x --y".into())
        );
        assert_eq!(flags("RUN --mount=a\\ b -- --c"), (vec!["--mount=a b".into()], "--c".into()));
        assert_eq!(flags("RUN"), (vec![], "".into()));
        assert_eq!(flags("RUN --a='x y"), (vec!["--a=x y".into()], "".into()));
        assert_eq!(flags("CMD -a --b"), (vec![], "-a --b".into()));
    }

    #[test]
    fn words_keep_quotes() {
        let text = br#"a="b c" d=e\ f g='h\' i\"#;
        let found: Vec<&[u8]> = words(text, b'\\').into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, [&br#"a="b c""#[..], br"d=e\ f", br"g='h\'", b"i"]);
        let text = "a=b\u{a0}c=d".as_bytes();
        assert_eq!(words(text, b'\\').len(), 2);
        assert_eq!(list(text).len(), 1);
        assert_eq!(words(b"a=`\" b", b'`').len(), 2);
        assert!(words(b"\\", b'\\').is_empty());
    }

    proptest! {
        #[test]
        fn plain_lines_are_what_the_grammar_says(line in "[ \t\n\x0b\x0c\r]?(RUN|a|--|-|\"|'|\\\\|`|=|[ \t\n\x0b\x0c\r]|--f|\x1d|é|\u{85}|\u{a0}|\u{2003}){0,9}") {
            let line = line.as_bytes();
            for escape in *b"\\`" {
                if let Some(found) = plain::head(line) {
                    prop_assert_eq!(found, head_by_grammar(line, escape));
                }
                if let Some(found) = plain::words(line, escape) {
                    prop_assert_eq!(found, words_by_grammar(line, escape));
                }
                if let Some(found) = plain::list(line) {
                    prop_assert_eq!(found, list_by_grammar(line));
                }
            }
        }
    }

    #[test]
    fn strings_are_unescaped() {
        let text = "[ \"a\\\"é\" ,\"\"]".as_bytes();
        let found: Vec<Vec<u8>> = strings(text).into_iter().map(|(text, _)| text).collect();
        assert_eq!(found, ["a\"é".as_bytes().to_vec(), Vec::new()]);
        assert!(strings(b"[]").is_empty());
    }
}

//! Files of environment variables, by compose's rules (<https://docs.docker.com/compose/how-tos/environment-variables/>, "Syntax").
//! Knows nothing of where the variables go.

use crate::base::tables::HashMap;
use std::cell::Cell;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// One-based line.
    pub line: u32,
    /// What is wrong.
    pub what: Wrong,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The line names no variable.
    Name,
    /// A quote is not closed.
    Quote,
    /// Something stands behind a quoted value.
    AfterQuote,
    /// A reference is not closed, or has no name.
    Reference,
    /// References within references, deeper than is followed.
    Deep,
    /// The values that references stand for come to more than is taken of one file.
    Long,
    /// `${NAME:?words}` of a variable without a value: its words.
    Required(String),
}

impl Wrong {
    /// It in words.
    pub fn message(&self) -> String {
        match self {
            Wrong::Name => "no name of a variable".to_owned(),
            Wrong::Quote => "a quote is not closed".to_owned(),
            Wrong::AfterQuote => "text after the closing quote".to_owned(),
            Wrong::Reference => "a reference to a variable is not closed, or has no name".to_owned(),
            Wrong::Deep => format!("references nest deeper than {DEEPEST}"),
            Wrong::Long => "references come to more than 16 MiB in all".to_owned(),
            Wrong::Required(words) => words.clone(),
        }
    }
}

/// A variable and its value; none for a name alone, which is taken from the environment.
pub type Variable = (Vec<u8>, Option<Vec<u8>>);

/// References nest no deeper; each level costs stack.
const DEEPEST: usize = 64;

/// How many bytes references may stand for in one file: a value that names itself twice, line after line, has no end.
const REFERENCES_MAX: usize = 16 << 20;

struct Reader<'t, 'l> {
    text: &'t [u8],
    at: usize,
    found: Vec<Variable>,
    /// For each name the latest of `found`.
    latest: HashMap<Vec<u8>, usize>,
    /// Bytes that references may still stand for.
    left: Cell<usize>,
    outside: &'l dyn Fn(&[u8]) -> Option<Vec<u8>>,
}

/// The variables of `text`, in order. References are looked up by `outside` first, then in the file up to there.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse(text: &[u8], outside: &dyn Fn(&[u8]) -> Option<Vec<u8>>) -> Result<Vec<Variable>, Fault> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = Reader {
        text,
        at: 0,
        found: Vec::new(),
        latest: HashMap::default(),
        left: Cell::new(REFERENCES_MAX),
        outside,
    };
    while reader.at < text.len() {
        let start = reader.at;
        reader.line().map_err(|what| {
            let line = memchr::memchr_iter(b'\n', &text[..start]).count() + 1;
            Fault { line: u32::try_from(line).unwrap_or(u32::MAX), what }
        })?;
    }
    Ok(reader.found)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// The length of the variable's name that `text` begins with, as references have it.
fn name_length(text: &[u8]) -> usize {
    if text.first().is_some_and(u8::is_ascii_digit) {
        return 0;
    }
    text.iter().take_while(|&&byte| byte.is_ascii_alphanumeric() || byte == b'_').count()
}

impl Reader<'_, '_> {
    fn rest(&self) -> &[u8] {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().iter().take_while(|&&byte| is_blank(byte)).count();
    }

    /// What is left of the line, its newline skipped.
    fn take_line(&mut self) -> Vec<u8> {
        let rest = self.rest();
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest[..end].to_vec();
        self.at = (self.at + end + 1).min(self.text.len());
        line
    }

    fn line(&mut self) -> Result<(), Wrong> {
        self.skip_blanks();
        if matches!(self.rest().first(), None | Some(b'\n' | b'#')) {
            self.take_line();
            return Ok(());
        }
        if let Some(rest) = self.rest().strip_prefix(b"export")
            && rest.first().copied().is_some_and(is_blank)
        {
            self.at += b"export".len();
            self.skip_blanks();
        }
        let length = self.rest().iter().take_while(|&&byte| is_name_byte(byte)).count();
        let name = self.rest()[..length].to_vec();
        if name.is_empty() || name[0].is_ascii_digit() {
            return Err(Wrong::Name);
        }
        self.at += length;
        self.skip_blanks();
        match self.rest().first() {
            Some(b'=' | b':') => self.at += 1,
            None | Some(b'\n' | b'#') => {
                self.take_line();
                self.add(name, None);
                return Ok(());
            }
            Some(_) => return Err(Wrong::Name),
        }
        let before = self.at;
        self.skip_blanks();
        let spaced = self.at > before;
        let value = match self.rest().first() {
            Some(b'\'') => self.single()?,
            Some(b'"') => self.double()?,
            _ => {
                let line = self.take_line();
                self.expand(unquoted(&line, spaced), 0)?
            }
        };
        self.add(name, Some(value));
        Ok(())
    }

    fn add(&mut self, name: Vec<u8>, value: Option<Vec<u8>>) {
        self.latest.insert(name.clone(), self.found.len());
        self.found.push((name, value));
    }

    /// Behind a quoted value only a comment may stand.
    fn after_quote(&mut self) -> Result<(), Wrong> {
        let line = self.take_line();
        match line.trim_ascii_start().first() {
            None | Some(b'#') => Ok(()),
            Some(_) => Err(Wrong::AfterQuote),
        }
    }

    /// Text in single quotes: as it is, but for `\'`.
    fn single(&mut self) -> Result<Vec<u8>, Wrong> {
        let mut value = Vec::new();
        let mut at = self.at + 1;
        loop {
            match (self.text.get(at), self.text.get(at + 1)) {
                (None, _) => return Err(Wrong::Quote),
                (Some(b'\\'), Some(b'\'')) => {
                    value.push(b'\'');
                    at += 2;
                }
                (Some(b'\''), _) => break,
                (Some(&byte), _) => {
                    value.push(byte);
                    at += 1;
                }
            }
        }
        self.at = at + 1;
        self.after_quote()?;
        Ok(value)
    }

    /// Text in double quotes: escapes and references are obeyed.
    fn double(&mut self) -> Result<Vec<u8>, Wrong> {
        let start = self.at + 1;
        let mut end = start;
        loop {
            match self.text.get(end) {
                None => return Err(Wrong::Quote),
                Some(b'\\') => end += 2,
                Some(b'"') => break,
                Some(_) => end += 1,
            }
        }
        let text = self.text[start..end].to_vec();
        self.at = end + 1;
        self.after_quote()?;
        self.expand_with(&text, true, 0)
    }

    fn expand(&self, text: &[u8], depth: usize) -> Result<Vec<u8>, Wrong> {
        self.expand_with(text, false, depth)
    }

    fn lookup(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Wrong> {
        let own = || self.latest.get(name).and_then(|&at| self.found.get(at)?.1.clone());
        let value = (self.outside)(name).or_else(own);
        let length = value.as_ref().map_or(0, Vec::len);
        self.left.set(self.left.get().checked_sub(length).ok_or(Wrong::Long)?);
        Ok(value)
    }

    /// `text` with its references replaced, and its escapes where there are any.
    fn expand_with(&self, text: &[u8], escapes: bool, depth: usize) -> Result<Vec<u8>, Wrong> {
        if depth > DEEPEST {
            return Err(Wrong::Deep);
        }
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            match (byte, text.get(at + 1)) {
                (b'\\', Some(&escaped)) if escapes => {
                    match escaped {
                        b'n' => out.push(b'\n'),
                        b'r' => out.push(b'\r'),
                        b't' => out.push(b'\t'),
                        b'a' => out.push(0x07),
                        b'b' => out.push(0x08),
                        b'v' => out.push(0x0b),
                        b'f' => out.push(0x0c),
                        b'\\' | b'"' | b'$' => out.push(escaped),
                        other => out.extend_from_slice(&[b'\\', other]),
                    }
                    at += 2;
                }
                (b'$', Some(b'$')) => {
                    out.push(b'$');
                    at += 2;
                }
                (b'$', Some(b'{')) => {
                    let end = closing(text, at + 2).ok_or(Wrong::Reference)?;
                    out.extend_from_slice(&self.braced(&text[at + 2..end], depth)?);
                    at = end + 1;
                }
                (b'$', Some(_)) if name_length(&text[at + 1..]) > 0 => {
                    let length = name_length(&text[at + 1..]);
                    out.extend(self.lookup(&text[at + 1..at + 1 + length])?.unwrap_or_default());
                    at += 1 + length;
                }
                _ => {
                    out.push(byte);
                    at += 1;
                }
            }
        }
        Ok(out)
    }

    /// What stands for `${inside}`.
    fn braced(&self, inside: &[u8], depth: usize) -> Result<Vec<u8>, Wrong> {
        let (name, rest) = inside.split_at(name_length(inside));
        if name.is_empty() {
            return Err(Wrong::Reference);
        }
        let value = self.lookup(name)?;
        let (colon, rest) = match rest.strip_prefix(b":") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        // With a colon, empty counts as not set.
        let set = value.clone().filter(|value| !colon || !value.is_empty());
        match rest.split_first() {
            None if !colon => Ok(value.unwrap_or_default()),
            Some((b'-', default)) => set.map_or_else(|| self.expand(default, depth + 1), Ok),
            Some((b'+', other)) => set.map_or(Ok(Vec::new()), |_| self.expand(other, depth + 1)),
            Some((b'?', words)) => set.ok_or_else(|| {
                let words = self.expand(words, depth + 1).unwrap_or_default();
                let name = String::from_utf8_lossy(name);
                Wrong::Required(format!(
                    "{name}: {}",
                    match String::from_utf8_lossy(&words).trim() {
                        "" => "it has no value",
                        words => words,
                    }
                ))
            }),
            _ => Err(Wrong::Reference),
        }
    }
}

/// An unquoted value without its comment, before which a blank stands, and the blanks at its end.
fn unquoted(line: &[u8], spaced: bool) -> &[u8] {
    let after_blank = |at: usize| if at == 0 { spaced } else { is_blank(line[at - 1]) };
    let comment = (0..line.len()).find(|&at| line[at] == b'#' && after_blank(at));
    line[..comment.unwrap_or(line.len())].trim_ascii()
}

/// The place of the brace that closes what begins at `at`.
fn closing(text: &[u8], at: usize) -> Option<usize> {
    let mut depth = 0;
    for (offset, &byte) in text.get(at..)?.iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at + offset),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outside(name: &[u8]) -> Option<Vec<u8>> {
        match name {
            b"USER" => Some(b"ann".to_vec()),
            b"EMPTY" => Some(Vec::new()),
            _ => None,
        }
    }

    fn value(line: &str) -> Result<String, Wrong> {
        let found = parse(format!("A=first\n{line}\n").as_bytes(), &outside).map_err(|fault| fault.what)?;
        let last = found.into_iter().last().and_then(|(_, value)| value).unwrap_or_default();
        Ok(String::from_utf8_lossy(&last).into_owned())
    }

    #[test]
    fn references_have_bounds() {
        let deep = |levels: usize| format!("V={}x{}", "${N:-".repeat(levels), "}".repeat(levels));
        assert_eq!(value(&deep(60)), Ok("x".to_owned()));
        for levels in [70, 1_000_000] {
            assert_eq!(value(&deep(levels)), Err(Wrong::Deep));
        }
        let doubled = parse("A=$A$A\n".repeat(64).replacen("$A$A", "x", 1).as_bytes(), &outside);
        assert!(matches!(doubled, Err(Fault { what: Wrong::Long, line: 20..30 })), "{doubled:?}");
    }

    #[test]
    fn values_are_read_as_compose_reads_them() {
        let cases = [
            ("V=VAL", "VAL"),
            ("V=\"VAL\"", "VAL"),
            ("V='VAL'", "VAL"),
            ("V=VAL # comment", "VAL"),
            ("V=VAL# not a comment", "VAL# not a comment"),
            ("V=\"VAL # not a comment\"", "VAL # not a comment"),
            ("V=\"VAL\" # comment", "VAL"),
            ("V=", ""),
            ("V= # comment", ""),
            ("V=#1", "#1"),
            ("  export  V = two words  ", "two words"),
            ("V: yaml", "yaml"),
            ("V='$OTHER' # c", "$OTHER"),
            ("V='Let\\'s go!'", "Let's go!"),
            ("V=\"{\\\"hello\\\": \\\"json\\\"}\"", "{\"hello\": \"json\"}"),
            ("V=some\\tvalue", "some\\tvalue"),
            ("V='some\\tvalue'", "some\\tvalue"),
            ("V=\"some\\tvalue\"", "some\tvalue"),
            ("V=\"one\ntwo\"", "one\ntwo"),
            ("V='one\ntwo'", "one\ntwo"),
            ("V=$A-${A}", "first-first"),
            ("V=\"${USER}\"", "ann"),
            ("V=${NONE:-d}${EMPTY:-e}${EMPTY-f}${USER:-g}", "deann"),
            ("V=${NONE:-${A}}", "first"),
            ("V=${USER:+yes}${NONE+no}${EMPTY+set}${EMPTY:+no}", "yesset"),
            ("V=a$$b", "a$b"),
            ("V=\"cost: \\$5 $ 6\"", "cost: $5 $ 6"),
            ("V=a\\$A", "a\\first"),
            ("V=\"a\\$A\"", "a$A"),
            ("V=\"\\a\\b\\v\\f\\e\"", "\u{7}\u{8}\u{b}\u{c}\\e"),
            ("V=a=b", "a=b"),
            ("V=x\r", "x"),
        ];
        for (line, expected) in cases {
            assert_eq!(value(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn faults_have_their_line() {
        let cases = [
            ("# c\n\n=x\n", 3, Wrong::Name),
            ("1A=x\n", 1, Wrong::Name),
            ("A B\n", 1, Wrong::Name),
            ("A=1\nB='x\n", 2, Wrong::Quote),
            ("A=\"x\n", 1, Wrong::Quote),
            ("A=\"x\" y\n", 1, Wrong::AfterQuote),
            ("A=${B\n", 1, Wrong::Reference),
            ("A=${}\n", 1, Wrong::Reference),
            ("A=${B:?set it}\n", 1, Wrong::Required("B: set it".to_owned())),
            ("A=${EMPTY:?}\n", 1, Wrong::Required("EMPTY: it has no value".to_owned())),
        ];
        for (text, line, what) in cases {
            assert_eq!(parse(text.as_bytes(), &outside), Err(Fault { line, what }), "{text}");
        }
        let alone = parse(b"USER\nexport X\n", &outside);
        assert_eq!(alone, Ok(vec![(b"USER".to_vec(), None), (b"X".to_vec(), None)]));
    }
}

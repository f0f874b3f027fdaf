//! Variable expansion in words, as BuildKit's shell lexer does it, over values that may not be known.
//! Knows nothing of instructions.
//!
//! The behaviour is that of `frontend/dockerfile/shell/lex.go`.

use super::error::ExpansionFault;
use super::glob::{self, Shortest};
use super::runes::{decode, is_space};
use super::value::{Lookup, Scope, Value};

/// How a lexer treats what it reads.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// The escape character.
    pub escape: u8,
    /// Keep quotes in the result.
    pub raw_quotes: bool,
    /// Keep escape characters in the result.
    pub raw_escapes: bool,
    /// Quotes are ordinary characters.
    pub no_quotes: bool,
    /// Leave references to unset variables as they stand.
    pub skip_unset: bool,
}

impl Mode {
    /// The mode of ordinary words.
    pub fn words(escape: u8) -> Self {
        Mode { escape, raw_quotes: false, raw_escapes: false, no_quotes: false, skip_unset: false }
    }
}

/// Expands `word` to one text.
///
/// # Errors
/// A substitution that BuildKit refuses.
pub fn expand(word: &[u8], mode: Mode, scope: &mut dyn Scope) -> Result<Value, ExpansionFault> {
    if mode.raw_escapes || memchr::memchr3(b'$', b'"', b'\'', word).is_some() || word.contains(&mode.escape) {
        let mut lexer = Lexer::new(word, mode, scope);
        return Ok(lexer.process(None, mode.raw_escapes)?.0.value());
    }
    Ok(Value::Known(word.to_vec()))
}

/// Expands `text` and splits it at white space outside quotes.
///
/// # Errors
/// A substitution that BuildKit refuses.
pub fn split(text: &[u8], mode: Mode, scope: &mut dyn Scope) -> Result<Vec<Vec<u8>>, ExpansionFault> {
    let mut lexer = Lexer::new(text, mode, scope);
    Ok(lexer.process(None, mode.raw_escapes)?.1)
}

/// A text under construction; once an unknown part is in it, the whole is unknown.
#[derive(Default)]
struct Building {
    bytes: Vec<u8>,
    unknown: bool,
}

impl Building {
    fn of(bytes: &[u8]) -> Self {
        Building { bytes: bytes.to_vec(), unknown: false }
    }

    fn unknown() -> Self {
        Building { bytes: Vec::new(), unknown: true }
    }

    fn add(&mut self, other: &Building) {
        self.bytes.extend_from_slice(&other.bytes);
        self.unknown |= other.unknown;
    }

    fn value(self) -> Value {
        if self.unknown { Value::Unknown } else { Value::Known(self.bytes) }
    }
}

impl From<Value> for Building {
    fn from(value: Value) -> Self {
        match value {
            Value::Known(bytes) => Building { bytes, unknown: false },
            Value::Unknown => Building::unknown(),
        }
    }
}

/// Substitutions nest no deeper than this here; each level costs stack.
const DEEPEST: usize = 64;

/// Words of [`split`] as they grow. The buffer of the current word is the lexer's, shared by nested calls as it is in
/// BuildKit, where a substitution with a modifier forgets the part of the word before it.
#[derive(Default)]
struct Words {
    done: Vec<Vec<u8>>,
    inside: bool,
}

struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    mode: Mode,
    raw_escapes: bool,
    scope: &'a mut dyn Scope,
    buffer: Vec<u8>,
    depth: usize,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a [u8], mode: Mode, scope: &'a mut dyn Scope) -> Self {
        // Go's scanner drops a byte order mark at the start.
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        Lexer { text, at: 0, mode, raw_escapes: mode.raw_escapes, scope, buffer: Vec::new(), depth: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The next character, as its bytes.
    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.text;
        let rest = text.get(self.at..)?;
        let (_, len) = decode(rest);
        self.at += len;
        rest.get(..len).filter(|c| !c.is_empty())
    }

    fn add_char(&mut self, words: &mut Words, c: &[u8]) {
        if !is_space(decode(c).0) {
            self.add_raw(words, c);
        } else if words.inside && !self.buffer.is_empty() {
            words.done.push(std::mem::take(&mut self.buffer));
            words.inside = false;
        }
    }

    fn add_raw(&mut self, words: &mut Words, text: &[u8]) {
        self.buffer.extend_from_slice(text);
        words.inside = true;
    }

    fn finish(&mut self, mut words: Words) -> Vec<Vec<u8>> {
        if !self.buffer.is_empty() {
            words.done.push(std::mem::take(&mut self.buffer));
        }
        words.done
    }

    /// Reads up to `stop`, or to the end where there is none: the text as one, and its words.
    fn process(
        &mut self,
        stop: Option<u8>,
        raw_escapes: bool,
    ) -> Result<(Building, Vec<Vec<u8>>), ExpansionFault> {
        if self.depth >= DEEPEST {
            return Err(ExpansionFault::TooDeep);
        }
        self.depth += 1;
        let before = std::mem::replace(&mut self.raw_escapes, raw_escapes);
        let out = self.process_inner(stop);
        self.raw_escapes = before;
        self.depth -= 1;
        out
    }

    fn process_inner(&mut self, stop: Option<u8>) -> Result<(Building, Vec<Vec<u8>>), ExpansionFault> {
        let mut result = Building::default();
        let mut words = Words::default();
        self.buffer.clear();
        while let Some(byte) = self.peek() {
            if stop == Some(byte) {
                self.at += 1;
                return Ok((result, self.finish(words)));
            }
            match byte {
                b'\'' | b'"' if !self.mode.no_quotes => {
                    let part = if byte == b'"' { self.double_quoted()? } else { self.single_quoted()? };
                    self.add_raw(&mut words, &part.bytes);
                    result.add(&part);
                }
                b'<' => {
                    let part = self.angle();
                    self.add_raw(&mut words, part);
                    result.bytes.extend_from_slice(part);
                }
                b'$' => {
                    let part = self.dollar()?;
                    let mut at = 0;
                    while at < part.bytes.len() {
                        let len = decode(&part.bytes[at..]).1.max(1);
                        self.add_char(&mut words, &part.bytes[at..at + len]);
                        at += len;
                    }
                    result.add(&part);
                }
                _ => {
                    let Some(mut c) = self.next() else { break };
                    if byte == self.mode.escape {
                        if self.raw_escapes {
                            self.add_raw(&mut words, c);
                            result.bytes.extend_from_slice(c);
                        }
                        let Some(escaped) = self.next() else { break };
                        c = escaped;
                        self.add_raw(&mut words, c);
                    } else {
                        self.add_char(&mut words, c);
                    }
                    result.bytes.extend_from_slice(c);
                }
            }
        }
        match stop {
            Some(b'}') => Err(ExpansionFault::UnclosedBrace),
            Some(_) => Err(ExpansionFault::BadSubstitution),
            None => Ok((result, self.finish(words))),
        }
    }

    fn single_quoted(&mut self) -> Result<Building, ExpansionFault> {
        let start = self.at;
        let body = self.text.get(start + 1..).unwrap_or_default();
        let Some(len) = memchr::memchr(b'\'', body) else {
            self.at = self.text.len();
            return Err(ExpansionFault::UnclosedQuote(b'\''));
        };
        self.at = start + len + 2;
        let kept = if self.mode.raw_quotes { self.text.get(start..self.at) } else { body.get(..len) };
        Ok(Building::of(kept.unwrap_or_default()))
    }

    fn double_quoted(&mut self) -> Result<Building, ExpansionFault> {
        let mut result = Building::default();
        self.at += 1;
        if self.mode.raw_quotes {
            result.bytes.push(b'"');
        }
        loop {
            match self.peek() {
                None => return Err(ExpansionFault::UnclosedQuote(b'"')),
                Some(b'"') => {
                    self.at += 1;
                    if self.mode.raw_quotes {
                        result.bytes.push(b'"');
                    }
                    return Ok(result);
                }
                Some(b'$') => {
                    let part = self.dollar()?;
                    result.add(&part);
                }
                Some(byte) if byte == self.mode.escape => {
                    self.at += 1;
                    if self.raw_escapes {
                        result.bytes.push(byte);
                    }
                    match self.peek() {
                        None => {}
                        Some(next) if next == b'"' || next == b'$' || next == self.mode.escape => {
                            self.at += 1;
                            result.bytes.push(next);
                        }
                        Some(_) => result.bytes.push(byte),
                    }
                }
                Some(_) => {
                    let Some(c) = self.next() else { continue };
                    result.bytes.extend_from_slice(c);
                }
            }
        }
    }

    /// `<`, or `<<` with the blanks behind it, which do not end the word.
    fn angle(&mut self) -> &'a [u8] {
        let start = self.at;
        self.at += 1;
        if self.peek() == Some(b'<') {
            self.at += 1;
            while matches!(self.peek(), Some(b'\t' | b'\r' | b' ')) {
                self.at += 1;
            }
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// A name at the cursor, and whether its end is certain: which characters beyond ASCII are letters is Unicode's to
    /// say, and versions differ.
    fn name(&mut self) -> (Vec<u8>, bool) {
        let start = self.at;
        match self.peek() {
            Some(b'0'..=b'9') => {
                while matches!(self.peek(), Some(b'0'..=b'9')) {
                    self.at += 1;
                }
            }
            Some(b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!') => self.at += 1,
            _ => {
                while self
                    .peek()
                    .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80)
                {
                    self.at += 1;
                }
            }
        }
        let name = self.text.get(start..self.at).unwrap_or_default().to_vec();
        let certain = name.is_ascii();
        (name, certain)
    }

    fn dollar(&mut self) -> Result<Building, ExpansionFault> {
        self.at += 1;
        if self.peek() != Some(b'{') {
            let (name, certain) = self.name();
            if name.is_empty() {
                return Ok(Building::of(b"$"));
            }
            if self.mode.skip_unset {
                return Ok(Building::of(&[b"$", name.as_slice()].concat()));
            }
            return Ok(if certain { plain(self.scope.get(&name)) } else { Building::unknown() });
        }
        self.at += 1;
        match self.peek() {
            None => return Err(ExpansionFault::UnclosedBrace),
            Some(b'{' | b'}' | b':') => return Err(ExpansionFault::BadSubstitution),
            Some(_) => {}
        }
        let (name, certain) = self.name();
        let modifier = self.next().unwrap_or_default().to_vec();
        match modifier.first() {
            Some(b'}') => {
                if self.mode.skip_unset {
                    return Ok(Building::of(&[b"${", name.as_slice(), b"}"].concat()));
                }
                Ok(if certain { plain(self.scope.get(&name)) } else { Building::unknown() })
            }
            Some(b':') => {
                let second = self.next().unwrap_or_default().to_vec();
                match second.first() {
                    Some(&sign @ (b'-' | b'+' | b'?')) => self.modified(&name, certain, sign, true),
                    _ => Err(ExpansionFault::UnknownModifier([b":", second.as_slice()].concat())),
                }
            }
            Some(&sign @ (b'-' | b'+' | b'?' | b'#' | b'%')) => self.modified(&name, certain, sign, false),
            Some(b'/') => self.replaced(&name, certain),
            _ => Err(ExpansionFault::UnknownModifier(modifier)),
        }
    }

    fn lookup(&mut self, name: &[u8], certain: bool) -> Lookup {
        if certain { self.scope.get(name) } else { Lookup::Unknown }
    }

    fn modified(
        &mut self,
        name: &[u8],
        certain: bool,
        sign: u8,
        null_is_unset: bool,
    ) -> Result<Building, ExpansionFault> {
        let trims = matches!(sign, b'#' | b'%');
        let (word, _) = self.process(Some(b'}'), trims)?;
        let found = self.lookup(name, certain);
        if self.mode.skip_unset {
            let colon: &[u8] = if null_is_unset { b":" } else { b"" };
            return Ok(Building::of(&[b"${", name, colon, &[sign], &word.bytes, b"}"].concat()));
        }
        // Whether the variable counts as set; nothing where that is not known.
        let set = match &found {
            Lookup::Unset => Some(false),
            Lookup::Set(Value::Known(value)) => Some(!(null_is_unset && value.is_empty())),
            Lookup::Set(Value::Unknown) => (!null_is_unset).then_some(true),
            Lookup::Unknown => None,
        };
        match sign {
            b'-' => Ok(match set {
                Some(true) => plain(found),
                Some(false) => word,
                None => Building::unknown(),
            }),
            b'+' => Ok(match set {
                Some(true) => word,
                Some(false) => Building::default(),
                None => Building::unknown(),
            }),
            b'?' => match set {
                Some(true) => Ok(plain(found)),
                None => Ok(Building::unknown()),
                Some(false) => {
                    let default: &[u8] = if found == Lookup::Unset {
                        b"is not allowed to be unset"
                    } else {
                        b"is not allowed to be empty"
                    };
                    let message = if word.bytes.is_empty() { default.to_vec() } else { word.bytes };
                    Err(ExpansionFault::Required { name: name.to_vec(), message })
                }
            },
            _ => {
                let value = plain(found);
                if word.unknown || value.unknown {
                    return Ok(Building::unknown());
                }
                let (pattern, greedy) = match word.bytes.strip_prefix(&[sign]) {
                    Some(rest) => (rest, true),
                    None => (word.bytes.as_slice(), false),
                };
                let length = if greedy { Shortest::No } else { Shortest::Yes };
                let trimmed = if sign == b'#' {
                    glob::trim_prefix(pattern, &value.bytes, length)
                } else {
                    glob::trim_suffix(pattern, &value.bytes, length)
                };
                match trimmed {
                    Ok(text) => Ok(Building::from(text)),
                    Err(()) => Err(ExpansionFault::BadPattern(pattern.to_vec())),
                }
            }
        }
    }

    fn replaced(&mut self, name: &[u8], certain: bool) -> Result<Building, ExpansionFault> {
        let all = self.peek() == Some(b'/');
        if all {
            self.at += 1;
        }
        let (pattern, _) = self.process(Some(b'/'), true)?;
        let (replacement, _) = self.process(Some(b'}'), true)?;
        let found = self.lookup(name, certain);
        if self.mode.skip_unset {
            return Ok(Building::of(
                &[b"${", name, b"/", &pattern.bytes, b"/", &replacement.bytes, b"}"].concat(),
            ));
        }
        let value = plain(found);
        if pattern.unknown || replacement.unknown || value.unknown {
            return Ok(Building::unknown());
        }
        match glob::replace(&pattern.bytes, &value.bytes, &replacement.bytes, all) {
            Ok(text) => Ok(Building::from(text)),
            Err(()) => Err(ExpansionFault::BadPattern(pattern.bytes)),
        }
    }
}

/// The value of a plain reference: what is unset is empty.
fn plain(found: Lookup) -> Building {
    match found {
        Lookup::Set(value) => Building::from(value),
        Lookup::Unset => Building::default(),
        Lookup::Unknown => Building::unknown(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::Nothing;
    use super::*;

    struct Fixed;

    impl Scope for Fixed {
        fn get(&mut self, name: &[u8]) -> Lookup {
            match name {
                b"x" => Lookup::Set(Value::from(&b"one/two.tar.gz"[..])),
                b"e" => Lookup::Set(Value::from(&b""[..])),
                b"u" => Lookup::Set(Value::Unknown),
                b"b" => Lookup::Unknown,
                _ => Lookup::Unset,
            }
        }
    }

    fn is(word: &str, expected: &str) {
        let got = expand(word.as_bytes(), Mode::words(b'\\'), &mut Fixed);
        assert_eq!(got, Ok(Value::from(expected.as_bytes())), "{word}");
    }

    fn is_unknown(word: &str) {
        assert_eq!(expand(word.as_bytes(), Mode::words(b'\\'), &mut Fixed), Ok(Value::Unknown), "{word}");
    }

    fn fails(word: &str) {
        assert!(expand(word.as_bytes(), Mode::words(b'\\'), &mut Fixed).is_err(), "{word}");
    }

    #[test]
    fn plain_references_quotes_and_escapes() {
        is("a$x-b", "aone/two.tar.gz-b");
        is("'$x' \"$x\"", "$x one/two.tar.gz");
        is(r"\$x \a \\ \'", r"$x a \ '");
        is("\"\\$x \\a \\\"\"", "$x \\a \"");
        is("$ $. $1x ${none}", "$ $. x ");
        is("a\\", "a");
        fails("'a");
        fails("\"a");
        fails("${");
        fails("${x");
        fails("${}");
        fails("${:x}");
        fails("${x,y}");
    }

    #[test]
    fn defaults_and_alternatives() {
        is("${x:-w} ${e:-w} ${n:-w} ${e-w} ${n-w}", "one/two.tar.gz w w  w");
        is("${x:+w} ${e:+w} ${n:+w} ${e+w} ${n+w}", "w   w ");
        is("${n:-${e:-$x}}", "one/two.tar.gz");
        is("${x?} ${x:?m}", "one/two.tar.gz one/two.tar.gz");
        is("${u+w}", "w");
        fails("${n?}");
        fails("${e:?m}");
    }

    #[test]
    fn what_is_not_known_makes_the_whole_unknown() {
        for word in ["a$u", "$b", "${u:-w}", "${b-w}", "${u:+w}", "${n:-$u}", "${b?}", "${x#$u}", "$é"] {
            is_unknown(word);
        }
        is("'$u' ${x:+w}${n+$u}", "$u w");
    }

    #[test]
    fn patterns_trim_and_replace() {
        is("${x#*/} ${x##*.} ${x%.*} ${x%%.*}", "two.tar.gz gz one/two.tar one/two");
        is("${x#one} ${x%gz} ${x#two} ${x#???}", "/two.tar.gz one/two.tar. one/two.tar.gz /two.tar.gz");
        is(
            "${x/t/T} ${x//t/T} ${x/./} ${x/\\//-}",
            "one/Two.tar.gz one/Two.Tar.gz one/twotar.gz one-two.tar.gz",
        );
        is("${x/t*/T}", "one/T");
        is_unknown("${x//t/$ }");
        fails("${x#\\a}");
        fails("${x/a}");
    }

    #[test]
    fn words_are_split_outside_quotes() {
        let mode = Mode { raw_quotes: true, raw_escapes: true, skip_unset: true, ..Mode::words(b'\\') };
        let words = |text: &str| split(text.as_bytes(), mode, &mut Nothing);
        let list = |parts: &[&str]| Ok(parts.iter().map(|part| part.as_bytes().to_vec()).collect());
        assert_eq!(
            words("RUN cat << EOF 'a b' $x ${y}"),
            list(&["RUN", "cat", "<< EOF", "'a b'", "$x", "${y}"])
        );
        assert_eq!(words("a\\ b \"c\\\"d\""), list(&["a\\ b", "\"c\\\"d\""]));
        assert!(words("it's <<EOF").is_err());
    }

    #[test]
    fn deep_nesting_is_an_error_not_a_crash() {
        let deep = "${n:-".repeat(10_000) + &"}".repeat(10_000);
        assert_eq!(expand(deep.as_bytes(), Mode::words(b'\\'), &mut Fixed), Err(ExpansionFault::TooDeep));
    }
}

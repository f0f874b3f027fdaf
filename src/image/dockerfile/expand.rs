//! Variable expansion in words, as BuildKit's shell lexer does it, over values that may not be known.
//! Knows nothing of instructions.
//!
//! The behaviour is that of `frontend/dockerfile/shell/lex.go`.

use super::error::{Bound, ExpansionFault};
use super::glob::{self, Shortest};
use super::runes::decode;
use super::value::{Budget, LONGEST_VALUE, Lookup, Nothing, Scope, Value};
use super::words::Words;

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
/// A substitution that BuildKit refuses, or one that takes more than `budget` has.
pub fn expand(
    word: &[u8],
    mode: Mode,
    scope: &mut dyn Scope,
    budget: &mut Budget,
) -> Result<Value, ExpansionFault> {
    if mode.raw_escapes || memchr::memchr3(b'$', b'"', b'\'', word).is_some() || word.contains(&mode.escape) {
        let mut lexer = Lexer::new(word, mode, scope, budget, None);
        lexer.process(None, mode.raw_escapes)?;
        return Ok(if lexer.unknown { Value::Unknown } else { Value::from(lexer.out) });
    }
    Ok(Value::from(word))
}

/// Splits `text` at white space outside quotes, where no variable is set.
///
/// # Errors
/// A substitution that BuildKit refuses.
pub fn split(text: &[u8], mode: Mode) -> Result<Vec<Vec<u8>>, ExpansionFault> {
    let (mut scope, mut budget) = (Nothing, Budget::default());
    let mut lexer = Lexer::new(text, mode, &mut scope, &mut budget, Some(Words::default()));
    lexer.process(None, mode.raw_escapes)?;
    Ok(lexer.words.map_or_else(Vec::new, Words::finish))
}

/// Substitutions nest no deeper than this here; each level costs stack.
const DEEPEST: usize = 64;

/// Reads a text once from its start to its end, and writes what it comes to behind what is written already: what a substitution does
/// not take is cut off again, so that no level of nesting copies what those within it wrote.
struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    mode: Mode,
    raw_escapes: bool,
    scope: &'a mut dyn Scope,
    budget: &'a mut Budget,
    out: Vec<u8>,
    /// Whether a part of what is written is not known; the whole is then not known.
    unknown: bool,
    words: Option<Words>,
    depth: usize,
}

impl<'a> Lexer<'a> {
    fn new(
        text: &'a [u8],
        mode: Mode,
        scope: &'a mut dyn Scope,
        budget: &'a mut Budget,
        words: Option<Words>,
    ) -> Self {
        // Go's scanner drops a byte order mark at the start.
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        let raw_escapes = mode.raw_escapes;
        let (out, unknown) = (Vec::new(), false);
        Lexer { text, at: 0, mode, raw_escapes, scope, budget, out, unknown, words, depth: 0 }
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

    /// Writes a variable's value, or what came of one.
    fn write(&mut self, value: Value) -> Result<(), ExpansionFault> {
        match value {
            Value::Unknown => self.unknown = true,
            Value::Known(bytes) => {
                // What the text says itself is no growth.
                if self.out.len() + bytes.len() > LONGEST_VALUE + self.text.len() {
                    return Err(ExpansionFault::Beyond(Bound::Length));
                }
                self.out.extend_from_slice(&bytes);
            }
        }
        Ok(())
    }

    /// Writes text that leads up to `stop`, or to the end where there is none.
    fn process(&mut self, stop: Option<u8>, raw_escapes: bool) -> Result<(), ExpansionFault> {
        if self.depth >= DEEPEST {
            return Err(ExpansionFault::Beyond(Bound::Depth));
        }
        self.depth += 1;
        let before = std::mem::replace(&mut self.raw_escapes, raw_escapes);
        let out = self.process_inner(stop);
        self.raw_escapes = before;
        self.depth -= 1;
        out
    }

    /// Writes the part of a substitution up to `stop`, and says where it begins and whether a part of it is not known.
    fn part(&mut self, stop: u8, raw_escapes: bool) -> Result<(usize, bool), ExpansionFault> {
        let (start, before) = (self.out.len(), std::mem::take(&mut self.unknown));
        let words = self.words.take();
        self.process(Some(stop), raw_escapes)?;
        self.words = words;
        if let Some(words) = &mut self.words {
            words.forget();
        }
        Ok((start, std::mem::replace(&mut self.unknown, before)))
    }

    fn process_inner(&mut self, stop: Option<u8>) -> Result<(), ExpansionFault> {
        while let Some(byte) = self.peek() {
            if stop == Some(byte) {
                self.at += 1;
                return Ok(());
            }
            let start = self.out.len();
            let mut is_raw = true;
            match byte {
                b'\'' if !self.mode.no_quotes => self.single_quoted()?,
                b'"' if !self.mode.no_quotes => self.double_quoted()?,
                b'<' => self.angle(),
                b'$' => {
                    self.dollar()?;
                    is_raw = false;
                }
                _ => {
                    let Some(mut c) = self.next() else { break };
                    is_raw = byte == self.mode.escape;
                    if is_raw {
                        if self.raw_escapes {
                            self.out.extend_from_slice(c);
                        }
                        let Some(escaped) = self.next() else {
                            self.note(start, is_raw);
                            break;
                        };
                        c = escaped;
                    }
                    self.out.extend_from_slice(c);
                }
            }
            self.note(start, is_raw);
        }
        match stop {
            Some(b'}') => Err(ExpansionFault::UnclosedBrace),
            Some(_) => Err(ExpansionFault::BadSubstitution),
            None => Ok(()),
        }
    }

    /// Adds what was written from `start` to the words, where these are wanted.
    fn note(&mut self, start: usize, is_raw: bool) {
        if let Some(words) = &mut self.words {
            let written = self.out.get(start..).unwrap_or_default();
            if is_raw { words.add_raw(written) } else { words.add_chars(written) }
        }
    }

    fn single_quoted(&mut self) -> Result<(), ExpansionFault> {
        let start = self.at;
        let body = self.text.get(start + 1..).unwrap_or_default();
        let Some(len) = memchr::memchr(b'\'', body) else {
            self.at = self.text.len();
            return Err(ExpansionFault::UnclosedQuote(b'\''));
        };
        self.at = start + len + 2;
        let kept = if self.mode.raw_quotes { self.text.get(start..self.at) } else { body.get(..len) };
        self.out.extend_from_slice(kept.unwrap_or_default());
        Ok(())
    }

    fn double_quoted(&mut self) -> Result<(), ExpansionFault> {
        self.at += 1;
        if self.mode.raw_quotes {
            self.out.push(b'"');
        }
        loop {
            match self.peek() {
                None => return Err(ExpansionFault::UnclosedQuote(b'"')),
                Some(b'"') => {
                    self.at += 1;
                    if self.mode.raw_quotes {
                        self.out.push(b'"');
                    }
                    return Ok(());
                }
                Some(b'$') => self.dollar()?,
                Some(byte) if byte == self.mode.escape => {
                    self.at += 1;
                    if self.raw_escapes {
                        self.out.push(byte);
                    }
                    match self.peek() {
                        None => {}
                        Some(next) if next == b'"' || next == b'$' || next == self.mode.escape => {
                            self.at += 1;
                            self.out.push(next);
                        }
                        Some(_) => self.out.push(byte),
                    }
                }
                Some(_) => {
                    let Some(c) = self.next() else { continue };
                    self.out.extend_from_slice(c);
                }
            }
        }
    }

    /// `<`, or `<<` with the blanks behind it, which do not end the word.
    fn angle(&mut self) {
        let start = self.at;
        self.at += 1;
        if self.peek() == Some(b'<') {
            self.at += 1;
            while matches!(self.peek(), Some(b'\t' | b'\r' | b' ')) {
                self.at += 1;
            }
        }
        self.out.extend_from_slice(self.text.get(start..self.at).unwrap_or_default());
    }

    /// A name at the cursor, and whether its end is certain: which characters beyond ASCII are letters is Unicode's to
    /// say, and versions differ.
    fn name(&mut self) -> (&'a [u8], bool) {
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
        let text = self.text;
        let name = text.get(start..self.at).unwrap_or_default();
        (name, name.is_ascii())
    }

    fn dollar(&mut self) -> Result<(), ExpansionFault> {
        let start = self.at;
        self.at += 1;
        if self.peek() != Some(b'{') {
            let (name, certain) = self.name();
            if name.is_empty() || self.mode.skip_unset {
                self.out.push(b'$');
                self.out.extend_from_slice(name);
                return Ok(());
            }
            return self.plain(name, certain);
        }
        self.at += 1;
        match self.peek() {
            None => return Err(ExpansionFault::UnclosedBrace),
            Some(b'{' | b'}' | b':') => return Err(ExpansionFault::BadSubstitution),
            Some(_) => {}
        }
        let (name, certain) = self.name();
        let modifier = self.next().unwrap_or_default();
        match modifier.first() {
            Some(b'}') if self.mode.skip_unset => {
                self.out.extend_from_slice(self.text.get(start..self.at).unwrap_or_default());
                Ok(())
            }
            Some(b'}') => self.plain(name, certain),
            Some(b':') => {
                let second = self.next().unwrap_or_default();
                let modifier = [b":", second].concat();
                match second {
                    [sign @ (b'-' | b'+' | b'?')] => self.modified(name, certain, *sign, true),
                    // What is given back as it stands is not judged, these two aside.
                    [b'#' | b'%'] => Err(ExpansionFault::UnknownModifier(modifier)),
                    _ if self.mode.skip_unset => self.given_back(name, &modifier, false),
                    _ => Err(ExpansionFault::UnknownModifier(modifier)),
                }
            }
            Some(&sign @ (b'-' | b'+' | b'?' | b'#' | b'%')) => self.modified(name, certain, sign, false),
            Some(b'/') => self.replaced(name, certain),
            _ => Err(ExpansionFault::UnknownModifier(modifier.to_vec())),
        }
    }

    fn lookup(&mut self, name: &[u8], certain: bool) -> Result<Lookup, ExpansionFault> {
        if !certain {
            return Ok(Lookup::Unknown);
        }
        let found = self.scope.get(name);
        if let Lookup::Set(Value::Known(value)) = &found {
            self.budget.take(value.len())?;
        }
        Ok(found)
    }

    fn plain(&mut self, name: &[u8], certain: bool) -> Result<(), ExpansionFault> {
        let found = self.lookup(name, certain)?;
        self.write(plain(found))
    }

    /// Writes a substitution with a modifier as it stands: its variable is not set.
    fn given_back(&mut self, name: &[u8], modifier: &[u8], raw_escapes: bool) -> Result<(), ExpansionFault> {
        for piece in [b"${", name, modifier] {
            self.out.extend_from_slice(piece);
        }
        let (_, unknown) = self.part(b'}', raw_escapes)?;
        self.unknown |= unknown;
        self.out.push(b'}');
        Ok(())
    }

    fn modified(
        &mut self,
        name: &[u8],
        certain: bool,
        sign: u8,
        null_is_unset: bool,
    ) -> Result<(), ExpansionFault> {
        let trims = matches!(sign, b'#' | b'%');
        if self.mode.skip_unset {
            let modifier = [b':', sign];
            return self.given_back(name, &modifier[usize::from(!null_is_unset)..], trims);
        }
        let (start, unknown) = self.part(b'}', trims)?;
        let found = self.lookup(name, certain)?;
        // Whether the variable counts as set; nothing where that is not known.
        let set = match &found {
            Lookup::Unset => Some(false),
            Lookup::Set(Value::Known(value)) => Some(!(null_is_unset && value.is_empty())),
            Lookup::Set(Value::Unknown) => (!null_is_unset).then_some(true),
            Lookup::Unknown => None,
        };
        match (sign, set) {
            // The word stands.
            (b'-', Some(false)) | (b'+', Some(true)) => self.unknown |= unknown,
            (b'+', Some(false)) => self.out.truncate(start),
            (b'-' | b'?', Some(true)) => {
                self.out.truncate(start);
                self.write(plain(found))?;
            }
            (b'?', Some(false)) => {
                let default: &[u8] = if found == Lookup::Unset {
                    b"is not allowed to be unset"
                } else {
                    b"is not allowed to be empty"
                };
                let word = self.out.split_off(start);
                let message = if word.is_empty() { default.to_vec() } else { word };
                return Err(ExpansionFault::Required { name: name.to_vec(), message });
            }
            (b'-' | b'+' | b'?', None) => {
                self.out.truncate(start);
                self.unknown = true;
            }
            _ => {
                let word = self.out.split_off(start);
                let Value::Known(value) = plain(found) else {
                    self.unknown = true;
                    return Ok(());
                };
                if unknown {
                    self.unknown = true;
                    return Ok(());
                }
                let (pattern, greedy) = match word.strip_prefix(&[sign]) {
                    Some(rest) => (rest, true),
                    None => (word.as_slice(), false),
                };
                self.budget.take(glob::cost(pattern, &value))?;
                let length = if greedy { Shortest::No } else { Shortest::Yes };
                let trimmed = if sign == b'#' {
                    glob::trim_prefix(pattern, &value, length)
                } else {
                    glob::trim_suffix(pattern, &value, length)
                };
                self.write(trimmed?)?;
            }
        }
        Ok(())
    }

    fn replaced(&mut self, name: &[u8], certain: bool) -> Result<(), ExpansionFault> {
        let all = self.peek() == Some(b'/');
        if all {
            self.at += 1;
        }
        if self.mode.skip_unset {
            for piece in [b"${", name, b"/"] {
                self.out.extend_from_slice(piece);
            }
            let (_, first) = self.part(b'/', true)?;
            self.out.push(b'/');
            let (_, second) = self.part(b'}', true)?;
            self.unknown |= first | second;
            self.out.push(b'}');
            return Ok(());
        }
        let (start, pattern_unknown) = self.part(b'/', true)?;
        let (middle, unknown) = self.part(b'}', true)?;
        let found = self.lookup(name, certain)?;
        let replacement = self.out.split_off(middle);
        let pattern = self.out.split_off(start);
        let Value::Known(value) = plain(found) else {
            self.unknown = true;
            return Ok(());
        };
        if pattern_unknown || unknown {
            self.unknown = true;
            return Ok(());
        }
        self.budget.take(glob::cost(&pattern, &value))?;
        let text = glob::replace(&pattern, &value, &replacement, all)?;
        self.budget.take(text.known().map_or(0, <[u8]>::len))?;
        self.write(text)
    }
}

/// The value of a plain reference: what is unset is empty.
fn plain(found: Lookup) -> Value {
    match found {
        Lookup::Set(value) => value,
        Lookup::Unset => Value::from(Vec::new()),
        Lookup::Unknown => Value::Unknown,
    }
}

#[cfg(test)]
mod tests {
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
        let got = expand(word.as_bytes(), Mode::words(b'\\'), &mut Fixed, &mut Budget::default());
        assert_eq!(got, Ok(Value::from(expected.as_bytes())), "{word}");
    }

    fn is_unknown(word: &str) {
        assert_eq!(
            expand(word.as_bytes(), Mode::words(b'\\'), &mut Fixed, &mut Budget::default()),
            Ok(Value::Unknown),
            "{word}"
        );
    }

    fn fails(word: &str) {
        assert!(
            expand(word.as_bytes(), Mode::words(b'\\'), &mut Fixed, &mut Budget::default()).is_err(),
            "{word}"
        );
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
        let words = |text: &str| split(text.as_bytes(), mode);
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
        assert_eq!(
            expand(deep.as_bytes(), Mode::words(b'\\'), &mut Fixed, &mut Budget::default()),
            Err(ExpansionFault::Beyond(Bound::Depth))
        );
    }
}

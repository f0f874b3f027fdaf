//! The inside of shell words: quotes, parameters, substitutions. Knows nothing of commands' meaning.

use super::parse::{Parsed, Parser};
use super::*;

/// Where a run of parts ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// At a blank or operator.
    Word,
    /// At the closing double quote.
    Double,
    /// At the `}` of a parameter, outside and inside double quotes.
    Brace { quoted: bool },
    /// At the parser's end.
    Heredoc,
}

/// Collects literal bytes into parts: quoted and unquoted runs stay apart.
#[derive(Default)]
struct Parts {
    done: Vec<Part>,
    run: Vec<u8>,
    run_quoted: bool,
    run_start: usize,
    open: bool,
}

impl Parts {
    fn push(&mut self, byte: u8, quoted: bool, at: usize) {
        self.open(quoted, at);
        self.run.push(byte);
    }

    /// Begins a run at `at`, even an empty one: `''` is a word.
    fn open(&mut self, quoted: bool, at: usize) {
        if self.open && self.run_quoted != quoted {
            self.close(at);
        }
        if !self.open {
            (self.open, self.run_quoted, self.run_start) = (true, quoted, at);
        }
    }

    fn close(&mut self, at: usize) {
        if std::mem::take(&mut self.open) {
            let kind = PartKind::Literal(std::mem::take(&mut self.run));
            self.done.push(Part { kind, quoted: self.run_quoted, span: Span::new(self.run_start, at) });
        }
    }

    fn add(&mut self, kind: PartKind, quoted: bool, start: usize, end: usize) {
        self.close(start);
        self.done.push(Part { kind, quoted, span: Span::new(start, end) });
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl Parser<'_> {
    /// The word that starts here; none where none does.
    pub(super) fn word(&mut self) -> Parsed<Option<Word>> {
        let start = self.at;
        let parts = self.parts(Mode::Word)?;
        let span = Span::new(start, self.at);
        Ok((self.at > start).then_some(Word { parts, span }))
    }

    /// The parts of the here-document's body that this parser was made for.
    pub(super) fn heredoc_body(&mut self) -> Parsed<Vec<Part>> {
        self.parts(Mode::Heredoc)
    }

    fn parts(&mut self, mode: Mode) -> Parsed<Vec<Part>> {
        let mut parts = Parts::default();
        let quoted = matches!(mode, Mode::Double | Mode::Heredoc | Mode::Brace { quoted: true });
        loop {
            let start = self.at;
            let Some(byte) = self.byte(0) else {
                match mode {
                    Mode::Word | Mode::Heredoc => break,
                    Mode::Double => return Err(Reason::UnclosedQuote),
                    Mode::Brace { .. } => return Err(Reason::UnclosedSubstitution),
                }
            };
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b')' if mode == Mode::Word => break,
                b'(' if mode == Mode::Word => break,
                b'<' | b'>' if mode == Mode::Word => {
                    if self.byte(1) != Some(b'(') {
                        break;
                    }
                    self.at += 2;
                    self.substitution_list()?;
                    parts.add(PartKind::Unknown, true, start, self.at);
                }
                b'"' if mode == Mode::Double => break,
                b'}' if matches!(mode, Mode::Brace { .. }) => break,
                b'\\' => self.backslash(mode, quoted, &mut parts)?,
                b'\'' if !quoted => {
                    let body = &self.text[start + 1..self.end];
                    let length = memchr::memchr(b'\'', body).ok_or(Reason::UnclosedQuote)?;
                    parts.open(true, start);
                    parts.run.extend_from_slice(&body[..length]);
                    self.at = start + length + 2;
                }
                b'"' if mode != Mode::Heredoc => {
                    self.at += 1;
                    let inner = self.nested(|parser| parser.parts(Mode::Double))?;
                    self.at += 1;
                    parts.open(true, start);
                    for part in inner {
                        match part.kind {
                            PartKind::Literal(bytes) => {
                                parts.open(true, part.span.start);
                                parts.run.extend_from_slice(&bytes);
                            }
                            kind => parts.add(kind, true, part.span.start, part.span.end),
                        }
                    }
                }
                b'$' => self.dollar(quoted, &mut parts)?,
                b'`' => self.backquote(quoted, &mut parts)?,
                _ => {
                    parts.push(byte, quoted, start);
                    self.at += 1;
                }
            }
        }
        parts.close(self.at);
        Ok(parts.done)
    }

    fn backslash(&mut self, mode: Mode, quoted: bool, parts: &mut Parts) -> Parsed<()> {
        let start = self.at;
        let Some(next) = self.byte(1) else {
            // A lone backslash at the end stands for itself.
            parts.push(b'\\', true, start);
            self.at += 1;
            return Ok(());
        };
        if next == b'\n' {
            self.at += 2;
            return Ok(());
        }
        // Inside quotes a backslash is itself but before these (POSIX 2.2.3).
        let escapes = !quoted
            || matches!(next, b'$' | b'`' | b'\\')
            || (next == b'"' && mode != Mode::Heredoc)
            || (next == b'}' && matches!(mode, Mode::Brace { .. }));
        if !escapes {
            parts.push(b'\\', true, start);
        }
        parts.push(next, true, start);
        self.at += 2;
        Ok(())
    }

    /// `$` and what follows it.
    fn dollar(&mut self, quoted: bool, parts: &mut Parts) -> Parsed<()> {
        let start = self.at;
        match self.byte(1) {
            Some(b'{') => {
                self.at += 2;
                let kind = self.nested(|parser| parser.braced(quoted))?;
                parts.add(kind, quoted, start, self.at);
            }
            Some(b'(') => {
                if self.byte(2) == Some(b'(')
                    && let Some(end) = self.arithmetic_end(start + 3)
                {
                    self.at = end;
                    parts.add(PartKind::Unknown, quoted, start, end);
                    return Ok(());
                }
                self.at += 2;
                let list = self.substitution_list()?;
                parts.add(PartKind::Substitution(list), quoted, start, self.at);
            }
            Some(b'\'') if !quoted => {
                // A string with escapes to some shells, a dollar and a string to others: not followed.
                let body = &self.text[start + 2..self.end];
                let mut length = 0;
                while body.get(length).ok_or(Reason::UnclosedQuote)? != &b'\'' {
                    length += if body[length] == b'\\' { 2 } else { 1 };
                }
                self.at = start + length + 3;
                parts.add(PartKind::Unknown, true, start, self.at);
            }
            // A translated string to bash, a dollar before a string to others.
            Some(b'"') if !quoted => {
                self.at += 1;
                parts.add(PartKind::Unknown, true, start, self.at);
            }
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                let rest = &self.text[start + 1..self.end];
                let length = rest.iter().position(|byte| !is_name_byte(*byte)).unwrap_or(rest.len());
                self.at = start + 1 + length;
                let kind = value_of(&rest[..length]);
                parts.add(kind, quoted, start, self.at);
            }
            Some(byte) if byte.is_ascii_digit() || b"@*#?$!-".contains(&byte) => {
                self.at = start + 2;
                parts.add(value_of(&[byte]), quoted, start, self.at);
            }
            _ => {
                parts.push(b'$', quoted, start);
                self.at += 1;
            }
        }
        Ok(())
    }

    /// The commands of a substitution whose opening was read, and its closing bracket.
    fn substitution_list(&mut self) -> Parsed<List> {
        let list = self.list(|parser| parser.byte(0) == Some(b')'))?;
        if self.byte(0) != Some(b')') {
            return Err(Reason::UnclosedSubstitution);
        }
        self.at += 1;
        Ok(list)
    }

    /// The inside of `${…}`, and its closing brace.
    fn braced(&mut self, quoted: bool) -> Parsed<PartKind> {
        let rest = &self.text[self.at..self.end];
        let counted = rest.first() == Some(&b'#') && rest.get(1) != Some(&b'}');
        let from = usize::from(counted || rest.first() == Some(&b'!'));
        let length = rest[from..].iter().position(|byte| !is_name_byte(*byte)).unwrap_or(rest.len() - from);
        let special = length == 0 && rest.get(from).is_some_and(|byte| b"@*#?$!-".contains(byte));
        let name = rest[from..from + length.max(usize::from(special))].to_vec();
        self.at += from + name.len();
        let also_empty = self.byte(0) == Some(b':');
        let mut operation = match self.byte(usize::from(also_empty)) {
            Some(b'-') => Operation::Default { also_empty },
            Some(b'=') => Operation::Assign { also_empty },
            Some(b'?') => Operation::Require { also_empty },
            Some(b'+') => Operation::Alternative { also_empty },
            Some(b'%') if !also_empty => Operation::RemoveSuffix,
            Some(b'#') if !also_empty => Operation::RemovePrefix,
            Some(b'}') if !also_empty => Operation::Value,
            _ => Operation::Other,
        };
        match operation {
            Operation::Value | Operation::Other => {}
            Operation::RemoveSuffix | Operation::RemovePrefix => {
                self.at += if self.byte(1) == self.byte(0) { 2 } else { 1 };
            }
            _ => self.at += 1 + usize::from(also_empty),
        }
        if from == 1 {
            operation = Operation::Other;
        }
        let word = self.parts(Mode::Brace { quoted })?;
        // parts() stops only at the closing brace.
        self.at += 1;
        Ok(PartKind::Parameter { name, operation, word })
    }

    fn backquote(&mut self, quoted: bool, parts: &mut Parts) -> Parsed<()> {
        let start = self.at;
        let mut at = start + 1;
        let mut escaped = false;
        loop {
            match self.text.get(at).filter(|_| at < self.end) {
                Some(b'`') => break,
                Some(b'\\') => {
                    escaped = true;
                    at += 2;
                }
                Some(_) => at += 1,
                None => return Err(Reason::UnclosedSubstitution),
            }
        }
        let kind = match escaped {
            true => PartKind::Unknown,
            false => {
                let outer = std::mem::replace(&mut self.end, at);
                self.at = start + 1;
                let list = self.list(|_| false);
                self.end = outer;
                PartKind::Substitution(list?)
            }
        };
        self.at = at + 1;
        parts.add(kind, quoted, start, self.at);
        Ok(())
    }
}

fn value_of(name: &[u8]) -> PartKind {
    PartKind::Parameter { name: name.to_vec(), operation: Operation::Value, word: Vec::new() }
}

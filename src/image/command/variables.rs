//! The shell's variables while a script is followed, and the expansion of words with them. Knows no commands.
//!
//! What is uncertain becomes an unknown value, never a guess: a variable assigned in a branch, by `read` or `eval`,
//! is unknown afterwards.

use super::shell::{CommandKind, List, Operation, Operator, Part, PartKind, Target, Word};
use super::text::{Piece, Source, Text, Unknown};
use crate::base::Span;
use crate::base::tables::HashMap;

/// What is known of a variable that the script was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inherited {
    /// It has this value.
    Value(Vec<u8>),
    /// It is not set.
    Unset,
    /// Nothing is known.
    Unknown,
}

/// The environment that the script starts with, by variable name.
pub type Environment<'e> = dyn Fn(&[u8]) -> Inherited + 'e;

/// Longest value that is followed, in bytes: longer ones are unknown, so that doubling a value stays cheap.
const VALUE_MAX: usize = 8 * 1024;

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Pieces(Vec<Piece>),
    Unset,
}

/// Variables and functions' names at one point of a script.
pub(super) struct Variables<'e> {
    environment: &'e Environment<'e>,
    values: HashMap<Vec<u8>, Assigned>,
    /// Every assignment with what it replaced, so that a branch or subshell can be undone.
    log: Vec<(Vec<u8>, Option<Assigned>)>,
    last_id: u32,
    /// Grows with each `eval` and the like: a value of an older epoch may have changed.
    epoch: u32,
    last_epoch: u32,
    /// Whether IFS was assigned: how values split is then not followed.
    odd_separators: bool,
}

/// A value and the epoch it was assigned in.
#[derive(Clone, Debug, PartialEq)]
struct Assigned {
    value: Value,
    epoch: u32,
}

/// What a variable was at one point.
pub(super) struct Saved(Option<Assigned>);

/// A place in the log of assignments.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    length: usize,
    epoch: u32,
}

impl<'e> Variables<'e> {
    pub(super) fn new(environment: &'e Environment<'e>) -> Self {
        Variables {
            environment,
            values: HashMap::default(),
            log: Vec::new(),
            last_id: 0,
            epoch: 0,
            last_epoch: 0,
            odd_separators: false,
        }
    }

    /// The variables of a shell that this one starts: what this one assigned may or may not be exported, so it is
    /// unknown there.
    pub(super) fn inherited(&self) -> Variables<'e> {
        let mut inner = Variables::new(self.environment);
        (inner.last_id, inner.epoch, inner.last_epoch) = (self.last_id, self.epoch, self.last_epoch);
        self.values.keys().for_each(|name| inner.forget(name));
        inner
    }

    pub(super) fn unknown(&mut self, source: Source, splits: bool, span: Span) -> Piece {
        self.last_id += 1;
        Piece::Unknown(Unknown { source, id: self.last_id, splits, span })
    }

    /// A place to come back to by [`Variables::undo`] or [`Variables::blur`].
    pub(super) fn mark(&self) -> Mark {
        Mark { length: self.log.len(), epoch: self.epoch }
    }

    /// Takes back what was assigned since `mark`: the end of a subshell.
    pub(super) fn undo(&mut self, mark: Mark) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        for (name, old) in self.log.drain(mark.length..).rev() {
            match old {
                Some(value) => self.values.insert(name.clone(), value),
                None => self.values.remove(&name),
            };
            names.push(name);
        }
        self.epoch = mark.epoch;
        names
    }

    /// Makes unknown what was assigned since `mark`: that it was is not certain.
    pub(super) fn blur(&mut self, mark: Mark) {
        let epoch = self.epoch;
        let names = self.undo(mark);
        self.epoch = epoch;
        for name in names {
            self.forget(&name);
        }
    }

    /// Makes one variable unknown.
    pub(super) fn forget(&mut self, name: &[u8]) {
        let piece = self.unknown(Source::Variable(name.to_vec()), false, Span::default());
        self.set(name, Value::Pieces(vec![piece]));
    }

    /// Makes every variable unknown.
    pub(super) fn disturb(&mut self) {
        self.last_epoch += 1;
        self.epoch = self.last_epoch;
    }

    /// Assigns `text`.
    pub(super) fn assign(&mut self, name: &[u8], text: &Text) {
        if name == b"IFS" {
            self.odd_separators = true;
        }
        let length: usize =
            text.pieces.iter().map(|piece| if let Piece::Known(k) = piece { k.len() } else { 16 }).sum();
        match length > VALUE_MAX {
            true => self.forget(name),
            false => self.set(name, Value::Pieces(text.pieces.clone())),
        }
    }

    /// `unset`
    pub(super) fn unset(&mut self, name: &[u8]) {
        self.set(name, Value::Unset);
    }

    /// A variable's state, to be put back later.
    pub(super) fn saved(&self, name: &[u8]) -> Saved {
        Saved(self.values.get(name).cloned())
    }

    /// Puts a saved state back.
    pub(super) fn put_back(&mut self, name: &[u8], saved: Saved) {
        let old = match saved.0 {
            Some(assigned) => self.values.insert(name.to_vec(), assigned),
            None => self.values.remove(name),
        };
        self.log.push((name.to_vec(), old));
    }

    fn set(&mut self, name: &[u8], value: Value) {
        let old = self.values.insert(name.to_vec(), Assigned { value, epoch: self.epoch });
        self.log.push((name.to_vec(), old));
    }

    /// The pieces of a variable's value; none where it is certainly unset.
    pub(super) fn value(&mut self, name: &[u8], span: Span) -> Option<Vec<Piece>> {
        match self.values.get(name) {
            Some(assigned) if assigned.epoch < self.epoch => {
                let piece = self.unknown(Source::Variable(name.to_vec()), false, span);
                self.set(name, Value::Pieces(vec![piece.clone()]));
                return Some(vec![piece]);
            }
            Some(Assigned { value: Value::Pieces(pieces), .. }) => return Some(pieces.clone()),
            Some(Assigned { value: Value::Unset, .. }) => return None,
            None => {}
        }
        let special = name.first().is_none_or(|byte| !byte.is_ascii_alphabetic() && *byte != b'_');
        if special || self.epoch > 0 {
            let source = if special { Source::Other } else { Source::Variable(name.to_vec()) };
            return Some(vec![self.unknown(source, false, span)]);
        }
        match (self.environment)(name) {
            Inherited::Value(bytes) if bytes.len() <= VALUE_MAX => Some(vec![Piece::Known(bytes)]),
            Inherited::Unset => None,
            _ => Some(vec![self.unknown(Source::Environment(name.to_vec()), false, span)]),
        }
    }

    /// The value of an assignment or redirection: expanded, not split.
    pub(super) fn expand_whole(&mut self, word: &Word) -> Text {
        let mut text = Text { span: word.span, ..Text::default() };
        self.append(&word.parts, &mut text);
        for piece in &mut text.pieces {
            if let Piece::Unknown(unknown) = piece {
                unknown.splits = false;
            }
        }
        text.verbatim = is_verbatim(word);
        text
    }

    /// The fields of a command's word.
    pub(super) fn expand(&mut self, word: &Word) -> Vec<Text> {
        let mut fields = Fields { done: Vec::new(), text: Text::default(), there: false, span: word.span };
        let braces = has_brace_list(word);
        for (index, part) in word.parts.iter().enumerate() {
            match &part.kind {
                PartKind::Literal(bytes) if part.quoted => fields.known(bytes),
                PartKind::Literal(bytes) => {
                    let bytes = match index {
                        0 => self.tilde(bytes, part, word, &mut fields),
                        _ => bytes,
                    };
                    match bytes.iter().any(|byte| b"*?[".contains(byte)) || (braces && bytes.contains(&b'{'))
                    {
                        false => fields.known(bytes),
                        true => {
                            let piece = self.unknown(Source::Pattern(bytes.to_vec()), true, part.span);
                            fields.unknown(&piece);
                        }
                    }
                }
                _ => {
                    let mut value = Text::default();
                    self.append(std::slice::from_ref(part), &mut value);
                    // "$@" is many fields even in quotes.
                    let splits = !part.quoted
                        || matches!(&part.kind, PartKind::Parameter { name, .. } if name == b"@" || name == b"*");
                    for piece in value.pieces {
                        match piece {
                            Piece::Known(bytes) if part.quoted => fields.known(&bytes),
                            Piece::Known(_) if self.odd_separators => {
                                let piece = self.unknown(Source::Other, true, part.span);
                                fields.unknown(&piece);
                            }
                            Piece::Known(bytes) => fields.split(&bytes),
                            Piece::Unknown(mut unknown) => {
                                unknown.splits = splits && unknown.source != Source::MadeId;
                                unknown.span = part.span;
                                fields.unknown(&Piece::Unknown(unknown));
                            }
                        }
                    }
                    fields.there |= part.quoted;
                }
            }
        }
        let verbatim = is_verbatim(word);
        let mut done = fields.finish();
        for field in &mut done {
            field.verbatim = verbatim;
        }
        done
    }

    /// Expands a leading `~`; what of the literal is left to add.
    fn tilde<'b>(&mut self, bytes: &'b [u8], part: &Part, word: &Word, fields: &mut Fields) -> &'b [u8] {
        let ends_there = bytes.len() == 1 && word.parts.len() == 1;
        if !bytes.starts_with(b"~") || !(ends_there || bytes.get(1) == Some(&b'/')) {
            return bytes;
        }
        for piece in self.value(b"HOME", part.span).unwrap_or_default() {
            match piece {
                Piece::Known(home) => fields.known(&home),
                piece => fields.unknown(&piece),
            }
        }
        &bytes[1..]
    }

    /// Appends the value of `parts`.
    fn append(&mut self, parts: &[Part], text: &mut Text) {
        for part in parts {
            match &part.kind {
                PartKind::Literal(bytes) => text.push_known(bytes),
                PartKind::Parameter { name, operation, word } => {
                    for piece in self.parameter(name, *operation, word, part.span) {
                        text.push(&piece);
                    }
                }
                PartKind::Substitution(list) => {
                    let source = self.file_read_by(list).map_or(Source::Substitution, Source::File);
                    let piece = self.unknown(source, false, part.span);
                    text.push(&piece);
                }
                PartKind::Unknown => {
                    let piece = self.unknown(Source::Other, false, part.span);
                    text.push(&piece);
                }
            }
        }
    }

    fn parameter(&mut self, name: &[u8], operation: Operation, word: &[Part], span: Span) -> Vec<Piece> {
        let value = self.value(name, span);
        let known = |pieces: &Option<Vec<Piece>>| match pieces.as_deref() {
            None => Some(None),
            Some([]) => Some(Some(Vec::new())),
            Some([Piece::Known(bytes)]) => Some(Some(bytes.clone())),
            // A value with known bytes in it is set and not empty.
            Some(_) => None,
        };
        let certainly_filled = value
            .as_ref()
            .is_some_and(|pieces| pieces.iter().any(|p| matches!(p, Piece::Known(k) if !k.is_empty())));
        let present = |also_empty: bool| match known(&value) {
            Some(None) => Some(false),
            Some(Some(bytes)) => Some(!(also_empty && bytes.is_empty())),
            None => certainly_filled.then_some(true),
        };
        let other = |this: &mut Self| vec![this.unknown(Source::Variable(name.to_vec()), false, span)];
        match operation {
            Operation::Value => value.unwrap_or_default(),
            Operation::Default { also_empty } | Operation::Assign { also_empty } => match present(also_empty)
            {
                Some(true) => value.unwrap_or_default(),
                Some(false) => {
                    let text = self.joined(word);
                    if matches!(operation, Operation::Assign { .. }) {
                        self.assign(name, &text);
                    }
                    text.pieces
                }
                None => {
                    if matches!(operation, Operation::Assign { .. }) {
                        self.forget(name);
                        return self.value(name, span).unwrap_or_default();
                    }
                    other(self)
                }
            },
            Operation::Require { .. } => value.unwrap_or_default(),
            Operation::Alternative { also_empty } => match present(also_empty) {
                Some(true) => self.joined(word).pieces,
                Some(false) => Vec::new(),
                None => other(self),
            },
            Operation::RemoveSuffix | Operation::RemovePrefix => {
                let pattern = self.joined(word);
                match (known(&value), pattern.known()) {
                    (Some(bytes), Some(pattern)) if !pattern.iter().any(|byte| b"*?[\\".contains(byte)) => {
                        let bytes = bytes.unwrap_or_default();
                        let rest = match operation {
                            Operation::RemoveSuffix => bytes.strip_suffix(pattern),
                            _ => bytes.strip_prefix(pattern),
                        };
                        vec![Piece::Known(rest.unwrap_or(&bytes).to_vec())]
                    }
                    _ => other(self),
                }
            }
            Operation::Other => other(self),
        }
    }

    fn joined(&mut self, parts: &[Part]) -> Text {
        let mut text = Text::default();
        self.append(parts, &mut text);
        text
    }

    /// The file of `$(cat FILE)` or `$(< FILE)`.
    fn file_read_by(&mut self, list: &List) -> Option<Vec<u8>> {
        let [item] = list.items.as_slice() else { return None };
        let [command] = item.first.commands.as_slice() else { return None };
        let CommandKind::Simple(simple) = &command.kind else { return None };
        if !item.rest.is_empty() || item.background || !simple.assignments.is_empty() {
            return None;
        }
        let word = match (simple.words.as_slice(), command.redirections.as_slice()) {
            ([cat, file], []) if cat.literal()? == b"cat" => file,
            ([], [redirection]) if redirection.operator == Operator::Read => match &redirection.target {
                Target::Word(word) => word,
                Target::Heredoc(_) => return None,
            },
            _ => return None,
        };
        let mut text = Text::default();
        self.append(&word.parts, &mut text);
        text.known().map(<[u8]>::to_vec)
    }
}

/// Whether the word's source text is its value.
fn is_verbatim(word: &Word) -> bool {
    match word.parts.as_slice() {
        [Part { kind: PartKind::Literal(bytes), quoted: false, span }] => {
            *span == word.span && bytes.len() == span.end - span.start
        }
        _ => false,
    }
}

/// Whether bash would read braces in this word as a list of words.
fn has_brace_list(word: &Word) -> bool {
    let mut open = false;
    let mut list = false;
    for part in &word.parts {
        let PartKind::Literal(bytes) = &part.kind else { continue };
        for byte in bytes.iter().filter(|_| !part.quoted) {
            match byte {
                b'{' => (open, list) = (true, false),
                b',' | b'.' => list |= open,
                b'}' if list => return true,
                _ => {}
            }
        }
    }
    false
}

/// Builds a word's fields from left to right.
struct Fields {
    done: Vec<Text>,
    text: Text,
    there: bool,
    span: Span,
}

impl Fields {
    fn known(&mut self, bytes: &[u8]) {
        self.text.push_known(bytes);
        self.there = true;
    }

    fn unknown(&mut self, piece: &Piece) {
        self.text.push(piece);
        self.there = true;
    }

    /// Adds an unquoted value: blanks in it part the fields.
    fn split(&mut self, bytes: &[u8]) {
        for (index, field) in bytes.split(|byte| matches!(byte, b' ' | b'\t' | b'\n')).enumerate() {
            if index > 0 {
                self.end_field();
            }
            if !field.is_empty() {
                self.known(field);
            }
        }
    }

    fn end_field(&mut self) {
        let text = std::mem::take(&mut self.text);
        if std::mem::take(&mut self.there) {
            self.done.push(Text { span: self.span, ..text });
        }
    }

    fn finish(mut self) -> Vec<Text> {
        self.end_field();
        self.done
    }
}

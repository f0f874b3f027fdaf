//! The value of a shell word as far as it is known before the shell runs. Knows nothing of commands' meaning.

use crate::base::Span;
use std::borrow::Cow;

/// One field of a command, after expansion: known bytes and unknown pieces between them.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Text {
    /// The pieces; no two known ones stand side by side.
    pub pieces: Vec<Piece>,
    /// The word it came from, in the script.
    pub span: Span,
    /// Whether the span's bytes are the value, byte for byte, so that a place in one is a place in the other.
    pub verbatim: bool,
}

/// A piece of a [`Text`].
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// These bytes.
    Known(Vec<u8>),
    /// Bytes that only the running shell knows.
    Unknown(Unknown),
}

/// A value that is not known.
#[derive(Clone, Debug, PartialEq)]
pub struct Unknown {
    /// Where it comes from.
    pub source: Source,
    /// Equal within one script exactly where the values are equal for certain.
    pub id: u32,
    /// Whether it is unquoted, so that it may be no field, one, or several.
    pub splits: bool,
    /// Where it stands.
    pub span: Span,
}

/// Where an unknown value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A variable of the environment that the script doesn't assign: the same in every line of a recipe.
    Environment(Vec<u8>),
    /// A variable whose value depends on how the script ran.
    Variable(Vec<u8>),
    /// The id that an engine printed for what it made: one word, and no option.
    MadeId,
    /// The content of a file: `$(cat FILE)`, `$(< FILE)`.
    File(Vec<u8>),
    /// The output of commands.
    Substitution,
    /// The names of the files that match this pattern, or the pattern itself where none does.
    Pattern(Vec<u8>),
    /// Arguments read from standard input by xargs, arithmetic, and the like.
    Other,
}

impl Text {
    /// The whole value, where it is known.
    pub fn known(&self) -> Option<&[u8]> {
        match self.pieces.as_slice() {
            [] => Some(b""),
            [Piece::Known(bytes)] => Some(bytes),
            _ => None,
        }
    }

    /// The known bytes it begins with.
    pub fn prefix(&self) -> &[u8] {
        match self.pieces.first() {
            Some(Piece::Known(bytes)) => bytes,
            _ => b"",
        }
    }

    /// The unknown pieces.
    pub fn unknowns(&self) -> impl Iterator<Item = &Unknown> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Unknown(unknown) => Some(unknown),
            Piece::Known(_) => None,
        })
    }

    /// Whether it may turn out as no field, or as several.
    pub fn splits(&self) -> bool {
        self.unknowns().any(|unknown| unknown.splits)
    }

    /// For people: the value, with `…` for what is unknown.
    pub fn shown(&self) -> Cow<'_, str> {
        if let Some(known) = self.known() {
            return String::from_utf8_lossy(known);
        }
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Known(bytes) => String::from_utf8_lossy(bytes),
            Piece::Unknown(_) => Cow::Borrowed("…"),
        });
        Cow::Owned(pieces.collect())
    }

    /// Whether the values are equal for certain. `one_script` says that both texts are of the same script; else
    /// unknown values are equal only where they are the same variable of the environment.
    pub fn equals(&self, other: &Text, one_script: bool) -> bool {
        self.pieces.len() == other.pieces.len()
            && self.pieces.iter().zip(&other.pieces).all(|pair| match pair {
                (Piece::Known(left), Piece::Known(right)) => left == right,
                (Piece::Unknown(left), Piece::Unknown(right)) => match (&left.source, &right.source) {
                    (Source::Environment(left), Source::Environment(right)) => left == right,
                    _ => one_script && left.id == right.id,
                },
                _ => false,
            })
    }

    /// Adds known bytes at the end.
    pub fn push_known(&mut self, bytes: &[u8]) {
        match self.pieces.last_mut() {
            Some(Piece::Known(last)) => last.extend_from_slice(bytes),
            _ if bytes.is_empty() => {}
            _ => self.pieces.push(Piece::Known(bytes.to_vec())),
        }
    }

    /// Adds a piece at the end.
    pub fn push(&mut self, piece: &Piece) {
        match piece {
            Piece::Known(bytes) => self.push_known(bytes),
            Piece::Unknown(_) => self.pieces.push(piece.clone()),
        }
    }

    /// Splits at the first `byte` among the known bytes; what is before and after it.
    pub fn split_at(&self, byte: u8) -> Option<(Text, Text)> {
        let mut offset = 0;
        for (index, piece) in self.pieces.iter().enumerate() {
            let Piece::Known(bytes) = piece else { continue };
            let Some(at) = memchr::memchr(byte, bytes) else {
                offset += bytes.len();
                continue;
            };
            let mut before = Text { pieces: self.pieces[..index].to_vec(), ..self.clone_place() };
            before.push_known(&bytes[..at]);
            let mut after = Text { pieces: Vec::new(), ..self.clone_place() };
            after.push_known(&bytes[at + 1..]);
            self.pieces[index + 1..].iter().for_each(|piece| after.push(piece));
            if self.verbatim {
                let middle = self.span.start + offset + at;
                before.span = Span::new(self.span.start, middle);
                after.span = Span::new(middle + 1, self.span.end);
            }
            return Some((before, after));
        }
        None
    }

    /// The text without its first `count` bytes, which must be known; unchanged where they are not.
    pub fn skip(&self, count: usize) -> Text {
        let mut rest = self.clone();
        match rest.pieces.first_mut() {
            Some(Piece::Known(bytes)) if bytes.len() > count => {
                bytes.drain(..count);
            }
            Some(Piece::Known(bytes)) if bytes.len() == count => {
                rest.pieces.remove(0);
            }
            _ => return rest,
        }
        if rest.verbatim {
            rest.span.start += count;
        }
        rest
    }

    fn clone_place(&self) -> Text {
        Text { pieces: Vec::new(), span: self.span, verbatim: self.verbatim }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(id: u32, source: Source) -> Piece {
        Piece::Unknown(Unknown { source, id, splits: false, span: Span::default() })
    }

    #[test]
    fn splitting_keeps_places_and_unknown_pieces() {
        let pieces = vec![Piece::Known(b"A=b=c".to_vec())];
        let plain = Text { pieces, span: Span::new(10, 15), verbatim: true };
        let (name, value) = plain.split_at(b'=').unwrap();
        assert_eq!((name.known(), name.span), (Some(&b"A"[..]), Span::new(10, 11)));
        assert_eq!((value.known(), value.span), (Some(&b"b=c"[..]), Span::new(12, 15)));
        assert_eq!(plain.skip(2), value);

        let mut mixed = Text::default();
        mixed.push(&unknown(1, Source::Substitution));
        mixed.push_known(b":/a");
        mixed.push_known(b":b");
        let (container, path) = mixed.split_at(b':').unwrap();
        assert_eq!(container.pieces.len(), 1);
        assert_eq!(path.known(), Some(&b"/a:b"[..]));
        assert_eq!(mixed.shown(), "…:/a:b");
    }

    #[test]
    fn unknown_values_are_equal_only_where_that_is_certain() {
        let text = |piece| Text { pieces: vec![piece], ..Text::default() };
        let first = text(unknown(1, Source::Substitution));
        assert!(first.equals(&first, true));
        assert!(!first.equals(&first, false));
        assert!(!first.equals(&text(unknown(2, Source::Substitution)), true));
        let user = |id| text(unknown(id, Source::Environment(b"USER".to_vec())));
        assert!(user(1).equals(&user(2), false));
    }
}

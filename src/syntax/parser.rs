//! The parser of expressions: piece after piece, by the fast path where it can and by the grammar where not, level after level
//! of nesting. Knows nothing of the syntax of a piece.

use crate::base::Names;
use crate::os::words::is_space;
use crate::syntax::expression::{
    Argument, Call, Expression, Function, Functions, LoadedFunction, Part, Piece, Range,
};
use crate::syntax::grammar::{self, Source};
use crate::syntax::plain;
use std::cell::OnceCell;

/// Nesting beyond this is taken for an unterminated reference: no makefile means it, and the stack is finite.
pub(super) const DEEPEST: usize = 10_000;

/// Bytes that one text may make the grammar read, for each byte that it has: deep nesting reads the same text again and
/// again, and what goes beyond is taken for an unterminated reference.
const MOST_READ: usize = 200;

/// Parser of expressions: the table of names, and the functions beyond GNU make's own.
pub struct Parser<'n> {
    /// Where names are interned.
    pub names: &'n mut Names,
    /// Functions of loaded objects.
    pub loaded: &'n [LoadedFunction],
}

impl Parser<'_> {
    /// Parses `text`.
    #[inline]
    pub fn parse(&mut self, text: &[u8]) -> Expression {
        self.reading(text, true).level(0, text.len(), 0)
    }

    /// Parses `text` by the grammar alone, whatever the fast path could do.
    pub fn parse_by_grammar(&mut self, text: &[u8]) -> Expression {
        self.reading(text, false).level(0, text.len(), 0)
    }

    fn reading<'r>(&'r mut self, text: &'r [u8], fast: bool) -> Reading<'r> {
        Reading {
            names: self.names,
            functions: Functions { loaded: self.loaded },
            text,
            fast,
            source: OnceCell::new(),
            allowance: text.len().saturating_mul(MOST_READ),
        }
    }
}

/// A text being parsed.
struct Reading<'r> {
    names: &'r mut Names,
    functions: Functions<'r>,
    text: &'r [u8],
    /// Whether the fast path may be used.
    fast: bool,
    /// The text as the grammar reads it, made when it is first asked for.
    source: OnceCell<Source<'r>>,
    /// Bytes that the grammar may still read.
    allowance: usize,
}

impl Reading<'_> {
    fn level(&mut self, start: usize, end: usize, depth: usize) -> Expression {
        let mut parts = Vec::new();
        let mut at = start;
        while at < end {
            let found =
                if self.fast { plain::expression::piece(self.functions, self.text, at, end) } else { None };
            let (piece, after) = match found {
                Some(found) => found,
                None => self.by_grammar(at, end),
            };
            at = after;
            let part = self.part(piece, depth);
            let lost = part == Part::Unterminated;
            parts.push(part);
            if lost {
                break;
            }
        }
        Expression { parts: parts.into_boxed_slice() }
    }

    #[cold]
    fn by_grammar(&mut self, start: usize, end: usize) -> (Piece, usize) {
        let text = self.text;
        let source = self.source.get_or_init(|| Source::new(text));
        let (piece, after) = grammar::expression::piece(source, start, end, self.functions);
        match self.allowance.checked_sub(after - start) {
            Some(left) => {
                self.allowance = left;
                (piece, after)
            }
            None => (Piece::Unterminated, end),
        }
    }

    fn part(&mut self, piece: Piece, depth: usize) -> Part {
        match piece {
            Piece::Text(range) => Part::Text(range),
            Piece::Variable(name) => Part::Variable(self.names.intern(name.of(self.text))),
            Piece::Substitution { name, pattern, replacement } => {
                Part::Substitution { name: self.names.intern(name.of(self.text)), pattern, replacement }
            }
            Piece::Unterminated => Part::Unterminated,
            Piece::UnterminatedCall(function, close) => Part::UnterminatedCall(function, close),
            Piece::Computed(_) | Piece::Call(..) if depth >= DEEPEST => Part::Unterminated,
            Piece::Computed(name) => {
                Part::Computed(Box::new(self.level(name.start(), name.end(), depth + 1)))
            }
            Piece::Call(function, ranges) => {
                let mut arguments = Vec::with_capacity(ranges.len());
                for range in ranges {
                    let inside = match function {
                        Function::Or | Function::And => self.trimmed(range),
                        Function::If if arguments.is_empty() => self.trimmed(range),
                        _ => range,
                    };
                    let value = self.level(inside.start(), inside.end(), depth + 1);
                    arguments.push(Argument { range, value });
                }
                Part::Call(Box::new(Call { function, arguments: arguments.into_boxed_slice() }))
            }
        }
    }

    /// Conditions are expanded without the white space around them.
    fn trimmed(&self, range: Range) -> Range {
        let (mut low, mut high) = (range.start(), range.end());
        while low < high && is_space(self.text[low]) {
            low += 1;
        }
        while low < high && is_space(self.text[high - 1]) {
            high -= 1;
        }
        Range::new(low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> (Expression, Names) {
        let mut names = Names::new();
        let expression = Parser { names: &mut names, loaded: &[] }.parse(text);
        (expression, names)
    }

    #[test]
    fn references_and_calls_are_told_apart() {
        let (expression, mut names) = parse(b"a$x$(name)$(subst a,b,$(c d))$$");
        assert_eq!(expression.parts.len(), 5);
        assert_eq!(expression.parts[2], Part::Variable(names.intern(b"name")));
        let Part::Call(call) = &expression.parts[3] else { panic!("no call") };
        assert_eq!((call.function, call.arguments.len()), (Function::Subst, 3));
        let (expression, mut names) = parse(b"$(a:.c=.o)$(substx a)");
        assert!(matches!(expression.parts[0], Part::Substitution { .. }));
        assert_eq!(expression.parts[1], Part::Variable(names.intern(b"substx a")));
        assert!(matches!(parse(b"$(a").0.parts[0], Part::Unterminated));
        assert!(matches!(parse(b"$(if a").0.parts[0], Part::UnterminatedCall(Function::If, b')')));
        let deep = b"$(".repeat(100_000);
        assert!(!parse(&deep).0.parts.is_empty());
    }
}

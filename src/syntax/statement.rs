//! Logical lines to typed statements (manual, "What Makefiles Contain"). A line is told by its first words alone; what it does
//! depends on what was read before, which this module does not know.

use crate::syntax::assignment::{Definition, Modifiers};
use crate::syntax::grammar;
use crate::syntax::plain::{self, Reading};

/// The conditional directives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditional {
    /// `ifdef`
    Ifdef,
    /// `ifndef`
    Ifndef,
    /// `ifeq`
    Ifeq,
    /// `ifneq`
    Ifneq,
    /// `else`
    Else,
    /// `endif`
    Endif,
}

impl Conditional {
    /// The directive named `word`.
    pub fn named(word: &[u8]) -> Option<Conditional> {
        Some(match word {
            b"ifdef" => Conditional::Ifdef,
            b"ifndef" => Conditional::Ifndef,
            b"ifeq" => Conditional::Ifeq,
            b"ifneq" => Conditional::Ifneq,
            b"else" => Conditional::Else,
            b"endif" => Conditional::Endif,
            _ => return None,
        })
    }

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Conditional::Ifdef => "ifdef",
            Conditional::Ifndef => "ifndef",
            Conditional::Ifeq => "ifeq",
            Conditional::Ifneq => "ifneq",
            Conditional::Else => "else",
            Conditional::Endif => "endif",
        }
    }
}

/// A statement: what a line is, and the text after its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement<'t> {
    /// Nothing but white space or a comment.
    Blank,
    /// An assignment, `define` or `undefine`, with its modifiers.
    Definition(Modifiers, Definition<'t>),
    /// A conditional directive.
    Conditional(Conditional, &'t [u8]),
    /// `export` or `unexport` of names, or of everything.
    Export {
        /// Whether it exports.
        exporting: bool,
        /// The names, not expanded.
        names: &'t [u8],
    },
    /// `vpath`.
    Vpath(&'t [u8]),
    /// `include`, `-include`, `sinclude`.
    Include {
        /// Whether a missing file is no error.
        optional: bool,
        /// The files, not expanded.
        files: &'t [u8],
    },
    /// `load`, `-load`.
    Load {
        /// Whether a failure is no error.
        optional: bool,
        /// The objects, not expanded.
        objects: &'t [u8],
    },
    /// `image`: the beginning of an image block, its targets not expanded.
    Image(&'t [u8]),
    /// `endimage`.
    EndImage,
    /// Anything else: a rule, or an error.
    Rule,
}

/// Reads a line, its continuations joined and its comment stripped.
#[inline]
pub fn statement(line: &[u8]) -> Statement<'_> {
    plain::statement::statement(line).unwrap_or_else(|| grammar::statement::statement(line))
}

/// The operands of `ifeq` and `ifneq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison<'t> {
    /// The first side, not expanded.
    pub left: &'t [u8],
    /// The second side; none where its syntax is wrong, which is to be told after the first side was expanded.
    pub right: Option<Operand<'t>>,
}

/// The second operand of `ifeq` and `ifneq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand<'t> {
    /// The text, not expanded.
    pub text: &'t [u8],
    /// What follows it; it should be nothing.
    pub extraneous: &'t [u8],
}

/// Reads the operands of `ifeq` and `ifneq`; none where the syntax of the first is wrong.
pub fn comparison(text: &[u8]) -> Option<Comparison<'_>> {
    match plain::statement::comparison(text) {
        Reading::Found(comparison) => Some(comparison),
        Reading::Absent => None,
        Reading::Intricate => grammar::statement::comparison(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_words_decide() {
        assert_eq!(statement(b"  "), Statement::Blank);
        assert_eq!(statement(b"ifdef x "), Statement::Conditional(Conditional::Ifdef, b"x "));
        assert!(matches!(statement(b"ifdef = x"), Statement::Definition(..)));
        assert_eq!(statement(b"-include a b"), Statement::Include { optional: true, files: b"a b" });
        assert_eq!(statement(b"a: b"), Statement::Rule);
        assert_eq!(statement(b"image a $(b:c=d)"), Statement::Image(b"a $(b:c=d)"));
        assert_eq!(statement(b" endimage "), Statement::EndImage);
        for rule in
            [&b"image: a"[..], b"image a: b", b"image", b"image ", b"image a; b", b"image $(a", b"endimage a"]
        {
            assert_eq!(statement(rule), Statement::Rule);
        }
        assert!(matches!(statement(b"image = a"), Statement::Definition(..)));
        for (text, left, right, extraneous) in [
            ("(a,b) x", "a", "b", "x"),
            ("($(f a,b) , (c) )", "$(f a,b)", "(c) ", ""),
            ("'a' \"b\"", "a", "b", ""),
            (",a,b)", "a", "b", ""),
            ("'a')b", "a", "", "b"),
            ("(a)(,b)", "a)(", "b", ""),
            ("(a)),b)", "a))", "b", ""),
            ("(a)((,),b)", "a)((,)", "b", ""),
        ] {
            let right = Some(Operand { text: right.as_bytes(), extraneous: extraneous.as_bytes() });
            assert_eq!(
                comparison(text.as_bytes()),
                Some(Comparison { left: left.as_bytes(), right }),
                "{text}"
            );
        }
        for text in ["(a ,(b)", ",a,b", "'a' b", "'a'"] {
            assert_eq!(comparison(text.as_bytes()), Some(Comparison { left: b"a", right: None }), "{text}");
        }
        assert_eq!(comparison(b"(a b)"), None);
    }
}

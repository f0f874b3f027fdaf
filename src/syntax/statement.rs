//! Logical lines to typed statements (manual, "What Makefiles Contain"). A line is told by its first words alone; what it does
//! depends on what was read before, which this module does not know.

use crate::os::words::{skip_space, word_length};
use crate::syntax::assignment::{Definition, Modifiers, definition};

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
    /// Anything else: a rule, or an error.
    Rule,
}

/// Reads a line, its continuations joined and its comment stripped.
#[inline]
pub fn statement(line: &[u8]) -> Statement<'_> {
    let text = skip_space(line);
    if text.is_empty() {
        return Statement::Blank;
    }
    if let Some((modifiers, definition)) = definition(text, false) {
        return Statement::Definition(modifiers, definition);
    }
    let (word, rest) = text.split_at(word_length(text));
    let rest = skip_space(rest);
    if let Some(conditional) = Conditional::named(word) {
        return Statement::Conditional(conditional, rest);
    }
    match word {
        b"export" => Statement::Export { exporting: true, names: rest },
        b"unexport" => Statement::Export { exporting: false, names: rest },
        b"vpath" => Statement::Vpath(rest),
        b"include" => Statement::Include { optional: false, files: rest },
        b"-include" | b"sinclude" => Statement::Include { optional: true, files: rest },
        b"load" => Statement::Load { optional: false, objects: rest },
        b"-load" => Statement::Load { optional: true, objects: rest },
        _ => Statement::Rule,
    }
}

/// The two sides of `ifeq`/`ifneq`, not expanded, and what follows them; none where the syntax is wrong.
pub fn comparison(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let first = *text.first()?;
    if first == b'(' {
        let rest = &text[1..];
        let mut depth = 0i32;
        let comma = rest.iter().position(|&byte| match byte {
            b'(' => {
                depth += 1;
                false
            }
            b')' => {
                depth -= 1;
                false
            }
            b',' => depth <= 0,
            _ => false,
        })?;
        let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
        let left = &rest[..rest[..comma].iter().rposition(|byte| !blank(byte)).map_or(0, |at| at + 1)];
        let right = skip_space(&rest[comma + 1..]);
        let mut depth = 0;
        let close = right.iter().position(|&byte| match byte {
            b'(' => {
                depth += 1;
                false
            }
            b')' if depth > 0 => {
                depth -= 1;
                false
            }
            b')' => true,
            _ => false,
        })?;
        return Some((left, &right[..close], skip_space(&right[close + 1..])));
    }
    let quoted = |text: &'_ [u8]| -> Option<usize> {
        let quote = *text.first().filter(|&&byte| byte == b'"' || byte == b'\'')?;
        memchr::memchr(quote, &text[1..])
    };
    let end = quoted(text)?;
    let left = &text[1..=end];
    let rest = skip_space(&text[end + 2..]);
    if rest.first() == Some(&b')') {
        // A closing parenthesis may stand where the second quote should: it ends an empty search at once.
        let right = skip_space(&rest[0..]);
        let close = right.iter().position(|&byte| byte == b')')?;
        return Some((left, &right[..close], skip_space(&right[close + 1..])));
    }
    let end = quoted(rest)?;
    Some((left, &rest[1..=end], skip_space(&rest[end + 2..])))
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
        assert_eq!(comparison(b"(a,b) x"), Some((&b"a"[..], &b"b"[..], &b"x"[..])));
        assert_eq!(comparison(b"($(f a,b) , (c) )"), Some((&b"$(f a,b)"[..], &b"(c) "[..], &b""[..])));
        assert_eq!(comparison(b"'a' \"b\""), Some((&b"a"[..], &b"b"[..], &b""[..])));
        assert_eq!(comparison(b"(a b)"), None);
    }
}

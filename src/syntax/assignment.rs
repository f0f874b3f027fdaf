//! Recognition of variable assignments and their modifiers (manual, "Setting Variables"). Knows nothing of values.

use crate::syntax::grammar;
use crate::syntax::plain::{self, Reading};

/// The assignment operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Recursive,
    /// `:=` and `::=`
    Simple,
    /// `:::=`
    Immediate,
    /// `+=`
    Append,
    /// `?=`
    Conditional,
    /// `!=`
    Shell,
}

/// An assignment found in a text: parts of that text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment<'t> {
    /// The name, not yet expanded.
    pub name: &'t [u8],
    /// The operator.
    pub operator: Operator,
    /// The value, without white space before it.
    pub value: &'t [u8],
}

/// Reads `text` as an assignment, which has a name, an operator and a value; none where it is something else.
#[inline]
pub fn assignment(text: &[u8]) -> Option<Assignment<'_>> {
    match plain::statement::assignment(text) {
        Reading::Found(assignment) => Some(assignment),
        Reading::Absent => None,
        Reading::Intricate => grammar::statement::assignment(text),
    }
}

/// Words before an assignment that change it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modifiers {
    /// `export` (true) or `unexport` (false).
    pub export: Option<bool>,
    /// `override`.
    pub overrides: bool,
    /// `private`.
    pub private: bool,
}

/// What follows the modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Definition<'t> {
    /// An assignment on one line.
    Assign(Assignment<'t>),
    /// `define`, with the rest of its line.
    Define(&'t [u8]),
    /// `undefine`, with the rest of its line.
    Undefine(&'t [u8]),
}

/// Reads `text`, which follows a target, as modifiers and an assignment. `define` and `undefine` are words like others there.
#[inline]
pub fn target_definition(text: &[u8]) -> Option<(Modifiers, Assignment<'_>)> {
    match plain::statement::target_definition(text) {
        Reading::Found(definition) => Some(definition),
        Reading::Absent => None,
        Reading::Intricate => grammar::statement::target_definition(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_told_apart() {
        for (text, name, operator, value) in [
            ("a=b", "a", Operator::Recursive, "b"),
            ("a := b ", "a", Operator::Simple, "b "),
            ("a ::= b", "a", Operator::Simple, "b"),
            ("a :::= b", "a", Operator::Immediate, "b"),
            ("a+=b", "a", Operator::Append, "b"),
            ("a ?= b=c", "a", Operator::Conditional, "b=c"),
            ("$(x y)z != b", "$(x y)z", Operator::Shell, "b"),
            ("a+b=c", "a+b", Operator::Recursive, "c"),
        ] {
            let found = assignment(text.as_bytes()).unwrap();
            assert_eq!(
                (found.name, found.operator, found.value),
                (name.as_bytes(), operator, value.as_bytes())
            );
        }
        for text in ["a: b=c", "a b = c", "a", "a # = b", "$"] {
            assert_eq!(assignment(text.as_bytes()), None, "{text}");
        }
        let (modifiers, _) = target_definition(b"override export a = b").unwrap();
        assert_eq!(modifiers, Modifiers { export: Some(true), overrides: true, private: false });
    }
}

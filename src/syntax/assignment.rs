//! Recognition of variable assignments and their modifiers (manual, "Setting Variables"). Knows nothing of values.

use crate::os::words::{is_blank, is_space, skip_space, word_length};
use crate::syntax::quoting::reference_end;

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
    let text = skip_space(text);
    let mut end = None;
    let mut at = 0;
    let (operator, value) = loop {
        let byte = *text.get(at)?;
        at += 1;
        if byte == b'#' {
            return None;
        }
        if is_blank(byte) {
            if end.is_some() {
                return None;
            }
            end = Some(at - 1);
            while text.get(at).is_some_and(|&byte| is_space(byte)) {
                at += 1;
            }
            continue;
        }
        if byte == b'=' {
            end.get_or_insert(at - 1);
            break (Operator::Recursive, at);
        }
        if byte == b':' {
            end.get_or_insert(at - 1);
            let rest = &text[at..];
            if rest.starts_with(b"=") {
                break (Operator::Simple, at + 1);
            }
            if rest.starts_with(b":=") {
                break (Operator::Simple, at + 2);
            }
            if rest.starts_with(b"::=") {
                break (Operator::Immediate, at + 3);
            }
            return None;
        }
        if text.get(at) == Some(&b'=') {
            let operator = match byte {
                b'+' => Some(Operator::Append),
                b'?' => Some(Operator::Conditional),
                b'!' => Some(Operator::Shell),
                _ => None,
            };
            if let Some(operator) = operator {
                end.get_or_insert(at - 1);
                break (operator, at + 1);
            }
        }
        if end.is_some() {
            return None;
        }
        if byte == b'$' {
            if at >= text.len() {
                return None;
            }
            at = reference_end(text, at - 1);
        }
    };
    Some(Assignment { name: &text[..end.unwrap_or(0)], operator, value: skip_space(&text[value..]) })
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

/// Reads `text` as modifiers and a definition. For a target-specific value (`for_target`) `define` and `undefine` are words
/// like others.
#[inline]
pub fn definition(text: &[u8], for_target: bool) -> Option<(Modifiers, Definition<'_>)> {
    let mut modifiers = Modifiers::default();
    let mut rest = skip_space(text);
    loop {
        if rest.is_empty() {
            return None;
        }
        if let Some(assignment) = assignment(rest) {
            return Some((modifiers, Definition::Assign(assignment)));
        }
        let (word, after) = rest.split_at(word_length(rest));
        let after = skip_space(after);
        match word {
            b"export" => modifiers.export = Some(true),
            b"unexport" => modifiers.export = Some(false),
            b"override" => modifiers.overrides = true,
            b"private" => modifiers.private = true,
            b"define" if !for_target => return Some((modifiers, Definition::Define(after))),
            b"undefine" if !for_target => return Some((modifiers, Definition::Undefine(after))),
            _ => return None,
        }
        rest = after;
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
        let (modifiers, _) = definition(b"override export a = b", false).unwrap();
        assert_eq!(modifiers, Modifiers { export: Some(true), overrides: true, private: false });
    }
}

//! Recognition of a variable definition among operands, such as `CFLAGS=-O2`. Knows nothing of variables.
//!
//! Source: GNU make manual, "Overriding Variables" and "Setting Variables".

/// The operator of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Recursive,
    /// `:=` and `::=`
    Simple,
    /// `:::=`: expanded now, and again at each use.
    PosixSimple,
    /// `+=`
    Append,
    /// `?=`
    Conditional,
    /// `!=`
    Shell,
}

/// A definition's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition<'t> {
    /// The name, not yet expanded; may be empty, which the definer refuses.
    pub name: &'t [u8],
    /// The operator.
    pub operator: Operator,
    /// The value, without the blanks before it.
    pub value: &'t [u8],
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn skip_blanks(text: &[u8], mut at: usize) -> usize {
    while text.get(at).copied().is_some_and(is_blank) {
        at += 1;
    }
    at
}

/// `text` as a definition, or `None` where it is none: there is no operator, a `#` or a second word stands before it,
/// or a `:` does.
pub fn definition(text: &[u8]) -> Option<Definition<'_>> {
    let start = skip_blanks(text, 0);
    let mut at = start;
    let mut end = None;
    loop {
        let byte = *text.get(at)?;
        let rest = text.get(at + 1..).unwrap_or_default();
        let found = match (byte, rest) {
            (b'#', _) => return None,
            (b'=', _) => Some((Operator::Recursive, 1)),
            (b':', [b'=', ..]) => Some((Operator::Simple, 2)),
            (b':', [b':', b'=', ..]) => Some((Operator::Simple, 3)),
            (b':', [b':', b':', b'=', ..]) => Some((Operator::PosixSimple, 4)),
            (b':', _) => return None,
            (b'+', [b'=', ..]) => Some((Operator::Append, 2)),
            (b'?', [b'=', ..]) => Some((Operator::Conditional, 2)),
            (b'!', [b'=', ..]) => Some((Operator::Shell, 2)),
            _ => None,
        };
        if let Some((operator, length)) = found {
            let name = text.get(start..end.unwrap_or(at))?;
            let value = text.get(skip_blanks(text, at + length)..).unwrap_or_default();
            return Some(Definition { name, operator, value });
        }
        if end.is_some() {
            return None;
        }
        at = match byte {
            _ if is_blank(byte) => {
                end = Some(at);
                skip_blanks(text, at)
            }
            b'$' => after_reference(text, at + 1)?,
            _ => at + 1,
        };
    }
}

/// The place after the variable reference whose `$` stands before `at`, so that nothing in it is taken for an
/// operator. `None` where the text ends with the `$`.
fn after_reference(text: &[u8], at: usize) -> Option<usize> {
    let open = *text.get(at)?;
    let close = match open {
        b'(' => b')',
        b'{' => b'}',
        _ => return Some(at + 1),
    };
    let mut depth = 1usize;
    let mut at = at + 1;
    while let Some(&byte) = text.get(at) {
        at += 1;
        if byte == close {
            depth -= 1;
            if depth == 0 {
                break;
            }
        } else if byte == open {
            depth += 1;
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_names_and_values_are_told_apart() {
        type Parts = (&'static str, Operator, &'static str);
        let cases: [(&str, Option<Parts>); 20] = [
            ("A=b", Some(("A", Operator::Recursive, "b"))),
            ("A:=b=c", Some(("A", Operator::Simple, "b=c"))),
            ("A::=b", Some(("A", Operator::Simple, "b"))),
            ("A:::=b", Some(("A", Operator::PosixSimple, "b"))),
            ("A+=b", Some(("A", Operator::Append, "b"))),
            ("A?=b", Some(("A", Operator::Conditional, "b"))),
            ("A!=b", Some(("A", Operator::Shell, "b"))),
            (" A  =  b c ", Some(("A", Operator::Recursive, "b c "))),
            ("A += b", Some(("A", Operator::Append, "b"))),
            ("=x", Some(("", Operator::Recursive, "x"))),
            ("A=", Some(("A", Operator::Recursive, ""))),
            ("$(a:b=c)d=e", Some(("$(a:b=c)d", Operator::Recursive, "e"))),
            ("${a(}d=e", Some(("${a(}d", Operator::Recursive, "e"))),
            ("a+b=c", Some(("a+b", Operator::Recursive, "c"))),
            ("a b=c", None),
            ("a:b=c", None),
            ("a#b=c", None),
            ("goal", None),
            ("$", None),
            ("$(open=", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|(name, operator, value)| Definition {
                name: name.as_bytes(),
                operator,
                value: value.as_bytes(),
            });
            assert_eq!(definition(text.as_bytes()), expected, "{text:?}");
        }
    }
}

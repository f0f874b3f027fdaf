//! The fast path of statements: assignments without modifiers, conditionals, `include`, and the lines of rules. Knows nothing of
//! the words of a rule line.

use super::Reading;
use crate::os::words::{is_blank, is_space, skip_space, word_length};
use crate::syntax::assignment::{Assignment, Definition, Modifiers, Operator};
use crate::syntax::statement::{Comparison, Conditional, Operand, Statement};

/// Reads `text` as an assignment.
#[inline]
pub fn assignment(text: &[u8]) -> Reading<Assignment<'_>> {
    let text = skip_space(text);
    let mut end = None;
    let mut at = 0;
    let (operator, value) = loop {
        let Some(&byte) = text.get(at) else { return Reading::Absent };
        match byte {
            b'=' => break (Operator::Recursive, at + 1),
            b':' => {
                let rest = &text[at + 1..];
                match rest.first() {
                    Some(b'=') => break (Operator::Simple, at + 2),
                    Some(b':') if rest.starts_with(b":=") => break (Operator::Simple, at + 3),
                    Some(b':') if rest.starts_with(b"::=") => break (Operator::Immediate, at + 4),
                    _ => return Reading::Absent,
                }
            }
            b'+' if text.get(at + 1) == Some(&b'=') => break (Operator::Append, at + 2),
            b'?' if text.get(at + 1) == Some(&b'=') => break (Operator::Conditional, at + 2),
            b'!' if text.get(at + 1) == Some(&b'=') => break (Operator::Shell, at + 2),
            // A second word, so it is no assignment.
            _ if end.is_some() => return Reading::Absent,
            b' ' | b'\t' => {
                end = Some(at);
                while text.get(at).is_some_and(|&byte| is_space(byte)) {
                    at += 1;
                }
            }
            b'#' => return Reading::Intricate,
            b'$' => match closed_reference(text, at) {
                Some(after) => at = after,
                None => return Reading::Intricate,
            },
            _ => at += 1,
        }
    };
    let end = end.unwrap_or_else(|| at.min(text.len()));
    Reading::Found(Assignment { name: &text[..end], operator, value: skip_space(&text[value..]) })
}

/// The end of the reference whose `$` is at `at`, if it has one.
#[inline]
pub(super) fn closed_reference(text: &[u8], at: usize) -> Option<usize> {
    let (opening, closing) = match text.get(at + 1)? {
        b'(' => (b'(', b')'),
        b'{' => (b'{', b'}'),
        _ => return Some(at + 2),
    };
    let mut open = 0usize;
    for (offset, &byte) in text[at + 2..].iter().enumerate() {
        if byte == opening {
            open += 1;
        } else if byte == closing {
            if open == 0 {
                return Some(at + 2 + offset + 1);
            }
            open -= 1;
        }
    }
    None
}

/// Reads `text` as what may follow a target: an assignment.
#[inline]
pub fn target_definition(text: &[u8]) -> Reading<(Modifiers, Assignment<'_>)> {
    match assignment(text) {
        Reading::Found(assignment) => Reading::Found((Modifiers::default(), assignment)),
        Reading::Intricate => Reading::Intricate,
        Reading::Absent => {
            let text = skip_space(text);
            match &text[..word_length(text)] {
                b"export" | b"unexport" | b"override" | b"private" => Reading::Intricate,
                _ => Reading::Absent,
            }
        }
    }
}

/// Reads a line.
#[inline]
pub fn statement(line: &[u8]) -> Option<Statement<'_>> {
    let text = skip_space(line);
    if text.is_empty() {
        return Some(Statement::Blank);
    }
    match assignment(text) {
        Reading::Found(assignment) => {
            return Some(Statement::Definition(Modifiers::default(), Definition::Assign(assignment)));
        }
        Reading::Intricate => return None,
        Reading::Absent => {}
    }
    let (word, rest) = text.split_at(word_length(text));
    match word {
        b"export" | b"unexport" | b"override" | b"private" | b"define" | b"undefine" => None,
        b"vpath" | b"load" | b"-load" => None,
        b"include" => Some(Statement::Include { optional: false, files: skip_space(rest) }),
        b"image" if is_image_list(rest) => Some(Statement::Image(skip_space(rest))),
        b"endimage" if skip_space(rest).is_empty() => Some(Statement::EndImage),
        b"-include" | b"sinclude" => Some(Statement::Include { optional: true, files: skip_space(rest) }),
        _ => Some(match Conditional::named(word) {
            Some(conditional) => Statement::Conditional(conditional, skip_space(rest)),
            None => Statement::Rule,
        }),
    }
}

/// Whether `rest`, what follows the word `image`, names targets and is neither a rule's nor an assignment's.
fn is_image_list(rest: &[u8]) -> bool {
    if !rest.first().is_some_and(|&byte| is_blank(byte)) || skip_space(rest).is_empty() {
        return false;
    }
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        at = match byte {
            b':' | b'=' | b';' => return false,
            b'$' => match closed_reference(rest, at).filter(|&end| end <= rest.len()) {
                Some(end) => end,
                None => return false,
            },
            _ => at + 1,
        };
    }
    true
}

/// Reads the operands of `ifeq` and `ifneq` between balanced parentheses.
pub fn comparison(text: &[u8]) -> Reading<Comparison<'_>> {
    let Some(rest) = text.strip_prefix(b"(") else { return Reading::Intricate };
    let Some(comma) = unnested(rest, b',') else { return Reading::Intricate };
    let left = &rest[..comma];
    let left = &left[..left.iter().rposition(|&byte| !is_blank(byte)).map_or(0, |at| at + 1)];
    let rest = skip_space(&rest[comma + 1..]);
    let Some(close) = unnested(rest, b')') else { return Reading::Intricate };
    let (right, rest) = rest.split_at(close);
    Reading::Found(Comparison {
        left,
        right: Some(Operand { text: right, extraneous: skip_space(&rest[1..]) }),
    })
}

/// Where `stop` stands outside of parentheses, none of which closes without having been opened.
fn unnested(text: &[u8], stop: u8) -> Option<usize> {
    let mut open = 0usize;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'(' => open += 1,
            _ if byte == stop && open == 0 => return Some(at),
            b')' => open = open.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

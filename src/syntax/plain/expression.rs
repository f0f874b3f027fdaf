//! The fast path of expressions: text, references and calls whose parentheses are balanced. Knows nothing of nesting.

use crate::os::words::{is_space, skip_space};
use crate::syntax::expression::{Functions, Piece, Range};

fn is_function_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

/// The piece of `text[..end]` at `start`, and where the next one begins.
#[inline]
pub(in crate::syntax) fn piece(
    functions: Functions,
    text: &[u8],
    start: usize,
    end: usize,
) -> Option<(Piece, usize)> {
    match memchr::memchr(b'$', text.get(start..end)?) {
        None => return Some((Piece::Text(Range::new(start, end)), end)),
        Some(0) => {}
        Some(length) => return Some((Piece::Text(Range::new(start, start + length)), start + length)),
    }
    let inside = start + 1;
    if inside >= end {
        return Some((Piece::Text(Range::new(start, end)), end));
    }
    match text[inside] {
        b'$' => Some((Piece::Text(Range::new(start, inside)), inside + 1)),
        b'(' => reference(functions, text, inside + 1, end, (b'(', b')')),
        b'{' => reference(functions, text, inside + 1, end, (b'{', b'}')),
        _ => Some((Piece::Variable(Range::new(inside, inside + 1)), inside + 1)),
    }
}

fn reference(
    functions: Functions,
    text: &[u8],
    start: usize,
    end: usize,
    (opening, closing): (u8, u8),
) -> Option<(Piece, usize)> {
    let word = text[start..end].iter().position(|&byte| !is_function_byte(byte)).map_or(end, |at| start + at);
    if word > start
        && word < end
        && is_space(text[word])
        && let Some(function) = functions.named(&text[start..word])
    {
        let first = end - skip_space(&text[word..end]).len();
        let (arguments, after) = arguments(text, first, end, functions.most(function), (opening, closing))?;
        return Some((Piece::Call(function, arguments), after));
    }
    let close = start + memchr::memchr(closing, &text[start..end])?;
    let name = &text[start..close];
    if memchr::memchr(b'$', name).is_some() {
        let close = closing_parenthesis(text, start, end, (opening, closing))?;
        return Some((Piece::Computed(Range::new(start, close)), close + 1));
    }
    if let Some(colon) = memchr::memchr(b':', name).map(|at| start + at)
        && let Some(equals) = memchr::memchr(b'=', &text[colon + 1..close]).map(|at| colon + 1 + at)
    {
        let piece = Piece::Substitution {
            name: Range::new(start, colon),
            pattern: Range::new(colon + 1, equals),
            replacement: Range::new(equals + 1, close),
        };
        return Some((piece, close + 1));
    }
    Some((Piece::Variable(Range::new(start, close)), close + 1))
}

fn closing_parenthesis(text: &[u8], start: usize, end: usize, (opening, closing): (u8, u8)) -> Option<usize> {
    let mut open = 0usize;
    for (offset, &byte) in text[start..end].iter().enumerate() {
        if byte == opening {
            open += 1;
        } else if byte == closing {
            if open == 0 {
                return Some(start + offset);
            }
            open -= 1;
        }
    }
    None
}

/// The arguments of a call, `most` of them at most, and where the call ends.
fn arguments(
    text: &[u8],
    start: usize,
    end: usize,
    most: usize,
    (opening, closing): (u8, u8),
) -> Option<(Vec<Range>, usize)> {
    let mut open = 0usize;
    let mut arguments = Vec::new();
    let mut begin = start;
    for (offset, &byte) in text[start..end].iter().enumerate() {
        if byte == b',' && open == 0 {
            if arguments.len() + 1 != most {
                arguments.push(Range::new(begin, start + offset));
                begin = start + offset + 1;
            }
        } else if byte == opening {
            open += 1;
        } else if byte == closing {
            if open == 0 {
                arguments.push(Range::new(begin, start + offset));
                return Some((arguments, start + offset + 1));
            }
            open -= 1;
        }
    }
    None
}

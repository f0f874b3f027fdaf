//! The patterns of `${x#p}`, `${x%p}` and `${x/p/r}`: `*`, `?` and escapes, and nothing else. Knows nothing of
//! variables.
//!
//! As `convertShellPatternToRegex` of BuildKit's `frontend/dockerfile/shell/lex.go` has it: a wildcard matches no
//! newline, and where several matches begin at one place, stars take as little or as much as they can from the left.

use super::error::{Bound, ExpansionFault};
use super::runes::runes;
use super::value::{LONGEST_VALUE, Value};

/// Whether stars take as little as they can.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shortest {
    /// As little.
    Yes,
    /// As much.
    No,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Char(u32),
    Any,
    Star,
}

/// A table larger than this is not worked out: the value counts as unknown.
const LARGEST: usize = 1 << 22;

/// What matching costs, in the bytes of a value whose copying costs as much.
pub fn cost(pattern: &[u8], value: &[u8]) -> usize {
    pattern.len().saturating_mul(value.len()).min(LARGEST) / 16
}

fn parse(pattern: &[u8]) -> Result<Vec<Token>, ExpansionFault> {
    let chars = runes(pattern);
    let mut out = Vec::with_capacity(chars.len());
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        at += 1;
        out.push(match c {
            0x2A => Token::Star,
            0x3F => Token::Any,
            0x5C => match chars.get(at) {
                // The slash and the brace are escaped for the substitution's sake; they come next by themselves.
                Some(0x7D | 0x2F) => continue,
                Some(&escaped @ (0x2A | 0x3F | 0x5C)) => {
                    at += 1;
                    Token::Char(escaped)
                }
                _ => return Err(ExpansionFault::BadPattern(pattern.to_vec())),
            },
            other => Token::Char(other),
        });
    }
    Ok(out)
}

/// For each start in `text`, where the preferred match of `tokens` from there ends; nothing where the table would be
/// too large.
fn ends(tokens: &[Token], text: &[u32], shortest: Shortest) -> Option<Vec<Option<usize>>> {
    if tokens.len().saturating_mul(text.len() + 1) > LARGEST {
        return None;
    }
    let newline = u32::from(b'\n');
    let mut after: Vec<Option<usize>> = (0..=text.len()).map(Some).collect();
    for &token in tokens.iter().rev() {
        let mut here = vec![None; text.len() + 1];
        for at in (0..=text.len()).rev() {
            let next = text.get(at).copied();
            let step = match token {
                Token::Char(c) => next == Some(c),
                Token::Any | Token::Star => next.is_some_and(|c| c != newline),
            };
            here[at] = match token {
                Token::Char(_) | Token::Any => step.then(|| after[at + 1]).flatten(),
                Token::Star => {
                    let more: Option<usize> = if step { here[at + 1] } else { None };
                    match shortest {
                        Shortest::Yes => after[at].or(more),
                        Shortest::No => more.or(after[at]),
                    }
                }
            };
        }
        after = here;
    }
    Some(after)
}

fn encode(chars: &[u32]) -> Vec<u8> {
    chars
        .iter()
        .map(|&c| char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect::<String>()
        .into_bytes()
}

/// `value` without the prefix that `pattern` matches; unknown where that cannot be worked out.
pub fn trim_prefix(pattern: &[u8], value: &[u8], shortest: Shortest) -> Result<Value, ExpansionFault> {
    let text = runes(value);
    trim(&parse(pattern)?, &text, shortest, value, |rest| rest.to_vec())
}

/// `value` without the suffix that `pattern` matches; unknown where that cannot be worked out.
pub fn trim_suffix(pattern: &[u8], value: &[u8], shortest: Shortest) -> Result<Value, ExpansionFault> {
    let mut tokens = parse(pattern)?;
    tokens.reverse();
    let mut text = runes(value);
    text.reverse();
    trim(&tokens, &text, shortest, value, |rest| rest.iter().rev().copied().collect())
}

fn trim(
    tokens: &[Token],
    text: &[u32],
    shortest: Shortest,
    value: &[u8],
    order: impl Fn(&[u32]) -> Vec<u32>,
) -> Result<Value, ExpansionFault> {
    let Some(ends) = ends(tokens, text, shortest) else { return Ok(Value::Unknown) };
    Ok(match ends.first().copied().flatten().and_then(|end| text.get(end..)) {
        Some(rest) => Value::from(encode(&order(rest))),
        None => Value::from(value),
    })
}

/// `value` with the first match of `pattern`, or all of them, replaced; unknown where that cannot be worked out.
pub fn replace(pattern: &[u8], value: &[u8], replacement: &[u8], all: bool) -> Result<Value, ExpansionFault> {
    let tokens = parse(pattern)?;
    let text = runes(value);
    let Some(ends) = ends(&tokens, &text, Shortest::No) else { return Ok(Value::Unknown) };
    // In the replacement of all matches, Go reads `$` as a reference to a group.
    if all && replacement.contains(&b'$') {
        return Ok(Value::Unknown);
    }
    let replacement = runes(replacement);
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at <= text.len() {
        match ends.get(at).copied().flatten() {
            // Where an empty match may stand between others is a rule of its own.
            Some(end) if all && end == at => return Ok(Value::Unknown),
            Some(end) => {
                if out.len() + replacement.len() > LONGEST_VALUE {
                    return Err(ExpansionFault::Beyond(Bound::Length));
                }
                out.extend_from_slice(&replacement);
                at = end;
                if !all {
                    break;
                }
            }
            None => {
                out.extend(text.get(at));
                at += 1;
            }
        }
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
    Ok(Value::from(encode(&out)))
}

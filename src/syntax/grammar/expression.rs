//! Pieces of expressions by the grammar. Knows nothing of nesting.

use super::{Pair, Rule, Source, read};
use crate::syntax::expression::{Functions, Piece, Range};

/// The piece of `source[..end]` at `start`, and where the next one begins.
pub(in crate::syntax) fn piece(
    source: &Source,
    start: usize,
    end: usize,
    functions: Functions,
) -> (Piece, usize) {
    let text = source.part(start, end);
    let lost = (Piece::Unterminated, end);
    let Some(pair) = read(Rule::part, text).and_then(|mut pairs| pairs.next()) else { return lost };
    match pair.as_rule() {
        Rule::text => (Piece::Text(range(&pair, start)), start + pair.as_span().end()),
        // One `$` stands for two; the range is that of the first.
        Rule::dollar => (Piece::Text(Range::new(start, start + 1)), start + pair.as_span().end()),
        Rule::letter => (Piece::Variable(Range::new(start + 1, start + 2)), start + 2),
        Rule::head => {
            let word = pair.clone().into_inner().find(|inner| inner.as_rule() == Rule::function);
            match word.and_then(|word| functions.named(word.as_str().as_bytes())) {
                Some(function) => {
                    let rule =
                        if text.starts_with("$(") { Rule::round_arguments } else { Rule::brace_arguments };
                    let first = start + pair.as_span().end();
                    match arguments(rule, source.part(first, end), first, functions.most(function)) {
                        Some((arguments, after)) => (Piece::Call(function, arguments), after),
                        None => {
                            let missing = if rule == Rule::round_arguments { b')' } else { b'}' };
                            (Piece::UnterminatedCall(function, missing), end)
                        }
                    }
                }
                None => read(Rule::reference, text)
                    .and_then(|mut pairs| pairs.next())
                    .map_or(lost, |pair| reference(source, &pair, start, end)),
            }
        }
        _ => reference(source, &pair, start, end),
    }
}

fn range(pair: &Pair<'_, Rule>, base: usize) -> Range {
    let span = pair.as_span();
    Range::new(base + span.start(), base + span.end())
}

fn reference(source: &Source, pair: &Pair<'_, Rule>, start: usize, end: usize) -> (Piece, usize) {
    let inside = range(pair, start);
    match pair.as_rule() {
        Rule::round_plain | Rule::brace_plain => (name(source, inside), inside.end() + 1),
        Rule::round_broken | Rule::brace_broken => (name(source, inside), end),
        Rule::round_group | Rule::brace_group => {
            (Piece::Computed(Range::new(inside.start() + 1, inside.end() - 1)), inside.end())
        }
        _ => (Piece::Unterminated, end),
    }
}

/// A name that holds nothing to expand, or a substitution reference of such names.
fn name(source: &Source, inside: Range) -> Piece {
    let base = inside.start();
    let text = source.part(base, inside.end());
    let substitution = read(Rule::name, text)
        .and_then(|mut pairs| pairs.next())
        .and_then(|name| name.into_inner().next())
        .filter(|found| found.as_rule() == Rule::substitution);
    if let Some(substitution) = substitution {
        let mut parts = substitution.into_inner();
        if let (Some(name), Some(pattern), Some(replacement)) = (parts.next(), parts.next(), parts.next()) {
            return Piece::Substitution {
                name: range(&name, base),
                pattern: range(&pattern, base),
                replacement: range(&replacement, base),
            };
        }
    }
    Piece::Variable(inside)
}

/// The arguments of a call, `most` of them at most, and where the call ends.
fn arguments(rule: Rule, text: &str, base: usize, most: usize) -> Option<(Vec<Range>, usize)> {
    let pair = read(rule, text)?.next()?;
    let after = base + pair.as_span().end();
    let mut arguments: Vec<Range> = Vec::new();
    for argument in pair.into_inner() {
        let argument = range(&argument, base);
        let full = most > 0 && arguments.len() == most;
        match arguments.last_mut() {
            Some(last) if full => *last = Range::new(last.start(), argument.end()),
            _ => arguments.push(argument),
        }
    }
    Some((arguments, after))
}

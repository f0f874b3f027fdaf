//! The words of a rule line by the grammar. Knows nothing of targets.

use super::{Pair, Rule, Source, bytes, read};
use crate::syntax::words::{Kind, Word};

/// The only pair inside the first pair of what `rule` reads.
fn only<'s>(rule: Rule, text: &'s str) -> Option<Pair<'s, Rule>> {
    read(rule, text)?.next()?.into_inner().next()
}

/// The next word of `text` from `from`.
pub fn next_word(text: &[u8], from: usize) -> Word {
    let from = from.min(text.len());
    let source = Source::new(&text[from..]);
    let Some(pair) = only(Rule::rule_word, source.whole()) else {
        return Word { kind: Kind::End, start: text.len(), length: 0 };
    };
    let kind = match pair.as_rule() {
        Rule::no_word => Kind::End,
        Rule::sign => Kind::Assignment,
        Rule::colon => Kind::Colon,
        Rule::double_colon => Kind::DoubleColon,
        Rule::grouped_colon => Kind::GroupedColon,
        Rule::grouped_double_colon => Kind::GroupedDoubleColon,
        Rule::semicolon => Kind::Semicolon,
        _ => Kind::Text,
    };
    let span = pair.as_span();
    Word { kind, start: from + span.start(), length: span.end() - span.start() }
}

/// The next piece of a list of prerequisites, and what follows it.
pub fn next_prerequisite(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let source = Source::new(text);
    let pair = only(Rule::prerequisite, source.whole()).filter(|pair| pair.as_rule() != Rule::no_word)?;
    Some((bytes(&pair, text), text.get(pair.as_span().end()..).unwrap_or_default()))
}

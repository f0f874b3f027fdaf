//! The grammar of makefiles at work: `grammar/makefile.pest` read by pest, its pairs made into typed values. No pair leaves
//! this folder. Knows nothing of the fast paths.
#![allow(missing_docs)] // The enum of rules is made by pest.

pub mod expression;
pub mod statement;
pub mod words;

use pest::Parser as _;
use pest::iterators::{Pair, Pairs};
use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Once;

#[derive(pest_derive::Parser)]
#[grammar = "../grammar/makefile.pest"]
struct Makefile;

/// Steps that the parser may take for one text; a text that needs more is as wrong as one that never ends. The longest text
/// that a makefile can mean takes a small part of it.
const MOST_STEPS: NonZeroUsize = NonZeroUsize::new(1 << 30).unwrap();

/// A text as the grammar reads it: bytes that are not ASCII replaced by one that means nothing, so that offsets stay.
pub struct Source<'t>(Cow<'t, str>);

impl<'t> Source<'t> {
    /// `text`, as the grammar reads it.
    pub fn new(text: &'t [u8]) -> Self {
        /// DEL: no white space, no part of a function's name, no syntax.
        const MEANINGLESS: char = '\u{7F}';
        match std::str::from_utf8(text) {
            Ok(plain) if plain.is_ascii() => Source(Cow::Borrowed(plain)),
            _ => Source(Cow::Owned(
                text.iter()
                    .map(|&byte| if byte.is_ascii() { char::from(byte) } else { MEANINGLESS })
                    .collect(),
            )),
        }
    }

    /// All of it.
    pub(super) fn whole(&self) -> &str {
        &self.0
    }

    /// The text between two offsets.
    fn part(&self, start: usize, end: usize) -> &str {
        self.0.get(start..end).unwrap_or_default()
    }
}

/// Reads `text` by an entry rule; none where the text does not match it.
fn read(rule: Rule, text: &str) -> Option<Pairs<'_, Rule>> {
    #[cfg(test)]
    let _shared = steps::LIMIT.read();
    static LIMIT: Once = Once::new();
    LIMIT.call_once(|| pest::set_call_limit(Some(MOST_STEPS)));
    Makefile::parse(rule, text).ok()
}

/// The bytes of `text` that `pair` covers.
fn bytes<'t>(pair: &Pair<'_, Rule>, text: &'t [u8]) -> &'t [u8] {
    let span = pair.as_span();
    text.get(span.start()..span.end()).unwrap_or_default()
}

#[cfg(test)]
pub mod steps {
    //! How many steps the parser takes for a text: the smallest limit that lets it through.

    use super::{MOST_STEPS, Makefile, Rule};
    use pest::Parser as _;
    use pest::error::ErrorVariant;
    use std::num::NonZeroUsize;
    use std::sync::RwLock;

    /// pest's limit is the whole process's: whoever tries limits holds this alone.
    pub(super) static LIMIT: RwLock<()> = RwLock::new(());

    /// Every entry rule.
    pub const ENTRIES: [Rule; 11] = [
        Rule::statement,
        Rule::target_definition,
        Rule::lone_assignment,
        Rule::comparison,
        Rule::rule_word,
        Rule::prerequisite,
        Rule::part,
        Rule::reference,
        Rule::round_arguments,
        Rule::brace_arguments,
        Rule::name,
    ];

    /// Steps that reading `text` by `rule` takes.
    pub fn taken(rule: Rule, text: &str) -> usize {
        let _alone = LIMIT.write();
        let enough = |limit: usize| {
            pest::set_call_limit(NonZeroUsize::new(limit));
            !Makefile::parse(rule, text)
                .is_err_and(|error| matches!(error.variant, ErrorVariant::CustomError { .. }))
        };
        let mut high = 16;
        while !enough(high) {
            high *= 2;
        }
        let mut low = high / 2;
        while low + 1 < high {
            let middle = low.midpoint(high);
            if enough(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        pest::set_call_limit(Some(MOST_STEPS));
        high
    }
}

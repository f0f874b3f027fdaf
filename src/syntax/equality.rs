//! The properties that hold the fast paths to the grammar, and the grammar to its bounds, on random makefile-like text. Knows
//! nothing of what is right: that is the suite's and GNU make's word.
//!
//! `PROPTEST_CASES` is the number of texts each property is tried on.

use crate::base::Names;
use crate::syntax::expression::{Expression, Part};
use crate::syntax::grammar::Source;
use crate::syntax::grammar::steps::{ENTRIES, taken};
use crate::syntax::parser::{DEEPEST, Parser};
use crate::syntax::properties;
use proptest::prelude::*;

/// Pieces that random text is made of: all that means something, alone and in the combinations that mean something else.
const PIECES: &[&str] = &[
    "$",
    "$",
    "$(",
    "$(",
    "${",
    "$$",
    "(",
    ")",
    ")",
    ")",
    "{",
    "}",
    "}",
    ",",
    ",",
    ":",
    "=",
    "::",
    ":=",
    "::=",
    ":::=",
    "+=",
    "?=",
    "!=",
    "+",
    "?",
    "!",
    "#",
    "\\",
    "%",
    "&",
    "&:",
    ";",
    "|",
    " ",
    " ",
    "\t",
    "\n",
    "\r",
    "\x0b",
    "\x0c",
    "\"",
    "'",
    "a",
    "b",
    "name",
    "~",
    "*",
    "-",
    ".",
    "\x7f",
    "$(a)",
    "${b}",
    "$(a:.c=.o)",
    "$(if ",
    "$(or ",
    "$(subst ",
    "${foreach ",
    "$(call ",
    "$(info\t",
    "$(loaded ",
    "$(pair ",
    "define ",
    "undefine ",
    "export ",
    "unexport ",
    "override ",
    "private ",
    "ifdef ",
    "ifndef ",
    "ifeq ",
    "ifneq ",
    "else ",
    "endif ",
    "endif",
    "include ",
    "-include ",
    "sinclude ",
    "load ",
    "-load ",
    "vpath ",
    "ifeq (",
    "endef",
    "image ",
    "endimage",
];

fn pieces(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        40 => proptest::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
        1 => proptest::sample::select(&["é", "日本"][..]).prop_map(|piece| piece.as_bytes().to_vec()),
    ];
    proptest::collection::vec(piece, 0..most).prop_map(|pieces| pieces.concat())
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![8 => pieces(14), 3 => pieces(60), 1 => proptest::collection::vec(any::<u8>(), 0..40)]
}

/// Operands of ifeq: hardly anything but what counts there.
fn operands() -> impl Strategy<Value = Vec<u8>> {
    const IN_PARENTHESES: &[&str] = &["(", ")", ")", ",", ",", " "];
    const IN_QUOTES: &[&str] = &["(", ")", ",", "a", " ", "\t", "\"", "'", "'"];
    let of = |pieces| proptest::collection::vec(proptest::sample::select(pieces), 0..12);
    prop_oneof![
        4 => of(IN_PARENTHESES).prop_map(|pieces| ["(", &pieces.concat()].concat().into_bytes()),
        1 => of(IN_QUOTES).prop_map(|pieces| pieces.concat().into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fast_statements_are_the_grammars(text in text()) {
        properties::statements(&text);
    }

    #[test]
    fn fast_comparisons_are_the_grammars(text in prop_oneof![text(), operands()]) {
        properties::comparisons(&text);
    }

    #[test]
    fn fast_words_are_the_grammars(text in text()) {
        properties::words(&text);
    }

    #[test]
    fn fast_expressions_are_the_grammars(text in text()) {
        properties::expressions(&mut Names::new(), &text);
    }

    #[test]
    fn lines_are_the_whole_text(text in text()) {
        properties::lines(&text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn reading_takes_steps_in_proportion_to_length(before in pieces(3), piece in pieces(5), after in pieces(3)) {
        let long = |count| [&before[..], &piece.repeat(count), &after].concat();
        let (once, twice) = (long(50), long(100));
        for rule in ENTRIES {
            let steps = |text: &[u8]| taken(rule, Source::new(text).whole());
            let (once, twice) = (steps(&once), steps(&twice));
            prop_assert!(twice * 10 <= once * 23 + 1000, "{:?}: {} steps, {} for twice the text", rule, once, twice);
        }
    }
}

/// Runs `test` with the stack that the program has for much less deep recursion.
fn with_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(test);
    assert!(thread.is_ok_and(|thread| thread.join().is_ok()));
}

fn depth(expression: &Expression) -> usize {
    let inside = |part: &Part| match part {
        Part::Computed(inner) => depth(inner) + 1,
        Part::Call(call) => {
            call.arguments.iter().map(|argument| depth(&argument.value) + 1).max().unwrap_or(0)
        }
        _ => 0,
    };
    expression.parts.iter().map(inside).max().unwrap_or(0)
}

#[test]
fn nesting_has_a_bound() {
    for opening in ["$(", "$(if a,", "$(or $(a(b) ", "$(a (", "${$(", "(", "$"] {
        with_stack(move || {
            let mut names = Names::new();
            let mut parser = Parser { names: &mut names, loaded: &[] };
            for closing in [")", "}", "))", ")}", ""] {
                let text = [opening.repeat(DEEPEST + 10), closing.repeat(DEEPEST + 10)].concat();
                assert!(depth(&parser.parse(text.as_bytes())) <= DEEPEST);
                let text = [opening.repeat(1000), closing.repeat(1000)].concat();
                assert!(depth(&parser.parse_by_grammar(text.as_bytes())) <= DEEPEST);
            }
        });
    }
}

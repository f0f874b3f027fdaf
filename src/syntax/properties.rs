//! What must hold of every text, as functions that panic where it doesn't: the fast paths give what the grammar gives, and
//! readers go forward within their text. Knows nothing of where texts come from: tests and fuzzers bring them.

use crate::base::Names;
use crate::syntax::expression::{Functions, LoadedFunction};
use crate::syntax::grammar::{self, Source};
use crate::syntax::lines::{Lines, join_continuations, normalise};
use crate::syntax::parser::Parser;
use crate::syntax::plain::{self, Reading};
use std::fmt::Debug;

/// Functions beyond GNU make's own, as a loaded object would give them.
pub fn loaded() -> Vec<LoadedFunction> {
    let function = |name: &str, most| LoadedFunction { name: name.into(), least: 0, most, expanded: true };
    vec![function("loaded", 0), function("pair", 2)]
}

/// Holds `fast` to what the grammar says, where it says anything.
fn hold<T: PartialEq + Debug>(fast: Reading<T>, slow: Option<T>) {
    match fast {
        Reading::Found(found) => assert_eq!(Some(found), slow),
        Reading::Absent => assert_eq!(None, slow),
        Reading::Intricate => {}
    }
}

/// Statements and assignments.
pub fn statements(text: &[u8]) {
    if let Some(fast) = plain::statement::statement(text) {
        assert_eq!(fast, grammar::statement::statement(text));
    }
    hold(plain::statement::assignment(text), grammar::statement::assignment(text));
    hold(plain::statement::target_definition(text), grammar::statement::target_definition(text));
}

/// Operands of `ifeq`.
pub fn comparisons(text: &[u8]) {
    hold(plain::statement::comparison(text), grammar::statement::comparison(text));
}

/// Words of rule lines.
pub fn words(text: &[u8]) {
    let mut at = 0;
    loop {
        let slow = grammar::words::next_word(text, at);
        if let Some(fast) = plain::words::next_word(text, at) {
            assert_eq!(fast, slow);
        }
        assert!(slow.start >= at && slow.start + slow.length <= text.len());
        if slow.start + slow.length == text.len() {
            break;
        }
        assert!(slow.length > 0);
        at = slow.start + slow.length;
    }
    let mut rest = text;
    loop {
        let slow = grammar::words::next_prerequisite(rest);
        hold(plain::words::next_prerequisite(rest), slow);
        let Some((word, after)) = slow else { break };
        assert!(!word.is_empty() && after.len() < rest.len());
        rest = after;
    }
}

/// Expressions, whole and piece by piece, with a table of names that may have some already.
pub fn expressions(names: &mut Names, text: &[u8]) {
    let loaded = loaded();
    let mut parser = Parser { names, loaded: &loaded };
    let slow = parser.parse_by_grammar(text);
    assert_eq!(parser.parse(text), slow);
    let functions = Functions { loaded: &loaded };
    let source = Source::new(text);
    let mut at = 0;
    while at < text.len() {
        let (piece, after) = grammar::expression::piece(&source, at, text.len(), functions);
        assert!(after > at && after <= text.len());
        if let Some(fast) = plain::expression::piece(functions, text, at, text.len()) {
            assert_eq!(fast, (piece, after));
        }
        at = after;
    }
}

/// Logical lines: nothing of the text is lost, and a line that is joined needs no more joining.
pub fn lines(text: &[u8]) {
    let (plain, _) = normalise(text.to_vec());
    let mut count = 0;
    let mut length = 0;
    for line in Lines::of_file(&plain) {
        count += line.count as usize;
        length += line.text.len() + 1;
        let joined = join_continuations(line.text, false);
        assert!(joined.len() <= line.text.len());
    }
    let newlines = plain.iter().filter(|byte| **byte == b'\n').count();
    assert!(count == newlines || count == newlines + 1, "{count} lines of {newlines} newlines");
    assert!(length == plain.len() || length == plain.len() + 1, "{length} of {} bytes", plain.len());
}

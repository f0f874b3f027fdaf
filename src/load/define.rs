//! `define` and `undefine` (manual, "Defining Multi-Line Variables", "Undefining Variables"). Knows nothing of rules.

use crate::base::diagnostic::{Complaint, Outcome, Place, Stop};
use crate::expand::assign::{Assign, assign};
use crate::expand::variables::GLOBAL_SET;
use crate::expand::{Origin, VariableId, expand_text};
use crate::load::Session;
use crate::load::evaluate::Reader;
use crate::os::words::{is_space, skip_space, trim};
use crate::syntax::assignment::{Operator, assignment};
use crate::syntax::lines::join_continuations;
use crate::syntax::quoting::strip_comment;
use std::borrow::Cow;

/// The name that `text` expands to, without white space around it.
fn name_of(session: &mut Session, text: &[u8], place: Option<Place>) -> Outcome<Vec<u8>> {
    let text = expand_text(session, text)?;
    let name = trim(&text);
    if name.is_empty() {
        return Err(Stop::fatal(place, Complaint::EmptyVariableName));
    }
    Ok(name.to_vec())
}

/// `undefine name`.
pub fn undefine(session: &mut Session, text: &[u8], origin: Origin, place: Option<Place>) -> Outcome {
    let name = name_of(session, text, place)?;
    let name = session.context.names.intern(&name);
    session.context.variables.undefine(GLOBAL_SET, name, origin);
    Ok(())
}

/// Whether `line` begins with `word`, alone or followed by a blank.
fn begins_with(line: &[u8], word: &[u8]) -> bool {
    line.strip_prefix(word).is_some_and(|rest| rest.first().is_none_or(|&byte| byte == b' ' || byte == b'\t'))
}

/// `define name` up to its `endef`, which is read from `reader`.
pub fn define(
    session: &mut Session,
    reader: &mut Reader,
    text: &[u8],
    origin: Origin,
) -> Outcome<VariableId> {
    let start = reader.place();
    let (name, operator) = match assignment(text) {
        None => (text, Operator::Recursive),
        Some(found) => {
            if !found.value.is_empty() {
                session.complain(start, &Complaint::ExtraneousText("define"));
            }
            (found.name, found.operator)
        }
    };
    let name = name_of(session, name, start)?;
    let mut value: Vec<u8> = Vec::new();
    let mut depth = 1;
    let mut any = false;
    loop {
        let Some(line) = reader.lines.next() else {
            return Err(Stop::fatal(start, Complaint::MissingEndef));
        };
        reader.line += line.count;
        let joined = join_continuations(line.text, session.context.posix);
        if joined.first() != Some(&session.recipe_prefix) {
            let text = skip_space(&joined);
            if begins_with(text, b"define") {
                depth += 1;
            } else if begins_with(text, b"endef") {
                let rest = strip_comment(Cow::Borrowed(&text[5..]));
                if rest.iter().any(|&byte| !is_space(byte)) {
                    session.complain(reader.place(), &Complaint::ExtraneousText("endef"));
                }
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
        }
        if any {
            value.push(b'\n');
        }
        any = true;
        value.extend_from_slice(&joined);
    }
    let name = session.context.names.intern(&name);
    session.context.reading = reader.place();
    assign(session, &Assign { name, operator, value: &value, origin, place: start, target: None })
}

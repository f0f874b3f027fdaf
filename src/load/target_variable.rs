//! Target-specific and pattern-specific variables (manual, "Target-specific Variable Values"). Knows nothing of rule lines.

use crate::base::Name;
use crate::base::diagnostic::{Complaint, Outcome, Place, Stop};
use crate::expand::assign::{Assign, assign};
use crate::expand::variables::GLOBAL_SCOPE;
use crate::expand::{Export, Origin, VariableId, expand_text};
use crate::load::Session;
use crate::rules::file::plain_name;
use crate::rules::pattern::TargetPattern;
use crate::rules::scope::{PatternVariable, open_scope};
use crate::syntax::assignment::{Assignment, Modifiers, Operator, target_definition};
use crate::syntax::quoting::Pattern;

/// Records the definition in `text` for each of `targets`.
pub fn record(session: &mut Session, targets: &[Name], text: &[u8], place: Option<Place>) -> Outcome {
    let malformed = || Stop::fatal(place, Complaint::MalformedTargetVariable);
    let Some((modifiers, assignment)) = target_definition(text) else { return Err(malformed()) };
    let origin = if modifiers.overrides { Origin::Override } else { Origin::File };
    let mut before = None;
    for &target in targets {
        let raw = session.context.names.text(target);
        let pattern = Pattern::new(raw);
        if pattern.percent.is_some() {
            record_pattern(session, raw, modifiers, &assignment, origin, place)?;
        } else {
            let id = record_target(session, &pattern.text, modifiers, &assignment, origin, place)?;
            // A long value for many targets is kept once.
            if let Some(before) = before.replace(id) {
                session.context.variables.share_value(before, id);
            }
        }
    }
    Ok(())
}

fn variable_name(session: &mut Session, assignment: &Assignment, place: Option<Place>) -> Outcome<Name> {
    let name = expand_text(session, assignment.name)?;
    if name.is_empty() {
        return Err(Stop::fatal(place, Complaint::EmptyVariableName));
    }
    Ok(session.context.names.intern(&name))
}

fn export_of(modifiers: Modifiers) -> Export {
    match modifiers.export {
        None => Export::Default,
        Some(true) => Export::Always,
        Some(false) => Export::Never,
    }
}

/// A global variable from the command line, or from the environment under `-e`, outranks a target's.
fn outranking(session: &mut Session, name: Name) -> Option<(Vec<u8>, Origin, bool)> {
    let id = session.context.lookup(name)?;
    let variable = session.context.variables.get(id);
    matches!(variable.origin, Origin::CommandLine | Origin::EnvironmentOverride)
        .then(|| (variable.value.to_vec(), variable.origin, variable.recursive))
}

fn record_pattern(
    session: &mut Session,
    raw: &[u8],
    modifiers: Modifiers,
    assignment: &Assignment,
    origin: Origin,
    place: Option<Place>,
) -> Outcome {
    let Some(pattern) = TargetPattern::new(raw, &mut session.context.names) else { return Ok(()) };
    let name = variable_name(session, assignment, place)?;
    let operator = assignment.operator;
    let mut value = if operator == Operator::Simple {
        expand_text(session, assignment.value)?
    } else {
        assignment.value.to_vec()
    };
    let mut origin = origin;
    if origin != Origin::Override
        && let Some((outranked, from, _)) = outranking(session, name)
    {
        value = outranked;
        origin = from;
    }
    session.rules.pattern_variables.add(PatternVariable {
        pattern,
        name,
        operator,
        value: value.into(),
        origin,
        place,
        export: export_of(modifiers),
        private: modifiers.private,
    });
    Ok(())
}

fn record_target(
    session: &mut Session,
    text: &[u8],
    modifiers: Modifiers,
    assignment: &Assignment,
    origin: Origin,
    place: Option<Place>,
) -> Outcome<VariableId> {
    let name = session.context.names.intern(plain_name(text));
    let file = session.rules.files.find_or_enter(name);
    let file = session.rules.files[file].double_colon.unwrap_or(file);
    open_scope(session, file, true)?;
    let scope = session.rules.files[file].scope.unwrap_or(GLOBAL_SCOPE);
    let saved = std::mem::replace(&mut session.context.variables.current, scope);
    let result = define(session, assignment, origin, place);
    session.context.variables.current = saved;
    let id = result?;
    let variable = session.context.variables.get_mut(id);
    variable.per_target = true;
    variable.private = modifiers.private;
    if modifiers.export.is_some() {
        variable.export = export_of(modifiers);
    }
    let (name, own_origin) = (variable.name, variable.origin);
    if own_origin != Origin::Override
        && session.context.lookup(name).is_some_and(|global| global != id)
        && let Some((value, from, recursive)) = outranking(session, name)
    {
        session.context.variables.set_value(id, &value);
        let variable = session.context.variables.get_mut(id);
        variable.origin = from;
        variable.recursive = recursive;
        variable.append = false;
    }
    Ok(id)
}

fn define(
    session: &mut Session,
    assignment: &Assignment,
    origin: Origin,
    place: Option<Place>,
) -> Outcome<VariableId> {
    let name = variable_name(session, assignment, place)?;
    let set = session.context.variables.set_of(session.context.variables.current);
    let request = Assign {
        name,
        operator: assignment.operator,
        value: assignment.value,
        origin,
        place,
        target: Some(set),
    };
    assign(session, &request)
}

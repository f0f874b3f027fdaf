//! `.SECRET_VARS: NAME…`: the variables whose values must not be seen. Knows nothing of what would show them.

use crate::base::Name;
use crate::base::diagnostic::Outcome;
use crate::base::mask::Masks;
use crate::expand::expand_text;
use crate::expand::variables::VariableId;
use crate::load::Session;
use crate::rules::file::Dep;
use crate::syntax::assignment::Operator;
use std::collections::BTreeSet;

/// The special target.
pub const TARGET: &[u8] = b".SECRET_VARS";

/// The names that `.SECRET_VARS` lists.
fn names(session: &Session) -> BTreeSet<Name> {
    let files = &session.rules.files;
    let target = session.context.names.find(TARGET).and_then(|name| files.find(name));
    let records = target.map(|target| files.records(target)).unwrap_or_default();
    let dependencies = records.into_iter().flat_map(|record| files.prerequisites(record));
    dependencies.filter_map(|dep| name_of(session, &dep)).collect()
}

/// The name of a prerequisite of the target.
pub fn name_of(session: &Session, dep: &Dep) -> Option<Name> {
    if dep.is_name() { dep.name(&session.context.names) } else { Some(session.rules.files[dep.file()].name) }
}

/// A value, and whether it refers to others.
type Given = (Vec<u8>, bool);

fn given(session: &Session, id: VariableId) -> Given {
    let variable = session.context.variables.get(id);
    (variable.value.to_vec(), variable.recursive && memchr::memchr(b'$', &variable.value).is_some())
}

/// The values of the variables that the names stand for, in whatever scope, and those of patterns of targets, which are for targets that
/// may be none: of these what refers to others is not known before.
fn values_of(session: &Session, names: &BTreeSet<Name>) -> Vec<Given> {
    let of_scopes = session.context.variables.named(names).into_iter().map(|id| given(session, id));
    let of_patterns = session.rules.pattern_variables.all().iter();
    let of_patterns = of_patterns.filter(|variable| names.contains(&variable.name)).filter(|variable| {
        let is_text =
            variable.operator == Operator::Simple || memchr::memchr(b'$', &variable.value).is_none();
        is_text && variable.operator != Operator::Shell
    });
    of_scopes.chain(of_patterns.map(|variable| (variable.value.to_vec(), false))).collect()
}

/// The values of the environment that this program was given, of these names.
fn of_environment(
    session: &Session,
    names: &BTreeSet<Name>,
    environment: &[(Vec<u8>, Vec<u8>)],
) -> Vec<Vec<u8>> {
    let texts: BTreeSet<&[u8]> = names.iter().map(|&name| session.context.names.text(name)).collect();
    let given = environment.iter().filter(|(name, _)| texts.contains(name.as_slice()));
    given.map(|(_, value)| value.clone()).collect()
}

/// What is known to be hidden without running a command, and whether that is all.
pub fn known(session: &Session, environment: &[(Vec<u8>, Vec<u8>)]) -> (Option<Masks>, bool) {
    let names = names(session);
    let all = values_of(session, &names);
    let is_all = all.iter().all(|(_, refers)| !refers);
    let mut values = of_environment(session, &names, environment);
    values.extend(all.into_iter().filter(|(_, refers)| !refers).map(|(value, _)| value));
    (Masks::new(values.iter().map(Vec::as_slice)), is_all)
}

/// Hides, while makefiles are read, what is known already of the variables that a line lists: what is said from here on is to have it no
/// more than what is said later. A value that is set later or refers to others has to wait until all is read.
pub fn hide_known(session: &mut Session, listed: &[Name]) {
    let count = session.context.variables.count();
    for &name in listed {
        let start = session.secrets_taken.insert(name, count).unwrap_or(0);
        let ids = session.context.variables.named_from(name, start);
        let values: Vec<Given> = ids.into_iter().map(|id| given(session, id)).collect();
        session
            .context
            .output
            .hide_more(values.into_iter().filter(|(_, refers)| !refers).map(|(value, _)| value));
    }
}

/// What is to be hidden: the values of the variables that `.SECRET_VARS` names, as they are now, in any scope and in the environment
/// that this program was given. None where there is nothing, or nothing long enough.
///
/// # Errors
/// Those of expanding the values.
pub fn masks(session: &mut Session, environment: &[(Vec<u8>, Vec<u8>)]) -> Outcome<Option<Masks>> {
    let names = names(session);
    let mut values: BTreeSet<Vec<u8>> = of_environment(session, &names, environment).into_iter().collect();
    for (value, refers) in values_of(session, &names) {
        values.insert(if refers { expand_text(session, &value)? } else { value });
    }
    Ok(Masks::new(values.iter().map(Vec::as_slice)))
}

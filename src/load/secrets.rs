//! `.SECRET_VARS: NAME…`: the variables whose values must not be seen. Knows nothing of what would show them.

use crate::base::Name;
use crate::base::diagnostic::Outcome;
use crate::base::mask::Masks;
use crate::expand::expand_text;
use crate::load::Session;
use std::collections::BTreeSet;

/// The special target.
pub const TARGET: &[u8] = b".SECRET_VARS";

/// The names that `.SECRET_VARS` lists.
fn names(session: &Session) -> Vec<Name> {
    let files = &session.rules.files;
    let target = session.context.names.find(TARGET).and_then(|name| files.find(name));
    let records = target.map(|target| files.records(target)).unwrap_or_default();
    let dependencies = records.into_iter().flat_map(|record| files.prerequisites(record));
    dependencies
        .filter_map(|dep| {
            if dep.is_name() { dep.name(&session.context.names) } else { Some(files[dep.file()].name) }
        })
        .collect()
}

/// Hides, while makefiles are read, what is known already: what is said from here on is to have it no more than what is said later. A value
/// that refers to others has to wait until all is read, since it may run a command.
pub fn hide_known(session: &mut Session) {
    let mut values: BTreeSet<Vec<u8>> = BTreeSet::new();
    for name in names(session) {
        for id in session.context.variables.all_named(name) {
            let variable = session.context.variables.get(id);
            if !variable.recursive || memchr::memchr(b'$', &variable.value).is_none() {
                values.insert(variable.value.to_vec());
            }
        }
    }
    if let Some(masks) = Masks::new(values.iter().map(Vec::as_slice)) {
        session.context.output.hide(masks);
    }
}

/// What is to be hidden: the values of the variables that `.SECRET_VARS` names, as they are now, in any scope and in the environment
/// that this program was given. None where there is nothing, or nothing long enough.
///
/// # Errors
/// Those of expanding the values.
pub fn masks(session: &mut Session, environment: &[(Vec<u8>, Vec<u8>)]) -> Outcome<Option<Masks>> {
    let mut values: BTreeSet<Vec<u8>> = BTreeSet::new();
    for name in names(session) {
        let text = session.context.names.text(name);
        values.extend(environment.iter().filter(|(given, _)| given == text).map(|(_, value)| value.clone()));
        for id in session.context.variables.all_named(name) {
            let variable = session.context.variables.get(id);
            let (value, recursive) = (variable.value.to_vec(), variable.recursive);
            let refers = recursive && memchr::memchr(b'$', &value).is_some();
            values.insert(if refers { expand_text(session, &value)? } else { value });
        }
    }
    Ok(Masks::new(values.iter().map(Vec::as_slice)))
}

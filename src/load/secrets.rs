//! `.SECRET_VARS: NAME…`: the variables whose values must not be seen. Knows nothing of what would show them.

use crate::base::Name;
use crate::base::diagnostic::Outcome;
use crate::base::mask::Masks;
use crate::expand::expand_text;
use crate::load::Session;
use crate::rules::file::Dep;
use crate::syntax::assignment::Operator;
use std::collections::BTreeSet;

/// The special target.
pub const TARGET: &[u8] = b".SECRET_VARS";

/// The names that `.SECRET_VARS` lists, each once.
fn names(session: &Session) -> Vec<Name> {
    let files = &session.rules.files;
    let target = session.context.names.find(TARGET).and_then(|name| files.find(name));
    let records = target.map(|target| files.records(target)).unwrap_or_default();
    let dependencies = records.into_iter().flat_map(|record| files.prerequisites(record));
    let names: BTreeSet<Name> = dependencies.filter_map(|dep| name_of(session, &dep)).collect();
    names.into_iter().collect()
}

/// The name of a prerequisite of the target.
pub fn name_of(session: &Session, dep: &Dep) -> Option<Name> {
    if dep.is_name() { dep.name(&session.context.names) } else { Some(session.rules.files[dep.file()].name) }
}

/// The values of the variables called `name`, in whatever scope, of targets and of patterns of targets, each with whether it refers to others;
/// without those of the first `start` variables. What a command of a pattern's variable prints is not known before a target matches.
fn values_of(session: &Session, name: Name, start: usize) -> Vec<(Vec<u8>, bool)> {
    let variables = &session.context.variables;
    let ids = if start == 0 { variables.all_named(name) } else { variables.named_from(name, start) };
    let of_scopes = ids.into_iter().map(|id| {
        let variable = variables.get(id);
        (variable.value.to_vec(), variable.recursive)
    });
    let of_patterns = session.rules.pattern_variables.all().iter().filter(|variable| variable.name == name);
    let of_patterns = of_patterns.filter(|variable| variable.operator != Operator::Shell);
    let all = of_scopes
        .chain(of_patterns.map(|variable| (variable.value.to_vec(), variable.operator != Operator::Simple)));
    all.map(|(value, recursive)| {
        let refers = recursive && memchr::memchr(b'$', &value).is_some();
        (value, refers)
    })
    .collect()
}

/// What is to be hidden of the variables `listed`, as far as that takes no command, and whether that is all of it. Behind each name is how
/// many variables are known to have nothing more to hide.
fn known_of(session: &Session, listed: &[(Name, usize)]) -> (Vec<Vec<u8>>, bool) {
    let (mut values, mut is_all) = (BTreeSet::new(), true);
    for &(name, start) in listed {
        for (value, refers) in values_of(session, name, start) {
            is_all &= !refers;
            if !refers {
                values.insert(value);
            }
        }
    }
    (values.into_iter().collect(), is_all)
}

/// What is known to be hidden without running a command, and whether that is all.
pub fn known(session: &Session, environment: &[(Vec<u8>, Vec<u8>)]) -> (Option<Masks>, bool) {
    let listed = names(session);
    let all: Vec<(Name, usize)> = listed.iter().map(|&name| (name, 0)).collect();
    let (mut values, is_all) = known_of(session, &all);
    for &name in &listed {
        let text = session.context.names.text(name);
        values.extend(environment.iter().filter(|(given, _)| given == text).map(|(_, value)| value.clone()));
    }
    (Masks::new(values.iter().map(Vec::as_slice)), is_all)
}

/// Hides, while makefiles are read, what is known already of the variables that a line lists: what is said from here on is to have it no
/// more than what is said later. A value that is set later or refers to others has to wait until all is read.
pub fn hide_known(session: &mut Session, listed: &[Name]) {
    let count = session.context.variables.count();
    let begun = |session: &mut Session, name| (name, session.secrets_taken.insert(name, count).unwrap_or(0));
    let listed: Vec<(Name, usize)> = listed.iter().map(|&name| begun(session, name)).collect();
    let (values, _) = known_of(session, &listed);
    session.context.output.hide_more(values);
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
        for (value, refers) in values_of(session, name, 0) {
            values.insert(if refers { expand_text(session, &value)? } else { value });
        }
    }
    Ok(Masks::new(values.iter().map(Vec::as_slice)))
}

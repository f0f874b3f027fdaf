//! Files found under another name: two records become one (manual, "How Directory Searches are Performed"). Knows nothing of how
//! they were found.

use crate::base::Name;
use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::load::Session;
use crate::rules::file::FileId;

/// Makes `file` known under `name`; where a file of that name is known already, the two become that one. Returns the file that
/// stands for both from then on.
pub fn rehash(session: &mut Session, file: FileId, name: Name) -> Outcome<FileId> {
    session.rules.files[file].builtin = false;
    if session.rules.files[file].found_as == name {
        return Ok(file);
    }
    let from = session.rules.files.resolve(file);
    let files = &mut session.rules.files;
    let old = files[from].found_as;
    let other = files.find(name);
    files.rebind(from, old, None);
    for record in files.records(from) {
        files[record].found_as = name;
    }
    files[from].found_as = name;
    let Some(to) = other else {
        files.rebind(from, name, Some(name));
        return Ok(from);
    };
    merge_recipes(session, from, to, name);
    let files = &mut session.rules.files;
    files.append(to, from);
    match (files[to].scope, files[from].scope) {
        (Some(to), Some(from)) => session.context.variables.merge(to, from),
        (None, Some(scope)) => files[to].scope = Some(scope),
        _ => {}
    }
    let files = &mut session.rules.files;
    let (to_double, from_double) = (files[to].double_colon, files[from].double_colon);
    let mut clash = None;
    if to_double.is_some() && files[from].is_target && from_double.is_none() {
        clash = Some(true);
    }
    if to_double.is_none() && from_double.is_some() {
        if files[to].is_target {
            clash = Some(false);
        } else {
            files[to].double_colon = from_double;
        }
    }
    if let Some(to_double) = clash {
        let from = session.name_of(from).to_vec();
        let to = session.context.names.text(name).to_vec();
        return Err(Stop::fatal(None, Complaint::RenameColons { from, to, to_double }));
    }
    if files[from].mtime > files[to].mtime {
        files[to].mtime = files[from].mtime;
    }
    files[to].mtime_before = files[from].mtime_before;
    macro_rules! merge {
        ($($field:ident)*) => {$(files[to].$field |= files[from].$field;)*};
    }
    merge!(precious loaded tried_implicit updating updated is_target is_goal phony is_explicit secondary
        not_intermediate ignore_vpath snapped);
    files[to].builtin = false;
    files[from].renamed = Some(to);
    Ok(to)
}

fn merge_recipes(session: &mut Session, from: FileId, to: FileId, name: Name) {
    let files = &mut session.rules.files;
    let (Some(own), others) = (files[from].recipe, files[to].recipe) else { return };
    let Some(others) = others else {
        files[to].recipe = Some(own);
        return;
    };
    if own == others {
        return;
    }
    let place = session.rules.recipes[own].place;
    // GNU make names the other recipe's file with this recipe's line.
    let line = place.map_or(0, |place| place.line);
    let at = session.rules.recipes[others].place.map(|place| (place.file.to_vec(), line));
    let file = session.name_of(from).to_vec();
    let other = session.context.names.text(name).to_vec();
    session.complain(place, &Complaint::RecipeForRenamed { file: file.clone(), at });
    session.complain(place, &Complaint::SameFile { file: file.clone(), other: other.clone() });
    session.complain(place, &Complaint::RecipeIgnored { file, other });
}

/// Gives the name under which `file` was found to all its records for good.
pub fn take_name(session: &mut Session, file: FileId) {
    let mut link = Some(file);
    while let Some(id) = link {
        let record = &mut session.rules.files[id];
        record.name = record.found_as;
        link = record.next;
    }
}

//! Automatic variables: `$@`, `$<`, `$^` and their kin (manual, "Automatic Variables"). Knows nothing of recipes.

use crate::base::Name;
use crate::os::archive;
use crate::rules::RuleHost;
use crate::rules::file::{Dep, FileId};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// The part of a prerequisite's name that automatic variables show: of an archive member its own name.
fn shown(text: &'static [u8]) -> &'static [u8] {
    archive::split_member(text).map_or(text, |(_, member)| member)
}

/// The stem of a target that no pattern gave one: its name without a suffix of `.SUFFIXES`.
fn suffix_stem<H: RuleHost>(host: &mut H, name: &'static [u8]) -> Name {
    let base = archive::split_member(name).map_or(name, |(_, member)| member);
    let rules = host.rules();
    rules.files[rules.suffix_file].builtin = false;
    let suffixes = std::mem::take(&mut rules.files[rules.suffix_file].dependencies);
    let stem = suffixes.iter().find_map(|suffix| {
        let text = host.rules().files[suffix.file()].name;
        let text = host.context().names.text(text);
        let ends = base.len() > text.len() && base.last() == text.last() && base.ends_with(text);
        ends.then(|| &base[..base.len() - text.len()])
    });
    let rules = host.rules();
    rules.files[rules.suffix_file].dependencies = suffixes;
    host.context().names.intern(stem.unwrap_or_default())
}

/// Sets the automatic variables of `file`, whose scope is open. `stem` is what `%` stood for, where it is known.
pub fn set<H: RuleHost>(host: &mut H, file: FileId, stem: Option<Name>, always_make: bool) {
    let name = host.rules().files[file].name;
    let text = host.context().names.text(name);
    let (at, percent): (&[u8], &[u8]) = archive::split_member(text).unwrap_or((text, b""));
    let stem = match stem {
        Some(stem) => stem,
        None => {
            let stem = suffix_stem(host, text);
            host.rules().files[file].stem = Some(stem);
            stem
        }
    };
    let rules = host.rules();
    let record = &rules.files[file];
    let mut dependencies = rules.files.prerequisites(file);
    let from_default = record.recipe.is_some() && record.recipe == rules.files[rules.default_file].recipe;
    let mut less: Option<&'static [u8]> = None;
    let (mut plus, mut caret, mut question, mut bar) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut seen: HashMap<&'static [u8], (), FxBuildHasher> = HashMap::default();
    let push = |list: &mut Vec<u8>, text: &[u8]| {
        if !list.is_empty() {
            list.push(b' ');
        }
        list.extend_from_slice(text);
    };
    dependencies.retain(|dep| !dep.needs_expansion() && !dep.hidden());
    for dep in dependencies.iter().filter(|dep| !dep.order_only()) {
        let text = dep_text(host, dep);
        less.get_or_insert(text);
        push(&mut plus, shown(text));
    }
    // `$<` and `$+` still take a prerequisite listed both ways as it was listed.
    if upgrade_order_only(host, file) {
        dependencies = host.rules().files.prerequisites(file);
        dependencies.retain(|dep| !dep.needs_expansion() && !dep.hidden());
    }
    for dep in &dependencies {
        let text = dep_text(host, dep);
        let member = shown(text);
        if seen.insert(text, ()).is_some() {
            continue;
        }
        if dep.order_only() {
            push(&mut bar, member);
        } else {
            push(&mut caret, member);
            if dep.changed() || always_make {
                push(&mut question, member);
            }
        }
    }
    let less = if from_default { at } else { less.unwrap_or_default() };
    let star = host.context().names.text(stem);
    let names = host.rules().special.automatic;
    let values: [&[u8]; 8] = [at, less, star, percent, &plus, &caret, &question, &bar];
    let Some(scope) = host.rules().files[file].scope else { return };
    let context = host.context();
    let set = context.variables.set_of(scope);
    for (name, value) in names.into_iter().zip(values) {
        context.variables.define_automatic(&context.names, set, name, value);
    }
}

/// Sets only `$*`, for a further rule tried on the same target.
pub fn set_stem<H: RuleHost>(host: &mut H, file: FileId, stem: &[u8]) {
    let name = host.rules().special.automatic[2];
    let Some(scope) = host.rules().files[file].scope else { return };
    let context = host.context();
    let set = context.variables.set_of(scope);
    context.variables.define_automatic(&context.names, set, name, stem);
}

fn dep_text<H: RuleHost>(host: &mut H, dep: &Dep) -> &'static [u8] {
    let name = if dep.is_name() {
        dep.name(&host.context().names)
    } else {
        let file = dep.file();
        Some(host.rules().files[file].name)
    };
    name.map_or(&[], |name| host.context().names.text(name))
}

/// A prerequisite that is listed both as order-only and as a normal one is a normal one. Whether there was any.
fn upgrade_order_only<H: RuleHost>(host: &mut H, file: FileId) -> bool {
    let dependencies = &host.rules().files[file].dependencies;
    if !dependencies.iter().any(Dep::order_only) || dependencies.iter().all(Dep::order_only) {
        return false;
    }
    let cells = host.rules().files.cells(file);
    let files = &host.rules().files;
    let dependencies: Vec<Dep> = cells.iter().filter_map(|&cell| files.dep(cell)).collect();
    let mut first: HashMap<&'static [u8], usize, FxBuildHasher> = HashMap::default();
    let mut upgraded = Vec::new();
    for (index, dep) in dependencies.iter().enumerate() {
        if dep.needs_expansion() || dep.hidden() {
            continue;
        }
        let text = dep_text(host, dep);
        match first.get(text) {
            None => {
                first.insert(text, index);
            }
            Some(&other) if dependencies[other].order_only() != dep.order_only() => {
                upgraded.extend([other, index]);
            }
            Some(_) => {}
        }
    }
    let any = !upgraded.is_empty();
    for index in upgraded {
        if let Some(dep) = host.rules().files.dep_mut(cells[index]) {
            dep.set_order_only(false);
        }
    }
    any
}

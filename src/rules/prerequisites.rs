//! Lists of prerequisites: from text to files, with stems and second expansion (manual, "Types of Prerequisites", "Secondary
//! Expansion", "Syntax of Static Pattern Rules"). Knows nothing of targets' times.

use crate::base::Name;
use crate::base::diagnostic::Outcome;
use crate::expand::evaluate::expand_in;
use crate::expand::file_names::{FileNames, file_names, plain_names};
use crate::os::words::is_space;
use crate::rules::RuleHost;
use crate::rules::automatic;
use crate::rules::file::{Dep, FileId, plain_name};
use crate::rules::scope::open_scope;
use crate::syntax::quoting::Pattern;

/// Splits the text of a list, `|` and `.WAIT` included, into prerequisites known by name.
pub fn split<H: RuleHost>(host: &mut H, text: &[u8]) -> Outcome<Vec<Dep>> {
    let mut found = Vec::new();
    let rest = {
        let names = &mut host.context().names;
        plain_names(text, |word| found.push(Dep::of_name(names.intern(word))))
    };
    if rest.is_empty() {
        return Ok(found);
    }
    let (normal, rest) =
        file_names(host, rest, &FileNames { stops: b"|", waits: true, ..FileNames::default() })?;
    let order_only = match rest.strip_prefix(b"|") {
        Some(rest) => file_names(host, rest, &FileNames { waits: true, ..FileNames::default() })?.0,
        None => Vec::new(),
    };
    let names = &mut host.context().names;
    for (list, is_order_only) in [(normal, false), (order_only, true)] {
        for item in list {
            let mut dep = Dep::of_name(names.intern(&item.name));
            dep.set_wait(item.wait);
            dep.set_order_only(is_order_only);
            found.push(dep);
        }
    }
    Ok(found)
}

/// Makes prerequisites known by name into files. With a stem, the `%` of each is replaced first; one that becomes empty is left out.
pub fn enter<H: RuleHost>(host: &mut H, dependencies: &mut Vec<Dep>, stem: Option<Name>) {
    if let Some(stem) = stem {
        let stem_text = host.context().names.text(stem);
        dependencies.retain_mut(|dep| {
            let names = &mut host.context().names;
            let Some(name) = dep.name(names) else { return true };
            let pattern = Pattern::new(names.text(name));
            if pattern.percent.is_some() {
                let text = [pattern.prefix(), stem_text, pattern.suffix()].concat();
                if text.is_empty() {
                    return false;
                }
                let mut replaced = Dep::of_name(names.intern(&text));
                replaced.set_order_only(dep.order_only());
                replaced.set_wait(dep.wait());
                replaced.set_needs_expansion(dep.needs_expansion());
                *dep = replaced;
            }
            dep.set_stem(Some(stem));
            true
        });
    }
    for dep in dependencies.iter_mut().filter(|dep| !dep.needs_expansion()) {
        let names = &mut host.context().names;
        let Some(name) = dep.name(names) else { continue };
        let text = names.text(name);
        let plain = plain_name(text);
        let name = if plain.len() == text.len() { name } else { names.intern(plain) };
        let files = &mut host.rules().files;
        let file = files.find_or_enter(name);
        dep.enter(file);
        dep.set_static_pattern(false);
        if stem.is_none() {
            files[file].is_explicit = true;
        }
    }
}

/// Replaces the first `%` of each word of a static pattern rule's list by `$*`, for its second expansion.
fn percent_to_star(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 8);
    let mut replaced = false;
    for &byte in text {
        if byte == b'%' && !replaced {
            out.extend_from_slice(b"$*");
            replaced = true;
            continue;
        }
        replaced &= !is_space(byte);
        out.push(byte);
    }
    out
}

/// Does the second expansion of `file`'s prerequisites, once. Tells whether the list changed.
pub fn expand_second<H: RuleHost>(host: &mut H, file: FileId, always_make: bool) -> Outcome<bool> {
    if std::mem::replace(&mut host.rules().files[file].snapped, true) {
        return Ok(false);
    }
    if !host.rules().files[file].dependencies.iter().any(Dep::needs_expansion) {
        return Ok(false);
    }
    host.rules().files.straighten(file);
    let mut opened = false;
    let mut at = 0;
    while let Some(dep) = host.rules().files[file].dependencies.get(at).copied() {
        if !dep.needs_expansion() {
            at += 1;
            continue;
        }
        let names = &host.context().names;
        let stem = dep.stem(names);
        let mut text = dep.name(names).map_or(&b""[..], |name| names.text(name)).to_vec();
        if dep.static_pattern() {
            text = percent_to_star(&text);
        }
        if !opened {
            open_scope(host, file, false)?;
            opened = true;
        }
        let own_stem = host.rules().files[file].stem;
        automatic::set(host, file, stem.or(own_stem), always_make);
        let expanded = expand_for_file(host, file, &text)?;
        let mut new = split(host, &expanded)?;
        for dep in &mut new {
            let names = &mut host.context().names;
            let Some(name) = dep.name(names) else { continue };
            let plain = plain_name(names.text(name));
            let name = names.intern(plain);
            let files = &mut host.rules().files;
            let entered = files.find_or_enter(name);
            dep.enter(entered);
            dep.set_stem(stem);
            if stem.is_none() {
                files[entered].is_explicit = true;
            }
        }
        let count = new.len();
        host.rules().files[file].dependencies.splice(at..=at, new);
        at += count;
    }
    Ok(true)
}

/// Expands `text` with the variables of `file`, messages naming its recipe.
pub fn expand_for_file<H: RuleHost>(host: &mut H, file: FileId, text: &[u8]) -> Outcome<Vec<u8>> {
    let rules = host.rules();
    let place = rules.files[file].recipe.and_then(|recipe| rules.recipes[recipe].place);
    let scope = rules.files[file].scope;
    let saved = std::mem::replace(&mut host.context().reading, place);
    let result = match scope {
        Some(scope) => expand_in(host, scope, text),
        None => crate::expand::expand_text(host, text),
    };
    host.context().reading = saved;
    result
}

/// The prerequisites that `.EXTRA_PREREQS` names in `value`, as files that automatic variables hide.
pub fn extra<H: RuleHost>(host: &mut H, value: &[u8]) -> Outcome<Vec<Dep>> {
    let text = crate::expand::expand_text(host, value)?;
    let mut found = split(host, &text)?;
    for dep in &mut found {
        let names = &mut host.context().names;
        let Some(name) = dep.name(names) else { continue };
        let plain = plain_name(names.text(name));
        let name = names.intern(plain);
        let file = host.rules().files.find_or_enter(name);
        dep.enter(file);
        dep.set_hidden(true);
    }
    Ok(found)
}

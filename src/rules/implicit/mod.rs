//! The search for an implicit rule (manual, "Implicit Rule Search Algorithm", "Chains of Implicit Rules"). Knows nothing of
//! what is done with the rule that is found.

mod alone;
mod attempt;
mod endings;
mod hopeless;
mod likely;

pub use alone::is_alone;
pub use endings::Endings;
pub use likely::{Shape, shape_of};

use crate::base::Name;
use crate::base::diagnostic::Outcome;
use crate::os::archive;
use crate::rules::RuleHost;
use crate::rules::file::{Dep, FileId, plain_name};
use crate::rules::pattern;
use crate::rules::recipe::RecipeId;
use attempt::{Attempt, Findings, Manner};
use endings::is_in_vain;
use hopeless::is_hopeless;

/// A file for which a rule is sought: a real one, or one that may come between.
struct Candidate {
    name: Name,
    /// The record: of the real file, or one without a name that carries variables for second expansion.
    record: Option<FileId>,
    is_real: bool,
    dependencies: Vec<Dep>,
    recipe: Option<RecipeId>,
    stem: Option<Name>,
    also_make: Vec<FileId>,
    /// The target pattern that matched.
    pattern: Option<Name>,
    precious: bool,
    not_intermediate: bool,
}

/// A prerequisite of the rule that is tried.
struct Prerequisite {
    text: Vec<u8>,
    order_only: bool,
    hidden: bool,
    wait: bool,
    explicit: bool,
    intermediate: Option<Candidate>,
}

/// A rule that may apply.
#[derive(Clone, Copy)]
struct Try {
    rule: Option<u32>,
    target: usize,
    /// Length of the stem, the folder included where it was split off.
    stem_length: usize,
    /// Whether the folder was split off before matching.
    split_folder: bool,
}

/// Seeks an implicit rule for `file`; where there is one, its recipe and prerequisites are the file's from then on.
pub fn try_implicit<H: RuleHost>(host: &mut H, file: FileId, depth: usize) -> Outcome<bool> {
    let name = host.rules().files[file].name;
    let text = host.context().names.text(name);
    host.trace_implicit(depth, &|_| [b"Looking for an implicit rule for '", text, b"'.\n"].concat());
    if search_for(host, file, false, depth)? {
        return Ok(true);
    }
    if archive::is_member(text) {
        host.trace_implicit(depth, &|_| {
            [b"Looking for archive-member implicit rule for '", text, b"'.\n"].concat()
        });
        if search_for(host, file, true, depth)? {
            return Ok(true);
        }
        host.trace_implicit(depth, &|_| {
            [b"No archive-member implicit rule found for '", text, b"'.\n"].concat()
        });
    }
    Ok(false)
}

fn search_for<H: RuleHost>(host: &mut H, file: FileId, member: bool, depth: usize) -> Outcome<bool> {
    let name = host.rules().files[file].name;
    let mut candidate = Candidate {
        name,
        record: Some(file),
        is_real: true,
        dependencies: Vec::new(),
        recipe: None,
        stem: None,
        also_make: Vec::new(),
        pattern: None,
        precious: false,
        not_intermediate: false,
    };
    let found = (!member && likely::is_found(host, &mut candidate, depth)?)
        || search(host, &mut candidate, member, depth, 0, false)?;
    if !member {
        let last = host.context().names.text(name).last().copied().unwrap_or_default();
        host.rules().endings.note(last, found);
    }
    if !found {
        return Ok(false);
    }
    if !candidate.dependencies.is_empty() {
        host.rules().files.straighten(file);
    }
    let record = &mut host.rules().files[file];
    if !candidate.dependencies.is_empty() {
        candidate.dependencies.append(&mut record.dependencies);
        record.dependencies = candidate.dependencies;
        record.shuffled = false;
    }
    record.recipe = candidate.recipe;
    record.stem = candidate.stem;
    record.is_target = true;
    record.precious |= candidate.precious;
    record.not_intermediate |= candidate.not_intermediate;
    for other in candidate.also_make {
        record.also_make.insert(0, other);
    }
    Ok(true)
}

/// Rules that there is room for from the start: more than match most names.
const MANY: usize = 24;

/// How many bytes of `name` are its folder, the slash included.
fn folder_of(name: &[u8]) -> usize {
    let last = name.len().saturating_sub(1);
    memchr::memrchr(b'/', &name[..last]).map_or(0, |slash| slash + 1)
}

/// The rules whose target patterns match `name`, the most specific first.
fn matching<H: RuleHost>(
    host: &mut H,
    name: &[u8],
    folder: usize,
    recursions: usize,
    depth: usize,
) -> Vec<Try> {
    let mut tries: Vec<Try> = Vec::new();
    let mut specific = false;
    let Some(&last) = name.last() else { return tries };
    host.trace_implicit(depth, &|host| rules_avoided(host, depth));
    let candidates = host.rules().patterns.ending_in(last);
    tries.reserve(candidates.len().min(MANY));
    for candidate in candidates.iter() {
        let target = &candidate.target;
        if recursions > 0 && target.matches_anything() && !candidate.terminal {
            continue;
        }
        let Some(one) = match_of(candidate, name, folder) else { continue };
        if host.rules().patterns[candidate.rule].in_use {
            continue;
        }
        if !target.matches_anything() {
            specific = true;
        }
        if candidate.is_empty {
            continue;
        }
        tries.push(one);
    }
    tries.sort_by_key(|one| one.stem_length);
    if specific {
        for one in &mut tries {
            if let Some(at) = one.rule {
                let rule = &host.rules().patterns[at];
                if !rule.terminal && rule.targets.iter().any(|target| target.matches_anything()) {
                    one.rule = None;
                }
            }
        }
    }
    tries
}

/// How the target `candidate` matches `name`, whose folder has `folder` bytes; none where it does not.
#[inline]
fn match_of(candidate: &pattern::Candidate, name: &[u8], folder: usize) -> Option<Try> {
    let target = &candidate.target;
    // A stem has at least one character.
    if target.text.len() > name.len() {
        return None;
    }
    let split_folder = folder > 0 && !target.has_slash;
    let base = if split_folder { &name[folder..] } else { name };
    let (prefix, suffix) = (target.prefix(), target.suffix());
    if base.len() < prefix.len() + suffix.len() || !ends_with(base, suffix) || !base.starts_with(prefix) {
        return None;
    }
    let stem_length = base.len() - prefix.len() - suffix.len() + if split_folder { folder } else { 0 };
    Some(Try { rule: Some(candidate.rule), target: candidate.number as usize, stem_length, split_folder })
}

/// Whether `text` ends with `suffix`: mostly a few bytes, too few for a call.
#[inline]
fn ends_with(text: &[u8], suffix: &[u8]) -> bool {
    text.len() >= suffix.len()
        && text.iter().rev().zip(suffix.iter().rev()).all(|(left, right)| left == right)
}

/// What debugging output says of the rules that a search going on uses already, whether they match or not.
fn rules_avoided<H: RuleHost>(host: &mut H, depth: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let patterns = &host.rules().patterns;
    let used: Vec<u32> = patterns.in_order().iter().copied().filter(|&at| patterns[at].in_use).collect();
    for at in used {
        if !text.is_empty() {
            text.extend(std::iter::repeat_n(b' ', depth));
        }
        let rule = definition(host, at);
        text.extend_from_slice(
            &[b"Avoiding implicit rule recursion for rule '", &rule[..], b"'.\n"].concat(),
        );
    }
    text
}

fn definition<H: RuleHost>(host: &mut H, rule: u32) -> Vec<u8> {
    let names = std::mem::take(&mut host.context().names);
    let rules = host.rules();
    let text = rules.patterns[rule].definition(&names, &rules.files);
    host.context().names = names;
    text
}

fn search<H: RuleHost>(
    host: &mut H,
    candidate: &mut Candidate,
    member: bool,
    depth: usize,
    recursions: usize,
    compatible: bool,
) -> Outcome<bool> {
    let depth = depth + 1;
    let whole = host.context().names.text(candidate.name);
    let name = if member { &whole[memchr::memchr(b'(', whole).unwrap_or(0)..] } else { whole };
    let folder = if member || archive::is_member(name) { 0 } else { folder_of(name) };
    let outermost = recursions == 0 && !member && !compatible;
    let mut hopeless = outermost && is_in_vain(host, name, folder);
    // Where assertions are on, as in the tests, the search itself has to come to the same.
    if hopeless && !cfg!(debug_assertions) {
        return Ok(false);
    }
    let impossible = host.rules().impossible.len();
    let mut tries = matching(host, name, folder, recursions, depth);
    let hopeless_too = outermost && is_hopeless(host, name, folder, &tries);
    debug_assert!(!hopeless || (hopeless_too && impossible == host.rules().impossible.len()));
    hopeless |= hopeless_too;
    if hopeless && !cfg!(debug_assertions) {
        return Ok(false);
    }
    let impossible = host.rules().impossible.len();
    let mut findings = Findings::default();
    let mut found = None;
    if !tries.is_empty() {
        'passes: for harder in [false, true] {
            if harder {
                host.trace_implicit(depth, &|_| b"Trying harder.\n".to_vec());
            }
            for index in 0..tries.len() {
                let one = tries[index];
                let Some(rule) = one.rule else { continue };
                if harder && host.rules().patterns[rule].terminal {
                    continue;
                }
                let manner = Manner { recursions, compatible, harder };
                let attempt =
                    Attempt { candidate, name, folder, one, rule, depth, manner, findings: &mut findings };
                let result = attempt.run(host)?;
                if findings.impossible {
                    tries[index].rule = None;
                }
                if result {
                    found = Some((index, rule));
                    break 'passes;
                }
            }
        }
    }
    debug_assert!(!hopeless || (found.is_none() && impossible == host.rules().impossible.len()));
    if let Some((index, rule)) = found {
        adopt(host, candidate, name, folder, tries[index], rule, findings.prerequisites, recursions);
        host.trace_implicit(depth - 1, &|host| {
            let text = definition(host, rule);
            [b"Found implicit rule '", &text[..], b"' for '", name, b"'.\n"].concat()
        });
        return Ok(true);
    }
    if findings.compatible {
        host.trace_implicit(depth - 1, &|_| {
            [b"Searching for a compatibility rule for '", name, b"'.\n"].concat()
        });
        return search(host, candidate, member, depth - 1, recursions, true);
    }
    host.trace_implicit(depth - 1, &|_| [b"No implicit rule found for '", name, b"'.\n"].concat());
    Ok(false)
}

/// Whether there is a file, or an archive member, of this name.
pub fn exists<H: RuleHost>(host: &mut H, text: &[u8]) -> bool {
    if archive::is_member(text)
        && let Some((path, member)) = archive::split_member(text)
    {
        return matches!(archive::member_date(path, member), Ok(Some(_)));
    }
    host.context().folders.exists(text)
}

fn found_along_path<H: RuleHost>(host: &mut H, text: &[u8]) -> Option<Vec<u8>> {
    let names = std::mem::take(&mut host.context().names);
    let mut folders = std::mem::take(&mut host.context().folders);
    let rules = host.rules();
    let found = rules.paths.search(text, &names, &rules.files, &mut folders).map(|found| found.name);
    host.context().names = names;
    host.context().folders = folders;
    found
}

/// Gives the candidate the rule that was found, and makes the files that come between real.
#[allow(clippy::too_many_arguments)]
fn adopt<H: RuleHost>(
    host: &mut H,
    candidate: &mut Candidate,
    name: &'static [u8],
    folder: usize,
    one: Try,
    rule: u32,
    prerequisites: Vec<Prerequisite>,
    recursions: usize,
) {
    let (terminal, recipe, targets) = {
        let rule = &host.rules().patterns[rule];
        (rule.terminal, rule.recipe, rule.targets.clone())
    };
    for prerequisite in prerequisites.into_iter().rev() {
        let text_name = host.context().names.intern(plain_name(&prerequisite.text));
        let is_between = prerequisite.intermediate.is_some();
        if let Some(between) = prerequisite.intermediate {
            make_real(host, between, prerequisite.explicit);
        }
        let mut dep = if recursions > 0 {
            Dep::of_name(text_name)
        } else {
            Dep::of_file(host.rules().files.find_or_enter(text_name))
        };
        dep.set_order_only(prerequisite.order_only);
        dep.set_explicit(prerequisite.explicit);
        dep.set_hidden(prerequisite.hidden);
        dep.set_wait(prerequisite.wait);
        if !is_between && terminal {
            if recursions > 0 {
                dep.set_changed(true);
            } else {
                host.rules().files[dep.file()].tried_implicit = true;
            }
        }
        candidate.dependencies.insert(0, dep);
    }
    let target = targets[one.target];
    let base = if one.split_folder { &name[folder..] } else { name };
    let stem = &base[target.prefix().len()..base.len() - target.suffix().len()];
    let folder_text: &[u8] = if one.split_folder { &name[..folder] } else { b"" };
    let full_stem = [folder_text, stem].concat();
    candidate.stem = Some(host.context().names.intern(&full_stem));
    candidate.recipe = recipe;
    candidate.pattern = Some(target.name);
    let rules = host.rules();
    let no_intermediates = rules.no_intermediates;
    if let Some(file) = rules.files.find(target.name) {
        candidate.precious |= rules.files[file].precious;
        candidate.not_intermediate |= rules.files[file].not_intermediate || no_intermediates;
    }
    for (number, other) in targets.iter().enumerate() {
        if number == one.target {
            continue;
        }
        let text = [other.prefix(), &full_stem, other.suffix()].concat();
        let other_name = host.context().names.intern(plain_name(&text));
        let rules = host.rules();
        let file = rules.files.enter(other_name);
        if let Some(pattern) = rules.files.find(other.name) {
            let (precious, kept) = (rules.files[pattern].precious, rules.files[pattern].not_intermediate);
            rules.files[file].precious |= precious;
            rules.files[file].not_intermediate |= kept || no_intermediates;
        }
        rules.files[file].is_target = true;
        candidate.also_make.push(file);
    }
}

/// Enters a file that comes between as a target, with the rule found for it.
fn make_real<H: RuleHost>(host: &mut H, between: Candidate, explicit: bool) {
    let file = host.rules().files.find_or_enter(between.name);
    let scope = between.record.and_then(|record| host.rules().files[record].scope);
    if let Some(scope) = scope {
        match host.rules().files[file].scope {
            Some(own) => host.context().variables.merge(own, scope),
            None => host.rules().files[file].scope = Some(scope),
        }
    }
    let no_intermediates = host.rules().no_intermediates;
    let pattern_precious = between.pattern.and_then(|pattern| {
        let files = &host.rules().files;
        files.find(pattern).map(|file| files[file].precious)
    });
    let mut dependencies = between.dependencies;
    for dep in &mut dependencies {
        if let Some(name) = dep.name(&host.context().names) {
            let marked = dep.changed();
            let entered = host.rules().files.find_or_enter(name);
            let (order_only, wait, hidden, is_explicit) =
                (dep.order_only(), dep.wait(), dep.hidden(), dep.explicit());
            *dep = Dep::of_file(entered);
            dep.set_order_only(order_only);
            dep.set_wait(wait);
            dep.set_hidden(hidden);
            dep.set_explicit(is_explicit);
            host.rules().files[entered].tried_implicit |= marked;
        }
    }
    let record = &mut host.rules().files[file];
    record.dependencies = dependencies;
    record.recipe = between.recipe;
    record.stem = between.stem;
    record.also_make = between.also_make.into_iter().rev().collect();
    record.is_target = true;
    record.is_explicit |= explicit;
    record.not_intermediate |= between.not_intermediate || no_intermediates;
    record.intermediate |= !record.is_explicit && !record.not_intermediate;
    record.tried_implicit = true;
    record.precious |= pattern_precious.unwrap_or(false) || between.precious;
}

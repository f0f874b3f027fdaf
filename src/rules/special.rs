//! Special targets take effect: `.PHONY`, `.PRECIOUS`, `.SECONDARY` and the rest, after all makefiles are read (manual, "Special
//! Built-in Target Names"). Knows nothing of updates.

use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::os::files::Mtime;
use crate::os::words::words;
use crate::rules::file::{Dep, FileId};
use crate::rules::pattern::{PatternRule, TargetPattern};
use crate::rules::recipe::{NO_ERROR, RecipeId, SILENT};
use crate::rules::{RuleHost, builtin, prerequisites};
use std::rc::Rc;

/// The records of the special target `name`, each with its prerequisites.
fn special<H: RuleHost>(host: &mut H, name: &[u8]) -> Vec<(FileId, Vec<Dep>)> {
    let Some(name) = host.context().names.find(name) else { return Vec::new() };
    let files = &host.rules().files;
    let Some(file) = files.find(name) else { return Vec::new() };
    files.records(file).into_iter().map(|record| (record, files[record].dependencies.clone())).collect()
}

/// All records of the files that `dependencies` name.
fn named<H: RuleHost>(host: &mut H, dependencies: &[Dep]) -> Vec<FileId> {
    let files = &host.rules().files;
    dependencies
        .iter()
        .filter(|dep| !dep.is_name())
        .flat_map(|dep| {
            let mut link = Some(dep.file());
            std::iter::from_fn(move || {
                let record = link?;
                link = files[record].next;
                Some(record)
            })
        })
        .collect()
}

fn is_target<H: RuleHost>(host: &mut H, name: &[u8]) -> Option<FileId> {
    let name = host.context().names.find(name)?;
    let files = &host.rules().files;
    files.find(name).filter(|&file| files[file].is_target)
}

/// Makes the special targets take effect.
pub fn snap<H: RuleHost>(host: &mut H) -> Outcome {
    host.rules().snapped = true;
    for (_, dependencies) in special(host, b".PRECIOUS") {
        for file in named(host, &dependencies) {
            host.rules().files[file].precious = true;
        }
    }
    for (_, dependencies) in special(host, b".LOW_RESOLUTION_TIME") {
        for file in named(host, &dependencies) {
            host.rules().files[file].low_resolution = true;
        }
    }
    for (_, dependencies) in special(host, b".PHONY") {
        for file in named(host, &dependencies) {
            let record = &mut host.rules().files[file];
            record.phony = true;
            record.is_target = true;
            record.mtime = Mtime::ABSENT;
            record.mtime_before = Mtime::ABSENT;
        }
    }
    for (_, dependencies) in special(host, b".IMAGE") {
        for file in named(host, &dependencies) {
            let name = host.rules().files[file].name;
            let names = &mut host.context().names;
            match TargetPattern::new(names.text(name), names) {
                Some(pattern) => host.rules().images.list_pattern(pattern),
                None => host.rules().images.list(file),
            }
        }
    }
    for (_, dependencies) in special(host, b".NOTINTERMEDIATE") {
        if dependencies.is_empty() {
            host.rules().no_intermediates = true;
        }
        for file in named(host, &dependencies) {
            host.rules().files[file].not_intermediate = true;
        }
    }
    for (target, secondary) in [(&b".INTERMEDIATE"[..], false), (b".SECONDARY", true)] {
        for (_, dependencies) in special(host, target) {
            if dependencies.is_empty() && secondary {
                host.rules().all_secondary = true;
            }
            for file in named(host, &dependencies) {
                let record = &mut host.rules().files[file];
                if record.not_intermediate {
                    let name = record.name;
                    let name = host.context().names.text(name).to_vec();
                    let other = if secondary { ".SECONDARY" } else { ".INTERMEDIATE" };
                    return Err(Stop::fatal(None, Complaint::BothIntermediate(name, other)));
                }
                record.intermediate = true;
                record.secondary |= secondary;
            }
        }
    }
    if host.rules().no_intermediates && host.rules().all_secondary {
        return Err(Stop::fatal(None, Complaint::BothIntermediateAndSecondary));
    }
    if is_target(host, b".EXPORT_ALL_VARIABLES").is_some() {
        host.context().export_all = true;
    }
    for (name, flag) in [(&b".IGNORE"[..], NO_ERROR), (b".SILENT", SILENT)] {
        let Some(file) = is_target(host, name) else { continue };
        let dependencies = host.rules().files[file].dependencies.clone();
        if dependencies.is_empty() {
            let rules = host.rules();
            if flag == NO_ERROR { rules.ignore_errors = true } else { rules.silent = true }
        }
        for file in named(host, &dependencies) {
            host.rules().files[file].command_flags |= flag;
        }
    }
    if let Some(file) = is_target(host, b".NOTPARALLEL") {
        let dependencies = host.rules().files[file].dependencies.clone();
        if dependencies.is_empty() {
            host.rules().not_parallel = true;
        }
        for file in named(host, &dependencies) {
            for dep in host.rules().files[file].dependencies.iter_mut().skip(1) {
                dep.set_wait(true);
            }
        }
    }
    snap_files(host)
}

/// What takes effect for each file.
fn snap_files<H: RuleHost>(host: &mut H) -> Outcome {
    let extra_name = host.rules().special.extra_prereqs;
    let global = match host.context().lookup(extra_name) {
        Some(id) => {
            let value = Rc::clone(&host.context().variables.get(id).value);
            prerequisites::extra(host, &value)?
        }
        None => Vec::new(),
    };
    let (second, all_secondary, none) = {
        let rules = host.rules();
        (rules.second_expansion, rules.all_secondary, rules.no_intermediates)
    };
    let rules = host.rules();
    let anything = all_secondary || none || !global.is_empty();
    let mut own_extra = Vec::new();
    for file in rules.files.ids() {
        // Of a double-colon target, the first record only.
        if rules.files.find(rules.files[file].name) != Some(file) {
            continue;
        }
        let record = &mut rules.files[file];
        if !second {
            record.updating = false;
        }
        if anything {
            if all_secondary && !record.not_intermediate {
                record.intermediate = true;
            }
            if none && !record.intermediate && !record.secondary {
                record.not_intermediate = true;
            }
        }
        if record.scope.is_some() || (record.is_target && !global.is_empty()) {
            own_extra.push(file);
        }
    }
    for file in own_extra {
        let scope = host.rules().files[file].scope;
        let added = match scope {
            Some(scope) => {
                let variables = &host.context().variables;
                let value = variables
                    .find_in(variables.set_of(scope), extra_name)
                    .map(|id| Rc::clone(&variables.get(id).value));
                match value {
                    Some(value) => prerequisites::extra(host, &value)?,
                    None => Vec::new(),
                }
            }
            None => global.clone(),
        };
        let files = &mut host.rules().files;
        let name = files[file].name;
        if !added.iter().any(|dep| files[dep.file()].name == name) {
            files[file].dependencies.extend(added);
        }
    }
    Ok(())
}

/// Defines the default suffixes, before makefiles are read.
pub fn default_suffixes<H: RuleHost>(host: &mut H, wanted: bool) {
    let text = if wanted { builtin::SUFFIXES } else { "" };
    host.context().define_global(b"SUFFIXES", text.as_bytes(), crate::expand::Origin::Default, false);
    let mut dependencies = Vec::with_capacity(text.len() / 4);
    for suffix in words(text.as_bytes()) {
        let name = host.context().names.intern(suffix);
        let rules = host.rules();
        let file = rules.files.find_or_enter(name);
        rules.files[file].is_explicit = true;
        rules.files[file].builtin = true;
        dependencies.push(Dep::of_file(file));
    }
    let rules = host.rules();
    rules.files[rules.suffix_file].dependencies = dependencies;
}

fn add_rule<H: RuleHost>(
    host: &mut H,
    target: &[u8],
    dependencies: Vec<Dep>,
    recipe: Option<RecipeId>,
    terminal: bool,
    replace: bool,
) {
    let names = &mut host.context().names;
    let Some(target) = TargetPattern::new(target, names) else { return };
    let rule = PatternRule { targets: vec![target], dependencies, recipe, terminal, in_use: false };
    add_pattern_rule(host, rule, replace);
}

/// Adds a pattern rule to the database.
pub fn add_pattern_rule<H: RuleHost>(host: &mut H, rule: PatternRule, replace: bool) {
    // The table of names and the rules are two parts of one host: the names are lent for the call.
    let names = std::mem::take(&mut host.context().names);
    let rules = host.rules();
    rules.patterns.add(rule, replace, &names, &rules.files);
    host.context().names = names;
}

/// Rules that nobody has asked for yet.
#[derive(Clone, Copy, Debug)]
pub struct RulesToCome {
    /// The built-in pattern rules are among them.
    builtins: bool,
    /// All suffixes begin with a dot and have no other.
    pub suffixes_are_dotted: bool,
}

/// Enters the built-in suffix rules, after makefiles are read; where `later` is set and nothing can be told from it, the pattern rules
/// that they and the built-in ones are made into wait for [`finish_rules`].
pub fn install_rules<H: RuleHost>(host: &mut H, builtins: bool, later: bool) -> Outcome {
    if builtins {
        for (name, recipe) in builtin::SUFFIX_RULES {
            let name = host.context().names.intern(name.as_bytes());
            let rules = host.rules();
            let file = rules.files.enter(name);
            if rules.files[file].recipe.is_none() {
                let recipe = rules.recipes.add(recipe.as_bytes(), None, b'\t');
                rules.files[file].recipe = Some(recipe);
                rules.files[file].builtin = true;
            }
        }
    }
    let to_come = RulesToCome { builtins, suffixes_are_dotted: suffixes_are_dotted(host) };
    host.rules().rules_to_come = Some(to_come);
    if later && may_wait(host) { Ok(()) } else { finish_rules(host) }
}

/// Turns suffix rules into pattern rules and adds the built-in ones, where that has not been done.
pub fn finish_rules<H: RuleHost>(host: &mut H) -> Outcome {
    let Some(RulesToCome { builtins, .. }) = host.rules().rules_to_come.take() else { return Ok(()) };
    convert_suffix_rules(host);
    if builtins {
        for (target, dependencies, recipe, terminal) in builtin::PATTERN_RULES {
            let dependencies = prerequisites::split(host, dependencies.as_bytes())?;
            let recipe = host.rules().recipes.add(recipe.as_bytes(), None, b'\t');
            add_rule(host, target.as_bytes(), dependencies, Some(recipe), *terminal, false);
        }
    }
    let extra_name = host.rules().special.extra_prereqs;
    if let Some(id) = host.context().lookup(extra_name) {
        let value = Rc::clone(&host.context().variables.get(id).value);
        let extra = prerequisites::extra(host, &value)?;
        if !extra.is_empty() {
            let rules = host.rules();
            for at in rules.patterns.in_order().to_vec() {
                rules.patterns[at].dependencies.extend(extra.iter().copied());
            }
        }
    }
    let rules = host.rules();
    rules.patterns.index();
    rules.endings = super::implicit::Endings::default();
    Ok(())
}

fn suffixes<H: RuleHost>(host: &mut H) -> Vec<(FileId, &'static [u8])> {
    let rules = host.rules();
    let dependencies = &rules.files[rules.suffix_file].dependencies;
    let files: Vec<FileId> = dependencies.iter().filter(|dep| !dep.is_name()).map(Dep::file).collect();
    let text = |file| {
        let name = host.rules().files[file].name;
        (file, host.context().names.text(name))
    };
    files.into_iter().map(text).collect()
}

/// Whether `ending` is a suffix, or one that built-in rules know.
pub fn is_suffix<H: RuleHost>(host: &mut H, ending: &[u8]) -> bool {
    words(builtin::SUFFIXES.as_bytes()).any(|suffix| suffix == ending)
        || suffixes(host).iter().any(|(_, suffix)| *suffix == ending)
}

fn suffixes_are_dotted<H: RuleHost>(host: &mut H) -> bool {
    suffixes(host).iter().all(|(_, suffix)| memchr::memrchr(b'.', suffix) == Some(0))
}

/// Whether nothing can be told from it if suffix rules are made into pattern rules later: no makefile has one, which might be
/// complained of, and nothing is to be added to the rules.
fn may_wait<H: RuleHost>(host: &mut H) -> bool {
    let extra = host.rules().special.extra_prereqs;
    if host.context().lookup(extra).is_some() {
        return false;
    }
    let with_recipe: Vec<FileId> = host.rules().files.with_recipe().collect();
    !with_recipe.into_iter().any(|file| {
        let record = &host.rules().files[file];
        let (own, name) = (!record.builtin || !record.dependencies.is_empty(), record.name);
        own && host.context().names.text(name).first() == Some(&b'.')
    })
}

/// A suffix rule: the position of its source's suffix, that of its target's, and the file that is called after both.
type SuffixRule = (usize, usize, FileId);

/// The files that have a recipe and are called after two of `suffixes`, in the order of these.
fn suffix_rules<H: RuleHost>(host: &mut H, suffixes: &[(FileId, &'static [u8])]) -> Vec<SuffixRule> {
    let mut begins = [false; 256];
    for (_, suffix) in suffixes {
        if let Some(&byte) = suffix.first() {
            begins[byte as usize] = true;
        }
    }
    let mut found = Vec::with_capacity(64);
    let bound: Vec<FileId> = host.rules().files.with_recipe().collect();
    for file in bound {
        let name = host.rules().files[file].name;
        let text = host.context().names.text(name);
        if !text.first().is_some_and(|&byte| begins[byte as usize]) {
            continue;
        }
        for (source, (_, suffix)) in suffixes.iter().enumerate() {
            let Some(rest) = text.strip_prefix(*suffix).filter(|rest| !rest.is_empty()) else { continue };
            let targets =
                suffixes.iter().enumerate().filter(|(_, (_, other))| *other == rest && other != suffix);
            found.extend(targets.map(|(target, _)| (source, target, file)));
        }
    }
    found.sort_unstable_by_key(|&(source, target, _)| (source, target));
    found
}

fn convert_suffix_rules<H: RuleHost>(host: &mut H) {
    let suffixes = suffixes(host);
    let found = suffix_rules(host, &suffixes);
    let mut rest = &found[..];
    // The pattern for each suffix, once it was needed.
    let mut patterns: Vec<Option<TargetPattern>> = vec![None; suffixes.len()];
    for (number, &(file, suffix)) in suffixes.iter().enumerate() {
        let Some(pattern) = pattern_of(host, suffix, &mut patterns[number]) else { continue };
        let rule = |target, dependencies, recipe| PatternRule {
            targets: vec![target],
            dependencies,
            recipe,
            terminal: false,
            in_use: false,
        };
        add_pattern_rule(host, rule(pattern, Vec::new(), None), false);
        let source = Dep::of_name(pattern.name);
        if let Some(recipe) = host.rules().files[file].recipe {
            add_rule(host, b"%", vec![source], Some(recipe), false, false);
        }
        while let Some((&(_, target, from), after)) =
            rest.split_first().filter(|(first, _)| first.0 == number)
        {
            rest = after;
            let rules = host.rules();
            let Some(recipe) = rules.files[from].recipe else { continue };
            if !rules.files[from].dependencies.is_empty() {
                let place = rules.recipes[recipe].place;
                if host.context().posix {
                    continue;
                }
                host.context().complain(place, &Complaint::SuffixRuleWithPrerequisites);
            }
            let other = suffixes[target].1;
            if other == b".a" {
                add_rule(host, b"(%.o)", vec![source], Some(recipe), false, false);
            }
            let Some(target) = pattern_of(host, other, &mut patterns[target]) else { continue };
            add_pattern_rule(host, rule(target, vec![source], Some(recipe)), false);
        }
    }
}

/// The pattern of all names that end in `suffix`.
fn pattern_of<H: RuleHost>(
    host: &mut H,
    suffix: &[u8],
    known: &mut Option<TargetPattern>,
) -> Option<TargetPattern> {
    if known.is_none() {
        *known = TargetPattern::new(&[b"%", suffix].concat(), &mut host.context().names);
    }
    *known
}

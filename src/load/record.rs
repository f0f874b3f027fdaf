//! Rules recorded in the database once their recipe is complete (manual, "Writing Rules", "Multiple Rules for One Target").
//! Knows nothing of how lines are read.

use crate::base::Name;
use crate::base::diagnostic::{Complaint, Outcome, Place, Stop};
use crate::expand::Origin;
use crate::load::Session;
use crate::load::evaluate::Reader;
use crate::load::secrets;
use crate::rules::file::{Dep, FileId, plain_name};
use crate::rules::pattern::{PatternRule, TargetPattern};
use crate::rules::recipe::RecipeId;
use crate::rules::{prerequisites, special};
use crate::syntax::quoting::{Pattern, unquote};

/// A rule whose recipe may still grow.
pub struct PendingRule {
    /// The targets.
    pub targets: Vec<Name>,
    /// Whether one run of the recipe makes all targets (`&:`).
    pub grouped: bool,
    /// The target pattern of a static pattern rule.
    pub pattern: Option<TargetPattern>,
    /// The text of the prerequisites.
    pub prerequisites: Vec<u8>,
    /// The recipe's lines so far, each with its newline.
    pub recipe: Vec<u8>,
    /// The line where the recipe begins.
    pub recipe_line: u32,
    /// Whether there is a recipe, be it empty.
    pub has_recipe: bool,
    /// Whether it is a double-colon rule.
    pub double_colon: bool,
    /// The character that recipe lines begin with.
    pub prefix: u8,
    /// Where the rule begins.
    pub place: Option<Place>,
}

impl PendingRule {
    /// Adds a line of the recipe.
    pub fn add_recipe_line(&mut self, text: &[u8], line: u32) {
        if !self.has_recipe {
            self.has_recipe = true;
            self.recipe_line = line;
        }
        self.recipe.extend_from_slice(text);
        self.recipe.push(b'\n');
    }

    /// Records the rule.
    pub fn record(self, session: &mut Session) -> Outcome {
        let place = self.place;
        let fatal = |complaint| Stop::fatal(place, complaint);
        if session.rules.snapped {
            return Err(fatal(Complaint::PrerequisitesInRecipe));
        }
        let recipe = if self.has_recipe {
            let at = place.map(|place| Place::new(place.file, self.recipe_line));
            Some(session.rules.recipes.add(&self.recipe, at, self.prefix))
        } else if self.grouped {
            return Err(fatal(Complaint::GroupWithoutRecipe));
        } else {
            None
        };
        let first = session.context.names.text(self.targets[0]);
        let is_implicit = memchr::memchr(b'%', first).is_some() && Pattern::new(first).percent.is_some();
        let mut dependencies = self.read_prerequisites(session, is_implicit)?;
        if is_implicit {
            return self.record_pattern_rule(session, dependencies, recipe);
        }
        let mut group = Vec::new();
        let last = self.targets.len() - 1;
        for (index, &target) in self.targets.iter().enumerate() {
            let raw = session.context.names.text(target);
            let pattern = if memchr::memchr(b'%', raw).is_some() { Some(Pattern::new(raw)) } else { None };
            if index > 0 && pattern.as_ref().is_some_and(|pattern| pattern.percent.is_some()) {
                session.complain(place, &Complaint::MixedImplicitAndNormalDeprecated);
            }
            let text = pattern.as_ref().map_or(raw, |pattern| &pattern.text);
            let mut own = Vec::new();
            if self.pattern.is_some_and(|pattern| stem_of(&pattern, text).is_none()) {
                session.complain(place, &Complaint::TargetDoesNotMatch(text.to_vec()));
            } else if index == last {
                own = std::mem::take(&mut dependencies);
            } else if !dependencies.is_empty() {
                own.clone_from(&dependencies);
            }
            let name = if text.len() == raw.len() && plain_name(raw).len() == raw.len() {
                target
            } else {
                session.context.names.intern(plain_name(text))
            };
            let listed: Option<Vec<Name>> = (text.first() == Some(&b'.') && text[..] == *secrets::TARGET)
                .then(|| own.iter().filter_map(|dep| secrets::name_of(session, dep)).collect());
            let file = self.record_target(session, name, own, recipe)?;
            if let Some(listed) = listed {
                secrets::hide_known(session, &listed);
            }
            if self.grouped {
                group.push(file);
            }
        }
        for &file in group.iter().rev() {
            let others: Vec<FileId> = group.iter().rev().copied().collect();
            if !session.rules.files[file].also_make.is_empty() {
                let at = recipe.and_then(|recipe| session.rules.recipes[recipe].place);
                let target = session.name_of(file).to_vec();
                session.complain(at, &Complaint::OverridingGroup(target));
            }
            session.rules.files[file].also_make = others;
        }
        Ok(())
    }

    fn read_prerequisites(&self, session: &mut Session, is_implicit: bool) -> Outcome<Vec<Dep>> {
        if self.prerequisites.is_empty() {
            return Ok(Vec::new());
        }
        let unquoted;
        let text = if memchr::memchr(b'\\', &self.prerequisites).is_some() {
            unquoted = unquote(&self.prerequisites, b':');
            &unquoted
        } else {
            &self.prerequisites
        };
        if session.rules.second_expansion && memchr::memchr(b'$', text).is_some() {
            let mut dep = Dep::of_name(session.context.names.intern(text));
            dep.set_needs_expansion(true);
            dep.set_static_pattern(self.pattern.is_some());
            return Ok(vec![dep]);
        }
        let mut dependencies = prerequisites::split(session, text)?;
        if self.pattern.is_none() && !is_implicit {
            prerequisites::enter(session, &mut dependencies, None);
        }
        Ok(dependencies)
    }

    fn record_pattern_rule(
        self,
        session: &mut Session,
        dependencies: Vec<Dep>,
        recipe: Option<RecipeId>,
    ) -> Outcome {
        if self.pattern.is_some() {
            return Err(Stop::fatal(self.place, Complaint::MixedImplicitAndStatic));
        }
        let mut targets = Vec::new();
        for target in &self.targets {
            let text = session.context.names.text(*target);
            match TargetPattern::new(text, &mut session.context.names) {
                Some(target) => targets.push(target),
                None => return Err(Stop::fatal(self.place, Complaint::MixedImplicitAndNormal)),
            }
        }
        let rule = PatternRule { targets, dependencies, recipe, terminal: self.double_colon, in_use: false };
        special::add_pattern_rule(session, rule, true);
        Ok(())
    }

    fn record_target(
        &self,
        session: &mut Session,
        name: Name,
        mut own: Vec<Dep>,
        recipe: Option<RecipeId>,
    ) -> Outcome<FileId> {
        let text = session.context.names.text(name);
        let both = || Stop::fatal(self.place, Complaint::BothColons(text.to_vec()));
        let file = if self.double_colon {
            if let Some(file) = session.rules.files.find(name)
                && session.rules.files[file].is_target
                && session.rules.files[file].double_colon.is_none()
            {
                return Err(both());
            }
            let file = session.rules.files.enter(name);
            let record = &mut session.rules.files[file];
            record.double_colon.get_or_insert(file);
            record.recipe = recipe;
            file
        } else {
            let file = session.rules.files.find_or_enter(name);
            if session.rules.files[file].double_colon.is_some() {
                return Err(both());
            }
            self.take_recipe(session, file, recipe);
            let rules = &mut session.rules;
            if own.is_empty() && recipe.is_none() && file == rules.default_file {
                rules.files[file].recipe = None;
            }
            if own.is_empty() && file == rules.suffix_file {
                rules.files[file].dependencies.clear();
            }
            rules.files[file].is_explicit = true;
            rules.files[file].builtin = false;
            file
        };
        session.rules.files[file].is_target = true;
        if let (Some(named), Some(place)) = (&mut session.named_at, self.place) {
            named.push((name, place));
        }
        if let Some(pattern) = &self.pattern {
            // A target that does not match has the whole of its name for a stem.
            let stem = stem_of(pattern, text).unwrap_or(text);
            let stem = session.context.names.intern(stem);
            session.rules.files[file].stem = Some(stem);
            if own.first().is_some_and(Dep::needs_expansion) {
                own[0].set_stem(Some(stem));
            } else {
                prerequisites::enter(session, &mut own, Some(stem));
            }
        }
        if !own.is_empty() {
            let dependencies = &mut session.rules.files[file].dependencies;
            if dependencies.is_empty() {
                *dependencies = own;
            } else if recipe.is_some() {
                own.append(dependencies);
                *dependencies = own;
            } else {
                dependencies.append(&mut own);
            }
        }
        if name == session.rules.special.wait {
            self.check_wait(session, file);
        }
        Ok(file)
    }

    /// Gives `file` the recipe, with a warning where it had one.
    fn take_recipe(&self, session: &mut Session, file: FileId, recipe: Option<RecipeId>) {
        let Some(recipe) = recipe else { return };
        let record = &session.rules.files[file];
        match record.recipe {
            Some(old) if old == recipe => {
                let target = session.name_of(file).to_vec();
                session.complain(self.place, &Complaint::TargetTwiceInRule(target));
            }
            Some(old) if record.is_target => {
                let target = session.name_of(file).to_vec();
                let (new_place, old_place) =
                    (session.rules.recipes[recipe].place, session.rules.recipes[old].place);
                session.complain(new_place, &Complaint::OverridingRecipe(target.clone()));
                session.complain(old_place, &Complaint::IgnoringRecipe(target));
            }
            _ => {}
        }
        session.rules.files[file].recipe = Some(recipe);
    }

    fn check_wait(&self, session: &mut Session, file: FileId) {
        let record = &session.rules.files[file];
        let (has_prerequisites, has_recipe) = (!record.dependencies.is_empty(), record.recipe.is_some());
        if has_prerequisites && !std::mem::replace(&mut session.wait_warned.0, true) {
            session.complain(self.place, &Complaint::WaitWithPrerequisites);
        }
        if has_recipe && !std::mem::replace(&mut session.wait_warned.1, true) {
            session.complain(self.place, &Complaint::WaitWithRecipe);
        }
    }
}

fn stem_of<'t>(pattern: &TargetPattern, text: &'t [u8]) -> Option<&'t [u8]> {
    let (prefix, suffix) = (pattern.prefix(), pattern.suffix());
    (text.len() >= prefix.len() + suffix.len() && text.starts_with(prefix) && text.ends_with(suffix))
        .then(|| &text[prefix.len()..text.len() - suffix.len()])
}

/// What takes effect as soon as a target is read: `.POSIX`, `.SECONDEXPANSION`, `.ONESHELL`, and the default goal.
pub fn check_specials(session: &mut Session, reader: &Reader) {
    let Some(pending) = &reader.pending else { return };
    for &target in &pending.targets {
        let text = session.context.names.text(target);
        if text.first() == Some(&b'.') {
            match text {
                b".POSIX" if !session.context.posix => {
                    session.context.posix = true;
                    for (name, value) in [
                        (".SHELLFLAGS", "-ec"),
                        ("CC", "c99"),
                        ("CFLAGS", "-O1"),
                        ("FC", "fort77"),
                        ("FFLAGS", "-O1"),
                        ("SCCSGETFLAGS", "-s"),
                        ("ARFLAGS", "-rv"),
                    ] {
                        session.context.define_global(
                            name.as_bytes(),
                            value.as_bytes(),
                            Origin::Default,
                            false,
                        );
                    }
                    continue;
                }
                b".SECONDEXPANSION" if !session.rules.second_expansion => {
                    session.rules.second_expansion = true;
                    continue;
                }
                b".ONESHELL" if !session.context.one_shell => {
                    session.context.one_shell = true;
                    continue;
                }
                _ => {}
            }
        }
    }
    if reader.set_default {
        offer_default_goal(session, &pending.targets);
    }
}

/// Makes the first of `targets` that can be it the default goal, where there is none yet (manual, "How make Processes a Makefile").
pub fn offer_default_goal(session: &mut Session, targets: &[Name]) {
    let Some(goal) = session.default_goal else { return };
    for &target in targets {
        let text = session.context.names.text(target);
        if !session.context.variables.get(goal).value.is_empty() || memchr::memchr(b'%', text).is_some() {
            return;
        }
        if (text.first() == Some(&b'.') && memchr::memchr(b'/', text).is_none()) || is_suffix(session, text) {
            continue;
        }
        session.context.define_global(b".DEFAULT_GOAL", text, Origin::File, false);
    }
}

/// Whether `text` is a suffix of `.SUFFIXES` without a dot, or two of them.
fn is_suffix(session: &Session, text: &[u8]) -> bool {
    let files = &session.rules.files;
    let suffixes = || {
        files[session.rules.suffix_file]
            .dependencies
            .iter()
            .map(|dep| dep.text(&session.context.names, files))
    };
    suffixes().any(|suffix| {
        (suffix.first() != Some(&b'.') && text == suffix)
            || text
                .strip_suffix(suffix)
                .is_some_and(|rest| !rest.is_empty() && suffixes().any(|other| other == rest))
    })
}

//! Pattern rules, and suffix rules made into them (manual, "Defining and Redefining Pattern Rules", "Old-Fashioned Suffix
//! Rules"). Knows nothing of the search for a rule.

use crate::base::{Name, Names};
use crate::rules::file::{Dep, Files};
use crate::rules::recipe::RecipeId;
use crate::syntax::quoting::Pattern;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use std::ops::{Index, IndexMut};
use std::rc::Rc;

/// A target of a pattern rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetPattern {
    /// The text, quoting removed.
    pub text: &'static [u8],
    /// The same, as a name.
    pub name: Name,
    /// Where its `%` is.
    pub percent: usize,
    /// Whether it has a slash, and so is matched against whole paths.
    pub has_slash: bool,
}

impl TargetPattern {
    /// A pattern from `text`; none where it has no `%`.
    pub fn new(text: &[u8], names: &mut Names) -> Option<TargetPattern> {
        let pattern = Pattern::new(text);
        let percent = pattern.percent?;
        let name = names.intern(&pattern.text);
        let has_slash = pattern.text.contains(&b'/');
        Some(TargetPattern { text: names.text(name), name, percent, has_slash })
    }

    /// What stands before the `%`.
    pub fn prefix(&self) -> &'static [u8] {
        &self.text[..self.percent]
    }

    /// What stands after the `%`.
    pub fn suffix(&self) -> &'static [u8] {
        &self.text[self.percent + 1..]
    }

    /// Whether it matches every name.
    pub fn matches_anything(&self) -> bool {
        self.text.len() == 1
    }

    /// The name it stands for with `stem`.
    pub fn with_stem(&self, stem: &[u8]) -> Vec<u8> {
        [self.prefix(), stem, self.suffix()].concat()
    }
}

/// A pattern rule.
#[derive(Clone)]
pub struct PatternRule {
    /// Its targets.
    pub targets: Vec<TargetPattern>,
    /// Its prerequisites, by name.
    pub dependencies: Vec<Dep>,
    /// Its recipe.
    pub recipe: Option<RecipeId>,
    /// Whether its prerequisites may not be made by further implicit rules.
    pub terminal: bool,
    /// Whether a search that is going on uses it.
    pub in_use: bool,
}

impl PatternRule {
    /// The rule as text, for messages: targets, colon, prerequisites.
    pub fn definition(&self, names: &Names, files: &Files) -> Vec<u8> {
        let targets: Vec<&[u8]> = self.targets.iter().map(|target| target.text).collect();
        let mut text = targets.join(&b' ');
        text.extend_from_slice(if self.terminal { b"::" } else { b":" });
        for dep in self.dependencies.iter().filter(|dep| !dep.order_only()) {
            text.extend_from_slice(if dep.wait() { b" .WAIT " } else { b" " });
            text.extend_from_slice(dep.text(names, files));
        }
        for (index, dep) in self.dependencies.iter().filter(|dep| dep.order_only()).enumerate() {
            text.extend_from_slice(if index == 0 { b" | " } else { b" " });
            if dep.wait() {
                text.extend_from_slice(b".WAIT ");
            }
            text.extend_from_slice(dep.text(names, files));
        }
        text
    }
}

/// All pattern rules, in the order in which they are tried.
#[derive(Default)]
pub struct PatternRules {
    rules: Vec<PatternRule>,
    /// For targets, rules by what identifies them, so that redefinitions are found at once.
    by_first_target: HashMap<Name, Vec<u32>, FxBuildHasher>,
    /// Rules in order, the removed ones left out.
    order: Vec<u32>,
    /// The same once all are known, as searches go over them.
    searched: Vec<u32>,
    /// The targets that can match a name by its last byte, in the order of the rules, for the bytes that were asked for.
    by_last_byte: Vec<Option<Rc<[Candidate]>>>,
}

/// A target that a search compares names with, and what the search asks of its rule, in one place.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// The rule.
    pub rule: u32,
    /// Which of its targets.
    pub number: u32,
    /// The target.
    pub target: TargetPattern,
    /// Whether the rule's prerequisites may not be made by further implicit rules.
    pub terminal: bool,
    /// Whether the rule has neither prerequisites nor a recipe: it only keeps rules for any name away.
    pub is_empty: bool,
}

impl Index<u32> for PatternRules {
    type Output = PatternRule;

    fn index(&self, at: u32) -> &PatternRule {
        &self.rules[at as usize]
    }
}

impl IndexMut<u32> for PatternRules {
    fn index_mut(&mut self, at: u32) -> &mut PatternRule {
        &mut self.rules[at as usize]
    }
}

impl PatternRules {
    /// Adds a rule at the end. A rule of the same targets and prerequisites is replaced where `replace` is set; else the new
    /// one is dropped.
    pub fn add(&mut self, rule: PatternRule, replace: bool, names: &Names, files: &Files) {
        let same_dependencies = |other: &PatternRule| {
            other.dependencies.len() == rule.dependencies.len()
                && other
                    .dependencies
                    .iter()
                    .zip(&rule.dependencies)
                    .all(|(left, right)| left.text(names, files) == right.text(names, files))
        };
        // GNU make compares each target of the new rule with all of the old one's, so that only rules whose targets are all
        // the same name can be told to be equal.
        let equal = rule
            .targets
            .iter()
            .filter_map(|target| self.by_first_target.get(&target.name).map(|rules| (target.name, rules)))
            .flat_map(|(name, rules)| rules.iter().map(move |&at| (name, at)))
            .filter(|&(name, at)| {
                let old = &self.rules[at as usize];
                old.targets.iter().all(|other| other.name == name)
                    && same_dependencies(old)
                    && self.order.contains(&at)
            })
            .map(|(_, at)| at)
            .min();
        if let Some(at) = equal {
            if !replace {
                return;
            }
            self.order.retain(|&kept| kept != at);
        }
        let at = self.rules.len() as u32;
        for target in &rule.targets {
            self.by_first_target.entry(target.name).or_default().push(at);
        }
        self.rules.push(rule);
        self.order.push(at);
    }

    /// The rules in order.
    pub fn in_order(&self) -> &[u32] {
        &self.order
    }

    /// Takes the rules as they are now for those that searches go over.
    pub fn index(&mut self) {
        self.searched.clone_from(&self.order);
        self.by_last_byte = vec![None; 256];
    }

    /// The targets that can match a name which ends in `byte`, in the order of the rules. Rules of prerequisites alone are none.
    pub fn ending_in(&mut self, byte: u8) -> Rc<[Candidate]> {
        let at = byte as usize;
        if let Some(Some(known)) = self.by_last_byte.get(at) {
            return Rc::clone(known);
        }
        let mut found = Vec::new();
        for &at in &self.searched {
            let rule = &self.rules[at as usize];
            if !rule.dependencies.is_empty() && rule.recipe.is_none() {
                continue;
            }
            let is_empty = rule.dependencies.is_empty() && rule.recipe.is_none();
            for (number, target) in rule.targets.iter().enumerate() {
                if target.suffix().last().is_none_or(|&last| last == byte) {
                    let number = number as u32;
                    found.push(Candidate {
                        rule: at,
                        number,
                        target: *target,
                        terminal: rule.terminal,
                        is_empty,
                    });
                }
            }
        }
        let found: Rc<[Candidate]> = found.into();
        if let Some(slot) = self.by_last_byte.get_mut(at) {
            *slot = Some(Rc::clone(&found));
        }
        found
    }
}

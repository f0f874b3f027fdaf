//! One implicit rule tried on one file: the names it asks for, and whether each exists, ought to exist, or can be made (manual,
//! "Implicit Rule Search Algorithm"). Knows nothing of which rules are tried.

use super::{Candidate, Prerequisite, Try, definition, exists, found_along_path, search};
use crate::base::diagnostic::Outcome;
use crate::expand::evaluate::expand_in;
use crate::expand::file_names::{FileName, FileNames, file_names, is_plain_name};
use crate::os::words::is_space;
use crate::rules::RuleHost;
use crate::rules::automatic;
use crate::rules::file::{Dep, FileId, plain_name};
use crate::rules::impossible::{kept_as, known_as};
use crate::rules::scope::open_scope;
use crate::syntax::words::next_prerequisite;

/// One rule tried on one file.
pub(super) struct Attempt<'a> {
    pub(super) candidate: &'a mut Candidate,
    pub(super) name: &'static [u8],
    pub(super) folder: usize,
    pub(super) one: Try,
    pub(super) rule: u32,
    pub(super) depth: usize,
    pub(super) manner: Manner,
    pub(super) findings: &'a mut Findings,
}

/// How far a rule may go for its prerequisites.
#[derive(Clone, Copy, Default)]
pub(super) struct Manner {
    /// How many rules are chained so far.
    pub(super) recursions: usize,
    /// What is mentioned only as a prerequisite ought to exist, too.
    pub(super) compatible: bool,
    /// Prerequisites may be made by rules that are found for them.
    pub(super) harder: bool,
}

/// What the rules tried on one file found out.
#[derive(Default)]
pub(super) struct Findings {
    /// Another rule would apply if what is mentioned only as a prerequisite counted.
    pub(super) compatible: bool,
    /// The automatic variables have been set once.
    pub(super) variables_set: bool,
    /// What the rule tried last found of its prerequisites: GNU make gives that to a rule without any of its own, too.
    pub(super) prerequisites: Vec<Prerequisite>,
    /// The rule tried last cannot apply however hard it is tried.
    pub(super) impossible: bool,
}

/// A name that the rule asks for.
struct Wanted {
    text: Vec<u8>,
    order_only: bool,
    hidden: bool,
    wait: bool,
    explicit: bool,
    /// It is written so in the rule.
    literal: bool,
}

impl Attempt<'_> {
    /// The stem without the folder that was split off.
    fn stem<H: RuleHost>(&self, host: &mut H) -> &'static [u8] {
        let target = host.rules().patterns[self.rule].targets[self.one.target];
        let base = if self.one.split_folder { &self.name[self.folder..] } else { self.name };
        &base[target.prefix().len()..base.len() - target.suffix().len()]
    }

    /// Whether the rule applies; its prerequisites are then in [`Findings::prerequisites`].
    pub(super) fn run<H: RuleHost>(mut self, host: &mut H) -> Outcome<bool> {
        self.findings.impossible = false;
        let stem = self.stem(host);
        let rule = self.rule;
        host.trace_implicit(self.depth, &|host| {
            let text = definition(host, rule);
            [b"Trying pattern rule '", &text[..], b"' with stem '", stem, b"'.\n"].concat()
        });
        if host.rules().patterns[rule].dependencies.is_empty() {
            return Ok(true);
        }
        host.rules().patterns[rule].in_use = true;
        let result = self.check(host, stem);
        host.rules().patterns[rule].in_use = false;
        result
    }

    fn check<H: RuleHost>(&mut self, host: &mut H, stem: &'static [u8]) -> Outcome<bool> {
        self.findings.prerequisites.clear();
        let mut order_only = false;
        let mut stem_set = false;
        let count = host.rules().patterns[self.rule].dependencies.len();
        for index in 0..count {
            let dep = host.rules().patterns[self.rule].dependencies[index];
            let text: &'static [u8] = if dep.is_name() {
                dep.name(&host.context().names).map_or(&[], |name| host.context().names.text(name))
            } else {
                let name = host.rules().files[dep.file()].name;
                host.context().names.text(name)
            };
            if !dep.needs_expansion() {
                if let Some(one) = self.single(&dep, text, stem) {
                    match self.accept(host, one)? {
                        Some(prerequisite) => self.findings.prerequisites.push(prerequisite),
                        None => return Ok(false),
                    }
                    continue;
                }
                let wanted = self.plain(host, &dep, text, stem)?;
                for one in wanted {
                    match self.accept(host, one)? {
                        Some(prerequisite) => self.findings.prerequisites.push(prerequisite),
                        None => return Ok(false),
                    }
                }
                continue;
            }
            let mut rest = text;
            while let Some((word, after)) = next_prerequisite(rest) {
                rest = after;
                if !order_only && word == b"|" {
                    order_only = true;
                    continue;
                }
                let wanted = self.expanded(host, word, stem, &mut order_only, &mut stem_set)?;
                for one in wanted {
                    match self.accept(host, one)? {
                        Some(prerequisite) => self.findings.prerequisites.push(prerequisite),
                        None => return Ok(false),
                    }
                }
            }
        }
        Ok(true)
    }

    /// The one name that a prerequisite pattern without special characters stands for; none where it may be several.
    fn single(&self, dep: &Dep, pattern: &[u8], stem: &[u8]) -> Option<Wanted> {
        let percent = memchr::memchr(b'%', pattern);
        let (folder, before, stem, after): (&[u8], &[u8], &[u8], &[u8]) = match percent {
            None => (b"", pattern, b"", b""),
            Some(at) => {
                let folder: &[u8] = if self.one.split_folder { &self.name[..self.folder] } else { b"" };
                (folder, &pattern[..at], stem, &pattern[at + 1..])
            }
        };
        let mut text = Vec::with_capacity(folder.len() + before.len() + stem.len() + after.len());
        for part in [folder, before, stem, after] {
            text.extend_from_slice(part);
        }
        is_plain_name(&text).then(|| Wanted {
            text,
            order_only: dep.order_only(),
            hidden: dep.hidden(),
            wait: dep.wait(),
            explicit: percent.is_none(),
            literal: percent.is_none(),
        })
    }

    /// The names for a prerequisite pattern: the stem put in, wildcards expanded.
    fn plain<H: RuleHost>(
        &mut self,
        host: &mut H,
        dep: &Dep,
        text: &[u8],
        stem: &[u8],
    ) -> Outcome<Vec<Wanted>> {
        let (text, explicit) = match memchr::memchr(b'%', text) {
            None => (text.to_vec(), true),
            Some(percent) => {
                let folder = if self.one.split_folder { &self.name[..self.folder] } else { b"" };
                ([folder, &text[..percent], stem, &text[percent + 1..]].concat(), false)
            }
        };
        let wanted = |item: FileName| Wanted {
            literal: explicit && item.name == text,
            text: item.name,
            order_only: dep.order_only(),
            hidden: dep.hidden(),
            wait: item.wait || dep.wait(),
            explicit,
        };
        let options = FileNames { one_word: true, waits: true, ..FileNames::default() };
        let (found, _) = file_names(host, &text, &options)?;
        Ok(found.into_iter().map(wanted).collect())
    }

    /// The names for a word that awaits its second expansion.
    fn expanded<H: RuleHost>(
        &mut self,
        host: &mut H,
        word: &[u8],
        stem: &[u8],
        order_only: &mut bool,
        stem_set: &mut bool,
    ) -> Outcome<Vec<Wanted>> {
        let mut text = Vec::with_capacity(word.len() + 8);
        let mut replaced = false;
        let mut any = false;
        for &byte in word {
            if byte == b'%' && !replaced {
                text.extend_from_slice(if self.one.split_folder { b"$(*F)" } else { b"$*" });
                (replaced, any) = (true, true);
                continue;
            }
            replaced &= !is_space(byte);
            text.push(byte);
        }
        let record = self.record(host);
        let folder = if self.one.split_folder { &self.name[..self.folder] } else { b"" };
        let full_stem = [folder, stem].concat();
        if !self.findings.variables_set {
            open_scope(host, record, false)?;
            let stem = host.context().names.intern(&full_stem);
            automatic::set(host, record, Some(stem), false);
            self.findings.variables_set = true;
            *stem_set = true;
        } else if !*stem_set {
            automatic::set_stem(host, record, &full_stem);
            *stem_set = true;
        }
        let scope = host.rules().files[record].scope.unwrap_or(crate::expand::variables::GLOBAL_SCOPE);
        let place = {
            let rules = host.rules();
            rules.files[record].recipe.and_then(|recipe| rules.recipes[recipe].place)
        };
        let saved = std::mem::replace(&mut host.context().reading, place);
        let expanded = expand_in(host, scope, &text);
        host.context().reading = saved;
        let expanded = expanded?;
        let prefix: &[u8] = if any && self.one.split_folder { &self.name[..self.folder] } else { b"" };
        let mut wanted = Vec::new();
        let mut rest = expanded;
        loop {
            let stops: &[u8] = if *order_only { b"" } else { b"|" };
            let options = FileNames { stops, prefix, waits: true, ..FileNames::default() };
            let (found, after) = file_names(host, &rest, &options)?;
            wanted.extend(found.into_iter().map(|item| Wanted {
                literal: item.name == word,
                text: item.name,
                order_only: *order_only,
                hidden: false,
                wait: item.wait,
                explicit: !any,
            }));
            match after.strip_prefix(b"|") {
                Some(after) => {
                    *order_only = true;
                    rest = after.to_vec();
                }
                None => break,
            }
        }
        Ok(wanted)
    }

    /// The record whose variables second expansion sees.
    fn record<H: RuleHost>(&mut self, host: &mut H) -> FileId {
        match self.candidate.record {
            Some(record) => record,
            None => {
                let record = host.rules().files.anonymous(self.candidate.name);
                self.candidate.record = Some(record);
                record
            }
        }
    }

    /// Whether `wanted` exists, ought to exist, or can be made; none rejects the rule.
    fn accept<H: RuleHost>(&mut self, host: &mut H, wanted: Wanted) -> Outcome<Option<Prerequisite>> {
        let depth = self.depth;
        let rule = self.rule;
        let known = host.context().names.find(plain_name(&wanted.text));
        let of_rule: &[u8] = if wanted.literal { b"rule" } else { b"implicit" };
        let say = |host: &mut H, before: &'static str, after: &'static str| {
            host.trace_implicit(depth, &|_| [before.as_bytes(), &wanted.text, after.as_bytes()].concat());
        };
        let context = host.context();
        let epoch = context.folders.epoch();
        let remembered = known_as(&mut context.folders, &context.names, plain_name(&wanted.text));
        if remembered.is_some_and(|name| host.rules().impossible.has(name, epoch)) {
            host.trace_implicit(depth, &|host| {
                let rule = definition(host, rule);
                [
                    b"Rejecting rule '",
                    &rule[..],
                    b"' due to impossible ",
                    of_rule,
                    b" prerequisite '",
                    &wanted.text,
                    b"'.\n",
                ]
                .concat()
            });
            self.findings.impossible = true;
            return Ok(None);
        }
        let before =
            if wanted.literal { "Trying rule prerequisite '" } else { "Trying implicit prerequisite '" };
        say(host, before, "'.\n");
        let mut accepted = Prerequisite {
            text: Vec::new(),
            order_only: wanted.order_only,
            hidden: wanted.hidden,
            wait: wanted.wait,
            explicit: wanted.explicit,
            intermediate: None,
        };
        let file = known.and_then(|name| host.rules().files.find(name));
        let mut ought = false;
        if let Some(file) = file {
            let record = &mut host.rules().files[file];
            accepted.explicit |= record.is_explicit;
            if !record.is_explicit && !wanted.explicit {
                record.intermediate = true;
            }
            ought = record.is_target;
        }
        if !ought
            && self.candidate.is_real
            && let Some(target) = self.candidate.record
        {
            let files = &host.rules().files;
            let name = known;
            ought = files[target]
                .dependencies
                .iter()
                .any(|dep| !dep.is_name() && name.is_some_and(|name| files[dep.file()].name == name));
        }
        if ought {
            say(host, "'", "' ought to exist.\n");
            accepted.text = wanted.text;
            return Ok(Some(accepted));
        }
        if exists(host, &wanted.text) {
            say(host, "Found '", "'.\n");
            accepted.text = wanted.text;
            return Ok(Some(accepted));
        }
        if file.is_some() && self.manner.compatible {
            host.trace_implicit(depth, &|host| {
                let rule = definition(host, rule);
                [b"Using compatibility rule '", &rule[..], b"' due to '", &wanted.text, b"'.\n"].concat()
            });
            accepted.text = wanted.text;
            return Ok(Some(accepted));
        }
        if file.is_some() {
            host.trace_implicit(depth, &|host| {
                let rule = definition(host, rule);
                [
                    b"Prerequisite '",
                    &wanted.text[..],
                    b"' of rule '",
                    &rule,
                    b"' does not qualify as ought to exist.\n",
                ]
                .concat()
            });
            self.findings.compatible = true;
        }
        if !host.rules().paths.is_empty()
            && let Some(found) = found_along_path(host, &wanted.text)
        {
            host.trace_implicit(depth, &|_| {
                [b"Found prerequisite '", &wanted.text[..], b"' as VPATH '", &found, b"'.\n"].concat()
            });
            accepted.text = wanted.text;
            return Ok(Some(accepted));
        }
        if self.manner.harder {
            let before = if accepted.explicit {
                "Looking for a rule with explicit file '"
            } else {
                "Looking for a rule with intermediate file '"
            };
            say(host, before, "'.\n");
            let name = host.context().names.intern(plain_name(&wanted.text));
            let mut between = Candidate {
                name,
                record: None,
                is_real: false,
                dependencies: Vec::new(),
                recipe: None,
                stem: None,
                also_make: Vec::new(),
                pattern: None,
                precious: false,
                not_intermediate: false,
            };
            if search(host, &mut between, false, depth, self.manner.recursions + 1, self.manner.compatible)? {
                accepted.intermediate = Some(between);
                accepted.text = wanted.text;
                return Ok(Some(accepted));
            }
            let context = host.context();
            if file.is_none()
                && let Some(name) =
                    kept_as(&mut context.folders, &mut context.names, plain_name(&wanted.text))
            {
                let epoch = context.folders.epoch();
                host.rules().impossible.remember(name, epoch);
            }
            host.trace_implicit(depth, &|host| {
                let rule = definition(host, rule);
                [b"Rejecting rule '", &rule[..], b"' due to impossible prerequisite '", &wanted.text, b"'.\n"]
                    .concat()
            });
        } else {
            say(host, "Not found '", "'.\n");
        }
        Ok(None)
    }
}

//! The preflight of image targets: what `--check` would say of those whose images are stale, said before the first command of a run
//! starts. Knows nothing of how findings are worded.
//!
//! What runs before an image is built may make its Dockerfile, its files, even its engine. Where that can't be excluded an image target
//! is looked at when its turn has come.

use crate::base::diagnostic::{Complaint, Outcome, Severity as Weight, Stop};
use crate::base::events::Event;
use crate::base::source::LineStarts;
use crate::base::tables::{HashMap, HashSet};
use crate::build::Build;
use crate::build::images::edges::of_process;
use crate::build::images::freshness::Judged;
use crate::build::images::sources::Sources;
use crate::build::images::steps::{Steps, Work, build_step};
use crate::build::images::{InUse, Refusal};
use crate::expand::context::Trial;
use crate::image::block::{Block, Fault};
use crate::image::check::{Finding, Kind, Setting, Severity, check, may_make_files};
use crate::image::command::variables::Inherited;
use crate::image::command::{Client, recognise};
use crate::image::dockerfile::NoBases;
use crate::image::recipe::{Line, Recipe, Runner, Written};
use crate::image::study::Study;
use crate::image::study::address::FromProcess;
use crate::os::files;
use crate::rules::file::FileId;
use crate::rules::images::Attribute;
use crate::rules::implicit;
use crate::rules::scope::open_scope;
use std::rc::Rc;

/// Puts findings into words, with colour as `--color` says.
pub type Words = fn(&[Finding], Option<&str>) -> String;

/// What a run knows of what is wrong with its image targets.
#[derive(Default)]
pub struct Preflight {
    /// Puts findings into words.
    pub words: Option<Words>,
    /// Findings of `--check` in blocks that can't be read.
    pub found: Vec<Finding>,
    /// Image targets that are not to be built.
    pub(super) refused: HashSet<FileId>,
    /// Image targets that are looked at when their turn has come.
    later: HashSet<FileId>,
    /// What was judged before anything ran.
    judged: HashMap<FileId, Judged>,
}

/// What goals can reach, as far as rules name it.
#[derive(Default)]
struct Reached {
    /// Image targets, each with its block where that could be read before its time.
    blocks: Vec<(FileId, Option<Rc<Block>>)>,
    /// Attributes whose values can't be.
    found: Vec<Finding>,
    /// Whether a recipe of a makefile's own may run.
    any_recipe: bool,
    /// Whether one may that makes files or starts engines.
    changes: bool,
    /// Image targets with such a recipe of their own, which runs after their images are built.
    after: HashSet<FileId>,
}

impl Build {
    /// Looks at the image targets that the goals reach, before anything is run for them.
    ///
    /// # Errors
    /// What was found wrong, where the run is not to go on with what else there is (`-k`).
    pub fn preflight(&mut self, goals: &[FileId]) -> Outcome {
        if self.session.rules.images.blocks().is_empty() || self.collector.is_some() || self.pretends() {
            return Ok(());
        }
        let mut reached = self.reach(goals, true)?;
        if !reached.any_recipe {
            // Nothing comes before the images: their time is now.
            reached = self.reach(goals, false)?;
        }
        let mut found = std::mem::take(&mut reached.found);
        let mut stale = Vec::new();
        for (file, block) in &reached.blocks {
            match block {
                Some(block) if !reached.changes && !reached.after.iter().any(|other| other != file) => {
                    if !self.is_fresh_now(*file, block, !reached.any_recipe)? {
                        stale.push((*file, Rc::clone(block)));
                    }
                }
                _ => {
                    self.images.preflight.later.insert(*file);
                }
            }
        }
        found.extend(self.findings(&stale));
        let errors = self.say_found(&found)?;
        if errors == 0 {
            return Ok(());
        }
        if !self.session.settings.keep_going.is_on() {
            return Err(Stop::fatal(None, Complaint::NothingRun(errors)));
        }
        let wrong = found.iter().filter(|finding| finding.severity == Severity::Error);
        for target in wrong.map(|finding| finding.target.as_bytes().to_vec()) {
            let file = self.session.enter_file(&target);
            self.images.preflight.refused.insert(file);
        }
        Ok(())
    }

    /// What was judged before anything ran, where nothing has run since.
    pub(super) fn judged_before(&mut self, file: FileId) -> Option<Judged> {
        self.images.preflight.judged.remove(&file).filter(|_| self.commands_started == 0)
    }

    /// Whether the image target `file`, whose turn has come, is not to be built: something was found wrong in it.
    pub(super) fn is_refused(&mut self, file: FileId, block: &Rc<Block>, steps: &Steps) -> Outcome<bool> {
        if self.pretends() || self.collector.is_some() {
            return Ok(false);
        }
        let builds = steps.all.iter().any(|step| matches!(step.work, Work::Build(..) | Work::Bake(_)));
        if self.images.preflight.later.remove(&file) && builds {
            let found = self.findings(&[(file, Rc::clone(block))]);
            let errors = self.say_found(&found)?;
            let target = self.session.name_of(file).to_vec();
            if errors > 0 && !self.session.settings.keep_going.is_on() {
                return Err(Stop::fatal(block.place, Complaint::NotBuilt { target, errors }));
            }
            return Ok(errors > 0);
        }
        Ok(self.images.preflight.refused.contains(&file))
    }

    /// What is wrong with the attributes of `file`, as findings.
    pub(super) fn faults_found(&mut self, file: FileId, faults: Vec<Fault>) -> Vec<Finding> {
        let target = String::from_utf8_lossy(self.session.name_of(file)).into_owned();
        let mut found = Vec::new();
        for fault in faults {
            let (place, complaint) = *fault;
            let word = match &complaint {
                Complaint::AttributeValue { value, .. } => value.clone(),
                _ => Vec::new(),
            };
            let place = place.map(|place| self.word_place(place, &word));
            let kind = Kind::Attribute(complaint);
            found.push(Finding { severity: Severity::Error, kind, place, target: target.clone() });
        }
        found
    }

    /// What the goals can reach; blocks are read on trial, or for good.
    fn reach(&mut self, goals: &[FileId], trial: bool) -> Outcome<Reached> {
        let mut reached = Reached::default();
        let mut seen = HashSet::default();
        let mut parents = Vec::new();
        let mut stack: Vec<(FileId, Option<FileId>)> = goals.iter().rev().map(|&goal| (goal, None)).collect();
        let mut result = Ok(());
        while let Some((file, parent)) = stack.pop() {
            let file = self.session.rules.files.resolve(file);
            if !seen.insert(file) || self.session.rules.files[file].updated {
                continue;
            }
            let known = self.session.rules.files[file].parent;
            if parent.is_some() && known.is_none() {
                // Variables of the target that needs it are its own, too.
                self.session.rules.files[file].parent = parent;
                parents.push(file);
            }
            match self.reach_one(file, trial, &mut reached) {
                Ok(needs) => {
                    stack.extend(needs.into_iter().rev().map(|need| (need, Some(file))));
                }
                Err(stop) => {
                    result = Err(stop);
                    break;
                }
            }
        }
        for file in parents {
            self.session.rules.files[file].parent = None;
        }
        result.map(|()| reached)
    }

    /// Looks at one file; what it needs.
    fn reach_one(&mut self, file: FileId, trial: bool, reached: &mut Reached) -> Outcome<Vec<FileId>> {
        let record = &self.session.rules.files[file];
        let name = record.name;
        let text = self.session.context.names.text(name);
        let mut further = Vec::new();
        let is_image = self.session.rules.images.contains(name, text);
        if is_image {
            let block = match trial {
                true => self.try_block(file, reached, &mut further)?,
                false => self.read_for_good(file, reached)?,
            };
            let extracts = block.iter().flat_map(|block| &block.extracts);
            for extract in extracts {
                reached.any_recipe = true;
                // Files of the context that may come from it are allowed for; what a build is made of is not.
                reached.changes |= [&b"ockerfile"[..], b"ontainerfile", b"ignore"].iter().any(|name| {
                    let ends = |path: &[u8]| memchr::memmem::find(path, name).is_some();
                    ends(&extract.source) || ends(&extract.destination)
                });
            }
            reached.blocks.push((file, block));
        }
        let records = self.session.rules.files.records(file);
        let mut has_recipe = false;
        for record in records {
            if self.session.rules.files[record].dependencies.iter().any(|dep| dep.needs_expansion()) {
                (reached.any_recipe, reached.changes) = (true, true);
            }
            if let Some(recipe) = self.session.rules.files[record].recipe {
                has_recipe = true;
                let recipe = self.session.rules.recipes[recipe].text.clone();
                if !recipe.is_empty() {
                    reached.any_recipe = true;
                    if reached.changes || is_harmless(&recipe) {
                        continue;
                    }
                    if is_image {
                        reached.after.insert(file);
                    } else {
                        reached.changes = true;
                    }
                }
            }
        }
        if !has_recipe && !reached.changes && !self.is_made_by_nothing(file) {
            (reached.any_recipe, reached.changes) = (true, true);
        }
        further.extend(self.needs_of(file));
        Ok(further)
    }

    /// Whether no implicit rule makes `file`, as far as that can be told without a search.
    fn is_made_by_nothing(&mut self, file: FileId) -> bool {
        let rules = &self.session.rules;
        if rules.files[rules.default_file].recipe.is_some() {
            return false;
        }
        let name = rules.files[file].name;
        let text = self.session.context.names.text(name);
        if rules.files[file].phony || rules.images.contains(name, text) {
            return true;
        }
        let is_source = rules.rules_to_come.is_some() && rules.patterns.in_order().is_empty();
        (is_source && files::regular_file(text).is_ok_and(|time| time.is_some()))
            || implicit::is_alone(&mut self.session, file)
    }

    /// Reads the block of `file` before its time: none where its attributes ask for what commands may yet change.
    fn try_block(
        &mut self,
        file: FileId,
        reached: &mut Reached,
        further: &mut Vec<FileId>,
    ) -> Outcome<Option<Rc<Block>>> {
        open_scope(&mut self.session, file, false)?;
        self.session.context.trial = Trial::Sure;
        let block = self.read_block(file);
        let read = std::mem::take(&mut self.session.context.trial);
        let block = match block {
            _ if read == Trial::Partial => return Ok(None),
            Ok(Some(block)) => block,
            Ok(None) => return Ok(None),
            Err(Refusal::Stop(stop)) => return Err(stop),
            Err(Refusal::Faults(faults)) => {
                let found = self.faults_found(file, faults);
                reached.found.extend(found);
                return Ok(None);
            }
        };
        let sources = Sources::of_block(&block, Client::Docker, &of_process);
        let text = sources.text();
        let analysis = text.and_then(|text| sources.analyse(&text, &NoBases));
        self.session.context.trial = Trial::Sure;
        for image in analysis.iter().flat_map(|analysis| &analysis.images) {
            let Some(wanted) = image.reference.known() else { continue };
            if let Ok(Some(other)) = self.target_of_image(wanted) {
                further.push(other);
            }
        }
        if std::mem::take(&mut self.session.context.trial) == Trial::Partial {
            self.images.tags = None;
        }
        Ok(Some(Rc::new(block)))
    }

    /// Reads the block of `file`, whose time has come.
    fn read_for_good(&mut self, file: FileId, reached: &mut Reached) -> Outcome<Option<Rc<Block>>> {
        if self.block_of(file).is_none() {
            match self.read_block(file) {
                Ok(Some(block)) => self.enter_block(file, block)?,
                Ok(None) => {}
                Err(Refusal::Stop(stop)) => return Err(stop),
                Err(Refusal::Faults(faults)) => {
                    let found = self.faults_found(file, faults);
                    reached.found.extend(found);
                }
            }
        }
        Ok(self.block_of(file))
    }

    /// Whether the image of `block` is as it should be; what was found out serves the run where `keeps`.
    fn is_fresh_now(&mut self, file: FileId, block: &Rc<Block>, keeps: bool) -> Outcome<bool> {
        self.images.freshness.cache.prefetch();
        let InUse { program, fault } = self.engine_for(block);
        if let Some(fault) = fault {
            let text = crate::base::printable::printable(&fault.message()).into_bytes();
            return Err(Stop::fatal(block.place, Complaint::Text(text)));
        }
        if self.builder_of(block).is_some() {
            return Ok(false);
        }
        // An image of a killed run is not taken for one that is meant to be there.
        self.reap_dead_runs();
        let Some(judged) = self.judge_block(file, block, &program)? else { return Ok(false) };
        let is_fresh = judged.is_fresh();
        if keeps {
            self.images.preflight.judged.insert(file, judged);
        }
        Ok(is_fresh)
    }

    /// What `--check` says of these image targets.
    fn findings(&mut self, blocks: &[(FileId, Rc<Block>)]) -> Vec<Finding> {
        if blocks.is_empty() {
            return Vec::new();
        }
        let mut elsewhere = HashSet::default();
        let mut faults = Vec::new();
        let mut recipes = Vec::new();
        for (file, block) in blocks {
            let program = self.engine_for(block).program;
            let target = self.session.name_of(*file).to_vec();
            if self.builder_of(block).is_some() {
                elsewhere.insert(String::from_utf8_lossy(&target).into_owned());
            }
            let mut recipe = Recipe { target, phony: true, ..Recipe::default() };
            if let Some(fault) = no_extraction(block, program.client) {
                faults.extend(self.faults_found(*file, vec![fault]));
            }
            let steps = Steps { all: [build_step(block, &program, None, 0)].into(), ..Steps::default() };
            self.add_steps(&steps, &mut recipe);
            recipe.place = recipe.lines.first().and_then(Line::whole);
            self.note_environment(*file, &mut recipe);
            recipes.push(recipe);
        }
        let mut before = vec![HashSet::default(); recipes.len()];
        if blocks.iter().any(|(_, block)| !block.extracts.is_empty()) {
            // What one image target copies out of its image another may read.
            let all = before.len();
            for (own, (_, block)) in before.iter_mut().zip(blocks) {
                if blocks.iter().any(|(_, other)| !Rc::ptr_eq(other, block) && !other.extracts.is_empty()) {
                    own.insert(all);
                }
            }
            recipes.push(unread());
            before.push(HashSet::default());
        }
        let connect = FromProcess::new(self.engine.client);
        let outside = connect.outside();
        let study = Study::of(recipes, before, &outside);
        let parallel = !self.session.rules.not_parallel;
        let mut found = check(&study, &Setting { outside: &outside, parallel });
        found.retain(|finding| match finding.kind {
            // A builder is not the engine that the client speaks to; the order of image targets is found.
            Kind::EngineSilent { .. } => !elsewhere.contains(&finding.target),
            Kind::MissingEdge { .. } => false,
            _ => true,
        });
        faults.append(&mut found);
        faults
    }

    /// Says what was found; the number of errors.
    fn say_found(&mut self, found: &[Finding]) -> Outcome<usize> {
        if found.is_empty() {
            return Ok(0);
        }
        // Engines that were not heard to the end are no finding.
        self.heed_signal()?;
        let text = match self.images.preflight.words {
            Some(words) => words(found, self.session.settings.own.color),
            None => found.iter().map(|finding| format!("{}\n", finding.kind.code())).collect(),
        };
        self.session.context.output.message_coloured(text.as_bytes());
        if self.session.context.events.is_on() {
            for finding in found {
                self.tell_found(finding);
            }
        }
        Ok(found.iter().filter(|finding| finding.severity == Severity::Error).count())
    }

    fn tell_found(&mut self, finding: &Finding) {
        let severity = match finding.severity {
            Severity::Error => Weight::Error,
            Severity::Warning => Weight::Warning,
        };
        let context = &mut self.session.context;
        let place = finding.place.as_ref().map(|place| {
            let name = context.names.intern(place.file.as_bytes());
            crate::base::diagnostic::Place::new(context.names.text(name), place.line as u32)
        });
        let text = match self.images.preflight.words {
            Some(words) => words(std::slice::from_ref(finding), Some("never")),
            None => finding.kind.code().to_owned(),
        };
        let first = text.lines().next().unwrap_or_default();
        context.events.tell(&Event::Message { severity, place, text: first.as_bytes() });
    }
}

/// Why nothing can be copied out of the image of `block` by this client, where something is to be.
pub(super) fn no_extraction(block: &Block, client: Client) -> Option<Fault> {
    let extract = block.extracts.first().filter(|_| client == Client::Buildah)?;
    let value = block.words(Attribute::Extract).first().map(|given| given.text.clone()).unwrap_or_default();
    let wanted = "buildah copies nothing out of an image; docker and podman do".to_owned();
    Some(Box::new((extract.place, Complaint::AttributeValue { attribute: "extract", value, wanted })))
}

/// A recipe that may make any file.
fn unread() -> Recipe {
    let written = Written {
        raw: Rc::default(),
        lines: Rc::new(LineStarts::of(b"")),
        file: Rc::default(),
        offset: None,
        line: 0,
        inserted: 0,
    };
    let line = Line::of_script(Vec::new(), Vec::new(), Vec::new(), written, Runner::Other(Vec::new()), false);
    Recipe { lines: vec![line], ..Recipe::default() }
}

/// Whether a recipe, as it is written, is seen to make no files and to start nothing that stays.
fn is_harmless(recipe: &[u8]) -> bool {
    // A line is read as it is written: with a variable in it, it may be anything.
    memchr::memchr(b'$', recipe).is_none()
        && recipe.split(|&byte| byte == b'\n').all(|line| {
            let line = line.trim_ascii_start();
            let from = line.iter().take_while(|byte| b"@+- \t".contains(byte)).count();
            let line = &line[from..];
            line.is_empty() || !may_make_files(line, &recognise(line, &|_| Inherited::Unset))
        })
}

#[cfg(test)]
mod tests {
    use super::is_harmless;

    #[test]
    fn a_linter_is_harmless_and_what_is_not_known_is_not() {
        assert!(is_harmless(b"hadolint ./Dockerfile"));
        assert!(is_harmless(b"@echo checking\n\t@-hadolint Dockerfile"));
        assert!(!is_harmless(b"$(LINT)"));
        assert!(!is_harmless(b"sed s/a/b/ Dockerfile.in > Dockerfile"));
        assert!(!is_harmless(b"systemctl start docker"));
        assert!(!is_harmless(b"for i in a b; do cp $i .; done"));
    }
}

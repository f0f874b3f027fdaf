//! What listeners are told of a build (`base::events`). Decides nothing: without listeners, nothing here runs.

use crate::base::diagnostic::Place;
use crate::base::events::{BuildStep, Event, LineKind, Phase, Reason, StepState, Target, TargetOutcome};
use crate::base::tables::HashSet;
use crate::build::Build;
use crate::build::images::freshness::Judged;
use crate::build::images::sources::shown_dockerfile;
use crate::build::images::steps::{Step, Work};
use crate::build::job::Child;
use crate::image::engine::Image;
use crate::image::journal::{Report, Thing};
use crate::image::progress::{News, Reader, State, instruction_line};
use crate::os::children::Ended;
use crate::os::files::Mtime;
use crate::os::relay::Listener;
use crate::rules::file::{FileId, Status};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

impl Build {
    /// The target that listeners know `file` as.
    pub fn target(&self, file: FileId) -> Target<'static> {
        Target { id: file.index() as u32, name: self.session.name_of(file) }
    }

    /// The name of `file` for words that are kept: without hidden values.
    pub(in crate::build) fn shown_name(&self, file: FileId) -> String {
        let name = String::from_utf8_lossy(self.session.name_of(file));
        self.images
            .freshness
            .masks
            .as_ref()
            .map_or_else(|| name.clone().into_owned(), |masks| masks.hide_text(&name))
    }

    /// Where the recipe of `file` begins, or its image block.
    fn place_of(&self, file: FileId) -> Option<Place> {
        if let Some(block) = self.block_of(file) {
            return block.place;
        }
        let recipe = self.session.rules.files[file].recipe?;
        self.session.rules.recipes[recipe].place
    }

    /// Tells which goals are about to be made.
    pub(in crate::build) fn tell_goals(&mut self) {
        if !self.session.context.events.is_on() || self.session.remaking_makefiles {
            return;
        }
        let goals: Vec<Target> = self.goals.iter().map(|goal| self.target(goal.file)).collect();
        let expected = self.expected();
        self.session.context.events.tell(&Event::GoalsStarted { goals: &goals, expected: &expected });
    }

    /// The targets that rules name for the goals.
    fn expected(&self) -> Vec<u32> {
        let rules = &self.session.rules;
        let files = &rules.files;
        let mut known: HashSet<FileId> = HashSet::default();
        let mut pending: Vec<FileId> = self.goals.iter().map(|goal| goal.file).collect();
        let mut found = Vec::new();
        while let Some(first) = pending.pop() {
            for file in files.records(files.resolve(first)) {
                if !known.insert(file) {
                    continue;
                }
                found.extend(self.is_of_interest(file).then_some(file.index() as u32));
                let prerequisites = files.prerequisites(file).into_iter();
                pending.extend(prerequisites.filter(|dep| !dep.is_name()).map(|dep| dep.file()));
            }
        }
        found
    }

    /// Whether a rule is for `file`.
    fn is_of_interest(&self, file: FileId) -> bool {
        let record = &self.session.rules.files[file];
        record.recipe.is_some()
            || record.is_target
            || record.phony
            || self.session.rules.images.is_named(record.name)
    }

    /// Tells that a job begins, and gives it its slot.
    #[inline]
    pub(in crate::build) fn tell_target_started(&mut self, child: &mut Child) {
        if self.session.context.events.is_on() {
            self.target_started(child);
        }
    }

    #[cold]
    fn target_started(&mut self, child: &mut Child) {
        let taken = |slot: u32| self.children.iter().chain(&self.waiting).any(|other| other.slot == slot);
        child.slot = (0..).find(|&slot| !taken(slot)).unwrap_or_default();
        let event = Event::TargetStarted {
            target: self.target(child.file),
            place: self.place_of(child.file),
            reason: self.reason_of(child.file),
            slot: child.slot,
        };
        self.session.context.events.tell(&event);
    }

    fn reason_of(&self, file: FileId) -> Reason<'static> {
        let files = &self.session.rules.files;
        let record = &files[file];
        if self.block_of(file).is_some() {
            return Reason::Image;
        } else if record.phony {
            return Reason::Phony;
        } else if record.mtime == Mtime::ABSENT {
            return Reason::Absent;
        }
        let prerequisites = files.prerequisites(file).into_iter();
        let newer: Vec<&'static [u8]> = prerequisites
            .filter(|dep| !dep.is_name() && dep.changed() && !dep.order_only())
            .map(|dep| self.session.name_of(dep.file()))
            .collect();
        match newer.is_empty() {
            false => Reason::Newer(newer),
            true if self.session.always_make => Reason::Always,
            true => Reason::Other,
        }
    }

    /// Tells that a process was started for `child`: a line of its recipe, or `step`.
    #[inline]
    pub(in crate::build) fn tell_line_started(
        &mut self,
        child: &mut Child,
        text: &[u8],
        step: Option<&Step>,
    ) {
        if self.session.context.events.is_on() && child.pid != 0 {
            self.line_started(child, text, step);
        }
    }

    #[cold]
    fn line_started(&mut self, child: &mut Child, text: &[u8], step: Option<&Step>) {
        child.since = Some(Instant::now());
        let kind = match step.map(|step| &step.work) {
            None => LineKind::Recipe,
            Some(Work::Build(..) | Work::Bake(_)) => LineKind::Build,
            Some(Work::Create(_)) => LineKind::Create,
            Some(Work::Copy { .. }) => LineKind::Copy,
            Some(Work::Remove) => LineKind::Remove,
            Some(Work::Expect) => LineKind::Expect,
        };
        let own = self.session.rules.recipes[child.recipe].place;
        let place = match step {
            Some(step) => step.place,
            None => own.map(|place| Place { offset: child.line() as u32, ..place }),
        };
        let (slot, pid) = (child.slot, child.pid);
        let event = Event::LineStarted { target: self.target(child.file), text, place, kind, slot, pid };
        self.session.context.events.tell(&event);
    }

    /// Tells that a process of `child` ended.
    #[inline]
    pub(in crate::build) fn tell_child_ended(&mut self, child: &Child, ended: &Ended) {
        if self.session.context.events.is_on() {
            let took = child.since.map_or(Duration::ZERO, |since| since.elapsed());
            self.session.context.events.tell(&Event::ChildEnded {
                target: self.target(child.file),
                slot: child.slot,
                pid: ended.pid,
                code: ended.code,
                signal: ended.signal,
                took,
                usage: ended.usage,
            });
        }
    }

    /// Tells what came of `file`, whose recipe ran where `ran` says so.
    #[inline]
    pub(in crate::build) fn tell_target_ended(&mut self, file: FileId, ran: bool) {
        if self.session.context.events.is_on() {
            self.target_ended(file, ran);
        }
    }

    #[cold]
    fn target_ended(&mut self, file: FileId, ran: bool) {
        let files = &self.session.rules.files;
        let outcome = match files[file].status {
            Status::Question => TargetOutcome::OutOfDate,
            Status::Failed => {
                let failed = |file: FileId| files[files.resolve(file)].status > Status::None;
                let mut prerequisites = files.prerequisites(file).into_iter().filter(|dep| !dep.is_name());
                match !ran && prerequisites.any(|dep| failed(dep.file())) {
                    true => TargetOutcome::GivenUp,
                    false => TargetOutcome::Failed,
                }
            }
            _ if ran => TargetOutcome::Made,
            _ => TargetOutcome::UpToDate,
        };
        if !self.is_of_interest(file) && outcome != TargetOutcome::Failed {
            return;
        }
        let (target, place) = (self.target(file), self.place_of(file));
        self.session.context.events.tell(&Event::TargetEnded { target, outcome, place });
    }

    /// Tells whether the image of `file` is fresh.
    pub(in crate::build) fn tell_judged(&mut self, file: FileId, judged: &Judged) {
        if self.session.context.events.is_on() {
            let now = judged.before.as_deref();
            let dockerfile = shown_dockerfile(judged.sources.dockerfile.as_deref());
            let reasons: Vec<String> =
                judged.reasons.iter().flat_map(|reason| reason.messages(&dockerfile)).collect();
            self.session.context.events.tell(&Event::ImageJudged {
                target: self.target(file),
                tags: &judged.sources.tags,
                reasons: &reasons,
                id: now.map(|image| image.id.as_str()),
                size: now.map(|image| image.size),
            });
        }
    }

    /// Tells that the image of `file` was built.
    pub(in crate::build) fn tell_built(
        &mut self,
        file: FileId,
        judged: &Judged,
        now: Option<&Image>,
        unchanged: bool,
    ) {
        if self.session.context.events.is_on() {
            self.session.context.events.tell(&Event::ImageBuilt {
                target: self.target(file),
                tags: &judged.sources.tags,
                id: now.map(|image| image.id.as_str()),
                size: now.map(|image| image.size),
                unchanged,
            });
        }
    }

    /// Tells that a phase begins that is about `file`.
    #[inline]
    pub(in crate::build) fn tell_phase_of(&self, phase: Phase, file: FileId) {
        self.session.context.events.phase_started(phase, self.session.name_of(file));
    }

    /// Tells what was removed of what targets made on engines, and what is left.
    pub(in crate::build) fn tell_cleaned_up(&mut self, report: &Report) {
        if !self.session.context.events.is_on() {
            return;
        }
        let owners = report.removed.iter().map(|(_, target)| target);
        let mut targets: Vec<&String> = owners.chain(report.left.iter().map(|left| &left.target)).collect();
        targets.dedup();
        for target in targets {
            let own = report
                .removed
                .iter()
                .filter(|(thing, of)| of == target && !matches!(thing, Thing::File { .. }));
            let removed: Vec<String> = own.map(|(thing, _)| thing.shown()).collect();
            let left = report.left.iter().filter(|left| left.target == *target);
            let left: Vec<String> = left.map(|left| left.thing.shown()).collect();
            if !removed.is_empty() || !left.is_empty() {
                let event = Event::CleanedUp { target: target.as_bytes(), removed: &removed, left: &left };
                self.session.context.events.tell(&event);
            }
        }
    }

    /// Reads how the build of `file` goes on, where someone listens and the engine's client tells: on a terminal of its own it draws.
    /// The instruction that fails is looked for in `dockerfile`.
    pub(in crate::build) fn step_listener(
        &self,
        file: FileId,
        dockerfile: Option<&Path>,
    ) -> Option<Listener> {
        let steps = self.session.context.events.step_teller()?;
        if !self.session.context.output.has_footer() && rustix::termios::isatty(rustix::stdio::stderr()) {
            return None;
        }
        let target = file.index() as u32;
        let mut reader = Reader::default();
        let dockerfile = dockerfile.map(Path::to_owned);
        let failed = Arc::clone(&self.failed_steps);
        Some(Box::new(move |text| {
            for News { number, name, state } in reader.read(text) {
                let state = match state {
                    State::Started => StepState::Started,
                    State::Said(..) => continue,
                    State::Done(_) => StepState::Done,
                    State::Cached => StepState::Cached,
                    State::Failed(words) => {
                        let text =
                            dockerfile.as_ref().and_then(|path| crate::os::files::read_regular(path).ok());
                        let line = text.and_then(|text| instruction_line(&text, &name));
                        let shown = dockerfile.as_ref().map(|path| path.strip_prefix(".").unwrap_or(path));
                        let place = shown.zip(line).map(|(path, line)| (path.display().to_string(), line));
                        StepState::Failed(words, place)
                    }
                };
                let step = BuildStep { target, number, name, state };
                if matches!(&step.state, StepState::Failed(words, _) if words != "canceled") {
                    failed.lock().unwrap_or_else(PoisonError::into_inner).push(step.clone());
                }
                steps.tell(step);
            }
        }))
    }
}

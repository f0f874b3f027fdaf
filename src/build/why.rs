//! Why a target is remade, as data: the first reason and all others, of a file as make's rules have them, of an image as its inputs
//! do (`--why`). Knows nothing of words.

use crate::base::diagnostic::{Outcome, Place};
use crate::build::Build;
use crate::build::images::freshness::{ImageReason, Judged};
use crate::build::job::does_nothing;
use crate::graph::mtime;
use crate::image::command::whole::NotWhole;
use crate::os::files::Mtime;
use crate::os::output::Output;
use crate::rules::file::FileId;
use std::path::PathBuf;

/// A target that is remade, and the reasons.
#[derive(Clone, Debug)]
pub struct Why {
    /// Its name.
    pub target: Vec<u8>,
    /// Where its recipe or its block is; none for a built-in rule.
    pub place: Option<Place>,
    /// Whether it stands for an image.
    pub image: bool,
    /// The image's Dockerfile, where it is known.
    pub dockerfile: Option<PathBuf>,
    /// The reasons, the weightiest first; at least one.
    pub reasons: Vec<Because>,
}

/// A reason.
#[derive(Clone, Debug)]
pub enum Because {
    /// `-B` asks for it.
    Forced,
    /// It is phony: nothing can be up to date.
    Phony,
    /// There is no such file.
    Missing,
    /// Another file that the same recipe makes is not there.
    PeerMissing(Vec<u8>),
    /// A double-colon rule without prerequisites runs always.
    NoPrerequisites,
    /// A prerequisite asks for it.
    Prerequisite(Vec<u8>, Demand),
    /// Its image asks for it.
    Image(ImageReason),
    /// The image is fresh; what follows its build runs each time.
    FollowsImage,
    /// A recipe that is listed in `.IMAGE` is not understood whole, so that it runs each time: why not.
    NotUnderstood(NotWhole),
}

/// What a prerequisite has that its target is remade for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// It is newer.
    Newer,
    /// This run has remade it, or would.
    Remade,
    /// `-W` takes it for new.
    TakenForNew,
    /// It was seen to change while a run went on, or has a time of before its change.
    Edited,
    /// It is phony.
    Phony,
    /// It is not there, and is not made either.
    Missing,
    /// It is an image that this run has built, or would.
    Built,
    /// It is an intermediate file, and something that it is made from is newer.
    Through,
}

/// Is told why targets are remade.
pub trait Explainer {
    /// Puts it into words.
    fn explain(&self, output: &mut Output, why: &Why);
}

impl Build {
    /// Tells why `file` is remade, where somebody wants to know.
    pub(super) fn explain(&mut self, why: Why) {
        if self.collector.is_none()
            && let Some(explainer) = &self.explainer
        {
            explainer.explain(&mut self.session.context.output, &why);
        }
    }

    /// Why `file`, whose time is `this_mtime`, would be remade, as far as its prerequisites and its own time go. To be asked before
    /// the marks of what changed are renewed.
    pub(super) fn reasons_of(
        &mut self,
        file: FileId,
        this_mtime: Mtime,
        absent: bool,
    ) -> Outcome<Vec<Because>> {
        let mut reasons = Vec::new();
        let record = &self.session.rules.files[file];
        if record.phony {
            return Ok(vec![Because::Phony]);
        }
        if record.double_colon.is_some() && self.session.rules.files.first_cell(file).is_none() {
            reasons.push(Because::NoPrerequisites);
        }
        if record.mtime == Mtime::ABSENT {
            // An intermediate file is made for the sake of one that what it is made from is newer than.
            let parent =
                record.parent.filter(|_| record.intermediate).map(|id| self.session.rules.files[id].mtime);
            if let Some(time) = parent.filter(|&time| time != Mtime::ABSENT && time != Mtime::UNKNOWN) {
                self.demands(file, time, &mut reasons)?;
            }
            reasons.push(Because::Missing);
            return Ok(reasons);
        }
        let peers = record.also_make.clone();
        if absent {
            for &peer in &peers {
                if mtime::of(&mut self.session, peer)? == Mtime::ABSENT {
                    reasons.push(Because::PeerMissing(self.session.name_of(peer).to_vec()));
                }
            }
            return Ok(reasons);
        }
        for target in std::iter::once(file).chain(peers) {
            self.demands(target, this_mtime, &mut reasons)?;
        }
        Ok(reasons)
    }

    /// What prerequisites of `file` have that a target of time `this_mtime` is remade for.
    fn demands(&mut self, file: FileId, this_mtime: Mtime, reasons: &mut Vec<Because>) -> Outcome {
        let mut next = self.session.rules.files.first_cell(file);
        while let Some(cell) = next {
            next = self.session.rules.files.next_cell(cell);
            let Some(entry) = self.session.rules.files.dep(cell).filter(|entry| !entry.order_only()) else {
                continue;
            };
            let changed = entry.changed();
            let dep = self.session.rules.files.resolve(entry.file());
            let time = mtime::of(&mut self.session, dep)?;
            let dep = self.session.rules.files.resolve(dep);
            if let Some(demand) = self.demand_of(dep, time, this_mtime, changed) {
                let name = self.session.name_of(dep).to_vec();
                reasons.push(Because::Prerequisite(name, demand));
            }
        }
        Ok(())
    }

    /// What the prerequisite `dep` of time `time` has that a target of time `this_mtime` is remade for.
    fn demand_of(&self, dep: FileId, time: Mtime, this_mtime: Mtime, changed: bool) -> Option<Demand> {
        let record = &self.session.rules.files[dep];
        if self.block_of(dep).is_some() {
            return (!self.is_unchanged_image(dep)).then_some(Demand::Built);
        }
        if time == Mtime::ABSENT {
            return match (record.phony, record.intermediate) {
                (true, _) => (!self.is_unchanged_image(dep)).then_some(Demand::Phony),
                (false, false) => Some(Demand::Missing),
                (false, true) => changed.then_some(Demand::Through),
            };
        }
        if time <= this_mtime {
            return mtime::is_newer(&self.session, dep, time, this_mtime).then_some(Demand::Edited);
        }
        let name = self.session.name_of(dep);
        if record.mtime_before != time && record.mtime_before != Mtime::UNKNOWN {
            Some(Demand::Remade)
        } else if time == Mtime::NEW && self.session.settings.new_files.iter().any(|own| own == name) {
            Some(Demand::TakenForNew)
        } else if time == Mtime::NEW {
            Some(Demand::Remade)
        } else {
            Some(Demand::Newer)
        }
    }

    /// Tells why a file is remade: `because` is what [`Build::reasons_of`] found.
    pub(super) fn explain_file(&mut self, file: FileId, because: Vec<Because>) {
        let record = &self.session.rules.files[file];
        let Some(recipe) = record.recipe else { return };
        let recipe = &self.session.rules.recipes[recipe];
        if does_nothing(&recipe.text) {
            return;
        }
        let place = recipe.place;
        let mut reasons = because;
        if self.session.always_make {
            reasons.insert(0, Because::Forced);
        }
        if reasons.is_empty() {
            // What made the walk decide was an intermediate file's own prerequisite, and the file is as it was.
            let files = &self.session.rules.files;
            for dep in files.prerequisites(file).iter().map(|dep| files.resolve(dep.file())) {
                if files[dep].intermediate {
                    let name = self.session.name_of(dep).to_vec();
                    reasons.push(Because::Prerequisite(name, Demand::Through));
                }
            }
        }
        let target = self.session.name_of(file).to_vec();
        self.explain(Why { target, place, image: false, dockerfile: None, reasons });
    }

    /// Tells why an image is built, or why what follows its build runs although it is fresh.
    pub(super) fn explain_image(&mut self, file: FileId, place: Option<Place>, judged: &[Judged]) {
        let mut reasons: Vec<Because> =
            judged.iter().flat_map(|one| &one.reasons).cloned().map(Because::Image).collect();
        if reasons.is_empty() {
            reasons.push(match judged {
                [] => Because::Image(ImageReason::NoEngine),
                _ => Because::FollowsImage,
            });
        }
        let dockerfile = judged.iter().find(|one| !one.is_fresh()).or(judged.first());
        let dockerfile = dockerfile.and_then(|judged| judged.sources.dockerfile.clone());
        let target = self.session.name_of(file).to_vec();
        self.explain(Why { target, place, image: true, dockerfile, reasons });
    }
}

//! Whether a file has to be made, once its prerequisites are up to date, and what that begins (manual, "What to Do When You Have
//! Recipes", "Empty Recipes"). Knows nothing of how prerequisites were updated.

use crate::base::diagnostic::{Complaint, Outcome};
use crate::build::Build;
use crate::cli::settings::DebugLevels;
use crate::graph::mtime;
use crate::os::files::Mtime;
use crate::rules::ahead;
use crate::rules::file::{FileId, State, Status};

impl Build {
    /// Decides on `file`: makes it, or leaves it, or gives it up since a prerequisite failed (`status`).
    pub fn decide(
        &mut self,
        file: FileId,
        depth: usize,
        this_mtime: Mtime,
        absent: bool,
        must_make: bool,
        status: Status,
    ) -> Outcome<Status> {
        if status != Status::Success {
            self.session.rules.files[file].status =
                if status == Status::None { Status::Failed } else { status };
            self.notice_finished(file)?;
            self.say_of(DebugLevels::VERBOSE, depth, file, "Giving up on target file '%'.");
            let settings = &self.session.settings;
            if depth == 0 && settings.keep_going.is_on() && !settings.just_print && !settings.question {
                let complaint = Complaint::NotRemade(self.session.name_of(file).to_vec());
                self.session.complain(None, &complaint);
            }
            return Ok(status);
        }
        if self.session.rules.files[file].state == State::PrerequisitesRunning {
            self.set_state(file, State::NotStarted);
        }
        let mut must_make = must_make;
        let because = match self.explainer {
            Some(_) => self.reasons_of(file, this_mtime, absent)?,
            None => Vec::new(),
        };
        let changed = self.note_changes(file, depth, this_mtime, absent, &mut must_make)?;
        let always = self.session.always_make;
        let record = &self.session.rules.files[file];
        if record.double_colon.is_some() && self.session.rules.files.first_cell(file).is_none() {
            must_make = true;
            self.say_of(
                DebugLevels::BASIC,
                depth,
                file,
                "Target '%' is double-colon and has no prerequisites.",
            );
        } else if !absent && record.is_target && !changed && record.recipe.is_none() && !always {
            must_make = false;
            self.say_of(
                DebugLevels::VERBOSE,
                depth,
                file,
                "No recipe for '%' and no prerequisites actually changed.",
            );
        } else if !must_make && record.recipe.is_some() && always {
            must_make = true;
            self.say_of(DebugLevels::VERBOSE, depth, file, "Making '%' due to always-make flag.");
        }
        if !must_make {
            return self.leave(file, depth);
        }
        self.say_of(DebugLevels::BASIC, depth, file, "Must remake target '%'.");
        let record = &mut self.session.rules.files[file];
        if record.name != record.found_as {
            let found_as = record.found_as;
            record.ignore_vpath = true;
            self.say(DebugLevels::BASIC, depth, |build| {
                [b"  Ignoring VPATH name '", build.session.context.names.text(found_as), b"'."].concat()
            });
        }
        if self.explainer.is_some()
            && self.block_of(file).is_none()
            && !self.session.rules.images.is_listed(file)
        {
            self.explain_file(file, because);
        }
        self.make(file)?;
        let record = &self.session.rules.files[file];
        if record.state != State::Finished {
            self.say_of(DebugLevels::VERBOSE, depth, file, "Recipe of '%' is being run.");
            return Ok(Status::Success);
        }
        let status = record.status;
        match status {
            Status::Failed => {
                self.say_of(DebugLevels::BASIC, depth, file, "Failed to remake target file '%'.")
            }
            Status::Success => {
                self.say_of(DebugLevels::BASIC, depth, file, "Successfully remade target file '%'.")
            }
            Status::Question => {
                self.say_of(DebugLevels::BASIC, depth, file, "Target file '%' needs to be remade under -q.");
            }
            Status::None => {}
        }
        self.session.rules.files[file].updated = true;
        Ok(status)
    }

    /// Marks the prerequisites that are newer than `file`, for `$?`; whether any was changed by this run.
    fn note_changes(
        &mut self,
        file: FileId,
        depth: usize,
        this_mtime: Mtime,
        absent: bool,
        must_make: &mut bool,
    ) -> Outcome<bool> {
        let mut any = false;
        let mut next = self.session.rules.files.first_cell(file);
        while let Some(cell) = next {
            next = self.session.rules.files.next_cell(cell);
            let Some(entry) = self.session.rules.files.dep(cell) else { break };
            let dep = self.session.rules.files.resolve(entry.file());
            let time = mtime::of(&mut self.session, dep)?;
            let dep = self.session.rules.files.resolve(dep);
            if !entry.order_only() {
                let unchanged = self.is_unchanged_image(dep);
                if time == Mtime::ABSENT && !self.session.rules.files[dep].intermediate && !unchanged {
                    *must_make = true;
                }
                any |= entry.changed();
            }
            let changed = entry.changed() || absent || mtime::is_newer(&self.session, dep, time, this_mtime);
            if let Some(entry) = self.session.rules.files.dep_mut(cell) {
                entry.enter(dep);
                entry.set_changed(changed);
            }
            if absent || !self.debugging(DebugLevels::BASIC.with(DebugLevels::VERBOSE)) {
                continue;
            }
            let (levels, what) = if entry.order_only() {
                (DebugLevels::VERBOSE, "' is order-only for target '")
            } else if time == Mtime::ABSENT {
                (DebugLevels::BASIC, "' of target '")
            } else if changed {
                (DebugLevels::BASIC, "' is newer than target '")
            } else {
                (DebugLevels::VERBOSE, "' is older than target '")
            };
            let end: &[u8] =
                if !entry.order_only() && time == Mtime::ABSENT { b"' does not exist." } else { b"'." };
            self.say(levels, depth + 1, |build| {
                let (dep, file) = (build.session.name_of(dep), build.session.name_of(file));
                [b"Prerequisite '", dep, what.as_bytes(), file, end].concat()
            });
        }
        Ok(any)
    }

    /// Leaves `file` as it is: it is up to date.
    fn leave(&mut self, file: FileId, depth: usize) -> Outcome<Status> {
        self.say(DebugLevels::VERBOSE, depth, |build| {
            let record = &build.session.rules.files[file];
            let mut text = [b"No need to remake target '", build.session.name_of(file), b"'"].concat();
            if record.name != record.found_as {
                text.extend_from_slice(b"; using VPATH name '");
                text.extend_from_slice(build.session.context.names.text(record.found_as));
                text.push(b'\'');
            }
            text.push(b'.');
            text
        });
        let no_intermediates = self.session.rules.no_intermediates;
        let record = &mut self.session.rules.files[file];
        // What this run has not made, it does not delete.
        if !record.not_intermediate && !no_intermediates {
            record.secondary = true;
        }
        self.notice_finished(file)?;
        crate::graph::rename::take_name(&mut self.session, file);
        Ok(Status::Success)
    }

    /// Makes `file`: starts its recipe, or does what stands for one.
    fn make(&mut self, file: FileId) -> Outcome {
        if let Some(block) = self.block_of(file) {
            ahead::end(&mut self.session);
            return self.execute_image(file, &block);
        }
        if self.is_given_up(file) {
            self.session.rules.files[file].status = Status::Failed;
            return self.notice_finished(file);
        }
        let record = &self.session.rules.files[file];
        let Some(recipe) = record.recipe else {
            let (possible, dont_care) = (record.phony || record.is_target, record.dont_care);
            if possible {
                self.session.rules.files[file].status = Status::Success;
            } else {
                if !self.session.remaking_makefiles || !dont_care {
                    self.complain_of(file)?;
                }
                self.session.rules.files[file].status = Status::Failed;
            }
            return self.notice_finished(file);
        };
        ahead::end(&mut self.session);
        self.chop(recipe)?;
        if self.session.rules.images.is_listed(file) && self.collector.is_none() {
            return self.execute_listed(file, recipe);
        }
        if !self.session.settings.touch || self.session.rules.recipes[recipe].any_recurse {
            return self.execute_recipe(file, recipe);
        }
        self.session.rules.files[file].status = Status::Success;
        self.notice_finished(file)
    }
}

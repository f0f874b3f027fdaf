//! A file's update is over: times, touching, those made with it, intermediate files (manual, "Instead of Executing Recipes", "Chains
//! of Implicit Rules"). Knows nothing of processes.

use crate::base::diagnostic::{Complaint, Outcome, Place};
use crate::build::Build;
use crate::cli::settings::DebugLevels;
use crate::graph::mtime;
use crate::os::archive::{self, ArchiveError};
use crate::os::files::{self, Mtime};
use crate::rules::file::{FileId, State, Status};
use crate::rules::recipe::{RECURSE, RecipeId};

impl Build {
    /// Whether every line of the recipe runs a sub-make.
    fn only_recurses(&self, recipe: RecipeId) -> bool {
        self.session.rules.recipes[recipe].flags.iter().all(|flags| flags & RECURSE != 0)
    }

    /// Records that the update of `file` is over, whatever came of it.
    pub fn notice_finished(&mut self, file: FileId) -> Outcome {
        let record = &mut self.session.rules.files[file];
        let ran = record.state == State::Running;
        let mut touched = false;
        let told = record.updated;
        record.state = State::Finished;
        record.updated = true;
        let (recipe, phony) = (record.recipe, record.phony);
        if self.session.settings.touch && record.status == Status::Success {
            let recursive = recipe
                .filter(|&recipe| self.session.rules.recipes[recipe].any_recurse)
                .is_some_and(|recipe| self.only_recurses(recipe));
            if !recursive && recipe.is_some() && !phony {
                let status = self.touch(file);
                self.session.rules.files[file].status = status;
                self.commands_started += 1;
                touched = true;
            }
        }
        let record = &mut self.session.rules.files[file];
        if record.mtime_before == Mtime::UNKNOWN {
            record.mtime_before = record.mtime;
        }
        if (ran && !phony) || touched {
            let settings = &self.session.settings;
            let pretend = match recipe {
                Some(recipe) if settings.question || settings.just_print || settings.touch => {
                    !self.only_recurses(recipe)
                }
                None => self.session.rules.files[file].is_target,
                Some(_) => false,
            };
            self.session.rules.files[file].mtime = if pretend { Mtime::NEW } else { Mtime::UNKNOWN };
        }
        self.share_time(file);
        if !told {
            self.tell_target_ended(file, ran);
        }
        if ran && self.session.rules.files[file].status != Status::None {
            let status = self.session.rules.files[file].status;
            for index in 0..self.session.rules.files[file].also_make.len() {
                let peer = self.session.rules.files[file].also_make[index];
                let record = &mut self.session.rules.files[peer];
                record.state = State::Finished;
                record.updated = true;
                record.status = status;
                self.tell_target_ended(peer, ran);
                let record = &self.session.rules.files[peer];
                if !record.phony {
                    // The time is looked up now, so that a search along VPATH can happen.
                    mtime::look_up(&mut self.session, peer, false)?;
                }
            }
            if self.session.rules.files[file].tried_implicit
                && !self.session.rules.files[file].also_make.is_empty()
            {
                self.check_peers(file);
            }
        } else if self.session.rules.files[file].status == Status::None {
            self.session.rules.files[file].status = Status::Success;
        }
        Ok(())
    }

    /// When the last record of a double-colon target is done, all get the newest of their times.
    fn share_time(&mut self, file: FileId) {
        let Some(first) = self.session.rules.files[file].double_colon else { return };
        let files = &mut self.session.rules.files;
        // The rules are done in order: a look at the next one spares all but the last a look at them all.
        if files[file].next.is_some_and(|next| !files[next].updated) {
            return;
        }
        let records = files.records(first);
        if !records.iter().all(|&record| files[record].updated) {
            return;
        }
        let times = || records.iter().map(|&record| files[record].mtime);
        let newest = if times().any(|time| time == Mtime::UNKNOWN) {
            Mtime::UNKNOWN
        } else {
            times().max().unwrap_or(Mtime::UNKNOWN)
        };
        for record in records {
            files[record].mtime = newest;
        }
    }

    /// Warns of targets that the recipe of a pattern rule should have made too.
    fn check_peers(&mut self, file: FileId) {
        let record = &self.session.rules.files[file];
        let mut time = record.mtime;
        if time == Mtime::UNKNOWN {
            let name = self.session.name_of(file);
            time = mtime::of_name(&mut self.session, name);
        }
        let record = &self.session.rules.files[file];
        if !time.is_ordinary() || time <= record.mtime_before {
            return;
        }
        let recipe = record.recipe.map(|recipe| &self.session.rules.recipes[recipe]);
        let place = recipe.and_then(|recipe| {
            recipe.place.map(|place| Place { offset: place.offset + recipe.last_line, ..place })
        });
        for index in 0..record.also_make.len() {
            let peer = self.session.rules.files[file].also_make[index];
            if self.session.rules.files[peer].mtime == Mtime::ABSENT {
                let complaint = Complaint::PeerNotUpdated(self.session.name_of(peer).to_vec());
                self.session.complain(place, &complaint);
            }
        }
    }

    fn touch(&mut self, file: FileId) -> Status {
        let name = self.session.name_of(file);
        if !self.is_silent() {
            self.session.context.output.say(&[b"touch ", name, b"\n"].concat());
        }
        if self.session.settings.just_print {
            return Status::Success;
        }
        let failed = |build: &mut Build, complaint: Complaint| {
            build.session.complain(None, &complaint);
            Status::Failed
        };
        if let Some((archive, member)) = archive::split_member(name).filter(|_| archive::is_member(name)) {
            let (archive_name, member_name) = (archive.to_vec(), member.to_vec());
            return match archive::touch_member(archive, member) {
                Ok(true) => Status::Success,
                Ok(false) => {
                    failed(self, Complaint::MemberMissing { archive: archive_name, member: member_name })
                }
                Err(ArchiveError::System(libc::ENOENT)) => {
                    failed(self, Complaint::ArchiveMissing(archive_name))
                }
                Err(ArchiveError::System(error)) => {
                    failed(self, Complaint::System { what: archive_name, error })
                }
                Err(ArchiveError::NotAnArchive) => failed(self, Complaint::NotAnArchive(archive_name)),
            };
        }
        match files::touch(name) {
            Ok(()) => Status::Success,
            Err((call, error)) => {
                failed(self, Complaint::System { what: [call.as_bytes(), name].concat(), error })
            }
        }
    }

    /// Deletes the intermediate files that this run has made; `by_signal` where a signal ends it.
    pub fn remove_intermediates(&mut self, by_signal: bool) {
        let settings = &self.session.settings;
        if settings.question
            || settings.touch
            || self.session.rules.all_secondary
            || self.session.rules.no_intermediates
            || (by_signal && settings.just_print)
        {
            return;
        }
        let just_print = settings.just_print;
        let mut candidates: Vec<FileId> = self
            .session
            .rules
            .files
            .bound()
            .into_iter()
            .filter(|&file| {
                let record = &self.session.rules.files[file];
                record.intermediate
                    && (record.dont_care || !record.precious)
                    && !record.secondary
                    && !record.not_intermediate
                    && !record.is_goal
                    && record.status != Status::None
            })
            .collect();
        if candidates.len() > 1 {
            let (order, _) = self.session.rules.files.in_table_order(&self.session.context.names);
            candidates = order.into_iter().filter(|file| candidates.binary_search(file).is_ok()).collect();
        }
        let mut any = false;
        for file in candidates {
            let name = self.session.name_of(file);
            let mut error = None;
            if !just_print {
                match rustix::fs::unlink(name) {
                    Err(rustix::io::Errno::NOENT) => continue,
                    result => error = result.err(),
                }
            }
            if self.session.rules.files[file].dont_care {
                continue;
            }
            if by_signal {
                self.session.complain(None, &Complaint::DeletingIntermediate(name.to_vec()));
            } else {
                if !any {
                    self.say(DebugLevels::BASIC, 0, |_| b"Removing intermediate files...".to_vec());
                }
                if !self.is_silent() {
                    let before: &[u8] = if any { b" " } else { b"rm " };
                    self.session.context.output.say_raw(&[before, name].concat());
                    any = true;
                }
            }
            if let Some(error) = error {
                let what = [b"\nunlink: ", name].concat();
                self.session.complain(None, &Complaint::System { what, error: error.raw_os_error() });
                any = false;
            }
        }
        if any && !by_signal {
            self.session.context.output.raw(b"\n");
        }
    }
}

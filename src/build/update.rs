//! The walk: a file, its prerequisites, and whether it has to be made (manual, "How make Processes a Makefile", "Multiple Rules for
//! One Target", "Chains of Implicit Rules"). Knows nothing of processes.

use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::build::Build;
use crate::cli::settings::DebugLevels;
use crate::graph::mtime;
use crate::os::files::Mtime;
use crate::rules::chain::Cell;
use crate::rules::file::{FileId, State, Status};
use crate::rules::{ahead, implicit, prerequisites, special};

impl Build {
    /// Brings `file` up to date, each of its records where it has several; `Success` also means "not sure yet".
    pub fn update_file(&mut self, file: FileId, depth: usize) -> Outcome<Status> {
        let first = self.session.rules.files[file].double_colon.unwrap_or(file);
        let record = &self.session.rules.files[first];
        if record.considered == self.considered
            && !(record.updated && record.status > Status::None && !record.dont_care && record.no_diagnostic)
        {
            self.say_of(DebugLevels::VERBOSE, depth, file, "Pruning file '%'.");
            let record = &self.session.rules.files[first];
            return Ok(if record.state == State::Finished { record.status } else { Status::Success });
        }
        let mut status = Status::Success;
        let mut link = Some(first);
        while let Some(id) = link {
            self.session.rules.files[id].considered = self.considered;
            let new = self.update_record(id, depth)?;
            let id = self.session.rules.files.resolve(id);
            if new != Status::Success && !self.session.settings.keep_going.is_on() {
                return Ok(new);
            }
            let record = &self.session.rules.files[id];
            if matches!(record.state, State::Running | State::PrerequisitesRunning) {
                // The other rules of this target wait for this one.
                return Ok(Status::Success);
            }
            status = status.max(new);
            link = record.next;
        }
        Ok(status)
    }

    /// Says that there is no rule for `file`, or for the prerequisite of its that is at fault.
    pub fn complain_of(&mut self, file: FileId) -> Outcome {
        self.session.context.hold_folders()?;
        let files = &self.session.rules.files;
        let record = &files[file];
        let culprit = files.prerequisites(file).iter().map(|dep| dep.file()).find(|&dep| {
            let dep = &files[dep];
            dep.updated && dep.status > Status::None && record.no_diagnostic
        });
        if let Some(culprit) = culprit {
            self.complain_of(culprit)?;
            return Ok(());
        }
        self.show_goal_error();
        let parent =
            self.session.rules.files[file].parent.map(|parent| self.session.name_of(parent).to_vec());
        let complaint = Complaint::NoRule { target: self.session.name_of(file).to_vec(), parent };
        if !self.session.settings.keep_going.is_on() {
            return Err(Stop::fatal(None, complaint));
        }
        let words = crate::base::diagnostic::wording::words(&complaint);
        let text = [b"*** ", &words[..], b"."].concat();
        self.session.complain(None, &Complaint::Text(text));
        self.session.rules.files[file].no_diagnostic = false;
        Ok(())
    }

    fn set_updating(&mut self, file: FileId, on: bool) {
        let files = &mut self.session.rules.files;
        let first = files[file].double_colon.unwrap_or(file);
        files[first].updating = on;
    }

    fn is_updating(&self, file: FileId) -> bool {
        let files = &self.session.rules.files;
        files[files[file].double_colon.unwrap_or(file)].updating
    }

    /// Whether any record of `file` runs, or waits for prerequisites that do.
    fn is_running(&self, file: FileId) -> bool {
        let files = &self.session.rules.files;
        let mut link = Some(files[file].double_colon.unwrap_or(file));
        while let Some(id) = link {
            if matches!(files[id].state, State::Running | State::PrerequisitesRunning) {
                return true;
            }
            link = files[id].next;
        }
        false
    }

    /// Sets the state of `file`, and of those made with it where that is further.
    pub fn set_state(&mut self, file: FileId, state: State) {
        let files = &mut self.session.rules.files;
        files[file].state = state;
        for index in 0..files[file].also_make.len() {
            let other = files[file].also_make[index];
            if state > files[other].state {
                files[other].state = state;
            }
        }
    }

    /// The prerequisite in `cell`, as the file it turned out to be.
    fn dependency(&mut self, cell: Cell) -> Option<FileId> {
        let files = &mut self.session.rules.files;
        let known = files.dep(cell)?.file();
        let resolved = files.resolve(known);
        if known != resolved
            && let Some(entry) = files.dep_mut(cell)
        {
            entry.enter(resolved);
        }
        Some(resolved)
    }

    fn set_changed(&mut self, cell: Cell, changed: bool) {
        if let Some(entry) = self.session.rules.files.dep_mut(cell) {
            entry.set_changed(changed);
        }
    }

    fn find_implicit(&mut self, file: FileId, depth: usize) -> Outcome {
        let record = &self.session.rules.files[file];
        if !record.phony && record.recipe.is_none() && !record.tried_implicit {
            let session = &mut self.session;
            let found = !implicit::is_alone(session, file) && {
                special::finish_rules(session)?;
                implicit::try_implicit(session, file, depth)?
            };
            self.session.context.hold_folders()?;
            self.session.rules.files[file].tried_implicit = true;
            if found {
                ahead::expect(&mut self.session, file);
            }
            if found && !self.session.rules.files[file].shuffled {
                self.shuffle_prerequisites(file);
            }
        }
        let rules = &self.session.rules;
        let record = &rules.files[file];
        if record.recipe.is_none()
            && !record.is_target
            && let Some(default) = rules.files[rules.default_file].recipe
        {
            self.say_of(DebugLevels::IMPLICIT, depth, file, "Using default recipe for '%'.");
            self.session.rules.files[file].recipe = Some(default);
        }
        Ok(())
    }

    /// Does the second expansion of the prerequisites of `file`, where that was asked for.
    fn expand_prerequisites(&mut self, file: FileId) -> Outcome {
        if self.session.rules.second_expansion {
            let always = self.session.always_make;
            if prerequisites::expand_second(&mut self.session, file, always)? {
                self.shuffle_prerequisites(file);
            }
        }
        Ok(())
    }

    fn update_record(&mut self, file: FileId, depth: usize) -> Outcome<Status> {
        self.heed_signal()?;
        self.say_of(DebugLevels::VERBOSE, depth, file, "Considering target file '%'.");
        let record = &self.session.rules.files[file];
        if record.updated {
            if record.status > Status::None {
                let (status, untold) = (record.status, record.no_diagnostic && !record.dont_care);
                self.say_of(
                    DebugLevels::VERBOSE,
                    depth,
                    file,
                    "Recently tried and failed to update file '%'.",
                );
                if untold {
                    self.complain_of(file)?;
                }
                return Ok(status);
            }
            self.say_of(DebugLevels::VERBOSE, depth, file, "File '%' was considered already.");
            return Ok(Status::Success);
        }
        match record.state {
            State::NotStarted | State::PrerequisitesRunning => {}
            State::Running => {
                self.say_of(DebugLevels::VERBOSE, depth, file, "Still updating file '%'.");
                return Ok(Status::Success);
            }
            State::Finished => {
                let status = record.status;
                self.say_of(DebugLevels::VERBOSE, depth, file, "Finished updating file '%'.");
                return Ok(status);
            }
        }
        let record = &mut self.session.rules.files[file];
        record.no_diagnostic = record.dont_care;
        self.meet_image(file)?;
        self.set_updating(file, true);
        let original = file;
        let depth = depth + 1;

        // The time first: a search may rename the file, which then needs no implicit rule.
        let mut this_mtime = mtime::of(&mut self.session, file)?;
        let file = self.session.rules.files.resolve(file);
        let mut absent = this_mtime == Mtime::ABSENT;
        if absent {
            self.say_of(DebugLevels::BASIC, depth, file, "File '%' does not exist.");
        } else if this_mtime.is_ordinary() && self.session.rules.files[file].low_resolution {
            let nanoseconds = this_mtime.nanoseconds();
            if nanoseconds != 0 {
                let complaint = Complaint::LowResolution(self.session.name_of(file).to_vec());
                self.session.complain(None, &complaint);
            }
            this_mtime = Mtime(this_mtime.0 + 999_999_999 - nanoseconds);
        }
        for index in 0..self.session.rules.files[file].also_make.len() {
            if absent {
                break;
            }
            let peer = self.session.rules.files[file].also_make[index];
            let time = mtime::of(&mut self.session, peer)?;
            absent = time == Mtime::ABSENT;
            if absent {
                self.say(DebugLevels::BASIC, depth, |build| {
                    let (peer, file) = (build.session.name_of(peer), build.session.name_of(file));
                    [b"Grouped target peer '", peer, b"' of file '", file, b"' does not exist."].concat()
                });
            } else if time < this_mtime {
                this_mtime = time;
            }
        }
        let mut must_make = absent;
        self.find_implicit(file, depth)?;

        let mut status = Status::Success;
        let mut running = false;
        self.check_dependencies(file, depth, this_mtime, &mut must_make, &mut status, &mut running)?;
        if must_make || self.session.always_make {
            self.update_intermediates(file, depth, &mut status, &mut running)?;
        }
        self.set_updating(file, false);
        self.set_updating(original, false);
        let depth = depth - 1;
        if running {
            self.set_state(file, State::PrerequisitesRunning);
            self.say_of(DebugLevels::VERBOSE, depth, file, "The prerequisites of '%' are being made.");
            return Ok(Status::Success);
        }
        self.say_of(DebugLevels::VERBOSE, depth, file, "Finished prerequisites of target file '%'.");
        self.decide(file, depth, this_mtime, absent, must_make, status)
    }

    /// Brings the prerequisites of `file`, and of those made with it, up to date, intermediate ones left out.
    fn check_dependencies(
        &mut self,
        file: FileId,
        depth: usize,
        this_mtime: Mtime,
        must_make: &mut bool,
        status: &mut Status,
        running: &mut bool,
    ) -> Outcome {
        let peers = self.session.rules.files[file].also_make.len();
        for number in 0..=peers {
            let target = match number {
                0 => file,
                _ => match self.session.rules.files[file].also_make.get(number - 1) {
                    Some(&peer) => peer,
                    None => break,
                },
            };
            self.expand_prerequisites(target)?;
            let mut last = None;
            let mut next = self.session.rules.files.first_cell(target);
            while let Some(place) = next {
                let cell = self.session.rules.files.turn(place);
                let Some(entry) = self.session.rules.files.dep(cell) else { break };
                if entry.wait() && *running {
                    break;
                }
                let Some(dep) = self.dependency(cell) else { break };
                let time = mtime::of(&mut self.session, dep)?;
                let Some(dep) = self.dependency(cell) else { break };
                if self.is_updating(dep) {
                    // GNU make cuts the list of the target that is made, also where the circle is in a peer's; and where
                    // prerequisites are shuffled it drops the one whose turn was taken.
                    self.drop_circular(file, dep);
                    self.session.rules.files.cut_cell(file, last, place);
                    next = self.session.rules.files.next_cell(place);
                    continue;
                }
                let new = self.check_one(file, dep, depth, this_mtime, must_make, entry.order_only())?;
                *status = (*status).max(new);
                let Some(dep) = self.dependency(cell) else { break };
                *running |= self.is_running(dep);
                if *status != Status::Success && !self.session.settings.keep_going.is_on() {
                    break;
                }
                if !*running {
                    let now = mtime::of(&mut self.session, dep)?;
                    let changed = (now != time || time == Mtime::ABSENT) && !self.is_unchanged_image(dep);
                    self.set_changed(cell, changed);
                }
                last = Some(place);
                next = self.session.rules.files.next_cell(place);
            }
        }
        Ok(())
    }

    fn drop_circular(&mut self, file: FileId, dep: FileId) {
        let (target, prerequisite) =
            (self.session.name_of(file).to_vec(), self.session.name_of(dep).to_vec());
        self.session.complain(None, &Complaint::Circular { target, prerequisite });
    }

    fn check_one(
        &mut self,
        file: FileId,
        dep: FileId,
        depth: usize,
        this_mtime: Mtime,
        must_make: &mut bool,
        order_only: bool,
    ) -> Outcome<Status> {
        let remaking = self.session.remaking_makefiles;
        let inherited = self.session.rules.files[file].dont_care;
        let record = &mut self.session.rules.files[dep];
        record.parent = Some(file);
        let own = record.dont_care;
        if remaking {
            record.dont_care = inherited;
        }
        let mut maybe = *must_make;
        let status = self.check_dependency(dep, depth, this_mtime, &mut maybe)?;
        if remaking {
            self.session.rules.files[dep].dont_care = own;
        }
        if !order_only {
            *must_make = maybe;
        }
        Ok(status)
    }

    /// Brings one prerequisite up to date, and tells whether a target of time `this_mtime` has to be made for its sake. Of an
    /// intermediate file that is not there, its own prerequisites decide.
    fn check_dependency(
        &mut self,
        file: FileId,
        depth: usize,
        this_mtime: Mtime,
        must_make: &mut bool,
    ) -> Outcome<Status> {
        self.set_updating(file, true);
        let original = file;
        let mut status = Status::Success;
        let record = &self.session.rules.files[file];
        let mut file = file;
        if record.phony || !record.intermediate {
            status = self.update_file(file, depth)?;
            file = self.session.rules.files.resolve(file);
            let time = mtime::of(&mut self.session, file)?;
            file = self.session.rules.files.resolve(file);
            if (time == Mtime::ABSENT && !self.is_unchanged_image(file))
                || mtime::is_newer(&self.session, file, time, this_mtime)
            {
                *must_make = true;
            }
        } else {
            self.find_implicit(file, depth)?;
            file = self.session.rules.files.resolve(file);
            let time = mtime::of(&mut self.session, file)?;
            file = self.session.rules.files.resolve(file);
            if time != Mtime::ABSENT && mtime::is_newer(&self.session, file, time, this_mtime) {
                *must_make = true;
            } else {
                self.check_through(file, depth, this_mtime, must_make, &mut status)?;
            }
        }
        self.set_updating(file, false);
        self.set_updating(original, false);
        Ok(status)
    }

    /// Looks through an intermediate file at what it is made from.
    fn check_through(
        &mut self,
        file: FileId,
        depth: usize,
        this_mtime: Mtime,
        must_make: &mut bool,
        status: &mut Status,
    ) -> Outcome {
        let record = &mut self.session.rules.files[file];
        if record.state != State::Running {
            if record.state == State::PrerequisitesRunning {
                record.considered = 0;
            }
            self.set_state(file, State::NotStarted);
        }
        self.expand_prerequisites(file)?;
        let mut running = false;
        let mut last = None;
        let mut next = self.session.rules.files.first_cell(file);
        while let Some(cell) = next {
            let Some(dep) = self.dependency(cell) else { break };
            if self.is_updating(dep) {
                self.drop_circular(file, dep);
                self.session.rules.files.cut_cell(file, last, cell);
                next = self.session.rules.files.next_cell(cell);
                continue;
            }
            self.session.rules.files[dep].parent = Some(file);
            let mut maybe = *must_make;
            let new = self.check_dependency(dep, depth + 1, this_mtime, &mut maybe)?;
            *status = (*status).max(new);
            if self.session.rules.files.dep(cell).is_some_and(|entry| !entry.order_only()) {
                *must_make = maybe;
            }
            let Some(dep) = self.dependency(cell) else { break };
            if *status != Status::Success && !self.session.settings.keep_going.is_on() {
                break;
            }
            let state = self.session.rules.files[dep].state;
            running |= matches!(state, State::Running | State::PrerequisitesRunning);
            last = Some(cell);
            next = self.session.rules.files.next_cell(cell);
        }
        if running {
            self.set_state(file, State::PrerequisitesRunning);
        }
        Ok(())
    }

    /// Brings the intermediate prerequisites of `file` up to date, now that it has to be made.
    fn update_intermediates(
        &mut self,
        file: FileId,
        depth: usize,
        status: &mut Status,
        running: &mut bool,
    ) -> Outcome {
        let mut next = self.session.rules.files.first_cell(file);
        while let Some(place) = next {
            next = self.session.rules.files.next_cell(place);
            let cell = self.session.rules.files.turn(place);
            let Some(dep) = self.dependency(cell) else { break };
            if *running && self.session.rules.files.dep(cell).is_some_and(|entry| entry.wait()) {
                break;
            }
            if !self.session.rules.files[dep].intermediate {
                continue;
            }
            let time = mtime::of(&mut self.session, dep)?;
            let Some(dep) = self.dependency(cell) else { break };
            let remaking = self.session.remaking_makefiles;
            let inherited = self.session.rules.files[file].dont_care;
            let record = &mut self.session.rules.files[dep];
            record.parent = Some(file);
            let own = record.dont_care;
            if remaking {
                record.dont_care = inherited;
            }
            record.considered = 0;
            let new = self.update_file(dep, depth)?;
            *status = (*status).max(new);
            if remaking {
                self.session.rules.files[dep].dont_care = own;
            }
            let Some(dep) = self.dependency(cell) else { break };
            *running |= self.is_running(dep);
            if *status != Status::Success && !self.session.settings.keep_going.is_on() {
                break;
            }
            if !*running {
                let now = mtime::of(&mut self.session, dep)?;
                let record = &self.session.rules.files[file];
                let changed = (record.phony && record.recipe.is_some()) || now != time;
                self.set_changed(cell, changed);
            }
        }
        Ok(())
    }
}

//! The goals, made one after another or at once (manual, "Arguments to Specify the Goals"). Knows nothing of how one is made.

use crate::base::diagnostic::{Complaint, Outcome};
use crate::build::{Build, Goal};
use crate::graph::mtime;
use crate::rules::ahead;
use crate::rules::file::Status;

impl Build {
    /// Makes all of `goals`, and returns the worst that came of them. Where makefiles are remade, it ends at the first that
    /// was, so that they can be read anew; the goals are returned in [`Build::goals`].
    pub fn update_goals(&mut self, goals: Vec<Goal>) -> Outcome<Status> {
        let remaking = self.session.remaking_makefiles;
        let saved =
            (self.session.settings.touch, self.session.settings.question, self.session.settings.just_print);
        let mut left = self.shuffle_goals(&goals);
        ahead::begin(&mut self.session, left.iter().map(|&at| goals[at].file).collect());
        self.goals = goals;
        let mut status = Status::None;
        let mut last_ended = u64::MAX;
        self.considered += 1;
        self.tell_goals();
        let result = 'all: loop {
            if left.is_empty() {
                break Ok(());
            }
            if let Err(stop) = self.start_waiting() {
                break Err(stop);
            }
            let block = last_ended == self.commands_ended;
            if let Err(stop) = self.reap(block, false) {
                break Err(stop);
            }
            last_ended = self.commands_ended;
            let mut at = 0;
            let mut stopped = false;
            while at < left.len() {
                let goal = left[at];
                match self.update_goal(goal, &mut status, saved) {
                    Err(stop) => break 'all Err(stop),
                    Ok((stop, finished)) => {
                        if stop || finished {
                            self.say_nothing_done(goal);
                            left.remove(at);
                            if stop {
                                stopped = true;
                                break;
                            }
                        } else {
                            at += 1;
                        }
                    }
                }
            }
            if !stopped {
                self.considered += 1;
            }
        };
        ahead::end(&mut self.session);
        // Where it ends in error, clean-up still goes by the settings of the makefile that was being remade.
        if remaking && result.is_ok() {
            let settings = &mut self.session.settings;
            (settings.touch, settings.question, settings.just_print) = saved;
        }
        result.map(|()| status)
    }

    /// Considers one goal; whether all is to stop, and whether the goal is finished.
    fn update_goal(
        &mut self,
        goal: usize,
        status: &mut Status,
        saved: (bool, bool, bool),
    ) -> Outcome<(bool, bool)> {
        let remaking = self.session.remaking_makefiles;
        self.current_goal = goal;
        let (mut stop, mut unfinished) = (false, false);
        let first = self.goals[goal].file;
        for record in self.session.rules.files.records(first) {
            let mut file = self.session.rules.files.resolve(record);
            self.session.rules.files[file].dont_care = self.goals[goal].optional;
            if remaking {
                let settings = &mut self.session.settings;
                (settings.touch, settings.question, settings.just_print) =
                    if self.session.rules.files[file].is_goal { saved } else { (false, false, false) };
            }
            let started = self.commands_started;
            let failed = self.update_file(file, if remaking { 1 } else { 0 })?;
            self.session.context.hold_folders()?;
            file = self.session.rules.files.resolve(file);
            if self.commands_started > started {
                self.goals[goal].changed = true;
            }
            stop = false;
            let record = &self.session.rules.files[file];
            let (updated, own_status) = (record.updated, record.status);
            if (failed != Status::Success || updated) && *status < Status::Question {
                if own_status != Status::Success {
                    *status = own_status;
                    let settings = &self.session.settings;
                    stop = settings.question && !settings.keep_going.is_on() && !remaking;
                } else {
                    let before = record.mtime_before;
                    let time = if remaking {
                        mtime::of_place(&mut self.session, file)?
                    } else {
                        mtime::of(&mut self.session, file)?
                    };
                    file = self.session.rules.files.resolve(file);
                    if self.session.rules.files[file].updated && time != before {
                        let settings = &self.session.settings;
                        if !remaking || (!settings.just_print && !settings.question) {
                            *status = Status::Success;
                        }
                        if remaking && self.session.rules.files[file].dont_care {
                            stop = true;
                        }
                    }
                }
            }
            unfinished |= !self.session.rules.files[file].updated;
            self.session.rules.files[file].dont_care = false;
            if stop {
                break;
            }
        }
        Ok((stop, !unfinished))
    }

    /// Says that a goal needed nothing.
    fn say_nothing_done(&mut self, goal: usize) {
        let file = self.goals[goal].file;
        let record = &self.session.rules.files[file];
        if self.session.remaking_makefiles
            || record.status != Status::Success
            || self.goals[goal].changed
            || self.is_silent()
            || self.session.settings.question
        {
            return;
        }
        if self.collect_up_to_date(file) {
            return;
        }
        let record = &self.session.rules.files[file];
        let output = &self.session.context.output;
        let before = crate::base::diagnostic::wording::prefix(None, &output.program, output.level);
        let name = self.session.name_of(file);
        let text = if record.phony || record.recipe.is_none() {
            [&before[..], b"Nothing to be done for '", name, b"'.\n"].concat()
        } else {
            [&before[..], b"'", name, b"' is up to date.\n"].concat()
        };
        self.session.context.output.say(&text);
    }

    /// Whether commands are not shown (`-s`, `.SILENT`).
    pub fn is_silent(&self) -> bool {
        self.session.settings.silent.is_on() || self.session.rules.silent
    }

    /// Says why an included makefile could not be opened, once, when the rule for it fails.
    pub fn show_goal_error(&mut self) {
        let Some(current) = self.goals.get(self.current_goal) else { return };
        if !self.session.remaking_makefiles || !current.included || current.optional {
            return;
        }
        let file = current.file;
        let Some(goal) = self.goals.iter_mut().find(|goal| goal.file == file) else { return };
        if let Some(error) = goal.error.take() {
            let place = goal.place;
            let what = self.session.name_of(file).to_vec();
            self.session.complain(place, &Complaint::System { what, error });
        }
    }
}

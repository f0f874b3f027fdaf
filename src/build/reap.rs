//! Children that ended: the next line, a failure, the target finished (manual, "Errors in Recipes"). Knows nothing of how they were
//! started.

use crate::base::diagnostic::{Complaint, Outcome, Place, Stop};
use crate::base::events::Phase;
use crate::build::images::steps::Step;
use crate::build::job::Child;
use crate::build::{Build, Failed};
use crate::cli::settings::DebugLevels;
use crate::os::children::{Ended, Waited};
use crate::os::interruption;
use crate::os::output::Grouping;
use crate::os::sys;
use crate::rules::file::{State, Status};

impl Build {
    /// Takes in children that have ended; with `block` it waits for one. `dying` tells that the run is ending in error and only
    /// waits for what is left.
    pub fn reap(&mut self, block: bool, dying: bool) -> Outcome {
        self.heed_signal()?;
        let mut block = block;
        while !self.children.is_empty() {
            if dying && block && !std::mem::replace(&mut self.said_waiting, true) {
                self.session.complain(None, &Complaint::Waiting);
            }
            let (index, ended) = match self.children.iter().rposition(|child| child.pid < 0) {
                Some(index) => {
                    let step = self.children.get(index).and_then(|child| child.step.as_ref());
                    let code = if step.is_some_and(Step::has_no_process) { 1 } else { 127 };
                    (index, Ended { code, ..Ended::lost(-1) })
                }
                None => {
                    if block {
                        self.say_children();
                        self.session.context.output.flush();
                    }
                    let waited = self.wait_for_child(block);
                    if interruption::take_debug_signal() {
                        let levels = &mut self.session.settings.debug_levels;
                        *levels = if levels.is_empty() { DebugLevels::BASIC } else { DebugLevels::NONE };
                    }
                    match waited {
                        Waited::Nothing | Waited::Ready => return Ok(()),
                        Waited::Signal(signal) if self.dying => {
                            let _ = signal;
                            continue;
                        }
                        Waited::Signal(signal) => return Err(Stop::Signal(signal)),
                        Waited::Child(ended) => {
                            if !block {
                                self.say_children();
                            }
                            self.commands_ended += 1;
                            self.session.context.folders.changed();
                            match self.children.iter().position(|child| child.pid == ended.pid) {
                                Some(index) => (index, ended),
                                // Somebody else's child, inherited with this process.
                                None => continue,
                            }
                        }
                    }
                }
            };
            if ended.pid < 0 {
                // It could not be started: there is nothing to reap.
                self.commands_ended += 1;
            } else {
                let won = ended.code == 0 && ended.signal == 0;
                let what = if won { "Reaping winning child % PID" } else { "Reaping losing child % PID" };
                self.say_of_child(what, ended.pid, None, " ");
            }
            let child = self.children.remove(index);
            if self.child_ended(child, index, ended, dying)? {
                block = false;
            }
        }
        Ok(())
    }

    /// Ends the run where a fatal signal came in, whether or not there are children to wait for.
    #[inline]
    pub fn heed_signal(&mut self) -> Outcome {
        // Not taken: whoever drops the error does not drop the signal.
        match interruption::untaken() {
            Some(signal) if !self.dying => Err(Stop::Signal(signal)),
            _ => Ok(()),
        }
    }

    fn wait_for_child(&mut self, block: bool) -> Waited {
        if !block || !self.session.context.events.is_on() {
            return self.waiter.wait(block, None);
        }
        self.session.context.events.phase_started(Phase::Waiting, b"");
        let events = &self.session.context.events;
        let waited = loop {
            match self.waiter.wait(true, events.steps_fd()) {
                // How a build goes on is told while it does.
                Waited::Ready => events.take_steps(),
                waited => break waited,
            }
        };
        self.session.context.events.phase_ended(Phase::Waiting);
        waited
    }

    /// Deals with a child whose process ended, which was at `index`; whether the whole job is over.
    fn child_ended(
        &mut self,
        mut child: Child,
        index: usize,
        mut ended: Ended,
        dying: bool,
    ) -> Outcome<bool> {
        let file = child.file;
        if !child.streams.is_empty() {
            self.session.context.output.close(std::mem::take(&mut child.streams));
        }
        self.tell_child_ended(&child, &ended);
        if child.good_input {
            self.input_used = false;
        }
        let failed = ended.code != 0 || ended.signal != 0;
        self.after_script(&mut child, &ended);
        let question = failed
            && ended.signal == 0
            && ended.code == 1
            && self.session.settings.question
            && child.recursive;
        let ignored = child.no_error || self.session.settings.ignore_errors;
        let failed = match child.step.take() {
            Some(step) => self.step_ended(&mut child, step, &ended),
            None => match child.script.take().filter(|_| !failed) {
                Some(script) if self.breaks_expected(&mut child, &script)? => {
                    ended.code = 1;
                    true
                }
                _ => failed,
            },
        };
        let mut child_failed = failed;
        if failed {
            // Also where that is ignored: nobody knows what the tags stand for.
            child.judged.clear();
        }
        if failed && !ignored {
            if !child.dont_care && !question {
                self.child_error(&mut child, &ended, false);
            }
            self.session.rules.files[file].status = if question { Status::Question } else { Status::Failed };
            // What it made after its targets were deleted, and before the signal reached it, is half of a target, too.
            child.deleted &= ended.signal == 0;
            if ended.signal != 0 || self.deletes_on_error() {
                self.delete_once(&mut child);
            }
        } else {
            if failed {
                self.child_error(&mut child, &ended, true);
                child_failed = false;
            }
            if self.goes_on(&mut child) {
                if self.dying {
                    self.session.rules.files[file].status = Status::Failed;
                } else {
                    if self.session.context.output.grouping == Grouping::Line
                        && let Some(capture) = &mut child.capture
                    {
                        self.session.context.output.show(capture);
                    }
                    child.pid = 0;
                    if let Err(stop) = self.start_line(&mut child) {
                        if matches!(stop, Stop::Signal(_)) {
                            // What its lines made so far is to be deleted with what others made.
                            self.children.insert(index.min(self.children.len()), child);
                        }
                        return Err(stop);
                    }
                    if self.session.rules.files[file].state == State::Running {
                        self.children.insert(index.min(self.children.len()), child);
                        return Ok(false);
                    }
                }
                if self.session.rules.files[file].status != Status::Success {
                    self.delete_once(&mut child);
                }
            } else {
                self.session.rules.files[file].status = Status::Success;
            }
        }
        let won = self.session.rules.files[file].status == Status::Success;
        if won && !child.judged.is_empty() {
            let judged = std::mem::take(&mut child.judged);
            self.note_built(file, &judged);
        }
        self.job_over(&mut child, won);
        if let Some(mut capture) = child.capture.take() {
            self.session.context.output.show(&mut capture);
        }
        if self.dying {
            self.tell_target_ended(file, true);
        } else {
            self.notice_finished(file)?;
        }
        if child.pid > 0 {
            self.say_of_child("Removing child % PID", child.pid, None, " from chain.");
        }
        if child.has_slot {
            self.slots_used = self.slots_used.saturating_sub(1);
        }
        let dont_care = child.dont_care;
        self.free(child)?;
        if !dying && child_failed && !dont_care && !self.session.settings.keep_going.is_on() && !self.dying {
            return Err(Stop::Exit(if question { 1 } else { 2 }));
        }
        Ok(true)
    }

    fn delete_once(&mut self, child: &mut Child) {
        if !child.deleted && child.pid >= 0 {
            self.delete_child_targets(child.file);
            child.deleted = true;
        }
    }

    fn deletes_on_error(&mut self) -> bool {
        if let Some(known) = self.delete_on_error {
            return known;
        }
        let found = self.session.context.names.find(b".DELETE_ON_ERROR").is_some_and(|name| {
            let files = &self.session.rules.files;
            files.find(name).is_some_and(|file| files[file].is_target)
        });
        self.delete_on_error = Some(found);
        found
    }

    /// Says that a recipe failed.
    fn child_error(&mut self, child: &mut Child, ended: &Ended, ignored: bool) {
        if ignored && self.is_silent() {
            return;
        }
        let line_place = self.session.rules.recipes[child.recipe].place;
        let place = match child.step_place.or(line_place) {
            Some(Place { file, line, .. }) => {
                [file, format!(":{}", line as usize + child.line()).as_bytes()].concat()
            }
            None => b"<builtin>".to_vec(),
        };
        if !ignored {
            let place = match child.step_place {
                Some(place) => Some(place),
                None => line_place.map(|place| Place { offset: child.line() as u32, ..place }),
            };
            let (lines, recursive) = (child.lines_before, child.recursive);
            self.failures.push(Failed { file: child.file, place, ended: *ended, lines, recursive });
        }
        let how = if ended.signal == 0 {
            format!("Error {}", ended.code)
        } else {
            format!("{}{}", sys::signal_words(ended.signal), if ended.core { " (core dumped)" } else { "" })
        };
        let complaint = Complaint::RecipeFailed {
            place,
            target: self.session.name_of(child.file).to_vec(),
            how: how.into_bytes(),
            ignored,
            shuffle: self.shuffle.shown.clone(),
        };
        self.enter(child);
        self.show_goal_error();
        self.session.complain(None, &complaint);
        self.leave_output(child);
    }

    /// Ends all jobs for a fatal signal: the children are told, their targets deleted, and all waited for.
    pub fn die_for(&mut self, signal: i32) {
        self.dying = true;
        if signal == libc::SIGTERM {
            for child in self.children.iter().rev().filter(|child| child.pid > 0) {
                crate::os::children::kill(child.pid, libc::SIGTERM);
            }
        }
        if matches!(signal, libc::SIGTERM | libc::SIGINT | libc::SIGHUP | libc::SIGQUIT) {
            for index in (0..self.children.len()).rev() {
                let child = &mut self.children[index];
                if child.deleted || child.pid < 0 {
                    continue;
                }
                child.deleted = true;
                let file = child.file;
                self.delete_child_targets(file);
            }
            self.give_up_unstarted();
            while !self.children.is_empty() {
                if self.reap(true, false).is_err() {
                    break;
                }
            }
        } else {
            self.give_up_unstarted();
            while !self.children.is_empty() {
                if self.reap(true, true).is_err() {
                    break;
                }
            }
        }
        self.remove_intermediates(true);
    }

    /// Ends the jobs whose next process was not started since a signal had come: there is nothing to wait for.
    fn give_up_unstarted(&mut self) {
        while let Some(index) = self.children.iter().rposition(|child| child.pid == 0) {
            let mut child = self.children.remove(index);
            self.session.context.output.close(std::mem::take(&mut child.streams));
            self.session.rules.files[child.file].status = Status::Failed;
            self.job_over(&mut child, false);
            self.tell_target_ended(child.file, true);
            if self.free(child).is_err() {
                break;
            }
        }
    }
}

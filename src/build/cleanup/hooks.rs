//! The places of a job's life at which clean-up is told of it: before a script starts, after it ended, at the job's end and at the
//! run's. Knows nothing of why a job failed.

use super::ledger::{Ending, Fault, Seen, Work};
use super::recipe::{self, Planned, Watch};
use super::shim::{Shim, ShimError};
use super::{Policy, wording};
use crate::base::diagnostic::wording::prefix;
use crate::base::diagnostic::{Complaint, Outcome, Place, Severity, Stop};
use crate::base::events::{Event, Phase};
use crate::base::printable::printable;
use crate::build::Build;
use crate::build::job::Child;
use crate::build::start::without_prefix;
use crate::expand::command_line::{Command, Shell, command, is_bourne_shell};
use crate::image::command::Client;
use crate::image::engine::EngineError;
use crate::image::engine::choose::Surroundings;
use crate::image::journal::JournalError;
use crate::os::children::Ended;
use crate::os::files::read_regular_within;
use crate::os::words::is_blank;
use crate::rules::file::FileId;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The engine that `--engine` or `IMK_ENGINE` names.
#[derive(Default)]
pub struct ChosenEngine {
    /// Which; none where none was named.
    pub client: Option<Client>,
    /// Has `docker` lead to it.
    _shim: Option<Shim>,
}

impl Build {
    /// Obeys `--engine NAME` and `IMK_ENGINE=NAME`: the look-ups and the recipes' `docker` go to that engine.
    pub fn choose_engine(&mut self) -> Outcome {
        let given = self.session.settings.own.engine.clone();
        let given = given.or_else(|| std::env::var_os("IMK_ENGINE").map(|name| name.as_bytes().to_vec()));
        let Some(name) = given.filter(|name| !name.is_empty()) else { return Ok(()) };
        let name = String::from_utf8_lossy(&name);
        let chosen = Client::of(&name)
            .ok_or_else(|| ShimError::Engine(EngineError::UnknownEngine(name.clone().into_owned())))
            .and_then(|client| Ok((client, Shim::make(client, &Surroundings::of_process())?)));
        match chosen {
            Ok((client, shim)) => {
                let front = shim.as_ref().map(|shim| shim.path().as_os_str().as_bytes().to_vec());
                self.session.context.path_front = front;
                self.engine = ChosenEngine { client: Some(client), _shim: shim };
                Ok(())
            }
            Err(fault) => Err(Stop::fatal(None, Complaint::Text(wording::shim(&fault).into_bytes()))),
        }
    }

    /// `--reap`: removes what killed runs left in this folder, and says so. The status is 2 where something is left.
    pub fn reap_only(&mut self) -> Stop {
        let reaped = self.cleanup.reap();
        if let Err(by_signal) = self.heed_signal() {
            return by_signal;
        }
        let (lines, status) = match reaped {
            Ok(report) => (wording::reaped(&report), if report.left.is_empty() { 0 } else { 2 }),
            Err(fault) => (vec![fault.message()], 2),
        };
        self.say_lines(if lines.is_empty() { vec![wording::NOTHING_LEFT.to_owned()] } else { lines });
        Stop::Exit(status)
    }

    /// A script of `child` is about to be started: what it makes, and the recipe removes again, is entered.
    pub(in crate::build) fn before_script(&mut self, child: &mut Child) -> Outcome {
        let Some(mut watch) = child.watch.take() else { return Ok(()) };
        if watch.plan.is_none() {
            let plan = self.read_recipe(child, &mut watch)?;
            if plan.any_command {
                self.reap_dead_runs();
            }
            if plan.things.is_empty() {
                return Ok(());
            }
            watch.plan = Some(plan);
        }
        let script = watch.begun.saturating_sub(1);
        let target = self.shown_name(child.file);
        let mut unseen = None;
        for planned in watch.made_in(script) {
            let engine = planned.engine.clone();
            let work =
                Work { owner: child.file, target: &target, engine: &engine, policy: Policy::OnFailure };
            match self.cleanup.will_make(&work, planned.thing.clone(), None) {
                Ok(ticket) => planned.ticket = Some(ticket),
                // Nothing more is started, so nothing is made.
                Err(Fault::Engine(EngineError::Interrupted)) => {}
                Err(Fault::Engine(fault)) => unseen = Some(fault),
                Err(Fault::Journal(fault)) => self.say_lines(vec![wording::unwritten(&fault)]),
            }
        }
        watch.unseen = watch.unseen.take().or(unseen);
        child.watch = Some(watch);
        self.say_unwritten();
        Ok(())
    }

    /// Cuts a recipe into the scripts that it runs as, and reads them.
    fn read_recipe(&mut self, child: &Child, watch: &mut Watch) -> Outcome<recipe::Plan> {
        let scope = self.session.rules.files[child.file].scope;
        let shell = Shell::of(&mut self.session, scope, false)?;
        if !is_bourne_shell(&shell.program) {
            return Ok(recipe::Plan::default());
        }
        let recipe_prefix = self.session.rules.recipes[child.recipe].prefix;
        let scripts = scripts(std::mem::take(&mut watch.lines), &shell, recipe_prefix);
        let environment = child.environment.clone().unwrap_or_default();
        let value = |name: &str| {
            let entry = environment
                .iter()
                .find_map(|entry| entry.as_bytes().strip_prefix(name.as_bytes())?.strip_prefix(b"="));
            entry.map(<[u8]>::to_vec)
        };
        Ok(recipe::plan(&scripts, self.engine.client, &value))
    }

    /// What killed runs left goes before it is in the way.
    pub(in crate::build) fn reap_dead_runs(&mut self) {
        match self.cleanup.reap_once() {
            None => {}
            Some(Ok(report)) => {
                self.tell_cleaned_up(&report);
                self.say_lines(wording::reaped(&report));
            }
            // A folder that is not ours, or none at all, is said when this run wants to write there.
            Some(Err(JournalError::Foreign(_) | JournalError::Folder(..))) => {}
            Some(Err(fault)) => self.say_lines(vec![wording::unread(&fault)]),
        }
    }

    /// A script of `child` ended: what it made is looked up, and what it removed.
    pub(in crate::build) fn after_script(&mut self, child: &mut Child, ended: &Ended) {
        let Some(mut watch) = child.watch.take() else { return };
        let script = watch.begun.saturating_sub(1);
        let interrupted = ended.signal != 0 || self.dying;
        let says_made = |planned: &Planned| !interrupted && ended.code == 0 && planned.id_file.is_none();
        for planned in watch.made_in(script) {
            let Some(ticket) = planned.ticket else { continue };
            let seen = match &planned.id_file {
                Some(file) => {
                    read_id(file).map_or(Ok(Seen::NotThere), |id| self.cleanup.made_container(ticket, &id))
                }
                None if interrupted => self.cleanup.look_after_interruption(ticket),
                None => self.cleanup.look_after(ticket),
            };
            match seen {
                Ok(Seen::Made) => {}
                // Where its command says that it is made, the engine is asked once more at the end, too, should the job fail.
                Ok(Seen::NotThere) if planned.background || says_made(planned) => {}
                Ok(Seen::NotThere) => {
                    self.cleanup.settle(ticket);
                    planned.ticket = None;
                }
                // It stays held: the end of the job asks the engine once more, and says what is left.
                Err(_) => {}
            }
        }
        // Where it failed the job is over, as a rule, and its end looks at everything: a tag that the removal took off before
        // it failed is then given back.
        if !interrupted && ended.code == 0 {
            for planned in watch.removed_in(script) {
                let Some(ticket) = planned.ticket else { continue };
                if self.cleanup.gone(ticket) == Ok(true) {
                    planned.ticket = None;
                }
            }
        }
        child.watch = Some(watch);
        self.say_unwritten();
    }

    /// The job of `child` is over, and `won` or not.
    pub(in crate::build) fn job_over(&mut self, child: &mut Child, won: bool) {
        if won {
            self.show_removal(child);
            if child.expects == Some(false) {
                self.say_nothing_held(child);
            }
        }
        let watch = child.watch.take();
        let unseen = watch.and_then(|watch| watch.unseen).filter(|_| !won);
        if unseen.is_none() && !self.cleanup.holds(child.file) {
            return;
        }
        let line_place = self.session.rules.recipes[child.recipe].place;
        let place = match child.step_place.or(line_place) {
            Some(Place { file, line, .. }) => {
                let line = line as usize + child.line();
                format!("{}:{line}", String::from_utf8_lossy(file))
            }
            None => "<builtin>".to_owned(),
        };
        self.enter(child);
        self.end_job(child.file, &place, won);
        if let Some(fault) = unseen {
            let place = self.job_place(child.file, &place);
            self.say_lines(vec![wording::unseen(&place, &fault)]);
        }
        self.leave_output(child);
    }

    fn job_place(&self, file: FileId, place: &str) -> String {
        format!("[{place}: {}]", String::from_utf8_lossy(self.session.name_of(file)))
    }

    fn end_job(&mut self, file: FileId, place: &str, won: bool) {
        let keep = self.session.settings.own.keep_failed;
        self.tell_phase_of(Phase::CleaningUp, file);
        let Ending { mut report, kept } = self.cleanup.finished(file, won, keep);
        self.session.context.events.phase_ended(Phase::CleaningUp);
        self.tell_cleaned_up(&report);
        if won {
            // Of a success nothing is said but what went wrong.
            report.removed.clear();
        }
        let place = self.job_place(file, place);
        self.say_lines(wording::kept(&place, &kept));
        self.say_lines(wording::removed(&place, &report));
        self.say_unwritten();
    }

    fn recipe_place(&self, owner: FileId) -> String {
        let recipe = self.session.rules.files[owner].recipe;
        match recipe.and_then(|recipe| self.session.rules.recipes[recipe].place) {
            Some(Place { file, line, .. }) => format!("{}:{line}", String::from_utf8_lossy(file)),
            None => "<builtin>".to_owned(),
        }
    }

    /// What was made for a try of `owner`'s image goes; what is left is said.
    pub fn try_over(&mut self, owner: FileId) {
        self.end_job(owner, &self.recipe_place(owner), true);
    }

    /// The run is over: what jobs hold that never came to an end is removed, the journal ended, and the chosen engine's
    /// folder removed.
    pub fn end_cleanup(&mut self) {
        for owner in self.cleanup.owners() {
            self.end_job(owner, &self.recipe_place(owner), false);
        }
        self.cleanup.end();
        self.engine = ChosenEngine::default();
    }

    pub(in crate::build) fn say_unwritten(&mut self) {
        if let Some(fault) = self.cleanup.take_unwritten() {
            self.say_lines(vec![wording::unwritten(&fault)]);
        }
    }

    fn say_lines(&mut self, lines: Vec<String>) {
        let output = &mut self.session.context.output;
        for line in lines {
            let line = printable(&line);
            let text = [&prefix(None, &output.program, output.level)[..], line.as_bytes(), b"\n"].concat();
            output.message(&text);
            let severity = match line.contains("warning: ") {
                true => Severity::Warning,
                false => Severity::Note,
            };
            let event = Event::Message { severity, place: None, text: line.as_bytes() };
            self.session.context.events.tell(&event);
        }
    }
}

impl Watch {
    fn made_in(&mut self, script: usize) -> impl Iterator<Item = &mut Planned> {
        let things = self.plan.as_mut().map(|plan| plan.things.as_mut_slice()).unwrap_or_default();
        things.iter_mut().filter(move |planned| planned.made_in == script)
    }

    fn removed_in(&mut self, script: usize) -> impl Iterator<Item = &mut Planned> {
        let things = self.plan.as_mut().map(|plan| plan.things.as_mut_slice()).unwrap_or_default();
        things.iter_mut().filter(move |planned| planned.removed_in == script)
    }
}

/// The scripts that lines run as, one after the other, just as `build::start` cuts them: one a line, or several where a
/// line expanded to several.
pub(in crate::build) fn scripts(lines: Vec<Vec<u8>>, shell: &Shell, recipe_prefix: u8) -> Vec<Vec<u8>> {
    let mut scripts = Vec::new();
    for line in lines {
        let mut rest = Some(line);
        while let Some(text) = rest.take().filter(|text| !text.is_empty()) {
            let start =
                text.iter().take_while(|&&byte| is_blank(byte) || matches!(byte, b'@' | b'+' | b'-')).count();
            let line = without_prefix(&text[start..], recipe_prefix);
            let Command { arguments, end, by_shell } = command(&line, shell, true);
            rest = end.map(|end| line[end + 1..].to_vec());
            scripts.push(match arguments.and_then(|mut all| all.pop()) {
                Some(script) if by_shell => script,
                _ => line[..end.unwrap_or(line.len())].to_vec(),
            });
        }
    }
    scripts
}

/// The id in a file that an engine's client wrote; none where there is no whole id in it.
fn read_id(file: &Path) -> Option<String> {
    const LENGTH_MAX: u64 = 256;
    let text = read_regular_within(file, LENGTH_MAX).ok()?;
    let id = String::from_utf8(text.trim_ascii().to_vec()).ok()?;
    (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_as_they_are_run() {
        let shell = Shell {
            program: b"/bin/sh".to_vec().into(),
            flags: b"-c".to_vec().into(),
            splits_at_blanks: true,
            one_shell: false,
        };
        let lines = [&b"@docker build \\\n\t--tag a ."[..], b"", b"-a b\n @c; d\n\ne", b"# x"];
        let cut = scripts(lines.map(<[u8]>::to_vec).to_vec(), &shell, b'\t');
        // The empty one is a line, too: it is taken, and nothing is started for it.
        let expected: [&[u8]; 6] = [b"docker build \\\n--tag a .", b"a b", b"c; d", b"", b"e", b"# x"];
        assert_eq!(cut.iter().map(|text| text.as_slice()).collect::<Vec<_>>(), expected);
        let whole = Shell { one_shell: true, ..shell };
        let cut = scripts(vec![b"@a=1\n-docker rm $a\n".to_vec()], &whole, b'\t');
        assert_eq!(cut, [b"a=1\ndocker rm $a\n".to_vec()]);
    }
}

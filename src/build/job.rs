//! A job: one target's recipe, its lines expanded, and where it has come to (manual, "Recipe Execution"). Knows nothing of how it is
//! started and waited for.

use crate::base::diagnostic::{Complaint, Outcome, Place, Stop};
use crate::build::Build;
use crate::build::cleanup::Ticket;
use crate::build::cleanup::recipe::Watch;
use crate::build::images::freshness::Judged;
use crate::build::images::steps::{Step, Steps};
use crate::cli::settings::DebugLevels;
use crate::image::block::words::quoted;
use crate::load::plugin;
use crate::os::files::Mtime;
use crate::os::output::{Capture, Grouping};
use crate::os::relay::StreamId;
use crate::os::words::{is_blank, is_space};
use crate::rules::automatic;
use crate::rules::file::{FileId, State, Status};
use crate::rules::prerequisites::expand_for_file;
use crate::rules::recipe::RecipeId;
use crate::rules::scope::open_scope;
use std::collections::VecDeque;
use std::ffi::CString;
use std::rc::Rc;
use std::time::Instant;

/// A recipe on its way.
pub struct Child {
    /// The target.
    pub file: FileId,
    /// The recipe.
    pub recipe: RecipeId,
    /// The process; zero where none was started yet, -1 where it could not be.
    pub pid: i32,
    /// The lines, expanded.
    pub lines: Vec<Vec<u8>>,
    /// How many lines were taken.
    pub taken: usize,
    /// What is left of the line that was taken last: a line may expand to several.
    pub rest: Option<Vec<u8>>,
    /// The environment, once it was needed.
    pub environment: Option<Rc<Vec<CString>>>,
    /// Output held back.
    pub capture: Option<Capture>,
    /// The current line's failure is ignored.
    pub no_error: bool,
    /// The current line is, or may be, a sub-make.
    pub recursive: bool,
    /// It has the terminal's input.
    pub good_input: bool,
    /// Its targets were deleted.
    pub deleted: bool,
    /// Its failure is nobody's business.
    pub dont_care: bool,
    /// It counts among the jobs that run.
    pub has_slot: bool,
    /// Commands of the engine that go before the lines.
    pub steps: VecDeque<Step>,
    /// The one of them that runs.
    pub step: Option<Step>,
    /// The place of the one that ran last, until the lines begin.
    pub step_place: Option<Place>,
    /// The container that files are copied out of.
    pub container: Option<Ticket>,
    /// The line that is shown for the removal of the image's tags.
    pub removal: Option<Vec<u8>>,
    /// The lines are to be expanded when the steps are over.
    pub unexpanded: bool,
    /// The lines, where they were expanded before the job began.
    pub given: Option<Vec<Vec<u8>>>,
    /// What is known of the images that the lines build.
    pub judged: Vec<Judged>,
    /// The program that was started, for a message when it turns out not to be there.
    pub program: Option<Vec<u8>>,
    /// Its target has `.EXPECT`: images that its scripts build are held to it. Whether one was.
    pub expects: Option<bool>,
    /// The script that runs, where `expects` is set.
    pub script: Option<Vec<u8>>,
    /// What its engine commands make and remove, where it has any.
    pub watch: Option<Box<Watch>>,
    /// The smallest number that no other job has, where someone listens.
    pub slot: u32,
    /// When its process was started, where someone listens.
    pub since: Option<Instant>,
    /// The streams of its process that pass through this program.
    pub streams: Vec<StreamId>,
    /// Lines written when it began, where they are counted.
    pub lines_before: Option<u64>,
}

impl Build {
    /// Chops the recipe into lines.
    pub fn chop(&mut self, recipe: RecipeId) -> Outcome<Rc<[Rc<[u8]>]>> {
        let one_shell = self.session.context.one_shell;
        let place = self.session.rules.recipes[recipe].place;
        self.session
            .rules
            .recipes
            .chop(recipe, one_shell)
            .map_err(|limit| Stop::fatal(place, Complaint::TooManyRecipeLines(limit)))
    }

    /// Runs the recipe of `file`, or begins to.
    pub fn execute_recipe(&mut self, file: FileId, recipe: RecipeId) -> Outcome {
        let text = &self.session.rules.recipes[recipe].text;
        if does_nothing(text) {
            self.set_state(file, State::Running);
            self.session.rules.files[file].status = Status::Success;
            return self.notice_finished(file);
        }
        open_scope(&mut self.session, file, false)?;
        let stem = self.session.rules.files[file].stem;
        let always = self.session.always_make;
        automatic::set(&mut self.session, file, stem, always);
        // An object cannot be overwritten while it is open. It is loaded again later, or the run ends.
        if self.session.rules.files[file].loaded {
            let name = self.session.name_of(file);
            if plugin::unload(&mut self.session, name) {
                self.session.rules.files[file].loaded = false;
                self.session.rules.files[file].unloaded = true;
            }
        }
        self.new_job(file, recipe, Steps::default())
    }

    /// Expands the lines of a recipe with the variables of its target.
    pub(super) fn expand_lines(&mut self, file: FileId, recipe: RecipeId) -> Outcome<Vec<Vec<u8>>> {
        let lines = self.chop(recipe)?;
        let mut expanded = Vec::with_capacity(lines.len());
        let place = self.session.rules.recipes[recipe].place;
        for (number, line) in lines.iter().enumerate() {
            if memchr::memchr(b'$', line).is_none() {
                expanded.push(line.to_vec());
                continue;
            }
            let joined = join_in_references(line);
            if let Some(place) = &mut self.session.rules.recipes[recipe].place {
                place.offset = number as u32;
            }
            let result = expand_for_file(&mut self.session, file, &joined);
            self.session.rules.recipes[recipe].place = place;
            expanded.push(result?);
        }
        Ok(expanded)
    }

    /// Tells whoever wants to know which lines `file` has.
    pub fn observe(&mut self, file: FileId, lines: &[Vec<u8>]) {
        if self.observer.is_none() {
            return;
        }
        // The build of an image block is a line like others, whether or not it has to run now.
        let mut all = Vec::new();
        if let Some(block) = self.block_of(file) {
            let program = self.engine_for(&block).program;
            let words: Vec<_> = block.build(&program, &[]).into_iter().map(|word| word.text).collect();
            all.push(quoted(&words));
        }
        all.extend_from_slice(lines);
        if let Some(observer) = &self.observer {
            let goal = self.goals.get(self.current_goal).filter(|_| !self.session.remaking_makefiles);
            observer.recipe(&self.session, goal.map(|goal| goal.file), file, &all);
        }
    }

    /// Expands the lines of `child` and takes the first.
    pub fn take_lines(&mut self, child: &mut Child) -> Outcome {
        // Output of functions in the recipe belongs to the job.
        self.enter(child);
        let lines = match child.given.take() {
            Some(lines) => Ok(lines),
            None => self.expand_lines(child.file, child.recipe),
        };
        self.leave_output(child);
        child.unexpanded = false;
        child.lines = lines?;
        self.observe(child.file, &child.lines);
        child.watch = Watch::of(&child.lines);
        self.note_expected(child)?;
        self.take_line(child);
        Ok(())
    }

    /// Prepares the recipe of `file`, waits for a place among the jobs, and starts it.
    pub fn new_job(&mut self, file: FileId, recipe: RecipeId, steps: Steps) -> Outcome {
        if self.collector.is_some() && self.session.settings.just_print {
            return self.collect(file, recipe, &steps);
        }
        self.session.context.hold_folders()?;
        self.start_waiting()?;
        self.reap(false, false)?;
        let sync = self.session.context.output.grouping != Grouping::None;
        let mut child = Child {
            file,
            recipe,
            pid: 0,
            lines: Vec::new(),
            taken: 0,
            rest: None,
            environment: None,
            capture: Some(Capture::new(sync)),
            no_error: false,
            recursive: false,
            good_input: false,
            deleted: false,
            dont_care: self.session.rules.files[file].dont_care,
            has_slot: false,
            unexpanded: !steps.all.is_empty(),
            steps: steps.all,
            step: None,
            step_place: None,
            container: None,
            removal: steps.removal.map(|words| quoted(&words)),
            given: steps.lines,
            judged: steps.judged,
            program: None,
            expects: None,
            script: None,
            watch: None,
            slot: 0,
            since: None,
            streams: Vec::new(),
            lines_before: self.session.context.output.lines(),
        };
        if self.session.context.output.frames.is_some() {
            self.name_group(&mut child);
        }
        if !child.unexpanded {
            self.take_lines(&mut child)?;
        }
        self.wait_for_slot(&child)?;
        self.tokens += 1;
        self.tell_target_started(&mut child);
        if self.debugging(DebugLevels::WHY) {
            self.enter(&mut child);
            let text = self.reason(file, recipe);
            self.leave_output(&mut child);
            let text = text?;
            self.enter(&mut child);
            self.session.context.output.say(&text);
            self.leave_output(&mut child);
        }
        self.start_or_wait(child)?;
        if self.slots == 1 || self.session.rules.not_parallel {
            while self.session.rules.files[file].state == State::Running {
                self.reap(true, false)?;
            }
        }
        Ok(())
    }

    /// Has the output of `child` put into a group: from here on, or when what is held back is shown.
    fn name_group(&mut self, child: &mut Child) {
        let title = self.session.name_of(child.file);
        let output = &mut self.session.context.output;
        match (output.grouping, &mut child.capture) {
            // What is shown line by line makes no group.
            (Grouping::Line, _) => {}
            (Grouping::None, _) | (_, None) => output.begin_group(title),
            (_, Some(capture)) => capture.title = Some(title.to_vec()),
        }
    }

    /// Makes the child's capture the one that takes output.
    pub fn enter(&mut self, child: &mut Child) {
        std::mem::swap(&mut self.session.context.output.current, &mut child.capture);
    }

    /// Gives the capture back to the child.
    pub fn leave_output(&mut self, child: &mut Child) {
        std::mem::swap(&mut self.session.context.output.current, &mut child.capture);
    }

    /// Why a target is made, as `--trace` says it.
    fn reason(&mut self, file: FileId, recipe: RecipeId) -> Outcome<Vec<u8>> {
        let place = match self.session.rules.recipes[recipe].place {
            Some(Place { file, line, .. }) => [file, format!(":{line}").as_bytes()].concat(),
            None => b"<builtin>".to_vec(),
        };
        let name = self.session.name_of(file);
        let record = &self.session.rules.files[file];
        let why: Vec<u8> = if record.phony {
            b"target is .PHONY".to_vec()
        } else if record.mtime == Mtime::ABSENT {
            b"target does not exist".to_vec()
        } else {
            let newer = expand_for_file(&mut self.session, file, b"$?")?;
            if newer.is_empty() {
                let files = &self.session.rules.files;
                let absent: Vec<&[u8]> = files
                    .prerequisites(file)
                    .iter()
                    .map(|dep| dep.file())
                    .filter(|&dep| files[dep].mtime == Mtime::ABSENT)
                    .map(|dep| self.session.name_of(dep))
                    .collect();
                if absent.is_empty() { b"unknown reasons".to_vec() } else { absent.join(&b' ') }
            } else {
                newer
            }
        };
        Ok([&place[..], b": update target '", name, b"' due to: ", &why, b"\n"].concat())
    }
}

impl Build {
    /// Whether anything is left of `child` after what has ended; takes the next line, where it is one's turn.
    pub fn goes_on(&mut self, child: &mut Child) -> bool {
        !child.steps.is_empty() || child.unexpanded || self.take_line(child)
    }

    /// Takes the next line of `child` that is not empty; false where there is none.
    pub fn take_line(&mut self, child: &mut Child) -> bool {
        let more = child.next_line();
        self.session.rules.recipes[child.recipe].last_line = if more { child.line() as u32 } else { 0 };
        more
    }
}

impl Child {
    fn next_line(&mut self) -> bool {
        while self.rest.as_ref().is_none_or(Vec::is_empty) {
            if self.taken >= self.lines.len() {
                self.rest = None;
                return false;
            }
            self.rest = Some(std::mem::take(&mut self.lines[self.taken]));
            self.taken += 1;
        }
        true
    }

    /// The number of the line that runs, from 0.
    pub fn line(&self) -> usize {
        self.taken.saturating_sub(1)
    }
}

/// Whether a recipe of this text has nothing to run.
pub(super) fn does_nothing(text: &[u8]) -> bool {
    text.iter().all(|&byte| is_space(byte) || matches!(byte, b'-' | b'@' | b'+'))
}

/// Joins continuations inside references of a recipe line: functions are not to see them. Those outside stay, to be shown.
pub(super) fn join_in_references(line: &[u8]) -> Vec<u8> {
    if memchr::memchr(b'\n', line).is_none() {
        return line.to_vec();
    }
    let mut out: Vec<u8> = Vec::with_capacity(line.len());
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'$', &line[at..]) {
        let dollar = at + found;
        out.extend_from_slice(&line[at..=dollar]);
        at = dollar + 1;
        let Some(&open) = line.get(at).filter(|&&byte| byte == b'(' || byte == b'{') else { continue };
        let close = if open == b'(' { b')' } else { b'}' };
        out.push(open);
        at += 1;
        let start = out.len();
        let mut depth = 0;
        while at < line.len() {
            let byte = line[at];
            if byte == close {
                depth -= 1;
                if depth < 0 {
                    break;
                }
            }
            if byte == b'\\' && line.get(at + 1) == Some(&b'\n') {
                let quoted =
                    line[dollar + 1..at].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1;
                if quoted {
                    out.push(byte);
                    at += 1;
                } else {
                    at += 2;
                    while at < line.len() && is_space(line[at]) {
                        at += 1;
                    }
                    while out.len() > start && out.last().is_some_and(|&byte| is_blank(byte)) {
                        out.pop();
                    }
                    out.push(b' ');
                }
            } else {
                if byte == open {
                    depth += 1;
                }
                out.push(byte);
                at += 1;
            }
        }
    }
    out.extend_from_slice(&line[at..]);
    out
}

//! The engine's commands of an image target, run before its recipe's lines: the build, and copies out of the image. Knows nothing of
//! how their words are made.

use crate::base::diagnostic::{Complaint, Outcome, Place};
use crate::build::Build;
use crate::build::job::Child;
use crate::cli::settings::DebugLevels;
use crate::image::block::extract::{Passage, landing};
use crate::image::block::{Block, Program, words};
use crate::rules::file::{FileId, State, Status};
use std::collections::VecDeque;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

/// A command of the engine's client that imk runs itself, without a shell.
pub struct Step {
    /// The program and its arguments.
    pub arguments: Vec<Vec<u8>>,
    /// The line that is shown; a shell would run it so.
    pub shown: Vec<u8>,
    /// The assignment it comes from, or the block.
    pub place: Option<Place>,
    /// What is done when it has ended well.
    pub then: Then,
    /// Whether its standard output is of no interest.
    pub quiet: bool,
}

/// What follows a step that ended well.
pub enum Then {
    /// Nothing.
    Nothing,
    /// A file was copied out: it goes to its place.
    Deliver {
        /// Where it is now.
        passage: Passage,
        /// Its path in the image.
        source: Vec<u8>,
        /// Where it goes.
        destination: Vec<u8>,
    },
}

impl Step {
    fn new(arguments: Vec<Vec<u8>>, place: Option<Place>) -> Step {
        let shown = words::quoted(&arguments);
        Step { arguments, shown, place, then: Then::Nothing, quiet: false }
    }
}

/// The name of the container that files are copied out of: of this run alone where `own` is given.
fn container_name(target: &[u8], own: Option<u32>) -> String {
    let plain = |byte: &u8| if byte.is_ascii_alphanumeric() { char::from(*byte) } else { '-' };
    let target: String = target.iter().map(plain).collect();
    match own {
        Some(own) => format!("imk-{own}-{target}"),
        None => format!("imk-{target}"),
    }
}

impl Build {
    /// The steps of an image target.
    pub(super) fn steps_of(&mut self, file: FileId, block: &Rc<Block>) -> Outcome<VecDeque<Step>> {
        let in_use = self.engine_for(block);
        let program = &in_use.program;
        let mut steps = VecDeque::from([Step::new(block.build(program, &[]), block.place)]);
        if !block.extracts.is_empty() {
            self.add_extraction(file, block, program, &mut steps)?;
        }
        Ok(steps)
    }

    fn add_extraction(
        &mut self,
        file: FileId,
        block: &Block,
        program: &Program,
        steps: &mut VecDeque<Step>,
    ) -> Outcome {
        let shown_only = self.session.settings.just_print;
        let own = (!shown_only).then(std::process::id);
        let name = container_name(self.session.name_of(file), own);
        let Some(tag) = block.tags().first() else { return Ok(()) };
        let place = block.extracts.first().and_then(|extract| extract.place);
        let mut create = Step::new(block.create(program, &name, &tag.text, None), place);
        create.quiet = true;
        steps.push_back(create);
        for extract in &block.extracts {
            let target = landing(&extract.source, &extract.destination);
            let shown = block.copy(program, &name, &extract.source, target.as_os_str().as_bytes());
            let mut step = Step::new(shown, extract.place);
            if !shown_only {
                let passage = Passage::open().map_err(|error| {
                    let error = error.raw_os_error().unwrap_or(libc::EIO);
                    let what = crate::image::journal::FOLDER.as_bytes().to_vec();
                    crate::base::diagnostic::Stop::fatal(extract.place, Complaint::System { what, error })
                })?;
                let to = passage.path();
                step.arguments = block.copy(program, &name, &extract.source, to.as_os_str().as_bytes());
                let (source, destination) = (extract.source.clone(), extract.destination.clone());
                step.then = Then::Deliver { passage, source, destination };
            }
            step.quiet = true;
            steps.push_back(step);
        }
        let mut remove = Step::new(block.remove_container(program, &name), place);
        remove.quiet = true;
        steps.push_back(remove);
        Ok(())
    }

    /// Runs a step; false where no process was started for it.
    pub fn run_step(&mut self, child: &mut Child, step: Step) -> Outcome<bool> {
        let settings = &self.session.settings;
        let (question, touch, just_print) = (settings.question, settings.touch, settings.just_print);
        child.no_error =
            self.session.rules.files[child.file].command_flags & crate::rules::recipe::NO_ERROR != 0;
        child.recursive = false;
        if question {
            self.session.rules.files[child.file].status = Status::Question;
            self.notice_finished(child.file)?;
            return Ok(true);
        }
        if touch {
            return Ok(false);
        }
        self.enter(child);
        let result = self.start_step(child, &step, just_print);
        self.leave_output(child);
        if matches!(result, Ok(true)) {
            child.step = Some(step);
        }
        result
    }

    fn start_step(&mut self, child: &mut Child, step: &Step, just_print: bool) -> Outcome<bool> {
        let silent = self.session.rules.files[child.file].command_flags & crate::rules::recipe::SILENT != 0;
        if just_print || self.debugging(DebugLevels::PRINT) || (!silent && !self.is_silent()) {
            self.session.context.output.out(&[&step.shown[..], b"\n"].concat());
        }
        self.commands_started += 1;
        if just_print {
            return Ok(false);
        }
        self.prepare_child(child)?;
        let buildkit = c"DOCKER_BUILDKIT=1";
        let own = child.environment.take().unwrap_or_default();
        let mut environment: Vec<CString> = own.to_vec();
        if !environment.iter().any(|entry| entry.as_bytes().starts_with(b"DOCKER_BUILDKIT=")) {
            environment.push(buildkit.to_owned());
        }
        child.environment = Some(Rc::new(environment));
        let result = self.spawn(child, &step.arguments, step.quiet);
        child.environment = Some(own);
        result?;
        self.set_state(child.file, State::Running);
        Ok(true)
    }

    /// The steps are over: the recipe's lines may speak of the image.
    pub fn steps_over(&mut self, child: &mut Child) -> Outcome {
        child.step_place = None;
        if let Some(block) = self.block_of(child.file) {
            self.define_image_id(child.file, &block);
        }
        self.take_lines(child)
    }

    /// Defines `.IMAGE_ID`, where the engine tells it.
    fn define_image_id(&mut self, file: FileId, block: &Rc<Block>) {
        let in_use = self.engine_for(block);
        let tag = block.tags().first().map(|given| String::from_utf8_lossy(&given.text).into_owned());
        let (Ok(engine), Some(tag)) = (&in_use.engine, tag) else { return };
        if let Ok(Some(image)) = engine.image(&tag) {
            self.define_for(file, b".IMAGE_ID", image.id.as_bytes());
        }
    }

    /// Does what follows a step whose process ended; tells whether it failed after all.
    pub fn step_ended(&mut self, child: &mut Child, step: Step, failed: bool) -> bool {
        child.step_place = step.place;
        if failed {
            return true;
        }
        match step.then {
            Then::Nothing => false,
            Then::Deliver { passage, source, destination } => match passage.deliver(&source, &destination) {
                Ok(_) => {
                    self.session.context.folders.changed();
                    false
                }
                Err((path, error)) => {
                    let what = path.into_os_string();
                    let complaint = Complaint::System {
                        what: what.as_bytes().to_vec(),
                        error: error.raw_os_error().unwrap_or(libc::EIO),
                    };
                    self.enter(child);
                    self.session.complain(step.place, &complaint);
                    self.leave_output(child);
                    true
                }
            },
        }
    }
}

//! The engine's commands of an image target, run before its recipe's lines: the build, and copies out of the image. Knows nothing of
//! how their words are made.

use crate::base::diagnostic::{Complaint, Outcome, Place, Stop};
use crate::base::printable::printable;
use crate::build::Build;
use crate::build::cleanup::ledger::Fault;
use crate::build::cleanup::{self, Policy, Ticket};
use crate::build::images::InUse;
use crate::build::images::bake::Running;
use crate::build::images::edges::of_process;
use crate::build::images::freshness::Judged;
use crate::build::images::preflight::no_extraction;
use crate::build::images::sources::Sources;
use crate::build::job::Child;
use crate::cli::settings::DebugLevels;
use crate::image::block::extract::{Passage, landing};
use crate::image::block::{Block, Cleanup, Given, Program, secrets_by_environment, words};
use crate::image::command::Client;
use crate::image::dockerfile::{NoBases, parse, stage_args};
use crate::image::journal::Thing;
use crate::os::children::Ended;
use crate::rules::file::{FileId, State, Status};
use crate::rules::images::Attribute;
use crate::rules::recipe::{NO_ERROR, SILENT};
use std::collections::VecDeque;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

/// What is entered into the ledger: whose it is, what, when it goes, and the label that marks it.
type Entry = (FileId, Thing, Policy, Option<(String, String)>);

/// The label that marks the containers of a run.
const LABEL: &str = "imk.run";

/// A command of the engine's client that imk runs itself, without a shell.
pub struct Step {
    /// The program and its arguments.
    pub arguments: Vec<Vec<u8>>,
    /// The line that is shown; a shell would run it so.
    pub shown: Vec<u8>,
    /// The assignment it comes from, or the block.
    pub place: Option<Place>,
    /// Places of the words, where they come from assignments of their own.
    pub places: Vec<Option<Place>>,
    /// What it does, as far as clean-up goes.
    pub work: Work,
    /// Whether its standard output is of no interest.
    pub quiet: bool,
    tickets: Vec<Ticket>,
}

/// What a step does.
pub enum Work {
    /// Builds the image, from what is known of its inputs; and how often its inputs changed meanwhile.
    Build(Option<Box<Judged>>, u32),
    /// Builds several images on a builder.
    Bake(Box<Running>),
    /// Makes the container to copy from; its name.
    Create(String),
    /// Copies out of it; the copy then goes to its place.
    Copy {
        /// Where the client writes.
        passage: Passage,
        /// The path in the image.
        source: Vec<u8>,
        /// Where it goes.
        destination: Vec<u8>,
    },
    /// Removes the container.
    Remove,
    /// Holds the image to the block's `expect`: no process.
    Expect,
}

/// The steps of a job.
#[derive(Default)]
pub struct Steps {
    /// All of them, in order.
    pub all: VecDeque<Step>,
    /// The command that is shown when the image's tags are removed at the end of a job that won.
    pub removal: Option<Vec<Vec<u8>>>,
    /// The recipe's lines, where they had to be expanded before.
    pub lines: Option<Vec<Vec<u8>>>,
    /// What is known of the images that the lines build, of a recipe that `.IMAGE` lists.
    pub judged: Vec<Judged>,
}

impl Step {
    /// Whether imk does it itself.
    pub fn has_no_process(&self) -> bool {
        matches!(self.work, Work::Expect)
    }

    /// A bake, and the line that is shown for it.
    pub(super) fn of_bake(arguments: Vec<Vec<u8>>, shown: Vec<u8>, place: Option<Place>, work: Work) -> Step {
        Step { shown, ..Step::new(arguments, place, work) }
    }

    fn new(arguments: Vec<Vec<u8>>, place: Option<Place>, work: Work) -> Step {
        let shown = words::quoted(&arguments);
        let quiet = !matches!(work, Work::Build(..) | Work::Bake(_));
        Step { arguments, shown, place, places: Vec::new(), work, quiet, tickets: Vec::new() }
    }
}

/// The build of a block. Its own label is not shown.
pub(super) fn build_step(block: &Block, program: &Program, judged: Option<Judged>, again: u32) -> Step {
    let label: Vec<(String, String)> = judged.as_ref().and_then(Judged::label).into_iter().collect();
    let defaults = stage_defaults(block, program);
    let words = |labels: &[(String, String)]| -> Vec<Given> {
        let mut words = block.build(program, labels);
        // The context is the last.
        let at = words.len().saturating_sub(1);
        words.splice(at..at, defaults.iter().cloned());
        words
    };
    let texts = |words: Vec<Given>| -> Vec<Vec<u8>> { words.into_iter().map(|word| word.text).collect() };
    let mut step = Step::new(texts(words(&[])), block.place, Work::Build(judged.map(Box::new), again));
    step.shown = words::quoted(&secrets_by_environment(&step.arguments, None).0);
    step.arguments = texts(words(&label));
    step.places = words(&[]).iter().map(|word| word.place).collect();
    step
}

/// The arguments that podman and buildah have to be told, their defaults or not: see [`stage_args`].
fn stage_defaults(block: &Block, program: &Program) -> Vec<Given> {
    if !matches!(program.client, Client::Podman | Client::Buildah) {
        return Vec::new();
    }
    let sources = Sources::of_block(block, program.client, &of_process);
    let text = sources.text().unwrap_or_default();
    let (Some(analysis), Ok(file)) = (sources.analyse(&text, &NoBases), parse(&text)) else {
        return Vec::new();
    };
    let args = stage_args(&file, &analysis).into_iter();
    let words = args.flat_map(|(name, value)| [b"--build-arg".to_vec(), [&name[..], b"=", &value].concat()]);
    words.map(|text| Given { text, place: block.place }).collect()
}

/// The name of the container that files are copied out of: of this run alone, and of one target of it, where the run's token and a number
/// are given.
fn container_name(target: &[u8], own: Option<(&str, usize)>) -> String {
    let plain = |byte: &u8| if byte.is_ascii_alphanumeric() { char::from(*byte) } else { '-' };
    let target: String = target.iter().map(plain).collect();
    match own.and_then(|(token, number)| Some((token.get(..12)?, number))) {
        Some((token, number)) => format!("imk-{token}-{number}-{target}"),
        None => format!("imk-{target}"),
    }
}

/// The tags that a build gives, with whose they are and when they go; none where they stay whatever happens.
fn tags_of(owner: FileId, block: &Block) -> Vec<Entry> {
    let policy = match block.cleanup {
        Cleanup::Never => return Vec::new(),
        Cleanup::OnFailure => Policy::OnFailure,
        Cleanup::Always => Policy::Always,
    };
    let tags = block.tags().iter().map(|tag| String::from_utf8_lossy(&tag.text).into_owned());
    tags.map(|tag| (owner, Thing::Image { tag }, policy, None)).collect()
}

impl Build {
    /// The steps of an image target.
    ///
    /// # Errors
    /// There is no engine, and this is no run that only shows what it would do.
    pub(super) fn steps_of(&mut self, file: FileId, block: &Rc<Block>) -> Outcome<Steps> {
        let InUse { program, fault } = self.engine_for(block);
        let pretends = self.pretends();
        if let Some(fault) = fault.filter(|_| !pretends) {
            return Err(Stop::fatal(block.place, Complaint::Text(printable(&fault.message()).into_bytes())));
        }
        if let Some(fault) = no_extraction(block, program.client).filter(|_| !pretends) {
            return Err(Stop::Fatal(fault));
        }
        self.observe(file, &[]);
        if !pretends {
            // An image of a killed run is not taken for one that is meant to be there.
            self.reap_dead_runs();
        }
        let is_baked = self.collector.is_none() && self.builder_of(block).is_some();
        let judged = match self.collector.is_some() || is_baked {
            true => None,
            false => match self.judged_before(file) {
                Some(judged) => Some(judged),
                None => self.judge_block(file, block, &program)?,
            },
        };
        if let Some(judged) = &judged {
            self.tell_judged(file, judged);
        }
        let mut all = VecDeque::new();
        let is_fresh = judged.as_ref().is_some_and(Judged::is_fresh);
        let follows = |build: &Build| {
            let recipe = build.session.rules.files[file].recipe;
            !block.extracts.is_empty()
                || recipe.is_some_and(|recipe| !build.session.rules.recipes[recipe].text.is_empty())
        };
        if self.collector.is_none() && (!is_fresh || follows(self)) {
            self.explain_image(file, block.place, judged.as_slice());
        }
        if is_baked {
            if !self.is_baked(file) {
                all.extend(self.bake_step(file, block)?);
            } else if !self.is_unchanged_image(file) {
                // Something was done for it, by another's job.
                self.commands_started += 1;
            }
        } else if is_fresh {
            self.note_fresh(file);
        } else {
            all.push_back(build_step(block, &program, judged, 0));
        }
        if !block.words(Attribute::Expect).is_empty() && !pretends {
            let place = block.words(Attribute::Expect).first().and_then(|given| given.place);
            all.push_back(Step::new(Vec::new(), place, Work::Expect));
        }
        if !block.extracts.is_empty() {
            self.add_extraction(file, block, &program, &mut all);
        }
        let removal = match block.cleanup {
            Cleanup::Always if !self.session.settings.touch && !self.session.settings.question => {
                Some(block.remove_tags(&program))
            }
            _ => None,
        };
        Ok(Steps { all, removal, ..Steps::default() })
    }

    /// Whether nothing is run.
    pub(super) fn pretends(&self) -> bool {
        let settings = &self.session.settings;
        settings.just_print || settings.touch || settings.question
    }

    fn add_extraction(&mut self, file: FileId, block: &Block, program: &Program, all: &mut VecDeque<Step>) {
        let target = self.session.name_of(file);
        let pretends = self.pretends();
        let token = if pretends { None } else { self.cleanup.token().map(str::to_owned).ok() };
        // Targets that are made side by side have containers and folders of their own, whatever their names are.
        let first = self.images.extractions;
        let numbered = token.as_deref().map(|token| (token, first));
        let (own, plain) = (container_name(target, numbered), container_name(target, None));
        let Some(tag) = block.tags().first() else { return };
        let place = block.extracts.first().and_then(|extract| extract.place);
        let mut create =
            Step::new(block.create(program, &plain, &tag.text, None), place, Work::Create(own.clone()));
        let label = token.as_deref().map(|token| (LABEL, token));
        create.arguments = block.create(program, &own, &tag.text, label);
        all.push_back(create);
        self.images.extractions += block.extracts.len();
        for (number, extract) in (first..).zip(&block.extracts) {
            let passage = Passage::new(token.as_deref().unwrap_or_default(), number);
            let to = landing(&extract.source, &extract.destination);
            let shown = block.copy(program, &plain, &extract.source, to.as_os_str().as_bytes());
            let own = block.copy(program, &own, &extract.source, passage.path().as_os_str().as_bytes());
            let (source, destination) = (extract.source.clone(), extract.destination.clone());
            let mut step = Step::new(shown, extract.place, Work::Copy { passage, source, destination });
            step.arguments = own;
            all.push_back(step);
        }
        let mut remove = Step::new(block.remove_container(program, &plain), place, Work::Remove);
        remove.arguments = block.remove_container(program, &own);
        all.push_back(remove);
    }

    /// Runs a step; false where no process was started for it.
    pub fn run_step(&mut self, child: &mut Child, step: Step) -> Outcome<bool> {
        let settings = &self.session.settings;
        let (question, touch, just_print) = (settings.question, settings.touch, settings.just_print);
        child.no_error = self.session.rules.files[child.file].command_flags & NO_ERROR != 0;
        child.recursive = false;
        if question {
            self.session.rules.files[child.file].status = Status::Question;
            self.notice_finished(child.file)?;
            return Ok(true);
        }
        if touch {
            return Ok(false);
        }
        let mut step = step;
        child.step_place = step.place;
        self.enter(child);
        let result = self.start_step(child, &mut step, just_print);
        self.leave_output(child);
        if matches!(result, Ok(true)) {
            child.step = Some(step);
        }
        result
    }

    fn start_step(&mut self, child: &mut Child, step: &mut Step, just_print: bool) -> Outcome<bool> {
        if step.has_no_process() {
            return self.hold(child);
        }
        let silent = self.session.rules.files[child.file].command_flags & SILENT != 0;
        if just_print || self.debugging(DebugLevels::PRINT) || (!silent && !self.is_silent()) {
            self.session.context.output.out(&[&step.shown[..], b"\n"].concat());
        }
        self.commands_started += 1;
        if just_print {
            if let Work::Bake(running) = &step.work {
                self.note_shown(running);
            }
            return Ok(false);
        }
        self.prepare_child(child)?;
        let buildkit = c"DOCKER_BUILDKIT=1";
        let own = child.environment.take().unwrap_or_default();
        let mut environment: Vec<CString> = own.to_vec();
        if !environment.iter().any(|entry| entry.as_bytes().starts_with(b"DOCKER_BUILDKIT=")) {
            environment.push(buildkit.to_owned());
        }
        let is_build = matches!(step.work, Work::Build(..) | Work::Bake(_));
        // Below a footer the client is not to draw, nor where its lines are read.
        if is_build
            && (self.session.context.output.has_footer() || self.wants_logs())
            && !environment.iter().any(|entry| entry.as_bytes().starts_with(b"BUILDKIT_PROGRESS="))
        {
            environment.push(c"BUILDKIT_PROGRESS=plain".to_owned());
        }
        if let Some(block) = self.block_of(child.file) {
            environment = self.environment_for(&block, environment);
        }
        self.enter_things(child, step, &environment)?;
        let (arguments, secrets) =
            secrets_by_environment(&step.arguments, self.images.freshness.masks.as_ref());
        let name = |entry: &CString| entry.as_bytes().split(|&byte| byte == b'=').next().map(<[u8]>::to_vec);
        let names: Vec<_> = secrets.iter().map(name).collect();
        environment.retain(|entry| !names.contains(&name(entry)));
        environment.extend(secrets);
        child.environment = Some(Rc::new(environment));
        let listener = match &step.work {
            Work::Build(judged, _) => {
                let dockerfile = judged.as_ref().and_then(|judged| judged.sources.dockerfile.as_deref());
                let steps = self.step_listener(child.file, dockerfile);
                self.forget_log(child.file);
                self.log_listener(child.file, steps)
            }
            _ => None,
        };
        match &step.work {
            Work::Build(Some(judged), _) => self.will_build(judged),
            Work::Bake(running) => running.judged().for_each(|judged| self.will_build(judged)),
            _ => {}
        }
        let result = self.spawn(child, &arguments, step.quiet, listener);
        child.environment = Some(own);
        result?;
        self.tell_line_started(child, &step.shown, Some(step));
        self.set_state(child.file, State::Running);
        Ok(true)
    }

    /// Holds the image to the block's `expect`. Where it does not hold the job fails as one whose process could not be started.
    fn hold(&mut self, child: &mut Child) -> Outcome<bool> {
        let Some(block) = self.block_of(child.file) else { return Ok(false) };
        self.prepare_child(child)?;
        if std::mem::take(&mut child.good_input) {
            self.input_used = false;
        }
        let environment = child.environment.clone().unwrap_or_default();
        // What is said goes where the job's output goes, which is entered already.
        self.leave_output(child);
        let broken = self.breaks_block(child, &block, &environment);
        self.enter(child);
        if broken {
            self.commands_started += 1;
            child.pid = -1;
            self.set_state(child.file, State::Running);
        }
        Ok(broken)
    }

    /// The steps are over: the recipe's lines may speak of the image.
    pub fn steps_over(&mut self, child: &mut Child) -> Outcome {
        child.step_place = None;
        if let Some(block) = self.block_of(child.file) {
            let environment = child.environment.clone().unwrap_or_default();
            self.define_image_id(child.file, &block, &environment);
        }
        self.take_lines(child)
    }

    /// Defines `.IMAGE_ID`, where the engine tells it.
    fn define_image_id(&mut self, file: FileId, block: &Rc<Block>, environment: &[CString]) {
        let InUse { program, .. } = self.engine_for(block);
        if let Some(id) = self.baked_id(file) {
            return self.define_for(file, b".IMAGE_ID", id.as_bytes());
        }
        let environment = &self.environment_for(block, environment.to_vec())[..];
        let tag = block.tags().first().map(|given| String::from_utf8_lossy(&given.text).into_owned());
        let (Some(address), Some(tag)) = (Build::address_of(&program, environment), tag) else { return };
        let found = self.cleanup.engines.at(&address).and_then(|engine| engine.image(&tag));
        if let Ok(Some(image)) = found {
            self.define_for(file, b".IMAGE_ID", image.id.as_bytes());
        }
    }

    /// Enters what a step is about to make into the ledger.
    fn enter_things(&mut self, child: &mut Child, step: &mut Step, environment: &[CString]) -> Outcome {
        let Some(block) = self.block_of(child.file) else { return Ok(()) };
        let InUse { program, .. } = self.engine_for(&block);
        let Some(engine) = Build::address_of(&program, environment) else { return Ok(()) };
        let own = child.file;
        let mut things = Vec::new();
        match &step.work {
            Work::Build(..) => {
                self.reap_dead_runs();
                things.extend(tags_of(own, &block));
            }
            Work::Bake(running) => {
                self.reap_dead_runs();
                for member in running.members() {
                    things.extend(self.block_of(member).iter().flat_map(|block| tags_of(member, block)));
                }
            }
            Work::Create(name) => {
                let label = self.cleanup.token().ok().map(|token| (LABEL.to_owned(), token.to_owned()));
                things.push((own, Thing::Container { name: Some(name.clone()) }, Policy::Always, label));
            }
            Work::Copy { passage, .. } => {
                let path = passage.folder().to_path_buf();
                things.push((own, Thing::File { path }, Policy::Always, None));
            }
            Work::Remove | Work::Expect => {}
        }
        for (owner, thing, policy, label) in things {
            let target = self.shown_name(owner);
            let work = cleanup::Work { owner, target: &target, engine: &engine, policy };
            match self.cleanup.will_make(&work, thing, label) {
                Ok(ticket) => step.tickets.push(ticket),
                Err(Fault::Engine(fault)) => {
                    // The engine may not have had the time to answer.
                    self.heed_signal()?;
                    return Err(Stop::fatal(
                        block.place,
                        Complaint::Text(printable(&fault.message()).into_bytes()),
                    ));
                }
                Err(Fault::Journal(_)) => {}
            }
        }
        self.say_unwritten();
        match &step.work {
            Work::Create(_) => child.container = step.tickets.first().copied(),
            Work::Copy { passage, .. } => passage.make().map_err(|error| {
                let what = passage.folder().as_os_str().as_bytes().to_vec();
                let error = error.raw_os_error().unwrap_or(libc::EIO);
                Stop::fatal(step.place, Complaint::System { what, error })
            })?,
            _ => {}
        }
        Ok(())
    }

    /// The inputs of an image changed while it was built: nobody knows which of them it has, and it is built again.
    fn build_again(&mut self, child: &mut Child, again: u32) {
        const MOST: u32 = 3;
        let Some(block) = self.block_of(child.file) else { return };
        let InUse { program, .. } = self.engine_for(&block);
        if again == MOST {
            let name = self.session.name_of(child.file).to_vec();
            self.enter(child);
            self.session.complain(block.place, &Complaint::InputsKeepChanging(name));
            self.leave_output(child);
            return;
        }
        if let Ok(judged) = self.judge_block(child.file, &block, &program) {
            child.steps.push_front(build_step(&block, &program, judged, again + 1));
        }
    }

    /// Shows the removal of an image's tags, which the end of the job brings.
    pub fn show_removal(&mut self, child: &mut Child) {
        let Some(mut line) = child.removal.take() else { return };
        if self.session.settings.just_print || !self.is_silent() {
            line.push(b'\n');
            self.enter(child);
            self.session.context.output.out(&line);
            self.leave_output(child);
        }
    }

    /// Does what follows a step whose process ended; tells whether it failed after all.
    pub fn step_ended(&mut self, child: &mut Child, step: Step, ended: &Ended) -> bool {
        let failed = ended.code != 0 || ended.signal != 0;
        for &ticket in step.tickets.iter().filter(|_| !matches!(step.work, Work::Copy { .. })) {
            // Where the engine does not answer, the thing stays held, and the end of the job asks once more.
            let _ = match ended.signal != 0 || self.dying {
                true => self.cleanup.look_after_interruption(ticket),
                false => self.cleanup.look_after(ticket),
            };
        }
        if failed {
            match &step.work {
                _ if ended.signal != 0 || self.dying => {}
                Work::Build(Some(judged), _) => self.build_failed(judged),
                Work::Bake(running) => running.judged().for_each(|judged| self.build_failed(judged)),
                _ => {}
            }
            return true;
        }
        match &step.work {
            Work::Expect => false,
            Work::Create(_) => false,
            Work::Bake(running) => {
                self.baked(running);
                false
            }
            Work::Build(None, _) => false,
            Work::Build(Some(judged), again) => {
                if !self.built(child.file, judged) {
                    self.build_again(child, *again);
                }
                false
            }
            Work::Remove => {
                if let Some(ticket) = child.container.take() {
                    let _ = self.cleanup.gone(ticket);
                }
                false
            }
            Work::Copy { passage, source, destination } => match passage.deliver(source, destination) {
                Ok(_) => {
                    self.session.context.folders.changed();
                    false
                }
                Err((path, error)) => {
                    let what = path.as_os_str().as_bytes().to_vec();
                    let error = error.raw_os_error().unwrap_or(libc::EIO);
                    self.enter(child);
                    self.session.complain(step.place, &Complaint::System { what, error });
                    self.leave_output(child);
                    true
                }
            },
        }
    }
}

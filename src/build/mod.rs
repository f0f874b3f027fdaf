//! Targets brought up to date: the walk over prerequisites, the jobs it starts, what becomes of their targets (manual, "How make
//! Processes a Makefile", "Parallel Execution"). Knows nothing of how makefiles are read.

pub mod cleanup;
pub mod decide;
pub mod delete;
pub mod finish;
pub mod goals;
pub mod images;
pub mod job;
pub mod plan;
pub mod reap;
pub mod shuffle;
pub mod start;
mod tell;
pub mod trace;
pub mod update;
pub mod why;

use crate::base::diagnostic::Place;
use crate::base::events::BuildStep;
use crate::base::tables::HashMap;
use crate::cli::settings::DebugLevels;
use crate::load::Session;
use crate::os::children::{Ended, Waiter};
use crate::os::jobserver::Jobserver;
use crate::rules::file::FileId;
use job::Child;
use shuffle::Shuffle;
use std::fs::File;
use std::sync::{Arc, Mutex};

/// A goal, or a makefile that may have to be remade.
#[derive(Clone)]
pub struct Goal {
    /// The file.
    pub file: FileId,
    /// Whether anything was run for it.
    pub changed: bool,
    /// Whether it is a makefile that was included.
    pub included: bool,
    /// Whether nobody minds if it can't be made.
    pub optional: bool,
    /// The error of opening it, until it was said.
    pub error: Option<i32>,
    /// Where it was included.
    pub place: Option<Place>,
}

impl Goal {
    /// A goal of the command line, or the default goal.
    pub fn new(file: FileId) -> Goal {
        Goal { file, changed: false, included: false, optional: false, error: None, place: None }
    }
}

/// Is told of recipes before they run.
pub trait Observer {
    /// The recipe of `file` is about to run for the sake of `goal`, or of a makefile: its lines, expanded.
    fn recipe(&self, session: &Session, goal: Option<FileId>, file: FileId, lines: &[Vec<u8>]);

    /// The image `now` was built on the engine at address `engine` in place of `before`. Tells whether that one was built for the same
    /// observer, so that nobody else can be waiting for it.
    fn built(&self, engine: &str, before: Option<&str>, now: &str) -> bool;
}

/// The state of a build.
pub struct Build {
    /// Variables, rules, options.
    pub session: Session,
    /// The pass over the graph: files that it has seen need no second look.
    pub considered: u32,
    /// Commands started, or shown under `-n`.
    pub commands_started: u64,
    /// Children that ended: while it stays the same, nothing can have changed.
    pub commands_ended: u64,
    /// Jobs at once; zero where there is no limit, or where the jobserver limits them.
    pub slots: u32,
    /// Jobs that run.
    pub slots_used: u32,
    /// The jobserver, ours or the parent's.
    pub jobserver: Option<Jobserver>,
    /// Jobs that hold a token, the free one included.
    pub tokens: u32,
    /// Running children, the youngest last.
    pub children: Vec<Child>,
    /// Jobs that wait for the load to go down.
    pub waiting: Vec<Child>,
    /// Waits for children and signals.
    pub waiter: Waiter,
    /// A child has the terminal's input.
    pub input_used: bool,
    /// What other children get as input.
    pub no_input: Option<File>,
    /// The goals that are being made.
    pub goals: Vec<Goal>,
    /// The goal on whose behalf files are considered.
    pub current_goal: usize,
    /// `Waiting for unfinished jobs` was said.
    pub said_waiting: bool,
    /// A fatal signal is being handled.
    pub dying: bool,
    /// The order of prerequisites.
    pub shuffle: Shuffle,
    /// The file of the lock for grouped output, where this process made it.
    pub lock_path: Option<tempfile::TempPath>,
    /// Image targets.
    pub images: images::ImageTargets,
    /// Whether `.DELETE_ON_ERROR` is a target, once that was needed.
    pub delete_on_error: Option<bool>,
    /// What jobs have made on engines for themselves.
    pub cleanup: cleanup::Ledger,
    /// The engine of `--engine`.
    pub engine: cleanup::ChosenEngine,
    /// What would be run, where nothing is to be (`--plan`, `--check`).
    pub collector: Option<plan::Collector>,
    /// Who wants to know of recipes.
    pub observer: Option<Box<dyn Observer>>,
    /// Who wants to know why targets are remade (`--why`).
    pub explainer: Option<Box<dyn why::Explainer>>,
    /// Recipes that failed, in order.
    pub failures: Vec<Failed>,
    /// Steps of images' builds that failed, as engines told.
    pub failed_steps: Arc<Mutex<Vec<BuildStep>>>,
    /// What the builds of each target said, where it was read.
    pub logs: HashMap<FileId, images::logs::Recorders>,
}

/// A recipe that failed.
pub struct Failed {
    /// The target.
    pub file: FileId,
    /// The line.
    pub place: Option<Place>,
    /// How it ended.
    pub ended: Ended,
    /// Lines written when its output began, where they are counted.
    pub lines: Option<u64>,
    /// It ran a make of its own, which has said what failed.
    pub recursive: bool,
}

impl Build {
    /// A build of what `session` read.
    pub fn new(session: Session) -> Build {
        Build {
            session,
            considered: 0,
            commands_started: 0,
            commands_ended: 0,
            slots: 1,
            slots_used: 0,
            jobserver: None,
            tokens: 0,
            children: Vec::new(),
            waiting: Vec::new(),
            waiter: Waiter::default(),
            input_used: false,
            no_input: None,
            goals: Vec::new(),
            current_goal: 0,
            said_waiting: false,
            dying: false,
            shuffle: Shuffle::default(),
            lock_path: None,
            images: images::ImageTargets::default(),
            delete_on_error: None,
            cleanup: cleanup::Ledger::default(),
            engine: cleanup::ChosenEngine::default(),
            collector: None,
            observer: None,
            explainer: None,
            failures: Vec::new(),
            failed_steps: Arc::default(),
            logs: HashMap::default(),
        }
    }

    /// Whether any of these levels of debugging output is wanted.
    #[inline]
    pub fn debugging(&self, levels: DebugLevels) -> bool {
        self.session.settings.debug_levels.any(levels)
    }
}

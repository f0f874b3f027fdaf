//! The whole pipeline: options, makefiles, makefiles remade, goals, the end. Knows every layer and does nothing itself.

mod affected;
mod audit;
mod bake;
mod choose;
mod ci;
mod emit;
mod environment;
mod explain;
mod finish;
mod flags;
mod graph;
mod init;
mod list;
mod listen;
mod locks;
mod makefiles;
mod outdated;
mod plan;
mod reproduce;
mod smoke;
mod start;
mod watch;
mod why;

use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::base::events::{Beginning, Phase};
use crate::build::{Build, Goal};
use crate::cli::settings::{DebugLevels, Jobs};
use crate::expand::expand_text;
use crate::expand::file_names::{FileNames, file_names};
use crate::os::interruption::{self, Doomed};
use crate::report::ci::Service;
use crate::rules::file::Status;
use crate::rules::special;

/// What the operating system gave this process.
pub struct Given {
    /// The arguments, the program's name first.
    pub arguments: Vec<Vec<u8>>,
    /// The environment, in order.
    pub environment: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What a run keeps besides its build.
struct Run {
    build: Build,
    given: Given,
    /// How often makefiles were remade and read again.
    restarts: u32,
    /// The goals of the command line.
    goals: Vec<crate::rules::file::FileId>,
    /// Whether goals were given, so that `--affected` speaks of those alone.
    asked_of_goals: bool,
    /// The makefiles, for `--affected`.
    makefiles_read: Vec<crate::rules::file::FileId>,
    /// The temporary file that holds a makefile from standard input.
    stdin_copy: Option<Vec<u8>>,
    /// Has a fatal signal remove it.
    doomed: Option<Doomed>,
    /// It was said which variables name no folder for temporary files.
    said_temporary: bool,
    /// The folder before `-C`.
    folder_before: Option<std::path::PathBuf>,
    /// Standard output itself, while what runs has standard error in its place.
    verdict_to: Option<std::fs::File>,
    /// The worst status so far.
    status: i32,
    /// What is told to the watch session that started this run.
    watched: Option<watch::Watched>,
    /// When it began.
    began: Beginning,
    /// What files of environment variables said.
    env_variables: Vec<(Vec<u8>, Vec<u8>)>,
    /// The CI service that reads the log.
    service: Option<Service>,
    /// Whether it was found out what is to be hidden.
    secrets_known: bool,
}

/// Runs the program and returns its exit status.
pub fn run(given: Given) -> i32 {
    let began = Beginning::now();
    interruption::begin();
    let program = start::program_name(&given);
    let session = crate::load::Session::new(&program);
    let mut run = Run {
        build: Build::new(session),
        given,
        restarts: 0,
        goals: Vec::new(),
        asked_of_goals: false,
        makefiles_read: Vec::new(),
        stdin_copy: None,
        doomed: None,
        said_temporary: false,
        folder_before: None,
        verdict_to: None,
        status: 0,
        watched: None,
        began,
        env_variables: Vec::new(),
        service: None,
        secrets_known: false,
    };
    run.build.images.finding_words = Some(crate::report::audit::line);
    run.build.images.preflight.words = Some(crate::report::check::said);
    let result = run.everything();
    let status = run.finish(result);
    // The memory goes with the process, all of it at once.
    std::mem::forget(run);
    status
}

impl Run {
    fn everything(&mut self) -> Outcome {
        self.import_environment();
        self.read_options()?;
        if self.build.session.settings.own.watch {
            return self.watch();
        }
        self.enter_folders()?;
        self.build.choose_engine()?;
        if self.build.session.settings.own.reap {
            return Err(self.build.reap_only());
        }
        self.listen()?;
        if self.write_taskfile()? || self.lock_diff()? {
            return Ok(());
        }
        self.begin_watched();
        self.read_env_files()?;
        self.define_own_variables()?;
        self.read_stdin_makefile()?;
        self.in_phase(Phase::Reading, Run::read_makefiles)?;
        self.keep_makefiles();
        self.set_up_jobs()?;
        self.settle_rules()?;
        if self.emit_makefile()? || self.list()? || self.choose()? || self.write_ci_file()? {
            return Ok(());
        }
        self.in_phase(Phase::Remaking, Run::remake_makefiles)?;
        self.in_phase(Phase::Goals, Run::make_goals)?;
        self.present()?;
        self.audit()
    }

    /// Does `work`, and tells listeners that it is this phase.
    fn in_phase(&mut self, phase: Phase, work: fn(&mut Run) -> Outcome) -> Outcome {
        self.build.session.context.events.phase_started(phase, b"");
        let result = work(self);
        self.build.session.context.events.phase_ended(phase);
        result
    }

    /// After the makefiles: special targets, built-in rules, search paths, `-o` and `-W`.
    fn settle_rules(&mut self) -> Outcome {
        self.define_makeflags(false)?;
        let session = &mut self.build.session;
        special::snap(session)?;
        self.hide_secrets()?;
        let session = &mut self.build.session;
        // `.IGNORE` without prerequisites is the option, which sub-makes get, too.
        session.settings.ignore_errors |= session.rules.ignore_errors;
        // What prints the rules wants them all.
        let later = !session.settings.print_data_base && session.settings.own.list.is_none();
        special::install_rules(session, !session.settings.no_builtin_rules, later)?;
        let vpath = expand_text(session, b"$(strip $(VPATH))")?;
        session.rules.paths.set_general(&vpath);
        let gpath = expand_text(session, b"$(strip $(GPATH))")?;
        session.rules.paths.gpath = crate::rules::vpath::folders_of(&gpath);
        for name in session.settings.old_files.clone() {
            let file = enter_record(session, &name);
            let record = &mut session.rules.files[file];
            record.mtime = crate::os::files::Mtime::OLD;
            record.mtime_before = record.mtime;
            record.updated = true;
            record.status = Status::Success;
            record.state = crate::rules::file::State::Finished;
        }
        if self.restarts == 0 {
            self.mark_new_files();
        }
        self.end_reading_output();
        Ok(())
    }

    fn mark_new_files(&mut self) {
        let session = &mut self.build.session;
        for name in session.settings.new_files.clone() {
            let file = enter_record(session, &name);
            let record = &mut session.rules.files[file];
            record.mtime = crate::os::files::Mtime::NEW;
            record.mtime_before = record.mtime;
        }
        self.mark_edited_files();
    }

    /// The goals: those given, or the default goal.
    fn make_goals(&mut self) -> Outcome {
        self.define_makeflags(false)?;
        let session = &mut self.build.session;
        // An audit judges what needs nothing as well; what a change reaches may need nothing now.
        let own = &session.settings.own;
        let affected = own.affected.is_some();
        let walks = self.build.collector.is_some() && (!own.audit.is_empty() || own.outdated.is_some());
        session.always_make = session.settings.always_make || walks || affected;
        if self.restarts > 0 {
            self.mark_new_files();
        }
        self.remove_stdin_copy();
        self.asked_of_goals = !self.goals.is_empty();
        if affected && self.goals.is_empty() {
            self.candidates();
        } else if self.goals.is_empty() {
            self.find_default_goal()?;
        }
        if self.goals.is_empty() {
            return Err(self.no_targets());
        }
        self.tell_before_goals();
        self.begin_progress();
        self.build.preflight(&self.goals)?;
        self.build.plan_bakes(&self.goals)?;
        let goals: Vec<Goal> = self.goals.iter().map(|&file| Goal::new(file)).collect();
        self.build.say(DebugLevels::BASIC, 0, |_| b"Updating goal targets....".to_vec());
        match self.build.update_goals(goals)? {
            Status::None | Status::Success => {}
            Status::Question => self.status = 1,
            Status::Failed => self.status = 2,
        }
        if self.build.session.clock_skew {
            self.build.session.complain(None, &Complaint::SkewDetected);
        }
        Ok(())
    }

    /// There is nothing to make: with makefiles, or for want of any.
    fn no_targets(&mut self) -> Stop {
        let context = &mut self.build.session.context;
        let read = context.lookup_text(b"MAKEFILE_LIST");
        let any = read.is_some_and(|id| !context.variables.get(id).value.is_empty());
        Stop::fatal(None, if any { Complaint::NoTargets } else { Complaint::NoTargetsAndNoMakefile })
    }

    fn find_default_goal(&mut self) -> Outcome {
        let session = &mut self.build.session;
        let Some(variable) = session.default_goal else { return Ok(()) };
        let variable = session.context.variables.get(variable);
        let (value, recursive) = (variable.value.clone(), variable.recursive);
        let text = if recursive { expand_text(session, &value)? } else { value.to_vec() };
        if text.is_empty() {
            return Ok(());
        }
        if let Some(file) = session.rules.lookup(&session.context.names, &text) {
            self.goals.push(file);
            return Ok(());
        }
        let (found, _) = file_names(session, &text, &FileNames::default())?;
        match found.as_slice() {
            [] => Ok(()),
            [one] => {
                let file = session.enter_file(&one.name);
                self.goals.push(file);
                Ok(())
            }
            _ => Err(Stop::fatal(None, Complaint::MultipleDefaultGoals)),
        }
    }

    /// How many jobs may run at once, and the jobserver for sub-makes.
    fn set_up_jobs(&mut self) -> Outcome {
        let build = &mut self.build;
        build.slots = match build.session.settings.jobs {
            _ if build.jobserver.is_some() => 0,
            Jobs::Unset => 1,
            Jobs::Unlimited => 0,
            Jobs::Count(count) => count.get(),
        };
        if build.slots > 1 {
            self.start_jobserver()?;
        }
        self.keep_jobs_apart();
        self.set_up_grouping();
        Ok(())
    }
}

/// The file that `-o` or `-W` names; of a double-colon target a further record, so that its rules are left as they are.
fn enter_record(session: &mut crate::load::Session, text: &[u8]) -> crate::rules::file::FileId {
    let name = session.context.names.intern(crate::rules::file::plain_name(text));
    session.rules.files.enter(name)
}

//! `--watch`: a session instead of a run, and what a run that a session started tells it. Knows nothing of how goals are made.

use super::Run;
use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::watch::drive::{self, End, Plan};
use crate::watch::inputs::Inputs;

/// What a run that is watched keeps for the session.
pub(super) struct Watched {
    inputs: Inputs,
    makefiles: Vec<crate::load::session::Makefile>,
}

impl Run {
    /// Watches the goals until the session ends.
    pub(super) fn watch(&mut self) -> Outcome {
        let session = &self.build.session;
        let fatal = |text: String| Stop::fatal(None, Complaint::Text(text.into_bytes()));
        if session.settings.makefiles.iter().any(|name| name == b"-") {
            return Err(fatal("--watch needs makefiles that are files".to_owned()));
        }
        let policy = drive::policy(&session.settings)
            .map_err(|option| fatal(format!("{option} needs a number of milliseconds")))?;
        let mut goals: Vec<Vec<u8>> = Vec::new();
        for &goal in &self.goals {
            let name = session.name_of(goal).to_vec();
            if !goals.contains(&name) {
                goals.push(name);
            }
        }
        let plan = Plan {
            arguments: self.given.arguments.clone(),
            environment: self.given.environment.clone(),
            program: session.context.output.program.clone(),
            goals,
            policy,
        };
        match drive::watch(plan).map_err(fatal)? {
            End::Status(status) => Err(Stop::Exit(status)),
            End::Signal(signal) => Err(Stop::Signal(signal)),
        }
    }

    /// Notes from here on what a watch session wants to know, where one started this run.
    pub(super) fn begin_watched(&mut self) {
        let session = &mut self.build.session;
        if let Some(inputs) = Inputs::asked_for(&self.given.environment, session) {
            session.context.seen = Some(Box::default());
            self.build.observer = Some(Box::new(inputs.clone()));
            self.watched = Some(Watched { inputs, makefiles: Vec::new() });
        }
    }

    /// Marks what the session saw change though the files' times do not tell; as for `-W` not while makefiles are remade for the second
    /// time, which would have no end.
    pub(super) fn mark_edited_files(&mut self) {
        if let Some((before, paths)) = self.watched.as_ref().and_then(|watched| watched.inputs.edited()) {
            crate::graph::mtime::edited(&mut self.build.session, &paths, before);
        }
    }

    /// Keeps the list of makefiles, which the run itself uses up.
    pub(super) fn keep_makefiles(&mut self) {
        if self.build.session.settings.own.affected.is_some() {
            self.makefiles_read = self.build.session.makefiles.iter().map(|makefile| makefile.file).collect();
        }
        if let Some(watched) = &mut self.watched {
            watched.makefiles.clone_from(&self.build.session.makefiles);
        }
    }

    /// Tells the session what the goals need, as far as it is known before they are made.
    pub(super) fn tell_before_goals(&self) {
        if let Some(watched) = &self.watched {
            watched.inputs.before_goals(&self.build, &watched.makefiles, &self.goals);
        }
    }

    /// Tells the session all that was seen.
    pub(super) fn tell_at_end(&mut self) {
        if self.watched.as_ref().is_some_and(|watched| watched.makefiles.is_empty()) {
            // The run ended while makefiles were read.
            self.keep_makefiles();
        }
        if let Some(watched) = &self.watched {
            watched.inputs.at_end(&self.build, &watched.makefiles, &self.goals);
        }
    }
}

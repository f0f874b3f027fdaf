//! `--audit=reproduce`: an image built twice more without cache, under tags of the run's own, and compared. Knows nothing of how
//! images are compared.

use super::Run;
use crate::base::diagnostic::Stop;
use crate::base::system_error::SystemError;
use crate::build::cleanup::ledger::Fault;
use crate::build::cleanup::{Policy, Work, engines};
use crate::expand::environment::environment;
use crate::image::audit::image::rebuild::{EPOCH, words};
use crate::image::audit::image::{self, reproduce};
use crate::image::audit::releases::Date;
use crate::image::audit::{Audit, Finding, Subject};
use crate::image::block::words::quoted;
use crate::image::command::ImageCommand;
use crate::image::journal::Thing;
use crate::image::study::Study;
use crate::os::children::{self, Ended, Streams, Waited};
use crate::rules::file::FileId;
use std::ffi::CString;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the commands on a subject's image need to run as its build did.
pub(super) struct Ground {
    /// The target.
    pub owner: FileId,
    /// The build's environment.
    pub environment: Vec<CString>,
    /// The engine that builds it.
    pub address: String,
    /// This run's own mark in names.
    pub token: String,
}

/// Why a build was not repeated, in words; or the run ends.
pub(super) enum NotRepeated {
    /// Why.
    Because(String),
    /// A signal came.
    Stop(Stop),
}

pub(super) fn because(why: impl Into<String>) -> NotRepeated {
    NotRepeated::Because(why.into())
}

/// Seconds since 1970.
fn second() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |past| past.as_secs())
}

/// The value of `name` in an environment.
fn value(environment: &[CString], name: &str) -> Option<Vec<u8>> {
    let mut entries = environment.iter().map(|entry| entry.as_bytes());
    entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")).map(<[u8]>::to_vec)
}

impl Run {
    /// What commands on the image of `subject` need.
    pub(super) fn ground(&mut self, study: &Study, subject: Subject) -> Result<Ground, NotRepeated> {
        let recipe = study.recipes.get(subject.recipe).ok_or_else(|| because("it has no recipe"))?;
        let build = recipe.builds.get(subject.build).ok_or_else(|| because("it has no build"))?;
        let command = recipe.command(build.line, build.command).ok_or_else(|| because("it has no build"))?;
        let session = &mut self.build.session;
        let name = session.context.names.find(&recipe.recipe.target);
        let owner = name.and_then(|name| session.rules.files.find(name));
        let owner = owner.ok_or_else(|| because("its target is not known"))?;
        let scope = session.rules.files[owner].scope;
        let mut environment = environment(session, scope, false).map_err(NotRepeated::Stop)?;
        let made = recipe
            .lifecycle
            .made
            .iter()
            .find(|made| (made.by.line, made.by.command) == (build.line, build.command));
        let kind = self.build.engine.client;
        let address =
            made.and_then(|made| engines::of_command(&made.engine, kind, &|name| value(&environment, name)));
        let address = address.ok_or_else(|| because("its engine is known only to the running shell"))?;
        for (name, value) in &command.environment {
            let value =
                value.known().ok_or_else(|| because("its command is known only to the running shell"))?;
            environment.extend(CString::new([name, &b"="[..], value].concat()).ok());
        }
        let token = match self.build.cleanup.token() {
            Ok(token) => token.chars().take(12).collect(),
            Err(_) => return Err(because("the journal of clean-up can't be written")),
        };
        Ok(Ground { owner, environment, address, token })
    }

    /// Builds what `subject` builds twice without cache; what differs.
    pub(super) fn reproduce(
        &mut self,
        study: &Study,
        subject: Subject,
        audit: &Audit,
        today: Date,
    ) -> Result<Vec<Finding>, NotRepeated> {
        let recipe = study.recipes.get(subject.recipe).ok_or_else(|| because("it has no recipe"))?;
        let build = recipe.builds.get(subject.build).ok_or_else(|| because("it has no build"))?;
        let command = recipe.command(build.line, build.command).ok_or_else(|| because("it has no build"))?;
        let ImageCommand::Build(asked) = &command.command else { return Err(because("it has no build")) };
        let Ground { owner, mut environment, address, token } = self.ground(study, subject)?;
        let epoch = value(&environment, EPOCH);
        let epoch = epoch.and_then(|text| String::from_utf8(text).ok()).filter(|text| !text.is_empty());
        if !environment.iter().any(|entry| entry.as_bytes().starts_with(b"DOCKER_BUILDKIT=")) {
            environment.push(c"DOCKER_BUILDKIT=1".to_owned());
        }
        let folder = command
            .directory
            .known()
            .ok_or_else(|| because("its folder is known only to the running shell"))?;
        let tags = ["1", "2"].map(|number| format!("imk-reproduce-{token}:{number}"));
        let mut commands = Vec::new();
        for tag in &tags {
            let words = words(command, asked, tag, epoch.as_deref()).map_err(because)?;
            commands.push(words);
        }
        let result = self.build_pair(owner, &tags, &commands, folder, &environment, &address, audit);
        let findings = result.and_then(|()| {
            let engine = self.build.cleanup.engines.at(&address).map_err(|fault| because(fault.message()))?;
            let (image, first, second) = image::fetch_pair(engine, &tags[0], &tags[1])
                .map_err(|why| because(why.message(&tags[1])))?;
            let (written, base) = image::written(build);
            let base = image::base_image(engine, base);
            let reference = audit.reference.as_deref().unwrap_or_default();
            let subject =
                image::Subject { target: &audit.target, reference, id: &image.id, written: &written, base };
            let limits = image::Setting { today, ..image::Setting::default() };
            Ok(reproduce::compare(&first, &second, &subject, &limits, epoch.is_some()))
        });
        self.build.try_over(owner);
        findings
    }

    /// Waits for a build, which a signal to this process alone ends as well: how it ended, and the signal.
    fn wait_for_build(&mut self, process: i32) -> (Ended, Option<i32>) {
        let mut interrupted = None;
        loop {
            match self.build.waiter.wait(true, None) {
                Waited::Child(ended) if ended.pid == process => {
                    return (ended, interrupted.or_else(|| self.build.waiter.take_signal()));
                }
                Waited::Signal(signal) => {
                    interrupted = Some(signal);
                    children::kill(process, libc::SIGTERM);
                }
                Waited::Nothing => return (Ended::lost(process), interrupted),
                Waited::Child(_) | Waited::Ready => {}
            }
        }
    }

    /// Runs both builds. Their tags are in the journal before they are made.
    #[allow(clippy::too_many_arguments)]
    fn build_pair(
        &mut self,
        owner: FileId,
        tags: &[String; 2],
        commands: &[Vec<Vec<u8>>],
        folder: &[u8],
        environment: &[CString],
        address: &str,
        audit: &Audit,
    ) -> Result<(), NotRepeated> {
        self.build.waiter.prepare();
        let mut begun = None;
        for (tag, words) in tags.iter().zip(commands) {
            // Times of change have whole seconds: in one second two builds would look equal.
            while begun == Some(second()) {
                std::thread::sleep(Duration::from_millis(50));
            }
            begun = Some(second());
            let work = Work { owner, target: &audit.target, engine: address, policy: Policy::Always };
            let ticket = match self.build.cleanup.will_make(&work, Thing::Image { tag: tag.clone() }, None) {
                Ok(ticket) => ticket,
                Err(Fault::Engine(fault)) => return Err(because(fault.message())),
                Err(Fault::Journal(_)) => return Err(because("the journal of clean-up can't be written")),
            };
            let output = &mut self.build.session.context.output;
            output.message(&[&quoted(words)[..], b"\n"].concat());
            output.flush();
            let mut arguments = words.clone();
            if !folder.is_empty() && folder != b"." {
                let change = [&b"/bin/sh"[..], b"-c", b"cd \"$0\" && exec \"$@\"", folder];
                arguments = change.into_iter().map(<[u8]>::to_vec).chain(arguments).collect();
            }
            let started =
                children::start(&arguments, environment, Streams { stdin: None, stdout: None, stderr: None });
            let process = started.map_err(|error| because(SystemError::of(error).to_string()))?;
            let (ended, interrupted) = self.wait_for_build(process);
            let _ = match interrupted.is_some() || ended.signal != 0 {
                true => self.build.cleanup.look_after_interruption(ticket),
                false => self.build.cleanup.look_after(ticket),
            };
            if let Some(signal) = interrupted {
                return Err(NotRepeated::Stop(Stop::Signal(signal)));
            }
            if ended.code != 0 || ended.signal != 0 {
                return Err(because("a build without cache failed"));
            }
        }
        Ok(())
    }
}

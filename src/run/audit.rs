//! `--audit`: the goals made, then their images judged, and the verdict on standard output. Knows nothing of how images are
//! judged, nor of how a verdict looks.

use super::Run;
use super::reproduce::NotRepeated;
use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::build::plan::Collector;
use crate::image::audit::releases::Date;
use crate::image::audit::{Audit, Finding, Sizes, Subject, Unread, image, stages, subjects};
use crate::image::engine::{Engine, EngineError};
use crate::image::log::Log;
use crate::image::study::{Address, Connect, Study, address::FromProcess};
use crate::report::audit::{Report, html, json, sarif, text};
use crate::report::style::Style;
use crate::rules::file::{State, Status};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;

/// Layers above the base that are few enough.
const FEW_LAYERS: usize = 12;

/// Reaches no engine: for what is judged without one.
struct Nobody;

impl Connect for Nobody {
    fn connect(&self, _: &Address) -> Result<Box<dyn Engine>, EngineError> {
        Err(EngineError::NoEngine)
    }
}

/// Reads the image of `subject` off its engine, and judges it.
///
/// # Errors
/// Why it can't be read, in words.
fn judge_image(
    study: &Study,
    subject: Subject,
    audit: &Audit,
    setting: &stages::Setting,
) -> Result<(Vec<Finding>, Sizes), String> {
    let nameless = || format!("the image of '{}' has no tag that is known, and can't be read", audit.target);
    let recipe = study.recipes.get(subject.recipe).ok_or_else(nameless)?;
    let build = recipe.builds.get(subject.build).ok_or_else(nameless)?;
    let reference = audit.reference.as_deref().ok_or_else(nameless)?;
    let connection = study.connection(recipe, build.line, build.command);
    let unknown = || format!("{reference}: the engine that has it is known only to the running shell");
    let engine = connection.ok_or_else(unknown)?.engine().map_err(|fault| fault.message())?;
    let (found, saved) = image::fetch(engine, reference).map_err(|why| why.message(reference))?;
    let (written, base) = image::written(build);
    let base = image::base_image(engine, base);
    let judged = image::Subject { target: &audit.target, reference, id: &found.id, written: &written, base };
    let limits = image::Setting { today: setting.today, layers: setting.layers, ..image::Setting::default() };
    let judged = image::judge(&saved, &judged, &limits);
    Ok((judged.findings, judged.sizes))
}

impl Run {
    /// Makes ready for a run whose standard output is the verdict: all else goes to standard error, that of recipes too.
    pub(super) fn audit_instead(&mut self) -> Outcome {
        let own = &self.build.session.settings.own;
        if own.audit.is_empty() {
            return Ok(());
        }
        if own.audit.contains(&"static") {
            self.walk_only();
            return Ok(());
        }
        let turned = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)
            .and_then(|kept| rustix::stdio::dup2_stdout(rustix::stdio::stderr()).map(|()| kept));
        let kept = turned.map_err(|error| {
            let what = b"standard output".to_vec();
            Stop::fatal(None, Complaint::System { what, error: error.raw_os_error() })
        })?;
        self.verdict_to = Some(File::from(kept));
        Ok(())
    }

    /// Puts standard output back in its place, for a successor of this process.
    pub(super) fn give_back_stdout(&mut self) {
        if let Some(kept) = self.verdict_to.take() {
            let _ = rustix::stdio::dup2_stdout(&kept);
        }
    }

    /// From here on recipes are collected in place of run, those of targets that need nothing as well.
    fn walk_only(&mut self) {
        let session = &mut self.build.session;
        let settings = &mut session.settings;
        settings.just_print = true;
        (settings.touch, settings.question) = (false, false);
        session.context.output.aside = true;
        self.build.collector = Some(Collector::default());
    }

    /// Walks the goals a second time, which were made before.
    fn walk_again(&mut self) -> Outcome {
        let files = &mut self.build.session.rules.files;
        for file in files.ids() {
            let record = &mut files[file];
            (record.updated, record.updating, record.considered) = (false, false, 0);
            (record.state, record.status) = (State::NotStarted, Status::None);
        }
        self.walk_only();
        self.make_goals()
    }

    /// After the goals were made, or walked: judges their images.
    pub(super) fn audit(&mut self) -> Outcome {
        let own = &self.build.session.settings.own;
        if own.audit.is_empty() {
            return Ok(());
        }
        let (words, is_static) = (own.audit.clone(), own.audit.contains(&"static"));
        if !is_static {
            if self.status != 0 {
                return Ok(());
            }
            self.walk_again()?;
        }
        let goals: Vec<Vec<u8>> =
            self.goals.iter().map(|&goal| self.build.session.name_of(goal).to_vec()).collect();
        let walked = self.build.walked();
        let process = FromProcess::new(self.build.engine.client);
        let mut outside = process.outside();
        if is_static {
            outside.connect = &Nobody;
        }
        let study = Study::of(walked.recipes, walked.before, &outside);
        let day = std::env::var("IMK_TODAY").ok().and_then(|text| Date::parse(&text));
        let setting = stages::Setting { today: day.unwrap_or_else(Date::today), layers: FEW_LAYERS };
        let recipes = stages::Recipes::of(&study);
        let mut audits = Vec::new();
        for subject in subjects(&study, &goals) {
            let mut audit = Audit::of(&study, subject);
            match stages::check(&study, &recipes, subject, &setting) {
                Ok(findings) => audit.findings = findings,
                Err(unread) => audit.unread.push(unread),
            }
            if !is_static {
                match judge_image(&study, subject, &audit, &setting) {
                    Ok((mut findings, sizes)) => {
                        if let Some(log) = self.log_of(&study, subject, &sizes.id) {
                            let logged = stages::logged(&study, subject, &log, &mut audit.findings);
                            findings.extend(logged.findings);
                            audit.wheels_seen = logged.is_whole;
                        }
                        audit.add_image(findings, Some(sizes));
                    }
                    Err(why) => audit.unread.push(Unread::Image(why)),
                }
            }
            self.build.heed_signal()?;
            let id = audit.sizes.as_ref().map(|sizes| sizes.id.clone());
            if let Some(id) = id.filter(|_| words.contains(&"smoke")) {
                match self.smoke(&study, subject, &audit, &id) {
                    Ok(finding) => audit.add_image(finding.into_iter().collect(), None),
                    Err(NotRepeated::Because(why)) => audit.unread.push(Unread::NotStarted(why)),
                    Err(NotRepeated::Stop(stop)) => return Err(stop),
                }
            }
            self.build.heed_signal()?;
            if !is_static && words.contains(&"reproduce") {
                match self.reproduce(&study, subject, &audit, setting.today) {
                    Ok(findings) => audit.add_image(findings, None),
                    Err(NotRepeated::Because(why)) => audit.unread.push(Unread::NotRepeated(why)),
                    Err(NotRepeated::Stop(stop)) => return Err(stop),
                }
            }
            self.build.heed_signal()?;
            audits.push(audit);
        }
        if audits.is_empty() {
            let names: Vec<String> =
                goals.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            let text = format!("nothing to audit: no image that stays is built by {}", names.join(", "));
            return Err(Stop::fatal(None, Complaint::Text(text.into_bytes())));
        }
        let report = Report { audits: &audits, goals: &goals, is_static };
        let form = words.iter().rfind(|word| matches!(**word, "text" | "json" | "sarif" | "html"));
        let answer = match form.copied() {
            Some("json") => json::json(&report),
            Some("sarif") => sarif::sarif(&report),
            Some("html") => html::html(&report).into_bytes(),
            _ => text::text(&report, Style::of_stdout(self.build.session.settings.own.color)).into_bytes(),
        };
        if audits.iter().any(Audit::fails) {
            self.status = self.status.max(1);
        }
        self.give(&answer)
    }

    /// What the build of `subject` said that left image `id`, where it was seen.
    fn log_of(&mut self, study: &Study, subject: Subject, id: &str) -> Option<Log> {
        let session = &self.build.session;
        let name = session.context.names.find(&study.recipes.get(subject.recipe)?.recipe.target)?;
        let owner = session.rules.files.find(name)?;
        self.build.log_of(owner, id)
    }

    /// Puts the verdict on standard output.
    fn give(&mut self, text: &[u8]) -> Outcome {
        match self.verdict_to.take() {
            Some(mut file) => {
                self.build.session.context.output.flush();
                let failed = |error: std::io::Error| {
                    let error = error.raw_os_error().unwrap_or(libc::EIO);
                    Stop::fatal(None, Complaint::WriteError(Some(error)))
                };
                let shown = self.build.session.context.output.coloured_for(file.as_fd(), text).into_owned();
                file.write_all(&shown).map_err(failed)
            }
            None => {
                self.answer(text);
                Ok(())
            }
        }
    }
}

//! The CI service that reads this run's log: groups, annotations, the job's summary. Knows nothing of their forms.

use super::Run;
use crate::cli::settings::OutputSync;
use crate::os::ancestry::has_stdout_of_first_with;
use crate::os::files;
use crate::os::output::{Grouping, Log};
use crate::report::ci::{Service, github};
use crate::report::record::Record;
use crate::report::summary::Form;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The folder of the repository on GitHub's runners, from which annotations see files.
const WORKSPACE: &str = "GITHUB_WORKSPACE";
/// The file that takes the job's summary there.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

impl Run {
    /// Finds out, as far as options are known, which service reads the log: none of its lines is to be obeyed that this program does not
    /// mean to be.
    pub(super) fn guard_log(&mut self) {
        let own = &self.build.session.settings.own;
        let variable = |name: &str| std::env::var_os(name).map(|value| value.as_bytes().to_vec());
        let service = Service::chosen(own.ci, &variable).filter(|_| !own.posix_strict);
        let log = service.map(|service| Log::new(service.entry(), own.ci.is_some()));
        self.build.session.context.output.log = log;
    }

    /// Finds out which service is to have more than make's output, and has output put into groups where that disturbs nobody.
    pub(super) fn choose_service(&mut self) {
        let settings = &self.build.session.settings;
        let (own, choice) = (&settings.own, settings.own.ci);
        // A run that only answers a question is nobody's log.
        let answers = own.emit.is_some() || own.list.is_some() || own.reap;
        if own.posix_strict || settings.just_print || settings.question || settings.touch || answers {
            return;
        }
        let variable = |name: &str| std::env::var_os(name).map(|value| value.as_bytes().to_vec());
        let Some(service) = Service::chosen(choice, &variable) else { return };
        self.service = Some(service);
        if self.shows_groups(service) {
            let (run, mut number) = (std::process::id(), 0);
            self.build.session.context.output.frames = Some(Box::new(move |title| match title {
                Some(title) => {
                    number += 1;
                    service.group_start(title, number, run, SystemTime::now())
                }
                None => service.group_end(number, run, SystemTime::now()),
            }));
        }
    }

    /// Whether lines for the service may stand in standard output: not where another make or a script takes it. Who asks by the
    /// option knows.
    fn shows_groups(&self, service: Service) -> bool {
        let asked = self.build.session.settings.own.ci.is_some();
        let read = || has_stdout_of_first_with(service.entry());
        self.build.session.context.level == 0 && (asked || read())
    }

    /// Groups hold one target each: jobs that run at once are shown one after the other.
    pub(super) fn keep_jobs_apart(&mut self) {
        let build = &mut self.build;
        let output = &mut build.session.context.output;
        if output.frames.is_some() && build.slots != 1 && output.grouping == Grouping::None {
            output.grouping = Grouping::Recurse;
            build.session.settings.output_sync = OutputSync::Recurse;
            build.session.settings.output_sync_option = Some(b"recurse".to_vec());
        }
    }

    /// What is written for the service when the run is over.
    pub(super) fn service_writers(&self) -> Vec<Box<dyn FnMut(&Record)>> {
        let mut writers: Vec<Box<dyn FnMut(&Record)>> = Vec::new();
        if self.service != Some(Service::GitHub) {
            return writers;
        }
        let workspace = std::env::var_os(WORKSPACE).map(PathBuf::from);
        let folder = self.build.session.context.folder.clone().unwrap_or_default();
        let folder = PathBuf::from(OsStr::from_bytes(&folder));
        writers.push(Box::new(move |record| {
            // The record's has no hidden value.
            let folder = match folder.to_string_lossy() == record.folder {
                true => folder.clone(),
                false => PathBuf::from(&record.folder),
            };
            let path = |file: &str| from_workspace(file, &folder, workspace.as_deref());
            // The runner reads both streams; this one is nobody's answer.
            let _ = std::io::stderr().write_all(&github::annotations(record, &path));
        }));
        let summary = std::env::var_os(SUMMARY).filter(|path| !path.is_empty());
        if let Some(path) = summary.filter(|_| self.build.session.context.output.frames.is_some()) {
            writers.push(Box::new(move |record| {
                if let Ok(mut file) = files::create(path.as_bytes(), true) {
                    let _ = file.write_all(&Form::Markdown.write(record));
                }
            }));
        }
        writers
    }
}

/// The name of `file`, which is seen from `folder`, as seen from `workspace`.
fn from_workspace(file: &str, folder: &Path, workspace: Option<&Path>) -> String {
    let path = folder.join(file);
    let whole = path.canonicalize().unwrap_or(path);
    let root = workspace.map(|root| root.canonicalize().unwrap_or_else(|_| root.to_owned()));
    match root.and_then(|root| whole.strip_prefix(root).ok().map(Path::to_owned)) {
        Some(inner) => inner.display().to_string(),
        None => file.to_owned(),
    }
}

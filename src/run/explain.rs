//! Errors explained at the end, where a person reads them: on a terminal, in a CI service's log. Knows nothing of the words.

use super::Run;
use crate::base::diagnostic::{Complaint, Place};
use crate::base::events::StepState;
use crate::cli::{self, again_arguments};
use crate::os::sys;
use crate::report::explain::{self, Failure};
use crate::report::style::Style;
use rustix::termios::isatty;
use std::sync::PoisonError;

impl Run {
    /// How to explain; none where only make's own lines are wanted.
    fn explains(&self) -> Option<Style> {
        let own = &self.build.session.settings.own;
        let terminal = isatty(rustix::stdio::stderr());
        (!own.posix_strict && (terminal || self.service.is_some())).then(|| Style::of(own.color, terminal))
    }

    /// Says again what is wrong with options: the list of them all has pushed it off the screen.
    pub(super) fn explain_usage(&mut self, errors: &[cli::Error]) {
        let output = &self.build.session.context.output;
        let Some(style) = self.explains().filter(|_| isatty(rustix::stdio::stderr())) else { return };
        let program = String::from_utf8_lossy(&output.program).into_owned();
        let said = |error| format!("{program}: {}", String::from_utf8_lossy(&cli::message(error)));
        let said = errors.iter().map(|error| (said(error), cli::hint(error)));
        let text = explain::usage(said, style);
        self.build.session.context.output.message_coloured(text.as_bytes());
    }

    /// Explains the error that ends the run.
    pub(super) fn explain_fatal(&mut self, place: Option<Place>, complaint: &Complaint) {
        let Some(style) = self.explains() else { return };
        let session = &self.build.session;
        let files = &session.rules.files;
        let known = files.bound().into_iter().filter(|&file| files[file].is_target && !files[file].builtin);
        let targets: Vec<&[u8]> =
            known.map(|file| session.name_of(file)).filter(|name| name[0] != b'.').collect();
        let text = explain::fatal(place.as_ref(), complaint, targets, style);
        self.build.session.context.output.message_coloured(text.as_bytes());
    }

    /// Says once more what failed, where, and how to make just that.
    pub(super) fn explain_failures(&mut self) {
        if self.build.failures.is_empty() {
            return;
        }
        let Some(style) = self.explains() else { return };
        let now = self.build.session.context.output.lines();
        let steps = self.build.failed_steps.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let session = &self.build.session;
        let own = self.build.failures.iter().filter(|failed| !failed.recursive);
        let failures: Vec<Failure> = own
            .map(|failed| Failure {
                target: session.name_of(failed.file).to_vec(),
                place: failed.place,
                how: match failed.ended.signal {
                    0 => format!("Error {}", failed.ended.code),
                    signal => sys::signal_words(signal),
                },
                code: failed.ended.code,
                step: steps.iter().find(|step| step.target == failed.file.index() as u32).and_then(|step| {
                    match &step.state {
                        StepState::Failed(words, place) => {
                            Some((step.name.clone(), words.clone(), place.clone()))
                        }
                        _ => None,
                    }
                }),
                lines: now.zip(failed.lines).map(|(now, then)| now.saturating_sub(then)),
            })
            .collect();
        let only: Vec<&[u8]> = self.goals.iter().map(|&goal| session.name_of(goal)).collect();
        let words = self.given.arguments.get(1..).unwrap_or_default();
        let program = String::from_utf8_lossy(&session.context.output.program).into_owned();
        let again = |target: &[u8]| {
            if session.context.level > 0 || only == [target] {
                return None;
            }
            let all = again_arguments(words, &[target.to_vec()]);
            let all: Vec<Vec<u8>> = std::iter::once(program.clone().into_bytes()).chain(all).collect();
            Some(String::from_utf8_lossy(&crate::image::block::words::quoted(&all)).into_owned())
        };
        let text = explain::failures(&failures, &again, style);
        self.build.session.context.output.message_coloured(text.as_bytes());
    }
}

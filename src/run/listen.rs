//! Who is told of a run's events: what the options ask for. Knows nothing of what happens in a run.

use super::Run;
use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::base::events::{Event, Events, Sink};
use crate::os::files;
use crate::report::events::JsonLines;
use std::fs::File;

/// Before a number of a descriptor that the caller has opened.
const DESCRIPTOR: &[u8] = b"fd:";

impl Run {
    /// Has those told of events whom the options ask for, and tells that the run begins.
    pub(super) fn listen(&mut self) -> Outcome {
        let own = &self.build.session.settings.own;
        if own.events.is_none() {
            return Ok(());
        }
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if let Some(to) = own.events.clone() {
            let file = self.open_stream(&to)?;
            sinks.push(Box::new(JsonLines::new(Box::new(file), self.began.time)));
        }
        let context = &mut self.build.session.context;
        context.events = Events::new(self.began.instant, sinks);
        context.events.tell(&Event::RunStarted {
            program: &context.output.program,
            level: context.level,
            folder: context.folder.as_deref().unwrap_or_default(),
            restarts: self.restarts,
        });
        Ok(())
    }

    /// Lets this program's successor have the descriptors that the options name.
    pub(super) fn hand_on_streams(&self) {
        let to = self.build.session.settings.own.events.as_deref();
        if let Some(number) = to.and_then(descriptor) {
            crate::os::sys::set_inherited(number, true);
        }
    }

    /// Opens what is written to while the run goes on: a file made anew, or a descriptor that the caller has opened.
    fn open_stream(&self, to: &[u8]) -> Outcome<File> {
        let opened = match descriptor(to) {
            Some(number) => crate::os::sys::duplicate(number),
            // A run that starts again, since makefiles were remade, goes on where it was.
            None => files::create(to, self.restarts > 0),
        };
        opened.map_err(|error| Stop::fatal(None, Complaint::System { what: to.to_vec(), error }))
    }
}

/// The descriptor that `to` names, where it is no file.
fn descriptor(to: &[u8]) -> Option<i32> {
    std::str::from_utf8(to.strip_prefix(DESCRIPTOR)?).ok()?.parse().ok()
}

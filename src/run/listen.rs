//! Who is told of a run's events: what the options ask for. Knows nothing of what happens in a run.

use super::Run;
use crate::base::diagnostic::{Complaint, Outcome, Stop, wording};
use crate::base::events::{Event, Events, Sink};
use crate::base::log::unobeyed;
use crate::os::files;
use crate::os::relay::pty;
use crate::report::events::JsonLines;
use crate::report::progress::{self, Plain, Progress};
use crate::report::record::{Record, Recorder};
use crate::report::style::Style;
use crate::report::summary::{Form, trace};
use std::fs::File;
use std::io::Write;

/// Before a number of a descriptor that the caller has opened.
const DESCRIPTOR: &[u8] = b"fd:";

impl Run {
    /// Has those told of events whom the options ask for, and tells that the run begins.
    pub(super) fn listen(&mut self) -> Outcome {
        self.choose_service();
        let own = self.build.session.settings.own.clone();
        if own.events.is_none()
            && own.reports.is_empty()
            && own.trace_file.is_none()
            && self.service.is_none()
        {
            return Ok(());
        }
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if let Some(to) = own.events {
            let file = self.open_stream(&to)?;
            sinks.push(Box::new(JsonLines::new(Box::new(file), self.began.time)));
        }
        let mut writers: Vec<Box<dyn FnMut(&Record)>> = Vec::new();
        for name in own.reports {
            let Some(form) = Form::of(&name) else {
                let text =
                    [b"--report=", &name[..], b": the ending is none of .xml, .json, .md and .html"].concat();
                return Err(Stop::fatal(None, Complaint::Text(text)));
            };
            writers.push(self.writer(&name, move |record| form.write(record))?);
        }
        if let Some(name) = own.trace_file {
            writers.push(self.writer(&name, trace::write)?);
        }
        writers.extend(self.service_writers());
        if !writers.is_empty() {
            sinks.push(Box::new(Recorder::new(self.began.time, writers)));
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

    /// Shows how far the run is, where that is wanted, once it is known what is to be made.
    pub(super) fn begin_progress(&mut self) {
        let build = &mut self.build;
        let (settings, context) = (&build.session.settings, &mut build.session.context);
        let runs = !settings.just_print && !settings.question && !settings.touch && build.collector.is_none();
        // Below another make, the terminal is the other's.
        if !runs || context.level > 0 || settings.own.posix_strict {
            return;
        }
        let masks = build.images.freshness.masks.as_ref();
        let several = build.slots != 1 || !build.session.rules.images.is_empty();
        match settings.own.progress {
            Some("none") => {}
            Some("plain") => {
                let said = |text: &str| {
                    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
                };
                let plain = Plain::new(&context.output.program, Box::new(said));
                context.events.add(self.began.instant, Box::new(plain), masks);
            }
            choice if (choice == Some("bar") || several) && pty::one_terminal() => {
                if std::env::var_os("TERM").is_none_or(|term| term == "dumb") {
                    return;
                }
                let state = progress::Shared::default();
                let style = Style::of(settings.own.color, true);
                context.events.add(self.began.instant, Box::new(Progress(state.clone())), masks);
                context.output.keep_footer(progress::footer(&state, style));
            }
            _ => {}
        }
    }

    /// Lets this program's successor have the descriptors that the options name.
    pub(super) fn hand_on_streams(&self) {
        let to = self.build.session.settings.own.events.as_deref();
        if let Some(number) = to.and_then(descriptor) {
            crate::os::sys::set_inherited(number, true);
        }
    }

    /// Writes what `form` makes of the run into the file `name`, when it is over. The file is made now.
    fn writer(
        &self,
        name: &[u8],
        form: impl Fn(&Record) -> Vec<u8> + 'static,
    ) -> Outcome<Box<dyn FnMut(&Record)>> {
        let system = |error| Stop::fatal(None, Complaint::System { what: name.to_vec(), error });
        let mut file = files::create(name, false).map_err(system)?;
        let (name, program) = (name.to_vec(), self.build.session.context.output.program.clone());
        Ok(Box::new(move |record| {
            if let Err(error) = file.write_all(&form(record)) {
                let error = error.raw_os_error().unwrap_or(libc::EIO);
                let complaint = Complaint::System { what: name.clone(), error };
                let line = wording::line(None, &complaint, &program, 0);
                let _ = std::io::stderr().write_all(&unobeyed(&line));
            }
        }))
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

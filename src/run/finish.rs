//! The end of a run, whatever brought it about: children waited for, intermediate files deleted, tokens returned, the last words
//! (manual, "Errors in Recipes", "Interrupting or Killing make"). Knows nothing of what went before.

use super::Run;
use crate::base::diagnostic::{Complaint, Outcome, Place, Severity, Stop, wording};
use crate::base::events::Event;
use crate::build::Build;
use crate::cli::help;
use crate::os::jobserver::{Jobserver, message};
use crate::report::database;
use std::os::unix::ffi::OsStrExt;

impl Run {
    /// Ends the run and returns its exit status.
    pub(super) fn finish(&mut self, result: Outcome) -> i32 {
        // What is wrong because a signal cut it short is not said: the run ends by the signal.
        let result = match self.build.heed_signal() {
            Err(by_signal) if !matches!(result, Err(Stop::Signal(_))) => Err(by_signal),
            _ => result,
        };
        if !matches!(result, Err(Stop::Signal(_))) {
            self.tell_at_end();
        }
        match result {
            Err(Stop::Signal(_)) => {}
            _ => self.hide_secrets_at_end(),
        }
        let status = match result {
            Ok(()) => self.status,
            Err(Stop::Exit(status)) => status,
            Err(Stop::Fatal(fatal)) => {
                let (place, complaint) = *fatal;
                let output = &mut self.build.session.context.output;
                let text = wording::fatal(place.as_ref(), &complaint, &output.program, output.level);
                output.message(&text);
                self.tell_fatal(place, &complaint);
                self.explain_fatal(place, &complaint);
                2
            }
            Err(Stop::Signal(signal)) => self.die(signal),
        };
        if self.build.session.settings.print_version {
            let before = if self.build.session.settings.print_data_base { "# " } else { "" };
            self.build.session.context.output.raw(help::version(before).as_bytes());
        }
        self.remove_stdin_copy();
        while !self.build.children.is_empty() {
            match self.build.reap(true, status != 0) {
                Err(Stop::Signal(signal)) => {
                    self.die(signal);
                }
                Err(_) => {}
                Ok(()) => {}
            }
        }
        if let Some(signal) = self.build.waiter.take_signal() {
            self.die(signal);
        }
        self.build.end_cleanup();
        self.build.remove_intermediates(false);
        if self.build.session.settings.print_data_base && !self.build.session.settings.print_version {
            database::print(&mut self.build.session);
        }
        self.build.close_jobserver();
        self.build.remove_lock();
        self.end_reading_output();
        self.explain_failures();
        let output = &mut self.build.session.context.output;
        output.end_group();
        output.leave();
        output.end_relay();
        self.tell_end(status);
        let output = &mut self.build.session.context.output;
        if let Some(error) = output.write_error() {
            // Nobody reads any more: the end of any program that writes on.
            if error == libc::EPIPE && !crate::os::sys::is_ignored(libc::SIGPIPE) {
                return self.die(libc::SIGPIPE);
            }
            // GNU make names the reason where closing the stream fails: where it was closed, or had not been written yet.
            let named = error == libc::EBADF || self.build.session.settings.print_version;
            self.build.session.complain(None, &Complaint::WriteError(Some(error).filter(|_| named)));
            return 1;
        }
        status
    }

    fn tell_fatal(&self, place: Option<Place>, complaint: &Complaint) {
        let events = &self.build.session.context.events;
        if events.is_on() {
            let (severity, text) = (Severity::Fatal, wording::words(complaint));
            events.tell(&Event::Message { severity, place, text: &text });
        }
    }

    fn tell_end(&self, status: i32) {
        self.build.session.context.events.tell(&Event::RunEnded { status });
    }

    /// Ends the run by a fatal signal.
    fn die(&mut self, signal: i32) -> i32 {
        let _ = self.build.waiter.take_signal();
        self.remove_stdin_copy();
        self.build.remove_jobserver();
        self.build.remove_lock();
        // Values may take a command to find out, for which there is no time. Before clean-up is told of.
        self.hide_secrets_at_end();
        self.build.die_for(signal);
        self.build.end_cleanup();
        let output = &mut self.build.session.context.output;
        output.end_group();
        output.end_relay();
        self.tell_end(128 + signal);
        if signal == libc::SIGQUIT {
            // No core of this process is wanted.
            std::process::exit(1);
        }
        crate::os::sys::die_by_signal(signal)
    }
}

impl Build {
    /// Gives tokens back and leaves the jobserver.
    pub(super) fn close_jobserver(&mut self) {
        if let Some(jobserver) = &mut self.jobserver {
            let _ = jobserver.release_all();
        }
        self.remove_jobserver();
        self.jobserver = None;
    }

    fn remove_jobserver(&mut self) {
        if let Some(Err(error)) = self.jobserver.as_mut().map(Jobserver::remove) {
            self.session.complain(None, &Complaint::Text(message(&error)));
        }
    }

    /// Removes the file of the lock by which sub-makes take turns to write, where this make made it.
    pub(super) fn remove_lock(&mut self) {
        let Some(path) = self.lock_path.take() else { return };
        let shown = path.as_os_str().as_bytes().to_vec();
        // Its own `close` hides the system's error number.
        let removed = path.keep().map_err(|error| error.error).and_then(std::fs::remove_file);
        if let Err(error) = removed
            && error.kind() != std::io::ErrorKind::NotFound
        {
            let error = error.raw_os_error().unwrap_or(libc::EIO);
            let what = [b"output-sync lock file is left: ", &shown[..]].concat();
            self.session.complain(None, &Complaint::System { what, error });
        }
    }
}

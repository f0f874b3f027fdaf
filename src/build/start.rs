//! Jobs started: a place among the jobs, the line shown, the process (manual, "Recipe Echoing", "Parallel Execution"). Knows nothing
//! of what becomes of them.

use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::build::Build;
use crate::build::job::Child;
use crate::cli::settings::{DebugLevels, OutputSync};
use crate::expand::command_line::{self, Shell, is_bourne_shell};
use crate::expand::environment::environment;
use crate::image::command::mentions_client;
use crate::os::children::{Streams, Waited};
use crate::os::jobserver::Acquired;
use crate::os::relay::Listener;
use crate::os::words::is_blank;
use crate::rules::file::{State, Status};
use crate::rules::recipe::{NO_ERROR, RECURSE, SILENT};
use std::borrow::Cow;
use std::ffi::CString;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

impl Build {
    /// Waits until another job may run.
    pub fn wait_for_slot(&mut self, child: &Child) -> Outcome {
        if self.slots != 0 {
            while self.slots_used == self.slots {
                self.reap(true, false)?;
            }
            return Ok(());
        }
        if self.jobserver.is_none() {
            return Ok(());
        }
        loop {
            self.say(DebugLevels::JOBS, 0, |build| {
                let have = if build.children.is_empty() { "don't have" } else { "have" };
                format!("Need a job token; we {have} children").into_bytes()
            });
            // The first job needs no token.
            if self.tokens == 0 {
                return Ok(());
            }
            self.reap(false, false)?;
            self.start_waiting()?;
            if self.tokens == 0 {
                return Ok(());
            }
            let timeout = if self.waiting.is_empty() { None } else { Some(Duration::from_secs(1)) };
            self.waiter.prepare();
            let Some(jobserver) = &mut self.jobserver else { return Ok(()) };
            let acquired = jobserver.acquire(self.waiter.wake_fd(), timeout).map_err(|error| {
                let text = crate::os::jobserver::message(&error);
                Stop::fatal(None, Complaint::Text(text))
            })?;
            match acquired {
                Acquired::Token => {
                    self.say_of(DebugLevels::JOBS, 0, child.file, "Obtained token for child (%).");
                    return Ok(());
                }
                Acquired::Woken | Acquired::TimedOut => {
                    if let Waited::Signal(signal) = self.waiter.drain() {
                        return Err(Stop::Signal(signal));
                    }
                }
            }
        }
    }

    /// Whether the machine is too busy for another job (`-l`).
    fn load_too_high(&self) -> bool {
        let limit = self.session.settings.load_average;
        if limit < 0.0 {
            return false;
        }
        // The count of runnable processes is of this moment; the averages lag behind.
        let Ok(text) = std::fs::read_to_string("/proc/loadavg") else { return false };
        let running = text.split(' ').nth(3).and_then(|field| field.split('/').next()?.parse::<f64>().ok());
        running.is_some_and(|running| running > limit)
    }

    /// Starts a job, or puts it off while the load is too high.
    pub fn start_or_wait(&mut self, mut child: Child) -> Outcome<bool> {
        if self.slots_used > 0 && self.load_too_high() {
            self.set_state(child.file, State::Running);
            self.waiting.push(child);
            return Ok(false);
        }
        let file = child.file;
        if let Err(stop) = self.start_line(&mut child) {
            if matches!(stop, Stop::Signal(_)) {
                // No line of it has run, so that its target is none of its work.
                child.deleted = true;
                self.children.push(child);
            }
            return Err(stop);
        }
        match self.session.rules.files[file].state {
            State::Running => {
                if child.pid > 0 {
                    self.say_of_child("Putting child % PID", child.pid, Some(file), " on the chain.");
                    self.slots_used += 1;
                    child.has_slot = true;
                }
                self.children.push(child);
            }
            State::NotStarted => {
                self.session.rules.files[file].status = Status::Success;
                self.notice_finished(file)?;
                self.free(child)?;
            }
            State::Finished => {
                self.notice_finished(file)?;
                self.free(child)?;
            }
            State::PrerequisitesRunning => self.free(child)?,
        }
        Ok(true)
    }

    /// Starts the jobs that were put off, as far as the load allows.
    pub fn start_waiting(&mut self) -> Outcome {
        if self.waiting.is_empty() {
            return Ok(());
        }
        loop {
            self.reap(false, false)?;
            let Some(child) = self.waiting.pop() else { return Ok(()) };
            if !self.start_or_wait(child)? {
                return Ok(());
            }
        }
    }

    /// A job is over: its token goes back.
    pub fn free(&mut self, mut child: Child) -> Outcome {
        if let Some(mut capture) = child.capture.take() {
            self.session.context.output.show(&mut capture);
        }
        self.session.context.output.end_group();
        if self.tokens > 1
            && let Some(jobserver) = &mut self.jobserver
        {
            jobserver.release().map_err(|error| {
                let text = crate::os::jobserver::message(&error);
                Stop::fatal(None, Complaint::Text(text))
            })?;
            self.say_of(DebugLevels::JOBS, 0, child.file, "Released token for child (%).");
        }
        self.tokens = self.tokens.saturating_sub(1);
        Ok(())
    }

    /// Runs the next line of `child` that needs a process; where none is left, the target is finished.
    pub fn start_line(&mut self, child: &mut Child) -> Outcome {
        while let Some(step) = child.steps.pop_front() {
            if self.run_step(child, step)? {
                return Ok(());
            }
        }
        if child.unexpanded {
            self.steps_over(child)?;
        }
        loop {
            if child.rest.is_none() {
                return self.no_line_left(child);
            }
            if self.run_line(child)? {
                return Ok(());
            }
            if !self.take_line(child) {
                return self.no_line_left(child);
            }
        }
    }

    fn no_line_left(&mut self, child: &mut Child) -> Outcome {
        self.show_removal(child);
        self.set_state(child.file, State::Running);
        self.session.rules.files[child.file].status = Status::Success;
        if self.cleanup.holds(child.file) {
            // Another job made something for this one, which ran nothing itself.
            self.job_over(child, true);
        }
        self.notice_finished(child.file)
    }

    /// Runs one line; false where nothing was started for it.
    fn run_line(&mut self, child: &mut Child) -> Outcome<bool> {
        let Some(text) = child.rest.take() else { return Ok(false) };
        if let Some(watch) = &mut child.watch {
            watch.begun += 1;
        }
        let number = child.line();
        let file = child.file;
        let mut flags = self.session.rules.files[file].command_flags
            | self.session.rules.recipes[child.recipe].flags.get(number).copied().unwrap_or(0);
        child.no_error = flags & NO_ERROR != 0;
        let mut start = 0;
        while let Some(&byte) = text.get(start) {
            match byte {
                b'@' => flags |= SILENT,
                b'+' => flags |= RECURSE,
                b'-' => child.no_error = true,
                byte if is_blank(byte) => {}
                _ => break,
            }
            start += 1;
        }
        child.recursive = flags & RECURSE != 0;
        if let Some(own) = self.session.rules.recipes[child.recipe].flags.get_mut(number) {
            *own |= flags & RECURSE;
        }
        let prefix = self.session.rules.recipes[child.recipe].prefix;
        let line = without_prefix(&text[start..], prefix);
        let scope = self.session.rules.files[file].scope;
        let shell = Shell::of(&mut self.session, scope, flags & NO_ERROR != 0)?;
        let command_line::Command { arguments, end, by_shell } = command_line::command(&line, &shell, true);
        child.rest = end.map(|end| line[end + 1..].to_vec());
        let cleaned;
        let mut shown = &line[..end.unwrap_or(line.len())];
        if shell.one_shell
            && by_shell
            && is_bourne_shell(&shell.program)
            && let Some(command) = arguments.as_ref().and_then(|all| all.last())
        {
            // The lines' own prefixes were taken out for the shell, and are not shown either.
            cleaned = command.clone();
            shown = &cleaned;
        }
        let settings = &self.session.settings;
        let (question, touch, just_print) = (settings.question, settings.touch, settings.just_print);
        if arguments.is_some() && question && !child.recursive {
            self.session.rules.files[file].status = Status::Question;
            self.notice_finished(file)?;
            return Ok(true);
        }
        let Some(arguments) = arguments.filter(|_| !touch || child.recursive) else { return Ok(false) };
        let sync = settings.output_sync;
        let wanted = sync != OutputSync::None && (sync == OutputSync::Recurse || !child.recursive);
        if !wanted && let Some(capture) = &mut child.capture {
            self.session.context.output.show(capture);
        }
        if let Some(capture) = &mut child.capture {
            capture.wanted =
                wanted && self.session.context.output.grouping != crate::os::output::Grouping::None;
        }
        self.enter(child);
        let held_back = (!wanted).then(|| self.session.context.output.current.take()).flatten();
        let result = self.show_and_spawn(child, &arguments, shown, flags, just_print);
        if held_back.is_some() {
            self.session.context.output.current = held_back;
        }
        self.leave_output(child);
        result
    }

    fn show_and_spawn(
        &mut self,
        child: &mut Child,
        arguments: &[Vec<u8>],
        shown: &[u8],
        flags: u8,
        just_print: bool,
    ) -> Outcome<bool> {
        // Nothing is shown that is not run.
        self.heed_signal()?;
        if just_print || self.debugging(DebugLevels::PRINT) || (flags & SILENT == 0 && !self.is_silent()) {
            self.session.context.output.out(&[shown, b"\n"].concat());
        }
        self.commands_started += 1;
        let is_empty = matches!(arguments, [shell, option, command]
            if is_bourne_shell(shell) && (option == b"-c" || option == b"-ec") && command == b":");
        if is_empty || (just_print && !child.recursive) {
            return Ok(false);
        }
        if child.expects.is_some() {
            child.script = Some(shown.to_vec());
        }
        self.prepare_child(child)?;
        self.before_script(child)?;
        let logged = self.wants_logs() && !child.recursive && mentions_client(shown);
        let listener = if logged { self.log_listener(child.file, None) } else { None };
        self.spawn(child, arguments, false, listener)?;
        self.tell_line_started(child, shown, None);
        self.set_state(child.file, State::Running);
        Ok(true)
    }

    /// Makes ready what a process of `child` needs.
    pub fn prepare_child(&mut self, child: &mut Child) -> Outcome {
        self.session.context.output.begin();
        child.good_input = !std::mem::replace(&mut self.input_used, true);
        child.deleted = false;
        if child.environment.is_none() {
            let scope = self.session.rules.files[child.file].scope;
            let recursive = self.session.rules.recipes[child.recipe].any_recurse;
            let mut own = environment(&mut self.session, scope, recursive)?;
            let is_set = |entry: &CString| entry.as_bytes().starts_with(b"BUILDKIT_PROGRESS=");
            if self.wants_logs() && !own.iter().any(is_set) {
                own.push(c"BUILDKIT_PROGRESS=plain".to_owned());
            }
            child.environment = Some(Rc::new(own));
        }
        // After the environment, whose values may print (`$(info)`).
        self.session.context.output.flush();
        Ok(())
    }

    /// Starts a process of `child`; with `quiet` its standard output is thrown away.
    pub fn spawn(
        &mut self,
        child: &mut Child,
        arguments: &[Vec<u8>],
        quiet: bool,
        listener: Option<Listener>,
    ) -> Outcome {
        self.waiter.prepare();
        if !child.good_input && self.no_input.is_none() {
            self.no_input = broken_input();
        }
        let environment = child.environment.clone().unwrap_or_default();
        let inherit = child.recursive
            && self
                .jobserver
                .as_ref()
                .is_some_and(|jobserver| jobserver.is_pipe() && jobserver.set_inheritable(true));
        let output = &mut self.session.context.output;
        let aside = output.aside;
        let current = output.current.take();
        let routed = output.route(current.as_ref(), listener);
        output.current = current;
        let capture = output.current.as_ref().filter(|capture| capture.wanted);
        let (mut stdout, mut stderr) = capture.map_or((None, None), |capture| capture.streams());
        stdout = routed.stdout.as_ref().map(|end| end.as_fd()).or(stdout);
        stderr = routed.stderr.as_ref().map(|end| end.as_fd()).or(stderr);
        let nowhere =
            if quiet { std::fs::OpenOptions::new().write(true).open("/dev/null").ok() } else { None };
        if let Some(nowhere) = &nowhere {
            stdout = Some(nowhere.as_fd());
        }
        // Standard output is for a program to read. A sub-make keeps to that by itself.
        if aside && !child.recursive && stdout.is_none() {
            stdout = Some(rustix::stdio::stderr());
        }
        let stdin = if child.good_input { None } else { self.no_input.as_ref().map(|file| file.as_fd()) };
        let started = self.waiter.start(arguments, &environment, Streams { stdin, stdout, stderr });
        if inherit && let Some(jobserver) = &self.jobserver {
            jobserver.set_inheritable(false);
        }
        child.streams = routed.streams;
        if started == Err(libc::EINTR) {
            self.heed_signal()?;
        }
        match started {
            Ok(pid) => child.pid = pid,
            Err(error) => {
                child.pid = -1;
                let what = arguments.first().cloned().unwrap_or_default();
                self.session.complain(None, &Complaint::System { what, error });
            }
        }
        child.program = arguments.first().cloned();
        Ok(())
    }
}

/// The read end of a pipe that nobody writes to: input that is at its end.
fn broken_input() -> Option<std::fs::File> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).ok()?;
    drop(writer);
    Some(std::fs::File::from(reader))
}

/// `text` without the recipe prefix after each continued newline.
pub(in crate::build) fn without_prefix(text: &[u8], prefix: u8) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\n', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        out.push(text[at]);
        if text[at] == b'\n' && text.get(at + 1) == Some(&prefix) {
            at += 1;
        }
        at += 1;
    }
    Cow::Owned(out)
}

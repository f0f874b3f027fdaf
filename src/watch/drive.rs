//! The session at work: every trigger (file events, what runs say, keys, signals, the end of a run, time) comes in here, in one loop, and
//! every action goes out. Decides nothing.

use super::debounce::Time;
use super::inputs::{take_for_new, variable};
use super::interest::Touch;
use super::known::Known;
use super::paths::{Path, is_within};
use super::process::Process;
use super::report::{VARIABLE, decode};
use super::session::{Action, OnBusy, Policy, Say, Session, World};
use super::source::{Change, Event, Inotify, Kind, Polling, Source};
use super::status::Status;
use super::terminal::Keys;
use super::unsure::Unsure;
use crate::base::system_error::{SystemError, system_words};
use crate::cli::settings::Settings;
use crate::cli::watched_arguments;
use crate::os::children::{Ended, Waited, Waiter};
use crate::os::files::temporary_folder;
use rustc_hash::FxHasher;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};
use std::collections::VecDeque;
use std::ffi::{CString, OsStr};
use std::hash::Hasher;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

/// What is to be watched, and how.
pub struct Plan {
    /// The words of this process, its name first.
    pub arguments: Vec<Vec<u8>>,
    /// The environment for runs.
    pub environment: Vec<(Vec<u8>, Vec<u8>)>,
    /// The name before messages.
    pub program: Vec<u8>,
    /// The goals; none for the default goal.
    pub goals: Vec<Vec<u8>>,
    /// How to behave.
    pub policy: Policy,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

/// A quiet period that is shorter than people and programs take from one write to the next serves nobody.
const QUIET: Duration = Duration::from_millis(50);
/// The longest time that changes put a run off.
const CAP: Duration = Duration::from_millis(2000);
/// How long a run may take to clean up.
const GRACE: Duration = Duration::from_secs(10);
/// How often is looked where there are no events.
const INTERVAL: Duration = Duration::from_millis(500);
/// The environment variable that lowers the number of folders watched by events.
const FOLDERS: &str = "IMK_WATCH_FOLDERS";

/// The policy that the options ask for.
///
/// # Errors
/// The option whose value is no number of milliseconds.
pub fn policy(settings: &Settings) -> Result<Policy, &'static str> {
    let number = |given: &Option<Vec<u8>>, name: &'static str, default: Duration| match given {
        None => Ok(default),
        Some(text) => {
            let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<u32>().ok());
            number.map(|number| Duration::from_millis(number.into())).ok_or(name)
        }
    };
    let own = &settings.own;
    Ok(Policy {
        quiet: number(&own.quiet_period, "--quiet-period", QUIET)?,
        cap: number(&own.max_wait, "--max-wait", CAP)?,
        on_busy: if own.on_busy == Some("queue") { OnBusy::Queue } else { OnBusy::Restart },
        grace: GRACE,
    })
}

struct Outside<'k> {
    known: &'k Known,
}

/// Files longer than this are not read to see whether they changed: they are taken to have.
const DIGEST_MAX: u64 = 16 << 20;

impl World for Outside<'_> {
    fn exists(&self, path: &[u8]) -> bool {
        std::fs::symlink_metadata(OsStr::from_bytes(path)).is_ok()
    }

    fn digest(&self, path: &[u8]) -> Option<u64> {
        let path = OsStr::from_bytes(path);
        let data = std::fs::metadata(path).ok()?;
        if !data.is_file() || data.len() > DIGEST_MAX {
            return None;
        }
        let mut hasher = FxHasher::default();
        hasher.write(&crate::os::files::read_regular_within(path.as_ref(), DIGEST_MAX).ok()?);
        Some(hasher.finish())
    }

    fn share(&self, one: usize, other: usize) -> bool {
        self.known.share(one, other)
    }
}

struct Drive {
    plan: Plan,
    start: Instant,
    known: Known,
    session: Session,
    unsure: Unsure,
    source: Box<dyn Source>,
    status: Status,
    keys: Option<Keys>,
    waiter: Waiter,
    socket: UnixDatagram,
    address: std::path::PathBuf,
    process: Option<Process>,
    /// Wanted folders that are not there.
    absent: Vec<Path>,
    /// Names came or went, or a definition changed: what depends on them is to be looked at anew.
    stale: bool,
    events: Vec<Event>,
    signal: Option<i32>,
    /// The first run has not ended yet.
    first: bool,
    over: bool,
}

/// Runs a session to its end.
///
/// # Errors
/// Why there can be none, in words.
pub fn watch(plan: Plan) -> Result<End, String> {
    let folder = tempfile::Builder::new().prefix("imk-watch").tempdir_in(temporary_folder().path);
    let folder = folder
        .map_err(|error| format!("no folder for the watch session's socket: {}", system_words(&error)))?;
    let address = folder.path().join("socket");
    let socket = UnixDatagram::bind(&address)
        .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))
        .map_err(|error| format!("no socket for the watch session: {}", system_words(&error)))?;
    let keys = Keys::take();
    let here = std::env::current_dir().and_then(std::fs::canonicalize).unwrap_or_default();
    let mut status = Status::new(&plan.program, here.as_os_str().as_bytes().to_vec(), keys.is_some());
    let most = std::env::var(FOLDERS).ok().and_then(|text| text.parse().ok());
    let source: Box<dyn Source> = match Inotify::new(most) {
        Ok(source) => Box::new(source),
        Err(limit) => {
            status.limit(limit, INTERVAL);
            Box::new(Polling::new(INTERVAL))
        }
    };
    // A run that touches the terminal's modes must not be stopped for it.
    crate::os::sys::ignore_signal(libc::SIGTTOU);
    let known = Known::new(&plan.goals);
    let mut waiter = Waiter::default();
    waiter
        .prepare_to_be_polled()
        .map_err(|error| format!("no signals can be heard in the watch session: {}", system_words(&error)))?;
    let mut drive = Drive {
        session: Session::new(plan.policy, known.goals()),
        unsure: Unsure::new(known.goals()),
        plan,
        start: Instant::now(),
        known,
        source,
        status,
        keys,
        waiter,
        socket,
        address,
        process: None,
        absent: Vec::new(),
        stale: false,
        events: Vec::new(),
        signal: None,
        first: true,
        over: false,
    };
    drive.session.begin(Duration::ZERO, &Outside { known: &drive.known });
    drive.act();
    while !drive.over {
        drive.step();
    }
    drive.status.clear();
    let path = folder.path().display().to_string();
    if let Err(error) = folder.close() {
        drive.status.fault(&format!("{path} is left: {}", system_words(&error)));
    }
    Ok(match drive.signal {
        Some(signal) => End::Signal(signal),
        None => End::Status(if drive.session.any_failed() { 2 } else { 0 }),
    })
}

/// Now, as files' times have it: coarse, so that no change after it has an earlier time.
fn file_time() -> i128 {
    let now = clock_gettime(ClockId::RealtimeCoarse);
    i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
}

impl Drive {
    fn now(&self) -> Time {
        self.start.elapsed()
    }

    /// Waits for what comes next, and takes it in.
    fn step(&mut self) {
        let deadline = self.session.deadline().map(|deadline| deadline.saturating_sub(self.now()));
        let interval = if self.source.count() > 0 { self.source.interval() } else { None };
        let timeout = match (deadline, interval) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut keyed = false;
        {
            let mut polled = vec![PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN)];
            polled.extend(self.waiter.wake_fd().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
            polled.extend(self.source.descriptor().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
            let keys =
                self.keys.as_ref().map(|keys| PollFd::from_borrowed_fd(keys.descriptor(), PollFlags::IN));
            polled.extend(keys);
            let _ = poll(&mut polled, timeout.as_ref());
            if self.keys.is_some() {
                keyed = polled.last().is_some_and(|last| !last.revents().is_empty());
            }
        }
        self.take_messages();
        self.take_events();
        if let Waited::Signal(signal) = self.waiter.drain() {
            self.take_signal(signal);
        }
        loop {
            match self.waiter.wait(false, None) {
                Waited::Child(ended) => self.take_end(ended),
                Waited::Signal(signal) => self.take_signal(signal),
                Waited::Nothing | Waited::Ready => break,
            }
        }
        if keyed {
            self.take_keys();
        }
        let now = self.now();
        self.session.tick(now, &Outside { known: &self.known });
        self.act();
    }

    fn take_signal(&mut self, signal: i32) {
        self.signal.get_or_insert(signal);
        self.session.quit(self.now());
    }

    fn take_keys(&mut self) {
        let Some(keys) = self.keys.as_ref().and_then(Keys::read) else {
            self.keys = None;
            return;
        };
        let now = self.now();
        let world = Outside { known: &self.known };
        for key in keys {
            match key {
                b'r' => self.session.run_now(now, &world),
                b'p' => self.session.pause(now, &world),
                // Ctrl-D as well.
                b'q' | 4 => self.session.quit(now),
                _ => {}
            }
        }
    }

    /// What a run says of its inputs.
    fn take_messages(&mut self) {
        let mut buffer = vec![0; 64 * 1024];
        let mut late = Vec::new();
        let mut any = false;
        let mut messages = VecDeque::new();
        loop {
            // A run is not to wait for the session: what it says is taken before it is looked at.
            while let Ok(length) = self.socket.recv(&mut buffer) {
                messages.push_back(buffer[..length].to_vec());
            }
            let Some(message) = messages.pop_front() else { break };
            if let Some((sender, records)) = decode(&message) {
                self.known.hear(&sender, &records, &mut late);
                any = true;
            }
        }
        if any && self.first {
            self.arm();
        }
        self.take_late(late);
    }

    /// Inputs that changed since the run began, which may have missed it.
    fn take_late(&mut self, late: Vec<Path>) {
        for path in late {
            self.take_change(&Change { path, kind: Kind::Written, is_folder: false });
        }
    }

    fn take_events(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        self.source.take(&mut events);
        for event in &events {
            match event {
                Event::Change(change) => {
                    if change.is_folder && change.kind.comes_or_goes() {
                        self.take_folder(change);
                    }
                    self.take_change(change);
                }
                Event::Gone(path) => {
                    self.source.forget(path);
                    let change = Change { path: path.clone(), kind: Kind::Vanished, is_folder: true };
                    self.take_change(&change);
                    self.arm();
                }
                Event::Lost => {
                    self.stale = true;
                    self.source.forget(b"/");
                    self.arm();
                    self.unsure.all_changed();
                    self.session.all_changed(self.now());
                }
            }
        }
        events.clear();
        self.events = events;
    }

    /// A folder came or went: what is watched in it is set up anew.
    fn take_folder(&mut self, change: &Change) {
        match change.kind {
            Kind::Vanished => {
                self.source.forget(&change.path);
                self.absent.push(change.path.clone());
            }
            _ if self.absent.iter().any(|absent| is_within(absent, &change.path)) => self.arm(),
            _ => {}
        }
    }

    fn take_change(&mut self, change: &Change) {
        let now = self.now();
        let mut any = false;
        for goal in 0..self.known.goals() {
            let making = self.session.is_making(goal);
            let touch = self.known.touched(goal, change, making);
            if touch != Touch::No {
                any = true;
                self.unsure.changed(goal, change);
                self.session.changed(goal, &change.path, touch == Touch::NewName, now);
            }
        }
        self.stale |= any && (change.kind.comes_or_goes() || self.known.is_definition(&change.path));
    }

    fn take_end(&mut self, ended: Ended) {
        let is_ours = self.process.as_ref().is_some_and(|process| process.id() == ended.pid);
        if !is_ours {
            return;
        }
        // All that the run did and said has happened by now, and is its own.
        self.take_messages();
        self.take_events();
        if let Some(process) = self.process.take()
            && (self.session.is_quitting() || ended.signal != 0)
            && process.leaves_anything()
        {
            process.kill();
        }
        for goal in self.known.end() {
            let names = self.known.shown();
            let folder = self.known.folder.clone().unwrap_or_default();
            self.status.whole_folder(&names[goal], &folder);
        }
        self.first = false;
        self.arm();
        let status = if ended.signal == 0 { ended.code } else { 128 + ended.signal };
        let done = self.known.done();
        let made = |goal: usize| status == 0 || done.get(goal) == Some(&Some(true));
        self.unsure.ended(self.known.running(), &made, file_time());
        let now = self.now();
        self.session.ended(status, &done, now, &Outside { known: &self.known });
    }

    /// Has the folders watched that are wanted now.
    fn arm(&mut self) {
        let (folders, absent) = self.known.folders();
        self.absent = absent;
        if let Err(limit) = self.source.watch(&folders) {
            self.status.limit(limit, INTERVAL);
            self.source = Box::new(Polling::new(INTERVAL));
            let _ = self.source.watch(&folders);
        }
    }

    fn act(&mut self) {
        loop {
            let actions = self.session.actions();
            if actions.is_empty() {
                return;
            }
            for action in actions {
                match action {
                    Action::Start(goals, causes) => self.start_run(&goals, &causes),
                    Action::Terminate => self.process.iter().for_each(Process::terminate),
                    Action::Kill => self.process.iter().for_each(Process::kill),
                    Action::Say(say) => {
                        // Counting takes its time, and a run is not to wait for it.
                        let watched = match say {
                            Say::Idle | Say::Paused | Say::Resumed => {
                                (self.known.files(), self.source.count())
                            }
                            _ => (0, 0),
                        };
                        self.status.say(&say, &self.known.shown(), watched);
                    }
                    Action::Quit => self.over = true,
                }
            }
        }
    }

    fn start_run(&mut self, goals: &[usize], causes: &[Path]) {
        let arguments = self.plan.arguments.get(1..).unwrap_or_default();
        let name = self.plan.arguments.first().cloned().unwrap_or_else(|| b"imk".to_vec());
        let mut words = vec![name];
        words.extend(watched_arguments(arguments, &self.known.words(goals)));
        let own = (VARIABLE.as_bytes().to_vec(), variable(&self.address, self.first));
        let environment: Vec<CString> = self
            .plan
            .environment
            .iter()
            .filter(|(name, _)| name != VARIABLE.as_bytes())
            .chain([&own])
            .filter_map(|(name, value)| CString::new([name, &b"="[..], value].concat()).ok())
            .collect();
        let begun = file_time();
        let known = &self.known;
        let edited = self.unsure.begin(goals, causes, &|goal| known.inputs(goal), begun);
        if let Err(error) = take_for_new(&self.address, &edited, begun) {
            self.status.fault(&format!("a run can't be told what changed: {}", system_words(&error)));
        }
        self.known.begin(goals, begun);
        match Process::start(&words, &environment) {
            Ok(process) => self.process = Some(process),
            Err(error) => {
                self.status.fault(&format!("a run can't be started: {}", SystemError::of(error)));
                let now = self.now();
                self.session.ended(127, &[], now, &Outside { known: &self.known });
            }
        }
        if std::mem::take(&mut self.stale) {
            let mut late = Vec::new();
            self.known.refresh(&mut late);
            self.arm();
            self.take_late(late);
        }
    }
}

//! What happens in a run, as typed events with their times, and who is told of it. Knows nothing of when they arise, nor of how they are
//! shown.
//!
//! A run tells an [`Events`]. Where nobody listens it holds nothing, and telling costs one look at an empty place. What is told before it is
//! known which values are hidden waits until it is.

mod hidden;

use super::diagnostic::{Place, Severity};
use super::mask::Masks;
use hidden::{Early, Hider};
use std::cell::{OnceCell, RefCell};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

/// A target: a number that stays its own for the run, and its name. The rules of a double-colon target count as targets of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'e> {
    /// The number.
    pub id: u32,
    /// The name, as recipes have it.
    pub name: &'e [u8],
}

/// Why a target is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason<'e> {
    /// `.PHONY`.
    Phony,
    /// There is no such file.
    Absent,
    /// Prerequisites are newer than it, or were made.
    Newer(Vec<&'e [u8]>),
    /// `-B`.
    Always,
    /// An image: [`Event::ImageJudged`] has its reasons.
    Image,
    /// None of these: a double-colon rule without prerequisites, say.
    Other,
}

/// What came of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetOutcome {
    /// Its recipe ran, and did not fail.
    Made,
    /// Nothing had to run for it.
    UpToDate,
    /// Its recipe failed, or there is no rule for it.
    Failed,
    /// A prerequisite failed.
    GivenUp,
    /// It is out of date, and nothing was run (`-q`).
    OutOfDate,
}

/// What a child process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// A line of a recipe.
    Recipe,
    /// The build of an image block.
    Build,
    /// A container made to copy from.
    Create,
    /// A copy out of it.
    Copy,
    /// Its removal.
    Remove,
    /// What is expected of the image, held against it.
    Expect,
}

/// What a process and those it waited for have used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time in its own code.
    pub user: Duration,
    /// Processor time in the system.
    pub system: Duration,
    /// The most memory that one of the processes had at once, in bytes; zero where the system does not tell.
    pub peak_memory: u64,
}

/// How a step of an image's build stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepState {
    /// It runs.
    Started,
    /// It is over.
    Done,
    /// It was taken from the cache.
    Cached,
    /// It failed, in the engine's words; the line of its instruction in the Dockerfile, where that is found.
    Failed(String, Option<(String, u32)>),
}

/// A step of an image's build, as the engine reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildStep {
    /// The target that is built.
    pub target: u32,
    /// The engine's number of the step within the build.
    pub number: u32,
    /// The step, in the engine's words: `[build 2/5] RUN make`.
    pub name: String,
    /// How it stands.
    pub state: StepState,
}

/// What imk itself is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Makefiles are read.
    Reading,
    /// Makefiles are remade, where rules say so.
    Remaking,
    /// The goals are made.
    Goals,
    /// A command of `$(shell)` or `!=` runs.
    Shell,
    /// An engine is asked whether an image is fresh, and files are looked at for it.
    Judging,
    /// Nothing can be done until a child ends.
    Waiting,
    /// What jobs made on engines is removed.
    CleaningUp,
}

/// Something that happens in a run.
#[derive(Clone, Debug)]
pub enum Event<'e> {
    /// The run begins.
    RunStarted {
        /// The program's name.
        program: &'e [u8],
        /// Depth of recursion (`MAKELEVEL`).
        level: u32,
        /// The folder, after `-C`.
        folder: &'e [u8],
        /// How often makefiles were remade and read again so far.
        restarts: u32,
    },
    /// The goals are known, and are about to be made.
    GoalsStarted {
        /// They.
        goals: &'e [Target<'e>],
        /// Numbers of the targets that rules name for them: all are looked at unless the run ends before. Those that implicit rules
        /// find are not among them.
        expected: &'e [u32],
    },
    /// A phase begins. Phases may be within one another.
    PhaseStarted {
        /// Which.
        phase: Phase,
        /// What it is about: a command, a target; empty where there is nothing to say.
        what: &'e [u8],
    },
    /// The phase that began last ends.
    PhaseEnded {
        /// Which.
        phase: Phase,
    },
    /// The recipe of a target, or its image's build, is about to run.
    TargetStarted {
        /// The target.
        target: Target<'e>,
        /// Where the recipe begins, or the image block.
        place: Option<Place>,
        /// Why.
        reason: Reason<'e>,
        /// The job's slot: the smallest number that no other job has.
        slot: u32,
    },
    /// A process was started for a target.
    LineStarted {
        /// The target.
        target: Target<'e>,
        /// The line as it is shown.
        text: &'e [u8],
        /// Where it stands.
        place: Option<Place>,
        /// What it is.
        kind: LineKind,
        /// The job's slot.
        slot: u32,
        /// The process.
        pid: i32,
    },
    /// A process of a target ended.
    ChildEnded {
        /// The target.
        target: Target<'e>,
        /// The job's slot.
        slot: u32,
        /// The process.
        pid: i32,
        /// Its exit status; zero where a signal ended it.
        code: i32,
        /// The signal that ended it, or zero.
        signal: i32,
        /// How long it ran.
        took: Duration,
        /// What it used.
        usage: Usage,
    },
    /// The update of a target is over. Files that no rule is for are not told of.
    TargetEnded {
        /// The target.
        target: Target<'e>,
        /// What came of it.
        outcome: TargetOutcome,
        /// Where its recipe begins, or the image block.
        place: Option<Place>,
    },
    /// It was looked whether an image has to be built.
    ImageJudged {
        /// The target.
        target: Target<'e>,
        /// Its tags.
        tags: &'e [String],
        /// Why it has to be built; empty where it is fresh.
        reasons: &'e [String],
        /// Id of the image that has the first tag now.
        id: Option<&'e str>,
        /// Size of that image in bytes.
        size: Option<u64>,
    },
    /// An image was built.
    ImageBuilt {
        /// The target.
        target: Target<'e>,
        /// Its tags.
        tags: &'e [String],
        /// Its id, where the engine tells.
        id: Option<&'e str>,
        /// Its size in bytes.
        size: Option<u64>,
        /// The content is what the first tag had before.
        unchanged: bool,
    },
    /// A step of an image's build began or ended.
    BuildStep(&'e BuildStep),
    /// What a target's job made on an engine for itself was dealt with.
    CleanedUp {
        /// The target's name: of an earlier run where that was killed.
        target: &'e [u8],
        /// What was removed, in words.
        removed: &'e [String],
        /// What is left, in words.
        left: &'e [String],
    },
    /// Something was said on standard error.
    Message {
        /// How much it matters.
        severity: Severity,
        /// The line of a makefile that it is about.
        place: Option<Place>,
        /// The words, without what stands before them, nor the end of the line.
        text: &'e [u8],
    },
    /// The run is over, but for what follows of this.
    RunEnded {
        /// Its exit status; 128 and the signal where one ends it.
        status: i32,
    },
}

/// Is told of events, in their order.
pub trait Sink {
    /// Takes an event that happened at this time since the run began.
    fn take(&mut self, at: Duration, event: &Event);
}

/// What several threads tell.
struct Hub {
    began: Instant,
    sinks: RefCell<Vec<Box<dyn Sink>>>,
    /// Hides values of all that is told, once it is known which.
    hider: RefCell<Hider>,
    /// What was told before; none from then on.
    early: RefCell<Option<Vec<(Instant, Early)>>>,
    steps: (Sender<(Instant, BuildStep)>, Receiver<(Instant, BuildStep)>),
    /// Wakes the run's thread for what other threads tell: its end and theirs.
    wake: OnceCell<(UnixStream, Arc<UnixStream>)>,
}

/// A way to tell of a build's steps from another thread.
#[derive(Clone)]
pub struct StepTeller(Sender<(Instant, BuildStep)>, Option<Arc<UnixStream>>);

impl StepTeller {
    /// Tells of a step, which happens now. The sinks hear of it when the run's thread looks for it ([`Events::take_steps`]).
    pub fn tell(&self, step: BuildStep) {
        // Nobody listens any more at the end of the run.
        let _ = self.0.send((Instant::now(), step));
        if let Some(wake) = &self.1 {
            // Full, it wakes as well.
            let _ = wake.as_ref().write_all(b"s");
        }
    }
}

/// Those who are told of a run's events; none, as a rule.
#[derive(Clone, Default)]
pub struct Events(Option<Rc<Hub>>);

impl Events {
    /// Events of a run that began at `began`, told to `sinks`; without any it is as if there were no events.
    pub fn new(began: Instant, sinks: Vec<Box<dyn Sink>>) -> Events {
        if sinks.is_empty() {
            return Events::default();
        }
        Events(Some(Rc::new(Hub {
            began,
            sinks: RefCell::new(sinks),
            hider: RefCell::default(),
            early: RefCell::new(Some(Vec::new())),
            steps: channel(),
            wake: OnceCell::new(),
        })))
    }

    /// Has `sink` told as well from here on, of a run that began at `began` and of which it is known that `masks` are to be hidden.
    pub fn add(&mut self, began: Instant, sink: Box<dyn Sink>, masks: Option<&Masks>) {
        match &self.0 {
            Some(hub) => hub.sinks.borrow_mut().push(sink),
            None => {
                *self = Events::new(began, vec![sink]);
                self.hide(masks);
            }
        }
    }

    /// It is known what is to be hidden, in texts and in names: what was told so far is passed on, and from here on each event at once.
    pub fn hide(&self, masks: Option<&Masks>) {
        if let Some(hub) = &self.0 {
            hub.hider.replace(Hider::new(masks.cloned()));
            hub.pass_early();
        }
    }

    /// It will not be known: what was told so far is passed on without its words, and what is told from here on without what `masks` hide.
    pub fn hide_all_before(&self, masks: Option<&Masks>) {
        if let Some(hub) = &self.0 {
            for (_, early) in hub.early.borrow_mut().iter_mut().flatten() {
                early.forget_words();
            }
            hub.hider.replace(Hider::new(masks.cloned()));
            hub.pass_early();
        }
    }

    /// Whether anyone listens.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Tells that `event` happens now. A sink that tells of an event itself is not heard.
    pub fn tell(&self, event: &Event) {
        if let Some(hub) = &self.0 {
            hub.pass_steps();
            hub.tell(Instant::now(), event);
        }
    }

    /// Tells that a phase begins.
    #[inline]
    pub fn phase_started(&self, phase: Phase, what: &[u8]) {
        if self.is_on() {
            self.tell(&Event::PhaseStarted { phase, what });
        }
    }

    /// Tells that a phase ends.
    #[inline]
    pub fn phase_ended(&self, phase: Phase) {
        if self.is_on() {
            self.tell(&Event::PhaseEnded { phase });
        }
    }

    /// Passes on what other threads told of builds' steps.
    pub fn take_steps(&self) {
        let Some(hub) = &self.0 else { return };
        if let Some((woken, _)) = hub.wake.get() {
            let (mut woken, mut drained): (&UnixStream, _) = (woken, [0; 64]);
            while matches!(woken.read(&mut drained), Ok(count) if count == drained.len()) {}
        }
        hub.pass_steps();
    }

    /// A way to tell of builds' steps from another thread; none where nobody listens.
    pub fn step_teller(&self) -> Option<StepTeller> {
        let hub = self.0.as_ref()?;
        if hub.wake.get().is_none()
            && let Ok((woken, wake)) = UnixStream::pair()
            && woken.set_nonblocking(true).and_then(|()| wake.set_nonblocking(true)).is_ok()
        {
            let _ = hub.wake.set((woken, Arc::new(wake)));
        }
        Some(StepTeller(hub.steps.0.clone(), hub.wake.get().map(|(_, wake)| Arc::clone(wake))))
    }

    /// What becomes readable when another thread tells of a step, for [`Events::take_steps`]; nothing where none can.
    pub fn steps_fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref()?.wake.get().map(|(woken, _)| woken.as_fd())
    }
}

impl Hub {
    fn pass_steps(&self) {
        while let Ok((at, step)) = self.steps.1.try_recv() {
            self.tell(at, &Event::BuildStep(&step));
        }
    }

    fn pass_early(&self) {
        let early = self.early.borrow_mut().take();
        for (at, event) in early.into_iter().flatten() {
            self.tell(at, &event.event());
        }
    }

    fn tell(&self, at: Instant, event: &Event) {
        if let Some(early) = self.early.borrow_mut().as_mut()
            && let Some(event) = Early::of(event)
        {
            return early.push((at, event));
        }
        self.pass_early();
        let at = at.saturating_duration_since(self.began);
        let tell = |event: &Event| {
            if let Ok(mut sinks) = self.sinks.try_borrow_mut() {
                for sink in sinks.iter_mut() {
                    sink.take(at, event);
                }
            }
        };
        // A sink that tells of an event itself is not heard.
        if let Ok(mut hider) = self.hider.try_borrow_mut() {
            hider.pass(event, &tell);
        }
    }
}

/// When a run began: by the clock that only goes forward, and by the one on the wall.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    /// For times since.
    pub instant: Instant,
    /// For people.
    pub time: SystemTime,
}

impl Beginning {
    /// Now.
    pub fn now() -> Beginning {
        Beginning { instant: Instant::now(), time: SystemTime::now() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    struct Names(Rc<RefCell<Vec<String>>>);

    impl Sink for Names {
        fn take(&mut self, at: Duration, event: &Event) {
            let name = match event {
                Event::BuildStep(step) => format!("step {}", step.number),
                Event::PhaseStarted { what, .. } => String::from_utf8_lossy(what).into_owned(),
                _ => "other".to_owned(),
            };
            assert!(at < Duration::from_secs(60));
            self.0.borrow_mut().push(name);
        }
    }

    #[test]
    fn every_sink_hears_in_order_and_other_threads_steps_come_before_what_follows() {
        assert!(!Events::new(Instant::now(), Vec::new()).is_on());
        let (one, other) = (Rc::<RefCell<Vec<String>>>::default(), Rc::<RefCell<Vec<String>>>::default());
        let sinks: Vec<Box<dyn Sink>> = vec![Box::new(Names(one.clone())), Box::new(Names(other.clone()))];
        let events = Events::new(Instant::now(), sinks);
        events.phase_started(Phase::Shell, b"date");
        assert!(one.borrow().is_empty());
        events.hide(None);
        let teller = events.step_teller().unwrap();
        let step = BuildStep { target: 1, number: 7, name: "RUN".into(), state: StepState::Started };
        let started = step.clone();
        std::thread::spawn(move || teller.tell(started)).join().unwrap();
        events.phase_ended(Phase::Shell);
        assert_eq!(*one.borrow(), ["date", "step 7", "other"]);
        assert_eq!(*one.borrow(), *other.borrow());
        // A thread that waits is woken for a step.
        let teller = events.step_teller().unwrap();
        std::thread::spawn(move || teller.tell(step)).join().unwrap();
        let mut awaited = [PollFd::from_borrowed_fd(events.steps_fd().unwrap(), PollFlags::IN)];
        assert_eq!(poll(&mut awaited, Some(&Timespec { tv_sec: 30, tv_nsec: 0 })), Ok(1));
        events.take_steps();
        assert_eq!(one.borrow().last().map(String::as_str), Some("step 7"));
        let mut awaited = [PollFd::from_borrowed_fd(events.steps_fd().unwrap(), PollFlags::IN)];
        assert_eq!(poll(&mut awaited, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0));
    }
}

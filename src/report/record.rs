//! What happened in a run, kept for what is written at its end: reports, summaries, traces. Knows no form of writing.

use crate::base::diagnostic::{Place, Severity};
use crate::base::events::{BuildStep, Event, LineKind, Phase, Reason, Sink, StepState, TargetOutcome, Usage};
use crate::base::sorting;
use crate::base::tables::HashMap;
use std::time::{Duration, SystemTime};

/// A line of a makefile or of a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The file.
    pub file: String,
    /// One-based.
    pub number: u32,
}

/// A process that was run.
#[derive(Clone, Debug)]
pub struct Process {
    /// The line as it was shown.
    pub text: String,
    /// Where it stands.
    pub place: Option<Line>,
    /// What it was.
    pub kind: LineKind,
    /// When it began, since the run did.
    pub began: Duration,
    /// How long it ran; none where its end was not seen.
    pub took: Option<Duration>,
    /// Its exit status.
    pub code: i32,
    /// The signal that ended it, or zero.
    pub signal: i32,
    /// What it used.
    pub usage: Usage,
}

/// What is known of a target's image.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Its tags.
    pub tags: Vec<String>,
    /// Its id.
    pub id: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Why it was to be built; empty where it was fresh.
    pub reasons: Vec<String>,
    /// Whether it was built.
    pub built: bool,
}

/// A step of an image's build.
#[derive(Clone, Debug)]
pub struct Step {
    /// The engine's number.
    pub number: u32,
    /// The step, in the engine's words.
    pub name: String,
    /// When it began, since the run did.
    pub began: Duration,
    /// When it ended.
    pub ended: Option<Duration>,
    /// How it stands.
    pub state: StepState,
}

/// A target.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// What came of it; none where that was not seen.
    pub outcome: Option<TargetOutcome>,
    /// Where its recipe begins.
    pub place: Option<Line>,
    /// Why it was made, in words.
    pub reason: Option<String>,
    /// Its job's slot, where it had one.
    pub slot: Option<u32>,
    /// When its job began, or its end was seen.
    pub began: Duration,
    /// When it ended.
    pub ended: Option<Duration>,
    /// Its processes.
    pub processes: Vec<Process>,
    /// Its image.
    pub image: Option<Image>,
    /// The steps of its image's build.
    pub steps: Vec<Step>,
}

impl Target {
    /// How long its job took; zero where it had none.
    pub fn took(&self) -> Duration {
        self.ended.map_or(Duration::ZERO, |ended| ended.saturating_sub(self.began))
    }

    /// Whether it failed.
    pub fn is_failed(&self) -> bool {
        self.outcome == Some(TargetOutcome::Failed)
    }

    /// The process for which it failed.
    pub fn culprit(&self) -> Option<&Process> {
        self.processes.last().filter(|last| self.is_failed() && (last.code != 0 || last.signal != 0))
    }

    /// The build's step for which it failed, with its instruction's line.
    pub fn failed_step(&self) -> Option<(&Step, &str, Option<&(String, u32)>)> {
        self.steps.iter().find_map(|step| match &step.state {
            StepState::Failed(words, place) if words != "canceled" => {
                Some((step, words.as_str(), place.as_ref()))
            }
            _ => None,
        })
    }

    /// Why it failed, in a line.
    pub fn failure(&self) -> String {
        match self.culprit() {
            _ if !self.is_failed() => String::new(),
            Some(process) if process.signal != 0 => crate::os::sys::signal_words(process.signal),
            Some(process) => format!("Error {}", process.code),
            None => "there is no rule to make it, or its recipe could not be started".to_owned(),
        }
    }
}

/// Something that was said on standard error.
#[derive(Clone, Debug)]
pub struct Message {
    /// How much it matters.
    pub severity: Severity,
    /// The line that it is about.
    pub place: Option<Line>,
    /// The words.
    pub text: String,
}

/// A stretch of imk's own work.
#[derive(Clone, Debug)]
pub struct Span {
    /// Which.
    pub phase: Phase,
    /// What it was about.
    pub what: String,
    /// When it began, since the run did.
    pub began: Duration,
    /// When it ended.
    pub ended: Option<Duration>,
}

/// A run.
#[derive(Clone, Debug)]
pub struct Record {
    /// When it began.
    pub began: SystemTime,
    /// The folder.
    pub folder: String,
    /// The goals.
    pub goals: Vec<String>,
    /// Targets, in the order in which they were begun or seen to be up to date.
    pub targets: Vec<Target>,
    /// What was said.
    pub messages: Vec<Message>,
    /// Things removed from engines, and left there, in words.
    pub cleaned: (Vec<String>, Vec<String>),
    /// imk's own work.
    pub spans: Vec<Span>,
    /// How long it took, and its exit status, once it is over.
    pub end: Option<(Duration, i32)>,
    by_id: HashMap<u32, usize>,
    open: Vec<usize>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn line(place: &Option<Place>) -> Option<Line> {
    place.as_ref().map(|place| Line { file: text(place.file), number: place.line + place.offset })
}

fn words(reason: &Reason) -> String {
    match reason {
        Reason::Phony => "it is phony".to_owned(),
        Reason::Absent => "it did not exist".to_owned(),
        Reason::Newer(names) => {
            let names: Vec<String> = names.iter().map(|name| text(name)).collect();
            format!("newer: {}", names.join(" "))
        }
        Reason::Always => "-B".to_owned(),
        Reason::Image | Reason::Other => String::new(),
    }
}

impl Record {
    /// Of a run that began at `began`.
    pub fn new(began: SystemTime) -> Record {
        Record {
            began,
            folder: String::new(),
            goals: Vec::new(),
            targets: Vec::new(),
            messages: Vec::new(),
            cleaned: (Vec::new(), Vec::new()),
            spans: Vec::new(),
            end: None,
            by_id: HashMap::default(),
            open: Vec::new(),
        }
    }

    /// Targets that failed first, then those that were given up, then the others, in their order.
    pub fn failures_first(&self) -> Vec<&Target> {
        let mut targets: Vec<&Target> = self.targets.iter().collect();
        sorting::sort_by_key(&mut targets, |target| match target.outcome {
            Some(TargetOutcome::Failed) => 0,
            Some(TargetOutcome::GivenUp) => 1,
            None => 2,
            _ => 3,
        });
        targets
    }

    /// How many targets came to this.
    pub fn count(&self, outcome: TargetOutcome) -> usize {
        self.targets.iter().filter(|target| target.outcome == Some(outcome)).count()
    }

    fn target(&mut self, at: Duration, of: &crate::base::events::Target) -> &mut Target {
        let next = self.targets.len();
        let index = *self.by_id.entry(of.id).or_insert(next);
        if index == next {
            self.targets.push(Target {
                id: of.id,
                name: text(of.name),
                outcome: None,
                place: None,
                reason: None,
                slot: None,
                began: at,
                ended: None,
                processes: Vec::new(),
                image: None,
                steps: Vec::new(),
            });
        }
        &mut self.targets[index]
    }

    /// Takes an event.
    pub fn take(&mut self, at: Duration, event: &Event) {
        match event {
            Event::RunStarted { folder, .. } => self.folder = text(folder),
            Event::GoalsStarted { goals, .. } => {
                self.goals = goals.iter().map(|goal| text(goal.name)).collect()
            }
            Event::PhaseStarted { phase, what } => {
                self.open.push(self.spans.len());
                self.spans.push(Span { phase: *phase, what: text(what), began: at, ended: None });
            }
            Event::PhaseEnded { .. } => {
                if let Some(span) = self.open.pop() {
                    self.spans[span].ended = Some(at);
                }
            }
            Event::TargetStarted { target, place, reason, slot } => {
                let target = self.target(at, target);
                (target.began, target.place, target.slot) = (at, line(place), Some(*slot));
                target.reason = Some(words(reason));
            }
            Event::LineStarted { target, text: shown, place, kind, .. } => {
                let process = Process {
                    text: text(shown),
                    place: line(place),
                    kind: *kind,
                    began: at,
                    took: None,
                    code: 0,
                    signal: 0,
                    usage: Usage::default(),
                };
                self.target(at, target).processes.push(process);
            }
            Event::ChildEnded { target, code, signal, took, usage, .. } => {
                if let Some(process) = self.target(at, target).processes.last_mut() {
                    (process.took, process.code, process.signal) = (Some(*took), *code, *signal);
                    process.usage = *usage;
                }
            }
            Event::TargetEnded { target, outcome, place } => {
                let target = self.target(at, target);
                (target.outcome, target.ended) = (Some(*outcome), Some(at));
                target.place = target.place.take().or_else(|| line(place));
            }
            Event::ImageJudged { target, tags, reasons, id, size } => {
                self.target(at, target).image = Some(Image {
                    tags: tags.to_vec(),
                    id: id.map(str::to_owned),
                    size: *size,
                    reasons: reasons.to_vec(),
                    built: false,
                });
            }
            Event::ImageBuilt { target, tags, id, size, .. } => {
                let image = self.target(at, target).image.get_or_insert_default();
                (image.tags, image.built) = (tags.to_vec(), true);
                (image.id, image.size) = (id.map(str::to_owned), *size);
            }
            Event::BuildStep(step) => self.take_step(at, step),
            Event::CleanedUp { removed, left, .. } => {
                self.cleaned.0.extend_from_slice(removed);
                self.cleaned.1.extend_from_slice(left);
            }
            Event::Message { severity, place, text: said, .. } => {
                let message = Message { severity: *severity, place: line(place), text: text(said) };
                self.messages.push(message);
            }
            Event::RunEnded { status } => self.end = Some((at, *status)),
        }
    }

    fn take_step(&mut self, at: Duration, step: &BuildStep) {
        let Some(target) = self.by_id.get(&step.target).map(|&index| &mut self.targets[index]) else {
            return;
        };
        let is_over = step.state != StepState::Started;
        let open =
            target.steps.iter_mut().rev().find(|known| known.number == step.number && known.ended.is_none());
        match open {
            Some(known) if is_over => (known.state, known.ended) = (step.state.clone(), Some(at)),
            Some(_) => {}
            None => target.steps.push(Step {
                number: step.number,
                name: step.name.clone(),
                began: at,
                ended: is_over.then_some(at),
                state: step.state.clone(),
            }),
        }
    }
}

/// Keeps a record, and hands it over when the run is over.
pub struct Recorder {
    record: Record,
    at_end: Vec<Box<dyn FnMut(&Record)>>,
}

impl Recorder {
    /// A recorder of a run that began at `began`; `at_end` is given the record of the whole.
    pub fn new(began: SystemTime, at_end: Vec<Box<dyn FnMut(&Record)>>) -> Recorder {
        Recorder { record: Record::new(began), at_end }
    }
}

impl Sink for Recorder {
    fn take(&mut self, at: Duration, event: &Event) {
        self.record.take(at, event);
        if let Event::RunEnded { .. } = event {
            for writer in &mut self.at_end {
                writer(&self.record);
            }
        }
    }
}

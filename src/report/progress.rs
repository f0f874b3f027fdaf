//! `--progress`: how far a run is, on one line at the terminal, or as a line for each target. Knows nothing of terminals but their width.

use super::style::{Style, columns, fitting};
use crate::base::events::{Event, Sink, StepState, TargetOutcome};
use crate::base::log::unobeyed;
use crate::base::printable::{is_obeyed, printable};
use crate::base::tables::HashSet;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A target whose job runs.
struct Running {
    id: u32,
    name: String,
    since: Instant,
    /// The steps of its image's build that run.
    steps: Vec<(u32, String)>,
}

/// How far a run is.
#[derive(Default)]
pub struct State {
    /// Targets that are not over yet.
    expected: HashSet<u32>,
    running: Vec<Running>,
    done: usize,
    failed: usize,
    since: Option<Instant>,
}

/// What the run's thread and the terminal's share.
pub type Shared = Arc<Mutex<State>>;

/// Keeps `State` up to date.
pub struct Progress(pub Shared);

/// A run shorter than this shows no progress.
const QUIET: Duration = Duration::from_millis(300);

impl Sink for Progress {
    fn take(&mut self, _: Duration, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(event);
    }
}

impl State {
    fn take(&mut self, event: &Event) {
        match event {
            Event::GoalsStarted { expected, .. } => {
                self.expected = expected.iter().copied().collect();
                self.since = Some(Instant::now());
            }
            Event::TargetStarted { target, .. } => {
                self.expected.insert(target.id);
                self.running.push(Running {
                    id: target.id,
                    name: String::from_utf8_lossy(target.name).into_owned(),
                    since: Instant::now(),
                    steps: Vec::new(),
                });
            }
            Event::TargetEnded { target, outcome, .. } => {
                self.expected.remove(&target.id);
                self.running.retain(|running| running.id != target.id);
                match outcome {
                    TargetOutcome::Made => self.done += 1,
                    TargetOutcome::Failed => self.failed += 1,
                    _ => {}
                }
            }
            Event::BuildStep(step) => {
                if let Some(running) = self.running.iter_mut().find(|running| running.id == step.target) {
                    running.steps.retain(|(number, _)| *number != step.number);
                    if step.state == StepState::Started {
                        running.steps.push((step.number, step.name.clone()));
                    }
                }
            }
            _ => {}
        }
    }

    /// What is yet to be looked at.
    fn to_go(&self) -> usize {
        self.expected.len().saturating_sub(self.running.len())
    }

    /// The line: pieces with what they look like.
    fn pieces(&self, now: Instant) -> Vec<(Look, String)> {
        let mut pieces = vec![(Look::Plain, format!("{} done", self.done))];
        if self.failed > 0 {
            pieces.push((Look::Plain, ", ".to_owned()));
            pieces.push((Look::Error, format!("{} failed", self.failed)));
        }
        pieces.push((Look::Plain, format!(", {} to go", self.to_go())));
        for (at, running) in self.running.iter().enumerate() {
            pieces.push((Look::Plain, if at == 0 { ": " } else { ", " }.to_owned()));
            pieces.push((Look::Bold, running.name.clone()));
            pieces.push((Look::Dim, format!(" {}", short(now.saturating_duration_since(running.since)))));
            // What is inside of the engine says less than the Dockerfile's own steps.
            let is_own = |(_, name): &&(u32, String)| !name.starts_with("[internal]");
            let step = running.steps.iter().rev().find(is_own).or(running.steps.last());
            if let Some((_, step)) = step {
                pieces.push((Look::Step, format!(" {step}")));
            }
        }
        pieces
    }
}

#[derive(Clone, Copy)]
enum Look {
    Plain,
    Bold,
    Dim,
    /// Dim, and cut before anything else is.
    Step,
    Error,
}

/// A time as short as can be: `7s`, `2m05s`.
fn short(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        seconds => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// What stands for text that is left out.
const CUT: &str = "…";

/// Cuts the steps so that all pieces fit, if that is enough, none shorter than another that is cut.
fn share(pieces: &mut [(Look, String)], room: usize) {
    let widths = |is_step: bool| {
        let own = pieces.iter().filter(move |(look, _)| matches!(look, Look::Step) == is_step);
        own.map(|(_, text)| columns(text))
    };
    let fixed: usize = widths(false).sum();
    let mut steps: Vec<usize> = widths(true).collect();
    let mut left = room.saturating_sub(fixed);
    if steps.iter().sum::<usize>() <= left {
        return;
    }
    // What a short one leaves goes to the others.
    steps.sort_unstable();
    let mut most = 0;
    for (at, &width) in steps.iter().enumerate() {
        most = left / (steps.len() - at);
        if width > most {
            break;
        }
        left -= width;
    }
    for (_, text) in pieces.iter_mut().filter(|(look, _)| matches!(look, Look::Step)) {
        // Below this a step says nothing.
        const LEAST: usize = 8;
        if most < LEAST && columns(text) > most {
            text.clear();
        } else if columns(text) > most {
            let shown = fitting(text, most - 1).len();
            text.truncate(shown);
            text.push_str(CUT);
        }
    }
}

/// The pieces side by side, cut where the columns end.
fn line(pieces: &[(Look, String)], room: usize, style: Style) -> String {
    let plain = |text: &str| -> String { text.chars().map(|c| if is_obeyed(c) { ' ' } else { c }).collect() };
    let mut pieces: Vec<(Look, String)> = pieces.iter().map(|(look, text)| (*look, plain(text))).collect();
    share(&mut pieces, room);
    let width: usize = pieces.iter().map(|(_, text)| columns(text)).sum();
    let mut left = if width <= room { width } else { room.saturating_sub(1) };
    let mut out = String::new();
    for (look, text) in &pieces {
        let shown = fitting(text, left);
        left -= columns(shown);
        out.push_str(&match look {
            Look::Plain => shown.to_owned(),
            Look::Bold => style.bold(shown),
            Look::Dim | Look::Step => style.dim(shown),
            Look::Error => style.error(shown),
        });
        if left == 0 || shown.len() < text.len() {
            break;
        }
    }
    if width > room && room > 0 {
        out.push_str(CUT);
    }
    out
}

/// Makes the line below all output.
pub fn footer(state: &Shared, style: Style) -> Box<dyn FnMut(usize) -> Option<String> + Send> {
    let state = Arc::clone(state);
    Box::new(move |columns| {
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let since = state.since?;
        (now.saturating_duration_since(since) >= QUIET).then(|| line(&state.pieces(now), columns, style))
    })
}

/// Says in a line what came of each target that was made.
pub struct Plain {
    state: State,
    program: String,
    said: Box<dyn FnMut(&str)>,
}

impl Plain {
    /// Says things by `said`, lines without their ends, under the name `program`.
    pub fn new(program: &[u8], said: Box<dyn FnMut(&str)>) -> Plain {
        Plain { state: State::default(), program: String::from_utf8_lossy(program).into_owned(), said }
    }
}

impl Sink for Plain {
    fn take(&mut self, _: Duration, event: &Event) {
        let took = match event {
            Event::TargetEnded { target, .. } => {
                let running = self.state.running.iter().find(|running| running.id == target.id);
                running.map(|running| running.since.elapsed())
            }
            _ => None,
        };
        self.state.take(event);
        let (Event::TargetEnded { target, outcome, .. }, Some(took)) = (event, took) else { return };
        let name = String::from_utf8_lossy(target.name);
        let what = if *outcome == TargetOutcome::Made { "made" } else { "failed" };
        let mut text = format!("{}: {name}: {what} in {:.1} s", self.program, took.as_secs_f64());
        let _ = write!(text, " ({} done, ", self.state.done);
        if self.state.failed > 0 {
            let _ = write!(text, "{} failed, ", self.state.failed);
        }
        let _ = write!(text, "{} to go)", self.state.expected.len());
        (self.said)(&String::from_utf8_lossy(&unobeyed(printable(&text).as_bytes())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::events::{BuildStep, Reason, Target};

    fn started(id: u32, name: &'static str) -> Event<'static> {
        let target = Target { id, name: name.as_bytes() };
        Event::TargetStarted { target, place: None, reason: Reason::Phony, slot: 0 }
    }

    fn ended(id: u32, outcome: TargetOutcome) -> Event<'static> {
        Event::TargetEnded { target: Target { id, name: b"x" }, outcome, place: None }
    }

    #[test]
    fn the_line_counts_and_names_what_runs() {
        let mut state = State::default();
        let shown = |state: &State| line(&state.pieces(Instant::now()), 79, Style::default());
        state.take(&Event::GoalsStarted { goals: &[], expected: &[1, 2, 3, 4] });
        assert_eq!(shown(&state), "0 done, 4 to go");
        state.take(&started(1, "build"));
        state.take(&started(9, "implicit.o"));
        assert_eq!(shown(&state), "0 done, 3 to go: build 0s, implicit.o 0s");
        for (number, name, of) in
            [(5, "[1/2] RUN make", StepState::Started), (6, "[internal] load", StepState::Started)]
        {
            state.take(&Event::BuildStep(&BuildStep { target: 1, number, name: name.into(), state: of }));
        }
        state.take(&ended(9, TargetOutcome::Failed));
        state.take(&ended(2, TargetOutcome::UpToDate));
        assert_eq!(shown(&state), "0 done, 1 failed, 2 to go: build 0s [1/2] RUN make");
        state.take(&Event::BuildStep(&BuildStep {
            target: 1,
            number: 5,
            name: String::new(),
            state: StepState::Done,
        }));
        assert_eq!(shown(&state), "0 done, 1 failed, 2 to go: build 0s [internal] load");
        state.take(&ended(1, TargetOutcome::Made));
        assert_eq!(shown(&state), "1 done, 1 failed, 2 to go");
    }

    #[test]
    fn steps_are_cut_before_names_are() {
        let step = |text: &str| (Look::Step, format!(" {text}"));
        let name = |text: &str| (Look::Bold, text.to_owned());
        let pieces = [name("build"), step("[1/2] RUN pip install"), name(", test"), step("[2/2] COPY")];
        let cut = |room| line(&pieces, room, Style::default());
        assert_eq!(cut(80), "build [1/2] RUN pip install, test [2/2] COPY");
        assert_eq!(cut(40), "build [1/2] RUN pip in…, test [2/2] COPY");
        assert_eq!(cut(30), "build [1/2] R…, test [2/2] C…");
        assert_eq!(cut(20), "build, test");
        assert_eq!(cut(8), "build, …");
    }

    #[test]
    fn the_line_is_cut_at_the_edge() {
        let pieces = [(Look::Plain, "3 done: ".to_owned()), (Look::Bold, "a\tlong name".to_owned())];
        let style = Style { colour: true };
        assert_eq!(line(&pieces, 12, Style::default()), "3 done: a l…");
        assert_eq!(line(&pieces, 80, Style::default()), "3 done: a long name");
        assert_eq!(line(&pieces, 12, style), "3 done: \x1b[1ma l\x1b[0m…");
        assert_eq!(line(&pieces, 0, style), "");
        let wide = [(Look::Bold, "日本語".to_owned()), (Look::Plain, " 1s".to_owned())];
        let cut = |room| line(&wide, room, Style::default());
        assert_eq!((cut(9), cut(8), cut(6)), ("日本語 1s".into(), "日本語 …".into(), "日本…".into()));
        let times = [(7, "7s"), (125, "2m05s"), (3600 + 120, "1h02m")];
        assert!(times.iter().all(|&(seconds, text)| short(Duration::from_secs(seconds)) == text));
    }
}

//! Events without what must not be seen: hidden values, in texts and in names, and values of arguments that have a secret's name. All events
//! pass here, so that no sink has to know of it. Knows nothing of sinks.

use super::{Event, Phase, Reason, StepState, Target};
use crate::base::diagnostic::{Place, Severity};
use crate::base::mask::{HIDDEN, Masks};
use crate::base::secret;
use crate::base::tables::HashMap;
use std::borrow::Cow;

/// What is told of a run while it is not known yet what is to be hidden, with words of its own.
pub(super) enum Early {
    Run { program: Vec<u8>, level: u32, folder: Vec<u8>, restarts: u32 },
    PhaseStarted(Phase, Vec<u8>),
    PhaseEnded(Phase),
    Message(Severity, Option<Place>, Vec<u8>),
}

impl Early {
    /// `event`, where it is of the kinds that are told while makefiles are read.
    pub(super) fn of(event: &Event) -> Option<Early> {
        Some(match event {
            Event::RunStarted { program, level, folder, restarts } => Early::Run {
                program: program.to_vec(),
                level: *level,
                folder: folder.to_vec(),
                restarts: *restarts,
            },
            Event::PhaseStarted { phase, what } => Early::PhaseStarted(*phase, what.to_vec()),
            Event::PhaseEnded { phase } => Early::PhaseEnded(*phase),
            Event::Message { severity, place, text } => Early::Message(*severity, *place, text.to_vec()),
            _ => return None,
        })
    }

    /// The event.
    pub(super) fn event(&self) -> Event<'_> {
        match self {
            Early::Run { program, level, folder, restarts } => {
                Event::RunStarted { program, level: *level, folder, restarts: *restarts }
            }
            Early::PhaseStarted(phase, what) => Event::PhaseStarted { phase: *phase, what },
            Early::PhaseEnded(phase) => Event::PhaseEnded { phase: *phase },
            Early::Message(severity, place, text) => {
                Event::Message { severity: *severity, place: *place, text }
            }
        }
    }

    /// Leaves out what a hidden value may stand in.
    pub(super) fn forget_words(&mut self) {
        let words = match self {
            Early::Run { folder, .. } => folder,
            Early::PhaseStarted(_, what) => what,
            Early::Message(_, place, text) => {
                *place = None;
                text
            }
            Early::PhaseEnded(_) => return,
        };
        if !words.is_empty() {
            *words = HIDDEN.to_vec();
        }
    }
}

/// Hides values of events.
#[derive(Default)]
pub(super) struct Hider {
    masks: Option<Masks>,
    /// Names of makefiles, as they are told.
    files: HashMap<&'static [u8], &'static [u8]>,
}

impl Hider {
    /// Hides what `masks` does, and values of arguments with a secret's name in any case.
    pub(super) fn new(masks: Option<Masks>) -> Hider {
        Hider { masks, files: HashMap::default() }
    }

    fn name<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        self.masks.as_ref().map_or(Cow::Borrowed(text), |masks| masks.hide(text))
    }

    /// Words of a command or a message, among which arguments may be.
    fn words<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        let hidden = self.name(text);
        match secret::masked_bytes(&hidden) {
            Some(masked) => Cow::Owned(masked),
            None => hidden,
        }
    }

    fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.words(text.as_bytes())).into_owned()
    }

    fn texts(&self, all: &[String]) -> Vec<String> {
        all.iter().map(|text| self.text(text)).collect()
    }

    fn place(&mut self, place: &Option<Place>) -> Option<Place> {
        let (Some(masks), Some(place)) = (&self.masks, place) else { return *place };
        let file = *self.files.entry(place.file).or_insert_with(|| match masks.hide(place.file) {
            Cow::Borrowed(_) => place.file,
            // Names of makefiles last as long as the run; so does this, once for each.
            Cow::Owned(hidden) => Vec::leak(hidden),
        });
        Some(Place { file, ..*place })
    }

    /// Tells `event` without what is hidden.
    pub(super) fn pass(&mut self, event: &Event, tell: &dyn Fn(&Event)) {
        match *event {
            Event::PhaseStarted { phase, what } => {
                tell(&Event::PhaseStarted { phase, what: &self.words(what) });
            }
            Event::LineStarted { target, text, place, kind, slot, pid } => {
                let place = self.place(&place);
                let (name, text) = (self.name(target.name), self.words(text));
                let target = Target { id: target.id, name: &name };
                tell(&Event::LineStarted { target, text: &text, place, kind, slot, pid });
            }
            Event::BuildStep(step) => {
                let mut step = step.clone();
                step.name = self.text(&step.name);
                if let StepState::Failed(words, place) = &mut step.state {
                    *words = self.text(words);
                    if let Some((file, _)) = place {
                        *file = self.text(file);
                    }
                }
                tell(&Event::BuildStep(&step));
            }
            Event::Message { severity, place, text } => {
                let place = self.place(&place);
                tell(&Event::Message { severity, place, text: &self.words(text) });
            }
            _ if self.masks.is_none() => tell(event),
            _ => self.pass_names(event, tell),
        }
    }

    /// As [`Hider::pass`], of events whose words are names.
    fn pass_names(&mut self, event: &Event, tell: &dyn Fn(&Event)) {
        let named = |target: Target<'_>, told: &dyn Fn(Target)| {
            told(Target { id: target.id, name: &self.name(target.name) });
        };
        match *event {
            Event::RunStarted { program, level, folder, restarts } => {
                let (program, folder) = (&*self.name(program), &*self.name(folder));
                tell(&Event::RunStarted { program, level, folder, restarts });
            }
            Event::GoalsStarted { goals, expected } => {
                let names: Vec<Cow<[u8]>> = goals.iter().map(|goal| self.name(goal.name)).collect();
                let goals: Vec<Target> =
                    goals.iter().zip(&names).map(|(goal, name)| Target { id: goal.id, name }).collect();
                tell(&Event::GoalsStarted { goals: &goals, expected });
            }
            Event::TargetStarted { target, ref place, ref reason, slot } => {
                let place = self.place(place);
                let name = self.name(target.name);
                let target = Target { id: target.id, name: &name };
                match reason {
                    Reason::Newer(names) => {
                        let names: Vec<Cow<[u8]>> = names.iter().map(|name| self.name(name)).collect();
                        let reason = Reason::Newer(names.iter().map(|name| &**name).collect());
                        tell(&Event::TargetStarted { target, place, reason, slot });
                    }
                    reason => {
                        tell(&Event::TargetStarted { target, place, reason: reason.clone(), slot });
                    }
                }
            }
            Event::ChildEnded { target, slot, pid, code, signal, took, usage } => named(target, &|target| {
                tell(&Event::ChildEnded { target, slot, pid, code, signal, took, usage });
            }),
            Event::TargetEnded { target, outcome, ref place } => {
                let place = self.place(place);
                let name = self.name(target.name);
                tell(&Event::TargetEnded { target: Target { id: target.id, name: &name }, outcome, place });
            }
            Event::ImageJudged { target, tags, reasons, id, size } => {
                let (tags, reasons) = (&self.texts(tags), &self.texts(reasons));
                named(target, &|target| tell(&Event::ImageJudged { target, tags, reasons, id, size }));
            }
            Event::ImageBuilt { target, tags, id, size, unchanged } => {
                let tags = &self.texts(tags);
                named(target, &|target| tell(&Event::ImageBuilt { target, tags, id, size, unchanged }));
            }
            Event::CleanedUp { target, removed, left } => {
                let (target, removed, left) = (&*self.name(target), &self.texts(removed), &self.texts(left));
                tell(&Event::CleanedUp { target, removed, left });
            }
            // These have no words, or have passed already.
            Event::PhaseEnded { .. }
            | Event::RunEnded { .. }
            | Event::PhaseStarted { .. }
            | Event::LineStarted { .. }
            | Event::BuildStep(_)
            | Event::Message { .. } => tell(event),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::events::{BuildStep, LineKind, TargetOutcome, Usage};
    use std::cell::RefCell;
    use std::time::Duration;

    /// An event of each kind, the hidden value in each of its texts.
    fn all(see: &mut dyn FnMut(&Event)) {
        let (name, text): (&[u8], _) = (b"a-whisper", ["whisper".to_owned()]);
        let target = Target { id: 1, name };
        let place = Some(Place { file: b"whisper.mk", line: 1, offset: 0 });
        let usage = Usage::default();
        let step = StepState::Failed("whisper".into(), Some(("whisper".into(), 1)));
        let events = [
            Event::RunStarted { program: b"imk", level: 0, folder: name, restarts: 0 },
            Event::GoalsStarted { goals: &[target], expected: &[1] },
            Event::PhaseStarted { phase: Phase::Shell, what: name },
            Event::PhaseEnded { phase: Phase::Shell },
            Event::TargetStarted { target, place, reason: Reason::Newer(vec![name]), slot: 0 },
            Event::TargetStarted { target, place, reason: Reason::Absent, slot: 0 },
            Event::LineStarted { target, text: name, place, kind: LineKind::Recipe, slot: 0, pid: 1 },
            Event::ChildEnded { target, slot: 0, pid: 1, code: 0, signal: 0, took: Duration::ZERO, usage },
            Event::TargetEnded { target, outcome: TargetOutcome::Made, place },
            Event::ImageJudged { target, tags: &text, reasons: &text, id: None, size: None },
            Event::ImageBuilt { target, tags: &text, id: None, size: None, unchanged: false },
            Event::BuildStep(&BuildStep { target: 1, number: 1, name: "whisper".into(), state: step }),
            Event::CleanedUp { target: name, removed: &text, left: &text },
            Event::Message { severity: Severity::Note, place, text: name },
            Event::RunEnded { status: 0 },
        ];
        events.iter().for_each(see);
    }

    /// How the event is written by the compiler: bytes are numbers there.
    fn written(event: &Event) -> String {
        format!("{event:?}")
    }

    #[test]
    fn no_event_has_a_hidden_value_and_nothing_else_is_lost() {
        let mut hider = Hider::new(Masks::new([&b"whisper"[..]]));
        let numbers = |text: &str| format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned();
        let mut count = 0;
        all(&mut |event| {
            let seen = RefCell::new(Vec::new());
            hider.pass(event, &|event| seen.borrow_mut().push(written(event)));
            let plain =
                written(event).replace("whisper", "***").replace(&numbers("whisper"), &numbers("***"));
            assert_eq!(*seen.borrow(), [plain]);
            count += 1;
        });
        assert_eq!(count, 15);
    }

    #[test]
    fn arguments_with_a_secrets_name_have_no_value_in_any_case() {
        let mut hider = Hider::default();
        let seen = RefCell::new(Vec::new());
        let text = b"docker build --build-arg NPM_TOKEN=tok .";
        let target = Target { id: 1, name: b"a" };
        let line = Event::LineStarted { target, text, place: None, kind: LineKind::Recipe, slot: 0, pid: 1 };
        hider.pass(&line, &|event| match event {
            Event::LineStarted { text, .. } => seen.borrow_mut().push(text.to_vec()),
            _ => unreachable!(),
        });
        assert_eq!(*seen.borrow(), [b"docker build --build-arg NPM_TOKEN=*** .".to_vec()]);
    }

    #[test]
    fn what_is_early_is_the_same_later() {
        all(&mut |event| {
            if let Some(mut early) = Early::of(event) {
                assert_eq!(written(&early.event()), written(event));
                early.forget_words();
                let forgotten = written(&early.event());
                let whisper = format!("{:?}", b"whisper");
                assert!(!forgotten.contains(whisper.trim_matches(['[', ']'])), "{forgotten}");
            }
        });
    }
}

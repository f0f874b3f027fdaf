//! `--events`: the events of a run as JSON lines, for programs: docs/events.md has the schema. Knows nothing of when events arise.

use crate::base::diagnostic::{Place, Severity};
use crate::base::events::{Event, LineKind, Phase, Reason, Sink, StepState, Target, TargetOutcome};
use crate::base::json;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Version of the schema. It grows with every change that is not an addition.
pub const VERSION: u32 = 1;

/// Writes each event as a line of JSON, and each line at once.
pub struct JsonLines {
    to: Box<dyn Write>,
    began: SystemTime,
    /// The other end is gone: nothing more is written.
    broken: bool,
}

impl JsonLines {
    /// Writes to `to`, of a run that began at `began`.
    pub fn new(to: Box<dyn Write>, began: SystemTime) -> JsonLines {
        JsonLines { to, began, broken: false }
    }
}

impl Sink for JsonLines {
    fn take(&mut self, at: Duration, event: &Event) {
        if self.broken {
            return;
        }
        let mut fields = fields(event);
        fields.insert("at".to_owned(), seconds(at));
        if let Event::RunStarted { .. } = event {
            let began = self.began.duration_since(UNIX_EPOCH).unwrap_or_default();
            fields.insert("version".to_owned(), VERSION.into());
            fields.insert("began".to_owned(), seconds(began));
        }
        let mut line = json::line(&Value::Object(fields));
        line.push(b'\n');
        self.broken = self.to.write_all(&line).and_then(|()| self.to.flush()).is_err();
    }
}

/// Seconds, to the microsecond.
pub fn seconds(time: Duration) -> Value {
    json!((time.as_secs_f64() * 1e6).round() / 1e6)
}

/// Bytes as text: what is no UTF-8 is replaced.
pub fn text(bytes: &[u8]) -> Value {
    Value::String(String::from_utf8_lossy(bytes).into_owned())
}

fn texts<'t>(all: impl IntoIterator<Item = &'t [u8]>) -> Value {
    all.into_iter().map(text).collect()
}

/// A line of a makefile; null where none is known.
pub fn place(place: Option<&Place>) -> Value {
    match place {
        None => Value::Null,
        Some(place) => json!({ "file": text(place.file), "line": place.line + place.offset }),
    }
}

fn target(target: &Target) -> Value {
    json!({ "id": target.id, "name": text(target.name) })
}

/// What came of a target, in a word.
pub fn outcome_word(outcome: TargetOutcome) -> &'static str {
    match outcome {
        TargetOutcome::Made => "made",
        TargetOutcome::UpToDate => "up-to-date",
        TargetOutcome::Failed => "failed",
        TargetOutcome::GivenUp => "given-up",
        TargetOutcome::OutOfDate => "out-of-date",
    }
}

/// A phase, in a word.
pub fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Reading => "reading",
        Phase::Remaking => "remaking",
        Phase::Goals => "goals",
        Phase::Shell => "shell",
        Phase::Judging => "judging",
        Phase::Waiting => "waiting",
        Phase::CleaningUp => "cleaning-up",
    }
}

/// What a process is for, in a word.
pub fn kind_word(kind: LineKind) -> &'static str {
    match kind {
        LineKind::Recipe => "recipe",
        LineKind::Build => "build",
        LineKind::Create => "create",
        LineKind::Copy => "copy",
        LineKind::Remove => "remove",
        LineKind::Expect => "expect",
    }
}

/// How much a message matters, in a word.
pub fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
        Severity::Fatal => "fatal",
    }
}

fn reason(reason: &Reason) -> Value {
    match reason {
        Reason::Phony => json!({ "why": "phony" }),
        Reason::Absent => json!({ "why": "absent" }),
        Reason::Newer(names) => json!({ "why": "newer", "prerequisites": texts(names.iter().copied()) }),
        Reason::Always => json!({ "why": "always" }),
        Reason::Image => json!({ "why": "image" }),
        Reason::Other => json!({ "why": "other" }),
    }
}

/// The fields of an event, but for its time.
fn fields(event: &Event) -> Map<String, Value> {
    let value = match event {
        Event::RunStarted { program, level, folder, restarts } => json!({
            "event": "run-started", "program": text(program), "level": level, "folder": text(folder),
            "restarts": restarts,
        }),
        Event::GoalsStarted { goals, expected } => json!({
            "event": "goals-started", "goals": goals.iter().map(target).collect::<Value>(), "expected": expected.len(),
        }),
        Event::PhaseStarted { phase, what } => json!({
            "event": "phase-started", "phase": phase_word(*phase), "what": text(what),
        }),
        Event::PhaseEnded { phase } => json!({ "event": "phase-ended", "phase": phase_word(*phase) }),
        Event::TargetStarted { target: of, place: at, reason: why, slot } => json!({
            "event": "target-started", "target": target(of), "place": place(at.as_ref()), "reason": reason(why),
            "slot": slot,
        }),
        Event::LineStarted { target: of, text: line, place: at, kind, slot, pid } => json!({
            "event": "line-started", "target": target(of), "text": text(line), "place": place(at.as_ref()),
            "kind": kind_word(*kind), "slot": slot, "pid": pid,
        }),
        Event::ChildEnded { target: of, slot, pid, code, signal, took, usage } => json!({
            "event": "child-ended", "target": target(of), "slot": slot, "pid": pid, "code": code,
            "signal": signal, "seconds": seconds(*took), "user": seconds(usage.user),
            "system": seconds(usage.system), "peak_memory": usage.peak_memory,
        }),
        Event::TargetEnded { target: of, outcome, place: at } => json!({
            "event": "target-ended", "target": target(of), "outcome": outcome_word(*outcome),
            "place": place(at.as_ref()),
        }),
        Event::ImageJudged { target: of, tags, reasons, id, size } => json!({
            "event": "image-judged", "target": target(of), "tags": tags, "fresh": reasons.is_empty(),
            "reasons": reasons, "id": id, "size": size,
        }),
        Event::ImageBuilt { target: of, tags, id, size, unchanged } => json!({
            "event": "image-built", "target": target(of), "tags": tags, "id": id, "size": size,
            "unchanged": unchanged,
        }),
        Event::BuildStep(step) => {
            let (state, error, at) = match &step.state {
                StepState::Started => ("started", None, None),
                StepState::Done => ("done", None, None),
                StepState::Cached => ("cached", None, None),
                StepState::Failed(error, at) => ("failed", Some(error), at.as_ref()),
            };
            let at = at.map(|(file, line)| json!({ "file": file, "line": line }));
            json!({
                "event": "build-step", "target": { "id": step.target }, "number": step.number,
                "name": step.name, "state": state, "error": error, "place": at,
            })
        }
        Event::CleanedUp { target: of, removed, left } => json!({
            "event": "cleaned-up", "target": { "name": text(of) }, "removed": removed, "left": left,
        }),
        Event::Message { severity, place: at, text: words } => json!({
            "event": "message", "severity": severity_word(*severity), "place": place(at.as_ref()),
            "text": text(words),
        }),
        Event::RunEnded { status } => json!({ "event": "run-ended", "status": status }),
    };
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

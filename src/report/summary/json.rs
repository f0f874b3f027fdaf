//! A run as JSON, for programs: docs/reports.md has the schema. Knows nothing of how a run goes on.

use super::why;
use crate::base::events::StepState;
use crate::base::json;
use crate::report::events::{kind_word, outcome_word, phase_word, seconds, severity_word};
use crate::report::record::{Line, Process, Record, Span, Step, Target};
use serde_json::{Value, json};
use std::time::UNIX_EPOCH;

/// Version of the schema. It grows with every change that is not an addition.
pub const VERSION: u32 = 1;

fn place(place: Option<&Line>) -> Value {
    place.map_or(Value::Null, |place| json!({ "file": place.file, "line": place.number }))
}

fn process(process: &Process) -> Value {
    json!({
        "text": process.text,
        "place": place(process.place.as_ref()),
        "kind": kind_word(process.kind),
        "began": seconds(process.began),
        "seconds": process.took.map(seconds),
        "code": process.code,
        "signal": process.signal,
        "user": seconds(process.usage.user),
        "system": seconds(process.usage.system),
        "peak_memory": process.usage.peak_memory,
    })
}

fn step(step: &Step) -> Value {
    let (state, error, at) = match &step.state {
        StepState::Started => ("started", None, None),
        StepState::Done => ("done", None, None),
        StepState::Cached => ("cached", None, None),
        StepState::Failed(error, at) => ("failed", Some(error), at.as_ref()),
    };
    json!({
        "number": step.number,
        "name": step.name,
        "began": seconds(step.began),
        "ended": step.ended.map(seconds),
        "state": state,
        "error": error,
        "place": at.map(|(file, line)| json!({ "file": file, "line": line })),
    })
}

fn target(target: &Target) -> Value {
    let image = target.image.as_ref().map(|image| {
        json!({
            "tags": image.tags,
            "id": image.id,
            "size": image.size,
            "fresh": image.reasons.is_empty() && !image.built,
            "built": image.built,
        })
    });
    json!({
        "id": target.id,
        "name": target.name,
        "outcome": target.outcome.map_or("unfinished", outcome_word),
        "place": place(target.place.as_ref()),
        "why": why(target),
        "slot": target.slot,
        "began": seconds(target.began),
        "seconds": seconds(target.took()),
        "processes": target.processes.iter().map(process).collect::<Vec<_>>(),
        "image": image,
        "steps": target.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn span(span: &Span) -> Value {
    json!({
        "phase": phase_word(span.phase),
        "what": span.what,
        "began": seconds(span.began),
        "ended": span.ended.map(seconds),
    })
}

/// The report.
pub fn write(record: &Record) -> Vec<u8> {
    let messages = record.messages.iter().map(|message| {
        json!({
            "severity": severity_word(message.severity),
            "place": place(message.place.as_ref()),
            "text": message.text,
        })
    });
    let value = json!({
        "version": VERSION,
        "began": seconds(record.began.duration_since(UNIX_EPOCH).unwrap_or_default()),
        "seconds": record.end.map(|(took, _)| seconds(took)),
        "status": record.end.map(|(_, status)| status),
        "folder": record.folder,
        "goals": record.goals,
        "targets": record.targets.iter().map(target).collect::<Vec<_>>(),
        "messages": messages.collect::<Vec<_>>(),
        "removed": record.cleaned.0,
        "left": record.cleaned.1,
        "phases": record.spans.iter().map(span).collect::<Vec<_>>(),
    });
    json::pretty(&value)
}

//! A run's timeline as a Chrome trace ("Trace Event Format", JSON object form), which Perfetto opens: jobs by slot, the engine's steps,
//! and what imk itself was at. Knows nothing of how a run goes on.

use crate::base::{json, sorting};
use crate::report::events::{kind_word, phase_word};
use crate::report::record::{Record, Step};
use crate::report::summary::{result, why};
use serde_json::{Value, json};
use std::time::Duration;

/// A track: a process and a thread.
type Track = (u32, u32);

/// imk itself. A thread with its process's number is the process's first one to Perfetto, and 0 is no thread's number: it would show
/// what such a thread does within the first one's.
const IMK: Track = (1, 1);

/// A slot of jobs, beside imk.
fn slot_track(slot: u32) -> Track {
    (IMK.0, IMK.1 + 1 + slot)
}

/// A lane of the engine's steps: a process of its own, whose numbers no slot has.
fn lane_track(lane: u32) -> Track {
    const ENGINE: u32 = 1_000_000;
    (ENGINE, ENGINE + lane)
}

fn microseconds(time: Duration) -> Value {
    json!((time.as_secs_f64() * 1e9).round() / 1e3)
}

/// A stretch of time.
fn complete(
    name: &str,
    category: &str,
    (process, thread): Track,
    began: Duration,
    ended: Duration,
    arguments: Value,
) -> Value {
    json!({
        "ph": "X", "name": name, "cat": category, "pid": process, "tid": thread,
        "ts": microseconds(began), "dur": microseconds(ended.saturating_sub(began)), "args": arguments,
    })
}

fn named(what: &str, (process, thread): Track, name: &str) -> Value {
    json!({ "ph": "M", "name": what, "pid": process, "tid": thread, "args": { "name": name } })
}

/// Lanes for stretches that overlap: the number of each one's, so that no two in a lane do.
fn lanes(stretches: &[(Duration, Duration)]) -> Vec<u32> {
    let mut free_from: Vec<Duration> = Vec::new();
    let mut found = Vec::new();
    for &(began, ended) in stretches {
        let lane = free_from.iter().position(|&free| free <= began).unwrap_or_else(|| {
            free_from.push(Duration::ZERO);
            free_from.len() - 1
        });
        free_from[lane] = ended;
        found.push(lane as u32);
    }
    found
}

/// The trace.
pub fn write(record: &Record) -> Vec<u8> {
    let end = record.end.map_or(Duration::ZERO, |(took, _)| took);
    let mut events = vec![
        named("process_name", IMK, &format!("imk {}", record.goals.join(" "))),
        named("thread_name", IMK, "imk"),
    ];
    for span in &record.spans {
        let (name, ended) = (phase_word(span.phase), span.ended.unwrap_or(end));
        events.push(complete(name, "imk", IMK, span.began, ended, json!({ "what": span.what })));
    }
    let mut slots: Vec<u32> = record.targets.iter().filter_map(|target| target.slot).collect();
    slots.sort_unstable();
    slots.dedup();
    events.extend(slots.iter().map(|slot| named("thread_name", slot_track(*slot), &format!("slot {slot}"))));
    let mut steps: Vec<(&str, &Step)> = Vec::new();
    for target in &record.targets {
        let Some(slot) = target.slot else { continue };
        let thread = slot_track(slot);
        let arguments = json!({ "result": result(target), "why": why(target) });
        let ended = target.ended.unwrap_or(end);
        events.push(complete(&target.name, "target", thread, target.began, ended, arguments));
        for process in &target.processes {
            let ended = process.took.map_or(end, |took| process.began + took).min(ended);
            let arguments = json!({
                "code": process.code, "signal": process.signal, "kind": kind_word(process.kind),
                "user_s": process.usage.user.as_secs_f64(), "system_s": process.usage.system.as_secs_f64(),
                "peak_memory_bytes": process.usage.peak_memory,
            });
            events.push(complete(&process.text, "process", thread, process.began, ended, arguments));
        }
        steps.extend(target.steps.iter().map(|step| (target.name.as_str(), step)));
    }
    if !steps.is_empty() {
        events.push(named("process_name", lane_track(0), "engine"));
    }
    sorting::sort_by_key(&mut steps, |(_, step)| step.began);
    let stretches: Vec<_> = steps.iter().map(|(_, step)| (step.began, step.ended.unwrap_or(end))).collect();
    let lanes = lanes(&stretches);
    let used = lanes.iter().max().map_or(0, |most| most + 1);
    events.extend((0..used).map(|lane| named("thread_name", lane_track(lane), "steps")));
    for (((target, step), lane), (began, ended)) in steps.iter().zip(lanes).zip(stretches.iter().copied()) {
        let arguments = json!({ "target": target, "number": step.number });
        events.push(complete(&step.name, "step", lane_track(lane), began, ended, arguments));
    }
    let mut text = json::line(&json!({ "displayTimeUnit": "ms", "traceEvents": events }));
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_has_lanes_of_its_own() {
        let at = |began, ended| (Duration::from_secs(began), Duration::from_secs(ended));
        assert_eq!(lanes(&[at(0, 4), at(1, 2), at(2, 3), at(2, 9), at(4, 5)]), [0, 1, 1, 2, 0]);
    }
}

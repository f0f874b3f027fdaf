//! `--events`: the stream as docs/events.md has it, and that nothing else changes.

use std::collections::BTreeMap;
use std::fs;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::builder::Failure;
use crate::program;
use crate::run::{Invocation, Outcome, Workplace};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        a_run_is_told_in_order,
        jobs_that_run_at_once_have_slots_of_their_own,
        every_kind_and_field_is_documented,
        output_is_what_it_is_without,
        descriptors_take_the_lines_and_recipes_do_not_get_them,
        a_run_that_starts_again_goes_on,
        a_stream_that_cannot_be_opened_is_fatal,
        an_interrupted_run_is_told_to_its_end,
    ]
}

/// Runs imk with `args` on a makefile, and gives its outcome and what is in `events.json` then.
fn run(makefile: &str, args: &[&str]) -> Result<(Outcome, Vec<Value>), Failure> {
    let place = Workplace::new(&program::imk()).map_err(|error| error.to_string())?;
    fs::write(place.dir().join("Makefile"), makefile).map_err(|error| error.to_string())?;
    let invocation = Invocation { args: args.iter().map(Into::into).collect(), ..Invocation::default() };
    let outcome = place.run(&invocation).map_err(|error| error.to_string())?;
    let text = fs::read_to_string(place.dir().join("events.json")).unwrap_or_default();
    Ok((outcome, lines(&text)?))
}

fn lines(text: &str) -> Result<Vec<Value>, Failure> {
    text.lines().map(|line| serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))).collect()
}

/// An event as a word or two: what it is, the target, what came of it.
fn brief(event: &Value) -> String {
    let kind = event["event"].as_str().unwrap_or_default();
    let fields = ["phase", "outcome", "code", "status", "severity"];
    let target = event["target"]["name"].as_str().map(str::to_owned);
    let rest = fields.iter().filter_map(|&field| match &event[field] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    });
    [kind.to_owned()].into_iter().chain(target).chain(rest).collect::<Vec<_>>().join(" ")
}

fn equal(found: &[String], expected: &[&str]) -> Result<(), Failure> {
    if found == expected { Ok(()) } else { Err(format!("found {found:#?}\nexpected {expected:#?}")) }
}

const MAKEFILE: &str = "\
all: made bad held
\t@echo $@
made: old
\t@cp old made
old:
bad: ; @echo failing; exit 3
held: bad ; @echo no
";

fn a_run_is_told_in_order() -> Result<(), Failure> {
    let makefile = format!("{MAKEFILE}now := $(shell echo 1; touch old)\n$(warning odd)\n");
    let (outcome, events) = run(&makefile, &["-k", "--events=events.json"])?;
    let kept = events.iter().filter(|event| event["phase"] != "waiting").map(brief).collect::<Vec<_>>();
    equal(
        &kept,
        &[
            "run-started",
            "phase-started reading",
            "phase-started shell",
            "phase-ended shell",
            "message warning",
            "phase-ended reading",
            "phase-started remaking",
            "phase-ended remaking",
            "phase-started goals",
            "goals-started",
            "target-ended old up-to-date",
            "target-started made",
            "line-started made",
            "child-ended made 0",
            "target-ended made made",
            "target-started bad",
            "line-started bad",
            "child-ended bad 3",
            "message error",
            "target-ended bad failed",
            "target-ended held given-up",
            "target-ended all given-up",
            "message error",
            "phase-ended goals",
            "run-ended 2",
        ],
    )?;
    if outcome.stdout != b"failing\n" || outcome.status != "2" {
        return Err(format!("{outcome:?}"));
    }
    let of = |name: &str| events.iter().find(|event| event["event"] == name).cloned().unwrap_or_default();
    let (started, line, ended) = (of("target-started"), of("line-started"), of("child-ended"));
    let times: Vec<f64> = events.iter().filter_map(|event| event["at"].as_f64()).collect();
    let facts = [
        (times.len() == events.len() && times.is_sorted(), "times go forward"),
        (of("goals-started")["expected"] == 5, "five targets are expected"),
        (started["reason"]["why"] == "absent", "the reason is that it is absent"),
        (started["place"]["line"] == 4, "the recipe's place"),
        (line["text"] == "cp old made" && line["kind"] == "recipe", "the line's text"),
        (line["pid"] == ended["pid"] && ended["signal"] == 0, "the same process"),
        (ended["peak_memory"].as_u64() > Some(100_000), "the most memory it had"),
        (of("message")["place"]["line"] == 9 && of("message")["text"] == "odd", "the warning and its place"),
    ];
    let wrong: Vec<&str> = facts.into_iter().filter(|(held, _)| !held).map(|(_, fact)| fact).collect();
    if wrong.is_empty() { Ok(()) } else { Err(format!("not so: {wrong:?} in {events:#?}")) }
}

fn jobs_that_run_at_once_have_slots_of_their_own() -> Result<(), Failure> {
    // Each waits for the other: they run at once, or not at all. The third begins when one of them is over.
    let makefile = "all: a b c\na: ; @mkfifo p q; echo 1 > p; read x < q\nb: ; @while ! [ -p q ]; do :; done; \
        read x < p; echo 1 > q\nc: a b ; @:;:\n";
    let (outcome, events) = run(makefile, &["-j2", "--events=events.json"])?;
    let slots: BTreeMap<&str, u64> = events
        .iter()
        .filter(|event| event["event"] == "target-started")
        .filter_map(|event| Some((event["target"]["name"].as_str()?, event["slot"].as_u64()?)))
        .collect();
    if outcome.status == "0" && slots == BTreeMap::from([("a", 0), ("b", 1), ("c", 0)]) {
        Ok(())
    } else {
        Err(format!("{slots:?} {outcome:?}"))
    }
}

fn every_kind_and_field_is_documented() -> Result<(), Failure> {
    let documentation = include_str!("../../docs/events.md");
    let (_, events) = run(MAKEFILE, &["-k", "--events=events.json"])?;
    let mut missing = Vec::new();
    for event in &events {
        for (name, value) in event.as_object().into_iter().flatten() {
            let word = if name == "event" { value.as_str().unwrap_or_default() } else { name };
            if !documentation.contains(&format!("`{word}`")) {
                missing.push(word.to_owned());
            }
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(format!("docs/events.md lacks {missing:?}")) }
}

fn output_is_what_it_is_without() -> Result<(), Failure> {
    for args in [&["-k"][..], &["-j2", "-Otarget", "-k"], &["-n"], &["-q"], &["-t"], &["--trace"], &["none"]]
    {
        let (plain, _) = run(MAKEFILE, args)?;
        let (told, events) = run(MAKEFILE, &[args, &["--events=events.json"]].concat())?;
        if plain != told {
            return Err(format!("{args:?}: {plain:?} became {told:?}"));
        }
        if events.last().map(brief) != Some(format!("run-ended {}", plain.status)) {
            return Err(format!("{args:?}: the last event is {:?}", events.last()));
        }
    }
    Ok(())
}

fn descriptors_take_the_lines_and_recipes_do_not_get_them() -> Result<(), Failure> {
    let makefile = "all: ; @if (: >&7) 2>/dev/null; then echo open; else echo closed; fi\n\
        outer: ; @imk --no-print-directory all --events=fd:7 7>events.json\n";
    let (outcome, events) = run(makefile, &["outer"])?;
    if outcome.stdout != b"closed\n" || events.last().map(brief).as_deref() != Some("run-ended 0") {
        return Err(format!("{outcome:?} {events:?}"));
    }
    let (outcome, _) = run("all: ; @echo to err >&2\n", &["--events"])?;
    let text = String::from_utf8_lossy(&outcome.stderr).into_owned();
    let (own, others): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('{'));
    let own = lines(&own.join("\n"))?;
    match own.last().map(brief).as_deref() == Some("run-ended 0") && others == ["to err"] {
        true => Ok(()),
        false => Err(text),
    }
}

fn a_run_that_starts_again_goes_on() -> Result<(), Failure> {
    let makefile = "all: ; @:\ninclude more.mk\nmore.mk: ; @echo x=1 > $@\n\
        outer: ; @rm more.mk; imk --no-print-directory all --events=fd:8 8>events.json\n";
    for args in [&["all", "--events=events.json"][..], &["outer"]] {
        let (outcome, events) = run(makefile, args)?;
        let starts: Vec<&Value> = events.iter().filter(|event| event["event"] == "run-started").collect();
        let restarts: Vec<u64> = starts.iter().filter_map(|event| event["restarts"].as_u64()).collect();
        if restarts != [0, 1] || events.last().map(brief).as_deref() != Some("run-ended 0") {
            return Err(format!("{outcome:?} {events:#?}"));
        }
    }
    Ok(())
}

fn a_stream_that_cannot_be_opened_is_fatal() -> Result<(), Failure> {
    for (to, words) in [("none/x", "No such file or directory"), ("fd:77", "Bad file descriptor")] {
        let (outcome, _) = run("all: ; @echo ran\n", &[&format!("--events={to}")])?;
        let expected = format!("imk: *** {to}: {words}.  Stop.\n");
        if outcome.stderr != expected.as_bytes() || outcome.status != "2" || !outcome.stdout.is_empty() {
            return Err(format!("{outcome:?}"));
        }
    }
    Ok(())
}

fn an_interrupted_run_is_told_to_its_end() -> Result<(), Failure> {
    let (outcome, events) = run("all: ; @kill -TERM $$PPID; exec sleep 60\n", &["--events=events.json"])?;
    let found: Vec<String> = events.iter().filter(|event| event["phase"].is_null()).map(brief).collect();
    let found: Vec<String> = found.into_iter().skip_while(|event| event != "line-started all").collect();
    if outcome.status != "signal 15" {
        return Err(format!("{outcome:?}"));
    }
    equal(
        &found,
        &[
            "line-started all",
            "child-ended all 0",
            "message error",
            "target-ended all failed",
            "run-ended 143",
        ],
    )
}

//! Each system call that imk makes fails in turn, with each error that it can fail with, by `strace`'s fault injection into the
//! program itself (not into what it starts). What it makes is recorded first: a call that is neither made to fail nor excused fails
//! the test, and so does a fault that hits nothing.

mod calls;
mod record;
mod works;

use std::collections::BTreeSet;
use std::fs;
use std::sync::OnceLock;

use libtest_mimic::Trial;

use crate::figures::count;
use crate::scene::words;
use crate::{Failure, scale};
use calls::{FAULTS, Fault, OTHERS};
use record::{Record, injected};
pub use works::IMAGES;
use works::{Hit, RESULT, WORKS, Work, plain, plain_holds};

pub fn trials() -> Vec<Trial> {
    let runs = |program: &str, words: &[&str]| {
        let mut command = std::process::Command::new(program);
        command.args(words).stdout(std::process::Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let can_trace = runs("strace", &["-qq", "-o", "/dev/null", "true"]);
    let mut traced: Vec<Trial> = crate::trials![every_call_is_known, faults_of_looks_at_an_included_makefile];
    traced.extend(FAULTS.iter().map(|fault| {
        let name = format!("injection::faults_of_{}", fault.names[0]);
        Trial::test(name, || faults_of(fault).map_err(libtest_mimic::Failed::from))
    }));
    let mut trials: Vec<Trial> =
        traced.into_iter().map(|trial| trial.with_ignored_flag(!can_trace)).collect();
    let compiled: Vec<Trial> = crate::trials![closes_that_fail];
    let can_compile = runs("cc", &["--version"]);
    trials.extend(compiled.into_iter().map(|trial| trial.with_ignored_flag(!can_compile)));
    trials
}

/// The calls that imk makes in each work.
fn records() -> Result<&'static [Record], Failure> {
    static RECORDS: OnceLock<Result<Vec<Record>, Failure>> = OnceLock::new();
    let made = || WORKS.iter().map(record).collect::<Result<Vec<Record>, Failure>>();
    RECORDS.get_or_init(made).as_deref().map_err(Clone::clone)
}

fn record(work: &Work) -> Result<Record, Failure> {
    let place = (work.scene)()?;
    let log = place.daemon.path().join("trace").to_string_lossy().into_owned();
    let words = [&["strace", "-f", "-qq", "-o", &log, "imk"], work.arguments].concat();
    let outcome = (work.run)(&place, &words)?;
    let held = (work.hold)(&place, &outcome, &Hit::default());
    held.map_err(|failure| format!("{}: {failure}; after {outcome:?}", work.name))?;
    Ok(Record::of(&fs::read_to_string(&log).unwrap_or_default()))
}

fn every_call_is_known() -> Result<(), Failure> {
    let made: BTreeSet<&str> = records()?.iter().flat_map(Record::names).collect();
    let known: BTreeSet<&str> = FAULTS
        .iter()
        .flat_map(|fault| fault.names)
        .chain(OTHERS.iter().flat_map(|(names, _)| *names))
        .copied()
        .collect();
    let unknown: Vec<&&str> = made.difference(&known).collect();
    if !unknown.is_empty() {
        return Err(format!("made, and neither among FAULTS nor OTHERS: {unknown:?}"));
    }
    let tried = FAULTS.iter().flat_map(|fault| fault.names).filter(|name| made.contains(**name)).count();
    count("kinds of system calls made to fail", tried as u64);
    if tried < 40 { Err(format!("{tried} kinds of calls are made to fail")) } else { Ok(()) }
}

/// One fault to try.
#[derive(Clone, Copy)]
struct Try {
    work: &'static Work,
    call: &'static str,
    error: &'static str,
    /// Which of the calls of this name; of each process and thread alike where it is one of the others'.
    when: usize,
    /// Whether all that come after it fail, too.
    lasts: bool,
    /// Whether it is one of children that run no program yet, and of threads.
    of_others: bool,
}

/// Which occurrences of a call are tried, for each work: all where there is time, else `most` of all works', far from one another.
fn tries(fault: &Fault, records: &[Record], error: &'static str, most: usize) -> Vec<Try> {
    let mut all = Vec::new();
    for (work, record) in WORKS.iter().zip(records) {
        for &call in fault.names {
            let made = record.process.get(call).copied().unwrap_or(0);
            // The first is that of imk's own start.
            let first = if call == "execve" { 2 } else { 1 };
            all.extend((first..=made).map(|when| Try {
                work,
                call,
                error,
                when,
                lasts: false,
                of_others: false,
            }));
            let by_others = record.others.get(call).copied().unwrap_or(0);
            if by_others > 0 && (made == 0 || call == "execve") {
                all.push(Try { work, call, error, when: 1, lasts: false, of_others: true });
            }
        }
    }
    // A disk that is dead stays so, and so does a filter of system calls. The first half of the calls is of the start, in good part.
    // What is interrupted is tried again, so that no end would be of it.
    let lasting: Vec<Try> = all
        .iter()
        .filter(|each| error != "EINTR" && !each.of_others)
        .map(|each| Try { lasts: true, ..*each })
        .collect();
    let number = fault.errors.iter().position(|other| *other == error).unwrap_or(0);
    let lasting: Vec<Try> = match lasting.len() {
        0 => Vec::new(),
        length => {
            (1..=most.div_ceil(6)).map(|part| lasting[(length * part / 2 + number * 7) % length]).collect()
        }
    };
    let stride = all.len().div_ceil(most.max(1)).max(1);
    // Each error has occurrences of its own.
    let start = number * stride / fault.errors.len();
    all.into_iter().skip(start).step_by(stride).chain(lasting).collect()
}

/// Makes each of a row's calls fail with each of its errors, and holds the works to what they must come to.
fn faults_of(fault: &Fault) -> Result<(), Failure> {
    let records = records()?;
    let mut failures = Vec::new();
    for &error in fault.errors {
        let mut hits = 0;
        for each in tries(fault, records, error, 6 * scale()) {
            match try_one(each) {
                Ok(was_hit) => hits += usize::from(was_hit),
                Err(failure) => {
                    hits += 1;
                    failures.push(format!(
                        "{} {error} number {}{} of {}: {failure}",
                        each.call,
                        each.when,
                        if each.lasts { " and all after" } else { "" },
                        each.work.name
                    ));
                }
            }
        }
        count("faults of system calls", hits as u64);
        if hits == 0 {
            failures.push(format!("{} {error} hits nothing: no work makes such a call", fault.names[0]));
        }
    }
    let told: Vec<String> = failures.iter().map(|failure| failure.chars().take(1500).collect()).collect();
    if told.is_empty() { Ok(()) } else { Err(told.join("\n")) }
}

/// Tries one fault; false where the call was not made this time.
fn try_one(each: Try) -> Result<bool, Failure> {
    let Try { work, call, error, when, lasts, of_others } = each;
    let place = (work.scene)()?;
    let log = place.daemon.path().join("trace").to_string_lossy().into_owned();
    // The kernel says no to a program's break by the break as it is: none that is asked for.
    let what = if call == "brk" { "retval=0".to_owned() } else { format!("error={error}") };
    let plus = if lasts { "+" } else { "" };
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{what}:when={when}{plus}"));
    let mut line = vec!["strace", "-qq", "-o", &log, "-e", &trace, "-e", &inject];
    if of_others {
        // Children are let go when they run their program.
        line.extend(["-f", "-b", "execve"]);
        if call == "execve" {
            // Not imk's own start.
            line.extend(["-P", "/bin/sh"]);
        }
    }
    line.push("imk");
    line.extend(work.arguments);
    let found = (work.run)(&place, &line);
    let text = fs::read_to_string(&log).unwrap_or_default();
    let lines = injected(&text);
    if lines.is_empty() {
        return found.map(|_| false);
    }
    // A call that makes no file needs no room for one, and none on a disk that can't be written.
    let makes_file =
        |line: &&str| line.contains("O_CREAT") || line.contains("O_WRONLY") || line.contains("O_RDWR");
    if matches!(error, "ENOSPC" | "EROFS" | "ETXTBSY")
        && call.starts_with("open")
        && !lines.iter().any(makes_file)
    {
        return Ok(true);
    }
    let outcome = found?;
    let hit = Hit { call, error, lines: lines.iter().map(|line| (*line).to_owned()).collect() };
    // The loader's end, before imk's own first instruction.
    let of_loader = ["error while loading shared libraries", "cannot allocate TLS data structures"];
    if outcome.status == "127" && of_loader.iter().any(|words| outcome.stderr.contains(words))
        || hit.is_of_memory() && when == 1 && outcome.status == "signal 11"
    {
        return Ok(true);
    }
    let is_expected = work.ends.contains(&outcome.status.as_str())
        // Standard output that nobody reads ends a run as it ends any program.
        || error == "EPIPE" && outcome.status == "signal 13"
        // As of GNU make's, after a recipe that failed, too.
        || outcome.status == "1" && outcome.stderr.contains("write error: stdout")
        // It can't send the signal to itself.
        || call == "kill" && outcome.status == "143"
        // Memory that can't be had ends any program of Rust.
        || hit.is_of_memory() && outcome.status == "signal 6" && outcome.stderr.contains("memory allocation of");
    if !is_expected {
        return Err(format!("{outcome:?} after {lines:?}"));
    }
    let held = (work.hold)(&place, &outcome, &hit);
    held.map(|()| true).map_err(|failure| format!("{failure}; after {outcome:?} by {lines:?}"))
}

/// Each look at the makefile that is included and remade fails: it is read all the same, or the run says that it can't.
fn faults_of_looks_at_an_included_makefile() -> Result<(), Failure> {
    for arguments in [&[][..], &["-j3", "-Otarget"]] {
        for error in ["EIO", "ENOMEM", "EMFILE"] {
            for when in 1..100 {
                let place = plain()?;
                let inject = format!("inject=?newfstatat,?stat,?statx:error={error}:when={when}");
                let log = place.daemon.path().join("trace");
                let log = log.to_string_lossy();
                let looks = ["-e", "trace=?newfstatat,?stat,?statx", "-e", &inject, "-P", "gen.mk"];
                let own = [&["strace", "-qq", "-o", &log], &looks[..], &["imk"], arguments].concat();
                let outcome = place.run(&own)?;
                if injected(&fs::read_to_string(&*log).unwrap_or_default()).is_empty() {
                    break;
                }
                count("faults of system calls", 1);
                if outcome.status == "0" && place.read("c.txt").as_deref() != Some(RESULT) {
                    return Err(format!("{error} {when}: a success that made {:?}", place.read("c.txt")));
                }
                let held = plain_holds(&place, &outcome, &Hit::default());
                held.map_err(|failure| format!("{error} {when}: {failure}"))?;
            }
        }
    }
    Ok(())
}

/// Closes, and says that it failed, at the close whose number `CLOSE_FAILS` is: so does Linux where a disk tells late what it could
/// not write. `strace` can't, since what it has fail is not done.
const CLOSE: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int close(int descriptor) {
    static int number;
    int result = syscall(SYS_close, descriptor);
    const char *which = getenv("CLOSE_FAILS");
    if (result || !which || ++number != atoi(which)) return result;
    int hit = syscall(SYS_openat, AT_FDCWD, getenv("CLOSE_HIT"), O_CREAT | O_WRONLY, 0600);
    if (hit >= 0) syscall(SYS_close, hit);
    errno = EIO;
    return -1;
}
"#;

fn closes_that_fail() -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(words)?;
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (source, object, hit_file) = (path("close.c"), path("close.so"), path("hit"));
    fs::write(&source, CLOSE).map_err(words)?;
    let mut compiler = std::process::Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o", &object, &source]);
    if !compiler.status().map_err(words)?.success() {
        return Err("it does not compile".to_owned());
    }
    let mut failures = Vec::new();
    for work in WORKS.iter().filter(|work| !work.arguments.contains(&"--watch")) {
        let (mut when, mut hits) = (1, 0);
        loop {
            let _ = fs::remove_file(&hit_file);
            let place = (work.scene)()?;
            let variables = [
                format!("LD_PRELOAD={object}"),
                format!("CLOSE_FAILS={when}"),
                format!("CLOSE_HIT={hit_file}"),
            ];
            let mut line = vec!["env"];
            line.extend(variables.iter().map(String::as_str));
            line.push("imk");
            line.extend(work.arguments);
            let outcome = (work.run)(&place, &line)?;
            if !fs::exists(&hit_file).unwrap_or(false) {
                break;
            }
            hits += 1;
            let hit = Hit { call: "close", error: "EIO", lines: Vec::new() };
            if let Err(failure) = (work.hold)(&place, &outcome, &hit) {
                failures.push(format!("close number {when} of {}: {failure}; after {outcome:?}", work.name));
            }
            when += if scale() > 1 || when < 4 { 1 } else { 9 };
        }
        count("faults of system calls", hits);
        if hits == 0 {
            failures.push(format!("no close of {} was hit", work.name));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

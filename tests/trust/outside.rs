//! What befalls a run from outside while it goes on: an engine that dies at any question or is restarted in mid-build, a clock that
//! jumps, a folder that vanishes or can't be written, a disk that is full, other runs and sub-makes beside it.

use std::fs;
use std::process::{Command, Stdio};

use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::daemon::Manner;
use crate::figures::count;
use crate::injection::IMAGES;
use crate::scene::{Outcome, Scene, equal, words};
use crate::{Failure, scale};

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = crate::trials![
        an_engine_that_dies_at_any_question,
        an_engine_that_is_restarted_in_mid_build,
        a_folder_that_vanishes,
        runs_and_sub_makes_side_by_side,
    ];
    let compiled: Vec<Trial> = crate::trials![a_clock_that_jumps];
    let no_compiler = !succeeds(&["cc", "--version"]);
    trials.extend(compiled.into_iter().map(|trial| trial.with_ignored_flag(no_compiler)));
    let mounted: Vec<Trial> = crate::trials![a_folder_that_cannot_be_written, a_disk_that_is_full];
    let may_not_mount = !succeeds(&["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
    trials.extend(mounted.into_iter().map(|trial| trial.with_ignored_flag(may_not_mount)));
    trials
}

/// Whether a command is there and succeeds.
pub fn succeeds(words: &[&str]) -> bool {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The user's container, which nothing may touch.
pub fn with_mine(makefile: &str) -> Result<Scene, Failure> {
    let place = Scene::new(makefile, Manner::Well)?;
    fs::write(place.daemon.path().join("container-mine"), "ab".repeat(32)).map_err(words)?;
    Ok(place)
}

/// What the engine has besides the user's container.
pub fn left(place: &Scene) -> Result<Vec<String>, Failure> {
    let mut things = place.daemon.things();
    let own =
        things.iter().position(|thing| thing == "container-mine").ok_or("the user's container is gone")?;
    things.remove(own);
    Ok(things)
}

/// After whatever befell a run: what it left on the engine was told, and the next one is right.
pub fn holds(place: &Scene, outcome: &Outcome) -> Result<(), Failure> {
    let ways = ["is not removed: ", "is left: ", "may be left"];
    let told = |outcome: &Outcome| ways.iter().any(|words| outcome.stderr.contains(words));
    let reaped = place.imk(&["--reap"])?;
    let left_over = left(place)?;
    if !left_over.is_empty() && !told(outcome) && !told(&reaped) {
        return Err(format!("left and not told: {left_over:?} after {outcome:?} and {reaped:?}"));
    }
    // What was told people remove.
    for thing in left_over {
        let _ = fs::remove_file(place.daemon.path().join(thing));
    }
    for mark in ["fail-cp", "fail-copy", "block-cp"] {
        let _ = fs::remove_file(place.daemon.path().join(mark));
    }
    let next = place.imk(&[])?;
    equal(&format!("the next run: {next:?}"), next.status.as_str(), "0")?;
    equal("things after it", left(place)?, Vec::new())?;
    let journals: Vec<_> = fs::read_dir(place.dir().join(".imk")).into_iter().flatten().flatten().collect();
    equal(&format!("files after it, {journals:?}, {reaped:?}"), place.litter(), Vec::new())
}

/// The engine answers this many questions, and is gone.
fn an_engine_that_dies_at_any_question() -> Result<(), Failure> {
    for fails in [false, true] {
        for answered in 0..16 * scale().min(4) {
            let mut place = with_mine(IMAGES)?;
            place.daemon.listen("bad.sock", Manner::StopsAfter(answered)).map_err(words)?;
            place.socket = "bad.sock";
            if fails {
                place.daemon.mark("fail-cp").map_err(words)?;
            }
            let outcome = place.imk(&[])?;
            let what = format!("after {answered} answers: {outcome:?}");
            equal(&what, outcome.status.as_str(), if fails { "2" } else { "0" })?;
            // It comes back where it was.
            fs::remove_file(place.daemon.path().join(place.socket)).map_err(words)?;
            place.daemon.listen(place.socket, Manner::Well).map_err(words)?;
            holds(&place, &outcome).map_err(|failure| format!("{what}: {failure}"))?;
            count("engines that fail", 1);
        }
    }
    Ok(())
}

/// The engine's socket goes away while a command runs, and is there again before the run is interrupted.
fn an_engine_that_is_restarted_in_mid_build() -> Result<(), Failure> {
    for signal in [Signal::INT, Signal::TERM] {
        let place = with_mine(IMAGES)?;
        place.daemon.mark("block-cp").map_err(words)?;
        let mut child = place.command(&["imk"]).spawn().map_err(words)?;
        place.daemon.wait_until_blocked().map_err(words)?;
        fs::remove_file(place.daemon.path().join(place.socket)).map_err(words)?;
        place.daemon.listen(place.socket, Manner::Well).map_err(words)?;
        let pid = Pid::from_raw(child.id().cast_signed()).ok_or("no process")?;
        kill_process_group(pid, signal).map_err(|error| error.to_string())?;
        let outcome = place.wait(&mut child)?;
        equal(&format!("things after {outcome:?}"), left(&place)?, Vec::new())?;
        holds(&place, &outcome)?;
        count("engines that fail", 1);
    }
    Ok(())
}

/// A recipe removes the folder that it runs in, journal and all.
fn a_folder_that_vanishes() -> Result<(), Failure> {
    let makefile = "\
all:
\t@docker create --name app x
\t@rm -rf ../dir
\t@docker cp app:/x .
\t@docker rm app
";
    let place = with_mine(makefile)?;
    place.daemon.mark("fail-cp").map_err(words)?;
    let outcome = place.imk(&[])?;
    equal(&format!("{outcome:?}"), outcome.status.as_str(), "2")?;
    equal(&format!("things after {outcome:?}"), left(&place)?, Vec::new())?;
    count("folders and disks that fail", 1);
    Ok(())
}

/// Runs a script as root of its own file systems, in the scene's folder.
fn with_mounts(place: &Scene, script: &str) -> Result<Outcome, Failure> {
    count("folders and disks that fail", 1);
    place.run(&["unshare", "--mount", "sh", "-ec", script])
}

fn a_folder_that_cannot_be_written() -> Result<(), Failure> {
    let script = "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && exec imk";
    for fails in [false, true] {
        let place = with_mine(IMAGES)?;
        if fails {
            place.daemon.mark("fail-cp").map_err(words)?;
        }
        let outcome = with_mounts(&place, script)?;
        let what = format!("{outcome:?}");
        equal(&what, outcome.status.as_str(), if fails { "2" } else { "0" })?;
        holds(&place, &outcome).map_err(|failure| format!("{what}: {failure}"))?;
    }
    let place = Scene::new("out: in\n\tcp in out\n", Manner::Well)?;
    let outcome = with_mounts(&place, script)?;
    equal(&format!("{outcome:?}"), outcome.status.as_str(), "2")?;
    equal("the user's file", place.read("in").as_deref(), Some("input\n"))?;
    equal("what is there", place.read("out"), None)
}

fn a_disk_that_is_full() -> Result<(), Failure> {
    let script = "mkdir ../full; mount -t tmpfs -o size=64k tmpfs ../full; cp Makefile in ../full; cd ../full; \
        dd if=/dev/zero of=fill bs=1k 2>/dev/null || true; imk $FLAGS; status=$?; cat out 2>/dev/null || true; exit $status";
    for flags in ["", "-j2 -O"] {
        for fails in [false, true] {
            let place = with_mine(IMAGES)?;
            if fails {
                place.daemon.mark("fail-cp").map_err(words)?;
            }
            let outcome = with_mounts(&place, &script.replace("$FLAGS", flags))?;
            let what = format!("{flags}: {outcome:?}");
            equal(&what, outcome.status.as_str(), if fails { "2" } else { "0" })?;
            let _ = fs::remove_dir(place.dir().join("../full"));
            holds(&place, &outcome).map_err(|failure| format!("{what}: {failure}"))?;
        }
    }
    // What could be written of a target goes, as with GNU make.
    let makefile = ".DELETE_ON_ERROR:\nout: in\n\t@yes | head -c 200000 >out\n";
    let place = Scene::new(makefile, Manner::Well)?;
    let outcome = with_mounts(&place, &script.replace("$FLAGS", ""))?;
    equal(&format!("{outcome:?}"), (outcome.status.as_str(), outcome.stdout.as_str()), ("2", ""))
}

/// Says another time of day at each question, hours before and after the true one.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    static int asked;
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    if (clock == CLOCK_REALTIME) time->tv_sec += (asked++ % 5 - 2) * 7200;
    return result;
}
"#;

/// Has a program's clock jump: `LD_PRELOAD=…`.
pub fn jumping_clock(place: &Scene) -> Result<String, Failure> {
    place.preloaded(CLOCK)
}

fn a_clock_that_jumps() -> Result<(), Failure> {
    let files = "all: a b\n\t@cat a b >$@\na b: in\n\t@cp in $@\n";
    let place = Scene::new(files, Manner::Well)?;
    let preload = jumping_clock(&place)?;
    for _ in 0..2 {
        let outcome = place.run(&["env", &preload, "imk", "-j2"])?;
        equal(&format!("{outcome:?}"), outcome.status.as_str(), "0")?;
        equal("what was made", place.read("all").as_deref(), Some("input\ninput\n"))?;
    }
    for signal in [None, Some(Signal::INT), Some(Signal::KILL)] {
        let place = with_mine(IMAGES)?;
        let preload = jumping_clock(&place)?;
        place.daemon.mark(if signal.is_some() { "block-cp" } else { "fail-cp" }).map_err(words)?;
        let mut child = place.command(&["env", &preload, "imk"]).spawn().map_err(words)?;
        let outcome = match signal {
            None => place.wait(&mut child)?,
            Some(signal) => {
                place.daemon.wait_until_blocked().map_err(words)?;
                let pid = Pid::from_raw(child.id().cast_signed()).ok_or("no process")?;
                kill_process_group(pid, signal).map_err(|error| error.to_string())?;
                place.wait(&mut child)?
            }
        };
        let reaped = place.run(&["env", &preload, "imk", "--reap"])?;
        equal(&format!("things after {outcome:?} and {reaped:?}"), left(&place)?, Vec::new())?;
        holds(&place, &outcome)?;
        count("clocks that jump", 1);
    }
    Ok(())
}

/// Two runs with sub-makes in one folder, one of which is killed at any moment: the other is right, and what the first left goes.
fn runs_and_sub_makes_side_by_side() -> Result<(), Failure> {
    let makefile = "\
all: below-$(N)
\t@docker build --tag app:$(N) .
\t@docker create --name app-$(N) app:$(N)
\t@cp in out-$(N).new && mv out-$(N).new out-$(N)
\t@docker rm app-$(N)
\t@docker rmi app:$(N)
below-$(N):
\t@$(MAKE) -f below.mk
.PHONY: all below-$(N)
";
    let below = "\
all:
\t@docker create --name below-$(N) x
\t@docker cp below-$(N):/x .
\t@docker rm below-$(N)
";
    for round in 0..6 * scale() {
        let place = with_mine(makefile)?;
        place.write("below.mk", below)?;
        let mut first = place.command(&["imk", "-j2", "N=a"]).spawn().map_err(words)?;
        let second = place.command(&["imk", "-j2", "N=b"]).spawn().map_err(words)?;
        std::thread::sleep(std::time::Duration::from_millis(fastrand::u64(0..80)));
        if round % 2 == 0 {
            let pid = Pid::from_raw(first.id().cast_signed()).ok_or("no process")?;
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let status = first.wait().map_err(words)?;
        let second = second.wait_with_output().map_err(words)?;
        let what = format!("{status}, the second {second:?}");
        equal(&what, second.status.code(), Some(0))?;
        equal("what the second made", place.read("out-b").as_deref(), Some("input\n"))?;
        if round % 2 != 0 {
            equal("the first", status.code(), Some(0))?;
            equal("what the first made", place.read("out-a").as_deref(), Some("input\n"))?;
        }
        let next = place.imk(&["N=a"])?;
        equal(&format!("the next run: {next:?}; {what}"), next.status.as_str(), "0")?;
        equal("things", left(&place)?, Vec::new())?;
        equal("journals", place.dir().join(".imk").exists(), false)?;
        count("runs beside one another", 2);
    }
    Ok(())
}

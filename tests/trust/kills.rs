//! Ends that come at any moment: SIGKILL to imk or to all its processes, signals that it handles, two runs at once.

use std::process::Child;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::daemon::Manner;
use crate::figures::count;
use crate::scene::{Scene, equal, words};
use crate::{Failure, scale};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        killed_while_files_are_made,
        killed_while_images_are_made,
        interrupted_while_targets_are_half_written,
        two_runs_in_one_folder,
    ]
}

/// Rules that take their time, and put their targets in place whole.
const WHOLE: &str = "\
all: a b c
\t@sleep 0.01; cat a b c >$@.new; mv $@.new $@
a b c: in
\t@sleep 0.01; cat in >$@.new; sleep 0.01; mv $@.new $@
";

/// Rules that write their targets bit by bit.
const HALF: &str = "\
all: a b c
\t@printf 'half ' >$@; sleep 0.02; printf 'done\\n' >>$@
a b c: in
\t@printf 'half ' >$@; sleep 0.02; printf 'done\\n' >>$@
";

const IMAGES: &str = "\
all: files
\t@docker build --tag app:t .
\t@sleep 0.01
\t@docker create --name app-t app:t && sleep 0.01
\t@docker cp app-t:/x .
\t@docker rm app-t
\t@docker rmi app:t
files:
\t@$(MAKE) -f in.mk
";
const BELOW: &str = "\
all:
\t@docker create --name below x
\t@sleep 0.01
\t@docker rm below
";

/// Sends `signal` to the run's processes, or to imk alone.
fn send(child: &Child, signal: Signal, all: bool) -> Result<(), Failure> {
    let pid = Pid::from_raw(child.id().cast_signed()).ok_or("no process")?;
    let sent = if all { kill_process_group(pid, signal) } else { kill_process(pid, signal) };
    // It may have ended by itself.
    sent.or_else(|error| if error == rustix::io::Errno::SRCH { Ok(()) } else { Err(error.to_string()) })
}

/// How long a run takes that nothing befalls.
fn duration(makefile: &str) -> Result<Duration, Failure> {
    let place = scene(makefile)?;
    let start = Instant::now();
    equal("a run that nothing befalls", place.imk(&["-j2"])?.status.as_str(), "0")?;
    Ok(start.elapsed())
}

fn scene(makefile: &str) -> Result<Scene, Failure> {
    let place = Scene::new(makefile, Manner::Well)?;
    place.write("in.mk", BELOW)?;
    Ok(place)
}

/// Starts a run, and after any part of `duration` sends it `signal`. What imk alone was told to leave is waited for.
fn strike(place: &Scene, duration: Duration, signal: Signal, all: bool) -> Result<String, Failure> {
    let mut child = place.command(&["imk", "-j2"]).spawn().map_err(words)?;
    std::thread::sleep(duration.mul_f64(fastrand::f64() * 1.1));
    send(&child, signal, all)?;
    let status = match signal {
        Signal::KILL => {
            let status = child.wait().map_err(words)?;
            let deadline = Instant::now() + Duration::from_secs(20);
            while !place.processes().is_empty() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            format!("{status}")
        }
        _ => place.wait(&mut child)?.status,
    };
    count(if signal == Signal::KILL { "kills survived" } else { "interruptions" }, 1);
    Ok(status)
}

fn killed_while_files_are_made() -> Result<(), Failure> {
    let usual = duration(WHOLE)?;
    for round in 0..20 * scale() {
        let place = scene(WHOLE)?;
        for _ in 0..2 {
            strike(&place, usual, Signal::KILL, round % 2 == 0)?;
        }
        let next = place.imk(&["-j2"])?;
        equal("the next run", (next.status.as_str(), next.stderr.as_str()), ("0", ""))?;
        equal("what it made", place.read("all").as_deref(), Some("input\ninput\ninput\n"))?;
    }
    Ok(())
}

fn killed_while_images_are_made() -> Result<(), Failure> {
    let usual = duration(IMAGES)?;
    for round in 0..20 * scale() {
        let place = scene(IMAGES)?;
        std::fs::write(place.daemon.path().join("container-mine"), "ab".repeat(32)).map_err(words)?;
        for _ in 0..2 {
            strike(&place, usual, Signal::KILL, round % 2 == 0)?;
        }
        let next = place.imk(&[])?;
        equal(&format!("the next run: {next:?}"), next.status.as_str(), "0")?;
        equal("things", place.daemon.things(), vec!["container-mine".to_owned()])?;
        equal("journals", place.dir().join(".imk").exists(), false)?;
    }
    Ok(())
}

fn interrupted_while_targets_are_half_written() -> Result<(), Failure> {
    let usual = duration(HALF)?;
    let signals = [Signal::INT, Signal::TERM, Signal::HUP];
    for round in 0..30 * scale() {
        let place = scene(HALF)?;
        let signal = signals[round % signals.len()];
        // As from a terminal. To make alone, and so to imk alone, SIGINT has a recipe go on writing to a target that is deleted.
        let status = strike(&place, usual, signal, true)?;
        for name in ["all", "a", "b", "c"] {
            let there = place.read(name);
            if there.as_deref().is_some_and(|text| text != "half done\n") {
                return Err(format!("{name} is {there:?} after {signal:?}, {status}"));
            }
        }
        let next = place.imk(&["-j2"])?;
        equal("the next run", (next.status.as_str(), next.stderr.as_str()), ("0", ""))?;
        equal("what it made", place.read("all").as_deref(), Some("half done\n"))?;
        equal("left", place.litter(), Vec::new())?;
    }
    Ok(())
}

/// The second run's container is refused by the engine, since the first has that name: it ends, and leaves the first's alone.
fn two_runs_in_one_folder() -> Result<(), Failure> {
    let makefile = "all:\n\t@docker create --name app x\n\t@docker cp app:/x .\n\t@docker rm app\n";
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let place = scene(makefile)?;
        place.daemon.mark("block-cp").map_err(words)?;
        let mut first = place.command(&["imk"]).spawn().map_err(words)?;
        place.daemon.wait_until_blocked().map_err(words)?;
        let second = place.command(&["imk"]).output().map_err(words)?;
        equal("the second run", second.status.code(), Some(2))?;
        equal("the first's container", place.daemon.things(), vec!["container-app".to_owned()])?;
        let reaping = place.command(&["imk", "--reap"]).output().map_err(words)?;
        equal("reaping beside a live run", reaping.status.code(), Some(0))?;
        equal("the first's container", place.daemon.things(), vec!["container-app".to_owned()])?;
        send(&first, signal, true)?;
        match signal {
            Signal::KILL => drop(first.wait().map_err(words)?),
            _ => drop(place.wait(&mut first)?),
        }
        std::fs::remove_file(place.daemon.path().join("block-cp")).map_err(words)?;
        let next = place.imk(&[])?;
        equal(&format!("the next run: {next:?}"), next.status.as_str(), "0")?;
        equal("things", place.daemon.things(), Vec::new())?;
        count("runs beside one another", 2);
    }
    Ok(())
}

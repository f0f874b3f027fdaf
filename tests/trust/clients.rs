//! What befalls a run through an engine's client, or through git: programs that fail, die, print garbage, nothing or hundreds of
//! megabytes, that lie, name options for ids, hang, or leave a child that holds their streams open, at any question. After each: in
//! 1 GB of memory and in time, with the right status, the user's things and the next run are as if nothing had been, no process is
//! left, and what is left on the engine was told.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process};

use crate::daemon::Manner;
use crate::figures::count;
use crate::injection::IMAGES;
use crate::outside::{holds, left, succeeds, with_mine};
use crate::scene::{Outcome, Scene, equal, words};
use crate::stub::{self, Fault};
use crate::{Failure, scale};

const COUNTED: &str = "clients that fail, hang, lie";
/// How long a run may take whose clients all come to an end.
const SOON: Duration = Duration::from_secs(30);
/// How long a run may take to end that was told to.
const AT_ONCE: Duration = Duration::from_secs(2);
/// Runs imk in 1 GB of memory.
const IN_A_GIGABYTE: [&str; 4] = ["sh", "-c", "ulimit -v 1048576 && exec imk \"$@\"", "imk"];

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = crate::trials![
        podman_at_any_question,
        docker_behind_an_address_at_any_question,
        buildah_at_any_question,
        ids_that_are_options_reach_no_command,
        removals_of_nothing_are_told,
        a_client_that_hangs_is_given_up_for_a_signal,
        a_client_that_always_hangs_is_given_up_for_a_second_signal,
        git_that_floods,
        git_that_hangs_is_given_up_for_a_signal,
        an_archive_without_end,
        buildx_that_hangs,
    ];
    let compiled: Vec<Trial> = crate::trials![a_client_that_hangs_is_waited_for_in_measure];
    let no_compiler = !succeeds(&["cc", "--version"]);
    trials.extend(compiled.into_iter().map(|trial| trial.with_ignored_flag(no_compiler)));
    trials
}

/// A scene whose recipe makes and removes a container and an image by `client`, which this program is.
fn scene(client: &str, fails: bool) -> Result<Scene, Failure> {
    let makefile = match client {
        "buildah" => IMAGES
            .replace("docker create --name", "buildah from --name")
            .replace("docker cp app-t:/x .", "buildah copy app-t in /x"),
        _ => IMAGES.to_owned(),
    };
    let mut place = with_mine(&makefile.replace("docker", client))?;
    place.stand_for(client, &std::env::current_exe().map_err(words)?)?;
    if client == "docker" {
        place.address = Some(["tcp://127.0.0.1:9", "ssh://nobody@127.0.0.1"][fastrand::usize(..2)]);
    }
    if fails {
        place.daemon.mark(if client == "buildah" { "fail-copy" } else { "fail-cp" }).map_err(words)?;
    }
    Ok(place)
}

/// How many questions a run asks whose client does well.
fn questions(client: &str, fails: bool) -> Result<usize, Failure> {
    let place = scene(client, fails)?;
    let outcome = place.imk(&[])?;
    let asked = stub::asked(place.daemon.path());
    let what = format!("{client} {fails}: {outcome:?}, {asked}");
    equal(&what, outcome.status.as_str(), if fails { "2" } else { "0" })?;
    equal(&what, left(&place)?, Vec::new())?;
    equal(&what, fails && !outcome.stderr.contains("removed container app-t, image app:t"), false)?;
    let count = asked.lines().count();
    if count < 4 { Err(what) } else { Ok(count) }
}

/// What must hold after a run that met a fault. The client does well from then on.
fn held(place: &Scene, outcome: &Outcome, fails: bool) -> Result<(), Failure> {
    let asked = stub::asked(place.daemon.path());
    stub::go_well(place.daemon.path()).map_err(words)?;
    equal("status", outcome.status.as_str(), if fails { "2" } else { "0" })?;
    for question in asked.lines() {
        let names = question.split(' ').skip_while(|word| *word != "--").skip(1);
        equal(question, names.filter(|name| name.starts_with('-')).count(), 0)?;
    }
    holds(place, outcome).map_err(|failure| format!("{failure}; asked {asked}"))?;
    count(COUNTED, 1);
    Ok(())
}

/// A run that meets the fault at this question, and at all after it where it `stays`.
fn meets(client: &str, fails: bool, fault: Fault, at: usize, stays: bool) -> Result<(), Failure> {
    let place = scene(client, fails)?;
    stub::go_wrong(place.daemon.path(), fault, at, stays).map_err(words)?;
    let start = Instant::now();
    let what = |failure| format!("{client}, {fault:?} at {at} {stays}: {failure}");
    let outcome = place.run(&IN_A_GIGABYTE).map_err(what)?;
    let took = start.elapsed();
    if took > SOON {
        return Err(what(format!("took {took:?}")));
    }
    held(&place, &outcome, fails).map_err(|failure| what(format!("{failure} after {outcome:?}")))
}

/// Whether it prints much: such runs take a second.
fn is_long(fault: Fault) -> bool {
    matches!(fault, Fault::Flood | Fault::Text | Fault::Objects | Fault::Ids | Fault::Errors)
}

fn at_any_question(client: &str) -> Result<(), Failure> {
    let ways = [(true, false), (true, true), (false, false), (true, false), (false, true)];
    let number = [questions(client, false)?, questions(client, true)?];
    let mut failures = Vec::new();
    for (which, fault) in Fault::ENDING.into_iter().enumerate() {
        let tried = scale() * if is_long(fault) { 1 } else { 4 };
        for turn in 0..tried {
            let (fails, stays) = ways[turn % ways.len()];
            // All questions get their turn over the faults.
            let at = (which * 3 + turn * 2 + turn / ways.len()) % number[usize::from(fails)];
            // A listing that tells of another container every time can't be told from one that is right.
            let stays = stays && !(client == "buildah" && fault == Fault::Lies);
            failures.extend(meets(client, fails, fault, at, stays).err());
        }
    }
    // A look that misses what is there is made again, wherever it comes.
    for at in 0..number[1] {
        failures.extend(meets(client, true, Fault::Lies, at, false).err());
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

fn podman_at_any_question() -> Result<(), Failure> {
    at_any_question("podman")
}

fn docker_behind_an_address_at_any_question() -> Result<(), Failure> {
    at_any_question("docker")
}

fn buildah_at_any_question() -> Result<(), Failure> {
    at_any_question("buildah")
}

/// What a client says of ids comes into a variable, and so into a recipe's shell, and into further commands.
fn ids_that_are_options_reach_no_command() -> Result<(), Failure> {
    for client in ["podman", "docker"] {
        for fault in [None, Some(Fault::Options)] {
            let place = scene(client, false)?;
            place.write("Dockerfile", "FROM scratch\n")?;
            let block = format!("image app\n  tags = app:t\n  engine = {client}\nendimage\n");
            place.write("Imkfile", &format!("{block}app: ; @echo id=$(.IMAGE_ID)\n"))?;
            if let Some(fault) = fault {
                stub::go_wrong(place.daemon.path(), fault, 0, true).map_err(words)?;
            }
            let outcome = place.run(&[&IN_A_GIGABYTE[..], &["-s", "app"]].concat())?;
            let asked = stub::asked(place.daemon.path());
            let what = format!("{client} {fault:?}: {outcome:?}, {asked}");
            let status = if fault.is_some() { "2" } else { "0" };
            equal(&what, outcome.status.as_str(), status)?;
            equal(&what, outcome.stdout.contains("id=sha256:"), fault.is_none())?;
            let refused = "the engine's answer makes no sense: no image id";
            equal(&what, outcome.stderr.contains(refused), fault.is_some())?;
            equal(&what, outcome.stdout.contains("--all"), false)?;
            equal(&what, asked.is_empty() || asked.contains("-- -"), false)?;
            count(COUNTED, 1);
        }
    }
    Ok(())
}

/// A removal that the client says it did, in words or by its silence, and did not.
fn removals_of_nothing_are_told() -> Result<(), Failure> {
    for client in ["podman", "docker", "buildah"] {
        for fault in [Fault::Lies, Fault::Nothing] {
            let number = questions(client, true)?;
            let place = scene(client, true)?;
            // Where the removals are among the questions a run that goes well shows.
            place.imk(&[])?;
            let asked = stub::asked(place.daemon.path());
            let is_removal = |line: &&str| line.contains(" rm ") || line.contains(" rmi ");
            let removals: Vec<usize> = (0..number)
                .filter(|at| asked.lines().nth(*at).is_some_and(|line| is_removal(&line)))
                .collect();
            equal(&format!("{client}: {asked}"), removals.len(), 2)?;
            for (at, thing) in removals.into_iter().zip(["container app-t", "image app:t"]) {
                let place = scene(client, true)?;
                stub::go_wrong(place.daemon.path(), fault, at, false).map_err(words)?;
                let outcome = place.run(&IN_A_GIGABYTE)?;
                let what = format!("{client} {fault:?}: {outcome:?}");
                let told = format!(
                    "{thing} is left: the engine says that it is removed, and has it still; the next run tries again"
                );
                equal(&what, outcome.stderr.contains(&told), true)?;
                held(&place, &outcome, true).map_err(|failure| format!("{what}: {failure}"))?;
            }
        }
    }
    Ok(())
}

/// Time passes sixty times as fast, for those who look at it and those who wait.
const HURRIED: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    if (clock == CLOCK_MONOTONIC) {
        long long all = (time->tv_sec * 1000000000LL + time->tv_nsec) * 60;
        time->tv_sec = all / 1000000000LL;
        time->tv_nsec = all % 1000000000LL;
    }
    return result;
}
int poll(struct pollfd *all, nfds_t count, int limit) {
    static int (*real)(struct pollfd *, nfds_t, int);
    if (!real) real = (int (*)(struct pollfd *, nfds_t, int))dlsym(RTLD_NEXT, "poll");
    return real(all, count, limit > 0 ? (limit + 59) / 60 : limit);
}
int ppoll(struct pollfd *all, nfds_t count, const struct timespec *limit, const sigset_t *mask) {
    static int (*real)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
    if (!real) real = (int (*)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *))dlsym(RTLD_NEXT, "ppoll");
    if (!limit) return real(all, count, limit, mask);
    long long left = (limit->tv_sec * 1000000000LL + limit->tv_nsec) / 60;
    struct timespec own = { left / 1000000000LL, left % 1000000000LL };
    return real(all, count, &own, mask);
}
"#;

/// Nobody ends the run: the client is given up when its time is over, with the child that holds its streams.
fn a_client_that_hangs_is_waited_for_in_measure() -> Result<(), Failure> {
    let clients = ["podman", "docker", "buildah"].into_iter().cycle();
    let faults = [Fault::Hangs, Fault::Child].into_iter().cycle();
    for ((at, client), fault) in (0..6 * scale()).zip(clients).zip(faults) {
        let at = at % 8;
        let place = scene(client, true)?;
        let hurried = place.preloaded(HURRIED)?;
        stub::go_wrong(place.daemon.path(), fault, at, false).map_err(words)?;
        // Nobody reads there: the client goes on all the same.
        fs::remove_file(place.daemon.path().join("ready")).map_err(words)?;
        let start = Instant::now();
        let outcome = place.run(&["env", &hurried, "imk"])?;
        let took = start.elapsed();
        let what = format!("{client}, {fault:?} at {at}: {outcome:?} in {took:?}");
        equal(&what, took < Duration::from_secs(15), true)?;
        held(&place, &outcome, true).map_err(|failure| format!("{what}: {failure}"))?;
    }
    Ok(())
}

/// Sends a signal to imk alone.
fn send(child: &Child, signal: Signal) -> Result<(), Failure> {
    let pid = Pid::from_raw(child.id().cast_signed()).ok_or("no process")?;
    kill_process(pid, signal).map_err(|error| error.to_string())
}

/// Waits for imk, which was told to end with `signal`.
fn ends(place: &Scene, child: &mut Child, signal: Signal) -> Result<Outcome, Failure> {
    let start = Instant::now();
    let outcome = place.wait(child)?;
    let took = start.elapsed();
    let what = format!("{outcome:?} in {took:?}");
    equal(&what, took < AT_ONCE, true)?;
    equal(&what, outcome.status.clone(), format!("signal {}", signal.as_raw()))?;
    Ok(outcome)
}

fn a_client_that_hangs_is_given_up_for_a_signal() -> Result<(), Failure> {
    for client in ["podman", "docker", "buildah"] {
        for fault in [Fault::Hangs, Fault::Child] {
            for (signal, at) in [(Signal::TERM, 0), (Signal::INT, 2), (Signal::TERM, 5)] {
                let place = scene(client, true)?;
                stub::go_wrong(place.daemon.path(), fault, at, false).map_err(words)?;
                let mut child = place.command(&["imk"]).spawn().map_err(words)?;
                place.daemon.wait_until_blocked().map_err(words)?;
                send(&child, signal)?;
                let what = |failure| format!("{client}, {fault:?} at {at}, {signal:?}: {failure}");
                let outcome = ends(&place, &mut child, signal).map_err(what)?;
                stub::go_well(place.daemon.path()).map_err(words)?;
                holds(&place, &outcome).map_err(what)?;
                count(COUNTED, 1);
            }
        }
    }
    Ok(())
}

/// The first signal has imk clean up, for which it asks the client again; the second one ends that.
fn a_client_that_always_hangs_is_given_up_for_a_second_signal() -> Result<(), Failure> {
    for client in ["podman", "docker", "buildah"] {
        let place = scene(client, true)?;
        stub::go_wrong(place.daemon.path(), Fault::Hangs, 3, true).map_err(words)?;
        let mut child = place.command(&["imk"]).spawn().map_err(words)?;
        let what = |failure| format!("{client}: {failure}");
        place.daemon.wait_until_blocked().map_err(words)?;
        let before = stub::asked(place.daemon.path());
        send(&child, Signal::TERM)?;
        // Nobody reads the fifo any more, at which the client hangs all the same.
        let deadline = Instant::now() + SOON;
        while stub::asked(place.daemon.path()) == before && child.try_wait().map_err(words)?.is_none() {
            if Instant::now() > deadline {
                place.end_all();
                return Err(what("it goes on waiting after the first signal".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // Those that come right after the first are the same wish.
        while child.try_wait().map_err(words)?.is_none() && Instant::now() < deadline {
            let _ = send(&child, Signal::TERM);
            std::thread::sleep(Duration::from_millis(20));
        }
        let outcome = ends(&place, &mut child, Signal::TERM).map_err(what)?;
        stub::go_well(place.daemon.path()).map_err(words)?;
        holds(&place, &outcome).map_err(what)?;
        count(COUNTED, 1);
    }
    Ok(())
}

/// A scene in a work tree, with a git that goes wrong from this question on.
fn with_git(fault: Fault, at: usize) -> Result<Scene, Failure> {
    let place = Scene::new("all: in ; @echo $<\n", Manner::Well)?;
    place.write("requirements.txt", "one==1\n")?;
    place.stand_for("git", &std::env::current_exe().map_err(words)?)?;
    stub::go_wrong(place.daemon.path(), fault, at, true).map_err(words)?;
    Ok(place)
}

const ASKING_GIT: [[&str; 2]; 2] = [["--affected=HEAD", "all"], ["--lock-diff=HEAD", "all"]];

fn git_that_floods() -> Result<(), Failure> {
    for fault in [Fault::Garbage, Fault::Nothing, Fault::Dies, Fault::Flood, Fault::Errors] {
        for arguments in ASKING_GIT {
            let place = with_git(fault, 0)?;
            let start = Instant::now();
            let outcome = place.run(&[&IN_A_GIGABYTE[..], &arguments].concat())?;
            let what = format!(
                "{arguments:?} {fault:?}: {}, {:.500} in {:?}",
                outcome.status,
                outcome.stderr,
                start.elapsed()
            );
            equal(&what, start.elapsed() < SOON, true)?;
            // A lock file's old text is whatever git says: of one that names nothing all is new.
            let is_text = arguments[0].contains("lock") && matches!(fault, Fault::Nothing | Fault::Garbage);
            let status = if is_text { "0" } else { "2" };
            equal(&what, outcome.status.as_str(), status)?;
            equal(&what, outcome.stderr.len() < 10_000, true)?;
            count(COUNTED, 1);
        }
    }
    Ok(())
}

fn git_that_hangs_is_given_up_for_a_signal() -> Result<(), Failure> {
    for arguments in ASKING_GIT {
        for fault in [Fault::Hangs, Fault::Child] {
            let place = with_git(fault, 0)?;
            let mut child = place.command(&["imk", arguments[0], arguments[1]]).spawn().map_err(words)?;
            place.daemon.wait_until_blocked().map_err(words)?;
            send(&child, Signal::TERM)?;
            let ended = ends(&place, &mut child, Signal::TERM);
            ended.map_err(|failure| format!("{arguments:?}, {fault:?}: {failure}"))?;
            count(COUNTED, 1);
        }
    }
    Ok(())
}

/// An image that is judged: its archive does not come, or does not end.
fn an_archive_without_end() -> Result<(), Failure> {
    for client in ["podman", "docker"] {
        for (fault, signal) in [(Fault::Hangs, Signal::TERM), (Fault::Endless, Signal::INT)] {
            let place = scene(client, false)?;
            place.write("Dockerfile", "FROM scratch\n")?;
            place.write("Makefile", &format!("app:\n\t@{client} build --tag app:t .\n"))?;
            let found = place.imk(&["--audit", "app"])?;
            let asked = stub::asked(place.daemon.path());
            let save = asked.lines().position(|line| line.contains(" save "));
            let at = save.ok_or_else(|| format!("no image is saved: {found:?}, {asked}"))?;
            stub::go_wrong(place.daemon.path(), fault, at, false).map_err(words)?;
            let _ = fs::remove_file(place.daemon.path().join("image-app:t"));
            let mut child =
                place.command(&[&IN_A_GIGABYTE[..], &["--audit", "app"]].concat()).spawn().map_err(words)?;
            place.daemon.wait_until_blocked().map_err(words)?;
            send(&child, signal)?;
            ends(&place, &mut child, signal).map_err(|failure| format!("{client}, {fault:?}: {failure}"))?;
            count(COUNTED, 1);
        }
    }
    Ok(())
}

/// A registry is asked by buildx, which has its time, and not more.
fn buildx_that_hangs() -> Result<(), Failure> {
    let place = || -> Result<Scene, Failure> {
        let place = scene("docker", false)?;
        place.write("Dockerfile", "FROM base:1\n")?;
        place.write("Makefile", "app:\n\t@docker build --tag app:t .\n")?;
        Ok(place)
    };
    let at = || -> Result<usize, Failure> {
        let place = place()?;
        let found = place.imk(&["--outdated", "app"])?;
        let asked = stub::asked(place.daemon.path());
        let at = asked.lines().position(|line| line.contains(" buildx imagetools "));
        at.ok_or_else(|| format!("no registry is asked: {found:?}, {asked}"))
    };
    let at = at()?;
    let waits = place()?;
    stub::go_wrong(waits.daemon.path(), Fault::Hangs, at, false).map_err(words)?;
    fs::remove_file(waits.daemon.path().join("ready")).map_err(words)?;
    let start = Instant::now();
    let outcome = waits.run(&[&IN_A_GIGABYTE[..], &["--outdated", "app"]].concat())?;
    let what = format!("{outcome:?} in {:?}", start.elapsed());
    equal(&what, start.elapsed() < SOON, true)?;
    equal(&what, outcome.stdout.contains("no answer within 20 seconds"), true)?;
    count(COUNTED, 1);
    let told = place()?;
    stub::go_wrong(told.daemon.path(), Fault::Child, at, false).map_err(words)?;
    let mut child = told.command(&["imk", "--outdated", "app"]).spawn().map_err(words)?;
    told.daemon.wait_until_blocked().map_err(words)?;
    send(&child, Signal::TERM)?;
    ends(&told, &mut child, Signal::TERM)?;
    count(COUNTED, 1);
    Ok(())
}

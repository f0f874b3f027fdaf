//! Each system call that imk makes fails in turn, with each error that it can fail with, by `strace`'s fault injection into the
//! program itself (not into what it starts).

use std::fs;

use libtest_mimic::Trial;

use crate::daemon::Manner;
use crate::figures::count;
use crate::scene::{Outcome, Scene};
use crate::{Failure, scale};

/// System calls, and the errors that they are made to fail with. First those that a run in CI tries.
const FAULTS: [(&str, &[&str]); 30] = [
    ("openat", &["EIO", "EMFILE", "ENOSPC", "EACCES", "EINTR"]),
    ("open", &["EIO", "EMFILE", "ENFILE", "EINTR"]),
    ("read", &["EIO", "EINTR"]),
    ("write", &["ENOSPC", "EIO", "EPIPE", "EINTR"]),
    ("statx", &["EIO", "EACCES", "ELOOP"]),
    ("newfstatat", &["EIO", "ENOMEM"]),
    ("fstat", &["EIO"]),
    ("getdents64", &["EIO"]),
    ("clone", &["EAGAIN", "ENOMEM"]),
    ("clone3", &["EAGAIN", "ENOMEM"]),
    ("vfork", &["EAGAIN", "ENOMEM"]),
    ("pipe2", &["EMFILE", "ENFILE"]),
    ("wait4", &["EINTR"]),
    ("fsync", &["EIO", "ENOSPC"]),
    ("fdatasync", &["EIO", "ENOSPC"]),
    ("mkdir", &["ENOSPC", "EROFS"]),
    ("unlinkat", &["EIO", "EROFS"]),
    ("unlink", &["EIO", "EROFS"]),
    ("rename", &["EIO", "ENOSPC"]),
    ("rmdir", &["EIO", "EBUSY"]),
    ("flock", &["ENOLCK", "EINTR"]),
    ("connect", &["ECONNREFUSED", "EACCES", "ENOENT"]),
    ("recvfrom", &["ECONNRESET", "EIO", "EINTR"]),
    ("sendto", &["EPIPE", "ECONNRESET", "EINTR"]),
    ("socket", &["EMFILE", "EACCES"]),
    ("mknodat", &["EPERM", "ENOSPC"]),
    ("ppoll", &["EINTR"]),
    ("fcntl", &["EINVAL", "EMFILE"]),
    ("lseek", &["EIO"]),
    ("getcwd", &["ENOENT", "EACCES"]),
];

pub fn trials() -> Vec<Trial> {
    let has_strace = std::process::Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    let can_trace = has_strace.is_ok_and(|status| status.success());
    let trials: Vec<Trial> = crate::trials![
        faults_of_a_plain_run,
        faults_of_parallel_synchronised_runs,
        faults_of_looks_at_an_included_makefile,
        faults_of_a_run_with_images,
        faults_of_a_failing_run_with_images,
    ];
    trials.into_iter().map(|trial| trial.with_ignored_flag(!can_trace)).collect()
}

/// Each text that comes out of it holds what imk itself read by makefiles, `$(file)`, `$(shell)`, folders and included files.
const PLAIN: &str = "\
F := $(file <in)
S := $(shell cat in)
W := $(wildcard i?)
-include gen.mk
all: c.txt
\t@echo made
gen.mk: in
\t@echo V := `cat in` >$@.new && mv $@.new $@
out/%: in | out
\t@cp in $@.new && mv $@.new $@
out:
\t@mkdir -p out
c.txt: out/a out/b
\t@echo $(F) $(S) $(W) $(V) >$@.new && cat out/a out/b >>$@.new && mv $@.new $@
";
const RESULT: &str = "input input in input\ninput\ninput\n";

/// A recipe that makes a container and an image, and removes both.
pub const IMAGES: &str = "\
all:
\t@docker build --tag app:t .
\t@docker create --name app-t app:t
\t@docker cp app-t:/x .
\t@docker rm app-t
\t@docker rmi app:t
";

/// Runs imk under each fault, and has `hold` look at what came of it.
fn each_fault(
    arguments: &[&str],
    scene: impl Fn() -> Result<Scene, Failure>,
    hold: impl Fn(&Scene, &Outcome) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut failures = Vec::new();
    for (call, errors) in FAULTS {
        for error in errors {
            // Without a larger scale the later occurrences are tried sparsely.
            let (mut when, mut tried) = (1, 0);
            while tried < 400 {
                let place = scene()?;
                let (trace, inject) =
                    (format!("trace={call}"), format!("inject={call}:error={error}:when={when}"));
                let log = place.daemon.path().join("trace");
                let log = log.to_string_lossy();
                let own = ["strace", "-qq", "-o", &log, "-e", &trace, "-e", &inject, "imk"];
                let found = place.run(&[&own, arguments].concat());
                let calls = fs::read_to_string(&*log).unwrap_or_default();
                let Some(hit) = calls.lines().find(|line| line.contains("(INJECTED)")) else { break };
                count("faults of system calls", 1);
                let held = found.and_then(|outcome| {
                    // Before imk's own first instruction.
                    if outcome.stderr.contains("error while loading shared libraries") {
                        return Ok(());
                    }
                    // A makefile that is forbidden in a folder of such is the one meant, and may be missing, as for GNU make.
                    if hit.contains("/include/gen.mk\"") && matches!(*error, "EACCES" | "ENOSPC") {
                        return Ok(());
                    }
                    let known = matches!(outcome.status.as_str(), "0" | "1" | "2");
                    // Standard output that nobody reads ends a run as it ends any program.
                    let broken = *error == "EPIPE" && outcome.status == "signal 13";
                    if !known && !broken {
                        return Err(format!("{outcome:?}"));
                    }
                    hold(&place, &outcome).map_err(|failure| format!("{failure}; after {outcome:?}"))
                });
                if let Err(failure) = held {
                    failures.push(format!("{call} {error} number {when}: {failure}"));
                }
                tried += 1;
                when += if scale() > 1 || tried < 4 { 1 } else { 5 };
            }
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// What must hold after a run that made nothing but files: a success made them all and right, and the next run does.
fn plain_holds(place: &Scene, outcome: &Outcome) -> Result<(), Failure> {
    // `$(shell)` that can't be run, or be heard to its end, is said, and has what came.
    let is_told = outcome.stderr.contains("read: Input/output error")
        || outcome.stderr.contains("temporarily unavailable")
        || outcome.stderr.contains("Cannot allocate memory")
        || outcome.stderr.contains("pipe: Too many open files");
    if outcome.status == "0" && !is_told && place.read("c.txt").as_deref() != Some(RESULT) {
        return Err(format!("a success that made {:?}", place.read("c.txt")));
    }
    if place.read("in").as_deref() != Some("input\n") {
        return Err("the user's file is lost".to_owned());
    }
    if is_told {
        let _ = fs::remove_file(place.dir().join("c.txt"));
    }
    let mut litter = place.litter();
    litter.retain(|name| !outcome.stderr.contains(" is left: ") || !outcome.stderr.contains(&name[..]));
    if !litter.is_empty() {
        return Err(format!("left: {litter:?}"));
    }
    let next = place.imk(&[])?;
    if next.status != "0" || place.read("c.txt").as_deref() != Some(RESULT) {
        return Err(format!("the next run: {next:?}, {:?}", place.read("c.txt")));
    }
    Ok(())
}

fn faults_of_a_plain_run() -> Result<(), Failure> {
    each_fault(&[], || Scene::new(PLAIN, Manner::Well), plain_holds)
}

fn faults_of_parallel_synchronised_runs() -> Result<(), Failure> {
    each_fault(&["-j3", "-Otarget"], || Scene::new(PLAIN, Manner::Well), plain_holds)
}

/// Each look at the makefile that is included and remade fails: it is read all the same, or the run says that it can't.
fn faults_of_looks_at_an_included_makefile() -> Result<(), Failure> {
    for arguments in [&[][..], &["-j3", "-Otarget"]] {
        for error in ["EIO", "ENOMEM", "EMFILE"] {
            for when in 1..100 {
                let place = Scene::new(PLAIN, Manner::Well)?;
                let inject = format!("inject=?newfstatat,?stat,?statx:error={error}:when={when}");
                let log = place.daemon.path().join("trace");
                let log = log.to_string_lossy();
                let looks = ["-e", "trace=?newfstatat,?stat,?statx", "-e", &inject, "-P", "gen.mk"];
                let own = [&["strace", "-qq", "-o", &log], &looks[..], &["imk"], arguments].concat();
                let outcome = place.run(&own)?;
                if !fs::read_to_string(&*log).unwrap_or_default().contains("(INJECTED)") {
                    break;
                }
                count("faults of system calls", 1);
                if outcome.status == "0" && place.read("c.txt").as_deref() != Some(RESULT) {
                    return Err(format!("{error} {when}: a success that made {:?}", place.read("c.txt")));
                }
                plain_holds(&place, &outcome).map_err(|failure| format!("{error} {when}: {failure}"))?;
            }
        }
    }
    Ok(())
}

fn images(fails: bool) -> Result<(), Failure> {
    let scene = || {
        let scene = Scene::new(IMAGES, Manner::Well)?;
        fs::write(scene.daemon.path().join("container-mine"), "ab".repeat(32))
            .map_err(crate::scene::words)?;
        if fails {
            scene.daemon.mark("fail-cp").map_err(crate::scene::words)?;
        }
        Ok(scene)
    };
    each_fault(&[], scene, |place, outcome| {
        let mine = "container-mine".to_owned();
        let _ = fs::remove_file(place.daemon.path().join("fail-cp"));
        let left = place.daemon.things();
        if !left.contains(&mine) {
            return Err("the user's container is gone".to_owned());
        }
        let told = ["is left: ", "is not removed: ", "not cleaned up", "may be left of"];
        if left.len() > 1 && !told.iter().any(|words| outcome.stderr.contains(words)) {
            return Err(format!("left and not told: {left:?}"));
        }
        let reaped = place.imk(&["--reap"])?;
        let next = if place.daemon.things().len() > 1 && outcome.stderr.contains("is not removed: ") {
            // Told that the engine could not be asked: then there is no journal to go by, and people remove it.
            for thing in place.daemon.things().iter().filter(|thing| **thing != mine) {
                let _ = fs::remove_file(place.daemon.path().join(thing));
            }
            place.imk(&[])?
        } else {
            place.imk(&[])?
        };
        if next.status != "0" || place.daemon.things() != [mine] || !place.litter().is_empty() {
            return Err(format!(
                "the next run: {next:?} after {reaped:?}, with {:?} and {:?}",
                place.daemon.things(),
                place.litter()
            ));
        }
        Ok(())
    })
}

fn faults_of_a_run_with_images() -> Result<(), Failure> {
    images(false)
}

fn faults_of_a_failing_run_with_images() -> Result<(), Failure> {
    images(true)
}

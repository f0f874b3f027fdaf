//! Clean-up of plain recipes by the program itself, on an engine made of files: what is left, what is said, and that a success
//! is make's to the byte. Real engines: `tests/engine/faults`.

use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

use libtest_mimic::Trial;

use crate::builder::Failure;
use crate::daemon::{Daemon, Manner};
use crate::program::{self, Program};
use crate::run::{Invocation, Outcome, Workplace};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        a_success_is_makes_to_the_byte,
        a_failure_is_cleaned_up_and_told,
        a_command_that_did_its_work_and_fails_is_cleaned_up,
        signals_clean_up,
        a_killed_run_is_cleaned_up_by_the_next,
        keep_failed_keeps_and_tells_how_to_remove,
        ignored_errors_and_other_jobs,
        one_shell_and_lines_of_a_definition,
        sub_makes_clean_up_their_own,
        without_an_engine_recipes_run_as_makes,
        an_engine_that_stops_leaves_the_journal,
        a_folder_that_cannot_be_written_is_told_once,
        a_dry_run_asks_nothing,
        the_chosen_engine_stands_behind_docker,
        an_engine_that_is_none_is_refused,
        names_are_shown_and_not_obeyed,
    ]
}

const MAKEFILE: &str = "\
refresh:
\t@echo begin
\tdocker build --tag app:t .
\tdocker create --name app-t app:t
\tdocker cp app-t:/x .
\tdocker rm app-t
\tdocker rmi app:t
";

/// A folder, an engine and a makefile.
struct Bench {
    place: Workplace,
    daemon: Daemon,
    socket: &'static str,
}

fn words(error: std::io::Error) -> Failure {
    error.to_string()
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), Failure> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:#?}, expected {expected:#?}")) }
}

impl Bench {
    fn new(program: &Program, manner: Manner, makefile: &str) -> Result<Bench, Failure> {
        let place = Workplace::new(program).map_err(words)?;
        fs::write(place.dir().join("Makefile"), makefile).map_err(words)?;
        Ok(Bench { place, daemon: Daemon::new(manner).map_err(words)?, socket: "e.sock" })
    }

    fn imk(makefile: &str) -> Result<Bench, Failure> {
        Bench::new(&program::imk(), Manner::Well, makefile)
    }

    fn environment(&self) -> Vec<(String, String)> {
        let fake = self.daemon.path().display().to_string();
        let host = self.daemon.address(self.socket);
        // The program itself, for sub-makes, stands in a folder beside the one that it works in.
        let own = self.place.dir().with_file_name("bin");
        let path = format!("{}:{}", own.display(), self.daemon.search_path());
        vec![("PATH".into(), path), ("FAKE".into(), fake), ("DOCKER_HOST".into(), host)]
    }

    fn run(&self, arguments: &[&str]) -> Result<Outcome, Failure> {
        self.run_with(arguments, &[])
    }

    fn run_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> Result<Outcome, Failure> {
        let more = more.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let env = self.environment().into_iter().map(|(name, value)| (name.into(), value.into()));
        let args = arguments.iter().map(Into::into).collect();
        self.place
            .run(&Invocation { args, env: env.chain(more).collect(), ..Invocation::default() })
            .map_err(words)
    }

    fn mark(&self, name: &str) -> Result<(), Failure> {
        self.daemon.mark(name).map_err(words)
    }

    /// Runs until a command blocks, sends the signal (to all of the run's processes, or to imk alone), and says how the run
    /// ended and what it said.
    fn interrupt(
        &self,
        arguments: &[&str],
        signal: rustix::process::Signal,
        all: bool,
    ) -> Result<(String, String), Failure> {
        let mut command = Command::new(program::imk().path);
        command.arg0("imk").args(arguments).current_dir(self.place.dir()).process_group(0);
        command.env_clear().env("LC_ALL", "C").envs(self.environment());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn().map_err(words)?;
        self.daemon.wait_until_blocked().map_err(words)?;
        let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).ok_or("no process")?;
        let sent = match all {
            true => rustix::process::kill_process_group(pid, signal),
            false => rustix::process::kill_process(pid, signal),
        };
        sent.map_err(|error| error.to_string())?;
        let output = child.wait_with_output().map_err(words)?;
        let status = output.status;
        let ended = status
            .signal()
            .map_or_else(|| format!("{:?}", status.code()), |signal| format!("signal {signal}"));
        Ok((ended, String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    fn nothing_left(&self) -> Result<(), Failure> {
        equal("things", self.daemon.things(), Vec::new())?;
        equal(".imk", self.place.dir().join(".imk").exists(), false)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn a_success_is_makes_to_the_byte() -> Result<(), Failure> {
    let ours = Bench::imk(MAKEFILE)?;
    let found = ours.run(&[])?;
    equal("status", found.status.as_str(), "0")?;
    equal("stderr", text(&found.stderr), String::new())?;
    ours.nothing_left()?;
    equal("look-ups", ours.daemon.asked() > 0, true)?;
    if let Some(make) = program::gnu_make() {
        let theirs = Bench::new(make, Manner::Well, MAKEFILE)?;
        equal("output", found, theirs.run(&[])?)?;
        let log = |bench: &Bench| fs::read_to_string(bench.daemon.path().join("log")).unwrap_or_default();
        equal("commands", log(&ours), log(&theirs))?;
    }
    Ok(())
}

fn a_failure_is_cleaned_up_and_told() -> Result<(), Failure> {
    let bench = Bench::imk(MAKEFILE)?;
    bench.mark("fail-cp")?;
    let found = bench.run(&[])?;
    let expected = "docker: cp fails\nimk: *** [Makefile:5: refresh] Error 1\n\
                    imk: [Makefile:5: refresh] removed container app-t, image app:t\n";
    equal("stderr", text(&found.stderr), expected.to_owned())?;
    equal("status", found.status.as_str(), "2")?;
    bench.nothing_left()?;
    // Nothing was made: nothing is said.
    bench.mark("fail-build")?;
    let found = bench.run(&[])?;
    equal(
        "stderr",
        text(&found.stderr),
        "docker: build fails\nimk: *** [Makefile:3: refresh] Error 1\n".to_owned(),
    )?;
    bench.nothing_left()
}

fn a_command_that_did_its_work_and_fails_is_cleaned_up() -> Result<(), Failure> {
    for command in ["build", "create", "cp", "rm", "rmi"] {
        let bench = Bench::imk(MAKEFILE)?;
        bench.mark(&format!("break-{command}"))?;
        equal(command, bench.run(&[])?.status.as_str(), "2")?;
        bench.nothing_left().map_err(|failure| format!("{command}: {failure}"))?;
    }
    // A container of that name is somebody's: it stays, and what was made is removed.
    let bench = Bench::imk(MAKEFILE)?;
    fs::write(bench.daemon.path().join("container-app-t"), "ab".repeat(32)).map_err(words)?;
    let found = bench.run(&[])?;
    equal("status", found.status.as_str(), "2")?;
    equal("things", bench.daemon.things(), vec!["container-app-t".to_owned()])
}

fn signals_clean_up() -> Result<(), Failure> {
    use rustix::process::Signal;
    for (signal, all, ended) in [
        (Signal::INT, true, "signal 2"),
        (Signal::TERM, false, "signal 15"),
        (Signal::HUP, true, "signal 1"),
        (Signal::QUIT, true, "Some(1)"),
    ] {
        for command in ["create", "cp", "rmi"] {
            let bench = Bench::imk(MAKEFILE)?;
            bench.mark(&format!("block-{command}"))?;
            let (found, stderr) = bench.interrupt(&[], signal, all)?;
            let what = format!("{signal:?} in {command}: {stderr}");
            equal(&what, found.as_str(), ended)?;
            bench.nothing_left().map_err(|failure| format!("{what}: {failure}"))?;
            equal(&what, stderr.contains("removed container app-t, image app:t\n"), command != "rmi")?;
        }
    }
    Ok(())
}

fn a_killed_run_is_cleaned_up_by_the_next() -> Result<(), Failure> {
    let kill = |bench: &Bench| -> Result<(), Failure> {
        bench.mark("block-create")?;
        let (ended, _) = bench.interrupt(&[], rustix::process::Signal::KILL, true)?;
        equal("end", ended.as_str(), "signal 9")?;
        fs::remove_file(bench.daemon.path().join("block-create")).map_err(words)?;
        equal("things", bench.daemon.things(), vec!["container-app-t".to_owned(), "image-app:t".to_owned()])
    };
    let told = "imk: removed container app-t, image app:t, which an earlier run of 'refresh' left\n";
    let bench = Bench::imk(MAKEFILE)?;
    kill(&bench)?;
    let next = bench.run(&[])?;
    equal("the next run", (next.status.as_str(), text(&next.stderr)), ("0", told.to_owned()))?;
    bench.nothing_left()?;

    let bench = Bench::imk(MAKEFILE)?;
    kill(&bench)?;
    let reaped = bench.run(&["--reap"])?;
    equal("--reap", (reaped.status.as_str(), text(&reaped.stderr)), ("0", told.to_owned()))?;
    equal("--reap's output", text(&reaped.stdout), String::new())?;
    bench.nothing_left()?;
    let again = bench.run(&["--reap"])?;
    equal("--reap again", text(&again.stderr), "imk: earlier runs left nothing here\n".to_owned())
}

fn keep_failed_keeps_and_tells_how_to_remove() -> Result<(), Failure> {
    let bench = Bench::imk(MAKEFILE)?;
    bench.mark("fail-cp")?;
    let found = bench.run(&["--keep-failed"])?;
    let expected = "imk: [Makefile:5: refresh] kept image app:t, container app-t\n\
                    imk: [Makefile:5: refresh] to remove: docker rm --force --volumes app-t && docker rmi app:t\n";
    equal("stderr", text(&found.stderr).contains(expected), true)
        .map_err(|why| why + &text(&found.stderr))?;
    equal("things", bench.daemon.things(), vec!["container-app-t".to_owned(), "image-app:t".to_owned()])?;
    equal(".imk", bench.place.dir().join(".imk").exists(), false)?;
    let reaped = bench.run(&["--reap"])?;
    equal("--reap", text(&reaped.stderr), "imk: earlier runs left nothing here\n".to_owned())
}

fn ignored_errors_and_other_jobs() -> Result<(), Failure> {
    let ignored = MAKEFILE.replace("\tdocker cp", "\t-docker cp");
    let bench = Bench::imk(&ignored)?;
    bench.mark("fail-cp")?;
    let found = bench.run(&[])?;
    let expected = "docker: cp fails\nimk: [Makefile:5: refresh] Error 1 (ignored)\n";
    equal("ignored", (found.status.as_str(), text(&found.stderr)), ("0", expected.to_owned()))?;
    bench.nothing_left()?;
    // The job that goes on is not disturbed by the clean-up of the one that failed.
    let two = "all: bad good\nbad:\n\tdocker create --name bad x\n\tdocker cp bad:/x .\n\tdocker rm bad\n\
               good:\n\tdocker create --name good x\n\ttest -e $(FAKE)/container-good\n\tdocker rm good\n\
               \tdocker create --name kept x\n";
    for arguments in [&["-k"][..], &["-k", "-j2"], &["-k", "-j2", "-O"]] {
        let bench = Bench::imk(two)?;
        bench.mark("fail-cp")?;
        let found = bench.run(arguments)?;
        equal("status", found.status.as_str(), "2")?;
        equal("told", text(&found.stderr).matches("removed container bad\n").count(), 1)?;
        equal("things", bench.daemon.things(), vec!["container-kept".to_owned()])?;
    }
    Ok(())
}

fn one_shell_and_lines_of_a_definition() -> Result<(), Failure> {
    let one_shell = format!(".ONESHELL:\n.SHELLFLAGS = -ec\n{MAKEFILE}");
    let defined = "define lines\ndocker build --tag app:t .\n@docker create --name app-t app:t\ndocker cp a:/x .\nendef\n\
                   all:\n\t$(lines)\n\tdocker rm app-t && docker rmi app:t\n";
    let one_line = "all:\n\tdocker build --tag app:t . && docker create --name app-t app:t && docker cp a:/ . && \
                    docker rm app-t && docker rmi app:t\n";
    for makefile in [one_shell.as_str(), defined, one_line] {
        let bench = Bench::imk(makefile)?;
        bench.mark("fail-cp")?;
        let found = bench.run(&[])?;
        equal(makefile, found.status.as_str(), "2")?;
        let told = text(&found.stderr).contains("removed container app-t, image app:t\n");
        equal(makefile, told, true).map_err(|why| why + &text(&found.stderr))?;
        bench.nothing_left()?;
    }
    Ok(())
}

fn sub_makes_clean_up_their_own() -> Result<(), Failure> {
    let bench = Bench::imk("all:\n\t$(MAKE) -C sub\n")?;
    let sub = bench.place.dir().join("sub");
    fs::create_dir(&sub).map_err(words)?;
    fs::write(sub.join("Makefile"), MAKEFILE).map_err(words)?;
    bench.mark("fail-cp")?;
    let found = bench.run(&["--keep-failed"])?;
    equal("kept", text(&found.stderr).contains("imk[1]: [Makefile:5: refresh] kept image"), true)?;
    for thing in bench.daemon.things() {
        fs::remove_file(bench.daemon.path().join(thing)).map_err(words)?;
    }
    let found = bench.run(&[])?;
    equal("told", text(&found.stderr).contains("imk[1]: [Makefile:5: refresh] removed container"), true)?;
    bench.nothing_left()?;
    equal("sub/.imk", sub.join(".imk").exists(), false)
}

fn without_an_engine_recipes_run_as_makes() -> Result<(), Failure> {
    for socket in ["none.sock", "garbage.sock"] {
        let mut bench = Bench::imk(MAKEFILE)?;
        bench.daemon.listen("garbage.sock", Manner::Garbage).map_err(words)?;
        bench.socket = socket;
        let found = bench.run(&[])?;
        equal(socket, (found.status.as_str(), text(&found.stderr)), ("0", String::new()))?;
        bench.nothing_left()?;
        bench.mark("fail-cp")?;
        let found = bench.run(&[])?;
        let stderr = text(&found.stderr);
        let warnings = stderr.matches("warning: what it left on the engine is not removed: ").count();
        equal(socket, (found.status.as_str(), warnings), ("2", 1)).map_err(|why| why + &stderr)?;
        equal("things", bench.daemon.things().len(), 2)?;
        equal(".imk", bench.place.dir().join(".imk").exists(), false)?;
    }
    Ok(())
}

fn an_engine_that_stops_leaves_the_journal() -> Result<(), Failure> {
    // It stops at each of its answers in turn: what is not removed is told, and the next run removes it.
    let mut ran_dry = false;
    for count in 0..24 {
        let mut bench = Bench::imk(MAKEFILE)?;
        bench.daemon.listen("stops.sock", Manner::StopsAfter(count)).map_err(words)?;
        bench.socket = "stops.sock";
        bench.mark("fail-cp")?;
        let found = bench.run(&[])?;
        let (left, stderr) = (bench.daemon.things(), text(&found.stderr));
        equal("status", found.status.as_str(), "2")?;
        if left.is_empty() {
            ran_dry = true;
            break;
        }
        let told = stderr.contains("is left: ") || stderr.contains("is not removed: ");
        equal(&format!("told after {count} answers: {stderr}"), told, true)?;
        // The engine is back under the same address.
        let socket = bench.daemon.path().join("stops.sock");
        fs::remove_file(&socket).map_err(words)?;
        bench.daemon.listen("stops.sock", Manner::Well).map_err(words)?;
        let reaped = bench.run(&["--reap"])?;
        let unseen = stderr.contains("is not removed: ");
        if !unseen {
            equal(
                &format!("after {count} answers: {}", text(&reaped.stderr)),
                bench.daemon.things(),
                Vec::new(),
            )?;
        }
        equal(".imk", bench.place.dir().join(".imk").exists(), false)?;
    }
    equal("the engine's answers sufficed in the end", ran_dry, true)
}

fn a_folder_that_cannot_be_written_is_told_once() -> Result<(), Failure> {
    let bench = Bench::imk(MAKEFILE)?;
    fs::write(bench.place.dir().join(".imk"), b"").map_err(words)?;
    bench.mark("fail-cp")?;
    let found = bench.run(&[])?;
    let stderr = text(&found.stderr);
    equal("warnings", stderr.matches("what this run makes is not removed if it is killed\n").count(), 1)?;
    equal("told", stderr.contains("removed container app-t, image app:t\n"), true)?;
    equal("things", bench.daemon.things(), Vec::new())
}

fn a_dry_run_asks_nothing() -> Result<(), Failure> {
    for arguments in [&["-n"][..], &["-t"], &["-q"]] {
        let bench = Bench::imk(MAKEFILE)?;
        bench.run(arguments)?;
        equal("look-ups", bench.daemon.asked(), 0)?;
        equal(".imk", bench.place.dir().join(".imk").exists(), false)?;
    }
    Ok(())
}

fn the_chosen_engine_stands_behind_docker() -> Result<(), Failure> {
    let makefile = "$(info $(shell docker info))\nall:\n\tdocker direct\n\t@docker 'by shell' && true\n\t@$(MAKE) -s sub\n\
                    sub:\n\t@docker below\n\t@echo '$(IMKFLAGS)'\n";
    let bench = Bench::imk(makefile)?;
    let podman = bench.daemon.path().join("bin/podman");
    fs::write(&podman, "#!/bin/sh\necho podman \"$@\"\n").map_err(words)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&podman, mode).map_err(words)?;
    let folder = bench.daemon.path().join("with blank");
    fs::create_dir(&folder).map_err(words)?;
    let temporary = folder.display().to_string();
    let expected = "podman info\ndocker direct\npodman direct\npodman by shell\npodman info\npodman below\n--engine=podman\n";
    let named = bench.run_with(&["--engine", "podman", "--no-print-directory"], &[("TMPDIR", &temporary)])?;
    equal("--engine", (text(&named.stderr), text(&named.stdout)), (String::new(), expected.to_owned()))?;
    let expected = expected.replace("--engine=podman", "");
    let set =
        bench.run_with(&["--no-print-directory"], &[("TMPDIR", &temporary), ("IMK_ENGINE", "podman")])?;
    equal("IMK_ENGINE", (text(&set.stderr), text(&set.stdout)), (String::new(), expected))?;
    equal("what is left of it", fs::read_dir(&folder).map_err(words)?.count(), 0)?;
    equal("docker's own calls", bench.daemon.path().join("log").exists(), false)
}

fn an_engine_that_is_none_is_refused() -> Result<(), Failure> {
    let bench = Bench::imk("all: ; @echo no\n")?;
    for (name, why) in [("rkt", "there is no engine rkt"), ("nerdctl", "no program nerdctl is on PATH")] {
        let found = bench.run(&["--engine", name])?;
        equal("status", (found.status.as_str(), text(&found.stdout)), ("2", String::new()))?;
        equal(why, text(&found.stderr).starts_with(&format!("imk: *** {why}")), true)?;
    }
    Ok(())
}

/// A name that a terminal would obey is printed by make's messages as always, and by imk's own without what it would obey.
fn names_are_shown_and_not_obeyed() -> Result<(), Failure> {
    let bench = Bench::imk(&MAKEFILE.replace("refresh:", "a\u{1b}[31mb\u{202e}c:"))?;
    bench.mark("fail-cp")?;
    let found = bench.run(&[])?;
    let stderr = text(&found.stderr);
    equal("make's", stderr.contains("*** [Makefile:5: a\u{1b}[31mb\u{202e}c] Error 1\n"), true)?;
    let own = "imk: [Makefile:5: a\u{fffd}[31mb\u{fffd}c] removed container app-t, image app:t\n";
    equal("told", stderr.contains(own), true).map_err(|why| why + &stderr)?;
    bench.nothing_left()
}

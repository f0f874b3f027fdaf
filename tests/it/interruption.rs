//! A fatal signal to imk alone while it waits for a program or a socket that never answers: it ends by the signal, at once, and so does
//! what it started. What GNU make waits for, too, is held to it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::builder::Failure;
use crate::daemon::{Daemon, Manner};
use crate::program;

pub fn trials() -> Vec<Trial> {
    let mut trials = crate::trials![
        a_client_that_hangs_is_given_up,
        a_client_that_hangs_is_given_up_by_runs_that_only_look,
        git_that_hangs_is_given_up,
        a_socket_that_hangs_is_given_up,
        all_that_wait_are_given_up_for_one_signal,
        a_removal_is_waited_for,
        what_a_recipe_makes_at_its_end_is_deleted,
        tools_have_no_signal_blocked,
        a_signal_while_a_block_is_read_ends_the_run,
        a_signal_ends_a_run_that_reads_a_context,
    ];
    let compared = crate::trials![
        a_shell_is_left_as_make_leaves_it,
        a_makefile_from_standard_input_is_removed,
        signals_before_any_recipe_are_makes,
        waits_end_as_makes_do,
    ];
    let can = program::gnu_make().is_some();
    trials.extend(compared.into_iter().map(|trial| trial.with_ignored_flag(!can)));
    trials
}

/// How soon a run ends that has nothing to clean up, on a machine that does much else.
const SOON: Duration = Duration::from_secs(8);

/// Writes its number to `pids`, leaves a child that holds its streams open, says on the fifo `ready` that it is there, and hangs.
const HANGING: &str = r#"#!/bin/sh
echo $$ >>"$FAKE/pids"
sleep 300 &
echo $! >>"$FAKE/pids"
echo >"$FAKE/ready"
wait
"#;

fn words(error: std::io::Error) -> Failure {
    error.to_string()
}

/// A folder with a makefile, and an engine whose programs hang.
struct Bench {
    place: tempfile::TempDir,
    daemon: Daemon,
}

/// How a run ended.
struct Ended {
    signal: Option<i32>,
    /// Its exit status.
    code: Option<i32>,
    /// From the signal to the end.
    after: Duration,
    said: String,
}

impl Bench {
    fn new(manner: Manner, makefile: &str, hanging: &[&str]) -> Result<Bench, Failure> {
        let place = tempfile::Builder::new().prefix("imk-it.").tempdir().map_err(words)?;
        fs::write(place.path().join("Makefile"), makefile).map_err(words)?;
        let daemon = Daemon::new(manner).map_err(words)?;
        fs::create_dir(daemon.path().join("temporary")).map_err(words)?;
        let bench = Bench { place, daemon };
        for name in hanging {
            bench.script(name, HANGING)?;
        }
        Ok(bench)
    }

    /// Has `text` be the program `name`.
    fn script(&self, name: &str, text: &str) -> Result<(), Failure> {
        let program = self.daemon.path().join("bin").join(name);
        fs::write(&program, text).map_err(words)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).map_err(words)
    }

    /// Starts `make` until something hangs, and sends it `signals`.
    fn interrupt(
        &self,
        make: &Path,
        arguments: &[&str],
        host: &str,
        signals: &[Signal],
    ) -> Result<Ended, Failure> {
        // A file: what is left running holds a pipe open.
        let path = self.place.path().join("said");
        let said = fs::File::create(&path).map_err(words)?;
        let mut command = Command::new(make);
        command.arg0("imk").args(arguments).current_dir(self.place.path()).process_group(0);
        command.env_clear().env("LC_ALL", "C").env("PATH", self.daemon.search_path());
        command.env("FAKE", self.daemon.path()).env("DOCKER_HOST", host);
        // What a run reads is in a file of its own, where there is one.
        let input =
            fs::File::open(self.place.path().join("input")).map_or_else(|_| Stdio::null(), Stdio::from);
        command.env("TMPDIR", self.daemon.path().join("temporary"));
        command.stdin(input).stdout(Stdio::piped()).stderr(said);
        let mut child = command.spawn().map_err(words)?;
        // Nobody reads it.
        let _stdout = child.stdout.take();
        if let Err(fault) = self.daemon.wait_until_blocked() {
            let _ = child.kill();
            let said = fs::read_to_string(&path).unwrap_or_default();
            return Err(format!("{arguments:?}: {fault}: {said}"));
        }
        let pid = Pid::from_raw(child.id().cast_signed()).ok_or("no process")?;
        for &signal in signals {
            kill_process(pid, signal).map_err(|error| error.to_string())?;
        }
        let start = Instant::now();
        let status = loop {
            match child.try_wait().map_err(words)? {
                Some(status) => break status,
                None if start.elapsed() > 5 * SOON => child.kill().map_err(words)?,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        let (signal, after) = (status.signal(), start.elapsed());
        Ok(Ended { signal, code: status.code(), after, said: fs::read_to_string(path).map_err(words)? })
    }

    /// Those of the programs that hang that run still, once those that were killed have had time to end.
    fn left(&self) -> Vec<Pid> {
        let start = Instant::now();
        loop {
            let running = self.running();
            if running.is_empty() || start.elapsed() > Duration::from_secs(2) {
                return running;
            }
            std::thread::yield_now();
        }
    }

    fn running(&self) -> Vec<Pid> {
        let pids = fs::read_to_string(self.daemon.path().join("pids")).unwrap_or_default();
        let pids = pids.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?));
        pids.filter(|&pid| test_kill_process(pid).is_ok() && !is_dead(pid)).collect()
    }

    /// Runs imk, sends it SIGTERM and SIGINT in turns, and wants it to end by that, soon, in silence and with all that it started.
    fn is_given_up(&self, arguments: &[&str], host: &str) -> Result<(), Failure> {
        for signal in [Signal::TERM, Signal::INT] {
            let ended = self.interrupt(&program::imk().path, arguments, host, &[signal])?;
            let running = self.left();
            kill_all(&running);
            let expected = (Some(signal.as_raw()), true, 0, "");
            let found = (ended.signal, ended.after < SOON, running.len(), ended.said.as_str());
            if found != expected {
                return Err(format!(
                    "{arguments:?}: {found:?} after {:?}, expected {expected:?}",
                    ended.after
                ));
            }
        }
        Ok(())
    }
}

fn kill_all(pids: &[Pid]) {
    for &pid in pids {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Whether it has ended and is not waited for: in a container there may be nobody who does.
fn is_dead(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    status.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

/// An address that only a client can speak to.
const REMOTE: &str = "tcp://127.0.0.1:1";

const RECIPE: &str = "\
refresh:
\tdocker create --name app-t app:t
\tdocker rm app-t
";

const BLOCK: &str = "\
image app
    tags = app:t
endimage
";

fn a_client_that_hangs_is_given_up() -> Result<(), Failure> {
    let bench = Bench::new(Manner::Well, RECIPE, &["docker", "podman"])?;
    bench.is_given_up(&["-s", "refresh"], REMOTE)?;
    bench.is_given_up(&["-s", "--engine=podman", "refresh"], REMOTE)
}

fn a_client_that_hangs_is_given_up_by_runs_that_only_look() -> Result<(), Failure> {
    let bench = Bench::new(Manner::Well, "build:\n\tdocker build --tag app:t .\n", &["docker"])?;
    fs::write(bench.place.path().join("Dockerfile"), "FROM base:1\nCOPY . /\n").map_err(words)?;
    bench.is_given_up(&["--check", "build"], REMOTE)?;
    bench.is_given_up(&["--outdated", "build"], REMOTE)
}

fn git_that_hangs_is_given_up() -> Result<(), Failure> {
    let bench = Bench::new(Manner::Well, "all: a\na: ; touch a\n", &["git"])?;
    bench.is_given_up(&["--affected=HEAD"], REMOTE)
}

fn a_socket_that_hangs_is_given_up() -> Result<(), Failure> {
    let bench = Bench::new(Manner::Hangs, &format!("{RECIPE}{BLOCK}"), &[])?;
    fs::write(bench.place.path().join("Dockerfile"), "FROM scratch\nCOPY . /\n").map_err(words)?;
    let host = bench.daemon.address("e.sock");
    bench.is_given_up(&["-s", "refresh"], &host)?;
    bench.is_given_up(&["-s", "--engine=docker", "app"], &host)?;
    bench.is_given_up(&["--check", "--engine=docker", "app"], &host)
}

/// A `$(shell)` in a block that another image's edges are looked for in.
fn a_signal_while_a_block_is_read_ends_the_run() -> Result<(), Failure> {
    let makefile = "\
after: second ; @echo AFTER
plain: ; @true
second: plain
image app
    tags = $(shell hang)app:1
    dockerfile = Dockerfile
endimage
image second
    tags = b:1
    dockerfile = Dockerfile2
endimage
";
    let bench = Bench::new(Manner::Well, makefile, &["hang"])?;
    for (name, text) in [("Dockerfile", "FROM scratch\nCOPY . /\n"), ("Dockerfile2", "FROM app:1\n")] {
        fs::write(bench.place.path().join(name), text).map_err(words)?;
    }
    let host = bench.daemon.address("e.sock");
    for arguments in [&["--engine=docker", "-s", "after"][..], &["--engine=docker", "--plan", "after"]] {
        let ended = bench.interrupt(&program::imk().path, arguments, &host, &[Signal::TERM])?;
        kill_all(&bench.running());
        // Before anything was started GNU make's default action ends a run.
        if ended.signal != Some(15) || ended.after > SOON || !ended.said.is_empty() {
            return Err(format!("{arguments:?}: {:?} after {:?}: {}", ended.signal, ended.after, ended.said));
        }
    }
    Ok(())
}

/// A context of many gigabytes, whose digests nobody waits for: by runs that have started a process before, and by runs that have not.
fn a_signal_ends_a_run_that_reads_a_context() -> Result<(), Failure> {
    let makefile = "\
all: before app
before: ; @true
image app
    tags = app:1
    context = c
endimage
";
    let bench = Bench::new(Manner::Well, makefile, &[])?;
    let context = bench.place.path().join("c");
    fs::create_dir(&context).map_err(words)?;
    fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY . /\n").map_err(words)?;
    fs::File::create(context.join("big")).and_then(|file| file.set_len(60 << 30)).map_err(words)?;
    // Says that it was asked, and that there is nothing; what follows is the context.
    const ASKED: &str = "#!/bin/sh\necho >\"$FAKE/ready\"\necho 'no such image' >&2\nexit 1\n";
    bench.script("podman", ASKED)?;
    for arguments in [&["--engine=podman", "-s", "all"][..], &["--engine=podman", "-n", "app"]] {
        let ended = bench.interrupt(&program::imk().path, arguments, REMOTE, &[Signal::TERM])?;
        if ended.signal != Some(15) || ended.after > SOON || !ended.said.is_empty() {
            return Err(format!("{arguments:?}: {:?} after {:?}: {}", ended.signal, ended.after, ended.said));
        }
    }
    Ok(())
}

/// Several images are asked for at once, each by a thread of its own.
fn all_that_wait_are_given_up_for_one_signal() -> Result<(), Failure> {
    let bench = Bench::new(Manner::Well, "build:\n\tpodman build --tag app:t .\n", &["skopeo"])?;
    let dockerfile = "FROM one:1\nFROM two:1\nFROM three:1\nCOPY --from=0 / /\nCOPY --from=1 / /\n";
    fs::write(bench.place.path().join("Dockerfile"), dockerfile).map_err(words)?;
    bench.script("podman", "#!/bin/sh\necho 'no such image' >&2\nexit 125\n")?;
    bench.is_given_up(&["--outdated", "--engine=podman", "build"], REMOTE)
}

/// Shells wait for their children by a signal.
fn tools_have_no_signal_blocked() -> Result<(), Failure> {
    let bench = Bench::new(Manner::Well, RECIPE, &[])?;
    // A shell that starts a program has signals blocked for a moment.
    let script = "#!/bin/sh\nwhile read -r line; do case $line in SigBlk:*) echo \"$line\" >>\"$FAKE/blocked\";; esac\n\
        done </proc/$$/status\n\
        case \"$1\" in create) echo >\"$FAKE/ready\";; *) exit 1;; esac\n";
    bench.script("docker", script)?;
    bench.interrupt(&program::imk().path, &["-s", "refresh"], REMOTE, &[])?;
    let blocked = fs::read_to_string(bench.daemon.path().join("blocked")).map_err(words)?;
    let is_free = |line: &str| line.ends_with("0000000000000000");
    match blocked.lines().count() > 2 && blocked.lines().all(is_free) {
        true => Ok(()),
        false => Err(blocked),
    }
}

/// SIGUSR1 ends no run, and SIGQUIT ends it with a status.
fn signals_before_any_recipe_are_makes() -> Result<(), Failure> {
    let gnu_make = program::gnu_make().ok_or("no GNU make")?;
    for signals in [&[Signal::QUIT][..], &[Signal::USR1, Signal::QUIT], &[Signal::USR1, Signal::TERM]] {
        let mut ends = Vec::new();
        for make in [gnu_make, &program::imk()] {
            let bench = Bench::new(Manner::Well, "X := $(shell hang)\nall: ; @true\n", &["hang"])?;
            let ended = bench.interrupt(&make.path, &[], REMOTE, signals)?;
            kill_all(&bench.running());
            ends.push((ended.signal, ended.code, ended.said));
        }
        if ends[0] != ends[1] {
            return Err(format!("{signals:?}: GNU make {:?}, imk {:?}", ends[0], ends[1]));
        }
    }
    Ok(())
}

/// Waits that no engine is the cause of, in runs that have started a process, and so clean up.
fn waits_end_as_makes_do() -> Result<(), Failure> {
    let gnu_make = program::gnu_make().ok_or("no GNU make")?;
    let long = "$(shell head -c 300000 /dev/zero | tr '\\0' x)";
    for (what, recipe) in [
        ("a pipe that nobody writes", "@echo $(file <fifo)".to_owned()),
        ("a makefile that is such a pipe", "@echo $(eval include fifo)".to_owned()),
        ("a command that says no more", "@echo $(shell exec >&-; sleep 300)".to_owned()),
        ("a pipe that nobody reads", format!("@: $(info {long})")),
        ("the same, and more", format!("@: $(info {long})$(info {long})$(info {long})")),
        ("what is run, in such a pipe", format!(": {long}")),
    ] {
        for signal in [Signal::TERM, Signal::INT] {
            let mut ends = Vec::new();
            for make in [gnu_make, &program::imk()] {
                let makefile = format!("all: before ; {recipe}\nbefore: ; @echo >$(FAKE)/ready\n");
                let bench = Bench::new(Manner::Well, &makefile, &[])?;
                Command::new("mkfifo").arg(bench.place.path().join("fifo")).status().map_err(words)?;
                let ended = bench.interrupt(&make.path, &[], REMOTE, &[signal])?;
                ends.push((ended.signal, ended.after < SOON));
            }
            // GNU make may lose the child of `$(shell)` while it handles the signal, and say so by its status.
            if ends[1] != (Some(signal.as_raw()), true) || !ends[0].1 {
                return Err(format!("{what}, {signal:?}: GNU make {:?}, imk {:?}", ends[0], ends[1]));
            }
        }
    }
    Ok(())
}

/// What is under way to remove what the run made is not given up: the client here answers once it is asked to remove. The signal that comes
/// right after the first is the same wish.
fn a_removal_is_waited_for() -> Result<(), Failure> {
    const SLOW: &str = r#"#!/bin/sh
echo "$*" >>"$FAKE/log"
case "$*" in
"create "*) : >"$FAKE/there"; exit 1 ;;
"container rm "*) echo >"$FAKE/ready"; read go <"$FAKE/go"; rm "$FAKE/there"; echo id ;;
"container inspect "*)
    if [ -e "$FAKE/there" ]; then
        printf '[{"Id":"%064d","Name":"/app-t","Created":"%s","Image":"sha256:0"}]\n' 7 "$(date -u +%FT%TZ)"
    else echo "no such container" >&2; exit 1; fi ;;
esac
"#;
    let bench = Bench::new(Manner::Well, RECIPE, &[])?;
    let fake = bench.daemon.path();
    fs::write(fake.join("bin/docker"), SLOW).map_err(words)?;
    Command::new("mkfifo").arg(fake.join("go")).status().map_err(words)?;
    let go = fake.join("go");
    // Opened for writing only when the client reads, which is after the signal.
    let goes = std::thread::spawn(move || fs::write(go, "go\n"));
    let twice = [Signal::TERM, Signal::TERM, Signal::PIPE];
    let ended = bench.interrupt(&program::imk().path, &["-s", "refresh"], REMOTE, &twice)?;
    goes.join().map_err(|_| "no thread")?.map_err(words)?;
    let log = fs::read_to_string(fake.join("log")).map_err(words)?;
    if ended.signal != Some(15) || fake.join("there").exists() || bench.place.path().join(".imk").exists() {
        return Err(format!("{:?}\n{}\n{log}", ended.signal, ended.said));
    }
    Ok(())
}

/// The shell writes to the target, and then ends by the signal, when imk has deleted the target.
fn what_a_recipe_makes_at_its_end_is_deleted() -> Result<(), Failure> {
    let recipe = "trap 'echo half >$@; trap - TERM; kill -TERM $$$$' TERM; echo half >$@; echo >$$FAKE/ready; while :; do :; done";
    let bench = Bench::new(Manner::Well, &format!("made: ; @{recipe}\n"), &[])?;
    let ended = bench.interrupt(&program::imk().path, &[], REMOTE, &[Signal::TERM])?;
    match bench.place.path().join("made").exists() {
        true => Err(format!("half of a target is left: {}", ended.said)),
        false => Ok(()),
    }
}

/// GNU make ends in its handler and leaves the command of `$(shell)` to itself.
fn a_shell_is_left_as_make_leaves_it() -> Result<(), Failure> {
    let makefile = "all: before ; @echo $(shell hang)\nbefore: ; @true\n";
    let gnu_make = program::gnu_make().ok_or("no GNU make")?;
    for signal in [Signal::TERM, Signal::INT] {
        let mut ends = Vec::new();
        for make in [gnu_make, &program::imk()] {
            let bench = Bench::new(Manner::Well, makefile, &["hang"])?;
            let ended = bench.interrupt(&make.path, &[], REMOTE, &[signal])?;
            let running = bench.running();
            kill_all(&running);
            ends.push((ended.signal, ended.after < SOON, running.len(), ended.said));
        }
        if ends[0] != ends[1] {
            return Err(format!("{signal:?}: GNU make {:?}, imk {:?}", ends[0], ends[1]));
        }
    }
    Ok(())
}

fn a_makefile_from_standard_input_is_removed() -> Result<(), Failure> {
    let gnu_make = program::gnu_make().ok_or("no GNU make")?;
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut ends = Vec::new();
        for make in [gnu_make, &program::imk()] {
            let bench = Bench::new(Manner::Well, "", &["hang"])?;
            fs::write(bench.place.path().join("input"), "X := $(shell hang)\nall: ; @true\n")
                .map_err(words)?;
            let ended = bench.interrupt(&make.path, &["-f", "-"], REMOTE, &[signal])?;
            let running = bench.running();
            kill_all(&running);
            let left = fs::read_dir(bench.daemon.path().join("temporary")).map_err(words)?.count();
            ends.push((ended.signal, left));
        }
        if ends[0] != ends[1] || ends[1].1 != 0 {
            return Err(format!("{signal:?}: GNU make {:?}, imk {:?}", ends[0], ends[1]));
        }
    }
    Ok(())
}

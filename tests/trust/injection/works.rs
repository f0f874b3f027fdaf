//! What imk does while its system calls fail, and what must hold after: files made, images made and removed, blocks, reports, times,
//! a signal, a session. Knows nothing of which call fails.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Failure;
use crate::daemon::Manner;
use crate::scene::{Outcome, Scene, words};

/// A work: how it is set up, run, and held to what it should come to.
pub struct Work {
    /// Its name.
    pub name: &'static str,
    /// imk's arguments.
    pub arguments: &'static [&'static str],
    /// Its folder, and the engine.
    pub scene: fn() -> Result<Scene, Failure>,
    /// Runs it; the words are those of `strace`, of imk and of its arguments.
    pub run: fn(&Scene, &[&str]) -> Result<Outcome, Failure>,
    /// What must hold after, whatever failed.
    pub hold: fn(&Scene, &Outcome, &Hit) -> Result<(), Failure>,
    /// How a run may end.
    pub ends: &'static [&'static str],
}

/// A call that was made to fail; an empty one where none was.
#[derive(Default)]
pub struct Hit {
    /// The call's name.
    pub call: &'static str,
    /// The error's.
    pub error: &'static str,
    /// The calls that were hit, with their arguments, as `strace` writes them.
    pub lines: Vec<String>,
}

impl Hit {
    /// Whether memory was asked for.
    pub fn is_of_memory(&self) -> bool {
        matches!(self.call, "brk" | "mmap" | "mremap" | "mprotect" | "munmap")
    }

    /// Whether what imk wanted was forbidden to it, or led in a circle of links, by the name of a file that holds `words`: there is no
    /// such file then, as for GNU make.
    fn forbids(&self, words: &str) -> bool {
        matches!(self.error, "EACCES" | "ELOOP") && self.lines.iter().any(|line| line.contains(words))
    }

    /// Whether the engine's client could not be looked at, so that it is on no search path: what the shell starts all the same is nobody's.
    fn hides_client(&self) -> bool {
        let is_look =
            matches!(self.call, "statx" | "stat" | "newfstatat" | "access" | "faccessat" | "faccessat2");
        is_look
            && self.lines.iter().any(|line| line.contains("/bin/podman\"") || line.contains("/bin/docker\""))
    }

    /// Whether `$(shell)` may have come to nothing or to less by it.
    fn may_be_of_shell(&self) -> bool {
        let calls = ["clone", "clone3", "vfork", "execve", "read", "pipe", "pipe2", "dup2", "dup3", "fcntl"];
        calls.contains(&self.call)
    }
}

/// How a run ends by itself.
const USUAL: &[&str] = &["0", "1", "2"];

pub const WORKS: [Work; 15] = [
    Work { name: "files", arguments: &[], scene: plain, run: plainly, hold: plain_holds, ends: USUAL },
    Work {
        name: "files side by side",
        arguments: &["-j3", "-Otarget"],
        scene: plain,
        run: plainly,
        hold: plain_holds,
        ends: USUAL,
    },
    Work {
        name: "files with reports",
        arguments: &["-j2", "--report=r.json", "--trace-file=t.json", "--events=e.json"],
        scene: plain,
        run: plainly,
        hold: reports_hold,
        ends: USUAL,
    },
    Work {
        name: "a makefile from standard input",
        arguments: &["-f", "-", "-C", "."],
        scene: plain,
        run: from_standard_input,
        hold: plain_holds,
        ends: USUAL,
    },
    Work {
        name: "a target that fails",
        arguments: &["-k"],
        scene: failing,
        run: plainly,
        hold: failing_holds,
        ends: &["2"],
    },
    Work {
        name: "times",
        arguments: &["-t"],
        scene: touched,
        run: plainly,
        hold: touched_holds,
        ends: USUAL,
    },
    Work {
        name: "a signal",
        arguments: &["-j2"],
        scene: interrupted,
        run: plainly,
        hold: interrupted_holds,
        ends: &["1", "2", "signal 15"],
    },
    Work {
        name: "images",
        arguments: &[],
        scene: || images("docker", false),
        run: plainly,
        hold: images_hold,
        ends: USUAL,
    },
    Work {
        name: "images, the copy failing",
        arguments: &[],
        scene: || images("docker", true),
        run: plainly,
        hold: images_hold,
        ends: &["2"],
    },
    Work {
        name: "images by a client",
        arguments: &[],
        scene: || images("podman", false),
        run: plainly,
        hold: images_hold,
        ends: USUAL,
    },
    Work {
        name: "images by a client, the copy failing",
        arguments: &[],
        scene: || images("podman", true),
        run: plainly,
        hold: images_hold,
        ends: &["2"],
    },
    Work {
        name: "a block",
        arguments: &[],
        scene: || block("docker", false),
        run: plainly,
        hold: block_holds,
        ends: USUAL,
    },
    Work {
        name: "a block by a client",
        arguments: &["-j2"],
        scene: || block("podman", false),
        run: plainly,
        hold: block_holds,
        ends: USUAL,
    },
    Work {
        name: "a block by a client, the copy failing",
        arguments: &[],
        scene: || block("podman", true),
        run: plainly,
        hold: block_holds,
        ends: &["2"],
    },
    Work {
        name: "a session",
        arguments: &["--watch", "--quiet-period=20", "--max-wait=100"],
        scene: session,
        run: watched,
        hold: session_holds,
        ends: &["0", "1", "2", "signal 15"],
    },
];

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
pub const RESULT: &str = "input input in input\ninput\ninput\n";
/// The same without the makefile that is made, and without what a wildcard finds.
const WITHOUT_V: &str = "input input in\ninput\ninput\n";
const WITHOUT_W: &str = "input input input\ninput\ninput\n";

fn plainly(place: &Scene, words: &[&str]) -> Result<Outcome, Failure> {
    place.run(words)
}

pub fn plain() -> Result<Scene, Failure> {
    Scene::new(PLAIN, Manner::Well)
}

/// What must hold after a run that made nothing but files: a success made them all and right, and the next run does.
pub fn plain_holds(place: &Scene, outcome: &Outcome, hit: &Hit) -> Result<(), Failure> {
    // As for GNU make `$(shell)` that can't be run, or be heard to its end, is told, and has what came.
    let is_told = hit.may_be_of_shell()
        && outcome.stderr.lines().any(|line| {
            let calls = ["read: ", "pipe: ", "/bin/sh: ", "cat: ", "fork: ", "vfork: "];
            calls.iter().any(|call| line.contains(call))
        });
    // As for GNU make an optional makefile that is forbidden may be missing (the one of this name that is looked for in other folders),
    // and a folder that is forbidden, or gone by now, has no files.
    let made = place.read("c.txt");
    let is_forbidden = hit.forbids("/include/gen.mk\"") && made.as_deref() == Some(WITHOUT_V)
        || (hit.forbids("(\".\", ") || hit.call == "getdents64" && hit.error == "ENOENT")
            && made.as_deref() == Some(WITHOUT_W);
    if outcome.status == "0" && !is_told && !is_forbidden && place.read("c.txt").as_deref() != Some(RESULT) {
        return Err(format!("a success that made {:?}", place.read("c.txt")));
    }
    users_files(place)?;
    if is_told || is_forbidden {
        let _ = fs::remove_file(place.dir().join("c.txt"));
    }
    no_litter(place, outcome)?;
    let next = place.imk(&[])?;
    if next.status != "0" || place.read("c.txt").as_deref() != Some(RESULT) {
        return Err(format!("the next run: {next:?}, {:?}", place.read("c.txt")));
    }
    Ok(())
}

fn users_files(place: &Scene) -> Result<(), Failure> {
    if place.read("in").as_deref() == Some("input\n") {
        Ok(())
    } else {
        Err("the user's file is lost".to_owned())
    }
}

/// Whether it was told that the file `name` is left: in imk's words, or in GNU make's of a makefile from standard input.
fn is_told_left(outcome: &Outcome, name: &str) -> bool {
    let tells = |line: &str| line.contains(" is left: ") || line.contains("unlink (temporary file): ");
    outcome.stderr.lines().any(|line| tells(line) && line.contains(name))
}

/// No file is left that was not told.
fn no_litter(place: &Scene, outcome: &Outcome) -> Result<(), Failure> {
    let mut litter = place.litter();
    // Of an imk that starts itself again and is not even loaded, the copy of standard input stays: nobody is there to remove it.
    let is_unloaded = outcome.stderr.contains("error while loading shared libraries");
    litter.retain(|name| !is_unloaded || !name.starts_with("Gm"));
    litter.retain(|name| !is_told_left(outcome, name));
    if litter.is_empty() { Ok(()) } else { Err(format!("left: {litter:?}")) }
}

/// A report is whole where the run says nothing of it.
fn reports_hold(place: &Scene, outcome: &Outcome, hit: &Hit) -> Result<(), Failure> {
    for name in ["r.json", "t.json"] {
        let text = place.read(name).unwrap_or_default();
        let is_whole = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        if !is_whole && !outcome.stderr.contains(name) && outcome.status == "0" {
            return Err(format!("a success with the report {name} {text:?}"));
        }
    }
    let events = place.read("e.json").unwrap_or_default();
    let is_whole = events.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
    if (!is_whole || events.is_empty()) && !outcome.stderr.contains("e.json") && outcome.status == "0" {
        return Err(format!("a success with the events {events:?}"));
    }
    plain_holds(place, outcome, hit)
}

fn from_standard_input(place: &Scene, words_: &[&str]) -> Result<Outcome, Failure> {
    let mut command = place.command(words_);
    command.stdin(fs::File::open(place.dir().join("Makefile")).map_err(words)?);
    place.wait(&mut command.spawn().map_err(words)?)
}

/// A target that is half made when its recipe fails, beside one that is made.
fn failing() -> Result<Scene, Failure> {
    let makefile = ".DELETE_ON_ERROR:\nall: bad good\nbad: in\n\t@echo half >bad; exit 3\n\
                    good: in\n\t@cp in good.new && mv good.new good\n";
    Scene::new(makefile, Manner::Well)
}

fn failing_holds(place: &Scene, outcome: &Outcome, _: &Hit) -> Result<(), Failure> {
    let is_told = outcome.stderr.contains("unlink: bad") || outcome.stderr.contains("bad: ");
    if place.read("bad").is_some() && !is_told {
        return Err("half a target is left and not told".to_owned());
    }
    if !matches!(place.read("good").as_deref(), None | Some("input\n")) {
        return Err(format!("half of good: {:?}", place.read("good")));
    }
    users_files(place)?;
    no_litter(place, outcome)?;
    let _ = fs::remove_file(place.dir().join("bad"));
    let next = place.imk(&["-k"])?;
    if next.status != "2" || place.read("good").as_deref() != Some("input\n") || place.read("bad").is_some() {
        return Err(format!("the next run: {next:?}"));
    }
    Ok(())
}

/// Targets that are there and older, and one that is not.
fn touched() -> Result<Scene, Failure> {
    let place = Scene::new("all: one two\none two: in\n\t@cp in $@\n", Manner::Well)?;
    for name in ["all", "one"] {
        place.write(name, "old\n")?;
        let file = fs::File::options().append(true).open(place.dir().join(name)).map_err(words)?;
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).map_err(words)?;
    }
    Ok(place)
}

fn touched_holds(place: &Scene, outcome: &Outcome, _: &Hit) -> Result<(), Failure> {
    users_files(place)?;
    if place.read("one").as_deref() != Some("old\n") || place.read("all").as_deref() != Some("old\n") {
        return Err("what a file holds is lost".to_owned());
    }
    if outcome.status == "0" {
        let again = place.imk(&["-q"])?;
        if again.status != "0" {
            return Err(format!("a success, and not up to date: {again:?}"));
        }
    }
    let next = place.imk(&["-t"])?;
    let again = place.imk(&["-q"])?;
    if next.status != "0" || again.status != "0" || place.read("two").as_deref() != Some("") {
        return Err(format!("the next run: {next:?}, {again:?}"));
    }
    no_litter(place, outcome)
}

/// A recipe that has imk ended in its midst, while another runs.
fn interrupted() -> Result<Scene, Failure> {
    let makefile = "all: half other\nhalf: in\n\t@echo half >half; kill -TERM $$PPID; sleep 0.3; exit 1\n\
                    other: in\n\t@echo half >other; sleep 0.3; exit 1\n";
    Scene::new(makefile, Manner::Well)
}

fn interrupted_holds(place: &Scene, outcome: &Outcome, hit: &Hit) -> Result<(), Failure> {
    users_files(place)?;
    // Signals are heeded by a pair of sockets; without one they end imk as they end any program, and as SIGKILL does.
    if hit.call != "socketpair" || outcome.status != "signal 15" {
        no_litter(place, outcome)?;
    }
    // As for GNU make: what failed by itself is deleted only where `.DELETE_ON_ERROR` says so.
    for name in ["half", "other"] {
        let is_told =
            outcome.stderr.contains(&format!(": {name}]")) || outcome.stderr.contains(&format!(" {name}: "));
        let is_heeded = hit.call != "socketpair";
        if outcome.status == "signal 15" && is_heeded && place.read(name).is_some() && !is_told {
            return Err(format!("{name} is left and not told: {outcome:?}"));
        }
        let _ = fs::remove_file(place.dir().join(name));
    }
    place.write("Makefile", "all: half\nhalf: in\n\t@cp in half\n")?;
    let next = place.imk(&[])?;
    if next.status != "0" || place.read("half").as_deref() != Some("input\n") {
        return Err(format!("the next run: {next:?}"));
    }
    Ok(())
}

/// A client that keeps its things in the same files as the daemon does, and answers look-ups.
const CLIENT: &str = include_str!("client");

/// A scene whose engine has a container of the user's, and this client.
fn with_client(makefile: &str, client: &str, fails: bool) -> Result<Scene, Failure> {
    let scene = Scene::new(makefile, Manner::Well)?;
    fs::write(scene.daemon.path().join("container-mine"), "ab".repeat(32)).map_err(words)?;
    let program = scene.daemon.path().join("bin").join(client);
    fs::write(&program, CLIENT).map_err(words)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).map_err(words)?;
    if fails {
        scene.daemon.mark("fail-cp").map_err(words)?;
    }
    Ok(scene)
}

/// A recipe that makes a container and an image, and removes both.
pub const IMAGES: &str = "\
all:
\t@docker build --tag app:t .
\t@docker create --name app-t app:t
\t@docker cp app-t:/x .
\t@docker rm app-t
\t@docker rmi app:t
";

fn images(client: &str, fails: bool) -> Result<Scene, Failure> {
    with_client(&IMAGES.replace("docker", client), client, fails)
}

/// Nothing is left on the engine that was not told, by name; the user's container is there.
fn engine_holds(place: &Scene, outcome: &Outcome, hit: &Hit) -> Result<(), Failure> {
    let mut left = place.daemon.things();
    let mine =
        left.iter().position(|thing| thing == "container-mine").ok_or("the user's container is gone")?;
    left.remove(mine);
    if hit.hides_client() {
        for thing in left {
            fs::remove_file(place.daemon.path().join(thing)).map_err(words)?;
        }
        return Ok(());
    }
    let told = ["is left: ", "is not removed: ", "not cleaned up", "may be left of"];
    let told: Vec<&str> =
        outcome.stderr.lines().filter(|line| told.iter().any(|words| line.contains(words))).collect();
    // What is over at once tells nothing: the next run finds it by the journal.
    if hit.is_of_memory() && outcome.status == "signal 6" {
        return Ok(());
    }
    for thing in &left {
        let name = thing.split_once('-').map_or("", |(_, name)| name);
        // The engine could not be asked what was there before, so that nobody knows what is the run's.
        let general = |line: &&str| {
            ["not cleaned up", "may be left of", "what it left on the engine is not removed"]
                .iter()
                .any(|words| line.contains(words))
        };
        if !told.iter().any(|line| line.contains(name) || general(line)) {
            return Err(format!("left and not told: {thing}"));
        }
    }
    Ok(())
}

/// What was told people remove, where there is no journal to go by.
fn remove_told(place: &Scene, outcome: &Outcome) {
    let told: Vec<&str> = outcome.stderr.lines().filter(|line| line.contains("is not removed: ")).collect();
    for thing in place.daemon.things().iter().filter(|thing| *thing != "container-mine") {
        let name = thing.split_once('-').map_or("", |(_, name)| name);
        let general = |line: &&str| line.contains("what it left on the engine is not removed");
        if told.iter().any(|line| line.contains(name) || general(line)) {
            let _ = fs::remove_file(place.daemon.path().join(thing));
        }
    }
}

fn images_hold(place: &Scene, outcome: &Outcome, hit: &Hit) -> Result<(), Failure> {
    let _ = fs::remove_file(place.daemon.path().join("fail-cp"));
    engine_holds(place, outcome, hit)?;
    users_files(place)?;
    let reaped = place.imk(&["--reap"])?;
    remove_told(place, outcome);
    let next = place.imk(&[])?;
    let litter: Vec<String> =
        place.litter().into_iter().filter(|name| !is_told_left(outcome, name)).collect();
    if next.status != "0" || place.daemon.things() != ["container-mine"] || !litter.is_empty() {
        return Err(format!(
            "the next run: {next:?} after {reaped:?}, with {:?} and {:?}",
            place.daemon.things(),
            litter
        ));
    }
    Ok(())
}

/// An image target whose image has files copied out of it, and goes at the end.
fn block(client: &str, fails: bool) -> Result<Scene, Failure> {
    let makefile = format!(
        "all: app\n\t@cat x/link\nimage app\n  engine = {client}\n  tags = app:t\n  extract = /x:.\n  cleanup = always\nendimage\n"
    );
    let place = with_client("", client, fails)?;
    fs::remove_file(place.dir().join("Makefile")).map_err(words)?;
    place.write("Imkfile", &makefile)?;
    place.write("Dockerfile", "FROM scratch\nCOPY in /x/\n")?;
    Ok(place)
}

fn block_holds(place: &Scene, outcome: &Outcome, hit: &Hit) -> Result<(), Failure> {
    let _ = fs::remove_file(place.daemon.path().join("fail-cp"));
    engine_holds(place, outcome, hit)?;
    users_files(place)?;
    let got = || place.read("x/file").is_some_and(|text| text == "inside\n");
    if outcome.status == "0" && (!got() || place.read("x/link").as_deref() != Some("inside\n")) {
        return Err(format!("a success that made {:?}", place.read("x/file")));
    }
    if !matches!(place.read("x/file").as_deref(), None | Some("inside\n")) {
        return Err(format!("half of a file is in place: {:?}", place.read("x/file")));
    }
    let reaped = place.imk(&["--reap"])?;
    remove_told(place, outcome);
    let next = place.imk(&[])?;
    let mut litter = place.litter();
    litter.retain(|name| name != ".imk" && !is_told_left(outcome, name));
    let journal: Vec<_> = fs::read_dir(place.dir().join(".imk")).into_iter().flatten().flatten().collect();
    if next.status != "0" || !got() || place.daemon.things() != ["container-mine"] || !litter.is_empty() {
        return Err(format!(
            "the next run: {next:?} after {reaped:?}, with {:?}, {litter:?} and {journal:?}",
            place.daemon.things(),
        ));
    }
    let is_told = |name: &str| outcome.stderr.lines().any(|line| line.contains(&format!("{name} is left: ")));
    let kept = |name: &str| (name.starts_with("journal") || name.starts_with("extract")) && !is_told(name);
    if let Some(file) = journal.iter().find(|file| kept(&file.file_name().to_string_lossy())) {
        return Err(format!("left after the next run: {file:?}"));
    }
    Ok(())
}

/// A session that copies `in`.
fn session() -> Result<Scene, Failure> {
    Scene::new("seen: in $(wildcard deep/*)\n\t@cp in seen.new && mv seen.new seen\n", Manner::Well)
}

/// Waits until the clock that files' times are read from is past now: make takes what is as new as its target for old.
fn settle() {
    use rustix::time::{ClockId, clock_gettime};
    let time = |clock| {
        let now = clock_gettime(clock);
        (now.tv_sec, now.tv_nsec)
    };
    let now = time(ClockId::Realtime);
    while time(ClockId::RealtimeCoarse) <= now {
        std::thread::yield_now();
    }
}

/// The process that `strace` runs, which is imk.
fn traced(tracer: u32) -> Option<Pid> {
    let children = fs::read_to_string(format!("/proc/{tracer}/task/{tracer}/children")).ok()?;
    Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
}

/// Has a session see a change, and ends it. One that goes on and does not see it has the status `blind`.
fn watched(place: &Scene, words_: &[&str]) -> Result<Outcome, Failure> {
    let mut child = place.command(words_).spawn().map_err(words)?;
    let mut saw = |text: &str| -> Result<bool, Failure> {
        let deadline = Instant::now() + Duration::from_secs(15);
        while Instant::now() < deadline {
            if place.read("seen").as_deref() == Some(text) {
                return Ok(true);
            }
            if child.try_wait().map_err(words)?.is_some() {
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(false)
    };
    let mut is_blind = !saw("input\n")?;
    if !is_blind {
        settle();
        place.write("in", "changed\n")?;
        is_blind = !saw("changed\n")?;
    }
    if let Some(session) = traced(child.id()) {
        let _ = kill_process(session, Signal::TERM);
    }
    let outcome = place.wait(&mut child)?;
    // A run that can't be started is told, and made at the next change.
    is_blind &= !outcome.stderr.contains("a run can't be started: ");
    if is_blind { Err(format!("a session that goes on and does not see: {outcome:?}")) } else { Ok(outcome) }
}

fn session_holds(place: &Scene, outcome: &Outcome, _: &Hit) -> Result<(), Failure> {
    no_litter(place, outcome)?;
    if outcome.status != "signal 15" && outcome.stderr.is_empty() {
        return Err("a session that ended without a word".to_owned());
    }
    let next = place.imk(&[])?;
    if next.status != "0" || place.read("seen") != place.read("in") {
        return Err(format!("the next run: {next:?}"));
    }
    Ok(())
}

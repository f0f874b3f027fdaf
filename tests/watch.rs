//! Watch sessions for real: the program, files, editors, git, signals and a terminal. Each step waits for a line that the session
//! says; that something does not start a run is seen by what the next run says it started for.

#[path = "watch/edited.rs"]
mod edited;
#[path = "watch/names.rs"]
mod names;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Only a session that hangs takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// A command that heeds signals, where whoever started the tests in the background has SIGINT ignored: what is ignored all children
/// ignore too.
fn heeding(program: &str) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP,INT,QUIT,TERM").arg(program);
    command
}

struct Watch {
    folder: tempfile::TempDir,
    child: Option<Child>,
    lines: Option<Receiver<String>>,
    heard: Vec<String>,
    path: Option<PathBuf>,
    variables: Vec<(String, String)>,
}

impl Watch {
    fn new(files: &[(&str, &str)]) -> Watch {
        let folder = tempfile::tempdir().expect("a folder");
        let watch =
            Watch { folder, child: None, lines: None, heard: Vec::new(), path: None, variables: Vec::new() };
        for (name, text) in files {
            watch.write(name, text);
        }
        watch
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.root().join(name)).unwrap_or_default()
    }

    fn sh(&self, script: &str) -> bool {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(self.root()).stdin(Stdio::null()).stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = heeding(env!("CARGO_BIN_EXE_imk"));
        command.arg("--watch").args(words).current_dir(self.root());
        for name in ["MAKEFLAGS", "MAKELEVEL", "IMKFLAGS", "GNUMAKEFLAGS"] {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(path) = &self.path {
            let rest = std::env::var("PATH").unwrap_or_default();
            command.env("PATH", format!("{}:{rest}", path.display()));
        }
        command
    }

    /// Waits until the clock that files' times are read from is past now: a session counts what is as new as itself, and make takes
    /// what is as new as its target for old.
    fn settle(&self) {
        use rustix::time::{ClockId, clock_gettime};
        let time = |clock| {
            let now = clock_gettime(clock);
            (now.tv_sec, now.tv_nsec)
        };
        let now = time(ClockId::Realtime);
        while time(ClockId::RealtimeCoarse) <= now {
            thread::yield_now();
        }
    }

    fn start(&mut self, words: &[&str]) {
        self.settle();
        let mut command = self.command(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("imk");
        let stderr = child.stderr.take().expect("a pipe");
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        (self.child, self.lines) = (Some(child), Some(lines));
    }

    /// Starts the session and waits until it is idle.
    fn begin(files: &[(&str, &str)], words: &[&str]) -> Watch {
        let mut watch = Watch::new(files);
        watch.start(words);
        watch.idle();
        watch
    }

    /// Waits for a line that contains `wanted`.
    fn line(&mut self, wanted: &str) -> String {
        let lines = self.lines.as_ref().expect("a session");
        loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.heard.push(line.clone());
                    if line.contains(wanted) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no `{wanted}` after {:#?}", self.heard),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended without `{wanted}`: {:#?}", self.heard)
                }
            }
        }
    }

    fn idle(&mut self) -> String {
        let line = self.line("watching ");
        self.settle();
        line
    }

    /// Waits until the next run is over, and returns what it was started for.
    fn run(&mut self) -> String {
        let line = self.line(": making ");
        self.idle();
        line
    }

    /// How many runs were started so far.
    fn runs(&self) -> usize {
        self.heard.iter().filter(|line| line.contains(": making ") || line.contains(" making ")).count()
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let child = self.child.as_ref().expect("a session");
        let pid = rustix::process::Pid::from_raw(child.id() as i32).expect("a process");
        rustix::process::kill_process(pid, signal).expect("it runs");
    }

    fn end(&mut self) -> std::process::ExitStatus {
        self.child.as_mut().expect("a session").wait().expect("an end")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child
            && child.try_wait().is_ok_and(|status| status.is_none())
        {
            self.signal(rustix::process::Signal::TERM);
            let child = self.child.as_mut().expect("a session");
            let _ = child.wait();
        }
    }
}

const COPY: &str = "out: in\n\tcat in > out\n";

#[test]
fn a_change_of_an_input_makes_the_goal_and_another_file_does_not() {
    let mut watch = Watch::begin(&[("Makefile", COPY), ("in", "1\n"), ("other", "")], &[]);
    assert_eq!(watch.text("out"), "1\n");
    watch.write("other", "x");
    watch.write("in", "2\n");
    assert_eq!(watch.run(), "imk: in changed: making out");
    assert_eq!(watch.text("out"), "2\n");
    watch.signal(rustix::process::Signal::INT);
    assert_eq!(watch.end().signal(), Some(2));
}

#[test]
fn goals_are_made_each_for_its_own_inputs() {
    let makefile = ".PHONY: one two\none: a\n\t@echo one >> log\ntwo: b c\n\t@echo two >> log\n";
    let mut watch = Watch::begin(&[("Makefile", makefile), ("a", ""), ("b", ""), ("c", "")], &["one", "two"]);
    watch.write("b", "1");
    assert_eq!(watch.run(), "imk: b changed: making two");
    watch.write("a", "1");
    assert_eq!(watch.run(), "imk: a changed: making one");
    watch.sh("touch c");
    assert_eq!(watch.run(), "imk: c changed: making two");
    assert_eq!(watch.text("log"), "one\ntwo\ntwo\none\ntwo\n");
}

#[test]
fn a_failed_run_waits_for_the_next_change() {
    let mut watch = Watch::new(&[("Makefile", "out: in\n\tgrep -q good in && cp in out\n"), ("in", "bad\n")]);
    watch.start(&[]);
    watch.line("failed with status 2");
    watch.idle();
    watch.write("in", "good\n");
    assert_eq!(watch.run(), "imk: in changed: making out");
    assert_eq!(watch.text("out"), "good\n");
}

#[test]
fn a_makefile_that_changes_brings_new_inputs_and_faults_are_survived() {
    let mut watch = Watch::begin(&[("Makefile", COPY), ("in", "1\n"), ("more", "m\n")], &[]);
    watch.write("Makefile", "out: in\n\tcat in\nbroken\n");
    watch.line("failed with status 2");
    watch.idle();
    watch.write(
        "Makefile",
        "out: in more\n\tcat in more > out\ninclude later.mk\nlater.mk:;\n-include l2.mk\n",
    );
    watch.run();
    watch.write("more", "n\n");
    assert_eq!(watch.run(), "imk: more changed: making out");
    assert_eq!(watch.text("out"), "1\nn\n");
    // A makefile that was looked for and not found counts from the moment it is there.
    watch.write("l2.mk", "out: third\n");
    watch.write("third", "");
    assert!(watch.run().starts_with("imk: l2.mk"));
}

#[test]
fn names_that_a_wildcard_finds_and_folders_that_appear_later() {
    let makefile = "out: $(wildcard src/*/*.txt)\n\tcat $^ > out\n";
    let files = [("Makefile", makefile), ("src/a/1.txt", "1\n")];
    let mut watch = Watch::begin(&files, &["--quiet-period=500"]);
    watch.write("src/a/0.txt", "0\n");
    assert_eq!(watch.run(), "imk: src/a/0.txt changed: making out");
    watch.write("src/new/2.txt", "2\n");
    watch.run();
    assert_eq!(watch.text("out"), "0\n1\n2\n");
    watch.write("src/new/2.txt", "two\n");
    assert_eq!(watch.run(), "imk: src/new/2.txt changed: making out");
    // A folder replaced by another of its name.
    watch.sh("mv src/a old && mkdir src/a && echo one > src/a/1.txt");
    watch.run();
    watch.write("src/a/1.txt", "uno\n");
    assert_eq!(watch.run(), "imk: src/a/1.txt changed: making out");
    assert_eq!(watch.text("out"), "uno\ntwo\n");
}

#[test]
fn an_absent_input_counts_once_its_folders_are_there() {
    let makefile = "all: ; @cat deep/er/file 2>/dev/null; echo x >> log\nall: $(wildcard deep/er/file)\n-include deep/er/file\n";
    let mut watch = Watch::begin(&[("Makefile", makefile)], &[]);
    watch.sh("mkdir -p deep/er");
    watch.write("deep/er/file", "# 1\n");
    assert!(watch.run().contains("deep"));
}

#[test]
fn editors_ways_to_save_are_one_run_each() {
    // A busy machine may take its time between a save's steps.
    let mut watch = Watch::begin(&[("Makefile", COPY), ("in", "a\n")], &["--quiet-period=500"]);
    let mut ways = vec![
        "sed -i s/a/b/ in",
        "echo c > .in.tmp && mv .in.tmp in",
        "cp in in~ && rm in && echo d > in && rm in~",
        "mv in in.bak && echo e > in && rm in.bak",
        "echo f > in; touch in; chmod 600 in; chmod 644 in",
    ];
    if watch.sh("command -v vim") {
        ways.push("vim -Nu NONE -i NONE -es -c 's/f/g/' -c 'wq' in");
        ways.push("vim -Nu NONE -i NONE -es -c 'set backup backupcopy=no' -c 's/g/h/' -c 'wq' in");
    }
    for (number, way) in ways.iter().enumerate() {
        assert!(watch.sh(way), "{way}");
        assert_eq!(watch.run(), "imk: in changed: making out", "{way}");
        assert_eq!(watch.text("out"), watch.text("in"), "{way}");
        assert_eq!(watch.runs(), number + 2, "{way}: {:#?}", watch.heard);
    }
}

#[test]
fn a_checkout_of_a_thousand_files_and_a_formatter_are_one_run() {
    let makefile = "out: $(sort $(wildcard src/*.txt))\n\tcat $^ > out\n";
    let mut watch = Watch::new(&[("Makefile", makefile)]);
    let prepared = watch.sh(
        "mkdir src && for i in $(seq 1000 1999); do echo one > src/$i.txt; done && git init -q && git add src && \
         git -c user.name=n -c user.email=e commit -qm one && sed -i s/one/two/ src/*.txt && \
         git -c user.name=n -c user.email=e commit -qam two",
    );
    if !prepared {
        eprintln!("skipped: no git");
        return;
    }
    watch.start(&["--quiet-period=400", "--max-wait=60000"]);
    watch.idle();
    assert!(watch.sh("git checkout -q HEAD~1"));
    assert!(watch.run().contains("and 997 more changed"));
    assert_eq!(watch.text("out"), "one\n".repeat(1000));
    assert!(watch.sh("sed -i s/one/three/ src/*.txt"));
    watch.run();
    assert_eq!((watch.text("out"), watch.runs()), ("three\n".repeat(1000), 3));
}

#[test]
fn a_burst_of_events_is_one_run_that_sees_its_end() {
    let mut watch =
        Watch::begin(&[("Makefile", COPY), ("in", "")], &["--quiet-period=2000", "--max-wait=60000"]);
    for number in 0..10_000 {
        watch.write("in", &number.to_string());
    }
    watch.run();
    assert_eq!((watch.text("out"), watch.runs()), ("9999".to_owned(), 2));
}

#[test]
fn a_full_limit_is_said_and_polled_around() {
    let mut watch =
        Watch::new(&[("Makefile", "out: a/in b/in\n\tcat $^ > out\n"), ("a/in", "1\n"), ("b/in", "2\n")]);
    watch.variables.push(("IMK_WATCH_FOLDERS".to_owned(), "1".to_owned()));
    watch.start(&[]);
    watch.line("the limit of inotify watches (fs.inotify.max_user_watches) is reached");
    watch.idle();
    watch.write("b/in", "three\n");
    assert_eq!(watch.run(), "imk: b/in changed: making out");
    assert_eq!(watch.text("out"), "1\nthree\n");
}

#[test]
fn a_change_while_busy_stops_what_it_makes_stale_and_leaves_nothing() {
    let makefile =
        ".PHONY: all\nall: in\n\tcat in >> log; grep -q fast in || { echo $$$$ > pid; sleep 1000; }\n";
    let mut watch = Watch::new(&[("Makefile", makefile), ("in", "slow\n")]);
    assert!(watch.sh("mkfifo pid"));
    watch.start(&["all"]);
    let slow: i32 = watch.text("pid").trim().parse().expect("a process");
    watch.write("in", "fast\n");
    watch.line("in changed: stopping");
    watch.line("stopped after");
    watch.idle();
    assert_eq!(watch.text("log"), "slow\nfast\n");
    let gone = rustix::process::Pid::from_raw(slow).map(rustix::process::test_kill_process);
    assert_eq!(gone, Some(Err(rustix::io::Errno::SRCH)), "the whole group of the run is gone");
}

#[test]
fn a_queued_change_lets_the_run_finish() {
    let makefile = ".PHONY: all\nall: in\n\tcat in >> log; grep -q fast in || { echo > begun; cat < go; }; echo end >> log\n";
    let mut watch = Watch::new(&[("Makefile", makefile), ("in", "slow\n")]);
    assert!(watch.sh("mkfifo begun go"));
    watch.start(&["--on-busy=queue", "all"]);
    watch.line("making all");
    watch.text("begun");
    watch.write("in", "fast\n");
    watch.write("go", "");
    assert_eq!(watch.run(), "imk: in changed: making all");
    assert_eq!(watch.text("log"), "slow\nend\nfast\nend\n");
}

#[test]
fn what_a_run_writes_itself_starts_no_other() {
    // A target that is also a prerequisite, a redirection, and a script nobody can look into.
    let makefile =
        ".PHONY: all\nall: made in list\n\t@date +%N >> in; cp made copy\nmade: src\n\tcp src made\n";
    let files = [("Makefile", makefile), ("src", ""), ("in", ""), ("list", "")];
    let mut watch = Watch::begin(&files, &["all"]);
    watch.write("src", "1");
    assert_eq!(watch.run(), "imk: src changed: making all");
    watch.write("list", "1");
    assert_eq!(watch.run(), "imk: list changed: making all");
    assert_eq!(watch.runs(), 3, "{:#?}", watch.heard);
    let mut watch = Watch::begin(
        &[("Makefile", ".PHONY: all\nall: in\n\t@sh ./s.sh\n"), ("s.sh", "date +%N > in\n"), ("in", "")],
        &["all"],
    );
    watch.write("s.sh", "date +%s%N > in\n");
    watch.write("in", "");
    watch.line("in is changed by the run itself");
    watch.idle();
    assert!(watch.runs() <= 7, "{:#?}", watch.heard);
}

#[test]
fn without_prerequisites_the_files_named_or_the_folder_are_watched() {
    let makefile = ".PHONY: check all\ncheck:\n\t@cat ./Dockerfile >/dev/null\nall:\n\t@true --all\n";
    let files = [("Makefile", makefile), ("Dockerfile", ""), ("x", ""), (".gitignore", "*.log\n")];
    let mut watch = Watch::begin(&files, &["check"]);
    watch.write("x", "1");
    watch.write("Dockerfile", "1");
    assert_eq!(watch.run(), "imk: Dockerfile changed: making check");
    let mut watch = Watch::new(&files);
    watch.sh("git init -q");
    watch.start(&["all"]);
    watch.line("what all reads is not known: watching all of ");
    watch.idle();
    watch.write("new.log", "1");
    watch.write("sub/new", "1");
    assert!(watch.run().contains("sub"));
    watch.write("sub/new", "2");
    assert_eq!(watch.run(), "imk: sub/new changed: making all");
}

#[test]
fn an_image_is_watched_by_what_its_stages_read() {
    let dockerfile = "FROM debian AS one\nCOPY a /\nFROM debian AS two\nCOPY b d /\n";
    let makefile =
        ".PHONY: one two\none:\n\tdocker build --target one .\ntwo:\n\tdocker build --target two .\n";
    let mut watch = Watch::new(&[
        ("Makefile", makefile),
        ("Dockerfile", dockerfile),
        (".dockerignore", "d/*.pyc\n"),
        ("a", ""),
        ("b", ""),
        ("c", ""),
        ("d/x", ""),
        ("bin/docker", "#!/bin/sh\necho \"$@\" >> \"$LOG\"\n"),
    ]);
    watch.sh("chmod +x bin/docker");
    watch.path = Some(watch.root().join("bin"));
    watch.variables.push(("LOG".to_owned(), watch.root().join("log").display().to_string()));
    watch.start(&["one", "two"]);
    watch.idle();
    watch.write("c", "1");
    watch.write("b", "1");
    assert_eq!(watch.run(), "imk: b changed: making two");
    watch.write("d/m.pyc", "1");
    watch.write("a", "1");
    assert_eq!(watch.run(), "imk: a changed: making one");
    watch.write("d/new", "1");
    assert_eq!(watch.run(), "imk: d/new changed: making two");
    watch.write(".dockerignore", "");
    watch.run();
    watch.write("d/m.pyc", "2");
    assert_eq!(watch.run(), "imk: d/m.pyc changed: making two");
    watch.write("Dockerfile", &dockerfile.replace("COPY a", "COPY c"));
    watch.run();
    watch.write("a", "2");
    watch.write("c", "2");
    assert_eq!(watch.run(), "imk: c changed: making one");
}

#[test]
fn sub_makes_tell_of_their_inputs() {
    let files = [
        ("Makefile", ".PHONY: all\nall:\n\t@$(MAKE) -s -C sub\n"),
        ("sub/Makefile", "out: in\n\tcp in out\n"),
        ("sub/in", "1"),
        ("sub/other", ""),
    ];
    let mut watch = Watch::begin(&files, &[]);
    watch.write("sub/other", "1");
    watch.write("sub/in", "2");
    assert_eq!(watch.run(), "imk: sub/in changed: making all");
    assert_eq!(watch.text("sub/out"), "2");
}

#[test]
fn a_thousand_random_edits_end_as_a_clean_build_does() {
    let makefile = "all: out\nout: $(patsubst %.txt,%.up,$(sort $(wildcard src/*.txt)))\n\tcat $^ /dev/null > out\n\
                    %.up: %.txt head\n\tcat head $< > $@\n";
    let mut watch =
        Watch::begin(&[("Makefile", makefile), ("head", "h"), ("src/0.txt", "")], &["--max-wait=300"]);
    let mut random = fastrand::Rng::with_seed(20);
    for number in 0..1000 {
        let name = format!("src/{}.txt", random.u8(0..12));
        match random.u8(0..10) {
            0 => watch.write("head", &format!("head {number}\n")),
            1 => _ = fs::remove_file(watch.root().join(&name)),
            2 => {
                watch.write("temporary", &format!("renamed {number}\n"));
                fs::rename(watch.root().join("temporary"), watch.root().join(&name)).expect("a file");
            }
            _ => watch.write(&name, &format!("{number}\n")),
        }
        if random.u8(0..100) == 0 {
            // Let a run come in between.
            watch.line("making ");
        }
    }
    // The last edit is made alone: once its run is over, nothing is left to do.
    watch.write("src/last.txt", "last\n");
    loop {
        watch.idle();
        if watch.text("out").ends_with("last\n") {
            break;
        }
    }
    let watched = watch.text("out");
    watch.signal(rustix::process::Signal::TERM);
    assert_eq!(watch.end().signal(), Some(15));
    assert!(watch.sh("rm -f out src/*.up"));
    let status = Command::new(env!("CARGO_BIN_EXE_imk")).arg("-s").current_dir(watch.root()).status();
    assert!(status.is_ok_and(|status| status.success()));
    assert_eq!(watched, watch.text("out"));
}

#[test]
fn wrong_options_are_refused() {
    for (words, said) in [
        (&["--quiet-period=x"][..], "--quiet-period needs a number of milliseconds"),
        (&["--on-busy=never"], "unknown argument 'never' for '--on-busy'"),
        (&["-f", "-"], "--watch needs makefiles that are files"),
    ] {
        let watch = Watch::new(&[("Makefile", COPY)]);
        let output = watch.command(words).stdin(Stdio::null()).output().expect("imk");
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(said), "{words:?}: {output:?}");
    }
}

/// A session on a terminal of its own, which `script` makes.
struct Terminal {
    child: Child,
    keys: std::process::ChildStdin,
    output: std::process::ChildStdout,
    screen: String,
}

impl Terminal {
    fn start(watch: &Watch) -> Option<Terminal> {
        watch.settle();
        let line = format!(
            "trap : INT; stty -g > before; {} --watch; echo $? > status; stty -g > after",
            env!("CARGO_BIN_EXE_imk")
        );
        let mut command = heeding("script");
        command.args(["-q", "-f", "-c", &line, "/dev/null"]).current_dir(watch.root());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).env("SHELL", "/bin/sh");
        for name in ["MAKEFLAGS", "MAKELEVEL", "IMKFLAGS", "GNUMAKEFLAGS"] {
            command.env_remove(name);
        }
        if Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err() {
            eprintln!("skipped: no script program");
            return None;
        }
        let mut child = command.spawn().expect("env");
        let (keys, output) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        Some(Terminal { child, keys, output, screen: String::new() })
    }

    fn until(&mut self, wanted: &str) {
        let mut buffer = [0; 4096];
        while !self.screen.contains(wanted) {
            let length = self.output.read(&mut buffer).expect("the terminal");
            assert!(length > 0, "no `{wanted}`: {}", self.screen);
            self.screen.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        let at = self.screen.find(wanted).expect("it is there");
        self.screen.drain(..at + wanted.len());
    }

    fn press(&mut self, key: u8) {
        self.keys.write_all(&[key]).and_then(|()| self.keys.flush()).expect("a key");
    }

    fn end(mut self, watch: &Watch) -> String {
        drop(self.keys);
        let _ = self.output.read_to_end(&mut Vec::new());
        self.child.wait().expect("an end");
        assert!(!watch.text("before").is_empty());
        assert_eq!(watch.text("after"), watch.text("before"), "the terminal's modes come back");
        watch.text("status").trim().to_owned()
    }
}

const KEYS: &str = "[r run, p pause, q quit]";

#[test]
fn keys_run_pause_and_quit_on_a_terminal() {
    let watch = Watch::new(&[("Makefile", COPY), ("in", "1\n")]);
    let Some(mut terminal) = Terminal::start(&watch) else { return };
    terminal.until(KEYS);
    terminal.press(b'r');
    terminal.until("making out");
    terminal.until(KEYS);
    terminal.press(b'p');
    terminal.until("paused ");
    watch.write("in", "2\n");
    terminal.press(b'p');
    terminal.until("in changed: making out");
    terminal.until(KEYS);
    terminal.press(b'q');
    assert_eq!(terminal.end(&watch), "0");
}

#[test]
fn ctrl_c_ends_a_session_and_the_run_that_goes_on() {
    let watch = Watch::new(&[("Makefile", "all:\n\t@echo begun $$$$; echo $$$$ > pid; sleep 1000\n")]);
    let Some(mut terminal) = Terminal::start(&watch) else { return };
    terminal.until("begun");
    while !watch.text("pid").ends_with('\n') {
        thread::yield_now();
    }
    terminal.press(3);
    assert_eq!(terminal.end(&watch), "130");
    let pid = watch.text("pid").trim().parse().expect("a process");
    let gone = rustix::process::Pid::from_raw(pid).map(rustix::process::test_kill_process);
    assert_eq!(gone, Some(Err(rustix::io::Errno::SRCH)));
}

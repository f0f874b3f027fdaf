//! What is seen on a terminal: the line that shows how far a run is, children's output above it, and nothing left behind. The terminal
//! is a pseudo-terminal, and what it shows is worked out here.

use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use libtest_mimic::Trial;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::builder::Failure;
use crate::daemon::{Daemon, Manner};
use crate::program;
use crate::terminal::Terminal;

pub fn trials() -> Vec<Trial> {
    crate::trials![
        the_line_is_shown_below_the_output_and_goes,
        the_line_follows_the_width,
        the_line_has_the_step_that_a_build_is_at,
        children_see_a_terminal_and_their_lines_stay_whole,
        without_jobs_or_images_nothing_is_added,
        none_and_strict_add_nothing,
        a_failed_and_an_interrupted_run_leave_no_line,
        plain_progress_is_lines,
        errors_are_explained_below_makes_lines,
        a_failed_run_says_what_failed_and_how_to_make_it_alone,
        names_are_shown_and_not_obeyed,
        json_of_any_names_is_obeyed_nowhere_and_is_the_same,
    ]
}

/// A run on a terminal of its own.
struct Session {
    ours: OwnedFd,
    child: Child,
    /// All that was written so far.
    written: Vec<u8>,
    folder: tempfile::TempDir,
}

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(30);

fn words(error: impl std::fmt::Display) -> Failure {
    error.to_string()
}

impl Session {
    fn start(makefile: &str, args: &[&str]) -> Result<Session, Failure> {
        Session::start_with(makefile, args, &[])
    }

    fn start_with(makefile: &str, args: &[&str], env: &[(&str, &str)]) -> Result<Session, Failure> {
        let folder = tempfile::Builder::new().prefix("imk-it.").tempdir().map_err(words)?;
        fs::write(folder.path().join("Makefile"), makefile).map_err(words)?;
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).map_err(words)?;
        grantpt(&ours).and_then(|()| unlockpt(&ours)).map_err(words)?;
        let name = ptsname(&ours, Vec::new()).map_err(words)?;
        let theirs = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
            .map_err(words)?;
        resize(&ours, 80)?;
        let stdio = |fd: &OwnedFd| fd.try_clone().map(Stdio::from).map_err(words);
        let mut command = Command::new(program::imk().path);
        command.args(args).current_dir(folder.path()).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("TERM", "xterm").env("LC_ALL", "C");
        command.envs(env.iter().copied());
        command.stdin(Stdio::null()).stdout(stdio(&theirs)?).stderr(stdio(&theirs)?);
        let child = command.spawn().map_err(words)?;
        drop((theirs, command));
        rustix::io::ioctl_fionbio(&ours, true).map_err(words)?;
        Ok(Session { ours, child, written: Vec::new(), folder })
    }

    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match rustix::io::read(self.ours.as_fd(), &mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.written.extend_from_slice(&buffer[..count]);
                true
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {
                thread::sleep(Duration::from_millis(2));
                true
            }
            Err(_) => false,
        }
    }

    /// Waits until the terminal shows what `wanted` is looking for.
    fn wait(&mut self, what: &str, wanted: impl Fn(&[String]) -> bool) -> Result<(), Failure> {
        let late = Instant::now() + LIMIT;
        while Instant::now() < late {
            if wanted(&seen(&self.written)) {
                return Ok(());
            }
            if !self.read() {
                break;
            }
        }
        Err(format!("{what} was never seen: {:?}", String::from_utf8_lossy(&self.written)))
    }

    /// Lets a recipe go on that reads the FIFO `gate`.
    fn open_gate(&self) -> Result<(), Failure> {
        fs::write(self.folder.path().join("gate"), "go\n").map_err(words)
    }

    /// Waits for the end: what the terminal shows then, and the status.
    fn end(mut self) -> Result<(Vec<String>, Vec<u8>, Option<i32>), Failure> {
        let late = Instant::now() + LIMIT;
        while self.read() && Instant::now() < late {}
        let status = self.child.wait().map_err(words)?;
        Ok((seen(&self.written), self.written, status.code()))
    }
}

fn resize(terminal: &OwnedFd, columns: u16) -> Result<(), Failure> {
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).map_err(words)
}

/// What a terminal without end shows of `bytes`: carriage returns, newlines, clearing to the end, and colours are obeyed.
fn seen(bytes: &[u8]) -> Vec<String> {
    let (mut lines, mut column): (Vec<Vec<char>>, usize) = (vec![Vec::new()], 0);
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' => {
                lines.push(Vec::new());
                column = 0;
            }
            '\r' => column = 0,
            '\x1b' => {
                let sequence: String =
                    std::iter::from_fn(|| rest.next_if(|c| !c.is_ascii_alphabetic())).collect();
                let end = rest.next();
                if end == Some('J') && sequence == "[" {
                    lines.last_mut().into_iter().for_each(|line| line.truncate(column));
                }
            }
            other => {
                if let Some(line) = lines.last_mut() {
                    line.resize(line.len().max(column + 1), ' ');
                    line[column] = other;
                    column += 1;
                }
            }
        }
    }
    lines.into_iter().map(|line| line.into_iter().collect()).collect()
}

fn same(found: &[String], expected: &[&str]) -> Result<(), Failure> {
    if found == expected { Ok(()) } else { Err(format!("seen {found:#?}\nexpected {expected:#?}")) }
}

const GATED: &str = "all: long short after\nlong: ; @mkfifo gate; echo begins; read x < gate; echo ends\n\
    short: ; @echo short\nafter: long ; @echo after\n";

fn last(lines: &[String]) -> &str {
    lines.last().map(String::as_str).unwrap_or_default()
}

fn the_line_is_shown_below_the_output_and_goes() -> Result<(), Failure> {
    let mut session = Session::start(GATED, &["-j2"])?;
    session
        .wait("the line", |lines| last(lines).starts_with("1 done, 2 to go: long ") && lines.len() == 3)?;
    session.wait("its time", |lines| last(lines) == "1 done, 2 to go: long 1s")?;
    session.open_gate()?;
    let (lines, _, status) = session.end()?;
    let mut sorted = lines.clone();
    sorted[..2].sort();
    same(&sorted, &["begins", "short", "ends", "after", ""])?;
    if status == Some(0) { Ok(()) } else { Err(format!("{status:?}")) }
}

fn the_line_follows_the_width() -> Result<(), Failure> {
    let mut session = Session::start(GATED, &["-j2"])?;
    session.wait("the line", |lines| last(lines).starts_with("1 done, 2 to go: long "))?;
    resize(&session.ours, 16)?;
    session.wait("the line at 16 columns", |lines| last(lines) == "1 done, 2 to g…")?;
    session.open_gate()?;
    let (lines, ..) = session.end()?;
    if last(&lines).is_empty() { Ok(()) } else { Err(format!("{lines:?}")) }
}

fn the_line_has_the_step_that_a_build_is_at() -> Result<(), Failure> {
    let daemon = Daemon::new(Manner::Well).map_err(words)?;
    // A client that tells what BuildKit's would, and waits in the middle of a step. A Dockerfile as young as this one is built once more.
    let client = "#!/bin/sh\n[ \"$1\" = build ] || exit 0\nmkfifo gate 2>&- || exit 0\nprintf '%s\\n' '#4 [1/2] FROM a' '#4 DONE 0.1s' '#5 [2/2] RUN make' >&2\n\
        read x <gate\necho '#5 DONE 1.0s' >&2\n";
    fs::write(daemon.path().join("bin/docker"), client).map_err(words)?;
    let (path, address) = (daemon.search_path(), daemon.address("e.sock"));
    let env = [("PATH", path.as_str()), ("DOCKER_HOST", address.as_str())];
    let makefile = "image app\n  tags = app:1\nendimage\n$(shell echo FROM a > Dockerfile; echo RUN make >> Dockerfile)\n";
    let mut session = Session::start_with(makefile, &["app"], &env)?;
    session.wait("the step", |lines| {
        last(lines).contains("0 done, 0 to go: app ") && last(lines).ends_with("s [2/2] RUN make")
    })?;
    session.open_gate()?;
    let (lines, ..) = session.end()?;
    if last(&lines).is_empty() { Ok(()) } else { Err(format!("{lines:?}")) }
}

fn children_see_a_terminal_and_their_lines_stay_whole() -> Result<(), Failure> {
    // The one writes half a line, lets the other write its own, and ends it.
    let makefile = "all: one two\n\
        one: ; @mkfifo p q; test -t 1 && test -t 2 && printf 'on a terminal: '; echo go > p; read x < q; echo whole\n\
        two: ; @while ! [ -p q ]; do :; done; read x < p; echo between >&2; echo go > q\n";
    let (lines, _, status) = Session::start(makefile, &["-j2"])?.end()?;
    let mut sorted = lines;
    sorted.sort();
    same(&sorted, &["", "between", "on a terminal: whole"])?;
    if status == Some(0) { Ok(()) } else { Err(format!("{status:?}")) }
}

fn without_jobs_or_images_nothing_is_added() -> Result<(), Failure> {
    let (_, written, _) = Session::start("all: ; @sleep 0.5; echo x\n", &[])?.end()?;
    if written == b"x\r\n" { Ok(()) } else { Err(format!("{:?}", String::from_utf8_lossy(&written))) }
}

fn none_and_strict_add_nothing() -> Result<(), Failure> {
    let failing = "all: ; @sleep 0.5; echo x; exit 3\n";
    let runs = [
        ("--progress=none", "all: ; @sleep 0.5; echo x\n", "x\r\n"),
        ("--posix-strict", failing, "x\r\nimk: *** [Makefile:1: all] Error 3\r\n"),
    ];
    for (option, makefile, expected) in runs {
        let (_, written, _) = Session::start(makefile, &["-j2", option])?.end()?;
        if written != expected.as_bytes() {
            return Err(format!("{option}: {:?}", String::from_utf8_lossy(&written)));
        }
    }
    Ok(())
}

fn a_failed_and_an_interrupted_run_leave_no_line() -> Result<(), Failure> {
    let makefile = "all: ; @sleep 0.6; kill -TERM $$PPID; exec sleep 60\n";
    let (lines, written, status) = Session::start(makefile, &["-j2"])?.end()?;
    if !String::from_utf8_lossy(&written).contains("0 done, 0 to go: ") {
        return Err(format!("no line was shown: {:?}", String::from_utf8_lossy(&written)));
    }
    same(&lines, &["imk: *** [Makefile:1: all] Terminated", ""])?;
    if status.is_none() { Ok(()) } else { Err(format!("no signal but {status:?}")) }
}

fn plain_progress_is_lines() -> Result<(), Failure> {
    let makefile = "all: one\n\t@echo all\none: ; @echo one\n";
    let (lines, ..) = Session::start(makefile, &["--progress=plain"])?.end()?;
    let plain: Vec<String> = lines.iter().map(|line| line.replace(char::is_numeric, "N")).collect();
    same(
        &plain,
        &[
            "one",
            "imk: one: made in N.N s (N done, N to go)",
            "all",
            "imk: all: made in N.N s (N done, N to go)",
            "",
        ],
    )
}

/// What the terminal shows after the program's own lines, at the end of a run without jobs at once.
fn explained(makefile: &str, args: &[&str]) -> Result<Vec<String>, Failure> {
    Ok(Session::start(makefile, args)?.end()?.0)
}

fn errors_are_explained_below_makes_lines() -> Result<(), Failure> {
    let spaces = explained("all:\n    echo x\n", &[])?;
    let expected = [
        "Makefile:2: *** missing separator.  Stop.",
        " 2 |     echo x",
        "   | ^~~~",
        "   = a line of a recipe begins with a tab: these are 4 spaces",
        "",
    ];
    same(&spaces, &expected)?;
    let unknown = explained("show:\n\t@:\n", &["sow"])?;
    let hint = " = a target of that name is not known; there is 'show'";
    same(&unknown, &["imk: *** No rule to make target 'sow'.  Stop.", hint, ""])?;
    let open = explained("all:\nifeq (a,b)\n  x = 1\n", &[])?;
    let expected = [
        "Makefile:4: *** missing 'endif'.  Stop.",
        " 2 | ifeq (a,b)",
        "   | ^~~~~~~~~~",
        "   = this conditional is not closed",
        "",
    ];
    same(&open, &expected)?;
    let call = explained("all: x $(shell echo $(X)\n", &[])?;
    let expected = [
        "Makefile:1: *** unterminated call to function 'shell': missing ')'.  Stop.",
        " 1 | all: x $(shell echo $(X)",
        "   |        ^~~~~~~~~~~~~~~~~",
        "",
    ];
    same(&call, &expected)?;
    let tool = explained("lint: ; @no-such-linter Dockerfile\n", &[])?;
    same(
        tool.get(tool.len().saturating_sub(2)..).unwrap_or_default(),
        &["   = no-such-linter is not on PATH", ""],
    )?;
    // The list of options has pushed the first line off the screen.
    let option = explained("all: ; @:\n", &["--wacth"])?;
    let end = option.get(option.len().saturating_sub(4)..).unwrap_or_default();
    same(end, &["", "imk: unrecognized option '--wacth'", " = there is '--watch'", ""])?;
    let wide = explained("# 日本語\n日本語 text\n", &[])?;
    let expected = ["Makefile:2: *** missing separator.  Stop.", " 2 | 日本語 text", "   | ^~~~~~~~~~~", ""];
    same(&wide, &expected)?;
    let piped = explained("all: ; @imk -f /dev/null x 2>&1 | cat\n", &[])?;
    match piped.iter().any(|line| line.contains(" = ")) {
        true => Err(format!("{piped:?}")),
        false => Ok(()),
    }
}

fn a_failed_run_says_what_failed_and_how_to_make_it_alone() -> Result<(), Failure> {
    let makefile = "all: before lint\nbefore: ; @echo before\nlint:\n\t@echo linting\n\tno-such-linter --all 2>/dev/null\n";
    let lines = explained(makefile, &["X=a b"])?;
    let expected = [
        "before",
        "linting",
        "no-such-linter --all 2>/dev/null",
        "imk: *** [Makefile:5: lint] Error 127",
        "Makefile:5: lint: Error 127",
        " 5 |     no-such-linter --all 2>/dev/null",
        "   |     ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~",
        "   = no-such-linter is not on PATH",
        "   = to make it alone: imk 'X=a b' lint",
        "",
    ];
    same(&lines, &expected)?;
    let lines = explained(makefile, &["-j2", "lint"])?;
    let expected = [
        "linting",
        "no-such-linter --all 2>/dev/null",
        "imk: *** [Makefile:5: lint] Error 127",
        "Makefile:5: lint: Error 127",
        " 5 |     no-such-linter --all 2>/dev/null",
        "   |     ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~",
        "   = no-such-linter is not on PATH",
        "   = its output begins 3 lines above",
        "",
    ];
    same(&lines, &expected)
}

/// What a terminal obeys: a command of its own, a clear screen as one character, a direction of text, a colour, a step back.
const OBEYED: [&str; 5] = ["\u{1b}]owned\u{7}", "\u{9b}2J", "\u{202e}", "\u{1b}[8m", "\u{8}"];

/// Runs imk with these words on a terminal, in a folder with a makefile and a folder of this name: all that the terminal was sent.
fn sent(makefile: &str, folder: &str, args: &[&str]) -> Result<String, Failure> {
    let place = tempfile::Builder::new().prefix("imk-it.").tempdir().map_err(words)?;
    fs::write(place.path().join("Makefile"), makefile).map_err(words)?;
    fs::create_dir(place.path().join(folder)).map_err(words)?;
    fs::write(place.path().join(folder).join("Makefile"), makefile).map_err(words)?;
    let imk = program::imk().path;
    let all: Vec<&std::ffi::OsStr> =
        std::iter::once(imk.as_os_str()).chain(args.iter().map(std::ffi::OsStr::new)).collect();
    Ok(Terminal::start(&all, place.path(), place.path(), (200, 50))?.end()?.1)
}

fn names_are_shown_and_not_obeyed() -> Result<(), Failure> {
    let name = format!("a{}b", OBEYED.concat());
    let makefile = format!(".PHONY: {name}\n## About {name}.\n{name}: dep ; @:\ndep: ; @echo made\n");
    let runs: [&[&str]; 18] = [
        &["-wC", &name],
        &["-w", "-n", "-C", &name, "dep"],
        &["-wq", "-C", &name, &name],
        &["--output-sync", "-j2", "-wC", &name, "dep"],
        &["-C", &format!("no{name}")],
        &["-f", &format!("no{name}")],
        &[&format!("no{name}")],
        &["--list"],
        &["--list=names"],
        &["--graph", &name],
        &["--graph=dot", &name],
        &["--plan", &name],
        &["--check", &name],
        &["--why", &name],
        &["-n", "--debug=all", &name],
        &["-n", "--trace", &name],
        &["-qp", &name],
        &["--progress=plain", &name],
    ];
    for args in runs {
        let shown = sent(&makefile, &name, args)?;
        if let Some(obeyed) = OBEYED.iter().find(|obeyed| shown.contains(**obeyed)) {
            return Err(format!("{args:?}: {obeyed:?} is in {shown:?}"));
        }
        if args[0] == "-wC" && !shown.contains("a\u{fffd}]owned") {
            return Err(format!("{args:?} does not name the folder: {shown:?}"));
        }
    }
    Ok(())
}

fn json_of_any_names_is_obeyed_nowhere_and_is_the_same() -> Result<(), Failure> {
    let name = format!("a{}##[error]\u{7f}\u{2028}b", OBEYED.concat());
    let escaped = name.replace('#', "\\#");
    let makefile =
        format!(".PHONY: {escaped}\n## About {escaped}.\n{escaped}: ; @docker pull 'x{escaped}'\n");
    let forms: [&[&str]; 5] = [
        &["--list=json"],
        &["--plan=json", &name],
        &["--check=json", &name],
        &["--why=json", "-n", &name],
        &["-n", "--events=fd:1", &name],
    ];
    for args in forms {
        let shown = sent(&makefile, "folder", args)?;
        let is_raw =
            |c: char| c.is_control() && !matches!(c, '\r' | '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        let own: String =
            shown.lines().filter(|line| !line.starts_with("docker ")).collect::<Vec<_>>().join("\n");
        if own.contains(is_raw) || own.contains("##[") {
            return Err(format!("{args:?}: {own:?}"));
        }
        let mut values = serde_json::Deserializer::from_str(&own).into_iter::<serde_json::Value>();
        let whole: Result<Vec<_>, _> = values.by_ref().collect();
        let whole = whole.map_err(|error| format!("{args:?}: {error}: {own:?}"))?;
        let strings = serde_json::to_string(&whole).map_err(words)?;
        let wanted = serde_json::to_string(&name).map_err(words)?;
        if args[0] != "--check=json" && !strings.contains(wanted.trim_matches('"')) {
            return Err(format!("{args:?} has not the name: {own:?}"));
        }
    }
    Ok(())
}

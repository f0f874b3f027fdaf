//! `--choose` on a terminal: the keys, what runs, and that the terminal is as it was.

use std::fs;
use std::path::PathBuf;

use libtest_mimic::Trial;

use crate::builder::{Failure, Test};
use crate::program;
use crate::terminal::Terminal;

pub fn trials() -> Vec<Trial> {
    crate::trials![
        several_goals_are_picked_and_made,
        goals_given_are_chosen_already_and_options_stay,
        nothing_is_made_when_it_is_given_up,
        a_signal_ends_it_with_the_terminal_as_it_was,
        without_a_terminal_it_says_so,
    ]
}

const MAKEFILE: &str = "\
X = none
all: build test ## Everything
build: ## Build it
\t@echo making $@ for [$(MAKECMDGOALS)] with $(X)
test: ## Test the build
\t@echo making $@ for [$(MAKECMDGOALS)] with $(X)
.PHONY: all build test
";

/// A shell on a terminal, in a folder with the makefile; the shell says the status of each command.
fn shell() -> Result<(tempfile::TempDir, Terminal), Failure> {
    let root = tempfile::tempdir().map_err(|error| error.to_string())?;
    let bin: PathBuf = root.path().join("bin");
    let made = fs::create_dir(&bin)
        .and_then(|()| std::os::unix::fs::symlink(program::imk().path, bin.join("imk")))
        .and_then(|()| fs::write(root.path().join("Makefile"), MAKEFILE));
    made.map_err(|error| error.to_string())?;
    let mut terminal = Terminal::start(&["sh", "-i"], root.path(), &bin, (80, 24))?;
    terminal.press("PS1='READY''> '\r")?;
    terminal.expect("READY> ")?;
    Ok((root, terminal))
}

/// What `stty` says of the terminal.
fn modes(terminal: &mut Terminal) -> Result<String, Failure> {
    terminal.press("stty -a; echo SA''ID\r")?;
    let shown = terminal.expect("SAID\r\nREADY> ")?;
    Ok(shown.lines().filter(|line| line.contains("icanon")).collect())
}

fn several_goals_are_picked_and_made() -> Result<(), Failure> {
    let (_root, mut terminal) = shell()?;
    let before = modes(&mut terminal)?;
    terminal.press("imk --choose X=1\r")?;
    terminal.expect("0 chosen")?;
    // The filter leaves `build` first; `test` has the word in its description.
    terminal.press("buil")?;
    terminal.expect("2 of 3")?;
    terminal.press("\x1b[B\t")?;
    terminal.expect("1 chosen")?;
    terminal.press("\x10\t")?;
    terminal.expect("2 chosen")?;
    terminal.press("\r")?;
    let shown = terminal.expect("READY> ")?;
    for wanted in [
        "imk X=1 test build\r\n",
        "making test for [test build] with 1",
        "making build for [test build] with 1",
    ] {
        if !shown.contains(wanted) {
            return Err(format!("{wanted:?} is not in {shown:?}"));
        }
    }
    match modes(&mut terminal)? {
        after if after == before => Ok(()),
        after => Err(format!("the terminal was {before}, and is {after}")),
    }
}

fn goals_given_are_chosen_already_and_options_stay() -> Result<(), Failure> {
    let (_root, mut terminal) = shell()?;
    terminal.press("cd /; imk -C \"$OLDPWD\" -n --choose test\r")?;
    terminal.expect("1 chosen")?;
    terminal.press("\r")?;
    let shown = terminal.expect("READY> ")?;
    match shown.contains("echo making test for [test] with none") && !shown.contains("making build") {
        true => Ok(()),
        false => Err(shown),
    }
}

fn nothing_is_made_when_it_is_given_up() -> Result<(), Failure> {
    for key in ["\x1b", "\x03"] {
        let (_root, mut terminal) = shell()?;
        terminal.press("imk --choose; echo status=$?\r")?;
        terminal.expect("0 chosen")?;
        terminal.press(key)?;
        let shown = terminal.expect("status=130")?;
        if shown.contains("making") {
            return Err(shown);
        }
    }
    Ok(())
}

fn a_signal_ends_it_with_the_terminal_as_it_was() -> Result<(), Failure> {
    let (_root, mut terminal) = shell()?;
    let before = modes(&mut terminal)?;
    terminal.press("(sh -c 'echo $PPID > pid'; exec imk --choose); echo status=$?\r")?;
    terminal.expect("0 chosen")?;
    let pid = fs::read_to_string(_root.path().join("pid")).map_err(|error| error.to_string())?;
    let pid = pid.trim().parse().ok().and_then(rustix::process::Pid::from_raw).ok_or("no id")?;
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(|error| error.to_string())?;
    terminal.expect("status=143\r\nREADY> ")?;
    match modes(&mut terminal)? {
        after if after == before => Ok(()),
        after => Err(format!("the terminal was {before}, and is {after}")),
    }
}

fn without_a_terminal_it_says_so() -> Result<(), Failure> {
    Test::new()
        .makefile(MAKEFILE)
        .arg("--choose")
        .stderr("imk: *** --choose needs a terminal; --list names the goals.  Stop.\n")
        .status(2)
        .run()
}

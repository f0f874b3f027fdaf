//! The cases under `tests/cases/`: each is a test of imk, and each expectation is itself checked against GNU make 4.4.1.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use libtest_mimic::{Failed, Trial};

use crate::builder;
use crate::case::{Case, Expectation, MERGED, Section, Step};
use crate::program::{self, Program};
use crate::run::{Invocation, Outcome, Workplace};

/// One trial a case for imk (`cases::AREA::NAME`) and one for its expectation (`gnu_make::AREA::NAME`), the latter
/// ignored where GNU make is not there.
pub fn trials() -> Vec<Trial> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let bless = std::env::var_os("IMK_BLESS").is_some_and(|value| value == "1");
    let mut trials = Vec::new();
    for path in case_paths(&root) {
        let name = path.strip_prefix(&root).unwrap_or(&path).with_extension("");
        let name = name.to_string_lossy().replace('/', "::");
        let only_imk = fs::read(&path)
            .ok()
            .and_then(|text| Case::parse(&text).ok())
            .is_some_and(|c| c.says("only: imk"));
        let file = path.clone();
        let blessed_by_imk = bless && only_imk;
        trials.push(
            Trial::test(format!("cases::{name}"), move || {
                Ok(attend(&file, &program::imk(), blessed_by_imk)?)
            })
            .with_ignored_flag(bless && !only_imk),
        );
        if only_imk {
            continue;
        }
        let make = program::gnu_make();
        trials.push(
            Trial::test(format!("gnu_make::{name}"), move || match make {
                Some(make) => Ok(attend(&path, make, bless)?),
                None => Err(Failed::from("there is no GNU make 4.4.1 here (scripts/gnu-make brings it)")),
            })
            .with_ignored_flag(make.is_none()),
        );
    }
    trials
}

fn case_paths(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "case") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Runs the case with `program`, and compares it or (when blessing) writes what was done as the expectation.
fn attend(path: &Path, program: &Program, bless: bool) -> Result<(), String> {
    let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut case = Case::parse(&text).map_err(|why| format!("{}: {why}", path.display()))?;
    let place = Workplace::new(program).map_err(|error| format!("no folder to work in: {error}"))?;
    let how = Invocation {
        unprivileged: case.says("user: ordinary"),
        merged: case.says(MERGED),
        ..Invocation::default()
    };
    let first_line = case.says("compare: first line of stderr");
    let mut failure = String::new();
    let count = case.steps.len();
    for (at, step) in case.steps.iter_mut().enumerate() {
        let mut actual =
            take(step, &place, how.clone()).map_err(|error| format!("step {}: {error}", at + 1))?;
        if first_line {
            actual.stderr.truncate(
                actual.stderr.iter().position(|&byte| byte == b'\n').map_or(usize::MAX, |at| at + 1),
            );
        }
        if bless {
            step.expected = actual;
            continue;
        }
        if let Err(difference) = compare(&step.expected, &actual) {
            if count > 1 {
                failure.push_str(&format!("step {} of {count}:\n", at + 1));
            }
            failure.push_str(&difference);
        }
    }
    if bless {
        return fs::write(path, case.print()).map_err(|error| error.to_string());
    }
    if failure.is_empty() { Ok(()) } else { Err(format!("{}\n{failure}", path.display())) }
}

/// Does one step: writes the files, runs the program, and says what it did.
fn take(step: &Step, place: &Workplace, mut invocation: Invocation) -> std::io::Result<Expectation> {
    for section in &step.inputs {
        if section.is_file() {
            write(place, section)?;
            continue;
        }
        match section.name.as_str() {
            "args" => invocation.args = section.words().into_iter().map(OsString::from_vec).collect(),
            "stdin" => invocation.stdin = section.body.clone(),
            "setup" => builder::shell(place, &String::from_utf8_lossy(&section.body))?,
            _ => invocation.env = section.lines().filter_map(assignment).collect(),
        }
    }
    let before: BTreeSet<String> = place.files()?.into_iter().collect();
    let Outcome { stdout, stderr, status } = place.run(&invocation)?;
    let files = place.files()?.into_iter().filter(|file| !before.contains(file)).collect();
    Ok(Expectation { stdout, stderr, status, files })
}

/// Longer than the grain of the file system's clock.
const TICK: Duration = Duration::from_millis(20);

/// Writes a file: a new one an hour old, so that what a run makes is newer whatever the clock's grain; one that is
/// there already is written now, later than what is there and earlier than what comes.
fn write(place: &Workplace, section: &Section) -> std::io::Result<()> {
    let path = place.dir().join(&section.name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    if path.exists() {
        std::thread::sleep(TICK);
        fs::write(&path, &section.body)?;
        std::thread::sleep(TICK);
        return Ok(());
    }
    fs::write(&path, &section.body)?;
    let time = SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().write(true).open(&path)?.set_modified(time)
}

fn assignment(line: &[u8]) -> Option<(OsString, OsString)> {
    let at = line.iter().position(|&byte| byte == b'=')?;
    let (name, value) = (&line[..at], &line[at + 1..]);
    Some((std::ffi::OsStr::from_bytes(name).to_owned(), std::ffi::OsStr::from_bytes(value).to_owned()))
}

fn compare(expected: &Expectation, actual: &Expectation) -> Result<(), String> {
    let outcome = |of: &Expectation| Outcome {
        stdout: of.stdout.clone(),
        stderr: of.stderr.clone(),
        status: if of.status.is_empty() { "0".to_owned() } else { of.status.clone() },
    };
    let mut failure = builder::compare(&outcome(expected), &outcome(actual)).err().unwrap_or_default();
    let list = |files: &BTreeSet<String>| files.iter().map(|file| format!("{file}\n")).collect::<String>();
    builder::difference(
        &mut failure,
        "files",
        list(&expected.files).as_bytes(),
        list(&actual.files).as_bytes(),
    );
    if failure.is_empty() { Ok(()) } else { Err(failure) }
}

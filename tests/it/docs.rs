//! The pages under `docs/` and the README: every `console` block is run, links lead somewhere, and the reference is what the program
//! says. docs/testing-docs.md has the rules of blocks.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};

use crate::builder::Failure;
use crate::program;

/// Blocks of the README, which carries no marks, by their first command: those that need an engine, with their folder, and those that
/// can't be run.
const README_ENGINE: [(&str, &str); 1] = [("eval \"$(scripts/engine ensure)\" && scripts/engine base", "")];
const README_NOT_RUN: [(&str, &str); 5] = [
    ("imk --check build", "it shows one finding of several; tests/cases/check has each"),
    (
        "cargo run --release -- demo    # an engine, a base image, then style-check, build and smoke-test of the example",
        "it is the demo, and the test itself",
    ),
    (
        "imk python-pkg-refresh",
        "it goes on with the workflow of the block before, and asks an index for today's packages",
    ),
    (
        "imk -n build TARGET_IMAGE_NAME=team/app BUILD_TAG=1.4.2 DOCKER_BUILD_ARGS=--pull",
        "it goes on with the workflow; tests/engine/seed runs it",
    ),
    (
        "make python-pkg-refresh    # docker cp fails: the container and the image stay, the next run says \"name already in use\"",
        "it needs a failure; tests/engine/faults brings one about",
    ),
];

/// What comes first where blocks are run that need an engine: `scripts/test docs` sets it.
const ENGINE: &str = "IMK_DOCS_ENGINE";

pub fn trials() -> Vec<Trial> {
    let mut trials = crate::trials![
        links_lead_somewhere,
        every_page_is_in_the_summary,
        the_reference_is_what_the_program_says
    ];
    for page in pages() {
        let name = page.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = Arc::new(fs::read_to_string(&page).unwrap_or_default());
        let all = blocks(&text);
        for needs_engine in [false, true] {
            let wanted = |block: &&Block| block.not_run.is_none() && block.engine == needs_engine;
            if !all.iter().any(|block| wanted(&block)) {
                continue;
            }
            let text = Arc::clone(&text);
            let kind = if needs_engine { "engine" } else { "page" };
            let run = move || run_page(&text, needs_engine).map_err(Failed::from);
            // Those are the suite `docs`.
            if needs_engine && std::env::var_os(ENGINE).is_none() {
                continue;
            }
            trials.push(Trial::test(format!("docs::{kind}::{name}"), run));
        }
    }
    trials
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README and the pages of the book.
fn pages() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(root().join("docs"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect();
    found.push(root().join("README.md"));
    found.sort();
    found
}

/// A `console` block.
#[derive(Debug, Default)]
struct Block {
    line: usize,
    /// Commands with what they print.
    steps: Vec<(String, String)>,
    engine: bool,
    continued: bool,
    folder: Option<String>,
    not_run: Option<String>,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut before = "";
    let mut open = false;
    for (at, line) in text.lines().enumerate() {
        if line == "```console" {
            open = true;
            let mut block = Block { line: at + 1, ..Block::default() };
            let marks =
                before.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")).unwrap_or_default();
            match marks.strip_prefix("not run: ") {
                Some(why) => block.not_run = Some(why.to_owned()),
                None => marks.split(", ").for_each(|mark| match mark {
                    "engine" => block.engine = true,
                    "continued" => block.continued = true,
                    mark => block.folder = mark.strip_prefix("in ").map(str::to_owned),
                }),
            }
            found.push(block);
        } else if line.starts_with("```") {
            open = false;
        } else if let Some(block) = found.last_mut().filter(|_| open) {
            match (line.strip_prefix("$ "), line.strip_prefix("> "), block.steps.last_mut()) {
                (Some(command), ..) => block.steps.push((command.to_owned(), String::new())),
                (_, Some(more), Some((command, output))) if output.is_empty() => {
                    command.push('\n');
                    command.push_str(more);
                }
                (_, _, Some((_, output))) => {
                    output.push_str(line);
                    output.push('\n');
                }
                _ => {}
            }
        }
        before = line;
    }
    for block in &mut found {
        let first = block.steps.first().map(|(command, _)| command.as_str()).unwrap_or_default();
        if README_ENGINE.iter().any(|(command, _)| *command == first) {
            block.engine = true;
            block.not_run =
                Some("tests/engine/seed runs this workflow and compares it with GNU make's".to_owned());
        }
        if let Some((_, why)) = README_NOT_RUN.iter().find(|(command, _)| *command == first) {
            block.not_run = Some((*why).to_owned());
        }
    }
    found
}

/// Runs the blocks of a page that need an engine, or those that do not.
fn run_page(text: &str, needs_engine: bool) -> Result<(), Failure> {
    let mut folder: Option<tempfile::TempDir> = None;
    let mut failures = String::new();
    for block in blocks(text) {
        if block.not_run.is_some() || block.engine != needs_engine {
            continue;
        }
        if !block.continued || folder.is_none() {
            folder = Some(tempfile::tempdir().map_err(|error| error.to_string())?);
        }
        let Some(place) = &folder else { continue };
        let work = place.path().join("work");
        if !block.continued {
            fs::create_dir(&work).map_err(|error| error.to_string())?;
            if let Some(from) = &block.folder {
                copy(&root().join(from), &work).map_err(|error| format!("{from}: {error}"))?;
            }
        }
        if let Err(failure) = run_block(&block, place.path(), &work) {
            failures.push_str(&format!("the block at line {}:\n{failure}", block.line));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        match entry.file_type()?.is_dir() {
            true if name == ".imk" => {}
            true => copy(&path, &to.join(name))?,
            false => drop(fs::copy(&path, to.join(name))?),
        }
    }
    Ok(())
}

/// Runs the commands of a block in one shell, and compares what each prints.
fn run_block(block: &Block, place: &Path, work: &Path) -> Result<(), Failure> {
    const MARK: &str = "\u{1}";
    let bin = place.join("bin");
    if !bin.exists() {
        fs::create_dir(&bin)
            .and_then(|()| std::os::unix::fs::symlink(program::imk().path, bin.join("imk")))
            .map_err(|error| error.to_string())?;
    }
    let mut script = String::from("exec 2>&1\n");
    let mut expected = Vec::new();
    let mut made = HashSet::new();
    for (command, output) in &block.steps {
        if command.starts_with("cargo install ") {
            continue;
        }
        if let Some(file) = command.strip_prefix("cat ").filter(|file| !file.contains([' ', '|', '<', '>']))
            && !work.join(file).exists()
            && made.insert(file.to_owned())
        {
            fs::write(work.join(file), output).map_err(|error| format!("{file}: {error}"))?;
            let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
            let opened = fs::File::options().write(true).open(work.join(file));
            opened.and_then(|file| file.set_modified(hour_ago)).map_err(|error| error.to_string())?;
        }
        script.push_str(&format!("printf '{MARK}'\n{command}\n"));
        expected.push((command, output));
    }
    let mut shell = Command::new("bash");
    shell.args(["--norc", "-c", &script]).current_dir(work).stdin(Stdio::null());
    let own = std::env::var("PATH").unwrap_or_default();
    if block.engine {
        shell.env("PATH", format!("{}:{own}", bin.display()));
    } else {
        shell.env_clear().env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()));
        shell.env("IMK_ENGINE", "docker").env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    }
    for name in [
        "MAKEFLAGS",
        "MFLAGS",
        "MAKELEVEL",
        "IMKFLAGS",
        "DOCKER_BUILD_ARGS",
        "BUILD_TAG",
        "TARGET_IMAGE_NAME",
    ] {
        shell.env_remove(name);
    }
    shell.env("HOME", place).env("LC_ALL", "C.UTF-8");
    let output = shell.output().map_err(|error| format!("bash: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let found: Vec<&str> = text.split(MARK).skip(1).collect();
    let mut failure = String::new();
    for (at, (command, wanted)) in expected.iter().enumerate() {
        let found = found.get(at).copied().unwrap_or_default();
        if !matches(&lines(wanted), &lines(found)) {
            failure.push_str(&format!("$ {command}\n  expected:\n{wanted}  found:\n{found}"));
        }
    }
    if failure.is_empty() { Ok(()) } else { Err(failure) }
}

/// The lines without ids, which differ from engine to engine, and without blanks at their ends.
fn lines(text: &str) -> Vec<String> {
    let is_hex = |char: char| char.is_ascii_digit() || ('a'..='f').contains(&char);
    let word = |word: &str| match word.len() >= 12 && word.chars().all(is_hex) {
        true => "ID".to_owned(),
        false => word.to_owned(),
    };
    let line = |line: &str| {
        let parts = line.trim_end().split_inclusive(|char: char| !char.is_ascii_alphanumeric());
        parts
            .map(|part| {
                let end = part.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(part.len());
                format!("{}{}", word(&part[..end]), &part[end..])
            })
            .collect()
    };
    text.lines().map(line).collect()
}

/// Whether lines are as expected: `…` is anything in a line, a line of it any lines.
fn matches(expected: &[String], found: &[String]) -> bool {
    match expected.split_first() {
        None => found.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=found.len()).any(|skipped| matches(rest, &found[skipped..]))
        }
        Some((first, rest)) => {
            found.split_first().is_some_and(|(line, others)| is_like(first, line) && matches(rest, others))
        }
    }
}

fn is_like(expected: &str, found: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(mut rest) = parts.next().and_then(|first| found.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    let mut exact = true;
    while let Some(part) = parts.next() {
        exact = false;
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    !exact || rest.is_empty()
}

/// Links of a page: text between `](` and `)`.
fn links(text: &str) -> Vec<String> {
    let after = text.split("](").skip(1);
    after.filter_map(|rest| rest.split_once(')').map(|(link, _)| link.to_owned())).collect()
}

/// The anchor of a heading, as mdBook and code hosts make it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .trim()
        .to_lowercase()
        .chars()
        .filter(|char| char.is_alphanumeric() || " -_".contains(*char))
        .collect::<String>();
    kept.replace(' ', "-")
}

fn links_lead_somewhere() -> Result<(), Failure> {
    let mut faults = String::new();
    for page in pages() {
        let text = fs::read_to_string(&page).map_err(|error| error.to_string())?;
        let prose: String = text.split("```").step_by(2).collect();
        for link in links(&prose) {
            if link.contains("://") || link.contains(' ') {
                continue;
            }
            let (file, fragment) = link.split_once('#').unwrap_or((&link, ""));
            let target =
                if file.is_empty() { page.clone() } else { page.parent().unwrap_or(root()).join(file) };
            if !target.exists() {
                faults.push_str(&format!("{}: {link} is not there\n", page.display()));
                continue;
            }
            let wanted = fragment.to_owned();
            let other = fs::read_to_string(&target).unwrap_or_default();
            let mut headings = other
                .lines()
                .filter_map(|line| line.strip_prefix('#'))
                .map(|line| anchor(line.trim_start_matches('#')));
            if !wanted.is_empty() && !headings.any(|heading| heading == wanted) {
                faults.push_str(&format!("{}: {link} names no heading\n", page.display()));
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn every_page_is_in_the_summary() -> Result<(), Failure> {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).map_err(|error| error.to_string())?;
    let listed = links(&summary);
    let mut faults = String::new();
    for page in pages() {
        let name = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_page = page.parent().is_some_and(|parent| parent.ends_with("docs")) && name != "SUMMARY.md";
        if is_page && !listed.contains(&name) {
            faults.push_str(&format!("docs/SUMMARY.md does not have {name}\n"));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// The page of options and attributes, made from the program's own tables.
fn reference() -> String {
    use imk::cli::table::{FLAGS, Flag, Kind, OWN, Takes};
    let value = |flag: &Flag| match &flag.kind {
        Kind::Choice { choices, .. } => choices.join("\\|"),
        _ => flag.value_name.replace('|', "\\|"),
    };
    let row = |flag: &'static Flag| {
        let mut forms: Vec<String> =
            flag.letters.iter().map(|letter| format!("`-{}`", char::from(*letter))).collect();
        forms.extend(flag.names().map(|name| match flag.takes() {
            Takes::Nothing => format!("`--{name}`"),
            Takes::Required => format!("`--{name}={}`", value(flag)),
            Takes::Optional => format!("`--{name}[={}]`", value(flag)),
        }));
        format!("| {} | {} |\n", forms.join(", "), flag.help)
    };
    let mut out = String::from(
        "# Options and attributes\n\n<!-- Written by the tests from the program's tables: IMK_BLESS=1 cargo test --test it docs -->\n\n\
         ## Options that GNU make does not have\n\n| option | |\n|---|---|\n",
    );
    OWN.iter().filter(|flag| flag.shown).for_each(|flag| out.push_str(&row(flag)));
    out.push_str("\n## Options of GNU make\n\n| option | |\n|---|---|\n");
    FLAGS.iter().filter(|flag| !flag.help.is_empty()).for_each(|flag| out.push_str(&row(flag)));
    out.push_str("\n## Attributes of image blocks\n\n| attribute | |\n|---|---|\n");
    for (name, attribute) in imk::rules::images::Attribute::ALL {
        out.push_str(&format!("| `{name}` | {} |\n", attribute.description()));
    }
    out.push_str(
        "\n## Variables and functions of image targets\n\n| name | |\n|---|---|\n\
         | `$(.IMAGE)` | The target's first tag. |\n\
         | `$(.IMAGE_ID)` | The image's id, in the target's own recipe. |\n\
         | `$(image NAME)` | The first tag of the image target called NAME. |\n\
         | `IMK_VERSION` | imk's own version: defined where imk reads the makefile. |\n",
    );
    out
}

fn the_reference_is_what_the_program_says() -> Result<(), Failure> {
    let path = root().join("docs/reference.md");
    let expected = reference();
    if std::env::var_os("IMK_BLESS").is_some_and(|value| value == "1") {
        return fs::write(path, expected).map_err(|error| error.to_string());
    }
    match fs::read_to_string(path).unwrap_or_default() == expected {
        true => Ok(()),
        false => {
            Err("docs/reference.md is not what the tables say: IMK_BLESS=1 cargo test --test it docs"
                .to_owned())
        }
    }
}

//! Whether what the image starts is there, can be executed, and has its interpreter. Starts nothing.

use super::super::finding::{Finding, Level};
use super::kinds::Kind;
use super::view::{View, shown};
use crate::image::layers::{Config, PathId};

/// The search path of engines for images that set none.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The program that the image starts, as its configuration names it.
pub(super) fn program(config: &Config) -> Option<&str> {
    config.entrypoint.first().or(config.command.first()).map(String::as_str).filter(|word| !word.is_empty())
}

/// Where a program is looked for: paths in the image.
fn places(config: &Config, program: &str) -> Vec<String> {
    if program.starts_with('/') {
        return vec![program.to_owned()];
    }
    if program.contains('/') {
        return vec![format!("{}/{program}", config.working_directory)];
    }
    let path = config.variable("PATH").unwrap_or(PATH);
    path.split(':').map(|folder| format!("{folder}/{program}")).collect()
}

fn found_at(view: &View<'_>, program: &str) -> Option<PathId> {
    let mut paths = places(&view.image.config, program).into_iter();
    paths.find_map(|path| view.image.resolve(path.as_bytes()).ok())
}

pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    let config = &view.image.config;
    let Some(program) = program(config) else { return };
    let keywords: &[&str] = if config.entrypoint.is_empty() { &["CMD"] } else { &["ENTRYPOINT"] };
    let report = |kind: Kind| {
        let mut finding = view.at_instruction(Level::Error, kind, keywords);
        finding.inherited = finding.place.is_none() && !view.subject.written.is_empty();
        finding
    };
    let Some(path) = found_at(view, program) else {
        return found.push(report(Kind::EntryPointAbsent { program: program.to_owned() }));
    };
    let Some(entry) = view.image.entry(path) else { return };
    if !view.users.may(entry, 0o1) {
        return found.push(report(Kind::EntryPointNotExecutable { path: view.path(path) }));
    }
    let interpreter = view.image.content(entry).and_then(script_interpreter);
    if let Some(interpreter) = interpreter
        && found_at(view, &interpreter).is_none()
    {
        found.push(report(Kind::EntryPointInterpreter { path: view.path(path), interpreter }));
    }
}

/// The program that a script's first line names; what `env` is to look for, where it names that.
fn script_interpreter(content: &[u8]) -> Option<String> {
    let line = content.strip_prefix(b"#!")?;
    // A line that was not kept to its end says nothing for certain.
    let line = &line[..memchr::memchr(b'\n', line)?];
    let line = shown(line);
    let mut words = line.split_whitespace();
    let first = words.next()?;
    if first.rsplit('/').next() != Some("env") {
        return Some(first.to_owned());
    }
    words.find(|word| !word.starts_with('-') && !word.contains('=')).map(str::to_owned)
}

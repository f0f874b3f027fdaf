//! Programs that are not there, and engines that do not answer. Starts no program.

use super::super::command::Reach;
use super::super::command::variables::Inherited;
use super::super::engine::EngineError;
use super::super::recipe::Line;
use super::{At, Finding, Kind, Severity};
use crate::base::Span;
use crate::base::tables::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Programs and where they come from.
const PACKAGES: [(&str, &str); 24] = [
    ("docker", "Docker Engine (the package docker-ce, or docker.io of Debian and Ubuntu)"),
    ("docker-compose", "the package docker-compose, or 'docker compose' of Docker itself"),
    ("podman", "the package podman"),
    ("buildah", "the package buildah"),
    ("skopeo", "the package skopeo"),
    ("nerdctl", "a release of containerd's nerdctl"),
    ("hadolint", "a release of hadolint, one program without a package in Debian"),
    ("git", "the package git"),
    ("jq", "the package jq"),
    ("curl", "the package curl"),
    ("envsubst", "the package gettext-base"),
    ("shellcheck", "the package shellcheck"),
    ("yamllint", "the package yamllint"),
    ("poetry", "pipx install poetry"),
    ("pip", "the package python3-pip"),
    ("python3", "the package python3"),
    ("python", "the package python-is-python3"),
    ("node", "the package nodejs"),
    ("npm", "the package npm"),
    ("go", "the package golang-go"),
    ("cargo", "rustup, or the package cargo"),
    ("helm", "a release of Helm"),
    ("kubectl", "a release of Kubernetes"),
    ("kind", "a release of kind"),
];

/// Words that a shell knows by itself, beyond those that are followed.
const BUILT_IN: [&str; 28] = [
    "alias", "bg", "bind", "builtin", "caller", "command", "compgen", "complete", "dirs", "disown", "enable",
    "eval", "exec", "fc", "fg", "getopts", "history", "jobs", "kill", "let", "logout", "source", "suspend",
    "times", ".", "unalias", "local", "declare",
];

/// Programs that may install others.
const INSTALLERS: [&str; 22] = [
    "apt", "apt-get", "apk", "brew", "bundle", "cargo", "conda", "corepack", "curl", "dnf", "gem", "go",
    "install", "make", "npm", "pip", "pip3", "pipx", "python", "python3", "wget", "yum",
];

/// Where a program comes from, for those that recipes of images often run.
pub fn package_of(program: &str) -> Option<&'static str> {
    PACKAGES.iter().find(|(known, _)| *known == program).map(|(_, from)| *from)
}

/// Finds programs that are not on PATH; each is said once.
pub(super) fn check(at: &At<'_>, seen: &mut HashSet<Vec<u8>>, found: &mut Vec<Finding>) {
    let path = match at.recipe.recipe.environment.get(&b"PATH"[..]) {
        Some(Inherited::Value(path)) => OsString::from_vec(path.clone()),
        _ => return,
    };
    let earlier = at.recipe.before.iter().filter_map(|&index| at.study.recipes.get(index));
    let mut installs = earlier.into_iter().any(|recipe| recipe.readings.iter().any(installer));
    for (line, reading) in at.recipe.recipe.lines.iter().zip(&at.recipe.readings) {
        // What asks for programs by itself deals with their absence.
        let asks = [&b"command -v"[..], b"which ", b"type ", b"hash ", b"PATH="]
            .iter()
            .any(|word| memchr::memmem::find(&line.text, word).is_some());
        // A file that is sourced may put folders into PATH: a virtual environment's.
        let sourced = [&b"."[..], b"source", b"eval"];
        let sources = reading
            .others
            .iter()
            .any(|other| other.name.as_deref().is_some_and(|name| sourced.contains(&name)));
        installs |= installer(reading);
        if asks || sources || installs || line.failure_ignored {
            continue;
        }
        let others = reading.others.iter().filter_map(|other| {
            let name = other.name.as_deref()?;
            (certain(other.reach) && !other.failure_ignored).then(|| (name.to_vec(), other.span))
        });
        let clients = reading.commands.iter().filter_map(|command| {
            let name = command.program.of(&line.text).to_vec();
            let sure = certain(command.reach) && !command.failure_ignored && !name.is_empty();
            sure.then_some((name, command.program))
        });
        for (name, span) in others.chain(clients).collect::<Vec<_>>() {
            let Some(span) = word(line, &name, span) else { continue };
            let Ok(text) = std::str::from_utf8(&name) else { continue };
            let odd = !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte));
            if odd || seen.contains(&name) || BUILT_IN.contains(&text) {
                continue;
            }
            if which::which_in(text, Some(&path), &at.setting.outside.directory).is_ok() {
                continue;
            }
            let package = package_of(text);
            let kind = Kind::NoProgram { name: text.to_owned(), package };
            found.push(at.finding(Severity::Error, line.place(span), kind));
            seen.insert(name);
        }
    }
}

fn certain(reach: Reach) -> bool {
    matches!(reach, Reach::Always | Reach::OnSuccess)
}

fn installer(reading: &super::super::command::Reading) -> bool {
    let names = reading.others.iter().filter_map(|other| other.name.as_deref());
    let unknown = reading.others.iter().any(|other| other.name.is_none());
    unknown || names.into_iter().any(|name| INSTALLERS.iter().any(|known| known.as_bytes() == name))
}

/// The place of the word `name` in a command; none where the command names it by a path.
fn word(line: &Line, name: &[u8], span: Span) -> Option<Span> {
    let text = span.of(&line.text);
    let is_end =
        |byte: Option<&u8>| byte.is_none_or(|byte| byte.is_ascii_whitespace() || b"'\";&|()".contains(byte));
    let mut found = memchr::memmem::find_iter(text, name);
    let at = found.find(|&at| is_end(text[..at].last()) && is_end(text.get(at + name.len())))?;
    Some(Span::new(span.start + at, span.start + at + name.len()))
}

/// Finds engines that do not answer; each is said once.
pub(super) fn engines(at: &At<'_>, seen: &mut HashSet<usize>, found: &mut Vec<Finding>) {
    for (number, index, command) in at.recipe.commands() {
        let Some(line) = at.recipe.recipe.lines.get(number) else { continue };
        if !certain(command.reach) || command.failure_ignored || line.failure_ignored {
            continue;
        }
        let Some(connection) = at.recipe.engine(number, index) else { continue };
        if !seen.insert(connection) {
            continue;
        }
        let Some(connection) = at.study.connections.get(connection) else { continue };
        match connection.answers() {
            // That the client is not there is said of the program.
            Ok(()) | Err(EngineError::NoClient(_)) => {}
            Err(error) => {
                let kind = Kind::EngineSilent { engine: connection.address.client.name(), error };
                found.push(at.finding(Severity::Error, line.place(command.program), kind));
            }
        }
    }
}

//! Whether what is installed is the same tomorrow: versions, lock files, upgrades, repositories by branch. Judges the stages that
//! the target reaches, since their results are copied.

use super::super::finding::{Finding, Level};
use super::Kind;
use super::install::{self, Install, Tool, file_of};
use super::requirements::{self, Requirements, name_of, requirement};
use super::script::Command;
use super::view::{Action, StageView, Step, View};
use crate::base::tables::HashSet;
use crate::image::dockerfile::names::{git_commit, is_git};

/// How deeply requirements files take in others.
const MOST_INCLUDES: usize = 8;

/// Finds what is not pinned.
pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    for stage in &view.stages {
        for (index, step) in stage.steps.iter().enumerate() {
            match &step.action {
                Action::Run(_, commands) => {
                    for command in commands {
                        installs(view, stage, index, step, command, found);
                        upgrades(view, stage, command, found);
                    }
                    clones(view, stage, commands, found);
                }
                Action::Copy(copy) if copy.add => {
                    for (text, source) in copy.copy.sources.iter().zip(&copy.sources) {
                        let Some(source) = source else { continue };
                        let fixed = copy.copy.checksum.is_some() || git_commit(source.as_bytes()).is_some();
                        if is_git(source.as_bytes()) && !fixed {
                            let kind = Kind::GitBranch { source: source.clone() };
                            found.push(view.finding(Level::Warning, kind, stage, text.span));
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

fn upgrades(view: &View<'_>, stage: &StageView<'_>, command: &Command, found: &mut Vec<Finding>) {
    let upgrade = match install::tool(&command.name) {
        Some(Tool::Apt) => {
            matches!(command.action(), "upgrade" | "dist-upgrade" | "full-upgrade" | "safe-upgrade")
        }
        Some(Tool::Apk) => command.action() == "upgrade",
        Some(Tool::Rpm) => matches!(command.action(), "upgrade" | "update" | "dup" | "distro-sync"),
        _ => false,
    };
    // Security updates are the other half of the same criterion's conflict: they are wanted, and are said, not counted.
    if upgrade {
        let kind = Kind::PackageUpgrade { command: format!("{} {}", command.name, command.action()) };
        found.push(view.finding(Level::Info, kind, stage, command.span));
    }
}

/// `git clone` that no checkout of a commit follows.
fn clones(view: &View<'_>, stage: &StageView<'_>, commands: &[Command], found: &mut Vec<Finding>) {
    let is_commit = |text: &str| text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (at, command) in commands.iter().enumerate() {
        if command.name != "git" || command.action() != "clone" {
            continue;
        }
        let fixes = |later: &Command| {
            later.name == "git"
                && matches!(
                    later.operands().find(|word| !word.text.contains('/')).map(|word| word.text.as_str()),
                    Some("checkout" | "reset" | "switch" | "fetch")
                )
                && later.words.iter().any(|word| is_commit(&word.text) || !word.known)
        };
        if commands.get(at + 1..).unwrap_or_default().iter().any(fixes) {
            continue;
        }
        let url = command.texts().find(|word| word.contains("://") || is_git(word.as_bytes()));
        let Some(source) = url else { continue };
        // A tag seldom moves.
        let by_tag = command
            .value(&["-b", "--branch"])
            .is_some_and(|name| name.chars().any(|c| c.is_ascii_digit()) || name.contains('…'));
        let level = if by_tag { Level::Info } else { Level::Warning };
        let kind = Kind::GitBranch { source: source.to_owned() };
        found.push(view.finding(level, kind, stage, command.span));
    }
}

fn installs(
    view: &View<'_>,
    stage: &StageView<'_>,
    index: usize,
    step: &Step<'_>,
    command: &Command,
    found: &mut Vec<Finding>,
) {
    let Some(install) = install::install(command) else { return };
    match install.tool {
        Tool::Pip => pip(view, stage, index, &install, found),
        Tool::Poetry | Tool::Uv | Tool::Pdm | Tool::Pipenv => {
            project(view, stage, index, step, &install, found)
        }
        Tool::Npm => {
            let loose = |word: &&&super::script::Word| {
                word.known && !word.text.get(1..).is_some_and(|rest| rest.contains('@'))
            };
            let names: Vec<String> =
                install.packages.iter().filter(loose).map(|word| word.text.clone()).collect();
            if !names.is_empty() {
                let kind = Kind::UnpinnedPackages { names, file: None, tool: command.name.clone() };
                found.push(view.finding(Level::Warning, kind, stage, command.span));
            }
        }
        _ => {}
    }
}

fn pip(
    view: &View<'_>,
    stage: &StageView<'_>,
    index: usize,
    install: &Install<'_>,
    found: &mut Vec<Finding>,
) {
    let command = install.command;
    let mut pinned: HashSet<String> = HashSet::default();
    let mut unknown = !install.constraints.iter().all(|word| word.known);
    for word in &install.constraints {
        match file(view, stage, index, file_of(word)) {
            Some((_, found)) => {
                pinned.extend(found.all.iter().filter(|one| one.pinned).map(|one| name_of(&one.text)))
            }
            None => unknown = true,
        }
    }
    let loose = |one: &requirements::Requirement| !one.pinned && !pinned.contains(&name_of(&one.text));
    // Wheels of a folder, and nothing else, are what an earlier stage made.
    let local = command.has(&["--no-index"]);
    let mut names = Vec::new();
    for word in &install.packages {
        let one = requirement(&word.text, 0);
        if let Some(source) = &one.branch {
            let kind = Kind::GitBranch { source: source.clone() };
            found.push(view.finding(Level::Warning, kind, stage, word.span));
        } else if loose(&one)
            && !one.text.is_empty()
            && !local
            && !one.text.contains('*')
            && !one.text.starts_with('…')
        {
            names.push(one.text);
        }
    }
    if !names.is_empty() {
        // The installers themselves change little of what is installed.
        let tools = ["pip", "setuptools", "wheel", "build"];
        let minor = names.iter().all(|name| tools.contains(&name_of(name).as_str()));
        let level = if minor || unknown { Level::Info } else { Level::Warning };
        let kind = Kind::UnpinnedPackages { names, file: None, tool: command.name.clone() };
        found.push(view.finding(level, kind, stage, command.span));
    }
    for word in install.requirements.iter().filter(|word| word.known) {
        let mut todo = vec![file_of(word).to_owned()];
        let mut seen = HashSet::default();
        while let Some(path) = todo.pop() {
            if local || seen.len() > MOST_INCLUDES || !seen.insert(path.clone()) {
                continue;
            }
            let Some((shown, read)) = file(view, stage, index, &path) else { continue };
            let folder = path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
            todo.extend(read.includes.iter().map(|inner| format!("{folder}{inner}")));
            let mut limits = HashSet::default();
            for inner in &read.constraints {
                match file(view, stage, index, &format!("{folder}{inner}")) {
                    Some((_, read)) => {
                        limits.extend(read.all.iter().filter(|one| one.pinned).map(|one| name_of(&one.text)))
                    }
                    None => unknown = true,
                }
            }
            let own: Vec<&requirements::Requirement> =
                read.all.iter().filter(|one| loose(one) && !limits.contains(&name_of(&one.text))).collect();
            if let Some(first) = own.first() {
                let names = own.iter().map(|one| one.text.clone()).collect();
                let file = Some((shown.clone(), first.line));
                let level = if unknown { Level::Info } else { Level::Warning };
                let kind = Kind::UnpinnedPackages { names, file, tool: command.name.clone() };
                found.push(view.finding(level, kind, stage, command.span));
            }
            for one in read.all.iter().filter_map(|one| one.branch.clone()) {
                found.push(view.finding(
                    Level::Warning,
                    Kind::GitBranch { source: one },
                    stage,
                    command.span,
                ));
            }
        }
    }
}

/// The requirements file that a command at step `index` of `stage` reads as `path`: found in the context by what COPY brought
/// before. None where an earlier command made it, or it came from elsewhere.
fn file(view: &View<'_>, stage: &StageView<'_>, index: usize, path: &str) -> Option<(String, Requirements)> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let steps = view.line_of(stage).into_iter().flat_map(|line| {
        let most = if line.index == stage.index { index + 1 } else { line.steps.len() };
        line.steps.iter().take(most)
    });
    let mut candidates = Vec::new();
    for step in steps {
        match &step.action {
            Action::Copy(copy) if copy.copy.from.is_none() => {
                for source in copy.sources.iter().flatten() {
                    if source.rsplit('/').next() == Some(name) {
                        candidates.push(source.clone());
                    } else if !source.contains('*') {
                        let tail = path.trim_start_matches('/');
                        candidates.push(format!("{source}/{tail}"));
                        candidates.push(format!("{source}/{name}"));
                    } else if let Some((folder, _)) = source.rsplit_once('/') {
                        candidates.push(format!("{folder}/{name}"));
                    } else {
                        candidates.push(name.to_owned());
                    }
                }
            }
            Action::Run(run, _) => {
                for mount in
                    run.mounts.iter().filter(|mount| mount.kind() == b"bind" && mount.from().is_none())
                {
                    let source = String::from_utf8_lossy(mount.source().unwrap_or(b".")).into_owned();
                    if source.rsplit('/').next() == Some(name) {
                        candidates.push(source);
                    } else {
                        candidates.push(format!("{source}/{}", path.trim_start_matches('/')));
                        candidates.push(format!("{source}/{name}"));
                    }
                }
            }
            _ => {}
        }
    }
    candidates.iter().rev().find_map(|path| {
        let text = view.context_file(path)?;
        let clean = crate::image::dockerfile::names::clean_rooted(path.as_bytes());
        Some((String::from_utf8_lossy(&clean).into_owned(), requirements::read(&text)))
    })
}

/// A project installed without its lock file among what COPY brought.
fn project(
    view: &View<'_>,
    stage: &StageView<'_>,
    index: usize,
    step: &Step<'_>,
    install: &Install<'_>,
    found: &mut Vec<Finding>,
) {
    let Some(lock) = install.tool.lock() else { return };
    let command = install.command;
    let action = command.action();
    let renews =
        matches!(action, "update" | "add") || (install.tool == Tool::Uv && command.has(&["--upgrade", "-U"]));
    let mut reads = Vec::new();
    let mut elsewhere = false;
    for line in view.line_of(stage) {
        let most = if line.index == stage.index { index } else { line.steps.len() };
        for step in line.steps.iter().take(most) {
            match &step.action {
                Action::Copy(copy) if copy.copy.from.is_none() => reads.extend(copy.reads.iter().copied()),
                Action::Copy(_) => elsewhere = true,
                Action::Run(_, commands) => {
                    let locks = |command: &Command| {
                        command.name == "git" || matches!(command.action(), "lock" | "update" | "export")
                    };
                    elsewhere |= commands.iter().any(locks);
                }
                _ => {}
            }
        }
    }
    if let Action::Run(run, commands) = &step.action {
        elsewhere |= !run.mounts.iter().all(|mount| mount.kind() == b"cache" || mount.kind() == b"secret");
        elsewhere |= commands.iter().any(|command| command.action() == "lock");
    }
    if renews {
        let kind = Kind::NoLockFile { tool: format!("{} {action}", command.name), lock: lock.to_owned() };
        found.push(view.finding(Level::Info, kind, stage, command.span));
        return;
    }
    let Some(selection) = view.selected(&reads).filter(|_| !elsewhere && !reads.is_empty()) else { return };
    let there = selection
        .entries
        .iter()
        .any(|entry| entry.path.rsplit(|&byte| byte == b'/').next() == Some(lock.as_bytes()));
    if !there {
        let kind = Kind::NoLockFile { tool: format!("{} {action}", command.name), lock: lock.to_owned() };
        found.push(view.finding(Level::Warning, kind, stage, command.span));
    }
}

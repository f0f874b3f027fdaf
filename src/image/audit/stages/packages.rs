//! Whether what is installed is the same tomorrow: versions, lock files, upgrades, repositories by branch. Judges the stages that
//! the target reaches, since their results are copied.

use super::super::finding::{Finding, Level};
use super::Kind;
use super::brought::LOCKS;
use super::copied::Copied;
use super::install::{self, Install, Tool, file_of};
use super::requirements::{self, Requirements, name_of, requirement};
use super::script::Command;
use super::view::{Action, StageView, Step, Turn, View};
use crate::base::tables::{HashMap, HashSet};
use crate::image::dockerfile::Run;
use crate::image::dockerfile::names::{git_commit, is_git};
use std::rc::Rc;

/// How deeply requirements files take in others.
const MOST_INCLUDES: usize = 8;

/// Finds what is not pinned.
pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    let mut copied = Copied::default();
    let mut pins = Pins::default();
    let mut ends: Vec<Projects> = vec![Projects::default(); view.stages.len()];
    view.walk_lines(|turn| {
        let at = match turn {
            Turn::Enter(at) => at,
            Turn::Leave => return copied.leave(),
        };
        let Some(stage) = view.stages.get(at) else { return };
        copied.enter();
        let mut projects =
            view.parent(stage).and_then(|parent| ends.get(parent)).copied().unwrap_or_default();
        for step in &stage.steps {
            copied.add(view, step);
            match &step.action {
                Action::Run(run, commands) => {
                    let own = projects.within(run, commands);
                    for command in commands {
                        let install = install::install(command);
                        match install.as_ref().map(|install| (install.tool, install)) {
                            Some((Tool::Pip, install)) => {
                                pip(view, stage, &copied, &mut pins, install, found)
                            }
                            Some((Tool::Poetry | Tool::Uv | Tool::Pdm | Tool::Pipenv, install)) => {
                                project(view, stage, &own, install, found)
                            }
                            Some((Tool::Npm, install)) => npm(view, stage, install, found),
                            _ => {}
                        }
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
            projects.add(view, step);
        }
        if let Some(end) = ends.get_mut(at) {
            *end = projects;
        }
    });
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
    let is_clone = |command: &Command| command.name == "git" && command.action() == "clone";
    if !commands.iter().any(is_clone) {
        return;
    }
    let last_fix = {
        let fixes = |later: &Command| {
            later.name == "git"
                && matches!(
                    later.operands().find(|word| !word.text.contains('/')).map(|word| word.text.as_str()),
                    Some("checkout" | "reset" | "switch" | "fetch")
                )
                && later.words.iter().any(|word| is_commit(&word.text) || !word.known)
        };
        commands.iter().rposition(fixes)
    };
    for (at, command) in commands.iter().enumerate().filter(|(_, command)| is_clone(command)) {
        if last_fix.is_some_and(|fix| fix > at) {
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

fn npm(view: &View<'_>, stage: &StageView<'_>, install: &Install<'_>, found: &mut Vec<Finding>) {
    let loose = |word: &&&super::script::Word| {
        word.known && !word.text.get(1..).is_some_and(|rest| rest.contains('@'))
    };
    let names: Vec<String> = install.packages.iter().filter(loose).map(|word| word.text.clone()).collect();
    if !names.is_empty() {
        let kind =
            Kind::UnpinnedPackages { names: names.into(), file: None, tool: install.command.name.clone() };
        found.push(view.finding(Level::Warning, kind, stage, install.command.span));
    }
}

/// What limits versions: the packages that constraints files pin, and lists of what requirements files leave open under such limits.
#[derive(Default)]
struct Pins {
    /// Names that constraints files pin, by the files.
    pinned: HashMap<Vec<String>, Rc<HashSet<String>>>,
    /// What a requirements file leaves open under the limits of an install's files and of its own, each by the files: the first such
    /// line, and the names.
    open: HashMap<(String, Vec<String>, Vec<String>), Option<(usize, Rc<[String]>)>>,
}

impl Pins {
    /// The names that constraints files of these paths pin.
    fn of(&mut self, files: &[(String, Rc<Requirements>)]) -> (Vec<String>, Rc<HashSet<String>>) {
        let paths: Vec<String> = files.iter().map(|(path, _)| path.clone()).collect();
        let names = || {
            let all = files.iter().flat_map(|(_, found)| found.all.iter().filter(|one| one.pinned));
            Rc::new(all.map(|one| name_of(&one.text)).collect())
        };
        let known = Rc::clone(self.pinned.entry(paths.clone()).or_insert_with(names));
        (paths, known)
    }
}

fn pip(
    view: &View<'_>,
    stage: &StageView<'_>,
    copied: &Copied,
    pins: &mut Pins,
    install: &Install<'_>,
    found: &mut Vec<Finding>,
) {
    let command = install.command;
    let mut unknown = !install.constraints.iter().all(|word| word.known);
    let limits: Vec<_> =
        install.constraints.iter().filter_map(|word| copied.file(view, file_of(word))).collect();
    unknown |= limits.len() < install.constraints.len();
    let (limit_paths, pinned) = pins.of(&limits);
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
        let kind = Kind::UnpinnedPackages { names: names.into(), file: None, tool: command.name.clone() };
        found.push(view.finding(level, kind, stage, command.span));
    }
    for word in install.requirements.iter().filter(|word| word.known) {
        let mut todo = vec![file_of(word).to_owned()];
        let mut seen = HashSet::default();
        while let Some(path) = todo.pop() {
            if local || seen.len() > MOST_INCLUDES || !seen.insert(path.clone()) {
                continue;
            }
            let Some((shown, read)) = copied.file(view, &path) else { continue };
            let folder = path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
            todo.extend(read.includes.iter().map(|inner| format!("{folder}{inner}")));
            let own: Vec<_> = read
                .constraints
                .iter()
                .filter_map(|inner| copied.file(view, &format!("{folder}{inner}")))
                .collect();
            unknown |= own.len() < read.constraints.len();
            let (own_paths, limits) = pins.of(&own);
            let open = || {
                let is_open =
                    |one: &&requirements::Requirement| loose(one) && !limits.contains(&name_of(&one.text));
                let first = read.all.iter().find(is_open)?;
                Some((first.line, read.all.iter().filter(is_open).map(|one| one.text.clone()).collect()))
            };
            let key = (shown.clone(), limit_paths.clone(), own_paths);
            if let Some((line, names)) = pins.open.entry(key).or_insert_with(open).clone() {
                let level = if unknown { Level::Info } else { Level::Warning };
                let kind =
                    Kind::UnpinnedPackages { names, file: Some((shown, line)), tool: command.name.clone() };
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

/// What was copied before an install that needs a lock file.
#[derive(Clone, Copy, Default)]
struct Projects {
    /// Whether anything came from the context.
    reads: bool,
    /// Whether what came from it can't be looked at.
    hidden: bool,
    /// The lock files that came from it.
    locks: [bool; LOCKS.len()],
    /// Whether a lock file may have come from elsewhere.
    elsewhere: bool,
}

impl Projects {
    /// Goes on behind `step`.
    fn add(&mut self, view: &View<'_>, step: &Step<'_>) {
        match &step.action {
            Action::Copy(copy) if copy.copy.from.is_some() => self.elsewhere = true,
            Action::Copy(copy) if !copy.reads.is_empty() => {
                self.reads = true;
                match copy.brought(view) {
                    Some(brought) => {
                        let locks = self.locks.iter_mut().zip(brought.locks);
                        locks.for_each(|(there, brought)| *there |= brought);
                    }
                    None => self.hidden = true,
                }
            }
            Action::Run(_, commands) => {
                let locks = |command: &Command| {
                    command.name == "git" || matches!(command.action(), "lock" | "update" | "export")
                };
                self.elsewhere |= commands.iter().any(locks);
            }
            _ => {}
        }
    }

    /// As a command of this RUN finds it.
    fn within(mut self, run: &Run, commands: &[Command]) -> Projects {
        self.elsewhere |=
            !run.mounts.iter().all(|mount| mount.kind() == b"cache" || mount.kind() == b"secret");
        self.elsewhere |= commands.iter().any(|command| command.action() == "lock");
        self
    }
}

/// A project installed without its lock file among what COPY brought.
fn project(
    view: &View<'_>,
    stage: &StageView<'_>,
    before: &Projects,
    install: &Install<'_>,
    found: &mut Vec<Finding>,
) {
    let Some(lock) = install.tool.lock() else { return };
    let command = install.command;
    let action = command.action();
    let renews =
        matches!(action, "update" | "add") || (install.tool == Tool::Uv && command.has(&["--upgrade", "-U"]));
    let is_there = LOCKS.iter().zip(before.locks).any(|(known, there)| *known == lock && there);
    let is_certain = before.reads && !before.hidden && !before.elsewhere;
    let level = match renews {
        true => Level::Info,
        false if is_certain && !is_there => Level::Warning,
        false => return,
    };
    let kind = Kind::NoLockFile { tool: format!("{} {action}", command.name), lock: lock.to_owned() };
    found.push(view.finding(level, kind, stage, command.span));
}

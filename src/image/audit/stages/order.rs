//! Install steps that run again because a source changed: what was copied before them is more than they read. Judges all stages
//! that the target reaches, since a builder is rebuilt as well.

use super::super::finding::{Finding, Level};
use super::Kind;
use super::brought::{MOST, Sources, last_of};
use super::install::{self, Install, Tool, file_of};
use super::view::{Action, CopyView, StageView, Step, View};
use crate::base::tables::HashSet;
use std::rc::Rc;

/// Names of files that say what to install.
pub(super) fn is_manifest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let listed = matches!(
        name.as_str(),
        "pyproject.toml"
            | "poetry.lock"
            | "uv.lock"
            | "pdm.lock"
            | "pipfile"
            | "pipfile.lock"
            | "setup.py"
            | "setup.cfg"
            | "poetry.toml"
            | "pdm.toml"
            | "uv.toml"
            | "manifest.in"
            | ".python-version"
            | "pip.conf"
            | "package.json"
            | "package-lock.json"
            | "npm-shrinkwrap.json"
            | "yarn.lock"
            | "pnpm-lock.yaml"
            | ".npmrc"
            | ".yarnrc"
            | ".yarnrc.yml"
            | "go.mod"
            | "go.sum"
            | "cargo.toml"
            | "cargo.lock"
            | "environment.yml"
            | "environment.yaml"
            | "conda-lock.yml"
            | "packages.txt"
            | "apt.txt"
            | "sources.list"
            | "gemfile"
            | "gemfile.lock"
    );
    let stem = name.split('.').next().unwrap_or(&name);
    let text = name.ends_with(".txt") || name.ends_with(".in") || name.ends_with(".pip");
    listed
        || (text && (stem.contains("requirement") || stem.contains("constraint")))
        || name.ends_with(".whl")
        || name.ends_with(".gpg")
        || name.ends_with(".asc")
        || name.ends_with(".crt")
        || name.ends_with(".list")
        || name.ends_with(".sources")
}

/// A COPY that may bring more than manifests.
struct Copied<'v, 's> {
    step: &'v Step<'s>,
    copy: &'v CopyView<'s>,
    sources: Sources,
    /// Whether it names the context as a whole.
    is_whole: bool,
}

/// Those on the way to a place, each with its stage's step; where there are very many, the first of them.
type Copies<'v, 's> = Vec<Rc<Copied<'v, 's>>>;

/// Finds such steps: the first of each stage.
pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    let mut ends: Vec<Rc<Copies<'_, '_>>> = Vec::with_capacity(view.stages.len());
    for stage in &view.stages {
        let parent = view.parent(stage).and_then(|parent| ends.get(parent));
        let mut copies = parent.cloned().unwrap_or_default();
        let mut said = false;
        for step in &stage.steps {
            match &step.action {
                Action::Copy(copy) if copies.len() < MOST => {
                    let more = Copied::of(view, step, copy);
                    if let Some(copied) = more {
                        Rc::make_mut(&mut copies).push(Rc::new(copied));
                    }
                }
                Action::Run(_, commands) => {
                    for command in commands {
                        let Some(install) = install::install(command).filter(|_| !said) else { continue };
                        let whole = install.tool == Tool::Pip && install.project;
                        let vague = install.packages.is_empty() && install.requirements.is_empty();
                        if whole || command.perhaps && vague {
                            continue;
                        }
                        if let Some(finding) = judge(view, stage, &copies, &install) {
                            said = true;
                            found.push(finding);
                        }
                    }
                }
                _ => {}
            }
        }
        ends.push(copies);
    }
}

fn judge<'s>(
    view: &View<'s>,
    stage: &StageView<'_>,
    copies: &Copies<'_, 's>,
    install: &Install<'_>,
) -> Option<Finding> {
    let named: Vec<&str> =
        install.requirements.iter().chain(&install.constraints).map(|word| file_of(word)).collect();
    let names: HashSet<&str> = named.iter().map(|path| last_of(path)).collect();
    for copied in copies.iter() {
        let Some(example) = copied.more_than_manifests(view, &names) else { continue };
        // What requirements files install by path needs its sources.
        if reads_paths(view, &named, &copied.sources) {
            continue;
        }
        let kind = Kind::InstallAfterSources {
            install: short(&install.command.shown()),
            copy: copied.shown(),
            line: view.line(copied.step.instruction.span),
            example: example.map(str::to_owned),
            seconds: None,
        };
        // A tool that installs the project as well has a reason to see its sources.
        let certain = example.is_some() && !install.project;
        let level = if certain { Level::Warning } else { Level::Info };
        return Some(view.finding(level, kind, stage, install.command.span));
    }
    None
}

impl<'v, 's> Copied<'v, 's> {
    /// What `copy` brings; none where that is manifests alone.
    fn of(view: &View<'s>, step: &'v Step<'s>, copy: &'v CopyView<'s>) -> Option<Self> {
        if copy.copy.from.is_some() || copy.reads.is_empty() {
            return None;
        }
        let mut sources = copy.sources.iter().flatten();
        let is_whole = sources.any(|source| matches!(source.trim_end_matches('/'), "." | "" | "*"));
        let brings_all = copy.brought(view).is_some() || copy.reads.iter().any(|read| read.is_all());
        let mut copied = Copied { step, copy, sources: Sources::default(), is_whole };
        copied.more_than_manifests(view, &HashSet::default()).filter(|_| brings_all)?;
        copied.sources = Sources::of(view, copy);
        Some(copied)
    }

    /// A file that it brings and that is no manifest, nor has one of `names`; the inner none where it may well bring one, and the context
    /// can't be looked at. None where it brings only these.
    #[allow(clippy::option_option)]
    fn more_than_manifests(&self, view: &View<'s>, names: &HashSet<&str>) -> Option<Option<&'v str>> {
        let Some(brought) = self.copy.brought(view) else { return Some(None) };
        let first = brought.examples.iter().find(|path| !names.contains(last_of(path)))?;
        // A lone file that is no source may be what the step needs: a script, a configuration.
        (self.is_whole || brought.folder || first.ends_with(".py")).then_some(Some(first))
    }

    /// The instruction, cut where it names very many sources.
    fn shown(&self) -> String {
        const MOST_BYTES: usize = 1024;
        let mut out = if self.copy.add { "ADD" } else { "COPY" }.to_owned();
        for source in &self.copy.sources {
            out.push(' ');
            if out.len() > MOST_BYTES {
                out.push('…');
                break;
            }
            out.push_str(source.as_deref().unwrap_or("…"));
        }
        out
    }
}

/// Whether one of the requirements files installs a folder of sources, and is among `sources`.
fn reads_paths(view: &View<'_>, named: &[&str], sources: &Sources) -> bool {
    let project = |path: &str| view.requirements(path).is_some_and(|read| read.project);
    named.iter().any(|path| {
        let name = last_of(path);
        let within =
            |folder: &String| [*path, name].iter().any(|inner| project(&format!("{folder}/{inner}")));
        sources.files.iter().any(|file| file.ends_with(name) && project(file))
            || sources.around(path).iter().any(within)
    })
}

/// A command, cut where it is long.
fn short(text: &str) -> String {
    const MOST: usize = 48;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let cut: String = text.chars().take(MOST - 1).collect();
    format!("{}…", cut.trim_end())
}

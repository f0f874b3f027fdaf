//! Install steps that run again because a source changed: what was copied before them is more than they read. Judges all stages
//! that the target reaches, since a builder is rebuilt as well.

use super::super::finding::{Finding, Level};
use super::Kind;
use super::install::{self, Install, Tool, file_of};
use super::view::{Action, CopyView, StageView, View};
use crate::base::sorting;
use crate::image::context::EntryKind;
use crate::image::dockerfile::ContextRead;

/// Names of files that say what to install.
fn is_manifest(path: &str) -> bool {
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

/// Finds such steps: the first of each stage.
pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    for stage in &view.stages {
        let mut said = false;
        for (index, step) in stage.steps.iter().enumerate() {
            let Action::Run(_, commands) = &step.action else { continue };
            for command in commands {
                let Some(install) = install::install(command).filter(|_| !said) else { continue };
                let whole = install.tool == Tool::Pip && install.project;
                if whole || command.perhaps && install.packages.is_empty() && install.requirements.is_empty()
                {
                    continue;
                }
                if let Some(finding) = judge(view, stage, index, &install) {
                    said = true;
                    found.push(finding);
                }
            }
        }
    }
}

fn judge(view: &View<'_>, stage: &StageView<'_>, index: usize, install: &Install<'_>) -> Option<Finding> {
    let named: Vec<&str> =
        install.requirements.iter().chain(&install.constraints).map(|word| file_of(word)).collect();
    for line in view.line_of(stage) {
        let most = if line.index == stage.index { index } else { line.steps.len() };
        for step in line.steps.iter().take(most) {
            let Action::Copy(copy) = &step.action else { continue };
            if copy.copy.from.is_some() || copy.reads.is_empty() {
                continue;
            }
            let Some(example) = more_than_manifests(view, copy, &named) else { continue };
            // What requirements files install by path needs its sources.
            if reads_paths(view, &named, copy) {
                continue;
            }
            let word = if copy.add { "ADD" } else { "COPY" };
            let sources: Vec<&str> =
                copy.sources.iter().map(|source| source.as_deref().unwrap_or("…")).collect();
            let kind = Kind::InstallAfterSources {
                install: short(&install.command.shown()),
                copy: format!("{word} {}", sources.join(" ")),
                line: view.line(step.instruction.span),
                example: example.clone(),
                seconds: None,
            };
            // A tool that installs the project as well has a reason to see its sources.
            let certain = example.is_some() && !install.project;
            let level = if certain { Level::Warning } else { Level::Info };
            return Some(view.finding(level, kind, stage, install.command.span));
        }
    }
    None
}

/// A file that COPY brings and that is no manifest; the inner none where it may well bring one, and the context can't be looked at.
/// None where it brings only manifests.
#[allow(clippy::option_option)]
fn more_than_manifests(view: &View<'_>, copy: &CopyView<'_>, named: &[&str]) -> Option<Option<String>> {
    let is_named = |path: &str| {
        let name = |path: &str| path.rsplit('/').next().map(str::to_owned);
        named.iter().any(|own| name(own) == name(path))
    };
    let harmless = |path: &str| is_manifest(path) || is_named(path);
    let reads: Vec<&ContextRead> = copy.reads.clone();
    match view.selected(&reads) {
        Some(selection) => {
            let mut files: Vec<String> = selection
                .entries
                .iter()
                .filter(|entry| entry.kind == EntryKind::File)
                .map(|entry| String::from_utf8_lossy(&entry.path).into_owned())
                .filter(|path| !harmless(path))
                .collect();
            let weight = |path: &String| {
                // The Dockerfile itself is what people would least think of.
                (
                    !path.ends_with(".py"),
                    path.ends_with("Dockerfile"),
                    path.starts_with('.'),
                    path.matches('/').count(),
                    path.clone(),
                )
            };
            sorting::sort_by_key(&mut files, weight);
            let first = files.into_iter().next()?;
            // A lone file that is no source may be what the step needs: a script, a configuration.
            let whole = copy
                .sources
                .iter()
                .flatten()
                .any(|source| matches!(source.trim_end_matches('/'), "." | "" | "*"));
            let folder = selection.entries.iter().any(|entry| entry.kind == EntryKind::Folder);
            (whole || folder || first.ends_with(".py")).then_some(Some(first))
        }
        None => {
            let all = copy.reads.iter().any(|read| read.is_all());
            all.then_some(None)
        }
    }
}

/// Whether one of the requirements files installs a folder of sources.
fn reads_paths(view: &View<'_>, named: &[&str], copy: &CopyView<'_>) -> bool {
    named.iter().any(|path| {
        let name = path.rsplit('/').next().unwrap_or(path);
        copy.sources.iter().flatten().any(|source| {
            [source.clone(), format!("{source}/{path}"), format!("{source}/{name}")].iter().any(|path| {
                let text = view.context_file(path).filter(|_| path.ends_with(name));
                text.is_some_and(|text| super::requirements::read(&text).project)
            })
        })
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

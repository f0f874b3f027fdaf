//! Base images by name: how their tags move, until when their releases are supported, what they are made of. Asks nobody.

use super::super::finding::{Finding, Level};
use super::super::releases::{self, Release, Support};
use super::install::{self, Tool};
use super::recipes::Refresh;
use super::view::{Action, StageView, Step, View};
use super::{Kind, Setting};
use crate::base::Span;
use crate::base::tables::{HashMap, HashSet};
use crate::image::dockerfile::{ImageUse, Via};
use crate::image::reference::Reference;

/// So many days before its end of life a release is spoken of.
const SOON: i64 = 180;

/// A base image's name, taken apart.
pub(super) struct Named {
    /// As the Dockerfile means it, in familiar form.
    pub shown: String,
    /// Its last component where it is one of the official images: `python`.
    pub official: Option<String>,
    /// Its tag.
    pub tag: Option<String>,
    /// Whether a digest fixes it.
    pub locked: bool,
    canonical: String,
}

impl Named {
    /// Takes `reference` apart; none where it is no reference.
    pub fn of(reference: &[u8]) -> Option<Named> {
        let found = Reference::parse(reference).ok()?;
        let official = found.domain == "docker.io";
        let official = official.then(|| found.path.strip_prefix("library/")).flatten().map(str::to_owned);
        Some(Named {
            shown: found.familiar(),
            official,
            tag: found.tag.clone(),
            locked: found.digest.is_some(),
            canonical: found.with_default_tag().canonical(),
        })
    }

    /// The tag's parts between its dashes.
    fn parts(&self) -> impl Iterator<Item = &str> {
        self.tag.as_deref().unwrap_or_default().split('-').filter(|part| !part.is_empty())
    }

    /// Whether its userland is Alpine's.
    pub fn is_alpine(&self) -> bool {
        self.official.as_deref() == Some("alpine") || self.parts().any(|part| part.starts_with("alpine"))
    }

    /// The releases that it says it is made of: the language's, the distribution's.
    fn releases(&self) -> Vec<Release> {
        let Some(name) = self.official.as_deref() else { return Vec::new() };
        let mut out = Vec::new();
        let first = self.parts().next().unwrap_or_default();
        if matches!(name, "python" | "debian" | "ubuntu" | "alpine") {
            out.extend(releases::find(name, first));
        }
        if matches!(name, "archlinux") {
            out.extend(releases::find("arch", ""));
        }
        if !matches!(name, "debian" | "ubuntu" | "alpine") {
            for part in self.parts() {
                let alpine = part.strip_prefix("alpine").filter(|version| !version.is_empty());
                out.extend(alpine.and_then(|version| releases::find("alpine", version)));
                if part.chars().all(|c| c.is_ascii_lowercase()) {
                    out.extend(releases::find("debian", part).or_else(|| releases::find("ubuntu", part)));
                }
            }
        }
        out
    }

    /// Whether the tag moves from release to release, rather than within one.
    fn moves(&self) -> bool {
        let Some(tag) = self.tag.as_deref() else { return true };
        let first = self.parts().next().unwrap_or_default();
        let named = |id| releases::find(id, first).is_some_and(|found| found.support != Support::Rolling);
        if named("debian") || named("ubuntu") {
            return false;
        }
        let python = self.official.as_deref() == Some("python") && first.chars().all(|c| c.is_ascii_digit());
        python || !tag.chars().any(|c| c.is_ascii_digit()) || !first.chars().any(|c| c.is_ascii_digit())
    }

    /// Whether it is published with compilers: what, and the same without.
    fn compilers(&self) -> Option<(&'static str, Option<String>)> {
        let has = |what: &str| self.parts().any(|part| part.starts_with(what));
        let slim = || {
            let tag = self.tag.as_deref().map_or_else(|| "slim".to_owned(), |tag| format!("{tag}-slim"));
            Some(format!("{}:{tag}", self.official.as_deref().unwrap_or_default()))
        };
        match self.official.as_deref()? {
            "python" | "node" | "ruby" | "perl" if !has("slim") && !has("alpine") => {
                Some(("gcc and g++", slim()))
            }
            "pypy" if !has("slim") => Some(("gcc and g++", slim())),
            "golang" => Some(("go", None)),
            "rust" => Some(("rustc", None)),
            "gcc" => Some(("gcc", None)),
            "buildpack-deps" if !has("curl") && !has("scm") => Some(("gcc and g++", None)),
            "maven" | "gradle" => Some(("javac", Some("eclipse-temurin with -jre".to_owned()))),
            "openjdk" | "eclipse-temurin" | "amazoncorretto" if !has("jre") => Some(("javac", None)),
            _ => None,
        }
    }

    /// Whether it is published to run as root.
    pub fn is_root(&self) -> bool {
        const ROOTS: [&str; 25] = [
            "debian",
            "ubuntu",
            "alpine",
            "fedora",
            "archlinux",
            "amazonlinux",
            "rockylinux",
            "almalinux",
            "centos",
            "oraclelinux",
            "busybox",
            "python",
            "pypy",
            "node",
            "ruby",
            "perl",
            "php",
            "golang",
            "rust",
            "gcc",
            "buildpack-deps",
            "openjdk",
            "eclipse-temurin",
            "bash",
            "nginx",
        ];
        self.official.as_deref().is_some_and(|name| ROOTS.contains(&name))
            && !self.parts().any(|part| part.contains("unprivileged") || part.contains("rootless"))
    }
}

/// The image that the target's chain starts from, with its stage; none where that is scratch, or is not known.
pub(super) fn root<'v>(view: &'v View<'_>) -> Option<(&'v StageView<'v>, Named, &'v ImageUse)> {
    let stage = view.chain().next()?;
    let used = view.analysis.images.iter().find(|used| used.via == Via::From && used.stage == stage.index)?;
    Some((stage, Named::of(used.reference.known()?)?, used))
}

/// Finds what base images' names tell.
pub(super) fn check(view: &View<'_>, refresh: &Refresh<'_>, setting: &Setting, found: &mut Vec<Finding>) {
    let mut seen = HashSet::default();
    for used in &view.analysis.images {
        let Some(named) = used.reference.known().and_then(Named::of) else { continue };
        let Some(stage) = view.analysis.place(used.stage).and_then(|at| view.stages.get(at)) else {
            continue;
        };
        if refresh.built.contains(&named.canonical) || !seen.insert((named.canonical.clone(), used.via)) {
            continue;
        }
        let span = used.span;
        if used.via == Via::From {
            one(view, &named, stage, span, refresh, setting, found);
        }
        if !named.locked {
            let moves = named.moves();
            let kind = Kind::FloatingTag { image: named.shown.clone(), tag: named.tag.clone(), moves };
            let level = if moves { Level::Warning } else { Level::Info };
            found.push(view.finding(level, kind, stage, span));
        }
    }
    if let Some((stage, named, used)) = root(view)
        && let Some((compilers, instead)) = named.compilers()
    {
        // What is published under the name need not be what this engine has.
        let kind = Kind::CompilerInBase { image: named.shown, compilers: compilers.to_owned(), instead };
        let mut finding = view.finding(Level::Info, kind, stage, used.span);
        finding.inherited = true;
        found.push(finding);
    }
    alpine(view, found);
}

fn one(
    view: &View<'_>,
    named: &Named,
    stage: &StageView<'_>,
    span: Span,
    refresh: &Refresh<'_>,
    setting: &Setting,
    found: &mut Vec<Finding>,
) {
    let variable = stage.stage.from.base.bytes.contains(&b'$');
    if !named.locked && !refresh.pulls && !variable {
        let kind = Kind::NeverRefreshed { image: named.shown.clone() };
        found.push(view.finding(Level::Info, kind, stage, span));
    }
    let rolling = matches!(named.official.as_deref(), Some("archlinux"))
        || named.shown.contains("tumbleweed")
        || named.shown.contains("kali-rolling")
        || named.parts().any(|part| part == "rawhide")
        || named.releases().iter().any(|release| release.support == Support::Rolling)
        || (named.official.as_deref() == Some("debian")
            && named.parts().any(|part| matches!(part, "testing" | "unstable")));
    if rolling {
        let kind = Kind::RollingBase { image: named.shown.clone() };
        found.push(view.finding(Level::Warning, kind, stage, span));
    }
    for release in named.releases() {
        let Some(until) = release.until else { continue };
        let left = until.days() - setting.today.days();
        let image = named.shown.clone();
        let end = (release.shown(), until.to_string());
        if left <= SOON {
            let level = if left < 0 { Level::Warning } else { Level::Info };
            let kind = Kind::EndOfLife { image, release: end.0, until: end.1, over: left < 0 };
            found.push(view.finding(level, kind, stage, span));
        } else if release.support == Support::Short {
            let kind = Kind::ShortSupport { image, release: end.0, until: end.1 };
            found.push(view.finding(Level::Info, kind, stage, span));
        }
    }
}

/// Python packages that a stage on Alpine installs.
fn alpine(view: &View<'_>, found: &mut Vec<Finding>) {
    // The first install of all lines that start with a stage, by its index in the file.
    let mut installs: HashMap<usize, (&StageView<'_>, &Step<'_>, String)> = HashMap::default();
    for (stage, first) in view.stages.iter().zip(view.firsts()) {
        if installs.contains_key(&first) {
            continue;
        }
        let install = stage.steps.iter().find_map(|step| {
            let Action::Run(_, commands) = &step.action else { return None };
            let found = commands.iter().filter_map(install::install).find(|found| found.tool.is_python())?;
            Some((stage, step, tool_name(found.tool, &found.command.name)))
        });
        if let Some(install) = install {
            installs.insert(first, install);
        }
    }
    for used in view.analysis.images.iter().filter(|used| used.via == Via::From) {
        let Some((stage, step, tool)) = installs.get(&used.stage) else { continue };
        let Some(named) = used.reference.known().and_then(Named::of).filter(Named::is_alpine) else {
            continue;
        };
        let kind = Kind::AlpineWithPip { image: named.shown, tool: tool.clone() };
        found.push(view.finding(Level::Warning, kind, stage, step.instruction.span));
    }
}

fn tool_name(tool: Tool, name: &str) -> String {
    match tool {
        Tool::Pip => "pip".to_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Named {
        match Named::of(text.as_bytes()) {
            Some(named) => named,
            None => panic!("{text}"),
        }
    }

    #[test]
    fn tags_that_move_are_told_from_those_that_do_not() {
        for moving in [
            "python",
            "python:latest",
            "python:3",
            "python:slim",
            "python:3-slim",
            "debian:stable",
            "alpine:edge",
            "x/y:dev",
        ] {
            assert!(named(moving).moves(), "{moving}");
        }
        for still in [
            "python:3.11",
            "python:3.11-slim-bookworm",
            "debian:bookworm-slim",
            "ubuntu:24.04",
            "x/y:1.2",
            "ubuntu:noble",
        ] {
            assert!(!named(still).moves(), "{still}");
        }
    }

    #[test]
    fn releases_are_read_from_names() {
        let shown =
            |text: &str| named(text).releases().iter().map(Release::shown).collect::<Vec<_>>().join(", ");
        assert_eq!(shown("python:3.7-slim-buster"), "Python 3.7, Debian 10");
        assert_eq!(shown("python:3.12.1-alpine3.18"), "Python 3.12, Alpine 3.18");
        assert_eq!(shown("ubuntu:23.10"), "Ubuntu 23.10");
        assert_eq!(shown("debian:sid-slim"), "Debian sid");
        assert_eq!(shown("registry:5000/python:3.7"), "");
    }
}

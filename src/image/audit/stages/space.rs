//! What package managers leave in the image's layers. Looks at the target's own chain only.

use super::super::finding::{Finding, Level};
use super::Kind;
use super::bases;
use super::install::{self, Install, Tool};
use super::script::Command;
use super::view::{Action, StageView, Step, View};
use crate::image::dockerfile::Run;

/// The targets of the cache and tmpfs mounts of a RUN: what is written there is in no layer.
fn mounted(run: &Run) -> Vec<String> {
    let kept_out = |kind: &[u8]| matches!(kind, b"cache" | b"tmpfs");
    run.mounts
        .iter()
        .filter(|mount| kept_out(mount.kind()))
        .filter_map(|mount| mount.get(&[b"target", b"dst", b"destination"]))
        .map(|target| String::from_utf8_lossy(target).into_owned())
        .collect()
}

/// Whether `commands` remove something below `path`.
fn removes(commands: &[Command], path: &str) -> bool {
    commands.iter().any(|command| match command.name.as_str() {
        "rm" | "find" => command.texts().any(|word| is_below(word, path)),
        _ => false,
    })
}

/// Whether a word of `rm` names `path`, a folder that it is in, or what is in it.
fn is_below(word: &str, path: &str) -> bool {
    let word = word.trim_end_matches('*').trim_end_matches('/');
    let starts = |whole: &str, part: &str| {
        whole.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    word.len() > 4 && (starts(word, path) || starts(path, word))
}

/// A package manager's leavings.
struct Leaving {
    tool: &'static str,
    path: &'static str,
    /// The commands that fetch.
    fetches: fn(&Command) -> bool,
    /// The commands that clean up.
    cleans: fn(&Command) -> bool,
}

const INDICES: [Leaving; 4] = [
    Leaving {
        tool: "apt-get update",
        path: "/var/lib/apt/lists",
        fetches: |command| {
            matches!(command.name.as_str(), "apt-get" | "apt" | "aptitude") && command.action() == "update"
        },
        // `apt-get dist-clean` removes the lists (apt 2.9).
        cleans: |command| {
            matches!(command.name.as_str(), "apt-get" | "apt") && command.action() == "dist-clean"
        },
    },
    Leaving {
        tool: "apk",
        path: "/var/cache/apk",
        fetches: |command| {
            command.name == "apk"
                && matches!(command.action(), "update" | "add" | "upgrade")
                && !command.has(&["--no-cache", "--no-network"])
        },
        cleans: |command| command.name == "apk" && command.action() == "cache",
    },
    Leaving {
        tool: "dnf",
        path: "/var/cache/dnf",
        fetches: |command| {
            matches!(command.name.as_str(), "dnf" | "microdnf")
                && matches!(command.action(), "install" | "update" | "upgrade")
        },
        cleans: |command| matches!(command.name.as_str(), "dnf" | "microdnf") && command.action() == "clean",
    },
    Leaving {
        tool: "yum",
        path: "/var/cache/yum",
        fetches: |command| {
            command.name == "yum" && matches!(command.action(), "install" | "update" | "upgrade")
        },
        cleans: |command| command.name == "yum" && command.action() == "clean",
    },
];

/// What keeps an installer from keeping what it downloads: options, variables, the folders it keeps it in.
struct Cache {
    tool: Tool,
    option: &'static str,
    variables: &'static [&'static str],
    folders: &'static [&'static str],
    cleans: &'static [&'static [&'static str]],
}

static CACHES: [Cache; 4] = [
    Cache {
        tool: Tool::Pip,
        option: "--no-cache-dir",
        variables: &["PIP_NO_CACHE_DIR"],
        folders: &[".cache", ".cache/pip"],
        cleans: &[&["pip", "cache", "purge"]],
    },
    Cache {
        tool: Tool::Poetry,
        option: "--no-cache",
        variables: &["POETRY_NO_CACHE"],
        folders: &[".cache", ".cache/pypoetry"],
        cleans: &[&["poetry", "cache", "clear"]],
    },
    Cache {
        tool: Tool::Uv,
        option: "--no-cache",
        variables: &["UV_NO_CACHE"],
        folders: &[".cache", ".cache/uv"],
        cleans: &[&["uv", "cache", "clean"], &["uv", "cache", "prune"]],
    },
    Cache {
        tool: Tool::Npm,
        option: "npm cache clean --force",
        variables: &[],
        folders: &[".npm", ".cache/yarn", ".local/share/pnpm"],
        cleans: &[&["npm", "cache", "clean"], &["yarn", "cache", "clean"], &["pnpm", "store", "prune"]],
    },
];

/// Finds what stays.
pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    indices(view, found);
    // A base of one's own may have said so in its config.
    let known = bases::root(view).is_none_or(|(_, named, _)| named.official.is_some());
    let mut said_before = Said::default();
    for (stage, step) in view.chain_steps() {
        said_before.add(step);
        let Action::Run(run, commands) = &step.action else { continue };
        let mut here = None;
        let mut said = Vec::new();
        for command in commands {
            let Some(install) = install::install(command) else { continue };
            let skips = said_before.no_recommended || skips_recommended(command);
            if install.tool == Tool::Apt && !skips {
                found.push(view.finding(Level::Info, Kind::RecommendedPackages, stage, command.span));
            }
            if said.contains(&install.tool) {
                continue;
            }
            let Some(cache) = CACHES.iter().find(|cache| cache.tool == install.tool) else { continue };
            let here = here.get_or_insert_with(|| Here::of(run, commands));
            if keeps_cache(&install, cache, &said_before, here) {
                said.push(install.tool);
                let kind =
                    Kind::PackageCacheKept { tool: command.name.clone(), option: cache.option.to_owned() };
                let level = if known { Level::Warning } else { Level::Info };
                found.push(view.finding(level, kind, stage, command.span));
            }
        }
    }
}

/// Finds what package managers fetched to know what there is, from the last step on: who cleans up behind a step is known there.
fn indices(view: &View<'_>, found: &mut Vec<Finding>) {
    let mut added = Vec::new();
    let mut cleaned: [Option<(&StageView<'_>, &Step<'_>)>; INDICES.len()] = [None; INDICES.len()];
    for (stage, step) in view.chain_steps().rev() {
        let Action::Run(run, commands) = &step.action else { continue };
        let mounts = mounted(run);
        let before = added.len();
        for (leaving, cleaned) in INDICES.iter().zip(&mut cleaned) {
            let cleans = removes(commands, leaving.path) || commands.iter().any(leaving.cleans);
            let later = if cleans { cleaned.replace((stage, step)) } else { *cleaned };
            let Some(fetch) = commands.iter().find(|command| (leaving.fetches)(command)) else { continue };
            if cleans || mounts.iter().any(|target| is_below(target, leaving.path)) {
                continue;
            }
            match later {
                Some((stage, step)) => {
                    let line = view.line(fetch.span);
                    let kind = Kind::CleanedTooLate { path: leaving.path.to_owned(), line };
                    added.push(view.finding(Level::Warning, kind, stage, step.instruction.span));
                }
                None => {
                    let kind = Kind::PackageIndexKept {
                        tool: leaving.tool.to_owned(),
                        path: leaving.path.to_owned(),
                    };
                    added.push(view.finding(Level::Warning, kind, stage, fetch.span));
                }
            }
        }
        if let Some(own) = added.get_mut(before..) {
            own.reverse();
        }
    }
    found.extend(added.into_iter().rev());
}

/// What the steps up to a place say to installers.
#[derive(Default)]
struct Said {
    /// A configuration was written that keeps apt from installing what is merely recommended.
    no_recommended: bool,
    /// pip was configured to keep nothing.
    no_cache: bool,
    /// For each of the caches whether a variable turns it off.
    by_variable: [bool; CACHES.len()],
}

/// Whether a variable keeps an installer from keeping what it downloads.
fn turns_off(cache: &Cache, name: &str, value: Option<&str>) -> bool {
    cache.variables.contains(&name) && !matches!(value, Some("" | "0" | "false" | "off" | "no"))
}

impl Said {
    /// Goes on to `step`.
    fn add(&mut self, step: &Step<'_>) {
        match &step.action {
            Action::Env(pairs) | Action::Arg(pairs) => {
                for (cache, off) in CACHES.iter().zip(&mut self.by_variable) {
                    *off |= pairs.iter().any(|(name, value)| turns_off(cache, name, value.as_deref()));
                }
            }
            Action::Run(_, commands) => {
                for command in commands {
                    self.no_recommended |= matches!(command.name.as_str(), "echo" | "printf")
                        && command.texts().any(|word| word.contains("Install-Recommends"));
                    self.no_cache |= command.action() == "config"
                        && command.texts().any(|word| word.contains("no-cache-dir"));
                }
            }
            _ => {}
        }
    }

    fn turns_off(&self, cache: &Cache) -> bool {
        CACHES.iter().zip(self.by_variable).any(|(known, off)| off && known.tool == cache.tool)
    }
}

/// For each of the caches whether a RUN leaves none of it: it is mounted, turned off by an exported variable, or cleaned up.
struct Here([bool; CACHES.len()]);

impl Here {
    fn of(run: &Run, commands: &[Command]) -> Here {
        let mounts = mounted(run);
        let exports = |cache: &Cache| {
            let exported =
                commands.iter().filter(|command| command.name == "export").flat_map(Command::texts);
            let mut pairs = exported.filter_map(|word| word.split_once('='));
            pairs.any(|(name, value)| turns_off(cache, name, Some(value)))
        };
        let mounts_it = |cache: &Cache| {
            mounts.iter().any(|target| {
                let target = target.trim_end_matches('/');
                cache.folders.iter().any(|folder| target.ends_with(folder)) || target.contains("cache")
            })
        };
        let cleans = |cache: &Cache| {
            commands.iter().any(|command| {
                let words: Vec<&str> =
                    std::iter::once(command.name.as_str()).chain(command.texts()).collect();
                cache.cleans.iter().any(|clean| words.starts_with(clean))
                    || (command.name == "rm"
                        && command
                            .texts()
                            .any(|word| cache.folders.iter().any(|folder| word.contains(folder))))
            })
        };
        Here(CACHES.each_ref().map(|cache| exports(cache) || mounts_it(cache) || cleans(cache)))
    }

    fn has_none(&self, cache: &Cache) -> bool {
        CACHES.iter().zip(self.0).any(|(known, none)| none && known.tool == cache.tool)
    }
}

fn skips_recommended(command: &Command) -> bool {
    let says = |word: &str| {
        let word = word.to_ascii_lowercase();
        word.contains("install-recommends=")
            || word.contains("install-recommends \"0")
            || word.contains("install-recommends \"false")
    };
    command.has(&["--no-install-recommends"]) || command.texts().any(says)
}

fn keeps_cache(install: &Install<'_>, cache: &Cache, said: &Said, here: &Here) -> bool {
    // `uv pip` has uv's option and cache.
    let cache = match install.command.name.as_str() {
        "uv pip" => CACHES.iter().find(|cache| cache.tool == Tool::Uv).unwrap_or(cache),
        _ => cache,
    };
    let options = ["--no-cache-dir", "--no-cache", "--cache-dir"];
    let by_command = install.command.has(&options)
        || install.command.texts().any(|word| word.starts_with("--cache-dir=") || word == "--prefer-offline")
        || install.command.environment.iter().any(|(name, value)| turns_off(cache, name, Some(value)));
    !(by_command || said.no_cache || said.turns_off(cache) || here.has_none(cache))
}

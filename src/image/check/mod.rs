//! What would go wrong, found before anything runs: each finding typed, with its place. Runs nothing, asks engines only
//! whether they answer and what base images hold, and knows nothing of how findings are worded.
//!
//! A finding is made only where it is certain: what an earlier command may bring about (a file in a context, a program
//! installed) is left alone.

mod builds;
mod edges;
mod kinds;
mod leavings;
mod programs;
mod references;

pub use kinds::{Finding, Kind, Owner, Severity};
pub use programs::package_of;

use super::command::kinds::{ComposeAction, Endpoint};
use super::command::{ImageCommand, Reach, Reading, Recognised, whole};
use super::recipe::{Line, Place, Runner};
use super::study::{BuildStudy, DockerfileUse, Outside, RecipeStudy, Study};
use crate::base::Span;
use crate::base::sorting;
use crate::base::tables::HashMap;

/// What is known of the run besides its recipes.
pub struct Setting<'o> {
    /// The folder that recipes run in.
    pub outside: &'o Outside<'o>,
    /// Whether targets may be made at once at all: not under `.NOTPARALLEL`.
    pub parallel: bool,
}

/// All findings, in the order of the recipes, those of one recipe by place.
pub fn check(study: &Study, setting: &Setting<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut seen = Seen::default();
    for (index, recipe) in study.recipes.iter().enumerate() {
        let mut own = Vec::new();
        let at = At { study, index, recipe, setting };
        references::check(&at, &mut seen.tags, &mut own);
        builds::check(&at, &mut own);
        programs::check(&at, &mut seen.programs, &mut own);
        programs::engines(&at, &mut seen.engines, &mut own);
        leavings::check(&at, &mut own);
        listed(&at, &mut own);
        sorting::sort_by_key(&mut own, |finding| {
            finding.place.as_ref().map(|place| (place.file.clone(), place.line, place.column))
        });
        found.append(&mut own);
    }
    edges::check(study, setting.parallel, &mut found);
    settle(found)
}

/// A recipe that `.IMAGE` lists and that is not understood whole.
fn listed(at: &At<'_>, found: &mut Vec<Finding>) {
    let recipe = at.recipe;
    if !recipe.recipe.listed {
        return;
    }
    let lines = &recipe.recipe.lines;
    let scripts: Vec<(&[u8], bool)> =
        lines.iter().map(|line| (line.text.as_slice(), line.failure_ignored)).collect();
    let Err(why) = whole::builds(&scripts, &recipe.readings) else { return };
    let line = why.script().and_then(|number| lines.get(number));
    let place = line.and_then(|line| line.whole()).or_else(|| recipe.recipe.place.clone());
    found.push(at.finding(Severity::Warning, place, Kind::NotWhole(why)));
}

/// What is said once, however many recipes have it.
#[derive(Default)]
struct Seen {
    programs: Vec<Vec<u8>>,
    engines: Vec<usize>,
    tags: references::TagsLeft,
}

/// A recipe under check.
struct At<'s> {
    study: &'s Study,
    index: usize,
    recipe: &'s RecipeStudy,
    setting: &'s Setting<'s>,
}

impl At<'_> {
    fn target(&self) -> String {
        String::from_utf8_lossy(&self.recipe.recipe.target).into_owned()
    }

    fn finding(&self, severity: Severity, place: Option<Place>, kind: Kind) -> Finding {
        Finding { severity, kind, place, target: self.target() }
    }

    /// A place in a build's Dockerfile.
    fn in_dockerfile(build: &BuildStudy, span: Span) -> Option<Place> {
        match &build.dockerfile {
            DockerfileUse::File(file) => file.place(span),
            _ => None,
        }
    }

    /// Whether something before line `line` of the recipe, or a recipe before it, may make files: a program, a copy out of a
    /// container, a container with a folder of this machine, output redirected.
    fn may_make_files(&self, line: usize) -> bool {
        let earlier = self.recipe.before.iter().filter_map(|&index| self.study.recipes.get(index));
        makes_files(self.recipe, line) || earlier.into_iter().any(|recipe| makes_files(recipe, usize::MAX))
    }
}

fn makes_files(recipe: &RecipeStudy, before: usize) -> bool {
    let lines = recipe.recipe.lines.iter().zip(&recipe.readings).enumerate();
    let mut lines = lines.take(before.saturating_add(1));
    // On the build's own line only what stands before it counts, which is taken to be all of it.
    lines.any(|(index, (line, reading))| {
        line.runner != Runner::Shell || script_makes_files(&line.text, reading, index == before)
    })
}

/// Whether a script may make files: one that is not understood may.
pub fn may_make_files(script: &[u8], reading: &Reading) -> bool {
    script_makes_files(script, reading, false)
}

fn script_makes_files(script: &[u8], reading: &Reading, is_builds_own: bool) -> bool {
    let others = reading.others.iter().any(|other| !other.name.as_deref().is_some_and(makes_none));
    let commands = reading.commands.iter().any(|command| match &command.command {
        ImageCommand::Copy { destination: Endpoint::Local(_) | Endpoint::Unknown(_), .. } => true,
        ImageCommand::Run(container) => !container.volumes.is_empty() || !container.mounts.is_empty(),
        ImageCommand::Build(build) => !build.outputs.is_empty(),
        ImageCommand::Compose(compose) => {
            matches!(compose.action, ComposeAction::Run { .. } | ComposeAction::Up { .. })
        }
        ImageCommand::Save { .. } => true,
        ImageCommand::Opaque(_) => !is_builds_own,
        _ => false,
    });
    let redirected = memchr::memchr(b'>', script).is_some()
        && !script.windows(2).all(|pair| pair[0] != b'>' || b"&/".contains(&pair[1]));
    others || commands || redirected || !reading.opaque.is_empty()
}

/// Programs that make no file by themselves.
fn makes_none(name: &[u8]) -> bool {
    const NONE: [&[u8]; 18] = [
        b"ls",
        b"cat",
        b"grep",
        b"date",
        b"sleep",
        b"hadolint",
        b"which",
        b"whoami",
        b"id",
        b"uname",
        b"jq",
        b"wc",
        b"head",
        b"tail",
        b"command",
        b"rm",
        b"diff",
        b"kill",
    ];
    NONE.contains(&name)
}

/// Makes warnings of errors in a command that may not run, or whose failure is ignored: that the run fails of them is not certain.
fn soften(line: &Line, command: &Recognised, found: &mut [Finding]) {
    let certain = matches!(command.reach, Reach::Always | Reach::OnSuccess | Reach::OnExit);
    if certain && !command.failure_ignored && !line.failure_ignored {
        return;
    }
    for finding in found {
        finding.severity = Severity::Warning;
    }
}

/// Takes out what is said twice of one place, as of a line that several targets share.
fn settle(found: Vec<Finding>) -> Vec<Finding> {
    let mut out: Vec<Finding> = Vec::with_capacity(found.len());
    let mut by_place: HashMap<(String, usize, Option<usize>), Vec<usize>> = HashMap::default();
    for finding in found {
        if let Some(place) = &finding.place {
            let known = by_place.entry((place.file.clone(), place.line, place.column)).or_default();
            let is_same = |known: &Finding| {
                let same = match (&known.kind, &finding.kind) {
                    (Kind::UnusedArg { name, .. }, Kind::UnusedArg { name: other, .. }) => name == other,
                    (kind, other) => kind == other,
                };
                known.place == finding.place && same
            };
            if known.iter().filter_map(|&at| out.get(at)).any(is_same) {
                continue;
            }
            known.push(out.len());
        }
        out.push(finding);
    }
    out
}

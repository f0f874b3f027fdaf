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
use crate::base::tables::{HashMap, HashSet};
use std::cell::{OnceCell, RefCell};

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
    let whole = Whole::of(study);
    for (index, recipe) in study.recipes.iter().enumerate() {
        let mut own = Vec::new();
        let at = At { study, index, recipe, setting, whole: &whole, own_lines: RefCell::default() };
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
    programs: HashSet<Vec<u8>>,
    engines: HashSet<usize>,
    tags: references::TagsLeft,
}

/// A recipe under check.
struct At<'s> {
    study: &'s Study,
    index: usize,
    recipe: &'s RecipeStudy,
    setting: &'s Setting<'s>,
    whole: &'s Whole<'s>,
    /// For lines with builds whether what else is in them may make files.
    own_lines: RefCell<HashMap<usize, bool>>,
}

/// What is asked of all recipes for each of them, found once.
struct Whole<'s> {
    dealt_with: OnceCell<leavings::DealtWith<'s>>,
    used_args: OnceCell<builds::UsedArgs<'s>>,
    /// For each recipe the first line that may make files, counted from zero; none where none does.
    making: Vec<OnceCell<Option<usize>>>,
    /// For each recipe whether one before it may make files.
    made_before: Vec<OnceCell<bool>>,
    /// For each recipe what it makes.
    makes: Vec<OnceCell<leavings::Makes<'s>>>,
}

impl Whole<'_> {
    fn of(study: &Study) -> Self {
        let count = study.recipes.len();
        Whole {
            dealt_with: OnceCell::new(),
            used_args: OnceCell::new(),
            making: std::iter::repeat_with(OnceCell::new).take(count).collect(),
            made_before: std::iter::repeat_with(OnceCell::new).take(count).collect(),
            makes: std::iter::repeat_with(OnceCell::new).take(count).collect(),
        }
    }
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
        // On the build's own line only what stands before it counts, which is taken to be all of it.
        let own = || {
            let own = self.recipe.recipe.lines.get(line).zip(self.recipe.readings.get(line));
            let find = || own.is_some_and(|(line, reading)| line_makes_files(line, reading, true));
            *self.own_lines.borrow_mut().entry(line).or_insert_with(find)
        };
        let before = || {
            let mut earlier = self.recipe.before.iter();
            earlier.any(|&index| self.first_making(index).is_some())
        };
        self.first_making(self.index).is_some_and(|first| first < line)
            || own()
            || self.whole.made_before.get(self.index).is_some_and(|known| *known.get_or_init(before))
    }

    /// The first line of recipe `index` that may make files.
    fn first_making(&self, index: usize) -> Option<usize> {
        let recipe = self.study.recipes.get(index)?;
        let find = || {
            let mut lines = recipe.recipe.lines.iter().zip(&recipe.readings);
            lines.position(|(line, reading)| line_makes_files(line, reading, false))
        };
        *self.whole.making.get(index)?.get_or_init(find)
    }
}

fn line_makes_files(line: &Line, reading: &Reading, is_builds_own: bool) -> bool {
    line.runner != Runner::Shell || script_makes_files(&line.text, reading, is_builds_own)
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
    let mut by_place: HashMap<(String, usize, Option<usize>, String), Vec<usize>> = HashMap::default();
    for finding in found {
        if let Some(place) = &finding.place {
            let kind = match &finding.kind {
                Kind::UnusedArg { name, .. } => format!("UnusedArg {name}"),
                kind => format!("{kind:?}"),
            };
            let known = by_place.entry((place.file.clone(), place.line, place.column, kind)).or_default();
            let is_same = |known: &Finding| known.place == finding.place;
            if known.iter().filter_map(|&at| out.get(at)).any(is_same) {
                continue;
            }
            known.push(out.len());
        }
        out.push(finding);
    }
    out
}

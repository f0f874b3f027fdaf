//! What a build's log adds to what the stages tell: packages that pip compiled, and how long a step takes that a change of a source
//! runs again. Reads no output itself.

use super::super::finding::{Finding, Kind as Found, Level, StageName};
use super::super::image;
use super::super::subject::Subject;
use super::Kind;
use super::install::{self, Tool};
use super::view::{Action, Step, View};
use crate::base::tables::HashMap;
use crate::image::log::{self, Log};
use crate::image::progress::instruction_line;
use crate::image::study::Study;
use std::time::Duration;

/// What a log says.
#[derive(Debug, Default)]
pub struct Logged {
    /// Packages that were compiled from source.
    pub findings: Vec<Finding>,
    /// Whether the log shows what each step that installs Python packages did.
    pub is_whole: bool,
}

/// Reads `log`, that of the build of `subject`, and adds to `findings` how long steps take.
pub fn logged(study: &Study, subject: Subject, log: &Log, findings: &mut [Finding]) -> Logged {
    let mut out = Logged { findings: Vec::new(), is_whole: true };
    let Some(recipe) = study.recipes.get(subject.recipe) else { return Logged::default() };
    let Some(build) = recipe.builds.get(subject.build) else { return Logged::default() };
    let target = String::from_utf8_lossy(&recipe.recipe.target);
    let Ok(view) = View::of(&target, build) else { return Logged::default() };
    let steps = steps_by_line(&view, log);
    let mut times = Vec::new();
    for stage in &view.stages {
        for step in &stage.steps {
            let Action::Run(_, commands) = &step.action else { continue };
            let all: Vec<_> = commands.iter().filter_map(install::install).collect();
            if all.is_empty() {
                continue;
            }
            let seen = steps.get(&view.line(step.instruction.span)).copied();
            if let Some(took) = seen.and_then(|seen| seen.took) {
                times.push(Timed::of(&view, step, took));
            }
            let installs: Vec<_> = all.into_iter().filter(|install| install.tool.is_python()).collect();
            if installs.is_empty() {
                continue;
            }
            let Some(seen) = seen else {
                out.is_whole = false;
                continue;
            };
            out.is_whole &= seen.pip && installs.iter().all(|install| install.tool == Tool::Pip);
            // Wheels made once, for other stages to install, are what is asked for.
            if installs.iter().all(|install| install.command.texts().any(|word| word == "wheel")) {
                continue;
            }
            for native in [true, false] {
                let of = |one: &&log::Compiled| one.native.unwrap_or(true) == native;
                let all: Vec<&log::Compiled> = seen.compiled.iter().filter(of).collect();
                if all.is_empty() {
                    continue;
                }
                let took: Duration = all.iter().filter_map(|one| one.took).sum();
                let kind = image::Kind::CompiledPackages {
                    packages: all.iter().map(|one| one.package.clone()).collect(),
                    seconds: took.as_secs_f64().round() as u64,
                    native,
                };
                let level = if native && stage.on_chain { Level::Warning } else { Level::Info };
                let span = installs.first().map_or(step.instruction.span, |install| install.command.span);
                out.findings.push(Finding {
                    stage: Some(StageName {
                        index: stage.index,
                        name: stage.stage.name().map(|name| String::from_utf8_lossy(name).into_owned()),
                    }),
                    place: Some(view.place(span)),
                    ..Finding::new(level, kind, &target)
                });
            }
        }
    }
    note_times(&view, &times, findings);
    out
}

/// The log's steps by the lines of their instructions; where several read as one does, the first.
fn steps_by_line<'l>(view: &View<'_>, log: &'l Log) -> HashMap<usize, &'l log::Step> {
    let mut steps = HashMap::default();
    for step in &log.steps {
        let line = instruction_line(view.text, &step.name).and_then(|line| usize::try_from(line).ok());
        if let Some(line) = line {
            steps.entry(line).or_insert(step);
        }
    }
    steps
}

/// How long an instruction took.
struct Timed {
    /// Its first line and its last.
    first: usize,
    last: usize,
    time: Duration,
}

impl Timed {
    fn of(view: &View<'_>, step: &Step<'_>, time: Duration) -> Timed {
        let first = view.line(step.instruction.span);
        let text = view.text.get(step.instruction.span.start..step.instruction.span.end).unwrap_or_default();
        let last = first + text.iter().filter(|&&byte| byte == b'\n').count();
        Timed { first, last, time }
    }
}

/// Notes in the findings on instructions how long these took; `times` are in the order of their lines.
fn note_times(view: &View<'_>, times: &[Timed], findings: &mut [Finding]) {
    for finding in findings {
        let Some(place) = finding.place.as_ref().filter(|place| place.file == view.shown) else { continue };
        let after = times.partition_point(|timed| timed.first <= place.line);
        let timed =
            after.checked_sub(1).and_then(|at| times.get(at)).filter(|timed| place.line <= timed.last);
        if let Found::Stages(Kind::InstallAfterSources { seconds, .. }) = &mut finding.kind
            && let Some(timed) = timed
        {
            *seconds = Some(timed.time.as_secs_f64().round() as u64);
        }
    }
}

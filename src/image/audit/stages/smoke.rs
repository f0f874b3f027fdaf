//! Stages that test, and are not on the way to the image: an engine that builds the target does not run them. Runs nothing.

use super::super::finding::{Finding, Level};
use super::super::subject::Subject;
use super::Kind;
use super::view::View;
use crate::base::tables::{HashMap, HashSet};
use crate::image::dockerfile::{CommandLine, Kind as Word, Stage};
use crate::image::study::{DockerfileUse, Study};
use std::path::Path;

/// Whether a stage tests: by its name, or by what it runs.
fn tests(stage: &Stage) -> bool {
    const NAMES: [&str; 7] = ["test", "tests", "smoke", "check", "checks", "verify", "lint"];
    let name = stage.name().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default();
    let by_name = name.split(['-', '_', '.']).any(|part| NAMES.contains(&part));
    let runs = stage.instructions.iter().any(|instruction| match &instruction.kind {
        Word::Run(run) => {
            let text: Vec<u8> = match &run.command {
                CommandLine::Shell(text) => text.bytes.clone(),
                CommandLine::Exec(words) => {
                    words.iter().flat_map(|word| [&word.bytes[..], b" "].concat()).collect()
                }
            };
            let text = String::from_utf8_lossy(&text);
            ["pytest", "unittest", "nox ", "tox ", "go test", "cargo test", "npm test"]
                .iter()
                .any(|word| text.contains(word))
        }
        _ => false,
    });
    let any = stage.instructions.iter().any(|instruction| matches!(instruction.kind, Word::Run(_)));
    any && (by_name || runs)
}

/// Who builds the stages of a Dockerfile.
#[derive(Default)]
struct Builders {
    /// The first recipe that builds a stage.
    first: HashMap<usize, usize>,
    /// The stages that are built when a recipe's images are there: by itself, or by a recipe before it.
    before: HashSet<usize>,
}

impl Builders {
    fn of(study: &Study, own: usize, path: &Path) -> Self {
        let mut builders = Builders::default();
        let before = study.recipes.get(own).map(|recipe| &recipe.before);
        for (at, other) in study.recipes.iter().enumerate() {
            let is_before = at == own || before.is_some_and(|before| before.contains(&at));
            for build in &other.builds {
                let same = matches!(&build.dockerfile, DockerfileUse::File(file) if file.path == path);
                let Some(Ok(analysis)) = build.analysis.as_ref().filter(|_| same) else { continue };
                for used in &analysis.stages {
                    builders.first.entry(used.index).or_insert(at);
                    if is_before {
                        builders.before.insert(used.index);
                    }
                }
            }
        }
        builders
    }
}

/// Finds test stages that neither the target reaches nor a goal before it builds.
pub(super) fn check(view: &View<'_>, study: &Study, subject: Subject, found: &mut Vec<Finding>) {
    let build = study.recipes.get(subject.recipe).and_then(|recipe| recipe.builds.get(subject.build));
    let Some(DockerfileUse::File(own)) = build.map(|build| &build.dockerfile) else { return };
    let last = view.chain().next_back();
    let target =
        last.and_then(|stage| stage.stage.name()).map(|name| String::from_utf8_lossy(name).into_owned());
    let target = target.unwrap_or_else(|| "the last stage".to_owned());
    let mut known = None;
    for (index, stage) in view.file.stages.iter().enumerate() {
        if view.analysis.place(index).is_some() || !tests(stage) {
            continue;
        }
        let builders = known.get_or_insert_with(|| Builders::of(study, subject.recipe, &own.path));
        if builders.before.contains(&index) {
            continue;
        }
        let by = builders.first.get(&index).and_then(|&at| study.recipes.get(at));
        let kind = Kind::TestStageSkipped {
            stage: stage
                .name()
                .map_or_else(|| index.to_string(), |name| String::from_utf8_lossy(name).into_owned()),
            target: target.clone(),
            by: by.map(|recipe| String::from_utf8_lossy(&recipe.recipe.target).into_owned()),
        };
        // A goal of the same run makes it too, if not first.
        let level = if by.is_some() { Level::Info } else { Level::Warning };
        let mut finding = Finding::new(level, kind, view.target);
        finding.place = Some(view.place(stage.span));
        finding.stage = Some(super::super::finding::StageName {
            index,
            name: stage.name().map(|name| String::from_utf8_lossy(name).into_owned()),
        });
        found.push(finding);
    }
}

//! Stages that test, and are not on the way to the image: an engine that builds the target does not run them. Runs nothing.

use super::super::finding::{Finding, Level};
use super::super::subject::Subject;
use super::Kind;
use super::recipes::Recipes;
use super::view::View;
use crate::image::dockerfile::{CommandLine, Kind as Word, Stage};
use crate::image::study::{DockerfileUse, Study};

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

/// Finds test stages that neither the target reaches nor a goal before it builds.
pub(super) fn check(
    view: &View<'_>,
    study: &Study,
    recipes: &Recipes,
    subject: Subject,
    found: &mut Vec<Finding>,
) {
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
        let builders = known.get_or_insert_with(|| recipes.builders(study, &own.path));
        if builders.has_one_before(index, study, subject.recipe) {
            continue;
        }
        let by = builders.first(index).and_then(|at| study.recipes.get(at));
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

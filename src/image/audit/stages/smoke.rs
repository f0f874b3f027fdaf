//! Stages that test, and are not on the way to the image: an engine that builds the target does not run them. Runs nothing.

use super::super::finding::{Finding, Level};
use super::super::subject::Subject;
use super::Kind;
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
pub(super) fn check(view: &View<'_>, study: &Study, subject: Subject, found: &mut Vec<Finding>) {
    let Some(recipe) = study.recipes.get(subject.recipe) else { return };
    let DockerfileUse::File(own) = &recipe.builds[subject.build].dockerfile else { return };
    let last = view.chain().next_back();
    let target =
        last.and_then(|stage| stage.stage.name()).map(|name| String::from_utf8_lossy(name).into_owned());
    let target = target.unwrap_or_else(|| "the last stage".to_owned());
    for (index, stage) in view.file.stages.iter().enumerate() {
        if view.stages.iter().any(|used| used.index == index) || !tests(stage) {
            continue;
        }
        // Who builds it, and whether that has run before the target's image is there.
        let mut builders = Vec::new();
        for (at, other) in study.recipes.iter().enumerate() {
            for build in &other.builds {
                let same = matches!(&build.dockerfile, DockerfileUse::File(file) if file.path == own.path);
                let Some(Ok(analysis)) = &build.analysis else { continue };
                if same && analysis.stages.iter().any(|used| used.index == index) {
                    builders.push(at);
                }
            }
        }
        let ordered = |at: &usize| *at == subject.recipe || recipe.before.contains(at);
        if builders.iter().any(ordered) {
            continue;
        }
        let by = builders.first().and_then(|&at| study.recipes.get(at));
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

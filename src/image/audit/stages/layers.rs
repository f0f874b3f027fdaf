//! How many layers the target adds to its base, what is copied bit by bit, and stages that nothing can build.

use super::super::finding::{Finding, Level};
use super::view::{Action, View};
use super::{Kind, Setting};
use crate::image::dockerfile::Kind as Word;
use std::collections::BTreeMap;

/// Copies from one stage that are taken for few.
const MOST_COPIES: usize = 2;

/// Finds many layers, copies bit by bit, dead stages.
pub(super) fn check(view: &View<'_>, setting: &Setting, found: &mut Vec<Finding>) {
    let makes = |word: &Word| matches!(word, Word::Run(_) | Word::Copy(_) | Word::Add(_));
    let layers: Vec<_> = view.chain_steps().filter(|(_, step)| makes(&step.instruction.kind)).collect();
    if layers.len() > setting.layers
        && let Some((stage, step)) = layers.get(setting.layers)
    {
        let kind = Kind::ManyLayers { count: layers.len(), most: setting.layers };
        found.push(view.finding(Level::Warning, kind, stage, step.instruction.span));
    }
    for stage in view.chain() {
        let mut copies: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for step in &stage.steps {
            if let Action::Copy(copy) = &step.action
                && let Some(from) = &copy.copy.from
            {
                let name = String::from_utf8_lossy(&from.bytes).to_ascii_lowercase();
                copies.entry(name).or_default().push(step.instruction.span);
            }
        }
        for (from, spans) in copies {
            // An image's files lie where the image has them.
            if spans.len() > MOST_COPIES && view.stage_named(&from).is_some() {
                let lines = spans.iter().map(|&span| view.line(span)).collect();
                let kind = Kind::CopiesFromOneStage { from, count: spans.len(), lines };
                let span = spans.first().copied().unwrap_or_default();
                found.push(view.finding(Level::Warning, kind, stage, span));
            }
        }
    }
    dead(view, found);
}

/// Stages that no name reaches, and that nothing needs. A stage with a name may be meant to be built by it.
fn dead(view: &View<'_>, found: &mut Vec<Finding>) {
    let stages = &view.file.stages;
    for (index, stage) in stages.iter().enumerate() {
        if index + 1 == stages.len() || view.stages.iter().any(|used| used.index == index) {
            continue;
        }
        let later = stage.name().and_then(|name| {
            let found =
                stages.iter().enumerate().skip(index + 1).find(|(_, other)| other.name() == Some(name));
            found.map(|(_, other)| view.line(other.span))
        });
        let unnamed = stage.name().is_none();
        let needed = stages.iter().enumerate().any(|(at, other)| {
            let by_from = at > index && stage.name().is_some_and(|name| other.from.base.bytes == name)
                // A variable may name it.
                || other.from.base.bytes.contains(&b'$');
            let number = index.to_string();
            let by_copy = other.instructions.iter().any(|instruction| match &instruction.kind {
                Word::Copy(copy) => copy.from.as_ref().is_some_and(|from| from.bytes == number.as_bytes()),
                _ => false,
            });
            by_from || by_copy
        });
        if (unnamed || later.is_some()) && !needed {
            let kind = Kind::DeadStage { shadowed: later };
            let mut finding = Finding::new(Level::Warning, kind, view.target);
            finding.place = Some(view.place(stage.span));
            finding.stage = Some(super::super::finding::StageName {
                index,
                name: stage.name().map(|name| String::from_utf8_lossy(name).into_owned()),
            });
            found.push(finding);
        }
    }
}

//! How many layers the target adds to its base, what is copied bit by bit, and stages that nothing can build.

use super::super::finding::{Finding, Level};
use super::view::{Action, View};
use super::{Kind, Setting};
use crate::base::tables::{HashMap, HashSet};
use crate::image::dockerfile::{Kind as Word, Stage};
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

/// How a file's stages are named by others.
#[derive(Default)]
struct Uses<'f> {
    /// The last stage that each base is named by.
    last_from: HashMap<&'f [u8], usize>,
    /// Whether a variable may name any.
    any_variable: bool,
    /// What COPY is given as a stage.
    numbers: HashSet<&'f [u8]>,
}

impl<'f> Uses<'f> {
    fn of(stages: &'f [Stage]) -> Self {
        let mut uses = Uses::default();
        for (index, stage) in stages.iter().enumerate() {
            let base = stage.from.base.bytes.as_slice();
            uses.last_from.insert(base, index);
            uses.any_variable |= base.contains(&b'$');
            uses.numbers.extend(stage.instructions.iter().filter_map(
                |instruction| match &instruction.kind {
                    Word::Copy(copy) => copy.from.as_ref().map(|from| from.bytes.as_slice()),
                    _ => None,
                },
            ));
        }
        uses
    }
}

/// Stages that no name reaches, and that nothing needs. A stage with a name may be meant to be built by it.
fn dead(view: &View<'_>, found: &mut Vec<Finding>) {
    let stages = &view.file.stages;
    if view.stages.len() == stages.len() {
        return;
    }
    let uses = Uses::of(stages);
    // The next stage of each name, from the end on.
    let mut next: HashMap<&[u8], usize> = HashMap::default();
    let mut shadowed: Vec<Option<usize>> = vec![None; stages.len()];
    for (index, stage) in stages.iter().enumerate().rev() {
        if let (Some(name), Some(own)) = (stage.name(), shadowed.get_mut(index)) {
            *own = next.insert(name, index);
        }
    }
    for (index, stage) in stages.iter().enumerate() {
        if index + 1 == stages.len() || view.analysis.place(index).is_some() {
            continue;
        }
        let later = shadowed.get(index).copied().flatten().and_then(|later| stages.get(later));
        let later = later.map(|other| view.line(other.span));
        let unnamed = stage.name().is_none();
        let needed = uses.any_variable
            || stage.name().and_then(|name| uses.last_from.get(name)).is_some_and(|last| *last > index)
            || uses.numbers.contains(index.to_string().as_bytes());
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

//! The bytes of an image: its budget, what later layers hide, the table of sizes. Knows no file names.

use super::super::finding::{Finding, Level};
use super::super::sizes::{FileSize, LayerSize, Sizes};
use super::kinds::Kind;
use super::view::View;
use crate::base::sorting;
use crate::image::layers::{Entry, Kind as FileKind};

/// Hidden bytes of a layer that are worth a warning; fewer are info.
const HIDDEN_WARNING: u64 = 5_000_000;
/// Hidden bytes of a layer that are worth a word.
const HIDDEN_INFO: u64 = 100_000;
/// Files that the table of sizes lists.
const FILES: usize = 40;

pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    let image = view.image;
    let size = image.bytes();
    let base = (0..view.origins.base).map(|layer| image.bytes_of(layer)).sum();
    if size > view.setting.budget {
        let kind = Kind::OverBudget { size, budget: view.setting.budget, base };
        let mut finding = view.finding(Level::Warning, kind);
        finding.bytes = Some(size - view.setting.budget);
        finding.inherited = base > view.setting.budget;
        // The layer that weighs most is where to begin.
        let heaviest = (view.origins.base..image.layers.len()).max_by_key(|&layer| image.bytes_of(layer));
        if let Some(layer) = heaviest.filter(|_| !finding.inherited) {
            let about = view.in_layer(Level::Warning, Kind::NoHistory, layer as u16, 0);
            (finding.stage, finding.place, finding.layer) = (about.stage, about.place, about.layer);
        }
        found.push(finding);
    }
    for layer in 0..image.layers.len() {
        let wasted: Vec<&Entry> = image.entries_of(layer).iter().filter(|entry| entry.is_wasted()).collect();
        let bytes: u64 = wasted.iter().map(|entry| entry.size).sum();
        let Some(biggest) = wasted.iter().max_by_key(|entry| entry.size) else { continue };
        if bytes < HIDDEN_INFO {
            continue;
        }
        let level = match view.is_inherited(layer) {
            false if bytes >= HIDDEN_WARNING => Level::Warning,
            _ => Level::Info,
        };
        let hidden_by = biggest.hidden_by.map(|by| view.created_by(usize::from(by))).unwrap_or_default();
        let kind = Kind::HiddenBytes { biggest: view.path(biggest.path), files: wasted.len(), hidden_by };
        found.push(view.in_layer(level, kind, layer as u16, bytes));
    }
}

/// What the image's bytes are spent on.
pub(super) fn sizes(view: &View<'_>) -> Sizes {
    let image = view.image;
    let layers: Vec<LayerSize> = (0..image.layers.len())
        .map(|index| {
            let written = view.instruction(index);
            let files = image.entries_of(index).iter().filter(|entry| entry.kind == FileKind::File).count();
            LayerSize {
                layer: view.layer(index),
                bytes: image.bytes_of(index),
                hidden: image.wasted_of(index),
                files: files as u64,
                inherited: view.is_inherited(index),
                stage: written.map(|written| written.stage.clone()),
                place: written.map(|written| written.place.clone()),
            }
        })
        .collect();
    let mut files: Vec<&Entry> = image.shipped().filter(|entry| entry.kind == FileKind::File).collect();
    let order = |entry: &&Entry| (std::cmp::Reverse(entry.size), entry.path);
    if files.len() > FILES {
        files.select_nth_unstable_by_key(FILES, order);
        files.truncate(FILES);
    }
    sorting::sort_by_key(&mut files, order);
    Sizes {
        reference: view.subject.reference.to_owned(),
        id: view.subject.id.to_owned(),
        total: layers.iter().map(|layer| layer.bytes).sum(),
        hidden: layers.iter().map(|layer| layer.hidden).sum(),
        layers,
        files: files
            .into_iter()
            .map(|entry| FileSize {
                path: view.path(entry.path),
                bytes: entry.size,
                layer: usize::from(entry.layer),
                inherited: view.is_inherited(usize::from(entry.layer)),
            })
            .collect(),
    }
}

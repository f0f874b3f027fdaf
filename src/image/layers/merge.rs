//! Layers put on top of each other: which entry of a path ships, and which are hidden. Knows nothing of archives.

use super::archive::Parts;
use super::config::Config;
use super::fault::Fault;
use super::paths::{PathId, Paths, ROOT};
use super::record::{Entry, Kind, NONE, Slot};
use super::tree::{Layer, SavedImage};

/// Puts the layers in `order`, lowest first. A slot may come several times: an image can have the same layer twice.
pub(super) fn merge(parts: Parts, order: &[usize], config: Config) -> Result<SavedImage, Fault> {
    let Parts { paths, mut entries, slots, links, contents, limits, .. } = parts;
    let mut merged = Merged { winner: vec![NONE; paths.len()], cleared: vec![0; paths.len()] };
    let mut layers: Vec<Layer> = Vec::new();
    let mut placed = vec![false; slots.len()];
    for (number, &slot_number) in order.iter().enumerate() {
        let Some(slot) = slots.get(slot_number) else { continue };
        let range = if std::mem::replace(&mut placed[slot_number], true) {
            let again = entries.len();
            if slot.entries.len() > limits.entries.saturating_sub(again) {
                return Err(Fault::TooLarge("entries", limits.entries as u64));
            }
            entries.extend_from_within(slot.entries.clone());
            again..entries.len()
        } else {
            slot.entries.clone()
        };
        for entry in &mut entries[range.clone()] {
            entry.layer = number as u16;
            entry.hidden_by = None;
        }
        merged.apply(&paths, &mut entries, slot, range.clone(), number as u16);
        layers.push(Layer {
            diff_id: config.diff_ids.get(number).cloned().unwrap_or_default(),
            whiteouts: slot.whiteouts.len() + slot.opaque.len(),
            entries: range,
        });
    }
    // Layers that the manifest does not name are no part of the image.
    for (slot, _) in slots.iter().zip(&placed).filter(|(_, placed)| !**placed) {
        entries[slot.entries.clone()].iter_mut().for_each(|entry| entry.hidden_by = Some(u16::MAX));
    }
    for at in 0..entries.len() {
        let entry = &entries[at];
        if entry.kind == Kind::HardLink && entry.hidden_by.is_none() {
            let shared = entry.link as usize;
            if let Some(shared) = entries.get_mut(shared) {
                shared.linked = true;
            }
        }
    }
    let present = present(&paths, &merged.winner);
    Ok(SavedImage { config, layers, paths, entries, links, contents, winner: merged.winner, present })
}

struct Merged {
    /// For each path the entry that ships.
    winner: Vec<u32>,
    /// For each path the number after the layer that last cleared everything in it: it need not be gone through again.
    cleared: Vec<u16>,
}

impl Merged {
    fn apply(
        &mut self,
        paths: &Paths,
        entries: &mut [Entry],
        slot: &Slot,
        range: std::ops::Range<usize>,
        layer: u16,
    ) {
        for &path in &slot.whiteouts {
            self.hide(entries, path, layer);
            self.clear(paths, entries, path, layer);
        }
        for &folder in &slot.opaque {
            self.clear(paths, entries, folder, layer);
        }
        for at in range {
            let (path, kind) = (entries[at].path, entries[at].kind);
            self.hide(entries, path, layer);
            if kind != Kind::Folder {
                self.clear(paths, entries, path, layer);
            }
            self.winner[path as usize] = at as u32;
        }
    }

    /// Hides the entry that ships for `path`.
    fn hide(&mut self, entries: &mut [Entry], path: PathId, layer: u16) {
        let winner = std::mem::replace(&mut self.winner[path as usize], NONE);
        if let Some(entry) = entries.get_mut(winner as usize) {
            entry.hidden_by = Some(layer);
        }
    }

    /// Hides everything below `path` that lower layers have.
    fn clear(&mut self, paths: &Paths, entries: &mut [Entry], path: PathId, layer: u16) {
        let mut pending = vec![path];
        while let Some(folder) = pending.pop() {
            if std::mem::replace(&mut self.cleared[folder as usize], layer + 1) == layer + 1 {
                continue;
            }
            for child in paths.children(folder) {
                let winner = self.winner[child as usize];
                if entries.get(winner as usize).is_some_and(|entry| entry.layer != layer) {
                    self.hide(entries, child, layer);
                }
                pending.push(child);
            }
        }
    }
}

/// Which paths are there: those that ship, and the folders that they are in.
fn present(paths: &Paths, winner: &[u32]) -> Vec<bool> {
    let mut present = vec![false; winner.len()];
    present[ROOT as usize] = true;
    for path in 0..winner.len() {
        let mut at = path as PathId;
        while winner[path] != NONE && !std::mem::replace(&mut present[at as usize], true) {
            at = paths.parent(at);
        }
    }
    present
}

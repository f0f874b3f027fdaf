//! An image under audit as the checks see it, and how they make findings. Judges nothing.

use super::super::finding::{Finding, Layer, Level};
use super::kinds::Kind;
use super::origin::{BaseImage, Origins, Written};
use super::user::Users;
use crate::base::sorting;
use crate::image::audit::releases::Date;
use crate::image::layers::{Entry, PathId, SavedImage};

/// Limits that an image is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The day that ages are counted from.
    pub today: Date,
    /// The most bytes that an image may have.
    pub budget: u64,
    /// Layers above the base that are few enough.
    pub layers: usize,
    /// Days after which a base image is old.
    pub base_days: i64,
}

impl Default for Setting {
    fn default() -> Setting {
        Setting { today: Date::today(), budget: 300_000_000, layers: 12, base_days: 90 }
    }
}

/// What is known of an image besides its layers.
pub struct Subject<'s> {
    /// The target that it belongs to.
    pub target: &'s str,
    /// The reference that it is known by.
    pub reference: &'s str,
    /// Its id, as `sha256:…`.
    pub id: &'s str,
    /// The instructions that made it; empty where they are not known.
    pub written: &'s [Written],
    /// The image that it starts from.
    pub base: BaseImage,
}

/// An image under audit.
pub(super) struct View<'v> {
    pub image: &'v SavedImage,
    pub subject: &'v Subject<'v>,
    pub origins: &'v Origins,
    pub setting: &'v Setting,
    pub users: Users,
}

/// A path, made printable.
pub fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path)
        .chars()
        .map(|letter| if letter.is_control() { '?' } else { letter })
        .collect()
}

impl View<'_> {
    /// A path of the image, made printable.
    pub fn path(&self, path: PathId) -> String {
        shown(&self.image.text(path))
    }

    /// Whether a layer is the base image's.
    pub fn is_inherited(&self, layer: usize) -> bool {
        layer < self.origins.base
    }

    /// A layer as findings name it.
    pub fn layer(&self, index: usize) -> Layer {
        Layer {
            index,
            digest: self.image.layers.get(index).map(|layer| layer.diff_id.clone()).unwrap_or_default(),
            created_by: self.created_by(index),
        }
    }

    /// What made a layer, as the history has it.
    pub fn created_by(&self, layer: usize) -> String {
        let step = self.origins.steps.get(layer).copied().flatten();
        let step = step.and_then(|step| self.image.config.history.get(step));
        step.map(|step| shown(step.created_by.as_bytes())).unwrap_or_default()
    }

    /// The instruction that made a layer.
    pub fn instruction(&self, layer: usize) -> Option<&Written> {
        self.subject.written.get(self.origins.instructions.get(layer).copied().flatten()?)
    }

    /// A finding about the whole image.
    pub fn finding(&self, level: Level, kind: Kind) -> Finding {
        Finding::new(level, kind, self.subject.target)
    }

    /// A finding about what a layer brings.
    pub fn in_layer(&self, level: Level, kind: Kind, layer: u16, bytes: u64) -> Finding {
        let layer = usize::from(layer);
        let mut finding = self.finding(level, kind);
        if let Some(written) = self.instruction(layer) {
            finding.stage = Some(written.stage.clone());
            finding.place = Some(written.place.clone());
        }
        finding.layer = Some(self.layer(layer));
        finding.bytes = Some(bytes);
        finding.inherited = self.is_inherited(layer);
        finding
    }

    /// A finding about the last instruction with this keyword; about the whole image where there is none.
    pub fn at_instruction(&self, level: Level, kind: Kind, keywords: &[&str]) -> Finding {
        let mut finding = self.finding(level, kind);
        let named = |written: &&Written| keywords.contains(&written.keyword.as_str());
        if let Some(written) = self.subject.written.iter().rev().find(named) {
            finding.stage = Some(written.stage.clone());
            finding.place = Some(written.place.clone());
        }
        finding
    }

    /// The layers that entries are in, lowest first, each with its entries.
    pub fn by_layer<'e>(&self, entries: impl IntoIterator<Item = &'e Entry>) -> Vec<(u16, Vec<&'e Entry>)> {
        let mut layers: std::collections::BTreeMap<u16, Vec<&Entry>> = std::collections::BTreeMap::new();
        for entry in entries {
            layers.entry(entry.layer).or_default().push(entry);
        }
        layers.into_iter().collect()
    }

    /// The paths of entries, made printable, in order.
    pub fn paths<'e>(&self, entries: impl IntoIterator<Item = &'e Entry>) -> Vec<String> {
        let mut paths: Vec<String> = entries.into_iter().map(|entry| self.path(entry.path)).collect();
        sorting::sort(&mut paths);
        paths
    }
}

/// Bytes of entries' contents.
pub(super) fn bytes(entries: &[&Entry]) -> u64 {
    entries.iter().map(|entry| entry.size).sum()
}

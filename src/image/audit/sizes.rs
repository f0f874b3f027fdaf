//! What an image's bytes are spent on, as data. Measures nothing by itself.

use super::super::recipe::Place;
use super::finding::{Layer, StageName};

/// The bytes of an image. All sizes are those of files as they lie in the image, not compressed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sizes {
    /// The image, as the target tags it.
    pub reference: String,
    /// Its id, as `sha256:…`.
    pub id: String,
    /// The bytes of all its layers.
    pub total: u64,
    /// Of these, the bytes of files that a later layer overwrites or removes: shipped, and never seen.
    pub hidden: u64,
    /// Each layer, the base's lowest first.
    pub layers: Vec<LayerSize>,
    /// The biggest files of the merged tree, biggest first: a few dozen.
    pub files: Vec<FileSize>,
}

/// The bytes of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSize {
    /// The layer.
    pub layer: Layer,
    /// Its bytes.
    pub bytes: u64,
    /// Of these, the bytes that a later layer overwrites or removes.
    pub hidden: u64,
    /// Number of its files.
    pub files: u64,
    /// Whether it is the base image's.
    pub inherited: bool,
    /// The stage whose instruction made it; none for the base's, or where that is not known.
    pub stage: Option<StageName>,
    /// The instruction in the Dockerfile; none for the base's, or where that is not known.
    pub place: Option<Place>,
}

/// A file in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSize {
    /// Its path without a leading slash, made printable.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
    /// Index of the layer that it is in.
    pub layer: usize,
    /// Whether that layer is the base image's.
    pub inherited: bool,
}

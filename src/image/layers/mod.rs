//! Images read from the archive that an engine saves: layers streamed, merged with whiteouts, never unpacked. Knows nothing of
//! engines, builds or what is made of an image's files.
//!
//! Both forms of archive are read, whatever the order of their members: docker's (`manifest.json`, layers as `layer.tar` or blobs)
//! and the OCI layout (`index.json`, blobs). A layer may be a plain tar, gzip or zstd. File contents are skipped but for the few
//! small files that a [`Keep`] asks for. The archive is not trusted: sizes, counts and lengths are bounded by [`Limits`], a path that
//! leaves the image is refused, and links are followed a bounded number of times. Nothing is ever written.

mod archive;
mod compression;
mod config;
mod fault;
mod limits;
mod merge;
mod paths;
mod record;
mod tree;
mod walk;

pub use archive::{Keep, Kept, NothingKept, read};
pub use config::{Config, Step};
pub use fault::Fault;
pub use limits::Limits;
pub use paths::{PathId, ROOT};
pub use record::{Entry, Kind};
pub use tree::{Layer, SavedImage, Unresolved};

#[cfg(test)]
pub(in crate::image) mod build;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;

//! The audit: whether an image is any good, by the criteria of good containers for Python. Findings and sizes as typed data.
//! Knows nothing of make's graph, nor of how anything is worded or drawn.
//!
//! [`stages`] judges a Dockerfile's stages before anything is built, [`image`] what an engine built from them. Each criterion,
//! what is a finding and what is none, is in `docs/audit.md`.

mod finding;
pub mod image;
pub mod outdated;
pub mod releases;
mod sizes;
pub mod stages;
mod subject;

pub use finding::{Criterion, Finding, Kind, Layer, Level, StageName};
pub use sizes::{FileSize, LayerSize, Sizes};
pub use subject::{Audit, Subject, Unread, subjects};

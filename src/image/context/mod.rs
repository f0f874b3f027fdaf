//! Build contexts: what ignore files leave of a folder, and which of its entries a target can read.
//! Knows nothing of engines.

mod ignore;
mod pattern;
mod regex;
mod rooted;

pub use ignore::{Folder, Ignore, IgnoreError, IgnoreErrorKind, Verdict};

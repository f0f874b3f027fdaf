//! The audit shown: as text, JSON, SARIF and one HTML file. Knows nothing of how findings were found.

mod bars;
pub mod html;
mod image;
pub mod json;
pub mod sarif;
mod stages;
pub mod text;
mod words;

pub use words::{line, mended, message, unread};

use crate::image::audit::{Audit, Criterion, Level};

/// What is reported.
pub struct Report<'r> {
    /// The images judged, in the order of their targets.
    pub audits: &'r [Audit],
    /// The goals, as given.
    pub goals: &'r [Vec<u8>],
    /// Whether only the stages were judged, and no image was looked at.
    pub is_static: bool,
}

impl Report<'_> {
    /// The number of findings of each level: errors, warnings, infos.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |level| {
            self.audits
                .iter()
                .flat_map(|audit| &audit.findings)
                .filter(|finding| finding.level == level)
                .count()
        };
        (count(Level::Error), count(Level::Warning), count(Level::Info))
    }

    /// Whether every image passes.
    pub fn passes(&self) -> bool {
        !self.audits.iter().any(Audit::fails)
    }
}

/// The verdict on `criterion` in a word: `ok` where nothing was found, `unjudged` where nothing looks at it.
fn verdict(audit: &Audit, criterion: Criterion) -> &'static str {
    match audit.verdict(criterion) {
        Some(level) => level.name(),
        None if !audit.unread.is_empty() => "unjudged",
        None if criterion == Criterion::Wheels && !audit.wheels_seen => "unjudged",
        None => "ok",
    }
}

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

use super::style::{counted, printable};

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

    /// The targets of which something could not be judged, each once.
    pub fn unjudged(&self) -> Vec<&str> {
        let mut targets: Vec<&str> = self
            .audits
            .iter()
            .filter(|audit| !audit.unread.is_empty())
            .map(|own| own.target.as_str())
            .collect();
        targets.dedup();
        targets
    }

    /// What stands beside the verdict: what could not be judged, and the numbers of findings.
    fn sums(&self) -> Vec<String> {
        let (errors, warnings, infos) = self.counts();
        let unjudged = self.unjudged();
        let mut parts = Vec::new();
        if let Some((last, others)) = unjudged.split_last() {
            parts.extend(others.iter().map(|target| printable(target)));
            parts.push(format!("{} could not be judged", printable(last)));
        }
        parts.extend([
            counted(errors as u64, "error"),
            counted(warnings as u64, "warning"),
            format!("{infos} info"),
        ]);
        parts
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

//! The audit shown: as text, JSON, SARIF and one HTML file. Knows nothing of how findings were found.

mod image;
mod stages;

use super::dockerfile::Message;
use crate::image::audit::{Finding, Kind};

/// A finding on one line, with where it is and what it weighs, and how to mend it.
pub fn line(finding: &Finding) -> (String, Option<String>) {
    let Message { text, hint } = message(&finding.kind);
    let mut about = Vec::new();
    if let Some(place) = &finding.place {
        about.push(format!("{}:{}", place.file, place.line));
    }
    if let Some(layer) = &finding.layer {
        about.push(format!("layer {}", layer.index + 1));
    }
    if let Some(bytes) = finding.bytes.filter(|bytes| *bytes > 0) {
        about.push(image::size(bytes));
    }
    if finding.inherited {
        about.push("from the base image".to_owned());
    }
    match about.is_empty() {
        true => (text, hint),
        false => (format!("{text} ({})", about.join(", ")), hint),
    }
}

/// What `kind` says, with how to mend it as the hint.
pub fn message(kind: &Kind) -> Message {
    match kind {
        Kind::Stages(kind) => stages::message(kind),
        Kind::Image(kind) => image::message(kind),
    }
}

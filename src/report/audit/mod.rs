//! The audit shown: as text, JSON, SARIF and one HTML file. Knows nothing of how findings were found.

mod image;
mod stages;

use super::dockerfile::Message;
use crate::image::audit::Kind;

/// What `kind` says, with how to mend it as the hint.
pub fn message(kind: &Kind) -> Message {
    match kind {
        Kind::Stages(kind) => stages::message(kind),
        Kind::Image(kind) => image::message(kind),
    }
}

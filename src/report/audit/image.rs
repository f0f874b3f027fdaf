//! The wording of findings on built images. Knows no places.

use super::super::dockerfile::Message;
use crate::image::audit::image::Kind;

/// What `kind` says.
pub fn message(kind: &Kind) -> Message {
    match *kind {}
}

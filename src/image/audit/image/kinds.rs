//! What is found on built images, as data. Finds nothing by itself.

use super::super::finding::Criterion;

/// Kinds of finding on a built image.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {}

impl Kind {
    /// The finding's stable name.
    pub fn code(&self) -> &'static str {
        match *self {}
    }

    /// The criterion that it is judged by.
    pub fn criterion(&self) -> Criterion {
        match *self {}
    }

    /// All codes, in the order of the manual.
    pub const CODES: [&'static str; 0] = [];
}

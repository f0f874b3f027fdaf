//! What is found on stages, as data. Finds nothing by itself.

use super::super::finding::Criterion;

/// Kinds of finding on a Dockerfile's stages. Texts are the words at fault, ready to be shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The image runs as root: nothing on the target's chain says otherwise, or `USER` says so.
    RunsAsRoot {
        /// What the last USER says; none where there is no USER.
        user: Option<String>,
    },
}

impl Kind {
    /// The finding's stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Kind::RunsAsRoot { .. } => "runs-as-root",
        }
    }

    /// The criterion that it is judged by.
    pub fn criterion(&self) -> Criterion {
        match self {
            Kind::RunsAsRoot { .. } => Criterion::NonRoot,
        }
    }

    /// All codes, in the order of the manual.
    pub const CODES: [&'static str; 1] = ["runs-as-root"];
}

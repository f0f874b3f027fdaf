//! Build contexts: what ignore files leave of a folder, and which of its entries a target can read.
//! Knows nothing of engines.

mod ignore;
mod listing;
mod load;
mod pattern;
mod reach;
mod regex;
mod rooted;
mod select;
mod tree;

pub use ignore::{Folder, Ignore, IgnoreError, IgnoreErrorKind, Verdict};
pub use load::{Choice, Convention, LoadError, load};
pub use reach::may_read;
pub use rooted::{Glob, has_wildcard};
pub use select::{Entry, Found, Selection, select};
pub use tree::{EntryKind, Status};

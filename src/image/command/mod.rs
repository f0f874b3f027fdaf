//! Engine commands found in recipes: a recipe's expanded text, read as shell, becomes typed image commands with places.
//! Knows nothing of make or of engines at work, and runs nothing.
//!
//! The path of data: text → [`shell`] tree → walk with [`variables`] → words as [`text`] → client by `program` → options
//! by [`flags`] → [`kinds`]. What can't be read is opaque and says why; what is uncertain says so ([`flags::Doubt`],
//! [`kinds::Reach`]), so that nobody claims more than is known.

mod assigned;
mod builtins;
pub mod flags;
pub mod kinds;
pub mod lifecycle;
mod program;
pub mod recognise;
pub mod shell;
pub mod text;
mod typed;
pub mod variables;
pub mod whole;

pub use kinds::{Client, ImageCommand, Reach, Recognised};
pub use lifecycle::{Lifecycle, lifecycle};
pub use recognise::{Reading, mentions_client, recognise};
pub use typed::is_remote_context;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod tests;

//! What people read: the wording of findings, plans, the printed data base. Knows nothing of how a run goes on.

pub mod audit;
pub mod check;
pub mod ci;
pub mod database;
pub mod dockerfile;
pub mod emit;
mod entry;
pub mod events;
pub mod explain;
pub mod graph;
pub mod init;
pub mod list;
pub mod locks;
mod markup;
pub mod outdated;
pub mod picker;
pub mod plan;
pub mod progress;
pub mod record;
pub mod style;
pub mod summary;
pub mod why;

//! What people read: the wording of findings, plans, the printed data base. Knows nothing of how a run goes on.

pub mod check;
pub mod database;
pub mod dockerfile;
pub mod emit;
pub mod events;
pub mod list;
pub mod plan;
pub mod style;
pub mod why;

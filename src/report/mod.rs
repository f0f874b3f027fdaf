//! What people read: the wording of findings, plans, the printed data base. Knows nothing of how a run goes on.

pub mod audit;
pub mod check;
pub mod database;
pub mod dockerfile;
pub mod emit;
mod entry;
pub mod locks;
pub mod plan;
pub mod style;

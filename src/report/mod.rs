//! What people read: the wording of findings, the printed data base. Knows nothing of how a run goes on.

pub mod database;
pub mod dockerfile;
pub mod emit;

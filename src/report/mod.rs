//! What people read: the printed data base. Knows nothing of how a run goes on.

pub mod database;

//! Files as nodes: their times, the names they are found under, the folders and archives they live in (manual, "How Directory
//! Searches are Performed"). Knows nothing of recipes' runs.

pub mod mtime;
pub mod rename;

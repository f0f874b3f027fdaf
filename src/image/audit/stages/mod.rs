//! The criteria on a Dockerfile's stages: those that the target reaches, before anything is built. Asks no engine, and
//! knows nothing of how findings are worded.

mod kinds;

pub use kinds::Kind;

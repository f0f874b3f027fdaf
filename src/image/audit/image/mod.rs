//! The criteria on a built image: its layers, its config. Knows no engine's wire format, and nothing of how findings are
//! worded.

mod kinds;

pub use kinds::Kind;

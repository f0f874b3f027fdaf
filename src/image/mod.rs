//! What imk knows of container images: references, commands, engines, clean-up. Knows nothing of make's graph.

pub mod command;
pub mod engine;
pub mod journal;
pub mod reference;

//! imk: GNU make 4.4, whole, that also understands container images.
//!
//! The order of the modules below is law: a module uses only modules declared above it.

pub mod base;
pub mod image;

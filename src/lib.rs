//! imk: GNU make 4.4, whole, that also understands container images.
//!
//! The order of the modules below is law: a module uses only modules declared above it.

pub mod base;

pub mod os;

pub mod cli;

pub mod syntax;

pub mod expand;

pub mod rules;

pub mod load;

pub mod graph;

pub mod image;

pub mod build;

pub mod watch;

pub mod report;

pub mod run;

//! Container images: references, Dockerfiles, build contexts, commands, engines, clean-up. Knows nothing of make's graph.

pub mod json;

pub mod dockerfile;

pub mod context;

pub mod reference;

pub mod command;

pub mod recipe;

pub mod progress;

pub mod log;

pub mod engine;

pub mod freshness;

pub mod journal;

pub mod study;

pub mod plan;

pub mod check;

pub mod layers;

pub mod audit;

pub mod locks;

pub mod block;

pub mod bake;

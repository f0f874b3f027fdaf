//! Container images: what Dockerfiles and build contexts say. Knows nothing of make's graph.

pub mod dockerfile;

pub mod context;

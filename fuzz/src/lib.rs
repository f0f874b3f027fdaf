//! What is tried on each reader, and what must hold of it: one function a target, which panics where it doesn't.
//!
//! The functions run nothing and write nothing themselves; but a makefile may, so that `scripts/fuzz` has the targets work in
//! an empty folder as their root, where there is no shell.

mod archives;
mod image;
mod make;
mod reuse;

pub use archives::{archive, layers};
pub use image::{answers, dockerfile, engine, ignore, journal, records, reference, shell};
pub use make::{expansion, load, makefile, options};

/// Parts of `data` between NUL bytes.
fn parts(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == 0)
}

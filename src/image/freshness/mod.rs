//! Freshness: what an image is made from, as one digest; whether the engine has that image; and why not. Knows nothing of
//! make's graph, runs no build.
//!
//! A caller that builds images keeps one [`DigestCache`] and one [`Memory`] for the folder it runs in, and for each image:
//!
//! ```no_run
//! use imk::image::context::Convention;
//! use imk::image::dockerfile::{Request, analyse};
//! use imk::image::engine::Engine;
//! use imk::image::freshness::*;
//! use std::path::Path;
//!
//! fn build(engine: &dyn Engine, text: &[u8], cache: &DigestCache, memory: &Memory) -> Option<()> {
//!     let inputs = || {
//!         // New for each look: images may have been built in between.
//!         let bases = EngineBases::new(engine);
//!         let request =
//!             Request { target: None, build_args: &[], named_contexts: &[], platform_args: &[], bases: &bases };
//!         let analysis = analyse(text, &request).ok()?;
//!         let inputs = Inputs {
//!             analysis: &analysis,
//!             dockerfile: text,
//!             dockerfile_path: Some(Path::new("Dockerfile")),
//!             context: Context::Folder(Path::new(".")),
//!             build_args: &[],
//!             named_contexts: &[],
//!             directory: Path::new("."),
//!             convention: Convention::Docker,
//!             platform: None,
//!             whole_file: false,
//!             attributes: Attributes::default(),
//!         };
//!         gather(&inputs, &bases, cache).ok()
//!     };
//!     let components = inputs()?;
//!     let tags = ["app:1".to_owned()];
//!     let wanted =
//!         Wanted { name: "build", tags: &tags, components: &components, proof: Proof::Label, found: None };
//!     match fresh(engine, &wanted, memory).ok()? {
//!         Verdict::Fresh(_) => {}
//!         Verdict::Stale(reasons) => {
//!             let why: Vec<String> = reasons.iter().flat_map(|reason| reason.messages("Dockerfile")).collect();
//!             println!("{}", why.join("; "));
//!             // A block: build with `--label imk.inputs=DIGEST` ([`LABEL`]), and remember what the digest stands for.
//!             // Where `components.untouched_until(&inputs()?, &[])` doesn't hold, the build may have seen something else: build
//!             // again. A plain recipe: run it, and call `memory.note(engine, "build", &tags, [&components, &inputs()?], &[])`.
//!             memory.remember("build", &components);
//!         }
//!     }
//!     Some(())
//! }
//! ```
//!
//! A base that imk itself has built counts by its content ([`identity`]), so that one that was built again to the same
//! content makes nothing stale that depends on it.
//!
//! Sound above all: an input may be named too many, never too few. What can't be known without building is in
//! [`Components::unknown`], and makes an image stale every time; a caller may take out what it decides to overlook, or
//! pull a base before it asks. Two things are taken on trust: Docker's own frontends read a Dockerfile alike, and a
//! secret's value is no input, as BuildKit has it. The ids of secrets count, their values are never looked at.

mod affected;
mod bases;
mod builder;
mod change;
mod codec;
mod components;
mod content;
mod digests;
mod folder;
mod gather;
mod git;
mod hash;
mod instructions;
mod memory;
mod verdict;

pub use affected::{Places, Touched, affected};
pub use bases::{BaseContents, EngineBases};
pub use builder::{Builder, Platforms};
pub use change::{Change, FileHow, How, changes};
pub use codec::Digest;
pub use components::{
    ArgInput, ArgValue, Attributes, BaseInput, Components, ContextInput, ExternalInput, FileInput, FileKind,
    InstructionInput, ReaderInput, StageInput, Unknown,
};
pub use content::{identity, is_same_content, is_same_on};
pub use digests::DigestCache;
pub use gather::{Context, GatherError, Inputs, gather};
pub use git::{GitError, changed_since, file_at, work_tree};
pub use memory::{Memory, Noted};
pub use verdict::{LABEL, Proof, Reason, Verdict, Wanted, fresh};

#[cfg(any(test, fuzzing))]
pub mod properties;

#[cfg(test)]
mod tests;

//! Clean-up that holds: what a job makes on an engine for itself is removed again, however the job ends. Knows nothing of how
//! recipes are read into commands of a shell, nor of what image blocks mean.
//!
//! [`Ledger`] is the core, and what everything goes through. Whoever is about to make something that is not to outlive its
//! job says so first; the ledger writes it into the journal (`image::journal`), so that even a run that is killed leaves
//! nothing unknown:
//!
//! ```text
//! let work = Work { owner: file, target: "smoke-test", engine: "docker unix:///var/run/docker.sock", policy };
//! let ticket = ledger.will_make(&work, Thing::Image { tag }, None)?;   // before the command is started
//! ledger.made(ticket, id);              // after it: the id is known …
//! ledger.look_after(ticket)?;           // … or is looked up by the name
//! ledger.gone(ticket)?;                 // something removed it on purpose: looked up, too
//! build.job_over(&child, won);          // at the job's end: removed, or kept, as the policy says
//! ```
//!
//! - `will_make` looks up what has that name now: it is not the run's and survives; a tag goes back to the image that had it.
//!   A label whose value holds [`Ledger::token`] proves a container for the run's own even without a name.
//! - `engine` is an address as [`engines`] gives it: [`engines::chosen`] for a block.
//! - [`Policy::OnFailure`] removes what is left of a job that failed or was interrupted; [`Policy::Always`] removes it at the
//!   end of one that succeeded, too. `cleanup = never` registers nothing.
//! - `Build::job_over` is called by `build::reap` for every job, with a recipe or without, and says on standard error what
//!   it did; `Build::end_cleanup` at the end of a run removes what jobs hold that never came to an end.
//!
//! [`recipe`] follows the engine commands of plain recipes: only things whose removal is among the recipe's own commands are
//! entered, and nothing where the reading is uncertain. [`shim`] is `--engine` for recipes that call `docker`. What people
//! read of all this is put into words in [`wording`].

pub mod engines;
pub(in crate::build) mod hooks;
pub mod ledger;
pub mod recipe;
pub mod shim;
mod wording;

pub use hooks::ChosenEngine;
pub use ledger::{Ledger, Policy, Ticket, Work};

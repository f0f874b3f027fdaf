//! Makefiles read and executed: statements become variables and rules (manual, "How make Reads a Makefile"). Knows nothing of
//! updates.

pub mod conditionals;
pub mod define;
pub mod description;
pub mod evaluate;
pub mod image_block;
pub mod include;
pub mod plugin;
pub mod record;
pub mod rule_line;
pub mod session;
pub mod target_variable;

pub use session::Session;

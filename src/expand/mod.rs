//! Expressions to text: variables, scopes, functions (manual, "How to Use Variables", "Functions for Transforming Text").
//! Knows nothing of rules and targets.

pub mod assign;
pub mod command_line;
pub mod context;
pub mod environment;
pub mod evaluate;
pub mod file_names;
pub mod functions;
pub mod pattern;
mod variable_set;
pub mod variables;

pub use context::{Context, Host};
pub use evaluate::{expand, expand_in, expand_text, expand_to};
pub use variables::{Export, Origin, ScopeId, SetId, VariableId, Variables};

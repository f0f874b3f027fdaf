//! The language's text: logical lines, statements and expressions as typed values. Knows nothing of what variables hold.
//!
//! What the syntax is stands in `grammar/makefile.pest`, and `grammar` reads by it. `plain` reads what is common and simple
//! faster, and the same.

pub mod assignment;
pub mod dotenv;
pub mod expression;
pub mod grammar;
pub mod lines;
pub mod parser;
mod plain;
pub mod quoting;
pub mod statement;
pub mod words;

#[cfg(any(test, fuzzing))]
pub mod properties;

#[cfg(test)]
mod equality;

pub use expression::{Expression, Function, Part};

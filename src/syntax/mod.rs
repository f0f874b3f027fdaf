//! The language's text: logical lines, statements and expressions as typed values. Knows nothing of what variables hold.

pub mod assignment;
pub mod expression;
pub mod lines;
pub mod quoting;
pub mod statement;
pub mod words;

pub use expression::{Expression, Function, Part};

//! Fast paths beside the grammar, for the plain texts that makefiles are full of. Each gives exactly what the grammar gives, or
//! nothing, and then the grammar is asked; `equality` holds them to it. Nothing else may rely on which texts they take.

pub mod expression;
pub mod statement;
pub mod words;

/// What a fast path says of a text that may not be what is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading<T> {
    /// It is, and this is its value.
    Found(T),
    /// It is not.
    Absent,
    /// The grammar must say.
    Intricate,
}

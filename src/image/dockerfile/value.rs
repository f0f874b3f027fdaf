//! Values that may not be known, and the scopes they are looked up in. Expands nothing.

/// A text that is known, or one that only the build itself will know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// These bytes.
    Known(Vec<u8>),
    /// Anything.
    Unknown,
}

impl Value {
    /// The bytes, where they are known.
    pub fn known(&self) -> Option<&[u8]> {
        match self {
            Value::Known(bytes) => Some(bytes),
            Value::Unknown => None,
        }
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Value::Known(bytes.to_vec())
    }
}

/// What a scope says of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Set, to a known or an unknown value.
    Set(Value),
    /// Not set.
    Unset,
    /// Perhaps set: the base image decides.
    Unknown,
}

/// Where variables are looked up. Takes `&mut self` so that a scope can note what was asked for.
pub trait Scope {
    /// The value of `name`.
    fn get(&mut self, name: &[u8]) -> Lookup;
}

/// The scope in which nothing is set.
pub struct Nothing;

impl Scope for Nothing {
    fn get(&mut self, _: &[u8]) -> Lookup {
        Lookup::Unset
    }
}

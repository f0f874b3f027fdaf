//! Values that may not be known, and the scopes they are looked up in. What
//! expanding them may cost. Expands nothing.

use super::error::{Bound, ExpansionFault};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A text that is known, or one that only the build itself will know. Its copies share the text.
#[derive(Clone, Debug, Eq)]
pub enum Value {
    /// These bytes.
    Known(Arc<[u8]>),
    /// Anything.
    Unknown,
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Known(one), Value::Known(other)) => Arc::ptr_eq(one, other) || one == other,
            (Value::Unknown, Value::Unknown) => true,
            _ => false,
        }
    }
}

impl Hash for Value {
    /// Takes no longer for a long text: one value may be hashed for each of its declarations.
    fn hash<H: Hasher>(&self, state: &mut H) {
        const ENDS: usize = 64;
        let Value::Known(bytes) = self else { return usize::MAX.hash(state) };
        bytes.len().hash(state);
        bytes.iter().take(ENDS).chain(bytes.iter().rev().take(ENDS)).for_each(|byte| byte.hash(state));
    }
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
        Value::Known(bytes.into())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Value::Known(bytes.into())
    }
}

/// Of a value that is no longer than this, in bytes, each declaration may be kept with a copy of its own.
pub const LONGEST_COPY: usize = 1 << 10;

/// The longest value, in bytes, that variables may come to in a word beyond the word's own text. BuildKit has no such bound: a value that
/// names itself twice, sixty times over, has it take all memory.
pub const LONGEST_VALUE: usize = 1 << 20;

/// How many bytes one reading of a Dockerfile takes out of variables and ONBUILD triggers at most, each time that it does.
pub const ALL_VALUES: usize = 16 << 20;

/// What is left of that.
#[derive(Debug)]
pub struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Budget(ALL_VALUES)
    }
}

impl Budget {
    /// Takes `bytes` of it.
    ///
    /// # Errors
    /// Not as many are left.
    pub fn take(&mut self, bytes: usize) -> Result<(), ExpansionFault> {
        self.0 = self.0.checked_sub(bytes).ok_or(ExpansionFault::Beyond(Bound::Total))?;
        Ok(())
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

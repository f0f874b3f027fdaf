//! Hash tables that nobody can have collide who does not know this process, and that ask the system for nothing: the standard library's
//! own ask for random bytes, and end the program where there are none. Knows nothing of what is kept.

use std::hash::{BuildHasher, DefaultHasher, Hasher};
use std::sync::OnceLock;

/// A map of keys that others choose.
pub type HashMap<Key, Value> = std::collections::HashMap<Key, Value, Seeded>;
/// A set of keys that others choose.
pub type HashSet<Key> = std::collections::HashSet<Key, Seeded>;

/// What the hashes of this process begin with.
static SEED: OnceLock<u128> = OnceLock::new();

/// Sets what hashes begin with, to be called before the first table is made; later calls change nothing.
pub fn set_seed(seed: u128) {
    let _ = SEED.set(seed);
}

fn seed() -> u128 {
    // Where nobody set it, it is an address, which the system chooses anew for each process.
    *SEED.get_or_init(|| (&raw const SEED).addr() as u128)
}

/// Hashes from the process's seed on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seeded;

impl BuildHasher for Seeded {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u128(seed());
        hasher
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_begin_with_the_seed() {
        set_seed(1);
        assert_eq!(Seeded.hash_one("a"), Seeded.hash_one("a"));
        assert_ne!(Seeded.hash_one("a"), Seeded.hash_one("b"));
        let mut plain = DefaultHasher::new();
        std::hash::Hash::hash("a", &mut plain);
        assert_ne!(Seeded.hash_one("a"), plain.finish());
    }
}

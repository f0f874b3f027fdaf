//! Interned names: a word is stored once and then compared as a number. Knows nothing of what a word names.

use hashbrown::HashTable;
use rustc_hash::FxHasher;
use std::hash::Hasher;

/// An interned byte string. Two names of one [`Names`] are the same bytes exactly when they are equal numbers;
/// numbers are dense, so side tables can be plain vectors.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Name(u32);

impl Name {
    /// Position of this name in its table: dense, from 0, in order of interning.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The table of interned names. The bytes live until the process ends: a run of make keeps every name to its end, and
/// bytes without a borrow on the table let callers expand and intern in one breath.
#[derive(Default)]
pub struct Names {
    texts: Vec<&'static [u8]>,
    /// Numbers of names, each with its hash: a table that grows looks at no text.
    table: HashTable<(u32, u32)>,
    room: &'static mut [u8],
    /// The size of the chunk asked for last.
    chunk: usize,
}

/// Bytes asked of the allocator at a time, in the end: the first chunks are smaller, each twice as large as the one before.
const CHUNK: usize = 64 * 1024;
/// The first chunk.
const FIRST_CHUNK: usize = 4 * 1024;

/// Names that there is room for from the start: somewhat more than the program's own.
const FIRST: usize = 800;

fn hash(text: &[u8]) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write(text);
    hasher.finish() as u32
}

/// A hash as the table takes it, which looks at both ends of it.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Names {
    /// An empty table.
    pub fn new() -> Self {
        Names { texts: Vec::with_capacity(FIRST), table: HashTable::with_capacity(FIRST), ..Names::default() }
    }

    /// The name for `text`, made where it is new.
    pub fn intern(&mut self, text: &[u8]) -> Name {
        let own = hash(text);
        let texts = &self.texts;
        if let Some(&(at, _)) =
            self.table.find(spread(own), |&(at, hash)| hash == own && texts[at as usize] == text)
        {
            return Name(at);
        }
        let kept = self.keep(text);
        let at = self.texts.len() as u32;
        self.texts.push(kept);
        self.table.insert_unique(spread(own), (at, own), |&(_, hash)| spread(hash));
        Name(at)
    }

    /// The name for `text` where it was interned before.
    pub fn find(&self, text: &[u8]) -> Option<Name> {
        let own = hash(text);
        let same = |&(at, hash): &(u32, u32)| hash == own && self.texts[at as usize] == text;
        self.table.find(spread(own), same).map(|&(at, _)| Name(at))
    }

    /// The bytes of `name`.
    pub fn text(&self, name: Name) -> &'static [u8] {
        self.texts[name.index()]
    }

    /// The name with number `index`.
    pub fn at(&self, index: u32) -> Option<Name> {
        ((index as usize) < self.texts.len()).then_some(Name(index))
    }

    /// The bytes of the name with number `index`; empty where there is none.
    pub fn text_at(&self, index: u32) -> &'static [u8] {
        self.texts.get(index as usize).copied().unwrap_or_default()
    }

    /// How many names there are: every [`Name::index`] is below it.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether nothing was interned yet.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// How many bytes all names have.
    pub fn storage(&self) -> usize {
        self.texts.iter().map(|text| text.len()).sum()
    }

    /// How many chunks of memory that fills, at the least.
    pub fn chunks(&self) -> usize {
        self.storage() / CHUNK + 1
    }

    fn keep(&mut self, text: &[u8]) -> &'static [u8] {
        if text.len() > FIRST_CHUNK / 4 {
            return Box::leak(text.to_vec().into_boxed_slice());
        }
        if self.room.len() < text.len() {
            self.chunk = (self.chunk * 2).clamp(FIRST_CHUNK, CHUNK);
            self.room = Box::leak(vec![0; self.chunk].into_boxed_slice());
        }
        let (kept, rest) = std::mem::take(&mut self.room).split_at_mut(text.len());
        self.room = rest;
        kept.copy_from_slice(text);
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_words_are_equal_numbers() {
        let mut names = Names::new();
        let first = names.intern(b"all");
        let long = vec![b'x'; CHUNK];
        assert_eq!(names.intern(b"all"), first);
        assert_ne!(names.intern(&long), first);
        assert_eq!(names.text(first), b"all");
        assert_eq!(names.find(b"none"), None);
        assert_eq!(names.find(&long).map(Name::index), Some(1));
    }
}

//! A map whose copies share what they have in common: a stage has all the variables of the stage it starts from, and stages may be many.
//! Knows nothing of what it keeps.

use crate::base::tables::Seeded;
use std::hash::BuildHasher;
use std::rc::Rc;

/// A map from names. Copying it takes no longer for more entries; setting one copies the way to it alone.
///
/// A tree in the order of the names' hashes under a key of the process: whatever order names come in, its depth is that of a tree whose
/// entries came in random order.
#[derive(Clone, Debug)]
pub struct Shared<V> {
    root: Link<V>,
    hasher: Seeded,
}

type Link<V> = Option<Rc<Node<V>>>;

#[derive(Debug)]
struct Node<V> {
    entry: Rc<Entry<V>>,
    less: Link<V>,
    more: Link<V>,
}

#[derive(Debug)]
struct Entry<V> {
    hash: u64,
    name: Vec<u8>,
    value: V,
}

impl<V> Clone for Node<V> {
    fn clone(&self) -> Self {
        Node { entry: Rc::clone(&self.entry), less: self.less.clone(), more: self.more.clone() }
    }
}

impl<V> Default for Shared<V> {
    fn default() -> Self {
        Shared { root: None, hasher: Seeded }
    }
}

impl<V> Entry<V> {
    fn key(&self) -> (u64, &[u8]) {
        (self.hash, &self.name)
    }
}

impl<V> Shared<V> {
    /// The value of `name`.
    pub fn get(&self, name: &[u8]) -> Option<&V> {
        let key = (self.hasher.hash_one(name), name);
        let mut at = self.root.as_ref();
        while let Some(node) = at {
            at = match key.cmp(&node.entry.key()) {
                std::cmp::Ordering::Less => node.less.as_ref(),
                std::cmp::Ordering::Greater => node.more.as_ref(),
                std::cmp::Ordering::Equal => return Some(&node.entry.value),
            };
        }
        None
    }

    /// Sets `name`, here and in no copy.
    pub fn insert(&mut self, name: &[u8], value: V) {
        let entry = Entry { hash: self.hasher.hash_one(name), name: name.to_vec(), value };
        let mut at = &mut self.root;
        while let Some(link) = at {
            let node = Rc::make_mut(link);
            at = match entry.key().cmp(&node.entry.key()) {
                std::cmp::Ordering::Less => &mut node.less,
                std::cmp::Ordering::Greater => &mut node.more,
                std::cmp::Ordering::Equal => {
                    node.entry = Rc::new(entry);
                    return;
                }
            };
        }
        *at = Some(Rc::new(Node { entry: Rc::new(entry), less: None, more: None }));
    }

    /// Forgets all entries, here and in no copy.
    pub fn clear(&mut self) {
        self.root = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_part_ways_and_names_in_order_make_no_deep_tree() {
        let mut first = Shared::default();
        for number in 0..100_000_u32 {
            first.insert(number.to_string().as_bytes(), number);
        }
        let mut second = first.clone();
        second.insert(b"7", 8);
        second.insert(b"new", 1);
        assert_eq!((first.get(b"7"), second.get(b"7")), (Some(&7), Some(&8)));
        assert_eq!((first.get(b"new"), second.get(b"new")), (None, Some(&1)));
        assert!((0..100_000_u32).all(|number| first.get(number.to_string().as_bytes()) == Some(&number)));
        let (mut deepest, mut todo) = (0, vec![(first.root.as_ref(), 0)]);
        while let Some((link, depth)) = todo.pop() {
            deepest = deepest.max(depth);
            let below = link.into_iter().flat_map(|node| [node.less.as_ref(), node.more.as_ref()]);
            todo.extend(below.map(|link| (link, depth + 1)).filter(|(link, _)| link.is_some()));
        }
        assert!(deepest < 100, "{deepest}");
        second.clear();
        assert_eq!((first.get(b"7"), second.get(b"7")), (Some(&7), None));
    }
}

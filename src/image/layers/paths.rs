//! The paths of all layers as one tree of names, each a number. Knows nothing of files.

use super::fault::Fault;
use super::limits::Limits;
use hashbrown::HashTable;
use std::hash::{BuildHasher, BuildHasherDefault};

/// A path, by its number.
pub type PathId = u32;

/// The root folder.
pub const ROOT: PathId = 0;

/// No path.
const NONE: PathId = PathId::MAX;

/// A name in its folder.
#[derive(Clone, Copy)]
struct Node {
    parent: PathId,
    /// The last child that was added, and the one added before this in the same folder.
    child: PathId,
    sibling: PathId,
    start: u32,
    length: u16,
}

/// A tree of names.
pub struct Paths {
    nodes: Vec<Node>,
    names: Vec<u8>,
    table: HashTable<PathId>,
    limits: Limits,
}

fn hash(parent: PathId, name: &[u8]) -> u64 {
    BuildHasherDefault::<rustc_hash::FxHasher>::default().hash_one((parent, name))
}

impl Paths {
    /// A tree of the root alone.
    pub fn new(limits: Limits) -> Paths {
        let root = Node { parent: ROOT, child: NONE, sibling: NONE, start: 0, length: 0 };
        Paths { nodes: vec![root], names: Vec::new(), table: HashTable::new(), limits }
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The last name of a path; empty for the root.
    pub fn name(&self, path: PathId) -> &[u8] {
        let Some(node) = self.nodes.get(path as usize) else { return b"" };
        let start = node.start as usize;
        self.names.get(start..start + usize::from(node.length)).unwrap_or_default()
    }

    /// The folder that a path is in; the root's is the root.
    pub fn parent(&self, path: PathId) -> PathId {
        self.nodes.get(path as usize).map_or(ROOT, |node| node.parent)
    }

    /// The whole path, without a leading slash; empty for the root.
    pub fn text(&self, path: PathId) -> Vec<u8> {
        let mut parts = Vec::new();
        let mut at = path;
        while at != ROOT {
            parts.push(self.name(at));
            at = self.parent(at);
        }
        parts.reverse();
        parts.join(&b'/')
    }

    /// The names in a folder, present in some layer.
    pub fn children(&self, path: PathId) -> impl Iterator<Item = PathId> + '_ {
        let first = self.nodes.get(path as usize).map_or(NONE, |node| node.child);
        std::iter::successors(Some(first), |&at| self.nodes.get(at as usize).map(|node| node.sibling))
            .take_while(|&at| at != NONE)
    }

    /// The path of `name` in the folder `parent`.
    pub fn child(&self, parent: PathId, name: &[u8]) -> Option<PathId> {
        let same = |&id: &PathId| self.parent(id) == parent && self.name(id) == name;
        self.table.find(hash(parent, name), same).copied()
    }

    /// The path of `text` as an archive writes it: from the root, with or without `./` or `/` before it.
    ///
    /// # Errors
    /// `..` in it, or more or longer paths than are read.
    pub fn add(&mut self, text: &[u8]) -> Result<PathId, Fault> {
        if text.len() > self.limits.path_bytes {
            return Err(Fault::TooLarge("bytes in a path", self.limits.path_bytes as u64));
        }
        let mut at = ROOT;
        for name in text.split(|&byte| byte == b'/') {
            match name {
                b"" | b"." => {}
                b".." => return Err(Fault::Escapes(text.to_vec())),
                name => at = self.add_child(at, name)?,
            }
        }
        Ok(at)
    }

    /// The path of `name` in the folder `parent`, made where there is none yet.
    ///
    /// # Errors
    /// More paths than are read.
    pub fn add_child(&mut self, parent: PathId, name: &[u8]) -> Result<PathId, Fault> {
        if let Some(found) = self.child(parent, name) {
            return Ok(found);
        }
        if self.nodes.len() >= self.limits.paths {
            return Err(Fault::TooLarge("paths", self.limits.paths as u64));
        }
        let whole = self.names.len() + name.len();
        let (Ok(id), Ok(start), Ok(length)) =
            (PathId::try_from(self.nodes.len()), u32::try_from(self.names.len()), u16::try_from(name.len()))
        else {
            return Err(Fault::TooLarge("bytes in names", u64::from(u32::MAX)));
        };
        if whole > self.limits.name_bytes {
            return Err(Fault::TooLarge("bytes in names", self.limits.name_bytes as u64));
        }
        self.names.extend_from_slice(name);
        let sibling = self.nodes.get(parent as usize).map_or(NONE, |node| node.child);
        self.nodes.push(Node { parent, child: NONE, sibling, start, length });
        if let Some(folder) = self.nodes.get_mut(parent as usize) {
            folder.child = id;
        }
        let (nodes, names) = (&self.nodes, &self.names);
        let rehash = |&id: &PathId| {
            let node = nodes[id as usize];
            hash(node.parent, &names[node.start as usize..node.start as usize + usize::from(node.length)])
        };
        self.table.insert_unique(hash(parent, name), id, rehash);
        Ok(id)
    }
}

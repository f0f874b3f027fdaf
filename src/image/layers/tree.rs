//! A saved image: its merged tree, its layers, its configuration. Judges nothing.

use super::config::Config;
use super::paths::{PathId, Paths, ROOT};
use super::record::{Entry, Kind};

/// Most symbolic links that are followed for one path, as Linux's `MAXSYMLINKS`.
const LINKS_MAX: usize = 40;

/// A layer of a saved image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// Digest of its plain archive.
    pub diff_id: String,
    /// How many paths and folders' contents it removes from lower layers.
    pub whiteouts: usize,
    pub(super) entries: std::ops::Range<usize>,
}

/// An image as its layers make it.
pub struct SavedImage {
    /// Its configuration.
    pub config: Config,
    /// Its layers, lowest first.
    pub layers: Vec<Layer>,
    pub(super) paths: Paths,
    pub(super) entries: Vec<Entry>,
    pub(super) links: Vec<Box<[u8]>>,
    pub(super) contents: Vec<(Box<[u8]>, Option<[u8; 32]>)>,
    pub(super) winner: Vec<u32>,
    pub(super) present: Vec<bool>,
}

/// Why a path leads to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// There is nothing at this path.
    Absent(Vec<u8>),
    /// Its links lead round in a circle, or on for too long.
    Loop,
}

impl SavedImage {
    /// The entry that ships at a path; none where nothing does, or a folder that no layer has an entry for.
    pub fn entry(&self, path: PathId) -> Option<&Entry> {
        self.entries.get(*self.winner.get(path as usize)? as usize)
    }

    /// Whether something ships at a path, be it a folder without an entry of its own.
    pub fn is_present(&self, path: PathId) -> bool {
        self.present.get(path as usize).copied().unwrap_or(false)
    }

    /// The path of an entry or folder, without a leading slash.
    pub fn text(&self, path: PathId) -> Vec<u8> {
        self.paths.text(path)
    }

    /// The last name of a path.
    pub fn name(&self, path: PathId) -> &[u8] {
        self.paths.name(path)
    }

    /// The folder that a path is in.
    pub fn parent(&self, path: PathId) -> PathId {
        self.paths.parent(path)
    }

    /// What ships in a folder.
    pub fn children(&self, folder: PathId) -> impl Iterator<Item = PathId> + '_ {
        self.paths.children(folder).filter(|&child| self.is_present(child))
    }

    /// The entries that ship, in no particular order.
    pub fn shipped(&self) -> impl Iterator<Item = &Entry> {
        self.winner.iter().filter_map(|&winner| self.entries.get(winner as usize))
    }

    /// All entries of a layer, hidden ones too.
    pub fn entries_of(&self, layer: usize) -> &[Entry] {
        let range = self.layers.get(layer).map(|layer| layer.entries.clone()).unwrap_or_default();
        self.entries.get(range).unwrap_or_default()
    }

    /// All entries of all layers, lowest layer first.
    pub fn all(&self) -> impl Iterator<Item = &Entry> {
        (0..self.layers.len()).flat_map(|layer| self.entries_of(layer))
    }

    /// Everything that ships in `folder` and below, the folder itself left out.
    pub fn below(&self, folder: PathId) -> Vec<PathId> {
        let mut found = Vec::new();
        let mut pending = vec![folder];
        while let Some(folder) = pending.pop() {
            let from = found.len();
            found.extend(self.children(folder));
            pending.extend_from_slice(&found[from..]);
        }
        found
    }

    /// The text of a symbolic link.
    pub fn link(&self, entry: &Entry) -> Option<&[u8]> {
        let text = self.links.get(entry.link as usize).filter(|_| entry.kind == Kind::Symlink)?;
        Some(text)
    }

    /// The entry whose content a hard link shares; the entry itself where it is none.
    pub fn file_of<'e>(&'e self, entry: &'e Entry) -> Option<&'e Entry> {
        match entry.kind {
            Kind::HardLink => self.entries.get(entry.link as usize),
            _ => Some(entry),
        }
    }

    /// The first bytes of a file's content, where they were asked for.
    pub fn content(&self, entry: &Entry) -> Option<&[u8]> {
        let file = self.file_of(entry)?;
        self.contents.get(file.content as usize).map(|(bytes, _)| &bytes[..])
    }

    /// The digest of a file's content, where it was asked for.
    pub fn digest(&self, entry: &Entry) -> Option<[u8; 32]> {
        let file = self.file_of(entry)?;
        self.contents.get(file.content as usize).and_then(|(_, digest)| *digest)
    }

    /// The path that `text` leads to from the root when links are followed: what a process in the image would find.
    ///
    /// # Errors
    /// Nothing is there, or links lead nowhere.
    pub fn resolve(&self, text: &[u8]) -> Result<PathId, Unresolved> {
        let mut links = 0;
        let mut at = ROOT;
        let mut pending: Vec<Vec<u8>> = Vec::new();
        push(&mut pending, text);
        while let Some(name) = pending.pop() {
            if name == b".." {
                at = self.paths.parent(at);
                continue;
            }
            let found = self.paths.child(at, &name).filter(|&child| self.is_present(child));
            let Some(child) = found else {
                let mut whole = self.paths.text(at);
                if at != ROOT {
                    whole.push(b'/');
                }
                whole.extend_from_slice(&name);
                return Err(Unresolved::Absent(whole));
            };
            let link = self.entry(child).and_then(|entry| self.link(entry));
            let Some(link) = link else {
                at = child;
                continue;
            };
            links += 1;
            if links > LINKS_MAX || pending.len() > LINKS_MAX * 256 {
                return Err(Unresolved::Loop);
            }
            if link.starts_with(b"/") {
                at = ROOT;
            }
            push(&mut pending, link);
        }
        Ok(at)
    }

    /// The entry that `text` leads to.
    pub fn file_at(&self, text: &[u8]) -> Option<&Entry> {
        self.entry(self.resolve(text).ok()?)
    }

    /// The kept content of the file that `text` leads to.
    pub fn content_at(&self, text: &[u8]) -> Option<&[u8]> {
        self.content(self.file_at(text)?)
    }

    /// Bytes of a layer's files, hidden ones too.
    pub fn bytes_of(&self, layer: usize) -> u64 {
        self.entries_of(layer).iter().map(|entry| entry.size).sum()
    }

    /// Bytes of a layer's files that ship and can't be seen.
    pub fn wasted_of(&self, layer: usize) -> u64 {
        self.entries_of(layer).iter().filter(|entry| entry.is_wasted()).map(|entry| entry.size).sum()
    }

    /// Bytes of all layers' files.
    pub fn bytes(&self) -> u64 {
        (0..self.layers.len()).map(|layer| self.bytes_of(layer)).sum()
    }
}

/// Puts the names of a path on the stack of those to follow, the first on top.
fn push(pending: &mut Vec<Vec<u8>>, text: &[u8]) {
    let names = text.split(|&byte| byte == b'/').rev();
    pending.extend(names.filter(|name| !name.is_empty() && *name != b".").map(<[u8]>::to_vec));
}

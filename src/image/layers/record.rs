//! What a layer says of a path: one compact entry each. Knows nothing of other layers.

use super::paths::PathId;

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A file with content of its own.
    File,
    /// Another name of a file in the same layer.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A folder.
    Folder,
    /// A device: nothing that a build leaves by itself.
    Device,
    /// A named pipe.
    Fifo,
}

/// No entry, no link text, no content.
pub(super) const NONE: u32 = u32::MAX;

/// A path in a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path.
    pub path: PathId,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, with set-user-id, set-group-id and sticky: `07777`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of content; of a hard link none.
    pub size: u64,
    /// Time of change, in seconds since 1970.
    pub mtime: i64,
    /// Index of the layer, the lowest being 0.
    pub layer: u16,
    /// Index of the layer that hides it by a file of its own or a whiteout; none where it is in the merged image.
    pub hidden_by: Option<u16>,
    /// Of a hard link, the index of the entry that has the content; of a symbolic link, that of its text.
    pub(super) link: u32,
    /// Index of the kept content.
    pub(super) content: u32,
    /// Whether a hard link that ships keeps its content in the image although its own name is hidden.
    pub(super) linked: bool,
}

impl Entry {
    /// Whether its bytes ship in the image but can't be seen in it.
    pub fn is_wasted(&self) -> bool {
        self.kind == Kind::File && self.hidden_by.is_some() && !self.linked
    }
}

/// A layer as it is read, before its place among the others is known.
#[derive(Default)]
pub(super) struct Slot {
    /// Its entries: a range of the whole list.
    pub entries: std::ops::Range<usize>,
    /// Paths that it removes from lower layers.
    pub whiteouts: Vec<PathId>,
    /// Folders whose content in lower layers it removes.
    pub opaque: Vec<PathId>,
}

//! A context's folders and files, read from disk as they are asked for: each folder once, each entry's status at most
//! once, no link ever followed. Knows nothing of Dockerfiles.

use super::ignore::{Folder, Ignore};
use super::listing::{self, Listing, Source, Task};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

/// The type of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, pipe or socket.
    Other,
}

impl EntryKind {
    pub(super) fn of(kind: FileType) -> Option<Self> {
        match kind {
            FileType::RegularFile => Some(EntryKind::File),
            FileType::Directory => Some(EntryKind::Folder),
            FileType::Symlink => Some(EntryKind::Link),
            FileType::Unknown => None,
            _ => Some(EntryKind::Other),
        }
    }
}

/// What one look at an entry tells. Two equal statuses of a path mean that the file has most likely not changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Permission bits, set-id and sticky bits included.
    pub mode: u32,
    /// Size in bytes.
    pub size: u64,
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Time of the last change of the content, in nanoseconds since 1970.
    pub modified: i128,
    /// Time of the last change of the inode, in nanoseconds since 1970.
    pub changed: i128,
}

/// An entry's number in its [`Tree`].
pub type Id = usize;

pub(super) struct Node {
    pub parent: Id,
    /// Path from the root; empty for the root.
    pub path: Box<[u8]>,
    /// Where the name begins in the path.
    name_at: usize,
    pub kind: EntryKind,
    /// Excluded by the ignore file.
    pub excluded: bool,
    /// What the ignore file needs to know of a folder.
    folder: Option<Arc<Folder>>,
    /// First entry and number of entries, where the folder has been read.
    children: Option<(Id, usize)>,
    pub status: Option<Status>,
    pub link: Option<Box<[u8]>>,
    /// A folder that is known to have no extended attributes.
    pub bare: bool,
    /// The last read that took this entry, counted from 1.
    pub taken_by: usize,
}

impl Node {
    pub fn name(&self) -> &[u8] {
        &self.path[self.name_at..]
    }
}

/// The entries read so far.
pub(super) struct Tree<'i> {
    root: OwnedFd,
    ignore: &'i Ignore,
    pub nodes: Vec<Node>,
    /// What could not be read, and why.
    pub faults: Vec<(Vec<u8>, Errno)>,
    /// Whether clients and releases may see other entries than these: of some the ignore file's two readings say different things.
    pub disputed: bool,
}

/// The number of the root.
pub const ROOT: Id = 0;

impl<'i> Tree<'i> {
    /// The tree under folder `root`; `ignore` is what its ignore file says.
    ///
    /// # Errors
    /// A root that is no folder, or can't be opened.
    pub fn open(root: &Path, ignore: &'i Ignore) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(root, flags, Mode::empty())?;
        let node = Node {
            parent: ROOT,
            path: Box::default(),
            name_at: 0,
            kind: EntryKind::Folder,
            excluded: false,
            folder: Some(Arc::new(ignore.root())),
            children: None,
            status: None,
            link: None,
            bare: false,
            taken_by: 0,
        };
        Ok(Tree { root, ignore, nodes: vec![node], faults: Vec::new(), disputed: false })
    }

    /// The path of `id` from the root; empty for the root.
    pub fn path(&self, id: Id) -> &[u8] {
        &self.nodes[id].path
    }

    /// The entries of folder `id`; none where it is no folder or can't be read. With `look`, each entry that is not
    /// excluded is looked at while the folder is open, which is cheaper than one by one.
    pub fn children(&mut self, id: Id, look: bool) -> std::ops::Range<Id> {
        if self.nodes[id].kind != EntryKind::Folder {
            return 0..0;
        }
        if let Some((first, count)) = self.nodes[id].children {
            return first..first + count;
        }
        if let Err(errno) = self.load(id, look) {
            self.fault(id, errno);
        }
        let (first, count) = self.nodes[id].children.unwrap_or_default();
        first..first + count
    }

    fn load(&mut self, id: Id, look: bool) -> Result<(), Errno> {
        let Some(folder) = self.nodes[id].folder.clone() else { return Ok(()) };
        let source = Source { root: &self.root, ignore: self.ignore };
        let listing = source.list(self.path(id), &folder, look)?;
        self.enter(id, listing);
        Ok(())
    }

    /// Takes in what folder `id` holds.
    fn enter(&mut self, id: Id, listing: Listing) {
        let first = self.nodes.len();
        self.nodes.reserve(listing.entries.len());
        self.nodes.extend(listing.entries.into_iter().map(|entry| Node {
            parent: id,
            path: entry.path,
            name_at: entry.name_at,
            kind: entry.kind,
            excluded: entry.excluded,
            folder: entry.folder,
            children: None,
            status: entry.status,
            link: None,
            bare: false,
            taken_by: 0,
        }));
        self.nodes[id].bare = listing.bare;
        self.nodes[id].children = Some((first, self.nodes.len() - first));
        self.faults.extend(listing.faults);
        self.disputed |= listing.disputed;
        if self.nodes[id].excluded && !self.disputed {
            self.disputed = !self.ignore.is_looked_into(self.path(id));
        }
    }

    /// A folder that could not be read has no entries.
    fn fault(&mut self, id: Id, errno: Errno) {
        self.nodes[id].children = Some((self.nodes.len(), 0));
        // What vanished meanwhile was not there.
        if errno != Errno::NOENT && errno != Errno::NOTDIR {
            self.faults.push((self.path(id).to_vec(), errno));
        }
    }

    /// Reads folder `top` and all below it that the ignore file does not leave out, and looks at each entry: as [`Tree::children`]
    /// would one by one, on several threads where that pays.
    pub fn read_below(&mut self, top: Id) {
        let Some(task) = self.task(top) else { return };
        let (root, ignore) = match self.root.try_clone() {
            Ok(root) => (root, self.ignore),
            // Each folder is read when it is asked for.
            Err(_) => return,
        };
        listing::all(Source { root: &root, ignore }, vec![task], |(task, found)| {
            match found {
                Ok(found) => self.enter(task.id, found),
                Err(errno) => self.fault(task.id, errno),
            }
            let (first, count) = self.nodes[task.id].children.unwrap_or_default();
            let wanted = |&id: &Id| {
                let node = &self.nodes[id];
                node.kind == EntryKind::Folder
                    && (!node.excluded || self.ignore.may_include_below(&node.path))
            };
            (first..first + count).filter(wanted).filter_map(|id| self.task(id)).collect()
        });
    }

    /// What it takes to read folder `id`; none where it is no folder, or was read.
    fn task(&self, id: Id) -> Option<Task> {
        let node = &self.nodes[id];
        if node.kind != EntryKind::Folder || node.children.is_some() {
            return None;
        }
        Some(Task { id, path: node.path.to_vec(), folder: node.folder.clone()? })
    }

    /// Looks at entry `id`: its status, and of a link its text. Whether it is (still) there.
    pub fn look(&mut self, id: Id) -> bool {
        let (has_status, is_link) = (self.nodes[id].status.is_some(), self.nodes[id].kind == EntryKind::Link);
        if has_status && (!is_link || self.nodes[id].link.is_some()) {
            return true;
        }
        let path = &*self.nodes[id].path;
        if !has_status {
            let name: &[u8] = if path.is_empty() { b"." } else { path };
            match rustix::fs::statat(&self.root, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => self.nodes[id].status = Some(status(&stat).1),
                Err(Errno::NOENT | Errno::NOTDIR) => return false,
                Err(errno) => {
                    self.faults.push((path.to_vec(), errno));
                    return false;
                }
            }
        }
        if is_link {
            match rustix::fs::readlinkat(&self.root, self.path(id), Vec::new()) {
                Ok(text) => self.nodes[id].link = Some(text.into_bytes().into()),
                Err(_) => return false,
            }
        }
        true
    }

    /// The entry `name` of folder `id`.
    pub fn child(&mut self, id: Id, name: &[u8]) -> Option<Id> {
        let range = self.children(id, false);
        let at = self.nodes[range.clone()].binary_search_by(|node| node.name().cmp(name)).ok()?;
        Some(range.start + at)
    }

    /// Whether something in the excluded folder `id` may be included all the same.
    pub fn may_include_below(&self, id: Id) -> bool {
        self.ignore.may_include_below(self.path(id))
    }
}

#[allow(clippy::unnecessary_cast)] // The fields' types differ between systems.
pub(super) fn status(stat: &rustix::fs::Stat) -> (EntryKind, Status) {
    let kind = EntryKind::of(FileType::from_raw_mode(stat.st_mode)).unwrap_or(EntryKind::Other);
    let time = |seconds: i64, nanoseconds: i128| i128::from(seconds) * 1_000_000_000 + nanoseconds;
    let status = Status {
        mode: stat.st_mode as u32 & 0o7777,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
        modified: time(stat.st_mtime as i64, stat.st_mtime_nsec as i128),
        changed: time(stat.st_ctime as i64, stat.st_ctime_nsec as i128),
    };
    (kind, status)
}

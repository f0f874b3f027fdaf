//! A context's folders and files, read from disk as they are asked for: each folder once, each entry's status at most
//! once, no link ever followed. Knows nothing of Dockerfiles.

use super::ignore::{Folder, Ignore};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;

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
    fn of(kind: FileType) -> Option<Self> {
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
    pub name: Box<[u8]>,
    pub kind: EntryKind,
    /// Excluded by the ignore file.
    pub excluded: bool,
    /// What the ignore file needs to know of a folder.
    folder: Option<Rc<Folder>>,
    /// First entry and number of entries, where the folder has been read.
    children: Option<(Id, usize)>,
    pub status: Option<Status>,
    pub link: Option<Box<[u8]>>,
    /// The last read that took this entry, counted from 1.
    pub taken_by: usize,
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
            name: Box::default(),
            kind: EntryKind::Folder,
            excluded: false,
            folder: Some(Rc::new(ignore.root())),
            children: None,
            status: None,
            link: None,
            taken_by: 0,
        };
        Ok(Tree { root, ignore, nodes: vec![node], faults: Vec::new(), disputed: false })
    }

    /// The path of `id` from the root; empty for the root.
    pub fn path(&self, mut id: Id) -> Vec<u8> {
        let mut names = Vec::new();
        while id != ROOT {
            let node = &self.nodes[id];
            names.push(&*node.name);
            id = node.parent;
        }
        names.reverse();
        names.join(&b'/')
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
        let path = self.path(id);
        let first = self.nodes.len();
        if let Err(errno) = self.load(id, &path, look) {
            // What vanished meanwhile was not there.
            if errno != Errno::NOENT && errno != Errno::NOTDIR {
                self.faults.push((path, errno));
            }
        }
        let count = self.nodes.len() - first;
        self.nodes[id].children = Some((first, count));
        first..first + count
    }

    fn load(&mut self, id: Id, path: &[u8], look: bool) -> Result<(), Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let name: &[u8] = if path.is_empty() { b"." } else { path };
        let fd = rustix::fs::openat(&self.root, name, flags, Mode::empty())?;
        let mut found: Vec<(Box<[u8]>, FileType)> = Vec::new();
        for entry in rustix::fs::Dir::read_from(&fd)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                found.push((name.into(), entry.file_type()));
            }
        }
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let Some(folder) = self.nodes[id].folder.clone() else { return Ok(()) };
        self.disputed |= self.nodes[id].excluded && !self.ignore.is_looked_into(path);
        let mut full = path.to_vec();
        if !full.is_empty() {
            full.push(b'/');
        }
        let start = full.len();
        self.nodes.reserve(found.len());
        for (name, kind) in found {
            full.truncate(start);
            full.extend_from_slice(&name);
            let mut status = None;
            let kind = match EntryKind::of(kind) {
                Some(kind) => kind,
                None => match self.stat(&fd, &name, &full) {
                    Some((kind, found)) => {
                        status = Some(found);
                        kind
                    }
                    None => continue,
                },
            };
            let (excluded, known) = if self.ignore.is_empty() {
                (false, (kind == EntryKind::Folder).then(|| folder.clone()))
            } else if kind == EntryKind::Folder {
                let (verdict, known) = self.ignore.folder(&folder, &full);
                self.disputed |= verdict.is_disputed();
                (verdict.excluded(), Some(Rc::new(known)))
            } else {
                let verdict = self.ignore.entry(&folder, &full);
                self.disputed |= verdict.is_disputed();
                (verdict.excluded(), None)
            };
            if look && !excluded && status.is_none() {
                status = self.stat(&fd, &name, &full).map(|(_, status)| status);
                if status.is_none() {
                    continue;
                }
            }
            let link = None;
            self.nodes.push(Node {
                parent: id,
                name,
                kind,
                excluded,
                folder: known,
                children: None,
                status,
                link,
                taken_by: 0,
            });
        }
        Ok(())
    }

    fn stat(&mut self, folder: &OwnedFd, name: &[u8], path: &[u8]) -> Option<(EntryKind, Status)> {
        match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Some(status(&stat)),
            Err(errno) => {
                if errno != Errno::NOENT {
                    self.faults.push((path.to_vec(), errno));
                }
                None
            }
        }
    }

    /// Looks at entry `id`: its status, and of a link its text. Whether it is (still) there.
    pub fn look(&mut self, id: Id) -> bool {
        let (has_status, is_link) = (self.nodes[id].status.is_some(), self.nodes[id].kind == EntryKind::Link);
        if has_status && (!is_link || self.nodes[id].link.is_some()) {
            return true;
        }
        let path = self.path(id);
        if !has_status {
            let name: &[u8] = if path.is_empty() { b"." } else { &path };
            match rustix::fs::statat(&self.root, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => self.nodes[id].status = Some(status(&stat).1),
                Err(Errno::NOENT | Errno::NOTDIR) => return false,
                Err(errno) => {
                    self.faults.push((path, errno));
                    return false;
                }
            }
        }
        if is_link {
            match rustix::fs::readlinkat(&self.root, path.as_slice(), Vec::new()) {
                Ok(text) => self.nodes[id].link = Some(text.into_bytes().into()),
                Err(_) => return false,
            }
        }
        true
    }

    /// The entry `name` of folder `id`.
    pub fn child(&mut self, id: Id, name: &[u8]) -> Option<Id> {
        let range = self.children(id, false);
        let at = self.nodes[range.clone()].binary_search_by(|node| (*node.name).cmp(name)).ok()?;
        Some(range.start + at)
    }

    /// Whether something in the excluded folder `id` may be included all the same.
    pub fn may_include_below(&self, id: Id) -> bool {
        self.ignore.may_include_below(&self.path(id))
    }
}

#[allow(clippy::unnecessary_cast)] // The fields' types differ between systems.
fn status(stat: &rustix::fs::Stat) -> (EntryKind, Status) {
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

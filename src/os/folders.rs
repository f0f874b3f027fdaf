//! The entries of folders, read once and kept, so that thousands of questions "is there such a file" cost no system call.
//! Knows nothing of why the questions are asked.

use crate::os::files::{self, Look, Mtime};
use hashbrown::{HashMap, HashSet};
use rustc_hash::FxBuildHasher;

type Entries = HashSet<Box<[u8]>, FxBuildHasher>;

struct Folder {
    path: Box<[u8]>,
    entries: Option<Entries>,
    time: Mtime,
    checked: u64,
}

/// Folders read so far. A folder is looked at again when the epoch has moved on and its modification time has changed.
#[derive(Default)]
pub struct Folders {
    known: HashMap<Box<[u8]>, usize, FxBuildHasher>,
    all: Vec<Folder>,
    /// The folder asked for last: most questions come in rows about one.
    last: usize,
    epoch: u64,
}

fn time_of(path: &[u8]) -> Mtime {
    match files::look(path) {
        Look::Found(time) => time,
        _ => Mtime::ABSENT,
    }
}

fn entries_of(path: &[u8]) -> Option<Entries> {
    let folder = rustix::fs::open(
        path,
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )
    .ok()?;
    let mut entries = Entries::default();
    for entry in rustix::fs::Dir::new(folder).ok()? {
        let Ok(entry) = entry else { break };
        entries.insert(entry.file_name().to_bytes().into());
    }
    Some(entries)
}

impl Folders {
    /// Says that something may have changed files: a command ended, or `$(file)` wrote.
    pub fn changed(&mut self) {
        self.epoch += 1;
    }

    fn position(&mut self, path: &[u8]) -> usize {
        if self.all.get(self.last).is_some_and(|folder| *folder.path == *path) {
            return self.last;
        }
        let at = match self.known.get(path) {
            Some(&at) => at,
            None => {
                let time = time_of(path);
                let entries = if time == Mtime::ABSENT { None } else { entries_of(path) };
                self.all.push(Folder { path: path.into(), entries, time, checked: self.epoch });
                self.known.insert(path.into(), self.all.len() - 1);
                self.all.len() - 1
            }
        };
        self.last = at;
        at
    }

    fn entries(&mut self, path: &[u8]) -> Option<&Entries> {
        let epoch = self.epoch;
        let at = self.position(path);
        let folder = self.all.get_mut(at)?;
        if folder.checked != epoch {
            folder.checked = epoch;
            let time = time_of(path);
            if time != folder.time {
                folder.time = time;
                folder.entries = if time == Mtime::ABSENT { None } else { entries_of(path) };
            }
        }
        folder.entries.as_ref()
    }

    /// Whether folder `path` has an entry `name`; an empty name asks for the folder itself.
    pub fn has(&mut self, path: &[u8], name: &[u8]) -> bool {
        self.entries(path).is_some_and(|entries| name.is_empty() || entries.contains(name))
    }

    /// Whether there is a file `path`, as the entry of its folder.
    pub fn exists(&mut self, path: &[u8]) -> bool {
        match memchr::memrchr(b'/', path) {
            None => self.has(b".", path),
            Some(0) => self.has(b"/", &path[1..]),
            Some(slash) => self.has(&path[..slash], &path[slash + 1..]),
        }
    }

    /// All folders that were looked at: the path, and how many entries it has where it could be read.
    pub fn listing(&self) -> Vec<(&[u8], Option<usize>)> {
        self.all.iter().map(|folder| (&folder.path[..], folder.entries.as_ref().map(HashSet::len))).collect()
    }

    /// The names in folder `path`, sorted by byte; nothing where it can't be read.
    pub fn names(&mut self, path: &[u8]) -> Vec<Vec<u8>> {
        let mut names: Vec<Vec<u8>> = self
            .entries(path)
            .map(|entries| entries.iter().map(|name| name.to_vec()).collect())
            .unwrap_or_default();
        names.sort_unstable();
        names
    }
}

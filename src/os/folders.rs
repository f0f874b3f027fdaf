//! The entries of folders, read once and kept, so that thousands of questions "is there such a file" cost no system call.
//! Knows nothing of why the questions are asked.

use crate::os::collation::Collation;
use crate::os::files::Mtime;
use hashbrown::{HashMap, HashSet};
use rustc_hash::FxBuildHasher;
use rustix::fs::OFlags;
use rustix::io::{Errno, retry_on_intr};

type Entries = HashSet<Box<[u8]>, FxBuildHasher>;

/// A path that was asked for, and the folder that it led to then.
struct Known {
    path: Box<[u8]>,
    folder: Option<usize>,
    /// The epoch in which that was so.
    checked: u64,
}

/// A folder, whatever its paths.
struct Folder {
    /// The path by which it was found first.
    path: Box<[u8]>,
    /// Its entries; none where it can't be read.
    entries: Option<Entries>,
    /// Its modification time, where its next change will have another one.
    time: Option<Mtime>,
    checked: u64,
    /// Another number after each reading.
    version: u64,
}

/// Folders read so far, by device and inode, as GNU make keeps them (`dir.c`): paths that lead to one folder see the same entries.
/// A folder is looked at again when the epoch has moved on, and read again where its modification time has changed.
#[derive(Default)]
pub struct Folders {
    known: HashMap<Box<[u8]>, usize, FxBuildHasher>,
    all: Vec<Known>,
    folders: Vec<Folder>,
    by_identity: HashMap<(u64, u64), usize, FxBuildHasher>,
    /// The path asked for last: most questions come in rows about one.
    last: usize,
    epoch: u64,
    readings: u64,
    /// Some folder has two paths.
    aliases: bool,
    /// In which order names that match a wildcard come.
    pub collation: Collation,
    /// The first folder that could not be looked at, though it may hold what is asked for.
    fault: Option<Fault>,
}

/// A folder that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its path.
    pub path: Vec<u8>,
    /// The system's number of the error.
    pub error: i32,
}

/// How long, in nanoseconds, two changes may have one time: somewhat more than a tick of the clock that the system takes
/// for times of files, or two seconds on file systems that keep whole ones.
const TICK: u64 = 20_000_000;
const COARSE_TICK: u64 = 2_000_000_000;

/// `time`, unless a change right after `now` might leave it as it is.
fn settled(time: Mtime, now: Mtime) -> Option<Mtime> {
    let tick = if time.nanoseconds() == 0 { COARSE_TICK } else { TICK };
    (time.0.saturating_add(tick) < now.0).then_some(time)
}

fn entries_of(path: &[u8]) -> Result<Entries, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = retry_on_intr(|| rustix::fs::open(path, flags, rustix::fs::Mode::empty()))?;
    let mut entries = Entries::default();
    for entry in rustix::fs::Dir::new(folder)? {
        entries.insert(entry?.file_name().to_bytes().into());
    }
    Ok(entries)
}

/// Whether what can't be looked at for this error of the system's may be there all the same. What is missing, of another kind or
/// forbidden is not, as for GNU make.
pub fn is_fault(error: i32) -> bool {
    matches!(error, libc::EIO | libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ESTALE)
}

impl Folders {
    /// Says that something may have changed files: a command ended, or `$(file)` wrote.
    pub fn changed(&mut self) {
        self.epoch += 1;
    }

    /// The place of `path` in [`Folders::all`], as it is in this epoch.
    fn position(&mut self, path: &[u8]) -> usize {
        if self.all.get(self.last).is_none_or(|known| *known.path != *path) {
            self.last = match self.known.get(path) {
                Some(&at) => at,
                None => {
                    let at = self.all.len();
                    let folder = self.folder_of(path);
                    self.all.push(Known { path: path.into(), folder, checked: self.epoch });
                    self.known.insert(path.into(), at);
                    at
                }
            };
        }
        let at = self.last;
        if self.all.get(at).is_some_and(|known| known.checked != self.epoch) {
            let (folder, checked) = (self.folder_of(path), self.epoch);
            if let Some(known) = self.all.get_mut(at) {
                (known.folder, known.checked) = (folder, checked);
            }
        }
        at
    }

    /// The place in [`Folders::folders`] of what `path` leads to now.
    fn folder_of(&mut self, path: &[u8]) -> Option<usize> {
        let data = match rustix::fs::stat(path) {
            Ok(data) => data,
            Err(error) => {
                self.note(path, error);
                return None;
            }
        };
        let time = Mtime::new(data.st_mtime as i64, data.st_mtime_nsec as i64);
        let at = *self.by_identity.entry((data.st_dev, data.st_ino)).or_insert(self.folders.len());
        if at == self.folders.len() {
            let (path, entries) = (path.into(), None);
            self.folders.push(Folder { path, entries, time: None, checked: self.epoch, version: 0 });
        }
        let folder = self.folders.get_mut(at)?;
        self.aliases |= *folder.path != *path;
        if folder.version == 0 || (folder.checked != self.epoch && folder.time != Some(time)) {
            self.readings += 1;
            folder.version = self.readings;
            folder.time = settled(time, Mtime::now());
            folder.checked = self.epoch;
            match entries_of(path) {
                Ok(entries) => folder.entries = Some(entries),
                Err(error) => {
                    folder.entries = None;
                    self.note(path, error);
                }
            }
            return Some(at);
        }
        folder.checked = self.epoch;
        Some(at)
    }

    #[cold]
    fn note(&mut self, path: &[u8], error: Errno) {
        if is_fault(error.raw_os_error()) {
            self.fault.get_or_insert(Fault { path: path.to_vec(), error: error.raw_os_error() });
        }
    }

    /// The first folder that could not be looked at since this was asked last: what was said of its files is no answer.
    #[inline]
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    fn folder(&mut self, path: &[u8]) -> Option<&Folder> {
        let at = self.position(path);
        self.folders.get(self.all.get(at)?.folder?)
    }

    fn entries(&mut self, path: &[u8]) -> Option<&Entries> {
        self.folder(path)?.entries.as_ref()
    }

    /// The path by which folder `path` was found first, where it is another one.
    pub fn first_path(&mut self, path: &[u8]) -> Option<&[u8]> {
        // Nearly always no folder has two.
        let at = self.position(path);
        if !self.aliases {
            return None;
        }
        let first = &self.folders.get(self.all.get(at)?.folder?)?.path;
        (**first != *path).then_some(&**first)
    }

    /// Another number after each [`Folders::changed`].
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Another number each time that the entries of folder `path` may have become others.
    pub fn version(&mut self, path: &[u8]) -> u64 {
        self.folder(path).map_or(0, |folder| folder.version)
    }

    /// The names in folder `path`, in no order; nothing where it can't be read.
    pub fn entries_now(&mut self, path: &[u8]) -> impl Iterator<Item = &[u8]> {
        self.entries(path).into_iter().flatten().map(|name| &**name)
    }

    /// Whether folder `path` has an entry `name`; an empty name asks for the folder itself.
    pub fn has(&mut self, path: &[u8], name: &[u8]) -> bool {
        self.entries(path).is_some_and(|entries| name.is_empty() || entries.contains(name))
    }

    /// Whether there is a file `path`, as the entry of its folder.
    pub fn exists(&mut self, path: &[u8]) -> bool {
        let (folder, entry) = folder_and_entry(path);
        self.has(folder, entry)
    }

    /// All folders that were looked at: the path, and how many entries it has where it could be read.
    pub fn listing(&self) -> Vec<(&[u8], Option<usize>)> {
        let entries = |known: &Known| Some(self.folders.get(known.folder?)?.entries.as_ref()?.len());
        self.all.iter().map(|known| (&*known.path, entries(known))).collect()
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

/// The folder that the file `path` is in, and what it is called there.
pub fn folder_and_entry(path: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b'/', path) {
        None => (b".", path),
        Some(0) => (b"/", &path[1..]),
        Some(slash) => (&path[..slash], &path[slash + 1..]),
    }
}

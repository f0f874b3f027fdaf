//! Where file events come from: the kernel's, or looking again and again where the kernel has no room left. Knows nothing of goals.

use super::paths::{Path, is_within, join};
use rustc_hash::{FxHashMap, FxHashSet};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// What happened to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its content changed, for all that is known.
    Written,
    /// Its mode or times changed, and not its content.
    Touched,
    /// It is there now: made, or moved here.
    Appeared,
    /// It is gone: removed, or moved away.
    Vanished,
}

impl Kind {
    /// Whether the name itself is new or gone.
    pub fn comes_or_goes(self) -> bool {
        matches!(self, Kind::Appeared | Kind::Vanished)
    }
}

/// A change of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path, its folder resolved.
    pub path: Path,
    /// What happened.
    pub kind: Kind,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// What a source tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A name changed.
    Change(Change),
    /// A watched folder is gone, or is another one now.
    Gone(Path),
    /// More happened than could be told: anything may have changed.
    Lost,
}

/// Why not all folders are watched by events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `fs.inotify.max_user_watches` is reached.
    Watches,
    /// `fs.inotify.max_user_instances` is reached, or the system has no inotify.
    Instances,
    /// The kernel has no memory for a further watch.
    Memory,
}

/// Where events come from.
pub trait Source {
    /// Has just `folders` watched, as far as they are there; with `restart`, those within it are set up anew.
    ///
    /// # Errors
    /// The limit that keeps folders from being watched.
    fn watch(&mut self, folders: &FxHashSet<Path>) -> Result<(), Limit>;
    /// Forgets the folders within `path`: they are others now.
    fn forget(&mut self, path: &[u8]);
    /// Takes the events that are there.
    fn take(&mut self, events: &mut Vec<Event>);
    /// The descriptor that is readable when events are there; none where one has to look.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
    /// How long to wait before looking again, where one has to.
    fn interval(&self) -> Option<Duration>;
    /// How many folders are watched.
    fn count(&self) -> usize;
}

/// The kernel's events.
pub struct Inotify {
    descriptor: OwnedFd,
    folders: FxHashMap<Path, i32>,
    by_number: FxHashMap<i32, Path>,
    /// Folders watched at once at most, where less than the system's limit is wanted.
    most: Option<usize>,
}

impl Inotify {
    /// A new instance, for at most `most` folders where that is given.
    ///
    /// # Errors
    /// No instance can be had.
    pub fn new(most: Option<usize>) -> Result<Inotify, Limit> {
        let descriptor =
            inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).map_err(|_| Limit::Instances)?;
        Ok(Inotify { descriptor, folders: FxHashMap::default(), by_number: FxHashMap::default(), most })
    }

    fn drop_number(&mut self, number: i32) -> Option<Path> {
        let path = self.by_number.remove(&number)?;
        self.folders.remove(&path);
        Some(path)
    }
}

/// Reads are not among them: a build reads all of its inputs.
fn wanted() -> WatchFlags {
    WatchFlags::MODIFY
        | WatchFlags::ATTRIB
        | WatchFlags::CLOSE_WRITE
        | WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVED_TO
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF
        | WatchFlags::ONLYDIR
}

impl Source for Inotify {
    fn watch(&mut self, folders: &FxHashSet<Path>) -> Result<(), Limit> {
        let stale: Vec<i32> = self
            .by_number
            .iter()
            .filter(|(_, path)| !folders.contains(*path))
            .map(|(&number, _)| number)
            .collect();
        for number in stale {
            self.drop_number(number);
            let _ = inotify::remove_watch(&self.descriptor, number);
        }
        for folder in folders {
            if self.folders.contains_key(folder) {
                continue;
            }
            if self.most.is_some_and(|most| self.folders.len() >= most) {
                return Err(Limit::Watches);
            }
            match inotify::add_watch(&self.descriptor, &**folder, wanted()) {
                Ok(number) => {
                    // One folder under two names has one number; the last name is told.
                    if let Some(other) = self.by_number.insert(number, folder.clone()) {
                        self.folders.remove(&other);
                    }
                    self.folders.insert(folder.clone(), number);
                }
                Err(Errno::NOSPC) => return Err(Limit::Watches),
                Err(Errno::NOMEM) => return Err(Limit::Memory),
                // It is not there, or may not be read.
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn forget(&mut self, path: &[u8]) {
        let within: Vec<i32> = self
            .folders
            .iter()
            .filter(|(folder, _)| is_within(folder, path))
            .map(|(_, &number)| number)
            .collect();
        for number in within {
            self.drop_number(number);
            let _ = inotify::remove_watch(&self.descriptor, number);
        }
    }

    fn take(&mut self, events: &mut Vec<Event>) {
        let mut buffer = [MaybeUninit::uninit(); 32 * 1024];
        let mut told: Vec<(i32, ReadFlags, Option<Box<[u8]>>)> = Vec::new();
        let mut reader = inotify::Reader::new(&self.descriptor, &mut buffer);
        while let Ok(event) = reader.next() {
            told.push((event.wd(), event.events(), event.file_name().map(|name| name.to_bytes().into())));
        }
        for (number, flags, name) in told {
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                events.push(Event::Lost);
                continue;
            }
            if flags.intersects(ReadFlags::IGNORED | ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF) {
                if let Some(path) = self.drop_number(number) {
                    if flags.contains(ReadFlags::MOVE_SELF) {
                        let _ = inotify::remove_watch(&self.descriptor, number);
                    }
                    events.push(Event::Gone(path));
                }
                continue;
            }
            let (Some(folder), Some(name)) = (self.by_number.get(&number), name) else { continue };
            let kind = if flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
                Kind::Appeared
            } else if flags.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
                Kind::Vanished
            } else if flags.contains(ReadFlags::ATTRIB) {
                Kind::Touched
            } else {
                Kind::Written
            };
            let change =
                Change { path: join(folder, &name), kind, is_folder: flags.contains(ReadFlags::ISDIR) };
            // A file that is written to for long tells of it again and again.
            if !matches!(events.last(), Some(Event::Change(last)) if *last == change) {
                events.push(Event::Change(change));
            }
        }
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.descriptor.as_fd())
    }

    fn interval(&self) -> Option<Duration> {
        None
    }

    fn count(&self) -> usize {
        self.folders.len()
    }
}

/// A name's state at one look.
type Look = (u64, i64, i64, i64, u64, u32);

/// Looks at the entries of all folders at intervals.
pub struct Polling {
    folders: FxHashMap<Path, FxHashMap<Box<[u8]>, Look>>,
    interval: Duration,
}

impl Polling {
    /// A source that looks after each `interval`.
    pub fn new(interval: Duration) -> Polling {
        Polling { folders: FxHashMap::default(), interval }
    }
}

fn entries(folder: &[u8]) -> Option<FxHashMap<Box<[u8]>, Look>> {
    let mut found = FxHashMap::default();
    for entry in std::fs::read_dir(OsStr::from_bytes(folder)).ok()?.flatten() {
        let Ok(data) = entry.metadata() else { continue };
        // A folder's own times change with its entries, which are looked at for themselves.
        let is_folder = data.is_dir();
        let look = if is_folder {
            (0, 0, 0, 0, data.ino(), data.mode())
        } else {
            (data.size(), data.mtime(), data.mtime_nsec(), data.ctime_nsec(), data.ino(), data.mode())
        };
        found.insert(entry.file_name().as_bytes().into(), look);
    }
    Some(found)
}

/// What happened between two looks. A time that was set back cannot be told from content that was, but for another mode alone.
fn kind_of(before: &Look, now: &Look) -> Kind {
    let content = |look: &Look| (look.0, look.1, look.2, look.4);
    if content(before) == content(now) && before.5 != now.5 { Kind::Touched } else { Kind::Written }
}

impl Source for Polling {
    fn watch(&mut self, folders: &FxHashSet<Path>) -> Result<(), Limit> {
        self.folders.retain(|folder, _| folders.contains(folder));
        for folder in folders {
            if !self.folders.contains_key(folder)
                && let Some(found) = entries(folder)
            {
                self.folders.insert(folder.clone(), found);
            }
        }
        Ok(())
    }

    fn forget(&mut self, path: &[u8]) {
        self.folders.retain(|folder, _| !is_within(folder, path));
    }

    fn take(&mut self, events: &mut Vec<Event>) {
        let mut gone = Vec::new();
        for (folder, known) in &mut self.folders {
            let Some(now) = entries(folder) else {
                gone.push(folder.clone());
                continue;
            };
            let is_folder = |look: &Look| look.5 & libc::S_IFMT == libc::S_IFDIR;
            let mut tell = |name: &[u8], kind: Kind, look: &Look| {
                let path = join(folder, name);
                events.push(Event::Change(Change { path, kind, is_folder: is_folder(look) }));
            };
            for (name, look) in &now {
                match known.get(name) {
                    None => tell(name, Kind::Appeared, look),
                    Some(before) if before != look => tell(name, kind_of(before, look), look),
                    Some(_) => {}
                }
            }
            for (name, look) in known.iter().filter(|(name, _)| !now.contains_key(*name)) {
                tell(name, Kind::Vanished, look);
            }
            *known = now;
        }
        for folder in gone {
            self.folders.remove(&folder);
            events.push(Event::Gone(folder));
        }
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn interval(&self) -> Option<Duration> {
        Some(self.interval)
    }

    fn count(&self) -> usize {
        self.folders.len()
    }
}

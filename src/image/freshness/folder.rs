//! imk's own folder as a store of files that may vanish at any time: each is replaced as a whole. Knows nothing of what
//! they hold.
//!
//! Nothing here is needed for a right answer, so that failures to write are silent; what is read is checked by its reader.

use crate::base::sorting;
use crate::os::files::{ignore_all, open_own, read_bounded};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_NOW};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Name of the folder, in the folder that imk runs in.
pub(super) const NAME: &str = ".imk";
/// How the names of files that are being written begin.
const UNFINISHED: &[u8] = b".new-";
/// Largest file that is read, in bytes.
const SIZE_MAX: u64 = 256 << 20;
/// Unfinished files are given up after this many seconds.
const UNFINISHED_FOR: i64 = 3600;

/// The folder, or one in it, open.
pub(super) struct Folder {
    handle: OwnedFd,
}

/// What tells whether a file was replaced meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity(u64, i64, i64, u64);

/// A file of the folder: its name, its time in seconds, its size.
pub(super) struct Listed {
    pub name: String,
    pub time: i64,
    pub size: u64,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Folder {
    /// Opens the folder in `directory`; none where there is none, or it is a link, or another user's.
    pub fn open(directory: &Path) -> Option<Folder> {
        let handle = rustix::fs::open(directory.join(NAME), FOLDER, Mode::empty()).ok()?;
        Folder { handle }.if_own()
    }

    /// Opens the folder, made where it is missing, with a `.gitignore` that ignores all of it.
    pub fn make(directory: &Path) -> Option<Folder> {
        // One that is there already is opened like a new one.
        let _ = rustix::fs::mkdir(directory.join(NAME), Mode::RWXU);
        let folder = Folder::open(directory)?;
        ignore_all(&folder.handle);
        Some(folder)
    }

    /// The folder `name` in this one; with `make`, made where it is missing.
    pub fn inner(&self, name: &str, make: bool) -> Option<Folder> {
        if make {
            let _ = rustix::fs::mkdirat(&self.handle, name, Mode::RWXU);
        }
        let handle = rustix::fs::openat(&self.handle, name, FOLDER, Mode::empty()).ok()?;
        Folder { handle }.if_own()
    }

    fn if_own(self) -> Option<Folder> {
        let status = rustix::fs::fstat(&self.handle).ok()?;
        (status.st_uid == rustix::process::geteuid().as_raw()).then_some(self)
    }

    /// The text of file `name`, and what it is known by.
    pub fn read(&self, name: &str) -> Option<(Vec<u8>, Identity)> {
        let (file, status) = open_own(&self.handle, name, OFlags::RDONLY, Mode::empty()).ok()?;
        Some((read_bounded(file, SIZE_MAX).ok()?, identity(&status)))
    }

    /// What file `name` is known by now.
    pub fn identity(&self, name: &str) -> Option<Identity> {
        rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW).ok().map(|status| identity(&status))
    }

    /// Puts `text` in the place of file `name`, so that readers see the one or the other whole.
    pub fn replace(&self, name: &str, text: &[u8]) -> Option<()> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let new = format!(".new-{}-{count}-{name}", std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let create = || open_own(&self.handle, &new, flags, Mode::RUSR | Mode::WUSR);
        let (mut file, _) = create()
            .or_else(|fault| {
                // Of a dead process with the same number, or planted.
                if fault == rustix::io::Errno::EXIST {
                    self.remove(&new);
                }
                create()
            })
            .ok()?;
        let written = file.write_all(text).ok();
        let moved =
            written.and_then(|()| rustix::fs::renameat(&self.handle, new.as_str(), &self.handle, name).ok());
        if moved.is_none() {
            self.remove(&new);
        }
        moved
    }

    /// Removes file `name`.
    pub fn remove(&self, name: &str) {
        let _ = rustix::fs::unlinkat(&self.handle, name, AtFlags::empty());
    }

    /// Removes the folder `name` in this one, where it is empty.
    pub fn remove_empty(&self, name: &str) {
        let _ = rustix::fs::unlinkat(&self.handle, name, AtFlags::REMOVEDIR);
    }

    /// The regular files, oldest first. Files that a dead imk left unfinished are removed.
    pub fn list(&self) -> Vec<Listed> {
        let mut out = Vec::new();
        let Ok(entries) = rustix::fs::Dir::read_from(&self.handle) else { return out };
        let now = now().div_euclid(1_000_000_000);
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Ok(status) = rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let (Ok(text), FileType::RegularFile) = (name.to_str(), FileType::from_raw_mode(status.st_mode))
            else {
                continue;
            };
            if name.to_bytes().starts_with(UNFINISHED) {
                if now - status.st_mtime > UNFINISHED_FOR {
                    self.remove(text);
                }
                continue;
            }
            let size = u64::try_from(status.st_size).unwrap_or(0);
            out.push(Listed { name: text.to_owned(), time: status.st_mtime, size });
        }
        sorting::sort_by(&mut out, |a, b| (a.time, &a.name).cmp(&(b.time, &b.name)));
        out
    }

    /// Removes the oldest files, until no more than `count` with no more than `size` bytes are left.
    pub fn prune(&self, count: usize, size: u64) {
        let files = self.list();
        let (mut left, mut bytes) = (files.len(), files.iter().map(|file| file.size).sum::<u64>());
        for file in &files {
            if left <= count && bytes <= size {
                break;
            }
            self.remove(&file.name);
            left -= 1;
            bytes -= file.size;
        }
    }

    /// The time now by the clock of the folder's file system, which need not be this machine's, in nanoseconds since 1970.
    pub fn clock(&self) -> Option<i64> {
        let flags = OFlags::WRONLY | OFlags::CREATE;
        let (file, _) = open_own(&self.handle, "clock", flags, Mode::RUSR | Mode::WUSR).ok()?;
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        rustix::fs::futimens(&file, &Timestamps { last_access: now, last_modification: now }).ok()?;
        let status = rustix::fs::fstat(&file).ok()?;
        Some(nanoseconds(status.st_mtime, status.st_mtime_nsec as i64))
    }
}

/// The time now by this machine's clock, in nanoseconds since 1970.
pub(super) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    nanoseconds(i64::try_from(now.as_secs()).unwrap_or(i64::MAX), i64::from(now.subsec_nanos()))
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

#[allow(clippy::unnecessary_cast)] // The fields' types differ between systems.
fn identity(status: &rustix::fs::Stat) -> Identity {
    let size = u64::try_from(status.st_size).unwrap_or(0);
    let time = nanoseconds(status.st_mtime as i64, status.st_mtime_nsec as i64);
    let changed = nanoseconds(status.st_ctime as i64, status.st_ctime_nsec as i64);
    Identity(status.st_ino as u64, time, changed, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_pruned_and_ignored_by_git() {
        let at = tempfile::tempdir().unwrap();
        assert!(Folder::open(at.path()).is_none());
        let folder = Folder::make(at.path()).unwrap();
        assert_eq!(std::fs::read(at.path().join(".imk/.gitignore")).unwrap(), b"*\n");
        let inner = folder.inner("in", true).unwrap();
        for (name, text) in [("a", "1"), ("b", "22"), ("a", "333")] {
            inner.replace(name, text.as_bytes()).unwrap();
        }
        let identity = inner.identity("a");
        assert_eq!(inner.read("a").map(|(text, id)| (text, Some(id))), Some((b"333".to_vec(), identity)));
        inner.prune(1, 100);
        assert_eq!(inner.list().len(), 1);
        inner.prune(1, 0);
        assert!(inner.list().is_empty() && inner.read("a").is_none());
        assert!((folder.clock().unwrap() - now()).abs() < 3_600_000_000_000);
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let at = tempfile::tempdir().unwrap();
        std::fs::create_dir(at.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink("elsewhere", at.path().join(".imk")).unwrap();
        assert!(Folder::make(at.path()).is_none());
    }
}

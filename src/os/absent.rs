//! Questions whether one name is there, asked by the thousand of one folder (`$(wildcard include/config/NAME)`): what the folder does
//! not list is not there. Knows nothing of why they are asked.

use crate::os::folders::{Folders, folder_and_entry};
use hashbrown::{HashMap, HashSet};
use rustc_hash::FxBuildHasher;

/// A folder is read once so many of its names were asked for in vain, and more where reading it takes longer.
const WORTH_READING: u64 = 16;
/// Bytes of a folder's size whose reading takes as long as one question.
const BYTES_A_QUESTION: u64 = 200;

/// File systems on which a folder lists all there is in it. Others make entries when they are asked for, or hide some.
#[allow(clippy::unreadable_literal)] // As statfs(2) writes them.
const THAT_LIST_ALL: [u64; 6] = [
    0xef53,     // ext2, ext3, ext4
    0x58465342, // XFS
    0x9123683e, // Btrfs
    0x01021994, // tmpfs
    0x794c7630, // overlayfs
    0xf2f52010, // F2FS
];

type Names = HashSet<Box<[u8]>, FxBuildHasher>;

#[derive(Default)]
struct Asked {
    in_vain: u64,
    /// How many questions in vain are awaited before the folder is read.
    wanted: u64,
    told: Told,
}

#[derive(Default)]
enum Told {
    /// It was not read yet.
    #[default]
    Nothing,
    /// Its entries, in lower case: some file systems take one for the other. The version is the one that they are of.
    Entries(Names, u64),
    /// It has to be asked each time.
    Never,
}

/// Which names are there, as `lstat` would say.
#[derive(Default)]
pub struct Absent {
    /// Apart from those that make looks into, which it lists on demand.
    folders: Folders,
    asked: HashMap<Box<[u8]>, Asked, FxBuildHasher>,
}

impl Absent {
    /// Says that something may have changed files.
    pub fn changed(&mut self) {
        self.folders.changed();
    }

    /// Whether there is something at `path`, a link that leads nowhere included.
    pub fn exists(&mut self, path: &[u8]) -> bool {
        let (folder, entry) = folder_and_entry(path);
        if !self.asked.contains_key(folder) {
            self.asked.insert(folder.into(), Asked { wanted: WORTH_READING, ..Asked::default() });
        }
        let Some(asked) = self.asked.get_mut(folder) else { return is_there(path) };
        if asked.in_vain >= asked.wanted && asked.lacks(&mut self.folders, folder, entry) {
            return false;
        }
        let there = is_there(path);
        asked.in_vain += u64::from(!there);
        there
    }
}

fn is_there(path: &[u8]) -> bool {
    rustix::fs::lstat(path).is_ok()
}

impl Asked {
    /// Whether `entry` is certain not to be in `folder`.
    fn lacks(&mut self, folders: &mut Folders, folder: &[u8], entry: &[u8]) -> bool {
        if matches!(self.told, Told::Never) || entry.is_empty() || !entry.is_ascii() {
            return false;
        }
        if matches!(self.told, Told::Nothing) {
            let size = rustix::fs::stat(folder).map_or(0, |status| status.st_size as u64);
            self.wanted = WORTH_READING + size / BYTES_A_QUESTION;
            if self.in_vain < self.wanted {
                return false;
            }
            let kind = rustix::fs::statfs(folder).map_or(0, |status| status.f_type as u64);
            if !THAT_LIST_ALL.contains(&kind) {
                self.told = Told::Never;
                return false;
            }
        }
        let version = folders.version(folder);
        if !matches!(&self.told, Told::Entries(_, read) if *read == version) {
            let mut names = Names::default();
            for name in folders.entries_now(folder) {
                // What has another letter's case may be beyond ASCII.
                if !name.is_ascii() {
                    names.clear();
                    break;
                }
                names.insert(name.to_ascii_lowercase().into());
            }
            // Each folder lists itself; one that does not was not read.
            self.told = if names.contains(&b"."[..]) { Told::Entries(names, version) } else { Told::Never };
        }
        match &self.told {
            Told::Entries(names, _) => !names.contains(&entry.to_ascii_lowercase()[..]),
            Told::Nothing | Told::Never => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    /// Asks for so many names that are not there that the folder is read.
    fn warmed(folder: &std::path::Path) -> (Absent, impl Fn(&str) -> Vec<u8>) {
        let folder = folder.to_owned();
        let path = move |name: &str| folder.join(name).as_os_str().as_bytes().to_vec();
        let mut absent = Absent::default();
        for number in 0..200 {
            assert!(!absent.exists(&path(&format!("missing-{number}"))));
        }
        (absent, path)
    }

    #[test]
    fn what_is_there_is_found_before_and_after_the_folder_was_read() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink("nowhere", place.path().join("link")).unwrap();
        let (mut absent, path) = warmed(place.path());
        for name in ["file", "link", ".", "..", ""] {
            assert!(absent.exists(&path(name)), "{name}");
        }
        for name in ["fil", "file/", "file/below", "absent/below", &"x".repeat(300)] {
            assert!(!absent.exists(&path(name)), "{name}");
        }
    }

    #[test]
    fn a_change_is_seen_once_it_is_told() {
        let place = tempfile::tempdir().unwrap();
        let (mut absent, path) = warmed(place.path());
        for round in 0..3 {
            let name = format!("new-{round}");
            std::fs::write(place.path().join(&name), "").unwrap();
            absent.changed();
            assert!(absent.exists(&path(&name)));
            std::fs::remove_file(place.path().join(&name)).unwrap();
            absent.changed();
            assert!(!absent.exists(&path(&name)));
        }
        std::fs::remove_dir(place.path()).unwrap();
        absent.changed();
        assert!(!absent.exists(&path("x")) && !absent.exists(&path("")));
        std::fs::create_dir(place.path()).unwrap();
        std::fs::write(place.path().join("x"), "").unwrap();
        absent.changed();
        assert!(absent.exists(&path("x")) && !absent.exists(&path("y")));
    }

    #[test]
    fn names_beyond_ascii_have_a_folder_asked_each_time() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("\u{212a}"), "").unwrap();
        let (mut absent, path) = warmed(place.path());
        assert!(absent.exists(&path("\u{212a}")) && !absent.exists(&path("k")));
        assert!(matches!(absent.asked.values().next().map(|asked| &asked.told), Some(Told::Never)));
    }

    #[test]
    fn file_systems_that_make_entries_are_asked_each_time() {
        // Threads have a folder there, which is not listed.
        let ask = || {
            let (mut absent, path) = warmed(std::path::Path::new("/proc"));
            let link = std::fs::read_link("/proc/thread-self").unwrap();
            assert!(absent.exists(&path(link.file_name().unwrap().to_str().unwrap())));
            assert!(absent.asked.values().all(|asked| matches!(asked.told, Told::Never)));
        };
        std::thread::spawn(ask).join().unwrap();
    }
}

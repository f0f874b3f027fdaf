//! Names that were sought as intermediate files in vain, so that they are not sought again. Knows nothing of the search.
//!
//! GNU make keeps them with what it has read of their folders (`dir.c`): what it knows of a folder goes as soon as a command may
//! have changed files, of a folder that is not there it keeps nothing, and a folder is one and the same under all its paths.

use crate::base::{Name, Names};
use crate::os::folders::{Folders, folder_and_entry};
use hashbrown::HashSet;
use rustc_hash::FxBuildHasher;

/// The names.
#[derive(Default)]
pub struct Impossible {
    names: HashSet<Name, FxBuildHasher>,
    /// Since when: [`Folders::epoch`].
    epoch: u64,
}

impl Impossible {
    /// Whether `name` was sought in vain, and no command has ended since. `epoch` is that of now.
    #[inline]
    pub fn has(&mut self, name: Name, epoch: u64) -> bool {
        self.settle(epoch);
        self.names.contains(&name)
    }

    /// Remembers `name`.
    pub fn remember(&mut self, name: Name, epoch: u64) {
        self.settle(epoch);
        self.names.insert(name);
    }

    fn settle(&mut self, epoch: u64) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.names.clear();
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// The name under which `text` is remembered, where it is known: that of the path by which its folder was found first.
pub fn known_as(folders: &mut Folders, names: &Names, text: &[u8]) -> Option<Name> {
    match first_path(folders, text) {
        None => names.find(text),
        Some(text) => names.find(&text),
    }
}

/// The name under which `text` is to be remembered; none where its folder is not there, and it is not.
pub fn kept_as(folders: &mut Folders, names: &mut Names, text: &[u8]) -> Option<Name> {
    let (folder, _) = folder_and_entry(text);
    folders.has(folder, b"").then(|| match first_path(folders, text) {
        None => names.intern(text),
        Some(text) => names.intern(&text),
    })
}

fn first_path(folders: &mut Folders, text: &[u8]) -> Option<Vec<u8>> {
    let (folder, entry) = folder_and_entry(text);
    folders.first_path(folder).map(|first| match first {
        b"." => entry.to_vec(),
        b"/" => [b"/", entry].concat(),
        _ => [first, b"/", entry].concat(),
    })
}

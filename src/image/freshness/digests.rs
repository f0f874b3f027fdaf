//! The cache of files' digests: a file is read again only when it may have changed since. Knows nothing of images.
//!
//! Invariants:
//!
//! - A digest is used only for a path whose size, times, inode and device are all as they were when it was taken.
//! - It is kept only if the file had lain still for longer than its times can hide: a file that changes twice within
//!   one tick of its file system's clock looks the same after both, so that a young one is read again next time.
//!   Whatever the clocks do, a file whose times are not in the past counts as young.
//! - The cache on disk is replaced as a whole and carries its own digest. Several imks may lose each other's entries,
//!   which costs a reading of files; they never mix them up.

use super::codec::{Digest, Reader, Writer, seal, unseal};
use super::folder::{self, Folder, Identity};
use super::hash::{self, Fault};
use crate::image::context::{Entry, EntryKind, Status};
use crate::os::threads::{processors, start};
use std::collections::BTreeMap;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Name of the cache in imk's folder.
const FILE: &str = "digests";
const FORM: &str = "imk digests 1";
/// Entries that this many savings in a row had no use for are dropped.
const AGE_MAX: u8 = 40;
/// A smaller cache, in bytes, is read before a thread has begun.
const WORTH_A_THREAD: i64 = 128 * 1024;
/// How long a file must have lain still, in nanoseconds: longer than a tick of the kernel's clock for inodes.
const STILL: i64 = 20_000_000;
/// The same for times in whole seconds, as some file systems have them; FAT counts every second one.
const STILL_SECONDS: i64 = 2_100_000_000;

/// The cache, shared by all that a run looks at. May be used from several threads.
pub struct DigestCache {
    directory: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// By root of the context.
    sections: BTreeMap<Vec<u8>, Section>,
    /// The file on disk.
    text: Vec<u8>,
    /// The file on disk that they were read from.
    loaded: Option<Identity>,
    is_loaded: bool,
    hashed: u64,
}

/// The digests under one root, in order of the paths.
enum Section {
    /// Where they stand in the file: a run that finds all as it was goes over them once and keeps none.
    OnDisk(Range<usize>),
    Here(Vec<Kept>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    path: Box<[u8]>,
    key: Key,
    digest: Digest,
    age: u8,
}

/// What must be the same for a digest to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    size: u64,
    modified: i64,
    changed: i64,
    inode: u64,
    device: u64,
}

impl Key {
    /// Nothing for times that are beyond what is kept.
    fn of(status: &Status) -> Option<Key> {
        Some(Key {
            size: status.size,
            modified: status.modified.try_into().ok()?,
            changed: status.changed.try_into().ok()?,
            inode: status.inode,
            device: status.device,
        })
    }

    /// Whether a change after `now` is certain to give the file other times.
    fn is_settled(&self, now: i64) -> bool {
        let still = |time: i64| {
            let needed = if time % 1_000_000_000 == 0 { STILL_SECONDS } else { STILL };
            time.checked_add(needed).is_some_and(|settled| settled < now)
        };
        still(self.modified) && still(self.changed)
    }
}

impl DigestCache {
    /// The cache in `.imk/` of `directory`. Nothing is read yet; where nothing can be kept, every file is read each time.
    pub fn new(directory: &Path) -> DigestCache {
        DigestCache { directory: directory.to_owned(), state: Arc::default() }
    }

    /// Has a large cache read from disk on another thread, while the caller waits for something else.
    pub fn prefetch(&self) {
        if self.state.try_lock().map_or(true, |state| state.is_loaded) {
            return;
        }
        let is_large = |status: rustix::fs::Stat| status.st_size >= WORTH_A_THREAD;
        let path = self.directory.join(folder::NAME).join(FILE);
        if !rustix::fs::lstat(&path).is_ok_and(is_large) || processors() < 2 {
            return;
        }
        let (directory, state) = (self.directory.clone(), Arc::clone(&self.state));
        // Whoever needs it first waits for it or reads it himself.
        start(move || state.lock().unwrap_or_else(PoisonError::into_inner).load(&directory));
    }

    /// How many files were read for their digests so far.
    pub fn hashed(&self) -> u64 {
        self.state().hashed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The digest of each regular file among `entries`, which are sorted by path; nothing for the others.
    pub(super) fn of(&self, root: &Path, entries: &[Entry]) -> Vec<Option<Result<Digest, Fault>>> {
        let real = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        let section = real.as_os_str().as_bytes();
        let mut state = self.state();
        state.load(&self.directory);
        let (mut out, missing) = state.look_up(section, entries);
        if missing.is_empty() {
            return out;
        }
        // The earlier of two clocks, and read before the files are: what changes later is later by both.
        let store = Folder::make(&self.directory);
        let now = store.as_ref().and_then(Folder::clock).map(|clock| clock.min(folder::now()));
        let found = hash::files(root, entries, &missing);
        state.hashed += missing.len() as u64;
        let mut new = Vec::new();
        for (&at, digest) in missing.iter().zip(found) {
            if let Ok(digest) = digest
                && let Some(key) = Key::of(&entries[at].status)
                && now.is_some_and(|now| key.is_settled(now))
            {
                new.push(Kept { path: entries[at].path.as_slice().into(), key, digest, age: 0 });
            }
            out[at] = Some(digest);
        }
        if let (Some(store), false) = (store, new.is_empty()) {
            let seen: Vec<&[u8]> = entries.iter().map(|entry| entry.path.as_slice()).collect();
            state.save(&store, section, new, &seen);
        }
        out
    }
}

impl State {
    fn load(&mut self, directory: &Path) {
        if std::mem::replace(&mut self.is_loaded, true) {
            return;
        }
        if let Some((text, identity)) = Folder::open(directory).and_then(|folder| folder.read(FILE)) {
            self.loaded = Some(identity);
            let body = unseal(FORM, &text).unwrap_or_default();
            let skipped = text.len() - body.len();
            let in_text = |place: Range<usize>| Section::OnDisk(skipped + place.start..skipped + place.end);
            let places = places(body).unwrap_or_default();
            self.sections = places.into_iter().map(|(root, place)| (root, in_text(place))).collect();
            self.text = text;
        }
    }

    /// The digests that are known, and the indices of the files whose are not.
    fn look_up(&self, section: &[u8], entries: &[Entry]) -> LookedUp {
        match self.sections.get(section) {
            Some(Section::Here(kept)) => {
                match_up(kept.iter().map(|kept| (&*kept.path, kept.key, kept.digest)), entries)
            }
            Some(Section::OnDisk(place)) => {
                let mut from = Reader::new(&self.text[place.clone()]);
                let known = std::iter::from_fn(|| one(&mut from));
                match_up(known.map(|(path, key, digest, _)| (path, key, digest)), entries)
            }
            None => match_up(std::iter::empty(), entries),
        }
    }

    /// Takes in new entries, and what other imks have saved meanwhile, and writes all of it.
    fn save(&mut self, store: &Folder, section: &[u8], new: Vec<Kept>, seen: &[&[u8]]) {
        let text = std::mem::take(&mut self.text);
        let mut all: BTreeMap<Vec<u8>, Vec<Kept>> = BTreeMap::new();
        for (root, section) in std::mem::take(&mut self.sections) {
            let kept = match section {
                Section::Here(entries) => entries,
                Section::OnDisk(place) => kept(&text[place]),
            };
            all.insert(root, kept);
        }
        if store.identity(FILE) != self.loaded
            && let Some(text) = store.read(FILE).map(|(text, _)| text)
        {
            let body = unseal(FORM, &text).unwrap_or_default();
            for (root, place) in places(body).unwrap_or_default() {
                let ours = all.remove(&root).unwrap_or_default();
                all.insert(root, merge(kept(&body[place]), ours));
            }
        }
        let mut merged = merge(all.remove(section).unwrap_or_default(), new);
        let mut seen = seen.iter().peekable();
        merged.retain_mut(|kept| {
            while seen.next_if(|path| ***path < *kept.path).is_some() {}
            kept.age = if seen.peek().is_some_and(|path| **path == &*kept.path) { 0 } else { kept.age + 1 };
            kept.age <= AGE_MAX
        });
        all.insert(section.to_vec(), merged);
        if store.replace(FILE, &seal(FORM, &encode(&all))).is_some() {
            self.loaded = store.identity(FILE);
        }
        self.sections = all.into_iter().map(|(root, kept)| (root, Section::Here(kept))).collect();
        // Sweeps up what an imk that was killed while writing left.
        drop(store.list());
    }
}

/// For each entry its digest, and the indices of the files that have none.
type LookedUp = (Vec<Option<Result<Digest, Fault>>>, Vec<usize>);

/// Finds `entries` among what is `known`, both in order of the paths.
fn match_up<'k>(known: impl Iterator<Item = (&'k [u8], Key, Digest)>, entries: &[Entry]) -> LookedUp {
    let mut known = known.peekable();
    let mut out = Vec::with_capacity(entries.len());
    let mut missing = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let mut found = None;
        if entry.kind == EntryKind::File {
            while let Some((path, key, digest)) = known.next_if(|(path, ..)| **path <= *entry.path) {
                if *path == *entry.path {
                    found = (Key::of(&entry.status) == Some(key)).then_some(Ok(digest));
                }
            }
            if found.is_none() {
                missing.push(at);
            }
        }
        out.push(found);
    }
    (out, missing)
}

/// Both lists in order of the paths; of two entries for one path, the later list's.
fn merge(old: Vec<Kept>, new: Vec<Kept>) -> Vec<Kept> {
    let mut out = Vec::with_capacity(old.len() + new.len());
    let mut old = old.into_iter().peekable();
    for entry in new {
        while let Some(before) = old.next_if(|before| before.path < entry.path) {
            out.push(before);
        }
        old.next_if(|same| same.path == entry.path);
        out.push(entry);
    }
    out.extend(old);
    out
}

fn encode(sections: &BTreeMap<Vec<u8>, Vec<Kept>>) -> Vec<u8> {
    let mut to = Writer::with_capacity(sections.values().map(Vec::len).sum::<usize>() * 112);
    to.small(sections.len() as u64);
    for (root, entries) in sections {
        to.bytes(root);
        to.small(entries.len() as u64);
        for entry in entries {
            to.bytes(&entry.path);
            let Key { size, modified, changed, inode, device } = entry.key;
            for number in [size, modified as u64, changed as u64, inode, device] {
                to.number(number);
            }
            to.digest(&entry.digest);
            to.out.push(entry.age);
        }
    }
    to.out
}

/// Where in `body` the entries under each root stand; nothing where it is none that [`encode`] made.
fn places(body: &[u8]) -> Option<Vec<(Vec<u8>, Range<usize>)>> {
    let mut from = Reader::new(body);
    let found = from.list(|from| {
        let root = from.bytes()?.to_vec();
        let count = from.small()?;
        let start = body.len() - from.left();
        for _ in 0..count {
            one(from)?;
        }
        Some((root, start..body.len() - from.left()))
    })?;
    from.is_at_end().then_some(found)
}

fn one<'b>(from: &mut Reader<'b>) -> Option<(&'b [u8], Key, Digest, u8)> {
    let path = from.bytes()?;
    let key = Key {
        size: from.number()?,
        modified: from.number()? as i64,
        changed: from.number()? as i64,
        inode: from.number()?,
        device: from.number()?,
    };
    Some((path, key, from.digest()?, from.byte()?))
}

/// The entries at a place that [`places`] told.
fn kept(entries: &[u8]) -> Vec<Kept> {
    let mut from = Reader::new(entries);
    let next = || one(&mut from);
    std::iter::from_fn(next)
        .map(|(path, key, digest, age)| Kept { path: path.into(), key, digest, age })
        .collect()
}

#[cfg(test)]
#[path = "digests_tests.rs"]
mod tests;

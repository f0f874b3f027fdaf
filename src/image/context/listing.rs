//! Folders read from disk: the entries of one, and of all below a folder on several threads. Knows no reads and builds no tree.

use super::ignore::{Folder, Ignore};
use super::tree::{EntryKind, Status, status};
use crate::os::threads::{processors, start_scoped};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// An entry of a folder.
pub(super) struct Listed {
    /// Its path from the root.
    pub path: Box<[u8]>,
    /// Where its name begins in the path.
    pub name_at: usize,
    pub kind: EntryKind,
    /// Excluded by the ignore file.
    pub excluded: bool,
    /// What the ignore file needs to know of a folder.
    pub folder: Option<Arc<Folder>>,
    pub status: Option<Status>,
}

/// What a folder holds, in order of the names, and the paths in it that could not be looked at.
#[derive(Default)]
pub(super) struct Listing {
    pub entries: Vec<Listed>,
    pub faults: Vec<(Vec<u8>, Errno)>,
    /// BuildKit's two matchers disagree about an entry.
    pub disputed: bool,
    /// The folder itself was looked at, and has no extended attributes.
    pub bare: bool,
}

/// A folder to read.
pub(super) struct Task {
    /// The caller's number for it.
    pub id: usize,
    /// Its path from the root; empty for the root.
    pub path: Vec<u8>,
    /// What the ignore file knows of it.
    pub folder: Arc<Folder>,
}

/// Where folders are, and what leaves entries out.
#[derive(Clone, Copy)]
pub(super) struct Source<'s> {
    pub root: &'s OwnedFd,
    pub ignore: &'s Ignore,
}

impl Source<'_> {
    /// The entries of a folder. With `look`, each entry that is not excluded is looked at while the folder is open, which is
    /// cheaper than one by one.
    ///
    /// # Errors
    /// It can't be opened or read.
    pub fn list(self, path: &[u8], folder: &Arc<Folder>, look: bool) -> Result<Listing, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let name: &[u8] = if path.is_empty() { b"." } else { path };
        let mut open = Dir::new(rustix::fs::openat(self.root, name, flags, Mode::empty())?)?;
        // All names one behind the other, each with a null behind it, as the system wants them.
        let mut names: Vec<u8> = Vec::with_capacity(1024);
        let mut found: Vec<(std::ops::Range<usize>, FileType)> = Vec::new();
        while let Some(entry) = open.read() {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                let start = names.len();
                names.extend_from_slice(name.to_bytes_with_nul());
                found.push((start..names.len(), entry.file_type()));
            }
        }
        let fd = open.fd()?;
        found.sort_unstable_by(|a, b| names[a.0.clone()].cmp(&names[b.0.clone()]));
        let mut full = path.to_vec();
        if !full.is_empty() {
            full.push(b'/');
        }
        let start = full.len();
        let bare = look && matches!(rustix::fs::flistxattr(fd, &mut [0u8; 0][..]), Ok(0) | Err(_));
        let mut listing = Listing { entries: Vec::with_capacity(found.len()), bare, ..Listing::default() };
        for (place, kind) in found {
            let Ok(name) = CStr::from_bytes_with_nul(&names[place]) else { continue };
            full.truncate(start);
            full.extend_from_slice(name.to_bytes());
            let (kind, mut status) = match EntryKind::of(kind) {
                Some(kind) => (kind, None),
                None => match listing.stat(fd, name, &full) {
                    Some((kind, status)) => (kind, Some(status)),
                    None => continue,
                },
            };
            let (excluded, known) = if self.ignore.is_empty() {
                (false, (kind == EntryKind::Folder).then(|| Arc::clone(folder)))
            } else if kind == EntryKind::Folder {
                let (verdict, known) = self.ignore.folder(folder, &full);
                listing.disputed |= verdict.is_disputed();
                (verdict.excluded(), Some(Arc::new(known)))
            } else {
                let verdict = self.ignore.entry(folder, &full);
                listing.disputed |= verdict.is_disputed();
                (verdict.excluded(), None)
            };
            if look && !excluded && status.is_none() {
                status = listing.stat(fd, name, &full).map(|(_, status)| status);
                if status.is_none() {
                    continue;
                }
            }
            let path = full.as_slice().into();
            listing.entries.push(Listed { path, name_at: start, kind, excluded, folder: known, status });
        }
        Ok(listing)
    }
}

impl Listing {
    fn stat(&mut self, folder: BorrowedFd<'_>, name: &CStr, path: &[u8]) -> Option<(EntryKind, Status)> {
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
}

/// What was read of a task.
pub(super) type Answer = (Task, Result<Listing, Errno>);

/// Threads are started once this many folders wait to be read.
const WORTH_THREADS: usize = 16;
const MOST_THREADS: usize = 8;

/// The folders that wait to be read; none ever again once it is closed.
#[derive(Default)]
struct Queue {
    state: Mutex<(VecDeque<Task>, bool)>,
    more: Condvar,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, (VecDeque<Task>, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `tasks` in, and wakes those that wait for some where there are any.
    fn put(&self, tasks: Vec<Task>, helped: bool) {
        let count = tasks.len();
        self.state().0.extend(tasks);
        match count {
            0 => {}
            _ if !helped => {}
            1 => self.more.notify_one(),
            _ => self.more.notify_all(),
        }
    }

    /// One that waits now.
    fn waiting(&self) -> Option<Task> {
        self.state().0.pop_front()
    }

    fn len(&self) -> usize {
        self.state().0.len()
    }

    /// The next one, waited for; none once it is closed.
    fn take(&self) -> Option<Task> {
        let mut state = self.state();
        loop {
            if state.1 {
                return None;
            }
            match state.0.pop_front() {
                Some(task) => return Some(task),
                None => state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn close(&self) {
        self.state().1 = true;
        self.more.notify_all();
    }
}

/// Closes a queue, however its user ends: whoever waits for more would wait for ever.
struct Closing<'q>(&'q Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Reads the folders of `first`, looks at each entry, and gives what it finds to `enter`, in no certain order; the folders
/// that `enter` names are read too.
pub(super) fn all(source: Source<'_>, first: Vec<Task>, mut enter: impl FnMut(Answer) -> Vec<Task>) {
    let threads = processors().min(MOST_THREADS);
    let queue = Queue::default();
    let mut owed = first.len();
    queue.put(first, false);
    let read = |task: Task| {
        let found = source.list(&task.path, &task.folder, true);
        (task, found)
    };
    std::thread::scope(|scope| {
        let _closing = Closing(&queue);
        let (sender, answers): (Sender<Answer>, Receiver<Answer>) = channel();
        let mut helpers = 1;
        while owed > 0 {
            // What others have read goes first: it may name more folders for them.
            let answer = match answers.try_recv() {
                Ok(answer) => answer,
                Err(_) => match queue.waiting() {
                    Some(task) => read(task),
                    None => match answers.recv() {
                        Ok(answer) => answer,
                        Err(_) => break,
                    },
                },
            };
            let next = enter(answer);
            owed = owed - 1 + next.len();
            queue.put(next, helpers > 1);
            while queue.len() >= WORTH_THREADS && helpers < threads {
                let (sender, queue) = (sender.clone(), &queue);
                let work = move || {
                    while let Some(task) = queue.take() {
                        if sender.send(read(task)).is_err() {
                            return;
                        }
                    }
                };
                // A thread that can't be had is done without.
                match start_scoped(scope, work) {
                    Some(_) => helpers += 1,
                    None => helpers = threads,
                }
            }
        }
    });
}

//! The journal's folder and files: private, locked, flushed. Knows nothing of what the records mean.

use super::{FOLDER, JournalError};
use crate::base::sorting;
use crate::base::tables::Seeded;
use crate::os::files::{ignore_all, open_own, read_bounded};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use std::ffi::OsStr;
use std::fs::File;
use std::hash::BuildHasher;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Largest journal that is read, in bytes.
const SIZE_MAX: u64 = 64 * 1024 * 1024;
/// How often the folder is made anew where others remove it meanwhile.
const ATTEMPTS: u32 = 16;
/// How journals' names begin.
const PREFIX: &[u8] = b"journal-";

/// The folder `.imk`, open, so that nobody can put another in its place meanwhile.
pub(super) struct Folder {
    handle: File,
    /// The folder that imk runs in.
    pub directory: PathBuf,
}

/// A journal whose run is dead: its lock is held by this process from here on.
pub(super) struct Dead {
    pub name: String,
    pub text: Vec<u8>,
    /// The run's last sign of life, in seconds since 1970.
    pub alive_until: i64,
    /// Number of the file's inode.
    pub inode: u64,
    /// Holds the lock.
    file: File,
}

impl Dead {
    /// Adds a record. It begins with a newline, so that a torn record before it stays apart.
    pub fn append(&mut self, line: &[u8]) -> Result<(), JournalError> {
        let fault = |fault: std::io::Error| JournalError::Write(fault.into());
        self.file.seek(SeekFrom::End(0)).map_err(fault)?;
        append(&mut self.file, &[b"\n", line].concat())
    }
}

/// 128 bits that nobody can foresee, as hexadecimal digits: from the system's generator, or from this process's own seed where no file
/// can be opened, since a run without a token has nothing removed.
pub(super) fn token() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut bytes = [0; 16];
    if File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes)).is_err() {
        let moment =
            (std::process::id(), std::time::SystemTime::now(), COUNT.fetch_add(1, Ordering::Relaxed));
        for (half, part) in bytes.chunks_mut(8).enumerate() {
            part.copy_from_slice(&Seeded.hash_one((half, moment)).to_ne_bytes());
        }
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Appends a line and waits until it is on disk.
pub(super) fn append(file: &mut File, line: &[u8]) -> Result<(), JournalError> {
    file.write_all(line).map_err(|fault| JournalError::Write(fault.into()))?;
    file.sync_data().map_err(|fault| JournalError::Write(fault.into()))
}

/// Number of the file's inode: on its file system no other file has it as long as this one is there.
#[allow(clippy::useless_conversion)] // Its type differs between systems.
pub(super) fn inode(file: &File) -> Result<u64, JournalError> {
    let status = rustix::fs::fstat(file).map_err(|fault| JournalError::Create(fault.into()))?;
    Ok(status.st_ino.into())
}

/// Sets the file's time to now.
pub(super) fn touch(file: &File) -> Result<(), JournalError> {
    file.set_modified(std::time::SystemTime::now()).map_err(|fault| JournalError::Write(fault.into()))
}

impl Folder {
    /// Opens `.imk` in `directory`, made where it is missing, with a `.gitignore` that ignores all of it.
    pub fn make(directory: &Path) -> Result<Folder, JournalError> {
        let path = directory.join(FOLDER);
        match rustix::fs::mkdir(&path, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(fault) => return Err(JournalError::Folder(path, fault.into())),
        }
        let folder =
            Folder::open(directory)?.ok_or(JournalError::Folder(path, ErrorKind::NotFound.into()))?;
        ignore_all(&folder.handle);
        Ok(folder)
    }

    /// Opens `.imk` in `directory` and makes this run's journal in it. A run that ends removes the folder where it is idle;
    /// where that comes between the two, the folder is made again.
    pub fn make_with_journal(directory: &Path, token: &str) -> Result<(Folder, File, String), JournalError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let attempt = Folder::make(directory)
                .and_then(|folder| folder.create(token).map(|(file, name)| (folder, file, name)));
            match attempt {
                Err(JournalError::Create(fault) | JournalError::Folder(_, fault))
                    if fault.kind() == ErrorKind::NotFound && attempts < ATTEMPTS => {}
                result => return result,
            }
        }
    }

    /// Removes the folder if nothing is in it but the file that has it ignored. Whoever has just put something there keeps
    /// it.
    pub fn remove_if_idle(&self) {
        let _ = self.locked(|| {
            let entries = rustix::fs::Dir::read_from(&self.handle)
                .map_err(|fault| JournalError::Write(fault.into()))?;
            let idle = entries
                .filter_map(Result::ok)
                .all(|entry| matches!(entry.file_name().to_bytes(), b"." | b".." | b".gitignore"));
            let path = self.directory.join(FOLDER);
            let same = match (rustix::fs::lstat(&path), rustix::fs::fstat(&self.handle)) {
                (Ok(there), Ok(own)) => (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino),
                _ => false,
            };
            if idle && same && self.ignores() {
                self.remove(".gitignore");
                if rustix::fs::rmdir(&path).is_err() {
                    ignore_all(&self.handle);
                }
            }
            Ok(())
        });
    }

    /// Whether the file that has the folder ignored is as it was made: what someone wrote there stays.
    fn ignores(&self) -> bool {
        match open_own(&self.handle, ".gitignore", OFlags::RDONLY, Mode::empty()) {
            // Empty where the disk was full.
            Ok((file, _)) => read_bounded(file, 16).is_ok_and(|text| b"*\n".starts_with(&text)),
            Err(fault) => fault == rustix::io::Errno::NOENT,
        }
    }

    /// Opens `.imk` in `directory`; none where there is none.
    pub fn open(directory: &Path) -> Result<Option<Folder>, JournalError> {
        let path = directory.join(FOLDER);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(handle) => handle,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(fault) => return Err(JournalError::Folder(path, fault.into())),
        };
        let status =
            rustix::fs::fstat(&handle).map_err(|fault| JournalError::Folder(path.clone(), fault.into()))?;
        if status.st_uid != rustix::process::geteuid().as_raw() {
            return Err(JournalError::Foreign(path));
        }
        Ok(Some(Folder { handle: File::from(handle), directory: directory.to_owned() }))
    }

    /// Holds the folder's lock while `inner` runs, so that no reaper sees a journal between its making and its locking.
    fn locked<T>(&self, inner: impl FnOnce() -> Result<T, JournalError>) -> Result<T, JournalError> {
        let fault = |fault: rustix::io::Errno| JournalError::Create(fault.into());
        rustix::io::retry_on_intr(|| rustix::fs::flock(&self.handle, FlockOperation::LockExclusive))
            .map_err(fault)?;
        let result = inner();
        rustix::fs::flock(&self.handle, FlockOperation::Unlock).map_err(fault)?;
        result
    }

    /// Makes this run's journal, named by its process, that process's start and its token, and locks it.
    pub fn create(&self, token: &str) -> Result<(File, String), JournalError> {
        let name = format!("journal-{}-{}-{token}", std::process::id(), start_time());
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::APPEND;
        let file = self.locked(|| {
            let made = open_own(&self.handle, &name, flags, Mode::RUSR | Mode::WUSR);
            let (file, _) = made.map_err(|fault| JournalError::Create(fault.into()))?;
            let locked = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
            locked.map_err(|fault| JournalError::Create(fault.into()))?;
            Ok(file)
        })?;
        // The file's name must outlive a power cut as its records do.
        self.handle.sync_all().map_err(|fault| JournalError::Create(fault.into()))?;
        Ok((file, name))
    }

    /// Removes a file of the folder; one that is gone already is as good.
    pub fn remove(&self, name: &str) {
        let _ = rustix::fs::unlinkat(&self.handle, name, AtFlags::empty());
    }

    /// The journals of runs that are dead, each locked now. Those of live runs, and files that are no journal of this
    /// user's, are passed over.
    pub fn dead(&self) -> Result<Vec<Dead>, JournalError> {
        let names = self.names()?;
        self.locked(|| Ok(names.iter().filter_map(|name| self.dead_journal(name)).collect()))
    }

    fn names(&self) -> Result<Vec<String>, JournalError> {
        let path = || self.directory.join(FOLDER);
        let entries = rustix::fs::Dir::read_from(&self.handle);
        let entries = entries.map_err(|fault| JournalError::Folder(path(), fault.into()))?;
        let names = entries.filter_map(Result::ok).map(|entry| entry.file_name().to_bytes().to_vec());
        let own =
            names.filter(|name| name.starts_with(PREFIX)).filter_map(|name| String::from_utf8(name).ok());
        let mut own: Vec<String> = own.collect();
        sorting::sort(&mut own);
        Ok(own)
    }

    fn dead_journal(&self, name: &str) -> Option<Dead> {
        let (file, status) = open_own(&self.handle, name, OFlags::RDWR, Mode::empty()).ok()?;
        let own = status.st_uid == rustix::process::geteuid().as_raw();
        // As it was made: what others may write, or came with a checkout, is none.
        let private = status.st_mode & 0o077 == 0;
        if !own || !private {
            return None;
        }
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        // Its time is read under the lock: the run gives no more signs of life.
        let alive_until = rustix::fs::fstat(&file).ok()?.st_mtime;
        let inode = inode(&file).ok()?;
        let text = read_bounded(&file, SIZE_MAX).ok()?;
        Some(Dead { name: name.to_owned(), text, alive_until, inode, file })
    }
}

/// Removes a temporary file or folder of a run: only where its name holds the run's token.
pub(super) fn remove_temporary(directory: &Path, path: &Path, token: &str) -> Option<std::io::Result<()>> {
    let name = path.file_name().map(OsStr::as_bytes)?;
    let holds = token.len() == 32 && memchr::memmem::find(name, token.as_bytes()).is_some();
    let path = directory.join(path);
    let is_folder = || std::fs::symlink_metadata(&path).is_ok_and(|status| status.is_dir());
    holds.then(|| if is_folder() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) })
}

/// When this process was started, in the kernel's ticks since boot; 0 where it can't be told. With the process id it
/// names a process for good.
fn start_time() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name in brackets, which may hold blanks; the start is the 22nd.
    let after_name = text.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    after_name.split_whitespace().nth(19).and_then(|field| field.parse().ok()).unwrap_or(0)
}

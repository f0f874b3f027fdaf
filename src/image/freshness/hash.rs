//! Digests of files' contents, read from disk, on several threads where that pays. Follows no link; keeps nothing.

use super::codec::{Digest, Writer};
use crate::base::sorting;
use crate::image::context::{Entry, Status};
use crate::os::interruption;
use crate::os::threads::start_scoped;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Why a file has no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It can't be read: the system's error number.
    Unreadable(i32),
    /// It is not the file that was looked at, or it changed while it was read.
    Changing,
}

/// Fewer files than this are read on one thread.
const WORTH_THREADS: usize = 32;
const MOST_THREADS: usize = 8;
const BUFFER: usize = 128 * 1024;

/// The digests of the files `wanted` among `entries` of the context at `root`, in order.
pub(super) fn files(root: &Path, entries: &[Entry], wanted: &[usize]) -> Vec<Result<Digest, Fault>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = match rustix::fs::open(root, flags, Mode::empty()) {
        Ok(root) => root,
        Err(errno) => return vec![Err(unreadable(errno)); wanted.len()],
    };
    let threads = match wanted.len() {
        0..WORTH_THREADS => 1,
        _ => std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS),
    };
    if threads < 2 {
        let mut buffer = vec![0; BUFFER];
        return wanted.iter().map(|&at| one(&root, &entries[at], &mut buffer)).collect();
    }
    let next = AtomicUsize::new(0);
    let mut out = vec![Err(Fault::Changing); wanted.len()];
    std::thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            let mut buffer = vec![0; BUFFER];
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(&entry) = wanted.get(at) else { return done };
                done.push((at, one(&root, &entries[entry], &mut buffer)));
            }
        };
        // This thread works as well, so that all is done where others are not to be had.
        let others: Vec<_> = (1..threads).map_while(|_| start_scoped(scope, work)).collect();
        let own = work();
        let others = others.into_iter().filter_map(|thread| thread.join().ok());
        for done in own.into_iter().chain(others.flatten()) {
            out[done.0] = done.1;
        }
    });
    out
}

fn unreadable(errno: Errno) -> Fault {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Fault::Changing,
        other => Fault::Unreadable(other.raw_os_error()),
    }
}

fn one(root: &OwnedFd, entry: &Entry, buffer: &mut [u8]) -> Result<Digest, Fault> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(root, entry.path.as_slice(), flags, Mode::empty()).map_err(unreadable)?;
    if !is_as_seen(&file, &entry.status)? {
        return Err(Fault::Changing);
    }
    let mut file = File::from(file);
    let mut hasher = blake3::Hasher::new();
    loop {
        // Of a file of many gigabytes nobody waits for the end.
        if interruption::has_come() {
            return Err(Fault::Changing);
        }
        match file.read(buffer) {
            Ok(0) => break,
            Ok(count) => drop(hasher.update(&buffer[..count])),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Fault::Unreadable(error.raw_os_error().unwrap_or(0))),
        }
    }
    let content = Digest(*hasher.finalize().as_bytes());
    let content = with_attributes(content, attributes(&file));
    // What was written meanwhile may be read in part.
    if is_as_seen(&file, &entry.status)? { Ok(content) } else { Err(Fault::Changing) }
}

#[allow(clippy::unnecessary_cast)] // The fields' types differ between systems.
fn is_as_seen(file: impl AsFd, seen: &Status) -> Result<bool, Fault> {
    let status = rustix::fs::fstat(file).map_err(unreadable)?;
    let time = |seconds: i64, nanoseconds: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    Ok(FileType::from_raw_mode(status.st_mode) == FileType::RegularFile
        && (status.st_dev as u64, status.st_ino as u64) == (seen.device, seen.inode)
        && u64::try_from(status.st_size) == Ok(seen.size)
        && time(status.st_mtime as i64, status.st_mtime_nsec as i64) == seen.modified
        && time(status.st_ctime as i64, status.st_ctime_nsec as i64) == seen.changed)
}

/// A digest of content and extended attributes: current BuildKit sends both (`fsutil`'s `loadXattr`).
fn with_attributes(content: Digest, attributes: Vec<(Vec<u8>, Vec<u8>)>) -> Digest {
    if attributes.is_empty() {
        return content;
    }
    let mut to = Writer::default();
    to.bytes(b"extended attributes");
    to.digest(&content);
    for (name, value) in attributes {
        to.bytes(&name);
        to.bytes(&value);
    }
    Digest::of(&to.out)
}

/// The extended attributes of an open file, sorted. A file system without them has none.
fn attributes(file: &File) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut out = Vec::new();
    let Ok(length) = rustix::fs::flistxattr(file, &mut [0u8; 0][..]) else { return out };
    if length == 0 {
        return out;
    }
    let mut names = vec![0u8; length];
    let Ok(length) = rustix::fs::flistxattr(file, &mut names[..]) else { return out };
    names.truncate(length);
    for name in names.split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        let Ok(length) = rustix::fs::fgetxattr(file, name, &mut [0u8; 0][..]) else { continue };
        let mut value = vec![0u8; length];
        let length = rustix::fs::fgetxattr(file, name, &mut value[..]).unwrap_or(0);
        value.truncate(length);
        out.push((name.to_vec(), value));
    }
    sorting::sort(&mut out);
    out
}

/// Digest of a folder's extended attributes; that of nothing where it has none.
pub(super) fn folder(root: &Path, entry: &Entry) -> Digest {
    use std::os::unix::ffi::OsStrExt;
    if entry.bare {
        return Digest::default();
    }
    let path = root.join(std::ffi::OsStr::from_bytes(&entry.path));
    // Most have none, which one call tells without opening the folder.
    if matches!(rustix::fs::llistxattr(&path, &mut [0u8; 0][..]), Ok(0) | Err(_)) {
        return Digest::default();
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::open(&path, flags, Mode::empty()) {
        Ok(folder) => with_attributes(Digest::default(), attributes(&File::from(folder))),
        Err(_) => Digest::default(),
    }
}

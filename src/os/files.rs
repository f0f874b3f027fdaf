//! Files and their modification times. Knows nothing of targets or prerequisites.

use crate::os::{interruption, sys};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// A modification time in nanoseconds since the epoch, counted from three, or one of make's special values. Later is greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mtime(pub u64);

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;
/// The last second that make's times hold; it keeps 34 bits of them.
const LAST_SECOND: i64 = (1 << 34) - 1;

impl Mtime {
    /// Not looked up yet.
    pub const UNKNOWN: Mtime = Mtime(0);
    /// The file does not exist.
    pub const ABSENT: Mtime = Mtime(1);
    /// Older than anything (`-o`).
    pub const OLD: Mtime = Mtime(2);
    /// The first nanosecond of the epoch.
    const FIRST: Mtime = Mtime(3);
    /// What stands for a time before the epoch, or after the last second.
    pub const OUT_OF_RANGE: Mtime = Mtime(Mtime::FIRST.0 + LAST_SECOND as u64 * SECOND + SECOND - 1);
    /// Newer than anything (`-W`).
    pub const NEW: Mtime = Mtime(u64::MAX);

    /// A time of seconds and nanoseconds.
    pub fn new(seconds: i64, nanoseconds: i64) -> Mtime {
        match (u64::try_from(seconds), u64::try_from(nanoseconds)) {
            (Ok(whole), Ok(part)) if seconds <= LAST_SECOND && part < SECOND => {
                Mtime(Mtime::FIRST.0 + whole * SECOND + part)
            }
            _ => Mtime::OUT_OF_RANGE,
        }
    }

    /// Whether this is the time of a file, and none of the special values.
    pub fn is_ordinary(self) -> bool {
        self > Mtime::OLD && self < Mtime::NEW
    }

    /// The nanoseconds within the second.
    pub fn nanoseconds(self) -> u64 {
        self.0.saturating_sub(Mtime::FIRST.0) % SECOND
    }

    /// The whole seconds since the epoch.
    pub fn seconds(self) -> i64 {
        (self.0.saturating_sub(Mtime::FIRST.0) / SECOND) as i64
    }

    /// The time of day now.
    pub fn now() -> Mtime {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Mtime::new(now.as_secs() as i64, i64::from(now.subsec_nanos()))
    }

    /// Date and time as people read it, with the fraction of the second (`2026-11-22 09:30:00.125`).
    pub fn to_text(self) -> String {
        // The largest number that make's type holds, read as a time.
        let (seconds, nanoseconds) = match self {
            Mtime::NEW => (LAST_SECOND, 107_374_182),
            time => (time.seconds(), time.nanoseconds()),
        };
        let base = match sys::local_time(seconds) {
            Some((year, month, day, hour, minute, second)) => {
                format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
            }
            None => seconds.to_string(),
        };
        let fraction = format!("{nanoseconds:09}");
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() { base } else { format!("{base}.{fraction}") }
    }
}

/// What one look at a file found.
pub enum Look {
    /// It is there.
    Found(Mtime),
    /// It is not, or a part of its path is no folder.
    Absent,
    /// The system refused, with this error number.
    Failed(i32),
}

fn stat_time(stat: &rustix::fs::Stat) -> Mtime {
    Mtime::new(stat.st_mtime, stat.st_mtime_nsec as i64)
}

/// Looks up the modification time of `path`, following symbolic links.
pub fn look(path: &[u8]) -> Look {
    loop {
        match rustix::fs::stat(path) {
            Ok(stat) => return Look::Found(stat_time(&stat)),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Look::Absent,
            Err(error) => return Look::Failed(error.raw_os_error()),
        }
    }
}

/// What tells the file at `path` from all others, symbolic links followed: its device and inode. None where it is not there.
#[allow(clippy::unnecessary_cast)] // The fields' types differ between systems.
pub fn identity(path: &[u8]) -> Option<(u64, u64)> {
    rustix::fs::stat(path).ok().map(|stat| (stat.st_dev as u64, stat.st_ino as u64))
}

/// The newest time among `path` and the symbolic links on the way to it (`-L`); `time` is the time of the file itself.
/// An error number comes with the path at fault.
pub fn newest_of_links(path: &[u8], time: Mtime) -> (Mtime, Option<(&'static str, Vec<u8>, i32)>) {
    let mut newest = time;
    let mut path = path.to_vec();
    for _ in 0..64 {
        let stat = match rustix::fs::lstat(&path[..]) {
            Ok(stat) => stat,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => break,
            Err(error) => return (newest, Some(("lstat: ", path, error.raw_os_error()))),
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            break;
        }
        newest = newest.max(stat_time(&stat));
        let target = match rustix::fs::readlink(&path[..], Vec::new()) {
            Ok(target) => target.into_bytes(),
            Err(error) => return (newest, Some(("readlink: ", path, error.raw_os_error()))),
        };
        let folder = memchr::memrchr(b'/', &path);
        path = match folder {
            Some(slash) if target.first() != Some(&b'/') => [&path[..=slash], &target].concat(),
            _ => target,
        };
    }
    (newest, None)
}

/// The time of `path` where it is a regular file; none where it is another thing, or nothing is there.
///
/// # Errors
/// The system's number: it can't be told what is there.
pub fn regular_file(path: &[u8]) -> Result<Option<Mtime>, i32> {
    match rustix::fs::stat(path) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
            Ok(Some(stat_time(&stat)))
        }
        Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error.raw_os_error()),
    }
}

/// Whether `path` is a folder.
pub fn is_folder(path: &[u8]) -> bool {
    rustix::fs::stat(path).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// Whether `path` is a file that may be executed; none where nothing is there.
pub fn is_executable(path: &[u8]) -> Option<bool> {
    let stat = rustix::fs::stat(path).ok()?;
    Some(
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && rustix::fs::accessat(CWD, path, rustix::fs::Access::EXEC_OK, AtFlags::EACCESS).is_ok(),
    )
}

/// Makes `path` exist with the time of now, its content kept. The error names the call that failed.
pub fn touch(path: &[u8]) -> Result<(), (&'static str, i32)> {
    let file =
        rustix::fs::open(path, OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC, Mode::from_raw_mode(0o666))
            .map_err(|error| ("touch: open: ", error.raw_os_error()))?;
    let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
    rustix::fs::futimens(&file, &rustix::fs::Timestamps { last_access: now, last_modification: now })
        .map_err(|error| ("touch: utime: ", error.raw_os_error()))
}

/// Why a file's text can't be had; a system's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It can't be opened.
    Open(i32),
    /// It was opened, and can't be read.
    Read(i32),
}

/// A file, open, and the whole of its text. The error is `EINTR` where it is a pipe, and a fatal signal came that is yet to be taken.
pub fn open_and_read(path: &[u8]) -> Result<(File, Vec<u8>), ReadError> {
    let number = |error: &std::io::Error| error.raw_os_error().unwrap_or(libc::EIO);
    let mut file = loop {
        match rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
            Err(Errno::INTR) if !interruption::has_come() => {}
            opened => break File::from(opened.map_err(|error| ReadError::Open(error.raw_os_error()))?),
        }
    };
    let length = file.metadata().map_or(0, |data| data.len());
    let mut text = Vec::with_capacity(usize::try_from(length).unwrap_or(0).min(1 << 30) + 1);
    match interruption::read_to_end_of(&mut file, &mut text) {
        Ok(true) => Ok((file, text)),
        Ok(false) => Err(ReadError::Read(libc::EINTR)),
        Err(error) => Err(ReadError::Read(number(&error))),
    }
}

/// The folder for what is made for the time of a run.
pub struct TemporaryFolder {
    /// Where it is.
    pub path: PathBuf,
    /// Variables whose value is no folder: name, value, and the error of looking at it, or none where it is something else.
    pub rejected: Vec<(&'static str, OsString, Option<i32>)>,
}

/// The longest text that is read of a file that others name: a Dockerfile, an ignore file, a lock file, a file of variables. In bytes.
pub const TEXT_MAX: u64 = 16 << 20;

/// The whole of `source`.
///
/// # Errors
/// The source's own; `EFBIG` where it has more than `most` bytes. No more than one more is taken in.
pub fn read_bounded(source: impl Read, most: u64) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    source.take(most.saturating_add(1)).read_to_end(&mut text)?;
    if text.len() as u64 > most { Err(rustix::io::Errno::FBIG.into()) } else { Ok(text) }
}

/// The text of a file that a person named on the command line, up to [`TEXT_MAX`] bytes: a pipe is waited for as it may be meant
/// (`<(…)`), what has no end is refused.
pub fn read_ending(path: &[u8]) -> Result<Vec<u8>, ReadError> {
    let number = |error: &std::io::Error| error.raw_os_error().unwrap_or(libc::EIO);
    let file = File::open(OsStr::from_bytes(path)).map_err(|error| ReadError::Open(number(&error)))?;
    read_bounded(file, TEXT_MAX).map_err(|error| ReadError::Read(number(&error)))
}

/// Has git ignore all that is in `folder`, where it does not say yet what it ignores. Without that a folder serves as well: a failure is none.
pub fn ignore_all(folder: impl std::os::fd::AsFd) {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    let readable = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
    if let Ok((mut file, _)) = open_own(folder, ".gitignore", flags, readable) {
        let _ = file.write_all(b"*\n");
    }
}

/// Opens file `name` of `folder`, one that imk itself wrote there or is about to: with `flags`, and `mode` where it is made. No link is
/// followed, and nothing is waited for.
///
/// # Errors
/// The system's; `EINVAL` where it is no regular file, and where it has a second name, by which it may be anybody's.
pub fn open_own(
    folder: impl std::os::fd::AsFd,
    name: &str,
    flags: OFlags,
    mode: Mode,
) -> Result<(File, rustix::fs::Stat), rustix::io::Errno> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, mode)?;
    let status = rustix::fs::fstat(&file)?;
    let is_file = FileType::from_raw_mode(status.st_mode) == FileType::RegularFile;
    if is_file && status.st_nlink == 1 {
        Ok((File::from(file), status))
    } else {
        Err(rustix::io::Errno::INVAL)
    }
}

/// The content of the regular file at `path`, up to [`TEXT_MAX`] bytes. What is no such file gives nothing that could be read twice, or
/// has no end: it is an error, and is not waited for.
pub fn read_regular(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    read_regular_within(path, TEXT_MAX)
}

/// As [`read_regular`], up to `most` bytes.
pub fn read_regular_within(path: &std::path::Path, most: u64) -> std::io::Result<Vec<u8>> {
    use std::os::unix::fs::OpenOptionsExt;
    let kind = std::fs::metadata(path)?;
    if !kind.is_file() {
        let error = if kind.is_dir() { rustix::io::Errno::ISDIR } else { rustix::io::Errno::INVAL };
        return Err(error.into());
    }
    // It may be something else by now.
    let flags = OFlags::NONBLOCK.bits() as i32;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => read_bounded(file, most),
        false => Err(rustix::io::Errno::INVAL.into()),
    }
}

/// The text of a makefile once more, of which no more than places and descriptions are wanted: what can't be read twice has none.
pub fn read_again(path: &[u8]) -> std::io::Result<Vec<u8>> {
    const MAKEFILE_MAX: u64 = 1 << 30;
    read_regular_within(std::path::Path::new(OsStr::from_bytes(path)), MAKEFILE_MAX)
}

/// Opens `path` to be written at its end: made anew, or with `go_on` as far as it was written.
///
/// # Errors
/// The system's number.
pub fn create(path: &[u8], go_on: bool) -> Result<File, i32> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    let opened = options.open(OsStr::from_bytes(path)).and_then(|file| {
        let regular = file.metadata()?.is_file();
        if regular && !go_on { file.set_len(0).map(|()| file) } else { Ok(file) }
    });
    opened.map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))
}

/// Finds the folder for what is made for the time of a run (manual, "Temporary Files").
pub fn temporary_folder() -> TemporaryFolder {
    let mut rejected = Vec::new();
    for variable in ["MAKE_TMPDIR", "TMPDIR"] {
        let Some(value) = std::env::var_os(variable).filter(|value| !value.is_empty()) else { continue };
        match std::fs::metadata(&value) {
            Ok(data) if data.is_dir() => return TemporaryFolder { path: value.into(), rejected },
            Ok(_) => rejected.push((variable, value, None)),
            Err(error) => rejected.push((variable, value, Some(error.raw_os_error().unwrap_or(libc::EIO)))),
        }
    }
    TemporaryFolder { path: PathBuf::from("/tmp"), rejected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_refused() {
        assert_eq!(read_bounded(&b"abc"[..], 3).ok().as_deref(), Some(&b"abc"[..]));
        let fault = |error: std::io::Error| error.raw_os_error();
        assert_eq!(read_bounded(&b"abcd"[..], 3).map_err(fault), Err(Some(libc::EFBIG)));
        assert_eq!(read_ending(b"/dev/zero"), Err(ReadError::Read(libc::EFBIG)));
        let zero = read_regular(std::path::Path::new("/dev/zero"));
        assert_eq!(zero.map_err(fault), Err(Some(libc::EINVAL)));
        let place = tempfile::tempdir().expect("a folder");
        let large = place.path().join("large");
        File::create(&large).and_then(|file| file.set_len(TEXT_MAX + 1)).expect("a file");
        assert_eq!(read_regular(&large).map_err(fault), Err(Some(libc::EFBIG)));
    }

    #[test]
    fn an_own_file_is_a_file_and_nothing_else() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = File::open(place.path()).expect("a folder");
        let path = |name: &str| place.path().join(name);
        std::fs::write(path("file"), "x").expect("a file");
        std::fs::write(path("one"), "x").expect("a file");
        std::fs::hard_link(path("one"), path("two")).expect("a name");
        std::os::unix::fs::symlink("file", path("link")).expect("a link");
        std::fs::create_dir(path("folder")).expect("a folder");
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).expect("a socket");
        rustix::fs::mknodat(&folder, "pipe", FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
        for flags in [OFlags::RDONLY, OFlags::RDWR, OFlags::WRONLY | OFlags::CREATE] {
            assert!(open_own(&folder, "file", flags, Mode::RUSR).is_ok());
            for name in ["one", "two", "link", "folder", "socket", "pipe"] {
                assert!(open_own(&folder, name, flags, Mode::RUSR).is_err(), "{name} {flags:?}");
            }
        }
    }
}

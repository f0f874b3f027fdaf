//! The jobserver: tokens in a pipe that a make, its sub-makes and other tools share, one for each further job that
//! may run at once. Knows nothing of jobs, nor of what is done where no jobserver can be had.
//!
//! Protocol: GNU make manual, "POSIX Jobserver Interaction". Every member has one job free, without a token, so the
//! pipe of `-j N` holds N - 1.

use crate::base::system_error::SystemError;
use crate::os::sys::wait::wait_readable;
use rustix::fs::{CWD, FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, fstat, mkfifoat, open, unlink};
use rustix::io::{Errno, FdFlags, fcntl_setfd, read, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How members find the pipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// By the name of a fifo: the default where there are fifos.
    #[default]
    Fifo,
    /// By inherited descriptors.
    Pipe,
}

impl Style {
    /// The style of a `--jobserver-style` value, if it is one.
    pub fn parse(text: &[u8]) -> Option<Style> {
        match text {
            b"fifo" => Some(Style::Fifo),
            b"pipe" => Some(Style::Pipe),
            _ => None,
        }
    }
}

/// What went wrong with a jobserver of ours, or one that had been joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The fifo could not be made.
    Make(PathBuf, Errno),
    /// The fifo could not be opened.
    Open(PathBuf, Errno),
    /// The pipe could not be made.
    Pipe(Errno),
    /// The first tokens could not be written.
    Fill(Errno),
    /// Waiting for a token failed.
    Wait(Errno),
    /// Reading a token failed.
    Read(Errno),
    /// Giving a token back failed.
    Write(Errno),
    /// The fifo could not be removed.
    Remove(PathBuf, Errno),
    /// Nobody holds the pipe's other end any more.
    ShutDown,
}

/// Why the parent's jobserver cannot be joined. GNU make warns then and goes on with one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// The parent did not take this process for a make, and said so (`-2,-2`).
    NotPassedOn,
    /// The descriptors are closed, or are no pipe's.
    NoPipe,
    /// The fifo could not be opened.
    Open(PathBuf, Errno),
    /// This is neither `fifo:PATH` nor `R,W`.
    Syntax(Vec<u8>),
}

/// The text of `error`, in GNU make's words.
pub fn message(error: &Error) -> Vec<u8> {
    let plain = |what: &str, errno: &Errno| format!("{what}: {}", SystemError::from(*errno)).into_bytes();
    match error {
        Error::Make(path, errno) => with_path("jobserver mkfifo: ", path, errno),
        Error::Open(path, errno) => with_path("cannot open jobserver ", path, errno),
        Error::Pipe(errno) => plain("creating jobs pipe", errno),
        Error::Fill(errno) => plain("init jobserver pipe", errno),
        Error::Wait(errno) => plain("pselect jobs pipe", errno),
        Error::Read(errno) => plain("read jobs pipe", errno),
        Error::Write(errno) => plain("write jobserver", errno),
        Error::Remove(path, errno) => with_path("jobserver is left: ", path, errno),
        Error::ShutDown => b"job server shut down".to_vec(),
    }
}

/// What is said of `unavailable` before the warning that it costs the parallel jobs; nothing where that warning is
/// all.
pub fn complaint(unavailable: &Unavailable) -> Option<Vec<u8>> {
    match unavailable {
        Unavailable::NotPassedOn | Unavailable::NoPipe => None,
        Unavailable::Open(path, errno) => Some(with_path("cannot open jobserver ", path, errno)),
        Unavailable::Syntax(auth) => {
            Some([b"invalid --jobserver-auth string '", auth.as_slice(), b"'"].concat())
        }
    }
}

fn with_path(what: &str, path: &Path, errno: &Errno) -> Vec<u8> {
    let words = SystemError::from(*errno).to_string();
    [what.as_bytes(), path.as_os_str().as_bytes(), b": ", words.as_bytes()].concat()
}

/// How a wait for a token ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// With a token, which is to be released.
    Token,
    /// The caller's descriptor became readable, or a signal came.
    Woken,
    /// Time is up.
    TimedOut,
}

/// The pair of descriptors that members of a pipe-style jobserver inherit.
enum Shared {
    /// None: this one is a fifo.
    Nothing,
    /// Ours to close and to mark.
    Owned([OwnedFd; 2]),
    /// Known by number only.
    Numbers([RawFd; 2]),
}

/// This process's part in a jobserver. The maker's part removes the fifo when it is dropped.
pub struct Jobserver {
    auth: Vec<u8>,
    /// Never blocks. An open file of its own where that can be had, so that other members' reads still block.
    reader: OwnedFd,
    writer: OwnedFd,
    shared: Shared,
    /// The fifo, where this process made it.
    fifo: Option<PathBuf>,
    /// How many tokens this process put in at first, where it made the jobserver.
    made: Option<u32>,
    /// The tokens taken and not given back: each goes back as the byte that it was.
    held: Vec<u8>,
}

const TOKEN: u8 = b'+';

/// How many names are tried for a fifo: a process of this number in another container may share the folder.
const NAMES: u32 = 16;

impl Jobserver {
    /// Makes a jobserver for `jobs` jobs, this process's own first job among them. A fifo is made in `folder`.
    ///
    /// Where the pipe is full before all tokens are in it (65,536 on Linux), it has as many as fit.
    ///
    /// # Errors
    /// [`Error::Make`] where the fifo cannot be made, upon which GNU make takes a pipe; any but the errors of waiting.
    pub fn make(style: Style, jobs: u32, folder: &Path) -> Result<Jobserver, Error> {
        let mut jobserver = match style {
            Style::Fifo => Jobserver::make_fifo(folder)?,
            Style::Pipe => Jobserver::make_pipe()?,
        };
        jobserver.made = Some(jobserver.fill(jobs.saturating_sub(1)).map_err(Error::Fill)?);
        Ok(jobserver)
    }

    fn make_fifo(folder: &Path) -> Result<Jobserver, Error> {
        let name = format!("GMfifo{}", getpid().as_raw_nonzero());
        let mut path = folder.join(&name);
        for attempt in 1..=NAMES {
            match mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR) {
                Ok(()) => break,
                Err(Errno::EXIST) if attempt < NAMES => path = folder.join(format!("{name}.{attempt}")),
                Err(errno) => return Err(Error::Make(path, errno)),
            }
        }
        let opened = open_fifo(&path);
        let (reader, writer) = opened.map_err(|errno| {
            let _ = unlink(&path);
            Error::Open(path.clone(), errno)
        })?;
        let auth = [b"fifo:", path.as_os_str().as_bytes()].concat();
        Ok(Jobserver::new(auth, reader, writer, Shared::Nothing, Some(path)))
    }

    fn make_pipe() -> Result<Jobserver, Error> {
        let (read_end, write_end) = pipe_with(PipeFlags::CLOEXEC).map_err(Error::Pipe)?;
        let (reader, writer) =
            reopen_pair(read_end.as_raw_fd(), write_end.as_raw_fd()).map_err(Error::Pipe)?;
        let auth = format!("{},{}", read_end.as_raw_fd(), write_end.as_raw_fd()).into_bytes();
        Ok(Jobserver::new(auth, reader, writer, Shared::Owned([read_end, write_end]), None))
    }

    fn new(
        auth: Vec<u8>,
        reader: OwnedFd,
        writer: OwnedFd,
        shared: Shared,
        fifo: Option<PathBuf>,
    ) -> Jobserver {
        Jobserver { auth, reader, writer, shared, fifo, made: None, held: Vec::new() }
    }

    /// Writes `tokens` tokens, or as many as fit: how many it were.
    fn fill(&self, tokens: u32) -> Result<u32, Errno> {
        let flags = fcntl_getfl(&self.writer)?;
        fcntl_setfl(&self.writer, flags | OFlags::NONBLOCK)?;
        let chunk = [TOKEN; 4096];
        let mut written = 0;
        while written < tokens {
            let wanted = usize::try_from(tokens - written).unwrap_or(usize::MAX).min(chunk.len());
            match write(&self.writer, chunk.get(..wanted).unwrap_or_default()) {
                Ok(count) => written = written.saturating_add(u32::try_from(count).unwrap_or(0)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if wanted > 1 => {
                    // A write of this size goes in whole or not at all: the last ones go in singly.
                    while written < tokens && write(&self.writer, &[TOKEN]) == Ok(1) {
                        written += 1;
                    }
                    break;
                }
                Err(Errno::AGAIN) => break,
                Err(errno) => return Err(errno),
            }
        }
        fcntl_setfl(&self.writer, flags)?;
        Ok(written)
    }

    /// Joins the jobserver of a `--jobserver-auth` (or `--jobserver-fds`) value.
    ///
    /// For a pipe, `adopt` may hand over the two inherited descriptors as owned ones, which takes an unsafe promise
    /// that nobody else owns them; they are then kept from children by default, see
    /// [`Jobserver::set_inheritable`]. Where it gives `None`, they stay as they are, and only their numbers are known.
    ///
    /// # Errors
    /// Why it cannot be joined.
    pub fn join(auth: &[u8], adopt: &dyn Fn(RawFd) -> Option<OwnedFd>) -> Result<Jobserver, Unavailable> {
        if let Some(path) = auth.strip_prefix(b"fifo:") {
            let path = PathBuf::from(OsStr::from_bytes(path));
            let (reader, writer) = open_fifo(&path).map_err(|errno| Unavailable::Open(path, errno))?;
            return Ok(Jobserver::new(auth.to_vec(), reader, writer, Shared::Nothing, None));
        }
        let [read_end, write_end] = numbers(auth).ok_or_else(|| Unavailable::Syntax(auth.to_vec()))?;
        if read_end == -2 || write_end == -2 {
            return Err(Unavailable::NotPassedOn);
        }
        let (reader, writer) = reopen_pair(read_end, write_end).map_err(|_| Unavailable::NoPipe)?;
        let shared = match (adopt(read_end), adopt(write_end)) {
            (Some(read_end), Some(write_end)) => Shared::Owned([read_end, write_end]),
            (one, other) => {
                // What is not kept stays open: it is not ours alone.
                one.into_iter().chain(other).for_each(|adopted| {
                    let _ = adopted.into_raw_fd();
                });
                Shared::Numbers([read_end, write_end])
            }
        };
        let auth = format!("{read_end},{write_end}").into_bytes();
        let jobserver = Jobserver::new(auth, reader, writer, shared, None);
        jobserver.set_inheritable(false);
        Ok(jobserver)
    }

    /// The value of `--jobserver-auth` for sub-makes.
    pub fn auth(&self) -> &[u8] {
        &self.auth
    }

    /// Whether members inherit descriptors. Children that are no makes are told `--jobserver-auth=-2,-2` then.
    pub fn is_pipe(&self) -> bool {
        !matches!(self.shared, Shared::Nothing)
    }

    /// The fifo that this process made, for a handler of fatal signals to remove.
    pub fn fifo(&self) -> Option<&Path> {
        self.fifo.as_deref()
    }

    /// The numbers of the descriptors that a sub-make must inherit: pipe style only.
    pub fn inherited(&self) -> Option<[RawFd; 2]> {
        match &self.shared {
            Shared::Nothing => None,
            Shared::Owned(pair) => Some([pair[0].as_raw_fd(), pair[1].as_raw_fd()]),
            Shared::Numbers(pair) => Some(*pair),
        }
    }

    /// Lets children inherit the pipe, or keeps it from them: to be let just while a sub-make is started. True where
    /// that is so now; false where the descriptors are known by number only, which the caller then has to mark.
    pub fn set_inheritable(&self, inheritable: bool) -> bool {
        let flags = if inheritable { FdFlags::empty() } else { FdFlags::CLOEXEC };
        match &self.shared {
            Shared::Nothing => true,
            Shared::Owned(pair) => pair.iter().all(|end| fcntl_setfd(end, flags).is_ok()),
            Shared::Numbers(_) => false,
        }
    }

    /// How many tokens this process holds, its own free one not counted.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// How many tokens this process put in, where it made the jobserver.
    pub fn made(&self) -> Option<u32> {
        self.made
    }

    /// Takes a token if there is one: whether there was.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::ShutDown`].
    pub fn try_acquire(&mut self) -> Result<bool, Error> {
        let mut byte = [0];
        loop {
            match read(&self.reader, &mut byte[..]) {
                Ok(0) => return Err(Error::ShutDown),
                Ok(_) => {
                    self.held.push(byte[0]);
                    return Ok(true);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(false),
                Err(errno) => return Err(Error::Read(errno)),
            }
        }
    }

    /// Waits for a token until `wake` is readable, a signal comes, or `timeout` has passed (`None`: without end).
    /// Where `wake` is readable already, no token is taken: what woke the caller may free a job of its own.
    ///
    /// # Errors
    /// [`Error::Wait`], [`Error::Read`] and [`Error::ShutDown`].
    pub fn acquire(
        &mut self,
        wake: Option<BorrowedFd<'_>>,
        timeout: Option<Duration>,
    ) -> Result<Acquired, Error> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let (token_there, woken) = match wait_readable([Some(self.reader.as_fd()), wake], left) {
                Ok(None) => return Ok(Acquired::TimedOut),
                Ok(Some([token_there, woken])) => (token_there, woken),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(Acquired::Woken),
                Err(error) => return Err(Error::Wait(Errno::from_io_error(&error).unwrap_or(Errno::IO))),
            };
            if woken {
                return Ok(Acquired::Woken);
            }
            // Another member may have been quicker.
            if token_there && self.try_acquire()? {
                return Ok(Acquired::Token);
            }
        }
    }

    /// Gives a token back: false where none is held.
    ///
    /// # Errors
    /// [`Error::Write`]; the token counts as given back all the same, since a second attempt cannot be better.
    pub fn release(&mut self) -> Result<bool, Error> {
        let Some(token) = self.held.pop() else { return Ok(false) };
        loop {
            match write(&self.writer, &[token]) {
                Ok(_) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(Error::Write(errno)),
            }
        }
    }

    /// Gives all tokens back, as a process must before it ends, however it ends.
    ///
    /// # Errors
    /// The first error of [`Jobserver::release`]; the others are given back nevertheless.
    pub fn release_all(&mut self) -> Result<(), Error> {
        let mut result = Ok(());
        while !self.held.is_empty() {
            result = result.and(self.release().map(|_| ()));
        }
        result
    }

    /// Removes the fifo, where this process made it; no other member can join from then on.
    ///
    /// # Errors
    /// [`Error::Remove`] where it is left. That it is gone already is none.
    pub fn remove(&mut self) -> Result<(), Error> {
        match self.fifo.take() {
            None => Ok(()),
            Some(path) => match unlink(&path) {
                Ok(()) | Err(Errno::NOENT) => Ok(()),
                Err(errno) => Err(Error::Remove(path, errno)),
            },
        }
    }

    /// Takes all tokens that are there: the maker's last check, when its children have ended. It is right where this
    /// equals [`Jobserver::made`].
    ///
    /// # Errors
    /// As [`Jobserver::try_acquire`].
    pub fn drain(mut self) -> Result<u32, Error> {
        let mut tokens = 0;
        while self.try_acquire()? {
            tokens += 1;
        }
        Ok(tokens)
    }
}

impl Drop for Jobserver {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

/// Both ends of a fifo, each an open file of its own; only the reading one never blocks.
fn open_fifo(path: &Path) -> Result<(OwnedFd, OwnedFd), Errno> {
    // Reading is opened first, and without waiting for a writer.
    let reader = open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    // A character device may serve too: there are some that get the tokens of killed processes back.
    check_kind(&reader, |kind| {
        !matches!(kind, FileType::RegularFile | FileType::Directory | FileType::BlockDevice)
    })?;
    let writer = open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok((reader, writer))
}

fn check_kind(end: &OwnedFd, wanted: impl Fn(FileType) -> bool) -> Result<(), Errno> {
    if wanted(FileType::from_raw_mode(fstat(end)?.st_mode)) { Ok(()) } else { Err(Errno::INVAL) }
}

/// Both ends of a pipe of which the numbers are known, for this process alone.
fn reopen_pair(read_end: RawFd, write_end: RawFd) -> Result<(OwnedFd, OwnedFd), Errno> {
    let reader = reopen(read_end, OFlags::RDONLY | OFlags::NONBLOCK)?;
    let writer = reopen(write_end, OFlags::WRONLY)?;
    for end in [&reader, &writer] {
        check_kind(end, |kind| matches!(kind, FileType::Fifo | FileType::Socket))?;
    }
    Ok((reader, writer))
}

/// The pipe of descriptor `number`, opened anew with `flags`, so that they are no other process's flags too. Where
/// that is not allowed (the pipe is another user's) or /proc is not there, a duplicate, which shares them.
fn reopen(number: RawFd, flags: OFlags) -> Result<OwnedFd, Errno> {
    if number < 0 {
        return Err(Errno::BADF);
    }
    if let Ok(end) = open(format!("/proc/self/fd/{number}"), flags | OFlags::CLOEXEC, Mode::empty()) {
        return Ok(end);
    }
    let this_process = pidfd_open(getpid(), PidfdFlags::empty())?;
    let end = pidfd_getfd(this_process, number, PidfdGetfdFlags::empty())?;
    if flags.contains(OFlags::NONBLOCK) {
        let others = fcntl_getfl(&end)?;
        fcntl_setfl(&end, others | OFlags::NONBLOCK)?;
    }
    Ok(end)
}

/// The numbers of `R,W`; what follows them is ignored, as in GNU make.
fn numbers(auth: &[u8]) -> Option<[RawFd; 2]> {
    let (read_end, rest) = number(auth)?;
    let (write_end, _) = number(rest.strip_prefix(b",")?)?;
    Some([read_end, write_end])
}

fn number(text: &[u8]) -> Option<(RawFd, &[u8])> {
    let text = text.trim_ascii_start();
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let digits = text.get(sign..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(sign + digits)?;
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

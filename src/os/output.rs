//! What the program itself writes: a standard output kept in a buffer until order demands it, standard error, and the
//! captures that hold a job's output together (manual, "Output During Parallel Execution"). Knows nothing of targets.

use crate::base::diagnostic::{Complaint, wording};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};

/// How output of parallel jobs is kept together (`--output-sync`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Grouping {
    /// Not at all.
    #[default]
    None,
    /// Each recipe line.
    Line,
    /// Each target.
    Target,
    /// Each sub-make.
    Recurse,
}

/// Temporary files that take the output of one job until it is shown.
#[derive(Default)]
pub struct Capture {
    /// Whether this job's output is to be held back.
    pub wanted: bool,
    out: Option<File>,
    /// None where standard output and standard error are one file and share `out`.
    err: Option<File>,
    combined: bool,
}

/// Where output goes and what was already said about the folder.
pub struct Output {
    /// Name of the program, before each message.
    pub program: Vec<u8>,
    /// Depth of recursion (`MAKELEVEL`).
    pub level: u32,
    /// How output is grouped now.
    pub grouping: Grouping,
    /// Whether the folder is announced before the first output (`-w`).
    pub announce: bool,
    /// The folder to announce; none where it is not known.
    pub folder: Option<Vec<u8>>,
    /// Whether the folder was announced as entered.
    pub announced: bool,
    /// Whether the announcement is a comment, as in a printed data base (`-p`).
    pub as_comment: bool,
    /// The capture in force: output of this program goes there.
    pub current: Option<Capture>,
    /// The file whose lock keeps groups of several programs apart.
    pub lock: Option<File>,
    /// Whether what is for standard output goes to standard error: standard output has another answer to give.
    pub aside: bool,
    buffer: Vec<u8>,
    failed: Option<i32>,
}

impl Output {
    /// An output for a program of this name.
    pub fn new(program: &[u8]) -> Output {
        Output {
            program: program.to_vec(),
            level: 0,
            grouping: Grouping::None,
            announce: false,
            folder: None,
            announced: false,
            as_comment: false,
            current: None,
            lock: None,
            aside: false,
            buffer: Vec::new(),
            failed: None,
        }
    }

    /// The first error of writing standard output, a system's number.
    pub fn write_error(&self) -> Option<i32> {
        self.failed
    }

    /// Writes out what is held for standard output.
    pub fn flush(&mut self) {
        if !self.buffer.is_empty() {
            let stream = if self.aside { rustix::stdio::stderr() } else { rustix::stdio::stdout() };
            if let Err(error) = write_all(stream, &self.buffer) {
                self.note_failure(error);
            }
            self.buffer.clear();
        }
    }

    fn note_failure(&mut self, error: rustix::io::Errno) {
        if error == rustix::io::Errno::PIPE && !crate::os::sys::is_ignored(libc::SIGPIPE) {
            crate::os::sys::die_by_signal(libc::SIGPIPE);
        }
        self.failed.get_or_insert(error.raw_os_error());
    }

    /// Puts `text` on standard output as it is, past captures and announcements (debugging output, data base).
    pub fn raw(&mut self, text: &[u8]) {
        self.buffer.extend_from_slice(text);
        if self.buffer.len() > 1 << 16 {
            self.flush();
        }
    }

    /// Says `text` on standard output, after the folder where that is due.
    pub fn out(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        self.begin();
        if let Some(file) = self.current.as_mut().and_then(|capture| capture.out.as_mut()) {
            let _ = file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(text));
            return;
        }
        self.raw(text);
    }

    /// Says `text` on standard error, after all that was said before on standard output.
    pub fn err(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        self.begin();
        if let Some(capture) = &mut self.current {
            let file = if capture.combined { capture.out.as_mut() } else { capture.err.as_mut() };
            if let Some(file) = file {
                let _ = file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(text));
                return;
            }
        }
        self.flush();
        let _ = write_all(rustix::stdio::stderr(), text);
    }

    /// Makes ready for output: the capture's files, or the announcement of the folder.
    pub fn begin(&mut self) {
        if self
            .current
            .as_ref()
            .is_some_and(|capture| capture.wanted && capture.out.is_none() && capture.err.is_none())
        {
            match (Capture::open(), &mut self.current) {
                (Ok(opened), Some(capture)) => *capture = opened,
                _ => self.give_up_grouping(),
            }
        }
        if matches!(self.grouping, Grouping::None | Grouping::Recurse) && self.announce && !self.announced {
            self.announced = true;
            self.announcement("Entering");
        }
    }

    /// Output can't be held back: it is said, and goes on ungrouped.
    fn give_up_grouping(&mut self) {
        self.current = None;
        self.grouping = Grouping::None;
        let text = wording::line(None, &Complaint::OutputLock, &self.program, self.level);
        self.err(&text);
    }

    /// Announces that the folder is left, where it was announced as entered.
    pub fn leave(&mut self) {
        if self.announced {
            self.announced = false;
            self.announcement("Leaving");
        }
    }

    fn announcement(&mut self, verb: &str) {
        let mut text = Vec::new();
        if self.as_comment {
            text.extend_from_slice(b"# ");
        }
        text.extend_from_slice(&self.program);
        if self.level > 0 {
            text.extend_from_slice(format!("[{}]", self.level).as_bytes());
        }
        match &self.folder {
            Some(folder) => {
                text.extend_from_slice(format!(": {verb} directory '").as_bytes());
                text.extend_from_slice(folder);
                text.extend_from_slice(b"'\n");
            }
            None => text.extend_from_slice(format!(": {verb} an unknown directory\n").as_bytes()),
        }
        self.raw(&text);
    }

    /// Shows what `capture` holds, as one group, and empties it.
    pub fn show(&mut self, capture: &mut Capture) {
        let length = |file: &Option<File>| {
            file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |data| data.len())
        };
        if length(&capture.out) == 0 && length(&capture.err) == 0 {
            return;
        }
        self.flush();
        if let Some(lock) = &self.lock {
            let _ = rustix::fs::fcntl_lock(lock, rustix::fs::FlockOperation::LockExclusive);
        }
        let announced = self.grouping != Grouping::Recurse && self.announce;
        if announced {
            self.announcement("Entering");
        }
        self.flush();
        if let Err(error) = pump(&mut capture.out, rustix::stdio::stdout()) {
            let complaint = Complaint::System { what: b"fwrite()".to_vec(), error: error.raw_os_error() };
            let _ = write_all(rustix::stdio::stderr(), &[&wording::words(&complaint)[..], b"\n"].concat());
            self.note_failure(error);
        }
        let _ = pump(&mut capture.err, rustix::stdio::stderr());
        if announced {
            self.announcement("Leaving");
            self.flush();
        }
        if let Some(lock) = &self.lock {
            let _ = rustix::fs::fcntl_lock(lock, rustix::fs::FlockOperation::Unlock);
        }
    }
}

impl Capture {
    /// A capture that opens its files when there is something to hold.
    pub fn new(wanted: bool) -> Capture {
        Capture { wanted, ..Capture::default() }
    }

    /// Temporary files for the streams that are open; one for both where they are the same file.
    pub fn open() -> io::Result<Capture> {
        // What this program has opened in the place of a closed stream is not handed on, and is no stream of a child's.
        let status = |stream: BorrowedFd| match rustix::io::fcntl_getfd(stream)? {
            flags if flags.contains(rustix::io::FdFlags::CLOEXEC) => Err(rustix::io::Errno::BADF),
            _ => rustix::fs::fstat(stream),
        };
        let out = status(rustix::stdio::stdout());
        let err = status(rustix::stdio::stderr());
        let combined = matches!((&out, &err), (Ok(out), Ok(err)) if out.st_dev == err.st_dev && out.st_ino == err.st_ino);
        Ok(Capture {
            wanted: true,
            out: if out.is_ok() { Some(temporary()?) } else { None },
            err: if err.is_ok() && !combined { Some(temporary()?) } else { None },
            combined,
        })
    }

    /// The descriptors for a child's standard output and standard error.
    pub fn streams(&self) -> (Option<BorrowedFd<'_>>, Option<BorrowedFd<'_>>) {
        let out = self.out.as_ref().map(|file| file.as_fd());
        let err = if self.combined { out } else { self.err.as_ref().map(|file| file.as_fd()) };
        (out, err)
    }
}

fn temporary() -> io::Result<File> {
    // Appending, so that a child and this program never write over each other.
    let file = tempfile::tempfile_in(crate::os::files::temporary_folder().path)?;
    let flags = rustix::fs::fcntl_getfl(&file)?;
    rustix::fs::fcntl_setfl(&file, flags | rustix::fs::OFlags::APPEND)?;
    Ok(file)
}

/// Copies what is in `from` to `to`, and empties it.
fn pump(from: &mut Option<File>, to: BorrowedFd) -> Result<(), rustix::io::Errno> {
    let Some(file) = from else { return Ok(()) };
    let mut chunk = vec![0; 1 << 16];
    if file.seek(SeekFrom::Start(0)).is_err() {
        return Ok(());
    }
    let mut result = Ok(());
    while let Ok(count) = file.read(&mut chunk) {
        if count == 0 {
            break;
        }
        result = write_all(to, &chunk[..count]);
        if result.is_err() {
            break;
        }
    }
    let _ = file.set_len(0);
    result
}

fn write_all(to: BorrowedFd, mut text: &[u8]) -> Result<(), rustix::io::Errno> {
    while !text.is_empty() {
        match rustix::io::write(to, text) {
            Ok(0) => return Err(rustix::io::Errno::IO),
            Ok(count) => text = &text[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                let mut polled = [rustix::event::PollFd::from_borrowed_fd(to, rustix::event::PollFlags::OUT)];
                let _ = rustix::event::poll(&mut polled, None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

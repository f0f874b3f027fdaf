//! What the program itself writes: a standard output kept in a buffer until order demands it, standard error, and the
//! captures that hold a job's output together (manual, "Output During Parallel Execution"). Knows nothing of targets.

use crate::base::diagnostic::{Complaint, wording};
use crate::base::log::{unobeyed, unobeyed_coloured, unobeyed_where_any};
use crate::base::mask::{Filter, Growing, Masks};
use crate::base::printable::{printable_coloured, printable_lines};
use crate::os::ancestry::has_stdout_of_first_with;
use crate::os::interruption;
use crate::os::relay::{Destination, Footer, Listener, Relay, Route, StreamId};
use rustix::io::Errno;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

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
    /// What the group is called that it is shown in.
    pub title: Option<Vec<u8>>,
}

/// Makes the line that begins a group of this title, or the one that ends the group that was begun last.
pub type Frames = Box<dyn FnMut(Option<&[u8]>) -> Vec<u8>>;

/// The log of a CI service.
pub struct Log {
    /// The entry of the environment (`NAME=value`) that the service sets.
    pub entry: &'static str,
    /// Whether it is known, by an option, that standard output is the log.
    pub is_asked: bool,
    stdout: OnceCell<bool>,
}

impl Log {
    /// The log of the service whose environment has `entry`; `is_asked` where standard output is known to be it.
    pub fn new(entry: &'static str, is_asked: bool) -> Log {
        Log { entry, is_asked, stdout: OnceCell::new() }
    }

    /// Whether standard output is the log, and no program takes it.
    fn is_stdout(&self) -> bool {
        self.is_asked || *self.stdout.get_or_init(|| has_stdout_of_first_with(self.entry))
    }
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
    /// The service that reads this program's log and obeys lines of it, where one does: a name in a message is not to begin one.
    pub log: Option<Log>,
    /// What is hidden of all that is written.
    hidden: Growing,
    /// Whether more is to be hidden than what is held was masked by.
    is_behind: bool,
    relay: Option<Relay>,
    /// Puts each job's output into a group.
    pub frames: Option<Frames>,
    in_group: bool,
    buffer: Vec<u8>,
    failed: Option<i32>,
}

/// Streams of a child that pass through this program.
#[derive(Default)]
pub struct Routed {
    /// Their numbers, for [`Output::close`].
    pub streams: Vec<StreamId>,
    /// The child's standard output.
    pub stdout: Option<OwnedFd>,
    /// The child's standard error.
    pub stderr: Option<OwnedFd>,
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
            log: None,
            hidden: Growing::default(),
            is_behind: false,
            relay: None,
            frames: None,
            in_group: false,
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
            self.catch_up();
            let stream = self.stdout();
            let text = std::mem::take(&mut self.buffer);
            if let Err(error) = self.write(stream, &text) {
                self.note_failure(error);
            }
            self.buffer = text;
            self.buffer.clear();
        }
    }

    /// Writes to a standard stream, by way of the terminal's keeper where there is one.
    fn write(&self, stream: BorrowedFd, text: &[u8]) -> Result<(), Errno> {
        match &self.relay {
            Some(relay) if relay.has_screen() => {
                relay.write(text);
                Ok(())
            }
            _ => interruption::write_all(stream, text),
        }
    }

    fn note_failure(&mut self, error: Errno) {
        self.failed.get_or_insert(error.raw_os_error());
    }

    /// Puts `text` on standard output as it is, past captures and announcements (debugging output, data base).
    pub fn raw(&mut self, text: &[u8]) {
        match self.hidden.masks() {
            Some(masks) => self.buffer.extend_from_slice(&masks.hide(text)),
            None => self.buffer.extend_from_slice(text),
        }
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
        let hidden = self.hidden.masks().map(|masks| masks.hide(text).into_owned());
        let _ = self.write(rustix::stdio::stderr(), hidden.as_deref().unwrap_or(text));
    }

    /// Says what this program has to say, on standard error: what of it a terminal or a CI service's log would obey is shown as something
    /// else there. To other files and pipes it goes as it is.
    pub fn message(&mut self, text: &[u8]) {
        let shown = self.fit_for(rustix::stdio::stderr(), text).into_owned();
        self.err(&shown);
    }

    /// As [`Output::out`], of words that are this program's.
    pub fn say(&mut self, text: &[u8]) {
        let shown = self.fit_for(self.stdout(), text).into_owned();
        self.out(&shown);
    }

    /// As [`Output::raw`], of words that are this program's.
    pub fn say_raw(&mut self, text: &[u8]) {
        let shown = self.fit_for(self.stdout(), text).into_owned();
        self.raw(&shown);
    }

    /// As [`Output::raw`], of an answer in a form that programs read: where one of them takes it, it is as it is under a CI service, too.
    pub fn data(&mut self, text: &[u8]) {
        match &self.log {
            Some(log) if !self.aside && !log.is_stdout() => self.raw(text),
            _ => self.say_raw(text),
        }
    }

    /// As [`Output::message`], of text that this program has coloured.
    pub fn message_coloured(&mut self, text: &[u8]) {
        let shown = self.coloured_for(rustix::stdio::stderr(), text).into_owned();
        self.err(&shown);
    }

    /// As [`Output::say_raw`], of text that this program has coloured.
    pub fn say_coloured(&mut self, text: &[u8]) {
        let shown = self.coloured_for(self.stdout(), text).into_owned();
        self.raw(&shown);
    }

    /// `text` of this program's words without hidden values, and without what is obeyed where `to` leads: by a terminal, and by whoever
    /// reads the log.
    fn fit_for<'t>(&self, to: BorrowedFd, text: &'t [u8]) -> Cow<'t, [u8]> {
        match self.log.is_some() {
            // A log is no terminal: of what nobody obeys nothing is lost.
            true if !rustix::termios::isatty(to) => self.fit(to, text, unobeyed_where_any),
            true => self.fit(to, text, unobeyed),
            false => self.fit(to, text, printable_lines),
        }
    }

    /// The same of text that this program has coloured.
    pub fn coloured_for<'t>(&self, to: BorrowedFd, text: &'t [u8]) -> Cow<'t, [u8]> {
        self.fit(to, text, if self.log.is_some() { unobeyed_coloured } else { printable_coloured })
    }

    fn fit<'t>(&self, to: BorrowedFd, text: &'t [u8], make: fn(&[u8]) -> Cow<'_, [u8]>) -> Cow<'t, [u8]> {
        // Values go first: they may have characters that go.
        let hidden = self.hidden.masks().map_or(Cow::Borrowed(text), |masks| masks.hide(text));
        match make(&hidden) {
            Cow::Owned(shown) if self.log.is_some() || rustix::termios::isatty(to) => Cow::Owned(shown),
            _ => hidden,
        }
    }

    /// Where what is for standard output goes.
    fn stdout(&self) -> BorrowedFd<'static> {
        if self.aside { rustix::stdio::stderr() } else { rustix::stdio::stdout() }
    }

    /// Makes ready for output: the capture's files, or the announcement of the folder.
    pub fn begin(&mut self) {
        if self
            .current
            .as_ref()
            .is_some_and(|capture| capture.wanted && capture.out.is_none() && capture.err.is_none())
        {
            match (Capture::open(), &mut self.current) {
                (Ok(opened), Some(capture)) => {
                    *capture = Capture { title: capture.title.take(), ..opened };
                }
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
        self.say_raw(&text);
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
            // Where the run is to end it does not wait for others' turns.
            let exclusive = rustix::fs::FlockOperation::LockExclusive;
            while rustix::fs::fcntl_lock(lock, exclusive) == Err(Errno::INTR) && !interruption::has_come() {}
        }
        let announced = self.grouping != Grouping::Recurse && self.announce;
        if announced {
            self.announcement("Entering");
        }
        if let Some(title) = &capture.title {
            self.begin_group(title);
        }
        self.flush();
        if let Err(error) = self.pump(&mut capture.out, rustix::stdio::stdout()) {
            let complaint = Complaint::System { what: b"fwrite()".to_vec(), error: error.raw_os_error() };
            let _ = self.write(rustix::stdio::stderr(), &[&wording::words(&complaint)[..], b"\n"].concat());
            self.note_failure(error);
        }
        let _ = self.pump(&mut capture.err, rustix::stdio::stderr());
        if capture.title.is_some() {
            self.end_group();
        }
        if announced {
            self.announcement("Leaving");
            self.flush();
        }
        if let Some(lock) = &self.lock {
            let _ = rustix::fs::fcntl_lock(lock, rustix::fs::FlockOperation::Unlock);
        }
    }
}

impl Output {
    /// Copies what is in `from` to `to`, and empties it.
    fn pump(&self, from: &mut Option<File>, to: BorrowedFd) -> Result<(), Errno> {
        let Some(file) = from else { return Ok(()) };
        let mut filter = self.hidden.masks().map(Filter::new);
        let mut chunk = vec![0; 1 << 16];
        if file.seek(SeekFrom::Start(0)).is_err() {
            return Ok(());
        }
        let mut result = Ok(());
        while let Ok(count) = file.read(&mut chunk) {
            let mut masked = Vec::new();
            let text = match &mut filter {
                Some(filter) if count == 0 => {
                    filter.end(&mut masked);
                    &masked
                }
                Some(filter) => {
                    filter.pass(&chunk[..count], &mut masked);
                    &masked
                }
                None => &chunk[..count],
            };
            result = if text.is_empty() { Ok(()) } else { self.write(to, text) };
            if count == 0 || result.is_err() {
                break;
            }
        }
        let _ = file.set_len(0);
        result
    }

    /// Begins a group, where there are any. Groups do not lie in one another.
    pub fn begin_group(&mut self, title: &[u8]) {
        self.end_group();
        if let Some(frames) = &mut self.frames {
            let line = frames(Some(title));
            self.in_group = true;
            self.raw(&line);
        }
    }

    /// Ends the group that was begun.
    pub fn end_group(&mut self) {
        if std::mem::take(&mut self.in_group)
            && let Some(frames) = &mut self.frames
        {
            let line = frames(None);
            self.raw(&line);
            self.flush();
        }
    }

    /// How many lines were written so far, where that is counted.
    pub fn lines(&mut self) -> Option<u64> {
        if !self.has_footer() {
            return None;
        }
        self.flush();
        self.relay.as_ref().filter(|relay| relay.has_screen()).map(Relay::lines)
    }

    /// Hides values of all that is written from here on; what is said already and was not written yet is masked, too.
    pub fn hide(&mut self, masks: Masks) {
        // What was hidden when it was said stays so.
        self.catch_up();
        self.hidden.set(masks);
        self.is_behind = true;
    }

    /// Masks what is held for standard output by all that is hidden.
    fn catch_up(&mut self) {
        if std::mem::take(&mut self.is_behind)
            && let Some(masks) = self.hidden.masks()
        {
            self.buffer = masks.hide(&self.buffer).into_owned();
        }
    }

    /// Hides `values` as well.
    pub fn hide_more(&mut self, values: impl IntoIterator<Item = Vec<u8>>) {
        self.hidden.add(values);
        self.is_behind = true;
    }

    /// Whether a footer is kept below all output.
    pub fn has_footer(&self) -> bool {
        self.relay.as_ref().is_some_and(Relay::has_screen)
    }

    /// Keeps `footer` below all output from here on; standard output and standard error are one terminal.
    pub fn keep_footer(&mut self, footer: Footer) {
        self.flush();
        self.relay = None;
        self.relay = Relay::start(Some(footer)).ok();
    }

    /// Ends what passes output on: all that children wrote is there, and the footer is gone.
    pub fn end_relay(&mut self) {
        self.flush();
        self.relay = None;
    }

    /// Streams for a child, where its output has to pass through this program: since there is a footer, since something is hidden, or
    /// since `listener` is to be shown what it writes on standard error. What goes into `capture` is masked when it is shown.
    pub fn route(&mut self, capture: Option<&Capture>, listener: Option<Listener>) -> Routed {
        let held = capture.filter(|capture| capture.wanted);
        let has_screen = self.relay.as_ref().is_some_and(Relay::has_screen);
        let direct = held.is_none() && (has_screen || self.hidden.masks().is_some());
        if !direct && listener.is_none() {
            return Routed::default();
        }
        self.try_route(held, direct, listener).unwrap_or_default()
    }

    fn try_route(
        &mut self,
        held: Option<&Capture>,
        direct: bool,
        listener: Option<Listener>,
    ) -> io::Result<Routed> {
        let masks = self.hidden.masks().filter(|_| direct);
        let relay = match &mut self.relay {
            Some(relay) => relay,
            relay => relay.insert(Relay::start(None)?),
        };
        let has_screen = relay.has_screen();
        let aside = self.aside;
        let mut routed = Routed::default();
        let mut open = |to: Destination, listener: Option<Listener>| -> io::Result<OwnedFd> {
            let (stream, end) = relay.open(Route { to, masks: masks.clone(), listener })?;
            routed.streams.push(stream);
            Ok(end)
        };
        let err = rustix::stdio::stderr();
        let out = if aside { err } else { rustix::stdio::stdout() };
        let stream = |fd: BorrowedFd| fd.try_clone_to_owned().map(Destination::Stream);
        let (stdout, stderr) = if has_screen && direct {
            let end = open(Destination::Screen, listener)?;
            (Some(end.try_clone()?), Some(end))
        } else if let Some(capture) = held {
            match capture.streams().1 {
                Some(err) => (None, Some(open(stream(err)?, listener)?)),
                None => (None, None),
            }
        } else if !direct {
            (None, Some(open(stream(err)?, listener)?))
        } else if one_file() {
            let end = open(stream(out)?, listener)?;
            (Some(end.try_clone()?), Some(end))
        } else {
            (Some(open(stream(out)?, None)?), Some(open(stream(err)?, listener)?))
        };
        (routed.stdout, routed.stderr) = (stdout, stderr);
        Ok(routed)
    }

    /// A child ended: what it wrote is passed on before this comes back.
    pub fn close(&self, streams: Vec<StreamId>) {
        if let Some(relay) = &self.relay {
            relay.close(streams);
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
        let out = own_status(rustix::stdio::stdout());
        let err = own_status(rustix::stdio::stderr());
        let combined = one_file();
        Ok(Capture {
            title: None,
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

/// What `stream` is. What this program has opened in the place of a closed stream is not handed on, and is no stream of a child's.
fn own_status(stream: BorrowedFd) -> rustix::io::Result<rustix::fs::Stat> {
    match rustix::io::fcntl_getfd(stream)? {
        flags if flags.contains(rustix::io::FdFlags::CLOEXEC) => Err(Errno::BADF),
        _ => rustix::fs::fstat(stream),
    }
}

/// Whether standard output and standard error are one file.
fn one_file() -> bool {
    let out = own_status(rustix::stdio::stdout());
    let err = own_status(rustix::stdio::stderr());
    matches!((&out, &err), (Ok(out), Ok(err)) if out.st_dev == err.st_dev && out.st_ino == err.st_ino)
}

fn temporary() -> io::Result<File> {
    // Appending, so that a child and this program never write over each other.
    let file = tempfile::tempfile_in(crate::os::files::temporary_folder().path)?;
    let flags = rustix::fs::fcntl_getfl(&file)?;
    rustix::fs::fcntl_setfl(&file, flags | rustix::fs::OFlags::APPEND)?;
    Ok(file)
}

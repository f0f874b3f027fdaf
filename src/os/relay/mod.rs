//! Output of child processes that passes through this program: read by a thread, changed where that is wanted, and written on, to a
//! terminal above a line that is kept up to date, or to another stream. Knows nothing of what is run, nor of what is said.
//!
//! A child gets a pseudo-terminal where its output was to go to the terminal, so that it behaves as it would there, and a pipe else.

pub mod pty;
pub mod screen;

use crate::base::mask::{Filter, Masks};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use screen::Screen;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Writes the line below all output: its text, without colour's width at most so many columns wide; none for no line.
pub type Footer = Box<dyn FnMut(usize) -> Option<String> + Send>;

/// Is shown what a child writes, as it comes.
pub type Listener = Box<dyn FnMut(&[u8]) + Send>;

/// Where what a child writes goes to.
pub enum Destination {
    /// The terminal, above the footer.
    Screen,
    /// A stream.
    Stream(OwnedFd),
}

/// What is done with what a child writes.
pub struct Route {
    /// Where it goes.
    pub to: Destination,
    /// What is hidden of it.
    pub masks: Option<Masks>,
    /// Who is shown it.
    pub listener: Option<Listener>,
}

/// Number of a stream that is read.
pub type StreamId = u64;

/// The stream of this program's own output.
const OWN: StreamId = 0;

enum Command {
    /// A stream; whether it is a pseudo-terminal.
    Open(StreamId, OwnedFd, bool, Route),
    /// The child ended: what it wrote is passed on before the answer comes.
    Close(Vec<StreamId>, SyncSender<()>),
    Own(Vec<u8>),
    Finish,
}

/// The thread and the way to it.
pub struct Relay {
    commands: Sender<Command>,
    wake: std::io::PipeWriter,
    thread: Option<JoinHandle<()>>,
    next: StreamId,
    has_screen: bool,
    lines: Arc<AtomicU64>,
}

impl Relay {
    /// Starts the thread; `footer` where there is a terminal to write it on, which is standard error.
    ///
    /// # Errors
    /// The system's: no pipe, or no thread.
    pub fn start(footer: Option<Footer>) -> std::io::Result<Relay> {
        let (woken, wake) = std::io::pipe()?;
        rustix::io::ioctl_fionbio(&woken, true)?;
        rustix::io::ioctl_fionbio(&wake, true)?;
        let (commands, received) = channel();
        let has_screen = footer.is_some();
        let screen = footer.map(|footer| (Screen::new(), footer));
        let lines = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&lines);
        let thread = std::thread::Builder::new().name("relay".to_owned());
        let thread = thread
            .spawn(move || Worker { woken, received, screen, streams: Vec::new(), lines: counted }.run())?;
        Ok(Relay { commands, wake, thread: Some(thread), next: OWN, has_screen, lines })
    }

    /// How many lines the terminal was given.
    pub fn lines(&self) -> u64 {
        // What was written before is counted when this has come round.
        self.ask(|done| Command::Close(Vec::new(), done));
        self.lines.load(Ordering::Relaxed)
    }

    /// Whether there is a terminal with a footer.
    pub fn has_screen(&self) -> bool {
        self.has_screen
    }

    fn send(&self, command: Command) {
        if self.commands.send(command).is_ok() {
            // A full pipe wakes as well.
            let _ = (&self.wake).write(&[0]);
        }
    }

    fn ask(&self, command: impl FnOnce(SyncSender<()>) -> Command) {
        let (done, answer) = sync_channel(1);
        self.send(command(done));
        // An error: the thread is gone, and there is nothing to wait for.
        let _ = answer.recv();
    }

    /// Opens a stream: its number, and the end that the child writes to.
    ///
    /// # Errors
    /// The system's: too many files, say.
    pub fn open(&mut self, route: Route) -> std::io::Result<(StreamId, OwnedFd)> {
        let is_terminal = match &route.to {
            Destination::Screen => true,
            Destination::Stream(stream) => rustix::termios::isatty(stream),
        };
        let (ours, theirs): (OwnedFd, OwnedFd) = if is_terminal {
            pty::open()?
        } else {
            let (reader, writer) = std::io::pipe()?;
            (reader.into(), writer.into())
        };
        rustix::io::ioctl_fionbio(&ours, true)?;
        self.next += 1;
        self.send(Command::Open(self.next, ours, is_terminal, route));
        Ok((self.next, theirs))
    }

    /// The child that wrote to `streams` ended: comes back when all that it wrote was passed on. What others still write is passed on
    /// later.
    pub fn close(&self, streams: Vec<StreamId>) {
        if !streams.is_empty() {
            self.ask(|done| Command::Close(streams, done));
        }
    }

    /// Puts output of this program's own on the terminal.
    pub fn write(&self, text: &[u8]) {
        self.send(Command::Own(text.to_vec()));
    }

    /// Passes on all that is there, removes the footer and ends the thread.
    pub fn finish(&mut self) {
        self.send(Command::Finish);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.finish();
        }
    }
}

struct Stream {
    id: StreamId,
    from: OwnedFd,
    is_terminal: bool,
    to: Destination,
    filter: Option<Filter>,
    listener: Option<Listener>,
}

/// What a look at a stream brought.
#[derive(PartialEq)]
enum Look {
    Data,
    Nothing,
    End,
}

struct Worker {
    woken: std::io::PipeReader,
    received: Receiver<Command>,
    screen: Option<(Screen, Footer)>,
    streams: Vec<Stream>,
    lines: Arc<AtomicU64>,
}

/// How often the footer is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long what a child wrote on a pseudo-terminal may be on its way after its end. The system passes it on by a thread of its own.
const ON_ITS_WAY: Duration = Duration::from_millis(30);

impl Worker {
    fn run(mut self) {
        loop {
            let ready = self.wait();
            // What this program said comes first: a child that writes was started after it.
            if self.take_commands() {
                break;
            }
            let ids: Vec<StreamId> = self
                .streams
                .iter()
                .zip(ready)
                .filter(|(_, ready)| *ready)
                .map(|(stream, _)| stream.id)
                .collect();
            for id in ids {
                if self.look(id) == Look::End {
                    self.forget(id);
                }
            }
            self.draw();
        }
        for id in self.streams.iter().map(|stream| stream.id).collect::<Vec<_>>() {
            while self.look(id) == Look::Data {}
            self.forget(id);
        }
        if let Some((screen, _)) = &mut self.screen {
            screen.end();
            write_all(rustix::stdio::stderr(), &screen.take());
        }
    }

    /// Waits until something is to be done; tells which streams are ready.
    fn wait(&mut self) -> Vec<bool> {
        let mut polled = vec![PollFd::from_borrowed_fd(self.woken.as_fd(), PollFlags::IN)];
        polled
            .extend(self.streams.iter().map(|one| PollFd::from_borrowed_fd(one.from.as_fd(), PollFlags::IN)));
        let timeout = self.screen.is_some().then(|| Timespec::try_from(TICK).ok()).flatten();
        let _ = poll(&mut polled, timeout.as_ref());
        let ready = polled[1..].iter().map(|one| !one.revents().is_empty()).collect();
        drop(polled);
        let mut drained = [0; 256];
        while matches!(self.woken.read(&mut drained), Ok(count) if count == drained.len()) {}
        ready
    }

    /// Does what was asked; tells whether it is to end.
    fn take_commands(&mut self) -> bool {
        loop {
            match self.received.try_recv() {
                Ok(Command::Open(id, from, is_terminal, route)) => {
                    let Route { to, masks, listener } = route;
                    let filter = masks.map(Filter::new);
                    self.streams.push(Stream { id, from, is_terminal, to, filter, listener });
                }
                Ok(Command::Close(ids, done)) => {
                    for id in ids {
                        self.drain(id);
                    }
                    self.draw();
                    let _ = done.send(());
                }
                Ok(Command::Own(text)) => match &mut self.screen {
                    Some((screen, _)) => screen.put_at_once(OWN, &text),
                    None => write_all(rustix::stdio::stderr(), &text),
                },
                Ok(Command::Finish) | Err(TryRecvError::Disconnected) => return true,
                Err(TryRecvError::Empty) => return false,
            }
        }
    }

    /// Takes what a child wrote that has ended.
    fn drain(&mut self, id: StreamId) {
        let until = Instant::now() + ON_ITS_WAY;
        loop {
            match self.look(id) {
                Look::Data => {}
                Look::End => return self.forget(id),
                Look::Nothing => {
                    let Some(stream) = self.streams.iter().find(|stream| stream.id == id) else { return };
                    // In a pipe all is there at once.
                    let left = match stream.is_terminal {
                        true => until.saturating_duration_since(Instant::now()),
                        false => Duration::ZERO,
                    };
                    let Ok(left) = Timespec::try_from(left) else { return };
                    let mut polled = [PollFd::from_borrowed_fd(stream.from.as_fd(), PollFlags::IN)];
                    if !matches!(poll(&mut polled, Some(&left)), Ok(1..)) {
                        // Somebody in the background keeps it open: what comes is taken when it comes.
                        if let Some((screen, _)) = &mut self.screen {
                            screen.flush(id);
                        }
                        return;
                    }
                }
            }
        }
    }

    /// Takes what can be read of a stream now.
    fn look(&mut self, id: StreamId) -> Look {
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) else { return Look::End };
        let mut buffer = [0u8; 1 << 14];
        let read = match rustix::io::read(&stream.from, &mut buffer) {
            Ok(0) => return Look::End,
            Ok(count) => &buffer[..count],
            Err(rustix::io::Errno::INTR) => return Look::Data,
            Err(rustix::io::Errno::AGAIN) => return Look::Nothing,
            // The last end of a pseudo-terminal was closed.
            Err(_) => return Look::End,
        };
        if let Some(listener) = &mut stream.listener {
            listener(read);
        }
        let mut masked = Vec::new();
        let text = match &mut stream.filter {
            Some(filter) => {
                filter.pass(read, &mut masked);
                &masked
            }
            None => read,
        };
        pass_on(&stream.to, id, text, &mut self.screen);
        Look::Data
    }

    /// A stream is over.
    fn forget(&mut self, id: StreamId) {
        let Some(at) = self.streams.iter().position(|stream| stream.id == id) else { return };
        let mut stream = self.streams.swap_remove(at);
        if let Some(filter) = &mut stream.filter {
            let mut rest = Vec::new();
            filter.end(&mut rest);
            pass_on(&stream.to, id, &rest, &mut self.screen);
        }
        if let Some((screen, _)) = &mut self.screen {
            screen.close(id);
        }
    }

    fn draw(&mut self) {
        let Some((screen, footer)) = &mut self.screen else { return };
        screen.tick(Instant::now(), self.streams.len() < 2);
        let columns = rustix::termios::tcgetwinsize(rustix::stdio::stderr()).map_or(80, |size| size.ws_col);
        if screen.has_room() {
            let line = footer(usize::from(columns).saturating_sub(1));
            screen.show(line);
        }
        self.lines.store(screen.lines, Ordering::Relaxed);
        let text = screen.take();
        write_all(rustix::stdio::stderr(), &text);
    }
}

fn pass_on(to: &Destination, id: StreamId, text: &[u8], screen: &mut Option<(Screen, Footer)>) {
    match (to, screen) {
        (_, _) if text.is_empty() => {}
        (Destination::Stream(stream), _) => write_all(stream.as_fd(), text),
        (Destination::Screen, Some((screen, _))) => screen.put(id, text, Instant::now()),
        (Destination::Screen, None) => write_all(rustix::stdio::stderr(), text),
    }
}

/// Writes as far as the other end takes it: where it is gone, the child will hear of it no more than from a terminal that is gone.
fn write_all(to: BorrowedFd, mut text: &[u8]) {
    while !text.is_empty() {
        match rustix::io::write(to, text) {
            Ok(0) => return,
            Ok(count) => text = &text[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                let mut polled = [PollFd::from_borrowed_fd(to, PollFlags::OUT)];
                let _ = poll(&mut polled, None);
            }
            Err(_) => return,
        }
    }
}

//! Fatal signals, kept once for the whole process, and the waits that they end. Knows nothing of what is waited for, nor of what a run
//! does when one has come.
//!
//! Signals have their default actions, except while there is a [`Keep`]: then one is kept until [`take`], and all that [`wait`]s is given
//! up until then. What is asked once it is taken is asked because of it, and waited for, as is what is done under a [`Hold`], a removal
//! for one: until a further signal comes. One that comes on the heels of the first is the same wish: what ends a group of processes, and a
//! run that hands a signal on to those below it, send it twice.

use crate::os::sys;
use crate::os::sys::spawn::caught_signals_changed;
use crate::os::sys::wait::{
    exit_at_once, milliseconds, on_signal, set_doomed, take_default_action, unlink_doomed, wait_readable,
    wake_at,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::ffi::CString;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Once, OnceLock};
use std::time::{Duration, Instant};

/// The signals that end a run after its clean-up (manual, "Interrupting or Killing make").
const FATAL_SIGNALS: [i32; 7] =
    [libc::SIGHUP, libc::SIGQUIT, libc::SIGPIPE, libc::SIGINT, libc::SIGTERM, libc::SIGXCPU, libc::SIGXFSZ];

/// The signal that came last and was not taken yet; zero where none did.
static UNTAKEN: AtomicI32 = AtomicI32::new(0);
/// When the first came, by the clock of [`milliseconds`]; zero where none did.
static FIRST: AtomicU64 = AtomicU64::new(0);
/// Whether a further wish to end came.
static INSISTED: AtomicBool = AtomicBool::new(false);
/// How long a signal after the first is the same wish, in milliseconds. A person who wishes it again takes longer, as a rule.
const SAME_WISH: u64 = 1000;
/// How often a wait looks for what another thread took notice of first, and for a further signal while one is held back.
const LOOKS: [Duration; 2] = [Duration::from_secs(1), Duration::from_millis(50)];
/// Whether SIGUSR1 came and was not taken yet.
static DEBUG: AtomicBool = AtomicBool::new(false);
/// How many want signals kept.
static KEEPS: AtomicUsize = AtomicUsize::new(0);
/// How many clean-ups are under way.
static HOLDS: AtomicUsize = AtomicUsize::new(0);
/// Becomes readable with each fatal signal that is kept.
static WOKEN: OnceLock<Option<UnixStream>> = OnceLock::new();

/// The fatal signals that this process was not started with ignored.
pub fn heeded() -> impl Iterator<Item = i32> {
    static IGNORED: OnceLock<[bool; FATAL_SIGNALS.len()]> = OnceLock::new();
    let ignored = IGNORED.get_or_init(|| FATAL_SIGNALS.map(sys::is_ignored));
    FATAL_SIGNALS.into_iter().zip(ignored).filter(|(_, ignored)| !**ignored).map(|(signal, _)| signal)
}

/// What the handlers do.
fn handle(signal: i32) {
    unlink_doomed();
    if KEEPS.load(Ordering::SeqCst) == 0 {
        return if signal == libc::SIGQUIT { exit_at_once(1) } else { take_default_action(signal) };
    }
    if let Err(first) = FIRST.compare_exchange(0, milliseconds(), Ordering::SeqCst, Ordering::SeqCst) {
        // Each write of the run's last words to a pipe that nobody reads has one, too.
        if signal == libc::SIGPIPE || milliseconds().saturating_sub(first) < SAME_WISH {
            return;
        }
        // Before the signal: whoever sees that sees this.
        INSISTED.store(true, Ordering::SeqCst);
    }
    UNTAKEN.store(signal, Ordering::SeqCst);
}

fn install() {
    static INSTALLED: Once = Once::new();
    begin();
    INSTALLED.call_once(|| {
        heeded().filter(|&signal| signal != libc::SIGQUIT).for_each(|signal| on_signal(signal, handle));
        caught_signals_changed();
    });
}

/// Catches the signals that are no reason for this program to be ended by them, from here on: SIGQUIT ends it with a status, and SIGUSR1
/// turns debugging output on and off (see `main.c` of GNU make).
pub fn begin() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        if !sys::is_ignored(libc::SIGQUIT) {
            on_signal(libc::SIGQUIT, handle);
        }
        on_signal(libc::SIGUSR1, |_| DEBUG.store(true, Ordering::Relaxed));
        caught_signals_changed();
    });
}

/// Whether the signal that turns debugging output on and off came in and was not taken yet.
pub fn take_debug_signal() -> bool {
    DEBUG.load(Ordering::Relaxed) && DEBUG.swap(false, Ordering::Relaxed)
}

/// While it lives, fatal signals are kept for [`take`]. Whoever has one sees to it that they are looked for.
#[derive(Debug)]
pub struct Keep(());

/// Has fatal signals kept from here on, in place of their default actions.
pub fn keep() -> Keep {
    KEEPS.fetch_add(1, Ordering::SeqCst);
    install();
    Keep(())
}

impl Drop for Keep {
    fn drop(&mut self) {
        KEEPS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A fatal signal that came in and was not taken yet; it is taken by that.
#[inline]
pub fn take() -> Option<i32> {
    if UNTAKEN.load(Ordering::Relaxed) == 0 {
        return None;
    }
    Some(UNTAKEN.swap(0, Ordering::SeqCst)).filter(|&signal| signal != 0)
}

/// A fatal signal that is to be taken yet.
#[inline]
pub fn untaken() -> Option<i32> {
    Some(UNTAKEN.load(Ordering::Relaxed)).filter(|&signal| signal != 0)
}

/// Whether what is waited for is to be given up: a fatal signal came and was not taken yet; where what is done is held, a second one.
#[inline]
pub fn has_come() -> bool {
    untaken().is_some() && (HOLDS.load(Ordering::Relaxed) == 0 || INSISTED.load(Ordering::Relaxed))
}

/// While it lives nothing is given up for a first signal: what is done should come to its end.
pub struct Hold(());

/// Begins what a signal is not to cut short. It is for the whole process: a wait of another thread that began meanwhile is not given up
/// before it has something to read.
pub fn hold() -> Hold {
    HOLDS.fetch_add(1, Ordering::Relaxed);
    Hold(())
}

impl Drop for Hold {
    fn drop(&mut self) {
        HOLDS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A file that a fatal signal removes, for as long as this lives.
pub struct Doomed(());

/// Has a fatal signal remove the file `path`, the one of this process. What the signal does else stays as it is.
pub fn doom(path: &[u8]) -> Doomed {
    set_doomed(CString::new(path).ok());
    install();
    Doomed(())
}

impl Drop for Doomed {
    fn drop(&mut self) {
        set_doomed(None);
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// These of the streams can be read, or have ended.
    Ready([bool; 2]),
    /// The deadline is over.
    Late,
    /// A fatal signal came.
    Interrupted,
}

/// Waits until one of `streams` can be read, until `deadline`, or until a fatal signal comes, which is kept meanwhile.
///
/// # Errors
/// The system's.
pub fn wait(streams: [Option<BorrowedFd>; 2], deadline: Option<Instant>) -> io::Result<Wait> {
    let _keep = keep();
    let woken = descriptor();
    loop {
        if has_come() {
            return Ok(Wait::Interrupted);
        }
        // What wakes stays readable until the signal is taken: it wakes all threads that wait.
        let is_held_back = untaken().is_some();
        let waker = woken.filter(|_| !is_held_back).map(AsFd::as_fd);
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let look = LOOKS[usize::from(is_held_back)];
        match wait_readable([streams[0], streams[1], waker], Some(left.unwrap_or(look).min(look))) {
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
            Ok(None) if left.is_some_and(|left| left <= look) => return Ok(Wait::Late),
            Ok(Some([first, second, _])) if first || second => return Ok(Wait::Ready([first, second])),
            Ok(Some(_)) if untaken().is_none() => drain(woken),
            Ok(_) => {}
        }
    }
}

/// Takes what woke a wait that goes on.
fn drain(woken: Option<&UnixStream>) {
    let mut drained = [0; 64];
    if let Some(mut woken) = woken {
        while matches!(woken.read(&mut drained), Ok(count) if count == drained.len()) {}
    }
}

/// Reads `reader` to its end; false where a fatal signal came before it. Where none are kept their default actions hold, and this is a
/// plain read.
///
/// # Errors
/// The system's, of reading.
pub fn read_to_end_of(reader: &mut (impl Read + AsFd), text: &mut Vec<u8>) -> io::Result<bool> {
    if KEEPS.load(Ordering::Relaxed) == 0 {
        return reader.read_to_end(text).map(|_| true);
    }
    let mut buffer = [0; 64 * 1024];
    loop {
        if wait([Some(reader.as_fd()), None], None)? == Wait::Interrupted {
            return Ok(false);
        }
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(count) => text.extend_from_slice(&buffer[..count]),
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
    }
}

/// Writes all of `text`, but for what nobody takes up once a fatal signal has come.
///
/// # Errors
/// The system's.
pub fn write_all(to: BorrowedFd, mut text: &[u8]) -> Result<(), Errno> {
    let can_take = |within: Option<&Timespec>| {
        let mut polled = [PollFd::from_borrowed_fd(to, PollFlags::OUT)];
        !matches!(poll(&mut polled, within), Ok(0))
    };
    while !text.is_empty() {
        if has_come() && !can_take(Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            break;
        }
        match rustix::io::write(to, text) {
            Ok(0) => return Err(Errno::IO),
            Ok(count) => text = &text[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => drop(can_take(None)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Lets `time` pass; false where a fatal signal came.
///
/// # Errors
/// The system's.
pub fn pause(time: Duration) -> io::Result<bool> {
    Ok(wait([None, None], Some(Instant::now() + time))? == Wait::Late)
}

/// Two ends by which a handler wakes who waits; neither end is waited for.
///
/// # Errors
/// The system's.
pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
    let (reader, writer) = UnixStream::pair()?;
    reader.set_nonblocking(true)?;
    writer.set_nonblocking(true)?;
    Ok((reader, writer))
}

/// What becomes readable when a fatal signal comes; none where the system gives none.
fn descriptor() -> Option<&'static UnixStream> {
    let made = WOKEN.get_or_init(|| {
        let (reader, writer) = pair().ok()?;
        let writer = Arc::new(writer);
        for signal in heeded() {
            wake_at(signal, Arc::clone(&writer));
        }
        Some(reader)
    });
    made.as_ref()
}

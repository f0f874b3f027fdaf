//! Fatal signals, noted once for the whole process, and the waits that they end. Knows nothing of what is waited for, nor of what a run
//! does when one has come.
//!
//! Before [`note`] the signals have their default actions, since there is nothing to clean up. After it a signal is kept until
//! [`take`]; all that [`wait`]s is given up from then on, but for what is done under a [`Hold`]: a clean-up, for one.

use crate::os::sys;
use crate::os::sys::spawn::caught_signals_changed;
use crate::os::sys::wait::{unlink_at, wait_readable, wake_at};
use std::ffi::CString;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The signals that end a run after its clean-up (manual, "Interrupting or Killing make").
pub const FATAL_SIGNALS: [i32; 7] =
    [libc::SIGHUP, libc::SIGQUIT, libc::SIGPIPE, libc::SIGINT, libc::SIGTERM, libc::SIGXCPU, libc::SIGXFSZ];

/// What the handlers write.
struct Noted {
    /// The signal that came last and was not taken yet; zero where none did.
    untaken: Arc<AtomicUsize>,
    /// Whether one ever came.
    came: Arc<AtomicBool>,
}

static NOTED: OnceLock<Noted> = OnceLock::new();
/// Readable from the first fatal signal on, for good.
static ENDED: OnceLock<Option<UnixStream>> = OnceLock::new();
/// How many clean-ups are under way.
static HOLDS: AtomicUsize = AtomicUsize::new(0);

/// The fatal signals that this process was not started with ignored.
pub fn heeded() -> impl Iterator<Item = i32> {
    FATAL_SIGNALS.into_iter().filter(|&signal| !sys::is_ignored(signal))
}

/// Has fatal signals noted from here on, in place of their default actions. Whoever calls it sees to it that [`take`] is asked.
pub fn note() {
    NOTED.get_or_init(|| {
        let noted = Noted { untaken: Arc::default(), came: Arc::default() };
        for signal in heeded() {
            // The latter first: whoever sees a signal to take sees that one came.
            let _ = signal_hook::flag::register(signal, Arc::clone(&noted.came));
            let _ = signal_hook::flag::register_usize(signal, Arc::clone(&noted.untaken), signal as usize);
        }
        caught_signals_changed();
        noted
    });
}

/// A fatal signal that came in and was not taken yet.
#[inline]
pub fn take() -> Option<i32> {
    let noted = NOTED.get()?;
    if noted.untaken.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let signal = noted.untaken.swap(0, Ordering::Relaxed) as i32;
    (signal != 0).then_some(signal)
}

/// Whether a fatal signal is to be taken yet.
#[inline]
pub fn is_untaken() -> bool {
    NOTED.get().is_some_and(|noted| noted.untaken.load(Ordering::Relaxed) != 0)
}

/// Whether what is waited for is to be given up: a fatal signal came, and this is no clean-up.
#[inline]
pub fn has_come() -> bool {
    NOTED.get().is_some_and(|noted| noted.came.load(Ordering::Relaxed)) && HOLDS.load(Ordering::Relaxed) == 0
}

/// While it lives nothing is given up for a signal: what is done must come to its end.
pub struct Hold(());

/// Begins what a signal must not cut short. It is for the whole process.
pub fn hold() -> Hold {
    HOLDS.fetch_add(1, Ordering::Relaxed);
    Hold(())
}

impl Drop for Hold {
    fn drop(&mut self) {
        HOLDS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A file that a fatal signal removes, whether signals are noted or not, for as long as this lives.
#[derive(Default)]
pub struct Doomed(Vec<signal_hook::SigId>);

/// Has a fatal signal remove the file `path`. What the signal does else stays as it is.
pub fn doom(path: &[u8]) -> Doomed {
    let Ok(path) = CString::new(path).map(Arc::new) else { return Doomed::default() };
    let is_noted = || NOTED.get().is_some();
    let doomed =
        Doomed(heeded().filter_map(|signal| unlink_at(signal, Arc::clone(&path), is_noted)).collect());
    caught_signals_changed();
    doomed
}

impl Drop for Doomed {
    fn drop(&mut self) {
        for &id in &self.0 {
            signal_hook::low_level::unregister(id);
        }
        // Where nothing else is registered, the signal is caught and does nothing from here on, which must not be.
        if !self.0.is_empty() {
            note();
        }
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

/// Waits until one of `streams` can be read, until `deadline`, or until a fatal signal comes, which is noted from here on.
///
/// # Errors
/// The system's.
pub fn wait(streams: [Option<BorrowedFd>; 2], deadline: Option<Instant>) -> io::Result<Wait> {
    let ended = descriptor();
    loop {
        if has_come() {
            return Ok(Wait::Interrupted);
        }
        let ended = ended.filter(|_| HOLDS.load(Ordering::Relaxed) == 0);
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match wait_readable([streams[0], streams[1], ended], left) {
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
            Ok(None) => return Ok(Wait::Late),
            Ok(Some([first, second, _])) if first || second => return Ok(Wait::Ready([first, second])),
            Ok(Some(_)) => {}
        }
    }
}

/// Reads `reader` to its end; false where a fatal signal came before it. Where none are noted their default actions hold, and this is a
/// plain read.
///
/// # Errors
/// The system's, of reading.
pub fn read_to_end_of(reader: &mut (impl Read + AsFd), text: &mut Vec<u8>) -> io::Result<bool> {
    if NOTED.get().is_none() {
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

/// Lets `time` pass; false where a fatal signal came.
///
/// # Errors
/// The system's.
pub fn pause(time: Duration) -> io::Result<bool> {
    Ok(wait([None, None], Some(Instant::now() + time))? == Wait::Late)
}

/// What becomes readable when a fatal signal comes, and stays so; none where the system gives none.
fn descriptor() -> Option<BorrowedFd<'static>> {
    note();
    let made = ENDED.get_or_init(|| {
        let (reader, writer) = UnixStream::pair().ok()?;
        let _ = writer.set_nonblocking(true);
        let writer = Arc::new(writer);
        for signal in heeded() {
            wake_at(signal, Arc::clone(&writer));
        }
        Some(reader)
    });
    made.as_ref().map(AsFd::as_fd)
}

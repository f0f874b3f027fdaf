//! A run's signs of life while it waits for what it has started. Knows nothing of records.

use super::file;
use std::fs::File;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often a sign is given: well within what a reaper allows for.
const INTERVAL: Duration = Duration::from_secs(1);

/// Sets the journal's time every second until it is dropped, so that a thing which a command takes minutes to make is
/// known for the run's own even if the run is killed before it can write the thing's id down.
pub struct Heartbeat {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// Begins to give signs by `file`, the run's journal; none where no thread can be had, which costs certainty only.
    pub(super) fn begin(file: File) -> Option<Heartbeat> {
        let (end, ended) = channel();
        let beat = move || {
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let _ = file::touch(&file);
            }
        };
        let thread = std::thread::Builder::new().name("heartbeat".to_owned()).spawn(beat).ok()?;
        Some(Heartbeat { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

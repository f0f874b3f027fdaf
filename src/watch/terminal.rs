//! The terminal: single keys without waiting for a line, and its modes given back at the end. Knows nothing of what keys mean.

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcsetattr};
use std::os::fd::BorrowedFd;

/// The terminal of standard input, in a mode that gives single keys. Its modes come back when this is dropped.
pub struct Keys {
    before: Termios,
}

impl Keys {
    /// Takes the keys, where standard input and standard error are a terminal.
    pub fn take() -> Option<Keys> {
        let (stdin, stderr) = (rustix::stdio::stdin(), rustix::stdio::stderr());
        if !isatty(stdin) || !isatty(stderr) {
            return None;
        }
        let before = tcgetattr(stdin).ok()?;
        let mut modes = before.clone();
        // Signals stay: Ctrl-C ends the session.
        modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        modes.special_codes[SpecialCodeIndex::VMIN] = 0;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(stdin, OptionalActions::Now, &modes).ok()?;
        Some(Keys { before })
    }

    /// Readable when a key was pressed.
    pub fn descriptor(&self) -> BorrowedFd<'static> {
        rustix::stdio::stdin()
    }

    /// The keys pressed since the last call; false where the terminal is gone.
    pub fn read(&self) -> Option<Vec<u8>> {
        let mut buffer = [0u8; 64];
        match rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
            Ok(length) => Some(buffer[..length].to_vec()),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Some(Vec::new()),
            Err(_) => None,
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.before);
    }
}

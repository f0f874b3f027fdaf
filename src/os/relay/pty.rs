//! Pseudo-terminals for children whose output is read here. Knows nothing of what is written.

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    LocalModes, OptionalActions, OutputModes, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};
use std::io;
use std::os::fd::OwnedFd;

/// Opens a pseudo-terminal of the size of standard error's terminal: the end that is read here, and the child's. What the child
/// writes comes out as it was written.
///
/// # Errors
/// The system's: there are too many, or none at all.
pub fn open() -> io::Result<(OwnedFd, OwnedFd)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let theirs = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let mut modes = tcgetattr(&theirs)?;
    modes.output_modes.remove(OutputModes::OPOST);
    modes.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&theirs, OptionalActions::Now, &modes)?;
    if let Ok(size) = tcgetwinsize(rustix::stdio::stderr()) {
        tcsetwinsize(&theirs, size)?;
    }
    Ok((ours, theirs))
}

/// Whether standard output and standard error are one and the same terminal.
pub fn one_terminal() -> bool {
    let (out, err) = (rustix::stdio::stdout(), rustix::stdio::stderr());
    let same = match (rustix::fs::fstat(out), rustix::fs::fstat(err)) {
        (Ok(out), Ok(err)) => out.st_rdev == err.st_rdev,
        _ => false,
    };
    same && isatty(out) && isatty(err)
}

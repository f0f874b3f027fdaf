//! Whether what this program prints is printed as it is by what started it all, or is taken by a program in between
//! (`version=$(imk print-version)`). Knows nothing of CI services.

use rustix::fs::Stat;

/// How many ancestors are looked at.
const MOST: usize = 64;

fn parent_of(pid: i32) -> Option<i32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, in parentheses, may hold anything; the parent is the second field after it.
    text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The leader of this process's session; none where a process namespace hides it.
fn session_leader() -> Option<i32> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let leader = text.rsplit_once(')')?.1.split_whitespace().nth(3)?.parse().ok()?;
    Some(leader).filter(|&leader| leader > 0)
}

fn has_variable(pid: i32, entry: &[u8]) -> bool {
    let text = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    text.split(|&byte| byte == 0).any(|found| found == entry)
}

fn same_file(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino, one.st_rdev) == (other.st_dev, other.st_ino, other.st_rdev)
}

/// Whether standard output is that of the first ancestor which was started with `entry` (`NAME=value`) in its environment; where no
/// ancestor was, of the leader of the session. False where that can't be told.
pub fn has_stdout_of_first_with(entry: &str) -> bool {
    let Ok(own) = rustix::fs::fstat(rustix::stdio::stdout()) else { return false };
    let mut first = None;
    let mut pid = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    for _ in 0..MOST {
        let Some(looked_at) = pid.filter(|&pid| pid > 0) else { break };
        if has_variable(looked_at, entry.as_bytes()) {
            first = Some(looked_at);
        }
        pid = parent_of(looked_at);
    }
    let first = first.or_else(session_leader);
    let Some(first) = first else { return false };
    rustix::fs::stat(format!("/proc/{first}/fd/1")).is_ok_and(|stat| same_file(&own, &stat))
}

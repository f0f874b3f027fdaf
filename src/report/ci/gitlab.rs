//! GitLab CI: collapsible sections (<https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections>). Knows nothing of when they
//! are printed.

use super::seconds;
use crate::base::printable::is_obeyed;
use std::time::SystemTime;

/// The name of a section: letters, digits, `_`, `.` and `-` only, and its own in the job's log.
fn identifier(number: u32, run: u32) -> String {
    format!("imk_{run}_{number}")
}

/// Begins a collapsed section.
pub fn section_start(name: &[u8], number: u32, run: u32, now: SystemTime) -> Vec<u8> {
    let mark =
        format!("\x1b[0Ksection_start:{}:{}[collapsed=true]\r\x1b[0K", seconds(now), identifier(number, run));
    // The header is one line.
    let header = String::from_utf8_lossy(name).replace(is_obeyed, " ");
    format!("{mark}{header}\n").into_bytes()
}

/// Ends a section.
pub fn section_end(number: u32, run: u32, now: SystemTime) -> Vec<u8> {
    format!("\x1b[0Ksection_end:{}:{}\r\x1b[0K\n", seconds(now), identifier(number, run)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn sections_are_marked_as_documented() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_560_896_352);
        let start = section_start(b"style-check\tx", 3, 77, now);
        assert_eq!(
            start,
            b"\x1b[0Ksection_start:1560896352:imk_77_3[collapsed=true]\r\x1b[0Kstyle-check x\n"
        );
        assert_eq!(section_end(3, 77, now), b"\x1b[0Ksection_end:1560896352:imk_77_3\r\x1b[0K\n");
    }
}

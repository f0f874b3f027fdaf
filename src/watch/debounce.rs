//! When a row of changes is over: after a quiet period, or at the latest after a cap. Knows nothing of what changed, and has no clock.

use std::time::Duration;

/// A time since the session began.
pub type Time = Duration;

/// Gathers changes.
#[derive(Clone, Debug)]
pub struct Debounce {
    quiet: Duration,
    cap: Duration,
    /// The first and the last change since the row began.
    row: Option<(Time, Time)>,
}

impl Debounce {
    /// A row ends `quiet` after its last change, and at most `cap` after its first.
    pub fn new(quiet: Duration, cap: Duration) -> Debounce {
        Debounce { quiet, cap: cap.max(quiet), row: None }
    }

    /// Something changed.
    pub fn touch(&mut self, now: Time) {
        let first = self.row.map_or(now, |(first, _)| first);
        self.row = Some((first, now));
    }

    /// When the row is over, where there is one.
    pub fn due(&self) -> Option<Time> {
        self.row.map(|(first, last)| (last + self.quiet).min(first + self.cap))
    }

    /// Whether a row is over; it is then forgotten.
    pub fn take(&mut self, now: Time) -> bool {
        let over = self.due().is_some_and(|due| now >= due);
        if over {
            self.row = None;
        }
        over
    }

    /// Whether no row is going on.
    pub fn is_quiet(&self) -> bool {
        self.row.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_ends_when_it_is_quiet_or_too_long() {
        let at = Duration::from_millis;
        let mut debounce = Debounce::new(at(50), at(200));
        assert!(debounce.is_quiet() && debounce.due().is_none() && !debounce.take(at(1000)));
        debounce.touch(at(0));
        debounce.touch(at(30));
        assert_eq!(debounce.due(), Some(at(80)));
        assert!(!debounce.take(at(79)) && debounce.take(at(80)) && debounce.is_quiet());
        for time in (100..320).step_by(20) {
            debounce.touch(at(time));
        }
        assert_eq!(debounce.due(), Some(at(300)), "the cap holds however busy it is");
        assert!(debounce.take(at(300)));
    }
}

//! The size that the stack may grow to: deep chains of prerequisites recurse. Knows nothing of what recurses.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::OnceLock;

/// What the stack may grow to, in bytes.
const WANTED: u64 = 1 << 30;

/// The limit that this process was started with, current and highest, where it was raised.
static GIVEN: OnceLock<(u64, u64)> = OnceLock::new();

/// Lets the stack of this process grow as far as the system allows.
pub fn raise_limit() {
    let given = getrlimit(Resource::Stack);
    let highest = given.maximum.unwrap_or(u64::MAX).min(WANTED);
    if given.current.is_some_and(|current| current < highest) {
        let raised = Rlimit { current: Some(highest), maximum: given.maximum };
        if setrlimit(Resource::Stack, raised).is_ok() {
            let number = |limit: Option<u64>| limit.unwrap_or(libc::RLIM_INFINITY);
            let _ = GIVEN.set((number(given.current), number(given.maximum)));
        }
    }
}

/// The limit that this process was given, current and highest, where it has another: what a child is to have.
pub fn given_limit() -> Option<(u64, u64)> {
    GIVEN.get().copied()
}

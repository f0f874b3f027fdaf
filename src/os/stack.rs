//! The size that the stack may grow to: deep chains of prerequisites recurse. Knows nothing of what recurses.

use crate::os::sys::stack_limit;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::sync::OnceLock;

/// What the stack may grow to, in bytes.
const WANTED: u64 = 1 << 30;

/// The limit that this process was started with, current and highest, where it was raised.
static GIVEN: OnceLock<(u64, u64)> = OnceLock::new();

/// Lets the stack of this process grow as far as the system allows.
pub fn raise_limit() {
    let Some((current, maximum)) = stack_limit() else { return };
    let highest = maximum.min(WANTED);
    if current < highest {
        let limit = |number| (number != libc::RLIM_INFINITY).then_some(number);
        let raised = Rlimit { current: Some(highest), maximum: limit(maximum) };
        if setrlimit(Resource::Stack, raised).is_ok() {
            let _ = GIVEN.set((current, maximum));
        }
    }
}

/// The limit that this process was given, current and highest, where it has another: what a child is to have.
pub fn given_limit() -> Option<(u64, u64)> {
    GIVEN.get().copied()
}

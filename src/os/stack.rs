//! The size that the stack may grow to: deep chains of prerequisites recurse. Knows nothing of what recurses.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::OnceLock;

/// What the stack may grow to, in bytes.
const WANTED: u64 = 1 << 30;

/// The limit that this process was started with, and the one it has since, where it was raised.
static LIMITS: OnceLock<(Rlimit, Rlimit)> = OnceLock::new();

/// Lets the stack of this process grow as far as the system allows.
pub fn raise_limit() {
    let given = getrlimit(Resource::Stack);
    let highest = given.maximum.unwrap_or(u64::MAX).min(WANTED);
    if given.current.is_some_and(|current| current < highest) {
        let raised = Rlimit { current: Some(highest), maximum: given.maximum };
        if setrlimit(Resource::Stack, raised).is_ok() {
            let _ = LIMITS.set((given, raised));
        }
    }
}

/// Calls `start` with the limit that this process was given, which is what a child is to inherit.
pub fn with_given_limit<T>(start: impl FnOnce() -> T) -> T {
    let Some((given, raised)) = LIMITS.get() else { return start() };
    let _ = setrlimit(Resource::Stack, *given);
    let result = start();
    let _ = setrlimit(Resource::Stack, *raised);
    result
}

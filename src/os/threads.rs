//! Threads that need not be had: where the system gives none, the caller does without. Knows nothing of what they do.

use std::thread::{Builder, Scope, ScopedJoinHandle};

/// Starts `work` on a thread of `scope`; none where the system has none to give, since too many processes run, say. The work is lost
/// then, and is the caller's to do.
pub fn start_scoped<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Option<ScopedJoinHandle<'scope, T>> {
    #[cfg(test)]
    if refusal::IS_ON.get() {
        return None;
    }
    Builder::new().spawn_scoped(scope, work).ok()
}

/// Does `work` as on a system that has no thread to give.
#[cfg(test)]
pub fn refused<T>(work: impl FnOnce() -> T) -> T {
    refusal::IS_ON.set(true);
    let result = work();
    refusal::IS_ON.set(false);
    result
}

#[cfg(test)]
mod refusal {
    thread_local! {
        pub static IS_ON: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }
}

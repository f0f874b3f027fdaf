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

/// Starts `work` on a thread that nobody waits for. False where the system has none to give, and the work is lost.
pub fn start(work: impl FnOnce() + Send + 'static) -> bool {
    #[cfg(test)]
    if refusal::IS_ON.get() {
        return false;
    }
    Builder::new().stack_size(STACK).spawn(work).is_ok()
}

/// More than what a loop of calls of the system takes.
const STACK: usize = 128 * 1024;

/// How many threads of this process can run at the same time. The standard library's answer counts quotas as well, for which it
/// reads several files.
pub fn processors() -> usize {
    #[cfg(target_os = "linux")]
    return rustix::thread::sched_getaffinity(None).map_or(1, |processors| processors.count() as usize);
    #[cfg(not(target_os = "linux"))]
    return std::thread::available_parallelism().map_or(1, usize::from);
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

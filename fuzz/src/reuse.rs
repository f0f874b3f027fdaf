//! What is set up once for many executions: the table of names, and the folder that makefiles write into. Knows nothing of what
//! is tried.

use imk::base::Names;
use imk::load::Session;
use std::cell::RefCell;
use std::path::Path;

/// Names that a table may have before it is left for a new one: side tables are as long as it.
const NAMES_MAX: usize = 4000;
/// How deep calls count as being already: a call that calls itself goes on to a bound, ten thousand deep, and each of its look-ups goes
/// through all of them. Near to it the bound is tried as well, in a thousandth of the time.
const CALLS_BEFORE: u32 = 9_950;
/// Executions after which the folder is emptied.
const ROUND: u32 = 2000;

thread_local! {
    static NAMES: RefCell<Names> = RefCell::new(Names::new());
    static EXECUTIONS: RefCell<u32> = const { RefCell::new(0) };
}

/// Does `work` with the table of names, which keeps what it had before. Names live until the process ends, so that a table for
/// each execution would fill its memory.
pub fn with_names<T>(work: impl FnOnce(&mut Names) -> T) -> T {
    let mut names = NAMES.take();
    let result = work(&mut names);
    keep(names);
    result
}

/// Does `work` in a new session.
pub fn with_session<T>(work: impl FnOnce(&mut Session) -> T) -> T {
    let mut session = Session::with_names(b"imk", NAMES.take());
    session.context.call_depth = CALLS_BEFORE;
    let result = work(&mut session);
    keep(session.context.names);
    result
}

fn keep(names: Names) {
    NAMES.set(if names.len() > NAMES_MAX { Names::new() } else { names });
}

/// Empties the folder now and then, where it is the one that `scripts/fuzz` made: a makefile may write files, and wildcards find
/// them all.
pub fn tidy() {
    let is_due = EXECUTIONS.with_borrow_mut(|count| {
        *count += 1;
        *count % ROUND == 1
    });
    if !is_due || !Path::new("/target").exists() || std::env::set_current_dir("/tmp").is_err() {
        return;
    }
    for entry in std::fs::read_dir("/tmp").into_iter().flatten().flatten() {
        let path = entry.path();
        let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
    }
}

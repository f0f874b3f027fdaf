//! What was counted, printed at the end. Knows nothing of what counts.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

static COUNTS: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

/// Adds to a count.
pub fn count(what: &'static str, number: u64) {
    *COUNTS.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += number;
}

/// Prints all counts.
pub fn print() {
    for (what, number) in COUNTS.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        println!("{number:>8} {what}");
    }
}

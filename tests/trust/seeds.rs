//! Random rounds that can be tried again: each has a number of its own as its seed, which is said where it fails. Knows nothing of what
//! is tried.

use crate::figures::count;
use crate::{Failure, scale};

/// Tries `one` as often as `rounds` says, times the scale, and counts as `what`. `TRUST_SEED` is the first round's seed.
pub fn rounds(
    rounds: usize,
    what: &'static str,
    one: impl Fn() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let given = std::env::var("TRUST_SEED").ok().and_then(|seed| seed.parse().ok());
    let first: u64 = given.unwrap_or_else(|| fastrand::u64(..));
    for round in 0..(rounds * scale()) as u64 {
        let seed = first.wrapping_add(round);
        fastrand::seed(seed);
        one().map_err(|failure| format!("TRUST_SEED={seed}: {failure}"))?;
        count(what, 1);
    }
    Ok(())
}

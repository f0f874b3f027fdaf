//! The differential tester: random small makefiles, run by imk and by GNU make 4.4.1, must do the same to the byte.
//!
//! A scenario is made from a seed and a number alone, so any one can be made again. What differs is made smaller and written
//! to `target/differ/` as a case file, ready to be moved to `tests/cases/`. `IMK_DIFFER_COUNT` and `IMK_DIFFER_SEED`
//! say how many and which; `scripts/differ COUNT SEED` is the way to run long ones.

mod arena;
mod generator;
mod minimizer;
mod text;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use libtest_mimic::{Failed, Trial};

use crate::case::Case;
use crate::program::{self, Program};
use arena::{Arena, Verdict};

/// Scenarios of the run that is part of every test run.
const DEFAULT_COUNT: u64 = 400;

/// Differences after which a run stops: more than a reader would look at.
const DEFAULT_LIMIT: u64 = 25;

/// The trial of this module, ignored where GNU make is not there.
pub fn trials() -> Vec<Trial> {
    let make = program::gnu_make();
    let trial = Trial::test("differ::random_makefiles", move || match make {
        Some(make) => compare_many(&program::imk(), make).map_err(Failed::from),
        None => Err(Failed::from("there is no GNU make 4.4.1 here (scripts/gnu-make brings it)")),
    });
    vec![trial.with_ignored_flag(make.is_none())]
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// What a run counts.
#[derive(Default)]
struct Tally {
    next: AtomicU64,
    compared: AtomicU64,
    succeeded: AtomicU64,
    set_aside: AtomicU64,
    different: AtomicU64,
    stop: AtomicBool,
    repeated: AtomicU64,
    seen: Mutex<HashSet<Vec<u8>>>,
    reports: Mutex<Vec<String>>,
}

fn compare_many(imk: &Program, make: &Program) -> Result<(), String> {
    let count = setting("IMK_DIFFER_COUNT", DEFAULT_COUNT);
    let seed = setting("IMK_DIFFER_SEED", 1);
    let limit = setting("IMK_DIFFER_LIMIT", DEFAULT_LIMIT);
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/differ");
    fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let start = Instant::now();
    let tally = Tally::default();
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                if let Err(error) = work(imk, make, (seed, count, limit), &out, &tally) {
                    report(&tally, format!("could not run: {error}"));
                    tally.stop.store(true, Ordering::Relaxed);
                }
            });
        }
    });
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let summary = format!(
        "seed {seed}: {} compared ({} of them with status 0), {} set aside (GNU make crashed, hung or was not deterministic), \
         {} different ({} more that came down to one of these), {:.0} s",
        of(&tally.compared),
        of(&tally.succeeded),
        of(&tally.set_aside),
        of(&tally.different),
        of(&tally.repeated),
        start.elapsed().as_secs_f64()
    );
    println!("differ: {summary}");
    let reports = tally.reports.into_inner().unwrap_or_default();
    if reports.is_empty() { Ok(()) } else { Err(format!("{}\n{summary}", reports.join("\n"))) }
}

fn report(tally: &Tally, text: String) {
    if let Ok(mut reports) = tally.reports.lock() {
        reports.push(text);
    }
}

/// One worker: takes the next number until there is none.
fn work(
    imk: &Program,
    make: &Program,
    (seed, count, limit): (u64, u64, u64),
    out: &Path,
    tally: &Tally,
) -> std::io::Result<()> {
    let mut arena = Arena::new(imk, make)?;
    loop {
        let number = tally.next.fetch_add(1, Ordering::Relaxed);
        if number > 0 && number.is_multiple_of(10_000) {
            eprintln!("differ: at {number} of {count}");
        }
        if number >= count || tally.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let scenario = generator::scenario(seed, number);
        match arena.compare(&scenario)? {
            Verdict::Same { status } => {
                tally.compared.fetch_add(1, Ordering::Relaxed);
                tally.succeeded.fetch_add(u64::from(status == "0"), Ordering::Relaxed);
            }
            Verdict::Unfit => {
                tally.set_aside.fetch_add(1, Ordering::Relaxed);
            }
            Verdict::Different(_) => {
                tally.compared.fetch_add(1, Ordering::Relaxed);
                let (small, difference) = minimizer::minimize(&mut arena, scenario)?;
                if !tally.seen.lock().is_ok_and(|mut seen| seen.insert(small.print())) {
                    tally.repeated.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                let found = tally.different.fetch_add(1, Ordering::Relaxed) + 1;
                let path = write(out, seed, number, small)?;
                report(tally, format!("{} (number {number}):\n{difference}", path.display()));
                if found >= limit {
                    tally.stop.store(true, Ordering::Relaxed);
                }
            }
        }
    }
}

fn write(out: &Path, seed: u64, number: u64, mut case: Case) -> std::io::Result<PathBuf> {
    case.header.insert_str(0, &format!("Found by the differential tester, seed {seed}, number {number}.\n"));
    let path = out.join(format!("{seed}-{number}.case"));
    fs::write(&path, case.print())?;
    Ok(path)
}

//! Exact freshness against a real BuildKit. Of each case each context entry, each argument, each base and each instruction
//! is changed in turn; imk says whether the image is fresh, then BuildKit builds. Where BuildKit makes another image imk
//! must have called it stale: a case with one miss fails. Counted too: of the changes that BuildKit served from its cache,
//! how many imk called fresh.
//!
//! `scripts/test soundness` runs it; `CASE=name` picks cases by a part of their names, `EVERY=n` tries each nth change of a case alone.
//! Status 77 where no engine answers.

mod cases;
mod changes;
mod platforms;
mod scene;

use cases::CASES;
use changes::{Kind, changes};
use imk::image::engine::choose::{Surroundings, named};
use platforms::PLATFORMS;
use scene::{Scene, Stage};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// What became of the changes, by kind: led to another image (and imk missed it), ran steps yet led to the same image, came
/// from the cache (and imk called it fresh), led to another image of the same content.
#[derive(Clone, Copy, Default)]
struct Count {
    built: usize,
    missed: usize,
    partly: usize,
    cached: usize,
    fresh: usize,
    same: usize,
}

#[derive(Default)]
struct Total {
    passed: usize,
    failed: usize,
    skipped: usize,
    counts: BTreeMap<Kind, Count>,
    /// The cases that BuildKit's releases agree on: how many changes came from the cache, and how many of them imk called fresh.
    agreed: (usize, usize),
}

/// How many cases are built at once.
const WORKERS: usize = 3;

fn main() -> ExitCode {
    let engine = match named("docker", &Surroundings::of_process()) {
        Ok(engine) if engine.version().is_ok() => engine,
        _ => {
            println!("soundness: no docker engine answers");
            return ExitCode::from(77);
        }
    };
    let start = Instant::now();
    let picked = std::env::var("CASE").unwrap_or_default();
    let cases = CASES.iter().chain(PLATFORMS).copied().map(Scene::new);
    let chosen: Vec<_> = scene::examples().into_iter().chain(cases).collect();
    let chosen: Vec<_> = chosen.into_iter().filter(|scene| scene.name().contains(&picked)).collect();
    let every = std::env::var("EVERY")
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|&every| every > 0)
        .unwrap_or(1);
    let (next, total) = (AtomicUsize::new(0), Mutex::new(Total::default()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(scene) = chosen.get(at) else { return };
                    // Which ones are tried differs from case to case.
                    run(scene, (at % every, every), engine.as_ref(), &total);
                }
            });
        }
    });
    let total = total.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut sum = Count::default();
    println!(
        "\n{:<22} {:>7} {:>7} {:>7} {:>7} {:>13}",
        "change of", "built", "missed", "in part", "cached", "called fresh"
    );
    for (kind, count) in &total.counts {
        let Count { built, missed, partly, cached, fresh, .. } = count;
        println!("{:<22} {built:>7} {missed:>7} {partly:>7} {cached:>7} {fresh:>13}", kind.name());
        sum.partly += count.partly;
        sum.built += count.built;
        sum.missed += count.missed;
        sum.cached += count.cached;
        sum.fresh += count.fresh;
        sum.same += count.same;
    }
    let Count { built, missed, partly, cached, fresh, same } = sum;
    let share = |fresh: usize, cached: usize| 100.0 * fresh as f64 / cached.max(1) as f64;
    let (agreed, own) = total.agreed;
    println!(
        "\n{} changes in {:.0} s: BuildKit built {built} ({same} of them to the same content), and imk missed \
         {missed}; {partly} ran steps to the same image; {cached} came wholly from the cache, of which imk called \
         {fresh} fresh ({:.1}%); without the cases that BuildKit's releases read differently {own} of {agreed} ({:.1}%)",
        built + partly + cached,
        start.elapsed().as_secs_f64(),
        share(fresh, cached),
        share(own, agreed)
    );
    println!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    ExitCode::from(u8::from(total.failed > 0 || total.passed == 0))
}

/// Tries the changes of a scene: those of which the number leaves the first of `part` when it is divided by the second.
fn run(scene: &Scene, part: (usize, usize), engine: &dyn imk::image::engine::Engine, total: &Mutex<Total>) {
    let mut counts: BTreeMap<Kind, Count> = BTreeMap::new();
    let mut lines = Vec::new();
    let outcome = Stage::set(scene, engine).and_then(|mut stage| {
        let list = changes(scene, &stage).into_iter().enumerate();
        let mut list = list.filter(|(at, _)| at % part.1 == part.0).map(|(_, change)| change);
        let result = list.try_for_each(|change| {
            let what = change.what.clone();
            let Some(seen) = stage.try_change(change)? else { return Ok(()) };
            let count = counts.entry(seen.kind).or_default();
            match (seen.is_other, seen.said_fresh) {
                (true, fresh) => {
                    count.built += 1;
                    count.same += usize::from(seen.is_same_content);
                    // The same content under another id is what early cut-off is for.
                    if fresh && !seen.is_same_content {
                        count.missed += 1;
                        lines.push(format!("missed: {what}"));
                    }
                }
                (false, _) if !seen.is_cached => count.partly += 1,
                (false, fresh) => {
                    count.cached += 1;
                    count.fresh += usize::from(fresh);
                    if !fresh {
                        lines.push(format!("need not have been built: {what} ({})", seen.why));
                    }
                }
            }
            Ok(())
        });
        stage.strike();
        result
    });
    let mut total = total.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let missed = counts.values().any(|count| count.missed > 0);
    let word = match &outcome {
        Err(scene::Fault::Refused(said)) => {
            total.skipped += 1;
            lines = vec![format!("the engine's frontend refuses it: {said}")];
            "skipped"
        }
        Err(scene::Fault::Wrong(what)) => {
            total.failed += 1;
            lines.push(what.clone());
            "FAILED"
        }
        Ok(()) if missed => {
            total.failed += 1;
            "FAILED"
        }
        Ok(()) => {
            total.passed += 1;
            "ok"
        }
    };
    println!("{word:<8} {}", scene.name());
    lines.iter().for_each(|line| println!("         {line}"));
    for (kind, count) in counts {
        if !scene.is_disputed() {
            total.agreed.0 += count.cached;
            total.agreed.1 += count.fresh;
        }
        let sum = total.counts.entry(kind).or_default();
        sum.partly += count.partly;
        sum.built += count.built;
        sum.missed += count.missed;
        sum.cached += count.cached;
        sum.fresh += count.fresh;
        sum.same += count.same;
    }
}

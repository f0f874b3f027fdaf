//! Times looked up ahead, on a thread of its own, while nothing changes files. Knows nothing of what the times decide.
//!
//! GNU make asks for the time of a file when its turn comes. Between two such moments, as long as no recipe has begun, nothing that
//! belongs to the run changes files, so that an answer of somewhat earlier is as good: whatever else changes a file meanwhile may as
//! well do so before or after. From the moment that something is made, a function of a makefile may have changed files, or code of
//! others runs in this process, each time is asked for in its turn.

use crate::base::Name;
use crate::os::archive;
use crate::os::files::{self, Look, Mtime};
use crate::os::threads;
use crate::rules::RuleHost;
use crate::rules::file::{File, FileId};
use crate::rules::implicit::{self, Shape};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Times asked for in their turn before a thread is worth starting: where something is to be made, that mostly shows by then.
const ENOUGH: u32 = 64;
/// Files whose time is still to be asked for, for which it is worth it.
const LEAST: usize = 400;
/// How many files the thread passes over when the walk has caught up with it.
const LEAP: usize = 16;
/// How many names are asked for their shape: more than builds have shapes.
const SHAPES: usize = 16;
/// What no look finds: the file is asked for in its turn.
const TAKEN: Mtime = Mtime::OLD;

/// Looking ahead: not at all, not yet, or at work.
#[derive(Default)]
pub struct Ahead {
    /// Below these files it is worth it.
    roots: Vec<FileId>,
    /// How many times were asked for in their turn.
    asked: u32,
    found: Option<Arc<Found>>,
    /// The epoch of [`crate::os::folders::Folders`] that the answers belong to.
    epoch: u64,
    /// What was found of a file that is asked for next.
    next: Option<(Name, Mtime)>,
}

/// What the thread found; [`Mtime::UNKNOWN`] where it is not known yet, or could not be had.
struct Found {
    /// By the number of the name.
    times: Vec<AtomicU64>,
    /// By the number of a target's name: the time of the file that an implicit rule for it probably asks for.
    expected: Vec<AtomicU64>,
    /// The shapes of targets for which there is such a file.
    shapes: Vec<Shape>,
    /// Nobody wants to know any more.
    over: AtomicBool,
}

/// A file to look at.
struct Wanted {
    name: Name,
    path: &'static [u8],
    /// The place of its shape in [`Found::shapes`], where it has no recipe.
    shape: Option<usize>,
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if let Some(found) = &self.found {
            found.over.store(true, Ordering::Relaxed);
        }
    }
}

/// From here on the files below `roots` are looked at, in this order.
pub fn begin<H: RuleHost>(host: &mut H, roots: Vec<FileId>) {
    let foreign = !host.context().loaded.is_empty();
    let roots = if foreign { Vec::new() } else { roots };
    host.rules().ahead = Ahead { roots, asked: 0, found: None, epoch: 0, next: None };
}

/// From here on each file is asked for in its turn: what was found may be no longer so.
#[inline]
pub fn end<H: RuleHost>(host: &mut H) {
    if !host.rules().ahead.roots.is_empty() {
        host.rules().ahead = Ahead::default();
    }
}

/// What a look at the file `name` finds, where that is known already.
pub fn look<H: RuleHost>(host: &mut H, name: Name) -> Option<Look> {
    let epoch = host.context().folders.epoch();
    let ahead = &mut host.rules().ahead;
    if ahead.roots.is_empty() {
        return None;
    }
    let Some(found) = &ahead.found else {
        ahead.asked += 1;
        if ahead.asked == ENOUGH {
            start(host);
        }
        return None;
    };
    if ahead.epoch != epoch {
        end(host);
        return None;
    }
    if let Some((_, time)) = ahead.next.take_if(|(next, _)| *next == name) {
        return Some(look_of(time));
    }
    let slot = found.times.get(name.index())?;
    match Mtime(slot.load(Ordering::Relaxed)) {
        Mtime::UNKNOWN => {
            // The thread is behind, and need not ask once more.
            slot.store(TAKEN.0, Ordering::Relaxed);
            None
        }
        TAKEN => None,
        time => Some(look_of(time)),
    }
}

fn look_of(time: Mtime) -> Look {
    if time == Mtime::ABSENT { Look::Absent } else { Look::Found(time) }
}

/// An implicit rule was found for `file`: what it asks for may have been looked at for its sake.
pub fn expect<H: RuleHost>(host: &mut H, file: FileId) {
    let rules = host.rules();
    let Some(found) = rules.ahead.found.clone() else { return };
    let record = &rules.files[file];
    let (name, first) = (record.name, record.dependencies.first());
    let Some(dep) = first.filter(|dep| !dep.is_name()).map(|dep| rules.files.resolve(dep.file())) else {
        return;
    };
    let dep = rules.files[dep].name;
    let Some(slot) = found.expected.get(name.index()) else { return };
    let time = Mtime(slot.load(Ordering::Relaxed));
    let names = &host.context().names;
    let mut text = Vec::new();
    let has_shape =
        time != Mtime::UNKNOWN && found.shapes.iter().any(|shape| shape.expects(names.text(name), &mut text));
    if has_shape && text == names.text(dep) {
        host.rules().ahead.next = Some((dep, time));
    }
}

fn start<H: RuleHost>(host: &mut H) {
    let (wanted, shapes) = wanted(host);
    if wanted.len() < LEAST || threads::processors() < 2 {
        return end(host);
    }
    let count = host.context().names.len();
    let slots = |count| std::iter::repeat_with(AtomicU64::default).take(count).collect();
    let expected = slots(if shapes.is_empty() { 0 } else { count });
    let found = Arc::new(Found { times: slots(count), expected, shapes, over: AtomicBool::new(false) });
    let epoch = host.context().folders.epoch();
    let ahead = &mut host.rules().ahead;
    (ahead.epoch, ahead.found) = (epoch, Some(Arc::clone(&found)));
    if !threads::start(move || found.look_at(&wanted)) {
        end(host);
    }
}

/// The files that are yet to be looked at, in the order of the walk from target to prerequisites, and the shapes of those without a
/// recipe.
fn wanted<H: RuleHost>(host: &mut H) -> (Vec<Wanted>, Vec<Shape>) {
    let (mut wanted, mut shapes) = (Vec::new(), Vec::new());
    let mut tries = SHAPES;
    let mut text = Vec::new();
    let mut seen = vec![false; host.rules().files.ids().len()];
    let mut left: Vec<FileId> = host.rules().ahead.roots.iter().rev().copied().collect();
    while let Some(file) = left.pop() {
        if std::mem::replace(&mut seen[file.index()], true) {
            continue;
        }
        let name = host.rules().files[file].name;
        let path = host.context().names.text(name);
        let rules = host.rules();
        let record = &rules.files[file];
        if record.mtime == Mtime::UNKNOWN && !archive::is_member(path) {
            let mut shape = None;
            let expects = path.last().is_some_and(|&last| rules.endings.expect_rule(last));
            if expects && may_need_rule(record) {
                shape = shapes.iter().position(|shape: &Shape| shape.expects(path, &mut text));
                if shape.is_none() && tries > 0 {
                    tries -= 1;
                    shapes.extend(implicit::shape_of(host, path));
                    shape = shapes.iter().position(|shape| shape.expects(path, &mut text));
                }
            }
            wanted.push(Wanted { name, path, shape });
        }
        let files = &host.rules().files;
        let record = &files[file];
        left.extend(record.next);
        let known = record.dependencies.iter().filter(|dep| !dep.is_name() && !dep.needs_expansion());
        let below = known.rev().map(|dep| files.resolve(dep.file()));
        left.extend(below.filter(|file| !seen[file.index()]));
    }
    (wanted, shapes)
}

fn may_need_rule(record: &File) -> bool {
    record.recipe.is_none() && !record.phony && !record.tried_implicit
}

impl Found {
    fn look_at(&self, wanted: &[Wanted]) {
        let mut left = wanted;
        let mut text = Vec::new();
        while let Some((one, rest)) = left.split_first() {
            left = rest;
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let Some(slot) = self.times.get(one.name.index()) else { continue };
            if !ask(slot, one.path) {
                // The walk has come here: side by side with it each file would be asked for twice.
                left = left.get(LEAP..).unwrap_or_default();
                continue;
            }
            let shape = one.shape.and_then(|shape| self.shapes.get(shape));
            if let (Some(shape), Some(slot)) = (shape, self.expected.get(one.name.index()))
                && shape.expects(one.path, &mut text)
            {
                ask(slot, &text);
            }
        }
    }
}

/// Looks at `path` and puts its time into `slot`. False where the walk has been there.
fn ask(slot: &AtomicU64, path: &[u8]) -> bool {
    if slot.load(Ordering::Relaxed) != Mtime::UNKNOWN.0 {
        return false;
    }
    let time = match files::look(path) {
        Look::Found(time) => time,
        Look::Absent => Mtime::ABSENT,
        // The error is said in its turn.
        Look::Failed(_) => return true,
    };
    slot.swap(time.0, Ordering::Relaxed) == Mtime::UNKNOWN.0
}

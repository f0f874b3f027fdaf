//! Changed files whose times do not tell that they changed: what was edited while a run read it is older than what the run made of it,
//! and what was put in place may have a time of long ago. Knows neither when to run nor how a target is made.
//!
//! The run that follows is told of them, and takes them for new. One that does not come to its end may have left them for later, so that
//! they are told to the next one as well.

use super::paths::{Path, split};
use super::source::{Change, Kind};
use crate::base::sorting;
use rustc_hash::{FxHashMap, FxHashSet};
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;

/// What is not sure of one goal's inputs.
#[derive(Default)]
struct Goal {
    /// Paths that changed since its last run began, other than in mode and times; whether it is a folder that came with all that is in
    /// it.
    changed: FxHashMap<Path, bool>,
    /// What a run was told of and may not have come to.
    told: FxHashSet<Path>,
    /// Changes were lost.
    lost: bool,
    /// When its last run began.
    began: i128,
}

/// What is not sure. Times are in nanoseconds since 1970, by the clock that files' times come from.
pub struct Unsure {
    goals: Vec<Goal>,
    /// When the last run ended: nothing that a run made is newer.
    ended: i128,
}

impl Unsure {
    /// Of `goals` goals.
    pub fn new(goals: usize) -> Unsure {
        Unsure { goals: (0..goals).map(|_| Goal::default()).collect(), ended: 0 }
    }

    /// `change` touches an input of `goal`.
    pub fn changed(&mut self, goal: usize, change: &Change) {
        let Some(goal) = self.goals.get_mut(goal).filter(|_| change.kind != Kind::Touched) else { return };
        *goal.changed.entry(change.path.clone()).or_default() |= change.is_folder;
        if change.kind.comes_or_goes() {
            // A folder may be an input itself.
            goal.changed.entry(split(&change.path).0.into()).or_default();
        }
    }

    /// Anything may have changed.
    pub fn all_changed(&mut self) {
        self.goals.iter_mut().for_each(|goal| goal.lost = true);
    }

    /// A run for `goals` begins at `now`, since `causes` changed: what it is to take for new. `inputs` are the files known to matter to a
    /// goal that no run makes; they are asked for where changes were lost.
    pub fn begin(
        &mut self,
        goals: &[usize],
        causes: &[Path],
        inputs: &dyn Fn(usize) -> Vec<Path>,
        now: i128,
    ) -> Vec<Path> {
        let mut causes: FxHashSet<Path> = causes.iter().cloned().collect();
        // A folder of which an entry is a cause is one as well.
        let folders: Vec<Path> = causes.iter().map(|path| split(path).0.into()).collect();
        causes.extend(folders);
        let mut all = FxHashSet::default();
        for &number in goals {
            let Some(goal) = self.goals.get_mut(number) else { continue };
            let is_old = |data: &Metadata| time(data.mtime(), data.mtime_nsec()) <= self.ended;
            // What is no cause turned out to be no change, or the run's own.
            for (path, is_whole) in goal.changed.drain().filter(|(path, _)| causes.contains(path)) {
                if is_whole {
                    within(&path, &is_old, &mut goal.told);
                }
                add(path, &is_old, &mut goal.told);
            }
            if std::mem::take(&mut goal.lost) {
                let began = goal.began;
                let is_hidden =
                    |data: &Metadata| is_old(data) && time(data.ctime(), data.ctime_nsec()) >= began;
                inputs(number).into_iter().for_each(|path| add(path, &is_hidden, &mut goal.told));
            }
            goal.began = now;
            all.extend(goal.told.iter().cloned());
        }
        let mut all: Vec<Path> = all.into_iter().collect();
        sorting::sort(&mut all);
        all
    }

    /// The run for `goals` ended at `now`; `made` says of each whether it came to its end.
    pub fn ended(&mut self, goals: &[usize], made: &dyn Fn(usize) -> bool, now: i128) {
        self.ended = now;
        for &number in goals.iter().filter(|&&number| made(number)) {
            if let Some(goal) = self.goals.get_mut(number) {
                goal.told.clear();
            }
        }
    }
}

fn time(seconds: i64, nanoseconds: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
}

/// Adds `path` where `is_old` holds for it.
fn add(path: Path, is_old: &dyn Fn(&Metadata) -> bool, to: &mut FxHashSet<Path>) {
    // The time that make looks at is that of what a link leads to.
    if std::fs::metadata(OsStr::from_bytes(&path)).is_ok_and(|data| is_old(&data)) {
        to.insert(path);
    }
}

/// Adds what is in `folder`, links not followed.
fn within(folder: &[u8], is_old: &dyn Fn(&Metadata) -> bool, to: &mut FxHashSet<Path>) {
    let Ok(entries) = std::fs::read_dir(OsStr::from_bytes(folder)) else { return };
    for entry in entries.flatten() {
        let path: Path = entry.path().into_os_string().into_vec().into();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            within(&path, is_old, to);
        }
        add(path, is_old, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    struct Place {
        folder: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Place {
            Place { folder: tempfile::tempdir().expect("a folder") }
        }

        fn path(&self, name: &str) -> Path {
            self.folder.path().join(name).into_os_string().into_vec().into()
        }

        /// Writes a file whose time is so many seconds after 1970.
        fn file(&self, name: &str, seconds: u64) -> Path {
            let path = self.folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            let file = std::fs::File::create(&path).expect("a file");
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).expect("a time");
            self.path(name)
        }
    }

    fn change(path: &Path, kind: Kind, is_folder: bool) -> Change {
        Change { path: path.clone(), kind, is_folder }
    }

    const fn seconds(number: i128) -> i128 {
        number * 1_000_000_000
    }

    const NOTHING: [&str; 0] = [];

    fn names(told: Vec<Path>) -> Vec<String> {
        told.iter().map(|path| String::from_utf8_lossy(split(path).1).into_owned()).collect()
    }

    fn none(_: usize) -> Vec<Path> {
        Vec::new()
    }

    #[test]
    fn what_is_not_newer_than_the_last_run_is_told_until_a_run_came_to_it() {
        let place = Place::new();
        let (old, new, mode) = (place.file("old", 100), place.file("new", 101), place.file("mode", 50));
        let causes = [old.clone(), new.clone(), mode.clone()];
        let mut unsure = Unsure::new(2);
        for goal in 0..2 {
            unsure.changed(goal, &change(&old, Kind::Written, false));
        }
        assert_eq!(
            names(unsure.begin(&[0, 1], &causes, &none, seconds(90))),
            NOTHING,
            "no run was before it"
        );
        unsure.ended(&[0, 1], &|_| true, seconds(100));
        for path in [&old, &new] {
            unsure.changed(0, &change(path, Kind::Written, false));
            unsure.changed(1, &change(path, Kind::Written, false));
        }
        unsure.changed(0, &change(&mode, Kind::Touched, false));
        assert_eq!(names(unsure.begin(&[0], &causes, &none, seconds(110))), ["old"]);
        unsure.ended(&[0], &|_| false, seconds(120));
        assert_eq!(
            names(unsure.begin(&[0], &[], &none, seconds(130))),
            ["old"],
            "it may not have come to it"
        );
        unsure.ended(&[0], &|_| true, seconds(140));
        assert_eq!(names(unsure.begin(&[0], &[], &none, seconds(150))), NOTHING);
        // The other goal has its own account, and by now both are older than a run.
        assert_eq!(names(unsure.begin(&[1], &causes, &none, seconds(160))), ["new", "old"]);
    }

    #[test]
    fn what_is_no_cause_is_not_told() {
        let place = Place::new();
        let path = place.file("own", 100);
        let mut unsure = Unsure::new(1);
        unsure.ended(&[0], &|_| true, seconds(200));
        unsure.changed(0, &change(&path, Kind::Written, false));
        assert_eq!(names(unsure.begin(&[0], &[], &none, seconds(210))), NOTHING);
        assert_eq!(names(unsure.begin(&[0], &[path], &none, seconds(220))), NOTHING);
    }

    #[test]
    fn of_a_folder_put_in_place_all_is_told() {
        let place = Place::new();
        let (one, two) = (place.file("in/a/one", 100), place.file("in/two", 300));
        let folder = place.path("in");
        let mut unsure = Unsure::new(1);
        unsure.ended(&[0], &|_| true, seconds(200));
        unsure.changed(0, &change(&folder, Kind::Appeared, true));
        let told = unsure.begin(&[0], &[folder], &none, seconds(400));
        assert!(told.contains(&one) && !told.contains(&two), "{told:?}");
    }

    #[test]
    fn a_goal_that_waits_keeps_the_time_of_its_own_run() {
        let place = Place::new();
        let inputs = vec![place.file("in", 100)];
        let mut unsure = Unsure::new(2);
        unsure.begin(&[1], &[], &none, 0);
        unsure.ended(&[1], &|_| true, seconds(200));
        unsure.all_changed();
        unsure.begin(&[0], &[], &none, i128::MAX);
        unsure.ended(&[0], &|_| true, seconds(200));
        assert_eq!(names(unsure.begin(&[1], &[], &|_| inputs.clone(), i128::MAX)), ["in"]);
    }

    #[test]
    fn where_changes_were_lost_all_inputs_are_looked_at() {
        let place = Place::new();
        let inputs = vec![place.file("old", 100), place.path("gone")];
        let mut unsure = Unsure::new(1);
        unsure.ended(&[0], &|_| true, seconds(200));
        unsure.all_changed();
        assert_eq!(names(unsure.begin(&[0], &[], &|_| inputs.clone(), i128::MAX)), ["old"]);
        unsure.ended(&[0], &|_| true, seconds(200));
        unsure.all_changed();
        assert_eq!(
            names(unsure.begin(&[0], &[], &|_| inputs.clone(), i128::MAX)),
            NOTHING,
            "it lay there before"
        );
    }
}

//! Tests of the cache of digests, on real files.

use super::*;
use crate::image::context::{Ignore, Selection, select};
use proptest::prelude::*;
use rustix::fs::{Timespec, Timestamps};
use std::fs::File;

fn selection(root: &Path) -> Selection {
    select(root, &Ignore::default(), &[], true).unwrap()
}

/// The digests that a new imk with the folder's cache finds, and how many files it read.
fn look(directory: &Path, root: &Path) -> (Vec<Option<Digest>>, u64) {
    let cache = DigestCache::new(directory);
    let found = cache.of(root, &selection(root).entries);
    (found.into_iter().map(|digest| digest.and_then(Result::ok)).collect(), cache.hashed())
}

/// What the same comes to without any cache.
fn truth(root: &Path) -> Vec<Option<Digest>> {
    let elsewhere = tempfile::tempdir().unwrap();
    look(elsewhere.path(), root).0
}

/// Waits until the file system's clock is past what a young file's times can hide.
fn until_settled(directory: &Path, root: &Path) {
    let newest = selection(root).entries.iter().map(|entry| entry.status.changed).max().unwrap_or(0);
    let store = Folder::make(directory).unwrap();
    while i128::from(store.clock().unwrap().min(folder::now())) <= newest + i128::from(STILL) {
        std::thread::yield_now();
    }
}

fn set_modified(path: &Path, seconds: i64, nanoseconds: i64) {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let file = File::options().append(true).open(path).unwrap();
    rustix::fs::futimens(&file, &Timestamps { last_access: time, last_modification: time }).unwrap();
}

struct Place {
    at: tempfile::TempDir,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Place {
        let place = Place { at: tempfile::tempdir().unwrap() };
        std::fs::create_dir(place.root()).unwrap();
        files.iter().for_each(|(name, text)| place.write(name, text));
        place
    }

    fn root(&self) -> PathBuf {
        self.at.path().join("context")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.root().join(name), text).unwrap();
    }

    fn settle(&self) {
        until_settled(self.at.path(), &self.root());
    }

    fn look(&self) -> (Vec<Option<Digest>>, u64) {
        look(self.at.path(), &self.root())
    }
}

#[test]
fn a_file_that_lay_still_is_read_once_and_a_touched_one_alone_again() {
    let place = Place::new(&[("a", "1"), ("b", "2"), ("c", "3")]);
    place.settle();
    let (first, hashed) = place.look();
    assert_eq!((hashed, &first), (3, &truth(&place.root())));
    assert_eq!(place.look(), (first.clone(), 0));
    set_modified(&place.root().join("b"), 1_000_000, 5);
    place.settle();
    assert_eq!(place.look(), (first.clone(), 1));
    assert_eq!(place.look(), (first, 0));
}

#[test]
fn a_young_file_is_read_until_it_has_lain_still() {
    let place = Place::new(&[("a", "1")]);
    // As if a tick of the clock had not passed yet: the file's time is ahead of the clock's.
    set_modified(&place.root().join("a"), 4_000_000_000, 7);
    place.settle();
    for _ in 0..3 {
        assert_eq!(place.look().1, 1);
    }
    set_modified(&place.root().join("a"), 1_000_000, 7);
    place.settle();
    assert_eq!((place.look().1, place.look().1), (1, 0));
}

#[test]
fn whole_seconds_need_longer_to_settle() {
    let key = |modified, changed| Key { size: 1, modified, changed, inode: 1, device: 1 };
    let second = 1_000_000_000;
    assert!(key(5 * second + 1, 5 * second + 1).is_settled(5 * second + 1 + STILL + 1));
    assert!(!key(5 * second + 1, 5 * second + 1).is_settled(5 * second + STILL));
    assert!(!key(5 * second, 1).is_settled(6 * second));
    assert!(!key(1, 5 * second).is_settled(6 * second));
    assert!(key(5 * second, 1).is_settled(8 * second));
    assert!(!key(i64::MAX, 1).is_settled(i64::MAX) && !key(9 * second, 1).is_settled(5 * second));
}

#[test]
fn a_change_that_keeps_size_and_time_is_seen() {
    let place = Place::new(&[("a", "one"), ("b", "two")]);
    let b = place.root().join("b");
    set_modified(&b, 1_000_000, 5);
    place.settle();
    let (first, _) = place.look();
    place.write("b", "owt");
    set_modified(&b, 1_000_000, 5);
    let (second, hashed) = place.look();
    assert_eq!((hashed, first[0]), (1, second[0]));
    assert_ne!(first[1], second[1]);
    // Another file in its place, with its size and its time.
    place.settle();
    place.look();
    place.write("new", "wot");
    set_modified(&place.root().join("new"), 1_000_000, 5);
    std::fs::rename(place.root().join("new"), &b).unwrap();
    assert_eq!(place.look().0, truth(&place.root()));
}

#[test]
fn a_cache_that_is_gone_garbled_or_cut_costs_nothing_but_time() {
    let place = Place::new(&[("a", "1"), ("b", "2")]);
    place.settle();
    let (first, _) = place.look();
    let file = place.at.path().join(".imk").join(FILE);
    let text = std::fs::read(&file).unwrap();
    for at in (0..text.len()).step_by(11) {
        let mut garbled = text.clone();
        garbled[at] ^= 1;
        std::fs::write(&file, &garbled).unwrap();
        assert_eq!(place.look().0, first);
        std::fs::write(&file, &text[..at]).unwrap();
        assert_eq!(place.look().0, first);
    }
    std::fs::remove_dir_all(place.at.path().join(".imk")).unwrap();
    assert_eq!(place.look(), (first, 2));
    std::fs::remove_dir_all(place.at.path().join(".imk")).unwrap();
    std::fs::write(place.at.path().join(".imk"), "in the way").unwrap();
    assert_eq!(place.look().1, 2);
    assert_eq!(place.look().1, 2);
}

#[test]
fn entries_of_others_are_kept_and_of_the_long_gone_dropped() {
    let place = Place::new(&[("a", "1"), ("b", "2")]);
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("o"), "o").unwrap();
    place.settle();
    until_settled(place.at.path(), other.path());
    // Two imks that have both read the cache before either saves.
    let (one, two) = (DigestCache::new(place.at.path()), DigestCache::new(place.at.path()));
    drop(one.of(&place.root(), &[]));
    drop(two.of(&place.root(), &[]));
    one.of(&place.root(), &selection(&place.root()).entries);
    two.of(other.path(), &selection(other.path()).entries);
    assert_eq!(place.look().1, 0);
    assert_eq!(look(place.at.path(), other.path()).1, 0);
    std::fs::remove_file(place.root().join("b")).unwrap();
    let state = || {
        let mut state = State::default();
        state.load(place.at.path());
        let place = |section| match section {
            Section::OnDisk(place) => kept(&state.text[place]),
            Section::Here(entries) => entries,
        };
        let mut paths: Vec<_> = state.sections.into_values().flat_map(place).map(|kept| kept.path).collect();
        // The sections are in the order of their folders, whose names are random here.
        paths.sort();
        paths
    };
    for round in 0..=AGE_MAX {
        assert!(state().contains(&b"b"[..].into()), "{round}");
        set_modified(&place.root().join("a"), i64::from(round) + 1_000_000, 1);
        place.settle();
        place.look();
    }
    assert_eq!(state(), [b"a"[..].into(), b"o"[..].into()] as [Box<[u8]>; 2]);
}

#[test]
fn several_at_once_agree() {
    let names: Vec<String> = (0..100).map(|number| format!("f{number:03}")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let place = Place::new(&files);
    place.settle();
    let expected = truth(&place.root());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| (0..5).for_each(|_| assert_eq!(place.look().0, expected)));
        }
    });
    assert_eq!(place.look(), (expected, 0));
}

#[test]
fn without_threads_all_is_read_as_well() {
    let names: Vec<String> = (0..100).map(|number| format!("f{number:03}")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let place = Place::new(&files);
    place.settle();
    let expected = truth(&place.root());
    assert_eq!(crate::os::threads::refused(|| place.look()), (expected, 100));
}

#[test]
fn what_cannot_be_read_is_told() {
    let place = Place::new(&[("a", "1"), ("b", "2")]);
    let entries = selection(&place.root()).entries;
    std::fs::remove_file(place.root().join("a")).unwrap();
    place.write("b", "another size");
    let found = DigestCache::new(place.at.path()).of(&place.root(), &entries);
    assert_eq!(found, [Some(Err(Fault::Changing)), Some(Err(Fault::Changing))]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is done to files, quickly and with times set at will, the cache says what reading says.
    #[test]
    fn the_cache_never_lies(steps in proptest::collection::vec((0u8..5, 0usize..4, 0i64..3), 1..25)) {
        let place = Place::new(&[("f0", "00"), ("f1", "11")]);
        for (step, file, value) in steps {
            let name = format!("f{file}");
            let path = place.root().join(&name);
            match step {
                0 => place.write(&name, &format!("{value}{value}")),
                1 => drop(std::fs::remove_file(&path)),
                2 if path.exists() => set_modified(&path, 1_000_000 + value, value),
                3 => drop(std::fs::rename(&path, place.root().join(format!("f{}", (file + 1) % 4)))),
                4 => place.settle(),
                _ => {}
            }
            prop_assert_eq!(place.look().0, truth(&place.root()));
        }
    }
}

#[test]
fn what_is_read_ahead_is_what_is_read() {
    let place = Place::new(&[]);
    for number in 0..2000 {
        std::fs::write(place.root().join(format!("file-{number}")), number.to_string()).unwrap();
    }
    place.settle();
    let first = place.look();
    assert!(first.1 >= 2000);
    let cache = DigestCache::new(place.at.path());
    cache.prefetch();
    let entries = selection(&place.root()).entries;
    let found = cache.of(&place.root(), &entries).into_iter();
    assert_eq!(found.map(|digest| digest.and_then(Result::ok)).collect::<Vec<_>>(), first.0);
    assert_eq!(cache.hashed(), 0);
}

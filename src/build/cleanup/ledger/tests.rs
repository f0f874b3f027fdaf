//! The ledger on the fake engine: what goes and what stays, by policy, outcome and moment.

use super::*;
use crate::image::engine::fake::FakeEngine;
use crate::rules::file::Files;

/// A ledger in a folder of its own, with an engine called `fake`, and two jobs.
struct Bench {
    folder: tempfile::TempDir,
    engine: &'static FakeEngine,
    ledger: Ledger,
    jobs: [FileId; 2],
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let engine: &'static FakeEngine = Box::leak(Box::default());
        let ledger = Bench::ledger(&folder, engine);
        let mut names = crate::base::Names::new();
        let mut files = Files::default();
        let jobs = ["one", "two"].map(|name| files.enter(names.intern(name.as_bytes())));
        engine.at(now());
        Bench { folder, engine, ledger, jobs }
    }

    fn ledger(folder: &tempfile::TempDir, engine: &'static FakeEngine) -> Ledger {
        let mut ledger = Ledger::in_directory(folder.path());
        ledger.engines.put("fake", engine);
        ledger
    }

    fn enter(&mut self, job: usize, thing: Thing, policy: Policy) -> Ticket {
        let work = Work { owner: self.jobs[job], target: "t", engine: "fake", policy };
        self.ledger.will_make(&work, thing, None).unwrap()
    }

    /// Enters and makes a container.
    fn container(&mut self, job: usize, name: &str, policy: Policy) -> Ticket {
        let ticket = self.enter(job, container(name), policy);
        self.engine.make_container(name);
        assert_eq!(self.ledger.look_after(ticket), Ok(Seen::Made));
        ticket
    }

    fn there(&self) -> Vec<String> {
        let state = self.engine.state();
        let containers = state.containers.iter().map(|one| one.name.clone());
        let images = state.images.iter().map(|one| format!("{}={}", one.tags.join("+"), &one.id[7..23]));
        containers.chain(images).collect()
    }

    fn has_folder(&self) -> bool {
        self.folder.path().join(".imk").exists()
    }
}

fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

fn container(name: &str) -> Thing {
    Thing::Container { name: Some(name.to_owned()) }
}

fn image(tag: &str) -> Thing {
    Thing::Image { tag: tag.to_owned() }
}

#[test]
fn policies_and_outcomes_decide_what_goes() {
    for (won, keep, expected) in [
        (true, false, vec!["on-failure"]),
        (false, false, vec![]),
        (false, true, vec!["on-failure", "always"]),
        (true, true, vec!["on-failure"]),
    ] {
        let mut bench = Bench::new();
        bench.container(0, "on-failure", Policy::OnFailure);
        bench.container(0, "always", Policy::Always);
        let ending = bench.ledger.finished(bench.jobs[0], won, keep);
        assert_eq!(bench.there(), expected, "won {won}, keep {keep}");
        assert_eq!(ending.kept.len(), if won { 0 } else { expected.len() });
        bench.ledger.end();
        assert!(!bench.has_folder());
    }
}

#[test]
fn a_job_takes_nothing_of_anothers() {
    let mut bench = Bench::new();
    bench.container(0, "one", Policy::OnFailure);
    bench.container(1, "two", Policy::OnFailure);
    bench.ledger.finished(bench.jobs[0], false, false);
    assert_eq!(bench.there(), ["two"]);
    assert_eq!(bench.ledger.owners(), [bench.jobs[1]]);
    bench.ledger.finished(bench.jobs[1], true, false);
    assert_eq!(bench.there(), ["two"]);
}

#[test]
fn what_was_there_before_survives_and_gets_its_tag_back() {
    let mut bench = Bench::new();
    bench.engine.at(now() - 500).make_image("app:1");
    bench.engine.make_container("c");
    let before = bench.there();
    bench.engine.at(now());
    // The tag moves to the run's image; the container's name is taken, so that nothing is made.
    let tag = bench.enter(0, image("app:1"), Policy::OnFailure);
    bench.engine.make_image("app:1");
    assert_eq!(bench.ledger.look_after(tag), Ok(Seen::Made));
    let name = bench.enter(0, container("c"), Policy::OnFailure);
    assert_eq!(bench.ledger.look_after(name), Ok(Seen::NotThere));
    bench.ledger.finished(bench.jobs[0], false, false);
    assert_eq!(bench.there(), before);
}

#[test]
fn a_tag_that_the_failed_removal_took_off_is_given_back() {
    let mut bench = Bench::new();
    bench.engine.make_image("app:1");
    let before = bench.there();
    let tag = bench.enter(0, image("app:1"), Policy::OnFailure);
    bench.engine.make_image("app:1");
    bench.ledger.look_after(tag).unwrap();
    bench.engine.remove_image("app:1").unwrap();
    bench.ledger.finished(bench.jobs[0], false, false);
    assert_eq!(bench.there(), before);
}

#[test]
fn an_image_that_was_there_without_a_tag_stays() {
    let mut bench = Bench::new();
    bench.engine.make_image("app:1");
    bench.engine.make_image("app:2");
    bench.engine.state().images[1].tags.clear();
    let before = bench.there();
    let other = bench.engine.state().images[1].id.clone();
    let tag = bench.enter(0, image("app:1"), Policy::OnFailure);
    // A build that comes to an image which is there already moves the tag to it.
    bench.engine.tag(&other, "app:1").unwrap();
    bench.ledger.look_after(tag).unwrap();
    bench.ledger.finished(bench.jobs[0], false, false);
    assert_eq!(bench.there(), before);
}

#[test]
fn the_recipes_own_removal_settles() {
    let mut bench = Bench::new();
    let ticket = bench.container(0, "c", Policy::OnFailure);
    assert_eq!(bench.ledger.gone(ticket), Ok(false));
    bench.engine.state().containers.clear();
    assert_eq!(bench.ledger.gone(ticket), Ok(true));
    // The user makes one of that name before the job ends.
    bench.engine.make_container("c");
    assert!(!bench.ledger.holds(bench.jobs[0]));
    bench.ledger.finished(bench.jobs[0], false, false);
    assert_eq!(bench.there(), ["c"]);
}

#[test]
fn what_the_engine_makes_after_its_client_was_stopped_is_waited_for() {
    let mut bench = Bench::new();
    let ticket = bench.enter(0, container("late"), Policy::OnFailure);
    let engine = bench.engine;
    let maker = std::thread::spawn(move || {
        std::thread::sleep(LATE / 6);
        engine.make_container("late");
    });
    assert_eq!(bench.ledger.look_after_interruption(ticket), Ok(Seen::Made));
    maker.join().unwrap();
    bench.ledger.finished(bench.jobs[0], false, false);
    assert!(bench.there().is_empty());
}

#[test]
fn an_engine_that_stops_leaves_the_journal_and_the_next_run_cleans() {
    let mut bench = Bench::new();
    bench.engine.make_container("users");
    bench.container(0, "c", Policy::OnFailure);
    bench.enter(0, image("app:1"), Policy::OnFailure);
    bench.engine.make_image("app:1");
    bench.engine.state().fails_after = Some(0);
    let work = Work { owner: bench.jobs[0], target: "t", engine: "fake", policy: Policy::OnFailure };
    let refused = bench.ledger.will_make(&work, container("d"), None);
    assert_eq!(refused, Err(Fault::Engine(EngineError::Closed)));
    let ending = bench.ledger.finished(bench.jobs[0], false, false);
    assert_eq!((ending.report.removed.len(), ending.report.left.len()), (0, 2));
    bench.ledger.end();
    assert!(bench.has_folder());
    bench.engine.state().fails_after = None;
    let mut next = Bench::ledger(&bench.folder, bench.engine);
    assert_eq!(next.reap_once().unwrap().unwrap().removed.len(), 2);
    assert_eq!(next.reap_once(), None);
    assert_eq!(bench.there(), ["users"]);
    assert!(!bench.has_folder());
}

#[test]
fn without_a_file_the_run_still_cleans() {
    let mut bench = Bench::new();
    std::fs::write(bench.folder.path().join(".imk"), b"a file").unwrap();
    bench.container(0, "c", Policy::OnFailure);
    assert!(matches!(bench.ledger.take_unwritten(), Some(JournalError::Folder(..))));
    bench.container(0, "d", Policy::OnFailure);
    assert_eq!(bench.ledger.take_unwritten(), None);
    bench.ledger.finished(bench.jobs[0], false, false);
    assert!(bench.there().is_empty());
    bench.ledger.end();
    assert_eq!(std::fs::read(bench.folder.path().join(".imk")).unwrap(), b"a file");
}

#[test]
fn a_container_known_by_its_id_alone_is_removed() {
    let mut bench = Bench::new();
    let old = bench.engine.at(now() - 500).make_container("old");
    let ticket = bench.enter(0, Thing::Container { name: None }, Policy::OnFailure);
    let id = bench.engine.at(now()).make_container("random");
    // A file that an earlier run left names an older container.
    assert_eq!(bench.ledger.made_container(ticket, &old), Ok(Seen::NotThere));
    assert_eq!(bench.ledger.made_container(ticket, &id), Ok(Seen::Made));
    bench.ledger.finished(bench.jobs[0], false, false);
    assert_eq!(bench.there(), ["old"]);
}

#[test]
fn what_others_keep_in_the_folder_stays() {
    let mut bench = Bench::new();
    bench.container(0, "c", Policy::OnFailure);
    std::fs::write(bench.folder.path().join(".imk/cache"), b"x").unwrap();
    bench.ledger.finished(bench.jobs[0], true, false);
    bench.ledger.end();
    let mut left: Vec<String> = std::fs::read_dir(bench.folder.path().join(".imk"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, [".gitignore", "cache"]);
}

#[test]
fn a_silent_engine_is_waited_for_once_and_once_more_at_a_jobs_end() {
    let mut bench = Bench::new();
    let tickets = ["a", "b"].map(|name| bench.enter(0, container(name), Policy::OnFailure));
    ["a", "b"].iter().for_each(|name| drop(bench.engine.make_container(name)));
    bench.engine.state().is_silent = true;
    let calls = bench.engine.calls();
    let silent = || Fault::Engine(EngineError::Timeout(1));
    for ticket in tickets {
        assert_eq!(bench.ledger.look_after(ticket), Err(silent()));
        assert_eq!(bench.ledger.gone(ticket), Err(silent()));
    }
    let work = Work { owner: bench.jobs[0], target: "t", engine: "fake", policy: Policy::OnFailure };
    assert_eq!(bench.ledger.will_make(&work, container("c"), None).err(), Some(silent()));
    assert_eq!(bench.engine.calls(), calls + 1);
    let ending = bench.ledger.finished(bench.jobs[0], false, false);
    assert_eq!((ending.report.left.len(), bench.engine.calls()), (2, calls + 2));
    bench.engine.state().is_silent = false;
    let removed = bench.ledger.reap().unwrap();
    bench.ledger.end();
    let later = Bench::ledger(&bench.folder, bench.engine).reap().unwrap();
    assert_eq!((removed.removed.len(), later.removed.len(), bench.there()), (0, 2, Vec::new()));
}

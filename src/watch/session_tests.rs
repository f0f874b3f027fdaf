//! The session's decisions, on a clock that the tests move.

use super::*;
use crate::base::tables::{HashMap, HashSet};
use std::cell::RefCell;

#[derive(Default)]
struct Fake {
    absent: RefCell<HashSet<Vec<u8>>>,
    digests: RefCell<HashMap<Vec<u8>, u64>>,
    shared: HashSet<(usize, usize)>,
}

impl World for Fake {
    fn exists(&self, path: &[u8]) -> bool {
        !self.absent.borrow().contains(path)
    }

    fn digest(&self, path: &[u8]) -> Option<u64> {
        self.digests.borrow().get(path).copied()
    }

    fn share(&self, one: usize, other: usize) -> bool {
        self.shared.contains(&(one.min(other), one.max(other)))
    }
}

const fn at(milliseconds: u64) -> Time {
    Duration::from_millis(milliseconds)
}

fn policy(on_busy: OnBusy) -> Policy {
    Policy { quiet: at(50), cap: at(1000), on_busy, grace: at(5000) }
}

/// What was started, stopped and ended, in short.
fn deeds(session: &mut Session) -> Vec<String> {
    let short = |action| match action {
        Action::Start(goals, _) => Some(format!("start {goals:?}")),
        Action::Terminate => Some("terminate".to_owned()),
        Action::Kill => Some("kill".to_owned()),
        Action::Quit => Some("quit".to_owned()),
        Action::Say(Say::OwnProduct(path)) => Some(format!("own {}", String::from_utf8_lossy(&path))),
        Action::Say(_) => None,
    };
    session.actions().into_iter().filter_map(short).collect()
}

/// A session whose `goals` goals were made at 0.
fn made(on_busy: OnBusy, goals: usize, world: &Fake) -> Session {
    let mut session = Session::new(policy(on_busy), goals);
    session.begin(at(0), world);
    while session.is_busy() {
        session.ended(0, &vec![Some(true); goals], at(0), world);
    }
    session.actions();
    session
}

#[test]
fn a_row_of_changes_is_one_run() {
    let world = Fake::default();
    let mut session = made(OnBusy::Restart, 1, &world);
    for time in 0..20 {
        session.changed(0, b"/a", false, at(time * 10));
        session.tick(at(time * 10), &world);
    }
    assert_eq!(deeds(&mut session), [""; 0]);
    assert_eq!(session.deadline(), Some(at(240)));
    session.tick(at(240), &world);
    assert_eq!(deeds(&mut session), ["start [0]"]);
    session.ended(2, &[Some(false)], at(300), &world);
    assert_eq!(
        (deeds(&mut session), session.any_failed()),
        (vec![], true),
        "a failed run waits for a change"
    );
    session.tick(at(9000), &world);
    assert_eq!(deeds(&mut session), [""; 0]);
}

#[test]
fn goals_run_each_for_its_own_changes() {
    let world = Fake { shared: HashSet::from_iter([(0, 2)]), ..Fake::default() };
    let mut session = made(OnBusy::Restart, 3, &world);
    session.changed(1, b"/b", false, at(0));
    session.tick(at(50), &world);
    assert_eq!(deeds(&mut session), ["start [1]"]);
    // A change that does not concern the run lets it finish.
    session.changed(0, b"/a", false, at(60));
    session.changed(2, b"/a", false, at(60));
    session.tick(at(110), &world);
    assert_eq!(deeds(&mut session), [""; 0]);
    session.ended(0, &[None, Some(true), None], at(200), &world);
    assert_eq!(deeds(&mut session), ["start [0, 2]"]);
}

#[test]
fn what_a_change_makes_stale_is_stopped_and_starts_again() {
    let world = Fake::default();
    let mut session = made(OnBusy::Restart, 1, &world);
    session.changed(0, b"/a", false, at(0));
    session.tick(at(50), &world);
    session.changed(0, b"/b", false, at(60));
    session.tick(at(110), &world);
    assert_eq!(deeds(&mut session), ["start [0]", "terminate"]);
    // It takes its time, and is killed after the grace.
    assert_eq!(session.deadline(), Some(at(5110)));
    session.tick(at(5110), &world);
    assert_eq!(deeds(&mut session), ["kill"]);
    session.ended(137, &[None], at(5120), &world);
    assert_eq!(deeds(&mut session), ["start [0]"]);
}

#[test]
fn a_queued_change_waits_for_the_end() {
    let world = Fake::default();
    let mut session = made(OnBusy::Queue, 1, &world);
    session.changed(0, b"/a", false, at(0));
    session.tick(at(50), &world);
    session.changed(0, b"/a", false, at(60));
    session.tick(at(110), &world);
    assert_eq!(deeds(&mut session), ["start [0]"]);
    session.ended(0, &[Some(true)], at(400), &world);
    assert_eq!(deeds(&mut session), ["start [0]"]);
    session.ended(0, &[Some(true)], at(500), &world);
    assert_eq!(deeds(&mut session), [""; 0]);
}

#[test]
fn a_change_just_before_the_end_counts_once_it_is_quiet() {
    let world = Fake::default();
    let mut session = made(OnBusy::Restart, 1, &world);
    session.changed(0, b"/a", false, at(0));
    session.tick(at(50), &world);
    session.changed(0, b"/a", false, at(60));
    session.ended(0, &[Some(true)], at(70), &world);
    assert_eq!(deeds(&mut session), ["start [0]"]);
    session.tick(at(110), &world);
    assert_eq!(deeds(&mut session), ["start [0]"]);
}

#[test]
fn names_that_came_and_went_are_no_change() {
    let world = Fake::default();
    let mut session = made(OnBusy::Restart, 1, &world);
    world.absent.borrow_mut().insert(b"/tmp-1".to_vec());
    session.changed(0, b"/tmp-1", true, at(0));
    session.tick(at(50), &world);
    assert_eq!(deeds(&mut session), [""; 0]);
}

#[test]
fn a_run_that_writes_its_own_input_comes_to_an_end() {
    // Other content each time: three runs in a row prove it.
    let world = Fake::default();
    let mut session = made(OnBusy::Restart, 1, &world);
    session.changed(0, b"/stamp", false, at(0));
    session.tick(at(50), &world);
    let mut all = deeds(&mut session);
    let mut time = 100;
    for round in 0..6 {
        if !session.is_busy() {
            break;
        }
        world.digests.borrow_mut().insert(b"/stamp".to_vec(), round);
        session.changed(0, b"/stamp", false, at(time));
        session.tick(at(time + 50), &world);
        session.ended(0, &[Some(true)], at(time + 60), &world);
        all.extend(deeds(&mut session));
        time += 100;
    }
    assert_eq!(all, ["start [0]", "terminate", "start [0]", "start [0]", "own /stamp"]);
    // In quiet times it is an input as any other.
    session.changed(0, b"/stamp", false, at(time));
    session.tick(at(time + 50), &world);
    assert_eq!(deeds(&mut session), ["start [0]"]);
}

#[test]
fn a_run_that_writes_the_same_again_runs_once_more_only() {
    let world = Fake::default();
    let mut session = made(OnBusy::Queue, 1, &world);
    world.digests.borrow_mut().insert(b"/formatted".to_vec(), 7);
    session.changed(0, b"/formatted", false, at(0));
    session.tick(at(50), &world);
    session.changed(0, b"/formatted", false, at(60));
    session.tick(at(110), &world);
    session.ended(0, &[Some(true)], at(120), &world);
    assert_eq!(deeds(&mut session), ["start [0]", "start [0]"]);
    session.changed(0, b"/formatted", false, at(130));
    session.tick(at(180), &world);
    session.ended(0, &[Some(true)], at(190), &world);
    assert_eq!(deeds(&mut session), [""; 0]);
}

#[test]
fn users_who_save_again_and_again_while_busy_are_heard() {
    let world = Fake::default();
    let mut session = made(OnBusy::Restart, 1, &world);
    session.changed(0, b"/a", false, at(0));
    session.tick(at(50), &world);
    session.actions();
    // The second save stops the run, the third is queued behind the next, and that one sees it.
    let mut started = 0;
    for (round, save) in [(0, true), (1, true), (2, false)] {
        let time = 100 + round * 1000;
        if save {
            world.digests.borrow_mut().insert(b"/a".to_vec(), round);
            session.changed(0, b"/a", false, at(time));
            session.tick(at(time + 50), &world);
        }
        session.ended(0, &[Some(true)], at(time + 100), &world);
        started += deeds(&mut session).iter().filter(|deed| deed.starts_with("start")).count();
    }
    assert_eq!((started, session.is_busy()), (2, false));
}

#[test]
fn goals_that_a_failed_run_did_not_come_to_are_made_after_the_repair() {
    let world = Fake { shared: HashSet::from_iter([(0, 1)]), ..Fake::default() };
    let mut session = Session::new(policy(OnBusy::Restart), 2);
    session.begin(at(0), &world);
    session.ended(2, &[Some(false), None], at(10), &world);
    assert_eq!(deeds(&mut session), ["start [0, 1]"]);
    session.changed(0, b"/a", false, at(100));
    session.tick(at(150), &world);
    session.ended(0, &[Some(true), None], at(160), &world);
    assert_eq!(deeds(&mut session), ["start [0]", "start [1]"]);
}

#[test]
fn keys_pause_run_and_quit() {
    let world = Fake::default();
    let mut session = made(OnBusy::Restart, 1, &world);
    session.pause(at(0), &world);
    session.changed(0, b"/a", false, at(1));
    session.tick(at(60), &world);
    assert_eq!(deeds(&mut session), [""; 0]);
    session.pause(at(70), &world);
    assert_eq!(deeds(&mut session), ["start [0]"]);
    session.run_now(at(80), &world);
    assert_eq!(deeds(&mut session), ["terminate"]);
    session.ended(143, &[None], at(90), &world);
    assert_eq!(deeds(&mut session), ["start [0]"]);
    session.quit(at(100));
    session.quit(at(110));
    assert_eq!(deeds(&mut session), ["terminate", "kill"]);
    session.ended(137, &[None], at(120), &world);
    assert_eq!(deeds(&mut session), ["quit"]);
}

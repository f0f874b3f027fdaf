//! The session's decisions: which goals are stale, when a run starts, is stopped, starts again. A plain state machine: events and times
//! in, actions out. Knows no processes, clocks, files or terminals.

use super::debounce::{Debounce, Time};
use super::paths::Path;
use crate::base::sorting;
use rustc_hash::FxHashMap;
use std::time::Duration;

/// What a change while busy means for a run that it makes stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBusy {
    /// It is stopped and starts again.
    Restart,
    /// It runs to its end, and starts again then.
    Queue,
}

/// How a session behaves.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How long no change may come before a run starts.
    pub quiet: Duration,
    /// How long changes may put a run off.
    pub cap: Duration,
    /// What a change while busy means.
    pub on_busy: OnBusy,
    /// How long a run may take to end after it was asked to.
    pub grace: Duration,
}

/// What the session asks about the world.
pub trait World {
    /// Whether there is something at `path`.
    fn exists(&self, path: &[u8]) -> bool;
    /// A digest of the file's content.
    fn digest(&self, path: &[u8]) -> Option<u64>;
    /// Whether two goals have a target with a recipe in common, so that they are made in one run.
    fn share(&self, one: usize, other: usize) -> bool;
}

/// What is to be said. Goals are numbers, causes the paths that changed.
#[allow(missing_docs)] // Fields: `goals` and `causes` as above, `status` as a shell counts it, `stopped` by the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// A run starts for goals, since these paths changed; none where it was asked for.
    Starting { goals: Vec<usize>, causes: Vec<Path> },
    /// The run is being stopped, since these paths changed.
    Stopping { causes: Vec<Path> },
    /// The run takes too long to end, and is killed.
    Killing,
    /// The run ended.
    Ended { goals: Vec<usize>, status: i32, took: Duration, stopped: bool },
    /// A file changed in each of several runs in a row: the run itself writes it.
    OwnProduct(Path),
    /// No runs until further notice.
    Paused,
    /// Runs again.
    Resumed,
    /// Nothing runs, and nothing is to be done.
    Idle,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a run for these goals, since these paths changed.
    Start(Vec<usize>, Vec<Path>),
    /// Ask the run to end.
    Terminate,
    /// End it.
    Kill,
    /// Say something.
    Say(Say),
    /// End the session.
    Quit,
}

/// A file changed in as many runs in a row is taken for the run's own.
const STRIKES: u32 = 3;

#[derive(Clone, Debug)]
struct Pending {
    path: Path,
    /// A name that was not known before: it need not be an input.
    new: bool,
    /// It came while the goal was being made.
    during: bool,
}

/// A file that changed while its goal was being made.
#[derive(Clone, Copy, Debug, Default)]
struct Strike {
    runs: u32,
    digest: Option<u64>,
}

#[derive(Default)]
struct Goal {
    pending: Vec<Pending>,
    /// To be run without a change: at the start, on demand, after it was stopped.
    again: bool,
    /// A run failed before it came to this goal.
    owed: bool,
    /// Whether the last run made it.
    failed: bool,
    strikes: FxHashMap<Path, Strike>,
}

impl Goal {
    fn is_stale(&self) -> bool {
        self.again || !self.pending.is_empty()
    }
}

struct Running {
    goals: Vec<usize>,
    since: Time,
    /// What changed while it ran, by goal.
    during: FxHashMap<(usize, Path), Option<u64>>,
    /// When it is killed, where it was asked to end.
    stopping: Option<Time>,
    killed: bool,
}

/// A watch session.
pub struct Session {
    policy: Policy,
    goals: Vec<Goal>,
    debounce: Debounce,
    running: Option<Running>,
    paused: bool,
    quitting: bool,
    actions: Vec<Action>,
}

impl Session {
    /// A session of `goals` goals; none of them was made yet.
    pub fn new(policy: Policy, goals: usize) -> Session {
        let goal = || Goal { again: true, ..Goal::default() };
        Session {
            policy,
            goals: (0..goals).map(|_| goal()).collect(),
            debounce: Debounce::new(policy.quiet, policy.cap),
            running: None,
            paused: false,
            quitting: false,
            actions: Vec::new(),
        }
    }

    /// What is to be done now; it is told once.
    pub fn actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Whether a run is going on.
    #[cfg(test)]
    pub fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Whether `goal` is being made.
    pub fn is_making(&self, goal: usize) -> bool {
        self.running.as_ref().is_some_and(|running| running.goals.contains(&goal))
    }

    /// Whether the last run of some goal failed.
    pub fn any_failed(&self) -> bool {
        self.goals.iter().any(|goal| goal.failed || goal.owed)
    }

    /// Whether the session is about to end.
    pub fn is_quitting(&self) -> bool {
        self.quitting
    }

    /// Begins: all goals are made once.
    pub fn begin(&mut self, now: Time, world: &dyn World) {
        self.start_next(now, world);
    }

    /// `path` changed, an input of `goal`; `new` says that the name was not known before.
    pub fn changed(&mut self, goal: usize, path: &[u8], new: bool, now: Time) {
        let during = self.is_making(goal);
        let Some(goal) = self.goals.get_mut(goal) else { return };
        match goal.pending.iter_mut().find(|pending| *pending.path == *path) {
            // A change in quiet times is the stronger one.
            Some(pending) => {
                pending.during &= during;
                pending.new &= new;
            }
            None => goal.pending.push(Pending { path: path.into(), new, during }),
        }
        self.debounce.touch(now);
    }

    /// Anything may have changed.
    pub fn all_changed(&mut self, now: Time) {
        for goal in &mut self.goals {
            goal.again = true;
        }
        self.debounce.touch(now);
    }

    /// When [`Session::tick`] is wanted at the latest.
    pub fn deadline(&self) -> Option<Time> {
        let stopping =
            self.running.as_ref().filter(|running| !running.killed).and_then(|running| running.stopping);
        match (self.debounce.due(), stopping) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Time, world: &dyn World) {
        if let Some(running) = &mut self.running
            && !running.killed
            && running.stopping.is_some_and(|deadline| now >= deadline)
        {
            running.killed = true;
            self.actions.push(Action::Say(Say::Killing));
            self.actions.push(Action::Kill);
        }
        if self.debounce.take(now) {
            let causes = self.settle(world);
            if !causes.is_empty() && self.policy.on_busy == OnBusy::Restart {
                self.stop(now, causes);
            }
            self.start_next(now, world);
        }
    }

    /// Drops changes that are none after all, and returns those that make the run that is going on stale beyond doubt.
    fn settle(&mut self, world: &dyn World) -> Vec<Path> {
        let mut causes = Vec::new();
        let running = &mut self.running;
        for (number, goal) in self.goals.iter_mut().enumerate() {
            let Goal { pending, strikes, .. } = goal;
            pending.retain(|change| {
                if change.new && !world.exists(&change.path) {
                    return false;
                }
                if !change.during {
                    return true;
                }
                let digest = world.digest(&change.path);
                let strike = strikes.get(&change.path).copied().unwrap_or_default();
                if let Some(running) = running.as_mut().filter(|running| running.goals.contains(&number)) {
                    running.during.insert((number, change.path.clone()), digest);
                    if strike.runs == 0 {
                        causes.push(change.path.clone());
                    }
                }
                // What the run before wrote as well says nothing new.
                strike.runs == 0 || digest.is_none() || digest != strike.digest
            });
        }
        sorting::sort(&mut causes);
        causes.dedup();
        causes
    }

    fn stop(&mut self, now: Time, causes: Vec<Path>) {
        let grace = self.policy.grace;
        if let Some(running) = self.running.as_mut().filter(|running| running.stopping.is_none()) {
            running.stopping = Some(now + grace);
            self.actions.push(Action::Say(Say::Stopping { causes }));
            self.actions.push(Action::Terminate);
        }
    }

    /// The run ended with `status`, as a shell counts it; `done` says of each goal what became of it.
    pub fn ended(&mut self, status: i32, done: &[Option<bool>], now: Time, world: &dyn World) {
        self.settle(world);
        let Some(running) = self.running.take() else { return };
        let stopped = running.stopping.is_some();
        for &number in &running.goals {
            let Some(goal) = self.goals.get_mut(number) else { continue };
            let mut strikes = FxHashMap::default();
            for ((_, path), &digest) in running.during.iter().filter(|((of, _), _)| *of == number) {
                let runs = goal.strikes.get(path).map_or(0, |strike| strike.runs) + 1;
                strikes.insert(path.clone(), Strike { runs, digest });
            }
            goal.strikes = strikes;
            let strikes = &goal.strikes;
            let actions = &mut self.actions;
            goal.pending.retain_mut(|change| {
                let own =
                    change.during && strikes.get(&change.path).is_some_and(|strike| strike.runs >= STRIKES);
                if own {
                    actions.push(Action::Say(Say::OwnProduct(change.path.clone())));
                }
                // It was judged, and counts from here on as any other.
                change.during = false;
                !own
            });
            match done.get(number).copied().flatten() {
                Some(made) => {
                    goal.failed = !made;
                    goal.again |= stopped && !made;
                }
                None if stopped => goal.again = true,
                None => {
                    goal.owed = status != 0;
                    goal.failed = status != 0;
                }
            }
        }
        let took = now.saturating_sub(running.since);
        self.actions.push(Action::Say(Say::Ended { goals: running.goals, status, took, stopped }));
        if status == 0 && !stopped {
            for goal in &mut self.goals {
                goal.again |= std::mem::take(&mut goal.owed);
            }
        }
        if self.quitting {
            self.actions.push(Action::Quit);
            return;
        }
        self.start_next(now, world);
        if self.running.is_none() {
            self.actions.push(Action::Say(Say::Idle));
        }
    }

    /// Starts the next run, where nothing runs, changes have come to rest and a goal is stale.
    fn start_next(&mut self, now: Time, world: &dyn World) {
        if self.running.is_some() || self.paused || self.quitting || !self.debounce.is_quiet() {
            return;
        }
        let stale: Vec<usize> = (0..self.goals.len()).filter(|&goal| self.goals[goal].is_stale()).collect();
        let Some(&first) = stale.first() else { return };
        let mut goals = vec![first];
        // What shares a target with one of them is made with them, so that the target is made once.
        while let Some(&next) = stale
            .iter()
            .find(|goal| !goals.contains(goal) && goals.iter().any(|&other| world.share(**goal, other)))
        {
            goals.push(next);
        }
        goals.sort_unstable();
        let mut causes = Vec::new();
        for &goal in &goals {
            let goal = &mut self.goals[goal];
            goal.again = false;
            goal.owed = false;
            causes.extend(goal.pending.drain(..).map(|pending| pending.path));
        }
        sorting::sort(&mut causes);
        causes.dedup();
        self.running = Some(Running {
            goals: goals.clone(),
            since: now,
            during: FxHashMap::default(),
            stopping: None,
            killed: false,
        });
        self.actions.push(Action::Say(Say::Starting { goals: goals.clone(), causes: causes.clone() }));
        self.actions.push(Action::Start(goals, causes));
    }

    /// Makes all goals now.
    pub fn run_now(&mut self, now: Time, world: &dyn World) {
        for goal in &mut self.goals {
            goal.again = true;
            goal.strikes.clear();
        }
        self.paused = false;
        self.stop(now, Vec::new());
        self.debounce.touch(now.saturating_sub(self.policy.cap));
        self.tick(now, world);
    }

    /// Holds runs back, or lets them go on.
    pub fn pause(&mut self, now: Time, world: &dyn World) {
        self.paused = !self.paused;
        self.actions.push(Action::Say(if self.paused { Say::Paused } else { Say::Resumed }));
        self.start_next(now, world);
    }

    /// Ends the session, after the run that is going on was stopped; asked twice, the run is killed.
    pub fn quit(&mut self, now: Time) {
        let again = std::mem::replace(&mut self.quitting, true);
        match &mut self.running {
            None => self.actions.push(Action::Quit),
            Some(running) if again && !running.killed => {
                running.killed = true;
                self.actions.push(Action::Kill);
            }
            Some(running) if running.stopping.is_none() => {
                running.stopping = Some(now + self.policy.grace);
                self.actions.push(Action::Terminate);
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;

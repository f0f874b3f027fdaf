//! What is known of each goal's inputs, from what runs report: kept from run to run, asked for each change. Decides nothing.

use super::interest::{Adding, Interest, Touch};
use super::paths::{Path, Resolver, is_within, split};
use super::report::{Record, Sender};
use super::source::Change;
use rustc_hash::{FxHashMap, FxHashSet};

/// One goal.
#[derive(Default)]
struct Goal {
    /// What the last whole run saw.
    current: Interest,
    /// What the run that goes on has seen so far.
    next: Interest,
    /// Targets with recipes that it needs.
    targets: FxHashSet<Vec<u8>>,
    /// Those that the run that goes on has told of.
    next_targets: FxHashSet<Vec<u8>>,
    /// What the last run said became of it.
    done: Option<bool>,
}

/// Interests of two runs: the last whole one, and the one that goes on.
#[derive(Default)]
struct Pair {
    current: Interest,
    next: Interest,
}

enum Section {
    Reading,
    Goal(usize),
    Recipe(Vec<u8>),
    None,
}

/// What is known of all goals.
pub struct Known {
    names: Vec<Vec<u8>>,
    /// No goal was given: the default goal's name is learnt from the first run.
    default: bool,
    goals: Vec<Goal>,
    reading: Pair,
    /// What the recipes of targets read, by target.
    recipes: FxHashMap<Vec<u8>, Pair>,
    /// Recipes that the run that goes on has told of.
    told: FxHashSet<Vec<u8>>,
    resolver: Resolver,
    /// The goals of the run that goes on.
    running: Vec<usize>,
    since: i128,
    whole: bool,
    /// The folder that the runs work in.
    pub folder: Option<Path>,
    /// The level of the runs, where one has told.
    level: Option<u32>,
}

impl Known {
    /// Nothing is known of `names` yet; where there are none, of the default goal.
    pub fn new(names: &[Vec<u8>]) -> Known {
        let default = names.is_empty();
        let names = if default { vec![Vec::new()] } else { names.to_vec() };
        Known {
            goals: names.iter().map(|_| Goal::default()).collect(),
            names,
            default,
            reading: Pair::default(),
            recipes: FxHashMap::default(),
            told: FxHashSet::default(),
            resolver: Resolver::default(),
            running: Vec::new(),
            since: 0,
            whole: false,
            folder: None,
            level: None,
        }
    }

    /// The goals' names, for people.
    pub fn shown(&self) -> Vec<String> {
        let shown = |name: &Vec<u8>| match name.as_slice() {
            b"" => "the default goal".to_owned(),
            name => String::from_utf8_lossy(name).into_owned(),
        };
        self.names.iter().map(shown).collect()
    }

    /// The words of `goals` for a command line.
    pub fn words(&self, goals: &[usize]) -> Vec<Vec<u8>> {
        if self.default {
            return Vec::new();
        }
        goals.iter().filter_map(|&goal| self.names.get(goal).cloned()).collect()
    }

    /// How many goals there are.
    pub fn goals(&self) -> usize {
        self.goals.len()
    }

    /// A run for `goals` begins at `since`, in nanoseconds since 1970.
    pub fn begin(&mut self, goals: &[usize], since: i128) {
        self.running = goals.to_vec();
        self.since = since;
        self.whole = false;
        self.told.clear();
        self.resolver.forget();
        for &goal in goals {
            self.goals[goal].next = Interest::default();
            self.goals[goal].next_targets.clear();
            self.goals[goal].done = None;
        }
        self.reading.next = Interest::default();
    }

    /// The goals of the run that goes on.
    pub fn running(&self) -> &[usize] {
        &self.running
    }

    /// Takes in a message of a run; inputs that changed since the run began are put into `late`.
    pub fn hear(&mut self, sender: &Sender, records: &[Record], late: &mut Vec<Path>) {
        if self.folder.is_none() {
            self.level = Some(sender.level);
            self.folder = Some(self.resolver.folder(&sender.folder));
        }
        if self.level.is_some_and(|level| sender.level > level) {
            self.hear_below(sender, records, late);
            return;
        }
        let mut section = Section::None;
        for record in records {
            match record {
                Record::Reading => section = Section::Reading,
                Record::Goal(name) => {
                    if self.default && self.names[0].is_empty() {
                        self.names[0].clone_from(name);
                    }
                    let goal = self.names.iter().position(|known| self.default || known == name);
                    section = goal.map_or(Section::None, Section::Goal);
                }
                Record::Recipe(target) => {
                    if self.told.insert(target.clone()) {
                        self.recipes.entry(target.clone()).or_default().next = Interest::default();
                    }
                    section = Section::Recipe(target.clone());
                }
                Record::End => self.whole = true,
                Record::Done(made) => {
                    if let Section::Goal(goal) = section {
                        self.goals[goal].done = Some(*made);
                    }
                }
                Record::Target(target) => {
                    if let Section::Goal(goal) = section {
                        let goal = &mut self.goals[goal];
                        goal.targets.insert(target.clone());
                        goal.next_targets.insert(target.clone());
                    }
                }
                record => {
                    let pair = match &section {
                        Section::Reading => Some((&mut self.reading.next, &self.reading.current)),
                        Section::Goal(goal) => {
                            let goal = &mut self.goals[*goal];
                            Some((&mut goal.next, &goal.current))
                        }
                        Section::Recipe(target) => {
                            self.recipes.get_mut(target).map(|pair| (&mut pair.next, &pair.current))
                        }
                        Section::None => None,
                    };
                    let Some((next, current)) = pair else { continue };
                    let mut adding = Adding {
                        resolver: &mut self.resolver,
                        folder: &sender.folder,
                        before: Some(current),
                        since: self.since,
                        late,
                    };
                    next.add(record, &mut adding);
                }
            }
        }
    }

    /// What a sub-make says counts for every goal of the run.
    fn hear_below(&mut self, sender: &Sender, records: &[Record], late: &mut Vec<Path>) {
        for &goal in &self.running {
            let goal = &mut self.goals[goal];
            let mut adding = Adding {
                resolver: &mut self.resolver,
                folder: &sender.folder,
                before: Some(&goal.current),
                since: self.since,
                late,
            };
            for record in records {
                goal.next.add(record, &mut adding);
            }
        }
    }

    /// The run ended: what it saw takes the place of what was known, where it came to say all; else it is added. Goals of which
    /// nothing is known are returned; they are watched by the whole folder from now on.
    pub fn end(&mut self) -> Vec<usize> {
        let whole = self.whole;
        let settle = |pair: (&mut Interest, &mut Interest)| {
            let next = std::mem::take(pair.1);
            if whole { *pair.0 = next } else { pair.0.absorb(next) }
        };
        settle((&mut self.reading.current, &mut self.reading.next));
        for target in &self.told {
            if let Some(pair) = self.recipes.get_mut(target) {
                settle((&mut pair.current, &mut pair.next));
            }
        }
        let mut unknown = Vec::new();
        for &number in &self.running {
            let goal = &mut self.goals[number];
            settle((&mut goal.current, &mut goal.next));
            if whole {
                goal.targets = std::mem::take(&mut goal.next_targets);
            }
            let recipes = &self.recipes;
            let known = |target: &Vec<u8>| recipes.get(target).is_some_and(|pair| !pair.current.is_empty());
            if whole && goal.current.is_empty() && !goal.targets.iter().any(known) {
                let Some(folder) = self.folder.clone() else { continue };
                goal.current.tree(folder, None);
                unknown.push(number);
            }
        }
        unknown
    }

    /// What became of each goal.
    pub fn done(&self) -> Vec<Option<bool>> {
        self.goals.iter().map(|goal| goal.done).collect()
    }

    /// Whether two goals need one target with a recipe. Where nothing is known yet, they may.
    pub fn share(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.goals[one].targets, &self.goals[other].targets);
        one.is_empty() || other.is_empty() || !one.is_disjoint(other)
    }

    fn of_goal(&self, goal: usize) -> impl Iterator<Item = &Interest> {
        let goal = &self.goals[goal];
        let recipes = goal.targets.iter().filter_map(|target| self.recipes.get(target));
        [&goal.current, &goal.next, &self.reading.current, &self.reading.next]
            .into_iter()
            .chain(recipes.flat_map(|pair| [&pair.current, &pair.next]))
    }

    /// What `change` is to `goal`; nothing where `making` and the run itself writes the file.
    pub fn touched(&self, goal: usize, change: &Change, making: bool) -> Touch {
        let mut touch = Touch::No;
        for interest in self.of_goal(goal) {
            match interest.touched(change) {
                Touch::Input => {
                    touch = Touch::Input;
                    break;
                }
                Touch::NewName => touch = Touch::NewName,
                Touch::No => {}
            }
        }
        if touch != Touch::No && making && self.is_product(&change.path) {
            return Touch::No;
        }
        touch
    }

    /// Whether the run that goes on writes `path`: for one of its goals, or for the makefiles.
    fn is_product(&self, path: &[u8]) -> bool {
        let made = |interest: &Interest| interest.products.contains(path);
        self.running.iter().any(|&goal| self.of_goal(goal).any(made))
    }

    /// Whether `path` says what some goal reads, so that it is to be looked at anew.
    pub fn is_definition(&self, path: &[u8]) -> bool {
        (0..self.goals.len()).any(|goal| self.of_goal(goal).any(|interest| interest.is_definition(path)))
    }

    fn each(&mut self) -> impl Iterator<Item = &mut Interest> {
        let pairs = self.recipes.values_mut().flat_map(|pair| [&mut pair.current, &mut pair.next]);
        let goals = self.goals.iter_mut().flat_map(|goal| [&mut goal.current, &mut goal.next]);
        goals.chain(pairs).chain([&mut self.reading.current, &mut self.reading.next])
    }

    /// Looks anew at what depends on folders' entries; files changed since the run began go to `late`.
    pub fn refresh(&mut self, late: &mut Vec<Path>) {
        let mut resolver = std::mem::take(&mut self.resolver);
        resolver.forget();
        let since = self.since;
        for interest in self.each().filter(|interest| interest.depends_on_entries()) {
            interest.refresh(&mut resolver, since, late);
        }
        self.resolver = resolver;
    }

    /// The folders whose events are needed, the nearest that are there in place of those that are not; and those that are not.
    pub fn folders(&mut self) -> (FxHashSet<Path>, Vec<Path>) {
        let mut wanted = FxHashSet::default();
        for interest in self.each() {
            interest.folders(&mut wanted);
        }
        let top = self.folder.clone();
        let mut found = FxHashSet::default();
        let mut absent = Vec::new();
        for folder in wanted {
            let mut folder: &[u8] = &folder;
            let is_there =
                |path: &[u8]| crate::os::files::is_folder(if path.is_empty() { b"/" } else { path });
            if !is_there(folder) {
                absent.push(folder.into());
                while folder.len() > 1 && !is_there(folder) {
                    folder = split(folder).0;
                }
            }
            // Folders above, up to where the runs work: one of them may be moved or replaced.
            loop {
                if !found.insert(folder.into()) {
                    break;
                }
                let above = split(folder).0;
                if !top.as_ref().is_some_and(|top| is_within(above, top)) {
                    break;
                }
                folder = above;
            }
        }
        (found, absent)
    }

    /// The files that are known to matter to `goal` and that no run makes.
    pub fn inputs(&self, goal: usize) -> Vec<Path> {
        let mut files = FxHashSet::default();
        self.of_goal(goal).for_each(|interest| interest.each_file(&mut files));
        let is_product = |path: &Path| self.of_goal(goal).any(|interest| interest.products.contains(path));
        files.into_iter().filter(|path| !is_product(path)).collect()
    }

    /// How many files are known to matter.
    pub fn files(&self) -> usize {
        let mut files = FxHashSet::default();
        for goal in 0..self.goals.len() {
            self.of_goal(goal).for_each(|interest| interest.each_file(&mut files));
        }
        files.len()
    }
}

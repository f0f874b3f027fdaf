//! Goals and prerequisites in another order, to find missing dependencies (manual, `--shuffle`). Knows nothing of updates.

use crate::base::diagnostic::Outcome;
use crate::build::Build;
use crate::cli::settings::ShuffleMode;
use crate::rules::file::{Dep, FileId};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// The mode, and the orders made so far.
#[derive(Default)]
pub struct Shuffle {
    /// How; none where nothing is shuffled.
    pub mode: Option<ShuffleMode>,
    /// The mode as it is shown in messages.
    pub shown: Option<Vec<u8>>,
    /// The state of the generator.
    pub state: u32,
    orders: HashMap<FileId, Vec<Turn>, FxBuildHasher>,
}

/// What is considered at a position of a shuffled list of prerequisites.
#[derive(Clone, Copy)]
pub enum Turn {
    /// The prerequisite at this place of the list as written.
    At(usize),
    /// One that was dropped from the list, since another one's turn met a circle; its own turn comes all the same.
    Dropped(Dep),
}

impl Shuffle {
    /// Whether anything is shuffled.
    pub fn is_on(&self) -> bool {
        matches!(self.mode, Some(ShuffleMode::Reverse | ShuffleMode::Random(_)))
    }

    /// The next number of the generator (xorshift of 32 bits).
    fn next(&mut self) -> u32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        self.state
    }

    /// An order of `count` things. Prerequisites around `.WAIT` keep their sides.
    pub fn order(&mut self, count: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count as u32).collect();
        match self.mode {
            Some(ShuffleMode::Reverse) => order.reverse(),
            Some(ShuffleMode::Random(_)) => {
                for index in 0..count {
                    let other = self.next() as usize % count;
                    order.swap(index, other);
                }
            }
            _ => {}
        }
        order
    }
}

impl Build {
    /// Whether any prerequisite of `file` waits for those before it: then the order stays.
    fn has_wait(&self, file: FileId) -> bool {
        self.session.rules.files[file].dependencies.iter().any(Dep::wait)
    }

    /// The prerequisite of `file` that is considered at `position`; none after the last.
    pub fn turn(&mut self, file: FileId, position: usize) -> Option<Turn> {
        let record = &self.session.rules.files[file];
        let count = record.dependencies.len();
        if position >= count {
            return None;
        }
        if !self.shuffle.is_on() || self.session.rules.not_parallel || self.session.remaking_makefiles {
            return Some(Turn::At(position));
        }
        if !record.shuffled || self.shuffle.orders.get(&file).is_none_or(|order| order.len() != count) {
            let order = if self.has_wait(file) {
                (0..count).map(Turn::At).collect()
            } else {
                self.shuffle.order(count).into_iter().map(|index| Turn::At(index as usize)).collect()
            };
            self.shuffle.orders.insert(file, order);
            self.session.rules.files[file].shuffled = true;
        }
        self.shuffle.orders.get(&file).and_then(|order| order.get(position)).copied()
    }

    /// The prerequisite whose turn it is.
    pub fn prerequisite(&self, file: FileId, turn: Turn) -> Option<Dep> {
        match turn {
            Turn::At(index) => self.session.rules.files[file].dependencies.get(index).copied(),
            Turn::Dropped(dep) => Some(dep),
        }
    }

    /// Drops the prerequisite at `position` of the list as written. GNU make does so even where it was the turn of another
    /// one that met the circle: that one stays in the list, and the dropped one has its turn wherever it was due.
    pub fn drop_prerequisite(&mut self, file: FileId, position: usize) {
        let dependencies = &mut self.session.rules.files[file].dependencies;
        if position >= dependencies.len() {
            return;
        }
        let dropped = dependencies.remove(position);
        if let Some(order) = self.shuffle.orders.get_mut(&file) {
            if position < order.len() {
                order.remove(position);
            }
            for turn in order {
                match *turn {
                    Turn::At(index) if index == position => *turn = Turn::Dropped(dropped),
                    Turn::At(index) if index > position => *turn = Turn::At(index - 1),
                    _ => {}
                }
            }
        }
    }

    /// Prepares the generator for the mode in force.
    pub fn set_shuffle(&mut self, mode: ShuffleMode) -> Outcome {
        if let ShuffleMode::Random(seed) = mode {
            self.shuffle.state = seed.max(1);
        }
        self.shuffle.mode = Some(mode).filter(|mode| *mode != ShuffleMode::Off);
        Ok(())
    }
}

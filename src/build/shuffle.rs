//! Goals and prerequisites in another order, to find missing dependencies (manual, `--shuffle`). Knows nothing of updates.

use crate::base::diagnostic::Outcome;
use crate::build::Build;
use crate::cli::settings::ShuffleMode;
use crate::rules::file::{Dep, FileId};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use std::rc::Rc;

/// The mode, and the orders made so far.
#[derive(Default)]
pub struct Shuffle {
    /// How; none where nothing is shuffled.
    pub mode: Option<ShuffleMode>,
    /// The mode as it is shown in messages.
    pub shown: Option<Vec<u8>>,
    /// The state of the generator.
    pub state: u32,
    orders: HashMap<FileId, Rc<[u32]>, FxBuildHasher>,
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

    /// The order in which the prerequisites of `file` are considered; none where it is the order as written.
    pub fn order_of(&mut self, file: FileId) -> Option<Rc<[u32]>> {
        if !self.shuffle.is_on() || self.session.rules.not_parallel || self.session.remaking_makefiles {
            return None;
        }
        let record = &self.session.rules.files[file];
        let count = record.dependencies.len();
        if !record.shuffled || self.shuffle.orders.get(&file).is_none_or(|order| order.len() != count) {
            let order: Vec<u32> =
                if self.has_wait(file) { (0..count as u32).collect() } else { self.shuffle.order(count) };
            self.shuffle.orders.insert(file, order.into());
            self.session.rules.files[file].shuffled = true;
        }
        self.shuffle.orders.get(&file).cloned()
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

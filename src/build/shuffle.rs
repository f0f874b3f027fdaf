//! Goals and prerequisites in another order, to find missing dependencies (manual, `--shuffle`). Knows nothing of updates.
//!
//! The order of one seed is GNU make's: the generator starts anew with each walk, and a walk goes from a target to its
//! prerequisites in the order of the makefile.

use crate::base::diagnostic::Outcome;
use crate::build::{Build, Goal};
use crate::cli::settings::ShuffleMode;
use crate::rules::chain::Cell;
use crate::rules::file::FileId;

/// The mode, and the generator.
#[derive(Default)]
pub struct Shuffle {
    /// How; none where nothing is shuffled.
    pub mode: Option<ShuffleMode>,
    /// The mode as it is shown in messages.
    pub shown: Option<Vec<u8>>,
    state: u32,
}

impl Shuffle {
    /// Whether anything is shuffled.
    fn is_on(&self) -> bool {
        matches!(self.mode, Some(ShuffleMode::Reverse | ShuffleMode::Random(_)))
    }

    fn restart(&mut self) {
        if let Some(ShuffleMode::Random(seed)) = self.mode {
            self.state = seed.max(1);
        }
    }

    /// The next number of the generator (xorshift of 32 bits).
    fn next(&mut self) -> u32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        self.state
    }

    fn mix<T>(&mut self, things: &mut [T]) {
        match self.mode {
            Some(ShuffleMode::Reverse) => things.reverse(),
            Some(ShuffleMode::Random(_)) => {
                for index in 0..things.len() {
                    let other = self.next() as usize % things.len();
                    things.swap(index, other);
                }
            }
            _ => {}
        }
    }
}

impl Build {
    fn shuffles(&self) -> bool {
        self.shuffle.is_on() && !self.session.rules.not_parallel
    }

    /// The order in which goals are considered; the prerequisites of all that can be reached from them are shuffled, too.
    pub fn shuffle_goals(&mut self, goals: &[Goal]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..goals.len()).collect();
        if self.shuffles() && !self.session.remaking_makefiles {
            self.shuffle.restart();
            self.shuffle.mix(&mut order);
            self.shuffle_below(goals.iter().rev().map(|goal| goal.file).collect());
        }
        order
    }

    /// Shuffles the prerequisites of `file`, which are new, and those of what can be reached from them.
    pub fn shuffle_prerequisites(&mut self, file: FileId) {
        if !self.shuffles() {
            return;
        }
        self.shuffle.restart();
        let cells = self.shuffle_list(file);
        let below = self.prerequisite_files(&cells);
        self.shuffle_below(below);
    }

    /// Shuffles what no walk has come to yet, from the last of `files` to the first, prerequisites before the next of them.
    fn shuffle_below(&mut self, mut files: Vec<FileId>) {
        while let Some(file) = files.pop() {
            if !std::mem::replace(&mut self.session.rules.files[file].shuffled, true) {
                let cells = self.shuffle_list(file);
                files.extend(self.prerequisite_files(&cells));
            }
        }
    }

    /// The files in `cells`, the last one first.
    fn prerequisite_files(&self, cells: &[Cell]) -> Vec<FileId> {
        let files = &self.session.rules.files;
        let entered = cells.iter().rev().filter_map(|&cell| files.dep(cell)).filter(|dep| !dep.is_name());
        entered.map(|dep| dep.file()).collect()
    }

    /// Shuffles the list of one file, whose cells are returned. Where any prerequisite waits for those before it, the order stays.
    fn shuffle_list(&mut self, file: FileId) -> Vec<Cell> {
        let files = &mut self.session.rules.files;
        let cells = files.cells(file);
        if !cells.iter().any(|&cell| files.dep(cell).is_some_and(|dep| dep.wait())) {
            let mut order = cells.clone();
            self.shuffle.mix(&mut order);
            files.set_turns(&cells, &order);
        }
        cells
    }

    /// Prepares the generator for the mode in force.
    pub fn set_shuffle(&mut self, mode: ShuffleMode) -> Outcome {
        self.shuffle.mode = Some(mode).filter(|mode| *mode != ShuffleMode::Off);
        Ok(())
    }
}

//! Lists of prerequisites while targets are brought up to date: chains of cells. A circle that is dropped cuts a chain, the chain
//! of another target even, where grouped targets are made together; and a shuffled cell takes another one's turn. Walks hold on to
//! cells, so that what is cut under them neither ends nor repeats them. Knows nothing of why a cell is cut.
//!
//! The cells are the prerequisites' places in [`super::file::File::dependencies`]; only what departs from the order of places is
//! kept here, which for most runs is nothing.

use super::file::{Dep, FileId, Files};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// A place in the list of prerequisites that a file has of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    owner: FileId,
    place: u32,
}

/// What departs from the order of places.
#[derive(Default)]
pub struct Chains {
    heads: HashMap<FileId, Option<Cell>, FxBuildHasher>,
    successors: HashMap<Cell, Option<Cell>, FxBuildHasher>,
    turns: HashMap<Cell, Cell, FxBuildHasher>,
}

impl Files {
    fn cell(&self, owner: FileId, place: u32) -> Option<Cell> {
        ((place as usize) < self[owner].dependencies.len()).then_some(Cell { owner, place })
    }

    /// The first cell of `file`'s chain.
    #[inline]
    pub fn first_cell(&self, file: FileId) -> Option<Cell> {
        if !self.chains.heads.is_empty()
            && let Some(&head) = self.chains.heads.get(&file)
        {
            return head;
        }
        self.cell(file, 0)
    }

    /// The cell after `cell`.
    #[inline]
    pub fn next_cell(&self, cell: Cell) -> Option<Cell> {
        if !self.chains.successors.is_empty()
            && let Some(&next) = self.chains.successors.get(&cell)
        {
            return next;
        }
        self.cell(cell.owner, cell.place + 1)
    }

    /// The cell that is considered when it is `cell`'s turn: itself, unless the list is shuffled.
    #[inline]
    pub fn turn(&self, cell: Cell) -> Cell {
        if self.chains.turns.is_empty() { cell } else { *self.chains.turns.get(&cell).unwrap_or(&cell) }
    }

    /// The prerequisite in `cell`.
    #[inline]
    pub fn dep(&self, cell: Cell) -> Option<Dep> {
        self[cell.owner].dependencies.get(cell.place as usize).copied()
    }

    /// The prerequisite in `cell`, to be changed.
    #[inline]
    pub fn dep_mut(&mut self, cell: Cell) -> Option<&mut Dep> {
        self[cell.owner].dependencies.get_mut(cell.place as usize)
    }

    /// Cuts `cell` out of `file`'s chain: behind `last`, or from its head. It may be the chain of another file that `cell` is in;
    /// then `file`'s goes on with what is left of that one.
    pub fn cut_cell(&mut self, file: FileId, last: Option<Cell>, cell: Cell) {
        let next = self.next_cell(cell);
        match last {
            Some(last) => drop(self.chains.successors.insert(last, next)),
            None => drop(self.chains.heads.insert(file, next)),
        }
    }

    /// The cells of `file`'s chain, in their order.
    pub fn cells(&self, file: FileId) -> Vec<Cell> {
        std::iter::successors(self.first_cell(file), |&cell| self.next_cell(cell)).collect()
    }

    /// The prerequisites of `file`, in their order.
    pub fn prerequisites(&self, file: FileId) -> Vec<Dep> {
        if self.chains.heads.is_empty() && self.chains.successors.is_empty() {
            return self[file].dependencies.clone();
        }
        self.cells(file).into_iter().filter_map(|cell| self.dep(cell)).collect()
    }

    /// Makes the list of `file` the chain as it is now, as prerequisites are going to be entered in it.
    pub fn straighten(&mut self, file: FileId) {
        if self.chains.heads.is_empty() && self.chains.successors.is_empty() && self.chains.turns.is_empty() {
            return;
        }
        let list = self.prerequisites(file);
        self.chains.heads.remove(&file);
        self.chains.successors.retain(|cell, _| cell.owner != file);
        self.chains.turns.retain(|cell, _| cell.owner != file);
        self[file].dependencies = list;
    }

    /// Puts the list of `from`, which gives it up, behind that of `to`; cells go on taking each other's turns.
    pub fn append(&mut self, to: FileId, from: FileId) {
        if self.first_cell(from).is_none() {
            return;
        }
        let mut before = self.cells(to);
        before.extend(self.cells(from));
        let turns: Vec<Cell> = before.iter().map(|&cell| self.turn(cell)).collect();
        self.straighten(to);
        self.straighten(from);
        let mut list = std::mem::take(&mut self[from].dependencies);
        self[to].dependencies.append(&mut list);
        if before != turns {
            let after = self.cells(to);
            let places: HashMap<Cell, usize, FxBuildHasher> = before.into_iter().zip(0..).collect();
            // A cell whose turn is that of one that was cut takes its own.
            let taken = |turn, own| places.get(turn).map_or(own, |&at: &usize| after[at]);
            let order: Vec<Cell> = turns.iter().zip(&after).map(|(turn, &own)| taken(turn, own)).collect();
            self.set_turns(&after, &order);
        }
    }

    /// Lets the cells of a chain take each other's turns: that of `cells[n]` is taken by `order[n]`.
    pub fn set_turns(&mut self, cells: &[Cell], order: &[Cell]) {
        self.chains.turns.extend(cells.iter().copied().zip(order.iter().copied()));
    }
}

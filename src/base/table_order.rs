//! The order in which GNU make walks its tables of names, which people see: in what it deletes at the end of a run, in
//! `.VARIABLES`, in the printed data base. Knows nothing of what is named.
//!
//! GNU make keeps names in open-addressed tables whose size is a power of two, keyed by Bob Jenkins' hash ("lookup3" in two
//! variants: one for counted text, one for text that ends in a null byte), and walks them from the first slot to the last. A name
//! goes into the slot of its hash or the next free one; when fewer than one slot in sixteen is free the table doubles, names
//! being moved in the order of the old slots. So the order is a function of the names and, where hashes collide, of the order in
//! which they were entered. A name that is taken out leaves a mark in its slot, which the next name to pass by takes.

use crate::base::intern::{Name, Names};

/// The kinds of tables, each with its first size and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Files.
    Files,
    /// Folders.
    Folders,
    /// Global variables.
    Variables,
    /// The variables of one target.
    TargetVariables,
}

/// What filling a table came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many names are in it.
    pub fill: usize,
    /// How many slots it has.
    pub size: usize,
    /// How often it grew.
    pub rehashes: usize,
    /// How many taken slots were met on the way.
    pub collisions: usize,
    /// How many names were looked for.
    pub lookups: usize,
}

/// The slots of a table while it is filled.
struct Slots {
    /// Each slot's name by its number plus one, or one of the two values below.
    slots: Vec<u32>,
    /// How many slots were never taken.
    empty: usize,
    figures: Figures,
}

/// A slot that was never taken.
const EMPTY: u32 = 0;
/// A slot whose name was taken out.
const LEFT: u32 = u32::MAX;

impl Slots {
    fn new(size: usize) -> Slots {
        Slots { slots: vec![EMPTY; size], empty: size, figures: Figures { size, ..Figures::default() } }
    }

    /// Puts the name `number`, which is not there, into its slot.
    fn place(&mut self, hashes: &[u32], number: usize) {
        let mask = self.slots.len() - 1;
        let mut at = hashes[number] as usize & mask;
        let mut left = None;
        self.figures.lookups += 1;
        while self.slots[at] != EMPTY {
            if self.slots[at] == LEFT {
                left.get_or_insert(at);
            } else {
                self.figures.collisions += 1;
            }
            at = (at + 1) & mask;
        }
        self.empty -= usize::from(left.is_none());
        self.slots[left.unwrap_or(at)] = number as u32 + 1;
        self.figures.fill += 1;
    }

    /// The same, and gives the table room where it has become full.
    fn enter(&mut self, hashes: &[u32], number: usize) {
        self.place(hashes, number);
        // Sixteenths, as a table grows once it is fuller than 15/16.
        let size = self.slots.len();
        if self.empty >= size / 16 {
            return;
        }
        let size = if self.figures.fill >= size - size / 16 { size * 2 } else { size };
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; size]);
        let figures = self.figures;
        (self.empty, self.figures.size, self.figures.fill) = (size, size, 0);
        for number in old.into_iter().filter(|&number| number != EMPTY && number != LEFT) {
            self.place(hashes, number as usize - 1);
        }
        self.figures.rehashes = figures.rehashes + 1;
    }

    /// Takes the name `number` out, which is there.
    fn leave(&mut self, hashes: &[u32], number: usize) {
        let mask = self.slots.len() - 1;
        let mut at = hashes[number] as usize & mask;
        while self.slots[at] != number as u32 + 1 {
            if self.slots[at] == EMPTY {
                return;
            }
            at = (at + 1) & mask;
        }
        self.slots[at] = LEFT;
        self.figures.fill -= 1;
    }

    fn order(self) -> (Vec<usize>, Figures) {
        let taken = self.slots.into_iter().filter(|&number| number != EMPTY && number != LEFT);
        (taken.map(|number| number as usize - 1).collect(), self.figures)
    }
}

/// What was entered into a table and taken out of it, in order.
#[derive(Debug, Default)]
pub struct History {
    /// Each name, and whether it was taken out.
    changes: Vec<(Name, bool)>,
    /// Names that GNU make's table does not have: they are to push no other aside.
    last: Vec<Name>,
}

impl History {
    /// `name` is entered.
    pub fn enter(&mut self, name: Name) {
        self.changes.push((name, false));
    }

    /// `name` is taken out.
    pub fn leave(&mut self, name: Name) {
        self.changes.push((name, true));
    }

    /// `name`, where it was entered just now, is put behind all others, whenever they come.
    pub fn put_last(&mut self, name: Name) {
        if self.changes.pop_if(|&mut last| last == (name, false)).is_some() {
            self.last.push(name);
        }
    }

    /// The names that are in the table, in its order.
    pub fn order(&self, table: Table, names: &Names) -> (Vec<Name>, Figures) {
        let all = || self.changes.iter().copied().chain(self.last.iter().map(|&name| (name, false)));
        let hashes: Vec<u32> = all().map(|(name, _)| table.hash(names.text(name))).collect();
        let mut slots = Slots::new(table.first_size());
        // Where a name was last entered; only looked at where some name was taken out.
        let mut entered = crate::base::tables::HashMap::default();
        let some_left = self.changes.iter().any(|&(_, left)| left);
        for (number, (name, left)) in all().enumerate() {
            if left {
                if let Some(before) = entered.remove(&name) {
                    slots.leave(&hashes, before);
                }
                continue;
            }
            if some_left {
                entered.insert(name, number);
            }
            slots.enter(&hashes, number);
        }
        let (order, figures) = slots.order();
        let name_of = |number: usize| match number.checked_sub(self.changes.len()) {
            None => self.changes[number].0,
            Some(last) => self.last[last],
        };
        (order.into_iter().map(name_of).collect(), figures)
    }
}

impl Table {
    fn first_size(self) -> usize {
        match self {
            Table::Files | Table::Variables => 1024,
            Table::Folders => 256,
            Table::TargetVariables => 32,
        }
    }

    fn hash(self, name: &[u8]) -> u32 {
        match self {
            Table::Files | Table::Folders => hash_of_terminated(name),
            Table::Variables | Table::TargetVariables => hash_of_counted(name),
        }
    }

    /// The order of `names`, which are all different and stand in the order in which they were entered: their positions.
    pub fn order<'n>(self, names: impl Iterator<Item = &'n [u8]>) -> (Vec<usize>, Figures) {
        let hashes: Vec<u32> = names.map(|name| self.hash(name)).collect();
        let mut slots = Slots::new(self.first_size());
        for number in 0..hashes.len() {
            slots.enter(&hashes, number);
        }
        slots.order()
    }
}

const SEED: u32 = 0xdead_beef;

/// The state of Jenkins' hash: three words that are mixed.
struct State(u32, u32, u32);

impl State {
    fn mix(&mut self) {
        let State(a, b, c) = self;
        let step = |x: &mut u32, y: &mut u32, z: &mut u32, turn: u32| {
            // x -= z; x ^= z <<< turn; z += y
            *x = x.wrapping_sub(*z) ^ z.rotate_left(turn);
            *z = z.wrapping_add(*y);
        };
        step(a, b, c, 4);
        step(b, c, a, 6);
        step(c, a, b, 8);
        step(a, b, c, 16);
        step(b, c, a, 19);
        step(c, a, b, 4);
    }

    fn finish(&mut self) -> u32 {
        let State(a, b, c) = self;
        let step = |x: &mut u32, y: &u32, turn: u32| *x = (*x ^ *y).wrapping_sub(y.rotate_left(turn));
        step(c, b, 14);
        step(a, c, 11);
        step(b, a, 25);
        step(c, b, 16);
        step(a, c, 4);
        step(b, a, 14);
        step(c, b, 24);
        *c
    }

    fn word(&mut self, number: usize) -> &mut u32 {
        match number {
            0 => &mut self.0,
            1 => &mut self.1,
            _ => &mut self.2,
        }
    }

    /// Adds up to four bytes, read as the machine reads a word, the missing ones as zeros.
    fn add(&mut self, number: usize, bytes: &[u8]) {
        let mut word = [0; 4];
        for (to, from) in word.iter_mut().zip(bytes) {
            *to = *from;
        }
        let sum = self.word(number);
        *sum = sum.wrapping_add(u32::from_ne_bytes(word));
    }
}

/// The hash of a text whose length is known beforehand.
fn hash_of_counted(text: &[u8]) -> u32 {
    let start = SEED.wrapping_add(text.len() as u32);
    let mut state = State(start, start, start);
    let Some(last) = text.len().checked_sub(1) else { return start };
    // The last block has one byte at least, and twelve at most.
    let (blocks, rest) = text.split_at(last / 12 * 12);
    for block in blocks.chunks_exact(12) {
        for (number, word) in block.chunks_exact(4).enumerate() {
            state.add(number, word);
        }
        state.mix();
    }
    // Words come from the front, but the last one belongs to the third word of the state.
    let words: Vec<&[u8]> = rest.chunks(4).collect();
    for (number, word) in words.iter().enumerate() {
        match (number + 1 == words.len(), words.len()) {
            (true, _) => {
                // This one is read byte by byte, the first as the lowest.
                let tail = word.iter().rev().fold(0, |sum: u32, &byte| sum << 8 | u32::from(byte));
                state.2 = state.2.wrapping_add(tail);
            }
            // Of two words the first belongs to the second word of the state.
            (false, 2) => state.add(1, word),
            (false, _) => state.add(number, word),
        }
    }
    state.finish()
}

/// The hash of a text that ends where a null byte is met.
fn hash_of_terminated(text: &[u8]) -> u32 {
    let mut state = State(SEED, SEED, SEED);
    for (number, word) in text.chunks(4).enumerate() {
        state.add(number % 3, word);
        if number % 3 == 2 && word.len() == 4 {
            state.mix();
        }
    }
    let whole = text.len() / 4 * 4;
    state.finish().wrapping_add(whole as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_come_out_once() {
        for table in [Table::Files, Table::Folders, Table::Variables, Table::TargetVariables] {
            let names: Vec<Vec<u8>> = (0..5000).map(|number| format!("name{number}").into_bytes()).collect();
            let (mut order, figures) = table.order(names.iter().map(Vec::as_slice));
            assert_eq!((figures.fill, figures.size), (5000, 8192));
            assert_ne!(order, (0..5000).collect::<Vec<_>>());
            order.sort_unstable();
            assert_eq!(order, (0..5000).collect::<Vec<_>>());
        }
        assert_eq!(Table::Files.order(std::iter::empty()).0, Vec::<usize>::new());
    }

    #[test]
    fn a_slot_that_was_left_is_taken_by_the_next_name_that_passes() {
        let mut names = Names::default();
        // Names enough that many slots are contended for.
        let all: Vec<Name> =
            (0..900).map(|number| names.intern(format!("name{number}").as_bytes())).collect();
        let mut history = History::default();
        all.iter().for_each(|&name| history.enter(name));
        let (before, _) = history.order(Table::Variables, &names);
        for &name in &all[..300] {
            history.leave(name);
        }
        let (between, figures) = history.order(Table::Variables, &names);
        let kept: Vec<Name> = before.iter().copied().filter(|name| all[300..].contains(name)).collect();
        assert_eq!((between, figures.fill, figures.size), (kept, 600, 1024));
        all[..300].iter().for_each(|&name| history.enter(name));
        let (after, figures) = history.order(Table::Variables, &names);
        assert_eq!((after.len(), figures.size), (900, 1024));
        let mut sorted = after.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, all);
    }

    #[test]
    fn what_is_put_last_moves_nobody() {
        let mut names = Names::default();
        let (mut with, mut without) = (History::default(), History::default());
        let own = names.intern(b"own");
        with.enter(own);
        with.put_last(own);
        for number in 0..900 {
            let name = names.intern(format!("name{number}").as_bytes());
            with.enter(name);
            without.enter(name);
        }
        let (order, _) = with.order(Table::Variables, &names);
        let others: Vec<Name> = order.into_iter().filter(|&name| name != own).collect();
        assert_eq!(others, without.order(Table::Variables, &names).0);
    }
}

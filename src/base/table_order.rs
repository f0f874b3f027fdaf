//! The order in which GNU make walks its tables of names, which people see: in what it deletes at the end of a run, in
//! `.VARIABLES`, in the printed data base. Knows nothing of what is named.
//!
//! GNU make keeps names in open-addressed tables whose size is a power of two, keyed by Bob Jenkins' hash ("lookup3" in two
//! variants: one for counted text, one for text that ends in a null byte), and walks them from the first slot to the last. A name
//! goes into the slot of its hash or the next free one; when fewer than one slot in sixteen is free the table doubles, names
//! being moved in the order of the old slots. So the order is a function of the names and, where hashes collide, of the order in
//! which they were entered. (Slots that deletions left are not modelled.)

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
    /// Each slot's name by its number plus one, or zero.
    slots: Vec<u32>,
    figures: Figures,
}

impl Slots {
    fn place(&mut self, hashes: &[u32], number: usize) {
        let mask = self.slots.len() - 1;
        let mut at = hashes[number] as usize & mask;
        self.figures.lookups += 1;
        while self.slots[at] != 0 {
            self.figures.collisions += 1;
            at = (at + 1) & mask;
        }
        self.slots[at] = number as u32 + 1;
    }

    fn grow(&mut self, hashes: &[u32]) {
        let old = std::mem::take(&mut self.slots);
        self.slots = vec![0; old.len() * 2];
        for number in old.into_iter().filter(|&number| number != 0) {
            self.place(hashes, number as usize - 1);
        }
        self.figures.rehashes += 1;
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
        let mut table = Slots { slots: vec![0; self.first_size()], figures: Figures::default() };
        for number in 0..hashes.len() {
            table.place(&hashes, number);
            let size = table.slots.len();
            // Sixteenths, as a table grows once it is fuller than 15/16.
            if number + 1 > size - size / 16 {
                table.grow(&hashes);
            }
        }
        let figures = Figures { fill: hashes.len(), size: table.slots.len(), ..table.figures };
        (
            table.slots.into_iter().filter(|&number| number != 0).map(|number| number as usize - 1).collect(),
            figures,
        )
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
}

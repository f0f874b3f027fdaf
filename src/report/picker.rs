//! A list to pick from at the terminal: what keys do to it, and its lines. Knows nothing of terminals' modes, nor of what is picked.

use super::style::{Style, columns as width_of, cut, printable};

/// Something to pick.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
}

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character of the filter.
    Char(char),
    /// The character before the cursor goes.
    Backspace,
    /// The whole filter goes.
    Clear,
    /// One up.
    Up,
    /// One down.
    Down,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// The item is chosen, or no longer, and the next one is looked at.
    Mark,
    /// What is chosen is taken; without a choice the item looked at.
    Take,
    /// Nothing is taken.
    GiveUp,
}

/// What came of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// There will be more keys.
    Go,
    /// These items, by their numbers in the order of their choice.
    Taken(Vec<usize>),
    /// Nothing.
    GivenUp,
}

/// The keys in what a terminal sent (ECMA-48; xterm's "PC-Style Function Keys"), and how many bytes they are: the beginning of a
/// sequence or of a character is left until the rest has come. An escape at the end is a key only where `is_all` says that nothing more is on its way.
pub fn keys(bytes: &[u8], is_all: bool) -> (Vec<Key>, usize) {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let (key, length) = match byte {
            0x1b => match rest {
                [_, b'[' | b'O', b'A', ..] => (Some(Key::Up), 3),
                [_, b'[' | b'O', b'B', ..] => (Some(Key::Down), 3),
                [_, b'[', b'5', b'~', ..] => (Some(Key::PageUp), 4),
                [_, b'[', b'6', b'~', ..] => (Some(Key::PageDown), 4),
                [_, b'[' | b'O', tail @ ..] => {
                    match tail.iter().position(|byte| (0x40..=0x7e).contains(byte)) {
                        Some(end) => (None, end + 3),
                        None if is_all => (None, rest.len()),
                        None => break,
                    }
                }
                [_] if is_all => (Some(Key::GiveUp), 1),
                [_] => break,
                _ => (None, 2),
            },
            b'\r' | b'\n' => (Some(Key::Take), 1),
            b'\t' => (Some(Key::Mark), 1),
            0x7f | 0x08 => (Some(Key::Backspace), 1),
            0x15 => (Some(Key::Clear), 1),
            0x10 => (Some(Key::Up), 1),
            0x0e => (Some(Key::Down), 1),
            0x03 | 0x04 => (Some(Key::GiveUp), 1),
            0..0x20 => (None, 1),
            _ => {
                let length = match byte {
                    0..0x80 => 1,
                    0xc0..0xe0 => 2,
                    0xe0..0xf0 => 3,
                    _ => 4,
                };
                match rest.get(..length).map(std::str::from_utf8) {
                    Some(Ok(text)) => (text.chars().next().map(Key::Char), length),
                    Some(Err(_)) => (None, 1),
                    None if is_all => (None, rest.len()),
                    None => break,
                }
            }
        };
        found.extend(key);
        at += length;
    }
    (found, at)
}

/// The list.
#[derive(Debug)]
pub struct Picker {
    items: Vec<Item>,
    filter: String,
    /// The items that the filter lets through, in order.
    shown: Vec<usize>,
    /// Which of those shown is looked at.
    at: usize,
    /// The items chosen, in the order of their choice.
    chosen: Vec<usize>,
    /// The first line that is on the screen.
    top: usize,
    /// How many items the screen has room for.
    page: usize,
}

impl Picker {
    /// A list of `items`, of which some are chosen already.
    pub fn new(items: Vec<Item>, chosen: Vec<usize>) -> Picker {
        let shown = (0..items.len()).collect();
        Picker { items, filter: String::new(), shown, at: 0, chosen, top: 0, page: 1 }
    }

    /// Does what a key means.
    pub fn press(&mut self, key: Key) -> Next {
        match key {
            Key::Char(char) => {
                self.filter.push(char);
                self.refilter();
            }
            Key::Backspace => {
                self.filter.pop();
                self.refilter();
            }
            Key::Clear => {
                self.filter.clear();
                self.refilter();
            }
            Key::Up => self.at = self.at.saturating_sub(1),
            Key::Down => self.at = self.below(1),
            Key::PageUp => self.at = self.at.saturating_sub(self.page),
            Key::PageDown => self.at = self.below(self.page),
            Key::Mark => {
                if let Some(&item) = self.shown.get(self.at) {
                    match self.chosen.iter().position(|&chosen| chosen == item) {
                        Some(at) => drop(self.chosen.remove(at)),
                        None => self.chosen.push(item),
                    }
                    self.at = (self.at + 1).min(self.shown.len() - 1);
                }
            }
            Key::Take if !self.chosen.is_empty() => return Next::Taken(self.chosen.clone()),
            Key::Take => match self.shown.get(self.at) {
                Some(&item) => return Next::Taken(vec![item]),
                None => return Next::Go,
            },
            Key::GiveUp => return Next::GivenUp,
        }
        Next::Go
    }

    /// The item so many lines below the one looked at, or the last.
    fn below(&self, lines: usize) -> usize {
        (self.at + lines).min(self.shown.len().saturating_sub(1))
    }

    /// Shows the items that have each word of the filter, case ignored: those that have all in their names first.
    fn refilter(&mut self) {
        let words: Vec<String> = self.filter.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let has = |text: &str| {
            let text = text.to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        let (mut named, mut about) = (Vec::new(), Vec::new());
        for (at, item) in self.items.iter().enumerate() {
            if has(&item.name) {
                named.push(at);
            } else if has(&format!("{} {}", item.name, item.about)) {
                about.push(at);
            }
        }
        named.append(&mut about);
        self.shown = named;
        self.at = 0;
    }

    /// The lines for a screen of `columns` by `rows`, none longer or more than that.
    pub fn lines(&mut self, columns: usize, rows: usize, style: Style) -> Vec<String> {
        let room = rows.saturating_sub(3).max(1);
        self.page = room;
        self.top = self.top.min(self.at).max((self.at + 1).saturating_sub(room));
        if self.top + room > self.shown.len() {
            self.top = self.shown.len().saturating_sub(room);
        }
        let widths = self.items.iter().map(|item| width_of(&printable(&item.name)));
        let width = widths.max().unwrap_or(0).min(32);
        let line = |text: &str| cut(&printable(text), columns.saturating_sub(1));
        let mut out = vec![line(&format!("goals: {}", self.filter))];
        for (at, &item) in self.shown.iter().enumerate().skip(self.top).take(room) {
            let mark = if self.chosen.contains(&item) { '*' } else { ' ' };
            let point = if at == self.at { '>' } else { ' ' };
            let own = &self.items[item];
            let gap = " ".repeat(width.saturating_sub(width_of(&printable(&own.name))) + 2);
            let text = line(&format!("{point}{mark} {}{gap}{}", own.name, own.about));
            out.push(if at == self.at { style.bold(&text) } else { text });
        }
        let count = format!("{} of {}, {} chosen", self.shown.len(), self.items.len(), self.chosen.len());
        out.push(style.dim(&line(&format!("{count}   Tab chooses, Enter runs, Esc gives up"))));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picker() -> Picker {
        let items = [("build", "Build the image"), ("test", "Test the build"), ("lint", "")];
        let item = |(name, about): (&str, &str)| Item { name: name.into(), about: about.into() };
        Picker::new(items.into_iter().map(item).collect(), Vec::new())
    }

    fn press(picker: &mut Picker, bytes: &str) -> Next {
        let (keys, length) = keys(bytes.as_bytes(), true);
        assert_eq!(length, bytes.len());
        keys.into_iter().map(|key| picker.press(key)).last().unwrap_or(Next::Go)
    }

    #[test]
    fn what_is_looked_at_is_taken_or_all_that_was_chosen() {
        assert_eq!(press(&mut picker(), "\r"), Next::Taken(vec![0]));
        assert_eq!(press(&mut picker(), "\x1b[B\x1bOB\x1b[B\r"), Next::Taken(vec![2]));
        assert_eq!(press(&mut picker(), "\x0e\t\x10\x10\t\r"), Next::Taken(vec![1, 0]));
        assert_eq!(press(&mut picker(), "\t\x10\t\r"), Next::Taken(vec![1]));
        assert_eq!(press(&mut picker(), "\x1b"), Next::GivenUp);
        assert_eq!(press(&mut picker(), "\x03"), Next::GivenUp);
    }

    #[test]
    fn the_filter_finds_names_before_descriptions() {
        assert_eq!(press(&mut picker(), "BUILD\x0e\r"), Next::Taken(vec![1]));
        assert_eq!(press(&mut picker(), "build t\r"), Next::Taken(vec![0]));
        assert_eq!(press(&mut picker(), "xyz\r"), Next::Go);
        assert_eq!(press(&mut picker(), "xyz\x15li\r"), Next::Taken(vec![2]));
        assert_eq!(press(&mut picker(), "lx\x7f\r"), Next::Taken(vec![0]));
    }

    #[test]
    fn a_sequence_that_is_not_all_there_is_waited_for() {
        assert_eq!(keys(b"\x1b", false), (vec![], 0));
        assert_eq!(keys(b"a\x1b[", false), (vec![Key::Char('a')], 1));
        assert_eq!(keys(b"\xc3", false), (vec![], 0));
        assert_eq!(keys("é\x1b[1;5C\u{1b}[3~".as_bytes(), false), (vec![Key::Char('é')], 12));
    }

    #[test]
    fn lines_fit_the_screen() {
        let items =
            (0..100).map(|at| Item { name: format!("target-{at}"), about: "x".repeat(200) }).collect();
        let mut picker = Picker::new(items, vec![0]);
        for _ in 0..50 {
            picker.press(Key::Down);
        }
        let lines = picker.lines(40, 10, Style::default());
        assert_eq!(lines.len(), 9);
        assert!(lines.iter().all(|line| line.chars().count() < 40));
        assert!(lines[7].starts_with(">  target-50") && lines[7].ends_with('…'), "{lines:?}");
        assert_eq!(press(&mut picker, "\x1b[6~\x1b[5~\x1b[5~\r"), Next::Taken(vec![0]));
        picker.press(Key::Clear);
        picker.press(Key::Mark);
        assert_eq!(press(&mut picker, "\x1b[6~\t\r"), Next::Taken(vec![8]));
    }
}

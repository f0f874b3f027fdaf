//! Words into options and operands, by the rules of `getopt_long` with operands kept in their places. Knows the table
//! of options, not what their values mean.
//!
//! Source: POSIX utility syntax guidelines 3 to 10, and "Program Argument Syntax Conventions" of the GNU C library.

use super::message::Error;
use super::table::{self, Flag, Takes};

/// What the next step of a scan found.
pub enum Item<'w> {
    /// A word that is no option.
    Operand(&'w [u8]),
    /// An option, with its value where it has one.
    Flag(&'static Flag, Option<&'w [u8]>),
    /// A word, or a letter of one, that is no option although it looks like one.
    Fault(Error),
}

/// Which options are known to a scan.
#[derive(Clone, Copy)]
pub struct Known {
    /// Whether GNU make's are.
    pub gnu: bool,
    /// Which of imk's own are.
    pub own: fn(&Flag) -> bool,
    /// The table of imk's own.
    pub own_table: &'static [Flag],
}

/// A walk over words.
pub struct Scan<'w, W> {
    words: &'w [W],
    at: usize,
    /// The letters still to come of a word such as `-kn`.
    letters: &'w [u8],
    /// Whether `--` was seen.
    ended: bool,
    known: Known,
}

impl<'w, W: AsRef<[u8]>> Scan<'w, W> {
    /// A walk over `words`, the program's name not among them.
    pub fn new(words: &'w [W], known: Known) -> Self {
        Scan { words, at: 0, letters: &[], ended: false, known }
    }

    /// How many words are wholly taken, or begun.
    pub fn taken(&self) -> usize {
        self.at
    }

    /// Whether the next step begins a new word.
    pub fn between_words(&self) -> bool {
        self.letters.is_empty()
    }

    /// Whether `--` was seen: every word from here on is an operand.
    pub fn options_ended(&self) -> bool {
        self.ended
    }

    /// The next word, where `wanted` says so, taken as the value of the option just found. The C library knows no
    /// such values; GNU make lets `-j 4` and `-l 2.5` have them.
    pub fn take_word_if(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Option<&'w [u8]> {
        let word = self.words.get(self.at).map(AsRef::as_ref).filter(|word| wanted(word))?;
        self.at += 1;
        Some(word)
    }

    fn take_word(&mut self) -> Option<&'w [u8]> {
        self.take_word_if(|_| true)
    }

    fn letter(&mut self, letter: u8) -> Item<'w> {
        let flag = if self.known.gnu { table::by_letter(letter) } else { None };
        let Some(flag) = flag else { return Item::Fault(Error::UnknownLetter(letter)) };
        if flag.takes() == Takes::Nothing {
            return Item::Flag(flag, None);
        }
        let rest = std::mem::take(&mut self.letters);
        match flag.takes() {
            _ if !rest.is_empty() => Item::Flag(flag, Some(rest)),
            Takes::Required => match self.take_word() {
                Some(word) => Item::Flag(flag, Some(word)),
                None => Item::Fault(Error::LetterNeedsValue(letter)),
            },
            _ => Item::Flag(flag, None),
        }
    }

    fn long(&mut self, text: &'w [u8]) -> Item<'w> {
        let equals = memchr::memchr(b'=', text);
        let name = text.get(..equals.unwrap_or(text.len())).unwrap_or_default();
        let value = equals.and_then(|at| text.get(at + 1..));
        // GNU make's options without a long name have the empty one, and `--=x` finds it.
        if name.is_empty() {
            return Item::Fault(Error::NameTakesNoValue(""));
        }
        let (full_name, flag) = match self.long_flag(name, text) {
            Ok(found) => found,
            Err(error) => return Item::Fault(error),
        };
        match (flag.takes(), value) {
            (Takes::Nothing, Some(_)) => Item::Fault(Error::NameTakesNoValue(full_name)),
            (Takes::Required, None) => match self.take_word() {
                Some(word) => Item::Flag(flag, Some(word)),
                None => Item::Fault(Error::NameNeedsValue(full_name)),
            },
            _ => Item::Flag(flag, value),
        }
    }

    /// The option of a long name: a whole name first, then an abbreviation of GNU make's names, then one of imk's own.
    fn long_flag(&self, name: &[u8], text: &[u8]) -> Result<(&'static str, &'static Flag), Error> {
        let known = self.known;
        let gnu = || table::long_names().filter(move |_| known.gnu);
        let own =
            || known.own_table.iter().filter(move |flag| (known.own)(flag)).map(|flag| (flag.name, flag));
        if let Some(found) = gnu().chain(own()).find(|(full, _)| full.as_bytes() == name) {
            return Ok(found);
        }
        match abbreviated(gnu(), name, text) {
            Some(found) => found,
            None => abbreviated(own(), name, text).unwrap_or_else(|| Err(Error::UnknownName(text.to_vec()))),
        }
    }
}

/// The one option among `names` of which `name` is an abbreviation; names of one option do not stand in each other's
/// way. `None` where there is none.
fn abbreviated(
    names: impl Iterator<Item = (&'static str, &'static Flag)>,
    name: &[u8],
    text: &[u8],
) -> Option<Result<(&'static str, &'static Flag), Error>> {
    let mut matching = names.filter(|(full, _)| full.as_bytes().starts_with(name));
    let first = matching.next()?;
    let others: Vec<&'static str> =
        matching.filter(|(_, flag)| !std::ptr::eq(*flag, first.1)).map(|(full, _)| full).collect();
    if others.is_empty() {
        return Some(Ok(first));
    }
    let possibilities = std::iter::once(first.0).chain(others).collect();
    Some(Err(Error::AmbiguousName { text: text.to_vec(), possibilities }))
}

impl<'w, W: AsRef<[u8]>> Iterator for Scan<'w, W> {
    type Item = Item<'w>;

    fn next(&mut self) -> Option<Item<'w>> {
        if self.letters.is_empty() {
            let word = self.take_word()?;
            match word {
                [b'-', b'-'] if !self.ended => {
                    self.ended = true;
                    return self.next();
                }
                [b'-', b'-', text @ ..] if !self.ended => return Some(self.long(text)),
                [b'-', letters @ ..] if !self.ended && !letters.is_empty() => self.letters = letters,
                word => return Some(Item::Operand(word)),
            }
        }
        let (letter, rest) = self.letters.split_first()?;
        self.letters = rest;
        Some(self.letter(*letter))
    }
}

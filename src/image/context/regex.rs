//! The part of Go's regular expressions that ignore patterns turn into, matched in linear time. Knows nothing of
//! patterns.
//!
//! Expressions are anchored at both ends. Understood: characters, `.`, classes, `\d` and its like, `^`, `\b`, single
//! items with `*` or `?`, and the group `(.*/)?`. Anything else is refused, not guessed.

use crate::image::dockerfile::runes::decode;

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Program {
    items: Vec<Item>,
}

#[derive(Clone, Debug)]
struct Item {
    atom: Atom,
    repeat: Repeat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    Once,
    /// `?`
    Perhaps,
    /// `*`
    Any,
}

#[derive(Clone, Debug, PartialEq)]
enum Atom {
    Char(u32),
    /// `.`: anything but a newline.
    Dot,
    Class {
        negated: bool,
        ranges: Vec<(u32, u32)>,
    },
    /// The start of the text.
    Start,
    /// The end of the text.
    End,
    /// A word boundary, or none.
    Boundary(bool),
    /// The group `(.*/)?`.
    Folders,
}

/// Whether a longer text may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It may.
    Alive,
    /// None can.
    Dead,
}

const NEWLINE: u32 = b'\n' as u32;

impl Atom {
    fn takes(&self, c: u32) -> bool {
        match self {
            Atom::Char(own) => *own == c,
            Atom::Dot => c != NEWLINE,
            Atom::Class { negated, ranges } => {
                ranges.iter().any(|&(low, high)| low <= c && c <= high) != *negated
            }
            Atom::Start | Atom::End | Atom::Boundary(_) | Atom::Folders => false,
        }
    }
}

impl Program {
    /// Compiles an expression; nothing where it is not understood or malformed.
    pub fn new(text: &[u8]) -> Option<Program> {
        let mut reader = Reader { text, at: 0 };
        let mut items = Vec::new();
        while reader.at < text.len() {
            items.push(reader.item()?);
        }
        Some(Program { items })
    }

    /// The plain texts that every match starts and ends with.
    pub fn ends(&self) -> (Vec<u8>, Vec<u8>) {
        let plain = |item: &Item| match item.atom {
            Atom::Char(c) if item.repeat == Repeat::Once && c != 0xFFFD => char::from_u32(c),
            _ => None,
        };
        let head: String = self.items.iter().map_while(plain).collect();
        let tail: String = self.items.iter().rev().map_while(plain).collect();
        (head.into_bytes(), tail.chars().rev().collect::<String>().into_bytes())
    }

    /// Whether all of `text` matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        let states = self.run(text, true);
        states.contains(self.items.len())
    }

    /// Whether a text that starts with `text`, and is longer, may match.
    pub fn reach(&self, text: &[u8]) -> Reach {
        let states = self.run(text, false);
        if states.is_empty() { Reach::Dead } else { Reach::Alive }
    }

    /// The states after all of `text`. State `n` stands before item `n`; of a group, a state of its own stands within.
    fn run(&self, text: &[u8], ends: bool) -> States {
        let count = self.items.len();
        let mut now = States::new(count);
        let mut next = States::new(count);
        let (mut c, mut len) = decode(text);
        self.add(&mut now, 0, Around { before: None, after: (len > 0).then_some(c), end: ends && len == 0 });
        let mut at = 0;
        while len > 0 {
            at += len;
            let rest = &text[at..];
            let (following, following_len) = decode(rest);
            let around = Around {
                before: Some(c),
                after: (following_len > 0).then_some(following),
                end: ends && following_len == 0,
            };
            next.clear();
            for state in now.iter() {
                if state > count {
                    // Within a group: `.*` goes on, and a slash ends it.
                    let item = state - count - 1;
                    if c != NEWLINE {
                        next.insert(state);
                    }
                    if c == u32::from(b'/') {
                        self.add(&mut next, item + 1, around);
                    }
                } else if let Some(item) = self.items.get(state)
                    && item.atom.takes(c)
                {
                    let to = if item.repeat == Repeat::Any { state } else { state + 1 };
                    self.add(&mut next, to, around);
                }
            }
            std::mem::swap(&mut now, &mut next);
            if now.is_empty() {
                break;
            }
            (c, len) = (following, following_len);
        }
        now
    }

    /// Adds `state` and all that are reached from it without taking a character.
    fn add(&self, states: &mut States, mut state: usize, around: Around) {
        while states.insert(state) {
            let Some(item) = self.items.get(state) else { return };
            let pass = match item.atom {
                Atom::Folders => {
                    states.insert(self.items.len() + 1 + state);
                    true
                }
                Atom::Start => around.before.is_none(),
                // What follows is not known while only the beginning of the text is: then any assertion may hold.
                Atom::End => around.end || around.after.is_none(),
                Atom::Boundary(wanted) => {
                    let word = |c: Option<u32>| {
                        c.and_then(char::from_u32).is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
                    };
                    (!around.end && around.after.is_none())
                        || (word(around.before) != word(around.after)) == wanted
                }
                _ => item.repeat != Repeat::Once,
            };
            if !pass {
                return;
            }
            state += 1;
        }
    }
}

/// What stands around a position: for assertions.
#[derive(Clone, Copy)]
struct Around {
    before: Option<u32>,
    after: Option<u32>,
    end: bool,
}

/// A set of states: a list, and a mark for each to keep it one of a kind.
struct States {
    list: Vec<usize>,
    marks: Vec<u64>,
}

impl States {
    fn new(items: usize) -> Self {
        States { list: Vec::with_capacity(8), marks: vec![0; (2 * items + 2) / 64 + 1] }
    }

    fn insert(&mut self, state: usize) -> bool {
        let Some(word) = self.marks.get_mut(state / 64) else { return false };
        let bit = 1u64 << (state % 64);
        let new = *word & bit == 0;
        *word |= bit;
        if new {
            self.list.push(state);
        }
        new
    }

    fn contains(&self, state: usize) -> bool {
        self.marks.get(state / 64).is_some_and(|word| word & (1 << (state % 64)) != 0)
    }

    fn clear(&mut self) {
        for &state in &self.list {
            if let Some(word) = self.marks.get_mut(state / 64) {
                *word &= !(1 << (state % 64));
            }
        }
        self.list.clear();
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.list.iter().copied()
    }

    fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn char(&mut self) -> Option<u32> {
        let (c, len) = decode(self.text.get(self.at..)?);
        self.at += len;
        (len > 0).then_some(c)
    }

    fn item(&mut self) -> Option<Item> {
        if self.text[self.at..].starts_with(b"(.*/)?") {
            self.at += 6;
            // Another quantifier here would be of the caller's making: none is.
            return Some(Item { atom: Atom::Folders, repeat: Repeat::Once });
        }
        let atom = match self.peek()? {
            b'(' | b')' | b'|' | b'+' | b'*' | b'?' | b'{' | b'}' | b'$' => return None,
            b'.' => {
                self.at += 1;
                Atom::Dot
            }
            b'^' => {
                self.at += 1;
                Atom::Start
            }
            b'[' => {
                self.at += 1;
                self.class()?
            }
            b'\\' => {
                self.at += 1;
                self.escape()?
            }
            _ => Atom::Char(self.char()?),
        };
        let repeat = match self.peek() {
            Some(b'*') => Repeat::Any,
            Some(b'?') => Repeat::Perhaps,
            _ => Repeat::Once,
        };
        if repeat != Repeat::Once {
            self.at += 1;
            // `x*?`, `x**`: lazy ones match the same, doubled ones are malformed; `^*` is odd enough to be left alone.
            if matches!(self.peek(), Some(b'*' | b'?'))
                || matches!(atom, Atom::Start | Atom::End | Atom::Boundary(_))
            {
                return None;
            }
        }
        Some(Item { atom, repeat })
    }

    fn escape(&mut self) -> Option<Atom> {
        let c = self.char()?;
        let byte = u8::try_from(c).ok().filter(u8::is_ascii)?;
        if let Some((negated, ranges)) = perl_class(byte) {
            return Some(Atom::Class { negated, ranges: ranges.to_vec() });
        }
        Some(match byte {
            b'A' => Atom::Start,
            b'z' => Atom::End,
            b'b' => Atom::Boundary(true),
            b'B' => Atom::Boundary(false),
            _ => Atom::Char(escaped_char(byte)?),
        })
    }

    fn class(&mut self) -> Option<Atom> {
        let negated = self.peek() == Some(b'^');
        self.at += usize::from(negated);
        let mut ranges = Vec::new();
        let mut first = true;
        loop {
            let byte = self.peek()?;
            if byte == b']' && !first {
                self.at += 1;
                return Some(Atom::Class { negated, ranges });
            }
            first = false;
            if byte == b'[' && self.text.get(self.at + 1) == Some(&b':') {
                // `[:name:]`, where it closes; a name there is none of is malformed.
                if memchr::memmem::find(&self.text[self.at + 2..], b":]").is_some() {
                    return None;
                }
            }
            if byte == b'\\'
                && let Some((false, set)) = self.text.get(self.at + 1).and_then(|&byte| perl_class(byte))
            {
                self.at += 2;
                ranges.extend_from_slice(set);
                continue;
            }
            let low = self.class_char()?;
            let mut high = low;
            if self.peek() == Some(b'-') && self.text.get(self.at + 1).is_some_and(|&byte| byte != b']') {
                self.at += 1;
                high = self.class_char()?;
                if high < low {
                    return None;
                }
            }
            ranges.push((low, high));
        }
    }

    fn class_char(&mut self) -> Option<u32> {
        if self.peek()? != b'\\' {
            return self.char();
        }
        self.at += 1;
        let c = self.char()?;
        escaped_char(u8::try_from(c).ok().filter(u8::is_ascii)?)
    }
}

/// The set of `\d`, `\s`, `\w` and their opposites.
fn perl_class(byte: u8) -> Option<(bool, &'static [(u32, u32)])> {
    const DIGIT: &[(u32, u32)] = &[(0x30, 0x39)];
    const SPACE: &[(u32, u32)] = &[(9, 10), (12, 13), (32, 32)];
    const WORD: &[(u32, u32)] = &[(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)];
    let set = match byte.to_ascii_lowercase() {
        b'd' => DIGIT,
        b's' => SPACE,
        b'w' => WORD,
        _ => return None,
    };
    Some((byte.is_ascii_uppercase(), set))
}

/// The character that a backslash and `byte` mean.
fn escaped_char(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'a' => 7,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        _ if byte.is_ascii_alphanumeric() => return None,
        other => other,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(expression: &str, text: &str) -> Option<bool> {
        Program::new(expression.as_bytes()).map(|program| program.matches(text.as_bytes()))
    }

    #[test]
    fn matches_what_go_matches() {
        for (expression, text) in [
            ("[^/]*\\.c", "a.c"),
            ("a(.*/)?b", "ab"),
            ("a(.*/)?b", "ax/y/b"),
            ("[[^/]*]", "[^/]"),
            ("\\w[\\d-]", "x-"),
            ("a\\b\\.", "a."),
            ("[]a]", "]"),
            (".*", "a/b"),
        ] {
            assert_eq!(matches(expression, text), Some(true), "{expression} {text}");
        }
        for (expression, text) in
            [("[^/]*", "a/b"), ("a(.*/)?b", "axb"), ("a^", "a^"), ("a\\bb", "ab"), ("[^/]*\\.c", "a.cc")]
        {
            assert_eq!(matches(expression, text), Some(false), "{expression} {text}");
        }
        for expression in ["\\p", "\\1", "a**", "[b-a]", "[[:x:]]", "\\"] {
            assert_eq!(matches(expression, "x"), None, "{expression}");
        }
    }

    #[test]
    fn reach_sees_dead_ends() {
        let reach = |expression: &str, text: &str| {
            Program::new(expression.as_bytes()).map(|p| p.reach(text.as_bytes()))
        };
        assert_eq!(reach("[^/]*\\.md", "docs/"), Some(Reach::Dead));
        assert_eq!(reach("(.*/)?x", "docs/"), Some(Reach::Alive));
        assert_eq!(reach("docs/[^/]*", "docs/"), Some(Reach::Alive));
    }
}

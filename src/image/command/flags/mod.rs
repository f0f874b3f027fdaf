//! The engine clients' options: which there are, and which take a value. Knows nothing of what they mean.
//!
//! The tables are the text files beside this one, taken from the clients' documentation and held to the installed
//! clients' `--help` by a test. All clients read their command line with the same library (Go's pflag), whose rules
//! these are: `--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`, clustered shorts, no abbreviation; a
//! boolean takes a value only after `=`; `--` ends the options, and a lone `-` is an operand.

use super::text::Text;
use crate::base::Span;
use crate::base::tables::{HashMap, HashSet};
use std::sync::OnceLock;

/// The programs whose tables there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// docker, with buildx.
    Docker,
    /// docker compose and docker-compose.
    Compose,
    /// podman.
    Podman,
    /// buildah.
    Buildah,
    /// nerdctl, with its compose.
    Nerdctl,
}

impl Table {
    fn text(self) -> &'static str {
        match self {
            Table::Docker => include_str!("docker.txt"),
            Table::Compose => include_str!("compose.txt"),
            Table::Podman => include_str!("podman.txt"),
            Table::Buildah => include_str!("buildah.txt"),
            Table::Nerdctl => include_str!("nerdctl.txt"),
        }
    }

    /// The table, read at its first use.
    fn read(self) -> &'static Read {
        static TABLES: [OnceLock<Read>; 5] = [const { OnceLock::new() }; 5];
        let number = match self {
            Table::Docker => 0,
            Table::Compose => 1,
            Table::Podman => 2,
            Table::Buildah => 3,
            Table::Nerdctl => 4,
        };
        TABLES[number].get_or_init(|| Read::of(self.text()))
    }

    /// The options of the command called `name`, for instance `image build`; `*` and `**` are those of the program.
    pub fn section(self, name: &str) -> Option<Section> {
        self.read().sections.get(name).cloned()
    }

    /// Whether `word` is the first of commands of two words, as `image` is.
    pub fn is_group(self, word: &str) -> bool {
        self.read().groups.contains(word)
    }
}

/// A table taken apart.
struct Read {
    sections: HashMap<&'static str, Section>,
    groups: HashSet<&'static str>,
}

impl Read {
    fn of(text: &'static str) -> Read {
        let mut read = Read { sections: HashMap::default(), groups: HashSet::default() };
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(head) = line.strip_suffix(':').filter(|_| !line.starts_with([' ', '#'])) else {
                continue;
            };
            let names = head.strip_suffix(" !").unwrap_or(head);
            let mut options = Vec::new();
            while let Some(body) = lines.next_if(|line| line.starts_with(' ')) {
                options.extend(body.split_whitespace().map(entry));
            }
            let section = Section {
                canonical: names.split(", ").next().unwrap_or(names),
                options,
                stops_at_operand: names.len() < head.len(),
            };
            for name in names.split(", ") {
                read.groups.extend(name.split_once(' ').map(|(first, _)| first));
                read.sections.entry(name).or_insert_with(|| section.clone());
            }
        }
        read
    }
}

/// One command's options.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// The first of the command's names.
    pub canonical: &'static str,
    /// The options: short name, long name as written, what it is.
    options: Vec<(Option<char>, &'static str, Known)>,
    /// Whether everything after the first operand is an operand.
    pub stops_at_operand: bool,
}

/// An option of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The long name that it goes by here.
    pub name: &'static str,
    /// Whether it takes a value.
    pub takes_value: bool,
}

/// An option as the table writes it.
fn entry(entry: &'static str) -> (Option<char>, &'static str, Known) {
    let (entry, takes_value) = match entry.strip_suffix('=') {
        Some(entry) => (entry, true),
        None => (entry, false),
    };
    let (short, entry) = entry.split_once(',').map_or((None, entry), |(s, rest)| (s.chars().next(), rest));
    let (long, name) = entry.split_once('>').unwrap_or((entry, entry));
    (short, long, Known { name, takes_value })
}

/// The option that every command has.
const HELP: Known = Known { name: "help", takes_value: false };

impl Section {
    /// The section with another's options added.
    pub fn with(mut self, other: Option<Section>) -> Section {
        self.options.extend(other.into_iter().flat_map(|section| section.options));
        self
    }

    /// Every option: short name, long name as written, and what it is.
    pub fn options(&self) -> impl Iterator<Item = (Option<char>, &'static str, Known)> {
        self.options.iter().copied()
    }

    /// The option of a long name; the first that the table has.
    fn long(&self, name: &[u8]) -> Option<Known> {
        let found = self.options.iter().find(|(_, long, _)| long.as_bytes() == name);
        found.map(|(.., known)| *known).or((name == b"help").then_some(HELP))
    }

    /// The option of a letter.
    fn short(&self, letter: u8) -> Option<Known> {
        let found = self.options.iter().find(|(short, ..)| *short == Some(char::from(letter)));
        found.map(|(.., known)| *known).or((letter == b'h').then_some(HELP))
    }
}

/// An option that was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Its long name; other spellings are one with it.
    pub name: &'static str,
    /// Its value; none for a boolean without one.
    pub value: Option<Text>,
    /// The word with its name.
    pub span: Span,
}

/// A command line taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arguments {
    /// The options, in order.
    pub options: Vec<Given>,
    /// What is no option, in order.
    pub operands: Vec<Text>,
    /// What makes it uncertain.
    pub doubts: Vec<Doubt>,
}

/// Something that may make the command line other than it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// What it is.
    pub kind: DoubtKind,
    /// The word.
    pub span: Span,
}

/// Kinds of doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoubtKind {
    /// An unquoted unknown value where options may stand: it may be several words, options among them, or none.
    MayHoldOptions,
    /// An unquoted unknown value in a value or operand: empty, it vanishes; with blanks, it is several words.
    MaySplit,
}

/// Why a command line could not be taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlagError {
    /// The client has no such option, as far as is known.
    UnknownOption(String, Span),
    /// An option that takes a value ends the command.
    MissingValue(String, Span),
    /// A boolean option with a value that is none.
    BadBoolean(String, Span),
    /// The option's name is not known.
    UnknownName(Span),
}

impl Arguments {
    /// Whether a boolean option is on; the last one given counts. None where its value is not known.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.options.iter().rfind(|given| given.name == name) {
            None => Some(false),
            Some(Given { value: None, .. }) => Some(true),
            Some(Given { value: Some(value), .. }) => value.known().and_then(parse_boolean),
        }
    }

    /// Whether an option was given at all.
    pub fn has(&self, name: &str) -> bool {
        self.options.iter().any(|given| given.name == name)
    }

    /// The value of an option that counts once: the last.
    pub fn last(&self, name: &str) -> Option<Text> {
        self.options.iter().rfind(|given| given.name == name).and_then(|given| given.value.clone())
    }

    /// All values of an option.
    pub fn all(&self, name: &str) -> Vec<Text> {
        let given = self.options.iter().filter(|given| given.name == name);
        given.filter_map(|given| given.value.clone()).collect()
    }
}

/// The words that Go reads as a boolean.
fn parse_boolean(bytes: &[u8]) -> Option<bool> {
    match bytes {
        b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True" => Some(true),
        b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False" => Some(false),
        _ => None,
    }
}

/// Takes the words after a command's name apart by its table. With `stop` set, reading ends before the first operand,
/// and the second result is the index of that word.
pub fn parse(words: &[Text], section: &Section, stop: bool) -> Result<(Arguments, usize), FlagError> {
    let mut arguments = Arguments::default();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let prefix = word.prefix();
        if word.known() == Some(b"--") {
            at += 1;
            if !stop {
                arguments.operands.extend_from_slice(words.get(at..).unwrap_or_default());
                at = words.len();
            }
            break;
        }
        if prefix.first() != Some(&b'-') || word.known() == Some(b"-") {
            if stop {
                break;
            }
            if prefix.is_empty() && word.splits() {
                arguments.doubts.push(Doubt { kind: DoubtKind::MayHoldOptions, span: word.span });
            } else {
                doubt_splitting(word, &mut arguments.doubts);
            }
            at += 1;
            arguments.operands.push(word.clone());
            if section.stops_at_operand {
                arguments.operands.extend_from_slice(words.get(at..).unwrap_or_default());
                at = words.len();
            }
            continue;
        }
        at += 1;
        let next = words.get(at);
        let used_next = match prefix.strip_prefix(b"--") {
            Some(_) => long(word, next, section, &mut arguments)?,
            None => shorts(word, next, section, &mut arguments)?,
        };
        at += usize::from(used_next);
    }
    Ok((arguments, at))
}

fn doubt_splitting(word: &Text, doubts: &mut Vec<Doubt>) {
    if word.splits() {
        doubts.push(Doubt { kind: DoubtKind::MaySplit, span: word.span });
    }
}

/// Reads `--name`, `--name=value` or `--name value`; whether the next word was its value.
fn long(
    word: &Text,
    next: Option<&Text>,
    section: &Section,
    arguments: &mut Arguments,
) -> Result<bool, FlagError> {
    let body = word.skip(2);
    let (name, value) = match body.split_at(b'=') {
        Some((name, value)) => (name, Some(value)),
        None => (body, None),
    };
    let Some(name) = name.known() else { return Err(FlagError::UnknownName(word.span)) };
    let shown = || format!("--{}", String::from_utf8_lossy(name));
    let known = section.long(name).ok_or_else(|| FlagError::UnknownOption(shown(), word.span))?;
    give(known, value, next, word, shown, arguments)
}

/// Reads `-abc`, `-avalue`, `-a=value` or `-a value`; whether the next word was a value.
fn shorts(
    word: &Text,
    next: Option<&Text>,
    section: &Section,
    arguments: &mut Arguments,
) -> Result<bool, FlagError> {
    let mut rest = word.skip(1);
    loop {
        let Some(letter) = rest.prefix().first().copied() else {
            return Err(FlagError::UnknownName(word.span));
        };
        let shown = || format!("-{}", letter as char);
        let known = section.short(letter).ok_or_else(|| FlagError::UnknownOption(shown(), word.span))?;
        rest = rest.skip(1);
        if rest.known() == Some(b"") {
            return give(known, None, next, word, shown, arguments);
        }
        if rest.prefix().first() == Some(&b'=') {
            return give(known, Some(rest.skip(1)), next, word, shown, arguments);
        }
        if known.takes_value {
            return give(known, Some(rest), next, word, shown, arguments);
        }
        arguments.options.push(Given { name: known.name, value: None, span: word.span });
    }
}

fn give(
    known: Known,
    value: Option<Text>,
    next: Option<&Text>,
    word: &Text,
    shown: impl Fn() -> String,
    arguments: &mut Arguments,
) -> Result<bool, FlagError> {
    let uses_next = known.takes_value && value.is_none();
    let value = match uses_next {
        true => Some(next.cloned().ok_or_else(|| FlagError::MissingValue(shown(), word.span))?),
        false => value,
    };
    if let Some(value) = &value {
        doubt_splitting(value, &mut arguments.doubts);
        // A boolean's value must be one; `--pull=always` and `--pull=missing` are podman's.
        let other_word = known.name == "pull" || known.name == "check" || known.name == "parallel";
        let is_bad = |text: &[u8]| !known.takes_value && !other_word && parse_boolean(text).is_none();
        if value.known().is_some_and(is_bad) {
            return Err(FlagError::BadBoolean(shown(), word.span));
        }
    }
    arguments.options.push(Given { name: known.name, value, span: word.span });
    Ok(uses_next)
}

#[cfg(test)]
mod tests;

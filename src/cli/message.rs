//! What can be wrong with options, and how it is said: in GNU make's and the C library's words. Knows nothing of how
//! the errors are found.

use super::decode::{Decoded, End, Source};
use super::help;
use super::number::NumberFault;
use super::table::{Flag, Kind, OWN, long_names};
use crate::base::nearest;

/// Something wrong with an option.
#[derive(Clone)]
pub enum Error {
    /// A letter that is no option.
    UnknownLetter(u8),
    /// A letter whose value is missing.
    LetterNeedsValue(u8),
    /// A long name that is no option: all of the word after `--`.
    UnknownName(Vec<u8>),
    /// An abbreviation of more than one long name.
    AmbiguousName {
        /// All of the word after `--`.
        text: Vec<u8>,
        /// The names it may stand for.
        possibilities: Vec<&'static str>,
    },
    /// A long name whose value is missing.
    NameNeedsValue(&'static str),
    /// A long name with a value that it does not take.
    NameTakesNoValue(&'static str),
    /// A value that may not be empty.
    EmptyValue(&'static Flag),
    /// A value that should be a number above zero.
    NotPositive(&'static Flag),
    /// A value that is none of the few words it may be.
    UnknownChoice {
        /// The option.
        flag: &'static Flag,
        /// The value.
        given: Vec<u8>,
    },
    /// A `--debug` value, from the word on that names no level.
    DebugLevel(Vec<u8>),
    /// A `-O` value that is no type.
    OutputSync(Vec<u8>),
    /// A `--shuffle` value that is no mode.
    Shuffle {
        /// The value.
        given: Vec<u8>,
        /// Why it is no seed either.
        fault: NumberFault,
    },
    /// More than one `--temp-stdin`, which only a restarted make is given, and once.
    TempStdinTwice,
}

impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        message(self) == message(other)
    }
}

impl std::fmt::Debug for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&message(self)))
    }
}

/// The text of `error`, without the program's name before it.
pub fn message(error: &Error) -> Vec<u8> {
    let text = |text: String| text.into_bytes();
    match error {
        Error::UnknownLetter(letter) => quoted("invalid option -- '", &[*letter], "'"),
        Error::LetterNeedsValue(letter) => quoted("option requires an argument -- '", &[*letter], "'"),
        Error::UnknownName(name) => quoted("unrecognized option '--", name, "'"),
        Error::AmbiguousName { text, possibilities } => {
            let mut message = quoted("option '--", text, "' is ambiguous; possibilities:");
            for name in possibilities {
                message.extend_from_slice(format!(" '--{name}'").as_bytes());
            }
            message
        }
        Error::NameNeedsValue(name) => text(format!("option '--{name}' requires an argument")),
        Error::NameTakesNoValue(name) => text(format!("option '--{name}' doesn't allow an argument")),
        Error::EmptyValue(flag) => {
            text(format!("the '{}' option requires a non-empty string argument", spelled(flag)))
        }
        Error::NotPositive(flag) => {
            text(format!("the '{}' option requires a positive integer argument", spelled(flag)))
        }
        Error::UnknownChoice { flag, given } => {
            let choices = match &flag.kind {
                Kind::Choice { choices, .. } | Kind::Words { choices, .. } => choices.join("', '"),
                _ => String::new(),
            };
            let end = format!("' for '{}'; known are: '{choices}'", spelled(flag));
            quoted("unknown argument '", given, &end)
        }
        Error::DebugLevel(given) => quoted("unknown debug level specification '", given, "'"),
        Error::OutputSync(given) => quoted("unknown output-sync type '", given, "'"),
        Error::Shuffle { given, fault } => {
            let fault = match fault {
                NumberFault::Missing => "Missing value",
                NumberFault::Invalid => "Invalid value",
            };
            quoted(&format!("invalid shuffle mode: {fault}: '"), given, "'")
        }
        Error::TempStdinTwice => text("INTERNAL: multiple --temp-stdin options provided!".to_owned()),
    }
}

/// What was meant, where that can be seen: the option whose name is nearest.
pub fn hint(error: &Error) -> Option<String> {
    let Error::UnknownName(text) = error else { return None };
    let name = text.split(|&byte| byte == b'=').next()?;
    let own = OWN.iter().filter(|flag| flag.shown).map(|flag| flag.name);
    let near = nearest(name, long_names().map(|(name, _)| name).chain(own).map(str::as_bytes))?;
    Some(format!("there is '--{}'", String::from_utf8_lossy(near)))
}

fn quoted(before: &str, given: &[u8], after: &str) -> Vec<u8> {
    [before.as_bytes(), given, after.as_bytes()].concat()
}

fn spelled(flag: &Flag) -> String {
    match flag.letters.first() {
        Some(letter) => format!("-{}", char::from(*letter)),
        None => format!("--{}", flag.name),
    }
}

/// Whether the C library says it, which puts the program's name as it was invoked before the text.
fn is_of_the_scan(error: &Error) -> bool {
    matches!(
        error,
        Error::UnknownLetter(_)
            | Error::LetterNeedsValue(_)
            | Error::UnknownName(_)
            | Error::AmbiguousName { .. }
            | Error::NameNeedsValue(_)
            | Error::NameTakesNoValue(_)
    )
}

/// Who speaks.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The program as it was invoked.
    pub argv0: &'a [u8],
    /// The name before make's own messages: the last part of `argv0`, with `[1]` and so on once the make level is
    /// known, which it is not yet while the command line is decoded.
    pub program: &'a [u8],
    /// What was decoded.
    pub source: Source,
}

/// All that a decoding has to say on stderr: its errors in order, then the usage or the fatal error. For
/// [`Source::Flags`] the C library's part has no program's name, only the colon, since GNU make hands it none.
pub fn diagnostics(decoded: &Decoded, who: &Invocation<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    for error in &decoded.errors {
        let name = match (is_of_the_scan(error), who.source) {
            (true, Source::Flags(_)) => b"",
            (true, _) => who.argv0,
            (false, _) => who.program,
        };
        text.extend_from_slice(name);
        text.extend_from_slice(b": ");
        text.extend_from_slice(&message(error));
        text.push(b'\n');
    }
    match &decoded.end {
        End::Go => {}
        End::Usage => text.extend_from_slice(&help::usage(who.program)),
        End::Fatal(error) => {
            text.extend_from_slice(who.program);
            text.extend_from_slice(b": *** ");
            text.extend_from_slice(&message(error));
            text.extend_from_slice(b".  Stop.\n");
        }
    }
    text
}

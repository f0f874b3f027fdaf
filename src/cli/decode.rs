//! Options into settings: the command line, MAKEFLAGS and IMKFLAGS all go through here, each with its own rules of
//! what it may say. Knows nothing of variables: values come expanded, and definitions go back as text.

use super::definition::definition;
use super::message::Error;
use super::number;
use super::scan::{Item, Known, Scan};
use super::settings::{DebugLevels, Jobs, NO_LOAD_LIMIT, Origin, OutputSync, Settings};
use super::table::{self, Flag, Kind, Travel};
use std::num::NonZeroU32;

/// Where words come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Arguments,
    /// The value of MAKEFLAGS or GNUMAKEFLAGS. At the start it counts as [`Origin::Command`], since it carries the
    /// parent's command line.
    Flags(Origin),
    /// The value of IMKFLAGS.
    Own,
}

impl Source {
    fn origin(self) -> Origin {
        match self {
            Source::Arguments | Source::Own => Origin::Command,
            Source::Flags(origin) => origin,
        }
    }

    fn known(self, own_table: &'static [Flag]) -> Known {
        match self {
            Source::Arguments => Known { gnu: true, own: |flag| flag.shown, own_table },
            Source::Flags(_) => Known { gnu: true, own: |_| false, own_table },
            Source::Own => {
                Known { gnu: false, own: |flag| flag.shown && flag.travel == Travel::Pass, own_table }
            }
        }
    }
}

/// Finds home directories for `~` (`None`) and `~user` (`Some`) at the start of file names.
pub type Home<'a> = &'a dyn Fn(Option<&[u8]>) -> Option<Vec<u8>>;

/// A word that is no option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A variable definition, as written: [`definition`] takes it apart. The options after it are not yet in force where its
    /// value is expanded.
    Definition(Vec<u8>, InForce),
    /// A goal, with `~` and leading `./` resolved.
    Goal(Vec<u8>),
}

/// What of the options before a definition matters to what its expansion says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    /// Undefined variables are told of.
    pub warn_undefined: bool,
    /// Output is preceded by a line that says it is from this make. Which folder this is, and how deep, is not known yet.
    pub announce: bool,
}

/// How a decoding ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// The run goes on.
    Go,
    /// The errors and the usage are printed on stderr, and the run ends with status 2.
    Usage,
    /// This error, too, is printed, as a fatal one, and the run ends with status 2.
    Fatal(Error),
}

/// What a decoding found beside the settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// Goals and definitions in order. Only words of [`Origin::Command`] are goals, MAKEFLAGS's at the start among
    /// them, as in GNU make.
    pub operands: Vec<Operand>,
    /// What to complain of, in order.
    pub errors: Vec<Error>,
    /// How it ended.
    pub end: End,
}

/// Decodes `words` onto `settings`. For the command line they are without the program's name, and
/// [`decode_arguments`] is to be used; for MAKEFLAGS and IMKFLAGS they come from [`flag_words`].
pub fn decode<W: AsRef<[u8]>>(
    settings: &mut Settings,
    words: &[W],
    source: Source,
    home: Home<'_>,
) -> Decoded {
    decode_with(settings, words, source, home, table::OWN)
}

/// Decodes the command line (without the program's name), keeping its `-j` apart from the one of the environment's
/// MAKEFLAGS, which counts where the command line has none.
pub fn decode_arguments<W: AsRef<[u8]>>(settings: &mut Settings, words: &[W], home: Home<'_>) -> Decoded {
    let inherited = std::mem::take(&mut settings.jobs);
    let decoded = decode(settings, words, Source::Arguments, home);
    settings.argument_jobs = settings.jobs;
    if settings.jobs == Jobs::Unset {
        settings.jobs = inherited;
    }
    decoded
}

/// The words of an expanded MAKEFLAGS value: blanks part them, a backslash takes the next byte's meaning away, and a
/// first word that is neither an option nor a definition is a group of letters and gets its dash. A blank at the end
/// makes an empty last word, as it does in GNU make.
pub fn flag_words(value: &[u8]) -> Vec<Vec<u8>> {
    let blank = |byte: u8| matches!(byte, b' ' | b'\t');
    let Some(start) = value.iter().position(|byte| !blank(*byte)) else { return Vec::new() };
    let mut words = vec![Vec::new()];
    let mut word = Vec::new();
    let mut bytes = value.iter().copied().skip(start).peekable();
    while let Some(byte) = bytes.next() {
        if blank(byte) {
            while bytes.next_if(|byte| blank(*byte)).is_some() {}
            words.push(std::mem::take(&mut word));
        } else {
            word.push(if byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte });
        }
    }
    words.push(word);
    words.remove(0);
    if let Some(first) = words.first_mut()
        && first.first() != Some(&b'-')
        && !first.contains(&b'=')
    {
        first.insert(0, b'-');
    }
    words
}

pub(super) fn decode_with<W: AsRef<[u8]>>(
    settings: &mut Settings,
    words: &[W],
    source: Source,
    home: Home<'_>,
    own_table: &'static [Flag],
) -> Decoded {
    let origin = source.origin();
    let mut decoded = Decoded { operands: Vec::new(), errors: Vec::new(), end: End::Go };
    let mut fatal = None;
    let mut scan = Scan::new(words, source.known(own_table));
    while let Some(item) = scan.next() {
        match item {
            Item::Operand(word) => {
                let in_force = || InForce {
                    warn_undefined: settings.warn_undefined_variables,
                    announce: settings.should_print_directory(0),
                };
                decoded.operands.extend(operand(word, in_force, origin, home));
            }
            Item::Fault(error) if origin == Origin::Command => decoded.errors.push(error),
            Item::Fault(_) => {}
            Item::Flag(flag, value) => {
                let value = value.or_else(|| match flag.kind {
                    Kind::Jobs(_) => scan.take_word_if(|word| word.iter().all(u8::is_ascii_digit)),
                    Kind::Load(_) => {
                        scan.take_word_if(|word| matches!(word.first(), Some(b'0'..=b'9' | b'.')))
                    }
                    _ => None,
                });
                match apply(settings, flag, value, origin, home) {
                    Ok(()) => {}
                    // All options would say less than the few words that this one takes.
                    Err(error @ (Error::TempStdinTwice | Error::UnknownChoice { .. })) => {
                        fatal = Some(error);
                        break;
                    }
                    Err(error) => decoded.errors.push(error),
                }
            }
        }
    }
    let refused = !decoded.errors.is_empty() && origin == Origin::Command;
    decoded.end = match fatal {
        Some(error) => End::Fatal(error),
        None if refused => End::Usage,
        None => understand(settings).map_or_else(End::Fatal, |()| End::Go),
    };
    decoded
}

fn operand(
    word: &[u8],
    in_force: impl FnOnce() -> InForce,
    origin: Origin,
    home: Home<'_>,
) -> Option<Operand> {
    if word == b"-" {
        return None;
    }
    if definition(word).is_some() {
        return Some(Operand::Definition(word.to_vec(), in_force()));
    }
    // An empty word is what a sub-make gets where the top make emptied MAKEOVERRIDES.
    (origin == Origin::Command && !word.is_empty()).then(|| Operand::Goal(file_name(word, home)))
}

/// A file name of the command line with its `~` replaced and without the `./` at its start.
fn file_name(name: &[u8], home: Home<'_>) -> Vec<u8> {
    let expanded = match name {
        [b'~', rest @ ..] => {
            let (user, path) = rest.split_at(memchr::memchr(b'/', rest).unwrap_or(rest.len()));
            home((!user.is_empty()).then_some(user)).map(|mut expanded| {
                expanded.extend_from_slice(path);
                expanded
            })
        }
        _ => None,
    };
    let mut rest = expanded.as_deref().filter(|name| !name.is_empty()).unwrap_or(name);
    while let Some(after) = rest.strip_prefix(b"./") {
        rest = after;
        while let Some(after) = rest.strip_prefix(b"/") {
            rest = after;
        }
    }
    if rest.is_empty() { b"./".to_vec() } else { rest.to_vec() }
}

fn bytes(text: &'static str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// Puts one option's value into the settings, if `origin` may.
fn apply(
    settings: &mut Settings,
    flag: &'static Flag,
    value: Option<&[u8]>,
    origin: Origin,
    home: Home<'_>,
) -> Result<(), Error> {
    if origin != Origin::Command && flag.travel == Travel::Never {
        return Ok(());
    }
    let given = || match value {
        Some([]) => Err(Error::EmptyValue(flag)),
        value => Ok(value),
    };
    match &flag.kind {
        Kind::Ignored => {}
        Kind::Switch(slot) => *(slot.get_mut)(settings) = true,
        Kind::Toggle(slot, direction) => {
            let toggle = (slot.get_mut)(settings);
            if origin == Origin::Command || Some(origin) >= toggle.origin {
                toggle.value = Some(*direction);
                toggle.origin = Some(origin);
            }
        }
        Kind::Text { slot, bare } => {
            let given = given()?.map(<[u8]>::to_vec);
            *(slot.get_mut)(settings) = given.or_else(|| bare.map(bytes));
        }
        Kind::List { slot, bare } => {
            let list = (slot.get_mut)(settings);
            if let Some(text) = given()?.map(<[u8]>::to_vec).or_else(|| bare.map(bytes))
                && !list.contains(&text)
            {
                list.push(text);
            }
        }
        Kind::Files { slot, repeats } => {
            let list = (slot.get_mut)(settings);
            // GNU make compares the name as written with the names as resolved.
            if let Some(name) = given()?
                && (*repeats || !list.iter().any(|known| known == name))
            {
                list.push(file_name(name, home));
            }
        }
        Kind::TempStdin => {
            if let Some(name) = given()? {
                if settings.temp_stdin.is_some() {
                    return Err(Error::TempStdinTwice);
                }
                settings.temp_stdin = Some(settings.makefiles.len());
                settings.makefiles.push(name.to_vec());
            }
        }
        Kind::Jobs(slot) => {
            let jobs = match value.map(|text| number::unsigned(text).ok().and_then(NonZeroU32::new)) {
                None => Jobs::Unlimited,
                Some(Some(count)) => Jobs::from_count(count),
                Some(None) => return Err(Error::NotPositive(flag)),
            };
            *(slot.get_mut)(settings) = jobs;
        }
        Kind::Load(slot) => *(slot.get_mut)(settings) = value.map_or(NO_LOAD_LIMIT, number::float),
        Kind::Choice { slot, choices, bare } => {
            let chosen = match given()? {
                None => *bare,
                Some(text) => match choices.iter().find(|choice| choice.as_bytes() == text) {
                    Some(choice) => Some(*choice),
                    None => return Err(Error::UnknownChoice { flag, given: text.to_vec() }),
                },
            };
            *(slot.get_mut)(settings) = chosen;
        }
        Kind::Words { slot, choices, bare } => {
            let text = given()?.unwrap_or(bare.as_bytes());
            let kept = (slot.get_mut)(settings);
            for word in text.split(|&byte| byte == b',') {
                match choices.iter().find(|choice| choice.as_bytes() == word) {
                    Some(choice) if kept.contains(choice) => {}
                    Some(choice) => kept.push(choice),
                    None => return Err(Error::UnknownChoice { flag, given: word.to_vec() }),
                }
            }
        }
    }
    Ok(())
}

/// Brings what follows from the options up to date after each decoding.
fn understand(settings: &mut Settings) -> Result<(), Error> {
    let mut levels = settings.debug_levels;
    if settings.debug {
        levels = DebugLevels::ALL;
    }
    if settings.trace {
        levels = levels.with(DebugLevels::PRINT).with(DebugLevels::WHY);
    }
    for flags in &settings.debug_flags {
        levels = debug_levels(flags, levels)?;
    }
    settings.debug_levels = levels;
    // `--debug=none` takes -d back, out of MAKEFLAGS too.
    settings.debug &= !levels.is_empty();
    if let Some(option) = &settings.output_sync_option {
        settings.output_sync = match option.as_slice() {
            b"none" => OutputSync::None,
            b"line" => OutputSync::Line,
            b"target" => OutputSync::Target,
            b"recurse" => OutputSync::Recurse,
            _ => return Err(Error::OutputSync(option.clone())),
        };
    }
    Ok(())
}

/// `levels` and those that one `--debug` value names: words parted by a comma or a blank, of which the first letter
/// counts (manual, "Summary of Options").
fn debug_levels(flags: &[u8], mut levels: DebugLevels) -> Result<DebugLevels, Error> {
    let mut rest = flags;
    loop {
        let basic = levels.with(DebugLevels::BASIC);
        levels = match rest.first().map(u8::to_ascii_lowercase) {
            Some(b'a') => DebugLevels::ALL,
            Some(b'b') => basic,
            Some(b'i') => basic.with(DebugLevels::IMPLICIT),
            Some(b'j') => levels.with(DebugLevels::JOBS),
            Some(b'm') => basic.with(DebugLevels::MAKEFILES),
            Some(b'n') => DebugLevels::NONE,
            Some(b'p') => levels.with(DebugLevels::PRINT),
            Some(b'v') => basic.with(DebugLevels::VERBOSE),
            Some(b'w') => levels.with(DebugLevels::WHY),
            _ => return Err(Error::DebugLevel(rest.to_vec())),
        };
        let after_first = rest.get(1..).unwrap_or_default();
        rest = match after_first.iter().position(|byte| matches!(byte, b',' | b' ')) {
            Some(at) => after_first.get(at + 1..).unwrap_or_default(),
            None => return Ok(levels),
        };
        if rest.is_empty() {
            return Ok(levels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::encode::own_flags_of;
    use super::super::message::message;
    use super::super::settings::Own;
    use super::super::table::Slot;
    use super::*;

    const fn shown(name: &'static str, kind: Kind, travel: Travel) -> Flag {
        Flag { letters: b"", name, kind, travel, value_name: "", help: "Help.", shown: true }
    }

    static TABLE: &[Flag] = &[
        shown(
            "plan",
            Kind::Choice {
                slot: Slot { get: |s| &s.own.plan, get_mut: |s| &mut s.own.plan },
                choices: &["text", "json"],
                bare: Some("text"),
            },
            Travel::Never,
        ),
        shown(
            "check",
            Kind::Choice {
                slot: Slot { get: |s| &s.own.check, get_mut: |s| &mut s.own.check },
                choices: &["text", "json"],
                bare: Some("text"),
            },
            Travel::Never,
        ),
        shown(
            "engine",
            Kind::Text { slot: Slot { get: |s| &s.own.engine, get_mut: |s| &mut s.own.engine }, bare: None },
            Travel::Pass,
        ),
        shown(
            "keep-failed",
            Kind::Switch(Slot { get: |s| &s.own.keep_failed, get_mut: |s| &mut s.own.keep_failed }),
            Travel::Pass,
        ),
    ];

    fn decoded(words: &[&str], source: Source) -> (Settings, Decoded) {
        let mut settings = Settings::default();
        let decoded = decode_with(&mut settings, words, source, &|_| None, TABLE);
        (settings, decoded)
    }

    #[test]
    fn own_options_travel_beside_makeflags() {
        let (settings, result) =
            decoded(&["--plan=json", "--engine", "a b$c\\", "--keep-f", "-k"], Source::Arguments);
        assert_eq!(result.end, End::Go);
        let expected = Own {
            plan: Some("json"),
            engine: Some(b"a b$c\\".to_vec()),
            keep_failed: true,
            ..Own::default()
        };
        assert_eq!(settings.own, expected);
        let value = own_flags_of(&settings, TABLE);
        assert_eq!(value, b"--engine=a\\ b$c\\\\ --keep-failed");
        let mut inherited = Settings::default();
        let result = decode_with(&mut inherited, &flag_words(&value), Source::Own, &|_| None, TABLE);
        assert_eq!(result.end, End::Go);
        assert_eq!(inherited.own, Own { plan: None, ..expected });
        assert_eq!(super::super::encode::makeflags(&settings, &Default::default()).makeflags, b"k");
    }

    #[test]
    fn each_way_in_has_its_own_options() {
        for (words, source) in [
            (["--plan"], Source::Flags(Origin::Command)),
            (["--keep-failed"], Source::Flags(Origin::Command)),
            (["--plan"], Source::Own),
            (["--keep-going"], Source::Own),
            (["-k"], Source::Own),
            (["--plan="], Source::Arguments),
            (["--engine"], Source::Arguments),
        ] {
            assert_eq!(decoded(&words, source).1.end, End::Usage, "{words:?}");
        }
        let (settings, result) = decoded(&["--plan", "--engine=x"], Source::Flags(Origin::File));
        assert_eq!((result.end, settings.own), (End::Go, Own::default()));
        let End::Fatal(wrong) = decoded(&["--plan=xml"], Source::Arguments).1.end else {
            panic!("--plan=xml is taken");
        };
        assert_eq!(message(&wrong), b"unknown argument 'xml' for '--plan'; known are: 'text', 'json'");
    }

    #[test]
    fn abbreviations_are_gnu_makes_first() {
        // `--keep` is an abbreviation of both --keep-going and --keep-failed, `--che` of both
        // --check-symlink-times and --check; `--check` is a whole name.
        let (settings, _) = decoded(&["--keep", "--che", "--pl"], Source::Arguments);
        assert!(settings.keep_going.is_on() && settings.check_symlink_times);
        let expected = Own { plan: Some("text"), ..Own::default() };
        assert_eq!(settings.own, expected);
        let (settings, _) = decoded(&["--check"], Source::Arguments);
        assert_eq!((settings.own.check, settings.check_symlink_times), (Some("text"), false));
    }

    #[test]
    fn own_options_have_a_part_of_their_own_in_the_help() {
        let usage = super::super::help::usage_with(b"imk", TABLE);
        let usage = String::from_utf8_lossy(&usage);
        assert!(usage.contains("have:\n  --plan[={text|json}]        Help.\n"), "{usage}");
        let own = super::super::help::usage(b"imk");
        let own = String::from_utf8_lossy(&own);
        // What works is said, what does not work yet is not.
        for flag in super::super::table::OWN {
            let said = own.contains(&format!("--{} ", flag.name))
                || own.contains(&format!("--{}=", flag.name))
                || own.contains(&format!("--{}[", flag.name))
                || own.contains(&format!("--{}\n", flag.name));
            assert_eq!(said, flag.shown, "{}: {own}", flag.name);
        }
    }

    #[test]
    fn flag_words_are_unquoted_as_make_quotes_them() {
        let cases: [(&str, &[&str]); 9] = [
            ("", &[]),
            ("  \t", &[]),
            ("kn -j4", &["-kn", "-j4"]),
            (" -Ia\\ b\\\\c", &["-Ia b\\c"]),
            ("A=1 -k", &["A=1", "-k"]),
            ("k -- A=1\\ 2", &["-k", "--", "A=1 2"]),
            ("k ", &["-k", ""]),
            ("k\\", &["-k\\"]),
            ("\\-k", &["-k"]),
        ];
        for (value, expected) in cases {
            let words = flag_words(value.as_bytes());
            let words: Vec<&str> = words.iter().filter_map(|word| std::str::from_utf8(word).ok()).collect();
            assert_eq!(words, expected, "{value:?}");
        }
    }
}

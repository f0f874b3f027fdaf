//! The one table of options: from it come the decoder, MAKEFLAGS, the help text, shell completions and the manual
//! page. Knows nothing of what an option does.
//!
//! GNU make's part follows its manual, "Summary of Options", and in its order and its travels the 4.4.1 program.

use super::settings::{Jobs, Settings, Toggle};

/// A field of [`Settings`], to read and to write.
pub struct Slot<T: 'static> {
    /// Reads the field.
    pub get: fn(&Settings) -> &T,
    /// Gives the field to be written.
    pub get_mut: fn(&mut Settings) -> &mut T,
}

macro_rules! slot {
    ($($field:ident).+) => {
        Slot { get: |settings| &settings.$($field).+, get_mut: |settings| &mut settings.$($field).+ }
    };
}

/// What an option's value is, where it is kept, and what the option means without one (`bare`; where there is no
/// such meaning, the value is required).
#[allow(missing_docs)] // `slot` is where the value goes, `bare` the value where the option has none.
pub enum Kind {
    /// Accepted and forgotten.
    Ignored,
    /// Turns something on.
    Switch(Slot<bool>),
    /// Sets a switch that has both directions.
    Toggle(Slot<Toggle>, bool),
    /// A text; the last one counts.
    Text { slot: Slot<Option<Vec<u8>>>, bare: Option<&'static str> },
    /// Texts, each kept once.
    List { slot: Slot<Vec<Vec<u8>>>, bare: Option<&'static str> },
    /// File names, with `~` and leading `./` resolved, each kept once unless `repeats`.
    Files { slot: Slot<Vec<Vec<u8>>>, repeats: bool },
    /// The name of the file that holds standard input's makefile.
    TempStdin,
    /// A number of jobs; without one, no limit. The number may be the next word.
    Jobs(Slot<Jobs>),
    /// A load average; without one, no limit. The number may be the next word.
    Load(Slot<f64>),
    /// One of a few words.
    Choice { slot: Slot<Option<&'static str>>, choices: &'static [&'static str], bare: Option<&'static str> },
    /// Some of a few words, joined by commas; each kept once, and those of a further option added.
    Words { slot: Slot<Vec<&'static str>>, choices: &'static [&'static str], bare: &'static str },
}

/// Whether an option takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// No value.
    Nothing,
    /// A value in the same word.
    Optional,
    /// A value, in the same word or the next.
    Required,
}

/// How far an option goes: into MAKEFLAGS for GNU make's, into IMKFLAGS for imk's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Travel {
    /// The command line only.
    Never,
    /// Also understood in MAKEFLAGS, but not written there.
    Read,
    /// Read from there and written there.
    Pass,
    /// As `Pass`, but left out while makefiles are remade.
    PassToGoals,
}

/// One option.
pub struct Flag {
    /// Its letters; MAKEFLAGS has the first.
    pub letters: &'static [u8],
    /// Its long name without the dashes, or "". Further names are in [`ALIASES`].
    pub name: &'static str,
    /// Its value.
    pub kind: Kind,
    /// How far it goes.
    pub travel: Travel,
    /// What the help calls its value.
    pub value_name: &'static str,
    /// Its line of the help; "" keeps it out.
    pub help: &'static str,
    /// Whether it is there at all: an option of imk's own that does not work yet is refused as unknown, and no word
    /// is said of it.
    pub shown: bool,
}

impl Flag {
    /// Whether it takes a value.
    pub fn takes(&self) -> Takes {
        match &self.kind {
            Kind::Ignored | Kind::Switch(_) | Kind::Toggle(..) => Takes::Nothing,
            Kind::Text { bare, .. } | Kind::List { bare, .. } | Kind::Choice { bare, .. } => match bare {
                Some(_) => Takes::Optional,
                None => Takes::Required,
            },
            Kind::Files { .. } | Kind::TempStdin => Takes::Required,
            Kind::Jobs(_) | Kind::Load(_) | Kind::Words { .. } => Takes::Optional,
        }
    }

    /// The long names: its own, then its aliases.
    pub fn names(&'static self) -> impl Iterator<Item = &'static str> {
        let own = (!self.name.is_empty()).then_some(self.name);
        let aliases = ALIASES.iter().filter(|alias| !self.name.is_empty() && alias.flag == self.name);
        own.into_iter().chain(aliases.map(|alias| alias.name))
    }

    const fn with(mut self, travel: Travel) -> Flag {
        self.travel = travel;
        self
    }

    /// It works: it is understood, and said to be there.
    const fn works(mut self) -> Flag {
        self.shown = true;
        self
    }

    const fn value(mut self, value_name: &'static str) -> Flag {
        self.value_name = value_name;
        self
    }
}

/// A further long name of an option.
pub struct Alias {
    /// The further name.
    pub name: &'static str,
    /// The long name of the option.
    pub flag: &'static str,
}

const fn gnu(letters: &'static [u8], name: &'static str, kind: Kind, help: &'static str) -> Flag {
    Flag { letters, name, kind, travel: Travel::Pass, value_name: "", help, shown: true }
}

/// GNU make's options, in the order in which MAKEFLAGS has them: letters without a value come first.
pub static FLAGS: &[Flag] = &[
    gnu(b"bm", "", Kind::Ignored, "Ignored for compatibility.").with(Travel::Never),
    gnu(b"B", "always-make", Kind::Switch(slot!(always_make)), "Unconditionally make all targets."),
    gnu(b"d", "", Kind::Switch(slot!(debug)), "Print lots of debugging information."),
    gnu(
        b"e",
        "environment-overrides",
        Kind::Switch(slot!(environment_overrides)),
        "Environment variables override makefiles.",
    ),
    gnu(
        b"E",
        "eval",
        Kind::List { slot: slot!(eval), bare: None },
        "Evaluate STRING as a makefile statement.",
    )
    .with(Travel::Read)
    .value("STRING"),
    gnu(b"h", "help", Kind::Switch(slot!(print_help)), "Print this message and exit.").with(Travel::Never),
    gnu(b"i", "ignore-errors", Kind::Switch(slot!(ignore_errors)), "Ignore errors from recipes."),
    gnu(
        b"k",
        "keep-going",
        Kind::Toggle(slot!(keep_going), true),
        "Keep going when some targets can't be made.",
    ),
    gnu(
        b"L",
        "check-symlink-times",
        Kind::Switch(slot!(check_symlink_times)),
        "Use the latest mtime between symlinks and target.",
    ),
    gnu(
        b"n",
        "just-print",
        Kind::Switch(slot!(just_print)),
        "Don't actually run any recipe; just print them.",
    )
    .with(Travel::PassToGoals),
    gnu(b"p", "print-data-base", Kind::Switch(slot!(print_data_base)), "Print make's internal database."),
    gnu(b"q", "question", Kind::Switch(slot!(question)), "Run no recipe; exit status says if up to date.")
        .with(Travel::PassToGoals),
    gnu(
        b"r",
        "no-builtin-rules",
        Kind::Switch(slot!(no_builtin_rules)),
        "Disable the built-in implicit rules.",
    ),
    gnu(
        b"R",
        "no-builtin-variables",
        Kind::Switch(slot!(no_builtin_variables)),
        "Disable the built-in variable settings.",
    ),
    gnu(b"s", "silent", Kind::Toggle(slot!(silent), true), "Don't echo recipes."),
    gnu(b"S", "no-keep-going", Kind::Toggle(slot!(keep_going), false), "Turns off -k."),
    gnu(b"t", "touch", Kind::Switch(slot!(touch)), "Touch targets instead of remaking them.")
        .with(Travel::PassToGoals),
    gnu(b"v", "version", Kind::Switch(slot!(print_version)), "Print the version number of make and exit.")
        .with(Travel::Read),
    gnu(b"w", "print-directory", Kind::Toggle(slot!(print_directory), true), "Print the current directory."),
    gnu(
        b"C",
        "directory",
        Kind::Files { slot: slot!(directories), repeats: false },
        "Change to DIRECTORY before doing anything.",
    )
    .with(Travel::Never)
    .value("DIRECTORY"),
    gnu(b"f", "file", Kind::Files { slot: slot!(makefiles), repeats: true }, "Read FILE as a makefile.")
        .with(Travel::Never)
        .value("FILE"),
    gnu(
        b"I",
        "include-dir",
        Kind::Files { slot: slot!(include_directories), repeats: false },
        "Search DIRECTORY for included makefiles.",
    )
    .value("DIRECTORY"),
    gnu(b"j", "jobs", Kind::Jobs(slot!(jobs)), "Allow N jobs at once; infinite jobs with no arg.").value("N"),
    gnu(
        b"l",
        "load-average",
        Kind::Load(slot!(load_average)),
        "Don't start multiple jobs unless load is below N.",
    )
    .value("N"),
    gnu(
        b"o",
        "old-file",
        Kind::Files { slot: slot!(old_files), repeats: false },
        "Consider FILE to be very old and don't remake it.",
    )
    .with(Travel::Never)
    .value("FILE"),
    gnu(
        b"O",
        "output-sync",
        Kind::Text { slot: slot!(output_sync_option), bare: Some("target") },
        "Synchronize output of parallel jobs by TYPE.",
    )
    .value("TYPE"),
    gnu(
        b"W",
        "what-if",
        Kind::Files { slot: slot!(new_files), repeats: false },
        "Consider FILE to be infinitely new.",
    )
    .with(Travel::Never)
    .value("FILE"),
    gnu(
        b"",
        "debug",
        Kind::List { slot: slot!(debug_flags), bare: Some("basic") },
        "Print various types of debugging information.",
    )
    .value("FLAGS"),
    gnu(b"", "jobserver-auth", Kind::Text { slot: slot!(jobserver_auth), bare: None }, ""),
    gnu(b"", "trace", Kind::Switch(slot!(trace)), "Print tracing information."),
    gnu(
        b"",
        "no-print-directory",
        Kind::Toggle(slot!(print_directory), false),
        "Turn off -w, even if it was turned on implicitly.",
    ),
    gnu(
        b"",
        "warn-undefined-variables",
        Kind::Switch(slot!(warn_undefined_variables)),
        "Warn when an undefined variable is referenced.",
    ),
    gnu(b"", "sync-mutex", Kind::Text { slot: slot!(sync_mutex), bare: None }, ""),
    gnu(b"", "no-silent", Kind::Toggle(slot!(silent), false), "Echo recipes (disable --silent mode)."),
    gnu(b"", "jobserver-fds", Kind::Text { slot: slot!(jobserver_auth), bare: None }, "").with(Travel::Read),
    gnu(b"", "temp-stdin", Kind::TempStdin, "").with(Travel::Never),
    gnu(
        b"",
        "shuffle",
        Kind::Text { slot: slot!(shuffle), bare: Some("random") },
        "Perform shuffle of prerequisites and goals.",
    )
    .value("{SEED|random|reverse|none}"),
    gnu(
        b"",
        "jobserver-style",
        Kind::Text { slot: slot!(jobserver_style), bare: None },
        "Select the style of jobserver to use.",
    )
    .with(Travel::Read)
    .value("STYLE"),
];

/// GNU make's further long names, in the order in which an ambiguous abbreviation lists them.
pub static ALIASES: &[Alias] = &[
    Alias { name: "quiet", flag: "silent" },
    Alias { name: "stop", flag: "no-keep-going" },
    Alias { name: "new-file", flag: "what-if" },
    Alias { name: "assume-new", flag: "what-if" },
    Alias { name: "assume-old", flag: "old-file" },
    Alias { name: "max-load", flag: "load-average" },
    Alias { name: "dry-run", flag: "just-print" },
    Alias { name: "recon", flag: "just-print" },
    Alias { name: "makefile", flag: "file" },
];

/// The order of `--help`: each entry is an option's first letter, or its long name where it has none.
pub static HELP_ORDER: &[&str] = &[
    "b",
    "B",
    "C",
    "d",
    "debug",
    "e",
    "E",
    "f",
    "h",
    "i",
    "I",
    "j",
    "jobserver-style",
    "k",
    "l",
    "L",
    "n",
    "o",
    "O",
    "p",
    "q",
    "r",
    "R",
    "shuffle",
    "s",
    "no-silent",
    "S",
    "t",
    "trace",
    "v",
    "w",
    "no-print-directory",
    "W",
    "warn-undefined-variables",
];

mod own;

pub use own::OWN;

/// The option of `letter`, found in one step.
pub fn by_letter(letter: u8) -> Option<&'static Flag> {
    FLAGS.get(usize::from(*LETTERS.get(usize::from(letter))?))
}

/// For each byte the place in [`FLAGS`] of the option of that letter; a place beyond its end where there is none.
static LETTERS: [u8; 256] = {
    let mut places = [u8::MAX; 256];
    let mut at = 0;
    while at < FLAGS.len() {
        let letters = FLAGS[at].letters;
        let mut letter = 0;
        while letter < letters.len() {
            places[letters[letter] as usize] = at as u8;
            letter += 1;
        }
        at += 1;
    }
    places
};

/// GNU make's long names with their options: first each option's own, in the table's order, then the aliases.
pub fn long_names() -> impl Iterator<Item = (&'static str, &'static Flag)> {
    let own = FLAGS.iter().filter(|flag| !flag.name.is_empty()).map(|flag| (flag.name, flag));
    let aliases = ALIASES
        .iter()
        .filter_map(|alias| FLAGS.iter().find(|flag| flag.name == alias.flag).map(|flag| (alias.name, flag)));
    own.chain(aliases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_and_name_is_one_option() {
        let mut letters: Vec<u8> = FLAGS.iter().flat_map(|flag| flag.letters).copied().collect();
        for letter in &letters {
            assert!(by_letter(*letter).is_some_and(|flag| flag.letters.contains(letter)));
        }
        assert!(by_letter(b':').is_none() && by_letter(b'a').is_none() && by_letter(255).is_none());
        letters.sort_unstable();
        let count = letters.len();
        letters.dedup();
        assert_eq!(letters.len(), count);
        assert_eq!(
            long_names().count(),
            FLAGS.iter().filter(|flag| !flag.name.is_empty()).count() + ALIASES.len()
        );
        let own = OWN.iter().map(|flag| flag.name);
        let mut names: Vec<&str> = long_names().map(|(name, _)| name).chain(own).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn plain_letters_come_before_everything_else() {
        let plain = |flag: &Flag| !flag.letters.is_empty() && flag.takes() == Takes::Nothing;
        let written = FLAGS.iter().filter(|flag| matches!(flag.travel, Travel::Pass | Travel::PassToGoals));
        assert!(written.skip_while(|flag| plain(flag)).all(|flag| !plain(flag)));
    }

    #[test]
    fn the_help_has_each_option_once() {
        let key = |flag: &Flag| {
            flag.letters.first().map_or(flag.name.to_owned(), |&letter| char::from(letter).to_string())
        };
        let mut expected: Vec<String> = FLAGS.iter().filter(|flag| !flag.help.is_empty()).map(key).collect();
        expected.sort_unstable();
        let mut listed: Vec<String> = HELP_ORDER.iter().map(|&entry| entry.to_owned()).collect();
        listed.sort_unstable();
        assert_eq!(listed, expected);
    }

    /// `--check` alone is the whole name of an own option and the beginning of one of GNU make's; the decoder lets
    /// the whole name win. Any other such pair is to be avoided.
    #[test]
    fn no_other_own_name_begins_a_name_of_gnu_make() {
        for flag in OWN.iter().filter(|flag| flag.name != "check") {
            assert!(long_names().all(|(name, _)| !name.starts_with(flag.name)), "{}", flag.name);
        }
    }
}

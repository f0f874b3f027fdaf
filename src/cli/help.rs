//! What `--help` and `--version` print, made from the table of options. Knows nothing of how options are decoded.

use super::table::{self, Flag, HELP_ORDER, Kind, Takes};

/// The version of GNU make whose behaviour this is: the value of `MAKE_VERSION`.
pub const MAKE_VERSION: &str = "4.4.1";

/// Where the right column begins.
const COLUMN: usize = 30;

/// The machine this program is for, in the form of GNU make's: the value of `MAKE_HOST`.
pub fn host() -> String {
    let vendor = if matches!(std::env::consts::ARCH, "x86" | "x86_64") { "pc" } else { "unknown" };
    let environment = match (cfg!(target_os = "linux"), cfg!(target_env = "musl")) {
        (true, true) => "-musl",
        (true, false) => "-gnu",
        _ => "",
    };
    format!("{}-{vendor}-{}{environment}", std::env::consts::ARCH, std::env::consts::OS)
}

/// What `--version` prints. `before` stands before each line: `# ` where it is part of `-p`'s output.
///
/// The first line begins as GNU make's: build systems look for "GNU Make" there, and take the number after it for
/// what this make can do.
pub fn version(before: &str) -> String {
    let own = env!("CARGO_PKG_VERSION");
    let license = env!("CARGO_PKG_LICENSE");
    format!(
        "{before}GNU Make {MAKE_VERSION} compatible\n\
         {before}imk {own}, a program of its own that reads GNU make's makefiles\n\
         {before}Built for {host}\n\
         {before}License {license}\n\
         {before}There is NO WARRANTY, to the extent permitted by law.\n",
        host = host()
    )
}

/// What `--help` prints, and what follows a wrong option on stderr. `program` is the name as in other messages.
pub fn usage(program: &[u8]) -> Vec<u8> {
    usage_with(program, table::OWN)
}

pub(super) fn usage_with(program: &[u8], own_table: &'static [Flag]) -> Vec<u8> {
    let mut text = [b"Usage: ", program, b" [options] [target] ...\nOptions:\n"].concat();
    for flag in HELP_ORDER.iter().filter_map(|entry| in_help(entry)) {
        text.extend_from_slice(line(flag).as_bytes());
    }
    let mut own = own_table.iter().filter(|flag| flag.shown).peekable();
    if own.peek().is_some() {
        text.extend_from_slice(b"\nOptions that GNU make does not have:\n");
        own.for_each(|flag| text.extend_from_slice(line(flag).as_bytes()));
    }
    text.extend_from_slice(format!("\nThis program built for {}\n", host()).as_bytes());
    text
}

/// The option of an entry of [`HELP_ORDER`].
pub(super) fn in_help(entry: &str) -> Option<&'static Flag> {
    match entry.as_bytes() {
        [letter] => table::by_letter(*letter),
        _ => table::FLAGS.iter().find(|flag| flag.name == entry),
    }
}

/// The option's forms, then what it does, below them where they are too long.
fn line(flag: &'static Flag) -> String {
    let value = value_name(flag);
    let mut forms = Vec::new();
    for letter in flag.letters {
        let letter = char::from(*letter);
        forms.push(match (flag.takes(), &flag.kind) {
            (Takes::Nothing, _) => format!("-{letter}"),
            (Takes::Required, _) => format!("-{letter} {value}"),
            (Takes::Optional, Kind::Jobs(_) | Kind::Load(_)) => format!("-{letter} [{value}]"),
            (Takes::Optional, _) => format!("-{letter}[{value}]"),
        });
    }
    for name in flag.names() {
        forms.push(match flag.takes() {
            Takes::Nothing => format!("--{name}"),
            Takes::Required => format!("--{name}={value}"),
            Takes::Optional => format!("--{name}[={value}]"),
        });
    }
    let forms = format!("  {}", forms.join(", "));
    let gap = if forms.len() + 2 <= COLUMN {
        " ".repeat(COLUMN - forms.len())
    } else {
        format!("\n{}", " ".repeat(COLUMN))
    };
    format!("{forms}{gap}{}\n", flag.help)
}

/// What the option's value is called: for a choice, its words.
pub(super) fn value_name(flag: &Flag) -> String {
    match &flag.kind {
        Kind::Choice { choices, .. } if flag.value_name.is_empty() => match choices {
            [only] => (*only).to_owned(),
            choices => format!("{{{}}}", choices.join("|")),
        },
        Kind::Words { choices, .. } => format!("{{{}}},…", choices.join("|")),
        _ => flag.value_name.to_owned(),
    }
}

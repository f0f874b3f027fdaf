//! The table of options as a `clap` command, and the manual page made from it: only when one of these is asked for. Knows nothing of
//! decoding.

use super::help::value_name;
use super::table::{self, ALIASES, Flag, HELP_ORDER, Kind, Takes};
use clap::{Arg, ArgAction, Command, ValueHint};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use std::io;

pub(super) const PROGRAM: &str = "imk";

/// The whole command line as `clap` describes one: GNU make's options in the order of `--help`, then those of imk's
/// own that are there.
pub fn command() -> Command {
    command_with(table::OWN)
}

fn command_with(own_table: &'static [Flag]) -> Command {
    let gnu = HELP_ORDER.iter().filter_map(|entry| super::help::in_help(entry));
    let own = own_table.iter().filter(|flag| flag.shown);
    let target = Arg::new("target")
        .num_args(0..)
        .value_name("TARGET|VARIABLE=VALUE")
        .help("What to remake, and what variables to set before.")
        .value_hint(ValueHint::Other);
    Command::new(PROGRAM)
        .version(env!("CARGO_PKG_VERSION"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(gnu.chain(own).map(argument))
        .arg(target)
}

fn argument(flag: &'static Flag) -> Arg {
    let id = match flag.letters.first() {
        _ if !flag.name.is_empty() => flag.name.to_owned(),
        Some(letter) => char::from(*letter).to_string(),
        None => String::new(),
    };
    let mut argument = Arg::new(id).help(flag.help);
    let mut letters = flag.letters.iter().map(|letter| char::from(*letter));
    if let Some(letter) = letters.next() {
        argument = argument.short(letter).visible_short_aliases(letters.collect::<Vec<char>>());
    }
    if !flag.name.is_empty() {
        let aliases = ALIASES.iter().filter(|alias| alias.flag == flag.name).map(|alias| alias.name);
        argument = argument.long(flag.name).visible_aliases(aliases.collect::<Vec<&str>>());
    }
    // The manual page's writer leaves aliases out, so they are said in words there.
    let letters = flag.letters.iter().skip(1).map(|letter| format!("-{}", char::from(*letter)));
    let also: Vec<String> = letters.chain(flag.names().skip(1).map(|name| format!("--{name}"))).collect();
    if !also.is_empty() {
        argument = argument.long_help(format!("{} Also {}.", flag.help, also.join(", ")));
    }
    if flag.takes() == Takes::Nothing {
        return argument.action(ArgAction::SetTrue);
    }
    argument = match &flag.kind {
        Kind::Choice { choices, .. } => argument.value_parser(choices.to_vec()),
        _ => argument.value_name(value_name(flag)),
    };
    argument = match flag.value_name {
        "FILE" => argument.value_hint(ValueHint::FilePath),
        "DIRECTORY" => argument.value_hint(ValueHint::DirPath),
        _ => argument.value_hint(ValueHint::Other),
    };
    if flag.takes() == Takes::Optional {
        argument = argument.num_args(0..=1).require_equals(flag.letters.is_empty());
    }
    argument.action(ArgAction::Append)
}

/// What the manual page says before the options: a heading and its paragraphs.
const SECTIONS_BEFORE: &[(&str, &[&str])] = &[
    ("SYNOPSIS", &["imk [option] ... [target | VARIABLE=VALUE] ..."]),
    (
        "DESCRIPTION",
        &[
            "imk remakes each target whose prerequisites are newer, by the rules of a makefile. It reads GNU make's \
             makefiles and takes GNU make's options; the manual of GNU make holds for it. What it knows beside that \
             of container images is in image blocks, and in the options at the end of the list.",
            "Without -f it reads the first of Imkfile, GNUmakefile, makefile and Makefile that is there. Without a \
             target it remakes the makefile's first.",
        ],
    ),
];

/// What the manual page says after the options.
const SECTIONS_AFTER: &[(&str, &[&str])] = &[
    (
        "EXIT STATUS",
        &["0: all goals are up to date.", "1: under -q, a goal is not up to date.", "2: there were errors."],
    ),
    (
        "ENVIRONMENT",
        &[
            "MAKEFLAGS: options and variable definitions, as a make hands them to the makes that it starts.",
            "GNUMAKEFLAGS: the same, read before MAKEFLAGS, and not handed on.",
            "IMKFLAGS: options that GNU make does not have, handed on beside MAKEFLAGS.",
            "MAKEFILES: makefiles to be read before the others.",
            "TMPDIR: where temporary files are made; MAKE_TMPDIR counts first.",
        ],
    ),
];

/// The manual page in roff.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn manual() -> io::Result<Vec<u8>> {
    let page = Man::new(command());
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    sections(SECTIONS_BEFORE, &mut text)?;
    page.render_options_section(&mut text)?;
    sections(SECTIONS_AFTER, &mut text)?;
    page.render_version_section(&mut text)?;
    Ok(text)
}

fn sections(sections: &[(&str, &[&str])], text: &mut Vec<u8>) -> io::Result<()> {
    let mut page = Roff::default();
    for (heading, paragraphs) in sections {
        page.control("SH", [*heading]);
        for paragraph in *paragraphs {
            page.control("PP", []);
            page.text([roman(*paragraph)]);
        }
    }
    page.to_writer(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn the_manual_has_every_option_of_the_help() {
        let page = String::from_utf8(manual().expect("in memory")).expect("text");
        let page = page.replace("\\-", "-");
        for flag in table::FLAGS.iter().filter(|flag| !flag.help.is_empty()) {
            for name in flag.names() {
                assert!(page.contains(&format!("--{name}")), "{name}");
            }
        }
        assert!(page.contains(".SH \"EXIT STATUS\""), "{page}");
    }
}

//! Settings into MAKEFLAGS, MFLAGS and IMKFLAGS: pure functions. Knows nothing of variables but the names of those
//! that MAKEFLAGS refers to.
//!
//! Source: GNU make manual, "Communicating Options to a Sub-make", and the 4.4.1 program.

use super::number;
use super::settings::{Jobs, Settings};
use super::table::{self, Flag, Kind, Travel};

/// Which reference to the command line's variable definitions MAKEFLAGS ends with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overrides {
    /// None: there are no definitions, or the variable that would be referred to is empty.
    #[default]
    None,
    /// `-- $(MAKEOVERRIDES)`, which a makefile may change.
    MakeOverrides,
    /// `-- $(-*-command-variables-*-)`, which it cannot: under `.POSIX`.
    CommandVariables,
}

/// What MAKEFLAGS is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Makefiles are being remade, which `-n`, `-q` and `-t` are not to hinder.
    pub remaking_makefiles: bool,
    /// The definitions.
    pub overrides: Overrides,
}

/// The values of both variables, as text that make expands at each use: `$` is doubled, and references stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flags {
    /// The value of MFLAGS: with leading dash, and without definitions and `--eval`.
    pub mflags: Vec<u8>,
    /// The value of MAKEFLAGS: a first group of letters without its dash, or a blank and the first longer option.
    pub makeflags: Vec<u8>,
}

/// One option as it is to be written: its name, and its value where there is one to write.
struct Word<'s> {
    flag: &'static Flag,
    value: Option<std::borrow::Cow<'s, [u8]>>,
    /// Without a value, and by a letter: may stand in the group of letters.
    plain: bool,
}

/// The values of MAKEFLAGS and MFLAGS for `settings`.
pub fn makeflags(settings: &Settings, form: &Form) -> Flags {
    let goes = |flag: &&'static Flag| match flag.travel {
        Travel::Pass => true,
        Travel::PassToGoals => !form.remaking_makefiles,
        Travel::Never | Travel::Read => false,
    };
    let mut text = vec![b'-'];
    let mut in_group = true;
    for flag in table::FLAGS.iter().filter(goes) {
        each_word(settings, flag, &mut |word| {
            in_group &= word.plain;
            match (in_group, flag.letters.first()) {
                (true, Some(letter)) => text.push(*letter),
                _ => write_word(&mut text, &word, true),
            }
        });
    }
    // Without any option the dash goes too; MFLAGS loses a dash that stands alone, MAKEFLAGS any leading one.
    if text == b"-" {
        text.clear();
    }
    let mflags = text.strip_prefix(b"- ").unwrap_or(&text).to_vec();
    if !settings.eval.is_empty() {
        text.extend_from_slice(b" $(-*-eval-flags-*-)");
    }
    match form.overrides {
        Overrides::None => {}
        Overrides::MakeOverrides => text.extend_from_slice(b" -- $(MAKEOVERRIDES)"),
        Overrides::CommandVariables => text.extend_from_slice(b" -- $(-*-command-variables-*-)"),
    }
    if text.first() == Some(&b'-') {
        text.remove(0);
    }
    Flags { mflags, makeflags: text }
}

/// The value of IMKFLAGS: imk's own options that are for sub-makes too; empty where there are none. It is no make
/// variable's text: `$` stands for itself.
pub fn own_flags(settings: &Settings) -> Vec<u8> {
    own_flags_of(settings, table::OWN)
}

pub(super) fn own_flags_of(settings: &Settings, own_table: &'static [Flag]) -> Vec<u8> {
    let mut text = Vec::new();
    for flag in own_table.iter().filter(|flag| flag.travel == Travel::Pass) {
        each_word(settings, flag, &mut |word| write_word(&mut text, &word, false));
    }
    if text.is_empty() { text } else { text.split_off(1) }
}

/// The value of `$(-*-eval-flags-*-)`, a simply expanded variable: the `--eval` options for sub-makes.
pub fn eval_flags(settings: &Settings) -> Vec<u8> {
    let mut text = Vec::new();
    for (at, string) in settings.eval.iter().enumerate() {
        text.extend_from_slice(if at == 0 { b"--eval=" } else { b" --eval=" });
        quote(&mut text, string, true);
    }
    text
}

/// The value of `$(-*-command-variables-*-)`, a simply expanded variable: the command line's definitions, the last
/// new name first. `definitions` are in the order in which each variable was first defined there, with its value as
/// it is in the end, unexpanded: name, whether it is recursive, value.
pub fn command_variables<'a>(
    definitions: impl DoubleEndedIterator<Item = (&'a [u8], bool, &'a [u8])>,
) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, recursive, value) in definitions.rev() {
        if !text.is_empty() {
            text.push(b' ');
        }
        quote(&mut text, name, true);
        text.extend_from_slice(if recursive { b"=" } else { b":=" });
        quote(&mut text, value, true);
    }
    text
}

/// Gives `write` each word that `flag` needs in order to be as it is in `settings`.
fn each_word<'s>(settings: &'s Settings, flag: &'static Flag, write: &mut dyn FnMut(Word<'s>)) {
    let mut plain = || write(Word { flag, value: None, plain: !flag.letters.is_empty() });
    match &flag.kind {
        Kind::Ignored | Kind::TempStdin => {}
        Kind::Switch(slot) => {
            if *(slot.get)(settings) {
                plain();
            }
        }
        Kind::Toggle(slot, direction) => {
            if (slot.get)(settings).value == Some(*direction) {
                plain();
            }
        }
        Kind::Text { slot, .. } => {
            if let Some(text) = (slot.get)(settings) {
                write(Word { flag, value: Some(text.as_slice().into()), plain: false });
            }
        }
        Kind::List { slot, .. } | Kind::Files { slot, .. } => {
            for text in (slot.get)(settings) {
                write(Word { flag, value: Some(text.as_slice().into()), plain: false });
            }
        }
        Kind::Jobs(slot) => match (slot.get)(settings) {
            Jobs::Unset => {}
            Jobs::Unlimited => write(Word { flag, value: None, plain: false }),
            Jobs::Count(count) => {
                write(Word { flag, value: Some(count.to_string().into_bytes().into()), plain: false });
            }
        },
        Kind::Load(slot) => {
            let load = *(slot.get)(settings);
            if load != super::settings::NO_LOAD_LIMIT {
                write(Word { flag, value: Some(number::general(load).into_bytes().into()), plain: false });
            }
        }
        Kind::Choice { slot, .. } => {
            if let Some(choice) = (slot.get)(settings) {
                write(Word { flag, value: Some(choice.as_bytes().into()), plain: false });
            }
        }
        Kind::Words { slot, .. } => {
            let words = (slot.get)(settings);
            if !words.is_empty() {
                write(Word { flag, value: Some(words.join(",").into_bytes().into()), plain: false });
            }
        }
    }
}

fn write_word(text: &mut Vec<u8>, word: &Word<'_>, dollars: bool) {
    text.extend_from_slice(b" -");
    match word.flag.letters.first() {
        Some(letter) => text.push(*letter),
        None => {
            text.push(b'-');
            text.extend_from_slice(word.flag.name.as_bytes());
        }
    }
    if let Some(value) = &word.value {
        if word.flag.letters.is_empty() {
            text.push(b'=');
        }
        quote(text, value, dollars);
    }
}

/// Writes `value` so that [`super::flag_words`] reads it as part of one word: blanks and backslashes get a backslash,
/// and with `dollars` each `$` is doubled against make's own expansion.
fn quote(text: &mut Vec<u8>, value: &[u8], dollars: bool) {
    for &byte in value {
        match byte {
            b'$' if dollars => text.push(b'$'),
            b' ' | b'\t' | b'\\' => text.push(b'\\'),
            _ => {}
        }
        text.push(byte);
    }
}

//! The shell's own commands and functions while a script is followed. Knows no engine.

use super::assigned::DIRECTORY;
use super::kinds::Reach;
use super::recognise::{Functions, OtherProgram, Place, Reading, Walker};
use super::shell::{self, Command, Simple};
use super::text::Text;
use crate::base::Span;

/// Functions calling functions, and `sh -c` in `sh -c`.
const CALLS_MAX: usize = 8;

/// The positional parameters that are followed.
const PARAMETERS: [&[u8]; 9] = [b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"];

impl<'s> Walker<'s, '_> {
    /// The shell's own commands that matter here, and calls of the script's functions; whether it was one.
    pub(super) fn builtin(&mut self, simple: &'s Simple, words: &[Text], place: &Place) -> bool {
        let Some(name) = words.first().and_then(Text::known) else { return false };
        if let Some((function, certain)) = self.functions.get(name).copied() {
            if self.calls < CALLS_MAX && certain {
                self.call(function, words, place);
            } else if self.calls < CALLS_MAX {
                self.call(function, words, &Place { reach: Reach::Perhaps, ..place.clone() });
                self.variables.disturb();
            } else {
                self.variables.disturb();
            }
            return true;
        }
        match name {
            b"cd" | b"pushd" | b"popd" => self.change_directory(name, words),
            b"export" | b"readonly" | b"local" | b"declare" | b"typeset" => {
                if name != b"export" && name != b"readonly" {
                    let names = words
                        .iter()
                        .skip(1)
                        .map(|word| word.split_at(b'=').map_or(word.clone(), |pair| pair.0));
                    self.locals.extend(names.filter_map(|name| name.known().map(<[u8]>::to_vec)));
                }
                for word in words.iter().skip(1) {
                    match word.split_at(b'=') {
                        Some((name, value)) => match name.known() {
                            Some(name) => self.variables.assign(name, &value),
                            None => self.variables.disturb(),
                        },
                        None if word.known().is_none() => self.variables.disturb(),
                        None => {}
                    }
                }
            }
            b"unset" => {
                for word in words.iter().skip(1) {
                    match word.known() {
                        Some(name) => self.variables.unset(name),
                        None => self.variables.disturb(),
                    }
                }
            }
            b"read" | b"getopts" | b"mapfile" | b"readarray" | b"let" => {
                for word in words.iter().skip(1) {
                    match word.known() {
                        Some(name) => self.variables.forget(name),
                        None => self.variables.disturb(),
                    }
                }
            }
            b"trap" => {
                let span = simple.words.first().map_or(Span::default(), |word| word.span);
                let script = words.get(1).filter(|script| script.known() != Some(b"-") && words.len() > 2);
                if let Some(script) = script {
                    self.inner_script(script, span, &Place { reach: Reach::OnExit, ..Place::default() });
                }
            }
            b"eval" | b"." | b"source" | b"alias" => {
                self.variables.disturb();
                let span = simple.words.first().map_or(Span::default(), |word| word.span);
                self.other(Some(name.to_vec()), span, place);
            }
            // `set -- …` and `shift` change the parameters, `set -e` does not.
            b"set" | b"shift" if name == b"shift" || words.iter().any(|word| word.known() == Some(b"--")) => {
                PARAMETERS.iter().for_each(|name| self.variables.forget(name));
            }
            b"set" | b":" | b"true" | b"false" | b"test" | b"[" | b"echo" | b"printf" | b"exit"
            | b"return" | b"break" | b"continue" | b"wait" | b"umask" | b"ulimit" | b"pwd" | b"type"
            | b"hash" | b"shopt" => {}
            _ => return false,
        }
        true
    }

    /// Calls a function: its parameters and local variables end with it.
    fn call(&mut self, function: &'s Command, words: &[Text], place: &Place) {
        let certain = !words.iter().any(Text::splits);
        let saved: Vec<_> = PARAMETERS.iter().map(|name| self.variables.saved(name)).collect();
        for (index, name) in PARAMETERS.iter().enumerate() {
            match words.get(index + 1) {
                Some(word) if certain => self.variables.assign(name, word),
                None if certain => self.variables.unset(name),
                _ => self.variables.forget(name),
            }
        }
        let outer_locals = std::mem::take(&mut self.locals);
        self.calls += 1;
        self.command(function, place);
        self.calls -= 1;
        for name in std::mem::replace(&mut self.locals, outer_locals) {
            self.variables.forget(&name);
        }
        for (name, value) in PARAMETERS.iter().zip(saved) {
            self.variables.put_back(name, value);
        }
    }

    fn change_directory(&mut self, name: &[u8], words: &[Text]) {
        let operands: Vec<&Text> = words
            .iter()
            .skip(1)
            .filter(|word| !matches!(word.known(), Some(b"--" | b"-P" | b"-L" | b"-e")))
            .collect();
        let here = Text {
            pieces: self.variables.value(DIRECTORY, Span::default()).unwrap_or_default(),
            ..Text::default()
        };
        match (name, operands.as_slice()) {
            (b"cd" | b"pushd", [to])
                if to.known() != Some(b"-") && !to.splits() && !to.prefix().starts_with(b"+") =>
            {
                let joined = join(&here, to);
                self.variables.assign(DIRECTORY, &joined);
            }
            _ => self.variables.forget(DIRECTORY),
        }
    }

    /// `sh -c SCRIPT`: read as part of the whole where its text stands here as it is.
    pub(super) fn inner_script(&mut self, text: &Text, span: Span, place: &Place) {
        let Some(known) = text.known().filter(|_| self.calls < CALLS_MAX) else {
            return self.other(None, span, place);
        };
        let script = shell::parse(known);
        let mut variables = self.variables.inherited();
        let here = self.variables.value(DIRECTORY, span).unwrap_or_default();
        variables.assign(DIRECTORY, &Text { pieces: here, ..Text::default() });
        let mut walker = Walker {
            script: &script,
            variables,
            functions: Functions::default(),
            reading: Reading::default(),
            budget: self.budget,
            calls: self.calls + 1,
            locals: Vec::new(),
        };
        walker.list(&script.list, place);
        self.budget = walker.budget;
        // Places within a quoted script are not those of the whole: everything in it stands where the command does.
        for mut inner in walker.reading.commands {
            (inner.span, inner.program) = (span, span);
            self.reading.commands.push(inner);
        }
        self.reading
            .others
            .extend(walker.reading.others.into_iter().map(|other| OtherProgram { span, ..other }));
        self.reading.opaque.extend(walker.reading.opaque.into_iter().map(|(_, reason)| (span, reason)));
    }
}

/// `to` as seen from `here`.
pub(super) fn join(here: &Text, to: &Text) -> Text {
    let stays = to.known() == Some(b".");
    if to.prefix().starts_with(b"/") || here.known() == Some(b"") {
        return if stays { here.clone() } else { to.clone() };
    }
    let mut joined = here.clone();
    if !stays {
        joined.push_known(b"/");
        to.pieces.iter().for_each(|piece| joined.push(piece));
    }
    joined
}

//! The command line of a make that starts itself again after its makefiles were remade. Knows nothing of processes.

use super::scan::{Item, Known, Scan};
use super::settings::Settings;
use super::table::{self, Flag, Kind};

/// The words for the new process, after its name: those of this one (without its name), but for makefiles that are
/// now called otherwise (`~` resolved) or that came from standard input and lie in a file since.
///
/// `stdin` says which of the settings' makefiles is that file; its name is in [`Settings::makefiles`].
pub fn restart_arguments<W: AsRef<[u8]>>(
    words: &[W],
    settings: &Settings,
    stdin: Option<usize>,
) -> Vec<Vec<u8>> {
    let known = Known { gnu: true, own: |flag| flag.shown, own_table: table::OWN };
    let mut scan = Scan::new(words, known);
    let mut result = Vec::new();
    let mut makefile = 0;
    loop {
        // One round is one word with the words that are its values.
        let start = scan.taken();
        let mut changed = false;
        let mut rewritten = Vec::new();
        loop {
            match scan.next() {
                None => {
                    result.extend(copy(words, start, scan.taken()));
                    return result;
                }
                Some(Item::Flag(flag, Some(value))) if names_makefile(flag) => {
                    let name = settings.makefiles.get(makefile).map_or(value, Vec::as_slice);
                    changed |= name != value || stdin == Some(makefile);
                    rewritten.push(match stdin == Some(makefile) {
                        true => [b"--temp-stdin=", name].concat(),
                        false => [b"-f", name].concat(),
                    });
                    makefile += 1;
                }
                Some(Item::Flag(flag, value)) => rewritten.push(spelled(flag, value)),
                Some(Item::Operand(_) | Item::Fault(_)) => {}
            }
            if scan.between_words() {
                break;
            }
        }
        if changed {
            result.extend(rewritten);
        } else {
            result.extend(copy(words, start, scan.taken()));
        }
    }
}

fn names_makefile(flag: &Flag) -> bool {
    matches!(flag.kind, Kind::TempStdin) || flag.letters == b"f"
}

fn copy<W: AsRef<[u8]>>(words: &[W], start: usize, end: usize) -> impl Iterator<Item = Vec<u8>> {
    words.get(start..end).unwrap_or_default().iter().map(|word| word.as_ref().to_vec())
}

fn spelled(flag: &Flag, value: Option<&[u8]>) -> Vec<u8> {
    let mut word = match flag.letters.first() {
        Some(letter) => vec![b'-', *letter],
        None => [b"--", flag.name.as_bytes()].concat(),
    };
    if let Some(value) = value {
        if flag.letters.is_empty() {
            word.push(b'=');
        }
        word.extend_from_slice(value);
    }
    word
}

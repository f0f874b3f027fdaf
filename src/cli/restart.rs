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

#[cfg(test)]
mod tests {
    use super::super::decode::decode_arguments;
    use super::*;

    #[test]
    fn makefiles_are_renamed_and_all_else_is_kept() {
        // Words, what standard input's copy is called and where it is among the makefiles, words afterwards.
        let cases: [(&str, Option<usize>, &str); 9] = [
            ("-k all A=1", None, "-k all A=1"),
            ("-f a -fb --file=c --makefile d --fi e", None, "-f a -fb --file=c --makefile d --fi e"),
            ("-j 4 -f - x", Some(0), "-j 4 --temp-stdin=TEMP x"),
            ("-kRf- -Wf", Some(0), "-k -R --temp-stdin=TEMP -Wf"),
            ("-kf - -f b", Some(0), "-k --temp-stdin=TEMP -f b"),
            ("-fa --file - -fb", Some(1), "-fa --temp-stdin=TEMP -fb"),
            ("--temp-stdin=OLD -fb", Some(0), "--temp-stdin=TEMP -fb"),
            ("-f ~/m -kf~ all", None, "-f/home/m -k -f/home all"),
            ("-f- -- -f -", Some(0), "--temp-stdin=TEMP -- -f -"),
        ];
        for (words, stdin, expected) in cases {
            let words: Vec<&str> = words.split(' ').collect();
            let mut settings = Settings::default();
            decode_arguments(&mut settings, &words, &|_| Some(b"/home".to_vec()));
            if let Some(name) = stdin.and_then(|at| settings.makefiles.get_mut(at)) {
                *name = b"TEMP".to_vec();
            }
            let again = restart_arguments(&words, &settings, stdin);
            let again: Vec<&str> = again.iter().filter_map(|word| std::str::from_utf8(word).ok()).collect();
            assert_eq!(again.join(" "), expected);
        }
    }
}

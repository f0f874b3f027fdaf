//! The command line of a make that starts itself again after its makefiles were remade. Knows nothing of processes.

use super::definition::definition;
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

/// The words for a run that makes `goals` on behalf of a watch session: those of the session (without its name) but for its own
/// options and its goals.
pub fn watched_arguments<W: AsRef<[u8]>>(words: &[W], goals: &[Vec<u8>]) -> Vec<Vec<u8>> {
    arguments_for(words, goals, &["watch", "quiet-period", "max-wait", "on-busy"])
}

/// The words for a run that makes `goals` alone, as a person would type them again: without what this one writes for programs.
pub fn again_arguments<W: AsRef<[u8]>>(words: &[W], goals: &[Vec<u8>]) -> Vec<Vec<u8>> {
    arguments_for(words, goals, &["events", "report", "trace-file", "ci", "progress", "color"])
}

/// `words` (without the program's name) with other goals, and without those of imk's own options that `dropped` names.
pub fn arguments_for<W: AsRef<[u8]>>(words: &[W], goals: &[Vec<u8>], dropped: &[&str]) -> Vec<Vec<u8>> {
    let known = Known { gnu: true, own: |flag| flag.shown, own_table: table::OWN };
    let mut scan = Scan::new(words, known);
    let (mut options, mut operands) = (Vec::new(), Vec::new());
    while let Some(item) = scan.next() {
        match item {
            Item::Flag(flag, _) if flag.letters.is_empty() && dropped.contains(&flag.name) => {}
            Item::Flag(flag, value) => {
                // As the decoder lets these have the next word.
                let value = value.or_else(|| match flag.kind {
                    Kind::Jobs(_) => scan.take_word_if(|word| word.iter().all(u8::is_ascii_digit)),
                    Kind::Load(_) => {
                        scan.take_word_if(|word| matches!(word.first(), Some(b'0'..=b'9' | b'.')))
                    }
                    _ => None,
                });
                options.push(spelled(flag, value));
            }
            Item::Operand(word) if definition(word).is_some() => operands.push(word.to_vec()),
            Item::Operand(_) | Item::Fault(_) => {}
        }
    }
    if goals.iter().any(|goal| goal.starts_with(b"-")) {
        options.push(b"--".to_vec());
    }
    options.extend(operands);
    options.extend(goals.iter().cloned());
    options
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
    fn a_watched_run_has_the_sessions_words_but_for_what_is_the_sessions() {
        for (words, expected) in [
            ("--watch all", "x"),
            ("-k --wat A=1 all -j 4 more", "-k -j4 A=1 x"),
            ("--quiet-period=5 --max-wait 9 --on-busy queue -C d -f m", "-Cd -fm x"),
            ("-kn --trace -W f --output-sync=line", "-k -n --trace -Wf -Oline x"),
            ("-l 2.5 --load-average -I a -Ib", "-l2.5 -l -Ia -Ib x"),
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            let again = watched_arguments(&words, &[b"x".to_vec()]);
            let again: Vec<&str> = again.iter().filter_map(|word| std::str::from_utf8(word).ok()).collect();
            assert_eq!(again.join(" "), expected);
        }
        let again = watched_arguments(&["--watch", "--", "-x"], &[b"-x".to_vec()]);
        assert_eq!(again, [b"--".to_vec(), b"-x".to_vec()]);
    }

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

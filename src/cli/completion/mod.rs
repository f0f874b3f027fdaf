//! Shell completions: options from the table, goals by a call of `--list=names`. Made only when they are asked for. Knows nothing of
//! makefiles.

use super::command::{PROGRAM, command};
use super::table::{self, Flag, Takes};
use clap_complete::Shell;

/// The line of the zsh script that stands for goals.
const ZSH_GOALS: &str = "'*::target -- What to remake, and what variables to set before.:'";

/// The completion script for a shell, by its name; `None` where there is none for it.
pub fn completions(shell: &str) -> Option<Vec<u8>> {
    let shell = match shell {
        "bash" => Shell::Bash,
        "zsh" => Shell::Zsh,
        "fish" => Shell::Fish,
        _ => return None,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), PROGRAM, &mut script);
    let script = String::from_utf8_lossy(&script);
    let script = match shell {
        Shell::Bash => {
            // What the generator registers offers options alone.
            let end = script.find("\nif [[ \"${BASH_VERSINFO[0]}\" -eq 4 &&").unwrap_or(script.len());
            let goals = include_str!("goals.bash").replace("@REQUIRED@", &with_value());
            format!("{}{goals}", &script[..end])
        }
        Shell::Zsh => {
            let script = script.replace(ZSH_GOALS, "'*: :_imk_goals'");
            let end = script.find("\nif [ \"$funcstack[1]\"").unwrap_or(script.len());
            format!("{}{}{}", &script[..end], include_str!("goals.zsh"), &script[end + 1..])
        }
        _ => format!("{}{}", without_required(&script), include_str!("goals.fish")),
    };
    Some(script.into_bytes())
}

/// The fish script, in which a value that may be left out belongs to the option's own word alone.
fn without_required(script: &str) -> String {
    let optional: Vec<String> = shown()
        .filter(|flag| flag.takes() == Takes::Optional && flag.letters.is_empty())
        .map(|flag| format!("complete -c {PROGRAM} -l {} ", flag.name))
        .collect();
    let line = |line: &str| match optional.iter().any(|start| line.starts_with(start)) {
        true => line.replacen(" -r", "", 1),
        false => line.to_owned(),
    };
    script.split_inclusive('\n').map(line).collect()
}

/// The options that help and completions speak of.
fn shown() -> impl Iterator<Item = &'static Flag> {
    table::FLAGS.iter().chain(table::OWN).filter(|flag| flag.shown && !flag.help.is_empty())
}

/// The options that take the next word for their value, as a pattern of a shell's `case`.
fn with_value() -> String {
    let mut forms = Vec::new();
    for flag in shown().filter(|flag| flag.takes() == Takes::Required) {
        forms.extend(flag.letters.iter().map(|letter| format!("-{}", char::from(*letter))));
        forms.extend(flag.names().map(|name| format!("--{name}")));
    }
    forms.join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    fn completions_are_scripts_of_their_shells() {
        for shell in ["bash", "zsh", "fish"] {
            let script = completions(shell).expect("known shells");
            let text = String::from_utf8_lossy(&script);
            assert!(text.contains("keep-going") && !text.contains("jobserver-auth"), "{shell}");
            assert!(text.contains("_imk_goals") && !text.contains(ZSH_GOALS), "{shell}");
            // Whether the shell itself finds it sound, where there is such a shell.
            let checker = Command::new(shell).arg("-n").stdin(Stdio::piped()).spawn();
            if let Ok(mut checker) = checker {
                checker.stdin.take().expect("piped").write_all(&script).expect("it reads");
                assert!(checker.wait().expect("it ends").success(), "{shell}");
            }
        }
        assert_eq!(completions("ksh"), None);
    }
}

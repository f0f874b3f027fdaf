//! Completions in the shells themselves: bash and fish are asked, zsh is typed to on a terminal. A shell that is not there has its
//! test counted as ignored.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};

use crate::builder::Failure;
use crate::program;
use crate::terminal::Terminal;

type Test = fn(&Place) -> Result<(), Failure>;

pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 3] = [("bash", bash), ("zsh", zsh), ("fish", fish)];
    let trial = |(shell, test): (&'static str, Test)| {
        let there = which::which(shell).is_ok();
        let run = move || Place::new(shell).and_then(|place| test(&place)).map_err(Failed::from);
        Trial::test(format!("completion::{shell}"), run).with_ignored_flag(!there)
    };
    tests.into_iter().map(trial).collect()
}

const MAKEFILE: &str = "\
SERVICES = web api
all: $(SERVICES:%=build-%) ## Build everything
.PHONY: all $(SERVICES:%=build-%)
# One service. The rest is detail.
$(SERVICES:%=build-%):
	echo $@
push: all
	echo $@
";

/// A folder with a makefile, another folder with one, and the shell's script.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new(shell: &str) -> Result<Place, Failure> {
        let root = tempfile::tempdir().map_err(|error| error.to_string())?;
        let place = Place { root };
        let bin = place.bin();
        let made = fs::create_dir(&bin)
            .and_then(|()| std::os::unix::fs::symlink(program::imk().path, bin.join("imk")))
            .and_then(|()| fs::write(place.dir().join("Makefile"), MAKEFILE))
            .and_then(|()| fs::create_dir(place.dir().join("other")))
            .and_then(|()| fs::write(place.dir().join("other/Makefile"), "elsewhere: ; true\n"));
        made.map_err(|error| error.to_string())?;
        let script = place.run(&["imk", &format!("--completions={shell}")])?;
        let name = if shell == "zsh" { "_imk".to_owned() } else { format!("imk.{shell}") };
        fs::write(place.dir().join(name), script).map_err(|error| error.to_string())?;
        Ok(place)
    }

    fn dir(&self) -> &Path {
        self.root.path()
    }

    fn bin(&self) -> PathBuf {
        self.root.path().join("bin")
    }

    /// What a program prints in the folder.
    fn run(&self, words: &[&str]) -> Result<String, Failure> {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(self.dir()).stdin(Stdio::null());
        command.env_clear().env("PATH", format!("{}:/usr/bin:/bin", self.bin().display()));
        command.env("HOME", self.dir()).env("LC_ALL", "C.UTF-8");
        let output = command.output().map_err(|error| format!("{}: {error}", words[0]))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.stderr.is_empty() {
            true => Ok(text),
            false => Err(format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr))),
        }
    }
}

fn same(what: &str, expected: &str, found: &str) -> Result<(), Failure> {
    match expected == found {
        true => Ok(()),
        false => Err(format!("{what}: expected\n{expected}found\n{found}")),
    }
}

/// Calls the function that is registered as readline calls it: the words, the word under the cursor, and the one before.
fn bash(place: &Place) -> Result<(), Failure> {
    let cases = [
        (
            "imk ''",
            "all        (Build everything)\nbuild-web  (One service)\nbuild-api  (One service)\npush\n",
        ),
        ("imk bu", "build-web  (One service)\nbuild-api  (One service)\n"),
        ("imk push", "push\n"),
        ("imk -j4 pu", "push\n"),
        ("imk --plan pu", "push\n"),
        ("imk -C other ''", "elsewhere\n"),
        ("imk --directory = other el", "elsewhere\n"),
        ("imk SERVICES = db build", "build-db\n"),
        ("imk --list = js", "json\n"),
        ("imk --keep-g", "--keep-going\n"),
        ("imk -f Mak", "Makefile\n"),
    ];
    for (words, expected) in cases {
        let script = format!(
            "source imk.bash; compopt() {{ :; }}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_TYPE=9
             [[ $(complete -p imk) == *'-F _imk_goals'* ]] || echo unregistered
             _imk_goals imk \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        same(words, expected, &place.run(&["bash", "--norc", "-c", &script])?)?;
    }
    Ok(())
}

fn fish(place: &Place) -> Result<(), Failure> {
    let cases = [
        ("imk ", "all\tBuild everything\nbuild-web\tOne service\nbuild-api\tOne service\npush\n"),
        ("imk bu", "build-web\tOne service\nbuild-api\tOne service\n"),
        ("imk --plan pu", "push\n"),
        ("imk -C other ", "elsewhere\n"),
        ("imk SERVICES=db build", "build-db\tOne service\n"),
        ("imk --list=js", "--list=json\n"),
    ];
    for (words, expected) in cases {
        let script = format!("source imk.fish; complete -C '{words}'");
        let found = place.run(&["fish", "--no-config", "-c", &script])?;
        same(words, expected, &found)?;
    }
    Ok(())
}

fn zsh(place: &Place) -> Result<(), Failure> {
    let mut terminal = Terminal::start(&["zsh", "-f", "-i"], place.dir(), &place.bin(), (100, 30))?;
    terminal
        .press("PS1='READY''>'; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=0\r")?;
    terminal.expect("READY>")?;
    for (keys, expected) in [
        ("imk bu\t\t", "build-web  -- One service"),
        ("imk -C other \t", "elsewhere"),
        ("imk SERVICES=db build\t", "build-db"),
        ("imk --list=\t", "names"),
    ] {
        terminal.press(keys)?;
        terminal.expect(expected).map_err(|failure| format!("{keys:?}: {failure}"))?;
        terminal.press("\x15")?; // Ctrl-U: the line is given up
    }
    terminal.press("exit\r")?;
    terminal.end().map(|_| ())
}

//! Bad input of images, in blocks and in plain recipes: one clear error each, with its place; nothing is run, and nothing of the user's is
//! removed. Engines that fail in mid-build, answer garbage or have no room are among it. The engine is made of files.

use std::fs;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use crate::builder::Failure;
use crate::daemon::{Daemon, Manner};
use crate::program;
use crate::run::{Invocation, Outcome, Workplace};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        each_is_one_error_with_its_place,
        a_variable_that_doubles_is_built,
        a_tag_given_twice_is_one_tag,
        an_ignore_file_of_a_megabyte_is_read,
        what_is_no_file_is_not_waited_for,
        an_engine_that_fails_in_a_build_leaves_all_as_it_was,
        an_engine_that_answers_garbage_is_told_of,
    ]
}

/// A bad input: the attributes of a block and the words of a command that mean the same, and what is said of each.
struct Bad {
    name: &'static str,
    /// The Dockerfile; a folder of that name where it ends in a slash.
    dockerfile: &'static str,
    block: &'static str,
    words: &'static str,
    /// Place and code where it is a block's.
    of_block: (&'static str, &'static str),
    /// Place and code where it is a recipe's.
    of_recipe: (&'static str, &'static str),
}

const GOOD: &str = "FROM scratch AS final\nLABEL a=b\n";

const ALL: [Bad; 13] = [
    Bad {
        name: "a tag of nothing",
        dockerfile: GOOD,
        block: "tags = $(NOTHING)",
        words: "-t '$(NOTHING)' .",
        of_block: ("Imkfile:1:", "bad-attribute"),
        of_recipe: ("Makefile:2:19:", "unset-variable"),
    },
    Bad {
        name: "a tag without a tag",
        dockerfile: GOOD,
        block: "tags = app:$(NOTHING)",
        words: "-t app:$(NOTHING) .",
        of_block: ("Imkfile:2:10:", "bad-attribute"),
        of_recipe: ("Makefile:2:22:", "unset-variable"),
    },
    Bad {
        name: "a tag in upper case",
        dockerfile: GOOD,
        block: "tags = App:1",
        words: "-t App:1 .",
        of_block: ("Imkfile:2:10:", "bad-attribute"),
        of_recipe: ("Makefile:2:18:", "malformed-reference"),
    },
    Bad {
        name: "a tag of two colons",
        dockerfile: GOOD,
        block: "tags = app:1:2",
        words: "-t app:1:2 .",
        of_block: ("Imkfile:2:10:", "bad-attribute"),
        of_recipe: ("Makefile:2:23:", "malformed-reference"),
    },
    Bad {
        name: "a stage that is not there",
        dockerfile: GOOD,
        block: "tags = app:1\n  target = fnal",
        words: "-t app:1 --target fnal .",
        of_block: ("Imkfile:3:12:", "no-stage"),
        of_recipe: ("Makefile:2:33:", "no-stage"),
    },
    Bad {
        name: "a context that is a file",
        dockerfile: GOOD,
        block: "tags = app:1\n  context = Dockerfile",
        words: "-t app:1 Dockerfile",
        of_block: ("Imkfile:3:13:", "context-not-a-folder"),
        of_recipe: ("Makefile:2:24:", "context-not-a-folder"),
    },
    Bad {
        name: "a context that is not there",
        dockerfile: GOOD,
        block: "tags = app:1\n  context = absent",
        words: "-t app:1 absent",
        of_block: ("Imkfile:3:13:", "no-context"),
        of_recipe: ("Makefile:2:24:", "no-context"),
    },
    Bad {
        name: "a Dockerfile that is a folder",
        dockerfile: "/",
        block: "tags = app:1",
        words: "-t app:1 .",
        of_block: ("Imkfile:", "no-dockerfile"),
        of_recipe: ("Makefile:2:24:", "no-dockerfile"),
    },
    Bad {
        name: "a Dockerfile that is empty",
        dockerfile: "",
        block: "tags = app:1",
        words: "-t app:1 .",
        of_block: ("Dockerfile:1:1:", "empty-dockerfile"),
        of_recipe: ("Dockerfile:1:1:", "empty-dockerfile"),
    },
    Bad {
        name: "nothing but a continuation",
        dockerfile: "\\\n\\\n\\\n",
        block: "tags = app:1",
        words: "-t app:1 .",
        of_block: ("Dockerfile:3:1:", "unknown-instruction"),
        of_recipe: ("Dockerfile:3:1:", "unknown-instruction"),
    },
    Bad {
        name: "an unclosed heredoc",
        dockerfile: "FROM scratch\nCOPY <<END /file\ntext\n",
        block: "tags = app:1",
        words: "-t app:1 .",
        of_block: ("Dockerfile:2:", "unclosed-heredoc"),
        of_recipe: ("Dockerfile:2:", "unclosed-heredoc"),
    },
    Bad {
        name: "an instruction nobody knows",
        dockerfile: "FROM scratch\nCPOY a b\n",
        block: "tags = app:1",
        words: "-t app:1 .",
        of_block: ("Dockerfile:2:1:", "unknown-instruction"),
        of_recipe: ("Dockerfile:2:1:", "unknown-instruction"),
    },
    Bad {
        name: "a file that is not there",
        dockerfile: "FROM scratch\nCOPY absent /\n",
        block: "tags = app:1",
        words: "-t app:1 .",
        of_block: ("Dockerfile:2:6:", "no-copy-source"),
        of_recipe: ("Dockerfile:2:6:", "no-copy-source"),
    },
];

/// A folder, and an engine that has something of the user's.
struct Bench {
    place: Workplace,
    daemon: Daemon,
}

fn words(error: std::io::Error) -> Failure {
    error.to_string()
}

impl Bench {
    fn new(manner: Manner, dockerfile: &str, block: &str, line: &str) -> Result<Bench, Failure> {
        let place = Workplace::new(&program::imk()).map_err(words)?;
        let dir = place.dir();
        match dockerfile {
            "/" => fs::create_dir(dir.join("Dockerfile")),
            text => fs::write(dir.join("Dockerfile"), text),
        }
        .map_err(words)?;
        fs::write(dir.join("Imkfile"), format!("image app\n  {block}\nendimage\n")).map_err(words)?;
        fs::write(dir.join("Makefile"), format!("app:\n\tdocker build {line}\n")).map_err(words)?;
        let daemon = Daemon::new(manner).map_err(words)?;
        fs::write(daemon.path().join("image-mine:1"), "1".repeat(64)).map_err(words)?;
        fs::write(daemon.path().join("container-mine"), "2".repeat(64)).map_err(words)?;
        Ok(Bench { place, daemon })
    }

    fn run(&self, arguments: &[&str]) -> Result<Outcome, Failure> {
        let env = [
            ("PATH", self.daemon.search_path()),
            ("FAKE", self.daemon.path().display().to_string()),
            ("DOCKER_HOST", self.daemon.address("e.sock")),
            ("IMK_ENGINE", "docker".to_owned()),
        ];
        let env = env.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let args = arguments.iter().map(Into::into).collect();
        self.place.run(&Invocation { args, env, ..Invocation::default() }).map_err(words)
    }

    /// What was built is what there is beside the user's own.
    fn unchanged(&self) -> Result<(), Failure> {
        let things = self.daemon.things();
        match things.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["container-mine", "image-mine:1"] => {}
            found => return Err(format!("the engine has {found:?}")),
        }
        let folder = self.place.dir().join(".imk");
        let journal = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names = journal.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.find(|name| name.contains("journal")).map_or(Ok(()), |name| Err(format!(".imk/{name} is left")))
    }

    /// Whether the client was asked to build.
    fn was_built(&self) -> bool {
        self.builds() > 0
    }

    fn builds(&self) -> usize {
        let log = fs::read_to_string(self.daemon.path().join("log")).unwrap_or_default();
        log.lines().filter(|line| line.starts_with("build")).count()
    }
}

/// Whether some line has the place at its beginning and the code at its end.
fn says(text: &[u8], (place, code): (&str, &str)) -> bool {
    let text = String::from_utf8_lossy(text);
    text.lines().any(|line| line.starts_with(place) && line.ends_with(&format!("[{code}]")))
}

fn each_is_one_error_with_its_place() -> Result<(), Failure> {
    let mut faults = String::new();
    for bad in &ALL {
        let bench = Bench::new(Manner::Well, bad.dockerfile, bad.block, bad.words)?;
        let block = bench.run(&["app"])?;
        if block.status != "2" || !says(&block.stderr, bad.of_block) || bench.was_built() {
            let said = String::from_utf8_lossy(&block.stderr);
            faults.push_str(&format!("{}, block: status {}\n{said}\n", bad.name, block.status));
        }
        let plain = bench.run(&["-f", "Makefile", "--check", "app"])?;
        if plain.status != "1" || !says(&plain.stdout, bad.of_recipe) || bench.was_built() {
            let said = String::from_utf8_lossy(&plain.stdout);
            faults.push_str(&format!("{}, recipe: status {}\n{said}\n", bad.name, plain.status));
        }
        for (form, text) in [("block", &block.stderr), ("recipe", &plain.stdout)] {
            let count = String::from_utf8_lossy(text).matches(": error: ").count();
            if count != 1 {
                faults.push_str(&format!("{}, {form}: {count} errors\n", bad.name));
            }
        }
        if let Err(fault) = bench.unchanged() {
            faults.push_str(&format!("{}: {fault}\n", bad.name));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// An engine builds it, so that imk does, each time.
fn a_variable_that_doubles_is_built() -> Result<(), Failure> {
    let doubled = "ENV A=$A$A$A$A$A$A$A$A\n".repeat(10);
    let bench = Bench::new(
        Manner::Well,
        &format!("FROM scratch\nENV A=12345678\n{doubled}"),
        "tags = app",
        "-t app .",
    )?;
    let plain = bench.run(&["-f", "Makefile", "--check", "app"])?;
    let place = ("Dockerfile:8:7:", "beyond-bounds");
    for run in 1..=2 {
        let block = bench.run(&["app"])?;
        match (
            block.status.as_str(),
            plain.status.as_str(),
            says(&block.stderr, place) && says(&plain.stdout, place),
        ) {
            ("0", "0", true) if bench.builds() == run => {}
            found => return Err(format!("{found:?}\n{block:?}\n{plain:?}")),
        }
    }
    Ok(())
}

fn a_tag_given_twice_is_one_tag() -> Result<(), Failure> {
    let bench = Bench::new(Manner::Well, GOOD, "tags = app:latest app", "-t app:latest -t app .")?;
    let block = bench.run(&["app"])?;
    let plain = bench.run(&["-f", "Makefile", "--check", "app"])?;
    let said = says(&block.stderr, ("Imkfile:2:", "tag-twice"))
        && says(&plain.stdout, ("Makefile:2:32:", "tag-twice"));
    match (block.status.as_str(), plain.status.as_str(), said) {
        ("0", "0", true) => Ok(()),
        found => Err(format!("{found:?}\n{block:?}\n{plain:?}")),
    }
}

/// Forty thousand patterns, one of which leaves out what is copied.
fn an_ignore_file_of_a_megabyte_is_read() -> Result<(), Failure> {
    let bench = Bench::new(Manner::Well, "FROM scratch\nCOPY kept /\n", "tags = app", "-t app .")?;
    let mut text: String = (0..40_000).map(|at| format!("some/folder/{at}/*.tmp\n")).collect();
    text.push_str("k*\n");
    fs::write(bench.place.dir().join(".dockerignore"), text).map_err(words)?;
    fs::write(bench.place.dir().join("kept"), "").map_err(words)?;
    let begun = Instant::now();
    let block = bench.run(&["app"])?;
    let plain = bench.run(&["-f", "Makefile", "--check", "app"])?;
    let place = ("Dockerfile:2:6:", "ignored-copy-source");
    let said = says(&block.stderr, place) && says(&plain.stdout, place);
    match (block.status.as_str(), plain.status.as_str(), said) {
        ("2", "1", true) if begun.elapsed() < Duration::from_secs(60) => bench.unchanged(),
        found => Err(format!("{found:?} after {:?}\n{block:?}\n{plain:?}", begun.elapsed())),
    }
}

/// A FIFO that nobody writes to, where a Dockerfile or an ignore file belongs.
fn what_is_no_file_is_not_waited_for() -> Result<(), Failure> {
    for name in ["Dockerfile", ".dockerignore"] {
        let bench = Bench::new(Manner::Well, GOOD, "tags = app:1", "-t app:1 .")?;
        let path = bench.place.dir().join(name);
        let _ = fs::remove_file(&path);
        let made = std::process::Command::new("mkfifo").arg(&path).status().map_err(words)?;
        if !made.success() {
            return Err("no FIFO".to_owned());
        }
        for makefile in ["Imkfile", "Makefile"] {
            for how in ["-n", "--plan", "--check", "--why", "--list"] {
                let outcome = bench.run(&["-f", makefile, how, "app"])?;
                if !matches!(outcome.status.as_str(), "0" | "1" | "2") {
                    return Err(format!("{name} {makefile} {how}: {outcome:?}"));
                }
            }
        }
    }
    Ok(())
}

/// A build that fails, one that fails after its image is there (the daemon ended, its disk was full), one that is killed.
fn an_engine_that_fails_in_a_build_leaves_all_as_it_was() -> Result<(), Failure> {
    for mark in ["fail-build", "break-build"] {
        let line = "--tag app:1 .\n\tdocker rmi app:1";
        let bench = Bench::new(Manner::Well, GOOD, "tags = app:1\n  cleanup = always", line)?;
        bench.daemon.mark(mark).map_err(words)?;
        for (makefile, place) in
            [("Imkfile", "imk: *** [Imkfile:1: app] "), ("Makefile", "imk: *** [Makefile:2: app] ")]
        {
            let outcome = bench.run(&["-f", makefile, "app"])?;
            let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
            if outcome.status != "2" || said.matches(place).count() != 1 {
                return Err(format!("{mark}, {makefile}: status {}\n{said}", outcome.status));
            }
            bench.unchanged().map_err(|fault| format!("{mark}, {makefile}: {fault}\n{said}"))?;
        }
    }
    Ok(())
}

fn an_engine_that_answers_garbage_is_told_of() -> Result<(), Failure> {
    let bench = Bench::new(Manner::Garbage, GOOD, "tags = app:1\n  engine = docker", "-t app:1 .")?;
    let block = bench.run(&["app"])?;
    let plain = bench.run(&["-f", "Makefile", "--check", "app"])?;
    let said = says(&plain.stdout, ("Makefile:2:2:", "engine-silent"));
    match (block.status.as_str(), plain.status.as_str(), said, bench.was_built()) {
        ("2", "1", true, false) => bench.unchanged(),
        found => Err(format!("{found:?}\n{block:?}\n{plain:?}")),
    }
}

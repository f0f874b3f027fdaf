//! Random taskfiles with image blocks that depend on one another, and the files they are built from; what of it all a build is asked
//! for. Knows no engine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::builder::Request;

/// Names of the contexts' files that come and go. One that always stays is `always`.
pub const FILES: [&str; 8] =
    ["a.txt", "b.txt", "keep.log", "x.log", "dir/c.txt", "dir/d.log", "dir/sub/e.txt", "unused.md"];
pub const CONTEXTS: [&str; 2] = ["c0", "c1"];
/// Variables that arguments are given from.
pub const VARIABLES: [&str; 3] = ["ONE", "TWO", "API_TOKEN"];
/// Images that are not built by the taskfile.
pub const BASES: [&str; 2] = ["base:1", "base:2"];
const IGNORES: [&str; 8] =
    ["*.log", "!keep.log", "dir/sub", "**/*.log", "dir/*.txt", "unused.md", "# a comment", "none-such"];

pub fn one_of<T: Clone>(list: &[T]) -> T {
    list[fastrand::usize(..list.len())].clone()
}

fn chance(one_in: u32) -> bool {
    fastrand::u32(..one_in) == 0
}

/// A stage of a Dockerfile.
#[derive(Clone, Debug)]
pub struct Stage {
    pub from: String,
    pub lines: Vec<String>,
}

/// A Dockerfile; how it is written down otherwise without another meaning is `style`.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    pub stages: Vec<Stage>,
    pub style: u64,
}

/// When an image's tags go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    Never,
    OnFailure,
    Always,
}

#[derive(Clone, Debug)]
pub struct Block {
    pub tags: Vec<String>,
    pub context: &'static str,
    /// A Dockerfile of another name, which is in the folder of the taskfile.
    pub is_named: bool,
    pub named_context: bool,
    pub target: Option<usize>,
    /// Words of `args`, and the variable that each has its value of.
    pub args: Vec<(String, &'static str)>,
    pub labels: Vec<String>,
    pub secrets: Vec<String>,
    pub cleanup: Cleanup,
    pub extracts: bool,
    pub dockerfile: Dockerfile,
    /// Blocks whose images it reads.
    pub below: Vec<usize>,
}

/// Everything that runs go by.
#[derive(Clone, Debug)]
pub struct Taskfile {
    pub blocks: Vec<Block>,
    /// Values by the makefile, by the environment and by the command line.
    pub defaults: BTreeMap<&'static str, String>,
    pub environment: BTreeMap<&'static str, String>,
    pub given: BTreeMap<&'static str, String>,
}

/// A source of a `COPY` from a context.
fn source() -> &'static str {
    one_of(&[
        ".",
        "a.txt",
        "dir",
        "dir/*.txt",
        "*.txt",
        "always",
        "dir/sub",
        "keep.log always",
        "b.txt a.txt",
    ])
}

/// An instruction of the stage of this number; `below` are the tags of other blocks.
pub fn instruction(stage: usize, below: &[String], named: bool) -> String {
    let number = fastrand::u8(..4);
    match fastrand::u8(..16) {
        0 => format!("ARG {}", one_of(&VARIABLES)),
        1 => format!("ARG {}=default{number}", one_of(&VARIABLES)),
        2 => format!("ENV MODE={number}"),
        3 => "ENV WITH=${ONE}-$TWO".to_owned(),
        4 => format!("LABEL made.by={number}"),
        5 => format!("CMD [\"run\", \"{number}\"]"),
        6 => format!("WORKDIR /work{number}"),
        7 => "ARG TARGETARCH".to_owned(),
        8 => {
            format!("RUN --mount=type=bind,source={},target=/mnt make {number}", one_of(&["dir", "dir/sub"]))
        }
        9 => format!("RUN --mount=type=secret,id=token fetch {number}"),
        10 => format!("RUN make {number}"),
        11 if stage > 0 => format!("COPY --from=s{} /out /in{number}/", fastrand::usize(..stage)),
        12 if !below.is_empty() => format!("COPY --from={} /out /in{number}/", one_of(below)),
        13 if named => format!("COPY --from=lib {} /lib{number}/", source()),
        _ => format!("COPY {} /to{number}/", source()),
    }
}

impl Dockerfile {
    fn random(below: &[String], named: bool) -> Dockerfile {
        let stages = (0..1 + fastrand::usize(..3)).map(|number| {
            let from = match fastrand::u8(..6) {
                0 => "scratch".to_owned(),
                1 | 2 if number > 0 => format!("s{}", fastrand::usize(..number)),
                3 => "${BASE}".to_owned(),
                4 if !below.is_empty() => one_of(below),
                _ => one_of(&BASES).to_owned(),
            };
            let lines = (0..1 + fastrand::usize(..5)).map(|_| instruction(number, below, named)).collect();
            Stage { from, lines }
        });
        Dockerfile { stages: stages.collect(), style: 0 }
    }

    /// Its text.
    pub fn text(&self) -> String {
        let mut style = fastrand::Rng::with_seed(self.style);
        let mut odd = |line: String| {
            if self.style == 0 || style.bool() {
                return line + "\n";
            }
            let (keyword, rest) = line.split_once(' ').unwrap_or((&line, ""));
            format!("# a comment\n\n{}   {rest}\n", keyword.to_ascii_lowercase())
        };
        let mut text = odd("ARG BASE=base:1".to_owned());
        for (number, stage) in self.stages.iter().enumerate() {
            text += &odd(format!("FROM {} AS s{number}", stage.from));
            for line in &stage.lines {
                text += &odd(line.clone());
            }
        }
        text
    }
}

impl Block {
    fn random(number: usize, others: &[Block]) -> Block {
        // Images that go at the end of their jobs are no bases.
        let lasting = others.iter().enumerate().filter(|(_, other)| other.cleanup != Cleanup::Always);
        let below: Vec<String> = lasting.map(|(_, other)| other.tags[0].clone()).collect();
        let named_context = chance(3);
        let dockerfile = Dockerfile::random(&below, named_context);
        let mut tags = vec![format!("app{number}:t")];
        if chance(3) {
            tags.push(format!("app{number}:more"));
        }
        let mut args = Vec::new();
        for variable in VARIABLES {
            match fastrand::u8(..4) {
                0 => args.push((format!("{variable}=$({variable})"), variable)),
                1 => args.push((variable.to_owned(), variable)),
                _ => {}
            }
        }
        let target = chance(3).then(|| fastrand::usize(..dockerfile.stages.len()));
        let mut block = Block {
            tags,
            context: one_of(&CONTEXTS),
            is_named: chance(3),
            named_context,
            target,
            args,
            labels: if chance(4) { vec!["own=label".to_owned()] } else { Vec::new() },
            secrets: if chance(3) { vec!["id=token,src=token".to_owned()] } else { Vec::new() },
            cleanup: one_of(&[Cleanup::Never, Cleanup::Never, Cleanup::OnFailure, Cleanup::Always]),
            extracts: chance(4),
            dockerfile,
            below: Vec::new(),
        };
        block.look_below(others);
        block
    }

    /// Finds the blocks whose tags it names.
    pub fn look_below(&mut self, others: &[Block]) {
        let text = self.dockerfile.text();
        let named = others.iter().enumerate().filter(|(_, other)| text.contains(&other.tags[0]));
        self.below = named.map(|(number, _)| number).collect();
    }

    /// The path of its Dockerfile, from the folder of the taskfile.
    pub fn file(&self, number: usize) -> String {
        if self.is_named { format!("{number}.Dockerfile") } else { format!("{}/Dockerfile", self.context) }
    }
}

impl Taskfile {
    pub fn random() -> Taskfile {
        let mut blocks: Vec<Block> = Vec::new();
        for number in 0..1 + fastrand::usize(..4) {
            let mut block = Block::random(number, &blocks);
            // One context has one Dockerfile of the usual name.
            block.is_named |= blocks.iter().any(|other| !other.is_named && other.context == block.context);
            blocks.push(block);
        }
        let value = |variable: &&'static str| (*variable, "0".to_owned());
        let all: BTreeMap<&'static str, String> = VARIABLES.iter().map(value).collect();
        Taskfile { blocks, defaults: all.clone(), environment: all, given: BTreeMap::new() }
    }

    /// Its text.
    pub fn text(&self) -> String {
        let mut text = String::from("all:");
        (0..self.blocks.len()).for_each(|number| text += &format!(" b{number}"));
        text += "\n.PHONY: all\n";
        self.defaults.iter().for_each(|(name, value)| text += &format!("{name} ?= {value}\n"));
        for (number, block) in self.blocks.iter().enumerate() {
            text += &format!("image b{number}\n");
            let mut line = |name: &str, words: Vec<String>| {
                if !words.is_empty() {
                    text += &format!("  {name} = {}\n", words.join(" "));
                }
            };
            line("tags", block.tags.clone());
            line("context", vec![block.context.to_owned()]);
            let file = block.is_named.then(|| format!("../{}", block.file(number)));
            line("dockerfile", file.into_iter().collect());
            line("target", block.target.iter().map(|target| format!("s{target}")).collect());
            line("args", block.args.iter().map(|(word, _)| word.clone()).collect());
            line("labels", block.labels.clone());
            line("secrets", block.secrets.clone());
            line("contexts", block.named_context.then(|| "lib=./c1".to_owned()).into_iter().collect());
            let cleanup = match block.cleanup {
                Cleanup::Never => "never",
                Cleanup::OnFailure => "on-failure",
                Cleanup::Always => "always",
            };
            line("cleanup", vec![cleanup.to_owned()]);
            line("extract", block.extracts.then(|| format!("/made:made{number}")).into_iter().collect());
            text += "endimage\n";
        }
        text
    }

    /// The value of a variable.
    pub fn value(&self, name: &str) -> String {
        let found = self.given.get(name).or_else(|| self.environment.get(name));
        found.or_else(|| self.defaults.get(name)).cloned().unwrap_or_default()
    }

    /// What the build of a block is asked for, in `folder`.
    pub fn request(&self, number: usize, folder: &Path) -> Request {
        let block = &self.blocks[number];
        let pair =
            |text: &String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let args = block.args.iter().map(|(_, variable)| ((*variable).to_owned(), self.value(variable)));
        Request {
            tags: block.tags.clone(),
            file: folder.join(block.file(number)),
            context: folder.join(block.context),
            contexts: if block.named_context {
                vec![("lib".to_owned(), folder.join("c1"))]
            } else {
                Vec::new()
            },
            target: block.target.map(|target| format!("s{target}")),
            args: args.collect(),
            labels: block.labels.iter().filter_map(pair).collect(),
            secrets: if block.secrets.is_empty() { Vec::new() } else { vec!["token".to_owned()] },
        }
    }

    /// Writes all of it down in `folder`.
    pub fn lay_out(&self, folder: &Path) -> std::io::Result<()> {
        for context in CONTEXTS {
            fs::create_dir_all(folder.join(context).join("dir/sub"))?;
            fs::write(folder.join(context).join("always"), "always")?;
            for file in FILES {
                fs::write(folder.join(context).join(file), "0")?;
            }
            std::os::unix::fs::symlink("c.txt", folder.join(context).join("dir/link"))?;
        }
        fs::write(folder.join("token"), "secret")?;
        for (number, block) in self.blocks.iter().enumerate() {
            fs::write(folder.join(block.file(number)), block.dockerfile.text())?;
        }
        fs::write(folder.join("Makefile"), self.text())
    }
}

/// The text of an ignore file.
pub fn ignore_text() -> String {
    let lines: Vec<&str> = (0..fastrand::usize(..4)).map(|_| one_of(&IGNORES)).collect();
    lines.join("\n") + "\n"
}

/// Where an ignore file may stand.
pub fn ignore_file(taskfile: &Taskfile) -> PathBuf {
    let number = fastrand::usize(..taskfile.blocks.len());
    match taskfile.blocks[number].is_named && fastrand::bool() {
        true => PathBuf::from(format!("{}.dockerignore", taskfile.blocks[number].file(number))),
        false => Path::new(one_of(&CONTEXTS)).join(".dockerignore"),
    }
}

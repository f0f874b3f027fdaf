//! The ways to change what an image is made from, one at a time.

use crate::scene::{Scene, Stage, entries};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// What a change is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Content,
    Mode,
    Deletion,
    Addition,
    Rename,
    Touch,
    Link,
    Argument,
    Base,
    Instruction,
    Comment,
    IgnoreFile,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Content => "a file's content",
            Kind::Mode => "a mode",
            Kind::Deletion => "a deletion",
            Kind::Addition => "an addition",
            Kind::Rename => "a name",
            Kind::Touch => "a time",
            Kind::Link => "a link's target",
            Kind::Argument => "an argument",
            Kind::Base => "a base",
            Kind::Instruction => "an instruction",
            Kind::Comment => "blanks and comments",
            Kind::IgnoreFile => "the ignore file",
        }
    }
}

/// One change.
pub struct Change {
    pub kind: Kind,
    pub what: String,
    pub act: Act,
}

/// How to do it.
pub enum Act {
    /// To an entry of the context.
    File(PathBuf, fn(&Path)),
    /// The Dockerfile's text.
    Dockerfile(String),
    /// The ignore file's text.
    Ignore(String),
    /// An argument's value; nothing to leave it out.
    Arg(usize, Option<String>),
    /// The base's tag is given to another image, by number.
    Base(usize),
}

type FileChange = (Kind, &'static str, fn(&Path));

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

fn rename(path: &Path) {
    let mut name = path.file_name().expect("a name").to_owned();
    name.push("2");
    fs::rename(path, path.with_file_name(name)).expect("renamed");
}

fn retarget(path: &Path) {
    fs::remove_file(path).expect("removed");
    symlink("elsewhere", path).expect("a link");
}

const OF_FILES: [FileChange; 5] = [
    (Kind::Content, "content", |path| fs::write(path, "changed").expect("a file")),
    (Kind::Mode, "mode", |path| chmod(path, 0o600)),
    (Kind::Deletion, "deletion", |path| fs::remove_file(path).expect("removed")),
    (Kind::Rename, "rename", rename),
    (Kind::Touch, "touch", |path| {
        let file = fs::File::options().append(true).open(path).expect("a file");
        file.set_modified(std::time::SystemTime::now()).expect("a time");
    }),
];
const OF_FOLDERS: [FileChange; 2] = [
    (Kind::Mode, "mode", |path| chmod(path, 0o700)),
    (Kind::Addition, "new file in", |path| fs::write(path.join("0new"), "new").expect("a file")),
];
const OF_ROOT: [FileChange; 2] = [
    (Kind::Addition, "new file in", |path| fs::write(path.join("0new"), "new").expect("a file")),
    (Kind::Addition, "new folder in", |path| fs::create_dir(path.join("0folder")).expect("a folder")),
];
const OF_LINKS: [FileChange; 2] = [
    (Kind::Link, "target", retarget),
    (Kind::Deletion, "deletion", |path| fs::remove_file(path).expect("removed")),
];

/// All changes of a scene, which is laid out.
pub fn changes(scene: &Scene, stage: &Stage<'_>) -> Vec<Change> {
    let mut out = Vec::new();
    let root = stage.root();
    let mut add = |path: &Path, list: &[FileChange]| {
        let name = path.strip_prefix(root).expect("inside").to_path_buf();
        for (kind, what, act) in list {
            let what = format!("{what} of {}/{}", scene.name(), name.display());
            out.push(Change { kind: *kind, what, act: Act::File(name.clone(), *act) });
        }
    };
    add(root, &OF_ROOT);
    for path in entries(root) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name == "Dockerfile" || name == ".dockerignore" {
            continue;
        }
        let kind = fs::symlink_metadata(&path).expect("a status").file_type();
        match (kind.is_symlink(), kind.is_dir()) {
            (true, _) => add(&path, &OF_LINKS),
            (_, true) => add(&path, &OF_FOLDERS),
            _ => add(&path, &OF_FILES),
        }
    }
    for (at, (name, value, other)) in scene.args().iter().enumerate() {
        for value in [Some(*other), None].into_iter().filter(|now| now.is_some() || !value.is_empty()) {
            let what = format!("argument {name}={value:?}");
            out.push(Change { kind: Kind::Argument, what, act: Act::Arg(at, value.map(str::to_owned)) });
        }
    }
    for at in 1..stage.bases() {
        out.push(Change { kind: Kind::Base, what: format!("base number {at}"), act: Act::Base(at) });
    }
    let text = stage.dockerfile();
    for (what, kind, text) in texts(text) {
        out.push(Change { kind, what, act: Act::Dockerfile(text) });
    }
    let ignore = scene.ignore();
    if !ignore.is_empty() {
        let (comment, more) = (format!("# nothing\n\n{ignore}"), format!("{ignore}nothing-of-this-name\n"));
        let lines: Vec<&str> = ignore.lines().collect();
        let mut add =
            |kind, what: String, text: String| out.push(Change { kind, what, act: Act::Ignore(text) });
        add(Kind::Comment, "comment in the ignore file".to_owned(), comment);
        add(Kind::IgnoreFile, "pattern that matches nothing".to_owned(), more);
        let backwards: Vec<&str> = lines.iter().rev().copied().collect();
        add(Kind::IgnoreFile, "patterns backwards".to_owned(), backwards.join("\n"));
        for (at, line) in lines.iter().enumerate() {
            let with = |own: &[&str]| [&lines[..at], own, &lines[at + 1..]].concat().join("\n");
            let other = line.strip_prefix('!').map_or_else(|| format!("!{line}"), str::to_owned);
            add(Kind::IgnoreFile, format!("pattern {line} gone"), with(&[]));
            add(Kind::IgnoreFile, format!("pattern {line} turned"), with(&[&other]));
            add(Kind::IgnoreFile, format!("pattern {line} twice"), with(&[line, line]));
        }
    }
    out
}

/// Each instruction of a Dockerfile with another meaning, and left out; and all of them said otherwise to the same end.
fn texts(text: &str) -> Vec<(String, Kind, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = Vec::new();
    let mut at = 0;
    let mut is_heredoc = false;
    let mut blanks = String::new();
    while at < lines.len() {
        let from = at;
        let escape = if text.starts_with("# escape=`") { '`' } else { '\\' };
        while lines[at].ends_with(escape) || (at > from && lines[at].starts_with('#')) {
            at += 1;
        }
        while at > from && lines[at].is_empty() {
            at += 1;
        }
        let one = lines[from..=at].join("\n");
        at += 1;
        if one.contains("<<") {
            is_heredoc = true;
            if let Some(body) = lines.get(at) {
                let mut all = lines.clone();
                let other = format!("{body}1");
                all[at] = &other;
                out.push((
                    format!("{body:?} of {one:?} becomes {other:?}"),
                    Kind::Instruction,
                    all.join("\n") + "\n",
                ));
            }
        }
        if one.starts_with('#') && blanks.is_empty() {
            // A directive counts at the top alone.
            blanks = format!("{one}\n");
        }
        let Some((keyword, rest)) = one.split_once(' ').filter(|_| !one.starts_with('#') && !is_heredoc)
        else {
            continue;
        };
        let with = |replaced: &str| {
            let mut all: Vec<&str> = lines[..from].to_vec();
            all.extend((!replaced.is_empty()).then_some(replaced));
            all.extend(&lines[at..]);
            all.join("\n") + "\n"
        };
        let other = match keyword {
            "FROM" => format!("{one}\nENV now=x"),
            "RUN" => format!("{one} && true"),
            _ if one.ends_with(']') => one.replacen('"', "\"x", 1),
            _ => format!("{one}1"),
        };
        blanks.push_str(&format!("# comment\n\n{}  {rest}\n", keyword.to_lowercase()));
        out.push((format!("{one:?} becomes {other:?}"), Kind::Instruction, with(&other)));
        if keyword != "FROM" {
            out.push((format!("{one:?} left out"), Kind::Instruction, with("")));
        }
    }
    if !is_heredoc {
        out.push(("blanks, comments and lower case".to_owned(), Kind::Comment, blanks));
    }
    out
}

//! What differs between two lists of inputs, as data, and its words. Knows nothing of engines and files.

use super::components::{
    ArgInput, ArgValue, BaseInput, Components, ExternalInput, FileInput, InstructionInput, ReaderInput,
    Unknown,
};
use crate::base::system_error::SystemError;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// One input that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An instruction of the Dockerfile.
    Instruction {
        /// `RUN`
        keyword: String,
        /// How it changed.
        how: How,
        /// Its line; of one that was removed, the line it had.
        line: u64,
    },
    /// Something else in the Dockerfile: a directive, the order of stages, or text whose meaning is not known.
    Dockerfile,
    /// A build argument.
    Arg {
        /// Its name.
        name: Vec<u8>,
        /// The value before; nothing where it did not count.
        old: Option<ArgValue>,
        /// The value now; nothing where it does not count any more.
        new: Option<ArgValue>,
        /// The declaration's line; 0 where there is none.
        line: u64,
    },
    /// An image that is read: another content under the same name, or no longer or newly read.
    Base {
        /// The reference.
        reference: Vec<u8>,
        /// Identity of its content before; nothing where it was not read, or not there.
        old: Option<String>,
        /// The same now.
        new: Option<String>,
        /// The line that names it.
        line: u64,
    },
    /// A URL or repository.
    External {
        /// The source.
        source: Vec<u8>,
        /// The line that names it.
        line: u64,
    },
    /// An entry of a context.
    File {
        /// The named context; nothing for the main one.
        context: Option<Vec<u8>>,
        /// Its path in the context.
        path: Vec<u8>,
        /// How it changed.
        how: FileHow,
        /// The instruction that reads it first: keyword (empty where the whole context counts) and line.
        reader: (String, u64),
    },
    /// The patterns of an ignore file that re-includes.
    Ignore {
        /// The named context; nothing for the main one.
        context: Option<Vec<u8>>,
    },
    /// An attribute of the build.
    Attribute {
        /// Its name.
        name: String,
        /// The values before.
        old: Vec<Vec<u8>>,
        /// The values now.
        new: Vec<Vec<u8>>,
    },
}

/// How an instruction changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It is new, or newly reached.
    Added,
    /// It is gone, or no longer reached.
    Removed,
    /// It says something else.
    Changed,
}

/// How an entry of a context changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileHow {
    /// It is new, or newly read.
    Added,
    /// It is gone, or no longer read.
    Removed,
    /// Its content, or a link's text.
    Content,
    /// Its permission bits, these before and these now.
    Mode(u32, u32),
    /// It is of another type.
    Kind,
}

/// What differs in `new` from `old`: empty only where both have the same digest.
pub fn changes(old: &Components, new: &Components) -> Vec<Change> {
    let mut out = Vec::new();
    instructions(old, new, &mut out);
    let structure = |one: &Components| {
        let stages = one.stages.iter().map(|stage| (stage.base.clone(), stage.number)).collect::<Vec<_>>();
        (one.whole_file, one.directives.clone(), one.target, stages)
    };
    if out.is_empty() && structure(old) != structure(new) {
        out.push(Change::Dockerfile);
    }
    args(old, new, &mut out);
    bases(old, new, &mut out);
    externals(old, new, &mut out);
    attributes(old, new, &mut out);
    contexts(old, new, &mut out);
    if out.is_empty() && old.digest() != new.digest() {
        // Nothing above is left out on purpose: this speaks for what may be added to the components and forgotten here.
        out.push(Change::Dockerfile);
    }
    out
}

/// Instructions are compared in one row over all stages: what stands before and after the changed ones is the same.
fn instructions(old: &Components, new: &Components, out: &mut Vec<Change>) {
    let row = |one: &Components| -> Vec<InstructionInput> {
        one.stages.iter().flat_map(|stage| stage.instructions.clone()).collect()
    };
    let (old, new) = (row(old), row(new));
    let same = |a: &InstructionInput, b: &InstructionInput| (&a.keyword, a.digest) == (&b.keyword, b.digest);
    let before = old.iter().zip(&new).take_while(|(a, b)| same(a, b)).count();
    let (old, new) = (&old[before..], &new[before..]);
    let after = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| same(a, b)).count();
    let (mut old, mut new) = (&old[..old.len() - after], &new[..new.len() - after]);
    let one = |instruction: &InstructionInput, how| Change::Instruction {
        keyword: instruction.keyword.clone(),
        how,
        line: instruction.line,
    };
    // The rest is walked with a look ahead for the next instruction that both have.
    while let (Some(first), Some(second)) = (old.first(), new.first()) {
        if same(first, second) {
            (old, new) = (&old[1..], &new[1..]);
            continue;
        }
        let in_new = new.iter().position(|other| same(first, other));
        let in_old = old.iter().position(|other| same(other, second));
        match (in_new, in_old) {
            (None, None) if first.keyword == second.keyword => {
                out.push(one(second, How::Changed));
                (old, new) = (&old[1..], &new[1..]);
            }
            (Some(ahead), behind) if behind.is_none_or(|behind| ahead <= behind) => {
                out.extend(new[..ahead].iter().map(|added| one(added, How::Added)));
                new = &new[ahead..];
            }
            _ => {
                out.push(one(first, How::Removed));
                old = &old[1..];
            }
        }
    }
    out.extend(old.iter().map(|removed| one(removed, How::Removed)));
    out.extend(new.iter().map(|added| one(added, How::Added)));
}

fn args(old: &Components, new: &Components, out: &mut Vec<Change>) {
    type Values<'a> = BTreeMap<(Option<u64>, &'a [u8]), Vec<&'a ArgInput>>;
    fn by_name(one: &Components) -> Values<'_> {
        let mut values = Values::new();
        for arg in &one.args {
            values.entry((arg.stage, &arg.name)).or_default().push(arg);
        }
        values
    }
    let (before, now) = (by_name(old), by_name(new));
    for key in now.keys().chain(before.keys().filter(|key| !now.contains_key(*key))) {
        let (before, now) = (before.get(key), now.get(key));
        let at =
            |list: Option<&Vec<&ArgInput>>, at: usize| list.and_then(|list| list.get(at).copied().cloned());
        let count = before.map_or(0, Vec::len).max(now.map_or(0, Vec::len));
        for index in 0..count {
            let (before, now) = (at(before, index), at(now, index));
            let values = (before.as_ref().map(|arg| &arg.value), now.as_ref().map(|arg| &arg.value));
            if values.0 == values.1 {
                continue;
            }
            // One value declared in several stages is one change.
            let line = now.as_ref().or(before.as_ref()).map_or(0, |arg| arg.line);
            let change =
                Change::Arg { name: key.1.to_vec(), old: values.0.cloned(), new: values.1.cloned(), line };
            let is_told = out.iter().any(|other| match (other, &change) {
                (Change::Arg { name, old, new, .. }, Change::Arg { name: n, old: o, new: w, .. }) => {
                    (name, old, new) == (n, o, w)
                }
                _ => false,
            });
            if !is_told {
                out.push(change);
            }
        }
    }
}

fn bases(old: &Components, new: &Components, out: &mut Vec<Change>) {
    let same = |a: &BaseInput, b: &BaseInput| (&a.reference, &a.platform) == (&b.reference, &b.platform);
    for base in &new.bases {
        let before = old.bases.iter().find(|other| same(other, base));
        if before.map(|before| &before.content) != Some(&base.content) {
            out.push(Change::Base {
                reference: base.reference.clone(),
                old: before.and_then(|before| before.content.clone()),
                new: base.content.clone(),
                line: base.line,
            });
        }
    }
    for base in old.bases.iter().filter(|base| !new.bases.iter().any(|other| same(other, base))) {
        let (reference, old) = (base.reference.clone(), base.content.clone());
        out.push(Change::Base { reference, old, new: None, line: base.line });
    }
}

fn externals(old: &Components, new: &Components, out: &mut Vec<Change>) {
    let has = |one: &Components, wanted: &ExternalInput| {
        one.externals.iter().any(|other| (&other.source, &other.key) == (&wanted.source, &wanted.key))
    };
    let lost = old.externals.iter().filter(|external| !has(new, external));
    for external in new.externals.iter().filter(|external| !has(old, external)).chain(lost) {
        out.push(Change::External { source: external.source.clone(), line: external.line });
    }
}

fn attributes(old: &Components, new: &Components, out: &mut Vec<Change>) {
    let mut names: Vec<&str> =
        old.attributes.iter().chain(new.attributes.iter()).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let (before, now) = (old.attributes.get(name), new.attributes.get(name));
        if before != now {
            let (old, new) = (before.to_vec(), now.to_vec());
            out.push(Change::Attribute { name: name.to_owned(), old, new });
        }
    }
}

fn contexts(old: &Components, new: &Components, out: &mut Vec<Change>) {
    let name = |one: &Components, index: u32| {
        one.contexts.get(index as usize).and_then(|context| context.name.clone())
    };
    for context in &new.contexts {
        let before = old.contexts.iter().find(|other| other.name == context.name);
        if before.is_some_and(|before| before.ignore != context.ignore) {
            out.push(Change::Ignore { context: context.name.clone() });
        }
    }
    let rank = |one: &Components, file: &FileInput| (name(one, file.context), file.path.clone());
    let sorted = |one: &Components| {
        let mut files: Vec<usize> = (0..one.files.len()).collect();
        // In one context they are sorted by path already.
        if one.contexts.len() > 1 {
            files.sort_by_cached_key(|&at| rank(one, &one.files[at]));
        }
        files
    };
    let (before, now) = (sorted(old), sorted(new));
    let (mut before, mut now) = (before.iter().peekable(), now.iter().peekable());
    let reader = |one: &Components, file: &FileInput| {
        let none = ReaderInput { keyword: String::new(), line: 0 };
        let reader = one.readers.get(file.reader as usize).cloned().unwrap_or(none);
        (reader.keyword, reader.line)
    };
    let file = |one: &Components, file: &FileInput, how| Change::File {
        context: name(one, file.context),
        path: file.path.to_vec(),
        how,
        reader: reader(one, file),
    };
    loop {
        let (first, second) =
            (before.peek().map(|&&at| &old.files[at]), now.peek().map(|&&at| &new.files[at]));
        let order = match (first, second) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(first), Some(second)) => {
                let one_context = old.contexts.len() < 2 && new.contexts.len() < 2;
                match one_context {
                    true => first.path.cmp(&second.path),
                    false => rank(old, first).cmp(&rank(new, second)),
                }
            }
        };
        if let (Some(first), Ordering::Less) = (first, order) {
            out.push(file(old, first, FileHow::Removed));
        }
        if let (Some(second), Ordering::Greater) = (second, order) {
            out.push(file(new, second, FileHow::Added));
        }
        if let (Some(first), Some(second), Ordering::Equal) = (first, second, order) {
            let how = match () {
                () if first.kind != second.kind => Some(FileHow::Kind),
                () if first.content != second.content => Some(FileHow::Content),
                () if first.mode != second.mode => Some(FileHow::Mode(first.mode, second.mode)),
                () => None,
            };
            out.extend(how.map(|how| file(new, second, how)));
        }
        if order != Ordering::Greater {
            before.next();
        }
        if order != Ordering::Less {
            now.next();
        }
    }
}

impl Change {
    /// The change in words; `dockerfile` is the file's name for people.
    pub fn message(&self, dockerfile: &str) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let at = |line: u64| if line == 0 { String::new() } else { format!(" ({dockerfile}:{line})") };
        match self {
            Change::Instruction { keyword, how, line } => {
                let how = match how {
                    How::Added => "added",
                    How::Removed => "removed",
                    How::Changed => "changed",
                };
                format!("{keyword}{} {how}", at(*line))
            }
            Change::Dockerfile => format!("{dockerfile} changed"),
            Change::Arg { name, old, new, line } => {
                let shown = |value: &Option<ArgValue>| match value {
                    None => "not used".to_owned(),
                    Some(ArgValue::Unset) => "not set".to_owned(),
                    Some(ArgValue::Unknown) => "up to the engine".to_owned(),
                    Some(ArgValue::Hidden(_)) => "a value that is not shown".to_owned(),
                    Some(ArgValue::Known(value)) => format!("'{}'", text(value)),
                };
                let name = text(name);
                match (old, new) {
                    (Some(ArgValue::Hidden(_)), Some(ArgValue::Hidden(_))) => {
                        format!("ARG {name}{} changed (its value is not shown)", at(*line))
                    }
                    _ => format!("ARG {name}{} was {}, now {}", at(*line), shown(old), shown(new)),
                }
            }
            Change::Base { reference, old, new, line } => {
                let name = text(reference);
                match (old, new) {
                    (Some(_), Some(_)) => format!("base {name}{} moved", at(*line)),
                    (None, _) => format!("base {name}{} is new", at(*line)),
                    (Some(_), None) => format!("base {name}{} is not there or not read any more", at(*line)),
                }
            }
            Change::External { source, line } => format!("{}{} changed", text(source), at(*line)),
            Change::File { context, path, how, reader: (keyword, line) } => {
                let context = context.as_ref().map_or(String::new(), |name| format!(" of {}", text(name)));
                let how = match how {
                    FileHow::Added => "is new".to_owned(),
                    FileHow::Removed => "is gone".to_owned(),
                    FileHow::Content => "changed".to_owned(),
                    FileHow::Mode(old, new) => format!("had mode {old:04o}, now {new:04o}"),
                    FileHow::Kind => "is of another type".to_owned(),
                };
                let reader = match keyword.as_str() {
                    "" => "context".to_owned(),
                    keyword => format!("{keyword}{}", at(*line)),
                };
                format!("{reader}: {}{context} {how}", text(path))
            }
            Change::Ignore { context: None } => "the ignore file changed".to_owned(),
            Change::Ignore { context: Some(name) } => format!("the ignore file of {} changed", text(name)),
            Change::Attribute { name, old, new } => {
                let shown = |values: &[Vec<u8>]| match values {
                    [] => "not set".to_owned(),
                    values => format!("'{}'", text(&values.join(&b' '))),
                };
                format!("{name} was {}, now {}", shown(old), shown(new))
            }
        }
    }
}

impl Unknown {
    /// The same in words; `dockerfile` is the file's name for people.
    pub fn message(&self, dockerfile: &str) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self {
            Unknown::Base { reference, line } if reference.is_empty() => {
                format!("{dockerfile}:{line} names a base that only the build knows")
            }
            Unknown::Base { reference, line } => {
                format!(
                    "base {} ({dockerfile}:{line}) is not on the engine, so that it may have moved",
                    text(reference)
                )
            }
            Unknown::External { source, line } => {
                format!("{} ({dockerfile}:{line}) has no checksum, so that it may have changed", text(source))
            }
            Unknown::Arg { name } => format!("the value of {} is not known", text(name)),
            Unknown::Context { value } => format!("the context {} is no folder", text(value)),
            Unknown::Frontend => format!("{dockerfile} is for a frontend that imk doesn't know"),
            Unknown::Bounds => format!("{dockerfile} has more than imk reads of a Dockerfile"),
            Unknown::Unreadable { path, errno } => {
                format!("{} can't be read: {}", text(path), SystemError::of(*errno))
            }
            Unknown::Changing { path } => format!("{} changed while it was read", text(path)),
        }
    }
}

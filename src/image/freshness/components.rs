//! All that an image is made from, kept apart by kind, and the one digest over it. Finds nothing out by itself.
//!
//! What only helps to explain (lines, names) is kept in records, but is not part of the digest: a comment that moves an
//! instruction changes nothing.

use super::codec::{Digest, Reader, Writer};
use crate::base::mask::Masks;
use crate::image::reference::Reference;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The inputs of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Components {
    /// Digest of the Dockerfile's whole text, where all of it counts.
    pub whole_file: Option<Digest>,
    /// Parser directives and what else the reading of the file depends on.
    pub directives: Vec<(String, Vec<u8>)>,
    /// The stages reached, in the order of the file.
    pub stages: Vec<StageInput>,
    /// Place of the target among `stages`.
    pub target: u64,
    /// The build arguments that count.
    pub args: Vec<ArgInput>,
    /// The images read.
    pub bases: Vec<BaseInput>,
    /// The URLs and repositories read.
    pub externals: Vec<ExternalInput>,
    /// The contexts read: the main one has no name.
    pub contexts: Vec<ContextInput>,
    /// The instructions that read files.
    pub readers: Vec<ReaderInput>,
    /// The context entries, by context and path.
    pub files: Vec<FileInput>,
    /// What the build is told beyond the Dockerfile: see [`Attributes`].
    pub attributes: Attributes,
    /// What cannot be known: while there is any of it, no image is fresh. Not part of the digest.
    pub unknown: Vec<Unknown>,
    /// Of each of `files`, of the Dockerfile and the ignore files, what is equal at two moments only if it was not touched between them.
    /// Not part of the digest, nor of a record.
    pub moment: Vec<Stamp>,
    /// The same of each image that is read, by its reference: its id and when it was last given a tag, where the engine tells.
    pub tagged: Vec<(Reference, String)>,
}

/// The inode and times of a file or a context entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Time of the last change of the content, in nanoseconds since 1970.
    pub modified: i128,
    /// Time of the last change of the inode, in nanoseconds since 1970.
    pub changed: i128,
}

/// A stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageInput {
    /// What its FROM resolves to: kind and name, a stage by its place among those reached.
    pub base: Vec<u8>,
    /// Its number in the file, where some instruction asks for stages by number.
    pub number: Option<u64>,
    /// Its instructions, FROM first.
    pub instructions: Vec<InstructionInput>,
}

/// An instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstructionInput {
    /// `COPY`
    pub keyword: String,
    /// Digest of its normal form.
    pub digest: Digest,
    /// Its line in the Dockerfile, from 1.
    pub line: u64,
}

/// A build argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgInput {
    /// Place of the declaring stage among those reached; nothing for a global one.
    pub stage: Option<u64>,
    /// Its name.
    pub name: Vec<u8>,
    /// Its value.
    pub value: ArgValue,
    /// The declaration's line; 0 where there is none.
    pub line: u64,
}

/// An argument's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgValue {
    /// This text.
    Known(Vec<u8>),
    /// The name looks like a secret's, the value is one that `.SECRET_VARS` hides, or it is long: a digest alone is kept.
    Hidden(Digest),
    /// The engine decides.
    Unknown,
    /// Declared, without a value.
    Unset,
}

/// An image that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseInput {
    /// Its reference.
    pub reference: Vec<u8>,
    /// The platform asked for.
    pub platform: Option<Vec<u8>>,
    /// Identity of its content on the engine, or its digest where the reference has one; nothing where it is not there.
    pub content: Option<String>,
    /// The line of the instruction that reads it.
    pub line: u64,
}

/// A URL or repository that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalInput {
    /// The source.
    pub source: Vec<u8>,
    /// The checksum or commit that fixes its content.
    pub key: Option<Vec<u8>>,
    /// The line of the instruction that reads it.
    pub line: u64,
}

/// A context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContextInput {
    /// The named context's name; nothing for the main one.
    pub name: Option<Vec<u8>>,
    /// Digest of the ignore file's patterns, where more than the selection of files hangs on them.
    pub ignore: Option<Digest>,
}

/// An instruction that reads files.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReaderInput {
    /// `COPY`, or empty where the whole context counts for a reason of its own.
    pub keyword: String,
    /// Its line.
    pub line: u64,
}

/// An entry of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInput {
    /// Index of its context.
    pub context: u32,
    /// Index of the first instruction that reads it.
    pub reader: u32,
    /// Its path in the context.
    pub path: Box<[u8]>,
    /// Its type.
    pub kind: FileKind,
    /// Its permission bits; 0 for links, which have none of their own.
    pub mode: u32,
    /// Digest of its content, or of a link's text.
    pub content: Digest,
}

/// The type of a context entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, pipe or socket.
    Other,
}

impl FileKind {
    const ALL: [FileKind; 4] = [FileKind::File, FileKind::Folder, FileKind::Link, FileKind::Other];
}

/// An input whose state can't be told without building.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// An image that is not on the engine, and whose reference has no digest.
    Base {
        /// The reference; empty where it is not known either.
        reference: Vec<u8>,
        /// The line that names it.
        line: u64,
    },
    /// A URL or repository without checksum or commit.
    External {
        /// The source.
        source: Vec<u8>,
        /// The line that names it.
        line: u64,
    },
    /// A build argument whose value is not known.
    Arg {
        /// The name.
        name: Vec<u8>,
    },
    /// A context that is no folder.
    Context {
        /// What it is.
        value: Vec<u8>,
    },
    /// A frontend of its own reads the Dockerfile, by rules that are not known.
    Frontend,
    /// The Dockerfile has more than imk reads of one.
    Bounds,
    /// A file that can't be read, with the system's error number.
    Unreadable {
        /// The path.
        path: Vec<u8>,
        /// The number.
        errno: i32,
    },
    /// A file that changed while it was read.
    Changing {
        /// The path.
        path: Vec<u8>,
    },
}

/// What a build is told beyond its Dockerfile: attribute names (`platforms`, `labels`, `network`, `options`, …) with their
/// values in order. The target and the build arguments need not be here: they count by what they reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(BTreeMap<String, Vec<Vec<u8>>>);

impl Attributes {
    /// Sets an attribute; without values it is as if not there. Of `secrets` and `ssh` the ids alone are kept, never
    /// what they come from; labels of imk's own are left out, as one of them holds the digest of all this.
    pub fn set(&mut self, name: &str, values: impl IntoIterator<Item = Vec<u8>>) {
        let values = values.into_iter();
        let values: Vec<Vec<u8>> = match name {
            "secrets" | "secret" => values.map(|value| secret_id(&value)).collect(),
            "ssh" => values.map(|value| before_equals(&value)).collect(),
            "labels" | "label" => values.filter(|value| !value.starts_with(b"imk.")).collect(),
            _ => values.collect(),
        };
        match values.is_empty() {
            true => drop(self.0.remove(name)),
            false => drop(self.0.insert(name.to_owned(), values)),
        }
    }

    /// The attributes by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Vec<u8>])> {
        self.0.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// The values of an attribute.
    pub fn get(&self, name: &str) -> &[Vec<u8>] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

fn before_equals(value: &[u8]) -> Vec<u8> {
    value.split(|&byte| byte == b'=').next().unwrap_or_default().to_vec()
}

/// The id in `id=NAME,src=FILE`; of a value without one, nothing is kept.
fn secret_id(value: &[u8]) -> Vec<u8> {
    let field = value.split(|&byte| byte == b',').find_map(|field| field.strip_prefix(b"id="));
    field.unwrap_or_default().to_vec()
}

/// What stands for the value of an argument called `name` that is not to be kept; of other things, without a name.
pub(super) fn hidden_value(name: &[u8], value: &[u8]) -> Digest {
    let mut to = Writer::default();
    to.bytes(b"value of a secret-like argument");
    to.bytes(name);
    to.bytes(value);
    Digest::of(&to.out)
}

/// How the encoding begins: a change of what counts makes every digest another.
pub(super) const FORM: &[u8] = b"imk inputs 1";

impl Components {
    /// Without the values that `masks` hides: in their place are digests, so that a change of one is a change still.
    pub fn without(mut self, masks: &Masks) -> Components {
        let hide = |text: &mut Vec<u8>| {
            if let Cow::Owned(mut hidden) = masks.hide(text) {
                hidden
                    .extend_from_slice(format!(" ({:.16})", hidden_value(b"", text).to_string()).as_bytes());
                *text = hidden;
            }
        };
        for arg in &mut self.args {
            if let ArgValue::Known(value) = &arg.value
                && masks.hides(value)
            {
                arg.value = ArgValue::Hidden(hidden_value(&arg.name, value));
            }
        }
        self.attributes.0.values_mut().flatten().for_each(hide);
        self.externals.iter_mut().for_each(|external| hide(&mut external.source));
        self.bases.iter_mut().for_each(|base| hide(&mut base.reference));
        self
    }

    /// The digest over all that counts.
    pub fn digest(&self) -> Digest {
        let mut to = Writer::digesting();
        self.encode(&mut to, false);
        to.finish()
    }

    /// What a record keeps.
    pub(super) fn record(&self) -> Vec<u8> {
        let mut to = Writer::with_capacity(1024 + self.files.len() * 96);
        self.encode(&mut to, true);
        to.out
    }

    fn encode(&self, to: &mut Writer, with_places: bool) {
        let place = |to: &mut Writer, line: u64| {
            if with_places {
                to.small(line);
            }
        };
        to.bytes(FORM);
        to.option(self.whole_file.as_ref().map(|digest| &digest.0[..]));
        to.small(self.directives.len() as u64);
        for (name, value) in &self.directives {
            to.bytes(name.as_bytes());
            to.bytes(value);
        }
        to.small(self.target);
        to.small(self.stages.len() as u64);
        for stage in &self.stages {
            to.bytes(&stage.base);
            to.small(stage.number.map_or(0, |number| number + 1));
            to.small(stage.instructions.len() as u64);
            for instruction in &stage.instructions {
                to.bytes(instruction.keyword.as_bytes());
                to.digest(&instruction.digest);
                place(to, instruction.line);
            }
        }
        to.small(self.args.len() as u64);
        for arg in &self.args {
            to.small(arg.stage.map_or(0, |stage| stage + 1));
            to.bytes(&arg.name);
            match &arg.value {
                ArgValue::Unset => to.small(0),
                ArgValue::Unknown => to.small(1),
                ArgValue::Known(value) => {
                    to.small(2);
                    to.bytes(value);
                }
                ArgValue::Hidden(digest) => {
                    to.small(3);
                    to.digest(digest);
                }
            }
            place(to, arg.line);
        }
        to.small(self.bases.len() as u64);
        for base in &self.bases {
            to.bytes(&base.reference);
            to.option(base.platform.as_deref());
            to.option(base.content.as_ref().map(String::as_bytes));
            place(to, base.line);
        }
        to.small(self.externals.len() as u64);
        for external in &self.externals {
            to.bytes(&external.source);
            to.option(external.key.as_deref());
            place(to, external.line);
        }
        to.small(self.contexts.len() as u64);
        for context in &self.contexts {
            to.option(context.name.as_deref());
            to.option(context.ignore.as_ref().map(|digest| &digest.0[..]));
        }
        if with_places {
            to.small(self.readers.len() as u64);
            for reader in &self.readers {
                to.bytes(reader.keyword.as_bytes());
                to.small(reader.line);
            }
        }
        to.small(self.files.len() as u64);
        for file in &self.files {
            to.small(u64::from(file.context));
            to.bytes(&file.path);
            to.out.push(file.kind as u8);
            to.small(u64::from(file.mode));
            to.digest(&file.content);
            place(to, u64::from(file.reader));
            to.digest_full();
        }
        to.small(self.attributes.0.len() as u64);
        for (name, values) in &self.attributes.0 {
            to.bytes(name.as_bytes());
            to.small(values.len() as u64);
            values.iter().for_each(|value| to.bytes(value));
        }
    }

    /// Reads a record; nothing where it is none.
    pub(super) fn from_record(record: &[u8]) -> Option<Components> {
        let mut from = Reader::new(record);
        let from = &mut from;
        if from.bytes()? != FORM {
            return None;
        }
        let digest = |bytes: &[u8]| bytes.try_into().ok().map(Digest);
        let optional_digest = |from: &mut Reader<'_>| match from.option()? {
            None => Some(None),
            Some(bytes) => digest(bytes).map(Some),
        };
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let one_less = |number: u64| number.checked_sub(1);
        let components = Components {
            whole_file: optional_digest(from)?,
            directives: from.list(|from| Some((from.text()?, from.bytes()?.to_vec())))?,
            target: from.small()?,
            stages: from.list(|from| {
                Some(StageInput {
                    base: from.bytes()?.to_vec(),
                    number: one_less(from.small()?),
                    instructions: from.list(|from| {
                        let (keyword, digest) = (from.text()?, from.digest()?);
                        Some(InstructionInput { keyword, digest, line: from.small()? })
                    })?,
                })
            })?,
            args: from.list(|from| {
                let stage = one_less(from.small()?);
                let name = from.bytes()?.to_vec();
                let value = match from.small()? {
                    0 => ArgValue::Unset,
                    1 => ArgValue::Unknown,
                    2 => ArgValue::Known(from.bytes()?.to_vec()),
                    3 => ArgValue::Hidden(from.digest()?),
                    _ => return None,
                };
                Some(ArgInput { stage, name, value, line: from.small()? })
            })?,
            bases: from.list(|from| {
                let reference = from.bytes()?.to_vec();
                let platform = owned(from.option()?);
                let content = match from.option()? {
                    None => None,
                    Some(text) => Some(String::from_utf8(text.to_vec()).ok()?),
                };
                Some(BaseInput { reference, platform, content, line: from.small()? })
            })?,
            externals: from.list(|from| {
                let (source, key) = (from.bytes()?.to_vec(), owned(from.option()?));
                Some(ExternalInput { source, key, line: from.small()? })
            })?,
            contexts: from.list(|from| {
                Some(ContextInput { name: owned(from.option()?), ignore: optional_digest(from)? })
            })?,
            readers: from.list(|from| Some(ReaderInput { keyword: from.text()?, line: from.small()? }))?,
            files: from.list(|from| {
                let context = from.small()?.try_into().ok()?;
                let path = from.bytes()?.into();
                let kind = *FileKind::ALL.get(usize::from(from.byte()?))?;
                let mode = from.small()?.try_into().ok()?;
                let content = from.digest()?;
                Some(FileInput { context, reader: from.small()?.try_into().ok()?, path, kind, mode, content })
            })?,
            attributes: Attributes(
                from.list(|from| Some((from.text()?, from.list(|from| Some(from.bytes()?.to_vec()))?)))?
                    .into_iter()
                    .collect(),
            ),
            unknown: Vec::new(),
            moment: Vec::new(),
            tagged: Vec::new(),
        };
        from.is_at_end().then_some(components)
    }

    /// Whether nothing that counts was even touched between `self` and `later`: what was built in between was built from
    /// these inputs, and not from some that came and went. Of the images `made`, which were given their tags in between by what was
    /// built, the content alone counts.
    pub fn untouched_until(&self, later: &Components, made: &[Reference]) -> bool {
        let others = |tagged: &[(Reference, String)]| -> Vec<(Reference, String)> {
            let is_made = |reference: &Reference| made.iter().any(|own| own.same_image(reference));
            tagged.iter().filter(|(reference, _)| !is_made(reference)).cloned().collect()
        };
        self.moment == later.moment
            && others(&self.tagged) == others(&later.tagged)
            && self.unknown == later.unknown
            && self.digest() == later.digest()
    }
}

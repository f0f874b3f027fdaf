//! Finds the inputs of an image as they are now: joins what the Dockerfile can depend on with the files, images and
//! settings that are there. Builds nothing.

use super::bases::BaseContents;
use super::codec::{Digest, Writer};
use super::components::{
    ArgInput, ArgValue, Attributes, BaseInput, Components, ContextInput, ExternalInput, FileInput, FileKind,
    InstructionInput, ReaderInput, StageInput, Stamp, Unknown, hidden_value,
};
use super::digests::DigestCache;
use super::hash::{self, Fault};
use super::instructions;
use crate::base::Span;
use crate::base::source::LineStarts;
use crate::base::tables::{HashMap, HashSet};
use crate::image::context::{Choice, Convention, EntryKind, LoadError, Selection, Status, load, select};
use crate::image::dockerfile::names::{ContextKind, context_kind};
use crate::image::dockerfile::{
    Analysis, ArgUse, Base, ContextRead, Error, Kind, LONGEST_COPY, Opaque, Origin, StageUse, Value,
    is_proxy, parse, runes,
};
use crate::image::reference::Reference;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What a build is about to be given.
#[derive(Clone)]
pub struct Inputs<'a> {
    /// What the target can depend on, by the Dockerfile and the same arguments and named contexts as here.
    pub analysis: &'a Analysis,
    /// The Dockerfile's text.
    pub dockerfile: &'a [u8],
    /// Its path, which an ignore file may stand beside; nothing where it is read from standard input.
    pub dockerfile_path: Option<&'a Path>,
    /// The main context.
    pub context: Context<'a>,
    /// The build arguments, those that come from the environment with their values.
    pub build_args: &'a [(Vec<u8>, Value)],
    /// The named contexts: name and value as on the command line.
    pub named_contexts: &'a [(Vec<u8>, Vec<u8>)],
    /// The folder that relative named contexts start from.
    pub directory: &'a Path,
    /// Whose names of ignore files count.
    pub convention: Convention,
    /// The one platform that is built for, where one is asked for.
    pub platform: Option<&'a [u8]>,
    /// Whether the whole Dockerfile and every build argument end up in the result, as with attestations.
    pub whole_file: bool,
    /// What else the build is told.
    pub attributes: Attributes,
}

/// A build's main context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context<'a> {
    /// A folder.
    Folder(&'a Path),
    /// A repository, an archive, standard input: what it holds is not known.
    Other(&'a [u8]),
    /// There is none.
    None,
}

/// Why the inputs can't be told. The build would fail for the same reason.
#[derive(Debug)]
pub enum GatherError {
    /// The Dockerfile can't be read.
    Dockerfile(Error),
    /// The ignore file can't be used.
    Ignore(LoadError),
    /// The context is no folder, or can't be opened.
    Context(PathBuf, std::io::Error),
}

/// imk's own folder is no input, wherever it lies: looking at inputs writes to it.
const OWN_FOLDER: &[u8] = b".imk";

/// The inputs as they are now. Reads the context's folders and whatever files may have changed since the cache last saw
/// them, and asks `bases` for each image.
///
/// # Errors
/// Where the build itself would refuse; see [`GatherError`].
pub fn gather(
    inputs: &Inputs<'_>,
    bases: &dyn BaseContents,
    cache: &DigestCache,
) -> Result<Components, GatherError> {
    let (opaque, widened) = (inputs.analysis.opaque.is_some(), !inputs.analysis.widened.is_empty());
    let mut gatherer = Gatherer {
        inputs,
        cache,
        lines: LineStarts::of(inputs.dockerfile),
        hidden: HashMap::default(),
        out: Components { attributes: inputs.attributes.clone(), ..Components::default() },
    };
    // A default whose value is not known counts by its text.
    let vague = |arg: &ArgUse| {
        arg.value == Some(Value::Unknown) && matches!(arg.origin, Origin::Default | Origin::Global)
    };
    let whole_file = inputs.whole_file || opaque || widened || inputs.analysis.args.iter().any(vague);
    if whole_file {
        gatherer.out.whole_file = Some(Digest::of(inputs.dockerfile));
    }
    match inputs.analysis.opaque {
        Some(Opaque::Beyond { .. }) => gatherer.out.unknown.push(Unknown::Bounds),
        Some(_) => gatherer.out.unknown.push(Unknown::Frontend),
        None => gatherer.stages()?,
    }
    gatherer.args(whole_file);
    gatherer.images(bases);
    inputs.dockerfile_path.into_iter().for_each(|path| gatherer.stamp(path));
    gatherer.externals();
    gatherer.main_context()?;
    gatherer.named_contexts(opaque || widened)?;
    Ok(gatherer.out)
}

struct Gatherer<'a> {
    inputs: &'a Inputs<'a>,
    cache: &'a DigestCache,
    lines: LineStarts,
    /// Digests of the values of arguments that have no other place here, by name and value.
    hidden: HashMap<(&'a [u8], &'a Value), Digest>,
    out: Components,
}

impl<'a> Gatherer<'a> {
    /// Notes what tells whether a file that is read beside the contexts was touched: one that was changed and put back while a build ran may
    /// have been seen as it was in between.
    #[allow(clippy::unnecessary_cast)] // The fields' types differ between systems.
    fn stamp(&mut self, path: &Path) {
        let Ok(status) = rustix::fs::stat(path) else { return };
        let time = |seconds: i64, fraction: i64| i128::from(seconds) * 1_000_000_000 + i128::from(fraction);
        self.out.moment.push(Stamp {
            device: status.st_dev as u64,
            inode: status.st_ino as u64,
            modified: time(status.st_mtime as i64, status.st_mtime_nsec as i64),
            changed: time(status.st_ctime as i64, status.st_ctime_nsec as i64),
        });
    }

    /// Whether docker builds it. What its cache overlooks, that of others may count.
    fn is_docker(&self) -> bool {
        self.inputs.convention == Convention::Docker
    }

    fn line(&self, span: Span) -> u64 {
        self.lines.line_column(span.start).line as u64
    }

    /// A stage's place among those reached.
    fn place(&self, index: usize) -> Option<u64> {
        self.inputs.analysis.place(index).map(|place| place as u64)
    }

    fn stages(&mut self) -> Result<(), GatherError> {
        let file = parse(self.inputs.dockerfile).map_err(GatherError::Dockerfile)?;
        let analysis = self.inputs.analysis;
        self.out.directives.push(("escape".to_owned(), vec![file.directives.escape]));
        for directive in analysis.directives.iter().filter(|directive| directive.kind.name() != "escape") {
            self.out.directives.push((directive.kind.name().to_owned(), directive.value.clone()));
        }
        self.out.target = self.place(analysis.target).unwrap_or(u64::MAX);
        let mut by_number = false;
        let makes_target = makes_target(analysis);
        let bases: HashSet<usize> = analysis
            .stages
            .iter()
            .filter_map(|used| match used.base {
                Base::Stage(base) => Some(base),
                _ => None,
            })
            .collect();
        for used in &analysis.stages {
            let Some(stage) = file.stages.get(used.index) else { continue };
            let mut own = StageInput { base: self.resolved(used), ..StageInput::default() };
            own.instructions.push(InstructionInput {
                keyword: "FROM".to_owned(),
                digest: instructions::of_from(stage),
                line: self.line(stage.span),
            });
            let alive = if used.replaced_by.is_some() { &[][..] } else { &stage.instructions };
            let files_alone = self.is_docker() && !makes_target.contains(&used.index);
            let idle = match files_alone {
                true => instructions::leave_files_alone(alive, bases.contains(&used.index)),
                false => vec![false; alive.len()],
            };
            for (instruction, _) in alive.iter().zip(idle).filter(|(_, idle)| !idle) {
                if let Kind::Copy(copy) = &instruction.kind
                    && let Some(from) = &copy.from
                {
                    by_number |= from.bytes.iter().all(u8::is_ascii_digit);
                }
                own.instructions.push(InstructionInput {
                    keyword: instruction.kind.name().to_owned(),
                    digest: instructions::of_instruction(instruction),
                    line: self.line(instruction.span),
                });
            }
            self.out.stages.push(own);
        }
        if by_number {
            for (own, used) in self.out.stages.iter_mut().zip(&analysis.stages) {
                own.number = Some(used.index as u64);
            }
        }
        Ok(())
    }

    fn resolved(&self, stage: &StageUse) -> Vec<u8> {
        if let Some(context) = &stage.replaced_by {
            return [b"replaced by ", context.as_slice()].concat();
        }
        match &stage.base {
            Base::Stage(index) => format!("stage {:?}", self.place(*index)).into_bytes(),
            Base::Scratch => b"scratch".to_vec(),
            Base::Image(image) => [b"image ", image.as_slice()].concat(),
            Base::Context(context) => [b"context ", context.as_slice()].concat(),
            Base::Unknown => b"unknown".to_vec(),
        }
    }

    fn args(&mut self, all: bool) {
        fn key(arg: &ArgUse) -> (&[u8], &Option<Value>) {
            (&arg.name, &arg.value)
        }
        let of_stages = |arg: &&ArgUse| arg.stage.is_some();
        let own: HashSet<_> = self.inputs.analysis.args.iter().filter(of_stages).map(key).collect();
        for arg in &self.inputs.analysis.args {
            // A global argument counts by the stage's own that has its value: it is the same whether the value was
            // inherited or given. Where FROM asks for a global one, FROM says so.
            if arg.stage.is_none() && own.contains(&key(arg)) {
                continue;
            }
            // A command finds the proxies it is given, and none that it is given makes it another command.
            if arg.origin == Origin::Predefined && is_proxy(&arg.name) && self.is_docker() {
                continue;
            }
            let given = matches!(arg.origin, Origin::BuildArg | Origin::Predefined);
            if given && arg.value == Some(Value::Unknown) {
                self.out.unknown.push(Unknown::Arg { name: arg.name.clone() });
            }
            let value = self.value_of(&arg.name, arg.value.as_ref());
            self.out.args.push(ArgInput {
                stage: arg.stage.and_then(|stage| self.place(stage)),
                name: arg.name.clone(),
                value,
                line: arg.span.map_or(0, |span| self.line(span)),
            });
        }
        if !all {
            return;
        }
        for (name, value) in self.inputs.build_args {
            if *value == Value::Unknown {
                self.out.unknown.push(Unknown::Arg { name: name.clone() });
            }
            let value = self.value_of(name, Some(value));
            self.out.args.push(ArgInput { stage: None, name: name.clone(), value, line: 0 });
        }
    }

    /// An argument's value: of one that is long the digest alone, which is found once for all of its declarations.
    fn value_of(&mut self, name: &'a [u8], value: Option<&'a Value>) -> ArgValue {
        match value {
            None => ArgValue::Unset,
            Some(Value::Unknown) => ArgValue::Unknown,
            Some(known @ Value::Known(value)) if is_secret_name(name) || value.len() > LONGEST_COPY => {
                let digest = self.hidden.entry((name, known)).or_insert_with(|| hidden_value(name, value));
                ArgValue::Hidden(*digest)
            }
            Some(Value::Known(value)) => ArgValue::Known(value.to_vec()),
        }
    }

    fn images(&mut self, bases: &dyn BaseContents) {
        let mut seen = HashSet::default();
        for image in &self.inputs.analysis.images {
            let line = self.line(image.span);
            let platform = match &image.platform {
                None => self.inputs.platform.map(<[u8]>::to_vec),
                Some(Value::Known(platform)) => Some(platform.to_vec()),
                // The engine's own platform decides, which its images have.
                Some(Value::Unknown) => None,
            };
            let reference = image.reference.known().unwrap_or_default().to_vec();
            let content = match reference.is_empty() {
                true => None,
                false => bases.content(&reference, platform.as_deref()),
            };
            let parsed = Reference::parse(&reference).ok();
            self.out.tagged.extend(parsed.zip(bases.tagged(&reference)));
            if content.is_none() {
                self.out.unknown.push(Unknown::Base { reference: reference.clone(), line });
            }
            if seen.insert((reference.clone(), platform.clone())) {
                self.out.bases.push(BaseInput { reference, platform, content, line });
            }
        }
    }

    fn externals(&mut self) {
        for external in &self.inputs.analysis.externals {
            let line = self.line(external.span);
            let source = external.source.known().unwrap_or_default().to_vec();
            if external.key.is_none() || external.source == Value::Unknown {
                self.out.unknown.push(Unknown::External { source: source.clone(), line });
            }
            self.out.externals.push(ExternalInput { source, key: external.key.clone(), line });
        }
    }

    fn main_context(&mut self) -> Result<(), GatherError> {
        let analysis = self.inputs.analysis;
        let reads: Vec<&ContextRead> = analysis.reads.iter().filter(|read| read.context.is_none()).collect();
        let all = analysis.reads_all();
        if reads.is_empty() && !all {
            return Ok(());
        }
        match self.inputs.context {
            Context::None => Ok(()),
            Context::Other(value) => {
                self.out.unknown.push(Unknown::Context { value: value.to_vec() });
                Ok(())
            }
            Context::Folder(root) => {
                // A frontend of its own need not heed ignore files.
                let choice = match analysis.opaque {
                    Some(_) => Choice::default(),
                    None => load(root, self.inputs.dockerfile_path, self.inputs.convention)
                        .map_err(GatherError::Ignore)?,
                };
                self.context(None, root, &choice, &reads, all)
            }
        }
    }

    fn named_contexts(&mut self, all: bool) -> Result<(), GatherError> {
        for (name, value) in self.inputs.named_contexts {
            let own = |read: &&ContextRead| read.context.as_deref() == Some(name.as_slice());
            let reads: Vec<&ContextRead> = self.inputs.analysis.reads.iter().filter(own).collect();
            match context_kind(value) {
                ContextKind::Local(path) if all || !reads.is_empty() => {
                    let root = self.inputs.directory.join(OsStr::from_bytes(&path));
                    let choice = match self.inputs.analysis.opaque {
                        Some(_) => Choice::default(),
                        None => load(&root, None, self.inputs.convention).map_err(GatherError::Ignore)?,
                    };
                    self.context(Some(name), &root, &choice, &reads, all)?;
                }
                // An image or a remote source that is read is among the images and the externals.
                ContextKind::Local(_) => {}
                _ if all => self.out.unknown.push(Unknown::Context { value: value.clone() }),
                _ => {}
            }
        }
        Ok(())
    }

    fn context(
        &mut self,
        name: Option<&Vec<u8>>,
        root: &Path,
        choice: &Choice,
        reads: &[&ContextRead],
        all: bool,
    ) -> Result<(), GatherError> {
        choice.path.iter().for_each(|path| self.stamp(path));
        let fault = |error| GatherError::Context(root.to_owned(), error);
        let mut selection = select(root, &choice.ignore, reads, all).map_err(fault)?;
        let context = self.out.contexts.len() as u32;
        let ignore = selection.disputed.then(|| patterns(choice));
        self.out.contexts.push(ContextInput { name: name.cloned(), ignore });
        for (path, errno) in std::mem::take(&mut selection.faults) {
            self.out.unknown.push(Unknown::Unreadable { path, errno });
        }
        let readers = self.readers(&selection, reads);
        let digests = self.cache.of(root, &selection.entries);
        self.out.files.reserve(selection.entries.len());
        self.out.moment.reserve(selection.entries.len());
        let own = memchr::memmem::Finder::new(OWN_FOLDER);
        for ((entry, digest), reader) in selection.entries.into_iter().zip(digests).zip(readers) {
            // Most paths do not have it anywhere.
            if own.find(&entry.path).is_some()
                && entry.path.split(|&byte| byte == b'/').any(|part| part == OWN_FOLDER)
            {
                continue;
            }
            let (kind, content) = match entry.kind {
                EntryKind::File => {
                    let content = match digest {
                        Some(Ok(digest)) => digest,
                        Some(Err(Fault::Unreadable(errno))) => {
                            let path = entry.path.clone();
                            self.out.unknown.push(Unknown::Unreadable { path, errno });
                            Digest::default()
                        }
                        Some(Err(Fault::Changing)) | None => {
                            self.out.unknown.push(Unknown::Changing { path: entry.path.clone() });
                            Digest::default()
                        }
                    };
                    (FileKind::File, content)
                }
                EntryKind::Folder => (FileKind::Folder, hash::folder(root, &entry)),
                EntryKind::Link => (FileKind::Link, Digest::of(entry.link.as_deref().unwrap_or_default())),
                // What a device is, is not looked at: another inode may be another device.
                EntryKind::Other => {
                    let mut to = Writer::default();
                    to.number(entry.status.inode);
                    to.bytes(&entry.status.changed.to_le_bytes());
                    (FileKind::Other, Digest::of(&to.out))
                }
            };
            let Status { device, inode, modified, changed, .. } = entry.status;
            self.out.moment.push(Stamp { device, inode, modified, changed });
            let mode = if kind == FileKind::Link { 0 } else { entry.status.mode };
            self.out.files.push(FileInput { context, reader, path: entry.path.into(), kind, mode, content });
        }
        Ok(())
    }

    /// For each entry the first instruction that reads it.
    fn readers(&mut self, selection: &Selection, reads: &[&ContextRead]) -> Vec<u32> {
        let whole = ReaderInput { keyword: String::new(), line: 0 };
        let mut numbers = HashMap::default();
        let mut of = vec![self.reader(whole, &mut numbers); selection.entries.len()];
        for (read, found) in reads.iter().zip(&selection.reads).rev() {
            let text = read.instruction.of(self.inputs.dockerfile);
            let end = text.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len());
            let keyword = String::from_utf8_lossy(&text[..end]).to_ascii_uppercase();
            let own = ReaderInput { keyword, line: self.line(read.instruction) };
            let reader = self.reader(own, &mut numbers);
            for &entry in &found.entries {
                of[entry] = reader;
            }
        }
        of
    }

    /// The number of a reader among all; `numbers` has those of this context.
    fn reader(&mut self, reader: ReaderInput, numbers: &mut HashMap<ReaderInput, u32>) -> u32 {
        *numbers.entry(reader).or_insert_with_key(|reader| {
            let known = self.out.readers.iter().position(|known| known == reader);
            known.unwrap_or_else(|| {
                self.out.readers.push(reader.clone());
                self.out.readers.len() - 1
            }) as u32
        })
    }
}

/// The target and the stages that it starts from, whose settings it has; of others it has files at most.
fn makes_target(analysis: &Analysis) -> HashSet<usize> {
    let mut found = HashSet::default();
    let mut at = Some(analysis.target);
    while let Some(index) = at.filter(|&index| found.insert(index)) {
        at = match analysis.stage(index) {
            Some(StageUse { base: Base::Stage(base), .. }) => Some(*base),
            _ => None,
        };
    }
    found
}

/// Whether an argument's name looks like a secret's, by the words that BuildKit's rule `SecretsUsedInArgOrEnv` looks for;
/// and proxies, whose addresses may hold a password.
fn is_secret_name(name: &[u8]) -> bool {
    const WORDS: [&[u8]; 11] = [
        b"apikey",
        b"auth",
        b"credential",
        b"credentials",
        b"key",
        b"password",
        b"pword",
        b"passwd",
        b"secret",
        b"token",
        b"proxy",
    ];
    let lower = name.to_ascii_lowercase();
    let words = lower.split(|byte| !byte.is_ascii_alphanumeric());
    words.clone().any(|word| WORDS.contains(&word)) && !words.clone().any(|word| word == b"public")
}

/// Digest of an ignore file's patterns. Mostly the selection says all there is to say; but where BuildKit's two matchers disagree,
/// it has what either leaves, and which one counts may change.
fn patterns(choice: &Choice) -> Digest {
    let lines = choice.text.split(|&byte| byte == b'\n').map(runes::trim);
    let mut patterns: Vec<&[u8]> = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).collect();
    patterns.dedup();
    Digest::of(&patterns.join(&b'\n'))
}

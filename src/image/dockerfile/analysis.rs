//! What a target stage can depend on, as data. Finds nothing out by itself.

use super::directives::Directive;
use super::error::Bound;
use super::value::Value;
use crate::base::Span;

/// What is asked: a target, and what the build is given from outside.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The stage to build: its name, or its number where no stage has that name; the last one where there is none.
    pub target: Option<&'a [u8]>,
    /// The build arguments in order; of two with one name the last counts.
    pub build_args: &'a [(Vec<u8>, Value)],
    /// The named contexts: name (`name` or `name::platform`) and value as on the command line.
    pub named_contexts: &'a [(Vec<u8>, Vec<u8>)],
    /// Values of `BUILDPLATFORM`, `TARGETARCH` and their like; those not given are not known.
    pub platform_args: &'a [(Vec<u8>, Vec<u8>)],
    /// What is known of base images.
    pub bases: &'a dyn BaseImages,
}

/// The configs of base images.
pub trait BaseImages {
    /// The config of image `reference`, as written in the Dockerfile after expansion, for `platform` (`--platform`,
    /// the target's where there is none). Nothing where it is not known.
    fn config(&self, reference: &[u8], platform: Option<&[u8]>) -> Option<BaseConfig>;
}

/// The parts of an image's config that change what a Dockerfile means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseConfig {
    /// `Env`, split at the first `=`.
    pub env: Vec<(Vec<u8>, Vec<u8>)>,
    /// `OnBuild`.
    pub onbuild: Vec<Vec<u8>>,
}

/// No config is known.
pub struct NoBases;

impl BaseImages for NoBases {
    fn config(&self, _: &[u8], _: Option<&[u8]>) -> Option<BaseConfig> {
        None
    }
}

/// What the target can depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Analysis {
    /// Why the file means nothing to imk: then everything in its folder counts, ignore files not heeded.
    pub opaque: Option<Opaque>,
    /// The parser directives: `check` may fail the build.
    pub directives: Vec<Directive>,
    /// Index of the target among the file's stages.
    pub target: usize,
    /// The stages reached, in the order of the file.
    pub stages: Vec<StageUse>,
    /// The arguments declared in reached stages, and the global ones these or their FROM read.
    pub args: Vec<ArgUse>,
    /// The build arguments that change nothing.
    pub unused_args: Vec<UnusedArg>,
    /// The images read.
    pub images: Vec<ImageUse>,
    /// The URLs and repositories read.
    pub externals: Vec<External>,
    /// What is read from the main context and from named ones that are folders, in order.
    pub reads: Vec<ContextRead>,
    /// Why everything in the context that is not ignored counts; empty where only `reads` do. What is not known may
    /// ask for other stages and named contexts as well: then the whole Dockerfile counts, and all named contexts.
    pub widened: Vec<Widening>,
    /// Ids of the secrets that mounts ask for.
    pub secrets: Vec<(Vec<u8>, Span)>,
}

impl Analysis {
    /// Where stage `index` of the file stands among those reached, which are in the order of the file.
    pub fn place(&self, index: usize) -> Option<usize> {
        self.stages.binary_search_by_key(&index, |stage| stage.index).ok()
    }

    /// Stage `index` of the file, where it is reached.
    pub fn stage(&self, index: usize) -> Option<&StageUse> {
        self.stages.get(self.place(index)?)
    }

    /// Whether all of the main context counts, be it by widening or by a read of all.
    pub fn reads_all(&self) -> bool {
        self.opaque.is_some()
            || !self.widened.is_empty()
            || self.reads.iter().any(|read| read.context.is_none() && read.is_all())
    }
}

/// Why a file is opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opaque {
    /// A frontend that is not Docker's own reads it.
    ForeignFrontend {
        /// The frontend's image.
        reference: Vec<u8>,
        /// The directive; nothing where the build argument `BUILDKIT_SYNTAX` names it.
        span: Option<Span>,
    },
    /// A version of Docker's frontend from before heredocs, and the file has heredocs.
    OldFrontend {
        /// The frontend's image.
        reference: Vec<u8>,
        /// The directive.
        span: Span,
    },
    /// `BUILDKIT_SYNTAX` has a value that is not known.
    UnknownFrontend,
    /// The file has more than imk reads, and BuildKit would.
    Beyond {
        /// The bound.
        bound: Bound,
        /// Where it was met.
        span: Span,
    },
}

/// A stage that the target reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageUse {
    /// Index among the file's stages.
    pub index: usize,
    /// The name in lower case.
    pub name: Option<Vec<u8>>,
    /// The FROM instruction.
    pub span: Span,
    /// Where the stage starts from.
    pub base: Base,
    /// The stages and images that its instructions read, other than by FROM.
    pub reads: Vec<Read>,
    /// The reached stage that asked for this one first, how, and where; nothing for the target.
    pub via: Option<Asked>,
    /// The stage's own instructions, FROM first.
    pub instructions: Vec<Span>,
    /// The ONBUILD triggers that run at its start.
    pub triggers: Vec<Vec<u8>>,
    /// The named context that stands in for it: its body is then dead.
    pub replaced_by: Option<Vec<u8>>,
}

/// What an instruction reads of another filesystem: `COPY --from`, `RUN --mount=from=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// A stage, by index.
    Stage(usize),
    /// An image, or a named context.
    Image(Vec<u8>),
}

/// A reached stage that asks for another: its index, how, and where.
pub type Asked = (usize, Via, Span);

/// Where a stage starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// Another stage, by index.
    Stage(usize),
    /// Nothing.
    Scratch,
    /// An image.
    Image(Vec<u8>),
    /// A named context that is a folder, or remote.
    Context(Vec<u8>),
    /// The name has a variable that is not known.
    Unknown,
}

/// How one stage asks for another, or for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// FROM.
    From,
    /// COPY --from.
    Copy,
    /// RUN --mount=from.
    Mount,
}

/// An argument that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgUse {
    /// The stage that declares it; nothing for a global one.
    pub stage: Option<usize>,
    /// The name.
    pub name: Vec<u8>,
    /// The value; nothing where it is declared, but not set.
    pub value: Option<Value>,
    /// Where the value is from.
    pub origin: Origin,
    /// The name's place in the declaration; nothing for a platform argument in the global scope.
    pub span: Option<Span>,
}

/// Where an argument's value is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `--build-arg`.
    BuildArg,
    /// The default in the declaration.
    Default,
    /// The ARG of the same name before the first FROM.
    Global,
    /// The platform, or the target's name.
    Platform,
    /// `--build-arg` of a name that works without a declaration: proxies, and what BuildKit itself reads.
    Predefined,
    /// Nowhere: not set.
    Unset,
}

/// A build argument that changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedArg {
    /// The name.
    pub name: Vec<u8>,
    /// The declaration, in a stage the target does not reach or for a FROM it does not reach.
    pub declared: Option<Span>,
    /// The declared name most likely meant, where there is no declaration.
    pub nearest: Option<Vec<u8>>,
}

/// An image that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUse {
    /// The reference.
    pub reference: Value,
    /// The name's place in the Dockerfile.
    pub span: Span,
    /// The stage that reads it.
    pub stage: usize,
    /// How.
    pub via: Via,
    /// The value of `--platform`.
    pub platform: Option<Value>,
    /// The named context that gave the reference.
    pub context: Option<Vec<u8>>,
}

/// A URL or repository that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// The source.
    pub source: Value,
    /// Its place.
    pub span: Span,
    /// Whether it is a repository.
    pub git: bool,
    /// The checksum or commit that fixes its content; without one the input is not hermetic.
    pub key: Option<Vec<u8>>,
}

/// Files read from a context.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContextRead {
    /// The named context; nothing for the main one.
    pub context: Option<Vec<u8>>,
    /// The source, cleaned inside the root: a path or glob; empty for everything.
    pub source: Vec<u8>,
    /// Whether the source is a glob where it has wildcards; a mount's source never is.
    pub glob: bool,
    /// With `--parents`, what is read below the source: a pattern in the ignore file's language.
    pub below: Option<Vec<u8>>,
    /// Patterns that are certain to be left out, relative to each folder that the source names.
    pub excludes: Vec<Vec<u8>>,
    /// The source's place in the Dockerfile.
    pub span: Span,
    /// The instruction.
    pub instruction: Span,
    /// The stage.
    pub stage: usize,
}

impl ContextRead {
    /// Whether everything in the context counts.
    pub fn is_all(&self) -> bool {
        self.source.is_empty() && self.below.is_none() && self.excludes.is_empty()
    }
}

/// A reason for which the whole context counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widening {
    /// Where.
    pub span: Span,
    /// Why.
    pub why: Why,
}

/// Reasons to widen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A source holds a variable whose value is not known.
    UnknownSource,
    /// A source is no UTF-8, which BuildKit and the file system may spell differently.
    NotUtf8,
    /// A mount's type or source is not known.
    UnknownMount,
    /// A FROM whose name is not known.
    UnknownBase,
    /// The ONBUILD triggers of a base image are not known.
    UnknownTriggers {
        /// The image.
        image: Vec<u8>,
    },
}

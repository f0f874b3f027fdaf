//! Findings as data: what is wrong, how bad it is, where. Finds nothing by itself.

use super::super::command::whole::NotWhole;
use super::super::context::IgnoreErrorKind;
use super::super::dockerfile::{Bound, ErrorKind};
use super::super::engine::EngineError;
use super::super::recipe::Place;
use super::super::reference::ReferenceErrorKind;
use super::super::study::FileFault;
use crate::base::diagnostic::Complaint;

/// Something that would go wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub kind: Kind,
    /// Where; none for what has no place in a file.
    pub place: Option<Place>,
    /// The target whose recipe it is about.
    pub target: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The run would fail, or do something that cannot be meant.
    Error,
    /// It may well run, and yet not be what is meant.
    Warning,
}

/// What a name in a recipe is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A container.
    Container,
    /// An image.
    Image,
    /// A volume.
    Volume,
    /// A network.
    Network,
    /// A builder of buildx.
    Builder,
}

/// Kinds of finding. Texts are the words at fault, ready to be shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A variable of the makefile that is empty, or not defined, where an image's name needs it.
    UnsetVariable {
        /// The variable.
        name: String,
        /// Whether it is defined at all.
        defined: bool,
        /// What the reference became.
        result: String,
        /// Whether an engine takes what it became.
        valid: bool,
    },
    /// An option whose value is an empty variable, so that it takes the next word for it.
    SwallowedWord {
        /// The variable.
        name: String,
        /// The option, with its dashes.
        option: String,
        /// The word that it takes.
        word: String,
    },
    /// No image reference.
    MalformedReference {
        /// The text.
        text: String,
        /// What is wrong with it.
        fault: ReferenceErrorKind,
    },
    /// The same tag twice in one command.
    TagTwice(String),
    /// The same tag given by two targets.
    TagOfTwoTargets {
        /// The tag.
        tag: String,
        /// The other target.
        other: String,
    },
    /// A Dockerfile that can't be read.
    NoDockerfile {
        /// Its path.
        path: String,
        /// Why.
        fault: FileFault,
    },
    /// What an engine refuses in a Dockerfile or in the request for it.
    Dockerfile(ErrorKind),
    /// A Dockerfile with more than imk reads, and an engine would.
    BeyondBounds(Bound),
    /// A Dockerfile that ends within a continued line.
    ContinuationAtEnd,
    /// A build argument that nothing declares, or nothing that the target reaches.
    UnusedArg {
        /// The argument.
        name: String,
        /// The declared name most likely meant.
        nearest: Option<String>,
        /// The line of the declaration in a stage that is not reached.
        declared: Option<usize>,
    },
    /// A source of COPY or ADD that is not in the context.
    NoSource {
        /// The source.
        path: String,
        /// The context.
        context: String,
        /// The name there that was most likely meant.
        nearest: Option<String>,
    },
    /// A source of COPY or ADD that the ignore file excludes.
    IgnoredSource {
        /// The source.
        path: String,
        /// The ignore file.
        file: String,
        /// Its line that excludes the source.
        line: Option<(usize, String)>,
    },
    /// An ignore file that is malformed.
    IgnoreFile(IgnoreErrorKind),
    /// An ignore file that can't be read, with the system's number of why.
    UnreadableIgnoreFile(String, i32),
    /// A part of the context that can't be read, with the system's number of why.
    UnreadableContext(String, i32),
    /// A context that is no folder.
    ContextNotAFolder(String),
    /// A context that is not there.
    NoContext(String),
    /// A build without a context, for a client that needs one.
    ContextMissing,
    /// A program that is not on PATH.
    NoProgram {
        /// Its name.
        name: String,
        /// Where it comes from.
        package: Option<&'static str>,
    },
    /// An engine that does not answer.
    EngineSilent {
        /// Its client.
        engine: &'static str,
        /// Why.
        error: EngineError,
    },
    /// An image built by another target that need not have run before.
    MissingEdge {
        /// The image, as the Dockerfile names it.
        image: String,
        /// The target that builds it.
        builder: String,
        /// Where it builds it.
        at: Option<Place>,
    },
    /// A build argument named like a secret.
    SecretArg(String),
    /// A password on a command line.
    PasswordShown,
    /// A recipe that removes what it does not make.
    RemovesForeign {
        /// What kind of thing.
        owner: Owner,
        /// Its name.
        name: String,
    },
    /// A container that is made and never removed.
    ContainerLeft {
        /// Its name.
        name: Option<String>,
        /// Whether it is run, rather than created.
        run: bool,
    },
    /// An attribute of an image block whose value can't be.
    Attribute(Complaint),
    /// A recipe that `.IMAGE` lists and that is not understood whole.
    NotWhole(NotWhole),
    /// An option that the client does not have.
    UnknownOption {
        /// The client.
        engine: &'static str,
        /// The option.
        option: String,
    },
}

impl Kind {
    /// The finding's stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Kind::UnsetVariable { .. } | Kind::SwallowedWord { .. } => "unset-variable",
            Kind::MalformedReference { .. } => "malformed-reference",
            Kind::TagTwice(_) => "tag-twice",
            Kind::TagOfTwoTargets { .. } => "tag-of-two-targets",
            Kind::NoDockerfile { .. } => "no-dockerfile",
            Kind::Dockerfile(kind) => dockerfile_code(kind),
            Kind::BeyondBounds(_) => "beyond-bounds",
            Kind::ContinuationAtEnd => "endless-continuation",
            Kind::UnusedArg { .. } => "unused-build-arg",
            Kind::NoSource { .. } => "no-copy-source",
            Kind::IgnoredSource { .. } => "ignored-copy-source",
            Kind::IgnoreFile(_) | Kind::UnreadableIgnoreFile(..) => "bad-ignore-file",
            Kind::UnreadableContext(..) => "unreadable-context",
            Kind::ContextNotAFolder(_) => "context-not-a-folder",
            Kind::NoContext(_) | Kind::ContextMissing => "no-context",
            Kind::NoProgram { .. } => "no-program",
            Kind::EngineSilent { .. } => "engine-silent",
            Kind::MissingEdge { .. } => "missing-edge",
            Kind::SecretArg(_) => "secret-build-arg",
            Kind::PasswordShown => "password-shown",
            Kind::RemovesForeign { .. } => "removes-foreign",
            Kind::ContainerLeft { .. } => "container-left",
            Kind::UnknownOption { .. } => "unknown-option",
            Kind::Attribute(_) => "bad-attribute",
            Kind::NotWhole(_) => "not-understood",
        }
    }

    /// All codes, in the order of the manual.
    pub const CODES: [&'static str; 30] = [
        "unset-variable",
        "malformed-reference",
        "tag-twice",
        "tag-of-two-targets",
        "no-dockerfile",
        "empty-dockerfile",
        "unknown-instruction",
        "unclosed-heredoc",
        "endless-continuation",
        "dockerfile-syntax",
        "beyond-bounds",
        "no-stage",
        "stage-cycle",
        "unused-build-arg",
        "no-copy-source",
        "ignored-copy-source",
        "bad-ignore-file",
        "unreadable-context",
        "context-not-a-folder",
        "no-context",
        "no-program",
        "engine-silent",
        "missing-edge",
        "secret-build-arg",
        "password-shown",
        "removes-foreign",
        "container-left",
        "unknown-option",
        "bad-attribute",
        "not-understood",
    ];
}

fn dockerfile_code(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Empty | ErrorKind::NoInstructions | ErrorKind::NoStage => "empty-dockerfile",
        ErrorKind::UnknownInstruction { .. } => "unknown-instruction",
        ErrorKind::UnclosedHeredoc { .. } => "unclosed-heredoc",
        ErrorKind::UnknownTarget { .. }
        | ErrorKind::UnknownStageIndex { .. }
        | ErrorKind::LaterStage { .. }
        | ErrorKind::StageCase { .. } => "no-stage",
        ErrorKind::Circular { .. } => "stage-cycle",
        _ => "dockerfile-syntax",
    }
}

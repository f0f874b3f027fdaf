//! What can be wrong with a Dockerfile, as data. Its wording is `report::dockerfile`'s.

use crate::base::Span;

/// A fault and its place in the Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where: the smallest part of the text that is at fault.
    pub span: Span,
    /// What.
    pub kind: ErrorKind,
}

impl Error {
    /// A fault of `kind` at `span`.
    pub fn new(span: Span, kind: ErrorKind) -> Self {
        Error { span, kind }
    }

    /// The bound of imk's own that ended the reading, where the file itself is at no fault.
    pub fn bound(&self) -> Option<Bound> {
        match self.kind {
            ErrorKind::Expansion(ExpansionFault::Beyond(bound)) => Some(bound),
            _ => None,
        }
    }
}

/// The kinds of fault. Each is one for which BuildKit refuses to build, [`ExpansionFault::Beyond`] aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No bytes at all.
    Empty,
    /// Comments and blank lines only.
    NoInstructions,
    /// Instructions, but no FROM.
    NoStage,
    /// A physical line of 64 KiB or more.
    LineTooLong,
    /// The same parser directive twice.
    DuplicateDirective {
        /// `syntax`, `escape` or `check`.
        name: &'static str,
    },
    /// An escape directive that names neither backslash nor backtick.
    BadEscape {
        /// What it names.
        value: Vec<u8>,
    },
    /// A word no instruction has.
    UnknownInstruction {
        /// The word.
        name: Vec<u8>,
        /// The instruction most likely meant.
        nearest: Option<Vec<u8>>,
    },
    /// An instruction other than ARG before the first FROM.
    BeforeFrom {
        /// The instruction.
        instruction: &'static str,
    },
    /// An exec form array with something that is no string.
    NotStrings,
    /// A heredoc whose terminator line does not come.
    UnclosedHeredoc {
        /// The terminator looked for.
        name: Vec<u8>,
    },
    /// A heredoc in the place of COPY's or ADD's destination.
    HeredocAsDestination,
    /// A flag the instruction does not have.
    UnknownFlag {
        /// The instruction.
        instruction: &'static str,
        /// The flag, with its dashes.
        flag: Vec<u8>,
        /// The flag most likely meant, without dashes.
        nearest: Option<Vec<u8>>,
    },
    /// A flag given twice that may be given once.
    DuplicateFlag {
        /// The flag, with its dashes.
        flag: Vec<u8>,
    },
    /// A flag that needs a value and has none.
    FlagWithoutValue {
        /// The flag, with its dashes.
        flag: Vec<u8>,
    },
    /// A flag's value that cannot be.
    BadFlagValue {
        /// The flag, with its dashes.
        flag: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// An instruction without arguments that needs at least one.
    NoArguments {
        /// The instruction.
        instruction: &'static str,
    },
    /// COPY or ADD with a source, but no destination.
    NoDestination {
        /// The instruction.
        instruction: &'static str,
    },
    /// FROM with neither one nor three words.
    FromWords,
    /// A stage name that starts with no letter or holds a character no name may.
    BadStageName {
        /// The name.
        name: Vec<u8>,
    },
    /// A word of ENV or LABEL without `=` where another word has one, or a name without a value.
    NoEquals {
        /// The instruction.
        instruction: &'static str,
        /// The word.
        word: Vec<u8>,
    },
    /// `=value` without a name.
    BlankName {
        /// The instruction.
        instruction: &'static str,
    },
    /// ONBUILD ONBUILD, ONBUILD FROM, ONBUILD MAINTAINER.
    BadTrigger {
        /// The instruction that may not be a trigger.
        instruction: Vec<u8>,
    },
    /// An ONBUILD trigger, of a parent stage or of the base image, that cannot be read.
    Trigger {
        /// The trigger's text.
        text: Vec<u8>,
        /// What is wrong with it.
        fault: Box<ErrorKind>,
    },
    /// HEALTHCHECK with a word other than CMD or NONE, or NONE with arguments.
    BadHealthcheck {
        /// The word.
        word: Vec<u8>,
    },
    /// SHELL not in exec form.
    ShellForm,
    /// VOLUME with an empty path.
    EmptyVolume,
    /// A mount that is no list of `key=value`.
    BadMount {
        /// The part not understood.
        field: Vec<u8>,
    },
    /// A mount key there is none of, or none of for the mount's type.
    UnknownMountKey {
        /// The key.
        key: Vec<u8>,
        /// The key most likely meant.
        nearest: Option<Vec<u8>>,
    },
    /// A mount type there is none of.
    UnknownMountType {
        /// The type.
        name: Vec<u8>,
        /// The type most likely meant.
        nearest: Option<Vec<u8>>,
    },
    /// A variable where BuildKit expands none: `--from` of COPY and of mounts.
    VariableInFrom,
    /// A substitution that cannot be expanded.
    Expansion(ExpansionFault),
    /// FROM whose name expands to nothing.
    BlankBase,
    /// FROM whose `--platform` expands to nothing.
    BlankPlatform,
    /// FROM that names a stage in other letters' case than its lower-case name.
    StageCase {
        /// The stage's name, in lower case.
        stage: Vec<u8>,
    },
    /// A target that no stage has.
    UnknownTarget {
        /// The target.
        name: Vec<u8>,
        /// The stage most likely meant.
        nearest: Option<Vec<u8>>,
    },
    /// COPY --from with a number that no stage has.
    UnknownStageIndex {
        /// The number as written.
        index: Vec<u8>,
    },
    /// COPY --from or a mount that names a stage defined further below.
    LaterStage {
        /// The stage.
        stage: Vec<u8>,
    },
    /// Stages that need each other.
    Circular {
        /// Names of the stages on the circle, in order.
        stages: Vec<Vec<u8>>,
    },
    /// COPY of a URL or a git repository, which only ADD takes.
    RemoteCopy {
        /// The source.
        source: Vec<u8>,
    },
}

/// Why a substitution cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpansionFault {
    /// A quote that does not end.
    UnclosedQuote(u8),
    /// `${` without `}`.
    UnclosedBrace,
    /// `${}`, `${{x}`, `${:x}`.
    BadSubstitution,
    /// A modifier there is none of.
    UnknownModifier(Vec<u8>),
    /// A pattern with a backslash before an ordinary character.
    BadPattern(Vec<u8>),
    /// `${x:?message}` and x is not set, or empty.
    Required {
        /// The variable.
        name: Vec<u8>,
        /// The message, or what BuildKit says without one.
        message: Vec<u8>,
    },
    /// A bound of imk's own: BuildKit goes on, so that this is no fault of the file.
    Beyond(Bound),
}

/// The bounds that imk sets itself in reading a Dockerfile, where BuildKit (`frontend/dockerfile/shell/lex.go`) has none. What lies
/// beyond them is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Substitutions within substitutions, so deep: `expand::DEEPEST`.
    Depth,
    /// The values of variables in one word: [`super::value::LONGEST_VALUE`].
    Length,
    /// The values of variables and the ONBUILD triggers of one file: [`super::value::ALL_VALUES`].
    Total,
}

/// Something BuildKit accepts, and a reader may not expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: WarningKind,
}

/// The kinds of [`Warning`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningKind {
    /// The file ends within a continuation.
    ContinuationAtEnd,
    /// A blank line within a continuation.
    EmptyContinuation,
    /// Two stages of one name: the later one hides the earlier one from what follows it.
    DuplicateStage,
}

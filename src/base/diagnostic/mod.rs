//! What can be said of a run: typed complaints with their places, and the ways a run stops. Knows nothing of when they arise.

pub mod wording;

/// A line of a makefile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The makefile's name, as it was given.
    pub file: &'static [u8],
    /// One-based line of the definition or rule.
    pub line: u32,
    /// Lines after it: the line of a recipe that runs.
    pub offset: u32,
}

impl Place {
    /// Line `line` of `file`.
    pub fn new(file: &'static [u8], line: u32) -> Place {
        Place { file, line, offset: 0 }
    }
}

/// Why an expected separator is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingSeparator {
    /// No idea.
    Unknown,
    /// The line begins with eight spaces.
    EightSpaces,
    /// `ifeq(` without a space.
    Conditional,
}

/// Everything that is said on standard error, as data. The words are in [`wording`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The words of each are its documentation.
pub enum Complaint {
    /// Text of the makefile's own (`$(error)`, `$(warning)`).
    Text(Vec<u8>),
    /// A system call on `what` failed.
    System {
        what: Vec<u8>,
        error: i32,
    },
    UndefinedVariable(Vec<u8>),
    UnterminatedReference,
    UnterminatedCall {
        function: Vec<u8>,
        missing: u8,
    },
    RecursiveVariable(Vec<u8>),
    TooFewArguments {
        function: Vec<u8>,
        count: usize,
    },
    EmptyNumber(&'static str),
    BadNumber(&'static str, Vec<u8>),
    NumberOutOfRange(&'static str, Vec<u8>),
    WordIndexNotPositive,
    FileOperation(Vec<u8>),
    FileFunction {
        call: &'static str,
        name: Vec<u8>,
        error: i32,
    },
    FileWithoutName,
    FileTooManyArguments,
    NulByte,
    MissingSeparator(MissingSeparator),
    /// The line that opened the conditional.
    MissingEndif(Option<u32>),
    MissingEndef,
    ExtraneousText(&'static str),
    Extraneous(&'static str),
    SecondElse,
    BadConditional,
    RecipeBeforeTarget,
    MissingRuleBeforeRecipe,
    EmptyVariableName,
    MalformedTargetVariable,
    MissingTargetPattern,
    MultipleTargetPatterns,
    TargetPatternWithoutPercent,
    MixedImplicitAndStatic,
    MixedImplicitAndNormal,
    MixedImplicitAndNormalDeprecated,
    GroupWithoutRecipe,
    PrerequisitesInRecipe,
    TargetDoesNotMatch(Vec<u8>),
    BothColons(Vec<u8>),
    TargetTwiceInRule(Vec<u8>),
    OverridingRecipe(Vec<u8>),
    IgnoringRecipe(Vec<u8>),
    OverridingGroup(Vec<u8>),
    WaitWithPrerequisites,
    WaitWithRecipe,
    SuffixRuleWithPrerequisites,
    SuffixRuleIsPattern(Vec<u8>),
    BothIntermediate(Vec<u8>, &'static str),
    BothIntermediateAndSecondary,
    LoadFailed(Vec<u8>),
    /// `load object()`.
    EmptySymbol(Vec<u8>),
    /// A loaded object does not declare its licence.
    NotGpl(Vec<u8>),
    SymbolMissing {
        symbol: Vec<u8>,
        object: Vec<u8>,
        reason: Vec<u8>,
    },
    EmptyFunctionName,
    InvalidFunctionName(Vec<u8>),
    FunctionNameTooLong(Vec<u8>),
    BadArgumentCount {
        which: &'static str,
        count: u32,
        function: Vec<u8>,
    },
    /// A function of an object that was taken out to be remade.
    FunctionGone(Vec<u8>),
    LibraryPatternWithoutPercent(Vec<u8>),
    NestedArchive(Vec<u8>),
    /// `image` whose targets expand to nothing.
    ImageWithoutTarget,
    /// A line other than an assignment of an attribute, a conditional or a comment between `image` and `endimage`.
    NotInImageBlock,
    MissingEndimage,
    /// `--emit` of a block that an included makefile holds.
    BlockElsewhere,
    /// An attribute nobody knows, and the nearest known one.
    UnknownAttribute(Vec<u8>, Option<Vec<u8>>),
    /// `$(image NAME)` for a name that no block is for.
    NoImageTarget(Vec<u8>),
    /// `inherits` names no block.
    InheritsUnknown(Vec<u8>),
    InheritsItself(Vec<u8>),
    /// An attribute's value can't be: the attribute, the value, what is wanted.
    AttributeValue {
        attribute: &'static str,
        value: Vec<u8>,
        wanted: String,
    },
    /// The files of an image's build are written to while it runs, each time.
    InputsKeepChanging(Vec<u8>),
    /// An image does not hold what is expected of it: the word, what was found, how to mend it.
    ExpectationBroken {
        word: Vec<u8>,
        finding: Vec<u8>,
        hint: Option<Vec<u8>>,
    },
    /// An image can't be held to what is expected of it.
    NotAudited(Vec<u8>),
    /// A recipe with `.EXPECT` in which no command is seen to build an image.
    NothingHeld(Vec<u8>),
    /// What was found wrong before anything was run: the number of errors.
    NothingRun(usize),
    /// An image target in which something was found wrong before it was built.
    NotBuilt {
        target: Vec<u8>,
        errors: usize,
    },
    /// An image block without a tag.
    ImageWithoutTags(Vec<u8>),
    RenameColons {
        from: Vec<u8>,
        to: Vec<u8>,
        to_double: bool,
    },
    RecipeForRenamed {
        file: Vec<u8>,
        at: Option<(Vec<u8>, u32)>,
    },
    SameFile {
        file: Vec<u8>,
        other: Vec<u8>,
    },
    RecipeIgnored {
        file: Vec<u8>,
        other: Vec<u8>,
    },
    NoRule {
        target: Vec<u8>,
        parent: Option<Vec<u8>>,
    },
    Circular {
        target: Vec<u8>,
        prerequisite: Vec<u8>,
    },
    NotRemade(Vec<u8>),
    LowResolution(Vec<u8>),
    TimeOutOfRange {
        file: Vec<u8>,
        instead: String,
    },
    ClockSkew {
        file: Vec<u8>,
        seconds: String,
    },
    SkewDetected,
    PeerNotUpdated(Vec<u8>),
    RecipeFailed {
        place: Vec<u8>,
        target: Vec<u8>,
        how: Vec<u8>,
        ignored: bool,
        shuffle: Option<Vec<u8>>,
    },
    Waiting,
    DeletingTarget {
        target: Vec<u8>,
        behalf: Option<Vec<u8>>,
    },
    ArchiveMemberBogus {
        target: Vec<u8>,
        behalf: Option<Vec<u8>>,
    },
    DeletingIntermediate(Vec<u8>),
    TooManyRecipeLines(usize),
    NoTargets,
    NoTargetsAndNoMakefile,
    MakefileNotFound(Vec<u8>),
    IncludeNotFound(Vec<u8>),
    RemakeFailed(Vec<u8>),
    StdinTwice,
    StdinNotStored,
    EmptyString(&'static str),
    JobserverUnavailable,
    JobsForced {
        jobs: u32,
        makefile: bool,
    },
    MultipleDefaultGoals,
    CannotReturn,
    ArchiveMissing(Vec<u8>),
    NotAnArchive(Vec<u8>),
    MemberMissing {
        archive: Vec<u8>,
        member: Vec<u8>,
    },
    OutputLock,
    WriteError(Option<i32>),
    EmptyGoal,
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// News.
    Note,
    /// Something is odd, and the run goes on.
    Warning,
    /// Something failed.
    Error,
    /// The run ends for it.
    Fatal,
}

impl Complaint {
    /// How much it matters, where it does not end the run.
    pub fn severity(&self) -> Severity {
        use Complaint::*;
        match self {
            // `$(warning)`; and what is said in GNU make's words of a target that there is no rule for.
            Text(text) if !text.starts_with(b"*** ") => Severity::Warning,
            RecipeFailed { ignored: true, .. }
            | UndefinedVariable(_)
            | NulByte
            | MixedImplicitAndNormalDeprecated
            | ExtraneousText(_)
            | TargetTwiceInRule(_)
            | OverridingRecipe(_)
            | IgnoringRecipe(_)
            | OverridingGroup(_)
            | WaitWithPrerequisites
            | WaitWithRecipe
            | SuffixRuleWithPrerequisites
            | SuffixRuleIsPattern(_)
            | InputsKeepChanging(_)
            | RecipeForRenamed { .. }
            | SameFile { .. }
            | RecipeIgnored { .. }
            | Circular { .. }
            | LowResolution(_)
            | TimeOutOfRange { .. }
            | ClockSkew { .. }
            | SkewDetected
            | PeerNotUpdated(_)
            | JobserverUnavailable
            | JobsForced { .. }
            | ArchiveMemberBogus { .. }
            | OutputLock => Severity::Warning,
            Waiting | DeletingTarget { .. } | DeletingIntermediate(_) => Severity::Note,
            _ => Severity::Error,
        }
    }
}

/// Why a run ends before its end.
#[derive(Debug)]
pub enum Stop {
    /// An error that ends it, said as `*** … Stop.`.
    Fatal(Box<(Option<Place>, Complaint)>),
    /// An end with this status; all was said already.
    Exit(i32),
    /// A signal that kills it, after clean-up.
    Signal(i32),
}

impl Stop {
    /// A fatal error at `place`.
    pub fn fatal(place: Option<Place>, complaint: Complaint) -> Stop {
        Stop::Fatal(Box::new((place, complaint)))
    }
}

/// The result of what can stop a run.
pub type Outcome<T = ()> = Result<T, Stop>;

//! The syntax tree of a POSIX shell script, with spans. Knows nothing of containers, and runs nothing.
//!
//! The forms are those of POSIX.1-2017, volume Shell & Utilities, chapter 2, and the few of bash that recipes use
//! (`[[ … ]]`, `(( … ))`, `<<<`, `&>`, `function`, arrays): known well enough to step over them. What can't be read
//! is an opaque command with its span and its reason, never an error.

mod parse;
mod redirect;
mod word;

pub use parse::parse;

use crate::base::Span;

/// A whole script: the expanded text of a recipe line, or of a recipe under `.ONESHELL`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Script {
    /// The commands, in order.
    pub list: List,
    /// Bodies of the here-documents, in the order of their operators; [`Target::Heredoc`] has the index.
    pub heredocs: Vec<Heredoc>,
}

/// And-or lists separated by `;`, `&` and newlines.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct List {
    /// The lists, in order.
    pub items: Vec<Item>,
}

/// One and-or list of a [`List`].
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// First pipeline.
    pub first: Pipeline,
    /// Further pipelines, each with the operator before it. `&&` and `||` bind equally, from the left.
    pub rest: Vec<(Connector, Pipeline)>,
    /// Whether it ends with `&`.
    pub background: bool,
}

/// The operator between two pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connector {
    /// `&&`: the next runs where this one succeeds.
    And,
    /// `||`: the next runs where this one fails.
    Or,
}

/// Commands joined by `|`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// Whether `!` stands before it.
    pub negated: bool,
    /// The commands, at least one.
    pub commands: Vec<Command>,
    /// From the first byte of the first command to the last of the last.
    pub span: Span,
}

/// A command with its redirections.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// What it is.
    pub kind: CommandKind,
    /// Its redirections, in order.
    pub redirections: Vec<Redirection>,
    /// All of its text.
    pub span: Span,
}

/// The kinds of commands.
#[derive(Clone, Debug, PartialEq)]
pub enum CommandKind {
    /// Assignments and words.
    Simple(Simple),
    /// `( … )`
    Subshell(List),
    /// `{ …; }`
    Group(List),
    /// `if`: the branches with their conditions, and the `else`.
    If {
        /// Condition and body of `if` and each `elif`.
        branches: Vec<(List, List)>,
        /// Body of `else`.
        otherwise: Option<List>,
    },
    /// `for NAME in WORDS`; no words where `in` is missing, which is the positional parameters.
    For {
        /// The variable.
        name: Vec<u8>,
        /// The words after `in`.
        words: Option<Vec<Word>>,
        /// The body.
        body: List,
    },
    /// `while` or `until`: condition and body.
    Loop {
        /// The condition.
        condition: List,
        /// The body.
        body: List,
    },
    /// `case`: subject, and the bodies of the arms.
    Case {
        /// What is matched.
        subject: Word,
        /// The arms: patterns and body.
        arms: Vec<(Vec<Word>, List)>,
    },
    /// A function's definition.
    Function {
        /// Its name.
        name: Vec<u8>,
        /// Its body.
        body: Box<Command>,
    },
    /// `[[ … ]]` or `(( … ))`: a test that changes nothing that counts here.
    Test,
    /// Text that was not understood: it may do anything.
    Opaque(Reason),
}

/// A simple command.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Simple {
    /// Assignments before the first word.
    pub assignments: Vec<Assignment>,
    /// Command name and arguments.
    pub words: Vec<Word>,
}

/// `NAME=value`
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The variable.
    pub name: Vec<u8>,
    /// The value; none for an array.
    pub value: Option<Word>,
    /// Whether it is `+=`.
    pub append: bool,
    /// All of its text.
    pub span: Span,
}

/// A redirection.
#[derive(Clone, Debug, PartialEq)]
pub struct Redirection {
    /// File descriptor, where one is written.
    pub descriptor: Option<u32>,
    /// The operator.
    pub operator: Operator,
    /// Where to.
    pub target: Target,
    /// All of its text.
    pub span: Span,
}

/// Redirection operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Read,
    /// `>`, `>|`
    Write,
    /// `>>`
    Append,
    /// `<>`
    ReadWrite,
    /// `<&`, `>&`
    Duplicate,
    /// `<<`, `<<-`, `<<<`
    Here,
    /// bash's `&>`, `&>>`
    WriteBoth,
}

/// What a redirection leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A word: file name, descriptor, or text of `<<<`.
    Word(Word),
    /// A here-document: index into [`Script::heredocs`].
    Heredoc(usize),
}

/// The body of a here-document.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Heredoc {
    /// The body's text in the script, without the delimiter's line.
    pub span: Span,
    /// The body as parts, not expanded where the delimiter is quoted; tabs not stripped for `<<-`.
    pub parts: Vec<Part>,
}

/// A word before expansion.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Word {
    /// The parts, in order.
    pub parts: Vec<Part>,
    /// All of its text.
    pub span: Span,
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Whether quotes or a backslash keep it from splitting and from file name patterns.
    pub quoted: bool,
    /// Its text, quotes included.
    pub span: Span,
}

/// Kinds of word parts.
#[derive(Clone, Debug, PartialEq)]
pub enum PartKind {
    /// Text, quotes and backslashes removed.
    Literal(Vec<u8>),
    /// `$NAME`, `${NAME…}`.
    Parameter {
        /// Name of a variable, or a special parameter (`@`, `1`, `?`).
        name: Vec<u8>,
        /// What `${…}` does to it.
        operation: Operation,
        /// The word of that operation.
        word: Vec<Part>,
    },
    /// `$(…)` or backquotes.
    Substitution(List),
    /// Backquotes with escapes inside, process substitution, arithmetic: a value nothing is known of.
    Unknown,
}

/// What `${NAME…}` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `$NAME`, `${NAME}`
    Value,
    /// `${NAME-word}`; `also_empty` for `:-`.
    Default {
        /// Whether an empty value counts as unset.
        also_empty: bool,
    },
    /// `${NAME=word}`; `also_empty` for `:=`.
    Assign {
        /// Whether an empty value counts as unset.
        also_empty: bool,
    },
    /// `${NAME?word}`; `also_empty` for `:?`.
    Require {
        /// Whether an empty value counts as unset.
        also_empty: bool,
    },
    /// `${NAME+word}`; `also_empty` for `:+`.
    Alternative {
        /// Whether an empty value counts as unset.
        also_empty: bool,
    },
    /// `${NAME%word}`, `${NAME%%word}`
    RemoveSuffix,
    /// `${NAME#word}`, `${NAME##word}`
    RemovePrefix,
    /// `${#NAME}` and bash's own: the value is not followed.
    Other,
}

/// Why some text was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A quote is not closed.
    UnclosedQuote,
    /// `$(`, `${`, a backquote or `<(` is not closed.
    UnclosedSubstitution,
    /// A bracket, or `if`, `for`, `case`, … is not closed.
    UnclosedCommand,
    /// A token stands where it can't.
    UnexpectedToken,
    /// A redirection has no target.
    MissingTarget,
    /// Nested more deeply than is followed.
    TooDeep,
    /// `select` and `coproc`: known, not followed.
    Unsupported,
}

impl Reason {
    /// The reason in words.
    pub fn message(self) -> &'static str {
        match self {
            Reason::UnclosedQuote => "a quote is not closed",
            Reason::UnclosedSubstitution => "a substitution is not closed",
            Reason::UnclosedCommand => "a bracket or compound command is not closed",
            Reason::UnexpectedToken => "a token stands where the shell allows none",
            Reason::MissingTarget => "a redirection has no target",
            Reason::TooDeep => "commands are nested too deeply to be followed",
            Reason::Unsupported => "a command of bash that is not followed",
        }
    }
}

impl Word {
    /// The word's text where it is plain: no parameter, no substitution.
    pub fn literal(&self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        for part in &self.parts {
            match &part.kind {
                PartKind::Literal(bytes) => text.extend_from_slice(bytes),
                _ => return None,
            }
        }
        Some(text)
    }
}

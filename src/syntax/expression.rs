//! Text with references and function calls as typed values, kept once parsed (manual, "Basics of Variable References",
//! "Functions for Transforming Text"). Knows nothing of how they are parsed, nor of what the names stand for.

use crate::base::Name;

/// A range of the text that an expression was parsed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    start: u32,
    end: u32,
}

impl Range {
    /// The range from `start` to before `end`.
    pub(super) fn new(start: usize, end: usize) -> Range {
        Range { start: start as u32, end: end as u32 }
    }

    /// Where it begins.
    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    /// Where it ends.
    pub(super) fn end(self) -> usize {
        self.end as usize
    }

    /// The bytes it covers.
    #[inline]
    pub fn of<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// A piece of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Text that stands for itself.
    Text(Range),
    /// `$(name)`, the name plain.
    Variable(Name),
    /// `$(…)` whose text is itself to be expanded: a name, or a substitution reference.
    Computed(Box<Expression>),
    /// `$(name:pattern=replacement)` without references inside.
    Substitution {
        /// The variable.
        name: Name,
        /// What words are matched with.
        pattern: Range,
        /// What those that match become.
        replacement: Range,
    },
    /// `$(function …)`.
    Call(Box<Call>),
    /// `$(` that never closes: an error when it is reached.
    Unterminated,
    /// A function call that never closes, with the parenthesis it lacks.
    UnterminatedCall(Function, u8),
}

/// A function call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function.
    pub function: Function,
    /// Its arguments, not yet expanded.
    pub arguments: Box<[Argument]>,
}

/// One argument: its raw text, and the same as an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// The text.
    pub range: Range,
    /// The expression.
    pub value: Expression,
}

/// A parsed text. Its ranges refer to the text it was parsed from, which the caller keeps beside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expression {
    /// The pieces, in order.
    pub parts: Box<[Part]>,
}

macro_rules! functions {
    ($($variant:ident $name:literal $least:literal $most:literal $expanded:literal,)*) => {
        /// A function: one of GNU make's own, or one that a loaded object brought.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Function {
            $(#[doc = concat!("`$(", $name, ")`")] $variant,)*
            /// The n-th function that loaded objects registered.
            Loaded(u16),
        }

        impl Function {
            /// GNU make's function of this name.
            #[inline]
            pub fn named(name: &[u8]) -> Option<Function> {
                const NAMES: &[(&[u8], Function)] = &[$(($name.as_bytes(), Function::$variant)),*];
                NAMES.iter().find(|(known, _)| *known == name).map(|&(_, function)| function)
            }

            /// The name.
            pub fn name(self) -> &'static str {
                match self { $(Function::$variant => $name,)* Function::Loaded(_) => "" }
            }

            /// Least and greatest count of arguments (zero: no limit), and whether they are expanded before the call.
            pub fn arity(self) -> (usize, usize, bool) {
                match self { $(Function::$variant => ($least, $most, $expanded),)* Function::Loaded(_) => (0, 0, true) }
            }
        }
    };
}

functions! {
    Abspath "abspath" 0 1 true,
    Addprefix "addprefix" 2 2 true,
    Addsuffix "addsuffix" 2 2 true,
    Basename "basename" 0 1 true,
    Dir "dir" 0 1 true,
    Notdir "notdir" 0 1 true,
    Subst "subst" 3 3 true,
    Suffix "suffix" 0 1 true,
    Filter "filter" 2 2 true,
    FilterOut "filter-out" 2 2 true,
    Findstring "findstring" 2 2 true,
    Firstword "firstword" 0 1 true,
    Flavor "flavor" 0 1 true,
    Join "join" 2 2 true,
    Lastword "lastword" 0 1 true,
    Patsubst "patsubst" 3 3 true,
    Realpath "realpath" 0 1 true,
    Shell "shell" 0 1 true,
    Sort "sort" 0 1 true,
    Strip "strip" 0 1 true,
    Wildcard "wildcard" 0 1 true,
    Word "word" 2 2 true,
    Wordlist "wordlist" 3 3 true,
    Words "words" 0 1 true,
    Origin "origin" 0 1 true,
    Foreach "foreach" 3 3 false,
    Let "let" 3 3 false,
    Call "call" 1 0 true,
    Info "info" 0 1 true,
    Error "error" 0 1 true,
    Warning "warning" 0 1 true,
    Intcmp "intcmp" 2 5 false,
    If "if" 2 3 false,
    Or "or" 1 0 false,
    And "and" 1 0 false,
    Value "value" 0 1 true,
    Eval "eval" 0 1 true,
    File "file" 1 2 true,
}

/// A function that a loaded object registered.
#[derive(Clone, Debug)]
pub struct LoadedFunction {
    /// Its name.
    pub name: Vec<u8>,
    /// Least count of arguments.
    pub least: usize,
    /// Greatest count of arguments; zero means no limit.
    pub most: usize,
    /// Whether the arguments are expanded before the call.
    pub expanded: bool,
}

/// The functions there are: GNU make's own, and those of loaded objects.
#[derive(Clone, Copy)]
pub struct Functions<'f> {
    /// Functions of loaded objects.
    pub loaded: &'f [LoadedFunction],
}

impl Functions<'_> {
    /// The function of this name.
    #[inline]
    pub fn named(self, name: &[u8]) -> Option<Function> {
        Function::named(name).or_else(|| {
            let at = self.loaded.iter().position(|function| function.name == name)?;
            Some(Function::Loaded(u16::try_from(at).ok()?))
        })
    }

    /// The greatest count of arguments that it takes; zero means no limit.
    #[inline]
    pub fn most(self, function: Function) -> usize {
        match function {
            Function::Loaded(at) => self.loaded.get(usize::from(at)).map_or(0, |function| function.most),
            _ => function.arity().1,
        }
    }
}

/// A piece of an expression whose own pieces are not parsed yet: what a reader of one level of nesting finds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// Text that stands for itself.
    Text(Range),
    /// A plain name.
    Variable(Range),
    /// A plain substitution reference.
    Substitution { name: Range, pattern: Range, replacement: Range },
    /// A name to be computed.
    Computed(Range),
    /// A call, with the texts of its arguments.
    Call(Function, Vec<Range>),
    /// See [`Part::Unterminated`].
    Unterminated,
    /// See [`Part::UnterminatedCall`].
    UnterminatedCall(Function, u8),
}

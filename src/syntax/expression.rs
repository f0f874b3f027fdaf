//! Text with references and function calls, parsed once and kept (manual, "Basics of Variable References", "Functions for
//! Transforming Text"). Knows nothing of what the names stand for.

use crate::base::{Name, Names};
use crate::os::words::{is_space, skip_space};

/// A range of the text that an expression was parsed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    start: u32,
    end: u32,
}

impl Range {
    fn new(start: usize, end: usize) -> Range {
        Range { start: start as u32, end: end as u32 }
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

/// Nesting beyond this is taken for an unterminated reference: no makefile means it, and the stack is finite.
const DEEPEST: usize = 10_000;

/// Parser of expressions: the table of names, and the functions beyond GNU make's own.
pub struct Parser<'n> {
    /// Where names are interned.
    pub names: &'n mut Names,
    /// Functions of loaded objects.
    pub loaded: &'n [LoadedFunction],
}

fn is_function_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

impl Parser<'_> {
    /// Parses `text`.
    pub fn parse(&mut self, text: &[u8]) -> Expression {
        self.range(text, 0, text.len(), 0)
    }

    fn function(&self, name: &[u8]) -> Option<(Function, usize, bool)> {
        if let Some(function) = Function::named(name) {
            let (_, most, expanded) = function.arity();
            return Some((function, most, expanded));
        }
        let at = self.loaded.iter().position(|function| function.name == name)?;
        Some((Function::Loaded(at as u16), self.loaded[at].most, self.loaded[at].expanded))
    }

    fn range(&mut self, text: &[u8], start: usize, end: usize, depth: usize) -> Expression {
        let mut parts = Vec::new();
        let mut at = start;
        while at < end {
            let Some(dollar) = memchr::memchr(b'$', &text[at..end]).map(|found| at + found) else {
                parts.push(Part::Text(Range::new(at, end)));
                break;
            };
            if dollar > at {
                parts.push(Part::Text(Range::new(at, dollar)));
            }
            match text.get(dollar + 1).filter(|_| dollar + 1 < end) {
                None => {
                    parts.push(Part::Text(Range::new(dollar, dollar + 1)));
                    at = end;
                }
                Some(b'$') => {
                    parts.push(Part::Text(Range::new(dollar, dollar + 1)));
                    at = dollar + 2;
                }
                Some(b'(' | b'{') => at = self.reference(text, dollar + 1, end, depth, &mut parts),
                Some(_) => {
                    let name = self.names.intern(&text[dollar + 1..dollar + 2]);
                    parts.push(Part::Variable(name));
                    at = dollar + 2;
                }
            }
        }
        Expression { parts: parts.into_boxed_slice() }
    }

    /// Parses the reference whose parenthesis is at `open`, and returns where it ends.
    fn reference(
        &mut self,
        text: &[u8],
        open: usize,
        end: usize,
        depth: usize,
        parts: &mut Vec<Part>,
    ) -> usize {
        if depth > DEEPEST {
            parts.push(Part::Unterminated);
            return end;
        }
        let (opening, closing) = (text[open], if text[open] == b'(' { b')' } else { b'}' });
        let start = open + 1;
        let word =
            text[start..end].iter().position(|&byte| !is_function_byte(byte)).map_or(end, |at| start + at);
        if word > start
            && (word == end || is_space(text[word]))
            && let Some((function, most, expanded)) = self.function(&text[start..word])
        {
            return self.call(text, word, end, depth, function, (most, expanded), (opening, closing), parts);
        }
        let Some(first_close) = memchr::memchr(closing, &text[start..end]).map(|found| start + found) else {
            parts.push(Part::Unterminated);
            return end;
        };
        if memchr::memchr(b'$', &text[start..first_close]).is_some() {
            let mut count = 0;
            for (offset, &byte) in text[start..end].iter().enumerate() {
                if byte == opening {
                    count += 1;
                } else if byte == closing {
                    count -= 1;
                    if count < 0 {
                        let close = start + offset;
                        let inner = self.range(text, start, close, depth + 1);
                        parts.push(Part::Computed(Box::new(inner)));
                        return close + 1;
                    }
                }
            }
            // Unbalanced: the name is what stands before the last parenthesis, unexpanded, and the rest of the text
            // belongs to it.
            parts.push(self.plain(text, start, first_close));
            return end;
        }
        parts.push(self.plain(text, start, first_close));
        first_close + 1
    }

    fn plain(&mut self, text: &[u8], start: usize, end: usize) -> Part {
        let inside = &text[start..end];
        if let Some(colon) = memchr::memchr(b':', inside)
            && let Some(equals) = memchr::memchr(b'=', &inside[colon + 1..]).map(|found| colon + 1 + found)
        {
            return Part::Substitution {
                name: self.names.intern(&inside[..colon]),
                pattern: Range::new(start + colon + 1, start + equals),
                replacement: Range::new(start + equals + 1, end),
            };
        }
        Part::Variable(self.names.intern(inside))
    }

    #[allow(clippy::too_many_arguments)]
    fn call(
        &mut self,
        text: &[u8],
        from: usize,
        end: usize,
        depth: usize,
        function: Function,
        (most, expanded): (usize, bool),
        (opening, closing): (u8, u8),
        parts: &mut Vec<Part>,
    ) -> usize {
        let start = end - skip_space(&text[from..end]).len();
        let mut count = 0;
        let mut commas = Vec::new();
        let mut close = None;
        for (offset, &byte) in text[start..end].iter().enumerate() {
            if byte == b',' && count == 0 {
                commas.push(start + offset);
            } else if byte == opening {
                count += 1;
            } else if byte == closing {
                count -= 1;
                if count < 0 {
                    close = Some(start + offset);
                    break;
                }
            }
        }
        let Some(close) = close else {
            parts.push(Part::UnterminatedCall(function, closing));
            return end;
        };
        if most > 0 {
            commas.truncate(most - 1);
        }
        let mut arguments = Vec::with_capacity(commas.len() + 1);
        let mut begin = start;
        for stop in commas.into_iter().chain([close]) {
            let (mut low, mut high) = (begin, stop);
            if !expanded && matches!(function, Function::Or | Function::And)
                || (function == Function::If && arguments.is_empty())
            {
                while low < high && is_space(text[low]) {
                    low += 1;
                }
                while low < high && is_space(text[high - 1]) {
                    high -= 1;
                }
            }
            arguments.push(Argument {
                range: Range::new(begin, stop),
                value: self.range(text, low, high, depth + 1),
            });
            begin = stop + 1;
        }
        parts.push(Part::Call(Box::new(Call { function, arguments: arguments.into_boxed_slice() })));
        close + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> (Expression, Names) {
        let mut names = Names::new();
        let expression = Parser { names: &mut names, loaded: &[] }.parse(text);
        (expression, names)
    }

    #[test]
    fn references_and_calls_are_told_apart() {
        let (expression, mut names) = parse(b"a$x$(name)$(subst a,b,$(c d))$$");
        assert_eq!(expression.parts.len(), 5);
        assert_eq!(expression.parts[2], Part::Variable(names.intern(b"name")));
        let Part::Call(call) = &expression.parts[3] else { panic!("no call") };
        assert_eq!((call.function, call.arguments.len()), (Function::Subst, 3));
        let (expression, mut names) = parse(b"$(a:.c=.o)$(substx a)");
        assert!(matches!(expression.parts[0], Part::Substitution { .. }));
        assert_eq!(expression.parts[1], Part::Variable(names.intern(b"substx a")));
        assert!(matches!(parse(b"$(a").0.parts[0], Part::Unterminated));
        assert!(matches!(parse(b"$(if a").0.parts[0], Part::UnterminatedCall(Function::If, b')')));
        let deep = b"$(".repeat(100_000);
        assert!(!parse(&deep).0.parts.is_empty());
    }
}

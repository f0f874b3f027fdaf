//! One pattern of an ignore file, matched as moby's `patternmatcher` does: the pattern becomes a text of Go's regular
//! expressions, with all that follows for brackets and backslashes. Knows neither files nor the order of patterns.

use super::regex::{Program, Reach};

/// A pattern ready to match.
#[derive(Clone, Debug)]
pub struct Pattern {
    matcher: Matcher,
    /// Whether a match takes back what earlier patterns exclude.
    pub exclusion: bool,
}

#[derive(Clone, Debug)]
enum Matcher {
    Exact(Vec<u8>),
    Prefix(Vec<u8>),
    /// With a leading slash, the rest of the text alone matches too.
    Suffix(Vec<u8>),
    Regex {
        program: Program,
        /// What every match starts and ends with.
        prefix: Vec<u8>,
        suffix: Vec<u8>,
    },
    /// A text that Go's regular expressions may take, and this reader does not: whether it matches is not known.
    Unclear,
}

impl Pattern {
    /// The matcher of `text`, cleaned and without its `!`.
    pub fn new(text: &[u8], exclusion: bool) -> Self {
        Pattern { matcher: compile(text), exclusion }
    }

    /// Whether `path` itself matches, parents not considered. What is not clear is answered so that more is included.
    pub fn matches(&self, path: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Exact(text) => path == text,
            Matcher::Prefix(prefix) => path.starts_with(prefix),
            Matcher::Suffix(suffix) => path.ends_with(suffix) || suffix.strip_prefix(b"/") == Some(path),
            Matcher::Regex { program, prefix, suffix } => {
                path.starts_with(prefix) && path.ends_with(suffix) && program.matches(path)
            }
            Matcher::Unclear => self.exclusion,
        }
    }

    /// Whether its text says, to the letter, that it is about something below folder `dir`.
    pub fn names_below(&self, dir: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Exact(text) | Matcher::Prefix(text) => {
                text.strip_prefix(dir).is_some_and(|rest| rest.len() > 1 && rest[0] == b'/')
            }
            Matcher::Suffix(_) | Matcher::Regex { .. } | Matcher::Unclear => false,
        }
    }

    /// Whether some path below folder `dir` may match.
    pub fn may_match_below(&self, dir: &[u8]) -> bool {
        let meets = |prefix: &[u8]| {
            let common = prefix.len().min(dir.len());
            prefix[..common] == dir[..common]
                && (prefix.len() <= dir.len() || prefix.get(dir.len()) == Some(&b'/'))
        };
        match &self.matcher {
            Matcher::Exact(text) => text.len() > dir.len() && meets(text),
            Matcher::Prefix(prefix) => meets(prefix),
            Matcher::Suffix(_) | Matcher::Unclear => true,
            Matcher::Regex { program, prefix, .. } => {
                meets(prefix) && program.reach(&[dir, b"/"].concat()) == Reach::Alive
            }
        }
    }
}

/// Characters that stand for themselves here, and need a backslash in a regular expression.
fn is_escaped(byte: u8) -> bool {
    matches!(byte, b'.' | b'+' | b'(' | b')' | b'|' | b'{' | b'}' | b'$')
}

fn compile(text: &[u8]) -> Matcher {
    #[derive(PartialEq)]
    enum Kind {
        Exact,
        Prefix,
        Suffix,
        Regex,
    }
    // Go's scanner drops a byte order mark at the start.
    let scanned = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let mut expression = Vec::with_capacity(text.len() + 8);
    let mut kind = Kind::Exact;
    let mut at = 0;
    let mut first = true;
    while let Some(&byte) = scanned.get(at) {
        at += 1;
        match byte {
            b'*' if scanned.get(at) == Some(&b'*') => {
                at += 1;
                if scanned.get(at) == Some(&b'/') {
                    at += 1;
                }
                if at >= scanned.len() {
                    if kind == Kind::Exact {
                        kind = Kind::Prefix;
                    } else {
                        expression.extend_from_slice(b".*");
                        kind = Kind::Regex;
                    }
                } else {
                    expression.extend_from_slice(b"(.*/)?");
                    kind = Kind::Regex;
                }
                if first {
                    kind = Kind::Suffix;
                }
            }
            b'*' => {
                expression.extend_from_slice(b"[^/]*");
                kind = Kind::Regex;
            }
            b'?' => {
                expression.extend_from_slice(b"[^/]");
                kind = Kind::Regex;
            }
            b'\\' => {
                expression.push(b'\\');
                if let Some(&next) = scanned.get(at) {
                    // The bytes of a longer character follow by themselves: none of them is special.
                    expression.push(next);
                    at += 1;
                    kind = Kind::Regex;
                }
            }
            b'[' | b']' => {
                expression.push(byte);
                kind = Kind::Regex;
            }
            _ => {
                if is_escaped(byte) {
                    expression.push(b'\\');
                }
                expression.push(byte);
            }
        }
        first = false;
    }
    match kind {
        Kind::Exact => Matcher::Exact(text.to_vec()),
        Kind::Prefix => Matcher::Prefix(text[..text.len().saturating_sub(2)].to_vec()),
        Kind::Suffix => Matcher::Suffix(text.get(2..).unwrap_or_default().to_vec()),
        Kind::Regex => match Program::new(&expression) {
            Some(program) => {
                let (prefix, suffix) = program.ends();
                Matcher::Regex { program, prefix, suffix }
            }
            None => Matcher::Unclear,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::new(pattern.as_bytes(), false).matches(path.as_bytes())
    }

    #[test]
    fn kinds_of_pattern() {
        assert!(matches("a/b", "a/b") && !matches("a/b", "a/b/c"));
        assert!(matches("a/**", "a/b/c") && !matches("a/**", "a"));
        assert!(matches("**/x", "x") && matches("**/x", "a/b/x") && !matches("**/x", "ax"));
        assert!(matches("a/**/x", "a/x") && matches("a/**/x", "a/b/c/x") && !matches("a/**/x", "b/x"));
        assert!(matches("*.pyc", "a.pyc") && !matches("*.pyc", "d/a.pyc") && matches("**/*.pyc", "d/a.pyc"));
        assert!(matches("a?c", "aéc") && !matches("a?c", "a/c"));
    }

    #[test]
    fn brackets_are_gos() {
        assert!(matches("[!a]b", "!b") && !matches("[!a]b", "cb"));
        assert!(matches("[^a]b", "cb") && !matches("{a,b}", "a") && matches("{a,b}", "{a,b}"));
        assert!(!matches("*a^", "xa^"));
        assert!(matches("\\d", "7") && !matches("\\d", "d"));
    }

    #[test]
    fn what_may_match_below() {
        let below =
            |pattern: &str, dir: &str| Pattern::new(pattern.as_bytes(), true).may_match_below(dir.as_bytes());
        assert!(
            below("a/b/c", "a") && below("a/b/c", "a/b") && !below("a/b/c", "a/b/c") && !below("a/b", "ab")
        );
        assert!(!below("*.md", "docs") && below("**/*.md", "docs") && below("docs/*.md", "docs"));
        assert!(below("a**b", "a/x") && !below("*/x", "a/b"));
    }
}

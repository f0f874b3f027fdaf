//! Go's `filepath.Clean` and `filepath.Match` for slash-separated byte paths. Knows no file system.

use crate::image::dockerfile::runes::decode;

/// The shortest path that means the same, worked out by the text alone; `.` for the empty one (`filepath.Clean`).
pub fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.first() == Some(&b'/');
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(&last) if last != b".." => drop(parts.pop()),
                _ if rooted => {}
                _ => parts.push(part),
            },
            other => parts.push(other),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

/// A glob of `filepath.Match`: `*`, `?`, `[a-z]`, `[^a]`, and a backslash before any of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Char(u32),
    Any,
    Star,
    Class { negated: bool, ranges: Vec<(u32, u32)> },
}

const SLASH: u32 = b'/' as u32;

impl Token {
    fn takes(&self, c: u32) -> bool {
        match self {
            Token::Char(own) => *own == c,
            Token::Any | Token::Star => c != SLASH,
            Token::Class { negated, ranges } => {
                ranges.iter().any(|&(low, high)| low <= c && c <= high) != *negated
            }
        }
    }
}

impl Glob {
    /// Reads a glob; nothing where Go finds it malformed.
    pub fn new(pattern: &[u8]) -> Option<Glob> {
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(&byte) = pattern.get(at) {
            match byte {
                b'*' => {
                    at += 1;
                    if tokens.last() != Some(&Token::Star) {
                        tokens.push(Token::Star);
                    }
                }
                b'?' => {
                    at += 1;
                    tokens.push(Token::Any);
                }
                b'[' => {
                    let (token, next) = class(pattern, at + 1)?;
                    at = next;
                    tokens.push(token);
                }
                b'\\' => {
                    let (c, len) = decode(pattern.get(at + 1..)?);
                    if len == 0 {
                        return None;
                    }
                    tokens.push(Token::Char(c));
                    at += 1 + len;
                }
                _ => {
                    let (c, len) = decode(&pattern[at..]);
                    tokens.push(Token::Char(c));
                    at += len;
                }
            }
        }
        Some(Glob { tokens })
    }

    /// Whether the whole of `path` matches. Neither star nor question mark takes a slash; a class may.
    pub fn matches(&self, path: &[u8]) -> bool {
        let mut token = 0;
        let mut at = 0;
        // The last star passed, and up to where it has taken: only that one ever needs to take more.
        let mut back: Option<(usize, usize)> = None;
        loop {
            let (c, len) = decode(path.get(at..).unwrap_or_default());
            match self.tokens.get(token) {
                None if len == 0 => return true,
                Some(Token::Star) => {
                    back = Some((token, at));
                    token += 1;
                    continue;
                }
                Some(own) if len > 0 && own.takes(c) => {
                    token += 1;
                    at += len;
                    continue;
                }
                _ => {}
            }
            let Some((star, taken)) = back else { return false };
            let (c, len) = decode(path.get(taken..).unwrap_or_default());
            if len == 0 || c == SLASH {
                return false;
            }
            back = Some((star, taken + len));
            token = star + 1;
            at = taken + len;
        }
    }

    /// Whether a class may match a slash, so that the glob can't be matched component by component.
    pub fn crosses(&self) -> bool {
        self.tokens.iter().any(|token| matches!(token, Token::Class { .. }) && token.takes(SLASH))
    }
}

/// The class whose first byte after the bracket is at `at`, and the offset behind it.
fn class(pattern: &[u8], mut at: usize) -> Option<(Token, usize)> {
    let negated = pattern.get(at) == Some(&b'^');
    at += usize::from(negated);
    let mut ranges = Vec::new();
    loop {
        if pattern.get(at) == Some(&b']') && !ranges.is_empty() {
            return Some((Token::Class { negated, ranges }, at + 1));
        }
        let (low, next) = class_char(pattern, at)?;
        at = next;
        let mut high = low;
        if pattern.get(at) == Some(&b'-') {
            (high, at) = class_char(pattern, at + 1)?;
        }
        ranges.push((low, high));
    }
}

fn class_char(pattern: &[u8], mut at: usize) -> Option<(u32, usize)> {
    match pattern.get(at)? {
        b'-' | b']' => return None,
        b'\\' => at += 1,
        _ => {}
    }
    let (c, len) = decode(pattern.get(at..)?);
    // A class needs more behind any of its characters, and no invalid byte in it.
    let invalid = len == 0 || (len == 1 && c >= 0x80);
    (!invalid && at + len < pattern.len()).then_some((c, at + len))
}

/// Whether `name` has a wildcard that no backslash escapes.
pub fn has_wildcard(name: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&byte) = name.get(at) {
        match byte {
            b'*' | b'?' | b'[' => return true,
            b'\\' => at += 1,
            _ => {}
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleans_as_go_does() {
        for (path, cleaned) in [
            ("", "."),
            ("a//b/./c/..", "a/b"),
            ("../a/../../b", "../../b"),
            ("/../a/", "/a"),
            ("/", "/"),
            ("./", "."),
        ] {
            assert_eq!(clean(path.as_bytes()), cleaned.as_bytes(), "{path}");
        }
    }

    #[test]
    fn globs_match_as_go_does() {
        let matches =
            |glob: &str, path: &str| Glob::new(glob.as_bytes()).map(|glob| glob.matches(path.as_bytes()));
        for (glob, path) in [
            ("*.txt", "a.txt"),
            ("a*b*c", "aXbYbZc"),
            ("[a-c]?", "bé"),
            ("[^x]", "é"),
            ("\\*", "*"),
            ("a[^x]b", "a/b"),
            ("*", ""),
            ("[\\]]", "]"),
        ] {
            assert_eq!(matches(glob, path), Some(true), "{glob} {path}");
        }
        for (glob, path) in [("*", "a/b"), ("?", "/"), ("a", "ab"), ("[!a]b", "cb"), ("*a", "ab")] {
            assert_eq!(matches(glob, path), Some(false), "{glob} {path}");
        }
        for glob in ["[", "[]", "[]a]", "[a", "a\\", "[a-]", "[-a]", "[^]"] {
            assert_eq!(matches(glob, "x"), None, "{glob}");
        }
        assert!(has_wildcard(b"a[") && !has_wildcard(b"a\\*"));
    }

    #[test]
    fn many_stars_stay_quick() {
        let glob = Glob::new("*a".repeat(500).as_bytes());
        assert_eq!(glob.map(|glob| glob.matches("a".repeat(5000).as_bytes())), Some(true));
    }
}

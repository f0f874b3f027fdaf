//! Parser directives at the top of a Dockerfile, and which frontend reads the file. Knows nothing of instructions.
//!
//! As BuildKit's `frontend/dockerfile/parser/directives.go` reads: the frontend is looked for in the raw file, with a
//! `#!` line skipped and `//` and JSON allowed; escape and check only in the file's own first comment lines.

use super::error::{Error, ErrorKind};
use super::json;
use super::runes::{self, trim_start};
use crate::base::Span;

/// Which directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectiveKind {
    /// `syntax`: the frontend.
    Syntax,
    /// `escape`: the escape character.
    Escape,
    /// `check`: which rules of BuildKit's linter fail the build.
    Check,
}

impl DirectiveKind {
    /// The directive's name.
    pub fn name(self) -> &'static str {
        match self {
            DirectiveKind::Syntax => "syntax",
            DirectiveKind::Escape => "escape",
            DirectiveKind::Check => "check",
        }
    }
}

/// One directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Which.
    pub kind: DirectiveKind,
    /// Its value, white space trimmed.
    pub value: Vec<u8>,
    /// The place of the value.
    pub span: Span,
}

/// The directives of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directives {
    /// The escape character: backslash or backtick.
    pub escape: u8,
    /// The directives in order.
    pub list: Vec<Directive>,
}

impl Default for Directives {
    fn default() -> Self {
        Directives { escape: b'\\', list: Vec::new() }
    }
}

impl Directives {
    /// The directive of `kind`, where there is one.
    pub fn get(&self, kind: DirectiveKind) -> Option<&Directive> {
        self.list.iter().find(|directive| directive.kind == kind)
    }

    pub(super) fn add(&mut self, directive: Directive) {
        self.list.push(directive);
    }

    pub(super) fn set_escape(&mut self, directive: &Directive) -> Result<(), Error> {
        match directive.value.as_slice() {
            b"\\" => self.escape = b'\\',
            b"`" => self.escape = b'`',
            other => return Err(Error::new(directive.span, ErrorKind::BadEscape { value: other.to_vec() })),
        }
        Ok(())
    }
}

/// The state of a look for directives: it ends at the first line that is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    seen: [bool; 3],
    done: bool,
}

impl Scan {
    /// The directive on `line`, which starts at `place` of the file.
    pub(super) fn line(
        &mut self,
        line: &[u8],
        comment: &[u8],
        place: usize,
    ) -> Result<Option<Directive>, Error> {
        if self.done {
            return Ok(None);
        }
        let Some((kind, value)) = line.strip_prefix(comment).and_then(name_value) else {
            self.done = true;
            return Ok(None);
        };
        let start = place + runes::offset_in(line, value);
        let span = Span::new(start, start + value.len());
        if std::mem::replace(&mut self.seen[kind as usize], true) {
            return Err(Error::new(span, ErrorKind::DuplicateDirective { name: kind.name() }));
        }
        Ok(Some(Directive { kind, value: value.to_vec(), span }))
    }
}

fn name_value(text: &[u8]) -> Option<(DirectiveKind, &[u8])> {
    let text = trim_start(text);
    let end = text.iter().position(|byte| !byte.is_ascii_alphanumeric())?;
    let kind = match text[..end].to_ascii_lowercase().as_slice() {
        b"syntax" => DirectiveKind::Syntax,
        b"escape" => DirectiveKind::Escape,
        b"check" => DirectiveKind::Check,
        _ => return None,
    };
    let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c');
    let after = &text[end..];
    let equals = after.iter().position(|byte| !space(byte))?;
    let value = after[equals..].strip_prefix(b"=")?;
    let start = value.iter().position(|byte| !space(byte))?;
    let stop = value.iter().rposition(|byte| !space(byte))? + 1;
    // A newline inside cannot be: BuildKit's pattern stops at lines, and so do its callers.
    Some((kind, &value[start..stop]))
}

/// Who reads the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frontend {
    /// The engine's own.
    BuiltIn,
    /// An image of Docker's own Dockerfile frontend.
    Docker {
        /// The image reference as written.
        reference: Vec<u8>,
        /// Major and minor version, where the tag names both.
        version: Option<(u32, u32)>,
        /// Place of the directive's value.
        span: Span,
    },
    /// Anything else: what the file means is not known.
    Foreign {
        /// The image reference as written.
        reference: Vec<u8>,
        /// Place of the directive's value.
        span: Span,
    },
}

/// The frontend that `text` asks for: by `# syntax=`, by `// syntax=`, or as a JSON object; after a byte order mark and
/// a `#!` line.
pub fn frontend(text: &[u8]) -> Frontend {
    let mut start = if text.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    if text[start..].starts_with(b"#!") {
        start += memchr::memchr(b'\n', &text[start..]).map_or(text.len() - start, |at| at + 1);
    }
    let body = &text[start..];
    for comment in [&b"#"[..], b"//"] {
        let mut scan = Scan::default();
        let mut at = 0;
        while at < body.len() && !scan.done {
            let len = memchr::memchr(b'\n', &body[at..]).map_or(body.len() - at, |newline| newline + 1);
            let line = body[at..at + len].strip_suffix(b"\n").unwrap_or(&body[at..at + len]);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            match scan.line(line, comment, start + at) {
                Ok(Some(found)) if found.kind == DirectiveKind::Syntax => {
                    return of_value(&found.value, found.span);
                }
                Ok(_) => {}
                Err(_) => break,
            }
            at += len;
        }
    }
    match json::object_string(body, b"syntax") {
        Some(value) => of_value(&value, Span::new(start, text.len())),
        None => Frontend::BuiltIn,
    }
}

/// The frontend that a `syntax` value or the build argument `BUILDKIT_SYNTAX` names: its first word.
pub fn of_value(value: &[u8], span: Span) -> Frontend {
    let word = value.split(|&byte| byte == b' ').find(|word| !word.is_empty()).unwrap_or_default();
    let reference = word.to_vec();
    let name = [&b"docker.io/"[..], b"index.docker.io/"]
        .iter()
        .find_map(|registry| word.strip_prefix(*registry))
        .unwrap_or(word);
    let Some(rest) = name.strip_prefix(b"docker/dockerfile") else {
        return Frontend::Foreign { reference, span };
    };
    if !matches!(rest.first(), None | Some(b':' | b'@')) {
        return Frontend::Foreign { reference, span };
    }
    let version = rest.strip_prefix(b":").and_then(|tag| {
        let text = std::str::from_utf8(tag).ok()?;
        let text = text.split(['@', '-']).next()?;
        let mut numbers = text.split('.').map(|number| number.parse::<u32>().ok());
        Some((numbers.next()??, numbers.next()??))
    });
    Frontend::Docker { reference, version, span }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &[u8]) -> Option<Vec<u8>> {
        match frontend(text) {
            Frontend::BuiltIn => None,
            Frontend::Docker { reference, .. } | Frontend::Foreign { reference, .. } => Some(reference),
        }
    }

    #[test]
    fn syntax_is_found_where_buildkit_finds_it() {
        assert_eq!(reference(b"# syntax=a/b:1 x\nFROM x"), Some(b"a/b:1".to_vec()));
        assert_eq!(reference(b"\xEF\xBB\xBF#!/bin/x\n#SYNTAX = a\r\n"), Some(b"a".to_vec()));
        assert_eq!(reference(b"# escape=`\n# syntax=a\n"), Some(b"a".to_vec()));
        assert_eq!(reference(b"// syntax=a\n"), Some(b"a".to_vec()));
        assert_eq!(reference(b"{\"x\": [1, {}], \"syntax\": \"a\"}"), Some(b"a".to_vec()));
        assert_eq!(reference(b"# hello\n# syntax=a\n"), None);
        assert_eq!(reference(b"\n# syntax=a\n"), None);
        assert_eq!(reference(b""), None);
    }

    #[test]
    fn dockers_own_is_told_apart() {
        let span = Span::default();
        let reference = b"docker/dockerfile:1.7-labs".to_vec();
        assert_eq!(
            of_value(&reference.clone(), span),
            Frontend::Docker { reference, version: Some((1, 7)), span }
        );
        assert!(matches!(of_value(b"docker/dockerfile", span), Frontend::Docker { version: None, .. }));
        assert!(matches!(
            of_value(b"docker.io/docker/dockerfile:1", span),
            Frontend::Docker { version: None, .. }
        ));
        assert!(matches!(of_value(b"docker/dockerfile-upstream", span), Frontend::Foreign { .. }));
        assert!(matches!(of_value(b"", span), Frontend::Foreign { .. }));
    }
}

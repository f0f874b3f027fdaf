//! Ignore files: read as BuildKit reads them, and asked, path by path from the root down, what they exclude.
//! Touches no file.
//!
//! The reading is that of moby's `patternmatcher/ignorefile`, the matching that of its `patternmatcher`: of two kinds
//! that disagree at times. BuildKit's client walks with one and its frontend looks at single paths with the other, so
//! a path counts as excluded only where both exclude it.

use super::pattern::Pattern;
use super::rooted::{Glob, clean};
use crate::base::Span;
use crate::image::dockerfile::runes::trim;

/// The patterns of an ignore file in order.
#[derive(Clone, Debug, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

/// What is wrong with an ignore file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoreError {
    /// The line at fault.
    pub span: Span,
    /// What is wrong with it.
    pub kind: IgnoreErrorKind,
}

/// Faults for which BuildKit refuses an ignore file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IgnoreErrorKind {
    /// `!` and nothing else.
    NothingReincluded,
    /// A bracket that does not close, or a backslash at the end.
    Malformed {
        /// The pattern, cleaned.
        pattern: Vec<u8>,
    },
    /// A line of 64 KiB or more.
    LineTooLong,
}

/// What an ignore file says of a path, by each of BuildKit's matchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Excluded by the matcher that looks at a path and its parents.
    pub by_parents: bool,
    /// Excluded by the matcher that walks and remembers what matched the parents.
    pub by_walk: bool,
}

impl Verdict {
    /// Whether the two say different things.
    pub fn is_disputed(self) -> bool {
        self.by_parents != self.by_walk
    }

    /// Whether no build can see the path.
    pub fn excluded(self) -> bool {
        self.by_parents && self.by_walk
    }
}

/// What is known of a folder when its entries are looked at: a bit for each pattern.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The pattern matches the folder or one above it.
    matched: Box<[u64]>,
    /// The walking matcher found the pattern to match the folder or one above it.
    walked: Box<[u64]>,
}

fn bit(bits: &[u64], index: usize) -> bool {
    bits.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
}

fn set_bit(bits: &mut [u64], index: usize) {
    if let Some(word) = bits.get_mut(index / 64) {
        *word |= 1 << (index % 64);
    }
}

impl Ignore {
    /// Reads an ignore file.
    ///
    /// # Errors
    /// The first line that BuildKit refuses.
    pub fn read(text: &[u8]) -> Result<Ignore, IgnoreError> {
        let mut ignore = Ignore::default();
        let mut at = 0;
        while at < text.len() {
            let newline = memchr::memchr(b'\n', &text[at..]);
            let len = newline.map_or(text.len() - at, |newline| newline + 1);
            let span = Span::new(at, at + len - usize::from(newline.is_some()));
            if len > 64 * 1024 - usize::from(newline.is_none()) {
                return Err(IgnoreError { span, kind: IgnoreErrorKind::LineTooLong });
            }
            let mut line = span.of(text);
            line = line.strip_suffix(b"\r").unwrap_or(line);
            if at == 0 {
                line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
            }
            at += len;
            if line.starts_with(b"#") {
                continue;
            }
            ignore.add(&of_line(trim(line))).map_err(|kind| IgnoreError { span, kind })?;
        }
        Ok(ignore)
    }

    /// The patterns of `--exclude`, which are read without an ignore file's own rules for lines.
    ///
    /// # Errors
    /// The first pattern that BuildKit refuses.
    pub fn of_patterns<'p>(patterns: impl IntoIterator<Item = &'p [u8]>) -> Result<Ignore, IgnoreErrorKind> {
        let mut ignore = Ignore::default();
        for pattern in patterns {
            ignore.add(pattern)?;
        }
        Ok(ignore)
    }

    fn add(&mut self, pattern: &[u8]) -> Result<(), IgnoreErrorKind> {
        let pattern = trim(pattern);
        if pattern.is_empty() {
            return Ok(());
        }
        let cleaned = clean(pattern);
        let (exclusion, text) = match cleaned.strip_prefix(b"!") {
            Some(b"") => return Err(IgnoreErrorKind::NothingReincluded),
            Some(rest) => (true, rest),
            None => (false, cleaned.as_slice()),
        };
        if Glob::new(text).is_none() {
            return Err(IgnoreErrorKind::Malformed { pattern: text.to_vec() });
        }
        self.patterns.push(Pattern::new(text, exclusion));
        Ok(())
    }

    /// Whether nothing is ignored.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// What is known at the root.
    pub fn root(&self) -> Folder {
        let words = self.patterns.len().div_ceil(64);
        Folder { matched: vec![0; words].into(), walked: vec![0; words].into() }
    }

    /// The verdict on `path`, an entry of the folder of which `parent` is known.
    pub fn entry(&self, parent: &Folder, path: &[u8]) -> Verdict {
        self.judge(parent, path, None)
    }

    /// The verdict on the folder `path`, and what is known of it.
    pub fn folder(&self, parent: &Folder, path: &[u8]) -> (Verdict, Folder) {
        let mut folder = self.root();
        let verdict = self.judge(parent, path, Some(&mut folder));
        (verdict, folder)
    }

    fn judge(&self, parent: &Folder, path: &[u8], mut folder: Option<&mut Folder>) -> Verdict {
        let mut verdict = Verdict { by_parents: false, by_walk: false };
        for (index, pattern) in self.patterns.iter().enumerate() {
            let mut own = None;
            let mut own = || *own.get_or_insert_with(|| pattern.matches(path));
            let above = bit(&parent.matched, index);
            if let Some(folder) = &mut folder
                && (above || own())
            {
                set_bit(&mut folder.matched, index);
            }
            // A pattern is looked at only where it could change the verdict.
            if pattern.exclusion == verdict.by_parents && (above || own()) {
                verdict.by_parents = !pattern.exclusion;
            }
            let walked = bit(&parent.walked, index);
            if walked || (pattern.exclusion == verdict.by_walk && own()) {
                verdict.by_walk = !pattern.exclusion;
                if let Some(folder) = &mut folder {
                    set_bit(&mut folder.walked, index);
                }
            }
        }
        verdict
    }

    /// Whether something below the excluded folder `path` may be included after all.
    pub fn may_include_below(&self, path: &[u8]) -> bool {
        self.patterns.iter().any(|pattern| pattern.exclusion && pattern.may_match_below(path))
    }

    /// Whether every client looks into the excluded folder `path`: some leave out folders that no pattern names to the letter.
    pub fn is_looked_into(&self, path: &[u8]) -> bool {
        self.patterns.iter().any(|pattern| pattern.exclusion && pattern.names_below(path))
    }

    /// The verdict on a path alone, from the root down.
    pub fn verdict(&self, path: &[u8]) -> Verdict {
        let mut folder = self.root();
        for slash in memchr::memchr_iter(b'/', path) {
            folder = self.folder(&folder, &path[..slash]).1;
        }
        self.entry(&folder, path)
    }
}

/// A line of an ignore file, trimmed, as the pattern it means: a leading slash and a blank after `!` go.
fn of_line(line: &[u8]) -> Vec<u8> {
    let (bang, rest) = match line.strip_prefix(b"!") {
        Some(rest) => (true, trim(rest)),
        None => (false, line),
    };
    let mut pattern = Vec::with_capacity(line.len() + 1);
    if bang {
        pattern.push(b'!');
    }
    if !rest.is_empty() {
        let cleaned = clean(rest);
        let cleaned = cleaned.strip_prefix(b"/").filter(|rest| !rest.is_empty()).unwrap_or(&cleaned);
        pattern.extend_from_slice(cleaned);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excluded(file: &str, path: &str) -> bool {
        Ignore::read(file.as_bytes()).is_ok_and(|ignore| ignore.verdict(path.as_bytes()).excluded())
    }

    #[test]
    fn lines_are_read_as_buildkit_reads_them() {
        assert!(excluded("\u{feff}a\n", "a"));
        assert!(excluded("# a\n  /b/ \r\n", "b/c") && !excluded("# a\n", "a"));
        assert!(excluded(" # a", "# a"));
        assert!(!excluded("a\n! a/x\n", "a/x") && excluded("a\n!a/x", "a/y"));
        assert!(!excluded("", "a"));
    }

    #[test]
    fn matchers_disagree_and_inclusion_wins() {
        let ignore = Ignore::read(b"a\n!a/x\na").unwrap_or_default();
        let verdict = ignore.verdict(b"a/x");
        assert_ne!(verdict.by_parents, verdict.by_walk);
        assert!(!verdict.excluded());
    }

    #[test]
    fn faults_have_their_line() {
        let fault = |text: &str| Ignore::read(text.as_bytes()).err();
        let kind = IgnoreErrorKind::NothingReincluded;
        assert_eq!(fault("a\n!\n"), Some(IgnoreError { span: Span::new(2, 3), kind }));
        assert!(matches!(fault("[a"), Some(IgnoreError { kind: IgnoreErrorKind::Malformed { .. }, .. })));
        assert!(matches!(
            fault(&"x".repeat(70_000)),
            Some(IgnoreError { kind: IgnoreErrorKind::LineTooLong, .. })
        ));
    }

    #[test]
    fn excluded_folders_are_entered_only_for_what_comes_back() {
        let ignore = Ignore::read(b"*\n!src\n!*.md\n!**/keep").unwrap_or_default();
        assert!(ignore.may_include_below(b"docs"));
        let ignore = Ignore::read(b"*\n!src/a\n!*.md").unwrap_or_default();
        assert!(!ignore.may_include_below(b"docs") && ignore.may_include_below(b"src"));
    }
}

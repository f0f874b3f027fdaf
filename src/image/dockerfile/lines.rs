//! Physical lines to logical lines: continuations joined, comments and blank lines dropped, the escape directive
//! heeded, heredoc bodies read on request. Knows nothing of instructions.
//!
//! As BuildKit's `frontend/dockerfile/parser/parser.go` reads.

use super::directives::{DirectiveKind, Directives, Scan};
use super::error::{Error, ErrorKind, Warning, WarningKind};
use super::runes::{self, trim_start};
use crate::base::Span;

/// BuildKit's reader refuses a line that does not fit its buffer.
const LONGEST_LINE: usize = 64 * 1024;

/// One logical line: its text, and where each part of it stands in the file.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// The joined text, without newlines, continuation characters and comments.
    pub text: Vec<u8>,
    /// Offsets in `text` at which a new part begins, with the part's offset in the file; ascending, first at 0.
    parts: Vec<(usize, usize)>,
    /// From the first byte of the first part to the last byte of the last.
    pub span: Span,
}

impl Line {
    /// A line that stands nowhere in the file: all its spans are `span`.
    pub fn placeless(text: &[u8], span: Span) -> Self {
        Line { text: text.to_vec(), parts: Vec::new(), span }
    }

    /// Offset in the file of the byte at `at` of the text.
    fn place(&self, at: usize) -> usize {
        let next = self.parts.partition_point(|&(start, _)| start <= at);
        match next.checked_sub(1).and_then(|index| self.parts.get(index)) {
            Some(&(start, place)) => place + (at - start),
            None => self.span.start,
        }
    }

    /// The span in the file of the bytes from `start` up to `end` of the text.
    pub fn span_of(&self, start: usize, end: usize) -> Span {
        if self.parts.is_empty() {
            return self.span;
        }
        if end <= start {
            let at = self.place(start);
            return Span::new(at, at);
        }
        Span::new(self.place(start), self.place(end - 1) + 1)
    }

    fn push(&mut self, part: &[u8], place: usize) {
        self.parts.push((self.text.len(), place));
        self.text.extend_from_slice(part);
    }
}

/// Reads logical lines, and the heredoc bodies that follow them.
pub struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    scan: Scan,
    /// The directives seen so far.
    pub directives: Directives,
    /// What BuildKit would warn of.
    pub warnings: Vec<Warning>,
}

impl<'t> Reader<'t> {
    /// A reader at the start of `text`.
    pub fn new(text: &'t [u8]) -> Self {
        let at = if text.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        Reader { text, at, scan: Scan::default(), directives: Directives::default(), warnings: Vec::new() }
    }

    /// The next physical line with its newline, and its offset.
    fn physical(&mut self) -> Result<Option<(&'t [u8], usize)>, Error> {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let (len, limit) = match memchr::memchr(b'\n', rest) {
            Some(newline) => (newline + 1, LONGEST_LINE),
            None => (rest.len(), LONGEST_LINE - 1),
        };
        if len > limit {
            return Err(Error::new(Span::new(start, start + len), ErrorKind::LineTooLong));
        }
        self.at = start + len;
        Ok(Some((&rest[..len], start)))
    }

    /// The next logical line that holds anything.
    pub fn next_line(&mut self) -> Result<Option<Line>, Error> {
        while let Some((raw, start)) = self.physical()? {
            let trimmed = trim_start(trim_newline(raw));
            let mut place = start + (trim_newline(raw).len() - trimmed.len());
            if let Some(found) = self.scan.line(trimmed, b"#", place)? {
                if found.kind == DirectiveKind::Escape {
                    self.directives.set_escape(&found)?;
                }
                self.directives.add(found);
                continue;
            }
            if trimmed.first() == Some(&b'#') {
                continue;
            }
            let (part, mut more) = cut_continuation(trimmed, self.directives.escape);
            if !more && part.is_empty() {
                continue;
            }
            let mut line = Line { text: Vec::with_capacity(part.len()), ..Line::default() };
            line.push(part, place);
            let mut end = place + part.len();
            while more {
                let Some((raw, start)) = self.physical()? else {
                    let span = Span::new(end, self.text.len());
                    self.warnings.push(Warning { span, kind: WarningKind::ContinuationAtEnd });
                    break;
                };
                let content = trim_newline(raw);
                let visible = trim_start(content);
                if visible.first() == Some(&b'#') {
                    continue;
                }
                if visible.is_empty() {
                    let span = Span::new(start, start + content.len());
                    self.warnings.push(Warning { span, kind: WarningKind::EmptyContinuation });
                    continue;
                }
                place = start;
                let (part, again) = cut_continuation(content, self.directives.escape);
                more = again;
                line.push(part, place);
                end = place + part.len();
            }
            let first = line.parts.first().map_or(end, |&(_, place)| place);
            let tail = runes::trim_end(&line.text).len();
            let last = line.span_of(0, tail.max(1).min(line.text.len())).end;
            line.span = Span::new(first, last.max(first));
            return Ok(Some(line));
        }
        Ok(None)
    }

    /// The body of a heredoc, up to the line that is `name` alone; the span of the body, and of the terminator.
    /// `tabs` lets tabs stand before the terminator. Nothing where the file ends first.
    pub fn heredoc(&mut self, name: &[u8], tabs: bool) -> Result<Option<(Span, Span)>, Error> {
        let start = self.at;
        while let Some((raw, at)) = self.physical()? {
            let mut content = trim_newline(raw);
            if tabs {
                while let Some((b'\t', rest)) = content.split_first() {
                    content = rest;
                }
            }
            if content == name {
                let end = at + trim_newline(raw).len();
                return Ok(Some((Span::new(start, at), Span::new(end - content.len(), end))));
            }
        }
        Ok(None)
    }
}

/// `line` without its newline, and all carriage returns before it.
fn trim_newline(mut line: &[u8]) -> &[u8] {
    while let Some((b'\n' | b'\r', rest)) = line.split_last() {
        line = rest;
    }
    line
}

/// `line` without the escape character that ends it, and whether there was one: it may have blanks behind it, and
/// none of its kind before it.
fn cut_continuation(line: &[u8], escape: u8) -> (&[u8], bool) {
    let mut end = line.len();
    while end > 0 && matches!(line[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    match line[..end].split_last() {
        Some((&last, rest)) if last == escape && rest.last() != Some(&escape) => (rest, true),
        _ => (line, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<Vec<u8>> {
        let mut reader = Reader::new(text);
        let mut out = Vec::new();
        while let Ok(Some(line)) = reader.next_line() {
            out.push(line.text);
        }
        out
    }

    #[test]
    fn joins_and_drops() {
        assert_eq!(lines(b"RUN a \\\n  # no\n\n  b\nRUN c"), vec![b"RUN a   b".to_vec(), b"RUN c".to_vec()]);
        assert_eq!(lines(b"RUN a\\\\\nCOPY x y"), vec![b"RUN a\\\\".to_vec(), b"COPY x y".to_vec()]);
        assert_eq!(lines(b"# escape=`\nRUN a `  \nb\\\nc"), vec![b"RUN a b\\".to_vec(), b"c".to_vec()]);
        assert_eq!(lines(b"\xEF\xBB\xBF FROM a\r\n"), vec![b"FROM a".to_vec()]);
        assert_eq!(lines(b"FROM a\n\\"), vec![b"FROM a".to_vec(), b"".to_vec()]);
    }

    #[test]
    fn spans_lead_back() {
        let text = b"RUN one \\\n# c\n  two\n";
        let mut reader = Reader::new(text);
        let line = reader.next_line().ok().flatten().unwrap_or_default();
        let two = line.text.len() - 3;
        assert_eq!(line.span_of(two, two + 3).of(text), b"two");
        assert_eq!(line.span.of(text), b"RUN one \\\n# c\n  two");
    }
}

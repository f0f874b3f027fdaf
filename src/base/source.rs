//! Places in source text: byte spans, lines and columns. Knows nothing of what the text means.

/// A half-open range of byte offsets into one source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset one past the last byte.
    pub end: usize,
}

impl Span {
    /// The span from `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Span { start, end }
    }

    /// The bytes of `text` that this span covers; empty where the span lies outside `text`.
    pub fn of<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// A place as people read it: one-based line, one-based column in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineColumn {
    /// One-based line number.
    pub line: usize,
    /// One-based column, counted in bytes.
    pub column: usize,
}

/// The line and column of byte `offset` in `text`; the end of the text where the offset lies beyond it.
pub fn line_column(text: &[u8], offset: usize) -> LineColumn {
    let head = &text[..offset.min(text.len())];
    let line = memchr::memchr_iter(b'\n', head).count() + 1;
    let start = memchr::memrchr(b'\n', head).map_or(0, |at| at + 1);
    LineColumn { line, column: head.len() - start + 1 }
}

/// Where the lines of a text begin, so that the place of an offset costs a search among them and not a reading of all before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineStarts {
    starts: Vec<usize>,
    length: usize,
}

impl LineStarts {
    /// The lines of `text`.
    pub fn of(text: &[u8]) -> LineStarts {
        let after = memchr::memchr_iter(b'\n', text).map(|newline| newline + 1);
        LineStarts { starts: std::iter::once(0).chain(after).collect(), length: text.len() }
    }

    /// How many lines there are; a newline at the end begins an empty one.
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// The offset at which line `index`, counted from zero, begins.
    pub fn start(&self, index: usize) -> Option<usize> {
        self.starts.get(index).copied()
    }

    /// The offset at which line `index`, counted from zero, ends: of its newline, or of the end of the text.
    pub fn end(&self, index: usize) -> usize {
        self.start(index + 1).map_or(self.length, |next| next - 1)
    }

    /// What [`line_column`] says.
    pub fn line_column(&self, offset: usize) -> LineColumn {
        let offset = offset.min(self.length);
        let line = self.starts.partition_point(|&start| start <= offset);
        LineColumn { line, column: offset - self.start(line - 1).unwrap_or(0) + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_become_lines_and_columns() {
        let text = b"ab\ncd\n";
        assert_eq!(line_column(text, 0), LineColumn { line: 1, column: 1 });
        assert_eq!(line_column(text, 4), LineColumn { line: 2, column: 2 });
        assert_eq!(line_column(text, 99), LineColumn { line: 3, column: 1 });
    }

    #[test]
    fn lines_known_beforehand_say_the_same() {
        for text in [&b""[..], b"\n", b"ab", b"ab\ncd\n", b"\n\na"] {
            let lines = LineStarts::of(text);
            for offset in 0..text.len() + 2 {
                assert_eq!(lines.line_column(offset), line_column(text, offset), "{text:?} {offset}");
            }
        }
        let lines = LineStarts::of(b"ab\nc");
        assert_eq!((lines.count(), lines.start(1), lines.end(0), lines.end(1)), (2, Some(3), 2, 4));
    }
}

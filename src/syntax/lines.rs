//! Physical lines to logical lines: continuations, comments, carriage returns and NUL bytes (manual, "Splitting Long
//! Lines"). Knows nothing of what a line says.

use crate::os::words::is_blank;
use std::borrow::Cow;

/// One logical line: its text without the final newline, continuations still inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'t> {
    /// The text.
    pub text: &'t [u8],
    /// How many physical lines it spans; zero in a string, which has no line numbers of its own.
    pub count: u32,
}

/// Reader of logical lines from a makefile's text.
pub struct Lines<'t> {
    text: &'t [u8],
    at: usize,
    counted: bool,
}

impl<'t> Lines<'t> {
    /// Lines of a file, which are counted.
    pub fn of_file(text: &'t [u8]) -> Self {
        Lines { text, at: 0, counted: true }
    }

    /// Lines of a string given to `$(eval)`, all of which count as the line of the call.
    pub fn of_string(text: &'t [u8]) -> Self {
        Lines { text, at: 0, counted: false }
    }

    /// The offset of the next line.
    pub fn offset(&self) -> usize {
        self.at
    }
}

/// Number of backslashes that end `text`.
fn trailing_backslashes(text: &[u8]) -> usize {
    text.iter().rev().take_while(|&&byte| byte == b'\\').count()
}

impl<'t> Iterator for Lines<'t> {
    type Item = Line<'t>;

    #[inline]
    fn next(&mut self) -> Option<Line<'t>> {
        if self.at >= self.text.len() {
            return None;
        }
        let start = self.at;
        let mut from = start;
        let mut count = 0;
        loop {
            match memchr::memchr(b'\n', &self.text[from..]) {
                None => {
                    self.at = self.text.len();
                    let count = if self.counted { count.max(1) } else { 0 };
                    return Some(Line { text: &self.text[start..], count });
                }
                Some(length) => {
                    let newline = from + length;
                    count += 1;
                    if newline > start
                        && self.text[newline - 1] == b'\\'
                        && trailing_backslashes(&self.text[start..newline]) % 2 == 1
                    {
                        from = newline + 1;
                        if from >= self.text.len() {
                            self.at = from;
                            // A file that ends in a continuation: the newline stays, as the text that it is.
                            let end = if self.counted { newline } else { from };
                            let count = if self.counted { count } else { 0 };
                            let _ = end;
                            return Some(Line { text: &self.text[start..], count });
                        }
                        continue;
                    }
                    self.at = newline + 1;
                    return Some(Line {
                        text: &self.text[start..newline],
                        count: if self.counted { count } else { 0 },
                    });
                }
            }
        }
    }
}

/// The text of a makefile as its lines are read: carriage returns before newlines dropped, and where a line holds a NUL byte,
/// the rest of that line dropped. The second value tells the numbers of lines that begin with a NUL, to be warned of.
pub fn normalise(text: Vec<u8>) -> (Vec<u8>, Vec<u32>) {
    let has_nul = memchr::memchr(0, &text).is_some();
    let has_return = memchr::memmem::find(&text, b"\r\n").is_some();
    if !has_nul && !has_return {
        return (text, Vec::new());
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut warned = Vec::new();
    // The number of the line that is read, and of the logical line that it belongs to.
    let (mut number, mut logical) = (1, 1);
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        if let Some(nul) = memchr::memchr(0, line) {
            if nul == 0 {
                warned.push(logical);
                plain.push(b'\n');
            } else {
                plain.extend_from_slice(&line[..nul]);
                continue;
            }
        } else if let Some(head) = line.strip_suffix(b"\r\n") {
            plain.extend_from_slice(head);
            plain.push(b'\n');
        } else {
            plain.extend_from_slice(line);
        }
        number += 1;
        if trailing_backslashes(plain.strip_suffix(b"\n").unwrap_or(&plain)).is_multiple_of(2) {
            logical = number;
        }
    }
    (plain, warned)
}

/// Joins continued lines: a backslash, the newline and the white space around them become one space; of further backslashes
/// half are kept. In POSIX mode white space before the backslash stays.
pub fn join_continuations(line: &[u8], posix: bool) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\n', line).is_none() {
        return Cow::Borrowed(line);
    }
    let mut out: Vec<u8> = Vec::with_capacity(line.len());
    let mut from = 0;
    while let Some(length) = memchr::memchr(b'\n', &line[from..]) {
        let newline = from + length;
        let backslashes = trailing_backslashes(&line[from..newline]);
        out.extend_from_slice(&line[from..newline - backslashes + backslashes / 2]);
        from = newline + 1;
        if backslashes % 2 == 1 {
            while line.get(from).is_some_and(|&byte| is_blank(byte)) {
                from += 1;
            }
            if !posix {
                while out.last().is_some_and(|&byte| is_blank(byte)) {
                    out.pop();
                }
            }
            out.push(b' ');
        } else {
            out.push(b'\n');
        }
    }
    out.extend_from_slice(&line[from..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continued_lines_are_one() {
        let lines: Vec<_> = Lines::of_file(b"a \\\n  b\nc\\\\\nd").collect();
        assert_eq!(lines[0], Line { text: b"a \\\n  b", count: 2 });
        assert_eq!(lines[1], Line { text: b"c\\\\", count: 1 });
        assert_eq!(lines[2], Line { text: b"d", count: 1 });
        assert_eq!(&*join_continuations(b"a  \\\n  b", false), b"a b");
        assert_eq!(&*join_continuations(b"a \\\n\\\n b", false), b"a b");
        assert_eq!(&*join_continuations(b"a \\\n b", true), b"a  b");
    }
}

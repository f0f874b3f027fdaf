//! A target's recipe as the analyses of images see it: the lines a shell would get, and where each byte of them stands in
//! the makefile. Knows nothing of make's graph, nor of what the lines mean.
//!
//! A recipe of a plain makefile has [`Line::of_script`] lines, an image block has [`Line::of_arguments`] lines; what reads
//! recipes need not care which.

use super::command::variables::Inherited;
use crate::base::Span;
use crate::base::source::{LineColumn, LineStarts, line_column};
use crate::base::tables::HashMap;
use std::rc::Rc;

/// The variables of the environment that decide by what, and for what platform, a docker client builds.
pub const DECIDES_PLATFORM: [&[u8]; 6] = [
    b"DOCKER_BUILDKIT",
    b"BUILDX_BUILDER",
    b"BUILDX_CONFIG",
    b"DOCKER_DEFAULT_PLATFORM",
    b"DOCKER_CONFIG",
    b"HOME",
];

/// The recipe of a target, expanded.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    /// The target.
    pub target: Vec<u8>,
    /// Whether it is an image block's: imk runs its lines itself, and sees to clean-up.
    pub managed: bool,
    /// Whether the target is phony: no file of its name is looked at.
    pub phony: bool,
    /// Whether `.IMAGE` lists the target, so that the recipe is to be left out where its images are fresh.
    pub listed: bool,
    /// The first line of the recipe, or of the block.
    pub place: Option<Place>,
    /// The lines, in order.
    pub lines: Vec<Line>,
    /// The variables that the lines mention, as the lines' processes will see them; others are not known.
    pub environment: HashMap<Vec<u8>, Inherited>,
}

impl Recipe {
    /// What is known of variable `name` of the environment.
    pub fn variable(&self, name: &[u8]) -> Inherited {
        self.environment.get(name).cloned().unwrap_or(Inherited::Unknown)
    }

    /// The known value of variable `name`; none where it is empty.
    pub fn value(&self, name: &str) -> Option<String> {
        match self.environment.get(name.as_bytes()) {
            Some(Inherited::Value(value)) if !value.is_empty() => String::from_utf8(value.clone()).ok(),
            _ => None,
        }
    }
}

/// A text file that places refer to.
#[derive(Debug)]
pub struct SourceFile {
    /// Its name, as it was given.
    pub name: Vec<u8>,
    /// Its text; empty where it can't be read again.
    pub text: Vec<u8>,
    /// Its lines.
    pub lines: LineStarts,
}

impl SourceFile {
    /// The file called `name`, with this text.
    pub fn new(name: Vec<u8>, text: Vec<u8>) -> SourceFile {
        let lines = LineStarts::of(&text);
        SourceFile { name, text, lines }
    }

    /// The place of `span` in it.
    pub fn place(&self, span: Span) -> Place {
        Place::among(&String::from_utf8_lossy(&self.name), &self.text, &self.lines, span)
    }
}

impl Default for SourceFile {
    fn default() -> Self {
        SourceFile::new(Vec::new(), Vec::new())
    }
}

/// A place in a file, as people read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file's name.
    pub file: String,
    /// One-based line.
    pub line: usize,
    /// One-based column, in bytes; none where only the line is known.
    pub column: Option<usize>,
    /// Bytes on the line that are meant, at least one where there is a column.
    pub length: usize,
    /// The line's text, of a very long one its beginning; none where it is not known, or what is meant lies beyond that.
    pub text: Option<String>,
}

/// Bytes of a line that a place keeps at most.
const LINE_MAX: usize = 1024;

impl Place {
    /// The place of `span` in `file`.
    pub fn of(file: &str, text: &[u8], span: Span) -> Place {
        let start = span.start.min(text.len());
        let end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |newline| start + newline);
        Place::at(file, text, span, line_column(text, start), end)
    }

    /// The place of `span` in `file`, whose text has these lines.
    pub fn among(file: &str, text: &[u8], lines: &LineStarts, span: Span) -> Place {
        let at = lines.line_column(span.start);
        Place::at(file, text, span, at, lines.end(at.line - 1))
    }

    /// The place of `span`, which begins at `at` in a line that ends at `end`.
    fn at(file: &str, text: &[u8], span: Span, at: LineColumn, end: usize) -> Place {
        let start = span.start.min(text.len()) - (at.column - 1);
        let line = &text[start..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let room = line.len().saturating_sub(at.column - 1);
        let length = span.end.saturating_sub(span.start).min(room).max(1);
        // A line of thousands of commands has as many places, and each keeps its text.
        let shown = match line.len() <= LINE_MAX {
            true => Some(line),
            false => line.get(..LINE_MAX).filter(|_| at.column + length <= LINE_MAX),
        };
        Place {
            file: file.to_owned(),
            line: at.line,
            column: Some(at.column),
            length,
            text: shown.map(|line| String::from_utf8_lossy(line).into_owned()),
        }
    }

    /// Line `line` of `file`, nothing else known.
    pub fn line(file: &[u8], line: usize) -> Place {
        Place { file: String::from_utf8_lossy(file).into_owned(), line, ..Place::default() }
    }
}

/// What runs a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runner {
    /// A shell of the Bourne family.
    Shell,
    /// Another program that `SHELL` names, whose language is not read.
    Other(Vec<u8>),
    /// A make: the line would run even under `-n`, and does not under `--plan`.
    SubMake,
}

/// A reference to a makefile's variable, or a call of a function, in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its place in the line as written.
    pub raw: Span,
    /// What it became, in the line as it runs.
    pub value: Span,
    /// The variable, where it is a plain reference.
    pub name: Option<Vec<u8>>,
    /// Whether such a variable is defined.
    pub defined: bool,
}

/// A line of a recipe.
#[derive(Clone, Debug)]
pub struct Line {
    /// The text that the shell gets, without `@`, `-` and `+`.
    pub text: Vec<u8>,
    /// What runs it.
    pub runner: Runner,
    /// Whether its failure is ignored (`-`).
    pub failure_ignored: bool,
    /// References in it, in order.
    pub references: Vec<Reference>,
    place: Where,
}

#[derive(Clone, Debug)]
enum Where {
    /// Each byte's offset in the line as written.
    Raw { origins: Vec<u32>, written: Written },
    /// Places of words.
    Words { words: Vec<(Span, Option<Place>)>, line: Option<Place> },
}

/// A line as written in a makefile, and where.
#[derive(Clone, Debug)]
pub struct Written {
    /// The line, continuations inside, not expanded.
    pub raw: Rc<[u8]>,
    /// Its lines.
    pub lines: Rc<LineStarts>,
    /// The makefile.
    pub file: Rc<SourceFile>,
    /// Where it begins in the makefile's text; none where it was not found there (`$(eval)`, `define`).
    pub offset: Option<usize>,
    /// The line's number.
    pub line: usize,
    /// How many bytes the makefile has behind each newline that the line as given here lacks.
    pub inserted: usize,
}

impl Line {
    /// A line of a plain recipe: `text` is what `written` became, and `origins` has for each byte of it the offset in
    /// `written.raw` of the byte, or of the reference, that it comes from.
    pub fn of_script(
        text: Vec<u8>,
        origins: Vec<u32>,
        references: Vec<Reference>,
        written: Written,
        runner: Runner,
        failure_ignored: bool,
    ) -> Line {
        let place = Where::Raw { origins, written };
        Line { text, runner, failure_ignored, references, place }
    }

    /// A command that is run without a shell: its words, each with its place where that is known, and the place of
    /// all. Its text is the words quoted for a shell.
    pub fn of_arguments(arguments: &[(Vec<u8>, Option<Place>)], line: Option<Place>) -> Line {
        let mut text = Vec::new();
        let mut words = Vec::with_capacity(arguments.len());
        for (word, place) in arguments {
            if !text.is_empty() {
                text.push(b' ');
            }
            let start = text.len();
            quote(word, &mut text);
            words.push((Span::new(start, text.len()), place.clone()));
        }
        let place = Where::Words { words, line };
        Line { text, runner: Runner::Shell, failure_ignored: false, references: Vec::new(), place }
    }

    /// Whether imk runs it itself, as words: an image block's command.
    pub fn has_no_shell(&self) -> bool {
        matches!(self.place, Where::Words { .. })
    }

    /// The place of `span` of the text: the bytes themselves where they stand literally in the makefile, else the
    /// reference that they come from.
    pub fn place(&self, span: Span) -> Option<Place> {
        match &self.place {
            Where::Words { words, line } => {
                let word = words.iter().find(|(own, _)| own.start <= span.start && span.start < own.end);
                word.and_then(|(_, place)| place.clone()).or_else(|| line.clone())
            }
            Where::Raw { origins, written: Written { raw, .. } } => {
                let origin = |at: usize| origins.get(at).map(|&offset| offset as usize);
                let start = origin(span.start).unwrap_or(raw.len());
                let reference = |at: usize| {
                    let found = self.references.partition_point(|known| known.raw.start < at);
                    self.references.get(found).filter(|known| known.raw.start == at)
                };
                let last = span.end.checked_sub(1).filter(|&last| last >= span.start).and_then(origin);
                let end = match last {
                    None => start,
                    Some(last) => reference(last).map_or(last + 1, |known| known.raw.end),
                };
                Some(self.raw_place(Span::new(start, end)))
            }
        }
    }

    /// The place of `span` of the line as written.
    pub fn raw_place(&self, span: Span) -> Place {
        match &self.place {
            Where::Words { line, .. } => line.clone().unwrap_or_default(),
            Where::Raw { written: Written { lines, file, offset, line, inserted, .. }, .. } => {
                let lines = |end: usize| lines.line_column(end).line - 1;
                match offset {
                    Some(offset) => {
                        let place = |at: usize| offset + at + inserted * lines(at);
                        file.place(Span::new(place(span.start), place(span.end)))
                    }
                    None => {
                        let line = line + lines(span.start);
                        Place { line, ..Place::line(&file.name, line) }
                    }
                }
            }
        }
    }

    /// The place of the whole line.
    pub fn whole(&self) -> Option<Place> {
        match &self.place {
            Where::Words { line, .. } => line.clone(),
            Where::Raw { written: Written { raw, .. }, .. } => {
                let start = raw.iter().take_while(|byte| b"@-+ \t".contains(byte)).count();
                Some(self.raw_place(Span::new(start, raw.len())))
            }
        }
    }

    /// The references whose value lies within `span` of the text, or, being empty, at its ends.
    pub fn references_in(&self, span: Span) -> impl Iterator<Item = &Reference> {
        let first = self.references.partition_point(|known| known.value.start < span.start);
        let from = self.references.get(first..).unwrap_or_default();
        let until = from.iter().take_while(move |known| known.value.start <= span.end);
        until.filter(move |known| known.value.end <= span.end)
    }
}

/// Writes `word` so that a shell reads it as it is.
fn quote(word: &[u8], out: &mut Vec<u8>) {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:=@,+%^".contains(byte);
    if !word.is_empty() && word.iter().all(plain) {
        out.extend_from_slice(word);
        return;
    }
    out.push(b'\'');
    for &byte in word {
        match byte {
            b'\'' => out.extend_from_slice(b"'\\''"),
            _ => out.push(byte),
        }
    }
    out.push(b'\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_and_keep_their_places() {
        let place = Place { line: 7, ..Place::line(b"Imkfile", 7) };
        let words =
            [(b"docker".to_vec(), None), (b"it's $x".to_vec(), Some(place.clone())), (Vec::new(), None)];
        let line = Line::of_arguments(&words, Some(Place::line(b"Imkfile", 3)));
        assert_eq!(line.text, b"docker 'it'\\''s $x' ''");
        assert_eq!(line.place(Span::new(0, 6)).map(|place| place.line), Some(3));
        assert_eq!(line.place(Span::new(8, 9)), Some(place));
    }

    #[test]
    fn places_have_line_column_and_length() {
        let place = Place::of("f", b"one\r\ntwo three\nx", Span::new(9, 20));
        assert_eq!((place.line, place.column, place.length), (2, Some(5), 5));
        assert_eq!(place.text.as_deref(), Some("two three"));
        let end = Place::of("f", b"ab", Span::new(9, 9));
        assert_eq!((end.line, end.column, end.length), (1, Some(3), 1));
        for text in [&b""[..], b"\n", b"ab", b"ab\n", b"one\r\ntwo three\nx"] {
            let file = SourceFile::new(b"f".to_vec(), text.to_vec());
            for start in 0..20 {
                let span = Span::new(start, start + 3);
                assert_eq!(file.place(span), Place::of("f", text, span), "{text:?} {start}");
            }
        }
    }
}

//! The format of a case file: sections of text, parsed into steps and written back. Runs nothing.
//!
//! ```text
//! A line or two on what the case shows.
//! -- Makefile --
//! all: ; @echo $(X)
//! -- args --
//! -s X='two words' all
//! -- stdout --
//! two words
//! ```
//!
//! A section named `args`, `env` (lines `NAME=value`), `stdin`, `setup` (a shell script, run before the program) is an
//! input; `stdout`, `stderr`, `status` and `files` (what the run made) are expectations; any other name is a file to
//! write. An expectation that is missing means: nothing, or status 0. An input after an expectation begins a further step
//! in the same folder. `-- escaped NAME --` is a section of odd bytes: `\t`, `\r`, `\0`, `\\`, `\xHH`, and a backslash at the
//! end of a line for "no newline here". Before the first section, a line `only: imk` keeps a case from GNU make,
//! `user: ordinary` has it run without root's rights, and `compare: first line of stderr` leaves the rest of it (the usage
//! text, which lists imk's own options) out of account; with `output: merged` the two outputs are one stream.

use std::collections::BTreeSet;

use libtest_mimic::Trial;

/// A whole case.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Case {
    /// The text before the first section, as it stands.
    pub header: String,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// Sections up to the last expectation of one run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Step {
    /// In the order written: files, and the inputs by their section names.
    pub inputs: Vec<Section>,
    /// What the run is expected to do.
    pub expected: Expectation,
}

/// A named piece of text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Section {
    /// A section's name or a file's path.
    pub name: String,
    /// Its bytes, escapes resolved.
    pub body: Vec<u8>,
}

/// What a run does, as a case says it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Expectation {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Exit code or the like; empty for 0.
    pub status: String,
    /// Paths that are there after the run and were not before it.
    pub files: BTreeSet<String>,
}

/// The header line of a case whose two outputs are one stream, so that their order is compared.
pub const MERGED: &str = "output: merged";

/// The sections that are no files.
const INPUTS: [&str; 4] = ["args", "env", "stdin", "setup"];
const EXPECTATIONS: [&str; 4] = ["stdout", "stderr", "status", "files"];

impl Case {
    /// Whether the header has this line.
    pub fn says(&self, line: &str) -> bool {
        self.header.lines().any(|own| own == line)
    }

    /// Reads a case; the error says what is wrong and in which line.
    pub fn parse(text: &[u8]) -> Result<Case, String> {
        let mut case = Case::default();
        let mut sections: Vec<(String, bool, Vec<u8>)> = Vec::new();
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            match (heading(line), sections.last_mut()) {
                (Some((name, escaped)), _) => sections.push((name, escaped, Vec::new())),
                (None, Some((_, _, body))) => body.extend_from_slice(line),
                (None, None) => case.header.push_str(&String::from_utf8_lossy(line)),
            }
        }
        let mut step = Step::default();
        let (mut expecting, mut has_args) = (false, false);
        for (name, escaped, body) in sections {
            let body =
                if escaped { unescape(&body).map_err(|why| format!("section {name}: {why}"))? } else { body };
            if EXPECTATIONS.contains(&name.as_str()) {
                expecting = true;
                step.expected.set(&name, body);
                continue;
            }
            if expecting || (name == "args" && has_args) {
                case.steps.push(std::mem::take(&mut step));
                (expecting, has_args) = (false, false);
            }
            has_args |= name == "args";
            step.inputs.push(Section { name, body });
        }
        case.steps.push(step);
        Ok(case)
    }

    /// The case as text, such that parsing it gives the same case.
    pub fn print(&self) -> Vec<u8> {
        let mut text = self.header.clone().into_bytes();
        for step in &self.steps {
            for Section { name, body } in &step.inputs {
                print_section(&mut text, name, body);
            }
            let expected = &step.expected;
            print_section(&mut text, "stdout", &expected.stdout);
            if !expected.stderr.is_empty() {
                print_section(&mut text, "stderr", &expected.stderr);
            }
            if !matches!(expected.status.as_str(), "" | "0") {
                print_section(&mut text, "status", format!("{}\n", expected.status).as_bytes());
            }
            if !expected.files.is_empty() {
                let files: String = expected.files.iter().map(|file| format!("{file}\n")).collect();
                print_section(&mut text, "files", files.as_bytes());
            }
        }
        text
    }
}

impl Section {
    /// Whether it is a file to write rather than an input of another kind.
    pub fn is_file(&self) -> bool {
        !INPUTS.contains(&self.name.as_str())
    }

    /// The body as lines.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.body.split(|&byte| byte == b'\n').filter(|line| !line.is_empty())
    }

    /// The body as words, split at white space; single quotes hold words together.
    pub fn words(&self) -> Vec<Vec<u8>> {
        let (mut words, mut word, mut quoted) = (Vec::new(), None::<Vec<u8>>, false);
        for &byte in &self.body {
            match byte {
                b'\'' => {
                    quoted = !quoted;
                    word.get_or_insert_default();
                }
                b' ' | b'\t' | b'\n' if !quoted => words.extend(word.take()),
                _ => word.get_or_insert_default().push(byte),
            }
        }
        words.extend(word);
        words
    }
}

impl Expectation {
    fn set(&mut self, name: &str, body: Vec<u8>) {
        match name {
            "stdout" => self.stdout = body,
            "stderr" => self.stderr = body,
            "status" => self.status = String::from_utf8_lossy(&body).trim().to_owned(),
            _ => self.files = String::from_utf8_lossy(&body).lines().map(str::to_owned).collect(),
        }
    }
}

fn heading(line: &[u8]) -> Option<(String, bool)> {
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let name = line.strip_prefix("-- ")?.strip_suffix(" --")?;
    match name.strip_prefix("escaped ") {
        Some(name) => Some((name.to_owned(), true)),
        None => Some((name.to_owned(), false)),
    }
}

fn print_section(text: &mut Vec<u8>, name: &str, body: &[u8]) {
    let printable = |&byte: &u8| matches!(byte, b'\n' | b'\t' | b' '..=b'~' | 0x80..);
    let plain = std::str::from_utf8(body).is_ok()
        && body.iter().all(printable)
        && (body.is_empty() || body.ends_with(b"\n"))
        && body
            .split_inclusive(|&byte| byte == b'\n')
            .all(|line| heading(line).is_none() && !ends_blank(line));
    let mark = if plain { "" } else { "escaped " };
    text.extend_from_slice(format!("-- {mark}{name} --\n").as_bytes());
    if plain { text.extend_from_slice(body) } else { escape(text, body) }
}

/// White space at the end of a line, which editors and reviewers overlook.
fn ends_blank(line: &[u8]) -> bool {
    line.ends_with(b" \n") || line.ends_with(b"\t\n")
}

fn escape(text: &mut Vec<u8>, body: &[u8]) {
    for line in body.split_inclusive(|&byte| byte == b'\n') {
        let (line, end) = match line.split_last() {
            Some((b'\n', line)) => (line, "\n"),
            _ => (line, "\\\n"),
        };
        let start = text.len();
        for (at, &byte) in line.iter().enumerate() {
            let last = at + 1 == line.len();
            match byte {
                b'\\' => text.extend_from_slice(b"\\\\"),
                b'\t' if last => text.extend_from_slice(b"\\t"),
                b' ' if last => text.extend_from_slice(b"\\x20"),
                b'\t' | b' '..=b'~' => text.push(byte),
                _ => text.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
            }
        }
        if heading(&text[start..]).is_some() {
            text[start] = b'\\';
            text.splice(start + 1..start + 1, *b"x2d");
        }
        text.extend_from_slice(end.as_bytes());
    }
}

fn unescape(body: &[u8]) -> Result<Vec<u8>, String> {
    let mut text = Vec::with_capacity(body.len());
    let mut bytes = body.iter();
    while let Some(&byte) = bytes.next() {
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'\\') => text.push(b'\\'),
            Some(b't') => text.push(b'\t'),
            Some(b'r') => text.push(b'\r'),
            Some(b'0') => text.push(0),
            Some(b'\n') => {}
            Some(b'x') => {
                let digits: String = bytes.by_ref().take(2).map(|&digit| char::from(digit)).collect();
                text.push(u8::from_str_radix(&digits, 16).map_err(|_| format!("bad escape \\x{digits}"))?);
            }
            other => return Err(format!("unknown escape {other:?}")),
        }
    }
    Ok(text)
}

/// Tests of the format itself.
pub fn trials() -> Vec<Trial> {
    crate::trials![prints_what_it_parses, odd_bytes_survive, words_are_quoted, a_second_args_begins_a_step]
}

fn prints_what_it_parses() -> Result<(), String> {
    let text = b"What it shows.\nonly: imk\n-- Makefile --\nall:\n-- args --\n-n\n-- stdout --\nx\n-- status --\n2\n-- args --\n-q\n-- stdout --\n";
    let case = Case::parse(text)?;
    check(case.print() == text, "printed text differs")?;
    check(case.says("only: imk"), "header line not found")?;
    check(case.steps.len() == 2, "not two steps")
}

fn odd_bytes_survive() -> Result<(), String> {
    let body: Vec<u8> = (0..=255).chain(*b"\nblank \n-- args --\n\\x\\\nno newline\\").collect();
    let step = Step { inputs: vec![Section { name: "f".into(), body }], expected: Expectation::default() };
    let case = Case { header: String::new(), steps: vec![step] };
    check(Case::parse(&case.print())? == case, "bytes differ")
}

fn words_are_quoted() -> Result<(), String> {
    let section = Section { name: "args".into(), body: b"-k 'X=a b'\nY='c'd ''\n".to_vec() };
    check(section.words() == [&b"-k"[..], b"X=a b", b"Y=cd", b""], "words differ")
}

fn a_second_args_begins_a_step() -> Result<(), String> {
    let case = Case::parse(b"-- args --\n-n\n-- args --\n-k\n")?;
    check(case.steps.len() == 2, "not two steps")
}

fn check(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

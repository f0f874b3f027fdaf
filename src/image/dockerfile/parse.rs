//! Bytes to typed instructions, grouped into stages. Expands no variable, knows nothing of targets.
//!
//! As BuildKit's `frontend/dockerfile/parser` and `frontend/dockerfile/instructions` read.

use super::directives::{self, Directives, Frontend};
use super::error::{Error, ErrorKind, Warning, WarningKind};
use super::flags::Flags;
use super::instruction::{
    CommandLine, Copy, From, Healthcheck, Heredoc, HeredocWord, INSTRUCTIONS, Instruction, Kind, Onbuild,
    Pair, Run, Text, heredoc_word, heredoc_words,
};
use super::json::{self, ExecForm};
use super::lines::{Line, Reader};
use super::runes;
use super::syntax;
use crate::base::Span;
use crate::base::nearest;
use crate::base::tables::HashMap;
use std::ops::Range;

/// A Dockerfile, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dockerfile {
    /// The parser directives.
    pub directives: Directives,
    /// The ARGs before the first FROM.
    pub globals: Vec<Instruction>,
    /// The stages in order; at least one.
    pub stages: Vec<Stage>,
    /// What is accepted, yet worth a word.
    pub warnings: Vec<Warning>,
    /// The stages of each name, in order.
    named: HashMap<Vec<u8>, Vec<usize>>,
}

impl Dockerfile {
    /// The last stage before number `before` that is called `name`, which is in lower case.
    pub fn stage_named(&self, name: &[u8], before: usize) -> Option<usize> {
        let all = self.named.get(name)?;
        all.get(..all.partition_point(|&at| at < before))?.last().copied()
    }
}

/// A stage: FROM and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The FROM instruction.
    pub span: Span,
    /// Its words.
    pub from: From,
    /// The instructions after FROM.
    pub instructions: Vec<Instruction>,
}

impl Stage {
    /// The stage's name in lower case, where it has one.
    pub fn name(&self) -> Option<&[u8]> {
        self.from.name.as_ref().map(|name| name.bytes.as_slice())
    }
}

/// Reads a Dockerfile.
///
/// # Errors
/// The first fault for which BuildKit refuses the file; see [`ErrorKind`].
pub fn parse(text: &[u8]) -> Result<Dockerfile, Error> {
    if text.is_empty() {
        return Err(Error::new(Span::default(), ErrorKind::Empty));
    }
    let mut file = Dockerfile::default();
    let mut reader = Reader::new(text);
    let mut any = false;
    while let Some(line) = reader.next_line()? {
        any = true;
        let escape = reader.directives.escape;
        let instruction = instruction(&line, escape, &mut reader, text)?;
        match instruction.kind {
            Kind::From(from) => {
                if let Some(name) = &from.name {
                    let all = file.named.entry(name.bytes.clone()).or_default();
                    if !all.is_empty() {
                        reader.warnings.push(Warning { span: name.span, kind: WarningKind::DuplicateStage });
                    }
                    all.push(file.stages.len());
                }
                file.stages.push(Stage { span: instruction.span, from, instructions: Vec::new() });
            }
            _ => match file.stages.last_mut() {
                Some(stage) => stage.instructions.push(instruction),
                None if matches!(instruction.kind, Kind::Arg(_)) => file.globals.push(instruction),
                None => {
                    let kind = ErrorKind::BeforeFrom { instruction: instruction.kind.name() };
                    return Err(Error::new(instruction.keyword, kind));
                }
            },
        }
    }
    let end = Span::new(text.len(), text.len());
    if !any {
        return Err(Error::new(end, ErrorKind::NoInstructions));
    }
    if file.stages.is_empty() {
        return Err(Error::new(end, ErrorKind::NoStage));
    }
    file.directives = reader.directives;
    file.warnings = reader.warnings;
    Ok(file)
}

/// The frontend that a Dockerfile asks for; see `directives::frontend`.
pub fn frontend(text: &[u8]) -> Frontend {
    directives::frontend(text)
}

/// Reads an ONBUILD trigger as an image's config keeps it; all its spans are `span`.
///
/// # Errors
/// [`ErrorKind::Trigger`] where it is no single instruction that may be a trigger.
pub fn parse_trigger(expression: &[u8], span: Span) -> Result<Instruction, Error> {
    let wrap =
        |kind| Error::new(span, ErrorKind::Trigger { text: expression.to_vec(), fault: Box::new(kind) });
    let mut reader = Reader::new(expression);
    let line = reader.next_line().map_err(|error| wrap(error.kind))?;
    let Some(line) = line else { return Err(wrap(ErrorKind::NoInstructions)) };
    let escape = reader.directives.escape;
    let line = Line::placeless(&line.text, span);
    let mut read = instruction(&line, escape, &mut reader, expression).map_err(|error| wrap(error.kind))?;
    read.span = span;
    if let Kind::Run(Run { heredocs, .. })
    | Kind::Copy(Copy { inline: heredocs, .. })
    | Kind::Add(Copy { inline: heredocs, .. }) = &mut read.kind
    {
        heredocs.iter_mut().for_each(|heredoc| heredoc.span = span);
    }
    match reader.next_line() {
        Ok(None) if !matches!(read.kind, Kind::From(_)) => Ok(read),
        _ => Err(wrap(ErrorKind::BadTrigger { instruction: expression.to_vec() })),
    }
}

/// What the readers of single instructions share: the line, its parts, and the heredocs read behind it.
struct Source<'a> {
    line: &'a Line,
    escape: u8,
    name: &'static str,
    keyword: Span,
    rest: Range<usize>,
    heredocs: Vec<Heredoc>,
}

impl<'a> Source<'a> {
    fn fault<T>(&self, span: Span, kind: ErrorKind) -> Result<T, Error> {
        Err(Error::new(span, kind))
    }

    fn rest(&self) -> &'a [u8] {
        self.line.text.get(self.rest.clone()).unwrap_or_default()
    }

    fn rest_span(&self) -> Span {
        self.line.span_of(self.rest.start, self.rest.end)
    }

    /// The text at `range` of the rest.
    fn text(&self, range: Range<usize>) -> Text {
        let bytes = self.rest().get(range.clone()).unwrap_or_default().to_vec();
        Text { bytes, span: self.line.span_of(self.rest.start + range.start, self.rest.start + range.end) }
    }

    fn whole(&self) -> Result<Text, Error> {
        if self.rest.is_empty() {
            return self.fault(self.keyword, ErrorKind::NoArguments { instruction: self.name });
        }
        Ok(self.text(0..self.rest.len()))
    }

    fn list(&self) -> Vec<Text> {
        syntax::list(self.rest()).into_iter().map(|range| self.text(range)).collect()
    }

    /// The words of an exec form that starts at `from` of the rest; nothing where it is none.
    fn exec(&self, from: usize) -> Result<Option<Vec<Text>>, Error> {
        let text = self.rest().get(from..).unwrap_or_default();
        let trimmed = runes::trim_start(text);
        let offset = from + (text.len() - trimmed.len());
        match json::exec_form(trimmed) {
            ExecForm::None => Ok(None),
            ExecForm::Other => self.fault(self.text(offset..self.rest.len()).span, ErrorKind::NotStrings),
            ExecForm::Strings => Ok(Some(
                syntax::strings(trimmed)
                    .into_iter()
                    .map(|(bytes, range)| {
                        let span = self.text(offset + range.start..offset + range.end).span;
                        Text { bytes, span }
                    })
                    .collect(),
            )),
        }
    }

    fn command(&self, from: usize) -> Result<CommandLine, Error> {
        Ok(match self.exec(from)? {
            Some(words) => CommandLine::Exec(words),
            None => CommandLine::Shell(self.text(from..self.rest.len())),
        })
    }

    fn exec_or_list(&self) -> Result<(Vec<Text>, bool), Error> {
        Ok(match self.exec(0)? {
            Some(words) => (words, true),
            None => (self.list(), false),
        })
    }

    /// ENV's and LABEL's pairs.
    fn pairs(&self) -> Result<Vec<Pair>, Error> {
        let rest = self.rest();
        let words = syntax::words(rest, self.escape);
        let Some(first) = words.first() else {
            return self.fault(self.keyword, ErrorKind::NoArguments { instruction: self.name });
        };
        let no_equals = |range: Range<usize>| {
            let word = self.text(range);
            Error::new(word.span, ErrorKind::NoEquals { instruction: self.name, word: word.bytes })
        };
        if !rest[first.clone()].contains(&b'=') {
            // The old form: the name, blanks, and all the rest is the value.
            let blank = |byte: &u8| matches!(byte, b'\t' | b'\x0b' | b'\x0c' | b'\r' | b' ');
            let Some(end) = rest.iter().position(blank) else { return Err(no_equals(first.clone())) };
            let gap = rest[end..].iter().take_while(|byte| blank(byte)).count();
            let name = self.text(0..end);
            return Ok(vec![Pair { name, value: Some(self.text(end + gap..rest.len())) }]);
        }
        let mut out = Vec::with_capacity(words.len());
        for range in words {
            let Some(equals) = memchr::memchr(b'=', &rest[range.clone()]) else {
                return Err(no_equals(range));
            };
            let (name, value) = (range.start..range.start + equals, range.start + equals + 1..range.end);
            if name.is_empty() {
                let span = self.text(range).span;
                return self.fault(span, ErrorKind::BlankName { instruction: self.name });
            }
            out.push(Pair { name: self.text(name), value: Some(self.text(value)) });
        }
        Ok(out)
    }

    fn args(&self) -> Result<Vec<Pair>, Error> {
        let rest = self.rest();
        let mut out = Vec::new();
        for range in syntax::words(rest, self.escape) {
            match memchr::memchr(b'=', &rest[range.clone()]) {
                Some(0) => {
                    let span = self.text(range).span;
                    return self.fault(span, ErrorKind::BlankName { instruction: self.name });
                }
                Some(equals) => {
                    let at = range.start + equals;
                    let value = Some(self.text(at + 1..range.end));
                    out.push(Pair { name: self.text(range.start..at), value });
                }
                None => out.push(Pair { name: self.text(range), value: None }),
            }
        }
        if out.is_empty() {
            return self.fault(self.keyword, ErrorKind::NoArguments { instruction: self.name });
        }
        Ok(out)
    }
}

/// Reads one instruction, and the heredocs behind it.
fn instruction(line: &Line, escape: u8, reader: &mut Reader<'_>, text: &[u8]) -> Result<Instruction, Error> {
    let head = syntax::head(&line.text, escape);
    let keyword = line.span_of(head.keyword.start, head.keyword.end);
    let word = line.text.get(head.keyword.clone()).unwrap_or_default();
    let Some(&name) = INSTRUCTIONS.iter().find(|name| word.eq_ignore_ascii_case(name.as_bytes())) else {
        let known = INSTRUCTIONS.iter().map(|name| name.as_bytes());
        let nearest = nearest(word, known).map(<[u8]>::to_vec);
        return Err(Error::new(keyword, ErrorKind::UnknownInstruction { name: word.to_vec(), nearest }));
    };
    let mut source = Source { line, escape, name, keyword, rest: head.rest.clone(), heredocs: Vec::new() };
    let mut span = line.span;
    if takes_heredocs(&source) {
        let words = heredoc_words(&line.text);
        for word in words.map_err(|fault| Error::new(line.span, ErrorKind::Expansion(fault)))? {
            let (heredoc, end) = read_heredoc(word, line.span, reader, text)?;
            // Heredocs of a trigger stand nowhere in the file.
            span.end = span.end.max(end);
            source.heredocs.push(heredoc);
        }
    }
    let flags = Flags::new(name, &head.flags, line);
    let kind = kind(&mut source, flags)?;
    Ok(Instruction { span, keyword, line: runes::trim(&line.text).to_vec(), kind })
}

fn read_heredoc(
    word: HeredocWord,
    line: Span,
    reader: &mut Reader<'_>,
    text: &[u8],
) -> Result<(Heredoc, usize), Error> {
    let Some((span, terminator)) = reader.heredoc(&word.name, word.chomp)? else {
        return Err(Error::new(line, ErrorKind::UnclosedHeredoc { name: word.name }));
    };
    let HeredocWord { name, expand, chomp } = word;
    Ok((Heredoc { name, expand, chomp, span, body: span.of(text).to_vec() }, terminator.end))
}

/// Whether heredocs may follow: in RUN, COPY and ADD, and in ONBUILD of these, but not in exec form.
fn takes_heredocs(source: &Source<'_>) -> bool {
    let takes =
        |name: &[u8]| [&b"RUN"[..], b"COPY", b"ADD"].iter().any(|known| name.eq_ignore_ascii_case(known));
    let is_exec = |rest: &[u8]| json::exec_form(runes::trim_start(rest)) != ExecForm::None;
    match source.name {
        "ONBUILD" => {
            let inner = syntax::head(source.rest(), source.escape);
            let rest = source.rest();
            takes(&rest[inner.keyword.clone()]) && !is_exec(&rest[inner.rest])
        }
        name => takes(name.as_bytes()) && !is_exec(source.rest()),
    }
}

fn kind(source: &mut Source<'_>, mut flags: Flags<'_>) -> Result<Kind, Error> {
    Ok(match source.name {
        "ADD" => Kind::Add(copy(source, flags)?),
        "COPY" => Kind::Copy(copy(source, flags)?),
        "RUN" => Kind::Run(run(source, flags)?),
        "HEALTHCHECK" => Kind::Healthcheck(healthcheck(source, flags)?),
        "FROM" => Kind::From(from(source, flags)?),
        "STOPSIGNAL" => Kind::StopSignal(source.whole()?),
        "ARG" => Kind::Arg(source.args()?),
        name => {
            flags.end()?;
            match name {
                "CMD" => Kind::Cmd(source.command(0)?),
                "ENTRYPOINT" => Kind::Entrypoint(source.command(0)?),
                "ENV" => Kind::Env(source.pairs()?),
                "LABEL" => Kind::Label(source.pairs()?),
                "EXPOSE" => {
                    source.whole()?;
                    Kind::Expose(source.list())
                }
                "MAINTAINER" => Kind::Maintainer(source.whole()?),
                "USER" => Kind::User(source.whole()?),
                "VOLUME" => Kind::Volume(volume(source)?),
                "SHELL" => Kind::Shell(shell(source)?),
                "ONBUILD" => Kind::Onbuild(onbuild(source)?),
                _ => Kind::Workdir(source.whole()?),
            }
        }
    })
}

fn from(source: &Source<'_>, mut flags: Flags<'_>) -> Result<From, Error> {
    let words = source.list();
    let (base, name) = match words.as_slice() {
        [base] => (base, None),
        [base, keyword, name] if keyword.bytes.eq_ignore_ascii_case(b"as") => (base, Some(name)),
        _ => {
            let span = if source.rest.is_empty() { source.keyword } else { source.rest_span() };
            return source.fault(span, ErrorKind::FromWords);
        }
    };
    let name = match name {
        None => None,
        Some(name) => {
            let bytes = String::from_utf8_lossy(&name.bytes).to_lowercase().into_bytes();
            let allowed = |byte: &u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
            };
            if !bytes.first().is_some_and(u8::is_ascii_lowercase) || !bytes.iter().all(allowed) {
                return source.fault(name.span, ErrorKind::BadStageName { name: name.bytes.clone() });
            }
            Some(Text { bytes, span: name.span })
        }
    };
    let platform = flags.string(b"platform")?.filter(|platform| !platform.bytes.is_empty());
    flags.end()?;
    Ok(From { base: base.clone(), name, platform })
}

fn run(source: &mut Source<'_>, mut flags: Flags<'_>) -> Result<Run, Error> {
    let mounts = flags.mounts()?;
    let network = flags.string(b"network")?;
    let security = flags.string(b"security")?;
    let devices = flags.strings(b"device")?;
    flags.end()?;
    for (flag, value, allowed) in [
        (&b"--network"[..], &network, &[&b"default"[..], b"none", b"host"][..]),
        (b"--security", &security, &[b"insecure", b"sandbox"]),
    ] {
        if let Some(value) = value
            && !allowed.contains(&value.bytes.as_slice())
        {
            let kind = ErrorKind::BadFlagValue { flag: flag.to_vec(), value: value.bytes.clone() };
            return source.fault(value.span, kind);
        }
    }
    let command = source.command(0)?;
    let heredocs = std::mem::take(&mut source.heredocs);
    Ok(Run { command, mounts, network, security, devices, heredocs })
}

fn copy(source: &mut Source<'_>, mut flags: Flags<'_>) -> Result<Copy, Error> {
    let (mut words, _) = source.exec_or_list()?;
    let no_destination = ErrorKind::NoDestination { instruction: source.name };
    let Some(destination) = words.pop().filter(|_| !words.is_empty()) else {
        let span = if source.rest.is_empty() { source.keyword } else { source.rest_span() };
        return source.fault(span, no_destination);
    };
    let add = source.name == "ADD";
    let mut out = Copy {
        chown: flags.string(b"chown")?,
        chmod: flags.string(b"chmod")?,
        link: flags.boolean(b"link")?.unwrap_or(false),
        excludes: flags.strings(b"exclude")?,
        ..Copy::default()
    };
    if add {
        out.keep_git_dir = flags.boolean(b"keep-git-dir")?;
        out.checksum = flags.string(b"checksum")?.filter(|checksum| !checksum.bytes.is_empty());
        out.unpack = flags.boolean(b"unpack")?;
    } else {
        out.from = flags.string(b"from")?.filter(|from| !from.bytes.is_empty());
        out.parents = flags.boolean(b"parents")?.unwrap_or(false);
    }
    flags.end()?;
    if heredoc_word(&destination.bytes).is_some() {
        return source.fault(destination.span, ErrorKind::HeredocAsDestination);
    }
    out.destination = destination;
    let read = std::mem::take(&mut source.heredocs);
    for word in words {
        match heredoc_word(&word.bytes) {
            // Of heredocs with one name, BuildKit takes the last one's body for all. A word that asks for a heredoc
            // where none was read stands for an empty file.
            Some(HeredocWord { name, expand, chomp }) => {
                out.inline.push(match read.iter().rev().find(|heredoc| heredoc.name == name) {
                    Some(heredoc) => Heredoc { chomp, ..heredoc.clone() },
                    None => Heredoc { name, expand, chomp, span: word.span, body: Vec::new() },
                })
            }
            None => out.sources.push(word),
        }
    }
    Ok(out)
}

fn healthcheck(source: &Source<'_>, mut flags: Flags<'_>) -> Result<Healthcheck, Error> {
    let rest = source.rest();
    let end = rest.iter().position(|&byte| runes::is_space(u32::from(byte))).unwrap_or(rest.len());
    if rest.is_empty() {
        return source.fault(source.keyword, ErrorKind::NoArguments { instruction: source.name });
    }
    let word = source.text(0..end);
    let next = end + rest[end..].iter().take_while(|&&byte| runes::is_space(u32::from(byte))).count();
    let bad = ErrorKind::BadHealthcheck { word: word.bytes.clone() };
    if word.bytes.eq_ignore_ascii_case(b"none") {
        return if next < rest.len() { source.fault(word.span, bad) } else { Ok(Healthcheck::None) };
    }
    let mut options = Vec::new();
    for name in [&b"interval"[..], b"timeout", b"start-period", b"start-interval", b"retries"] {
        if let Some(value) = flags.string(name)? {
            options.push((name.to_vec(), value));
        }
    }
    flags.end()?;
    if !word.bytes.eq_ignore_ascii_case(b"cmd") {
        return source.fault(word.span, bad);
    }
    let command = source.command(next)?;
    let empty = match &command {
        CommandLine::Shell(text) => text.bytes.is_empty(),
        CommandLine::Exec(words) => words.is_empty(),
    };
    if empty {
        return source.fault(word.span, ErrorKind::NoArguments { instruction: source.name });
    }
    Ok(Healthcheck::Cmd { command, options })
}

fn volume(source: &Source<'_>) -> Result<Vec<Text>, Error> {
    let (words, _) = source.exec_or_list()?;
    if words.is_empty() {
        return source.fault(source.keyword, ErrorKind::NoArguments { instruction: source.name });
    }
    match words.iter().find(|word| runes::trim(&word.bytes).is_empty()) {
        Some(word) => source.fault(word.span, ErrorKind::EmptyVolume),
        None => Ok(words),
    }
}

fn shell(source: &Source<'_>) -> Result<Vec<Text>, Error> {
    source.whole()?;
    match source.exec(0)? {
        None => source.fault(source.rest_span(), ErrorKind::ShellForm),
        Some(words) if words.is_empty() => {
            source.fault(source.rest_span(), ErrorKind::NoArguments { instruction: source.name })
        }
        Some(words) => Ok(words),
    }
}

fn onbuild(source: &mut Source<'_>) -> Result<Onbuild, Error> {
    source.whole()?;
    let head = syntax::head(source.rest(), source.escape);
    let trigger = source.text(head.keyword);
    let forbidden = [&b"ONBUILD"[..], b"FROM", b"MAINTAINER"];
    if forbidden.iter().any(|name| trigger.bytes.eq_ignore_ascii_case(name)) {
        return source.fault(trigger.span, ErrorKind::BadTrigger { instruction: trigger.bytes });
    }
    // BuildKit takes the keyword ONBUILD and the space after it from the line, and appends the heredocs.
    let mut expression = source.rest().to_vec();
    for heredoc in std::mem::take(&mut source.heredocs) {
        expression.push(b'\n');
        expression.extend_from_slice(&heredoc.body);
        expression.extend_from_slice(&heredoc.name);
    }
    Ok(Onbuild { trigger, expression })
}

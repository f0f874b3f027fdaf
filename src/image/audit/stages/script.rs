//! RUN's commands as words: the shell's text read, wrappers taken off, each word with its place in the Dockerfile. Knows nothing
//! of what the commands do.

use crate::base::Span;
use crate::image::command::shell::{
    Command as Node, CommandKind, List, Operation, Part, PartKind, Word as Raw, parse,
};
use crate::image::dockerfile::{CommandLine, Instruction, Lookup, Run, Scope, Value};
use std::collections::VecDeque;

/// One program that a RUN starts, in the order of the text.
#[derive(Clone, Debug, Default)]
pub(super) struct Command {
    /// The program: the last component of its path; `pip` for `python -m pip`.
    pub name: String,
    /// What follows it.
    pub words: Vec<Word>,
    /// Its first byte to its last, in the Dockerfile.
    pub span: Span,
    /// Number of the pipeline it is in, so that commands joined by `|` have the same.
    pub pipeline: usize,
    /// Whether its output goes to the next command of the pipeline.
    pub piped: bool,
    /// Whether it runs only on some paths.
    pub perhaps: bool,
    /// The environment given to it alone.
    pub environment: Vec<(String, String)>,
}

/// A word, expanded as far as the Dockerfile says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// The text, with `…` for what only the running shell knows.
    pub text: String,
    /// Whether all of it is known.
    pub known: bool,
    /// Its place in the Dockerfile.
    pub span: Span,
}

impl Command {
    /// The words' texts.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| word.text.as_str())
    }

    /// Whether one of its words is one of `options`.
    pub fn has(&self, options: &[&str]) -> bool {
        self.texts().any(|word| options.contains(&word))
    }

    /// Whether a group of short options holds `letter`: `-fsSLk` has `k`.
    pub fn has_letter(&self, letter: char) -> bool {
        self.texts().any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains(letter))
    }

    /// The value of an option, be it `--option value` or `--option=value`.
    pub fn value(&self, options: &[&str]) -> Option<&str> {
        let mut words = self.texts();
        while let Some(word) = words.next() {
            if options.contains(&word) {
                return words.next();
            }
            if let Some((name, value)) = word.split_once('=')
                && options.contains(&name)
            {
                return Some(value);
            }
        }
        None
    }

    /// The words that are no options.
    pub fn operands(&self) -> impl Iterator<Item = &Word> {
        self.words.iter().filter(|word| !word.text.starts_with('-'))
    }

    /// The first operand: the command of `apt-get install`, `pip install`.
    pub fn action(&self) -> &str {
        self.operands().next().map_or("", |word| &word.text)
    }

    /// All of it as text, its name first.
    pub fn shown(&self) -> String {
        std::iter::once(self.name.as_str()).chain(self.texts()).collect::<Vec<_>>().join(" ")
    }
}

/// Programs that run what follows their own options, with the options that take a value.
const WRAPPERS: [(&str, &[&str]); 11] = [
    ("sudo", &["-u", "-g", "--user", "--group"]),
    ("env", &["-u", "--unset", "-C", "--chdir"]),
    ("exec", &["-a"]),
    ("command", &[]),
    ("time", &["-f", "-o"]),
    ("nice", &["-n"]),
    ("eatmydata", &[]),
    ("xargs", &["-n", "-I", "-P", "-L", "-d", "-a"]),
    ("gosu", &[]),
    ("su-exec", &[]),
    ("timeout", &["-s", "-k"]),
];

struct Reader<'e> {
    /// Offset in the Dockerfile of each byte of the script.
    places: Vec<usize>,
    env: &'e mut dyn Scope,
    pipelines: usize,
    out: Vec<Command>,
}

/// The commands of a RUN; none where it isn't read by a Bourne shell. `shell` says whether that is what reads it, `escape` is the
/// Dockerfile's escape character.
pub(super) fn commands(
    file: &[u8],
    instruction: &Instruction,
    run: &Run,
    shell: bool,
    escape: u8,
    env: &mut dyn Scope,
) -> Vec<Command> {
    match &run.command {
        CommandLine::Exec(words) => {
            let words: Vec<Word> = words
                .iter()
                .map(|word| Word {
                    text: String::from_utf8_lossy(&word.bytes).into_owned(),
                    known: true,
                    span: word.span,
                })
                .collect();
            let mut out = Vec::new();
            // `["sh", "-c", "…"]`
            if let [program, option, script] = words.as_slice()
                && matches!(program.text.rsplit('/').next(), Some("sh" | "bash" | "ash" | "dash"))
                && option.text == "-c"
            {
                let places = vec![script.span.start; script.text.len()];
                let text = script.text.clone().into_bytes();
                return read(text, places, env);
            }
            out.extend(command(words, instruction.span, Command::default()));
            out
        }
        CommandLine::Shell(_) if !shell => Vec::new(),
        CommandLine::Shell(text) => {
            let is_heredoc = text.bytes.trim_ascii().starts_with(b"<<")
                && text.bytes.trim_ascii().iter().all(|byte| !byte.is_ascii_whitespace());
            match run.heredocs.first() {
                Some(heredoc) if is_heredoc => {
                    // A body that names another program is no shell script.
                    let foreign = heredoc.body.strip_prefix(b"#!").is_some_and(|rest| {
                        let line = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
                        !line.ends_with(b"sh")
                    });
                    if foreign {
                        return Vec::new();
                    }
                    let places = (heredoc.span.start..heredoc.span.start + heredoc.body.len()).collect();
                    read(heredoc.body.clone(), places, env)
                }
                _ => read(text.bytes.clone(), places_of(file, text.span, &text.bytes, escape), env),
            }
        }
    }
}

/// For each byte of the joined line its offset in the file: continuations, and the comments between, are stepped over as the
/// reader of Dockerfiles does.
fn places_of(file: &[u8], span: Span, joined: &[u8], escape: u8) -> Vec<usize> {
    let mut at = span.start;
    let mut out = Vec::with_capacity(joined.len());
    for &byte in joined {
        while file.get(at) == Some(&escape) {
            let rest = file.get(at + 1..).unwrap_or_default();
            let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
            if rest.get(blanks) != Some(&b'\n') {
                break;
            }
            at += blanks + 2;
            // Comments and blank lines.
            loop {
                let line = file.get(at..).unwrap_or_default();
                let end = memchr::memchr(b'\n', line).unwrap_or(line.len());
                let visible = line[..end].trim_ascii_start();
                if (visible.is_empty() || visible.starts_with(b"#")) && end < line.len() {
                    at += end + 1;
                } else {
                    break;
                }
            }
        }
        if file.get(at) != Some(&byte) {
            // Not as thought: the place of the whole is right all the same.
            out.resize(joined.len(), span.start);
            return out;
        }
        out.push(at);
        at += 1;
    }
    out
}

fn read(script: Vec<u8>, places: Vec<usize>, env: &mut dyn Scope) -> Vec<Command> {
    let tree = parse(&script);
    let mut reader = Reader { places, env, pipelines: 0, out: Vec::new() };
    reader.list(&tree.list, false);
    reader.out
}

impl Reader<'_> {
    fn span(&self, span: Span) -> Span {
        let start = self.places.get(span.start).copied();
        let end = span.end.checked_sub(1).and_then(|last| self.places.get(last)).map(|last| last + 1);
        let start = start.or(self.places.last().copied()).unwrap_or_default();
        Span::new(start, end.unwrap_or(start).max(start))
    }

    fn list(&mut self, list: &List, perhaps: bool) {
        for item in &list.items {
            let pipelines =
                std::iter::once(&item.first).chain(item.rest.iter().map(|(_, pipeline)| pipeline));
            for pipeline in pipelines {
                self.pipelines += 1;
                let number = self.pipelines;
                for (index, node) in pipeline.commands.iter().enumerate() {
                    let last = index + 1 == pipeline.commands.len();
                    self.node(node, perhaps, number, !last);
                }
            }
        }
    }

    fn node(&mut self, node: &Node, perhaps: bool, pipeline: usize, piped: bool) {
        match &node.kind {
            CommandKind::Simple(simple) => {
                let environment: Vec<(String, String)> = simple
                    .assignments
                    .iter()
                    .filter_map(|given| {
                        let value = given.value.as_ref().map(|value| self.word(value).text);
                        Some((String::from_utf8_lossy(&given.name).into_owned(), value?))
                    })
                    .collect();
                for given in &simple.assignments {
                    if let Some(value) = &given.value {
                        self.substitutions(&value.parts, perhaps);
                    }
                }
                for word in &simple.words {
                    self.substitutions(&word.parts, perhaps);
                }
                let words: Vec<Word> = simple.words.iter().map(|word| self.word(word)).collect();
                let base = Command { pipeline, piped, perhaps, environment, ..Command::default() };
                let span = self.span(node.span);
                if words.len() > 2
                    && matches!(words[0].text.rsplit('/').next(), Some("sh" | "bash" | "ash" | "dash"))
                    && words[1].text.starts_with('-')
                    && words[1].text.ends_with('c')
                {
                    let script = words[2].text.clone().into_bytes();
                    let places = vec![words[2].span.start; script.len()];
                    for mut inner in read(script, places, self.env) {
                        inner.perhaps |= perhaps;
                        inner.pipeline += self.pipelines;
                        self.out.push(inner);
                    }
                    return;
                }
                self.out.extend(command(words, span, base));
            }
            CommandKind::Subshell(list) | CommandKind::Group(list) => self.list(list, perhaps),
            CommandKind::If { branches, otherwise } => {
                for (condition, body) in branches {
                    self.list(condition, perhaps);
                    self.list(body, true);
                }
                if let Some(body) = otherwise {
                    self.list(body, true);
                }
            }
            CommandKind::For { words, body, .. } => {
                for word in words.iter().flatten() {
                    self.substitutions(&word.parts, perhaps);
                }
                self.list(body, perhaps);
            }
            CommandKind::Loop { condition, body } => {
                self.list(condition, perhaps);
                self.list(body, true);
            }
            CommandKind::Case { arms, .. } => {
                for (_, body) in arms {
                    self.list(body, true);
                }
            }
            CommandKind::Function { body, .. } => self.node(body, true, pipeline, false),
            CommandKind::Test | CommandKind::Opaque(_) => {}
        }
    }

    fn substitutions(&mut self, parts: &[Part], perhaps: bool) {
        for part in parts {
            match &part.kind {
                PartKind::Substitution(list) => self.list(list, perhaps),
                PartKind::Parameter { word, .. } => self.substitutions(word, true),
                _ => {}
            }
        }
    }

    fn word(&mut self, word: &Raw) -> Word {
        let mut out = Word { text: String::new(), known: true, span: self.span(word.span) };
        self.expand(&word.parts, &mut out);
        out
    }

    /// Adds what `parts` are expanded to.
    fn expand(&mut self, parts: &[Part], out: &mut Word) {
        for part in parts {
            match &part.kind {
                PartKind::Literal(bytes) => out.text.push_str(&String::from_utf8_lossy(bytes)),
                PartKind::Parameter { name, operation, word } => {
                    let found = self.env.get(name);
                    let fallback = matches!(operation, Operation::Default { .. });
                    match found {
                        Lookup::Set(Value::Known(bytes)) if fallback || *operation == Operation::Value => {
                            out.text.push_str(&String::from_utf8_lossy(&bytes));
                        }
                        Lookup::Unset if fallback => self.expand(word, out),
                        _ => {
                            out.known = false;
                            out.text.push('…');
                        }
                    }
                }
                PartKind::Substitution(_) | PartKind::Unknown => {
                    out.known = false;
                    out.text.push('…');
                }
            }
        }
    }
}

/// The command that `words` are, its wrappers taken off; none where there is no word.
fn command(words: Vec<Word>, span: Span, base: Command) -> Option<Command> {
    let mut words = VecDeque::from(words);
    let mut out = Command { span, ..base };
    loop {
        let first = words.pop_front()?;
        let name = first.text.rsplit('/').next().unwrap_or_default().to_owned();
        if let Some((_, valued)) = WRAPPERS.iter().find(|(wrapper, _)| *wrapper == name) {
            let mut operands = usize::from(matches!(name.as_str(), "gosu" | "su-exec" | "timeout"));
            while let Some(word) = words.front() {
                if word.text.starts_with('-') {
                    let takes = valued.contains(&word.text.as_str());
                    words.pop_front();
                    if takes {
                        words.pop_front();
                    }
                } else if name == "env" && word.text.contains('=') {
                    if let Some((name, value)) = word.text.split_once('=') {
                        out.environment.push((name.to_owned(), value.to_owned()));
                    }
                    words.pop_front();
                } else if operands > 0 {
                    operands -= 1;
                    words.pop_front();
                } else {
                    break;
                }
            }
            continue;
        }
        let is_python = name.starts_with("python") || name.starts_with("pypy");
        out.name = name;
        if is_python && words.len() > 1 && words.front().is_some_and(|word| word.text == "-m") {
            words.pop_front();
            out.name = words.pop_front()?.text;
        }
        let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '.');
        if out.name.strip_prefix("pip").is_some_and(digits) {
            out.name = "pip".to_owned();
        }
        // `uv pip install` is pip's own language.
        if out.name == "uv" && words.front().is_some_and(|word| word.text == "pip") {
            words.pop_front();
            out.name = "uv pip".to_owned();
        }
        out.words = words.into();
        return Some(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::dockerfile::{Kind, parse};

    struct Empty;
    impl Scope for Empty {
        fn get(&mut self, name: &[u8]) -> Lookup {
            match name {
                b"VERSION" => Lookup::Set(Value::from(&b"1.2"[..])),
                _ => Lookup::Unset,
            }
        }
    }

    fn of(text: &str) -> Vec<(String, usize)> {
        let file = parse(text.as_bytes()).unwrap_or_default();
        let mut out = Vec::new();
        for instruction in file.stages.iter().flat_map(|stage| &stage.instructions) {
            if let Kind::Run(run) = &instruction.kind {
                for command in commands(text.as_bytes(), instruction, run, true, b'\\', &mut Empty) {
                    let line = crate::base::source::line_column(text.as_bytes(), command.span.start).line;
                    out.push((command.shown(), line));
                }
            }
        }
        out
    }

    #[test]
    fn commands_have_their_lines() {
        let text = "FROM a\nRUN apt-get update && \\\n# why\n\n    apt-get install gcc=$VERSION \\\n  make; \\\n  /usr/bin/python3 -m pip install x\n";
        let expected = [("apt-get update", 2), ("apt-get install gcc=1.2 make", 5), ("pip install x", 7)];
        assert_eq!(of(text), expected.map(|(text, line)| (text.to_owned(), line)));
    }

    #[test]
    fn wrappers_branches_and_heredocs_are_seen_through() {
        let text = "FROM a\nRUN <<EOF\nset -e\nif x; then sudo -u y pip3 install z; fi\nEOF\nRUN [\"pip\", \"install\", \"q\"]\n\
                    RUN bash -lc 'make all' && A=$(curl -s http://x) env B=1 cc\n";
        let names: Vec<String> = of(text).into_iter().map(|(text, _)| text).collect();
        let expected =
            ["set -e", "x", "pip install z", "pip install q", "make all", "curl -s http://x", "cc"];
        assert_eq!(names, expected);
    }
}

//! The shell's grammar above words: lists, pipelines, compound commands. Knows nothing of expansion.

use super::redirect::Pending;
use super::*;

/// How deeply commands and substitutions may nest before the text is called opaque: it bounds the stack.
const DEPTH_MAX: usize = 48;

/// Reads `text` as a shell script. Time is linear in the text's length; nothing in it can make this fail: from the
/// first complete command that is no valid syntax, the rest is one opaque command, as a shell would stop there.
pub fn parse(text: &[u8]) -> Script {
    let mut parser = Parser::new(text, 0, text.len());
    let mut list = List::default();
    loop {
        parser.skip_separators();
        if parser.at >= parser.end {
            break;
        }
        let start = parser.at;
        match parser.item() {
            Ok(item) => list.items.push(item),
            Err(reason) => {
                let span = Span::new(start, text.len());
                let command = Command { kind: CommandKind::Opaque(reason), redirections: Vec::new(), span };
                let first = Pipeline { negated: false, commands: vec![command], span };
                list.items.push(Item { first, rest: Vec::new(), background: false });
                break;
            }
        }
    }
    parser.read_heredocs();
    Script { list, heredocs: parser.heredocs }
}

/// Reads one text from front to back; `at` only grows.
pub(super) struct Parser<'t> {
    pub(super) text: &'t [u8],
    pub(super) at: usize,
    pub(super) end: usize,
    pub(super) depth: usize,
    pub(super) pending: Vec<Pending>,
    pub(super) heredocs: Vec<Heredoc>,
}

/// A part of the grammar that was read, or why it wasn't.
pub(super) type Parsed<T> = Result<T, Reason>;

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t [u8], at: usize, end: usize) -> Self {
        Parser { text, at, end: end.min(text.len()), depth: 0, pending: Vec::new(), heredocs: Vec::new() }
    }

    /// The byte at `at + ahead`; none past the end.
    pub(super) fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied().filter(|_| self.at + ahead < self.end)
    }

    pub(super) fn looking_at(&self, token: &[u8]) -> bool {
        self.text[self.at..self.end].starts_with(token)
    }

    fn take(&mut self, token: &[u8]) -> bool {
        let there = self.looking_at(token);
        if there {
            self.at += token.len();
        }
        there
    }

    /// Runs `inner` one level deeper.
    pub(super) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH_MAX {
            return Err(Reason::TooDeep);
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// Steps over blanks, continued lines and a comment.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            match self.byte(0) {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\\') if self.byte(1) == Some(b'\n') => self.at += 2,
                Some(b'#') => {
                    let rest = &self.text[self.at..self.end];
                    self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    /// Steps over blanks and newlines.
    fn skip_newlines(&mut self) {
        loop {
            self.skip_blanks();
            if self.byte(0) != Some(b'\n') {
                return;
            }
            self.newline();
        }
    }

    /// Steps over what may stand between complete commands.
    fn skip_separators(&mut self) {
        loop {
            self.skip_newlines();
            if self.byte(0) != Some(b';') || self.byte(1) == Some(b';') {
                return;
            }
            self.at += 1;
        }
    }

    fn newline(&mut self) {
        self.at += 1;
        self.read_heredocs();
    }

    /// A list up to a token that `ends` accepts, which is left unread.
    pub(super) fn list(&mut self, ends: impl Fn(&Self) -> bool) -> Parsed<List> {
        self.nested(|parser| {
            let mut list = List::default();
            loop {
                parser.skip_newlines();
                if ends(parser) || parser.at >= parser.end {
                    return Ok(list);
                }
                list.items.push(parser.item()?);
            }
        })
    }

    /// One and-or list with the separator after it.
    fn item(&mut self) -> Parsed<Item> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        let mut background = false;
        loop {
            self.skip_blanks();
            let connector = match (self.byte(0), self.byte(1)) {
                (Some(b'&'), Some(b'&')) => Connector::And,
                (Some(b'|'), Some(b'|')) => Connector::Or,
                (Some(b';'), Some(b';')) => break,
                (Some(b'&'), _) => {
                    background = true;
                    self.at += 1;
                    break;
                }
                (Some(b';'), _) => {
                    self.at += 1;
                    break;
                }
                (Some(b'\n'), _) => {
                    self.newline();
                    break;
                }
                (None | Some(b')'), _) => break,
                _ => return Err(Reason::UnexpectedToken),
            };
            self.at += 2;
            self.skip_newlines();
            rest.push((connector, self.pipeline()?));
        }
        Ok(Item { first, rest, background })
    }

    fn pipeline(&mut self) -> Parsed<Pipeline> {
        self.skip_blanks();
        let start = self.at;
        let mut negated = false;
        while self.reserved() == Some(b"!") {
            self.at += 1;
            negated = !negated;
            self.skip_blanks();
        }
        let mut commands = vec![self.command()?];
        loop {
            self.skip_blanks();
            match (self.byte(0), self.byte(1)) {
                (Some(b'|'), Some(b'|')) => break,
                (Some(b'|'), Some(b'&')) => self.at += 2,
                (Some(b'|'), _) => self.at += 1,
                _ => break,
            }
            self.skip_newlines();
            commands.push(self.command()?);
        }
        let end = commands.last().map_or(start, |last| last.span.end);
        Ok(Pipeline { negated, commands, span: Span::new(start, end) })
    }

    /// The reserved word that stands here by itself, unquoted.
    fn reserved(&self) -> Option<&'t [u8]> {
        const WORDS: [&[u8]; 20] = [
            b"if",
            b"then",
            b"elif",
            b"else",
            b"fi",
            b"for",
            b"in",
            b"do",
            b"done",
            b"while",
            b"until",
            b"case",
            b"esac",
            b"function",
            b"select",
            b"coproc",
            b"{",
            b"}",
            b"!",
            b"[[",
        ];
        let rest = &self.text[self.at..self.end];
        let stop = |at: usize| match rest.get(at) {
            Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>') | None => {
                true
            }
            Some(b'\\') => rest.get(at + 1) == Some(&b'\n'),
            Some(_) => false,
        };
        let length = (0..10).find(|at| stop(*at))?;
        let word = rest.get(..length)?;
        WORDS.contains(&word).then_some(word)
    }

    fn expect(&mut self, word: &[u8]) -> Parsed<()> {
        match self.reserved() == Some(word) {
            true => {
                self.at += word.len();
                Ok(())
            }
            false if self.at >= self.end => Err(Reason::UnclosedCommand),
            false => Err(Reason::UnexpectedToken),
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        self.skip_blanks();
        let start = self.at;
        let mut redirections = Vec::new();
        let kind = match self.compound()? {
            Some(kind) => kind,
            None => self.simple(&mut redirections)?,
        };
        self.redirections(&mut redirections)?;
        Ok(Command { kind, redirections, span: Span::new(start, self.at) })
    }

    /// A compound command, where one stands here.
    fn compound(&mut self) -> Parsed<Option<CommandKind>> {
        if self.byte(0) == Some(b'(') {
            if self.byte(1) == Some(b'(')
                && let Some(end) = self.arithmetic_end(self.at + 2)
            {
                self.at = end;
                return Ok(Some(CommandKind::Test));
            }
            self.at += 1;
            let list = self.list(|parser| parser.byte(0) == Some(b')'))?;
            return match self.take(b")") {
                true => Ok(Some(CommandKind::Subshell(list))),
                false => Err(Reason::UnclosedCommand),
            };
        }
        let Some(word) = self.reserved() else { return Ok(None) };
        if matches!(word, b"then" | b"elif" | b"else" | b"fi" | b"do" | b"done" | b"esac" | b"}") {
            return Err(Reason::UnexpectedToken);
        }
        if word == b"in" {
            return Ok(None);
        }
        self.at += word.len();
        let kind = match word {
            b"{" => {
                let list = self.body(&[b"}"])?;
                self.expect(b"}")?;
                CommandKind::Group(list)
            }
            b"if" => self.if_command()?,
            b"for" => self.for_command()?,
            b"while" | b"until" => {
                let condition = self.body(&[b"do"])?;
                CommandKind::Loop { condition, body: self.do_group()? }
            }
            b"case" => self.case_command()?,
            b"function" => {
                self.skip_blanks();
                let name = self.word()?.and_then(|word| word.literal()).ok_or(Reason::UnexpectedToken)?;
                self.skip_blanks();
                if self.take(b"(") {
                    self.skip_blanks();
                    if !self.take(b")") {
                        return Err(Reason::UnexpectedToken);
                    }
                }
                self.function(name)?
            }
            b"[[" => self.double_bracket()?,
            _ => return Err(Reason::Unsupported),
        };
        Ok(Some(kind))
    }

    /// A list up to one of the reserved words `ends`, which is left unread.
    fn body(&mut self, ends: &[&[u8]]) -> Parsed<List> {
        self.list(|parser| parser.reserved().is_some_and(|word| ends.contains(&word)))
    }

    fn do_group(&mut self) -> Parsed<List> {
        self.expect(b"do")?;
        let body = self.body(&[b"done"])?;
        self.expect(b"done")?;
        Ok(body)
    }

    fn if_command(&mut self) -> Parsed<CommandKind> {
        let mut branches = Vec::new();
        loop {
            let condition = self.body(&[b"then"])?;
            self.expect(b"then")?;
            branches.push((condition, self.body(&[b"elif", b"else", b"fi"])?));
            let word = self.reserved();
            self.at += word.map_or(0, <[u8]>::len);
            match word {
                Some(b"elif") => {}
                Some(b"else") => {
                    let otherwise = Some(self.body(&[b"fi"])?);
                    self.expect(b"fi")?;
                    return Ok(CommandKind::If { branches, otherwise });
                }
                Some(b"fi") => return Ok(CommandKind::If { branches, otherwise: None }),
                _ => return Err(Reason::UnclosedCommand),
            }
        }
    }

    fn for_command(&mut self) -> Parsed<CommandKind> {
        self.skip_blanks();
        if self.looking_at(b"((") {
            self.at = self.brackets_end(self.at + 2, b"").ok_or(Reason::UnclosedCommand)?;
            self.skip_separators();
            let body = self.do_group()?;
            return Ok(CommandKind::Loop { condition: List::default(), body });
        }
        let name = self.word()?.and_then(|word| word.literal()).ok_or(Reason::UnexpectedToken)?;
        self.skip_newlines();
        let words = match self.reserved() == Some(b"in") {
            false => None,
            true => {
                self.at += 2;
                let mut words = Vec::new();
                loop {
                    self.skip_blanks();
                    match self.word()? {
                        Some(word) => words.push(word),
                        None => break Some(words),
                    }
                }
            }
        };
        self.skip_separators();
        Ok(CommandKind::For { name, words, body: self.do_group()? })
    }

    fn case_command(&mut self) -> Parsed<CommandKind> {
        self.skip_blanks();
        let subject = self.word()?.ok_or(Reason::UnexpectedToken)?;
        self.skip_newlines();
        self.expect(b"in")?;
        let mut arms = Vec::new();
        loop {
            self.skip_newlines();
            if self.reserved() == Some(b"esac") {
                self.at += 4;
                return Ok(CommandKind::Case { subject, arms });
            }
            self.take(b"(");
            let mut patterns = Vec::new();
            loop {
                self.skip_blanks();
                patterns.push(self.word()?.ok_or(match self.at >= self.end {
                    true => Reason::UnclosedCommand,
                    false => Reason::UnexpectedToken,
                })?);
                self.skip_blanks();
                if self.take(b")") {
                    break;
                }
                if !self.take(b"|") {
                    return Err(Reason::UnexpectedToken);
                }
            }
            let body = self.list(|parser| parser.looking_at(b";;") || parser.reserved() == Some(b"esac"))?;
            arms.push((patterns, body));
            if self.take(b";;") {
                // bash's `;;&`
                self.take(b"&");
            }
        }
    }

    fn function(&mut self, name: Vec<u8>) -> Parsed<CommandKind> {
        self.skip_newlines();
        let body = self.nested(Self::command)?;
        Ok(CommandKind::Function { name, body: Box::new(body) })
    }

    /// bash's `[[ … ]]`, up to the `]]` that stands by itself.
    fn double_bracket(&mut self) -> Parsed<CommandKind> {
        loop {
            self.skip_newlines();
            match self.word()? {
                Some(word) if word.span.of(self.text) == b"]]" => return Ok(CommandKind::Test),
                Some(_) => {}
                None if self.at >= self.end => return Err(Reason::UnclosedCommand),
                None => self.at += 1,
            }
        }
    }

    /// Offset past the `))` that closes the arithmetic whose inside starts at `from`; none where it is none.
    pub(super) fn arithmetic_end(&self, from: usize) -> Option<usize> {
        let end = self.brackets_end(from, b"'\"`;")?;
        // Two words side by side are no arithmetic, but a command: `((docker ps))` is a subshell in a subshell.
        let inside = self.text.get(from..end - 2)?;
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        let mut after_word = false;
        for pair in inside.windows(2) {
            after_word = is_word(&pair[0]) || (after_word && pair[0].is_ascii_whitespace());
            if after_word && pair[0].is_ascii_whitespace() && is_word(&pair[1]) {
                return None;
            }
        }
        Some(end)
    }

    /// Offset past the `))` that closes the brackets whose inside starts at `from`, with none of the bytes `never` in it.
    fn brackets_end(&self, from: usize, never: &[u8]) -> Option<usize> {
        let mut open = 0usize;
        for (index, byte) in self.text.get(from..self.end)?.iter().enumerate() {
            match byte {
                b'(' => open += 1,
                b')' if open > 0 => open -= 1,
                b')' => {
                    let after = from + index + 1;
                    return (after < self.end && self.text.get(after) == Some(&b')')).then_some(after + 1);
                }
                byte if never.contains(byte) => return None,
                _ => {}
            }
        }
        None
    }

    fn simple(&mut self, redirections: &mut Vec<Redirection>) -> Parsed<CommandKind> {
        let mut simple = Simple::default();
        loop {
            self.skip_blanks();
            if self.redirection(redirections)? {
                continue;
            }
            if simple.words.is_empty()
                && let Some(assignment) = self.assignment()?
            {
                simple.assignments.push(assignment);
                continue;
            }
            match self.word()? {
                Some(mut word) => {
                    // bash's `declare NAME=( … )`: an array, whose value is not followed.
                    let is_array = self.byte(0) == Some(b'(') && word.span.of(self.text).ends_with(b"=");
                    if is_array && !simple.words.is_empty() {
                        self.array()?;
                        let span = Span::new(word.span.end, self.at);
                        word.parts.push(Part { kind: PartKind::Unknown, quoted: true, span });
                        word.span.end = self.at;
                    }
                    simple.words.push(word);
                }
                None => break,
            }
            if simple.words.len() == 1 && simple.assignments.is_empty() && redirections.is_empty() {
                let after_word = self.at;
                self.skip_blanks();
                if self.byte(0) == Some(b'(') {
                    self.at += 1;
                    self.skip_blanks();
                    let name = simple.words.pop().and_then(|word| word.literal());
                    return match (self.take(b")"), name) {
                        (true, Some(name)) => self.function(name),
                        _ => Err(Reason::UnexpectedToken),
                    };
                }
                self.at = after_word;
            }
        }
        if simple.words.is_empty() && simple.assignments.is_empty() && redirections.is_empty() {
            return Err(match self.at >= self.end {
                true => Reason::UnclosedCommand,
                false => Reason::UnexpectedToken,
            });
        }
        Ok(CommandKind::Simple(simple))
    }

    /// `NAME=value`, where one stands here.
    fn assignment(&mut self) -> Parsed<Option<Assignment>> {
        let rest = &self.text[self.at..self.end];
        let length =
            rest.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_').unwrap_or(rest.len());
        let append = rest[length..].starts_with(b"+=");
        if length == 0 || rest[0].is_ascii_digit() || !(append || rest[length..].starts_with(b"=")) {
            return Ok(None);
        }
        let start = self.at;
        let name = rest[..length].to_vec();
        self.at += length + 1 + usize::from(append);
        let value = match self.byte(0) {
            Some(b'(') => {
                self.array()?;
                None
            }
            _ => Some(self.word()?.unwrap_or(Word { parts: Vec::new(), span: Span::new(self.at, self.at) })),
        };
        Ok(Some(Assignment { name, value, append, span: Span::new(start, self.at) }))
    }

    /// bash's `( words )` of an array.
    fn array(&mut self) -> Parsed<()> {
        self.at += 1;
        loop {
            self.skip_newlines();
            if self.take(b")") {
                return Ok(());
            }
            if self.word()?.is_none() {
                return Err(Reason::UnclosedCommand);
            }
        }
    }
}

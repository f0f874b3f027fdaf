//! The shell's redirections and here-documents. Knows nothing of expansion.

use super::parse::{Parsed, Parser};
use super::*;

/// A here-document whose operator was read, and whose body is yet to come.
pub(super) struct Pending {
    index: usize,
    delimiter: Vec<u8>,
    quoted: bool,
    strip_tabs: bool,
}

impl Parser<'_> {
    /// Reads the bodies of the here-documents whose operators stood on the line that just ended.
    pub(super) fn read_heredocs(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            let start = self.at;
            let (body_end, next) = self.heredoc_end(&pending);
            let span = Span::new(start, body_end);
            self.at = next;
            let parts = match pending.quoted {
                true => {
                    vec![Part { kind: PartKind::Literal(span.of(self.text).to_vec()), quoted: true, span }]
                }
                false => {
                    let (parts, heredocs) =
                        heredoc_parts(self.text, span, self.depth, std::mem::take(&mut self.heredocs));
                    self.heredocs = heredocs;
                    parts
                }
            };
            if let Some(slot) = self.heredocs.get_mut(pending.index) {
                *slot = Heredoc { span, parts };
            }
        }
    }

    /// End of the body that starts at `at`, and start of what follows its delimiter's line.
    fn heredoc_end(&self, pending: &Pending) -> (usize, usize) {
        let mut line_start = self.at.min(self.end);
        while line_start < self.end {
            let rest = &self.text[line_start..self.end];
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let mut line = &rest[..length];
            while let (true, Some((b'\t', tail))) = (pending.strip_tabs, line.split_first()) {
                line = tail;
            }
            let next = (line_start + length + 1).min(self.end);
            if line == pending.delimiter {
                return (line_start, next);
            }
            line_start = next;
        }
        (self.end, self.end)
    }

    pub(super) fn redirections(&mut self, out: &mut Vec<Redirection>) -> Parsed<()> {
        loop {
            let before = self.at;
            self.skip_blanks();
            if !self.redirection(out)? {
                self.at = before;
                return Ok(());
            }
        }
    }

    /// A redirection, where one stands here; whether one did.
    pub(super) fn redirection(&mut self, out: &mut Vec<Redirection>) -> Parsed<bool> {
        const OPERATORS: [(&[u8], Operator); 12] = [
            (b"&>>", Operator::WriteBoth),
            (b"&>", Operator::WriteBoth),
            (b"<<<", Operator::Here),
            (b"<<-", Operator::Here),
            (b"<<", Operator::Here),
            (b"<>", Operator::ReadWrite),
            (b"<&", Operator::Duplicate),
            (b">&", Operator::Duplicate),
            (b">>", Operator::Append),
            (b">|", Operator::Write),
            (b"<", Operator::Read),
            (b">", Operator::Write),
        ];
        let start = self.at;
        let rest = &self.text[start..self.end];
        let digits = rest.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
        let found = OPERATORS.iter().find(|(token, _)| rest[digits..].starts_with(token));
        let Some((token, operator)) = found else { return Ok(false) };
        // `<(…)` and `>(…)` are words.
        if digits == 0 && (rest.starts_with(b"<(") || rest.starts_with(b">(")) {
            return Ok(false);
        }
        let descriptor = std::str::from_utf8(&rest[..digits]).ok().and_then(|digits| digits.parse().ok());
        self.at += digits + token.len();
        self.skip_blanks();
        let word = self.word()?.ok_or(Reason::MissingTarget)?;
        let target = match *token {
            b"<<" | b"<<-" => {
                let index = self.heredocs.len();
                self.heredocs.push(Heredoc::default());
                let quoted = word.parts.iter().any(|part| part.quoted);
                // A delimiter is not expanded: what is no plain text in it stands for itself.
                let delimiter = word.literal().unwrap_or_else(|| word.span.of(self.text).to_vec());
                self.pending.push(Pending { index, delimiter, quoted, strip_tabs: *token == b"<<-" });
                Target::Heredoc(index)
            }
            _ => Target::Word(word),
        };
        out.push(Redirection { descriptor, operator: *operator, target, span: Span::new(start, self.at) });
        Ok(true)
    }
}

/// The parts of a here-document's body that is expanded, and `heredocs` with those of its substitutions added; one
/// unknown part where it can't be read.
fn heredoc_parts(text: &[u8], span: Span, depth: usize, heredocs: Vec<Heredoc>) -> (Vec<Part>, Vec<Heredoc>) {
    let mut inner = Parser::new(text, span.start, span.end);
    (inner.depth, inner.heredocs) = (depth, heredocs);
    let parts = inner.nested(Parser::heredoc_body);
    let unknown = || vec![Part { kind: PartKind::Unknown, quoted: true, span }];
    (parts.unwrap_or_else(|_| unknown()), inner.heredocs)
}

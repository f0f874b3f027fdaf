//! A finding as people read it: its place, what is wrong, the line with a caret, a hint. Knows nothing of what is found.

use super::style::{Style, columns, columns_of, printable, width as line_width, wrapped};
use crate::base::printable::is_obeyed;
use crate::base::secret;
use crate::image::recipe::Place;

/// A finding to be shown.
pub struct Entry<'e> {
    /// What stands before it in place of the file and line.
    pub head: Option<String>,
    /// The place; its line is shown.
    pub place: Option<&'e Place>,
    /// `error`, `warning` or `info`; of what could not be judged, `not judged`.
    pub severity: &'static str,
    /// What is wrong.
    pub text: &'e str,
    /// The finding's stable name; empty for what has none.
    pub code: &'e str,
    /// What to do about it.
    pub hint: Option<&'e str>,
    /// Whether long texts are broken into lines.
    pub wraps: bool,
}

/// `text` in the colour of a severity.
pub fn coloured(style: Style, severity: &str, text: &str) -> String {
    match severity {
        "error" | "not judged" => style.error(text),
        "warning" => style.warning(text),
        _ => style.bold(text),
    }
}

impl Entry<'_> {
    /// Writes it, a line for each of its parts.
    pub fn write(&self, style: Style, out: &mut String) {
        let head = match (&self.head, self.place) {
            (Some(head), _) => head.clone(),
            (None, Some(Place { file, line, column: Some(column), .. })) => {
                format!("{file}:{line}:{column}: ")
            }
            (None, Some(Place { file, line, .. })) => format!("{file}:{line}: "),
            (None, None) => String::new(),
        };
        let severity = coloured(style, self.severity, self.severity);
        let text = printable(&secret::masked(self.text));
        let plain = if self.code.is_empty() { String::new() } else { format!("[{}]", self.code) };
        let code = if plain.is_empty() { String::new() } else { style.dim(&plain) };
        let head = printable(&head);
        let used = columns(&head) + self.severity.len() + 2;
        let text = match self.wraps {
            true => {
                let last = (!plain.is_empty()).then(|| plain.clone());
                let words: Vec<String> = text.split(' ').map(str::to_owned).chain(last).collect();
                let text = wrapped(&words, "", used, 4);
                text.strip_suffix(&plain).map(|text| format!("{text}{code}")).unwrap_or(text)
            }
            false => format!("{text} {code}"),
        };
        out.push_str(&format!("{}{severity}: {text}\n", style.bold(&head)));
        let mut margin = 0;
        if let Some(Place { line, column: Some(column), length, text: Some(source), .. }) = self.place {
            let number = line.to_string();
            margin = number.len() + 1;
            let (shown, start, width) =
                snippet(&secret::masked(source), *column, *length, line_width() - margin - 3);
            out.push_str(&format!(" {} {shown}\n", style.dim(&format!("{number} |"))));
            let caret = coloured(style, self.severity, &format!("^{}", "~".repeat(width.saturating_sub(1))));
            let bar = style.dim(&format!("{} |", " ".repeat(number.len())));
            out.push_str(&format!(" {bar} {}{caret}\n", " ".repeat(start)));
        }
        if let Some(hint) = self.hint {
            let bar = style.dim(&format!("{} =", " ".repeat(margin)));
            let text = match self.wraps {
                true => {
                    let words: Vec<String> = printable(hint).split(' ').map(str::to_owned).collect();
                    wrapped(&words, "", margin + 3, margin + 3)
                }
                false => printable(hint),
            };
            out.push_str(&format!("{bar} {text}\n"));
        }
    }
}

/// The part of a line around byte `column` that has room in `room` columns, where the caret begins in it, and how long
/// it is. A tab is four columns.
pub(super) fn snippet(line: &str, column: usize, length: usize, room: usize) -> (String, usize, usize) {
    const TAB: usize = 4;
    let mut shown: Vec<char> = Vec::new();
    let (mut start, mut end) = (None, 0);
    for (at, c) in line.char_indices() {
        if at + 1 >= column && start.is_none() {
            start = Some(shown.len());
        }
        match c {
            '\t' => shown.extend([' '; TAB]),
            c if is_obeyed(c) => shown.push('\u{fffd}'),
            c => shown.push(c),
        }
        if at + 1 < column + length {
            end = shown.len();
        }
    }
    let mut start = start.unwrap_or(shown.len());
    let mut width = end.saturating_sub(start).max(1);
    if shown.len() > room && start + width > room.saturating_sub(2) {
        let cut = (start + width.min(room / 2)).saturating_sub(room - 4).min(start);
        shown.drain(..cut);
        start -= cut;
        if let Some(first) = shown.first_mut() {
            *first = '…';
        }
    }
    if shown.len() > room {
        shown.truncate(room - 1);
        shown.push('…');
    }
    width = width.min(room.saturating_sub(start)).max(1);
    let wide = |part: &[char]| -> usize { part.iter().map(|&c| columns_of(c)).sum() };
    let (before, rest) = shown.split_at(start.min(shown.len()));
    let marked = wide(&rest[..width.min(rest.len())]).max(1);
    (shown.iter().collect(), wide(before), marked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_keep_the_caret_in_sight() {
        assert_eq!(snippet("\tdocker build", 2, 6, 70), ("    docker build".to_owned(), 4, 6));
        let long = format!("{}HERE{}", "a".repeat(200), "b".repeat(200));
        let (text, start, width) = snippet(&long, 201, 4, 60);
        assert!(text.chars().count() <= 60, "{text}");
        assert_eq!(text.chars().skip(start).take(width).collect::<String>(), "HERE");
        assert_eq!(snippet("", 1, 1, 60), (String::new(), 0, 1));
        let (text, start, width) = snippet("größe x", 9, 1, 60);
        assert_eq!(text.chars().skip(start).take(width).collect::<String>(), "x");
    }
}

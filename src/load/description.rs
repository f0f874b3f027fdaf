//! What makefiles say of their targets in comments: `target: … ## text`, the comment right before a rule, `##@ Group` lines. Read from
//! the makefiles' text when it is asked for, as a run has no use for comments. Knows nothing of rules.

use crate::base::diagnostic::Place;
use crate::base::tables::HashMap;
use crate::os::files::read_again;
use crate::os::words::trim;

/// What stands beside a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The text; empty where there is none.
    pub text: String,
    /// Whether the text was meant as a description (`##`), and is no mere comment.
    pub is_meant: bool,
    /// The group's name; empty outside of all groups.
    pub group: String,
}

impl Description {
    /// The first sentence of a comment; the whole of what was meant as a description.
    pub fn summary(&self) -> &str {
        match self.text.find(". ") {
            Some(end) if !self.is_meant => &self.text[..end],
            _ if !self.is_meant => self.text.strip_suffix('.').unwrap_or(&self.text),
            _ => &self.text,
        }
    }
}

/// The texts of makefiles, each read when it is first asked for.
#[derive(Default)]
pub struct Descriptions {
    texts: HashMap<&'static [u8], Text>,
}

impl Descriptions {
    /// What stands beside the rule or block that begins at `place`; nothing where the makefile can't be read any more.
    pub fn of(&mut self, place: Place) -> Description {
        let read = || Text::new(read_again(place.file).unwrap_or_default());
        self.texts.entry(place.file).or_insert_with(read).describe(place.line as usize)
    }
}

/// A makefile's text.
struct Text {
    bytes: Vec<u8>,
    /// Where each line begins.
    starts: Vec<usize>,
    /// The groups, with the index of the line that begins each.
    groups: Vec<(usize, String)>,
}

impl Text {
    fn new(bytes: Vec<u8>) -> Text {
        let after = memchr::memchr_iter(b'\n', &bytes).map(|newline| newline + 1);
        let mut starts: Vec<usize> = std::iter::once(0).chain(after).collect();
        starts.push(bytes.len());
        let mut text = Text { bytes, starts, groups: Vec::new() };
        let group = |at: usize| {
            let name = text.line(at)?.strip_prefix(b"##@")?;
            Some((at, String::from_utf8_lossy(trim(name)).into_owned()))
        };
        text.groups = (0..text.starts.len()).filter_map(group).collect();
        text
    }

    /// The line of this index without its end.
    fn line(&self, at: usize) -> Option<&[u8]> {
        let line = self.bytes.get(*self.starts.get(at)?..*self.starts.get(at + 1)?)?;
        Some(line.trim_ascii_end())
    }

    fn describe(&self, number: usize) -> Description {
        let Some(at) = number.checked_sub(1) else { return Description::default() };
        let before = self.groups.partition_point(|(line, _)| *line <= at);
        let group = self.groups[..before].last().map(|(_, name)| name.clone()).unwrap_or_default();
        let mut found = Description { group, ..Description::default() };
        let line = self.logical_line(at);
        if let Some(text) = marked(&line) {
            found.is_meant = true;
            found.text = String::from_utf8_lossy(text).into_owned();
            // `##@group text` puts this one target into a group.
            if let Some((group, text)) =
                found.text.strip_prefix('@').map(|rest| rest.split_once(' ').unwrap_or((rest, "")))
            {
                (found.group, found.text) = (group.to_owned(), text.trim().to_owned());
            }
        } else if is_rule(&line) {
            (found.text, found.is_meant) = self.comment_before(at);
        }
        found
    }

    /// The line and those that continue it.
    fn logical_line(&self, at: usize) -> Vec<u8> {
        let mut whole = Vec::new();
        for at in at.. {
            let Some(line) = self.line(at) else { break };
            whole.extend_from_slice(line.strip_suffix(b"\\").unwrap_or(line));
            if !line.ends_with(b"\\") {
                break;
            }
            whole.push(b' ');
        }
        whole
    }

    /// The comment that ends in the line before the rule or before its `.PHONY` line. Where lines of it begin with `##`, these are
    /// meant.
    fn comment_before(&self, at: usize) -> (String, bool) {
        let mut lines: Vec<&[u8]> = Vec::new();
        for at in (0..at).rev() {
            let Some(line) = self.line(at) else { break };
            if lines.is_empty() && line.starts_with(b".PHONY") {
                match marked(line) {
                    Some(text) => return (String::from_utf8_lossy(text).into_owned(), true),
                    None => continue,
                }
            }
            if !line.starts_with(b"#")
                || line.starts_with(b"##@")
                || line.starts_with(b"#!")
                || is_rule_off(line)
            {
                break;
            }
            lines.push(line);
        }
        lines.reverse();
        let is_meant = lines.iter().any(|line| line.starts_with(b"##"));
        let texts = lines.iter().filter(|line| !is_meant || line.starts_with(b"##")).map(|line| {
            let hashes = line.iter().take_while(|&&byte| byte == b'#').count();
            String::from_utf8_lossy(trim(&line[hashes..])).into_owned()
        });
        let text = texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
        (text, is_meant)
    }
}

/// What follows `##` in a line, after white space or a colon.
fn marked(line: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find_iter(line, b"##")
        .find(|&at| at > 0 && matches!(line[at - 1], b' ' | b'\t' | b':'))?;
    let hashes = line[at..].iter().take_while(|&&byte| byte == b'#').count();
    let text = trim(&line[at + hashes..]);
    (!text.is_empty()).then_some(text)
}

/// Whether a comment's line is a heading or a line across the page, and so no part of what is said of a rule.
fn is_rule_off(line: &[u8]) -> bool {
    line.windows(4).any(|part| part.iter().all(|byte| b"-=*#~_+".contains(byte)))
}

/// Whether the line names its targets itself: it begins a block, or has a colon outside of references. A rule that is made by a call
/// or by `eval` stands below a comment on something else.
fn is_rule(line: &[u8]) -> bool {
    let mut open = 0usize;
    for (at, &byte) in line.iter().enumerate() {
        match byte {
            b'(' | b'{' if open > 0 || line[..at].ends_with(b"$") => open += 1,
            b')' | b'}' => open = open.saturating_sub(1),
            b':' if open == 0 => return true,
            _ => {}
        }
    }
    trim(line).starts_with(b"image")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, number: usize) -> (String, String) {
        let found = Text::new(text.as_bytes().to_vec()).describe(number);
        (found.summary().to_owned(), found.group)
    }

    #[test]
    fn descriptions_are_found_where_people_write_them() {
        for (text, number, expected) in [
            ("all: a b ## Build all", 1, "Build all"),
            ("all:## Build: it all.", 1, "Build: it all."),
            ("all: a \\\n  b ## Build all", 1, "Build all"),
            ("# Build all\nall: a", 2, "Build all"),
            ("# Build all. With care.\n# And more.\nall: a", 3, "Build all"),
            ("## Build all. With care.\n# Not this\nall: a", 3, "Build all. With care."),
            ("## Build all\n.PHONY: all\nall: a", 3, "Build all"),
            (".PHONY: all ## Build all\nall: a", 2, "Build all"),
            ("# Not this\n\nall: a", 3, ""),
            ("# ---- a part of the file ----\nall: a", 2, ""),
            ("#### \nall: a", 2, ""),
            ("##@ Group\nall: a", 2, ""),
            ("# One rule for each\n$(foreach s,a b,$(eval $(call rule,$(s):)))", 2, ""),
            ("# The tool\n$(BIN)/tool: x", 2, "The tool"),
            ("image app ## The app\n", 1, "The app"),
            ("# The app\nimage app\n", 2, "The app"),
            ("all: ; echo '##'", 1, ""),
            ("all: a", 7, ""),
            ("", 0, ""),
        ] {
            assert_eq!(of(text, number).0, expected, "{text:?}");
        }
    }

    #[test]
    fn groups_hold_until_the_next() {
        let text = "a:\n##@ First\nb: ## B\n##@Second \nc:\nd: ##@own The d\n";
        let groups: Vec<String> = [1, 3, 5, 6].into_iter().map(|number| of(text, number).1).collect();
        assert_eq!(groups, ["", "First", "Second", "own"]);
        assert_eq!(of(text, 6).0, "The d");
    }
}

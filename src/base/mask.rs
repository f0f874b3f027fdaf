//! Values that must not be seen, replaced in a stream however its pieces are cut. Knows nothing of where values come from.

use crate::base::{json, sorting};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What stands in place of a hidden value.
pub const HIDDEN: &[u8] = b"***";

/// Values shorter than this are not hidden: they stand in any text by chance.
const SHORTEST: usize = 4;

struct Table {
    /// Sorted by length, the longest first.
    values: Vec<Vec<u8>>,
    /// Which bytes a value begins with.
    first: [bool; 256],
}

/// Values to hide. Cheap to copy.
#[derive(Clone)]
pub struct Masks(Arc<Table>);

impl Masks {
    /// Hides `values`, and each line of those that have several, also as they are spelled in JSON, in markup, in a shell's single quotes and
    /// in a CI service's commands; none where there is nothing to hide.
    pub fn new<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> Option<Masks> {
        Masks::of(Masks::spelled(values))
    }

    /// Hides `values` as well.
    pub fn and<'v>(&self, values: impl IntoIterator<Item = &'v [u8]>) -> Masks {
        let mut more = Masks::spelled(values);
        if more.is_empty() {
            return self.clone();
        }
        more.extend(self.0.values.iter().cloned());
        Masks::of(more).unwrap_or_else(|| self.clone())
    }

    /// What is looked for to hide `values`.
    fn spelled<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> Vec<Vec<u8>> {
        let mut all: Vec<Vec<u8>> = Vec::new();
        for value in values {
            let value = value.strip_suffix(b"\n").unwrap_or(value);
            all.push(value.to_vec());
            all.extend(value.split(|&byte| byte == b'\n').map(|line| line.trim_ascii().to_vec()));
        }
        all.retain(|value| value.len() >= SHORTEST);
        let spelled: Vec<Vec<u8>> = all.iter().flat_map(|value| spellings(value)).collect();
        all.extend(spelled);
        all
    }

    fn of(mut all: Vec<Vec<u8>>) -> Option<Masks> {
        sorting::sort_by(&mut all, |one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        all.dedup();
        if all.is_empty() {
            return None;
        }
        let mut first = [false; 256];
        for value in &all {
            first[usize::from(value[0])] = true;
        }
        Some(Masks(Arc::new(Table { values: all, first })))
    }

    /// `text` without the values.
    pub fn hide<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        if !text.iter().any(|&byte| self.0.first[usize::from(byte)]) {
            return Cow::Borrowed(text);
        }
        let mut out = Vec::with_capacity(text.len());
        let rest = self.0.scan(text, true, &mut out);
        debug_assert_eq!(rest, text.len());
        if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
    }

    /// Whether a value stands in `text`.
    pub fn hides(&self, text: &[u8]) -> bool {
        matches!(self.hide(text), Cow::Owned(_))
    }

    /// `text` without the values, as text.
    pub fn hide_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.hide(text.as_bytes())).into_owned()
    }
}

/// Values to hide that become known one after the other. They are put together when they are first looked for: whoever adds thousands pays
/// for each once.
#[derive(Default)]
pub struct Growing {
    masks: RefCell<Option<Masks>>,
    more: RefCell<BTreeSet<Vec<u8>>>,
}

impl Growing {
    /// Hides `values` as well.
    pub fn add(&mut self, values: impl IntoIterator<Item = Vec<u8>>) {
        self.more.get_mut().extend(values);
    }

    /// Hides what `masks` do, and nothing else.
    pub fn set(&mut self, masks: Masks) {
        *self = Growing { masks: RefCell::new(Some(masks)), more: RefCell::default() };
    }

    /// All of them; none where there are none.
    pub fn masks(&self) -> Option<Masks> {
        let more = self.more.take();
        let mut masks = self.masks.borrow_mut();
        if !more.is_empty() {
            let more = more.iter().map(Vec::as_slice);
            *masks = match masks.as_ref() {
                Some(masks) => Some(masks.and(more)),
                None => Masks::new(more),
            };
        }
        masks.clone()
    }
}

/// How `value` is written where some characters of it mean something; none where none do.
fn spellings(value: &[u8]) -> Vec<Vec<u8>> {
    let replaced = |pairs: &[(u8, &[u8])]| -> Vec<u8> {
        let own = |byte: &u8| pairs.iter().find(|(of, _)| of == byte).map(|(_, text)| text.to_vec());
        value.iter().flat_map(|byte| own(byte).unwrap_or_else(|| vec![*byte])).collect()
    };
    let markup: [(u8, &[u8]); 4] = [(b'&', b"&amp;"), (b'<', b"&lt;"), (b'>', b"&gt;"), (b'"', b"&quot;")];
    let command: [(u8, &[u8]); 3] = [(b'%', b"%25"), (b'\r', b"%0D"), (b'\n', b"%0A")];
    let text = String::from_utf8_lossy(value);
    // As others write JSON, and as this program does.
    let plain = serde_json::Value::from(&*text).to_string();
    let mut all = vec![replaced(&markup), replaced(&[(b'\'', b"'\\''")]), replaced(&command)];
    // Of a value without a character of its own JSON tells nothing.
    if text.chars().any(|c| c != char::REPLACEMENT_CHARACTER) {
        all.extend([plain.as_bytes()[1..plain.len() - 1].to_vec(), json::spelled(&text)]);
    }
    all.retain(|spelling| spelling != value);
    all
}

impl Table {
    /// The end of the values that begin at `at` or within one that does; `at` itself where none begins there. None where more of the
    /// text has to be known first.
    fn hidden_until(&self, text: &[u8], at: usize, is_all: bool) -> Option<usize> {
        let mut end = at;
        let mut look = at;
        while look == at || look < end {
            if self.first[usize::from(text[look])] {
                for value in &self.values {
                    let here = &text[look..];
                    if here.starts_with(value) {
                        end = end.max(look + value.len());
                        break;
                    }
                    if !is_all && value.starts_with(here) {
                        return None;
                    }
                }
            }
            look += 1;
        }
        Some(end)
    }

    /// Copies `text` to `out` without the values, as far as can be told; returns how far that is.
    fn scan(&self, text: &[u8], is_all: bool, out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        while at < text.len() {
            let next = text[at..].iter().position(|&byte| self.first[usize::from(byte)]);
            let Some(next) = next else {
                out.extend_from_slice(&text[at..]);
                return text.len();
            };
            out.extend_from_slice(&text[at..at + next]);
            at += next;
            match self.hidden_until(text, at, is_all) {
                None => return at,
                Some(end) if end == at => {
                    out.push(text[at]);
                    at += 1;
                }
                Some(end) => {
                    out.extend_from_slice(HIDDEN);
                    at = end;
                }
            }
        }
        at
    }
}

/// A stream on its way: what may be the beginning of a value waits for what follows.
pub struct Filter {
    masks: Masks,
    held: Vec<u8>,
}

impl Filter {
    /// A filter at the beginning of its stream.
    pub fn new(masks: Masks) -> Filter {
        Filter { masks, held: Vec::new() }
    }

    /// Puts `text` into `out` without the values, as far as can be told.
    pub fn pass(&mut self, text: &[u8], out: &mut Vec<u8>) {
        self.held.extend_from_slice(text);
        let until = self.masks.0.scan(&self.held, false, out);
        self.held.drain(..until);
    }

    /// The stream is over: puts the rest into `out`.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        self.masks.0.scan(&std::mem::take(&mut self.held), true, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masks(values: &[&str]) -> Masks {
        Masks::new(values.iter().map(|value| value.as_bytes())).unwrap()
    }

    #[test]
    fn values_are_hidden_wherever_they_stand() {
        let cases: [(&[&str], &str, &str); 8] = [
            (&["hunter2"], "pw=hunter2!", "pw=***!"),
            (&["hunter2"], "hunter", "hunter"),
            (&["abcd", "abcdefg"], "abcdef abcdefg", "***ef ***"),
            (&["abcd", "cdef"], "xabcdefx", "x***x"),
            (&["aaaa"], "aaaaaa", "***"),
            (&["-----BEGIN\nMIIB\n-----END\n"], "x MIIB y -----END", "x *** y ***"),
            (&["one two", "two three"], "one two three", "***"),
            (&["geheim\u{e9}"], "das geheim\u{e9}\n", "das ***\n"),
        ];
        for (values, text, expected) in cases {
            assert_eq!(masks(values).hide_text(text), expected, "{values:?} {text}");
        }
        assert!(Masks::new([&b"abc"[..], b""]).is_none());
    }

    #[test]
    fn values_are_hidden_however_they_are_spelled() {
        let hard = masks(&["it's <\"&\n5%\u{9b}"]);
        let value = "it's <\"&\n5%\u{9b}";
        let spelled = [
            value.to_owned(),
            String::from_utf8(json::line(&value.into())).unwrap(),
            serde_json::to_string(value).unwrap(),
            "it's &lt;&quot;&amp;\n5%\u{9b}".to_owned(),
            "'it'\\''s <\"&\n5%\u{9b}'".to_owned(),
            "it's <\"&%0A5%25\u{9b}".to_owned(),
        ];
        for text in spelled {
            let shown = hard.hide_text(&text);
            assert!(
                shown.contains("***") && !shown.contains("it") && !shown.contains('5'),
                "{text}: {shown}"
            );
        }
    }

    #[test]
    fn what_may_be_a_value_waits_and_is_not_lost() {
        let mut filter = Filter::new(masks(&["hunter2"]));
        let mut out = Vec::new();
        filter.pass(b"my hun", &mut out);
        assert_eq!(out, b"my ");
        filter.pass(b"t", &mut out);
        filter.pass(b"er2, hun", &mut out);
        filter.end(&mut out);
        assert_eq!(out, b"my ***, hun");
    }

    proptest! {
        /// However a stream is cut, what comes out is the same, and no value is in it.
        #[test]
        fn the_cut_does_not_matter(
            text in "[abc]{0,60}",
            values in prop::collection::vec("[abc]{4,7}", 1..4),
            cuts in prop::collection::vec(0usize..60, 0..6),
        ) {
            let all: Vec<&str> = values.iter().map(String::as_str).collect();
            let masks = masks(&all);
            let whole = masks.hide(text.as_bytes()).into_owned();
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|&cut| cut < text.len()).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let (mut filter, mut out) = (Filter::new(masks.clone()), Vec::new());
            for pair in cuts.windows(2) {
                filter.pass(&text.as_bytes()[pair[0]..pair[1]], &mut out);
            }
            filter.end(&mut out);
            prop_assert_eq!(&out, &whole);
            let shown = String::from_utf8(whole).unwrap();
            for value in &values {
                prop_assert!(!shown.contains(value.as_str()), "{} in {}", value, shown);
            }
        }
    }
}

//! Functions on words (manual, "Functions for String Substitution and Analysis"). Knows nothing of files or variables.

use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::expand::context::Host;
use crate::os::words::{trim, words};
use crate::syntax::quoting::Pattern;
use hashbrown::HashSet;
use rustc_hash::FxBuildHasher;

/// Puts `items` onto `out`, joined by single spaces.
pub fn join_words<'w>(items: impl Iterator<Item = &'w [u8]>, out: &mut Vec<u8>) {
    let mut any = false;
    for item in items {
        out.extend_from_slice(item);
        out.push(b' ');
        any = true;
    }
    if any {
        out.pop();
    }
}

pub fn strip(text: &[u8], out: &mut Vec<u8>) {
    join_words(words(text), out);
}

pub fn findstring(needle: &[u8], text: &[u8], out: &mut Vec<u8>) {
    if memchr::memmem::find(text, needle).is_some() {
        out.extend_from_slice(needle);
    }
}

pub fn filter(patterns: &[u8], text: &[u8], keep: bool, out: &mut Vec<u8>) {
    let mut literals: HashSet<Vec<u8>, FxBuildHasher> = HashSet::default();
    let mut few: Vec<Vec<u8>> = Vec::new();
    let mut wild = Vec::new();
    for word in words(patterns) {
        let pattern = Pattern::new(word);
        if pattern.percent.is_some() { wild.push(pattern) } else { few.push(pattern.text.into_owned()) }
    }
    if few.len() > 8 {
        literals.extend(few.drain(..));
    }
    let matched = |word: &[u8]| {
        few.iter().any(|literal| literal == word)
            || (!literals.is_empty() && literals.contains(word))
            || wild.iter().any(|pattern| pattern.stem(word).is_some())
    };
    join_words(words(text).filter(|word| matched(word) == keep), out);
}

pub fn sort(text: &[u8], out: &mut Vec<u8>) {
    let mut list: Vec<&[u8]> = words(text).collect();
    // GNU make compares the first bytes as signed numbers, the rest as `strcmp` does.
    let first = |word: &[u8]| word.first().map_or(0, |&byte| byte as i8);
    list.sort_unstable_by(|left, right| first(left).cmp(&first(right)).then_with(|| left.cmp(right)));
    list.dedup();
    join_words(list.into_iter(), out);
}

/// The number in `text`, as `strtoll` reads it.
fn number<H: Host>(host: &mut H, text: &[u8], which: &'static str) -> Outcome<i64> {
    let trimmed = trim(text);
    let fail = |host: &mut H, complaint: fn(&'static str, Vec<u8>) -> Complaint| -> Stop {
        host.context().fatal(complaint(which, text.to_vec()))
    };
    if trimmed.is_empty() {
        return Err(fail(host, |which, _| Complaint::EmptyNumber(which)));
    }
    let digits = trimmed.strip_prefix(b"-").or(trimmed.strip_prefix(b"+")).unwrap_or(trimmed);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(fail(host, Complaint::BadNumber));
    }
    let parsed = std::str::from_utf8(trimmed).ok().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| fail(host, Complaint::NumberOutOfRange))
}

pub fn word<H: Host>(host: &mut H, index: &[u8], text: &[u8], out: &mut Vec<u8>) -> Outcome {
    let index = number(host, index, "invalid first argument to 'word' function")?;
    if index <= 0 {
        return Err(host.context().fatal(Complaint::WordIndexNotPositive));
    }
    if let Some(word) = usize::try_from(index - 1).ok().and_then(|index| words(text).nth(index)) {
        out.extend_from_slice(word);
    }
    Ok(())
}

pub fn wordlist<H: Host>(host: &mut H, first: &[u8], last: &[u8], text: &[u8], out: &mut Vec<u8>) -> Outcome {
    const FIRST: &str = "invalid first argument to 'wordlist' function";
    const LAST: &str = "invalid second argument to 'wordlist' function";
    let start = number(host, first, FIRST)?;
    if start < 1 {
        return Err(host.context().fatal(Complaint::BadNumber(FIRST, start.to_string().into_bytes())));
    }
    let stop = number(host, last, LAST)?;
    if stop < 0 {
        return Err(host.context().fatal(Complaint::BadNumber(LAST, stop.to_string().into_bytes())));
    }
    if stop < start {
        return Ok(());
    }
    // The text between the two words is kept as it is.
    let mut iterator = words(text);
    let Some(begin) = iterator.nth(usize::try_from(start - 1).unwrap_or(usize::MAX)) else { return Ok(()) };
    let begin = begin.as_ptr() as usize - text.as_ptr() as usize;
    let mut end = text.len() - iterator.rest().len();
    let mut left = stop - start;
    while left > 0 && iterator.next().is_some() {
        end = text.len() - iterator.rest().len();
        left -= 1;
    }
    out.extend_from_slice(&text[begin..end]);
    Ok(())
}

pub fn count(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(words(text).count().to_string().as_bytes());
}

pub fn first(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(words(text).next().unwrap_or_default());
}

pub fn last(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(words(text).last().unwrap_or_default());
}

pub fn join(left: &[u8], right: &[u8], out: &mut Vec<u8>) {
    let (mut left, mut right) = (words(left), words(right));
    let mut any = false;
    loop {
        let pair = (left.next(), right.next());
        if pair == (None, None) {
            break;
        }
        out.extend_from_slice(pair.0.unwrap_or_default());
        out.extend_from_slice(pair.1.unwrap_or_default());
        out.push(b' ');
        any = true;
    }
    if any {
        out.pop();
    }
}

pub fn affix(affix: &[u8], text: &[u8], before: bool, out: &mut Vec<u8>) {
    let mut any = false;
    for word in words(text) {
        let (head, tail) = if before { (affix, word) } else { (word, affix) };
        out.extend_from_slice(head);
        out.extend_from_slice(tail);
        out.push(b' ');
        any = true;
    }
    if any {
        out.pop();
    }
}

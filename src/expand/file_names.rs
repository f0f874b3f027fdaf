//! A list of words to file names: wildcards, `~`, leading `./`, archive members (manual, "Using Wildcard Characters in File
//! Names", "Archive Members as Targets"). Knows nothing of what the names are for.

use crate::base::diagnostic::Outcome;
use crate::expand::context::Host;
use crate::expand::evaluate::expand_text;
use crate::os::archive;
use crate::os::glob;
use crate::os::sys;
use crate::os::words::is_space;
use crate::syntax::quoting::find_unquoted;
use std::ffi::CString;

/// How a list is read.
#[derive(Clone, Copy, Default)]
pub struct FileNames<'o> {
    /// Characters that end the list where no backslash quotes them.
    pub stops: &'o [u8],
    /// Text put before each name.
    pub prefix: &'o [u8],
    /// Keep leading `./`.
    pub keep_dot_slash: bool,
    /// Take `lib(member)` for a name like others.
    pub no_archives: bool,
    /// Take wildcards for text.
    pub no_wildcards: bool,
    /// Leave out what does not exist.
    pub existing: bool,
    /// The whole text is one name.
    pub one_word: bool,
    /// `.WAIT` marks the name after it.
    pub waits: bool,
}

/// A file name, and whether `.WAIT` stood before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    /// The name.
    pub name: Vec<u8>,
    /// Whether work on it waits for what comes before.
    pub wait: bool,
}

/// Reads `text` as a list of names. The second value is what follows the character that ended it, that character first.
pub fn file_names<H: Host>(
    host: &mut H,
    text: &[u8],
    options: &FileNames,
) -> Outcome<(Vec<FileName>, Vec<u8>)> {
    let mut text = text.to_vec();
    let mut found: Vec<FileName> = Vec::new();
    let mut wait = false;
    let mut stops = options.stops.to_vec();
    if !options.one_word {
        stops.extend_from_slice(b" \t");
    }
    let mut may_stop = [false; 256];
    may_stop[b'\\' as usize] = true;
    stops.iter().for_each(|&byte| may_stop[byte as usize] = true);
    // `lib(` of an archive group that is still open.
    let mut group: Option<Vec<u8>> = None;
    let mut at = 0;
    loop {
        while at < text.len() && is_space(text[at]) {
            at += 1;
        }
        if at >= text.len() || options.stops.contains(&text[at]) {
            break;
        }
        // Up to the first stop; only where a backslash comes before it may that stop be quoted.
        let stop = text[at..].iter().position(|&byte| may_stop[byte as usize]);
        let end = match stop {
            None => text.len(),
            Some(length) if text[at + length] != b'\\' => at + length,
            Some(_) => {
                let mut rest = text.split_off(at);
                let length = find_unquoted(&mut rest, 0, &stops, false).unwrap_or(rest.len());
                text.extend_from_slice(&rest);
                at + length
            }
        };
        let mut start = at;
        at = end;
        if options.waits && &text[start..end] == b".WAIT" {
            wait = true;
            continue;
        }
        if !options.keep_dot_slash {
            while end - start > 2 && text[start..].starts_with(b"./") {
                start += 2;
                while start < end && text[start] == b'/' {
                    start += 1;
                }
            }
        }
        let mut word: Vec<u8> = if start == end { b"./".to_vec() } else { text[start..end].to_vec() };
        if !options.no_archives {
            match take_group(&mut group, &mut word, &text[end..], &stops) {
                Group::Skip => continue,
                Group::Word => {}
            }
        }
        let before = found.len();
        expand_word(host, word, options, &mut found)?;
        if wait && found.len() > before {
            found[before].wait = true;
            wait = false;
        }
    }
    let rest = text.split_off(at.min(text.len()));
    Ok((found, rest))
}

enum Group {
    Word,
    Skip,
}

/// Handles `lib(a b c)`: each word becomes `lib(word)`.
fn take_group(group: &mut Option<Vec<u8>>, word: &mut Vec<u8>, rest: &[u8], stops: &[u8]) -> Group {
    if group.is_none()
        && word.first() != Some(&b'(')
        && word.last() != Some(&b')')
        && let Some(open) = memchr::memchr(b'(', word)
        && closes_later(rest, stops)
    {
        *group = Some(word[..=open].to_vec());
        word.drain(..=open);
        if word.is_empty() {
            return Group::Skip;
        }
    }
    let Some(head) = group.clone() else { return Group::Word };
    if word.last() == Some(&b')') {
        *group = None;
        if word.len() == 1 {
            return Group::Skip;
        }
    } else {
        word.push(b')');
    }
    word.splice(0..0, head);
    Group::Word
}

/// Whether some later word of the list ends with a parenthesis.
fn closes_later(rest: &[u8], stops: &[u8]) -> bool {
    let mut at = 0;
    loop {
        while at < rest.len() && is_space(rest[at]) {
            at += 1;
        }
        let start = at;
        while at < rest.len() && !stops.contains(&rest[at]) {
            at += 1;
        }
        if at == start {
            return false;
        }
        if rest[at - 1] == b')' {
            return true;
        }
    }
}

fn expand_word<H: Host>(
    host: &mut H,
    word: Vec<u8>,
    options: &FileNames,
    found: &mut Vec<FileName>,
) -> Outcome {
    let mut push = |name: &[u8]| found.push(FileName { name: [options.prefix, name].concat(), wait: false });
    if options.no_wildcards {
        push(&word);
        return Ok(());
    }
    let mut word = word;
    if word.first() == Some(&b'~')
        && let Some(expanded) = expand_tilde(host, &word)?
    {
        word = expanded;
    }
    let member = if options.no_archives { None } else { archive::split_member(&word) };
    let (name, member) = match member {
        Some((name, member)) => (name.to_vec(), Some(member.to_vec())),
        None => (word, None),
    };
    let names = if options.existing || glob::has_wildcard(&name) {
        if let Some(seen) = &mut host.context().seen {
            seen.patterns.push(name.clone());
        }
        let expanded = glob::expand(&name, &mut host.context().folders);
        host.context().hold_folders()?;
        if expanded.is_empty() && !options.existing { vec![name] } else { expanded }
    } else {
        vec![name]
    };
    for name in names {
        match &member {
            None => push(&name),
            Some(member) => {
                let members = archive::matching_members(&name, member);
                if members.is_empty() {
                    push(&[&name[..], b"(", member, b")"].concat());
                }
                for member in members {
                    push(&[&name[..], b"(", &member, b")"].concat());
                }
            }
        }
    }
    Ok(())
}

/// `~` and `~user` at the start of `name` as a home folder; none where there is no such user.
pub fn expand_tilde<H: Host>(host: &mut H, name: &[u8]) -> Outcome<Option<Vec<u8>>> {
    let end = memchr::memchr(b'/', name).unwrap_or(name.len());
    let home = if end == 1 {
        let warn = std::mem::replace(&mut host.context().warn_undefined, false);
        let home = expand_text(host, b"$(HOME)");
        host.context().warn_undefined = warn;
        let home = home?;
        if home.is_empty() { sys::home_of(None) } else { Some(home) }
    } else {
        CString::new(&name[1..end]).ok().and_then(|user| sys::home_of(Some(&user)))
    };
    Ok(home.map(|mut home| {
        home.extend_from_slice(&name[end..]);
        home
    }))
}

/// The fast way for a list of plain names: calls `take` for each word of `text`, its leading `./` dropped; returns the words not
/// taken where a word needs [`file_names`] (wildcards, quoting, archives, `~`, `.WAIT`, stops).
pub fn plain_names<'t>(text: &'t [u8], mut take: impl FnMut(&'t [u8])) -> &'t [u8] {
    let mut at = 0;
    loop {
        while at < text.len() && is_space(text[at]) {
            at += 1;
        }
        let start = at;
        let rest = &text[start..];
        let (mut seen, mut length) = (0, 0);
        // Four bytes a step: lists are long, and so are the names in them.
        let mut steps = rest.chunks_exact(4);
        for step in &mut steps {
            let of = |at: usize| CLASS[step[at] as usize];
            let classes = of(0) | of(1) | of(2) | of(3);
            if classes & BLANK != 0 {
                break;
            }
            seen |= classes;
            length += 4;
        }
        for &byte in &rest[length..] {
            let class = CLASS[byte as usize];
            if class & BLANK != 0 {
                break;
            }
            seen |= class;
            length += 1;
        }
        let word = &rest[..length];
        if word.is_empty() {
            return rest;
        }
        at += word.len();
        if seen & NOT_PLAIN != 0 || word.starts_with(b"./") || word[0] == b'~' || word == b".WAIT" {
            return &text[start..];
        }
        take(word);
    }
}

/// Whether `text` is one name that needs no expansion of any kind.
#[inline]
pub fn is_plain_name(text: &[u8]) -> bool {
    begins_plainly(text) && is_plain_text(text)
}

/// Whether `text` is one name that needs no expansion of any kind, if it has no character but those of plain names.
#[inline]
pub fn begins_plainly(text: &[u8]) -> bool {
    !text.is_empty() && text[0] != b'~' && !text.starts_with(b"./") && text != b".WAIT"
}

/// The byte ends a word.
const BLANK: u8 = 1;
/// The byte does not stand in a plain name.
const NOT_PLAIN: u8 = 2;

/// What each byte is to a list of plain names.
const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        if SPECIAL[at] {
            table[at] = NOT_PLAIN;
        }
        at += 1;
    }
    table[b' ' as usize] = BLANK;
    table[b'\t' as usize] = BLANK;
    table
};

/// Whether `text` has no character but those of plain names: so have its parts.
#[inline]
pub fn is_plain_text(text: &[u8]) -> bool {
    !text.iter().any(|&byte| SPECIAL[byte as usize] || is_space(byte))
}

/// Characters that a plain name has not.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let special = b"*?[\\|()$;:#%";
    let mut at = 0;
    while at < special.len() {
        table[special[at] as usize] = true;
        at += 1;
    }
    table
};

//! Shell wildcards over file names, as POSIX `glob` and `fnmatch` have them. Knows nothing of makefiles.

use crate::os::files;
use crate::os::folders::Folders;

/// Whether `text` has a wildcard character.
pub fn has_wildcard(text: &[u8]) -> bool {
    memchr::memchr3(b'?', b'*', b'[', text).is_some()
}

/// Whether `name` matches `pattern` (`*`, `?`, `[a-z]`, `[!a]`, backslash quotes). A leading dot must be matched by a dot
/// where `period` is set; there is no special slash.
pub fn matches(pattern: &[u8], name: &[u8], period: bool) -> bool {
    if period && name.first() == Some(&b'.') && pattern.first() != Some(&b'.') && !pattern.starts_with(b"\\.")
    {
        return false;
    }
    let (mut p, mut n) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while n < name.len() || p < pattern.len() {
        if p < pattern.len() {
            match pattern[p] {
                b'*' => {
                    back = Some((p, n + 1));
                    p += 1;
                    continue;
                }
                b'?' if n < name.len() => {
                    (p, n) = (p + 1, n + 1);
                    continue;
                }
                b'[' if n < name.len() => match bracket(&pattern[p..], name[n]) {
                    Some((true, length)) => {
                        (p, n) = (p + length, n + 1);
                        continue;
                    }
                    Some((false, _)) => {}
                    None if name[n] == b'[' => {
                        (p, n) = (p + 1, n + 1);
                        continue;
                    }
                    None => {}
                },
                b'\\' if p + 1 < pattern.len() => {
                    if n < name.len() && pattern[p + 1] == name[n] {
                        (p, n) = (p + 2, n + 1);
                        continue;
                    }
                }
                byte if n < name.len() && byte == name[n] && byte != b'?' => {
                    (p, n) = (p + 1, n + 1);
                    continue;
                }
                _ => {}
            }
        }
        match back {
            Some((star, next)) if next <= name.len() => {
                back = Some((star, next + 1));
                (p, n) = (star + 1, next);
            }
            _ => return false,
        }
    }
    true
}

/// Whether `byte` is in the bracket expression at the start of `pattern`, and its length; none where it never closes.
fn bracket(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let mut at = 1;
    let negated = matches!(pattern.get(at), Some(b'!' | b'^'));
    at += usize::from(negated);
    let first = at;
    let mut found = false;
    loop {
        let mut low = *pattern.get(at)?;
        if low == b']' && at > first {
            return Some((found != negated, at + 1));
        }
        if low == b'[' && pattern.get(at + 1) == Some(&b':') {
            let end = memchr::memmem::find(&pattern[at + 2..], b":]")?;
            found |= class(&pattern[at + 2..at + 2 + end], byte);
            at += end + 4;
            continue;
        }
        if low == b'\\' {
            at += 1;
            low = *pattern.get(at)?;
        }
        let mut high = low;
        if pattern.get(at + 1) == Some(&b'-') && pattern.get(at + 2).is_some_and(|&end| end != b']') {
            at += 2;
            high = pattern[at];
            if high == b'\\' {
                at += 1;
                high = *pattern.get(at)?;
            }
        }
        found |= (low..=high).contains(&byte);
        at += 1;
    }
}

fn class(name: &[u8], byte: u8) -> bool {
    match name {
        b"alpha" => byte.is_ascii_alphabetic(),
        b"digit" => byte.is_ascii_digit(),
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"upper" => byte.is_ascii_uppercase(),
        b"lower" => byte.is_ascii_lowercase(),
        b"space" => byte.is_ascii_whitespace() || byte == 0x0b,
        b"blank" => byte == b' ' || byte == b'\t',
        b"punct" => byte.is_ascii_punctuation(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        b"cntrl" => byte.is_ascii_control(),
        b"graph" => byte.is_ascii_graphic(),
        b"print" => byte.is_ascii_graphic() || byte == b' ',
        _ => false,
    }
}

fn unquote(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if text[at] == b'\\' && at + 1 < text.len() {
            at += 1;
        }
        plain.push(text[at]);
        at += 1;
    }
    plain
}

/// The existing files that match `pattern`, sorted as the user's locale has it; empty where there are none. A pattern without
/// wildcards yields itself where it exists.
///
/// As in the C library, a pattern that ends in slashes is the pattern without them, down to two characters; what it finds
/// gets one slash where it is a folder. What is no folder stays as it is, unless a wildcard or a backslash stands last.
pub fn expand(pattern: &[u8], folders: &mut Folders) -> Vec<Vec<u8>> {
    let mut rest = pattern;
    while rest.len() > 2 && rest.ends_with(b"/") {
        rest = &rest[..rest.len() - 1];
    }
    if rest.len() < pattern.len() {
        // The backslash was about the slash.
        rest = rest.strip_suffix(b"\\").unwrap_or(rest);
    }
    let mut found = expand_unmarked(rest, folders);
    if rest.len() < pattern.len() {
        let last = &rest[memchr::memrchr(b'/', rest).map_or(0, |slash| slash + 1)..];
        let folders_only = has_wildcard(last) || last.contains(&b'\\');
        found.retain_mut(|path| {
            let is_folder = files::is_folder(path);
            path.extend_from_slice(if is_folder { b"/" } else { b"" });
            is_folder || !folders_only
        });
    }
    folders.collation.sort(&mut found);
    found
}

/// The same of a pattern without slashes at its end, or of one character and a slash.
fn expand_unmarked(pattern: &[u8], folders: &mut Folders) -> Vec<Vec<u8>> {
    // What stands right under the root is found there, whatever number of slashes says so.
    let pattern = match pattern {
        [b'/', rest @ ..] if rest.first() == Some(&b'/') && memchr::memrchr(b'/', rest) == Some(0) => rest,
        whole => whole,
    };
    if !has_wildcard(pattern) {
        let plain = unquote(pattern);
        let there = rustix::fs::lstat(&plain[..]).is_ok();
        return if there { vec![plain] } else { Vec::new() };
    }
    let (root, rest) = match pattern.iter().position(|&byte| byte != b'/') {
        None => return vec![pattern.to_vec()],
        Some(slashes) => pattern.split_at(slashes),
    };
    let mut found = vec![root.to_vec()];
    let mut at = 0;
    while at < rest.len() && !found.is_empty() {
        let end = memchr::memchr(b'/', &rest[at..]).map_or(rest.len(), |slash| at + slash);
        let after = rest[end..].iter().position(|&byte| byte != b'/').map_or(rest.len(), |count| end + count);
        let (component, slashes) = (&rest[at..end], &rest[end..after]);
        let last = after == rest.len();
        let mut next = Vec::new();
        for prefix in found {
            if has_wildcard(component) {
                let folder = if prefix.is_empty() { &b"."[..] } else { strip_slashes(&prefix) };
                for name in folders.names(folder) {
                    if matches(component, &name, true) {
                        let path = [&prefix[..], &name, slashes].concat();
                        if (slashes.is_empty() && last) || files::is_folder(&path) {
                            next.push(path);
                        }
                    }
                }
            } else {
                let path = [&prefix[..], &unquote(component), slashes].concat();
                if !last || rustix::fs::lstat(&path[..]).is_ok() {
                    next.push(path);
                }
            }
        }
        found = next;
        at = after;
    }
    found
}

fn strip_slashes(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(1, |at| at + 1);
    &path[..end.min(path.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_fnmatch_does() {
        for (pattern, name, expected) in [
            ("*.c", "a.c", true),
            ("*.c", ".c", false),
            ("?x", "ax", true),
            ("[a-c]*", "bz", true),
            ("[!a-c]*", "bz", false),
            ("[]a]", "]", true),
            ("a[", "a[", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("*a*b", "xaab", true),
            ("[[:digit:]]x", "5x", true),
            ("", "", true),
            ("a", "", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes(), true), expected, "{pattern} {name}");
        }
    }
}

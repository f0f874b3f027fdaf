//! Members of `ar` archives: their names and dates (manual, "Using make to Update Archive Files"). Knows nothing of rules.

use crate::os::glob;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;

const MAGIC: &[u8] = b"!<arch>\n";
const HEADER: usize = 60;

/// `lib(member)` as its two names; none where `name` has not that form.
pub fn split_member(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let open = memchr::memchr(b'(', name)?;
    if open == 0 || name.last() != Some(&b')') || open + 2 >= name.len() {
        return None;
    }
    Some((&name[..open], &name[open + 1..name.len() - 1]))
}

/// Whether `name` has the form `lib(member)`.
#[inline]
pub fn is_member(name: &[u8]) -> bool {
    name.last() == Some(&b')') && split_member(name).is_some()
}

struct Member {
    name: Vec<u8>,
    date: i64,
    header: u64,
    truncated: bool,
}

/// Why an archive's members can't be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveError {
    /// The file can't be opened or read; a system's number.
    System(i32),
    /// The file is no archive, or a broken one.
    NotAnArchive,
}

fn system(error: std::io::Error) -> ArchiveError {
    error.raw_os_error().map_or(ArchiveError::NotAnArchive, ArchiveError::System)
}

fn number(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.trim_end().parse().ok()
}

fn members(path: &[u8]) -> Result<Vec<Member>, ArchiveError> {
    let file = File::open(OsStr::from_bytes(path)).map_err(system)?;
    let length = file.metadata().map_err(system)?.len();
    members_of(file, length)
}

/// The members of an archive of `length` bytes.
fn members_of(mut file: impl Read + Seek, length: u64) -> Result<Vec<Member>, ArchiveError> {
    let mut magic = [0; 8];
    file.read_exact(&mut magic).map_err(|_| ArchiveError::NotAnArchive)?;
    if magic != MAGIC {
        return Err(ArchiveError::NotAnArchive);
    }
    let mut found = Vec::new();
    let mut long_names = Vec::new();
    let mut at = MAGIC.len() as u64;
    while at + HEADER as u64 <= length {
        file.seek(SeekFrom::Start(at)).map_err(system)?;
        let mut header = [0; HEADER];
        file.read_exact(&mut header).map_err(|_| ArchiveError::NotAnArchive)?;
        if &header[58..60] != b"`\n" {
            return Err(ArchiveError::NotAnArchive);
        }
        let size = number(&header[48..58]).ok_or(ArchiveError::NotAnArchive)?;
        let date = number(&header[16..28]).unwrap_or(0) as i64;
        let raw = &header[..16];
        let mut name = raw[..raw.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1)].to_vec();
        let mut truncated = false;
        if name == b"//" || name == b"ARFILENAMES/" {
            long_names = vec![0; size.min(length) as usize];
            file.read_exact(&mut long_names).map_err(|_| ArchiveError::NotAnArchive)?;
        } else if name.len() > 1 && name[0] == b'/' && name[1].is_ascii_digit() {
            let start = number(&name[1..]).unwrap_or(0) as usize;
            let rest = long_names.get(start..).unwrap_or_default();
            let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            name = rest[..end].strip_suffix(b"/").unwrap_or(&rest[..end]).to_vec();
            found.push(Member { name, date, header: at, truncated });
        } else if let Some(count) = name.strip_prefix(b"#1/").and_then(number) {
            let mut text = vec![0; count.min(size).min(length) as usize];
            file.read_exact(&mut text).map_err(|_| ArchiveError::NotAnArchive)?;
            let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
            text.truncate(end);
            found.push(Member { name: text, date, header: at, truncated });
        } else if name != b"/" && name != b"/SYM64/" && !name.starts_with(b"__.SYMDEF") {
            match name.strip_suffix(b"/") {
                Some(plain) => name = plain.to_vec(),
                None => truncated = name.len() >= 15,
            }
            found.push(Member { name, date, header: at, truncated });
        }
        at += HEADER as u64 + size + (size & 1);
    }
    Ok(found)
}

/// What must hold of every archive, whatever its bytes: its members lie within it, one behind the other, and their names too.
///
/// # Panics
/// Where it doesn't hold.
pub fn hold_members(archive: &[u8]) {
    let length = archive.len() as u64;
    let Ok(found) = members_of(std::io::Cursor::new(archive), length) else { return };
    let mut end = MAGIC.len() as u64;
    for member in &found {
        assert!(member.header >= end, "{} before {end}", member.header);
        end = member.header + HEADER as u64;
        assert!(end <= length, "{end} of {length}");
        assert!(member.name.len() <= archive.len());
        assert!(is_same(member, &member.name) || member.name.contains(&b'/'));
    }
}

fn is_same(member: &Member, name: &[u8]) -> bool {
    let base = &name[memchr::memrchr(b'/', name).map_or(0, |slash| slash + 1)..];
    if member.truncated { base.starts_with(&member.name) } else { member.name == base || member.name == name }
}

/// The date of `member` in the archive `path`, in seconds since the epoch; none where it is not in there, or only with the
/// date 0, as `ar` writes it in its deterministic mode: to GNU make such a member does not exist.
pub fn member_date(path: &[u8], member: &[u8]) -> Result<Option<i64>, ArchiveError> {
    Ok(members(path)?.iter().find(|found| found.date > 0 && is_same(found, member)).map(|found| found.date))
}

/// The names of the archive's members that match the wildcards in `pattern`; none where it has no wildcards.
pub fn matching_members(path: &[u8], pattern: &[u8]) -> Vec<Vec<u8>> {
    if !glob::has_wildcard(pattern) {
        return Vec::new();
    }
    let mut names: Vec<Vec<u8>> = members(path)
        .unwrap_or_default()
        .into_iter()
        .map(|member| member.name)
        .filter(|name| glob::matches(pattern, name, true))
        .collect();
    names.sort_unstable();
    names
}

/// Gives `member` the date of now. False where the archive has no such member.
pub fn touch_member(path: &[u8], member: &[u8]) -> Result<bool, ArchiveError> {
    let Some(found) = members(path)?.into_iter().find(|found| is_same(found, member)) else {
        return Ok(false);
    };
    let now = crate::os::files::Mtime::now().seconds();
    let mut file = File::options().read(true).write(true).open(OsStr::from_bytes(path)).map_err(system)?;
    file.seek(SeekFrom::Start(found.header + 16)).map_err(system)?;
    file.write_all(format!("{now:<12}").as_bytes()).map_err(system)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, size: &str) -> Vec<u8> {
        format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 1, 0, 0, 644).into_bytes()
    }

    #[test]
    fn a_length_that_an_archive_claims_takes_no_memory() {
        for name in ["#1/9999999999", "//", "ARFILENAMES/"] {
            let archive = [MAGIC, &header(name, "9999999999"), b"ab"].concat();
            let length = archive.len() as u64;
            let found = members_of(std::io::Cursor::new(&archive), length);
            assert_eq!(found.err(), Some(ArchiveError::NotAnArchive), "{name}");
        }
    }

    #[test]
    fn archives_in_pieces_hold_together() {
        let long = [
            MAGIC,
            &header("//", "6"),
            b"long/\n",
            &header("/0", "1"),
            b"x\n",
            &header("#1/3", "4"),
            b"abcd",
        ]
        .concat();
        for end in 0..=long.len() {
            hold_members(&long[..end]);
        }
        let names = |found: Vec<Member>| found.into_iter().map(|member| member.name).collect::<Vec<_>>();
        let found = members_of(std::io::Cursor::new(&long), long.len() as u64).map(names);
        assert_eq!(found.ok(), Some(vec![b"long".to_vec(), b"abc".to_vec()]));
    }
}

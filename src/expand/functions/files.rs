//! Functions on file names and files (manual, "Functions for File Names", "The file Function"). Knows nothing of targets.

use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::expand::context::Host;
use crate::expand::file_names::{FileNames, file_names};
use crate::expand::functions::text::join_words;
use crate::os::files::{self, ReadError};
use crate::os::interruption;
use crate::os::words::{skip_space, word_length, words};
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

pub fn dir(text: &[u8], out: &mut Vec<u8>) {
    join_words(
        words(text).map(|word| match memchr::memrchr(b'/', word) {
            Some(slash) => &word[..=slash],
            None => b"./",
        }),
        out,
    );
}

pub fn notdir(text: &[u8], out: &mut Vec<u8>) {
    join_words(
        words(text).map(|word| &word[memchr::memrchr(b'/', word).map_or(0, |slash| slash + 1)..]),
        out,
    );
}

/// Where the suffix of `word` begins: its last dot, behind the last slash.
fn dot(word: &[u8]) -> Option<usize> {
    let at = word.iter().rposition(|&byte| byte == b'.' || byte == b'/')?;
    (word[at] == b'.').then_some(at)
}

pub fn suffix(text: &[u8], out: &mut Vec<u8>) {
    join_words(words(text).filter_map(|word| dot(word).map(|at| &word[at..])), out);
}

pub fn basename(text: &[u8], out: &mut Vec<u8>) {
    join_words(words(text).map(|word| dot(word).map_or(word, |at| &word[..at])), out);
}

pub fn wildcard<H: Host>(host: &mut H, text: &[u8], out: &mut Vec<u8>) -> Outcome {
    let options = FileNames { keep_dot_slash: true, existing: true, ..FileNames::default() };
    let (found, _) = file_names(host, text, &options)?;
    join_words(found.iter().map(|item| item.name.as_slice()), out);
    Ok(())
}

/// The longest path that the functions accept.
const PATH_LIMIT: usize = 4096;

pub fn realpath(text: &[u8], out: &mut Vec<u8>) {
    let found: Vec<Vec<u8>> = words(text)
        .filter(|word| word.len() < PATH_LIMIT)
        .filter_map(|word| std::fs::canonicalize(OsStr::from_bytes(word)).ok())
        .map(|path| path.into_os_string().as_bytes().to_vec())
        .collect();
    join_words(found.iter().map(Vec::as_slice), out);
}

/// `name` as an absolute path without `.`, `..` and repeated slashes; none where it would be too long.
pub fn absolute_path(name: &[u8], folder: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut path = if name.first() == Some(&b'/') { Vec::new() } else { folder?.to_vec() };
    if path == b"/" {
        path.clear();
    }
    for component in name.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => path.truncate(memchr::memrchr(b'/', &path).unwrap_or(0)),
            _ => {
                path.push(b'/');
                path.extend_from_slice(component);
                if path.len() >= PATH_LIMIT {
                    return None;
                }
            }
        }
    }
    if path.is_empty() {
        path.push(b'/');
    }
    Some(path)
}

pub fn abspath<H: Host>(host: &mut H, text: &[u8], out: &mut Vec<u8>) {
    let folder = host.context().folder.clone();
    let found: Vec<Vec<u8>> = words(text).filter_map(|word| absolute_path(word, folder.as_deref())).collect();
    join_words(found.iter().map(Vec::as_slice), out);
}

/// Size of the buffer that the C library gives a file, in bytes.
const BUFFER: usize = 4096;

pub fn file<H: Host>(host: &mut H, operation: &[u8], text: Option<&[u8]>, out: &mut Vec<u8>) -> Outcome {
    let (append, rest) = match operation {
        [b'>', b'>', rest @ ..] => (true, rest),
        [b'>', rest @ ..] => (false, rest),
        [b'<', rest @ ..] => return read(host, rest, text.is_some(), out),
        _ => return Err(host.context().fatal(Complaint::FileOperation(operation.to_vec()))),
    };
    let name = file_name(host, rest)?;
    let fail = |host: &mut H, call: &'static str, error: std::io::Error| -> Stop {
        let error = error.raw_os_error().unwrap_or(libc::EIO);
        Stop::fatal(host.context().reading, Complaint::FileFunction { call, name: name.to_vec(), error })
    };
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(append).write(true).truncate(!append);
    let mut file = options.open(OsStr::from_bytes(name)).map_err(|error| fail(host, "open", error))?;
    host.context().folders.changed();
    if let Some(text) = text {
        let mut content = text.to_vec();
        if content.last() != Some(&b'\n') {
            content.push(b'\n');
        }
        // What fits the C library's buffer is written when the file is closed.
        let call = if content.len() <= BUFFER { "close" } else { "write" };
        file.write_all(&content).map_err(|error| fail(host, call, error))?;
    }
    Ok(())
}

fn file_name<'t, H: Host>(host: &mut H, text: &'t [u8]) -> Outcome<&'t [u8]> {
    let text = skip_space(text);
    if text.is_empty() {
        return Err(host.context().fatal(Complaint::FileWithoutName));
    }
    Ok(&text[..word_length(text)])
}

fn read<H: Host>(host: &mut H, name: &[u8], too_many: bool, out: &mut Vec<u8>) -> Outcome {
    let name = file_name(host, name)?;
    if too_many {
        return Err(host.context().fatal(Complaint::FileTooManyArguments));
    }
    if let Some(seen) = &mut host.context().seen {
        seen.files.push(name.to_vec());
    }
    let (call, error) = match files::open_and_read(name) {
        Ok((_, mut text)) => {
            if text.last() == Some(&b'\n') {
                text.pop();
                if text.last() == Some(&b'\r') {
                    text.pop();
                }
            }
            out.extend_from_slice(&text);
            return Ok(());
        }
        Err(_) if interruption::untaken().is_some() => {
            return Err(Stop::Signal(interruption::untaken().unwrap_or(libc::SIGTERM)));
        }
        Err(ReadError::Open(libc::ENOENT)) => return Ok(()),
        Err(ReadError::Open(error)) => ("open", error),
        Err(ReadError::Read(error)) => ("read", error),
    };
    let complaint = Complaint::FileFunction { call, name: name.to_vec(), error };
    Err(Stop::fatal(host.context().reading, complaint))
}

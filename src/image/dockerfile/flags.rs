//! The flags of an instruction: taken one by one by name, unknown and repeated ones refused. Knows nothing of which
//! instruction has which.
//!
//! As BuildKit's `frontend/dockerfile/instructions/bflag.go` and `commands_runmount.go` read.

use super::error::{Error, ErrorKind};
use super::instruction::{Mount, Text};
use super::lines::Line;
use crate::base::Span;
use crate::base::nearest;
use std::ops::Range;

/// The flags of one instruction, of which the known ones are taken until none may be left.
pub struct Flags<'a> {
    instruction: &'static str,
    flags: Vec<Flag<'a>>,
    known: Vec<&'static [u8]>,
}

struct Flag<'a> {
    /// With dashes.
    name: &'a [u8],
    value: Option<&'a [u8]>,
    span: Span,
    value_span: Span,
    taken: bool,
}

impl<'a> Flags<'a> {
    /// The flags of an instruction as the grammar found them, each with its range in `line`.
    pub fn new(instruction: &'static str, flags: &'a [(Vec<u8>, Range<usize>)], line: &Line) -> Self {
        let flags = flags
            .iter()
            .map(|(text, range)| {
                let span = line.span_of(range.start, range.end);
                match memchr::memchr(b'=', text) {
                    Some(equals) => {
                        let raw = line.text.get(range.clone()).unwrap_or_default();
                        let skip = memchr::memchr(b'=', raw).map_or(0, |at| at + 1);
                        let value_span = line.span_of(range.start + skip, range.end);
                        let (name, value) = (&text[..equals], Some(&text[equals + 1..]));
                        Flag { name, value, span, value_span, taken: false }
                    }
                    None => Flag { name: text, value: None, span, value_span: span, taken: false },
                }
            })
            .collect();
        Flags { instruction, flags, known: Vec::new() }
    }

    fn take(&mut self, name: &'static [u8], once: bool) -> Result<Vec<usize>, Error> {
        self.known.push(name);
        let mut found = Vec::new();
        for (index, flag) in self.flags.iter_mut().enumerate() {
            if flag.name.strip_prefix(b"--") == Some(name) {
                if once && !found.is_empty() {
                    let kind = ErrorKind::DuplicateFlag { flag: flag.name.to_vec() };
                    return Err(Error::new(flag.span, kind));
                }
                flag.taken = true;
                found.push(index);
            }
        }
        Ok(found)
    }

    fn value(&self, index: usize) -> Result<Text, Error> {
        let Some(flag) = self.flags.get(index) else { return Ok(Text::default()) };
        match flag.value {
            Some(value) => Ok(Text { bytes: value.to_vec(), span: flag.value_span }),
            None => Err(Error::new(flag.span, ErrorKind::FlagWithoutValue { flag: flag.name.to_vec() })),
        }
    }

    /// The value of a flag that may be given once.
    pub fn string(&mut self, name: &'static [u8]) -> Result<Option<Text>, Error> {
        match self.take(name, true)?.first() {
            Some(&index) => self.value(index).map(Some),
            None => Ok(None),
        }
    }

    /// The values of a flag that may be given many times.
    pub fn strings(&mut self, name: &'static [u8]) -> Result<Vec<Text>, Error> {
        self.take(name, false)?.into_iter().map(|index| self.value(index)).collect()
    }

    /// The value of a flag that is on by being there.
    pub fn boolean(&mut self, name: &'static [u8]) -> Result<Option<bool>, Error> {
        let Some(&index) = self.take(name, true)?.first() else { return Ok(None) };
        let Some(flag) = self.flags.get(index) else { return Ok(None) };
        match flag.value.map(<[u8]>::to_ascii_lowercase).as_deref() {
            None | Some(b"true") => Ok(Some(true)),
            Some(b"false") => Ok(Some(false)),
            Some(b"") => Err(Error::new(flag.span, ErrorKind::FlagWithoutValue { flag: flag.name.to_vec() })),
            Some(_) => {
                let value = flag.value.unwrap_or_default().to_vec();
                Err(Error::new(flag.value_span, ErrorKind::BadFlagValue { flag: flag.name.to_vec(), value }))
            }
        }
    }

    /// The mounts of RUN.
    pub fn mounts(&mut self) -> Result<Vec<Mount>, Error> {
        self.strings(b"mount")?.iter().map(mount).collect()
    }

    /// Refuses the first flag that no one took.
    pub fn end(&mut self) -> Result<(), Error> {
        let Some(flag) = self.flags.iter().find(|flag| !flag.taken) else { return Ok(()) };
        let bare = flag.name.strip_prefix(b"--").unwrap_or(flag.name);
        let nearest = nearest(bare, self.known.iter().copied()).map(<[u8]>::to_vec);
        let kind =
            ErrorKind::UnknownFlag { instruction: self.instruction, flag: flag.name.to_vec(), nearest };
        Err(Error::new(flag.span, kind))
    }
}

/// Keys a mount may have.
const MOUNT_KEYS: [&[u8]; 19] = [
    b"type",
    b"from",
    b"source",
    b"src",
    b"target",
    b"dst",
    b"destination",
    b"readonly",
    b"ro",
    b"readwrite",
    b"rw",
    b"required",
    b"id",
    b"sharing",
    b"size",
    b"mode",
    b"uid",
    b"gid",
    b"env",
];

/// Types a mount may have.
pub const MOUNT_TYPES: [&[u8]; 5] = [b"bind", b"cache", b"tmpfs", b"secret", b"ssh"];

/// Reads the value of `--mount`. Types are checked where they hold no variable.
fn mount(value: &Text) -> Result<Mount, Error> {
    let bad = |field: &[u8]| Error::new(value.span, ErrorKind::BadMount { field: field.to_vec() });
    let mut fields = Vec::new();
    for field in comma_fields(&value.bytes).ok_or_else(|| bad(&value.bytes))? {
        let (key, content) = match memchr::memchr(b'=', &field) {
            Some(equals) => (field[..equals].to_ascii_lowercase(), Some(field[equals + 1..].to_vec())),
            None => (field.to_ascii_lowercase(), None),
        };
        let alone = [&b"readonly"[..], b"ro", b"readwrite", b"rw", b"required"];
        if !MOUNT_KEYS.contains(&key.as_slice()) {
            let nearest = nearest(&key, MOUNT_KEYS).map(<[u8]>::to_vec);
            return Err(Error::new(value.span, ErrorKind::UnknownMountKey { key, nearest }));
        }
        let Some(content) = content else {
            if alone.contains(&key.as_slice()) {
                fields.push((key, None));
                continue;
            }
            return Err(bad(&field));
        };
        if key == b"from" && memchr::memchr(b'$', &content).is_some_and(|at| at + 1 != content.len()) {
            return Err(Error::new(value.span, ErrorKind::VariableInFrom));
        }
        if key == b"type" && content.iter().all(|byte| byte.is_ascii_alphanumeric()) {
            let name = content.to_ascii_lowercase();
            if !MOUNT_TYPES.contains(&name.as_slice()) {
                let nearest = nearest(&name, MOUNT_TYPES).map(<[u8]>::to_vec);
                return Err(Error::new(value.span, ErrorKind::UnknownMountType { name: content, nearest }));
            }
        }
        fields.push((key, Some(content)));
    }
    Ok(Mount { span: value.span, fields })
}

/// The fields of one line of comma-separated values, where a field may stand in double quotes.
fn comma_fields(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        let mut field = Vec::new();
        if text.get(at) == Some(&b'"') {
            at += 1;
            loop {
                let close = at + memchr::memchr(b'"', text.get(at..)?)?;
                field.extend_from_slice(&text[at..close]);
                at = close + 1;
                if text.get(at) != Some(&b'"') {
                    break;
                }
                field.push(b'"');
                at += 1;
            }
        } else {
            let end = memchr::memchr(b',', text.get(at..)?).map_or(text.len(), |comma| at + comma);
            field.extend_from_slice(&text[at..end]);
            if field.contains(&b'"') {
                return None;
            }
            at = end;
        }
        out.push(field);
        match text.get(at) {
            None => return Some(out),
            Some(b',') => at += 1,
            Some(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_comma_separated_values() {
        let fields = |text: &[u8]| comma_fields(text);
        assert_eq!(
            fields(b"a=b,\"c=d,e\"\"f\",g"),
            Some(vec![b"a=b".to_vec(), b"c=d,e\"f".to_vec(), b"g".to_vec()])
        );
        assert_eq!(fields(b"a=\"b\""), None);
        assert_eq!(fields(b"\"a"), None);
        assert_eq!(fields(b""), Some(vec![Vec::new()]));
    }

    #[test]
    fn mount_faults_are_told() {
        let read =
            |text: &str| mount(&Text { bytes: text.into(), span: Span::default() }).map_err(|e| e.kind);
        assert!(read("type=bind,source=a,target=/a,ro").is_ok());
        assert!(matches!(read("typ=bind"), Err(ErrorKind::UnknownMountKey { nearest: Some(_), .. })));
        assert!(matches!(read("type=bnd"), Err(ErrorKind::UnknownMountType { nearest: Some(_), .. })));
        assert!(matches!(read("source"), Err(ErrorKind::BadMount { .. })));
        assert_eq!(read("from=$x"), Err(ErrorKind::VariableInFrom));
        assert!(read("type=${T}").is_ok());
    }
}

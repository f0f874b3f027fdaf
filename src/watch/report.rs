//! What a run says of its inputs, as messages over a socket. Knows nothing of rules, and looks at no file.
//!
//! Each message can be read alone: it begins with who sends it. So a run, its restarts after remade makefiles and its sub-makes
//! all send to one socket, and no message is torn.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// The environment variable that names the socket.
pub const VARIABLE: &str = "IMK_WATCH";

/// A message is sent once it has this many bytes.
const MESSAGE: usize = 16 * 1024;

/// A `docker build` that a recipe runs, as far as its command line tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BuildInput {
    /// The context's folder.
    pub root: Vec<u8>,
    /// `--file`.
    pub file: Option<Vec<u8>>,
    /// `--target`.
    pub target: Option<Vec<u8>>,
    /// `--build-arg`: name, and the value where it is known.
    pub args: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// `--build-context`: name and value.
    pub contexts: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether podman's and buildah's ignore files count.
    pub containers: bool,
    /// Whether something of it is known to the running shell alone: then all of the folder counts.
    pub uncertain: bool,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// What follows is of this goal.
    Goal(Vec<u8>),
    /// What follows is of the recipe of this target.
    Recipe(Vec<u8>),
    /// What follows is of reading makefiles: it counts for all goals.
    Reading,
    /// A file whose content or presence matters, there or not.
    File(Vec<u8>),
    /// A file of which only presence matters.
    Presence(Vec<u8>),
    /// Names that match this pattern matter.
    Pattern(Vec<u8>),
    /// A file that the run writes.
    Product(Vec<u8>),
    /// A target with a recipe that the current goal needs.
    Target(Vec<u8>),
    /// An image that is built.
    Build(BuildInput),
    /// All that is in a folder and not ignored by git.
    Tree(Vec<u8>),
    /// The run came to the end of the current goal; whether it was made, or needed nothing.
    Done(bool),
    /// The run has said all.
    End,
}

/// Where a message comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// MAKELEVEL.
    pub level: u32,
    /// The folder that names are relative to.
    pub folder: Vec<u8>,
}

/// Writes records to the socket.
pub struct Reporter {
    socket: UnixDatagram,
    header: Vec<u8>,
    /// The record that says what the next ones are of.
    section: Vec<u8>,
    message: Vec<u8>,
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn optional(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    out.push(u8::from(bytes.is_some()));
    field(out, bytes.unwrap_or_default());
}

impl Reporter {
    /// A reporter to the socket `path`; none where nobody listens there.
    pub fn connect(path: &Path, sender: &Sender) -> Option<Reporter> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.connect(path).ok()?;
        let mut header = sender.level.to_le_bytes().to_vec();
        field(&mut header, &sender.folder);
        let message = header.clone();
        Some(Reporter { socket, header, section: Vec::new(), message })
    }

    /// Says `record`.
    pub fn say(&mut self, record: &Record) {
        let mut text = Vec::new();
        encode(record, &mut text);
        if self.message.len() + text.len() > MESSAGE {
            self.flush();
        }
        if matches!(record, Record::Goal(_) | Record::Recipe(_) | Record::Reading) {
            self.section.clone_from(&text);
        }
        self.message.extend_from_slice(&text);
    }

    /// Sends what is left to send.
    pub fn flush(&mut self) {
        if self.message.len() > self.header.len() + self.section.len() {
            // A session that is gone is no fault of the run.
            let _ = self.socket.send(&self.message);
        }
        self.message.clone_from(&self.header);
        self.message.extend_from_slice(&self.section);
    }
}

fn encode(record: &Record, out: &mut Vec<u8>) {
    let (tag, text): (u8, &[u8]) = match record {
        Record::Goal(name) => (b'g', name),
        Record::Recipe(name) => (b'r', name),
        Record::Reading => (b'm', b""),
        Record::File(name) => (b'f', name),
        Record::Presence(name) => (b'o', name),
        Record::Pattern(name) => (b'w', name),
        Record::Product(name) => (b'p', name),
        Record::Target(name) => (b't', name),
        Record::Tree(name) => (b'd', name),
        Record::Done(true) => (b'y', b""),
        Record::Done(false) => (b'n', b""),
        Record::End => {
            out.push(b'E');
            return;
        }
        Record::Build(build) => {
            out.push(b'b');
            encode_build(build, out);
            return;
        }
    };
    out.push(tag);
    field(out, text);
}

fn encode_build(build: &BuildInput, out: &mut Vec<u8>) {
    field(out, &build.root);
    optional(out, build.file.as_deref());
    optional(out, build.target.as_deref());
    out.push(u8::from(build.containers));
    out.push(u8::from(build.uncertain));
    out.extend_from_slice(&(build.args.len() as u32).to_le_bytes());
    for (name, value) in &build.args {
        field(out, name);
        optional(out, value.as_deref());
    }
    out.extend_from_slice(&(build.contexts.len() as u32).to_le_bytes());
    for (name, value) in &build.contexts {
        field(out, name);
        field(out, value);
    }
}

struct Reader<'m> {
    rest: &'m [u8],
}

impl<'m> Reader<'m> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(u32::from_le_bytes(*number))
    }

    fn field(&mut self) -> Option<&'m [u8]> {
        let length = self.number()? as usize;
        let text = self.rest.get(..length)?;
        self.rest = &self.rest[length..];
        Some(text)
    }

    fn owned(&mut self) -> Option<Vec<u8>> {
        self.field().map(<[u8]>::to_vec)
    }

    fn optional(&mut self) -> Option<Option<Vec<u8>>> {
        let there = self.byte()? != 0;
        let text = self.owned()?;
        Some(there.then_some(text))
    }

    fn build(&mut self) -> Option<BuildInput> {
        let mut build = BuildInput {
            root: self.owned()?,
            file: self.optional()?,
            target: self.optional()?,
            containers: self.byte()? != 0,
            uncertain: self.byte()? != 0,
            ..BuildInput::default()
        };
        for _ in 0..self.number()? {
            build.args.push((self.owned()?, self.optional()?));
        }
        for _ in 0..self.number()? {
            build.contexts.push((self.owned()?, self.owned()?));
        }
        Some(build)
    }

    fn record(&mut self) -> Option<Record> {
        Some(match self.byte()? {
            b'g' => Record::Goal(self.owned()?),
            b'r' => Record::Recipe(self.owned()?),
            b'm' => self.field().map(|_| Record::Reading)?,
            b'f' => Record::File(self.owned()?),
            b'o' => Record::Presence(self.owned()?),
            b'w' => Record::Pattern(self.owned()?),
            b'p' => Record::Product(self.owned()?),
            b't' => Record::Target(self.owned()?),
            b'd' => Record::Tree(self.owned()?),
            b'y' => self.field().map(|_| Record::Done(true))?,
            b'n' => self.field().map(|_| Record::Done(false))?,
            b'E' => Record::End,
            b'b' => Record::Build(self.build()?),
            _ => return None,
        })
    }
}

/// Reads a message: who sends it, and what it says up to the first record that makes no sense.
pub fn decode(message: &[u8]) -> Option<(Sender, Vec<Record>)> {
    let mut reader = Reader { rest: message };
    let sender = Sender { level: reader.number()?, folder: reader.owned()? };
    let mut records = Vec::new();
    while let Some(record) = reader.record() {
        records.push(record);
    }
    Some((sender, records))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_back_section_by_section() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        let _ = socket.set_nonblocking(true);
        let sender = Sender { level: 2, folder: b"/a b".to_vec() };
        let mut reporter = Reporter::connect(&path, &sender).expect("a listener");
        let build = BuildInput {
            root: b".".to_vec(),
            target: Some(b"t".to_vec()),
            args: vec![(b"A".to_vec(), None), (b"B".to_vec(), Some(b"1".to_vec()))],
            contexts: vec![(b"c".to_vec(), b"../c".to_vec())],
            uncertain: true,
            ..BuildInput::default()
        };
        let mut said = vec![Record::Goal(b"all".to_vec()), Record::Build(build), Record::Done(true)];
        said.extend((0..2000).map(|number| Record::File(format!("file-{number}\n").into_bytes())));
        said.push(Record::End);
        let mut heard = Vec::new();
        let mut messages = 0;
        let mut drain = |heard: &mut Vec<Record>| {
            let mut buffer = vec![0; 2 * MESSAGE];
            while let Ok(length) = socket.recv(&mut buffer) {
                let (from, records) = decode(&buffer[..length]).expect("a message");
                assert_eq!(from, sender);
                assert_eq!(records.first(), Some(&Record::Goal(b"all".to_vec())), "the section is repeated");
                heard.extend(records.into_iter().skip(usize::from(messages > 0)));
                messages += 1;
            }
        };
        for record in &said {
            reporter.say(record);
            drain(&mut heard);
        }
        reporter.flush();
        drain(&mut heard);
        assert_eq!(heard, said);
    }

    #[test]
    fn no_message_brings_a_panic() {
        let mut state = 1u64;
        for length in 0..400 {
            let message: Vec<u8> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    (state >> 56) as u8 % 120
                })
                .collect();
            let _ = decode(&message);
        }
    }
}

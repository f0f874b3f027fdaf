//! One tar archive, walked member by member as it streams by. Knows nothing of layers.
//!
//! The `tar` crate reads the fields of headers. Its own walk is not used: it holds whatever length an archive claims for a long name in
//! memory, and takes a newline in a PAX value (a file capability may have one) for the end of the record.

use super::fault::Fault;
use super::limits::Limits;
use std::io::{ErrorKind, Read};
use tar::{EntryType, Header};

/// Bytes of a header, and what contents are padded to.
const BLOCK: usize = 512;
/// Most bytes of a PAX header: paths, owners and extended attributes.
const PAX_MAX: u64 = 1 << 20;
/// Extended headers that may come one after the other for one member.
const EXTENSIONS_MAX: usize = 16;

/// A member's header, with what extended headers say of it.
pub struct Member {
    /// Its path as it is written.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryType,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of change, in seconds since 1970.
    pub mtime: i64,
    /// Bytes of content.
    pub size: u64,
    /// The text of a link.
    pub link: Vec<u8>,
}

/// What extended headers say of the member that follows.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<i64>,
}

/// A walk over an archive.
pub struct Walk<R> {
    reader: R,
    /// Bytes of the present member that were not read yet, and of the padding after them.
    left: u64,
    padding: u64,
    path_bytes: usize,
    tail_bytes: u64,
    scratch: Vec<u8>,
    /// Whether the archive's end was met: without it, the archive may have been cut between two members.
    pub ended: bool,
}

impl<R: Read> Walk<R> {
    /// Walks over `reader`, refusing names longer than `limits` has, and more behind the end.
    pub fn new(reader: R, limits: &Limits) -> Walk<R> {
        let Limits { path_bytes, tail_bytes, .. } = *limits;
        Walk { reader, left: 0, padding: 0, path_bytes, tail_bytes, scratch: Vec::new(), ended: false }
    }

    /// The next member; none at the end.
    ///
    /// # Errors
    /// A damaged or cut archive.
    pub fn next(&mut self) -> Result<Option<Member>, Fault> {
        self.skip()?;
        let mut extended = Extended::default();
        for _ in 0..=EXTENSIONS_MAX {
            let Some(header) = self.header()? else { return Ok(None) };
            let size = header.entry_size().map_err(|_| Fault::Damaged("a member without a size"))?;
            self.set_left(size)?;
            match header.entry_type() {
                EntryType::GNULongName => extended.path = Some(self.long_name()?),
                EntryType::GNULongLink => extended.link = Some(self.long_name()?),
                EntryType::XHeader => self.pax(&mut extended)?,
                // What a global header says (git's commit, say) is no file's name or size.
                EntryType::XGlobalHeader => {}
                _ => return self.member(&header, extended).map(Some),
            }
            self.skip()?;
        }
        Err(Fault::Damaged("extended headers without a member"))
    }

    fn set_left(&mut self, size: u64) -> Result<(), Fault> {
        let block = BLOCK as u64;
        self.left = size;
        self.padding = (block - size % block) % block;
        if size > u64::MAX / 2 { Err(Fault::Damaged("a member without a size")) } else { Ok(()) }
    }

    /// The next header; none at the archive's end, which is a block of zeros or no block at all.
    fn header(&mut self) -> Result<Option<Header>, Fault> {
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        let mut filled = 0;
        while filled < BLOCK {
            match self.reader.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(Fault::Truncated),
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        if block.iter().all(|&byte| byte == 0) {
            self.ended = true;
            self.drain()?;
            return Ok(None);
        }
        if is_header(block) {
            Ok(Some(header))
        } else {
            Err(Fault::Damaged("a header with a wrong checksum"))
        }
    }

    /// Reads what follows the end, so that whoever writes the archive is not cut off: as much as any pads it with.
    fn drain(&mut self) -> Result<(), Fault> {
        self.scratch.resize(64 * 1024, 0);
        let mut left = self.tail_bytes;
        loop {
            match self.reader.read(&mut self.scratch) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    let most = self.tail_bytes;
                    left = left
                        .checked_sub(count as u64)
                        .ok_or(Fault::TooLarge("bytes behind its end", most))?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn member(&mut self, header: &Header, extended: Extended) -> Result<Member, Fault> {
        let number = |value: std::io::Result<u64>| {
            value.map(|value| u32::try_from(value).unwrap_or(u32::MAX)).unwrap_or_default()
        };
        let kind = header.entry_type();
        if kind == EntryType::GNUSparse {
            return Err(Fault::Damaged("a sparse file, which no engine writes"));
        }
        if let Some(size) = extended.size {
            self.set_left(size)?;
        }
        if matches!(kind, EntryType::Link | EntryType::Symlink | EntryType::Directory) {
            // Some archives tell the size of what a link leads to, though no content follows.
            self.set_left(0)?;
        }
        let member = Member {
            path: extended.path.unwrap_or_else(|| header.path_bytes().into_owned()),
            kind,
            mode: header.mode().unwrap_or_default(),
            uid: extended.uid.unwrap_or_else(|| number(header.uid())),
            gid: extended.gid.unwrap_or_else(|| number(header.gid())),
            mtime: extended
                .mtime
                .unwrap_or_else(|| header.mtime().map_or(0, |time| i64::try_from(time).unwrap_or(i64::MAX))),
            size: self.left,
            link: extended
                .link
                .or_else(|| header.link_name_bytes().map(|link| link.into_owned()))
                .unwrap_or_default(),
        };
        if member.path.len().max(member.link.len()) > self.path_bytes {
            return Err(Fault::TooLarge("bytes in a path", self.path_bytes as u64));
        }
        Ok(member)
    }

    /// The whole content of an extended header of a bounded length.
    fn extension(&mut self, most: u64) -> Result<Vec<u8>, Fault> {
        if self.left > most {
            return Err(Fault::TooLarge("bytes in a path", most));
        }
        let length = self.left;
        let mut content = Vec::new();
        self.content().read_to_end(&mut content)?;
        if (content.len() as u64) < length { Err(Fault::Truncated) } else { Ok(content) }
    }

    fn long_name(&mut self) -> Result<Vec<u8>, Fault> {
        let mut name = self.extension(self.path_bytes as u64 + 1)?;
        let end = memchr::memchr(0, &name).unwrap_or(name.len());
        name.truncate(end);
        Ok(name)
    }

    /// Reads PAX records, `LENGTH KEY=VALUE\n` each (POSIX, pax interchange format).
    fn pax(&mut self, extended: &mut Extended) -> Result<(), Fault> {
        let content = self.extension(PAX_MAX)?;
        let mut rest = &content[..];
        while !rest.is_empty() {
            let (key, value, after) = record(rest).ok_or(Fault::Damaged("a PAX record"))?;
            let number = || std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
            let owner = || number().map(|value| u32::try_from(value).unwrap_or(u32::MAX));
            match key {
                b"path" => extended.path = Some(value.to_vec()),
                b"linkpath" => extended.link = Some(value.to_vec()),
                b"size" => extended.size = Some(number().ok_or(Fault::Damaged("a PAX record"))?),
                b"uid" => extended.uid = owner(),
                b"gid" => extended.gid = owner(),
                b"mtime" => extended.mtime = seconds(value),
                _ => {}
            }
            rest = after;
        }
        Ok(())
    }

    /// The present member's content.
    pub fn content(&mut self) -> Content<'_, R> {
        Content(self)
    }

    /// Passes over what is left of the present member.
    pub fn skip(&mut self) -> Result<(), Fault> {
        let mut left = self.left + self.padding;
        if left == 0 {
            return Ok(());
        }
        self.scratch.resize(64 * 1024, 0);
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(self.scratch.len());
            match self.reader.read(&mut self.scratch[..wanted]) {
                // The last member's padding is not missed.
                Ok(0) if left <= self.padding => break,
                Ok(0) => return Err(Fault::Truncated),
                Ok(count) => left -= count as u64,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }
}

/// Whether 512 bytes are a header: its checksum is right.
pub fn is_header(block: &[u8]) -> bool {
    if block.len() < BLOCK {
        return false;
    }
    let header = Header::from_byte_slice(&block[..BLOCK]);
    let bytes = header.as_bytes();
    let sum = bytes.iter().enumerate().map(|(at, &byte)| {
        // The checksum's own field counts as spaces.
        if (148..156).contains(&at) { u32::from(b' ') } else { u32::from(byte) }
    });
    header.cksum().is_ok_and(|claimed| claimed == sum.sum::<u32>())
}

/// The first PAX record: key, value, and what follows.
fn record(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = memchr::memchr(b' ', text)?;
    let length: usize = std::str::from_utf8(text.get(..space)?).ok()?.parse().ok()?;
    let body = text.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = memchr::memchr(b'=', body)?;
    Some((&body[..equals], &body[equals + 1..], text.get(length..)?))
}

/// The whole seconds of a PAX time.
fn seconds(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    text.split('.').next()?.parse().ok()
}

/// The content of a member.
pub struct Content<'w, R>(&'w mut Walk<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.0.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.0.reader.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(Fault::Truncated.into());
        }
        self.0.left -= count as u64;
        Ok(count)
    }
}

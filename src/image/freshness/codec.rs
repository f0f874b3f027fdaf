//! One encoding for what is digested and what is kept on disk: every field with its length, so that no two lists of
//! fields share an encoding. Knows nothing of what the fields mean.

use std::fmt;

/// A BLAKE3 digest.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }

    /// From 64 hexadecimal digits, in lower case.
    pub fn from_hex(text: &str) -> Option<Digest> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let text = text.as_bytes();
        if text.len() != 64 {
            return None;
        }
        let mut out = [0; 32];
        for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Digest(out))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

/// Puts fields one behind the other.
#[derive(Default)]
pub(super) struct Writer {
    pub out: Vec<u8>,
    /// Of what is digested alone, the digest so far.
    digest: Option<Box<blake3::Hasher>>,
}

/// How much is written before it is digested: enough to be digested in parallel, little enough to stay in the processor's cache.
const PIECE: usize = 64 * 1024;

impl Writer {
    /// Has room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Writer {
        Writer { out: Vec::with_capacity(capacity), digest: None }
    }

    /// Writes what is only to be digested.
    pub fn digesting() -> Writer {
        Writer { out: Vec::with_capacity(PIECE + 1024), digest: Some(Box::default()) }
    }

    /// Digests what was written, where that is enough by now. What is digested does not stay in `out`.
    pub fn digest_full(&mut self) {
        if self.out.len() >= PIECE
            && let Some(digest) = &mut self.digest
        {
            digest.update(&self.out);
            self.out.clear();
        }
    }

    /// The digest of all that was written.
    pub fn finish(self) -> Digest {
        match self.digest {
            Some(mut digest) => Digest(*digest.update(&self.out).finalize().as_bytes()),
            None => Digest::of(&self.out),
        }
    }

    pub fn number(&mut self, number: u64) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    /// A number that is most often small: seven bits a byte, the lowest first.
    pub fn small(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.small(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    pub fn digest(&mut self, digest: &Digest) {
        self.out.extend_from_slice(&digest.0);
    }

    pub fn option(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            None => self.out.push(0),
            Some(bytes) => {
                self.out.push(1);
                self.bytes(bytes);
            }
        }
    }
}

/// Takes fields apart; nothing where the bytes end too early or a number is none.
pub(super) struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    pub fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub fn number(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    pub fn small(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub fn bytes(&mut self) -> Option<&'b [u8]> {
        let count = self.small()?;
        self.take(usize::try_from(count).ok()?)
    }

    pub fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    pub fn digest(&mut self) -> Option<Digest> {
        self.take(32)?.try_into().ok().map(Digest)
    }

    pub fn option(&mut self) -> Option<Option<&'b [u8]>> {
        match self.byte()? {
            0 => Some(None),
            1 => self.bytes().map(Some),
            _ => None,
        }
    }

    /// A list of what `one` reads. Its length is not trusted before the fields are there.
    pub fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.small()?;
        let mut out = Vec::with_capacity(usize::try_from(count).ok()?.min(self.rest.len()));
        for _ in 0..count {
            out.push(one(self)?);
        }
        Some(out)
    }
}

/// `body` behind a line that names its kind and its own digest, so that a file that was cut off or garbled is noticed.
pub(super) fn seal(kind: &str, body: &[u8]) -> Vec<u8> {
    [kind.as_bytes(), b"\n", &Digest::of(body).0, body].concat()
}

/// What [`seal`] sealed; nothing where it is of another kind, or garbled.
pub(super) fn unseal<'b>(kind: &str, sealed: &'b [u8]) -> Option<&'b [u8]> {
    let rest = sealed.strip_prefix(kind.as_bytes())?.strip_prefix(b"\n")?;
    let (digest, body) = rest.split_at_checked(32)?;
    (Digest::of(body).0 == digest).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(numbers in proptest::collection::vec(any::<u64>(), 0..5),
                                   texts in proptest::collection::vec(any::<Option<Vec<u8>>>(), 0..5)) {
            let mut writer = Writer::default();
            numbers.iter().for_each(|&number| { writer.small(number); writer.number(number); });
            texts.iter().for_each(|text| writer.option(text.as_deref()));
            let mut reader = Reader::new(&writer.out);
            for &number in &numbers {
                prop_assert_eq!((reader.small(), reader.number()), (Some(number), Some(number)));
            }
            for text in &texts {
                prop_assert_eq!(reader.option(), Some(text.as_deref()));
            }
            prop_assert!(reader.is_at_end());
        }

        #[test]
        fn garbage_is_refused(body in any::<Vec<u8>>(), at in any::<usize>(), flip in 1u8..) {
            let mut sealed = seal("kind", &body);
            prop_assert_eq!(unseal("kind", &sealed), Some(&body[..]));
            let at = at % sealed.len();
            sealed[at] ^= flip;
            prop_assert_eq!(unseal("kind", &sealed), None);
            prop_assert_eq!(unseal("kind", &sealed[..at]), None);
        }
    }

    #[test]
    fn what_is_digested_piece_by_piece_has_the_digest_of_the_whole() {
        for length in [0, 1, PIECE - 1, PIECE, 3 * PIECE + 5] {
            let (mut pieces, mut whole) = (Writer::digesting(), Writer::default());
            for number in 0..length {
                pieces.out.push(number as u8);
                whole.out.push(number as u8);
                pieces.digest_full();
            }
            assert!(pieces.out.len() < PIECE);
            assert_eq!(pieces.finish(), Digest::of(&whole.out));
            assert_eq!(
                whole.finish(),
                Digest::of(&(0..length).map(|number| number as u8).collect::<Vec<_>>())
            );
        }
    }

    #[test]
    fn digests_are_read_as_written() {
        let digest = Digest::of(b"x");
        assert_eq!(Digest::from_hex(&digest.to_string()), Some(digest));
        assert_eq!(Digest::from_hex(&digest.to_string().to_uppercase()), None);
        assert_eq!(Digest::from_hex("ab"), None);
    }
}

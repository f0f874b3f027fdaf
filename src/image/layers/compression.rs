//! Which form a layer has, and its plain bytes. Knows nothing of tar but what a header looks like.

use super::fault::Fault;
use super::walk::is_header;
use flate2::read::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{BufRead, BufReader, ErrorKind, Read};

/// Bytes that tell a layer's form.
pub const PEEK: usize = 512;

/// The form of a member of a saved image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A tar archive.
    Tar,
    /// One compressed by gzip.
    Gzip,
    /// One compressed by zstd.
    Zstd,
    /// A JSON object or list.
    Json,
    /// Nothing at all.
    Empty,
    /// None of these.
    Other,
}

/// The form that a member's first bytes, up to [`PEEK`] of them, show.
pub fn form(first: &[u8]) -> Form {
    let frame = |magic: &[u8]| first.starts_with(magic);
    // A skippable frame may come before the first real one.
    let skippable = first.len() > 4 && first[0] & 0xf0 == 0x50 && first[1..4] == [0x2a, 0x4d, 0x18];
    match first.trim_ascii_start().first() {
        None if first.is_empty() => Form::Empty,
        Some(b'{' | b'[') => Form::Json,
        _ if frame(&[0x1f, 0x8b]) => Form::Gzip,
        _ if frame(&[0x28, 0xb5, 0x2f, 0xfd]) || skippable => Form::Zstd,
        _ if first.len() == PEEK && (is_header(first) || first.iter().all(|&byte| byte == 0)) => Form::Tar,
        _ => Form::Other,
    }
}

/// The plain bytes of `source`, whose form is `form`. More than `left` of them are an error; what was read is taken off it.
pub fn plain<'s>(source: impl Read + 's, form: Form, left: &'s mut u64, limit: u64) -> impl Read + 's {
    let inner: Box<dyn Read + 's> = match form {
        Form::Gzip => Box::new(Inflating(MultiGzDecoder::new(BufReader::with_capacity(64 * 1024, source)))),
        Form::Zstd => Box::new(Inflating(Frames::new(source))),
        _ => Box::new(source),
    };
    // Headers are read 512 bytes at a time.
    BufReader::with_capacity(64 * 1024, Bounded::new(inner, left, ("bytes in its layers", limit)))
}

/// Refuses to give more than a bound, however small the pieces that are asked for.
pub struct Bounded<'s, R> {
    inner: R,
    left: &'s mut u64,
    limit: (&'static str, u64),
}

impl<'s, R> Bounded<'s, R> {
    /// The bytes of `inner`, of which `left` may be read; `limit` says of what there is too much then, and how much was allowed.
    pub fn new(inner: R, left: &'s mut u64, limit: (&'static str, u64)) -> Self {
        Bounded { inner, left, limit }
    }
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(rest) => *self.left = rest,
            None => return Err(Fault::TooLarge(self.limit.0, self.limit.1).into()),
        }
        Ok(count)
    }
}

/// Tells damaged compressed data from a source that fails.
struct Inflating<R>(R);

impl<R: Read> Read for Inflating<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            ErrorKind::InvalidInput | ErrorKind::InvalidData if !Fault::is_carried(&error) => {
                Fault::Inflate.into()
            }
            _ => error,
        })
    }
}

/// Zstd frames one after the other, skippable ones passed over.
struct Frames<R: Read> {
    source: Remembering<BufReader<R>>,
    decoder: FrameDecoder,
    /// Whether a frame is being read.
    within: bool,
}

/// A source whose error is remembered: the decoder wraps it in one of its own.
struct Remembering<R> {
    inner: R,
    error: Option<std::io::Error>,
}

impl<R: Read> Read for Remembering<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(0) if !buffer.is_empty() => {
                self.error = Some(ErrorKind::UnexpectedEof.into());
                Ok(0)
            }
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                let kind = error.kind();
                self.error = Some(error);
                Err(kind.into())
            }
            result => result,
        }
    }
}

impl<R: Read> Frames<R> {
    fn new(source: R) -> Frames<R> {
        let inner = BufReader::with_capacity(128 * 1024, source);
        Frames { source: Remembering { inner, error: None }, decoder: FrameDecoder::new(), within: false }
    }

    /// Begins the next frame; false at the end.
    fn begin(&mut self) -> std::io::Result<bool> {
        loop {
            if self.source.inner.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.within = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let frame = &mut self.source.inner;
                    if std::io::copy(&mut frame.take(length), &mut std::io::sink())? < length {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(_) => return Err(self.fault()),
            }
        }
    }

    /// The source's own error, where it has one.
    fn fault(&mut self) -> std::io::Error {
        self.source.error.take().unwrap_or_else(|| Fault::Inflate.into())
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            if !self.within && !self.begin()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let blocks = BlockDecodingStrategy::UptoBlocks(1);
                if self.decoder.decode_blocks(&mut self.source, blocks).is_err() {
                    return Err(self.fault());
                }
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            self.within = false;
        }
    }
}

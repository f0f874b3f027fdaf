//! The body of an answer, read as it comes in: an archive of any size. Knows no engine.

use super::{Answer, Connection, EngineError};
use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

/// The body of an answer with status 200.
pub(in crate::image::engine) struct Body {
    connection: Connection,
    framing: Framing,
}

/// How the end of a body is known.
enum Framing {
    /// Chunks: bytes left of the present one, and whether its end of line is still to be read.
    Chunks(usize, bool),
    /// So many bytes are left.
    Length(usize),
    /// It ends with the connection.
    ToTheEnd,
    /// It has ended.
    Over,
}

impl Body {
    /// Asks for `target`; the whole answer where its status is not 200. Each read may take as long as `patience`.
    pub fn request(
        mut connection: Connection,
        target: &str,
        patience: Duration,
    ) -> Result<Result<Body, Answer>, EngineError> {
        connection.send("GET", target, "", patience)?;
        let head = connection.head()?;
        if head.answer.status != 200 {
            let has_no_body = matches!(head.answer.status, 204 | 304);
            return connection.whole(head, has_no_body).map(Err);
        }
        let framing = match (head.chunked, head.length) {
            (true, _) => Framing::Chunks(0, false),
            (false, Some(length)) => Framing::Length(length),
            (false, None) => Framing::ToTheEnd,
        };
        Ok(Ok(Body { connection, framing }))
    }

    /// Up to `buffer`'s length of bytes; none at the end of the connection.
    fn some(&mut self, buffer: &mut [u8]) -> Result<usize, EngineError> {
        let connection = &mut self.connection;
        if connection.unread().is_empty() {
            connection.buffer.clear();
            connection.start = 0;
            connection.fill()?;
        }
        let unread = connection.unread();
        let count = unread.len().min(buffer.len());
        buffer[..count].copy_from_slice(&unread[..count]);
        connection.start += count;
        Ok(count)
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, EngineError> {
        self.connection.deadline = Instant::now() + self.connection.patience;
        if let Framing::Chunks(0, ends) = self.framing {
            if ends && !self.connection.line()?.is_empty() {
                return Err(EngineError::Garbage("chunk size"));
            }
            let length = self.connection.chunk_length()?;
            // Trailers are of no interest, nor is the connection after them.
            self.framing = if length == 0 { Framing::Over } else { Framing::Chunks(length, true) };
        }
        let most = match self.framing {
            Framing::Chunks(left, _) | Framing::Length(left) => left.min(buffer.len()),
            Framing::ToTheEnd => buffer.len(),
            Framing::Over => 0,
        };
        if most == 0 {
            return Ok(0);
        }
        let count = self.some(&mut buffer[..most])?;
        match &mut self.framing {
            Framing::Chunks(left, _) | Framing::Length(left) if count > 0 => *left -= count,
            Framing::Chunks(..) | Framing::Length(_) => return Err(EngineError::Closed),
            _ => {}
        }
        Ok(count)
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.read_some(buffer).map_err(|fault| match fault {
            EngineError::Closed => ErrorKind::UnexpectedEof.into(),
            fault => std::io::Error::other(fault.message()),
        })
    }
}

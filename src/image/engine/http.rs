//! HTTP/1.1 over a stream, as far as engines speak it: one request, one bounded answer. Knows no engine.

mod body;

pub(super) use body::Body;

use super::EngineError;
use crate::base::system_error::SystemError;
use crate::os::interruption::{self, Wait};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Longest head of an answer, in bytes.
const HEAD_MAX: usize = 64 * 1024;
/// Longest body of an answer, in bytes.
pub(super) const BODY_MAX: usize = 64 * 1024 * 1024;
/// Most header lines of an answer.
const HEADERS_MAX: usize = 96;
/// Most interim answers before an answer.
const INTERIM_MAX: usize = 8;
/// Longest line that gives a chunk's size.
const CHUNK_LINE_MAX: usize = 1024;

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    /// The `Api-Version` header.
    pub api_version: Option<String>,
    /// Whether the engine is podman, by its own header.
    pub is_podman: bool,
    pub body: Vec<u8>,
}

/// A connection on which one request follows another.
pub(super) struct Connection {
    stream: UnixStream,
    /// Bytes read and not used; those before `start` are.
    buffer: Vec<u8>,
    start: usize,
    /// When the request under way must be done.
    deadline: Instant,
    patience: Duration,
    /// Whether it may carry another request.
    pub reusable: bool,
    /// Whether any byte of the answer under way has come: a connection that the engine closed while it was idle
    /// fails without one, and the request can be sent again on a fresh one.
    pub answered: bool,
}

/// What is known of the body when the head was read.
struct Head {
    answer: Answer,
    chunked: bool,
    length: Option<usize>,
    closes: bool,
}

impl Connection {
    pub fn new(stream: UnixStream) -> Connection {
        Connection {
            stream,
            buffer: Vec::new(),
            start: 0,
            deadline: Instant::now(),
            patience: Duration::ZERO,
            reusable: true,
            answered: false,
        }
    }

    /// Sends one request with further header lines, each with its end, and reads its answer, all within `patience`.
    pub fn exchange(
        &mut self,
        method: &str,
        target: &str,
        headers: &str,
        patience: Duration,
    ) -> Result<Answer, EngineError> {
        self.send(method, target, headers, patience)?;
        let head = self.head()?;
        let has_no_body = method == "HEAD" || matches!(head.answer.status, 204 | 304);
        self.whole(head, has_no_body)
    }

    /// Sends one request, whose answer's head is to be read next.
    fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &str,
        patience: Duration,
    ) -> Result<(), EngineError> {
        (self.deadline, self.patience) = (Instant::now() + patience, patience);
        self.reusable = false;
        self.answered = false;
        self.buffer.clear();
        self.start = 0;
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: engine\r\nUser-Agent: imk/{}\r\nContent-Length: 0\r\n{headers}\r\n",
            env!("CARGO_PKG_VERSION")
        );
        let left = self.time_left()?;
        self.stream.set_write_timeout(Some(left)).map_err(|fault| EngineError::Transfer(fault.into()))?;
        self.stream.write_all(request.as_bytes()).map_err(|fault| self.transfer(fault))
    }

    /// The answer whose head was read, with all of its body.
    fn whole(&mut self, head: Head, has_no_body: bool) -> Result<Answer, EngineError> {
        let mut answer = head.answer;
        if !has_no_body {
            answer.body = match (head.chunked, head.length) {
                (true, _) => self.chunked_body()?,
                (false, Some(length)) => self.take(length)?,
                (false, None) => self.rest()?,
            };
        }
        self.reusable = !head.closes && (has_no_body || head.chunked || head.length.is_some());
        Ok(answer)
    }

    fn time_left(&self) -> Result<Duration, EngineError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(self.timeout()) } else { Ok(left) }
    }

    fn timeout(&self) -> EngineError {
        EngineError::after(self.patience)
    }

    fn transfer(&self, fault: impl Into<SystemError>) -> EngineError {
        let fault = fault.into();
        match fault.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => self.timeout(),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => EngineError::Closed,
            _ => EngineError::Transfer(fault),
        }
    }

    /// Reads more bytes into the buffer; how many, none at the end.
    fn fill(&mut self) -> Result<usize, EngineError> {
        self.time_left()?;
        match interruption::wait([Some(self.stream.as_fd()), None], Some(self.deadline)) {
            Ok(Wait::Ready(_)) => {}
            Ok(Wait::Late) => return Err(self.timeout()),
            Ok(Wait::Interrupted) => return Err(EngineError::Interrupted),
            Err(fault) => return Err(self.transfer(fault)),
        }
        let old = self.buffer.len();
        self.buffer.resize(old + 16 * 1024, 0);
        let result = loop {
            match self.stream.read(&mut self.buffer[old..]) {
                Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let count = result.as_ref().copied().unwrap_or(0);
        self.buffer.truncate(old + count);
        self.answered |= count > 0;
        result.map_err(|fault| self.transfer(fault))
    }

    fn fill_some(&mut self) -> Result<(), EngineError> {
        match self.fill()? {
            0 => Err(EngineError::Closed),
            _ => Ok(()),
        }
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    fn head(&mut self) -> Result<Head, EngineError> {
        let mut interim = 0;
        while interim <= INTERIM_MAX {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
            let mut response = httparse::Response::new(&mut headers);
            match response.parse(self.unread()) {
                Err(_) => return Err(EngineError::Garbage("HTTP answer")),
                Ok(httparse::Status::Partial) if self.unread().len() > HEAD_MAX => {
                    return Err(EngineError::TooLarge(HEAD_MAX));
                }
                Ok(httparse::Status::Partial) => self.fill_some()?,
                Ok(httparse::Status::Complete(length)) => {
                    let head = read_head(&response)?;
                    self.start += length;
                    // An interim answer (100 Continue) is followed by the answer.
                    if head.answer.status >= 200 {
                        return Ok(head);
                    }
                    interim += 1;
                }
            }
        }
        Err(EngineError::Garbage("HTTP answer"))
    }

    /// The next `length` bytes.
    fn take(&mut self, length: usize) -> Result<Vec<u8>, EngineError> {
        if length > BODY_MAX {
            return Err(EngineError::TooLarge(BODY_MAX));
        }
        while self.unread().len() < length {
            self.fill_some()?;
        }
        let taken = self.unread().get(..length).unwrap_or_default().to_vec();
        self.start += length;
        Ok(taken)
    }

    /// All up to the end of the stream.
    fn rest(&mut self) -> Result<Vec<u8>, EngineError> {
        while self.fill()? > 0 {
            if self.unread().len() > BODY_MAX {
                return Err(EngineError::TooLarge(BODY_MAX));
            }
        }
        Ok(self.unread().to_vec())
    }

    fn line(&mut self) -> Result<Vec<u8>, EngineError> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', self.unread()) {
                let line = self.take(end + 1)?;
                return Ok(line.strip_suffix(b"\r\n").or(line.strip_suffix(b"\n")).unwrap_or(&line).to_vec());
            }
            if self.unread().len() > CHUNK_LINE_MAX {
                return Err(EngineError::Garbage("chunk size"));
            }
            self.fill_some()?;
        }
    }

    /// The length of the chunk that follows; nothing after the last one.
    fn chunk_length(&mut self) -> Result<usize, EngineError> {
        let garbage = || EngineError::Garbage("chunk size");
        let line = self.line()?;
        let digits = line.split(|byte| matches!(byte, b';' | b' ')).next().unwrap_or_default();
        let is_hex = !digits.is_empty() && digits.len() <= 8 && digits.iter().all(u8::is_ascii_hexdigit);
        let digits = std::str::from_utf8(digits).ok().filter(|_| is_hex).ok_or_else(garbage)?;
        usize::from_str_radix(digits, 16).map_err(|_| garbage())
    }

    fn chunked_body(&mut self) -> Result<Vec<u8>, EngineError> {
        let garbage = || EngineError::Garbage("chunk size");
        let mut body = Vec::new();
        loop {
            let length = self.chunk_length()?;
            if length == 0 {
                break;
            }
            if body.len().saturating_add(length) > BODY_MAX {
                return Err(EngineError::TooLarge(BODY_MAX));
            }
            body.append(&mut self.take(length)?);
            if !self.line()?.is_empty() {
                return Err(garbage());
            }
            // What was used of the buffer is given back, so that it stays small.
            if self.start > 64 * 1024 {
                self.buffer.drain(..self.start);
                self.start = 0;
            }
        }
        // Trailers, up to an empty line.
        for _ in 0..HEADERS_MAX {
            if self.line()?.is_empty() {
                return Ok(body);
            }
        }
        Err(EngineError::TooLarge(HEAD_MAX))
    }
}

fn read_head(response: &httparse::Response<'_, '_>) -> Result<Head, EngineError> {
    let status = response.code.ok_or(EngineError::Garbage("HTTP status"))?;
    let mut head = Head {
        answer: Answer { status, api_version: None, is_podman: false, body: Vec::new() },
        chunked: false,
        length: None,
        closes: response.version == Some(0),
    };
    for header in response.headers.iter() {
        let value = String::from_utf8_lossy(header.value).trim().to_owned();
        match header.name.to_ascii_lowercase().as_str() {
            "transfer-encoding" => head.chunked = value.to_ascii_lowercase().ends_with("chunked"),
            "content-length" => {
                let length = value.parse().map_err(|_| EngineError::Garbage("content length"))?;
                if head.length.is_some_and(|other| other != length) {
                    return Err(EngineError::Garbage("content length"));
                }
                head.length = Some(length);
            }
            "connection" => head.closes |= value.eq_ignore_ascii_case("close"),
            "api-version" => head.answer.api_version = Some(value),
            "libpod-api-version" => head.answer.is_podman = true,
            _ => {}
        }
    }
    Ok(head)
}

/// Percent-encodes a path segment or query value; what image references hold stays as it is.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b'/' | b':' | b'@' => {
                out.push(byte as char)
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

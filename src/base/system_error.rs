//! An error of the operating system as a value that is compared, kept and put into its words. Knows nothing of what was tried.

use std::fmt;
use std::io::{Error, ErrorKind};

/// An error of the operating system. It reads as the C library words it: "No such file or directory".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemError {
    kind: ErrorKind,
    /// None of an error that a library found itself: a file that ends too early.
    number: Option<i32>,
}

impl SystemError {
    /// That of an error number.
    pub fn of(number: i32) -> SystemError {
        Error::from_raw_os_error(number).into()
    }

    /// Which sort of error it is, on any system.
    pub fn kind(self) -> ErrorKind {
        self.kind
    }
}

impl<E: Into<Error>> From<E> for SystemError {
    fn from(error: E) -> SystemError {
        let error = error.into();
        SystemError { kind: error.kind(), number: error.raw_os_error() }
    }
}

impl fmt::Display for SystemError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => formatter.write_str(&system_words(&Error::from_raw_os_error(number))),
            None => self.kind.fmt(formatter),
        }
    }
}

/// An error's own words, without Rust's "(os error N)".
pub fn system_words(error: &Error) -> String {
    let mut text = error.to_string();
    if error.raw_os_error().is_some()
        && let Some(end) = text.rfind(" (os error")
    {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_the_c_library_words_them() {
        assert_eq!(SystemError::of(libc::EIO).to_string(), "Input/output error");
        assert_eq!(SystemError::of(libc::ENOENT), Error::from_raw_os_error(libc::ENOENT).into());
        assert_eq!(SystemError::from(ErrorKind::UnexpectedEof).to_string(), "unexpected end of file");
        assert_eq!(system_words(&Error::other("no word (os error in it)")), "no word (os error in it)");
    }
}

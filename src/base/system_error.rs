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
        SystemError { kind: error.kind(), number: number_of(&error) }
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

/// The number of an error, or of one that a library put a path to: it keeps the number in its words alone.
fn number_of(error: &Error) -> Option<i32> {
    let of_words = || {
        let text = error.get_ref()?.to_string();
        let (_, rest) = text.split_once(" (os error ")?;
        rest.split_once(')')?.0.parse().ok()
    };
    error.raw_os_error().or_else(of_words)
}

/// The system's words for an error, without Rust's "(os error N)"; a library's own where it is none of the system's.
pub fn system_words(error: &Error) -> String {
    let Some(number) = number_of(error) else { return error.to_string() };
    let text = Error::from_raw_os_error(number).to_string();
    text.rfind(" (os error").map_or_else(|| text.clone(), |end| text[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_the_c_library_words_them() {
        assert_eq!(SystemError::of(libc::EIO).to_string(), "Input/output error");
        assert_eq!(SystemError::of(libc::ENOENT), Error::from_raw_os_error(libc::ENOENT).into());
        assert_eq!(SystemError::from(ErrorKind::UnexpectedEof).to_string(), "unexpected end of file");
        let missing = tempfile::tempdir_in("/nonexistent").expect_err("a folder that is not there");
        assert_eq!(system_words(&missing), "No such file or directory");
        assert_eq!(SystemError::from(missing).to_string(), "No such file or directory");
        assert_eq!(system_words(&Error::other("no word (os error in it)")), "no word (os error in it)");
    }
}

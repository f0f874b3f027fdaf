//! Why a saved image could not be read. Knows no engine.

use crate::base::system_error::system_words;
use std::io::ErrorKind;

/// Why a saved image could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It ends before it is complete.
    Truncated,
    /// It is no tar archive, or damaged: what is wrong.
    Damaged(&'static str),
    /// Reading failed: what the system or the engine said.
    Unreadable(String),
    /// A layer is neither a tar archive, nor one in gzip or zstd: its name in the archive.
    UnknownCompression(String),
    /// A layer's compressed data can't be decompressed.
    Inflate,
    /// It is larger than is read: of what, and how much at most.
    TooLarge(&'static str, u64),
    /// A path leads out of the image by `..`.
    Escapes(Vec<u8>),
    /// There is no manifest: neither `manifest.json` nor `index.json`.
    NoManifest,
    /// A manifest, index or configuration that is named is not there.
    Missing(String),
    /// A manifest, index or configuration makes no sense: which, and what was looked for.
    Senseless(String, &'static str),
    /// The image is for Windows, whose layers are of another form.
    Windows,
}

impl Fault {
    /// The fault in words.
    pub fn message(&self) -> String {
        match self {
            Fault::Truncated => "the saved image is cut short".to_owned(),
            Fault::Damaged(what) => format!("the saved image is damaged: {what}"),
            Fault::Unreadable(why) => format!("the saved image can't be read: {why}"),
            Fault::UnknownCompression(name) => {
                format!("the layer {name} is neither a tar archive nor one compressed by gzip or zstd")
            }
            Fault::Inflate => "a layer's compressed data is damaged".to_owned(),
            Fault::TooLarge(what, limit) => format!("the image has more than {limit} {what}"),
            Fault::Escapes(path) => {
                format!("a layer has a path that leads out of the image: {}", String::from_utf8_lossy(path))
            }
            Fault::NoManifest => "the saved image has neither manifest.json nor index.json".to_owned(),
            Fault::Missing(name) => format!("the saved image names {name} but does not hold it"),
            Fault::Senseless(name, wanted) => format!("the saved image's {name} makes no sense: no {wanted}"),
            Fault::Windows => "the image is for Windows, whose layers can't be audited".to_owned(),
        }
    }
}

impl Fault {
    /// Whether an error is a fault on its way through a reader.
    pub(super) fn is_carried(error: &std::io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Carried>())
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Fault {
        // A fault that passed through a reader in between is itself again.
        if let Some(own) = error.get_ref().and_then(|inner| inner.downcast_ref::<Carried>()) {
            return own.0.clone();
        }
        match error.kind() {
            ErrorKind::UnexpectedEof => Fault::Truncated,
            _ => Fault::Unreadable(system_words(&error)),
        }
    }
}

/// A fault on its way through a reader.
#[derive(Debug)]
struct Carried(Fault);

impl std::fmt::Display for Carried {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.message())
    }
}

impl std::error::Error for Carried {}

impl From<Fault> for std::io::Error {
    fn from(fault: Fault) -> std::io::Error {
        let kind = if fault == Fault::Truncated { ErrorKind::UnexpectedEof } else { ErrorKind::InvalidData };
        std::io::Error::new(kind, Carried(fault))
    }
}

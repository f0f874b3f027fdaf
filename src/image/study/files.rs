//! Dockerfiles and ignore files, each read from disk once. Knows nothing of builds.

use super::super::context::{Choice, Convention, LoadError, load};
use super::super::dockerfile::{Dockerfile, Error, parse};
use super::super::recipe::Place;
use crate::base::Span;
use crate::base::source::LineStarts;
use crate::base::tables::HashMap;
use crate::os::files::read_regular;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Why a file can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// It is not there.
    Absent,
    /// It is a folder.
    Folder,
    /// The system says why not, by this number.
    Unreadable(i32),
}

/// A Dockerfile read from disk.
#[derive(Debug)]
pub struct DockerfileText {
    /// Its path, as a recipe would write it.
    pub shown: String,
    /// Its path.
    pub path: PathBuf,
    /// Its text.
    pub text: Result<Vec<u8>, FileFault>,
    parsed: OnceCell<Result<Dockerfile, Error>>,
    lines: OnceCell<LineStarts>,
}

impl DockerfileText {
    /// The file read by Docker's own grammar; none where it can't be read from disk.
    pub fn parsed(&self) -> Option<&Result<Dockerfile, Error>> {
        let text = self.text.as_ref().ok()?;
        Some(self.parsed.get_or_init(|| parse(text)))
    }

    /// Where its lines begin: it has as many places as it has instructions.
    pub fn lines(&self) -> &LineStarts {
        self.lines.get_or_init(|| LineStarts::of(self.text.as_deref().unwrap_or_default()))
    }

    /// The place of `span` in it; none where it can't be read from disk.
    pub fn place(&self, span: Span) -> Option<Place> {
        Some(Place::among(&self.shown, self.text.as_deref().ok()?, self.lines(), span))
    }
}

/// Reads a file; one that is not a regular file in the end is a fault.
fn read(path: &Path) -> Result<Vec<u8>, FileFault> {
    let fault = |error: std::io::Error| match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR) => FileFault::Absent,
        Some(libc::EISDIR) => FileFault::Folder,
        number => FileFault::Unreadable(number.unwrap_or(libc::EIO)),
    };
    read_regular(path).map_err(fault)
}

type IgnoreKey = (PathBuf, Option<PathBuf>, bool);

/// What was read so far.
#[derive(Default)]
pub(super) struct Files {
    dockerfiles: HashMap<PathBuf, Rc<DockerfileText>>,
    ignores: HashMap<IgnoreKey, Rc<Result<Choice, LoadError>>>,
}

impl Files {
    /// The Dockerfile at `path`.
    pub fn dockerfile(&mut self, path: &Path, shown: &str) -> Rc<DockerfileText> {
        let fresh = || {
            Rc::new(DockerfileText {
                shown: shown.to_owned(),
                path: path.to_owned(),
                text: read(path),
                parsed: OnceCell::new(),
                lines: OnceCell::new(),
            })
        };
        Rc::clone(self.dockerfiles.entry(path.to_owned()).or_insert_with(fresh))
    }

    /// The ignore file that a build heeds.
    pub fn ignore(
        &mut self,
        context: &Path,
        dockerfile: Option<&Path>,
        convention: Convention,
    ) -> Rc<Result<Choice, LoadError>> {
        let key = (context.to_owned(), dockerfile.map(Path::to_owned), convention == Convention::Containers);
        let fresh = || Rc::new(load(context, dockerfile, convention));
        Rc::clone(self.ignores.entry(key).or_insert_with(fresh))
    }
}

//! Which ignore file a build heeds, and its text read from disk. Matches nothing.

use super::ignore::{Ignore, IgnoreError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The ignore file that a build heeds.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Its path; nothing where there is none. Which one it is, is itself an input.
    pub path: Option<PathBuf>,
    /// Its text.
    pub text: Vec<u8>,
    /// What it says.
    pub ignore: Ignore,
}

/// Whose names of ignore files count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// BuildKit's: `.dockerignore`.
    Docker,
    /// Podman's and buildah's: `.containerignore` in the context goes before `.dockerignore`, beside the Dockerfile
    /// behind it (`pkg/parse/parse.go` of buildah).
    Containers,
}

/// Why the ignore file can't be used.
#[derive(Debug)]
pub enum LoadError {
    /// It can't be read.
    Io(PathBuf, std::io::Error),
    /// It is malformed; its text is given for the place.
    Malformed(PathBuf, Vec<u8>, IgnoreError),
}

/// The ignore file for the folder `context`: `DOCKERFILE.dockerignore` beside the Dockerfile where there is one, even
/// an empty one, else `.dockerignore` in the context. A named context has no Dockerfile.
///
/// # Errors
/// A file that is there and can't be read, or is malformed.
pub fn load(context: &Path, dockerfile: Option<&Path>, convention: Convention) -> Result<Choice, LoadError> {
    let containers = convention == Convention::Containers;
    if let Some(dockerfile) = dockerfile {
        for (suffix, counts) in [(".dockerignore", true), (".containerignore", containers)] {
            let mut name = dockerfile.as_os_str().to_owned();
            name.push(suffix);
            if counts && let Some(choice) = read(PathBuf::from(name))? {
                return Ok(choice);
            }
        }
    }
    if containers && let Some(choice) = in_context(context, ".containerignore")? {
        return Ok(choice);
    }
    Ok(in_context(context, ".dockerignore")?.unwrap_or_default())
}

fn in_context(context: &Path, name: &str) -> Result<Option<Choice>, LoadError> {
    let path = context.join(name);
    // BuildKit sees links as they are within the context: one that leads out of it is none.
    let is_link = std::fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.file_type().is_symlink());
    if is_link {
        let inside = match (std::fs::canonicalize(&path), std::fs::canonicalize(context)) {
            (Ok(file), Ok(root)) => file.starts_with(root),
            _ => false,
        };
        if !inside {
            return Ok(None);
        }
    }
    read(path)
}

fn read(path: PathBuf) -> Result<Option<Choice>, LoadError> {
    let text = match crate::os::files::read_regular(&path) {
        Ok(text) => text,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(LoadError::Io(path, error)),
    };
    match Ignore::read(&text) {
        Ok(ignore) => Ok(Some(Choice { path: Some(path), text, ignore })),
        Err(error) => Err(LoadError::Malformed(path, text, error)),
    }
}

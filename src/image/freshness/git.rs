//! Asks git which files changed since a revision. Runs no shell; knows nothing of images.

use crate::base::sorting;
use crate::base::system_error::SystemError;
use crate::os::tool::{Tool, ToolError};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long git may take: a look at all files of a large repository on a slow disk takes minutes.
const PATIENCE: Duration = Duration::from_secs(300);
/// Most that git may print, in bytes: the names of half a million files.
const OUTPUT_MAX: usize = 64 * 1024 * 1024;

/// Why git does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GitError {
    /// No program `git` could be run.
    NoGit(SystemError),
    /// The folder is in no repository's work tree.
    NoRepository(PathBuf),
    /// The repository has no such revision.
    UnknownRevision(String),
    /// git failed: what it said.
    Failed(String),
    /// It was given up.
    GivenUp(ToolError),
}

impl GitError {
    /// The error in words.
    pub fn message(&self) -> String {
        match self {
            GitError::NoGit(fault) if fault.kind() == std::io::ErrorKind::NotFound => {
                "no program git is on PATH".to_owned()
            }
            GitError::NoGit(fault) => format!("git can't be run: {fault}"),
            GitError::NoRepository(path) => format!("{} is in no git work tree", path.display()),
            GitError::UnknownRevision(revision) => format!("git knows no revision '{revision}'"),
            GitError::Failed(said) => format!("git failed: {said}"),
            GitError::GivenUp(ToolError::Late(patience)) => {
                format!("git did not answer within {} s", patience.as_secs())
            }
            GitError::GivenUp(ToolError::TooLong(limit)) => {
                format!("git's answer is larger than {limit} bytes")
            }
            GitError::GivenUp(ToolError::NotStarted(fault) | ToolError::Transfer(fault)) => {
                format!("git can't be asked: {fault}")
            }
            GitError::GivenUp(ToolError::Interrupted) => "a signal came while git was asked".to_owned(),
        }
    }
}

/// The top of the work tree around `directory`.
///
/// # Errors
/// There is none, or no git.
pub fn work_tree(directory: &Path) -> Result<PathBuf, GitError> {
    let top = run(directory, &["rev-parse", "--show-toplevel"])?
        .map_err(|_| GitError::NoRepository(directory.to_owned()))?;
    let top = PathBuf::from(OsString::from_vec(top.strip_suffix(b"\n").unwrap_or(&top).to_vec()));
    if top.is_absolute() { Ok(top) } else { Err(GitError::NoRepository(directory.to_owned())) }
}

/// The files that differ between `revision` and the work tree around `directory`, gone ones included, and those that git
/// does not track yet; files that git ignores are not seen. Absolute paths, sorted.
///
/// # Errors
/// See [`GitError`].
pub fn changed_since(directory: &Path, revision: &str) -> Result<Vec<PathBuf>, GitError> {
    let unknown = || GitError::UnknownRevision(revision.to_owned());
    let top = work_tree(directory)?;
    // A revision never begins with a dash; an option would.
    if revision.is_empty() || revision.starts_with('-') {
        return Err(unknown());
    }
    let commit = run(&top, &["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")])?;
    let commit = String::from_utf8(commit.map_err(|_| unknown())?).map_err(|_| unknown())?;
    if commit.trim_end().is_empty() || !commit.trim_end().bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(unknown());
    }
    let failed = GitError::Failed;
    // A rename is told as a file that is gone and one that is new.
    let differing =
        run(&top, &["diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", commit.trim_end(), "--"])?;
    let untracked = run(&top, &["ls-files", "--others", "--exclude-standard", "-z"])?;
    let (differing, untracked) = (differing.map_err(failed)?, untracked.map_err(failed)?);
    let names = differing.split(|&byte| byte == 0).chain(untracked.split(|&byte| byte == 0));
    let mut out: Vec<PathBuf> = names
        .filter(|name| !name.is_empty())
        .map(|name| top.join(OsString::from_vec(name.to_vec())))
        .collect();
    sorting::sort(&mut out);
    out.dedup();
    Ok(out)
}

/// The content that the file `name` in `directory` has in `revision`; none where it has no such file.
///
/// # Errors
/// See [`GitError`].
pub fn file_at(directory: &Path, revision: &str, name: &str) -> Result<Option<Vec<u8>>, GitError> {
    run(directory, &["rev-parse", "--show-toplevel"])?
        .map_err(|_| GitError::NoRepository(directory.to_owned()))?;
    let unknown = || GitError::UnknownRevision(revision.to_owned());
    if revision.is_empty() || revision.starts_with('-') {
        return Err(unknown());
    }
    run(directory, &["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")])?
        .map_err(|_| unknown())?;
    Ok(run(directory, &["show", &format!("{revision}:./{name}")])?.ok())
}

/// What git prints, or what it says when it fails.
fn run(directory: &Path, arguments: &[&str]) -> Result<Result<Vec<u8>, String>, GitError> {
    // Looking must not take the index's lock from somebody who works in the tree.
    let options = [OsStr::new("--no-optional-locks"), OsStr::new("-C"), directory.as_os_str()];
    let arguments: Vec<&OsStr> = options.into_iter().chain(arguments.iter().map(OsStr::new)).collect();
    let tool = Tool {
        program: Path::new("git"),
        arguments: &arguments,
        // It runs in the background of a terminal: a question there would stop it.
        environment: &[("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned())],
        input: b"",
        patience: PATIENCE,
        output_max: OUTPUT_MAX,
    };
    let done = tool.run().map_err(|fault| match fault {
        ToolError::NotStarted(kind) => GitError::NoGit(kind),
        fault => GitError::GivenUp(fault),
    })?;
    Ok(match done.status.success() {
        true => Ok(done.output),
        false => Err(done.errors.trim().to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// A repository without the user's settings.
    fn repository(at: &Path, steps: &[&[&str]]) -> bool {
        steps.iter().all(|arguments| {
            let mut command = Command::new("git");
            command.arg("-C").arg(at).args(["-c", "user.name=t", "-c", "user.email=t@t"]).args(*arguments);
            command.env("GIT_CONFIG_GLOBAL", "/dev/null").stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        })
    }

    #[test]
    fn changed_gone_new_and_renamed_files_are_told() {
        let at = tempfile::tempdir().unwrap();
        let top = std::fs::canonicalize(at.path()).unwrap();
        let write = |name: &str, text: &str| std::fs::write(top.join(name), text).unwrap();
        for name in ["same", "changed", "gone", "renamed"] {
            write(name, name);
        }
        std::fs::create_dir(top.join("in")).unwrap();
        write("in/same", "");
        assert!(repository(&top, &[&["init", "-q"], &["add", "."], &["commit", "-qm", "x"]]));
        write("changed", "!");
        write(".gitignore", "ignored\n");
        write("ignored", "");
        write("in/new file", "");
        std::fs::remove_file(top.join("gone")).unwrap();
        std::fs::rename(top.join("renamed"), top.join("other")).unwrap();
        let expected = [".gitignore", "changed", "gone", "in/new file", "other", "renamed"];
        let expected: Vec<PathBuf> = expected.iter().map(|name| top.join(name)).collect();
        assert_eq!(changed_since(&top.join("in"), "HEAD"), Ok(expected));
    }

    #[test]
    fn faults_are_told_apart() {
        let at = tempfile::tempdir().unwrap();
        let nowhere = changed_since(at.path(), "HEAD");
        assert_eq!(nowhere, Err(GitError::NoRepository(at.path().to_owned())));
        assert!(repository(at.path(), &[&["init", "-q"]]));
        for revision in ["HEAD", "nonesuch", "--all", ""] {
            let error = changed_since(at.path(), revision);
            assert_eq!(error, Err(GitError::UnknownRevision(revision.to_owned())));
        }
    }
}

//! Search for prerequisites in other folders (manual, "Searching Directories for Prerequisites"). Knows nothing of rules' use
//! of what is found.

use crate::base::Names;
use crate::os::files::{self, Look, Mtime};
use crate::os::folders::Folders;
use crate::os::words::is_blank;
use crate::rules::file::Files;
use crate::syntax::quoting::Pattern;

/// One `vpath` directive, or the general path.
pub struct SearchPath {
    /// Which names it is for; with the place of its `%`.
    pub pattern: Pattern<'static>,
    /// The folders, in order.
    pub folders: Vec<Vec<u8>>,
}

/// All search paths.
#[derive(Default)]
pub struct SearchPaths {
    /// `vpath` directives, in order.
    pub selective: Vec<SearchPath>,
    /// `VPATH`.
    pub general: Option<SearchPath>,
    /// `GPATH`.
    pub gpath: Vec<Vec<u8>>,
}

/// A file found along a path.
pub struct Found {
    /// Its name there.
    pub name: Vec<u8>,
    /// Its time, where it was looked up.
    pub mtime: Mtime,
    /// The number of the path that led there, and of the folder within it.
    pub rank: (usize, usize),
}

/// The folders of a list separated by blanks or colons; `.` adds nothing.
pub fn folders_of(text: &[u8]) -> Vec<Vec<u8>> {
    text.split(|&byte| is_blank(byte) || byte == b':')
        .filter(|part| !part.is_empty())
        .map(|part| if part.len() > 1 { part.strip_suffix(b"/").unwrap_or(part) } else { part })
        .filter(|part| *part != b".")
        .map(<[u8]>::to_vec)
        .collect()
}

impl SearchPaths {
    /// `vpath pattern folders`; without folders the pattern's paths are removed, without a pattern all.
    pub fn directive(&mut self, pattern: Option<&[u8]>, folders: Option<&[u8]>) {
        let Some(pattern) = pattern else { return self.selective.clear() };
        let mut text = pattern.to_vec();
        let percent = crate::syntax::quoting::find_unquoted(&mut text, 0, b"%", false);
        let pattern = Pattern { text: text.into(), percent };
        match folders {
            None => self.selective.retain(|path| path.pattern != pattern),
            Some(folders) => {
                let folders = folders_of(folders);
                if !folders.is_empty() {
                    self.selective.push(SearchPath { pattern, folders });
                }
            }
        }
    }

    /// Sets the general path from the value of `VPATH`.
    pub fn set_general(&mut self, text: &[u8]) {
        let folders = folders_of(text);
        if !folders.is_empty() {
            self.general =
                Some(SearchPath { pattern: Pattern { text: b"%"[..].into(), percent: Some(0) }, folders });
        }
    }

    /// Whether a file found in `folder` keeps the name it was found by (`GPATH`).
    pub fn keeps(&self, folder: &[u8]) -> bool {
        self.gpath.iter().any(|kept| kept == folder)
    }

    /// Whether there is anything to search.
    pub fn is_empty(&self) -> bool {
        self.selective.is_empty() && self.general.is_none()
    }

    /// The first file along the paths that `name` can stand for.
    pub fn search(&self, name: &[u8], names: &Names, files: &Files, folders: &mut Folders) -> Option<Found> {
        if self.is_empty() || name.first() == Some(&b'/') {
            return None;
        }
        for (rank, path) in self.selective.iter().enumerate() {
            if path.pattern.stem(name).is_some()
                && let Some(mut found) = search_one(path, name, names, files, folders)
            {
                found.rank.0 = rank;
                return Some(found);
            }
        }
        let mut found = search_one(self.general.as_ref()?, name, names, files, folders)?;
        found.rank.0 = self.selective.len();
        Some(found)
    }
}

fn search_one(
    path: &SearchPath,
    name: &[u8],
    names: &Names,
    files: &Files,
    folders: &mut Folders,
) -> Option<Found> {
    let is_target =
        |text: &[u8]| names.find(crate::rules::file::plain_name(text)).and_then(|name| files.find(name));
    let not_target = is_target(name).is_none_or(|file| !files[file].is_target);
    for (rank, folder) in path.folders.iter().enumerate() {
        let mut candidate = folder.clone();
        if candidate.last() != Some(&b'/') {
            candidate.push(b'/');
        }
        candidate.extend_from_slice(name);
        let mut time = Mtime::UNKNOWN;
        let mentioned = is_target(&candidate).is_some_and(|file| {
            let file = &files[file];
            if file.mtime == Mtime::OLD || file.mtime == Mtime::NEW {
                time = file.mtime;
            }
            not_target || file.is_target
        });
        if mentioned {
            return Some(Found { name: candidate, mtime: time, rank: (0, rank) });
        }
        if folders.exists(&candidate)
            && let Look::Found(mtime) = files::look(&candidate)
        {
            return Some(Found { name: candidate, mtime, rank: (0, rank) });
        }
    }
    None
}

//! What a COPY brings of the context: looked at once, however many checks ask, and only what they ask for is kept. Judges nothing.

use super::order::is_manifest;
use super::secrets::is_secret_file;
use super::view::{CopyView, Standing, View};
use crate::base::sorting;
use crate::base::tables::{HashMap, HashSet};
use crate::image::context::EntryKind;

/// So many files that stand for others, and sources that are folders, are kept at most.
pub(super) const MOST: usize = 64;

/// What the instruction brings.
pub(super) struct Brought {
    /// Whether a folder is among it.
    pub folder: bool,
    /// Files that are no manifests, those that people would think of first before others; of several with one name the first. Where
    /// there are very many, the first of them.
    pub examples: Vec<String>,
    /// Files that hold credentials, most likely.
    pub secrets: Vec<String>,
    /// The names among `locks` that something has that is brought.
    pub locks: [bool; LOCKS.len()],
}

/// The files in which installers keep the versions that they chose.
pub(super) const LOCKS: [&str; 4] = ["poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock"];

/// The last component of a path.
pub(super) fn last_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What people would think of before other files sorts before them.
fn weight(path: &str) -> impl Ord + '_ {
    // The Dockerfile itself is what people would least think of.
    let is_dockerfile = path.ends_with("Dockerfile");
    (!path.ends_with(".py"), is_dockerfile, path.starts_with('.'), path.matches('/').count(), path)
}

impl Brought {
    /// What `copy` brings; none where the context is not at hand.
    pub fn by(view: &View<'_>, copy: &CopyView<'_>) -> Option<Brought> {
        let selection = view.selected(&copy.reads)?;
        let mut found =
            Brought { folder: false, examples: Vec::new(), secrets: Vec::new(), locks: [false; LOCKS.len()] };
        let mut examples: HashMap<&str, &str> = HashMap::default();
        let files: Vec<String> = selection
            .entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::File)
            .map(|entry| String::from_utf8_lossy(&entry.path).into_owned())
            .collect();
        for path in files.iter().filter(|path| !is_manifest(path)) {
            let best = examples.entry(last_of(path)).or_insert(path);
            if weight(path) < weight(best) {
                *best = path;
            }
        }
        let mut examples: Vec<&str> = examples.into_values().collect();
        sorting::sort_by(&mut examples, |one, other| weight(one).cmp(&weight(other)));
        found.examples = examples.into_iter().take(MOST).map(str::to_owned).collect();
        for entry in &selection.entries {
            found.folder |= entry.kind == EntryKind::Folder;
            let name = entry.path.rsplit(|&byte| byte == b'/').next();
            for (lock, there) in LOCKS.iter().zip(&mut found.locks) {
                *there |= name == Some(lock.as_bytes());
            }
        }
        found.secrets = files.into_iter().filter(|path| is_secret_file(view, path)).collect();
        Some(found)
    }
}

/// Sources of the context in which other files may lie, or that are files: each once.
#[derive(Default)]
pub(super) struct Sources {
    /// Those that are folders; where there are very many, the first of them.
    pub folders: Vec<String>,
    /// Those that are files.
    pub files: Vec<String>,
    /// All; where there are very many, the first of them. A path that leads out of a source may be found beside one that is not there.
    pub all: Vec<String>,
}

impl Sources {
    /// The sources of `copy`.
    pub fn of(view: &View<'_>, copy: &CopyView<'_>) -> Sources {
        let mut found = Sources::default();
        let mut seen = HashSet::default();
        for source in copy.sources.iter().flatten().filter(|source| seen.insert(source.as_str())) {
            if found.all.len() < MOST {
                found.all.push(source.clone());
            }
            match view.standing(source) {
                Standing::Folder if found.folders.len() < MOST => found.folders.push(source.clone()),
                Standing::File => found.files.push(source.clone()),
                _ => {}
            }
        }
        found
    }

    /// The sources in which `path` may lie.
    pub fn around(&self, path: &str) -> &[String] {
        if leads_out(path) { &self.all } else { &self.folders }
    }
}

/// Whether a path has a component that leads to the folder above.
pub(super) fn leads_out(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}

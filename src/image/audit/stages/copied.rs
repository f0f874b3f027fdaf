//! Where in the context the requirements files of a stage's commands are, by what was copied or mounted on the way to them. Reads no
//! Dockerfile, judges nothing.

use super::brought::{MOST, last_of, leads_out};
use super::requirements::Requirements;
use super::view::{Action, Standing, Step, View};
use crate::base::tables::HashMap;
use crate::image::dockerfile::names::clean_rooted;
use std::rc::Rc;

/// A source that may have what is looked for below it.
#[derive(Clone, PartialEq, Eq)]
struct Folder {
    path: Rc<str>,
    /// Whether it is there whole, with the folders in it: of `folder/*` only files are asked for.
    is_whole: bool,
    /// Its number among all sources.
    number: usize,
}

/// Sources that were met last, each once, the last one last; of very many the last.
#[derive(Clone, Default)]
struct Folders(Vec<Folder>);

impl Folders {
    fn add(&mut self, folder: Folder) {
        self.0.retain(|known| (&known.path, known.is_whole) != (&folder.path, folder.is_whole));
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push(folder);
    }
}

/// What a stage has, and takes back when it is left.
#[derive(Clone, Default)]
struct Level {
    /// Sources that are folders.
    folders: Folders,
    /// All sources: a path that leads out of one may be found beside one that is not there.
    all: Folders,
    /// The names of files that were added.
    names: Vec<String>,
}

/// What was copied or mounted on the way to a place in a stage.
#[derive(Default)]
pub(super) struct Copied {
    /// The stage's line, itself last.
    levels: Vec<Level>,
    /// Files by their last component, with their numbers, the last one last.
    files: HashMap<String, Vec<(usize, Rc<str>)>>,
    count: usize,
}

impl Copied {
    /// Begins a stage that starts from the one that was begun last.
    pub fn enter(&mut self) {
        let above = self.levels.last().map(|level| (level.folders.clone(), level.all.clone()));
        let (folders, all) = above.unwrap_or_default();
        self.levels.push(Level { folders, all, names: Vec::new() });
    }

    /// Ends the stage that was begun last.
    pub fn leave(&mut self) {
        for name in self.levels.pop().into_iter().flat_map(|level| level.names) {
            if let Some(files) = self.files.get_mut(&name) {
                files.pop();
            }
        }
    }

    /// Adds what `step` copies or mounts.
    pub fn add(&mut self, view: &View<'_>, step: &Step<'_>) {
        match &step.action {
            Action::Copy(copy) if copy.copy.from.is_none() => {
                for source in copy.sources.iter().flatten() {
                    match source.rsplit_once('/').map_or("", |(folder, _)| folder) {
                        _ if !source.contains('*') => self.source(view, source),
                        folder => {
                            // A file of this very name is looked for as well.
                            self.file_of(view, source);
                            self.folder(view, folder, false);
                        }
                    }
                }
            }
            Action::Run(run, _) => {
                let bound =
                    run.mounts.iter().filter(|mount| mount.kind() == b"bind" && mount.from().is_none());
                for mount in bound {
                    self.source(view, &String::from_utf8_lossy(mount.source().unwrap_or(b".")));
                }
            }
            _ => {}
        }
    }

    fn source(&mut self, view: &View<'_>, source: &str) {
        self.file_of(view, source);
        self.folder(view, source, true);
    }

    fn file_of(&mut self, view: &View<'_>, source: &str) {
        self.count += 1;
        if view.standing(source) != Standing::File {
            return;
        }
        let Some(level) = self.levels.last_mut() else { return };
        let name = last_of(source).to_owned();
        self.files.entry(name.clone()).or_default().push((self.count, Rc::from(source)));
        level.names.push(name);
    }

    fn folder(&mut self, view: &View<'_>, path: &str, is_whole: bool) {
        let Some(level) = self.levels.last_mut() else { return };
        let folder = Folder { path: Rc::from(path), is_whole, number: self.count };
        if view.standing(path) == Standing::Folder {
            level.folders.add(folder.clone());
        }
        level.all.add(folder);
    }

    /// The requirements file that a command reads as `path`, with its path in the context: that which came last. None where an earlier
    /// command made it, or it came from elsewhere.
    pub fn file(&self, view: &View<'_>, path: &str) -> Option<(String, Rc<Requirements>)> {
        let name = last_of(path);
        let tail = path.trim_start_matches('/');
        let level = self.levels.last()?;
        let folders = if leads_out(path) { &level.all } else { &level.folders };
        // A source of this very name is what the command reads, or nothing is.
        let may_hold = |folder: &&Folder| !folder.is_whole || last_of(&folder.path) != name;
        let mut folders = folders.0.iter().rev().filter(may_hold).peekable();
        let files = self.files.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut files = files.iter().rev().take(MOST).peekable();
        let read = |path: &str| {
            let found = view.requirements(path)?;
            Some((String::from_utf8_lossy(&clean_rooted(path.as_bytes())).into_owned(), found))
        };
        loop {
            let file = files.peek().map(|(number, _)| *number);
            let folder = folders.peek().map(|folder| folder.number);
            let found = if file > folder {
                files.next().and_then(|(_, path)| read(path))
            } else {
                let folder = folders.next()?;
                let within = |inner: &str| read(&format!("{}/{inner}", folder.path));
                within(name).or_else(|| if folder.is_whole { within(tail) } else { None })
            };
            if found.is_some() {
                return found;
            }
        }
    }
}

//! What matters to a goal, as paths and patterns, and whether a change touches it. Knows nothing of when to run.

use super::context::{BuildWatch, is_editors};
use super::gitignore::Tree;
use super::paths::{Path, Resolver, absolute, is_within, join, split};
use super::report::{BuildInput, Record};
use super::source::Change;
use crate::os::folders::Folders;
use crate::os::glob;
use rustc_hash::{FxHashMap, FxHashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::rc::Rc;

/// What a change is to a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Nothing.
    No,
    /// It touches an input.
    Input,
    /// It touches an input that was not there before, in a place where any new name counts.
    NewName,
}

/// What records are added by: where names are seen from, what was known before, since when a change counts as late.
pub struct Adding<'a> {
    /// Resolves folders.
    pub resolver: &'a mut Resolver,
    /// The folder that names are relative to.
    pub folder: &'a [u8],
    /// What the run before saw.
    pub before: Option<&'a Interest>,
    /// The start of the run, in nanoseconds since 1970: what changed since then, it may not have seen.
    pub since: i128,
    /// Inputs that changed since then.
    pub late: &'a mut Vec<Path>,
}

/// What matters.
#[derive(Default)]
pub struct Interest {
    /// Files, there or not; whether their content matters.
    files: FxHashMap<Path, bool>,
    /// Files that are links.
    links: FxHashSet<Path>,
    /// Files that are folders: their entries matter.
    folders: FxHashSet<Path>,
    /// Patterns of names, by folder.
    patterns: FxHashMap<Path, Vec<Vec<u8>>>,
    /// The patterns as given, with the folder they are seen from.
    given_patterns: Vec<(Path, Vec<u8>)>,
    /// Files that runs write.
    pub products: FxHashSet<Path>,
    builds: Vec<Rc<BuildWatch>>,
    trees: Vec<Rc<Tree>>,
}

impl Interest {
    /// Takes in one record.
    pub fn add(&mut self, record: &Record, adding: &mut Adding) {
        match record {
            Record::File(name) => self.file(name, true, adding),
            Record::Presence(name) => self.file(name, false, adding),
            Record::Product(name) => {
                let path = adding.resolver.file(adding.folder, name);
                self.products.insert(path);
            }
            Record::Pattern(pattern) => {
                let entry = (Path::from(adding.folder), pattern.clone());
                if !self.given_patterns.contains(&entry) {
                    self.pattern(&entry.0, pattern, adding.resolver);
                    self.given_patterns.push(entry);
                }
            }
            Record::Build(input) => self.build(input, adding),
            Record::Tree(name) => {
                let root = adding.resolver.folder(&absolute(adding.folder, name));
                self.tree(root, adding.before);
            }
            _ => {}
        }
    }

    /// Whether nothing at all is known to matter.
    pub fn is_empty(&self) -> bool {
        self.files.keys().all(|path| self.products.contains(path))
            && self.builds.is_empty()
            && self.trees.is_empty()
    }

    /// Adds what a run saw that did not come to its end.
    pub fn absorb(&mut self, next: Interest) {
        self.files.extend(next.files);
        self.links.extend(next.links);
        self.folders.extend(next.folders);
        self.products.extend(next.products);
        for (folder, patterns) in next.patterns {
            self.patterns.entry(folder).or_default().extend(patterns);
        }
        self.given_patterns.extend(next.given_patterns);
        for build in next.builds {
            self.builds.retain(|known| known.input != build.input || known.seen_from != build.seen_from);
            self.builds.push(build);
        }
        self.trees.retain(|known| next.trees.iter().all(|tree| tree.root != known.root));
        self.trees.extend(next.trees);
    }

    /// Adds all of the folder `root` that git does not ignore.
    pub fn tree(&mut self, root: Path, before: Option<&Interest>) {
        if self.trees.iter().any(|tree| tree.root == root) {
            return;
        }
        let known = before.and_then(|before| before.trees.iter().find(|tree| tree.root == root));
        self.trees.push(known.map_or_else(|| Rc::new(Tree::read(&root)), Rc::clone));
    }

    fn file(&mut self, name: &[u8], content: bool, adding: &mut Adding) {
        let path = adding.resolver.file(adding.folder, name);
        if let Some(known) = self.files.get_mut(&path) {
            *known |= content;
            return;
        }
        if let Some(before) = adding.before
            && before.files.contains_key(&path)
            && !before.folders.contains(&path)
            && !before.links.contains(&path)
        {
            self.files.insert(path, content);
            return;
        }
        self.look(path, content, adding, 8);
    }

    fn look(&mut self, path: Path, content: bool, adding: &mut Adding, hops: u32) {
        if let Ok(data) = std::fs::symlink_metadata(OsStr::from_bytes(&path)) {
            let changed = i128::from(data.ctime()) * 1_000_000_000 + i128::from(data.ctime_nsec());
            if content && changed >= adding.since && !data.is_dir() && !self.products.contains(&path) {
                adding.late.push(path.clone());
            }
            if data.is_dir() && content {
                self.folders.insert(path.clone());
            } else if data.file_type().is_symlink()
                && hops > 0
                && let Ok(target) = std::fs::read_link(OsStr::from_bytes(&path))
            {
                self.links.insert(path.clone());
                let target = adding.resolver.file(split(&path).0, &target.into_os_string().into_vec());
                self.look(target, content, adding, hops - 1);
            }
        }
        let known = self.files.entry(path).or_insert(content);
        *known |= content;
    }

    /// Notes in which folders names count that match a part of `pattern`.
    fn pattern(&mut self, seen_from: &[u8], pattern: &[u8], resolver: &mut Resolver) {
        let whole = absolute(seen_from, pattern);
        let mut folders = vec![b"/".to_vec()];
        let mut wild = false;
        for part in whole.split(|&byte| byte == b'/').filter(|part| !part.is_empty()) {
            let is_wild = glob::has_wildcard(part);
            wild |= is_wild;
            let mut next = Vec::new();
            for folder in folders {
                if is_wild {
                    let resolved = resolver.folder(&folder);
                    let patterns = self.patterns.entry(resolved).or_default();
                    if !patterns.iter().any(|known| known == part) {
                        patterns.push(part.to_vec());
                    }
                    next.extend(glob::expand(&join(&folder, part), &mut Folders::default()));
                } else {
                    let path = join(&folder, part);
                    if wild {
                        // One of the places where the name may be; it need not be there.
                        self.files.entry(path.clone()).or_insert(false);
                    }
                    next.push(path.to_vec());
                }
            }
            folders = next;
        }
        if !wild {
            let path = resolver.file(seen_from, pattern);
            self.files.entry(path).or_insert(false);
        }
    }

    fn build(&mut self, input: &BuildInput, adding: &mut Adding) {
        let same = |build: &Rc<BuildWatch>| build.input == *input && *build.seen_from == *adding.folder;
        if self.builds.iter().any(same) {
            return;
        }
        let known = adding.before.and_then(|before| before.builds.iter().find(|build| same(build)));
        let build = match known {
            Some(build) => Rc::clone(build),
            None => {
                let mut build = BuildWatch::read(input, adding.folder, adding.resolver, adding.since);
                adding.late.append(&mut build.late);
                Rc::new(build)
            }
        };
        self.builds.push(build);
    }

    /// Looks again at what depends on folders' entries. Files changed since `since` are put into `late`.
    pub fn refresh(&mut self, resolver: &mut Resolver, since: i128, late: &mut Vec<Path>) {
        for build in &mut self.builds {
            let mut now = BuildWatch::read(&build.input, &build.seen_from, resolver, since);
            late.extend(std::mem::take(&mut now.late).into_iter().filter(|path| !build.knows(path)));
            *build = Rc::new(now);
        }
        for tree in &mut self.trees {
            *tree = Rc::new(Tree::read(&tree.root));
        }
        self.patterns.clear();
        for (folder, pattern) in std::mem::take(&mut self.given_patterns) {
            self.pattern(&folder, &pattern, resolver);
            self.given_patterns.push((folder, pattern));
        }
    }

    /// Whether anything here has to be looked at again when folders' entries or definitions changed.
    pub fn depends_on_entries(&self) -> bool {
        !self.builds.is_empty() || !self.trees.is_empty() || !self.patterns.is_empty()
    }

    /// Whether `path` is a Dockerfile or an ignore file, which say what matters.
    pub fn is_definition(&self, path: &[u8]) -> bool {
        self.builds.iter().any(|build| build.defines(path))
            || (split(path).1 == b".gitignore" && self.trees.iter().any(|tree| is_within(path, &tree.root)))
    }

    /// Adds the folders whose events are needed; not all of them need be there.
    pub fn folders(&self, out: &mut FxHashSet<Path>) {
        let mut add = |folder: &[u8]| {
            if !out.contains(folder) {
                out.insert(folder.into());
            }
        };
        let mut last: &[u8] = b"";
        for path in self.files.keys() {
            let folder = split(path).0;
            if folder != last {
                add(folder);
                last = folder;
            }
        }
        self.folders.iter().for_each(|folder| add(folder));
        self.patterns.keys().for_each(|folder| add(folder));
        for build in &self.builds {
            build.folders.iter().for_each(|folder| add(folder));
        }
        for tree in &self.trees {
            tree.folders.iter().for_each(|folder| add(folder));
        }
    }

    /// The files that matter one by one: what can be looked at where there are no events.
    pub fn each_file(&self, out: &mut FxHashSet<Path>) {
        out.extend(self.files.keys().cloned());
    }

    /// What `change` is to this.
    pub fn touched(&self, change: &Change) -> Touch {
        let path = &*change.path;
        let comes_or_goes = change.kind.comes_or_goes();
        if self.files.get(path).is_some_and(|&content| content || comes_or_goes) {
            return Touch::Input;
        }
        let (folder, name) = split(path);
        if comes_or_goes {
            let matches = |pattern: &Vec<u8>| glob::matches(pattern, name, true);
            if self.folders.contains(folder) && !is_editors(name) {
                return Touch::NewName;
            }
            if self.patterns.get(folder).is_some_and(|patterns| patterns.iter().any(matches)) {
                return Touch::NewName;
            }
        }
        for build in &self.builds {
            if build.knows(path) || build.defines(path) {
                return Touch::Input;
            }
            if build.reads(path) {
                return Touch::NewName;
            }
        }
        if !is_editors(name) && self.trees.iter().any(|tree| tree.has(path)) {
            return if comes_or_goes { Touch::NewName } else { Touch::Input };
        }
        if change.is_folder && comes_or_goes && self.files.keys().any(|file| is_within(file, path)) {
            return Touch::Input;
        }
        Touch::No
    }
}

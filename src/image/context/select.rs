//! Which entries of a context a target's reads can see. Opens no file: contents are the caller's to digest.
//!
//! Sound above all: whatever BuildKit could read is among the entries, and some more may be.

use super::ignore::Ignore;
use super::pattern::Pattern;
use super::rooted::{Glob, clean, has_wildcard};
use super::tree::{EntryKind, Id, ROOT, Status, Tree};
use crate::base::tables::{HashMap, HashSet};
use crate::image::dockerfile::ContextRead;
use rustix::io::Errno;
use std::path::Path;

/// An entry that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path from the context's root, without a leading slash.
    pub path: Vec<u8>,
    /// Its type.
    pub kind: EntryKind,
    /// Its status. Permission bits count for the build, as the size does by the content; times do not.
    pub status: Status,
    /// A link's text.
    pub link: Option<Vec<u8>>,
    /// Whether it is a folder that is known to have no extended attributes.
    pub bare: bool,
}

/// What was found for one read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Indices of the entries, ascending.
    pub entries: Vec<usize>,
    /// Whether the source names something that the ignore file excludes.
    pub ignored: bool,
}

/// What a target can read of a context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The entries, each once, folders before what is in them.
    pub entries: Vec<Entry>,
    /// For each read, what it selects.
    pub reads: Vec<Found>,
    /// Paths that could not be looked at, and the error's number. What they hold is not known.
    pub faults: Vec<(Vec<u8>, i32)>,
    /// Whether clients and releases may see other entries through the ignore file, which may then be more than what it selects.
    pub disputed: bool,
}

/// The entries under `root` that `reads` can see through `ignore`; with `all`, every entry that is not ignored.
///
/// # Errors
/// A root that is no folder, or can't be opened.
pub fn select(root: &Path, ignore: &Ignore, reads: &[&ContextRead], all: bool) -> std::io::Result<Selection> {
    let tree = Tree::open(root, ignore).map_err(std::io::Error::from)?;
    let mut selector = Selector {
        tree,
        taken: Vec::new(),
        followed: HashMap::default(),
        visited: HashSet::default(),
        read: 0,
        ignored: false,
    };
    let mut per_read = Vec::with_capacity(reads.len());
    for read in reads {
        per_read.push(selector.run(read));
    }
    if all {
        selector.begin();
        selector.subtree(ROOT, None);
    }
    Ok(selector.finish(per_read))
}

/// One component of a source.
enum Component<'a> {
    Name(&'a [u8]),
    Glob(Glob, &'a [u8]),
}

impl Component<'_> {
    fn matches(&self, name: &[u8]) -> bool {
        match self {
            Component::Name(own) => *own == name,
            Component::Glob(glob, text) => glob.matches(name) || *text == name,
        }
    }
}

/// What narrows a read within a folder that its source names.
struct Narrow {
    excludes: Ignore,
    /// Patterns of which one must match an entry or a folder above it.
    below: Option<Pattern>,
    /// Length of the folder's path, with the slash behind it.
    skip: usize,
}

struct Selector<'i> {
    tree: Tree<'i>,
    /// Entries taken by the current read.
    taken: Vec<Id>,
    /// Where each link leads.
    followed: HashMap<Id, Vec<Id>>,
    /// Folders from which the components of the current source from some number on were matched.
    visited: HashSet<(Id, usize)>,
    read: usize,
    ignored: bool,
}

/// Stands for no entry where one may yet stand.
const NONE: Id = Id::MAX;

fn is_some(id: &Id) -> bool {
    *id != NONE
}

/// Links lead through no more folders and links than this.
const MOST_HOPS: usize = 255;

impl Selector<'_> {
    fn begin(&mut self) {
        self.read += 1;
        self.taken.clear();
        self.visited.clear();
        self.ignored = false;
    }

    fn run(&mut self, read: &ContextRead) -> (Vec<Id>, bool) {
        self.begin();
        let narrow = self.narrow(read);
        self.source(&read.source, read.glob, narrow);
        if let Some(below) = &read.below {
            // Current BuildKit follows no link here. One that does finds what the plain source would.
            let both = if read.source.is_empty() {
                below.clone()
            } else {
                [&read.source, &b"/"[..], below].concat()
            };
            if memchr::memmem::find(below, b"**").is_none() {
                self.visited.clear();
                self.source(&both, true, None);
            }
        }
        (std::mem::take(&mut self.taken), self.ignored)
    }

    fn narrow(&self, read: &ContextRead) -> Option<Narrow> {
        let below = read.below.as_deref().map(clean).filter(|below| !below.starts_with(b"!"));
        let below = below.map(|below| Pattern::new(&below, true));
        let excludes = Ignore::of_patterns(read.excludes.iter().map(Vec::as_slice)).unwrap_or_default();
        (below.is_some() || !excludes.is_empty()).then_some(Narrow { excludes, below, skip: 0 })
    }

    fn source(&mut self, source: &[u8], glob: bool, mut narrow: Option<Narrow>) {
        let mut components = Vec::new();
        let mut wild = false;
        for name in source.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
            wild |= glob && has_wildcard(name);
            // A backslash means itself where there is no wildcard to its left; BuildKit's client reads it as an escape
            // everywhere. Both are looked for.
            let as_glob = wild || (glob && name.contains(&b'\\'));
            match as_glob.then(|| Glob::new(name)).flatten() {
                Some(glob) => components.push(Component::Glob(glob, name)),
                None => components.push(Component::Name(name)),
            }
        }
        self.components(ROOT, &components, 0, &mut narrow);
        if wild && Glob::new(source).is_some_and(|glob| glob.crosses()) {
            self.crossing(source, &mut narrow);
        }
    }

    /// Matches the components from number `at` on in folder `folder`, and takes what the last one matches.
    fn components(
        &mut self,
        folder: Id,
        components: &[Component<'_>],
        at: usize,
        narrow: &mut Option<Narrow>,
    ) {
        if !self.visited.insert((folder, at)) {
            return;
        }
        let Some(component) = components.get(at) else {
            self.take(folder, narrow);
            return;
        };
        let matched: Vec<Id> = match component {
            Component::Name(name) => self.tree.child(folder, name).into_iter().collect(),
            Component::Glob(..) => {
                let range = self.tree.children(folder, false);
                range.filter(|&id| component.matches(self.tree.nodes[id].name())).collect()
            }
        };
        for id in matched {
            let last = at + 1 == components.len();
            match self.tree.nodes[id].kind {
                EntryKind::Folder => self.components(id, components, at + 1, narrow),
                EntryKind::Link => {
                    self.mark(id);
                    for target in self.follow(id, 0) {
                        if last || self.tree.nodes[target].kind == EntryKind::Folder {
                            self.components(target, components, at + 1, narrow);
                        }
                    }
                }
                EntryKind::File | EntryKind::Other if last => self.take(id, narrow),
                EntryKind::File | EntryKind::Other => {}
            }
        }
    }

    /// A class that may match a slash: the glob is held against whole paths.
    fn crossing(&mut self, source: &[u8], narrow: &mut Option<Narrow>) {
        let mut base = ROOT;
        let mut rest = source;
        // Up to the first wildcard, components are plain names.
        while let Some(slash) = memchr::memchr(b'/', rest)
            && !has_wildcard(&rest[..slash])
        {
            match self.tree.child(base, &rest[..slash]) {
                Some(id) if self.tree.nodes[id].kind == EntryKind::Folder => base = id,
                Some(id) => {
                    let targets = self.follow(id, 0);
                    match targets
                        .into_iter()
                        .find(|&target| self.tree.nodes[target].kind == EntryKind::Folder)
                    {
                        Some(target) => base = target,
                        None => return,
                    }
                }
                None => return,
            }
            rest = &rest[slash + 1..];
        }
        let Some(glob) = Glob::new(rest) else { return };
        let skip = self.tree.path(base).len();
        let mut todo: Vec<Id> = self.tree.children(base, false).collect();
        while let Some(id) = todo.pop() {
            let relative = self.tree.path(id).get(skip + usize::from(skip > 0)..).unwrap_or_default();
            if glob.matches(relative) {
                if self.tree.nodes[id].kind == EntryKind::Link {
                    for target in self.follow(id, 0) {
                        self.take(target, narrow);
                    }
                }
                self.take(id, narrow);
            }
            if self.tree.nodes[id].kind == EntryKind::Folder {
                todo.extend(self.tree.children(id, false));
            }
        }
    }

    /// Where link `id` leads within the root, the links on the way taken; by BuildKit's two ways to read `..` after a
    /// link, which clean the text first or walk it.
    fn follow(&mut self, id: Id, hops: usize) -> Vec<Id> {
        if let Some(known) = self.followed.get(&id) {
            let known = known.clone();
            // The links on the way count for this read too.
            for &target in &known {
                if self.tree.nodes[target].kind == EntryKind::Link {
                    self.mark(target);
                }
            }
            return known;
        }
        self.followed.insert(id, Vec::new());
        if hops >= MOST_HOPS || !self.tree.look(id) {
            return Vec::new();
        }
        let text = self.tree.nodes[id].link.clone().unwrap_or_default();
        let parent = self.tree.nodes[id].parent;
        let start = if text.starts_with(b"/") { ROOT } else { parent };
        let mut found = self.walk_link(start, &text, hops);
        let cleaned = clean(&text);
        if cleaned != *text {
            for target in self.walk_link(start, &cleaned, hops) {
                if !found.contains(&target) {
                    found.push(target);
                }
            }
        }
        self.followed.insert(id, found.clone());
        found
    }

    fn walk_link(&mut self, start: Id, text: &[u8], hops: usize) -> Vec<Id> {
        let mut here = vec![start];
        let mut passed = Vec::new();
        for name in text.split(|&byte| byte == b'/') {
            let mut next = Vec::new();
            for id in here {
                match name {
                    b"" | b"." => next.push(id),
                    b".." => next.push(self.tree.nodes[id].parent),
                    _ => {
                        let Some(child) = self.tree.child(id, name) else { continue };
                        if self.tree.nodes[child].kind == EntryKind::Link {
                            self.mark(child);
                            passed.push(child);
                            next.extend(self.follow(child, hops + 1));
                        } else {
                            next.push(child);
                        }
                    }
                }
            }
            next.sort_unstable();
            next.dedup();
            here = next;
        }
        here.extend(passed);
        here
    }

    /// Takes one entry, without what is in it, where it is not ignored.
    fn mark(&mut self, id: Id) {
        if self.tree.nodes[id].excluded {
            self.ignored = true;
            return;
        }
        self.mark_anyway(id);
    }

    fn mark_anyway(&mut self, id: Id) {
        if self.is_new(id) {
            self.taken.push(id);
        }
    }

    /// Whether the current read takes an entry for the first time, and it is there.
    fn is_new(&mut self, id: Id) -> bool {
        if id == ROOT || self.tree.nodes[id].taken_by == self.read || !self.tree.look(id) {
            return false;
        }
        self.tree.nodes[id].taken_by = self.read;
        true
    }

    /// Takes an entry that a source names, and all that is in it.
    fn take(&mut self, id: Id, narrow: &mut Option<Narrow>) {
        if self.tree.nodes[id].kind != EntryKind::Folder {
            self.mark(id);
            return;
        }
        if self.tree.nodes[id].excluded {
            self.ignored = true;
        }
        if let Some(narrow) = narrow {
            narrow.skip = match self.tree.path(id).len() {
                0 => 0,
                len => len + 1,
            };
        }
        self.subtree(id, narrow.as_ref());
    }

    /// Takes folder `top` and all that is in it, as far as it is neither ignored nor narrowed away. A folder that is
    /// itself left out is taken where something in it is.
    fn subtree(&mut self, top: Id, narrow: Option<&Narrow>) {
        struct Level {
            id: Id,
            children: std::ops::Range<Id>,
            known: Option<super::ignore::Folder>,
            inside: bool,
            any: bool,
            /// Where it stands among what is taken: before what is in it, as it does in order of the paths.
            place: usize,
        }
        let open = |selector: &mut Self, id: Id, known, inside, any| {
            selector.taken.push(NONE);
            let place = selector.taken.len() - 1;
            Level { id, children: selector.tree.children(id, true), known, inside, any, place }
        };
        let known = narrow.map(|narrow| narrow.excludes.root());
        let inside = narrow.is_none_or(|narrow| narrow.below.is_none());
        let visible = !self.tree.nodes[top].excluded;
        if narrow.is_none() {
            self.tree.read_below(top);
        }
        let mut levels = vec![open(self, top, known, inside, visible)];
        while let Some(level) = levels.last_mut() {
            let Some(id) = level.children.next() else {
                let (id, any, place) = (level.id, level.any, level.place);
                levels.pop();
                if any {
                    if self.is_new(id) {
                        self.taken[place] = id;
                    }
                    if let Some(above) = levels.last_mut() {
                        above.any = true;
                    }
                }
                continue;
            };
            let is_folder = self.tree.nodes[id].kind == EntryKind::Folder;
            let mut visible = !self.tree.nodes[id].excluded;
            let (mut known, mut inside) = (None, true);
            let mut deeper = visible || (is_folder && self.tree.may_include_below(id));
            if let (Some(narrow), Some(above)) = (narrow, &level.known) {
                let relative = self.tree.path(id).get(narrow.skip..).unwrap_or_default();
                let (verdict, folder) = narrow.excludes.folder(above, relative);
                inside = level.inside || narrow.below.as_ref().is_none_or(|below| below.matches(relative));
                let may_be_inside =
                    inside || narrow.below.as_ref().is_some_and(|below| below.may_match_below(relative));
                deeper &=
                    may_be_inside && (!verdict.excluded() || narrow.excludes.may_include_below(relative));
                visible &= inside && !verdict.excluded();
                known = Some(folder);
            }
            if is_folder {
                if deeper {
                    let next = open(self, id, known, inside, visible);
                    levels.push(next);
                }
            } else if visible {
                level.any = true;
                self.mark_anyway(id);
            }
        }
    }

    fn finish(mut self, per_read: Vec<(Vec<Id>, bool)>) -> Selection {
        let mut chosen: Vec<Id> =
            per_read.iter().flat_map(|(ids, _)| ids).chain(&self.taken).copied().filter(is_some).collect();
        // What one read took is nearly in order, which a stable sort makes use of.
        chosen.sort_by(|&a, &b| self.tree.path(a).cmp(self.tree.path(b)));
        chosen.dedup();
        let mut index = vec![usize::MAX; self.tree.nodes.len()];
        let mut out = Vec::with_capacity(chosen.len());
        for (at, id) in chosen.into_iter().enumerate() {
            index[id] = at;
            let node = &mut self.tree.nodes[id];
            out.push(Entry {
                path: std::mem::take(&mut node.path).into(),
                kind: node.kind,
                status: node.status.unwrap_or_default(),
                link: node.link.take().map(Vec::from),
                bare: node.bare,
            });
        }
        let reads = per_read
            .into_iter()
            .map(|(ids, ignored)| {
                let mut entries: Vec<usize> = ids.into_iter().filter(is_some).map(|id| index[id]).collect();
                entries.sort_unstable();
                Found { entries, ignored }
            })
            .collect();
        let mut faults: Vec<(Vec<u8>, i32)> = self
            .tree
            .faults
            .into_iter()
            .map(|(path, errno): (_, Errno)| (path, errno.raw_os_error()))
            .collect();
        faults.sort_unstable();
        Selection { entries: out, reads, faults, disputed: self.tree.disputed }
    }
}

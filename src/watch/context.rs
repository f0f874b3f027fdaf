//! What an image build reads of its folders: its Dockerfile, its ignore file, and just the files that its stages can see. Builds
//! nothing, and asks no engine.
//!
//! Triggers of base images (ONBUILD) are not known here and taken for absent; what is unknown otherwise widens to all of the
//! context.

use super::paths::{Path, Resolver, absolute, is_within, join, split};
use super::report::BuildInput;
use crate::image::context::{Convention, EntryKind, Ignore, load, may_read, select};
use crate::image::dockerfile::{Analysis, ContextRead, NoBases, Request, Value, Why, analyse};
use crate::os::files::read_regular;
use crate::os::folders::Folders;
use crate::os::glob;
use rustc_hash::FxHashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A folder that a build reads from.
struct Part {
    root: Path,
    ignore: Ignore,
    reads: Vec<ContextRead>,
    all: bool,
    entries: FxHashSet<Path>,
}

/// What one build reads.
pub struct BuildWatch {
    /// The build.
    pub input: BuildInput,
    /// The folder its names are seen from.
    pub seen_from: Path,
    /// Files that say what it reads, there or not.
    definitions: Vec<Path>,
    parts: Vec<Part>,
    /// Folders whose entries matter, there or not.
    pub folders: FxHashSet<Path>,
    /// Files that changed not before the time that was asked for.
    pub late: Vec<Path>,
}

fn os(path: &[u8]) -> &std::path::Path {
    std::path::Path::new(OsStr::from_bytes(path))
}

impl BuildWatch {
    /// Looks at what `input`, seen from `folder`, reads now. Files changed at `since` (nanoseconds since 1970) or later are told
    /// apart.
    pub fn read(input: &BuildInput, folder: &[u8], resolver: &mut Resolver, since: i128) -> BuildWatch {
        let root = resolver.folder(&absolute(folder, &input.root));
        let dockerfile = match &input.file {
            Some(file) => resolver.file(folder, file),
            None => {
                let other = join(&root, b"Containerfile");
                if input.containers && os(&other).exists() { other } else { join(&root, b"Dockerfile") }
            }
        };
        let mut definitions = vec![dockerfile.clone(), join(&root, b".dockerignore")];
        definitions.push([&dockerfile[..], b".dockerignore"].concat().into());
        if input.containers {
            for name in [&b".containerignore"[..], b"Containerfile", b"Dockerfile"] {
                definitions.push(join(&root, name));
            }
            definitions.push([&dockerfile[..], b".containerignore"].concat().into());
        }
        let mut watch = BuildWatch {
            input: input.clone(),
            seen_from: folder.into(),
            definitions,
            parts: Vec::new(),
            folders: FxHashSet::default(),
            late: Vec::new(),
        };
        for definition in &watch.definitions {
            watch.folders.insert(split(definition).0.into());
        }
        let analysis = analysis(input, &dockerfile);
        let opaque = analysis.opaque.is_some();
        let all = opaque
            || input.uncertain
            || analysis.widened.iter().any(|widening| !matches!(widening.why, Why::UnknownTriggers { .. }));
        let convention = if input.containers { Convention::Containers } else { Convention::Docker };
        let ignore = load(os(&root), Some(os(&dockerfile)), convention);
        let ignore = ignore.map(|choice| choice.ignore).unwrap_or_default();
        let of = |name: Option<&[u8]>| -> Vec<ContextRead> {
            analysis.reads.iter().filter(|read| read.context.as_deref() == name).cloned().collect()
        };
        watch.part(root, if opaque { Ignore::default() } else { ignore }, of(None), all, since);
        for (name, value) in &input.contexts {
            let reads = of(Some(name));
            if memchr::memmem::find(value, b"://").is_some() || (reads.is_empty() && !all) {
                continue;
            }
            let root = resolver.folder(&absolute(folder, value));
            let ignore = load(os(&root), None, convention).map(|choice| choice.ignore).unwrap_or_default();
            watch.part(root, ignore, reads, all, since);
        }
        watch
    }

    fn part(&mut self, root: Path, ignore: Ignore, reads: Vec<ContextRead>, all: bool, since: i128) {
        self.folders.insert(root.clone());
        let mut entries = FxHashSet::default();
        let references: Vec<&ContextRead> = reads.iter().collect();
        if let Ok(selection) = select(os(&root), &ignore, &references, all) {
            for entry in selection.entries {
                let path = join(&root, &entry.path);
                match entry.kind {
                    EntryKind::Folder => {
                        self.folders.insert(path.clone());
                    }
                    _ if entry.status.changed >= since => self.late.push(path.clone()),
                    _ => {}
                }
                if !self.folders.contains(split(&path).0) {
                    self.folders.insert(split(&path).0.into());
                }
                entries.insert(path);
            }
        }
        for read in &reads {
            self.on_the_way(&root, read);
        }
        self.parts.push(Part { root, ignore, reads, all, entries });
    }

    /// The folders in which what `read` names may yet appear.
    fn on_the_way(&mut self, root: &[u8], read: &ContextRead) {
        let mut pattern = root.to_vec();
        for name in read.source.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
            if read.glob && glob::has_wildcard(&pattern[root.len()..]) {
                let found = glob::expand(&pattern, &mut Folders::default());
                self.folders.extend(found.into_iter().map(Path::from));
            } else {
                self.folders.insert(pattern.clone().into());
            }
            pattern.push(b'/');
            pattern.extend_from_slice(name);
        }
    }

    /// Whether `path` says what the build reads.
    pub fn defines(&self, path: &[u8]) -> bool {
        self.definitions.iter().any(|definition| **definition == *path)
    }

    /// Whether what is or was at `path` can be seen by the build.
    pub fn reads(&self, path: &[u8]) -> bool {
        self.parts.iter().any(|part| {
            if part.entries.contains(path) {
                return true;
            }
            if !is_within(path, &part.root) || path.len() <= part.root.len() || is_editors(split(path).1) {
                return false;
            }
            let below = path[part.root.len()..].strip_prefix(b"/").unwrap_or(&path[part.root.len()..]);
            if part.ignore.verdict(below).excluded() && !part.ignore.may_include_below(below) {
                return false;
            }
            part.all
                || part.reads.iter().any(|read| may_read(read, below))
                || part.entries.contains(split(path).0)
        })
    }

    /// Whether this path was there when the build's folders were looked through.
    pub fn knows(&self, path: &[u8]) -> bool {
        self.parts.iter().any(|part| part.entries.contains(path))
    }
}

fn analysis(input: &BuildInput, dockerfile: &[u8]) -> Analysis {
    let Ok(text) = read_regular(std::path::Path::new(OsStr::from_bytes(dockerfile))) else {
        return Analysis::default();
    };
    let value = |value: &Option<Vec<u8>>, name: &[u8]| match value {
        Some(value) => Value::from(value.as_slice()),
        None => std::env::var_os(OsStr::from_bytes(name))
            .map_or(Value::Unknown, |value| Value::from(value.as_bytes())),
    };
    let args: Vec<_> = input.args.iter().map(|(name, given)| (name.clone(), value(given, name))).collect();
    let request = Request {
        target: input.target.as_deref(),
        build_args: &args,
        named_contexts: &input.contexts,
        platform_args: &[],
        bases: &NoBases,
    };
    // A Dockerfile that can't be read fails the build: its next change is what counts.
    analyse(&text, &request).unwrap_or_default()
}

/// Names under which editors keep their own state beside a file: swap files, backups, locks. They come and go while nothing that
/// was written is meant to count.
pub fn is_editors(name: &[u8]) -> bool {
    let is_swap = || {
        let Some(dot) = memchr::memrchr(b'.', name) else { return false };
        name.starts_with(b".")
            && dot > 0
            && matches!(&name[dot + 1..], [b's', b'w', b'a'..=b'z'] | b"swpx" | b"tmp")
    };
    name.ends_with(b"~")
        || name.starts_with(b".#")
        || (name.starts_with(b"#") && name.ends_with(b"#"))
        || name == b"4913"
        || name.ends_with(b"___jb_tmp___")
        || name.ends_with(b"___jb_old___")
        || is_swap()
}

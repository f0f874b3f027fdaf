//! What builds read of their contexts: each context walked once for all the builds that share its ignore file. Opens no file.

use super::super::command::Client;
use super::super::context::{Choice, Convention, EntryKind, Ignore, LoadError, Selection, select};
use super::super::dockerfile::{Analysis, ContextRead};
use super::RecipeStudy;
use super::builds::{BuildStudy, ContextUse, DockerfileUse};
use super::files::Files;
use crate::base::Span;
use crate::base::tables::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Files and their size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Number of files, links included, folders not.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a build reads of its context.
#[derive(Clone)]
pub struct Inputs {
    /// What can change the build: all that is read, and all of the context where that is not known.
    pub all: Amount,
    /// What the instructions of the reached stages name.
    pub named: Amount,
    /// For each read of the main context, in the analysis's order.
    pub reads: Vec<ReadFound>,
    /// Paths that could not be looked at, with the system's number of why.
    pub faults: Vec<(Vec<u8>, i32)>,
    /// The ignore file.
    pub ignore: IgnoreUse,
}

/// The ignore file, read or not.
#[derive(Clone)]
pub struct IgnoreUse(pub Rc<Result<Choice, LoadError>>);

/// What was found for a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadFound {
    /// Index into the analysis's reads.
    pub read: usize,
    /// Number of entries found.
    pub entries: usize,
    /// Whether something that the source names is ignored.
    pub ignored: bool,
}

/// The contexts walked: by folder, and by the ignore file heeded.
type Key = (PathBuf, Option<PathBuf>);

/// What makes reads select the same.
type Source<'a> = (&'a [u8], bool, Option<&'a [u8]>, &'a [Vec<u8>]);

struct Group {
    ignore: Rc<Result<Choice, LoadError>>,
    /// Recipe, build.
    builds: Vec<(usize, usize)>,
}

/// Finds the inputs of all builds in folders of this machine.
pub(super) fn find(all: &mut [RecipeStudy], files: &mut Files) {
    let mut groups: HashMap<Key, Group> = HashMap::default();
    for (at, recipe) in all.iter().enumerate() {
        for (index, build) in recipe.builds.iter().enumerate() {
            let ContextUse::Folder(_, folder) = &build.context else { continue };
            let client = recipe.command(build.line, build.command).map(|command| command.client);
            let convention = match client {
                Some(Client::Podman | Client::Buildah) => Convention::Containers,
                _ => Convention::Docker,
            };
            let dockerfile = match &build.dockerfile {
                DockerfileUse::File(file) => Some(file.path.as_path()),
                _ => None,
            };
            let ignore = files.ignore(folder, dockerfile, convention);
            // A file that is not understood may be read with all there is, its ignore file not heeded.
            let heeded = analysis_of(build).is_some_and(|analysis| analysis.opaque.is_none());
            let path = match &*ignore {
                Ok(choice) if heeded => choice.path.clone(),
                Ok(_) => None,
                Err(LoadError::Io(path, _) | LoadError::Malformed(path, ..)) => Some(path.clone()),
            };
            let group = groups
                .entry((folder.clone(), path))
                .or_insert_with(|| Group { ignore: Rc::clone(&ignore), builds: Vec::new() });
            group.builds.push((at, index));
        }
    }
    for ((folder, _), group) in groups {
        for (at, inputs) in walk(&folder, &group, all) {
            if let Some(build) = all.get_mut(at.0).and_then(|recipe| recipe.builds.get_mut(at.1)) {
                build.inputs = Some(inputs);
            }
        }
    }
}

fn analysis_of(build: &BuildStudy) -> Option<&Analysis> {
    build.analysis.as_ref()?.as_ref().ok().map(|analysis| &**analysis)
}

fn source_of(read: &ContextRead) -> Source<'_> {
    (&read.source, read.glob, read.below.as_deref(), &read.excludes)
}

fn walk(folder: &Path, group: &Group, all: &[RecipeStudy]) -> Vec<((usize, usize), Inputs)> {
    let none = Ignore::default();
    let everything = ContextRead {
        context: None,
        source: Vec::new(),
        glob: false,
        below: None,
        excludes: Vec::new(),
        span: Span::default(),
        instruction: Span::default(),
        stage: 0,
    };
    let mut reads: Vec<&ContextRead> = Vec::new();
    let mut known: HashMap<Source<'_>, usize> = HashMap::default();
    let mut number = |read| {
        *known.entry(source_of(read)).or_insert_with(|| {
            reads.push(read);
            reads.len() - 1
        })
    };
    // Each build's reads as numbers, and whether all of the context counts.
    let mut builds = Vec::with_capacity(group.builds.len());
    let mut heeded = true;
    for &(at, index) in &group.builds {
        let Some(build) = all.get(at).and_then(|recipe| recipe.builds.get(index)) else { continue };
        let analysis = analysis_of(build);
        heeded &= analysis.is_none_or(|analysis| analysis.opaque.is_none());
        let own = analysis.into_iter().flat_map(|analysis| analysis.reads.iter().enumerate());
        let own: Vec<(usize, usize)> = own
            .filter(|(_, read)| read.context.is_none())
            .map(|(index, read)| (index, number(read)))
            .collect();
        let whole = analysis
            .is_none_or(|analysis| analysis.opaque.is_some() || !analysis.widened.is_empty())
            .then(|| number(&everything));
        builds.push(((at, index), own, whole));
    }
    let ignore = match &*group.ignore {
        Ok(choice) if heeded => &choice.ignore,
        _ => &none,
    };
    let Ok(selection) = select(folder, ignore, &reads, false) else { return Vec::new() };
    let mut amounts = Amounts::default();
    let mut amount = |reads: Vec<usize>| amounts.of(reads, &selection);
    builds
        .into_iter()
        .map(|(at, own, whole)| {
            let named: Vec<usize> = own.iter().map(|(_, number)| *number).collect();
            let found = own.iter().filter_map(|&(read, number)| {
                let found = selection.reads.get(number)?;
                Some(ReadFound { read, entries: found.entries.len(), ignored: found.ignored })
            });
            let inputs = Inputs {
                reads: found.collect(),
                all: amount(named.iter().copied().chain(whole).collect()),
                named: amount(named),
                faults: selection.faults.clone(),
                ignore: IgnoreUse(Rc::clone(&group.ignore)),
            };
            (at, inputs)
        })
        .collect()
}

/// The amounts of reads, each worked out once: the builds of one context read much of the same.
#[derive(Default)]
struct Amounts {
    of_one: HashMap<usize, Amount>,
    of_several: HashMap<Vec<usize>, Amount>,
    /// For two reads the entries of the first that the second has not.
    beyond: HashMap<(usize, usize), Vec<usize>>,
}

impl Amounts {
    /// The files of several reads together.
    fn of(&mut self, mut reads: Vec<usize>, selection: &Selection) -> Amount {
        reads.sort_unstable();
        reads.dedup();
        if let Some(known) = self.of_several.get(&reads) {
            return *known;
        }
        let found = |read: usize| selection.reads.get(read).map_or(&[][..], |found| &found.entries);
        let Some(largest) = reads.iter().copied().max_by_key(|&read| found(read).len()) else {
            return Amount::default();
        };
        let own = || total(found(largest).iter().copied(), selection);
        let mut amount = *self.of_one.entry(largest).or_insert_with(own);
        let mut further: Vec<usize> = Vec::new();
        for &read in reads.iter().filter(|&&read| read != largest) {
            // A read's entries are in order.
            let lacks = |entry: &usize| found(largest).binary_search(entry).is_err();
            let compare = || found(read).iter().copied().filter(lacks).collect();
            further.extend_from_slice(self.beyond.entry((read, largest)).or_insert_with(compare));
        }
        further.sort_unstable();
        further.dedup();
        let further = total(further.into_iter(), selection);
        amount.files += further.files;
        amount.bytes += further.bytes;
        self.of_several.insert(reads, amount);
        amount
    }
}

/// The files among `entries`.
fn total(entries: impl Iterator<Item = usize>, selection: &Selection) -> Amount {
    let mut amount = Amount::default();
    for entry in entries.filter_map(|entry| selection.entries.get(entry)) {
        if entry.kind != EntryKind::Folder {
            amount.files += 1;
        }
        if entry.kind == EntryKind::File {
            amount.bytes += entry.status.size;
        }
    }
    amount
}

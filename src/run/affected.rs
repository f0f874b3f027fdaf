//! `--affected`: which goals the change since a git revision can reach. The goals are walked as if nothing were up to date, nothing is
//! run, and each changed path is held against what they read. Sound above all: a goal may be named too many, never too few.

use super::Run;
use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::base::json;
use crate::base::tables::{HashMap, HashSet};
use crate::image::command::ImageCommand;
use crate::image::context::{EntryKind, Ignore, select};
use crate::image::freshness::{
    Components, ContextInput, Digest, FileInput, FileKind, Places, affected, changed_since, work_tree,
};
use crate::image::recipe::Runner;
use crate::image::reference::Reference;
use crate::image::study::{BuildStudy, ContextUse, DockerfileUse, RecipeStudy, Study, address::FromProcess};
use crate::rules::file::{FileId, Status};
use crate::watch::recipe;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The paths that changed, absolute and without symbolic links above the last name.
struct Changes {
    directory: PathBuf,
    top: PathBuf,
    paths: Vec<PathBuf>,
}

impl Changes {
    /// Whether the file `name` changed, something below it, or something above it (a submodule).
    fn touch(&self, name: &[u8]) -> bool {
        let plain = settled(&self.directory.join(OsStr::from_bytes(name)));
        // What a link leads to counts as the link itself does.
        let real = std::fs::canonicalize(&plain).unwrap_or_else(|_| plain.clone());
        self.paths
            .iter()
            .any(|path| [&plain, &real].into_iter().any(|own| path.starts_with(own) || own.starts_with(path)))
    }

    fn any(&self) -> bool {
        !self.paths.is_empty()
    }
}

/// `path` with all but its last name resolved.
fn settled(path: &Path) -> PathBuf {
    let path: PathBuf = std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components().collect();
    match (path.parent().and_then(|parent| std::fs::canonicalize(parent).ok()), path.file_name()) {
        (Some(parent), Some(name)) if name != ".." => parent.join(name),
        _ => std::fs::canonicalize(&path).unwrap_or(path),
    }
}

impl Run {
    /// The goals to ask of, where none is given: all image targets. Those of plain recipes are known when they were walked.
    pub(super) fn candidates(&mut self) {
        let session = &mut self.build.session;
        for name in session.rules.images.named().to_vec() {
            self.goals.push(session.rules.files.find_or_enter(name));
        }
        for file in session.rules.files.ids().collect::<Vec<_>>() {
            let record = &session.rules.files[file];
            let own = session.rules.images.is_listed(file) || (record.is_target && record.recipe.is_some());
            let first = record.double_colon.is_none_or(|first| first == file);
            let special = session.name_of(file).first() == Some(&b'.');
            if own
                && first
                && !special
                && session.rules.files.resolve(file) == file
                && !self.goals.contains(&file)
            {
                self.goals.push(file);
            }
        }
    }

    /// After the walk: prints the goals that the change since `revision` reaches.
    pub(super) fn print_affected(&mut self, revision: &[u8]) -> Outcome {
        let walked = self.build.walked();
        let connect = FromProcess::new(self.build.engine.client);
        let outside = connect.outside();
        let directory = outside.directory.clone();
        let revision = String::from_utf8_lossy(revision).into_owned();
        let fatal = |text: String| Stop::fatal(None, Complaint::Text(text.into_bytes()));
        let top = work_tree(&directory).map_err(|error| fatal(error.message()))?;
        let paths = changed_since(&directory, &revision).map_err(|error| fatal(error.message()))?;
        let changes = Changes { directory: directory.clone(), top, paths };
        let files = walked.files;
        let study = Study::of(walked.recipes, walked.before, &outside);
        let reads: Vec<Read> = study.recipes.iter().map(|recipe| read_of(recipe, &changes)).collect();
        let mut by_file: HashMap<FileId, Vec<usize>> = HashMap::default();
        for (index, &file) in files.iter().enumerate() {
            by_file.entry(file).or_default().push(index);
        }
        let below = images_below(&study);
        let everything = self.reading_changed(&changes);
        let goals = std::mem::take(&mut self.goals);
        let mut out: Vec<String> = Vec::new();
        for goal in goals {
            let name = String::from_utf8_lossy(self.build.session.name_of(goal)).into_owned();
            let is_image =
                |index: &usize| study.recipes.get(*index).is_some_and(|recipe| !recipe.builds.is_empty());
            let own =
                by_file.get(&self.build.session.rules.files.resolve(goal)).map_or(&[][..], Vec::as_slice);
            if !self.asked_of_goals && !own.iter().any(is_image) {
                continue;
            }
            let hit = everything || self.goal_reads(goal, &changes, &by_file, &reads, &below, &files);
            if hit && !out.contains(&name) {
                out.push(name);
            }
        }
        let text = match self.build.session.settings.own.affected_format {
            Some("json") => [json::line(&serde_json::Value::from(out)), b"\n".to_vec()].concat(),
            _ => out.iter().flat_map(|name| format!("{name}\n").into_bytes()).collect(),
        };
        self.answer_data(&text);
        Ok(())
    }

    /// Whether a makefile changed, or something that reading them looked at: then anything may be another.
    fn reading_changed(&self, changes: &Changes) -> bool {
        let session = &self.build.session;
        let read = self.makefiles_read.iter().any(|&file| changes.touch(session.name_of(file)));
        let names: [&[u8]; 4] = [b"Imkfile", b"GNUmakefile", b"makefile", b"Makefile"];
        let default = session.settings.makefiles.is_empty() && names.iter().any(|name| changes.touch(name));
        let seen = session.context.seen.as_deref();
        let looked = seen.is_some_and(|seen| {
            let mut named = recipe::Findings::default();
            seen.commands.iter().for_each(|command| recipe::read(command, &mut named));
            let is_file = |name: &&Vec<u8>| !changes.directory.join(OsStr::from_bytes(name)).is_dir();
            seen.files.iter().any(|name| changes.touch(name))
                || named.named.iter().filter(is_file).any(|name| changes.touch(name))
                || seen.patterns.iter().any(|pattern| matches_any(pattern, changes))
        });
        read || default || looked
    }

    /// Whether a goal, or anything that it needs, reads what changed.
    fn goal_reads(
        &self,
        goal: FileId,
        changes: &Changes,
        by_file: &HashMap<FileId, Vec<usize>>,
        reads: &[Read],
        below: &[Vec<usize>],
        recipes: &[FileId],
    ) -> bool {
        let session = &self.build.session;
        let rules = &session.rules.files;
        let mut seen = HashSet::default();
        let mut todo = vec![goal];
        while let Some(file) = todo.pop() {
            for record in rules.records(rules.resolve(file)) {
                if !seen.insert(record) {
                    continue;
                }
                let own = &rules[record];
                // What can't be made any more, or not yet, could not be looked at whole.
                if own.status == Status::Failed && changes.any() {
                    return true;
                }
                let known = own.dependencies.iter().filter(|dep| !dep.is_name() && !dep.needs_expansion());
                todo.extend(known.map(|dep| dep.file()));
                todo.extend(own.also_make.iter().copied());
                for &index in by_file.get(&record).into_iter().flatten() {
                    // What a build or a sub-make reads no rule says.
                    let ruled = !reads[index].beyond && self.is_ruled(record, changes);
                    if reads[index].reached || (changes.any() && !reads[index].known && !ruled) {
                        return true;
                    }
                    todo.extend(below[index].iter().filter_map(|&other| recipes.get(other)).copied());
                }
                let names = [own.name, own.found_as];
                if !own.phony
                    && names.iter().any(|&name| changes.touch(archive_of(session.context.names.text(name))))
                {
                    return true;
                }
            }
        }
        false
    }

    /// Whether make's rules say what a target is made from: it is a file, or has files as prerequisites.
    fn is_ruled(&self, file: FileId, changes: &Changes) -> bool {
        let session = &self.build.session;
        let rules = &session.rules.files;
        let is_file = |file: FileId| !rules[file].phony && self.build.block_of(file).is_none();
        let there = |file: FileId| changes.directory.join(OsStr::from_bytes(session.name_of(file))).exists();
        let prerequisites = rules.prerequisites(file);
        let mut needed = prerequisites.iter().filter(|dep| !dep.is_name() && !dep.order_only());
        (is_file(file) && there(file)) || needed.any(|dep| is_file(rules.resolve(dep.file())))
    }
}

/// What is known of a recipe.
struct Read {
    /// Whether it reads something that changed.
    reached: bool,
    /// Whether all that it reads is known.
    known: bool,
    /// Whether it reads more than make's rules can tell: it builds an image, or runs a sub-make.
    beyond: bool,
}

/// Programs that read what they are given by name, and nothing else of the project.
const READ_NAMED: [&[u8]; 8] =
    [b"hadolint", b"shellcheck", b"cat", b"diff", b"wc", b"sha256sum", b"rm", b"install"];

fn read_of(study: &RecipeStudy, changes: &Changes) -> Read {
    use crate::image::command::kinds::Endpoint;
    let mut read = Read { reached: false, known: true, beyond: !study.builds.is_empty() };
    for (line, reading) in study.recipe.lines.iter().zip(&study.readings) {
        read.beyond |= line.runner == Runner::SubMake;
        read.known &= line.runner == Runner::Shell && reading.opaque.is_empty();
        let mut others = reading.others.iter().filter_map(|other| other.name.as_deref());
        read.known &= reading.others.iter().all(|other| other.name.is_some())
            && others.all(|name| READ_NAMED.contains(&name));
        for command in &reading.commands {
            read.known &= match &command.command {
                ImageCommand::Bake(_) | ImageCommand::Compose(_) | ImageCommand::Opaque(_) => false,
                ImageCommand::Run(container) | ImageCommand::Create(container) => {
                    container.volumes.is_empty() && container.mounts.is_empty()
                }
                ImageCommand::Copy { source, .. } => matches!(source, Endpoint::Container { .. }),
                ImageCommand::Load { .. } | ImageCommand::Import { .. } => false,
                _ => true,
            };
        }
        if line.runner == Runner::Shell && !reading.others.is_empty() {
            let mut found = recipe::Findings::default();
            recipe::read(&line.text, &mut found);
            read.reached |= found.named.iter().any(|name| changes.touch(name));
        }
    }
    for build in &study.builds {
        let command = study.command(build.line, build.command);
        let named = command.is_some_and(|command| match &command.command {
            ImageCommand::Build(build) => !build.contexts.is_empty(),
            _ => false,
        });
        match build_is_reached(build, changes) {
            // What a named context holds is not looked at.
            Some(reached) if !named => read.reached |= reached,
            _ => read.known = false,
        }
    }
    read
}

/// Whether a build reads what changed; none where what it reads is not known.
fn build_is_reached(build: &BuildStudy, changes: &Changes) -> Option<bool> {
    let dockerfile = match &build.dockerfile {
        DockerfileUse::File(file) => Some(settled(&file.path)),
        DockerfileUse::Stdin | DockerfileUse::Elsewhere => None,
        DockerfileUse::Unknown => return None,
    };
    let touched = |path: &Path| changes.touch(path.as_os_str().as_bytes());
    if dockerfile.as_deref().is_some_and(touched) {
        return Some(true);
    }
    let folder = match &build.context {
        ContextUse::Folder(_, path) => std::fs::canonicalize(path).ok()?,
        ContextUse::Remote(_) => return Some(false),
        _ => return None,
    };
    // What is in no work tree may have changed without git knowing.
    if !folder.starts_with(&changes.top) {
        return None;
    }
    // Which ignore file counts is an input, too: one that came, or went.
    let beside = dockerfile.iter().flat_map(|file| {
        [".dockerignore", ".containerignore"].map(|suffix| {
            let mut name = file.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        })
    });
    let inside = [".dockerignore", ".containerignore"].map(|name| folder.join(name));
    if beside.chain(inside).any(|path| touched(&path)) {
        return Some(true);
    }
    let analysis = build.analysis.as_ref()?.as_ref().ok()?;
    let none = Ignore::default();
    let heeded = build.inputs.as_ref().map(|inputs| &*inputs.ignore.0);
    let ignore = match heeded {
        Some(Ok(choice)) if analysis.opaque.is_none() => &choice.ignore,
        Some(Ok(_)) => &none,
        _ => return None,
    };
    let reads: Vec<_> = analysis.reads.iter().filter(|read| read.context.is_none()).collect();
    let selection = select(&folder, ignore, &reads, false).ok()?;
    let entry = |entry: &crate::image::context::Entry| FileInput {
        context: 0,
        reader: 0,
        path: entry.path.as_slice().into(),
        kind: match entry.kind {
            EntryKind::Folder => FileKind::Folder,
            _ => FileKind::File,
        },
        mode: 0,
        content: Digest::of(b""),
    };
    // Folders are there for what is in them, which has entries of its own.
    let files = selection.entries.iter().filter(|entry| entry.kind != EntryKind::Folder);
    let now = Components {
        contexts: vec![ContextInput::default()],
        files: files.map(entry).collect(),
        ..Components::default()
    };
    let places = Places { context: Some((&folder, ignore)), ..Places::default() };
    Some(!affected(analysis, Some(&now), &places, &changes.paths).is_empty())
}

/// For each recipe those that build images which its own builds start from.
fn images_below(study: &Study) -> Vec<Vec<usize>> {
    let canonical = |text: &[u8]| Some(Reference::parse(text).ok()?.with_default_tag().canonical());
    let mut makers: HashMap<String, usize> = HashMap::default();
    for (index, recipe) in study.recipes.iter().enumerate() {
        for (_, _, command) in recipe.commands() {
            let ImageCommand::Build(build) = &command.command else { continue };
            for tag in build.tags.iter().filter_map(|tag| canonical(tag.known()?)) {
                makers.entry(tag).or_insert(index);
            }
        }
    }
    let below = |recipe: &RecipeStudy| {
        let analyses = recipe.builds.iter().filter_map(|build| build.analysis.as_ref()?.as_ref().ok());
        let images = analyses.flat_map(|analysis| &analysis.images);
        let names = images.filter_map(|image| canonical(image.reference.known()?));
        names.filter_map(|name| makers.get(&name).copied()).collect()
    };
    study.recipes.iter().map(below).collect()
}

/// Whether a changed path is one that `pattern` matches, or matched.
fn matches_any(pattern: &[u8], changes: &Changes) -> bool {
    let whole = changes.directory.join(OsStr::from_bytes(pattern));
    // By the folder before the first wildcard: what came or went below it may have been found.
    let fixed = pattern.iter().position(|byte| b"*?[".contains(byte)).unwrap_or(pattern.len());
    let folder = memchr::memrchr(b'/', &pattern[..fixed]).map_or(&b""[..], |slash| &pattern[..slash]);
    let folder = settled(&changes.directory.join(OsStr::from_bytes(folder)));
    let names = whole.components().count();
    let last = whole.file_name().map(|name| name.as_bytes().to_vec()).unwrap_or_default();
    let glob = crate::image::context::Glob::new(&last);
    changes.paths.iter().filter(|path| path.starts_with(&folder)).any(|path| {
        let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
        path.components().count() != names || glob.as_ref().is_none_or(|glob| glob.matches(name))
    })
}

/// The archive, where `name` is a member of one.
fn archive_of(name: &[u8]) -> &[u8] {
    crate::os::archive::split_member(name).map_or(name, |(archive, _)| archive)
}

//! Builds: Dockerfile, stage, arguments, context and what is copied from it. Asks no engine.

use super::super::command::ImageCommand;
use super::super::command::Recognised;
use super::super::command::flags::FlagError;
use super::super::command::kinds::{Build, BuildContext, OpaqueReason};
use super::super::context::{Choice, Ignore, LoadError};
use super::super::dockerfile::{Analysis, ContextRead, ErrorKind, Opaque, WarningKind, nearest};
use super::super::recipe::{Line, Place};
use super::super::study::{BuildStudy, ContextUse, DockerfileUse, FileFault, GivenArg, Inputs, Study};
use super::references::{place, swallowed};
use super::{At, Finding, Kind, Severity, soften};
use crate::base::Span;
use crate::base::secret::is_secret_name;
use crate::base::tables::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Finds what is wrong with builds, and with the options of other commands.
pub(super) fn check(at: &At<'_>, found: &mut Vec<Finding>) {
    for study in &at.recipe.builds {
        let Some(line) = at.recipe.recipe.lines.get(study.line) else { continue };
        let Some(command) = at.recipe.command(study.line, study.command) else { continue };
        let ImageCommand::Build(build) = &command.command else { continue };
        let one = One { at, line, command, build, study };
        let before = found.len();
        one.context(found);
        one.dockerfile(found);
        one.args(found);
        one.sources(found);
        soften(line, command, &mut found[before..]);
    }
    for (number, _, command) in at.recipe.commands() {
        let Some(line) = at.recipe.recipe.lines.get(number) else { continue };
        match &command.command {
            ImageCommand::Opaque(OpaqueReason::Flags(FlagError::UnknownOption(option, span))) => {
                let kind = Kind::UnknownOption { engine: command.client.name(), option: option.clone() };
                found.push(at.finding(Severity::Warning, place(line, command, *span), kind));
            }
            ImageCommand::Login { password_shown: true, .. } => {
                let place = line.place(command.span);
                found.push(at.finding(Severity::Warning, place, Kind::PasswordShown));
            }
            _ => {}
        }
    }
}

struct One<'a, 's> {
    at: &'a At<'s>,
    line: &'a Line,
    command: &'a Recognised,
    build: &'a Build,
    study: &'a BuildStudy,
}

impl One<'_, '_> {
    fn place(&self, span: Span) -> Option<Place> {
        place(self.line, self.command, span)
    }

    fn add(&self, found: &mut Vec<Finding>, severity: Severity, place: Option<Place>, kind: Kind) {
        found.push(self.at.finding(severity, place, kind));
    }

    /// The program and the name of the command: what stands for a build as a whole.
    fn whole(&self) -> Option<Place> {
        self.place(self.command.program)
    }

    fn context_place(&self) -> Option<Place> {
        match &self.build.context {
            BuildContext::Path(text) => self.place(text.span),
            _ => self.whole(),
        }
    }

    fn analysis(&self) -> Option<&Analysis> {
        self.study.analysis.as_ref()?.as_ref().ok().map(|analysis| &**analysis)
    }

    fn in_dockerfile(&self, span: Span) -> Option<Place> {
        At::in_dockerfile(self.study, span).or_else(|| self.whole())
    }

    fn context(&self, found: &mut Vec<Finding>) {
        let kind = match &self.study.context {
            ContextUse::NotAFolder(path) => Kind::ContextNotAFolder(self.shown_here(path)),
            ContextUse::Absent(path) if !self.at.may_make_files(self.study.line) => {
                Kind::NoContext(self.shown_here(path))
            }
            ContextUse::Missing if !self.may_take_more() => Kind::ContextMissing,
            _ => return,
        };
        self.add(found, Severity::Error, self.context_place(), kind);
    }

    /// A path that the command names, from the folder that the recipe runs in.
    fn shown_here(&self, path: &str) -> String {
        let directory = String::from_utf8_lossy(self.command.directory.known().unwrap_or_default());
        match (&*directory, path) {
            ("" | ".", _) => path.to_owned(),
            (_, path) if path.starts_with('/') => path.to_owned(),
            (directory, "." | "./" | "") => directory.to_owned(),
            (directory, path) => format!("{}/{path}", directory.trim_end_matches('/')),
        }
    }

    /// Whether a word known only to the shell may turn out as what is missing, or an option has taken it.
    fn may_take_more(&self) -> bool {
        !self.command.doubts.is_empty() || !swallowed(self.line, self.command).is_empty()
    }

    fn dockerfile(&self, found: &mut Vec<Finding>) {
        let DockerfileUse::File(file) = &self.study.dockerfile else { return };
        if let Err(fault) = &file.text {
            if *fault == FileFault::Absent && self.at.may_make_files(self.study.line) {
                return;
            }
            let place = match &self.build.file {
                Some(file) => self.place(file.span),
                None => self.context_place(),
            };
            let kind = Kind::NoDockerfile { path: file.shown.clone(), fault: fault.clone() };
            return self.add(found, Severity::Error, place, kind);
        }
        if let Some(Ok(parsed)) = file.parsed() {
            let ends = parsed.warnings.iter().find(|known| known.kind == WarningKind::ContinuationAtEnd);
            if let Some(warning) = ends {
                let place = self.in_dockerfile(warning.span);
                self.add(found, Severity::Warning, place, Kind::ContinuationAtEnd);
            }
        }
        let error = match (&self.study.analysis, file.parsed()) {
            (Some(Err(error)), _) | (None, Some(Err(error))) => Some(error),
            _ => None,
        };
        let beyond = match self.analysis().and_then(|analysis| analysis.opaque.as_ref()) {
            Some(Opaque::Beyond { bound, span }) => Some((*bound, *span)),
            _ => error.and_then(|error| Some((error.bound()?, error.span))),
        };
        if let Some((bound, span)) = beyond {
            let place = self.in_dockerfile(span);
            return self.add(found, Severity::Warning, place, Kind::BeyondBounds(bound));
        }
        let Some(error) = error else { return };
        let place = match (&error.kind, &self.build.target) {
            (ErrorKind::UnknownTarget { .. }, Some(target)) => self.place(target.span),
            _ => self.in_dockerfile(error.span),
        };
        self.add(found, Severity::Error, place, Kind::Dockerfile(error.kind.clone()));
    }

    fn args(&self, found: &mut Vec<Finding>) {
        for arg in &self.build.args {
            // One without a value has the environment's, wherever that is set.
            let has_value = arg.value.as_ref().is_none_or(|value| value.known() != Some(&b""[..]));
            let Some(name) = arg.name.known().filter(|name| has_value && is_secret_name(name)) else {
                continue;
            };
            let kind = Kind::SecretArg(String::from_utf8_lossy(name).into_owned());
            self.add(found, Severity::Warning, self.place(arg.span), kind);
        }
        let Some(analysis) = self.analysis().filter(|analysis| analysis.opaque.is_none()) else { return };
        let given: HashMap<&[u8], &GivenArg> =
            self.study.args.iter().map(|given| (given.name.as_slice(), given)).collect();
        for unused in &analysis.unused_args {
            let Some(given) = given.get(unused.name.as_slice()) else { continue };
            let shared = self
                .line
                .references
                .iter()
                .any(|known| known.value.start <= given.span.start && given.span.start < known.value.end);
            // Arguments kept in a variable for all builds are not each for every stage.
            if shared && (unused.declared.is_some() || unused.nearest.is_none()) {
                continue;
            }
            // One recipe of several targets gives to all what some of them use.
            if self.used_elsewhere(given) {
                continue;
            }
            let file = match &self.study.dockerfile {
                DockerfileUse::File(file) => Some(file),
                _ => None,
            };
            let kind = Kind::UnusedArg {
                name: String::from_utf8_lossy(&unused.name).into_owned(),
                nearest: unused.nearest.as_deref().map(|name| String::from_utf8_lossy(name).into_owned()),
                declared: unused
                    .declared
                    .zip(file)
                    .map(|(span, file)| file.lines().line_column(span.start).line),
            };
            self.add(found, Severity::Warning, self.place(given.span), kind);
        }
    }

    /// Whether the word that gives this argument gives it to a build of another target too, which uses it.
    fn used_elsewhere(&self, given: &GivenArg) -> bool {
        let Some(place) = self.place(given.span) else { return false };
        let used = self.at.whole.used_args.get_or_init(|| UsedArgs::of(self.at.study));
        let key = (given.name.as_slice(), place.file.clone(), place.line, place.column);
        let mut all = used.0.get(&key).into_iter().flatten();
        all.any(|(index, other)| *index != self.at.index && *other == place)
    }

    fn sources(&self, found: &mut Vec<Finding>) {
        let (Some(inputs), Some(analysis)) = (&self.study.inputs, self.analysis()) else { return };
        if analysis.opaque.is_some() {
            return;
        }
        match &*inputs.ignore.0 {
            Ok(_) => {}
            Err(LoadError::Malformed(path, text, error)) => {
                let place = Place::of(&path_shown(path), text, error.span);
                self.add(found, Severity::Error, Some(place), Kind::IgnoreFile(error.kind.clone()));
                return;
            }
            Err(LoadError::Io(path, error)) => {
                let kind = Kind::UnreadableIgnoreFile(path_shown(path), error.raw_os_error().unwrap_or(0));
                return self.add(found, Severity::Error, self.context_place(), kind);
            }
        }
        for (path, error) in &inputs.faults {
            let kind = Kind::UnreadableContext(String::from_utf8_lossy(path).into_owned(), *error);
            self.add(found, Severity::Warning, self.context_place(), kind);
        }
        let mut hints = HINTS_MAX;
        for read in inputs.reads.iter().filter(|read| read.entries == 0) {
            let Some(source) = analysis.reads.get(read.read) else { continue };
            if let Some(kind) = self.missing(source, read.ignored, inputs, hints > 0) {
                hints = hints.saturating_sub(1);
                self.add(found, Severity::Error, self.in_dockerfile(source.span), kind);
            }
        }
    }

    /// What is wrong with a source that selects nothing; with `hint`, what was likely meant, or which line ignores it.
    fn missing(&self, source: &ContextRead, ignored: bool, inputs: &Inputs, hint: bool) -> Option<Kind> {
        let wild = source.glob && source.source.iter().any(|byte| b"*?[\\".contains(byte));
        if source.source.is_empty() || source.below.is_some() || !source.excludes.is_empty() || wild {
            return None;
        }
        let path = String::from_utf8_lossy(&source.source).into_owned();
        if ignored {
            let choice = inputs.ignore.0.as_ref().as_ref().ok()?;
            let file = choice.path.as_deref().map(path_shown).unwrap_or_default();
            let line = if hint { line_of(choice, &source.source) } else { None };
            return Some(Kind::IgnoredSource { path, file, line });
        }
        let ContextUse::Folder(context, folder) = &self.study.context else { return None };
        if self.at.may_make_files(self.study.line) {
            return None;
        }
        if !hint {
            return Some(Kind::NoSource { path, context: context.clone(), nearest: None });
        }
        let at = memchr::memrchr(b'/', &source.source).map_or(0, |slash| slash + 1);
        let (above, name) = source.source.split_at(at);
        let beside: Vec<Vec<u8>> = std::fs::read_dir(folder.join(OsStr::from_bytes(above)))
            .map(|entries| entries.flatten().map(|entry| entry.file_name().into_vec()).collect())
            .unwrap_or_default();
        let meant = nearest(name, beside.iter().map(Vec::as_slice));
        let nearest = meant.map(|name| String::from_utf8_lossy(&[above, name].concat()).into_owned());
        Some(Kind::NoSource { path, context: context.clone(), nearest })
    }
}

/// The words that give an argument to a build that uses it, by the argument's name and their place, each with two recipes at most.
#[derive(Default)]
pub(super) struct UsedArgs<'s>(HashMap<ArgAt<'s>, Vec<(usize, Place)>>);

/// An argument's name, and the file, line and column of the word that gives it.
type ArgAt<'s> = (&'s [u8], String, usize, Option<usize>);

impl<'s> UsedArgs<'s> {
    fn of(study: &'s Study) -> Self {
        let mut used = UsedArgs::default();
        for (index, recipe) in study.recipes.iter().enumerate() {
            for build in &recipe.builds {
                let line = recipe.recipe.lines.get(build.line);
                let command = recipe.command(build.line, build.command);
                let (Some(line), Some(command), Some(Ok(analysis))) = (line, command, &build.analysis) else {
                    continue;
                };
                let unused: HashSet<&[u8]> =
                    analysis.unused_args.iter().map(|unused| unused.name.as_slice()).collect();
                let mut seen = HashSet::default();
                for arg in build.args.iter().filter(|arg| seen.insert(arg.name.as_slice())) {
                    let place = place(line, command, arg.span);
                    let Some(place) = place.filter(|_| !unused.contains(arg.name.as_slice())) else {
                        continue;
                    };
                    let key = (arg.name.as_slice(), place.file.clone(), place.line, place.column);
                    let known = used.0.entry(key).or_default();
                    let is_same = |(_, other): &&(usize, Place)| *other == place;
                    let same = known.iter().filter(is_same);
                    let is_known = same.clone().any(|(known, _)| *known == index);
                    if !is_known && same.count() < 2 {
                        known.push((index, place));
                    }
                }
            }
        }
        used
    }
}

/// So many of a build's missing sources are looked into: each is compared with the files beside it, or with all lines of an ignore file.
const HINTS_MAX: usize = 64;

/// A file's path from the working folder, where it is in it.
fn path_shown(path: &std::path::Path) -> String {
    let here = std::env::current_dir().ok();
    let own = here.and_then(|here| path.strip_prefix(here).ok().map(std::path::Path::to_owned));
    let shown = own.as_deref().unwrap_or(path);
    shown.strip_prefix(".").unwrap_or(shown).to_string_lossy().into_owned()
}

/// The last line of an ignore file that by itself excludes `path`: its number and text.
fn line_of(choice: &Choice, path: &[u8]) -> Option<(usize, String)> {
    let lines = choice.text.split(|&byte| byte == b'\n').enumerate();
    let excludes = |line: &[u8]| {
        Ignore::read(line).is_ok_and(|ignore| !ignore.is_empty() && ignore.verdict(path).excluded())
    };
    let found: Vec<(usize, &[u8])> = lines.collect();
    let (number, line) = found.iter().rev().find(|(_, line)| excludes(line))?;
    Some((number + 1, String::from_utf8_lossy(line).trim().to_owned()))
}

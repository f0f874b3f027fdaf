//! What a run of the walk saw, collected for the session that watches it. Knows nothing of events, and decides nothing.

use super::recipe::{self, Findings};
use super::report::{Record, Reporter, Sender, VARIABLE};
use crate::build::{Build, Observer};
use crate::load::Session;
use crate::load::session::Makefile;
use crate::os::files::Mtime;
use crate::rules::file::{FileId, Status};
use rustc_hash::FxHashSet;
use std::cell::RefCell;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The default names of makefiles: one that appears may be read in place of another.
const MAKEFILES: [&[u8]; 4] = [b"Imkfile", b"GNUmakefile", b"makefile", b"Makefile"];

/// Name of the list of images in the session's own folder, which goes with the session.
const IMAGES: &str = "images";

/// Name of the list of files that are to be taken for new, in the same folder: when the run began, in nanoseconds since 1970, and their
/// paths; a zero byte ends each.
const EDITED: &str = "edited";

/// Tells a watch session what this run reads.
#[derive(Clone)]
pub struct Inputs {
    reporter: Rc<RefCell<Reporter>>,
    /// Whether the session knows nothing yet of what the goals need, so that it is worth saying before the goals are made.
    first: bool,
    /// The file that lists the images that the session's runs built.
    images: PathBuf,
    /// The file that lists what the session saw change, though the files' times do not tell.
    edited: PathBuf,
}

/// Leaves word for the runs that report to the socket `path` that `files` are to be taken for new by targets from before `begun`.
///
/// # Errors
/// The system's.
pub fn take_for_new(path: &Path, files: &[super::paths::Path], begun: i128) -> std::io::Result<()> {
    let mut list = format!("{begun}\0").into_bytes();
    list.extend(files.iter().flat_map(|file| file.iter().copied().chain([0])));
    std::fs::write(path.with_file_name(EDITED), list)
}

/// The value of [`VARIABLE`] that has a run report to the socket `path`.
pub fn variable(path: &Path, first: bool) -> Vec<u8> {
    let when: &[u8] = if first { b"first:" } else { b"again:" };
    [when, path.as_os_str().as_bytes()].concat()
}

impl Inputs {
    /// A teller, where a session asked for one through the environment.
    pub fn asked_for(environment: &[(Vec<u8>, Vec<u8>)], session: &Session) -> Option<Inputs> {
        let (_, value) = environment.iter().find(|(name, _)| name == VARIABLE.as_bytes())?;
        let (first, path) = match value.strip_prefix(b"first:") {
            Some(path) => (true, path),
            None => (false, value.strip_prefix(b"again:")?),
        };
        let folder = session.context.folder.clone().unwrap_or_else(|| b"/".to_vec());
        let sender = Sender { level: session.context.level, folder };
        let path = Path::new(OsStr::from_bytes(path));
        let reporter = Reporter::connect(path, &sender)?;
        let (images, edited) = (path.with_file_name(IMAGES), path.with_file_name(EDITED));
        Some(Inputs { reporter: Rc::new(RefCell::new(reporter)), first, images, edited })
    }

    /// The files that the session saw change, though their times do not tell, and when: before that moment.
    pub fn edited(&self) -> Option<(Mtime, Vec<Vec<u8>>)> {
        const SECOND: i128 = 1_000_000_000;
        let list = std::fs::read(&self.edited).ok()?;
        let mut entries = list.split(|&byte| byte == 0).filter(|entry| !entry.is_empty());
        let begun: i128 = std::str::from_utf8(entries.next()?).ok()?.parse().ok()?;
        let (seconds, rest) = (begun.div_euclid(SECOND), begun.rem_euclid(SECOND));
        let begun = Mtime::new(seconds.try_into().ok()?, rest.try_into().ok()?);
        Some((begun, entries.map(<[u8]>::to_vec).collect()))
    }

    /// The makefiles are read: says which, and what the goals need as far as rules name it.
    pub fn before_goals(&self, build: &Build, makefiles: &[Makefile], goals: &[FileId]) {
        self.reading(&build.session, makefiles);
        if self.first {
            for &goal in goals {
                self.goal(&build.session, goal);
            }
        }
        self.reporter.borrow_mut().flush();
    }

    /// The run ends: says all that it saw, and what became of each goal.
    pub fn at_end(&self, build: &Build, makefiles: &[Makefile], goals: &[FileId]) {
        let session = &build.session;
        self.reading(session, makefiles);
        for &goal in goals {
            self.goal(session, goal);
            let record = &session.rules.files[session.rules.files.resolve(goal)];
            let mut reporter = self.reporter.borrow_mut();
            match record.status {
                Status::Success if record.updated => reporter.say(&Record::Done(true)),
                Status::Failed | Status::Question => reporter.say(&Record::Done(false)),
                Status::Success | Status::None => {}
            }
        }
        let mut reporter = self.reporter.borrow_mut();
        reporter.say(&Record::End);
        reporter.flush();
    }

    fn reading(&self, session: &Session, makefiles: &[Makefile]) {
        let mut reporter = self.reporter.borrow_mut();
        reporter.say(&Record::Reading);
        for makefile in makefiles {
            reporter.say(&Record::File(session.name_of(makefile.file).to_vec()));
        }
        if session.settings.makefiles.is_empty() {
            for name in MAKEFILES {
                reporter.say(&Record::File(name.to_vec()));
            }
        }
        if let Some(seen) = &session.context.seen {
            for pattern in &seen.patterns {
                reporter.say(&Record::Pattern(pattern.clone()));
            }
            for file in &seen.files {
                reporter.say(&Record::File(file.clone()));
            }
            for command in &seen.commands {
                let mut found = Findings::default();
                recipe::read(command, &mut found);
                for name in &found.named {
                    // A folder named in passing would stand for everything in it.
                    if is_file(name) {
                        reporter.say(&Record::File(name.clone()));
                    }
                }
            }
        }
        drop(reporter);
        let mut visited = FxHashSet::default();
        for makefile in makefiles {
            let file = session.rules.files.resolve(makefile.file);
            if session.rules.files[file].is_target {
                self.closure(session, file, false, &mut visited);
            }
        }
    }

    fn goal(&self, session: &Session, goal: FileId) {
        self.reporter.borrow_mut().say(&Record::Goal(session.name_of(goal).to_vec()));
        self.closure(session, goal, false, &mut FxHashSet::default());
    }

    /// Says what `file` and all that it needs are.
    fn closure(&self, session: &Session, file: FileId, order_only: bool, visited: &mut FxHashSet<FileId>) {
        let mut pending = vec![(file, order_only)];
        while let Some((file, order_only)) = pending.pop() {
            let file = session.rules.files.resolve(file);
            if !visited.insert(file) {
                continue;
            }
            let mut made = false;
            for record in session.rules.files.records(file) {
                let record = &session.rules.files[record];
                made |= record.recipe.is_some();
                for dep in &record.dependencies {
                    if !dep.is_name() && !dep.needs_expansion() {
                        pending.push((dep.file(), dep.order_only()));
                    }
                }
                pending.extend(record.also_make.iter().map(|&file| (file, true)));
            }
            let record = &session.rules.files[file];
            let name = session.context.names.text(record.name);
            let mut reporter = self.reporter.borrow_mut();
            if made {
                reporter.say(&Record::Target(name.to_vec()));
            }
            if record.phony {
                continue;
            }
            for name in [name, session.context.names.text(record.found_as)] {
                let name = archive_of(name).to_vec();
                if made || record.is_target {
                    reporter.say(&Record::Product(name.clone()));
                }
                reporter.say(&if order_only { Record::Presence(name) } else { Record::File(name) });
                if record.name == record.found_as {
                    break;
                }
            }
        }
    }

    /// Whether `file` needs any file, directly or through other targets.
    fn needs_files(session: &Session, file: FileId, visited: &mut FxHashSet<FileId>) -> bool {
        let files = &session.rules.files;
        files.records(files.resolve(file)).into_iter().any(|record| {
            files[record].dependencies.iter().filter(|dep| !dep.is_name() && !dep.order_only()).any(|dep| {
                let dep = files.resolve(dep.file());
                visited.insert(dep) && (!files[dep].phony || Self::needs_files(session, dep, visited))
            })
        })
    }
}

impl Observer for Inputs {
    fn recipe(&self, session: &Session, goal: Option<FileId>, file: FileId, lines: &[Vec<u8>]) {
        let mut found = Findings::default();
        for line in lines {
            recipe::read(line, &mut found);
        }
        let record = &session.rules.files[file];
        let target = session.context.names.text(record.name);
        let mut reporter = self.reporter.borrow_mut();
        match goal {
            Some(goal) => {
                reporter.say(&Record::Goal(session.name_of(goal).to_vec()));
                reporter.say(&Record::Target(target.to_vec()));
                reporter.say(&Record::Recipe(target.to_vec()));
            }
            // A recipe that makes a makefile counts for all goals.
            None => reporter.say(&Record::Reading),
        }
        for name in found.written {
            reporter.say(&Record::Product(name));
        }
        let recursive = record.recipe.is_some_and(|recipe| session.rules.recipes[recipe].any_recurse);
        let names_count = found.builds.is_empty()
            && record.phony
            && !recursive
            && !Self::needs_files(session, file, &mut FxHashSet::default());
        for build in found.builds {
            reporter.say(&Record::Build(build));
        }
        if names_count {
            let folder = session.context.folder.as_deref().unwrap_or_default();
            for name in found.named {
                // What lies elsewhere by its full name is the system's: programs, devices.
                let elsewhere = name.first() == Some(&b'/') && !super::paths::is_within(&name, folder);
                match std::fs::metadata(OsStr::from_bytes(&name)) {
                    _ if elsewhere => {}
                    Ok(data) if data.is_dir() => reporter.say(&Record::Tree(name)),
                    Ok(_) => reporter.say(&Record::File(name)),
                    Err(_) => {}
                }
            }
        }
        reporter.flush();
    }

    fn built(&self, engine: &str, before: Option<&str>, now: &str) -> bool {
        let line = |id: &str| format!("{engine} {id}\n");
        let known = std::fs::read_to_string(&self.images).unwrap_or_default();
        let is_own = before.is_some_and(|before| known.contains(&line(before)));
        if let Ok(mut list) = std::fs::OpenOptions::new().append(true).create(true).open(&self.images) {
            let _ = list.write_all(line(now).as_bytes());
        }
        is_own
    }
}

fn is_file(name: &[u8]) -> bool {
    std::fs::metadata(OsStr::from_bytes(name)).is_ok_and(|data| data.is_file())
}

/// The archive, where `name` is a member of one.
fn archive_of(name: &[u8]) -> &[u8] {
    crate::os::archive::split_member(name).map_or(name, |(archive, _)| archive)
}

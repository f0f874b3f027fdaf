//! The clean-up journal: what a run makes on engines is written down before it is made, and removed whatever happens to
//! the run. Knows nothing of recipes and targets but their names.
//!
//! One file a run in `.imk/` (append-only, private, locked while the run lives). Invariants:
//!
//! - An [`Intent`] is on disk before its thing can exist, so nothing that a run makes is ever unknown.
//! - A thing is removed by its id alone. Where a run died between making a thing and writing its id down, the id is
//!   proven afresh: by a label that only that run could give, or by name, absence before the intent, and a time of
//!   making between the intent and the run's last sign of life. Without proof it is left, and told.
//! - A journal counts in the file that it was written to, by that file's inode number: one that came with a checkout or an
//!   archive names things that no run here has made, and what it names is left, and told.
//! - A torn or garbled record is skipped; it never makes another record mean something else.
//! - Two runs in one folder don't touch each other's things: a journal whose lock is held belongs to a live run.

mod file;
mod heartbeat;
mod reap;
mod record;

pub use heartbeat::Heartbeat;
pub use reap::{Left, LeftReason, Report, reap};

use crate::base::system_error::SystemError;
use crate::image::engine::{Engine, EngineError, Filter};
use file::Folder;
use record::Record;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Name of the folder for imk's own files, in the folder that imk runs in.
pub const FOLDER: &str = ".imk";

/// Why the journal can't be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalError {
    /// The folder can't be made or opened; a symbolic link in its place is not followed.
    Folder(PathBuf, SystemError),
    /// The folder belongs to another user, who could write records of things to remove.
    Foreign(PathBuf),
    /// The run's file can't be made.
    Create(SystemError),
    /// A record can't be written: the disk may be full.
    Write(SystemError),
    /// There is no intent of this number in this journal.
    NoIntent(IntentId),
}

impl JournalError {
    /// The error in words.
    pub fn message(&self) -> String {
        match self {
            JournalError::Folder(path, fault) => format!("{} can't be used: {fault}", path.display()),
            JournalError::Foreign(path) => format!("{} belongs to another user", path.display()),
            JournalError::Create(fault) => format!("the clean-up journal can't be made: {fault}"),
            JournalError::Write(fault) => format!("the clean-up journal can't be written: {fault}"),
            JournalError::NoIntent(IntentId(number)) => format!("the clean-up journal has no entry {number}"),
        }
    }
}

/// A thing that a run makes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Thing {
    /// A container; without a name where the engine gives one.
    Container {
        /// Its name.
        name: Option<String>,
    },
    /// A tag, and the image where that is left without one.
    Image {
        /// The tag.
        tag: String,
    },
    /// A volume.
    Volume {
        /// Its name.
        name: String,
    },
    /// A network.
    Network {
        /// Its name.
        name: String,
    },
    /// A temporary file or folder of imk's own. Its name holds the run's token ([`Journal::token`]), which is what identifies it.
    File {
        /// Its path, from the folder that imk runs in.
        path: PathBuf,
    },
}

impl Thing {
    /// For people: `container app-refresh`.
    pub fn shown(&self) -> String {
        match self {
            Thing::Container { name: Some(name) } => format!("container {name}"),
            Thing::Container { name: None } => "container without a name".to_owned(),
            Thing::Image { tag } => format!("image {tag}"),
            Thing::Volume { name } => format!("volume {name}"),
            Thing::Network { name } => format!("network {name}"),
            Thing::File { path } => format!("file {}", path.display()),
        }
    }
}

/// What a run is about to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The thing.
    pub thing: Thing,
    /// The target that it is made for.
    pub target: String,
    /// The engine, by the name that finds it again; empty for files.
    pub engine: String,
    /// Id of what had this name when the intent was written, which is not the run's; for a volume, when it was made. A tag
    /// is given back to it.
    pub before: Option<String>,
    /// A label that the thing will have and no other has, with the run's token in its value.
    pub label: Option<(String, String)>,
    /// Id of the image that a container will be made from, where that is known.
    pub image: Option<String>,
    /// For a tag that is given back: the images that were on the engine when the intent was written, each by the first
    /// digits of its id ([`short_id`]). An image among them was not made by the run, whatever it is called now.
    pub present: Vec<String>,
}

impl Intent {
    /// An intent for a thing whose name nobody has.
    pub fn new(thing: Thing, target: &str, engine: &str) -> Intent {
        let (target, engine) = (target.to_owned(), engine.to_owned());
        Intent { thing, target, engine, before: None, label: None, image: None, present: Vec::new() }
    }

    /// Fills in what has the thing's name now.
    pub fn look_before(mut self, engine: &dyn Engine) -> Result<Intent, EngineError> {
        self.before = match &self.thing {
            Thing::Container { name: Some(name) } => engine.container(name)?.map(|container| container.id),
            Thing::Container { name: None } | Thing::File { .. } => None,
            Thing::Image { tag } => engine.image(tag)?.map(|image| image.id),
            Thing::Volume { name } => engine.volume(name)?.map(|volume| volume.made),
            Thing::Network { name } => engine.network(name)?.map(|network| network.id),
        };
        if matches!(self.thing, Thing::Image { .. }) && self.before.is_some() {
            let images = engine.images(&Filter::default())?;
            self.present = images.iter().map(|image| short_id(&image.id).to_owned()).collect();
        }
        Ok(self)
    }
}

/// The first digits of an image's id, without what names the digest: as many as tell the images of one engine apart.
pub fn short_id(id: &str) -> &str {
    let digits = id.rsplit_once(':').map_or(id, |(_, digits)| digits);
    digits.get(..16).unwrap_or(digits)
}

/// Number of an intent within its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IntentId(pub u32);

/// An intent and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The intent.
    pub intent: Intent,
    /// When it was written, in seconds since 1970.
    pub at: i64,
    /// Id of the thing, once it was made.
    pub id: Option<String>,
    /// Whether it is done with: removed, or kept on purpose, or never made.
    pub settled: bool,
}

/// The journal of this run.
pub struct Journal {
    /// The folder that imk runs in.
    directory: PathBuf,
    /// None where the journal is in memory alone.
    disk: Option<Disk>,
    token: String,
    entries: Vec<Entry>,
    clock: fn() -> i64,
}

/// The journal's file.
struct Disk {
    folder: Folder,
    file: File,
    name: String,
    /// Whether writing was given up.
    given_up: bool,
}

/// Seconds since 1970 by the system's clock.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX))
}

impl Journal {
    /// Begins a journal in `directory`, the folder that imk runs in.
    pub fn begin(directory: &Path) -> Result<Journal, JournalError> {
        Journal::begin_by(directory, now)
    }

    fn begin_by(directory: &Path, clock: fn() -> i64) -> Result<Journal, JournalError> {
        let token = file::token();
        let (folder, file, name) = Folder::make_with_journal(directory, &token)?;
        let inode = file::inode(&file)?;
        let disk = Some(Disk { folder, file, name, given_up: false });
        let mut journal =
            Journal { directory: directory.to_owned(), disk, token, entries: Vec::new(), clock };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let begun = Record::Begun { token: journal.token.clone(), version, inode };
        match journal.write(&begun) {
            Ok(()) => Ok(journal),
            Err(fault) => {
                journal.finish();
                Err(fault)
            }
        }
    }

    /// A journal in memory alone, for where no file can be had: it serves as long as the run lives.
    pub fn unwritten(directory: &Path) -> Result<Journal, JournalError> {
        let token = file::token();
        Ok(Journal { directory: directory.to_owned(), disk: None, token, entries: Vec::new(), clock: now })
    }

    /// Goes on in memory alone, since the file can't be written any more. What it has so far serves a reaper.
    pub fn give_up_file(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.given_up = true;
        }
    }

    /// Begins to give signs of life; see [`Heartbeat`].
    pub fn heartbeat(&self) -> Option<Heartbeat> {
        Heartbeat::begin(self.disk.as_ref()?.file.try_clone().ok()?)
    }

    /// This run's token: 32 hexadecimal digits that nobody can guess. It goes into labels and names of temporary files.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Writes down that a thing is about to be made. Only when this has returned may it be made.
    pub fn intends(&mut self, intent: Intent) -> Result<IntentId, JournalError> {
        let number = u32::try_from(self.entries.len())
            .map_err(|_| JournalError::Write(std::io::ErrorKind::Other.into()))?;
        let at = (self.clock)();
        self.write(&Record::Intends { number, at, intent: intent.clone() })?;
        self.entries.push(Entry { intent, at, id: None, settled: false });
        Ok(IntentId(number))
    }

    /// Writes down the id of the thing that was made: of a volume, when it was made. This run knows it even where it
    /// can't be written.
    pub fn made(&mut self, intent: IntentId, id: &str) -> Result<(), JournalError> {
        self.entry(intent)?.id = Some(id.to_owned());
        self.write(&Record::Made { number: intent.0, id: id.to_owned() })
    }

    /// Writes down that a thing is done with: it was removed, is kept on purpose, or was never made.
    pub fn settled(&mut self, intent: IntentId) -> Result<(), JournalError> {
        self.entry(intent)?.settled = true;
        self.write(&Record::Settled { number: intent.0 })
    }

    /// What was written down under this number, and what became of it.
    pub fn look(&self, intent: IntentId) -> Option<&Entry> {
        self.entries.get(intent.0 as usize)
    }

    fn entry(&mut self, intent: IntentId) -> Result<&mut Entry, JournalError> {
        self.entries.get_mut(intent.0 as usize).ok_or(JournalError::NoIntent(intent))
    }

    /// What is not done with, in order.
    pub fn outstanding(&self) -> impl Iterator<Item = (IntentId, &Entry)> {
        let numbered = self.entries.iter().enumerate().filter(|(_, entry)| !entry.settled);
        numbered.filter_map(|(number, entry)| Some((IntentId(u32::try_from(number).ok()?), entry)))
    }

    /// Removes what is outstanding and `wanted`, last made first, and writes that down. What fails stays outstanding.
    pub fn clean<'e>(
        &mut self,
        engines: &Engines<'e>,
        wanted: impl Fn(IntentId, &Entry) -> bool,
    ) -> Result<Report, JournalError> {
        let mut report = Report::default();
        let chosen: Vec<(IntentId, Entry)> = self
            .outstanding()
            .filter(|(id, entry)| wanted(*id, entry))
            .map(|(id, entry)| (id, entry.clone()))
            .collect();
        let alive_until = (self.clock)();
        for (id, entry) in chosen.into_iter().rev() {
            let mut proven = None;
            let disk = &mut self.disk;
            let mut note = |found: &str| {
                proven = Some(found.to_owned());
                let record = Record::Made { number: id.0, id: found.to_owned() };
                // A full disk is no reason to leave things: this run knows the id.
                let _ = disk.as_mut().map(|disk| file::append(&mut disk.file, &record.line()));
                Ok(())
            };
            let place = reap::Place { directory: &self.directory, token: &self.token, alive_until, engines };
            let settled = reap::remove(&place, &entry, &mut note, &mut report);
            if proven.is_some() {
                self.entry(id)?.id = proven;
            }
            if settled {
                // Where it can't be written, the next run looks for the thing and finds that it is gone.
                let _ = self.settled(id);
            }
        }
        Ok(report)
    }

    /// Ends the journal. Its file is removed where nothing is outstanding, and the folder with it where nothing else is in
    /// there; else the next run's reaping finds it.
    pub fn finish(self) {
        if self.outstanding().next().is_some() {
            return;
        }
        if let Some(disk) = self.disk {
            disk.folder.remove(&disk.name);
            disk.folder.remove_if_idle();
        }
    }

    fn write(&mut self, record: &Record) -> Result<(), JournalError> {
        match self.disk.as_mut().filter(|disk| !disk.given_up) {
            Some(disk) => file::append(&mut disk.file, &record.line()),
            None => Ok(()),
        }
    }
}

/// Finds the engine of a name that an intent gives.
pub type Engines<'e> = dyn Fn(&str) -> Result<&'e dyn Engine, EngineError> + 'e;

#[cfg(any(test, fuzzing))]
pub mod properties;

#[cfg(test)]
mod tests;

//! The things that jobs have made or are about to make, and what becomes of them. Knows no recipe and prints nothing.

use super::engines::Engines;
use crate::image::engine::{Engine, EngineError};
use crate::image::journal::{self, Heartbeat, Intent, IntentId, Journal, JournalError, Report, Thing};
use crate::os::interruption;
use crate::rules::file::FileId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a thing is waited for whose maker was interrupted: the engine may finish what its client has given up.
const LATE: Duration = Duration::from_millis(300);

/// When what a job made goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Where the job failed or was interrupted.
    OnFailure,
    /// At the job's end, whatever came of it.
    Always,
}

/// For whom something is made, and where.
#[derive(Clone, Debug)]
pub struct Work<'w> {
    /// The job's target.
    pub owner: FileId,
    /// Its name.
    pub target: &'w str,
    /// Address of the engine (`super::engines`).
    pub engine: &'w str,
    /// When it goes.
    pub policy: Policy,
}

/// A thing that the ledger holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(IntentId);

/// What a look-up found of a thing that was to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is there, and the run made it.
    Made,
    /// It is not there, or not the run's.
    NotThere,
}

/// Why something is not held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The engine does not say what it has.
    Engine(EngineError),
    /// Not even a journal in memory can be had.
    Journal(JournalError),
}

struct Held {
    ticket: Ticket,
    owner: FileId,
    policy: Policy,
}

/// How a job's things ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// What was removed and what is left.
    pub report: Report,
    /// What was kept on purpose (`--keep-failed`), with the engines' addresses.
    pub kept: Vec<(Thing, String)>,
}

/// The ledger.
pub struct Ledger {
    directory: PathBuf,
    journal: Option<Journal>,
    heartbeat: Option<Heartbeat>,
    /// The engines in use.
    pub engines: Engines,
    held: Vec<Held>,
    reaped: bool,
    /// Engines that did not answer: they are waited for once a run.
    silent: BTreeMap<String, EngineError>,
    unwritten: Option<JournalError>,
}

impl Default for Ledger {
    fn default() -> Ledger {
        // Relative: the folder that imk runs in is entered by the time that anything is held.
        Ledger::in_directory(Path::new("."))
    }
}

impl Ledger {
    /// A ledger whose journal is in `directory`.
    pub fn in_directory(directory: &Path) -> Ledger {
        Ledger {
            directory: directory.to_owned(),
            journal: None,
            heartbeat: None,
            engines: Engines::default(),
            held: Vec::new(),
            reaped: false,
            silent: BTreeMap::new(),
            unwritten: None,
        }
    }

    /// Removes what dead runs left in this folder: once a run, before the first engine command of a recipe is started; none
    /// where that was done before.
    pub fn reap_once(&mut self) -> Option<Result<Report, JournalError>> {
        (!std::mem::replace(&mut self.reaped, true)).then(|| self.reap())
    }

    /// Removes what dead runs left in this folder.
    pub fn reap(&mut self) -> Result<Report, JournalError> {
        let engines = std::cell::RefCell::new(&mut self.engines);
        journal::reap(&self.directory, &|address| engines.borrow_mut().at(address))
    }

    /// Why the journal can't be written, once.
    pub fn take_unwritten(&mut self) -> Option<JournalError> {
        self.unwritten.take()
    }

    /// The run's token, for labels.
    pub fn token(&mut self) -> Result<&str, Fault> {
        self.begin()?;
        Ok(self.journal.as_ref().map_or("", Journal::token))
    }

    fn begin(&mut self) -> Result<&mut Journal, Fault> {
        if self.journal.is_none() {
            let journal = match Journal::begin(&self.directory) {
                Ok(journal) => journal,
                Err(fault) => {
                    self.unwritten = Some(fault);
                    Journal::unwritten(&self.directory).map_err(Fault::Journal)?
                }
            };
            self.heartbeat = journal.heartbeat();
            self.journal = Some(journal);
        }
        self.journal.as_mut().ok_or(Fault::Engine(EngineError::NoEngine))
    }

    fn engine(&mut self, address: &str) -> Result<&'static dyn Engine, Fault> {
        self.engines.at(address).map_err(Fault::Engine)
    }

    /// Asks an engine that did not keep the run waiting in vain before.
    fn ask<T>(
        &mut self,
        address: &str,
        question: impl FnOnce(&'static dyn Engine) -> Result<T, EngineError>,
    ) -> Result<T, Fault> {
        if let Some(fault) = self.silent.get(address) {
            return Err(Fault::Engine(fault.clone()));
        }
        question(self.engine(address)?).map_err(|fault| {
            if matches!(fault, EngineError::Timeout(_)) {
                self.silent.insert(address.to_owned(), fault.clone());
            }
            Fault::Engine(fault)
        })
    }

    /// Enters a thing that is about to be made. When this has returned it is on disk, or it can't be, and
    /// [`Ledger::take_unwritten`] says why.
    pub fn will_make(
        &mut self,
        work: &Work<'_>,
        thing: Thing,
        label: Option<(String, String)>,
    ) -> Result<Ticket, Fault> {
        let engine = self.engine(work.engine)?;
        let intent = Intent { label, ..Intent::new(thing, work.target, work.engine) };
        if let Some(fault) = self.silent.get(work.engine) {
            return Err(Fault::Engine(fault.clone()));
        }
        let intent = intent.look_before(engine).map_err(|fault| {
            if matches!(fault, EngineError::Unreachable(..) | EngineError::Timeout(_)) {
                self.silent.insert(work.engine.to_owned(), fault.clone());
            }
            Fault::Engine(fault)
        })?;
        let journal = self.begin()?;
        let number = match journal.intends(intent.clone()) {
            Ok(number) => number,
            Err(fault) => {
                journal.give_up_file();
                let number = journal.intends(intent).map_err(Fault::Journal)?;
                self.unwritten = Some(fault);
                number
            }
        };
        let ticket = Ticket(number);
        self.held.push(Held { ticket, owner: work.owner, policy: work.policy });
        Ok(ticket)
    }

    /// The thing is made, and this is its id.
    pub fn made(&mut self, ticket: Ticket, id: &str) {
        if let Some(journal) = &mut self.journal
            && let Err(fault @ JournalError::Write(_)) = journal.made(ticket.0, id)
        {
            journal.give_up_file();
            self.unwritten = Some(fault);
        }
    }

    /// Looks up by its name whether the thing was made. A thing without a name is told by [`Ledger::made`] alone.
    pub fn look_after(&mut self, ticket: Ticket) -> Result<Seen, Fault> {
        match self.id_by_name(ticket)? {
            Some(id) => {
                self.made(ticket, &id);
                Ok(Seen::Made)
            }
            None => Ok(Seen::NotThere),
        }
    }

    /// As [`Ledger::look_after`], where the command that makes the thing was cut short: the engine may still be at it.
    pub fn look_after_interruption(&mut self, ticket: Ticket) -> Result<Seen, Fault> {
        // What is to be removed has to be known.
        let _hold = interruption::hold();
        let deadline = Instant::now() + LATE;
        loop {
            match self.look_after(ticket)? {
                Seen::NotThere if Instant::now() < deadline => {
                    if let Ok(false) = interruption::pause(LATE / 10) {
                        return Err(Fault::Engine(EngineError::Interrupted));
                    }
                }
                seen => return Ok(seen),
            }
        }
    }

    /// Id of what has the thing's name now, if the run made it.
    fn id_by_name(&mut self, ticket: Ticket) -> Result<Option<String>, Fault> {
        let Some(entry) = self.journal.as_ref().and_then(|journal| journal.look(ticket.0)) else {
            return Ok(None);
        };
        let now =
            Intent { before: None, ..Intent::new(entry.intent.thing.clone(), "", &entry.intent.engine) };
        let before = entry.intent.before.clone();
        let address = now.engine.clone();
        let now = self.ask(&address, |engine| now.look_before(engine))?;
        Ok(now.before.filter(|id| before.as_ref() != Some(id)))
    }

    /// Takes a container's id for the thing's where the engine has such a container that is not older than its intent.
    pub fn made_container(&mut self, ticket: Ticket, id: &str) -> Result<Seen, Fault> {
        let Some(entry) = self.journal.as_ref().and_then(|journal| journal.look(ticket.0)) else {
            return Ok(Seen::NotThere);
        };
        let (at, address) = (entry.at, entry.intent.engine.clone());
        let found = self.ask(&address, |engine| engine.container(id))?;
        match found.filter(|container| container.created.is_some_and(|created| created >= at - 1)) {
            Some(container) => {
                self.made(ticket, &container.id);
                Ok(Seen::Made)
            }
            None => Ok(Seen::NotThere),
        }
    }

    /// Something may have removed the thing on purpose: where it is gone, it is done with.
    pub fn gone(&mut self, ticket: Ticket) -> Result<bool, Fault> {
        let Some(entry) = self.journal.as_ref().and_then(|journal| journal.look(ticket.0)) else {
            return Ok(true);
        };
        let nameless = matches!(entry.intent.thing, Thing::Container { name: None });
        let there = match (&entry.id, nameless) {
            (Some(id), true) => {
                let (id, address) = (id.clone(), entry.intent.engine.clone());
                self.ask(&address, |engine| engine.container(&id))?.is_some()
            }
            (None, true) => true,
            (_, false) => self.id_by_name(ticket)?.is_some(),
        };
        if !there {
            self.settle(ticket);
        }
        Ok(!there)
    }

    /// The thing is done with: it was removed, is kept on purpose, or was never made.
    pub fn settle(&mut self, ticket: Ticket) {
        self.held.retain(|held| held.ticket != ticket);
        if let Some(journal) = &mut self.journal
            && let Err(fault @ JournalError::Write(_)) = journal.settled(ticket.0)
        {
            journal.give_up_file();
            self.unwritten = Some(fault);
        }
    }

    /// Whether anything is held for `owner`.
    pub fn holds(&self, owner: FileId) -> bool {
        self.held.iter().any(|held| held.owner == owner)
    }

    /// The jobs that things are held for.
    pub fn owners(&self) -> Vec<FileId> {
        let mut owners: Vec<FileId> = self.held.iter().map(|held| held.owner).collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    /// The job of `owner` is over: its things go or stay, as their policies say. `keep` has those of a failed job stay.
    pub fn finished(&mut self, owner: FileId, won: bool, keep: bool) -> Ending {
        let _hold = interruption::hold();
        let mut ending = Ending::default();
        let (own, others): (Vec<Held>, Vec<Held>) =
            std::mem::take(&mut self.held).into_iter().partition(|held| held.owner == owner);
        self.held = others;
        let Some(journal) = &mut self.journal else { return ending };
        let mut going = Vec::new();
        for held in own {
            let stays = match held.policy {
                Policy::OnFailure => won || keep,
                Policy::Always => !won && keep,
            };
            if !stays {
                going.push(held.ticket.0);
                continue;
            }
            let entry = journal.look(held.ticket.0);
            if let Some(entry) =
                entry.filter(|entry| !won && entry.id.is_some() && entry.id != entry.intent.before)
            {
                ending.kept.push((entry.intent.thing.clone(), entry.intent.engine.clone()));
            }
            if let Err(fault @ JournalError::Write(_)) = journal.settled(held.ticket.0) {
                journal.give_up_file();
                self.unwritten = Some(fault);
            }
        }
        if going.is_empty() {
            return ending;
        }
        let engines = std::cell::RefCell::new(&mut self.engines);
        let cleaned = journal.clean(&|address| engines.borrow_mut().at(address), |id, _| going.contains(&id));
        match cleaned {
            Ok(report) => ending.report = report,
            Err(JournalError::Write(kind)) => self.unwritten = Some(JournalError::Write(kind)),
            Err(_) => {}
        }
        ending
    }

    /// Ends the journal. What could not be removed stays written down for the next run.
    pub fn end(&mut self) {
        self.heartbeat = None;
        if let Some(journal) = self.journal.take() {
            journal.finish();
        }
    }
}

#[cfg(test)]
mod tests;

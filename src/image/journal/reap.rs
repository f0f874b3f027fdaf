//! Removing what runs left, by proven identity. Knows no way to read or write records.

use super::file::{self, Folder};
use super::record::{self, Record};
use super::{Engines, Entry, Intent, JournalError, Thing, short_id};
use crate::base::system_error::SystemError;
use crate::image::engine::{Engine, EngineError, Filter, Image, Removed};
use std::collections::BTreeMap;
use std::path::Path;

/// How long after a run's last sign of life a thing may have been made by it still, and how far the clocks of imk and
/// engine may differ, in seconds.
const GRACE: i64 = 2;

/// What a clean-up did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was removed, with the target that it was made for.
    pub removed: Vec<(Thing, String)>,
    /// What is still there, or may be.
    pub left: Vec<Left>,
    /// Things that were not there: never made, or removed by someone else.
    pub not_there: usize,
    /// Engines that gave no answer in time: a clean-up waits for each once.
    silent: BTreeMap<String, EngineError>,
}

/// Something that was not removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The thing.
    pub thing: Thing,
    /// The target that it was made for.
    pub target: String,
    /// Why it was left.
    pub reason: LeftReason,
}

/// Why something was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftReason {
    /// A thing of that name is there, and it is not certain that the run made it. It is not tried again.
    Unproven,
    /// The engine did not answer or refused; the next clean-up tries again.
    Engine(EngineError),
    /// The file can't be removed; the next clean-up tries again.
    File(SystemError),
}

impl Left {
    /// For people: what was left, and why.
    pub fn message(&self) -> String {
        let what = self.thing.shown();
        match &self.reason {
            LeftReason::Unproven => {
                format!("{what} may be left of {}: look whether it is yours", self.target)
            }
            LeftReason::Engine(fault) => format!("{what} of {} is left: {}", self.target, fault.message()),
            LeftReason::File(fault) => format!("{what} of {} is left: {fault}", self.target),
        }
    }
}

/// Removes what dead runs left in `directory`. Their journals go when everything in them is settled.
pub fn reap(directory: &Path, engines: &Engines<'_>) -> Result<Report, JournalError> {
    let mut report = Report::default();
    let Some(folder) = Folder::open(directory)? else { return Ok(report) };
    for mut dead in folder.dead()? {
        let history = record::history(&dead.text);
        let mut all_settled = true;
        let is_ours = history.inode == Some(dead.inode);
        for (number, entry) in history.entries.iter().filter(|(_, entry)| !entry.settled).rev() {
            if !is_ours {
                let (thing, target) = (entry.intent.thing.clone(), entry.intent.target.clone());
                report.left.push(Left { thing, target, reason: LeftReason::Unproven });
                continue;
            }
            let alive_until = dead.alive_until;
            let mut note =
                |id: &str| dead.append(&Record::Made { number: *number, id: id.to_owned() }.line());
            let place = Place { directory, token: &history.token, alive_until, engines };
            all_settled &= remove(&place, entry, &mut note, &mut report);
        }
        if all_settled {
            folder.remove(&dead.name);
        }
    }
    folder.remove_if_idle();
    Ok(report)
}

/// What the removal of a run's things depends on.
pub(super) struct Place<'p, 'e> {
    /// The folder that imk runs in.
    pub directory: &'p Path,
    /// The run's token.
    pub token: &'p str,
    /// The run's last sign of life, in seconds since 1970.
    pub alive_until: i64,
    pub engines: &'p Engines<'e>,
}

/// Writes down an id that was proven, before anything is done by it: should the engine fail then, the next attempt
/// knows it still.
type Note<'n> = dyn FnMut(&str) -> Result<(), JournalError> + 'n;

/// What became of an attempt.
enum Outcome {
    Removed,
    NotThere,
    Unproven,
}

/// Why an attempt failed.
enum Fault {
    Engine(EngineError),
    File(SystemError),
}

impl From<EngineError> for Fault {
    fn from(fault: EngineError) -> Fault {
        Fault::Engine(fault)
    }
}

impl From<JournalError> for Fault {
    fn from(fault: JournalError) -> Fault {
        match fault {
            JournalError::Write(fault) => Fault::File(fault),
            _ => Fault::File(std::io::ErrorKind::Other.into()),
        }
    }
}

/// Removes the thing of one entry; whether the entry is settled by that.
pub(super) fn remove(place: &Place<'_, '_>, entry: &Entry, note: &mut Note<'_>, report: &mut Report) -> bool {
    let (thing, target) = (entry.intent.thing.clone(), entry.intent.target.clone());
    let attempted = match report.silent.get(&entry.intent.engine) {
        Some(fault) => Err(Fault::Engine(fault.clone())),
        None => attempt(place, entry, note),
    };
    if let Err(Fault::Engine(fault @ EngineError::Timeout(_))) = &attempted {
        report.silent.insert(entry.intent.engine.clone(), fault.clone());
    }
    let (reason, settled) = match attempted {
        Ok(Outcome::Removed) => {
            report.removed.push((thing, target));
            return true;
        }
        Ok(Outcome::NotThere) => {
            report.not_there += 1;
            return true;
        }
        Ok(Outcome::Unproven) => (LeftReason::Unproven, true),
        Err(Fault::Engine(fault)) => (LeftReason::Engine(fault), false),
        Err(Fault::File(kind)) => (LeftReason::File(kind), false),
    };
    report.left.push(Left { thing, target, reason });
    settled
}

/// The time in which a run can have made a thing.
struct Window {
    from: i64,
    to: i64,
}

impl Window {
    fn holds(&self, time: Option<i64>) -> bool {
        time.is_some_and(|time| self.from <= time && time <= self.to)
    }
}

impl From<Removed> for Outcome {
    fn from(removed: Removed) -> Outcome {
        match removed {
            Removed::Done => Outcome::Removed,
            Removed::NotThere => Outcome::NotThere,
        }
    }
}

fn attempt(place: &Place<'_, '_>, entry: &Entry, note: &mut Note<'_>) -> Result<Outcome, Fault> {
    if let Thing::File { path } = &entry.intent.thing {
        return match file::remove_temporary(place.directory, path, place.token) {
            None => Ok(Outcome::Unproven),
            Some(Ok(())) => Ok(Outcome::Removed),
            Some(Err(fault)) if fault.kind() == std::io::ErrorKind::NotFound => Ok(Outcome::NotThere),
            Some(Err(fault)) => Err(Fault::File(fault.into())),
        };
    }
    let window = Window { from: entry.at - GRACE, to: place.alive_until + GRACE };
    let engine = (place.engines)(&entry.intent.engine)?;
    let before = entry.intent.before.as_deref();
    let id = match &entry.id {
        Some(id) => id.clone(),
        None => match prove(engine, entry, &window)? {
            Proof::Id(id) => id,
            Proof::NotThere => return Ok(Outcome::NotThere),
            Proof::None => return Ok(Outcome::Unproven),
        },
    };
    // What was there before the run is not the run's, whatever the journal says: a build that changed nothing ends with
    // the image that the tag had.
    if before == Some(&id) {
        return Ok(Outcome::NotThere);
    }
    if entry.id.is_none() {
        note(&id)?;
    }
    let outcome = match &entry.intent.thing {
        Thing::Container { .. } => engine.remove_container(&id)?.into(),
        Thing::Network { .. } => engine.remove_network(&id)?.into(),
        Thing::Volume { name } => match engine.volume(name)? {
            Some(volume) if volume.made == id => engine.remove_volume(name)?.into(),
            _ => Outcome::NotThere,
        },
        Thing::Image { tag } => remove_image(engine, tag, &id, &entry.intent, &window)?,
        Thing::File { .. } => Outcome::NotThere,
    };
    // Clients were seen to succeed at removals of nothing, in words or in silence.
    if is_still_there(engine, &entry.intent.thing, &id)? {
        return Err(EngineError::NotRemoved.into());
    }
    Ok(outcome)
}

/// Whether a thing of the run that was to be removed is there yet.
fn is_still_there(engine: &dyn Engine, thing: &Thing, id: &str) -> Result<bool, EngineError> {
    Ok(match thing {
        // Another removal may be at it.
        Thing::Container { .. } => engine.container(id)?.is_some_and(|container| !container.going),
        Thing::Network { .. } => engine.network(id)?.is_some(),
        Thing::Volume { name } => engine.volume(name)?.is_some_and(|volume| volume.made == id),
        Thing::Image { tag } => engine.image(tag)?.is_some_and(|image| image.id == id),
        Thing::File { .. } => false,
    })
}

/// What is found of a thing whose id was not written down.
enum Proof {
    /// The run made it: its id.
    Id(String),
    /// It was not made, or is gone.
    NotThere,
    /// Something is there that may be someone else's.
    None,
}

fn prove(engine: &dyn Engine, entry: &Entry, window: &Window) -> Result<Proof, EngineError> {
    let intent = &entry.intent;
    if let (Thing::Container { .. }, Some((label, value))) = (&intent.thing, &intent.label) {
        let found = engine.containers(&Filter::label(label, value))?;
        return Ok(found.into_iter().next().map_or(Proof::NotThere, |container| Proof::Id(container.id)));
    }
    // Id, and whether its time and kind fit.
    let found = match &intent.thing {
        // Without name, label and id nothing can be found: the engine may have it, unknown.
        Thing::Container { name: None } => return Ok(Proof::None),
        Thing::Container { name: Some(name) } => engine.container(name)?.map(|container| {
            let fits_image = intent.image.as_ref().is_none_or(|image| *image == container.image_id);
            (container.id, fits_image && window.holds(container.created))
        }),
        Thing::Image { tag } => engine.image(tag)?.map(|image| {
            // podman does not tell when a tag was given.
            let tagged = window.holds(image.tagged.or(image.created));
            (image.id, tagged)
        }),
        Thing::Volume { name } => {
            engine.volume(name)?.map(|volume| (volume.made, window.holds(volume.created)))
        }
        Thing::Network { name } => {
            engine.network(name)?.map(|network| (network.id, window.holds(network.created)))
        }
        Thing::File { .. } => None,
    };
    Ok(match found {
        None => Proof::NotThere,
        Some((id, _)) if intent.before.as_ref() == Some(&id) => Proof::NotThere,
        Some((id, true)) => Proof::Id(id),
        Some((_, false)) => Proof::None,
    })
}

/// Takes the run's image `id` off its tag, which goes back to the image that had it before, and removes the image where
/// the run made it and no tag is left.
fn remove_image(
    engine: &dyn Engine,
    tag: &str,
    id: &str,
    intent: &Intent,
    window: &Window,
) -> Result<Outcome, EngineError> {
    let mut outcome = Outcome::NotThere;
    let holder = engine.image(tag)?.map(|image| image.id);
    let before = match &intent.before {
        Some(before) if holder.is_none() || holder.as_deref() == Some(id) => engine.image(before)?,
        _ => None,
    };
    match (&holder, before) {
        (Some(holder), Some(before)) if holder == id => {
            engine.tag(&before.id, tag)?;
            outcome = Outcome::Removed;
        }
        (Some(holder), None) if holder == id => return engine.remove_image(tag).map(Outcome::from),
        // The recipe's own removal took the tag off before it failed. An image without any tag lost it to the run.
        (None, Some(before)) if before.tags.is_empty() => engine.tag(&before.id, tag)?,
        _ => {}
    }
    // Without its tag it is nobody's but where the run found it on the engine.
    let was_there = |image: &Image| match intent.present.as_slice() {
        [] => !window.holds(image.created),
        present => present.iter().any(|other| other == short_id(&image.id)),
    };
    if engine.image(id)?.is_some_and(|image| image.tags.is_empty() && !was_there(&image)) {
        match engine.remove_image(id) {
            Ok(_) if engine.image(id)?.is_some() => return Err(EngineError::NotRemoved),
            Ok(_) => outcome = Outcome::Removed,
            // A container of someone's uses it.
            Err(EngineError::Conflict(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(outcome)
}

//! An engine in memory, for tests: it keeps images and containers, and fails where it is told to.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the fake engine holds.
#[derive(Default, Debug, Clone, PartialEq)]
pub struct State {
    /// Its images.
    pub images: Vec<Image>,
    /// Its containers.
    pub containers: Vec<Container>,
    /// Its volumes.
    pub volumes: Vec<Volume>,
    /// Its networks.
    pub networks: Vec<Network>,
    /// Archives of images, by the reference that they are asked for by.
    pub archives: BTreeMap<String, Vec<u8>>,
    /// What registries have, by canonical reference; what is not here they do not have.
    pub registry: BTreeMap<String, Result<Published, EngineError>>,
    /// Every change that was asked for, in order.
    pub log: Vec<String>,
    /// How many calls succeed before one fails; none for never.
    pub fails_after: Option<usize>,
    /// Whether calls get no answer in time.
    pub is_silent: bool,
    /// Whether it only says that it removes what it is asked to.
    pub keeps_all: bool,
    last_id: u64,
    now: i64,
}

/// A fake engine.
#[derive(Default)]
pub struct FakeEngine(Mutex<State>, AtomicUsize);

impl FakeEngine {
    /// What it holds, to look at or to change.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls came.
    pub fn calls(&self) -> usize {
        self.1.load(Ordering::Relaxed)
    }

    /// Sets the clock, in seconds since 1970.
    pub fn at(&self, now: i64) -> &FakeEngine {
        self.state().now = now;
        self
    }

    /// Makes a container, as another program would, and gives its id.
    pub fn make_container(&self, name: &str) -> String {
        let mut state = self.state();
        state.last_id += 1;
        let id = format!("{0:016x}{0:048x}", state.last_id);
        let created = Some(state.now);
        state.containers.push(Container {
            id: id.clone(),
            name: name.to_owned(),
            created,
            ..Container::default()
        });
        id
    }

    /// Makes an image and moves `tag` to it, as a build would, and gives its id.
    pub fn make_image(&self, tag: &str) -> String {
        let mut state = self.state();
        state.last_id += 1;
        let id = format!("sha256:{0:016x}{0:048x}", state.last_id);
        state.images.iter_mut().for_each(|image| image.tags.retain(|other| other != tag));
        let now = Some(state.now);
        let tags = vec![tag.to_owned()];
        state.images.push(Image { id: id.clone(), tags, created: now, tagged: now, ..Image::default() });
        id
    }

    /// Counts a call, which fails where it is that call's turn.
    fn call(&self) -> Result<MutexGuard<'_, State>, EngineError> {
        let mut state = self.state();
        self.1.fetch_add(1, Ordering::Relaxed);
        if state.is_silent {
            return Err(EngineError::Timeout(1));
        }
        match &mut state.fails_after {
            Some(0) => Err(EngineError::Closed),
            Some(count) => {
                *count -= 1;
                Ok(state)
            }
            None => Ok(state),
        }
    }
}

impl Engine for FakeEngine {
    fn description(&self) -> String {
        "the fake engine".to_owned()
    }

    fn version(&self) -> Result<Version, EngineError> {
        self.call().map(|_| Version {
            engine: "fake".to_owned(),
            version: "1".to_owned(),
            ..Version::default()
        })
    }

    fn image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        Ok(self.call()?.images.iter().find(|image| image.answers_to(reference)).cloned())
    }

    fn images(&self, filter: &Filter) -> Result<Vec<Image>, EngineError> {
        let state = self.call()?;
        let named = |image: &Image| filter.name.as_ref().is_none_or(|name| image.answers_to(name));
        Ok(state
            .images
            .iter()
            .filter(|image| named(image) && filter.matches_label(&image.labels))
            .cloned()
            .collect())
    }

    fn container(&self, name: &str) -> Result<Option<Container>, EngineError> {
        Ok(self.call()?.containers.iter().find(|container| container.answers_to(name)).cloned())
    }

    fn containers(&self, filter: &Filter) -> Result<Vec<Container>, EngineError> {
        let state = self.call()?;
        let named = |one: &Container| filter.name.as_ref().is_none_or(|name| *name == one.name);
        Ok(state
            .containers
            .iter()
            .filter(|one| named(one) && filter.matches_label(&one.labels))
            .cloned()
            .collect())
    }

    fn remove_container(&self, id: &str) -> Result<Removed, EngineError> {
        let mut state = self.call()?;
        state.log.push(format!("remove container {id}"));
        if state.keeps_all {
            return Ok(Removed::Done);
        }
        let before = state.containers.len();
        state.containers.retain(|container| container.id != id && container.name != id);
        Ok(if state.containers.len() < before { Removed::Done } else { Removed::NotThere })
    }

    fn remove_image(&self, reference: &str) -> Result<Removed, EngineError> {
        let mut state = self.call()?;
        state.log.push(format!("remove image {reference}"));
        if state.keeps_all {
            return Ok(Removed::Done);
        }
        let Some(at) = state.images.iter().position(|image| image.answers_to(reference)) else {
            return Ok(Removed::NotThere);
        };
        let image = &mut state.images[at];
        if image.id == reference && image.tags.len() > 1 {
            return Err(EngineError::Conflict("image has several tags".to_owned()));
        }
        image.tags.retain(|tag| tag != reference);
        if image.id == reference || image.tags.is_empty() {
            state.images.remove(at);
        }
        Ok(Removed::Done)
    }

    fn tag(&self, image: &str, tag: &str) -> Result<(), EngineError> {
        let mut state = self.call()?;
        state.log.push(format!("tag {image} as {tag}"));
        let Some(at) = state.images.iter().position(|one| one.answers_to(image)) else {
            return Err(EngineError::Refused(404, "no such image".to_owned()));
        };
        state.images.iter_mut().for_each(|other| other.tags.retain(|other| other != tag));
        state.images[at].tags.push(tag.to_owned());
        Ok(())
    }

    fn save(&self, reference: &str) -> Result<Option<Box<dyn std::io::Read + Send>>, EngineError> {
        let archive = self.call()?.archives.get(reference).cloned();
        Ok(archive.map(|bytes| Box::new(std::io::Cursor::new(bytes)) as Box<dyn std::io::Read + Send>))
    }

    fn published(&self, reference: &Reference) -> Result<Option<Published>, EngineError> {
        self.call()?.registry.get(&reference.canonical()).cloned().transpose()
    }

    fn volume(&self, name: &str) -> Result<Option<Volume>, EngineError> {
        Ok(self.call()?.volumes.iter().find(|volume| volume.name == name).cloned())
    }

    fn remove_volume(&self, name: &str) -> Result<Removed, EngineError> {
        let mut state = self.call()?;
        state.log.push(format!("remove volume {name}"));
        if state.keeps_all {
            return Ok(Removed::Done);
        }
        let before = state.volumes.len();
        state.volumes.retain(|volume| volume.name != name);
        Ok(if state.volumes.len() < before { Removed::Done } else { Removed::NotThere })
    }

    fn network(&self, name: &str) -> Result<Option<Network>, EngineError> {
        Ok(self.call()?.networks.iter().find(|network| network.name == name || network.id == name).cloned())
    }

    fn remove_network(&self, id: &str) -> Result<Removed, EngineError> {
        let mut state = self.call()?;
        state.log.push(format!("remove network {id}"));
        if state.keeps_all {
            return Ok(Removed::Done);
        }
        let before = state.networks.len();
        state.networks.retain(|network| network.id != id);
        Ok(if state.networks.len() < before { Removed::Done } else { Removed::NotThere })
    }
}

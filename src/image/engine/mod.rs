//! Container engines behind one trait: look-ups, listings, removals. Knows nothing of make, builds or clean-up.
//!
//! [`socket`] asks a Docker-compatible daemon directly, in a fraction of a millisecond; [`client`] runs an engine's own
//! program, which knows contexts, ssh and TLS, and engines without a daemon. [`choose`] picks one. The outside is not
//! trusted: every answer is bounded in size and time, and garbage is a typed error.

mod answers;
mod checked;
pub mod choose;
pub mod client;
#[cfg(test)]
pub mod fake;
mod http;
mod login;
mod process;
pub mod properties;
mod registry;
pub mod socket;
mod time;

use super::reference::Reference;
use crate::base::system_error::SystemError;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

/// How long an engine may take to give the next bytes of an archive: it may write out an image of many gigabytes first.
const SAVE_PATIENCE: Duration = Duration::from_secs(1800);

/// An engine. Calls may come from several threads at once.
pub trait Engine: Send + Sync {
    /// Which engine it is and how it is reached, for people.
    fn description(&self) -> String;

    /// Asks for its version.
    fn version(&self) -> Result<Version, EngineError>;

    /// The proof that it answers, by the cheapest question there is.
    ///
    /// # Errors
    /// Why it does not.
    fn answers(&self) -> Result<(), EngineError> {
        self.version().map(drop)
    }

    /// The image that a reference or a whole id names; none where there is none. An id's beginning is no name.
    fn image(&self, reference: &str) -> Result<Option<Image>, EngineError>;

    /// The images that a filter selects.
    fn images(&self, filter: &Filter) -> Result<Vec<Image>, EngineError>;

    /// The container that a name or a whole id names, running or not; none where there is none.
    fn container(&self, name: &str) -> Result<Option<Container>, EngineError>;

    /// The containers that a filter selects, running or not.
    fn containers(&self, filter: &Filter) -> Result<Vec<Container>, EngineError>;

    /// Removes a container, running or not, and its anonymous volumes.
    fn remove_container(&self, id: &str) -> Result<Removed, EngineError>;

    /// Takes a tag off its image, and removes the image where that was its last; given an id, removes an image that
    /// has no other tag. An image that a container uses is a [`EngineError::Conflict`].
    fn remove_image(&self, reference: &str) -> Result<Removed, EngineError>;

    /// Gives an image a tag, which is taken off another image where it is there.
    fn tag(&self, image: &str, tag: &str) -> Result<(), EngineError>;

    /// The archive of an image, as `docker save` writes it, while it comes in; none where there is no such image. Reading
    /// waits for as long as the engine takes; an engine that breaks off is an error of the kind `UnexpectedEof`.
    fn save(&self, reference: &str) -> Result<Option<Box<dyn std::io::Read + Send>>, EngineError>;

    /// What the registry has under a name and tag, or a name and digest, by now, asked as the engine would for a pull; none where it
    /// has nothing.
    fn published(&self, reference: &Reference) -> Result<Option<Published>, EngineError>;

    /// The volume of this name; none where there is none.
    fn volume(&self, name: &str) -> Result<Option<Volume>, EngineError>;

    /// Removes a volume that no container uses.
    fn remove_volume(&self, name: &str) -> Result<Removed, EngineError>;

    /// The network that a name or id names; none where there is none.
    fn network(&self, name: &str) -> Result<Option<Network>, EngineError>;

    /// Removes a network that no container uses.
    fn remove_network(&self, id: &str) -> Result<Removed, EngineError>;
}

/// What an engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Version {
    /// The engine: `docker`, `podman`, …
    pub engine: String,
    /// Its version.
    pub version: String,
    /// System and architecture that it runs on, `linux/amd64`; empty where it does not tell.
    pub platform: String,
}

/// What a registry has under a name.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Published {
    /// The manifest's digest; of an image for several platforms that of their list.
    pub digest: String,
    /// Whether it is such a list, where that is told.
    pub is_list: Option<bool>,
}

/// An image on an engine.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Image {
    /// The id that the engine knows it by, `sha256:…`.
    pub id: String,
    /// Digest of its configuration: the image's content without the manifest around it, which a cached rebuild may
    /// renew. None where the engine's id is a manifest's digest (the containerd store), and it is not told.
    pub config_digest: Option<String>,
    /// The tags that it has, as the engine writes them.
    pub tags: Vec<String>,
    /// The registry digests that it has, each `name@sha256:…`.
    pub digests: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When it was made, in seconds since 1970.
    pub created: Option<i64>,
    /// When it was last given a tag, in seconds since 1970, where the engine tells.
    pub tagged: Option<i64>,
    /// The same in the engine's own words, to the fraction of a second; empty where it does not tell.
    pub tagged_exactly: String,
    /// Size in bytes.
    pub size: u64,
    /// Digests of its layers' uncompressed archives, lowest first.
    pub layers: Vec<String>,
    /// `os/architecture`, with `/variant` where there is one.
    pub platform: String,
    /// Its configuration.
    pub config: ImageConfig,
    /// All of its configuration but the labels, as JSON with sorted names: equal for images that run alike. Empty where
    /// the engine does not tell.
    pub settings: String,
}

/// The parts of an image's configuration that builds and runs depend on.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ImageConfig {
    /// `ENV`, each `NAME=value`.
    pub environment: Vec<String>,
    /// `ONBUILD`, each an instruction.
    pub on_build: Vec<String>,
    /// `USER`; empty for root.
    pub user: String,
    /// `WORKDIR`
    pub working_directory: String,
    /// `ENTRYPOINT`
    pub entrypoint: Vec<String>,
    /// `CMD`
    pub command: Vec<String>,
    /// `SHELL`
    pub shell: Vec<String>,
}

/// A container on an engine.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Container {
    /// Its id: 64 hexadecimal digits.
    pub id: String,
    /// Its name, without docker's leading slash.
    pub name: String,
    /// Id of its image, `sha256:…`.
    pub image_id: String,
    /// The reference that it was made from.
    pub image: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When it was made, in seconds since 1970.
    pub created: Option<i64>,
    /// Whether it runs.
    pub running: bool,
    /// Whether it is being removed.
    pub going: bool,
}

/// A volume on an engine. It has no id: name and time of making identify it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// When it was made, as the engine writes it.
    pub made: String,
    /// The same in seconds since 1970.
    pub created: Option<i64>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// A network on an engine.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Network {
    /// Its id.
    pub id: String,
    /// Its name, which need not be unique.
    pub name: String,
    /// When it was made, in seconds since 1970.
    pub created: Option<i64>,
}

impl Image {
    /// Whether `reference` is this image's id, one of its tags or one of its digests. Engines also take the beginning
    /// of an id for a name, so that a tag that is not there can find a stranger.
    pub fn answers_to(&self, reference: &str) -> bool {
        let bare_id = self.id.split_once(':').map_or(self.id.as_str(), |(_, hex)| hex);
        if reference == self.id || reference == bare_id {
            return true;
        }
        let Ok(wanted) = Reference::parse(reference.as_bytes()) else { return false };
        let same = |tag: &String| {
            let Ok(tag) = Reference::parse(tag.as_bytes()) else { return false };
            // podman files an image built without a registry's name under `localhost/`.
            let local = tag.domain == "localhost" && tag.path == wanted.familiar_name();
            tag.same_image(&wanted) || (local && tag.tag == wanted.clone().with_default_tag().tag)
        };
        let digest = |own: &String| match (&wanted.digest, own.rsplit_once('@')) {
            (Some(digest), Some((_, own))) => digest == own,
            _ => false,
        };
        self.tags.iter().any(same) || self.digests.iter().any(digest)
    }
}

impl Container {
    /// Whether `name` is this container's name or whole id.
    pub fn answers_to(&self, name: &str) -> bool {
        name == self.id || (!self.name.is_empty() && name.trim_start_matches('/') == self.name)
    }

    /// The container, where `asked` names it; none where `asked` is only a beginning of its id or name, or the name of a link to it.
    fn if_asked_for(self, asked: &str) -> Result<Option<Container>, EngineError> {
        let begins = |container: &Container| {
            let asked = asked.trim_start_matches('/');
            asked.contains('/') || container.id.starts_with(asked) || container.name.starts_with(asked)
        };
        let is_asked = |container: &Container| container.answers_to(asked);
        checked::answered(self, asked, is_asked, begins, "container of that name")
    }
}

impl Volume {
    /// The volume, where its name is `asked`; none where `asked` is only its beginning, which podman completes.
    fn if_asked_for(self, asked: &str) -> Result<Option<Volume>, EngineError> {
        let begins = |volume: &Volume| volume.name.starts_with(asked);
        checked::answered(self, asked, |volume| volume.name == asked, begins, "volume of that name")
    }
}

impl Network {
    /// The network, where its name or whole id is `asked`; none where `asked` is only a beginning.
    fn if_asked_for(self, asked: &str) -> Result<Option<Network>, EngineError> {
        let is_asked = |network: &Network| network.name == asked || network.id == asked;
        let begins = |network: &Network| network.id.starts_with(asked) || network.name.starts_with(asked);
        checked::answered(self, asked, is_asked, begins, "network of that name")
    }
}

/// What a listing selects; everything where nothing is set.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Filter {
    /// This exact name (containers) or reference (images).
    pub name: Option<String>,
    /// This label, with this value where one is given.
    pub label: Option<(String, Option<String>)>,
}

impl Filter {
    /// Selects by a label and its value.
    pub fn label(name: &str, value: &str) -> Filter {
        Filter { label: Some((name.to_owned(), Some(value.to_owned()))), ..Filter::default() }
    }

    fn matches_label(&self, labels: &BTreeMap<String, String>) -> bool {
        match &self.label {
            None => true,
            Some((name, None)) => labels.contains_key(name),
            Some((name, Some(value))) => labels.get(name) == Some(value),
        }
    }

    fn label_text(&self) -> Option<String> {
        self.label.as_ref().map(|(name, value)| match value {
            Some(value) => format!("{name}={value}"),
            None => name.clone(),
        })
    }
}

/// How a removal went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is gone now.
    Done,
    /// It was not there.
    NotThere,
}

/// Why an engine did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineError {
    /// There is no socket at this path, or it can't be connected to.
    Unreachable(PathBuf, SystemError),
    /// The engine's address is none that can be asked directly (`tcp://`, `ssh://`).
    UnsupportedAddress(String),
    /// No program of this name is on PATH.
    NoClient(String),
    /// No engine was found that answers.
    NoEngine,
    /// There is no engine of this name.
    UnknownEngine(String),
    /// No whole answer came within this many milliseconds.
    Timeout(u64),
    /// The connection ended in the midst of an answer.
    Closed,
    /// Reading or writing failed.
    Transfer(SystemError),
    /// The answer is larger than this many bytes.
    TooLarge(usize),
    /// The answer is not of the form that engines give: what was looked for.
    Garbage(&'static str),
    /// The engine refuses because the thing is in use.
    Conflict(String),
    /// The engine says that it removed the thing, and has it still.
    NotRemoved,
    /// The engine answers with an error: status and message.
    Refused(u16, String),
    /// The client program failed: its name and what it said.
    Failed(String, String),
    /// This engine has no such things.
    Unsupported(&'static str),
    /// The registry wants a login, or another one: what it said.
    Denied(String),
    /// The registry answers so often, and not yet again.
    Limited,
    /// The registry can't be asked, or gives no sense: what the engine said.
    Registry(String),
    /// A fatal signal came while it was asked: the run is to end.
    Interrupted,
}

impl EngineError {
    /// Nothing came within `patience`.
    fn after(patience: Duration) -> EngineError {
        EngineError::Timeout(patience.as_millis().try_into().unwrap_or(u64::MAX))
    }

    /// The error in words.
    pub fn message(&self) -> String {
        match self {
            EngineError::Unreachable(path, fault) => match fault.kind() {
                ErrorKind::NotFound => format!("no engine listens at {}", path.display()),
                ErrorKind::PermissionDenied => {
                    format!("no permission to speak to the engine at {}", path.display())
                }
                _ => format!("the engine at {} can't be reached: {fault}", path.display()),
            },
            EngineError::UnsupportedAddress(address) => {
                format!("the engine's address {address} is no socket of this machine")
            }
            EngineError::NoClient(name) => format!("no program {name} is on PATH"),
            EngineError::NoEngine => {
                "no container engine answers (docker, podman, nerdctl, buildah)".to_owned()
            }
            EngineError::UnknownEngine(name) => {
                format!("there is no engine {name}: it is one of docker, podman, nerdctl, buildah")
            }
            EngineError::Timeout(milliseconds) => {
                format!("the engine did not answer within {milliseconds} ms")
            }
            EngineError::Closed => "the engine broke off in the midst of its answer".to_owned(),
            EngineError::Transfer(fault) => format!("speaking to the engine failed: {fault}"),
            EngineError::TooLarge(limit) => format!("the engine's answer is larger than {limit} bytes"),
            EngineError::Garbage(what) => format!("the engine's answer makes no sense: no {what}"),
            EngineError::Conflict(message) => message.clone(),
            EngineError::NotRemoved => "the engine says that it is removed, and has it still".to_owned(),
            EngineError::Refused(status, message) => format!("the engine refused ({status}): {message}"),
            EngineError::Failed(program, message) if message.trim().is_empty() => format!("{program} failed"),
            EngineError::Failed(program, message) => format!("{program} failed: {message}"),
            EngineError::Unsupported(what) => format!("this engine has no {what}"),
            EngineError::Denied(said) => format!("the registry wants a login: {said}"),
            EngineError::Limited => "the registry answers no more for now: too many requests".to_owned(),
            EngineError::Registry(said) => format!("the registry can't be asked: {said}"),
            EngineError::Interrupted => "a signal came while the engine was asked".to_owned(),
        }
    }
}

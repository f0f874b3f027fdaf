//! A Docker-compatible daemon, asked over its Unix socket. Knows the Engine API, not the client programs.

use super::choose::Surroundings;
use super::http::{Answer, Body, Connection, encode};
use super::{
    Container, Engine, EngineError, Filter, Image, Network, Published, Removed, SAVE_PATIENCE, Version,
    Volume, answers, login, registry,
};
use crate::image::reference::{DEFAULT_TAG, Reference};
use crate::os::interruption;
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Where the daemon listens where nothing else is said.
pub const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
/// The newest version of the API that this speaks; an older daemon is spoken to in its own.
const API_MAX: (u32, u32) = (1, 47);
/// Connections kept for the next request.
const IDLE_MAX: usize = 8;

/// How long a registry may take to answer the engine.
const REGISTRY_PATIENCE: Duration = Duration::from_secs(15);

/// A daemon behind a Unix socket.
pub struct DockerSocket {
    path: PathBuf,
    look_up_patience: Duration,
    removal_patience: Duration,
    idle: Mutex<Vec<Connection>>,
    api: OnceLock<(u32, u32)>,
    /// Where the client's logins are; none for a daemon that asks registries as anybody.
    surroundings: Option<Surroundings>,
}

impl DockerSocket {
    /// A daemon that listens at `path`. Nothing is asked yet.
    pub fn new(path: &Path) -> DockerSocket {
        DockerSocket {
            path: path.to_owned(),
            look_up_patience: Duration::from_secs(20),
            removal_patience: Duration::from_secs(120),
            idle: Mutex::new(Vec::new()),
            api: OnceLock::new(),
            surroundings: None,
        }
    }

    /// A daemon at the other end of `stream`, and nowhere else.
    #[cfg(any(test, fuzzing))]
    pub fn over(stream: UnixStream) -> DockerSocket {
        let daemon = DockerSocket::new(Path::new("/nonexistent/engine"));
        daemon.idle.lock().unwrap_or_else(PoisonError::into_inner).push(Connection::new(stream));
        daemon
    }

    /// How long a look-up and a removal may take.
    pub fn with_patience(mut self, look_up: Duration, removal: Duration) -> DockerSocket {
        (self.look_up_patience, self.removal_patience) = (look_up, removal);
        self
    }

    /// With the logins of the client in these surroundings.
    pub fn with_logins(mut self, surroundings: &Surroundings) -> DockerSocket {
        self.surroundings = Some(surroundings.clone());
        self
    }

    fn connect(&self) -> Result<Connection, EngineError> {
        let deadline = Instant::now() + self.look_up_patience;
        loop {
            match connect(&self.path) {
                Ok(stream) => return Ok(Connection::new(stream)),
                // Nobody takes up the connections that wait already.
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => {
                    if Instant::now() > deadline {
                        return Err(EngineError::after(self.look_up_patience));
                    }
                    match interruption::pause(Duration::from_millis(10)) {
                        Ok(true) => {}
                        Ok(false) => return Err(EngineError::Interrupted),
                        Err(fault) => return Err(EngineError::Transfer(fault.into())),
                    }
                }
                Err(fault) => return Err(EngineError::Unreachable(self.path.clone(), fault.into())),
            }
        }
    }

    /// Sends a request on an idle connection, or on a new one; a new one also where the idle one turns out dead.
    fn exchange(
        &self,
        method: &str,
        target: &str,
        headers: &str,
        patience: Duration,
    ) -> Result<Answer, EngineError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut connection) = idle {
            match connection.exchange(method, target, headers, patience) {
                Err(EngineError::Closed) if !connection.answered => {}
                result => return self.keep(connection, result),
            }
        }
        let mut connection = self.connect()?;
        let result = connection.exchange(method, target, headers, patience);
        self.keep(connection, result)
    }

    fn keep(
        &self,
        connection: Connection,
        result: Result<Answer, EngineError>,
    ) -> Result<Answer, EngineError> {
        if connection.reusable && result.is_ok() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE_MAX {
                idle.push(connection);
            }
        }
        result
    }

    /// The API version to speak: the daemon's own, or the newest known here where that is older.
    fn api(&self) -> Result<(u32, u32), EngineError> {
        if let Some(api) = self.api.get() {
            return Ok(*api);
        }
        let answer = self.exchange("GET", "/_ping", "", self.look_up_patience)?;
        let offered = answer.api_version.as_deref().and_then(|text| {
            let (major, minor) = text.split_once('.')?;
            Some((major.parse().ok()?, minor.parse().ok()?))
        });
        let offered = offered.ok_or(EngineError::Garbage("API version"))?;
        Ok(*self.api.get_or_init(|| offered.min(API_MAX)))
    }

    fn request(&self, method: &str, path: &str, patience: Duration) -> Result<Answer, EngineError> {
        let (major, minor) = self.api()?;
        self.exchange(method, &format!("/v{major}.{minor}{path}"), "", patience)
    }

    /// An object by its path; none where the daemon has none.
    fn get(&self, path: &str) -> Result<Option<Value>, EngineError> {
        let answer = self.request("GET", path, self.look_up_patience)?;
        match answer.status {
            200 => answers::json(&answer.body).map(Some),
            404 => Ok(None),
            status => Err(EngineError::Refused(status, answers::error_message(&answer.body))),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<Value>, EngineError> {
        match self.get(path)? {
            Some(Value::Array(items)) => Ok(items),
            _ => Err(EngineError::Garbage("list")),
        }
    }

    fn delete(&self, kind: &str, name: &str, query: &str) -> Result<Removed, EngineError> {
        if name.is_empty() {
            return Ok(Removed::NotThere);
        }
        let path = &format!("/{kind}/{}{query}", encode(name));
        let _hold = interruption::hold();
        let answer = self.request("DELETE", path, self.removal_patience)?;
        let message = || answers::error_message(&answer.body);
        match answer.status {
            200..=299 => Ok(Removed::Done),
            404 => Ok(Removed::NotThere),
            // Someone else is at it: `run --rm`, for one.
            409 if message().contains("already in progress") => Ok(Removed::Done),
            409 => Err(EngineError::Conflict(message())),
            status => Err(EngineError::Refused(status, message())),
        }
    }
}

/// A connection to the socket at `path`, without waiting for it to be taken up.
fn connect(path: &Path) -> std::io::Result<UnixStream> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// A reference's name and tag; `latest` where it has none. The name stays as it is written.
fn split_tag(reference: &str) -> (&str, &str) {
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (reference, DEFAULT_TAG),
    }
}

/// The value of the API's `filters` parameter.
fn filters(filter: &Filter, name_key: &str, name_value: impl Fn(&str) -> String) -> String {
    let mut object = serde_json::Map::new();
    if let Some(name) = &filter.name {
        object.insert(name_key.to_owned(), json!([name_value(name)]));
    }
    if let Some(label) = filter.label_text() {
        object.insert("label".to_owned(), json!([label]));
    }
    encode(&Value::Object(object).to_string())
}

impl Engine for DockerSocket {
    fn description(&self) -> String {
        format!("the engine at {}", self.path.display())
    }

    fn version(&self) -> Result<Version, EngineError> {
        let value = self.get("/version")?.ok_or(EngineError::Garbage("version"))?;
        answers::version(&value)
    }

    /// By the ping: for `/version` a daemon runs containerd and runc, which takes longer than all the look-ups of a run.
    fn answers(&self) -> Result<(), EngineError> {
        self.api().map(drop)
    }

    fn image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        if reference.is_empty() {
            return Ok(None);
        }
        let found = self.get(&format!("/images/{}/json", encode(reference)))?;
        let image = found.map(|value| answers::image(&value)).transpose()?;
        Ok(image.filter(|image| image.answers_to(reference)))
    }

    fn images(&self, filter: &Filter) -> Result<Vec<Image>, EngineError> {
        let items =
            self.list(&format!("/images/json?filters={}", filters(filter, "reference", str::to_owned)))?;
        let listed = items.iter().map(answers::listed_image).collect::<Result<Vec<Image>, EngineError>>()?;
        Ok(listed.into_iter().filter(|image| filter.matches_label(&image.labels)).collect())
    }

    fn container(&self, name: &str) -> Result<Option<Container>, EngineError> {
        if name.is_empty() {
            return Ok(None);
        }
        let found = self.get(&format!("/containers/{}/json", encode(name)))?;
        let Some(value) = found else { return Ok(None) };
        answers::container(&value)?.if_asked_for(name)
    }

    fn containers(&self, filter: &Filter) -> Result<Vec<Container>, EngineError> {
        // The daemon takes names as patterns that may match anywhere: the exact name is sorted out here.
        let items =
            self.list(&format!("/containers/json?all=1&filters={}", filters(filter, "name", str::to_owned)))?;
        let listed =
            items.iter().map(answers::listed_container).collect::<Result<Vec<Container>, EngineError>>()?;
        let selected = |container: &Container| {
            filter.name.as_ref().is_none_or(|name| *name == container.name)
                && filter.matches_label(&container.labels)
        };
        Ok(listed.into_iter().filter(selected).collect())
    }

    fn remove_container(&self, id: &str) -> Result<Removed, EngineError> {
        self.delete("containers", id, "?force=1&v=1")
    }

    fn remove_image(&self, reference: &str) -> Result<Removed, EngineError> {
        self.delete("images", reference, "")
    }

    fn tag(&self, image: &str, tag: &str) -> Result<(), EngineError> {
        let (name, tag) = split_tag(tag);
        let path = format!("/images/{}/tag?repo={}&tag={}", encode(image), encode(name), encode(tag));
        let _hold = interruption::hold();
        let answer = self.request("POST", &path, self.look_up_patience)?;
        match answer.status {
            200..=299 => Ok(()),
            status => Err(EngineError::Refused(status, answers::error_message(&answer.body))),
        }
    }

    fn save(&self, reference: &str) -> Result<Option<Box<dyn std::io::Read + Send>>, EngineError> {
        let (major, minor) = self.api()?;
        let target = format!("/v{major}.{minor}/images/{}/get", encode(reference));
        // A connection of its own: one whose archive is not read to the end can't be used again.
        match Body::request(self.connect()?, &target, SAVE_PATIENCE)? {
            Ok(body) => Ok(Some(Box::new(body))),
            Err(answer) if answer.status == 404 => Ok(None),
            Err(answer) => Err(EngineError::Refused(answer.status, answers::error_message(&answer.body))),
        }
    }

    fn published(&self, reference: &Reference) -> Result<Option<Published>, EngineError> {
        let login = self.surroundings.as_ref().and_then(|around| login::login(&reference.domain, around));
        let header =
            login.map(|login| format!("X-Registry-Auth: {}\r\n", login.header())).unwrap_or_default();
        let (major, minor) = self.api()?;
        let path = format!("/v{major}.{minor}/distribution/{}/json", encode(&reference.canonical()));
        let answer =
            registry::in_time(self.exchange("GET", &path, &header, REGISTRY_PATIENCE), REGISTRY_PATIENCE)?;
        match answer.status {
            200 => registry::described(&answer.body),
            _ => registry::unread(&answers::error_message(&answer.body)),
        }
    }

    fn volume(&self, name: &str) -> Result<Option<Volume>, EngineError> {
        if name.is_empty() {
            return Ok(None);
        }
        let found = self.get(&format!("/volumes/{}", encode(name)))?;
        let Some(value) = found else { return Ok(None) };
        answers::volume(&value)?.if_asked_for(name)
    }

    fn remove_volume(&self, name: &str) -> Result<Removed, EngineError> {
        self.delete("volumes", name, "")
    }

    fn network(&self, name: &str) -> Result<Option<Network>, EngineError> {
        if name.is_empty() {
            return Ok(None);
        }
        let found = self.get(&format!("/networks/{}", encode(name)))?;
        let Some(value) = found else { return Ok(None) };
        answers::network(&value)?.if_asked_for(name)
    }

    fn remove_network(&self, id: &str) -> Result<Removed, EngineError> {
        self.delete("networks", id, "")
    }
}

#[cfg(test)]
mod tests;

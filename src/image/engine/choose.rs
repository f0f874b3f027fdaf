//! Which engine to use: the one that is named, else the first that answers. Runs nothing but look-ups.

use super::client::ClientEngine;
use super::socket::{DEFAULT_SOCKET, DockerSocket};
use super::{Engine, EngineError, answers};
use crate::image::command::Client;
use crate::os::files::read_regular_within;
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What of the process's surroundings says where engines are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `DOCKER_HOST`
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`
    pub docker_context: Option<String>,
    /// `DOCKER_CONFIG`: the folder of the client's configuration.
    pub docker_config: Option<PathBuf>,
    /// `HOME`
    pub home: Option<PathBuf>,
    /// `PATH`
    pub path: Option<OsString>,
    /// The folder that relative parts of `PATH` start from.
    pub directory: PathBuf,
}

impl Surroundings {
    /// Those of this process. A variable that is set but empty counts as unset, as it does for the clients.
    pub fn of_process() -> Surroundings {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Surroundings {
            docker_host: text("DOCKER_HOST"),
            docker_context: text("DOCKER_CONTEXT"),
            docker_config: path("DOCKER_CONFIG"),
            home: path("HOME"),
            path: std::env::var_os("PATH"),
            directory: std::env::current_dir().unwrap_or_default(),
        }
    }

    /// Address of the docker daemon: the environment's, else the client context's, else the default socket.
    pub fn docker_address(&self) -> String {
        if let Some(host) = &self.docker_host {
            return host.clone();
        }
        self.context_address().unwrap_or_else(|| format!("unix://{DEFAULT_SOCKET}"))
    }

    /// Whether `name` is a docker context and no builder that buildx was told of: buildx has a builder of its own for each context.
    pub fn is_context(&self, name: &str) -> bool {
        let Some(folder) = self.docker_folder() else { return false };
        let told = std::env::var_os("BUILDX_CONFIG").map_or_else(|| folder.join("buildx"), PathBuf::from);
        !told.join("instances").join(name).exists() && self.address_of_context(name).is_some()
    }

    /// Whether buildx may build on another builder than the engine's own where a command names none: one was chosen by `buildx use`.
    /// `told` is `BUILDX_CONFIG`.
    pub fn may_use_builder(&self, told: Option<PathBuf>) -> bool {
        let own = self.docker_folder().map(|folder| folder.join("buildx"));
        let Some(folder) = told.or(own) else { return false };
        let current = folder.join("current");
        let names_none = || {
            read_small(&current)
                .and_then(|text| answers::json(&text).ok())
                .is_some_and(|all| all["Name"] == "")
        };
        let chosen = current.symlink_metadata().is_ok() && !names_none();
        // Each docker context may have one of its own.
        let by_context = std::fs::read_dir(folder.join("defaults"));
        chosen || by_context.is_ok_and(|entries| entries.count() > 0)
    }

    /// The folder of the client's configuration.
    pub(super) fn docker_folder(&self) -> Option<PathBuf> {
        self.docker_config.clone().or_else(|| self.home.as_ref().map(|home| home.join(".docker")))
    }

    /// Address of the context in use, from the client's files: `config.json` and `contexts/meta/*/meta.json`.
    fn context_address(&self) -> Option<String> {
        let read = |path: &Path| answers::json(&read_small(path)?).ok();
        let name = match &self.docker_context {
            Some(name) => name.clone(),
            None => read(&self.docker_folder()?.join("config.json"))?["currentContext"].as_str()?.to_owned(),
        };
        self.address_of_context(&name)
    }

    fn address_of_context(&self, name: &str) -> Option<String> {
        let folder = self.docker_folder()?;
        let read = |path: &Path| answers::json(&read_small(path)?).ok();
        if name.is_empty() || name == "default" {
            return None;
        }
        let entries = std::fs::read_dir(folder.join("contexts/meta")).ok()?;
        let metas = entries.flatten().filter_map(|entry| read(&entry.path().join("meta.json")));
        let own = metas.into_iter().find(|meta: &Value| meta["Name"] == name)?;
        own["Endpoints"]["docker"]["Host"].as_str().map(str::to_owned)
    }

    /// The program of this client along `PATH`.
    pub fn program(&self, kind: Client) -> Result<PathBuf, EngineError> {
        let found = which::which_in(kind.name(), self.path.as_ref(), &self.directory);
        found.map_err(|_| EngineError::NoClient(kind.name().to_owned()))
    }

    /// The engine that the program called `docker` is a client of: podman where it is a link to podman or a script that
    /// hands over to it, as that of the package podman-docker.
    pub fn behind_docker(&self) -> Client {
        let Ok(program) = self.program(Client::Docker) else { return Client::Docker };
        let name = std::fs::canonicalize(&program).ok().and_then(|path| path.file_name().map(OsString::from));
        match name.as_ref().and_then(|name| name.to_str()).and_then(Client::of) {
            Some(other) if other != Client::Docker => other,
            _ if passes_on_to_podman(&program) => Client::Podman,
            _ => Client::Docker,
        }
    }
}

/// Whether a program is a short script that calls podman with its own arguments.
fn passes_on_to_podman(program: &Path) -> bool {
    const LENGTH_MAX: u64 = 4096;
    let text = read_at_most(program, LENGTH_MAX).unwrap_or_default();
    text.starts_with(b"#!") && memchr::memmem::find(&text, b"podman \"$@\"").is_some()
}

/// A file of the client's configuration; none where it can't be read or is of no likely size.
pub(super) fn read_small(path: &Path) -> Option<Vec<u8>> {
    const SIZE_MAX: u64 = 4 * 1024 * 1024;
    read_at_most(path, SIZE_MAX)
}

/// A file of at most so many bytes; none where it can't be read or is longer.
fn read_at_most(path: &Path, most: u64) -> Option<Vec<u8>> {
    read_regular_within(path, most).ok()
}

/// The engine called `name` (`docker`, `podman`, `nerdctl`, `buildah`), whether or not it answers.
pub fn named(name: &str, surroundings: &Surroundings) -> Result<Box<dyn Engine>, EngineError> {
    let kind = Client::of(name).ok_or_else(|| EngineError::UnknownEngine(name.to_owned()))?;
    if kind == Client::Docker
        && let Ok(socket) = docker_socket(surroundings)
    {
        return Ok(Box::new(socket));
    }
    Ok(Box::new(ClientEngine::new(kind, surroundings.program(kind)?, Vec::new())))
}

/// The engine at an address that was written down: `docker ADDRESS`, or a client's name alone. Whoever reads it later
/// reaches the same engine, whatever `DOCKER_HOST` is by then.
pub fn at(address: &str, surroundings: &Surroundings) -> Result<Box<dyn Engine>, EngineError> {
    let Some((name, host)) = address.split_once(' ') else { return named(address, surroundings) };
    if name != Client::Docker.name() {
        return Err(EngineError::UnknownEngine(name.to_owned()));
    }
    let there = Surroundings { docker_host: Some(host.to_owned()), ..surroundings.clone() };
    if let Ok(socket) = docker_socket(&there) {
        return Ok(Box::new(socket));
    }
    let environment = vec![("DOCKER_HOST".to_owned(), host.to_owned())];
    Ok(Box::new(ClientEngine::new(Client::Docker, there.program(Client::Docker)?, environment)))
}

/// The docker daemon's socket, where its address is one.
pub fn docker_socket(surroundings: &Surroundings) -> Result<DockerSocket, EngineError> {
    let address = surroundings.docker_address();
    match address.strip_prefix("unix://") {
        Some(path) if path.starts_with('/') => {
            Ok(DockerSocket::new(Path::new(path)).with_logins(surroundings))
        }
        _ => Err(EngineError::UnsupportedAddress(address)),
    }
}

/// The engine called `name`, or without a name the first that answers, in the order of [`Client::ALL`].
pub fn choose(name: Option<&str>, surroundings: &Surroundings) -> Result<Box<dyn Engine>, EngineError> {
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        return named(name, surroundings);
    }
    first(surroundings).map(|(_, engine)| engine)
}

/// The first engine that answers, in the order of [`Client::ALL`], with its kind.
pub fn first(surroundings: &Surroundings) -> Result<(Client, Box<dyn Engine>), EngineError> {
    for kind in Client::ALL {
        let Ok(engine) = named(kind.name(), surroundings) else { continue };
        match engine.answers() {
            Ok(()) => return Ok((kind, engine)),
            Err(EngineError::Interrupted) => return Err(EngineError::Interrupted),
            Err(_) => {}
        }
    }
    Err(EngineError::NoEngine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("imk-choose-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn the_address_comes_from_environment_then_context_then_default() {
        let home = folder("context");
        let mut surroundings = Surroundings { home: Some(home.clone()), ..Surroundings::default() };
        assert_eq!(surroundings.docker_address(), "unix:///var/run/docker.sock");
        let meta = home.join(".docker/contexts/meta/0123");
        std::fs::create_dir_all(&meta).unwrap();
        std::fs::write(
            meta.join("meta.json"),
            br#"{"Name":"rootless","Endpoints":{"docker":{"Host":"unix:///r.sock"}}}"#,
        )
        .unwrap();
        assert_eq!(surroundings.docker_address(), "unix:///var/run/docker.sock");
        std::fs::write(home.join(".docker/config.json"), br#"{"currentContext":"rootless"}"#).unwrap();
        assert_eq!(surroundings.docker_address(), "unix:///r.sock");
        surroundings.docker_context = Some("default".into());
        assert_eq!(surroundings.docker_address(), "unix:///var/run/docker.sock");
        surroundings.docker_host = Some("tcp://host.example:2375".into());
        assert_eq!(
            docker_socket(&surroundings).err(),
            Some(EngineError::UnsupportedAddress("tcp://host.example:2375".into()))
        );
        std::fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn an_address_finds_its_engine_whatever_the_environment_says() {
        let surroundings =
            Surroundings { docker_host: Some("unix:///other.sock".into()), ..Surroundings::default() };
        let found = at("docker unix:///run/one.sock", &surroundings).map(|engine| engine.description());
        assert_eq!(found, Ok("the engine at /run/one.sock".to_owned()));
        assert!(matches!(at("docker tcp://host:1", &surroundings), Err(EngineError::NoClient(_))));
        assert!(matches!(at("rkt x", &surroundings), Err(EngineError::UnknownEngine(_))));
    }

    #[test]
    fn podman_is_known_behind_dockers_name() {
        let bin = folder("behind");
        let surroundings = Surroundings { path: Some(bin.clone().into()), ..Surroundings::default() };
        let program = bin.join("docker");
        let script = |text: &str| {
            use std::os::unix::fs::PermissionsExt;
            let _ = std::fs::remove_file(&program);
            std::fs::write(&program, text).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
            surroundings.behind_docker()
        };
        assert_eq!(surroundings.behind_docker(), Client::Docker);
        assert_eq!(script("#!/bin/sh\nexec /opt/docker/docker \"$@\"\n"), Client::Docker);
        assert_eq!(script("#!/bin/sh\necho Emulate >&2\nexec /usr/bin/podman \"$@\"\n"), Client::Podman);
        std::fs::write(bin.join("podman"), "").unwrap();
        std::fs::remove_file(&program).unwrap();
        std::os::unix::fs::symlink("podman", &program).unwrap();
        assert_eq!(surroundings.behind_docker(), Client::Docker, "it can't be run");
        script("");
        std::fs::rename(&program, bin.join("podman")).unwrap();
        std::os::unix::fs::symlink("podman", &program).unwrap();
        assert_eq!(surroundings.behind_docker(), Client::Podman);
        std::fs::remove_dir_all(bin).unwrap();
    }

    #[test]
    fn an_engine_that_is_not_there_is_an_error() {
        let empty = folder("empty");
        let surroundings = Surroundings {
            docker_host: Some("unix:///nonexistent/docker.sock".into()),
            path: Some(empty.clone().into()),
            ..Surroundings::default()
        };
        assert_eq!(choose(None, &surroundings).err(), Some(EngineError::NoEngine));
        assert_eq!(choose(Some("podman"), &surroundings).err(), Some(EngineError::NoClient("podman".into())));
        assert_eq!(choose(Some("rkt"), &surroundings).err(), Some(EngineError::UnknownEngine("rkt".into())));
        std::fs::remove_dir_all(empty).unwrap();
    }
}

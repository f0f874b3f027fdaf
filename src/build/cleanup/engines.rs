//! Which engine a command speaks to, as an address that finds it again, and the engines that were found. Asks none of them
//! anything.

use crate::image::command::Client;
use crate::image::command::lifecycle::EngineOf;
use crate::image::engine::choose::{self, Surroundings};
use crate::image::engine::{Engine, EngineError};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The value of a variable in the environment of a command; none where it is not set.
pub type Lookup<'l> = dyn Fn(&str) -> Option<Vec<u8>> + 'l;

/// Engines by their addresses. Each is found once, and kept to the end of the run.
pub struct Engines {
    found: BTreeMap<String, Result<&'static dyn Engine, EngineError>>,
    find: fn(&str) -> Result<Box<dyn Engine>, EngineError>,
}

impl Default for Engines {
    fn default() -> Engines {
        Engines { found: BTreeMap::new(), find: |address| choose::at(address, &Surroundings::of_process()) }
    }
}

impl Engines {
    /// The engine at `address`, whether or not it answers.
    pub fn at(&mut self, address: &str) -> Result<&'static dyn Engine, EngineError> {
        if let Some(found) = self.found.get(address) {
            return found.clone();
        }
        // A run has one or two engines, and the journal's clean-up asks for them by reference until the very end.
        let found = (self.find)(address).map(|engine| &*Box::leak(engine));
        self.found.insert(address.to_owned(), found.clone());
        found
    }

    /// Keeps an engine that was found at `address`, unless there is one.
    pub fn keep(&mut self, address: String, engine: Box<dyn Engine>) {
        self.found.entry(address).or_insert_with(|| Ok(Box::leak(engine)));
    }

    /// Puts an engine at an address, in a test.
    #[cfg(test)]
    pub fn put(&mut self, address: &str, engine: &'static dyn Engine) {
        self.found.insert(address.to_owned(), Ok(engine));
    }
}

/// Address of the engine called `name` (`--engine`, `IMK_ENGINE`, a block's `engine`); none where there is none of that name.
pub fn chosen(name: &str, environment: &Lookup<'_>) -> Option<String> {
    let kind = Client::of(name)?;
    Some(match kind {
        Client::Docker => format!("docker {}", surroundings(environment).docker_address()),
        other => other.name().to_owned(),
    })
}

/// Address of the engine that a recipe's command speaks to in `environment`; none where that is not known for certain.
/// `chosen` is the engine of `--engine`, which stands behind the name `docker`.
pub fn of_command(
    command: &EngineOf,
    chosen_engine: Option<Client>,
    environment: &Lookup<'_>,
) -> Option<String> {
    let mut around = surroundings(environment);
    match command.client {
        Client::Docker => {
            let kind = chosen_engine.unwrap_or_else(|| around.behind_docker());
            if kind != Client::Docker {
                return (command.connection.is_empty() && is_local(kind, environment))
                    .then(|| kind.name().to_owned());
            }
            for (name, value) in &command.connection {
                let value =
                    String::from_utf8(value.known()?.to_vec()).ok().filter(|value| !value.is_empty())?;
                match name.as_str() {
                    "host" | "DOCKER_HOST" => around.docker_host = Some(value),
                    "context" | "DOCKER_CONTEXT" => {
                        (around.docker_host, around.docker_context) = (None, Some(value));
                    }
                    // It builds elsewhere, and what it loads comes to this engine.
                    "builder" => {}
                    _ => return None,
                }
            }
            let address = around.docker_address();
            // A blank would not be read back, and no address that works has one.
            (!address.contains(' ')).then(|| format!("docker {address}"))
        }
        other => {
            (command.connection.is_empty() && is_local(other, environment)).then(|| other.name().to_owned())
        }
    }
}

/// Whether nothing in the environment sends the client to another engine than the one that this process would ask.
fn is_local(kind: Client, environment: &Lookup<'_>) -> bool {
    let names: &[&str] = match kind {
        Client::Nerdctl => &["CONTAINERD_ADDRESS", "CONTAINERD_NAMESPACE"],
        _ => &[
            "CONTAINER_HOST",
            "CONTAINER_CONNECTION",
            "CONTAINERS_STORAGE_CONF",
            "CONTAINERS_CONF",
            "STORAGE_DRIVER",
        ],
    };
    names.iter().all(|name| {
        let own = std::env::var_os(name).map(OsStringExt::into_vec);
        environment(name) == own
    })
}

/// What a command's environment says of where engines are.
fn surroundings(environment: &Lookup<'_>) -> Surroundings {
    let value = |name: &str| environment(name).filter(|value| !value.is_empty());
    let text = |name: &str| value(name).and_then(|value| String::from_utf8(value).ok());
    let path = |name: &str| value(name).map(|value| PathBuf::from(OsString::from_vec(value)));
    Surroundings {
        docker_host: text("DOCKER_HOST"),
        docker_context: text("DOCKER_CONTEXT"),
        docker_config: path("DOCKER_CONFIG"),
        home: path("HOME"),
        path: value("PATH").map(OsString::from_vec),
        directory: std::env::current_dir().unwrap_or_default(),
    }
}

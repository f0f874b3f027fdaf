//! Which engine each command speaks to, each reached once. Knows nothing of what is asked of it.

use super::super::command::{Client, Recognised};
use super::super::engine::choose::{Surroundings, named};
use super::super::engine::{Engine, EngineError, Image, Version};
use super::super::recipe::Recipe;
use super::Outside;
use crate::base::tables::HashMap;
use std::cell::{OnceCell, RefCell};

/// Where an engine is, as far as a command and its environment say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The client.
    pub client: Client,
    /// `DOCKER_HOST`, or `--host`.
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`, or `--context`.
    pub context: Option<String>,
    /// `PATH`
    pub path: Option<String>,
}

/// How engines are reached.
pub trait Connect {
    /// The engine at `address`.
    ///
    /// # Errors
    /// There is none that could be asked; one that does not answer is no error yet.
    fn connect(&self, address: &Address) -> Result<Box<dyn Engine>, EngineError>;

    /// The client that stands behind the name of `client` along `path`.
    fn client(&self, client: Client, path: Option<&str>) -> Client {
        let _ = path;
        client
    }
}

/// Reaches engines as the clients themselves would, from this process.
pub struct FromProcess {
    surroundings: Surroundings,
    /// To which `docker` leads.
    chosen: Option<Client>,
    /// What stands behind the name along each path that was asked about.
    behind: RefCell<HashMap<Option<String>, Client>>,
}

impl FromProcess {
    /// From this process, where `chosen` is the engine of `--engine` or `IMK_ENGINE`.
    pub fn new(chosen: Option<Client>) -> FromProcess {
        FromProcess { surroundings: Surroundings::of_process(), chosen, behind: RefCell::default() }
    }

    /// The outside as this process sees it.
    pub fn outside(&self) -> Outside<'_> {
        Outside { directory: self.surroundings.directory.clone(), connect: self }
    }
}

impl Connect for FromProcess {
    fn client(&self, client: Client, path: Option<&str>) -> Client {
        if client != Client::Docker {
            return client;
        }
        if let Some(chosen) = self.chosen {
            return chosen;
        }
        let path = path.map(str::to_owned);
        *self.behind.borrow_mut().entry(path).or_insert_with_key(|path| match path {
            Some(path) => {
                Surroundings { path: Some(path.into()), ..self.surroundings.clone() }.behind_docker()
            }
            None => self.surroundings.behind_docker(),
        })
    }

    fn connect(&self, address: &Address) -> Result<Box<dyn Engine>, EngineError> {
        let mut surroundings = self.surroundings.clone();
        surroundings.docker_host.clone_from(&address.host);
        surroundings.docker_context.clone_from(&address.context);
        if let Some(path) = &address.path {
            surroundings.path = Some(path.into());
        }
        named(address.client.name(), &surroundings)
    }
}

/// An engine that recipes speak to.
pub struct Connection {
    /// Where it is.
    pub address: Address,
    engine: Result<Box<dyn Engine>, EngineError>,
    answer: OnceCell<Result<Version, EngineError>>,
    images: RefCell<HashMap<Vec<u8>, Option<Image>>>,
}

impl Connection {
    /// Whether it answers, and sensibly: its version is asked for, as what is wrong with an engine is looked for here.
    pub fn answers(&self) -> Result<(), EngineError> {
        self.version().map(drop)
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// It does not answer.
    pub fn version(&self) -> Result<&Version, EngineError> {
        let ask = || self.engine.as_ref().map_err(Clone::clone)?.version();
        self.answer.get_or_init(ask).as_ref().map_err(Clone::clone)
    }

    /// The engine, where there is one that could be asked.
    ///
    /// # Errors
    /// Why there is none.
    pub fn engine(&self) -> Result<&dyn Engine, EngineError> {
        self.engine.as_ref().map(|engine| &**engine).map_err(Clone::clone)
    }

    /// The image that `reference` names, where the engine has it.
    pub fn image(&self, reference: &[u8]) -> Option<Image> {
        if let Some(known) = self.images.borrow().get(reference) {
            return known.clone();
        }
        let found = self.answers().ok().and_then(|()| {
            let engine = self.engine.as_ref().ok()?;
            engine.image(std::str::from_utf8(reference).ok()?).ok()?
        });
        self.images.borrow_mut().insert(reference.to_vec(), found.clone());
        found
    }
}

/// The connections made so far.
pub(super) struct Connections<'o> {
    connect: &'o dyn Connect,
    pub all: Vec<Connection>,
    known: HashMap<Address, usize>,
}

impl<'o> Connections<'o> {
    pub fn new(connect: &'o dyn Connect) -> Self {
        Connections { connect, all: Vec::new(), known: HashMap::default() }
    }

    /// The connection of `command`; none where it is not known before the command runs, or is on another machine's behalf
    /// (sudo, a podman connection).
    pub fn of(&mut self, command: &Recognised, recipe: &Recipe) -> Option<usize> {
        const ELSEWHERE: [&str; 5] = ["connection", "url", "address", "root", "remote"];
        if command.elevated || command.globals.iter().any(|given| ELSEWHERE.contains(&given.name)) {
            return None;
        }
        let one = |option: &str, variable: &str| -> Option<Option<String>> {
            let given = command.globals.iter().rfind(|given| given.name == option);
            let own = command.environment.iter().rfind(|(name, _)| name == variable.as_bytes());
            let text = given.and_then(|given| given.value.as_ref()).or(own.map(|(_, value)| value));
            match text {
                Some(text) => Some(Some(String::from_utf8(text.known()?.to_vec()).ok()?)),
                None => Some(recipe.value(variable)),
            }
        };
        let path = recipe.value("PATH");
        let address = Address {
            client: self.connect.client(command.client, path.as_deref()),
            host: one("host", "DOCKER_HOST")?,
            context: one("context", "DOCKER_CONTEXT")?,
            path,
        };
        if let Some(&known) = self.known.get(&address) {
            return Some(known);
        }
        let engine = self.connect.connect(&address);
        self.all.push(Connection {
            address: address.clone(),
            engine,
            answer: OnceCell::new(),
            images: RefCell::default(),
        });
        self.known.insert(address, self.all.len() - 1);
        Some(self.all.len() - 1)
    }
}

//! The image commands, as typed data with places. Knows nothing of how they were found or of how engines run them.

use super::flags::{Doubt, FlagError, Given};
use super::shell::Reason;
use super::text::Text;
use crate::base::Span;

/// A client program of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// docker, docker-compose and docker-buildx.
    Docker,
    /// podman, podman-remote and podman-compose.
    Podman,
    /// nerdctl.
    Nerdctl,
    /// buildah: builds only, without volumes and networks.
    Buildah,
}

impl Client {
    /// All of them, in the order in which an engine is looked for.
    pub const ALL: [Client; 4] = [Client::Docker, Client::Podman, Client::Nerdctl, Client::Buildah];

    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Client::Docker => "docker",
            Client::Podman => "podman",
            Client::Nerdctl => "nerdctl",
            Client::Buildah => "buildah",
        }
    }

    /// The client of a name.
    pub fn of(name: &str) -> Option<Client> {
        Self::ALL.into_iter().find(|client| client.name() == name)
    }
}

/// An engine command found in a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognised {
    /// Which client it calls.
    pub client: Client,
    /// What it does.
    pub command: ImageCommand,
    /// The whole simple command, from its assignments to its last word or redirection.
    pub span: Span,
    /// The word that names the program.
    pub program: Span,
    /// The client's options before the command's name (`--host`, `--context`, …).
    pub globals: Vec<Given>,
    /// Environment given for this command alone: `VAR=x cmd`, `env VAR=x cmd`, `sudo VAR=x cmd`.
    pub environment: Vec<(Vec<u8>, Text)>,
    /// Whether sudo or doas runs it.
    pub elevated: bool,
    /// The folder it runs in, relative to the recipe's: empty where the script doesn't change it.
    pub directory: Text,
    /// When it runs.
    pub reach: Reach,
    /// Whether its failure is swallowed: `|| true`, `; true` does not count.
    pub failure_ignored: bool,
    /// Whether it runs in the background.
    pub background: bool,
    /// Where its standard output goes, where that is of interest.
    pub capture: Option<Capture>,
    /// Standard input, where it is redirected.
    pub input: Option<Input>,
    /// What makes the reading uncertain. Any doubt means that nothing may be claimed for certain.
    pub doubts: Vec<Doubt>,
}

/// When a command of a script runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Whenever the script comes that far.
    #[default]
    Always,
    /// Only where what is before it on an `&&` list succeeded.
    OnSuccess,
    /// Only where what is before it on an `||` list failed.
    OnFailure,
    /// When the script ends or is interrupted, by its `trap`.
    OnExit,
    /// Perhaps, or several times: in a branch, a loop whose rounds are not known.
    Perhaps,
}

/// Where a command's output is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Capture {
    /// In a variable: `id=$(docker create …)`. The number is the id of the unknown value that the variable has.
    Variable(Vec<u8>, u32),
    /// In a file: `docker create … > id`.
    File(Text),
}

/// What standard input is redirected to.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A file: `< FILE`.
    File(Text),
    /// A here-document or here-string.
    Here(Text),
    /// The output of another command of the pipeline.
    Pipe,
}

/// An image command.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageCommand {
    /// Builds an image.
    Build(Box<Build>),
    /// Builds the targets of a bake file.
    Bake(Bake),
    /// Makes a container without starting it.
    Create(Box<Container>),
    /// Makes and starts a container.
    Run(Box<Container>),
    /// buildah's working container.
    From(Box<Container>),
    /// Starts containers.
    Start(Vec<Text>),
    /// Stops containers.
    Stop(Vec<Text>),
    /// Kills containers.
    Kill(Vec<Text>),
    /// Runs a command in a container.
    Exec {
        /// The container.
        container: Option<Text>,
        /// The command.
        arguments: Vec<Text>,
    },
    /// Copies between a container and the host.
    Copy {
        /// From where.
        source: Endpoint,
        /// To where.
        destination: Endpoint,
    },
    /// Removes containers.
    RemoveContainers(Removal),
    /// Removes images' tags, and the images that have none left.
    RemoveImages(Removal),
    /// Gives an image further names.
    Tag {
        /// The image.
        source: Text,
        /// Its new names.
        names: Vec<Text>,
    },
    /// Makes an image of a container.
    Commit {
        /// The container.
        container: Text,
        /// The image's name.
        image: Option<Text>,
    },
    /// Pushes images.
    Push(Vec<Text>),
    /// Pulls images.
    Pull(Vec<Text>),
    /// Writes images into an archive.
    Save {
        /// The images.
        images: Vec<Text>,
        /// The archive; standard output where none is named.
        output: Option<Text>,
    },
    /// Reads images from an archive.
    Load {
        /// The archive; standard input where none is named.
        input: Option<Text>,
    },
    /// Makes an image of a root file system's archive.
    Import {
        /// The archive.
        source: Text,
        /// The image's name.
        image: Option<Text>,
    },
    /// Makes a volume; its name is random where none is given.
    CreateVolume(Option<Text>),
    /// Removes volumes.
    RemoveVolumes(Removal),
    /// Makes a network.
    CreateNetwork(Text),
    /// Removes networks.
    RemoveNetworks(Removal),
    /// Makes a builder of buildx; its name is random where none is given.
    CreateBuilder(Option<Text>),
    /// Removes builders of buildx.
    RemoveBuilders(Removal),
    /// A command of compose.
    Compose(Box<Compose>),
    /// Logs in at a registry.
    Login {
        /// The registry.
        server: Option<Text>,
        /// Whether the password stands on the command line.
        password_shown: bool,
    },
    /// Another command, by name; it makes and removes none of the above as far as is known (`ps`, `inspect`, `logs`) or
    /// is not followed (`prune`, `manifest`).
    Other(String),
    /// Not understood: it may do anything.
    Opaque(OpaqueReason),
}

/// `docker build` and its kin.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Build {
    /// Whether it is buildx by name.
    pub buildx: bool,
    /// `--tag`
    pub tags: Vec<Text>,
    /// `--target`
    pub target: Option<Text>,
    /// `--build-arg`
    pub args: Vec<Pair>,
    /// `--file`
    pub file: Option<Text>,
    /// The build context.
    pub context: BuildContext,
    /// Operands after the context, which clients reject.
    pub extra: Vec<Text>,
    /// `--label`
    pub labels: Vec<Pair>,
    /// `--annotation`
    pub annotations: Vec<Pair>,
    /// `--platform`
    pub platforms: Vec<Text>,
    /// `--secret`
    pub secrets: Vec<Text>,
    /// `--ssh`
    pub ssh: Vec<Text>,
    /// `--build-context`
    pub contexts: Vec<Pair>,
    /// `--cache-from`
    pub cache_from: Vec<Text>,
    /// `--cache-to`
    pub cache_to: Vec<Text>,
    /// `--output`
    pub outputs: Vec<Text>,
    /// `--load`; none where the value is not known.
    pub load: Option<bool>,
    /// `--push`; none where the value is not known.
    pub push: Option<bool>,
    /// `--network`
    pub network: Option<Text>,
    /// `--pull`; none where the value is not known, or is a word of podman's.
    pub pull: Option<bool>,
    /// `--no-cache`; none where the value is not known.
    pub no_cache: Option<bool>,
    /// `--no-cache-filter`
    pub no_cache_filter: Vec<Text>,
    /// `--iidfile`
    pub iidfile: Option<Text>,
    /// `--metadata-file`
    pub metadata_file: Option<Text>,
    /// `--quiet`; none where the value is not known.
    pub quiet: Option<bool>,
    /// `--builder`
    pub builder: Option<Text>,
    /// `--add-host`
    pub add_hosts: Vec<Text>,
    /// `--shm-size`
    pub shm_size: Option<Text>,
    /// `--ulimit`
    pub ulimits: Vec<Text>,
    /// `--attest`, `--provenance`, `--sbom`: whether any is given.
    pub attests: bool,
    /// Whether it only checks or explains (`--check`, `--call`, `--print`) and builds nothing.
    pub only_asks: bool,
    /// All options as given.
    pub options: Vec<Given>,
}

/// Where a build reads its context.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum BuildContext {
    /// A folder on this machine.
    Path(Text),
    /// Standard input: an archive, or with `only_dockerfile` a Dockerfile and no context.
    Stdin,
    /// A URL or git repository.
    Remote(Text),
    /// Known only to the running shell.
    Unknown(Text),
    /// None is given: an error for docker, the working folder for podman and buildah.
    #[default]
    Missing,
}

/// `NAME=value`, or a name alone, whose value is the environment's.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The name.
    pub name: Text,
    /// The value, where one is given.
    pub value: Option<Text>,
    /// The word.
    pub span: Span,
}

/// `buildx bake`
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Bake {
    /// `--file`
    pub files: Vec<Text>,
    /// Targets and groups; `default` where there are none.
    pub targets: Vec<Text>,
    /// `--set`
    pub sets: Vec<Text>,
    /// `--load`
    pub load: Option<bool>,
    /// `--push`
    pub push: Option<bool>,
    /// Whether it only prints (`--print`, `--list`, `--check`, `--call`).
    pub only_asks: bool,
}

/// What `create` and `run` make.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Container {
    /// `--name`
    pub name: Option<Text>,
    /// The image.
    pub image: Option<Text>,
    /// The command and its arguments.
    pub arguments: Vec<Text>,
    /// `--rm`; none where the value is not known.
    pub remove: Option<bool>,
    /// `--detach`; none where the value is not known.
    pub detach: Option<bool>,
    /// `--interactive`
    pub interactive: Option<bool>,
    /// `--tty`
    pub tty: Option<bool>,
    /// `--privileged`
    pub privileged: Option<bool>,
    /// `--volume`
    pub volumes: Vec<Text>,
    /// `--mount`
    pub mounts: Vec<Text>,
    /// `--cidfile`
    pub cidfile: Option<Text>,
    /// `--env`
    pub environment: Vec<Pair>,
    /// `--label`
    pub labels: Vec<Pair>,
    /// `--user`
    pub user: Option<Text>,
    /// `--workdir`
    pub workdir: Option<Text>,
    /// `--entrypoint`
    pub entrypoint: Option<Text>,
    /// `--network`
    pub networks: Vec<Text>,
    /// `--platform`
    pub platform: Option<Text>,
    /// podman's `--replace`: a container of that name is removed first.
    pub replace: Option<bool>,
    /// All options as given.
    pub options: Vec<Given>,
}

/// An end of a copy.
#[derive(Clone, Debug, PartialEq)]
pub enum Endpoint {
    /// A path in a container.
    Container {
        /// Name or id.
        container: Text,
        /// The path.
        path: Text,
    },
    /// A path on this machine.
    Local(Text),
    /// `-`: an archive on standard input or output.
    Stream,
    /// Known only to the running shell.
    Unknown(Text),
}

/// What a command removes.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Removal {
    /// Names and ids.
    pub operands: Vec<Text>,
    /// `--force`; none where the value is not known.
    pub force: Option<bool>,
    /// `--all`, `--latest`, `--cidfile`, `--filter`, …: more than its operands.
    pub more: bool,
    /// Anonymous volumes as well.
    pub volumes: Option<bool>,
}

/// A command of compose.
#[derive(Clone, Debug, PartialEq)]
pub struct Compose {
    /// Which.
    pub action: ComposeAction,
    /// `--file`
    pub files: Vec<Text>,
    /// `--project-name`
    pub project: Option<Text>,
    /// `--project-directory`
    pub project_directory: Option<Text>,
    /// `--profile`
    pub profiles: Vec<Text>,
    /// `--env-file`
    pub env_files: Vec<Text>,
    /// Services, or all where there are none. For run and exec the first is the service, the rest its command.
    pub operands: Vec<Text>,
    /// The action's options as given.
    pub options: Vec<Given>,
}

/// Commands of compose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComposeAction {
    /// `up`
    Up {
        /// `--detach`
        detach: Option<bool>,
        /// `--build`
        build: Option<bool>,
    },
    /// `down`
    Down {
        /// `--rmi`: images too.
        images: bool,
        /// `--volumes`
        volumes: Option<bool>,
    },
    /// `build`
    Build,
    /// `run`
    Run {
        /// `--rm`
        remove: Option<bool>,
        /// `--detach`
        detach: Option<bool>,
    },
    /// `rm`
    Remove,
    /// `create`
    Create,
    /// `start`
    Start,
    /// `stop`
    Stop,
    /// `kill`
    Kill,
    /// `pull`
    Pull,
    /// `push`
    Push,
    /// `exec`
    Exec,
    /// Another.
    Other(String),
}

/// Why a command is not understood.
#[derive(Clone, Debug, PartialEq)]
pub enum OpaqueReason {
    /// Its options can't be told from its operands.
    Flags(FlagError),
    /// The name of the client's command is not known.
    UnknownCommand,
    /// Too few operands.
    MissingOperand,
    /// The shell's syntax was not understood.
    Syntax(Reason),
    /// The script runs more commands than are followed.
    TooMany,
}

impl OpaqueReason {
    /// The reason in words.
    pub fn message(&self) -> String {
        match self {
            OpaqueReason::Flags(FlagError::UnknownOption(name, _)) => {
                format!("the client has no option {name}")
            }
            OpaqueReason::Flags(FlagError::MissingValue(name, _)) => format!("option {name} lacks its value"),
            OpaqueReason::Flags(FlagError::BadBoolean(name, _)) => format!("option {name} is a boolean"),
            OpaqueReason::Flags(FlagError::UnknownName(_)) => {
                "an option's name is known only to the shell".to_owned()
            }
            OpaqueReason::UnknownCommand => "the client's command is known only to the shell".to_owned(),
            OpaqueReason::MissingOperand => "the command lacks an operand".to_owned(),
            OpaqueReason::Syntax(reason) => reason.message().to_owned(),
            OpaqueReason::TooMany => "the recipe runs more commands than are followed".to_owned(),
        }
    }
}

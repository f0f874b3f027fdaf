//! From a client's words to a typed image command, by the clients' option tables. Knows nothing of the shell around.

use super::flags::{self, Arguments, Doubt, Given, Section, Table};
use super::kinds::*;
use super::text::Text;

/// A command line understood: the client's own options, the command, what is doubtful.
pub(super) struct Typed {
    pub globals: Vec<Given>,
    pub command: ImageCommand,
    pub doubts: Vec<Doubt>,
}

/// What a program's name says of its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// A client itself.
    Client,
    /// docker-compose, podman-compose: the words are compose's.
    Compose,
    /// docker-buildx: the words are buildx's.
    Buildx,
}

/// Understands the words after the program's name.
pub(super) fn understand(client: Client, program: Program, words: &[Text]) -> Typed {
    let mut typed =
        Typed { globals: Vec::new(), command: ImageCommand::Other(String::new()), doubts: Vec::new() };
    typed.command = match program {
        Program::Compose => compose(Table::Compose, "", words, &mut typed),
        Program::Buildx => grouped(client, "buildx", words, &mut typed),
        Program::Client => top(client, words, &mut typed),
    };
    typed
}

/// Groups of commands none of which has options in the tables.
const GROUPS: [&str; 13] = [
    "system", "manifest", "context", "plugin", "secret", "service", "stack", "swarm", "node", "trust", "pod",
    "kube", "machine",
];

fn table(client: Client) -> Table {
    match client {
        Client::Docker => Table::Docker,
        Client::Podman => Table::Podman,
        Client::Nerdctl => Table::Nerdctl,
        Client::Buildah => Table::Buildah,
    }
}

fn opaque(reason: OpaqueReason) -> ImageCommand {
    ImageCommand::Opaque(reason)
}

/// Reads options up to the first operand into `typed.globals`; the operand's text and what is after it.
fn leading<'w>(
    words: &'w [Text],
    section: &Section,
    typed: &mut Typed,
) -> Result<(Option<&'w str>, &'w [Text]), OpaqueReason> {
    let (arguments, at) = flags::parse(words, section, true).map_err(OpaqueReason::Flags)?;
    typed.globals.extend(arguments.options);
    typed.doubts.extend(arguments.doubts);
    let Some(name) = words.get(at) else { return Ok((None, &[])) };
    let text = name.known().ok_or(OpaqueReason::UnknownCommand)?;
    let rest = words.get(at + 1..).unwrap_or_default();
    // A name that is no text is no command's.
    Ok((Some(std::str::from_utf8(text).unwrap_or("\u{fffd}")), rest))
}

fn top(client: Client, words: &[Text], typed: &mut Typed) -> ImageCommand {
    let table = table(client);
    let section = table.section("*").unwrap_or_default().with(table.section("**"));
    let (name, rest) = match leading(words, &section, typed) {
        Ok((Some(name), rest)) => (name, rest),
        Ok((None, _)) => return ImageCommand::Other(String::new()),
        Err(reason) => return opaque(reason),
    };
    match name {
        "compose" if client == Client::Nerdctl => compose(Table::Nerdctl, "compose ", rest, typed),
        "compose" if client != Client::Buildah => compose(Table::Compose, "", rest, typed),
        _ if table.is_group(name) => grouped(client, name, rest, typed),
        _ => named(client, name, rest, typed),
    }
}

/// A command of two words, as `image rm`.
fn grouped(client: Client, group: &str, words: &[Text], typed: &mut Typed) -> ImageCommand {
    let table = table(client);
    let section = table.section(&format!("{group} *")).unwrap_or_default().with(table.section("**"));
    match leading(words, &section, typed) {
        Ok((Some(name), rest)) => named(client, &format!("{group} {name}"), rest, typed),
        Ok((None, _)) => ImageCommand::Other(group.to_owned()),
        Err(reason) => opaque(reason),
    }
}

fn named(client: Client, name: &str, words: &[Text], typed: &mut Typed) -> ImageCommand {
    let table = table(client);
    let Some(section) = table.section(name) else {
        let next = words.first().and_then(Text::known).and_then(|word| std::str::from_utf8(word).ok());
        let full = match next.filter(|next| GROUPS.contains(&name) && !next.starts_with('-')) {
            Some(next) => format!("{name} {next}"),
            None => name.to_owned(),
        };
        return ImageCommand::Other(full);
    };
    let canonical = section.canonical;
    match flags::parse(words, &section.with(table.section("**")), false) {
        Err(fault) => opaque(OpaqueReason::Flags(fault)),
        Ok((arguments, _)) if arguments.has("help") => ImageCommand::Other(format!("{name} --help")),
        Ok((mut arguments, _)) => {
            typed.doubts.append(&mut arguments.doubts);
            if let Some(given) = typed.globals.iter().find(|given| given.name == "builder") {
                arguments.options.insert(0, given.clone());
            }
            command(client, canonical, name, arguments).unwrap_or_else(opaque)
        }
    }
}

fn command(
    client: Client,
    canonical: &str,
    name: &str,
    arguments: Arguments,
) -> Result<ImageCommand, OpaqueReason> {
    let missing = OpaqueReason::MissingOperand;
    let mut operands = arguments.operands.clone().into_iter();
    Ok(match canonical {
        "build" => ImageCommand::Build(Box::new(build(name.starts_with("buildx"), arguments))),
        "buildx bake" => ImageCommand::Bake(bake(arguments)),
        "create" => ImageCommand::Create(Box::new(container(arguments)?)),
        "run" if client == Client::Buildah => {
            let container = operands.next();
            let arguments = operands.enumerate().filter(|(at, word)| *at > 0 || word.known() != Some(b"--"));
            ImageCommand::Exec { container, arguments: arguments.map(|(_, word)| word).collect() }
        }
        "run" => ImageCommand::Run(Box::new(container(arguments)?)),
        "from" => ImageCommand::From(Box::new(container(arguments)?)),
        "start" => ImageCommand::Start(arguments.operands),
        "stop" => ImageCommand::Stop(arguments.operands),
        "kill" => ImageCommand::Kill(arguments.operands),
        "exec" => ImageCommand::Exec { container: operands.next(), arguments: operands.collect() },
        "cp" => {
            let source = endpoint(operands.next().ok_or(missing.clone())?);
            ImageCommand::Copy { source, destination: endpoint(operands.next().ok_or(missing)?) }
        }
        "rm" => ImageCommand::RemoveContainers(removal(arguments)),
        "rmi" => ImageCommand::RemoveImages(removal(arguments)),
        "untag" => {
            // The names after the image; all of its names where there are none.
            let mut removal = removal(arguments);
            removal.more |= removal.operands.len() == 1;
            removal.operands.drain(..usize::from(removal.operands.len() > 1));
            ImageCommand::RemoveImages(removal)
        }
        "tag" => {
            let source = operands.next().ok_or(missing.clone())?;
            let names: Vec<Text> = operands.collect();
            if names.is_empty() {
                return Err(missing);
            }
            ImageCommand::Tag { source, names }
        }
        "commit" => {
            ImageCommand::Commit { container: operands.next().ok_or(missing)?, image: operands.next() }
        }
        // buildah's and podman's second operand is the destination.
        "push" => ImageCommand::Push(operands.take(1).collect()),
        "pull" => ImageCommand::Pull(arguments.operands),
        "save" => ImageCommand::Save { output: arguments.last("output"), images: arguments.operands },
        "load" => ImageCommand::Load { input: arguments.last("input") },
        "import" => ImageCommand::Import { source: operands.next().ok_or(missing)?, image: operands.next() },
        "volume create" => ImageCommand::CreateVolume(operands.next().or(arguments.last("name"))),
        "volume rm" => ImageCommand::RemoveVolumes(removal(arguments)),
        "network create" => ImageCommand::CreateNetwork(operands.next().ok_or(missing)?),
        "network rm" => ImageCommand::RemoveNetworks(removal(arguments)),
        "buildx create" => ImageCommand::CreateBuilder(arguments.last("name")),
        "buildx rm" => ImageCommand::RemoveBuilders(removal(arguments)),
        "login" => ImageCommand::Login { server: operands.next(), password_shown: arguments.has("password") },
        _ => ImageCommand::Other(name.to_owned()),
    })
}

fn pairs(texts: Vec<Text>) -> Vec<Pair> {
    let pair = |text: Text| match text.split_at(b'=') {
        Some((name, value)) => Pair { span: text.span, name, value: Some(value) },
        None => Pair { span: text.span, name: text, value: None },
    };
    texts.into_iter().map(pair).collect()
}

fn build(buildx: bool, arguments: Arguments) -> Build {
    let all = |name: &str| arguments.all(name);
    let last = |name: &str| arguments.last(name);
    let boolean = |name: &str| arguments.boolean(name);
    let mut operands = arguments.operands.iter().cloned();
    let asks_by_call = last("call").is_some_and(|call| call.known() != Some(b"build"));
    Build {
        buildx,
        tags: all("tag"),
        target: last("target"),
        args: pairs(all("build-arg")),
        file: last("file"),
        context: operands.next().map_or(BuildContext::Missing, context),
        extra: operands.collect(),
        labels: pairs(all("label")),
        annotations: pairs(all("annotation")),
        platforms: all("platform"),
        secrets: all("secret"),
        ssh: all("ssh"),
        contexts: pairs(all("build-context")),
        cache_from: all("cache-from"),
        cache_to: all("cache-to"),
        outputs: all("output"),
        load: boolean("load"),
        push: boolean("push"),
        network: last("network"),
        pull: boolean("pull"),
        no_cache: boolean("no-cache"),
        no_cache_filter: all("no-cache-filter"),
        iidfile: last("iidfile"),
        metadata_file: last("metadata-file"),
        quiet: boolean("quiet"),
        builder: last("builder"),
        add_hosts: all("add-host"),
        shm_size: last("shm-size"),
        ulimits: all("ulimit"),
        attests: ["attest", "provenance", "sbom"].iter().any(|name| arguments.has(name)),
        only_asks: asks_by_call || boolean("check") == Some(true) || arguments.has("print"),
        options: arguments.options.clone(),
    }
}

/// Whether a build's operand names a context that the engine fetches (docker's `context_detect.go`).
pub fn is_remote_context(text: &[u8]) -> bool {
    const REMOTE: [&[u8]; 6] = [b"http://", b"https://", b"git://", b"git@", b"ssh://", b"github.com/"];
    REMOTE.iter().any(|start| text.starts_with(start))
}

/// What a build's operand names (docker's `context_detect.go`, which buildah follows).
fn context(text: Text) -> BuildContext {
    if text.known() == Some(b"-") {
        return BuildContext::Stdin;
    }
    if is_remote_context(text.prefix()) {
        return BuildContext::Remote(text);
    }
    match text.known() {
        Some(_) => BuildContext::Path(text),
        None => BuildContext::Unknown(text),
    }
}

fn bake(arguments: Arguments) -> Bake {
    let asks = ["print", "list", "list-targets", "list-variables", "check", "call"];
    Bake {
        files: arguments.all("file"),
        sets: arguments.all("set"),
        load: arguments.boolean("load"),
        push: arguments.boolean("push"),
        only_asks: asks.iter().any(|name| arguments.has(name)),
        targets: arguments.operands,
    }
}

fn container(arguments: Arguments) -> Result<Container, OpaqueReason> {
    let mut operands = arguments.operands.iter().cloned();
    let image = operands.next().ok_or(OpaqueReason::MissingOperand)?;
    Ok(Container {
        name: arguments.last("name"),
        image: Some(image),
        arguments: operands.collect(),
        remove: arguments.boolean("rm"),
        detach: arguments.boolean("detach"),
        interactive: arguments.boolean("interactive"),
        tty: arguments.boolean("tty"),
        privileged: arguments.boolean("privileged"),
        volumes: arguments.all("volume"),
        mounts: arguments.all("mount"),
        cidfile: arguments.last("cidfile"),
        environment: pairs(arguments.all("env")),
        labels: pairs(arguments.all("label")),
        user: arguments.last("user"),
        workdir: arguments.last("workdir"),
        entrypoint: arguments.last("entrypoint"),
        networks: arguments.all("network"),
        platform: arguments.last("platform"),
        replace: arguments.boolean("replace"),
        options: arguments.options,
    })
}

/// An operand of `cp`: absolute paths and those that begin with a dot are local (docker's `splitCpArg`).
fn endpoint(text: Text) -> Endpoint {
    if text.known() == Some(b"-") {
        return Endpoint::Stream;
    }
    if matches!(text.prefix().first(), Some(b'/' | b'.')) {
        return Endpoint::Local(text);
    }
    match text.split_at(b':') {
        Some((container, path)) => Endpoint::Container { container, path },
        None if text.known().is_some() => Endpoint::Local(text),
        None => Endpoint::Unknown(text),
    }
}

fn removal(arguments: Arguments) -> Removal {
    let more = ["all", "latest", "cidfile", "filter", "prune", "all-inactive", "depend"];
    Removal {
        force: arguments.boolean("force"),
        more: more.iter().any(|name| arguments.has(name)),
        volumes: arguments.boolean("volumes"),
        operands: arguments.operands,
    }
}

/// The words after `compose`; `prefix` is that of the table's section names.
fn compose(table: Table, prefix: &str, words: &[Text], typed: &mut Typed) -> ImageCommand {
    let own = |name: &str| table.section(&format!("{prefix}{name}"));
    let section = own("*").unwrap_or_default().with(own("**"));
    let mut own_options =
        Typed { globals: Vec::new(), command: ImageCommand::Other(String::new()), doubts: Vec::new() };
    let (name, rest) = match leading(words, &section, &mut own_options) {
        Ok((Some(name), rest)) => (name, rest),
        Ok((None, _)) => return ImageCommand::Other("compose".to_owned()),
        Err(reason) => return opaque(reason),
    };
    typed.doubts.append(&mut own_options.doubts);
    let project = Arguments { options: own_options.globals, ..Arguments::default() };
    let (arguments, action) = match own(name) {
        None => (Arguments::default(), ComposeAction::Other(name.to_owned())),
        Some(section) => match flags::parse(rest, &section.with(own("**")), false) {
            Err(fault) => return opaque(OpaqueReason::Flags(fault)),
            Ok((arguments, _)) if arguments.has("help") => {
                return ImageCommand::Other(format!("compose {name} --help"));
            }
            Ok((arguments, _)) => {
                let action = compose_action(name, &arguments);
                (arguments, action)
            }
        },
    };
    typed.doubts.extend(arguments.doubts);
    ImageCommand::Compose(Box::new(Compose {
        action,
        files: project.all("file"),
        project: project.last("project-name"),
        project_directory: project.last("project-directory").or(project.last("workdir")),
        profiles: project.all("profile"),
        env_files: project.all("env-file"),
        operands: arguments.operands,
        options: arguments.options,
    }))
}

fn compose_action(name: &str, arguments: &Arguments) -> ComposeAction {
    match name {
        "up" => ComposeAction::Up { detach: arguments.boolean("detach"), build: arguments.boolean("build") },
        "down" => ComposeAction::Down { images: arguments.has("rmi"), volumes: arguments.boolean("volumes") },
        "build" => ComposeAction::Build,
        "run" => ComposeAction::Run { remove: arguments.boolean("rm"), detach: arguments.boolean("detach") },
        "rm" => ComposeAction::Remove,
        "create" => ComposeAction::Create,
        "start" => ComposeAction::Start,
        "stop" => ComposeAction::Stop,
        "kill" => ComposeAction::Kill,
        "pull" => ComposeAction::Pull,
        "push" => ComposeAction::Push,
        "exec" => ComposeAction::Exec,
        _ => ComposeAction::Other(name.to_owned()),
    }
}

//! What one recipe makes on the engine, and which of its own later commands remove it again: the data that clean-up
//! needs. Asks no engine: names are compared here, identity by id is the journal's.

use super::kinds::*;
use super::recognise::Reading;
use super::text::{Source, Text};
use crate::base::Span;
use crate::base::tables::{HashMap, HashSet};
use crate::image::reference::Reference;

/// What a recipe makes and removes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lifecycle {
    /// What it makes, in order.
    pub made: Vec<Made>,
    /// Its removals of what it made itself, in order. A removal of anything else is not among them.
    pub removals: Vec<OwnRemoval>,
}

/// Where a command stands in a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandPlace {
    /// Index of the recipe line.
    pub line: usize,
    /// Index of the command in that line's [`Reading::commands`].
    pub command: usize,
    /// The command's span in that line's text.
    pub span: Span,
}

/// A thing that a command of the recipe makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// What it is.
    pub thing: Thing,
    /// By which command.
    pub by: CommandPlace,
    /// On which engine.
    pub engine: EngineOf,
    /// When that command runs.
    pub reach: Reach,
    /// Whether the engine removes it by itself when it ends (`run --rm`).
    pub removes_itself: bool,
    /// Whether it may have been there before, so that the command need not make it: a pull, a tag that is moved, a
    /// volume that a container names.
    pub may_exist: bool,
}

/// A removal of things that earlier commands of the same recipe make.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnRemoval {
    /// The command that removes.
    pub by: CommandPlace,
    /// What it removes: indices into [`Lifecycle::made`].
    pub removes: Vec<usize>,
    /// When it runs; `OnExit` is a trap's, which the shell itself runs on failure.
    pub reach: Reach,
    /// Whether it also removes, or may remove, what this recipe did not make: it must not be run as it stands.
    pub more: bool,
}

/// The engine that a command speaks to, as far as the command says.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineOf {
    /// The client.
    pub client: Client,
    /// `--host`, `--context` and the like, and the variables that stand for them, with their values.
    pub connection: Vec<(String, Text)>,
}

/// A thing on an engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Thing {
    /// A container.
    Container(Identity),
    /// An image, or one tag of it.
    Image(Identity),
    /// A volume.
    Volume(Identity),
    /// A network.
    Network(Identity),
    /// A builder of buildx.
    Builder(Identity),
    /// What a compose project makes.
    Project(Project),
}

/// How a recipe can name a thing.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Identity {
    /// Its name.
    pub name: Option<Text>,
    /// The unknown value that holds its id: of `id=$(docker create …)`.
    pub captured: Option<u32>,
    /// A file that holds its id: `--cidfile`, `--iidfile`, `docker create … > FILE`.
    pub file: Option<Text>,
    /// The image that a container is made from.
    pub image: Option<Text>,
}

/// A compose project, by what selects it.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// `--file`
    pub files: Vec<Text>,
    /// `--project-name`
    pub name: Option<Text>,
    /// `--project-directory`
    pub directory: Option<Text>,
    /// The folder that the command runs in.
    pub working_directory: Text,
}

/// Finds what the lines of one recipe make and remove. Each line is a script of its own; under `.ONESHELL` there is one.
pub fn lifecycle(lines: &[Reading]) -> Lifecycle {
    let mut result = Lifecycle::default();
    let (mut index, mut removed) = (Index::default(), HashSet::default());
    for (line, reading) in lines.iter().enumerate() {
        let by_trap = |command: &&(usize, &Recognised)| command.1.reach == Reach::OnExit;
        let commands: Vec<(usize, &Recognised)> = reading.commands.iter().enumerate().collect();
        // A trap is set before what it removes is made.
        let ordered =
            commands.iter().filter(|command| !by_trap(command)).chain(commands.iter().filter(by_trap));
        for (number, command) in ordered {
            let by = CommandPlace { line, command: *number, span: command.span };
            if let Some(removal) = own_removal(command, by, &result.made, &index, &removed) {
                if command.reach == Reach::Always || command.reach == Reach::OnSuccess {
                    removed.extend(removal.removes.iter().copied());
                }
                result.removals.push(removal);
            }
            makes(command, by, &mut result.made);
            index.take_in(&result.made);
        }
    }
    result
}

/// The engine that a command speaks to.
pub fn engine_of(command: &Recognised) -> EngineOf {
    const OPTIONS: [&str; 9] =
        ["host", "context", "connection", "url", "address", "namespace", "root", "remote", "builder"];
    const VARIABLES: [&[u8]; 4] =
        [b"DOCKER_HOST", b"DOCKER_CONTEXT", b"CONTAINER_HOST", b"CONTAINER_CONNECTION"];
    let options = command.globals.iter().filter(|given| OPTIONS.contains(&given.name));
    let mut connection: Vec<(String, Text)> =
        options.map(|given| (given.name.to_owned(), given.value.clone().unwrap_or_default())).collect();
    let variables = command.environment.iter().filter(|(name, _)| VARIABLES.contains(&name.as_slice()));
    connection
        .extend(variables.map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.clone())));
    EngineOf { client: command.client, connection }
}

impl EngineOf {
    fn same(&self, other: &EngineOf) -> bool {
        self.client == other.client
            && self.connection.len() == other.connection.len()
            && self.connection.iter().zip(&other.connection).all(
                |((name, value), (other_name, other_value))| {
                    name == other_name && value.equals(other_value, false)
                },
            )
    }
}

/// What a command makes.
fn makes(command: &Recognised, by: CommandPlace, out: &mut Vec<Made>) {
    let engine = engine_of(command);
    let mut add = |thing: Thing, removes_itself: bool, may_exist: bool| {
        out.push(Made { thing, by, engine: engine.clone(), reach: command.reach, removes_itself, may_exist });
    };
    let captured = match command.capture {
        Some(Capture::Variable(_, id)) => Some(id),
        _ => None,
    };
    let output_file = match &command.capture {
        Some(Capture::File(path)) => Some(path.clone()),
        _ => None,
    };
    let named = |name: &Text| Identity { name: Some(name.clone()), ..Identity::default() };
    match &command.command {
        ImageCommand::Build(build) if !build.only_asks => {
            let quiet = build.quiet == Some(true);
            let file = build.iidfile.clone().or_else(|| output_file.clone().filter(|_| quiet));
            let captured = captured.filter(|_| quiet);
            if build.tags.is_empty() && (file.is_some() || captured.is_some()) {
                add(
                    Thing::Image(Identity { file: file.clone(), captured, ..Identity::default() }),
                    false,
                    true,
                );
            }
            for tag in &build.tags {
                let identity = Identity { file: file.clone(), captured, ..named(tag) };
                add(Thing::Image(identity), false, true);
            }
        }
        ImageCommand::Create(container) | ImageCommand::Run(container) | ImageCommand::From(container) => {
            let is_run = matches!(command.command, ImageCommand::Run(_));
            let prints_id = !is_run || container.detach == Some(true);
            let identity = Identity {
                name: container.name.clone(),
                captured: captured.filter(|_| prints_id),
                file: container.cidfile.clone().or_else(|| output_file.filter(|_| prints_id)),
                image: container.image.clone(),
            };
            for volume in container.volumes.iter().filter_map(named_volume) {
                add(Thing::Volume(named(&volume)), false, true);
            }
            add(Thing::Container(identity), container.remove == Some(true), false);
        }
        ImageCommand::Tag { names, .. } => {
            names.iter().for_each(|name| add(Thing::Image(named(name)), false, true))
        }
        ImageCommand::Commit { image: Some(image), .. } | ImageCommand::Import { image: Some(image), .. } => {
            add(Thing::Image(named(image)), false, true);
        }
        ImageCommand::Pull(images) => {
            images.iter().for_each(|image| add(Thing::Image(named(image)), false, true))
        }
        ImageCommand::CreateVolume(name) => {
            let identity = Identity { name: name.clone(), captured, file: output_file, image: None };
            add(Thing::Volume(identity), false, name.is_some());
        }
        ImageCommand::CreateNetwork(name) => {
            add(Thing::Network(Identity { captured, file: output_file, ..named(name) }), false, false);
        }
        ImageCommand::CreateBuilder(name) => {
            add(
                Thing::Builder(Identity { name: name.clone(), captured, ..Identity::default() }),
                false,
                false,
            );
        }
        ImageCommand::Compose(compose) => match compose.action {
            ComposeAction::Up { .. }
            | ComposeAction::Create
            | ComposeAction::Start
            | ComposeAction::Run { .. } => {
                let removes_itself = matches!(compose.action, ComposeAction::Run { remove: Some(true), .. });
                add(Thing::Project(project(compose, command)), removes_itself, true);
            }
            _ => {}
        },
        _ => {}
    }
}

/// The volume that `-v NAME:PATH` names; none for a folder or an anonymous volume.
fn named_volume(bind: &Text) -> Option<Text> {
    let (name, _) = bind.split_at(b':')?;
    let is_name = name.known().is_some_and(|name| name.first().is_some_and(u8::is_ascii_alphanumeric));
    is_name.then_some(name)
}

fn project(compose: &Compose, command: &Recognised) -> Project {
    Project {
        files: compose.files.clone(),
        name: compose.project.clone(),
        directory: compose.project_directory.clone(),
        working_directory: command.directory.clone(),
    }
}

/// Which kind of thing a removing command's operands name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Container,
    Image,
    Volume,
    Network,
    Builder,
}

/// What was made so far, by what an operand may name it: a recipe may make and remove thousands of things.
#[derive(Default)]
struct Index {
    /// How many things are in it.
    taken: usize,
    named: HashMap<(Kind, Vec<u8>), Vec<usize>>,
    captured: HashMap<u32, Vec<usize>>,
    files: HashMap<Vec<u8>, Vec<usize>>,
    projects: Vec<usize>,
}

impl Index {
    /// Takes in what is new at the end of `made`.
    fn take_in(&mut self, made: &[Made]) {
        for (at, made) in made.iter().enumerate().skip(self.taken) {
            let Some((kind, identity)) = kind_and_identity(&made.thing) else {
                self.projects.push(at);
                continue;
            };
            if let Some(key) = identity.name.as_ref().and_then(|name| key(kind, name)) {
                self.named.entry((kind, key)).or_default().push(at);
            }
            if let Some(id) = identity.captured {
                self.captured.entry(id).or_default().push(at);
            }
            if let Some(path) = identity.file.as_ref().and_then(Text::known) {
                self.files.entry(path.to_vec()).or_default().push(at);
            }
        }
        self.taken = made.len();
    }

    /// The things that `operand` may name, in order: whether it does is [`names_it`]'s to say.
    fn candidates(&self, kind: Kind, operand: &Text) -> Vec<usize> {
        let mut found = Vec::new();
        let mut add = |things: Option<&Vec<usize>>| found.extend(things.into_iter().flatten().copied());
        add(key(kind, operand).and_then(|key| self.named.get(&(kind, key))));
        for unknown in operand.unknowns() {
            add(self.captured.get(&unknown.id));
            if let Source::File(path) = &unknown.source {
                add(self.files.get(path));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// What all texts that name one thing have in common.
fn key(kind: Kind, text: &Text) -> Option<Vec<u8>> {
    match (kind, text.known()) {
        (Kind::Image, Some(name)) => {
            Reference::parse(name).ok().map(|name| name.with_default_tag().canonical().into_bytes())
        }
        (Kind::Container, Some(name)) => Some(name.strip_prefix(b"/").unwrap_or(name).to_vec()),
        (_, Some(name)) => Some(name.to_vec()),
        (_, None) => Some(text.shown().as_bytes().to_vec()),
    }
}

/// The removal by `command` of what is in `made` and not in `removed`; none where it removes nothing of that.
fn own_removal(
    command: &Recognised,
    by: CommandPlace,
    made: &[Made],
    index: &Index,
    removed: &HashSet<usize>,
) -> Option<OwnRemoval> {
    let engine = engine_of(command);
    let present = |at: &usize, is_meant: &dyn Fn(&Made) -> bool| {
        !removed.contains(at) && made.get(*at).is_some_and(|made| made.engine.same(&engine) && is_meant(made))
    };
    let (kind, operands, mut more, stops) = match &command.command {
        ImageCommand::RemoveContainers(removal) => (Kind::Container, &removal.operands, removal.more, false),
        ImageCommand::RemoveImages(removal) => (Kind::Image, &removal.operands, removal.more, false),
        ImageCommand::RemoveVolumes(removal) => (Kind::Volume, &removal.operands, removal.more, false),
        ImageCommand::RemoveNetworks(removal) => (Kind::Network, &removal.operands, removal.more, false),
        ImageCommand::RemoveBuilders(removal) => (Kind::Builder, &removal.operands, removal.more, false),
        ImageCommand::Stop(operands) | ImageCommand::Kill(operands) => {
            (Kind::Container, operands, false, true)
        }
        ImageCommand::Compose(compose)
            if matches!(compose.action, ComposeAction::Down { .. } | ComposeAction::Remove) =>
        {
            let own = project(compose, command);
            let same =
                |thing: &Made| matches!(&thing.thing, Thing::Project(other) if same_project(&own, other));
            let removes: Vec<usize> =
                index.projects.iter().copied().filter(|at| present(at, &same)).collect();
            let removal = OwnRemoval { by, removes, reach: command.reach, more: false };
            return (!removal.removes.is_empty()).then_some(removal);
        }
        _ => return None,
    };
    let mut removes = Vec::new();
    for operand in operands {
        let names = |thing: &Made| names_it(operand, kind, thing, thing.by.line == by.line);
        let mut found = index.candidates(kind, operand);
        found.retain(|at| present(at, &names));
        more |= found.is_empty();
        removes.extend(found);
    }
    // Stopping removes only what removes itself when it ends.
    removes.retain(|index| !stops || made.get(*index).is_some_and(|thing| thing.removes_itself));
    let spans: HashSet<Span> = operands.iter().map(|operand| operand.span).collect();
    more |= command.doubts.iter().any(|doubt| !spans.contains(&doubt.span));
    removes.sort_unstable();
    removes.dedup();
    (!removes.is_empty()).then_some(OwnRemoval { by, removes, reach: command.reach, more })
}

/// What a thing is, and how it can be named; none for what a compose project makes.
fn kind_and_identity(thing: &Thing) -> Option<(Kind, &Identity)> {
    match thing {
        Thing::Container(identity) => Some((Kind::Container, identity)),
        Thing::Image(identity) => Some((Kind::Image, identity)),
        Thing::Volume(identity) => Some((Kind::Volume, identity)),
        Thing::Network(identity) => Some((Kind::Network, identity)),
        Thing::Builder(identity) => Some((Kind::Builder, identity)),
        Thing::Project(_) => None,
    }
}

/// Whether `operand` names `made` for certain.
fn names_it(operand: &Text, kind: Kind, made: &Made, one_script: bool) -> bool {
    let Some((made_kind, identity)) = kind_and_identity(&made.thing) else { return false };
    if made_kind != kind {
        return false;
    }
    let unknown = match operand.pieces.as_slice() {
        [super::text::Piece::Unknown(unknown)] => Some(unknown),
        _ => None,
    };
    if let Some(unknown) = unknown {
        if one_script && identity.captured == Some(unknown.id) {
            return true;
        }
        if let (Source::File(path), Some(file)) = (&unknown.source, &identity.file) {
            return file.known() == Some(path);
        }
    }
    let Some(name) = &identity.name else { return false };
    match (kind, name.known(), operand.known()) {
        (Kind::Image, Some(name), Some(operand)) => match (Reference::parse(name), Reference::parse(operand))
        {
            (Ok(name), Ok(operand)) => name.same_image(&operand),
            _ => false,
        },
        // docker accepts a container's name with the slash that it stores it with.
        (Kind::Container, Some(name), Some(operand)) => name == operand.strip_prefix(b"/").unwrap_or(operand),
        _ => name.equals(operand, one_script),
    }
}

fn same_project(left: &Project, right: &Project) -> bool {
    let same = |left: &Option<Text>, right: &Option<Text>| match (left, right) {
        (None, None) => true,
        (Some(left), Some(right)) => left.equals(right, false),
        _ => false,
    };
    same(&left.name, &right.name)
        && same(&left.directory, &right.directory)
        && left.files.len() == right.files.len()
        && left.files.iter().zip(&right.files).all(|(left, right)| left.equals(right, false))
        && left.working_directory.equals(&right.working_directory, false)
}

#[cfg(test)]
mod tests {
    use super::super::recognise;
    use super::super::variables::Inherited;
    use super::*;

    /// Each removal as `line: what@line-that-made-it`, `+` where it removes more.
    fn removals(recipe: &[&str]) -> Vec<String> {
        let environment = |name: &[u8]| match name {
            b"USER" => Inherited::Unknown,
            _ => Inherited::Unset,
        };
        let readings: Vec<Reading> =
            recipe.iter().map(|line| recognise(line.as_bytes(), &environment)).collect();
        let found = lifecycle(&readings);
        let shown = |removal: &OwnRemoval| {
            let what: Vec<String> = removal
                .removes
                .iter()
                .map(|index| {
                    let made = &found.made[*index];
                    let (kind, identity) = match &made.thing {
                        Thing::Container(identity) => ("container", identity.clone()),
                        Thing::Image(identity) => ("image", identity.clone()),
                        Thing::Volume(identity) => ("volume", identity.clone()),
                        Thing::Network(identity) => ("network", identity.clone()),
                        Thing::Builder(identity) => ("builder", identity.clone()),
                        Thing::Project(_) => ("project", Identity::default()),
                    };
                    let name = identity.name.map_or(String::new(), |name| format!(" {}", name.shown()));
                    format!("{kind}{name}@{}", made.by.line)
                })
                .collect();
            let reach =
                if removal.reach == Reach::Always { String::new() } else { format!(" {:?}", removal.reach) };
            format!("{}: {}{}{reach}", removal.by.line, what.join(", "), if removal.more { " +" } else { "" })
        };
        found.removals.iter().map(shown).collect()
    }

    #[test]
    fn a_recipe_removes_what_its_earlier_lines_made() {
        let refresh = [
            "docker build --target smoke-test --build-arg V=refresh --tag app:refresh .",
            "docker create --name app-refresh app:refresh",
            "docker cp app-refresh:/src/poetry.lock .",
            "docker rm app-refresh",
            "docker rmi app:refresh",
        ];
        assert_eq!(removals(&refresh), ["3: container app-refresh@1", "4: image app:refresh@0"]);
        assert_eq!(
            removals(&["docker build -t app .", "docker rmi docker.io/library/app:latest"]),
            ["1: image app@0"]
        );
    }

    #[test]
    fn what_the_recipe_did_not_make_is_not_its_own() {
        let none: [&str; 0] = [];
        assert_eq!(removals(&["docker rm -f c || true", "docker run -d --name c app"]), none);
        assert_eq!(removals(&["docker create --name c app", "docker rm d"]), none);
        assert_eq!(removals(&["docker create --name c app", "podman rm c"]), none);
        assert_eq!(removals(&["docker -H tcp://h:1 create --name c app", "docker rm c"]), none);
        assert_eq!(removals(&["docker build -t app:1 .", "docker rmi app:2"]), none);
        assert_eq!(removals(&["docker build -t c .", "docker rm c"]), none);
        assert_eq!(removals(&["docker create app", "docker rm $(docker ps -aq)"]), none);
        assert_eq!(removals(&["docker run --name c app", "docker stop c"]), none);
        assert_eq!(removals(&["docker build -t app:$(date) .", "docker rmi app:$(date)"]), none);
    }

    #[test]
    fn removals_of_more_say_so() {
        assert_eq!(removals(&["docker create --name c app", "docker rm c d"]), ["1: container c@0 +"]);
        assert_eq!(
            removals(&["docker create --name c app", "docker rm c $(docker ps -aq)"]),
            ["1: container c@0 +"]
        );
        assert_eq!(removals(&["podman create --name c app", "podman rm --all c"]), ["1: container c@0 +"]);
    }

    #[test]
    fn ids_are_followed_through_variables_and_files() {
        let variable = ["id=$(docker create app) && docker cp $id:/x . ; docker rm -v $id"];
        assert_eq!(removals(&variable), ["0: container@0"]);
        let file = ["docker create app > id", "docker cp $(cat id):/x .", "docker rm `cat id` && rm id"];
        assert_eq!(removals(&file), ["2: container@0"]);
        let cidfile = ["docker run -d --cidfile id app", "docker rm -f $(cat id)"];
        assert_eq!(removals(&cidfile), ["1: container@0"]);
        assert_eq!(removals(&["docker build --iidfile i .", "docker rmi $(cat i)"]), ["1: image@0"]);
        // Each line is a shell of its own: the variable is empty there.
        let none: [&str; 0] = [];
        assert_eq!(removals(&["id=$(docker create app)", "docker rm $id"]), none);
    }

    #[test]
    fn unknown_names_are_the_same_only_where_that_is_certain() {
        assert_eq!(
            removals(&["docker create --name c-$USER app", "docker rm c-$USER"]),
            ["1: container c-…@0"]
        );
        let one_shell = ["T=$(date); docker build -t app:$T . && docker rmi app:$T"];
        assert_eq!(removals(&one_shell), ["0: image app:…@0 OnSuccess"]);
    }

    #[test]
    fn volumes_networks_builders_projects_and_containers_that_remove_themselves() {
        let recipe = [
            "docker network create n; docker volume create v",
            "docker run -d --rm --name db --network n -v v:/data -v cache:/cache db",
            "docker stop db",
            "docker volume rm v cache",
            "docker network rm n",
        ];
        let expected = ["2: container db@1", "3: volume v@0, volume v@1, volume cache@1", "4: network n@0"];
        assert_eq!(removals(&recipe), expected);
        assert_eq!(removals(&["docker buildx create --name b", "docker buildx rm b"]), ["1: builder b@0"]);
        let compose = ["docker compose -f t.yml up -d", "pytest", "docker compose -f t.yml down -v"];
        assert_eq!(removals(&compose), ["2: project@0"]);
        let none: [&str; 0] = [];
        assert_eq!(removals(&["docker compose up -d", "docker compose -f t.yml down"]), none);
    }

    #[test]
    fn a_trap_removes_what_follows_it() {
        let recipe = ["trap 'docker rm -f c' EXIT; docker create --name c app; docker cp c:/x ."];
        assert_eq!(removals(&recipe), ["0: container c@0 OnExit"]);
    }

    #[test]
    fn what_is_removed_and_made_again_is_removed_again() {
        let recipe = [
            "docker create --name c app",
            "docker rm c",
            "docker create --name c app",
            "docker rm c",
            "docker rm c",
        ];
        assert_eq!(removals(&recipe), ["1: container c@0", "3: container c@2"]);
    }
}

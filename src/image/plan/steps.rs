//! The steps of a recipe in order, and the fate of what they make. Looks at no file.

use super::super::command::kinds::{ComposeAction, Endpoint, Reach, Removal};
use super::super::command::lifecycle::{self, Identity};
use super::super::command::text::Text;
use super::super::command::{Client, ImageCommand, Recognised};
use super::super::recipe::Runner;
use super::super::study::{RecipeStudy, Study};
use super::{Action, Fate, Opacity, Step, TargetPlan, Thing, builds};
use crate::base::Span;
use crate::base::sorting;
use crate::base::tables::{HashMap, HashSet};

/// What the recipe would do.
pub(super) fn target(recipe: &RecipeStudy, study: &Study) -> TargetPlan {
    let mut steps = Vec::new();
    let index = Index::of(recipe, study);
    for line in 0..recipe.recipe.lines.len() {
        add_line(recipe, &index, line, &mut steps);
    }
    TargetPlan {
        target: String::from_utf8_lossy(&recipe.recipe.target).into_owned(),
        managed: recipe.recipe.managed,
        phony: recipe.recipe.phony,
        place: recipe.recipe.place.clone(),
        steps,
        things: recipe.lifecycle.made.iter().zip(fates(recipe)).map(thing).collect(),
        builds: recipe.builds.iter().map(|build| builds::plan(recipe, build, study)).collect(),
    }
}

/// What of a recipe belongs to which of its commands, by line and index.
struct Index<'s> {
    study: &'s Study,
    makes: HashMap<(usize, usize), Vec<usize>>,
    removes: HashMap<(usize, usize), Vec<usize>>,
    builds: HashMap<(usize, usize), usize>,
}

impl<'s> Index<'s> {
    fn of(recipe: &RecipeStudy, study: &'s Study) -> Index<'s> {
        let (makes, removes, builds) = <_>::default();
        let mut index = Index { study, makes, removes, builds };
        for (at, made) in recipe.lifecycle.made.iter().enumerate() {
            index.makes.entry((made.by.line, made.by.command)).or_default().push(at);
        }
        for removal in &recipe.lifecycle.removals {
            let own = index.removes.entry((removal.by.line, removal.by.command)).or_default();
            own.extend_from_slice(&removal.removes);
        }
        for (at, build) in recipe.builds.iter().enumerate() {
            index.builds.entry((build.line, build.command)).or_insert(at);
        }
        index
    }
}

/// What becomes of each thing that the recipe makes.
fn fates(recipe: &RecipeStudy) -> Vec<Fate> {
    let made = &recipe.lifecycle.made;
    let first = |made: &lifecycle::Made| if made.removes_itself { Fate::RemovesItself } else { Fate::Kept };
    let mut fates: Vec<Fate> = made.iter().map(first).collect();
    for removal in &recipe.lifecycle.removals {
        let certain = matches!(removal.reach, Reach::Always | Reach::OnSuccess | Reach::OnExit);
        for &at in &removal.removes {
            match fates.get_mut(at) {
                None | Some(Fate::RemovesItself | Fate::Removed) => {}
                Some(fate) => *fate = if certain { Fate::Removed } else { Fate::PerhapsRemoved },
            }
        }
    }
    // A container without a name may be the one that a removal means by an id which only the shell knows.
    if removes_unknown(recipe) {
        for (fate, made) in fates.iter_mut().zip(made) {
            let (kind, identity) = kind_of(&made.thing);
            let unnamed = kind == "container" && identity.is_some_and(|identity| identity.name.is_none());
            if *fate == Fate::Kept && unnamed {
                *fate = Fate::PerhapsRemoved;
            }
        }
    }
    fates
}

fn thing((made, fate): (&lifecycle::Made, Fate)) -> Thing {
    let (kind, identity) = kind_of(&made.thing);
    let name = match &made.thing {
        lifecycle::Thing::Project(project) => project.name.as_ref(),
        _ => identity.and_then(|identity| identity.name.as_ref()),
    };
    Thing { kind, name: name.map(shown), fate, may_exist: made.may_exist }
}

/// Whether the recipe removes a container that is not named.
fn removes_unknown(recipe: &RecipeStudy) -> bool {
    recipe.commands().any(|(_, _, command)| match &command.command {
        ImageCommand::RemoveContainers(removal) => {
            removal.more || removal.operands.iter().any(|operand| operand.known().is_none())
        }
        _ => false,
    })
}

fn kind_of(thing: &lifecycle::Thing) -> (&'static str, Option<&Identity>) {
    match thing {
        lifecycle::Thing::Container(identity) => ("container", Some(identity)),
        lifecycle::Thing::Image(identity) => ("image", Some(identity)),
        lifecycle::Thing::Volume(identity) => ("volume", Some(identity)),
        lifecycle::Thing::Network(identity) => ("network", Some(identity)),
        lifecycle::Thing::Builder(identity) => ("builder", Some(identity)),
        lifecycle::Thing::Project(_) => ("project", None),
    }
}

fn add_line(recipe: &RecipeStudy, known: &Index<'_>, number: usize, out: &mut Vec<Step>) {
    let Some(line) = recipe.recipe.lines.get(number) else { return };
    let plain = |action, span| Step {
        action,
        place: line.place(span),
        engine: None,
        subjects: Vec::new(),
        makes: Vec::new(),
        removes: Vec::new(),
        removes_other: Vec::new(),
        build: None,
        when: Reach::Always,
        failure_ignored: line.failure_ignored,
    };
    let whole = Span::new(0, line.text.len());
    match &line.runner {
        Runner::SubMake => return out.push(plain(Action::SubMake, whole)),
        Runner::Other(program) => {
            let language = Opacity::Language(String::from_utf8_lossy(program).into_owned());
            return out.push(plain(Action::Opaque(language), whole));
        }
        Runner::Shell => {}
    }
    let Some(reading) = recipe.readings.get(number) else { return };
    let mut found: Vec<(bool, usize, Step)> = Vec::new();
    for (index, command) in reading.commands.iter().enumerate() {
        let step = engine_step(recipe, known, (number, index), command, plain(Action::SubMake, command.span));
        found.push((command.reach == Reach::OnExit, command.span.start, step));
    }
    for other in &reading.others {
        let name = other.name.as_ref().map(|name| String::from_utf8_lossy(name).into_owned());
        let step = Step { when: other.reach, ..plain(Action::Program(name), other.span) };
        found.push((other.reach == Reach::OnExit, other.span.start, step));
    }
    for (span, reason) in &reading.opaque {
        let step = plain(Action::Opaque(Opacity::Command(reason.clone())), *span);
        found.push((false, span.start, step));
    }
    // What one word runs several times (a loop, a function) stays in the order in which it was followed.
    sorting::sort_by_key(&mut found, |(at_exit, start, _)| (*at_exit, *start));
    out.extend(found.into_iter().map(|(.., step)| step));
}

fn engine_step(
    recipe: &RecipeStudy,
    known: &Index<'_>,
    at: (usize, usize),
    command: &Recognised,
    plain: Step,
) -> Step {
    let removes = known.removes.get(&at).cloned().unwrap_or_default();
    let (action, subjects) = action_of(&command.command);
    let removed = match &command.command {
        ImageCommand::RemoveContainers(removal)
        | ImageCommand::RemoveImages(removal)
        | ImageCommand::RemoveVolumes(removal)
        | ImageCommand::RemoveNetworks(removal)
        | ImageCommand::RemoveBuilders(removal) => others(recipe, &removes, removal),
        _ => Vec::new(),
    };
    Step {
        action,
        engine: known.study.client(recipe, at.0, at.1).map(Client::name),
        subjects,
        makes: known.makes.get(&at).cloned().unwrap_or_default(),
        removes,
        removes_other: removed,
        build: known.builds.get(&at).copied(),
        when: command.reach,
        failure_ignored: plain.failure_ignored || command.failure_ignored,
        ..plain
    }
}

/// The operands of a removal that the recipe did not make.
fn others(recipe: &RecipeStudy, removes: &[usize], removal: &Removal) -> Vec<String> {
    let own: HashSet<String> = removes
        .iter()
        .filter_map(|&at| recipe.lifecycle.made.get(at))
        .filter_map(|made| kind_of(&made.thing).1?.name.as_ref().map(shown))
        .flat_map(|name| image_name(&name).into_iter().chain([name]))
        .collect();
    let captured = |text: &Text| text.known().is_none() && !removes.is_empty();
    let is_own = |name: &str| own.contains(name) || image_name(name).is_some_and(|full| own.contains(&full));
    let foreign = removal.operands.iter().filter(|operand| !is_own(&shown(operand)) && !captured(operand));
    foreign.map(shown).collect()
}

/// The full form of a name, where it can be an image's: two names of one image have the same.
fn image_name(name: &str) -> Option<String> {
    use super::super::reference::Reference;
    Some(Reference::parse(name.as_bytes()).ok()?.with_default_tag().canonical())
}

fn shown(text: &Text) -> String {
    text.shown().into_owned()
}

fn end(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Container { container, path } => format!("{}:{}", container.shown(), path.shown()),
        Endpoint::Local(path) | Endpoint::Unknown(path) => shown(path),
        Endpoint::Stream => "-".to_owned(),
    }
}

/// The word for a command, and what it works on.
fn action_of(command: &ImageCommand) -> (Action, Vec<String>) {
    let all = |texts: &[Text]| texts.iter().map(shown).collect::<Vec<String>>();
    let some = |text: &Option<Text>| text.iter().map(shown).collect::<Vec<String>>();
    let (word, subjects) = match command {
        ImageCommand::Build(build) if build.only_asks => ("ask", Vec::new()),
        ImageCommand::Build(build) => ("build", all(&build.tags)),
        ImageCommand::Bake(bake) if bake.only_asks => ("ask", all(&bake.targets)),
        ImageCommand::Bake(bake) => ("bake", all(&bake.targets)),
        ImageCommand::Create(container) | ImageCommand::From(container) => ("create", some(&container.image)),
        ImageCommand::Run(container) => ("run", some(&container.image)),
        ImageCommand::Start(names) => ("start", all(names)),
        ImageCommand::Stop(names) => ("stop", all(names)),
        ImageCommand::Kill(names) => ("kill", all(names)),
        ImageCommand::Exec { container, .. } => ("exec", some(container)),
        ImageCommand::Copy { source, destination } => ("copy", vec![end(source), end(destination)]),
        ImageCommand::RemoveContainers(removal) => ("remove containers", all(&removal.operands)),
        ImageCommand::RemoveImages(removal) => ("remove images", all(&removal.operands)),
        ImageCommand::Tag { source, names } => {
            ("tag", std::iter::once(source).chain(names).map(shown).collect())
        }
        ImageCommand::Commit { container, image } => {
            ("commit", std::iter::once(container).chain(image).map(shown).collect())
        }
        ImageCommand::Push(images) => ("push", all(images)),
        ImageCommand::Pull(images) => ("pull", all(images)),
        ImageCommand::Save { images, .. } => ("save", all(images)),
        ImageCommand::Load { input } => ("load", some(input)),
        ImageCommand::Import { image, .. } => ("import", some(image)),
        ImageCommand::CreateVolume(name) => ("create volume", some(name)),
        ImageCommand::RemoveVolumes(removal) => ("remove volumes", all(&removal.operands)),
        ImageCommand::CreateNetwork(name) => ("create network", vec![shown(name)]),
        ImageCommand::RemoveNetworks(removal) => ("remove networks", all(&removal.operands)),
        ImageCommand::CreateBuilder(name) => ("create builder", some(name)),
        ImageCommand::RemoveBuilders(removal) => ("remove builders", all(&removal.operands)),
        ImageCommand::Compose(compose) => {
            let word = match &compose.action {
                ComposeAction::Up { .. } => "compose up",
                ComposeAction::Down { .. } => "compose down",
                ComposeAction::Build => "compose build",
                ComposeAction::Run { .. } => "compose run",
                ComposeAction::Remove => "compose rm",
                ComposeAction::Create => "compose create",
                ComposeAction::Start => "compose start",
                ComposeAction::Stop => "compose stop",
                ComposeAction::Kill => "compose kill",
                ComposeAction::Pull => "compose pull",
                ComposeAction::Push => "compose push",
                ComposeAction::Exec => "compose exec",
                ComposeAction::Other(name) => {
                    return (Action::Other(format!("compose {name}")), Vec::new());
                }
            };
            // The words after a service's name are its command, and may hold anything.
            let services = match compose.action {
                ComposeAction::Run { .. } | ComposeAction::Exec => compose.operands.iter().take(1),
                _ => compose.operands.iter().take(usize::MAX),
            };
            (word, services.map(shown).collect())
        }
        ImageCommand::Login { server, .. } => ("login", some(server)),
        ImageCommand::Other(name) => return (Action::Other(name.clone()), Vec::new()),
        ImageCommand::Opaque(reason) => {
            return (Action::Opaque(Opacity::Command(reason.clone())), Vec::new());
        }
    };
    (Action::Engine(word), subjects)
}

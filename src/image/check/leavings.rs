//! Containers that a recipe leaves behind, and removals of what it did not make. Asks no engine.

use super::super::command::kinds::Removal;
use super::super::command::lifecycle::{Identity, Thing};
use super::super::command::text::Text;
use super::super::command::{ImageCommand, Reach, Recognised};
use super::super::reference::Reference;
use super::super::study::{RecipeStudy, Study};
use super::references::place;
use super::{At, Finding, Kind, Owner, Severity};
use crate::base::tables::HashSet;

/// Finds both.
pub(super) fn check(at: &At<'_>, found: &mut Vec<Finding>) {
    left(at, found);
    foreign(at, found);
}

fn left(at: &At<'_>, found: &mut Vec<Finding>) {
    let recipe = at.recipe;
    // imk itself removes what an image block makes for itself.
    if recipe.recipe.managed {
        return;
    }
    let removals = &recipe.lifecycle.removals;
    let all_removed: HashSet<usize> =
        removals.iter().flat_map(|removal| removal.removes.iter().copied()).collect();
    let unread = recipe
        .readings
        .iter()
        .any(|reading| !reading.opaque.is_empty() || reading.others.iter().any(|other| other.name.is_none()));
    for (index, made) in recipe.lifecycle.made.iter().enumerate() {
        let Thing::Container(identity) = &made.thing else { continue };
        let command = recipe.command(made.by.line, made.by.command);
        let (Some(command), Some(line)) = (command, recipe.recipe.lines.get(made.by.line)) else { continue };
        let run = match &command.command {
            // What runs on in the background is meant to stay.
            ImageCommand::Run(container) if container.detach != Some(false) => continue,
            ImageCommand::Run(container) if container.remove.is_none() => continue,
            ImageCommand::Run(_) => true,
            _ => false,
        };
        let removed = all_removed.contains(&index);
        let certain = matches!(made.reach, Reach::Always | Reach::OnSuccess);
        let dealt_with = || at.whole.dealt_with.get_or_init(|| DealtWith::by(at.study)).has(identity);
        if made.removes_itself || removed || !certain || unread || dealt_with() {
            continue;
        }
        let name = identity.name.as_ref().map(|name| name.shown().into_owned());
        let kind = Kind::ContainerLeft { name, run };
        found.push(at.finding(Severity::Warning, line.place(command.program), kind));
    }
}

/// The containers that commands of any recipe remove, start or commit.
#[derive(Default)]
pub(super) struct DealtWith<'s> {
    /// One may be any container.
    any: bool,
    names: HashSet<&'s [u8]>,
}

impl<'s> DealtWith<'s> {
    /// Those that the recipes of `study` deal with.
    fn by(study: &'s Study) -> Self {
        let mut dealt = DealtWith::default();
        for (_, _, command) in study.recipes.iter().flat_map(RecipeStudy::commands) {
            let names: &[Text] = match &command.command {
                ImageCommand::RemoveContainers(removal) => {
                    dealt.any |= removal.more;
                    &removal.operands
                }
                ImageCommand::Start(names) => names,
                ImageCommand::Other(name) => {
                    dealt.any |= name.contains("prune");
                    continue;
                }
                _ => continue,
            };
            for name in names {
                match name.known() {
                    Some(known) => drop(dealt.names.insert(known)),
                    None => dealt.any = true,
                }
            }
        }
        dealt
    }

    /// Whether a container of this name is dealt with, or one that is not known.
    fn has(&self, identity: &Identity) -> bool {
        let by_name = || match identity.name.as_ref()?.known() {
            Some(name) => Some(self.names.contains(name)),
            None => Some(!self.names.is_empty()),
        };
        self.any || by_name().unwrap_or(false)
    }
}

fn foreign(at: &At<'_>, found: &mut Vec<Finding>) {
    let recipe = at.recipe;
    for (number, _, command) in recipe.commands() {
        let Some(line) = recipe.recipe.lines.get(number) else { continue };
        let Some((owner, removal)) = removal_of(command) else { continue };
        let ignored = line.failure_ignored || command.failure_ignored;
        let certain = matches!(command.reach, Reach::Always | Reach::OnSuccess);
        // A recipe that only removes is there to do so.
        if ignored || !certain || removal.force != Some(false) || !makes_any(recipe, owner) {
            continue;
        }
        for operand in &removal.operands {
            let Some(name) = operand.known() else { continue };
            let mut makers = std::iter::once(&at.index).chain(&recipe.before);
            if makers.any(|&index| makes(at, index, owner, name)) {
                continue;
            }
            let kind = Kind::RemovesForeign { owner, name: String::from_utf8_lossy(name).into_owned() };
            found.push(at.finding(Severity::Warning, place(line, command, operand.span), kind));
        }
    }
}

fn removal_of(command: &Recognised) -> Option<(Owner, &Removal)> {
    Some(match &command.command {
        ImageCommand::RemoveContainers(removal) => (Owner::Container, removal),
        ImageCommand::RemoveImages(removal) => (Owner::Image, removal),
        ImageCommand::RemoveVolumes(removal) => (Owner::Volume, removal),
        ImageCommand::RemoveNetworks(removal) => (Owner::Network, removal),
        ImageCommand::RemoveBuilders(removal) => (Owner::Builder, removal),
        _ => return None,
    })
}

fn identity(thing: &Thing) -> Option<(Owner, &Identity)> {
    Some(match thing {
        Thing::Container(identity) => (Owner::Container, identity),
        Thing::Image(identity) => (Owner::Image, identity),
        Thing::Volume(identity) => (Owner::Volume, identity),
        Thing::Network(identity) => (Owner::Network, identity),
        Thing::Builder(identity) => (Owner::Builder, identity),
        Thing::Project(_) => return None,
    })
}

fn makes_any(recipe: &RecipeStudy, owner: Owner) -> bool {
    recipe.lifecycle.made.iter().any(|made| identity(&made.thing).is_some_and(|(own, _)| own == owner))
}

/// What a recipe makes, by kind.
#[derive(Default)]
pub(super) struct Makes<'s> {
    /// Kinds of which one has a name that is not known.
    unknown: HashSet<Owner>,
    names: HashSet<(Owner, &'s [u8])>,
    /// Images' names in canonical form.
    images: HashSet<String>,
}

fn canonical(name: &[u8]) -> Option<String> {
    Some(Reference::parse(name).ok()?.with_default_tag().canonical())
}

impl<'s> Makes<'s> {
    fn by(recipe: &'s RecipeStudy) -> Self {
        let mut makes = Makes::default();
        for (owner, identity) in recipe.lifecycle.made.iter().filter_map(|made| identity(&made.thing)) {
            match identity.name.as_ref().map(Text::known) {
                None => {}
                Some(None) => drop(makes.unknown.insert(owner)),
                Some(Some(name)) => {
                    makes.names.insert((owner, name));
                    makes.images.extend(canonical(name).filter(|_| owner == Owner::Image));
                }
            }
        }
        makes
    }
}

/// Whether recipe `index` may make a thing of this name: a name that is not known may be any.
fn makes(at: &At<'_>, index: usize, owner: Owner, name: &[u8]) -> bool {
    let known = at.study.recipes.get(index).zip(at.whole.makes.get(index));
    let Some(makes) = known.map(|(recipe, known)| known.get_or_init(|| Makes::by(recipe))) else {
        return false;
    };
    makes.unknown.contains(&owner)
        || match owner {
            Owner::Image => {
                makes.names.contains(&(owner, name))
                    || (!makes.images.is_empty()
                        && canonical(name).is_some_and(|name| makes.images.contains(&name)))
            }
            _ => makes.names.contains(&(owner, name.strip_prefix(b"/").unwrap_or(name))),
        }
}

//! Containers that a recipe leaves behind, and removals of what it did not make. Asks no engine.

use super::super::command::kinds::Removal;
use super::super::command::lifecycle::{Identity, Thing};
use super::super::command::text::Text;
use super::super::command::{ImageCommand, Reach, Recognised};
use super::super::reference::Reference;
use super::super::study::RecipeStudy;
use super::references::place;
use super::{At, Finding, Kind, Owner, Severity};

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
        let removed = recipe.lifecycle.removals.iter().any(|removal| removal.removes.contains(&index));
        let certain = matches!(made.reach, Reach::Always | Reach::OnSuccess);
        let unread = recipe.readings.iter().any(|reading| {
            !reading.opaque.is_empty() || reading.others.iter().any(|other| other.name.is_none())
        });
        if made.removes_itself || removed || !certain || unread || dealt_with(at, identity) {
            continue;
        }
        let name = identity.name.as_ref().map(|name| name.shown().into_owned());
        let kind = Kind::ContainerLeft { name, run };
        found.push(at.finding(Severity::Warning, line.place(command.program), kind));
    }
}

/// Whether a command of any recipe removes, starts or commits a container of this name, or one that is not known.
fn dealt_with(at: &At<'_>, identity: &Identity) -> bool {
    at.study.recipes.iter().flat_map(RecipeStudy::commands).any(|(_, _, command)| {
        let same_name = |text: &Text| match (&identity.name, text.known()) {
            (Some(name), Some(known)) => name.known().is_none_or(|name| name == known),
            (_, None) => true,
            (None, Some(_)) => false,
        };
        match &command.command {
            ImageCommand::RemoveContainers(removal) => removal.more || removal.operands.iter().any(same_name),
            ImageCommand::Start(names) => names.iter().any(same_name),
            ImageCommand::Other(name) => name.contains("prune"),
            _ => false,
        }
    })
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
            let before = recipe.before.iter().filter_map(|&index| at.study.recipes.get(index));
            if std::iter::once(recipe).chain(before).any(|recipe| makes(recipe, owner, name)) {
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

/// Whether the recipe may make a thing of this name: a name that is not known may be any.
fn makes(recipe: &RecipeStudy, owner: Owner, name: &[u8]) -> bool {
    recipe.lifecycle.made.iter().any(|made| {
        let Some((own, identity)) = identity(&made.thing) else { return false };
        own == owner
            && identity.name.as_ref().is_some_and(|known| match known.known() {
                None => true,
                Some(known) if owner == Owner::Image => {
                    known == name
                        || match (Reference::parse(known), Reference::parse(name)) {
                            (Ok(known), Ok(name)) => known.same_image(&name),
                            _ => false,
                        }
                }
                Some(known) => known == name.strip_prefix(b"/").unwrap_or(name),
            })
    })
}

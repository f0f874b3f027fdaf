//! Images that one target builds and another's Dockerfile starts from, where nothing says which comes first. Looks at no
//! file.

use super::super::command::ImageCommand;
use super::super::recipe::Place;
use super::super::reference::Reference;
use super::super::study::{RecipeStudy, Study};
use super::{At, Finding, Kind, Severity};
use crate::base::tables::{HashMap, HashSet};

/// Finds missing edges. Without `parallel` only those matter whose builder comes later.
pub(super) fn check(study: &Study, parallel: bool, found: &mut Vec<Finding>) {
    let mut builders: HashMap<String, Vec<(usize, Option<Place>)>> = HashMap::default();
    for (index, recipe) in study.recipes.iter().enumerate() {
        for (tag, place) in built(recipe) {
            builders.entry(tag).or_default().push((index, place));
        }
    }
    let sets: HashMap<&str, HashSet<usize>> = builders
        .iter()
        .map(|(tag, known)| (tag.as_str(), known.iter().map(|(builder, _)| *builder).collect()))
        .collect();
    for (index, recipe) in study.recipes.iter().enumerate() {
        for build in &recipe.builds {
            let Some(Ok(analysis)) = &build.analysis else { continue };
            for image in &analysis.images {
                let Some(Ok(reference)) = image.reference.known().map(Reference::parse) else { continue };
                let shown = reference.familiar();
                let canonical = reference.with_default_tag().canonical();
                let Some(known) = builders.get(&canonical).zip(sets.get(canonical.as_str())) else {
                    continue;
                };
                let (known, set) = known;
                let Some((builder, place)) = known.first() else { continue };
                // The first is the earliest.
                let is_ordered = set.contains(&index)
                    || (!parallel && *builder < index)
                    || match set.len() < recipe.before.len() {
                        true => set.iter().any(|builder| recipe.before.contains(builder)),
                        false => recipe.before.iter().any(|before| set.contains(before)),
                    };
                if is_ordered {
                    continue;
                }
                let Some(builder) = study.recipes.get(*builder) else { continue };
                let kind = Kind::MissingEdge {
                    image: shown,
                    builder: String::from_utf8_lossy(&builder.recipe.target).into_owned(),
                    at: place.clone(),
                };
                found.push(Finding {
                    severity: Severity::Warning,
                    kind,
                    place: At::in_dockerfile(build, image.span),
                    target: String::from_utf8_lossy(&recipe.recipe.target).into_owned(),
                });
            }
        }
    }
}

/// The images that a recipe builds or tags: canonical, with their place.
fn built(recipe: &RecipeStudy) -> Vec<(String, Option<Place>)> {
    let mut out = Vec::new();
    for (number, _, command) in recipe.commands() {
        let Some(line) = recipe.recipe.lines.get(number) else { continue };
        let names = match &command.command {
            ImageCommand::Build(build) => build.tags.as_slice(),
            ImageCommand::Tag { names, .. } => names.as_slice(),
            _ => continue,
        };
        for name in names {
            if let Some(Ok(reference)) = name.known().map(Reference::parse) {
                out.push((reference.with_default_tag().canonical(), line.place(name.span)));
            }
        }
    }
    out
}

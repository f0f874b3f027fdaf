//! The criteria on a Dockerfile's stages: those that the target reaches, before anything is built. Asks no engine, and
//! knows nothing of how findings are worded.
//!
//! Where something is not certain, because the base image's config, a script or a variable decides, the finding is info. ONBUILD
//! triggers of base images are not judged: they are the base's.

mod bases;
mod brought;
mod compilers;
mod copied;
mod downloads;
mod install;
mod kinds;
mod layers;
mod logged;
mod order;
mod packages;
mod recipes;
pub mod requirements;
mod script;
mod secrets;
mod smoke;
mod space;
mod users;
mod view;

pub use kinds::Kind;
pub use logged::{Logged, logged};
pub use recipes::Recipes;

use super::finding::Finding;
use super::releases::Date;
use super::subject::{Subject, Unread};
use crate::base::sorting;
use crate::image::study::{BuildStudy, Study};
use view::View;

/// What is known besides the recipes.
pub struct Setting {
    /// The day that ages are counted from.
    pub today: Date,
    /// How many layers above the base are few enough.
    pub layers: usize,
}

/// Why the stages of a build can't be judged; none where they can.
pub fn unread(target: &str, build: &BuildStudy) -> Option<Unread> {
    View::of(target, build).err()
}

/// The findings on what `subject` builds, one of the builds of `study`, whose recipes do what `recipes` has, by criterion and line.
///
/// # Errors
/// Why its Dockerfile can't be judged.
pub fn check(
    study: &Study,
    recipes: &Recipes,
    subject: Subject,
    setting: &Setting,
) -> Result<Vec<Finding>, Unread> {
    let recipe = study.recipes.get(subject.recipe).ok_or(Unread::Unknown)?;
    let build = recipe.builds.get(subject.build).ok_or(Unread::Unknown)?;
    let target = String::from_utf8_lossy(&recipe.recipe.target);
    let view = View::of(&target, build)?;
    let mut found = Vec::new();
    let refresh = recipes.refresh(study, subject);
    bases::check(&view, &refresh, setting, &mut found);
    packages::check(&view, &mut found);
    compilers::check(&view, &mut found);
    space::check(&view, &mut found);
    users::check(&view, &mut found);
    order::check(&view, &mut found);
    layers::check(&view, setting, &mut found);
    downloads::check(&view, &mut found);
    smoke::check(&view, study, recipes, subject, &mut found);
    secrets::check(&view, &mut found);
    sorting::sort_by_key(&mut found, |finding: &Finding| {
        (finding.criterion(), finding.place.as_ref().map(|place| place.line))
    });
    found.dedup();
    Ok(found)
}

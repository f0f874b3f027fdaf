//! The image of a build that was studied: asked for by its tag at the engine that its recipe speaks to. Judges nothing itself.

use super::super::subject::{Audit, Subject as Chosen};
use super::origin::written;
use super::view::{Setting, Subject};
use super::{Judged, Unaudited, base_image, fetch, judge};
use crate::image::engine::{Engine, EngineError};
use crate::image::study::Study;

/// The engine that the recipe of `chosen` speaks to.
pub fn engine_of(study: &Study, chosen: Chosen) -> Result<&dyn Engine, EngineError> {
    let recipe = study.recipes.get(chosen.recipe).ok_or(EngineError::NoEngine)?;
    let build = recipe.builds.get(chosen.build).ok_or(EngineError::NoEngine)?;
    let connection = recipe.engines.get(build.line).and_then(|engines| *engines.get(build.command)?);
    let connection = connection.and_then(|at| study.connections.get(at)).ok_or(EngineError::NoEngine)?;
    connection.engine()
}

/// Judges the image that the build `chosen` left; `audit` is what is known of it.
///
/// # Errors
/// It has no tag, is not there, or can't be read.
pub fn judge_build(
    study: &Study,
    chosen: Chosen,
    audit: &Audit,
    setting: &Setting,
) -> Result<Judged, Unaudited> {
    let reference = audit.reference.as_deref().ok_or(Unaudited::NoTag)?;
    let engine = engine_of(study, chosen).map_err(Unaudited::Engine)?;
    let (image, saved) = fetch(engine, reference)?;
    let build = study.recipes.get(chosen.recipe).and_then(|recipe| recipe.builds.get(chosen.build));
    let (written, base) = build.map(written).unwrap_or_default();
    let base = base_image(engine, base);
    let subject = Subject { target: &audit.target, reference, id: &image.id, written: &written, base };
    Ok(judge(&saved, &subject, setting))
}

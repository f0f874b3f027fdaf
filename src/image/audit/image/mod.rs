//! The criteria on a built image: its layers, its config. Knows no engine's wire format, and nothing of how findings are
//! worded.
//!
//! An image is read once, streamed ([`fetch`]); [`judge`] then looks at the merged tree, at what lower layers hide, and at the
//! configuration. What the base image brings is said to be inherited; what is not certain is info.

mod compilers;
mod entrypoint;
mod environment;
pub mod expect;
mod keep;
mod kinds;
mod leftovers;
mod origin;
pub mod rebuild;
mod release;
pub mod reproduce;
mod secrets;
mod size;
mod user;
mod view;

pub use kinds::{Access, Aspect, Class, Kind, Leftover, Secret};
pub use origin::{BaseImage, Written, written, written_in};
pub use view::{Setting, Subject};

use super::finding::{Finding, Level};
use super::sizes::Sizes;
use crate::base::sorting;
use crate::image::engine::{Engine, EngineError, Image};
use crate::image::layers::{self, Fault, Limits, SavedImage};
use origin::Origins;
use user::Users;
use view::View;

/// Why an image can't be audited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unaudited {
    /// The engine does not have it.
    NotThere,
    /// The engine does not give it.
    Engine(EngineError),
    /// What the engine gives can't be read.
    Unreadable(Fault),
}

impl Unaudited {
    /// Why, in words, for the image called `reference`.
    pub fn message(&self, reference: &str) -> String {
        match self {
            Unaudited::NotThere => format!("the engine has no image {reference}"),
            Unaudited::Engine(fault) => format!("{reference}: {}", fault.message()),
            Unaudited::Unreadable(fault) => format!("{reference}: {}", fault.message()),
        }
    }
}

/// Reads the image that `reference` names off the engine, streamed.
///
/// # Errors
/// It is not there, or can't be read.
pub fn fetch(engine: &dyn Engine, reference: &str) -> Result<(Image, SavedImage), Unaudited> {
    let image = engine.image(reference).map_err(Unaudited::Engine)?.ok_or(Unaudited::NotThere)?;
    // By its id: the tag may move meanwhile.
    let archive = engine.save(&image.id).map_err(Unaudited::Engine)?.ok_or(Unaudited::NotThere)?;
    let keep = keep::Checks::of(&image.config);
    let saved = layers::read(archive, &keep, &Limits::default()).map_err(Unaudited::Unreadable)?;
    Ok((image, saved))
}

/// Reads two builds of one image off the engine, to be compared.
///
/// # Errors
/// One is not there, or can't be read.
pub fn fetch_pair(
    engine: &dyn Engine,
    first: &str,
    second: &str,
) -> Result<(Image, SavedImage, SavedImage), Unaudited> {
    let load = |reference: &str, keep: &reproduce::Contents| {
        let image = engine.image(reference).map_err(Unaudited::Engine)?.ok_or(Unaudited::NotThere)?;
        let archive = engine.save(&image.id).map_err(Unaudited::Engine)?.ok_or(Unaudited::NotThere)?;
        let saved = layers::read(archive, keep, &Limits::default()).map_err(Unaudited::Unreadable)?;
        Ok((image, saved))
    };
    let plain = reproduce::Contents::default();
    let ((_, one), (image, other)) = (load(first, &plain)?, load(second, &plain)?);
    match reproduce::closely(&one, &other) {
        None => Ok((image, one, other)),
        Some(keep) => Ok((image, load(first, &keep)?.1, load(second, &keep)?.1)),
    }
}

/// What is known of the image called `name`, which another starts from.
pub fn base_image(engine: &dyn Engine, name: Option<String>) -> BaseImage {
    let Some(name) = name else { return BaseImage::default() };
    match engine.image(&name) {
        Ok(Some(image)) => BaseImage { name, diff_ids: image.layers, created: image.created },
        // BuildKit keeps the images that it fetches to itself.
        _ => BaseImage { name, ..BaseImage::default() },
    }
}

/// What is said of an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// The findings, by criterion and layer.
    pub findings: Vec<Finding>,
    /// What its bytes are spent on.
    pub sizes: Sizes,
    /// The `ID` of its os-release; empty where it has none.
    pub distribution: String,
}

/// Judges an image.
pub fn judge(image: &SavedImage, subject: &Subject<'_>, setting: &Setting) -> Judged {
    let origins = Origins::find(&image.config, subject.written, &subject.base);
    let users = Users::of(&image.config, image);
    let view = View { image, subject, origins: &origins, setting, users };
    let mut found = Vec::new();
    if image.config.history.is_empty() && !image.layers.is_empty() {
        found.push(view.finding(Level::Info, Kind::NoHistory));
    }
    release::check(&view, &mut found);
    compilers::check(&view, &mut found);
    size::check(&view, &mut found);
    leftovers::check(&view, &mut found);
    user::check(&view, &mut found);
    environment::check(&view, &mut found);
    layer_count(&view, &mut found);
    entrypoint::check(&view, &mut found);
    secrets::check(&view, &mut found);
    sorting::sort_by_key(&mut found, |finding| {
        (
            finding.criterion(),
            finding.layer.as_ref().map(|layer| layer.index),
            std::cmp::Reverse(finding.level),
        )
    });
    Judged { findings: found, sizes: size::sizes(&view), distribution: release::distribution(image) }
}

/// Layers above the base that hold anything.
fn layer_count(view: &View<'_>, found: &mut Vec<Finding>) {
    let above = view.origins.base..view.image.layers.len();
    let holds = |layer: usize| {
        let whiteouts = view.image.layers.get(layer).map_or(0, |layer| layer.whiteouts);
        whiteouts > 0 || !view.image.entries_of(layer).is_empty()
    };
    let layers = above.filter(|&layer| holds(layer)).count();
    if layers > view.setting.layers {
        let kind = Kind::ManyLayers { layers, limit: view.setting.layers };
        found.push(view.finding(Level::Warning, kind));
    }
}

#[cfg(test)]
mod tests;

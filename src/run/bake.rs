//! `--bake`: the builds of the goals as a bake file. Knows nothing of its form.

use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::image::bake::{Bake, target};
use crate::image::command::ImageCommand;
use crate::image::study::Study;

fn fatal(text: String) -> Stop {
    Stop::fatal(None, Complaint::Text(text.into_bytes()))
}

/// The bake file of what was studied: the image targets' builds, and those of recipes.
///
/// # Errors
/// There is no build, or one that a bake file can't say.
pub(super) fn bake(study: &Study) -> Outcome<Vec<u8>> {
    let mut bake = Bake::default();
    for recipe in &study.recipes {
        let name = String::from_utf8_lossy(&recipe.recipe.target).into_owned();
        for build in &recipe.builds {
            let command = recipe.command(build.line, build.command).map(|command| &command.command);
            let Some(ImageCommand::Build(command)) = command else { continue };
            let target = target(command).map_err(|fault| {
                fatal(format!("{name} can't be put into a bake file: {}", fault.message()))
            })?;
            let analysis = build.analysis.as_ref().and_then(|analysis| analysis.as_ref().ok());
            let images = analysis.iter().flat_map(|analysis| &analysis.images);
            let reads = images.filter_map(|image| image.reference.known());
            bake.add(&name, target, reads.map(|name| String::from_utf8_lossy(name).into_owned()).collect());
        }
    }
    if bake.is_empty() {
        return Err(fatal("none of the goals builds an image".to_owned()));
    }
    Ok(bake.json())
}

//! `--init`: the text of a first taskfile, made from a Dockerfile's stages, and of CI files that run it. Knows nothing of files.

mod ci;
mod stages;
mod variants;

pub use ci::{asks_for_source, github, gitlab};
pub use stages::is_check;

use crate::image::dockerfile::Dockerfile;

/// An image that somebody may ask for by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The target.
    pub target: String,
    /// The stage's name; none for a last stage that has none.
    pub stage: Option<String>,
    /// What the Dockerfile says of it.
    pub about: String,
    /// Whether it is built to see that it can be, and not to be kept.
    pub is_check: bool,
    /// An argument that chooses between stages: its name and value.
    pub arg: Option<(String, String)>,
    /// Whether it is to have what is newest.
    pub is_refresh: bool,
    /// What comes out of it: the path in the image and the one here.
    pub extract: Option<(String, String)>,
}

/// The images that a person asks for, the main one first: that of the last stage, which is built where no name is given, or of the stage
/// before it that it checks; those of other stages; and what an argument chooses in place of the default.
pub fn wanted(file: &Dockerfile, text: &[u8]) -> Vec<Wanted> {
    let main = stages::main_stage(file);
    let mut found = stages::stages(file, text, main);
    found.extend(variants::variants(file, text, main));
    found
}

/// A name for images made from the name of a folder (distribution specification, "name").
pub fn image_name(folder: &str) -> String {
    let plain: String = folder
        .to_lowercase()
        .chars()
        .map(|char| if char.is_ascii_alphanumeric() { char } else { '-' })
        .collect();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "app".to_owned() } else { parts.join("-") }
}

/// The taskfile: an image target for each of `wanted`.
pub fn taskfile(dockerfile: &str, image: &str, wanted: &[Wanted]) -> String {
    let mut out = format!(
        "# Written by imk --init from the stages of {dockerfile}, and yours from now on: `imk --list` names the targets.\n\
         IMAGE ?= {image}\nTAG ?= latest\n# Further options for the engine's build, such as --network=host.\nBUILD_OPTIONS ?=\n"
    );
    for one in wanted {
        let about = if one.about.is_empty() { described(one) } else { one.about.clone() };
        out.push_str(&format!("\nimage {} ## {about}\n", one.target));
        let mut line = |name: &str, value: &str| out.push_str(&format!("  {name:<10} = {value}\n"));
        line("options", "$(BUILD_OPTIONS)");
        if dockerfile != "Dockerfile" {
            line("dockerfile", dockerfile);
        }
        if let Some(stage) = &one.stage {
            line("target", stage);
        }
        line("tags", if one.target == MAIN { "$(IMAGE):$(TAG)" } else { "$(IMAGE):$@" });
        if let Some((name, value)) = &one.arg {
            line("args", &format!("{name}={value}"));
        }
        if one.is_refresh {
            line("no-cache", "true");
        }
        if let Some((inside, here)) = &one.extract {
            line("extract", &format!("{inside}:{here}"));
        }
        if one.is_check || one.is_refresh {
            line("cleanup", "always");
        }
        out.push_str("endimage\n");
    }
    out
}

/// The target of the image that the folder is for.
const MAIN: &str = "build";

/// What a target does, where the Dockerfile says nothing of it.
fn described(one: &Wanted) -> String {
    match (&one.stage, &one.arg, &one.extract) {
        (_, _, Some((_, here))) => {
            format!("Build with the newest packages, and bring {} up to date", here.trim_start_matches("./"))
        }
        (_, Some((name, value)), None) => format!("Build with {name}={value}"),
        (Some(stage), ..) if one.is_check => format!("Build the stage {stage}, and remove the image again"),
        (Some(stage), ..) => format!("Build the stage {stage}"),
        (None, ..) => "Build the image".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_become_names_of_images() {
        for (folder, name) in [("My App_2", "my-app-2"), ("--", "app"), ("a.b", "a-b"), ("é", "app")] {
            assert_eq!(image_name(folder), name);
        }
    }
}

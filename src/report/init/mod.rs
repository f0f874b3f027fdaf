//! `--init`: the text of a first taskfile, made from a Dockerfile's stages, and of CI files that run it. Knows nothing of files.

mod ci;

pub use ci::{github, gitlab};

use crate::base::source::line_column;
use crate::image::dockerfile::{self, Dockerfile};

/// A stage that somebody may ask for by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The target.
    pub target: String,
    /// The stage's name; none for a last stage that has none.
    pub stage: Option<String>,
    /// What the Dockerfile says of it.
    pub about: String,
    /// Whether it is built to see that it can be, and not to be kept.
    pub is_check: bool,
}

/// Words in the names of stages that are built for what they check.
const CHECKS: [&str; 5] = ["test", "check", "lint", "verify", "audit"];

/// Whether a name says that something is checked.
pub fn is_check(name: &str) -> bool {
    name.split(|char: char| !char.is_alphanumeric()).any(|word| {
        CHECKS.contains(&word) || word.strip_suffix('s').is_some_and(|word| CHECKS.contains(&word))
    })
}

/// The stages that a person asks for: the last one, which is built where no name is given, and those that no other stage is made
/// from. A FROM with a variable is made from every stage whose name it can stand for.
pub fn wanted(file: &Dockerfile, text: &[u8]) -> Vec<Wanted> {
    let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let names: Vec<Option<String>> = file.stages.iter().map(|stage| stage.name().map(show)).collect();
    let mut used = vec![false; names.len()];
    for (at, stage) in file.stages.iter().enumerate() {
        let from = show(stage.from.base.bytes.as_slice()).to_lowercase();
        for (earlier, name) in names.iter().enumerate().take(at) {
            used[earlier] |= name.as_ref().is_some_and(|name| can_be(&from, name));
        }
        let own = stage.name().map(<[u8]>::to_vec);
        let asked = dockerfile::Request {
            target: own.as_deref(),
            build_args: &[],
            named_contexts: &[],
            platform_args: &[],
            bases: &dockerfile::NoBases,
        };
        if let Ok(analysis) = dockerfile::analyse(text, &asked) {
            let copied = analysis.stages.iter().filter(|one| one.index != at);
            copied.for_each(|one| used[one.index] = true);
        }
    }
    let last = names.len() - 1;
    let mut found = Vec::new();
    for (at, name) in names.into_iter().enumerate().rev() {
        if at != last && (used[at] || name.is_none()) {
            continue;
        }
        let target = match &name {
            Some(name) if at != last => name.clone(),
            _ => "build".to_owned(),
        };
        let line = line_column(text, file.stages[at].span.start).line;
        let is_check = at != last && name.as_deref().is_some_and(is_check);
        found.push(Wanted { target, stage: name, about: comment_before(text, line), is_check });
    }
    found
}

/// Whether `from`, in which `${NAME}` may stand for anything, can be `name`.
fn can_be(from: &str, name: &str) -> bool {
    match from.split_once('$') {
        None => from == name,
        Some((before, rest)) => {
            let after = match rest.strip_prefix('{') {
                Some(rest) => rest.split_once('}').map_or("", |(_, after)| after),
                None => rest.trim_start_matches(|char: char| char.is_alphanumeric() || char == '_'),
            };
            let after = if after.contains('$') { "" } else { after };
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        }
    }
}

/// The first sentence of the comment that ends above `line`, if one does.
fn comment_before(text: &[u8], line: usize) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().collect();
    let above = lines.get(..line.saturating_sub(1)).unwrap_or_default().iter().rev();
    let mut found: Vec<&str> = above
        .map_while(|line| line.strip_prefix('#'))
        .map(str::trim)
        .filter(|line| !line.starts_with("hadolint ") && !line.contains("syntax="))
        .collect();
    found.reverse();
    let whole = found.join(" ");
    let sentence = whole.split_once(". ").map_or(whole.as_str(), |(first, _)| first);
    sentence.strip_suffix('.').unwrap_or(sentence).replace(['$', '#'], "").trim().to_owned()
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

/// The taskfile: an image target for each stage in `wanted`, the last stage's first.
pub fn taskfile(dockerfile: &str, image: &str, wanted: &[Wanted]) -> String {
    let mut out = format!(
        "# Written by imk --init from the stages of {dockerfile}, and yours from now on: `imk --list` names the targets.\n\
         IMAGE ?= {image}\nTAG ?= latest\n# Further options for the engine's build, such as --network=host.\nBUILD_OPTIONS ?=\n"
    );
    for Wanted { target, stage, about, is_check } in wanted {
        let default = match (stage, is_check) {
            (Some(stage), true) => format!("Build the stage {stage}, and remove the image again"),
            (Some(stage), false) => format!("Build the stage {stage}"),
            (None, _) => "Build the image".to_owned(),
        };
        let about = if about.is_empty() { &default } else { about };
        out.push_str(&format!("\nimage {target} ## {about}\n"));
        let mut line = |name: &str, value: &str| out.push_str(&format!("  {name:<10} = {value}\n"));
        line("options", "$(BUILD_OPTIONS)");
        if dockerfile != "Dockerfile" {
            line("dockerfile", dockerfile);
        }
        if let Some(stage) = stage {
            line("target", stage);
        }
        line("tags", if target == "build" { "$(IMAGE):$(TAG)" } else { "$(IMAGE):$@" });
        if *is_check {
            line("cleanup", "always");
        }
        out.push_str("endimage\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(text: &str) -> Vec<(String, bool)> {
        let file = dockerfile::parse(text.as_bytes()).expect("a Dockerfile");
        wanted(&file, text.as_bytes()).into_iter().map(|one| (one.target, one.is_check)).collect()
    }

    #[test]
    fn stages_that_no_other_is_made_from_are_wanted() {
        let text = "FROM a AS base\nFROM base AS one\nFROM base AS two\nFROM ${X}ne AS both\nFROM both AS smoke-test\nFROM both AS app\n\
                    COPY --from=two /x /\n";
        assert_eq!(targets(text), [("build".to_owned(), false), ("smoke-test".to_owned(), true)]);
        assert_eq!(targets("FROM scratch\n"), [("build".to_owned(), false)]);
        assert!(
            can_be("p-${V}", "p-x")
                && can_be("$v", "x")
                && !can_be("p-${V}-q", "p-x")
                && can_be("a$b-c", "ax-c")
        );
    }

    #[test]
    fn folders_become_names_of_images() {
        for (folder, name) in [("My App_2", "my-app-2"), ("--", "app"), ("a.b", "a-b"), ("é", "app")] {
            assert_eq!(image_name(folder), name);
        }
    }
}

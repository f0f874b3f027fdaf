//! What is certain of the platforms of a recipe's build, by its command and the environment that it finds. Asks no engine.

use super::super::command::kinds::Build;
use super::super::command::text::Text;
use super::super::command::variables::Inherited;
use super::super::command::{Client, Reading, Recognised};
use super::super::freshness::{Builder, Platforms};
use super::super::recipe::{DECIDES_PLATFORM, Line, Recipe};
use std::cell::Cell;

/// The platforms of `build`, which is `command` on `line` of `recipe`.
pub(super) fn of(
    build: &Build,
    command: &Recognised,
    recipe: &Recipe,
    line: &Line,
    reading: &Reading,
) -> Platforms {
    if command.client != Client::Docker {
        return Platforms { asked: asked(build, None), ..Platforms::default() };
    }
    let uncertain = Cell::new(!command.doubts.is_empty() || command.elevated || changes_unseen(reading));
    let variable = |name: &[u8]| {
        let own = command.environment.iter().rfind(|(own, _)| own == name);
        let found = match own {
            Some((_, text)) => {
                text.known().map_or(Inherited::Unknown, |text| Inherited::Value(text.to_vec()))
            }
            // What the script does with it is not followed.
            None if !line.has_no_shell() && may_set(&line.text, name) => Inherited::Unknown,
            None => recipe.variable(name),
        };
        match found {
            Inherited::Value(value) => Some(value),
            // A block is built with BuildKit unless the environment speaks against it.
            Inherited::Unset if line.has_no_shell() && name == b"DOCKER_BUILDKIT" => Some(b"1".to_vec()),
            Inherited::Unset => None,
            Inherited::Unknown => {
                uncertain.set(true);
                None
            }
        }
    };
    for name in DECIDES_PLATFORM {
        variable(name);
    }
    let (named, is_known) = match &build.builder {
        None => (None, true),
        Some(name) => (name.known(), name.known().is_some()),
    };
    let builder = match is_known && !uncertain.get() {
        true => Builder::of_docker(build.buildx, named, &variable),
        false => Builder::Unknown,
    };
    let default = variable(b"DOCKER_DEFAULT_PLATFORM").filter(|value| !value.is_empty());
    Platforms { builder, asked: asked(build, default) }
}

/// What `--platform` says; of several, or of what is known only to the shell, a text that names no platform.
fn asked(build: &Build, default: Option<Vec<u8>>) -> Option<Vec<u8>> {
    match build.platforms.as_slice() {
        [] => default,
        [only] => Some(only.known().map(<[u8]>::to_vec).unwrap_or_default()),
        several => {
            let all: Vec<&[u8]> = several.iter().filter_map(Text::known).collect();
            Some([&all.join(&b',')[..], b","].concat())
        }
    }
}

/// Whether a script may do more with the variable `name` than to read it.
fn may_set(script: &[u8], name: &[u8]) -> bool {
    memchr::memmem::find_iter(script, name).any(|at| {
        let (before, after) = (&script[..at], &script[at + name.len()..]);
        !(before.ends_with(b"$") || before.ends_with(b"${") && after.starts_with(b"}"))
    })
}

/// Whether a script runs text that is not here, which may set variables.
fn changes_unseen(reading: &Reading) -> bool {
    let unseen: [&[u8]; 3] = [b".", b"source", b"eval"];
    let mut names = reading.others.iter().filter_map(|other| other.name.as_deref());
    !reading.opaque.is_empty() || names.any(|name| unseen.contains(&name))
}

//! The wording of findings: what is wrong, and what to do about it. Knows no places.

use super::super::dockerfile::{self, Message};
use super::super::plan::{file_fault, line_of, system_error};
use super::super::why::not_whole;
use crate::base::Span;
use crate::base::diagnostic::wording;
use crate::image::check::{Kind, Owner};
use crate::image::reference::ReferenceError;

fn plain(text: impl Into<String>) -> Message {
    Message { text: text.into(), hint: None }
}

fn hinted(text: impl Into<String>, hint: impl Into<String>) -> Message {
    Message { text: text.into(), hint: Some(hint.into()) }
}

fn meant(text: String, nearest: Option<&str>) -> Message {
    Message { text, hint: nearest.map(|name| format!("did you mean '{name}'?")) }
}

/// What `kind` says.
pub fn message(kind: &Kind) -> Message {
    match kind {
        Kind::UnsetVariable { name, defined, result, valid } => {
            let what = if *defined { "is empty" } else { "is not defined" };
            let text = match valid {
                true => format!("{name} {what}, and the image's name becomes '{result}'"),
                false => format!("{name} {what}, and '{result}' is no image's name"),
            };
            hinted(text, format!("give it a value: {name} ?= …, or {name}=… on the command line"))
        }
        Kind::SwallowedWord { name, option, word } => {
            let text = match word.as_str() {
                "" => format!("{name} is empty, and {option} has no value"),
                word => format!("{name} is empty, and {option} takes the next word '{word}' for its value"),
            };
            hinted(text, format!("give {name} a value, or leave {option} out with $(if $({name}),…)"))
        }
        Kind::MalformedReference { text, fault } => {
            let error = ReferenceError { kind: *fault, span: Span::default() };
            hinted(
                format!("'{text}' is no image's name: {}", error.message()),
                "a name is [HOST[:PORT]/]PATH[:TAG], its path in lower case",
            )
        }
        Kind::TagTwice(tag) => plain(format!("the tag '{tag}' is given twice")),
        Kind::TagOfTwoTargets { tag, other } => hinted(
            format!("target '{other}' builds '{tag}' as well"),
            "the one that runs last has it: give them tags of their own",
        ),
        Kind::NoDockerfile { path, fault } => hinted(
            format!("the Dockerfile '{path}' can't be read: {}", file_fault(fault)),
            "--file names it, from the folder that the command runs in",
        ),
        Kind::Dockerfile(kind) => dockerfile::message(kind),
        Kind::BeyondBounds(bound) => hinted(
            dockerfile::beyond(*bound),
            "what the build reads is not known, and the image is built each time",
        ),
        Kind::ContinuationAtEnd => hinted(
            "the Dockerfile ends within a continued line",
            "take the last backslash out, or add what it was to continue with",
        ),
        Kind::UnusedArg { name, nearest, declared } => match declared {
            Some(line) => {
                plain(format!("no stage on the way uses the argument {name}, declared in line {line}"))
            }
            None => meant(format!("no ARG declares {name}"), nearest.as_deref()),
        },
        Kind::NoSource { path, context, nearest } => {
            meant(format!("'{path}' is not in the context '{context}'"), nearest.as_deref())
        }
        Kind::IgnoredSource { path, file, line } => {
            let text = format!("'{path}' is not in the context: {file} leaves it out");
            match line {
                Some((number, line)) => hinted(
                    text,
                    format!("line {number} of {file}, '{line}', says so; '!{path}' takes it back"),
                ),
                None => plain(text),
            }
        }
        Kind::IgnoreFile(kind) => dockerfile::ignore(kind),
        Kind::UnreadableIgnoreFile(path, error) => {
            plain(format!("{path} can't be read: {}", system_error(*error)))
        }
        Kind::UnreadableContext(path, error) => hinted(
            format!("'{path}' in the context can't be read: {}", system_error(*error)),
            "the ignore file can leave it out",
        ),
        Kind::ContextNotAFolder(path) => {
            hinted(format!("the context '{path}' is no folder"), "a Dockerfile is named by --file")
        }
        Kind::NoContext(path) => plain(format!("the context '{path}' is not there")),
        Kind::ContextMissing => {
            hinted("the build has no context", "a folder ends the command; '.' is the working folder")
        }
        Kind::NoProgram { name, package } => Message {
            text: format!("no program '{name}' is on PATH"),
            hint: package.map(|from| format!("it comes with {from}")),
        },
        Kind::EngineSilent { engine, error } => hinted(
            format!("{engine} does not answer: {}", error.message()),
            match *engine {
                "docker" => "is it running, and is DOCKER_HOST as it should be?".to_owned(),
                other => format!("does '{other} version' work?"),
            },
        ),
        Kind::MissingEdge { image, builder, at } => {
            let at = at.as_ref().map(|place| format!(" ({})", line_of(place))).unwrap_or_default();
            hinted(
                format!("target '{builder}' builds '{image}'{at}, and need not have run before"),
                format!("make '{builder}' a prerequisite; with -j the two run at once"),
            )
        }
        Kind::SecretArg(name) => hinted(
            format!("the build argument {name} looks like a secret, and stays in the image's history"),
            "--secret, with RUN --mount=type=secret, keeps it out (`secrets` of an image block)",
        ),
        Kind::PasswordShown => {
            hinted("the password stands on the command line", "--password-stdin keeps it out of sight")
        }
        Kind::RemovesForeign { owner, name } => {
            let what = owned(*owner);
            plain(format!("the recipe removes the {what} '{name}', which it has not made"))
        }
        Kind::ContainerLeft { name, run } => {
            let what = match name {
                Some(name) => format!("the container '{name}'"),
                None => "the container".to_owned(),
            };
            let text = format!("{what} is never removed");
            match (run, name) {
                (true, _) => hinted(text, "--rm removes it when it ends"),
                (false, Some(name)) => hinted(text, format!("the next run finds the name in use: rm {name}")),
                (false, None) => plain(text),
            }
        }
        Kind::Attribute(complaint) => plain(String::from_utf8_lossy(&wording::words(complaint))),
        Kind::NotWhole(why) => hinted(
            format!("`.IMAGE` lists this target, and yet it runs each time: {}", not_whole(why)),
            "only builds, tags of what they built and echoes can be left out while the image is fresh",
        ),
        Kind::UnknownOption { engine, option } => {
            plain(format!("{engine} has no option {option}, as far as is known"))
        }
    }
}

fn owned(owner: Owner) -> &'static str {
    match owner {
        Owner::Container => "container",
        Owner::Image => "image",
        Owner::Volume => "volume",
        Owner::Network => "network",
        Owner::Builder => "builder",
    }
}

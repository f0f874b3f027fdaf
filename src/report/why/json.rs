//! Why a target is remade as JSON, for programs: docs/why.md has the fields. Knows nothing of terminals.

use super::{Why, dockerfile, messages};
use crate::base::{json, secret};
use crate::build::images::freshness::ImageReason;
use crate::build::why::{Because, Demand};
use crate::image::freshness::{ArgValue, Change, FileHow, How, Reason, Unknown};
use serde_json::{Map, Value, json};

/// Version of the schema. It grows with every change that is not an addition.
const VERSION: u32 = 1;

/// The target and its reasons in one line.
pub(super) fn line(why: &Why) -> Vec<u8> {
    let reasons: Vec<Value> = why.reasons.iter().flat_map(|because| objects(why, because)).collect();
    let place = why.place.as_ref().map(|place| json!({ "file": text(place.file), "line": place.line }));
    let value = json!({
        "version": VERSION,
        "target": text(&why.target),
        "image": why.image,
        "place": place,
        "reasons": reasons,
    });
    let mut line = json::line(&value);
    line.push(b'\n');
    line
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A reason's objects: inputs that changed have one each.
fn objects(why: &Why, because: &Because) -> Vec<Value> {
    let words = messages(why, because);
    if let Because::Image(ImageReason::Inputs(Reason::InputsChanged { changes })) = because
        && !changes.is_empty()
    {
        let name = dockerfile(why);
        return changes
            .iter()
            .zip(words)
            .map(|(change, words)| object(of_change(change, &name), words))
            .collect();
    }
    let fields = fields(why, because);
    words.into_iter().map(|words| object(fields.clone(), words)).collect()
}

fn object(fields: Value, message: String) -> Value {
    let mut object = match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    object.insert("message".to_owned(), secret::masked(&message).into());
    Value::Object(object)
}

fn fields(why: &Why, because: &Because) -> Value {
    match because {
        Because::Forced | Because::Image(ImageReason::Forced) => json!({ "kind": "forced" }),
        Because::Phony => json!({ "kind": "phony" }),
        Because::Missing => json!({ "kind": "missing" }),
        Because::PeerMissing(peer) => json!({ "kind": "peer-missing", "file": text(peer) }),
        Because::NoPrerequisites => json!({ "kind": "no-prerequisites" }),
        Because::Prerequisite(name, demand) => {
            let demand = match demand {
                Demand::Newer => "newer",
                Demand::Remade => "remade",
                Demand::TakenForNew => "taken-for-new",
                Demand::Edited => "edited",
                Demand::Phony => "phony",
                Demand::Missing => "missing",
                Demand::Built => "built",
                Demand::Through => "through",
            };
            json!({ "kind": "prerequisite", "prerequisite": text(name), "demand": demand })
        }
        Because::Image(ImageReason::TakenForNew(name)) => {
            json!({ "kind": "taken-for-new", "file": text(name) })
        }
        Because::Image(ImageReason::BaseBuilt(name)) => {
            json!({ "kind": "prerequisite", "prerequisite": text(name), "demand": "built" })
        }
        Because::Image(ImageReason::Always(_)) => json!({ "kind": "always" }),
        Because::Image(ImageReason::Unreadable) => json!({ "kind": "unreadable" }),
        Because::Image(ImageReason::NoEngine | ImageReason::Engine(_)) => json!({ "kind": "engine" }),
        Because::Image(ImageReason::Inputs(reason)) => of_reason(reason, &dockerfile(why)),
        Because::FollowsImage => json!({ "kind": "follows-image" }),
        Because::NotUnderstood(_) => json!({ "kind": "not-understood" }),
    }
}

fn of_reason(reason: &Reason, dockerfile: &str) -> Value {
    let place = |line: &u64| json!({ "file": dockerfile, "line": line });
    match reason {
        Reason::NeverBuilt => json!({ "kind": "never-built" }),
        Reason::TagMissing { tag } => json!({ "kind": "tag-missing", "tag": tag }),
        Reason::NotOurs { tag } => json!({ "kind": "image-unknown", "tag": tag }),
        Reason::CutShort { tag } => json!({ "kind": "image-cut-short", "tag": tag }),
        Reason::TagMoved { tag } => json!({ "kind": "tag-moved", "tag": tag }),
        Reason::InputsChanged { .. } => json!({ "kind": "inputs-changed" }),
        Reason::CannotKnow(unknown) => match unknown {
            Unknown::Base { reference, line } => {
                json!({ "kind": "cannot-know", "base": text(reference), "place": place(line) })
            }
            Unknown::External { source, line } => {
                json!({ "kind": "cannot-know", "source": text(source), "place": place(line) })
            }
            _ => json!({ "kind": "cannot-know" }),
        },
    }
}

fn of_change(change: &Change, dockerfile: &str) -> Value {
    let place = |line: &u64| match line {
        0 => Value::Null,
        line => json!({ "file": dockerfile, "line": line }),
    };
    let value = |value: &Option<ArgValue>| match value {
        Some(ArgValue::Known(value)) => Value::from(text(value)),
        _ => Value::Null,
    };
    match change {
        Change::Instruction { keyword, how, line } => {
            let how = match how {
                How::Added => "added",
                How::Removed => "removed",
                How::Changed => "changed",
            };
            json!({ "kind": "instruction", "instruction": keyword, "how": how, "place": place(line) })
        }
        Change::Dockerfile => json!({ "kind": "dockerfile" }),
        Change::Arg { name, old, new, line } => {
            json!({ "kind": "arg", "arg": text(name), "old": value(old), "new": value(new), "place": place(line) })
        }
        Change::Base { reference, old, new, line } => {
            json!({ "kind": "base", "base": text(reference), "old": old, "new": new, "place": place(line) })
        }
        Change::External { source, line } => {
            json!({ "kind": "external", "source": text(source), "place": place(line) })
        }
        Change::File { context, path, how, reader: (keyword, line) } => {
            let how = match how {
                FileHow::Added => "added",
                FileHow::Removed => "removed",
                FileHow::Content => "content",
                FileHow::Mode(..) => "mode",
                FileHow::Kind => "type",
            };
            let context = context.as_deref().map(text);
            json!({
                "kind": "file", "file": text(path), "context": context, "how": how,
                "instruction": keyword, "place": place(line),
            })
        }
        Change::Ignore { context } => {
            json!({ "kind": "ignore-file", "context": context.as_deref().map(text) })
        }
        Change::Attribute { name, old, new } => {
            let words =
                |words: &[Vec<u8>]| words.iter().map(|word| secret::masked(&text(word))).collect::<Vec<_>>();
            json!({ "kind": "attribute", "attribute": name, "old": words(old), "new": words(new) })
        }
    }
}

//! A plan as JSON, for programs: docs/plan.md has the schema. Knows nothing of terminals.

use super::words;
use crate::base::json;
use crate::image::command::Reach;
use crate::image::dockerfile::Origin;
use crate::image::plan::{
    Action, ArgPlan, ArgValue, BuildPlan, DockerfileStatus, Fate, Plan, Step, TargetPlan, Thing,
};
use crate::image::recipe::Place;
use crate::image::study::Amount;
use crate::report::dockerfile;
use serde_json::{Value, json};

/// Version of the schema. It grows with every change that is not an addition.
pub const VERSION: u32 = 1;

/// The plan, with a newline at its end.
pub fn json(plan: &Plan) -> Vec<u8> {
    let targets: Vec<Value> = plan.targets.iter().map(target).collect();
    let value = json!({ "version": VERSION, "targets": targets, "up_to_date": plan.up_to_date });
    json::pretty(&value)
}

/// A place: the column is null where only the line is known.
pub fn place(place: Option<&Place>) -> Value {
    match place {
        None => Value::Null,
        Some(place) => json!({ "file": place.file, "line": place.line, "column": place.column }),
    }
}

fn target(target: &TargetPlan) -> Value {
    let by_fate = |wanted: &dyn Fn(Fate) -> bool| -> Vec<usize> {
        let things = target.things.iter().enumerate();
        things.filter(|(_, thing)| wanted(thing.fate)).map(|(at, _)| at).collect()
    };
    json!({
        "target": target.target,
        "managed": target.managed,
        "phony": target.phony,
        "place": place(target.place.as_ref()),
        "steps": target.steps.iter().map(step).collect::<Vec<Value>>(),
        "builds": target.builds.iter().map(build).collect::<Vec<Value>>(),
        "things": target.things.iter().map(thing).collect::<Vec<Value>>(),
        "makes": by_fate(&|_| true),
        "keeps": by_fate(&|fate| fate == Fate::Kept),
        "removes": by_fate(&|fate| fate != Fate::Kept),
    })
}

fn thing(thing: &Thing) -> Value {
    let fate = match thing.fate {
        Fate::Kept => "kept",
        Fate::Removed => "removed",
        Fate::PerhapsRemoved => "perhaps-removed",
        Fate::RemovesItself => "removes-itself",
    };
    json!({ "kind": thing.kind, "name": thing.name, "fate": fate, "may_exist": thing.may_exist })
}

fn step(step: &Step) -> Value {
    let (action, name, opaque) = match &step.action {
        Action::Engine(word) => (word.replace(' ', "-"), None, None),
        Action::Other(name) => ("other".to_owned(), Some(name.clone()), None),
        Action::Program(name) => ("program".to_owned(), name.clone(), None),
        Action::SubMake => ("sub-make".to_owned(), None, None),
        Action::Opaque(why) => ("opaque".to_owned(), None, Some(words::opacity(why))),
    };
    let when = match step.when {
        Reach::Always => "always",
        Reach::OnSuccess => "on-success",
        Reach::OnFailure => "on-failure",
        Reach::OnExit => "on-exit",
        Reach::Perhaps => "perhaps",
    };
    json!({
        "action": action,
        "name": name,
        "opaque": opaque,
        "engine": step.engine,
        "place": place(step.place.as_ref()),
        "subjects": step.subjects,
        "makes": step.makes,
        "removes": step.removes,
        "removes_other": step.removes_other,
        "build": step.build,
        "when": when,
        "failure_ignored": step.failure_ignored,
    })
}

fn amount(amount: Option<Amount>) -> Value {
    match amount {
        None => Value::Null,
        Some(Amount { files, bytes }) => json!({ "files": files, "bytes": bytes }),
    }
}

fn build(build: &BuildPlan) -> Value {
    let (status, message, line) = match &build.dockerfile.status {
        DockerfileStatus::Read => ("read", None, None),
        DockerfileStatus::Refused(error, at) => {
            ("refused", Some(dockerfile::message(&error.kind).text), Some(at.line))
        }
        DockerfileStatus::Beyond(why, at) => ("beyond-bounds", Some(dockerfile::opaque(why)), Some(at.line)),
        DockerfileStatus::Foreign(why) => ("foreign", Some(dockerfile::opaque(why)), None),
        DockerfileStatus::Fault(fault) => ("unreadable", Some(words::fault(fault)), None),
        DockerfileStatus::Stdin => ("stdin", None, None),
        DockerfileStatus::Elsewhere => ("elsewhere", None, None),
        DockerfileStatus::Unknown => ("unknown", None, None),
    };
    let stages = build.stages.iter().map(
        |stage| json!({ "name": stage.name, "index": stage.index, "line": stage.line, "from": stage.from }),
    );
    let widened = build.context.widened.iter();
    let widened = widened.map(|(why, line)| json!({ "line": line, "why": dockerfile::why(why) }));
    let images = build.images.iter();
    let images =
        images.map(|image| json!({ "reference": image.reference, "id": image.id, "line": image.line }));
    let externals = build.externals.iter().map(|(source, key)| json!({ "source": source, "key": key }));
    let contexts = build.contexts.iter().map(|(name, value)| json!({ "name": name, "value": value }));
    json!({
        "place": place(build.place.as_ref()),
        "engine": build.engine,
        "dockerfile": {
            "path": build.dockerfile.path,
            "status": status,
            "message": message,
            "line": line,
        },
        "target": build.target,
        "stages": stages.collect::<Vec<Value>>(),
        "tags": build.tags,
        "args": build.args.iter().map(arg).collect::<Vec<Value>>(),
        "unused_args": build.unused_args,
        "context": {
            "kind": build.context.kind,
            "path": build.context.path,
            "ignore": build.context.ignore,
            "inputs": amount(build.context.all),
            "named": amount(build.context.named),
            "widened": widened.collect::<Vec<Value>>(),
        },
        "contexts": contexts.collect::<Vec<Value>>(),
        "images": images.collect::<Vec<Value>>(),
        "externals": externals.collect::<Vec<Value>>(),
        "secrets": build.secrets,
        "platforms": build.platforms,
        "push": build.push,
    })
}

fn arg(arg: &ArgPlan) -> Value {
    let from = match arg.from {
        Origin::BuildArg if arg.inherited => "environment",
        Origin::BuildArg => "command-line",
        Origin::Default => "default",
        Origin::Global => "global",
        Origin::Platform => "platform",
        Origin::Predefined => "predefined",
        Origin::Unset => "unset",
    };
    let value = match &arg.value {
        ArgValue::Known(value) => Some(value.as_str()),
        ArgValue::Masked | ArgValue::Unknown | ArgValue::Unset => None,
    };
    json!({
        "name": arg.name,
        "value": value,
        "masked": arg.value == ArgValue::Masked,
        "known": arg.value != ArgValue::Unknown,
        "from": from,
        "variables": arg.variables,
        "place": place(arg.place.as_ref()),
    })
}

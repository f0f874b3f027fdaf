//! The list as JSON, for programs: docs/list.md has the schema. Knows nothing of terminals.

use super::Target;
use crate::base::json;
use serde_json::{Value, json};

/// Version of the schema. It grows with every change that is not an addition.
pub const VERSION: u32 = 1;

/// The list, with a newline at its end.
pub fn json(targets: &[Target]) -> Vec<u8> {
    let default = targets.iter().find(|target| target.is_default).map(|target| &target.name);
    let targets: Vec<Value> = targets.iter().map(object).collect();
    let value = json!({ "version": VERSION, "default": default, "targets": targets });
    json::pretty(&value)
}

fn object(target: &Target) -> Value {
    let given = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    json!({
        "name": target.name,
        "description": given(&target.description),
        "group": given(&target.group),
        "default": target.is_default,
        "phony": target.is_phony,
        "tags": target.tags,
        "place": {
            "file": String::from_utf8_lossy(target.place.file),
            "line": target.place.line,
        },
    })
}

//! The audit as SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format), which CI services show in place. Knows nothing
//! of terminals.

use super::Report;
use super::words::{mended, title, unread};
use crate::image::audit::{Audit, Criterion, Finding, Level};
use crate::image::secret;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The report, with a newline at its end.
pub fn sarif(report: &Report<'_>) -> Vec<u8> {
    let mut rules: BTreeMap<&'static str, Criterion> = BTreeMap::new();
    for finding in report.audits.iter().flat_map(|audit| &audit.findings) {
        rules.insert(finding.kind.code(), finding.criterion());
    }
    let index: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(at, code)| (*code, at)).collect();
    let results: Vec<Value> = report
        .audits
        .iter()
        .flat_map(|audit| audit.findings.iter().map(|finding| result(audit, finding, &index)))
        .collect();
    let notes: Vec<Value> = report
        .audits
        .iter()
        .flat_map(|audit| &audit.unread)
        .map(|why| json!({ "level": "error", "message": { "text": unread(why) } }))
        .collect();
    let rules: Vec<Value> = rules.iter().map(|(code, criterion)| rule(code, *criterion)).collect();
    let value = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "imk",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "utf16CodeUnits",
            "invocations": [{ "executionSuccessful": notes.is_empty(), "toolExecutionNotifications": notes }],
            "results": results,
        }],
    });
    let mut text = serde_json::to_vec_pretty(&value).unwrap_or_default();
    text.push(b'\n');
    text
}

fn rule(code: &str, criterion: Criterion) -> Value {
    // A rule's name is one word in Pascal case.
    let name: String = code
        .split('-')
        .map(|part| {
            let mut letters = part.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<String>()
        })
        .collect();
    json!({
        "id": code,
        "name": name,
        "shortDescription": { "text": format!("A good image: {}", title(criterion)) },
        "properties": { "criterion": criterion.code() },
    })
}

fn result(audit: &Audit, finding: &Finding, rules: &BTreeMap<&str, usize>) -> Value {
    let message = mended(finding);
    let mut text = secret::masked(&message.text);
    if let Some(mend) = &message.hint {
        text = format!("{text}. {mend}");
    }
    let mut properties = Map::new();
    properties.insert("criterion".into(), finding.criterion().code().into());
    properties.insert("target".into(), finding.target.clone().into());
    properties.insert("inherited".into(), finding.inherited.into());
    if let Some(image) = &audit.reference {
        properties.insert("image".into(), image.clone().into());
    }
    if let Some(layer) = &finding.layer {
        properties.insert("layer".into(), json!({ "index": layer.index, "digest": layer.digest }));
    }
    if let Some(bytes) = finding.bytes {
        properties.insert("bytes".into(), bytes.into());
    }
    let code = finding.kind.code();
    let mut out = json!({
        "ruleId": code,
        "ruleIndex": rules.get(code),
        "level": match finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "note",
        },
        "message": { "text": text },
        "properties": properties,
    });
    // What has no place of its own belongs to the Dockerfile: services show only what has a file.
    let file = finding.place.as_ref().map(|place| place.file.clone()).or_else(|| audit.dockerfile.clone());
    if let (Some(file), Value::Object(object)) = (file, &mut out) {
        let mut physical = json!({ "artifactLocation": { "uri": uri(&file) } });
        if let Some(place) = &finding.place {
            physical["region"] = region(place);
        }
        let mut location = json!({ "physicalLocation": physical });
        if let Some(stage) = &finding.stage {
            let name = stage.name.clone().unwrap_or_else(|| stage.index.to_string());
            location["logicalLocations"] = json!([{ "name": name, "kind": "module" }]);
        }
        object.insert("locations".into(), json!([location]));
    }
    out
}

/// The region of a place: columns are of UTF-16, and the last is one past the end.
fn region(place: &crate::image::recipe::Place) -> Value {
    let (Some(column), Some(text)) = (place.column, &place.text) else {
        return json!({ "startLine": place.line });
    };
    let units = |end: usize| {
        let end = (0..=end.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text[..end].encode_utf16().count() + 1
    };
    json!({
        "startLine": place.line,
        "startColumn": units(column - 1),
        "endColumn": units(column - 1 + place.length),
        "snippet": { "text": secret::masked(text) },
    })
}

/// A path as a URI reference (RFC 3986): what is no unreserved character is escaped.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for &byte in path.as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte))
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    match path.starts_with('/') {
        true => format!("file://{out}"),
        false => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        assert_eq!(uri("a b/Dockerfile"), "a%20b/Dockerfile");
        assert_eq!(uri("/x/ö"), "file:///x/%C3%B6");
    }
}

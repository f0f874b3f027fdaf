//! The audit as SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format), which CI services show in place. Knows nothing
//! of terminals.

use super::super::dockerfile::Message;
use super::Report;
use super::words::{NOT_JUDGED, mended, title, unread, unread_at};
use crate::base::json;
use crate::base::secret;
use crate::image::audit::{Audit, Criterion, Finding, Level, Unread};
use crate::image::recipe::Place;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The report, with a newline at its end.
pub fn sarif(report: &Report<'_>) -> Vec<u8> {
    let mut rules: BTreeMap<&'static str, Option<Criterion>> = BTreeMap::new();
    for finding in report.audits.iter().flat_map(|audit| &audit.findings) {
        rules.insert(finding.kind.code(), Some(finding.criterion()));
    }
    if report.audits.iter().any(|audit| !audit.unread.is_empty()) {
        rules.insert(NOT_JUDGED, None);
    }
    let index: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(at, code)| (*code, at)).collect();
    let results: Vec<Value> = report
        .audits
        .iter()
        .flat_map(|audit| {
            let unread = audit.unread.iter().map(|why| not_judged(audit, why, &index));
            unread.chain(audit.findings.iter().map(|finding| result(audit, finding, &index)))
        })
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
    json::pretty(&value)
}

fn rule(code: &str, criterion: Option<Criterion>) -> Value {
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
    let Some(criterion) = criterion else {
        return json!({ "id": code, "name": name, "shortDescription": { "text": "An image that can be judged" } });
    };
    json!({
        "id": code,
        "name": name,
        "shortDescription": { "text": format!("A good image: {}", title(criterion)) },
        "properties": { "criterion": criterion.code() },
    })
}

/// What is wrong and how to mend it, values of secrets masked.
fn sentences(message: &Message) -> String {
    let text = secret::masked(&message.text);
    match &message.hint {
        Some(mend) => format!("{text}. {mend}"),
        None => text,
    }
}

/// What each result of an image has.
fn properties(audit: &Audit, target: &str) -> Map<String, Value> {
    let mut properties = Map::new();
    properties.insert("target".into(), target.into());
    if let Some(image) = &audit.reference {
        properties.insert("image".into(), image.clone().into());
    }
    properties
}

/// What could not be judged, as a result: services show no notifications.
fn not_judged(audit: &Audit, why: &Unread, rules: &BTreeMap<&str, usize>) -> Value {
    let (place, message) = unread_at(why);
    let text = format!("{} could not be judged: {}", audit.target, sentences(&message));
    let mut out = json!({
        "ruleId": NOT_JUDGED,
        "ruleIndex": rules.get(NOT_JUDGED),
        "level": "error",
        "message": { "text": text },
        "properties": properties(audit, &audit.target),
    });
    if let Some(location) = location(audit, place) {
        out["locations"] = json!([location]);
    }
    out
}

/// Where a result is. What has no place of its own belongs to the Dockerfile: services show only what has a file.
fn location(audit: &Audit, place: Option<&Place>) -> Option<Value> {
    let file = place.map(|place| &place.file).or(audit.dockerfile.as_ref())?;
    let mut physical = json!({ "artifactLocation": { "uri": uri(file) } });
    if let Some(place) = place {
        physical["region"] = region(place);
    }
    Some(json!({ "physicalLocation": physical }))
}

fn result(audit: &Audit, finding: &Finding, rules: &BTreeMap<&str, usize>) -> Value {
    let mut properties = properties(audit, &finding.target);
    properties.insert("criterion".into(), finding.criterion().code().into());
    properties.insert("inherited".into(), finding.inherited.into());
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
        "message": { "text": sentences(&mended(finding)) },
        "properties": properties,
    });
    if let Some(mut location) = location(audit, finding.place.as_ref()) {
        if let Some(stage) = &finding.stage {
            let name = stage.name.clone().unwrap_or_else(|| stage.index.to_string());
            location["logicalLocations"] = json!([{ "name": name, "kind": "module" }]);
        }
        out["locations"] = json!([location]);
    }
    out
}

/// The region of a place: columns are of UTF-16, and the last is one past the end.
fn region(place: &Place) -> Value {
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
    use crate::base::source::Span;
    use crate::image::dockerfile;

    #[test]
    fn what_could_not_be_judged_is_a_result_at_its_place() {
        let fault = dockerfile::Error::new(Span::new(13, 18), dockerfile::ErrorKind::NoStage);
        let place = Place::of("Dockerfile", b"FROM scratch\nCOPPY a b\n", fault.span);
        let audit = Audit {
            target: "app".to_owned(),
            unread: vec![Unread::Refused(Box::new(place), fault)],
            ..Audit::default()
        };
        let text = sarif(&Report { audits: &[audit], goals: &[], is_static: true });
        let log: Value = serde_json::from_slice(&text).unwrap();
        let run = &log["runs"][0];
        let result = &run["results"][0];
        assert_eq!((&result["ruleId"], &result["level"]), (&json!(NOT_JUDGED), &json!("error")));
        assert_eq!(run["tool"]["driver"]["rules"][0]["id"], NOT_JUDGED);
        assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 2);
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    }

    #[test]
    fn paths_become_uris() {
        assert_eq!(uri("a b/Dockerfile"), "a%20b/Dockerfile");
        assert_eq!(uri("/x/ö"), "file:///x/%C3%B6");
    }
}

//! The audit as JSON, for programs: docs/audit.md has the schema. Knows nothing of terminals.

use super::words::{mended, unread};
use super::{Report, verdict};
use crate::base::json;
use crate::base::secret;
use crate::image::audit::{Audit, Criterion, Finding, Layer, Sizes};
use crate::image::recipe::Place;
use serde_json::{Map, Value, json};

/// Version of the schema. It grows with every change that is not an addition.
pub const VERSION: u32 = 1;

/// The report, with a newline at its end.
pub fn json(report: &Report<'_>) -> Vec<u8> {
    let (errors, warnings, infos) = report.counts();
    let value = json!({
        "version": VERSION,
        "passed": report.passes(),
        "static": report.is_static,
        "goals": report.goals.iter().map(|goal| String::from_utf8_lossy(goal)).collect::<Vec<_>>(),
        "errors": errors,
        "warnings": warnings,
        "infos": infos,
        "unjudged": report.unjudged(),
        "images": report.audits.iter().map(audit).collect::<Vec<_>>(),
    });
    json::pretty(&value)
}

fn audit(audit: &Audit) -> Value {
    let verdicts: Map<String, Value> = Criterion::ALL
        .iter()
        .map(|&criterion| (criterion.code().to_owned(), Value::from(verdict(audit, criterion))))
        .collect();
    json!({
        "target": audit.target,
        "image": audit.reference,
        "dockerfile": audit.dockerfile,
        "stage": audit.stage,
        "passed": !audit.fails(),
        "unread": audit.unread.iter().map(unread).collect::<Vec<_>>(),
        "verdicts": verdicts,
        "findings": audit.findings.iter().map(finding).collect::<Vec<_>>(),
        "sizes": audit.sizes.as_ref().map(sizes),
    })
}

fn finding(finding: &Finding) -> Value {
    let message = mended(finding);
    let stage = finding.stage.as_ref();
    let place = finding.place.as_ref();
    json!({
        "level": finding.level.name(),
        "criterion": finding.criterion().code(),
        "code": finding.kind.code(),
        "message": secret::masked(&message.text),
        "mend": message.hint,
        "stage": stage.map(|stage| stage.name.clone().unwrap_or_else(|| stage.index.to_string())),
        "file": place.map(|place| place.file.as_str()),
        "line": place.map(|place| place.line),
        "column": place.and_then(|place| place.column),
        "length": place.filter(|place| place.column.is_some()).map(|place| place.length),
        "source": place.and_then(|place| place.text.as_deref()).map(secret::masked),
        "layer": finding.layer.as_ref().map(layer),
        "bytes": finding.bytes,
        "inherited": finding.inherited,
    })
}

fn layer(layer: &Layer) -> Value {
    json!({ "index": layer.index, "digest": layer.digest, "created_by": secret::masked(&layer.created_by) })
}

fn line(place: Option<&Place>) -> Option<usize> {
    place.map(|place| place.line)
}

fn sizes(sizes: &Sizes) -> Value {
    let layers: Vec<Value> = sizes
        .layers
        .iter()
        .map(|own| {
            json!({
                "layer": layer(&own.layer),
                "bytes": own.bytes,
                "hidden": own.hidden,
                "files": own.files,
                "inherited": own.inherited,
                "line": line(own.place.as_ref()),
            })
        })
        .collect();
    let files: Vec<Value> = sizes
        .files
        .iter()
        .map(|file| {
            json!({ "path": file.path, "bytes": file.bytes, "layer": file.layer, "inherited": file.inherited })
        })
        .collect();
    json!({
        "image": sizes.reference,
        "id": sizes.id,
        "bytes": sizes.total,
        "hidden": sizes.hidden,
        "layers": layers,
        "files": files,
    })
}

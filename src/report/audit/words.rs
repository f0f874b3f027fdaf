//! The words of the audit that all its forms share. Knows no places.

use super::super::dockerfile::{self, Message};
use super::super::plan::file_fault;
use super::super::style::bytes;
use super::{image, stages};
use crate::image::audit::{Criterion, Finding, Kind, Unread};
use crate::image::recipe::Place;

/// What `kind` says, with how to mend it as the hint.
pub fn message(kind: &Kind) -> Message {
    match kind {
        Kind::Stages(kind) => stages::message(kind),
        Kind::Image(kind) => image::message(kind),
    }
}

/// What a finding says, and that it comes with the base where it does.
pub fn mended(finding: &Finding) -> Message {
    let mut message = message(&finding.kind);
    if finding.inherited {
        message.text.push_str(" (it comes with the base)");
    }
    message
}

/// A finding on one line, with where it is and what it weighs, and how to mend it.
pub fn line(finding: &Finding) -> (String, Option<String>) {
    let Message { text, hint } = message(&finding.kind);
    let mut about = Vec::new();
    if let Some(place) = &finding.place {
        about.push(format!("{}:{}", place.file, place.line));
    }
    if let Some(layer) = &finding.layer {
        about.push(format!("layer {}", layer.index));
    }
    if let Some(own) = finding.bytes.filter(|bytes| *bytes > 0) {
        about.push(bytes(own));
    }
    if finding.inherited {
        about.push("it comes with the base".to_owned());
    }
    match about.is_empty() {
        true => (text, hint),
        false => (format!("{text} ({})", about.join(", ")), hint),
    }
}

/// A criterion in a few words.
pub fn title(criterion: Criterion) -> &'static str {
    match criterion {
        Criterion::UpToDate => "kept up to date",
        Criterion::Reproducible => "reproducible",
        Criterion::NoCompilers => "no compilers",
        Criterion::Size => "reasonably small",
        Criterion::NonRoot => "not root",
        Criterion::ReadOnlyEnvironment => "environment read-only",
        Criterion::RebuildOrder => "quick to rebuild",
        Criterion::Base => "a base with long support",
        Criterion::FewLayers => "few layers",
        Criterion::Wheels => "packages from wheels",
        Criterion::Stages => "stages part build from run",
        Criterion::Tarballs => "downloads verified",
        Criterion::SmokeTest => "tested before release",
        Criterion::Secrets => "no secrets",
    }
}

/// The code of what could not be judged, where a form wants one.
pub const NOT_JUDGED: &str = "not-judged";

/// Why stages, or the image, could not be judged, and where that is, apart from each other.
pub fn unread_at(unread: &Unread) -> (Option<&Place>, Message) {
    let text = match unread {
        Unread::Refused(place, error) => {
            let Message { text, hint } = dockerfile::message(&error.kind);
            return (Some(place), Message { text: format!("the Dockerfile is refused: {text}"), hint });
        }
        Unread::Beyond(place, why) => {
            let text = format!("the Dockerfile can't be judged: {}", dockerfile::opaque(why));
            return (Some(place), Message { text, hint: None });
        }
        Unread::NoFile => "the Dockerfile is no file of this machine".to_owned(),
        Unread::Fault(path, fault) => format!("{path} can't be read: {}", file_fault(fault)),
        Unread::Foreign(path, why) => format!("{path} can't be judged: {}", dockerfile::opaque(why)),
        Unread::Image(why) => why.clone(),
        Unread::NotRepeated(why) => format!("it was not built a second time: {why}"),
        Unread::NotStarted(why) => format!("it was not started: {why}"),
        Unread::Unknown => "the stage is known only to the running shell".to_owned(),
    };
    (None, Message { text, hint: None })
}

/// The same in a sentence.
pub fn unread(unread: &Unread) -> String {
    match unread {
        Unread::Refused(place, error) => {
            let Place { file, line, .. } = &**place;
            format!("{file}:{line} is refused: {}", dockerfile::message(&error.kind).text)
        }
        Unread::Beyond(place, why) => {
            let Place { file, line, .. } = &**place;
            format!("{file}:{line} can't be judged: {}", dockerfile::opaque(why))
        }
        other => unread_at(other).1.text,
    }
}

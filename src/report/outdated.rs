//! Which base images have moved, in words and as JSON. Compares nothing.

use super::audit::unread;
use super::style::{Style, WIDTH, counted, printable, wrapped};
use crate::base::json;
use crate::image::audit::outdated::{Base, Outdated, Source, State};
use serde_json::{Value, json};

/// Version of the JSON's schema. It grows with every change that is not an addition.
pub const VERSION: u32 = 1;

/// Columns of the word that says how a base compares.
const COLUMN: usize = 12;

/// Whether everything could be compared.
fn is_complete(found: &Outdated) -> bool {
    found.unread.is_empty() && !found.bases.iter().any(Base::is_unknown)
}

/// The exit status: 1 where a base has moved, else 2 where one could not be compared.
pub fn status(found: &Outdated) -> i32 {
    match (found.bases.iter().any(Base::is_moved), !is_complete(found)) {
        (true, _) => 1,
        (_, true) => 2,
        _ => 0,
    }
}

/// The stable name of a state, in JSON.
fn name(state: &State) -> &'static str {
    match state {
        State::Current => "current",
        State::Moved => "moved",
        State::Absent => "absent",
        State::Local => "local",
        State::Fixed => "fixed",
        State::OnePlatform => "one-platform",
        State::Gone => "gone",
        State::Unnamed => "unnamed",
        State::Unread(_) => "unread",
    }
}

/// How it is shown to people.
fn shown(state: &State) -> &'static str {
    match state {
        State::Current => "up to date",
        State::Moved => "moved",
        State::Absent => "not here",
        State::Local => "local",
        State::Fixed => "fixed",
        _ => "not known",
    }
}

/// What is to be said besides; none where the state says it all.
fn why(base: &Base) -> Option<String> {
    Some(match &base.state {
        State::Current | State::Moved => return None,
        State::Absent => "the next build takes what the registry has".to_owned(),
        State::Local => "the engine's image was built or loaded, and has no registry's digest".to_owned(),
        State::Fixed => "its digest is locked without a tag that could move".to_owned(),
        State::OnePlatform => {
            "it is locked to one platform's manifest, and the tag names a list of them".to_owned()
        }
        State::Gone => "the registry has nothing under this name".to_owned(),
        State::Unnamed => "its name is known only to the running shell".to_owned(),
        State::Unread(fault) => fault.message(),
    })
}

/// Beginning of a digest, enough to tell two apart.
fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

fn holder(from: Source) -> &'static str {
    match from {
        Source::Lock => "locked",
        Source::Engine => "on the engine",
        Source::Build => "of the last build",
    }
}

/// What mends a base that has moved.
fn mend(base: &Base) -> String {
    match base.from {
        Source::Lock => format!("lock {}", base.registry.as_deref().unwrap_or_default()),
        Source::Engine => format!("pull {}, or build with --pull", base.shown),
        Source::Build => "build again with --pull".to_owned(),
    }
}

/// The report.
pub fn text(found: &Outdated, style: Style) -> String {
    let bases = &found.bases;
    let mut out = String::new();
    for (target, why) in &found.unread {
        let words = format!("target '{target}': {}", unread(why));
        let words: Vec<String> = printable(&words).split(' ').map(str::to_owned).collect();
        let word = "not known";
        let gap = " ".repeat(COLUMN - word.len());
        out.push_str(&format!("{}{gap}{}\n", style.warning(word), wrapped(&words, "", COLUMN, COLUMN)));
    }
    for base in bases {
        let word = shown(&base.state);
        let coloured = match &base.state {
            State::Moved => style.warning(word),
            State::Current | State::Absent | State::Local | State::Fixed => word.to_owned(),
            _ => style.warning(word),
        };
        let gap = " ".repeat(COLUMN - word.chars().count());
        let places: Vec<String> =
            base.uses.iter().map(|own| format!("{}:{}", own.place.file, own.place.line)).collect();
        let mut places = places;
        places.dedup();
        let name = style.bold(&printable(&base.shown));
        let used = COLUMN + base.shown.chars().count() + 1;
        let places = wrapped(&[format!("({})", printable(&places.join(", ")))], "", used, COLUMN);
        out.push_str(&format!("{coloured}{gap}{name} {places}\n"));
        let mut line = |text: &str| {
            let words: Vec<String> = printable(text).split(' ').map(str::to_owned).collect();
            let indent = " ".repeat(COLUMN);
            out.push_str(&format!("{indent}{}\n", wrapped(&words, "", COLUMN, COLUMN)));
        };
        if let (State::Moved, Some(here), Some(there)) = (&base.state, &base.here, &base.registry) {
            line(&format!("{} {}, {} at the registry", short(here), holder(base.from), short(there)));
            let hint = mend(base);
            // A digest is there to be copied: it is never broken.
            let fits = hint.chars().count() + COLUMN + 2 <= WIDTH;
            let hint =
                if fits { hint } else { hint.replacen(' ', &format!("\n{}", " ".repeat(COLUMN + 2)), 1) };
            out.push_str(&format!("{}{} {}\n", " ".repeat(COLUMN), style.dim("="), hint));
        } else if let Some(why) = why(base) {
            line(&why);
        }
    }
    let count = |wanted: &dyn Fn(&Base) -> bool| bases.iter().filter(|base| wanted(base)).count() as u64;
    let all = counted(bases.len() as u64, "base image");
    let mut parts = vec![format!("{} moved", count(&Base::is_moved))];
    parts.push(format!("{} up to date", count(&|base| base.state == State::Current)));
    let unknown = count(&Base::is_unknown) + found.unread.len() as u64;
    if unknown > 0 {
        parts.push(format!("{unknown} could not be compared"));
    }
    out.push_str(&format!("\n{all}: {}\n", parts.join(", ")));
    out
}

/// The report as JSON, with a newline at its end.
pub fn json(found: &Outdated) -> Vec<u8> {
    let bases = &found.bases;
    let base = |base: &Base| {
        let uses: Vec<Value> = base
            .uses
            .iter()
            .map(|own| json!({ "target": own.target, "file": own.place.file, "line": own.place.line }))
            .collect();
        let from = base.here.as_ref().map(|_| match base.from {
            Source::Lock => "lock",
            Source::Engine => "engine",
            Source::Build => "build",
        });
        json!({
            "image": base.shown,
            "state": name(&base.state),
            "here": base.here,
            "from": from,
            "registry": base.registry,
            "why": why(base),
            "uses": uses,
        })
    };
    let value = json!({
        "version": VERSION,
        "moved": bases.iter().any(Base::is_moved),
        "complete": is_complete(found),
        "unread": found
            .unread
            .iter()
            .map(|(target, why)| json!({ "target": target, "why": unread(why) }))
            .collect::<Vec<_>>(),
        "images": bases.iter().map(base).collect::<Vec<_>>(),
    });
    json::pretty(&value)
}

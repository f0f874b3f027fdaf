//! How old an image's base is, and how long its distribution's release is supported. Knows no packages.

use super::super::finding::{Finding, Level};
use super::super::releases::{self, Date, Support};
use super::kinds::Kind;
use super::view::View;
use crate::image::layers::{Kind as FileKind, SavedImage};

/// Days before the end of support from which a word is said.
const SOON: i64 = 120;

/// Distributions that have no releases, though their os-release may tell a version.
const ROLLING: [&str; 9] = [
    "arch",
    "archarm",
    "opensuse-tumbleweed",
    "kali",
    "void",
    "gentoo",
    "wolfi",
    "chainguard",
    "nixos-unstable",
];

/// What os-release tells.
struct Release {
    id: String,
    version: String,
    codename: String,
    name: String,
}

fn os_release(text: &[u8]) -> Release {
    let text = String::from_utf8_lossy(text);
    let value = |wanted: &str| {
        let mut pairs = text.lines().filter_map(|line| line.split_once('='));
        let found = pairs.find(|(key, _)| key.trim() == wanted);
        found.map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_owned()).unwrap_or_default()
    };
    let pretty = value("PRETTY_NAME");
    let name = if pretty.is_empty() { value("NAME") } else { pretty };
    Release { id: value("ID"), version: value("VERSION_ID"), codename: value("VERSION_CODENAME"), name }
}

/// The image's os-release (os-release(5): the file in etc comes first).
fn of_image(image: &SavedImage) -> Option<Release> {
    let content = image.content_at(b"etc/os-release").or_else(|| image.content_at(b"usr/lib/os-release"));
    content.map(os_release)
}

/// The `ID` of the image's distribution; empty where it tells none.
pub(super) fn distribution(image: &SavedImage) -> String {
    of_image(image).map(|release| release.id).unwrap_or_default()
}

pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    age(view, found);
    let Some(release) = of_image(view.image) else { return };
    let name = super::view::shown(if release.name.is_empty() {
        release.id.as_bytes()
    } else {
        release.name.as_bytes()
    });
    let base = |level: Level, kind: Kind| {
        let mut finding = view.finding(level, kind);
        finding.inherited = view.origins.base > 0;
        finding
    };
    // Alpine's edge is 3.22_alpha20250108.
    let rolling = release.version.is_empty()
        || ROLLING.contains(&&release.id[..])
        || release.version.contains("_alpha");
    let version = if release.version.is_empty() { &release.codename } else { &release.version };
    let known = releases::find(&release.id, version);
    if (rolling && !release.id.is_empty()) || known.is_some_and(|known| known.support == Support::Rolling) {
        found.push(base(Level::Warning, Kind::RollingRelease { name: name.clone() }));
    } else if let Some(until) = known.and_then(|known| known.until) {
        let days = view.setting.today.days() - until.days();
        if days > -SOON {
            let level = if days > 0 { Level::Warning } else { Level::Info };
            found
                .push(base(level, Kind::EndOfLife { release: name.clone(), until: until.to_string(), days }));
        }
    }
    musl(view, name, found);
}

fn age(view: &View<'_>, found: &mut Vec<Finding>) {
    let config = &view.image.config;
    // Without the base image itself, the time of its topmost layer serves.
    let step =
        view.origins.base.checked_sub(1).and_then(|layer| view.origins.steps.get(layer).copied().flatten());
    let of_layer = step.and_then(|step| config.history.get(step)).and_then(|step| day(&step.created));
    let base = &view.subject.base;
    let Some(made) = base.created.map(Date::of_seconds).or(of_layer) else { return };
    let days = view.setting.today.days() - made.days();
    // Reproducible builds set the time to 0, or to a year such as 1980.
    if made.year < 2000 || days <= view.setting.base_days {
        return;
    }
    let mut finding = view.finding(Level::Warning, Kind::OldBase { base: base.name.clone(), days });
    finding.inherited = true;
    found.push(finding);
}

/// The day of a time as configurations write it.
fn day(time: &str) -> Option<Date> {
    Date::parse(time.get(..10)?)
}

fn musl(view: &View<'_>, name: String, found: &mut Vec<Finding>) {
    let image = view.image;
    let folder = |path: &[u8]| image.resolve(path).ok();
    let loader = folder(b"lib")
        .is_some_and(|folder| image.children(folder).any(|child| image.name(child).starts_with(b"ld-musl-")));
    if !loader {
        return;
    }
    let python = image.shipped().any(|entry| {
        matches!(entry.kind, FileKind::File | FileKind::HardLink)
            && image.name(entry.path).starts_with(b"python3")
            && image.name(image.parent(entry.path)) == b"bin"
    });
    let pip = image.shipped().find(|entry| {
        let folder = image.name(image.parent(entry.path));
        entry.kind == FileKind::Folder
            && image.name(entry.path) == b"pip"
            && (folder == b"site-packages" || folder == b"dist-packages")
    });
    if let (true, Some(pip)) = (python, pip) {
        found.push(view.in_layer(Level::Warning, Kind::MuslPython { name }, pip.layer, 0));
    }
}

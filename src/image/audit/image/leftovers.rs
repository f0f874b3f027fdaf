//! Files that ship and that nobody needs who runs the image: package lists, caches, static libraries, tests. Knows no layers' merging.

use super::super::finding::{Finding, Level};
use super::kinds::{Kind, Leftover};
use super::view::{View, bytes};
use crate::image::layers::{Entry, Kind as FileKind};

/// Bytes below which a layer's leftovers are not worth a word.
const LEAST: u64 = 100_000;
/// Bytes from which tests and static libraries are worth a warning; fewer are info.
const WARNING: u64 = 1_000_000;

/// What a path is a leftover of.
fn leftover(path: &[u8], name: &[u8]) -> Option<Leftover> {
    let below = |folder: &[u8]| path.starts_with(folder);
    if below(b"var/lib/apt/lists/")
        || below(b"var/cache/apt/")
        || below(b"var/cache/apk/")
        || below(b"var/cache/dnf/")
        || below(b"var/cache/yum/")
    {
        return Some(Leftover::PackageLists);
    }
    let within = |part: &[u8]| memchr::memmem::find(path, part).is_some();
    if within(b"/.cache/pip/")
        || within(b"/.cache/uv/")
        || within(b"/.cache/pypoetry/")
        || below(b"var/cache/pip/")
    {
        return Some(Leftover::PipCache);
    }
    if name.ends_with(b".a") && name.len() > 2 {
        return Some(Leftover::StaticLibraries);
    }
    // Tests of Python's own library and of packages; a package that is called so itself (`tests/` at the top of
    // site-packages) is one too.
    let python = within(b"/python3") || within(b"/site-packages/") || within(b"/dist-packages/");
    (python && (within(b"/tests/") || within(b"/test/"))).then_some(Leftover::Tests)
}

/// The path up to and with the last folder that makes it a leftover, to be shown for all in it.
fn folder_of(path: &str, what: Leftover) -> String {
    let marks: &[&str] = match what {
        Leftover::PackageLists => {
            &["var/lib/apt/lists", "var/cache/apt", "var/cache/apk", "var/cache/dnf", "var/cache/yum"]
        }
        Leftover::PipCache => &[".cache/pip", ".cache/uv", ".cache/pypoetry", "var/cache/pip"],
        Leftover::Tests => &["/tests", "/test"],
        Leftover::StaticLibraries => &[],
    };
    let end = marks.iter().find_map(|mark| path.find(mark).map(|at| at + mark.len()));
    end.and_then(|end| path.get(..end)).unwrap_or(path).to_owned()
}

pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    let image = view.image;
    let mut groups: std::collections::BTreeMap<(Leftover, u16), Vec<&Entry>> =
        std::collections::BTreeMap::new();
    for entry in image.shipped().filter(|entry| entry.kind == FileKind::File) {
        if let Some(what) = leftover(&image.text(entry.path), image.name(entry.path)) {
            groups.entry((what, entry.layer)).or_default().push(entry);
        }
    }
    for ((what, layer), entries) in groups {
        let bytes = bytes(&entries);
        if bytes < LEAST {
            continue;
        }
        let certain = matches!(what, Leftover::PackageLists | Leftover::PipCache) || bytes >= WARNING;
        // What the base brings can't be taken out of its layers.
        let level = match certain && !view.is_inherited(usize::from(layer)) {
            true => Level::Warning,
            false => Level::Info,
        };
        let biggest = entries.iter().max_by_key(|entry| (entry.size, std::cmp::Reverse(entry.path)));
        let path = biggest.map(|entry| folder_of(&view.path(entry.path), what)).unwrap_or_default();
        found.push(view.in_layer(level, Kind::Leftovers { what, path, files: entries.len() }, layer, bytes));
    }
}

//! Compilers in an image: those that ship, and those that a later layer hides. Knows no packages.

use super::super::finding::{Finding, Level};
use super::kinds::Kind;
use super::view::{View, bytes};
use crate::image::layers::{Entry, Kind as FileKind, SavedImage};

/// Names of compilers, without a target before them and a version behind them.
const NAMES: [&str; 27] = [
    "cc", "gcc", "g++", "c++", "c89", "c99", "cpp", "clang", "clang++", "tcc", "cc1", "cc1plus", "collect2",
    "lto1", "rustc", "go", "gccgo", "javac", "gfortran", "flang", "f95", "gnat", "ghc", "ocamlopt", "nvcc",
    "icx", "zig",
];

/// Whether a file of this name is a compiler: `gcc`, `x86_64-linux-gnu-gcc-12`, `clang-14`. Packages that only have such a name
/// (`gcc-12-base`) own no program of it.
pub(super) fn is_compiler(name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let bare = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let bare = if bare.len() < name.len() { bare.strip_suffix('-').unwrap_or(bare) } else { name };
    // A target has an architecture, a system and so on: `aarch64-linux-gnu-`.
    let last = bare.rsplit('-').next().unwrap_or(bare);
    let target = bare.strip_suffix(last).unwrap_or_default();
    let is_target = target.is_empty() || target.matches('-').count() >= 2;
    // Names with digits of their own (cc1, c99) lose them above.
    is_target && (NAMES.contains(&last) || NAMES.contains(&name))
}

/// Whether it is where programs are.
fn is_program(image: &SavedImage, entry: &Entry) -> bool {
    let folder = image.parent(entry.path);
    match image.name(folder) {
        b"bin" | b"sbin" => true,
        _ => {
            let text = image.text(folder);
            let within = |part: &[u8]| text.split(|&byte| byte == b'/').any(|name| name == part);
            within(b"gcc") || within(b"libexec")
        }
    }
}

pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    let image = view.image;
    let candidates = |entry: &&Entry| {
        is_compiler(image.name(entry.path))
            && matches!(entry.kind, FileKind::File | FileKind::HardLink | FileKind::Symlink)
            && (entry.kind == FileKind::Symlink || entry.mode & 0o111 != 0)
            && is_program(image, entry)
    };
    let all: Vec<&Entry> = image.all().filter(candidates).collect();
    // A link counts where it leads somewhere: Debian leaves none behind, others do.
    let ships = |entry: &&&Entry| {
        entry.hidden_by.is_none()
            && (entry.kind != FileKind::Symlink || image.resolve(&image.text(entry.path)).is_ok())
    };
    let is_binary = |entry: &&Entry| {
        entry.kind == FileKind::Symlink
            || image.content(entry).is_some_and(|start| start.starts_with(b"\x7fELF"))
    };
    for (layer, entries) in view.by_layer(all.iter().filter(ships).copied()) {
        let (binaries, scripts): (Vec<&Entry>, Vec<&Entry>) =
            entries.into_iter().partition(|entry| is_binary(entry));
        for (entries, certain) in [(binaries, true), (scripts, false)] {
            if entries.is_empty() {
                continue;
            }
            let level = if certain { Level::Warning } else { Level::Info };
            let kind = Kind::CompilersShip { paths: view.paths(entries.iter().copied()), certain };
            found.push(view.in_layer(level, kind, layer, bytes(&entries)));
        }
    }
    let hidden = all.iter().copied().filter(|entry| entry.is_wasted() && is_binary(entry));
    for (layer, entries) in view.by_layer(hidden) {
        // What an upgrade replaced by itself ships anyway.
        let gone: Vec<&Entry> =
            entries.into_iter().filter(|entry| image.entry(entry.path).is_none()).collect();
        if !gone.is_empty() {
            let kind = Kind::CompilersHidden { paths: view.paths(gone.iter().copied()) };
            found.push(view.in_layer(Level::Warning, kind, layer, bytes(&gone)));
        }
    }
}

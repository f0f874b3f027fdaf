//! Python environments: whether the image's user can change them, and whether their interpreter is there. Knows no packages.

use super::super::finding::{Finding, Level};
use super::kinds::{Access, Kind};
use super::view::View;
use crate::base::sorting;
use crate::base::tables::HashSet;
use crate::image::layers::{Entry, Kind as FileKind, PathId, Unresolved};

/// Folders of packages outside of virtual environments.
const PACKAGES: [&[u8]; 2] = [b"site-packages", b"dist-packages"];

/// The sticky bit: in such a folder only owners may replace what is theirs.
const STICKY: u16 = 0o1000;

pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    let image = view.image;
    let mut venvs: Vec<(PathId, &Entry)> = Vec::new();
    let mut packages: Vec<PathId> = Vec::new();
    for entry in image.shipped() {
        let name = image.name(entry.path);
        if name == b"pyvenv.cfg" && matches!(entry.kind, FileKind::File | FileKind::HardLink) {
            venvs.push((image.parent(entry.path), entry));
        } else if entry.kind == FileKind::Folder && PACKAGES.contains(&name) {
            packages.push(entry.path);
        }
    }
    sorting::sort_by_key(&mut venvs, |(root, _)| image.text(*root));
    sorting::sort_by_key(&mut packages, |folder| image.text(*folder));
    let made: HashSet<PathId> = venvs.iter().map(|(root, _)| *root).collect();
    let within = |mut path: PathId| loop {
        if made.contains(&path) {
            return true;
        }
        let parent = image.parent(path);
        if parent == path {
            return false;
        }
        path = parent;
    };
    let own = packages.into_iter().filter(|folder| !within(*folder));
    let roots: Vec<PathId> = venvs.iter().map(|(root, _)| *root).chain(own).collect();
    if !view.users.is_root() {
        roots.into_iter().for_each(|root| writable(view, root, found));
    }
    for (root, configuration) in &venvs {
        interpreter(view, *root, configuration, found);
    }
}

/// How the user can change `entry`, if it can.
fn access(view: &View<'_>, entry: &Entry) -> Option<Access> {
    let users = &view.users;
    if entry.kind == FileKind::Symlink {
        // A link's own mode means nothing; its folder's does.
        return None;
    }
    match entry.kind {
        _ if users.uid == Some(entry.uid) => Some(Access::Owns),
        FileKind::Folder if users.may(entry, 0o3) => Some(Access::WritesFolder),
        FileKind::Folder => None,
        _ => users.may(entry, 0o2).then_some(Access::Writes),
    }
}

fn writable(view: &View<'_>, root: PathId, found: &mut Vec<Finding>) {
    let image = view.image;
    let mut below = image.below(root);
    below.push(root);
    let mut bad: Vec<(&Entry, Access)> = below
        .into_iter()
        .filter_map(|path| image.entry(path))
        .filter_map(|entry| Some((entry, access(view, entry)?)))
        .collect();
    if bad.is_empty() {
        // Who may write the folder that it is in can put another in its place.
        let folder = image.entry(image.parent(root)).filter(|_| root != image.parent(root));
        let open = folder.filter(|folder| {
            view.users.uid == Some(folder.uid) || (view.users.may(folder, 0o3) && folder.mode & STICKY == 0)
        });
        bad.extend(open.map(|folder| (folder, Access::WritesFolder)));
    }
    sorting::sort_by_key(&mut bad, |(entry, _)| image.text(entry.path));
    let Some((first, how)) = bad.first() else { return };
    let kind = Kind::EnvironmentWritable {
        root: view.path(root),
        user: view.users.name.clone(),
        path: view.path(first.path),
        how: *how,
        entries: bad.len(),
    };
    // The layer that has most of them is the one to mend.
    let layers = view.by_layer(bad.iter().map(|(entry, _)| *entry));
    let Some((layer, entries)) = layers.iter().max_by_key(|(_, entries)| entries.len()) else { return };
    found.push(view.in_layer(Level::Warning, kind, *layer, super::view::bytes(entries)));
}

/// The value of a key of `pyvenv.cfg`.
fn setting(text: &[u8], wanted: &str) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .into_iter()
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value.trim().to_owned())
}

/// The minor version in a name like `python3.11`.
fn minor(name: &str) -> Option<&str> {
    let version = name.strip_prefix("python")?;
    let (major, minor) = version.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(major) && digits(minor)).then_some(version)
}

fn interpreter(view: &View<'_>, root: PathId, configuration: &Entry, found: &mut Vec<Finding>) {
    let image = view.image;
    let root_text = image.text(root);
    let inside = |rest: &str| [&root_text[..], b"/", rest.as_bytes()].concat();
    let report = |kind: Kind| view.in_layer(Level::Error, kind, configuration.layer, 0);
    let program = ["bin/python", "bin/python3"].into_iter().find(|program| {
        let folder = image.resolve(&inside("bin"));
        let name = program.rsplit('/').next().unwrap_or_default();
        folder.is_ok_and(|folder| image.children(folder).any(|child| image.name(child) == name.as_bytes()))
    });
    let Some(program) = program else { return };
    let resolved = match image.resolve(&inside(program)) {
        Ok(path) => path,
        Err(fault) => {
            let interpreter = match fault {
                Unresolved::Absent(path) => super::view::shown(&path),
                Unresolved::Loop => super::view::shown(&inside(program)),
            };
            found.push(report(Kind::InterpreterAbsent { root: view.path(root), interpreter }));
            return;
        }
    };
    // An interpreter without a version in its name is of the version that `pyvenv.cfg` tells, as far as anyone can say.
    let interpreter = view.path(resolved);
    let name = interpreter.rsplit('/').next().unwrap_or_default().to_owned();
    let Some(actual) = minor(&name) else { return };
    let libraries = image.resolve(&inside("lib")).ok();
    let libraries: Vec<String> = libraries
        .into_iter()
        .flat_map(|folder| image.children(folder).collect::<Vec<_>>())
        .map(|child| super::view::shown(image.name(child)))
        .filter(|name| minor(name).is_some())
        .collect();
    let told = image
        .content(configuration)
        .and_then(|text| setting(text, "version").or(setting(text, "version_info")));
    let wanted = match libraries.iter().any(|name| minor(name) == Some(actual)) {
        true => return,
        false => libraries.first().and_then(|name| minor(name)).map(str::to_owned).or_else(|| {
            let told = told?;
            let mut parts = told.split('.');
            Some(format!("{}.{}", parts.next()?, parts.next()?)).filter(|told| told != actual)
        }),
    };
    if let Some(wanted) = wanted {
        found.push(report(Kind::InterpreterOther { root: view.path(root), wanted, interpreter }));
    }
}

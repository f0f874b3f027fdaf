//! Lock files of Python packages: which versions they name, and what changed between two of them. Reads poetry.lock, uv.lock and
//! pdm.lock, which machines write as TOML of one form, and requirements files of pip. Knows nothing of who asks.

use super::audit::stages::requirements::{self, name_of};
use crate::base::sorting;
use std::collections::BTreeMap;

/// The names that lock files go by, in the order in which they are looked for; requirements files besides.
pub const NAMES: [&str; 3] = ["poetry.lock", "uv.lock", "pdm.lock"];

/// A package's versions: several where a lock file has some for other platforms. Ordered as written.
pub type Versions = BTreeMap<String, Vec<String>>;

/// A change of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The package, its name as PyPI compares it.
    pub name: String,
    /// The versions before; empty where it is new.
    pub old: Vec<String>,
    /// The versions after; empty where it is gone.
    pub new: Vec<String>,
}

/// Whether a file of this name is a lock file that can be read.
pub fn is_lock(name: &str) -> bool {
    let requirements = name.starts_with("requirements") && name.ends_with(".txt");
    NAMES.contains(&name) || requirements
}

/// The versions that a lock file called `name` names.
pub fn versions(name: &str, text: &str) -> Versions {
    match name.ends_with(".lock") {
        true => tables(text),
        false => pinned(text),
    }
}

fn pinned(text: &str) -> Versions {
    let mut out = Versions::new();
    for one in requirements::read(text).all {
        let version = one.text.split_once("==").map_or_else(
            || one.text.split_once('@').map_or("", |(_, url)| url.trim()),
            |(_, version)| version.trim_start_matches('=').trim(),
        );
        add(&mut out, name_of(&one.text), version.to_owned());
    }
    out
}

/// The `name` and `version` of each `[[package]]`. Strings over several lines are stepped over.
fn tables(text: &str) -> Versions {
    let mut out = Versions::new();
    let (mut within, mut long) = (false, None);
    let (mut name, mut version) = (None, None);
    for line in text.lines() {
        if let Some(quotes) = long {
            if line.contains(quotes) {
                long = None;
            }
            continue;
        }
        let line = line.trim();
        if line.starts_with('[') {
            if let (Some(name), Some(version)) = (name.take(), version.take()) {
                add(&mut out, name, version);
            }
            within = line == "[[package]]";
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim());
        for quotes in ["\"\"\"", "'''"] {
            if value.starts_with(quotes) && !value[3..].contains(quotes) {
                long = Some(quotes);
            }
        }
        let string = || value.trim_matches(['"', '\'']).to_owned();
        match key {
            "name" if within => name = Some(name_of(&string())),
            "version" if within => version = Some(string()),
            _ => {}
        }
    }
    if let (Some(name), Some(version)) = (name, version) {
        add(&mut out, name, version);
    }
    out
}

fn add(out: &mut Versions, name: String, version: String) {
    let known = out.entry(name).or_default();
    if !known.contains(&version) {
        known.push(version);
    }
}

/// What changed from `old` to `new`, by name.
pub fn changes(old: &Versions, new: &Versions) -> Vec<Change> {
    let none = Vec::new();
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    sorting::sort(&mut names);
    names.dedup();
    let all = names.into_iter().map(|name| Change {
        name: name.clone(),
        old: old.get(name).unwrap_or(&none).clone(),
        new: new.get(name).unwrap_or(&none).clone(),
    });
    all.filter(|change| change.old != change.new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(versions: &Versions) -> Vec<String> {
        versions.iter().map(|(name, versions)| format!("{name} {}", versions.join("|"))).collect()
    }

    #[test]
    fn lock_files_are_read() {
        let poetry = "# This file\n[[package]]\nname = \"Foo_Bar\"\nversion = \"1.0\"\ndescription = \"\"\"\n[[package]]\nname = \"no\"\n\
                      version = \"9\"\n\"\"\"\nfiles = [\n    {file = \"x\", hash = \"y\"},\n]\n\n[package.dependencies]\nname = \"x\"\n\
                      version = \"7\"\n\n[[package]]\nname = \"foo-bar\"\nversion = \"2.0\"\n\n[metadata]\nlock-version = \"2.1\"\n";
        assert_eq!(shown(&versions("poetry.lock", poetry)), ["foo-bar 1.0|2.0"]);
        let pip = "Flask==3.0.3 --hash=sha256:0\n# c\nsix==1.17.0 ; python_version > '3'\nr @ https://h/r-1.whl\nloose\n";
        let expected = ["flask 3.0.3", "loose ", "r https://h/r-1.whl", "six 1.17.0"];
        assert_eq!(shown(&versions("requirements.txt", pip)), expected);
        assert_eq!(shown(&versions("uv.lock", "")), Vec::<String>::new());
    }

    #[test]
    fn changes_are_told() {
        let of = |text| versions("requirements.txt", text);
        let found = changes(&of("a==1\nb==1\nc==1\n"), &of("a==1\nb==2\nd==1\n"));
        let shown: Vec<String> = found
            .iter()
            .map(|one| format!("{} {} {}", one.name, one.old.join(","), one.new.join(",")))
            .collect();
        assert_eq!(shown, ["b 1 2", "c 1 ", "d  1"]);
    }
}

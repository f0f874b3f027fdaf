//! Images that an argument chooses: `FROM packages-${VERSIONS}`, with a stage for each value. One for the newest packages brings the
//! lock file out that the pinned ones are installed from. Knows nothing of taskfiles.

use super::stages::{about, is_check, names, parent, pattern, speaks_of};
use super::{MAIN, Wanted};
use crate::image::dockerfile::{Dockerfile, Kind};

/// Words in the names of stages that have what is newest.
const REFRESH: [&str; 6] = ["refresh", "update", "upgrade", "newest", "latest", "fresh"];

/// Files that pin packages, by their names' ends.
const LOCKS: [&str; 8] = [
    ".lock",
    "requirements.txt",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "bun.lockb",
    "go.sum",
    "constraints.txt",
];

/// The default of a global ARG, where it is plain text.
fn default_of(file: &Dockerfile, name: &str) -> Option<String> {
    let mut pairs = file.globals.iter().flat_map(|instruction| match &instruction.kind {
        Kind::Arg(pairs) => pairs.as_slice(),
        _ => &[],
    });
    let pair = pairs.rfind(|pair| pair.name.bytes == name.as_bytes())?;
    let value = String::from_utf8_lossy(&pair.value.as_ref()?.bytes).into_owned();
    value.chars().all(|char| char.is_alphanumeric() || "-_.".contains(char)).then_some(value)
}

/// For each stage that starts from what an argument chooses: an image for each value but the default one.
pub(super) fn variants(file: &Dockerfile, text: &[u8], main: usize) -> Vec<Wanted> {
    let names = names(file);
    let mut found = Vec::new();
    for (at, stage) in file.stages.iter().enumerate() {
        let from = String::from_utf8_lossy(&stage.from.base.bytes).into_owned();
        let Some((before, variable, after)) = pattern(&from).filter(|(.., after)| !after.contains('$'))
        else {
            continue;
        };
        let Some(default) = default_of(file, variable) else { continue };
        let index_of = |name: &str| (0..at).find(|&earlier| names[earlier].as_deref() == Some(name));
        let Some(pinned) = index_of(&format!("{before}{default}{after}").to_lowercase()) else { continue };
        for (other, name) in names.iter().enumerate().take(at) {
            let Some(name) = name.as_deref().filter(|_| other != pinned) else { continue };
            let value = name
                .strip_prefix(&before.to_lowercase())
                .and_then(|rest| rest.strip_suffix(&after.to_lowercase()))
                .filter(|value| !value.is_empty() && !is_made_into_others(file, &names, other));
            let Some(value) = value else { continue };
            let is_refresh = speaks_of(value, &REFRESH) || speaks_of(name, &REFRESH);
            // The newest packages are worth a test; else it is the image itself.
            let tested = (0..names.len()).find(|&test| {
                is_refresh && names[test].as_deref().is_some_and(is_check) && descends(file, &names, test, at)
            });
            let built = tested.or(Some(main).filter(|&main| descends(file, &names, main, at))).unwrap_or(at);
            found.push(Wanted {
                target: if is_refresh { name.to_owned() } else { format!("{MAIN}-{value}") },
                stage: names[built].clone(),
                about: about(file, text, other),
                arg: Some((variable.to_owned(), value.to_owned())),
                is_refresh,
                extract: lock_of(file, &names, pinned).filter(|_| is_refresh),
                ..Wanted::default()
            });
        }
    }
    found
}

/// Whether a stage starts from the stage `at` by its name, or copies from it: then it is no choice of an argument.
fn is_made_into_others(file: &Dockerfile, names: &[Option<String>], at: usize) -> bool {
    let named =
        |from: &[u8]| names[at].as_deref().is_some_and(|name| from.eq_ignore_ascii_case(name.as_bytes()));
    (0..names.len()).any(|stage| parent(file, names, stage) == Some(at))
        || file.stages.iter().flat_map(|stage| &stage.instructions).any(|instruction| {
            match &instruction.kind {
                Kind::Copy(copy) => copy.from.as_ref().is_some_and(|from| named(&from.bytes)),
                Kind::Run(run) => run.mounts.iter().any(|mount| mount.from().is_some_and(named)),
                _ => false,
            }
        })
}

/// Whether the stage `at` is the stage `from` or starts from it.
fn descends(file: &Dockerfile, names: &[Option<String>], at: usize, from: usize) -> bool {
    at == from || parent(file, names, at).is_some_and(|parent| descends(file, names, parent, from))
}

/// Where the lock file that the stage `at` copies is in its image, and here.
fn lock_of(file: &Dockerfile, names: &[Option<String>], at: usize) -> Option<(String, String)> {
    let mut chain = vec![at];
    while let Some(next) = parent(file, names, *chain.last()?) {
        chain.push(next);
    }
    let mut folders = vec!["/".to_owned()];
    let mut found = None;
    for &stage in chain.iter().rev() {
        for instruction in &file.stages[stage].instructions {
            match &instruction.kind {
                Kind::Workdir(path) => {
                    let path = String::from_utf8_lossy(&path.bytes).into_owned();
                    folders.push(below(folders.last()?, &path)?);
                }
                Kind::Copy(copy) if stage == at && copy.from.is_none() && !copy.parents => {
                    let destination = String::from_utf8_lossy(&copy.destination.bytes).into_owned();
                    let path = below(folders.last()?, &destination)?;
                    let is_folder = destination.ends_with('/')
                        || destination == "."
                        || destination.ends_with("/.")
                        || copy.sources.len() > 1
                        || folders.contains(&path);
                    for source in &copy.sources {
                        let source = String::from_utf8_lossy(&source.bytes).into_owned();
                        let here = source.trim_start_matches("./");
                        let name = here.rsplit('/').next().unwrap_or(here);
                        if here.contains(['*', '?', '[', '$']) || !LOCKS.iter().any(|end| name.ends_with(end))
                        {
                            continue;
                        }
                        let inside = if is_folder { below(&path, name)? } else { path.clone() };
                        let here = if here.contains('/') { here } else { "." };
                        found = Some((inside, here.to_owned()));
                    }
                }
                _ => {}
            }
        }
    }
    found
}

/// `path` as seen from `folder`; nothing where a variable stands in it.
fn below(folder: &str, path: &str) -> Option<String> {
    if path.contains(['$', '"', '\'', ' ', ':']) {
        return None;
    }
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::super::wanted;
    use super::*;
    use crate::image::dockerfile::parse;

    fn read(text: &str) -> Vec<Wanted> {
        wanted(&parse(text.as_bytes()).expect("a Dockerfile"), text.as_bytes())
    }

    #[test]
    fn a_refresh_is_tested_and_brings_the_lock_file_out() {
        let text = "ARG PKG=pinned\nFROM a AS base\nWORKDIR /src\n# The newest. All of them.\nFROM base AS pkg-refresh\nRUN x\n\
                    FROM base AS pkg-pinned\nCOPY pyproject.toml poetry.lock ./\nFROM pkg-${PKG} AS both\nFROM both AS smoke-test\nFROM both AS app\n";
        let found = read(text);
        let refresh = Wanted {
            target: "pkg-refresh".to_owned(),
            stage: Some("smoke-test".to_owned()),
            about: "The newest".to_owned(),
            arg: Some(("PKG".to_owned(), "refresh".to_owned())),
            is_refresh: true,
            extract: Some(("/src/poetry.lock".to_owned(), ".".to_owned())),
            ..Wanted::default()
        };
        assert_eq!(found[2..], [refresh]);
    }

    #[test]
    fn other_values_are_variants_of_the_image() {
        let found = read(
            "ARG ON=cpu\nFROM a AS on-cpu\nFROM b AS on-gpu\nFROM on-$ON AS app\nCOPY requirements.txt /\n",
        );
        let names: Vec<(&str, Option<&str>)> =
            found.iter().map(|one| (one.target.as_str(), one.stage.as_deref())).collect();
        assert_eq!(names, [("build", Some("app")), ("build-gpu", Some("app"))]);
        assert_eq!(found[1].arg, Some(("ON".to_owned(), "gpu".to_owned())));
        assert!(!found[1].is_refresh && found[1].extract.is_none());
        // Any stage could stand for a variable alone; those that others are made of do not.
        let found = read(
            "ARG ON=cpu\nFROM a AS base\nFROM a AS tools\nFROM base AS cpu\nFROM base AS gpu\nFROM $ON AS app\nCOPY --from=tools /x /\n",
        );
        let names: Vec<&str> = found.iter().map(|one| one.target.as_str()).collect();
        assert_eq!(names, ["build", "build-gpu"]);
    }

    #[test]
    fn lock_files_are_found_where_they_are_copied_to() {
        let at = |copy: &str| {
            let text = format!("FROM a AS x\nWORKDIR /w\n{copy}\n");
            let file = parse(text.as_bytes()).expect("a Dockerfile");
            lock_of(&file, &names(&file), 0).map(|(inside, here)| format!("{inside} {here}"))
        };
        for (copy, expected) in [
            ("COPY requirements.txt /src/", Some("/src/requirements.txt .")),
            ("COPY requirements.txt .", Some("/w/requirements.txt .")),
            ("COPY requirements.txt /w", Some("/w/requirements.txt .")),
            ("COPY ./deps/uv.lock /x/y.lock", Some("/x/y.lock deps/uv.lock")),
            ("COPY --from=b requirements.txt .", None),
            ("COPY main.py .", None),
            ("COPY *.lock .", None),
            ("COPY poetry.lock $X/", None),
        ] {
            assert_eq!(at(copy).as_deref(), expected, "{copy}");
        }
    }
}

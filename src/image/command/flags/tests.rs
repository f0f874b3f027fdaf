//! The option tables, held to the clients that are installed.

use super::*;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};

const TABLES: [(Table, &str); 4] = [
    (Table::Docker, "docker"),
    (Table::Podman, "podman"),
    (Table::Buildah, "buildah"),
    (Table::Nerdctl, "nerdctl"),
];

fn heads(table: Table) -> impl Iterator<Item = &'static str> {
    let heads = table.text().lines().filter(|line| !line.starts_with([' ', '#']));
    heads.filter_map(|line| line.strip_suffix(':')).map(|head| head.strip_suffix(" !").unwrap_or(head))
}

/// The options that `program words --help` lists, with whether they take a value; none where it does not run, or
/// shows another command's help.
fn help(program: &str, words: &str) -> Option<BTreeMap<String, (Option<char>, bool)>> {
    let mut command = Command::new(program);
    command.args(words.split_whitespace()).arg("--help").stdin(Stdio::null());
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let usage = text.split("Usage:").nth(1)?.split_whitespace().take(6).collect::<Vec<_>>().join(" ");
    if !output.status.success() || !usage.contains(words) {
        return None;
    }
    let mut options = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("  ")) {
        let line = line.trim_start();
        let (short, rest) = match line.strip_prefix('-').filter(|rest| !rest.starts_with('-')) {
            Some(rest) => match rest.split_once(", --") {
                Some((short, rest)) => (short.chars().next(), rest),
                None => continue,
            },
            None => match line.strip_prefix("--") {
                Some(rest) => (None, rest),
                None => continue,
            },
        };
        // The value's type follows after one blank, the description after several.
        let (name, after) = rest.split_once(' ').unwrap_or((rest, ""));
        let kind = after.split("  ").next().unwrap_or_default();
        let takes_value = !after.starts_with(' ') && !kind.is_empty() && !kind.contains("[=");
        options.insert(name.to_owned(), (short, takes_value));
    }
    Some(options)
}

#[test]
fn the_tables_know_every_option_of_the_installed_clients() {
    let mut missing = Vec::new();
    let mut compared = 0;
    for (table, program) in TABLES {
        for head in heads(table) {
            for name in head.split(", ").filter(|name| !name.contains('*')) {
                let Some(options) = help(program, name) else { continue };
                let section = table.section(name).unwrap().with(table.section("**"));
                let known: BTreeMap<&str, (Option<char>, Known)> =
                    section.options().map(|(short, long, known)| (long, (short, known))).collect();
                // The command's own options come before those it shares, and win.
                let mut known_shorts: BTreeMap<char, &str> = BTreeMap::new();
                for (short, _, known) in section.options() {
                    short.map(|short| known_shorts.entry(short).or_insert(known.name));
                }
                for (option, (short, takes_value)) in options.iter().filter(|(option, _)| *option != "help") {
                    compared += 1;
                    match known.get(option.as_str()) {
                        Some((_, known)) if known.takes_value != *takes_value => {
                            missing
                                .push(format!("{program} {name} --{option}: takes a value: {takes_value}"));
                        }
                        // The short name may stand with another spelling of the same option.
                        Some((_, known)) => {
                            let has = |short| known_shorts.get(&short) == Some(&known.name);
                            if !short.is_none_or(has) {
                                missing.push(format!("{program} {name} --{option}: -{short:?}"));
                            }
                        }
                        None => missing.push(format!("{program} {name} --{option}")),
                    }
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    eprintln!("{compared} options compared with installed clients");
}

#[test]
fn the_tables_are_well_formed() {
    for (table, _) in TABLES.into_iter().chain([(Table::Compose, "docker compose")]) {
        let mut names = std::collections::BTreeSet::new();
        for head in heads(table) {
            for name in head.split(", ") {
                assert!(names.insert(name), "{table:?} {name} twice");
                let section = table.section(name).unwrap();
                let mut shorts = std::collections::BTreeSet::new();
                for (short, long, known) in section.options() {
                    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
                    assert!(plain(long) && plain(known.name) && long.len() > 1, "{table:?} {name} {long}");
                    assert!(
                        short.is_none_or(|short| shorts.insert(short)),
                        "{table:?} {name} {short:?} twice"
                    );
                }
            }
        }
        assert!(names.len() > 8);
    }
}

#[test]
fn commands_have_their_tables() {
    let docker = Table::Docker;
    assert_eq!(docker.section("image rm").unwrap().canonical, "rmi");
    assert!(docker.section("run").unwrap().stops_at_operand);
    assert!(!docker.section("build").unwrap().stops_at_operand);
    assert!(docker.is_group("image") && docker.is_group("buildx") && !docker.is_group("run"));
    assert!(docker.section("nonsense").is_none());
}

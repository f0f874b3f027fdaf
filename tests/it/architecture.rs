//! The architecture's rules, checked on the sources' text: what may use what, and what a file must look like.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;

use crate::builder::Failure;

/// Most lines that a file may have.
const MAX_LINES: usize = 600;

/// Where the grammar's pairs may be seen: what is parsed leaves these as typed values.
const PARSERS: [&str; 2] = ["src/syntax/grammar/", "src/image/dockerfile/"];

/// Pairs of modules that must not know each other in either direction.
const STRANGERS: [(&str, &str); 1] = [("graph", "image")];

pub fn trials() -> Vec<Trial> {
    crate::trials![
        files_are_short,
        files_say_what_they_are_for,
        no_module_is_a_drawer,
        modules_use_only_modules_above,
        graph_and_image_are_strangers,
        the_grammar_stays_in_its_parsers,
        unsafe_code_is_in_one_folder_of_os,
        tables_ask_the_system_for_nothing,
    ]
}

/// Every source file with its path from the repository's root.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut pending = vec![root.join("src")];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let path: PathBuf = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                found.push((name, fs::read_to_string(&path).unwrap_or_default()));
            }
        }
    }
    found.sort();
    found
}

/// The lines that are code, numbered from 1, with their comments cut off.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(at, line)| {
        let line = match line.find("// ").or_else(|| line.find("//!")).or_else(|| line.find("///")) {
            Some(comment) => &line[..comment],
            None => line,
        };
        (!line.trim().is_empty()).then_some((at + 1, line))
    })
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}

fn verdict(faults: Vec<String>) -> Result<(), Failure> {
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

fn files_are_short() -> Result<(), Failure> {
    let long = sources().into_iter().filter(|(_, text)| text.lines().count() > MAX_LINES);
    verdict(
        long.map(|(name, text)| format!("{name}: {} lines, {MAX_LINES} at most", text.lines().count()))
            .collect(),
    )
}

fn files_say_what_they_are_for() -> Result<(), Failure> {
    let silent = sources().into_iter().filter(|(_, text)| !text.starts_with("//! "));
    verdict(silent.map(|(name, _)| format!("{name}: the first line is no `//!` comment")).collect())
}

fn no_module_is_a_drawer() -> Result<(), Failure> {
    let drawer =
        |name: &str| name.split(['/', '.']).any(|part| matches!(part, "util" | "utils" | "helpers" | "misc"));
    let named = sources().into_iter().filter(|(name, _)| drawer(name));
    verdict(named.map(|(name, _)| format!("{name}: a name that says nothing")).collect())
}

/// The top-level module that a source file belongs to; none for lib.rs and main.rs.
fn module_of(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("src/")?;
    let module = rest.split(['/', '.']).next()?;
    (!matches!(rest, "lib.rs" | "main.rs")).then_some(module)
}

/// Top-level modules that a piece of code names: after `crate::`, also in `crate::{a, b::c}`.
fn modules_named(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<(usize, &str)> = code(text).collect();
    let mut flat = String::new();
    let mut places = Vec::new();
    for (number, line) in lines {
        places.push((flat.len(), number));
        flat.push_str(line);
        flat.push('\n');
    }
    let mut named = Vec::new();
    for (at, _) in flat.match_indices("crate::") {
        if flat[..at].ends_with('$') {
            continue;
        }
        let number = places.iter().rev().find(|(start, _)| *start <= at).map_or(0, |(_, number)| *number);
        let rest = &flat[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => named.extend(group_heads(group).into_iter().map(|head| (number, head))),
            None => named.extend(words(rest).next().map(|head| (number, head.to_owned()))),
        }
    }
    named
}

/// The first word of each member of a `{…}` list whose opening brace is already read.
fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut head, mut fresh) = (1, Vec::new(), String::new(), true);
    for char in group.chars() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => {
                heads.push(std::mem::take(&mut head));
                fresh = true;
            }
            _ if depth == 1 && fresh && (char.is_alphanumeric() || char == '_') => head.push(char),
            ':' => fresh = false,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads.push(head);
    heads.retain(|head| !head.is_empty());
    heads
}

/// The modules of lib.rs with their places in its order.
fn declared() -> Result<BTreeMap<String, usize>, Failure> {
    let sources = sources();
    let (_, lib) = sources.iter().find(|(name, _)| name == "src/lib.rs").ok_or("there is no src/lib.rs")?;
    let modules = code(lib).filter_map(|(_, line)| {
        let line = line.trim();
        let line = line.strip_prefix("pub ").unwrap_or(line);
        line.strip_prefix("mod ")?.strip_suffix(';').map(str::to_owned)
    });
    Ok(modules.enumerate().map(|(place, name)| (name, place)).collect())
}

fn modules_use_only_modules_above() -> Result<(), Failure> {
    let order = declared()?;
    let mut faults = Vec::new();
    for (name, text) in sources() {
        let Some(module) = module_of(&name) else { continue };
        let Some(own) = order.get(module) else {
            faults.push(format!("{name}: the module {module} is not declared in lib.rs"));
            continue;
        };
        for (line, used) in modules_named(&text) {
            match order.get(&used) {
                Some(place) if place > own => {
                    faults
                        .push(format!("{name}:{line}: {module} uses {used}, which lib.rs declares below it"));
                }
                _ => {}
            }
        }
    }
    verdict(faults)
}

fn graph_and_image_are_strangers() -> Result<(), Failure> {
    let mut faults = Vec::new();
    for (name, text) in sources() {
        let Some(module) = module_of(&name) else { continue };
        for (line, used) in modules_named(&text) {
            let met = |(one, other): &(&str, &str)| {
                (module, used.as_str()) == (*one, *other) || (module, used.as_str()) == (*other, *one)
            };
            if STRANGERS.iter().any(met) {
                faults.push(format!("{name}:{line}: {module} must know nothing of {used}"));
            }
        }
    }
    verdict(faults)
}

fn the_grammar_stays_in_its_parsers() -> Result<(), Failure> {
    let mut faults = Vec::new();
    for (name, text) in sources() {
        if PARSERS.iter().any(|parser| name.starts_with(parser)) {
            continue;
        }
        for (line, code) in code(&text) {
            if words(code).any(|word| matches!(word, "pest" | "pest_derive")) {
                faults.push(format!("{name}:{line}: pest is used outside of {}", PARSERS.join(" and ")));
            }
        }
    }
    verdict(faults)
}

/// The standard library's tables ask for random bytes, and end the program where there are none.
fn tables_ask_the_system_for_nothing() -> Result<(), Failure> {
    let mut faults = Vec::new();
    for (name, text) in sources().into_iter().filter(|(name, _)| name != "src/base/tables.rs") {
        for (line, code) in code(&text) {
            let is_standard = code.contains("std::collections")
                && words(code).any(|word| matches!(word, "HashMap" | "HashSet"));
            if is_standard || words(code).any(|word| word == "RandomState") {
                faults.push(format!("{name}:{line}: hash tables are those of base::tables"));
            }
        }
    }
    verdict(faults)
}

fn unsafe_code_is_in_one_folder_of_os() -> Result<(), Failure> {
    let uses = |text: &str| code(text).any(|(_, line)| words(line).any(|word| word == "unsafe"));
    let files = sources().into_iter().filter(|(_, text)| uses(text)).map(|(name, _)| name);
    let faults = files
        .filter(|name| !name.starts_with("src/os/sys/"))
        .map(|name| format!("{name}: unsafe code outside of src/os/sys/"))
        .collect();
    verdict(faults)
}

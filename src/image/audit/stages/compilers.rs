//! Compilers that end up in the image, and compiling where it is made. Looks at the target's own chain only: what a builder stage
//! has is not shipped.

use super::super::finding::{Finding, Level};
use super::Kind;
use super::install::{self, Tool};
use super::script::{Command, Word};
use super::view::{Action, View};
use crate::base::tables::HashMap;

/// Whether `package` of `tool` brings a compiler.
fn is_compiler(tool: Tool, package: &str) -> bool {
    let name = package.split(['=', ':', '~', '<', '>']).next().unwrap_or(package);
    let numbered = |base: &str| {
        name.strip_prefix(base).is_some_and(|rest| {
            rest.is_empty()
                || (rest.starts_with('-') && rest[1..].chars().all(|c| c.is_ascii_digit() || c == '.'))
        })
    };
    match tool {
        Tool::Apt => {
            ["gcc", "g++", "clang", "gfortran", "gnat", "gdc"].iter().any(|base| numbered(base))
                || matches!(
                    name,
                    "build-essential"
                        | "tcc"
                        | "rustc"
                        | "cargo"
                        | "golang"
                        | "golang-go"
                        | "gccgo"
                        | "default-jdk"
                        | "default-jdk-headless"
                        | "ghc"
                        | "ocaml"
                        | "fpc"
                        | "crossbuild-essential-arm64"
                )
                || (name.starts_with("openjdk-") && name.contains("-jdk"))
                || (name.starts_with("golang-1") && name.ends_with("-go"))
        }
        Tool::Apk => {
            ["gcc", "g++", "clang", "gfortran"].contains(&name)
                || matches!(name, "build-base" | "alpine-sdk" | "go" | "rust" | "cargo" | "tcc" | "ghc")
                || (name.starts_with("clang") && name[5..].chars().all(|c| c.is_ascii_digit()))
                || (name.starts_with("openjdk") && name.ends_with("-jdk"))
        }
        Tool::Rpm => {
            matches!(name, "gcc" | "gcc-c++" | "gcc-gfortran" | "clang" | "rust" | "cargo" | "golang" | "tcc")
                || name.to_ascii_lowercase().contains("development tools")
                || name.to_ascii_lowercase().contains("development-tools")
                || (name.starts_with("java-") && name.contains("-devel"))
        }
        Tool::Conda => matches!(
            name,
            "gcc" | "gxx" | "compilers" | "c-compiler" | "cxx-compiler" | "rust" | "go" | "clang"
        ),
        _ => false,
    }
}

/// A package's name, without its version.
fn name_of(package: &str) -> &str {
    package.split(['=', '<', '>', '~']).next().unwrap_or(package)
}

/// The words of `command` that name what it removes; none where it removes nothing.
fn removed(command: &Command) -> Option<impl Iterator<Item = &Word>> {
    let removal = match install::tool(&command.name) {
        Some(Tool::Apt) => matches!(command.action(), "purge" | "remove" | "autoremove" | "autopurge"),
        Some(Tool::Apk) => command.action() == "del",
        Some(Tool::Rpm) => matches!(command.action(), "remove" | "erase" | "autoremove"),
        Some(Tool::Conda) => matches!(command.action(), "remove" | "uninstall"),
        _ => false,
    };
    removal.then(|| command.operands().skip(1))
}

/// Where behind a place packages are removed first, for a walk from the end on.
#[derive(Default)]
struct Removals<'v> {
    /// By name, and by the set that they were installed as.
    names: HashMap<&'v str, usize>,
    groups: HashMap<&'v str, usize>,
    /// A word of a variable may name any.
    any: Option<usize>,
}

impl<'v> Removals<'v> {
    /// Adds what `command` at place `at` removes, which is before all that were added.
    fn add(&mut self, command: &'v Command, at: usize) {
        for word in removed(command).into_iter().flatten() {
            self.names.insert(name_of(&word.text), at);
            self.groups.insert(&word.text, at);
            if !word.known {
                self.any = Some(at);
            }
        }
    }

    /// The first place at which `package` is removed, or the set of packages that it was installed as.
    fn first(&self, package: &str, group: Option<&str>) -> Option<usize> {
        let by_name = self.names.get(name_of(package));
        let by_group = group.and_then(|group| self.groups.get(group));
        by_name.into_iter().chain(by_group).chain(&self.any).min().copied()
    }
}

/// The idiom of images that mark what they need, and then purge all that was installed by the way.
fn purges_unmarked(commands: &[Command]) -> bool {
    commands.iter().any(|command| command.name == "apt-mark")
        && commands.iter().any(|command| {
            let auto =
                command.has(&["--auto-remove", "--autoremove"]) || command.action().starts_with("auto");
            install::tool(&command.name) == Some(Tool::Apt) && auto
        })
}

/// Whether `command` compiles.
fn compiles(command: &Command) -> bool {
    let first = command.action();
    match command.name.as_str() {
        "gcc" | "g++" | "cc" | "c++" | "clang" | "clang++" | "rustc" | "javac" | "tcc" => {
            !command.has(&["--version", "-v", "-dumpversion", "-dumpmachine", "--help"])
        }
        "make" | "gmake" | "ninja" => !command.has(&["--version", "--help", "-v"]),
        "cargo" => matches!(first, "build" | "install" | "b"),
        "go" => matches!(first, "build" | "install"),
        "mvn" | "gradle" | "gradlew" | "mvnw" => true,
        "cmake" => command.has(&["--build"]),
        _ => false,
    }
}

/// Finds compilers installed on the target's chain, and what is compiled there.
pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    let runs: Vec<_> = view
        .chain_steps()
        .filter_map(|(stage, step)| match &step.action {
            Action::Run(_, commands) => Some((stage, step, commands)),
            _ => None,
        })
        .collect();
    // From the end on: what is removed behind a place is known when it is come to.
    let mut above = Removals::default();
    let mut installed = Vec::new();
    for (index, (stage, _, commands)) in runs.iter().enumerate().rev() {
        let mut later = Removals::default();
        let purges_unmarked = purges_unmarked(commands);
        for (at, command) in commands.iter().enumerate().rev() {
            if let Some(install) = install::install(command).filter(|_| !purges_unmarked) {
                let group = command.value(&["-t", "--virtual"]);
                let packages = install.packages.iter().rev();
                for package in packages.filter(|word| is_compiler(install.tool, &word.text)) {
                    if later.first(&package.text, group).is_some() {
                        continue;
                    }
                    let removal = above.first(&package.text, group).and_then(|above| runs.get(above));
                    let removed = removal.map(|(_, step, _)| view.line(step.instruction.span));
                    let kind = Kind::CompilerInstalled { package: package.text.clone(), removed };
                    let level = if command.perhaps { Level::Info } else { Level::Warning };
                    installed.push(view.finding(level, kind, stage, package.span));
                }
            }
            later.add(command, at);
        }
        for command in commands.iter() {
            above.add(command, index);
        }
    }
    found.extend(installed.into_iter().rev());
    let mut all = runs.iter().flat_map(|run| run.2.iter().map(move |command| (run, command)));
    if let Some(((stage, step, _), command)) = all.find(|(_, command)| compiles(command)) {
        let kind = Kind::CompilesInFinal { command: command.shown() };
        let level = if command.perhaps { Level::Info } else { Level::Warning };
        let span = if command.span.end > command.span.start { command.span } else { step.instruction.span };
        found.push(view.finding(level, kind, stage, span));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compilers_are_told_from_their_libraries() {
        for name in [
            "gcc",
            "gcc-12",
            "g++",
            "build-essential",
            "rustc",
            "openjdk-17-jdk-headless",
            "gcc=4:12.2",
            "golang-1.21-go",
        ] {
            assert!(is_compiler(Tool::Apt, name), "{name}");
        }
        for name in [
            "gcc-12-base",
            "libgcc-s1",
            "clang-format",
            "openjdk-17-jre",
            "cpp",
            "make",
            "python3-dev",
            "gcc-doc",
        ] {
            assert!(!is_compiler(Tool::Apt, name), "{name}");
        }
        assert!(is_compiler(Tool::Apk, "build-base") && !is_compiler(Tool::Apk, "libgcc"));
    }
}

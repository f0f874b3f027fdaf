//! Compilers that end up in the image, and compiling where it is made. Looks at the target's own chain only: what a builder stage
//! has is not shipped.

use super::super::finding::{Finding, Level};
use super::Kind;
use super::install::{self, Tool};
use super::script::Command;
use super::view::{Action, View};

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

/// Whether `command` removes `package`, or the set of packages that it was installed as.
fn removes(command: &Command, package: &str, group: Option<&str>) -> bool {
    let removal = match install::tool(&command.name) {
        Some(Tool::Apt) => matches!(command.action(), "purge" | "remove" | "autoremove" | "autopurge"),
        Some(Tool::Apk) => command.action() == "del",
        Some(Tool::Rpm) => matches!(command.action(), "remove" | "erase" | "autoremove"),
        Some(Tool::Conda) => matches!(command.action(), "remove" | "uninstall"),
        _ => return false,
    };
    let name = |text: &str| text.split(['=', '<', '>', '~']).next().unwrap_or(text).to_owned();
    removal
        && command.operands().skip(1).any(|word| {
            // A word of a variable may name it.
            name(&word.text) == name(package) || group == Some(word.text.as_str()) || !word.known
        })
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
    let mut compiled = false;
    for (index, (stage, step, commands)) in runs.iter().enumerate() {
        for (at, command) in commands.iter().enumerate() {
            if let Some(install) = install::install(command) {
                let group = command.value(&["-t", "--virtual"]);
                let later = commands.get(at + 1..).unwrap_or_default();
                for package in install.packages.iter().filter(|word| is_compiler(install.tool, &word.text)) {
                    let gone = |other: &Command| removes(other, &package.text, group);
                    if later.iter().any(gone) || purges_unmarked(commands) {
                        continue;
                    }
                    let above = runs.get(index + 1..).unwrap_or_default();
                    let removed = above.iter().find_map(|(_, step, commands)| {
                        commands.iter().any(gone).then(|| view.line(step.instruction.span))
                    });
                    let kind = Kind::CompilerInstalled { package: package.text.clone(), removed };
                    let level = if command.perhaps { Level::Info } else { Level::Warning };
                    found.push(view.finding(level, kind, stage, package.span));
                }
            }
            if !compiled && compiles(command) {
                compiled = true;
                let kind = Kind::CompilesInFinal { command: command.shown() };
                let level = if command.perhaps { Level::Info } else { Level::Warning };
                let span =
                    if command.span.end > command.span.start { command.span } else { step.instruction.span };
                found.push(view.finding(level, kind, stage, span));
            }
        }
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

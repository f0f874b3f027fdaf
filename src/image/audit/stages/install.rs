//! Commands that install packages: which program, what it is given, what of the sources it needs. Judges nothing.

use super::script::{Command, Word};

/// Who installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Tool {
    /// pip, and `uv pip`, which has the same language.
    Pip,
    /// poetry.
    Poetry,
    /// uv's own projects.
    Uv,
    /// pdm.
    Pdm,
    /// pipenv.
    Pipenv,
    /// conda, mamba, micromamba.
    Conda,
    /// npm, yarn, pnpm.
    Npm,
    /// apt-get, apt, aptitude.
    Apt,
    /// apk.
    Apk,
    /// dnf, yum, microdnf, zypper.
    Rpm,
}

impl Tool {
    /// Whether it installs Python packages.
    pub fn is_python(self) -> bool {
        matches!(self, Tool::Pip | Tool::Poetry | Tool::Uv | Tool::Pdm | Tool::Pipenv)
    }

    /// The lock file that it keeps for a project.
    pub fn lock(self) -> Option<&'static str> {
        match self {
            Tool::Poetry => Some("poetry.lock"),
            Tool::Uv => Some("uv.lock"),
            Tool::Pdm => Some("pdm.lock"),
            Tool::Pipenv => Some("Pipfile.lock"),
            _ => None,
        }
    }
}

/// A command that installs.
#[derive(Debug)]
pub(super) struct Install<'c> {
    /// Who installs.
    pub tool: Tool,
    /// The command.
    pub command: &'c Command,
    /// The packages named on the command line.
    pub packages: Vec<&'c Word>,
    /// The requirements files named.
    pub requirements: Vec<&'c Word>,
    /// The constraints files named.
    pub constraints: Vec<&'c Word>,
    /// Whether the project itself is installed, so that all of its sources count.
    pub project: bool,
}

/// Options of pip that take the next word.
const PIP_VALUES: [&str; 61] = [
    // uv's own.
    "--requirements",
    "--constraints",
    "--override",
    "--overrides",
    "--build-constraint",
    "--build-constraints",
    "--index",
    "--default-index",
    "--index-strategy",
    "--keyring-provider",
    "--allow-insecure-host",
    "--resolution",
    "--prerelease",
    "--fork-strategy",
    "--python-preference",
    "--python-platform",
    "--exclude-newer",
    "--link-mode",
    "--torch-backend",
    "--extra",
    "--group",
    "--upgrade-package",
    "--reinstall-package",
    "-r",
    "--requirement",
    "-c",
    "--constraint",
    "-e",
    "--editable",
    "-t",
    "--target",
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "--trusted-host",
    "--root",
    "--prefix",
    "--platform",
    "--python-version",
    "--implementation",
    "--abi",
    "--cache-dir",
    "--only-binary",
    "--no-binary",
    "--proxy",
    "--timeout",
    "--retries",
    "--src",
    "--upgrade-strategy",
    "--progress-bar",
    "--log",
    "-C",
    "--config-settings",
    "-p",
    "--python",
    "-w",
    "--wheel-dir",
    "-d",
    "--dest",
];

/// The tool that `name` is.
pub(super) fn tool(name: &str) -> Option<Tool> {
    Some(match name {
        "pip" | "uv pip" => Tool::Pip,
        "poetry" => Tool::Poetry,
        "uv" => Tool::Uv,
        "pdm" => Tool::Pdm,
        "pipenv" => Tool::Pipenv,
        "conda" | "mamba" | "micromamba" => Tool::Conda,
        "npm" | "yarn" | "pnpm" => Tool::Npm,
        "apt-get" | "apt" | "aptitude" => Tool::Apt,
        "apk" => Tool::Apk,
        "dnf" | "yum" | "microdnf" | "zypper" => Tool::Rpm,
        _ => return None,
    })
}

/// What `command` installs; none where it installs nothing.
pub(super) fn install(command: &Command) -> Option<Install<'_>> {
    let tool = tool(&command.name)?;
    let action = action(command, tool);
    let installs = match tool {
        Tool::Pip => matches!(action, "install" | "wheel" | "download" | "sync"),
        Tool::Poetry => matches!(action, "install" | "add" | "update" | "sync"),
        Tool::Uv => matches!(action, "sync" | "add"),
        Tool::Pdm => matches!(action, "install" | "sync" | "add" | "update"),
        Tool::Pipenv => matches!(action, "install" | "sync" | "update"),
        Tool::Conda => matches!(action, "install" | "create" | "env" | "update"),
        Tool::Npm => {
            matches!(action, "install" | "i" | "ci" | "add") || (command.name == "yarn" && action.is_empty())
        }
        Tool::Apt | Tool::Rpm => matches!(action, "install" | "in" | "groupinstall"),
        Tool::Apk => action == "add",
    };
    if !installs {
        return None;
    }
    let mut found = Install {
        tool,
        command,
        packages: Vec::new(),
        requirements: Vec::new(),
        constraints: Vec::new(),
        project: false,
    };
    match tool {
        Tool::Pip => pip(command, action, &mut found),
        Tool::Poetry => found.project = action == "install" && !command.has(&["--no-root", "--only-root"]),
        Tool::Uv => found.project = !command.has(&["--no-install-project", "--no-install-workspace"]),
        Tool::Pdm => found.project = !command.has(&["--no-self", "--no-project"]),
        Tool::Apk => packages(command, action, &["-t", "--virtual", "-X", "--repository", "-p"], &mut found),
        Tool::Apt => {
            packages(command, action, &["-t", "--target-release", "-o", "--option", "-c"], &mut found)
        }
        Tool::Rpm => packages(
            command,
            action,
            &["-c", "--config", "--releasever", "--repo", "--enablerepo"],
            &mut found,
        ),
        Tool::Npm => {
            // Of `npm install -g NAME` nothing is read of the context.
            if command.has(&["-g", "--global"]) {
                packages(command, action, &[], &mut found);
            }
        }
        Tool::Pipenv | Tool::Conda => {}
    }
    Some(found)
}

/// The tool's command, past the options before it.
fn action(command: &Command, tool: Tool) -> &str {
    let valued: &[&str] = match tool {
        Tool::Apt => &["-o", "--option", "-c", "-t"],
        Tool::Pip => {
            &["--cache-dir", "--proxy", "--timeout", "--log", "--python", "--trusted-host", "--retries"]
        }
        Tool::Npm => &["--prefix", "-C", "--cache"],
        Tool::Poetry | Tool::Uv | Tool::Pdm => &["-C", "--directory", "-P", "--project", "-p"],
        _ => &[],
    };
    let mut words = command.texts();
    while let Some(word) = words.next() {
        if valued.contains(&word) {
            words.next();
        } else if !word.starts_with('-') {
            return word;
        }
    }
    ""
}

fn packages<'c>(command: &'c Command, action: &str, valued: &[&str], out: &mut Install<'c>) {
    let mut words = command.words.iter();
    let mut seen = false;
    while let Some(word) = words.next() {
        if valued.contains(&word.text.as_str()) {
            words.next();
        } else if !word.text.starts_with('-') {
            if !seen && word.text == action {
                seen = true;
            } else {
                out.packages.push(word);
            }
        }
    }
}

fn pip<'c>(command: &'c Command, action: &str, out: &mut Install<'c>) {
    let mut words = command.words.iter();
    let mut seen = false;
    while let Some(word) = words.next() {
        let text = word.text.as_str();
        let attached = |names: [&str; 2]| names.iter().any(|name| text.starts_with(&format!("{name}=")));
        match text {
            "-r" | "--requirement" | "--requirements" => out.requirements.extend(words.next()),
            "-c" | "--constraint" | "--constraints" => out.constraints.extend(words.next()),
            "-e" | "--editable" => {
                words.next();
                out.project = true;
            }
            _ if attached(["--requirement", "-r"]) || text.starts_with("--requirements=") => {
                out.requirements.push(word)
            }
            _ if attached(["--constraint", "-c"]) => out.constraints.push(word),
            _ if attached(["--editable", "-e"]) => out.project = true,
            _ if text.starts_with("-r") && text.len() > 2 => out.requirements.push(word),
            _ if PIP_VALUES.contains(&text) => drop(words.next()),
            _ if text.starts_with('-') => {}
            _ if !seen && text == action => seen = true,
            // `uv pip sync FILE…`
            _ if action == "sync" => out.requirements.push(word),
            _ if is_project(text) => out.project = true,
            _ => out.packages.push(word),
        }
    }
}

/// Whether a word of pip names a folder of sources: `.`, `.[extra]`, `./lib`, `/src`. Wheels and archives are files.
fn is_project(text: &str) -> bool {
    let path = text.split('[').next().unwrap_or(text);
    let local = path == "."
        || path == ".."
        || path.starts_with("./")
        || path.starts_with("../")
        || path.starts_with('/');
    let archive =
        [".whl", ".tar.gz", ".zip", ".tgz", ".tar.bz2", "*"].iter().any(|ending| path.ends_with(ending));
    local && !archive
}

/// The path of a file that a word of pip names: `-rFILE` and `--requirement=FILE` have it attached.
pub(super) fn file_of(word: &Word) -> &str {
    let text = word.text.as_str();
    let text =
        text.split_once('=').filter(|(name, _)| name.starts_with('-')).map_or(text, |(_, value)| value);
    text.strip_prefix("-r").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> Command {
        let mut words = text.split(' ');
        let name = words.next().unwrap_or_default().to_owned();
        let word = |text: &str| Word { text: text.to_owned(), known: true, ..Word::default() };
        Command { name, words: words.map(word).collect(), ..Command::default() }
    }

    #[test]
    fn pip_is_read() {
        let line = command(
            "pip --no-cache-dir install -U -r a.txt --requirement=b.txt -c c.txt -i http://x flask==1 .[dev]",
        );
        let found = install(&line);
        let Some(found) = found else { panic!("no install") };
        assert_eq!(
            found.requirements.iter().map(|word| file_of(word)).collect::<Vec<_>>(),
            ["a.txt", "b.txt"]
        );
        assert_eq!(found.packages.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["flask==1"]);
        assert_eq!((found.project, found.constraints.len()), (true, 1));
        assert!(install(&command("pip freeze")).is_none());
        assert!(install(&command("pip install /wheels/*.whl")).is_some_and(|found| !found.project));
    }

    #[test]
    fn others_are_told_apart() {
        let apt = command("apt-get -o X=1 install -y -t sid gcc make");
        let names: Vec<String> = install(&apt)
            .map(|found| found.packages.iter().map(|word| word.text.clone()).collect())
            .unwrap_or_default();
        assert_eq!(names, ["gcc", "make"]);
        assert!(install(&command("apt-get update")).is_none());
        assert!(install(&command("poetry install")).is_some_and(|found| found.project));
        assert!(install(&command("poetry install --no-root")).is_some_and(|found| !found.project));
    }
}

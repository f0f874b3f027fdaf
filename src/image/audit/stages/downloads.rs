//! What is downloaded: whether it is verified before it is used, and over which connections. Judges all stages that the target
//! reaches, since their results are copied.

use super::super::finding::{Finding, Level};
use super::Kind;
use super::install;
use super::script::Command;
use super::view::{Action, StageView, View};
use crate::base::tables::{HashMap, HashSet};
use crate::image::dockerfile::names::{is_git, is_http};

/// The download that `command` makes.
fn download(command: &Command) -> Option<&str> {
    let fetches = matches!(command.name.as_str(), "curl" | "wget" | "aria2c")
        && !command.has(&["--version", "--help", "-I", "--head", "--spider"]);
    let url = |word: &&str| word.contains("://") || word.starts_with('…');
    fetches.then(|| command.texts().find(url)).flatten()
}

/// Whether `command` checks what was downloaded.
fn verifies(command: &Command) -> bool {
    match command.name.as_str() {
        "sha256sum" | "sha512sum" | "sha1sum" | "sha384sum" | "md5sum" | "shasum" | "b2sum" => {
            command.has_letter('c') || command.has(&["--check"])
        }
        "gpg" | "gpg2" => {
            command.has(&["--verify"]) || command.texts().any(|word| word.starts_with("--verify"))
        }
        "gpgv" | "cosign" | "minisign" | "signify" | "sigstore" | "slsa-verifier" => true,
        "openssl" => command.texts().any(|word| matches!(word, "-verify" | "verify" | "dgst")),
        // `[ "$(sha256sum < f)" = … ]`
        "test" | "[" => false,
        _ => false,
    }
}

/// Whether `command` is a script of the project's own, which may check what it likes.
fn is_script(command: &Command) -> bool {
    let names_script = |word: &str| word.ends_with(".sh") || word.ends_with(".py");
    command.name.ends_with(".sh")
        || (matches!(command.name.as_str(), "sh" | "bash" | "python" | "python3")
            && command.texts().any(names_script))
}

/// Whether what is downloaded is a key that what follows is verified with, or an answer that is only looked at.
fn is_key(command: &Command) -> bool {
    let key = |text: &str| {
        let text = text.split(['?', '#']).next().unwrap_or(text).to_ascii_lowercase();
        [".asc", ".gpg", ".sig", ".sha256", ".sha256sum", ".sha512", ".minisig", ".pub"]
            .iter()
            .any(|ending| text.ends_with(ending))
            || text.contains("sha256sum")
            || text.contains("keyring")
            || text.contains("gpg")
            || text.ends_with("/key")
            || text.ends_with("keys")
    };
    command.texts().any(key)
}

/// Finds downloads that are used as they came.
pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    for stage in &view.stages {
        // What follows in the stage is known from its end on.
        let mut rest = Rest::default();
        let mut added = Vec::new();
        for step in stage.steps.iter().rev() {
            match &step.action {
                Action::Run(_, commands) => rest.add(commands),
                Action::Copy(copy) if copy.add => {
                    for (text, source) in copy.copy.sources.iter().zip(&copy.sources).rev() {
                        let Some(source) = source.as_ref().filter(|source| is_http(source.as_bytes())) else {
                            continue;
                        };
                        if copy.copy.checksum.is_some() || is_git(source.as_bytes()) || rest.verifies {
                            continue;
                        }
                        let certain = !rest.has_script;
                        let kind = Kind::UnverifiedDownload { source: masked(source), certain };
                        let level = if certain { Level::Warning } else { Level::Info };
                        added.push(view.finding(level, kind, stage, text.span));
                    }
                }
                _ => {}
            }
        }
        found.extend(added.into_iter().rev());
    }
    for (stage, step) in view.steps() {
        if let Action::Run(_, commands) = &step.action {
            run(view, stage, commands, found);
        }
    }
}

/// What the rest of a stage does with what was added.
#[derive(Default)]
struct Rest {
    verifies: bool,
    has_script: bool,
}

impl Rest {
    fn add(&mut self, commands: &[Command]) {
        self.verifies |= commands.iter().any(verifies);
        self.has_script |= commands.iter().any(is_script);
    }
}

/// What the commands of a RUN do with what one of them downloads, as far as that is asked of each download.
struct Around<'c> {
    /// The last command that verifies, and the last that is a script.
    last_check: Option<usize>,
    last_script: Option<usize>,
    /// Whether one of them shows a digest.
    shows_digest: bool,
    /// Pipelines with a program that takes keys.
    keys: HashSet<usize>,
    /// For each command the next of its pipeline that is a shell.
    shells: Vec<Option<&'c Command>>,
}

impl<'c> Around<'c> {
    fn of(commands: &'c [Command]) -> Self {
        let is_shell = |command: &Command| {
            matches!(
                command.name.as_str(),
                "sh" | "bash" | "ash" | "dash" | "zsh" | "python" | "python3" | "perl" | "node"
            )
        };
        let takes_keys =
            |command: &&Command| matches!(command.name.as_str(), "gpg" | "apt-key" | "tee" | "rpm");
        let mut next: HashMap<usize, &Command> = HashMap::default();
        let mut shells = vec![None; commands.len()];
        for (command, shell) in commands.iter().zip(&mut shells).rev() {
            *shell = next.get(&command.pipeline).copied();
            if is_shell(command) {
                next.insert(command.pipeline, command);
            }
        }
        let has_digest = |word: &str| word.contains("sha256") || word.contains("sha512");
        Around {
            last_check: commands.iter().rposition(verifies),
            last_script: commands.iter().rposition(is_script),
            shows_digest: commands.iter().any(|command| command.texts().any(has_digest)),
            keys: commands.iter().filter(takes_keys).map(|command| command.pipeline).collect(),
            shells,
        }
    }
}

fn run(view: &View<'_>, stage: &StageView<'_>, commands: &[Command], found: &mut Vec<Finding>) {
    let mut known = None;
    for (at, command) in commands.iter().enumerate() {
        insecure(view, stage, command, found);
        let Some(source) = download(command) else { continue };
        let local =
            ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| source.contains(&format!("://{host}")));
        if local {
            continue;
        }
        let around = known.get_or_insert_with(|| Around::of(commands));
        let shell = around.shells.get(at).copied().flatten();
        if let (true, Some(shell)) = (command.piped, shell) {
            let kind = Kind::PipedToShell { source: masked(source), program: shell.name.clone() };
            found.push(view.finding(Level::Warning, kind, stage, command.span));
            continue;
        }
        // Downloaded in one RUN, verified in the same, or by a script of the project's own.
        let is_later = |last: Option<usize>| last.is_some_and(|last| last > at);
        if is_later(around.last_check) || is_key(command) || around.keys.contains(&command.pipeline) {
            continue;
        }
        let certain = !is_later(around.last_script) && !around.shows_digest;
        let kind = Kind::UnverifiedDownload { source: masked(source), certain };
        let level = if certain { Level::Warning } else { Level::Info };
        found.push(view.finding(level, kind, stage, command.span));
    }
}

fn insecure(view: &View<'_>, stage: &StageView<'_>, command: &Command, found: &mut Vec<Finding>) {
    let option = match command.name.as_str() {
        "curl" => {
            let short = command.has_letter('k').then_some("-k");
            short.or_else(|| command.has(&["--insecure"]).then_some("--insecure"))
        }
        "wget" => command.has(&["--no-check-certificate"]).then_some("--no-check-certificate"),
        "git" => command.texts().find(|word| word.contains("http.sslVerify=false")),
        "npm" | "yarn" => {
            command.texts().find(|word| *word == "strict-ssl=false" || *word == "--strict-ssl=false")
        }
        _ => match install::install(command) {
            Some(install) if install.tool.is_python() => {
                command.texts().find(|word| word.starts_with("--trusted-host"))
            }
            Some(install) if install.tool == install::Tool::Apt => {
                command.texts().find(|word| matches!(*word, "--allow-unauthenticated" | "--force-yes"))
            }
            Some(install) if install.tool == install::Tool::Apk => {
                command.texts().find(|word| *word == "--allow-untrusted")
            }
            _ => None,
        },
    };
    let plain = download(command).filter(|url| url.starts_with("http://"));
    let local = |url: &&str| {
        !["http://localhost", "http://127.0.0.1", "http://[::1]"].iter().any(|host| url.starts_with(host))
    };
    if let Some(what) = option.or(plain.filter(local)) {
        let kind = Kind::InsecureDownload { what: masked(what) };
        found.push(view.finding(Level::Warning, kind, stage, command.span));
    }
}

/// A URL with its password made unreadable.
pub(super) fn masked(url: &str) -> String {
    match credentials(url) {
        Some((start, end)) => format!("{}***{}", &url[..start], &url[end..]),
        None => url.to_owned(),
    }
}

/// The place of the password in `scheme://user:password@host`; none where there is none, or a variable gives it.
pub(super) fn credentials(url: &str) -> Option<(usize, usize)> {
    let start = url.find("://")? + 3;
    let host = url[start..].find(['/', '?', '#', ' ', '"', '\'']).map_or(url.len(), |at| start + at);
    let at = start + url[start..host].rfind('@')?;
    let colon = start + url[start..at].find(':')? + 1;
    let password = &url[colon..at];
    (!password.is_empty() && !password.contains('…') && !password.contains('$')).then_some((colon, at))
}

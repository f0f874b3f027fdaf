//! What is downloaded: whether it is verified before it is used, and over which connections. Judges all stages that the target
//! reaches, since their results are copied.

use super::super::finding::{Finding, Level};
use super::Kind;
use super::install;
use super::script::Command;
use super::view::{Action, StageView, View};
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
fn is_harmless(command: &Command, commands: &[Command]) -> bool {
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
    let to_keys = commands.iter().any(|other| {
        other.pipeline == command.pipeline
            && matches!(other.name.as_str(), "gpg" | "apt-key" | "tee" | "rpm")
            && other.name != command.name
    });
    command.texts().any(key) || to_keys
}

/// Finds downloads that are used as they came.
pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    for (stage, step) in view.steps() {
        match &step.action {
            Action::Run(_, commands) => run(view, stage, commands, found),
            Action::Copy(copy) if copy.add => {
                for (text, source) in copy.copy.sources.iter().zip(&copy.sources) {
                    let Some(source) = source.as_ref().filter(|source| is_http(source.as_bytes())) else {
                        continue;
                    };
                    if copy.copy.checksum.is_some() || is_git(source.as_bytes()) {
                        continue;
                    }
                    let rest: Vec<&Command> = stage
                        .steps
                        .iter()
                        .skip_while(|other| other.instruction.span != step.instruction.span)
                        .filter_map(|step| match &step.action {
                            Action::Run(_, commands) => Some(commands),
                            _ => None,
                        })
                        .flatten()
                        .collect();
                    if rest.iter().any(|command| verifies(command)) {
                        continue;
                    }
                    let certain = !rest.iter().any(|command| is_script(command));
                    let kind = Kind::UnverifiedDownload { source: masked(source), certain };
                    let level = if certain { Level::Warning } else { Level::Info };
                    found.push(view.finding(level, kind, stage, text.span));
                }
            }
            _ => {}
        }
    }
}

fn run(view: &View<'_>, stage: &StageView<'_>, commands: &[Command], found: &mut Vec<Finding>) {
    for (at, command) in commands.iter().enumerate() {
        insecure(view, stage, command, found);
        let Some(source) = download(command) else { continue };
        let local =
            ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| source.contains(&format!("://{host}")));
        if local {
            continue;
        }
        let shell = commands.iter().skip(at + 1).find(|other| {
            other.pipeline == command.pipeline
                && matches!(
                    other.name.as_str(),
                    "sh" | "bash" | "ash" | "dash" | "zsh" | "python" | "python3" | "perl" | "node"
                )
        });
        if let (true, Some(shell)) = (command.piped, shell) {
            let kind = Kind::PipedToShell { source: masked(source), program: shell.name.clone() };
            found.push(view.finding(Level::Warning, kind, stage, command.span));
            continue;
        }
        // Downloaded in one RUN, verified in the same, or by a script of the project's own.
        let later = commands.get(at + 1..).unwrap_or_default();
        if later.iter().any(verifies) || is_harmless(command, commands) {
            continue;
        }
        let shown = commands
            .iter()
            .any(|command| command.texts().any(|word| word.contains("sha256") || word.contains("sha512")));
        let certain = !later.iter().any(is_script) && !shown;
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

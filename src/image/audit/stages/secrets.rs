//! Secrets that a Dockerfile gives away: in variables, in files copied, in URLs. Shows none of them.

use super::super::finding::{Finding, Level};
use super::Kind;
use super::downloads::{credentials, masked};
use super::view::{Action, View};
use crate::base::secret::{has_secret_values, is_fingerprint, is_secret_name};
use crate::base::tables::HashSet;

/// Whether a file of this name most likely holds credentials.
fn is_credentials(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let sample =
        [".example", ".sample", ".template", ".dist", ".pub"].iter().any(|ending| name.ends_with(ending));
    let listed = matches!(
        name,
        ".netrc"
            | "_netrc"
            | ".pypirc"
            | ".git-credentials"
            | ".pgpass"
            | ".htpasswd"
            | "id_rsa"
            | "id_dsa"
            | "id_ecdsa"
            | "id_ed25519"
            | ".dockercfg"
            | "credentials.json"
            | "service-account.json"
            | "kubeconfig"
            | ".vault-token"
            | "secrets.yml"
            | "secrets.yaml"
            | "secrets.json"
            | ".terraformrc"
            | "terraform.tfstate"
    );
    let in_folder = (folder.ends_with(".aws") && name == "credentials")
        || (folder.ends_with(".docker") && name == "config.json")
        || (folder.ends_with(".kube") && name == "config");
    let key = name.ends_with(".pem") && name.contains("key")
        || name.ends_with(".p12")
        || name.ends_with(".pfx")
        || name.ends_with(".keystore");
    !sample && (is_environment(path) || listed || in_folder || key)
}

/// Whether a file holds variables for a program's environment.
fn is_environment(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name == ".env" || name.starts_with(".env.")
}

/// Finds secrets that the target's stages bring in.
pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    for (stage, step) in view.steps() {
        let span = step.instruction.span;
        let variables = match &step.action {
            Action::Env(pairs) => Some((pairs, true)),
            Action::Arg(pairs) => Some((pairs, false)),
            _ => None,
        };
        if let Some((pairs, env)) = variables {
            let mut arguments = None;
            for (name, value) in pairs.iter().filter(|(name, _)| is_secret_name(name.as_bytes())) {
                if value.as_deref().is_some_and(|value| !value.is_empty() && is_fingerprint(name, value)) {
                    continue;
                }
                let literal = value.as_deref().is_some_and(|value| !value.is_empty() && !value.contains('$'));
                let mut comes = |name: &str| {
                    let text = step.instruction.span.of(view.text);
                    arguments.get_or_insert_with(|| from_arguments(text)).contains(name.as_bytes())
                };
                let literal = literal && !comes(name);
                let kind = Kind::SecretVariable { name: name.clone(), env, literal };
                let level = if literal { Level::Error } else { Level::Warning };
                found.push(view.finding(level, kind, stage, span));
            }
        }
        match &step.action {
            Action::Copy(copy) if copy.copy.from.is_none() => {
                let brought = if copy.reads.is_empty() { None } else { copy.brought(view) };
                let paths: Vec<String> = match brought {
                    Some(brought) => brought.secrets.clone(),
                    None => {
                        let sources = copy.sources.iter().flatten();
                        sources.filter(|path| is_secret_file(view, path)).cloned().collect()
                    }
                };
                for path in paths {
                    found.push(view.finding(Level::Error, Kind::SecretFile { path }, stage, span));
                }
                for source in copy.sources.iter().flatten().filter(|source| credentials(source).is_some()) {
                    let kind = Kind::CredentialsInUrl { source: masked(source) };
                    found.push(view.finding(Level::Error, kind, stage, span));
                }
            }
            Action::Run(_, commands) => {
                for command in commands {
                    for word in command.words.iter().filter(|word| credentials(&word.text).is_some()) {
                        let kind = Kind::CredentialsInUrl { source: masked(&word.text) };
                        found.push(view.finding(Level::Error, kind, stage, word.span));
                    }
                }
            }
            _ => {}
        }
    }
}

/// Whether a file of the context most likely holds secrets: by its name, and by what it says, where that decides and can be read.
pub(super) fn is_secret_file(view: &View<'_>, path: &str) -> bool {
    // What a file like `.env` holds decides.
    let harmless = || {
        let text = if is_environment(path) { view.context_file(path) } else { None };
        text.is_some_and(|text| !has_secret_values(&text))
    };
    is_credentials(path) && !harmless()
}

/// The names that an instruction's text gives a value of a variable: those of `NAME=…$…`.
fn from_arguments(text: &[u8]) -> HashSet<Vec<u8>> {
    let text = String::from_utf8_lossy(text);
    let pairs = text.split_whitespace().filter_map(|word| word.split_once('='));
    pairs.filter(|(_, value)| value.contains('$')).map(|(name, _)| name.as_bytes().to_vec()).collect()
}

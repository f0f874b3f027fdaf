//! What the docker client would log in with at a registry: the entries of its configuration, and its credential helpers. Knows no
//! engine, and speaks to no registry.

use super::choose::Surroundings;
use super::{answers, process};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

/// The name that the client's configuration has for the default registry.
const DEFAULT_SERVER: &str = "https://index.docker.io/v1/";
/// How long a credential helper may take.
const HELPER_PATIENCE: Duration = Duration::from_secs(10);
/// The user that a helper names where its secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// What to log in with.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Login {
    server: String,
    user: String,
    password: String,
    identity_token: String,
}

impl Login {
    /// As the Engine API takes it in a header: JSON in URL-safe base64.
    pub fn header(&self) -> String {
        let value = match self.identity_token.is_empty() {
            true => {
                json!({ "username": self.user, "password": self.password, "serveraddress": self.server })
            }
            false => json!({ "identitytoken": self.identity_token, "serveraddress": self.server }),
        };
        encoded(value.to_string().as_bytes())
    }
}

/// The login for the registry `domain`; none where the client has none, or its helper gives none: then it is asked as anybody.
pub(super) fn login(domain: &str, surroundings: &Surroundings) -> Option<Login> {
    let folder = surroundings.docker_folder()?;
    let config = answers::json(&super::choose::read_small(&folder.join("config.json"))?).ok()?;
    let server = if domain == "docker.io" { DEFAULT_SERVER } else { domain };
    let helper = config["credHelpers"][server].as_str().or_else(|| config["credsStore"].as_str());
    let helper = helper.filter(|name| !name.is_empty());
    match helper.and_then(|name| from_helper(name, server, surroundings)) {
        Some(login) => Some(login),
        None => from_file(&config["auths"], server),
    }
}

fn from_helper(name: &str, server: &str, surroundings: &Surroundings) -> Option<Login> {
    let program = format!("docker-credential-{name}");
    let program = which::which_in(program, surroundings.path.as_ref(), &surroundings.directory).ok()?;
    ask(&program, server)
}

fn ask(program: &Path, server: &str) -> Option<Login> {
    let input = format!("{server}\n");
    let done = process::run_with_input(program, &[OsStr::new("get")], &[], input.as_bytes(), HELPER_PATIENCE)
        .ok()?;
    let answer = answers::json(&done.output).ok().filter(|_| done.success)?;
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    let (user, secret) = (text("Username"), text("Secret"));
    if secret.is_empty() {
        return None;
    }
    let mut login = Login { server: server.to_owned(), ..Login::default() };
    match user == TOKEN_USER {
        true => login.identity_token = secret,
        false => (login.user, login.password) = (user, secret),
    }
    Some(login)
}

/// The entry of `auths`: by its own name, else by the host of one that is written as a URL.
fn from_file(auths: &Value, server: &str) -> Option<Login> {
    let host = |name: &str| {
        let bare = name.strip_prefix("https://").or(name.strip_prefix("http://")).unwrap_or(name);
        bare.split('/').next().unwrap_or_default().to_owned()
    };
    let entries = auths.as_object()?;
    let entry = entries
        .get(server)
        .or_else(|| entries.iter().find(|(name, _)| host(name) == host(server)).map(|(_, entry)| entry))?;
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let mut login = Login { server: server.to_owned(), ..Login::default() };
    login.identity_token = text("identitytoken");
    (login.user, login.password) = (text("username"), text("password"));
    if let Some(pair) = decoded(&text("auth")).and_then(|bytes| String::from_utf8(bytes).ok())
        && let Some((user, password)) = pair.split_once(':')
    {
        (login.user, login.password) = (user.to_owned(), password.trim_end_matches('\0').to_owned());
    }
    (!login.user.is_empty() || !login.identity_token.is_empty()).then_some(login)
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// URL-safe base64, with its padding.
fn encoded(bytes: &[u8]) -> String {
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let all = group.iter().fold(0u32, |all, &byte| all << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for at in 0..4 {
            let letter = LETTERS[(all >> (18 - 6 * at)) as usize & 63];
            out.push(if at <= group.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// Base64 of either alphabet; none where it is none.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut held, mut bits) = (Vec::new(), 0u32, 0);
    for byte in text.trim().trim_end_matches('=').bytes() {
        let byte = match byte {
            b'+' => b'-',
            b'/' => b'_',
            byte => byte,
        };
        let value = LETTERS.iter().position(|&letter| letter == byte)?;
        held = held << 6 | value as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn shown(login: Option<Login>) -> Option<(String, String, String)> {
        login.map(|login| (login.user, login.password, login.identity_token))
    }

    #[test]
    fn base64_goes_both_ways() {
        for text in ["", "a", "ab", "abc", "abcd", "user:pä§§word?>~"] {
            assert_eq!(decoded(&encoded(text.as_bytes())).as_deref(), Some(text.as_bytes()));
        }
        assert_eq!(encoded(b"\xfb\xff"), "-_8=");
        assert_eq!(decoded("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(decoded("a b"), None);
    }

    #[test]
    fn logins_are_those_of_the_clients_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let helper = folder.path().join("docker-credential-vault");
        let script = "#!/bin/sh\nread server\ncase $server in\n\
            token.example) echo '{\"ServerURL\":\"x\",\"Username\":\"<token>\",\"Secret\":\"t1\"}' ;;\n\
            vault.example) echo '{\"ServerURL\":\"x\",\"Username\":\"u\",\"Secret\":\"s\"}' ;;\n\
            *) echo 'credentials not found'; exit 1 ;;\nesac\n";
        std::fs::write(&helper, script).unwrap();
        std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
        let config = json!({
            "auths": {
                "https://index.docker.io/v1/": { "auth": encoded(b"hub:secret") },
                "https://old.example/v2/": { "auth": encoded(b"o:p:q") },
                "plain.example:5000": { "username": "a", "password": "b" },
                "garbage.example": { "auth": "!!" },
            },
            "credHelpers": { "token.example": "vault", "vault.example": "vault", "plain.example:5000": "vault",
                "docker.io": "absent" },
        });
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        let surroundings = Surroundings {
            docker_config: Some(folder.path().to_owned()),
            path: Some(folder.path().into()),
            ..Surroundings::default()
        };
        let found = |domain: &str| shown(login(domain, &surroundings));
        let given =
            |user: &str, password: &str, token: &str| Some((user.into(), password.into(), token.into()));
        assert_eq!(found("docker.io"), given("hub", "secret", ""));
        assert_eq!(found("old.example"), given("o", "p:q", ""));
        assert_eq!(
            found("plain.example:5000"),
            given("a", "b", ""),
            "a helper without an answer leaves the file"
        );
        assert_eq!(found("token.example"), given("", "", "t1"));
        assert_eq!(found("vault.example"), given("u", "s", ""));
        assert_eq!((found("garbage.example"), found("other.example")), (None, None));
        let header = login("docker.io", &surroundings).unwrap().header();
        let sent: Value = serde_json::from_slice(&decoded(&header).unwrap()).unwrap();
        assert_eq!(sent, json!({ "username": "hub", "password": "secret", "serveraddress": DEFAULT_SERVER }));
    }
}

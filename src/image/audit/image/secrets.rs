//! Files that look like secrets, in any layer, and programs that lend their owner's rights. Knows no formats but their marks.

use super::super::finding::{Finding, Level};
use super::kinds::{Kind, Secret};
use super::view::{View, bytes};
use crate::image::layers::{Entry, Kind as FileKind};

/// Bytes of a file that are looked into.
pub(super) const LOOKED_INTO: usize = 4096;

/// The secret that a file of this path may be: its content decides.
pub(super) fn suspected(path: &[u8]) -> Option<Secret> {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    let ends = |end: &[u8]| {
        path.ends_with(end) && (path.len() == end.len() || path[path.len() - end.len() - 1] == b'/')
    };
    if name.ends_with(b".pem")
        || name.ends_with(b".key")
        || name.ends_with(b".p8")
        || [&b"id_rsa"[..], b"id_dsa", b"id_ecdsa", b"id_ed25519"].contains(&name)
        || (name.starts_with(b"ssh_host_") && name.ends_with(b"_key"))
    {
        return Some(Secret::PrivateKey);
    }
    let tools: [&[u8]; 10] = [
        b".netrc",
        b".pypirc",
        b".npmrc",
        b".git-credentials",
        b".docker/config.json",
        b".aws/credentials",
        b"pip.conf",
        b".config/pip/pip.conf",
        b"pypoetry/auth.toml",
        b".kube/config",
    ];
    if tools.iter().any(|tool| ends(tool)) {
        return Some(Secret::Credentials);
    }
    (name == b".env"
        || (name.starts_with(b".env.") && !name.ends_with(b"example") && !name.ends_with(b"sample")))
    .then_some(Secret::Variables)
}

/// Whether a suspected file's beginning shows that it is one.
fn confirmed(secret: Secret, content: &[u8]) -> bool {
    let has = |mark: &[u8]| memchr::memmem::find(content, mark).is_some();
    match secret {
        Secret::PrivateKey => has(b"PRIVATE KEY-----"),
        Secret::Credentials => {
            let text = String::from_utf8_lossy(content).to_lowercase();
            let marks = [
                "password",
                "_authtoken",
                "\"auth\"",
                "aws_secret_access_key",
                "token:",
                "client-key-data",
                "token =",
            ];
            marks.iter().any(|mark| text.contains(mark)) || has_password_in_address(&text)
        }
        Secret::Variables => crate::base::secret::has_secret_values(&String::from_utf8_lossy(content)),
    }
}

/// Whether an address with a user and a password (`https://user:word@host`) is in the text.
fn has_password_in_address(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', ' ', '\n', '"']).next().unwrap_or_default();
        let user = authority.split_once('@').map(|(user, _)| user);
        user.and_then(|user| user.split_once(':'))
            .is_some_and(|(_, word)| !word.is_empty() && !word.starts_with('$'))
    })
}

pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    let image = view.image;
    for entry in image.all().filter(|entry| entry.kind == FileKind::File && entry.size > 0) {
        let path = image.text(entry.path);
        let Some(what) = suspected(&path) else { continue };
        if !image.content(entry).is_some_and(|content| confirmed(what, content)) {
            continue;
        }
        let within = |part: &[u8]| path.split(|&byte| byte == b'/').any(|name| name == part);
        // Keys that packages' tests are made with, and the one that ssl-cert makes for tries, protect nothing.
        let harmless =
            within(b"test") || within(b"tests") || within(b"testing") || path.ends_with(b"snakeoil.key");
        let level = match harmless {
            true => Level::Info,
            false if view.is_inherited(usize::from(entry.layer)) => Level::Warning,
            false => Level::Error,
        };
        let hidden = entry.hidden_by.is_some();
        let kind = Kind::SecretFile { path: view.path(entry.path), what, hidden };
        found.push(view.in_layer(level, kind, entry.layer, entry.size));
    }
    setuid(view, found);
}

fn setuid(view: &View<'_>, found: &mut Vec<Finding>) {
    let lends = |entry: &&Entry| {
        matches!(entry.kind, FileKind::File | FileKind::HardLink)
            && entry.mode & 0o6000 != 0
            && entry.mode & 0o111 != 0
    };
    for (layer, entries) in view.by_layer(view.image.shipped().filter(lends)) {
        // Every distribution's base has some: `su`, `passwd`, `mount`.
        let level = if view.is_inherited(usize::from(layer)) { Level::Info } else { Level::Warning };
        let kind = Kind::SetuidFiles { paths: view.paths(entries.iter().copied()) };
        found.push(view.in_layer(level, kind, layer, bytes(&entries)));
    }
}

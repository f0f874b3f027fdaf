//! What engines and clients say of a registry, as data: digests, and why there is none. Asks nobody.

use super::{EngineError, Published, answers};
use serde_json::Value;
use std::time::Duration;

/// What a registry says of a name that it does not have, in lower case.
const ABSENT: [&str; 5] =
    ["manifest unknown", "name unknown", "manifest_unknown", "name_unknown", "not found"];
/// What it says to one who may not look.
const DENIED: [&str; 5] = ["unauthorized", "denied", "authentication required", "no basic auth", "forbidden"];
/// What it says to one who asks too often.
const LIMITED: [&str; 4] = ["toomanyrequests", "too many requests", "rate limit", "429"];
/// Most of what is said that is passed on, in characters.
const SAID_MAX: usize = 300;

/// What it means that the registry was not read, by what was said of it.
pub(super) fn unread(said: &str) -> Result<Option<Published>, EngineError> {
    let lower = said.to_lowercase();
    let any = |phrases: &[&str]| phrases.iter().any(|phrase| lower.contains(phrase));
    let shown = || said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SAID_MAX).collect();
    if any(&LIMITED) {
        Err(EngineError::Limited)
    } else if any(&DENIED) {
        Err(EngineError::Denied(shown()))
    } else if any(&ABSENT) && !lower.contains("no such host") {
        Ok(None)
    } else {
        Err(EngineError::Registry(shown()))
    }
}

/// What an engine or a client that had `patience` says of a registry: where no answer came, it is the registry that gave none.
pub(super) fn in_time<T>(said: Result<T, EngineError>, patience: Duration) -> Result<T, EngineError> {
    said.map_err(|fault| match fault {
        EngineError::Timeout(_) => {
            EngineError::Registry(format!("no answer within {} seconds", patience.as_secs()))
        }
        other => other,
    })
}

/// What a client complains of, without what it puts around it: `ERROR: ` of buildx, the fields of a line of skopeo's log.
pub(super) fn complaint(errors: &str) -> String {
    let message = |line: &str| {
        let text = line.split_once(" level=fatal msg=")?.1.trim();
        serde_json::from_str::<String>(text).ok().or_else(|| Some(text.trim_matches('"').to_owned()))
    };
    let fatal: Vec<String> = errors.lines().filter_map(message).collect();
    match fatal.is_empty() {
        true => errors.trim().trim_start_matches("ERROR: ").to_owned(),
        false => fatal.join(" "),
    }
}

/// The Engine API's answer of `/distribution/NAME/json`.
pub(super) fn described(body: &[u8]) -> Result<Option<Published>, EngineError> {
    let value = answers::json(body)?;
    let descriptor = &value["Descriptor"];
    published(descriptor["digest"].as_str(), descriptor["mediaType"].as_str())
}

/// What `docker buildx imagetools inspect` prints.
pub(super) fn inspected(text: &str) -> Result<Option<Published>, EngineError> {
    let field = |name: &str| {
        let mut lines = text.lines().filter(|line| !line.starts_with(char::is_whitespace));
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    };
    published(field("Digest"), field("MediaType"))
}

/// The manifest that `skopeo inspect --raw` prints: whether it is a list; none where it is no manifest at all.
pub(super) fn is_list(manifest: &[u8]) -> Option<bool> {
    let value: Value = crate::image::json::parse(manifest)?;
    value.is_object().then(|| value["manifests"].is_array())
}

/// A manifest's digest with its media type, where both make sense.
pub(super) fn published(digest: Option<&str>, media: Option<&str>) -> Result<Option<Published>, EngineError> {
    let is_digest = |text: &&str| {
        text.strip_prefix("sha256:")
            .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let digest = digest.filter(is_digest).ok_or(EngineError::Garbage("digest"))?.to_owned();
    let is_list = media.filter(|media| !media.is_empty());
    let is_list = is_list.map(|media| media.contains("manifest.list") || media.contains("image.index"));
    Ok(Some(Published { digest, is_list }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        for absent in
            ["manifest unknown: manifest unknown", "errors:\nname unknown: repository name not known"]
        {
            assert_eq!(unread(absent), Ok(None));
        }
        for denied in
            ["unauthorized: authentication required", "errors: denied: requested access to the resource"]
        {
            assert!(matches!(unread(denied), Err(EngineError::Denied(_))), "{denied}");
        }
        assert_eq!(
            unread("toomanyrequests: You have reached your pull rate limit"),
            Err(EngineError::Limited)
        );
        for other in
            ["dial tcp 127.0.0.1:1: connect: connection refused", "dial tcp: lookup x.invalid: no such host"]
        {
            assert_eq!(unread(other), Err(EngineError::Registry(other.to_owned())));
        }
    }

    #[test]
    fn complaints_of_clients_are_bare() {
        let log = "time=\"2026-01-01T00:00:00Z\" level=warning msg=\"Failed, retrying in 1s\"\n\
                   time=\"2026-01-01T00:00:01Z\" level=fatal msg=\"Error parsing image name \\\"docker://x/y:1\\\": \
                   reading manifest 1 in x/y: manifest unknown\"\n";
        assert_eq!(
            complaint(log),
            "Error parsing image name \"docker://x/y:1\": reading manifest 1 in x/y: manifest unknown"
        );
        assert_eq!(complaint("ERROR: x/y:1: not found\n"), "x/y:1: not found");
        assert_eq!(complaint("a level=fatal msg=plain\n"), "plain");
    }

    #[test]
    fn digests_are_read_and_garbage_is_none() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        let list = |digest: &str, is_list| Ok(Some(Published { digest: digest.to_owned(), is_list }));
        let body = format!(
            r#"{{"Descriptor":{{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"{digest}"}}}}"#
        );
        assert_eq!(described(body.as_bytes()), list(&digest, Some(true)));
        let text = format!(
            "Name:      docker.io/library/x:1\nMediaType: application/vnd.docker.distribution.manifest.v2+json\n\
             Digest:    {digest}\n\nManifests:\n  Name:  y\n  Digest: sha256:0\n"
        );
        assert_eq!(inspected(&text), list(&digest, Some(false)));
        for garbage in ["{}", r#"{"Descriptor":{"digest":"sha256:zz"}}"#, r#"{"Descriptor":[]}"#] {
            assert_eq!(described(garbage.as_bytes()), Err(EngineError::Garbage("digest")));
        }
        assert_eq!(described(b"<html>"), Err(EngineError::Garbage("JSON")));
        assert_eq!(is_list(br#"{"manifests":[]}"#), Some(true));
        assert_eq!(
            (is_list(br#"{"layers":[]}"#), is_list(b"<html>"), is_list(b"[]")),
            (Some(false), None, None)
        );
    }
}

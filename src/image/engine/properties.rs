//! What must hold of whatever an engine's client or a registry says, as a function that panics where it doesn't. Knows nothing of
//! where bytes come from: tests and fuzzers bring them.

use super::{EngineError, Published, answers, registry, time};

/// Most characters of what others said that come into a message.
const SAID_MAX: usize = 500;

fn holds(published: Result<Option<Published>, EngineError>) {
    match published {
        Ok(Some(found)) => {
            let hex = found.digest.strip_prefix("sha256:");
            assert!(hex.is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())));
        }
        Ok(None) => {}
        Err(EngineError::Denied(said) | EngineError::Registry(said)) => {
            assert!(said.chars().count() <= SAID_MAX);
        }
        Err(_) => {}
    }
}

/// Each reader ends, in data or in a typed error; what is told of a registry is a digest, and what is passed on is short.
pub fn said(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    holds(registry::unread(&text));
    holds(registry::unread(&registry::complaint(&text)));
    holds(registry::inspected(&text));
    holds(registry::described(bytes));
    registry::is_list(bytes);
    assert!(answers::error_message(bytes).chars().count() <= SAID_MAX);
    if let Some(seconds) = time::parse(&text) {
        // From the year 0 to 9999, a day more or less for the zone.
        assert!((-62_168_000_000..253_403_000_000).contains(&seconds), "{seconds}");
    }
    let Ok(value) = answers::json(bytes) else { return };
    for id in [
        answers::image(&value).map(|found| found.id),
        answers::buildah_image(&value).map(|found| found.id),
        answers::listed_image(&value).map(|found| found.id),
        answers::container(&value).map(|found| found.id),
        answers::buildah_container(&value).map(|found| found.id),
        answers::listed_container(&value).map(|found| found.id),
    ]
    .into_iter()
    .flatten()
    {
        let digits = id.split_once(':').map_or(id.as_str(), |(_, digits)| digits);
        assert!(!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
    if let Ok(network) = answers::network(&value) {
        assert!(!network.id.is_empty() && network.id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
    for name in [
        answers::container(&value).map(|found| found.name),
        answers::buildah_container(&value).map(|found| found.name),
        answers::listed_container(&value).map(|found| found.name),
        answers::volume(&value).map(|found| found.name),
        answers::network(&value).map(|found| found.name),
    ]
    .into_iter()
    .flatten()
    .chain(answers::image(&value).into_iter().flat_map(|found| [found.tags, found.digests].concat()))
    .chain(answers::buildah_tags(&value).into_iter().flatten().flat_map(|(_, names)| names))
    {
        assert!(!name.starts_with('-') && !name.contains(char::is_control), "{name:?}");
    }
    let _ = answers::version(&value);
    answers::machine(&value);
    answers::texts(&value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_said(text in "[ \\[\\]{}:,\"0-9a-zTZ+-]{0,60}") {
            super::said(text.as_bytes());
        }
    }
}

//! What of an answer counts as an id or a name: the one place through which both come in. Knows no engine's format.
//!
//! Ids and names of answers go on to command lines, paths of requests, the journal and people. What would be an option
//! there, a control sequence or a text of megabytes is no id and no name, whoever says so.

use super::EngineError;

/// Most hexadecimal digits of an id: those of SHA-512.
const DIGITS_MAX: usize = 128;
/// Digits of the ids that listings tell whole.
const DIGITS_WHOLE: usize = 64;
/// Most bytes of a name: a reference with a domain, a path of 255, a tag of 128 and a digest has room.
const NAME_MAX: usize = 1024;
/// Most bytes of a time.
const TIME_MAX: usize = 100;

/// The hexadecimal digits of an id, behind `sha256:` or its like or alone; none where it is no id.
fn digits(text: &str) -> Option<&str> {
    let digits = match text.split_once(':') {
        Some(("sha256" | "sha384" | "sha512", digits)) => digits,
        Some(_) => return None,
        None => text,
    };
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    ((1..=DIGITS_MAX).contains(&digits.len()) && is_hex).then_some(digits)
}

/// An id: hexadecimal digits, with the algorithm's name before them or without. `what` is what was looked for.
pub(super) fn id(text: &str, what: &'static str) -> Result<String, EngineError> {
    digits(text).map(|_| text.to_owned()).ok_or(EngineError::Garbage(what))
}

/// The id of a network: that of a swarm has letters beyond hexadecimal digits.
pub(super) fn network_id(text: &str, what: &'static str) -> Result<String, EngineError> {
    let is_id =
        (1..=DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_id { Ok(text.to_owned()) } else { Err(EngineError::Garbage(what)) }
}

/// An id as a listing with `--no-trunc` prints it: all of its digits.
pub(super) fn whole_id<'t>(text: &'t str, what: &'static str) -> Result<&'t str, EngineError> {
    match digits(text) {
        Some(digits) if digits.len() >= DIGITS_WHOLE => Ok(text),
        _ => Err(EngineError::Garbage(what)),
    }
}

/// The name of a container, an image, a volume or a network. Engines have rules of their own, docker's for networks allows almost
/// anything: this one refuses what can be no engine's.
pub(super) fn name(text: &str, what: &'static str) -> Result<String, EngineError> {
    let begins = |text: &str| !text.starts_with(|c: char| c == '-' || c.is_whitespace());
    let is_name = (1..=NAME_MAX).contains(&text.len()) && begins(text) && !text.contains(char::is_control);
    if is_name { Ok(text.to_owned()) } else { Err(EngineError::Garbage(what)) }
}

/// A name that need not be there.
pub(super) fn name_if_any(text: &str, what: &'static str) -> Result<String, EngineError> {
    if text.is_empty() { Ok(String::new()) } else { name(text, what) }
}

/// When something was made, as the engine writes it; it identifies a volume.
pub(super) fn time(text: &str, what: &'static str) -> Result<String, EngineError> {
    let is_time = text.len() <= TIME_MAX && !text.contains(char::is_control);
    if is_time { Ok(text.to_owned()) } else { Err(EngineError::Garbage(what)) }
}

/// What was found for `asked`, where it is what was asked for; none where only the beginning of its id or name is: engines complete
/// what they are given. Anything else is no answer to the question.
pub(super) fn answered<T>(
    found: T,
    asked: &str,
    answers_to: impl Fn(&T) -> bool,
    begins: impl Fn(&T) -> bool,
    what: &'static str,
) -> Result<Option<T>, EngineError> {
    match answers_to(&found) {
        true => Ok(Some(found)),
        false if !asked.is_empty() && begins(&found) => Ok(None),
        false => Err(EngineError::Garbage(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_networks_of_a_swarm_have_letters() {
        assert!(network_id("mih1zl8m4v0d8pj1xwfbvfgxl", "network id").is_ok());
        for wrong in ["", "--all", "a b", "a/b", "\u{1b}"] {
            assert_eq!(network_id(wrong, "network id"), Err(EngineError::Garbage("network id")), "{wrong}");
        }
    }

    #[test]
    fn ids_are_digits() {
        let hex = "0a".repeat(32);
        for good in [&hex, "0", &format!("sha256:{hex}"), &"f".repeat(128), &format!("sha512:{hex}{hex}")] {
            assert_eq!(id(good, "id").as_deref(), Ok(good));
        }
        let long = "f".repeat(129);
        for bad in
            ["", "-f", "--all", "sha256:", "sha256:--all", "md5:0a", "0a 0b", "0a\n", "app", &long, "é"]
        {
            assert_eq!(id(bad, "id"), Err(EngineError::Garbage("id")), "{bad:?}");
            assert_eq!(whole_id(bad, "id"), Err(EngineError::Garbage("id")), "{bad:?}");
        }
        assert_eq!(whole_id(&hex, "id"), Ok(&*hex));
        assert_eq!(whole_id(&hex[..63], "id"), Err(EngineError::Garbage("id")));
    }

    #[test]
    fn names_are_no_options_and_no_control_sequences() {
        for good in ["app", "_x", "my net", "registry:5000/a/b:1@sha256:0a", "k8s://default/pod/one", "größe"]
        {
            assert_eq!(name(good, "name").as_deref(), Ok(good));
        }
        let long = "x".repeat(1025);
        for bad in ["", "-f", "--all", " --all", "\u{1b}[2J", "a\nb", "a\u{9b}b", "a\0", &long] {
            assert_eq!(name(bad, "name"), Err(EngineError::Garbage("name")), "{bad:?}");
        }
        assert_eq!(name_if_any("", "name").as_deref(), Ok(""));
        assert_eq!(time(&long, "time"), Err(EngineError::Garbage("time")));
    }

    #[test]
    fn what_was_not_asked_for_is_no_answer() {
        let ask = |name: &str| {
            answered("0a1b", name, |found| *found == name, |found| found.starts_with(name), "such thing")
        };
        assert_eq!(ask("0a1b"), Ok(Some("0a1b")));
        assert_eq!(ask("0a"), Ok(None));
        assert_eq!(ask("app"), Err(EngineError::Garbage("such thing")));
        assert_eq!(ask(""), Err(EngineError::Garbage("such thing")));
    }
}

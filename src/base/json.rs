//! JSON as it is written, so that nothing of it is obeyed wherever it is shown: what a terminal or a CI service's log would obey stands as
//! escapes, which is equal JSON. Knows nothing of what it says.

use super::printable::is_obeyed;
use serde_json::Value;
use std::fmt::Write;

/// What GitHub's runner obeys anywhere in a line, but for its end (`ActionCommand` of its sources, the form before `::`).
const OLD_COMMAND: &str = "##[";

/// `value` on one line, without a line end.
pub fn line(value: &Value) -> Vec<u8> {
    guarded(serde_json::to_string(value).unwrap_or_default())
}

/// `value` on lines of its own, with a line end.
pub fn pretty(value: &Value) -> Vec<u8> {
    let mut text = guarded(serde_json::to_string_pretty(value).unwrap_or_default());
    text.push(b'\n');
    text
}

/// How `text` stands between the quotes of a string.
pub fn spelled(text: &str) -> Vec<u8> {
    let quoted = line(&Value::from(text));
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_vec()
}

/// Outside of strings JSON has none of these characters: an escape may stand for each.
fn guarded(text: String) -> Vec<u8> {
    // Line ends are layout: within strings they are escapes already.
    let is_escaped = |c: char| (is_obeyed(c) && c != '\n') || matches!(c, '\u{2028}' | '\u{2029}');
    if !text.contains(is_escaped) && !text.contains(OLD_COMMAND) {
        return text.into_bytes();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_escaped(c) || (c == '[' && out.ends_with("##")) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_is_obeyed_stands_as_escapes() {
        let text = "\u{9b}31m \u{202e} \u{7f} ##[error] \u{1b} \n \u{2028} é";
        let written = String::from_utf8(line(&json!([text]))).unwrap();
        assert_eq!(written, r###"["\u009b31m \u202e \u007f ##\u005berror] \u001b \n \u2028 é"]"###);
        assert_eq!(pretty(&json!({ "a": [1] })), b"{\n  \"a\": [\n    1\n  ]\n}\n");
        assert_eq!(spelled("a\"##[\u{85}"), br###"a\"##\u005b\u0085"###);
    }

    proptest! {
        /// What is written is read the same, and has nothing that is obeyed.
        #[test]
        fn it_is_equal_json(text in any::<String>(), other in "[#\\[\u{9b}\u{202e}\u{7f}:a]{0,12}") {
            let value = json!({ "text": text, &other: [other] });
            for written in [line(&value), pretty(&value)] {
                prop_assert_eq!(&serde_json::from_slice::<Value>(&written).unwrap(), &value);
                let written = String::from_utf8(written).unwrap();
                prop_assert!(!written.contains(|c| is_obeyed(c) && c != '\n') && !written.contains(OLD_COMMAND));
            }
        }
    }
}

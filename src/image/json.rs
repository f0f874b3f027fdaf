//! JSON of others, read within bounds. Knows nothing of what it says.

use serde_json::Value;

/// Most objects and lists: in memory each takes a hundred times the two bytes that it may have in the text.
const NESTED_MAX: usize = 1_000_000;
/// Most values: each takes ten times the two bytes that it may have.
const VALUES_MAX: usize = 8_000_000;

/// Reads `text`; none where it is no JSON, or has more values than anybody tells. Commas and brackets within strings count, too.
pub fn parse(text: &[u8]) -> Option<Value> {
    let nested = memchr::memchr2_iter(b'{', b'[', text).take(NESTED_MAX + 1).count();
    let values = memchr::memchr_iter(b',', text).take(VALUES_MAX + 1).count();
    if nested > NESTED_MAX || values > VALUES_MAX {
        return None;
    }
    serde_json::from_slice(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_values_than_anybody_tells_are_none() {
        assert_eq!(parse(b"[1,{}]"), Some(serde_json::json!([1, {}])));
        assert_eq!(parse(b"[1"), None);
        let many = |one: &str, count: usize| format!("[{}0]", format!("{one},").repeat(count));
        assert!(parse(many("{}", 10_000).as_bytes()).is_some());
        assert_eq!(parse(many("{}", NESTED_MAX).as_bytes()), None);
        assert_eq!(parse(many("1", VALUES_MAX + 1).as_bytes()), None);
    }
}

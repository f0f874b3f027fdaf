//! What must hold of a journal's text, whatever is in it, as functions that panic where it doesn't. Knows nothing of where
//! texts come from: tests and fuzzers bring them.

use super::record::{self, Record};

/// A journal of `text`'s lines: those that begin with `+` get the checksum that makes records of them.
fn journal(text: &[u8]) -> Vec<u8> {
    let line = |line: &[u8]| match line.strip_prefix(b"+") {
        Some(json) => record::sealed(json),
        None => [line, b"\n"].concat(),
    };
    text.split(|byte| *byte == b'\n').flat_map(line).collect()
}

/// What is read is read again when it is written again, and a journal that is cut tells nothing that the whole does not.
pub fn histories(text: &[u8]) {
    let text = journal(text);
    let whole = record::history(&text);
    let begun = |inode| Record::Begun { token: whole.token.clone(), version: String::new(), inode }.line();
    let mut written = whole.inode.map(begun).unwrap_or_default();
    for (number, entry) in &whole.entries {
        let (number, intent) = (*number, entry.intent.clone());
        written.extend(Record::Intends { number, at: entry.at, intent }.line());
        if let Some(id) = &entry.id {
            written.extend(Record::Made { number, id: id.clone() }.line());
        }
        if entry.settled {
            written.extend(Record::Settled { number }.line());
        }
    }
    let again = record::history(&written);
    assert_eq!((&again.token, again.inode), (&whole.token, whole.inode));
    assert_eq!((&again.entries, again.torn), (&whole.entries, 0));
    for cut in [text.len() / 3, text.len() / 2, text.len().saturating_sub(2)] {
        let part = record::history(&text[..cut]);
        assert!(part.entries.len() <= whole.entries.len());
        for ((_, early), (_, late)) in part.entries.iter().zip(&whole.entries) {
            assert_eq!(early.intent, late.intent);
            assert!(late.settled || !early.settled);
            assert!(late.id.is_some() || early.id.is_none());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// Lines that are records, nearly records, or none.
    fn lines() -> impl Strategy<Value = Vec<&'static str>> {
        let line = proptest::sample::select(
            &[
                r#"+["begun","0123456789abcdef0123456789abcdef","1",7]"#,
                r#"+["intends",0,1,"container","c","t","docker",null,null,null,[]]"#,
                r#"+["intends",0,2,"container",null,"t","docker",null,["k","v"],null,[]]"#,
                r#"+["intends",1,9223372036854775807,"image","app:1","t","docker","sha256:1",null,null,["0a"]]"#,
                r#"+["intends",4294967295,-1,"file","612f62","t","",null,null,null,null]"#,
                r#"+["intends",4294967296,1,"volume","v","t","docker"]"#,
                r#"+["made",0,"ab"]"#,
                r#"+["made",1,""]"#,
                r#"+["settled",0]"#,
                r#"+["settled"]"#,
                r#"["settled",0]"#,
                "+[",
                "",
            ][..],
        );
        proptest::collection::vec(line, 0..12)
    }

    proptest! {
        #[test]
        fn journals_of_any_lines(lines in lines()) {
            super::histories(lines.join("\n").as_bytes());
        }
    }
}

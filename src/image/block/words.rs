//! Lists in attributes: words, quoted as a shell would; and words quoted again for a shell. Knows nothing of attributes.

/// A quotation that does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclosed(pub u8);

/// Splits `text` into words at white space outside of quotes (POSIX shell, 2.2 "Quoting"; nothing is expanded).
///
/// # Errors
/// A quotation that does not end, or a backslash at the end.
pub fn split(text: &[u8]) -> Result<Vec<Vec<u8>>, Unclosed> {
    let mut found = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => found.extend(word.take()),
            b'\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match bytes.next().ok_or(Unclosed(b'\''))? {
                        b'\'' => break,
                        byte => word.push(byte),
                    }
                }
            }
            b'"' => {
                let word = word.get_or_insert_default();
                loop {
                    match bytes.next().ok_or(Unclosed(b'"'))? {
                        b'"' => break,
                        b'\\' => match bytes.next().ok_or(Unclosed(b'"'))? {
                            byte @ (b'"' | b'\\' | b'$' | b'`') => word.push(byte),
                            b'\n' => {}
                            byte => word.extend([b'\\', byte]),
                        },
                        byte => word.push(byte),
                    }
                }
            }
            b'\\' => {
                let byte = bytes.next().ok_or(Unclosed(b'\\'))?;
                word.get_or_insert_default().push(byte);
            }
            byte => word.get_or_insert_default().push(byte),
        }
    }
    found.extend(word);
    Ok(found)
}

/// Whether a shell takes `byte` for itself anywhere in a word.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-+=:,./@%^".contains(&byte) || byte >= 0x80
}

/// Adds `word` to `line`, quoted where a shell needs that.
pub fn quote_to(word: &[u8], line: &mut Vec<u8>) {
    if !word.is_empty() && word.iter().all(|&byte| is_plain(byte)) {
        line.extend_from_slice(word);
        return;
    }
    line.push(b'\'');
    for &byte in word {
        if byte == b'\'' {
            line.extend_from_slice(b"'\\''");
        } else {
            line.push(byte);
        }
    }
    line.push(b'\'');
}

/// A command line that a shell splits into `words` again.
pub fn quoted(words: &[Vec<u8>]) -> Vec<u8> {
    let mut line = Vec::new();
    for word in words {
        if !line.is_empty() {
            line.push(b' ');
        }
        quote_to(word, &mut line);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(text: &str) -> Result<Vec<String>, Unclosed> {
        Ok(split(text.as_bytes())?.into_iter().map(|word| String::from_utf8(word).unwrap()).collect())
    }

    #[test]
    fn quotes_hold_words_together() {
        assert_eq!(texts(r#" MSG="two words" a'b c'd \" "#).unwrap(), ["MSG=two words", "ab cd", "\""]);
        assert_eq!(texts(r#""a\"b\n\$" '' "#).unwrap(), [r#"a"b\n$"#, ""]);
        assert_eq!(texts("'a"), Err(Unclosed(b'\'')));
        assert_eq!(texts("a \"b"), Err(Unclosed(b'"')));
        assert_eq!(texts("a\\"), Err(Unclosed(b'\\')));
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_split_into_the_same_words(words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..8), 0..5)) {
            prop_assert_eq!(split(&quoted(&words)).unwrap(), words);
        }
    }
}

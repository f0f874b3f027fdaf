//! JSON as the exec form needs it: an array of strings, and whether a text is JSON at all. Knows nothing of
//! instructions; nests without recursion.

/// What a text is, read as an exec form (BuildKit's `parseJSON`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecForm {
    /// An array of strings. The strings themselves are the grammar's to find.
    Strings,
    /// An array, but not of strings only: an error.
    Other,
    /// No JSON array: the shell form.
    None,
}

/// Deeper nesting is no JSON to Go's decoder.
const DEEPEST: usize = 10_000;

struct Cursor<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Cursor<'t> {
    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// The body of a string, escapes and all.
    fn string(&mut self) -> Option<&'t [u8]> {
        if !self.take(b'"') {
            return None;
        }
        let start = self.at;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return self.text.get(start..self.at - 1);
                }
                b'\\' => {
                    self.at += 1;
                    match self.peek()? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
                        b'u' => {
                            let digits = self.text.get(self.at + 1..self.at + 5)?;
                            if !digits.iter().all(u8::is_ascii_hexdigit) {
                                return None;
                            }
                            self.at += 5;
                        }
                        _ => return None,
                    }
                }
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
    }

    /// A number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Option<()> {
        for word in [&b"true"[..], b"false", b"null"] {
            if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
                self.at += word.len();
                return Some(());
            }
        }
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// A whole value of any kind.
    fn value(&mut self) -> Option<()> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            self.space();
            match self.peek()? {
                opening @ (b'[' | b'{') => {
                    self.at += 1;
                    if open.len() >= DEEPEST {
                        return None;
                    }
                    let close = if opening == b'[' { b']' } else { b'}' };
                    self.space();
                    if !self.take(close) {
                        open.push(close);
                        if close == b'}' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                b'"' => drop(self.string()?),
                _ => self.scalar()?,
            }
            loop {
                let Some(&close) = open.last() else { return Some(()) };
                self.space();
                if self.take(b',') {
                    if close == b'}' {
                        self.key()?;
                    }
                    break;
                }
                if !self.take(close) {
                    return None;
                }
                open.pop();
            }
        }
    }

    fn key(&mut self) -> Option<&'t [u8]> {
        self.space();
        let key = self.string()?;
        self.space();
        self.take(b':').then_some(key)
    }

    fn end(&mut self) -> bool {
        self.space();
        self.at == self.text.len()
    }
}

/// What `text` is as an exec form. White space before the bracket is the caller's to trim.
pub fn exec_form(text: &[u8]) -> ExecForm {
    if text.first() != Some(&b'[') {
        return ExecForm::None;
    }
    let mut cursor = Cursor { text, at: 0 };
    if cursor.value().is_none() || !cursor.end() {
        return ExecForm::None;
    }
    let mut cursor = Cursor { text, at: 1 };
    cursor.space();
    if cursor.take(b']') {
        return ExecForm::Strings;
    }
    loop {
        cursor.space();
        if cursor.string().is_none() {
            return ExecForm::Other;
        }
        cursor.space();
        if cursor.take(b']') {
            return ExecForm::Strings;
        }
        if !cursor.take(b',') {
            return ExecForm::Other;
        }
    }
}

/// The string that `key` has in the JSON object `text`: the last one, as Go's maps keep it.
pub fn object_string(text: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.space();
    if !cursor.take(b'{') {
        return None;
    }
    let mut found = None;
    cursor.space();
    if !cursor.take(b'}') {
        loop {
            let name = unescape(cursor.key()?);
            cursor.space();
            let start = cursor.at;
            cursor.value()?;
            if name == key {
                let mut value = Cursor { text, at: start };
                found = Some(value.string().map(unescape));
            }
            cursor.space();
            if cursor.take(b'}') {
                break;
            }
            if !cursor.take(b',') {
                return None;
            }
        }
    }
    if cursor.end() { found.flatten() } else { None }
}

/// The text that a string's body means. What is no UTF-8 stays as it is.
pub fn unescape(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    while let Some(&byte) = body.get(at) {
        at += 1;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(&escape) = body.get(at) else { break };
        at += 1;
        match escape {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let mut unit = hex(body, at);
                at += 4;
                if (0xD800..0xDC00).contains(&unit) && body.get(at..at + 2) == Some(b"\\u") {
                    let low = hex(body, at + 2);
                    if (0xDC00..0xE000).contains(&low) {
                        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                        at += 6;
                    }
                }
                let c = char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(other),
        }
    }
    out
}

fn hex(body: &[u8], at: usize) -> u32 {
    body.get(at..at + 4)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .unwrap_or(0xFFFD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_forms_apart() {
        assert_eq!(exec_form(br#"["a", "b"]"#), ExecForm::Strings);
        assert_eq!(exec_form(b"[ ]"), ExecForm::Strings);
        assert_eq!(exec_form(br#"["a", 1]"#), ExecForm::Other);
        assert_eq!(exec_form(br#"[["a"], {"b": null}, -1.5e+3]"#), ExecForm::Other);
        assert_eq!(exec_form(br#"["a", 'b']"#), ExecForm::None);
        assert_eq!(exec_form(br#"["a"] x"#), ExecForm::None);
        assert_eq!(exec_form(br#"["a","#), ExecForm::None);
        assert_eq!(exec_form(br#"["a",]"#), ExecForm::None);
        assert_eq!(exec_form(b"[ -f x ]"), ExecForm::None);
        assert_eq!(exec_form(&[b'['; 100_000]), ExecForm::None);
    }

    #[test]
    fn unescapes() {
        assert_eq!(unescape(br#"a\n\u00e9\ud83d\ude00\\"#), "a\né😀\\".as_bytes());
        assert_eq!(object_string(br#"{"a":{"syntax":"x"},"syntax":"y"} "#, b"syntax"), Some(b"y".to_vec()));
        assert_eq!(object_string(br#"{"syntax":"y""#, b"syntax"), None);
    }
}

//! White space and words of bytes, as the C locale has them. Knows nothing of make's language.

/// A space or a tab.
#[inline]
pub fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// White space: blanks, newline, carriage return, form feed and vertical tab.
#[inline]
pub fn is_space(byte: u8) -> bool {
    byte == b' ' || (b'\t'..=b'\r').contains(&byte)
}

/// `text` without leading white space.
#[inline]
pub fn skip_space(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| !is_space(byte)).unwrap_or(text.len());
    &text[start..]
}

/// Length of the word at the start of `text`: up to white space or the end.
#[inline]
pub fn word_length(text: &[u8]) -> usize {
    text.iter().position(|&byte| is_space(byte)).unwrap_or(text.len())
}

/// `text` without leading and trailing white space.
pub fn trim(text: &[u8]) -> &[u8] {
    let text = skip_space(text);
    let end = text.iter().rposition(|&byte| !is_space(byte)).map_or(0, |at| at + 1);
    &text[..end]
}

/// The words of `text`, split at white space.
pub fn words(text: &[u8]) -> Words<'_> {
    Words { rest: text }
}

/// Iterator over the words of a text.
#[derive(Clone)]
pub struct Words<'t> {
    rest: &'t [u8],
}

impl<'t> Words<'t> {
    /// What follows the words taken so far.
    pub fn rest(&self) -> &'t [u8] {
        self.rest
    }
}

impl<'t> Iterator for Words<'t> {
    type Item = &'t [u8];

    #[inline]
    fn next(&mut self) -> Option<&'t [u8]> {
        let text = skip_space(self.rest);
        if text.is_empty() {
            self.rest = text;
            return None;
        }
        let (word, rest) = text.split_at(word_length(text));
        self.rest = rest;
        Some(word)
    }
}

//! The words of an expanded text, split at white space outside quotes. Knows nothing of what is expanded.

use super::runes::{decode, is_space};

/// Words as they grow. A substitution with a modifier forgets the part of the word before it, as in BuildKit.
#[derive(Default)]
pub struct Words {
    done: Vec<Vec<u8>>,
    current: Vec<u8>,
    inside: bool,
}

impl Words {
    /// Adds text, at whose white space words end.
    pub fn add_chars(&mut self, text: &[u8]) {
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let (c, len) = decode(rest);
            let len = len.max(1);
            if !is_space(c) {
                self.add_raw(&rest[..len]);
            } else if self.inside && !self.current.is_empty() {
                self.done.push(std::mem::take(&mut self.current));
                self.inside = false;
            }
            at += len;
        }
    }

    /// Adds text to the present word, whatever is in it.
    pub fn add_raw(&mut self, text: &[u8]) {
        self.current.extend_from_slice(text);
        self.inside = true;
    }

    /// Drops what the present word has.
    pub fn forget(&mut self) {
        self.current.clear();
    }

    /// All words.
    pub fn finish(mut self) -> Vec<Vec<u8>> {
        if !self.current.is_empty() {
            self.done.push(self.current);
        }
        self.done
    }
}

//! What goes to a terminal on which several programs write above one line that is kept up to date: whole lines as they come, unfinished
//! ones when they wait for more, the last line removed before and drawn again after. Does no input nor output: it makes bytes.
//!
//! The cursor stays at the beginning of the footer, so that a terminal which wraps lines anew when it is resized takes it along, and
//! clearing what is below the cursor removes all of the footer.

use super::StreamId;
use std::time::{Duration, Instant};

/// How long a line may stay unfinished before it is shown as it is: a question waits for its answer.
const PATIENCE: Duration = Duration::from_millis(100);
/// The same while others write, too, and may cut it in two.
const PATIENCE_AMONG_OTHERS: Duration = Duration::from_millis(1500);
/// An unfinished line longer than this is shown.
const LONGEST: usize = 1 << 16;

/// An unfinished line.
struct Held {
    id: StreamId,
    text: Vec<u8>,
    since: Instant,
}

/// The state of the terminal, as far as it is ours.
#[derive(Default)]
pub struct Screen {
    out: Vec<u8>,
    held: Vec<Held>,
    /// Whose unfinished line the cursor stands in.
    open: Option<StreamId>,
    /// Programs that move the cursor about: while one runs, there is no footer.
    wild: Vec<StreamId>,
    /// The footer that is shown.
    footer: Option<String>,
    /// Lines written.
    pub lines: u64,
}

/// Lines end at the edge of the terminal.
const NO_WRAP: &[u8] = b"\x1b[?7l";
/// Lines go on in the next one.
const WRAP: &[u8] = b"\x1b[?7h";
/// Clears from the cursor to the end of the screen.
const CLEAR_BELOW: &[u8] = b"\x1b[J";

impl Screen {
    /// A terminal whose cursor is at the beginning of a line.
    pub fn new() -> Screen {
        Screen::default()
    }

    /// Takes the bytes that are to be written.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn hide(&mut self) {
        if self.footer.take().is_some() {
            self.out.extend_from_slice(CLEAR_BELOW);
        }
    }

    /// Writes `text` of stream `id` now.
    fn write(&mut self, id: StreamId, text: &[u8]) {
        let Some(&last) = text.last() else { return };
        self.hide();
        if self.open.is_some_and(|open| open != id) {
            self.out.push(b'\n');
        }
        self.out.extend_from_slice(text);
        self.lines += memchr::memchr_iter(b'\n', text).count() as u64;
        self.open = (last != b'\n').then_some(id);
    }

    fn take_held(&mut self, id: StreamId) -> Vec<u8> {
        match self.held.iter().position(|held| held.id == id) {
            Some(at) => self.held.swap_remove(at).text,
            None => Vec::new(),
        }
    }

    /// Stream `id` wrote `text`.
    pub fn put(&mut self, id: StreamId, text: &[u8], now: Instant) {
        if !self.wild.contains(&id) && moves_cursor(text) {
            self.wild.push(id);
        }
        if self.wild.contains(&id) {
            return self.put_at_once(id, text);
        }
        let whole = memchr::memrchr(b'\n', text).map_or(0, |newline| newline + 1);
        let (lines, rest) = text.split_at(whole);
        if !lines.is_empty() {
            let mut held = self.take_held(id);
            held.extend_from_slice(lines);
            self.write(id, &held);
        }
        if rest.is_empty() {
            return;
        }
        if self.open == Some(id) {
            return self.write(id, rest);
        }
        match self.held.iter_mut().find(|held| held.id == id) {
            Some(held) => {
                held.text.extend_from_slice(rest);
                if held.text.len() > LONGEST {
                    self.flush(id);
                }
            }
            None => self.held.push(Held { id, text: rest.to_vec(), since: now }),
        }
    }

    /// Writes `text` of stream `id` without waiting for the end of its line.
    pub fn put_at_once(&mut self, id: StreamId, text: &[u8]) {
        self.flush(id);
        self.write(id, text);
    }

    /// Writes the unfinished line of stream `id`.
    pub fn flush(&mut self, id: StreamId) {
        let held = self.take_held(id);
        self.write(id, &held);
    }

    /// Stream `id` is over.
    pub fn close(&mut self, id: StreamId) {
        self.flush(id);
        self.wild.retain(|&wild| wild != id);
    }

    /// Shows the unfinished lines that have waited long enough; `alone` tells that only one program writes.
    pub fn tick(&mut self, now: Instant, alone: bool) {
        let patience = if alone { PATIENCE } else { PATIENCE_AMONG_OTHERS };
        let late = |held: &&Held| now.saturating_duration_since(held.since) >= patience;
        for id in self.held.iter().filter(late).map(|held| held.id).collect::<Vec<_>>() {
            self.flush(id);
        }
    }

    /// Whether a footer can be shown now.
    pub fn has_room(&self) -> bool {
        self.open.is_none() && self.wild.is_empty()
    }

    /// Shows `footer` below all else.
    pub fn show(&mut self, footer: Option<String>) {
        if footer == self.footer {
            return;
        }
        self.hide();
        if let Some(text) = footer {
            // Cut off at the edge of the terminal, should it be longer than thought: a character may be two columns wide.
            self.out.extend_from_slice(NO_WRAP);
            self.out.extend_from_slice(text.as_bytes());
            self.out.extend_from_slice(WRAP);
            self.out.push(b'\r');
            self.footer = Some(text);
        }
    }

    /// All is over: unfinished lines are written, and the footer goes.
    pub fn end(&mut self) {
        for id in self.held.iter().map(|held| held.id).collect::<Vec<_>>() {
            self.flush(id);
        }
        self.hide();
    }
}

/// Whether `text` has sequences that move the cursor to another line, or address the screen as a whole: a program that draws.
fn moves_cursor(text: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = memchr::memchr(0x1b, text.get(at..).unwrap_or_default()) {
        at += found + 1;
        match text.get(at) {
            Some(b'[') => {
                let rest = text.get(at + 1..).unwrap_or_default();
                let end = rest.iter().position(|byte| (0x40..=0x7e).contains(byte));
                let Some(end) = end else { return false };
                let private = rest.first() == Some(&b'?');
                match rest[end] {
                    b'A' | b'B' | b'E' | b'F' | b'H' | b'J' | b'L' | b'M' | b'S' | b'T' | b'd' | b'f'
                    | b'r' | b's' | b'u' => return true,
                    // Other modes than the shape of the cursor: the other screen, say.
                    b'h' | b'l' if private && !rest.starts_with(b"?25") => return true,
                    _ => {}
                }
            }
            // Saves and restores the cursor, moves up and down, resets.
            Some(b'7' | b'8' | b'D' | b'M' | b'c') => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a terminal shows: `\n` goes to the next line, `\r` to its beginning, `ESC [ J` clears from there on.
    fn seen(bytes: &[u8]) -> Vec<String> {
        let (mut lines, mut column) = (vec![String::new()], 0);
        let mut text = std::str::from_utf8(bytes).unwrap();
        while let Some(first) = text.chars().next() {
            if let Some(rest) = text.strip_prefix("\x1b[?7l").or_else(|| text.strip_prefix("\x1b[?7h")) {
                text = rest;
                continue;
            }
            if let Some(rest) = text.strip_prefix("\x1b[J") {
                lines.last_mut().unwrap().truncate(column);
                text = rest;
                continue;
            }
            match first {
                '\n' => {
                    lines.push(String::new());
                    column = 0;
                }
                '\r' => column = 0,
                other => {
                    let line = lines.last_mut().unwrap();
                    let end = (column + 1).min(line.len());
                    line.replace_range(column..end, &other.to_string());
                    column += 1;
                }
            }
            text = &text[first.len_utf8()..];
        }
        lines
    }

    fn footer(screen: &mut Screen) {
        if screen.has_room() {
            screen.show(Some("[footer]".to_owned()));
        }
    }

    #[test]
    fn lines_of_several_programs_stay_whole_above_the_footer() {
        let (mut screen, now) = (Screen::new(), Instant::now());
        footer(&mut screen);
        screen.put(1, b"one be", now);
        footer(&mut screen);
        screen.put(2, b"two\n", now);
        footer(&mut screen);
        screen.put(1, b"gins\nnext", now);
        footer(&mut screen);
        screen.close(1);
        screen.end();
        assert_eq!(seen(&screen.take()), ["two", "one begins", "next"]);
    }

    #[test]
    fn a_question_is_shown_when_it_waits_and_its_line_goes_on() {
        let (mut screen, now) = (Screen::new(), Instant::now());
        footer(&mut screen);
        screen.put(1, b"sure? ", now);
        screen.tick(now + PATIENCE / 2, true);
        screen.tick(now + PATIENCE, false);
        footer(&mut screen);
        assert_eq!(seen(&screen.out), ["[footer]"]);
        screen.tick(now + PATIENCE, true);
        footer(&mut screen);
        assert_eq!(seen(&screen.out), ["sure? "]);
        screen.put(1, b"yes\nmore", now + PATIENCE);
        footer(&mut screen);
        assert_eq!(seen(&screen.out), ["sure? yes", "[footer]"]);
        screen.tick(now + PATIENCE * 3, true);
        screen.put(2, b"other\n", now);
        footer(&mut screen);
        assert_eq!(seen(&screen.take()), ["sure? yes", "more", "other", "[footer]"]);
    }

    #[test]
    fn a_program_that_draws_has_the_terminal_to_itself() {
        let (mut screen, now) = (Screen::new(), Instant::now());
        footer(&mut screen);
        screen.put(1, b"\x1b[32mgreen\x1b[0m\x1b[K\n", now);
        assert!(screen.has_room());
        screen.put(1, b"#1\n\x1b[1A\x1b[2K", now);
        assert!(!screen.has_room());
        let drawn = screen.take();
        assert!(drawn.ends_with(b"#1\n\x1b[1A\x1b[2K"));
        screen.put(1, b"done\n", now);
        screen.close(1);
        assert!(screen.has_room());
        for (text, moves) in
            [("\x1b[1;31m", false), ("\x1b[?25l", false), ("\x1b[?1049h", true), ("\x1b7", true)]
        {
            assert_eq!(moves_cursor(text.as_bytes()), moves, "{text:?}");
        }
    }
}

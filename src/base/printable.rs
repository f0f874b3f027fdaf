//! Text of others made fit to be shown: what a terminal would obey is replaced, and how wide the rest is. Knows nothing of where it is
//! shown.

use std::borrow::Cow;

/// Whether a terminal obeys `c` rather than showing it: control characters, and those that change the direction of the text that
/// follows.
pub fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether `c` takes no place of its own where text is shown or compared: format characters and variation selectors.
pub fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// `text` without what a terminal would obey. For imk's own messages: GNU make's are make's to the byte, except on a terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_obeyed(c) { '\u{fffd}' } else { c }).collect()
}

/// How many columns of a terminal `c` takes: none for what is set upon the character before, two for East Asian characters and
/// pictures (Unicode Standard Annex 11, "Wide" and "Fullwidth").
pub fn columns_of(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1f9ff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// How many columns `text` takes.
pub fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// As much of the beginning of `text` as has room in `room` columns.
pub fn fitting(text: &str, room: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|&(_, c)| {
        used += columns_of(c);
        used > room
    });
    &text[..end.map_or(text.len(), |(at, _)| at)]
}

/// `text` in `room` columns, an ellipsis in place of an end that has no room.
pub fn cut(text: &str, room: usize) -> String {
    match columns(text) <= room {
        true => text.to_owned(),
        false if room == 0 => String::new(),
        false => format!("{}…", fitting(text, room - 1)),
    }
}

/// The same with its end kept, the ellipsis in place of the beginning.
pub fn cut_start(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let mut used = 1;
    let kept = text.char_indices().rev().take_while(|&(_, c)| {
        used += columns_of(c);
        used <= room
    });
    // What is set upon a character that has no room goes with it.
    let end = kept.last().map_or("", |(at, _)| &text[at..]).trim_start_matches(|c| columns_of(c) == 0);
    if room == 0 { String::new() } else { format!("…{end}") }
}

/// `text` with spaces behind it up to `room` columns.
pub fn padded(text: &str, room: usize) -> String {
    format!("{text}{}", " ".repeat(room.saturating_sub(columns(text))))
}

/// `text` of several lines without what a terminal would obey, line ends and tabs apart; as it is where there is nothing of the
/// kind.
pub fn printable_lines(text: &[u8]) -> Cow<'_, [u8]> {
    let is_layout = |byte: u8| matches!(byte, b'\n' | b'\t');
    if text.is_ascii() && !text.iter().any(|&byte| byte.is_ascii_control() && !is_layout(byte)) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if is_obeyed(c) && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c };
    Cow::Owned(String::from_utf8_lossy(text).chars().map(shown).collect::<String>().into_bytes())
}

/// As [`printable_lines`], of text that this program has coloured: colours stay.
pub fn printable_coloured(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\x1b', text).is_none() {
        return printable_lines(text);
    }
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(escape) = memchr::memchr(b'\x1b', rest) {
        out.extend_from_slice(&printable_lines(&rest[..escape]));
        rest = &rest[escape..];
        let length = colour_length(rest).max(1);
        match length {
            1 => out.extend_from_slice("\u{fffd}".as_bytes()),
            _ => out.extend_from_slice(&rest[..length]),
        }
        rest = &rest[length..];
    }
    out.extend_from_slice(&printable_lines(rest));
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

/// The length of the sequence that changes colours (SGR) with which `text` begins; zero where it begins with none.
pub fn colour_length(text: &[u8]) -> usize {
    let Some(rest) = text.strip_prefix(b"\x1b[") else { return 0 };
    match rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b';')) {
        Some(end) if rest[end] == b'm' => end + 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!((columns("日本"), columns("é"), columns("e\u{301}"), columns("🐳 x")), (4, 1, 1, 4));
        assert_eq!(
            (cut("日本語", 6), cut("日本語", 5), cut("日本語", 4)),
            ("日本語".into(), "日本…".into(), "日…".into())
        );
        assert_eq!((cut("abc", 3), cut("abc", 2), cut("abc", 0)), ("abc".into(), "a…".into(), String::new()));
        let start = |text: &str, room| cut_start(text, room);
        assert_eq!(
            (start("日本語", 6), start("日本語", 5), start("日本語", 4)),
            ("日本語".into(), "…本語".into(), "…語".into())
        );
        assert_eq!(
            (start("abc", 2), start("abc", 0), start("ae\u{301}b", 2)),
            ("…c".into(), String::new(), "…b".into())
        );
        assert_eq!((padded("日本", 5), padded("日本", 3)), ("日本 ".into(), "日本".into()));
    }

    #[test]
    fn what_a_terminal_would_obey_is_replaced() {
        assert_eq!(
            printable("a\u{1b}[31mb\u{202e}c\u{9b}d\ré日"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}d\u{fffd}é日"
        );
        assert_eq!(&*printable_lines(b"a\tb\n"), b"a\tb\n");
        let coloured =
            |text: &str| String::from_utf8_lossy(&printable_coloured(text.as_bytes())).into_owned();
        assert_eq!(coloured("\x1b[1m\x1b[0;31mé\x1b[0m\n"), "\x1b[1m\x1b[0;31mé\x1b[0m\n");
        assert_eq!(coloured("a\x1b[2Jb\x1b[0m\u{9b}c\x1b"), "a\u{fffd}[2Jb\x1b[0m\u{fffd}c\u{fffd}");
        assert_eq!(coloured("\x1b\x1b[1mx"), "\u{fffd}\x1b[1mx");
        assert_eq!(&*printable_lines("a\u{1b}\té\n".as_bytes()), "a\u{fffd}\té\n".as_bytes());
    }
}

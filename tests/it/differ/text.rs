//! Random words, expressions and function calls in make's language. Knows nothing of statements.
//!
//! Most of what it makes is valid, as an error ends the makefile; a little is not, on purpose.

use fastrand::Rng;

/// Variables that makefiles set and use.
pub const VARIABLES: [&str; 16] =
    ["a", "b", "c", "d", "foo", "bar", "x", "y", "list", "f1", "f2", "long.name", "v-1", "w/z", "E", "é"];

/// Targets and files, few enough to meet each other.
pub const FILES: [&str; 16] = [
    "all", "a", "b", "c", "foo.o", "foo.c", "bar.o", "bar.c", "d/e", "d/e.o", "d/e.c", "x.y", "x.z", "lib.q",
    "./a", "foo",
];

/// Words of no meaning, and words of too much.
const WORDS: [&str; 44] = [
    "one",
    "two",
    "a",
    "b.c",
    "foo.o",
    "bar.c",
    "d/e.c",
    "%.o",
    "%",
    "%.c",
    "x%y",
    "*.c",
    "f*",
    "?",
    "[ab]",
    "[a",
    "~",
    "/",
    ".",
    "..",
    "/abs/./p/../q",
    "a\\ b",
    "\\%",
    "\\\\%",
    "\\",
    "é",
    "$$",
    "$$x",
    "'",
    "\"",
    "=",
    ":",
    "|",
    "&",
    "!",
    "+",
    "-",
    "@",
    "{",
    "}",
    "1",
    "2",
    "-3",
    "007",
];

/// Functions with the least and the most arguments they take.
const FUNCTIONS: [(&str, usize, usize); 33] = [
    ("subst", 3, 3),
    ("patsubst", 3, 3),
    ("strip", 1, 1),
    ("findstring", 2, 2),
    ("filter", 2, 2),
    ("filter-out", 2, 2),
    ("sort", 1, 1),
    ("word", 2, 2),
    ("wordlist", 3, 3),
    ("words", 1, 1),
    ("firstword", 1, 1),
    ("lastword", 1, 1),
    ("dir", 1, 1),
    ("notdir", 1, 1),
    ("suffix", 1, 1),
    ("basename", 1, 1),
    ("addsuffix", 2, 2),
    ("addprefix", 2, 2),
    ("join", 2, 2),
    ("wildcard", 1, 1),
    ("abspath", 1, 1),
    ("realpath", 1, 1),
    ("if", 2, 3),
    ("or", 1, 3),
    ("and", 1, 3),
    ("intcmp", 2, 5),
    ("foreach", 3, 3),
    ("let", 3, 3),
    ("call", 1, 4),
    ("value", 1, 1),
    ("origin", 1, 1),
    ("flavor", 1, 1),
    ("info", 1, 1),
];

/// One of a list.
pub fn pick<'a>(rng: &mut Rng, list: &[&'a str]) -> &'a str {
    list[rng.usize(..list.len())]
}

/// Whether something of this likelihood (in a thousand) happens.
pub fn chance(rng: &mut Rng, per_mille: u32) -> bool {
    rng.u32(..1000) < per_mille
}

/// A word, odd bytes included.
pub fn word(rng: &mut Rng) -> Vec<u8> {
    match rng.u32(..200) {
        0 => vec![0xff, b'a'],
        1 => vec![b'a', 0xe9, 0x80],
        2 => b"\\#".to_vec(),
        3 => b"(x)".to_vec(),
        4 => b",".to_vec(),
        5 => b"#".to_vec(),
        6 => b"a\\:b".to_vec(),
        7 => b";".to_vec(),
        8 => vec![0x0b, b'v', 0x0c],
        9 => b"a\rb".to_vec(),
        10..110 => pick(rng, &FILES).into(),
        _ => pick(rng, &WORDS).into(),
    }
}

/// Blanks between two words: mostly one space.
pub fn blank(rng: &mut Rng) -> &'static str {
    match rng.u32(..100) {
        0..85 => " ",
        85..90 => "  ",
        90..94 => "\t",
        94..97 => " \t ",
        97..99 => " \\\n  ",
        _ => "\\\n",
    }
}

/// Up to `most` words with references among them.
pub fn expression(rng: &mut Rng, depth: u32, most: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for at in 0..rng.usize(..=most) {
        if at > 0 && !chance(rng, 80) {
            text.extend_from_slice(blank(rng).as_bytes());
        }
        text.extend(atom(rng, depth));
    }
    text
}

fn atom(rng: &mut Rng, depth: u32) -> Vec<u8> {
    if depth == 0 || chance(rng, 450) { word(rng) } else { reference(rng, depth) }
}

/// `$(…)` of any kind.
pub fn reference(rng: &mut Rng, depth: u32) -> Vec<u8> {
    let name = pick(rng, &VARIABLES);
    let text = match rng.u32(..100) {
        0..30 => return parenthesized(rng, name.as_bytes()),
        30..33 => return [b"$", &name.as_bytes()[..1]].concat(),
        33..36 => {
            let mut text = b"$(".to_vec();
            text.extend(reference(rng, depth.saturating_sub(1)));
            text.push(b')');
            return text;
        }
        36..46 => substitution(rng, name, depth),
        46..48 => return pick(rng, &["$@", "$<", "$^", "$*", "$(@D)", "$(1)", "$1", "$2", "$(0)"]).into(),
        48..50 => {
            let special = [
                ".SHELLSTATUS",
                "MAKEFILE_LIST",
                "MAKECMDGOALS",
                ".DEFAULT_GOAL",
                "MAKELEVEL",
                "MAKEFLAGS",
                "CURDIR",
            ];
            let special = pick(rng, &special);
            return parenthesized(rng, special.as_bytes());
        }
        _ => function(rng, depth),
    };
    parenthesized(rng, &text)
}

fn parenthesized(rng: &mut Rng, inside: &[u8]) -> Vec<u8> {
    let (open, close) = if chance(rng, 150) { ("${", "}") } else { ("$(", ")") };
    // An unclosed reference is an error that ends everything: rarely.
    let close = if chance(rng, 2) { "" } else { close };
    [open.as_bytes(), inside, close.as_bytes()].concat()
}

fn substitution(rng: &mut Rng, name: &str, depth: u32) -> Vec<u8> {
    let patterns = [
        (".c", ".o"),
        ("%.c", "%.o"),
        ("%", "<%>"),
        ("o", ""),
        ("", ".x"),
        ("%.o", "x"),
        ("d/%", "%/%"),
        (".c", "%"),
    ];
    let (from, to) = patterns[rng.usize(..patterns.len())];
    let mut text = format!("{name}:{from}={to}").into_bytes();
    if chance(rng, 100) {
        text.extend(reference(rng, depth.saturating_sub(1)));
    }
    text
}

/// A call of a function, with its name and arguments, as it stands between the parentheses.
fn function(rng: &mut Rng, depth: u32) -> Vec<u8> {
    let depth = depth.saturating_sub(1);
    let (name, least, most) = FUNCTIONS[rng.usize(..FUNCTIONS.len())];
    let mut text = name.as_bytes().to_vec();
    text.extend_from_slice(if chance(rng, 40) { b"\t" } else { b" " });
    let count = match rng.u32(..1000) {
        0..3 => least.saturating_sub(1).max(1),
        3..12 => most + 1,
        _ => rng.usize(least..=most),
    };
    for at in 0..count {
        if at > 0 {
            text.push(b',');
        }
        text.extend(argument(rng, name, at, depth));
    }
    text
}

fn argument(rng: &mut Rng, function: &str, at: usize, depth: u32) -> Vec<u8> {
    match (function, at) {
        ("word", 0) | ("wordlist", 0 | 1) if !chance(rng, 10) => rng.u32(1..5).to_string().into_bytes(),
        ("intcmp", 0 | 1) if !chance(rng, 10) => rng.i32(-3..4).to_string().into_bytes(),
        ("foreach" | "let", 0) => pick(rng, &VARIABLES).into(),
        ("call" | "value" | "origin" | "flavor", 0) => {
            // Not `.VARIABLES`: there imk has a name more (docs/differences.md).
            let own = ["word", "foreach", "if", "CC", "@", "MAKE", "subst"];
            if chance(rng, 15) { pick(rng, &own).into() } else { pick(rng, &VARIABLES).into() }
        }
        ("patsubst" | "filter" | "filter-out", 0) if chance(rng, 700) => {
            pick(rng, &["%.c", "%.o", "%", "f%", "%/e", "a b", "%.c %.o", "\\%", "x%y%"]).into()
        }
        ("patsubst", 1) if chance(rng, 700) => pick(rng, &["%.o", "<%>", "x", "%%", "", "\\%.q"]).into(),
        _ => balance(expression(rng, depth, 3)),
    }
}

/// Drops what would end the call early or open one more: words with lone parentheses and braces.
fn balance(text: Vec<u8>) -> Vec<u8> {
    let open = text.iter().filter(|&&byte| matches!(byte, b'(' | b'{')).count();
    let close = text.iter().filter(|&&byte| matches!(byte, b')' | b'}')).count();
    if open == close { text } else { b"x".to_vec() }
}

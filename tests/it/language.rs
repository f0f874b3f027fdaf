//! The language against GNU make: random expressions, comparisons, assignments and rule lines, most of them intricate, must be
//! read alike. Where the differential tester makes what people write, this makes what the grammar is about.
//!
//! `IMK_LANGUAGE_COUNT` and `IMK_LANGUAGE_SEED` say how many and which.

use std::fmt::Write as _;

use fastrand::Rng;
use libtest_mimic::{Failed, Trial};

use crate::builder::{Failure, Test, compare, difference};
use crate::program::{self, Program};
use crate::run::Outcome;

/// Texts of the run that is part of every test run.
const DEFAULT_COUNT: u64 = 300;

/// Texts that one makefile holds.
const AT_ONCE: usize = 100;

/// What the texts may refer to.
const VARIABLES: &str = "a = A\nb = x.c y.c a.(c)\nn = b\ncomma = ,\nopen = (\nclose = )\nf = <$1|$2>\nx = $(n)$($(n))\n\
                         a) = closed\nb:.c=.o = odd\n( = round\n{ = curly\n";

const PLAIN: [&str; 22] = [
    "a",
    "b",
    "n",
    "x.c",
    " ",
    " ",
    ",",
    ":",
    "=",
    "%",
    "\\",
    "'",
    "\"",
    "$$",
    "$a",
    "$(a)",
    "${n}",
    "$(b:.c=.o)",
    "$(b:%.c=%)",
    "é",
    "\t",
    "$(comma)",
];

const CALLS: [&str; 16] = [
    "subst a,",
    "patsubst %.c,",
    "if ",
    "if a,",
    "or ",
    "and ",
    "foreach a,$(b),",
    "call f,",
    "words ",
    "strip ",
    "firstword ",
    "addprefix a,",
    "sort ",
    "let a,",
    "findstring x, ",
    "if\t",
];

const ODD: [&str; 18] = [
    "$", "(", ")", "{", "}", "$(", "${", "$(if ", "${or ", "$(open)", "$()", "$($(a)", "$(a(b)", "${a)", "#",
    ":", ")(", "\\#",
];

/// The trial of this module, ignored where GNU make is not there.
pub fn trials() -> Vec<Trial> {
    let make = program::gnu_make();
    let trial = Trial::test("language::is_read_as_gnu_make_reads_it", move || match make {
        Some(make) => compare_many(&program::imk(), make).map_err(Failed::from),
        None => Err(Failed::from("there is no GNU make 4.4.1 here (scripts/gnu-make brings it)")),
    });
    vec![trial.with_ignored_flag(make.is_none())]
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn compare_many(imk: &Program, make: &Program) -> Result<(), Failure> {
    let mut rng = Rng::with_seed(setting("IMK_LANGUAGE_SEED", 1));
    let mut left = setting("IMK_LANGUAGE_COUNT", DEFAULT_COUNT) as usize;
    let mut failure = String::new();
    while left > 0 {
        let texts: Vec<String> = (0..AT_ONCE.min(left)).map(|_| item(&mut rng)).collect();
        left -= texts.len();
        let mut rest = &texts[..];
        while !rest.is_empty() {
            let (expected, actual) = (outcome(rest, make)?, outcome(rest, imk)?);
            // An error ends the makefile at the text that made it; the next makefile begins behind it. Where the two
            // differ, it is in the last text that either of them came to.
            let reached = reached(&expected).max(reached(&actual)).min(rest.len() - 1);
            if compare(&expected, &actual).is_err() {
                report(&mut failure, rest, imk, make)?;
                if failure.len() > 4000 {
                    return Err(failure);
                }
            }
            rest = if expected.status == "0" { &[] } else { &rest[reached + 1..] };
        }
    }
    if failure.is_empty() { Ok(()) } else { Err(failure) }
}

/// Tells which of `texts` differ when they stand alone.
fn report(failure: &mut String, texts: &[String], imk: &Program, make: &Program) -> Result<(), Failure> {
    for text in texts {
        let text = std::slice::from_ref(text);
        let (expected, actual) = (outcome(text, make)?, outcome(text, imk)?);
        if compare(&expected, &actual).is_err() {
            let _ = writeln!(failure, "{}", text[0].escape_debug());
            difference(failure, "stdout", &expected.stdout, &actual.stdout);
            difference(failure, "stderr", &expected.stderr, &actual.stderr);
        }
    }
    Ok(())
}

fn outcome(texts: &[String], program: &Program) -> Result<Outcome, Failure> {
    let mut makefile = VARIABLES.to_owned();
    for (number, text) in texts.iter().enumerate() {
        let _ = write!(makefile, "$(info @{number})\n{text}\n");
    }
    makefile.push_str("all: ; @:\n.DEFAULT_GOAL = all\n");
    Test::new().makefile(makefile).arg("all").outcome(program)
}

/// The number of the last text that was come to.
fn reached(outcome: &Outcome) -> usize {
    let lines = outcome.stdout.split(|&byte| byte == b'\n');
    let mut numbers =
        lines.filter_map(|line| std::str::from_utf8(line.strip_prefix(b"@")?).ok()?.parse().ok());
    numbers.next_back().unwrap_or(0)
}

fn item(rng: &mut Rng) -> String {
    match rng.u8(..10) {
        0..4 => format!("$(info [{}])", text(rng, 3, false)),
        4 => format!("$(info [{}])", text(rng, 3, true)),
        5 | 6 => format!(
            "{} {}\n$(info yes)\nelse\n$(info no)\nendif",
            choose(rng, &["ifeq", "ifneq", "  ifeq"]),
            operands(rng)
        ),
        7 => {
            let operator = choose(rng, &["=", ":=", "::=", ":::=", "+=", "?="]);
            let modifier = choose(rng, &["", "", "export ", "override ", "private export ", "unexport "]);
            let odd = rng.u8(..3) == 0;
            let (name, value) = (text(rng, 1, odd), text(rng, 1, false));
            format!(
                "{modifier}new{name}{operator} {value}\n$(info [$(value new)|$(flavor new)|$(origin new)])\noverride undefine new"
            )
        }
        8 => {
            let colon = choose(rng, &[":", "::", " &:", " :", ": "]);
            let (odd, odder) = (rng.bool(), rng.u8(..3) == 0);
            let (targets, rest) = (text(rng, 1, odd), text(rng, 1, odder));
            format!("t {targets}{colon}{rest}\nt: q = $(info [$q])")
        }
        _ => text(rng, 1, true),
    }
}

fn choose<'p>(rng: &mut Rng, from: &[&'p str]) -> &'p str {
    from.get(rng.usize(..from.len())).copied().unwrap_or_default()
}

/// A text with references: balanced ones, unless it is to be `odd`.
fn text(rng: &mut Rng, depth: u8, odd: bool) -> String {
    let mut text = String::new();
    for _ in 0..rng.usize(..5) {
        match rng.u8(..10) {
            0..5 => text.push_str(choose(rng, &PLAIN)),
            5 if odd => text.push_str(choose(rng, &ODD)),
            _ if depth == 0 => text.push_str(choose(rng, &PLAIN)),
            5 => {
                let inner = self::text(rng, depth - 1, odd);
                let _ = write!(text, "({inner})");
            }
            kind => {
                let (open, close) = if rng.u8(..4) > 0 { ('(', ')') } else { ('{', '}') };
                let name =
                    if kind < 8 { choose(rng, &CALLS) } else { choose(rng, &["a", "", "n", "b", "$(n)"]) };
                let inner = self::text(rng, depth - 1, odd);
                let _ = write!(text, "${open}{name}{inner}{close}");
            }
        }
    }
    text
}

fn operands(rng: &mut Rng) -> String {
    let mut side = || {
        let odd = rng.u8(..4) == 0;
        text(rng, 1, odd)
    };
    let (left, right) = (side(), side());
    match rng.u8(..5) {
        0 => format!("'{left}' \"{right}\""),
        1 => format!("\"{left}\"'{right}'"),
        2 => (0..rng.usize(2..10)).map(|_| choose(rng, &["(", ")", ",", "a", " ", "'", "\""])).collect(),
        _ => format!("({left},{right})"),
    }
}

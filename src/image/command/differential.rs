//! Recognition against a real shell: scripts from a small grammar are run by `/bin/sh` with a docker that only writes down
//! its arguments, and what was recognised must be what was run.

use super::kinds::{ImageCommand, Reach};
use super::recognise;
use super::text::Text;
use super::variables::Inherited;
use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

fn word(random: &mut Random) -> String {
    let mut word = String::new();
    for _ in 0..1 + random.below(3) {
        word.push_str(
            random.pick(
                &[
                    "a",
                    "b:1",
                    "-x",
                    "--y=z",
                    "'q r'",
                    "\"s t\"",
                    "\\ ",
                    "$A",
                    "\"$A\"",
                    "${B}",
                    "\"${B}\"",
                    "${A:-d}",
                    "${E-e f}",
                    "\"${E:-g  h}\"",
                    "${A:+alt}",
                    "${V%.2}",
                    "${V#v}",
                    "$HOME",
                    "~/n",
                    "\"it's\"",
                    "'\"'",
                    "\\$A",
                    "\"\\$A\\\"\"",
                    "''",
                    "\"\"",
                    "$(echo sub)",
                    "`echo back`",
                    "$((1+2))",
                    "${E}",
                    "$E",
                    "{",
                    "}",
                    "=",
                    "#no",
                    "if",
                    "\\\n",
                    "$'",
                    "a$",
                    "\"$(echo \"in ner\")\"",
                    "${F:-$A}",
                    "$1",
                    "%",
                    "!",
                    "\"a\\\nb\"",
                    "\"\\a\"",
                    "é",
                    "${A}${B}",
                    "*nofile*",
                ]
                .map(|part| if part == "$'" { "x" } else { part }),
            ),
        );
    }
    word
}

fn statement(random: &mut Random, depth: usize, out: &mut String) {
    let docker = |random: &mut Random, out: &mut String| {
        out.push_str(random.pick(&[
            "docker run i",
            "A=tmp docker run i",
            "command docker run i",
            "/usr/bin/env X=1 docker run i",
        ]));
        for _ in 0..random.below(4) {
            let _ = write!(out, " {}", word(random));
        }
    };
    match random.below(if depth > 2 { 6 } else { 16 }) {
        0..=2 => docker(random, out),
        3 => {
            let _ = write!(
                out,
                "{}={}",
                random.pick(&["A", "B", "V", "F"]),
                random.pick(&["new", "'x  y'", "v1.2", "\"$A\"", "", "$(echo s)", "$B-"])
            );
        }
        4 => {
            let _ = write!(out, "export {}=ex", random.pick(&["A", "B"]));
        }
        5 => out.push_str(random.pick(&["unset A", ":", "true", "set -- p1 p2", ": ${F:=set}", "shift 0"])),
        6 | 7 => {
            statement(random, depth + 1, out);
            out.push_str(random.pick(&[" && ", " || ", "; ", "\n", " | ", " &&\n"]));
            statement(random, depth + 1, out);
        }
        8 => {
            out.push_str(random.pick(&["( ", "{ "]));
            let close = if out.ends_with("( ") { " )" } else { "\n}" };
            statement(random, depth + 1, out);
            out.push_str(close);
        }
        9 => {
            out.push_str("if ");
            statement(random, depth + 1, out);
            out.push_str("; then ");
            statement(random, depth + 1, out);
            if random.below(2) == 0 {
                out.push_str("; else ");
                statement(random, depth + 1, out);
            }
            out.push_str("; fi");
        }
        10 | 11 => {
            let _ =
                write!(out, "for A in {} {}; do ", word(random), random.pick(&["x y", "\"x y\"", "$B", ""]));
            statement(random, depth + 1, out);
            out.push_str("; done");
        }
        12 => {
            out.push_str("case $A in a|new) ");
            statement(random, depth + 1, out);
            out.push_str(" ;; (*) ");
            statement(random, depth + 1, out);
            out.push_str("\nesac");
        }
        13 => {
            out.push_str("f() { ");
            statement(random, depth + 1, out);
            out.push_str("\n}; f arg; f");
        }
        14 => {
            out.push_str("docker run i <<E >/dev/null\n$A text\nE\n:");
        }
        _ => {
            out.push_str("while false; do ");
            statement(random, depth + 1, out);
            out.push_str("; done");
        }
    }
}

/// The arguments after `run i` of each call, as a shell makes them.
fn run(folder: &Path, script: &str) -> Vec<Vec<Vec<u8>>> {
    let log = folder.join("log");
    std::fs::write(&log, b"").unwrap();
    let mut command = Command::new("/bin/sh");
    command
        .env_clear()
        .env("HOME", "/home/jo")
        .env("B", "env b")
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
    command.env("LOG", &log).arg("-c").arg(script).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().unwrap();
    let text = std::fs::read(&log).unwrap();
    let calls = text.split(|byte| *byte == 1).filter(|call| !call.is_empty());
    let arguments = |call: &[u8]| {
        let mut words: Vec<Vec<u8>> = call.split(|byte| *byte == 2).map(<[u8]>::to_vec).collect();
        // Each word is ended, so that the last piece is empty.
        words.pop();
        words.split_off(2.min(words.len()))
    };
    calls.map(arguments).collect()
}

fn environment(name: &[u8]) -> Inherited {
    match name {
        b"HOME" => Inherited::Value(b"/home/jo".to_vec()),
        b"B" => Inherited::Value(b"env b".to_vec()),
        _ => Inherited::Unset,
    }
}

/// Whether what was recognised can be what was run; unknown values can be anything.
fn can_be(recognised: &[Text], run: &[Vec<u8>]) -> bool {
    match recognised.iter().all(|text| text.known().is_some()) {
        true => {
            recognised.iter().map(|text| text.known().unwrap_or_default()).eq(run.iter().map(Vec::as_slice))
        }
        false => true,
    }
}

#[test]
fn what_is_recognised_is_what_a_shell_runs() {
    let folder = std::env::temp_dir().join(format!("imk-differential-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let stub = folder.join("docker");
    // One write, since the commands of a pipeline write at once.
    let text =
        "#!/bin/sh\ncall=$(printf '%s\\002' \"$@\"; printf '\\001')\nprintf %s \"$call\" >> \"$LOG\"\n";
    std::fs::write(&stub, text).unwrap();
    std::fs::set_permissions(&stub, std::fs::Permissions::from_mode(0o755)).unwrap();
    let count = std::env::var("IMK_DIFFERENTIAL").ok().and_then(|count| count.parse().ok()).unwrap_or(150);
    let mut certain = 0;
    for seed in 1..=count {
        let mut random = Random(0x9E37_79B9_7F4A_7C15u64.wrapping_mul(seed));
        let mut script = String::new();
        for _ in 0..1 + random.below(4) {
            statement(&mut random, 0, &mut script);
            script.push('\n');
        }
        // What the shell refuses as a whole runs nothing; what it can't go on with (a bad name, say) ends it.
        let ends = format!("{script}\nprintf end > done");
        let _ = std::fs::remove_file(folder.join("done"));
        let calls = run(&folder, &ends);
        if !folder.join("done").exists() {
            continue;
        }
        let reading = recognise(script.as_bytes(), &environment);
        assert!(reading.opaque.is_empty(), "{script}\n{:?}", reading.opaque);
        // The commands of a pipeline run at once, in any order.
        let ordered = !script.contains(" | ");
        let mut left: Vec<&Vec<Vec<u8>>> = calls.iter().collect();
        let mut expected: Vec<&[Text]> = Vec::new();
        for command in &reading.commands {
            let ImageCommand::Run(container) = &command.command else { panic!("{script}\n{command:?}") };
            if command.reach == Reach::Always {
                expected.push(&container.arguments);
            }
        }
        if !ordered {
            expected.sort_by_key(|arguments| arguments.iter().any(|text| text.known().is_none()));
        }
        for arguments in expected {
            let found = left.iter().position(|call| can_be(arguments, call));
            let found = found.unwrap_or_else(|| panic!("{script}\nnot run: {arguments:?}\n{calls:?}"));
            left.drain(if ordered { 0..found + 1 } else { found..found + 1 });
            certain += 1;
        }
        for call in &calls {
            let known = reading.commands.iter().any(|command| match &command.command {
                ImageCommand::Run(container) => can_be(&container.arguments, call),
                _ => false,
            });
            assert!(known, "{script}\nrun, not recognised: {call:?}");
        }
    }
    assert!(certain > 50);
    std::fs::remove_dir_all(folder).unwrap();
}

//! Work grows in proportion to input: instructions counted by valgrind for texts of one size and of four times that. What grows with
//! the square takes sixteen times as much.

use std::fmt::Write as _;
use std::process::Command;

use libtest_mimic::Trial;

use crate::daemon::Manner;
use crate::figures::count;
use crate::scene::Scene;
use crate::{Failure, scale};

pub fn trials() -> Vec<Trial> {
    let has_valgrind = Command::new("valgrind").arg("--version").output().is_ok();
    let trials: Vec<Trial> = crate::trials![
        makefiles_are_read_in_proportion,
        rules_are_updated_in_proportion,
        recipes_are_understood_in_proportion,
        files_of_images_are_read_in_proportion,
    ];
    trials.into_iter().map(|trial| trial.with_ignored_flag(!has_valgrind)).collect()
}

/// The smaller of the two sizes.
const SIZE: usize = 250;

/// Files by their names, of a given size.
type Files = fn(usize) -> Vec<(&'static str, String)>;

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "{}", line(number));
        text
    })
}

fn makefile(text: String) -> Vec<(&'static str, String)> {
    vec![("Makefile", text + "\nall: ; @:\n")]
}

/// Instructions of a run over these files.
fn instructions(arguments: &[&str], files: Vec<(&'static str, String)>) -> Result<f64, Failure> {
    let place = Scene::new("", Manner::Well)?;
    for (name, text) in files {
        place.write(name, &text)?;
    }
    let path = place.dir().join("../bin/imk");
    let path = path.to_string_lossy();
    let valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--trace-children=no"];
    let outcome = place.run(&[&valgrind[..], &[&path], arguments].concat())?;
    let counted = outcome.stderr.lines().find_map(|line| line.split_once("Collected : "));
    counted
        .and_then(|(_, number)| number.trim().parse().ok())
        .ok_or_else(|| format!("nothing counted: {}", outcome.stderr.chars().take(2000).collect::<String>()))
}

fn in_proportion(arguments: &[&str], works: &[(&str, Files)]) -> Result<(), Failure> {
    let mut failures = Vec::new();
    // Without a larger scale a part of them, so that all together take a minute.
    let step = if scale() > 1 { 1 } else { 3 };
    for (name, files) in works.iter().step_by(step) {
        let none = instructions(arguments, files(1))?;
        let (small, large) =
            (instructions(arguments, files(SIZE))?, instructions(arguments, files(4 * SIZE))?);
        let factor = (large - none) / (small - none).max(1.0);
        // Sorting, and tables that grow, take a little more than four times as much.
        if factor > 5.5 && large > none * 1.5 {
            failures.push(format!(
                "{name}: {factor:.1} times the work for 4 times the text ({none}, {small}, {large})"
            ));
        }
        count("works whose growth was counted", 1);
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

fn makefiles_are_read_in_proportion() -> Result<(), Failure> {
    in_proportion(
        &["-rR"],
        &[
            ("variables", |n| makefile(lines(n, |i| format!("v{i} := a $(v{}) b", i / 2)))),
            ("one variable added to", |n| makefile(lines(n, |_| "v += word".to_owned()))),
            ("one long line", |n| makefile(format!("v := {}\n", "word $(x) ".repeat(n)))),
            ("one line of many", |n| makefile(format!("v := {}\n", "word \\\n".repeat(n)))),
            ("unclosed references", |n| makefile(format!("v = {}\n", "$(".repeat(n)))),
            ("brackets", |n| makefile(format!("v := $(subst {},x,y)\n", "()".repeat(n)))),
            ("conditionals", |n| makefile(lines(n, |_| "ifdef x\nendif".to_owned()))),
            ("nested conditionals", |n| makefile("ifndef x\n".repeat(n) + &"endif\n".repeat(n))),
            ("definitions", |n| makefile(lines(n, |i| format!("define d{i}\na\nb\nendef")))),
            ("words sorted", |n| {
                makefile(format!("v := $(sort {})\n", lines(n, |i| format!("w{} \\", i * 7919 % n))))
            }),
            ("words replaced", |n| makefile(format!("v := $(patsubst %.c,%.o,{})\n", "a.c ".repeat(n)))),
            ("words gone over", |n| makefile(format!("v := $(foreach i,{},$(i:a=b))\n", "a ".repeat(n)))),
            ("text read as a makefile", |n| {
                makefile(format!("$(foreach i,{},$(eval v$(i) := 1))\n", "a b c ".repeat(n / 3)))
            }),
            ("comments", |n| makefile(lines(n, |_| "# $(a ( \\\\".to_owned()))),
        ],
    )
}

fn rules_are_updated_in_proportion() -> Result<(), Failure> {
    in_proportion(
        &["-rR"],
        &[
            ("rules", |n| makefile(lines(n, |i| format!("t{i}: ; @:\nall: t{i}")))),
            ("a chain", |n| {
                makefile(lines(n, |i| format!("t{i}: t{}", i + 1)) + &format!("all: t0\nt{n}: ; @:\n"))
            }),
            ("prerequisites of one rule", |n| makefile(format!("all: {}\nin: ; @:\n", "in ".repeat(n)))),
            ("double-colon rules", |n| makefile("all:: ; @:\n".repeat(n))),
            ("a pattern rule", |n| makefile(lines(n, |i| format!("all: t{i}.o")) + "%.o: in ; @:\n")),
            ("target-specific variables", |n| {
                makefile(lines(n, |i| format!("t{i}: v = {i}\nt{i}: ; @: $(v)\nall: t{i}")))
            }),
        ],
    )
}

fn recipe(lines: String) -> Vec<(&'static str, String)> {
    vec![("Makefile", format!("all:\n{lines}"))]
}

fn recipes_are_understood_in_proportion() -> Result<(), Failure> {
    in_proportion(
        &["--plan"],
        &[
            ("commands", |n| recipe(lines(n / 8, |i| format!("\tdocker create --name c{i} x")))),
            ("things made and removed", |n| {
                recipe(lines(n / 4, |i| format!("\tdocker create --name c{i} x; docker rm c{i}")))
            }),
            ("a command that removes many", |n| {
                let names = (0..n / 4).fold(String::new(), |names, i| names + &format!(" c{i}"));
                let made = (0..n / 4).fold(String::new(), |made, i| made + &format!("docker tag x c{i}; "));
                recipe(format!("\t{made} docker rmi{names}\n"))
            }),
            ("substitutions", |n| recipe(format!("\tdocker rm {}\n", "$$(docker create x) ".repeat(n)))),
            ("a command of many words", |n| recipe(format!("\tdocker build {} .\n", "-t a:1 ".repeat(n)))),
            ("quotes", |n| recipe(format!("\tdocker run x {}\n", "\"$$A'\"\\ ".repeat(n)))),
            ("brackets", |n| recipe(format!("\tdocker ps; {}\n", "( ".repeat(n)))),
            ("a list of commands", |n| recipe(format!("\tdocker ps{}\n", " && a=1 && true".repeat(n)))),
            ("here-documents", |n| recipe(format!("\tdocker run x {}\n", "<<E ".repeat(n)))),
            ("branches", |n| recipe(format!("\tdocker ps; {}\n", "if a; then b; fi; ".repeat(n)))),
            ("assignments", |n| recipe(format!("\tA=x; {} docker run $$A\n", "A=$$A$$A; ".repeat(n)))),
        ],
    )
}

fn image(dockerfile: String, ignore: String) -> Vec<(&'static str, String)> {
    let makefile = "all:\n\tdocker build -t a .\n".to_owned();
    vec![
        ("Makefile", makefile),
        ("Dockerfile", format!("FROM scratch\n{dockerfile}")),
        (".dockerignore", ignore),
    ]
}

fn files_of_images_are_read_in_proportion() -> Result<(), Failure> {
    in_proportion(
        &["--plan"],
        &[
            ("instructions", |n| image(lines(n, |i| format!("RUN echo {i} $x")), String::new())),
            ("variables", |n| image(lines(n, |i| format!("ARG a{i}=${{a{}}}", i / 2)), String::new())),
            ("stages", |n| {
                image(lines(n / 4, |i| format!("FROM scratch AS s{i}\nCOPY --from=0 in /x")), String::new())
            }),
            ("sources", |n| image(format!("COPY {}/x\n", "in ".repeat(n)), String::new())),
            ("patterns", |n| image("COPY . /\n".to_owned(), lines(n, |i| format!("**/a{i}*\n!b{i}")))),
            ("here-documents", |n| image(lines(n, |i| format!("RUN <<E{i}\nx\nE{i}")), String::new())),
            ("one long line", |n| image(format!("RUN {}\n", "a=${b:-c} \\\n".repeat(n)), String::new())),
        ],
    )
}

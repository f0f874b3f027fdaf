//! What CI services read, held to the grammar of their documentation: GitHub's workflow commands, GitLab's sections; and that nothing of
//! it is where a program takes the output.

use std::collections::BTreeSet;
use std::fs;

use libtest_mimic::Trial;

use crate::builder::Failure;
use crate::program;
use crate::run::{Invocation, Outcome, Workplace};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        github_groups_hold_a_target_each,
        github_groups_of_jobs_at_once_do_not_mix,
        github_annotations_name_lines_and_are_escaped,
        names_in_messages_begin_no_github_command,
        names_of_runs_that_only_look_begin_no_github_command,
        names_of_folders_and_options_begin_no_github_command,
        messages_that_nothing_obeys_are_makes,
        names_begin_no_gitlab_section,
        names_that_a_program_takes_stay,
        github_gets_a_summary_with_failures_first,
        gitlab_sections_are_balanced_and_have_names_of_their_own,
        the_environment_is_recognised_where_the_log_is_read,
        sub_makes_make_no_groups,
        strict_and_none_are_make,
    ]
}

fn words(error: impl std::fmt::Display) -> Failure {
    error.to_string()
}

fn run_in(place: &Workplace, args: &[&str], env: &[(&str, &str)]) -> Result<Outcome, Failure> {
    let env = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let args = args.iter().map(Into::into).collect();
    place.run(&Invocation { args, env, ..Invocation::default() }).map_err(words)
}

fn place(makefile: &str) -> Result<Workplace, Failure> {
    let place = Workplace::new(&program::imk()).map_err(words)?;
    fs::write(place.dir().join("Makefile"), makefile).map_err(words)?;
    Ok(place)
}

fn run(makefile: &str, args: &[&str], env: &[(&str, &str)]) -> Result<Outcome, Failure> {
    run_in(&place(makefile)?, args, env)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A workflow command: its name, its properties, its data, unescaped as the runner does.
type Command = (String, Vec<(String, String)>, String);

/// Reads a line as a workflow command: `::NAME [KEY=VALUE[,KEY=VALUE]…]::DATA`.
fn command(line: &str) -> Result<Option<Command>, Failure> {
    let Some(rest) = line.strip_prefix("::") else { return Ok(None) };
    let (head, data) = rest.split_once("::").ok_or(format!("not closed: {line}"))?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let decode = |text: &str, property: bool| {
        let mut text = text.replace("%0D", "\r").replace("%0A", "\n");
        if property {
            text = text.replace("%3A", ":").replace("%2C", ",");
        }
        text.replace("%25", "%")
    };
    let mut found = Vec::new();
    for pair in properties.split(',').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(format!("no property: {line}"))?;
        if !["file", "line", "title"].contains(&key) {
            return Err(format!("unknown property {key}: {line}"));
        }
        found.push((key.to_owned(), decode(value, true)));
    }
    Ok(Some((name.to_owned(), found, decode(data, false))))
}

/// The groups of a log with what is in them; what is outside has no name.
fn groups(log: &str) -> Result<Vec<(String, Vec<String>)>, Failure> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut open = false;
    for line in log.lines() {
        match command(line)? {
            Some((name, _, title)) if name == "group" => {
                if open {
                    return Err(format!("a group in a group: {log}"));
                }
                open = true;
                found.push((title, Vec::new()));
            }
            Some((name, ..)) if name == "endgroup" => {
                if !open {
                    return Err(format!("no group to end: {log}"));
                }
                open = false;
            }
            Some(other) => return Err(format!("another command in standard output: {other:?}")),
            None => {
                if !open && found.last().is_none_or(|(title, _)| !title.is_empty()) {
                    found.push((String::new(), Vec::new()));
                }
                found.last_mut().into_iter().for_each(|(_, lines)| lines.push(line.to_owned()));
            }
        }
    }
    if open { Err(format!("a group is left open: {log}")) } else { Ok(found) }
}

fn same<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Result<(), Failure> {
    if found == expected { Ok(()) } else { Err(format!("found {found:#?}\nexpected {expected:#?}")) }
}

fn group(name: &str, lines: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), lines.iter().map(|&line| line.to_owned()).collect())
}

const MAKEFILE: &str = "all: one two\n\t@echo all\none:\n\techo 1\n\t@echo 2\ntwo: ; @echo two\n";

fn github_groups_hold_a_target_each() -> Result<(), Failure> {
    let outcome = run(MAKEFILE, &["--ci=github"], &[])?;
    let expected = vec![group("one", &["echo 1", "1", "2"]), group("two", &["two"]), group("all", &["all"])];
    same(groups(&text(&outcome.stdout))?, expected)?;
    same((text(&outcome.stderr), outcome.status), (String::new(), "0".to_owned()))
}

fn github_groups_of_jobs_at_once_do_not_mix() -> Result<(), Failure> {
    // Each waits for the other between its lines: without groups their lines would be mixed.
    let makefile = "all: a b\n\
        a: ; @mkfifo p q; echo a1; echo go > p; read x < q; echo a2\n\
        b: ; @while ! [ -p q ]; do :; done; read x < p; echo b1; echo go > q; echo b2\n";
    let outcome = run(makefile, &["--ci=github", "-j2"], &[])?;
    let mut found = groups(&text(&outcome.stdout))?;
    found.sort();
    same(found, vec![group("a", &["a1", "a2"]), group("b", &["b1", "b2"])])
}

fn github_annotations_name_lines_and_are_escaped() -> Result<(), Failure> {
    let makefile = "$(warning 100% odd)\nall: bad,x\nbad,x:\n\t@echo 50%; \\\n\texit 3\n";
    let place = place("")?;
    fs::create_dir(place.dir().join("sub")).map_err(words)?;
    fs::write(place.dir().join("sub/Makefile"), makefile).map_err(words)?;
    let workspace = place.dir().display().to_string();
    let outcome = run_in(&place, &["-C", "sub", "--ci=github"], &[("GITHUB_WORKSPACE", &workspace)])?;
    let mut found = Vec::new();
    for line in text(&outcome.stderr).lines() {
        found.extend(command(line)?);
    }
    let property = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let at = |line: &str, title: &str| {
        vec![property("file", "sub/Makefile"), property("line", line), property("title", title)]
    };
    let expected = vec![
        ("error".to_owned(), at("4", "bad,x"), "bad,x: Error 3\necho 50%; \\\nexit 3".to_owned()),
        ("warning".to_owned(), at("1", "imk"), "100% odd".to_owned()),
    ];
    same(found, expected)?;
    let outcome = run("x:\n  y\n", &["--ci=github"], &[])?;
    let last = text(&outcome.stderr).lines().last().map(command).transpose()?.flatten();
    let place = vec![property("file", "Makefile"), property("line", "2"), property("title", "imk")];
    same(last, Some(("error".to_owned(), place, "missing separator".to_owned())))
}

fn names_in_messages_begin_no_github_command() -> Result<(), Failure> {
    let makefile = "define X\na\n::add-mask::b\n  ::error::c\nendef\nall: ; $(error $(X))\n";
    let outcome = run(makefile, &["--ci=github"], &[])?;
    let stderr = text(&outcome.stderr);
    let obeyed = |line: &str| line.trim_start().strip_prefix("::").map(|rest| rest.to_owned());
    let found: Vec<String> = stderr.lines().filter_map(obeyed).collect();
    match found.as_slice() {
        [one] if one.contains("title=imk::a%0A::add-mask::b%0A") => Ok(()),
        _ => Err(stderr),
    }
}

/// Names that are commands for GitHub's runner wherever they begin a line, or stand in one.
const NAMED: &str = "\
all: \\#\\#[error]x \\:\\:error\\:\\:y file\n\
.PHONY: all \\#\\#[error]x \\:\\:error\\:\\:y\n\
\\#\\#[error]x: ; @echo x\n\
\\:\\:error\\:\\:y: ; @echo y\n\
file: \\#\\#[warning]src ; touch $@\n\
dep: absent-\\#\\#[error]\n\
## ##[error] of this ::error:: one\n\
described: file ; @:\n\
image: ; docker build -t 'bad:##[error]' .\n\
warn: ; @echo $(\\#\\#[error]undefined)\n";

/// The lines of `text` that GitHub's runner would obey, as its sources read them: `ActionCommand.TryParseV2` and `TryParse`.
fn obeyed(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text).into_owned();
    let lines = text.split(['\n', '\r']);
    let is_command = |line: &&str| line.trim_start().starts_with("::") || line.contains("##[");
    lines.filter(is_command).map(str::to_owned).collect()
}

/// A folder with [`NAMED`] as its makefile.
fn named() -> Result<Workplace, Failure> {
    let place = place(NAMED)?;
    fs::write(place.dir().join("##[warning]src"), "").map_err(words)?;
    let dockerfile = "FROM scratch AS ##[error]\nCOPY ##[error]src /\n";
    fs::write(place.dir().join("Dockerfile"), dockerfile).map_err(words)?;
    Ok(place)
}

fn names_of_runs_that_only_look_begin_no_github_command() -> Result<(), Failure> {
    let (place, mut would) = (named()?, 0);
    let newline = "q\n::error::q";
    let runs: [&[&str]; 26] = [
        &["-n", "-w", newline],
        &["-n", "dep"],
        &["-q", newline],
        &["-q", "--debug=all", "all"],
        &["-nk", newline, "dep", "all"],
        &["-n", "--trace", "all"],
        &["-n", "--warn-undefined-variables", "warn"],
        &["-n", "-p"],
        &["-t", "file"],
        &["--list"],
        &["--list=json"],
        &["--list=names"],
        &["--graph", "all", "image"],
        &["--graph=dot", "all", "image"],
        &["--graph=mermaid", "all", "image"],
        &["--graph=svg", "all", "image"],
        &["--plan", "--color", "all", "image"],
        &["--plan=json", "all", "image"],
        &["--check", "image", newline],
        &["--check=json", "image"],
        &["--why", "-n", "all", "file"],
        &["--why=json", "-n", "all", "file"],
        &["--audit=static", "image"],
        &["--bake", "image", newline],
        &["--emit=makefile"],
        &["--reap", newline],
    ];
    for args in runs {
        let by_option = [&["--ci=github"], args].concat();
        let outcome = run_in(&place, &by_option, &[])?;
        same((args, obeyed(&outcome.stdout), obeyed(&outcome.stderr)), (args, Vec::new(), Vec::new()))?;
        let outcome = run_in(&place, args, &[("GITHUB_ACTIONS", "true")])?;
        same((args, obeyed(&outcome.stderr)), (args, Vec::new()))?;
        let plain = run_in(&place, &[&["--ci=none"], args].concat(), &[])?;
        would += obeyed(&[plain.stdout, plain.stderr].concat()).len();
    }
    // The names do stand in what is said.
    if would > 20 { Ok(()) } else { Err(format!("only {would} lines to obey")) }
}

fn names_of_folders_and_options_begin_no_github_command() -> Result<(), Failure> {
    let place = place("all: ; @echo made\n")?;
    let folder = "f\n::error::f ##[error]";
    fs::create_dir(place.dir().join(folder)).map_err(words)?;
    fs::write(place.dir().join(folder).join("Makefile"), "all: ; @echo made\n").map_err(words)?;
    let runs: [&[&str]; 7] = [
        &["-wC", folder],
        &["-j2", "-Otarget", "-wC", folder],
        &["-nC", "gone\n::error::f"],
        &["-nf", "gone\n::error::f"],
        &["--\n::error::f"],
        &["-n", "--output-sync=##[error]"],
        &["-n", "--engine=\n::error::f", "all"],
    ];
    for args in runs {
        let outcome = run_in(&place, args, &[("GITHUB_ACTIONS", "true")])?;
        same((args, obeyed(&outcome.stdout), obeyed(&outcome.stderr)), (args, Vec::new(), Vec::new()))?;
        let outcome = run_in(&place, &[&["--posix-strict"], args].concat(), &[("GITHUB_ACTIONS", "true")])?;
        let all = [outcome.stdout, outcome.stderr].concat();
        same((args, obeyed(&all).is_empty()), (args, false))?;
    }
    Ok(())
}

/// Of what is no command of the service nothing is lost: colours, and bytes that are no UTF-8.
fn messages_that_nothing_obeys_are_makes() -> Result<(), Failure> {
    let place = place("")?;
    let makefile = b"$(warning \x1b[31mred\x1b[0m caf\xe9 a::b # [x])\nall: ; @:\n";
    fs::write(place.dir().join("Makefile"), makefile).map_err(words)?;
    let outcome = run_in(&place, &["--ci=github"], &[])?;
    let expected = b"Makefile:1: \x1b[31mred\x1b[0m caf\xe9 a::b # [x]\n";
    match outcome.stderr.starts_with(expected) {
        true => Ok(()),
        false => Err(outcome.stderr.escape_ascii().to_string()),
    }
}

fn names_begin_no_gitlab_section() -> Result<(), Failure> {
    let place = place("all: ; @echo made\n")?;
    let folder = "f\r\x1b[0Ksection_start:1:own[collapsed=true]\r\x1b[0Kown";
    fs::create_dir(place.dir().join(folder)).map_err(words)?;
    fs::write(place.dir().join(folder).join("Makefile"), "all: ; @echo made\n").map_err(words)?;
    for args in [
        &["-wC", folder][..],
        &["-n", folder],
        &["--plan", folder],
        &["-C", "gone\r\x1b[0Ksection_end:1:own\r\x1b[0K"],
    ] {
        for (option, variable) in [("--ci=gitlab", "NONE"), ("-k", "GITLAB_CI")] {
            let outcome = run_in(&place, &[&[option], args].concat(), &[(variable, "true")])?;
            let all = text(&[outcome.stdout, outcome.stderr].concat());
            // The sections of the run have its own names.
            let foreign = all.split("\x1b[0Ksection_").skip(1).filter(|rest| !rest.contains(":imk_")).count();
            same((args, foreign, all.contains("own") || all.contains("gone")), (args, 0, true))?;
        }
    }
    Ok(())
}

/// A step of which a program takes one answer, while the other is the log's.
const TAKEN: &str = "outer:\n\t@GITHUB_ACTIONS=true sh -c 'unset MAKELEVEL MAKEFLAGS; imk -f names --list=names; \
    x=$$(imk -f names --list=names); test \"$$x\" = \"$$(cat wanted)\" && echo taken'\n";

fn names_that_a_program_takes_stay() -> Result<(), Failure> {
    if !fs::metadata("/proc/self/environ").is_ok_and(|data| data.is_file()) {
        return Err("no /proc here".to_owned());
    }
    let place = place(TAKEN)?;
    fs::write(place.dir().join("names"), "\\#\\#[error]x: ; @:\n\\:\\:error\\:\\:y: ; @:\n")
        .map_err(words)?;
    let plain = run_in(&place, &["-f", "names", "--list=names"], &[])?;
    same(obeyed(&plain.stdout).len(), 2)?;
    fs::write(place.dir().join("wanted"), &plain.stdout).map_err(words)?;
    let outcome = run_in(&place, &["outer"], &[])?;
    same(obeyed(&outcome.stdout), Vec::new())?;
    let shown = text(&outcome.stdout);
    same((shown.lines().last(), shown.lines().count()), (Some("taken"), 3))
}

fn github_gets_a_summary_with_failures_first() -> Result<(), Failure> {
    let place = place("all: good bad\n\t@:;:\ngood: ; @echo x\nbad: ; @exit 2\n")?;
    fs::write(place.dir().join("summary"), "before\n").map_err(words)?;
    run_in(&place, &["-k", "--ci=github"], &[("GITHUB_STEP_SUMMARY", "summary")])?;
    let summary = fs::read_to_string(place.dir().join("summary")).map_err(words)?;
    let rows: Vec<String> =
        summary.lines().filter(|line| line.starts_with("| ")).map(str::to_owned).collect();
    let cells: Vec<Vec<&str>> =
        rows.iter().map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect();
    let columns = ["Target", "Result", "Time", "Image", "Size", "Why"];
    same(cells.first().cloned().unwrap_or_default(), columns.to_vec())?;
    let results: Vec<(&str, &str)> = cells.iter().skip(1).map(|row| (row[0], row[1])).collect();
    same(results, vec![("bad", "**failed**"), ("all", "given up"), ("good", "made")])?;
    if summary.starts_with("before\n") { Ok(()) } else { Err(summary) }
}

fn gitlab_sections_are_balanced_and_have_names_of_their_own() -> Result<(), Failure> {
    let outcome = run(MAKEFILE, &["--ci=gitlab"], &[])?;
    let log = text(&outcome.stdout);
    let (mut names, mut open, mut shown) = (BTreeSet::new(), None::<(String, u64)>, Vec::new());
    for line in log.split_inclusive('\n') {
        let Some(mark) = line.strip_prefix("\x1b[0Ksection_") else {
            shown.push(line.trim_end().to_owned());
            continue;
        };
        let (mark, header) = mark.split_once("\r\x1b[0K").ok_or(format!("no mark: {line:?}"))?;
        let parts: Vec<&str> = mark.splitn(3, ':').collect();
        let [kind, time, name] = parts[..] else { return Err(format!("no section: {line:?}")) };
        let time: u64 = time.parse().map_err(words)?;
        if kind == "start" {
            let name = name.strip_suffix("[collapsed=true]").ok_or(format!("not collapsed: {line:?}"))?;
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
            if !plain || !names.insert(name.to_owned()) || open.is_some() {
                return Err(format!("a name that is none, or not its own, or within another: {line:?}"));
            }
            open = Some((name.to_owned(), time));
            shown.push(format!("[{}]", header.trim_end()));
        } else if !open.take().is_some_and(|(start, began)| start == name && began <= time) || header != "\n"
        {
            return Err(format!("it ends what was not begun: {line:?}"));
        }
    }
    let expected = ["[one]", "echo 1", "1", "2", "[two]", "two", "[all]", "all"];
    same(shown, expected.map(str::to_owned).to_vec())?;
    if open.is_none() { Ok(()) } else { Err(log) }
}

/// A script as the step of a job, which is started with the service's variable and takes what one of its runs prints.
const STEP: &str = "outer:\n\t@GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY=summary sh -c 'unset MAKELEVEL MAKEFLAGS; imk inner; x=$$(imk inner); \
    echo \"[$$x]\"; imk inner | tr i I; true'\ninner: ; @echo inner\n";

fn the_environment_is_recognised_where_the_log_is_read() -> Result<(), Failure> {
    if !fs::metadata("/proc/self/environ").is_ok_and(|data| data.is_file()) {
        return Err("no /proc here".to_owned());
    }
    let place = place(STEP)?;
    let outcome = run_in(&place, &["outer"], &[])?;
    same(text(&outcome.stdout), "::group::inner\ninner\n::endgroup::\n[inner]\nInner\n".to_owned())?;
    let summary = fs::read_to_string(place.dir().join("summary")).unwrap_or_default();
    same(summary.matches("### ").count(), 1)
}

fn sub_makes_make_no_groups() -> Result<(), Failure> {
    let makefile =
        "all: ; @$(MAKE) --no-print-directory sub; echo \"[$$($(MAKE) -s sub)]\"\nsub: ; @echo sub\n";
    for args in [&["--ci=github"][..], &["--ci=github", "-j2"]] {
        let outcome = run(makefile, args, &[("GITHUB_ACTIONS", "true")])?;
        same(groups(&text(&outcome.stdout))?, vec![group("all", &["sub", "[sub]"])])?;
    }
    Ok(())
}

fn strict_and_none_are_make() -> Result<(), Failure> {
    let makefile = "all: ; @echo x; exit 1\n";
    let plain = run(makefile, &[], &[])?;
    for (option, variable) in [("--posix-strict", "GITHUB_ACTIONS"), ("--ci=none", "GITLAB_CI")] {
        same(run(makefile, &[option, "-j2"], &[(variable, "true")])?, plain.clone())?;
    }
    let under = run(makefile, &["--posix-strict"], &[("GITLAB_CI", "true"), ("CI", "true")])?;
    same(under, plain)
}

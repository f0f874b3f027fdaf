//! Builds of so many files that times are looked up ahead: what is done must be what GNU make does, which looks each up in its turn.

use std::process::Command;

use libtest_mimic::Trial;

use crate::builder::{Failure, Test};

pub fn trials() -> Vec<Trial> {
    let mut trials = crate::trials![
        files_out_of_date_are_found,
        what_a_recipe_changes_is_seen,
        what_a_function_changes_is_seen,
        sources_of_implicit_rules_are_found,
        files_that_are_missing_are_said,
        the_endings_of_rules_alone_do_not_decide,
    ];
    let traced = Trial::test("ahead::another_thread_looks", || another_thread_looks().map_err(Into::into));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let strace = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    let can = processors > 1 && strace.is_ok_and(|status| status.success());
    trials.push(traced.with_ignored_flag(!can));
    trials
}

/// Targets that are up to date, with what else is in front of the last of them.
fn targets(before_last: &str) -> String {
    let all: Vec<String> = (0..1500).map(|number| format!("t/{number}")).collect();
    let (last, others) = all.split_last().expect("there are some");
    format!("all: {} {before_last} {last}\n", others.join(" "))
}

const SETUP: &str = "mkdir s t; cd s; seq 0 1499 | xargs touch -d 2020-01-01; cd ../t; seq 0 1499 | xargs touch -d 2021-01-01\n";
const RULE: &str = "$(patsubst %,t/%,$(shell seq 0 1499)): t/%: s/%; @echo made $@ of $?\n";

fn files_out_of_date_are_found() -> Result<(), Failure> {
    Test::new()
        .setup(&format!("{SETUP} cd ..; touch s/3 s/700 s/1499; rm t/900"))
        .makefile(targets("") + RULE)
        .stdout("made t/3 of s/3\nmade t/700 of s/700\nmade t/900 of s/900\nmade t/1499 of s/1499\n")
        .same_as_gnu_make()
}

fn what_a_recipe_changes_is_seen() -> Result<(), Failure> {
    Test::new()
        .setup(SETUP)
        .makefile(targets("change") + RULE + ".PHONY: change\nchange: ; @touch s/1499\n")
        .stdout("made t/1499 of s/1499\n")
        .same_as_gnu_make()
}

fn what_a_function_changes_is_seen() -> Result<(), Failure> {
    let change = ".SECONDEXPANSION:\nt/1400: $$(shell touch s/1499)\n";
    Test::new()
        .setup(SETUP)
        .makefile(targets("") + RULE + change)
        .stdout("made t/1499 of s/1499\n")
        .same_as_gnu_make()
}

fn sources_of_implicit_rules_are_found() -> Result<(), Failure> {
    let rules = "t/%: s/%; @echo made $@ of $?\nt/%: other/%; @echo made $@ of $?\n";
    Test::new()
        .setup(&format!("{SETUP} cd ..; mkdir other; mv s/1000 other/; touch other/1000 s/1200"))
        .makefile(targets("") + rules)
        .stdout("made t/1000 of other/1000\nmade t/1200 of s/1200\n")
        .same_as_gnu_make()
}

fn files_that_are_missing_are_said() -> Result<(), Failure> {
    Test::new()
        .setup(&format!("{SETUP} cd ..; rm s/1200"))
        .makefile(targets("") + RULE)
        .stderr("imk: *** No rule to make target 's/1200', needed by 't/1200'.  Stop.\n")
        .status(2)
        .same_as_gnu_make()
}

fn another_thread_looks() -> Result<(), Failure> {
    // The looks of the threads that the run started, its first being the one that the log begins with.
    let count = r#"awk 'NR == 1 { first = $$1 } /"[st]\// && $$1 != first { looks++ } END { print (looks > 500) }' log"#;
    let run = "strace -f -qq -o log -e trace=/stat $(MAKE) --no-print-directory -sf build.mk";
    Test::new()
        .setup(SETUP)
        .file("build.mk", targets("") + RULE)
        .makefile(format!("all:\n\t@{run}\n\t@{count}\n"))
        .stdout("1\n")
        .run()
}

fn the_endings_of_rules_alone_do_not_decide() -> Result<(), Failure> {
    // Of one ending: names that another rule is for, whose source has another ending, or is in another folder.
    let rules = "t/%: s/%; @echo made $@ of $?\nt/1%0: other/%.x; @echo made $@ of $?\nt/%: away/%.y; @echo made $@ of $?\n";
    let more = "cd ..; mkdir -p other away; touch other/00.x other/23.x away/7.y s/1300; rm s/1000 s/7";
    Test::new()
        .setup(&format!("{SETUP} {more}"))
        .makefile(targets("") + rules)
        .stdout("made t/7 of away/7.y\nmade t/1000 of other/00.x\nmade t/1230 of other/23.x\nmade t/1300 of s/1300\n")
        .same_as_gnu_make()
}

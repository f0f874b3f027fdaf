//! Builds of so many files that times are looked up ahead: what is done must be what GNU make does, which looks each up in its turn.

use libtest_mimic::Trial;

use crate::builder::{Failure, Test};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        files_out_of_date_are_found,
        what_a_recipe_changes_is_seen,
        what_a_function_changes_is_seen,
        sources_of_implicit_rules_are_found,
        files_that_are_missing_are_said,
    ]
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

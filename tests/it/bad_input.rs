//! Input that is wrong, huge or hostile: GNU make's message and status, and never a panic.
//!
//! What fits in a case file is in `tests/cases/bad-input/`; here is what must be generated.

use libtest_mimic::Trial;

use crate::builder::{Failure, Test};
use crate::program;
use crate::terminal::Terminal;

pub fn trials() -> Vec<Trial> {
    crate::trials![
        line_of_ten_megabytes,
        comment_of_ten_megabytes,
        definition_of_a_hundred_thousand_lines,
        line_continued_a_hundred_thousand_times,
        ten_thousand_nested_conditionals,
        deeply_nested_references,
        deeply_unclosed_references,
        a_hundred_thousand_prerequisites,
        a_chain_of_prerequisites,
        a_long_value_for_many_targets_is_kept_once,
        standard_input_of_ten_megabytes,
        environment_too_large_to_pass_on,
        folder_that_may_not_be_read,
        binary_noise,
        names_that_a_terminal_would_obey,
    ]
}

fn line_of_ten_megabytes() -> Result<(), Failure> {
    let mut makefile = b"X := ".to_vec();
    makefile.extend(b"0123456789 ".repeat(1_000_000));
    makefile.extend(b"\n$(info $(words $(X)))\nall: ;\n");
    Test::new().makefile(makefile).stdout("1000000\n").arg("-s").same_as_gnu_make()
}

fn comment_of_ten_megabytes() -> Result<(), Failure> {
    let mut makefile = b"# ".to_vec();
    makefile.extend(b"$(error no) ".repeat(1_000_000));
    makefile.extend(b"\nall: ; @echo fine\n");
    Test::new().makefile(makefile).stdout("fine\n").same_as_gnu_make()
}

fn definition_of_a_hundred_thousand_lines() -> Result<(), Failure> {
    let mut makefile = b"define X\n".to_vec();
    makefile.extend(b"a line $(of) text\n".repeat(100_000));
    makefile.extend(b"endef\n$(info $(words $(X)))\nall: ;\n");
    Test::new().makefile(makefile).stdout("300000\n").arg("-s").same_as_gnu_make()
}

fn line_continued_a_hundred_thousand_times() -> Result<(), Failure> {
    let mut makefile = b"X =".to_vec();
    makefile.extend(b" a \\\n".repeat(100_000));
    makefile.extend(b"\n$(info $(words $(X)))\nall: ;\n");
    Test::new().makefile(makefile).stdout("100000\n").arg("-s").same_as_gnu_make()
}

fn ten_thousand_nested_conditionals() -> Result<(), Failure> {
    let mut makefile = "ifdef MAKE\n".repeat(10_000);
    makefile.push_str("$(info inside)\n");
    makefile.push_str(&"endif\n".repeat(10_000));
    makefile.push_str("all: ;\n");
    Test::new().makefile(makefile).arg("-s").stdout("inside\n").same_as_gnu_make()
}

fn deeply_nested_references() -> Result<(), Failure> {
    let depth = 2_000;
    let makefile =
        format!("X := {}y{}\n$(info [$(X)])\nall: ;\n", "$(strip ".repeat(depth), ")".repeat(depth));
    Test::new().makefile(makefile).arg("-s").stdout("[y]\n").same_as_gnu_make()
}

/// GNU make's own depth is its stack's; all that is asked here is one clear error.
fn deeply_unclosed_references() -> Result<(), Failure> {
    for depth in [10_000, 1_000_000] {
        let makefile = format!("all: ; @echo no\nX := {}\n", "$(strip ".repeat(depth));
        ends_in_error(Test::new().makefile(makefile))?;
    }
    Ok(())
}

fn a_hundred_thousand_prerequisites() -> Result<(), Failure> {
    let names: String = (0..100_000).map(|number| format!(" p{number}")).collect();
    let makefile = format!("all:{names} ; @echo $(words $^)\n{}: ;\n", names.trim_start());
    Test::new().makefile(makefile).arg("-s").stdout("100000\n").same_as_gnu_make()
}

fn a_chain_of_prerequisites() -> Result<(), Failure> {
    let links: String = (0..5_000).map(|number| format!("p{number}: p{}\n", number + 1)).collect();
    let makefile = format!("{links}p5000: ; @echo end\n");
    Test::new().makefile(makefile).arg("-rR").stdout("end\n").same_as_gnu_make()
}

fn a_long_value_for_many_targets_is_kept_once() -> Result<(), Failure> {
    let makefile = "T := $(shell seq 1 3000)\nV := $(shell seq 1 60000)\n$(eval $(T): X = $(V))\n$(T): Y := $(V)\n\
                    7: X += more\nall: 7 8\n7 8: ; @: $(info $@ $(words $(X) $(Y)) $(lastword $(X)))\n";
    // Two gigabytes, were it kept for each.
    let limited = "all: ; @ulimit -v 700000; $(MAKE) -sf many.mk";
    Test::new().makefile(limited).file("many.mk", makefile).stdout("7 120001 more\n8 120000 60000\n").run()
}

fn standard_input_of_ten_megabytes() -> Result<(), Failure> {
    let mut makefile = b"# a comment line\n".repeat(600_000);
    makefile.extend(b"all: ; @echo $(X)\n");
    Test::new().stdin(makefile).arg("-f-").env("X", "read").stdout("read\n").same_as_gnu_make()
}

fn environment_too_large_to_pass_on() -> Result<(), Failure> {
    let makefile = format!("export X = {}\nall: ; @true\n", "x".repeat(10_000_000));
    let stderr = "imk: true: Argument list too long\nimk: *** [Makefile:2: all] Error 127\n";
    Test::new().makefile(makefile).stderr(stderr).status(2).same_as_gnu_make()
}

fn folder_that_may_not_be_read() -> Result<(), Failure> {
    let makefile = "all: secret/x secret ; @echo $(wildcard secret/*) $^\n";
    let stderr = "imk: stat: secret/x: Permission denied\n\
                  imk: *** No rule to make target 'secret/x', needed by 'all'.  Stop.\n";
    let test = Test::new().makefile(makefile).file("secret/x", "").setup("chmod 000 secret");
    test.unprivileged().stderr(stderr).status(2).same_as_gnu_make()
}

/// Every pair of bytes, in lines of all kinds: whatever it means, the end is a status, not a panic.
fn binary_noise() -> Result<(), Failure> {
    for first in 0..=255u8 {
        let mut makefile = b"all: ; @:\n".to_vec();
        for second in (0..=255u8).step_by(17) {
            makefile.extend([first, second, b'\n']);
        }
        let outcome = Test::new().makefile(makefile).arg("-n").outcome(&program::imk())?;
        if !matches!(outcome.status.as_str(), "0" | "1" | "2") {
            return Err(format!("byte {first}: {outcome:?}"));
        }
    }
    Ok(())
}

/// On a terminal the names in messages are shown; to a pipe they go as GNU make writes them.
fn names_that_a_terminal_would_obey() -> Result<(), Failure> {
    let makefile = "all: ; $(error \u{1b}]0;title\u{7}\u{1b}[31m$@)\n";
    let stderr = "Makefile:1: *** \u{1b}]0;title\u{7}\u{1b}[31mall.  Stop.\n";
    Test::new().makefile(makefile).stderr(stderr).status(2).same_as_gnu_make()?;
    let root = tempfile::tempdir().map_err(|error| error.to_string())?;
    std::fs::write(root.path().join("Makefile"), makefile).map_err(|error| error.to_string())?;
    let words = [program::imk().path.as_os_str().to_owned()];
    let (status, shown) = Terminal::start(&words, root.path(), root.path(), (80, 24))?.end()?;
    let wanted = "*** \u{fffd}]0;title\u{fffd}\u{fffd}[31mall.  Stop.";
    if status != 2 || !shown.contains(wanted) || shown.contains("\u{1b}]0;") {
        return Err(format!("status {status}, shown {:?}", shown));
    }
    // What is said on standard output as well.
    let makefile =
        "E := $(shell printf '\\033')\nall: a$(E)[31mb c$(E)[31md\na$(E)[31mb: ;\n.PHONY: c$(E)[31md\n";
    std::fs::write(root.path().join("Makefile"), makefile).map_err(|error| error.to_string())?;
    for more in ["--debug=b", "--trace", "-t"] {
        let words = [program::imk().path.into_os_string(), more.into(), "all".into(), "c\u{1b}[31md".into()];
        let (status, shown) = Terminal::start(&words, root.path(), root.path(), (80, 24))?.end()?;
        if status != 0 || !shown.contains("\u{fffd}[31m") || shown.contains("\u{1b}[31m") {
            return Err(format!("{more}: status {status}, shown {:?}", shown));
        }
    }
    Ok(())
}

fn ends_in_error(test: Test) -> Result<(), Failure> {
    let outcome = test.outcome(&program::imk())?;
    if outcome.status != "2" || !outcome.stderr.starts_with(b"Makefile:") {
        let shown: String = String::from_utf8_lossy(&outcome.stderr).chars().take(500).collect();
        return Err(format!("status {}, stderr: {shown}", outcome.status));
    }
    Ok(())
}

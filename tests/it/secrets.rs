//! `.SECRET_VARS` and `--env-file`: values hidden in all that is written, however it comes, and files read by compose's rules.

use std::fs;

use libtest_mimic::Trial;

use crate::builder::{Failure, Test};
use crate::program;
use crate::run::{Invocation, Outcome, Workplace};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        values_are_hidden_in_all_output,
        values_in_pieces_are_hidden,
        values_are_hidden_in_what_is_held_back,
        values_are_hidden_in_events_reports_and_traces,
        values_of_the_environment_and_of_targets_are_hidden,
        values_that_were_are_hidden,
        short_values_are_not_hidden_and_recipes_get_them_all,
        order_and_streams_stay,
        files_of_variables_are_read,
        later_files_win_and_the_environment_before_all,
        files_that_are_not_there,
        faults_are_told_with_their_line,
        values_are_hidden_where_only_progress_is_told,
        values_are_hidden_where_another_cannot_be_expanded,
        at_the_end_no_command_is_run_for_a_value,
    ]
}

fn words(error: impl std::fmt::Display) -> Failure {
    error.to_string()
}

/// A makefile that has the secret without spelling it out.
const HEAD: &str = "TOKEN := hun\nTOKEN := $(TOKEN)ter2\n.SECRET_VARS: TOKEN\nexport TOKEN\n";

fn run(rules: &str, args: &[&str]) -> Result<(Outcome, Workplace), Failure> {
    let place = Workplace::new(&program::imk()).map_err(words)?;
    fs::write(place.dir().join("Makefile"), format!("{HEAD}{rules}")).map_err(words)?;
    let invocation = Invocation { args: args.iter().map(Into::into).collect(), ..Invocation::default() };
    let outcome = place.run(&invocation).map_err(words)?;
    Ok((outcome, place))
}

fn same(found: &[u8], expected: &str) -> Result<(), Failure> {
    let found = String::from_utf8_lossy(found).into_owned();
    if found == expected { Ok(()) } else { Err(format!("found {found:?}\nexpected {expected:?}")) }
}

fn values_are_hidden_in_all_output() -> Result<(), Failure> {
    let rules = "all:\n\techo $(TOKEN)\n\t@echo $$TOKEN >&2; $(info i $(TOKEN))$(warning w $(TOKEN))\n\
        \t@x=$(shell echo $(TOKEN) | tr h H; echo $(TOKEN) >&2); echo $$x; exit 1\n";
    let (outcome, _) = run(rules, &[])?;
    same(&outcome.stdout, "i ***\necho ***\n***\nHunter2\n")?;
    let expected = "Makefile:7: w ***\n***\n***\nimk: *** [Makefile:8: all] Error 1\n";
    let found = String::from_utf8_lossy(&outcome.stderr).into_owned();
    let (mut found, mut wanted): (Vec<&str>, Vec<&str>) =
        (found.lines().collect(), expected.lines().collect());
    found.sort_unstable();
    wanted.sort_unstable();
    if found == wanted { Ok(()) } else { Err(format!("{found:?}, not {wanted:?}")) }
}

/// Whether the secret stands in what a run wrote, or in one of these files.
fn nowhere(outcome: &Outcome, place: &Workplace, files: &[&str]) -> Result<(), Failure> {
    let mut all = [&outcome.stdout[..], &outcome.stderr].concat();
    for file in files {
        all.extend(fs::read(place.dir().join(file)).map_err(words)?);
    }
    match memchr::memmem::find(&all, b"hunter2") {
        Some(_) => Err(String::from_utf8_lossy(&all).into_owned()),
        None => Ok(()),
    }
}

fn values_are_hidden_where_only_progress_is_told() -> Result<(), Failure> {
    let rules = "all: out-$(TOKEN)\nout-$(TOKEN): ; @echo made\n";
    let (outcome, place) = run(rules, &["--progress=plain"])?;
    if memchr::memmem::find(&outcome.stderr, b"out-***").is_none() {
        return Err(format!("no progress: {}", String::from_utf8_lossy(&outcome.stderr)));
    }
    nowhere(&outcome, &place, &[])
}

fn values_are_hidden_where_another_cannot_be_expanded() -> Result<(), Failure> {
    let rules = "OTHER = $(error none)\n.SECRET_VARS: OTHER\n$(warning is $(TOKEN))\nX := $(shell echo $(TOKEN))\nall: ; @:\n";
    let (outcome, place) = run(rules, &["--events=e", "--ci=github", "--report=r.json"])?;
    nowhere(&outcome, &place, &["e", "r.json"])
}

fn at_the_end_no_command_is_run_for_a_value() -> Result<(), Failure> {
    let rules = "ASKED = $(shell echo asked >&2; echo $(TOKEN)more)\n.SECRET_VARS: ASKED\nno separator\n";
    let (outcome, place) = run(rules, &["--events=e"])?;
    same(&outcome.stderr, "Makefile:7: *** missing separator.  Stop.\n")?;
    nowhere(&outcome, &place, &["e"])
}

fn values_in_pieces_are_hidden() -> Result<(), Failure> {
    // The reader has surely had the first piece when the second comes: a FIFO is written to in between.
    let rules = "all: ; @mkfifo p; (read x < p) & printf 'my hun'; echo > p; wait; printf 'ter2, hun'; printf 'ter\\n'\n";
    let (outcome, _) = run(rules, &[])?;
    same(&outcome.stdout, "my ***, hunter\n")
}

fn values_are_hidden_in_what_is_held_back() -> Result<(), Failure> {
    for args in
        [&["-j2", "-Otarget"][..], &["-j2", "-Oline"], &["-j2", "-Orecurse"], &["-j2"], &["--ci=github"]]
    {
        let (outcome, _) = run("all: ; @printf 'a hun'; printf 'ter2 b\\n'; echo $$TOKEN >&2\n", args)?;
        let out = String::from_utf8_lossy(&outcome.stdout).into_owned();
        let err = String::from_utf8_lossy(&outcome.stderr).into_owned();
        if !out.contains("a *** b\n") || err != "***\n" || out.contains("hunter2") {
            return Err(format!("{args:?}: {out:?} {err:?}"));
        }
    }
    Ok(())
}

fn values_are_hidden_in_events_reports_and_traces() -> Result<(), Failure> {
    let names = ["e.json", "r.xml", "r.json", "r.md", "r.html", "t.json"];
    let args = [
        "--events=e.json",
        "--report=r.xml",
        "--report=r.json",
        "--report=r.md",
        "--report=r.html",
        "--trace-file=t.json",
    ];
    let (_, place) = run("all: ; @echo $(TOKEN) $(shell echo $(TOKEN)); exit 1\n", &args)?;
    for name in names {
        let text = fs::read_to_string(place.dir().join(name)).map_err(words)?;
        if text.contains("hunter2") || !(text.contains("***") || text.contains("\\*\\*\\*")) {
            return Err(format!("{name}: {text}"));
        }
    }
    let (outcome, _) = run("all: ; docker run --env T=$(TOKEN) app\n", &["--plan=json"])?;
    let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
    if text.contains("hunter2") { Err(text) } else { Ok(()) }
}

fn values_of_the_environment_and_of_targets_are_hidden() -> Result<(), Failure> {
    let place = Workplace::new(&program::imk()).map_err(words)?;
    let makefile = "all: KEY = one$(TAIL)\nall: a.x b.y; @echo $(KEY) $$GIVEN $$KEY\nTAIL = -and-two\n\
        .SECRET_VARS: KEY GIVEN\n%.x: KEY := of-a-pattern\n%.y: KEY = another\n%.z: KEY = $(error none)\n%.x %.y: ; @echo $(KEY)\n";
    fs::write(place.dir().join("Makefile"), makefile).map_err(words)?;
    let env = vec![("GIVEN".into(), "from outside".into()), ("KEY".into(), "the first".into())];
    let outcome = place.run(&Invocation { env, ..Invocation::default() }).map_err(words)?;
    same(&outcome.stdout, "***\n***\n*** *** ***\n")
}

/// What was said before, of a value that is another later; a name that is listed again; a variable that is undefined.
fn values_that_were_are_hidden() -> Result<(), Failure> {
    for (makefile, said) in [
        (
            "A = firstsecret\n$(info $(A))\n.SECRET_VARS: A\nA = secondsecret\n$(info $(A))\nall: ; @:\n",
            "***\n***\n",
        ),
        (
            "A = firstsecret\n.SECRET_VARS: A\nA = secondsecret\n.SECRET_VARS: A\n$(info $(A))\nall: ; @:\n",
            "***\n",
        ),
        (
            "A := firstsecret\nB := to $(A)\nundefine A\n.SECRET_VARS: A\n$(info $(B))\nall: ; @echo $(B)\n",
            "to ***\nto ***\n",
        ),
    ] {
        let place = Workplace::new(&program::imk()).map_err(words)?;
        fs::write(place.dir().join("Makefile"), makefile).map_err(words)?;
        let outcome = place.run(&Invocation::default()).map_err(words)?;
        same(&outcome.stdout, said).map_err(|failure| format!("{makefile}{failure}"))?;
    }
    Ok(())
}

fn short_values_are_not_hidden_and_recipes_get_them_all() -> Result<(), Failure> {
    let rules = "all: ; @test \"$$TOKEN\" = hun\"\"ter2 && echo same $(PIN)\nPIN = 123\n.SECRET_VARS: PIN\n";
    let (outcome, _) = run(rules, &[])?;
    same(&outcome.stdout, "same 123\n")
}

fn order_and_streams_stay() -> Result<(), Failure> {
    let place = Workplace::new(&program::imk()).map_err(words)?;
    let rules = "all:\n\techo 1; echo 2 >&2; echo 3\n\techo 4 >&2\n\t@exit 7\n";
    fs::write(place.dir().join("Makefile"), format!("{HEAD}{rules}")).map_err(words)?;
    let merged = Invocation { merged: true, ..Invocation::default() };
    let outcome = place.run(&merged).map_err(words)?;
    same(
        &outcome.stdout,
        "echo 1; echo 2 >&2; echo 3\n1\n2\n3\necho 4 >&2\n4\nimk: *** [Makefile:8: all] Error 7\n",
    )
}

const SHOW: &str = "all: ; @printf '%s\\n' \"$$A\" \"$$B\" '$(A)$(origin A)'\n";

fn files_of_variables_are_read() -> Result<(), Failure> {
    Test::new()
        .makefile(SHOW)
        .file("vars.env", "# c\nexport A=\"a \\\"b\\\"\" # c\nB='$A'${HOME:+x}\n")
        .arg("--env-file=vars.env")
        .status(2)
        .stderr("vars.env:3: *** text after the closing quote.  Stop.\n")
        .run()?;
    Test::new()
        .makefile(SHOW)
        .file("vars.env", "# c\nexport A=a b # c\nB=\"$A-${NONE:-d}$$\"\n")
        .arg("--env-file=vars.env")
        .stdout("a b\na b-d$\na benvironment\n")
        .run()
}

fn later_files_win_and_the_environment_before_all() -> Result<(), Failure> {
    let test = || {
        Test::new()
            .makefile(SHOW)
            .file("one", "A=1\nB=one\n")
            .file("two", "A=2\nB=${B}+two\n")
            .arg("--env-file=one")
            .arg("--env-file=two")
    };
    test().stdout("2\none+two\n2environment\n").run()?;
    test().env("A", "outside").stdout("outside\none+two\noutsideenvironment\n").run()?;
    // A makefile's assignment wins over both, as over any environment.
    Test::new()
        .makefile(format!("A = mine\n{SHOW}"))
        .file("one", "A=1\n")
        .arg("--env-file=one")
        .stdout("mine\n\nminefile\n")
        .run()
}

fn files_that_are_not_there() -> Result<(), Failure> {
    Test::new().makefile(SHOW).arg("--env-file=?none").stdout("\n\nundefined\n").run()?;
    Test::new()
        .makefile(SHOW)
        .arg("--env-file=none")
        .status(2)
        .stderr("imk: *** none: No such file or directory.  Stop.\n")
        .run()
}

fn faults_are_told_with_their_line() -> Result<(), Failure> {
    Test::new()
        .makefile(SHOW)
        .file("vars.env", "A=1\n\nB=${C:?set it in ci}\n")
        .arg("--env-file=vars.env")
        .status(2)
        .stderr("vars.env:3: *** C: set it in ci.  Stop.\n")
        .run()
}

//! `--plan` and `--check` on the examples and on a generated taskfile: golden plans, no findings, one reading of each file.
//!
//! What fits in a case file is in `tests/cases/check/` and `tests/cases/plan/`. The engine is a stub that answers and has no
//! images.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;

use crate::builder::{Failure, Test};
use crate::program;

pub fn trials() -> Vec<Trial> {
    crate::trials![
        plan_of_the_pip_example,
        plan_of_the_poetry_example,
        examples_have_no_findings,
        plan_of_two_hundred_images,
        every_code_has_a_case_and_a_line_in_the_manual,
    ]
}

/// A client that answers `version` and knows no image.
const STUB: &str = r#"mkdir -p stub
cat > stub/docker <<'END'
#!/bin/sh
case $1 in
version) echo '{"Client":{"Version":"1"},"Server":{"Version":"1"}}' ;;
*) echo 'Error: No such image' >&2; exit 1 ;;
esac
END
chmod +x stub/docker
cp stub/docker stub/hadolint
"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A test in a copy of an example, its engine the stub.
fn example(variant: &str) -> Result<Test, Failure> {
    let folder = root().join("examples/multistage-pipeline").join(variant);
    let mut test =
        Test::new().setup(STUB).env("PATH", "stub:/usr/bin:/bin").env("DOCKER_HOST", "tcp://stub:1");
    let mut pending = vec![folder.clone()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir).map_err(|error| format!("{}: {error}", dir.display()))?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
                continue;
            }
            let name = path.strip_prefix(&folder).unwrap_or(&path).to_string_lossy().into_owned();
            test = test.file(&name, fs::read(&path).map_err(|error| error.to_string())?);
        }
    }
    Ok(test)
}

const GOALS: [&str; 4] = ["style-check", "python-pkg-refresh", "build", "smoke-test"];

/// The plan of an example's goals by one of its two makefiles, beside the one that is kept.
fn golden(variant: &str, makefile: &str, kept: &str) -> Result<(), Failure> {
    let mut test = example(variant)?.arg("--plan=json").arg("-f").arg(makefile);
    for goal in GOALS {
        test = test.arg(goal);
    }
    let path: PathBuf = root().join("tests/data/plans").join(format!("{variant}.{kept}json"));
    if std::env::var_os("IMK_BLESS").is_some_and(|value| value == "1") {
        let outcome = test.outcome(&program::imk())?;
        return fs::write(&path, outcome.stdout).map_err(|error| error.to_string());
    }
    let expected = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    test.stdout(expected).run()
}

fn plan_of_the_pip_example() -> Result<(), Failure> {
    golden("pip", "Makefile", "")?;
    golden("pip", "Imkfile", "blocks.")
}

fn plan_of_the_poetry_example() -> Result<(), Failure> {
    golden("poetry", "Makefile", "")?;
    golden("poetry", "Imkfile", "blocks.")
}

fn examples_have_no_findings() -> Result<(), Failure> {
    for (variant, makefile) in
        [("pip", "Makefile"), ("poetry", "Makefile"), ("pip", "Imkfile"), ("poetry", "Imkfile")]
    {
        let mut test = example(variant)?.arg("--check").arg("-f").arg(makefile).stdout("nothing found\n");
        for goal in GOALS {
            test = test.arg(goal);
        }
        test.run()?;
    }
    Ok(())
}

/// Two hundred images of one Dockerfile and context, which are read once: all are in the plan, with all their files.
fn plan_of_two_hundred_images() -> Result<(), Failure> {
    let mut makefile = String::from("all:");
    (0..200).for_each(|at| makefile.push_str(&format!(" image-{at}")));
    makefile.push_str("\nimage-%: ; docker build --target stage-$* --build-arg N=$* -t team/app:$* .\n");
    let mut dockerfile = String::from("FROM scratch AS base\nCOPY Makefile /\n");
    for at in 0..200 {
        dockerfile.push_str(&format!("FROM base AS stage-{at}\nARG N\nCOPY data/{at} /data\nCOPY . /all\n"));
    }
    let mut test = Test::new().makefile(makefile).file("Dockerfile", dockerfile).setup(STUB);
    for at in 0..200 {
        test = test.file(&format!("data/{at}/file"), format!("{at}\n"));
    }
    let test = test.env("PATH", "stub:/usr/bin:/bin").env("DOCKER_HOST", "tcp://stub:1").arg("--plan");
    let outcome = test.outcome(&program::imk())?;
    let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let count = |what: &str| text.matches(what).count();
    // Makefile, Dockerfile, the stub's two programs, 200 files.
    match (outcome.status.as_str(), count("docker build team/app:"), count("204 files of"), count("N=199 ("))
    {
        ("0", 200, 200, 1) => Ok(()),
        found => Err(format!("{found:?}\n{text}")),
    }
}

/// The codes stand in the manual's table, and each is triggered by a case.
fn every_code_has_a_case_and_a_line_in_the_manual() -> Result<(), Failure> {
    let manual = fs::read_to_string(root().join("docs/check.md")).map_err(|error| error.to_string())?;
    let mut cases = String::new();
    let folder = root().join("tests/cases/check");
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())?.flatten() {
        cases.push_str(&fs::read_to_string(entry.path()).unwrap_or_default());
    }
    // What only a machine without root's rights shows, and what needs an unreadable file.
    let elsewhere = ["unreadable-context"];
    let mut faults = String::new();
    for code in imk::image::check::Kind::CODES {
        if !manual.contains(&format!("| `{code}` |")) {
            faults.push_str(&format!("docs/check.md does not have {code}\n"));
        }
        if !elsewhere.contains(&code) && !cases.contains(&format!("[{code}]")) {
            faults.push_str(&format!("no case triggers {code}\n"));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

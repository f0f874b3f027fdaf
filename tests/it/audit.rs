//! `--audit` on its cases and on the examples: each finding has a bad and a good input, and a line in the manual. The forms are
//! what they say they are.
//!
//! The cases are in `tests/cases/audit/`, one a finding: its first step is the bad input, its second the good one.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::builder::Failure;
use crate::program;

pub fn trials() -> Vec<Trial> {
    let mut trials = crate::trials![
        every_finding_on_stages_has_a_bad_and_a_good_input,
        every_finding_on_images_has_a_pair,
        the_manual_has_every_finding,
        report_on_the_bad_example,
        sarif_is_as_its_schema_requires,
    ];
    let page = Trial::test("audit::page_is_shown_by_a_browser", || {
        page_is_shown_by_a_browser().map_err(Failed::from)
    });
    trials.push(page.with_ignored_flag(!Path::new(BROWSER).exists()));
    trials
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The outputs that a case expects, in order.
fn outputs(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut within = false;
    for line in text.lines() {
        if line.starts_with("-- ") && line.ends_with(" --") {
            within = line == "-- stdout --";
            if within {
                out.push(String::new());
            }
        } else if within && let Some(last) = out.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    out
}

fn every_finding_on_stages_has_a_bad_and_a_good_input() -> Result<(), Failure> {
    let mut faults = String::new();
    for code in imk::image::audit::stages::Kind::CODES {
        let path = root().join(format!("tests/cases/audit/{code}.case"));
        let text = fs::read_to_string(&path).unwrap_or_default();
        let tag = format!("[{code}]");
        match outputs(&text).as_slice() {
            [bad, good, ..] => {
                if !bad.contains(&tag) {
                    faults.push_str(&format!("the bad input does not trigger {code}\n"));
                }
                if good.contains(&tag) {
                    faults.push_str(&format!("the good input triggers {code}\n"));
                }
            }
            _ => faults.push_str(&format!("{code} has no case with a bad and a good input\n")),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Each code stands in a script of `tests/engine/audit.d/`, which builds a good and a bad image for it; whether the bad one is found,
/// and the good one not, is the engine suite's to say.
fn every_finding_on_images_has_a_pair() -> Result<(), Failure> {
    let scripts = fs::read_dir(root().join("tests/engine/audit.d")).map_err(|error| error.to_string())?;
    let texts = scripts.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok());
    let text: String = texts.collect();
    let is_named = |code: &&&str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
        text.split(|c: char| !is_part(c)).any(|word| word == **code)
    };
    let codes = &imk::image::audit::image::Kind::CODES;
    let absent: Vec<&str> = codes.iter().filter(|code| !is_named(code)).copied().collect();
    match absent.is_empty() {
        true => Ok(()),
        false => Err(format!("no pair of images in tests/engine/audit.d for {}", absent.join(", "))),
    }
}

fn the_manual_has_every_finding() -> Result<(), Failure> {
    let manual = fs::read_to_string(root().join("docs/audit.md")).map_err(|error| error.to_string())?;
    let words = imk::image::audit::image::expect::WORDS.map(|(word, ..)| word);
    let unsaid: Vec<&str> = words.into_iter().filter(|word| !manual.contains(&format!("`{word}`"))).collect();
    if !unsaid.is_empty() {
        return Err(format!("docs/audit.md does not have the words {}", unsaid.join(", ")));
    }
    let absent = imk::image::audit::stages::Kind::CODES
        .iter()
        .chain(&imk::image::audit::image::Kind::CODES)
        .filter(|code| {
            !manual.contains(&format!("| `{code}` |"))
                && !manual.contains(&format!(", `{code}` |"))
                && !manual.contains(&format!("| `{code}`, "))
        });
    let absent: Vec<&str> = absent.copied().collect();
    if absent.is_empty() { Ok(()) } else { Err(format!("docs/audit.md does not have {}", absent.join(", "))) }
}

/// The page in a browser: a real one, headless; none on this machine is said, not passed over.
const BROWSER: &str = "/usr/bin/chromium";

/// `--audit` in a form, on the example that is done wrong.
fn bad_example(form: &str) -> Result<Vec<u8>, Failure> {
    let folder = root().join("examples/python-base/bad");
    let run = Command::new(&program::imk().path)
        .args([&format!("--audit=static,{form}"), "-f", "Makefile", "build"])
        .current_dir(folder)
        .env("IMK_TODAY", "2026-06-01")
        .output()
        .map_err(|error| error.to_string())?;
    match run.status.code() {
        Some(1) => Ok(run.stdout),
        other => Err(format!("status {other:?}: {}", String::from_utf8_lossy(&run.stderr))),
    }
}

/// The report on the example that is done wrong, beside the one that is kept.
fn report_on_the_bad_example() -> Result<(), Failure> {
    for (form, kept) in [("text", "python-base-bad.txt"), ("json", "python-base-bad.json")] {
        let path = root().join("tests/data/audits").join(kept);
        let found = bad_example(form)?;
        if std::env::var_os("IMK_BLESS").is_some_and(|value| value == "1") {
            fs::write(&path, &found).map_err(|error| error.to_string())?;
        }
        let expected = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if expected != found {
            return Err(format!("{kept} differs:\n{}", String::from_utf8_lossy(&found)));
        }
    }
    Ok(())
}

/// What the schema of SARIF 2.1.0 requires of the objects used: section 3 of the specification.
fn sarif_is_as_its_schema_requires() -> Result<(), Failure> {
    let text = bad_example("sarif")?;
    let log: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let check = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    check(log["version"] == "2.1.0", "3.13.2: the version")?;
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    check(driver["name"].is_string(), "3.19.8: the driver's name")?;
    let rules = driver["rules"].as_array().ok_or("3.19.23: rules")?;
    let mut ids: Vec<&str> = rules.iter().filter_map(|rule| rule["id"].as_str()).collect();
    check(ids.len() == rules.len(), "3.49.3: each rule has an id")?;
    ids.dedup();
    check(ids.len() == rules.len(), "3.19.23: rules are unique")?;
    let results = run["results"].as_array().ok_or("3.14.23: results")?;
    check(!results.is_empty(), "no result")?;
    for result in results {
        check(result["message"]["text"].is_string(), "3.27.11: a result's message")?;
        let level = result["level"].as_str().unwrap_or_default();
        check(["none", "note", "warning", "error"].contains(&level), "3.27.10: a result's level")?;
        let index = result["ruleIndex"].as_u64().ok_or("3.27.6: ruleIndex")? as usize;
        check(
            rules.get(index).map(|rule| &rule["id"]) == Some(&result["ruleId"]),
            "3.27.6: ruleIndex is the rule's",
        )?;
        let physical = &result["locations"][0]["physicalLocation"];
        check(physical["artifactLocation"]["uri"].is_string(), "3.4.3: a location's uri")?;
        let region = &physical["region"];
        let number = |name: &str| region[name].as_u64().unwrap_or(0);
        check(number("startLine") >= 1 && number("startColumn") >= 1, "3.30: a region starts at 1")?;
        check(number("endColumn") > number("startColumn"), "3.30.7: a region's end is one past it")?;
    }
    Ok(())
}

/// The page holds nothing from elsewhere, and a browser shows it: what it reads of the page has every finding.
fn page_is_shown_by_a_browser() -> Result<(), Failure> {
    let text = String::from_utf8(bad_example("html")?).map_err(|error| error.to_string())?;
    for outside in ["src=", "href=", "url(", "@import", "<script"] {
        if text.contains(outside) {
            return Err(format!("the page holds {outside}"));
        }
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let page = folder.path().join("audit.html");
    fs::write(&page, &text).map_err(|error| error.to_string())?;
    let run = Command::new(BROWSER)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .map_err(|error| error.to_string())?;
    let shown = String::from_utf8_lossy(&run.stdout).into_owned();
    let findings = text.matches("<section class=\"finding").count();
    let seen = shown.matches("<section class=\"finding").count();
    if findings == 0 || seen != findings || !shown.trim_end().ends_with("</html>") {
        return Err(format!("{findings} findings in the page, {seen} in the browser's"));
    }
    Ok(())
}

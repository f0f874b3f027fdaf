//! `--audit` on its cases and on the examples: each finding has a bad and a good input, and a line in the manual. The forms are
//! what they say they are.
//!
//! The cases are in `tests/cases/audit/`, one a finding: its first step is the bad input, its second the good one.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;

use crate::builder::Failure;

pub fn trials() -> Vec<Trial> {
    crate::trials![every_finding_on_stages_has_a_bad_and_a_good_input, the_manual_has_every_finding]
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
        .filter(|code| !manual.contains(&format!("| `{code}` |")));
    let absent: Vec<&str> = absent.copied().collect();
    if absent.is_empty() { Ok(()) } else { Err(format!("docs/audit.md does not have {}", absent.join(", "))) }
}

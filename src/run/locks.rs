//! `--lock-diff`: what changed in the lock files of this folder since a revision of git, or from a file kept. Reads no makefile.

use super::Run;
use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::base::sorting;
use crate::base::system_error::system_words;
use crate::image::freshness::file_at;
use crate::image::locks::{self, Versions};
use crate::os::files::read_regular;
use crate::report;
use crate::report::style::Style;
use std::path::Path;

fn fatal(text: String) -> Stop {
    Stop::fatal(None, Complaint::Text(text.into_bytes()))
}

/// The lock files of the working folder, in the order of their names.
fn lock_files() -> Vec<String> {
    let entries = std::fs::read_dir(".").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| locks::is_lock(name)).collect();
    sorting::sort(&mut names);
    names
}

fn read(name: &str) -> Result<Versions, Stop> {
    let text =
        read_regular(Path::new(name)).map_err(|error| fatal(format!("{name}: {}", system_words(&error))))?;
    let base = name.rsplit('/').next().unwrap_or(name);
    Ok(locks::versions(base, &String::from_utf8_lossy(&text)))
}

impl Run {
    /// Prints the changes; whether that was all that was asked for.
    pub(super) fn lock_diff(&mut self) -> Outcome<bool> {
        let Some(since) = self.build.session.settings.own.lock_diff.clone() else { return Ok(false) };
        let since = String::from_utf8_lossy(&since).into_owned();
        let style = Style::of_stdout(self.build.session.settings.own.color);
        let names = lock_files();
        let mut text = String::new();
        if Path::new(&since).is_file() {
            let kind = |name: &str| name.rsplit('/').next().unwrap_or(name).ends_with(".lock");
            let base = since.rsplit('/').next().unwrap_or(&since);
            let same = names.iter().find(|name| *name == base && **name != since);
            let other =
                same.or_else(|| names.iter().find(|name| kind(name) == kind(&since) && **name != since));
            let Some(name) = other else {
                return Err(fatal(format!("no lock file here to compare with {since}")));
            };
            text.push_str(&report::locks::text(name, &locks::changes(&read(&since)?, &read(name)?), style));
        } else {
            for name in &names {
                let old = file_at(Path::new("."), &since, name).map_err(|fault| fatal(fault.message()))?;
                let old = old.map(|text| locks::versions(name, &String::from_utf8_lossy(&text)));
                let changes = locks::changes(&old.unwrap_or_default(), &read(name)?);
                text.push_str(&report::locks::text(name, &changes, style));
            }
            if names.is_empty() {
                let known = locks::NAMES.join(", ");
                return Err(fatal(format!("no lock file here: {known}, requirements*.txt")));
            }
        }
        self.build.session.context.output.say_coloured(text.as_bytes());
        Ok(true)
    }
}

//! `--outdated`: the goals walked and nothing run, then the bases of their images compared with what registries have. Knows nothing of
//! how registries are asked.

use super::Run;
use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::image::audit::outdated;
use crate::image::freshness::Memory;
use crate::image::study::Study;
use crate::report;
use crate::report::style::Style;
use std::path::Path;

impl Run {
    /// After the walk: prints which bases have moved.
    pub(super) fn print_outdated(&mut self, study: &Study, form: &str) -> Outcome {
        let memory = Memory::new(Path::new("."));
        let taken = |target: &str| memory.log_of(target).map(|(_, log)| log.bases).unwrap_or_default();
        let found = outdated::outdated(study, &taken);
        if found.bases.is_empty() && found.unread.is_empty() {
            let goals: Vec<String> = self
                .goals
                .iter()
                .map(|&goal| String::from_utf8_lossy(self.build.session.name_of(goal)).into_owned())
                .collect();
            let text =
                format!("nothing to compare: no image of {} starts from one of a registry", goals.join(", "));
            return Err(Stop::fatal(None, Complaint::Text(text.into_bytes())));
        }
        self.build.heed_signal()?;
        let text = match form {
            "json" => report::outdated::json(&found),
            _ => {
                let style = Style::of_stdout(self.build.session.settings.own.color);
                report::outdated::text(&found, style).into_bytes()
            }
        };
        self.status = self.status.max(report::outdated::status(&found));
        self.answer(&text);
        Ok(())
    }
}

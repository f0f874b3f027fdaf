//! `--plan` and `--check`: the goals walked and nothing run, then the answer. Knows nothing of how either is found.

use super::Run;
use crate::base::diagnostic::Outcome;
use crate::build::plan::Collector;
use crate::image::check::{Setting, check};
use crate::image::engine::choose::Surroundings;
use crate::image::plan::Plan;
use crate::image::study::{Outside, Study, address::FromProcess};
use crate::report;
use crate::report::style::Style;

impl Run {
    /// Makes ready for a run that runs nothing, where one was asked for: as under `-n`, what makefiles print goes aside.
    pub(super) fn plan_instead(&mut self) {
        let session = &mut self.build.session;
        let own = &session.settings.own;
        if own.plan.is_none() && own.check.is_none() {
            return;
        }
        session.settings.just_print = true;
        (session.settings.touch, session.settings.question) = (false, false);
        session.context.output.aside = true;
        self.build.collector = Some(Collector::default());
    }

    /// After the walk: prints the plan, or what was found.
    pub(super) fn present(&mut self) -> Outcome {
        if self.build.collector.is_none() {
            return Ok(());
        }
        let walked = self.build.walked();
        let surroundings = Surroundings::of_process();
        let directory = surroundings.directory.clone();
        let connect = FromProcess(surroundings);
        let outside = Outside { directory, connect: &connect };
        let study = Study::of(walked.recipes, walked.before, &outside);
        let own = &self.build.session.settings.own;
        let parallel = !self.build.session.rules.not_parallel;
        let style = Style::of_stdout();
        let mut text = Vec::new();
        if let Some(form) = own.plan {
            let plan = Plan::of(&study, &walked.up_to_date);
            match form {
                "json" => text.extend(report::plan::json::json(&plan)),
                _ => text.extend(report::plan::text(&plan, style).into_bytes()),
            }
        }
        if let Some(form) = own.check {
            let findings = check(&study, &Setting { outside: &outside, parallel });
            match form {
                "json" => text.extend(report::check::json(&findings)),
                _ => text.extend(report::check::text(&findings, style).into_bytes()),
            }
            if report::check::count(&findings).0 > 0 {
                self.status = self.status.max(1);
            }
        }
        self.answer(&text);
        Ok(())
    }
}

//! `--plan`, `--check`, `--graph`, `--bake` and their like: the goals walked and nothing run, then the answer. Knows nothing of how either is found.

use super::Run;
use crate::base::diagnostic::Outcome;
use crate::build::plan::Collector;
use crate::image::check::{Setting, check};
use crate::image::plan::Plan;
use crate::image::study::{Study, address::FromProcess};
use crate::report;
use crate::report::style::Style;

impl Run {
    /// Makes ready for a run that runs nothing, where one was asked for: as under `-n`, what makefiles print goes aside.
    pub(super) fn plan_instead(&mut self) {
        let session = &mut self.build.session;
        let own = &session.settings.own;
        let asked = own.plan.is_some()
            || own.check.is_some()
            || own.graph.is_some()
            || own.bake
            || own.outdated.is_some();
        if !asked && own.affected.is_none() {
            return;
        }
        session.settings.just_print = true;
        (session.settings.touch, session.settings.question) = (false, false);
        session.context.output.aside = true;
        if session.settings.own.affected.is_some() {
            // A goal whose prerequisite is gone is told of all the same.
            session.settings.keep_going.value = Some(true);
            session.context.seen.get_or_insert_default();
        }
        self.build.collector = Some(Collector::default());
    }

    /// After the walk: prints the plan, or what was found.
    pub(super) fn present(&mut self) -> Outcome {
        let own = &self.build.session.settings.own;
        if self.build.collector.is_none() || !own.audit.is_empty() {
            return Ok(());
        }
        if let Some(revision) = self.build.session.settings.own.affected.clone() {
            return self.print_affected(&revision);
        }
        let walked = self.build.walked();
        let connect = FromProcess::new(self.build.engine.client);
        let outside = connect.outside();
        let study = Study::of(walked.recipes, walked.before, &outside);
        if let Some(form) = self.build.session.settings.own.outdated {
            return self.print_outdated(&study, form);
        }
        let own = &self.build.session.settings.own;
        let parallel = !self.build.session.rules.not_parallel;
        let style = Style::of_stdout(own.color);
        let (mut text, mut is_data) = (Vec::new(), false);
        if let Some(form) = own.plan {
            let plan = Plan::of(&study, &walked.up_to_date);
            match form {
                "json" => text.extend(report::plan::json::json(&plan)),
                _ => text.extend(report::plan::text(&plan, style).into_bytes()),
            }
        }
        if let Some(form) = own.check {
            let mut findings = std::mem::take(&mut self.build.images.preflight.found);
            findings.extend(check(&study, &Setting { outside: &outside, parallel }));
            match form {
                "json" => text.extend(report::check::json(&findings)),
                _ => text.extend(report::check::text(&findings, style).into_bytes()),
            }
            if report::check::count(&findings).0 > 0 {
                self.status = self.status.max(1);
            }
        }
        if let Some(form) = self.build.session.settings.own.graph {
            let mut graph = self.graph(&Plan::of(&study, &walked.up_to_date))?;
            if let Some(masks) = &self.build.images.freshness.masks {
                graph.hide(masks);
            }
            is_data = matches!(form, "dot" | "mermaid" | "svg");
            text.extend(match form {
                "dot" => report::graph::dot(&graph).into_bytes(),
                "mermaid" => report::graph::mermaid(&graph).into_bytes(),
                "svg" => report::graph::svg(&graph).into_bytes(),
                _ => report::graph::text(&graph, style).into_bytes(),
            });
        }
        if self.build.session.settings.own.bake {
            text.extend(super::bake::bake(&study)?);
        }
        // Engines that were not heard to the end make no answer.
        self.build.heed_signal()?;
        if is_data {
            self.answer_data(&text);
        } else {
            self.answer(&text);
        }
        Ok(())
    }
}

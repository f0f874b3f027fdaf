//! `--why`: who tells of reasons, and where. Knows nothing of how they are found.

use super::Run;
use crate::report::style::Style;
use crate::report::why::{AsJson, AsText};

impl Run {
    /// Has the build tell why targets are remade, where that was asked for. JSON has standard output to itself.
    pub(super) fn explain_reasons(&mut self) {
        let session = &mut self.build.session;
        match session.settings.own.why {
            None => {}
            Some("json") => {
                session.context.output.aside = true;
                self.build.explainer = Some(Box::new(AsJson));
            }
            Some(_) => self.build.explainer = Some(Box::new(AsText(Style::of_stderr()))),
        }
    }
}

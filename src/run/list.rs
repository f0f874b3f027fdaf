//! `--list` and what else is said of a makefile in place of a build. Knows nothing of how targets are found.

use super::Run;
use crate::base::diagnostic::Outcome;
use crate::report::list;
use crate::report::style::Style;

impl Run {
    /// Makes ready for a run that tells of targets, where one was asked for: their places are kept while makefiles are read, and what
    /// makefiles print goes aside.
    pub(super) fn list_instead(&mut self) {
        let session = &mut self.build.session;
        if session.settings.own.list.is_some() {
            session.named_at = Some(Vec::new());
            session.context.output.aside = true;
        }
    }

    /// Prints the list, where that was asked for; tells whether it was.
    pub(super) fn list(&mut self) -> Outcome<bool> {
        let Some(form) = self.build.session.settings.own.list else { return Ok(false) };
        let targets = self.targets()?;
        let text = match form {
            "json" => list::json(&targets),
            "names" => list::names(&targets).into_bytes(),
            _ => list::text(&targets, Style::of_stdout()).into_bytes(),
        };
        self.answer(&text);
        Ok(true)
    }

    /// The targets; without any it is make's error.
    fn targets(&mut self) -> Outcome<Vec<list::Target>> {
        let targets = list::targets(&mut self.build.session)?;
        if targets.is_empty() {
            return Err(self.no_targets());
        }
        Ok(targets)
    }

    /// Prints what was asked for to standard output, where what makefiles print goes aside.
    pub(super) fn answer(&mut self, text: &[u8]) {
        let output = &mut self.build.session.context.output;
        output.flush();
        output.aside = false;
        output.raw(text);
        output.flush();
        output.aside = true;
    }
}

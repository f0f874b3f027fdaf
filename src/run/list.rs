//! `--list` and what else is said of a makefile in place of a build. Knows nothing of how targets are found.

use super::Run;
use crate::base::diagnostic::Outcome;
use crate::os::output::Output;
use crate::report::list;
use crate::report::style::Style;

impl Run {
    /// Makes ready for a run that tells of targets, where one was asked for: their places are kept while makefiles are read, and what
    /// makefiles print goes aside.
    pub(super) fn list_instead(&mut self) {
        let session = &mut self.build.session;
        let own = &session.settings.own;
        if own.list.is_some() || own.choose || own.init.is_some() {
            session.named_at = Some(Vec::new());
            session.context.output.aside = true;
        }
    }

    /// Prints the list, where that was asked for; tells whether it was.
    pub(super) fn list(&mut self) -> Outcome<bool> {
        let Some(form) = self.build.session.settings.own.list else { return Ok(false) };
        let targets = self.targets_shown()?;
        let text = match form {
            "json" => list::json(&targets),
            "names" => {
                self.answer_data(list::names(&targets).as_bytes());
                return Ok(true);
            }
            _ => list::text(&targets, Style::of_stdout(self.build.session.settings.own.color)).into_bytes(),
        };
        self.answer(&text);
        Ok(true)
    }

    /// The targets; without any it is make's error.
    pub(super) fn targets(&mut self) -> Outcome<Vec<list::Target>> {
        let targets = list::targets(&mut self.build.session)?;
        if targets.is_empty() {
            return Err(self.no_targets());
        }
        Ok(targets)
    }

    /// The targets as they are shown: a value that is cut or wrapped would be hidden no more.
    pub(super) fn targets_shown(&mut self) -> Outcome<Vec<list::Target>> {
        let mut targets = self.targets()?;
        if let Some(masks) = &self.build.images.freshness.masks {
            targets.iter_mut().for_each(|target| target.hide(masks));
        }
        Ok(targets)
    }

    /// Prints what was asked for to standard output, where what makefiles print goes aside.
    pub(super) fn answer(&mut self, text: &[u8]) {
        self.beside(|output| output.say_coloured(text));
    }

    /// As [`Run::answer`], in a form for programs that is not JSON.
    pub(super) fn answer_data(&mut self, text: &[u8]) {
        self.beside(|output| output.data(text));
    }

    fn beside(&mut self, put: impl FnOnce(&mut Output)) {
        let output = &mut self.build.session.context.output;
        output.flush();
        output.aside = false;
        put(output);
        output.flush();
        output.aside = true;
    }
}

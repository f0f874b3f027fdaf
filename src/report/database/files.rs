//! Rules in the printed data base: implicit ones, and files with all that is known of them. Knows nothing of variables' values.

use super::Page;
use crate::base::diagnostic::Place;
use crate::os::files::Mtime;
use crate::rules::file::{Dep, FileId, State, Status};
use crate::rules::recipe::RecipeId;

impl Page<'_> {
    /// The pattern rules in the order in which they are tried.
    pub(super) fn implicit_rules(&mut self) {
        let session = self.session;
        let rules = &session.rules;
        self.line("\n# Implicit Rules");
        let order = rules.patterns.in_order();
        let mut terminal = 0;
        for &at in order {
            let rule = &rules.patterns[at];
            let definition = rule.definition(&session.context.names, &rules.files);
            self.put(&[b"\n", &definition, b"\n"]);
            terminal += usize::from(rule.terminal);
            if let Some(recipe) = rule.recipe {
                self.recipe(recipe);
            }
        }
        match order.len() {
            0 => self.line("\n# No implicit rules."),
            count => {
                let share = 100.0 * terminal as f64 / count as f64;
                self.put(&[
                    format!("\n# {count} implicit rules, {terminal} ({share:.1}%) terminal.").as_bytes()
                ]);
            }
        }
    }

    /// All files.
    pub(super) fn files(&mut self) {
        let session = self.session;
        self.line("\n# Files");
        let (files, figures) = session.rules.files.in_table_order(&session.context.names);
        // Where the run ended before its own variables were defined, GNU make has entered no file either.
        let files = if session.default_goal.is_none() { Vec::new() } else { files };
        for file in files {
            for record in session.rules.files.records(file) {
                // What follows a record of the built-in rules is left out with it.
                if session.settings.no_builtin_rules && session.rules.files[record].builtin {
                    break;
                }
                self.file(record);
            }
        }
        self.put(&[b"\n# files hash-table stats:\n# "]);
        self.figures(&figures);
    }

    fn prerequisites(&mut self, dependencies: &[Dep]) {
        let (order_only, normal): (Vec<_>, Vec<_>) = dependencies.iter().partition(|dep| dep.order_only());
        self.list(&normal);
        if !order_only.is_empty() {
            self.put(&[b" |"]);
            self.list(&order_only);
        }
        self.put(&[b"\n"]);
    }

    fn list(&mut self, dependencies: &[&Dep]) {
        let session = self.session;
        for dep in dependencies {
            let wait: &[u8] = if dep.wait() { b" .WAIT " } else { b" " };
            self.put(&[wait, dep.text(&session.context.names, &session.rules.files)]);
        }
    }

    fn file(&mut self, id: FileId) {
        let session = self.session;
        let names = &session.context.names;
        let files = &session.rules.files;
        let file = &files[id];
        let name = names.text(file.name);
        self.put(&[b"\n"]);
        if let Some(recipe) = file.recipe {
            let prefix = session.rules.recipes[recipe].prefix;
            if prefix != self.prefix {
                self.prefix = prefix;
                let shown: &[u8] = if prefix == b'\t' { b"" } else { &[prefix] };
                self.put(&[b".RECIPEPREFIX = ", shown, b"\n"]);
            }
        }
        let own = file.scope.map(|scope| session.context.variables.set_of(scope));
        if let Some(set) = own {
            self.target_variables(set, name);
        }
        if !file.is_target {
            self.line("# Not a target:");
        }
        self.put(&[name, if file.double_colon.is_some() { b"::" } else { b":" }]);
        self.prerequisites(&file.dependencies);
        let facts = [
            (file.precious, "Precious file (prerequisite of .PRECIOUS)."),
            (file.phony, "Phony target (prerequisite of .PHONY)."),
            (file.is_goal, "Command line target."),
            (file.dont_care, "A default, MAKEFILES, or -include/sinclude makefile."),
            (file.builtin, "Builtin rule"),
            (file.tried_implicit, "Implicit rule search has been done."),
            (!file.tried_implicit, "Implicit rule search has not been done."),
        ];
        self.facts(&facts);
        if let Some(stem) = file.stem {
            self.put(&[b"#  Implicit/static pattern stem: '", names.text(stem), b"'\n"]);
        }
        self.facts(&[
            (file.intermediate, "File is an intermediate prerequisite."),
            (file.not_intermediate, "File is a prerequisite of .NOTINTERMEDIATE."),
            (file.secondary, "File is secondary (prerequisite of .SECONDARY)."),
        ]);
        if !file.also_make.is_empty() {
            self.put(&[b"#  Also makes:"]);
            for &other in &file.also_make {
                self.put(&[b" ", names.text(files[other].name)]);
            }
            self.put(&[b"\n"]);
        }
        match file.mtime {
            Mtime::UNKNOWN => self.line("#  Modification time never checked."),
            Mtime::ABSENT => self.line("#  File does not exist."),
            Mtime::OLD => self.line("#  File is very old."),
            time => self.line(&format!("#  Last modified {}", time.to_text())),
        }
        self.facts(&[
            (file.updated, "File has been updated."),
            (!file.updated, "File has not been updated."),
            (file.state == State::Running, "Recipe currently running (THIS IS A BUG)."),
            (file.state == State::PrerequisitesRunning, "Dependencies recipe running (THIS IS A BUG)."),
        ]);
        if matches!(file.state, State::NotStarted | State::Finished) {
            self.facts(&[
                (file.status == Status::Success, "Successfully updated."),
                (file.status == Status::Question, "Needs to be updated (-q is set)."),
                (file.status == Status::Failed, "Failed to be updated."),
            ]);
        }
        if let Some(set) = own {
            self.automatic_variables(set);
        }
        if let Some(recipe) = file.recipe {
            self.recipe(recipe);
        }
    }

    fn facts(&mut self, facts: &[(bool, &str)]) {
        for (_, fact) in facts.iter().filter(|(holds, _)| *holds) {
            self.line(&format!("#  {fact}"));
        }
    }

    /// A recipe, each of its lines with its continuations.
    fn recipe(&mut self, id: RecipeId) {
        let session = self.session;
        let recipe = &session.rules.recipes[id];
        self.put(&[b"#  recipe to execute"]);
        match recipe.place {
            None => self.put(&[b" (built-in)"]),
            Some(place) => self.place(Some(Place { offset: 0, ..place })),
        }
        self.put(&[b":\n"]);
        let mut rest = &recipe.text[..];
        while !rest.is_empty() {
            let mut quoted = false;
            let end = rest.iter().position(|&byte| {
                let ends = byte == b'\n' && !quoted;
                quoted = byte == b'\\' && !quoted;
                ends
            });
            let prefix = self.prefix;
            self.put(&[&[prefix], &rest[..end.unwrap_or(rest.len())], b"\n"]);
            rest = end.map_or(&[], |end| &rest[end + 1..]);
        }
    }
}

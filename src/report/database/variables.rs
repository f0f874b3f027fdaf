//! Variables in the printed data base: global ones, those of patterns, those of targets. Knows nothing of files.

use super::Page;
use crate::base::table_order::{Figures, Table};
use crate::expand::variables::Variable;
use crate::expand::{Origin, SetId, VariableId};
use crate::os::words::skip_space;
use memchr::memchr;

/// A variable as it is printed.
struct Shown<'v> {
    name: &'v [u8],
    value: &'v [u8],
    recursive: bool,
    append: bool,
}

impl Page<'_> {
    /// The global variables, then those of patterns.
    pub(super) fn variables(&mut self) {
        self.line("\n# Variables\n");
        let context = &self.session.context;
        let (members, figures) = context.variables.global_order(&context.names);
        for id in members {
            self.variable(id, b"");
        }
        self.line("# variable set hash-table stats:");
        self.put(&[b"# "]);
        self.figures(&figures);
        self.line("\n\n# Pattern-specific Variable Values");
        let session = self.session;
        let all = session.rules.pattern_variables.all();
        for variable in all {
            self.put(&[b"\n", variable.pattern.text, b" :\n"]);
            self.origin(variable.origin, variable.private);
            self.place(variable.place);
            self.put(&[b"\n# "]);
            // GNU make shows these as simple whatever they are, as it notes their flavour elsewhere.
            let name = session.context.names.text(variable.name);
            self.definition(&Shown { name, value: &variable.value, recursive: false, append: false });
        }
        match all.len() {
            0 => self.line("\n# No pattern-specific variable values."),
            count => self.put(&[format!("\n# {count} pattern-specific variable values").as_bytes()]),
        }
    }

    /// The variables that a target was given, each after the target's name.
    pub(super) fn target_variables(&mut self, set: SetId, target: &[u8]) {
        for id in self.members(set, Table::TargetVariables).0 {
            if self.session.context.variables.get(id).origin != Origin::Automatic {
                self.variable(id, &[target, b": "].concat());
            }
        }
    }

    /// The automatic variables of a target.
    pub(super) fn automatic_variables(&mut self, set: SetId) {
        let (members, figures) = self.members(set, Table::TargetVariables);
        for id in members {
            if self.session.context.variables.get(id).origin == Origin::Automatic {
                self.variable(id, b"# ");
            }
        }
        self.line("# variable set hash-table stats:");
        self.put(&[b"# "]);
        self.figures(&figures);
        self.put(&[b"\n"]);
    }

    fn members(&self, set: SetId, table: Table) -> (Vec<VariableId>, Figures) {
        let context = &self.session.context;
        let members = context.variables.members(set);
        let (order, figures) =
            table.order(members.iter().map(|&id| context.names.text(context.variables.get(id).name)));
        (order.into_iter().map(|at| members[at]).collect(), figures)
    }

    fn origin(&mut self, origin: Origin, private: bool) {
        let origin = match origin {
            Origin::File => "makefile",
            Origin::EnvironmentOverride => "environment under -e",
            Origin::Override => "'override' directive",
            other => other.word(),
        };
        self.put(&[b"# ", origin.as_bytes(), if private { b" private" } else { b"" }]);
    }

    fn variable(&mut self, id: VariableId, prefix: &[u8]) {
        let session = self.session;
        let Variable { name, value, recursive, append, origin, private, place, .. } =
            session.context.variables.get(id);
        self.origin(*origin, *private);
        self.place(*place);
        self.put(&[b"\n", prefix]);
        let name = session.context.names.text(*name);
        self.definition(&Shown { name, value, recursive: *recursive, append: *append });
    }

    fn definition(&mut self, shown: &Shown) {
        let Shown { name, value, recursive, append } = *shown;
        if recursive && memchr(b'\n', value).is_some() {
            self.put(&[b"define ", name, b"\n", value, b"\nendef\n"]);
            return;
        }
        let operator: &[u8] = match (recursive, append) {
            (true, true) => b" += ",
            (true, false) => b" = ",
            (false, _) => b" := ",
        };
        self.put(&[name, operator]);
        if !value.is_empty() && skip_space(value).is_empty() {
            self.put(&[b"$(subst ,,", value, b")"]);
        } else if recursive {
            self.put(&[value]);
        } else {
            for part in value.split_inclusive(|&byte| byte == b'$') {
                let doubled: &[u8] = if part.ends_with(b"$") { b"$" } else { b"" };
                self.put(&[part, doubled]);
            }
        }
        self.put(&[b"\n"]);
    }
}

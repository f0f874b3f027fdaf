//! Variables of targets and of target patterns (manual, "Target-specific Variable Values", "Pattern-specific Variable Values").
//! Knows nothing of where they are written.

use crate::base::Name;
use crate::base::diagnostic::{Outcome, Place};
use crate::expand::assign::{Assign, assign};
use crate::expand::variables::{Definition, GLOBAL_SCOPE};
use crate::expand::{Export, Origin};
use crate::rules::RuleHost;
use crate::rules::file::FileId;
use crate::rules::pattern::TargetPattern;
use crate::syntax::assignment::Operator;
use std::rc::Rc;

/// A variable for all targets that match a pattern.
#[derive(Clone)]
pub struct PatternVariable {
    /// The targets.
    pub pattern: TargetPattern,
    /// The variable.
    pub name: Name,
    /// How it is assigned.
    pub operator: Operator,
    /// The value: expanded already for `:=`.
    pub value: Rc<[u8]>,
    /// Where the definition comes from.
    pub origin: Origin,
    /// Where it stands.
    pub place: Option<Place>,
    /// Whether it goes into the environment.
    pub export: Export,
    /// Whether prerequisites do not see it.
    pub private: bool,
}

/// All such variables, patterns with longer fixed text later, so that the more specific definition comes last and wins.
#[derive(Default)]
pub struct PatternVariables {
    all: Vec<PatternVariable>,
}

impl PatternVariables {
    /// Adds a variable behind those whose pattern is as long or shorter.
    pub fn add(&mut self, variable: PatternVariable) {
        let length = variable.pattern.text.len();
        let at = self.all.partition_point(|other| other.pattern.text.len() <= length);
        self.all.insert(at, variable);
    }

    /// The variables for the target `name`, in the order in which they take effect.
    pub fn matching(&self, name: &[u8]) -> Vec<PatternVariable> {
        self.all
            .iter()
            .filter(|variable| {
                let pattern = &variable.pattern;
                name.len() + 1 >= pattern.text.len()
                    && name.starts_with(pattern.prefix())
                    && name.ends_with(pattern.suffix())
            })
            .cloned()
            .collect()
    }

    /// All of them, for the printed data base.
    pub fn all(&self) -> &[PatternVariable] {
        &self.all
    }
}

/// Gives `file` a scope of its own, followed by those of the patterns it matches, its parent's, and the global one. While
/// makefiles are read (`reading`) patterns are not searched: more may come.
pub fn open_scope<H: RuleHost>(host: &mut H, file: FileId, reading: bool) -> Outcome {
    let scope = match host.rules().files[file].scope {
        Some(scope) => scope,
        None => {
            let scope = host.context().variables.new_scope(None, false);
            host.rules().files[file].scope = Some(scope);
            scope
        }
    };
    let (double_colon, parent) = {
        let record = &host.rules().files[file];
        (record.double_colon, record.parent)
    };
    if let Some(first) = double_colon.filter(|&first| first != file) {
        open_scope(host, first, reading)?;
        let next = host.rules().files[first].scope.unwrap_or(GLOBAL_SCOPE);
        host.context().variables.relink(scope, next, false);
        return Ok(());
    }
    let next = match parent {
        None => GLOBAL_SCOPE,
        Some(parent) => {
            open_scope(host, parent, reading)?;
            host.rules().files[parent].scope.unwrap_or(GLOBAL_SCOPE)
        }
    };
    host.context().variables.relink(scope, next, true);
    if !reading && !host.rules().files[file].pattern_searched {
        let name = host.rules().files[file].name;
        let text = host.context().names.text(name);
        let matching = host.rules().pattern_variables.matching(text);
        if !matching.is_empty() {
            let current = host.context().variables.current;
            let pattern_scope = host.context().variables.new_scope(Some(current), false);
            host.rules().files[file].pattern_scope = Some(pattern_scope);
            host.context().variables.current = pattern_scope;
            let result = matching.iter().try_for_each(|variable| define(host, variable));
            host.context().variables.current = current;
            result?;
        }
        host.rules().files[file].pattern_searched = true;
    }
    if let Some(pattern_scope) = host.rules().files[file].pattern_scope {
        let variables = &mut host.context().variables;
        variables.relink(pattern_scope, next, true);
        variables.relink(scope, pattern_scope, false);
    }
    Ok(())
}

fn define<H: RuleHost>(host: &mut H, variable: &PatternVariable) -> Outcome {
    let context = host.context();
    let set = context.variables.set_of(context.variables.current);
    let id = if variable.operator == Operator::Simple {
        let definition = Definition {
            value: &variable.value,
            origin: variable.origin,
            recursive: false,
            place: variable.place,
        };
        context.variables.define(&context.names, set, variable.name, &definition)
    } else {
        assign(
            host,
            &Assign {
                name: variable.name,
                operator: variable.operator,
                value: &variable.value,
                origin: variable.origin,
                place: variable.place,
                target: Some(set),
            },
        )?
    };
    let defined = host.context().variables.get_mut(id);
    defined.per_target = true;
    defined.export = variable.export;
    defined.private = variable.private;
    Ok(())
}

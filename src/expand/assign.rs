//! Assignments carried out: each operator's meaning for the old and the new value (manual, "The Two Flavors of Variables",
//! "Appending More Text to Variables"). Knows nothing of lines and files.

use crate::base::Name;
use crate::base::diagnostic::{Outcome, Place};
use crate::expand::context::Host;
use crate::expand::evaluate::expand_text;
use crate::expand::functions::run_shell;
use crate::expand::variables::{Definition, GLOBAL_SET, Origin, SetId, VariableId};
use crate::syntax::assignment::Operator;
use std::borrow::Cow;
use std::rc::Rc;

/// An assignment with its name expanded.
pub struct Assign<'a> {
    /// The variable.
    pub name: Name,
    /// The operator.
    pub operator: Operator,
    /// The value as written.
    pub value: &'a [u8],
    /// Where the definition comes from.
    pub origin: Origin,
    /// Where it stands.
    pub place: Option<Place>,
    /// The target's set, or none for a global assignment.
    pub target: Option<SetId>,
}

/// Carries out an assignment and returns the variable, whose value may have stayed (`?=`, an empty `+=`).
pub fn assign<H: Host>(host: &mut H, assign: &Assign) -> Outcome<VariableId> {
    let (mut append, mut conditional) = (false, false);
    let mut recursive = true;
    let value: Cow<[u8]> = match assign.operator {
        Operator::Simple => {
            recursive = false;
            Cow::Owned(expand_text(host, assign.value)?)
        }
        Operator::Immediate => {
            let expanded = expand_text(host, assign.value)?;
            let mut quoted = Vec::with_capacity(expanded.len());
            for byte in expanded {
                if byte == b'$' {
                    quoted.push(b'$');
                }
                quoted.push(byte);
            }
            Cow::Owned(quoted)
        }
        Operator::Shell => {
            let command = expand_text(host, assign.value)?;
            Cow::Owned(run_shell(host, &command, false)?)
        }
        Operator::Conditional => {
            if let Some(id) = host.context().lookup(assign.name) {
                let id = host.context().variables.to_change(id);
                return finish(host, id, assign.origin);
            }
            conditional = true;
            Cow::Borrowed(assign.value)
        }
        Operator::Recursive => Cow::Borrowed(assign.value),
        Operator::Append => {
            let context = host.context();
            let old = match assign.target {
                Some(set) => {
                    let old = context.variables.find_in(set, assign.name);
                    append = old.is_none_or(|id| context.variables.get(id).append);
                    old
                }
                None => context.lookup(assign.name),
            };
            match old {
                None => Cow::Borrowed(assign.value),
                Some(id) => {
                    let variable = context.variables.get(id);
                    recursive = variable.recursive;
                    let is_makeflags = assign.name == context.common.makeflags;
                    let added = if recursive {
                        Cow::Borrowed(assign.value)
                    } else {
                        Cow::Owned(expand_text(host, assign.value)?)
                    };
                    if added.is_empty() {
                        let id = host.context().variables.to_change(id);
                        return finish(host, id, assign.origin);
                    }
                    let variables = &mut host.context().variables;
                    if assign.target.is_none()
                        && !is_makeflags
                        && variables.find_in(GLOBAL_SET, assign.name) == Some(id)
                        && variables.append_in_place(id, &added, assign.origin, assign.place)
                    {
                        return finish(host, id, assign.origin);
                    }
                    let before = Rc::clone(&variables.get(id).value);
                    let mut value = Vec::with_capacity(before.len() + 1 + added.len());
                    if !before.is_empty() {
                        // Variable definitions in MAKEFLAGS are left to its special handling, which adds them again.
                        let overrides =
                            if is_makeflags { memchr::memmem::find(&before, b" -- ") } else { None };
                        value.extend_from_slice(&before[..overrides.unwrap_or(before.len())]);
                        value.push(b' ');
                    }
                    value.extend_from_slice(&added);
                    Cow::Owned(value)
                }
            }
        }
    };
    let definition = Definition { value: &value, origin: assign.origin, recursive, place: assign.place };
    let context = host.context();
    let id = context.variables.define(
        &context.names,
        assign.target.unwrap_or(GLOBAL_SET),
        assign.name,
        &definition,
    );
    let variable = context.variables.get_mut(id);
    variable.append = append;
    variable.conditional = conditional;
    finish(host, id, assign.origin)
}

fn finish<H: Host>(host: &mut H, id: VariableId, origin: Origin) -> Outcome<VariableId> {
    if host.context().variables.get(id).special.is_some() {
        host.special_set(id, origin)?;
    }
    Ok(id)
}

/// Appends one word to a simple global variable, unexpanded (`MAKEFILE_LIST`, `.INCLUDE_DIRS`).
pub fn append_value<H: Host>(host: &mut H, name: &[u8], value: &[u8], origin: Origin, place: Option<Place>) {
    let context = host.context();
    let name = context.names.intern(name);
    if let Some(id) = context.variables.find_in(GLOBAL_SET, name)
        && context.variables.append_in_place(id, value, origin, place)
    {
        return;
    }
    let old = context.lookup(name).map(|id| context.variables.get(id));
    let (recursive, text) = match old {
        None => (true, value.to_vec()),
        Some(variable) => {
            let mut text = variable.value.to_vec();
            if !text.is_empty() {
                text.push(b' ');
            }
            text.extend_from_slice(value);
            (variable.recursive, text)
        }
    };
    let definition = Definition { value: &text, origin, recursive, place };
    context.variables.define(&context.names, GLOBAL_SET, name, &definition);
}

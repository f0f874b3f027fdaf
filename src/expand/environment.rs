//! The environment of commands (manual, "Communicating Variables to a Sub-make"). Knows nothing of what the commands are.

use crate::base::Name;
use crate::base::diagnostic::Outcome;
use crate::base::table_order::Table;
use crate::expand::context::{Context, Host};
use crate::expand::evaluate::expand_variable;
use crate::expand::variables::{Export, GLOBAL_SET, Origin, ScopeId, Variable, VariableId};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use std::ffi::CString;
use std::rc::Rc;

fn should_export(context: &Context, variable: &Variable, export: Export) -> bool {
    match export {
        Export::Always => true,
        Export::Never => false,
        Export::IfSet => variable.origin != Origin::Default,
        Export::Default => {
            !matches!(variable.origin, Origin::Default | Origin::Automatic)
                && variable.exportable
                && (context.export_all
                    || matches!(
                        variable.origin,
                        Origin::CommandLine | Origin::Environment | Origin::EnvironmentOverride
                    ))
        }
    }
}

/// The environment for commands of the target whose variables are in `scope`, or for `$(shell)` where that is none.
/// `recursive` tells that the commands may be a sub-make, which is then told of the jobserver.
pub fn environment<H: Host>(host: &mut H, scope: Option<ScopeId>, recursive: bool) -> Outcome<Vec<CString>> {
    if scope.is_none() {
        host.context().environment_depth += 1;
    }
    let result = build(host, scope, recursive);
    if scope.is_none() {
        host.context().environment_depth -= 1;
    }
    result
}

fn build<H: Host>(host: &mut H, scope: Option<ScopeId>, recursive: bool) -> Outcome<Vec<CString>> {
    let context = host.context();
    let invalid = if !recursive && context.jobserver.is_some() { context.jobserver_invalid } else { None };
    let start = scope.unwrap_or(context.variables.current);
    let mut chosen: Vec<(VariableId, Export)> = Vec::new();
    let mut seen: HashMap<Name, usize, FxBuildHasher> = HashMap::default();
    for (position, (set, _)) in context.variables.chain(start).into_iter().enumerate() {
        for id in context.variables.members(set) {
            let variable = context.variables.get(id);
            if position > 0 && variable.private {
                continue;
            }
            match seen.get(&variable.name) {
                Some(&at) => {
                    if chosen[at].1 == Export::Default {
                        chosen[at].1 = variable.export;
                    }
                }
                None if set != GLOBAL_SET || should_export(context, variable, variable.export) => {
                    seen.insert(variable.name, chosen.len());
                    chosen.push((id, variable.export));
                }
                None => {}
            }
        }
    }
    let common = (
        context.common.shell,
        context.common.makelevel,
        context.common.makeflags,
        context.common.mflags,
        context.common.path,
    );
    let (mut has_shell, mut has_level) = (context.shell_given.is_none(), false);
    let mut entries = Vec::with_capacity(chosen.len() + 2);
    // In the order of GNU make's table: it is that in which values are expanded.
    let context = host.context();
    let named = chosen.iter().map(|&(id, _)| context.names.text(context.variables.get(id).name));
    let (order, _) = Table::Variables.order(named);
    for (id, export) in order.into_iter().map(|at| chosen[at]) {
        let context = host.context();
        let variable = context.variables.get(id);
        if !should_export(context, variable, export) {
            continue;
        }
        let (name, origin) = (variable.name, variable.origin);
        let from_environment = matches!(origin, Origin::Environment | Origin::EnvironmentOverride);
        let mut value = if variable.recursive && (!from_environment || name == common.2) {
            let mut value = Vec::new();
            let saved = context.variables.current;
            if let Some(scope) = scope {
                context.variables.current = scope;
            }
            let result = expand_variable(host, id, &mut value);
            host.context().variables.current = saved;
            result?;
            value
        } else {
            let value = Rc::clone(&variable.value);
            value.to_vec()
        };
        if name == common.0 {
            has_shell = true;
        } else if name == common.1 {
            has_level = true;
            value = (host.context().level + 1).to_string().into_bytes();
        } else if let Some(invalid) = invalid
            && (name == common.2 || (name == common.3 && origin == Origin::Environment))
            && memchr::memmem::find(&value, b" --jobserver-auth=").is_some()
        {
            let at =
                memchr::memmem::find(&value, b" -- ").filter(|_| name == common.2).unwrap_or(value.len());
            value.splice(at..at, invalid.bytes());
        }
        if name == common.4
            && let Some(front) = &host.context().path_front
        {
            value = [front.as_slice(), b":", &value].concat();
        }
        push(&mut entries, host.context().names.text(name), &value);
    }
    let context = host.context();
    if !has_shell && let Some(shell) = &context.shell_given {
        push(&mut entries, b"SHELL", shell);
    }
    if !has_level {
        push(&mut entries, b"MAKELEVEL", (context.level + 1).to_string().as_bytes());
    }
    Ok(entries)
}

fn push(entries: &mut Vec<CString>, name: &[u8], value: &[u8]) {
    let mut entry = Vec::with_capacity(name.len() + value.len() + 2);
    entry.extend_from_slice(name);
    entry.push(b'=');
    entry.extend_from_slice(&value[..memchr::memchr(0, value).unwrap_or(value.len())]);
    if let Ok(entry) = CString::new(entry) {
        entries.push(entry);
    }
}

//! The table of functions: counts of arguments, their expansion, and who does the work (manual, "Functions for Transforming
//! Text"). Knows nothing of rules.

mod control;
mod files;
mod shell;
mod text;

use crate::base::diagnostic::{Complaint, Outcome};
use crate::expand::context::Host;
use crate::expand::evaluate::expand;
use crate::syntax::Function;
use crate::syntax::expression::Call;

pub use files::absolute_path;
pub use shell::{run as run_shell, status as set_shell_status};

/// The name of `function`.
pub fn name_of<H: Host>(host: &mut H, function: Function) -> Vec<u8> {
    match function {
        Function::Loaded(at) => {
            host.context().loaded.get(at as usize).map(|function| function.name.clone()).unwrap_or_default()
        }
        own => own.name().as_bytes().to_vec(),
    }
}

/// The least count of arguments of `function`, and whether they are expanded before the call.
fn least_and_expanded<H: Host>(host: &mut H, function: Function) -> (usize, bool) {
    match function {
        Function::Loaded(at) => host
            .context()
            .loaded
            .get(at as usize)
            .map_or((0, true), |function| (function.least, function.expanded)),
        own => (own.arity().0, own.arity().2),
    }
}

/// Calls a function as it stands in an expression.
pub fn call<H: Host>(host: &mut H, text: &[u8], call: &Call, out: &mut Vec<u8>) -> Outcome {
    let function = call.function;
    let (least, expanded) = least_and_expanded(host, function);
    if !expanded && !matches!(function, Function::Loaded(_)) {
        check_count(host, function, least, call.arguments.len())?;
        return control::call(host, text, call, out);
    }
    let mut arguments = Vec::with_capacity(call.arguments.len());
    for argument in &call.arguments {
        if expanded {
            let mut value = Vec::new();
            expand(host, text, &argument.value, &mut value)?;
            arguments.push(value);
        } else {
            arguments.push(argument.range.of(text).to_vec());
        }
    }
    check_count(host, function, least, arguments.len())?;
    apply(host, function, &mut arguments, out)
}

fn check_count<H: Host>(host: &mut H, function: Function, least: usize, count: usize) -> Outcome {
    if count < least {
        let function = name_of(host, function);
        return Err(host.context().fatal(Complaint::TooFewArguments { function, count }));
    }
    Ok(())
}

/// Calls `function` with `arguments` already expanded, from `$(call)`.
pub fn apply_checked<H: Host>(
    host: &mut H,
    function: Function,
    arguments: &mut Vec<Vec<u8>>,
    out: &mut Vec<u8>,
) -> Outcome {
    let (least, expanded) = least_and_expanded(host, function);
    check_count(host, function, least, arguments.len())?;
    if arguments.is_empty() && !matches!(function, Function::Loaded(_)) {
        return Ok(());
    }
    if !expanded && !matches!(function, Function::Loaded(_)) {
        return control::apply(host, function, arguments, out);
    }
    apply(host, function, arguments, out)
}

fn apply<H: Host>(
    host: &mut H,
    function: Function,
    arguments: &mut Vec<Vec<u8>>,
    out: &mut Vec<u8>,
) -> Outcome {
    let empty = Vec::new();
    let at = |index: usize| arguments.get(index).unwrap_or(&empty).as_slice();
    let outward = matches!(
        function,
        Function::Wildcard
            | Function::Realpath
            | Function::File
            | Function::Shell
            | Function::Info
            | Function::Warning
            | Function::Error
            | Function::Eval
            | Function::Loaded(_)
    );
    if outward && host.context().leaves_out() {
        return Ok(());
    }
    match function {
        Function::Subst => crate::expand::pattern::subst(at(2), at(0), at(1), out),
        Function::Patsubst => crate::expand::pattern::patsubst(at(2), at(0), at(1), out),
        Function::Strip => text::strip(at(0), out),
        Function::Findstring => text::findstring(at(0), at(1), out),
        Function::Filter => text::filter(at(0), at(1), true, out),
        Function::FilterOut => text::filter(at(0), at(1), false, out),
        Function::Sort => text::sort(at(0), out),
        Function::Word => text::word(host, at(0), at(1), out)?,
        Function::Wordlist => text::wordlist(host, at(0), at(1), at(2), out)?,
        Function::Words => text::count(at(0), out),
        Function::Firstword => text::first(at(0), out),
        Function::Lastword => text::last(at(0), out),
        Function::Join => text::join(at(0), at(1), out),
        Function::Addprefix => text::affix(at(0), at(1), true, out),
        Function::Addsuffix => text::affix(at(0), at(1), false, out),
        Function::Dir => files::dir(at(0), out),
        Function::Notdir => files::notdir(at(0), out),
        Function::Suffix => files::suffix(at(0), out),
        Function::Basename => files::basename(at(0), out),
        Function::Wildcard => files::wildcard(host, at(0), out)?,
        Function::Realpath => files::realpath(at(0), out),
        Function::Abspath => files::abspath(host, at(0), out),
        Function::File => files::file(host, at(0), arguments.get(1).map(Vec::as_slice), out)?,
        Function::Shell => shell::call(host, at(0), out)?,
        Function::Origin => control::origin(host, at(0), out),
        Function::Flavor => control::flavor(host, at(0), out),
        Function::Value => control::value(host, at(0), out),
        Function::Info | Function::Warning | Function::Error => control::say(host, function, at(0))?,
        Function::Eval => {
            let text = std::mem::take(&mut arguments[0]);
            host.evaluate(text)?;
        }
        Function::Call => control::call_variable(host, arguments, out)?,
        Function::Loaded(number) => {
            let result = host.call_loaded(number, arguments)?;
            out.extend_from_slice(&result);
        }
        Function::Foreach
        | Function::Let
        | Function::Intcmp
        | Function::If
        | Function::Or
        | Function::And => {
            control::apply(host, function, arguments, out)?;
        }
    }
    Ok(())
}

//! Functions that decide what is expanded, and those that look at variables (manual, "Functions for Conditionals", "The call
//! Function", "The origin Function" and their neighbours). Knows nothing of files.

use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::expand::context::Host;
use crate::expand::evaluate::{expand, expand_to, reference};
use crate::expand::functions::apply_checked;
use crate::expand::variables::{Definition, Origin};
use crate::os::words::{skip_space, trim, word_length, words};
use crate::syntax::Function;
use crate::syntax::expression::Call;

/// Calls a function whose arguments are expanded as it goes.
pub fn call<H: Host>(host: &mut H, text: &[u8], call: &Call, out: &mut Vec<u8>) -> Outcome {
    let arguments = &call.arguments;
    let count = arguments.len();
    let mut argument = |host: &mut H, index: usize, out: &mut Vec<u8>| match arguments.get(index) {
        Some(argument) => expand(host, text, &argument.value, out),
        None => Ok(()),
    };
    run(host, call.function, count, &mut argument, out)
}

/// Calls such a function with texts that are expanded once more, as `$(call if,…)` does.
pub fn apply<H: Host>(host: &mut H, function: Function, arguments: &[Vec<u8>], out: &mut Vec<u8>) -> Outcome {
    let conditional = matches!(function, Function::Or | Function::And);
    let mut argument = |host: &mut H, index: usize, out: &mut Vec<u8>| match arguments.get(index) {
        Some(text) if conditional || (function == Function::If && index == 0) => {
            expand_to(host, trim(text), out)
        }
        Some(text) => expand_to(host, text, out),
        None => Ok(()),
    };
    run(host, function, arguments.len(), &mut argument, out)
}

type Expander<'e, H> = &'e mut dyn FnMut(&mut H, usize, &mut Vec<u8>) -> Outcome;

fn run<H: Host>(
    host: &mut H,
    function: Function,
    count: usize,
    argument: Expander<H>,
    out: &mut Vec<u8>,
) -> Outcome {
    match function {
        Function::If => {
            let mut condition = Vec::new();
            argument(host, 0, &mut condition)?;
            argument(host, if condition.is_empty() { 2 } else { 1 }, out)
        }
        Function::Or => {
            for index in 0..count {
                let start = out.len();
                argument(host, index, out)?;
                if out.len() > start {
                    break;
                }
            }
            Ok(())
        }
        Function::And => {
            let start = out.len();
            for index in 0..count {
                out.truncate(start);
                argument(host, index, out)?;
                if out.len() == start {
                    break;
                }
            }
            Ok(())
        }
        Function::Foreach => foreach(host, argument, out),
        Function::Let => bind(host, argument, out),
        Function::Intcmp => compare(host, count, argument, out),
        _ => Ok(()),
    }
}

fn foreach<H: Host>(host: &mut H, argument: Expander<H>, out: &mut Vec<u8>) -> Outcome {
    let (mut name, mut list) = (Vec::new(), Vec::new());
    argument(host, 0, &mut name)?;
    argument(host, 1, &mut list)?;
    let name = skip_space(&name);
    let context = host.context();
    let name = context.names.intern(&name[..word_length(name)]);
    context.variables.push_scope();
    let set = context.variables.current_set();
    let empty = Definition { value: b"", origin: Origin::Automatic, recursive: false, place: None };
    let variable = context.variables.define(&context.names, set, name, &empty);
    let mut any = false;
    let mut result = Ok(());
    for word in words(&list) {
        host.context().variables.set_value(variable, word);
        result = argument(host, 2, out);
        if result.is_err() {
            break;
        }
        out.push(b' ');
        any = true;
    }
    if any && result.is_ok() {
        out.pop();
    }
    host.context().variables.pop_scope();
    result
}

fn bind<H: Host>(host: &mut H, argument: Expander<H>, out: &mut Vec<u8>) -> Outcome {
    let (mut names, mut list) = (Vec::new(), Vec::new());
    argument(host, 0, &mut names)?;
    argument(host, 1, &mut list)?;
    let context = host.context();
    context.variables.push_scope();
    let set = context.variables.current_set();
    let mut values = words(&list);
    let mut names = words(&names).peekable();
    while let Some(name) = names.next() {
        let value = if names.peek().is_some() {
            values.next().unwrap_or_default()
        } else {
            skip_space(values.rest())
        };
        let name = context.names.intern(name);
        let definition = Definition { value, origin: Origin::Automatic, recursive: false, place: None };
        context.variables.define(&context.names, set, name, &definition);
    }
    let result = argument(host, 2, out);
    host.context().variables.pop_scope();
    result
}

/// A number of any length: its sign (-1, 0, 1) and its digits without leading zeros.
fn integer<H: Host>(host: &mut H, text: &[u8], which: &'static str) -> Outcome<(i32, Vec<u8>)> {
    let trimmed = trim(text);
    if trimmed.is_empty() {
        return Err(host.context().fatal(Complaint::EmptyNumber(which)));
    }
    let negative = trimmed[0] == b'-';
    let digits = if negative || trimmed[0] == b'+' { &trimmed[1..] } else { trimmed };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(host.context().fatal(Complaint::BadNumber(which, text.to_vec())));
    }
    let start = digits.iter().position(|&byte| byte != b'0').unwrap_or(digits.len());
    let digits = digits[start..].to_vec();
    let sign = if digits.is_empty() {
        0
    } else if negative {
        -1
    } else {
        1
    };
    Ok((sign, digits))
}

fn compare<H: Host>(host: &mut H, count: usize, argument: Expander<H>, out: &mut Vec<u8>) -> Outcome {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    argument(host, 0, &mut left)?;
    argument(host, 1, &mut right)?;
    let left = integer(host, &left, "non-numeric first argument to 'intcmp' function")?;
    let right = integer(host, &right, "non-numeric second argument to 'intcmp' function")?;
    // Of two negative numbers of one sign the digits are compared as they stand.
    let order = left
        .0
        .cmp(&right.0)
        .then_with(|| left.1.len().cmp(&right.1.len()))
        .then_with(|| left.1.cmp(&right.1));
    if count == 2 {
        if order.is_eq() {
            if left.0 < 0 {
                out.push(b'-');
            }
            if left.1.is_empty() { out.push(b'0') } else { out.extend_from_slice(&left.1) }
        }
        return Ok(());
    }
    let index = match order {
        std::cmp::Ordering::Less => 2,
        std::cmp::Ordering::Equal => 3,
        std::cmp::Ordering::Greater if count > 4 => 4,
        std::cmp::Ordering::Greater => 3,
    };
    argument(host, index, out)
}

pub fn origin<H: Host>(host: &mut H, name: &[u8], out: &mut Vec<u8>) {
    let context = host.context();
    let word = match context.lookup_text(name) {
        Some(id) => context.variables.get(id).origin.word(),
        None => "undefined",
    };
    out.extend_from_slice(word.as_bytes());
}

pub fn flavor<H: Host>(host: &mut H, name: &[u8], out: &mut Vec<u8>) {
    let context = host.context();
    let word = match context.lookup_text(name) {
        Some(id) if context.variables.get(id).recursive => "recursive",
        Some(_) => "simple",
        None => "undefined",
    };
    out.extend_from_slice(word.as_bytes());
}

pub fn value<H: Host>(host: &mut H, name: &[u8], out: &mut Vec<u8>) {
    let context = host.context();
    if let Some(id) = context.lookup_text(name) {
        out.extend_from_slice(&context.variables.get(id).value);
    }
}

pub fn say<H: Host>(host: &mut H, function: Function, text: &[u8]) -> Outcome {
    let context = host.context();
    match function {
        Function::Info => {
            let line = [text, b"\n"].concat();
            context.output.out(&line);
        }
        Function::Warning => context.complain(context.reading, &Complaint::Text(text.to_vec())),
        _ => return Err(Stop::fatal(context.reading, Complaint::Text(text.to_vec()))),
    }
    Ok(())
}

/// How deep calls may be in one another. GNU make knows no bound and ends where memory does.
const DEEPEST_CALL: u32 = 10_000;

/// `$(call name,…)`: the value of a variable, expanded with `$(1)` and so on set.
pub fn call_variable<H: Host>(host: &mut H, arguments: &mut Vec<Vec<u8>>, out: &mut Vec<u8>) -> Outcome {
    const NUMBERS: [&[u8]; 10] = [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"];
    let Some(name) = words(&arguments[0]).next() else { return Ok(()) };
    let name = name.to_vec();
    let context = host.context();
    let function = Function::named(&name).or_else(|| {
        let at = context.loaded.iter().position(|function| function.name == name)?;
        Some(Function::Loaded(at as u16))
    });
    if let Some(function) = function {
        arguments.remove(0);
        return apply_checked(host, function, arguments, out);
    }
    let name = context.names.intern(&name);
    let Some(id) = context.lookup(name) else {
        context.warn_undefined(name);
        return Ok(());
    };
    if context.variables.get(id).value.is_empty() {
        return Ok(());
    }
    if context.call_depth == DEEPEST_CALL {
        return Err(context.fatal(Complaint::RecursiveVariable(context.names.text(name).to_vec())));
    }
    context.call_depth += 1;
    arguments[0] = context.names.text(name).to_vec();
    context.variables.push_scope();
    let set = context.variables.current_set();
    // Arguments of an outer call are hidden from this one.
    let count = arguments.len().max(context.call_arguments);
    for index in 0..count {
        let name = match NUMBERS.get(index) {
            Some(name) => context.names.intern(name),
            None => context.names.intern(index.to_string().as_bytes()),
        };
        let value = arguments.get(index).map_or(&b""[..], Vec::as_slice);
        let definition = Definition { value, origin: Origin::Automatic, recursive: false, place: None };
        context.variables.define(&context.names, set, name, &definition);
    }
    let saved = std::mem::replace(&mut context.call_arguments, count);
    context.variables.get_mut(id).recursions = u32::from(u16::MAX) >> 1;
    let result = reference(host, name, out);
    let context = host.context();
    context.call_arguments = saved;
    context.call_depth -= 1;
    context.variables.get_mut(id).recursions = 0;
    context.variables.pop_scope();
    result
}

//! Expansion itself: an expression and a scope to text (manual, "Basics of Variable References", "Substitution References").
//! Knows nothing of what functions do.

use crate::base::Name;
use crate::base::diagnostic::{Complaint, Outcome};
use crate::expand::context::Host;
use crate::expand::functions;
use crate::expand::pattern;
use crate::expand::variables::{ScopeId, SetId, VariableId};
use crate::syntax::{Expression, Part};
use std::rc::Rc;

/// Expands `expression`, parsed from `text`, onto the end of `out`.
pub fn expand<H: Host>(host: &mut H, text: &[u8], expression: &Expression, out: &mut Vec<u8>) -> Outcome {
    for part in &expression.parts {
        match part {
            Part::Text(range) => out.extend_from_slice(range.of(text)),
            Part::Variable(name) => reference(host, *name, out)?,
            Part::Computed(inner) => {
                let mut name = Vec::new();
                expand(host, text, inner, &mut name)?;
                computed(host, &name, out)?;
            }
            Part::Substitution { name, pattern, replacement } => {
                substitution(host, *name, pattern.of(text), replacement.of(text), out)?;
            }
            Part::Call(call) => functions::call(host, text, call, out)?,
            Part::Unterminated => return Err(host.context().fatal(Complaint::UnterminatedReference)),
            Part::UnterminatedCall(function, close) => {
                let name = functions::name_of(host, *function);
                return Err(host
                    .context()
                    .fatal(Complaint::UnterminatedCall { function: name, missing: *close }));
            }
        }
    }
    Ok(())
}

/// Expands `text`, which is parsed for this once, onto the end of `out`.
pub fn expand_to<H: Host>(host: &mut H, text: &[u8], out: &mut Vec<u8>) -> Outcome {
    if memchr::memchr(b'$', text).is_none() {
        out.extend_from_slice(text);
        return Ok(());
    }
    let expression = host.context().parse(text);
    expand(host, text, &expression, out)
}

/// The expansion of `text`.
pub fn expand_text<H: Host>(host: &mut H, text: &[u8]) -> Outcome<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    expand_to(host, text, &mut out)?;
    Ok(out)
}

/// The expansion of `text` in `scope`.
pub fn expand_in<H: Host>(host: &mut H, scope: ScopeId, text: &[u8]) -> Outcome<Vec<u8>> {
    let saved = std::mem::replace(&mut host.context().variables.current, scope);
    let result = expand_text(host, text);
    host.context().variables.current = saved;
    result
}

fn computed<H: Host>(host: &mut H, name: &[u8], out: &mut Vec<u8>) -> Outcome {
    if let Some(colon) = memchr::memchr(b':', name)
        && let Some(equals) = memchr::memchr(b'=', &name[colon + 1..])
    {
        let variable = host.context().names.intern(&name[..colon]);
        let equals = colon + 1 + equals;
        return substitution(host, variable, &name[colon + 1..equals], &name[equals + 1..], out);
    }
    let name = host.context().names.intern(name);
    reference(host, name, out)
}

/// Expands a reference to the variable `name`.
#[inline]
pub fn reference<H: Host>(host: &mut H, name: Name, out: &mut Vec<u8>) -> Outcome {
    let context = host.context();
    let Some(id) = context.lookup(name) else {
        let text = context.names.text(name);
        if let Some(image) = text.strip_prefix(b"image ")
            && let Some(tag) = host.image_tag(crate::os::words::trim(image))?
        {
            out.extend_from_slice(&tag);
            return Ok(());
        }
        host.context().warn_undefined(name);
        return Ok(());
    };
    let variable = context.variables.get(id);
    if !variable.recursive {
        if !variable.append {
            out.extend_from_slice(&variable.value);
            return Ok(());
        }
        // A simple value that was appended for a target stands by itself.
        out.extend_from_slice(&variable.value);
        return Ok(());
    }
    if variable.value.is_empty() && !variable.append {
        return Ok(());
    }
    expand_variable(host, id, out)
}

/// Expands the recursive variable `id` onto the end of `out`.
pub fn expand_variable<H: Host>(host: &mut H, id: VariableId, out: &mut Vec<u8>) -> Outcome {
    let context = host.context();
    let variable = context.variables.get_mut(id);
    let (name, append, place) = (variable.name, variable.append, variable.place);
    if variable.expanding {
        if context.environment_depth > 0 {
            use std::os::unix::ffi::{OsStrExt, OsStringExt};
            let name = std::ffi::OsStr::from_bytes(context.names.text(name));
            out.extend_from_slice(&std::env::var_os(name).unwrap_or_default().into_vec());
            return Ok(());
        }
        if variable.recursions == 0 {
            let saved = context.expanding;
            if place.is_some() {
                context.expanding = place;
            }
            let stop = context.fatal(Complaint::RecursiveVariable(context.names.text(name).to_vec()));
            context.expanding = saved;
            return Err(stop);
        }
        variable.recursions -= 1;
    }
    variable.expanding = true;
    let value = Rc::clone(&variable.value);
    let parsed = match &variable.parsed {
        Some(parsed) => Rc::clone(parsed),
        None => {
            let parsed = Rc::new(context.parse(&value));
            context.variables.get_mut(id).parsed = Some(Rc::clone(&parsed));
            parsed
        }
    };
    let saved_expanding = context.expanding;
    if place.is_some() {
        context.expanding = place;
    }
    // A variable of the command line has no place, and yet those inside it don't lend theirs.
    let borrows = context.reading.is_none() && !context.reading_borrowed;
    if borrows {
        context.reading = place;
        context.reading_borrowed = true;
    }
    let result = if append { expand_appended(host, name, out) } else { expand(host, &value, &parsed, out) };
    let context = host.context();
    context.variables.get_mut(id).expanding = false;
    if borrows {
        context.reading = None;
        context.reading_borrowed = false;
    }
    context.expanding = saved_expanding;
    result
}

/// Expands a target's `+=` value: the values of the scopes above first, each where it was appended.
fn expand_appended<H: Host>(host: &mut H, name: Name, out: &mut Vec<u8>) -> Outcome {
    let variables = &host.context().variables;
    let mut found = Vec::new();
    let chain: Vec<(SetId, bool)> = variables.chain(variables.current);
    for (set, is_parent) in chain {
        if let Some(id) = variables.find_in(set, name)
            && !(is_parent && variables.get(id).private)
        {
            found.push(id);
            if !variables.get(id).append {
                break;
            }
        }
    }
    let start = out.len();
    for id in found.into_iter().rev() {
        if out.len() > start {
            out.push(b' ');
        }
        let variable = host.context().variables.get(id);
        let value = Rc::clone(&variable.value);
        if variable.recursive { expand_to(host, &value, out)? } else { out.extend_from_slice(&value) }
    }
    Ok(())
}

fn substitution<H: Host>(host: &mut H, name: Name, from: &[u8], to: &[u8], out: &mut Vec<u8>) -> Outcome {
    let context = host.context();
    let Some(id) = context.lookup(name) else {
        context.warn_undefined(name);
        return Ok(());
    };
    let variable = context.variables.get(id);
    if variable.value.is_empty() {
        return Ok(());
    }
    let value = if variable.recursive {
        let mut value = Vec::new();
        expand_variable(host, id, &mut value)?;
        Rc::new(value)
    } else {
        Rc::clone(&variable.value)
    };
    pattern::substitute_reference(&value, from, to, out);
    Ok(())
}

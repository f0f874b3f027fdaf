//! Loaded objects: the `load` directive, the functions that objects bring, and objects taken out before they are remade (manual,
//! "Loading Dynamic Objects"). Knows nothing of when targets are remade.

use crate::base::diagnostic::{Complaint, Outcome, Place, Stop};
use crate::cli::settings::DebugLevels;
use crate::expand::assign::append_value;
use crate::expand::file_names::{FileNames, file_names};
use crate::expand::{Origin, expand_text};
use crate::load::Session;
use crate::load::evaluate::evaluate_string;
use crate::load::session::Makefile;
use crate::os::sys::plugin::{Function, Object, Registration, Services, Setup, global_setup};
use crate::syntax::expression::LoadedFunction;
use std::ffi::{CString, c_ulong};

/// The end of the name of the function that sets an object up.
const SETUP: &[u8] = b"_gmk_setup";

/// Longest name of a function, and greatest count of its arguments.
const MOST: u32 = 255;

/// The objects that are open, and their functions.
#[derive(Default)]
pub struct Plugins {
    /// Objects with the names they were loaded by.
    objects: Vec<(Vec<u8>, Object)>,
    /// Functions, by the numbers of [`LoadedFunction`]; none where the object is gone.
    functions: Vec<Option<Function>>,
}

/// What came of loading an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loading {
    /// It was not loaded.
    Failed,
    /// It was loaded, and is to be remade like a makefile.
    Remade,
    /// It was loaded, now or before, and asks not to be remade.
    Kept,
}

/// Answers what an object asks while one of its functions runs.
struct Answers<'s> {
    session: &'s mut Session,
    /// What stops the run: C code cannot be left early, so that nothing more is done for the object until it returns.
    stop: Option<Stop>,
}

impl Services for Answers<'_> {
    fn expand(&mut self, text: &[u8]) -> Vec<u8> {
        if self.stop.is_some() {
            return Vec::new();
        }
        expand_text(self.session, text).unwrap_or_else(|stop| {
            self.stop = Some(stop);
            Vec::new()
        })
    }

    fn evaluate(&mut self, text: &[u8], place: Option<(&[u8], c_ulong)>) {
        if self.stop.is_some() {
            return;
        }
        let place = place.map(|(file, line)| {
            let name = self.session.context.names.intern(file);
            Place::new(self.session.context.names.text(name), u32::try_from(line).unwrap_or(u32::MAX))
        });
        self.stop = evaluate_string(self.session, text.to_vec(), place).err();
    }

    fn add_function(&mut self, registration: Registration) {
        if self.stop.is_none() {
            self.stop = register(self.session, &registration).err();
        }
    }
}

impl Answers<'_> {
    fn result<T>(self, value: T) -> Outcome<T> {
        self.stop.map_or(Ok(value), Err)
    }
}

fn is_function_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

/// Registers a function; one of the same name is replaced.
fn register(session: &mut Session, registration: &Registration) -> Outcome {
    let Registration { name, least, most, .. } = *registration;
    let fail = |complaint| Err(Stop::fatal(session.context.reading, complaint));
    let valid = name.iter().take_while(|&&byte| is_function_byte(byte)).count();
    if valid == 0 {
        return fail(Complaint::EmptyFunctionName);
    }
    if name.first() == Some(&b'.') || valid < name.len() {
        return fail(Complaint::InvalidFunctionName(name.to_vec()));
    }
    if name.len() > MOST as usize {
        return fail(Complaint::FunctionNameTooLong(name.to_vec()));
    }
    if least > MOST {
        return fail(Complaint::BadArgumentCount { which: "minimum", count: least, function: name.to_vec() });
    }
    if most > MOST || (most > 0 && most < least) {
        return fail(Complaint::BadArgumentCount { which: "maximum", count: most, function: name.to_vec() });
    }
    let entry = LoadedFunction {
        name: name.to_vec(),
        least: least as usize,
        most: most as usize,
        expanded: registration.expanded,
    };
    let loaded = &mut session.context.loaded;
    match loaded.iter().position(|known| known.name == name) {
        Some(at) => {
            loaded[at] = entry;
            session.plugins.functions[at] = registration.function;
        }
        None if loaded.len() > usize::from(u16::MAX) => return Ok(()),
        None => {
            loaded.push(entry);
            session.plugins.functions.push(registration.function);
        }
    }
    // What was parsed as a reference to a variable may be a call of the new function.
    session.context.variables.forget_parses();
    Ok(())
}

/// Calls the function of number `function`.
pub fn call(session: &mut Session, function: u16, arguments: &[Vec<u8>]) -> Outcome<Vec<u8>> {
    let at = usize::from(function);
    let name = session.context.loaded.get(at).map(|function| function.name.clone()).unwrap_or_default();
    let Some(target) = session.plugins.functions.get(at).copied().flatten() else {
        return Err(session.context.fatal(Complaint::FunctionGone(name)));
    };
    session.context.output.flush();
    let arguments = arguments.iter().map(|argument| c_string(argument)).collect();
    let mut answers = Answers { session, stop: None };
    let value = target.call(&c_string(&name), arguments, &mut answers);
    answers.result(value)
}

/// `text` up to its first null byte.
fn c_string(text: &[u8]) -> CString {
    let end = memchr::memchr(0, text).unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}

/// Splits an operand of `load` into the object's name and the symbol in parentheses.
fn split_symbol(operand: &[u8]) -> (&[u8], Option<&[u8]>) {
    if let Some(open) = memchr::memchr(b'(', operand)
        && memchr::memchr(b')', &operand[open..]) == Some(operand.len() - 1 - open)
    {
        return (&operand[..open], Some(&operand[open + 1..operand.len() - 1]));
    }
    (operand, None)
}

/// The function that sets object `name` up where the makefile names none.
fn default_symbol(name: &[u8]) -> Vec<u8> {
    let base = &name[memchr::memrchr(b'/', name).map_or(0, |slash| slash + 1)..];
    let length = base.iter().take_while(|&&byte| byte.is_ascii_alphanumeric() || byte == b'_').count();
    [&base[..length], SETUP].concat()
}

/// The `load` directive with its operands.
pub fn directive(session: &mut Session, operands: &[u8], optional: bool, place: Option<Place>) -> Outcome {
    let text = expand_text(session, operands)?;
    let options = FileNames { no_archives: true, ..FileNames::default() };
    let (found, _) = file_names(session, &text, &options)?;
    for item in found {
        let (name, _) = split_symbol(&item.name);
        let loading = load(session, &item.name, optional, place)?;
        if loading == Loading::Failed && !optional {
            return Err(Stop::fatal(place, Complaint::LoadFailed(item.name.clone())));
        }
        let file = session.enter_file(name);
        session.rules.files[file].loaded = true;
        session.rules.files[file].unloaded = false;
        if loading != Loading::Kept {
            session.makefiles.push(Makefile { file, place, error: None, included: false, optional: false });
        }
    }
    Ok(())
}

/// Loads one object, with its symbol in parentheses where the makefile has that.
pub fn load(session: &mut Session, operand: &[u8], optional: bool, place: Option<Place>) -> Outcome<Loading> {
    let (name, symbol) = split_symbol(operand);
    if symbol == Some(b"") {
        return Err(Stop::fatal(place, Complaint::EmptySymbol(operand.to_vec())));
    }
    if let Some(file) = session.rules.lookup(&session.context.names, name)
        && session.rules.files[file].loaded
    {
        return Ok(Loading::Kept);
    }
    let symbol = symbol.map_or_else(|| default_symbol(name), <[u8]>::to_vec);
    session.show(DebugLevels::VERBOSE, &[b"Loading symbol ", &symbol, b" from ", name]);
    let Some(setup) = find_setup(session, name, &symbol, optional, place)? else {
        return Ok(Loading::Failed);
    };
    session.context.output.flush();
    let file = place.map(|place| c_string(place.file));
    let line = place.map_or(0, |place| u64::from(place.line));
    let mut answers = Answers { session, stop: None };
    let result = setup.call(file.as_deref(), line, &mut answers);
    let result = answers.result(result)?;
    if result == 0 {
        return Ok(Loading::Failed);
    }
    append_value(session, b".LOADED", name, Origin::File, place);
    Ok(if result == -1 { Loading::Kept } else { Loading::Remade })
}

/// The function `symbol`, of what is loaded already or of the object, which is opened for it.
fn find_setup(
    session: &mut Session,
    name: &[u8],
    symbol: &[u8],
    optional: bool,
    place: Option<Place>,
) -> Outcome<Option<Setup>> {
    let c_symbol = c_string(symbol);
    if let Some(setup) = global_setup(&c_symbol) {
        return Ok(Some(setup));
    }
    let mut answers = Answers { session, stop: None };
    let mut opened = None;
    if memchr::memchr(b'/', name).is_none() {
        opened = Object::open(&c_string(&[b"./", name].concat()), &mut answers).ok();
    }
    let opened = match opened {
        Some(object) => Ok(object),
        None => Object::open(&c_string(name), &mut answers),
    };
    match answers.result(opened)? {
        Err(words) => {
            if optional {
                session.show(DebugLevels::BASIC, &[&words]);
            } else {
                session.complain(place, &Complaint::Text(words));
            }
            Ok(None)
        }
        Ok(object) => {
            session.show(DebugLevels::VERBOSE, &[b"Loaded shared object ", name]);
            if !object.has(c"plugin_is_GPL_compatible") {
                return Err(Stop::fatal(place, Complaint::NotGpl(name.to_vec())));
            }
            let setup = object.setup(&c_symbol).map_err(|reason| {
                let (symbol, object) = (symbol.to_vec(), name.to_vec());
                Stop::fatal(place, Complaint::SymbolMissing { symbol, object, reason })
            })?;
            session.plugins.objects.push((name.to_vec(), object));
            Ok(Some(setup))
        }
    }
}

/// Closes the object called `name`, where it is open, so that its file can be written; false where the loader refuses.
pub fn unload(session: &mut Session, name: &[u8]) -> bool {
    let objects = &mut session.plugins.objects;
    let Some(at) = objects.iter().rposition(|(known, _)| known == name) else { return true };
    let (_, object) = objects.remove(at);
    session.show(DebugLevels::VERBOSE, &[b"Unloading shared object ", name]);
    let closed = object.close();
    for function in &mut session.plugins.functions {
        *function = function.filter(|function| function.is_loaded());
    }
    if closed.is_err() {
        let error = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
        session.complain(None, &Complaint::System { what: [b"dlclose: ", name].concat(), error });
    }
    closed.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_are_split_and_symbols_made() {
        assert_eq!(split_symbol(b"a.so(init)"), (&b"a.so"[..], Some(&b"init"[..])));
        assert_eq!(split_symbol(b"a.so()"), (&b"a.so"[..], Some(&b""[..])));
        assert_eq!(split_symbol(b"a(b)c.so"), (&b"a(b)c.so"[..], None));
        assert_eq!(split_symbol(b"a(b"), (&b"a(b"[..], None));
        assert_eq!(default_symbol(b"dir.d/my_obj-2.so"), b"my_obj_gmk_setup");
        assert_eq!(default_symbol(b""), b"_gmk_setup");
    }

    #[test]
    fn functions_are_checked_before_they_are_known() {
        let mut session = Session::new(b"make");
        let text = |name: &[u8], least, most, session: &mut Session| match register(
            session,
            &Registration { name, function: None, least, most, expanded: true },
        ) {
            Err(Stop::Fatal(fatal)) => fatal.1,
            _ => Complaint::NoTargets,
        };
        assert_eq!(text(b"", 0, 0, &mut session), Complaint::EmptyFunctionName);
        assert_eq!(text(b"+", 0, 0, &mut session), Complaint::EmptyFunctionName);
        assert_eq!(text(b".a", 0, 0, &mut session), Complaint::InvalidFunctionName(b".a".to_vec()));
        assert_eq!(text(b"a b", 0, 0, &mut session), Complaint::InvalidFunctionName(b"a b".to_vec()));
        assert!(matches!(text(&[b'x'; 256], 0, 0, &mut session), Complaint::FunctionNameTooLong(_)));
        assert!(matches!(
            text(b"f", 256, 0, &mut session),
            Complaint::BadArgumentCount { which: "minimum", .. }
        ));
        assert!(matches!(
            text(b"f", 2, 1, &mut session),
            Complaint::BadArgumentCount { which: "maximum", .. }
        ));
        assert!(session.context.loaded.is_empty());
        assert_eq!(text(b"f", 2, 2, &mut session), Complaint::NoTargets);
        assert_eq!(text(b"f", 1, 0, &mut session), Complaint::NoTargets);
        assert_eq!(session.context.loaded.len(), 1);
    }
}

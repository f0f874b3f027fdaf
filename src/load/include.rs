//! Makefiles found and opened (manual, "Including Other Makefiles", "The Variable MAKEFILES"). Knows nothing of their content.

use crate::base::diagnostic::{Complaint, Outcome, Place, Stop};
use crate::base::system_error::SystemError;
use crate::cli::settings::DebugLevels;
use crate::expand::Origin;
use crate::expand::assign::append_value;
use crate::expand::expand_text;
use crate::expand::file_names::expand_tilde;
use crate::load::Session;
use crate::load::evaluate::evaluate_file;
use crate::load::session::Makefile;
use crate::os::files;
use crate::os::files::{Mtime, ReadError};
use crate::os::folders::is_fault;
use crate::os::interruption;
use crate::os::words::words;
use crate::syntax::lines::normalise;

/// How a makefile came to be read.
#[derive(Clone, Copy)]
pub struct How {
    /// By `include`, or by `MAKEFILES`.
    pub included: bool,
    /// Nobody minds if it is not there.
    pub optional: bool,
    /// A leading `~` is still to be expanded.
    pub expand_tilde: bool,
    /// Its rules may set the default goal.
    pub set_default: bool,
}

/// Makefiles that include each other deeper than this are taken for endless.
const DEEPEST: u32 = 5_000;

/// Reads makefile `name`, and returns its position in the list of makefiles. One that can't be read is remembered with its error.
pub fn read_makefile(session: &mut Session, name: &[u8], how: How) -> Outcome<usize> {
    let mut path = name.to_vec();
    let notes: [(bool, &[u8]); 4] = [
        (!how.set_default, b" (no default goal)"),
        (how.included, b" (search path)"),
        (how.optional, b" (don't care)"),
        (!how.expand_tilde, b" (no ~ expansion)"),
    ];
    let note = |at: usize| if notes[at].0 { notes[at].1 } else { b"" };
    let parts = [b"Reading makefile '", name, b"'", note(0), note(1), note(2), note(3), b"..."];
    session.show(DebugLevels::VERBOSE, &parts);
    if how.expand_tilde
        && path.first() == Some(&b'~')
        && let Some(expanded) = expand_tilde(session, &path)?
    {
        path = expanded;
    }
    let given = name.to_vec();
    // A makefile stays open while it is read: endless inclusion ends when no more files can be opened.
    let mut text = if session.include_depth < DEEPEST {
        files::open_and_read(&path)
    } else {
        Err(ReadError::Open(libc::EMFILE))
    };
    let mut error = text.as_ref().err().copied();
    if let (Some(_), Some(signal)) = (error, interruption::untaken()) {
        return Err(Stop::Signal(signal));
    }
    if let Some(ReadError::Open(code @ (libc::EMFILE | libc::ENFILE | libc::ENOMEM))) = error {
        let what = SystemError::of(code).to_string().into_bytes();
        return Err(Stop::fatal(session.context.reading, Complaint::Text(what)));
    }
    if error == Some(ReadError::Open(libc::ENOENT)) && how.included && path.first() != Some(&b'/') {
        for folder in session.include_folders.clone() {
            let candidate = [&folder[..], b"/", &path].concat();
            match files::open_and_read(&candidate) {
                Err(ReadError::Open(libc::ENOENT)) => {}
                // What is found here is not made anew by a rule for `name`: whether it is there must be known.
                Err(ReadError::Open(code)) if is_fault(code) => {
                    return Err(session.context.fatal(Complaint::System { what: candidate, error: code }));
                }
                found => {
                    if let Err(code) = found {
                        error = Some(code);
                    }
                    text = found;
                    path = candidate;
                    break;
                }
            }
        }
    }
    let file = session.enter_file(&path);
    let entry = Makefile { file, place: None, error: None, included: how.included, optional: how.optional };
    session.makefiles.push(entry);
    let position = session.makefiles.len() - 1;
    session.rules.files[file].is_explicit = true;
    let (_open, text) = match text {
        Ok(found) => found,
        Err(ReadError::Read(error)) => {
            return Err(Stop::fatal(None, Complaint::System { what: name.to_vec(), error }));
        }
        Err(ReadError::Open(_)) => {
            session.makefiles[position].error = match error {
                Some(ReadError::Open(error) | ReadError::Read(error)) => Some(error),
                None => None,
            };
            session.rules.files[file].mtime = Mtime::ABSENT;
            return Ok(position);
        }
    };
    if session.rules.files[file].mtime == Mtime::ABSENT {
        session.rules.files[file].mtime = Mtime::UNKNOWN;
    }
    let given = session.context.names.intern(&given);
    let given = session.context.names.text(given);
    let shown = session.name_of(file);
    append_value(session, b"MAKEFILE_LIST", shown, Origin::File, Some(Place::new(given, 1)));
    let (text, nul_lines) = normalise(text);
    for line in nul_lines {
        session.complain(Some(Place::new(given, line)), &Complaint::NulByte);
    }
    session.include_depth += 1;
    let result = evaluate_file(session, given, &text, how.set_default);
    session.include_depth -= 1;
    result.map(|()| position)
}

/// The default names of makefiles, in the order in which they are sought.
const DEFAULT_NAMES: [&[u8]; 4] = [b"Imkfile", b"GNUmakefile", b"makefile", b"Makefile"];

/// Reads all makefiles: those of `MAKEFILES`, those of `-f`, or the first of the default names.
pub fn read_all(session: &mut Session) -> Outcome {
    session.context.define_global(b"MAKEFILE_LIST", b"", Origin::File, false);
    let list = expand_text(session, b"$(MAKEFILES)")?;
    for name in words(&list) {
        let how = How { included: true, optional: true, expand_tilde: true, set_default: false };
        read_makefile(session, name, how)?;
    }
    let given = session.settings.makefiles.clone();
    let how = How { included: false, optional: false, expand_tilde: true, set_default: true };
    for (index, name) in given.iter().enumerate() {
        let position = read_makefile(session, name, how)?;
        if let Some(error) = session.makefiles[position].error {
            session.complain(None, &Complaint::System { what: name.clone(), error });
        }
        let file = session.makefiles[position].file;
        let known = session.name_of(file).to_vec();
        if let Some(slot) = session.settings.makefiles.get_mut(index) {
            *slot = known;
        }
    }
    if !given.is_empty() {
        return Ok(());
    }
    for name in DEFAULT_NAMES {
        if session.context.folders.exists(name) {
            let position = read_makefile(session, name, how)?;
            if let Some(error) = session.makefiles[position].error {
                session.complain(None, &Complaint::System { what: name.to_vec(), error });
            }
            return Ok(());
        }
    }
    session.context.hold_folders()?;
    // Some rule may make one of them.
    for name in DEFAULT_NAMES.into_iter().skip(1) {
        let file = session.enter_file(name);
        let entry = Makefile { file, place: None, error: None, included: false, optional: true };
        session.makefiles.push(entry);
    }
    Ok(())
}

/// The folders that GNU make searches for included makefiles after those of `-I`.
const INCLUDE_FOLDERS: [&[u8]; 2] = [b"/usr/local/include", b"/usr/include"];

/// Sets up the folders to search for included makefiles, and `.INCLUDE_DIRS`.
pub fn set_include_folders(session: &mut Session) -> Outcome {
    let mut folders: Vec<Vec<u8>> = Vec::new();
    let mut defaults = true;
    for given in session.settings.include_directories.clone() {
        if given == b"-" {
            defaults = false;
            folders.clear();
            continue;
        }
        let mut path = given;
        if path.first() == Some(&b'~')
            && let Some(expanded) = expand_tilde(session, &path)?
        {
            path = expanded;
        }
        if files::is_folder(&path) {
            folders.push(without_slashes(path));
        }
    }
    if defaults {
        folders
            .extend(INCLUDE_FOLDERS.iter().filter(|path| files::is_folder(path)).map(|path| path.to_vec()));
    }
    session.context.define_global(b".INCLUDE_DIRS", &folders.join(&b' '), Origin::Default, false);
    session.include_folders = folders;
    Ok(())
}

fn without_slashes(mut path: Vec<u8>) -> Vec<u8> {
    while path.len() > 1 && path.last() == Some(&b'/') {
        path.pop();
    }
    path
}

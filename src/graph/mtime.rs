//! Modification times of files, archive members and libraries, looked up once (manual, "How Directory Searches are Performed",
//! "Directory Search for Link Libraries", "Archive Members as Targets"). Knows nothing of what the times decide.

use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::expand::expand_text;
use crate::graph::rename;
use crate::load::Session;
use crate::os::archive::{self};
use crate::os::files::{self, Look, Mtime};
use crate::os::folders::is_fault;
use crate::os::words::words;
use crate::rules::ahead;
use crate::rules::file::{FileId, State};
use crate::rules::vpath::Found;
use crate::syntax::quoting::Pattern;

/// The time of `file`, searching for it where it is not in its place.
#[inline]
pub fn of(session: &mut Session, file: FileId) -> Outcome<Mtime> {
    match session.rules.files[file].mtime {
        Mtime::UNKNOWN => look_up(session, file, true),
        known => Ok(known),
    }
}

/// The time of `file` in its own place.
pub fn of_place(session: &mut Session, file: FileId) -> Outcome<Mtime> {
    match session.rules.files[file].mtime {
        Mtime::UNKNOWN => look_up(session, file, false),
        known => Ok(known),
    }
}

/// The time of the file `name`, symbolic links counted under `-L`.
pub fn of_name(session: &mut Session, name: &[u8]) -> Mtime {
    of_look(session, name, files::look(name))
}

/// The time that `look` found of the target `name` in its own place. Makefiles that can't be looked at for a fault of the system's end
/// the run: one that was remade and seems absent would not be read again, and what it says would be left out of a run that succeeds.
fn of_target(session: &mut Session, name: &[u8], look: Look) -> Outcome<Mtime> {
    if let Look::Failed(error) = look
        && session.remaking_makefiles
        && is_fault(error)
    {
        let what = [b"stat: ", name].concat();
        return Err(Stop::fatal(None, Complaint::System { what, error }));
    }
    Ok(of_look(session, name, look))
}

/// The time that `look` found of the file `name`.
fn of_look(session: &mut Session, name: &[u8], look: Look) -> Mtime {
    match look {
        Look::Absent if !session.settings.check_symlink_times => Mtime::ABSENT,
        Look::Failed(error) => {
            session.complain(None, &Complaint::System { what: [b"stat: ", name].concat(), error });
            Mtime::ABSENT
        }
        look if session.settings.check_symlink_times => {
            // A link that leads nowhere has the time of the link itself.
            let mtime = if let Look::Found(mtime) = look { mtime } else { Mtime::ABSENT };
            let (mtime, failed) = files::newest_of_links(name, mtime);
            if let Some((call, path, error)) = failed {
                session.complain(None, &Complaint::System { what: [call.as_bytes(), &path].concat(), error });
            }
            mtime
        }
        Look::Found(mtime) => in_range(session, name, mtime),
        Look::Absent => Mtime::ABSENT,
    }
}

/// `mtime`, which a complaint is about where it is none of the times that make knows.
fn in_range(session: &mut Session, name: &[u8], mtime: Mtime) -> Mtime {
    if mtime == Mtime::OUT_OF_RANGE {
        let complaint = Complaint::TimeOutOfRange { file: name.to_vec(), instead: mtime.to_text() };
        session.complain(None, &complaint);
    }
    mtime
}

/// Searches `name` along `VPATH`.
pub fn along_path(session: &mut Session, name: &[u8]) -> Option<Found> {
    session.rules.paths.search(
        name,
        &session.context.names,
        &session.rules.files,
        &mut session.context.folders,
    )
}

/// Looks the time of `file` up in the file system, and records it.
pub fn look_up(session: &mut Session, file: FileId, search: bool) -> Outcome<Mtime> {
    let mut file = file;
    let text = session.name_of(file);
    let mut mtime;
    if archive::is_member(text) {
        match member_time(session, file, text, search)? {
            Some((renamed, time)) => {
                file = renamed;
                mtime = time;
            }
            None => return Ok(Mtime::ABSENT),
        }
    } else {
        let name = session.rules.files[file].name;
        let look = ahead::look(session, name).unwrap_or_else(|| files::look(text));
        mtime = of_target(session, text, look)?;
        if mtime == Mtime::ABSENT && search && !session.rules.files[file].ignore_vpath {
            let mut found = along_path(session, text);
            if found.is_none() && text.starts_with(b"-l") {
                found = library(session, text)?;
            }
            if let Some(found) = found {
                if found.mtime != Mtime::UNKNOWN {
                    session.rules.files[file].mtime = found.mtime;
                }
                let folder_length = (found.name.len()).saturating_sub(text.len() + 1);
                let keep = session.rules.paths.keeps(&found.name[..folder_length]);
                let name = session.context.names.intern(&found.name);
                file = rename::rehash(session, file, name)?;
                if keep {
                    rename::take_name(session, file);
                    return of(session, file);
                }
                mtime = if found.mtime == Mtime::OLD || found.mtime == Mtime::NEW {
                    found.mtime
                } else {
                    of_name(session, &found.name)
                };
            }
        }
    }
    check_skew(session, file, mtime);
    let edited = !session.edited.is_empty() && is_edited(session, file);
    let first = session.rules.files[file].double_colon.unwrap_or(file);
    let updated = session.rules.files[first].updated;
    let mut link = Some(first);
    while let Some(id) = link {
        let record = &mut session.rules.files[id];
        // A file that .INTERMEDIATE names and that was there before is not ours to delete.
        if mtime != Mtime::ABSENT
            && record.state == State::NotStarted
            && !record.tried_implicit
            && record.intermediate
        {
            record.intermediate = false;
        }
        record.edited |= edited;
        if record.updated == updated {
            record.mtime = mtime;
        }
        link = record.next;
    }
    Ok(mtime)
}

/// Whether a target of time `than` is older than `file`, whose time is `time`, or older than a change of it that was seen. What was made
/// since is newer than that change, and a file that `-o` names has none.
#[inline]
pub fn is_newer(session: &Session, file: FileId, time: Mtime, than: Mtime) -> bool {
    time > than || (session.rules.files[file].edited && time > Mtime::OLD && than < session.edited_before)
}

/// Has the files `paths` count as changed `before` that moment, whatever their times say: those that were looked at, and those that are yet
/// to be.
pub fn edited(session: &mut Session, paths: &[Vec<u8>], before: Mtime) {
    session.edited_before = before;
    session.edited = paths.iter().filter_map(|path| files::identity(path)).collect();
    if session.edited.is_empty() {
        return;
    }
    for file in session.rules.files.ids() {
        if session.rules.files[file].mtime != Mtime::UNKNOWN && is_edited(session, file) {
            session.rules.files[file].edited = true;
        }
    }
}

fn is_edited(session: &Session, file: FileId) -> bool {
    let name = session.context.names.text(session.rules.files[file].found_as);
    files::identity(name).is_some_and(|identity| session.edited.contains(&identity))
}

/// Warns once of a file from the future.
fn check_skew(session: &mut Session, file: FileId, mtime: Mtime) {
    if session.clock_skew
        || !mtime.is_ordinary()
        || session.rules.files[file].updated
        || session.skew_limit >= mtime
    {
        return;
    }
    let now = Mtime::now();
    session.skew_limit = now;
    if now >= mtime {
        return;
    }
    let ahead = (mtime.0 - now.0) as f64 / 1e9;
    let seconds = if ahead >= 100.0 { format!("{}", ahead as u64) } else { two_digits(ahead) };
    let complaint = Complaint::ClockSkew { file: session.name_of(file).to_vec(), seconds };
    session.complain(None, &complaint);
    session.clock_skew = true;
}

/// `value` with two significant digits, as C's `%.2g` writes it.
fn two_digits(value: f64) -> String {
    let scientific = format!("{value:.1e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let shortened = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..2).contains(&exponent) {
        return shortened(&format!("{value:.*}", (1 - exponent).max(0) as usize));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", shortened(mantissa), exponent.abs())
}

/// The time of an archive member; none where the archive does not exist.
fn member_time(
    session: &mut Session,
    file: FileId,
    text: &'static [u8],
    search: bool,
) -> Outcome<Option<(FileId, Mtime)>> {
    let Some((path, member)) = archive::split_member(text) else { return Ok(None) };
    let member_file = of_name(session, member);
    let mut file = file;
    let archive_file = session.enter_file(path);
    let mtime = look_up(session, archive_file, search)?;
    let archive_file = session.rules.files.resolve(archive_file);
    let found_as = session.rules.files[archive_file].found_as;
    let found_text = session.context.names.text(found_as);
    if search && found_text != path {
        let renamed = [found_text, b"(", member, b")"].concat();
        let name = session.context.names.intern(&renamed);
        let permanent = session.rules.files[archive_file].name == found_as;
        file = rename::rehash(session, file, name)?;
        if permanent {
            rename::take_name(session, file);
        }
    }
    session.rules.files[file].low_resolution = true;
    if mtime == Mtime::ABSENT {
        return Ok(None);
    }
    let found_as = session.context.names.text(session.rules.files[file].found_as);
    let date = archive::split_member(found_as)
        .and_then(|(path, member)| archive::member_date(path, member).ok().flatten());
    let mtime = match date {
        Some(date) if member_file == Mtime::ABSENT || member_file.seconds() <= date => Mtime::new(date, 0),
        _ => Mtime::ABSENT,
    };
    Ok(Some((file, mtime)))
}

/// Folders that the linker searches too.
const LIBRARY_FOLDERS: [&[u8]; 3] = [b"/lib", b"/usr/lib", b"/usr/local/lib"];

/// Finds the library that `-lNAME` stands for.
fn library(session: &mut Session, name: &[u8]) -> Outcome<Option<Found>> {
    let patterns = expand_text(session, b"$(.LIBPATTERNS)")?;
    let mut best: Option<Found> = None;
    let better =
        |found: &Found, best: &Option<Found>| best.as_ref().is_none_or(|best| found.rank < best.rank);
    for text in words(&patterns) {
        let pattern = Pattern::new(text);
        if pattern.percent.is_none() {
            session.complain(None, &Complaint::LibraryPatternWithoutPercent(text.to_vec()));
            continue;
        }
        let candidate = [pattern.prefix(), &name[2..], pattern.suffix()].concat();
        let mtime = of_name(session, &candidate);
        if mtime != Mtime::ABSENT {
            return Ok(Some(Found { name: candidate, mtime, rank: (0, 0) }));
        }
        if let Some(found) = along_path(session, &candidate)
            && better(&found, &best)
        {
            best = Some(found);
        }
        for (rank, folder) in LIBRARY_FOLDERS.iter().enumerate() {
            let path = [folder, b"/".as_slice(), &candidate].concat();
            let mtime = of_name(session, &path);
            let found = Found { name: path, mtime, rank: (usize::MAX, rank) };
            if mtime != Mtime::ABSENT && better(&found, &best) {
                best = Some(found);
            }
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::two_digits;

    #[test]
    fn two_digits_are_those_of_c() {
        let cases = [
            (99.6, "1e+02"),
            (99.4, "99"),
            (12.0, "12"),
            (9.96, "10"),
            (9.94, "9.9"),
            (3.0, "3"),
            (0.5, "0.5"),
            (0.0123, "0.012"),
            (0.0001, "0.0001"),
            (0.000_012_3, "1.2e-05"),
            (0.000_01, "1e-05"),
        ];
        for (value, text) in cases {
            assert_eq!(two_digits(value), text);
        }
    }
}

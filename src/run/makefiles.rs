//! Makefiles: read, remade where a rule says so, and read again (manual, "How Makefiles Are Remade"). Knows nothing of goals.

use super::Run;
use super::flags::Before;
use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::build::Goal;
use crate::cli::restart::restart_arguments;
use crate::cli::settings::DebugLevels;
use crate::graph::mtime;
use crate::load::include;
use crate::load::plugin::{self, Loading};
use crate::load::session::Makefile;
use crate::os::files::Mtime;
use crate::os::interruption;
use crate::rules::ahead;
use crate::rules::file::{State, Status};
use rustix::io::Errno;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;

impl Run {
    /// Copies a makefile from standard input into a temporary file: it may have to be read again.
    pub(super) fn read_stdin_makefile(&mut self) -> Outcome {
        let mut position = self.build.session.settings.temp_stdin;
        for index in 0..self.build.session.settings.makefiles.len() {
            if self.build.session.settings.makefiles[index] != b"-" {
                continue;
            }
            if position.is_some() {
                return Err(Stop::fatal(None, Complaint::StdinTwice));
            }
            let folder = self.temporary_folder();
            let settings = &mut self.build.session.settings;
            let mut text = Vec::new();
            // As for make, an error of reading is the end of what there is.
            let _ = std::io::stdin().read_to_end(&mut text);
            let stored = tempfile::Builder::new()
                .prefix("Gm")
                .tempfile_in(folder)
                .and_then(|mut file| file.write_all(&text).map(|()| file))
                .and_then(|file| file.keep().map_err(|error| error.error));
            let Ok((_, path)) = stored else { return Err(Stop::fatal(None, Complaint::StdinNotStored)) };
            settings.makefiles[index] = path.into_os_string().into_vec();
            self.stdin_copy = Some(settings.makefiles[index].clone());
            position = Some(index);
        }
        let Some(position) = position else { return Ok(()) };
        let settings = &mut self.build.session.settings;
        settings.temp_stdin = Some(position);
        let Some(name) = settings.makefiles.get(position).cloned() else { return Ok(()) };
        self.doomed = Some(interruption::doom(&name));
        self.stdin_copy = Some(name.clone());
        let session = &mut self.build.session;
        let file = session.enter_file(&name);
        let time = mtime::of_name(session, &name);
        let record = &mut session.rules.files[file];
        record.updated = true;
        record.status = Status::Success;
        record.state = State::Finished;
        record.mtime = time;
        record.mtime_before = time;
        Ok(())
    }

    /// Deletes the copy of standard input.
    pub(super) fn remove_stdin_copy(&mut self) {
        // That of the make that was restarted counts before it is read.
        let settings = &mut self.build.session.settings;
        let given = settings.temp_stdin.take().and_then(|index| settings.makefiles.get(index).cloned());
        if let Some(name) = self.stdin_copy.take().or(given) {
            self.doomed = None;
            match rustix::fs::unlink(&name[..]) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => {
                    let what = [b"unlink (temporary file): ", &name[..]].concat();
                    let error = error.raw_os_error();
                    self.build.session.complain(None, &Complaint::System { what, error });
                }
            }
        }
    }

    /// Reads all makefiles.
    pub(super) fn read_makefiles(&mut self) -> Outcome {
        self.build.say(DebugLevels::BASIC, 0, |_| b"Reading makefiles...".to_vec());
        let before = Before::of(&self.build.session.settings);
        include::read_all(&mut self.build.session)?;
        self.build.session.context.reading = None;
        self.settle_flags(&before)
    }

    /// Whether remaking `makefile` would never end: it is phony, or always remade.
    fn might_loop(&self, makefile: &Makefile) -> bool {
        let files = &self.build.session.rules.files;
        let record = &files[makefile.file];
        record.phony
            || (record.double_colon.is_some()
                && files
                    .records(makefile.file)
                    .iter()
                    .any(|&record| files[record].dependencies.is_empty() && files[record].recipe.is_some()))
    }

    /// Brings makefiles up to date; where one was remade, this process starts again.
    pub(super) fn remake_makefiles(&mut self) -> Outcome {
        let all = std::mem::take(&mut self.build.session.makefiles);
        if all.is_empty() {
            return Ok(());
        }
        self.build.say(DebugLevels::BASIC, 0, |_| b"Updating makefiles....".to_vec());
        let mut makefiles = Vec::new();
        let mut skipped = Vec::new();
        for makefile in all {
            if self.might_loop(&makefile) {
                self.build.say_of(
                    DebugLevels::VERBOSE,
                    0,
                    makefile.file,
                    "Makefile '%' might loop; not remaking it.",
                );
                if makefile.error.is_some() && !makefile.optional {
                    skipped.push(makefile);
                }
            } else {
                makefiles.push(makefile);
            }
        }
        ahead::begin(&mut self.build.session, makefiles.iter().map(|makefile| makefile.file).collect());
        let mut before = Vec::with_capacity(makefiles.len());
        for makefile in &makefiles {
            before.push(mtime::of_place(&mut self.build.session, makefile.file)?);
        }
        self.define_makeflags(true)?;
        let goals = makefiles
            .iter()
            .map(|makefile| Goal {
                included: makefile.included,
                optional: makefile.optional,
                error: makefile.error,
                place: makefile.place,
                ..Goal::new(makefile.file)
            })
            .collect();
        let levels = self.build.session.settings.debug_levels;
        if !levels.any(DebugLevels::MAKEFILES) {
            self.build.session.settings.debug_levels = DebugLevels::NONE;
            self.build.session.show_implicit = false;
        }
        self.build.session.remaking_makefiles = true;
        let status = self.build.update_goals(goals);
        self.build.session.remaking_makefiles = false;
        self.build.session.settings.debug_levels = levels;
        self.build.session.show_implicit = levels.any(DebugLevels::IMPLICIT);
        let mut status = status?;
        let mut failed = !skipped.is_empty();
        for makefile in skipped.iter().rev() {
            let what = self.build.session.name_of(makefile.file).to_vec();
            let error = makefile.error.unwrap_or(libc::ENOENT);
            self.build.session.complain(makefile.place, &Complaint::System { what, error });
        }
        if failed && status == Status::Success {
            status = Status::None;
        }
        match status {
            Status::Question => {}
            Status::None => self.reload(&makefiles)?,
            Status::Failed => {
                if self.judge_failures(&makefiles, &before, &mut failed)? {
                    return self.restart();
                }
            }
            Status::Success => return self.restart(),
        }
        if failed { Err(Stop::Exit(2)) } else { Ok(()) }
    }

    /// Loads objects again that were taken out to be remade, and were not.
    fn reload(&mut self, makefiles: &[Makefile]) -> Outcome {
        for makefile in makefiles {
            if !self.build.session.rules.files[makefile.file].unloaded {
                continue;
            }
            let name = self.build.session.name_of(makefile.file).to_vec();
            if plugin::load(&mut self.build.session, &name, false, makefile.place)? == Loading::Failed {
                return Err(Stop::fatal(makefile.place, Complaint::LoadFailed(name)));
            }
            let record = &mut self.build.session.rules.files[makefile.file];
            record.unloaded = false;
            record.loaded = true;
        }
        Ok(())
    }

    /// After a failure: whether any makefile was remade all the same, and whether the run has to end.
    fn judge_failures(
        &mut self,
        makefiles: &[Makefile],
        before: &[Mtime],
        failed: &mut bool,
    ) -> Outcome<bool> {
        let mut any_remade = false;
        for (makefile, &before) in makefiles.iter().zip(before) {
            let session = &mut self.build.session;
            let file = session.rules.files.resolve(makefile.file);
            let record = &session.rules.files[file];
            let name = session.name_of(file).to_vec();
            if record.updated {
                if record.status == Status::Success {
                    any_remade |= mtime::of_place(session, file)? != before;
                } else if !makefile.optional {
                    session.complain(makefile.place, &Complaint::RemakeFailed(name));
                    let now = mtime::of_place(session, file)?;
                    any_remade |= now != Mtime::ABSENT && now != before;
                    self.status = 2;
                    *failed = true;
                }
            } else if !makefile.optional {
                if makefile.included {
                    session.complain(makefile.place, &Complaint::IncludeNotFound(name));
                } else {
                    session.complain(None, &Complaint::MakefileNotFound(name));
                    *failed = true;
                }
            }
        }
        Ok(any_remade)
    }

    /// Starts this program again, to read the makefiles that were remade.
    fn restart(&mut self) -> Outcome {
        self.build.end_cleanup();
        self.build.remove_intermediates(false);
        if self.build.session.settings.print_data_base {
            crate::report::database::print(&mut self.build.session);
        }
        self.build.close_jobserver();
        let words = self.given.arguments.get(1..).unwrap_or_default();
        let settings = &self.build.session.settings;
        let arguments = restart_arguments(words, settings, settings.temp_stdin);
        if !settings.directories.is_empty() {
            let back =
                self.folder_before.as_ref().is_some_and(|folder| std::env::set_current_dir(folder).is_ok());
            if !back {
                return Err(Stop::fatal(None, Complaint::CannotReturn));
            }
        }
        self.restarts += 1;
        let restarts = self.restarts;
        let argv0 = self.given.arguments.first().cloned().unwrap_or_default();
        self.build.say(DebugLevels::BASIC, 0, |_| {
            let mut text = format!("Re-executing[{restarts}]: ").into_bytes();
            text.extend_from_slice(&argv0);
            for word in &arguments {
                text.push(b' ');
                text.extend_from_slice(word);
            }
            text
        });
        let session = &mut self.build.session;
        session.context.output.end_relay();
        let mark = if session.context.output.announced { "-" } else { "" };
        let program = match session.context.lookup_text(b"MAKE_COMMAND") {
            Some(id) => session.context.variables.get(id).value.to_vec(),
            None => argv0.clone(),
        };
        let program = if memchr::memchr(b'/', &program).is_some() {
            program
        } else {
            std::env::current_exe().map_or(program, |path| path.into_os_string().into_vec())
        };
        self.build.heed_signal()?;
        self.hand_on_streams();
        // The lock's file is the parent's to delete, and this process's successor's to make anew.
        self.build.remove_lock();
        self.give_back_stdout();
        let error = std::process::Command::new(OsString::from_vec(program.clone()))
            .arg0(std::ffi::OsStr::from_bytes(&argv0))
            .args(arguments.iter().map(|word| std::ffi::OsStr::from_bytes(word)))
            .env("MAKELEVEL", self.build.session.context.level.to_string())
            .env("MAKE_RESTARTS", format!("{mark}{restarts}"))
            .exec();
        self.remove_stdin_copy();
        let error = error.raw_os_error().unwrap_or(libc::ENOENT);
        self.build.session.complain(None, &Complaint::System { what: program, error });
        Err(Stop::Exit(127))
    }
}

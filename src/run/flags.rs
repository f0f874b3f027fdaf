//! MAKEFLAGS and its kin, kept equal to the options in force, both ways (manual, "Communicating Options to a Sub-make"). Knows
//! nothing of how options are written.

use super::Run;
use super::start::{define, define_plain};
use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::cli::decode::{End, Operand, Source, decode, flag_words};
use crate::cli::encode::{Form, Overrides, command_variables, makeflags, own_flags};
use crate::cli::message::{Invocation, diagnostics};
use crate::cli::settings::{DebugLevels, Jobs, JobsChange, Origin as FlagOrigin, OutputSync, Settings};
use crate::expand::variables::{Special, VariableId};
use crate::expand::{Export, Origin, expand_text};
use crate::load::Session;
use crate::load::include;
use crate::os::files;
use crate::os::jobserver::{Jobserver, Style};
use crate::os::output::{Capture, Grouping};

/// Options as they were before makefiles were read.
pub struct Before {
    jobs: Jobs,
    no_rules: bool,
    no_variables: bool,
}

impl Before {
    /// The options of now.
    pub fn of(settings: &Settings) -> Before {
        Before {
            jobs: settings.jobs,
            no_rules: settings.no_builtin_rules,
            no_variables: settings.no_builtin_variables,
        }
    }
}

fn no_home(_: Option<&[u8]>) -> Option<Vec<u8>> {
    None
}

/// Exports imk's own options to sub-makes, in IMKFLAGS. Without any there is no such variable.
pub fn hand_down_own(session: &mut Session) {
    let own = own_flags(&session.settings);
    if !own.is_empty() {
        let id = session.context.define_global(b"IMKFLAGS", &own, Origin::Environment, false);
        session.context.variables.get_mut(id).export = Export::Always;
    }
}

/// Writes the options in force into MAKEFLAGS and MFLAGS.
pub fn define_makeflags(session: &mut Session, remaking: bool) -> VariableId {
    let reference: &[u8] = if session.context.posix { b"-*-command-variables-*-" } else { b"MAKEOVERRIDES" };
    let any = session
        .context
        .lookup_text(reference)
        .is_some_and(|id| !session.context.variables.get(id).value.is_empty());
    let overrides = match (any, session.context.posix) {
        (false, _) => Overrides::None,
        (true, true) => Overrides::CommandVariables,
        (true, false) => Overrides::MakeOverrides,
    };
    let flags = makeflags(&session.settings, &Form { remaking_makefiles: remaking, overrides });
    define_plain(session, b"MFLAGS", &flags.mflags, Origin::Environment);
    let origin =
        if session.settings.environment_overrides { Origin::EnvironmentOverride } else { Origin::File };
    let id = define_plain(session, b"MAKEFLAGS", &flags.makeflags, origin);
    session.context.variables.get_mut(id).special = Some(Special::Makeflags);
    id
}

/// A makefile set MAKEFLAGS: the new options take effect at once.
pub fn makeflags_set(session: &mut Session, origin: Origin) -> Outcome {
    let value = expand_text(session, b"$(MAKEFLAGS)")?;
    let origin = match origin {
        Origin::Default | Origin::Environment => FlagOrigin::Environment,
        Origin::File => FlagOrigin::File,
        Origin::EnvironmentOverride => FlagOrigin::EnvironmentOverride,
        Origin::CommandLine => FlagOrigin::Command,
        Origin::Override | Origin::Automatic => FlagOrigin::Override,
    };
    decode_into(session, &value, origin)?;
    include::set_include_folders(session)?;
    spread(session);
    define_makeflags(session, session.remaking_makefiles);
    Ok(())
}

fn decode_into(session: &mut Session, value: &[u8], origin: FlagOrigin) -> Outcome {
    let words = flag_words(value);
    if words.is_empty() {
        return Ok(());
    }
    let source = Source::Flags(origin);
    let decoded = decode(&mut session.settings, &words, source, &no_home);
    let program = session.context.output.program.clone();
    let text = diagnostics(&decoded, &Invocation { argv0: b"", program: &program, source });
    session.context.output.message(&text);
    if decoded.end != End::Go {
        return Err(Stop::Exit(2));
    }
    for operand in decoded.operands {
        if let Operand::Definition(text, _) = operand {
            let origin = match origin {
                FlagOrigin::Environment => Origin::Environment,
                FlagOrigin::File => Origin::File,
                FlagOrigin::EnvironmentOverride => Origin::EnvironmentOverride,
                FlagOrigin::Command => Origin::CommandLine,
                FlagOrigin::Override => Origin::Override,
            };
            define(session, &text, origin)?;
        }
    }
    Ok(())
}

/// Copies options to where the layers that know nothing of options look.
pub fn spread(session: &mut Session) {
    let settings = &session.settings;
    session.context.warn_undefined = settings.warn_undefined_variables;
    session.context.variables.environment_overrides = settings.environment_overrides;
    session.context.output.announce = settings.should_print_directory(session.context.level);
    session.context.output.as_comment = settings.print_data_base;
    session.show_implicit = settings.debug_levels.any(DebugLevels::IMPLICIT);
    session.context.verbose = settings.debug_levels.any(DebugLevels::VERBOSE);
}

/// Writes the command line's variables into the variable that MAKEFLAGS refers to.
pub fn define_command_variables(session: &mut Session) {
    if session.command_variables.is_empty() {
        return;
    }
    let value = {
        let context = &session.context;
        let definitions = session.command_variables.iter().map(|&id| {
            let variable = context.variables.get(id);
            (context.names.text(variable.name), variable.recursive, &variable.value[..])
        });
        command_variables(definitions)
    };
    session.context.define_global(b"-*-command-variables-*-", &value, Origin::Automatic, false);
    session.context.define_global(b"MAKEOVERRIDES", b"${-*-command-variables-*-}", Origin::Default, true);
}

fn grouping_of(session: &Session) -> Grouping {
    match session.settings.output_sync {
        OutputSync::None => Grouping::None,
        OutputSync::Line => Grouping::Line,
        OutputSync::Target => Grouping::Target,
        OutputSync::Recurse => Grouping::Recurse,
    }
}

impl Run {
    /// Writes the options in force into MAKEFLAGS and MFLAGS.
    pub(super) fn define_makeflags(&mut self, remaking: bool) -> Outcome<VariableId> {
        Ok(define_makeflags(&mut self.build.session, remaking))
    }

    /// After the makefiles: what they put into MAKEFLAGS and GNUMAKEFLAGS.
    pub(super) fn settle_flags(&mut self, before: &Before) -> Outcome {
        let session = &mut self.build.session;
        session.settings.jobs = Jobs::Unset;
        for (name, reference) in
            [(&b"GNUMAKEFLAGS"[..], &b"$(GNUMAKEFLAGS)"[..]), (b"MAKEFLAGS", b"$(MAKEFLAGS)")]
        {
            let value = expand_text(session, reference)?;
            decode_into(session, &value, FlagOrigin::Environment)?;
            if name == b"GNUMAKEFLAGS" {
                session.context.define_global(b"GNUMAKEFLAGS", b"", Origin::Override, false);
            }
        }
        if let JobsChange::Forced(jobs) = session.settings.settle_jobs(before.jobs) {
            if self.restarts == 0 {
                let jobs = if let Jobs::Count(count) = jobs { count.get() } else { 0 };
                session.complain(None, &Complaint::JobsForced { jobs, makefile: true });
            }
            session.settings.jobserver_auth = None;
            session.context.jobserver = None;
            self.build.jobserver = None;
        }
        let session = &mut self.build.session;
        spread(session);
        session.settings.imply();
        if session.settings.no_builtin_rules && !before.no_rules {
            let rules = &mut session.rules;
            if rules.files[rules.suffix_file].builtin {
                rules.files[rules.suffix_file].dependencies.clear();
            }
            session.context.define_global(b"SUFFIXES", b"", Origin::Default, false);
        }
        if session.settings.no_builtin_variables && !before.no_variables {
            for (name, _) in crate::rules::builtin::VARIABLES {
                let name = session.context.names.intern(name.as_bytes());
                session.context.variables.undefine(
                    crate::expand::variables::GLOBAL_SET,
                    name,
                    Origin::Default,
                );
            }
        }
        self.set_up_reading_output();
        Ok(())
    }

    /// Holds back what is said while makefiles are read, where output is grouped.
    pub(super) fn set_up_reading_output(&mut self) {
        let grouping = grouping_of(&self.build.session);
        let output = &mut self.build.session.context.output;
        output.grouping = grouping;
        let wanted = matches!(grouping, Grouping::Line | Grouping::Target);
        match (&mut output.current, wanted) {
            (None, true) => output.current = Some(Capture::new(true)),
            (Some(_), false) => self.end_reading_output(),
            _ => {}
        }
    }

    /// Shows what was held back while makefiles were read.
    pub(super) fn end_reading_output(&mut self) {
        let output = &mut self.build.session.context.output;
        if let Some(mut capture) = output.current.take() {
            output.show(&mut capture);
        }
    }

    /// The folder for temporary files. Says, once, which variables name one that is none.
    pub(super) fn temporary_folder(&mut self) -> std::path::PathBuf {
        use std::os::unix::ffi::OsStrExt;
        let found = files::temporary_folder();
        if found.rejected.is_empty() || std::mem::replace(&mut self.said_temporary, true) {
            return found.path;
        }
        for (variable, value, error) in &found.rejected {
            let what = [variable.as_bytes(), b" value ", value.as_bytes()].concat();
            let complaint = match *error {
                Some(error) => Complaint::System { what, error },
                None => Complaint::Text([&what[..], b": not a directory"].concat()),
            };
            self.build.session.complain(None, &complaint);
        }
        let path = found.path.as_os_str().as_bytes();
        let text = [b"using default temporary directory '", path, b"'"].concat();
        self.build.session.complain(None, &Complaint::Text(text));
        found.path
    }

    /// Grouping needs parallel jobs, and a lock that sub-makes share.
    pub(super) fn set_up_grouping(&mut self) {
        if !matches!(self.build.session.context.output.grouping, Grouping::Line | Grouping::Target) {
            return;
        }
        if self.build.slots == 1 {
            self.end_reading_output();
            self.build.session.context.output.grouping = Grouping::None;
            self.build.session.settings.output_sync = OutputSync::None;
            return;
        }
        let folder = self.temporary_folder();
        // From here on there is a file to remove when a signal ends the run.
        self.build.waiter.prepare();
        let settings = &mut self.build.session.settings;
        let opened = match settings.sync_mutex.clone() {
            Some(text) => text.strip_prefix(b"fnm:").and_then(|path| {
                use std::os::unix::ffi::OsStrExt;
                std::fs::File::options().read(true).write(true).open(std::ffi::OsStr::from_bytes(path)).ok()
            }),
            None => tempfile::Builder::new().prefix("GMomutex").tempfile_in(folder).ok().map(|file| {
                use std::os::unix::ffi::OsStrExt;
                settings.sync_mutex = Some([b"fnm:", file.path().as_os_str().as_bytes()].concat());
                let (file, path) = file.into_parts();
                self.build.lock_path = Some(path);
                file
            }),
        };
        match opened {
            Some(file) => self.build.session.context.output.lock = Some(file),
            None => {
                self.build.session.complain(None, &Complaint::OutputLock);
                self.build.session.settings.sync_mutex = None;
                self.end_reading_output();
                self.build.session.context.output.grouping = Grouping::None;
            }
        }
    }

    /// Starts a jobserver for this make and its sub-makes.
    pub(super) fn start_jobserver(&mut self) -> Outcome {
        let folder = self.temporary_folder();
        let settings = &self.build.session.settings;
        let style = match settings.jobserver_style.as_deref() {
            None => Style::Fifo,
            Some(text) => match Style::parse(text) {
                Some(style) => style,
                None => {
                    let text = [b"unknown jobserver auth style '", text, b"'"].concat();
                    return Err(Stop::fatal(None, Complaint::Text(text)));
                }
            },
        };
        // From here on there is a fifo to remove when a signal ends the run.
        self.build.waiter.prepare();
        let mut made = Jobserver::make(style, self.build.slots, &folder);
        if let Err(error @ crate::os::jobserver::Error::Make(..)) = &made {
            let text = crate::os::jobserver::message(error);
            self.build.session.complain(None, &Complaint::Text(text));
            made = Jobserver::make(Style::Pipe, self.build.slots, &folder);
        }
        let jobserver = made.map_err(|error| {
            let text = crate::os::jobserver::message(&error);
            Stop::fatal(None, Complaint::Text(text))
        })?;
        let auth = jobserver.auth().to_vec();
        self.build.session.settings.jobserver_auth = Some(auth.clone());
        let context = &mut self.build.session.context;
        context.jobserver = Some(auth);
        context.jobserver_invalid = jobserver.is_pipe().then_some(" --jobserver-auth=-2,-2");
        self.build.jobserver = Some(jobserver);
        self.build.slots = 0;
        Ok(())
    }
}

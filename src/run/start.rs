//! Start-up: environment, command line, folders, the variables that the program itself defines (manual, "Variables from the
//! Environment", "Other Special Variables"). Knows nothing of makefiles' content.

use super::{Given, Run};
use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::cli::decode::{Decoded, End, Operand, Source, decode, decode_arguments, flag_words};
use crate::cli::message::{Invocation, diagnostics};
use crate::cli::settings::{DebugLevels, Jobs, Origin as FlagOrigin};
use crate::cli::{self, encode, help};
use crate::expand::variables::{Definition, GLOBAL_SET, Special, VariableId};
use crate::expand::{Export, Origin, expand_text};
use crate::load::evaluate::{assign_line, evaluate_string};
use crate::load::include;
use crate::os::jobserver::{Jobserver, complaint};
use crate::rules::{builtin, special};
use crate::syntax::assignment::assignment;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What this make can do, for makefiles to ask (manual, "Other Special Variables").
const FEATURES: &str = "target-specific order-only second-expansion else-if shortest-stem undefine oneshell nocomment \
    grouped-target extra-prereqs notintermediate shell-export archives jobserver jobserver-fifo output-sync \
    check-symlink load";

/// The automatic variables' variants: folder and file parts.
const VARIANTS: [&str; 7] = ["@", "%", "*", "<", "?", "^", "+"];

/// The name before messages.
pub fn program_name(given: &Given) -> Vec<u8> {
    let first = given.arguments.first().map_or(&b""[..], Vec::as_slice);
    let name = &first[memchr::memrchr(b'/', first).map_or(0, |slash| slash + 1)..];
    if name.is_empty() { b"imk".to_vec() } else { name.to_vec() }
}

fn home(user: Option<&[u8]>) -> Option<Vec<u8>> {
    match user {
        None => std::env::var_os("HOME")
            .map(OsStringExt::into_vec)
            .filter(|home| !home.is_empty())
            .or_else(|| crate::os::sys::home_of(None)),
        Some(user) => crate::os::sys::home_of(Some(&std::ffi::CString::new(user).ok()?)),
    }
}

impl Run {
    /// Makes the environment's variables known.
    pub(super) fn import_environment(&mut self) {
        let context = &mut self.build.session.context;
        for (name, special) in [(".VARIABLES", Special::Variables), (".RECIPEPREFIX", Special::RecipePrefix)]
        {
            let id = context.define_global(name.as_bytes(), b"", Origin::Default, false);
            context.variables.get_mut(id).special = Some(special);
        }
        context.define_global(b".SHELLFLAGS", b"-c", Origin::Default, false);
        context.define_global(b".LOADED", b"", Origin::Default, false);
        context.define_global(b".FEATURES", FEATURES.as_bytes(), Origin::Default, false);
        for (name, value) in &self.given.environment {
            let mut value = value.as_slice();
            let mut export = Export::Always;
            if name == b"MAKE_RESTARTS" {
                if let Some(rest) = value.strip_prefix(b"-") {
                    context.output.announced = true;
                    value = rest;
                }
                self.restarts =
                    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
                export = Export::Never;
            } else if name == b"SHELL" {
                context.shell_given = Some(value.to_vec());
                export = Export::Never;
            }
            let id = context.define_global(name, value, Origin::Environment, true);
            context.variables.get_mut(id).export = export;
        }
    }

    /// Decodes the environment's flags and the command line, and answers what needs no makefile.
    pub(super) fn read_options(&mut self) -> Outcome {
        self.guard_log();
        let session = &mut self.build.session;
        session.set_makeflags = super::flags::makeflags_set;
        if session.context.lookup_text(b"GNUMAKEFLAGS").is_some() {
            let value = expand_text(session, b"$(GNUMAKEFLAGS)")?;
            self.decode_flags(&value, FlagOrigin::Command)?;
            self.build.session.context.define_global(b"GNUMAKEFLAGS", b"", Origin::Environment, false);
        }
        if self.build.session.context.lookup_text(b"MAKEFLAGS").is_some() {
            let value = expand_text(&mut self.build.session, b"$(MAKEFLAGS)")?;
            self.decode_flags(&value, FlagOrigin::Command)?;
        }
        if let Some(own) = std::env::var_os("IMKFLAGS") {
            let words = flag_words(own.as_bytes());
            let decoded = decode(&mut self.build.session.settings, &words, Source::Own, &home);
            self.take(decoded, Source::Own)?;
        }
        let arguments = self.given.arguments.get(1..).unwrap_or_default();
        let decoded = decode_arguments(&mut self.build.session.settings, arguments, &home);
        self.take(decoded, Source::Arguments)?;
        let settings = &self.build.session.settings;
        if settings.print_help {
            let text = help::usage(&self.build.session.context.output.program);
            self.build.session.context.output.raw(&text);
            return Err(Stop::Exit(0));
        }
        if settings.print_version {
            return Err(Stop::Exit(0));
        }
        let written = match settings.own.completions {
            Some(shell) => cli::completions(shell),
            None if settings.own.manual => cli::manual().ok(),
            None => None,
        };
        if let Some(text) = written {
            self.build.session.context.output.raw(&text);
            return Err(Stop::Exit(0));
        }
        self.apply_options()
    }

    /// Decodes a value of MAKEFLAGS.
    pub(super) fn decode_flags(&mut self, value: &[u8], origin: FlagOrigin) -> Outcome {
        let words = flag_words(value);
        if words.is_empty() {
            return Ok(());
        }
        let decoded = decode(&mut self.build.session.settings, &words, Source::Flags(origin), &home);
        self.take(decoded, Source::Flags(origin))
    }

    /// Takes what a decoding found: errors, variables, goals.
    fn take(&mut self, decoded: Decoded, source: Source) -> Outcome {
        let own = &self.build.session.settings.own;
        if own.ci.is_some() || own.posix_strict {
            self.guard_log();
        }
        let argv0 = self.given.arguments.first().cloned().unwrap_or_default();
        let program = self.build.session.context.output.program.clone();
        let text = diagnostics(&decoded, &Invocation { argv0: &argv0, program: &program, source });
        self.build.session.context.output.message(&text);
        if decoded.end == End::Usage {
            self.explain_usage(&decoded.errors);
        }
        if decoded.end != End::Go {
            return Err(Stop::Exit(2));
        }
        for operand in decoded.operands {
            match operand {
                Operand::Definition(text, in_force) => {
                    let context = &mut self.build.session.context;
                    context.warn_undefined = in_force.warn_undefined;
                    context.output.announce = in_force.announce;
                    let origin = match source {
                        Source::Flags(FlagOrigin::Environment) => Origin::Environment,
                        Source::Flags(FlagOrigin::File) => Origin::File,
                        _ => Origin::CommandLine,
                    };
                    define(&mut self.build.session, &text, origin)?;
                }
                Operand::Goal(name) => self.add_goal(&name),
            }
        }
        let session = &mut self.build.session;
        session.context.warn_undefined = session.settings.warn_undefined_variables;
        session.context.output.announce = session.settings.should_print_directory(0);
        Ok(())
    }

    fn add_goal(&mut self, name: &[u8]) {
        let session = &mut self.build.session;
        let file = session.enter_file(name);
        session.rules.files[file].is_goal = true;
        self.goals.push(file);
        let name = session.name_of(file);
        let before = session.context.lookup_text(b"MAKECMDGOALS");
        let value = match before {
            None => name.to_vec(),
            Some(id) => [&session.context.variables.get(id).value[..], b" ", name].concat(),
        };
        session.context.define_global(b"MAKECMDGOALS", &value, Origin::Default, false);
    }

    /// Puts the options into effect where other layers read them.
    fn apply_options(&mut self) -> Outcome {
        let mode = self.build.session.settings.resolve_shuffle(std::process::id);
        match mode {
            Ok(mode) => {
                self.build.set_shuffle(mode)?;
                self.build.shuffle.shown = self.build.session.settings.shuffle.clone();
            }
            Err(error) => {
                let text = crate::cli::message::message(&error);
                return Err(Stop::fatal(None, Complaint::Text(text)));
            }
        }
        self.define_terminals();
        self.plan_instead();
        self.list_instead();
        self.explain_reasons();
        self.audit_instead()?;
        let session = &mut self.build.session;
        let level = session
            .context
            .lookup_text(b"MAKELEVEL")
            .map(|id| make_level(&session.context.variables.get(id).value));
        session.context.level = level.unwrap_or(0);
        session.context.output.level = session.context.level;
        session.always_make = session.settings.always_make && self.restarts == 0;
        session.settings.imply();
        super::flags::spread(session);
        super::flags::hand_down_own(session);
        self.set_up_reading_output();
        if self.build.debugging(DebugLevels::BASIC) {
            let text = help::version(if self.build.session.settings.print_data_base { "# " } else { "" });
            self.build.session.context.output.raw(text.as_bytes());
        }
        Ok(())
    }

    fn define_terminals(&mut self) {
        for (name, stream) in
            [("MAKE_TERMOUT", rustix::stdio::stdout()), ("MAKE_TERMERR", rustix::stdio::stderr())]
        {
            let context = &mut self.build.session.context;
            if rustix::termios::isatty(stream) && context.lookup_text(name.as_bytes()).is_none() {
                let terminal =
                    rustix::termios::ttyname(stream, Vec::new()).map(std::ffi::CString::into_bytes);
                let terminal = terminal.unwrap_or_else(|_| b"/dev/tty".to_vec());
                let id = context.define_global(name.as_bytes(), &terminal, Origin::Default, false);
                context.variables.get_mut(id).export = Export::Always;
            }
        }
    }

    /// Goes where `-C` says.
    pub(super) fn enter_folders(&mut self) -> Outcome {
        let mut folder = match std::env::current_dir() {
            Ok(path) => {
                self.folder_before = Some(path.clone());
                Some(path.into_os_string().into_vec())
            }
            Err(error) => {
                // At this place GNU make does not know yet how deep it is, nor that folders are announced.
                let output = &mut self.build.session.context.output;
                let level = std::mem::take(&mut output.level);
                let announce = std::mem::take(&mut output.announce);
                self.complain_of_folder(&error);
                let output = &mut self.build.session.context.output;
                (output.level, output.announce) = (level, announce);
                Some(Vec::new())
            }
        };
        // A folder that can't be entered is complained of from here.
        self.build.session.context.output.folder.clone_from(&folder);
        for folder in self.build.session.settings.directories.clone() {
            let mut path = folder.as_slice();
            while path.len() > 1 && path.last() == Some(&b'/') {
                path = &path[..path.len() - 1];
            }
            if let Err(error) = std::env::set_current_dir(OsStr::from_bytes(path)) {
                let error = error.raw_os_error().unwrap_or(libc::ENOENT);
                return Err(Stop::fatal(None, Complaint::System { what: path.to_vec(), error }));
            }
        }
        if !self.build.session.settings.directories.is_empty() {
            folder = match std::env::current_dir() {
                Ok(path) => Some(path.into_os_string().into_vec()),
                Err(error) => {
                    self.complain_of_folder(&error);
                    None
                }
            };
        }
        let context = &mut self.build.session.context;
        context.define_global(b"CURDIR", folder.as_deref().unwrap_or_default(), Origin::File, false);
        context.output.folder = folder.clone();
        context.folder = folder;
        include::set_include_folders(&mut self.build.session)
    }

    /// The current folder has no name.
    fn complain_of_folder(&mut self, error: &std::io::Error) {
        let error = error.raw_os_error().unwrap_or(libc::ENOENT);
        self.build.session.complain(None, &Complaint::System { what: b"getcwd".to_vec(), error });
    }

    /// Joins the parent's jobserver, and defines the variables that the program itself sets.
    pub(super) fn define_own_variables(&mut self) -> Outcome {
        self.join_jobserver()?;
        let argv0 = self.given.arguments.first().cloned().unwrap_or_default();
        let mut command = argv0;
        if command.first() != Some(&b'/')
            && memchr::memchr(b'/', &command).is_some()
            && let Some(before) = &self.folder_before
        {
            command = [before.as_os_str().as_bytes(), b"/", &command].concat();
        }
        let session = &mut self.build.session;
        let context = &mut session.context;
        context.define_global(b"MAKE_COMMAND", &command, Origin::Default, false);
        context.define_global(b"MAKE", b"$(MAKE_COMMAND)", Origin::Default, true);
        let version = env!("CARGO_PKG_VERSION").as_bytes();
        let own = context.define_global(b"IMK_VERSION", version, Origin::Default, false);
        context.variables.put_last(own);
        super::flags::define_command_variables(session);
        special::default_suffixes(session, !session.settings.no_builtin_rules);
        define_automatic_variants(session);
        let flags = self.define_makeflags(false)?;
        let session = &mut self.build.session;
        session.context.variables.get_mut(flags).export = Export::Always;
        if !session.settings.no_builtin_variables {
            for (name, value) in builtin::VARIABLES {
                session.context.define_global(name.as_bytes(), value.as_bytes(), Origin::Default, true);
            }
        }
        session.default_goal =
            Some(session.context.define_global(b".DEFAULT_GOAL", b"", Origin::File, false));
        for text in session.settings.eval.clone() {
            evaluate_string(session, text, None)?;
        }
        if !session.settings.eval.is_empty() {
            let value = encode::eval_flags(&session.settings);
            session.context.define_global(b"-*-eval-flags-*-", &value, Origin::Automatic, false);
        }
        Ok(())
    }

    fn join_jobserver(&mut self) -> Outcome {
        let settings = &mut self.build.session.settings;
        let Some(auth) = settings.jobserver_auth.clone() else { return Ok(()) };
        if settings.argument_jobs == Jobs::Unset {
            match Jobserver::join(&auth, &|fd| crate::os::sys::adopt(fd)) {
                Ok(jobserver) => {
                    let context = &mut self.build.session.context;
                    context.jobserver = Some(jobserver.auth().to_vec());
                    context.jobserver_invalid = jobserver.is_pipe().then_some(" --jobserver-auth=-2,-2");
                    self.build.jobserver = Some(jobserver);
                    return Ok(());
                }
                Err(why) => {
                    if let Some(text) = complaint(&why) {
                        self.build.session.complain(None, &Complaint::Text(text));
                    }
                    self.build.session.complain(None, &Complaint::JobserverUnavailable);
                    self.build.session.settings.jobs = Jobs::Count(std::num::NonZeroU32::MIN);
                }
            }
        } else if self.restarts == 0 {
            let jobs = match settings.argument_jobs {
                Jobs::Count(count) => count.get(),
                _ => 0,
            };
            self.build.session.complain(None, &Complaint::JobsForced { jobs, makefile: false });
        }
        self.build.session.settings.jobserver_auth = None;
        Ok(())
    }
}

/// Defines a variable of the command line or of MAKEFLAGS, and remembers those of the command line for sub-makes.
pub fn define(session: &mut crate::load::Session, text: &[u8], origin: Origin) -> Outcome {
    let Some(found) = assignment(text) else { return Ok(()) };
    let id = assign_line(session, &found, origin, None)?;
    if !session.command_variables.contains(&id) {
        session.command_variables.push(id);
    }
    Ok(())
}

/// `$(@D)`, `$(@F)` and the like, and the shell.
fn define_automatic_variants(session: &mut crate::load::Session) {
    let context = &mut session.context;
    let level = context.level.to_string();
    context.define_global(b"MAKELEVEL", level.as_bytes(), Origin::Environment, false);
    context.define_global(b"MAKE_VERSION", help::MAKE_VERSION.as_bytes(), Origin::Default, false);
    context.define_global(b"MAKE_HOST", help::host().as_bytes(), Origin::Default, false);
    let shell = context.define_global(b"SHELL", b"/bin/sh", Origin::Default, false);
    let variable = context.variables.get(shell);
    if variable.value.is_empty()
        || matches!(variable.origin, Origin::Environment | Origin::EnvironmentOverride)
    {
        context.variables.set_value(shell, b"/bin/sh");
        context.variables.get_mut(shell).origin = Origin::File;
        context.variables.get_mut(shell).recursive = true;
    }
    let makefiles = context.define_global(b"MAKEFILES", b"", Origin::Default, false);
    context.variables.get_mut(makefiles).export = Export::IfSet;
    for name in VARIANTS {
        let folder = format!("$(patsubst %/,%,$(dir ${name}))");
        context.define_global(format!("{name}D").as_bytes(), folder.as_bytes(), Origin::Automatic, true);
    }
    for name in VARIANTS {
        let file = format!("$(notdir ${name})");
        context.define_global(format!("{name}F").as_bytes(), file.as_bytes(), Origin::Automatic, true);
    }
}

/// Defines a global variable as it stands, whatever stood there before of weaker origin.
pub fn define_plain(
    session: &mut crate::load::Session,
    name: &[u8],
    value: &[u8],
    origin: Origin,
) -> VariableId {
    let context = &mut session.context;
    let name = context.names.intern(name);
    let definition = Definition { value, origin, recursive: true, place: None };
    context.variables.define(&context.names, GLOBAL_SET, name, &definition)
}

/// Depth of recursion as GNU make reads `MAKELEVEL`: what `atoi` makes of it, and none of what begins with a minus.
fn make_level(text: &[u8]) -> u32 {
    let text = crate::os::words::skip_space(text);
    let digits = text.strip_prefix(b"+").unwrap_or(text).iter().take_while(|byte| byte.is_ascii_digit());
    let add = |number: i64, byte: &u8| number.saturating_mul(10).saturating_add(i64::from(byte - b'0'));
    digits.fold(0, add) as u32
}

//! What expansion works on, and what it asks of the layers below it. Knows nothing of how makefiles are read.

use crate::base::diagnostic::{Complaint, Outcome, Place, Stop, wording};
use crate::base::events::{Event, Events};
use crate::base::{Name, Names};
use crate::expand::variables::{Definition, GLOBAL_SET, Origin, VariableId, Variables};
use crate::os::folders::{Fault, Folders};
use crate::os::output::Output;
use crate::syntax::Expression;
use crate::syntax::expression::LoadedFunction;
use crate::syntax::parser::Parser;

/// Names that the program itself looks up often.
pub struct Common {
    /// `SHELL`
    pub shell: Name,
    /// `.SHELLFLAGS`
    pub shell_flags: Name,
    /// `IFS`
    pub ifs: Name,
    /// `MAKEFLAGS`
    pub makeflags: Name,
    /// `MFLAGS`
    pub mflags: Name,
    /// `MAKELEVEL`
    pub makelevel: Name,
    /// `.SHELLSTATUS`
    pub shell_status: Name,
    /// `HOME`
    pub home: Name,
    /// `PATH`
    pub path: Name,
}

/// The state of expansion.
pub struct Context {
    /// All names.
    pub names: Names,
    /// All variables.
    pub variables: Variables,
    /// Folders read so far.
    pub folders: Folders,
    /// Where messages go.
    pub output: Output,
    /// Functions of loaded objects.
    pub loaded: Vec<LoadedFunction>,
    /// Names looked up often.
    pub common: Common,
    /// The line that is being read or run, for messages.
    pub reading: Option<Place>,
    /// `reading` is that of the outermost variable under expansion, which may have no place.
    pub reading_borrowed: bool,
    /// Where the variable that is being expanded was defined; else messages name `reading`.
    pub expanding: Option<Place>,
    /// Whether an undefined variable is worth a warning.
    pub warn_undefined: bool,
    /// `.POSIX` was given.
    pub posix: bool,
    /// `.ONESHELL` was given.
    pub one_shell: bool,
    /// Depth of recursion.
    pub level: u32,
    /// The value of SHELL in the environment this program was given.
    pub shell_given: Option<Vec<u8>>,
    /// `export` without names was given.
    pub export_all: bool,
    /// The jobserver's address for sub-makes, as in MAKEFLAGS.
    pub jobserver: Option<Vec<u8>>,
    /// The option that tells a child which is no sub-make that the jobserver is not for it.
    pub jobserver_invalid: Option<&'static str>,
    /// Depth of building an environment for `$(shell)`, within which recursion is forgiven.
    pub environment_depth: u32,
    /// How many `$(call)` are in one another here.
    pub call_depth: u32,
    /// Greatest number of arguments among the calls in progress.
    pub call_arguments: usize,
    /// A folder that stands before all others in the PATH of commands.
    pub path_front: Option<Vec<u8>>,
    /// The folder this run started in, after `-C`.
    pub folder: Option<Vec<u8>>,
    /// Whether the debugging level shows verbose matters.
    pub verbose: bool,
    /// Whether expansion is a trial.
    pub trial: Trial,
    /// What expansion looked at, where somebody wants to know.
    pub seen: Option<Box<Seen>>,
    /// Who is told of what happens.
    pub events: Events,
}

/// An expansion before its time: what looks outside or acts has an empty value in it, and is noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trial {
    /// It is none.
    #[default]
    Off,
    /// It is one, and what was expanded depends on the makefiles and the environment alone.
    Sure,
    /// It is one, and something was left out.
    Partial,
}

/// What expansion looked at besides variables.
#[derive(Default)]
pub struct Seen {
    /// Wildcard patterns.
    pub patterns: Vec<Vec<u8>>,
    /// Files read by `$(file)`.
    pub files: Vec<Vec<u8>>,
    /// Commands of `$(shell)` and `!=`.
    pub commands: Vec<Vec<u8>>,
}

/// What expansion asks of the layers below: to read text as a makefile, and to act on special variables.
pub trait Host {
    /// The state of expansion.
    fn context(&mut self) -> &mut Context;
    /// Reads `text` as part of a makefile (`$(eval)`).
    fn evaluate(&mut self, text: Vec<u8>) -> Outcome;
    /// A special variable was set from `origin`.
    fn special_set(&mut self, variable: VariableId, origin: Origin) -> Outcome;
    /// The first tag of the image target called `name`, for `$(image NAME)`; none where there are no image blocks.
    fn image_tag(&mut self, name: &[u8]) -> Outcome<Option<Vec<u8>>>;
    /// Calls the function that a loaded object registered as number `function`.
    fn call_loaded(&mut self, function: u16, arguments: &[Vec<u8>]) -> Outcome<Vec<u8>>;
}

impl Context {
    /// A new state for a program of this name, with a table of names that may have some already.
    pub fn new(program: &[u8], mut names: Names) -> Context {
        let common = Common {
            shell: names.intern(b"SHELL"),
            shell_flags: names.intern(b".SHELLFLAGS"),
            ifs: names.intern(b"IFS"),
            makeflags: names.intern(b"MAKEFLAGS"),
            mflags: names.intern(b"MFLAGS"),
            makelevel: names.intern(b"MAKELEVEL"),
            shell_status: names.intern(b".SHELLSTATUS"),
            home: names.intern(b"HOME"),
            path: names.intern(b"PATH"),
        };
        Context {
            names,
            variables: Variables::default(),
            folders: Folders::default(),
            output: Output::new(program),
            loaded: Vec::new(),
            common,
            reading: None,
            reading_borrowed: false,
            expanding: None,
            warn_undefined: false,
            posix: false,
            one_shell: false,
            level: 0,
            shell_given: None,
            export_all: false,
            jobserver: None,
            jobserver_invalid: None,
            environment_depth: 0,
            call_depth: 0,
            call_arguments: 0,
            path_front: None,
            folder: None,
            verbose: false,
            trial: Trial::Off,
            seen: None,
            events: Events::default(),
        }
    }

    /// Parses `text`.
    pub fn parse(&mut self, text: &[u8]) -> Expression {
        Parser { names: &mut self.names, loaded: &self.loaded }.parse(text)
    }

    /// The place that errors of expansion name.
    pub fn place(&self) -> Option<Place> {
        self.expanding.or(self.reading)
    }

    /// A fatal error of expansion.
    pub fn fatal(&self, complaint: Complaint) -> Stop {
        Stop::fatal(self.place(), complaint)
    }

    /// Ends the run where a folder could not be looked at that may hold files which were asked for: what follows from their absence
    /// would be wrong.
    #[inline]
    pub fn hold_folders(&mut self) -> Outcome {
        match self.folders.take_fault() {
            None => Ok(()),
            Some(Fault { path, error }) => {
                let what = [b"cannot read directory '", &path[..], b"'"].concat();
                Err(self.fatal(Complaint::System { what, error }))
            }
        }
    }

    /// Says `complaint` on standard error.
    pub fn complain(&mut self, place: Option<Place>, complaint: &Complaint) {
        let text = wording::line(place.as_ref(), complaint, &self.output.program, self.output.level);
        self.output.message(&text);
        if self.events.is_on() {
            let (severity, text) = (complaint.severity(), wording::words(complaint));
            self.events.tell(&Event::Message { severity, place, text: &text });
        }
    }

    /// Whether a function that looks outside or acts is left out, which is noted.
    #[inline]
    pub fn leaves_out(&mut self) -> bool {
        if self.trial != Trial::Off {
            self.trial = Trial::Partial;
        }
        self.trial != Trial::Off
    }

    /// Warns of an undefined variable, where that was asked for.
    pub fn warn_undefined(&mut self, name: Name) {
        const KNOWN: [&[u8]; 10] = [
            b"MAKECMDGOALS",
            b"MAKE_RESTARTS",
            b"MAKE_TERMOUT",
            b"MAKE_TERMERR",
            b"MAKEOVERRIDES",
            b".DEFAULT",
            b"-*-command-variables-*-",
            b"-*-eval-flags-*-",
            b"VPATH",
            b"GPATH",
        ];
        if self.warn_undefined && self.trial == Trial::Off {
            let text = self.names.text(name);
            if !KNOWN.contains(&text) {
                self.complain(self.reading, &Complaint::UndefinedVariable(text.to_vec()));
            }
        }
    }

    /// Looks up `name` in the current scope.
    #[inline]
    pub fn lookup(&mut self, name: Name) -> Option<VariableId> {
        let id = self.variables.find(name)?;
        if self.variables.get(id).special == Some(crate::expand::variables::Special::Variables) {
            self.variables.refresh_list(id, &self.names);
        }
        Some(id)
    }

    /// Looks up a variable by its text, without interning what was never seen.
    pub fn lookup_text(&mut self, name: &[u8]) -> Option<VariableId> {
        let name = self.names.find(name)?;
        self.lookup(name)
    }

    /// Defines a global variable.
    pub fn define_global(
        &mut self,
        name: &[u8],
        value: &[u8],
        origin: Origin,
        recursive: bool,
    ) -> VariableId {
        let name = self.names.intern(name);
        let definition = Definition { value, origin, recursive, place: None };
        self.variables.define(&self.names, GLOBAL_SET, name, &definition)
    }
}

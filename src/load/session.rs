//! The state of one run, as far as reading makefiles goes. Knows nothing of updates.

use crate::base::diagnostic::{Complaint, Outcome, Place};
use crate::base::tables::HashMap;
use crate::base::{Name, Names};
use crate::cli::Settings;
use crate::cli::settings::DebugLevels;
use crate::expand::variables::{Special, VariableId};
use crate::expand::{Context, Host, Origin};
use crate::load::plugin::{self, Plugins};
use crate::rules::file::FileId;
use crate::rules::{RuleHost, Rules};
use rustc_hash::FxHashSet;

/// A makefile that was read, or was to be.
#[derive(Clone)]
pub struct Makefile {
    /// The file.
    pub file: FileId,
    /// Where it was included.
    pub place: Option<Place>,
    /// The system's number of the error of opening it.
    pub error: Option<i32>,
    /// It was named by `include`, `-include` or `MAKEFILES`.
    pub included: bool,
    /// Nobody minds if it is not there.
    pub optional: bool,
}

/// What sets special variables outside of reading: the options.
pub type SetMakeflags = fn(&mut Session, Origin) -> Outcome;

/// The state of one run.
pub struct Session {
    /// Variables, names, output.
    pub context: Context,
    /// The rule database.
    pub rules: Rules,
    /// The options in force.
    pub settings: Settings,
    /// The character that recipe lines begin with.
    pub recipe_prefix: u8,
    /// `.DEFAULT_GOAL`.
    pub default_goal: Option<VariableId>,
    /// Makefiles, in the order in which they were read.
    pub makefiles: Vec<Makefile>,
    /// Folders searched for included makefiles.
    pub include_folders: Vec<Vec<u8>>,
    /// How a new value of MAKEFLAGS takes effect.
    pub set_makeflags: SetMakeflags,
    /// Whether all targets are to be made (`-B`).
    pub always_make: bool,
    /// Makefiles are being remade: their failures are treated apart.
    pub remaking_makefiles: bool,
    /// Whether the warnings about `.WAIT` were given: for prerequisites, for a recipe.
    pub wait_warned: (bool, bool),
    /// How many of the variables were looked through for values to hide, by the name that `.SECRET_VARS` has.
    pub secrets_taken: HashMap<Name, usize>,
    /// How many makefiles are being read, each included by the one before.
    pub include_depth: u32,
    /// Variables of the command line, in the order of their first definition.
    pub command_variables: Vec<VariableId>,
    /// A file from the future was met.
    pub clock_skew: bool,
    /// Times up to this one were compared with the clock.
    pub skew_limit: crate::os::files::Mtime,
    /// Shown implicit-rule search (`-d`).
    pub show_implicit: bool,
    /// Loaded objects.
    pub plugins: Plugins,
    /// What was seen to change, whatever the times of the files say, each by device and inode.
    pub edited: FxHashSet<(u64, u64)>,
    /// All of them changed before this moment.
    pub edited_before: crate::os::files::Mtime,
    /// Where explicit rules and blocks name their targets, in order; kept only where it was asked for before reading.
    pub named_at: Option<Vec<(Name, Place)>>,
}

fn keep_makeflags(_: &mut Session, _: Origin) -> Outcome {
    Ok(())
}

impl Session {
    /// A new state for a program of this name.
    pub fn new(program: &[u8]) -> Session {
        Session::with_names(program, Names::new())
    }

    /// A new state that goes on with a table of names: what they mean is not in it.
    pub fn with_names(program: &[u8], names: Names) -> Session {
        let mut context = Context::new(program, names);
        let rules = Rules::new(&mut context.names);
        Session {
            context,
            rules,
            settings: Settings::default(),
            recipe_prefix: b'\t',
            default_goal: None,
            makefiles: Vec::new(),
            include_folders: Vec::new(),
            set_makeflags: keep_makeflags,
            always_make: false,
            remaking_makefiles: false,
            wait_warned: (false, false),
            secrets_taken: HashMap::default(),
            include_depth: 0,
            command_variables: Vec::new(),
            clock_skew: false,
            skew_limit: crate::os::files::Mtime::UNKNOWN,
            show_implicit: false,
            plugins: Plugins::default(),
            edited: FxHashSet::default(),
            edited_before: crate::os::files::Mtime::UNKNOWN,
            named_at: None,
        }
    }

    /// The bytes of the name of `file`.
    #[inline]
    pub fn name_of(&self, file: FileId) -> &'static [u8] {
        self.context.names.text(self.rules.files[file].name)
    }

    /// The file called `text`, made where it is new.
    pub fn enter_file(&mut self, text: &[u8]) -> FileId {
        let name = self.context.names.intern(crate::rules::file::plain_name(text));
        self.rules.files.find_or_enter(name)
    }

    /// Shows a line of debugging output, made of `parts`, where `levels` are wanted.
    pub fn show(&mut self, levels: DebugLevels, parts: &[&[u8]]) {
        if self.settings.debug_levels.any(levels) {
            let line = [&parts.concat()[..], b"\n"].concat();
            self.context.output.say_raw(&line);
        }
    }

    /// Says `complaint`, naming `place`.
    pub fn complain(&mut self, place: Option<Place>, complaint: &Complaint) {
        self.context.complain(place, complaint);
    }
}

impl Host for Session {
    #[inline]
    fn context(&mut self) -> &mut Context {
        &mut self.context
    }

    fn evaluate(&mut self, text: Vec<u8>) -> Outcome {
        crate::load::evaluate::evaluate_string(self, text, None)
    }

    fn special_set(&mut self, variable: VariableId, origin: Origin) -> Outcome {
        match self.context.variables.get(variable).special {
            Some(Special::Makeflags) => (self.set_makeflags)(self, origin),
            Some(Special::RecipePrefix) => {
                self.recipe_prefix =
                    self.context.variables.get(variable).value.first().copied().unwrap_or(b'\t');
                Ok(())
            }
            Some(Special::Variables) | None => Ok(()),
        }
    }

    fn image_tag(&mut self, name: &[u8]) -> Outcome<Option<Vec<u8>>> {
        crate::load::image_block::tag_of(self, name)
    }

    fn call_loaded(&mut self, function: u16, arguments: &[Vec<u8>]) -> Outcome<Vec<u8>> {
        plugin::call(self, function, arguments)
    }
}

impl RuleHost for Session {
    #[inline]
    fn rules(&mut self) -> &mut Rules {
        &mut self.rules
    }

    #[inline]
    fn traces_implicit(&self) -> bool {
        self.show_implicit
    }

    fn trace_implicit(&mut self, depth: usize, text: &dyn Fn(&mut Self) -> Vec<u8>) {
        if self.show_implicit {
            let text = text(self);
            if text.is_empty() {
                return;
            }
            let line = [&b" ".repeat(depth)[..], &text].concat();
            self.context.output.say_raw(&line);
        }
    }
}

//! The decoded settings of a run: plain values and the small rules between them. Knows nothing of how options are
//! written.

use super::message::Error;
use super::number;
use std::num::NonZeroU32;

/// Where a set of options comes from, weakest first (the order of GNU make's variable origins): a switch that exists
/// in both directions is not changed by a weaker origin than the one that set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// MAKEFLAGS as it stands after the makefiles were read.
    Environment,
    /// MAKEFLAGS assigned in a makefile.
    File,
    /// MAKEFLAGS assigned in a makefile, while `-e` makes the environment's value win.
    EnvironmentOverride,
    /// The command line, and MAKEFLAGS as the parent handed it down.
    Command,
    /// MAKEFLAGS assigned in a makefile with `override`.
    Override,
}

/// A switch with both directions, such as `-k` and `-S`. GNU make writes into MAKEFLAGS the direction that was asked
/// for, and nothing where none was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Toggle {
    /// The direction asked for last, by an origin that was strong enough.
    pub value: Option<bool>,
    /// Who asked.
    pub origin: Option<Origin>,
}

impl Toggle {
    /// Whether the switch was asked for, and not against.
    pub fn is_on(&self) -> bool {
        self.value == Some(true)
    }
}

/// How many jobs `-j` allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jobs {
    /// No `-j`: one job, and no word of it in MAKEFLAGS.
    #[default]
    Unset,
    /// `-j` without a number.
    Unlimited,
    /// `-j N`.
    Count(NonZeroU32),
}

impl Jobs {
    /// The number as GNU make's `unsigned int` holds it: all ones is its mark for "not given", so that
    /// `-j4294967295` is no `-j` at all.
    pub fn from_count(count: NonZeroU32) -> Jobs {
        if count == NonZeroU32::MAX { Jobs::Unset } else { Jobs::Count(count) }
    }
}

/// What became of `-j` after the makefiles were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobsChange {
    /// As it was before, or set where there was no jobserver to disturb.
    Kept,
    /// A makefile set another number while this make was a client of its parent's jobserver: the caller warns
    /// ("-jN forced in makefile: resetting jobserver mode.") and leaves that jobserver.
    Forced(Jobs),
}

/// The set of `--debug` levels in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DebugLevels(u32);

impl DebugLevels {
    /// No level.
    pub const NONE: DebugLevels = DebugLevels(0);
    /// `b`: what is remade, and whether it worked.
    pub const BASIC: DebugLevels = DebugLevels(0x001);
    /// `v`: also files that need nothing.
    pub const VERBOSE: DebugLevels = DebugLevels(0x002);
    /// `j`: processes.
    pub const JOBS: DebugLevels = DebugLevels(0x004);
    /// `i`: the search for implicit rules.
    pub const IMPLICIT: DebugLevels = DebugLevels(0x008);
    /// `p`: recipes are printed even where they are silent.
    pub const PRINT: DebugLevels = DebugLevels(0x010);
    /// `w`: why each target is remade.
    pub const WHY: DebugLevels = DebugLevels(0x020);
    /// `m`: the remaking of makefiles too.
    pub const MAKEFILES: DebugLevels = DebugLevels(0x100);
    /// `a`: all of them.
    pub const ALL: DebugLevels = DebugLevels(0xfff);

    /// These levels and `other`.
    #[must_use]
    pub fn with(self, other: DebugLevels) -> DebugLevels {
        DebugLevels(self.0 | other.0)
    }

    /// Whether any level of `wanted` is in force.
    pub fn any(self, wanted: DebugLevels) -> bool {
        self.0 & wanted.0 != 0
    }

    /// Whether none is.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// How the output of parallel jobs is kept together (`-O`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputSync {
    /// Not at all.
    #[default]
    None,
    /// By recipe line.
    Line,
    /// By target.
    Target,
    /// By target, a recursive make counting as one with its target.
    Recurse,
}

/// How `--shuffle` orders goals and prerequisites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShuffleMode {
    /// As written.
    Off,
    /// As written, through the shuffler (GNU make's undocumented `identity`).
    Identity,
    /// Backwards.
    Reverse,
    /// At random, from this seed.
    Random(u32),
}

/// Everything the command line, MAKEFLAGS and GNUMAKEFLAGS say. The default is what no option at all means.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `-B`.
    pub always_make: bool,
    /// `-d`.
    pub debug: bool,
    /// `-e`.
    pub environment_overrides: bool,
    /// `-h`.
    pub print_help: bool,
    /// `-i`.
    pub ignore_errors: bool,
    /// `-k` and `-S`.
    pub keep_going: Toggle,
    /// `-L`.
    pub check_symlink_times: bool,
    /// `-n`.
    pub just_print: bool,
    /// `-p`.
    pub print_data_base: bool,
    /// `-q`.
    pub question: bool,
    /// `-r`; also after [`Settings::imply`] with `-R`.
    pub no_builtin_rules: bool,
    /// `-R`.
    pub no_builtin_variables: bool,
    /// `-s` and `--no-silent`.
    pub silent: Toggle,
    /// `-t`.
    pub touch: bool,
    /// `-v`.
    pub print_version: bool,
    /// `-w` and `--no-print-directory`.
    pub print_directory: Toggle,
    /// `--trace`.
    pub trace: bool,
    /// `--warn-undefined-variables`.
    pub warn_undefined_variables: bool,
    /// `-E`, in order.
    pub eval: Vec<Vec<u8>>,
    /// `-C`, in order.
    pub directories: Vec<Vec<u8>>,
    /// `-f`, in order; `-` is standard input.
    pub makefiles: Vec<Vec<u8>>,
    /// Which of `makefiles` is standard input's copy, where a restarted make was told so by `--temp-stdin`.
    pub temp_stdin: Option<usize>,
    /// `-I`, in order; `-` clears what stands before it.
    pub include_directories: Vec<Vec<u8>>,
    /// `-o`, in order.
    pub old_files: Vec<Vec<u8>>,
    /// `-W`, in order.
    pub new_files: Vec<Vec<u8>>,
    /// `-j` as in force.
    pub jobs: Jobs,
    /// `-j` as the command line itself gave it: it wins over a makefile's, and makes a sub-make leave its parent's
    /// jobserver.
    pub argument_jobs: Jobs,
    /// `-l`: the load average above which no further job starts; negative where there is no limit.
    pub load_average: f64,
    /// `-O` as written.
    pub output_sync_option: Option<Vec<u8>>,
    /// `-O` as understood.
    pub output_sync: OutputSync,
    /// `--debug`, in order.
    pub debug_flags: Vec<Vec<u8>>,
    /// `-d`, `--trace` and `--debug` as understood.
    pub debug_levels: DebugLevels,
    /// `--jobserver-auth`, or its old name `--jobserver-fds`.
    pub jobserver_auth: Option<Vec<u8>>,
    /// `--jobserver-style`.
    pub jobserver_style: Option<Vec<u8>>,
    /// `--sync-mutex`.
    pub sync_mutex: Option<Vec<u8>>,
    /// `--shuffle` as written, or as [`Settings::resolve_shuffle`] fixed it.
    pub shuffle: Option<Vec<u8>>,
    /// imk's own options.
    pub own: Own,
}

/// imk's own options, which never enter MAKEFLAGS. Where the values are limited to a few words, the word is one of
/// those in the option's table entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// `--plan`: `text` or `json`.
    pub plan: Option<&'static str>,
    /// `--check`: `text` or `json`.
    pub check: Option<&'static str>,
    /// `--engine`.
    pub engine: Option<Vec<u8>>,
    /// `--builder`.
    pub builder: Option<Vec<u8>>,
    /// `--keep-failed`.
    pub keep_failed: bool,
    /// `--reap`.
    pub reap: bool,
    /// `--emit`: `makefile`.
    pub emit: Option<&'static str>,
    /// `--why`: `text` or `json`.
    pub why: Option<&'static str>,
    /// `--affected`: a git revision.
    pub affected: Option<Vec<u8>>,
    /// `--affected-format`: `text` or `json`.
    pub affected_format: Option<&'static str>,
    /// `--watch`.
    pub watch: bool,
    /// `--quiet-period`, as given.
    pub quiet_period: Option<Vec<u8>>,
    /// `--max-wait`, as given.
    pub max_wait: Option<Vec<u8>>,
    /// `--on-busy`: `restart` or `queue`.
    pub on_busy: Option<&'static str>,
    /// `--audit`: a form (`text`, `json`, `sarif`, `html`; the last one counts), and what is looked at (`static`,
    /// `reproduce`, `smoke`). Empty where it is not given.
    pub audit: Vec<&'static str>,
    /// `--list`: `text`, `json` or `names`.
    pub list: Option<&'static str>,
    /// `--graph`: `text`, `dot`, `mermaid` or `svg`.
    pub graph: Option<&'static str>,
    /// `--progress`: `auto`, `bar`, `plain` or `none`.
    pub progress: Option<&'static str>,
    /// `--color`: `auto`, `always` or `never`.
    pub color: Option<&'static str>,
    /// `--ci`: `github`, `gitlab` or `none`.
    pub ci: Option<&'static str>,
    /// `--report`, in order.
    pub reports: Vec<Vec<u8>>,
    /// `--events`: a file, or `fd:` and a number.
    pub events: Option<Vec<u8>>,
    /// `--trace-file`.
    pub trace_file: Option<Vec<u8>>,
    /// `--env-file`, in order.
    pub env_files: Vec<Vec<u8>>,
    /// `--bake`.
    pub bake: bool,
    /// `--choose`.
    pub choose: bool,
    /// `--init`: `taskfile`, `github` or `gitlab`.
    pub init: Option<&'static str>,
    /// `--posix-strict`.
    pub posix_strict: bool,
    /// `--lock-diff`: a git revision, or a file.
    pub lock_diff: Option<Vec<u8>>,
    /// `--outdated`: `text` or `json`.
    pub outdated: Option<&'static str>,
    /// `--completions`: `bash`, `zsh` or `fish`.
    pub completions: Option<&'static str>,
    /// `--man`.
    pub manual: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            always_make: false,
            debug: false,
            environment_overrides: false,
            print_help: false,
            ignore_errors: false,
            keep_going: Toggle::default(),
            check_symlink_times: false,
            just_print: false,
            print_data_base: false,
            question: false,
            no_builtin_rules: false,
            no_builtin_variables: false,
            silent: Toggle::default(),
            touch: false,
            print_version: false,
            print_directory: Toggle::default(),
            trace: false,
            warn_undefined_variables: false,
            eval: Vec::new(),
            directories: Vec::new(),
            makefiles: Vec::new(),
            temp_stdin: None,
            include_directories: Vec::new(),
            old_files: Vec::new(),
            new_files: Vec::new(),
            jobs: Jobs::Unset,
            argument_jobs: Jobs::Unset,
            load_average: NO_LOAD_LIMIT,
            output_sync_option: None,
            output_sync: OutputSync::None,
            debug_flags: Vec::new(),
            debug_levels: DebugLevels::NONE,
            jobserver_auth: None,
            jobserver_style: None,
            sync_mutex: None,
            shuffle: None,
            own: Own::default(),
        }
    }
}

/// The load average that stands for "no limit": what `-l` without a number sets, and what MAKEFLAGS leaves out.
pub const NO_LOAD_LIMIT: f64 = -1.0;

impl Settings {
    /// Lets `-R` imply `-r`. GNU make does this once the command line is read and again once the makefiles are, but
    /// not when a makefile assigns MAKEFLAGS: until the end of the makefiles, MAKEFLAGS shows `R` without `r` then.
    pub fn imply(&mut self) {
        self.no_builtin_rules |= self.no_builtin_variables;
    }

    /// Whether "Entering directory" is printed (manual, "The --print-directory Option"): as asked for, else in a
    /// sub-make or after `-C`, but not under `-s`.
    pub fn should_print_directory(&self, make_level: u32) -> bool {
        self.print_directory
            .value
            .unwrap_or(!self.silent.is_on() && (make_level > 0 || !self.directories.is_empty()))
    }

    /// Settles `-j` once the makefiles are read. `before` is [`Settings::jobs`] from before reading; the caller has
    /// put `jobs` to [`Jobs::Unset`] after reading and decoded GNUMAKEFLAGS and MAKEFLAGS with
    /// [`Origin::Environment`] since. The command line's `-j` wins over the makefiles'.
    pub fn settle_jobs(&mut self, before: Jobs) -> JobsChange {
        if self.jobs == Jobs::Unset || self.argument_jobs != Jobs::Unset {
            self.jobs = before;
        } else if self.jobserver_auth.is_some() && self.jobs != before {
            return JobsChange::Forced(self.jobs);
        }
        JobsChange::Kept
    }

    /// Reads `--shuffle`, and writes the mode back so that sub-makes shuffle by the same seed. `random_seed` is asked
    /// only for `random`. To be called once, after the command line; a later `--shuffle` of a makefile is only passed
    /// on, as in GNU make.
    ///
    /// # Errors
    /// [`Error::Shuffle`] where the mode is neither a known word nor a number.
    pub fn resolve_shuffle(&mut self, random_seed: impl FnOnce() -> u32) -> Result<ShuffleMode, Error> {
        let Some(given) = self.shuffle.take() else { return Ok(ShuffleMode::Off) };
        let (mode, text) = if given.eq_ignore_ascii_case(b"none") {
            return Ok(ShuffleMode::Off);
        } else if given.eq_ignore_ascii_case(b"reverse") {
            (ShuffleMode::Reverse, b"reverse".to_vec())
        } else if given.eq_ignore_ascii_case(b"identity") {
            (ShuffleMode::Identity, b"identity".to_vec())
        } else {
            let seed = if given.eq_ignore_ascii_case(b"random") {
                random_seed()
            } else {
                number::unsigned(&given).map_err(|fault| Error::Shuffle { given, fault })?
            };
            (ShuffleMode::Random(seed), seed.to_string().into_bytes())
        };
        self.shuffle = Some(text);
        Ok(mode)
    }
}

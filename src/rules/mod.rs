//! The rule database: targets, prerequisites, recipes, pattern rules, search paths (manual, "Writing Rules", "Using Implicit
//! Rules"). Knows nothing of when targets are updated.

pub mod ahead;
pub mod automatic;
pub mod builtin;
pub mod chain;
pub mod file;
pub mod images;
pub mod implicit;
pub mod impossible;
pub mod pattern;
pub mod prerequisites;
pub mod recipe;
pub mod scope;
pub mod special;
pub mod vpath;

use crate::base::Name;
use crate::expand::Host;
use file::{FileId, Files};
use pattern::PatternRules;
use recipe::Recipes;
use scope::PatternVariables;
use vpath::SearchPaths;

/// What rules need besides expansion.
pub trait RuleHost: Host {
    /// The rule database.
    fn rules(&mut self) -> &mut Rules;
    /// Whether debugging output about implicit rules is wanted.
    fn traces_implicit(&self) -> bool;
    /// Shows a line of debugging output about implicit rules, at this depth of recursion; nothing where the text is empty.
    fn trace_implicit(&mut self, depth: usize, text: &dyn Fn(&mut Self) -> Vec<u8>);
}

/// Names of special targets that the program looks up.
pub struct SpecialNames {
    /// `.SUFFIXES`
    pub suffixes: Name,
    /// `.DEFAULT`
    pub default: Name,
    /// `.WAIT`
    pub wait: Name,
    /// `.EXTRA_PREREQS`
    pub extra_prereqs: Name,
    /// The automatic variables `@ < * % + ^ ? |`.
    pub automatic: [Name; 8],
}

/// The rule database.
pub struct Rules {
    /// Targets and prerequisites.
    pub files: Files,
    /// Recipes.
    pub recipes: Recipes,
    /// Pattern rules.
    pub patterns: PatternRules,
    /// Pattern-specific variables.
    pub pattern_variables: PatternVariables,
    /// `VPATH`, `vpath`, `GPATH`.
    pub paths: SearchPaths,
    /// Image blocks.
    pub images: images::Images,
    /// Names of special targets.
    pub special: SpecialNames,
    /// The file `.SUFFIXES`.
    pub suffix_file: FileId,
    /// The file `.DEFAULT`.
    pub default_file: FileId,
    /// `.SECONDEXPANSION` was given.
    pub second_expansion: bool,
    /// `.NOTINTERMEDIATE` without prerequisites was given.
    pub no_intermediates: bool,
    /// `.SECONDARY` without prerequisites was given.
    pub all_secondary: bool,
    /// `.NOTPARALLEL` without prerequisites was given.
    pub not_parallel: bool,
    /// `.IGNORE` without prerequisites was given.
    pub ignore_errors: bool,
    /// `.SILENT` without prerequisites was given.
    pub silent: bool,
    /// The special targets have taken effect: no more rules may come.
    pub snapped: bool,
    /// Names that were tried as intermediate files in vain.
    pub impossible: impossible::Impossible,
    /// What searches ask for in vain.
    pub endings: implicit::Endings,
    /// Times that are looked up ahead.
    pub ahead: ahead::Ahead,
    /// The rules that are added when the first search needs them.
    pub rules_to_come: Option<special::RulesToCome>,
}

impl Rules {
    /// An empty database.
    pub fn new(names: &mut crate::base::Names) -> Rules {
        let special = SpecialNames {
            suffixes: names.intern(b".SUFFIXES"),
            default: names.intern(b".DEFAULT"),
            wait: names.intern(b".WAIT"),
            extra_prereqs: names.intern(b".EXTRA_PREREQS"),
            automatic: [b"@", b"<", b"*", b"%", b"+", b"^", b"?", b"|"].map(|name| names.intern(name)),
        };
        let mut files = Files::default();
        let suffix_file = files.enter(special.suffixes);
        files[suffix_file].builtin = true;
        let default_file = files.enter(special.default);
        Rules {
            files,
            recipes: Recipes::default(),
            patterns: PatternRules::default(),
            pattern_variables: PatternVariables::default(),
            paths: SearchPaths::default(),
            images: images::Images::default(),
            special,
            suffix_file,
            default_file,
            second_expansion: false,
            no_intermediates: false,
            all_secondary: false,
            not_parallel: false,
            ignore_errors: false,
            silent: false,
            snapped: false,
            impossible: impossible::Impossible::default(),
            endings: implicit::Endings::default(),
            ahead: ahead::Ahead::default(),
            rules_to_come: None,
        }
    }

    /// The file called `text`, its leading `./` ignored, where there is one.
    pub fn lookup(&self, names: &crate::base::Names, text: &[u8]) -> Option<FileId> {
        self.files.find(names.find(file::plain_name(text))?)
    }
}

//! Targets and prerequisites: one record a file, more for double-colon rules (manual, "Rule Syntax", "Double-Colon Rules").
//! Knows nothing of how they are updated; the fields for that are kept here, so that one look finds all of a file.

use crate::base::table_order::{Figures, History, Table};
use crate::base::{Name, Names};
use crate::expand::ScopeId;
use crate::os::files::Mtime;
use crate::rules::chain::Chains;
use crate::rules::recipe::RecipeId;
use std::ops::{Index, IndexMut};

/// Position of a file in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(u32);

impl FileId {
    /// Dense number of the file, from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What is known of a file's update; later is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It was made, or needed nothing.
    Success,
    /// Nothing was done yet.
    None,
    /// It needs to be made (`-q`).
    Question,
    /// It could not be made.
    Failed,
}

/// How far a file's update has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Not begun.
    NotStarted,
    /// Prerequisites are being made.
    PrerequisitesRunning,
    /// Its recipe runs.
    Running,
    /// Done.
    Finished,
}

/// A prerequisite. While a rule is read it may still be a name or an unexpanded text; then it is a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dep {
    id: u32,
    stem: u32,
    flags: u8,
}

const NO_STEM: u32 = u32::MAX;

macro_rules! flags {
    ($($bit:literal $get:ident $set:ident $doc:literal,)*) => {
        impl Dep {
            $(
                #[doc = $doc]
                #[inline]
                pub fn $get(&self) -> bool {
                    self.flags & (1 << $bit) != 0
                }

                #[doc = concat!("Sets: ", $doc)]
                #[inline]
                pub fn $set(&mut self, on: bool) {
                    if on { self.flags |= 1 << $bit } else { self.flags &= !(1 << $bit) }
                }
            )*
        }
    };
}

flags! {
    0 is_name set_name "It is a name that was not entered as a file.",
    1 needs_expansion set_needs_expansion "It is a text that awaits its second expansion.",
    2 order_only set_order_only "Its time does not matter.",
    3 hidden set_hidden "Automatic variables do not show it (`.EXTRA_PREREQS`).",
    4 wait set_wait "Work on it waits for the prerequisites before it (`.WAIT`).",
    5 explicit set_explicit "A rule names it, without a stem.",
    6 static_pattern set_static_pattern "It comes from a static pattern rule.",
    7 changed set_changed "It is newer than the target, or was made.",
}

impl Dep {
    /// A prerequisite that is a file.
    #[inline]
    pub fn of_file(file: FileId) -> Dep {
        Dep { id: file.0, stem: NO_STEM, flags: 0 }
    }

    /// A prerequisite known by name only.
    #[inline]
    pub fn of_name(name: Name) -> Dep {
        Dep { id: name.index() as u32, stem: NO_STEM, flags: 1 }
    }

    /// The file; where it is still a name, the file table's first entry, which is never a prerequisite by name.
    #[inline]
    pub fn file(&self) -> FileId {
        debug_assert!(!self.is_name());
        FileId(self.id)
    }

    /// Makes it a file.
    pub fn enter(&mut self, file: FileId) {
        self.id = file.0;
        self.set_name(false);
        self.set_needs_expansion(false);
    }

    /// The bytes of its name.
    #[inline]
    pub fn text(&self, names: &Names, files: &Files) -> &'static [u8] {
        if self.is_name() { names.text_at(self.id) } else { names.text(files[FileId(self.id)].name) }
    }

    /// The name, where it is still one.
    pub fn name(&self, names: &Names) -> Option<Name> {
        if self.is_name() { names.at(self.id) } else { None }
    }

    /// The stem it was made with.
    pub fn stem(&self, names: &Names) -> Option<Name> {
        if self.stem == NO_STEM { None } else { names.at(self.stem) }
    }

    /// Records the stem it is made with.
    pub fn set_stem(&mut self, stem: Option<Name>) {
        self.stem = stem.map_or(NO_STEM, |stem| stem.index() as u32);
    }
}

/// A target or prerequisite.
pub struct File {
    /// The name, as it is used in recipes.
    pub name: Name,
    /// The name under which it is found: another after a search of `VPATH`.
    pub found_as: Name,
    /// Prerequisites.
    pub dependencies: Vec<Dep>,
    /// The recipe.
    pub recipe: Option<RecipeId>,
    /// What `%` stood for.
    pub stem: Option<Name>,
    /// Targets that the same run of the recipe makes.
    pub also_make: Vec<FileId>,
    /// The first record of a double-colon target.
    pub double_colon: Option<FileId>,
    /// The next record of a double-colon target.
    pub next: Option<FileId>,
    /// The last record of a double-colon target, kept in the first.
    pub last: Option<FileId>,
    /// The file this one turned out to be.
    pub renamed: Option<FileId>,
    /// The target on whose behalf it is considered.
    pub parent: Option<FileId>,
    /// Its own variables.
    pub scope: Option<ScopeId>,
    /// Variables of the patterns that it matches.
    pub pattern_scope: Option<ScopeId>,
    /// Modification time.
    pub mtime: Mtime,
    /// Modification time before its recipe ran.
    pub mtime_before: Mtime,
    /// The pass over the graph that last came here.
    pub considered: u32,
    /// What came of it.
    pub status: Status,
    /// How far it is.
    pub state: State,
    /// Flags that all lines of its recipe have.
    pub command_flags: u8,
    /// It exists only in the built-in rules.
    pub builtin: bool,
    /// `.PRECIOUS`.
    pub precious: bool,
    /// Times of whole seconds only.
    pub low_resolution: bool,
    /// An object that was loaded.
    pub loaded: bool,
    /// An object that was loaded and then taken out, to be made again.
    pub unloaded: bool,
    /// Implicit rules were searched.
    pub tried_implicit: bool,
    /// It is being considered now: meeting it again is a circle.
    pub updating: bool,
    /// Its update is over.
    pub updated: bool,
    /// It is a target of some rule.
    pub is_target: bool,
    /// It was given on the command line.
    pub is_goal: bool,
    /// `.PHONY`.
    pub phony: bool,
    /// It may be deleted when nothing needs it.
    pub intermediate: bool,
    /// It is named in some rule.
    pub is_explicit: bool,
    /// `.SECONDARY`.
    pub secondary: bool,
    /// `.NOTINTERMEDIATE`.
    pub not_intermediate: bool,
    /// Its failure is nobody's business.
    pub dont_care: bool,
    /// The name found along `VPATH` was thrown away.
    pub ignore_vpath: bool,
    /// Pattern-specific variables were searched.
    pub pattern_searched: bool,
    /// It failed, and nothing was said.
    pub no_diagnostic: bool,
    /// Its prerequisites had their second expansion.
    pub snapped: bool,
    /// Its prerequisites are in shuffled order.
    pub shuffled: bool,
    /// It was seen to change, whatever its time says: what is made from it is out of date.
    pub edited: bool,
}

impl File {
    fn new(name: Name) -> File {
        File {
            name,
            found_as: name,
            dependencies: Vec::new(),
            recipe: None,
            stem: None,
            also_make: Vec::new(),
            double_colon: None,
            next: None,
            last: None,
            renamed: None,
            parent: None,
            scope: None,
            pattern_scope: None,
            mtime: Mtime::UNKNOWN,
            mtime_before: Mtime::UNKNOWN,
            considered: 0,
            status: Status::None,
            state: State::NotStarted,
            command_flags: 0,
            builtin: false,
            precious: false,
            low_resolution: false,
            loaded: false,
            unloaded: false,
            tried_implicit: false,
            updating: false,
            updated: false,
            is_target: false,
            is_goal: false,
            phony: false,
            intermediate: false,
            is_explicit: false,
            secondary: false,
            not_intermediate: false,
            dont_care: false,
            ignore_vpath: false,
            pattern_searched: false,
            no_diagnostic: false,
            snapped: false,
            shuffled: false,
            edited: false,
        }
    }
}

/// All files of a run.
pub struct Files {
    all: Vec<File>,
    /// For each name's number, the file's number plus one, or zero.
    by_name: Vec<u32>,
    /// How the table of names came to be.
    history: History,
    /// How many names lead to a file: the fill of the table.
    named: usize,
    /// What became of lists of prerequisites.
    pub(super) chains: Chains,
}

impl Default for Files {
    fn default() -> Files {
        // Room for those of the built-in rules and a few more, so that a small run moves nothing.
        Files {
            all: Vec::with_capacity(128),
            by_name: vec![0; 512],
            history: History::default(),
            named: 0,
            chains: Chains::default(),
        }
    }
}

impl Index<FileId> for Files {
    type Output = File;

    #[inline]
    fn index(&self, id: FileId) -> &File {
        &self.all[id.0 as usize]
    }
}

impl IndexMut<FileId> for Files {
    #[inline]
    fn index_mut(&mut self, id: FileId) -> &mut File {
        &mut self.all[id.0 as usize]
    }
}

/// `text` without leading `./`, by which files are known.
pub fn plain_name(text: &[u8]) -> &[u8] {
    let mut text = text;
    while text.len() > 2 && text.starts_with(b"./") {
        let rest = &text[2..];
        let slashes = rest.iter().take_while(|&&byte| byte == b'/').count();
        text = &rest[slashes..];
        if text.is_empty() {
            return b"./";
        }
    }
    text
}

impl Files {
    /// The file called `name`; of a double-colon target the first record.
    #[inline]
    pub fn find(&self, name: Name) -> Option<FileId> {
        match self.by_name.get(name.index()) {
            Some(&number) if number != 0 => Some(FileId(number - 1)),
            _ => None,
        }
    }

    fn bind(&mut self, name: Name, file: Option<FileId>) {
        if self.by_name.len() <= name.index() {
            self.by_name.resize((name.index() + 1).next_power_of_two(), 0);
        }
        let slot = &mut self.by_name[name.index()];
        match (*slot, file) {
            (0, Some(_)) => self.history.enter(name),
            (1.., None) => self.history.leave(name),
            _ => {}
        }
        self.named = self.named + usize::from(*slot == 0) - usize::from(file.is_none());
        *slot = file.map_or(0, |file| file.0 + 1);
    }

    fn push(&mut self, file: File) -> FileId {
        self.all.push(file);
        FileId(self.all.len() as u32 - 1)
    }

    /// The file called `name`, made where it is new. A double-colon target gets a further record.
    pub fn enter(&mut self, name: Name) -> FileId {
        match self.find(name) {
            None => {
                let id = self.push(File::new(name));
                self.all[id.0 as usize].last = Some(id);
                self.bind(name, Some(id));
                id
            }
            Some(first) if self[first].double_colon.is_none() => {
                self[first].builtin = false;
                first
            }
            Some(first) => {
                let id = self.push(File::new(name));
                self[id].double_colon = Some(first);
                let last = self[first].last.unwrap_or(first);
                self[last].next = Some(id);
                self[first].last = Some(id);
                id
            }
        }
    }

    /// The file called `name`, made where it is new; of a double-colon target the first record.
    #[inline]
    pub fn find_or_enter(&mut self, name: Name) -> FileId {
        match self.find(name) {
            Some(id) => id,
            None => self.enter(name),
        }
    }

    /// A record that no name leads to, to carry variables.
    pub fn anonymous(&mut self, name: Name) -> FileId {
        self.push(File::new(name))
    }

    /// The file that `id` turned out to be.
    #[inline]
    pub fn resolve(&self, mut id: FileId) -> FileId {
        while let Some(renamed) = self[id].renamed {
            id = renamed;
        }
        id
    }

    /// All records, in the order they were made.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = FileId> + use<> {
        (0..self.all.len() as u32).map(FileId)
    }

    /// The records of a double-colon target, or the one record of any other.
    pub fn records(&self, id: FileId) -> Vec<FileId> {
        let mut records = Vec::new();
        let mut link = Some(self[id].double_colon.unwrap_or(id));
        while let Some(record) = link {
            records.push(record);
            link = self[record].next;
        }
        records
    }

    /// How many names lead to a file.
    pub fn named(&self) -> usize {
        self.named
    }

    /// The files that names lead to, each once.
    pub fn bound(&self) -> Vec<FileId> {
        let mut found: Vec<FileId> =
            self.by_name.iter().filter(|&&number| number != 0).map(|&number| FileId(number - 1)).collect();
        found.sort_unstable();
        found
    }

    /// The files that names lead to and that have a recipe, in the order of their names' first use.
    pub fn with_recipe(&self) -> impl Iterator<Item = FileId> {
        let bound = self.by_name.iter().filter(|&&number| number != 0).map(|&number| FileId(number - 1));
        bound.filter(|&file| self[file].recipe.is_some())
    }

    /// The same files in the order in which GNU make meets them in its table.
    pub fn in_table_order(&self, names: &Names) -> (Vec<FileId>, Figures) {
        let (order, figures) = self.history.order(Table::Files, names);
        (order.into_iter().filter_map(|name| self.find(name)).collect(), figures)
    }

    /// Takes `id` out of the table of names, or puts it there under `name`.
    pub fn rebind(&mut self, id: FileId, old: Name, new: Option<Name>) {
        if self.find(old) == Some(id) {
            self.bind(old, None);
        }
        if let Some(new) = new {
            self.bind(new, Some(id));
        }
    }
}

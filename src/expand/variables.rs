//! Variables, the sets that hold them, and the chain of sets that a lookup goes through (manual, "How to Use Variables",
//! "Target-specific Variable Values"). Knows nothing of expansion.

use super::variable_set::{Blanks, Set};
use crate::base::diagnostic::Place;
use crate::base::table_order::{Figures, History, Table};
use crate::base::{Name, Names};
use crate::syntax::Expression;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Where a value came from, weakest first: a definition replaces one of equal or weaker origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Built in.
    Default,
    /// The environment.
    Environment,
    /// A makefile.
    File,
    /// The environment under `-e`.
    EnvironmentOverride,
    /// The command line.
    CommandLine,
    /// An `override` directive.
    Override,
    /// Set for each target.
    Automatic,
}

impl Origin {
    /// The word of `$(origin)`.
    pub fn word(self) -> &'static str {
        match self {
            Origin::Default => "default",
            Origin::Environment => "environment",
            Origin::File => "file",
            Origin::EnvironmentOverride => "environment override",
            Origin::CommandLine => "command line",
            Origin::Override => "override",
            Origin::Automatic => "automatic",
        }
    }
}

/// Whether a variable goes into the environment of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Export {
    /// By the general rule.
    #[default]
    Default,
    /// Always.
    Always,
    /// Never.
    Never,
    /// Where it is set to something that is not built in.
    IfSet,
}

/// Variables that act when they are set or looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// `.VARIABLES`: the list of names, made when it is asked for.
    Variables,
    /// `MAKEFLAGS`: setting it changes options.
    Makeflags,
    /// `.RECIPEPREFIX`: setting it changes how lines are read.
    RecipePrefix,
}

/// Position of a variable in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariableId(u32);

/// Position of a set of variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetId(u32);

/// A link of the chain of sets: where lookups begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeId(u32);

/// The set of global variables.
pub const GLOBAL_SET: SetId = SetId(0);
/// The scope whose lookups see global variables only, or those that a function has put before them.
pub const GLOBAL_SCOPE: ScopeId = ScopeId(0);

/// A variable.
#[derive(Clone)]
pub struct Variable {
    /// Its name.
    pub name: Name,
    /// Its value: expanded where simple, as written where recursive. Shared while it is being expanded; else it can grow in
    /// place.
    pub value: Rc<Vec<u8>>,
    /// The value as an expression, once it was needed.
    pub parsed: Option<Rc<Expression>>,
    /// Where it was defined; none for built-in and command-line ones.
    pub place: Option<Place>,
    /// Where the value came from.
    pub origin: Origin,
    /// Whether it goes into the environment.
    pub export: Export,
    /// What it does when set or looked up.
    pub special: Option<Special>,
    /// Whether the value is expanded at each reference.
    pub recursive: bool,
    /// Whether the value is to be appended to that of the scopes above (`+=` for a target).
    pub append: bool,
    /// Whether it was set by `?=`.
    pub conditional: bool,
    /// Whether it belongs to a target or a pattern.
    pub per_target: bool,
    /// Whether prerequisites do not see it.
    pub private: bool,
    /// Whether a shell can hold a variable of this name.
    pub exportable: bool,
    /// Whether it is being expanded now.
    pub expanding: bool,
    /// How many further expansions of itself are allowed: `$(call)` allows recursion.
    pub recursions: u32,
}

impl Variable {
    #[inline]
    fn new(names: &Names, name: Name, definition: &Definition) -> Variable {
        Variable {
            name,
            value: Rc::new(definition.value.to_vec()),
            parsed: None,
            place: definition.place,
            origin: definition.origin,
            export: Export::Default,
            special: None,
            recursive: definition.recursive,
            append: false,
            conditional: false,
            per_target: false,
            private: false,
            exportable: is_exportable(names.text(name)),
            expanding: false,
            recursions: 0,
        }
    }
}

/// A value on its way into a set.
pub struct Definition<'d> {
    /// The value.
    pub value: &'d [u8],
    /// Where it came from.
    pub origin: Origin,
    /// Whether it is expanded at each reference.
    pub recursive: bool,
    /// Where it was defined.
    pub place: Option<Place>,
}

#[derive(Clone, Copy)]
struct Scope {
    set: SetId,
    next: Option<ScopeId>,
    next_is_parent: bool,
}

/// All variables of a run.
pub struct Variables {
    all: Vec<Variable>,
    free: Vec<VariableId>,
    /// The global set: for each name's number the variable's number plus one, or zero.
    global: Vec<u32>,
    /// How the global set came to be.
    history: History,
    sets: Vec<Set>,
    /// Empty variables that sets share.
    blanks: Blanks,
    free_sets: Vec<SetId>,
    scopes: Vec<Scope>,
    free_scopes: Vec<ScopeId>,
    /// Where lookups begin now.
    pub current: ScopeId,
    /// Whether environment variables outrank makefiles (`-e`).
    pub environment_overrides: bool,
    /// Counts changes of the global set, for what depends on all of it.
    pub changes: u64,
    /// The table of names as `.VARIABLES` was last made from.
    listed: u64,
}

fn is_exportable(name: &[u8]) -> bool {
    name.first().is_some_and(|&byte| byte == b'_' || byte.is_ascii_alphabetic())
        && name.iter().all(|&byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

impl Default for Variables {
    fn default() -> Self {
        Variables {
            // Room for the program's own and those of an environment, so that a small run moves nothing.
            all: Vec::with_capacity(256),
            free: Vec::new(),
            global: vec![0; 512],
            history: History::default(),
            sets: vec![Set::default()],
            blanks: Blanks::default(),
            free_sets: Vec::new(),
            scopes: vec![Scope { set: GLOBAL_SET, next: None, next_is_parent: false }],
            free_scopes: Vec::new(),
            current: GLOBAL_SCOPE,
            environment_overrides: false,
            changes: 0,
            listed: u64::MAX,
        }
    }
}

impl Variables {
    /// The variables called `name` behind the first `start` of all, in whatever scope, those that were taken out by `undefine` among them; of
    /// those before the global one alone.
    pub fn named_from(&self, name: Name, start: usize) -> Vec<VariableId> {
        let named = self.all.iter().enumerate().skip(start).filter(|(_, variable)| variable.name == name);
        let named = named.map(|(at, _)| VariableId(at as u32)).filter(|id| !self.free.contains(id));
        named.chain(self.find_in(GLOBAL_SET, name).filter(|id| (id.0 as usize) < start)).collect()
    }

    /// The variables with these names, in whatever scope, those that were taken out by `undefine` among them.
    pub fn named(&self, names: &BTreeSet<Name>) -> Vec<VariableId> {
        let named = self.all.iter().enumerate().filter(|(_, variable)| names.contains(&variable.name));
        named.map(|(at, _)| VariableId(at as u32)).filter(|id| !self.free.contains(id)).collect()
    }

    /// How many variables there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// The variable at `id`.
    #[inline]
    pub fn get(&self, id: VariableId) -> &Variable {
        &self.all[id.0 as usize]
    }

    /// The variable at `id`, to be changed. Whoever changes the value uses [`Variables::set_value`].
    #[inline]
    pub fn get_mut(&mut self, id: VariableId) -> &mut Variable {
        &mut self.all[id.0 as usize]
    }

    /// Gives the variable at `id` a new value.
    pub fn set_value(&mut self, id: VariableId, value: &[u8]) {
        let variable = self.get_mut(id);
        variable.value = Rc::new(value.to_vec());
        variable.parsed = None;
        self.changes += 1;
    }

    /// Has the variable at `id` keep its value where that at `other` does, if it is the same.
    pub fn share_value(&mut self, other: VariableId, id: VariableId) {
        if self.get(other).value == self.get(id).value {
            self.get_mut(id).value = Rc::clone(&self.get(other).value);
        }
    }

    /// Forgets how values were parsed, since the same text now means something else.
    pub fn forget_parses(&mut self) {
        for variable in &mut self.all {
            variable.parsed = None;
        }
    }

    /// The variable called `name` in `set`.
    #[inline]
    pub fn find_in(&self, set: SetId, name: Name) -> Option<VariableId> {
        if set == GLOBAL_SET {
            return match self.global.get(name.index()) {
                Some(&number) if number != 0 => Some(VariableId(number - 1)),
                _ => None,
            };
        }
        self.sets[set.0 as usize].get(name, &self.blanks)
    }

    /// The variable that `name` stands for in the current scope.
    #[inline]
    pub fn find(&self, name: Name) -> Option<VariableId> {
        self.find_from(self.current, name)
    }

    /// The variable that `name` stands for in `scope`: the first in the chain, private ones of parents left out.
    pub fn find_from(&self, scope: ScopeId, name: Name) -> Option<VariableId> {
        let mut link = Some(scope);
        let mut is_parent = false;
        while let Some(scope) = link {
            let Scope { set, next, next_is_parent } = self.scopes[scope.0 as usize];
            if let Some(id) = self.find_in(set, name)
                && !(is_parent && self.get(id).private)
            {
                return Some(id);
            }
            is_parent |= next_is_parent;
            link = next;
        }
        None
    }

    /// Defines `name` in `set`, where no stronger definition stands, and returns the variable.
    pub fn define(&mut self, names: &Names, set: SetId, name: Name, definition: &Definition) -> VariableId {
        let overrides = self.environment_overrides;
        let origin = match definition.origin {
            Origin::Environment if overrides => Origin::EnvironmentOverride,
            origin => origin,
        };
        if let Some(id) = self.find_own(set, name) {
            let variable = self.get_mut(id);
            if overrides && variable.origin == Origin::Environment {
                variable.origin = Origin::EnvironmentOverride;
            }
            if origin >= variable.origin {
                variable.value = Rc::new(definition.value.to_vec());
                variable.parsed = None;
                variable.place = definition.place;
                variable.origin = origin;
                variable.recursive = definition.recursive;
                self.changes += 1;
            }
            return id;
        }
        let variable = Variable::new(names, name, &Definition { origin, ..*definition });
        let id = self.add(variable);
        self.insert(set, name, id);
        id
    }

    /// Defines the automatic variable `name` in `set`, one of few such names.
    pub fn define_automatic(&mut self, names: &Names, set: SetId, name: Name, value: &[u8]) {
        let definition = Definition { value, origin: Origin::Automatic, recursive: false, place: None };
        let known = set == GLOBAL_SET || self.sets[set.0 as usize].own(name).is_some();
        if known || !value.is_empty() {
            self.define(names, set, name, &definition);
            return;
        }
        let all = &mut self.all;
        let make = || {
            all.push(Variable::new(names, name, &definition));
            VariableId(all.len() as u32 - 1)
        };
        match self.blanks.enter(name, make) {
            Some(bit) => {
                self.changes += 1;
                self.sets[set.0 as usize].add_blank(bit);
            }
            None => drop(self.define(names, set, name, &definition)),
        }
    }

    /// Has the shared variable called `name` in `set`.
    fn define_blank(&mut self, set: SetId, name: Name) {
        if let Some(bit) = self.blanks.bit(name) {
            self.changes += 1;
            self.sets[set.0 as usize].add_blank(bit);
        }
    }

    /// The variable called `name` in `set`, as one that is its alone.
    #[inline]
    fn find_own(&mut self, set: SetId, name: Name) -> Option<VariableId> {
        if set != GLOBAL_SET && self.sets[set.0 as usize].has_blanks() {
            self.leave_blank(set, name);
        }
        self.find_in(set, name)
    }

    /// Gives `set` a variable of its own in place of the shared one called `name`, where it has that.
    fn leave_blank(&mut self, set: SetId, name: Name) {
        if let Some(shared) = self.sets[set.0 as usize].take_blank(name, &self.blanks) {
            let id = self.add(self.get(shared).clone());
            self.sets[set.0 as usize].insert(name, id);
        }
    }

    /// The variable `id`, found in the current scope, as one that is to be changed: no other target has it.
    pub fn to_change(&mut self, id: VariableId) -> VariableId {
        if !self.blanks.has(id) {
            return id;
        }
        let name = self.get(id).name;
        let set = self.chain(self.current).into_iter().find(|&(set, _)| self.find_in(set, name) == Some(id));
        set.and_then(|(set, _)| self.find_own(set, name)).unwrap_or(id)
    }

    fn add(&mut self, variable: Variable) -> VariableId {
        if let Some(id) = self.free.pop() {
            self.all[id.0 as usize] = variable;
            return id;
        }
        self.all.push(variable);
        VariableId(self.all.len() as u32 - 1)
    }

    fn insert(&mut self, set: SetId, name: Name, id: VariableId) {
        self.changes += 1;
        if set == GLOBAL_SET {
            if self.global.len() <= name.index() {
                self.global.resize((name.index() + 1).next_power_of_two(), 0);
            }
            self.global[name.index()] = id.0 + 1;
            self.history.enter(name);
        } else {
            self.sets[set.0 as usize].insert(name, id);
        }
    }

    /// Appends ` added` to the variable `id` in place, where nobody else holds its value and `origin` is strong enough.
    pub fn append_in_place(
        &mut self,
        id: VariableId,
        added: &[u8],
        origin: Origin,
        place: Option<Place>,
    ) -> bool {
        let overrides = self.environment_overrides;
        let variable = self.get_mut(id);
        if origin < variable.origin || (overrides && variable.origin == Origin::Environment) {
            return false;
        }
        let Some(value) = Rc::get_mut(&mut variable.value) else { return false };
        if !value.is_empty() {
            value.push(b' ');
        }
        value.extend_from_slice(added);
        variable.parsed = None;
        variable.place = place;
        variable.origin = origin;
        variable.append = false;
        variable.conditional = false;
        self.changes += 1;
        true
    }

    /// Removes `name` from `set` where its origin is not stronger than `origin`.
    pub fn undefine(&mut self, set: SetId, name: Name, mut origin: Origin) {
        if self.environment_overrides && origin == Origin::Environment {
            origin = Origin::EnvironmentOverride;
        }
        let Some(id) = self.find_in(set, name) else { return };
        let overrides = self.environment_overrides;
        let variable = self.get_mut(id);
        if overrides && variable.origin == Origin::Environment {
            variable.origin = Origin::EnvironmentOverride;
        }
        if origin >= variable.origin {
            self.changes += 1;
            if set == GLOBAL_SET {
                self.global[name.index()] = 0;
                self.history.leave(name);
            } else {
                self.sets[set.0 as usize].remove(name);
            }
        }
    }

    /// The variables of `set`, global ones in the order of their names' first use.
    pub fn members(&self, set: SetId) -> Vec<VariableId> {
        if set == GLOBAL_SET {
            return self
                .global
                .iter()
                .filter(|&&number| number != 0)
                .map(|&number| VariableId(number - 1))
                .collect();
        }
        self.sets[set.0 as usize].members(&self.blanks).map(|(_, id)| id).collect()
    }

    /// The global variables in the order of GNU make's table.
    pub fn global_order(&self, names: &Names) -> (Vec<VariableId>, Figures) {
        let (order, figures) = self.history.order(Table::Variables, names);
        (order.into_iter().filter_map(|name| self.find_in(GLOBAL_SET, name)).collect(), figures)
    }

    /// The global variable `id`, defined just now, is none of GNU make's, and is to change the order of no other.
    pub fn put_last(&mut self, id: VariableId) {
        self.history.put_last(self.get(id).name);
    }

    /// The chain of sets from `scope`: each set, and whether a parent's.
    pub fn chain(&self, scope: ScopeId) -> Vec<(SetId, bool)> {
        let mut sets = Vec::new();
        let mut link = Some(scope);
        let mut is_parent = false;
        while let Some(scope) = link {
            let Scope { set, next, next_is_parent } = self.scopes[scope.0 as usize];
            sets.push((set, is_parent));
            is_parent |= next_is_parent;
            link = next;
        }
        sets
    }

    /// The set of `scope` itself.
    pub fn set_of(&self, scope: ScopeId) -> SetId {
        self.scopes[scope.0 as usize].set
    }

    /// A new scope with an empty set, before `next`.
    pub fn new_scope(&mut self, next: Option<ScopeId>, next_is_parent: bool) -> ScopeId {
        let set = self.free_sets.pop().unwrap_or_else(|| {
            self.sets.push(Set::default());
            SetId(self.sets.len() as u32 - 1)
        });
        self.link(Scope { set, next, next_is_parent })
    }

    fn link(&mut self, scope: Scope) -> ScopeId {
        if let Some(id) = self.free_scopes.pop() {
            self.scopes[id.0 as usize] = scope;
            return id;
        }
        self.scopes.push(scope);
        ScopeId(self.scopes.len() as u32 - 1)
    }

    /// Makes `next` follow `scope` in the chain.
    pub fn relink(&mut self, scope: ScopeId, next: ScopeId, next_is_parent: bool) {
        let link = &mut self.scopes[scope.0 as usize];
        link.next = Some(next);
        link.next_is_parent = next_is_parent;
    }

    /// Opens a scope for a function's own variables. Where the current scope is the global one, the new set goes before the
    /// global set for every target too, since their chains end in the global scope.
    pub fn push_scope(&mut self) {
        let current = self.current;
        let scope = self.new_scope(Some(current), false);
        if current == GLOBAL_SCOPE {
            let moved = self.scopes[GLOBAL_SCOPE.0 as usize];
            let set = self.scopes[scope.0 as usize].set;
            self.scopes[scope.0 as usize] = moved;
            self.scopes[GLOBAL_SCOPE.0 as usize] = Scope { set, next: Some(scope), next_is_parent: false };
        } else {
            self.current = scope;
        }
    }

    /// Closes the scope that [`Variables::push_scope`] opened, and forgets its variables.
    pub fn pop_scope(&mut self) {
        let (scope, set) = if self.current == GLOBAL_SCOPE {
            let top = self.scopes[GLOBAL_SCOPE.0 as usize];
            let Some(below) = top.next else { return };
            self.scopes[GLOBAL_SCOPE.0 as usize] = self.scopes[below.0 as usize];
            (below, top.set)
        } else {
            let scope = self.current;
            let Scope { set, next, .. } = self.scopes[scope.0 as usize];
            self.current = next.unwrap_or(GLOBAL_SCOPE);
            (scope, set)
        };
        self.free_scopes.push(scope);
        let free = &mut self.free;
        // What room it has is kept, so that loops of calls need no allocation.
        self.sets[set.0 as usize].clear(|id| free.push(id));
        self.free_sets.push(set);
    }

    /// The set that lookups ask first: a target's, or that of a function's own variables after [`Variables::push_scope`].
    pub fn current_set(&self) -> SetId {
        self.set_of(self.current)
    }

    /// Moves the variables of `from` that `to` has not into `to` (two targets turned out to be one file).
    pub fn merge(&mut self, to: ScopeId, from: ScopeId) {
        let (to, from) = (self.set_of(to), self.set_of(from));
        for id in self.members(from) {
            let name = self.get(id).name;
            if self.find_in(to, name).is_some() {
                continue;
            }
            match self.blanks.has(id) {
                true => self.define_blank(to, name),
                false => self.insert(to, name, id),
            }
        }
    }

    /// Brings `.VARIABLES` up to date before it is read.
    pub fn refresh_list(&mut self, id: VariableId, names: &Names) {
        if self.listed == self.changes {
            return;
        }
        let mut list = Vec::new();
        for name in self.history.order(Table::Variables, names).0 {
            if !list.is_empty() {
                list.push(b' ');
            }
            list.extend_from_slice(names.text(name));
        }
        self.get_mut(id).value = Rc::new(list);
        self.listed = self.changes;
    }
}

//! The members of a set of variables, by name. Knows nothing of the sets' order, nor of what variables hold.
//!
//! Most automatic variables of most targets are empty: `$<` and its kin of a target without prerequisites, `$%` of all but archive
//! members. Of those a set keeps a bit each, and all sets that have the bit share one variable. It never changes: a set whose own
//! is to change is given one of its own first ([`Set::take_blank`]).

use super::variables::VariableId;
use crate::base::Name;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// The empty variables that sets share, at most as many as there are bits in [`Set::blank`].
#[derive(Default)]
pub(super) struct Blanks {
    all: Vec<(Name, VariableId)>,
}

impl Blanks {
    const MOST: usize = u8::BITS as usize;

    /// The bit of `name`; none where it has none yet.
    #[inline]
    pub fn bit(&self, name: Name) -> Option<usize> {
        self.all.iter().position(|&(known, _)| known == name)
    }

    /// The bit of `name`, whose variable `make` makes where it is asked for first; none where no bit is left.
    pub fn enter(&mut self, name: Name, make: impl FnOnce() -> VariableId) -> Option<usize> {
        self.bit(name).or_else(|| {
            (self.all.len() < Self::MOST).then(|| {
                self.all.push((name, make()));
                self.all.len() - 1
            })
        })
    }

    /// Whether `id` is one of them.
    pub fn has(&self, id: VariableId) -> bool {
        self.all.iter().any(|&(_, own)| own == id)
    }
}

/// A set of variables.
#[derive(Default)]
pub(super) struct Set {
    members: Vec<(Name, VariableId)>,
    index: Option<Box<HashMap<Name, VariableId, FxBuildHasher>>>,
    /// A bit for each of [`Blanks`] that it has.
    blank: u8,
}

/// Beyond this many members a set is searched by hash.
const SMALL: usize = 24;

impl Set {
    /// Its variable called `name`, where that is shared with no other set.
    #[inline]
    pub fn own(&self, name: Name) -> Option<VariableId> {
        match &self.index {
            Some(index) => index.get(&name).copied(),
            None => self.members.iter().find(|(member, _)| *member == name).map(|&(_, id)| id),
        }
    }

    /// Its variable called `name`.
    #[inline]
    pub fn get(&self, name: Name, blanks: &Blanks) -> Option<VariableId> {
        let own = self.own(name);
        if own.is_none() && self.blank != 0 { self.shared(name, blanks) } else { own }
    }

    fn shared(&self, name: Name, blanks: &Blanks) -> Option<VariableId> {
        let bit = blanks.bit(name)?;
        (self.blank & (1 << bit) != 0).then(|| blanks.all[bit].1)
    }

    /// Adds `id`, its first variable called `name`.
    pub fn insert(&mut self, name: Name, id: VariableId) {
        self.members.push((name, id));
        if let Some(index) = &mut self.index {
            index.insert(name, id);
        } else if self.members.len() > SMALL {
            self.index = Some(Box::new(self.members.iter().copied().collect()));
        }
    }

    /// Takes `name` out.
    pub fn remove(&mut self, name: Name) {
        self.members.retain(|(member, _)| *member != name);
        if let Some(index) = &mut self.index {
            index.remove(&name);
        }
    }

    /// Whether it has any variable that is shared.
    #[inline]
    pub fn has_blanks(&self) -> bool {
        self.blank != 0
    }

    /// Has the shared variable of `bit` in it.
    #[inline]
    pub fn add_blank(&mut self, bit: usize) {
        self.blank |= 1 << bit;
    }

    /// Takes the shared variable called `name` out: which that was.
    pub fn take_blank(&mut self, name: Name, blanks: &Blanks) -> Option<VariableId> {
        let shared = self.shared(name, blanks)?;
        self.blank &= !(1 << blanks.bit(name)?);
        Some(shared)
    }

    /// Its variables.
    pub fn members(&self, blanks: &Blanks) -> impl Iterator<Item = (Name, VariableId)> {
        let shared = blanks.all.iter().enumerate().filter(|(bit, _)| self.blank & (1 << bit) != 0);
        self.members.iter().copied().chain(shared.map(|(_, &blank)| blank))
    }

    /// Empties it: `forget` is told of each variable that was its own. What room it has it keeps.
    pub fn clear(&mut self, mut forget: impl FnMut(VariableId)) {
        self.members.drain(..).for_each(|(_, id)| forget(id));
        self.index = None;
        self.blank = 0;
    }
}

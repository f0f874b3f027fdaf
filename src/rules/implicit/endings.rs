//! Searches in vain, foreseen by how a name ends: which names a search for it asks for when none of them is there. Knows nothing
//! of rules that apply.
//!
//! What a search asks for is the name's own text with other beginnings and endings: `x.c` asks for `x.y`, `RCS/x.y,v`, `s.x.c`
//! and so on, whatever `x` is. The list is worked out once for each ending. Of a folder without any name that begins and ends as one
//! on the list does, nothing needs to be asked.

use super::{ends_with, folder_of};
use crate::base::{Name, Names};
use crate::expand::file_names::{begins_plainly, is_plain_text};
use crate::os::folders::{Folders, folder_and_entry};
use crate::rules::RuleHost;
use crate::rules::pattern::{Candidate, TargetPattern};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use std::rc::Rc;

/// Questions of one list at most: each has a bit.
const MOST: usize = 128;

/// The lists made so far.
#[derive(Default)]
pub struct Endings {
    /// By the ending, or by the last byte of names without one.
    lists: HashMap<Box<[u8]>, Foreseen, FxBuildHasher>,
    /// The room that names are put together in.
    text: Vec<u8>,
    /// The names that may come between, of the search that is going on.
    between: Vec<Name>,
    /// What questions of names that can't be made have in common, and whether a name that is known has it, too.
    likes: Vec<(Like, bool)>,
    /// What a name must have to be like any of them.
    marks: Marks,
    /// Names up to this number were compared with those.
    names_seen: usize,
    /// Last bytes of names of which the last one got a rule.
    with_rule: ByteSet,
}

/// Bytes that stand in names at places where a likeness has one: few names have any.
#[derive(Default)]
struct Marks {
    /// First bytes of the last part.
    first: ByteSet,
    /// Last bytes of the last part.
    last: ByteSet,
    /// Last bytes of the folder, before its slash.
    folder: ByteSet,
}

/// A set of bytes.
#[derive(Default)]
struct ByteSet([u64; 4]);

impl ByteSet {
    fn add(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn remove(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] &= !(1 << (byte & 63));
    }

    fn has(&self, byte: Option<&u8>) -> bool {
        byte.is_some_and(|&byte| self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0)
    }
}

impl Marks {
    /// Makes names that are like `like` have a mark. False where all names may be like it.
    fn add(&mut self, like: &Like) -> bool {
        let (set, byte) = match like {
            Like::Begins { below, begins } => match begins.first() {
                Some(first) => (&mut self.first, Some(first)),
                None => (&mut self.folder, below.split_last().and_then(|(_, path)| path.last())),
            },
            Like::Ends(end) => (&mut self.last, end.last()),
        };
        byte.map(|&byte| set.add(byte)).is_some()
    }

    /// Whether a name may be like one of those added.
    fn fit(&self, folder: &[u8], entry: &[u8]) -> bool {
        self.first.has(entry.first())
            || self.last.has(entry.last())
            || self.folder.has(folder.len().checked_sub(2).and_then(|at| folder.get(at)))
    }
}

/// What is foreseen of names with one ending.
enum Foreseen {
    /// So many searches were made: a list is worth its making when there are some.
    Not(u32),
    /// The list.
    List(Box<List>),
    /// There is no list: the search itself has to be made.
    Never,
}

/// Searches for names with one ending before a list is made for it.
const ENOUGH: u32 = 8;

/// A part of a name that few names have.
#[derive(PartialEq, Eq)]
enum Like {
    /// The end of its folder, and how its last part begins.
    Begins { below: Box<[u8]>, begins: Box<[u8]> },
    /// Its end.
    Ends(Box<[u8]>),
}

/// What is asked for names with one ending, in the order of the search.
#[derive(Default)]
struct List {
    questions: Vec<Question>,
    /// Targets whose match is not decided by the ending.
    odd: Vec<TargetPattern>,
    /// How many bytes of the name the ending has.
    ending: usize,
    /// By folder, with its slash.
    folders: HashMap<Box<[u8]>, Known, FxBuildHasher>,
    /// The parts of questions between the name's folder and their own last part.
    below: Vec<Box<[u8]>>,
}

/// One name asked for: the folder, `before`, the name without its ending, `after`.
struct Question {
    before: Box<[u8]>,
    after: Box<[u8]>,
    /// Where in `before` the last part of the name begins.
    entry: usize,
    /// The place of its folder in [`List::below`].
    below: usize,
    /// The name may not be made itself.
    terminal: bool,
    /// How many questions follow only because it may.
    inner: usize,
    /// Targets that may match it, whose match is not decided by the ending.
    odd: Vec<TargetPattern>,
    /// The place of its likeness in [`Endings::likes`]; of names that may be made there is none.
    like: usize,
}

/// What is known of a folder.
struct Known {
    /// When the versions were last compared.
    epoch: u64,
    /// Those of the folders of [`List::below`].
    versions: Vec<u64>,
    /// Which questions may have an entry.
    there: u128,
}

impl Like {
    fn of(question: &Question) -> Like {
        let (below, begins) = question.before.split_at(question.entry);
        match question.before.is_empty() {
            true => Like::Ends(question.after.clone()),
            false => Like::Begins { below: below.into(), begins: begins.into() },
        }
    }

    fn fits(&self, folder: &[u8], entry: &[u8]) -> bool {
        match self {
            Like::Begins { below, begins } => begins_with(entry, begins) && ends_with(folder, below),
            Like::Ends(end) => ends_with(entry, end),
        }
    }
}

/// Whether the search for `name`, whose folder has `folder` bytes, finds nothing. It may find nothing although this is false.
/// Where it is true, what the search would have remembered is remembered.
pub(super) fn is_in_vain<H: RuleHost>(host: &mut H, name: &[u8], folder: usize) -> bool {
    let base = &name[folder..];
    let plain = begins_plainly(name) && is_plain_text(name);
    let odd = folder == 1 || base.first() == Some(&b'.') || base.last() == Some(&b'/');
    if !plain || odd || host.traces_implicit() || !host.rules().paths.is_empty() {
        return false;
    }
    let ending = match memchr::memrchr(b'.', base) {
        Some(dot) => &base[dot..],
        None => &base[base.len().saturating_sub(1)..],
    };
    let mut endings = std::mem::take(&mut host.rules().endings);
    let in_vain = endings.is_in_vain(host, name, folder, ending);
    host.rules().endings = endings;
    in_vain
}

impl Endings {
    /// Whether the last search for a name that ends in `last` found a rule.
    pub fn expect_rule(&self, last: u8) -> bool {
        self.with_rule.has(Some(&last))
    }

    /// Notes whether a search for a name that ends in `last` found a rule.
    pub fn note(&mut self, last: u8, found: bool) {
        if found { self.with_rule.add(last) } else { self.with_rule.remove(last) }
    }

    fn is_in_vain<H: RuleHost>(&mut self, host: &mut H, name: &[u8], folder: usize, ending: &[u8]) -> bool {
        let foreseen = self.lists.entry_ref(ending).or_insert(Foreseen::Not(0));
        match foreseen {
            // Where assertions are on, all searches are compared with the list.
            Foreseen::Not(count) if *count < ENOUGH && !cfg!(debug_assertions) => {
                *count += 1;
                return false;
            }
            Foreseen::Not(_) => {
                let made = match Maker::new(ending).list(host) {
                    None => Foreseen::Never,
                    Some(mut list) => {
                        self.find_likes(&mut list, &host.context().names);
                        Foreseen::List(Box::new(list))
                    }
                };
                self.lists.insert(ending.into(), made);
            }
            Foreseen::List(_) | Foreseen::Never => {}
        }
        let Some(Foreseen::List(list)) = self.lists.get_mut(ending) else { return false };
        compare(&mut self.likes, &self.marks, &mut self.names_seen, &host.context().names);
        if !list.is_in_vain(host, name, folder, &self.likes, &mut self.text, &mut self.between) {
            return false;
        }
        let epoch = host.context().folders.epoch();
        for &name in &self.between {
            host.rules().impossible.remember(name, epoch);
        }
        true
    }

    /// Gives each question the place of its likeness.
    fn find_likes(&mut self, list: &mut List, names: &Names) {
        for question in list.questions.iter_mut().filter(|question| question.terminal) {
            let like = Like::of(question);
            let same = self.likes.iter().position(|(other, _)| *other == like);
            question.like = same.unwrap_or_else(|| {
                let seen = (0..self.names_seen).any(|at| {
                    let name = names.text_at(at as u32);
                    let (folder, entry) = parts(name);
                    like.fits(folder, entry) && is_plain_text(name)
                });
                // One that no mark tells of counts as seen: it is asked for every time.
                let seen = !self.marks.add(&like) || seen;
                self.likes.push((like, seen));
                self.likes.len() - 1
            });
        }
    }
}

/// Compares the names that are new since the last time with all likenesses. What a search asks for is plain, as the patterns of rules,
/// which are names too, are not.
fn compare(likes: &mut [(Like, bool)], marks: &Marks, names_seen: &mut usize, names: &Names) {
    while *names_seen < names.len() {
        let name = names.text_at(*names_seen as u32);
        let (folder, entry) = parts(name);
        *names_seen += 1;
        if !marks.fit(folder, entry) || !is_plain_text(name) {
            continue;
        }
        for (like, seen) in likes.iter_mut() {
            *seen = *seen || like.fits(folder, entry);
        }
    }
}

/// Whether `text` begins with `prefix`: mostly a few bytes, too few for a call.
#[inline]
fn begins_with(text: &[u8], prefix: &[u8]) -> bool {
    text.len() >= prefix.len() && text.iter().zip(prefix).all(|(left, right)| left == right)
}

/// A name's folder, with its slash, and its last part.
fn parts(name: &[u8]) -> (&[u8], &[u8]) {
    name.split_at(memchr::memrchr(b'/', name).map_or(0, |slash| slash + 1))
}

impl List {
    fn is_in_vain<H: RuleHost>(
        &mut self,
        host: &mut H,
        name: &[u8],
        folder: usize,
        likes: &[(Like, bool)],
        text: &mut Vec<u8>,
        between: &mut Vec<Name>,
    ) -> bool {
        between.clear();
        if self.odd.iter().any(|target| matches(target, name, folder)) {
            return false;
        }
        // What is remembered there, if anything is, has the names' own texts.
        let (path, folders) = (folder_and_entry(name).0, &mut host.context().folders);
        if !folders.has(path, b"") || folders.first_path(path).is_some() {
            return false;
        }
        let epoch = host.context().folders.epoch();
        let there = self.entries(&mut host.context().folders, &name[..folder]);
        let (folder_text, core) = (&name[..folder], &name[folder..name.len() - self.ending]);
        let mut at = 0;
        while let Some(question) = self.questions.get(at) {
            let there = there >> at & 1 != 0;
            at += 1;
            if question.terminal && !there && !likes.get(question.like).is_none_or(|(_, seen)| *seen) {
                continue;
            }
            text.clear();
            for part in [folder_text, &question.before, core, &question.after] {
                text.extend_from_slice(part);
            }
            let known = host.context().names.find(text);
            if let Some(name) = known {
                let rules = host.rules();
                if rules.impossible.has(name, epoch) || between.contains(&name) {
                    at += question.inner;
                    continue;
                }
                if rules.files.find(name).is_some() {
                    return false;
                }
            }
            if there && host.context().folders.exists(text) {
                return false;
            }
            if !question.terminal {
                if question.odd.iter().any(|target| matches(target, text, folder_of(text))) {
                    return false;
                }
                between.push(known.unwrap_or_else(|| host.context().names.intern(text)));
            }
        }
        true
    }

    /// Which questions may have an entry in their folder, for names in `folder`.
    fn entries(&mut self, folders: &mut Folders, folder: &[u8]) -> u128 {
        let epoch = folders.epoch();
        if let Some(known) = self.folders.get(folder)
            && known.epoch == epoch
        {
            return known.there;
        }
        let paths: Vec<Vec<u8>> = self.below.iter().map(|below| path_of(folder, below)).collect();
        let versions: Vec<u64> = paths.iter().map(|path| folders.version(path)).collect();
        if let Some(known) = self.folders.get_mut(folder)
            && known.versions == versions
        {
            known.epoch = epoch;
            return known.there;
        }
        let mut there = 0;
        for (below, path) in paths.iter().enumerate() {
            let marks = EntryMarks::of(self.questions.iter().filter(|question| question.below == below));
            for entry in folders.entries_now(path).filter(|entry| marks.fit(entry)) {
                for (at, question) in self.questions.iter().enumerate() {
                    let alike = question.below == below
                        && ends_with(entry, &question.after)
                        && begins_with(entry, &question.before[question.entry..]);
                    there |= u128::from(alike) << at;
                }
            }
        }
        self.folders.insert(folder.into(), Known { epoch, versions, there });
        there
    }
}

/// Bytes that entries have at places where one of some questions has one: few entries have any.
#[derive(Default)]
struct EntryMarks {
    first: ByteSet,
    last: ByteSet,
    /// Some question may have any entry.
    any: bool,
}

impl EntryMarks {
    fn of<'q>(questions: impl Iterator<Item = &'q Question>) -> EntryMarks {
        let mut marks = EntryMarks::default();
        for question in questions {
            match (question.before.get(question.entry), question.after.last()) {
                (Some(&first), _) => marks.first.add(first),
                (None, Some(&last)) => marks.last.add(last),
                (None, None) => marks.any = true,
            }
        }
        marks
    }

    fn fit(&self, entry: &[u8]) -> bool {
        self.any || self.first.has(entry.first()) || self.last.has(entry.last())
    }
}

/// The folder `below` of `folder`, which has its slash, as [`Folders::exists`] takes it from a name in it.
fn path_of(folder: &[u8], below: &[u8]) -> Vec<u8> {
    let path = [folder, below].concat();
    match path.split_last() {
        None => b".".to_vec(),
        Some((_, path)) => path.to_vec(),
    }
}

/// Whether `target` matches `name`, the folder split off where the target has none.
fn matches(target: &TargetPattern, name: &[u8], folder: usize) -> bool {
    let base = if folder > 0 && !target.has_slash { &name[folder..] } else { name };
    let (prefix, suffix) = (target.prefix(), target.suffix());
    base.len() >= prefix.len() + suffix.len() && base.starts_with(prefix) && base.ends_with(suffix)
}

/// A list in the making.
struct Maker {
    list: List,
    /// The name's ending with its dot; none for names without a dot.
    ending: Box<[u8]>,
    last: u8,
}

/// A rule that matches a name by its ending.
struct Match {
    rule: u32,
    /// What of the name's end is not of the stem.
    suffix: &'static [u8],
}

impl Maker {
    fn new(ending: &[u8]) -> Maker {
        let last = ending.last().copied().unwrap_or_default();
        let ending: Box<[u8]> = if ending.first() == Some(&b'.') { ending.into() } else { Box::default() };
        let list = List { ending: ending.len(), ..List::default() };
        Maker { list, ending, last }
    }

    /// The list; none where some question can't be foreseen.
    fn list<H: RuleHost>(mut self, host: &mut H) -> Option<List> {
        let ending = std::mem::take(&mut self.ending);
        let (found, odd) = by_ending(host, &ending, self.last, false);
        self.list.odd = odd;
        self.ask(host, &found, b"", &ending)?;
        Some(self.list)
    }

    /// The questions of the rules `found` for a name that is `before`, the text all names have of their own, `after`.
    fn ask<H: RuleHost>(&mut self, host: &mut H, found: &[Match], before: &[u8], after: &[u8]) -> Option<()> {
        let split = memchr::memrchr(b'/', before).map_or(0, |slash| slash + 1);
        let (folder, begins) = before.split_at(split);
        for one in found {
            let rule = &host.rules().patterns[one.rule];
            let (dep, terminal) = (*rule.dependencies.first()?, rule.terminal);
            let name = match dep.is_name() {
                true => dep.name(&host.context().names)?,
                false => host.rules().files[dep.file()].name,
            };
            let pattern = host.context().names.text(name);
            let percent = memchr::memchr(b'%', pattern)?;
            let (ahead, behind) = (&pattern[..percent], &pattern[percent + 1..]);
            let foreseeable = !dep.needs_expansion()
                && is_plain_text(ahead)
                && is_plain_text(behind)
                && !matches!(ahead.first(), Some(b'.' | b'~' | b'/'))
                && memchr::memchr(b'/', behind).is_none();
            if !foreseeable || self.list.questions.len() == MOST {
                return None;
            }
            let asked_before = [folder, ahead, begins].concat();
            let asked_after = [&after[..after.len() - one.suffix.len()], behind].concat();
            let same = |other: &Question| *other.before == asked_before && *other.after == asked_after;
            // Asked before in vain, and then remembered as impossible.
            if self.list.questions.iter().any(|other| !other.terminal && same(other)) {
                continue;
            }
            host.rules().patterns[one.rule].in_use = true;
            let pushed = self.push(host, asked_before, asked_after, terminal);
            host.rules().patterns[one.rule].in_use = false;
            pushed?;
        }
        Some(())
    }

    fn push<H: RuleHost>(
        &mut self,
        host: &mut H,
        before: Vec<u8>,
        after: Vec<u8>,
        terminal: bool,
    ) -> Option<()> {
        let at = self.list.questions.len();
        let slash = memchr::memrchr(b'/', &before).map_or(0, |slash| slash + 1);
        let below: Box<[u8]> = before[..slash].into();
        let place = self.list.below.iter().position(|other| *other == below).unwrap_or_else(|| {
            self.list.below.push(below);
            self.list.below.len() - 1
        });
        let question = Question {
            before: before.as_slice().into(),
            after: after.as_slice().into(),
            entry: slash,
            below: place,
            terminal,
            inner: 0,
            odd: Vec::new(),
            like: 0,
        };
        self.list.questions.push(question);
        if terminal {
            return Some(());
        }
        // Of a folder that may not be there nothing is remembered, and the search asks again.
        if slash > 0 {
            return None;
        }
        // Its own ending decides which rules match it: it must be of the part that is the same for all names.
        let dot = memchr::memrchr(b'.', &after)?;
        let (found, odd) = by_ending(host, &after[dot..], *after.last()?, true);
        self.ask(host, &found, &before, &after)?;
        let inner = self.list.questions.len() - at - 1;
        let question = self.list.questions.get_mut(at)?;
        question.odd = odd;
        question.inner = inner;
        Some(())
    }
}

/// The rules that match all names with `ending`, the most specific first, and the targets that match some of them. `between`: the
/// name is one that may come between, for which no rule for any name is sought.
fn by_ending<H: RuleHost>(
    host: &mut H,
    ending: &[u8],
    last: u8,
    between: bool,
) -> (Vec<Match>, Vec<TargetPattern>) {
    let candidates: Rc<[Candidate]> = host.rules().patterns.ending_in(last);
    let (mut found, mut odd) = (Vec::new(), Vec::new());
    let mut specific = false;
    for candidate in candidates.iter() {
        let target = &candidate.target;
        if between && target.matches_anything() && !candidate.terminal {
            continue;
        }
        let suffix = target.suffix();
        let by_ending = target.prefix().is_empty()
            && !target.has_slash
            && (suffix.is_empty() || memchr::memrchr(b'.', suffix) == Some(0));
        if !by_ending {
            odd.push(*target);
            continue;
        }
        if (!suffix.is_empty() && suffix != ending) || host.rules().patterns[candidate.rule].in_use {
            continue;
        }
        specific |= !target.matches_anything();
        if !candidate.is_empty {
            found.push(Match { rule: candidate.rule, suffix });
        }
    }
    found.sort_by_key(|one| std::cmp::Reverse(one.suffix.len()));
    if specific {
        let patterns = &host.rules().patterns;
        found.retain(|one| {
            let rule = &patterns[one.rule];
            rule.terminal || !rule.targets.iter().any(|target| target.matches_anything())
        });
    }
    (found, odd)
}

//! `--list`: the targets that a person may ask for, with what the makefiles say of them. Knows nothing of recipes and engines.

mod json;
mod text;

pub use json::json;
pub use text::{names, text};

use crate::base::Name;
use crate::base::diagnostic::{Outcome, Place};
use crate::base::mask::Masks;
use crate::base::tables::HashMap;
use crate::expand::expand_text;
use crate::load::Session;
use crate::load::description::{Description, Descriptions};
use crate::os::words::{trim, words};
use crate::rules::Rules;
use crate::rules::file::{FileId, plain_name};
use crate::rules::images::{self, Attribute};
use crate::rules::pattern::TargetPattern;

/// A target that rules or blocks name.
#[derive(Debug)]
pub struct Target {
    /// Its record.
    pub file: FileId,
    /// Its name.
    pub name: String,
    /// What the makefile says of it; empty where it says nothing.
    pub description: String,
    /// The same, cut to its first sentence where it is a mere comment.
    pub summary: String,
    /// The group that it stands in; empty outside of all groups.
    pub group: String,
    /// Whether it is made where no goal is given.
    pub is_default: bool,
    /// Whether it is phony.
    pub is_phony: bool,
    /// The image's tags; none where it is no image target.
    pub tags: Option<Vec<String>>,
    /// Where it is defined.
    pub place: Place,
}

impl Target {
    /// Hides values of all that is shown of it.
    pub fn hide(&mut self, masks: &Masks) {
        let own = [&mut self.name, &mut self.description, &mut self.summary, &mut self.group];
        for text in own.into_iter().chain(self.tags.iter_mut().flatten()) {
            *text = masks.hide_text(text);
        }
    }
}

/// A target that may be listed.
struct Candidate {
    file: FileId,
    text: &'static [u8],
    place: Place,
    described: Description,
}

/// The explicit targets in the order in which the makefiles name them. Left out are special targets, files of static pattern rules,
/// and rules that only add prerequisites to what a pattern rule makes; what has a description stays.
///
/// # Errors
/// Those of expanding image tags and the default goal.
pub fn targets(session: &mut Session) -> Outcome<Vec<Target>> {
    let named = session.named_at.take().unwrap_or_default();
    let by_pattern = named_by_pattern(session);
    let default = default_goal(session)?;
    let mut descriptions = Descriptions::default();
    let mut known: HashMap<Name, usize> = HashMap::default();
    let mut found: Vec<Candidate> = Vec::new();
    for &(name, place) in named.iter().chain(&by_pattern) {
        let Some(file) = session.rules.files.find(name) else { continue };
        let text = session.context.names.text(name);
        if text.first() == Some(&b'.') && memchr::memchr(b'/', text).is_none() {
            continue;
        }
        let described = descriptions.of(place);
        let at = *known.entry(name).or_insert(found.len());
        match found.get_mut(at) {
            None => found.push(Candidate { file, text, place, described }),
            // Of several rules for a target the one that is described counts, else the one with the recipe; of blocks the last.
            Some(own) => {
                let is_image = session.rules.images.is_named(name);
                let better = is_image || own.described.text.is_empty();
                let says = !described.text.is_empty();
                if better && says
                    || own.described.text.is_empty() && (is_image || has_recipe(session, file, place))
                {
                    (own.place, own.described) = (place, described);
                }
            }
        }
    }
    session.named_at = Some(named);
    let patterns = patterns(&session.rules);
    found.retain(|candidate| candidate.is_wanted(&session.rules, &patterns, &default));
    let mut all = Vec::with_capacity(found.len());
    for Candidate { file, text, place, described } in found {
        let tags = images::attribute(session, file, Attribute::Tags)?.map(|pieces| {
            let words = pieces.iter().flat_map(|piece| words(&piece.text));
            words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
        });
        all.push(Target {
            file,
            name: String::from_utf8_lossy(text).into_owned(),
            summary: described.summary().to_owned(),
            description: described.text,
            group: described.group,
            is_default: text == default,
            is_phony: session.rules.files[file].phony,
            tags,
            place,
        });
    }
    Ok(all)
}

impl Candidate {
    fn is_wanted(&self, rules: &Rules, patterns: &[TargetPattern], default: &[u8]) -> bool {
        let record = &rules.files[self.file];
        if record.phony || !self.described.text.is_empty() || self.text == default {
            return true;
        }
        // The file of a static pattern rule is one of many.
        if record.stem.is_some() {
            return false;
        }
        let any = |wanted: fn(&crate::rules::file::File) -> bool| {
            rules.files.records(self.file).iter().any(|&record| wanted(&rules.files[record]))
        };
        let matches = |pattern: &TargetPattern| {
            self.text.len() > pattern.prefix().len() + pattern.suffix().len()
                && self.text.starts_with(pattern.prefix())
                && self.text.ends_with(pattern.suffix())
        };
        any(|record| record.recipe.is_some())
            || (any(|record| !record.dependencies.is_empty()) && !patterns.iter().any(matches))
    }
}

/// Whether the rule that begins at `place` is the one whose recipe `file` has.
fn has_recipe(session: &Session, file: FileId, place: Place) -> bool {
    let recipe = session.rules.files[file].recipe.and_then(|recipe| session.rules.recipes[recipe].place);
    recipe.is_some_and(|recipe| recipe.file == place.file && recipe.line >= place.line)
}

/// Image targets that only a pattern block is for and some rule names, with the block's place.
fn named_by_pattern(session: &mut Session) -> Vec<(Name, Place)> {
    if session.rules.images.patterns().next().is_none() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for file in session.rules.files.bound() {
        let record = &session.rules.files[file];
        let text = session.context.names.text(record.name);
        if !record.is_explicit || session.rules.images.is_named(record.name) {
            continue;
        }
        let blocks = session.rules.images.blocks_for(&session.context.names, text);
        if let Some(place) = blocks.last().and_then(|block| block.place) {
            found.push((record.name, place));
            session.rules.files[file].phony = true;
        }
    }
    found
}

/// The targets of pattern rules, but for those that match every name.
fn patterns(rules: &Rules) -> Vec<TargetPattern> {
    let all = rules.patterns.in_order().iter().flat_map(|&at| &rules.patterns[at].targets);
    all.filter(|target| !target.matches_anything()).copied().collect()
}

/// The name of the default goal; empty where there is none.
fn default_goal(session: &mut Session) -> Outcome<Vec<u8>> {
    let Some(variable) = session.default_goal else { return Ok(Vec::new()) };
    let variable = session.context.variables.get(variable);
    let (value, recursive) = (variable.value.to_vec(), variable.recursive);
    let text = if recursive { expand_text(session, &value)? } else { value };
    Ok(plain_name(trim(&text)).to_vec())
}

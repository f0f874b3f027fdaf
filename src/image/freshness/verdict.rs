//! Whether an image on an engine is what a build would make now, and if not, why. Builds nothing.

use super::change::{Change, changes};
use super::codec::Digest;
use super::components::{Components, Unknown};
use super::memory::Memory;
use crate::image::engine::{Engine, EngineError, Filter, Image};

/// The label that holds the digest of an image's inputs.
pub const LABEL: &str = "imk.inputs";

/// The image that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The target's name, under which its last build is remembered.
    pub name: &'a str,
    /// The tags that it must have; without any, an image with the label is enough.
    pub tags: &'a [String],
    /// The inputs as they are now.
    pub components: &'a Components,
    /// What says which inputs an image was made from.
    pub proof: Proof,
    /// What the engine has under the first tag, where it was asked just now.
    pub found: Option<Option<&'a Image>>,
}

/// What says which inputs an image was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Its label [`LABEL`], which imk gave it.
    Label,
    /// What [`Memory::note`] noted, or its label.
    Record,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The image, under its first tag.
    Fresh(Box<Image>),
    /// The reasons, the weightiest first; at least one.
    Stale(Vec<Reason>),
}

/// A reason to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no image, and none is remembered.
    NeverBuilt,
    /// The engine has no image under this tag; or there is no tag, and no image with the label.
    TagMissing {
        /// The tag; none where none is wanted.
        tag: Option<String>,
    },
    /// The image is there under another of its tags; this one was given to something else.
    TagMoved {
        /// The tag.
        tag: String,
    },
    /// The image under this tag was made by something else: nothing says from what.
    NotOurs {
        /// The tag.
        tag: String,
    },
    /// The image under this tag was made by a build that was cut short: whether its inputs stayed what its label says is not known.
    CutShort {
        /// The tag.
        tag: String,
    },
    /// The inputs are not what they were.
    InputsChanged {
        /// The changes; empty where what they were is not remembered any more.
        changes: Vec<Change>,
    },
    /// An input can't be known without building.
    CannotKnow(Unknown),
}

/// Whether the wanted image is fresh: on the engine under every tag, and made from the inputs there are now. Costs one
/// look-up a tag that was not looked up just now. Records are read only where the image is stale, or carries no label; once it is
/// looked whether builds were cut short.
///
/// # Errors
/// An engine that does not answer.
pub fn fresh(engine: &dyn Engine, wanted: &Wanted<'_>, memory: &Memory) -> Result<Verdict, EngineError> {
    let digest = wanted.components.digest();
    let mut reasons = Vec::new();
    let mut first = None;
    let mut others: Vec<(&String, Digest)> = Vec::new();
    for (at, tag) in wanted.tags.iter().enumerate() {
        let image = match wanted.found.filter(|_| at == 0) {
            Some(found) => found.cloned(),
            None => engine.image(tag)?,
        };
        let Some(image) = image else {
            reasons.push(Reason::TagMissing { tag: Some(tag.clone()) });
            continue;
        };
        match inputs_of(&image, wanted, digest, memory) {
            None => {
                let says_so = label_of(&image) == Some(digest);
                let tag = tag.clone();
                reasons.push(if says_so { Reason::CutShort { tag } } else { Reason::NotOurs { tag } });
            }
            Some(own) if own != digest => others.push((tag, own)),
            Some(_) => drop(first.get_or_insert(image)),
        }
    }
    let mut made_from: Vec<Digest> = Vec::new();
    for (tag, own) in others {
        match first {
            // The image is there, and this tag was given to another one.
            Some(_) => reasons.push(Reason::TagMoved { tag: tag.clone() }),
            None if made_from.contains(&own) => {}
            None => made_from.push(own),
        }
    }
    if wanted.tags.is_empty() {
        let found = engine.images(&Filter::label(LABEL, &digest.to_string()))?;
        let is_own = |image: &Image| image.labels.get(LABEL) == Some(&digest.to_string());
        match found.into_iter().find(|image| is_own(image) && !memory.is_doubted(wanted.name, digest)) {
            Some(image) => first = Some(image),
            None => reasons.push(Reason::TagMissing { tag: None }),
        }
    }
    let last = if reasons.is_empty() && made_from.is_empty() { None } else { memory.last_of(wanted.name) };
    let is_missing = |reason: &Reason| matches!(reason, Reason::TagMissing { .. });
    if reasons.len() == wanted.tags.len().max(1) && reasons.iter().all(is_missing) && last.is_none() {
        reasons = vec![Reason::NeverBuilt];
    }
    // Where no image tells, the last build does.
    if made_from.is_empty() && first.is_none() {
        made_from.extend(last.filter(|last| *last != digest));
    }
    for own in made_from {
        let changes = memory.recall(own).map(|old| changes(&old, wanted.components)).unwrap_or_default();
        reasons.push(Reason::InputsChanged { changes });
    }
    reasons.extend(wanted.components.unknown.iter().cloned().map(Reason::CannotKnow));
    Ok(match (reasons.is_empty(), first) {
        (true, Some(image)) => Verdict::Fresh(Box::new(image)),
        _ => Verdict::Stale(reasons),
    })
}

/// Digest of the inputs that an image was made from: the wanted one, where it is among several.
fn inputs_of(image: &Image, wanted: &Wanted<'_>, digest: Digest, memory: &Memory) -> Option<Digest> {
    let label = label_of(image).filter(|&label| label != digest || !memory.is_doubted(wanted.name, label));
    if wanted.proof == Proof::Label || label == Some(digest) {
        return label;
    }
    let noted = memory.inputs_of(&image.id);
    let found = noted.iter().find(|noted| **noted == digest).or(noted.last()).copied();
    found.or(label)
}

fn label_of(image: &Image) -> Option<Digest> {
    image.labels.get(LABEL).and_then(|text| Digest::from_hex(text))
}

impl Reason {
    /// The reason in words, one line a change; `dockerfile` is the file's name for people.
    pub fn messages(&self, dockerfile: &str) -> Vec<String> {
        match self {
            Reason::NeverBuilt => vec!["it was never built".to_owned()],
            Reason::TagMissing { tag: Some(tag) } => vec![format!("there is no image {tag}")],
            Reason::TagMissing { tag: None } => vec!["there is no image of it".to_owned()],
            Reason::TagMoved { tag } => vec![format!("{tag} is another image")],
            Reason::NotOurs { tag } => vec![format!("nothing says what the image {tag} was made from")],
            Reason::CutShort { tag } => {
                vec![format!(
                    "the build of the image {tag} was cut short: its inputs may have changed meanwhile"
                )]
            }
            Reason::InputsChanged { changes } if changes.is_empty() => {
                vec!["its inputs changed (what they were is not remembered)".to_owned()]
            }
            Reason::InputsChanged { changes } => {
                changes.iter().map(|change| change.message(dockerfile)).collect()
            }
            Reason::CannotKnow(unknown) => vec![unknown.message(dockerfile)],
        }
    }
}

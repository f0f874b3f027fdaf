//! An image block's meaning: attributes as typed values, and the engine's command lines that they stand for. Knows nothing of when
//! and whether they run.

mod command;
pub mod extract;
pub mod words;

pub use command::{LISTS, Program};

use crate::base::diagnostic::{Complaint, Place};
use crate::image::audit::image::expect::Expectation;
use crate::image::reference::Reference;
use crate::rules::images::{Attribute, Attributes};

/// A word of an attribute, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The word, unquoted.
    pub text: Vec<u8>,
    /// The assignment's place.
    pub place: Option<Place>,
}

/// When an image's tags are removed again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cleanup {
    /// They stay, whatever happens.
    Never,
    /// They stay unless the target fails.
    #[default]
    OnFailure,
    /// They go at the end of the target, however it ends.
    Always,
}

/// A file or folder copied out of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extract {
    /// Its path in the image.
    pub source: Vec<u8>,
    /// Where it goes; into it, where that is a folder.
    pub destination: Vec<u8>,
    /// The assignment's place.
    pub place: Option<Place>,
}

/// An image target's block, read.
#[derive(Clone, Debug)]
pub struct Block {
    /// The target's name.
    pub name: Vec<u8>,
    /// Where the block begins.
    pub place: Option<Place>,
    /// What is copied out.
    pub extracts: Vec<Extract>,
    /// When its tags go.
    pub cleanup: Cleanup,
    values: Vec<(Attribute, Vec<Given>)>,
}

/// Why an attribute's value can't be.
pub type Fault = Box<(Option<Place>, Complaint)>;

fn fault(attribute: Attribute, given: &Given, wanted: impl Into<String>) -> Fault {
    let (value, wanted) = (given.text.clone(), wanted.into());
    Box::new((given.place, Complaint::AttributeValue { attribute: attribute.name(), value, wanted }))
}

impl Block {
    /// Reads the attributes of the target called `name`.
    ///
    /// # Errors
    /// The attributes whose values can't be, each with its place; at least one.
    pub fn read(name: &[u8], attributes: &Attributes) -> Result<Block, Vec<Fault>> {
        let mut block = Block {
            name: name.to_vec(),
            place: attributes.place,
            extracts: Vec::new(),
            cleanup: Cleanup::default(),
            values: Vec::new(),
        };
        let mut faults = Vec::new();
        for &(_, attribute) in Attribute::ALL {
            let mut given = Vec::new();
            for piece in attributes.get(attribute) {
                let place = piece.place;
                match words::split(&piece.text) {
                    Ok(words) => given.extend(words.into_iter().map(|text| Given { text, place })),
                    Err(words::Unclosed(quote)) => {
                        let whole = Given { text: piece.text.clone(), place };
                        let wanted = format!("there is no closing {}", char::from(quote));
                        faults.push(fault(attribute, &whole, wanted));
                    }
                }
            }
            if !given.is_empty() {
                block.values.push((attribute, given));
            }
        }
        // What is left of an attribute that can't be read says nothing.
        if faults.is_empty() {
            block.check(&mut faults);
        }
        if faults.is_empty() { Ok(block) } else { Err(faults) }
    }

    /// The words of `attribute`.
    pub fn words(&self, attribute: Attribute) -> &[Given] {
        self.values.iter().find(|(own, _)| *own == attribute).map_or(&[], |(_, words)| words)
    }

    /// The word of an attribute that has one.
    pub fn word(&self, attribute: Attribute) -> Option<&Given> {
        self.words(attribute).last()
    }

    /// Names of the image, the first of which is `$(.IMAGE)`.
    pub fn tags(&self) -> &[Given] {
        self.words(Attribute::Tags)
    }

    /// The build context.
    pub fn context(&self) -> &[u8] {
        self.word(Attribute::Context).map_or(b".", |given| &given.text)
    }

    /// Whether the context is no folder of this machine.
    pub fn is_remote(&self) -> bool {
        crate::image::command::is_remote_context(self.context())
    }

    /// The path of the Dockerfile, where one is named: like bake's and compose's it starts from the context.
    pub fn dockerfile(&self) -> Option<Vec<u8>> {
        let given = self.word(Attribute::Dockerfile)?;
        let context = self.context();
        if given.text.starts_with(b"/") || context == b"." || self.is_remote() {
            return Some(given.text.clone());
        }
        let folder = context.strip_suffix(b"/").unwrap_or(context);
        Some([folder, b"/", &given.text].concat())
    }

    /// Whether `attribute` says yes.
    pub fn is_on(&self, attribute: Attribute) -> bool {
        self.word(attribute).is_some_and(|given| boolean(&given.text) == Some(true))
    }

    fn check(&mut self, faults: &mut Vec<Fault>) {
        use Attribute::*;
        if self.tags().is_empty() {
            faults.push(Box::new((self.place, Complaint::ImageWithoutTags(self.name.clone()))));
        }
        for given in self.tags() {
            match Reference::parse(&given.text) {
                Ok(parsed) if parsed.digest.is_some() => {
                    faults.push(fault(Tags, given, "a name for an image has no digest"));
                }
                Ok(_) => {}
                Err(wrong) => faults.push(fault(Tags, given, wrong.message())),
            }
        }
        for one in [Context, Dockerfile, Target, Network, Pull, NoCache, ShmSize, Cleanup, Engine, Builder] {
            if let [_, second, ..] = self.words(one) {
                faults.push(fault(one, second, "one word is wanted"));
            }
        }
        for one in [Pull, NoCache] {
            if let Some(given) = self.word(one)
                && boolean(&given.text).is_none()
            {
                faults.push(fault(one, given, "'true' or 'false' is wanted"));
            }
        }
        if let Some(given) = self.word(Context)
            && (given.text.is_empty() || given.text.starts_with(b"-"))
        {
            faults.push(fault(Context, given, "a folder or an address is wanted"));
        }
        if let Some(given) = self.word(Attribute::Cleanup) {
            match &given.text[..] {
                b"never" => self.cleanup = self::Cleanup::Never,
                b"on-failure" => self.cleanup = self::Cleanup::OnFailure,
                b"always" => self.cleanup = self::Cleanup::Always,
                _ => {
                    let wanted = "'never', 'on-failure' or 'always' is wanted";
                    faults.push(fault(Attribute::Cleanup, given, wanted));
                }
            }
        }
        for attribute in [Args, Labels, Annotations, Contexts] {
            for given in self.words(attribute) {
                let named = given.text.iter().position(|&byte| byte == b'=');
                if named == Some(0) || given.text.is_empty() || (attribute == Contexts && named.is_none()) {
                    faults.push(fault(attribute, given, "NAME=VALUE is wanted"));
                }
            }
        }
        for given in self.words(Expect) {
            if let Err(wrong) = Expectation::parse(&String::from_utf8_lossy(&given.text)) {
                faults.push(fault(Expect, given, wrong.wanted));
            }
        }
        let mut extracts = Vec::new();
        for given in self.words(Attribute::Extract) {
            match extract(given) {
                Ok(found) => extracts.push(found),
                Err(fault) => faults.push(fault),
            }
        }
        self.extracts = extracts;
    }
}

/// A truth value, as bake writes it.
fn boolean(text: &[u8]) -> Option<bool> {
    match text.to_ascii_lowercase().as_slice() {
        b"true" | b"yes" | b"1" | b"on" => Some(true),
        b"false" | b"no" | b"0" | b"off" => Some(false),
        _ => None,
    }
}

fn extract(given: &Given) -> Result<Extract, Fault> {
    let wrong = || fault(Attribute::Extract, given, "PATH-IN-IMAGE:DESTINATION is wanted");
    let colon = memchr::memrchr(b':', &given.text).ok_or_else(wrong)?;
    let (source, destination) = (&given.text[..colon], &given.text[colon + 1..]);
    if !source.starts_with(b"/") || destination.is_empty() {
        return Err(wrong());
    }
    Ok(Extract { source: source.to_vec(), destination: destination.to_vec(), place: given.place })
}

#[cfg(test)]
mod tests;

//! What imk remembers of builds, in its own folder: the inputs by their digest, so that a change can be explained, by
//! image which inputs it was made from, where the image itself does not say, and builds of which it is not known whether their
//! inputs stayed what their labels say. All of it may be deleted at any time: then images that carry no label are built once more,
//! reasons are told less exactly, and the image of a build that was cut short is taken for what its label says.

use super::change::{Change, changes};
use super::codec::{Digest, seal, unseal};
use super::components::{Components, Unknown};
use super::folder::Folder;
use crate::image::engine::{Engine, EngineError};
use crate::image::log::Log;
use crate::image::reference::Reference;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The folders in imk's own, and how much each may hold.
const INPUTS: &str = "inputs";
const IMAGES: &str = "images";
const TARGETS: &str = "targets";
const HELD: &str = "held";
const LOGS: &str = "logs";
const DOUBTS: &str = "doubts";
const FILES_MAX: usize = 1000;
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Lists of inputs that led to one image and are kept.
const INPUTS_PER_IMAGE: usize = 16;
const RECORD: &str = "imk record 1";

/// The records in `.imk/` of a folder.
pub struct Memory {
    directory: PathBuf,
    /// The names in [`DOUBTS`], once they were looked for.
    doubts: Mutex<Option<BTreeSet<String>>>,
}

/// How an attempt to note a build went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noted {
    /// The image, by its id, is known from now on by its inputs.
    Image(String),
    /// The inputs changed while the build ran, so that what it was made from is not known: the changes, none where
    /// something was only touched.
    InputsChanged(Vec<Change>),
    /// An input can't be known at all.
    CannotKnow(Unknown),
    /// The build left no image under this tag.
    TagMissing(String),
}

impl Memory {
    /// The records in `.imk/` of `directory`. Nothing is read or made yet.
    pub fn new(directory: &Path) -> Memory {
        Memory { directory: directory.to_owned(), doubts: Mutex::default() }
    }

    fn folder(&self, name: &str) -> Option<Folder> {
        Folder::open(&self.directory)?.inner(name, false)
    }

    fn keep(&self, folder: &str, name: &str, text: &[u8]) {
        if let Some(folder) = Folder::make(&self.directory).and_then(|own| own.inner(folder, true))
            && folder.replace(name, text).is_some()
        {
            folder.prune(FILES_MAX, BYTES_MAX);
        }
    }

    /// The names of the files in [`DOUBTS`].
    fn doubts(&self) -> MutexGuard<'_, Option<BTreeSet<String>>> {
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.get_or_insert_with(|| {
            let listed = self.folder(DOUBTS).map(|folder| folder.list()).unwrap_or_default();
            listed.into_iter().map(|file| file.name).collect()
        });
        doubts
    }

    /// Digests of the inputs of which nobody knows if the images of target `name` that say so were made from them.
    fn doubts_of(&self, name: &str) -> Vec<Digest> {
        let own = key(name);
        if !self.doubts().as_ref().is_some_and(|doubts| doubts.contains(&own)) {
            return Vec::new();
        }
        let text = self.folder(DOUBTS).and_then(|folder| folder.read(&own)).map(|(text, _)| text);
        String::from_utf8_lossy(&text.unwrap_or_default()).lines().filter_map(Digest::from_hex).collect()
    }

    fn set_doubts(&self, name: &str, digests: &[Digest]) {
        let own = key(name);
        if !digests.is_empty() {
            let text: String = digests.iter().map(|digest| format!("{digest}\n")).collect();
            self.keep(DOUBTS, &own, text.as_bytes());
            self.doubts().get_or_insert_default().insert(own);
        } else if self.doubts().get_or_insert_default().remove(&own)
            && let Some(folder) = Folder::open(&self.directory)
        {
            folder.inner(DOUBTS, false).inspect(|doubts| doubts.remove(&own));
            folder.remove_empty(DOUBTS);
        }
    }

    /// A build of target `name` is about to be started, whose image will have the digest of `components` in its label. Until
    /// [`Memory::trust`] or [`Memory::not_built`] is called, also by a later run, such an image is not taken for fresh: should the build
    /// be cut short, nobody looks whether the inputs stayed what they were, and the engine may finish the image all the same. False where
    /// an earlier build was cut short, which is in doubt still.
    pub fn doubt(&self, name: &str, components: &Components) -> bool {
        let mut doubts = self.doubts_of(name);
        let digest = components.digest();
        let is_new = !doubts.contains(&digest);
        if is_new {
            doubts.push(digest);
            self.set_doubts(name, &doubts);
        }
        is_new
    }

    /// The image of target `name` is what its label says: whatever was built for it before has its tags no longer.
    pub fn trust(&self, name: &str) {
        self.set_doubts(name, &[]);
    }

    /// A build of `components` for target `name` left no image.
    pub fn not_built(&self, name: &str, components: &Components) {
        let mut doubts = self.doubts_of(name);
        let digest = components.digest();
        doubts.retain(|doubt| *doubt != digest);
        self.set_doubts(name, &doubts);
    }

    /// Whether nobody knows if images of target `name` with this digest in their labels are what they say.
    pub(super) fn is_doubted(&self, name: &str, digest: Digest) -> bool {
        self.doubts_of(name).contains(&digest)
    }

    /// Remembers that target `name` was built from `components`: call it when imk has built an image with their digest
    /// in its label, and they stayed what they were.
    pub fn remember(&self, name: &str, components: &Components) {
        let digest = components.digest().to_string();
        self.keep(INPUTS, &digest, &seal(RECORD, &components.record()));
        self.keep(TARGETS, &key(name), format!("{digest}\n").as_bytes());
    }

    /// Notes the images under `tags` that a command of the user's has just built for target `name`. `before` are the
    /// inputs from before the command was started, `after` those now: only if nothing was touched in between is it
    /// known what the build saw. `made` are all images that the command tags.
    ///
    /// # Errors
    /// An engine that does not answer.
    pub fn note(
        &self,
        engine: &dyn Engine,
        name: &str,
        tags: &[String],
        [before, after]: [&Components; 2],
        made: &[Reference],
    ) -> Result<Noted, EngineError> {
        if let Some(unknown) = before.unknown.iter().chain(&after.unknown).next() {
            return Ok(Noted::CannotKnow(unknown.clone()));
        }
        if !before.untouched_until(after, made) {
            return Ok(Noted::InputsChanged(changes(before, after)));
        }
        let mut images = Vec::with_capacity(tags.len());
        for tag in tags {
            match engine.image(tag)? {
                Some(image) => images.push(image.id),
                None => return Ok(Noted::TagMissing(tag.clone())),
            }
        }
        let digest = before.digest();
        for image in &images {
            let mut known = self.inputs_of(image);
            known.retain(|other| *other != digest);
            known.push(digest);
            let kept = known.len().saturating_sub(INPUTS_PER_IMAGE);
            let text: String = known[kept..].iter().map(|digest| format!("{digest}\n")).collect();
            self.keep(IMAGES, &key(image), &seal(RECORD, text.as_bytes()));
        }
        self.remember(name, before);
        Ok(Noted::Image(images.into_iter().next().unwrap_or_default()))
    }

    /// Digests of the inputs that image `id` is known to be made from, the last noted at the end.
    pub(super) fn inputs_of(&self, id: &str) -> Vec<Digest> {
        let text = self.folder(IMAGES).and_then(|folder| folder.read(&key(id))).map(|(text, _)| text);
        let text = text.unwrap_or_default();
        let lines = unseal(RECORD, &text).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
        lines.lines().filter_map(Digest::from_hex).collect()
    }

    /// Whether what `text` describes (an image, and what was expected of it) was found to hold.
    pub fn was_held(&self, text: &str) -> bool {
        self.folder(HELD)
            .and_then(|folder| folder.read(&key(text)))
            .is_some_and(|(own, _)| own == text.as_bytes())
    }

    /// Remembers that what `text` describes holds.
    pub fn note_held(&self, text: &str) {
        self.keep(HELD, &key(text), text.as_bytes());
    }

    /// Remembers the log of the last build of target `name`, which left the image `id`.
    pub fn note_log(&self, name: &str, id: &str, log: &Log) {
        let text = json!({ "image": id, "log": log.to_json() }).to_string();
        self.keep(LOGS, &key(name), &seal(RECORD, text.as_bytes()));
    }

    /// The log of the last build of target `name` that was seen, with the id of the image that it left.
    pub fn log_of(&self, name: &str) -> Option<(String, Log)> {
        let (text, _) = self.folder(LOGS)?.read(&key(name))?;
        let value: Value = serde_json::from_slice(unseal(RECORD, &text)?).ok()?;
        Some((value["image"].as_str()?.to_owned(), Log::from_json(&value["log"])))
    }

    /// Digest of the inputs that target `name` was last built from.
    pub(super) fn last_of(&self, name: &str) -> Option<Digest> {
        let (text, _) = self.folder(TARGETS)?.read(&key(name))?;
        Digest::from_hex(std::str::from_utf8(&text).ok()?.trim_end())
    }

    /// The inputs whose digest is `digest`, where they are still remembered.
    pub fn recall(&self, digest: Digest) -> Option<Components> {
        let (text, _) = self.folder(INPUTS)?.read(&digest.to_string())?;
        let components = Components::from_record(unseal(RECORD, &text)?)?;
        (components.digest() == digest).then_some(components)
    }
}

/// A file's name for a name of any bytes.
fn key(name: &str) -> String {
    Digest::of(name.as_bytes()).to_string()
}

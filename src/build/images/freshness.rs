//! Whether an image has to be built: its inputs, what the engine has, and the reasons (README, "Exact freshness"). Knows nothing of how
//! either is found.

use crate::base::diagnostic::Outcome;
use crate::build::Build;
use crate::build::images::sources::{OTHER_BUILDER, Sources};
use crate::expand::environment::environment;
use crate::image::block::{Block, Program};
use crate::image::engine::Image;
use crate::image::freshness::{
    Components, DigestCache, LABEL, Memory, Proof, Reason, Verdict, Wanted, fresh, is_same_content,
};
use crate::rules::file::FileId;
use std::collections::HashSet;
use std::path::Path;

/// What a run keeps of images' inputs.
pub struct Freshness {
    cache: DigestCache,
    memory: Memory,
    /// Image targets whose image is what it was: nothing that depends on them has to be made for their sake.
    unchanged: HashSet<FileId>,
}

impl Default for Freshness {
    fn default() -> Freshness {
        // Relative: the folder that imk runs in is entered by the time that an image is met.
        let here = Path::new(".");
        Freshness { cache: DigestCache::new(here), memory: Memory::new(here), unchanged: HashSet::new() }
    }
}

/// What is known of an image before it is built.
pub struct Judged {
    /// What the build is given.
    pub sources: Sources,
    /// Address of the engine.
    pub engine: String,
    /// The inputs; none where they can't be told.
    pub inputs: Option<Components>,
    /// The image that has the first tag now.
    pub before: Option<Box<Image>>,
    /// Why it has to be built, in words; empty where it is fresh.
    pub reasons: Vec<String>,
}

impl Judged {
    /// Whether the image need not be built.
    pub fn is_fresh(&self) -> bool {
        self.reasons.is_empty()
    }

    /// The label that says what the image is made from.
    pub fn label(&self) -> Option<(String, String)> {
        let inputs = self.inputs.as_ref().filter(|inputs| inputs.unknown.is_empty())?;
        Some((LABEL.to_owned(), inputs.digest().to_string()))
    }
}

impl Build {
    /// Looks whether the image of a block has to be built.
    ///
    /// # Errors
    /// Those of expanding the environment of its commands.
    pub fn judge_block(&mut self, file: FileId, block: &Block, program: &Program) -> Outcome<Option<Judged>> {
        let scope = self.session.rules.files[file].scope;
        let environment = environment(&mut self.session, scope, false)?;
        let environment = self.environment_for(block, environment);
        let Some(engine) = Build::address_of(program, &environment) else { return Ok(None) };
        let mut sources = Sources::of_block(block, program.client);
        if self.context_of(block).is_some() && sources.always == Some(OTHER_BUILDER) {
            // The engine of a docker context can be asked as any other.
            sources.always = None;
        }
        Ok(self.judge(file, sources, engine, Proof::Label))
    }

    /// Looks whether the image with these sources has to be built; none where the engine does not answer.
    pub fn judge(&mut self, file: FileId, sources: Sources, engine: String, proof: Proof) -> Option<Judged> {
        let asked = self.cleanup.engines.at(&engine).ok()?;
        let before = match sources.tags.first() {
            Some(tag) => asked.image(tag).ok()?.map(Box::new),
            None => None,
        };
        let mut judged = Judged { sources, engine, inputs: None, before, reasons: Vec::new() };
        if let Some(always) = judged.sources.always {
            judged.reasons.push(always.to_owned());
            return Some(judged);
        }
        let Some(inputs) = judged.sources.gather(asked, &self.images.freshness.cache) else {
            judged.reasons.push("its inputs can't be read".to_owned());
            return Some(judged);
        };
        let name = String::from_utf8_lossy(self.session.name_of(file)).into_owned();
        let forced = self.session.always_make || self.says_new(&judged.sources);
        let wanted = Wanted { name: &name, tags: &judged.sources.tags, components: &inputs, proof, forced };
        match fresh(asked, &wanted, &self.images.freshness.memory) {
            Ok(Verdict::Fresh(_)) => {}
            Ok(Verdict::Stale(reasons)) => {
                let dockerfile = judged.sources.dockerfile.as_deref().unwrap_or(Path::new("Dockerfile"));
                let dockerfile = dockerfile.strip_prefix(".").unwrap_or(dockerfile).display().to_string();
                judged.reasons = reasons.iter().flat_map(|reason| words(reason, &dockerfile)).collect();
            }
            Err(fault) => judged.reasons.push(fault.message()),
        }
        judged.inputs = Some(inputs);
        Some(judged)
    }

    /// Whether `-W` names a file that the build may read.
    fn says_new(&self, sources: &Sources) -> bool {
        self.session.settings.new_files.iter().any(|name| sources.may_read(name))
    }

    /// An image was built from `judged`. Tells whether its inputs stayed what they were meanwhile, and remembers them then.
    pub fn built(&mut self, file: FileId, judged: &Judged) -> bool {
        let Ok(engine) = self.cleanup.engines.at(&judged.engine) else { return true };
        let now = judged.sources.tags.first().and_then(|tag| engine.image(tag).ok().flatten());
        if let (Some(before), Some(now)) = (&judged.before, &now)
            && is_same_content(before, now)
        {
            self.images.freshness.unchanged.insert(file);
        }
        let Some(inputs) = &judged.inputs else { return true };
        let after = judged.sources.gather(engine, &self.images.freshness.cache);
        if !after.is_some_and(|after| inputs.untouched_until(&after)) {
            return false;
        }
        let name = String::from_utf8_lossy(self.session.name_of(file)).into_owned();
        self.images.freshness.memory.remember(&name, inputs);
        true
    }

    /// The image of `file` is fresh: it is what it was.
    pub fn note_fresh(&mut self, file: FileId) {
        self.images.freshness.unchanged.insert(file);
    }

    /// Whether `file` is an image target whose image is what it was before the run.
    #[inline]
    pub fn is_unchanged_image(&self, file: FileId) -> bool {
        !self.images.freshness.unchanged.is_empty() && self.images.freshness.unchanged.contains(&file)
    }
}

/// A reason in words.
fn words(reason: &Reason, dockerfile: &str) -> Vec<String> {
    reason.messages(dockerfile)
}

//! Whether an image has to be built: its inputs, what the engine has, and the reasons (README, "Exact freshness"). Knows nothing of how
//! either is found.

use crate::base::diagnostic::Outcome;
use crate::base::events::Phase;
use crate::base::mask::Masks;
use crate::base::tables::HashSet;
use crate::build::Build;
use crate::build::images::sources::{OTHER_BUILDER, Sources, of_environment};
use crate::expand::environment::environment;
use crate::image::block::{Block, Program};
use crate::image::engine::{Engine, EngineError, Image};
use crate::image::freshness::{
    Change, Components, DigestCache, LABEL, Memory, Proof, Reason, Verdict, Wanted, fresh, is_same_content,
};
use crate::image::reference::Reference;
use crate::rules::file::FileId;
use std::path::Path;

/// What a run keeps of images' inputs.
pub struct Freshness {
    pub(super) cache: DigestCache,
    memory: Memory,
    /// What no record may hold.
    pub masks: Option<Masks>,
    /// Image targets whose image is what it was: nothing that depends on them has to be made for their sake.
    unchanged: HashSet<FileId>,
    /// Names whose inputs came to be in doubt by the last build that was started for them ([`Memory::doubt`]).
    doubted: HashSet<String>,
}

impl Default for Freshness {
    fn default() -> Freshness {
        // Relative: the folder that imk runs in is entered by the time that an image is met.
        let here = Path::new(".");
        Freshness {
            cache: DigestCache::new(here),
            memory: Memory::new(here),
            masks: None,
            unchanged: HashSet::default(),
            doubted: HashSet::default(),
        }
    }
}

/// What is known of an image before it is built.
pub struct Judged {
    /// The name that its inputs are remembered by.
    pub name: String,
    /// What the build is given.
    pub sources: Sources,
    /// Address of the engine.
    pub engine: String,
    /// The inputs; none where they can't be told.
    pub inputs: Option<Components>,
    /// The image that has the first tag now.
    pub before: Option<Box<Image>>,
    /// Why it has to be built, the weightiest reason first; empty where it is fresh.
    pub reasons: Vec<ImageReason>,
}

/// Why an image has to be built.
#[derive(Clone, Debug)]
pub enum ImageReason {
    /// `-B` asks for it.
    Forced,
    /// `-W` takes this file, which the build may read, for new.
    TakenForNew(Vec<u8>),
    /// It is made from the image of this target, which would be built: whether to another content is not known beforehand.
    BaseBuilt(Vec<u8>),
    /// It is built each time, for this reason.
    Always(&'static str),
    /// Its inputs can't be read: the build will say why.
    Unreadable,
    /// There is no engine that answers.
    NoEngine,
    /// The engine failed.
    Engine(EngineError),
    /// The image, or its inputs.
    Inputs(Reason),
}

impl ImageReason {
    /// The reason in words, one line a change; `dockerfile` is the file's name for people.
    pub fn messages(&self, dockerfile: &str) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        vec![match self {
            ImageReason::Forced => "-B asks for it".to_owned(),
            ImageReason::TakenForNew(name) => format!("-W takes {} for new", text(name)),
            ImageReason::BaseBuilt(name) => format!("the image of {} is built", text(name)),
            ImageReason::Always(why) => (*why).to_owned(),
            ImageReason::Unreadable => "its inputs can't be read".to_owned(),
            ImageReason::NoEngine => "no engine says what image there is".to_owned(),
            ImageReason::Engine(fault) => fault.message(),
            ImageReason::Inputs(reason) => return reason.messages(dockerfile),
        }]
    }
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
        self.tell_phase_of(Phase::Judging, file);
        let judged = self.judge_with(file, block, program);
        self.session.context.events.phase_ended(Phase::Judging);
        judged
    }

    fn judge_with(&mut self, file: FileId, block: &Block, program: &Program) -> Outcome<Option<Judged>> {
        let scope = self.session.rules.files[file].scope;
        let environment = environment(&mut self.session, scope, false)?;
        let environment = self.environment_for(block, environment);
        let Some(engine) = Build::address_of(program, &environment) else { return Ok(None) };
        let mut sources = Sources::of_block(block, program.client, &of_environment(&environment));
        if self.context_of(block).is_some() && sources.always == Some(OTHER_BUILDER) {
            // The engine of a docker context can be asked as any other.
            sources.is_built_by_engine();
        }
        let name = String::from_utf8_lossy(self.session.name_of(file)).into_owned();
        Ok(self.judge(file, name, sources, engine, Proof::Label))
    }

    /// Looks whether the image with these sources has to be built; none where the engine does not answer. It is remembered as
    /// `name`.
    pub fn judge(
        &mut self,
        file: FileId,
        name: String,
        sources: Sources,
        engine: String,
        proof: Proof,
    ) -> Option<Judged> {
        let asked = self.cleanup.engines.at(&engine).ok()?;
        let before = match sources.tags.first() {
            Some(tag) => asked.image(tag).ok()?.map(Box::new),
            None => None,
        };
        let mut judged = Judged { name, sources, engine, inputs: None, before, reasons: Vec::new() };
        if let Some(always) = judged.sources.always {
            judged.reasons.push(ImageReason::Always(always));
            return Some(judged);
        }
        let Some(inputs) = judged.sources.gather(asked, &self.images.freshness) else {
            judged.reasons.push(ImageReason::Unreadable);
            return Some(judged);
        };
        if self.session.always_make {
            judged.reasons.push(ImageReason::Forced);
        }
        let new = self.session.settings.new_files.iter().filter(|name| judged.sources.reads(name, &inputs));
        judged.reasons.extend(new.cloned().map(ImageReason::TakenForNew));
        if self.pretends() {
            let below = self.images.edges.get(&file).into_iter().flatten();
            let built = below.filter(|&&other| !self.is_unchanged_image(other));
            judged
                .reasons
                .extend(built.map(|&other| ImageReason::BaseBuilt(self.session.name_of(other).to_vec())));
        }
        let tags = &judged.sources.tags;
        let found = (!tags.is_empty()).then_some(judged.before.as_deref());
        let wanted = Wanted { name: &judged.name, tags, components: &inputs, proof, found };
        match fresh(asked, &wanted, &self.images.freshness.memory) {
            Ok(Verdict::Fresh(_)) => {}
            Ok(Verdict::Stale(reasons)) => {
                let old = &self.session.settings.old_files;
                let left = reasons.into_iter().filter_map(|reason| without_old(reason, &judged.sources, old));
                judged.reasons.extend(left.map(ImageReason::Inputs));
            }
            Err(fault) => judged.reasons.push(ImageReason::Engine(fault)),
        }
        judged.inputs = Some(inputs);
        Some(judged)
    }

    /// A build from `judged` is about to be started.
    pub fn will_build(&mut self, judged: &Judged) {
        let (Some(_), Some(inputs)) = (judged.label(), &judged.inputs) else { return };
        match self.images.freshness.memory.doubt(&judged.name, inputs) {
            true => self.images.freshness.doubted.insert(judged.name.clone()),
            // Of an attempt before, whose image may be what is there now.
            false => self.images.freshness.doubted.remove(&judged.name),
        };
    }

    /// A build from `judged` failed by itself. Where it left no image that says it is made from these inputs, there is nothing to doubt: an
    /// image that is what it was before is not of this build.
    pub fn build_failed(&mut self, judged: &Judged) {
        let (Some((name, label)), Some(inputs)) = (judged.label(), &judged.inputs) else { return };
        // What an earlier build was cut short at is in doubt still.
        if !self.images.freshness.doubted.contains(&judged.name) {
            return;
        }
        let Ok(engine) = self.cleanup.engines.at(&judged.engine) else { return };
        let is_as_before = |image: &Image| {
            judged.before.as_ref().is_some_and(|before| {
                (&before.id, &before.tagged_exactly) == (&image.id, &image.tagged_exactly)
            })
        };
        let is_without = |tag: &String| {
            engine.image(tag).is_ok_and(|image| {
                image.is_none_or(|image| image.labels.get(&name) != Some(&label) || is_as_before(&image))
            })
        };
        if !judged.sources.tags.is_empty() && judged.sources.tags.iter().all(is_without) {
            self.images.freshness.memory.not_built(&judged.name, inputs);
        }
    }

    /// An image was built from `judged`. Tells whether its inputs stayed what they were meanwhile, and remembers them then.
    pub fn built(&mut self, file: FileId, judged: &Judged) -> bool {
        let Ok(engine) = self.cleanup.engines.at(&judged.engine) else { return true };
        let now = image_now(judged, engine);
        let unchanged = is_what_it_was(judged, now.as_ref());
        if unchanged {
            self.images.freshness.unchanged.insert(file);
        }
        self.tell_built(file, judged, now.as_ref(), unchanged);
        self.supersede(judged, now.as_ref());
        if let Some(now) = &now {
            // For an audit of a later run.
            self.log_of(file, &now.id);
        }
        let Ok(engine) = self.cleanup.engines.at(&judged.engine) else { return true };
        let Some(inputs) = &judged.inputs else { return true };
        let after = judged.sources.gather(engine, &self.images.freshness);
        if !after.is_some_and(|after| inputs.untouched_until(&after, &[])) {
            return false;
        }
        self.images.freshness.memory.remember(&judged.name, inputs);
        self.images.freshness.memory.trust(&judged.name);
        true
    }

    /// A recipe that is understood whole built these images: what they were made from is noted, as far as it is known.
    pub fn note_built(&mut self, file: FileId, judged: &[Judged]) {
        let mut unchanged = true;
        let tags = judged.iter().flat_map(|one| &one.sources.tags);
        let made: Vec<Reference> = tags.filter_map(|tag| Reference::parse(tag.as_bytes()).ok()).collect();
        for one in judged {
            let Ok(engine) = self.cleanup.engines.at(&one.engine) else { return };
            let now = image_now(one, engine);
            let same = is_what_it_was(one, now.as_ref());
            unchanged &= same;
            self.tell_built(file, one, now.as_ref(), same);
            self.supersede(one, now.as_ref());
            let Ok(engine) = self.cleanup.engines.at(&one.engine) else { return };
            let Some(before) = &one.inputs else { continue };
            let Some(after) = one.sources.gather(engine, &self.images.freshness) else { continue };
            // Where it can't be noted the image is built once more, and `--why` says so.
            let memory = &self.images.freshness.memory;
            let _ = memory.note(engine, &one.name, &one.sources.tags, [before, &after], &made);
        }
        if unchanged {
            self.images.freshness.unchanged.insert(file);
        }
    }

    /// In a watch session the image that had the tag goes where the session built it and nothing else names it: one that builds all
    /// day leaves the last image, not hundreds.
    fn supersede(&mut self, judged: &Judged, now: Option<&Image>) {
        let (Some(observer), Some(now)) = (&self.observer, now) else { return };
        let before =
            judged.before.as_ref().map(|before| before.id.as_str()).filter(|&before| before != now.id);
        let is_own = observer.built(&judged.engine, before, &now.id);
        let (Some(before), true) = (before, is_own) else { return };
        let Ok(engine) = self.cleanup.engines.at(&judged.engine) else { return };
        let is_nameless = |image: Image| image.tags.is_empty();
        if engine.image(before).is_ok_and(|image| image.is_some_and(is_nameless)) {
            // A container may be made from it: then it stays.
            let _ = engine.remove_image(before);
        }
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

/// The image that has the first tag now.
fn image_now(judged: &Judged, engine: &dyn Engine) -> Option<Image> {
    judged.sources.tags.first().and_then(|tag| engine.image(tag).ok().flatten())
}

/// Whether the image that was built has the content of the one before.
fn is_what_it_was(judged: &Judged, now: Option<&Image>) -> bool {
    matches!((&judged.before, now), (Some(before), Some(now)) if is_same_content(before, now))
}

/// A reason without the changes of files that `-o` takes for old; none where nothing else is left of it.
fn without_old(reason: Reason, sources: &Sources, old: &[Vec<u8>]) -> Option<Reason> {
    let Reason::InputsChanged { mut changes } = reason else { return Some(reason) };
    if old.is_empty() || changes.is_empty() {
        return Some(Reason::InputsChanged { changes });
    }
    changes.retain(|change| {
        !old.iter().any(|name| match change {
            Change::File { context: None, path, .. } => sources.is_entry(name, path),
            Change::Instruction { .. } | Change::Dockerfile => sources.is_dockerfile(name),
            _ => false,
        })
    });
    (!changes.is_empty()).then_some(Reason::InputsChanged { changes })
}

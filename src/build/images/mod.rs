//! Image targets at work: blocks met on the walk, their edges, their commands as steps of a job. Knows nothing of how a block's
//! command lines are made.

pub mod bake;
mod edges;
pub mod expect;
pub mod freshness;
mod listed;
pub mod logs;
pub mod preflight;
pub mod sources;
pub mod steps;

use crate::base::diagnostic::{Outcome, Stop};
use crate::base::tables::HashMap;
use crate::build::Build;
use crate::build::cleanup::engines;
use crate::expand::Origin;
use crate::expand::variables::Definition;
use crate::image::block::{Block, Fault, Program};
use crate::image::command::Client;
use crate::image::engine::EngineError;
use crate::image::engine::choose::{self, Surroundings};
use crate::os::files::Mtime;
use crate::rules::automatic;
use crate::rules::file::{FileId, Status};
use crate::rules::images::{self, Attribute};
use crate::rules::scope::open_scope;
use std::ffi::CString;
use std::os::unix::ffi::OsStringExt;
use std::rc::Rc;

/// An engine in use.
#[derive(Clone)]
pub struct InUse {
    /// Its client's program.
    pub program: Program,
    /// Why it can't be used.
    pub fault: Option<EngineError>,
}

/// Why a block can't be read.
enum Refusal {
    /// Attributes whose values can't be.
    Faults(Vec<Fault>),
    /// What ends the run.
    Stop(Stop),
}

/// What a run knows of its image targets.
#[derive(Default)]
pub struct ImageTargets {
    /// The blocks of the targets met so far.
    blocks: HashMap<FileId, Rc<Block>>,
    /// The image targets whose images each image target reads.
    edges: HashMap<FileId, Vec<FileId>>,
    /// Which image target has which tag: canonical reference to file. Made when an edge is first looked for.
    tags: Option<HashMap<String, FileId>>,
    /// Engines by name; the empty name stands for the one that is chosen.
    engines: HashMap<String, InUse>,
    /// What images were made from, and whether they are fresh.
    pub freshness: freshness::Freshness,
    /// Puts findings into words; their codes serve where it is not set.
    pub finding_words: Option<expect::Words>,
    bakes: bake::Bakes,
    /// How many files were copied out of images, or are about to be.
    extractions: usize,
    /// What is found wrong before anything runs.
    pub preflight: preflight::Preflight,
}

impl Build {
    /// Meets `file` on the walk: where it is an image target, its block is read, and its found edges become prerequisites.
    #[inline]
    pub fn meet_image(&mut self, file: FileId) -> Outcome {
        if self.session.rules.images.is_empty() || self.images.blocks.contains_key(&file) {
            return Ok(());
        }
        self.meet(file)
    }

    fn meet(&mut self, file: FileId) -> Outcome {
        let name = self.session.name_of(file);
        self.session.rules.images.list_by_pattern(file, name);
        if self.session.rules.images.is_listed(file) {
            // As an image it is never compared with a file of its name; an implicit rule may yet have its recipe.
            let record = &mut self.session.rules.files[file];
            record.mtime = Mtime::ABSENT;
            record.mtime_before = Mtime::ABSENT;
        }
        let block = match self.read_block(file) {
            Ok(Some(block)) => block,
            Ok(None) => return Ok(()),
            Err(refusal) => return self.refuse_block(file, refusal),
        };
        self.enter_block(file, block)
    }

    /// Makes `file` an image target with this block.
    fn enter_block(&mut self, file: FileId, block: Block) -> Outcome {
        let record = &mut self.session.rules.files[file];
        record.phony = true;
        record.is_target = true;
        record.mtime = Mtime::ABSENT;
        record.mtime_before = Mtime::ABSENT;
        let block = Rc::new(block);
        self.images.blocks.insert(file, Rc::clone(&block));
        self.add_edges(file, &block)
    }

    /// The block of `file`, read anew; none where it is no image target.
    fn read_block(&mut self, file: FileId) -> Result<Option<Block>, Refusal> {
        let attributes = images::attributes(&mut self.session, file).map_err(Refusal::Stop)?;
        let Some(attributes) = attributes else { return Ok(None) };
        let name = self.session.name_of(file);
        Block::read(name, &attributes).map(Some).map_err(Refusal::Faults)
    }

    /// A block can't be read: `--check` goes on, everything else ends.
    fn refuse_block(&mut self, file: FileId, refusal: Refusal) -> Outcome {
        let faults = match refusal {
            Refusal::Stop(stop) => return Err(stop),
            Refusal::Faults(faults) => faults,
        };
        let told = self.images.preflight.refused.contains(&file);
        if !told && (self.collector.is_none() || self.session.settings.own.check.is_none()) {
            return Err(faults.into_iter().next().map_or(Stop::Exit(2), Stop::Fatal));
        }
        if self.images.preflight.refused.insert(file) {
            let found = self.faults_found(file, faults);
            self.images.preflight.found.extend(found);
        }
        // It is a target, and nothing more is looked at.
        let record = &mut self.session.rules.files[file];
        (record.phony, record.is_target, record.recipe) = (true, true, None);
        Ok(())
    }

    /// Whether it was said already what is wrong with `file`, which is not to be built therefore.
    pub fn is_given_up(&self, file: FileId) -> bool {
        self.collector.is_none() && self.images.preflight.refused.contains(&file)
    }

    /// The block of an image target that was met.
    pub fn block_of(&self, file: FileId) -> Option<Rc<Block>> {
        self.images.blocks.get(&file).cloned()
    }

    /// Runs an image target: its block's commands, then its recipe.
    pub fn execute_image(&mut self, file: FileId, block: &Rc<Block>) -> Outcome {
        open_scope(&mut self.session, file, false)?;
        let stem = self.session.rules.files[file].stem;
        let always = self.session.always_make;
        automatic::set(&mut self.session, file, stem, always);
        let tag = block.tags().first().map(|given| given.text.clone()).unwrap_or_default();
        self.define_for(file, b".IMAGE", &tag);
        let recipe = match self.session.rules.files[file].recipe {
            Some(recipe) => recipe,
            None => {
                let prefix = self.session.recipe_prefix;
                let recipe = self.session.rules.recipes.add(b"", block.place, prefix);
                self.session.rules.files[file].recipe = Some(recipe);
                recipe
            }
        };
        self.chop(recipe)?;
        let steps = self.steps_of(file, block)?;
        if self.is_refused(file, block, &steps)? {
            self.session.rules.files[file].status = Status::Failed;
            return self.notice_finished(file);
        }
        let is_over = steps.all.is_empty() && !self.is_baked(file);
        if is_over && self.session.rules.recipes[recipe].text.is_empty() {
            self.session.rules.files[file].status = Status::Success;
            return self.notice_finished(file);
        }
        self.new_job(file, recipe, steps)
    }

    /// Defines a variable for the recipe of `file` alone: prerequisites do not see it.
    pub fn define_for(&mut self, file: FileId, name: &[u8], value: &[u8]) {
        let Some(scope) = self.session.rules.files[file].scope else { return };
        let context = &mut self.session.context;
        let name = context.names.intern(name);
        let set = context.variables.set_of(scope);
        let definition = Definition { value, origin: Origin::Automatic, recursive: false, place: None };
        let id = context.variables.define(&context.names, set, name, &definition);
        context.variables.get_mut(id).private = true;
    }

    /// The engine that `block` asks for, else the one chosen for the run, else the first that answers.
    pub fn engine_for(&mut self, block: &Block) -> InUse {
        let own =
            block.word(Attribute::Engine).map(|given| String::from_utf8_lossy(&given.text).into_owned());
        let name =
            own.or_else(|| self.engine.client.map(|client| client.name().to_owned())).unwrap_or_default();
        if let Some(known) = self.images.engines.get(&name) {
            return known.clone();
        }
        let (client, fault) = match Client::of(&name) {
            Some(client) => (client, None),
            None if name.is_empty() => match choose::first(&Surroundings::of_process()) {
                Ok((client, engine)) => {
                    let environment = |name: &str| std::env::var_os(name).map(OsStringExt::into_vec);
                    // What the client is to reach by other ways, it looks up each time.
                    let is_socket = |address: &String| address.starts_with("docker unix://");
                    if let Some(address) = engines::chosen(client.name(), &environment).filter(is_socket) {
                        self.cleanup.engines.keep(address, engine);
                    }
                    (client, None)
                }
                Err(fault) => (Client::Docker, Some(fault)),
            },
            None => (Client::Docker, Some(EngineError::UnknownEngine(name.clone()))),
        };
        let program = Program { client, path: client.name().as_bytes().to_vec() };
        let in_use = InUse { program, fault };
        self.images.engines.insert(name, in_use.clone());
        in_use
    }

    /// Address of the engine that `program` speaks to in the environment of a job.
    pub fn address_of(program: &Program, environment: &[CString]) -> Option<String> {
        let name = String::from_utf8_lossy(&program.path).into_owned();
        engines::chosen(&name, &|variable| {
            environment.iter().find_map(|entry| {
                let value = entry.as_bytes().strip_prefix(variable.as_bytes())?.strip_prefix(b"=")?;
                Some(value.to_vec())
            })
        })
    }
}

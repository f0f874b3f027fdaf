//! Image targets at work: blocks met on the walk, their edges, their commands as steps of a job. Knows nothing of how a block's
//! command lines are made.

mod edges;
pub mod steps;

use crate::base::diagnostic::{Outcome, Stop};
use crate::build::Build;
use crate::expand::Origin;
use crate::expand::variables::Definition;
use crate::image::block::{Block, Program};
use crate::image::command::Client;
use crate::image::engine::choose::{self, Surroundings};
use crate::image::engine::client::ClientKind;
use crate::image::engine::{Engine, EngineError};
use crate::os::files::Mtime;
use crate::rules::automatic;
use crate::rules::file::FileId;
use crate::rules::images::{self, Attribute};
use crate::rules::scope::open_scope;
use std::collections::HashMap;
use std::rc::Rc;

/// An engine in use.
pub struct InUse {
    /// Its client's program.
    pub program: Program,
    /// The engine; the fault of looking for it where none answers.
    pub engine: Result<Box<dyn Engine>, EngineError>,
}

/// What a run knows of its image targets.
#[derive(Default)]
pub struct ImageTargets {
    /// The blocks of the targets met so far.
    blocks: HashMap<FileId, Rc<Block>>,
    /// Which image target has which tag: canonical reference to file. Made when an edge is first looked for.
    tags: Option<HashMap<String, FileId>>,
    /// Engines by name; the empty name stands for the one that is chosen.
    engines: HashMap<String, Rc<InUse>>,
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
        let Some(block) = self.read_block(file)? else { return Ok(()) };
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
    fn read_block(&mut self, file: FileId) -> Outcome<Option<Block>> {
        let Some(attributes) = images::attributes(&mut self.session, file)? else { return Ok(None) };
        let name = self.session.name_of(file);
        Block::read(name, &attributes).map(Some).map_err(|(place, complaint)| Stop::fatal(place, complaint))
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

    /// The engine that `block` asks for, else the one chosen for the run.
    pub fn engine_for(&mut self, block: &Block) -> Rc<InUse> {
        let own =
            block.word(Attribute::Engine).map(|given| String::from_utf8_lossy(&given.text).into_owned());
        let chosen = own.or_else(|| {
            let option = self.session.settings.own.engine.as_ref();
            option.map(|name| String::from_utf8_lossy(name).into_owned())
        });
        self.engine_called(&chosen.or_else(|| std::env::var("IMK_ENGINE").ok()).unwrap_or_default())
    }

    /// The engine called `name`, or the first that answers.
    fn engine_called(&mut self, name: &str) -> Rc<InUse> {
        if let Some(known) = self.images.engines.get(name) {
            return Rc::clone(known);
        }
        let surroundings = Surroundings::of_process();
        let (kind, engine) = match ClientKind::of(name) {
            Some(kind) => (kind, choose::named(name, &surroundings)),
            None if name.is_empty() => match choose::first(&surroundings) {
                Ok((kind, engine)) => (kind, Ok(engine)),
                Err(fault) => (ClientKind::Docker, Err(fault)),
            },
            None => (ClientKind::Docker, Err(EngineError::UnknownEngine(name.to_owned()))),
        };
        let client = match kind {
            ClientKind::Docker => Client::Docker,
            ClientKind::Podman => Client::Podman,
            ClientKind::Nerdctl => Client::Nerdctl,
            ClientKind::Buildah => Client::Buildah,
        };
        let program = Program { client, path: kind.name().as_bytes().to_vec() };
        let in_use = Rc::new(InUse { program, engine });
        self.images.engines.insert(name.to_owned(), Rc::clone(&in_use));
        in_use
    }
}

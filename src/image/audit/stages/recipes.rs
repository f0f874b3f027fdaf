//! What all recipes of a run do that matters to each of its builds: found once. Judges nothing.

use super::super::subject::Subject;
use crate::base::tables::{HashMap, HashSet};
use crate::image::command::ImageCommand;
use crate::image::reference::Reference;
use crate::image::study::{DockerfileUse, Study};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What the recipes of a run do.
#[derive(Default)]
pub struct Recipes {
    /// Whether one of them pulls an image.
    pulls: bool,
    /// Canonical references of the images that they build.
    built: HashSet<String>,
    /// Who builds the stages of a Dockerfile, by its path.
    builders: RefCell<HashMap<PathBuf, Rc<Builders>>>,
}

/// What is done for a build to get newer bases, and which images the recipes build themselves.
pub(super) struct Refresh<'r> {
    /// Whether the build itself asks for newer bases, or a recipe does.
    pub pulls: bool,
    /// Canonical references of the images that recipes of this run build.
    pub built: &'r HashSet<String>,
}

impl Recipes {
    /// What the recipes of `study` do.
    pub fn of(study: &Study) -> Recipes {
        let mut found = Recipes::default();
        for (_, _, command) in study.recipes.iter().flat_map(|recipe| recipe.commands()) {
            match &command.command {
                ImageCommand::Build(build) => {
                    let tags = build.tags.iter().filter_map(|tag| Reference::parse(tag.known()?).ok());
                    found.built.extend(tags.map(|tag| tag.with_default_tag().canonical()));
                }
                ImageCommand::Pull(_) => found.pulls = true,
                _ => {}
            }
        }
        found
    }

    /// What is known for `subject`.
    pub(super) fn refresh(&self, study: &Study, subject: Subject) -> Refresh<'_> {
        let mut own = study.recipes.get(subject.recipe).into_iter().flat_map(|recipe| recipe.commands());
        let asks = own.any(|(_, _, command)| {
            matches!(&command.command, ImageCommand::Build(build) if build.pull != Some(false))
        });
        Refresh { pulls: self.pulls || asks, built: &self.built }
    }

    /// Who builds the stages of the Dockerfile at `path`.
    pub(super) fn builders(&self, study: &Study, path: &Path) -> Rc<Builders> {
        let mut known = self.builders.borrow_mut();
        if let Some(found) = known.get(path) {
            return Rc::clone(found);
        }
        let found = Rc::new(Builders::of(study, path));
        known.insert(path.to_owned(), Rc::clone(&found));
        found
    }
}

/// Who builds the stages of a Dockerfile: for each stage the first recipe, and all.
#[derive(Default)]
pub(super) struct Builders(HashMap<usize, (usize, HashSet<usize>)>);

impl Builders {
    fn of(study: &Study, path: &Path) -> Self {
        let mut builders = Builders::default();
        for (at, other) in study.recipes.iter().enumerate() {
            for build in &other.builds {
                let same = matches!(&build.dockerfile, DockerfileUse::File(file) if file.path == path);
                let Some(Ok(analysis)) = build.analysis.as_ref().filter(|_| same) else { continue };
                for used in &analysis.stages {
                    builders.0.entry(used.index).or_insert_with(|| (at, HashSet::default())).1.insert(at);
                }
            }
        }
        builders
    }

    /// The first recipe that builds stage `index`.
    pub fn first(&self, index: usize) -> Option<usize> {
        self.0.get(&index).map(|(first, _)| *first)
    }

    /// Whether stage `index` is built when the images of recipe `own` are there: by itself, or by a recipe before it.
    pub fn has_one_before(&self, index: usize, study: &Study, own: usize) -> bool {
        let Some((_, all)) = self.0.get(&index) else { return false };
        let Some(before) = study.recipes.get(own).map(|recipe| &recipe.before) else { return false };
        all.contains(&own)
            || match all.len() < before.len() {
                true => all.iter().any(|at| before.contains(at)),
                false => before.iter().any(|at| all.contains(at)),
            }
    }
}

//! Recipes studied: their lines read, what they make and remove, and for each build the Dockerfile, the stages reached and
//! the files read. What plans and checks are made from. Runs nothing, and knows nothing of how either is shown.
//!
//! Each Dockerfile, ignore file and context tree is read once, however many builds use it.

pub mod address;
pub mod builds;
mod files;
mod inputs;
mod platforms;

pub use address::{Address, Connect, Connection};
pub use builds::{BuildStudy, ContextUse, DockerfileUse, GivenArg};
pub use files::{DockerfileText, FileFault};
pub use inputs::{Amount, IgnoreUse, Inputs, ReadFound};

use super::command::{Client, Lifecycle, Reading, Recognised, lifecycle, recognise};
use super::recipe::{Recipe, Runner};
use crate::base::tables::HashSet;
use std::path::PathBuf;

/// What a study may look at.
pub struct Outside<'o> {
    /// The folder that recipes run in.
    pub directory: PathBuf,
    /// How engines are reached.
    pub connect: &'o dyn Connect,
}

/// Recipes, studied.
#[derive(Default)]
pub struct Study {
    /// Each recipe, in order.
    pub recipes: Vec<RecipeStudy>,
    /// The engines that the recipes speak to, in the order of their first use.
    pub connections: Vec<Connection>,
}

/// A recipe, studied.
pub struct RecipeStudy {
    /// The recipe.
    pub recipe: Recipe,
    /// What each line does.
    pub readings: Vec<Reading>,
    /// What the recipe makes, and removes of that.
    pub lifecycle: Lifecycle,
    /// The builds, in the order of the lines.
    pub builds: Vec<BuildStudy>,
    /// For each line, for each of its commands, the engine: index into [`Study::connections`]; none where it is not known.
    pub engines: Vec<Vec<Option<usize>>>,
    /// Indices of the recipes that have ended when this one starts.
    pub before: HashSet<usize>,
}

impl Study {
    /// The engine of a command of `recipe`; none where it is not known.
    pub fn connection(&self, recipe: &RecipeStudy, line: usize, command: usize) -> Option<&Connection> {
        self.connections.get(recipe.engine(line, command)?)
    }

    /// The client that a command runs: podman, where that stands behind docker's name.
    pub fn client(&self, recipe: &RecipeStudy, line: usize, command: usize) -> Option<Client> {
        let named = recipe.command(line, command)?.client;
        Some(self.connection(recipe, line, command).map_or(named, |found| found.address.client))
    }
}

impl RecipeStudy {
    /// The command at a line and index.
    pub fn command(&self, line: usize, command: usize) -> Option<&Recognised> {
        self.readings.get(line)?.commands.get(command)
    }

    /// The engine of the command at a line and index, as an index into [`Study::connections`]; none where it is not known.
    pub fn engine(&self, line: usize, command: usize) -> Option<usize> {
        *self.engines.get(line)?.get(command)?
    }

    /// All commands, each with its line and its index there.
    pub fn commands(&self) -> impl Iterator<Item = (usize, usize, &Recognised)> {
        self.readings.iter().enumerate().flat_map(|(line, reading)| {
            reading.commands.iter().enumerate().map(move |(index, command)| (line, index, command))
        })
    }
}

impl Study {
    /// Studies `recipes`; `before` has for each the indices of those that have ended when it starts.
    pub fn of(recipes: Vec<Recipe>, before: Vec<HashSet<usize>>, outside: &Outside<'_>) -> Study {
        let mut before = before.into_iter();
        let mut connections = address::Connections::new(outside.connect);
        let mut all: Vec<RecipeStudy> = recipes
            .into_iter()
            .map(|recipe| {
                let readings: Vec<Reading> = recipe.lines.iter().map(|line| read(&recipe, line)).collect();
                let engines = readings
                    .iter()
                    .map(|reading| {
                        let commands = reading.commands.iter();
                        commands.map(|command| connections.of(command, &recipe)).collect()
                    })
                    .collect();
                let lifecycle = lifecycle(&readings);
                let before = before.next().unwrap_or_default();
                RecipeStudy { recipe, readings, lifecycle, builds: Vec::new(), engines, before }
            })
            .collect();
        builds::study(&mut all, &connections, outside);
        Study { recipes: all, connections: connections.all }
    }
}

/// What a line does, where a shell runs it.
fn read(recipe: &Recipe, line: &super::recipe::Line) -> Reading {
    match line.runner {
        Runner::Shell => recognise(&line.text, &|name| recipe.variable(name)),
        Runner::Other(_) | Runner::SubMake => Reading::default(),
    }
}

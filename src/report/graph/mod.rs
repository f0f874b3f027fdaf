//! `--graph`: targets, images and stages as a graph, and its forms. Knows nothing of how it was found.

mod dot;
mod layout;
mod mermaid;
mod svg;
mod text;

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;
pub use text::text;

use super::style::printable;
use crate::base::mask::Masks;

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A target that is no file.
    Phony,
    /// A file that is made.
    File,
    /// A target that is an image.
    Image,
    /// A stage of a Dockerfile.
    Stage,
    /// An image from elsewhere.
    Base,
}

/// Whether there is something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing would run for it.
    UpToDate,
    /// Its recipe would run, its image be built.
    WouldRun,
}

impl State {
    /// The state in words.
    pub fn words(self) -> &'static str {
        match self {
            State::UpToDate => "up to date",
            State::WouldRun => "would run",
        }
    }
}

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it stands for.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What else is to be said: tags of an image, the place of a stage, files that are read.
    pub notes: Vec<String>,
    /// Whether there is something to do; none where that is not known, or where there is no recipe.
    pub state: Option<State>,
}

impl Node {
    /// A node of which nothing else is known.
    pub fn new(kind: Kind, name: impl Into<String>) -> Node {
        Node { kind, name: name.into(), notes: Vec::new(), state: None }
    }

    /// The name as it is shown: control characters replaced, and cut where it is very long.
    fn title(&self) -> String {
        short(&self.name)
    }
}

/// `text` as it is shown in a node.
fn short(text: &str) -> String {
    const MOST: usize = 60;
    let text = printable(text);
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The graph: each node with those that it needs.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// All nodes.
    pub nodes: Vec<Node>,
    /// For each node those that it needs, each once.
    pub needs: Vec<Vec<usize>>,
    /// The goals.
    pub goals: Vec<usize>,
}

impl Graph {
    /// Adds a node.
    pub fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.needs.push(Vec::new());
        self.nodes.len() - 1
    }

    /// Hides values of all that is shown: what is cut would be hidden no more.
    pub fn hide(&mut self, masks: &Masks) {
        for text in
            self.nodes.iter_mut().flat_map(|node| std::iter::once(&mut node.name).chain(&mut node.notes))
        {
            *text = masks.hide_text(text);
        }
    }

    /// Lets `node` need `other`, where it does not yet.
    pub fn connect(&mut self, node: usize, other: usize) {
        // Lists are short, or come without repetitions from make's own.
        if node != other && !self.needs[node].iter().rev().take(64).any(|&known| known == other) {
            self.needs[node].push(other);
        }
    }
}

#[cfg(test)]
mod tests;

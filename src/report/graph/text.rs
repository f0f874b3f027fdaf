//! The graph as a tree of text: each node is unfolded once, and named again where it is needed again. Knows nothing of terminals.

use super::{Graph, Kind, Node, State};
use crate::report::style::{Style, printable};
use std::collections::VecDeque;

/// How deep a tree goes: what is needed there is unfolded below, as a tree of its own. Nobody reads lines that begin beyond the edge, and
/// their beginnings would grow with the square of a chain.
const DEEPEST: usize = 24;

/// A node to show.
struct Shown {
    node: usize,
    /// The lines beside it that go on.
    before: String,
    depth: usize,
    /// Whether it is its parent's last; none where it is a root.
    last: Option<bool>,
}

impl Shown {
    fn root(node: usize) -> Shown {
        Shown { node, before: String::new(), depth: 0, last: None }
    }
}

/// The tree, each goal a root.
pub fn text(graph: &Graph, style: Style) -> String {
    let mut out = String::new();
    let mut unfolded = vec![false; graph.nodes.len()];
    let mut put_off: VecDeque<usize> = VecDeque::new();
    let mut todo: Vec<Shown> = graph.goals.iter().rev().map(|&goal| Shown::root(goal)).collect();
    loop {
        while let Some(shown) = todo.pop() {
            let Shown { node, before, depth, last } = shown;
            let (branch, below) = match last {
                None => ("", ""),
                Some(false) => ("├── ", "│   "),
                Some(true) => ("└── ", "    "),
            };
            out.push_str(&style.dim(&format!("{before}{branch}")));
            let needs = &graph.needs[node];
            let elsewhere = match unfolded[node] {
                _ if needs.is_empty() => None,
                true => Some("(see above)"),
                false if depth == DEEPEST => Some("(see below)"),
                false => None,
            };
            line(&graph.nodes[node], elsewhere, style, &mut out);
            if elsewhere == Some("(see below)") {
                put_off.push_back(node);
            }
            if elsewhere.is_some() || std::mem::replace(&mut unfolded[node], true) {
                continue;
            }
            let before = format!("{before}{below}");
            todo.extend(needs.iter().enumerate().rev().map(|(index, &need)| Shown {
                node: need,
                before: before.clone(),
                depth: depth + 1,
                last: Some(index + 1 == needs.len()),
            }));
        }
        // It may have been unfolded in between.
        match put_off.pop_front() {
            None => return out,
            Some(node) if unfolded[node] => {}
            Some(node) => todo.push(Shown::root(node)),
        }
    }
}

fn line(node: &Node, elsewhere: Option<&str>, style: Style, out: &mut String) {
    let name = printable(&node.name);
    out.push_str(&match node.kind {
        Kind::Stage => format!("stage {name}"),
        Kind::Base => format!("from {name}"),
        Kind::Image | Kind::Phony | Kind::File => style.bold(&name),
    });
    for note in &node.notes {
        out.push_str(&format!("  {}", style.dim(&printable(note))));
    }
    match node.state {
        Some(State::WouldRun) => out.push_str(&format!("  {}", style.warning("would run"))),
        Some(State::UpToDate) => out.push_str(&format!("  {}", style.dim("up to date"))),
        None => {}
    }
    if let Some(elsewhere) = elsewhere {
        out.push_str(&format!("  {}", style.dim(elsewhere)));
    }
    out.push('\n');
}

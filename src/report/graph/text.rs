//! The graph as a tree of text: each node is unfolded once, and named again where it is needed again. Knows nothing of terminals.

use super::{Graph, Kind, Node, State};
use crate::report::style::{Style, printable};

/// The tree, each goal a root.
pub fn text(graph: &Graph, style: Style) -> String {
    let mut out = String::new();
    let mut unfolded = vec![false; graph.nodes.len()];
    // Nodes to show: the node, the lines beside it that go on, and whether it is its parent's last.
    let mut todo: Vec<(usize, String, Option<bool>)> =
        graph.goals.iter().rev().map(|&goal| (goal, String::new(), None)).collect();
    while let Some((at, before, last)) = todo.pop() {
        let (branch, below) = match last {
            None => ("", ""),
            Some(false) => ("├── ", "│   "),
            Some(true) => ("└── ", "    "),
        };
        out.push_str(&style.dim(&format!("{before}{branch}")));
        let again = std::mem::replace(&mut unfolded[at], true);
        line(&graph.nodes[at], again && !graph.needs[at].is_empty(), style, &mut out);
        if again {
            continue;
        }
        let before = format!("{before}{below}");
        let needs = graph.needs[at].iter().enumerate().rev();
        todo.extend(
            needs.map(|(index, &need)| (need, before.clone(), Some(index + 1 == graph.needs[at].len()))),
        );
    }
    out
}

fn line(node: &Node, again: bool, style: Style, out: &mut String) {
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
    if again {
        out.push_str(&format!("  {}", style.dim("(see above)")));
    }
    out.push('\n');
}

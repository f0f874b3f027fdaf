//! The graph as a flowchart of mermaid, which code hosts show in Markdown. Knows nothing of layout.

use super::{Graph, Kind, Node, State, short};

/// The flowchart, from what needs to what is needed.
pub fn mermaid(graph: &Graph) -> String {
    let mut out = String::from("flowchart LR\n");
    for (at, node) in graph.nodes.iter().enumerate() {
        let (open, close) = match node.kind {
            Kind::Phony => ("(", ")"),
            Kind::File => ("[", "]"),
            Kind::Image => ("[[", "]]"),
            Kind::Stage => ("([", "])"),
            Kind::Base => ("[(", ")]"),
        };
        let class = match node.state {
            Some(State::WouldRun) => ":::runs",
            Some(State::UpToDate) => ":::fresh",
            None => "",
        };
        out.push_str(&format!("  n{at}{open}\"{}\"{close}{class}\n", label(node)));
    }
    for (at, needs) in graph.needs.iter().enumerate() {
        needs.iter().for_each(|need| out.push_str(&format!("  n{at} --> n{need}\n")));
    }
    // Colours that can be read on a light page and on a dark one.
    out.push_str(
        "  classDef runs stroke:#d97706,stroke-width:2px\n  classDef fresh stroke:#16a34a,stroke-width:2px\n",
    );
    out
}

/// The text of a node, where what would mean something to mermaid or HTML is written as an entity.
fn label(node: &Node) -> String {
    let mut out = String::new();
    for (index, line) in std::iter::once(&node.name).chain(&node.notes).enumerate() {
        if index > 0 {
            out.push_str("<br/>");
        }
        for char in short(line).chars() {
            match char {
                '"' | '#' | '<' | '>' | '&' | '`' | '\\' | ';' | '*' | '_' => {
                    out.push_str(&format!("#{};", char as u32));
                }
                char => out.push(char),
            }
        }
    }
    out
}

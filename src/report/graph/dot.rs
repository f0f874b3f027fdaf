//! The graph in the language of graphviz ("The DOT Language"). Knows nothing of layout.

use super::{Graph, Kind, Node, State, short};

/// The graph, from what needs to what is needed.
pub fn dot(graph: &Graph) -> String {
    let mut out = String::from(
        "digraph imk {\n\trankdir=LR\n\tnode [fontname=\"sans-serif\" fontsize=11 style=filled fillcolor=white]\n\
         \tedge [color=gray40 arrowsize=0.7]\n",
    );
    for (at, node) in graph.nodes.iter().enumerate() {
        let (shape, style) = match node.kind {
            Kind::Phony => ("box", "filled,rounded"),
            Kind::File => ("note", "filled"),
            Kind::Image => ("box3d", "filled"),
            Kind::Stage => ("ellipse", "filled"),
            Kind::Base => ("cylinder", "filled"),
        };
        let fill = match node.state {
            Some(State::WouldRun) => "\"#fdebd0\"",
            Some(State::UpToDate) => "\"#d5f0dc\"",
            None => "white",
        };
        let bold = if graph.goals.contains(&at) { " penwidth=2" } else { "" };
        let label = label(node);
        out.push_str(&format!(
            "\tn{at} [label={label} shape={shape} style=\"{style}\" fillcolor={fill}{bold}]\n"
        ));
    }
    for (at, needs) in graph.needs.iter().enumerate() {
        needs.iter().for_each(|need| out.push_str(&format!("\tn{at} -> n{need}\n")));
    }
    out.push_str("}\n");
    out
}

/// A quoted string: in it only the quotation mark and the backslash mean more than themselves.
fn label(node: &Node) -> String {
    let mut out = String::from("\"");
    for (index, line) in std::iter::once(&node.name).chain(&node.notes).enumerate() {
        if index > 0 {
            out.push_str("\\n");
        }
        for char in short(line).chars() {
            if matches!(char, '"' | '\\') {
                out.push('\\');
            }
            out.push(char);
        }
    }
    out.push('"');
    out
}

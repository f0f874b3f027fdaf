//! The graph as a picture: SVG that stands alone, on light and on dark ground. Knows nothing of what nodes mean.

use super::layout::{Layout, layout};
use super::{Graph, Kind, Node, State, short};

/// Width of a character, of the space beside it, height of a line; margins and distances. In pixels.
const CHARACTER: f64 = 7.3;
const SIDE: f64 = 10.0;
const LINE: f64 = 16.0;
const MARGIN: f64 = 16.0;
const GAP: f64 = 12.0;
const BETWEEN_COLUMNS: f64 = 56.0;

const STYLE: &str = "\
:root { color-scheme: light dark; --ground: #fff; --box: #f6f7f9; --ink: #1f2430; --faint: #5b6472; --line: #98a1b0; \
--runs: #b45309; --fresh: #15803d; }
@media (prefers-color-scheme: dark) { :root { --ground: #15181e; --box: #20252e; --ink: #e6e9ef; --faint: #a3adbd; \
--line: #6b7688; --runs: #f0a24a; --fresh: #5fcf86; } }
.ground { fill: var(--ground) } path { fill: none; stroke: var(--line); stroke-width: 1.2 }
rect.box { fill: var(--box); stroke: var(--line); stroke-width: 1.2 } rect.image { stroke-width: 2 }
rect.stage, rect.base { stroke-dasharray: 4 3 } rect.goal { stroke-width: 2.6 }
rect.runs { stroke: var(--runs) } rect.fresh { stroke: var(--fresh) }
text { font: 12px ui-monospace, 'DejaVu Sans Mono', monospace; fill: var(--ink) } .note { fill: var(--faint) }
.goal text.name, text.name.goal { font-weight: bold } marker path { fill: var(--line); stroke: none }";

/// The lines of a node's box.
fn lines(node: &Node) -> Vec<String> {
    let kind = match node.kind {
        Kind::Stage => Some("stage"),
        Kind::Base => Some("from elsewhere"),
        _ => None,
    };
    let state = node.state.map(State::words);
    let kind = kind.map(str::to_owned).into_iter();
    let notes = node.notes.iter().map(|note| short(note));
    std::iter::once(node.title()).chain(kind).chain(notes).chain(state.map(str::to_owned)).collect()
}

/// The picture.
pub fn svg(graph: &Graph) -> String {
    let texts: Vec<Vec<String>> = graph.nodes.iter().map(lines).collect();
    let heights: Vec<f64> = texts.iter().map(|lines| lines.len() as f64 * LINE + 10.0).collect();
    let layout = layout(graph, &heights, GAP);
    let columns = columns(&layout, &texts);
    let width = columns.last().map_or(0.0, |(x, width)| x + width) + MARGIN;
    let bottom = layout.spots.iter().filter_map(|spot| Some(spot.y + heights[spot.node?] / 2.0));
    let height = bottom.fold(0.0, f64::max) + 2.0 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         role=\"img\">\n<title>imk --graph</title>\n<style>{STYLE}</style>\n<defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"7\" \
         refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n\
         <rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n"
    );
    for path in &layout.paths {
        edge(&layout, &columns, path, &mut out);
    }
    for (at, node) in graph.nodes.iter().enumerate() {
        let place = columns[layout.spots[at].column];
        let is_goal = graph.goals.contains(&at);
        let top = layout.spots[at].y - heights[at] / 2.0 + MARGIN;
        boxed(node, &texts[at], place, (top, heights[at]), is_goal, &mut out);
    }
    out.push_str("</svg>\n");
    out
}

fn width_of(lines: &[String]) -> f64 {
    lines.iter().map(|line| line.chars().count()).max().unwrap_or_default() as f64 * CHARACTER + 2.0 * SIDE
}

/// The left edge and the width of each column.
fn columns(layout: &Layout, texts: &[Vec<String>]) -> Vec<(f64, f64)> {
    let mut x = MARGIN;
    let mut out = Vec::with_capacity(layout.columns.len());
    for column in &layout.columns {
        let nodes = column.iter().filter_map(|&spot| layout.spots[spot].node);
        let width = nodes.map(|node| width_of(&texts[node])).fold(0.0, f64::max);
        out.push((x, width));
        x += width + BETWEEN_COLUMNS;
    }
    out
}

/// An edge: straight through the columns that it passes, curved between them.
fn edge(layout: &Layout, columns: &[(f64, f64)], path: &[usize], out: &mut String) {
    let mut data = String::new();
    for (index, &at) in path.iter().enumerate() {
        let spot = &layout.spots[at];
        let (left, width) = columns[spot.column];
        let y = spot.y + MARGIN;
        if index == 0 {
            // Boxes of a column are of one width, so that edges begin where the column ends.
            data.push_str(&format!("M{:.0} {y:.1}", left + width));
            continue;
        }
        let before = &layout.spots[path[index - 1]];
        let (before_left, before_width) = columns[before.column];
        let start = before_left + before_width;
        let bend = (left - start) / 2.0;
        data.push_str(&format!(
            "C{:.0} {:.1} {:.0} {y:.1} {left:.0} {y:.1}",
            start + bend,
            before.y + MARGIN,
            left - bend
        ));
        if index + 1 < path.len() {
            data.push_str(&format!("H{:.0}", left + width));
        }
    }
    out.push_str(&format!("<path d=\"{data}\" marker-end=\"url(#end)\"/>\n"));
}

fn boxed(
    node: &Node,
    lines: &[String],
    (x, width): (f64, f64),
    (top, height): (f64, f64),
    is_goal: bool,
    out: &mut String,
) {
    let kind = match node.kind {
        Kind::Phony => "phony",
        Kind::File => "file",
        Kind::Image => "image",
        Kind::Stage => "stage",
        Kind::Base => "base",
    };
    let state = match node.state {
        Some(State::WouldRun) => " runs",
        Some(State::UpToDate) => " fresh",
        None => "",
    };
    let goal = if is_goal { " goal" } else { "" };
    let round = if matches!(node.kind, Kind::Phony | Kind::Stage) { 9 } else { 2 };
    let title = escaped(&crate::report::style::printable(&node.name));
    out.push_str(&format!(
        "<g><title>{title}</title><rect class=\"box {kind}{state}{goal}\" x=\"{x:.0}\" y=\"{top:.1}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" rx=\"{round}\"/>"
    ));
    for (index, line) in lines.iter().enumerate() {
        let class = if index == 0 { format!("name{goal}") } else { "note".to_owned() };
        let y = top + LINE * (index as f64 + 1.0) + 1.0;
        out.push_str(&format!(
            "<text class=\"{class}\" x=\"{:.0}\" y=\"{y:.1}\">{}</text>",
            x + SIDE,
            escaped(line)
        ));
    }
    out.push_str("</g>\n");
}

/// `text` in XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

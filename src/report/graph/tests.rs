//! Layouts hold what they promise, and names are text in every form.

use super::layout::layout;
use super::*;
use crate::report::style::Style;

fn graph(edges: &[(usize, usize)], count: usize) -> Graph {
    let mut graph = Graph { goals: vec![0], ..Graph::default() };
    for at in 0..count {
        graph.add(Node::new(Kind::Phony, format!("t{at}")));
    }
    edges.iter().for_each(|&(from, to)| graph.connect(from, to));
    graph
}

#[test]
fn what_is_needed_stands_to_the_right_and_nothing_overlaps() {
    let graph = graph(&[(0, 1), (0, 2), (1, 3), (2, 3), (0, 3), (2, 4), (0, 1)], 6);
    let heights = [20.0, 30.0, 20.0, 50.0, 20.0, 20.0];
    let found = layout(&graph, &heights, 8.0);
    for (node, needs) in graph.needs.iter().enumerate() {
        assert!(needs.iter().all(|&need| found.spots[need].column > found.spots[node].column));
    }
    for column in &found.columns {
        for pair in column.windows(2) {
            let [above, below] = [&found.spots[pair[0]], &found.spots[pair[1]]];
            assert!(below.y - above.y >= 8.0, "{above:?} {below:?}");
        }
    }
    // The edge that passes a column has a place of its own there.
    assert_eq!(found.paths.iter().map(Vec::len).max(), Some(3));
    assert!(found.spots.iter().all(|spot| spot.y >= 0.0));
}

#[test]
fn a_circle_is_drawn_like_any_other_graph() {
    let graph = graph(&[(0, 1), (1, 2), (2, 0)], 3);
    assert_eq!(layout(&graph, &[10.0; 3], 4.0).columns.len(), 3);
    assert_eq!(text(&graph, Style::default()), "t0\n└── t1\n    └── t2\n        └── t0  (see above)\n");
    assert!(svg(&graph).ends_with("</svg>\n"));
}

#[test]
fn names_mean_nothing_to_the_languages() {
    let mut graph = Graph { goals: vec![0], ..Graph::default() };
    graph.add(Node::new(Kind::Image, "a\"b\\c<d>&e;#`\n"));
    assert!(dot(&graph).contains(r#"label="a\"b\\c<d>&e;#`�""#), "{}", dot(&graph));
    assert!(
        mermaid(&graph).contains("[[\"a#34;b#92;c#60;d#62;#38;e#59;#35;#96;�\"]]"),
        "{}",
        mermaid(&graph)
    );
    assert!(svg(&graph).contains(">a\"b\\c&lt;d&gt;&amp;e;#`�</text>"));
}

#[test]
fn ten_thousand_nodes_are_laid_out_in_a_moment() {
    let edges: Vec<(usize, usize)> = (1..10_000).flat_map(|at| [(at / 3, at), (at / 7, at)]).collect();
    let graph = graph(&edges, 10_000);
    let start = std::time::Instant::now();
    assert_eq!(svg(&graph).matches("<g>").count(), 10_000);
    // A quadratic procedure takes minutes.
    assert!(start.elapsed().as_secs() < 20);
}

#[test]
fn a_long_chain_takes_lines_in_proportion() {
    let count = 2000;
    let edges: Vec<(usize, usize)> = (1..count).flat_map(|at| [(at - 1, at), (at - 1, count - 1)]).collect();
    let text = text(&graph(&edges, count), Style::default());
    assert!(text.len() < 400 * count, "{} bytes", text.len());
    // Each node is unfolded once, and named again where it is unfolded below or has nothing to unfold.
    let mut unfolded = vec![0; count];
    for line in text.lines().filter(|line| !line.contains("(see below)")) {
        let name = line.trim_start_matches(['│', ' ', '├', '└', '─']).trim_start_matches('t');
        unfolded[name.parse::<usize>().unwrap()] += 1;
    }
    assert!(unfolded[..count - 1].iter().all(|&times| times == 1), "{unfolded:?}");
    assert_eq!(text.lines().filter(|line| line.contains("(see below)")).count(), (count - 2) / 24);
}

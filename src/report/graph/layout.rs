//! Where the nodes of a graph go when it is drawn: in columns by their distance from the goals, each column ordered so that edges cross
//! little (Sugiyama, Tagawa and Toda, 1981). Time grows with nodes and edges. Knows nothing of drawing.

use super::Graph;
use crate::base::sorting;

/// An edge that spans more columns than this is drawn straight: places for it in all of them would make the time quadratic.
const LONGEST_SPAN: usize = 8;

/// How often columns are put in order by their neighbours.
const SWEEPS: usize = 6;

/// What stands in a column: a node of the graph, or the place where an edge passes through.
#[derive(Clone, Debug)]
pub struct Spot {
    /// The node; none for an edge that passes.
    pub node: Option<usize>,
    /// The column, from 0.
    pub column: usize,
    /// The middle, from 0.
    pub y: f64,
    /// Half of the height.
    half: f64,
}

/// A graph laid out.
#[derive(Debug, Default)]
pub struct Layout {
    /// Nodes first, by their numbers, then where edges pass.
    pub spots: Vec<Spot>,
    /// Edges as the spots that they go through, both ends included.
    pub paths: Vec<Vec<usize>>,
    /// The spots of each column, from the top.
    pub columns: Vec<Vec<usize>>,
}

/// Lays `graph` out; `heights` are those of its nodes, `gap` the least distance between two, all in the same unit as the result.
pub fn layout(graph: &Graph, heights: &[f64], gap: f64) -> Layout {
    let (order, backwards) = order(graph);
    let mut column = vec![0usize; graph.nodes.len()];
    for &node in &order {
        for &need in graph.needs[node].iter().filter(|&&need| !backwards(node, need)) {
            column[need] = column[need].max(column[node] + 1);
        }
    }
    let mut out = Layout {
        spots: (0..graph.nodes.len())
            .map(|node| Spot { node: Some(node), column: column[node], y: 0.0, half: heights[node] / 2.0 })
            .collect(),
        ..Layout::default()
    };
    for &node in &order {
        for &need in &graph.needs[node] {
            let mut path = vec![node];
            let between = column[node] + 1..column[need];
            if between.len() < LONGEST_SPAN {
                for column in between {
                    path.push(out.spots.len());
                    out.spots.push(Spot { node: None, column, y: 0.0, half: gap / 4.0 });
                }
            }
            path.push(need);
            out.paths.push(path);
        }
    }
    let (left, right) = neighbours(&out);
    out.columns = vec![Vec::new(); column.iter().max().map_or(0, |last| last + 1)];
    // Nodes in the order in which they are met from the goals, passing edges after them.
    for spot in order.iter().copied().chain(graph.nodes.len()..out.spots.len()) {
        let column = out.spots[spot].column;
        out.columns[column].push(spot);
    }
    for sweep in 0..SWEEPS {
        let (forward, sides) = if sweep % 2 == 0 { (true, &left) } else { (false, &right) };
        sort_columns(&mut out, forward, sides);
    }
    place(&mut out, &left, &right, gap);
    out
}

/// The nodes such that each comes before those that it needs, and which edges close a circle.
fn order(graph: &Graph) -> (Vec<usize>, impl Fn(usize, usize) -> bool) {
    let count = graph.nodes.len();
    let mut state = vec![0u8; count];
    let mut finished = Vec::with_capacity(count);
    // Backwards, as the order is that of the ends: the first goal and the first need come first in it.
    for root in graph.goals.iter().rev().copied().chain(0..count) {
        if state[root] != 0 {
            continue;
        }
        let mut stack = vec![(root, 0)];
        state[root] = 1;
        while let Some((node, next)) = stack.last_mut() {
            match graph.needs[*node].iter().rev().nth(*next) {
                Some(&need) => {
                    *next += 1;
                    if state[need] == 0 {
                        state[need] = 1;
                        stack.push((need, 0));
                    }
                }
                None => {
                    state[*node] = 2;
                    finished.push(*node);
                    stack.pop();
                }
            }
        }
    }
    finished.reverse();
    let mut at = vec![0; count];
    finished.iter().enumerate().for_each(|(index, &node)| at[node] = index);
    (finished, move |node, need| at[need] <= at[node])
}

/// For each spot those of paths before it and after it.
fn neighbours(layout: &Layout) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let mut left = vec![Vec::new(); layout.spots.len()];
    let mut right = vec![Vec::new(); layout.spots.len()];
    for pair in layout.paths.iter().flat_map(|path| path.windows(2)) {
        right[pair[0]].push(pair[1]);
        left[pair[1]].push(pair[0]);
    }
    (left, right)
}

/// Orders each column by the mean place of the neighbours on one side.
fn sort_columns(layout: &mut Layout, forward: bool, sides: &[Vec<usize>]) {
    let mut rank = vec![0.0; layout.spots.len()];
    let note = |column: &[usize], rank: &mut [f64]| {
        let last = column.len().max(2) - 1;
        column.iter().enumerate().for_each(|(at, &spot)| rank[spot] = at as f64 / last as f64);
    };
    layout.columns.iter().for_each(|column| note(column, &mut rank));
    let count = layout.columns.len();
    for step in 0..count {
        let column = &mut layout.columns[if forward { step } else { count - 1 - step }];
        let mut keyed: Vec<(f64, usize)> = column
            .iter()
            .map(|&spot| {
                let near = &sides[spot];
                let mean = near.iter().map(|&other| rank[other]).sum::<f64>() / near.len() as f64;
                (if near.is_empty() { rank[spot] } else { mean }, spot)
            })
            .collect();
        sorting::sort_by(&mut keyed, |one, other| one.0.total_cmp(&other.0));
        *column = keyed.into_iter().map(|(_, spot)| spot).collect();
        note(column, &mut rank);
    }
}

/// Gives each spot its height: as near to its neighbours as the order of its column allows.
fn place(layout: &mut Layout, left: &[Vec<usize>], right: &[Vec<usize>], gap: f64) {
    for column in &layout.columns {
        let mut y = 0.0;
        for &spot in column {
            let half = layout.spots[spot].half;
            layout.spots[spot].y = y + half;
            y += 2.0 * half + gap;
        }
    }
    for sweep in 0..SWEEPS {
        let count = layout.columns.len();
        for step in 0..count {
            let (at, sides) = if sweep % 2 == 0 { (step, left) } else { (count - 1 - step, right) };
            let column = layout.columns[at].clone();
            settle(layout, &column, sides, gap);
        }
    }
    let top = layout.spots.iter().map(|spot| spot.y - spot.half).fold(f64::INFINITY, f64::min);
    layout.spots.iter_mut().for_each(|spot| spot.y -= top);
}

/// Moves the spots of a column to the mean of their neighbours; those that would overlap form a block, which goes to the mean of what
/// its members want.
fn settle(layout: &mut Layout, column: &[usize], sides: &[Vec<usize>], gap: f64) {
    struct Block {
        /// Sum of the wanted tops, each less the offset inside of the block.
        wanted: f64,
        members: usize,
        height: f64,
        first: usize,
    }
    impl Block {
        fn top(&self) -> f64 {
            self.wanted / self.members as f64
        }
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (index, &spot) in column.iter().enumerate() {
        let own = &layout.spots[spot];
        let near = &sides[spot];
        let mean = near.iter().map(|&other| layout.spots[other].y).sum::<f64>() / near.len() as f64;
        let y = if near.is_empty() { own.y } else { mean };
        let mut block =
            Block { wanted: y - own.half, members: 1, height: 2.0 * own.half + gap, first: index };
        while let Some(above) = blocks.last().filter(|above| above.top() + above.height > block.top()) {
            block.wanted = above.wanted + block.wanted - above.height * block.members as f64;
            block.members += above.members;
            block.height += above.height;
            block.first = above.first;
            blocks.pop();
        }
        blocks.push(block);
    }
    for block in blocks {
        let mut y = block.top();
        for &spot in &column[block.first..block.first + block.members] {
            let own = &mut layout.spots[spot];
            own.y = y + own.half;
            y += 2.0 * own.half + gap;
        }
    }
}

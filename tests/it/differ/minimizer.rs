//! Makes a scenario that differs as small as it gets, by leaving out: files, lines, then pieces of lines.

use std::io;

use super::arena::{Arena, Verdict};
use crate::case::{Case, Section};

/// Runs spent on one scenario at most.
const BUDGET: usize = 3000;

/// The smaller scenario, with what GNU make does as its expectation left out, and its difference for a reader.
pub fn minimize(arena: &mut Arena, case: Case) -> io::Result<(Case, String)> {
    let mut search = Search { arena, best: case, difference: String::new(), left: BUDGET };
    if let Verdict::Different(difference) = search.arena.compare(&search.best)? {
        search.difference = difference;
    }
    loop {
        let before = size(&search.best);
        search.drop_sections()?;
        for at in 0..search.sections().len() {
            // Of an argument cut in two, a part is an option of another kind: arguments stay or go as a whole.
            let splits: &[Split] = match search.sections()[at].name.as_str() {
                "args" => &[arguments],
                _ => &[lines, pieces, bytes],
            };
            for &split in splits {
                search.shorten(at, split)?;
            }
        }
        if size(&search.best) == before || search.left == 0 {
            return Ok((search.best, search.difference));
        }
    }
}

/// Cuts a text in parts, any of which may be left out.
type Split = fn(&[u8]) -> Vec<Vec<u8>>;

struct Search<'a> {
    arena: &'a mut Arena,
    best: Case,
    difference: String,
    left: usize,
}

impl Search<'_> {
    fn sections(&mut self) -> &mut Vec<Section> {
        if self.best.steps.is_empty() {
            self.best.steps.push(crate::case::Step::default());
        }
        &mut self.best.steps[0].inputs
    }

    /// Takes `candidate` if it still differs.
    fn accept(&mut self, candidate: Vec<Section>) -> io::Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        let mut case = self.best.clone();
        case.steps[0].inputs = candidate;
        if let Verdict::Different(difference) = self.arena.compare(&case)? {
            (self.best, self.difference) = (case, difference);
            return Ok(true);
        }
        Ok(false)
    }

    fn drop_sections(&mut self) -> io::Result<()> {
        let mut at = self.sections().len();
        while at > 0 {
            at -= 1;
            let mut candidate = self.sections().clone();
            candidate.remove(at);
            self.accept(candidate)?;
        }
        Ok(())
    }

    /// Leaves out runs of parts of one section's text: halves first, then quarters, down to single parts.
    fn shorten(&mut self, at: usize, split: Split) -> io::Result<()> {
        let mut parts = split(&self.sections()[at].body);
        let mut width = parts.len().div_ceil(2).max(1);
        loop {
            let mut from = 0;
            while from < parts.len() {
                let to = (from + width).min(parts.len());
                let rest: Vec<Vec<u8>> = parts[..from].iter().chain(&parts[to..]).cloned().collect();
                let mut candidate = self.sections().clone();
                candidate[at].body = rest.concat();
                if self.accept(candidate)? { parts = rest } else { from = to }
            }
            if width == 1 || self.left == 0 {
                return Ok(());
            }
            width = width.div_ceil(2);
        }
    }
}

fn size(case: &Case) -> usize {
    case.steps.iter().flat_map(|step| &step.inputs).map(|section| section.body.len() + 20).sum()
}

/// Words with the blanks after them; quoted ones stay whole.
fn arguments(text: &[u8]) -> Vec<Vec<u8>> {
    let mut quoted = false;
    let parts = text.split_inclusive(|&byte| {
        quoted ^= byte == b'\'';
        !quoted && matches!(byte, b' ' | b'\n')
    });
    parts.map(<[u8]>::to_vec).collect()
}

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Names, runs of blanks, and single other bytes.
fn pieces(text: &[u8]) -> Vec<Vec<u8>> {
    let class = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' => 1,
        b' ' | b'\t' => 2,
        _ => 3,
    };
    text.chunk_by(|one, next| class(one) == class(next) && class(one) != 3).map(<[u8]>::to_vec).collect()
}

fn bytes(text: &[u8]) -> Vec<Vec<u8>> {
    if text.len() > 400 {
        return vec![text.to_vec()];
    }
    text.iter().map(|&byte| vec![byte]).collect()
}

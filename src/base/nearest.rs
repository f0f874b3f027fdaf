//! The nearest of several known names to one that is not known, for hints. Knows nothing of what is named.

/// The name of `known` that `name` most likely meant, by the number of single edits with case ignored; nothing where
/// all are further than a third of the name's length (at least one edit, at most three).
pub fn nearest<'k, I>(name: &[u8], known: I) -> Option<&'k [u8]>
where
    I: IntoIterator<Item = &'k [u8]>,
{
    if name.is_empty() || name.len() > 128 {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let limit = (name.len() / 3).clamp(1, 3);
    let mut best: Option<(usize, &[u8])> = None;
    for candidate in known {
        if candidate.len().abs_diff(name.len()) > limit {
            continue;
        }
        let edits = distance(&name, &candidate.to_ascii_lowercase());
        if edits <= limit && best.is_none_or(|(least, _)| edits < least) {
            best = Some((edits, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let width = b.len() + 1;
    let mut before = vec![0; width];
    let mut above: Vec<usize> = (0..width).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1; width];
        for (j, &y) in b.iter().enumerate() {
            let mut least = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                least = least.min(before[j - 1] + 1);
            }
            row[j + 1] = least;
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known: [&[u8]; 3] = [b"base", b"smoke-test", b"target-image"];
        assert_eq!(nearest(b"smoke-tset", known), Some(&b"smoke-test"[..]));
        assert_eq!(nearest(b"Base", known), Some(&b"base"[..]));
        assert_eq!(nearest(b"nothing", known), None);
        assert_eq!(nearest(b"", known), None);
    }
}

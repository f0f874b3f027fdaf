//! Sizes as rows of a bar picture: what each instruction adds, the base's layers as one. Knows nothing of how rows are drawn.

use crate::image::audit::{LayerSize, Sizes};

/// A row.
pub struct Row {
    /// What it is: the instruction, or the base.
    pub label: String,
    /// The Dockerfile's line, where it is known.
    pub line: Option<usize>,
    /// Its bytes.
    pub bytes: u64,
    /// Of these, those that a later layer hides.
    pub hidden: u64,
    /// Whether it is the base.
    pub base: bool,
}

/// The rows of `sizes`, lowest layer first: the base's layers as one, then each instruction that adds anything.
pub fn rows(sizes: &Sizes) -> Vec<Row> {
    let mut out = Vec::new();
    let base: Vec<&LayerSize> = sizes.layers.iter().filter(|layer| layer.inherited).collect();
    if !base.is_empty() {
        out.push(Row {
            label: format!("the base, {} layer{}", base.len(), if base.len() == 1 { "" } else { "s" }),
            line: None,
            bytes: base.iter().map(|layer| layer.bytes).sum(),
            hidden: base.iter().map(|layer| layer.hidden).sum(),
            base: true,
        });
    }
    for layer in sizes.layers.iter().filter(|layer| !layer.inherited && layer.bytes > 0) {
        out.push(Row {
            label: label(layer),
            line: layer.place.as_ref().map(|place| place.line),
            bytes: layer.bytes,
            hidden: layer.hidden,
            base: false,
        });
    }
    out
}

/// The instruction of a layer, without what the engine's history adds.
fn label(layer: &LayerSize) -> String {
    let text = match &layer.place {
        Some(place) => place.text.as_deref().unwrap_or_default(),
        None => layer.layer.created_by.as_str(),
    };
    let text = text.strip_suffix("# buildkit").unwrap_or(text);
    let text = text.replace("/bin/sh -c ", "").replace("#(nop) ", "");
    let text: Vec<&str> = text.trim_end_matches('\\').split_whitespace().collect();
    if text.is_empty() { format!("layer {}", layer.layer.index) } else { text.join(" ") }
}

/// `part` of `whole` in eighths of `width` cells, at least one eighth where there is anything.
pub fn eighths(part: u64, whole: u64, width: usize) -> usize {
    if part == 0 || whole == 0 {
        return 0;
    }
    let exact = part as f64 / whole as f64 * (width * 8) as f64;
    (exact.round() as usize).clamp(1, width * 8)
}

/// A bar of `width` cells for `bytes` of `whole`, its hidden part in shade.
pub fn bar(bytes: u64, hidden: u64, whole: u64, width: usize) -> String {
    const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let seen = eighths(bytes.saturating_sub(hidden), whole, width);
    let all = eighths(bytes, whole, width).max(seen);
    let mut out = "█".repeat(seen / 8);
    let mut cells = seen / 8;
    if !seen.is_multiple_of(8) {
        out.push(PARTS[seen % 8]);
        cells += 1;
    }
    let shade = all.div_ceil(8).saturating_sub(cells);
    let shade = if hidden > 0 && shade == 0 && cells < width { 1 } else { shade };
    out.push_str(&"░".repeat(shade));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_keep_their_width() {
        assert_eq!(bar(100, 0, 100, 4), "████");
        assert_eq!(bar(50, 0, 100, 4), "██");
        assert_eq!(bar(100, 50, 100, 4), "██░░");
        assert_eq!(bar(1, 0, 1_000_000, 4), "▏");
        assert_eq!(bar(1, 1, 1_000_000, 4), "░");
        assert_eq!(bar(0, 0, 0, 4), "");
        for bytes in 0..200 {
            for hidden in 0..=bytes {
                assert!(bar(bytes, hidden, 200, 10).chars().count() <= 10);
            }
        }
    }
}

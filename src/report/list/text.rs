//! The list as text: for people, in groups and columns, and as lines of names for shells. Knows nothing of how targets are found.

use super::Target;
use crate::base::sorting;
use crate::report::style::{Style, columns, printable, width, wrapped_to};

/// A name longer than this has a line of its own.
const WIDEST_NAME: usize = 24;

/// The list: each group under its heading, each target with its description, and at the end of the line where it is defined.
pub fn text(targets: &[Target], style: Style) -> String {
    let mut out = String::new();
    let widths = targets.iter().map(|target| columns(&printable(&target.name)));
    let name = widths.filter(|width| *width <= WIDEST_NAME).max().unwrap_or(WIDEST_NAME);
    let place = targets.iter().map(|target| columns(&place_of(target))).max().unwrap_or_default();
    let widths = Columns { name, place };
    let mut groups: Vec<&str> = Vec::new();
    for target in targets {
        if !groups.contains(&target.group.as_str()) {
            groups.push(&target.group);
        }
    }
    sorting::sort_by_key(&mut groups, |group| !group.is_empty());
    for group in groups {
        if !out.is_empty() {
            out.push('\n');
        }
        if !group.is_empty() {
            out.push_str(&style.bold(&printable(group)));
            out.push('\n');
        }
        for target in targets.iter().filter(|target| target.group == group) {
            one(target, widths, style, &mut out);
        }
    }
    out
}

/// The widths of the columns of names and of places.
#[derive(Clone, Copy)]
struct Columns {
    name: usize,
    place: usize,
}

fn one(target: &Target, widths: Columns, style: Style, out: &mut String) {
    let name = printable(&target.name);
    let indent = widths.name + 4;
    // A narrow strip of text would be worse than places that do not line up.
    let limit = (width().saturating_sub(widths.place + 2)).max(indent + 24);
    let mut words: Vec<String> = printable(&target.summary).split_whitespace().map(str::to_owned).collect();
    if target.is_default {
        words.push("(default)".to_owned());
    }
    let mut text = wrapped_to(limit, &words, "", indent, indent);
    let length = columns(&name);
    let own_line = length > widths.name && !text.is_empty();
    if own_line {
        text = format!("\n{}{text}", " ".repeat(indent));
    } else if !text.is_empty() {
        text = format!("{}{text}", " ".repeat(indent - 2 - length));
    }
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let place = place_of(target);
    let used = 2 + length + columns(first);
    let room = width().saturating_sub(used + columns(&place)).max(2);
    let (name, place) = (style.bold(&name), style.dim(&place));
    out.push_str(&format!("  {name}{first}{}{place}\n", " ".repeat(room)));
    if !rest.is_empty() {
        out.push_str(&format!("{rest}\n"));
    }
    for tag in target.tags.iter().flatten() {
        out.push_str(&format!("{}{}\n", " ".repeat(indent), style.dim(&format!("image {}", printable(tag)))));
    }
}

fn place_of(target: &Target) -> String {
    format!("{}:{}", printable(&String::from_utf8_lossy(target.place.file)), target.place.line)
}

/// One target a line, a tab, and its description: for shells that complete goals.
pub fn names(targets: &[Target]) -> String {
    let mut out = String::new();
    for target in targets {
        let tag = target.tags.iter().flatten().next().map(|tag| format!("image {tag}"));
        let about = if target.summary.is_empty() { tag.unwrap_or_default() } else { target.summary.clone() };
        out.push_str(&format!("{}\t{}\n", printable(&target.name), printable(&about)));
    }
    out
}

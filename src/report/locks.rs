//! What changed in lock files, in words. Knows no lock file's form.

use super::style::{Style, printable};
use crate::image::locks::Change;

/// Most columns that names, and old versions, are set out to: a longer one moves only its own line.
const COLUMNS_MAX: usize = 60;

/// The changes of the lock file `name`, one a line.
pub fn text(name: &str, changes: &[Change], style: Style) -> String {
    let count = |wanted: &dyn Fn(&Change) -> bool| changes.iter().filter(|change| wanted(change)).count();
    let added = count(&|change| change.old.is_empty());
    let removed = count(&|change| change.new.is_empty());
    if changes.is_empty() {
        return format!("{}: nothing changed\n", printable(name));
    }
    let numbers = [(changes.len() - added - removed, "changed"), (added, "added"), (removed, "removed")];
    let numbers: Vec<String> = numbers
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    let mut out = format!("{}: {}\n", style.bold(&printable(name)), numbers.join(", "));
    let widest = |text: &dyn Fn(&Change) -> String| {
        let widths = changes.iter().map(|change| text(change).chars().count());
        widths.filter(|width| *width <= COLUMNS_MAX).max().unwrap_or(0)
    };
    let width = widest(&|change| printable(&change.name));
    let old_width = widest(&|change| joined(&change.old));
    for change in changes {
        let (old, new) = (joined(&change.old), joined(&change.new));
        out.push_str(&format!("  {:<width$}  {old:<old_width$}  ->  {new}\n", printable(&change.name)));
    }
    out
}

/// Versions side by side; `-` for none.
fn joined(versions: &[String]) -> String {
    match versions {
        [] => "-".to_owned(),
        versions => printable(
            &versions
                .iter()
                .map(|one| if one.is_empty() { "any" } else { one })
                .collect::<Vec<_>>()
                .join(", "),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_longer_than_any_line_moves_its_own_line_alone() {
        let change =
            |name: &str| Change { name: name.to_owned(), old: vec!["1".into()], new: vec!["2".into()] };
        let long = "x".repeat(70_000);
        let found = text("a.lock", &[change("one"), change(&long), change("three")], Style::default());
        let lines = format!("  one    1  ->  2\n  {long}  1  ->  2\n  three  1  ->  2\n");
        assert_eq!(found, format!("a.lock: 3 changed\n{lines}"));
    }
}

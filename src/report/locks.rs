//! What changed in lock files, in words. Knows no lock file's form.

use super::style::{Style, printable};
use crate::image::locks::Change;

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
    let width = changes.iter().map(|change| change.name.chars().count()).max().unwrap_or(0);
    let old_width = changes.iter().map(|change| joined(&change.old).chars().count()).max().unwrap_or(0);
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

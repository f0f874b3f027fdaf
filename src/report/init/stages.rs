//! Which stages of a Dockerfile a person asks for, as far as their names and what is made from them tell. Knows nothing of taskfiles.

use super::{MAIN, Wanted};
use crate::base::source::line_column;
use crate::image::dockerfile::{self, Dockerfile};

/// Words in the names of stages that are built for what they check.
const CHECKS: [&str; 5] = ["test", "check", "lint", "verify", "audit"];
/// The same of stages for those who work on what is in the image.
const DEVELOPMENT: [&str; 5] = ["dev", "devel", "develop", "development", "debug"];
/// The same of stages that are to be shipped, whatever else is made from them.
const PRODUCTS: [&str; 10] =
    ["prod", "production", "release", "runtime", "final", "runner", "deploy", "dist", "app", "target"];

/// Whether one of the words in `name`, or its plural, is among `words`.
pub(super) fn speaks_of(name: &str, words: &[&str]) -> bool {
    name.split(|char: char| !char.is_alphanumeric())
        .any(|word| words.contains(&word) || word.strip_suffix('s').is_some_and(|word| words.contains(&word)))
}

/// Whether a name says that something is checked.
pub fn is_check(name: &str) -> bool {
    speaks_of(name, &CHECKS)
}

/// The names of the stages.
pub(super) fn names(file: &Dockerfile) -> Vec<Option<String>> {
    let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    file.stages.iter().map(|stage| stage.name().map(show)).collect()
}

/// The stages that `at` is made from, by FROM and COPY: a FROM with a variable is made from every stage whose name it can stand for.
fn made_from(file: &Dockerfile, text: &[u8], names: &[Option<String>], at: usize) -> Vec<usize> {
    let from = String::from_utf8_lossy(&file.stages[at].from.base.bytes).to_lowercase();
    let mut found: Vec<usize> =
        (0..at).filter(|&earlier| names[earlier].as_ref().is_some_and(|name| can_be(&from, name))).collect();
    let own = file.stages[at].name().map(<[u8]>::to_vec);
    let asked = dockerfile::Request {
        target: own.as_deref(),
        build_args: &[],
        named_contexts: &[],
        platform_args: &[],
        bases: &dockerfile::NoBases,
    };
    if let Ok(analysis) = dockerfile::analyse(text, &asked) {
        found.extend(analysis.stages.iter().map(|one| one.index).filter(|&index| index != at));
    }
    found
}

/// The images of stages that a person asks for, `main`'s first: of stages that no other is made from, or that are shipped by their name
/// and only checked or worked on in others.
pub(super) fn stages(file: &Dockerfile, text: &[u8], main: usize) -> Vec<Wanted> {
    let names = names(file);
    let named = |at: usize, words: &[&str]| names[at].as_ref().is_some_and(|name| speaks_of(name, words));
    let (mut used, mut looked_at) = (vec![false; names.len()], vec![false; names.len()]);
    for at in 0..names.len() {
        let aside = named(at, &DEVELOPMENT) || at != main && named(at, &CHECKS);
        let marks = if aside { &mut looked_at } else { &mut used };
        made_from(file, text, &names, at).into_iter().for_each(|index| marks[index] = true);
    }
    let shipped = |at: usize| !used[at] && (!looked_at[at] || named(at, &PRODUCTS));
    let others = (0..names.len()).filter(|&at| at != main && names[at].is_some() && shipped(at));
    let mut found = Vec::new();
    for at in std::iter::once(main).chain(others) {
        let target = match &names[at] {
            Some(name) if at != main && name == MAIN => format!("{MAIN}-stage"),
            Some(name) if at != main => name.clone(),
            _ => MAIN.to_owned(),
        };
        let stage = names[at].clone();
        let is_check = at != main && named(at, &CHECKS);
        found.push(Wanted { target, stage, about: about(file, text, at), is_check, ..Wanted::default() });
    }
    found
}

/// The last stage, or where that one is a check, the one that it checks.
pub(super) fn main_stage(file: &Dockerfile) -> usize {
    let names = names(file);
    let last = names.len() - 1;
    let is_check = |at: usize| names[at].as_deref().is_some_and(is_check);
    let mut at = last;
    while is_check(at) {
        match parent(file, &names, at) {
            Some(parent) => at = parent,
            None => return (0..last).rev().find(|&at| !is_check(at) && names[at].is_some()).unwrap_or(last),
        }
    }
    at
}

/// The stage that FROM of the stage `at` names, without variables.
pub(super) fn parent(file: &Dockerfile, names: &[Option<String>], at: usize) -> Option<usize> {
    let from = String::from_utf8_lossy(&file.stages[at].from.base.bytes).to_lowercase();
    (0..at).rev().find(|&earlier| names[earlier].as_deref() == Some(&from))
}

/// What stands before the first variable of `from`, the variable, and what stands behind it.
pub(super) fn pattern(from: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = from.split_once('$')?;
    match rest.strip_prefix('{') {
        Some(rest) => {
            let (name, after) = rest.split_once('}').unwrap_or((rest, ""));
            Some((before, name, after))
        }
        None => {
            let end = rest.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(rest.len());
            Some((before, &rest[..end], &rest[end..]))
        }
    }
}

/// Whether `from`, in which `${NAME}` may stand for anything, can be `name`.
fn can_be(from: &str, name: &str) -> bool {
    match pattern(from) {
        None => from == name,
        Some((before, _, after)) => {
            let after = if after.contains('$') { "" } else { after };
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        }
    }
}

/// What the comment above a stage says.
pub(super) fn about(file: &Dockerfile, text: &[u8], at: usize) -> String {
    comment_before(text, line_column(text, file.stages[at].span.start).line)
}

/// The first sentence of the comment that ends above `line`, if one does.
fn comment_before(text: &[u8], line: usize) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().collect();
    let above = lines.get(..line.saturating_sub(1)).unwrap_or_default().iter().rev();
    let mut found: Vec<&str> = above
        .map_while(|line| line.strip_prefix('#'))
        .map(str::trim)
        .filter(|line| !line.starts_with("hadolint ") && !line.contains("syntax="))
        .collect();
    found.reverse();
    let whole = found.join(" ");
    let sentence = whole.split_once(". ").map_or(whole.as_str(), |(first, _)| first);
    sentence.strip_suffix('.').unwrap_or(sentence).replace(['$', '#'], "").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::wanted;
    use super::*;

    fn targets(text: &str) -> Vec<(String, bool)> {
        let file = dockerfile::parse(text.as_bytes()).expect("a Dockerfile");
        wanted(&file, text.as_bytes()).into_iter().map(|one| (one.target, one.is_check)).collect()
    }

    fn plain(target: &str) -> (String, bool) {
        (target.to_owned(), false)
    }

    fn check(target: &str) -> (String, bool) {
        (target.to_owned(), true)
    }

    #[test]
    fn stages_that_no_other_is_made_from_are_wanted() {
        let text = "FROM a AS base\nFROM base AS one\nFROM base AS two\nFROM ${X}ne AS both\nFROM both AS smoke-test\nFROM both AS app\n\
                    COPY --from=two /x /\n";
        assert_eq!(targets(text), [plain("build"), check("smoke-test")]);
        assert_eq!(targets("FROM scratch\n"), [plain("build")]);
        assert!(
            can_be("p-${V}", "p-x")
                && can_be("$v", "x")
                && !can_be("p-${V}-q", "p-x")
                && can_be("a$b-c", "ax-c")
        );
    }

    #[test]
    fn what_is_shipped_is_wanted_though_it_is_checked_and_worked_on() {
        let text = "FROM a AS builder\nFROM builder AS lint\nFROM builder AS tests\nFROM b AS prod\nCOPY --from=builder /x /\n\
                    FROM prod AS dev\n";
        assert_eq!(targets(text), [plain("build"), check("lint"), check("tests"), plain("prod")]);
        // A check at the end is no image to be kept: the one before it is.
        assert_eq!(targets("FROM a AS app\nFROM app AS test\n"), [plain("build"), check("test")]);
        assert_eq!(targets("FROM a AS x\nFROM b AS test\n"), [plain("build"), check("test")]);
        assert_eq!(targets("FROM a AS test\n"), [plain("build")]);
        assert_eq!(targets("FROM a AS build\nFROM b\n"), [plain("build"), plain("build-stage")]);
    }
}

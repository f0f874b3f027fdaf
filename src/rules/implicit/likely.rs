//! The rule that a search tries first, tried before anything else is looked at. Knows nothing of the rules after it.
//!
//! Where a name like this one got its rule so, as all objects of one folder do, the search mostly ends with it: neither the other
//! rules nor what they ask for need to be listed. Where it does not apply, the search itself begins, and with the same rule.

use super::attempt::{Attempt, Findings, Manner};
use super::{Candidate, Try, adopt, folder_of, match_of};
use crate::base::diagnostic::Outcome;
use crate::os::archive;
use crate::rules::RuleHost;
use crate::rules::pattern::TargetPattern;

/// Whether the first rule for `candidate`, a file, applies. It is the candidate's then. May be false although it does.
pub(super) fn is_found<H: RuleHost>(host: &mut H, candidate: &mut Candidate, depth: usize) -> Outcome<bool> {
    let name = host.context().names.text(candidate.name);
    let Some(&last) = name.last() else { return Ok(false) };
    if !host.rules().endings.expect_rule(last) || host.traces_implicit() {
        return Ok(false);
    }
    let folder = if archive::is_member(name) { 0 } else { folder_of(name) };
    let Some((one, rule)) = first(host, name, folder, last) else { return Ok(false) };
    let mut findings = Findings::default();
    let manner = Manner::default();
    let attempt =
        Attempt { candidate, name, folder, one, rule, depth: depth + 1, manner, findings: &mut findings };
    if !attempt.run(host)? {
        return Ok(false);
    }
    adopt(host, candidate, name, folder, one, rule, findings.prerequisites, 0);
    Ok(true)
}

/// The rule that is tried first; none where it may be another one, or where it may not be tried twice.
fn first<H: RuleHost>(host: &mut H, name: &[u8], folder: usize, last: u8) -> Option<(Try, u32)> {
    let candidates = host.rules().patterns.ending_in(last);
    let mut best: Option<(Try, u32)> = None;
    for candidate in candidates.iter() {
        // Rules for any name have the longest stems, and are out where another one matches.
        if candidate.is_empty || candidate.target.matches_anything() {
            continue;
        }
        let Some(one) = match_of(candidate, name, folder) else { continue };
        let longer = best.is_some_and(|(best, _)| best.stem_length <= one.stem_length);
        if !longer && !host.rules().patterns[candidate.rule].in_use {
            best = Some((one, candidate.rule));
        }
    }
    let (one, rule) = best?;
    let record = &host.rules().patterns[rule];
    let any_name = record.targets.iter().any(|target| target.matches_anything());
    let expands = record.dependencies.iter().any(|dep| dep.needs_expansion());
    if any_name || expands {
        return None;
    }
    debug_assert!(
        super::matching(host, name, folder, 0, 0).iter().find_map(|other| Some((
            other.rule?,
            other.target,
            other.stem_length
        ))) == Some((rule, one.target, one.stem_length))
    );
    Some((one, rule))
}

/// The first rule for names of one shape, as far as it says what it asks for first.
pub struct Shape {
    target: TargetPattern,
    /// What the prerequisite has before and after the stem.
    before: &'static [u8],
    after: &'static [u8],
}

/// The shape of `name`; none where no rule is tried first, or none before all others.
pub fn shape_of<H: RuleHost>(host: &mut H, name: &[u8]) -> Option<Shape> {
    let folder = folder_of(name);
    let (one, rule) = first(host, name, folder, *name.last()?)?;
    let rule = &host.rules().patterns[rule];
    let (target, dep) = (*rule.targets.get(one.target)?, *rule.dependencies.first()?);
    let name = match dep.is_name() {
        true => dep.name(&host.context().names)?,
        false => host.rules().files[dep.file()].name,
    };
    let text = host.context().names.text(name);
    let percent = memchr::memchr(b'%', text)?;
    Some(Shape { target, before: &text[..percent], after: &text[percent + 1..] })
}

impl Shape {
    /// Puts what the rule asks for first of the file `name` into `text`. False where the name has another shape.
    pub fn expects(&self, name: &[u8], text: &mut Vec<u8>) -> bool {
        let (folder, base) = name.split_at(if self.target.has_slash { 0 } else { folder_of(name) });
        let stem =
            base.strip_prefix(self.target.prefix()).and_then(|rest| rest.strip_suffix(self.target.suffix()));
        let Some(stem) = stem else { return false };
        text.clear();
        for part in [folder, self.before, stem, self.after] {
            text.extend_from_slice(part);
        }
        true
    }
}

//! A quick look whether a search for an implicit rule can find anything. Knows nothing of what a rule that is found does.
//!
//! In most builds nearly every search is in vain: no rule makes a source. Such a search leaves no trace but the names that it
//! found to be impossible, and those follow from one pass over the rules without any record of what each attempt was.

use super::{Try, folder_of, matching};
use crate::base::Name;
use crate::expand::file_names::{begins_plainly, is_plain_text};
use crate::rules::RuleHost;
use crate::rules::file::Dep;
use crate::rules::impossible::{kept_as, known_as};

/// What was found so far.
#[derive(Default)]
struct Look {
    /// Names that no rule makes, in the order in which a search would remember them.
    impossible: Vec<Name>,
    /// The name that is looked at.
    text: Vec<u8>,
}

/// Whether the search for `name`, whose folder has `folder` bytes and which the targets of `tries` match, finds nothing. It
/// may find something although this is false. Where it is true, what the search would have remembered is remembered.
pub(super) fn is_hopeless<H: RuleHost>(
    host: &mut H,
    name: &'static [u8],
    folder: usize,
    tries: &[Try],
) -> bool {
    if host.traces_implicit() || !host.rules().paths.is_empty() || !is_plain_text(name) {
        return false;
    }
    let mut look = Look::default();
    if look.may_find(host, name, folder, tries, 0) {
        return false;
    }
    let epoch = host.context().folders.epoch();
    for name in look.impossible {
        host.rules().impossible.remember(name, epoch);
    }
    true
}

impl Look {
    /// Whether one of `tries` may apply: the names that they ask for, in the order of the search.
    fn may_find<H: RuleHost>(
        &mut self,
        host: &mut H,
        name: &'static [u8],
        folder: usize,
        tries: &[Try],
        recursions: usize,
    ) -> bool {
        tries.iter().any(|one| {
            let Some(rule) = one.rule else { return false };
            host.rules().patterns[rule].in_use = true;
            let found = self.may_apply(host, name, folder, one, rule, recursions);
            host.rules().patterns[rule].in_use = false;
            found
        })
    }

    fn may_apply<H: RuleHost>(
        &mut self,
        host: &mut H,
        name: &'static [u8],
        folder: usize,
        one: &Try,
        rule: u32,
        recursions: usize,
    ) -> bool {
        let target = host.rules().patterns[rule].targets[one.target];
        let (folder, base) = if one.split_folder { name.split_at(folder) } else { name.split_at(0) };
        let stem = &base[target.prefix().len()..base.len() - target.suffix().len()];
        let count = host.rules().patterns[rule].dependencies.len();
        for index in 0..count {
            let rule = &host.rules().patterns[rule];
            let (dep, terminal) = (rule.dependencies[index], rule.terminal);
            if !self.ask(host, &dep, folder, stem) {
                return true;
            }
            let context = host.context();
            let epoch = context.folders.epoch();
            let remembered = known_as(&mut context.folders, &context.names, &self.text);
            let known = context.names.find(&self.text);
            if remembered.is_some_and(|name| {
                self.impossible.contains(&name) || host.rules().impossible.has(name, epoch)
            }) {
                return false;
            }
            if let Some(name) = known
                && host.rules().files.find(name).is_some()
            {
                return true;
            }
            if host.context().folders.exists(&self.text) {
                continue;
            }
            if terminal {
                return false;
            }
            let between = known.unwrap_or_else(|| host.context().names.intern(&self.text));
            let text = host.context().names.text(between);
            let folder = folder_of(text);
            let tries = matching(host, text, folder, recursions + 1, 0);
            if self.may_find(host, text, folder, &tries, recursions + 1) {
                return true;
            }
            let context = host.context();
            self.impossible.extend(kept_as(&mut context.folders, &mut context.names, text));
            return false;
        }
        true
    }

    /// Puts the name that `dep` asks for into `self.text`. False where it is not one plain name.
    fn ask<H: RuleHost>(&mut self, host: &mut H, dep: &Dep, folder: &[u8], stem: &[u8]) -> bool {
        let rules = host.rules();
        let pattern = match dep.is_name() {
            true => None,
            false => Some(rules.files[dep.file()].name),
        };
        let names = &host.context().names;
        let Some(pattern) = pattern.or_else(|| dep.name(names)) else { return false };
        let pattern = names.text(pattern);
        self.text.clear();
        let (before, after) = match pattern.iter().position(|&byte| byte == b'%') {
            None => {
                self.text.extend_from_slice(pattern);
                (pattern, &pattern[..0])
            }
            Some(at) => {
                let (before, after) = (&pattern[..at], &pattern[at + 1..]);
                for part in [folder, before, stem, after] {
                    self.text.extend_from_slice(part);
                }
                (before, after)
            }
        };
        // Folder and stem are of a name whose text is plain.
        !dep.needs_expansion() && is_plain_text(before) && is_plain_text(after) && begins_plainly(&self.text)
    }
}

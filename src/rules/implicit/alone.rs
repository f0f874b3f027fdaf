//! Names that nothing is called after: where no makefile has pattern rules, no search finds anything for them. Knows nothing of the
//! search.
//!
//! It is so for most makefiles, which are sought as goals are, and spares a short run the built-in rules and the search in them.

use crate::expand::file_names::is_plain_name;
use crate::os::folders::folder_and_entry;
use crate::rules::RuleHost;
use crate::rules::file::FileId;
use crate::rules::special::is_suffix;

/// Whether only built-in rules are there, whose prerequisites all hold the stem, and neither a file in the folder nor a name in the
/// makefiles holds the name of `file`. A name that ends in a suffix is none of these: its stem may be shorter.
pub fn is_alone<H: RuleHost>(host: &mut H, file: FileId) -> bool {
    let rules = host.rules();
    let alone = rules.rules_to_come.is_some_and(|to_come| to_come.suffixes_are_dotted)
        && rules.patterns.in_order().is_empty()
        && rules.paths.is_empty();
    if !alone || host.traces_implicit() {
        return false;
    }
    let name = host.rules().files[file].name;
    let text = host.context().names.text(name);
    let ending = memchr::memrchr(b'.', text).map(|dot| &text[dot..]);
    if !is_plain_name(text) || text.contains(&b'/') || ending.is_some_and(|ending| is_suffix(host, ending)) {
        return false;
    }
    let finder = memchr::memmem::Finder::new(text);
    let (folder, _) = folder_and_entry(text);
    let mut entries = host.context().folders.entries_now(folder);
    let any =
        |entry: &[u8]| matches!(entry, b"RCS" | b"SCCS") || (entry != text && finder.find(entry).is_some());
    if entries.any(any) {
        return false;
    }
    drop(entries);
    let ids = host.rules().files.ids();
    !ids.into_iter().any(|other| {
        let other = host.rules().files[other].name;
        other != name && finder.find(host.context().names.text(other)).is_some()
    })
}

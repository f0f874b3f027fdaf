//! Edges between image targets: a Dockerfile that names another target's tag makes that target a prerequisite. Knows nothing of
//! engines.

use crate::base::diagnostic::Outcome;
use crate::base::tables::HashMap;
use crate::build::Build;
use crate::build::images::sources::Sources;
use crate::image::block::Block;
use crate::image::command::Client;
use crate::image::dockerfile::NoBases;
use crate::image::reference::Reference;
use crate::rules::file::{Dep, FileId};
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What stands for the stem while it is looked for in a pattern's tags: no tag that is written has it.
const UNKNOWN_STEM: &[u8] = b"imk0stem0unknown";

/// The environment of this process: edges are looked for before a job has one.
pub(super) fn of_process(name: &[u8]) -> Option<Vec<u8>> {
    std::env::var_os(OsStr::from_bytes(name)).map(OsStringExt::into_vec)
}

/// The one way to write a reference, so that two can be compared.
fn canonical(text: &[u8]) -> Option<String> {
    Some(Reference::parse(text).ok()?.with_default_tag().canonical())
}

impl Build {
    /// Adds the image targets whose tags the Dockerfile of `file` names to its prerequisites.
    pub(super) fn add_edges(&mut self, file: FileId, block: &Block) -> Outcome {
        let sources = Sources::of_block(block, Client::Docker, &of_process);
        let text = sources.text();
        // Where it can't be read or is wrong, the build itself will say so.
        let Some(analysis) = text.and_then(|text| sources.analyse(&text, &NoBases)) else { return Ok(()) };
        for image in &analysis.images {
            let Some(wanted) = image.reference.known().and_then(canonical) else { continue };
            let Some(other) = self.target_with_tag(&wanted)? else { continue };
            if other == file {
                continue;
            }
            self.images.edges.entry(file).or_default().push(other);
            let known = &self.session.rules.files[file].dependencies;
            if known.iter().any(|dep| !dep.is_name() && dep.file() == other) {
                continue;
            }
            let mut dep = Dep::of_file(other);
            dep.set_hidden(true);
            self.session.rules.files[file].dependencies.push(dep);
        }
        Ok(())
    }

    /// The image target that makes the image that a Dockerfile names so.
    pub(super) fn target_of_image(&mut self, reference: &[u8]) -> Outcome<Option<FileId>> {
        canonical(reference).map_or(Ok(None), |wanted| self.target_with_tag(&wanted))
    }

    /// The image target that makes the image of this canonical reference.
    fn target_with_tag(&mut self, wanted: &str) -> Outcome<Option<FileId>> {
        if self.images.tags.is_none() {
            self.images.tags = Some(HashMap::default());
            let mut tags = HashMap::default();
            for name in self.session.rules.images.named().to_vec() {
                let file = self.session.rules.files.find_or_enter(name);
                // A block that is wrong is told of when its target is met.
                let Ok(Some(block)) = self.read_block(file) else { continue };
                for tag in block.tags().iter().filter_map(|given| canonical(&given.text)) {
                    tags.entry(tag).or_insert(file);
                }
            }
            self.images.tags = Some(tags);
        }
        if let Some(&file) = self.images.tags.as_ref().and_then(|tags| tags.get(wanted)) {
            return Ok(Some(file));
        }
        self.target_by_pattern(wanted)
    }

    /// The target of a pattern block whose tag, with the right stem, is `wanted`.
    fn target_by_pattern(&mut self, wanted: &str) -> Outcome<Option<FileId>> {
        let patterns: Vec<_> = self.session.rules.images.patterns().collect();
        for pattern in patterns {
            let name = pattern.with_stem(UNKNOWN_STEM);
            let sample = self.session.enter_file(&name);
            let Ok(Some(block)) = self.read_block(sample) else { continue };
            for tag in block.tags().iter().filter_map(|given| canonical(&given.text)) {
                let marker = std::str::from_utf8(UNKNOWN_STEM).unwrap_or_default();
                let Some((before, after)) = tag.split_once(marker) else { continue };
                let stem = wanted.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                let Some(stem) = stem.filter(|stem| !stem.is_empty() && !after.contains(marker)) else {
                    continue;
                };
                let file = self.session.enter_file(&pattern.with_stem(stem.as_bytes()));
                // The tag may hold more of the target's name than its stem: the target itself is asked.
                let Ok(Some(own)) = self.read_block(file) else { continue };
                if own.tags().iter().any(|given| canonical(&given.text).as_deref() == Some(wanted)) {
                    return Ok(Some(file));
                }
            }
        }
        Ok(None)
    }
}

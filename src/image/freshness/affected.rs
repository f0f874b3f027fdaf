//! Which inputs a list of changed paths can reach. Looks at no file: paths that are gone are judged by what the Dockerfile
//! asks for.

use super::components::Components;
use crate::base::Span;
use crate::image::context::{Glob, Ignore, has_wildcard};
use crate::image::dockerfile::{Analysis, ContextRead};
use std::path::{Path, PathBuf};

/// Where an image's inputs lie. All paths are absolute, and as the changed ones name them.
#[derive(Clone, Debug, Default)]
pub struct Places<'a> {
    /// The Dockerfile.
    pub dockerfile: Option<&'a Path>,
    /// The ignore file that the main context heeds.
    pub ignore_file: Option<&'a Path>,
    /// The main context, where it is a folder, and what its ignore file says.
    pub context: Option<(&'a Path, &'a Ignore)>,
    /// The named contexts that are folders, and what their ignore files say.
    pub named: Vec<(&'a [u8], &'a Path, &'a Ignore)>,
}

/// An input that was touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// The Dockerfile. Whether the reached stages changed is not told.
    Dockerfile,
    /// The ignore file.
    IgnoreFile,
    /// An entry of a context.
    File {
        /// The changed path.
        path: PathBuf,
        /// The place in the Dockerfile of the source that reads it; none where the whole context counts.
        source: Option<Span>,
    },
}

/// The inputs that the paths `changed` touch. `now` are the inputs as they are, where they are known: they tell what is
/// read through symbolic links. Sound above all: a path may be named that can't change the image, never the other way.
pub fn affected(
    analysis: &Analysis,
    now: Option<&Components>,
    places: &Places<'_>,
    changed: &[PathBuf],
) -> Vec<Touched> {
    let mut out = Vec::new();
    for path in changed {
        if places.dockerfile == Some(path) {
            out.push(Touched::Dockerfile);
        }
        if places.ignore_file == Some(path) {
            out.push(Touched::IgnoreFile);
        }
        let contexts = places.context.map(|(root, ignore)| (None, root, ignore)).into_iter();
        let named = places.named.iter().map(|&(name, root, ignore)| (Some(name), root, ignore));
        for (name, root, ignore) in contexts.chain(named) {
            let Some(relative) = below(root, path) else { continue };
            if let Some(source) = reading(analysis, now, name, ignore, &relative) {
                out.push(Touched::File { path: path.clone(), source });
                break;
            }
        }
    }
    out
}

/// `path` relative to `root`; empty where `root` lies in `path`, or is it.
fn below(root: &Path, path: &Path) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    match path.strip_prefix(root) {
        Ok(relative) => Some(relative.as_os_str().as_bytes().to_vec()),
        Err(_) => root.starts_with(path).then(Vec::new),
    }
}

/// The source that reads `path` of context `name`.
fn reading(
    analysis: &Analysis,
    now: Option<&Components>,
    name: Option<&[u8]>,
    ignore: &Ignore,
    path: &[u8],
) -> Option<Option<Span>> {
    let reads = analysis.reads.iter().filter(|read| read.context.as_deref() == name);
    let all = match name {
        None => analysis.reads_all(),
        Some(_) => analysis.opaque.is_some() || !analysis.widened.is_empty(),
    };
    let is_read = now.is_some_and(|now| is_among(now, name, path));
    // What is ignored can still be there as a folder with something in it, or stand for a whole submodule.
    let ignored = !path.is_empty()
        && analysis.opaque.is_none()
        && ignore.verdict(path).excluded()
        && !ignore.may_include_below(path);
    if ignored && !is_read {
        return None;
    }
    let source = reads.clone().find(|read| may_read(read, path)).map(|read| Some(read.span));
    // Through a link anything may be read, as long as nothing says what is.
    source.or_else(|| (all || is_read).then_some(None))
}

/// Whether `path`, something above it or something below it is among the entries read.
fn is_among(now: &Components, name: Option<&[u8]>, path: &[u8]) -> bool {
    let context = now.contexts.iter().position(|context| context.name.as_deref() == name);
    let Some(context) = context else { return false };
    now.files
        .iter()
        .filter(|file| file.context as usize == context)
        .any(|file| is_within(&file.path, path) || is_within(path, &file.path))
}

/// Whether `inner` is `outer`, or lies in it.
fn is_within(inner: &[u8], outer: &[u8]) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest[0] == b'/')
}

/// Whether a read may see `path`, by names alone: patterns that leave something out are not heeded.
fn may_read(read: &ContextRead, path: &[u8]) -> bool {
    if path.is_empty() || read.source.is_empty() {
        return true;
    }
    let is_crossing = |glob: &Glob| glob.crosses();
    if read.glob && has_wildcard(&read.source) && Glob::new(&read.source).as_ref().is_some_and(is_crossing) {
        return true;
    }
    let mut names = path.split(|&byte| byte == b'/');
    for own in read.source.split(|&byte| byte == b'/') {
        // A changed path above the source: a submodule, or a folder that became a file.
        let Some(name) = names.next() else { return true };
        let matches = own == name || (read.glob && Glob::new(own).is_some_and(|glob| glob.matches(name)));
        if !matches {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::dockerfile::{NoBases, Request, analyse};

    fn touched(dockerfile: &str, ignore: &str, target: Option<&str>, path: &str) -> bool {
        let request = Request {
            target: target.map(str::as_bytes),
            build_args: &[],
            named_contexts: &[],
            platform_args: &[],
            bases: &NoBases,
        };
        let analysis = analyse(dockerfile.as_bytes(), &request).unwrap();
        let ignore = Ignore::read(ignore.as_bytes()).unwrap();
        let places = Places {
            dockerfile: Some(Path::new("/r/Dockerfile")),
            ignore_file: Some(Path::new("/r/c/.dockerignore")),
            context: Some((Path::new("/r/c"), &ignore)),
            named: Vec::new(),
        };
        !affected(&analysis, None, &places, &[PathBuf::from(path)]).is_empty()
    }

    #[test]
    fn only_what_the_target_reads_is_affected() {
        let file = "FROM scratch AS a\nCOPY src/*.py lib /x/\nFROM scratch AS b\nCOPY other /\n";
        for (target, path, expected) in [
            ("a", "/r/c/src/x.py", true),
            ("a", "/r/c/src/x.txt", false),
            ("a", "/r/c/src", true),
            ("a", "/r/c/lib/deep/y", true),
            ("a", "/r/c/library", false),
            ("a", "/r/c/other", false),
            ("b", "/r/c/other", true),
            ("b", "/r/c/other/in", true),
            ("b", "/r/other", false),
            ("a", "/r/Dockerfile", true),
            ("a", "/r/c/.dockerignore", true),
            ("a", "/r", true),
            ("a", "/r/c/lib/x.log", false),
        ] {
            assert_eq!(touched(file, "**/*.log\n", Some(target), path), expected, "{target} {path}");
        }
    }

    #[test]
    fn what_is_ignored_is_not_affected_unless_re_included() {
        let file = "FROM scratch\nCOPY . /\n";
        let ignore = "docs\n!docs/keep\n";
        assert!(!touched(file, ignore, None, "/r/c/docs/lose"));
        assert!(touched(file, ignore, None, "/r/c/docs/keep"));
        assert!(touched(file, ignore, None, "/r/c/src"));
        assert!(
            touched("FROM scratch\nCOPY [a/]x /\n", "", None, "/r/c/a/x"),
            "a class that crosses folders"
        );
    }

    #[test]
    fn what_widens_is_affected_by_everything() {
        assert!(touched("FROM unknown\nCOPY a /\n", "", None, "/r/c/z"));
        assert!(!touched("FROM scratch\nCOPY a /\n", "", None, "/r/c/z"));
    }
}

//! Whether a path could be read by what a Dockerfile reads, by its name alone: asked of files that were not there when the context
//! was looked through. Touches no file.

use super::rooted::{Glob, has_wildcard};
use crate::image::dockerfile::ContextRead;

/// Whether an entry `path` of the context, were it there, could be seen by `read`, or be a folder on the way to what is. What the
/// read excludes is not taken off: too much is named here rather than too little.
pub fn may_read(read: &ContextRead, path: &[u8]) -> bool {
    let own = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty());
    let source = read.source.split(|&byte| byte == b'/').filter(|name| !name.is_empty());
    for (wanted, name) in source.zip(own) {
        let as_glob = read.glob && (has_wildcard(wanted) || wanted.contains(&b'\\'));
        match as_glob.then(|| Glob::new(wanted)).flatten() {
            Some(glob) if glob.crosses() => return true,
            Some(glob) if glob.matches(name) => {}
            _ if wanted == name => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::dockerfile::{NoBases, Request, analyse};

    #[test]
    fn names_that_a_copy_could_see() {
        let request = Request {
            target: None,
            build_args: &[],
            named_contexts: &[],
            platform_args: &[],
            bases: &NoBases,
        };
        let text = b"FROM scratch\nCOPY src/*.py conf/app /x/\n";
        let analysis = analyse(text, &request).expect("an analysis");
        let seen = |path: &str| analysis.reads.iter().any(|read| may_read(read, path.as_bytes()));
        for (path, expected) in [
            ("src/a.py", true),
            ("src/a.txt", false),
            ("src", true),
            ("src/sub/a.py", false),
            ("src/d.py/below", true),
            ("conf/app/deep/file", true),
            ("conf/other", false),
            ("README", false),
        ] {
            assert_eq!(seen(path), expected, "{path}");
        }
    }
}

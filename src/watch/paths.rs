//! Paths as the system's events name them: absolute, the folders on the way resolved. Knows nothing of inputs.

use rustc_hash::FxHashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// A path, absolute.
pub type Path = Box<[u8]>;

/// Resolves folders, and remembers what came of it until told to forget.
#[derive(Default)]
pub struct Resolver {
    folders: FxHashMap<Vec<u8>, Path>,
}

/// The folder and the last component of an absolute path.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b'/', path) {
        Some(0) => (b"/", &path[1..]),
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b".", path),
    }
}

/// `folder` and a name in it, as a path.
pub fn join(folder: &[u8], name: &[u8]) -> Path {
    if folder == b"/" { [b"/", name].concat().into() } else { [folder, b"/", name].concat().into() }
}

/// Whether `path` is `folder`, or in it.
pub fn is_within(path: &[u8], folder: &[u8]) -> bool {
    folder == b"/" || path.strip_prefix(folder).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
}

/// `name`, seen from `folder`, without `.`, double and final slashes; `..` stays, since links may stand before it.
pub fn absolute(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(folder.len() + name.len() + 1);
    let start: &[u8] = if name.first() == Some(&b'/') { b"" } else { folder };
    for part in start.split(|&byte| byte == b'/').chain(name.split(|&byte| byte == b'/')) {
        if !part.is_empty() && part != b"." {
            path.push(b'/');
            path.extend_from_slice(part);
        }
    }
    if path.is_empty() { b"/".to_vec() } else { path }
}

impl Resolver {
    /// Forgets what was resolved: folders may have changed.
    pub fn forget(&mut self) {
        self.folders.clear();
    }

    /// The folder `path` with links and `..` resolved as far as it is there; what is not there is kept as it is written.
    pub fn folder(&mut self, path: &[u8]) -> Path {
        if let Some(found) = self.folders.get(path) {
            return found.clone();
        }
        let found: Path = match std::fs::canonicalize(OsStr::from_bytes(path)) {
            Ok(found) => found.into_os_string().into_vec().into(),
            Err(_) if path == b"/" || path.is_empty() => path.into(),
            Err(_) => {
                let (above, name) = split(path);
                let above = self.folder(above);
                if name == b".." { split(&above).0.into() } else { join(&above, name) }
            }
        };
        self.folders.insert(path.to_vec(), found.clone());
        found
    }

    /// The file `name`, seen from `folder`: its folder resolved, itself not, since it may be a link whose own change matters.
    pub fn file(&mut self, folder: &[u8], name: &[u8]) -> Path {
        let path = absolute(folder, name);
        let (above, last) = split(&path);
        if last.is_empty() || last == b".." {
            return self.folder(&path);
        }
        join(&self.folder(above), last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_what_events_call_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = std::fs::canonicalize(folder.path()).expect("a path");
        std::fs::create_dir_all(root.join("real/sub")).expect("folders");
        std::os::unix::fs::symlink("real", root.join("link")).expect("a link");
        let root = root.into_os_string().into_vec();
        let mut resolver = Resolver::default();
        for (name, expected) in [
            ("a", "a"),
            ("./a", "a"),
            ("link/b", "real/b"),
            ("link", "link"),
            ("link/../c", "c"),
            ("real//sub/./d", "real/sub/d"),
            ("none/sub/e", "none/sub/e"),
            ("none/../f", "f"),
            ("link/sub/..", "real"),
        ] {
            let found = resolver.file(&root, name.as_bytes());
            assert_eq!(found, join(&root, expected.as_bytes()), "{name}");
        }
        assert_eq!(&*resolver.file(b"/", b"x"), b"/x");
        assert_eq!(absolute(b"/", b"."), b"/");
        assert!(is_within(b"/a/b", b"/a") && is_within(b"/a", b"/a") && !is_within(b"/ab", b"/a"));
    }
}

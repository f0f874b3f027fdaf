//! A folder as far as git does not ignore it: where nothing better is known of a goal, this is what is watched. Knows no goals.
//!
//! Rules as in `gitignore(5)`: later ones win, a slash binds a pattern to its file's folder, nothing in an ignored folder can be
//! taken back. Patterns are matched by the engine's ignore files' matcher, to which they are translated.

use super::paths::{Path, join, split};
use crate::image::context::Ignore;
use crate::os::files::read_regular;
use rustc_hash::FxHashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

struct Rule {
    /// The folder of the file that has it.
    base: Path,
    pattern: Ignore,
    negated: bool,
    folders_only: bool,
}

/// The rules in force below a folder.
#[derive(Default)]
struct Rules(Vec<Rule>);

/// Folders that are no part of what people write.
const ALWAYS: [&[u8]; 4] = [b".git", b".hg", b".svn", b".imk"];

impl Rules {
    fn read(&mut self, base: &[u8], file: &[u8]) {
        let Ok(text) = read_regular(std::path::Path::new(OsStr::from_bytes(file))) else { return };
        for line in text.split(|&byte| byte == b'\n') {
            self.line(base, line);
        }
    }

    fn line(&mut self, base: &[u8], line: &[u8]) {
        let mut line = line.strip_suffix(b"\r").unwrap_or(line);
        while let Some(rest) = line.strip_suffix(b" ").filter(|rest| !rest.ends_with(b"\\")) {
            line = rest;
        }
        if line.is_empty() || line.starts_with(b"#") {
            return;
        }
        let (negated, line) = line.strip_prefix(b"!").map_or((false, line), |rest| (true, rest));
        let (folders_only, line) = line.strip_suffix(b"/").map_or((false, line), |rest| (true, rest));
        let bound = line.contains(&b'/');
        let line = line.strip_prefix(b"/").unwrap_or(line);
        let mut pattern: Vec<u8> = if bound { Vec::new() } else { b"**/".to_vec() };
        let mut before = 0;
        for &byte in line {
            // The matcher negates classes by a caret only.
            pattern.push(if before == b'[' && byte == b'!' { b'^' } else { byte });
            before = byte;
        }
        if let Ok(pattern) = Ignore::of_patterns([&pattern[..]]) {
            self.0.push(Rule { base: base.into(), pattern, negated, folders_only });
        }
    }

    /// Whether the entry itself is ignored, the folders above it aside.
    fn ignores(&self, path: &[u8], is_folder: bool) -> bool {
        if ALWAYS.contains(&split(path).1) {
            return true;
        }
        let matching = self.0.iter().rev().find(|rule| {
            let below = match path.strip_prefix(&*rule.base) {
                Some([b'/', below @ ..]) => below,
                _ => return false,
            };
            (is_folder || !rule.folders_only) && rule.pattern.verdict(below).excluded()
        });
        matching.is_some_and(|rule| !rule.negated)
    }
}

/// A folder and all folders in it that are not ignored.
pub struct Tree {
    /// The folder.
    pub root: Path,
    rules: Rules,
    /// The folders, the root among them.
    pub folders: FxHashSet<Path>,
}

impl Tree {
    /// Reads the folder `root`, an absolute path.
    pub fn read(root: &[u8]) -> Tree {
        let mut tree = Tree { root: root.into(), rules: Rules::default(), folders: FxHashSet::default() };
        for above in above_in_repository(root) {
            tree.rules.read(&above, &join(&above, b".git/info/exclude"));
            tree.rules.read(&above, &join(&above, b".gitignore"));
        }
        tree.folder(root);
        tree
    }

    fn folder(&mut self, folder: &[u8]) {
        let mut pending: Vec<Path> = vec![folder.into()];
        while let Some(folder) = pending.pop() {
            let Ok(entries) = fs::read_dir(OsStr::from_bytes(&folder)) else { continue };
            self.rules.read(&folder, &join(&folder, b".gitignore"));
            for entry in entries.flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    let path = join(&folder, entry.file_name().as_bytes());
                    if !self.rules.ignores(&path, true) {
                        pending.push(path);
                    }
                }
            }
            self.folders.insert(folder);
        }
    }

    /// Whether something at `path` is in the folder and not ignored.
    pub fn has(&self, path: &[u8]) -> bool {
        let (folder, _) = split(path);
        if !self.folders.contains(folder) {
            return false;
        }
        let is_folder = fs::symlink_metadata(OsStr::from_bytes(path)).is_ok_and(|data| data.is_dir());
        !self.rules.ignores(path, is_folder)
    }
}

/// The folders above `root` up to the repository's, from above; none where there is no repository.
fn above_in_repository(root: &[u8]) -> Vec<Path> {
    let mut above: Vec<Path> = Vec::new();
    let mut folder = root;
    loop {
        let is_top = fs::symlink_metadata(OsStr::from_bytes(&join(folder, b".git"))).is_ok();
        if folder != root {
            above.insert(0, folder.into());
        }
        if is_top {
            return above;
        }
        if folder == b"/" {
            return Vec::new();
        }
        folder = split(folder).0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// git itself is asked about the same files.
    #[test]
    fn files_are_ignored_as_git_ignores_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = fs::canonicalize(folder.path()).expect("a path");
        let files = [
            "a.log",
            "b.txt",
            "build/x",
            "sub/build/y",
            "sub/a.log",
            "sub/keep.log",
            "docs/one/x.md",
            "docs/x.md",
            "top",
            "sub/top",
            "x y/z",
            "#hash",
            "cache",
            "sub/cache/q",
            "m1",
            "ma",
            "deep/a/b/c/f",
            "deep/f",
        ];
        for file in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, "x").expect("a file");
        }
        let ignore =
            "*.log\n# c\n!keep.log\nbuild\n/top\ndocs/*.md\n\\#hash\ncache/\nx y \nm[!0-9]\ndeep/**/c\n";
        fs::write(root.join(".gitignore"), ignore).expect("a file");
        fs::write(root.join("sub/.gitignore"), "!build\n").expect("a file");
        let git = |words: &[&str]| Command::new("git").args(words).current_dir(&root).output();
        if !git(&["init", "-q"]).is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: no git");
            return;
        }
        let tree = Tree::read(root.as_os_str().as_bytes());
        for file in files {
            let ignored = git(&["check-ignore", "-q", file]).expect("git").status.success();
            assert_eq!(tree.has(root.join(file).as_os_str().as_bytes()), !ignored, "{file}");
        }
        assert!(!tree.has(root.join(".git/index").as_os_str().as_bytes()));
        let sub = Tree::read(root.join("sub").as_os_str().as_bytes());
        assert!(!sub.has(root.join("sub/a.log").as_os_str().as_bytes()), "rules from above count");
        assert!(sub.has(root.join("sub/new").as_os_str().as_bytes()));
    }
}

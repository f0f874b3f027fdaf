//! What a target can read of a context, on real folders.

use imk::base::Span;
use imk::image::context::{Convention, EntryKind, Ignore, Selection, load, select};
use imk::image::dockerfile::{ContextRead, NoBases, Request, analyse};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A folder of its own for each test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[&str]) -> Self {
        let path = std::env::temp_dir().join(format!("imk-context-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        let folder = Folder(path);
        for file in files {
            let path = folder.0.join(file);
            match file.split_once(" -> ") {
                Some((link, target)) => {
                    let link = folder.0.join(link);
                    fs::create_dir_all(link.parent().expect("a parent")).expect("a folder");
                    symlink(target, link).expect("a link");
                }
                None if file.ends_with('/') => fs::create_dir_all(path).expect("a folder"),
                None => {
                    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
                    fs::write(path, file).expect("a file");
                }
            }
        }
        folder
    }

    fn select(&self, dockerfile: &str, ignore: &str) -> Selection {
        let request = Request {
            target: None,
            build_args: &[],
            named_contexts: &[],
            platform_args: &[],
            bases: &NoBases,
        };
        let analysis =
            analyse(format!("FROM scratch\n{dockerfile}\n").as_bytes(), &request).expect("an analysis");
        assert!(analysis.widened.is_empty(), "{:?}", analysis.widened);
        let reads: Vec<&ContextRead> = analysis.reads.iter().collect();
        let ignore = Ignore::read(ignore.as_bytes()).expect("an ignore file");
        select(&self.0, &ignore, &reads, false).expect("a selection")
    }

    fn paths(&self, dockerfile: &str, ignore: &str) -> Vec<String> {
        paths(&self.select(dockerfile, ignore))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn paths(selection: &Selection) -> Vec<String> {
    selection.entries.iter().map(|entry| String::from_utf8_lossy(&entry.path).into_owned()).collect()
}

#[test]
fn files_folders_and_globs() {
    let folder = Folder::new(
        "globs",
        &["a.txt", "b.txt", "c.md", "d/e/f.txt", "d/g.txt", "h/", "x[1].txt", "q/é.txt"],
    );
    assert_eq!(folder.paths("COPY a.txt /", ""), ["a.txt"]);
    assert_eq!(folder.paths("COPY ../a.txt /none /", ""), ["a.txt"]);
    assert_eq!(folder.paths("COPY *.txt /", ""), ["a.txt", "b.txt", "x[1].txt"]);
    assert_eq!(folder.paths("COPY d /", ""), ["d", "d/e", "d/e/f.txt", "d/g.txt"]);
    assert_eq!(folder.paths("COPY d/ h /", ""), ["d", "d/e", "d/e/f.txt", "d/g.txt", "h"]);
    assert_eq!(folder.paths("COPY */g.txt q/?.txt /", ""), ["d/g.txt", "q/é.txt"]);
    assert_eq!(folder.paths("COPY x\\\\[1].txt [ab].txt /", ""), ["a.txt", "b.txt", "x[1].txt"]);
    assert_eq!(folder.paths("COPY d[^x]g.txt /", ""), ["d/g.txt"]);
    assert_eq!(folder.paths("COPY . /", "").len(), 11);
    assert_eq!(folder.paths("RUN --mount=source=d/e,target=/x y", ""), ["d/e", "d/e/f.txt"]);
    assert_eq!(folder.paths("RUN --mount=source=*.txt,target=/x y", ""), Vec::<String>::new());
}

#[test]
fn ignored_entries_are_left_out_and_taken_back() {
    let folder = Folder::new("ignore", &["a", "d/x", "d/y", "d/e/z", "docs/k.md", "docs/l.txt"]);
    assert_eq!(folder.paths("COPY . /", "d\n"), ["a", "docs", "docs/k.md", "docs/l.txt"]);
    assert_eq!(folder.paths("COPY . /", "*\n!d/e"), ["d", "d/e", "d/e/z"]);
    assert_eq!(folder.paths("COPY . /", "d\n!d/x"), ["a", "d", "d/x", "docs", "docs/k.md", "docs/l.txt"]);
    assert_eq!(folder.paths("COPY . /", "**\n!**/*.md"), ["docs", "docs/k.md"]);
    assert_eq!(folder.paths("COPY d/x d/y /", "d/x"), ["d/y"]);
    let selection = folder.select("COPY d/x none /", "d/x");
    assert!(selection.reads[0].ignored && selection.reads[0].entries.is_empty());
    assert!(!selection.reads[1].ignored && selection.reads[1].entries.is_empty());
}

#[test]
fn links_on_the_source_path_are_followed_and_others_not() {
    let folder = Folder::new(
        "links",
        &[
            "real/f",
            "real/sub/g",
            "link -> real",
            "abs -> /real/sub",
            "out -> ../../etc/passwd",
            "loop -> loop",
            "tree/l -> ../real/f",
            "chain -> link",
            "up -> tree/../real/f",
            "gone -> nothing",
        ],
    );
    assert_eq!(folder.paths("COPY link/f /", ""), ["link", "real/f"]);
    assert_eq!(folder.paths("COPY link /", ""), ["link", "real", "real/f", "real/sub", "real/sub/g"]);
    assert_eq!(folder.paths("COPY abs/g /", ""), ["abs", "real/sub/g"]);
    assert_eq!(folder.paths("COPY chain/f /", ""), ["chain", "link", "real/f"]);
    assert_eq!(folder.paths("COPY up /", ""), ["real/f", "up"]);
    assert_eq!(folder.paths("COPY loop out gone /", ""), ["gone", "loop", "out"]);
    assert_eq!(folder.paths("COPY tree /", ""), ["tree", "tree/l"]);
    assert_eq!(folder.paths("COPY l*k/f /", ""), ["link", "real/f"]);
    assert_eq!(folder.paths("COPY link/f /", "link"), ["real/f"]);
    let selection = folder.select("COPY tree /", "");
    let entry = &selection.entries[1];
    assert_eq!((entry.kind, entry.link.as_deref()), (EntryKind::Link, Some(&b"../real/f"[..])));
}

#[test]
fn parents_and_excludes() {
    let folder =
        Folder::new("parents", &["a/b/c.txt", "a/b/d.md", "a/e.txt", "x/y/z.txt", "x/q.txt", "n.md"]);
    assert_eq!(folder.paths("COPY --parents a/**/*.txt /", ""), ["a", "a/b", "a/b/c.txt", "a/e.txt"]);
    assert_eq!(folder.paths("COPY --parents x/./y/*.txt /", ""), ["x", "x/y", "x/y/z.txt"]);
    assert_eq!(folder.paths("COPY --exclude=*.md a /", ""), ["a", "a/b", "a/b/c.txt", "a/b/d.md", "a/e.txt"]);
    assert_eq!(folder.paths("COPY --exclude=**/*.md a /", ""), ["a", "a/b", "a/b/c.txt", "a/e.txt"]);
    assert_eq!(folder.paths("COPY --exclude=b a /", ""), ["a", "a/e.txt"]);
    assert_eq!(folder.paths("COPY --exclude=*.md n.md /", ""), ["n.md"]);
}

#[test]
fn reads_say_which_entries_are_theirs() {
    let folder = Folder::new("reads", &["a", "b/c", "b/d"]);
    let selection = folder.select("COPY b /\nCOPY a b/c /", "");
    assert_eq!(paths(&selection), ["a", "b", "b/c", "b/d"]);
    let entries: Vec<&[usize]> = selection.reads.iter().map(|read| read.entries.as_slice()).collect();
    assert_eq!(entries, [&[1, 2, 3][..], &[0], &[2]]);
}

#[test]
fn the_right_ignore_file_is_chosen() {
    let folder = Folder::new("choice", &["Dockerfile", "sub/My.Dockerfile", "empty.Dockerfile"]);
    let root = &folder.0;
    let chosen = |dockerfile: &str| {
        load(root, Some(&root.join(dockerfile)), Convention::Docker).expect("a choice").path
    };
    assert_eq!(chosen("Dockerfile"), None);
    fs::write(root.join(".dockerignore"), "a\n").expect("a file");
    fs::write(root.join("sub/My.Dockerfile.dockerignore"), "b\n").expect("a file");
    fs::write(root.join("empty.Dockerfile.dockerignore"), "").expect("a file");
    assert_eq!(chosen("Dockerfile"), Some(root.join(".dockerignore")));
    assert_eq!(chosen("sub/My.Dockerfile"), Some(root.join("sub/My.Dockerfile.dockerignore")));
    let empty = load(root, Some(&root.join("empty.Dockerfile")), Convention::Docker).expect("a choice");
    assert!(empty.ignore.is_empty() && empty.path.is_some());
    fs::write(root.join(".containerignore"), "c\n").expect("a file");
    assert_eq!(chosen("Dockerfile"), Some(root.join(".dockerignore")));
    let other = load(root, Some(&root.join("Dockerfile")), Convention::Containers).expect("a choice");
    assert_eq!(other.path, Some(root.join(".containerignore")));
    fs::remove_file(root.join(".dockerignore")).expect("removed");
    symlink("/etc/hostname", root.join(".dockerignore")).expect("a link");
    assert_eq!(chosen("Dockerfile"), None);
}

#[test]
fn a_root_that_is_no_folder_is_an_error() {
    let read = ContextRead {
        context: None,
        source: Vec::new(),
        glob: true,
        below: None,
        excludes: Vec::new(),
        span: Span::default(),
        instruction: Span::default(),
        stage: 0,
    };
    let folder = Folder::new("file", &["f"]);
    assert!(select(&folder.0.join("f"), &Ignore::default(), &[&read], false).is_err());
    assert!(select(Path::new("/nonexistent"), &Ignore::default(), &[&read], true).is_err());
}

/// Everything in a folder that the ignore file does not exclude, and the folders above it, the slow way.
fn by_hand(root: &Path, ignore: &Ignore) -> Vec<String> {
    fn walk(root: &Path, at: &str, ignore: &Ignore, out: &mut Vec<String>) -> bool {
        let mut any = false;
        for entry in fs::read_dir(root.join(at)).expect("a folder") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("a name");
            let path = if at.is_empty() { name } else { format!("{at}/{name}") };
            let mut visible = !ignore.verdict(path.as_bytes()).excluded();
            if entry.file_type().expect("a type").is_dir() {
                visible |= walk(root, &path, ignore, out);
            }
            if visible {
                out.push(path);
                any = true;
            }
        }
        any
    }
    let mut out = Vec::new();
    walk(root, "", ignore, &mut out);
    out.sort();
    out
}

#[test]
fn pruning_loses_nothing() {
    let names = ["a", "b", "ab", "c.md", "x y"];
    let mut files = Vec::new();
    for one in names {
        for two in names {
            for three in names {
                files.push(format!("{one}/{two}d/{three}"));
            }
        }
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let folder = Folder::new("prune", &files);
    // A small generator of its own keeps the cases the same everywhere.
    let mut seed = 7u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let parts = ["a", "*", "**", "?", "ab", "ad", "*.md", "a*", "[^a]", "[ab]d", "x y", "**b", "a**"];
    for _ in 0..400 {
        let mut text = String::new();
        for _ in 0..=next(4) {
            if next(3) == 0 {
                text.push('!');
            }
            for depth in 0..=next(3) {
                if depth > 0 {
                    text.push('/');
                }
                text.push_str(parts[next(parts.len())]);
            }
            text.push('\n');
        }
        let ignore = Ignore::read(text.as_bytes()).expect("an ignore file");
        let selection = select(&folder.0, &ignore, &[], true).expect("a selection");
        let mut found = paths(&selection);
        found.sort();
        assert_eq!(found, by_hand(&folder.0, &ignore), "{text}");
    }
}

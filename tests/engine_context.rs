//! What imk says a target can read, against a real BuildKit: each entry of each case's context is changed in turn, and
//! wherever the engine then builds another image, imk's selection must have changed too.
//!
//! Run with an engine: `cargo test --test engine_context -- --nocapture`.

use imk::image::context::{Convention, load, select};
use imk::image::dockerfile::{BaseConfig, BaseImages, ContextRead, Request, analyse};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

struct Case {
    name: &'static str,
    dockerfile: &'static str,
    ignore: &'static str,
    /// `path`, `folder/` or `link -> target`.
    files: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "folders-and-globs",
        dockerfile: "FROM scratch\nCOPY a/*.txt ?.md b /x/\nCOPY c/d/ /y/\nADD e /z\n",
        ignore: "",
        files: &["a/1.txt", "a/2.md", "a/s/3.txt", "q.md", "qq.md", "b/n/m/o", "c/d/f", "c/g", "e", "empty/"],
    },
    Case {
        name: "everything-but-ignored",
        dockerfile: "FROM scratch\nCOPY . /\n",
        ignore: "*.log\n**/tmp\nd\n!d/keep\n!d/deep/*/k\n# c\n/x y\n",
        files: &[
            "a.log",
            "s/a.log",
            "s/tmp/f",
            "tmp/g",
            "d/keep",
            "d/lose",
            "d/deep/1/k",
            "d/deep/1/l",
            "x y/z",
            "w",
        ],
    },
    Case {
        name: "matchers-disagree",
        dockerfile: "FROM scratch\nCOPY . /all\n",
        ignore: "a\n!a/x\na\nb*\n!b/c\nb/c/d\n",
        files: &["a/x", "a/y", "b/c/d", "b/c/e", "b/f", "bb"],
    },
    Case {
        name: "single-sources-through-the-ignore-file",
        dockerfile: "FROM scratch\nCOPY a/x b /o/\nCOPY c/ /c/\n",
        ignore: "a\n!a/x\nc/*\n!c/k\n[!q]z\n{b,d}\n",
        files: &["a/x", "a/y", "b", "c/k", "c/l", "cz", "d"],
    },
    Case {
        name: "links",
        dockerfile: "FROM scratch\nCOPY l1/f /1\nCOPY l2 /2/\nCOPY l*3 /3/\nCOPY t /4/\n",
        ignore: "",
        files: &[
            "real/f",
            "real/g",
            "l1 -> real",
            "other/h",
            "l2 -> other",
            "fr",
            "lx3 -> fr",
            "t/in -> ../unread",
            "unread",
            "t/out -> ../../outside",
        ],
    },
    Case {
        name: "stages",
        dockerfile: "FROM scratch AS one\nCOPY a /\nFROM scratch AS two\nCOPY b /\nFROM scratch AS three\nCOPY c /\n\
                     FROM scratch\nCOPY --from=one a /\nCOPY --from=1 b /\n",
        ignore: "",
        files: &["a", "b", "c", "d"],
    },
    Case {
        name: "variables",
        dockerfile: "ARG G=one\nFROM scratch AS base-one\nCOPY a /\nFROM scratch AS base-two\nCOPY b /\n\
                     FROM base-${G}\nARG D=sub\nENV E=$D/x\nCOPY $E ${D:-n}/${U:-y} /v/\n",
        ignore: "",
        files: &["a", "b", "sub/x", "sub/y", "sub/z"],
    },
    Case {
        name: "onbuild",
        dockerfile: "FROM scratch AS parent\nONBUILD COPY t /\nFROM parent\nCOPY o /\n",
        ignore: "",
        files: &["t", "o", "n"],
    },
    Case {
        name: "continuations",
        dockerfile: "# escape=`\nFROM scratch\nCOPY a `\n# COPY n /\n\n  b /x/\nCOPY c `\n /y\n",
        ignore: "",
        files: &["a", "b", "c", "n"],
    },
    Case {
        name: "mounts",
        dockerfile: "FROM python:3.11\nRUN --mount=type=bind,source=m1,target=/m true\n\
                     RUN --mount=source=m2/f,target=/f --mount=type=cache,target=/c true\n",
        ignore: "m1/i\n",
        files: &["m1/a", "m1/i", "m2/f", "m2/g", "o"],
    },
    Case {
        name: "mount-of-everything",
        dockerfile: "FROM python:3.11\nRUN --mount=target=/ctx true\n",
        ignore: "skip\n",
        files: &["a", "skip/b", "d/"],
    },
    Case {
        name: "classes",
        dockerfile: "FROM scratch\nCOPY [ab]/*[^x] d[^q]e /x/\n",
        ignore: "",
        files: &["a/1", "a/x", "b/2", "c/3", "d/e", "dce"],
    },
];

/// Base images without environment and triggers, which is what the images here have, as far as sources go.
struct Plain;

impl BaseImages for Plain {
    fn config(&self, _: &[u8], _: Option<&[u8]>) -> Option<BaseConfig> {
        Some(BaseConfig::default())
    }
}

/// Everything that imk says counts, as one text: paths, types, bits, links and contents.
fn selected(context: &Path) -> String {
    let dockerfile = context.join("Dockerfile");
    let text = fs::read(&dockerfile).expect("a Dockerfile");
    let request =
        Request { target: None, build_args: &[], named_contexts: &[], platform_args: &[], bases: &Plain };
    let analysis = analyse(&text, &request).expect("an analysis");
    let choice = load(context, Some(&dockerfile), Convention::Docker).expect("an ignore file");
    let reads: Vec<&ContextRead> = analysis.reads.iter().collect();
    let selection = select(context, &choice.ignore, &reads, analysis.reads_all()).expect("a selection");
    let mut out = String::from_utf8_lossy(&choice.text).into_owned();
    for entry in selection.entries {
        let path = context.join(String::from_utf8_lossy(&entry.path).as_ref());
        let content = if entry.link.is_none() { fs::read(&path).unwrap_or_default() } else { Vec::new() };
        out.push_str(&format!(
            "\n{:?} {:o} {:?} {:?} {content:?}",
            path, entry.status.mode, entry.kind, entry.link
        ));
    }
    out
}

fn docker(args: &[&str]) -> Option<String> {
    let output = Command::new("docker")
        .args(args)
        .env("DOCKER_BUILDKIT", "1")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn lay_out(case: &Case, at: &Path) {
    let _ = fs::remove_dir_all(at);
    fs::create_dir_all(at).expect("a folder");
    fs::write(at.join("Dockerfile"), case.dockerfile).expect("a Dockerfile");
    fs::write(at.join(".dockerignore"), case.ignore).expect("an ignore file");
    for file in case.files {
        let (path, target) = match file.split_once(" -> ") {
            Some((path, target)) => (at.join(path), Some(target)),
            None => (at.join(file), None),
        };
        if file.ends_with('/') {
            fs::create_dir_all(&path).expect("a folder");
            continue;
        }
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        match target {
            Some(target) => symlink(target, &path).expect("a link"),
            None => fs::write(&path, file).expect("a file"),
        }
    }
}

/// All entries below `at`, folders included.
fn entries(at: &Path, out: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(at).expect("a folder") {
        let path = entry.expect("an entry").path();
        if fs::symlink_metadata(&path).expect("a status").is_dir() {
            entries(&path, out);
        }
        out.insert(path);
    }
}

/// A change of an entry: what it is called, and the change itself.
type Change<'p> = (&'static str, Box<dyn Fn() + 'p>);

/// The ways to change an entry.
fn changes(path: &Path) -> Vec<Change<'_>> {
    let kind = fs::symlink_metadata(path).expect("a status").file_type();
    let chmod = move |mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    if kind.is_symlink() {
        let retarget = move || {
            fs::remove_file(path).expect("removed");
            symlink("elsewhere", path).expect("a link");
        };
        return vec![("retarget", Box::new(retarget))];
    }
    if kind.is_dir() {
        return vec![
            ("chmod", Box::new(move || chmod(0o700))),
            ("new file", Box::new(move || fs::write(path.join("new.txt"), "new").expect("a file"))),
            ("new folder", Box::new(move || fs::create_dir(path.join("newdir")).expect("a folder"))),
        ];
    }
    vec![
        ("content", Box::new(move || fs::write(path, "changed").expect("a file"))),
        ("chmod", Box::new(move || chmod(0o600))),
        ("delete", Box::new(move || fs::remove_file(path).expect("removed"))),
    ]
}

#[test]
fn no_change_that_the_engine_sees_is_missed() {
    assert!(docker(&["version", "--format", "{{.Server.Version}}"]).is_some(), "no engine answers");
    let at = std::env::temp_dir().join(format!("imk-engine-context-{}", std::process::id()));
    let build = || {
        let context = at.to_string_lossy();
        docker(&["build", "-q", "--network=host", "--label", "imk-test=context", &context])
    };
    let mut made = BTreeSet::new();
    let (mut missed, mut precise, mut cached, mut rebuilt) = (Vec::new(), 0, 0, 0);
    for case in CASES {
        lay_out(case, &at);
        let first = build();
        made.extend(first.clone());
        assert!(first.is_some(), "{} does not build", case.name);
        let before = selected(&at);
        let mut paths = BTreeSet::new();
        entries(&at, &mut paths);
        for path in &paths {
            let name = path.strip_prefix(&at).expect("a path").to_path_buf();
            if name == Path::new("Dockerfile") || name == Path::new(".dockerignore") {
                continue;
            }
            for (index, (what, _)) in changes(path).iter().enumerate() {
                lay_out(case, &at);
                if let Some((_, change)) = changes(path).get(index) {
                    change();
                }
                let image = build();
                made.extend(image.clone());
                let same = selected(&at) == before;
                if image == first {
                    cached += 1;
                    precise += usize::from(same);
                    if !same {
                        println!("{}: {what} of {} need not count", case.name, name.display());
                    }
                } else {
                    rebuilt += 1;
                    if same {
                        missed.push(format!("{}: {what} of {}", case.name, name.display()));
                    }
                }
            }
        }
    }
    let _ = fs::remove_dir_all(&at);
    for image in &made {
        docker(&["rmi", image]);
    }
    println!("{rebuilt} changes were built, {cached} were not; of these imk called {precise} fresh");
    assert!(missed.is_empty(), "missed:\n{}", missed.join("\n"));
}

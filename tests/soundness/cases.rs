//! The Dockerfiles that the soundness test builds, each with its context.

/// One Dockerfile and what it is built from.
#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    pub dockerfile: &'static str,
    pub ignore: &'static str,
    /// `path`, `folder/`, `link -> target` or `archive.tar` (an archive with one file in it).
    pub files: &'static [&'static str],
    pub target: &'static str,
    /// Names and values of build arguments, and the values that they change to.
    pub args: &'static [(&'static str, &'static str, &'static str)],
    /// Named contexts, and the folders of the context that they are.
    pub contexts: &'static [(&'static str, &'static str)],
    /// What `--platform` asks for; nothing where it is empty.
    pub platform: &'static str,
    /// Releases of BuildKit, or parts of one, make different things of it: imk may take too much for read, and is held to
    /// soundness alone.
    pub disputed: bool,
    /// Engines may be too old for what the Dockerfile says, and refuse it.
    pub newer: bool,
}

pub const PLAIN: Case = Case {
    name: "",
    dockerfile: "",
    ignore: "",
    files: &[],
    target: "",
    args: &[],
    contexts: &[],
    platform: "",
    disputed: false,
    newer: false,
};
pub const NEWER: Case = Case { newer: true, ..PLAIN };

/// `BASE` stands for an image of the case's own that has a folder `/in` with a file, ENV `WHERE=a` and a trigger or not.
pub const CASES: &[Case] = &[
    Case { name: "one-file", dockerfile: "FROM scratch\nCOPY a /\n", files: &["a", "b"], ..PLAIN },
    Case { name: "folder", dockerfile: "FROM scratch\nCOPY d /d\n", files: &["d/a", "d/s/b", "e"], ..PLAIN },
    Case { name: "all", dockerfile: "FROM scratch\nCOPY . /\n", files: &["a", "d/b"], ..PLAIN },
    Case {
        name: "globs",
        dockerfile: "FROM scratch\nCOPY *.x d/?.y /g/\n",
        files: &["a.x", "a.z", "d/b.y", "d/bb.y"],
        ..PLAIN
    },
    Case {
        name: "glob-of-folders",
        dockerfile: "FROM scratch\nCOPY d*/f /g/\n",
        files: &["d1/f", "d1/g", "e/f"],
        ..PLAIN
    },
    Case {
        name: "class",
        dockerfile: "FROM scratch\nCOPY [ab][^x] /g/\n",
        files: &["a1", "bx", "c1"],
        ..PLAIN
    },
    Case {
        name: "json-form",
        dockerfile: "FROM scratch\nCOPY [\"a b\", \"/x/\"]\n",
        files: &["a b", "a"],
        ..PLAIN
    },
    Case { name: "add-file", dockerfile: "FROM scratch\nADD a d/ /x/\n", files: &["a", "d/b"], ..PLAIN },
    Case {
        name: "add-archive",
        dockerfile: "FROM scratch\nADD a.tar /x/\n",
        files: &["a.tar", "b.tar"],
        ..PLAIN
    },
    Case { name: "chmod", dockerfile: "FROM scratch\nCOPY --chmod=640 a /\n", files: &["a", "b"], ..PLAIN },
    Case {
        name: "chown",
        dockerfile: "FROM scratch\nCOPY --chown=7:8 a d /x/\n",
        files: &["a", "d/b"],
        ..PLAIN
    },
    Case { name: "link", dockerfile: "FROM scratch\nCOPY --link a /\n", files: &["a"], ..NEWER },
    Case {
        name: "parents",
        dockerfile: "FROM scratch\nCOPY --parents d/./s/*.x /\n",
        files: &["d/s/a.x", "d/b"],
        ..NEWER
    },
    Case {
        name: "exclude",
        dockerfile: "FROM scratch\nCOPY --exclude=*.x d /\n",
        files: &["d/a.x", "d/b"],
        ..NEWER
    },
    Case {
        name: "heredoc-copy",
        dockerfile: "FROM scratch\nARG v=1\nCOPY <<E /f\n$v\nE\n",
        args: &[("v", "1", "2")],
        ..NEWER
    },
    Case { name: "heredoc-run", dockerfile: "FROM python:3.11\nRUN <<E\necho x\nE\n", ..NEWER },
    Case { name: "no-context", dockerfile: "FROM scratch\nENV a=b\nLABEL c=d\n", files: &["x"], ..PLAIN },
    Case {
        name: "only-settings",
        dockerfile: "FROM scratch\nWORKDIR /w\nENV p=/q\nWORKDIR $p\nEXPOSE 80\nVOLUME /v\nUSER 5\nSTOPSIGNAL 9\nCMD [\"a\"]\nENTRYPOINT [\"b\"]\n",
        ..PLAIN
    },
    Case {
        name: "health",
        dockerfile: "FROM scratch\nHEALTHCHECK --interval=5s CMD x\nSHELL [\"/s\", \"-c\"]\nMAINTAINER m\n",
        ..PLAIN
    },
    Case {
        name: "unused-stage",
        dockerfile: "FROM scratch AS u\nCOPY u /\nFROM scratch AS t\nCOPY a /\n",
        files: &["u", "a"],
        ..PLAIN
    },
    Case {
        name: "target-in-the-midst",
        dockerfile: "FROM scratch AS s\nCOPY a /\nFROM s AS t\nCOPY b /\nFROM t\nCOPY c /\n",
        files: &["a", "b", "c"],
        target: "t",
        ..PLAIN
    },
    Case {
        name: "target-by-number",
        dockerfile: "FROM scratch\nCOPY a /\nFROM scratch\nCOPY b /\n",
        files: &["a", "b"],
        target: "0",
        ..PLAIN
    },
    Case {
        name: "copy-from-stage",
        dockerfile: "FROM scratch AS s\nCOPY a b /s/\nFROM scratch\nCOPY --from=s /s/a /\n",
        files: &["a", "b"],
        ..PLAIN
    },
    Case {
        name: "copy-from-number",
        dockerfile: "FROM scratch\nCOPY a /\nFROM scratch\nCOPY b /\nFROM scratch\nCOPY --from=1 /b /\n",
        files: &["a", "b"],
        ..PLAIN
    },
    Case {
        name: "diamond",
        dockerfile: "FROM scratch AS r\nCOPY a /\nFROM r AS x\nCOPY b /\nFROM r AS y\nCOPY c /\nFROM x\nCOPY --from=y / /y/\n",
        files: &["a", "b", "c"],
        ..PLAIN
    },
    Case { name: "from-image", dockerfile: "FROM BASE\nCOPY a /\n", files: &["a", "b"], ..PLAIN },
    Case {
        name: "from-image-unused",
        dockerfile: "FROM BASE AS u\nFROM scratch\nCOPY a /\n",
        files: &["a"],
        ..PLAIN
    },
    Case { name: "env-of-the-base", dockerfile: "FROM BASE\nCOPY $WHERE /x/\n", files: &["a", "b"], ..PLAIN },
    Case {
        name: "copy-from-image",
        dockerfile: "FROM scratch\nCOPY --from=BASE /in/f /\nCOPY a /\n",
        files: &["a"],
        ..PLAIN
    },
    Case {
        name: "arg-in-from",
        dockerfile: "ARG which=x\nFROM scratch AS s-x\nCOPY a /\nFROM scratch AS s-y\nCOPY b /\nFROM s-${which}\n",
        files: &["a", "b"],
        args: &[("which", "x", "y")],
        ..PLAIN
    },
    Case {
        name: "arg-base",
        dockerfile: "ARG base=BASE\nFROM $base\nCOPY a /\n",
        files: &["a"],
        args: &[("base", "", "scratch")],
        ..PLAIN
    },
    Case {
        name: "arg-in-copy",
        dockerfile: "FROM scratch\nARG what=a\nCOPY $what /x/\n",
        files: &["a", "b"],
        args: &[("what", "", "b")],
        ..PLAIN
    },
    Case {
        name: "arg-global-default",
        dockerfile: "ARG v=1\nARG w=$v\nFROM scratch\nARG w\nENV e=$w\nCOPY a /\n",
        files: &["a"],
        args: &[("v", "", "2"), ("w", "3", "4")],
        ..PLAIN
    },
    Case {
        name: "arg-declared-again",
        dockerfile: "ARG w=a\nARG w\nFROM scratch\nARG w\nCOPY b$w /x/\n",
        files: &["a", "b", "ba"],
        args: &[("w", "", "a")],
        disputed: true,
        ..PLAIN
    },
    Case {
        name: "arg-declared-again-for-a-setting",
        dockerfile: "ARG w=a\nARG w\nFROM scratch\nARG w\nLABEL l=$w\nCOPY a /\n",
        files: &["a", "b"],
        disputed: true,
        ..PLAIN
    },
    Case {
        name: "arg-default-that-is-not-known",
        dockerfile: "ARG v=$TARGETSTAGE-a\nFROM scratch\nARG v\nARG TARGETSTAGE\nARG w=$TARGETSTAGE-b\nLABEL l=$v m=$w\nCOPY a /\n",
        files: &["a", "b"],
        disputed: true,
        ..PLAIN
    },
    Case {
        name: "arg-declared-again-in-a-stage",
        dockerfile: "ARG w=a\nFROM scratch\nARG w=b\nARG w\nARG v=c\nARG v\nCOPY $w $v /x/\n",
        files: &["a", "b", "c"],
        args: &[("v", "", "a")],
        ..PLAIN
    },
    Case {
        name: "arg-not-declared",
        dockerfile: "FROM scratch\nCOPY a /\n",
        files: &["a"],
        args: &[("nobody", "1", "2")],
        ..PLAIN
    },
    Case {
        name: "arg-in-unused-stage",
        dockerfile: "FROM scratch AS u\nARG v=1\nENV e=$v\nFROM scratch\nCOPY a /\n",
        files: &["a"],
        args: &[("v", "1", "2")],
        ..PLAIN
    },
    Case {
        name: "arg-after-env",
        dockerfile: "FROM scratch\nENV v=a\nARG v=b\nCOPY $v /x/\n",
        files: &["a", "b"],
        args: &[("v", "", "a")],
        ..PLAIN
    },
    Case {
        name: "arg-substitutions",
        dockerfile: "FROM scratch\nARG v\nCOPY ${v:-a} ${v:+b} c /x/\n",
        files: &["a", "b", "c"],
        args: &[("v", "", "b")],
        ..PLAIN
    },
    Case {
        name: "arg-proxy",
        dockerfile: "FROM scratch\nCOPY a /\n",
        files: &["a"],
        args: &[("http_proxy", "http://p", "http://q")],
        ..PLAIN
    },
    Case {
        name: "onbuild",
        dockerfile: "FROM scratch AS p\nONBUILD COPY t /\nFROM p\nCOPY o /\n",
        files: &["t", "o", "n"],
        ..PLAIN
    },
    Case {
        name: "onbuild-of-the-base",
        dockerfile: "FROM BASE-TRIGGER\nCOPY o /\n",
        files: &["t", "o"],
        ..PLAIN
    },
    Case {
        name: "ignore",
        dockerfile: "FROM scratch\nCOPY . /\n",
        ignore: "*.log\n**/tmp\nDockerfile\n.dockerignore\n",
        files: &["a.log", "a", "s/tmp/f"],
        ..PLAIN
    },
    Case {
        name: "ignore-re-include",
        dockerfile: "FROM scratch\nCOPY . /\n",
        ignore: "d\n!d/keep\nDockerfile\n.dockerignore\n",
        files: &["d/keep", "d/lose", "a"],
        ..PLAIN
    },
    Case {
        name: "ignore-everything-but",
        dockerfile: "FROM scratch\nCOPY . /\n",
        ignore: "*\n!s\ns/x\n",
        files: &["s/x", "s/y", "a"],
        ..PLAIN
    },
    Case {
        name: "ignore-disagreement",
        dockerfile: "FROM scratch\nCOPY . /\n",
        ignore: "a\n!a/x\na\nDockerfile\n.dockerignore\n",
        files: &["a/x", "a/y", "b"],
        disputed: true,
        ..PLAIN
    },
    Case {
        name: "links",
        dockerfile: "FROM scratch\nCOPY l /1\nCOPY t /t/\n",
        files: &["l -> r", "r", "t/in -> ../u", "u", "t/out -> ../../o"],
        ..PLAIN
    },
    Case {
        name: "link-on-the-way",
        dockerfile: "FROM scratch\nCOPY l/f /\n",
        files: &["l -> d", "d/f", "d/g"],
        ..PLAIN
    },
    Case {
        name: "link-glob",
        dockerfile: "FROM scratch\nCOPY l* /x/\n",
        files: &["l1 -> d", "d/f", "l2 -> e", "e"],
        ..PLAIN
    },
    Case {
        name: "empty-folders",
        dockerfile: "FROM scratch\nCOPY d /d\nCOPY e /e\n",
        files: &["d/x/", "e/"],
        ..PLAIN
    },
    Case {
        name: "nested",
        dockerfile: "FROM scratch\nCOPY a/b/c/ /x\nCOPY a/d /\n",
        files: &["a/b/c/f", "a/b/g", "a/d"],
        ..PLAIN
    },
    Case {
        name: "continuation",
        dockerfile: "# escape=`\nFROM scratch\nCOPY a `\n# COPY n /\n\n  b /x/\n",
        files: &["a", "b", "n"],
        ..PLAIN
    },
    Case {
        name: "twice-the-same-file",
        dockerfile: "FROM scratch AS u\nCOPY a b /\nFROM scratch\nCOPY a /1\nCOPY a /2\n",
        files: &["a", "b"],
        ..PLAIN
    },
    Case {
        name: "run",
        dockerfile: "FROM python:3.11\nCOPY a /x/\nRUN cat /x/a\n",
        files: &["a", "b"],
        ..PLAIN
    },
    Case {
        name: "run-arg",
        dockerfile: "FROM python:3.11\nARG v=1\nRUN echo\n",
        args: &[("v", "", "2")],
        ..PLAIN
    },
    Case {
        name: "mount-bind",
        dockerfile: "FROM python:3.11\nRUN --mount=source=m,target=/m cat /m/a\n",
        files: &["m/a", "n"],
        ..PLAIN
    },
    Case {
        name: "mount-cache",
        dockerfile: "FROM python:3.11\nRUN --mount=type=cache,target=/c true\n",
        files: &["a"],
        ..PLAIN
    },
    Case {
        name: "mount-from-stage",
        dockerfile: "FROM scratch AS s\nCOPY a b /\nFROM python:3.11\nRUN --mount=from=s,source=/a,target=/a cat /a\n",
        files: &["a", "b"],
        ..PLAIN
    },
    Case {
        name: "mount-secret",
        dockerfile: "FROM python:3.11\nRUN --mount=type=secret,id=s true\n",
        files: &["a"],
        ..PLAIN
    },
    Case {
        name: "link-chown",
        dockerfile: "FROM scratch\nCOPY --link --chown=7:8 a d /x/\n",
        files: &["a", "d/b", "c"],
        ..NEWER
    },
    Case {
        name: "link-from-stage",
        dockerfile: "FROM scratch AS s\nCOPY a b /\nFROM scratch\nCOPY --link --from=s /a /\nADD --link c /\n",
        files: &["a", "b", "c"],
        ..NEWER
    },
    Case {
        name: "exclude-several",
        dockerfile: "FROM scratch\nARG no=*.x\nCOPY --exclude=$no --exclude=s d /d/\nCOPY --exclude=**/*.log . /all/\n",
        ignore: "Dockerfile\n.dockerignore\n",
        files: &["d/a.x", "d/b", "d/s/c", "e/f.log", "e/g"],
        args: &[("no", "", "b")],
        ..NEWER
    },
    Case {
        name: "parents-deep",
        dockerfile: "FROM scratch\nCOPY --parents d/**/*.x e /p/\n",
        files: &["d/s/a.x", "d/s/t/b.x", "d/c", "e/f", "g"],
        ..NEWER
    },
    Case {
        name: "heredoc-quoted",
        dockerfile: "FROM scratch\nARG v=1\nCOPY <<'E' /f\n$v\nE\n",
        files: &["a"],
        args: &[("v", "1", "2")],
        ..NEWER
    },
    Case {
        name: "heredocs-and-a-file",
        dockerfile: "FROM scratch\nCOPY <<A <<B c /d/\none\nA\ntwo\nB\n",
        files: &["A", "c", "d"],
        ..NEWER
    },
    Case {
        name: "heredoc-script",
        dockerfile: "FROM python:3.11\nCOPY a /\nARG v=1\nRUN <<E\n#!/usr/bin/env python3\nprint(open('/a').read())\nE\nCOPY b /\n",
        files: &["a", "b", "c"],
        args: &[("v", "", "2")],
        ..NEWER
    },
    Case {
        name: "named-context",
        dockerfile: "FROM scratch\nCOPY --from=lib f /\nCOPY a /\n",
        files: &["a", "b", "l/f", "l/g"],
        contexts: &[("lib", "l")],
        ..NEWER
    },
    Case {
        name: "named-context-for-a-stage",
        dockerfile: "FROM scratch AS lib\nCOPY b /f\nFROM scratch\nCOPY --from=lib /f /\nCOPY a /\n",
        files: &["a", "b", "l/f", "l/g"],
        contexts: &[("lib", "l"), ("nobody", "a")],
        ..NEWER
    },
    Case {
        name: "named-context-mount",
        dockerfile: "FROM python:3.11\nRUN --mount=from=lib,source=s,target=/m cat /m/f\n",
        files: &["a", "l/s/f", "l/g", "l/.dockerignore"],
        contexts: &[("lib", "l")],
        ..NEWER
    },
    Case {
        name: "mount-source-by-argument",
        dockerfile: "FROM python:3.11\nARG v=m\nRUN --mount=source=$v,target=/m cat /m/a\n",
        files: &["m/a", "n/a", "o"],
        args: &[("v", "", "n")],
        ..NEWER
    },
    Case {
        name: "platform-arguments",
        dockerfile: "FROM --platform=$BUILDPLATFORM python:3.11 AS b\nARG TARGETARCH\nCOPY a /a-$TARGETARCH\nFROM scratch\nARG TARGETPLATFORM\nLABEL p=$TARGETPLATFORM\nCOPY --from=b /a-* /\n",
        files: &["a", "b"],
        ..PLAIN
    },
    Case {
        name: "file-that-is-not-there",
        dockerfile: "FROM scratch\nCOPY a n* /x/\n",
        files: &["a", "b"],
        ..PLAIN
    },
    Case {
        name: "onbuild-chain",
        dockerfile: "FROM scratch AS p\nONBUILD ARG w=a\nONBUILD COPY $w /t/\nFROM p AS q\nCOPY b /\nFROM q\nCOPY c /\n",
        files: &["a", "b", "c", "d"],
        args: &[("w", "", "d")],
        ..PLAIN
    },
    Case {
        name: "ignore-beside-the-dockerfile",
        dockerfile: "FROM scratch\nCOPY . /\n",
        ignore: "a\nDockerfile*\n.dockerignore\n",
        files: &["a", "b", "Dockerfile.dockerignore"],
        ..PLAIN
    },
    Case {
        name: "names-with-odd-characters",
        dockerfile: "FROM scratch\nCOPY [\"a b/\", \"ü\", \"x[[]y\", \"/o/\"]\n",
        files: &["a b/c d", "ü", "x[y", "xy"],
        ..PLAIN
    },
    Case {
        name: "arg-proxy-run",
        dockerfile: "FROM python:3.11\nCOPY a /\nRUN cat /a\n",
        files: &["a", "b"],
        args: &[("https_proxy", "http://p", "http://q")],
        ..PLAIN
    },
    Case {
        name: "arg-proxy-declared",
        dockerfile: "FROM scratch\nARG no_proxy\nCOPY $no_proxy /x/\n",
        files: &["a", "b"],
        args: &[("no_proxy", "a", "b")],
        ..PLAIN
    },
    Case {
        name: "settings-of-what-is-copied-from",
        dockerfile: "FROM scratch AS s\nENV e=a\nLABEL l=1\nEXPOSE 80\nCOPY $e /f\nENV f=1\nONBUILD COPY b /\nSTOPSIGNAL 9\nCMD [\"x\"]\nVOLUME /v\nFROM scratch\nCOPY --from=s /f /\n",
        files: &["a", "b"],
        ..PLAIN
    },
    Case {
        name: "settings-before-a-command",
        dockerfile: "FROM python:3.11 AS s\nENV e=1\nLABEL l=1\nENTRYPOINT [\"x\"]\nRUN echo $e >/f\nENV g=1\nHEALTHCHECK CMD x\nFROM scratch\nCOPY --from=s /f /\n",
        ..PLAIN
    },
    Case {
        name: "settings-of-a-stage-that-is-both",
        dockerfile: "FROM scratch AS s\nENV e=a\nLABEL l=1\nCOPY a /\nFROM s AS t\nLABEL m=1\nCOPY $e /e\nFROM scratch\nCOPY --from=s /a /\nCOPY --from=t /e /\n",
        files: &["a", "b"],
        ..PLAIN
    },
    Case {
        name: "ignore-anywhere-but",
        dockerfile: "FROM scratch\nCOPY . /\n",
        ignore: "*\n!**/keep\n!s\n",
        files: &["d/keep", "d/lose", "s/keep", "s/x", "keep"],
        disputed: true,
        ..PLAIN
    },
    Case {
        name: "ignore-deep",
        dockerfile: "FROM scratch\nCOPY d s* /x/\n",
        ignore: "d\n**/*.log\n!d/e/f\n!d/e/*.log\nd/e/no.log\n",
        files: &["d/e/f/x", "d/e/g", "d/e/a.log", "d/e/no.log", "s", "s.log"],
        ..PLAIN
    },
];

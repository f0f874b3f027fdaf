//! The Dockerfiles that the soundness test builds for what `TARGETARCH` and its like are worth.

use crate::cases::{Case, NEWER, PLAIN};

/// Cases of what platforms set. With `--platform` nothing is run: the machine may have no such processor.
pub const PLATFORMS: &[Case] = &[
    Case {
        name: "platform-in-from",
        dockerfile: "FROM scratch AS s-amd64\nCOPY a /\nFROM scratch AS s-arm64\nCOPY b /\nFROM s-$TARGETARCH\n",
        files: &["a", "b", "c"],
        args: &[("TARGETARCH", "", "arm64")],
        ..PLAIN
    },
    Case {
        name: "platform-declared-first",
        dockerfile: "ARG TARGETARCH\nFROM scratch\nARG TARGETARCH\nCOPY b$TARGETARCH /x/\n",
        files: &["b", "bamd64", "c"],
        disputed: true,
        ..PLAIN
    },
    Case {
        name: "platform-with-a-default",
        dockerfile: "ARG TARGETARCH=b\nFROM scratch\nARG TARGETARCH\nARG TARGETOS=c\nCOPY $TARGETARCH $TARGETOS /x/\n",
        files: &["amd64", "b", "c", "linux"],
        ..PLAIN
    },
    Case {
        name: "platform-by-argument",
        dockerfile: "FROM scratch\nARG TARGETARCH\nARG BUILDARCH\nCOPY $TARGETARCH/$BUILDARCH /x/\n",
        files: &["amd64/amd64", "amd64/b", "b/amd64", "b/b"],
        args: &[("TARGETARCH", "", "b"), ("BUILDARCH", "", "b")],
        ..PLAIN
    },
    Case {
        name: "platform-by-argument-and-option",
        dockerfile: "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /x/\n",
        files: &["arm64", "amd64", "b", "c"],
        args: &[("TARGETARCH", "b", "c")],
        platform: "linux/arm64",
        ..PLAIN
    },
    Case {
        name: "platform-without-a-variant",
        dockerfile: "FROM scratch\nARG TARGETVARIANT\nCOPY d${TARGETVARIANT-a} e${TARGETVARIANT:-a} f${TARGETVARIANT+a} /x/\n",
        files: &["d", "da", "e", "ea", "f", "fa"],
        ..NEWER
    },
    Case {
        name: "platform-not-declared",
        dockerfile: "FROM scratch\nCOPY x$TARGETARCH y$BUILDOS /z/\n",
        files: &["x", "xamd64", "y", "ylinux"],
        ..PLAIN
    },
    Case {
        name: "platform-version-of-the-system",
        dockerfile: "FROM scratch\nARG TARGETOSVERSION\nCOPY d${TARGETOSVERSION-a} /x/\n",
        files: &["d", "da"],
        disputed: true,
        ..NEWER
    },
    Case {
        name: "stage-that-is-the-target",
        dockerfile: "FROM scratch AS s\nCOPY o /\nFROM s AS t\nARG TARGETSTAGE\nCOPY d$TARGETSTAGE /x/\n",
        files: &["d", "dt", "ddefault", "o"],
        disputed: true,
        ..PLAIN
    },
    Case {
        name: "platform-over-a-setting",
        dockerfile: "FROM scratch\nENV TARGETARCH=b\nARG TARGETARCH\nCOPY $TARGETARCH /x/\nENV TARGETARCH=c\nCOPY $TARGETARCH /x/\n",
        files: &["amd64", "b", "c", "d"],
        ..PLAIN
    },
    Case {
        name: "platform-in-a-trigger",
        dockerfile: "FROM scratch AS p\nONBUILD ARG TARGETARCH\nONBUILD COPY $TARGETARCH /x/\nFROM p\nCOPY o /\n",
        files: &["amd64", "o", "n"],
        ..PLAIN
    },
    Case {
        name: "platform-of-both-sides",
        dockerfile: "FROM --platform=$BUILDPLATFORM scratch AS b\nARG BUILDARCH\nARG TARGETARCH\nCOPY $BUILDARCH-$TARGETARCH /x\nFROM scratch\nCOPY --from=b /x /\n",
        files: &["amd64-arm64", "amd64-amd64", "arm64-arm64"],
        platform: "linux/arm64",
        ..PLAIN
    },
    Case {
        name: "platform-arm64-v8",
        dockerfile: "FROM scratch\nARG TARGETPLATFORM\nARG TARGETVARIANT\nCOPY $TARGETPLATFORM/v$TARGETVARIANT /x/\n",
        files: &["linux/arm64/v", "linux/arm64/vv8", "linux/arm64/v8/v", "linux/amd64/v"],
        platform: "linux/arm64/v8",
        ..PLAIN
    },
    Case {
        name: "platform-arm",
        dockerfile: "FROM scratch\nARG TARGETPLATFORM\nARG TARGETVARIANT\nCOPY $TARGETPLATFORM/f $TARGETVARIANT /x/\n",
        files: &["linux/arm/v7/f", "linux/arm/f", "linux/arm/v6/f", "v7", "v6"],
        platform: "linux/arm",
        ..PLAIN
    },
    Case {
        name: "platform-arm-6",
        dockerfile: "FROM scratch\nARG TARGETPLATFORM\nARG TARGETVARIANT\nCOPY $TARGETPLATFORM/f $TARGETVARIANT /x/\n",
        files: &["linux/arm/v7/f", "linux/arm/6/f", "linux/arm/v6/f", "v7", "v6", "6"],
        platform: "linux/ARM/6",
        ..PLAIN
    },
    Case {
        name: "platform-amd64-v1",
        dockerfile: "FROM scratch\nARG TARGETVARIANT\nARG TARGETPLATFORM\nCOPY d$TARGETVARIANT /x/\nLABEL l=$TARGETPLATFORM\n",
        files: &["d", "dv1"],
        platform: "linux/amd64/v1",
        disputed: true,
        ..PLAIN
    },
    Case {
        name: "platform-amd64-v3",
        dockerfile: "FROM scratch\nARG TARGETVARIANT\nARG BUILDVARIANT\nCOPY d$TARGETVARIANT e$BUILDVARIANT /x/\n",
        files: &["d", "dv3", "e", "ev3"],
        platform: "linux/amd64/v3",
        ..PLAIN
    },
    Case {
        name: "platform-by-architecture-alone",
        dockerfile: "FROM scratch\nARG TARGETARCH\nARG BUILDARCH\nCOPY $TARGETARCH $BUILDARCH /x/\n",
        files: &["arm64", "amd64", "b"],
        platform: "arm64",
        ..PLAIN
    },
];

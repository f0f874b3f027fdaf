//! The table of imk's own options, which never enter MAKEFLAGS. Knows nothing of what an option does.

use super::{Flag, Kind, Slot, Travel};

const fn own(name: &'static str, kind: Kind, travel: Travel, help: &'static str) -> Flag {
    Flag { letters: b"", name, kind, travel, value_name: "", help, shown: false }
}

const FORMS: &[&str] = &["text", "json"];

/// imk's own options, in the order of `--help` and of IMKFLAGS.
pub static OWN: &[Flag] = &[
    own(
        "plan",
        Kind::Choice { slot: slot!(own.plan), choices: FORMS, bare: Some("text") },
        Travel::Never,
        "Say what the goals would do, and do nothing.",
    )
    .works(),
    own(
        "check",
        Kind::Choice { slot: slot!(own.check), choices: FORMS, bare: Some("text") },
        Travel::Never,
        "Find what would go wrong, and do nothing.",
    )
    .works(),
    own(
        "why",
        Kind::Choice { slot: slot!(own.why), choices: FORMS, bare: Some("text") },
        Travel::Pass,
        "Say why each target is remade.",
    )
    .works(),
    own(
        "list",
        Kind::Choice { slot: slot!(own.list), choices: &["text", "json", "names"], bare: Some("text") },
        Travel::Never,
        "List the targets with their descriptions.",
    )
    .works(),
    own(
        "graph",
        Kind::Choice {
            slot: slot!(own.graph),
            choices: &["text", "dot", "mermaid", "svg"],
            bare: Some("text"),
        },
        Travel::Never,
        "Draw the graph of targets, images and stages.",
    )
    .works(),
    own("choose", Kind::Switch(slot!(own.choose)), Travel::Never, "Pick the goals at the terminal.").works(),
    own(
        "watch",
        Kind::Switch(slot!(own.watch)),
        Travel::Never,
        "Remake the goals whenever an input changes.",
    )
    .works(),
    own(
        "quiet-period",
        Kind::Text { slot: slot!(own.quiet_period), bare: None },
        Travel::Never,
        "Watching, wait for MS milliseconds without a change (50).",
    )
    .value("MS")
    .works(),
    own(
        "max-wait",
        Kind::Text { slot: slot!(own.max_wait), bare: None },
        Travel::Never,
        "Watching, wait no longer than MS milliseconds (2000).",
    )
    .value("MS")
    .works(),
    own(
        "on-busy",
        Kind::Choice { slot: slot!(own.on_busy), choices: &["restart", "queue"], bare: None },
        Travel::Never,
        "Watching, what a change means for a run that it makes stale.",
    )
    .works(),
    own(
        "affected",
        Kind::Text { slot: slot!(own.affected), bare: None },
        Travel::Never,
        "List the goals that the change since REV reaches.",
    )
    .value("REV")
    .works(),
    own(
        "affected-format",
        Kind::Choice { slot: slot!(own.affected_format), choices: FORMS, bare: None },
        Travel::Never,
        "List them as text, or as a JSON array.",
    )
    .works(),
    own(
        "audit",
        Kind::Words {
            slot: slot!(own.audit),
            choices: &["text", "json", "sarif", "html", "static", "reproduce", "smoke"],
            bare: "text",
        },
        Travel::Never,
        "Judge the goals' images by the criteria of good ones.",
    )
    .works(),
    own(
        "outdated",
        Kind::Choice { slot: slot!(own.outdated), choices: FORMS, bare: Some("text") },
        Travel::Never,
        "Say which base images have moved.",
    )
    .works(),
    own(
        "lock-diff",
        Kind::Text { slot: slot!(own.lock_diff), bare: Some("HEAD") },
        Travel::Never,
        "Say which packages changed in the lock files since REV, or FILE.",
    )
    .value("REV")
    .works(),
    own(
        "engine",
        Kind::Text { slot: slot!(own.engine), bare: None },
        Travel::Pass,
        "Use the container engine NAME.",
    )
    .value("NAME")
    .works(),
    own(
        "builder",
        Kind::Text { slot: slot!(own.builder), bare: None },
        Travel::Pass,
        "Build images on the buildx builder NAME.",
    )
    .value("NAME")
    .works(),
    own("bake", Kind::Switch(slot!(own.bake)), Travel::Never, "Print the goals' images as a bake file.")
        .works(),
    own(
        "emit",
        Kind::Choice { slot: slot!(own.emit), choices: &["makefile"], bare: None },
        Travel::Never,
        "Write the image blocks out as a plain makefile.",
    )
    .works(),
    own(
        "keep-failed",
        Kind::Switch(slot!(own.keep_failed)),
        Travel::Pass,
        "Leave what a failed recipe made for a look.",
    )
    .works(),
    own("reap", Kind::Switch(slot!(own.reap)), Travel::Never, "Remove what killed runs left behind.").works(),
    own(
        "env-file",
        Kind::List { slot: slot!(own.env_files), bare: None },
        Travel::Never,
        "Read environment variables from FILE; ?FILE need not be there.",
    )
    .value("FILE")
    .works(),
    own(
        "progress",
        Kind::Choice { slot: slot!(own.progress), choices: &["auto", "bar", "plain", "none"], bare: None },
        Travel::Pass,
        "Show the state of the run.",
    )
    .works(),
    own(
        "color",
        Kind::Choice { slot: slot!(own.color), choices: &["auto", "always", "never"], bare: Some("always") },
        Travel::Pass,
        "Colour what imk itself prints.",
    )
    .works(),
    own(
        "ci",
        Kind::Choice { slot: slot!(own.ci), choices: &["github", "gitlab", "none"], bare: None },
        Travel::Pass,
        "Print for this CI service.",
    )
    .works(),
    own(
        "report",
        Kind::List { slot: slot!(own.reports), bare: None },
        Travel::Never,
        "Write a report: FILE ends in .xml, .json, .md or .html.",
    )
    .value("FILE")
    .works(),
    own(
        "events",
        Kind::Text { slot: slot!(own.events), bare: Some("fd:2") },
        Travel::Never,
        "Write the run's events as JSON lines to FILE or fd:N.",
    )
    .value("FILE")
    .works(),
    own(
        "trace-file",
        Kind::Text { slot: slot!(own.trace_file), bare: None },
        Travel::Never,
        "Write the run's timeline as a Chrome trace.",
    )
    .value("FILE")
    .works(),
    own(
        "init",
        Kind::Choice {
            slot: slot!(own.init),
            choices: &["taskfile", "github", "gitlab"],
            bare: Some("taskfile"),
        },
        Travel::Never,
        "Write a first taskfile, or a CI file that runs it.",
    )
    .works(),
    own(
        "posix-strict",
        Kind::Switch(slot!(own.posix_strict)),
        Travel::Pass,
        "Print nothing that make would not.",
    )
    .works(),
    own(
        "completions",
        Kind::Choice { slot: slot!(own.completions), choices: &["bash", "zsh", "fish"], bare: None },
        Travel::Never,
        "Print completions for a shell.",
    )
    .works(),
    own("man", Kind::Switch(slot!(own.manual)), Travel::Never, "Print the manual page.").works(),
];

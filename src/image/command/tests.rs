//! Whole scripts against what is recognised in them: `tests/data/commands.txt` holds the table.

use super::kinds::*;
use super::text::Text;
use super::variables::Inherited;
use super::{Reading, recognise};
use std::fmt::Write;

const CASES: &str = include_str!("../../../tests/data/commands.txt");

/// `HOME` is set, `USER` is unknown, everything else is unset.
fn environment(name: &[u8]) -> Inherited {
    match name {
        b"HOME" => Inherited::Value(b"/home/jo".to_vec()),
        b"USER" => Inherited::Unknown,
        _ => Inherited::Unset,
    }
}

/// Writes into a string, which can't fail.
macro_rules! put {
    ($($arguments:tt)*) => {{
        let _ = write!($($arguments)*);
    }};
}

/// A reading in one line a command: what is set, and nothing else.
fn summary(text: &[u8], reading: &Reading) -> String {
    let mut out = String::new();
    for command in &reading.commands {
        let mut line = format!("{:?}", command.client).to_lowercase();
        line.push(' ');
        describe(&command.command, &mut line);
        for given in &command.globals {
            let _ = write!(line, " global:{}", given.name);
        }
        for (name, value) in &command.environment {
            let _ = write!(line, " env:{}={}", String::from_utf8_lossy(name), value.shown());
        }
        if command.elevated {
            line.push_str(" elevated");
        }
        if !command.directory.shown().is_empty() {
            let _ = write!(line, " in:{}", command.directory.shown());
        }
        if command.reach != Reach::Always {
            let _ = write!(line, " reach:{:?}", command.reach);
        }
        for (there, word) in [(command.failure_ignored, " ignored"), (command.background, " background")] {
            line.push_str(if there { word } else { "" });
        }
        match &command.capture {
            Some(Capture::Variable(name, _)) => {
                put!(line, " captured:{}", String::from_utf8_lossy(name))
            }
            Some(Capture::File(path)) => put!(line, " captured-in:{}", path.shown()),
            None => {}
        }
        match &command.input {
            Some(Input::File(path)) => put!(line, " input:{}", path.shown()),
            Some(Input::Here(text)) => put!(line, " here:{:?}", text.shown()),
            Some(Input::Pipe) => line.push_str(" piped"),
            None => {}
        }
        for doubt in &command.doubts {
            let _ = write!(line, " doubt:{:?}:{}", doubt.kind, String::from_utf8_lossy(doubt.span.of(text)));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    for other in &reading.others {
        let name = other.name.as_deref().map_or("?".into(), String::from_utf8_lossy);
        let _ = writeln!(out, "other {name}");
    }
    for (span, reason) in &reading.opaque {
        let _ = writeln!(out, "opaque {:?}: {}", String::from_utf8_lossy(span.of(text)), reason.message());
    }
    out
}

fn list(texts: &[Text]) -> String {
    let one = |text: &Text| if text.known() == Some(b"") { "''".into() } else { text.shown().into_owned() };
    texts.iter().map(one).collect::<Vec<_>>().join(",")
}

fn pair_list(pairs: &[Pair]) -> String {
    let one = |pair: &Pair| match &pair.value {
        Some(value) => format!("{}={}", pair.name.shown(), value.shown()),
        None => pair.name.shown().into_owned(),
    };
    pairs.iter().map(one).collect::<Vec<_>>().join(",")
}

fn field(line: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        let _ = write!(line, " {name}:{value}");
    }
}

fn flag(line: &mut String, name: &str, value: Option<bool>) {
    match value {
        Some(true) => put!(line, " {name}"),
        Some(false) => {}
        None => put!(line, " {name}:?"),
    }
}

fn optional(line: &mut String, name: &str, value: &Option<Text>) {
    if let Some(value) = value {
        let _ = write!(line, " {name}:{}", value.shown());
    }
}

fn describe(command: &ImageCommand, line: &mut String) {
    match command {
        ImageCommand::Build(build) => describe_build(build, line),
        ImageCommand::Bake(bake) => {
            line.push_str("bake");
            field(line, "files", &list(&bake.files));
            field(line, "targets", &list(&bake.targets));
            field(line, "sets", &list(&bake.sets));
            flag(line, "load", bake.load);
            flag(line, "push", bake.push);
            flag(line, "asks", Some(bake.only_asks));
        }
        ImageCommand::Create(container) => describe_container("create", container, line),
        ImageCommand::Run(container) => describe_container("run", container, line),
        ImageCommand::From(container) => describe_container("from", container, line),
        ImageCommand::Start(texts) => put!(line, "start {}", list(texts)),
        ImageCommand::Stop(texts) => put!(line, "stop {}", list(texts)),
        ImageCommand::Kill(texts) => put!(line, "kill {}", list(texts)),
        ImageCommand::Push(texts) => put!(line, "push {}", list(texts)),
        ImageCommand::Pull(texts) => put!(line, "pull {}", list(texts)),
        ImageCommand::Exec { container, arguments } => {
            line.push_str("exec");
            optional(line, "in", container);
            field(line, "args", &list(arguments));
        }
        ImageCommand::Copy { source, destination } => {
            line.push_str("cp");
            for end in [source, destination] {
                match end {
                    Endpoint::Container { container, path } => {
                        put!(line, " container({}){}", container.shown(), path.shown())
                    }
                    Endpoint::Local(path) => put!(line, " local({})", path.shown()),
                    Endpoint::Stream => line.push_str(" stream"),
                    Endpoint::Unknown(text) => put!(line, " unknown({})", text.shown()),
                }
            }
        }
        ImageCommand::RemoveContainers(removal) => describe_removal("rm", removal, line),
        ImageCommand::RemoveImages(removal) => describe_removal("rmi", removal, line),
        ImageCommand::RemoveVolumes(removal) => describe_removal("volume-rm", removal, line),
        ImageCommand::RemoveNetworks(removal) => describe_removal("network-rm", removal, line),
        ImageCommand::RemoveBuilders(removal) => describe_removal("builder-rm", removal, line),
        ImageCommand::Tag { source, names } => {
            put!(line, "tag {} as {}", source.shown(), list(names))
        }
        ImageCommand::Commit { container, image } => {
            let _ = write!(line, "commit {}", container.shown());
            optional(line, "as", image);
        }
        ImageCommand::Save { images, output } => {
            let _ = write!(line, "save {}", list(images));
            optional(line, "to", output);
        }
        ImageCommand::Load { input } => {
            line.push_str("load");
            optional(line, "from", input);
        }
        ImageCommand::Import { source, image } => {
            let _ = write!(line, "import {}", source.shown());
            optional(line, "as", image);
        }
        ImageCommand::CreateVolume(name) => {
            line.push_str("volume-create");
            optional(line, "name", name);
        }
        ImageCommand::CreateNetwork(name) => put!(line, "network-create {}", name.shown()),
        ImageCommand::CreateBuilder(name) => {
            line.push_str("builder-create");
            optional(line, "name", name);
        }
        ImageCommand::Compose(compose) => {
            let _ = write!(line, "compose {:?}", compose.action);
            field(line, "files", &list(&compose.files));
            optional(line, "project", &compose.project);
            field(line, "operands", &list(&compose.operands));
        }
        ImageCommand::Login { server, password_shown } => {
            line.push_str("login");
            optional(line, "server", server);
            flag(line, "password-shown", Some(*password_shown));
        }
        ImageCommand::Other(name) => put!(line, "other {name:?}"),
        ImageCommand::Opaque(reason) => put!(line, "opaque: {}", reason.message()),
    }
}

fn describe_build(build: &Build, line: &mut String) {
    line.push_str(if build.buildx { "buildx-build" } else { "build" });
    match &build.context {
        BuildContext::Path(path) => field(line, "context", &path.shown()),
        BuildContext::Stdin => line.push_str(" context-stdin"),
        BuildContext::Remote(text) => field(line, "remote", &text.shown()),
        BuildContext::Unknown(text) => field(line, "context?", &text.shown()),
        BuildContext::Missing => line.push_str(" no-context"),
    }
    field(line, "extra", &list(&build.extra));
    field(line, "tags", &list(&build.tags));
    optional(line, "target", &build.target);
    field(line, "args", &pair_list(&build.args));
    optional(line, "file", &build.file);
    field(line, "labels", &pair_list(&build.labels));
    field(line, "platforms", &list(&build.platforms));
    field(line, "secrets", &list(&build.secrets));
    field(line, "ssh", &list(&build.ssh));
    field(line, "contexts", &pair_list(&build.contexts));
    field(line, "cache-from", &list(&build.cache_from));
    field(line, "cache-to", &list(&build.cache_to));
    field(line, "outputs", &list(&build.outputs));
    flag(line, "load", build.load);
    flag(line, "push", build.push);
    optional(line, "network", &build.network);
    flag(line, "pull", build.pull);
    flag(line, "no-cache", build.no_cache);
    optional(line, "iidfile", &build.iidfile);
    optional(line, "builder", &build.builder);
    flag(line, "quiet", build.quiet);
    flag(line, "attests", Some(build.attests));
    flag(line, "asks", Some(build.only_asks));
}

fn describe_container(verb: &str, container: &Container, line: &mut String) {
    line.push_str(verb);
    optional(line, "image", &container.image);
    optional(line, "name", &container.name);
    field(line, "args", &list(&container.arguments));
    flag(line, "rm", container.remove);
    flag(line, "detach", container.detach);
    flag(line, "interactive", container.interactive);
    flag(line, "tty", container.tty);
    field(line, "volumes", &list(&container.volumes));
    field(line, "env", &pair_list(&container.environment));
    optional(line, "cidfile", &container.cidfile);
    optional(line, "workdir", &container.workdir);
    field(line, "networks", &list(&container.networks));
}

fn describe_removal(verb: &str, removal: &Removal, line: &mut String) {
    let _ = write!(line, "{verb} {}", list(&removal.operands));
    flag(line, "force", removal.force);
    flag(line, "more", Some(removal.more));
}

/// A case is a script, each line after `$ ` (`> ` continues it), and the lines of its summary.
fn cases() -> Vec<(String, String)> {
    let mut cases: Vec<(String, String)> = Vec::new();
    for line in CASES.lines() {
        if let Some(script) = line.strip_prefix("$ ") {
            cases.push((script.to_owned(), String::new()));
        } else if let (Some(more), Some((script, _))) = (line.strip_prefix("> "), cases.last_mut()) {
            script.push('\n');
            script.push_str(more);
        } else if let (false, Some((_, expected))) =
            (line.is_empty() || line.starts_with('#'), cases.last_mut())
        {
            expected.push_str(line);
            expected.push('\n');
        }
    }
    cases
}

#[test]
fn a_glance_finds_every_client_and_no_more() {
    for text in
        ["docker", "x podman ps", "sudo nerdctl", "buildah", "ddocker", "DOCKER=docker-compose", "dddbuildah"]
    {
        assert!(super::mentions_client(text.as_bytes()), "{text}");
    }
    for text in ["", "d", "dock er", "podma", "cc -c d.c", "nerd ctl", "builda", "d".repeat(99).as_str()] {
        assert!(!super::mentions_client(text.as_bytes()), "{text}");
    }
}

#[test]
fn the_table_of_commands_holds() {
    let mut failures = String::new();
    let cases = cases();
    for (script, expected) in &cases {
        let found = summary(script.as_bytes(), &recognise(script.as_bytes(), &environment));
        if found != *expected {
            let shown = script.replace('\n', "\n> ");
            let _ = writeln!(failures, "$ {shown}\n{found}\ninstead of\n{expected}");
        }
    }
    assert!(failures.is_empty(), "{failures}");
    assert!(cases.len() > 100, "{} cases", cases.len());
}

#[test]
fn a_glance_tells_texts_without_clients() {
    assert!(super::mentions_client(b"cd x && sudo docker build ."));
    assert!(!super::mentions_client(b"cc -o dock er.c"));
}

#[test]
fn values_have_their_places() {
    let script = b"docker build -t app:1 --build-arg A=b --target=x .";
    let reading = recognise(script, &environment);
    let ImageCommand::Build(build) = &reading.commands[0].command else { panic!("no build") };
    let place = |text: &Text| String::from_utf8_lossy(text.span.of(script)).into_owned();
    assert_eq!(place(&build.tags[0]), "app:1");
    assert_eq!(place(build.target.as_ref().unwrap()), "x");
    assert_eq!(place(&build.args[0].name), "A");
    assert_eq!(place(build.args[0].value.as_ref().unwrap()), "b");
    assert_eq!(build.args[0].span.of(script), b"A=b");
    assert_eq!(reading.commands[0].program.of(script), b"docker");
}

/// Text of tokens that mean something to a shell or client, from a small generator that needs no crate.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    const TOKENS: [&str; 60] = [
        "docker", "build", " ", " ", " ", "\n", ";", "&&", "||", "|", "&", "(", ")", "$(", "${", "}", "{",
        "`", "'", "\"", "\\", "$", "$((", "))", "((", "if", "then", "fi", "for", "in", "do", "done", "case",
        "esac", ";;", "while", "<<E", "E", "<", ">", "2>&1", "-t", "--tag=", "x", "=", "A=", ".", "rm", "-f",
        "[[", "]]", "function", "#", "!", "\t", "$X", "${X:-", "é", "\\\n", "run",
    ];
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = Vec::new();
    for _ in 0..length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.extend_from_slice(TOKENS[(state % TOKENS.len() as u64) as usize].as_bytes());
    }
    text
}

#[test]
fn no_text_breaks_it_and_every_span_is_within() {
    for seed in 0..20_000 {
        let text = noise(seed, 3 + (seed % 40) as usize);
        let reading = recognise(&text, &environment);
        for command in &reading.commands {
            assert!(command.span.end <= text.len() && command.span.start < command.span.end);
        }
        for (span, _) in &reading.opaque {
            assert!(span.end <= text.len());
        }
    }
}

#[test]
fn hostile_sizes_take_linear_time_and_bounded_stack() {
    let start = std::time::Instant::now();
    let repeated = |unit: &str| unit.repeat(40_000 / unit.len());
    for unit in [
        "(",
        "$(",
        "${x:-",
        "`",
        "((",
        "$((",
        "{ ",
        "if ",
        "a && ",
        "a | ",
        "<<E ",
        "<<E\n",
        "'",
        "\"$(",
        "case x in a) ",
        "f() ",
        "! ",
        "for x in a b; do ",
        "X=$X$X;",
        "docker build . ;",
        "a=(",
        "[[ ",
        "((a) ",
        "$((a) ",
        "eval x; Y=1;",
        "X=$(a) && ",
        "for a in 1 2 3 4 5 6 7 8 9; do for b in 1 2 3 4 5 6 7 8 9; do docker build $a; done; done;",
    ] {
        recognise(repeated(unit).as_bytes(), &environment);
    }
    let deep = format!("{}docker build .{}", "(".repeat(20_000), ")".repeat(20_000));
    assert_eq!(recognise(deep.as_bytes(), &environment).opaque.len(), 1);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

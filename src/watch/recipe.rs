//! What the text of a recipe reads and writes: images it builds, files it names, files it puts something into. Runs nothing.
//!
//! What is found here only widens what is watched, or spares a needless run: the commands themselves are make's to run.

use super::report::BuildInput;
use crate::image::command::kinds::{Build, BuildContext, Endpoint};
use crate::image::command::shell::{
    Command, CommandKind, List, Operator, Script, Simple, Target, Word, parse,
};
use crate::image::command::text::Text;
use crate::image::command::variables::Inherited;
use crate::image::command::{Client, ImageCommand, mentions_client, recognise};

/// What was found in a recipe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Images that it builds.
    pub builds: Vec<BuildInput>,
    /// Words that may name files it reads.
    pub named: Vec<Vec<u8>>,
    /// Files that it writes or removes; folders end with a slash where something of that name is put into them.
    pub written: Vec<Vec<u8>>,
}

/// Reads one line of a recipe, expanded.
pub fn read(line: &[u8], found: &mut Findings) {
    let start = line.iter().position(|byte| !matches!(byte, b'@' | b'-' | b'+' | b' ' | b'\t'));
    let line = &line[start.unwrap_or(line.len())..];
    if mentions_client(line) {
        for command in recognise(line, &|_| Inherited::Unknown).commands {
            engine_command(command.client, &command.command, &command.directory, found);
        }
    }
    let script = parse(line);
    list(&script, &script.list, found);
}

fn engine_command(client: Client, command: &ImageCommand, directory: &Text, found: &mut Findings) {
    match command {
        ImageCommand::Build(build) if !build.only_asks => {
            found.builds.extend(build_input(client, build, directory));
        }
        ImageCommand::Copy {
            source: Endpoint::Container { path, .. },
            destination: Endpoint::Local(destination),
        } => {
            if let (Some(path), Some(destination), Some(b"")) =
                (path.known(), destination.known(), directory.known())
            {
                found.written.push(destination.to_vec());
                found.written.push([destination, b"/", base(path)].concat());
            }
        }
        _ => {}
    }
}

fn build_input(client: Client, build: &Build, directory: &Text) -> Option<BuildInput> {
    let mut input =
        BuildInput { containers: client != Client::Docker, root: b".".to_vec(), ..BuildInput::default() };
    let mut known = |text: &Text| {
        let bytes = text.known().map(<[u8]>::to_vec);
        input.uncertain |= bytes.is_none();
        bytes.unwrap_or_default()
    };
    let within = known(directory);
    let below = |path: Vec<u8>| {
        if within.is_empty() || path.first() == Some(&b'/') {
            path
        } else {
            [&within[..], b"/", &path].concat()
        }
    };
    let root = match &build.context {
        BuildContext::Path(text) => below(known(text)),
        BuildContext::Unknown(text) => {
            known(text);
            below(b".".to_vec())
        }
        BuildContext::Missing => below(b".".to_vec()),
        // Nothing on this machine is read, or nobody knows what.
        BuildContext::Stdin | BuildContext::Remote(_) => return None,
    };
    let file = build.file.as_ref().map(|text| below(known(text)));
    let target = build.target.as_ref().map(&mut known);
    let args = build.args.iter();
    let args = args
        .map(|pair| {
            (known(&pair.name), pair.value.as_ref().and_then(|value| value.known().map(<[u8]>::to_vec)))
        })
        .collect();
    let contexts = build.contexts.iter();
    let contexts = contexts
        .map(|pair| {
            let value = pair.value.as_ref().map(&mut known).unwrap_or_default();
            (pair.name.known().unwrap_or_default().to_vec(), below(value))
        })
        .collect();
    if file.as_deref() == Some(b"-") {
        return None;
    }
    Some(BuildInput { root, file, target, args, contexts, ..input })
}

fn base(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |at| at + 1);
    let path = &path[..end];
    &path[memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1)..]
}

fn list(script: &Script, found_in: &List, found: &mut Findings) {
    for item in &found_in.items {
        for pipeline in std::iter::once(&item.first).chain(item.rest.iter().map(|(_, pipeline)| pipeline)) {
            for command in &pipeline.commands {
                one(script, command, found);
            }
        }
    }
}

fn one(script: &Script, command: &Command, found: &mut Findings) {
    for redirection in &command.redirections {
        let Target::Word(word) = &redirection.target else { continue };
        let Some(name) = word.literal() else { continue };
        match redirection.operator {
            Operator::Read => found.named.push(name),
            Operator::Write | Operator::Append | Operator::ReadWrite | Operator::WriteBoth => {
                found.written.push(name);
            }
            Operator::Duplicate | Operator::Here => {}
        }
    }
    match &command.kind {
        CommandKind::Simple(simple) => self::simple(simple, found),
        CommandKind::Subshell(inner) | CommandKind::Group(inner) => list(script, inner, found),
        CommandKind::If { branches, otherwise } => {
            for (condition, body) in branches {
                list(script, condition, found);
                list(script, body, found);
            }
            if let Some(otherwise) = otherwise {
                list(script, otherwise, found);
            }
        }
        CommandKind::For { words, body, .. } => {
            for word in words.iter().flatten() {
                name(word, found);
            }
            list(script, body, found);
        }
        CommandKind::Loop { condition, body } => {
            list(script, condition, found);
            list(script, body, found);
        }
        CommandKind::Case { arms, .. } => {
            for (_, body) in arms {
                list(script, body, found);
            }
        }
        CommandKind::Function { body, .. } => one(script, body, found),
        CommandKind::Test | CommandKind::Opaque(_) => {}
    }
}

fn name(word: &Word, found: &mut Findings) {
    let Some(text) = word.literal() else { return };
    // `--config=FILE`, `-v FOLDER:/src`, `type=bind,source=FOLDER`.
    for part in text.split(|byte| matches!(byte, b'=' | b':' | b',')) {
        if !part.is_empty() && !part.starts_with(b"-") {
            found.named.push(part.to_vec());
        }
    }
}

fn simple(simple: &Simple, found: &mut Findings) {
    let mut words = simple.words.iter();
    let Some(program) = words.next().and_then(Word::literal) else { return };
    let operands: Vec<Vec<u8>> =
        words.clone().filter_map(Word::literal).filter(|word| !word.starts_with(b"-")).collect();
    match base(&program) {
        b"echo" | b"printf" | b"true" | b"false" | b":" | b"exit" | b"export" | b"set" | b"trap" => {}
        b"rm" | b"rmdir" | b"mkdir" | b"touch" | b"tee" | b"truncate" => found.written.extend(operands),
        b"cp" | b"mv" | b"ln" | b"install" => {
            let Some((last, sources)) = operands.split_last() else { return };
            found.written.push(last.clone());
            for source in sources {
                found.written.push([last, &b"/"[..], base(source)].concat());
            }
            let into = if base(&program) == b"mv" { &mut found.written } else { &mut found.named };
            into.extend(sources.iter().cloned());
        }
        b"sed" | b"perl" if simple.words.iter().any(in_place) => {
            found.written.extend(operands);
        }
        _ => {
            if program.contains(&b'/') {
                found.named.push(program);
            }
            for word in words {
                name(word, found);
            }
        }
    }
}

/// `-i` of sed and perl, alone or among other letters.
fn in_place(word: &Word) -> bool {
    word.literal().is_some_and(|text| {
        text.starts_with(b"--in-place")
            || (text.starts_with(b"-") && !text.starts_with(b"--") && text.contains(&b'i'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[Vec<u8>]) -> Vec<&str> {
        all.iter().map(|text| std::str::from_utf8(text).unwrap_or("?")).collect()
    }

    #[test]
    fn names_and_products_of_commands() {
        let cases: [(&str, &[&str], &[&str]); 10] = [
            ("@hadolint ./Dockerfile", &["./Dockerfile"], &[]),
            ("-@ sh lint.sh --rc=a.toml > out.txt 2>&1", &["lint.sh", "a.toml"], &["out.txt"]),
            ("for f in a b; do ./check $$f < in; done", &["a", "b", "in", "./check"], &[]),
            ("docker cp x-$(id):/src/requirements.txt .", &["docker"], &[".", "./requirements.txt"]),
            (
                "docker cp c1:/src/poetry.lock .",
                &["c1", "/src/poetry.lock", ".", "cp"],
                &[".", "./poetry.lock"],
            ),
            ("cp a b", &["a"], &["b", "b/a"]),
            ("sed -i -e s/a/b/ f.py", &[], &["s/a/b/", "f.py"]),
            ("rm -rf build && mkdir build", &[], &["build", "build"]),
            ("if test -f x; then cat y | tee z; fi", &["x", "y"], &["z"]),
            ("echo 'unclosed", &[], &[]),
        ];
        for (line, named, written) in cases {
            let mut found = Findings::default();
            read(line.as_bytes(), &mut found);
            for name in named.iter().filter(|name| !matches!(**name, "docker" | "cp")) {
                assert!(texts(&found.named).contains(name), "{line}: {:?}", texts(&found.named));
            }
            assert_eq!(texts(&found.written), written, "{line}");
        }
    }

    #[test]
    fn builds_are_read_with_all_that_narrows_them() {
        let mut found = Findings::default();
        read(
            b"docker build --target t --build-arg A=1 --build-arg B=$$X -f d/Dockerfile -t x:y sub",
            &mut found,
        );
        let expected = BuildInput {
            root: b"sub".to_vec(),
            file: Some(b"d/Dockerfile".to_vec()),
            target: Some(b"t".to_vec()),
            args: vec![(b"A".to_vec(), Some(b"1".to_vec())), (b"B".to_vec(), None)],
            ..BuildInput::default()
        };
        assert_eq!(found.builds, [expected]);
        let mut found = Findings::default();
        read(b"cd sub && podman build . ; docker build - < Dockerfile; docker build $DIR", &mut found);
        assert_eq!(found.builds.len(), 2);
        assert_eq!((&found.builds[0].root[..], found.builds[0].containers), (&b"sub/."[..], true));
        assert!(found.builds[1].uncertain);
    }
}

//! What others wrote of images: recipes, Dockerfiles, ignore files, references, engines' answers, imk's own records.

use imk::base::Span;
use imk::image::block::words::{quoted, split};
use imk::image::command::shell::{self, CommandKind, List};
use imk::image::command::variables::Inherited;
use imk::image::command::{lifecycle, recognise};
use imk::image::context::{Folder, Ignore};
use imk::image::dockerfile::{
    BaseConfig, BaseImages, Instruction, Kind, Request, Value, analyse, parse, parse_trigger,
};
use imk::image::engine::socket::DockerSocket;
use imk::image::engine::{Engine, Filter};
use imk::image::journal;
use imk::image::reference::Reference;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

fn within(span: Span, text: &[u8]) {
    assert!(span.start <= span.end && span.end <= text.len(), "{span:?} of {}", text.len());
}

fn list(list: &List, text: &[u8]) {
    for item in &list.items {
        for pipeline in std::iter::once(&item.first).chain(item.rest.iter().map(|(_, pipeline)| pipeline)) {
            within(pipeline.span, text);
            for command in &pipeline.commands {
                within(command.span, text);
                if let CommandKind::Simple(simple) = &command.kind {
                    simple.words.iter().for_each(|word| within(word.span, text));
                }
            }
        }
    }
}

/// A recipe's text as a shell reads it: places are in the text, the same is read twice, and words quoted are words again.
pub fn shell(data: &[u8]) {
    let script = shell::parse(data);
    list(&script.list, data);
    let environment = |name: &[u8]| match name {
        b"A" => Inherited::Value(b"docker".to_vec()),
        b"B" => Inherited::Unset,
        _ => Inherited::Unknown,
    };
    let reading = recognise(data, &environment);
    reading.commands.iter().for_each(|command| within(command.span, data));
    reading.others.iter().for_each(|other| within(other.span, data));
    reading.opaque.iter().for_each(|(span, _)| within(*span, data));
    assert_eq!(reading, recognise(data, &environment));
    lifecycle(&[reading.clone(), reading]);
    if let Ok(words) = split(data) {
        assert_eq!(split(&quoted(&words)), Ok(words));
    }
}

/// Every image's config is known, and has a trigger.
struct Triggers;

impl BaseImages for Triggers {
    fn config(&self, _: &[u8], _: Option<&[u8]>) -> Option<BaseConfig> {
        let onbuild = vec![b"COPY $x --from=a <<E y\nb\nE".to_vec()];
        Some(BaseConfig { env: vec![(b"x".to_vec(), b"v".to_vec())], onbuild })
    }
}

fn instructions(instructions: &[Instruction], text: &[u8]) {
    for instruction in instructions {
        within(instruction.span, text);
        if let Kind::Onbuild(onbuild) = &instruction.kind {
            let _ = parse_trigger(&onbuild.expression, instruction.span);
        }
    }
}

/// A Dockerfile, read and asked for its stages: places are in the text, and errors too.
pub fn dockerfile(data: &[u8]) {
    match parse(data) {
        Ok(file) => {
            instructions(&file.globals, data);
            file.stages.iter().for_each(|stage| instructions(&stage.instructions, data));
        }
        Err(error) => within(error.span, data),
    }
    let args = [(b"x".to_vec(), Value::from(&b"one"[..])), (b"y".to_vec(), Value::Unknown)];
    let contexts = [(b"a".to_vec(), b"./a".to_vec()), (b"img".to_vec(), b"docker-image://b".to_vec())];
    for target in [None, Some(&b"a"[..]), Some(b"0")] {
        let request = Request {
            target,
            build_args: &args,
            named_contexts: &contexts,
            platform_args: &[],
            bases: &Triggers,
        };
        if let Ok(analysis) = analyse(data, &request) {
            analysis.reads.iter().for_each(|read| within(read.span, data));
        }
    }
}

/// An ignore file after the first line, which is a path: asked folder by folder and at once it says the same, and a folder
/// whose inside can't come back hides all that is in it.
pub fn ignore(data: &[u8]) {
    let (path, file) = data.split_at(memchr(data));
    let Ok(ignore) = Ignore::read(file) else { return };
    if path.is_empty()
        || path.starts_with(b"/")
        || path.ends_with(b"/")
        || path.windows(2).any(|two| two == b"//")
    {
        return;
    }
    let verdict = ignore.verdict(path);
    let mut parent: Folder = ignore.root();
    for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
        parent = ignore.folder(&parent, &path[..at]).1;
    }
    assert_eq!(ignore.entry(&parent, path), verdict);
    if verdict.excluded() && !ignore.may_include_below(path) {
        for below in [&b"/x"[..], b"/a/b", b"/."] {
            assert!(ignore.verdict(&[path, below].concat()).excluded());
        }
    }
}

fn memchr(data: &[u8]) -> usize {
    data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len())
}

/// An image's name: what is read and written is read the same, in each of its forms, and is no option.
pub fn reference(data: &[u8]) {
    let Ok(reference) = Reference::parse(data) else { return };
    assert_eq!(Reference::parse(reference.canonical().as_bytes()).as_ref(), Ok(&reference));
    let familiar = reference.familiar();
    // A familiar name may look like an id, or its first folder like a registry: the engines' own are as ambiguous.
    let first = familiar.split('/').next().unwrap_or_default();
    let is_ambiguous = familiar.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    if let Ok(again) = Reference::parse(familiar.as_bytes()).as_ref()
        && !is_ambiguous
    {
        let again = again.clone();
        assert_eq!(again, reference, "{familiar}");
    }
    assert!(!familiar.starts_with('-') && !familiar.contains(char::is_whitespace));
    let tagged = reference.with_default_tag();
    assert_eq!(Reference::parse(tagged.canonical().as_bytes()).as_ref(), Ok(&tagged));
}

/// Bytes that an engine answers: each question ends, in an answer or in a typed error, and never in more than was asked for.
pub fn engine(data: &[u8]) {
    let question: [&dyn Fn(&dyn Engine); 8] = [
        &|engine| drop(engine.version()),
        &|engine| drop(engine.image("app:1")),
        &|engine| {
            if let Ok(images) = engine.images(&Filter::label("imk.run", "1")) {
                assert!(
                    images.iter().all(|image| image.labels.get("imk.run").is_some_and(|value| value == "1"))
                );
            }
        },
        &|engine| drop(engine.container("c")),
        &|engine| {
            if let Ok(found) = engine.containers(&Filter::label("imk.run", "1")) {
                assert!(found.iter().all(|one| one.labels.get("imk.run").is_some_and(|value| value == "1")));
            }
        },
        &|engine| drop(engine.volume("v")),
        &|engine| drop(engine.network("n")),
        &|engine| drop(engine.remove_image("app:1")),
    ];
    let Some((which, answers)) = data.split_first() else { return };
    let Ok((own, mut theirs)) = UnixStream::pair() else { return };
    if theirs.write_all(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK").is_err()
        || theirs.write_all(answers).is_err()
        || theirs.shutdown(Shutdown::Write).is_err()
    {
        return;
    }
    let patience = Duration::from_secs(5);
    let engine = DockerSocket::over(own).with_patience(patience, patience);
    question[usize::from(*which) % question.len()](&engine);
}

/// What an engine's client prints, and what is said of a registry.
pub fn answers(data: &[u8]) {
    imk::image::engine::properties::said(data);
}

/// The journal of clean-up.
pub fn journal(data: &[u8]) {
    journal::properties::histories(data);
}

/// What a run tells a watch session, and what sessions and freshness keep in `.imk/`.
pub fn records(data: &[u8]) {
    if let Some((sender, records)) = imk::watch::report::decode(data) {
        assert!(sender.folder.len() <= data.len() && records.len() <= data.len());
    }
    imk::image::freshness::properties::records(data);
    let text = String::from_utf8_lossy(data);
    imk::base::secret::masked(&text);
}

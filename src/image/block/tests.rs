//! Blocks read from attributes, and the commands they become.

use super::extract::landing;
use super::words::quoted;
use super::*;
use crate::image::command::variables::Inherited;
use crate::image::command::{Client, ImageCommand, recognise};
use crate::rules::images::Piece;

fn block(values: &[(&str, &str)]) -> Result<Block, Vec<Fault>> {
    let mut attributes = Attributes::default();
    for (name, text) in values {
        let attribute = Attribute::named(name.as_bytes()).unwrap();
        attributes.add(attribute, Piece { text: text.as_bytes().to_vec(), place: None });
    }
    Block::read(b"app", &attributes)
}

fn docker() -> Program {
    Program { client: Client::Docker, path: b"docker".to_vec() }
}

fn texts(words: &[Given]) -> Vec<Vec<u8>> {
    words.iter().map(|given| given.text.clone()).collect()
}

fn line(values: &[(&str, &str)]) -> String {
    String::from_utf8(quoted(&texts(&block(values).unwrap().build(&docker(), &[])))).unwrap()
}

#[test]
fn attributes_become_options() {
    assert_eq!(line(&[("tags", "app")]), "docker build --tag app .");
    assert_eq!(
        line(
            &[
                ("tags", "app app:1"),
                ("target", "smoke test"),
                ("target", "smoke"),
                ("options", "--quiet --network=host"),
                ("args", "A=1 MSG=\"two words\""),
                ("platforms", "linux/amd64 linux/arm64"),
                ("no-cache", "true"),
                ("pull", "false"),
                ("context", "sub"),
                ("dockerfile", "Other"),
            ][..]
                .iter()
                .filter(|(_, value)| *value != "smoke test")
                .copied()
                .collect::<Vec<_>>()
        ),
        "docker build --quiet --network=host --file sub/Other --target smoke --tag app --tag app:1 \
         --build-arg A=1 --build-arg 'MSG=two words' --platform linux/amd64,linux/arm64 --no-cache sub"
    );
    assert_eq!(
        line(&[("tags", "app"), ("builder", "remote")]),
        "docker buildx build --builder remote --tag app ."
    );
}

#[test]
fn the_command_is_recognised_as_what_the_block_says() {
    let text =
        line(&[("tags", "app:1"), ("target", "final"), ("args", "A='1 2'"), ("secrets", "id=s,src=f")]);
    let reading = recognise(text.as_bytes(), &|_: &[u8]| Inherited::Unknown);
    let [command] = &reading.commands[..] else { panic!("{reading:?}") };
    assert_eq!(command.client, Client::Docker);
    let ImageCommand::Build(build) = &command.command else { panic!("{command:?}") };
    assert_eq!(build.tags[0].known(), Some(&b"app:1"[..]));
    assert_eq!(build.target.as_ref().unwrap().known(), Some(&b"final"[..]));
    assert_eq!(build.args[0].value.as_ref().unwrap().known(), Some(&b"1 2"[..]));
    assert!(command.doubts.is_empty() && reading.opaque.is_empty());
}

#[test]
fn what_cannot_be_is_an_error() {
    for values in [
        &[("target", "final")][..],
        &[("tags", "App")],
        &[("tags", ":build")],
        &[("tags", "app:1:2")],
        &[("tags", "app"), ("cleanup", "sometimes")],
        &[("tags", "app"), ("context", "a b")],
        &[("tags", "app"), ("context", "-")],
        &[("tags", "app"), ("pull", "maybe")],
        &[("tags", "app"), ("args", "=1")],
        &[("tags", "app"), ("extract", "/a")],
        &[("tags", "app"), ("extract", "a:b")],
        &[("tags", "app 'b")],
    ] {
        assert!(block(values).is_err(), "{values:?}");
    }
}

#[test]
fn extracts_have_a_source_and_a_destination() {
    let block = block(&[("tags", "app"), ("extract", "/src/poetry.lock:. /a:b:c/")]).unwrap();
    let pairs: Vec<(&[u8], &[u8])> =
        block.extracts.iter().map(|extract| (&extract.source[..], &extract.destination[..])).collect();
    assert_eq!(pairs, [(&b"/src/poetry.lock"[..], &b"."[..]), (b"/a:b", b"c/")]);
    assert_eq!(landing(b"/src/poetry.lock", b"."), std::path::Path::new("./poetry.lock"));
    assert_eq!(landing(b"/a", b"not-there/"), std::path::Path::new("not-there/a"));
    assert_eq!(landing(b"/a", b"not-there"), std::path::Path::new("not-there"));
}

//! Builds as targets of a bake file (buildx, "Bake file reference"), in its JSON form. Knows nothing of make's targets, nor of how bake
//! is run.

use super::command::kinds::{Build, BuildContext, Pair};
use super::command::text::Text;
use super::reference::Reference;
use crate::base::json;
use crate::base::tables::HashMap;
use serde_json::{Map, Value, json};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Why a build can't be said in a bake file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A part of it is known only to the running shell.
    Unknown,
    /// This option has no place there.
    Option(String),
    /// Its context comes from standard input, or there is none.
    Context,
    /// It names no image.
    Tags,
}

impl Fault {
    /// The fault in words.
    pub fn message(&self) -> String {
        match self {
            Fault::Unknown => "a part of it is known only to the running shell".to_owned(),
            Fault::Option(name) => format!("a bake file has no place for --{name}"),
            Fault::Context => "its context is no folder and no address".to_owned(),
            Fault::Tags => "it names no image".to_owned(),
        }
    }
}

/// Options whose meaning is in the typed build, or that only say how a client talks.
const SAID: [&str; 30] = [
    "tag",
    "target",
    "build-arg",
    "file",
    "label",
    "annotation",
    "platform",
    "secret",
    "ssh",
    "build-context",
    "cache-from",
    "cache-to",
    "output",
    "load",
    "push",
    "network",
    "pull",
    "no-cache",
    "no-cache-filter",
    "builder",
    "add-host",
    "shm-size",
    "ulimit",
    "attest",
    "provenance",
    "sbom",
    "quiet",
    "progress",
    "rm",
    "force-rm",
];

fn known(text: &Text) -> Result<String, Fault> {
    text.known().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).ok_or(Fault::Unknown)
}

fn list(texts: &[Text]) -> Result<Value, Fault> {
    Ok(Value::from(texts.iter().map(known).collect::<Result<Vec<String>, Fault>>()?))
}

/// `NAME=VALUE` pairs. A name alone has the environment's value; without one it is left out.
fn map(pairs: &[Pair]) -> Result<Map<String, Value>, Fault> {
    let mut out = Map::new();
    for pair in pairs {
        let name = known(&pair.name)?;
        let value = match &pair.value {
            Some(value) => Some(known(value)?),
            None => std::env::var_os(OsStr::from_bytes(name.as_bytes()))
                .map(|value| value.to_string_lossy().into_owned()),
        };
        if let Some(value) = value {
            out.insert(name, value.into());
        }
    }
    Ok(out)
}

/// The target that stands for `build`.
///
/// # Errors
/// What a bake file can't say.
pub fn target(build: &Build) -> Result<Map<String, Value>, Fault> {
    if let Some(option) = build.options.iter().find(|option| !SAID.contains(&option.name)) {
        return Err(Fault::Option(option.name.to_owned()));
    }
    if build.only_asks || !build.extra.is_empty() {
        return Err(Fault::Unknown);
    }
    if build.tags.is_empty() {
        return Err(Fault::Tags);
    }
    let context = match &build.context {
        BuildContext::Path(path) | BuildContext::Remote(path) => known(path)?,
        _ => return Err(Fault::Context),
    };
    let mut out = Map::new();
    if let Some(file) = &build.file {
        out.insert("dockerfile".into(), dockerfile(&context, &known(file)?).into());
    }
    out.insert("context".into(), context.into());
    let lists: [(&str, &[Text]); 9] = [
        ("tags", &build.tags),
        ("platforms", &build.platforms),
        ("secret", &build.secrets),
        ("ssh", &build.ssh),
        ("cache-from", &build.cache_from),
        ("cache-to", &build.cache_to),
        ("output", &build.outputs),
        ("no-cache-filter", &build.no_cache_filter),
        ("ulimits", &build.ulimits),
    ];
    for (name, texts) in lists.into_iter().filter(|(_, texts)| !texts.is_empty()) {
        out.insert(name.into(), list(texts)?);
    }
    if let Some(platforms) = out.get_mut("platforms") {
        let split = platforms.as_array().into_iter().flatten().filter_map(Value::as_str);
        *platforms = split.flat_map(|text| text.split(',')).collect::<Vec<&str>>().into();
    }
    for (name, pairs) in [("args", &build.args), ("labels", &build.labels), ("contexts", &build.contexts)] {
        if !pairs.is_empty() {
            out.insert(name.into(), map(pairs)?.into());
        }
    }
    if !build.annotations.is_empty() {
        let joined = map(&build.annotations)?;
        let words =
            joined.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()));
        out.insert("annotations".into(), words.collect::<Vec<String>>().into());
    }
    if !build.add_hosts.is_empty() {
        let mut hosts = Map::new();
        for host in &build.add_hosts {
            let host = known(host)?;
            let (name, address) = host.split_once([':', '=']).ok_or(Fault::Option("add-host".into()))?;
            hosts.insert(name.into(), address.into());
        }
        out.insert("extra-hosts".into(), hosts.into());
    }
    for (name, text) in
        [("target", &build.target), ("network", &build.network), ("shm-size", &build.shm_size)]
    {
        if let Some(text) = text {
            out.insert(name.into(), known(text)?.into());
        }
    }
    for (name, given) in [("pull", build.pull), ("no-cache", build.no_cache)] {
        if given == Some(true) {
            out.insert(name.into(), true.into());
        }
    }
    attestations(build, &mut out)?;
    // The client's short forms of outputs.
    for (given, output) in [(build.push, "type=registry"), (build.load, "type=docker")] {
        if given == Some(true) {
            let outputs = out.entry("output").or_insert_with(|| json!([]));
            outputs.as_array_mut().into_iter().for_each(|outputs| outputs.push(output.into()));
        }
    }
    Ok(out)
}

/// `--attest`, and its short forms `--provenance` and `--sbom`.
fn attestations(build: &Build, out: &mut Map<String, Value>) -> Result<(), Fault> {
    let mut found: Vec<String> = Vec::new();
    for option in &build.options {
        let given = match &option.value {
            Some(value) => known(value)?,
            None => "true".to_owned(),
        };
        match option.name {
            "attest" => found.push(given),
            "provenance" | "sbom" => found.push(match given.as_str() {
                "true" => format!("type={}", option.name),
                "false" => format!("type={},disabled=true", option.name),
                other => format!("type={},{other}", option.name),
            }),
            _ => {}
        }
    }
    if !found.is_empty() {
        out.insert("attest".into(), found.into());
    }
    Ok(())
}

/// The Dockerfile's path from its context, where bake's paths start.
fn dockerfile(context: &str, file: &str) -> String {
    let context = Path::new(context);
    match Path::new(file).strip_prefix(context) {
        Ok(inside) => inside.display().to_string(),
        Err(_) if context == Path::new(".") => file.to_owned(),
        Err(_) => std::path::absolute(file).unwrap_or_default().display().to_string(),
    }
}

/// A bake file that grows.
#[derive(Debug, Default)]
pub struct Bake {
    targets: Vec<(String, Map<String, Value>)>,
    /// For each target the images that its Dockerfile names.
    reads: Vec<Vec<String>>,
}

/// The one way to write an image's name.
fn canonical(text: &str) -> Option<String> {
    Some(Reference::parse(text.as_bytes()).ok()?.with_default_tag().canonical())
}

impl Bake {
    /// Adds a target whose Dockerfile names these images; gives the name that it has in the file, where names have letters, digits, `_`
    /// and `-` alone.
    pub fn add(&mut self, name: &str, target: Map<String, Value>, reads: Vec<String>) -> String {
        let plain = |char: char| if char.is_ascii_alphanumeric() || char == '-' { char } else { '_' };
        let plain: String = name.chars().map(plain).collect();
        let mut unique = plain.clone();
        let mut number = 1;
        while self.targets.iter().any(|(known, _)| *known == unique) {
            number += 1;
            unique = format!("{plain}-{number}");
        }
        self.targets.push((unique.clone(), target));
        self.reads.push(reads);
        unique
    }

    /// Whether there is no target.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// The network of each target that has one, as a compose file: releases of buildx before 0.17 leave `network` unread in bake files of
    /// their own form (its pull requests 880 and 2671). A file of the same targets beside it is merged with it. None where nothing
    /// asks for a network.
    pub fn networks(&self) -> Option<Vec<u8>> {
        let service = |(name, target): &(String, Map<String, Value>)| {
            let network = target.get("network")?;
            Some((name.clone(), json!({ "build": { "context": ".", "network": network } })))
        };
        let services: Map<String, Value> = self.targets.iter().filter_map(service).collect();
        if services.is_empty() {
            return None;
        }
        // What is JSON is YAML, too.
        serde_json::to_vec(&json!({ "services": services })).ok()
    }

    /// Whether a target has the machine's own network.
    pub fn wants_host_network(&self) -> bool {
        self.targets.iter().any(|(_, target)| target.get("network").is_some_and(|network| network == "host"))
    }

    /// The file. An image that another target makes is that target's result: nothing has to be pushed between the two.
    pub fn json(mut self) -> Vec<u8> {
        let mut by_tag: HashMap<String, String> = HashMap::default();
        for (name, target) in &self.targets {
            let tags =
                target.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            for tag in tags.filter_map(canonical) {
                by_tag.entry(tag).or_insert_with(|| name.clone());
            }
        }
        for ((name, target), reads) in self.targets.iter_mut().zip(&self.reads) {
            for read in reads {
                let made_by =
                    canonical(read).and_then(|read| by_tag.get(&read)).filter(|other| *other != name);
                if let Some(other) = made_by {
                    let contexts = target.entry("contexts").or_insert_with(|| json!({}));
                    if let Some(contexts) = contexts.as_object_mut() {
                        contexts.entry(read.clone()).or_insert_with(|| format!("target:{other}").into());
                    }
                }
            }
        }
        let names: Vec<&String> = self.targets.iter().map(|(name, _)| name).collect();
        let group = json!({ "default": { "targets": names } });
        let targets: Map<String, Value> =
            self.targets.iter().map(|(name, target)| (name.clone(), Value::Object(target.clone()))).collect();
        json::pretty(&json!({ "group": group, "target": targets }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::{ImageCommand, recognise};
    use super::*;

    fn of(line: &str) -> Result<Value, Fault> {
        let reading = recognise(line.as_bytes(), &|_| super::super::command::variables::Inherited::Unset);
        match &reading.commands[0].command {
            ImageCommand::Build(build) => target(build).map(Value::Object),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_option_finds_its_place() {
        let line = "docker buildx build -t a:1 -t b --build-arg X='1 2' --file sub/Other --target s --label l=1 --platform linux/amd64,linux/arm64 \
                    --secret id=k --ssh default --build-context n=docker-image://x --cache-from type=gha --cache-to type=inline --push --network host \
                    --no-cache --add-host h:1.2.3.4 --shm-size 1g --ulimit nofile=5 --sbom=true --provenance=mode=max --quiet sub";
        let expected = json!({
            "tags": ["a:1", "b"], "args": {"X": "1 2"}, "dockerfile": "Other", "target": "s", "labels": {"l": "1"},
            "platforms": ["linux/amd64", "linux/arm64"], "secret": ["id=k"], "ssh": ["default"],
            "contexts": {"n": "docker-image://x"}, "cache-from": ["type=gha"], "cache-to": ["type=inline"],
            "output": ["type=registry"], "network": "host", "no-cache": true, "extra-hosts": {"h": "1.2.3.4"},
            "shm-size": "1g", "ulimits": ["nofile=5"], "attest": ["type=sbom", "type=provenance,mode=max"], "context": "sub",
        });
        assert_eq!(of(line), Ok(expected));
    }

    #[test]
    fn what_has_no_place_is_said() {
        assert_eq!(of("docker build -t a --squash ."), Err(Fault::Option("squash".into())));
        assert_eq!(of("docker build -t a --build-arg X=$(date) ."), Err(Fault::Unknown));
        assert_eq!(of("docker build -t a - < Dockerfile"), Err(Fault::Context));
        assert_eq!(of("docker build ."), Err(Fault::Tags));
    }

    #[test]
    fn an_image_of_another_target_is_that_targets_result() {
        let mut bake = Bake::default();
        let tags = |tag: &str| Map::from_iter([("tags".to_owned(), json!([tag]))]);
        assert_eq!(bake.add("a.b", tags("base"), Vec::new()), "a_b");
        assert_eq!(bake.add("a/b", tags("app"), vec!["base:latest".into(), "other".into()]), "a_b-2");
        let file: Value = serde_json::from_slice(&bake.json()).expect("JSON");
        assert_eq!(file["target"]["a_b-2"]["contexts"], json!({ "base:latest": "target:a_b" }));
        assert_eq!(file["group"]["default"]["targets"], json!(["a_b", "a_b-2"]));
    }
}

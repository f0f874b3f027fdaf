//! What an image's build is given, taken from a block or from a command of a recipe, and its inputs as they are now. Knows nothing of
//! targets and jobs.

use crate::image::block::{Block, Given};
use crate::image::command::Client;
use crate::image::command::kinds::{Build, BuildContext, Pair};
use crate::image::command::text::Text;
use crate::image::context::Convention;
use crate::image::dockerfile::{Analysis, Request, Value, analyse};
use crate::image::engine::Engine;
use crate::image::freshness::{Attributes, Components, Context, DigestCache, EngineBases, Inputs, gather};
use crate::rules::images::Attribute;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What a build is given.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The image's tags.
    pub tags: Vec<String>,
    /// The Dockerfile; none where the context is not of this machine.
    pub dockerfile: Option<PathBuf>,
    context: PathBuf,
    target: Option<Vec<u8>>,
    args: Vec<(Vec<u8>, Value)>,
    contexts: Vec<(Vec<u8>, Vec<u8>)>,
    platform: Option<Vec<u8>>,
    attributes: Attributes,
    whole_file: bool,
    containers: bool,
    /// Why the build is to run each time, where it is.
    pub always: Option<&'static str>,
}

/// `NAME=VALUE` in two; without a value, that of the environment.
fn pair(given: &Given) -> (Vec<u8>, Value) {
    match memchr::memchr(b'=', &given.text) {
        Some(at) => (given.text[..at].to_vec(), Value::Known(given.text[at + 1..].to_vec())),
        None => (given.text.clone(), inherited(&given.text)),
    }
}

fn inherited(name: &[u8]) -> Value {
    match std::env::var_os(OsStr::from_bytes(name)) {
        Some(value) => Value::Known(value.as_bytes().to_vec()),
        None => Value::Unknown,
    }
}

fn path(text: &[u8]) -> PathBuf {
    Path::new(OsStr::from_bytes(text)).to_path_buf()
}

/// Attributes that change the result, beside those with fields of their own.
const ATTRIBUTES: [(Attribute, &str); 12] = [
    (Attribute::Labels, "labels"),
    (Attribute::Annotations, "annotations"),
    (Attribute::Platforms, "platforms"),
    (Attribute::Secrets, "secrets"),
    (Attribute::Ssh, "ssh"),
    (Attribute::Network, "network"),
    (Attribute::ExtraHosts, "extra-hosts"),
    (Attribute::ShmSize, "shm-size"),
    (Attribute::Ulimits, "ulimits"),
    (Attribute::Attest, "attest"),
    (Attribute::Options, "options"),
    (Attribute::Engine, "engine"),
];

impl Sources {
    /// What the build of a block is given by `client`.
    pub fn of_block(block: &Block, client: Client) -> Sources {
        let words = |attribute: Attribute| block.words(attribute).iter().map(|given| given.text.clone());
        let mut sources = Sources {
            tags: words(Attribute::Tags).map(|tag| String::from_utf8_lossy(&tag).into_owned()).collect(),
            context: path(block.context()),
            target: block.word(Attribute::Target).map(|given| given.text.clone()),
            args: block.words(Attribute::Args).iter().map(pair).collect(),
            contexts: words(Attribute::Contexts)
                .filter_map(|text| {
                    let at = memchr::memchr(b'=', &text)?;
                    Some((text[..at].to_vec(), text[at + 1..].to_vec()))
                })
                .collect(),
            whole_file: !block.words(Attribute::Attest).is_empty(),
            containers: client != Client::Docker,
            ..Sources::default()
        };
        for (attribute, name) in ATTRIBUTES {
            sources.attributes.set(name, words(attribute));
        }
        if let [only] = block.words(Attribute::Platforms) {
            sources.platform = Some(only.text.clone());
        }
        if !block.is_remote() {
            sources.dockerfile = Some(match block.dockerfile() {
                Some(file) => path(&file),
                None => sources.context.join("Dockerfile"),
            });
        }
        sources.always = if block.is_on(Attribute::NoCache) {
            Some("no-cache is set")
        } else if block.is_on(Attribute::Pull) {
            Some("pull is set: newer base images are looked for each time")
        } else if !block.words(Attribute::Output).is_empty() {
            Some("its output does not stay on the engine")
        } else if block.word(Attribute::Builder).is_some() {
            Some("another builder builds it")
        } else if block.is_remote() {
            Some("its context is not on this machine")
        } else if block.words(Attribute::Platforms).len() > 1 {
            Some("it is built for several platforms")
        } else {
            None
        };
        sources
    }

    /// What a recipe's build command in the folder `directory` is given; none where a part of it is not known or is not followed.
    pub fn of_command(build: &Build, client: Client) -> Option<Sources> {
        let known = |text: &Text| text.known().map(<[u8]>::to_vec);
        let all = |texts: &[Text]| texts.iter().map(known).collect::<Option<Vec<_>>>();
        let pairs = |pairs: &[Pair]| {
            let one = |pair: &Pair| {
                let name = known(&pair.name)?;
                let value = match &pair.value {
                    Some(value) => Value::Known(known(value)?),
                    None => inherited(&name),
                };
                Some((name, value))
            };
            pairs.iter().map(one).collect::<Option<Vec<_>>>()
        };
        let optional = |text: &Option<Text>| match text {
            Some(text) => known(text).map(Some),
            None => Some(None),
        };
        // What else the client may be told can change the result in ways that are not followed.
        const FOLLOWED: [&str; 22] = [
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
            "load",
            "network",
            "quiet",
            "add-host",
            "shm-size",
            "ulimit",
            "attest",
            "provenance",
            "sbom",
            "progress",
        ];
        let unusual = build.options.iter().any(|option| !FOLLOWED.contains(&option.name))
            || !build.outputs.is_empty()
            || build.only_asks
            || build.builder.is_some()
            || build.platforms.len() > 1
            || !build.extra.is_empty();
        let BuildContext::Path(context) = &build.context else { return None };
        if unusual || build.tags.is_empty() {
            return None;
        }
        let context = path(&known(context)?);
        let file = match optional(&build.file)? {
            Some(file) if file == b"-" => return None,
            Some(file) => path(&file),
            None => context.join("Dockerfile"),
        };
        let contexts = pairs(&build.contexts)?
            .into_iter()
            .map(|(name, value)| Some((name, value.known()?.to_vec())))
            .collect::<Option<Vec<_>>>()?;
        let mut sources = Sources {
            tags: all(&build.tags)?.iter().map(|tag| String::from_utf8_lossy(tag).into_owned()).collect(),
            dockerfile: Some(file),
            context,
            target: optional(&build.target)?,
            args: pairs(&build.args)?,
            contexts,
            platform: all(&build.platforms)?.pop(),
            whole_file: build.attests,
            containers: client != Client::Docker,
            ..Sources::default()
        };
        let lists: [(&str, &[Text]); 5] = [
            ("secrets", &build.secrets),
            ("ssh", &build.ssh),
            ("platforms", &build.platforms),
            ("extra-hosts", &build.add_hosts),
            ("ulimits", &build.ulimits),
        ];
        for (name, texts) in lists {
            sources.attributes.set(name, all(texts)?);
        }
        for (name, text) in [("network", &build.network), ("shm-size", &build.shm_size)] {
            sources.attributes.set(name, optional(text)?);
        }
        for (name, given) in [("labels", &build.labels), ("annotations", &build.annotations)] {
            let joined = pairs(given)?
                .into_iter()
                .map(|(name, value)| [&name[..], b"=", value.known().unwrap_or_default()].concat());
            sources.attributes.set(name, joined.collect::<Vec<_>>());
        }
        Some(sources)
    }

    /// Whether the file called `name` may be one of the build's: the Dockerfile, or inside of the context.
    pub fn may_read(&self, name: &[u8]) -> bool {
        let name = path(name);
        let plain = |path: &Path| std::path::absolute(path).unwrap_or_default();
        self.dockerfile.as_deref().is_some_and(|file| plain(file) == plain(&name))
            || plain(&name).starts_with(plain(&self.context).components().as_path())
    }

    /// The inputs as they are now, asked of `engine` where they are images; none where they can't be told: the build will say why.
    pub fn gather(&self, engine: &dyn Engine, cache: &DigestCache) -> Option<Components> {
        let file = self.dockerfile.as_deref()?;
        let text = std::fs::read(file).ok()?;
        let bases = EngineBases::new(engine);
        let analysis = self.analyse(&text, &bases)?;
        let inputs = Inputs {
            analysis: &analysis,
            dockerfile: &text,
            dockerfile_path: Some(file),
            context: Context::Folder(&self.context),
            build_args: &self.args,
            named_contexts: &self.contexts,
            directory: Path::new("."),
            convention: if self.containers { Convention::Containers } else { Convention::Docker },
            platform: self.platform.as_deref(),
            whole_file: self.whole_file,
            attributes: self.attributes.clone(),
        };
        gather(&inputs, &bases, cache).ok()
    }

    /// What the Dockerfile's text says the build can depend on; none where it is wrong.
    pub fn analyse(&self, text: &[u8], bases: &dyn crate::image::dockerfile::BaseImages) -> Option<Analysis> {
        let request = Request {
            target: self.target.as_deref(),
            build_args: &self.args,
            named_contexts: &self.contexts,
            platform_args: &[],
            bases,
        };
        analyse(text, &request).ok()
    }
}

/// The name of a build's Dockerfile for people; the usual one where it isn't known.
pub fn shown_dockerfile(path: Option<&Path>) -> String {
    let path = path.unwrap_or(Path::new("Dockerfile"));
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

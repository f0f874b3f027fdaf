//! What an image's build is given, taken from a block or from a command of a recipe, and its inputs as they are now. Knows nothing of
//! targets and jobs.

use super::freshness::Freshness;
use crate::image::block::words::quoted;
use crate::image::block::{Block, Given};
use crate::image::command::Client;
use crate::image::command::kinds::{BuildContext, Pair};
use crate::image::command::recognise;
use crate::image::command::text::Text;
use crate::image::command::variables::Inherited;
use crate::image::command::whole::{WholeBuild, with_options};
use crate::image::context::Convention;
use crate::image::dockerfile::{Analysis, BaseImages, Request, Value, analyse};
use crate::image::engine::Engine;
use crate::image::freshness::{
    Attributes, Builder, Components, Context, EngineBases, FileInput, Inputs, Platforms, gather,
};
use crate::os::files::read_regular;
use crate::rules::images::Attribute;
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Why an image of another builder is built each time.
pub const OTHER_BUILDER: &str = "another builder builds it";

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
    /// The folder that named contexts are seen from; empty where that is the recipe's.
    directory: PathBuf,
    platforms: Platforms,
    attributes: Attributes,
    whole_file: bool,
    containers: bool,
    /// Why the build is to run each time, where it is.
    pub always: Option<&'static str>,
}

/// The value of a variable in the environment of the build's command; none where it is not set.
pub type Lookup<'l> = dyn Fn(&[u8]) -> Option<Vec<u8>> + 'l;

/// `NAME=VALUE` in two; without a value, that of the environment.
fn pair(given: &Given, lookup: &Lookup<'_>) -> (Vec<u8>, Value) {
    match memchr::memchr(b'=', &given.text) {
        Some(at) => (given.text[..at].to_vec(), Value::from(&given.text[at + 1..])),
        None => (given.text.clone(), inherited(&given.text, lookup)),
    }
}

/// The platform that docker's client asks for where a command does not.
fn default_platform(client: Client, lookup: &Lookup<'_>) -> Option<Vec<u8>> {
    let value = (client == Client::Docker).then(|| lookup(b"DOCKER_DEFAULT_PLATFORM")).flatten();
    value.filter(|value| !value.is_empty())
}

fn inherited(name: &[u8], lookup: &Lookup<'_>) -> Value {
    lookup(name).map_or(Value::Unknown, Value::from)
}

/// Looks variables up in the environment of a job.
pub fn of_environment(environment: &[CString]) -> impl Fn(&[u8]) -> Option<Vec<u8>> {
    |name| {
        let mut entries = environment.iter().map(|entry| entry.as_bytes());
        entries.find_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"=").map(<[u8]>::to_vec))
    }
}

/// A path that can be compared: absolute, and without `.`.
fn plain(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_default().components().collect()
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
    /// What the build of a block is given by `client`; `lookup` tells the environment that the client will have.
    pub fn of_block(block: &Block, client: Client, lookup: &Lookup<'_>) -> Sources {
        let words = |attribute: Attribute| block.words(attribute).iter().map(|given| given.text.clone());
        let mut sources = Sources {
            tags: words(Attribute::Tags).map(|tag| String::from_utf8_lossy(&tag).into_owned()).collect(),
            context: path(block.context()),
            target: block.word(Attribute::Target).map(|given| given.text.clone()),
            args: block.words(Attribute::Args).iter().map(|given| pair(given, lookup)).collect(),
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
        let platforms = block.words(Attribute::Platforms);
        sources.platforms = Platforms {
            builder: match client {
                Client::Docker => {
                    let named = block.word(Attribute::Builder).map(|given| &given.text[..]);
                    // A block is built with BuildKit unless the environment speaks against it.
                    let variable = |name: &[u8]| match (name, lookup(name)) {
                        (b"DOCKER_BUILDKIT", None) => Some(b"1".to_vec()),
                        (_, value) => value,
                    };
                    Builder::of_docker(named.is_some(), named, &variable)
                }
                _ => Builder::Unknown,
            },
            asked: match platforms {
                [] => default_platform(client, lookup),
                [only] => Some(only.text.clone()),
                several => Some(several.iter().map(|given| &given.text[..]).collect::<Vec<_>>().join(&b',')),
            },
        };
        sources.count_default_platform(platforms.is_empty());
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
        } else if block.word(Attribute::Builder).is_some() || sources.is_built_elsewhere() {
            Some(OTHER_BUILDER)
        } else if block.is_remote() {
            Some("its context is not on this machine")
        } else if block.words(Attribute::Platforms).len() > 1 {
            Some("it is built for several platforms")
        } else {
            None
        };
        sources.add_options(block, client, lookup);
        sources
    }

    /// What the options of a block say beside its attributes, which stand after them on the command line.
    fn add_options(&mut self, block: &Block, client: Client, lookup: &Lookup<'_>) {
        let options = block.words(Attribute::Options);
        if options.is_empty() {
            return;
        }
        let plain = |word: &[u8]| word.to_vec();
        let mut words = vec![plain(client.name().as_bytes()), plain(b"build")];
        words.extend(options.iter().map(|given| given.text.clone()));
        words.push(plain(b"."));
        let inherited = |name: &[u8]| lookup(name).map_or(Inherited::Unset, Inherited::Value);
        let reading = recognise(&quoted(&words), &inherited);
        let own = match reading.commands.as_slice() {
            [command] => with_options(command),
            _ => None,
        };
        let Some(own) = own else {
            if self.always.is_none_or(|why| why == OTHER_BUILDER) {
                self.always = Some("its options are not followed");
            }
            return;
        };
        let given = Sources::of_command(&own, lookup);
        if own.build.file.is_some() && block.dockerfile().is_none() && !block.is_remote() {
            self.dockerfile = given.dockerfile;
        }
        if !own.build.platforms.is_empty() {
            self.platforms.asked = match block.words(Attribute::Platforms) {
                [] if own.build.platforms.len() == 1 => given.platforms.asked,
                // Several: of none it can be said that the build is for it.
                _ => Some(b",".to_vec()),
            };
        }
        self.tags.extend(given.tags);
        self.args.splice(0..0, given.args);
        self.contexts.splice(0..0, given.contexts);
        self.target = self.target.take().or(given.target);
        self.whole_file |= given.whole_file;
    }

    /// What a build of a recipe that is understood whole is given; `lookup` as for a block.
    pub fn of_command(whole: &WholeBuild, lookup: &Lookup<'_>) -> Sources {
        let build = &whole.build;
        let known = |text: &Text| text.known().map(<[u8]>::to_vec).unwrap_or_default();
        let all = |texts: &[Text]| texts.iter().map(known).collect::<Vec<_>>();
        let optional = |text: &Option<Text>| text.as_ref().map(known);
        let value = |name: &[u8]| {
            let own = whole.environment.iter().rev().find(|(own, _)| own == name);
            own.map(|(_, value)| value.clone()).or_else(|| lookup(name))
        };
        let one = |pair: &Pair| {
            let name = known(&pair.name);
            let value = match &pair.value {
                Some(value) => Value::from(known(value)),
                None => inherited(&name, &value),
            };
            (name, value)
        };
        let directory = path(&whole.directory);
        let context = directory.join(match &build.context {
            BuildContext::Path(context) => path(&known(context)),
            _ => PathBuf::from("."),
        });
        let file = optional(&build.file)
            .map_or_else(|| context.join("Dockerfile"), |file| directory.join(path(&file)));
        let named = optional(&build.builder);
        let contexts = build.contexts.iter().map(one);
        let mut sources = Sources {
            tags: whole.tags.iter().map(|tag| String::from_utf8_lossy(tag).into_owned()).collect(),
            dockerfile: Some(file),
            context,
            target: optional(&build.target),
            args: build.args.iter().map(one).collect(),
            contexts: contexts
                .map(|(name, value)| (name, value.known().unwrap_or_default().to_vec()))
                .collect(),
            directory,
            platforms: Platforms {
                builder: match whole.client {
                    Client::Docker => Builder::of_docker(build.buildx, named.as_deref(), &value),
                    _ => Builder::Unknown,
                },
                asked: all(&build.platforms).pop().or_else(|| default_platform(whole.client, &value)),
            },
            whole_file: build.attests,
            containers: whole.client != Client::Docker,
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
            sources.attributes.set(name, all(texts));
        }
        for (name, text) in [("network", &build.network), ("shm-size", &build.shm_size)] {
            sources.attributes.set(name, optional(text));
        }
        for (name, given) in [("labels", &build.labels), ("annotations", &build.annotations)] {
            let joined = given.iter().map(one);
            let joined =
                joined.map(|(name, value)| [&name[..], b"=", value.known().unwrap_or_default()].concat());
            sources.attributes.set(name, joined.collect::<Vec<_>>());
        }
        sources.count_default_platform(build.platforms.is_empty());
        sources.always = sources.is_built_elsewhere().then_some(OTHER_BUILDER);
        sources
    }

    /// A platform that the environment asks for counts as one that is given, where none is: an image without a base has it, too.
    fn count_default_platform(&mut self, none_given: bool) {
        if none_given && let Some(platform) = &self.platforms.asked {
            self.attributes.set("platforms", [platform.clone()]);
        }
    }

    /// Whether a builder has it that the environment or `buildx use` chose: what base images that one has is not known.
    fn is_built_elsewhere(&self) -> bool {
        self.platforms.builder == Builder::Elsewhere
    }

    /// The engine builds it, though the build names a builder: buildx has one of that name for it.
    pub fn is_built_by_engine(&mut self) {
        self.always = None;
        if self.platforms.builder == Builder::Elsewhere {
            self.platforms.builder = Builder::Engine;
        }
    }

    /// Whether the file called `name`, as make's options name it, is the Dockerfile.
    pub fn is_dockerfile(&self, name: &[u8]) -> bool {
        self.dockerfile.as_deref().is_some_and(|file| plain(file) == plain(&path(name)))
    }

    /// Whether the file called `name` is the entry `entry` of the context.
    pub fn is_entry(&self, name: &[u8], entry: &[u8]) -> bool {
        plain(&self.context.join(path(entry))) == plain(&path(name))
    }

    /// Whether the build reads the file called `name`, `inputs` being what it reads: all of the context, where that is not known.
    pub fn reads(&self, name: &[u8], inputs: &Components) -> bool {
        let own = plain(&path(name));
        let Ok(inside) = own.strip_prefix(plain(&self.context)).map(Path::to_path_buf) else {
            return self.is_dockerfile(name);
        };
        let inside = inside.as_os_str().as_bytes();
        let main = |file: &&FileInput| {
            inputs.contexts.get(file.context as usize).is_none_or(|context| context.name.is_none())
        };
        self.is_dockerfile(name)
            || !inputs.unknown.is_empty()
            || inputs.files.iter().filter(main).any(|file| &*file.path == inside)
    }

    /// What the Dockerfile says; none where it can't be read.
    pub fn text(&self) -> Option<Vec<u8>> {
        read_regular(self.dockerfile.as_deref()?).ok()
    }

    /// The inputs as they are now, asked of `engine` where they are images; none where they can't be told: the build will say why.
    pub fn gather(&self, engine: &dyn Engine, freshness: &Freshness) -> Option<Components> {
        let file = self.dockerfile.as_deref()?;
        let text = self.text()?;
        let bases = EngineBases::new(engine);
        let analysis = self.analyse_on(engine, &text, &bases)?;
        let inputs = Inputs {
            analysis: &analysis,
            dockerfile: &text,
            dockerfile_path: Some(file),
            context: Context::Folder(&self.context),
            build_args: &self.args,
            named_contexts: &self.contexts,
            directory: &self.directory,
            convention: if self.containers { Convention::Containers } else { Convention::Docker },
            platform: self.platforms.asked.as_deref(),
            whole_file: self.whole_file,
            attributes: self.attributes.clone(),
        };
        let found = gather(&inputs, &bases, &freshness.cache).ok()?;
        Some(match &freshness.masks {
            Some(masks) => found.without(masks),
            None => found,
        })
    }

    /// What the Dockerfile's text says the build can depend on, on any engine; none where it is wrong.
    pub fn analyse(&self, text: &[u8], bases: &dyn BaseImages) -> Option<Analysis> {
        self.analyse_with(text, &[], bases)
    }

    /// As [`Sources::analyse`], on `engine`.
    pub fn analyse_on(&self, engine: &dyn Engine, text: &[u8], bases: &dyn BaseImages) -> Option<Analysis> {
        self.analyse_with(text, &self.platforms.arguments_on(text, &self.contexts, engine), bases)
    }

    fn analyse_with(
        &self,
        text: &[u8],
        platform_args: &[(Vec<u8>, Vec<u8>)],
        bases: &dyn BaseImages,
    ) -> Option<Analysis> {
        let request = Request {
            target: self.target.as_deref(),
            build_args: &self.args,
            named_contexts: &self.contexts,
            platform_args,
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

//! Each build of the recipes: its Dockerfile found and analysed, its context found. Knows nothing of what the context
//! holds.

use super::super::command::kinds::{Build, BuildContext, Input};
use super::super::command::text::Text;
use super::super::command::variables::Inherited;
use super::super::command::{Client, ImageCommand, Recognised};
use super::super::dockerfile::{
    Analysis, BaseConfig, BaseImages, Error, Request, Value, analyse, analyse_parsed,
};
use super::super::freshness::Platforms;
use super::super::recipe::Recipe;
use super::address::{Connection, Connections};
use super::files::{DockerfileText, Files};
use super::inputs::{self, Inputs};
use super::platforms;
use super::{Outside, RecipeStudy};
use crate::base::Span;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A build.
pub struct BuildStudy {
    /// Index of its line.
    pub line: usize,
    /// Index of its command in the line's reading.
    pub command: usize,
    /// The Dockerfile.
    pub dockerfile: DockerfileUse,
    /// The context.
    pub context: ContextUse,
    /// The build arguments given, those of the environment resolved.
    pub args: Vec<GivenArg>,
    /// What the target can depend on; none where the Dockerfile or the target is not known.
    pub analysis: Option<Result<Rc<Analysis>, Error>>,
    /// What it reads of the context; none where that is no folder on this machine.
    pub inputs: Option<Inputs>,
}

/// A build argument on a command line.
pub struct GivenArg {
    /// The name.
    pub name: Vec<u8>,
    /// The value.
    pub value: Value,
    /// The word's place in the line.
    pub span: Span,
    /// Whether the value is the environment's, not the word's.
    pub inherited: bool,
}

/// Where a build's Dockerfile is.
pub enum DockerfileUse {
    /// A file on this machine.
    File(Rc<DockerfileText>),
    /// Standard input.
    Stdin,
    /// In a context that is not on this machine.
    Elsewhere,
    /// Known only to the running shell.
    Unknown,
}

/// Where a build's context is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextUse {
    /// A folder on this machine: as the command writes it, and its path.
    Folder(String, PathBuf),
    /// A path that is no folder.
    NotAFolder(String),
    /// A path where nothing is.
    Absent(String),
    /// None is given, and the client needs one.
    Missing,
    /// Standard input.
    Stdin,
    /// A URL or repository.
    Remote(String),
    /// Known only to the running shell.
    Unknown,
}

struct Bases<'c>(Option<&'c Connection>);

impl BaseImages for Bases<'_> {
    fn config(&self, reference: &[u8], _: Option<&[u8]>) -> Option<BaseConfig> {
        let config = self.0?.image(reference)?.config;
        let pair = |entry: String| {
            let (name, value) = entry.split_once('=')?;
            Some((name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        };
        let env = config.environment.into_iter().filter_map(pair).collect();
        Some(BaseConfig { env, onbuild: config.on_build.into_iter().map(String::into_bytes).collect() })
    }
}

/// Studies all builds of `all`.
pub(super) fn study(all: &mut [RecipeStudy], connections: &Connections<'_>, outside: &Outside<'_>) {
    let mut files = Files::default();
    for recipe in all.iter_mut() {
        let mut builds = Vec::new();
        for (line, index, command) in recipe.commands() {
            let ImageCommand::Build(build) = &command.command else { continue };
            let connection = recipe.engine(line, index).and_then(|at| connections.all.get(at));
            let platforms = match (recipe.recipe.lines.get(line), recipe.readings.get(line)) {
                (Some(own), Some(reading)) => platforms::of(build, command, &recipe.recipe, own, reading),
                _ => Platforms::default(),
            };
            let ground = Ground { recipe: &recipe.recipe, connection, platforms };
            let mut study = one(build, command, &ground, outside, &mut files);
            (study.line, study.command) = (line, index);
            builds.push(study);
        }
        recipe.builds = builds;
    }
    inputs::find(all, &mut files);
}

/// What a build stands on.
struct Ground<'g> {
    recipe: &'g Recipe,
    connection: Option<&'g Connection>,
    platforms: Platforms,
}

fn one(
    build: &Build,
    command: &Recognised,
    ground: &Ground<'_>,
    outside: &Outside<'_>,
    files: &mut Files,
) -> BuildStudy {
    let directory = command.directory.known().map(|to| outside.directory.join(OsStr::from_bytes(to)));
    let context = context_of(build, command.client, directory.as_deref());
    let dockerfile = dockerfile_of(build, command, &context, directory.as_deref(), files);
    let args: Vec<GivenArg> = build
        .args
        .iter()
        .filter_map(|pair| {
            let name = pair.name.known()?.to_vec();
            let inherited = pair.value.is_none();
            let value = match &pair.value {
                Some(text) => value_of(text),
                // A name alone takes the environment's value, and is no argument where there is none.
                None => match ground.recipe.variable(&name) {
                    Inherited::Value(value) => Value::from(value),
                    Inherited::Unset => return None,
                    Inherited::Unknown => Value::Unknown,
                },
            };
            Some(GivenArg { name, value, span: pair.span, inherited })
        })
        .collect();
    let analysis = match &dockerfile {
        DockerfileUse::File(file) => analysed(file, build, &args, ground),
        _ => match (&dockerfile, &command.input) {
            (DockerfileUse::Stdin, Some(Input::Here(text))) if text.known().is_some() => {
                let text = text.known().unwrap_or_default();
                with_request(text, build, &args, ground, |request| analyse(text, request))
            }
            _ => None,
        },
    };
    BuildStudy { line: 0, command: 0, dockerfile, context, args, analysis, inputs: None }
}

fn value_of(text: &Text) -> Value {
    text.known().map_or(Value::Unknown, Value::from)
}

fn analysed(
    file: &DockerfileText,
    build: &Build,
    args: &[GivenArg],
    ground: &Ground<'_>,
) -> Option<Result<Rc<Analysis>, Error>> {
    let text = file.text.as_ref().ok()?;
    let parsed = file.parsed()?;
    with_request(text, build, args, ground, |request| analyse_parsed(text, parsed, request))
}

/// Asks with what the build is given; none where its target is not known.
fn with_request(
    text: &[u8],
    build: &Build,
    args: &[GivenArg],
    ground: &Ground<'_>,
    ask: impl FnOnce(&Request<'_>) -> Result<Analysis, Error>,
) -> Option<Result<Rc<Analysis>, Error>> {
    let target = match &build.target {
        None => None,
        Some(target) => Some(target.known()?),
    };
    let build_args: Vec<(Vec<u8>, Value)> =
        args.iter().map(|arg| (arg.name.clone(), arg.value.clone())).collect();
    let pair = |name: &[u8], value: &[u8]| (name.to_vec(), value.to_vec());
    let named_contexts: Vec<(Vec<u8>, Vec<u8>)> = build
        .contexts
        .iter()
        .filter_map(|given| Some(pair(given.name.known()?, given.value.as_ref()?.known()?)))
        .collect();
    let version = || ground.connection?.version().ok().cloned();
    let platform_args = ground.platforms.arguments(text, &named_contexts, version);
    let bases = Bases(ground.connection);
    let request = Request {
        target,
        build_args: &build_args,
        named_contexts: &named_contexts,
        platform_args: &platform_args,
        bases: &bases,
    };
    Some(ask(&request).map(Rc::new))
}

/// The context that a build reads, as its client finds it.
fn context_of(build: &Build, client: Client, directory: Option<&Path>) -> ContextUse {
    let folder = |shown: &[u8]| {
        let Some(directory) = directory else { return ContextUse::Unknown };
        let name = String::from_utf8_lossy(shown).into_owned();
        let path = directory.join(OsStr::from_bytes(shown));
        match std::fs::metadata(&path) {
            Ok(kind) if kind.is_dir() => ContextUse::Folder(name, path),
            Ok(_) => ContextUse::NotAFolder(name),
            Err(_) => ContextUse::Absent(name),
        }
    };
    match &build.context {
        BuildContext::Path(text) => text.known().map_or(ContextUse::Unknown, folder),
        BuildContext::Stdin => ContextUse::Stdin,
        BuildContext::Remote(text) => ContextUse::Remote(text.shown().into_owned()),
        BuildContext::Unknown(_) => ContextUse::Unknown,
        BuildContext::Missing if matches!(client, Client::Podman | Client::Buildah) => folder(b"."),
        BuildContext::Missing => ContextUse::Missing,
    }
}

/// The Dockerfile that a build reads: `--file` from the command's folder, else the context's own. Buildah and podman also
/// look for `--file` in the context, and for a `Containerfile` first.
fn dockerfile_of(
    build: &Build,
    command: &Recognised,
    context: &ContextUse,
    directory: Option<&Path>,
    files: &mut Files,
) -> DockerfileUse {
    let containers = matches!(command.client, Client::Podman | Client::Buildah);
    let (context_shown, context_path) = match context {
        ContextUse::Folder(shown, path) => (Some(shown.as_str()), Some(path.as_path())),
        _ => (None, None),
    };
    let within = |shown: &str, name: &str| match shown.trim_end_matches('/') {
        "." | "" => name.to_owned(),
        shown => format!("{shown}/{name}"),
    };
    let elsewhere = match context {
        ContextUse::Remote(_) => Some(DockerfileUse::Elsewhere),
        ContextUse::Stdin => Some(DockerfileUse::Stdin),
        _ => None,
    };
    match &build.file {
        Some(file) => match (file.known(), directory) {
            (Some(b"-"), _) => DockerfileUse::Stdin,
            (Some(_), _) if matches!(context, ContextUse::Remote(_)) => DockerfileUse::Elsewhere,
            (Some(name), Some(directory)) => {
                let name = OsStr::from_bytes(name);
                let own = directory.join(name);
                let shown = name.to_string_lossy();
                match context_path.filter(|_| containers && !own.exists()) {
                    Some(context) if context.join(name).exists() => {
                        let shown = within(context_shown.unwrap_or_default(), &shown);
                        DockerfileUse::File(files.dockerfile(&context.join(name), &shown))
                    }
                    _ => DockerfileUse::File(files.dockerfile(&own, &shown)),
                }
            }
            _ => DockerfileUse::Unknown,
        },
        None if elsewhere.is_some() => elsewhere.unwrap_or(DockerfileUse::Unknown),
        None => {
            let (Some(shown), Some(path)) = (context_shown, context_path) else {
                return DockerfileUse::Unknown;
            };
            let name = match containers && path.join("Containerfile").exists() {
                true => "Containerfile",
                false => "Dockerfile",
            };
            DockerfileUse::File(files.dockerfile(&path.join(name), &within(shown, name)))
        }
    }
}

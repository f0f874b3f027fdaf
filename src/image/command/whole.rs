//! Recipes understood whole: each script is one build, a tag given to what it built, or an `echo`. Only of such a recipe it is known
//! that nothing else is left out where its images are fresh. Knows nothing of make and of engines at work.

use super::kinds::{Build, BuildContext, Pair};
use super::lifecycle::{EngineOf, engine_of};
use super::recognise::Reading;
use super::text::Text;
use super::{Client, ImageCommand, Recognised, mentions_client};

/// Why a recipe is not understood whole. Scripts are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotWhole {
    /// It builds nothing.
    NoBuild,
    /// A script is more than one plain command, or another program's.
    Other(usize),
    /// A script's failure is ignored.
    Ignored(usize),
    /// An engine's command that is neither a build nor gives a tag to what was built.
    Command(usize),
    /// A word of the build is known only to the running shell.
    Unknown(usize),
    /// The build's context or Dockerfile is not on this machine.
    Remote(usize),
    /// The build gives no tag.
    NoTag(usize),
    /// An option of the build does what is not followed.
    Option(usize, String),
}

impl NotWhole {
    /// The script that it is about.
    pub fn script(&self) -> Option<usize> {
        match *self {
            NotWhole::NoBuild => None,
            NotWhole::Other(at)
            | NotWhole::Ignored(at)
            | NotWhole::Command(at)
            | NotWhole::Unknown(at)
            | NotWhole::Remote(at)
            | NotWhole::NoTag(at)
            | NotWhole::Option(at, _) => Some(at),
        }
    }
}

/// A build of a recipe that is understood whole: all its words are known.
#[derive(Clone, Debug)]
pub struct WholeBuild {
    /// The build.
    pub build: Build,
    /// Its tags, and those that are given to its image afterwards.
    pub tags: Vec<Vec<u8>>,
    /// The client.
    pub client: Client,
    /// The engine.
    pub engine: EngineOf,
    /// Environment that is given for the command alone.
    pub environment: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What else the client may be told can change the result in ways that are not followed.
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

/// The builds of a recipe whose scripts, each with whether its failure is ignored, were read as `readings`.
///
/// # Errors
/// The first thing that keeps the recipe from being understood whole.
pub fn builds(scripts: &[(&[u8], bool)], readings: &[Reading]) -> Result<Vec<WholeBuild>, NotWhole> {
    let mut out: Vec<WholeBuild> = Vec::new();
    for (at, ((script, ignored), reading)) in scripts.iter().zip(readings).enumerate() {
        let script = script.trim_ascii();
        if script.is_empty() || script.starts_with(b"#") {
            continue;
        }
        if !mentions_client(script) {
            if !only_prints(script) {
                return Err(NotWhole::Other(at));
            }
            continue;
        }
        let ([command], [], []) = (&*reading.commands, &*reading.others, &*reading.opaque) else {
            return Err(NotWhole::Other(at));
        };
        if !is_alone(command, script) {
            return Err(NotWhole::Other(at));
        }
        if *ignored || command.failure_ignored {
            return Err(NotWhole::Ignored(at));
        }
        match &command.command {
            ImageCommand::Build(build) => out.push(whole(build, command, at)?),
            ImageCommand::Tag { source, names } => {
                let source = source.known().ok_or(NotWhole::Unknown(at))?;
                let names = all(names).ok_or(NotWhole::Unknown(at))?;
                let built = out.iter_mut().find(|build| build.tags.iter().any(|tag| tag == source));
                built.ok_or(NotWhole::Command(at))?.tags.extend(names);
            }
            _ => return Err(NotWhole::Command(at)),
        }
    }
    if out.is_empty() { Err(NotWhole::NoBuild) } else { Ok(out) }
}

/// Whether a script without an engine's command does nothing but print.
fn only_prints(script: &[u8]) -> bool {
    let first = script.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
    matches!(first, b"echo" | b"printf" | b":" | b"true")
        && !script.iter().any(|byte| b"<>|&;`$(){}\n".contains(byte))
}

/// Whether a command is all that its script does.
fn is_alone(command: &Recognised, script: &[u8]) -> bool {
    let length = command.span.end - command.span.start;
    length >= script.len()
        && command.doubts.is_empty()
        && !command.elevated
        && !command.background
        && command.capture.is_none()
        && command.input.is_none()
        && !script.contains(&b'>')
}

fn all(texts: &[Text]) -> Option<Vec<Vec<u8>>> {
    texts.iter().map(|text| text.known().map(<[u8]>::to_vec)).collect()
}

/// The build that `command`, number `at` of its recipe, is, understood whole; or why it is not.
pub fn whole(build: &Build, command: &Recognised, at: usize) -> Result<WholeBuild, NotWhole> {
    let unknown = NotWhole::Unknown(at);
    let pairs = |pairs: &[Pair]| {
        pairs.iter().all(|pair| {
            pair.name.known().is_some() && pair.value.as_ref().is_none_or(|value| value.known().is_some())
        })
    };
    let lists = [&build.tags, &build.platforms, &build.secrets, &build.ssh, &build.add_hosts, &build.ulimits];
    let single = [&build.target, &build.file, &build.network, &build.shm_size];
    let known = lists.iter().all(|list| all(list).is_some())
        && single.iter().all(|text| text.as_ref().is_none_or(|text| text.known().is_some()))
        && [&build.args, &build.labels, &build.annotations, &build.contexts].iter().all(|list| pairs(list));
    if !known {
        return Err(unknown);
    }
    if let Some(option) = build.options.iter().find(|option| !FOLLOWED.contains(&option.name)) {
        return Err(NotWhole::Option(at, format!("--{}", option.name)));
    }
    if build.platforms.len() > 1 {
        return Err(NotWhole::Option(at, "--platform".to_owned()));
    }
    match &build.context {
        BuildContext::Path(path) if path.known().is_some() => {}
        BuildContext::Path(_) => return Err(unknown),
        _ => return Err(NotWhole::Remote(at)),
    }
    if build.file.as_ref().and_then(Text::known) == Some(b"-") {
        return Err(NotWhole::Remote(at));
    }
    if !build.extra.is_empty() || !command.directory.known().is_some_and(<[u8]>::is_empty) {
        return Err(NotWhole::Other(at));
    }
    let tags = all(&build.tags).filter(|tags| !tags.is_empty()).ok_or(NotWhole::NoTag(at))?;
    let given = command.environment.iter();
    let environment = given
        .map(|(name, value)| Some((name.clone(), value.known()?.to_vec())))
        .collect::<Option<Vec<_>>>()
        .ok_or(unknown)?;
    let engine = engine_of(command);
    Ok(WholeBuild { build: build.clone(), tags, client: command.client, engine, environment })
}

#[cfg(test)]
mod tests {
    use super::super::recognise;
    use super::super::variables::Inherited;
    use super::*;

    fn read(scripts: &[&str]) -> Result<Vec<Vec<String>>, NotWhole> {
        let readings: Vec<Reading> =
            scripts.iter().map(|script| recognise(script.as_bytes(), &|_| Inherited::Unset)).collect();
        let scripts: Vec<(&[u8], bool)> = scripts
            .iter()
            .map(|script| match script.strip_prefix('-') {
                Some(script) => (script.as_bytes(), true),
                None => (script.as_bytes(), false),
            })
            .collect();
        let text = |tag: &Vec<u8>| String::from_utf8_lossy(tag).into_owned();
        let builds = builds(&scripts, &readings)?;
        Ok(builds.iter().map(|build| build.tags.iter().map(text).collect()).collect())
    }

    #[test]
    fn builds_tags_and_echoes_are_understood_whole() {
        let recipe = [
            "echo build it",
            "docker build --network=host \\\n --target x --tag a:1 --tag a:2 .",
            "docker tag a:1 b:1",
            "DOCKER_BUILDKIT=1 podman build -t c sub",
            ":",
        ];
        assert_eq!(read(&recipe), Ok(vec![vec!["a:1".into(), "a:2".into(), "b:1".into()], vec!["c".into()]]));
    }

    #[test]
    fn anything_else_says_why_not() {
        use NotWhole::*;
        for (script, why) in [
            ("docker build -t a . && pytest", Other(1)),
            ("docker build -t a . | tee log", Other(1)),
            ("docker build -t a . > log", Other(1)),
            ("if x; then docker build -t a .; fi", Other(1)),
            ("cd sub && docker build -t a .", Other(1)),
            ("sudo docker build -t a .", Other(1)),
            ("docker build -t a . || true", Other(1)),
            ("touch done", Other(1)),
            ("echo x > done", Other(1)),
            ("echo $(rm x)", Other(1)),
            ("docker rmi a", Command(1)),
            ("docker push a", Command(1)),
            ("docker tag x y", Command(1)),
            ("docker build -t a:$(date) .", Other(1)),
            ("docker build -t a https://example.com/x.git", Remote(1)),
            ("docker build .", NoTag(1)),
            ("docker build -t a --no-cache .", Option(1, "--no-cache".into())),
            ("docker build -t a --pull .", Option(1, "--pull".into())),
        ] {
            assert_eq!(read(&["docker build -t z .", script]), Err(why), "{script}");
        }
        assert_eq!(read(&["echo"]), Err(NoBuild));
    }
}

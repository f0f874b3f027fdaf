//! Recipes understood whole: each script is builds, tags given to what they built, `echo` and `cd`, joined by `&&`. Only of such a
//! recipe it is known that nothing else is left out where its images are fresh. Knows nothing of make and of engines at work.

use super::kinds::{Build, BuildContext, Capture, Pair, Reach};
use super::lifecycle::{EngineOf, engine_of};
use super::recognise::Reading;
use super::shell::{Command, CommandKind, Connector, Operator, Script, Simple, Target, Word, parse};
use super::text::Text;
use super::{Client, ImageCommand, Recognised};

/// Why a recipe is not understood whole. Scripts are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotWhole {
    /// It builds nothing.
    NoBuild,
    /// A script is more than plain commands joined by `&&`, or another program's.
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
    /// The folder that it runs in, seen from the recipe's; empty where that is it.
    pub directory: Vec<u8>,
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

/// What may stand among a block's options besides: it does not change what the build reads, nor where its image goes.
const HARMLESS: [&str; 38] = [
    "allow",
    "authfile",
    "cap-add",
    "cap-drop",
    "cert-dir",
    "cgroup-parent",
    "compress",
    "cpu-period",
    "cpu-quota",
    "cpu-shares",
    "cpuset-cpus",
    "cpuset-mems",
    "creds",
    "debug",
    "disable-compression",
    "dns",
    "dns-option",
    "dns-search",
    "force-rm",
    "format",
    "http-proxy",
    "isolation",
    "jobs",
    "layers",
    "logfile",
    "memory",
    "memory-swap",
    "no-hosts",
    "omit-history",
    "retry",
    "retry-delay",
    "rm",
    "runtime",
    "security-opt",
    "squash",
    "timestamp",
    "tls-verify",
    "userns",
];

/// The build that a block's options make of `command`; none where one of them is not followed.
pub fn with_options(command: &Recognised) -> Option<WholeBuild> {
    let ImageCommand::Build(build) = &command.command else { return None };
    let is_followed = |name: &str| FOLLOWED.contains(&name) || HARMLESS.contains(&name);
    if !build.options.iter().all(|option| is_followed(option.name)) || !build.extra.is_empty() {
        return None;
    }
    Some(WholeBuild {
        build: (**build).clone(),
        tags: all(&build.tags)?,
        client: command.client,
        engine: engine_of(command),
        environment: Vec::new(),
        directory: Vec::new(),
    })
}

/// The builds of a recipe whose scripts, each with whether its failure is ignored, were read as `readings`.
///
/// # Errors
/// The first thing that keeps the recipe from being understood whole.
pub fn builds(scripts: &[(&[u8], bool)], readings: &[Reading]) -> Result<Vec<WholeBuild>, NotWhole> {
    let mut out: Vec<WholeBuild> = Vec::new();
    for (at, ((script, ignored), reading)) in scripts.iter().zip(readings).enumerate() {
        let parsed = parse(script);
        let commands = one_after_the_other(&parsed).ok_or(NotWhole::Other(at))?;
        if !reading.opaque.is_empty() {
            return Err(NotWhole::Other(at));
        }
        let mut engines = Vec::new();
        let mut harmless = Vec::new();
        for (simple, command) in commands {
            // What a script within the script runs has the place of the whole.
            let own = |found: &&Recognised| found.span == command.span && found.program != command.span;
            match reading.commands.iter().find(own) {
                _ if !is_quiet(command) => return Err(NotWhole::Other(at)),
                Some(recognised) if is_plain(recognised) => engines.push(recognised),
                None if only_prints(simple) || changes_folder(simple) => harmless.push(command.span),
                _ => return Err(NotWhole::Other(at)),
            }
        }
        // What else was found runs in the words of these commands, or as part of them.
        if engines.len() != reading.commands.len()
            || reading.others.iter().any(|other| !harmless.contains(&other.span))
        {
            return Err(NotWhole::Other(at));
        }
        for recognised in engines {
            if *ignored || recognised.failure_ignored {
                return Err(NotWhole::Ignored(at));
            }
            take(recognised, at, &mut out)?;
        }
    }
    if out.is_empty() { Err(NotWhole::NoBuild) } else { Ok(out) }
}

/// The commands of a script that is nothing but simple commands joined by `&&`, none where it is empty.
fn one_after_the_other(script: &Script) -> Option<Vec<(&Simple, &Command)>> {
    let item = match script.list.items.as_slice() {
        [] => return Some(Vec::new()),
        [item] if !item.background => item,
        _ => return None,
    };
    if item.rest.iter().any(|(connector, _)| *connector != Connector::And) {
        return None;
    }
    let pipelines = std::iter::once(&item.first).chain(item.rest.iter().map(|(_, pipeline)| pipeline));
    pipelines
        .map(|pipeline| match pipeline.commands.as_slice() {
            [command] if !pipeline.negated => match &command.kind {
                CommandKind::Simple(simple) => Some((simple, command)),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

/// Whether what a command prints is kept nowhere: no redirection but to nothing and of one stream into the other.
fn is_quiet(command: &Command) -> bool {
    command.redirections.iter().all(|redirection| match (&redirection.target, redirection.operator) {
        (Target::Word(_), Operator::Duplicate) => true,
        (Target::Word(word), Operator::Write | Operator::Append | Operator::WriteBoth) => {
            word.literal().as_deref() == Some(b"/dev/null")
        }
        _ => false,
    })
}

/// Whether a command does nothing but print words that are written out.
fn only_prints(simple: &Simple) -> bool {
    let Some(name) = simple.words.first().and_then(Word::literal) else { return false };
    matches!(&*name, b"echo" | b"printf" | b":" | b"true") && is_written_out(simple)
}

/// Whether a command is a `cd`; where it leads the reading knows.
fn changes_folder(simple: &Simple) -> bool {
    simple.words.first().and_then(Word::literal).as_deref() == Some(b"cd") && is_written_out(simple)
}

fn is_written_out(simple: &Simple) -> bool {
    simple.assignments.is_empty() && simple.words.iter().all(|word| word.literal().is_some())
}

/// Whether a command is what it seems, of which nothing is kept but what is on the engine.
fn is_plain(command: &Recognised) -> bool {
    let kept = match &command.capture {
        None => false,
        Some(Capture::File(name)) => name.known() != Some(b"/dev/null"),
        Some(Capture::Variable(..)) => true,
    };
    matches!(command.reach, Reach::Always | Reach::OnSuccess)
        && command.doubts.is_empty()
        && !command.elevated
        && !command.background
        && !kept
        && command.input.is_none()
}

/// Adds a build, or the tags that are given to one.
fn take(command: &Recognised, at: usize, out: &mut Vec<WholeBuild>) -> Result<(), NotWhole> {
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
    Ok(())
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
    if !build.extra.is_empty() {
        return Err(NotWhole::Other(at));
    }
    let directory = command.directory.known().ok_or_else(|| unknown.clone())?.to_vec();
    let tags = all(&build.tags).filter(|tags| !tags.is_empty()).ok_or(NotWhole::NoTag(at))?;
    let given = command.environment.iter();
    let environment = given
        .map(|(name, value)| Some((name.clone(), value.known()?.to_vec())))
        .collect::<Option<Vec<_>>>()
        .ok_or(unknown)?;
    let engine = engine_of(command);
    Ok(WholeBuild { build: build.clone(), tags, client: command.client, engine, environment, directory })
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
            "",
            "# a comment",
            "cd sub && echo 'in $sub' && docker build -q -t d . >/dev/null 2>&1 && docker tag d e",
        ];
        let tags = [&["a:1", "a:2", "b:1"][..], &["c"], &["d", "e"]];
        let tags: Vec<Vec<String>> =
            tags.iter().map(|tags| tags.iter().map(|tag| tag.to_string()).collect()).collect();
        assert_eq!(read(&recipe), Ok(tags));
    }

    #[test]
    fn anything_else_says_why_not() {
        use NotWhole::*;
        for (script, why) in [
            ("docker build -t a . && pytest", Other(1)),
            ("docker build -t a . | tee log", Other(1)),
            ("docker build -t a . > log", Other(1)),
            ("if x; then docker build -t a .; fi", Other(1)),
            ("cd sub; docker build -t a .", Other(1)),
            ("cd $X && docker build -t a .", Other(1)),
            ("X=1 && docker build -t a .", Other(1)),
            ("docker build -t a . &", Other(1)),
            ("(docker build -t a .)", Other(1)),
            ("! docker build -t a .", Other(1)),
            ("echo a < in && docker build -t a .", Other(1)),
            ("docker build -t a - < Dockerfile", Other(1)),
            ("docker build -t a . && docker push a", Command(1)),
            ("docker build -t a . && docker tag b c", Command(1)),
            ("sh -c 'docker build -t a .'", Other(1)),
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

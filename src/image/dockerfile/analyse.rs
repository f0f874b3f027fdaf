//! Walks the stages that a target reaches and notes all they can depend on. Reads no file; what cannot be known
//! widens, and is never left out.

use super::analysis::{
    Analysis, ArgUse, Asked, Base, ContextRead, External, ImageUse, Opaque, Origin, Request, StageUse,
    UnusedArg, Via, Why, Widening,
};
use super::directives::{self, Frontend};
use super::error::{Error, ErrorKind};
use super::expand::{self, Mode};
use super::graph::{Graph, Source};
use super::instruction::{Copy, Heredoc, Instruction, Kind, Mount, Pair, Text};
use super::names::{self, ContextKind};
use super::parse::{Dockerfile, parse};
use super::scope::{BuildArgs, Env, Globals, is_predefined};
use super::value::{Budget, LONGEST_COPY, Scope, Value};
use crate::base::Span;
use crate::base::nearest;
use crate::base::sorting;
use crate::base::tables::{HashMap, HashSet};
use std::collections::BTreeSet;

/// Reads `text` and finds what the target of `request` can depend on.
///
/// # Errors
/// What BuildKit refuses: the file, or the request for it. A file for another frontend is no error but opaque, and so is one that has
/// more than imk reads.
pub fn analyse(text: &[u8], request: &Request<'_>) -> Result<Analysis, Error> {
    analyse_parsed(text, &parse(text), request)
}

/// As [`analyse`], of a text that [`parse`] has read to `parsed`: one reading serves many requests.
///
/// # Errors
/// As [`analyse`].
pub fn analyse_parsed(
    text: &[u8],
    parsed: &Result<Dockerfile, Error>,
    request: &Request<'_>,
) -> Result<Analysis, Error> {
    let frontend = match foreign(text, request) {
        Ok(frontend) => frontend,
        Err(why) => return Ok(opaque(why)),
    };
    let analysis = match parsed {
        Ok(file) => analyse_read(&frontend, file, request),
        Err(error) => Err(error.clone()),
    };
    match analysis {
        Err(error) => match error.bound() {
            Some(bound) => Ok(opaque(Opaque::Beyond { bound, span: error.span })),
            None => Err(error),
        },
        analysis => analysis,
    }
}

/// The frontend that reads the text, where it is Docker's own.
fn foreign(text: &[u8], request: &Request<'_>) -> Result<Frontend, Opaque> {
    let given = request.build_args.iter().rev().find(|(name, _)| name == b"BUILDKIT_SYNTAX");
    let frontend = match given.map(|(_, value)| value) {
        Some(Value::Unknown) => return Err(Opaque::UnknownFrontend),
        Some(Value::Known(value)) => match directives::of_value(value, Span::default()) {
            Frontend::Foreign { reference, .. } => {
                return Err(Opaque::ForeignFrontend { reference, span: None });
            }
            other => other,
        },
        None => directives::frontend(text),
    };
    match frontend {
        Frontend::Foreign { reference, span } => Err(Opaque::ForeignFrontend { reference, span: Some(span) }),
        frontend => Ok(frontend),
    }
}

fn analyse_read(frontend: &Frontend, file: &Dockerfile, request: &Request<'_>) -> Result<Analysis, Error> {
    if let Frontend::Docker { reference, version: Some(version), span } = frontend
        && *version < (1, 4)
        && has_heredocs(file)
    {
        return Ok(opaque(Opaque::OldFrontend { reference: reference.clone(), span: *span }));
    }
    let build_args = BuildArgs::of(request.build_args);
    let mut budget = Budget::default();
    let globals = Globals::new(file, request.platform_args, &build_args, &mut budget)?;
    let mut graph = Graph::new(file, request, &globals, &mut budget)?;
    let target = graph.target()?;
    let reached = graph.reach(target, &mut budget)?;
    let mut walk = Walk {
        file,
        request,
        globals: &globals,
        graph: &graph,
        budget,
        build_args,
        out: Analysis {
            target,
            directives: file.directives.list.clone(),
            widened: graph.widened.clone(),
            ..Analysis::default()
        },
        envs: vec![None; file.stages.len()],
        global_args: BTreeSet::new(),
        seen: HashSet::default(),
        mode: Mode::words(file.directives.escape),
        stage: 0,
        instruction: Span::default(),
    };
    for (stage, via) in reached {
        walk.enter(stage, via)?;
    }
    walk.whole(target);
    walk.finish_args();
    Ok(walk.out)
}

fn opaque(why: Opaque) -> Analysis {
    Analysis { opaque: Some(why), ..Analysis::default() }
}

fn has_heredocs(file: &Dockerfile) -> bool {
    file.stages.iter().flat_map(|stage| &stage.instructions).any(|instruction| match &instruction.kind {
        Kind::Run(run) => !run.heredocs.is_empty(),
        Kind::Copy(copy) | Kind::Add(copy) => !copy.inline.is_empty(),
        Kind::Onbuild(onbuild) => onbuild.expression.contains(&b'\n'),
        _ => false,
    })
}

struct Walk<'a> {
    file: &'a Dockerfile,
    request: &'a Request<'a>,
    globals: &'a Globals,
    graph: &'a Graph<'a>,
    budget: Budget,
    build_args: BuildArgs<'a>,
    out: Analysis,
    /// The variables at the end of each stage walked.
    envs: Vec<Option<Env>>,
    /// Global arguments that count.
    global_args: BTreeSet<Vec<u8>>,
    /// The reads noted.
    seen: HashSet<ContextRead>,
    mode: Mode,
    stage: usize,
    instruction: Span,
}

impl Walk<'_> {
    fn enter(&mut self, index: usize, via: Option<Asked>) -> Result<(), Error> {
        let (stage, node) = (&self.file.stages[index], &self.graph.nodes[index]);
        self.stage = index;
        self.instruction = stage.span;
        self.global_args.extend(node.from_args.iter().cloned());
        let replaced_by = node.replaced.and_then(|at| self.request.named_contexts.get(at));
        let mut used = StageUse {
            index,
            name: stage.name().map(<[u8]>::to_vec),
            span: stage.span,
            base: node.base.clone(),
            reads: node.reads(),
            via,
            instructions: vec![stage.span],
            triggers: node.trigger_texts.clone(),
            replaced_by: replaced_by.map(|(name, _)| name.clone()),
        };
        if replaced_by.is_some() {
            // Its readers note what they read of the context.
            self.envs[index] = Some(Env::of_image(None));
            self.out.stages.push(used);
            return Ok(());
        }
        used.instructions.extend(stage.instructions.iter().map(|instruction| instruction.span));
        self.out.stages.push(used);
        let mut env = self.base_env(index);
        for trigger in &node.triggers {
            // Triggers are read and expanded with the file's own escape character.
            self.step(trigger, &mut env)?;
        }
        for instruction in &stage.instructions {
            self.step(instruction, &mut env)?;
        }
        self.envs[index] = Some(env);
        Ok(())
    }

    /// The variables that FROM brings; notes the image or context it reads.
    fn base_env(&mut self, index: usize) -> Env {
        let (stage, node) = (&self.file.stages[index], &self.graph.nodes[index]);
        let span = stage.from.base.span;
        match &node.base {
            Base::Stage(parent) => {
                self.whole(*parent);
                self.envs.get(*parent).cloned().flatten().unwrap_or_else(|| Env::of_image(None))
            }
            Base::Scratch => Env::of_image(Some(&[])),
            Base::Image(image) => {
                let context = node.base_context.and_then(|at| self.request.named_contexts.get(at));
                self.out.images.push(ImageUse {
                    reference: Value::from(image.as_slice()),
                    span,
                    stage: index,
                    via: Via::From,
                    platform: node.platform.clone(),
                    context: context.map(|(name, _)| name.clone()),
                });
                Env::of_image(node.config.as_ref().map(|config| config.env.as_slice()))
            }
            Base::Context(_) => {
                if let Some(at) = node.base_context {
                    self.context(at, None, span, Via::From);
                }
                Env::of_image(Some(&[]))
            }
            Base::Unknown => {
                self.out.images.push(ImageUse {
                    reference: Value::Unknown,
                    span,
                    stage: index,
                    via: Via::From,
                    platform: node.platform.clone(),
                    context: None,
                });
                for at in 0..self.request.named_contexts.len() {
                    self.context(at, None, span, Via::From);
                }
                Env::of_image(None)
            }
        }
    }

    /// All of stage `index` is used: of a stage that a named context stands in for, all of the context.
    fn whole(&mut self, index: usize) {
        if let Some(at) = self.graph.nodes.get(index).and_then(|node| node.replaced) {
            let span = self.file.stages[index].span;
            self.context(at, None, span, Via::From);
        }
    }

    /// Notes a read of named context `at`: of everything, or of `read`'s part.
    fn context(&mut self, at: usize, read: Option<ContextRead>, span: Span, via: Via) {
        let Some((name, value)) = self.request.named_contexts.get(at) else { return };
        match names::context_kind(value) {
            ContextKind::Local(_) => {
                let mut read = read.unwrap_or_else(|| self.read(Vec::new(), span));
                read.context = Some(name.clone());
                self.note(read);
            }
            ContextKind::Image(reference) => {
                if reference != b"scratch" {
                    let reference = Value::from(reference);
                    let image = ImageUse {
                        reference,
                        span,
                        stage: self.stage,
                        via,
                        platform: None,
                        context: Some(name.clone()),
                    };
                    self.out.images.push(image);
                }
            }
            ContextKind::Remote(_) | ContextKind::Stdin => {
                let (git, key) = (names::is_git(value), names::git_commit(value));
                let key = key.filter(|_| git);
                let source = Value::from(value.as_slice());
                self.out.externals.push(External { source, span, git, key });
            }
        }
    }

    fn read(&self, source: Vec<u8>, span: Span) -> ContextRead {
        ContextRead {
            context: None,
            source,
            glob: true,
            below: None,
            excludes: Vec::new(),
            span,
            instruction: self.instruction,
            stage: self.stage,
        }
    }

    fn note(&mut self, read: ContextRead) {
        if self.seen.insert(read.clone()) {
            self.out.reads.push(read);
        }
    }

    fn widen(&mut self, span: Span, why: Why) {
        self.out.widened.push(Widening { span, why });
    }

    fn expand(&mut self, text: &Text, env: &mut Env) -> Result<Value, Error> {
        expand::expand(&text.bytes, self.mode, env, &mut self.budget)
            .map_err(|fault| Error::new(text.span, ErrorKind::Expansion(fault)))
    }

    fn expand_all<'t>(
        &mut self,
        texts: impl IntoIterator<Item = &'t Text>,
        env: &mut Env,
    ) -> Result<(), Error> {
        texts.into_iter().try_for_each(|text| self.expand(text, env).map(drop))
    }

    fn step(&mut self, instruction: &Instruction, env: &mut Env) -> Result<(), Error> {
        self.instruction = instruction.span;
        match &instruction.kind {
            Kind::Arg(pairs) => pairs.iter().try_for_each(|pair| self.arg(pair, env)),
            Kind::Env(pairs) => {
                // All pairs see the variables as they were before the instruction.
                let mut set = Vec::with_capacity(pairs.len());
                for Pair { name, value } in pairs {
                    let name = self.expand(name, env)?;
                    let value =
                        value.as_ref().map_or(Ok(Value::from(&b""[..])), |value| self.expand(value, env))?;
                    set.push((name, value));
                }
                for (name, value) in set {
                    match name {
                        Value::Known(name) => env.set(&name, value),
                        Value::Unknown => env.forget(),
                    }
                }
                Ok(())
            }
            Kind::Label(pairs) => {
                for Pair { name, value } in pairs {
                    self.expand_all(std::iter::once(name).chain(value), env)?;
                }
                Ok(())
            }
            Kind::Workdir(text) | Kind::User(text) | Kind::StopSignal(text) => {
                self.expand(text, env).map(drop)
            }
            Kind::Expose(texts) | Kind::Volume(texts) => self.expand_all(texts, env),
            Kind::Run(run) => run.mounts.iter().try_for_each(|mount| self.mount(mount, env)),
            Kind::Copy(copy) => self.copy(copy, false, env),
            Kind::Add(copy) => self.copy(copy, true, env),
            Kind::Cmd(_)
            | Kind::Entrypoint(_)
            | Kind::From(_)
            | Kind::Healthcheck(_)
            | Kind::Maintainer(_)
            | Kind::Onbuild(_)
            | Kind::Shell(_) => Ok(()),
        }
    }

    fn arg(&mut self, Pair { name, value }: &Pair, env: &mut Env) -> Result<(), Error> {
        let key = &name.bytes;
        let (value, origin) = if let Some(given) = self.build_args.get(key) {
            (Some(given.clone()), Origin::BuildArg)
        } else if let Some(default) = value {
            (Some(self.expand(default, env)?), Origin::Default)
        } else if let Some(global) = self.globals.get(key).filter(|global| global.value.is_some()) {
            self.global_args.insert(key.clone());
            let origin = if global.origin == Origin::Platform { Origin::Platform } else { Origin::Global };
            (global.value.clone(), origin)
        } else {
            (None, Origin::Unset)
        };
        if let Some(value) = &value {
            // A longer one is shared.
            let bytes = value.known().map_or(0, |value| value.len().min(LONGEST_COPY));
            self.budget.take(bytes).map_err(|fault| Error::new(name.span, ErrorKind::Expansion(fault)))?;
            env.set(key, value.clone());
        }
        let used =
            ArgUse { stage: Some(self.stage), name: key.clone(), value, origin, span: Some(name.span) };
        self.out.args.push(used);
        Ok(())
    }

    /// Notes a read from what `--from` or `from=` names. `read` is the part of it that is read.
    fn from(&mut self, name: &[u8], span: Span, via: Via, read: Option<ContextRead>) -> Result<(), Error> {
        match self.graph.source(name, via == Via::Copy, span)? {
            Source::Stage(stage) => match self.graph.nodes.get(stage).and_then(|node| node.replaced) {
                Some(at) => self.context(at, read, span, via),
                None if stage >= self.stage => {
                    let stage = self.graph.label(stage);
                    return Err(Error::new(span, ErrorKind::LaterStage { stage }));
                }
                None => {}
            },
            Source::Image(image) if image == b"scratch" => {}
            Source::Image(image) => match self.graph.named_context(&image, None) {
                Some(at) => self.context(at, read, span, via),
                None => self.out.images.push(ImageUse {
                    reference: Value::from(image),
                    span,
                    stage: self.stage,
                    via,
                    platform: None,
                    context: None,
                }),
            },
        }
        Ok(())
    }

    fn mount(&mut self, mount: &Mount, env: &mut Env) -> Result<(), Error> {
        let mut value = |text: &[u8]| {
            expand::expand(text, self.mode, env, &mut self.budget)
                .map_err(|fault| Error::new(mount.span, ErrorKind::Expansion(fault)))
        };
        let kind = value(mount.kind())?;
        let source = value(mount.source().unwrap_or_default())?;
        let kind = kind.known().map(<[u8]>::to_ascii_lowercase);
        match kind.as_deref() {
            Some(b"secret") => {
                let id = mount.get(&[b"id"]).or(mount.source()).or_else(|| {
                    let target = mount.get(&[b"target", b"dst", b"destination"])?;
                    target.rsplit(|&byte| byte == b'/').next()
                });
                self.out.secrets.push((id.unwrap_or_default().to_vec(), mount.span));
                return Ok(());
            }
            Some(b"ssh") => return Ok(()),
            Some(b"tmpfs" | b"cache") if mount.from().is_none() => return Ok(()),
            Some(b"bind" | b"cache" | b"tmpfs") | None => {}
            Some(other) => {
                let kind = ErrorKind::UnknownMountType {
                    name: other.to_vec(),
                    nearest: nearest(other, super::flags::MOUNT_TYPES).map(<[u8]>::to_vec),
                };
                return Err(Error::new(mount.span, kind));
            }
        }
        let read = match source.known() {
            Some(path) if std::str::from_utf8(path).is_ok() => {
                let mut read = self.read(names::clean_rooted(path), mount.span);
                read.glob = false;
                Some(read)
            }
            _ => None,
        };
        match mount.from() {
            Some(from) => self.from(from, mount.span, Via::Mount, read),
            None => {
                match read {
                    Some(read) => self.note(read),
                    None => self.widen(mount.span, Why::UnknownMount),
                }
                Ok(())
            }
        }
    }

    fn copy(&mut self, copy: &Copy, add: bool, env: &mut Env) -> Result<(), Error> {
        let words = [&copy.chown, &copy.chmod].into_iter().flatten();
        self.expand_all(words.chain(std::iter::once(&copy.destination)), env)?;
        let checksum = copy.checksum.as_ref().map(|text| self.expand(text, env)).transpose()?;
        for heredoc in &copy.inline {
            self.heredoc(heredoc, env)?;
        }
        if let Some(from) = &copy.from
            && copy.sources.is_empty()
        {
            self.from(&from.bytes, from.span, Via::Copy, Some(self.read(Vec::new(), from.span)))?;
        }
        for text in &copy.sources {
            let source = self.expand(text, env)?;
            let read = match source.known() {
                Some(path) if std::str::from_utf8(path).is_err() => Err(Why::NotUtf8),
                Some(path) => Ok(self.copy_read(copy, path, text.span)),
                None => Err(Why::UnknownSource),
            };
            if let Some(from) = &copy.from {
                self.from(&from.bytes, from.span, Via::Copy, read.ok())?;
                continue;
            }
            let remote = source.known().map(|path| (names::is_git(path), names::is_http(path)));
            match remote {
                Some((git, http)) if git || http => {
                    if !add {
                        let source = source.known().unwrap_or_default().to_vec();
                        return Err(Error::new(text.span, ErrorKind::RemoteCopy { source }));
                    }
                    let mut key = checksum.as_ref().and_then(|sum| sum.known()).map(<[u8]>::to_vec);
                    if git {
                        key = key.or_else(|| source.known().and_then(names::git_commit));
                    }
                    self.out.externals.push(External { source, span: text.span, git, key });
                    continue;
                }
                None if add => {
                    let key = checksum.as_ref().and_then(|sum| sum.known()).map(<[u8]>::to_vec);
                    self.out.externals.push(External { source, span: text.span, git: false, key });
                }
                _ => {}
            }
            match read {
                Ok(read) => self.note(read),
                Err(why) => self.widen(text.span, why),
            }
        }
        Ok(())
    }

    /// What a source of COPY or ADD reads.
    fn copy_read(&self, copy: &Copy, path: &[u8], span: Span) -> ContextRead {
        let mut read = self.read(names::clean_rooted(path), span);
        // Patterns of --exclude are not expanded: one with a variable in it may mean anything.
        let certain = |text: &&Text| !text.bytes.contains(&b'$') && std::str::from_utf8(&text.bytes).is_ok();
        if copy.excludes.iter().all(|text| certain(&text)) {
            read.excludes = copy.excludes.iter().map(|text| text.bytes.clone()).collect();
        }
        if copy.parents {
            let (root, below) = match memchr::memmem::find(path, b"/./") {
                Some(at) => (&path[..at], &path[at + 3..]),
                None => (&b""[..], path),
            };
            read.source = names::clean_rooted(root);
            let below = names::clean_rooted(below);
            read.below = (!below.is_empty()).then_some(below);
        }
        read
    }

    fn heredoc(&mut self, heredoc: &Heredoc, env: &mut Env) -> Result<(), Error> {
        if !heredoc.expand {
            return Ok(());
        }
        let mode = Mode { no_quotes: true, ..Mode::words(b'\\') };
        expand::expand(&heredoc.body, mode, env as &mut dyn Scope, &mut self.budget)
            .map(drop)
            .map_err(|fault| Error::new(heredoc.span, ErrorKind::Expansion(fault)))
    }

    /// Adds the global arguments that count, and sorts out the build arguments that do not.
    fn finish_args(&mut self) {
        let used = self.globals.closure(std::mem::take(&mut self.global_args));
        let mut globals = Vec::new();
        for name in &used {
            if let Some(global) = self.globals.get(name) {
                globals.push(ArgUse {
                    stage: None,
                    name: name.clone(),
                    value: global.value.clone(),
                    origin: global.origin,
                    span: global.span,
                });
            }
        }
        sorting::sort_by_key(&mut globals, |arg| arg.span);
        self.out.args.splice(0..0, globals);
        let mut seen: HashSet<&[u8]> = self.out.args.iter().map(|arg| &arg.name[..]).collect();
        let mut predefined = Vec::new();
        let mut unused = Vec::new();
        let mut places: HashMap<&[u8], Span> = HashMap::default();
        for text in declarations(self.file) {
            places.entry(&text.bytes).or_insert(text.span);
        }
        // Each is compared with all names.
        let mut hints = HINTS_MAX;
        for (name, _) in self.request.build_args {
            if !seen.insert(name) {
                continue;
            }
            if is_predefined(name) {
                let value = self.build_args.get(name).cloned();
                let used =
                    ArgUse { stage: None, name: name.clone(), value, origin: Origin::Predefined, span: None };
                predefined.push(used);
                continue;
            }
            let declared = places.get(&name[..]).copied();
            let nearest = match declared {
                Some(_) => None,
                None if hints == 0 => None,
                None => nearest(name, declarations(self.file).map(|text| text.bytes.as_slice()))
                    .map(<[u8]>::to_vec),
            };
            hints = hints.saturating_sub(usize::from(declared.is_none()));
            unused.push(UnusedArg { name: name.clone(), declared, nearest });
        }
        self.out.unused_args.extend(unused);
        self.out.args.extend(predefined);
    }
}

/// So many of a build's unused arguments are compared with the names that the file has.
const HINTS_MAX: usize = 64;

/// All names that ARG declares, anywhere in the file.
fn declarations(file: &Dockerfile) -> impl Iterator<Item = &Text> {
    let instructions = file.globals.iter().chain(file.stages.iter().flat_map(|stage| &stage.instructions));
    instructions
        .flat_map(|instruction| match &instruction.kind {
            Kind::Arg(pairs) => pairs.as_slice(),
            _ => &[],
        })
        .map(|pair| &pair.name)
}

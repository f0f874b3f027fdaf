//! Stages and what they are made from: which stage, image or named context each FROM, COPY --from and mount means,
//! which stages a target reaches, and that none needs itself. Reads no context and expands no stage's variables.
//!
//! As BuildKit's `frontend/dockerfile/dockerfile2llb/convert.go` resolves.

use super::analysis::{Asked, Base, BaseConfig, Read, Request, Via, Why, Widening};
use super::error::{Error, ErrorKind};
use super::expand::{self, Mode};
use super::instruction::{Instruction, Kind};
use super::names::{self, ContextKind};
use super::parse::{Dockerfile, parse_trigger};
use super::platform::Platform;
use super::scope::Globals;
use super::value::{Budget, Nothing, Value};
use crate::base::Span;
use crate::base::nearest;
use crate::base::tables::HashMap;
use std::collections::BTreeSet;

/// What a name in COPY --from or a mount means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A stage, by index.
    Stage(usize),
    /// An image, or a named context in an image's place.
    Image(Vec<u8>),
}

impl Node {
    /// What its instructions read, other than by FROM.
    pub fn reads(&self) -> Vec<Read> {
        let read = |(source, ..): &(Source, Via, Span)| match source {
            Source::Stage(index) => Read::Stage(*index),
            Source::Image(name) => Read::Image(name.clone()),
        };
        self.edges.iter().map(read).collect()
    }
}

/// A stage in the graph.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it starts from.
    pub base: Base,
    /// The value of `--platform`.
    pub platform: Option<Value>,
    /// The named context that stands in for the stage: index in the request.
    pub replaced: Option<usize>,
    /// The named context that stands in for the base image: index in the request.
    pub base_context: Option<usize>,
    /// Global arguments that FROM reads.
    pub from_args: BTreeSet<Vec<u8>>,
    /// Names that COPY --from and mounts of the stage itself give, with what they mean.
    edges: Vec<(Source, Via, Span)>,
    /// ONBUILD triggers that run at its start; filled in when it is reached.
    pub triggers: Vec<Instruction>,
    /// The triggers as texts.
    pub trigger_texts: Vec<Vec<u8>>,
    /// The base image's config, where it is known; asked for when the stage is reached.
    pub config: Option<BaseConfig>,
}

/// All stages of a file under one request.
pub struct Graph<'a> {
    file: &'a Dockerfile,
    request: &'a Request<'a>,
    /// One node a stage, in order.
    pub nodes: Vec<Node>,
    /// Images named by COPY --from and mounts, in order: BuildKit numbers them after the stages.
    images: Vec<Vec<u8>>,
    /// Reasons to widen that lie in the graph.
    pub widened: Vec<Widening>,
    /// The ONBUILD triggers of stages that others start from.
    onbuild: HashMap<usize, Vec<&'a [u8]>>,
}

/// What a trigger costs besides its text, in bytes: it is an instruction in each stage that it runs in.
const TRIGGER: usize = 512;

impl<'a> Graph<'a> {
    /// Resolves all names.
    ///
    /// # Errors
    /// A name that is blank, wrong in case, or a number no stage has; stages that need each other.
    pub fn new(
        file: &'a Dockerfile,
        request: &'a Request<'a>,
        globals: &Globals,
        budget: &mut Budget,
    ) -> Result<Self, Error> {
        let mut graph = Graph {
            file,
            request,
            nodes: Vec::new(),
            images: Vec::new(),
            widened: Vec::new(),
            onbuild: HashMap::default(),
        };
        for index in 0..file.stages.len() {
            let node = graph.node(index, globals, budget)?;
            graph.nodes.push(node);
        }
        graph.widen_by_platform();
        for (index, stage) in file.stages.iter().enumerate() {
            if graph.nodes[index].replaced.is_some() {
                continue;
            }
            let mut edges = Vec::new();
            for instruction in &stage.instructions {
                graph.edges_of(instruction, &mut edges)?;
            }
            graph.nodes[index].edges = edges;
        }
        graph.refuse_circles()?;
        Ok(graph)
    }

    fn node(&self, index: usize, globals: &Globals, budget: &mut Budget) -> Result<Node, Error> {
        let stage = &self.file.stages[index];
        let mode = Mode::words(self.file.directives.escape);
        let mut view = globals.view();
        let mut expanded = |text: &super::instruction::Text| {
            expand::expand(&text.bytes, mode, &mut view, budget)
                .map_err(|fault| Error::new(text.span, ErrorKind::Expansion(fault)))
        };
        let base_text = &stage.from.base;
        let name = expanded(base_text)?;
        if name.known() == Some(b"") {
            return Err(Error::new(base_text.span, ErrorKind::BlankBase));
        }
        let platform = match &stage.from.platform {
            None => None,
            Some(text) => {
                let platform = expanded(text)?;
                if platform.known() == Some(b"") {
                    return Err(Error::new(text.span, ErrorKind::BlankPlatform));
                }
                Some(platform)
            }
        };
        let from_args = view.asked;
        let replaced = stage.name().and_then(|name| self.named_context(name, platform.as_ref()));
        let mut base_context = None;
        let base = match name.known() {
            _ if replaced.is_some() => Base::Scratch,
            None => Base::Unknown,
            Some(name) => match self.earlier(name, index) {
                Some(earlier) => Base::Stage(earlier),
                None if name == b"scratch" => Base::Scratch,
                None => {
                    base_context = self.named_context(name, platform.as_ref());
                    match base_context.and_then(|at| self.request.named_contexts.get(at)) {
                        Some((context, value)) => match names::context_kind(value) {
                            ContextKind::Image(image) if image == b"scratch" => Base::Scratch,
                            ContextKind::Image(image) => Base::Image(image),
                            _ => Base::Context(context.clone()),
                        },
                        None => {
                            self.refuse_case(name, index, base_text.span)?;
                            Base::Image(name.to_vec())
                        }
                    }
                }
            },
        };
        Ok(Node {
            base,
            platform,
            replaced,
            base_context,
            from_args,
            edges: Vec::new(),
            triggers: Vec::new(),
            trigger_texts: Vec::new(),
            config: None,
        })
    }

    /// The last stage before `before` whose name is `name` to the letter.
    fn earlier(&self, name: &[u8], before: usize) -> Option<usize> {
        self.file.stage_named(name, before)
    }

    /// Stage names are lower case and FROM is not: `FROM Base` never means `AS base`, and no image is called `Base`.
    fn refuse_case(&self, name: &[u8], before: usize, span: Span) -> Result<(), Error> {
        if name.iter().any(u8::is_ascii_uppercase)
            && let Some(stage) = self.earlier(&name.to_ascii_lowercase(), before)
        {
            let stage = self.file.stages[stage].name().unwrap_or_default().to_vec();
            return Err(Error::new(span, ErrorKind::StageCase { stage }));
        }
        Ok(())
    }

    /// The platform of a stage with this `--platform`, where it is certain.
    fn platform(&self, own: Option<&Value>) -> Option<Platform> {
        let given = |(name, _): &&(Vec<u8>, Vec<u8>)| name == b"TARGETPLATFORM";
        match own {
            Some(value) => Platform::parse(value.known()?),
            None => Platform::parse(&self.request.platform_args.iter().rev().find(given)?.1),
        }
    }

    /// Where named contexts are given for one platform each, and it is not certain what a stage's is, any may be taken.
    fn widen_by_platform(&mut self) {
        let by_platform = |(name, _): &(Vec<u8>, Vec<u8>)| memchr::memmem::find(name, b"::").is_some();
        if !self.request.named_contexts.iter().any(by_platform) {
            return;
        }
        let platforms = self.nodes.iter().map(|node| node.platform.as_ref()).chain([None]);
        if platforms.map(|own| self.platform(own)).any(|platform| platform.is_none()) {
            let span = self.file.stages.first().map_or(Span::default(), |stage| stage.from.base.span);
            self.widened.push(Widening { span, why: Why::UnknownBase });
        }
    }

    /// The named context for `name`: the one for the platform before the one for all.
    pub fn named_context(&self, name: &[u8], platform: Option<&Value>) -> Option<usize> {
        let none = self.request.named_contexts.is_empty();
        if none || name.eq_ignore_ascii_case(b"scratch") || name.eq_ignore_ascii_case(b"context") {
            return None;
        }
        let contexts = self.request.named_contexts;
        let familiar = names::familiar(name);
        let platform = self.platform(platform);
        let split = |key: &[u8]| match memchr::memmem::find(key, b"::") {
            Some(at) => (names::familiar(&key[..at]), Some(key[at + 2..].to_vec())),
            None => (names::familiar(key), None),
        };
        let find = |wanted: Option<&[u8]>| {
            contexts.iter().rposition(|(key, _)| {
                let (name, on) = split(key);
                name == familiar && on.as_deref() == wanted
            })
        };
        platform.and_then(|platform| find(Some(platform.text().as_bytes()))).or_else(|| find(None))
    }

    /// What `name` means in COPY --from (`by_number`) or in a mount.
    ///
    /// # Errors
    /// A number that no stage has.
    pub fn source(&self, name: &[u8], by_number: bool, span: Span) -> Result<Source, Error> {
        if by_number && let Some(number) = parse_number(name) {
            let stages = self.file.stages.len();
            return match usize::try_from(number) {
                Ok(index) if index < stages => Ok(Source::Stage(index)),
                Ok(index) if index - stages < self.images.len() => {
                    Ok(Source::Image(self.images[index - stages].clone()))
                }
                _ => Err(Error::new(span, ErrorKind::UnknownStageIndex { index: name.to_vec() })),
            };
        }
        let lower = name.to_ascii_lowercase();
        Ok(match self.file.stage_named(&lower, usize::MAX) {
            Some(index) => Source::Stage(index),
            None => Source::Image(name.to_vec()),
        })
    }

    fn edges_of(
        &mut self,
        instruction: &Instruction,
        edges: &mut Vec<(Source, Via, Span)>,
    ) -> Result<(), Error> {
        match &instruction.kind {
            Kind::Copy(copy) => {
                let Some(from) = &copy.from else { return Ok(()) };
                let mode = Mode::words(self.file.directives.escape);
                let expanded = expand::expand(&from.bytes, mode, &mut Nothing, &mut Budget::default());
                if expanded != Ok(Value::from(&from.bytes[..])) {
                    return Err(Error::new(from.span, ErrorKind::VariableInFrom));
                }
                self.edge(&from.bytes, Via::Copy, from.span, edges)
            }
            Kind::Run(run) => {
                for mount in &run.mounts {
                    // A mount without `from` asks for the stage `scratch`, should there be one.
                    self.edge(mount.from().unwrap_or(b"scratch"), Via::Mount, mount.span, edges)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn edge(
        &mut self,
        name: &[u8],
        via: Via,
        span: Span,
        edges: &mut Vec<(Source, Via, Span)>,
    ) -> Result<(), Error> {
        let source = self.source(name, via == Via::Copy, span)?;
        if matches!(source, Source::Image(_)) {
            self.images.push(name.to_vec());
        }
        edges.push((source, via, span));
        Ok(())
    }

    /// The stages that stage `index` is certain to need, by index, with how and where.
    fn needs(&self, index: usize) -> Vec<(usize, Via, Span)> {
        let node = &self.nodes[index];
        let mut out = Vec::new();
        if node.replaced.is_some() {
            return out;
        }
        let from = self.file.stages[index].from.base.span;
        if let Base::Stage(base) = node.base {
            out.push((base, Via::From, from));
        }
        for (source, via, span) in &node.edges {
            if let Source::Stage(stage) = source {
                out.push((*stage, *via, *span));
            }
        }
        out
    }

    fn refuse_circles(&self) -> Result<(), Error> {
        // A circle leads to a later stage somewhere, as FROM alone never does.
        let leads_on = |(at, node): (usize, &Node)| {
            node.edges.iter().any(|(source, ..)| matches!(source, Source::Stage(to) if *to >= at))
        };
        if !self.nodes.iter().enumerate().any(leads_on) {
            return Ok(());
        }
        // 0: not seen, 1: on the path, 2: done. A path is kept by hand: files may have many stages.
        let mut state = vec![0u8; self.nodes.len()];
        for start in 0..self.nodes.len() {
            if state[start] != 0 {
                continue;
            }
            state[start] = 1;
            let mut path = vec![(start, self.needs(start), 0usize)];
            while let Some((stage, needs, next)) = path.last_mut() {
                let Some(&(to, _, span)) = needs.get(*next) else {
                    state[*stage] = 2;
                    path.pop();
                    continue;
                };
                *next += 1;
                match state[to] {
                    0 => {
                        state[to] = 1;
                        path.push((to, self.needs(to), 0));
                    }
                    1 => {
                        let from = path.iter().position(|(stage, ..)| *stage == to).unwrap_or(0);
                        let stages = path[from..].iter().map(|(stage, ..)| self.label(*stage)).collect();
                        return Err(Error::new(span, ErrorKind::Circular { stages }));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The name of a stage, or its number.
    pub fn label(&self, index: usize) -> Vec<u8> {
        let name = self.file.stages.get(index).and_then(|stage| stage.name());
        name.map_or_else(|| index.to_string().into_bytes(), <[u8]>::to_vec)
    }

    /// The index of the target.
    ///
    /// # Errors
    /// A name that no stage has.
    pub fn target(&self) -> Result<usize, Error> {
        let last = self.file.stages.len().saturating_sub(1);
        let Some(wanted) = self.request.target.filter(|name| !name.is_empty()) else { return Ok(last) };
        let lower = wanted.to_ascii_lowercase();
        if let Some(index) = self.file.stage_named(&lower, usize::MAX) {
            return Ok(index);
        }
        let number = parse_number(wanted).and_then(|number| usize::try_from(number).ok());
        if let Some(index) = number.filter(|&index| index <= last) {
            return Ok(index);
        }
        let names = self.file.stages.iter().filter_map(|stage| stage.name());
        let nearest = nearest(wanted, names).map(<[u8]>::to_vec);
        let span = self.file.stages.last().map_or(Span::default(), |stage| stage.span);
        Err(Error::new(span, ErrorKind::UnknownTarget { name: wanted.to_vec(), nearest }))
    }

    /// The stages that `target` reaches, each with the stage that asked first; ONBUILD triggers are read on the way.
    ///
    /// # Errors
    /// A trigger that cannot be read; triggers that take more than `budget` has.
    pub fn reach(
        &mut self,
        target: usize,
        budget: &mut Budget,
    ) -> Result<Vec<(usize, Option<Asked>)>, Error> {
        let mut via: Vec<Option<Option<Asked>>> = vec![None; self.nodes.len()];
        if let Some(first) = via.get_mut(target) {
            *first = Some(None);
        }
        let mut todo = vec![target];
        // Stages before this one are all reached, by a FROM whose name is not known.
        let mut covered = 0;
        while let Some(stage) = todo.pop() {
            self.add_triggers(stage, budget)?;
            if self.nodes[stage].base == Base::Unknown {
                let from = self.file.stages[stage].from.base.span;
                for (earlier, entry) in via.iter_mut().enumerate().take(stage).skip(covered) {
                    if entry.is_none() {
                        *entry = Some(Some((stage, Via::From, from)));
                        todo.push(earlier);
                    }
                }
                covered = covered.max(stage);
            }
            for (to, how, span) in self.needs(stage) {
                if let Some(entry) = via.get_mut(to)
                    && entry.is_none()
                {
                    *entry = Some(Some((stage, how, span)));
                    todo.push(to);
                }
            }
        }
        if self.nodes.iter().any(|node| !node.triggers.is_empty()) {
            self.refuse_circles()?;
        }
        Ok(via.into_iter().enumerate().filter_map(|(stage, via)| via.map(|via| (stage, via))).collect())
    }

    /// Reads the triggers that run at the start of `stage`: its parent stage's, or its base image's.
    fn add_triggers(&mut self, stage: usize, budget: &mut Budget) -> Result<(), Error> {
        let node = &self.nodes[stage];
        if node.replaced.is_some() {
            return Ok(());
        }
        let span = self.file.stages[stage].from.base.span;
        let too_much = |fault| Error::new(span, ErrorKind::Expansion(fault));
        let mut texts = Vec::new();
        match &node.base {
            Base::Stage(parent) => {
                let onbuild = self.onbuild.entry(*parent).or_insert_with(|| {
                    let instructions = self.file.stages[*parent].instructions.iter();
                    let own = instructions.filter_map(|instruction| match &instruction.kind {
                        Kind::Onbuild(onbuild) => Some(&onbuild.expression[..]),
                        _ => None,
                    });
                    own.collect()
                });
                for text in onbuild {
                    budget.take(text.len() + TRIGGER).map_err(too_much)?;
                    texts.push(text.to_vec());
                }
            }
            Base::Image(image) => {
                let platform = match &node.platform {
                    None => Some(None),
                    Some(Value::Known(platform)) => Some(Some(&**platform)),
                    Some(Value::Unknown) => None,
                };
                match platform.and_then(|platform| self.request.bases.config(image, platform)) {
                    Some(config) => {
                        for text in &config.onbuild {
                            budget.take(text.len() + TRIGGER).map_err(too_much)?;
                        }
                        texts.clone_from(&config.onbuild);
                        self.nodes[stage].config = Some(config);
                    }
                    None => {
                        let why = Why::UnknownTriggers { image: image.clone() };
                        self.widened.push(Widening { span, why });
                    }
                }
            }
            Base::Unknown => self.widened.push(Widening { span, why: Why::UnknownBase }),
            Base::Scratch | Base::Context(_) => {}
        }
        let mut edges = Vec::new();
        let mut triggers = Vec::new();
        for text in &texts {
            let trigger = parse_trigger(text, span)?;
            self.edges_of(&trigger, &mut edges)?;
            triggers.push(trigger);
        }
        let node = &mut self.nodes[stage];
        node.edges.splice(0..0, edges);
        node.triggers = triggers;
        node.trigger_texts = texts;
        Ok(())
    }
}

/// A number as Go's `strconv.Atoi` reads it.
fn parse_number(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"-")).unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

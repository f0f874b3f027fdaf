//! A build's stages as the checks see them: those that the target reaches, their instructions expanded as far as the Dockerfile
//! says, each RUN as its commands. Judges nothing.

use super::brought::Brought;
use super::requirements::{self, Requirements};
use super::script::{self, Command};
use crate::base::Span;
use crate::base::source::LineStarts;
use crate::base::tables::HashMap;
use crate::image::audit::finding::{Finding, Kind, Level, StageName};
use crate::image::audit::subject::Unread;
use crate::image::context::{Ignore, Selection, select};
use crate::image::dockerfile::Opaque;
use crate::image::dockerfile::expand::{self, Mode};
use crate::image::dockerfile::names::clean_rooted;
use crate::image::dockerfile::{
    Analysis, ArgUse, Base, Budget, CommandLine, ContextRead, Copy, Dockerfile, Env, Instruction,
    Kind as Word, Lookup, Run, Scope, Stage, Text, Value,
};
use crate::image::recipe::Place;
use crate::image::study::{BuildStudy, ContextUse, DockerfileUse, Inputs};
use crate::os::files::read_regular_within;
use std::cell::{OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A build under audit.
pub(super) struct View<'s> {
    /// The target whose recipe builds it.
    pub target: &'s str,
    /// The Dockerfile.
    pub file: &'s Dockerfile,
    /// Its name, as the recipe would write it.
    pub shown: &'s str,
    /// Its text.
    pub text: &'s [u8],
    /// What the target depends on.
    pub analysis: &'s Analysis,
    /// The stages reached, in the order of the file.
    pub stages: Vec<StageView<'s>>,
    /// The target's stages from the one that starts at an image to the target itself, as indices into `stages`.
    pub chain: Vec<usize>,
    /// The folder of the context, and its ignore file; none where that is no folder here.
    pub context: Option<(&'s Path, Option<&'s Ignore>)>,
    lines: &'s LineStarts,
    /// Requirements files of the context that were read, by path; none where there is none.
    requirements: RefCell<HashMap<Vec<u8>, Option<Rc<Requirements>>>>,
    /// What stands in the context, by path.
    standing: RefCell<HashMap<Vec<u8>, Standing>>,
}

/// What a path of the context names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A file that may be read.
    File,
    /// A folder.
    Folder,
    /// Nothing, or nothing of these.
    Nothing,
}

/// The most bytes of a file of the context that are read.
const FILE_MAX: u64 = 4 << 20;

/// A stage that the target reaches.
pub(super) struct StageView<'s> {
    /// Index among the file's stages.
    pub index: usize,
    /// The stage.
    pub stage: &'s Stage,
    /// Where it starts from.
    pub base: &'s Base,
    /// Whether its layers are the image's: it is the target, or on its FROM chain.
    pub on_chain: bool,
    /// Its instructions; none where a named context stands in for it.
    pub steps: Vec<Step<'s>>,
    /// The user at its end, as USER says it; none where no USER was met since the image that it starts from.
    pub user: Option<User<'s>>,
}

/// What the last USER says.
#[derive(Clone, Debug)]
pub(super) struct User<'s> {
    /// Its word; none where it isn't known. All steps that run as this user share it.
    pub name: Option<Rc<str>>,
    /// The instruction.
    pub instruction: &'s Instruction,
}

/// An instruction, expanded.
pub(super) struct Step<'s> {
    /// The instruction.
    pub instruction: &'s Instruction,
    /// What it does.
    pub action: Action<'s>,
    /// The user that it runs as; none where no USER was met.
    pub user: Option<Option<Rc<str>>>,
}

/// A turn of the way over all lines of stages.
#[derive(Clone, Copy)]
pub(super) enum Turn {
    /// A stage begins, an index into [`View::stages`].
    Enter(usize),
    /// The stage that began last ends.
    Leave,
}

/// What an instruction does, as far as the checks ask.
pub(super) enum Action<'s> {
    /// RUN.
    Run(&'s Run, Vec<Command>),
    /// COPY and ADD.
    Copy(CopyView<'s>),
    /// ENV: names and values.
    Env(Vec<(String, Option<String>)>),
    /// ARG: names and defaults.
    Arg(Vec<(String, Option<String>)>),
    /// ENTRYPOINT or CMD: the words; one text in shell form.
    Start(Vec<String>),
    /// Anything else.
    Other,
}

/// COPY or ADD, expanded.
pub(super) struct CopyView<'s> {
    /// Its own words.
    pub copy: &'s Copy,
    /// Whether it is ADD.
    pub add: bool,
    /// The sources; none where one isn't known.
    pub sources: Vec<Option<String>>,
    /// Where they go, whole; none where that isn't known.
    pub destination: Option<String>,
    /// The owner, where one is given and known.
    pub owner: Option<String>,
    /// What it reads of the main context.
    pub reads: Vec<&'s ContextRead>,
    brought: OnceCell<Option<Brought>>,
}

impl<'s> CopyView<'s> {
    /// What it brings of the context; none where the context is not at hand.
    pub fn brought(&self, view: &View<'s>) -> Option<&Brought> {
        self.brought.get_or_init(|| Brought::by(view, self)).as_ref()
    }
}

impl<'s> View<'s> {
    /// The view of `build`.
    ///
    /// # Errors
    /// Its Dockerfile can't be read, is refused, or is another frontend's.
    pub fn of(target: &'s str, build: &'s BuildStudy) -> Result<View<'s>, Unread> {
        let DockerfileUse::File(found) = &build.dockerfile else { return Err(Unread::NoFile) };
        let text =
            found.text.as_deref().map_err(|fault| Unread::Fault(found.shown.clone(), fault.clone()))?;
        let refused = |error: &crate::image::dockerfile::Error| {
            Unread::Refused(Box::new(Place::of(&found.shown, text, error.span)), error.clone())
        };
        // First: of what is beyond a bound the reader has no more than an error.
        let analysis = build.analysis.as_ref().ok_or(Unread::Unknown)?.as_ref().map_err(refused)?;
        match &analysis.opaque {
            Some(opaque @ Opaque::Beyond { span, .. }) => {
                let place = Box::new(Place::of(&found.shown, text, *span));
                return Err(Unread::Beyond(place, opaque.clone()));
            }
            Some(opaque) => return Err(Unread::Foreign(found.shown.clone(), opaque.clone())),
            None => {}
        }
        let file = found.parsed().ok_or(Unread::Unknown)?.as_ref().map_err(refused)?;
        let context = match &build.context {
            ContextUse::Folder(_, path) => Some((path.as_path(), build.inputs.as_ref().and_then(ignore_of))),
            _ => None,
        };
        let mut view = View {
            target,
            file,
            shown: &found.shown,
            text,
            analysis,
            stages: Vec::new(),
            chain: Vec::new(),
            context,
            lines: found.lines(),
            requirements: RefCell::default(),
            standing: RefCell::default(),
        };
        view.walk();
        Ok(view)
    }

    fn walk(&mut self) {
        let mut ends: HashMap<usize, End<'s>> = HashMap::default();
        let mut known = Known::of(self.analysis);
        for used in &self.analysis.stages {
            let Some(stage) = self.file.stages.get(used.index) else { continue };
            let parent = match used.base {
                Base::Stage(parent) => ends.get(&parent).cloned(),
                _ => None,
            };
            let mut end = parent.unwrap_or_default();
            let mut steps = Vec::new();
            if used.replaced_by.is_none() {
                for instruction in &stage.instructions {
                    steps.push(self.step(instruction, used.index, &mut end, &mut known));
                }
            }
            ends.insert(used.index, end.clone());
            self.stages.push(StageView {
                index: used.index,
                stage,
                base: &used.base,
                on_chain: false,
                steps,
                user: end.user,
            });
        }
        let mut at = self.analysis.place(self.analysis.target);
        while let Some(found) = at {
            self.chain.push(found);
            let Some(stage) = self.stages.get_mut(found) else { break };
            stage.on_chain = true;
            // A stage starts from an earlier one, so this ends.
            at = match *stage.base {
                Base::Stage(parent) => self.analysis.place(parent).filter(|&parent| parent < found),
                _ => None,
            };
        }
        self.chain.reverse();
    }

    fn step(
        &self,
        instruction: &'s Instruction,
        stage: usize,
        end: &mut End<'s>,
        analysed: &mut Known<'s>,
    ) -> Step<'s> {
        let mode = Mode::words(self.file.directives.escape);
        let user = end.user.as_ref().map(|user| user.name.clone());
        let env = &mut end.env;
        let mut known = |text: &Text| -> Option<String> {
            let value = expand::expand(&text.bytes, mode, env, &mut analysed.budget).ok()?;
            Some(String::from_utf8_lossy(value.known()?).into_owned())
        };
        let action = match &instruction.kind {
            Word::Run(run) => {
                let escape = self.file.directives.escape;
                let mut scope = Bounded { env, budget: &mut analysed.commands };
                Action::Run(run, script::commands(self.text, instruction, run, end.shell, escape, &mut scope))
            }
            Word::Copy(copy) | Word::Add(copy) => {
                let destination = known(&copy.destination);
                let sources: Vec<Option<String>> = copy.sources.iter().map(&mut known).collect();
                let owner = copy.chown.as_ref().and_then(&mut known);
                Action::Copy(CopyView {
                    copy,
                    add: matches!(instruction.kind, Word::Add(_)),
                    sources,
                    destination: destination.and_then(|to| within(end.folder.as_deref(), &to)),
                    owner,
                    reads: analysed.reads.remove(&(stage, instruction.span)).unwrap_or_default(),
                    brought: OnceCell::new(),
                })
            }
            Word::Env(pairs) => {
                let found: Vec<(String, Option<String>)> = pairs
                    .iter()
                    .map(|pair| {
                        let name = known(&pair.name).unwrap_or_default();
                        let value = pair.value.as_ref().map_or(Some(String::new()), &mut known);
                        (name, value)
                    })
                    .collect();
                for (name, value) in &found {
                    let value = value.as_ref().map_or(Value::Unknown, |value| Value::from(value.as_bytes()));
                    end.env.set(name.as_bytes(), value);
                }
                Action::Env(found)
            }
            Word::Arg(pairs) => {
                let mut found = Vec::new();
                for pair in pairs {
                    let name = String::from_utf8_lossy(&pair.name.bytes).into_owned();
                    let default = pair.value.as_ref().and_then(&mut known);
                    found.push((name, default));
                }
                for pair in pairs {
                    let found = analysed.args.get(&pair.name.span);
                    if let Some(value) = found.and_then(|arg| arg.value.clone()) {
                        end.env.set(&pair.name.bytes, value);
                    }
                }
                Action::Arg(found)
            }
            Word::User(text) => {
                let name = known(text).map(Rc::from);
                end.user = Some(User { name, instruction });
                Action::Other
            }
            Word::Workdir(text) => {
                let to = known(text);
                end.folder = to.and_then(|to| within(end.folder.as_deref(), &to));
                Action::Other
            }
            Word::Entrypoint(line) | Word::Cmd(line) => Action::Start(match line {
                CommandLine::Shell(text) => vec![String::from_utf8_lossy(&text.bytes).into_owned()],
                CommandLine::Exec(words) => {
                    words.iter().map(|word| String::from_utf8_lossy(&word.bytes).into_owned()).collect()
                }
            }),
            Word::Shell(words) => {
                let name = words
                    .first()
                    .map(|word| word.bytes.rsplit(|&byte| byte == b'/').next().unwrap_or_default());
                end.shell = matches!(name, Some(b"sh" | b"bash" | b"dash" | b"ash" | b"ksh" | b"zsh"));
                Action::Other
            }
            _ => Action::Other,
        };
        Step { instruction, action, user }
    }

    /// The stages of the target's chain, from the one that starts at an image.
    pub fn chain(&self) -> impl DoubleEndedIterator<Item = &StageView<'s>> {
        self.chain.iter().filter_map(|&at| self.stages.get(at))
    }

    /// The steps whose layers are the image's, in order, each with its stage.
    pub fn chain_steps(&self) -> impl DoubleEndedIterator<Item = (&StageView<'s>, &Step<'s>)> {
        self.chain().flat_map(|stage| stage.steps.iter().map(move |step| (stage, step)))
    }

    /// All steps that the target reaches, each with its stage.
    pub fn steps(&self) -> impl Iterator<Item = (&StageView<'s>, &Step<'s>)> {
        self.stages.iter().flat_map(|stage| stage.steps.iter().map(move |step| (stage, step)))
    }

    /// The stage that `stage` starts from, as an index into `stages`: an earlier one; none where it starts from no stage that is reached.
    pub fn parent(&self, stage: &StageView<'_>) -> Option<usize> {
        match *stage.base {
            Base::Stage(parent) if parent < stage.index => self.analysis.place(parent),
            _ => None,
        }
    }

    /// For each stage the index in the file of the one that its line starts with, which may be itself.
    pub fn firsts(&self) -> Vec<usize> {
        let mut firsts: Vec<usize> = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            let first = self.parent(stage).and_then(|parent| firsts.get(parent).copied());
            firsts.push(first.unwrap_or(stage.index));
        }
        firsts
    }

    /// Goes over the stages so that each comes between its beginning and its end where those that start from it do: what is kept of a
    /// stage's line is begun, and taken back, as its stages are.
    pub fn walk_lines(&self, mut visit: impl FnMut(Turn)) {
        let mut below: Vec<Vec<usize>> = vec![Vec::new(); self.stages.len()];
        let mut todo: Vec<Turn> = Vec::new();
        for (at, stage) in self.stages.iter().enumerate().rev() {
            match self.parent(stage).and_then(|parent| below.get_mut(parent)) {
                Some(siblings) => siblings.push(at),
                None => todo.push(Turn::Enter(at)),
            }
        }
        while let Some(turn) = todo.pop() {
            if let Turn::Enter(at) = turn {
                todo.push(Turn::Leave);
                let own = below.get_mut(at).map(std::mem::take).unwrap_or_default();
                todo.extend(own.into_iter().map(Turn::Enter));
            }
            visit(turn);
        }
    }

    /// The stage that COPY --from or a mount names: by name, or for COPY by number.
    pub fn stage_named(&self, name: &str) -> Option<&StageView<'s>> {
        let lower = name.to_ascii_lowercase();
        let by_name = self.file.stage_named(lower.as_bytes(), usize::MAX);
        let index = by_name.or_else(|| name.parse().ok())?;
        self.stages.get(self.analysis.place(index)?)
    }

    /// A finding at `span` of the Dockerfile.
    pub fn finding(&self, level: Level, kind: super::Kind, stage: &StageView<'_>, span: Span) -> Finding {
        Finding {
            stage: Some(StageName {
                index: stage.index,
                name: stage.stage.name().map(|name| String::from_utf8_lossy(name).into_owned()),
            }),
            place: Some(self.place(span)),
            ..Finding::new(level, Kind::Stages(kind), self.target)
        }
    }

    /// The place of `span` in the Dockerfile.
    pub fn place(&self, span: Span) -> Place {
        Place::among(self.shown, self.text, self.lines, span)
    }

    /// The line of an offset in the Dockerfile.
    pub fn line(&self, span: Span) -> usize {
        self.lines.line_column(span.start).line
    }

    /// The entries of the context that `reads` select; none where the context is not at hand.
    pub fn selected(&self, reads: &[&ContextRead]) -> Option<Selection> {
        let (folder, ignore) = self.context?;
        let none = Ignore::default();
        select(folder, ignore.unwrap_or(&none), reads, false).ok()
    }

    /// `path` of the context, cleaned, and where that is; none where the context is not at hand.
    fn located(&self, path: &str) -> Option<(Vec<u8>, PathBuf)> {
        let (folder, _) = self.context?;
        let clean = clean_rooted(path.as_bytes());
        let whole = folder.join(std::str::from_utf8(&clean).ok()?);
        Some((clean, whole))
    }

    /// The text of a file in the context; none where it can't be read, or is no reasonable size.
    pub fn context_file(&self, path: &str) -> Option<String> {
        let (_, whole) = self.located(path)?;
        let text = read_regular_within(&whole, FILE_MAX).ok()?;
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    /// The requirements file at `path` of the context, which is read once; none where it can't be read, or is no reasonable size.
    pub fn requirements(&self, path: &str) -> Option<Rc<Requirements>> {
        let (clean, whole) = self.located(path)?;
        if let Some(known) = self.requirements.borrow().get(&clean) {
            return known.clone();
        }
        let text = read_regular_within(&whole, FILE_MAX).ok();
        let read = text.map(|text| Rc::new(requirements::read(&String::from_utf8_lossy(&text))));
        self.requirements.borrow_mut().insert(clean, read.clone());
        read
    }

    /// What `path` of the context names, links followed; it is looked at once.
    pub fn standing(&self, path: &str) -> Standing {
        let Some((clean, whole)) = self.located(path) else { return Standing::Nothing };
        if let Some(known) = self.standing.borrow().get(&clean) {
            return *known;
        }
        let found = match std::fs::metadata(&whole) {
            Ok(known) if known.is_dir() => Standing::Folder,
            Ok(known) if known.is_file() && known.len() <= FILE_MAX => Standing::File,
            _ => Standing::Nothing,
        };
        self.standing.borrow_mut().insert(clean, found);
        found
    }
}

/// The variables that commands see, as long as their values take no more than the budget has; behind that none is known.
struct Bounded<'e> {
    env: &'e mut Env,
    budget: &'e mut Option<Budget>,
}

impl Scope for Bounded<'_> {
    fn get(&mut self, name: &[u8]) -> Lookup {
        let Some(budget) = self.budget else { return Lookup::Unknown };
        let found = self.env.get(name);
        match &found {
            Lookup::Set(Value::Known(bytes)) if budget.take(bytes.len()).is_err() => {
                *self.budget = None;
                Lookup::Unknown
            }
            _ => found,
        }
    }
}

/// What the analysis says of places, by place, and what expansions may still cost.
struct Known<'s> {
    /// Reads of the main context, by stage and instruction.
    reads: HashMap<(usize, Span), Vec<&'s ContextRead>>,
    /// Arguments, by the name's place.
    args: HashMap<Span, &'s ArgUse>,
    budget: Budget,
    /// What the variables in commands may still cost; none where that is spent.
    commands: Option<Budget>,
}

impl<'s> Known<'s> {
    fn of(analysis: &'s Analysis) -> Self {
        let mut reads: HashMap<(usize, Span), Vec<&ContextRead>> = HashMap::default();
        for read in analysis.reads.iter().filter(|read| read.context.is_none()) {
            reads.entry((read.stage, read.instruction)).or_default().push(read);
        }
        let mut args = HashMap::default();
        for arg in &analysis.args {
            if let Some(span) = arg.span {
                args.entry(span).or_insert(arg);
            }
        }
        Known { reads, args, budget: Budget::default(), commands: Some(Budget::default()) }
    }
}

/// What a stage leaves to those that start from it.
#[derive(Clone)]
struct End<'s> {
    env: Env,
    user: Option<User<'s>>,
    folder: Option<String>,
    shell: bool,
}

impl Default for End<'_> {
    fn default() -> Self {
        End { env: Env::of_image(None), user: None, folder: None, shell: true }
    }
}

fn ignore_of(inputs: &Inputs) -> Option<&Ignore> {
    inputs.ignore.0.as_ref().as_ref().ok().map(|choice| &choice.ignore)
}

/// Bytes that a path in an image has at most.
const PATH_MAX: usize = 4096;

/// `path` in the image, whole: relative paths start at the working folder, which may not be known.
pub(super) fn within(folder: Option<&str>, path: &str) -> Option<String> {
    let whole = match (path.starts_with('/'), folder) {
        (true, _) => path.to_owned(),
        (false, Some(folder)) => format!("{folder}/{path}"),
        (false, None) => return None,
    };
    // No system knows a longer path. Each relative one makes the next longer.
    if whole.len() > PATH_MAX {
        return None;
    }
    let clean = clean_rooted(whole.as_bytes());
    let trailing = if path.ends_with('/') && !clean.is_empty() { "/" } else { "" };
    Some(format!("/{}{trailing}", String::from_utf8_lossy(&clean)))
}

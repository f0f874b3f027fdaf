//! Walks a script in the order it would run and collects the engine commands. Runs nothing, and asks no engine.

use super::assigned::{DIRECTORY, assigned_in};
use super::builtins::join;
use super::kinds::*;
use super::program::{self, Called, Found};
use super::shell::{
    self, Command, CommandKind, Connector, Heredoc, Item, List, Operator, Part, PartKind, Pipeline,
    Redirection, Script, Simple, Target, Word,
};
use super::text::{Piece, Source, Text};
use super::typed;
use super::variables::{Environment, Mark, Variables};
use crate::base::Span;
use crate::base::tables::HashMap;
use std::rc::Rc;

/// What a script does, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The engine commands, in the order in which they would run.
    pub commands: Vec<Recognised>,
    /// Other programs that it calls, which may do anything of their own.
    pub others: Vec<OtherProgram>,
    /// Parts that were not understood, which may do anything.
    pub opaque: Vec<(Span, OpaqueReason)>,
}

/// A call of a program that is no engine client.
#[derive(Clone, Debug, PartialEq)]
pub struct OtherProgram {
    /// Last component of its path; none where that is known only to the running shell.
    pub name: Option<Vec<u8>>,
    /// The command.
    pub span: Span,
    /// When it runs.
    pub reach: Reach,
    /// Whether its failure is swallowed, as that of [`Recognised`] is.
    pub failure_ignored: bool,
}

/// Commands followed in one script, rounds of loops and calls of functions counted: a bound on time and memory.
const COMMANDS_MAX: usize = 4096;
/// Rounds of one `for` that are followed one by one.
const ROUNDS_MAX: usize = 64;
/// Whether a text names an engine client at all: a glance that spares most recipes the reading. A client that only a
/// shell variable names is not seen by it.
pub fn mentions_client(text: &[u8]) -> bool {
    // All of them have a `d`, most of them at different places: one pass over the text.
    let names: [(usize, &[u8]); 4] = [(0, b"docker"), (2, b"podman"), (3, b"nerdctl"), (4, b"buildah")];
    memchr::memchr_iter(b'd', text).any(|at| {
        names.iter().any(|(place, name)| {
            at.checked_sub(*place)
                .is_some_and(|start| text.get(start..).is_some_and(|rest| rest.starts_with(name)))
        })
    })
}

/// Reads `text`, the expanded text of a recipe line (of the recipe, under `.ONESHELL`), as a shell would run it with
/// `environment`.
pub fn recognise(text: &[u8], environment: &Environment<'_>) -> Reading {
    let script = shell::parse(text);
    let mut variables = Variables::new(environment);
    variables.assign(DIRECTORY, &Text::default());
    let mut walker = Walker {
        script: &script,
        variables,
        functions: Functions::default(),
        reading: Reading::default(),
        budget: COMMANDS_MAX,
        calls: 0,
        locals: Vec::new(),
    };
    walker.list(&script.list, &Place::default());
    walker.reading
}

/// Where a command stands.
#[derive(Clone, Default)]
pub(super) struct Place {
    pub(super) reach: Reach,
    pub(super) capture: Option<Capture>,
    pub(super) piped_in: bool,
    pub(super) background: bool,
    pub(super) failure_ignored: bool,
}

impl Reach {
    /// The reach of what is reached by `inner` inside of what is reached by `self`.
    fn then(self, inner: Reach) -> Reach {
        match (self, inner) {
            (Reach::Always, other) | (other, Reach::Always) => other,
            (Reach::OnSuccess, Reach::OnSuccess) => Reach::OnSuccess,
            (Reach::OnExit, _) => Reach::OnExit,
            _ => Reach::Perhaps,
        }
    }
}

/// The functions that a script defined, with whether that is certain. Shared until one is added.
pub(super) type Functions<'s> = Rc<HashMap<Vec<u8>, (&'s Command, bool)>>;

/// The shell's state at one point, to come back to.
pub(super) struct State<'s> {
    variables: Mark,
    functions: Functions<'s>,
}

pub(super) struct Walker<'s, 'e> {
    pub(super) script: &'s Script,
    pub(super) variables: Variables<'e>,
    pub(super) functions: Functions<'s>,
    pub(super) reading: Reading,
    /// Commands that may still be followed.
    pub(super) budget: usize,
    /// How deep in functions and inner scripts this is.
    pub(super) calls: usize,
    /// Names that the function being followed declared its own.
    pub(super) locals: Vec<Vec<u8>>,
}

impl<'s> Walker<'s, '_> {
    pub(super) fn mark(&self) -> State<'s> {
        State { variables: self.variables.mark(), functions: Rc::clone(&self.functions) }
    }

    /// The end of a subshell: what it changed is gone.
    pub(super) fn undo(&mut self, state: &State<'s>) {
        self.variables.undo(state.variables);
        self.functions = Rc::clone(&state.functions);
    }

    /// The end of what may not have run: what it changed is unknown.
    pub(super) fn blur(&mut self, state: &State<'s>) {
        self.variables.blur(state.variables);
        if !Rc::ptr_eq(&self.functions, &state.functions) {
            for (name, (body, certain)) in Rc::make_mut(&mut self.functions).iter_mut() {
                *certain &= state.functions.get(name).is_some_and(|(before, _)| std::ptr::eq(*before, *body));
            }
        }
    }

    pub(super) fn list(&mut self, list: &'s List, place: &Place) {
        for item in &list.items {
            if self.budget == 0 {
                return;
            }
            self.item(item, place);
        }
    }

    fn item(&mut self, item: &'s Item, place: &Place) {
        let mut place = place.clone();
        place.background |= item.background;
        let start = self.mark();
        let ignored = |index: usize| {
            item.rest
                .get(index)
                .is_some_and(|(connector, next)| *connector == Connector::Or && does_nothing(next))
        };
        // What is within a list whose failure is swallowed fails in vain, too.
        let outer = place.failure_ignored;
        let first = Place { failure_ignored: outer || ignored(0) || item.first.negated, ..place.clone() };
        self.pipeline(&item.first, &first);
        let branch = self.mark();
        let mut reach = Reach::Always;
        let mut previous = Connector::And;
        for (index, (connector, pipeline)) in item.rest.iter().enumerate() {
            if *connector != previous && index > 0 {
                self.blur(&branch);
            }
            previous = *connector;
            reach = reach.then(match connector {
                Connector::And => Reach::OnSuccess,
                Connector::Or => Reach::OnFailure,
            });
            let next = Place {
                reach: place.reach.then(reach),
                failure_ignored: outer || ignored(index + 1) || pipeline.negated,
                ..place.clone()
            };
            self.pipeline(pipeline, &next);
        }
        if !item.rest.is_empty() {
            self.blur(&branch);
        }
        if item.background {
            self.undo(&start);
        }
    }

    fn pipeline(&mut self, pipeline: &'s Pipeline, place: &Place) {
        let alone = pipeline.commands.len() == 1;
        for (index, command) in pipeline.commands.iter().enumerate() {
            // Each command of a pipeline is a subshell; only the last one's output is the pipeline's.
            let last = index + 1 == pipeline.commands.len();
            let capture = if last { place.capture.clone() } else { None };
            let inner = Place { piped_in: index > 0 || place.piped_in, capture, ..place.clone() };
            let mark = self.mark();
            self.command(command, &inner);
            if !alone {
                self.undo(&mark);
            }
        }
    }

    pub(super) fn command(&mut self, command: &'s Command, place: &Place) {
        if self.budget == 0 {
            return;
        }
        self.budget -= 1;
        if self.budget == 0 {
            self.reading.opaque.push((command.span, OpaqueReason::TooMany));
            return;
        }
        let perhaps = Place { reach: Reach::Perhaps, ..place.clone() };
        if !matches!(command.kind, CommandKind::Simple(_)) {
            self.redirections(&command.redirections, place);
        }
        match &command.kind {
            CommandKind::Simple(simple) => self.simple(simple, command, place),
            CommandKind::Group(list) => self.list(list, place),
            CommandKind::Subshell(list) => {
                let mark = self.mark();
                self.list(list, place);
                self.undo(&mark);
            }
            CommandKind::If { branches, otherwise } => {
                let start = self.mark();
                for (index, (condition, body)) in branches.iter().enumerate() {
                    self.list(condition, if index == 0 { place } else { &perhaps });
                    self.list(body, &perhaps);
                    self.blur(&start);
                }
                otherwise.iter().for_each(|body| self.list(body, &perhaps));
                self.blur(&start);
            }
            CommandKind::For { name, words, body } => self.for_loop(name, words.as_deref(), body, place),
            CommandKind::Loop { condition, body } => {
                self.forget_assigned(condition);
                self.forget_assigned(body);
                let start = self.mark();
                self.list(condition, &Place { reach: place.reach.then(Reach::Perhaps), ..place.clone() });
                self.list(body, &perhaps);
                self.blur(&start);
            }
            CommandKind::Case { subject, arms } => {
                self.parts(&subject.parts, place);
                let start = self.mark();
                for (_, body) in arms {
                    self.list(body, &perhaps);
                    self.blur(&start);
                }
            }
            CommandKind::Function { name, body } => {
                Rc::make_mut(&mut self.functions).insert(name.clone(), (body, true));
            }
            CommandKind::Test => {}
            CommandKind::Opaque(reason) => {
                self.reading.opaque.push((command.span, OpaqueReason::Syntax(*reason)));
                self.variables.disturb();
            }
        }
    }

    fn for_loop(&mut self, name: &[u8], words: Option<&'s [Word]>, body: &'s List, place: &Place) {
        let mut rounds = Vec::new();
        for word in words.unwrap_or_default() {
            self.parts(&word.parts, place);
            rounds.extend(self.variables.expand(word));
        }
        let certain =
            words.is_some() && rounds.iter().all(|round| !round.splits()) && rounds.len() <= ROUNDS_MAX;
        let leaves = assigned_in(body).iter().any(|assigned| assigned.is_empty());
        if certain && !leaves {
            for round in rounds {
                self.variables.assign(name, &round);
                self.list(body, place);
            }
            return;
        }
        let perhaps = Place { reach: Reach::Perhaps, ..place.clone() };
        let start = self.mark();
        if certain {
            // `break` and `continue` make the later rounds uncertain, not their values.
            for (index, round) in rounds.iter().enumerate() {
                self.variables.assign(name, round);
                self.list(body, if index == 0 { place } else { &perhaps });
                self.blur(&start);
            }
            return;
        }
        self.forget_assigned(body);
        self.variables.forget(name);
        self.list(body, &perhaps);
        self.blur(&start);
    }

    /// Makes unknown what a loop's body assigns: a later round sees an earlier one's values.
    fn forget_assigned(&mut self, list: &List) {
        for name in assigned_in(list) {
            if !name.is_empty() {
                self.variables.forget(&name);
            }
        }
    }

    /// Looks through a word's parts for commands in substitutions.
    fn parts(&mut self, parts: &'s [Part], place: &Place) {
        for part in parts {
            match &part.kind {
                PartKind::Substitution(list) => {
                    let inner = Place { capture: None, piped_in: false, ..place.clone() };
                    let mark = self.mark();
                    self.list(list, &inner);
                    self.undo(&mark);
                }
                PartKind::Parameter { word, .. } => self.parts(word, place),
                PartKind::Literal(_) | PartKind::Unknown => {}
            }
        }
    }

    fn redirections(&mut self, redirections: &'s [Redirection], place: &Place) {
        for redirection in redirections {
            match &redirection.target {
                Target::Word(word) => self.parts(&word.parts, place),
                Target::Heredoc(index) => {
                    let script = self.script;
                    if let Some(Heredoc { parts, .. }) = script.heredocs.get(*index) {
                        self.parts(parts, place);
                    }
                }
            }
        }
    }

    fn simple(&mut self, simple: &'s Simple, command: &'s Command, place: &Place) {
        self.redirections(&command.redirections, place);
        if simple.words.is_empty() {
            for assignment in &simple.assignments {
                self.assignment(assignment, place);
            }
            return;
        }
        simple
            .assignments
            .iter()
            .flat_map(|assignment| &assignment.value)
            .for_each(|word| self.parts(&word.parts, place));
        let mut environment = Vec::new();
        for assignment in &simple.assignments {
            if let Some(word) = &assignment.value {
                environment.push((assignment.name.clone(), self.variables.expand_whole(word)));
            }
        }
        let mut words = Vec::new();
        for word in &simple.words {
            self.parts(&word.parts, place);
            words.extend(self.variables.expand(word));
        }
        if self.builtin(simple, &words, place) {
            return;
        }
        match program::called(&words) {
            Called::Nothing => {}
            Called::Other(name) => self.other(name, command.span, place),
            Called::Script(text) => self.inner_script(text, command.span, place),
            Called::Client(found) => self.client(found, environment, command, place),
        }
    }

    pub(super) fn other(&mut self, name: Option<Vec<u8>>, span: Span, place: &Place) {
        let (reach, failure_ignored) = (place.reach, place.failure_ignored);
        self.reading.others.push(OtherProgram { name, span, reach, failure_ignored });
    }

    fn assignment(&mut self, assignment: &'s shell::Assignment, place: &Place) {
        let Some(word) = &assignment.value else { return self.variables.forget(&assignment.name) };
        // What is assigned may be a container's id: the commands in it are told the variable's name and value.
        let mut value = self.variables.expand_whole(word);
        if assignment.append {
            let before = self.variables.value(&assignment.name, word.span).unwrap_or_default();
            let mut joined = Text { pieces: before, ..value.clone() };
            value.pieces.iter().for_each(|piece| joined.push(piece));
            value = joined;
        }
        if let ([Piece::Unknown(unknown)], [Part { kind: PartKind::Substitution(list), .. }]) =
            (value.pieces.as_slice(), word.parts.as_slice())
        {
            let capture = Some(Capture::Variable(assignment.name.clone(), unknown.id));
            let mark = self.mark();
            let before = self.reading.commands.len();
            self.list(list, &Place { capture, piped_in: false, ..place.clone() });
            self.undo(&mark);
            let made = self.reading.commands.get(before..).unwrap_or_default();
            if matches!(made, [one] if prints_id(&one.command))
                && let Some(Piece::Unknown(unknown)) = value.pieces.first_mut()
            {
                unknown.source = Source::MadeId;
            }
        } else {
            self.parts(&word.parts, place);
        }
        self.variables.assign(&assignment.name, &value);
    }

    fn client(
        &mut self,
        found: Found<'_>,
        mut environment: Vec<(Vec<u8>, Text)>,
        command: &Command,
        place: &Place,
    ) {
        let mut typed_words = found.words.to_vec();
        if found.prefix.reads_operands {
            let piece = self.variables.unknown(Source::Other, true, found.span);
            typed_words.push(Text { pieces: vec![piece], span: found.span, verbatim: false });
        }
        let typed = typed::understand(found.client, found.program, &typed_words);
        environment.extend(found.prefix.environment);
        let here = Text {
            pieces: self.variables.value(DIRECTORY, found.span).unwrap_or_default(),
            span: found.span,
            verbatim: false,
        };
        let directory = found.prefix.directory.as_ref().map_or(here.clone(), |to| join(&here, to));
        let (output, input) = self.streams(&command.redirections);
        self.reading.commands.push(Recognised {
            client: found.client,
            command: typed.command,
            span: command.span,
            program: found.span,
            globals: typed.globals,
            environment,
            elevated: found.prefix.elevated,
            directory,
            reach: place.reach,
            failure_ignored: place.failure_ignored,
            background: place.background,
            capture: output.or_else(|| place.capture.clone()),
            input: input.or(place.piped_in.then_some(Input::Pipe)),
            doubts: typed.doubts,
        });
    }

    /// Where a command's output goes and its input comes from, by its own redirections.
    fn streams(&mut self, redirections: &[Redirection]) -> (Option<Capture>, Option<Input>) {
        let (mut output, mut input) = (None, None);
        for redirection in redirections {
            let descriptor = redirection.descriptor;
            match (&redirection.target, redirection.operator) {
                (Target::Word(word), Operator::Write | Operator::WriteBoth | Operator::Append)
                    if matches!(descriptor, None | Some(1)) =>
                {
                    output = Some(Capture::File(self.variables.expand_whole(word)));
                }
                (Target::Word(word), Operator::Read) if matches!(descriptor, None | Some(0)) => {
                    input = Some(Input::File(self.variables.expand_whole(word)));
                }
                (Target::Word(word), Operator::Here) => {
                    input = Some(Input::Here(self.variables.expand_whole(word)))
                }
                (Target::Heredoc(index), _) => {
                    let body = self.script.heredocs.get(*index).cloned().unwrap_or_default();
                    let word = Word { parts: body.parts, span: body.span };
                    input = Some(Input::Here(self.variables.expand_whole(&word)));
                }
                _ => {}
            }
        }
        (output, input)
    }
}

/// Whether all that a command prints is the id of what it made.
fn prints_id(command: &ImageCommand) -> bool {
    match command {
        ImageCommand::Create(_) | ImageCommand::From(_) => true,
        ImageCommand::Run(container) => container.detach == Some(true),
        ImageCommand::Build(build) => build.quiet == Some(true),
        _ => false,
    }
}

/// Whether a pipeline is `true` or `:`.
fn does_nothing(pipeline: &Pipeline) -> bool {
    let [Command { kind: CommandKind::Simple(simple), .. }] = pipeline.commands.as_slice() else {
        return false;
    };
    let name = simple.words.first().and_then(Word::literal);
    matches!(name.as_deref(), Some(b"true" | b":" | b"echo" | b"exit"))
        && !(name.as_deref() == Some(b"exit")
            && simple.words.get(1).and_then(Word::literal).as_deref() != Some(b"0"))
}

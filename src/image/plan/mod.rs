//! What the goals would do with images, as typed data: for each target its builds, what is made, kept and removed, and in
//! which order. Knows nothing of make's graph, and nothing of how it is shown.

mod builds;
mod steps;

use super::command::kinds::{OpaqueReason, Reach};
use super::dockerfile;
use super::recipe::Place;
use super::study::{Amount, FileFault, Study};
use crate::base::source::LineColumn;

/// A plan.
#[derive(Debug, Default)]
pub struct Plan {
    /// The targets whose recipes would run, in the order in which they would start with one job.
    pub targets: Vec<TargetPlan>,
    /// Goals for which nothing would run.
    pub up_to_date: Vec<String>,
}

/// What a target's recipe would do.
#[derive(Debug)]
pub struct TargetPlan {
    /// The target.
    pub target: String,
    /// Whether it is an image block's.
    pub managed: bool,
    /// Whether it is phony: its recipe runs whatever files there are.
    pub phony: bool,
    /// Its recipe's first line.
    pub place: Option<Place>,
    /// What runs, in order.
    pub steps: Vec<Step>,
    /// What the steps make on an engine, in order.
    pub things: Vec<Thing>,
    /// The builds, in order.
    pub builds: Vec<BuildPlan>,
}

/// One command.
#[derive(Debug)]
pub struct Step {
    /// What it is.
    pub action: Action,
    /// Where it stands.
    pub place: Option<Place>,
    /// The client that it calls.
    pub engine: Option<&'static str>,
    /// What it works on: tags of a build, images pushed, the ends of a copy.
    pub subjects: Vec<String>,
    /// What it makes: indices into [`TargetPlan::things`].
    pub makes: Vec<usize>,
    /// What it removes of what the recipe made: indices into [`TargetPlan::things`].
    pub removes: Vec<usize>,
    /// What else it removes: things that the recipe did not make.
    pub removes_other: Vec<String>,
    /// The build: index into [`TargetPlan::builds`].
    pub build: Option<usize>,
    /// When it runs.
    pub when: Reach,
    /// Whether its failure is ignored.
    pub failure_ignored: bool,
}

/// Kinds of step.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A command of an engine's client, by the word that plans use for it: `build`, `create`, `remove containers`, ….
    Engine(&'static str),
    /// A command of an engine's client that makes and removes nothing that is followed, by its name.
    Other(String),
    /// Another program; none where its name is known only to the shell.
    Program(Option<String>),
    /// A make, which is not asked what it would do.
    SubMake,
    /// Something that is not understood, and why.
    Opaque(Opacity),
}

/// Why a step is not understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Opacity {
    /// The client's or the shell's language was not understood.
    Command(OpaqueReason),
    /// The line is not a shell's but this program's.
    Language(String),
}

/// A thing on an engine.
#[derive(Debug)]
pub struct Thing {
    /// `image`, `container`, `volume`, `network`, `builder` or `project`.
    pub kind: &'static str,
    /// Its name, with `…` for what only the shell knows; none where it has none.
    pub name: Option<String>,
    /// What becomes of it.
    pub fate: Fate,
    /// Whether it may have been there before: a tag that is moved, a pull.
    pub may_exist: bool,
}

/// What becomes of a thing by the end of a recipe that succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Kept,
    /// The recipe removes it.
    Removed,
    /// The recipe removes it on some paths.
    PerhapsRemoved,
    /// The engine removes it when it ends (`--rm`).
    RemovesItself,
}

/// A build.
#[derive(Debug)]
pub struct BuildPlan {
    /// Where it stands.
    pub place: Option<Place>,
    /// The client.
    pub engine: &'static str,
    /// The Dockerfile.
    pub dockerfile: DockerfilePlan,
    /// The stage asked for, as given.
    pub target: Option<String>,
    /// The stages reached, in the Dockerfile's order.
    pub stages: Vec<StagePlan>,
    /// The tags, as given.
    pub tags: Vec<String>,
    /// The arguments that count.
    pub args: Vec<ArgPlan>,
    /// Names of arguments that are given and change nothing.
    pub unused_args: Vec<String>,
    /// The context.
    pub context: ContextPlan,
    /// Named contexts: name and value.
    pub contexts: Vec<(String, String)>,
    /// The images that are read.
    pub images: Vec<ImagePlan>,
    /// URLs and repositories that are read, with what fixes their content.
    pub externals: Vec<(String, Option<String>)>,
    /// Ids of the secrets that are given or asked for.
    pub secrets: Vec<String>,
    /// The platforms, as given.
    pub platforms: Vec<String>,
    /// Whether the result is pushed; none where that is not known.
    pub push: Option<bool>,
}

/// A build's Dockerfile.
#[derive(Debug)]
pub struct DockerfilePlan {
    /// Its path as the recipe would write it; none where it is no file of this machine.
    pub path: Option<String>,
    /// How it could be read.
    pub status: DockerfileStatus,
}

/// How a Dockerfile could be read.
#[derive(Debug)]
pub enum DockerfileStatus {
    /// It is understood.
    Read,
    /// It, or the request for it, is one that an engine refuses.
    Refused(dockerfile::Error, LineColumn),
    /// Another frontend than Docker's reads it.
    Foreign(dockerfile::Opaque),
    /// It has more than imk reads, from here on.
    Beyond(dockerfile::Opaque, LineColumn),
    /// It can't be read from disk.
    Fault(FileFault),
    /// It comes from standard input.
    Stdin,
    /// It is in a context that is not on this machine.
    Elsewhere,
    /// Its path, or the stage asked for, is known only to the running shell.
    Unknown,
}

/// A stage that is reached.
#[derive(Debug)]
pub struct StagePlan {
    /// Its name; none where it has none.
    pub name: Option<String>,
    /// Its number among the file's stages.
    pub index: usize,
    /// The line of its FROM.
    pub line: usize,
    /// What it starts from.
    pub from: String,
    /// Whether it is the one that is built.
    pub is_target: bool,
    /// What it starts from and reads, as far as it is known.
    pub needs: Vec<StageNeed>,
}

/// What a stage needs.
#[derive(Debug, PartialEq, Eq)]
pub enum StageNeed {
    /// Another stage, by its number.
    Stage(usize),
    /// An image, or a named context.
    Image(String),
}

/// A build argument that counts.
#[derive(Debug)]
pub struct ArgPlan {
    /// The name.
    pub name: String,
    /// The value.
    pub value: ArgValue,
    /// Where the value is from.
    pub from: dockerfile::Origin,
    /// The word of the recipe, or the declaration in the Dockerfile.
    pub place: Option<Place>,
    /// The makefile's variables that the value is made from.
    pub variables: Vec<String>,
    /// Whether it comes from the environment of the recipe (`--build-arg NAME`).
    pub inherited: bool,
}

/// A build argument's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgValue {
    /// This one.
    Known(String),
    /// One that is not to be shown, since its name is a secret's.
    Masked,
    /// One that only the running shell, or the engine, knows.
    Unknown,
    /// None.
    Unset,
}

/// A build's context.
#[derive(Debug)]
pub struct ContextPlan {
    /// `folder`, `stdin`, `remote`, `unknown`, `missing`, `absent` or `not-a-folder`.
    pub kind: &'static str,
    /// As the command writes it.
    pub path: Option<String>,
    /// The ignore file heeded, as a path.
    pub ignore: Option<String>,
    /// What can change the build; none where it is not known.
    pub all: Option<Amount>,
    /// What the reached stages' instructions name.
    pub named: Option<Amount>,
    /// Why more than that counts, with the line of the Dockerfile.
    pub widened: Vec<(dockerfile::Why, usize)>,
}

/// An image that a build reads.
#[derive(Debug)]
pub struct ImagePlan {
    /// Its name; none where it is not known.
    pub reference: Option<String>,
    /// Its id on the engine, where the engine has it.
    pub id: Option<String>,
    /// The line of the Dockerfile.
    pub line: usize,
}

impl Plan {
    /// The plan of what was studied.
    pub fn of(study: &Study, up_to_date: &[Vec<u8>]) -> Plan {
        let show = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        Plan {
            targets: study.recipes.iter().map(|recipe| steps::target(recipe, study)).collect(),
            up_to_date: up_to_date.iter().map(show).collect(),
        }
    }
}

//! Which builds are judged, and what came of each, as data. Judges nothing by itself.

use super::super::command::ImageCommand;
use super::super::command::kinds::{Build, Reach};
use super::super::command::lifecycle::Thing;
use super::super::dockerfile;
use super::super::recipe::Place;
use super::super::reference::Reference;
use super::super::study::{BuildStudy, FileFault, RecipeStudy, Study};
use super::finding::{Criterion, Finding, Kind, Level};
use super::sizes::Sizes;
use crate::base::sorting;
use crate::base::tables::{HashMap, HashSet};

/// A build to judge: indices into a study.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The recipe.
    pub recipe: usize,
    /// The build of that recipe.
    pub build: usize,
}

/// What came of judging a build.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// The target whose recipe builds it.
    pub target: String,
    /// The image's first tag; none where it has none that is known.
    pub reference: Option<String>,
    /// The Dockerfile, as the recipe would write it; none where it is no file of this machine.
    pub dockerfile: Option<String>,
    /// The stage that is built; none where it has no name.
    pub stage: Option<String>,
    /// What could not be judged, and why.
    pub unread: Vec<Unread>,
    /// What was found, by criterion and line.
    pub findings: Vec<Finding>,
    /// The image's sizes; none where the image was not read.
    pub sizes: Option<Sizes>,
    /// Whether a log of the build told which packages were compiled.
    pub wheels_seen: bool,
}

/// Why a build's stages, or its image, can't be judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Unread {
    /// The Dockerfile is no file of this machine.
    NoFile,
    /// It can't be read.
    Fault(String, FileFault),
    /// An engine refuses it, or the request for it; where in it.
    Refused(Box<Place>, dockerfile::Error),
    /// Another frontend than Docker's reads it.
    Foreign(String, dockerfile::Opaque),
    /// It has more than imk reads; from where on.
    Beyond(Box<Place>, dockerfile::Opaque),
    /// The image can't be read; why, in words.
    Image(String),
    /// It can't be built once more; why, in words.
    NotRepeated(String),
    /// It can't be started for a try; why, in words.
    NotStarted(String),
    /// The stage asked for is known only to the running shell.
    Unknown,
}

impl Audit {
    /// An audit of `subject` in which nothing was judged yet.
    pub fn of(study: &Study, subject: Subject) -> Audit {
        let Some(recipe) = study.recipes.get(subject.recipe) else { return Audit::default() };
        let Some(study) = recipe.builds.get(subject.build) else { return Audit::default() };
        let build = build_of(recipe, study);
        let known = |text: Option<&super::super::command::text::Text>| {
            text.and_then(|text| text.known()).map(|text| String::from_utf8_lossy(text).into_owned())
        };
        let (dockerfile, last) = match &study.dockerfile {
            super::super::study::DockerfileUse::File(file) => {
                let target = study
                    .analysis
                    .as_ref()
                    .and_then(|analysis| analysis.as_ref().ok())
                    .map(|found| found.target);
                let parsed = file.parsed().and_then(|parsed| parsed.as_ref().ok());
                let stage = parsed.zip(target).and_then(|(parsed, target)| parsed.stages.get(target)?.name());
                (Some(file.shown.clone()), stage.map(|name| String::from_utf8_lossy(name).into_owned()))
            }
            _ => (None, None),
        };
        Audit {
            target: String::from_utf8_lossy(&recipe.recipe.target).into_owned(),
            reference: known(build.and_then(|build| build.tags.first())),
            dockerfile,
            stage: last.or_else(|| known(build.and_then(|build| build.target.as_ref()))),
            ..Audit::default()
        }
    }

    /// Takes in the findings on the built image, and what they make superfluous out: of one criterion and line the image's word
    /// counts, and the questions that only the image answers are answered.
    pub fn add_image(&mut self, findings: Vec<Finding>, sizes: Option<Sizes>) {
        if sizes.is_some() {
            self.findings.retain(|finding| match &finding.kind {
                Kind::Stages(kind) => !kind.settled_by_image(),
                Kind::Image(_) => true,
            });
        }
        let at = |finding: &Finding| {
            let place = finding.place.as_ref()?;
            Some((finding.criterion(), place.file.clone(), place.line))
        };
        let mut worst: HashMap<(Criterion, String, usize), Level> = HashMap::default();
        for finding in &findings {
            if let Some(at) = at(finding) {
                let level = worst.entry(at).or_insert(finding.level);
                *level = finding.level.max(*level);
            }
        }
        self.findings
            .retain(|own| at(own).and_then(|at| worst.get(&at)).is_none_or(|level| *level < own.level));
        self.findings.extend(findings);
        let order = |finding: &Finding| (finding.criterion(), finding.place.as_ref().map(|place| place.line));
        sorting::sort_by_key(&mut self.findings, order);
        if sizes.is_some() {
            self.sizes = sizes;
        }
    }

    /// The worst level found for `criterion`; none where nothing was.
    pub fn verdict(&self, criterion: Criterion) -> Option<Level> {
        self.findings
            .iter()
            .filter(|finding| finding.criterion() == criterion)
            .map(|finding| finding.level)
            .max()
    }

    /// Whether a warning or an error stands, or the stages or the image could not be judged.
    pub fn fails(&self) -> bool {
        !self.unread.is_empty() || self.findings.iter().any(|finding| finding.level >= Level::Warning)
    }
}

/// The command of a build.
pub fn build_of<'s>(recipe: &'s RecipeStudy, build: &BuildStudy) -> Option<&'s Build> {
    match &recipe.command(build.line, build.command)?.command {
        ImageCommand::Build(found) => Some(found),
        _ => None,
    }
}

/// The builds whose images are the goals': those of a goal's own recipe, and where a goal's recipe builds none, all that come
/// before it. An image that its own recipe removes again is nobody's.
pub fn subjects(study: &Study, goals: &[Vec<u8>]) -> Vec<Subject> {
    let named: HashSet<&Vec<u8>> = goals.iter().collect();
    let is_goal = |recipe: &RecipeStudy| named.contains(&recipe.recipe.target);
    let kept = |index: usize| -> Vec<Subject> {
        let Some(recipe) = study.recipes.get(index) else { return Vec::new() };
        let gone = gone(recipe);
        let builds = recipe.builds.iter().enumerate().filter(|(_, build)| stays(recipe, build, &gone));
        builds.map(|(build, _)| Subject { recipe: index, build }).collect()
    };
    let mut wanted: Vec<usize> = Vec::new();
    for (index, recipe) in study.recipes.iter().enumerate() {
        if is_goal(recipe) {
            wanted.push(index);
            if recipe.builds.is_empty() {
                wanted.extend(recipe.before.iter().copied());
            }
        }
    }
    // A goal without a recipe of its own stands for its prerequisites, which are all that was met besides the other goals'.
    let own: HashSet<&Vec<u8>> = study.recipes.iter().map(|recipe| &recipe.recipe.target).collect();
    let mut of_goals = study.recipes.iter().filter(|recipe| is_goal(recipe));
    if named.iter().any(|goal| !own.contains(goal)) && of_goals.all(|recipe| recipe.builds.is_empty()) {
        let used = used_by_others(study);
        wanted.extend((0..study.recipes.len()).filter(|index| !used.contains(index)));
    }
    wanted.sort_unstable();
    wanted.dedup();
    wanted.into_iter().flat_map(kept).collect()
}

/// The recipes whose images other builds of the run start from or copy from: steps on the way, not what the goals are for.
fn used_by_others(study: &Study) -> HashSet<usize> {
    let canonical =
        |text: &[u8]| Reference::parse(text).ok().map(|found| found.with_default_tag().canonical());
    let read: HashSet<String> = study
        .recipes
        .iter()
        .flat_map(|recipe| &recipe.builds)
        .filter_map(|build| build.analysis.as_ref()?.as_ref().ok())
        .flat_map(|analysis| &analysis.images)
        .filter_map(|image| canonical(image.reference.known()?))
        .collect();
    let makes_one = |recipe: &RecipeStudy| {
        let tags =
            recipe.builds.iter().filter_map(|build| build_of(recipe, build)).flat_map(|build| &build.tags);
        tags.filter_map(|tag| canonical(tag.known()?)).any(|tag| read.contains(&tag))
    };
    study.recipes.iter().enumerate().filter(|(_, recipe)| makes_one(recipe)).map(|(index, _)| index).collect()
}

/// The commands of a recipe, by line and index, that make images of which none is there when it has ended.
fn gone(recipe: &RecipeStudy) -> HashSet<(usize, usize)> {
    let lifecycle = &recipe.lifecycle;
    let certain = lifecycle.removals.iter().filter(|removal| removal.reach != Reach::Perhaps);
    let removed: HashSet<usize> = certain.flat_map(|removal| removal.removes.iter().copied()).collect();
    let mut all: HashMap<(usize, usize), bool> = HashMap::default();
    for (index, made) in lifecycle.made.iter().enumerate() {
        if matches!(made.thing, Thing::Image(_)) {
            *all.entry((made.by.line, made.by.command)).or_insert(true) &= removed.contains(&index);
        }
    }
    all.into_iter().filter(|(_, gone)| *gone).map(|(command, _)| command).collect()
}

/// Whether the image of `build` is there when its recipe has ended, by the commands whose images are `gone`.
fn stays(recipe: &RecipeStudy, build: &BuildStudy, gone: &HashSet<(usize, usize)>) -> bool {
    build_of(recipe, build).is_some_and(|found| !found.only_asks)
        && !gone.contains(&(build.line, build.command))
}

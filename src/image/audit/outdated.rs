//! Whether base images have moved: what the Dockerfile locks, the engine has or a build took, against what the registry has under the
//! tag by now. Words nothing, and reads no Dockerfile itself.

use super::super::command::ImageCommand;
use super::stages;
use super::subject::Unread;
use crate::base::tables::HashSet;
use crate::image::engine::{Engine, EngineError, Published};
use crate::image::recipe::Place;
use crate::image::reference::Reference;
use crate::image::study::{BuildStudy, DockerfileUse, RecipeStudy, Study};
use crate::os::threads::start_scoped;
use std::thread::ScopedJoinHandle;

/// What was found.
#[derive(Debug, Default)]
pub struct Outdated {
    /// The base images, in the order of their first use.
    pub bases: Vec<Base>,
    /// Targets with a build whose Dockerfile can't be read, so that its bases are not known, and why.
    pub unread: Vec<(String, Unread)>,
}

/// A base image of the goals' builds.
#[derive(Clone, Debug, PartialEq)]
pub struct Base {
    /// Its name in familiar form; as the Dockerfile has it where the name has a variable that only the running shell knows.
    pub shown: String,
    /// Who starts from it, or copies from it.
    pub uses: Vec<Use>,
    /// The digest that is used; none where none is known.
    pub here: Option<String>,
    /// Whose digest that is.
    pub from: Source,
    /// The digest that the registry has under the tag; none where it was not told.
    pub registry: Option<String>,
    /// How they compare.
    pub state: State,
}

/// A build that uses a base image.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// The target.
    pub target: String,
    /// Where the Dockerfile names the image.
    pub place: Place,
}

/// Whose digest is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The Dockerfile's own.
    Lock,
    /// The engine's image.
    Engine,
    /// The one that the last build of the target took.
    Build,
}

/// How a base image compares with the registry's.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// It is what the registry has.
    Current,
    /// The registry has another by now.
    Moved,
    /// Neither the engine nor a build that was seen has it: the next build takes what the registry has.
    Absent,
    /// The engine's image was built or loaded: it comes from no registry.
    Local,
    /// Locked without a tag: nothing can move.
    Fixed,
    /// Locked to the manifest of one platform, which the list under the tag can't be compared with.
    OnePlatform,
    /// The registry has nothing under this name.
    Gone,
    /// The name is known only to the running shell.
    Unnamed,
    /// The registry did not tell; why.
    Unread(EngineError),
}

impl Base {
    /// Whether it has moved.
    pub fn is_moved(&self) -> bool {
        self.state == State::Moved
    }

    /// Whether it could not be compared, though there is something to compare.
    pub fn is_unknown(&self) -> bool {
        matches!(self.state, State::Unread(_) | State::Unnamed | State::Gone | State::OnePlatform)
    }
}

/// A base that is yet to be compared.
struct Pending {
    /// None where it isn't known.
    reference: Option<Reference>,
    connection: Option<usize>,
    base: Base,
}

/// The bases that the last build of a target took, as far as it was seen: canonical reference and digest.
pub type Taken<'t> = dyn Fn(&str) -> Vec<(String, String)> + 't;

/// Compares the bases of all builds of `study`. Images that recipes build are none.
pub fn outdated(study: &Study, taken: &Taken<'_>) -> Outdated {
    let mut all = gather(study);
    for pending in &mut all {
        find_here(study, pending, taken);
    }
    let question = |pending: &Pending| {
        let reference = asked_for(pending)?;
        let engine = study.connections.get(pending.connection?)?.engine();
        Some(engine.map(|engine| (engine, reference)))
    };
    let asked = ask_at_once(all.iter().map(question).collect());
    for (pending, answer) in all.iter_mut().zip(asked) {
        let engine = pending.connection.and_then(|at| study.connections.get(at)?.engine().ok());
        compare(pending, answer, engine);
    }
    let unread = |recipe: &RecipeStudy| {
        let target = String::from_utf8_lossy(&recipe.recipe.target).into_owned();
        let faults = recipe.builds.iter().filter_map(|build| stages::unread(&target, build));
        faults.map(|fault| (target.clone(), fault)).collect::<Vec<_>>()
    };
    Outdated {
        bases: all.into_iter().map(|pending| pending.base).collect(),
        unread: study.recipes.iter().flat_map(unread).collect(),
    }
}

/// What is to be asked of a registry, and by which engine.
type Question<'e> = Result<(&'e dyn Engine, Reference), EngineError>;
type Answer = Result<Option<Published>, EngineError>;

/// Asks registries at once, so that one that is slow holds up no other; where there are no threads for that, one after another.
fn ask_at_once<'e>(questions: Vec<Option<Question<'e>>>) -> Vec<Option<Answer>> {
    enum Asked<'scope> {
        Running(ScopedJoinHandle<'scope, Answer>),
        Answered(Answer),
    }
    std::thread::scope(|scope| {
        let ask = |question: Question<'e>| match question {
            Ok((engine, reference)) => {
                let name = reference.clone();
                start_scoped(scope, move || engine.published(&name))
                    .map_or_else(|| Asked::Answered(engine.published(&reference)), Asked::Running)
            }
            Err(fault) => Asked::Answered(Err(fault)),
        };
        let asked: Vec<_> = questions.into_iter().map(|question| question.map(ask)).collect();
        let answer = |asked| match asked {
            Asked::Running(thread) => {
                thread.join().unwrap_or_else(|_| Err(EngineError::Registry("it was not asked".to_owned())))
            }
            Asked::Answered(answer) => answer,
        };
        asked.into_iter().map(|asked| asked.map(answer)).collect()
    })
}

fn gather(study: &Study) -> Vec<Pending> {
    let built = built_by(study);
    let mut all: Vec<Pending> = Vec::new();
    for recipe in &study.recipes {
        for build in &recipe.builds {
            let connection = recipe.engine(build.line, build.command);
            for (reference, shown, place) in images_of(build) {
                if reference.as_ref().is_some_and(|reference| built.contains(&reference.canonical())) {
                    continue;
                }
                let own = Use { target: String::from_utf8_lossy(&recipe.recipe.target).into_owned(), place };
                let same = |other: &&mut Pending| {
                    other.connection == connection
                        && other.reference == reference
                        && (reference.is_some() || other.base.shown == shown)
                };
                match all.iter_mut().find(same) {
                    Some(known) if known.base.uses.contains(&own) => {}
                    Some(known) => known.base.uses.push(own),
                    None => {
                        let base = Base {
                            shown,
                            uses: vec![own],
                            here: None,
                            from: Source::Engine,
                            registry: None,
                            state: State::Unnamed,
                        };
                        all.push(Pending { reference, connection, base });
                    }
                }
            }
        }
    }
    all
}

/// The images that a build reads: each with how it is shown, and where it is named.
fn images_of(build: &BuildStudy) -> Vec<(Option<Reference>, String, Place)> {
    let (DockerfileUse::File(file), Some(Ok(analysis))) = (&build.dockerfile, &build.analysis) else {
        return Vec::new();
    };
    let Ok(text) = &file.text else { return Vec::new() };
    let mut out = Vec::new();
    for image in &analysis.images {
        let known = image.reference.known().and_then(|name| Reference::parse(name).ok());
        let known = known.map(Reference::with_default_tag);
        let written = text.get(image.span.start..image.span.end).unwrap_or_default();
        let shown = match &known {
            Some(reference) => reference.familiar(),
            None => String::from_utf8_lossy(written).into_owned(),
        };
        out.push((known, shown, Place::among(&file.shown, text, file.lines(), image.span)));
    }
    out
}

/// Canonical references of the images that the recipes build or tag themselves.
fn built_by(study: &Study) -> HashSet<String> {
    let canonical = |text: &[u8]| Some(Reference::parse(text).ok()?.with_default_tag().canonical());
    let tags = |recipe: &RecipeStudy| -> Vec<String> {
        let of = |command: &ImageCommand| match command {
            ImageCommand::Build(build) => {
                build.tags.iter().filter_map(|tag| canonical(tag.known()?)).collect()
            }
            _ => Vec::new(),
        };
        recipe.commands().flat_map(|(_, _, command)| of(&command.command)).collect()
    };
    study.recipes.iter().flat_map(tags).collect()
}

/// Finds the digest that is used.
fn find_here(study: &Study, pending: &mut Pending, taken: &Taken<'_>) {
    let Some(reference) = &pending.reference else { return };
    let base = &mut pending.base;
    if let Some(digest) = &reference.digest {
        (base.here, base.from) = (Some(digest.clone()), Source::Lock);
        base.state = if reference.tag.is_none() { State::Fixed } else { State::Absent };
        return;
    }
    let connection = pending.connection.and_then(|at| study.connections.get(at));
    let found = match connection.map(|connection| connection.engine()) {
        Some(Ok(engine)) => engine.image(&reference.familiar()),
        Some(Err(fault)) => Err(fault),
        None => Err(EngineError::NoEngine),
    };
    match found {
        Ok(Some(image)) => {
            let own = |text: &String| {
                let found = Reference::parse(text.as_bytes()).ok()?;
                (found.name() == reference.name()).then_some(found.digest)?
            };
            let digests: Vec<String> = image.digests.iter().filter_map(own).collect();
            base.state = if digests.is_empty() { State::Local } else { State::Absent };
            // An engine may list several: of the list and of the platform's manifest, or of earlier pulls. All are this image.
            base.here = (!digests.is_empty()).then(|| digests.join(" "));
        }
        Ok(None) => {
            base.state = State::Absent;
            let name = reference.canonical();
            let builds = base.uses.iter().flat_map(|own| taken(&own.target));
            if let Some((_, digest)) = builds.into_iter().find(|(other, _)| *other == name) {
                (base.here, base.from) = (Some(digest), Source::Build);
            }
        }
        Err(fault) => base.state = State::Unread(fault),
    }
}

/// What the registry is asked for; none where there is nothing to ask.
fn asked_for(pending: &Pending) -> Option<Reference> {
    let is_open = matches!(pending.base.state, State::Absent);
    let reference = pending.reference.clone().filter(|_| is_open)?;
    Some(Reference { digest: None, ..reference })
}

fn compare(
    pending: &mut Pending,
    answer: Option<Result<Option<Published>, EngineError>>,
    engine: Option<&dyn Engine>,
) {
    let base = &mut pending.base;
    let published = match answer {
        None if base.state == State::Absent => {
            base.state = State::Unread(EngineError::NoEngine);
            return;
        }
        None => return,
        Some(Ok(Some(published))) => published,
        Some(Ok(None)) => {
            base.state = State::Gone;
            return;
        }
        Some(Err(fault)) => {
            base.state = State::Unread(fault);
            return;
        }
    };
    base.registry = Some(published.digest.clone());
    let Some(here) = &base.here else { return };
    base.state = match here.split(' ').any(|one| one == published.digest) {
        true => State::Current,
        false => State::Moved,
    };
    if let Some(first) = here.split(' ').next().map(str::to_owned) {
        base.here = Some(if base.state == State::Current { published.digest.clone() } else { first });
    }
    // A lock may name the manifest of one platform, where the tag names their list.
    if base.state == State::Moved
        && base.from == Source::Lock
        && published.is_list == Some(true)
        && let (Some(reference), Some(engine)) = (&pending.reference, engine)
    {
        let locked = Reference { tag: None, ..reference.clone() };
        if let Ok(Some(Published { is_list: Some(false), .. })) = engine.published(&locked) {
            base.state = State::OnePlatform;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::engine::fake::FakeEngine;

    const OLD: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    const NEW: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

    fn pending(name: &str, here: Option<&str>, from: Source) -> Pending {
        let base = Base {
            shown: name.to_owned(),
            uses: Vec::new(),
            here: here.map(str::to_owned),
            from,
            registry: None,
            state: State::Absent,
        };
        Pending { reference: Reference::parse(name.as_bytes()).ok(), connection: None, base }
    }

    fn published(digest: &str, is_list: Option<bool>) -> Option<Result<Option<Published>, EngineError>> {
        Some(Ok(Some(Published { digest: digest.to_owned(), is_list })))
    }

    #[test]
    fn digests_are_compared_and_nothing_else_is_called_current() {
        let state = |here: Option<&str>, answer| {
            let mut one = pending("x.example/a:1", here, Source::Engine);
            compare(&mut one, answer, None);
            one.base.state
        };
        assert_eq!(state(Some(OLD), published(OLD, None)), State::Current);
        assert_eq!(state(Some(&format!("{NEW} {OLD}")), published(OLD, None)), State::Current);
        assert_eq!(state(Some(OLD), published(NEW, None)), State::Moved);
        assert_eq!(state(None, published(NEW, None)), State::Absent);
        assert_eq!(state(Some(OLD), Some(Ok(None))), State::Gone);
        assert_eq!(state(Some(OLD), Some(Err(EngineError::Limited))), State::Unread(EngineError::Limited));
        assert_eq!(state(Some(OLD), None), State::Unread(EngineError::NoEngine));
    }

    #[test]
    fn registries_are_asked_where_there_are_no_threads() {
        let engine = FakeEngine::default();
        let reference = Reference::parse(b"x.example/a:1").expect("a reference");
        let there = Published { digest: OLD.to_owned(), is_list: None };
        engine.state().registry.insert(reference.canonical(), Ok(there.clone()));
        let ask = || {
            let known: &dyn Engine = &engine;
            let other = Reference::parse(b"x.example/b:1").expect("a reference");
            let questions = vec![
                Some(Ok((known, reference.clone()))),
                None,
                Some(Ok((known, other))),
                Some(Err(EngineError::NoEngine)),
            ];
            ask_at_once(questions)
        };
        let expected =
            [Some(Ok(Some(there.clone()))), None, Some(Ok(None)), Some(Err(EngineError::NoEngine))];
        assert_eq!(ask(), expected);
        assert_eq!(crate::os::threads::refused(ask), expected);
    }

    #[test]
    fn a_lock_to_one_platforms_manifest_is_not_taken_for_moved() {
        let engine = FakeEngine::default();
        let name = format!("x.example/a:1@{OLD}");
        let mut registry = engine.state();
        let manifest = Published { digest: OLD.to_owned(), is_list: Some(false) };
        registry.registry.insert(format!("x.example/a@{OLD}"), Ok(manifest));
        drop(registry);
        let mut one = pending(&name, Some(OLD), Source::Lock);
        compare(&mut one, published(NEW, Some(true)), Some(&engine));
        assert_eq!(one.base.state, State::OnePlatform);
        engine.state().registry.clear();
        let mut one = pending(&name, Some(OLD), Source::Lock);
        compare(&mut one, published(NEW, Some(true)), Some(&engine));
        assert_eq!(one.base.state, State::Moved);
    }
}

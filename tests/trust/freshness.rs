//! Exact freshness of image blocks held to a model: random taskfiles, random changes between runs and while builds read, faults of the
//! engine, signals and kills. After a run that succeeds each image is what its inputs are then; what need not be built is not;
//! nothing is left on the engine that was not told.
//!
//! The model is the builder of the engine itself, asked what each image would be now: an image has to be built where one of its tags
//! stands for something else, or for something that carries no label of imk's.

pub mod builder;
mod cases;
mod changes;
pub mod client;
mod disturb;
pub mod engine;
mod saved;
mod taskfile;

use std::fs;

use libtest_mimic::Trial;
use rustix::process::Signal;

use self::builder::{Made, build};
use self::changes::{Kept, change, foreign};
use self::engine::{Act, Engine, Order, State};
use self::taskfile::{BASES, Cleanup, Taskfile, one_of};
use crate::Failure;
use crate::daemon::Manner;
use crate::figures::count;
use crate::outside::jumping_clock;
use crate::scene::{Outcome, Scene, words};
use crate::seeds::rounds;

pub fn trials() -> Vec<Trial> {
    let mut trials = cases::trials();
    trials.extend(crate::trials![random_changes_leave_no_image_stale_and_build_none_without_need]);
    trials
}

/// Has this program be `docker` there.
fn host(place: &Scene) -> Result<(), Failure> {
    let own = std::env::current_exe().map_err(words)?;
    std::os::unix::fs::symlink(own, place.programs().join("docker")).map_err(words)
}

const LABEL: &str = "imk.inputs";

/// What a run that nothing befalls does, by the model.
#[derive(Debug, Default)]
struct Expected {
    /// First tags of the images that are built.
    built: Vec<String>,
    /// What each image is then; none where it can't be built.
    images: Vec<Option<Made>>,
}

impl Expected {
    fn fails(&self) -> bool {
        self.images.iter().any(Option::is_none)
    }
}

struct World {
    place: Scene,
    engine: Engine,
    taskfile: Taskfile,
    /// A library by which imk's clock jumps, where there is a compiler to make it.
    clock: Option<String>,
    /// What happened so far, for a reader.
    story: Vec<String>,
}

fn random_changes_leave_no_image_stale_and_build_none_without_need() -> Result<(), Failure> {
    rounds(10, "taskfiles whose freshness was held to a model", || {
        let mut world = World::new()?;
        one_round(&mut world).map_err(|failure| {
            let state = world.engine.state();
            let (story, log, tags) = (world.story.join("\n"), state.log.join("\n"), &state.tags);
            format!("{failure}\nafter\n{story}\nthe last run asked\n{log}\nthere are {tags:#?}")
        })
    })
}

fn one_round(world: &mut World) -> Result<(), Failure> {
    world.undisturbed(false)?;
    for _ in 0..4 + fastrand::usize(..5) {
        for _ in 0..fastrand::usize(..3) {
            let what = change(&mut world.taskfile, &world.place.dir(), &world.engine);
            world.story.push(what);
        }
        if fastrand::bool() {
            world.undisturbed(false)?;
        } else {
            let put_back = world.disturbed()?;
            put_back.iter().for_each(Kept::put_back);
            world.undisturbed(true)?;
            world.undisturbed(false)?;
        }
    }
    Ok(())
}

impl World {
    fn new() -> Result<World, Failure> {
        let taskfile = Taskfile::random();
        let place = Scene::new("", Manner::Well)?;
        let engine = Engine::new().map_err(words)?;
        host(&place)?;
        taskfile.lay_out(&place.dir()).map_err(words)?;
        for (number, base) in BASES.iter().enumerate() {
            engine.state().commit(foreign(number as u64), &[(*base).to_owned()]);
        }
        let story = vec![taskfile.text()];
        let clock = if fastrand::u8(..4) == 0 { jumping_clock(&place).ok() } else { None };
        let clock = clock.and_then(|words| Some(words.split_once('=')?.1.to_owned()));
        let mut world = World { place, engine, taskfile, clock, story };
        for (number, block) in world.taskfile.blocks.iter().enumerate() {
            world.story.push(format!("{}:\n{}", block.file(number), block.dockerfile.text()));
        }
        Ok(world)
    }

    /// What the image of a block would be now, with the images that `state` has.
    fn wanted(&self, number: usize, state: &State) -> Result<Made, String> {
        let request = self.taskfile.request(number, &self.place.dir());
        build(&request, &|name| state.image(name).map(|(_, image)| image.made.clone()), &mut |_| Ok(()))
    }

    /// Whether a tag stands for this image.
    fn is(state: &State, tag: &str, wanted: &Made) -> bool {
        state.image(tag).is_some_and(|(_, image)| image.made.inputs() == wanted.inputs())
    }

    /// Whether a tag stands for this image, and it says so.
    fn has(state: &State, tag: &str, wanted: &Made) -> bool {
        let says = state.image(tag).is_some_and(|(_, image)| image.made.labels.contains_key(LABEL));
        says && World::is(state, tag, wanted)
    }

    fn expected(&self) -> Expected {
        let mut state = State::default();
        {
            let now = self.engine.state();
            (state.images, state.tags) = (now.images.clone(), now.tags.clone());
        }
        let mut expected = Expected::default();
        for (number, block) in self.taskfile.blocks.iter().enumerate() {
            let fails_below = block.below.iter().any(|&below| expected.images[below].is_none());
            let wanted = self.wanted(number, &state).ok().filter(|_| !fails_below);
            let Some(mut made) = wanted else {
                expected.images.push(None);
                continue;
            };
            if !block.tags.iter().all(|tag| World::has(&state, tag, &made)) {
                expected.built.push(block.tags[0].clone());
                made.labels.insert(LABEL.to_owned(), String::new());
                if block.cleanup != Cleanup::Always {
                    state.commit(made.clone(), &block.tags);
                }
            }
            expected.images.push(Some(made));
        }
        expected
    }

    /// Runs imk, which these things befall.
    fn run(&mut self, orders: Vec<Order>, is_zealous: bool) -> Result<Outcome, Failure> {
        // What a run made that was killed, or lost its engine, is proven by times: where they make no sense it is left, and told.
        let leaves = |order: &Order| match order.act {
            Act::Signal(signal, _) => signal == Signal::KILL,
            Act::Change(_) => false,
            _ => true,
        };
        let leaves = orders.iter().any(leaves);
        self.engine.begin(orders, is_zealous);
        let jobs = one_of(&["-j1", "-j1", "-j4"]);
        let mut arguments = vec!["imk".to_owned(), jobs.to_owned()];
        arguments.extend(self.taskfile.given.iter().map(|(name, value)| format!("{name}={value}")));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.place.command(&arguments);
        command.envs(&self.taskfile.environment);
        self.engine.serve(&mut command);
        let clock = self.clock.as_ref().filter(|_| fastrand::bool() && !leaves);
        if let Some(clock) = clock {
            command.env("LD_PRELOAD", clock);
            count("clocks that jump", 1);
        }
        let jumps = if clock.is_some() { ", its clock jumps" } else { "" };
        let mut child = command.spawn().map_err(words)?;
        self.engine.started(child.id());
        let outcome = self.place.wait(&mut child)?;
        self.engine.ended();
        count("runs whose freshness was held to a model", 1);
        count("images built in them", self.engine.state().built.len() as u64);
        let built = self.engine.state().built.join(" ");
        self.story.push(format!(
            "imk {jobs}{jumps}: {}, built {built}; {}",
            outcome.status,
            outcome.stderr.trim_end()
        ));
        Ok(outcome)
    }

    /// A run that nothing befalls. After one that something befell it may build more than it need.
    fn undisturbed(&mut self, after_disturbance: bool) -> Result<(), Failure> {
        let expected = self.expected();
        let outcome = self.run(Vec::new(), false)?;
        let status = if expected.fails() { "2" } else { "0" };
        if outcome.status != status {
            return Err(format!("it ended with {}, expected {status}", outcome.status));
        }
        let mut built = self.engine.state().built.clone();
        built.sort();
        let mut wanted = expected.built.clone();
        wanted.sort();
        // What can't be built may be tried.
        let impossible = self.taskfile.blocks.iter().zip(&expected.images).filter(|(_, made)| made.is_none());
        let impossible: Vec<&String> = impossible.map(|(block, _)| &block.tags[0]).collect();
        let is_needless = |tag: &&String| !wanted.contains(tag) && !impossible.contains(tag);
        let needless: Vec<&String> = built.iter().filter(is_needless).collect();
        if !after_disturbance && !needless.is_empty() {
            return Err(format!("built without need: {needless:?}"));
        }
        if !after_disturbance && built.windows(2).any(|two| two[0] == two[1]) {
            return Err(format!("built twice: {built:?}"));
        }
        if expected.fails() {
            return self.nothing_is_left();
        }
        let missed: Vec<&String> = wanted.iter().filter(|tag| !built.contains(tag)).collect();
        if !missed.is_empty() {
            return Err(format!("not built: {missed:?}"));
        }
        self.all_is_fresh()?;
        for (number, made) in expected.images.iter().enumerate() {
            let out = self.place.read(&format!("made{number}"));
            if let Some(made) = made
                && self.taskfile.blocks[number].extracts
                && out != Some(made.inputs())
            {
                return Err(format!("what was copied out of b{number} is not of its image"));
            }
        }
        self.nothing_is_left()
    }

    /// Each image is what its inputs are now.
    fn all_is_fresh(&self) -> Result<(), Failure> {
        let state = self.engine.state();
        for (number, block) in self.taskfile.blocks.iter().enumerate() {
            let wanted = self.wanted(number, &state)?;
            for tag in block.tags.iter().filter(|_| block.cleanup != Cleanup::Always) {
                if !World::is(&state, tag, &wanted) {
                    return Err(format!("{tag} is stale"));
                }
            }
        }
        Ok(())
    }

    /// Nothing is on the engine but the images that are meant to stay, and no journal.
    fn nothing_is_left(&self) -> Result<(), Failure> {
        let state = self.engine.state();
        let gone = |block: &&taskfile::Block| block.cleanup == Cleanup::Always;
        let tags = self.taskfile.blocks.iter().filter(gone).flat_map(|block| &block.tags);
        let left: Vec<&String> =
            state.containers.keys().chain(tags.filter(|tag| state.tags.contains_key(*tag))).collect();
        let journals = self.journals();
        match left.is_empty() && journals.is_empty() {
            true => Ok(()),
            false => Err(format!("left: {left:?} {journals:?}")),
        }
    }

    /// Journals of clean-up.
    fn journals(&self) -> Vec<String> {
        let entries = fs::read_dir(self.place.dir().join(".imk")).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| name.starts_with("journal")).collect()
    }
}

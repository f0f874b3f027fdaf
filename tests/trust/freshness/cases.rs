//! What the random rounds found, each by itself.

use std::fs;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use rustix::process::Signal;

use super::builder::Phase;
use super::changes::{Kept, foreign};
use super::engine::{Act, Engine, Order, When};
use super::host;
use crate::daemon::Manner;
use crate::figures::count;
use crate::scene::{Outcome, Scene, equal, words};
use crate::{Failure, scale};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        files_are_copied_out_of_images_side_by_side,
        what_changes_and_is_put_back_while_a_build_runs_has_it_built_again,
        an_image_of_a_build_that_was_cut_short_is_built_again,
        a_build_that_fails_leaves_no_doubt,
        an_attempt_that_fails_leaves_the_doubt_of_the_one_before,
        a_recipe_that_builds_its_own_base_is_fresh_after_it,
        audits_that_are_interrupted_end_as_makes_do,
        a_tag_that_could_not_be_put_back_is_by_the_next_run,
    ]
}

/// A folder with a makefile, a context with the file `a`, and an engine.
struct Bench {
    place: Scene,
    engine: Engine,
}

impl Bench {
    fn new(makefile: &str, dockerfile: &str) -> Result<Bench, Failure> {
        let (place, engine) = (Scene::new(makefile, Manner::Well)?, Engine::new().map_err(words)?);
        host(&place)?;
        fs::create_dir(place.dir().join("c")).map_err(words)?;
        place.write("c/a", "text")?;
        place.write("c/Dockerfile", dockerfile)?;
        Ok(Bench { place, engine })
    }

    fn imk(&self, arguments: &[&str], orders: Vec<Order>) -> Result<Outcome, Failure> {
        self.engine.begin(orders, true);
        let mut command = self.place.command(&[&["imk"], arguments].concat());
        self.engine.serve(&mut command);
        let mut child = command.spawn().map_err(words)?;
        self.engine.started(child.id());
        let outcome = self.place.wait(&mut child)?;
        self.engine.ended();
        Ok(outcome)
    }

    /// How often the last run built.
    fn built(&self) -> usize {
        self.engine.state().built.len()
    }

    /// A run that succeeds and builds so often.
    fn builds(&self, what: &str, orders: Vec<Order>, number: usize) -> Result<(), Failure> {
        let outcome = self.imk(&[], orders)?;
        equal(&format!("{what}: {outcome:?}"), outcome.status.as_str(), "0")?;
        equal(&format!("builds, {what}: {outcome:?}"), self.built(), number)
    }

    /// A file of the folder that is something else while the first build reads it.
    fn other_meanwhile(&self, name: &str, text: &'static str) -> Vec<Order> {
        let path = self.place.dir().join(name);
        let kept = Kept::of(path.clone());
        vec![
            order(Phase::Begun, move || drop(fs::write(&path, text))),
            order(Phase::Read, move || kept.put_back()),
        ]
    }
}

const BLOCK: &str = "image app\n  tags = app:1\n  context = c\n  cleanup = never\nendimage\n";
const DOCKERFILE: &str = "FROM base:1\nCOPY . /\nRUN make\n";

/// What an interrupted run may take until it ends, on a machine that has other work.
const PROMPT: Duration = Duration::from_secs(15);

/// A change in the first build.
fn order(phase: Phase, change: impl FnMut() + Send + 'static) -> Order {
    Order { when: When::Build(1, phase), act: Act::Change(Box::new(change)) }
}

/// An engine with a base image, and a folder with an ignore file.
fn bench() -> Result<Bench, Failure> {
    let bench = Bench::new(BLOCK, DOCKERFILE)?;
    bench.place.write("c/.dockerignore", "unused\n")?;
    bench.engine.state().commit(foreign(1), &["base:1".to_owned()]);
    Ok(bench)
}

fn what_changes_and_is_put_back_while_a_build_runs_has_it_built_again() -> Result<(), Failure> {
    for (name, text) in
        [("c/a", "other"), ("c/Dockerfile", "FROM base:1\nCOPY . /\nRUN other\n"), ("c/.dockerignore", "a\n")]
    {
        let bench = bench()?;
        bench.builds(name, bench.other_meanwhile(name, text), 2)?;
        bench.builds(name, Vec::new(), 0)?;
    }
    let bench = bench()?;
    let (away, back) = (bench.engine.handle(), bench.engine.handle());
    let own = bench.engine.state().tags["base:1"].clone();
    let orders = vec![
        order(Phase::Begun, move || drop(away.state().commit(foreign(2), &["base:1".to_owned()]))),
        order(Phase::Read, move || back.state().tag("base:1", &own)),
    ];
    bench.builds("a base image", orders, 2)?;
    bench.builds("a base image", Vec::new(), 0)
}

/// The engine finishes the image of a run that is gone, from a file that is put back then: the label does not tell.
fn an_image_of_a_build_that_was_cut_short_is_built_again() -> Result<(), Failure> {
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let bench = bench()?;
        let mut orders = bench.other_meanwhile("c/a", "other");
        orders[1].act = Act::Signal(signal, true);
        let kept = Kept::of(bench.place.dir().join("c/a"));
        let outcome = bench.imk(&[], orders)?;
        equal("the signal", outcome.status, format!("signal {}", signal.as_raw()))?;
        kept.put_back();
        bench.builds("after a signal", Vec::new(), 1)?;
        bench.builds("after that", Vec::new(), 0)?;
    }
    Ok(())
}

/// The image that is there is of the attempt that the failing one was to put right.
fn an_attempt_that_fails_leaves_the_doubt_of_the_one_before() -> Result<(), Failure> {
    let bench = bench()?;
    let mut orders = bench.other_meanwhile("c/a", "other");
    orders.push(Order { when: When::Build(2, Phase::Read), act: Act::Fail });
    let outcome = bench.imk(&[], orders)?;
    equal(&format!("{outcome:?}"), outcome.status.as_str(), "2")?;
    bench.builds("after it", Vec::new(), 1)?;
    bench.builds("after that", Vec::new(), 0)
}

fn a_build_that_fails_leaves_no_doubt() -> Result<(), Failure> {
    let bench = bench()?;
    let fails = Order { when: When::Build(1, Phase::Read), act: Act::Fail };
    let outcome = bench.imk(&[], vec![fails])?;
    equal(&format!("{outcome:?}"), outcome.status.as_str(), "2")?;
    equal("doubts", bench.place.dir().join(".imk/doubts").exists(), false)?;
    bench.builds("after a failure", Vec::new(), 1)?;
    equal("doubts", bench.place.dir().join(".imk/doubts").exists(), false)?;
    bench.builds("after that", Vec::new(), 0)?;
    // The image that is there is not of the build that fails.
    let fails = Order { when: When::Build(1, Phase::Read), act: Act::Fail };
    let outcome = bench.imk(&["-B"], vec![fails])?;
    equal(&format!("{outcome:?}"), outcome.status.as_str(), "2")?;
    equal("doubts", bench.place.dir().join(".imk/doubts").exists(), false)?;
    bench.builds("after a build that failed beside it", Vec::new(), 0)
}

/// The base is tagged in each run, to the same content.
fn a_recipe_that_builds_its_own_base_is_fresh_after_it() -> Result<(), Failure> {
    let makefile = ".IMAGE: app\napp:\n\
        \tdocker build --tag own:1 --file c/base c\n\tdocker build --tag app:1 c\n";
    let bench = Bench::new(makefile, "FROM own:1\nCOPY a /\n")?;
    bench.engine.state().commit(foreign(1), &["base:1".to_owned()]);
    bench.place.write("c/base", "FROM base:1\nRUN make\n")?;
    bench.builds("at first", Vec::new(), 2)?;
    bench.builds("with a base that was not there before", Vec::new(), 2)?;
    bench.builds("unchanged", Vec::new(), 0)?;
    bench.place.write("c/a", "other")?;
    bench.builds("changed", Vec::new(), 2)?;
    bench.builds("unchanged", Vec::new(), 0)
}

/// Targets whose containers would have one name, and whose files would come through one folder.
fn files_are_copied_out_of_images_side_by_side() -> Result<(), Failure> {
    let mut makefile = "all: a.b a-b\n.PHONY: all\n".to_owned();
    for (number, name) in ["a.b", "a-b"].iter().enumerate() {
        makefile += &format!(
            "image {name}\n tags = app:{number}\n context = c\n extract = /x:out{number}\nendimage\n"
        );
    }
    let bench = Bench::new(&makefile, "FROM scratch\nCOPY a /\n")?;
    for _ in 0..5 {
        let outcome = bench.imk(&["-j2"], Vec::new())?;
        equal(&format!("{outcome:?}"), outcome.status.as_str(), "0")?;
    }
    Ok(())
}

/// `--audit` in two forms, interrupted at each question to the engine, which answers then or never does, and while what it runs goes on.
fn audits_that_are_interrupted_end_as_makes_do() -> Result<(), Failure> {
    for form in ["--audit=smoke", "--audit=reproduce"] {
        let bench = bench()?;
        // What is built in the same run has signals handled from the beginning.
        let whole = bench.imk(&["-B", form], Vec::new())?;
        let asked = bench.engine.state().questions();
        equal(&format!("{form}: {whole:?}"), whole.status.as_str(), "1")?;
        equal(&format!("questions of {form}: {whole:?}"), asked > 10, true)?;
        let log = bench.engine.state().log.clone();
        let is_question = |line: &&String| line.starts_with("GET ") || line.starts_with("DELETE ");
        let questions: Vec<String> = log.iter().filter(is_question).cloned().collect();
        // Clean-up waits for its answers as long as ever: from its first removal or look for what is to be removed on.
        let got = questions.iter().rposition(|line| line.ends_with("/get"));
        let cleans = |(at, line): (usize, &String)| {
            let is_looked_for =
                line.contains("filters=") || (Some(at) > got && line.contains("imk-reproduce"));
            (is_looked_for || line.starts_with("DELETE ")).then_some(at)
        };
        let cleaning = questions.iter().enumerate().find_map(cleans).unwrap_or(asked);
        let step = 8 / scale().min(8);
        let some = (1 + fastrand::usize(..step)..=asked).step_by(step);
        let mut whens: Vec<When> = some.map(When::Question).collect();
        whens.extend([When::Started, When::Build(2, Phase::Read), When::Build(3, Phase::Committed)]);
        for when in whens {
            for hangs in [false, true] {
                let is_cleaning = matches!(when, When::Question(number) if number > cleaning);
                if hangs && is_cleaning {
                    continue;
                }
                let act = if hangs { Act::Hang(Signal::INT) } else { Act::Signal(Signal::INT, true) };
                let start = Instant::now();
                let outcome = bench.imk(&["-B", form], vec![Order { when, act }])?;
                let what = format!("{form} interrupted at {when:?}, hangs: {hangs}, {outcome:?}");
                let (is_met, log, left) = {
                    let state = bench.engine.state();
                    let containers = state.containers.keys();
                    let own = state.tags.keys().filter(|tag| tag.starts_with("imk-"));
                    (state.befell > 0, state.log.clone(), containers.chain(own).cloned().collect::<Vec<_>>())
                };
                let status = if is_met { "signal 2" } else { "1" };
                equal(&format!("{what} asked {log:#?}"), outcome.status.as_str(), status)?;
                equal(&format!("left of {what} asked {log:#?}"), left, Vec::new())?;
                equal(&what, start.elapsed() < PROMPT, true)?;
                count("interruptions", u64::from(is_met));
            }
        }
    }
    Ok(())
}

/// The build fails when its image has the tag, and then the engine does, before the tag goes back to the image that had it.
fn a_tag_that_could_not_be_put_back_is_by_the_next_run() -> Result<(), Failure> {
    let block = "image app\n tags = app:1\n context = c\n cleanup = on-failure\nendimage\n";
    let bench = Bench::new(block, DOCKERFILE)?;
    bench.engine.state().commit(foreign(1), &["base:1".to_owned()]);
    let tag = |bench: &Bench| bench.engine.state().tags["app:1"].clone();
    bench.builds("the first", Vec::new(), 1)?;
    let own = tag(&bench);
    bench.place.write("c/a", "other")?;
    let dies = Order { when: When::Build(1, Phase::Committed), act: Act::Die };
    let outcome = bench.imk(&[], vec![dies])?;
    equal(&format!("{outcome:?}"), outcome.status.as_str(), "2")?;
    equal(&format!("told: {outcome:?}"), outcome.stderr.contains("image app:1 is left: "), true)?;
    equal("the tag is another image's", tag(&bench) == own, false)?;
    let outcome = bench.imk(&["--reap"], Vec::new())?;
    equal(&format!("{outcome:?}"), outcome.status.as_str(), "0")?;
    equal("the tag", tag(&bench), own)?;
    bench.builds("the next", Vec::new(), 1)?;
    bench.builds("the one after it", Vec::new(), 0)
}

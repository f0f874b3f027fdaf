//! Runs that something befalls: changes while a build reads, some of which are undone before it ends; signals; an engine that refuses,
//! closes its connections, dies, or whose build fails. Each with what must hold right after; that the next run is right is for others.

use std::path::PathBuf;

use rustix::process::Signal;

use super::World;
use super::builder::Phase;
use super::changes::{FileChange, Kept, foreign};
use super::engine::{Act, Order, When};
use super::taskfile::{BASES, CONTEXTS, Cleanup, FILES, ignore_file, ignore_text, one_of};
use crate::Failure;
use crate::figures::count;

const PHASES: [Phase; 5] = [Phase::Begun, Phase::Parsed, Phase::HalfRead, Phase::Read, Phase::Committed];

/// What was ordered.
#[derive(Default)]
struct Disturbance {
    orders: Vec<Order>,
    what: Vec<String>,
    signal: Option<Signal>,
    /// Whether the engine fails the run.
    is_fault: bool,
    /// Files to be put back before the next run.
    put_back: Vec<Kept>,
}

impl Disturbance {
    fn order(&mut self, when: When, what: String, act: Act) {
        self.what.push(format!("at {when:?} {what}"));
        self.orders.push(Order { when, act });
    }

    fn change(&mut self, build: usize, phase: Phase, what: String, change: impl FnMut() + Send + 'static) {
        self.order(When::Build(build, phase), what, Act::Change(Box::new(change)));
    }
}

impl World {
    /// A run that something befalls; what is to be put back before the next one.
    pub fn disturbed(&mut self) -> Result<Vec<Kept>, Failure> {
        if fastrand::u8(..4) > 0 {
            // So that there is something to build.
            let block = one_of(&self.taskfile.blocks);
            self.engine.state().tags.remove(&block.tags[0]);
            self.story.push(format!("{} is removed", block.tags[0]));
        }
        let mut ordered = Disturbance::default();
        let build = 1 + fastrand::usize(..2);
        match fastrand::u8(..10) {
            0 | 1 => {
                let change = FileChange::random(&self.place.dir());
                let what = format!("{change:?}");
                ordered.change(build, one_of(&PHASES), what, move || change.apply());
            }
            2 | 3 => self.there_and_back(&mut ordered, build),
            4 => self.base_there_and_back(&mut ordered, build),
            5..8 => self.signal(&mut ordered, build),
            _ => self.fault(&mut ordered, build),
        }
        let is_zealous = fastrand::bool();
        let tags_before = self.engine.state().tags.clone();
        let Disturbance { orders, what, signal, is_fault, put_back } = ordered;
        self.story.push(format!("{}, zealous: {is_zealous}", what.join(", ")));
        let ordered = orders.len();
        let outcome = self.run(orders, is_zealous)?;
        let state = self.engine.state();
        let (befell, at) = (state.befell, state.befell_at.clone());
        drop(state);
        if befell == 0 {
            return Ok(put_back);
        }
        count("changes and faults in mid-run", befell as u64);
        // What was ordered first may have had the build fail before the signal came.
        match signal.filter(|_| befell == ordered) {
            Some(Signal::KILL) => {
                count("kills survived", 1);
                return Ok(put_back);
            }
            Some(signal) => {
                count("interruptions", 1);
                // At a question it may come when all is done.
                if at.is_some() && outcome.status != format!("signal {}", signal.as_raw()) {
                    return Err(format!("it ended with {} after {signal:?}", outcome.status));
                }
            }
            None if is_fault => {}
            None if outcome.status == "0" => self.befallen_is_fresh(at.as_deref())?,
            None => {}
        }
        if is_fault && outcome.status == "0" && at.is_none() {
            self.all_is_fresh()?;
        }
        if !outcome.stderr.contains(" is left: ") && !outcome.stderr.contains(" may be left") {
            let left: Vec<String> = self.engine.state().containers.keys().cloned().collect();
            if !left.is_empty() {
                return Err(format!("left and not told: {left:?}"));
            }
            if outcome.status != "0" && !is_zealous {
                self.tags_are_back(at.as_deref(), &tags_before)?;
            }
        }
        Ok(put_back)
    }

    /// The image in whose build something changed was built again, and is right.
    fn befallen_is_fresh(&self, at: Option<&str>) -> Result<(), Failure> {
        let state = self.engine.state();
        for (number, block) in self.taskfile.blocks.iter().enumerate() {
            if at != Some(block.tags[0].as_str()) || block.cleanup == Cleanup::Always {
                continue;
            }
            let wanted = self.wanted(number, &state)?;
            if !World::is(&state, &block.tags[0], &wanted) {
                return Err(format!("{} is stale: its inputs changed while it was built", block.tags[0]));
            }
        }
        Ok(())
    }

    /// The tags of the image whose build was interrupted or failed are what they were, where they are not meant to stay.
    fn tags_are_back(
        &self,
        at: Option<&str>,
        before: &std::collections::BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let state = self.engine.state();
        for block in self.taskfile.blocks.iter().filter(|block| block.cleanup != Cleanup::Never) {
            if at != Some(block.tags[0].as_str()) {
                continue;
            }
            for tag in &block.tags {
                if state.tags.get(tag) != before.get(tag) {
                    return Err(format!(
                        "{tag} is {:?} after a job that failed, and was {:?}",
                        state.tags.get(tag),
                        before.get(tag)
                    ));
                }
            }
        }
        Ok(())
    }

    /// A file that is read, or may be: of a context, a Dockerfile, an ignore file.
    fn some_file(&self) -> (PathBuf, String) {
        let folder = self.place.dir();
        match fastrand::u8(..4) {
            0 | 1 => {
                (folder.join(one_of(&CONTEXTS)).join(one_of(&FILES)), format!("other {}", fastrand::u8(..)))
            }
            2 => {
                let number = fastrand::usize(..self.taskfile.blocks.len());
                let block = &self.taskfile.blocks[number];
                let text = block.dockerfile.text() + "RUN other\n";
                (folder.join(block.file(number)), text)
            }
            _ => (folder.join(ignore_file(&self.taskfile)), ignore_text()),
        }
    }

    fn there_and_back(&self, ordered: &mut Disturbance, build: usize) {
        let (path, text) = self.some_file();
        // What was not there and is gone again leaves no trace but its folder's time.
        if !path.exists() {
            return;
        }
        let kept = Kept::of(path.clone());
        let what = format!("{} is {text:?}", path.display());
        let first = one_of(&PHASES[..2]);
        ordered.change(build, first, what, move || {
            let _ = std::fs::write(&path, &text);
        });
        let what = format!("{} is as it was", kept.path.display());
        ordered.change(build, one_of(&[Phase::Read, Phase::Committed]), what, move || kept.put_back());
    }

    fn base_there_and_back(&self, ordered: &mut Disturbance, build: usize) {
        let base = one_of(&BASES).to_owned();
        let Some(own) = self.engine.state().tags.get(&base).cloned() else { return };
        let (handle, other) = (self.engine.handle(), base.clone());
        ordered.change(build, Phase::Begun, format!("{base} is another image"), move || {
            handle.state().commit(foreign(9), std::slice::from_ref(&other));
        });
        let handle = self.engine.handle();
        ordered.change(build, Phase::Read, format!("{base} is as it was"), move || {
            handle.state().tag(&base, &own);
        });
    }

    /// A signal, perhaps after a change that is undone before the next run.
    fn signal(&self, ordered: &mut Disturbance, build: usize) {
        let signal = one_of(&[Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL, Signal::KILL]);
        let all = fastrand::u8(..3) > 0;
        let mut when = When::Build(build, one_of(&PHASES));
        if fastrand::u8(..3) == 0 {
            when = When::Question(1 + fastrand::usize(..30));
        } else if fastrand::bool() {
            let (path, text) = self.some_file();
            ordered.put_back.push(Kept::of(path.clone()));
            when = When::Build(build, one_of(&[Phase::Read, Phase::Committed]));
            let what = format!("{} is {text:?}", path.display());
            ordered.change(build, Phase::Begun, what, move || {
                let _ = std::fs::write(&path, &text);
            });
        }
        ordered.signal = Some(signal);
        ordered.order(when, format!("{signal:?} to all: {all}"), Act::Signal(signal, all));
    }

    /// The engine fails the run, perhaps while something changes.
    fn fault(&self, ordered: &mut Disturbance, build: usize) {
        ordered.is_fault = true;
        let question = When::Question(1 + fastrand::usize(..30));
        match fastrand::u8(..5) {
            0 => ordered.order(question, "it refuses".to_owned(), Act::Refuse),
            1 => ordered.order(question, "it closes".to_owned(), Act::Close),
            2 => ordered.order(question, "it dies".to_owned(), Act::Die),
            3 => ordered.order(When::Build(build, one_of(&PHASES)), "it fails".to_owned(), Act::Fail),
            _ => {
                let (path, text) = self.some_file();
                if !path.exists() {
                    return;
                }
                let kept = Kept::of(path.clone());
                ordered.change(build, Phase::Begun, format!("{} is {text:?}", path.display()), move || {
                    let _ = std::fs::write(&path, &text);
                });
                let what = format!("{} is as it was", kept.path.display());
                ordered.change(build, Phase::Read, what, move || kept.put_back());
                ordered.order(When::Build(build, Phase::Committed), "it dies".to_owned(), Act::Die);
            }
        }
    }
}

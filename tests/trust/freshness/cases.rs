//! What the random rounds found, each by itself.

use std::fs;

use libtest_mimic::Trial;
use rustix::process::Signal;

use super::builder::Phase;
use super::engine::{Act, CLIENT, Engine, Order, When};
use super::{LABEL, host};
use crate::Failure;
use crate::daemon::Manner;
use crate::scene::{Outcome, Scene, equal, words};

pub fn trials() -> Vec<Trial> {
    crate::trials![files_are_copied_out_of_images_side_by_side]
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

    /// First tags of what the last run built.
    fn built(&self) -> Vec<String> {
        self.engine.state().built.clone()
    }
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

//! Clean-up on random taskfiles with random faults and ends, held to a model of what each command does and what each recipe
//! removes by itself: the engine has afterwards what the model says, and nobody else's things are touched.

use std::collections::BTreeSet;

use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::Failure;
use crate::daemon::Manner;
use crate::scene::{Scene, words};
use crate::seeds::rounds;

pub fn trials() -> Vec<Trial> {
    crate::trials![random_taskfiles_leave_what_the_model_says]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Build,
    Create,
    Cp,
    Rm,
    Rmi,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Build, Kind::Create, Kind::Cp, Kind::Rm, Kind::Rmi];

    fn name(self) -> &'static str {
        match self {
            Kind::Build => "build",
            Kind::Create => "create",
            Kind::Cp => "cp",
            Kind::Rm => "rm",
            Kind::Rmi => "rmi",
        }
    }
}

/// A command of a recipe: what it does to which thing, and whether make ignores that it fails.
#[derive(Clone, Debug)]
struct Line {
    kind: Kind,
    thing: String,
    ignored: bool,
}

impl Line {
    fn text(&self, style: usize) -> String {
        let Line { kind, thing, .. } = self;
        let quoted =
            [thing.clone(), format!("'{thing}'"), format!("$(subst @,,{thing})"), format!("\"{thing}\"")];
        let thing = &quoted[style % quoted.len()];
        match kind {
            Kind::Build => format!("docker build --tag {thing} ."),
            Kind::Create => format!("docker create --name {thing} x"),
            Kind::Cp => format!("docker cp {thing}:/x ."),
            Kind::Rm => format!("docker rm {thing}"),
            Kind::Rmi => format!("docker rmi {thing}"),
        }
    }

    /// The thing's file on the engine.
    fn file(&self) -> String {
        match self.kind {
            Kind::Build | Kind::Rmi => format!("image-{}", self.thing),
            _ => format!("container-{}", self.thing),
        }
    }
}

/// What is told of a command's kind before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// It fails before it does anything.
    Fails(Kind),
    /// It fails after it has done its work.
    Breaks(Kind),
    /// The run is ended when it has done its work.
    Ends(Kind, Signal),
}

/// A recipe whose things have names of their own.
fn recipe(target: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for number in 0..1 + fastrand::usize(..3) {
        let is_image = fastrand::bool();
        let thing = if is_image { format!("app{target}-{number}:t") } else { format!("c{target}-{number}") };
        let (make, remove) = if is_image { (Kind::Build, Kind::Rmi) } else { (Kind::Create, Kind::Rm) };
        let line = |kind, ignored| Line { kind, thing: thing.clone(), ignored };
        // What was left of an earlier time goes first, as people write it: that is no removal of what the recipe makes.
        if fastrand::u8(..4) == 0 {
            lines.push(line(remove, true));
        }
        lines.push(line(make, fastrand::u8(..6) == 0));
        if !is_image && fastrand::bool() {
            lines.push(line(Kind::Cp, fastrand::u8(..6) == 0));
        }
        if fastrand::u8(..4) > 0 {
            let at = fastrand::usize(..=1).min(lines.len());
            let removal = line(remove, fastrand::u8(..6) == 0);
            // At the end of the recipe, or at once.
            if at == 0 { lines.push(removal) } else { lines.insert(lines.len(), removal) }
        }
    }
    lines
}

/// How the modelled run ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Success,
    Failure,
    Killed(Signal),
}

/// What the engine has after the run, by the model.
fn model(recipes: &[Vec<Line>], things: &mut BTreeSet<String>, fault: Fault) -> End {
    for lines in recipes {
        let mut made: Vec<(usize, String)> = Vec::new();
        let mut end = None;
        for (at, line) in lines.iter().enumerate() {
            let file = line.file();
            let mut fails = fault == Fault::Fails(line.kind);
            if !fails {
                match line.kind {
                    Kind::Build => {
                        things.insert(file.clone());
                        made.push((at, file));
                    }
                    Kind::Create if things.contains(&file) => fails = true,
                    Kind::Create => {
                        things.insert(file.clone());
                        made.push((at, file));
                    }
                    Kind::Rm | Kind::Rmi => fails = !things.remove(&file),
                    Kind::Cp => {}
                }
                match fault {
                    Fault::Breaks(kind) if kind == line.kind => fails = true,
                    // A command that failed by itself is over.
                    Fault::Ends(kind, signal) if kind == line.kind && !fails => {
                        end = Some(End::Killed(signal));
                        break;
                    }
                    _ => {}
                }
            }
            if fails && !line.ignored {
                end = Some(End::Failure);
                break;
            }
        }
        if let Some(end) = end {
            for (at, file) in made {
                let removes = |line: &Line| matches!(line.kind, Kind::Rm | Kind::Rmi) && line.file() == file;
                if lines[at + 1..].iter().any(removes) {
                    things.remove(&file);
                }
            }
            return end;
        }
    }
    End::Success
}

fn random_taskfiles_leave_what_the_model_says() -> Result<(), Failure> {
    rounds(40, "random taskfiles held to a model", one_round)
}

fn one_round() -> Result<(), Failure> {
    let recipes: Vec<Vec<Line>> = (0..1 + fastrand::usize(..3)).map(recipe).collect();
    let kind = Kind::ALL[fastrand::usize(..Kind::ALL.len())];
    let signals = [Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL];
    let fault = match fastrand::u8(..6) {
        0 => Fault::None,
        1 | 2 => Fault::Fails(kind),
        3 => Fault::Breaks(kind),
        _ => Fault::Ends(kind, signals[fastrand::usize(..signals.len())]),
    };
    let mut makefile = String::from(".NOTPARALLEL:\nall:");
    (0..recipes.len()).for_each(|number| makefile += &format!(" t{number}"));
    makefile.push('\n');
    for (number, lines) in recipes.iter().enumerate() {
        makefile += &format!("t{number}:\n");
        for line in lines {
            let dash = if line.ignored { "-" } else { "" };
            makefile += &format!("\t{dash}@{}\n", line.text(fastrand::usize(..4)));
        }
    }
    let place = Scene::new(&makefile, Manner::Well)?;
    let mut things = BTreeSet::new();
    // Somebody's things, some under names that the recipes use for containers.
    let mut theirs = vec!["container-mine".to_owned(), "image-mine:1".to_owned()];
    for line in recipes.iter().flatten().filter(|line| line.kind == Kind::Create) {
        if fastrand::u8(..8) == 0 {
            theirs.push(line.file());
        }
    }
    for name in theirs {
        std::fs::write(place.daemon.path().join(&name), "ab".repeat(32)).map_err(words)?;
        things.insert(name);
    }
    let before = things.clone();
    let end = model(&recipes, &mut things, fault);
    match fault {
        Fault::None => {}
        Fault::Fails(kind) => place.daemon.mark(&format!("fail-{}", kind.name())).map_err(words)?,
        Fault::Breaks(kind) => place.daemon.mark(&format!("break-{}", kind.name())).map_err(words)?,
        Fault::Ends(kind, _) => place.daemon.mark(&format!("block-{}", kind.name())).map_err(words)?,
    }
    let mut child = place.command(&["imk"]).spawn().map_err(words)?;
    let said = match end {
        End::Killed(signal) => {
            place.daemon.wait_until_blocked().map_err(words)?;
            let pid = Pid::from_raw(child.id().cast_signed()).ok_or("no process")?;
            kill_process_group(pid, signal).map_err(|error| error.to_string())?;
            if signal == Signal::KILL {
                child.wait().map_err(words)?;
                place.end_all();
                place.imk(&["--reap"])?
            } else {
                place.wait(&mut child)?
            }
        }
        _ => place.wait(&mut child)?,
    };
    let found: BTreeSet<String> = place.daemon.things().into_iter().collect();
    let wrong_end = match end {
        End::Success => said.status != "0",
        End::Failure => said.status != "2",
        End::Killed(_) => false,
    };
    if found != things || wrong_end || !place.litter().is_empty() {
        return Err(format!(
            "{makefile}\n{fault:?} {end:?}: from {before:#?}\nto {found:#?}\nthe model says {things:#?}\nleft {:?}, said {said:#?}",
            place.litter()
        ));
    }
    Ok(())
}

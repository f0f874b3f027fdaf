//! What imk does when the system, the engine, the shell or the people around it fail it: faults of every system call that it
//! makes, kills at any moment, surroundings that are hostile or gone. Each is followed by the same questions: was it told, is
//! anything left, is the next run right.
//!
//! `TRUST_SCALE` multiplies how much is tried (1: what fits into a few minutes); the last lines say how much that was. Needs
//! `strace` for the faults of system calls; GNU make 4.4.1 for what is held to it.

#[allow(dead_code)]
#[path = "../it/daemon.rs"]
mod daemon;
mod figures;
mod growth;
mod injection;
mod kills;
mod memory;
mod outside;
mod privacy;
#[allow(dead_code)]
#[path = "../it/program.rs"]
mod program;
mod scene;
mod surroundings;
mod sweep;

use libtest_mimic::{Arguments, Trial};

/// Why a test failed, for a reader.
pub type Failure = String;

/// Makes one trial of each function named.
#[macro_export]
macro_rules! trials {
    ($($name:ident),* $(,)?) => {
        vec![$(libtest_mimic::Trial::test(
            concat!(module_path!(), "::", stringify!($name)).trim_start_matches("trust::"),
            || { $name().map_err(libtest_mimic::Failed::from) },
        )),*]
    };
}

/// How many times as much as usual is tried.
pub fn scale() -> usize {
    std::env::var("TRUST_SCALE").ok().and_then(|scale| scale.parse().ok()).unwrap_or(1)
}

fn main() {
    let mut arguments = Arguments::from_args();
    // What is timed is timed under the load that the tests make themselves.
    arguments.test_threads = arguments.test_threads.or(Some(2));
    let mut trials: Vec<Trial> = Vec::new();
    trials.extend(growth::trials());
    trials.extend(injection::trials());
    trials.extend(kills::trials());
    trials.extend(memory::trials());
    trials.extend(outside::trials());
    trials.extend(privacy::trials());
    trials.extend(surroundings::trials());
    trials.extend(sweep::trials());
    let conclusion = libtest_mimic::run(&arguments, trials);
    figures::print();
    conclusion.exit();
}

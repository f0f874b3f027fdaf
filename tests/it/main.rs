//! The integration tests, one binary: cases as files, tests in Rust, the architecture's rules and the differential tester.
//!
//! Tests are collected at run time (libtest-mimic), so that a new case file is a new test without a build, and a test
//! that cannot run here (no GNU make, say) is counted as ignored and never as passed.
//!
//! Environment: `IMK_UNDER_TEST` is the program to test (default: the one that cargo built), `GNU_MAKE` the GNU make
//! 4.4.1 to compare with (default: what `scripts/gnu-make` fetched), `IMK_BLESS=1` rewrites the cases' expectations.

mod affected;
mod ahead;
mod architecture;
mod audit;
mod bad_images;
mod bad_input;
mod builder;
mod case;
mod case_files;
mod choose;
mod ci;
mod cleanup;
mod completion;
mod daemon;
mod differ;
mod docs;
mod events;
mod interruption;
mod language;
mod locale;
mod plans;
mod program;
mod reports;
mod run;
mod screen;
mod secrets;
mod tables;
mod terminal;

use libtest_mimic::{Arguments, Trial};

/// Makes one trial of each function named, as `module::function`.
#[macro_export]
macro_rules! trials {
    ($($name:ident),* $(,)?) => {
        vec![$(libtest_mimic::Trial::test(
            concat!(module_path!(), "::", stringify!($name)).trim_start_matches("it::"),
            || { $name().map_err(libtest_mimic::Failed::from) },
        )),*]
    };
}

fn main() {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = Vec::new();
    trials.extend(affected::trials());
    trials.extend(ahead::trials());
    trials.extend(architecture::trials());
    trials.extend(audit::trials());
    trials.extend(case::trials());
    trials.extend(bad_images::trials());
    trials.extend(bad_input::trials());
    trials.extend(case_files::trials());
    trials.extend(ci::trials());
    trials.extend(cleanup::trials());
    trials.extend(completion::trials());
    trials.extend(differ::trials());
    trials.extend(events::trials());
    trials.extend(choose::trials());
    trials.extend(docs::trials());
    trials.extend(interruption::trials());
    trials.extend(language::trials());
    trials.extend(locale::trials());
    trials.extend(plans::trials());
    trials.extend(reports::trials());
    trials.extend(secrets::trials());
    trials.extend(tables::trials());
    trials.extend(screen::trials());
    libtest_mimic::run(&arguments, trials).exit();
}

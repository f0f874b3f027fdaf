//! What imk does when the system, the engine, the shell or the people around it fail it: faults of every system call that it
//! makes, kills at any moment, surroundings that are hostile or gone. Each is followed by the same questions: was it told, is
//! anything left, is the next run right.
//!
//! The program is also the clients that it has imk ask (`stub`), where it is run under their names.
//!
//! `TRUST_SCALE` multiplies how much is tried (1: what fits into a few minutes); the last lines say how much that was. Needs
//! `strace` for the faults of system calls; GNU make 4.4.1 for what is held to it.

mod clients;
#[allow(dead_code)]
#[path = "../it/daemon.rs"]
mod daemon;
mod figures;
mod freshness;
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
mod seeds;
mod stub;
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

/// Starts this program again with signals that are heeded, where whoever started it in the background has SIGINT ignored: what is
/// ignored all children ignore too, and runs that are interrupted would go on.
fn heed_signals() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    // SIGHUP, SIGINT, SIGQUIT, SIGTERM: bit 0 is signal 1.
    let is_heeded = ignored & (1 | 1 << 1 | 1 << 2 | 1 << 14) == 0;
    let Some(own) = std::env::current_exe().ok().filter(|_| !is_heeded) else { return };
    if std::env::var_os("TRUST_STARTED_AGAIN").is_none() {
        let mut again = std::process::Command::new("env");
        again.arg("--default-signal=HUP,INT,QUIT,TERM").arg(own).args(std::env::args_os().skip(1));
        let error = std::os::unix::process::CommandExt::exec(again.env("TRUST_STARTED_AGAIN", "1"));
        println!("trust: SIGINT is ignored, and env does not help: {error}");
    }
}

/// Ends as the client of an engine of `freshness`, where this program was started as one.
fn be_client() {
    let name = std::env::args_os().next().unwrap_or_default();
    let socket = std::env::var_os(freshness::client::CLIENT);
    if let Some(socket) = socket.filter(|_| std::path::Path::new(&name).ends_with("docker")) {
        std::process::exit(freshness::client::be_client(std::path::Path::new(&socket)));
    }
}

fn main() {
    be_client();
    if let Some(status) = stub::as_client() {
        std::process::exit(status);
    }
    if let Some(image) = std::env::var_os(growth::READS) {
        return growth::read_image(&image);
    }
    heed_signals();
    let mut arguments = Arguments::from_args();
    // What is timed is timed under the load that the tests make themselves.
    arguments.test_threads = arguments.test_threads.or(Some(2));
    let mut trials: Vec<Trial> = Vec::new();
    trials.extend(clients::trials());
    trials.extend(freshness::trials());
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

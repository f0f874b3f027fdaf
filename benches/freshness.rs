//! Times the question whether an image is fresh, of a large context and of a tiny one, beside a `docker build` that has all in its
//! cache: the whole program with an image block, and the library's part of it; and the look-up of one image, beside the engines'
//! clients.
//!
//! `scripts/engine run cargo bench --bench freshness` runs it; `FILES=N` sets the size of the context, 10,000 unless set.

use imk::image::context::{Convention, Ignore, select};
use imk::image::dockerfile::{Request, analyse};
use imk::image::engine::Engine;
use imk::image::engine::choose::{Surroundings, named};
use imk::image::freshness::{
    Attributes, Components, Context, DigestCache, EngineBases, Inputs, LABEL, Memory, Proof, Verdict, Wanted,
    fresh, gather,
};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const DOCKERFILE: &[u8] = b"FROM scratch\nCOPY . /src/\n";
const TAG: &str = "imk-bench-freshness:1";
const ROUNDS: usize = 15;

fn look(engine: &dyn Engine, context: &Path, cache: &DigestCache) -> Components {
    let bases = EngineBases::new(engine);
    let request =
        Request { target: None, build_args: &[], named_contexts: &[], platform_args: &[], bases: &bases };
    let analysis = analyse(DOCKERFILE, &request).expect("an analysis");
    let inputs = Inputs {
        analysis: &analysis,
        dockerfile: DOCKERFILE,
        dockerfile_path: None,
        context: Context::Folder(context),
        build_args: &[],
        named_contexts: &[],
        directory: context,
        convention: Convention::Docker,
        platform: None,
        whole_file: false,
        attributes: Attributes::default(),
    };
    gather(&inputs, &bases, cache).expect("inputs")
}

/// The whole question, as a new process asks it: the cache is read from disk. How many files were read.
fn ask(engine: &dyn Engine, context: &Path, home: &Path) -> (bool, u64) {
    let (cache, memory, tags) = (DigestCache::new(home), Memory::new(home), [TAG.to_owned()]);
    let components = look(engine, context, &cache);
    let wanted =
        Wanted { name: "bench", tags: &tags, components: &components, proof: Proof::Label, found: None };
    let verdict = fresh(engine, &wanted, &memory).expect("an answer");
    (matches!(verdict, Verdict::Fresh(_)), cache.hashed())
}

/// The whole program, which finds the image fresh.
fn imk(context: &Path, goal: &str) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imk"));
    command.args(["-f", "taskfile", goal]).current_dir(context);
    for name in ["MAKEFLAGS", "MAKELEVEL", "IMKFLAGS", "GNUMAKEFLAGS"] {
        command.env_remove(name);
    }
    let output = command.stdin(Stdio::null()).output();
    output
        .is_ok_and(|output| output.stdout.ends_with(format!("Nothing to be done for '{goal}'.\n").as_bytes()))
}

/// A folder with its Dockerfile and a taskfile; the image is built by the program.
fn prepare(context: &Path) -> bool {
    let taskfile = format!(
        "image app\n  tags = {TAG}-{}\nendimage\n",
        context.file_name().unwrap_or_default().display()
    );
    fs::create_dir_all(context).expect("a folder");
    fs::write(context.join("Dockerfile"), DOCKERFILE).expect("a Dockerfile");
    fs::write(context.join("taskfile"), taskfile).expect("a taskfile");
    fs::write(context.join(".dockerignore"), ".imk\n").expect("an ignore file");
    // Files that have just been written are read again until their times are safely in the past.
    std::thread::sleep(Duration::from_millis(100));
    imk(context, "app");
    imk(context, "app")
}

fn build(context: &Path, label: &str) -> bool {
    let mut command = Command::new("docker");
    command.args(["build", "-q", "-t", TAG, "--label", label]).arg(context).env("DOCKER_BUILDKIT", "1");
    command.stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn row(what: &str, mut times: Vec<Duration>) -> f64 {
    times.sort();
    let shown = |time: Duration| time.as_secs_f64() * 1000.0;
    let (best, median) = (shown(times[0]), shown(times[times.len() / 2]));
    println!("{what:<44} {best:>9.2} {median:>9.2}");
    median
}

fn timed<T>(times: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    times.push(start.elapsed());
    result
}

/// One image looked up as a new process does it, by each engine that is there, beside the engine's own client.
fn look_ups() {
    for client in ["docker", "podman", "buildah", "nerdctl"] {
        let ask =
            || named(client, &Surroundings::of_process()).ok().and_then(|engine| engine.image(TAG).ok());
        if ask().is_none() {
            continue;
        }
        let (mut own, mut clients) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            timed(&mut own, ask);
            let mut command = Command::new(client);
            command.args(["inspect", "--type", "image", TAG]).stdout(Stdio::null()).stderr(Stdio::null());
            timed(&mut clients, || command.status().is_ok());
        }
        row(&format!("imk: one image looked up, {client}"), own);
        row(&format!("{client} inspect"), clients);
    }
}

fn main() -> ExitCode {
    let engine = match named("docker", &Surroundings::of_process()) {
        Ok(engine) if engine.version().is_ok() => engine,
        _ => {
            println!("freshness: no docker engine answers");
            return ExitCode::from(77);
        }
    };
    let count: usize = std::env::var("FILES").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let place = tempfile::tempdir().expect("a folder");
    let context = place.path().join("context");
    for number in 0..count {
        let folder = context.join(format!("package{:03}/module{}", number / 100, number / 20 % 5));
        fs::create_dir_all(&folder).expect("a folder");
        let text = format!("# file {number}\n").repeat(100);
        fs::write(folder.join(format!("file{number:05}.py")), text).expect("a file");
    }
    let tiny = place.path().join("tiny");
    if !prepare(&context) || !prepare(&tiny) {
        println!("freshness: imk does not find its own image fresh");
        return ExitCode::FAILURE;
    }
    let engine = engine.as_ref();
    let mut first = Vec::new();
    let components = timed(&mut first, || look(engine, &context, &DigestCache::new(place.path())));
    let label = format!("{LABEL}={}", components.digest());
    if !build(&context, &label) || !ask(engine, &context, place.path()).0 {
        println!("freshness: the image is not fresh after its build");
        return ExitCode::FAILURE;
    }
    let (mut checks, mut walks, mut builds, mut touched) = (vec![], vec![], vec![], vec![]);
    let (mut runs, mut touched_runs, mut tiny_runs, mut tiny_builds) = (vec![], vec![], vec![], vec![]);
    let mut good = true;
    for round in 0..ROUNDS {
        good &= timed(&mut checks, || ask(engine, &context, place.path())) == (true, 0);
        timed(&mut walks, || select(&context, &Ignore::default(), &[], true).expect("a walk"));
        // Before the builds, after which the engine has work of its own for a while. The first run reads what the round before touched.
        good &= timed(&mut touched_runs, || imk(&context, "app"));
        good &= timed(&mut runs, || imk(&context, "app"));
        good &= timed(&mut tiny_runs, || imk(&tiny, "app"));
        good &= timed(&mut builds, || build(&context, &label));
        good &= timed(&mut tiny_builds, || build(&tiny, &label));
        let file = context.join("package000/module0").join(format!("file{round:05}.py"));
        let open = fs::File::options().append(true).open(&file).expect("a file");
        open.set_modified(std::time::SystemTime::now()).expect("a time");
        std::thread::sleep(Duration::from_millis(40));
        good &= timed(&mut touched, || ask(engine, &context, place.path())) == (true, 1);
    }
    println!("{:<44} {:>9} {:>9}", format!("{count} files"), "best ms", "median ms");
    row("imk: all files read for the first time", first);
    let whole = row("imk app: the whole program, all fresh", runs);
    row("  of this the question: is it fresh?", checks);
    row("  of this the walk and the look at each entry", walks);
    row("imk app: after one file was touched", touched_runs);
    row("  of this the question", touched);
    let cached = row("docker build, all from its cache", builds);
    let tiny_whole = row("imk app: a context of 3 files", tiny_runs);
    let tiny_cached = row("docker build of it, all from its cache", tiny_builds);
    println!(
        "imk takes {:.1}% of docker's time, of the tiny context {:.1}%",
        100.0 * whole / cached,
        100.0 * tiny_whole / tiny_cached
    );
    look_ups();
    let tags = [TAG.to_owned(), format!("{TAG}-context"), format!("{TAG}-tiny")];
    let _ = Command::new("docker").args(["rmi", "-f"]).args(tags).stdout(Stdio::null()).status();
    if !good {
        println!("freshness: an answer was wrong, or more files were read than were touched");
    }
    ExitCode::from(u8::from(!good))
}

//! What is kept of a build's output: how long its steps took, which packages pip compiled, which base images it took. Reads what
//! [`super::progress`] tells; judges nothing.

use super::progress::{News, Reader, State};
use super::reference::Reference;
use crate::base::tables::HashMap;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A build's log, as far as it is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// Its steps that are instructions of a Dockerfile, in the order in which they began.
    pub steps: Vec<Step>,
    /// The base images that came from a registry: canonical reference and digest.
    pub bases: Vec<(String, String)>,
}

/// A step of a build.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Its name, as the engine has it: `[build 2/5] RUN make`.
    pub name: String,
    /// How long it took when it ran last; none where that was not seen.
    pub took: Option<Duration>,
    /// Whether pip said what it did, all of it.
    pub pip: bool,
    /// The packages that pip built from an index's sources.
    pub compiled: Vec<Compiled>,
}

/// A package that was built from source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compiled {
    /// Its name.
    pub package: String,
    /// How long that took, where it was told.
    pub took: Option<Duration>,
    /// Whether it holds machine code, where its wheel's name tells.
    pub native: Option<bool>,
}

impl Step {
    /// The instruction, without its stage and number.
    fn instruction(&self) -> &str {
        self.name.split_once("] ").map_or(&self.name, |(_, text)| text)
    }
}

/// Reads a build's output as it comes.
#[derive(Default)]
pub struct Recorder {
    reader: Reader,
    log: Log,
    /// Index in the log by the engine's number, with what is known only while the step runs.
    running: HashMap<u32, Running>,
}

struct Running {
    step: usize,
    since: Instant,
    /// Names of the source archives that were fetched.
    archives: Vec<String>,
    /// Wheels that are being built, with the time at which that began.
    building: Vec<(Compiled, Duration)>,
    clipped: bool,
}

/// Steps that are kept of one build.
const STEPS_MAX: usize = 1000;
/// Packages that are kept of one step.
const PACKAGES_MAX: usize = 1000;

impl Recorder {
    /// Takes a piece of output.
    pub fn take(&mut self, text: &[u8]) {
        for News { number, name, state } in self.reader.read(text) {
            match state {
                State::Started => self.started(number, name),
                State::Said(at, line) => self.said(number, at, &line),
                State::Done(took) => self.done(number, took),
                State::Cached | State::Failed(_) => drop(self.running.remove(&number)),
            }
        }
    }

    /// What was read so far.
    pub fn log(&self) -> Log {
        self.log.clone()
    }

    fn started(&mut self, number: u32, name: String) {
        self.log.note_base(&name);
        let is_instruction =
            name.starts_with('[') && !name.starts_with("[internal]") && !name.starts_with("[auth]");
        if !is_instruction || self.log.steps.len() >= STEPS_MAX {
            return;
        }
        let step = self.log.steps.len();
        self.log.steps.push(Step { name, ..Step::default() });
        let running = Running {
            step,
            since: Instant::now(),
            archives: Vec::new(),
            building: Vec::new(),
            clipped: false,
        };
        self.running.insert(number, running);
    }

    fn done(&mut self, number: u32, took: Option<Duration>) {
        let Some(mut running) = self.running.remove(&number) else { return };
        let took = took.unwrap_or_else(|| running.since.elapsed());
        let Some(step) = self.log.steps.get_mut(running.step) else { return };
        step.took = Some(took);
        step.pip &= !running.clipped;
        let archives = std::mem::take(&mut running.archives);
        // What pip builds of a folder is the project itself.
        step.compiled.retain(|one| archives.contains(&normal(&one.package)));
    }

    fn said(&mut self, number: u32, at: Option<Duration>, line: &str) {
        let Some(running) = self.running.get_mut(&number) else { return };
        let Some(step) = self.log.steps.get_mut(running.step) else { return };
        let at = at.unwrap_or_else(|| running.since.elapsed());
        let line = line.trim();
        const SPEAKS: [&str; 5] = [
            "Collecting ",
            "Requirement already satisfied",
            "Processing ",
            "Installing collected packages",
            "Successfully ",
        ];
        step.pip |= SPEAKS.iter().any(|begin| line.starts_with(begin));
        running.clipped |= line.contains("[output clipped");
        for begin in ["Downloading ", "Using cached ", "Processing "] {
            let Some(file) = line.strip_prefix(begin).and_then(|rest| rest.split(' ').next()) else {
                continue;
            };
            let file = file.rsplit('/').next().unwrap_or(file);
            let stem = [".tar.gz", ".zip", ".tgz", ".tar.bz2"].iter().find_map(|end| file.strip_suffix(end));
            if let Some((package, _)) = stem.and_then(|stem| stem.rsplit_once('-'))
                && running.archives.len() < PACKAGES_MAX
            {
                running.archives.push(normal(package));
            }
        }
        let built =
            line.strip_prefix("Building wheel for ").or(line.strip_prefix("Running setup.py install for "));
        if let Some((package, rest)) = built.and_then(|rest| rest.split_once(' ').or(rest.split_once(':'))) {
            let package = package.trim_end_matches(':').to_owned();
            if rest.ends_with("started") && running.building.len() < PACKAGES_MAX {
                running.building.push((Compiled { package, ..Compiled::default() }, at));
            } else if rest.ends_with("finished with status 'done'") {
                let place = running.building.iter().position(|(one, _)| one.package == package);
                let (mut one, since) = match place {
                    Some(place) => running.building.remove(place),
                    None => (Compiled { package, ..Compiled::default() }, at),
                };
                one.took = place.map(|_| at.saturating_sub(since));
                step.compiled.push(one);
            }
        }
        if let Some((package, rest)) =
            line.strip_prefix("Created wheel for ").and_then(|rest| rest.split_once(": "))
            && let Some(file) = rest.strip_prefix("filename=").and_then(|rest| rest.split(' ').next())
            && let Some(one) = step.compiled.iter_mut().rev().find(|one| one.package == package)
        {
            one.native = Some(!file.ends_with("-none-any.whl"));
        }
    }
}

/// A package's name as indexes compare it.
fn normal(name: &str) -> String {
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

impl Log {
    /// The base of a step `[1/3] FROM docker.io/library/debian:12@sha256:…`.
    fn note_base(&mut self, name: &str) {
        let Some((_, text)) = name.split_once("] FROM ") else { return };
        let word = text.split(' ').find(|word| !word.starts_with("--")).unwrap_or_default();
        let Ok(reference) = Reference::parse(word.as_bytes()) else { return };
        let Some(digest) = reference.digest.clone() else { return };
        let base = (Reference { digest: None, ..reference }.with_default_tag().canonical(), digest);
        if !self.bases.contains(&base) {
            self.bases.push(base);
        }
    }

    /// Takes over what an earlier build of the same target showed of steps that this one took from the cache.
    pub fn complete_from(&mut self, earlier: &Log) {
        for step in self.steps.iter_mut().filter(|step| step.took.is_none()) {
            let same = |other: &&Step| other.took.is_some() && other.instruction() == step.instruction();
            if let Some(known) = earlier.steps.iter().find(same) {
                *step = Step { name: std::mem::take(&mut step.name), ..known.clone() };
            }
        }
    }

    /// The log as it is kept.
    pub fn to_json(&self) -> Value {
        let time = |took: Option<Duration>| took.map(|took| took.as_secs_f64());
        let compiled = |one: &Compiled| json!({ "package": one.package, "seconds": time(one.took), "native": one.native });
        let step = |step: &Step| {
            let all: Vec<Value> = step.compiled.iter().map(compiled).collect();
            json!({ "name": step.name, "seconds": time(step.took), "pip": step.pip, "compiled": all })
        };
        let steps: Vec<Value> = self.steps.iter().map(step).collect();
        json!({ "steps": steps, "bases": self.bases })
    }

    /// What [`Log::to_json`] gave; what is missing in it, or of another type, is left out.
    pub fn from_json(value: &Value) -> Log {
        let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let time =
            |value: &Value| value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let compiled = |one: Value| Compiled {
            package: text(&one["package"]),
            took: time(&one["seconds"]),
            native: one["native"].as_bool(),
        };
        let step = |one: Value| Step {
            name: text(&one["name"]),
            took: time(&one["seconds"]),
            pip: one["pip"].as_bool().unwrap_or(false),
            compiled: items(&one["compiled"]).into_iter().map(compiled).collect(),
        };
        Log {
            steps: items(&value["steps"]).into_iter().map(step).collect(),
            bases: items(&value["bases"]).iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIP: &str = "#1 [internal] load build definition from Dockerfile\n#1 DONE 0.0s\n\n\
        #4 [builder 1/2] FROM docker.io/library/python:3.11@sha256:\
        00000000000000000000000000000000000000000000000000000000000000aa\n#4 CACHED\n\n\
        #5 [builder 2/2] RUN pip install -r requirements.txt\n\
        #5 0.512 Collecting fast_hash==1.0\n#5 0.601   Downloading fast-hash-1.0.tar.gz (2.1 kB)\n\
        #5 0.7 Collecting six\n#5 0.7   Downloading six-1.16.0-py2.py3-none-any.whl (11 kB)\n\
        #5 0.7 Processing /src\n#5 0.8   Downloading pure.pkg-2.tar.gz (1 kB)\n\
        #5 0.9 Building wheels for collected packages: fast-hash, app, pure-pkg\n\
        #5 1.000   Building wheel for fast-hash (pyproject.toml): started\n\
        #5 6.000   Building wheel for fast-hash (pyproject.toml): still running...\n\
        #5 41.250   Building wheel for fast-hash (pyproject.toml): finished with status 'done'\n\
        #5 41.300   Created wheel for fast-hash: filename=fast_hash-1.0-cp311-cp311-linux_x86_64.whl size=9 sha256=0\n\
        #5 41.400   Building wheel for app (setup.py): started\n\
        #5 42.400   Building wheel for app (setup.py): finished with status 'done'\n\
        #5 42.500   Created wheel for app: filename=app-1-py3-none-any.whl size=9 sha256=0\n\
        #5 42.600   Building wheel for pure.pkg (setup.py): started\n\
        #5 42.900   Building wheel for pure.pkg (setup.py): finished with status 'done'\n\
        #5 43.000   Created wheel for pure.pkg: filename=pure_pkg-2-py3-none-any.whl size=9 sha256=0\n\
        #5 44.000 Successfully installed app-1 fast-hash-1.0 six-1.16.0\n#5 DONE 44.4s\n";

    fn log(text: &str, piece: usize) -> Log {
        let mut recorder = Recorder::default();
        text.as_bytes().chunks(piece).for_each(|piece| recorder.take(piece));
        recorder.log()
    }

    #[test]
    fn pip_tells_what_it_compiles_and_the_project_is_none_of_it() {
        for piece in [1, 7, 5000] {
            let found = log(PIP, piece);
            assert_eq!(found.bases.len(), 1);
            assert_eq!(found.bases[0].0, "docker.io/library/python:3.11");
            assert!(found.bases[0].1.ends_with("aa"));
            let step = &found.steps[1];
            assert_eq!((step.took, step.pip), (Some(Duration::from_millis(44_400)), true));
            let shown: Vec<_> =
                step.compiled.iter().map(|one| (&one.package[..], one.took, one.native)).collect();
            let time = |milliseconds| Some(Duration::from_millis(milliseconds));
            assert_eq!(
                shown,
                [("fast-hash", time(40_250), Some(true)), ("pure.pkg", time(300), Some(false))],
                "in pieces of {piece}"
            );
        }
    }

    #[test]
    fn what_is_cached_keeps_what_was_seen_before() {
        let before = log(PIP, 4096);
        let text = "#4 [builder 2/3] RUN pip install -r requirements.txt\n#4 CACHED\n#5 [builder 3/3] RUN x\n#5 CACHED\n";
        let mut now = log(text, 4096);
        assert_eq!(now.steps[0].took, None);
        now.complete_from(&before);
        assert_eq!(
            (now.steps[0].took, now.steps[0].compiled.len()),
            (Some(Duration::from_millis(44_400)), 2)
        );
        assert_eq!(
            (now.steps[0].name.as_str(), now.steps[1].took),
            ("[builder 2/3] RUN pip install -r requirements.txt", None)
        );
        assert_eq!(Log::from_json(&now.to_json()), now);
        assert_eq!(Log::from_json(&json!({ "steps": [1, {}], "bases": 3 })).steps.len(), 2);
    }

    #[test]
    fn podman_tells_as_well() {
        let text = "STEP 1/2: FROM x.example/a:1\nSTEP 2/2: RUN pip install a\nCollecting a\n  Downloading a-1.0.tar.gz\n\
            \x20 Building wheel for a (setup.py): started\n  Building wheel for a (setup.py): finished with status 'done'\n\
            \x20 Created wheel for a: filename=a-1.0-cp311-cp311-linux_x86_64.whl size=1 sha256=0\nCOMMIT x\nSTEP 3/3: USER a\n";
        let found = log(text, 4096);
        assert_eq!(found.steps[1].compiled.len(), 1);
        assert!(found.steps[1].pip && found.steps[1].took.is_some());
        let clipped =
            PIP.replace("#5 44.000 Succ", "#5 43.5 [output clipped, log limit 2MiB reached]\n#5 44.000 Succ");
        assert!(!log(&clipped, 4096).steps[1].pip);
    }
}

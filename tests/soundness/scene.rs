//! A case laid out in a folder with images of its own, asked about and built. Everything it makes it removes.

use crate::cases::{Case, PLAIN};
use crate::changes::{Act, Change, Kind};
use imk::image::context::Convention;
use imk::image::dockerfile::{Request, Value, analyse};
use imk::image::engine::Engine;
use imk::image::freshness::{
    Attributes, Builder, Components, Context, DigestCache, EngineBases, Inputs, Memory, Noted, Platforms,
    Proof, Verdict, Wanted, fresh, gather, is_same_on,
};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// A case, or an example of the repository.
pub struct Scene {
    case: Case,
    /// The example's folder.
    folder: Option<PathBuf>,
}

/// Why a scene can't be judged.
pub enum Fault {
    /// The engine's frontend doesn't know what the Dockerfile says.
    Refused(String),
    /// Something else went wrong.
    Wrong(String),
}

/// The examples, without what they fetch from the network: packages are not what is tested.
pub fn examples() -> Vec<Scene> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/multistage-pipeline");
    let args = &[("PYTHON_PKG_VERSIONS", "", "refresh")];
    let one = |name: &'static str, target| {
        let case = Case { name, target, args, ..PLAIN };
        let folder = name.split(' ').next().expect("a word");
        Scene { case, folder: Some(root.join(folder)) }
    };
    let base = |name: &'static str, target, args| {
        let case = Case { name, target, args, ..PLAIN };
        Scene { case, folder: Some(root.with_file_name("python-base")) }
    };
    vec![
        one("pip smoke-test", "smoke-test"),
        one("poetry target-image", "target-image"),
        base("python-base app", "app", &[("PYTHON", "", "3.11")]),
    ]
}

impl Scene {
    pub fn new(case: Case) -> Scene {
        Scene { case, folder: None }
    }

    pub fn name(&self) -> &str {
        self.case.name
    }

    pub fn args(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        self.case.args
    }

    pub fn is_disputed(&self) -> bool {
        self.case.disputed
    }

    pub fn ignore(&self) -> &'static str {
        self.case.ignore
    }

    fn lay_out(&self, at: &Path, dockerfile: &str) {
        let _ = fs::remove_dir_all(at);
        fs::create_dir_all(at).expect("a folder");
        if let Some(folder) = &self.folder {
            for path in entries(folder).into_iter().filter(|path| path.is_file()) {
                let to = at.join(path.strip_prefix(folder).expect("inside"));
                fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
                fs::copy(&path, to).expect("a copy");
            }
        }
        if !self.case.ignore.is_empty() {
            fs::write(at.join(".dockerignore"), self.case.ignore).expect("an ignore file");
        }
        for file in self.case.files {
            let (path, target) = match file.split_once(" -> ") {
                Some((path, target)) => (at.join(path), Some(target)),
                None => (at.join(file), None),
            };
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            match target {
                Some(target) => symlink(target, &path).expect("a link"),
                None if file.ends_with('/') => fs::create_dir_all(&path).expect("a folder"),
                None if file.ends_with(".tar") => fs::write(&path, archive(file)).expect("an archive"),
                None => fs::write(&path, file).expect("a file"),
            }
        }
        fs::write(at.join("Dockerfile"), dockerfile).expect("a Dockerfile");
    }

    fn dockerfile(&self, base: &str) -> String {
        if let Some(folder) = &self.folder {
            let text = fs::read_to_string(folder.join("Dockerfile")).expect("a Dockerfile");
            if folder.ends_with("python-base") {
                return on_one_base(&text);
            }
            let lines = text.lines().map(|line| {
                let run = ["pip ", "poetry ", "python ./"]
                    .iter()
                    .any(|tool| line.trim_start().trim_start_matches("RUN ").starts_with(tool));
                match run {
                    true => match line.strip_prefix("RUN ") {
                        Some(rest) => format!("RUN echo {rest}"),
                        None => format!("    echo {}", line.trim_start()),
                    },
                    false => line.to_owned(),
                }
            });
            return lines.collect::<Vec<_>>().join("\n").replace("> requirements.txt", "") + "\n";
        }
        self.case.dockerfile.replace("BASE-TRIGGER", &format!("{base}-trigger")).replace("BASE", base)
    }
}

/// The same Dockerfile on an image that is there, with commands that need no network but leave what later stages copy.
fn on_one_base(text: &str) -> String {
    let mut out = String::new();
    let mut is_command = false;
    for line in text.lines() {
        let begins = line.starts_with("RUN ");
        let goes_on = is_command;
        is_command = line.ends_with('\\') && (goes_on || begins);
        if line.starts_with("RUN ") {
            out.push_str(&format!("RUN mkdir -p /opt/venv /wheels && : {}\n", out.len()));
        } else if let Some((_, stage)) =
            line.strip_prefix("FROM python-").and_then(|rest| rest.split_once(" AS "))
        {
            out.push_str(&format!("FROM python:${{PYTHON}} AS {stage}\n"));
        } else if !goes_on {
            out.push_str(&format!("{}\n", line.replace("PYTHON=3.13", "PYTHON=3.11")));
        }
    }
    out
}

/// A tar archive with one file, whose content is `text`.
fn archive(text: &str) -> Vec<u8> {
    let mut head = [0u8; 512];
    let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"in-archive");
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", text.len()).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = head.iter().map(|&byte| u32::from(byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut out = head.to_vec();
    out.extend(text.as_bytes());
    out.resize(out.len().next_multiple_of(512) + 1024, 0);
    out
}

/// All entries below `at`, sorted.
pub fn entries(at: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut pending = vec![at.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if fs::symlink_metadata(&path).expect("a status").is_dir() {
                pending.push(path.clone());
            }
            out.push(path);
        }
    }
    out.sort();
    out
}

/// What a change came to.
pub struct Seen {
    pub kind: Kind,
    /// BuildKit made another image.
    pub is_other: bool,
    /// BuildKit ran no step.
    pub is_cached: bool,
    /// Its content is what it was.
    pub is_same_content: bool,
    pub said_fresh: bool,
    pub why: String,
}

/// A scene that is laid out, and its image built.
pub struct Stage<'a> {
    scene: &'a Scene,
    engine: &'a dyn Engine,
    folder: tempfile::TempDir,
    root: PathBuf,
    text: String,
    tag: String,
    base: String,
    bases: usize,
    /// How many changes were tried.
    changes: usize,
    first: String,
    made: BTreeSet<String>,
    cache: DigestCache,
    memory: Memory,
}

fn docker(args: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new("docker")
        .args(args)
        .env("DOCKER_BUILDKIT", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    // A client that refuses its arguments reads nothing.
    let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    match output.status.success() {
        // With `-q` the id is on standard output, progress on the other.
        true if output.stdout.is_empty() => Ok(String::from_utf8_lossy(&output.stderr).into_owned()),
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// Whether every step that plain progress tells of came from the cache. Steps are numbered; `[internal]` ones and FROM
/// run nothing of the Dockerfile's.
fn is_all_cached(progress: &str) -> bool {
    let parts =
        |line: &'_ str| line.strip_prefix('#')?.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()));
    let lines: Vec<(String, String)> = progress.lines().filter_map(parts).collect();
    let is_step =
        |text: &str| text.starts_with('[') && !text.starts_with("[internal]") && !text.contains("] FROM ");
    let steps = lines.iter().filter(|(_, text)| is_step(text));
    steps.into_iter().all(|(number, _)| lines.iter().any(|(other, text)| other == number && text == "CACHED"))
}

/// What the case's own base images are made from: content, variable, configuration, and the same once more.
const BASES: [&str; 4] = [
    "FROM scratch\nENV WHERE=a\nWORKDIR /in/f\n",
    "FROM scratch\nENV WHERE=b\nWORKDIR /in/f\n",
    "FROM scratch\nENV WHERE=a\nWORKDIR /in/f\nWORKDIR /in/g\n",
    "FROM scratch\nENV WHERE=a\nWORKDIR /in/f\nEXPOSE 80\n",
];
/// How often an image is built to find the one that its cache gives.
const BUILDS_TO_SETTLE: usize = 5;
const TRIGGERS: [&str; 2] = ["FROM scratch\nONBUILD COPY t /\n", "FROM scratch\nONBUILD COPY o /\n"];

impl<'a> Stage<'a> {
    pub fn set(scene: &'a Scene, engine: &'a dyn Engine) -> Result<Self, Fault> {
        let folder = tempfile::tempdir().map_err(|error| Fault::Wrong(error.to_string()))?;
        let key = format!("imk-soundness-{}-{}", std::process::id(), scene.name().replace(' ', "-"));
        let base = format!("{key}-base:1");
        let mut stage = Stage {
            scene,
            engine,
            root: folder.path().join("context"),
            text: scene.dockerfile(&base),
            tag: format!("{key}:1"),
            base,
            bases: 0,
            changes: 0,
            first: String::new(),
            made: BTreeSet::new(),
            cache: DigestCache::new(folder.path()),
            memory: Memory::new(folder.path()),
            folder,
        };
        let result = stage.build_first();
        match result {
            Ok(()) => Ok(stage),
            Err(fault) => {
                stage.strike();
                Err(fault)
            }
        }
    }

    fn build_first(&mut self) -> Result<(), Fault> {
        let triggered = self.text.contains("-trigger");
        if self.text.contains(&self.base) {
            self.bases = if triggered { TRIGGERS.len() } else { BASES.len() };
            for at in (0..self.bases).rev() {
                self.set_base(at)?;
            }
        }
        self.scene.lay_out(&self.root, &self.text);
        let args = self.args(None);
        let before = self.look(&self.text.clone(), &args).map_err(Fault::Wrong)?;
        self.settle(&args)?;
        let image = self.first.clone();
        let after = self.look(&self.text.clone(), &args).map_err(Fault::Wrong)?;
        let tags = [self.tag.clone()];
        match self.memory.note(self.engine, self.scene.name(), &tags, [&before, &after], &[]) {
            Ok(Noted::Image(id)) if id == image => {}
            other => return Err(Fault::Wrong(format!("the build is not noted: {other:?}"))),
        }
        match self.ask(&after) {
            Ok((true, _)) => Ok(()),
            other => Err(Fault::Wrong(format!("not fresh right after the build: {other:?}"))),
        }
    }

    /// Builds until the same image comes again. A step that two cases build at once leaves two layers in the cache, and later
    /// builds take the one or the other: so one case settles at a time, and what is compared with is what the cache gives from then
    /// on.
    fn settle(&mut self, args: &[(Vec<u8>, Value)]) -> Result<(), Fault> {
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let tag = self.tag.clone();
        for _ in 0..BUILDS_TO_SETTLE {
            let (image, _) = self.build(args, &["-t", &tag]).map_err(|said| {
                let line = said.lines().rfind(|line| !line.is_empty()).unwrap_or_default().to_owned();
                let words = ["Unknown flag", "target stage"];
                let foreign = self.scene.case.newer || words.iter().any(|word| said.contains(word));
                if foreign { Fault::Refused(line) } else { Fault::Wrong(format!("does not build: {line}")) }
            })?;
            if image == self.first {
                return Ok(());
            }
            self.first = image;
        }
        Err(Fault::Wrong("each build gives another image".to_owned()))
    }

    /// The image of the scene as it was laid out first, built again: another case may have left a layer since then.
    fn unchanged_again(&mut self) -> Result<String, String> {
        let args = self.args(None);
        let text = self.text.clone();
        let _ = fs::remove_dir_all(&self.root);
        self.changes += 1;
        self.root = self.folder.path().join(format!("context{}", self.changes));
        self.scene.lay_out(&self.root, &text);
        self.build(&args, &[]).map(|(image, _)| image)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn dockerfile(&self) -> &str {
        &self.text
    }

    pub fn bases(&self) -> usize {
        self.bases
    }

    /// A label of the case's own, so that no other case ever has the same image, and removes it.
    fn label(&self) -> String {
        format!("imk-soundness={}", self.tag)
    }

    fn set_base(&mut self, at: usize) -> Result<(), Fault> {
        let triggered = self.text.contains("-trigger");
        let (tag, text) = match triggered {
            true => (format!("{}-trigger", self.base), TRIGGERS[at]),
            false => (self.base.clone(), BASES[at]),
        };
        let label = self.label();
        let id = docker(&["build", "-q", "--label", &label, "-t", &tag, "-"], text).map_err(Fault::Wrong)?;
        self.made.insert(id);
        Ok(())
    }

    fn args(&self, changed: Option<(usize, Option<&str>)>) -> Vec<(Vec<u8>, Value)> {
        let mut out = Vec::new();
        for (at, (name, value, _)) in self.scene.args().iter().enumerate() {
            let own = Some(*value).filter(|value| !value.is_empty());
            let value = match changed {
                Some((which, value)) if which == at => value,
                _ => own,
            };
            out.extend(value.map(|value| (name.as_bytes().to_vec(), Value::from(value.as_bytes()))));
        }
        out
    }

    /// The inputs as imk finds them.
    fn look(&self, text: &str, args: &[(Vec<u8>, Value)]) -> Result<Components, String> {
        let bases = EngineBases::new(self.engine);
        let target = Some(self.scene.case.target.as_bytes()).filter(|target| !target.is_empty());
        let contexts = self.scene.case.contexts.iter();
        let contexts: Vec<(Vec<u8>, Vec<u8>)> =
            contexts.map(|(name, folder)| (name.as_bytes().to_vec(), folder.as_bytes().to_vec())).collect();
        let asked = Some(self.scene.case.platform.as_bytes()).filter(|asked| !asked.is_empty());
        let platforms = Platforms { builder: Builder::Engine, asked: asked.map(<[u8]>::to_vec) };
        let request = Request {
            target,
            build_args: args,
            named_contexts: &contexts,
            platform_args: &platforms.arguments_on(text.as_bytes(), &contexts, self.engine),
            bases: &bases,
        };
        let analysis = analyse(text.as_bytes(), &request).map_err(|error| format!("{error:?}"))?;
        let path = self.root.join("Dockerfile");
        let inputs = Inputs {
            analysis: &analysis,
            dockerfile: text.as_bytes(),
            dockerfile_path: Some(&path),
            context: Context::Folder(&self.root),
            build_args: args,
            named_contexts: &contexts,
            directory: &self.root,
            convention: Convention::Docker,
            platform: asked,
            whole_file: false,
            attributes: Attributes::default(),
        };
        gather(&inputs, &bases, &self.cache).map_err(|error| format!("{error:?}"))
    }

    /// Whether imk takes the image for fresh, and why not.
    fn ask(&self, components: &Components) -> Result<(bool, String), String> {
        let tags = [self.tag.clone()];
        let wanted =
            Wanted { name: self.scene.name(), tags: &tags, components, proof: Proof::Record, found: None };
        let verdict = fresh(self.engine, &wanted, &self.memory).map_err(|error| error.message())?;
        Ok(match verdict {
            Verdict::Fresh(_) => (true, String::new()),
            Verdict::Stale(reasons) => {
                let why: Vec<String> =
                    reasons.iter().flat_map(|reason| reason.messages("Dockerfile")).collect();
                (false, why.join("; "))
            }
        })
    }

    fn build(&mut self, args: &[(Vec<u8>, Value)], more: &[&str]) -> Result<(String, bool), String> {
        let root = self.root.to_string_lossy().into_owned();
        let id_file = self.folder.path().join("id").to_string_lossy().into_owned();
        let mut words = vec!["build".to_owned(), "--progress=plain".to_owned(), "--network=host".to_owned()];
        words.extend(["--iidfile".to_owned(), id_file.clone()]);
        words.extend(["--label".to_owned(), self.label()]);
        words.extend(more.iter().map(|word| (*word).to_owned()));
        for (name, value) in args {
            let value = String::from_utf8_lossy(value.known().unwrap_or_default()).into_owned();
            words.extend(["--build-arg".to_owned(), format!("{}={value}", String::from_utf8_lossy(name))]);
        }
        if !self.scene.case.target.is_empty() {
            words.extend(["--target".to_owned(), self.scene.case.target.to_owned()]);
        }
        if !self.scene.case.platform.is_empty() {
            words.extend(["--platform".to_owned(), self.scene.case.platform.to_owned()]);
        }
        for (name, folder) in self.scene.case.contexts {
            words.extend(["--build-context".to_owned(), format!("{name}={root}/{folder}")]);
        }
        words.push(root);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = docker(&words, "")?;
        let image = fs::read_to_string(id_file).map_err(|error| error.to_string())?;
        self.made.insert(image.clone());
        Ok((image, is_all_cached(&said)))
    }

    /// Does a change, asks imk, and builds; nothing where the changed build fails. All is as before afterwards.
    pub fn try_change(&mut self, change: Change) -> Result<Option<Seen>, Fault> {
        let mut text = self.text.clone();
        let mut arg = None;
        if let Act::Dockerfile(changed) = &change.act {
            text.clone_from(changed);
        }
        // A folder that BuildKit has not seen: of one that it knows it asks for what it takes for changed, and overlooks
        // a folder's mode.
        let _ = fs::remove_dir_all(&self.root);
        self.changes += 1;
        self.root = self.folder.path().join(format!("context{}", self.changes));
        self.scene.lay_out(&self.root, &text);
        match &change.act {
            Act::File(name, act) => {
                // An empty name would leave a slash at the end.
                let path = if name.as_os_str().is_empty() { self.root.clone() } else { self.root.join(name) };
                act(&path);
            }
            Act::Ignore(text) => fs::write(self.root.join(".dockerignore"), text).expect("an ignore file"),
            Act::Arg(at, value) => arg = Some((*at, value.as_deref())),
            Act::Base(at) => self.set_base(*at)?,
            Act::Dockerfile(_) => {}
        }
        let args = self.args(arg);
        // Where imk refuses the Dockerfile, it says so before any build.
        let said = match self.look(&text, &args) {
            Ok(components) => self.ask(&components).map_err(Fault::Wrong)?,
            Err(why) => (false, why),
        };
        let image = self.build(&args, &[]);
        if let Act::Base(_) = change.act {
            self.set_base(0)?;
        }
        let Ok((image, is_cached)) = image else { return Ok(None) };
        let mut is_other = image != self.first;
        if is_other && said.0 {
            // What looks like a miss is none where the scene as it was gives that image by now, too.
            is_other = self.unchanged_again().map_err(Fault::Wrong)? != image;
        }
        let is_same_content =
            is_same_on(self.engine, &image, &self.first).map_err(|error| Fault::Wrong(error.message()))?;
        Ok(Some(Seen {
            kind: change.kind,
            is_other,
            is_cached,
            is_same_content,
            said_fresh: said.0,
            why: said.1,
        }))
    }

    /// Removes the images and the folder.
    pub fn strike(self) {
        let triggered = format!("{}-trigger", self.base);
        for name in [&self.tag, &self.base, &triggered].into_iter().chain(&self.made) {
            // Some are gone with another, or were never there.
            let _ = docker(&["rmi", "-f", name], "");
        }
        drop(self.folder);
    }
}

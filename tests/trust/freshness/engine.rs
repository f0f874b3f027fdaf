//! An engine in this process: images that are what `builder` says, behind the socket of docker's API and one for its client, which is
//! this program under the name `docker`. On order something befalls the run at one of its questions or at a moment of a build. An
//! image, its label and its tags change at once, under one lock.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};

use super::builder::{Made, Phase, Request, build, digest};
use super::client::{CLIENT, request};
use super::saved::archive;
use crate::daemon::{next_request, respond, rfc3339};

/// When something befalls the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At the n-th question to the API, from 1.
    Question(usize),
    /// When a container runs.
    Started,
    /// At a moment of the n-th build, from 1.
    Build(usize, Phase),
}

/// What befalls it.
pub enum Act {
    /// The engine answers that it can't.
    Refuse,
    /// The engine closes the connection.
    Close,
    /// From now on the engine closes every connection.
    Die,
    /// The run gets a signal: all its processes, or imk alone.
    Signal(Signal, bool),
    /// Something is changed.
    Change(Box<dyn FnMut() + Send>),
    /// The run gets a signal, all its processes, and the engine says nothing more.
    Hang(Signal),
    /// The build fails.
    Fail,
}

pub struct Order {
    pub when: When,
    pub act: Act,
}

#[derive(Clone, Debug)]
pub struct Image {
    pub made: Made,
    tagged: SystemTime,
}

#[derive(Clone, Debug)]
pub struct Container {
    id: String,
    image: String,
    labels: BTreeMap<String, String>,
    created: SystemTime,
}

/// What the engine has.
#[derive(Default)]
pub struct State {
    /// By id.
    pub images: BTreeMap<String, Image>,
    /// The ids that tags stand for.
    pub tags: BTreeMap<String, String>,
    pub containers: BTreeMap<String, Container>,
    /// First tags of what was built since the run began, in order.
    pub built: Vec<String>,
    pub orders: Vec<Order>,
    /// Orders that came about.
    pub befell: usize,
    /// First tag of the build at which the last one did.
    pub befell_at: Option<String>,
    /// The first process of the run.
    pub run: Option<i32>,
    questions: usize,
    builds: usize,
    busy: usize,
    made: usize,
    is_dead: bool,
    /// Whether a build goes on whose client is gone.
    pub is_zealous: bool,
    /// All that was asked for, for a reader.
    pub log: Vec<String>,
}

impl State {
    /// The image that a name or an id stands for.
    pub fn image(&self, name: &str) -> Option<(&String, &Image)> {
        self.images.get_key_value(self.tags.get(name).map_or(name, String::as_str))
    }

    /// Gives an image its tags.
    pub fn commit(&mut self, made: Made, tags: &[String]) -> String {
        let id = format!("sha256:{}", digest(&format!("{made:?}")));
        self.images.insert(id.clone(), Image { made, tagged: SystemTime::now() });
        tags.iter().for_each(|tag| self.tag(tag, &id));
        id
    }

    /// Gives an image a tag.
    pub fn tag(&mut self, tag: &str, id: &str) {
        self.tags.insert(tag.to_owned(), id.to_owned());
        if let Some(image) = self.images.get_mut(id) {
            image.tagged = SystemTime::now();
        }
    }

    /// How many questions the run asked so far.
    pub fn questions(&self) -> usize {
        self.questions
    }

    fn begin(&mut self) {
        (self.questions, self.builds, self.befell, self.befell_at) = (0, 0, 0, None);
        self.built.clear();
        self.log.clear();
        self.is_dead = false;
    }
}

/// The engine's state, for changes that are made later.
pub struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&'s self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        let waited = self.changed.wait_timeout(state, Duration::from_secs(10));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// What was ordered for this moment, but for what has no effect on the answer, which is done.
    fn befall(&self, when: When) -> Option<Act> {
        let mut state = self.state();
        let at = state.orders.iter().position(|order| order.when == when)?;
        let mut order = state.orders.remove(at);
        state.befell += 1;
        while state.run.is_none() {
            state = self.wait(state);
        }
        let pid = state.run.and_then(Pid::from_raw)?;
        drop(state);
        match &mut order.act {
            Act::Signal(signal, all) => {
                let _ = if *all { kill_process_group(pid, *signal) } else { kill_process(pid, *signal) };
            }
            Act::Hang(signal) => drop(kill_process_group(pid, *signal)),
            Act::Change(change) => change(),
            Act::Die => self.state().is_dead = true,
            _ => {}
        }
        Some(order.act)
    }
}

/// The engine.
pub struct Engine {
    folder: tempfile::TempDir,
    shared: Arc<Shared>,
}

impl Engine {
    pub fn new() -> std::io::Result<Engine> {
        let folder = tempfile::Builder::new().prefix("imk-builder.").tempdir()?;
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let engine = Engine { folder, shared };
        engine.listen("api", answer_api)?;
        engine.listen("client", answer_client)?;
        Ok(engine)
    }

    fn listen(&self, name: &str, serve: fn(UnixStream, &Shared)) -> std::io::Result<()> {
        let listener = UnixListener::bind(self.socket(name))?;
        let shared = Arc::clone(&self.shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Ok(())
    }

    /// The path of the socket `api` or `client`.
    fn socket(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Has a command be served by this engine.
    pub fn serve(&self, command: &mut Command) {
        command.env(CLIENT, self.socket("client"));
        command.env("DOCKER_HOST", format!("unix://{}", self.socket("api").display()));
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// The state, for a change that is made later.
    pub fn handle(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// A run begins, and these things are to befall it.
    pub fn begin(&self, orders: Vec<Order>, is_zealous: bool) {
        let mut state = self.state();
        state.begin();
        (state.orders, state.is_zealous, state.run) = (orders, is_zealous, None);
    }

    /// The run has this process.
    pub fn started(&self, pid: u32) {
        self.state().run = Some(pid.cast_signed());
        self.shared.changed.notify_all();
    }

    /// The run is over: waits until its last build is, and forgets what did not befall it.
    pub fn ended(&self) {
        let mut state = self.state();
        let deadline = Instant::now() + Duration::from_secs(10);
        while state.busy > 0 && Instant::now() < deadline {
            state = self.shared.wait(state);
        }
        state.orders.clear();
        (state.run, state.is_dead) = (None, false);
    }
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| byte == b'%') {
            Some(byte) => {
                out.push(byte);
                rest = &after[2..];
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn time(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    rfc3339(since.as_secs()).replace('Z', &format!(".{:09}Z", since.subsec_nanos()))
}

fn image_json(state: &State, id: &str, image: &Image) -> Value {
    let tags: Vec<&String> = state.tags.iter().filter(|(_, own)| *own == id).map(|(tag, _)| tag).collect();
    let layers: Vec<String> = image.made.layers.iter().map(|layer| format!("sha256:{layer}")).collect();
    json!({
        "Id": id, "RepoTags": tags, "Created": time(image.tagged), "Metadata": {"LastTagTime": time(image.tagged)},
        "Os": "linux", "Architecture": "amd64", "Labels": image.made.labels, "RootFS": {"Layers": layers},
        "Config": {"Env": image.made.env, "Cmd": [image.made.command], "WorkingDir": image.made.directory,
            "Labels": image.made.labels},
    })
}

fn container_json(name: &str, one: &Container) -> Value {
    json!({
        "Id": one.id, "Name": format!("/{name}"), "Names": [format!("/{name}")], "Created": time(one.created),
        "Image": one.image, "ImageID": one.image, "Labels": one.labels, "Config": {"Labels": one.labels},
    })
}

fn answer_api(mut stream: UnixStream, shared: &Shared) {
    while let Some(request) = next_request(&mut stream) {
        let mut words = request.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let number = {
            let mut state = shared.state();
            state.questions += 1;
            state.log.push(format!("{method} {target}"));
            state.questions
        };
        let (status, body) = match shared.befall(When::Question(number)) {
            Some(Act::Refuse) => (500, json!({"message": "no"})),
            Some(Act::Close) => return,
            Some(Act::Hang(_)) => {
                // Until the other side gives up.
                let _ = stream.read(&mut [0; 64]);
                return;
            }
            _ if shared.state().is_dead => return,
            _ if target.ends_with("/get") => {
                let archive = archive();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", archive.len());
                if stream.write_all(&[head.as_bytes(), &archive].concat()).is_err() {
                    return;
                }
                continue;
            }
            _ => answer(&mut shared.state(), method, target),
        };
        if respond(&mut stream, status, &body.to_string()).is_err() {
            return;
        }
    }
}

fn answer(state: &mut State, method: &str, target: &str) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parts: Vec<String> = path.split('/').skip(2).map(decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let nothing = || (404, json!({"message": "no such thing"}));
    let parameter = |name: &str| {
        let own = query.split('&').find_map(|one| one.strip_prefix(name)?.strip_prefix('='));
        own.map(decoded).unwrap_or_default()
    };
    let wanted: Value = serde_json::from_str(&parameter("filters")).unwrap_or_default();
    let fits = |labels: &BTreeMap<String, String>| match wanted["label"][0].as_str() {
        None => true,
        Some(label) => labels.iter().any(|(name, value)| label == format!("{name}={value}") || label == name),
    };
    match (method, parts.as_slice()) {
        (_, []) => (200, json!("OK")),
        ("GET", ["version"]) => {
            let version =
                json!({"Version": "20.10.24", "ApiVersion": "1.41", "Os": "linux", "Arch": "amd64"});
            (200, version)
        }
        ("GET", ["images", "json"]) => {
            let found = state.images.iter().filter(|(_, image)| fits(&image.made.labels));
            (200, found.map(|(id, image)| image_json(state, id, image)).collect())
        }
        ("GET", ["images", name, "json"]) => match state.image(name) {
            Some((id, image)) => (200, image_json(state, id, image)),
            None => nothing(),
        },
        ("DELETE", ["images", name]) => match state.tags.remove(*name) {
            Some(id) => {
                if !state.tags.values().any(|other| *other == id) {
                    state.images.remove(&id);
                }
                (200, json!([]))
            }
            None => match state.images.remove(*name) {
                Some(_) => {
                    state.tags.retain(|_, id| id != name);
                    (200, json!([]))
                }
                None => nothing(),
            },
        },
        ("POST", ["images", name, "tag"]) => {
            let Some((id, _)) = state.image(name) else { return nothing() };
            let (id, tag) = (id.clone(), format!("{}:{}", parameter("repo"), parameter("tag")));
            state.tag(&tag, &id);
            (201, json!({}))
        }
        ("GET", ["containers", "json"]) => {
            let found = state.containers.iter().filter(|(_, one)| fits(&one.labels));
            (200, found.map(|(name, one)| container_json(name, one)).collect())
        }
        ("GET", ["containers", name, "json"]) => {
            match state.containers.iter().find(|(own, one)| own == name || one.id == *name) {
                Some((own, one)) => (200, container_json(own, one)),
                None => nothing(),
            }
        }
        ("DELETE", ["containers", name]) => {
            let before = state.containers.len();
            state.containers.retain(|own, one| own != name && one.id != *name);
            if state.containers.len() < before { (204, json!({})) } else { nothing() }
        }
        _ => nothing(),
    }
}

fn answer_client(mut stream: UnixStream, shared: &Shared) {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    let text = loop {
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => received.extend_from_slice(&buffer[..count]),
            _ => return,
        }
        let text = String::from_utf8_lossy(&received);
        if let Some((length, text)) = text.split_once(' ')
            && length.parse() == Ok(text.len())
        {
            break text.to_owned();
        }
    };
    let said: Value = serde_json::from_str(&text).unwrap_or_default();
    let strings = said["words"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let words: Vec<String> = strings.map(str::to_owned).collect();
    shared.state().busy += 1;
    let result = run(&stream, shared, &words, &said["environment"]);
    shared.state().busy -= 1;
    shared.changed.notify_all();
    let said = match result {
        Ok(said) => format!("0 {said}"),
        Err(fault) => format!("1 docker: {fault}\n"),
    };
    let _ = stream.write_all(said.as_bytes());
}

fn run(
    stream: &UnixStream,
    shared: &Shared,
    words: &[String],
    environment: &Value,
) -> Result<String, String> {
    let [folder, command, words @ ..] = words else { return Err("no command".to_owned()) };
    shared.state().log.push(format!("{command} {}", words.join(" ")));
    let option = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1).cloned()
    };
    let mut state = shared.state();
    match command.as_str() {
        "build" => {
            drop(state);
            build_for(stream, shared, &request(Path::new(folder), words, environment))
        }
        "create" => {
            let name = option("--name").ok_or("no name")?;
            let labels = option("--label").into_iter();
            let labels = labels.filter_map(|label| {
                label.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
            });
            let labels = labels.collect();
            let reference = words.iter().rev().nth(1).ok_or("no image")?;
            let image = state.image(reference).ok_or("no such image")?.0.clone();
            if state.containers.contains_key(&name) {
                return Err(format!("{name} is in use"));
            }
            state.made += 1;
            let id = digest(&format!("{name} {}", state.made));
            state.containers.insert(name, Container { id, image, labels, created: SystemTime::now() });
            Ok(String::new())
        }
        "cp" => {
            let [source, to] = words else { return Err("cp of what".to_owned()) };
            let name = source.split(':').next().unwrap_or_default();
            let image = &state.containers.get(name).ok_or("no such container")?.image;
            let made = &state.images.get(image).ok_or("no such image")?.made;
            fs::write(Path::new(folder).join(to), made.inputs()).map_err(|error| error.to_string())?;
            Ok(String::new())
        }
        "run" => {
            let name = option("--name").ok_or("no name")?;
            let label = option("--label").unwrap_or_default();
            let labels = label.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
            let image = words.last().cloned().unwrap_or_default();
            let labels = labels.into_iter().collect();
            let id = digest(&name);
            state.containers.insert(name, Container { id, image, labels, created: SystemTime::now() });
            drop(state);
            if matches!(shared.befall(When::Started), Some(Act::Signal(..))) {
                is_gone(stream, Duration::from_secs(5));
            }
            Ok(String::new())
        }
        "rm" => state.containers.remove(&words[0]).map(|_| String::new()).ok_or("no such container".into()),
        "rmi" => {
            let missing =
                words.iter().any(|tag| answer(&mut state, "DELETE", &format!("//images/{tag}")).0 != 200);
            if missing { Err("no such image".to_owned()) } else { Ok(String::new()) }
        }
        _ => Err(format!("{command}: unknown command")),
    }
}

/// Whether the client's process is gone; waits a little for that.
fn is_gone(stream: &UnixStream, patience: Duration) -> bool {
    let mut buffer = [0; 1];
    let _ = stream.set_read_timeout(Some(patience.max(Duration::from_millis(1))));
    let mut reader = stream;
    matches!(reader.read(&mut buffer), Ok(0))
}

fn build_for(stream: &UnixStream, shared: &Shared, request: &Request) -> Result<String, String> {
    let number = {
        let mut state = shared.state();
        state.builds += 1;
        state.built.push(request.tags.first().cloned().unwrap_or_default());
        state.builds
    };
    let at = |phase: Phase| -> Result<(), String> {
        let act = shared.befall(When::Build(number, phase));
        if act.is_some() {
            shared.state().befell_at = request.tags.first().cloned();
        }
        // A signal takes its time to end the client, one to imk alone may not.
        let patience = match act {
            Some(Act::Signal(_, true)) => Duration::from_secs(5),
            Some(Act::Signal(_, false)) => Duration::from_millis(100),
            _ => Duration::from_millis(1),
        };
        match act {
            Some(Act::Fail | Act::Refuse) => Err("the build fails".to_owned()),
            Some(Act::Close | Act::Die) => Err("the engine dies".to_owned()),
            Some(Act::Signal(..)) if is_gone(stream, patience) && !shared.state().is_zealous => {
                Err("cancelled".to_owned())
            }
            _ => Ok(()),
        }
    };
    let images =
        |name: &str| -> Option<Made> { shared.state().image(name).map(|(_, image)| image.made.clone()) };
    let made = build(request, &images, &mut |phase| at(phase))?;
    if is_gone(stream, Duration::ZERO) && !shared.state().is_zealous {
        return Err("cancelled".to_owned());
    }
    shared.state().commit(made, &request.tags);
    at(Phase::Committed)?;
    Ok(String::new())
}

//! A small builder of images as BuildKit is one: from a Dockerfile's text, contexts and images it says what an image would be, by
//! digests alone. It reads files as they are at that moment and knows nothing of imk: what it says is what a test holds imk to.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What a build is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub tags: Vec<String>,
    pub file: PathBuf,
    pub context: PathBuf,
    /// Named contexts: name and folder.
    pub contexts: Vec<(String, PathBuf)>,
    pub target: Option<String>,
    /// Build arguments that have a value.
    pub args: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    /// Ids of secrets.
    pub secrets: Vec<String>,
}

/// What an image is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    pub layers: Vec<String>,
    pub env: Vec<String>,
    pub command: String,
    pub directory: String,
    pub labels: BTreeMap<String, String>,
    /// Digest of what was said to make it, which is no content.
    pub history: String,
}

impl Made {
    /// Digest of what another build sees of it.
    pub fn content(&self) -> String {
        let own = self.labels.iter().filter(|(name, _)| !name.starts_with("imk."));
        digest(&format!(
            "{:?} {:?} {} {} {:?}",
            self.layers,
            self.env,
            self.command,
            self.directory,
            own.collect::<Vec<_>>()
        ))
    }

    /// Digest of all it is made from.
    pub fn inputs(&self) -> String {
        digest(&format!("{} {}", self.content(), self.history))
    }
}

/// Moments of a build at which something may befall it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nothing is read yet.
    Begun,
    /// The Dockerfile and the ignore files are read.
    Parsed,
    /// Half the files of the main context are read.
    HalfRead,
    /// All is read; the image is not there yet.
    Read,
    /// The image is there, with its tags; the client does not know yet.
    Committed,
}

/// Digest of a text.
pub fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// An entry of a context that is not ignored: its path, and what the build sees of it.
type Entries = BTreeMap<String, String>;

/// One component of a pattern, `*` standing for anything.
fn matches_name(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=name.len()).any(|skipped| matches_name(rest, &name[skipped..])),
        (Some((one, rest)), Some((other, names))) => one == other && matches_name(rest, names),
        _ => false,
    }
}

/// A whole pattern, `**` standing for any folders.
fn matches(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => (0..=path.len()).any(|skipped| matches(rest, &path[skipped..])),
        (Some((one, rest)), Some((name, names))) => {
            matches_name(one.as_bytes(), name.as_bytes()) && matches(rest, names)
        }
        _ => false,
    }
}

/// Whether the lines of an ignore file leave `path` out: the last one that matches it or a folder above it counts.
fn is_ignored(lines: &[String], path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let mut ignored = false;
    for line in lines {
        let (kept, pattern) = match line.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, line.as_str()),
        };
        let pattern: Vec<&str> = pattern.split('/').collect();
        if (1..=parts.len()).any(|length| matches(&pattern, &parts[..length])) {
            ignored = !kept;
        }
    }
    ignored
}

fn lines_of(path: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(path).ok()?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Some(lines.map(str::to_owned).collect())
}

/// The paths below `root`, sorted.
fn paths(root: &Path, below: &str, out: &mut Vec<String>) {
    let mut names: Vec<String> = fs::read_dir(root.join(below))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    for name in names {
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let is_folder = fs::symlink_metadata(root.join(&path)).is_ok_and(|status| status.is_dir());
        out.push(path.clone());
        if is_folder {
            paths(root, &path, out);
        }
    }
}

fn read(root: &Path, ignored: &[String], half: &mut dyn FnMut()) -> Entries {
    let mut all = Vec::new();
    paths(root, "", &mut all);
    all.retain(|path| !is_ignored(ignored, path));
    let mut entries = Entries::new();
    for (at, path) in all.iter().enumerate() {
        if at == all.len() / 2 {
            half();
        }
        let full = root.join(path);
        let Ok(status) = fs::symlink_metadata(&full) else { continue };
        let mode = status.permissions().mode() & 0o7777;
        let seen = match (status.is_dir(), status.is_symlink()) {
            (true, _) => format!("folder {mode:o}"),
            (_, true) => format!("link {:?}", fs::read_link(&full).unwrap_or_default()),
            _ => format!("file {mode:o} {}", blake3::hash(&fs::read(&full).unwrap_or_default()).to_hex()),
        };
        entries.insert(path.clone(), seen);
    }
    if all.is_empty() {
        half();
    }
    entries
}

/// What `source` selects: by its name below the destination.
fn select(entries: &Entries, source: &str) -> Result<Entries, String> {
    let source = source.trim_start_matches("./").trim_end_matches('/');
    if source == "." || source.is_empty() {
        return Ok(entries.clone());
    }
    let parts: Vec<&str> = source.split('/').collect();
    let is_pattern = source.contains('*');
    let mut out = Entries::new();
    let mut found = false;
    for (path, seen) in entries {
        let own: Vec<&str> = path.split('/').collect();
        if own.len() == parts.len() && matches(&parts, &own) {
            found = true;
            // What a folder holds goes to the destination itself.
            let name = if seen.starts_with("folder") { String::new() } else { own[own.len() - 1].to_owned() };
            out.insert(name, seen.clone());
            if seen.starts_with("folder") {
                let inside = entries.iter().filter_map(|(other, seen)| {
                    Some((other.strip_prefix(path.as_str())?.strip_prefix('/')?.to_owned(), seen.clone()))
                });
                out.extend(inside);
            }
        }
    }
    match found || is_pattern {
        true => Ok(out),
        false => Err(format!("{source}: not found")),
    }
}

/// The text with its variables' values.
fn expand(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out += &rest[..at];
        rest = &rest[at + 1..];
        let braced = rest.strip_prefix('{');
        let name: String = braced
            .unwrap_or(rest)
            .chars()
            .take_while(|one| one.is_ascii_alphanumeric() || *one == '_')
            .collect();
        rest = &rest[name.len() + if braced.is_some() { 2 } else { 0 }..];
        out += &value(&name).unwrap_or_default();
    }
    out + rest
}

/// A stage as far as it is built.
#[derive(Clone, Default)]
struct Stage {
    made: Made,
    history: Vec<String>,
    /// Its arguments, with their values.
    args: Vec<String>,
}

struct Builder<'b> {
    request: &'b Request,
    images: &'b dyn Fn(&str) -> Option<Made>,
    globals: BTreeMap<String, String>,
    /// Of each stage its `FROM`, its name and its instructions.
    stages: Vec<(String, Option<String>, Vec<(String, String)>)>,
    main: Entries,
    named: BTreeMap<String, Entries>,
    done: BTreeMap<usize, Stage>,
}

/// What a build would make now. `images` has the engine's images by their names, `at` is told of each moment.
///
/// # Errors
/// What a builder says that can't build it.
pub fn build(
    request: &Request,
    images: &dyn Fn(&str) -> Option<Made>,
    at: &mut dyn FnMut(Phase) -> Result<(), String>,
) -> Result<Made, String> {
    at(Phase::Begun)?;
    let text = fs::read_to_string(&request.file).map_err(|error| error.to_string())?;
    let mut beside = request.file.clone().into_os_string();
    beside.push(".dockerignore");
    let own = lines_of(Path::new(&beside)).or_else(|| lines_of(&request.context.join(".dockerignore")));
    let ignored = own.unwrap_or_default();
    let mut builder = Builder {
        request,
        images,
        globals: BTreeMap::new(),
        stages: Vec::new(),
        main: Entries::new(),
        named: BTreeMap::new(),
        done: BTreeMap::new(),
    };
    builder.parse(&text);
    at(Phase::Parsed)?;
    let mut failed = Ok(());
    builder.main = read(&request.context, &ignored, &mut || failed = at(Phase::HalfRead));
    failed?;
    for (name, folder) in &request.contexts {
        let ignored = lines_of(&folder.join(".dockerignore")).unwrap_or_default();
        builder.named.insert(name.clone(), read(folder, &ignored, &mut || {}));
    }
    let number = match &request.target {
        Some(target) => builder.named_stage(target).ok_or_else(|| format!("no stage {target}"))?,
        None => builder.stages.len().checked_sub(1).ok_or("no stage")?,
    };
    let stage = builder.stage(number)?;
    at(Phase::Read)?;
    let mut made = stage.made;
    made.labels.extend(request.labels.clone());
    // imk's promise is of all arguments of the stages that are reached, though BuildKit overlooks those that no instruction sees.
    let args: Vec<&Vec<String>> = builder.done.values().map(|stage| &stage.args).collect();
    made.history = digest(&format!("{:?} {:?} {args:?}", stage.history, request.secrets));
    Ok(made)
}

impl Builder<'_> {
    fn parse(&mut self, text: &str) {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (keyword, rest) = line.split_once(' ').unwrap_or((line, ""));
            let (keyword, rest) = (keyword.to_ascii_uppercase(), rest.trim().to_owned());
            match (keyword.as_str(), self.stages.last_mut()) {
                ("FROM", _) => {
                    let words: Vec<&str> = rest.split_whitespace().collect();
                    let name = words.get(2).map(|name| (*name).to_owned());
                    let base = expand(words[0], &|name| self.globals.get(name).cloned());
                    self.stages.push((base, name, Vec::new()));
                }
                ("ARG", None) => {
                    let (name, value) = rest.split_once('=').unwrap_or((&rest, ""));
                    let given = self.request.args.get(name).cloned();
                    self.globals.insert(name.to_owned(), given.unwrap_or_else(|| value.to_owned()));
                }
                (_, Some((_, _, instructions))) => instructions.push((keyword, rest)),
                _ => {}
            }
        }
    }

    fn named_stage(&self, name: &str) -> Option<usize> {
        self.stages.iter().position(|(_, own, _)| own.as_deref() == Some(name))
    }

    fn image(&self, name: &str) -> Result<Made, String> {
        (self.images)(name).ok_or_else(|| format!("{name}: no such image"))
    }

    fn base(&mut self, number: usize) -> Result<Stage, String> {
        let base = self.stages[number].0.clone();
        match self.named_stage(&base).filter(|&other| other < number) {
            Some(other) => self.stage(other),
            // Images without any layer are known by their ids alone: of them nothing is promised.
            None if base == "scratch" => {
                let made = Made { layers: vec![digest("scratch")], ..Made::default() };
                Ok(Stage { made, ..Stage::default() })
            }
            None => Ok(Stage { made: self.image(&base)?, ..Stage::default() }),
        }
    }

    fn stage(&mut self, number: usize) -> Result<Stage, String> {
        if let Some(done) = self.done.get(&number) {
            return Ok(done.clone());
        }
        let mut stage = self.base(number)?;
        stage.args.clear();
        // What is declared in the stage, and has a value.
        let mut args: BTreeMap<String, String> = BTreeMap::new();
        for (keyword, rest) in self.stages[number].2.clone() {
            let value = |name: &str| -> Option<String> {
                let own = stage.made.env.iter().find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='));
                own.map(str::to_owned).or_else(|| args.get(name).cloned())
            };
            let mut said = expand(&rest, &value);
            match keyword.as_str() {
                "ARG" => {
                    let (name, default) = match rest.split_once('=') {
                        Some((name, default)) => (name, Some(expand(default, &value))),
                        None => (rest.as_str(), None),
                    };
                    let given = self.request.args.get(name).cloned().or(default);
                    let given = given.or_else(|| self.globals.get(name).cloned());
                    let given = given.or_else(|| (name == "TARGETARCH").then(|| "amd64".to_owned()));
                    said = format!("{name}={given:?}");
                    stage.args.push(said.clone());
                    if let Some(given) = given {
                        args.insert(name.to_owned(), given);
                    }
                }
                "ENV" => {
                    let name = said.split('=').next().unwrap_or_default().to_owned() + "=";
                    stage.made.env.retain(|entry| !entry.starts_with(&name));
                    stage.made.env.push(said.clone());
                }
                "LABEL" => {
                    let (name, value) = said.split_once('=').unwrap_or((&said, ""));
                    stage.made.labels.insert(name.to_owned(), value.to_owned());
                }
                "CMD" => stage.made.command = rest.clone(),
                "WORKDIR" => {
                    stage.made.directory = said.clone();
                    stage.made.layers.push(digest(&format!("WORKDIR {said}")));
                }
                "COPY" => {
                    let seen = self.copied(&said)?;
                    stage.made.layers.push(digest(&format!("COPY {said} {seen} {}", stage.made.directory)));
                }
                "RUN" => {
                    let read = self.mounted(&rest)?;
                    let Made { layers, env, directory, .. } = &stage.made;
                    let layer = format!("RUN {rest} {read} {layers:?} {env:?} {args:?} {directory}");
                    stage.made.layers.push(digest(&layer));
                }
                _ => return Err(format!("{keyword}: unknown instruction")),
            }
            let said = if keyword == "RUN" { rest } else { said };
            stage.history.push(format!("{keyword} {said}"));
        }
        self.done.insert(number, stage.clone());
        Ok(stage)
    }

    /// What a `COPY` reads.
    fn copied(&mut self, said: &str) -> Result<String, String> {
        let words: Vec<&str> = said.split_whitespace().collect();
        let (flags, words): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| word.starts_with("--"));
        let from = flags.iter().find_map(|flag| flag.strip_prefix("--from="));
        let sources = &words[..words.len().saturating_sub(1)];
        let entries = match from {
            None => self.main.clone(),
            Some(from) => match self.named.get(from) {
                Some(entries) => entries.clone(),
                None => {
                    return match self.named_stage(from) {
                        Some(other) => Ok(format!("{:?}", self.stage(other)?.made.layers)),
                        None => Ok(self.image(from)?.content()),
                    };
                }
            },
        };
        let selected: Result<Vec<Entries>, String> =
            sources.iter().map(|source| select(&entries, source)).collect();
        Ok(format!("{:?}", selected?))
    }

    /// What the bind mounts of a `RUN` show.
    fn mounted(&self, rest: &str) -> Result<String, String> {
        let mut seen = Vec::new();
        for mount in rest.split_whitespace().filter_map(|word| word.strip_prefix("--mount=type=bind,")) {
            let source = mount.split(',').find_map(|field| field.strip_prefix("source="));
            seen.push(select(&self.main, source.unwrap_or("."))?);
        }
        Ok(format!("{seen:?}"))
    }
}

//! An engine by its own client program: it knows contexts, ssh and TLS, and engines without a daemon. Knows no socket.

use super::process::{self, Finished};
use super::{
    Container, Engine, EngineError, Filter, Image, Network, Published, Removed, SAVE_PATIENCE, Version,
    Volume, answers, checked, registry,
};
use crate::base::sorting;
use crate::image::command::Client;
use crate::image::reference::Reference;
use crate::os::interruption;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// An engine behind its client program.
pub struct ClientEngine {
    kind: Client,
    program: PathBuf,
    environment: Vec<(String, String)>,
    look_up_patience: Duration,
    removal_patience: Duration,
}

/// How long a registry may take to answer.
const REGISTRY_PATIENCE: Duration = Duration::from_secs(20);

/// Most things that one `inspect` is asked for: a client takes as long to start as to tell of hundreds.
const INSPECTED_AT_ONCE: usize = 200;
/// Most bytes that a whole listing may have: of ten thousand images it has a hundred megabytes.
const LISTING_MAX: usize = 256 * 1024 * 1024;

/// What clients say of a thing that is not there, in lower case.
const NOT_THERE: [&str; 9] = [
    "no such image",
    "no such container",
    "no such volume",
    "no such network",
    "no such object",
    "image not known",
    "network not found",
    "not found",
    "container not known",
];
/// What clients say of a thing that is in use, in lower case.
const IN_USE: [&str; 5] = ["conflict", "in use", "being used", "is used by", "has active endpoints"];

impl ClientEngine {
    /// The client `program`, run with `environment` added to this process's own.
    pub fn new(kind: Client, program: PathBuf, environment: Vec<(String, String)>) -> ClientEngine {
        ClientEngine {
            kind,
            program,
            environment,
            look_up_patience: Duration::from_secs(60),
            removal_patience: Duration::from_secs(180),
        }
    }

    /// How long a look-up and a removal may take.
    pub fn with_patience(mut self, look_up: Duration, removal: Duration) -> ClientEngine {
        (self.look_up_patience, self.removal_patience) = (look_up, removal);
        self
    }

    fn run(&self, arguments: &[&str], patience: Duration) -> Result<Finished, EngineError> {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        process::run(&self.program, &arguments, &self.environment, patience)
    }

    /// Runs skopeo with the registries' settings that the environment names for the engines: it reads no such variable by itself.
    fn skopeo(&self, program: &Path, arguments: &[&str], input: &[u8]) -> Result<Finished, EngineError> {
        let settings = ["CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH"];
        let settings = settings.into_iter().filter_map(std::env::var_os).find(|path| !path.is_empty());
        let mut words: Vec<&OsStr> = Vec::new();
        if let Some(path) = &settings {
            words.extend([OsStr::new("--registries-conf"), path]);
        }
        words.extend(arguments.iter().map(OsStr::new));
        let done = process::run_with_input(program, &words, &self.environment, input, REGISTRY_PATIENCE);
        registry::in_time(done, REGISTRY_PATIENCE)
    }

    fn failed(&self, finished: &Finished) -> EngineError {
        let said = finished.errors.trim().trim_start_matches("Error: ");
        let shown: String = said.chars().take(500).collect();
        let lower = said.to_lowercase();
        match IN_USE.iter().any(|phrase| lower.contains(phrase)) {
            true => EngineError::Conflict(shown),
            false => EngineError::Failed(self.kind.name().to_owned(), shown),
        }
    }

    /// The output of a command; none where what it names is not there.
    fn output(&self, arguments: &[&str]) -> Result<Option<Vec<u8>>, EngineError> {
        self.output_within(arguments, self.look_up_patience)
    }

    fn output_within(&self, arguments: &[&str], patience: Duration) -> Result<Option<Vec<u8>>, EngineError> {
        let finished = self.run(arguments, patience)?;
        if finished.success {
            return Ok(Some(finished.output));
        }
        let lower = finished.errors.to_lowercase();
        match NOT_THERE.iter().any(|phrase| lower.contains(phrase)) {
            true => Ok(None),
            false => Err(self.failed(&finished)),
        }
    }

    /// The first answer of an `inspect`.
    fn inspect(&self, group: &str, name: &str) -> Result<Option<Value>, EngineError> {
        if name.is_empty() {
            return Ok(None);
        }
        let output = match self.kind {
            Client::Buildah => self.output(&["inspect", "--type", group, "--", name])?,
            _ => self.output(&[group, "inspect", "--", name])?,
        };
        let Some(output) = output else { return Ok(None) };
        Ok(match answers::json(&output)? {
            Value::Array(items) => items.into_iter().next(),
            Value::Null => None,
            one => Some(one),
        })
    }

    /// What `inspect` tells of all of `ids`, which are sorted, read by `read`; what is gone by now is left out, and so is what was not
    /// asked for. As many are asked for at once as a client takes; all together have the time and the length of one answer.
    fn inspect_all<T>(
        &self,
        group: &str,
        ids: &[String],
        read: impl Fn(&Value) -> Result<T, EngineError>,
        id_of: impl Fn(&T) -> &str,
    ) -> Result<Vec<T>, EngineError> {
        let (start, at_once): (&[&str], usize) = match self.kind {
            Client::Buildah => (&["inspect", "--type", group, "--"], 1),
            _ => (&[group, "inspect", "--"], INSPECTED_AT_ONCE),
        };
        // One process a thing has time in proportion.
        let times = 1 + ids.len().div_ceil(at_once) / 100;
        let deadline = Instant::now() + self.look_up_patience * u32::try_from(times).unwrap_or(u32::MAX);
        let mut parts: Vec<&[String]> = ids.chunks(at_once).rev().collect();
        let (mut found, mut length) = (Vec::new(), 0);
        while let Some(part) = parts.pop() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(EngineError::after(self.look_up_patience));
            }
            let arguments: Vec<&str> = start.iter().copied().chain(part.iter().map(String::as_str)).collect();
            let output = match self.output_within(&arguments, left) {
                Ok(Some(output)) => output,
                // One of them is gone by now, or all together are too long: the halves tell.
                Ok(None) | Err(EngineError::TooLarge(_)) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                    continue;
                }
                Ok(None) => continue,
                Err(EngineError::Timeout(_)) => return Err(EngineError::after(self.look_up_patience)),
                Err(fault) => return Err(fault),
            };
            length += output.len();
            if length > LISTING_MAX {
                return Err(EngineError::TooLarge(LISTING_MAX));
            }
            let told = match answers::json(&output)? {
                Value::Array(items) => items,
                Value::Null => Vec::new(),
                one => vec![one],
            };
            // A client says by its status where it does not have all: what it keeps quiet about would be taken for gone. nerdctl passes over
            // what it can't inspect.
            if told.len() < part.len() && self.kind != Client::Nerdctl {
                return Err(EngineError::Garbage("everything that was asked for"));
            }
            for value in told {
                let thing = read(&value)?;
                if part.iter().any(|id| id == id_of(&thing)) {
                    found.push(thing);
                }
            }
        }
        Ok(found)
    }

    /// The ids that a listing with `--quiet` and `--no-trunc` prints, sorted; `what` they are.
    fn ids(&self, arguments: &[&str], what: &'static str) -> Result<Vec<String>, EngineError> {
        let output = self.output(arguments)?.unwrap_or_default();
        let output = std::str::from_utf8(&output).map_err(|_| EngineError::Garbage(what))?;
        let mut ids = Vec::new();
        for word in output.split_whitespace() {
            ids.push(checked::whole_id(word, what)?);
        }
        // An image with several tags is listed once for each.
        sorting::sort(&mut ids);
        ids.dedup();
        Ok(ids.into_iter().map(str::to_owned).collect())
    }

    fn remove(&self, arguments: &[&str]) -> Result<Removed, EngineError> {
        if arguments.last().is_none_or(|name| name.is_empty()) {
            return Ok(Removed::NotThere);
        }
        let _hold = interruption::hold();
        let finished = self.run(arguments, self.removal_patience)?;
        let lower = finished.errors.to_lowercase();
        match NOT_THERE.iter().any(|phrase| lower.contains(phrase)) {
            true => Ok(Removed::NotThere),
            // Clients name what they removed; podman's forced removal of nothing succeeds in silence.
            _ if finished.success && finished.output.trim_ascii().is_empty() => Ok(Removed::NotThere),
            _ if finished.success => Ok(Removed::Done),
            false => Err(self.failed(&finished)),
        }
    }

    fn only_with_containers(&self, what: &'static str) -> Result<(), EngineError> {
        match self.kind {
            Client::Buildah => Err(EngineError::Unsupported(what)),
            _ => Ok(()),
        }
    }

    /// All tags of each image by its id: buildah's `inspect` tells one.
    fn buildah_tags(&self) -> Result<BTreeMap<String, Vec<String>>, EngineError> {
        let output = self.output(&["images", "--json", "--no-trunc"])?.unwrap_or_default();
        answers::buildah_tags(&answers::json(&output)?)
    }

    /// buildah's working containers, with podman's beside them.
    fn buildah_containers(&self) -> Result<Vec<Container>, EngineError> {
        let output = self.output(&["containers", "--all", "--json"])?.unwrap_or_default();
        let Value::Array(items) = answers::json(&output)? else { return Ok(Vec::new()) };
        items.iter().map(answers::buildah_container).collect()
    }
}

impl Engine for ClientEngine {
    fn description(&self) -> String {
        format!("{} ({})", self.kind.name(), self.program.display())
    }

    fn version(&self) -> Result<Version, EngineError> {
        // `--version` would not say whether the engine behind the client answers.
        let arguments: &[&str] = match self.kind {
            Client::Buildah => &["version", "--json"],
            Client::Podman => &["version", "--format", "json"],
            _ => &["version", "--format", "{{json .}}"],
        };
        let finished = self.run(arguments, self.look_up_patience)?;
        if !finished.success {
            return Err(self.failed(&finished));
        }
        let value = answers::json(&finished.output)?;
        let places =
            [&value["Server"]["Version"], &value["Client"]["Version"], &value["version"], &value["Version"]];
        let server_version = value["Server"]["Components"][0]["Version"].as_str();
        let version = places.iter().find_map(|place| place.as_str()).or(server_version);
        let version = version.ok_or(EngineError::Garbage("version"))?;
        // Of a client and what it speaks to, the latter builds.
        let platform = answers::machine(&value["Server"]).unwrap_or_default();
        Ok(Version { engine: self.kind.name().to_owned(), version: version.to_owned(), platform })
    }

    fn image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        let Some(value) = self.inspect("image", reference)? else { return Ok(None) };
        let image = match self.kind {
            Client::Buildah => {
                let mut image = answers::buildah_image(&value)?;
                image.tags = self.buildah_tags()?.remove(&image.id).unwrap_or_default();
                image
            }
            _ => answers::image(&value)?,
        };
        Ok(image.answers_to(reference).then_some(image))
    }

    fn images(&self, filter: &Filter) -> Result<Vec<Image>, EngineError> {
        let label = filter.label_text().map(|label| format!("label={label}"));
        let reference = filter.name.as_ref().map(|name| format!("reference={name}"));
        let mut arguments = vec!["images", "--quiet", "--no-trunc"];
        for condition in [&label, &reference].into_iter().flatten() {
            arguments.extend(["--filter", condition]);
        }
        let ids =
            self.ids(&arguments, "image id")?.into_iter().map(answers::with_algorithm).collect::<Vec<_>>();
        let mut found = match self.kind {
            Client::Buildah if !ids.is_empty() => {
                let mut tags = self.buildah_tags()?;
                let mut found = self.inspect_all("image", &ids, answers::buildah_image, |image| &image.id)?;
                for image in &mut found {
                    image.tags = tags.remove(&image.id).unwrap_or_default();
                }
                found
            }
            _ => self.inspect_all("image", &ids, answers::image, |image| &image.id)?,
        };
        found.retain(|image| filter.matches_label(&image.labels));
        Ok(found)
    }

    fn container(&self, name: &str) -> Result<Option<Container>, EngineError> {
        if self.kind == Client::Buildah {
            let all = self.buildah_containers()?;
            return Ok(all.into_iter().find(|container| container.answers_to(name)));
        }
        let Some(value) = self.inspect("container", name)? else { return Ok(None) };
        answers::container(&value)?.if_asked_for(name)
    }

    fn containers(&self, filter: &Filter) -> Result<Vec<Container>, EngineError> {
        let selected = |container: &Container| {
            filter.name.as_ref().is_none_or(|name| *name == container.name)
                && filter.matches_label(&container.labels)
        };
        if self.kind == Client::Buildah {
            return Ok(self.buildah_containers()?.into_iter().filter(selected).collect());
        }
        let label = filter.label_text().map(|label| format!("label={label}"));
        let name = filter.name.as_ref().map(|name| format!("name={name}"));
        let mut arguments = vec!["ps", "--all", "--quiet", "--no-trunc"];
        for condition in [&label, &name].into_iter().flatten() {
            arguments.extend(["--filter", condition]);
        }
        let ids = self.ids(&arguments, "container id")?;
        let mut found = self.inspect_all("container", &ids, answers::container, |container| &container.id)?;
        found.retain(selected);
        Ok(found)
    }

    fn remove_container(&self, id: &str) -> Result<Removed, EngineError> {
        match self.kind {
            Client::Buildah => self.remove(&["rm", "--", id]),
            _ => self.remove(&["container", "rm", "--force", "--volumes", "--", id]),
        }
    }

    fn remove_image(&self, reference: &str) -> Result<Removed, EngineError> {
        match self.kind {
            Client::Buildah => self.remove(&["rmi", "--", reference]),
            _ => self.remove(&["image", "rm", "--", reference]),
        }
    }

    fn tag(&self, image: &str, tag: &str) -> Result<(), EngineError> {
        let _hold = interruption::hold();
        let finished = self.run(&["tag", "--", image, tag], self.look_up_patience)?;
        if finished.success { Ok(()) } else { Err(self.failed(&finished)) }
    }

    fn save(&self, reference: &str) -> Result<Option<Box<dyn std::io::Read + Send>>, EngineError> {
        self.only_with_containers("archives of images")?;
        if self.image(reference)?.is_none() {
            return Ok(None);
        }
        let arguments = [OsStr::new("save"), OsStr::new("--"), OsStr::new(reference)];
        Ok(Some(Box::new(process::stream(&self.program, &arguments, &self.environment, SAVE_PATIENCE)?)))
    }

    /// By buildx, which is a part of docker's client; the others have nothing that asks without a pull, and skopeo, which reads
    /// their configuration, asks for them.
    fn published(&self, reference: &Reference) -> Result<Option<Published>, EngineError> {
        let name = reference.canonical();
        if self.kind == Client::Docker {
            let done = self.run(&["buildx", "imagetools", "inspect", &name], REGISTRY_PATIENCE);
            let done = registry::in_time(done, REGISTRY_PATIENCE)?;
            return match done.success {
                true => registry::inspected(&String::from_utf8_lossy(&done.output)),
                false => registry::unread(&registry::complaint(&done.errors)),
            };
        }
        let skopeo = which::which("skopeo").map_err(|_| {
            let kind = self.kind.name();
            EngineError::Registry(format!("{kind} asks none without a pull, and skopeo is not on PATH"))
        })?;
        // The manifest as the registry has it: without --raw skopeo looks into a list for this machine's platform, and fails where the
        // list has none for it.
        let name = format!("docker://{name}");
        let raw = self.skopeo(&skopeo, &["inspect", "--raw", &name], b"")?;
        if !raw.success {
            return registry::unread(&registry::complaint(&raw.errors));
        }
        let is_list = registry::is_list(&raw.output).ok_or(EngineError::Garbage("manifest"))?;
        let digest = self.skopeo(&skopeo, &["manifest-digest", "/dev/stdin"], &raw.output)?;
        let found = registry::published(Some(String::from_utf8_lossy(&digest.output).trim()), None)?;
        Ok(found.map(|found| Published { is_list: Some(is_list), ..found }))
    }

    fn volume(&self, name: &str) -> Result<Option<Volume>, EngineError> {
        self.only_with_containers("volumes")?;
        let Some(value) = self.inspect("volume", name)? else { return Ok(None) };
        answers::volume(&value)?.if_asked_for(name)
    }

    fn remove_volume(&self, name: &str) -> Result<Removed, EngineError> {
        self.only_with_containers("volumes")?;
        self.remove(&["volume", "rm", "--", name])
    }

    fn network(&self, name: &str) -> Result<Option<Network>, EngineError> {
        self.only_with_containers("networks")?;
        let Some(value) = self.inspect("network", name)? else { return Ok(None) };
        answers::network(&value)?.if_asked_for(name)
    }

    fn remove_network(&self, id: &str) -> Result<Removed, EngineError> {
        self.only_with_containers("networks")?;
        self.remove(&["network", "rm", "--", id])
    }
}

#[cfg(test)]
mod tests;

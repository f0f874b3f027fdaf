//! From an engine's JSON to its data. Knows no transport; whatever is missing or of another type is left out, but an
//! answer without an id is none.

use super::{Container, EngineError, Image, ImageConfig, Network, Version, Volume, time};
use crate::base::sorting;
use serde_json::Value;
use std::collections::BTreeMap;

/// Reads bytes as JSON.
pub(super) fn json(bytes: &[u8]) -> Result<Value, EngineError> {
    crate::image::json::parse(bytes).ok_or(EngineError::Garbage("JSON"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Strings of an array; one where it is written as a string itself.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(one) => vec![one.clone()],
        _ => Vec::new(),
    }
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// podman writes image ids without the algorithm.
fn image_id(value: &Value) -> String {
    let id = text(value);
    let bare = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if bare { format!("sha256:{id}") } else { id }
}

/// A configuration without its labels, and without what older engines note of the container that it was made in.
fn settings(config: &Value) -> String {
    let Some(fields) = config.as_object() else { return String::new() };
    let mut kept = fields.clone();
    for noise in ["Labels", "Image", "Hostname", "Domainname"] {
        kept.remove(noise);
    }
    // The order of names must not hang on the engine, nor on how the JSON library keeps them.
    let mut names: Vec<(String, Value)> = kept.into_iter().collect();
    sorting::sort_by(&mut names, |a, b| a.0.cmp(&b.0));
    Value::Array(names.into_iter().map(|(name, value)| Value::Array(vec![name.into(), value])).collect())
        .to_string()
}

/// A whole answer of `image inspect`: of docker, podman or nerdctl.
pub(super) fn image(value: &Value) -> Result<Image, EngineError> {
    let id = image_id(&value["Id"]);
    if id.is_empty() {
        return Err(EngineError::Garbage("image id"));
    }
    let config = &value["Config"];
    // The containerd store tells the manifest's descriptor and takes its digest for the id.
    let id_is_manifest = value["Descriptor"]["digest"].as_str() == Some(id.as_str());
    let parts = [&value["Os"], &value["Architecture"], &value["Variant"]];
    let platform: Vec<&str> =
        parts.iter().filter_map(|part| part.as_str()).filter(|part| !part.is_empty()).collect();
    let mut all_labels = labels(&value["Labels"]);
    all_labels.extend(labels(&config["Labels"]));
    Ok(Image {
        config_digest: (!id_is_manifest).then(|| id.clone()),
        id,
        tags: texts(&value["RepoTags"]).into_iter().filter(|tag| !tag.starts_with("<none>")).collect(),
        digests: texts(&value["RepoDigests"])
            .into_iter()
            .filter(|digest| !digest.starts_with("<none>"))
            .collect(),
        labels: all_labels,
        created: value["Created"].as_str().and_then(time::parse),
        tagged: value["Metadata"]["LastTagTime"].as_str().and_then(time::parse),
        size: value["Size"].as_u64().unwrap_or(0),
        layers: texts(&value["RootFS"]["Layers"]),
        platform: platform.join("/"),
        config: ImageConfig {
            environment: texts(&config["Env"]),
            on_build: texts(&config["OnBuild"]),
            user: text(&config["User"]),
            working_directory: text(&config["WorkingDir"]),
            entrypoint: texts(&config["Entrypoint"]),
            command: texts(&config["Cmd"]),
            shell: texts(&config["Shell"]),
        },
        settings: settings(config),
    })
}

/// An answer of `buildah inspect --type image`, without the tags.
pub(super) fn buildah_image(value: &Value) -> Result<Image, EngineError> {
    let id = image_id(&value["FromImageID"]);
    if id.is_empty() {
        return Err(EngineError::Garbage("image id"));
    }
    let config = &value["Docker"]["config"];
    let oci = &value["OCIv1"];
    let parts = [&oci["os"], &oci["architecture"], &oci["variant"]];
    let platform: Vec<&str> =
        parts.iter().filter_map(|part| part.as_str()).filter(|part| !part.is_empty()).collect();
    Ok(Image {
        config_digest: Some(id.clone()),
        id,
        tags: Vec::new(),
        digests: Vec::new(),
        labels: labels(&oci["config"]["Labels"]),
        created: oci["created"].as_str().and_then(time::parse),
        tagged: None,
        size: 0,
        layers: texts(&oci["rootfs"]["diff_ids"]),
        platform: platform.join("/"),
        config: ImageConfig {
            environment: texts(&config["Env"]),
            on_build: texts(&config["OnBuild"]),
            user: text(&config["User"]),
            working_directory: text(&config["WorkingDir"]),
            entrypoint: texts(&config["Entrypoint"]),
            command: texts(&config["Cmd"]),
            shell: texts(&config["Shell"]),
        },
        settings: settings(&oci["config"]),
    })
}

/// A whole answer of `container inspect`.
pub(super) fn container(value: &Value) -> Result<Container, EngineError> {
    let id = text(&value["Id"]);
    if id.is_empty() {
        return Err(EngineError::Garbage("container id"));
    }
    let config = &value["Config"];
    let image =
        [&config["Image"], &value["ImageName"]].into_iter().find_map(Value::as_str).unwrap_or_default();
    Ok(Container {
        id,
        name: text(&value["Name"]).trim_start_matches('/').to_owned(),
        image_id: image_id(&value["Image"]),
        image: image.to_owned(),
        labels: labels(&config["Labels"]),
        created: value["Created"].as_str().and_then(time::parse),
        running: value["State"]["Running"].as_bool() == Some(true) || value["State"]["Status"] == "running",
    })
}

/// An entry of `buildah containers --json`.
pub(super) fn buildah_container(value: &Value) -> Result<Container, EngineError> {
    let id = text(&value["id"]);
    if id.is_empty() {
        return Err(EngineError::Garbage("container id"));
    }
    Ok(Container {
        id,
        name: text(&value["containername"]),
        image_id: image_id(&value["imageid"]),
        image: text(&value["imagename"]),
        ..Container::default()
    })
}

/// An entry of the daemon's list of containers.
pub(super) fn listed_container(value: &Value) -> Result<Container, EngineError> {
    let id = text(&value["Id"]);
    if id.is_empty() {
        return Err(EngineError::Garbage("container id"));
    }
    // Of several names, those with a further slash are links of other containers to this one.
    let names = texts(&value["Names"]);
    let own = names.iter().map(|name| name.trim_start_matches('/')).find(|name| !name.contains('/'));
    Ok(Container {
        id,
        name: own.unwrap_or_default().to_owned(),
        image_id: image_id(&value["ImageID"]),
        image: text(&value["Image"]),
        labels: labels(&value["Labels"]),
        created: value["Created"].as_i64(),
        running: value["State"] == "running",
    })
}

/// An entry of the daemon's list of images: without layers and configuration.
pub(super) fn listed_image(value: &Value) -> Result<Image, EngineError> {
    let mut listed = image(value)?;
    listed.created = value["Created"].as_i64();
    Ok(listed)
}

/// A volume.
pub(super) fn volume(value: &Value) -> Result<Volume, EngineError> {
    match value["Name"].as_str() {
        Some(name) if !name.is_empty() => Ok(Volume {
            name: name.to_owned(),
            created: value["CreatedAt"].as_str().and_then(time::parse),
            made: text(&value["CreatedAt"]),
            labels: labels(&value["Labels"]),
        }),
        _ => Err(EngineError::Garbage("volume name")),
    }
}

/// A network: of docker (`Id`, `Name`) or podman (`id`, `name`).
pub(super) fn network(value: &Value) -> Result<Network, EngineError> {
    let either = |upper: &str, lower: &str| {
        value[upper].as_str().or(value[lower].as_str()).unwrap_or_default().to_owned()
    };
    let created = time::parse(&either("Created", "created"));
    let network = Network { id: either("Id", "id"), name: either("Name", "name"), created };
    if network.id.is_empty() { Err(EngineError::Garbage("network id")) } else { Ok(network) }
}

/// The daemon's answer to `/version`.
pub(super) fn version(value: &Value) -> Result<Version, EngineError> {
    let components = value["Components"].as_array();
    let is_podman = components.is_some_and(|all| all.iter().any(|one| one["Name"] == "Podman Engine"));
    match value["Version"].as_str() {
        Some(version) => {
            let engine = if is_podman { "podman" } else { "docker" };
            Ok(Version {
                engine: engine.to_owned(),
                version: version.to_owned(),
                platform: machine(value).unwrap_or_default(),
            })
        }
        None => Err(EngineError::Garbage("version")),
    }
}

/// The system and architecture in what an engine says of its version.
pub(super) fn machine(value: &Value) -> Option<String> {
    Some(format!("{}/{}", value["Os"].as_str()?, value["Arch"].as_str()?))
}

/// The message of an error's answer: `{"message": …}`, or the text itself.
pub(super) fn error_message(body: &[u8]) -> String {
    let value: Value = crate::image::json::parse(body).unwrap_or_default();
    let message = value["message"].as_str().or(value["cause"].as_str());
    let shown = message.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
    shown.trim().chars().take(500).collect()
}

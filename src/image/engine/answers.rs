//! From an engine's JSON to its data. Knows no transport; whatever is missing or of another type is left out, but an
//! answer without an id is none, and one whose ids and names are none (`checked`) is refused.

use super::{Container, EngineError, Image, ImageConfig, Network, Version, Volume, checked, time};
use crate::base::sorting;
use crate::image::reference::Reference;
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

fn borrowed(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// podman writes image ids without the algorithm.
pub(super) fn with_algorithm(id: String) -> String {
    let bare = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if bare { format!("sha256:{id}") } else { id }
}

fn image_id(value: &Value) -> Result<String, EngineError> {
    checked::id(borrowed(value), "image id").map(with_algorithm)
}

/// The id of a container's image. nerdctl tells a reference there, and a container of buildah may have been made from nothing:
/// then it is not known.
fn image_of_container(value: &Value) -> Result<String, EngineError> {
    let said = borrowed(value);
    match image_id(value) {
        Err(_) if said.is_empty() || Reference::parse(said.as_bytes()).is_ok() => Ok(String::new()),
        id => id,
    }
}

/// Names of an image, without those that stand for none.
fn image_names(value: &Value) -> Result<Vec<String>, EngineError> {
    let named = texts(value).into_iter().filter(|name| !name.starts_with("<none>"));
    named.map(|name| checked::name(&name, "image name")).collect()
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
    let id = image_id(&value["Id"])?;
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
        tags: image_names(&value["RepoTags"])?,
        digests: image_names(&value["RepoDigests"])?,
        labels: all_labels,
        created: value["Created"].as_str().and_then(time::parse),
        tagged: value["Metadata"]["LastTagTime"].as_str().and_then(time::parse),
        tagged_exactly: text(&value["Metadata"]["LastTagTime"]),
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
    let id = image_id(&value["FromImageID"])?;
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
        tagged_exactly: String::new(),
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

/// The tags of each image by its id, of `buildah images --json`.
pub(super) fn buildah_tags(value: &Value) -> Result<BTreeMap<String, Vec<String>>, EngineError> {
    let listed = value.as_array().into_iter().flatten();
    listed.map(|image| Ok((image_id(&image["id"])?, image_names(&image["names"])?))).collect()
}

/// A container's name, without docker's leading slash.
fn container_name(text: &str) -> Result<String, EngineError> {
    checked::name_if_any(text.trim_start_matches('/'), "container name")
}

/// A whole answer of `container inspect`.
pub(super) fn container(value: &Value) -> Result<Container, EngineError> {
    let id = checked::id(borrowed(&value["Id"]), "container id")?;
    let config = &value["Config"];
    let image =
        [&config["Image"], &value["ImageName"]].into_iter().find_map(Value::as_str).unwrap_or_default();
    Ok(Container {
        id,
        name: container_name(borrowed(&value["Name"]))?,
        image_id: image_of_container(&value["Image"])?,
        image: checked::name_if_any(image, "image name")?,
        labels: labels(&config["Labels"]),
        created: value["Created"].as_str().and_then(time::parse),
        running: value["State"]["Running"].as_bool() == Some(true) || value["State"]["Status"] == "running",
        going: value["State"]["Status"] == "removing",
    })
}

/// An entry of `buildah containers --json`.
pub(super) fn buildah_container(value: &Value) -> Result<Container, EngineError> {
    let id = checked::id(borrowed(&value["id"]), "container id")?;
    Ok(Container {
        id,
        name: container_name(borrowed(&value["containername"]))?,
        image_id: image_of_container(&value["imageid"])?,
        image: checked::name_if_any(borrowed(&value["imagename"]), "image name")?,
        ..Container::default()
    })
}

/// An entry of the daemon's list of containers.
pub(super) fn listed_container(value: &Value) -> Result<Container, EngineError> {
    let id = checked::id(borrowed(&value["Id"]), "container id")?;
    // Of several names, those with a further slash are links of other containers to this one.
    let names = texts(&value["Names"]);
    let own = names.iter().map(|name| name.trim_start_matches('/')).find(|name| !name.contains('/'));
    let own = own.unwrap_or_default();
    Ok(Container {
        id,
        name: container_name(own)?,
        image_id: image_of_container(&value["ImageID"])?,
        image: checked::name_if_any(borrowed(&value["Image"]), "image name")?,
        labels: labels(&value["Labels"]),
        created: value["Created"].as_i64(),
        running: value["State"] == "running",
        going: value["State"] == "removing",
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
    let made = borrowed(&value["CreatedAt"]);
    Ok(Volume {
        name: checked::name(borrowed(&value["Name"]), "volume name")?,
        created: time::parse(made),
        made: checked::time(made, "time of a volume")?,
        labels: labels(&value["Labels"]),
    })
}

/// A network: of docker (`Id`, `Name`) or podman (`id`, `name`).
pub(super) fn network(value: &Value) -> Result<Network, EngineError> {
    let either =
        |upper: &str, lower: &str| value[upper].as_str().or(value[lower].as_str()).unwrap_or_default();
    Ok(Network {
        id: checked::network_id(either("Id", "id"), "network id")?,
        name: checked::name(either("Name", "name"), "network name")?,
        created: time::parse(either("Created", "created")),
    })
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

//! The commands that build an image once more, under another tag and without cache, and that start it for a try. Runs nothing.

use crate::image::command::flags::Given;
use crate::image::command::kinds::{Build, BuildContext};
use crate::image::command::text::Text;
use crate::image::command::{Client, Recognised};

/// Options that say where the result goes or what is printed, and those for the cache.
const LEFT_OUT: [&str; 13] = [
    "tag",
    "no-cache",
    "no-cache-filter",
    "quiet",
    "iidfile",
    "metadata-file",
    "output",
    "push",
    "load",
    "cache-from",
    "cache-to",
    "progress",
    "pull",
];

/// The variable, and build argument, that reproducible builds take their time from.
pub const EPOCH: &str = "SOURCE_DATE_EPOCH";

fn known(text: &Text) -> Result<Vec<u8>, &'static str> {
    text.known().map(<[u8]>::to_vec).ok_or("its command is known only to the running shell")
}

fn option(given: &Given) -> Result<Vec<u8>, &'static str> {
    Ok(match &given.value {
        Some(value) => [&b"--"[..], given.name.as_bytes(), b"=", &known(value)?[..]].concat(),
        None => [&b"--"[..], given.name.as_bytes()].concat(),
    })
}

/// The client of `command` with its own options, which say what engine it speaks to.
fn client(command: &Recognised) -> Result<Vec<Vec<u8>>, &'static str> {
    if command.elevated {
        return Err("another user builds it");
    }
    let program: &[u8] = match command.client {
        Client::Docker => b"docker",
        Client::Podman => b"podman",
        Client::Nerdctl => b"nerdctl",
        Client::Buildah => b"buildah",
    };
    let mut words = vec![program.to_vec()];
    for given in &command.globals {
        words.push(option(given)?);
    }
    Ok(words)
}

/// The words of a command that starts the image `id`, which `command` built, as the container `name` with `label`: what it starts by itself,
/// as its own user, without network, in a file system that can only be read, but for `/tmp`.
pub fn start(command: &Recognised, id: &str, name: &str, label: &str) -> Result<Vec<Vec<u8>>, &'static str> {
    if command.client == Client::Buildah {
        return Err("buildah runs no images");
    }
    let mut words = client(command)?;
    let own = ["run", "--name", name, "--label", label, "--network=none", "--read-only", "--tmpfs=/tmp", id];
    words.extend(own.map(|word| word.as_bytes().to_vec()));
    Ok(words)
}

/// The words of a command that builds what `build` builds, as `tag`; why there is none otherwise. `epoch` is the value of
/// `SOURCE_DATE_EPOCH`.
pub fn words(
    command: &Recognised,
    build: &Build,
    tag: &str,
    epoch: Option<&str>,
) -> Result<Vec<Vec<u8>>, &'static str> {
    if !build.outputs.is_empty() || build.platforms.len() > 1 || build.builder.is_some() || build.only_asks {
        return Err("its result does not stay on the engine");
    }
    let context = match &build.context {
        BuildContext::Path(context) | BuildContext::Remote(context) => known(context)?,
        BuildContext::Missing if matches!(command.client, Client::Podman | Client::Buildah) => b".".to_vec(),
        _ => return Err("its context is known only to the running shell"),
    };
    let mut words = client(command)?;
    if build.buildx {
        words.extend([b"buildx".to_vec(), b"build".to_vec(), b"--load".to_vec()]);
    } else {
        words.push(b"build".to_vec());
    }
    words.extend([b"--no-cache".to_vec(), format!("--tag={tag}").into_bytes()]);
    for given in build.options.iter().filter(|given| !LEFT_OUT.contains(&given.name)) {
        words.push(option(given)?);
    }
    let has_epoch = build.args.iter().any(|pair| pair.name.known() == Some(EPOCH.as_bytes()));
    if let Some(epoch) = epoch.filter(|_| !has_epoch) {
        words.push(format!("--build-arg={EPOCH}={epoch}").into_bytes());
    }
    words.push(context);
    Ok(words)
}

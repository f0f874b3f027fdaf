//! The command lines that a block stands for, by client. Knows nothing of processes.

use super::Block;
use crate::image::command::Client;
use crate::rules::images::Attribute;

/// The client program that runs a block's commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Which client it is.
    pub client: Client,
    /// Its name or path.
    pub path: Vec<u8>,
}

/// Options that repeat, one word each.
const LISTS: [(Attribute, &str); 13] = [
    (Attribute::Tags, "--tag"),
    (Attribute::Args, "--build-arg"),
    (Attribute::Labels, "--label"),
    (Attribute::Annotations, "--annotation"),
    (Attribute::Contexts, "--build-context"),
    (Attribute::Secrets, "--secret"),
    (Attribute::Ssh, "--ssh"),
    (Attribute::CacheFrom, "--cache-from"),
    (Attribute::CacheTo, "--cache-to"),
    (Attribute::Output, "--output"),
    (Attribute::Attest, "--attest"),
    (Attribute::ExtraHosts, "--add-host"),
    (Attribute::Ulimits, "--ulimit"),
];

impl Block {
    /// The build, with `labels` besides its own. Options stand in a fixed order, the user's own (`options`) first.
    pub fn build(&self, program: &Program, labels: &[(String, String)]) -> Vec<Vec<u8>> {
        let mut words = vec![program.path.clone()];
        let builder = self.word(Attribute::Builder);
        if builder.is_some() && program.client == Client::Docker {
            words.push(b"buildx".to_vec());
        }
        words.push(b"build".to_vec());
        let own = self.words(Attribute::Options).iter().map(|given| given.text.clone());
        words.extend(own);
        let mut option = |name: &str, value: &[u8]| words.extend([name.as_bytes().to_vec(), value.to_vec()]);
        if let Some(builder) = builder {
            option("--builder", &builder.text);
        }
        if let Some(file) = self.dockerfile() {
            option("--file", &file);
        }
        if let Some(target) = self.word(Attribute::Target) {
            option("--target", &target.text);
        }
        for (attribute, name) in LISTS {
            for given in self.words(attribute) {
                option(name, &given.text);
            }
        }
        for (name, value) in labels {
            option("--label", format!("{name}={value}").as_bytes());
        }
        let platforms: Vec<&[u8]> =
            self.words(Attribute::Platforms).iter().map(|given| &given.text[..]).collect();
        if !platforms.is_empty() {
            option("--platform", &platforms.join(&b','));
        }
        if let Some(network) = self.word(Attribute::Network) {
            option("--network", &network.text);
        }
        if let Some(size) = self.word(Attribute::ShmSize) {
            option("--shm-size", &size.text);
        }
        for (attribute, name) in [(Attribute::Pull, "--pull"), (Attribute::NoCache, "--no-cache")] {
            if self.is_on(attribute) {
                words.push(name.as_bytes().to_vec());
            }
        }
        words.push(self.context().to_vec());
        words
    }

    /// Makes a container called `name` of the image called `tag`, to copy from; it is never started, and `label` marks it. An image without a
    /// command needs some word in its place.
    pub fn create(
        &self,
        program: &Program,
        name: &str,
        tag: &[u8],
        label: Option<(&str, &str)>,
    ) -> Vec<Vec<u8>> {
        let mut words = vec![program.path.clone(), b"create".to_vec(), b"--name".to_vec(), name.into()];
        if let Some((label, value)) = label {
            words.extend([b"--label".to_vec(), format!("{label}={value}").into_bytes()]);
        }
        words.extend([tag.to_vec(), b"never-started".to_vec()]);
        words
    }

    /// Copies `source` of the container called `name` to `destination`.
    pub fn copy(&self, program: &Program, name: &str, source: &[u8], destination: &[u8]) -> Vec<Vec<u8>> {
        let from = [name.as_bytes(), b":", source].concat();
        vec![program.path.clone(), b"cp".to_vec(), from, destination.to_vec()]
    }

    /// Removes the container called `name`.
    pub fn remove_container(&self, program: &Program, name: &str) -> Vec<Vec<u8>> {
        vec![program.path.clone(), b"rm".to_vec(), name.into()]
    }

    /// Removes the block's tags.
    pub fn remove_tags(&self, program: &Program) -> Vec<Vec<u8>> {
        let mut words = vec![program.path.clone(), b"rmi".to_vec()];
        words.extend(self.tags().iter().map(|given| given.text.clone()));
        words
    }
}

//! The command lines that a block stands for, by client. Knows nothing of processes.

use super::{Block, Given};
use crate::base::mask::Masks;
use crate::base::secret::is_secret_name;
use crate::image::command::Client;
use crate::rules::images::Attribute;
use std::ffi::CString;

/// The client program that runs a block's commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Which client it is.
    pub client: Client,
    /// Its name or path.
    pub path: Vec<u8>,
}

/// Attributes that repeat an option, one word each.
pub const LISTS: [(Attribute, &str); 13] = [
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

/// Variables that a client itself goes by: never set for an argument's sake.
const OWN: [&[u8]; 5] = [b"DOCKER_", b"BUILDX_", b"BUILDKIT_", b"CONTAINER", b"SSH_"];

/// `words` of a build with the values of those build args left out whose names are a secret's or whose values `masks` hides, and these args as variables for the
/// client's environment, where it looks for what has no value. Who may see the list of processes sees command lines, not those.
pub fn secrets_by_environment(words: &[Vec<u8>], masks: Option<&Masks>) -> (Vec<Vec<u8>>, Vec<CString>) {
    let mut kept = words.to_vec();
    let mut environment: Vec<CString> = Vec::new();
    for at in 1..words.len() {
        if words[at - 1] != b"--build-arg" {
            continue;
        }
        let Some(equals) = memchr::memchr(b'=', &words[at]) else { continue };
        let name = &words[at][..equals];
        let is_variable = name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            && name != b"PWD"
            && !OWN.iter().any(|own| name.starts_with(own));
        if is_variable
            && (is_secret_name(name) || masks.is_some_and(|masks| masks.hides(&words[at][equals + 1..])))
            && let Ok(entry) = CString::new(&words[at][..])
        {
            kept[at].truncate(equals);
            environment.push(entry);
        }
    }
    (kept, environment)
}

impl Block {
    /// The build, with `labels` besides its own, each word with the place of the assignment it comes from. Options stand in a fixed
    /// order, the user's own (`options`) first.
    pub fn build(&self, program: &Program, labels: &[(String, String)]) -> Vec<Given> {
        let plain = |text: &[u8]| Given { text: text.to_vec(), place: None };
        let mut words = vec![plain(&program.path)];
        let builder = self.word(Attribute::Builder);
        if builder.is_some() && program.client == Client::Docker {
            words.push(plain(b"buildx"));
        }
        words.push(plain(b"build"));
        words.extend_from_slice(self.words(Attribute::Options));
        let mut option = |name: &str, value: &Given| words.extend([plain(name.as_bytes()), value.clone()]);
        if let Some(builder) = builder {
            option("--builder", builder);
        }
        if let (Some(text), Some(given)) = (self.dockerfile(), self.word(Attribute::Dockerfile)) {
            option("--file", &Given { text, place: given.place });
        }
        if let Some(target) = self.word(Attribute::Target) {
            option("--target", target);
        }
        for (attribute, name) in LISTS {
            for given in self.words(attribute) {
                option(name, given);
            }
        }
        for (name, value) in labels {
            option("--label", &plain(format!("{name}={value}").as_bytes()));
        }
        let platforms = self.words(Attribute::Platforms);
        if let Some(first) = platforms.first() {
            let all: Vec<&[u8]> = platforms.iter().map(|given| &given.text[..]).collect();
            option("--platform", &Given { text: all.join(&b','), place: first.place });
        }
        for (attribute, name) in [(Attribute::Network, "--network"), (Attribute::ShmSize, "--shm-size")] {
            if let Some(given) = self.word(attribute) {
                option(name, given);
            }
        }
        for (attribute, name) in [(Attribute::Pull, "--pull"), (Attribute::NoCache, "--no-cache")] {
            if let Some(given) = self.word(attribute).filter(|_| self.is_on(attribute)) {
                words.push(Given { text: name.as_bytes().to_vec(), place: given.place });
            }
        }
        let place = self.word(Attribute::Context).and_then(|given| given.place);
        words.push(Given { text: self.context().to_vec(), place });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secrets_stand_in_no_command_line() {
        let words = |text: &str| text.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
        let (kept, environment) = secrets_by_environment(
            &words(
                "docker build --build-arg A=1 --build-arg API_TOKEN=x=y --build-arg SSH_AUTH_SOCK=/s --build-arg NPM_TOKEN --tag TOKEN=1 .",
            ),
            None,
        );
        assert_eq!(
            kept,
            words(
                "docker build --build-arg A=1 --build-arg API_TOKEN --build-arg SSH_AUTH_SOCK=/s --build-arg NPM_TOKEN --tag TOKEN=1 ."
            )
        );
        assert_eq!(environment, [c"API_TOKEN=x=y".to_owned()]);
    }

    #[test]
    fn values_to_hide_stand_in_no_command_line() {
        let words = ["docker", "--build-arg", "A=my-own-word", "--build-arg", "B=1"]
            .map(|word| word.as_bytes().to_vec());
        let masks = Masks::new([&b"own-word"[..]]);
        let (kept, environment) = secrets_by_environment(&words, masks.as_ref());
        assert_eq!(kept[2], b"A");
        assert_eq!(kept[4], b"B=1");
        assert_eq!(environment, [c"A=my-own-word".to_owned()]);
    }
}

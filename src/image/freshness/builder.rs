//! Which platforms a build runs on and is for, as far as that is certain: what its platform arguments (`TARGETARCH` and their like)
//! are worth. Knows nothing of files, and asks an engine only where a Dockerfile mentions such an argument.

use crate::image::dockerfile::platform::{Platform, are_mentioned, arguments};
use crate::image::engine::choose::Surroundings;
use crate::image::engine::{Engine, Version};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// What builds where a docker client is told to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Builder {
    /// It is not known, or may be the one from before BuildKit, to which platform arguments are nothing special.
    #[default]
    Unknown,
    /// BuildKit, on a machine that is not known.
    Elsewhere,
    /// The engine's own BuildKit.
    Engine,
}

impl Builder {
    /// What builds for a docker client with the environment that `variable` tells: `buildx` where that is its command, `named` by
    /// `--builder`.
    pub fn of_docker(
        buildx: bool,
        named: Option<&[u8]>,
        variable: &dyn Fn(&[u8]) -> Option<Vec<u8>>,
    ) -> Builder {
        let set = |name: &[u8]| variable(name).filter(|value| !value.is_empty());
        // As the client reads it, in Go.
        let truths: [&[u8]; 6] = [b"1", b"t", b"T", b"true", b"TRUE", b"True"];
        let is_buildkit = buildx || set(b"DOCKER_BUILDKIT").is_some_and(|value| truths.contains(&&value[..]));
        if !is_buildkit {
            return Builder::Unknown;
        }
        let chosen = named.map(<[u8]>::to_vec).or_else(|| set(b"BUILDX_BUILDER"));
        let path = |name: &[u8]| set(name).map(|value| PathBuf::from(OsString::from_vec(value)));
        let surroundings = Surroundings {
            docker_config: path(b"DOCKER_CONFIG"),
            home: path(b"HOME"),
            ..Surroundings::default()
        };
        let is_own = match chosen {
            Some(name) => name == b"default",
            None => !surroundings.may_use_builder(path(b"BUILDX_CONFIG")),
        };
        if is_own { Builder::Engine } else { Builder::Elsewhere }
    }
}

/// The platforms of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platforms {
    /// What builds; of docker clients alone.
    pub builder: Builder,
    /// What `--platform` asks for; the builder's own where there is nothing.
    pub asked: Option<Vec<u8>>,
}

impl Platforms {
    /// The platform arguments that the builder sets for the Dockerfile `text`, where `engine` is the client's; the others are not
    /// known.
    pub fn arguments(
        &self,
        text: &[u8],
        named_contexts: &[(Vec<u8>, Vec<u8>)],
        engine: impl FnOnce() -> Option<Version>,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        let by_platform = |(name, _): &(Vec<u8>, Vec<u8>)| memchr::memmem::find(name, b"::").is_some();
        if !are_mentioned(text) && !named_contexts.iter().any(by_platform) {
            return Vec::new();
        }
        let Some(version) = engine() else { return Vec::new() };
        let builder = if version.engine == "docker" { self.builder } else { Builder::Unknown };
        if builder == Builder::Unknown {
            return Vec::new();
        }
        let (os, architecture) = version.platform.split_once('/').unwrap_or_default();
        let own = Platform::of_machine(os, architecture).filter(|_| builder == Builder::Engine);
        let target = match &self.asked {
            // Of an architecture alone the client takes its own system.
            Some(asked) if cfg!(target_os = "linux") && memchr::memchr(b'/', asked).is_none() => {
                Platform::parse(&[b"linux/", &asked[..]].concat())
            }
            Some(asked) => Platform::parse(asked),
            None => own.clone(),
        };
        arguments(own.as_ref(), target.as_ref())
    }

    /// As [`Platforms::arguments`], of an engine that is asked now.
    pub fn arguments_on(
        &self,
        text: &[u8],
        named_contexts: &[(Vec<u8>, Vec<u8>)],
        engine: &dyn Engine,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.arguments(text, named_contexts, || engine.version().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Builder::{Elsewhere, Engine, Unknown};

    fn builder(buildx: bool, named: Option<&str>, environment: &[(&str, &str)]) -> Builder {
        let variable = |name: &[u8]| {
            let found = environment.iter().find(|(own, _)| own.as_bytes() == name);
            found.map(|(_, value)| value.as_bytes().to_vec())
        };
        Builder::of_docker(buildx, named.map(str::as_bytes), &variable)
    }

    #[test]
    fn the_engine_builds_where_nothing_sends_the_build_elsewhere() {
        let on = ("DOCKER_BUILDKIT", "1");
        assert_eq!(builder(false, None, &[]), Unknown);
        assert_eq!(builder(false, None, &[("DOCKER_BUILDKIT", "0")]), Unknown);
        assert_eq!(builder(false, None, &[("DOCKER_BUILDKIT", "")]), Unknown);
        assert_eq!(builder(false, None, &[on]), Engine);
        assert_eq!(builder(false, None, &[("DOCKER_BUILDKIT", "true")]), Engine);
        assert_eq!(builder(true, None, &[]), Engine);
        assert_eq!(builder(true, Some("remote"), &[]), Elsewhere);
        assert_eq!(builder(true, Some("default"), &[("BUILDX_BUILDER", "remote")]), Engine);
        assert_eq!(builder(false, None, &[on, ("BUILDX_BUILDER", "remote")]), Elsewhere);
        assert_eq!(builder(false, None, &[on, ("BUILDX_BUILDER", "")]), Engine);
    }

    #[test]
    fn a_builder_chosen_for_good_is_another_machine() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        let environment = [("DOCKER_BUILDKIT", "1"), ("HOME", home)];
        assert_eq!(builder(false, None, &environment), Engine);
        let buildx = folder.path().join(".docker/buildx");
        std::fs::create_dir_all(buildx.join("defaults")).unwrap();
        std::fs::write(buildx.join("current"), r#"{"Key":"unix:///x","Name":"","Global":false}"#).unwrap();
        assert_eq!(builder(false, None, &environment), Engine);
        std::fs::write(buildx.join("current"), r#"{"Key":"unix:///x","Name":"far","Global":false}"#).unwrap();
        assert_eq!(builder(false, None, &environment), Elsewhere);
        std::fs::write(buildx.join("current"), "garbage").unwrap();
        assert_eq!(builder(false, None, &environment), Elsewhere);
        std::fs::remove_file(buildx.join("current")).unwrap();
        std::fs::write(buildx.join("defaults/0123"), "far").unwrap();
        assert_eq!(builder(false, None, &environment), Elsewhere);
    }

    fn found(platforms: &Platforms, engine: &str, platform: &str) -> Vec<String> {
        let version =
            Version { engine: engine.to_owned(), version: "1".to_owned(), platform: platform.to_owned() };
        let pairs = platforms.arguments(b"ARG TARGETARCH", &[], || Some(version));
        let of = |(name, value): &(Vec<u8>, Vec<u8>)| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            name.ends_with(b"PLATFORM").then(|| format!("{}={}", text(name), text(value)))
        };
        pairs.iter().filter_map(of).collect()
    }

    #[test]
    fn platforms_are_known_where_the_builder_is() {
        let of = |builder, asked: Option<&str>| Platforms { builder, asked: asked.map(Into::into) };
        let amd = "linux/amd64";
        assert_eq!(
            found(&of(Engine, None), "docker", amd),
            ["BUILDPLATFORM=linux/amd64", "TARGETPLATFORM=linux/amd64"]
        );
        assert_eq!(
            found(&of(Engine, Some("linux/arm64/v8")), "docker", amd),
            ["BUILDPLATFORM=linux/amd64", "TARGETPLATFORM=linux/arm64"]
        );
        assert_eq!(found(&of(Engine, Some("local")), "docker", amd), ["BUILDPLATFORM=linux/amd64"]);
        if cfg!(target_os = "linux") {
            assert!(
                found(&of(Engine, Some("arm")), "docker", amd)
                    .contains(&"TARGETPLATFORM=linux/arm/v7".into())
            );
        }
        assert_eq!(found(&of(Elsewhere, Some("linux/arm64")), "docker", amd), ["TARGETPLATFORM=linux/arm64"]);
        for nothing in [
            found(&of(Elsewhere, None), "docker", amd),
            found(&of(Unknown, Some("linux/arm64")), "docker", amd),
            found(&of(Engine, None), "podman", amd),
            found(&of(Engine, None), "docker", "linux/arm"),
            found(&of(Engine, None), "docker", ""),
        ] {
            assert_eq!(nothing, [""; 0]);
        }
    }

    #[test]
    fn no_engine_is_asked_for_what_no_one_mentions() {
        let platforms = Platforms { builder: Engine, asked: None };
        let asked = std::cell::Cell::new(0);
        let engine = || {
            asked.set(asked.get() + 1);
            None
        };
        assert!(platforms.arguments(b"FROM scratch\nCOPY a /\n", &[], engine).is_empty());
        assert_eq!(asked.get(), 0);
        let contexts = [(b"lib::linux/amd64".to_vec(), b"l".to_vec())];
        assert!(platforms.arguments(b"FROM lib\n", &contexts, engine).is_empty());
        assert_eq!(asked.get(), 1);
    }
}

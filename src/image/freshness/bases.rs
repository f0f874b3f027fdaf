//! Base images as an engine has them: their configs for the analysis, and what identifies their content. Each image is
//! asked for once. Knows nothing of files.

use super::content::identity;
use crate::base::tables::HashMap;
use crate::image::dockerfile::{BaseConfig, BaseImages};
use crate::image::engine::{Engine, EngineError, Image};
use crate::image::reference::Reference;
use std::sync::{Mutex, PoisonError};

/// What identifies base images.
pub trait BaseContents {
    /// Identity of the content of image `reference` for `platform`; nothing where it is not known.
    fn content(&self, reference: &[u8], platform: Option<&[u8]>) -> Option<String>;

    /// What is equal at two moments only if the image `reference` was there all the while, as far as the engine tells.
    fn tagged(&self, reference: &[u8]) -> Option<String>;
}

/// The images of an engine that builds with them: not of one whose builder has a store of its own.
pub struct EngineBases<'e> {
    engine: &'e dyn Engine,
    found: Mutex<HashMap<Vec<u8>, Option<Image>>>,
    fault: Mutex<Option<EngineError>>,
}

impl<'e> EngineBases<'e> {
    /// The images of `engine`, as they are when each is first asked for.
    pub fn new(engine: &'e dyn Engine) -> Self {
        EngineBases { engine, found: Mutex::default(), fault: Mutex::default() }
    }

    /// The first error of the engine, if there was one: what it hid counts as not known.
    pub fn fault(&self) -> Option<EngineError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn image(&self, reference: &[u8], platform: Option<&[u8]>) -> Option<Image> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let image = match found.get(reference) {
            Some(image) => image.clone(),
            None => {
                let asked = std::str::from_utf8(reference).ok().map(|text| self.engine.image(text));
                let image = match asked {
                    Some(Ok(image)) => image,
                    Some(Err(error)) => {
                        self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        None
                    }
                    None => None,
                };
                found.insert(reference.to_vec(), image.clone());
                image
            }
        };
        // An image for another platform is no use to the build, which looks elsewhere then.
        image.filter(|image| platform.is_none_or(|platform| is_platform(&image.platform, platform)))
    }
}

/// Whether an image for `own` serves where `wanted` is asked for: `linux`, `amd64`, `linux/arm64/v8`, …
fn is_platform(own: &str, wanted: &[u8]) -> bool {
    let normal = |text: &str| {
        let text = text.to_ascii_lowercase();
        let text = text.replace("x86_64", "amd64").replace("x86-64", "amd64").replace("aarch64", "arm64");
        let text = text.strip_suffix("arm64/v8").map_or(text.clone(), |head| format!("{head}arm64"));
        if text.contains('/') { text } else { format!("linux/{text}") }
    };
    own.is_empty() || std::str::from_utf8(wanted).is_ok_and(|wanted| normal(own) == normal(wanted))
}

impl BaseImages for EngineBases<'_> {
    fn config(&self, reference: &[u8], platform: Option<&[u8]>) -> Option<BaseConfig> {
        let config = self.image(reference, platform)?.config;
        let pair = |text: String| {
            let (name, value) = text.split_once('=').unwrap_or((&text, ""));
            (name.as_bytes().to_vec(), value.as_bytes().to_vec())
        };
        let env = config.environment.into_iter().map(pair).collect();
        Some(BaseConfig { env, onbuild: config.on_build.into_iter().map(String::into_bytes).collect() })
    }
}

impl BaseContents for EngineBases<'_> {
    fn content(&self, reference: &[u8], platform: Option<&[u8]>) -> Option<String> {
        // A digest says what the content is, whether or not the image is here.
        let digest = Reference::parse(reference).ok().and_then(|reference| reference.digest);
        digest.or_else(|| self.image(reference, platform).map(|image| identity(&image)))
    }

    fn tagged(&self, reference: &[u8]) -> Option<String> {
        // Only of what was asked for already: a reference with a digest is not.
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let image = found.get(reference)?.as_ref()?;
        Some(format!("{} {}", image.id, image.tagged_exactly))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::engine::fake::FakeEngine;

    #[test]
    fn platforms_are_compared_in_their_normal_form() {
        for (own, wanted, same) in [
            ("linux/amd64", "amd64", true),
            ("linux/amd64", "linux/x86_64", true),
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm64", "linux/amd64", false),
            ("linux/arm/v7", "linux/arm/v6", false),
            ("", "linux/amd64", true),
        ] {
            assert_eq!(is_platform(own, wanted.as_bytes()), same, "{own} {wanted}");
        }
    }

    #[test]
    fn an_image_that_is_not_there_is_known_by_its_digest_alone() {
        let engine = FakeEngine::default();
        let id = engine.make_image("base:1");
        let bases = EngineBases::new(&engine);
        assert_eq!(bases.content(b"base:1", None), Some(id));
        assert_eq!(bases.content(b"base:2", None), None);
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(bases.content(format!("base@{digest}").as_bytes(), None), Some(digest));
        assert_eq!(bases.fault(), None);
        engine.state().fails_after = Some(0);
        assert_eq!(bases.content(b"base:3", None), None);
        assert_eq!(bases.fault(), Some(EngineError::Closed));
        assert!(bases.content(b"base:1", None).is_some(), "what was asked once is remembered");
    }
}

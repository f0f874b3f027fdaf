//! What an image is, without when and by which build it was made: two builds that come to the same are told to be the same.
//! Knows nothing of inputs.

use super::codec::{Digest, Writer};
use crate::image::engine::{Engine, EngineError, Image};

/// Labels of imk's own begin so; they are no content.
const OWN_LABELS: &str = "imk.";

/// A text that is equal for images of equal content: layers, platform, configuration and labels count; the time of
/// making, the history, tags and imk's own labels don't. Where the engine tells neither layers nor configuration, the
/// image's id.
pub fn identity(image: &Image) -> String {
    if image.layers.is_empty() || image.settings.is_empty() {
        return image.config_digest.clone().unwrap_or_else(|| image.id.clone());
    }
    let mut to = Writer::default();
    to.bytes(b"image content 1");
    to.bytes(image.platform.as_bytes());
    to.bytes(image.settings.as_bytes());
    to.small(image.layers.len() as u64);
    image.layers.iter().for_each(|layer| to.bytes(layer.as_bytes()));
    for (name, value) in image.labels.iter().filter(|(name, _)| !name.starts_with(OWN_LABELS)) {
        to.bytes(name.as_bytes());
        to.bytes(value.as_bytes());
    }
    format!("content:{}", Digest::of(&to.out))
}

/// Whether both are the same content.
pub fn is_same_content(one: &Image, other: &Image) -> bool {
    one.id == other.id || identity(one) == identity(other)
}

/// Whether the images under two references are the same content; not where one is missing.
///
/// # Errors
/// An engine that does not answer.
pub fn is_same_on(engine: &dyn Engine, one: &str, other: &str) -> Result<bool, EngineError> {
    Ok(match (engine.image(one)?, engine.image(other)?) {
        (Some(one), Some(other)) => is_same_content(&one, &other),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &str) -> Image {
        let mut image = Image { id: id.to_owned(), settings: "{}".to_owned(), ..Image::default() };
        image.layers = vec!["sha256:a".to_owned(), "sha256:b".to_owned()];
        image.labels.insert("imk.inputs".to_owned(), id.to_owned());
        image.created = Some(id.len() as i64);
        image
    }

    #[test]
    fn time_tags_and_own_labels_are_no_content() {
        let (one, mut other) = (image("x"), image("yy"));
        other.tags.push("t:1".to_owned());
        assert!(is_same_content(&one, &other));
    }

    #[test]
    fn layers_labels_settings_and_platform_are() {
        let one = image("x");
        let changes: [fn(&mut Image); 5] = [
            |image| image.layers.reverse(),
            |image| drop(image.layers.pop()),
            |image| drop(image.labels.insert("a".into(), "b".into())),
            |image| image.settings.push(' '),
            |image| image.platform.push_str("linux/arm64"),
        ];
        for change in changes {
            let mut other = image("y");
            change(&mut other);
            assert!(!is_same_content(&one, &other), "{other:?}");
        }
        let bare = |id: &str| Image { id: id.to_owned(), ..Image::default() };
        assert!(is_same_content(&bare("x"), &bare("x")) && !is_same_content(&bare("x"), &bare("y")));
    }
}

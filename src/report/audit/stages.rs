//! The wording of findings on stages. Knows no places.

use super::super::dockerfile::Message;
use crate::image::audit::stages::Kind;

fn hinted(text: impl Into<String>, hint: impl Into<String>) -> Message {
    Message { text: text.into(), hint: Some(hint.into()) }
}

/// What `kind` says.
pub fn message(kind: &Kind) -> Message {
    match kind {
        Kind::RunsAsRoot { user } => hinted(
            match user {
                Some(user) => format!("the image runs as root: the last USER is '{user}'"),
                None => "the image runs as root: no USER says otherwise".to_owned(),
            },
            "RUN useradd --system app, and USER app as the last word on it",
        ),
    }
}

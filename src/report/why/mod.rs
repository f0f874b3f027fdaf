//! Why targets are remade, put into words (`--why`). Knows nothing of how the reasons were found.

mod json;

use super::style::{Style, printable};
use crate::base::secret;
use crate::build::images::sources::shown_dockerfile;
use crate::build::why::{Because, Demand, Explainer, Why};
use crate::image::command::whole::NotWhole;
use crate::os::output::Output;

/// Shows reasons as text on standard error, before the commands that they lead to.
pub struct AsText(pub Style);

impl Explainer for AsText {
    fn explain(&self, output: &mut Output, why: &Why) {
        output.message_coloured(text(why, self.0).as_bytes());
    }
}

/// Shows reasons as JSON on standard output, a line each: whatever else would be there is to go elsewhere.
pub struct AsJson;

impl Explainer for AsJson {
    fn explain(&self, output: &mut Output, why: &Why) {
        output.flush();
        let aside = std::mem::take(&mut output.aside);
        output.raw(&json::line(why));
        output.flush();
        output.aside = aside;
    }
}

/// A target, and below it the reasons.
pub fn text(why: &Why, style: Style) -> String {
    let mut out = style.bold(&printable(&String::from_utf8_lossy(&why.target)));
    if let Some(place) = &why.place {
        let place = format!(" ({}:{})", String::from_utf8_lossy(place.file), place.line);
        out.push_str(&style.dim(&printable(&place)));
    }
    out.push_str(if why.image { " is built:\n" } else { " is remade:\n" });
    for message in why.reasons.iter().flat_map(|reason| messages(why, reason)) {
        out.push_str(&format!("  {}\n", printable(&secret::masked(&message))));
    }
    out
}

/// The name of a Dockerfile for people.
fn dockerfile(why: &Why) -> String {
    shown_dockerfile(why.dockerfile.as_deref())
}

/// A reason in words, one line a change.
pub fn messages(why: &Why, because: &Because) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    vec![match because {
        Because::Forced => "-B asks for it".to_owned(),
        Because::Phony => "it is phony".to_owned(),
        Because::Missing => "it does not exist".to_owned(),
        Because::PeerMissing(peer) => format!("{}, made with it, does not exist", text(peer)),
        Because::NoPrerequisites => "its double-colon rule has no prerequisites".to_owned(),
        Because::Prerequisite(name, demand) => match demand {
            Demand::Newer => format!("{} is newer", text(name)),
            Demand::Remade => format!("{} is remade", text(name)),
            Demand::TakenForNew => format!("-W takes {} for new", text(name)),
            Demand::Edited => format!("{} changed, whatever its time says", text(name)),
            Demand::Phony => format!("{} is phony", text(name)),
            Demand::Missing => format!("{} does not exist", text(name)),
            Demand::Built => format!("the image of {} is built", text(name)),
            Demand::Through => format!("what {} is made from is newer", text(name)),
        },
        Because::Image(reason) => return reason.messages(&dockerfile(why)),
        Because::FollowsImage => "its image is fresh; what follows the build runs each time".to_owned(),
        Because::NotUnderstood(why) => format!("it runs each time: {}", not_whole(why)),
    }]
}

/// Why a recipe is not understood whole, in words.
pub fn not_whole(why: &NotWhole) -> String {
    let line = why
        .script()
        .map_or_else(|| "its recipe".to_owned(), |at| format!("command {} of its recipe", at + 1));
    let what = match why {
        NotWhole::NoBuild => "builds no image",
        NotWhole::Other(_) => "is more than builds, tags and echoes",
        NotWhole::Ignored(_) => "may fail unnoticed",
        NotWhole::Command(_) => "is neither a build nor a tag of what was built",
        NotWhole::Unknown(_) => "has a word that only the shell knows",
        NotWhole::Remote(_) => "builds from what is not on this machine",
        NotWhole::NoTag(_) => "builds an image without a tag",
        NotWhole::Option(_, option) => return format!("{line} has {option}, which is not followed"),
    };
    format!("{line} {what}")
}

//! What people read of clean-up, in one place. Knows nothing of when it is said.

use super::shim::ShimError;
use crate::image::engine::EngineError;
use crate::image::journal::{JournalError, Left, LeftReason, Report, Thing};

fn listed<'t>(things: impl Iterator<Item = &'t Thing>) -> String {
    things.map(Thing::shown).collect::<Vec<_>>().join(", ")
}

/// What a job's end removed, and what it had to leave: one line each. `place` is `[Makefile:12: target]`.
pub(super) fn removed(place: &str, report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    // A temporary file of imk's own is no news.
    let things =
        || report.removed.iter().map(|(thing, _)| thing).filter(|thing| !matches!(thing, Thing::File { .. }));
    if things().next().is_some() {
        lines.push(format!("{place} removed {}", listed(things())));
    }
    lines.extend(report.left.iter().map(|left| format!("{place} {}", still_there(left))));
    lines
}

/// A thing that could not be removed, and what to do.
fn still_there(left: &Left) -> String {
    let what = left.thing.shown();
    match &left.reason {
        LeftReason::Unproven => format!("{what} may be left: look whether it is yours"),
        LeftReason::Engine(fault) => format!("{what} is left: {}; the next run tries again", fault.message()),
        LeftReason::File(fault) => format!("{what} is left: {fault}; the next run tries again"),
    }
}

/// What a failed job leaves for a look (`--keep-failed`), and how it is removed.
pub(super) fn kept(place: &str, kept: &[(Thing, String)]) -> Vec<String> {
    if kept.is_empty() {
        return Vec::new();
    }
    let commands: Vec<String> =
        kept.iter().rev().map(|(thing, engine)| removing_command(thing, engine)).collect();
    vec![
        format!("{place} kept {}", listed(kept.iter().map(|(thing, _)| thing))),
        format!("{place} to remove: {}", commands.join(" && ")),
    ]
}

/// The command that removes a thing by hand.
fn removing_command(thing: &Thing, engine: &str) -> String {
    let client = match engine.split_once(' ') {
        // What the user's client speaks to by default is not spelled out.
        Some((client, host)) if std::env::var("DOCKER_HOST").is_ok_and(|own| own == host) => {
            client.to_owned()
        }
        Some((client, "unix:///var/run/docker.sock")) => client.to_owned(),
        Some((client, host)) => format!("{client} -H {}", quoted(host)),
        None => engine.to_owned(),
    };
    match thing {
        Thing::Container { name } => {
            format!("{client} rm --force --volumes {}", quoted(name.as_deref().unwrap_or("ID")))
        }
        Thing::Image { tag } => format!("{client} rmi {}", quoted(tag)),
        Thing::Volume { name } => format!("{client} volume rm {}", quoted(name)),
        Thing::Network { name } => format!("{client} network rm {}", quoted(name)),
        Thing::File { path } => format!("rm {}", quoted(&path.to_string_lossy())),
    }
}

/// A word as a shell would take it.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@=+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// What was left by runs that were killed, or that lost their engine.
pub(super) fn reaped(report: &Report) -> Vec<String> {
    let mut targets: Vec<&str> = report.removed.iter().map(|(_, target)| target.as_str()).collect();
    targets.dedup();
    let of_target = |target: &str| {
        let things = report.removed.iter().filter(|(_, other)| other == target).map(|(thing, _)| thing);
        format!("removed {}, which an earlier run of '{target}' left", listed(things))
    };
    let mut lines: Vec<String> = targets.into_iter().map(of_target).collect();
    lines.extend(report.left.iter().map(Left::message));
    lines
}

/// `--reap` found nothing.
pub(super) const NOTHING_LEFT: &str = "earlier runs left nothing here";

/// The journal can't be read.
pub(super) fn unread(fault: &JournalError) -> String {
    format!("warning: what earlier runs left is not known: {}", fault.message())
}

/// The journal can't be written.
pub(super) fn unwritten(fault: &JournalError) -> String {
    format!("warning: {}; what this run makes is not removed if it is killed", fault.message())
}

/// What a failed recipe made is not known.
pub(super) fn unseen(place: &str, fault: &EngineError) -> String {
    format!("{place} warning: what it left on the engine is not removed: {}", fault.message())
}

/// `--engine` can't be obeyed.
pub(super) fn shim(fault: &ShimError) -> String {
    match fault {
        ShimError::Engine(fault) => fault.message(),
        ShimError::Folder(fault) => format!("no folder can be made for the engine's client: {fault}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_told_with_the_commands_that_remove_it() {
        let things = [
            (Thing::Image { tag: "app:t".into() }, "docker unix:///var/run/docker.sock".to_owned()),
            (Thing::Container { name: Some("it's".into()) }, "podman".to_owned()),
            (Thing::Volume { name: "v".into() }, "docker tcp://h:1".to_owned()),
        ];
        assert_eq!(
            kept("[Makefile:3: t]", &things),
            [
                "[Makefile:3: t] kept image app:t, container it's, volume v",
                "[Makefile:3: t] to remove: docker -H tcp://h:1 volume rm v && podman rm --force --volumes 'it'\\''s' \
                 && docker rmi app:t",
            ]
        );
    }
}

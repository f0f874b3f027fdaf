//! The wording of what is wrong with Dockerfiles and ignore files. Knows no places: the caller shows them.

use crate::image::context::IgnoreErrorKind;
use crate::image::dockerfile::{Bound, ErrorKind, ExpansionFault, Opaque, WarningKind, Why};

/// A fault in one sentence without a full stop, and a hint where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn plain(text: impl Into<String>) -> Message {
    Message { text: text.into(), hint: None }
}

fn hinted(text: impl Into<String>, hint: impl Into<String>) -> Message {
    Message { text: text.into(), hint: Some(hint.into()) }
}

fn nearest(text: String, name: Option<&[u8]>) -> Message {
    Message { text, hint: name.map(|name| format!("did you mean '{}'?", show(name))) }
}

/// What `kind` says.
pub fn message(kind: &ErrorKind) -> Message {
    match kind {
        ErrorKind::Empty => plain("the Dockerfile is empty"),
        ErrorKind::NoInstructions => plain("the Dockerfile has no instructions"),
        ErrorKind::NoStage => {
            hinted("the Dockerfile has no FROM", "a stage starts with FROM, if only 'FROM scratch'")
        }
        ErrorKind::LineTooLong => plain("line of 64 KiB or more, which BuildKit does not read"),
        ErrorKind::DuplicateDirective { name } => {
            plain(format!("only one {name} parser directive can be used"))
        }
        ErrorKind::BadEscape { value } => {
            plain(format!("escape character '{}' is neither a backslash nor a backtick", show(value)))
        }
        ErrorKind::UnknownInstruction { name, nearest: near } => {
            nearest(format!("unknown instruction '{}'", show(name)), near.as_deref())
        }
        ErrorKind::BeforeFrom { instruction } => {
            hinted(format!("{instruction} before the first FROM"), "only ARG may stand before FROM")
        }
        ErrorKind::NotStrings => plain("the array of an exec form may hold strings only"),
        ErrorKind::UnclosedHeredoc { name } => {
            hinted("heredoc without an end", format!("a line that is '{}' alone ends it", show(name)))
        }
        ErrorKind::HeredocAsDestination => plain("a heredoc can't be the destination"),
        ErrorKind::UnknownFlag { instruction, flag, nearest: near } => {
            let near = near.as_ref().map(|name| [b"--", name.as_slice()].concat());
            nearest(format!("{instruction} has no flag '{}'", show(flag)), near.as_deref())
        }
        ErrorKind::DuplicateFlag { flag } => plain(format!("flag '{}' is given twice", show(flag))),
        ErrorKind::FlagWithoutValue { flag } => plain(format!("flag '{}' needs a value", show(flag))),
        ErrorKind::BadFlagValue { flag, value } => {
            plain(format!("flag '{}' can't be '{}'", show(flag), show(value)))
        }
        ErrorKind::NoArguments { instruction } => plain(format!("{instruction} needs at least one argument")),
        ErrorKind::NoDestination { instruction } => {
            plain(format!("{instruction} needs a source and a destination"))
        }
        ErrorKind::FromWords => hinted("FROM takes one word or three", "FROM IMAGE, or FROM IMAGE AS NAME"),
        ErrorKind::BadStageName { name } => hinted(
            format!("'{}' can't be a stage's name", show(name)),
            "a name starts with a letter and has letters, digits, '-', '_' and '.' only",
        ),
        ErrorKind::NoEquals { instruction, word } => {
            plain(format!("{instruction} needs NAME=VALUE, and '{}' has no '='", show(word)))
        }
        ErrorKind::BlankName { instruction } => plain(format!("{instruction} of a blank name")),
        ErrorKind::BadTrigger { instruction } => {
            plain(format!("{} can't be an ONBUILD trigger", show(instruction)))
        }
        ErrorKind::Trigger { text, fault } => {
            let inner = message(fault);
            Message { text: format!("ONBUILD trigger '{}': {}", show(text), inner.text), hint: inner.hint }
        }
        ErrorKind::BadHealthcheck { word } => hinted(
            format!("HEALTHCHECK {} can't be read", show(word)),
            "HEALTHCHECK CMD COMMAND, or HEALTHCHECK NONE alone",
        ),
        ErrorKind::ShellForm => hinted("SHELL needs the exec form", "SHELL [\"/bin/sh\", \"-c\"]"),
        ErrorKind::EmptyVolume => plain("VOLUME of an empty path"),
        ErrorKind::BadMount { field } => plain(format!("'{}' in a mount is no KEY=VALUE", show(field))),
        ErrorKind::UnknownMountKey { key, nearest: near } => {
            nearest(format!("mounts have no key '{}'", show(key)), near.as_deref())
        }
        ErrorKind::UnknownMountType { name, nearest: near } => {
            nearest(format!("there is no mount type '{}'", show(name)), near.as_deref())
        }
        ErrorKind::VariableInFrom => hinted(
            "variables are not expanded here",
            "name a stage by 'FROM …${VARIABLE} AS NAME' before this one, and use the name",
        ),
        ErrorKind::Expansion(fault) => plain(expansion(fault)),
        ErrorKind::BlankBase => {
            hinted("FROM of nothing", "the name expands to nothing: give its ARG a default")
        }
        ErrorKind::BlankPlatform => {
            hinted("an empty platform", "it expands to nothing: give its ARG a default")
        }
        ErrorKind::StageCase { stage } => {
            hinted("FROM finds stages by their lower-case name only", format!("write 'FROM {}'", show(stage)))
        }
        ErrorKind::UnknownTarget { name, nearest: near } => {
            nearest(format!("no stage is called '{}'", show(name)), near.as_deref())
        }
        ErrorKind::UnknownStageIndex { index } => plain(format!("there is no stage number {}", show(index))),
        ErrorKind::LaterStage { stage } => {
            plain(format!("stage '{}' must be defined before it is used", show(stage)))
        }
        ErrorKind::Circular { stages } => {
            let names: Vec<String> = stages.iter().chain(stages.first()).map(|stage| show(stage)).collect();
            plain(format!("stages need each other: {}", names.join(" -> ")))
        }
        ErrorKind::RemoteCopy { source } => {
            hinted(format!("COPY can't fetch '{}'", show(source)), "ADD fetches URLs and repositories")
        }
    }
}

fn expansion(fault: &ExpansionFault) -> String {
    match fault {
        ExpansionFault::UnclosedQuote(quote) => format!("no matching {} in the word", char::from(*quote)),
        ExpansionFault::UnclosedBrace => "'${' without '}'".to_owned(),
        ExpansionFault::BadSubstitution => "bad substitution".to_owned(),
        ExpansionFault::UnknownModifier(modifier) => {
            format!("unsupported modifier '{}' in substitution", show(modifier))
        }
        ExpansionFault::BadPattern(pattern) => format!("invalid pattern '{}' in substitution", show(pattern)),
        ExpansionFault::Required { name, message } => format!("{}: {}", show(name), show(message)),
        ExpansionFault::Beyond(bound) => beyond(*bound).to_owned(),
    }
}

/// Which bound of imk's own ended the reading.
pub fn beyond(bound: Bound) -> &'static str {
    match bound {
        Bound::Depth => "substitutions nest too deeply: imk reads on no further",
        Bound::Length => "variables come to more than 1 MiB here: imk reads on no further",
        Bound::Total => "variables and triggers come to more than 16 MiB in all: imk reads on no further",
    }
}

/// What a warning says.
pub fn warning(kind: WarningKind) -> &'static str {
    match kind {
        WarningKind::ContinuationAtEnd => "the file ends within a continued line",
        WarningKind::EmptyContinuation => "blank line within a continued line",
        WarningKind::DuplicateStage => "a stage before has the same name",
    }
}

/// Why the whole context counts.
pub fn why(why: &Why) -> String {
    match why {
        Why::UnknownSource => "the source has a variable whose value is not known".to_owned(),
        Why::NotUtf8 => "the source is not UTF-8".to_owned(),
        Why::UnknownMount => "the mount has a variable whose value is not known".to_owned(),
        Why::UnknownBase => "FROM has a variable whose value is not known".to_owned(),
        Why::UnknownTriggers { image } => format!("the ONBUILD triggers of {} are not known", show(image)),
    }
}

/// Why a file can't be understood.
pub fn opaque(why: &Opaque) -> String {
    match why {
        Opaque::ForeignFrontend { reference, .. } => {
            format!("the frontend {} reads the file", show(reference))
        }
        Opaque::OldFrontend { reference, .. } => {
            format!("{} knows no heredocs, and the file has some", show(reference))
        }
        Opaque::UnknownFrontend => "BUILDKIT_SYNTAX names a frontend that is not known yet".to_owned(),
        Opaque::Beyond { bound, .. } => beyond(*bound).to_owned(),
    }
}

/// What is wrong with an ignore file.
pub fn ignore(kind: &IgnoreErrorKind) -> Message {
    match kind {
        IgnoreErrorKind::NothingReincluded => plain("'!' takes nothing back: a pattern is missing"),
        IgnoreErrorKind::Malformed { pattern } => plain(format!("malformed pattern '{}'", show(pattern))),
        IgnoreErrorKind::LineTooLong => plain("line of 64 KiB or more, which BuildKit does not read"),
    }
}

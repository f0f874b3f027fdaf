//! Images' names in recipes: variables that are empty in them, names that no engine takes, tags given twice. Looks at no
//! file.

use super::super::command::flags::{FlagError, Given};
use super::super::command::kinds::OpaqueReason;
use super::super::command::text::Text;
use super::super::command::{Client, ImageCommand, Recognised};
use super::super::recipe::{Line, Place, Reference as Use};
use super::super::reference::Reference;
use super::super::study::RecipeStudy;
use super::{At, Finding, Kind, Severity, soften};
use crate::base::Span;
use crate::base::tables::{HashMap, HashSet};

/// Finds what is wrong with images' names.
pub(super) fn check(at: &At<'_>, left: &mut TagsLeft, found: &mut Vec<Finding>) {
    for (number, _, command) in at.recipe.commands() {
        let Some(line) = at.recipe.recipe.lines.get(number) else { continue };
        let before = found.len();
        let taken = swallowed(line, command);
        let words: HashSet<Span> = taken.iter().map(|taken| taken.word).collect();
        for text in names(&command.command) {
            if !words.contains(&text.span) {
                name(at, line, command, text, found);
            }
        }
        for Swallowed { reference, option, shown, .. } in taken {
            let name = String::from_utf8_lossy(reference.name.as_deref().unwrap_or_default()).into_owned();
            let kind = Kind::SwallowedWord { name, option, word: shown };
            found.push(at.finding(Severity::Error, Some(line.raw_place(reference.raw)), kind));
        }
        soften(line, command, &mut found[before..]);
    }
    tags_twice(at, left, found);
}

/// The place of a word of `command`; of the command, where the word is in a script within the line.
pub(super) fn place(line: &Line, command: &Recognised, span: Span) -> Option<Place> {
    let inside = command.span.start <= span.start && span.end <= command.span.end;
    line.place(if inside { span } else { command.span })
}

/// The words of a command that name images.
fn names(command: &ImageCommand) -> Vec<&Text> {
    match command {
        ImageCommand::Build(build) => build.tags.iter().collect(),
        ImageCommand::Create(container) | ImageCommand::Run(container) | ImageCommand::From(container) => {
            container.image.iter().collect()
        }
        ImageCommand::Tag { source, names } => std::iter::once(source).chain(names).collect(),
        ImageCommand::Commit { image, .. } | ImageCommand::Import { image, .. } => image.iter().collect(),
        ImageCommand::Push(images) | ImageCommand::Pull(images) => images.iter().collect(),
        ImageCommand::Save { images, .. } => images.iter().collect(),
        _ => Vec::new(),
    }
}

fn name(at: &At<'_>, line: &Line, command: &Recognised, text: &Text, found: &mut Vec<Finding>) {
    let Some(known) = text.known() else { return };
    let empty: Vec<&Use> =
        line.references_in(text.span).filter(|known| known.value.start == known.value.end).collect();
    let result = String::from_utf8_lossy(known).into_owned();
    let unset = |known: &&Use, valid: bool| {
        let name = String::from_utf8_lossy(known.name.as_deref()?).into_owned();
        let kind = Kind::UnsetVariable { name, defined: known.defined, result: result.clone(), valid };
        let severity = if valid { Severity::Warning } else { Severity::Error };
        Some(at.finding(severity, Some(line.raw_place(known.raw)), kind))
    };
    let Err(fault) = Reference::parse(known) else {
        // A prefix that may be empty is a common idiom; one that is nowhere defined is most likely misspelt.
        found.extend(empty.iter().filter(|known| !known.defined).filter_map(|known| unset(known, true)));
        return;
    };
    if other_form(command.client, known) {
        return;
    }
    let before = found.len();
    found.extend(empty.iter().filter_map(|known| unset(known, false)));
    if found.len() > before {
        return;
    }
    let within = Span::new(text.span.start + fault.span.start, text.span.start + fault.span.end);
    let span = if text.verbatim && fault.span.end > fault.span.start { within } else { text.span };
    let kind = Kind::MalformedReference { text: result, fault: fault.kind };
    found.push(at.finding(Severity::Error, place(line, command, span), kind));
}

/// Whether a name may be of another form than a reference: an id, or a transport of podman's and buildah's.
fn other_form(client: Client, name: &[u8]) -> bool {
    const TRANSPORTS: [&[u8]; 8] = [
        b"dir:",
        b"docker:",
        b"docker-archive:",
        b"docker-daemon:",
        b"oci:",
        b"oci-archive:",
        b"containers-storage:",
        b"ostree:",
    ];
    let is_id = name.len() == 64 && name.iter().all(u8::is_ascii_hexdigit);
    let transport = matches!(client, Client::Podman | Client::Buildah)
        && TRANSPORTS.iter().any(|prefix| name.starts_with(prefix));
    is_id || transport
}

/// An option that takes the word after an empty variable for its value.
pub(super) struct Swallowed<'l> {
    reference: &'l Use,
    option: String,
    word: Span,
    shown: String,
}

/// The options of `command` whose value is the word after an empty variable, or that have none for it.
pub(super) fn swallowed<'l>(line: &'l Line, command: &Recognised) -> Vec<Swallowed<'l>> {
    let empty = |gap: Span| {
        let empty = |known: &&Use| known.value.start == known.value.end && known.name.is_some();
        line.references_in(gap).find(empty)
    };
    let own: &[Given] = match &command.command {
        ImageCommand::Build(build) => &build.options,
        ImageCommand::Create(container) | ImageCommand::Run(container) | ImageCommand::From(container) => {
            &container.options
        }
        ImageCommand::Compose(compose) => &compose.options,
        ImageCommand::Opaque(OpaqueReason::Flags(FlagError::MissingValue(option, span))) => {
            let reference = empty(Span::new(span.end + 1, command.span.end.max(line.text.len())));
            let found = reference.map(|reference| Swallowed {
                reference,
                option: option.clone(),
                word: Span::default(),
                shown: String::new(),
            });
            return found.into_iter().collect();
        }
        _ => &[],
    };
    let mut found = Vec::new();
    for given in command.globals.iter().chain(own) {
        let Some(value) = given.value.as_ref().filter(|value| value.span.start > given.span.end + 1) else {
            continue;
        };
        if let Some(reference) = empty(Span::new(given.span.end + 1, value.span.start - 1)) {
            found.push(Swallowed {
                reference,
                option: format!("--{}", given.name),
                word: value.span,
                shown: value.shown().into_owned(),
            });
        }
    }
    found
}

/// A tag of a build.
struct Tagged<'r> {
    line: usize,
    command: usize,
    canonical: String,
    shown: String,
    place: Option<Place>,
    /// The build, as the shell gets it.
    text: &'r [u8],
}

/// The tags of a recipe's builds, with their place.
fn tags(recipe: &RecipeStudy) -> Vec<Tagged<'_>> {
    let mut out = Vec::new();
    for (number, index, command) in recipe.commands() {
        let (ImageCommand::Build(build), Some(line)) = (&command.command, recipe.recipe.lines.get(number))
        else {
            continue;
        };
        // What is only pushed has its tag elsewhere.
        if build.push == Some(true) && build.load != Some(true) {
            continue;
        }
        for tag in &build.tags {
            let Some(Ok(reference)) = tag.known().map(Reference::parse) else { continue };
            let place = place(line, command, tag.span);
            let canonical = reference.with_default_tag().canonical();
            let text = command.span.of(&line.text);
            let shown = tag.shown().into_owned();
            out.push(Tagged { line: number, command: index, canonical, shown, place, text });
        }
    }
    out
}

/// The tags that recipes leave, each with the indices of the first of these recipes and the build's text as the shell gets it.
pub(super) type TagsLeft = HashMap<String, Vec<(usize, Vec<u8>)>>;

/// Of the builds that leave a tag so many are kept: what is asked for is the first of another text and another target, and of each text
/// and each target two are kept at most, so that one of these answers.
const MOST_LEFT: usize = 5;

/// Tags that one build gives twice, or that an earlier recipe leaves, too. Those that this one leaves are added to `left`.
fn tags_twice(at: &At<'_>, left: &mut TagsLeft, found: &mut Vec<Finding>) {
    let own = tags(at.recipe);
    let removed = removed_again(at.recipe);
    let mut given = HashSet::default();
    for Tagged { line, command, canonical, shown, place, text } in &own {
        if !given.insert((line, command, canonical)) {
            found.push(at.finding(Severity::Warning, place.clone(), Kind::TagTwice(shown.clone())));
            continue;
        }
        if removed.contains(canonical) {
            continue;
        }
        // Twice the same build is one image.
        let earlier = left.get(canonical).into_iter().flatten().filter(|(_, other)| other != text);
        let mut others = earlier.filter_map(|&(index, _)| Some(&at.study.recipes.get(index)?.recipe.target));
        if let Some(other) = others.find(|target| **target != at.recipe.recipe.target) {
            let other = String::from_utf8_lossy(other).into_owned();
            let kind = Kind::TagOfTwoTargets { tag: shown.clone(), other };
            found.push(at.finding(Severity::Warning, place.clone(), kind));
        }
    }
    for Tagged { canonical, text, .. } in own {
        if removed.contains(&canonical) {
            continue;
        }
        let known = left.entry(canonical).or_default();
        let target = |index: usize| at.study.recipes.get(index).map(|recipe| &recipe.recipe.target);
        let own = target(at.index);
        let same_text = known.iter().filter(|(_, other)| other == text);
        let same_target = known.iter().filter(|(index, _)| target(*index) == own);
        let is_known = same_text.clone().any(|(index, _)| target(*index) == own);
        if known.len() < MOST_LEFT && !is_known && same_text.count() < 2 && same_target.count() < 2 {
            known.push((at.index, text.to_owned()));
        }
    }
}

/// The tags that a recipe makes and removes: canonical.
fn removed_again(recipe: &RecipeStudy) -> HashSet<String> {
    use super::super::command::lifecycle::Thing;
    let removed = recipe.lifecycle.removals.iter().flat_map(|removal| &removal.removes);
    let names = removed.filter_map(|&at| match &recipe.lifecycle.made.get(at)?.thing {
        Thing::Image(identity) => Reference::parse(identity.name.as_ref()?.known()?).ok(),
        _ => None,
    });
    names.map(|name| name.with_default_tag().canonical()).collect()
}

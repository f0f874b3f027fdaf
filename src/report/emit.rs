//! `--emit=makefile`: a makefile with its image blocks written out as rules that GNU make runs. Knows nothing of engines: what the
//! commands are is told by the blocks' words alone.

use crate::base::diagnostic::{Complaint, Outcome, Place, Stop};
use crate::expand::expand_text;
use crate::image::block::LISTS;
use crate::load::Session;
use crate::os::words::{is_space, trim, words};
use crate::rules::images::{Assigned, Attribute, Block, same};
use crate::rules::scope::open_scope;
use crate::syntax::assignment::Operator;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What stands at the top, for those who find the file.
const HEADER: &str = "# Written by imk from image blocks, for GNU make. Conditionals inside of blocks were decided when it was written,
# and nothing here cleans up after a command that fails.
";

/// A value as it is written: what may hold references.
#[derive(Default)]
struct Raw(Vec<u8>);

/// The attributes of one target, not expanded.
type RawAttributes = BTreeMap<Attribute, Raw>;

/// The text of the makefile `name`, `text`, with its blocks written out.
///
/// # Errors
/// A block that stands in another makefile, and those of expanding `inherits`.
pub fn emit(session: &mut Session, name: &[u8], text: &[u8]) -> Outcome<Vec<u8>> {
    let blocks: Vec<Rc<Block>> = session.rules.images.blocks().to_vec();
    if let Some(block) = blocks.iter().find(|block| block.place.is_none_or(|place| place.file != name)) {
        return Err(Stop::fatal(block.place, Complaint::BlockElsewhere));
    }
    let mut lines: Vec<Option<Vec<u8>>> = text
        .strip_suffix(b"\n")
        .unwrap_or(text)
        .split(|&byte| byte == b'\n')
        .map(|line| Some(line.to_vec()))
        .collect();
    let mut done: Vec<Vec<u8>> = Vec::new();
    for block in &blocks {
        let Some(place) = block.place else { continue };
        let mut out = Vec::new();
        for &target in &block.targets {
            let target = session.context.names.text(target);
            if done.iter().any(|name| name == target) {
                continue;
            }
            done.push(target.to_vec());
            let raw = raw_attributes(session, target)?;
            write_target(session, name, target, &raw, &mut lines, &mut out)?;
        }
        blank_block(&mut lines, place, out);
    }
    let whole: Vec<u8> = lines.into_iter().flatten().collect::<Vec<_>>().join(&b'\n');
    Ok([HEADER.as_bytes(), b"\n", &functions(session, &whole)?, &whole, b"\n"].concat())
}

/// Puts `out` in the place of the block that begins at `place`.
fn blank_block(lines: &mut [Option<Vec<u8>>], place: Place, out: Vec<u8>) {
    let start = place.line as usize - 1;
    for line in start..lines.len() {
        let is_end = lines[line].as_deref().is_some_and(|text| {
            trim(text)
                .strip_prefix(b"endimage")
                .is_some_and(|rest| matches!(trim(rest).first(), None | Some(b'#')))
        });
        lines[line] = None;
        if is_end {
            break;
        }
    }
    lines[start] = Some(out.strip_suffix(b"\n").unwrap_or(&out).to_vec());
}

/// The definitions that stand for `$(image NAME)`, where `text` uses it.
fn functions(session: &mut Session, text: &[u8]) -> Outcome<Vec<u8>> {
    let mut out = Vec::new();
    for name in session.rules.images.named().to_vec() {
        let name = session.context.names.text(name);
        let used = [[b"(image ", name, b")"].concat(), [b"{image ", name, b"}"].concat()];
        if !used.iter().any(|used| memchr::memmem::find(text, used).is_some()) {
            continue;
        }
        if out.is_empty() {
            out.extend_from_slice(b"imk-space := $(subst ,, )\n");
        }
        let raw = raw_attributes(session, name)?;
        let Some(tag) = raw.get(&Attribute::Tags).and_then(|tags| raw_words(&tags.0).into_iter().next())
        else {
            continue;
        };
        out.extend_from_slice(
            &[b"image$(imk-space)", name, b" = ", &replaced(tag, b'@', name), b"\n"].concat(),
        );
    }
    Ok(out)
}

fn write_target(
    session: &mut Session,
    makefile: &[u8],
    target: &[u8],
    raw: &RawAttributes,
    lines: &mut [Option<Vec<u8>>],
    out: &mut Vec<u8>,
) -> Outcome {
    let before = image_commands(session, target, raw)?;
    let after = removal(raw);
    let is_pattern = memchr::memchr(b'%', target).is_some();
    if !is_pattern {
        out.extend_from_slice(&[b".PHONY: ", target, b"\n"].concat());
    }
    let text: Vec<u8> = lines.iter().flatten().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
    let uses = |name: &str| {
        [format!("$({name})"), format!("${{{name}}}")]
            .iter()
            .any(|used| memchr::memmem::find(&text, used.as_bytes()).is_some())
    };
    let tag =
        raw.get(&Attribute::Tags).and_then(|tags| raw_words(&tags.0).into_iter().next()).unwrap_or_default();
    if uses(".IMAGE") || uses(".IMAGE_ID") {
        out.extend_from_slice(&[target, b": .IMAGE = ", tag, b"\n"].concat());
    }
    if uses(".IMAGE_ID") {
        let command = b": .IMAGE_ID = $(shell docker image inspect --format '{{.Id}}' $(.IMAGE))\n";
        out.extend_from_slice(&[target, &command[..]].concat());
    }
    let file = session.rules.lookup(&session.context.names, target);
    let recipe = file.and_then(|file| session.rules.files[file].recipe);
    let place = recipe.and_then(|recipe| session.rules.recipes[recipe].place);
    match place.filter(|place| place.file == makefile) {
        Some(place) => around_recipe(lines, place, &before, &after),
        None => {
            out.extend_from_slice(&[target, b":\n", &before, &after].concat());
        }
    }
    Ok(())
}

/// Puts `before` and `after` around the recipe that begins at `place`.
fn around_recipe(lines: &mut [Option<Vec<u8>>], place: Place, before: &[u8], after: &[u8]) {
    let start = place.line as usize - 1;
    let Some(first) = lines.get(start).cloned().flatten() else { return };
    let mut text = Vec::new();
    if first.first() == Some(&b'\t') {
        text.extend_from_slice(before);
        text.extend_from_slice(&first);
    } else if let Some(semicolon) = memchr::memchr(b';', &first) {
        text.extend_from_slice(first[..semicolon].trim_ascii_end());
        text.push(b'\n');
        text.extend_from_slice(before);
        text.push(b'\t');
        text.extend_from_slice(trim(&first[semicolon + 1..]));
    }
    let mut last = start;
    let continued = |line: &Option<Vec<u8>>| line.as_deref().is_some_and(|line| line.ends_with(b"\\"));
    while last + 1 < lines.len()
        && (continued(&lines[last]) || lines[last + 1].as_deref().is_some_and(|line| line.starts_with(b"\t")))
    {
        last += 1;
    }
    let after = after.strip_suffix(b"\n").unwrap_or(after);
    lines[start] = Some(text);
    if !after.is_empty()
        && let Some(Some(line)) = lines.get_mut(last)
    {
        line.push(b'\n');
        line.extend_from_slice(after);
    }
}

fn removal(raw: &RawAttributes) -> Vec<u8> {
    let always = raw.get(&Attribute::Cleanup).is_some_and(|value| trim(&value.0) == b"always");
    match raw.get(&Attribute::Tags).filter(|_| always) {
        Some(tags) => [b"\t", engine(raw), b" rmi ", trim(&tags.0), b"\n"].concat(),
        None => Vec::new(),
    }
}

fn engine(raw: &RawAttributes) -> &[u8] {
    raw.get(&Attribute::Engine).map_or(b"docker", |value| trim(&value.0))
}

/// The recipe lines that build the image and copy out of it.
fn image_commands(session: &mut Session, target: &[u8], raw: &RawAttributes) -> Outcome<Vec<u8>> {
    let get = |attribute: Attribute| raw.get(&attribute).map(|value| trim(&value.0));
    let engine = engine(raw);
    let mut options: Vec<Vec<u8>> = Vec::new();
    let builder = get(Attribute::Builder);
    if let Some(builder) = builder {
        options.push([b"--builder ", builder].concat());
    }
    options.extend(get(Attribute::Options).map(<[u8]>::to_vec));
    if let Some(file) = get(Attribute::Dockerfile) {
        let folder = get(Attribute::Context).filter(|context| *context != b".");
        let path = folder.map_or(file.to_vec(), |folder| [folder, b"/", file].concat());
        options.push([b"--file ", &path[..]].concat());
    }
    options.extend(get(Attribute::Target).map(|stage| [b"--target ", stage].concat()));
    for (attribute, option) in LISTS.into_iter().chain([(Attribute::Platforms, "--platform")]) {
        for word in get(attribute).map(raw_words).unwrap_or_default() {
            options.push(repeated(session, target, option, word)?);
        }
    }
    for (attribute, option) in [(Attribute::Network, "--network "), (Attribute::ShmSize, "--shm-size ")] {
        options.extend(get(attribute).map(|value| [option.as_bytes(), value].concat()));
    }
    for (attribute, option) in [(Attribute::Pull, "--pull"), (Attribute::NoCache, "--no-cache")] {
        match get(attribute) {
            Some(value) if memchr::memchr(b'$', value).is_some() => {
                options
                    .push([b"$(if $(filter true yes 1 on,", value, b"),", option.as_bytes(), b")"].concat());
            }
            Some(b"true" | b"yes" | b"1" | b"on") => options.push(option.as_bytes().to_vec()),
            _ => {}
        }
    }
    let verb: &[u8] = if builder.is_some() { b" buildx build" } else { b" build" };
    let context = get(Attribute::Context).unwrap_or(b".");
    let mut text = [b"\t", engine, verb].concat();
    for option in options {
        text.extend_from_slice(b" \\\n\t\t");
        text.extend_from_slice(&option);
    }
    text.extend_from_slice(&[b" ", context, b"\n"].concat());
    if let Some(extract) = get(Attribute::Extract) {
        let tag =
            get(Attribute::Tags).and_then(|tags| raw_words(tags).into_iter().next()).unwrap_or_default();
        text.extend_from_slice(
            &[b"\t", engine, b" create --name imk-$@ ", tag, b" never-started\n"].concat(),
        );
        for word in raw_words(extract) {
            let colon = memchr::memrchr(b':', word).unwrap_or(word.len());
            let (source, destination) = (&word[..colon], word.get(colon + 1..).unwrap_or_default());
            text.extend_from_slice(
                &[b"\t", engine, b" cp imk-$@:", source, b" ", destination, b"\n"].concat(),
            );
        }
        text.extend_from_slice(&[b"\t", engine, b" rm imk-$@\n"].concat());
    }
    Ok(text)
}

/// `option` for `word`, which may stand for several where it is a reference alone.
fn repeated(session: &mut Session, target: &[u8], option: &str, word: &[u8]) -> Outcome<Vec<u8>> {
    let is_reference =
        word.starts_with(b"$(") && word.ends_with(b")") || word.starts_with(b"${") && word.ends_with(b"}");
    if is_reference {
        let file = session.enter_file(target);
        open_scope(session, file, false)?;
        let value = crate::rules::prerequisites::expand_for_file(session, file, word)?;
        if words(&value).count() != 1 {
            return Ok([b"$(addprefix ", option.as_bytes(), b"=,", word, b")"].concat());
        }
    }
    Ok([option.as_bytes(), b" ", word].concat())
}

/// The attributes of `target` as they are written, later assignments after earlier ones, what is inherited first.
fn raw_attributes(session: &mut Session, target: &[u8]) -> Outcome<RawAttributes> {
    let mut raw = RawAttributes::new();
    let blocks = session.rules.images.blocks_for(&session.context.names, target);
    gather(session, &blocks, &mut raw, &[])?;
    if memchr::memchr(b'%', target).is_none()
        && let Some(stem) = session.rules.images.stem_of(target).map(<[u8]>::to_vec)
    {
        for value in raw.values_mut() {
            value.0 = replaced(&value.0, b'*', &stem);
        }
    }
    Ok(raw)
}

fn gather(
    session: &mut Session,
    blocks: &[Rc<Block>],
    raw: &mut RawAttributes,
    above: &[Vec<Rc<Block>>],
) -> Outcome {
    let path = [above, &[blocks.to_vec()]].concat();
    let all = || blocks.iter().flat_map(|block| &block.assigned);
    for assigned in all().filter(|assigned| assigned.attribute == Attribute::Inherits) {
        let text = expand_text(session, &assigned.value)?;
        for word in words(&text) {
            let inherited = session.rules.images.blocks_for(&session.context.names, word);
            if inherited.is_empty() {
                return Err(Stop::fatal(assigned.place, Complaint::InheritsUnknown(word.to_vec())));
            }
            if path.iter().any(|blocks| same(&inherited, blocks)) {
                return Err(Stop::fatal(assigned.place, Complaint::InheritsItself(word.to_vec())));
            }
            gather(session, &inherited, raw, &path)?;
        }
    }
    for assigned in all().filter(|assigned| assigned.attribute != Attribute::Inherits) {
        let Assigned { attribute, operator, value, expands, .. } = assigned;
        if *operator == Operator::Conditional && raw.contains_key(attribute) {
            continue;
        }
        let own = raw.entry(*attribute).or_default();
        if *operator != Operator::Append {
            own.0.clear();
        }
        if !own.0.is_empty() {
            own.0.push(b' ');
        }
        for &byte in value.iter() {
            if byte == b'$' && !expands {
                own.0.push(b'$');
            }
            own.0.push(byte);
        }
    }
    Ok(())
}

/// Words of a text that is not expanded: references and quotations stay whole.
fn raw_words(text: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut start = None;
    let mut open = 0usize;
    let mut quote = None;
    for (at, &byte) in text.iter().enumerate() {
        if is_space(byte) && open == 0 && quote.is_none() {
            found.extend(start.take().map(|start: usize| &text[start..at]));
            continue;
        }
        start.get_or_insert(at);
        match byte {
            b'(' | b'{' if open > 0 || text[..at].ends_with(b"$") => open += 1,
            b')' | b'}' => open = open.saturating_sub(1),
            b'\'' | b'"' if open == 0 => {
                quote = match quote {
                    None => Some(byte),
                    Some(own) if own == byte => None,
                    other => other,
                }
            }
            _ => {}
        }
    }
    found.extend(start.map(|start| &text[start..]));
    found
}

/// `text` with the automatic variable `$letter` replaced.
fn replaced(text: &[u8], letter: u8, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    let forms = [vec![b'$', letter], vec![b'$', b'(', letter, b')'], vec![b'$', b'{', letter, b'}']];
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(b"$$") {
            out.extend_from_slice(b"$$");
            at += 2;
        } else if let Some(form) = forms.iter().find(|form| rest.starts_with(form)) {
            out.extend_from_slice(value);
            at += form.len();
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    out
}

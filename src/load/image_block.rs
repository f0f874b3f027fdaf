//! `image … endimage`: a block's lines read into attributes (README, "Image blocks"). Knows nothing of what attributes mean, nor of
//! when their values are expanded.

use crate::base::diagnostic::{Complaint, Outcome, Place, Stop};
use crate::base::nearest;
use crate::expand::expand_text;
use crate::expand::file_names::{FileNames, file_names};
use crate::expand::functions::run_shell;
use crate::load::Session;
use crate::load::evaluate::Reader;
use crate::load::record::offer_default_goal;
use crate::os::files::Mtime;
use crate::os::words::words;
use crate::rules::file::plain_name;
use crate::rules::images::{self, Assigned, Attribute, Block};
use crate::rules::pattern::TargetPattern;
use crate::syntax::assignment::{Assignment, Definition, Modifiers, Operator};

/// Begins a block for the targets that `names` expands to. False where that is no list of targets: a colon or an equals sign came
/// up, and the line is what GNU make takes it for.
pub fn begin(session: &mut Session, reader: &mut Reader, names: &[u8]) -> Outcome<bool> {
    let text = expand_text(session, names)?;
    if text.iter().any(|byte| matches!(byte, b':' | b'=' | b';')) {
        return Ok(false);
    }
    let (found, _) = file_names(session, &text, &FileNames { no_archives: true, ..FileNames::default() })?;
    if found.is_empty() {
        return Err(Stop::fatal(reader.place(), Complaint::ImageWithoutTarget));
    }
    let targets = found.iter().map(|item| session.context.names.intern(plain_name(&item.name))).collect();
    reader.image = Some(Block { targets, assigned: Vec::new(), place: reader.place() });
    Ok(true)
}

/// Takes a definition inside a block.
pub fn define(
    session: &mut Session,
    block: &mut Block,
    modifiers: Modifiers,
    definition: &Definition,
    place: Option<Place>,
) -> Outcome {
    let fatal = |complaint| Err(Stop::fatal(place, complaint));
    let Definition::Assign(Assignment { name, operator, value }) = *definition else {
        return fatal(Complaint::NotInImageBlock);
    };
    if modifiers != Modifiers::default() {
        return fatal(Complaint::NotInImageBlock);
    }
    let name = expand_text(session, name)?;
    let Some(attribute) = Attribute::named(&name) else {
        let known = Attribute::ALL.iter().map(|(name, _)| name.as_bytes());
        let near = nearest(&name, known).map(<[u8]>::to_vec);
        return fatal(Complaint::UnknownAttribute(name, near));
    };
    let (value, expands) = match operator {
        Operator::Recursive | Operator::Append | Operator::Conditional => (value.to_vec(), true),
        Operator::Simple | Operator::Immediate => (expand_text(session, value)?, false),
        Operator::Shell => {
            let command = expand_text(session, value)?;
            (run_shell(session, &command, false)?, false)
        }
    };
    block.assigned.push(Assigned { attribute, operator, value: value.into(), expands, place });
    Ok(())
}

/// Ends a block: its targets are image targets from now on.
pub fn end(session: &mut Session, reader: &mut Reader) {
    let Some(block) = reader.image.take() else { return };
    for &name in &block.targets {
        let text = session.context.names.text(name);
        if TargetPattern::new(text, &mut session.context.names).is_some() {
            continue;
        }
        let file = session.rules.files.find_or_enter(name);
        let record = &mut session.rules.files[file];
        record.is_target = true;
        record.is_explicit = true;
        record.phony = true;
        record.mtime = Mtime::ABSENT;
        record.mtime_before = Mtime::ABSENT;
        if let (Some(named), Some(place)) = (&mut session.named_at, block.place) {
            named.push((name, place));
        }
    }
    let targets = block.targets.clone();
    session.rules.images.add(block, &mut session.context.names);
    if reader.set_default {
        offer_default_goal(session, &targets);
    }
}

/// The first tag of the image target called `name`; none where there are no image blocks.
///
/// # Errors
/// A name that no block is for, and those of expanding its tags.
pub fn tag_of(session: &mut Session, name: &[u8]) -> Outcome<Option<Vec<u8>>> {
    if session.rules.images.is_empty() {
        return Ok(None);
    }
    let file = session.enter_file(name);
    let context = &mut session.context;
    let saved = (context.variables.current, context.reading, context.expanding);
    let found = images::attributes(session, file);
    let context = &mut session.context;
    (context.variables.current, context.reading, context.expanding) = saved;
    let Some(attributes) = found? else {
        return Err(session.context.fatal(Complaint::NoImageTarget(name.to_vec())));
    };
    let tags = attributes.get(Attribute::Tags);
    let first = tags.iter().find_map(|piece| words(&piece.text).next().map(<[u8]>::to_vec));
    Ok(Some(first.unwrap_or_default()))
}

//! The loop over a makefile's lines: what each does, and which rule the next recipe line belongs to (manual, "How Makefiles Are
//! Parsed"). Knows nothing of how rules are recorded.

use crate::base::diagnostic::{Complaint, Outcome, Place, Stop};
use crate::expand::assign::{Assign, assign};
use crate::expand::file_names::{FileNames, file_names};
use crate::expand::{Export, Origin, expand_text, expand_to};
use crate::load::Session;
use crate::load::conditionals::Conditionals;
use crate::load::record::PendingRule;
use crate::load::{define, image_block, include, rule_line};
use crate::os::words::{skip_space, word_length, words};
use crate::rules::images::Block;
use crate::syntax::assignment::{Assignment, Definition, Modifiers};
use crate::syntax::lines::{Line, Lines, join_continuations};
use crate::syntax::quoting::strip_comment;
use crate::syntax::statement::{Statement, statement};

/// A makefile, or a string, as it is being read.
pub struct Reader<'t> {
    /// Its lines.
    pub lines: Lines<'t>,
    /// The name for messages; none for what has no file.
    pub file: Option<&'static [u8]>,
    /// The line that is read.
    pub line: u32,
    /// Lines after `line` that the current one spans.
    pub span: u32,
    /// Whether a rule may become the default goal.
    pub set_default: bool,
    /// The rule that recipe lines belong to.
    pub pending: Option<PendingRule>,
    /// The last rule had no targets: its recipe is ignored.
    pub no_targets: bool,
    /// Open conditionals.
    pub conditionals: Conditionals,
    /// A `define` is being skipped.
    skipping_define: bool,
    /// The image block that is being read.
    pub image: Option<Block>,
}

impl<'t> Reader<'t> {
    fn new(lines: Lines<'t>, file: Option<&'static [u8]>, line: u32, set_default: bool) -> Reader<'t> {
        Reader {
            lines,
            file,
            line,
            span: 0,
            set_default,
            pending: None,
            no_targets: false,
            conditionals: Conditionals::default(),
            skipping_define: false,
            image: None,
        }
    }

    /// The place of the current line.
    pub fn place(&self) -> Option<Place> {
        self.file.map(|file| Place::new(file, self.line))
    }
}

/// Reads the text of file `name`.
pub fn evaluate_file(session: &mut Session, name: &'static [u8], text: &[u8], set_default: bool) -> Outcome {
    let body = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    read(session, Reader::new(Lines::of_file(body), Some(name), 1, set_default))
}

/// Reads `text` as part of the makefile that is being read, or of none.
pub fn evaluate_string(session: &mut Session, text: Vec<u8>, place: Option<Place>) -> Outcome {
    let place = place.or(session.context.reading);
    let line = place.map_or(1, |place| place.line + place.offset);
    read(session, Reader::new(Lines::of_string(&text), place.map(|place| place.file), line, true))
}

/// Reads all of `reader`'s lines; what was being read before goes on after.
fn read(session: &mut Session, mut reader: Reader) -> Outcome {
    let saved = session.context.reading;
    let result = run(session, &mut reader);
    session.context.reading = saved;
    result
}

fn run(session: &mut Session, reader: &mut Reader) -> Outcome {
    loop {
        reader.line += std::mem::take(&mut reader.span);
        session.context.reading = reader.place();
        let Some(line) = reader.lines.next() else { break };
        reader.span = line.count;
        one_line(session, reader, line)?;
    }
    if reader.conditionals.is_open() {
        let opened = reader.conditionals.opened();
        return Err(Stop::fatal(reader.place(), Complaint::MissingEndif(opened)));
    }
    if let Some(block) = &reader.image {
        return Err(Stop::fatal(block.place, Complaint::MissingEndimage));
    }
    record_pending(session, reader)
}

/// Records the rule whose recipe has ended.
pub fn record_pending(session: &mut Session, reader: &mut Reader) -> Outcome {
    reader.no_targets = false;
    match reader.pending.take() {
        Some(pending) => pending.record(session),
        None => Ok(()),
    }
}

fn one_line(session: &mut Session, reader: &mut Reader, line: Line) -> Outcome {
    let text = line.text;
    let Some(&first) = text.first() else { return Ok(()) };
    let is_recipe = first == session.recipe_prefix;
    if is_recipe {
        if reader.no_targets {
            return Ok(());
        }
        if let Some(pending) = &mut reader.pending {
            if !reader.conditionals.skipping() {
                pending.add_recipe_line(&text[1..], reader.line);
            }
            return Ok(());
        }
    }
    let joined = strip_comment(join_continuations(text, session.context.posix));
    let parsed = statement(&joined);
    let skipping = reader.conditionals.skipping();
    if let Statement::Definition(modifiers, definition) = parsed {
        if skipping {
            reader.skipping_define |= matches!(definition, Definition::Define(_));
            return Ok(());
        }
        if let Some(mut block) = reader.image.take() {
            let place = reader.place();
            image_block::define(session, &mut block, modifiers, &definition, place)?;
            reader.image = Some(block);
            return Ok(());
        }
        record_pending(session, reader)?;
        return define_variable(session, reader, modifiers, definition);
    }
    if parsed == Statement::Blank {
        return Ok(());
    }
    if reader.skipping_define {
        let text = skip_space(&joined);
        let (word, rest) = text.split_at(word_length(text));
        if word == b"endef" && matches!(skip_space(rest).first(), None | Some(b'#')) {
            reader.skipping_define = false;
        }
        return Ok(());
    }
    if let Statement::Conditional(directive, text) = parsed {
        let place = reader.place();
        return reader.conditionals.execute(session, directive, text, place);
    }
    if skipping {
        return Ok(());
    }
    if reader.image.is_some() {
        if parsed != Statement::EndImage {
            return Err(Stop::fatal(reader.place(), Complaint::NotInImageBlock));
        }
        image_block::end(session, reader);
        return Ok(());
    }
    match parsed {
        Statement::Image(names) if !is_recipe => {
            record_pending(session, reader)?;
            if image_block::begin(session, reader, names)? {
                return Ok(());
            }
            rule_line::execute(session, reader, text, &joined)
        }
        Statement::Export { exporting, names } => {
            record_pending(session, reader)?;
            export(session, exporting, names, reader.place())
        }
        Statement::Vpath(text) => {
            record_pending(session, reader)?;
            let text = expand_text(session, text)?;
            let mut list = words(&text);
            let pattern = list.next();
            let folders = skip_space(list.rest());
            session.rules.paths.directive(pattern, Some(folders).filter(|folders| !folders.is_empty()));
            Ok(())
        }
        Statement::Include { optional, files } => {
            record_pending(session, reader)?;
            include_files(session, reader, files, optional)
        }
        Statement::Load { optional, objects } => {
            record_pending(session, reader)?;
            crate::load::plugin::directive(session, objects, optional, reader.place())
        }
        _ => {
            if is_recipe {
                return Err(Stop::fatal(reader.place(), Complaint::RecipeBeforeTarget));
            }
            record_pending(session, reader)?;
            rule_line::execute(session, reader, text, &joined)
        }
    }
}

fn define_variable(
    session: &mut Session,
    reader: &mut Reader,
    modifiers: Modifiers,
    definition: Definition,
) -> Outcome {
    let origin = if modifiers.overrides { Origin::Override } else { Origin::File };
    let place = reader.place();
    let variable = match definition {
        Definition::Undefine(name) => return define::undefine(session, name, origin, place),
        Definition::Define(name) => define::define(session, reader, name, origin)?,
        Definition::Assign(assignment) => assign_line(session, &assignment, origin, place)?,
    };
    let variable = session.context.variables.get_mut(variable);
    if let Some(export) = modifiers.export {
        variable.export = if export { Export::Always } else { Export::Never };
    }
    variable.private |= modifiers.private;
    Ok(())
}

/// Carries out a global assignment as it stands on a line.
pub fn assign_line(
    session: &mut Session,
    assignment: &Assignment,
    origin: Origin,
    place: Option<Place>,
) -> Outcome<crate::expand::VariableId> {
    let name = if memchr::memchr(b'$', assignment.name).is_none() {
        session.context.names.intern(assignment.name)
    } else {
        let name = expand_text(session, assignment.name)?;
        session.context.names.intern(&name)
    };
    if session.context.names.text(name).is_empty() {
        return Err(Stop::fatal(place, Complaint::EmptyVariableName));
    }
    let request =
        Assign { name, operator: assignment.operator, value: assignment.value, origin, place, target: None };
    assign(session, &request)
}

fn export(session: &mut Session, exporting: bool, names: &[u8], place: Option<Place>) -> Outcome {
    if names.is_empty() {
        session.context.export_all = exporting;
        return Ok(());
    }
    let mut text = Vec::new();
    expand_to(session, names, &mut text)?;
    for word in words(&text) {
        let context = &mut session.context;
        let name = context.names.intern(word);
        let id = match context.lookup(name) {
            Some(id) => context.variables.to_change(id),
            None => {
                let id = context.define_global(word, b"", Origin::File, false);
                context.variables.get_mut(id).place = place;
                id
            }
        };
        context.variables.get_mut(id).export = if exporting { Export::Always } else { Export::Never };
    }
    Ok(())
}

fn include_files(session: &mut Session, reader: &mut Reader, files: &[u8], optional: bool) -> Outcome {
    let text = expand_text(session, files)?;
    if text.is_empty() {
        return Ok(());
    }
    let options = FileNames { no_archives: true, ..FileNames::default() };
    let (found, _) = file_names(session, &text, &options)?;
    for item in found {
        let how =
            include::How { included: true, optional, expand_tilde: false, set_default: reader.set_default };
        let makefile = include::read_makefile(session, &item.name, how)?;
        session.makefiles[makefile].place = reader.place();
        session.context.reading = reader.place();
    }
    Ok(())
}

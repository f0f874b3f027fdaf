//! The recipes of a run that runs nothing (`--plan`, `--check`): the walk is that of `-n`, and what would run is kept, each
//! byte with its place in the makefile. Knows nothing of what the lines mean.

use crate::base::Span;
use crate::base::diagnostic::{Outcome, Place};
use crate::base::source::LineStarts;
use crate::base::tables::{HashMap, HashSet};
use crate::build::Build;
use crate::build::images::steps::{Steps, Work};
use crate::build::job::join_in_references;
use crate::expand::Export;
use crate::expand::command_line::{self, Shell, is_bourne_shell};
use crate::expand::variables::Origin;
use crate::image::block::words::split as split_words;
use crate::image::command::mentions_client;
use crate::image::command::variables::Inherited;
use crate::image::recipe::{self, Line, Recipe, Reference, Runner, SourceFile, Written};
use crate::os::words::is_blank;
use crate::rules::file::{FileId, State, Status};
use crate::rules::images::Attribute;
use crate::rules::prerequisites::expand_for_file;
use crate::rules::recipe::{NO_ERROR, RECURSE, RecipeId};
use std::rc::Rc;

/// What a walk that runs nothing has met.
#[derive(Default)]
pub struct Collector {
    recipes: Vec<(FileId, Recipe)>,
    up_to_date: Vec<Vec<u8>>,
    makefiles: HashMap<&'static [u8], Rc<SourceFile>>,
}

impl Collector {
    /// Keeps the recipe of `file`: for targets that have none of a makefile's own.
    pub fn add(&mut self, file: FileId, recipe: Recipe) {
        self.recipes.push((file, recipe));
    }
}

/// What the goals would run.
#[derive(Debug, Default)]
pub struct Walked {
    /// The target of each recipe.
    pub files: Vec<FileId>,
    /// The recipes, in the order in which they would start with one job.
    pub recipes: Vec<Recipe>,
    /// For each recipe the indices of those that must have ended before it starts.
    pub before: Vec<HashSet<usize>>,
    /// Goals for which nothing would run.
    pub up_to_date: Vec<Vec<u8>>,
}

/// A line expanded.
#[derive(Default)]
struct Traced {
    text: Vec<u8>,
    origins: Vec<u32>,
    references: Vec<Reference>,
}

impl Build {
    /// Keeps the recipe of `file` in place of running it, and takes the target for made.
    pub(super) fn collect(&mut self, file: FileId, recipe: RecipeId, steps: &Steps) -> Outcome {
        let lines = self.chop(recipe)?;
        let place = self.session.rules.recipes[recipe].place;
        let offsets = self.offsets(place, self.session.rules.recipes[recipe].prefix, &lines);
        let mut found = Recipe {
            target: self.session.name_of(file).to_vec(),
            phony: self.session.rules.files[file].phony,
            listed: self.session.rules.images.is_listed(file),
            ..Recipe::default()
        };
        let makefile = place.map(|place| self.makefile(place.file)).unwrap_or_default();
        self.add_steps(steps, &mut found);
        for (number, raw) in lines.iter().enumerate() {
            if let Some(place) = &mut self.session.rules.recipes[recipe].place {
                place.offset = number as u32;
            }
            let traced = self.trace(file, raw);
            self.session.rules.recipes[recipe].place = place;
            let (offset, line) =
                offsets.get(number).copied().unwrap_or((None, place.map_or(0, |at| at.line as usize)));
            // Under `.ONESHELL` each line lacks the prefix that it has in the makefile.
            let inserted = usize::from(self.session.context.one_shell);
            let written = Written {
                raw: Rc::clone(raw),
                lines: Rc::new(LineStarts::of(raw)),
                file: Rc::clone(&makefile),
                offset,
                line,
                inserted,
            };
            self.split(file, recipe, number, traced?, &written, &mut found)?;
        }
        self.add_removal(file, steps, &mut found);
        found.place = match (found.lines.first().and_then(Line::whole), place) {
            (Some(place), _) => Some(place),
            (None, Some(place)) => Some(recipe::Place::line(place.file, place.line as usize)),
            (None, None) => None,
        };
        self.note_environment(file, &mut found);
        self.commands_started += found.lines.len() as u64;
        if let Some(collector) = &mut self.collector {
            collector.add(file, found);
        }
        self.set_state(file, State::Running);
        self.session.rules.files[file].status = Status::Success;
        self.notice_finished(file)
    }

    /// An image block's commands, each word with the place of its assignment.
    pub(in crate::build) fn add_steps(&mut self, steps: &Steps, out: &mut Recipe) {
        out.managed = !steps.all.is_empty();
        for step in &steps.all {
            let shown = match step.work {
                Work::Build(..) => step.arguments.clone(),
                _ => split_words(&step.shown).unwrap_or_else(|_| step.arguments.clone()),
            };
            let words: Vec<_> = shown
                .into_iter()
                .enumerate()
                .map(|(at, word)| {
                    let place =
                        step.places.get(at).copied().flatten().map(|place| self.word_place(place, &word));
                    (word, place)
                })
                .collect();
            let line = step.place.map(|place| self.word_place(place, b""));
            out.lines.push(Line::of_arguments(&words, line));
        }
    }

    /// The removal that the end of a job with an image block brings.
    fn add_removal(&mut self, file: FileId, steps: &Steps, out: &mut Recipe) {
        let Some(words) = &steps.removal else { return };
        let place = self.block_of(file).and_then(|block| block.word(Attribute::Cleanup)?.place);
        let place = place.map(|place| self.word_place(place, b"always"));
        let words: Vec<_> = words.iter().map(|word| (word.clone(), place.clone())).collect();
        out.lines.push(Line::of_arguments(&words, place));
    }

    /// The place of `word` on its assignment's line; of the value where the word is not literally there.
    pub(in crate::build) fn word_place(&mut self, place: Place, word: &[u8]) -> recipe::Place {
        let makefile = self.makefile(place.file);
        let number = (place.line as usize).saturating_sub(1);
        let Some(start) = makefile.lines.start(number) else {
            return recipe::Place::line(place.file, place.line as usize);
        };
        let line = &makefile.text[start..makefile.lines.end(number)];
        let value = memchr::memchr(b'=', line).map_or(0, |equals| {
            equals + 1 + line[equals + 1..].iter().take_while(|&&byte| is_blank(byte)).count()
        });
        // A part of what is written may be called the same, and is not the word.
        let ends = |byte: Option<&u8>| byte.is_none_or(|byte| is_blank(*byte) || b"'\"\\".contains(byte));
        let written = &line[value..];
        let mut all = memchr::memmem::find_iter(written, word).filter(|_| !word.is_empty());
        let found = all.find(|&at| ends(written[..at].last()) && ends(written.get(at + word.len())));
        let (from, length) = match found {
            Some(at) => (value + at, word.len()),
            None if value > 0 => (value, line[value..].trim_ascii_end().len()),
            None => (line.iter().take_while(|&&byte| is_blank(byte)).count(), line.trim_ascii().len()),
        };
        makefile.place(Span::new(start + from, start + from + length))
    }

    /// Keeps that nothing would run for a goal; whether that was to be kept rather than said.
    pub(super) fn collect_up_to_date(&mut self, file: FileId) -> bool {
        let name = self.session.name_of(file).to_vec();
        self.collector.as_mut().map(|collector| collector.up_to_date.push(name)).is_some()
    }

    /// Expands a line as `expand_lines` does, part by part, so that what came from where is known.
    fn trace(&mut self, file: FileId, raw: &[u8]) -> Outcome<Traced> {
        let mut traced = Traced::default();
        let mut at = 0;
        while at < raw.len() {
            let dollar = memchr::memchr(b'$', &raw[at..]).map_or(raw.len(), |found| at + found);
            traced.text.extend_from_slice(&raw[at..dollar]);
            traced.origins.extend(at as u32..dollar as u32);
            if dollar == raw.len() {
                break;
            }
            let end = reference_end(raw, dollar);
            at = end;
            if &raw[dollar..end] == b"$$" {
                traced.text.push(b'$');
                traced.origins.push(dollar as u32);
                continue;
            }
            let name = plain_name(&raw[dollar..end]).map(<[u8]>::to_vec);
            let defined = name.as_ref().is_none_or(|name| self.is_defined(file, name));
            let value = expand_for_file(&mut self.session, file, &join_in_references(&raw[dollar..end]))?;
            let start = traced.text.len();
            traced.text.extend_from_slice(&value);
            traced.origins.resize(traced.text.len(), dollar as u32);
            let value = Span::new(start, traced.text.len());
            traced.references.push(Reference { raw: Span::new(dollar, end), value, name, defined });
        }
        Ok(traced)
    }

    fn is_defined(&self, file: FileId, name: &[u8]) -> bool {
        let context = &self.session.context;
        let scope = self.session.rules.files[file].scope.unwrap_or(context.variables.current);
        context.names.find(name).is_some_and(|name| context.variables.find_from(scope, name).is_some())
    }

    /// Splits an expanded line into what is run: it may have become several.
    fn split(
        &mut self,
        file: FileId,
        recipe: RecipeId,
        number: usize,
        traced: Traced,
        written: &Written,
        out: &mut Recipe,
    ) -> Outcome {
        let record = &self.session.rules.recipes[recipe];
        let own = self.session.rules.files[file].command_flags
            | record.flags.get(number).copied().unwrap_or_default();
        let prefix = record.prefix;
        let scope = self.session.rules.files[file].scope;
        let shell = Shell::of(&mut self.session, scope, own & NO_ERROR != 0)?;
        let mut from = 0;
        while from < traced.text.len() {
            let mut flags = own;
            while let Some(&byte) = traced.text.get(from) {
                match byte {
                    b'+' => flags |= RECURSE,
                    b'-' => flags |= NO_ERROR,
                    b'@' => {}
                    byte if is_blank(byte) => {}
                    _ => break,
                }
                from += 1;
            }
            let rest = super::start::without_prefix(&traced.text[from..], prefix);
            let command_line::Command { arguments, end, .. } = command_line::command(&rest, &shell, true);
            let bourne = is_bourne_shell(&shell.program);
            let text = match arguments.as_ref().and_then(|all| all.last()) {
                Some(last) if shell.one_shell && bourne => last.as_slice(),
                _ => &rest[..end.unwrap_or(rest.len())],
            };
            let kept = align(&traced.text, from, text);
            let next = match end {
                Some(end) => align(&traced.text, from, &rest[..=end]).last().map_or(usize::MAX, |at| at + 1),
                None => usize::MAX,
            };
            if arguments.is_some() {
                let runner = match (flags & RECURSE != 0, bourne) {
                    (true, _) => Runner::SubMake,
                    (false, true) => Runner::Shell,
                    (false, false) => Runner::Other(shell.program.to_vec()),
                };
                let references = traced.references.iter().filter_map(|known| {
                    let value = moved(&kept, known.value, from, traced.text.len().min(next))?;
                    Some(Reference { value, ..known.clone() })
                });
                let references = references.collect();
                let origins =
                    kept.iter().map(|&at| traced.origins.get(at).copied().unwrap_or_default()).collect();
                let ignored = flags & NO_ERROR != 0;
                let text = text.to_vec();
                out.lines.push(Line::of_script(text, origins, references, written.clone(), runner, ignored));
            }
            from = next;
        }
        Ok(())
    }

    /// What the lines' processes would find in their environment under the names that the lines mention.
    pub(in crate::build) fn note_environment(&mut self, file: FileId, recipe: &mut Recipe) {
        const ALWAYS: [&[u8]; 3] = [b"PATH", b"DOCKER_HOST", b"DOCKER_CONTEXT"];
        let context = &self.session.context;
        let scope = self.session.rules.files[file].scope.unwrap_or(context.variables.current);
        let mut known: HashMap<Vec<u8>, Inherited> = HashMap::default();
        let is_part = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
        let words = recipe.lines.iter().flat_map(|line| line.text.split(|&byte| !is_part(byte)));
        for word in words.chain(ALWAYS).chain(recipe::DECIDES_PLATFORM) {
            if word.first().is_none_or(u8::is_ascii_digit) || known.contains_key(word) {
                continue;
            }
            let found = context.names.find(word).and_then(|name| context.variables.find_from(scope, name));
            let variable = found.map(|id| context.variables.get(id));
            let value = match variable {
                None => Inherited::Unset,
                Some(variable) => {
                    let from_environment =
                        matches!(variable.origin, Origin::Environment | Origin::EnvironmentOverride);
                    let given = from_environment || variable.origin == Origin::CommandLine;
                    match variable.export {
                        Export::Never => Inherited::Unset,
                        Export::Default if !given && !context.export_all && !variable.per_target => {
                            Inherited::Unset
                        }
                        // What a makefile's variable becomes when it is exported may need `$(shell)`.
                        _ if !from_environment
                            && variable.recursive
                            && memchr::memchr(b'$', &variable.value).is_some() =>
                        {
                            Inherited::Unknown
                        }
                        Export::Default | Export::Always => Inherited::Value(variable.value.to_vec()),
                        Export::IfSet => Inherited::Unknown,
                    }
                }
            };
            known.insert(word.to_vec(), value);
        }
        if let Some(builder) = self.block_of(file).and_then(|block| self.builder_of(&block)) {
            // Its lines are shown as the engine's; `--builder` builds it there.
            known.insert(b"BUILDX_BUILDER".to_vec(), Inherited::Value(builder.into_bytes()));
        }
        recipe.environment = known;
    }

    fn makefile(&mut self, name: &'static [u8]) -> Rc<SourceFile> {
        let read = || {
            let text = crate::os::files::read_again(name).unwrap_or_default();
            Rc::new(SourceFile::new(name.to_vec(), text))
        };
        match &mut self.collector {
            Some(collector) => Rc::clone(collector.makefiles.entry(name).or_insert_with(read)),
            None => read(),
        }
    }

    /// Where each line of a recipe stands: its offset in the makefile where it is found there, and its line.
    fn offsets(
        &mut self,
        place: Option<Place>,
        prefix: u8,
        lines: &[Rc<[u8]>],
    ) -> Vec<(Option<usize>, usize)> {
        let Some(place) = place else { return Vec::new() };
        let makefile = self.makefile(place.file);
        let text = &makefile.text;
        let mut number = (place.line as usize).saturating_sub(1);
        let mut out = Vec::with_capacity(lines.len());
        for (index, raw) in lines.iter().enumerate() {
            let found = (number..makefile.lines.count()).take(MOST_BETWEEN).find_map(|at| {
                let start = makefile.lines.start(at)?;
                let line = text.get(start..)?;
                if line.first() == Some(&prefix) && (is_line(&line[1..], raw) || is_lines(line, prefix, raw))
                {
                    return Some((at, start + 1));
                }
                // The recipe that follows a rule's semicolon.
                let own = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
                let semicolon = memchr::memchr(b';', own).filter(|_| index == 0)?;
                let rest = &line[semicolon + 1..];
                let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
                let skipped = (0..=blanks).find(|&skipped| is_line(&rest[skipped..], raw))?;
                Some((at, start + semicolon + 1 + skipped))
            });
            match found {
                Some((at, offset)) => {
                    out.push((Some(offset), at + 1));
                    number = at + 1 + memchr::memchr_iter(b'\n', raw).count();
                }
                None => out.push((None, place.line as usize + index)),
            }
        }
        out
    }

    /// Ends the collection: what was met, and what has to come before what.
    pub fn walked(&mut self) -> Walked {
        let Some(collector) = self.collector.take() else { return Walked::default() };
        let (files, recipes): (Vec<FileId>, Vec<Recipe>) = collector.recipes.into_iter().unzip();
        let index: HashMap<FileId, usize> = files.iter().enumerate().map(|(at, &file)| (file, at)).collect();
        let after = self.waits();
        // Of very many recipes only those of images are asked for what precedes them: the question costs a search each.
        let asked = |recipe: &Recipe| {
            recipes.len() <= MOST_SEARCHES || recipe.lines.iter().any(|line| mentions_client(&line.text))
        };
        let before = files.iter().zip(&recipes).map(|(&file, recipe)| {
            if !asked(recipe) {
                return HashSet::default();
            }
            let mut seen = HashSet::from_iter([file]);
            let mut todo = vec![file];
            while let Some(file) = todo.pop() {
                let rules = &self.session.rules.files;
                let own =
                    rules[file].dependencies.iter().filter(|dep| !dep.is_name() && !dep.needs_expansion());
                let waits = after.get(&file).into_iter().flatten().copied();
                for dep in own.map(|dep| dep.file()).chain(waits) {
                    let first = rules.resolve(dep);
                    todo.extend(rules.records(first).into_iter().filter(|&dep| seen.insert(dep)));
                }
            }
            seen.remove(&file);
            seen.iter().filter_map(|file| index.get(file)).copied().collect()
        });
        let before = before.collect();
        Walked { files, before, recipes, up_to_date: collector.up_to_date }
    }

    /// For each file those that `.WAIT` puts before it.
    fn waits(&self) -> HashMap<FileId, Vec<FileId>> {
        let files = &self.session.rules.files;
        let mut after: HashMap<FileId, Vec<FileId>> = HashMap::default();
        for file in files.ids() {
            let list = &files[file].dependencies;
            let Some(first) = list.iter().position(|dep| dep.wait()) else { continue };
            let entered = |range: &[crate::rules::file::Dep]| -> Vec<FileId> {
                let known = range.iter().filter(|dep| !dep.is_name() && !dep.needs_expansion());
                known.map(|dep| files.resolve(dep.file())).collect()
            };
            for at in first..list.len() {
                let bound = (0..=at).rev().find(|&earlier| list[earlier].wait()).unwrap_or(first);
                for later in entered(&list[at..=at]) {
                    after.entry(later).or_default().extend(entered(&list[..bound]));
                }
            }
        }
        after
    }
}

/// A recipe's line is looked for this many lines below the one before it: comments and conditionals may lie between.
const MOST_BETWEEN: usize = 400;

/// So many recipes are all asked for what precedes them.
const MOST_SEARCHES: usize = 2000;

/// Whether `raw` is what `text` begins with, up to the end of a line.
fn is_line(text: &[u8], raw: &[u8]) -> bool {
    text.starts_with(raw) && matches!(text.get(raw.len()), None | Some(b'\n' | b'\r'))
}

/// Whether `raw` is the lines that `text` begins with, each without its prefix: a recipe under `.ONESHELL`.
fn is_lines(text: &[u8], prefix: u8, raw: &[u8]) -> bool {
    let mut rest = text;
    raw.split(|&byte| byte == b'\n').all(|line| {
        let same = rest.first() == Some(&prefix) && is_line(&rest[1..], line);
        rest = rest.get(line.len() + 2..).unwrap_or_default();
        same
    })
}

/// The end of the reference that begins with the dollar at `dollar`.
fn reference_end(raw: &[u8], dollar: usize) -> usize {
    let (open, close) = match raw.get(dollar + 1) {
        None => return raw.len(),
        Some(b'(') => (b'(', b')'),
        Some(b'{') => (b'{', b'}'),
        Some(_) => return dollar + 2,
    };
    let mut depth = 0usize;
    for (at, &byte) in raw.iter().enumerate().skip(dollar + 1) {
        if byte == open {
            depth += 1;
        } else if byte == close {
            depth -= 1;
            if depth == 0 {
                return at + 1;
            }
        }
    }
    raw.len()
}

/// The variable of a plain reference.
fn plain_name(reference: &[u8]) -> Option<&[u8]> {
    let rest = reference.strip_prefix(b"$")?;
    let inner = rest
        .strip_prefix(b"(")
        .and_then(|rest| rest.strip_suffix(b")"))
        .or_else(|| rest.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")))
        .unwrap_or(rest);
    let plain = |byte: &u8| !byte.is_ascii_whitespace() && !b"$:,(){}".contains(byte);
    (!inner.is_empty() && inner.iter().all(plain)).then_some(inner)
}

/// For each byte of `kept` the offset in `text`, from `start` on, that it comes from: `kept` is what some bytes were taken
/// out of.
fn align(text: &[u8], start: usize, kept: &[u8]) -> Vec<usize> {
    let mut at = start;
    let mut out = Vec::with_capacity(kept.len());
    for &byte in kept {
        while text.get(at).is_some_and(|&own| own != byte) {
            at += 1;
        }
        out.push(at.min(text.len()));
        at += 1;
    }
    out
}

/// The part of a span between `from` and `to`, in what was kept; none where there is none.
fn moved(kept: &[usize], span: Span, from: usize, to: usize) -> Option<Span> {
    let empty = span.start == span.end;
    if span.start > to || span.end < from || (span.end == from && !empty) {
        return None;
    }
    let place = |offset: usize| kept.partition_point(|&at| at < offset);
    Some(Span::new(place(span.start.max(from)), place(span.end.min(to))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_end_where_their_parenthesis_does() {
        assert_eq!(reference_end(b"a $(b (c) d) e", 2), 12);
        assert_eq!(reference_end(b"$@ x", 0), 2);
        assert_eq!(reference_end(b"$(a", 0), 3);
        assert_eq!(reference_end(b"$", 0), 1);
        assert_eq!(plain_name(b"$(TAG)"), Some(&b"TAG"[..]));
        assert_eq!(plain_name(b"${TAG}"), Some(&b"TAG"[..]));
        assert_eq!(plain_name(b"$@"), Some(&b"@"[..]));
        assert_eq!(plain_name(b"$(shell date)"), None);
        assert_eq!(plain_name(b"$(A:.c=.o)"), None);
    }

    #[test]
    fn bytes_taken_out_shift_places() {
        let kept = align(b"a \\\n\tb", 0, b"a \\\nb");
        assert_eq!(kept, [0, 1, 2, 3, 5]);
        assert_eq!(moved(&kept, Span::new(5, 6), 0, 6), Some(Span::new(4, 5)));
        assert_eq!(moved(&kept, Span::new(1, 6), 5, 6), Some(Span::new(4, 5)));
        assert_eq!(moved(&kept, Span::new(1, 2), 5, 6), None);
    }
}

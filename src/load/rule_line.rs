//! The line that begins a rule: targets, colon, prerequisites, recipe, expanded step by step, since a target-specific variable is
//! told only on the way (manual, "Rule Syntax", "How Makefiles Are Parsed"). Knows nothing of the database.

use crate::base::diagnostic::{Complaint, MissingSeparator, Outcome, Stop};
use crate::expand::expand_to;
use crate::expand::file_names::{FileNames, file_names, plain_names};
use crate::load::Session;
use crate::load::evaluate::Reader;
use crate::load::record::{PendingRule, check_specials};
use crate::load::target_variable;
use crate::os::words::{is_blank, skip_space, trim};
use crate::rules::pattern::TargetPattern;
use crate::syntax::assignment::target_definition;
use crate::syntax::lines::join_continuations;
use crate::syntax::quoting::find_unquoted;
use crate::syntax::words::{Kind, next_word};

/// Bytes that make a rule line more than a list of plain names around a colon.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let special = b":$;#=\\%|&*?[]()~\n";
    let mut at = 0;
    while at < special.len() {
        table[special[at] as usize] = true;
        at += 1;
    }
    table
};

/// The fast path: a line of plain names around one `:` or `::`. The parts are the targets, whether there were two colons, and the
/// prerequisites; none where the line needs the whole procedure.
pub fn plain_rule(line: &[u8]) -> Option<(&[u8], bool, &[u8])> {
    let colon = line.iter().position(|&byte| SPECIAL[byte as usize])?;
    if line[colon] != b':' {
        return None;
    }
    let two = line.get(colon + 1) == Some(&b':');
    let rest = &line[colon + 1 + usize::from(two)..];
    // A chunk at a time without a branch for each byte: such lines are long, and most of what a makefile has.
    let special = |chunk: &[u8]| chunk.iter().fold(false, |any, &byte| any | SPECIAL[byte as usize]);
    if rest.chunks(64).any(special) {
        return None;
    }
    Some((&line[..colon], two, rest))
}

/// The fast path for a rule with its recipe on the same line: as [`plain_rule`], and what is behind the semicolon.
fn plain_rule_with_recipe(line: &[u8]) -> Option<(&[u8], bool, &[u8], &[u8])> {
    let special =
        |from: usize| line[from..].iter().position(|&byte| SPECIAL[byte as usize]).map(|at| from + at);
    let colon = special(0)?;
    if line[colon] != b':' {
        return None;
    }
    let two = line.get(colon + 1) == Some(&b':');
    let from = colon + 1 + usize::from(two);
    let semicolon = special(from)?;
    let recipe = &line[semicolon + 1..];
    // Of `::` and a recipe that begins with `=` the whole procedure knows what it is.
    let plain = line[semicolon] == b';' && !(two && recipe.first() == Some(&b'='));
    plain.then(|| (&line[..colon], two, &line[from..semicolon], recipe))
}

/// Executes a rule line: `line` as it was read, `joined` with continuations joined and its comment stripped.
pub fn execute(session: &mut Session, reader: &mut Reader, line: &[u8], joined: &[u8]) -> Outcome {
    let plain = plain_rule(joined).map(|(targets, two, prerequisites)| (targets, two, prerequisites, None));
    let plain = plain.or_else(|| {
        let (targets, two, prerequisites, recipe) = plain_rule_with_recipe(line)?;
        Some((targets, two, prerequisites, Some(recipe)))
    });
    if let Some((targets, double_colon, prerequisites, recipe)) = plain
        && joined.first() != Some(&b' ')
    {
        let names = &mut session.context.names;
        let mut found = Vec::new();
        let rest = plain_names(targets, |word| found.push(names.intern(word)));
        if rest.is_empty() && !found.is_empty() {
            reader.pending = Some(PendingRule {
                targets: found,
                grouped: false,
                pattern: None,
                prerequisites: trim(prerequisites).to_vec(),
                recipe: recipe.map_or_else(Vec::new, |recipe| [recipe, b"\n"].concat()),
                recipe_line: reader.line,
                has_recipe: recipe.is_some(),
                double_colon,
                prefix: session.recipe_prefix,
                place: reader.place(),
            });
            check_specials(session, reader);
            return Ok(());
        }
    }
    general(session, reader, line)
}

fn general(session: &mut Session, reader: &mut Reader, line: &[u8]) -> Outcome {
    let place = reader.place();
    let fatal = |complaint| Stop::fatal(place, complaint);
    let posix = session.context.posix;
    let mut line = line.to_vec();
    // The recipe behind a semicolon, as written.
    let mut written: Option<Vec<u8>> = None;
    if let Some(at) = find_unquoted(&mut line, 0, b";#", true) {
        let is_recipe = line[at] == b';';
        let rest = line.split_off(at);
        if is_recipe {
            written = Some(rest[1..].to_vec());
        }
    }
    let line = join_continuations(&line, posix).into_owned();
    let mut word = next_word(&line, 0);
    match word.kind {
        Kind::End if written.is_some() => return Err(fatal(Complaint::MissingRuleBeforeRecipe)),
        Kind::End => return Ok(()),
        Kind::Colon | Kind::DoubleColon | Kind::GroupedColon | Kind::GroupedDoubleColon => {
            reader.no_targets = true;
            return Ok(());
        }
        _ => {}
    }
    // `buffer` is what was expanded so far, `at` the first byte of the line that was not.
    let mut buffer = Vec::with_capacity(line.len());
    let mut at = word.start + word.length;
    let mut from = 0;
    expand_to(session, &line[word.start..at], &mut buffer)?;
    let mut command: Option<Vec<u8>> = None;
    let colon = loop {
        if written.is_none()
            && command.is_none()
            && let Some(semicolon) = find_unquoted(&mut buffer, from, b";", false)
        {
            expand_to(session, &line[at..], &mut buffer)?;
            at = line.len();
            command = Some(buffer.split_off(semicolon)[1..].to_vec());
        }
        if let Some(colon) = find_unquoted(&mut buffer, from, b":", false) {
            break Some(if colon > from && buffer[colon - 1] == b'&' { colon - 1 } else { colon });
        }
        word = next_word(&line, at);
        if word.kind == Kind::End {
            break None;
        }
        buffer.push(b' ');
        from = buffer.len();
        at = word.start + word.length;
        expand_to(session, &line[word.start..at], &mut buffer)?;
    };
    let Some(colon) = colon else {
        return if skip_space(&buffer).is_empty() {
            Ok(())
        } else {
            Err(fatal(Complaint::MissingSeparator(missing_separator(session, &line))))
        };
    };
    let grouped = buffer[colon] == b'&';
    let (found, _) = file_names(session, &buffer[..colon], &FileNames::default())?;
    if found.is_empty() {
        reader.no_targets = true;
        return Ok(());
    }
    let targets: Vec<_> = found.iter().map(|item| session.context.names.intern(&item.name)).collect();
    let mut rest = buffer.split_off(colon + 1 + usize::from(grouped));
    let double_colon = rest.first() == Some(&b':');
    if double_colon {
        rest.remove(0);
    }
    let mut unexpanded = line[at..].to_vec();
    // GNU make takes `::` and the recipe behind it for one word where that begins with `=`.
    if word.kind == Kind::DoubleColon
        && at == line.len()
        && written.as_ref().is_some_and(|text| text.starts_with(b"="))
    {
        return Err(fatal(Complaint::EmptyVariableName));
    }
    let text = [&rest[..], &unexpanded].concat();
    if target_definition(&text).is_some() {
        let text = match &written {
            Some(written) => [&text[..], b";", &join_continuations(written, posix)].concat(),
            None => text,
        };
        return target_variable::record(session, &targets, &text, place);
    }
    find_unquoted(&mut unexpanded, 0, b"=", false);
    if !unexpanded.is_empty() && !rest.is_empty() {
        // GNU make steps over the blanks after the colon without counting them: as many bytes of what is still to be expanded
        // stay in front of its expansion, as they are written.
        let skipped = text.len() - skip_space(&text).len();
        let whole = [&rest[..], &unexpanded].concat();
        rest = whole[skipped..(skipped + rest.len()).min(whole.len())].to_vec();
    }
    let prefix = session.recipe_prefix;
    expand_to(session, &unexpanded, &mut rest)?;
    if !unexpanded.is_empty()
        && written.is_none()
        && command.is_none()
        && let Some(semicolon) = find_unquoted(&mut rest, 0, b";", false)
    {
        command = Some(rest.split_off(semicolon)[1..].to_vec());
    }
    let mut pattern = None;
    if let Some(second) = second_colon(&rest) {
        let options = FileNames { stops: b":", no_wildcards: true, ..FileNames::default() };
        let (found, after) = file_names(session, &rest, &options)?;
        let _ = second;
        rest = after.get(1..).unwrap_or_default().to_vec();
        match found.as_slice() {
            [] => return Err(fatal(Complaint::MissingTargetPattern)),
            [one] => {
                pattern = TargetPattern::new(&one.name, &mut session.context.names);
                if pattern.is_none() {
                    return Err(fatal(Complaint::TargetPatternWithoutPercent));
                }
            }
            _ => return Err(fatal(Complaint::MultipleTargetPatterns)),
        }
    }
    let recipe = written.or(command);
    let has_recipe = recipe.is_some();
    let recipe = recipe.map(|mut recipe| {
        recipe.push(b'\n');
        recipe
    });
    reader.pending = Some(PendingRule {
        targets,
        grouped,
        pattern,
        prerequisites: trim(&rest).to_vec(),
        recipe: recipe.unwrap_or_default(),
        recipe_line: reader.line,
        has_recipe,
        double_colon,
        prefix,
        place,
    });
    check_specials(session, reader);
    Ok(())
}

/// The colon of a static pattern rule: one that no backslash quotes.
fn second_colon(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b':', text)
        .find(|&at| text[..at].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 0)
}

fn missing_separator(session: &Session, line: &[u8]) -> MissingSeparator {
    if session.recipe_prefix == b'\t' && line.starts_with(b"        ") {
        return MissingSeparator::EightSpaces;
    }
    let text = skip_space(line);
    let tight = |word: &[u8]| {
        text.strip_prefix(word).is_some_and(|rest| rest.first().is_some_and(|&byte| !is_blank(byte)))
    };
    if tight(b"ifneq") || tight(b"ifeq") { MissingSeparator::Conditional } else { MissingSeparator::Unknown }
}

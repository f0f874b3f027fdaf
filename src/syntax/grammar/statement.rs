//! Statements by the grammar. Knows nothing of what they do.

use super::{Pair, Pairs, Rule, Source, bytes, read};
use crate::syntax::assignment::{Assignment, Definition, Modifiers, Operator};
use crate::syntax::statement::{Comparison, Conditional, Operand, Statement};

/// The pairs inside the first pair of what `rule` reads.
fn inside<'s>(rule: Rule, source: &'s Source) -> Option<Pairs<'s, Rule>> {
    read(rule, source.whole())?.next().map(Pair::into_inner)
}

/// Reads a line.
pub fn statement(line: &[u8]) -> Statement<'_> {
    let source = Source::new(line);
    let Some(pair) = inside(Rule::statement, &source).and_then(|mut inside| inside.next()) else {
        return Statement::Rule;
    };
    let rule = pair.as_rule();
    let mut parts = pair.into_inner();
    if rule == Rule::definition {
        return match definition(line, parts) {
            Some((modifiers, definition)) => Statement::Definition(modifiers, definition),
            None => Statement::Rule,
        };
    }
    let first = parts.next();
    let rest = parts.next().map_or(&line[..0], |rest| bytes(&rest, line));
    let is = |rule| first.as_ref().is_some_and(|first| first.as_rule() == rule);
    match rule {
        Rule::blank_line => Statement::Blank,
        Rule::conditional => match first.as_ref().and_then(|word| Conditional::named(bytes(word, line))) {
            Some(directive) => Statement::Conditional(directive, rest),
            None => Statement::Rule,
        },
        Rule::export => Statement::Export { exporting: is(Rule::exporting), names: rest },
        Rule::include => Statement::Include { optional: is(Rule::include_some), files: rest },
        Rule::load => Statement::Load { optional: is(Rule::load_some), objects: rest },
        Rule::image => Statement::Image(first.map_or(&line[..0], |names| bytes(&names, line))),
        Rule::end_image => Statement::EndImage,
        Rule::vpath => Statement::Vpath(first.map_or(&line[..0], |rest| bytes(&rest, line))),
        _ => Statement::Rule,
    }
}

/// Reads `text` as an assignment.
pub fn assignment(text: &[u8]) -> Option<Assignment<'_>> {
    let source = Source::new(text);
    assigned(text, inside(Rule::lone_assignment, &source)?.next()?)
}

/// Reads `text` as modifiers and an assignment.
pub fn target_definition(text: &[u8]) -> Option<(Modifiers, Assignment<'_>)> {
    let source = Source::new(text);
    match definition(text, inside(Rule::target_definition, &source)?)? {
        (modifiers, Definition::Assign(assignment)) => Some((modifiers, assignment)),
        _ => None,
    }
}

fn definition<'t>(text: &'t [u8], parts: Pairs<'_, Rule>) -> Option<(Modifiers, Definition<'t>)> {
    let mut modifiers = Modifiers::default();
    for part in parts {
        let rule = part.as_rule();
        if rule == Rule::modifier {
            match bytes(&part, text) {
                b"export" => modifiers.export = Some(true),
                b"unexport" => modifiers.export = Some(false),
                b"override" => modifiers.overrides = true,
                _ => modifiers.private = true,
            }
            continue;
        }
        let found = match rule {
            Rule::define => Definition::Define(bytes(&part.into_inner().next()?, text)),
            Rule::undefine => Definition::Undefine(bytes(&part.into_inner().next()?, text)),
            _ => Definition::Assign(assigned(text, part)?),
        };
        return Some((modifiers, found));
    }
    None
}

fn assigned<'t>(text: &'t [u8], assignment: Pair<'_, Rule>) -> Option<Assignment<'t>> {
    let mut parts = assignment.into_inner();
    let name = bytes(&parts.next()?, text);
    let operator = match bytes(&parts.next()?, text) {
        b":=" | b"::=" => Operator::Simple,
        b":::=" => Operator::Immediate,
        b"+=" => Operator::Append,
        b"?=" => Operator::Conditional,
        b"!=" => Operator::Shell,
        _ => Operator::Recursive,
    };
    Some(Assignment { name, operator, value: bytes(&parts.next()?, text) })
}

/// Reads the operands of `ifeq` and `ifneq`.
pub fn comparison(text: &[u8]) -> Option<Comparison<'_>> {
    let source = Source::new(text);
    let mut parts = inside(Rule::comparison, &source)?;
    let mut next = || parts.next().map(|part| bytes(&part, text));
    let left = next()?;
    let right = next().and_then(|text| Some(Operand { text, extraneous: next()? }));
    Some(Comparison { left, right })
}

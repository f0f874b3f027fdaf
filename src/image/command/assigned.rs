//! Which variables a part of a script may assign. Knows nothing of values.

use super::shell::{Command, CommandKind, List};

/// The name under which the working folder is kept among the variables: no variable can have it.
pub(super) const DIRECTORY: &[u8] = b"/";

/// Names that a list may assign; an empty name where it has `break`, `continue` or `return`.
pub(super) fn assigned_in(list: &List) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    for item in &list.items {
        for pipeline in std::iter::once(&item.first).chain(item.rest.iter().map(|(_, pipeline)| pipeline)) {
            pipeline.commands.iter().for_each(|command| assigned_by(command, &mut names));
        }
    }
    names
}

fn assigned_by(command: &Command, names: &mut Vec<Vec<u8>>) {
    let mut add = |list: &List| names.extend(assigned_in(list));
    match &command.kind {
        CommandKind::Simple(simple) => {
            names.extend(simple.assignments.iter().map(|assignment| assignment.name.clone()));
            let mut words = simple.words.iter().map(|word| word.literal().unwrap_or_default());
            match words.next().unwrap_or_default().as_slice() {
                b"break" | b"continue" | b"return" => names.push(Vec::new()),
                b"cd" | b"pushd" | b"popd" => names.push(DIRECTORY.to_vec()),
                b"export" | b"readonly" | b"local" | b"declare" | b"typeset" | b"read" | b"getopts"
                | b"unset" => {
                    let name =
                        |word: Vec<u8>| word.split(|byte| *byte == b'=').next().unwrap_or_default().to_vec();
                    names.extend(words.map(name).filter(|name| !name.is_empty()));
                }
                _ => {}
            }
        }
        CommandKind::Group(list) => add(list),
        CommandKind::If { branches, otherwise } => {
            branches.iter().for_each(|(condition, body)| {
                add(condition);
                add(body);
            });
            otherwise.iter().for_each(add);
        }
        CommandKind::For { name, body, .. } => {
            add(body);
            names.push(name.clone());
        }
        CommandKind::Loop { condition, body } => {
            add(condition);
            add(body);
        }
        CommandKind::Case { arms, .. } => arms.iter().for_each(|(_, body)| add(body)),
        CommandKind::Subshell(_)
        | CommandKind::Function { .. }
        | CommandKind::Test
        | CommandKind::Opaque(_) => {}
    }
}

//! Who runs the image, and what that user may write of it, as far as the Dockerfile says.

use super::super::finding::{Finding, Level};
use super::Kind;
use super::bases;
use super::script::Command;
use super::view::{Action, StageView, View, within};
use crate::base::sorting;
use crate::image::dockerfile::Base;

/// Programs that give up root.
const STEPPERS: [&str; 6] = ["gosu", "su-exec", "setpriv", "su", "runuser", "s6-setuidgid"];

/// The user of `USER name:group`.
fn user_of(text: &str) -> &str {
    text.split(':').next().unwrap_or(text)
}

fn is_root(user: &str) -> bool {
    user == "root" || (!user.is_empty() && user.bytes().all(|byte| byte == b'0'))
}

/// Finds an image that runs as root, and environments that its user can write.
pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    let Some(last) = view.chain().next_back() else { return };
    let user = last.user.as_ref();
    match user.map(|user| (user.name.as_deref(), user.instruction)) {
        Some((Some(name), instruction)) if is_root(user_of(name)) => {
            let stage = owner(view, instruction.span).unwrap_or(last);
            if let Some(program) = steps_down(view) {
                found.push(view.finding(Level::Info, Kind::StepsDown { program }, stage, instruction.span));
            } else {
                let kind = Kind::RunsAsRoot { user: Some(name.to_owned()), base: None };
                found.push(view.finding(Level::Warning, kind, stage, instruction.span));
            }
        }
        Some((Some(name), _)) => environment(view, user_of(name), found),
        Some((None, instruction)) => {
            let stage = owner(view, instruction.span).unwrap_or(last);
            let kind = Kind::UserUnknown { base: None };
            found.push(view.finding(Level::Info, kind, stage, instruction.span));
        }
        None => no_user(view, last, found),
    }
}

fn owner<'v>(view: &'v View<'_>, span: crate::base::Span) -> Option<&'v StageView<'v>> {
    view.chain().find(|stage| stage.steps.iter().any(|step| step.instruction.span == span))
}

fn no_user(view: &View<'_>, last: &StageView<'_>, found: &mut Vec<Finding>) {
    let span = last.stage.span;
    let first = view.chain().next();
    let scratch = first.is_some_and(|stage| matches!(stage.base, Base::Scratch));
    let named = bases::root(view).map(|(_, named, _)| named);
    let base = named.as_ref().map(|named| named.shown.clone());
    let root = scratch || named.as_ref().is_some_and(bases::Named::is_root);
    if let Some(program) = steps_down(view).filter(|_| root) {
        found.push(view.finding(Level::Info, Kind::StepsDown { program }, last, span));
    } else if root {
        found.push(view.finding(Level::Warning, Kind::RunsAsRoot { user: None, base }, last, span));
    } else {
        let base = base.or_else(|| Some("its base".to_owned()));
        found.push(view.finding(Level::Info, Kind::UserUnknown { base }, last, span));
    }
}

/// The program by which the image's entry point gives up root: named by ENTRYPOINT or CMD, or in a script of the context that
/// ENTRYPOINT starts.
fn steps_down(view: &View<'_>) -> Option<String> {
    let starts = view.chain_steps().filter_map(|(_, step)| match &step.action {
        Action::Start(words) => Some(words),
        _ => None,
    });
    let mut scripts = Vec::new();
    for words in starts {
        for word in words.iter().flat_map(|text| text.split_whitespace()) {
            let name = word.rsplit('/').next().unwrap_or(word);
            if STEPPERS.contains(&name) {
                return Some(name.to_owned());
            }
            if name.ends_with(".sh") || name.contains("entrypoint") {
                scripts.push(name.to_owned());
            }
        }
    }
    for script in scripts {
        let sources = view.chain_steps().filter_map(|(_, step)| match &step.action {
            Action::Copy(copy) if copy.copy.from.is_none() => Some(copy.sources.iter().flatten()),
            _ => None,
        });
        for source in sources.flatten() {
            let named = source.rsplit('/').next() == Some(script.as_str());
            let path = if named { source.clone() } else { format!("{source}/{script}") };
            let Some(text) = view.context_file(&path) else { continue };
            let steps = |line: &str| {
                let line = line.trim_start();
                !line.starts_with('#')
                    && line
                        .split_whitespace()
                        .find_map(|word| {
                            STEPPERS.iter().find(|stepper| word.rsplit('/').next() == Some(stepper))
                        })
                        .is_some()
            };
            if let Some(line) = text.lines().find(|line| steps(line)) {
                let word = line
                    .split_whitespace()
                    .find(|word| STEPPERS.contains(&word.rsplit('/').next().unwrap_or(word)));
                return word.map(str::to_owned);
            }
        }
    }
    None
}

/// The folder that `command` makes a virtual environment in.
fn made_environment(command: &Command) -> Option<&str> {
    let makes = matches!(command.name.as_str(), "venv" | "virtualenv")
        || (command.name == "uv" && command.action() == "venv");
    let skip = usize::from(command.name == "uv");
    makes.then(|| command.operands().nth(skip).map(|word| word.text.as_str())).flatten()
}

/// The virtual environments that are made anywhere on the way to the target, by path.
fn environments(view: &View<'_>) -> Vec<String> {
    let commands = view.steps().filter_map(|(_, step)| match &step.action {
        Action::Run(_, commands) => Some(commands),
        _ => None,
    });
    let mut out: Vec<String> = commands
        .flatten()
        .filter_map(made_environment)
        .filter_map(|path| within(None, path))
        .map(|path| path.trim_end_matches('/').to_owned())
        .collect();
    for (_, step) in view.steps() {
        if let Action::Env(pairs) = &step.action {
            let named =
                pairs.iter().filter(|(name, _)| name == "VIRTUAL_ENV").filter_map(|(_, value)| value.clone());
            out.extend(named.map(|path| path.trim_end_matches('/').to_owned()));
        }
    }
    sorting::sort(&mut out);
    out.dedup();
    out
}

/// Whether `inner` is `outer` or lies in it.
fn is_in(inner: &str, outer: &str) -> bool {
    let outer = outer.trim_end_matches('/');
    inner
        .trim_end_matches('/')
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn environment(view: &View<'_>, user: &str, found: &mut Vec<Finding>) {
    let known = environments(view);
    for (stage, step) in view.chain_steps() {
        let as_user = matches!(&step.user, Some(Some(name)) if user_of(name) == user);
        let mut say = |path: &str, span| {
            let kind = Kind::WritableEnvironment { path: path.to_owned(), user: user.to_owned() };
            found.push(view.finding(Level::Warning, kind, stage, span));
        };
        match &step.action {
            Action::Copy(copy) => {
                let (Some(owner), Some(to)) = (&copy.owner, &copy.destination) else { continue };
                let hit = known.iter().find(|path| is_in(path, to) || is_in(to, path));
                // Copying `/opt/venv/` to `/opt/venv`, or a folder that holds it.
                if let (true, Some(path)) = (user_of(owner) == user, hit)
                    && copy.copy.from.is_some()
                {
                    say(path, step.instruction.span);
                }
            }
            Action::Run(_, commands) => {
                for command in commands {
                    let texts: Vec<&str> = command.operands().map(|word| word.text.as_str()).collect();
                    match command.name.as_str() {
                        "chown" if texts.first().is_some_and(|owner| user_of(owner) == user) => {
                            let deep = command.has_letter('R') || command.has(&["--recursive"]);
                            let hit =
                                known.iter().find(|path| texts.iter().skip(1).any(|to| is_in(path, to)));
                            if let (true, Some(path)) = (deep, hit) {
                                say(path, command.span);
                            }
                        }
                        "chmod" if texts.first().is_some_and(|mode| is_for_all(mode)) => {
                            let hit =
                                known.iter().find(|path| texts.iter().skip(1).any(|to| is_in(path, to)));
                            if let Some(path) = hit {
                                say(path, command.span);
                            }
                        }
                        _ if as_user && made_environment(command).is_some() => {
                            say(made_environment(command).unwrap_or_default(), command.span);
                        }
                        "pip" if as_user && command.action() == "install" => {
                            // As another user than root pip writes below that user's home, or into an environment of theirs.
                            let made_by_root = known.iter().any(|path| !path.is_empty());
                            if !made_by_root || command.has(&["--user"]) {
                                say("~/.local", command.span);
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// Whether a mode of chmod lets everybody write.
fn is_for_all(mode: &str) -> bool {
    let octal = mode.chars().all(|c| c.is_ascii_digit()) && mode.len() >= 3;
    (octal && mode.chars().last().is_some_and(|last| "2367".contains(last)))
        || mode.split(',').any(|part| {
            part.split_once('+').is_some_and(|(who, what)| {
                what.contains('w') && (who.is_empty() || who.contains('a') || who.contains('o'))
            })
        })
}

//! Who runs the image, and what that user may write of it, as far as the Dockerfile says.

use super::super::finding::{Finding, Level};
use super::Kind;
use super::bases;
use super::brought::{MOST, last_of};
use super::script::Command;
use super::view::{Action, StageView, Standing, View, within};
use crate::base::sorting;
use crate::base::tables::{HashMap, HashSet};
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
            let name = last_of(word);
            if STEPPERS.contains(&name) {
                return Some(name.to_owned());
            }
            if name.ends_with(".sh") || name.contains("entrypoint") {
                scripts.push(name.to_owned());
            }
        }
    }
    if scripts.is_empty() {
        return None;
    }
    let sources = scripts_among(view);
    let mut seen = HashSet::default();
    for script in scripts.iter().filter(|script| seen.insert(script.as_str())) {
        let named = sources.files.get(script.as_str());
        let mut named = named.into_iter().flatten().map(|(number, path)| (*number, path.clone())).peekable();
        let mut folders = sources.folders.iter().filter(|(_, path)| last_of(path) != script).peekable();
        loop {
            // In the order in which they are copied.
            let (file, folder) = (named.peek().map(|found| found.0), folders.peek().map(|found| found.0));
            let path = match (file, folder) {
                (None, None) => break,
                (Some(file), folder) if folder.is_none_or(|folder| file < folder) => {
                    named.next().map(|found| found.1)
                }
                _ => folders.next().map(|(_, folder)| format!("{folder}/{script}")),
            };
            let text = path.and_then(|path| view.context_file(&path));
            if let Some(program) = text.as_deref().and_then(stepper) {
                return Some(program);
            }
        }
    }
    None
}

/// Sources of the context where scripts may be, each with its number among all.
#[derive(Default)]
struct Scripts {
    /// Files by their last component; where there are very many of one name, the first of them.
    files: HashMap<String, Vec<(usize, String)>>,
    /// Folders; where there are very many, the first of them.
    folders: Vec<(usize, String)>,
}

fn scripts_among(view: &View<'_>) -> Scripts {
    let mut found = Scripts::default();
    let copied = view.chain_steps().filter_map(|(_, step)| match &step.action {
        Action::Copy(copy) if copy.copy.from.is_none() => Some(copy.sources.iter().flatten()),
        _ => None,
    });
    let mut seen = HashSet::default();
    let each = copied.flatten().filter(|source| seen.insert(source.as_str()));
    for (number, source) in each.enumerate() {
        match view.standing(source) {
            Standing::Folder if found.folders.len() < MOST => found.folders.push((number, source.clone())),
            Standing::File => {
                let files = found.files.entry(last_of(source).to_owned()).or_default();
                if files.len() < MOST {
                    files.push((number, source.clone()));
                }
            }
            _ => {}
        }
    }
    found
}

/// The program by which the script `text` gives up root, in its first line that has one.
fn stepper(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    let mut words = lines.flat_map(str::split_whitespace);
    words.find(|word| STEPPERS.contains(&last_of(word))).map(str::to_owned)
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

/// Paths of environments by their components, to be asked which of them lie in or around another path.
struct Paths<'p> {
    all: &'p [String],
    /// Where a component leads from a folder, both by number; the first is that above all.
    below: HashMap<(usize, &'p str), usize>,
    /// For each folder the first path that it is, if any, and the first in it.
    folders: Vec<(Option<usize>, usize)>,
}

impl<'p> Paths<'p> {
    /// Those of `all`, which are in order: a path comes before those in it.
    fn of(all: &'p [String]) -> Self {
        let mut paths = Paths { all, below: HashMap::default(), folders: vec![(None, 0)] };
        for (number, path) in all.iter().enumerate() {
            let mut at = 0;
            for part in path.split('/') {
                let next = paths.folders.len();
                at = *paths.below.entry((at, part)).or_insert(next);
                if at == next {
                    paths.folders.push((None, number));
                }
            }
            if let Some((own, _)) = paths.folders.get_mut(at) {
                own.get_or_insert(number);
            }
        }
        paths
    }

    /// The first path that is `to` or lies in it; with `around`, or that `to` lies in.
    fn first(&self, to: &str, around: bool) -> Option<&'p str> {
        let mut at = 0;
        for part in to.trim_end_matches('/').split('/') {
            at = *self.below.get(&(at, part))?;
            let own = self.folders.get(at).and_then(|(own, _)| *own);
            if let Some(own) = own.filter(|_| around) {
                return self.all.get(own).map(String::as_str);
            }
        }
        self.folders.get(at).and_then(|(_, first)| self.all.get(*first)).map(String::as_str)
    }
}

fn environment(view: &View<'_>, user: &str, found: &mut Vec<Finding>) {
    let all = environments(view);
    let known = Paths::of(&all);
    // Steps that run as one user share its name.
    let mut last: Option<(*const u8, bool)> = None;
    for (stage, step) in view.chain_steps() {
        let as_user = match &step.user {
            Some(Some(name)) => match last {
                Some((known, is_same)) if known == name.as_ptr() => is_same,
                _ => user_of(name) == user,
            },
            _ => false,
        };
        if let Some(Some(name)) = &step.user {
            last = Some((name.as_ptr(), as_user));
        }
        let mut say = |path: &str, span| {
            let kind = Kind::WritableEnvironment { path: path.to_owned(), user: user.to_owned() };
            found.push(view.finding(Level::Warning, kind, stage, span));
        };
        match &step.action {
            Action::Copy(copy) => {
                let (Some(owner), Some(to)) = (&copy.owner, &copy.destination) else { continue };
                // Copying `/opt/venv/` to `/opt/venv`, or a folder that holds it.
                let hit = known.first(to, true);
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
                            let hit = texts.iter().skip(1).filter_map(|to| known.first(to, false)).min();
                            if let (true, Some(path)) = (deep, hit) {
                                say(path, command.span);
                            }
                        }
                        "chmod" if texts.first().is_some_and(|mode| is_for_all(mode)) => {
                            let hit = texts.iter().skip(1).filter_map(|to| known.first(to, false)).min();
                            if let Some(path) = hit {
                                say(path, command.span);
                            }
                        }
                        _ if as_user && made_environment(command).is_some() => {
                            say(made_environment(command).unwrap_or_default(), command.span);
                        }
                        "pip" if as_user && command.action() == "install" => {
                            // As another user than root pip writes below that user's home, or into an environment of theirs.
                            let made_by_root = all.iter().any(|path| !path.is_empty());
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

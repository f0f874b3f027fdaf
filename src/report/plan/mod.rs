//! A plan as text, for people. Knows nothing of how it was made.

pub mod json;
mod words;

pub(super) use words::{error as system_error, fault as file_fault, line_of};

use super::dockerfile;
use super::style::{Style, bytes, columns, counted, printable, width as line_width, wrapped_to};
use crate::image::plan::{
    Action, BuildPlan, ContextPlan, DockerfileStatus, Fate, Plan, Step, TargetPlan, Thing,
};

/// The plan, each target a paragraph.
pub fn text(plan: &Plan, style: Style) -> String {
    let mut out = String::new();
    // The terminal is asked once for all lines.
    let width = line_width();
    for target in &plan.targets {
        if !out.is_empty() {
            out.push('\n');
        }
        paragraph(target, width, style, &mut out);
    }
    for goal in &plan.up_to_date {
        if !out.is_empty() && !out.ends_with("\n\n") {
            out.push('\n');
        }
        out.push_str(&format!("{}: nothing would run\n", style.bold(&printable(goal))));
    }
    out
}

/// `left`, broken into lines of `limit` columns where it is long, and at the end of the last line `right`.
fn aligned(left: &str, right: &str, limit: usize, style: Style) -> String {
    const INDENT: usize = 6;
    let words: Vec<String> = left.split_whitespace().map(str::to_owned).collect();
    let mut text = format!("  {}", wrapped_to(limit, &words, "", 2, INDENT));
    if right.is_empty() {
        return text;
    }
    let used = text.rsplit('\n').next().map_or(0, columns);
    let width = columns(right);
    let mut room = limit.saturating_sub(used + width);
    if room < 2 {
        text.push('\n');
        room = limit.saturating_sub(width);
    }
    format!("{text}{}{}", " ".repeat(room), style.dim(right))
}

fn paragraph(target: &TargetPlan, width: usize, style: Style, out: &mut String) {
    out.push_str(&style.bold(&printable(&target.target)));
    if let Some(place) = &target.place {
        out.push_str(&style.dim(&format!(" ({})", words::line_of(place))));
    }
    out.push('\n');
    for step in &target.steps {
        let place = step.place.as_ref().map(words::line_of).unwrap_or_default();
        let mut left = sentence(target, step);
        let when = words::when(step.when);
        if !when.is_empty() {
            left.push_str(&format!(", {when}"));
        }
        if step.failure_ignored {
            left.push_str(" (failure ignored)");
        }
        out.push_str(&aligned(&printable(&left), &printable(&place), width, style));
        out.push('\n');
        if let Some(build) = step.build.and_then(|at| target.builds.get(at)) {
            details(build, width, style, out);
        }
    }
    let list = |wanted: &[Fate]| -> Vec<String> {
        target.things.iter().filter(|thing| wanted.contains(&thing.fate)).map(named).collect()
    };
    let removes = list(&[Fate::Removed, Fate::RemovesItself]);
    let perhaps = list(&[Fate::PerhapsRemoved]);
    let keeps = list(&[Fate::Kept]);
    for (word, items) in [("keeps", keeps), ("may keep", perhaps), ("removes", removes)] {
        if !items.is_empty() {
            let head = format!("  {word} ");
            let items: Vec<String> = items.iter().map(|item| printable(item)).collect();
            out.push_str(&head);
            out.push_str(&wrapped_to(width, &items, ",", head.len(), head.len()));
            out.push('\n');
        }
    }
}

fn named(thing: &Thing) -> String {
    match &thing.name {
        Some(name) => format!("{} {name}", thing.kind),
        None => format!("a {}", thing.kind),
    }
}

/// What a step does, in a few words.
fn sentence(target: &TargetPlan, step: &Step) -> String {
    let things = |list: &[usize]| -> Vec<String> {
        list.iter().filter_map(|&at| target.things.get(at)).map(named).collect()
    };
    let engine = step.engine.unwrap_or_default();
    let mut items = match &step.action {
        Action::Program(Some(name)) => return format!("run {name}"),
        Action::Program(None) => return "run a program that only the shell knows".to_owned(),
        Action::SubMake => return "a make, which is not looked into".to_owned(),
        Action::Opaque(why) => return format!("not understood: {}", words::opacity(why)),
        Action::Other(name) => return format!("{engine} {name}"),
        Action::Engine("copy") => return format!("{engine} copy {}", step.subjects.join(" to ")),
        Action::Engine(word) if word.starts_with("remove") => things(&step.removes),
        Action::Engine("create" | "run") => {
            let made = things(&step.makes);
            let from = step.subjects.first().map(|image| format!("from {image}"));
            return std::iter::once(format!("{engine} {}", action(step)))
                .chain(made)
                .chain(from)
                .collect::<Vec<String>>()
                .join(" ");
        }
        Action::Engine(_) => step.subjects.clone(),
    };
    items.extend(step.removes_other.iter().map(|name| format!("{name} (not made here)")));
    let verb = match &step.action {
        Action::Engine(word) if word.starts_with("remove") => "remove",
        _ => action(step),
    };
    format!("{engine} {verb} {}", items.join(", ")).trim_end().to_owned()
}

fn action(step: &Step) -> &'static str {
    match step.action {
        Action::Engine(word) => word,
        _ => "",
    }
}

/// The paragraph of a build.
fn details(build: &BuildPlan, width: usize, style: Style, out: &mut String) {
    const HEAD: usize = 16;
    let mut row = |head: &str, items: Vec<String>| {
        if items.is_empty() {
            return;
        }
        let items: Vec<String> = items.iter().map(|item| printable(item)).collect();
        out.push_str(&style.dim(&format!("    {head:<12}")));
        out.push_str(&wrapped_to(width, &items, ",", HEAD, HEAD));
        out.push('\n');
    };
    row("dockerfile", vec![dockerfile_words(build)]);
    let stages = build.stages.iter();
    row("stages", stages.map(|stage| stage.name.clone().unwrap_or(stage.index.to_string())).collect());
    row("args", build.args.iter().map(words::arg).collect());
    row("unused", build.unused_args.clone());
    row("context", context_words(&build.context));
    let contexts = build.contexts.iter();
    row("contexts", contexts.map(|(name, value)| format!("{name}={value}")).collect());
    let images = build.images.iter().map(|image| {
        let name = image.reference.as_deref().unwrap_or("…");
        match &image.id {
            Some(id) => format!("{name} ({})", short(id)),
            None => name.to_owned(),
        }
    });
    row("images", images.collect());
    row("fetches", build.externals.iter().map(|(source, _)| source.clone()).collect());
    row("secrets", build.secrets.clone());
    row("platforms", build.platforms.clone());
    if build.push == Some(true) {
        row("pushes", build.tags.clone());
    }
}

/// The first digits of an id.
fn short(id: &str) -> String {
    id.rsplit(':').next().unwrap_or(id).chars().take(12).collect()
}

fn dockerfile_words(build: &BuildPlan) -> String {
    let path = build.dockerfile.path.as_deref();
    let name = path.unwrap_or(match build.dockerfile.status {
        DockerfileStatus::Stdin => "standard input",
        DockerfileStatus::Elsewhere => "in the remote context",
        _ => "known only to the shell",
    });
    match &build.dockerfile.status {
        DockerfileStatus::Refused(error, at) => {
            format!("{name}:{}: {}", at.line, dockerfile::message(&error.kind).text)
        }
        DockerfileStatus::Foreign(why) => format!("{name}: {}", dockerfile::opaque(why)),
        DockerfileStatus::Beyond(why, at) => format!("{name}:{}: {}", at.line, dockerfile::opaque(why)),
        DockerfileStatus::Fault(fault) => format!("{name}: {}", words::fault(fault)),
        _ => name.to_owned(),
    }
}

fn context_words(context: &ContextPlan) -> Vec<String> {
    let mut items = vec![match (context.kind, &context.path) {
        ("folder", Some(path)) => path.clone(),
        ("absent", Some(path)) => format!("{path}: it is not there"),
        ("not-a-folder", Some(path)) => format!("{path}: it is no folder"),
        ("remote", Some(path)) => path.clone(),
        ("stdin", _) => "standard input".to_owned(),
        ("missing", _) => "none".to_owned(),
        _ => "known only to the shell".to_owned(),
    }];
    if let Some(all) = context.all {
        items.push(format!("{} of {}", counted(all.files, "file"), bytes(all.bytes)));
        if let Some(named) = context.named.filter(|named| *named != all) {
            items.push(format!("{} by name", counted(named.files, "file")));
        }
    }
    items.extend(context.ignore.iter().map(|file| format!("without what {file} says")));
    let mut whys: Vec<String> = context.widened.iter().map(|(why, _)| dockerfile::why(why)).collect();
    whys.dedup();
    items.extend(whys);
    items
}

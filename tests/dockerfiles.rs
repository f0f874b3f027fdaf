//! Dockerfiles and what a build of them can depend on: `tests/data/dockerfiles/*.case`, each a Dockerfile and one or
//! more requests with the summary expected. `IMK_BLESS=1` writes the summaries anew.

use imk::base::Span;
use imk::base::source::line_column;
use imk::image::dockerfile::{Analysis, Base, BaseConfig, BaseImages, Request, Value, Via, analyse, parse};
use imk::report::dockerfile as words;
use std::fmt::Write as _;
use std::path::Path;

/// What stands in a request line.
#[derive(Default)]
struct Given {
    target: Option<Vec<u8>>,
    args: Vec<(Vec<u8>, Value)>,
    contexts: Vec<(Vec<u8>, Vec<u8>)>,
    platform: Vec<(Vec<u8>, Vec<u8>)>,
    bases: Vec<(Vec<u8>, BaseConfig)>,
}

impl BaseImages for Given {
    fn config(&self, reference: &[u8], _: Option<&[u8]>) -> Option<BaseConfig> {
        self.bases
            .iter()
            .find(|(name, _)| name == reference || name == b"*")
            .map(|(_, config)| config.clone())
    }
}

#[test]
fn every_case_gives_its_summary() {
    let bless = std::env::var_os("IMK_BLESS").is_some();
    let mut wrong = Vec::new();
    let mut names: Vec<_> = std::fs::read_dir("tests/data/dockerfiles")
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "case"))
        .collect();
    names.sort();
    assert!(names.len() >= 30, "only {} cases", names.len());
    for path in names {
        let text = std::fs::read(&path).expect("a case");
        let (dockerfile, requests) = split(&text, &path);
        let mut out = dockerfile.clone();
        for request in requests {
            out.extend_from_slice(format!("== request{request}\n").as_bytes());
            out.extend_from_slice(summary(&dockerfile, &given(&request)).as_bytes());
        }
        if out != text {
            if bless {
                std::fs::write(&path, &out).expect("a case written");
            }
            wrong.push(format!("--- {}\n{}", path.display(), String::from_utf8_lossy(&out)));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ; now they say:\n{}", wrong.len(), wrong.join("\n"));
}

/// The Dockerfile and the request lines of a case.
fn split(text: &[u8], path: &Path) -> (Vec<u8>, Vec<String>) {
    let marker = b"== request";
    let starts: Vec<usize> = (0..text.len())
        .filter(|&at| text[at..].starts_with(marker) && (at == 0 || text[at - 1] == b'\n'))
        .collect();
    let first = *starts.first().unwrap_or_else(|| panic!("no request in {}", path.display()));
    let requests = starts.iter().map(|&at| {
        let line = text[at + marker.len()..].split(|&byte| byte == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(line).into_owned()
    });
    (text[..first].to_vec(), requests.collect())
}

/// A request line: `target=T arg:N=V arg:N=? context:N=V base:IMAGE env:N=V onbuild:TEXT_WITH_UNDERSCORES platform:N=V`.
fn given(line: &str) -> Given {
    let mut given = Given::default();
    for word in line.split_whitespace() {
        let pair = |text: &str| {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            (name.as_bytes().to_vec(), value.as_bytes().to_vec())
        };
        if let Some(target) = word.strip_prefix("target=") {
            given.target = Some(target.as_bytes().to_vec());
        } else if let Some(arg) = word.strip_prefix("arg:") {
            let (name, value) = pair(arg);
            let value = if value == b"?" { Value::Unknown } else { Value::from(value) };
            given.args.push((name, value));
        } else if let Some(context) = word.strip_prefix("context:") {
            given.contexts.push(pair(context));
        } else if let Some(platform) = word.strip_prefix("platform:") {
            given.platform.push(pair(platform));
        } else if let Some(base) = word.strip_prefix("base:") {
            given.bases.push((base.as_bytes().to_vec(), BaseConfig::default()));
        } else if let (Some(env), Some((_, config))) = (word.strip_prefix("env:"), given.bases.last_mut()) {
            config.env.push(pair(env));
        } else if let (Some(trigger), Some((_, config))) =
            (word.strip_prefix("onbuild:"), given.bases.last_mut())
        {
            config.onbuild.push(trigger.replace('_', " ").into_bytes());
        } else {
            panic!("{word} in a request");
        }
    }
    given
}

fn summary(text: &[u8], given: &Given) -> String {
    let request = Request {
        target: given.target.as_deref(),
        build_args: &given.args,
        named_contexts: &given.contexts,
        platform_args: &given.platform,
        bases: given,
    };
    let mut out = String::new();
    if let Ok(file) = parse(text) {
        for warning in &file.warnings {
            let _ = writeln!(out, "warning {}: {}", place(text, warning.span), words::warning(warning.kind));
        }
    }
    match analyse(text, &request) {
        Ok(analysis) => write(&mut out, text, &analysis),
        Err(error) => {
            let message = words::message(&error.kind);
            let _ = writeln!(out, "error {}: {}", place(text, error.span), message.text);
            if let Some(hint) = message.hint {
                let _ = writeln!(out, "  hint: {hint}");
            }
            let _ = writeln!(out, "  at: {}", show(error.span.of(text)).escape_debug());
        }
    }
    out
}

fn place(text: &[u8], span: Span) -> String {
    let start = line_column(text, span.start);
    format!("{}:{}", start.line, start.column)
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn value(value: &Value) -> String {
    value.known().map_or("?".to_owned(), |known| format!("'{}'", show(known)))
}

fn via(via: Via) -> &'static str {
    match via {
        Via::From => "FROM",
        Via::Copy => "COPY",
        Via::Mount => "mount",
    }
}

fn write(out: &mut String, text: &[u8], analysis: &Analysis) {
    if let Some(why) = &analysis.opaque {
        let _ = writeln!(out, "opaque: {}", words::opaque(why));
        return;
    }
    for stage in &analysis.stages {
        let base = match &stage.base {
            Base::Stage(index) => format!("stage {index}"),
            Base::Scratch => "scratch".to_owned(),
            Base::Image(image) => format!("image {}", show(image)),
            Base::Context(name) => format!("context {}", show(name)),
            Base::Unknown => "?".to_owned(),
        };
        let name = stage.name.as_ref().map(|name| format!(" {}", show(name))).unwrap_or_default();
        let _ = write!(out, "stage {}{name} from {base}", stage.index);
        if let Some((from, how, span)) = stage.via {
            let _ = write!(out, ", for {from} by {} at {}", via(how), place(text, span));
        }
        if let Some(name) = &stage.replaced_by {
            let _ = write!(out, ", replaced by context {}", show(name));
        }
        for trigger in &stage.triggers {
            let _ = write!(out, ", trigger '{}'", show(trigger).escape_debug());
        }
        out.push('\n');
    }
    for arg in &analysis.args {
        let stage = arg.stage.map_or("global".to_owned(), |stage| format!("stage {stage}"));
        let set = arg.value.as_ref().map_or("unset".to_owned(), value);
        let at = arg.span.map(|span| format!(", {}", place(text, span))).unwrap_or_default();
        let _ = writeln!(out, "arg {} = {set} ({:?}, {stage}{at})", show(&arg.name), arg.origin);
    }
    for arg in &analysis.unused_args {
        let declared =
            arg.declared.map(|span| format!(", declared at {}", place(text, span))).unwrap_or_default();
        let nearest =
            arg.nearest.as_ref().map(|name| format!(", nearest {}", show(name))).unwrap_or_default();
        let _ = writeln!(out, "unused {}{declared}{nearest}", show(&arg.name));
    }
    for image in &analysis.images {
        let platform =
            image.platform.as_ref().map(|platform| format!(" on {}", value(platform))).unwrap_or_default();
        let context =
            image.context.as_ref().map(|name| format!(" by context {}", show(name))).unwrap_or_default();
        let (how, at) = (via(image.via), place(text, image.span));
        let _ = writeln!(out, "image {}{platform}{context} by {how} at {at}", value(&image.reference));
    }
    for external in &analysis.externals {
        let key =
            external.key.as_ref().map_or("not hermetic".to_owned(), |key| format!("keyed {}", show(key)));
        let kind = if external.git { "git" } else { "url" };
        let _ = writeln!(out, "{kind} {} {key} at {}", value(&external.source), place(text, external.span));
    }
    for read in &analysis.reads {
        let context = read.context.as_ref().map(|name| format!(" of {}", show(name))).unwrap_or_default();
        let source = if read.source.is_empty() {
            "everything".to_owned()
        } else {
            format!("'{}'", show(&read.source))
        };
        let literal = if read.glob { "" } else { " to the letter" };
        let below = read.below.as_ref().map(|below| format!(" below '{}'", show(below))).unwrap_or_default();
        let excludes: String =
            read.excludes.iter().map(|exclude| format!(" without '{}'", show(exclude))).collect();
        let at = place(text, read.span);
        let _ = writeln!(out, "read{context} {source}{literal}{below}{excludes} at {at}");
    }
    for widening in &analysis.widened {
        let _ = writeln!(out, "widened at {}: {}", place(text, widening.span), words::why(&widening.why));
    }
    for (id, span) in &analysis.secrets {
        let _ = writeln!(out, "secret {} at {}", show(id), place(text, *span));
    }
}

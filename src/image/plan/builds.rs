//! One build as a plan says it: stages, arguments and where their values are from, what is read. Looks at no file.

use super::super::command::kinds::Build;
use super::super::command::text::Text;
use super::super::command::{Client, ImageCommand};
use super::super::context::LoadError;
use super::super::dockerfile::{Analysis, Base, Error, Origin, Read, StageUse, Value};
use super::super::recipe::Line;
use super::super::study::{BuildStudy, Connection, ContextUse, DockerfileUse, GivenArg, RecipeStudy, Study};
use super::{
    ArgPlan, ArgValue, BuildPlan, ContextPlan, DockerfilePlan, DockerfileStatus, ImagePlan, StageNeed,
    StagePlan,
};
use crate::base::Span;
use crate::base::secret::is_secret_name;
use crate::base::sorting;
use crate::base::source::{LineStarts, line_column};
use crate::base::tables::{HashMap, HashSet};
use crate::image::dockerfile::Opaque;
use std::collections::hash_map::Entry;

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The plan of a build.
pub(super) fn plan(recipe: &RecipeStudy, study: &BuildStudy, all: &Study) -> BuildPlan {
    let none = Build::default();
    let command = recipe.command(study.line, study.command);
    let build = match command.map(|command| &command.command) {
        Some(ImageCommand::Build(build)) => &**build,
        _ => &none,
    };
    let line = recipe.recipe.lines.get(study.line);
    let connection = all.connection(recipe, study.line, study.command);
    let analysis = study.analysis.as_ref().and_then(|analysis| analysis.as_ref().ok());
    let none_read = LineStarts::of(&[]);
    let lines = match &study.dockerfile {
        DockerfileUse::File(file) => file.lines(),
        _ => &none_read,
    };
    let texts = |texts: &[Text]| texts.iter().map(|text| text.shown().into_owned()).collect();
    let mut secrets: Vec<String> = build.secrets.iter().map(secret_id).collect();
    for (id, _) in analysis.iter().flat_map(|analysis| &analysis.secrets) {
        secrets.push(show(id));
    }
    sorting::sort(&mut secrets);
    secrets.dedup();
    BuildPlan {
        place: command.and_then(|command| line?.place(command.span)),
        engine: all.client(recipe, study.line, study.command).map_or("", Client::name),
        dockerfile: dockerfile(study),
        target: build.target.as_ref().map(|target| target.shown().into_owned()),
        stages: analysis.map_or_else(Vec::new, |analysis| stages(analysis, lines)),
        tags: texts(&build.tags),
        args: analysis.map_or_else(Vec::new, |analysis| args(study, analysis, line)),
        unused_args: analysis.map_or_else(Vec::new, |analysis| {
            analysis.unused_args.iter().map(|unused| show(&unused.name)).collect()
        }),
        context: context(study, analysis.map(|analysis| &**analysis), lines),
        contexts: build
            .contexts
            .iter()
            .map(|pair| {
                let value = pair.value.as_ref().map(|value| value.shown().into_owned());
                (pair.name.shown().into_owned(), value.unwrap_or_default())
            })
            .collect(),
        images: analysis.map_or_else(Vec::new, |analysis| images(analysis, lines, connection)),
        externals: analysis.map_or_else(Vec::new, |analysis| {
            let external = analysis.externals.iter();
            external
                .map(|external| {
                    let source = external.source.known().map_or_else(|| "…".to_owned(), show);
                    (source, external.key.as_deref().map(show))
                })
                .collect()
        }),
        secrets,
        platforms: texts(&build.platforms),
        push: build.push,
    }
}

/// The `id=` of a `--secret`, and nothing else of it.
fn secret_id(text: &Text) -> String {
    let fields = text.known().unwrap_or_default().split(|&byte| byte == b',');
    let mut ids = fields.filter_map(|field| field.strip_prefix(b"id="));
    ids.next().map_or_else(|| "…".to_owned(), show)
}

fn text_of(study: &BuildStudy) -> &[u8] {
    match &study.dockerfile {
        DockerfileUse::File(file) => file.text.as_deref().unwrap_or_default(),
        _ => &[],
    }
}

fn dockerfile(study: &BuildStudy) -> DockerfilePlan {
    let path = match &study.dockerfile {
        DockerfileUse::File(file) => Some(file.shown.clone()),
        _ => None,
    };
    let refused = |error: &Error| {
        DockerfileStatus::Refused(error.clone(), line_column(text_of(study), error.span.start))
    };
    let status = match (&study.dockerfile, &study.analysis) {
        (DockerfileUse::File(file), _) if file.text.is_err() => match &file.text {
            Err(fault) => DockerfileStatus::Fault(fault.clone()),
            Ok(_) => DockerfileStatus::Unknown,
        },
        (_, Some(Err(error))) => refused(error),
        (_, Some(Ok(analysis))) => match &analysis.opaque {
            Some(opaque @ Opaque::Beyond { span, .. }) => {
                DockerfileStatus::Beyond(opaque.clone(), line_column(text_of(study), span.start))
            }
            Some(opaque) => DockerfileStatus::Foreign(opaque.clone()),
            None => DockerfileStatus::Read,
        },
        (DockerfileUse::File(_) | DockerfileUse::Unknown, None) => DockerfileStatus::Unknown,
        (DockerfileUse::Stdin, None) => DockerfileStatus::Stdin,
        (DockerfileUse::Elsewhere, None) => DockerfileStatus::Elsewhere,
    };
    DockerfilePlan { path, status }
}

fn stages(analysis: &Analysis, lines: &LineStarts) -> Vec<StagePlan> {
    let label = |index: usize| {
        let name = analysis.stage(index).and_then(|stage| stage.name.as_deref());
        name.map_or_else(|| index.to_string(), show)
    };
    let stage = |stage: &StageUse| StagePlan {
        name: stage.name.as_deref().map(show),
        index: stage.index,
        line: lines.line_column(stage.span.start).line,
        from: match &stage.base {
            _ if stage.replaced_by.is_some() => show(stage.replaced_by.as_deref().unwrap_or_default()),
            Base::Stage(parent) => label(*parent),
            Base::Scratch => "scratch".to_owned(),
            Base::Image(name) | Base::Context(name) => show(name),
            Base::Unknown => "…".to_owned(),
        },
        is_target: stage.via.is_none(),
        needs: needs(stage),
    };
    analysis.stages.iter().map(stage).collect()
}

/// What a stage starts from and reads. A stage that a named context stands in for needs that alone.
fn needs(stage: &StageUse) -> Vec<StageNeed> {
    if let Some(context) = &stage.replaced_by {
        return vec![StageNeed::Image(show(context))];
    }
    let base = match &stage.base {
        Base::Stage(parent) => Some(StageNeed::Stage(*parent)),
        Base::Image(name) | Base::Context(name) => Some(StageNeed::Image(show(name))),
        Base::Scratch | Base::Unknown => None,
    };
    let reads = stage.reads.iter().map(|read| match read {
        Read::Stage(index) => StageNeed::Stage(*index),
        Read::Image(name) => StageNeed::Image(show(name)),
    });
    base.into_iter().chain(reads).collect()
}

fn args(study: &BuildStudy, analysis: &Analysis, line: Option<&Line>) -> Vec<ArgPlan> {
    let mut out: Vec<ArgPlan> = Vec::new();
    // By name and value, as far as the value is shown.
    let mut known: HashMap<(&[u8], bool, Option<&Value>), usize> = HashMap::default();
    let file = match &study.dockerfile {
        DockerfileUse::File(file) => Some(file),
        _ => None,
    };
    let given_args: HashMap<&[u8], &GivenArg> =
        study.args.iter().map(|given| (&given.name[..], given)).collect();
    let in_file = |span: Span| file.and_then(|file| file.place(span));
    for arg in &analysis.args {
        let given = match arg.origin {
            Origin::BuildArg | Origin::Predefined => given_args.get(&arg.name[..]).copied(),
            _ => None,
        };
        let place = match given {
            Some(given) => line.and_then(|line| line.place(given.span)),
            None => arg.span.and_then(&in_file),
        };
        let variables = given.zip(line).map_or_else(Vec::new, |(given, line)| {
            let names = line.references_in(given.span).filter_map(|known| known.name.as_deref());
            names.map(show).collect()
        });
        let masked = is_secret_name(&arg.name);
        // A global argument that stages declare again is one, unless they change it.
        let shown = arg.value.as_ref().filter(|_| !masked);
        match known.entry((&arg.name, arg.value.is_some(), shown)) {
            Entry::Occupied(same) => {
                if arg.origin != Origin::Global {
                    out[*same.get()].from = arg.origin;
                }
                continue;
            }
            Entry::Vacant(new) => {
                new.insert(out.len());
            }
        }
        let value = match &arg.value {
            None => ArgValue::Unset,
            Some(_) if masked => ArgValue::Masked,
            Some(Value::Known(value)) => ArgValue::Known(show(value)),
            Some(Value::Unknown) => ArgValue::Unknown,
        };
        let inherited = given.is_some_and(|given| given.inherited);
        out.push(ArgPlan { name: show(&arg.name), value, from: arg.origin, place, variables, inherited });
    }
    out
}

fn context(study: &BuildStudy, analysis: Option<&Analysis>, lines: &LineStarts) -> ContextPlan {
    let (kind, path) = match &study.context {
        ContextUse::Folder(path, _) => ("folder", Some(path.clone())),
        ContextUse::NotAFolder(path) => ("not-a-folder", Some(path.clone())),
        ContextUse::Absent(path) => ("absent", Some(path.clone())),
        ContextUse::Missing => ("missing", None),
        ContextUse::Stdin => ("stdin", None),
        ContextUse::Remote(path) => ("remote", Some(path.clone())),
        ContextUse::Unknown => ("unknown", None),
    };
    let inputs = study.inputs.as_ref();
    let ignore = inputs.and_then(|inputs| match &*inputs.ignore.0 {
        Ok(choice) => choice.path.as_deref(),
        Err(LoadError::Io(path, _) | LoadError::Malformed(path, ..)) => Some(path.as_path()),
    });
    let ignore = ignore.and_then(|file| {
        let name = file.file_name()?.to_string_lossy();
        let folder = match &study.dockerfile {
            DockerfileUse::File(own) if file.parent() == own.path.parent() && name.len() > 13 => {
                own.shown.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"))
            }
            _ => match path.as_deref().map(|path| path.trim_end_matches('/')) {
                None | Some("" | ".") => String::new(),
                Some(path) => format!("{path}/"),
            },
        };
        Some(format!("{folder}{name}"))
    });
    let widened = analysis.into_iter().flat_map(|analysis| &analysis.widened);
    ContextPlan {
        kind,
        path,
        ignore,
        all: inputs.map(|inputs| inputs.all),
        named: inputs.map(|inputs| inputs.named),
        widened: widened
            .map(|widening| (widening.why.clone(), lines.line_column(widening.span.start).line))
            .collect(),
    }
}

fn images(analysis: &Analysis, lines: &LineStarts, connection: Option<&Connection>) -> Vec<ImagePlan> {
    let mut out: Vec<ImagePlan> = Vec::new();
    let mut seen = HashSet::default();
    for image in &analysis.images {
        let reference = image.reference.known().map(show);
        if reference.is_some() && !seen.insert(reference.clone()) {
            continue;
        }
        let known = image.reference.known();
        let id = known.zip(connection).and_then(|(name, connection)| Some(connection.image(name)?.id));
        out.push(ImagePlan { reference, id, line: lines.line_column(image.span.start).line });
    }
    out
}

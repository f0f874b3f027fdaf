//! `--init`: writes a first taskfile or a CI file, and never over one that is there. Knows nothing of their text.

use super::Run;
use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::image::dockerfile;
use crate::os::files::read_regular;
use crate::report::dockerfile::message;
use crate::report::init;
use crate::rules::images::{Attribute, attribute};
use std::io::Write;
use std::path::Path;

/// Files that hold a folder's targets, in the order in which imk looks for them.
const TASKFILES: [&str; 4] = ["Imkfile", "GNUmakefile", "makefile", "Makefile"];

fn fatal(text: impl Into<String>) -> Stop {
    Stop::fatal(None, Complaint::Text(text.into().into_bytes()))
}

fn system(what: &Path, error: &std::io::Error) -> Stop {
    let error = error.raw_os_error().unwrap_or(libc::EIO);
    Stop::fatal(None, Complaint::System { what: what.display().to_string().into_bytes(), error })
}

impl Run {
    /// Writes a taskfile for the folder's Dockerfile, where that was asked for; tells whether it was.
    pub(super) fn write_taskfile(&mut self) -> Outcome<bool> {
        if self.build.session.settings.own.init != Some("taskfile") {
            return Ok(false);
        }
        if let Some(there) = TASKFILES.iter().find(|name| Path::new(name).exists()) {
            return Err(fatal(format!(
                "{there} is there already; --init writes no other taskfile beside it"
            )));
        }
        let Some(name) = ["Dockerfile", "Containerfile"].into_iter().find(|name| Path::new(name).is_file())
        else {
            return Err(fatal("there is no Dockerfile here to make a taskfile from"));
        };
        let text = read_regular(Path::new(name)).map_err(|error| system(Path::new(name), &error))?;
        let file = dockerfile::parse(&text).map_err(|error| {
            let line = crate::base::source::line_column(&text, error.span.start).line;
            fatal(format!("{name}:{line}: {}", message(&error.kind).text))
        })?;
        let folder = std::env::current_dir().ok();
        let folder = folder.as_deref().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let image = init::image_name(&folder);
        let taskfile = init::taskfile(name, &image, &init::wanted(&file, &text));
        self.write_new(Path::new("Imkfile"), &taskfile)?;
        Ok(true)
    }

    /// Writes a CI file that runs the goals, where that was asked for; tells whether it was.
    pub(super) fn write_ci_file(&mut self) -> Outcome<bool> {
        let (path, form): (&str, fn(&[String]) -> String) = match self.build.session.settings.own.init {
            Some("github") => (".github/workflows/imk.yml", init::github),
            Some("gitlab") => (".gitlab-ci.yml", init::gitlab),
            _ => return Ok(false),
        };
        let goals = self.goals_for_ci()?;
        self.write_new(Path::new(path), &form(&goals))?;
        if init::asks_for_source() {
            let output = &mut self.build.session.context.output;
            let said = [&output.program[..], b": IMK_SOURCE in it is to say where imk comes from\n"].concat();
            output.say(&said);
        }
        Ok(true)
    }

    /// The goals given; without any, images that leave the folder as it is and targets that check something, else the default goal.
    fn goals_for_ci(&mut self) -> Outcome<Vec<String>> {
        let session = &self.build.session;
        let given =
            self.goals.iter().map(|&goal| String::from_utf8_lossy(session.name_of(goal)).into_owned());
        let given: Vec<String> = given.collect();
        if !given.is_empty() {
            return Ok(given);
        }
        let targets = self.targets()?;
        let session = &mut self.build.session;
        let mut goals = Vec::new();
        for target in &targets {
            let extracts = attribute(session, target.file, Attribute::Extract)?;
            let wanted = match extracts {
                // What is built anew each time is asked for by a person.
                Some(pieces) => {
                    let uncached = attribute(session, target.file, Attribute::NoCache)?.unwrap_or_default();
                    pieces.is_empty() && uncached.is_empty()
                }
                None => target.is_phony && init::is_check(&target.name),
            };
            if wanted {
                goals.push(target.name.clone());
            }
        }
        if goals.is_empty() {
            goals.extend(targets.iter().find(|target| target.is_default).map(|target| target.name.clone()));
        }
        if goals.is_empty() { Err(fatal("no goal to run; name some")) } else { Ok(goals) }
    }

    /// Writes a file that must be new, and says so.
    fn write_new(&mut self, path: &Path, text: &str) -> Outcome {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| system(folder, &error))?;
        }
        let open = std::fs::File::options().write(true).create_new(true).open(path);
        let written = open.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => fatal(format!("{} is there already", path.display())),
            _ => system(path, &error),
        })?;
        let program = self.build.session.context.output.program.clone();
        let said = [&program[..], b": wrote ", path.display().to_string().as_bytes(), b"\n"].concat();
        let output = &mut self.build.session.context.output;
        output.aside = false;
        output.say(&said);
        Ok(())
    }
}

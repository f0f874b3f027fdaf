//! Recipes that the special target `.IMAGE` lists: left out where their images are fresh, as far as the recipe is understood whole.
//! Knows nothing of how a recipe is read.

use crate::base::diagnostic::Outcome;
use crate::build::Build;
use crate::build::cleanup::engines;
use crate::build::cleanup::hooks::scripts;
use crate::build::images::freshness::Judged;
use crate::build::images::sources::{Sources, of_environment};
use crate::build::images::steps::Steps;
use crate::build::job::does_nothing;
use crate::build::why::{Because, Why};
use crate::expand::command_line::{Shell, is_bourne_shell};
use crate::expand::environment::environment;
use crate::image::command::variables::Inherited;
use crate::image::command::whole::{self, NotWhole, WholeBuild};
use crate::image::command::{mentions_client, recognise};
use crate::image::freshness::Proof;
use crate::rules::automatic;
use crate::rules::file::{FileId, Status};
use crate::rules::recipe::{NO_ERROR, RecipeId};
use crate::rules::scope::open_scope;
use std::ffi::CString;

impl Build {
    /// Runs the recipe of a target that `.IMAGE` lists, unless all images that it builds are fresh.
    pub fn execute_listed(&mut self, file: FileId, recipe: RecipeId) -> Outcome {
        // From here on nothing looks for a file of its name, nor touches one.
        self.session.rules.files[file].phony = true;
        if does_nothing(&self.session.rules.recipes[recipe].text) {
            return self.execute_recipe(file, recipe);
        }
        open_scope(&mut self.session, file, false)?;
        let stem = self.session.rules.files[file].stem;
        let always = self.session.always_make;
        automatic::set(&mut self.session, file, stem, always);
        let lines = self.expand_lines(file, recipe)?;
        let place = self.session.rules.recipes[recipe].place;
        let judged = match self.judge_recipe(file, recipe, &lines)? {
            Ok(judged) => judged,
            Err(why) => {
                let target = self.session.name_of(file).to_vec();
                let reasons = vec![Because::NotUnderstood(why)];
                self.explain(Why { target, place, image: true, dockerfile: None, reasons });
                Vec::new()
            }
        };
        for one in &judged {
            self.tell_judged(file, one);
        }
        if !judged.is_empty() && judged.iter().all(Judged::is_fresh) {
            self.observe(file, &lines);
            self.note_fresh(file);
            self.session.rules.files[file].status = Status::Success;
            return self.notice_finished(file);
        }
        if !judged.is_empty() {
            self.explain_image(file, place, &judged);
        }
        if self.session.settings.touch && !self.session.rules.recipes[recipe].any_recurse {
            self.session.rules.files[file].status = Status::Success;
            return self.notice_finished(file);
        }
        self.new_job(file, recipe, Steps { lines: Some(lines), judged, ..Steps::default() })
    }

    /// What is known of the images that a recipe builds, each; nothing where an engine does not answer.
    fn judge_recipe(
        &mut self,
        file: FileId,
        recipe: RecipeId,
        lines: &[Vec<u8>],
    ) -> Outcome<Result<Vec<Judged>, NotWhole>> {
        let scope = self.session.rules.files[file].scope;
        let environment = environment(&mut self.session, scope, false)?;
        let builds = match self.whole_builds(file, recipe, lines, &environment)? {
            Ok(builds) => builds,
            Err(why) => return Ok(Err(why)),
        };
        let lookup = of_environment(&environment);
        let name = String::from_utf8_lossy(self.session.name_of(file)).into_owned();
        let mut judged = Vec::with_capacity(builds.len());
        for (number, build) in builds.iter().enumerate() {
            let variable = |name: &str| lookup(name.as_bytes());
            let Some(engine) = engines::of_command(&build.engine, self.engine.client, &variable) else {
                return Ok(Ok(Vec::new()));
            };
            let sources = Sources::of_command(build, &lookup);
            let name = if number == 0 { name.clone() } else { format!("{name}#{number}") };
            match self.judge(file, name, sources, engine, Proof::Record) {
                Some(one) => judged.push(one),
                None => return Ok(Ok(Vec::new())),
            }
        }
        Ok(Ok(judged))
    }

    fn whole_builds(
        &mut self,
        file: FileId,
        recipe: RecipeId,
        lines: &[Vec<u8>],
        environment: &[CString],
    ) -> Outcome<Result<Vec<WholeBuild>, NotWhole>> {
        let scope = self.session.rules.files[file].scope;
        let shell = Shell::of(&mut self.session, scope, false)?;
        if !is_bourne_shell(&shell.program) {
            return Ok(Err(NotWhole::Other(0)));
        }
        let prefix = self.session.rules.recipes[recipe].prefix;
        let ignores = self.session.settings.ignore_errors
            || self.session.rules.files[file].command_flags & NO_ERROR != 0;
        let mut all: Vec<(Vec<u8>, bool)> = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            let flags = self.session.rules.recipes[recipe].flags.get(number).copied().unwrap_or_default();
            let ignored = ignores || flags & NO_ERROR != 0 || line.split(|&byte| byte == b'\n').any(has_dash);
            all.extend(
                scripts(vec![line.clone()], &shell, prefix).into_iter().map(|script| (script, ignored)),
            );
        }
        let lookup = of_environment(environment);
        let inherited = |name: &[u8]| lookup(name).map_or(Inherited::Unset, Inherited::Value);
        let readings: Vec<_> = all
            .iter()
            .map(|(script, _)| match mentions_client(script) {
                true => recognise(script, &inherited),
                false => Default::default(),
            })
            .collect();
        let all: Vec<(&[u8], bool)> = all.iter().map(|(script, ignored)| (&script[..], *ignored)).collect();
        Ok(whole::builds(&all, &readings))
    }
}

/// Whether the failure of a line is ignored by its prefix.
fn has_dash(line: &[u8]) -> bool {
    line.iter().take_while(|byte| b"@+- \t".contains(byte)).any(|&byte| byte == b'-')
}

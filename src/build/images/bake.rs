//! Image targets on a builder of buildx (`--builder`, the attribute `builder`): those that no ordinary target stands between are built by
//! one bake. Knows nothing of a bake file's form.

use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::base::tables::HashMap;
use crate::build::Build;
use crate::build::images::InUse;
use crate::build::images::edges::of_process;
use crate::build::images::freshness::Judged;
use crate::build::images::sources::Sources;
use crate::build::images::steps::{Step, Work};
use crate::image::bake::{Bake, target};
use crate::image::block::{Block, words};
use crate::image::command::kinds::Build as BuildCommand;
use crate::image::command::variables::Inherited;
use crate::image::command::{Client, ImageCommand, recognise};
use crate::image::dockerfile::NoBases;
use crate::image::engine::choose::Surroundings;
use crate::os::tool::Tool;
use crate::rules::file::{Dep, FileId};
use crate::rules::images::Attribute;
use std::ffi::CString;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// What is built at once.
struct Batch {
    builder: String,
    members: Vec<FileId>,
    /// Whether its bake was begun; a member whose image is still missing then is built by itself.
    begun: bool,
}

/// The bakes of a run.
#[derive(Default)]
pub struct Bakes {
    batches: Vec<Batch>,
    of: HashMap<FileId, usize>,
    /// The members whose images were built, with the id that the builder told, where it did.
    built: HashMap<FileId, Option<String>>,
    /// Whether a builder's name is that of a docker context, by name.
    contexts: HashMap<String, bool>,
}

/// A bake that runs.
pub struct Running {
    /// The members, their names in the bake file, and what was known of them before.
    members: Vec<(FileId, String, Option<Box<Judged>>)>,
    /// The bake files, and the file that the builder's answers go to. All go with this.
    _files: Vec<tempfile::TempPath>,
    metadata: tempfile::TempPath,
}

impl Build {
    /// The builder for `block`: its own, else that of `--builder`.
    pub fn builder_of(&mut self, block: &Block) -> Option<String> {
        let own = block.word(Attribute::Builder).map(|given| given.text.clone());
        let name = own.or_else(|| self.session.settings.own.builder.clone())?;
        (self.engine_for(block).program.client == Client::Docker)
            .then(|| String::from_utf8_lossy(&name).into_owned())
    }

    /// Whether `builder` is the engine of a docker context: buildx has a builder of that name for each, and its images are that
    /// engine's.
    fn is_context(&mut self, builder: &str) -> bool {
        let known = self.images.bakes.contexts.get(builder).copied();
        known.unwrap_or_else(|| {
            let found = Surroundings::of_process().is_context(builder);
            self.images.bakes.contexts.insert(builder.to_owned(), found);
            found
        })
    }

    /// The docker context that `block` is built in, where its builder is one.
    pub fn context_of(&mut self, block: &Block) -> Option<String> {
        self.builder_of(block).filter(|builder| self.is_context(builder))
    }

    /// The environment of the commands for `block`: that of its builder's docker context, where it has one.
    pub fn environment_for(&mut self, block: &Block, mut environment: Vec<CString>) -> Vec<CString> {
        if let Some(context) = self.context_of(block) {
            let chooses = |entry: &CString| {
                [&b"DOCKER_HOST="[..], b"DOCKER_CONTEXT="]
                    .iter()
                    .any(|name| entry.as_bytes().starts_with(name))
            };
            environment.retain(|entry| !chooses(entry));
            environment.extend(CString::new(format!("DOCKER_CONTEXT={context}")).ok());
        }
        environment
    }

    /// Finds what can be built at once for these goals, where builders are in use. The first of each such lot waits for all that the
    /// others need, and the others for the first.
    pub fn plan_bakes(&mut self, goals: &[FileId]) -> Outcome {
        let images = &self.session.rules.images;
        let asks = |block: &crate::rules::images::Block| {
            block.assigned.iter().any(|assigned| assigned.attribute == Attribute::Builder)
        };
        let in_use =
            self.session.settings.own.builder.is_some() || images.blocks().iter().any(|block| asks(block));
        if images.is_empty() || !in_use || self.collector.is_some() {
            return Ok(());
        }
        let mut levels: HashMap<FileId, u32> = HashMap::default();
        let mut lots: HashMap<(String, u32), usize> = HashMap::default();
        for file in self.needs_first(goals)? {
            let block = self.block_of(file);
            let builder = block.as_ref().and_then(|block| self.builder_of(block));
            let mut level = 0;
            for need in self.needs_of(file) {
                let Some(&own) = levels.get(&need) else { continue };
                level = level.max(own + u32::from(self.stands_between(need, &builder)));
            }
            levels.insert(file, level);
            let Some(builder) = builder else { continue };
            let bakes = &mut self.images.bakes;
            let lot = *lots.entry((builder.clone(), level)).or_insert_with(|| {
                bakes.batches.push(Batch { builder, members: Vec::new(), begun: false });
                bakes.batches.len() - 1
            });
            bakes.batches[lot].members.push(file);
            bakes.of.insert(file, lot);
        }
        let lots: Vec<Vec<FileId>> =
            self.images.bakes.batches.iter().map(|batch| batch.members.clone()).collect();
        for members in lots {
            let Some((&first, others)) = members.split_first() else { continue };
            for &other in others {
                for need in self.needs_of(other) {
                    if !members.contains(&need) {
                        self.wait_for(first, need);
                    }
                }
                self.wait_for(other, first);
            }
        }
        Ok(())
    }

    /// Whether what follows `need` has to wait for more than a builder's work: it is an ordinary target's image that is used, or
    /// something runs after the image is built, or another builder builds it.
    fn stands_between(&mut self, need: FileId, builder: &Option<String>) -> bool {
        let Some(block) = self.block_of(need) else {
            // What an ordinary target needs is behind it; the step was counted when its own level was found.
            return false;
        };
        let runs_after = self.session.rules.files[need].recipe.is_some() || !block.extracts.is_empty();
        builder.is_none() || runs_after || self.builder_of(&block) != *builder
    }

    /// The files that the goals need, as far as rules name them, each after those that it needs itself.
    fn needs_first(&mut self, goals: &[FileId]) -> Outcome<Vec<FileId>> {
        let mut found = Vec::new();
        let mut begun = crate::base::tables::HashSet::default();
        let mut stack: Vec<(FileId, bool)> = goals.iter().rev().map(|&goal| (goal, false)).collect();
        while let Some((file, is_over)) = stack.pop() {
            if is_over {
                found.push(file);
            } else if begun.insert(file) {
                self.meet_image(file)?;
                stack.push((file, true));
                stack.extend(self.needs_of(file).into_iter().rev().map(|need| (need, false)));
            }
        }
        Ok(found)
    }

    pub(super) fn needs_of(&self, file: FileId) -> Vec<FileId> {
        let files = &self.session.rules.files;
        let all = files.records(file).into_iter().flat_map(|record| files[record].dependencies.iter());
        all.filter(|dep| !dep.is_name() && !dep.needs_expansion())
            .map(|dep| files.resolve(dep.file()))
            .collect()
    }

    fn wait_for(&mut self, file: FileId, need: FileId) {
        if file == need || self.needs_of(file).contains(&need) {
            return;
        }
        let mut dep = Dep::of_file(need);
        dep.set_hidden(true);
        dep.set_order_only(true);
        self.session.rules.files[file].dependencies.push(dep);
    }

    /// Whether a bake has built the image of `file`.
    pub fn is_baked(&self, file: FileId) -> bool {
        self.images.bakes.built.contains_key(&file)
    }

    /// The id of the image of `file` that its builder told.
    pub fn baked_id(&self, file: FileId) -> Option<String> {
        self.images.bakes.built.get(&file).cloned().flatten()
    }

    /// The bake that builds the image of `file`, and with it what else can be built now; none where all is up to date.
    pub(super) fn bake_step(&mut self, file: FileId, block: &Block) -> Outcome<Option<Step>> {
        let Some(&at) = self.images.bakes.of.get(&file) else { return Ok(None) };
        let batch = &mut self.images.bakes.batches[at];
        let builder = batch.builder.clone();
        let members =
            if std::mem::replace(&mut batch.begun, true) { vec![file] } else { batch.members.clone() };
        let is_context = self.is_context(&builder);
        let mut bake = Bake::default();
        let mut running = Vec::new();
        for member in members {
            let Some(own) = self.block_of(member) else { continue };
            let InUse { program, .. } = self.engine_for(&own);
            let judged = if is_context { self.judge_block(member, &own, &program)? } else { None };
            if judged.as_ref().is_some_and(Judged::is_fresh) {
                self.note_fresh(member);
                self.images.bakes.built.insert(member, None);
                continue;
            }
            let label: Vec<(String, String)> = judged.as_ref().and_then(Judged::label).into_iter().collect();
            let name = String::from_utf8_lossy(self.session.name_of(member)).into_owned();
            let line: Vec<Vec<u8>> = own.build(&program, &label).into_iter().map(|word| word.text).collect();
            let fatal = |text: String| Stop::fatal(own.place, Complaint::Text(text.into_bytes()));
            let target = target(&build_of(&line))
                .map_err(|fault| fatal(format!("{name} can't be built by a bake: {}", fault.message())))?;
            let baked = bake.add(&name, target, images_of(&own));
            running.push((member, baked, judged.map(Box::new)));
        }
        if running.is_empty() {
            return Ok(None);
        }
        let system = |error: std::io::Error| {
            let error = error.raw_os_error().unwrap_or(libc::EIO);
            Stop::fatal(block.place, Complaint::System { what: b"bake file".to_vec(), error })
        };
        let new = |ending: &str| tempfile::Builder::new().prefix("imk-bake.").suffix(ending).tempfile();
        let word = |text: &str| text.as_bytes().to_vec();
        let mut options: Vec<Vec<u8>> = Vec::new();
        if bake.wants_host_network() && asks_for_leave() {
            options.push(word("--allow=network.host"));
        }
        let mut kept = Vec::new();
        let networks = bake.networks();
        for (ending, text) in [(".yaml", networks), (".json", Some(bake.json()))] {
            let Some(text) = text else { continue };
            let mut file = new(ending).map_err(system)?;
            file.write_all(&text).map_err(system)?;
            let file = file.into_temp_path();
            options.extend([word("--file"), file.as_os_str().as_bytes().to_vec()]);
            kept.push(file);
        }
        let metadata = new(".metadata").map_err(system)?.into_temp_path();
        options.extend([word("--metadata-file"), metadata.as_os_str().as_bytes().to_vec()]);
        let names: Vec<Vec<u8>> = running.iter().map(|(_, name, _)| word(name)).collect();
        let begin: Vec<Vec<u8>> = ["docker", "buildx", "bake", "--builder", &builder].map(word).to_vec();
        let arguments = [begin.clone(), options, names.clone()].concat();
        // What is shown can be typed: the file is what `--bake` prints.
        let shown = match is_context {
            true => ["docker", "--context", &builder, "buildx", "bake"].map(word).to_vec(),
            false => begin,
        };
        let typed = [shown, vec![word("--file"), word("-")], names.clone()].concat();
        let typed = [
            &words::quoted(&[vec![word("imk"), word("--bake")], names].concat())[..],
            b" | ",
            &words::quoted(&typed),
        ]
        .concat();
        let running = Running { members: running, _files: kept, metadata };
        Ok(Some(Step::of_bake(arguments, typed, block.place, Work::Bake(Box::new(running)))))
    }

    /// A bake was shown in place of being run: its members need no other.
    pub(super) fn note_shown(&mut self, running: &Running) {
        self.images.bakes.built.extend(running.members().map(|member| (member, None)));
    }

    /// A bake is over and went well: what was built is noted, with what the builder told of it.
    pub(super) fn baked(&mut self, running: &Running) {
        let text = crate::os::files::read_regular(&running.metadata).unwrap_or_default();
        let told: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        for (member, name, judged) in &running.members {
            let own = &told[name.as_str()];
            let id = own["containerimage.config.digest"]
                .as_str()
                .or_else(|| own["containerimage.digest"].as_str());
            self.images.bakes.built.insert(*member, id.map(str::to_owned));
            if let Some(judged) = judged {
                // Inputs that changed meanwhile stay doubted: the next run builds again.
                self.built(*member, judged);
            }
        }
    }
}

impl Running {
    /// The image targets that are built.
    pub fn members(&self) -> impl Iterator<Item = FileId> {
        self.members.iter().map(|(member, ..)| *member)
    }

    /// What is known of those whose freshness is looked at.
    pub fn judged(&self) -> impl Iterator<Item = &Judged> {
        self.members.iter().filter_map(|(.., judged)| judged.as_deref())
    }
}

/// Whether this buildx wants to be told that builds may have the machine's network (releases from 0.17 on).
fn asks_for_leave() -> bool {
    let arguments = ["buildx", "bake", "--help"].map(OsStr::new);
    let tool = Tool {
        program: Path::new("docker"),
        arguments: &arguments,
        environment: &[],
        input: b"",
        patience: Duration::from_secs(20),
        output_max: 1024 * 1024,
    };
    tool.run().is_ok_and(|help| memchr::memmem::find(&help.output, b"--allow").is_some())
}

/// A build's command line, understood.
fn build_of(line: &[Vec<u8>]) -> BuildCommand {
    let reading = recognise(&words::quoted(line), &|_| Inherited::Unset);
    match reading.commands.into_iter().next().map(|found| found.command) {
        Some(ImageCommand::Build(build)) => *build,
        _ => BuildCommand::default(),
    }
}

/// The images that the Dockerfile of `block` names.
fn images_of(block: &Block) -> Vec<String> {
    let sources = Sources::of_block(block, Client::Docker, &of_process);
    let text = sources.text();
    let analysis = text.and_then(|text| sources.analyse(&text, &NoBases));
    let images = analysis.iter().flat_map(|analysis| &analysis.images);
    images
        .filter_map(|image| image.reference.known())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

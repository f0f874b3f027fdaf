//! `--graph`: what was walked, as a graph: targets from the rules, images and stages from the plan, and what the engine says of image
//! targets. Knows nothing of how graphs are drawn.

use super::Run;
use crate::base::diagnostic::Outcome;
use crate::base::tables::HashMap;
use crate::build::images::InUse;
use crate::image::plan::{BuildPlan, Plan, StageNeed, TargetPlan};
use crate::image::reference::Reference;
use crate::report::graph::{Graph, Kind, Node, State};
use crate::report::style::counted;
use crate::rules::file::FileId;

/// A stage: its Dockerfile, its number, and the nodes that it needs, which arguments can change.
type StageKey = (Option<String>, usize, Vec<usize>);

/// The graph while it grows.
struct Growing<'p> {
    graph: Graph,
    /// The plans of targets, by name.
    plans: HashMap<&'p str, Vec<&'p TargetPlan>>,
    /// The targets that make images, by their tags in the one way to write them.
    tags: HashMap<String, usize>,
    stages: HashMap<StageKey, usize>,
    bases: HashMap<String, usize>,
}

/// The one way to write an image's name.
fn canonical(text: &str) -> Option<String> {
    Some(Reference::parse(text.as_bytes()).ok()?.with_default_tag().canonical())
}

impl Run {
    /// The graph of the goals, after the walk whose plan this is.
    pub(super) fn graph(&mut self, plan: &Plan) -> Outcome<Graph> {
        let mut plans: HashMap<&str, Vec<&TargetPlan>> = HashMap::default();
        plan.targets.iter().for_each(|target| plans.entry(&target.target).or_default().push(target));
        let mut growing = Growing {
            graph: Graph::default(),
            plans,
            tags: HashMap::default(),
            stages: HashMap::default(),
            bases: HashMap::default(),
        };
        let targets = self.targets_from_goals(&mut growing)?;
        for &(_, node) in &targets {
            let name = growing.graph.nodes[node].name.clone();
            for build in growing.plans.get(name.as_str()).into_iter().flatten().flat_map(|plan| &plan.builds)
            {
                for tag in build.tags.iter().filter_map(|tag| canonical(tag)) {
                    growing.tags.entry(tag).or_insert(node);
                }
            }
        }
        for (file, node) in targets {
            self.image_state(file, node, &mut growing)?;
            growing.builds(node);
        }
        Ok(growing.graph)
    }

    /// The targets that the goals need, each with its node. Files that no rule makes are counted.
    fn targets_from_goals(&mut self, growing: &mut Growing<'_>) -> Outcome<Vec<(FileId, usize)>> {
        let mut found: Vec<(FileId, usize)> = Vec::new();
        let mut nodes: HashMap<FileId, usize> = HashMap::default();
        let goals: Vec<FileId> = self.goals.iter().map(|&goal| self.first_record(goal)).collect();
        for &goal in &goals {
            let node = *nodes.entry(goal).or_insert_with(|| growing.graph.add(self.node(goal, growing)));
            if !growing.graph.goals.contains(&node) {
                growing.graph.goals.push(node);
                found.push((goal, node));
            }
        }
        let mut at = 0;
        while let Some(&(file, node)) = found.get(at) {
            at += 1;
            let mut sources = crate::base::tables::HashSet::default();
            for record in self.build.session.rules.files.records(file) {
                for dep in self.build.session.rules.files[record].dependencies.clone() {
                    if dep.is_name() || dep.needs_expansion() {
                        continue;
                    }
                    let need = self.first_record(dep.file());
                    if !self.is_made(need) {
                        sources.insert(need);
                        continue;
                    }
                    let other = match nodes.get(&need) {
                        Some(&other) => other,
                        None => {
                            let other = growing.graph.add(self.node(need, growing));
                            nodes.insert(need, other);
                            found.push((need, other));
                            other
                        }
                    };
                    growing.graph.connect(node, other);
                }
            }
            if !sources.is_empty() {
                growing.graph.nodes[node].notes.push(counted(sources.len() as u64, "source file"));
            }
        }
        Ok(found)
    }

    fn first_record(&self, file: FileId) -> FileId {
        let files = &self.build.session.rules.files;
        let file = files.resolve(file);
        files[file].double_colon.unwrap_or(file)
    }

    /// Whether a rule makes the file, or says what it is for.
    fn is_made(&self, file: FileId) -> bool {
        let record = &self.build.session.rules.files[file];
        record.is_target || record.recipe.is_some() || self.build.block_of(file).is_some()
    }

    fn node(&self, file: FileId, growing: &Growing<'_>) -> Node {
        let session = &self.build.session;
        let name = String::from_utf8_lossy(session.name_of(file)).into_owned();
        let record = &session.rules.files[file];
        let kind = match self.build.block_of(file) {
            Some(_) => Kind::Image,
            None if record.phony => Kind::Phony,
            None => Kind::File,
        };
        let recipe =
            session.rules.files.records(file).iter().any(|&own| session.rules.files[own].recipe.is_some());
        let would_run = growing.plans.contains_key(name.as_str());
        let mut node = Node::new(kind, name);
        node.state = match (would_run, recipe) {
            (true, _) => Some(State::WouldRun),
            (false, true) if kind == Kind::File => Some(State::UpToDate),
            _ => None,
        };
        node
    }

    /// Asks the engine of an image target whether its image is up to date; where it does not answer, nothing is said.
    fn image_state(&mut self, file: FileId, node: usize, growing: &mut Growing<'_>) -> Outcome {
        let Some(block) = self.build.block_of(file) else { return Ok(()) };
        let own = &mut growing.graph.nodes[node];
        own.notes.extend(block.tags().iter().map(|tag| String::from_utf8_lossy(&tag.text).into_owned()));
        own.state = None;
        let InUse { program, fault } = self.build.engine_for(&block);
        if fault.is_some() {
            return Ok(());
        }
        if let Some(judged) = self.build.judge_block(file, &block, &program)? {
            own.state = Some(if judged.is_fresh() { State::UpToDate } else { State::WouldRun });
        }
        Ok(())
    }
}

impl Growing<'_> {
    /// Adds what the builds of a target need: stages, and images that come from elsewhere or from other targets.
    fn builds(&mut self, node: usize) {
        let name = self.graph.nodes[node].name.clone();
        let plans = self.plans.get(name.as_str()).cloned().unwrap_or_default();
        for build in plans.iter().flat_map(|plan| &plan.builds) {
            if self.graph.nodes[node].kind != Kind::Image {
                self.graph.nodes[node].notes.extend(build.tags.iter().map(|tag| format!("image {tag}")));
            }
            self.stages_of(node, build);
        }
    }

    fn stages_of(&mut self, node: usize, build: &BuildPlan) {
        let mut own: HashMap<usize, usize> = HashMap::default();
        // A stage needs only those before it in the file.
        for stage in &build.stages {
            let mut needs = Vec::new();
            for need in &stage.needs {
                match need {
                    StageNeed::Stage(index) => needs.extend(own.get(index).copied()),
                    StageNeed::Image(name) => needs.push(self.image(name)),
                }
            }
            let key = (build.dockerfile.path.clone(), stage.index, needs);
            let at = match self.stages.get(&key) {
                Some(&at) => at,
                None => {
                    let name = stage.name.clone().unwrap_or_else(|| stage.index.to_string());
                    let mut one = Node::new(Kind::Stage, name);
                    let file = build.dockerfile.path.as_deref().unwrap_or("Dockerfile");
                    one.notes.push(format!("{file}:{}", stage.line));
                    let at = self.graph.add(one);
                    key.2.iter().for_each(|&need| self.graph.connect(at, need));
                    self.stages.insert(key, at);
                    at
                }
            };
            own.insert(stage.index, at);
            if stage.is_target {
                self.graph.connect(node, at);
            }
        }
    }

    /// The node of an image: the target that makes it, or one of its own.
    fn image(&mut self, name: &str) -> usize {
        if let Some(&target) = canonical(name).and_then(|name| self.tags.get(&name)) {
            return target;
        }
        match self.bases.get(name) {
            Some(&base) => base,
            None => {
                let base = self.graph.add(Node::new(Kind::Base, name));
                self.bases.insert(name.to_owned(), base);
                base
            }
        }
    }
}

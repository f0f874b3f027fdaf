//! Image blocks as they are written, and their attributes as one target sees them. Knows nothing of engines: what the values mean
//! is `image::block`'s business.

use crate::base::diagnostic::{Complaint, Outcome, Place, Stop};
use crate::base::sorting;
use crate::base::{Name, Names};
use crate::expand::evaluate::expand_in;
use crate::expand::expand_text;
use crate::os::words::words;
use crate::rules::RuleHost;
use crate::rules::automatic;
use crate::rules::file::FileId;
use crate::rules::pattern::TargetPattern;
use crate::rules::scope::open_scope;
use crate::syntax::assignment::Operator;
use hashbrown::{HashMap, HashSet};
use rustc_hash::FxBuildHasher;
use std::rc::Rc;

macro_rules! attributes {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// An attribute of an image block. Names are buildx bake's and compose's where they have one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Attribute {
            $(#[doc = $doc] $variant,)*
        }

        impl Attribute {
            /// All attributes with their names.
            pub const ALL: &'static [(&'static str, Attribute)] = &[$(($name, Attribute::$variant)),*];

            /// The name.
            pub fn name(self) -> &'static str {
                match self { $(Attribute::$variant => $name,)* }
            }

            /// What it is for, in a line.
            pub fn description(self) -> &'static str {
                match self { $(Attribute::$variant => $doc,)* }
            }
        }
    };
}

attributes! {
    Inherits "inherits" "Blocks whose attributes this one takes over.",
    Context "context" "The build context: a folder, or what the engine can fetch.",
    Dockerfile "dockerfile" "The Dockerfile, from the context's folder.",
    Target "target" "The stage to build.",
    Tags "tags" "Names of the image.",
    Args "args" "Build args, NAME=VALUE or NAME of the environment.",
    Labels "labels" "Labels, NAME=VALUE.",
    Annotations "annotations" "Annotations, NAME=VALUE.",
    Platforms "platforms" "Platforms to build for.",
    Contexts "contexts" "Named contexts, NAME=PLACE.",
    Secrets "secrets" "Secrets, as the engine's --secret takes them.",
    Ssh "ssh" "SSH agents or keys.",
    Network "network" "The network of RUN.",
    Pull "pull" "Whether newer base images are looked for.",
    NoCache "no-cache" "Whether the build cache is left unused.",
    CacheFrom "cache-from" "Sources of cache.",
    CacheTo "cache-to" "Where the cache is exported to.",
    Output "output" "Where the result goes, in place of the engine's images.",
    Attest "attest" "Attestations.",
    ExtraHosts "extra-hosts" "Hosts for RUN, NAME:ADDRESS.",
    ShmSize "shm-size" "Size of /dev/shm.",
    Ulimits "ulimits" "Limits for RUN.",
    Extract "extract" "Files copied out of the image, SOURCE:DESTINATION.",
    Cleanup "cleanup" "When the image's tags are removed: never, on-failure or always.",
    Expect "expect" "What the audit of the image has to say, or its target fails.",
    Engine "engine" "The engine that builds it.",
    Builder "builder" "The builder of buildx that builds it.",
    Options "options" "Further options for the engine's build.",
}

impl Attribute {
    /// The attribute called `name`.
    pub fn named(name: &[u8]) -> Option<Attribute> {
        Attribute::ALL.iter().find(|(known, _)| known.as_bytes() == name).map(|&(_, attribute)| attribute)
    }
}

/// An assignment in a block.
#[derive(Clone, Debug)]
pub struct Assigned {
    /// The attribute.
    pub attribute: Attribute,
    /// How it is assigned.
    pub operator: Operator,
    /// The value; expanded already for `:=` and its like.
    pub value: Rc<[u8]>,
    /// Whether the value is to be expanded in the target's scope.
    pub expands: bool,
    /// Where it stands.
    pub place: Option<Place>,
}

/// An image block.
#[derive(Clone, Debug)]
pub struct Block {
    /// Its targets and target patterns.
    pub targets: Vec<Name>,
    /// Its assignments, in order.
    pub assigned: Vec<Assigned>,
    /// Where it begins.
    pub place: Option<Place>,
}

/// A piece of an attribute's value: what one assignment gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text, expanded.
    pub text: Vec<u8>,
    /// The assignment's place.
    pub place: Option<Place>,
}

/// The attributes of an image target.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    values: Vec<(Attribute, Vec<Piece>)>,
    /// Where the last block for the target begins.
    pub place: Option<Place>,
}

impl Attributes {
    /// What `attribute` was given; nothing where it was not.
    pub fn get(&self, attribute: Attribute) -> &[Piece] {
        self.values.iter().find(|(own, _)| *own == attribute).map_or(&[], |(_, pieces)| pieces)
    }

    /// Adds a piece to what `attribute` was given.
    pub fn add(&mut self, attribute: Attribute, piece: Piece) {
        self.entry(attribute).push(piece);
    }

    fn entry(&mut self, attribute: Attribute) -> &mut Vec<Piece> {
        let at = match self.values.iter().position(|(own, _)| *own == attribute) {
            Some(at) => at,
            None => {
                self.values.push((attribute, Vec::new()));
                self.values.len() - 1
            }
        };
        &mut self.values[at].1
    }
}

/// All image blocks of a run.
#[derive(Default)]
pub struct Images {
    blocks: Vec<Rc<Block>>,
    exact: HashMap<Name, Vec<usize>, FxBuildHasher>,
    patterns: Vec<(TargetPattern, usize)>,
    /// Targets named in blocks, in the order in which they were first named.
    named: Vec<Name>,
    /// Targets whose recipes make images, by the special target `.IMAGE`.
    listed: HashSet<FileId, FxBuildHasher>,
    /// Patterns of such targets' names.
    listed_patterns: Vec<TargetPattern>,
}

impl Images {
    /// Whether there is neither a block nor a target that `.IMAGE` lists.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.listed.is_empty() && self.listed_patterns.is_empty()
    }

    /// Lists the targets whose names `pattern` matches.
    pub fn list_pattern(&mut self, pattern: TargetPattern) {
        self.listed_patterns.push(pattern);
    }

    /// Lists `file`, whose name is `name`, where a pattern does.
    pub fn list_by_pattern(&mut self, file: FileId, name: &[u8]) {
        let matches = |pattern: &TargetPattern| {
            name.len() > pattern.prefix().len() + pattern.suffix().len()
                && name.starts_with(pattern.prefix())
                && name.ends_with(pattern.suffix())
        };
        if self.listed_patterns.iter().any(matches) {
            self.listed.insert(file);
        }
    }

    /// Lists a target whose recipe makes an image.
    pub fn list(&mut self, file: FileId) {
        self.listed.insert(file);
    }

    /// Whether `.IMAGE` lists a target.
    #[inline]
    pub fn is_listed(&self, file: FileId) -> bool {
        !self.listed.is_empty() && self.listed.contains(&file)
    }

    /// Adds a block.
    pub fn add(&mut self, block: Block, names: &mut Names) {
        let at = self.blocks.len();
        for &name in &block.targets {
            match TargetPattern::new(names.text(name), names) {
                Some(pattern) => self.patterns.push((pattern, at)),
                None => {
                    let list = self.exact.entry(name).or_default();
                    if list.is_empty() {
                        self.named.push(name);
                    }
                    list.push(at);
                }
            }
        }
        self.blocks.push(Rc::new(block));
    }

    /// The blocks, in order.
    pub fn blocks(&self) -> &[Rc<Block>] {
        &self.blocks
    }

    /// Targets that blocks name, patterns left out, in the order in which they were first named.
    pub fn named(&self) -> &[Name] {
        &self.named
    }

    /// Patterns of targets.
    pub fn patterns(&self) -> impl Iterator<Item = TargetPattern> {
        self.patterns.iter().map(|(pattern, _)| *pattern)
    }

    /// The stem that the most specific pattern gives the target called `text`; none where it matches no pattern.
    pub fn stem_of<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        self.matching(text).last().map(|(pattern, _)| {
            let end = text.len() - pattern.suffix().len();
            &text[pattern.prefix().len()..end]
        })
    }

    /// Whether `name`, whose text is `text`, is an image target.
    pub fn contains(&self, name: Name, text: &[u8]) -> bool {
        self.exact.contains_key(&name) || !self.matching(text).is_empty()
    }

    /// Whether a block names it, other than by a pattern.
    pub fn is_named(&self, name: Name) -> bool {
        self.exact.contains_key(&name)
    }

    /// The patterns that `text` matches, the more specific ones later (manual, "How Patterns Match": the shorter stem wins).
    fn matching(&self, text: &[u8]) -> Vec<(TargetPattern, usize)> {
        let matches = |pattern: &TargetPattern| {
            text.len() >= pattern.text.len()
                && text.starts_with(pattern.prefix())
                && text.ends_with(pattern.suffix())
        };
        let mut found: Vec<_> =
            self.patterns.iter().filter(|(pattern, _)| matches(pattern)).copied().collect();
        sorting::sort_by_key(&mut found, |(pattern, at)| (pattern.text.len(), *at));
        found
    }

    /// The blocks for a target, the less specific first.
    fn blocks_of(&self, name: Option<Name>, text: &[u8]) -> Vec<Rc<Block>> {
        let by_pattern = self.matching(text).into_iter().map(|(_, at)| at);
        let own = name.and_then(|name| self.exact.get(&name)).into_iter().flatten().copied();
        by_pattern.chain(own).filter_map(|at| self.blocks.get(at).cloned()).collect()
    }

    /// The blocks for the target called `text`, the less specific first; those written with this very pattern where it is one.
    pub fn blocks_for(&self, names: &Names, text: &[u8]) -> Vec<Rc<Block>> {
        if memchr::memchr(b'%', text).is_some() {
            let named = self.patterns.iter().filter(|(pattern, _)| pattern.text == text);
            return named.filter_map(|(_, at)| self.blocks.get(*at).cloned()).collect();
        }
        self.blocks_of(names.find(text), text)
    }
}

/// The attributes of the image target `file`, expanded with its variables; none where no block is for it.
///
/// # Errors
/// Those of expansion, and a block that inherits from itself or from one that is not there.
pub fn attributes<H: RuleHost>(host: &mut H, file: FileId) -> Outcome<Option<Attributes>> {
    expanded(host, file, None)
}

/// What `attribute` of the image target `file` is given; none where no block is for it. Nothing else but `inherits` is expanded.
///
/// # Errors
/// As of [`attributes`].
pub fn attribute<H: RuleHost>(
    host: &mut H,
    file: FileId,
    attribute: Attribute,
) -> Outcome<Option<Vec<Piece>>> {
    Ok(expanded(host, file, Some(attribute))?.map(|found| found.get(attribute).to_vec()))
}

/// The attributes of `file`, or one of them alone.
fn expanded<H: RuleHost>(host: &mut H, file: FileId, only: Option<Attribute>) -> Outcome<Option<Attributes>> {
    let name = host.rules().files[file].name;
    let text = host.context().names.text(name);
    let blocks = host.rules().images.blocks_of(Some(name), text);
    let Some(last) = blocks.last() else { return Ok(None) };
    let mut found = Attributes { place: last.place, ..Attributes::default() };
    open_scope(host, file, false)?;
    let stem = match host.rules().images.stem_of(text).map(<[u8]>::to_vec) {
        Some(stem) => Some(host.context().names.intern(&stem)),
        None => host.rules().files[file].stem,
    };
    automatic::set(host, file, stem, false);
    apply(host, file, &blocks, &mut found, (only, &[]))?;
    Ok(Some(found))
}

fn apply<H: RuleHost>(
    host: &mut H,
    file: FileId,
    blocks: &[Rc<Block>],
    found: &mut Attributes,
    (only, above): (Option<Attribute>, &[Vec<Rc<Block>>]),
) -> Outcome {
    // What is inherited comes first, wherever it is asked for.
    let path = [above, &[blocks.to_vec()]].concat();
    for block in blocks {
        for assigned in block.assigned.iter().filter(|assigned| assigned.attribute == Attribute::Inherits) {
            let text = value(host, file, assigned)?;
            for word in words(&text) {
                let inherited = inherited_blocks(host, word);
                if inherited.is_empty() {
                    return Err(Stop::fatal(assigned.place, Complaint::InheritsUnknown(word.to_vec())));
                }
                if path.iter().any(|blocks| same(&inherited, blocks)) {
                    return Err(Stop::fatal(assigned.place, Complaint::InheritsItself(word.to_vec())));
                }
                apply(host, file, &inherited, found, (only, &path))?;
            }
        }
    }
    for assigned in blocks.iter().flat_map(|block| &block.assigned) {
        if assigned.attribute == Attribute::Inherits || only.is_some_and(|only| only != assigned.attribute) {
            continue;
        }
        let set = !found.get(assigned.attribute).is_empty();
        if assigned.operator == Operator::Conditional && set {
            continue;
        }
        let text = value(host, file, assigned)?;
        let pieces = found.entry(assigned.attribute);
        if assigned.operator != Operator::Append {
            pieces.clear();
        }
        pieces.push(Piece { text, place: assigned.place });
    }
    Ok(())
}

/// Whether two lists are the same blocks.
pub fn same(some: &[Rc<Block>], others: &[Rc<Block>]) -> bool {
    some.len() == others.len() && some.iter().zip(others).all(|(one, other)| Rc::ptr_eq(one, other))
}

fn inherited_blocks<H: RuleHost>(host: &mut H, word: &[u8]) -> Vec<Rc<Block>> {
    let images = std::mem::take(&mut host.rules().images);
    let found = images.blocks_for(&host.context().names, word);
    host.rules().images = images;
    found
}

fn value<H: RuleHost>(host: &mut H, file: FileId, assigned: &Assigned) -> Outcome<Vec<u8>> {
    if !assigned.expands {
        return Ok(assigned.value.to_vec());
    }
    let saved = std::mem::replace(&mut host.context().reading, assigned.place);
    let result = match host.rules().files[file].scope {
        Some(scope) => expand_in(host, scope, &assigned.value),
        None => expand_text(host, &assigned.value),
    };
    host.context().reading = saved;
    result
}

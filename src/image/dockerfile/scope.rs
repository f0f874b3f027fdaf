//! The variables that a place in a Dockerfile sees: platform arguments and global ARGs, and a stage's ARGs and ENVs
//! over its base image's. Knows nothing of how stages are joined.

use super::analysis::Origin;
use super::error::{Error, ErrorKind};
use super::expand::{self, Mode};
use super::instruction::{Kind, Pair};
use super::parse::Dockerfile;
use super::shared::Shared;
use super::value::{Budget, Lookup, Scope, Value};
use crate::base::Span;
use crate::base::tables::HashMap;
use std::collections::BTreeSet;

/// Arguments that BuildKit sets without a declaration for FROM, and with one in stages.
pub const PLATFORM_ARGS: [&[u8]; 10] = [
    b"BUILDPLATFORM",
    b"BUILDOS",
    b"BUILDOSVERSION",
    b"BUILDARCH",
    b"BUILDVARIANT",
    b"TARGETPLATFORM",
    b"TARGETOS",
    b"TARGETOSVERSION",
    b"TARGETARCH",
    b"TARGETVARIANT",
];

/// The search path of a stage whose base image sets none (Linux).
pub const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Whether a build argument works without a declaration: the proxies, and what BuildKit itself reads.
pub fn is_predefined(name: &[u8]) -> bool {
    is_proxy(name) || name.starts_with(b"BUILDKIT_") || name == b"SOURCE_DATE_EPOCH"
}

/// Whether a build argument sets a proxy: commands find it in their environment, and BuildKit's cache does not count it.
pub fn is_proxy(name: &[u8]) -> bool {
    let proxies = [&b"http_proxy"[..], b"https_proxy", b"ftp_proxy", b"no_proxy", b"all_proxy"];
    proxies.iter().any(|proxy| name.eq_ignore_ascii_case(proxy))
}

/// A global argument.
#[derive(Clone, Debug)]
pub struct Global {
    /// Its value, where it is set.
    pub value: Option<Value>,
    /// Where the value is from.
    pub origin: Origin,
    /// The name's place; nothing for a platform argument.
    pub span: Option<Span>,
    /// Global arguments that its default reads.
    reads: BTreeSet<Vec<u8>>,
}

/// The global scope.
#[derive(Clone, Debug, Default)]
pub struct Globals {
    vars: HashMap<Vec<u8>, Global>,
}

/// A look into the global scope that notes what it found.
pub struct GlobalView<'g> {
    globals: &'g Globals,
    /// The names asked for.
    pub asked: BTreeSet<Vec<u8>>,
}

impl Scope for GlobalView<'_> {
    fn get(&mut self, name: &[u8]) -> Lookup {
        self.asked.insert(name.to_vec());
        match self.globals.vars.get(name).and_then(|global| global.value.clone()) {
            Some(value) => Lookup::Set(value),
            None => Lookup::Unset,
        }
    }
}

impl Globals {
    /// The scope that FROM sees: platform arguments, the target's name, and the file's global ARGs in sequence.
    ///
    /// # Errors
    /// A default that cannot be expanded, or that takes more than `budget` has.
    pub fn new(
        file: &Dockerfile,
        platform: &[(Vec<u8>, Vec<u8>)],
        build_args: &BuildArgs<'_>,
        budget: &mut Budget,
    ) -> Result<Self, Error> {
        let mut globals = Globals::default();
        let given = |name: &[u8]| platform.iter().rev().find(|(known, _)| known == name);
        let mut preset: Vec<(&[u8], Value)> = PLATFORM_ARGS
            .iter()
            .map(|&name| {
                (name, given(name).map_or(Value::Unknown, |(_, value)| Value::from(value.as_slice())))
            })
            .collect();
        // Older releases do not set it.
        preset.push((b"TARGETSTAGE", Value::Unknown));
        for (name, value) in preset {
            let (value, origin) = match build_args.get(name) {
                Some(value) => (value.clone(), Origin::BuildArg),
                None => (value, Origin::Platform),
            };
            let global = Global { value: Some(value), origin, span: None, reads: BTreeSet::new() };
            globals.vars.insert(name.to_vec(), global);
        }
        let mode = Mode::words(file.directives.escape);
        for instruction in &file.globals {
            let Kind::Arg(pairs) = &instruction.kind else { continue };
            for Pair { name, value } in pairs {
                let mut global = Global {
                    value: None,
                    origin: Origin::Unset,
                    span: Some(name.span),
                    reads: BTreeSet::new(),
                };
                if let Some(value) = build_args.get(&name.bytes) {
                    global.value = Some(value.clone());
                    global.origin = Origin::BuildArg;
                } else if let Some(default) = value {
                    let mut view = globals.view();
                    let expanded = expand::expand(&default.bytes, mode, &mut view, budget)
                        .map_err(|fault| Error::new(default.span, ErrorKind::Expansion(fault)))?;
                    global.reads = view.asked;
                    global.value = Some(expanded);
                    global.origin = Origin::Default;
                    // `ARG x=$x…` reads the x before it, and whatever that one read.
                    if global.reads.contains(&name.bytes)
                        && let Some(before) = globals.vars.remove(&name.bytes)
                    {
                        let own = std::mem::replace(&mut global.reads, before.reads);
                        global.reads.extend(own);
                    }
                } else if let Some(before) = globals.vars.remove(&name.bytes) {
                    // Declared again without a value: to newer releases what is set stays set, to older ones it is unset.
                    global = Global { span: Some(name.span), ..before };
                    global.value = global.value.map(|_| Value::Unknown);
                }
                globals.vars.insert(name.bytes.clone(), global);
            }
        }
        Ok(globals)
    }

    /// A view that notes what it is asked for.
    pub fn view(&self) -> GlobalView<'_> {
        GlobalView { globals: self, asked: BTreeSet::new() }
    }

    /// The argument `name`, set or declared.
    pub fn get(&self, name: &[u8]) -> Option<&Global> {
        self.vars.get(name)
    }

    /// `names` and all that their defaults read, as far as they are global arguments.
    pub fn closure(&self, names: impl IntoIterator<Item = Vec<u8>>) -> BTreeSet<Vec<u8>> {
        let mut found = BTreeSet::new();
        let mut todo: Vec<Vec<u8>> = names.into_iter().collect();
        while let Some(name) = todo.pop() {
            if let Some(global) = self.vars.get(&name)
                && found.insert(name)
            {
                todo.extend(global.reads.iter().cloned());
            }
        }
        found
    }
}

/// The build arguments given, by name.
pub struct BuildArgs<'a>(HashMap<&'a [u8], &'a Value>);

impl<'a> BuildArgs<'a> {
    /// Those of `given`; of several with one name the last counts.
    pub fn of(given: &'a [(Vec<u8>, Value)]) -> Self {
        BuildArgs(given.iter().map(|(name, value)| (&name[..], value)).collect())
    }

    /// The value given for `name`.
    pub fn get(&self, name: &[u8]) -> Option<&'a Value> {
        self.0.get(name).copied()
    }
}

/// The variables of a stage at some point. Copies share what they have in common.
#[derive(Clone, Debug, Default)]
pub struct Env {
    vars: Shared<Value>,
    /// Whether the base image may have set more.
    open: bool,
}

impl Env {
    /// The variables of an image with this environment, or of one whose environment is not known.
    pub fn of_image(env: Option<&[(Vec<u8>, Vec<u8>)]>) -> Self {
        let mut out = Env { open: env.is_none(), ..Env::default() };
        for (name, value) in env.unwrap_or_default() {
            out.set(name, Value::from(value.as_slice()));
        }
        if !out.open && out.vars.get(b"PATH").is_none() {
            out.set(b"PATH", Value::from(DEFAULT_PATH));
        }
        out
    }

    /// Sets `name`.
    pub fn set(&mut self, name: &[u8], value: Value) {
        self.vars.insert(name, value);
    }

    /// Every variable may have been set to anything.
    pub fn forget(&mut self) {
        self.vars.clear();
        self.open = true;
    }
}

impl Scope for Env {
    fn get(&mut self, name: &[u8]) -> Lookup {
        match self.vars.get(name) {
            Some(value) => Lookup::Set(value.clone()),
            None if self.open => Lookup::Unknown,
            None => Lookup::Unset,
        }
    }
}

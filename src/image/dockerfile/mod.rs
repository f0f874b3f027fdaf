//! Dockerfiles: read exactly as BuildKit reads them, and asked what a target stage can depend on.
//! Knows nothing of the files in a context, nor of engines.

mod analyse;
mod analysis;
mod directives;
mod error;
pub mod expand;
mod flags;
mod glob;
mod graph;
mod instruction;
mod json;
mod lines;
pub mod names;
mod parse;
mod plain;
pub mod platform;
pub mod runes;
mod scope;
mod shared;
mod stage_args;
mod syntax;
mod value;
mod words;

#[cfg(test)]
mod hostile;

pub use crate::base::nearest;
pub use analyse::{analyse, analyse_parsed};
pub use analysis::{
    Analysis, ArgUse, Asked, Base, BaseConfig, BaseImages, ContextRead, External, ImageUse, NoBases, Opaque,
    Origin, Read, Request, StageUse, UnusedArg, Via, Why, Widening,
};
pub use directives::{Directive, DirectiveKind, Directives, Frontend};
pub use error::{Bound, Error, ErrorKind, ExpansionFault, Warning, WarningKind};
pub use instruction::{
    CommandLine, Copy, From, Healthcheck, Heredoc, INSTRUCTIONS, Instruction, Kind, Mount, Onbuild, Pair,
    Run, Text,
};
pub use parse::{Dockerfile, Stage, frontend, parse, parse_trigger};
pub use scope::{Env, is_proxy};
pub use stage_args::stage_args;
pub use value::{Budget, LONGEST_COPY, Lookup, Scope, Value};

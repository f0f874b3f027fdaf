//! The command line: GNU make's options and imk's own, decoded into plain settings, and MAKEFLAGS both ways. Knows
//! nothing of makefiles, variables or what an option does once it is decoded.

pub mod command;
pub mod completion;
pub mod decode;
pub mod definition;
pub mod encode;
pub mod help;
pub mod message;
pub mod number;
pub mod restart;
pub mod scan;
pub mod settings;
pub mod table;

pub use command::manual;
pub use completion::completions;
pub use decode::{Decoded, End, Home, InForce, Operand, Source, decode, decode_arguments, flag_words};
pub use definition::{Definition, Operator, definition};
pub use encode::{Flags, Form, Overrides, command_variables, eval_flags, makeflags, own_flags};
pub use help::{usage, version};
pub use message::{Error, Invocation, diagnostics, hint, message};
pub use restart::{again_arguments, restart_arguments, watched_arguments};
pub use settings::{DebugLevels, Jobs, JobsChange, Origin, OutputSync, Own, Settings, ShuffleMode, Toggle};

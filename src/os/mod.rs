//! Mechanism of the operating system: files and their times, folders, processes, signals, output. Knows nothing of make.

pub mod ancestry;
pub mod archive;
pub mod children;
pub mod collation;
pub mod files;
pub mod folders;
pub mod glob;
pub mod interruption;
pub mod jobserver;
pub mod output;
pub mod relay;
pub mod stack;
pub mod sys;
pub mod threads;
pub mod tool;
pub mod words;
